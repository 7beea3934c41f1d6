#!/usr/bin/env bash
# CI's guard against slowdowns: the main jobs, briefly, as ratios to the floors of the same run. Fails below 60% of a job's
# target, to allow for noise. The last line says how many passed.
set -euo pipefail
guard() {
  "$(dirname "$0")/run.sh" --guard --rounds=2 --seconds=1 --connections=16 \
    client_credentials refresh revoke introspect_seen introspect_new password get put
}

# One noisy minute proves nothing: a job that has become slow is slow twice.
guard || { echo "Once more …" && guard; }
