#!/usr/bin/env bash
# CI's guard against getting slower: the main jobs, briefly, as ratios to the floors of the same run. Fails under 60% of a
# job's target, which allows for noise. The last line tells how many passed.
set -euo pipefail
guard() {
  "$(dirname "$0")/run.sh" --guard --rounds=2 --seconds=1 --connections=16 \
    client_credentials refresh revoke introspect_seen introspect_new password get put
}

# A noisy minute of the machine is no finding: what has become slow is slow twice.
guard || { echo "Once more …" && guard; }
