#!/usr/bin/env bash
# Breaks real programs and a real PostgreSQL in every way we know and counts what was lost; README.md explains.
#   tests/Faults/run.sh [--short] [--rounds=20] [--soak=SECONDS] [fault…]
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
dotnet build "$root/tests/Faults" -c Release --nologo -v quiet >&2
# The driver starts PostgreSQL, nginx, our programs and the load, and stops them, even on a signal.
exec dotnet "$root/tests/Faults/bin/Release/net10.0/Faults.dll" "$@"
