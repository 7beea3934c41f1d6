#!/usr/bin/env bash
# Hostile input in quantity: a million inputs for the parsers, a hundred thousand requests, and the slow callers.
#   tests/Fuzz/run.sh [--inputs 1000000] [--http 100000] [--seed 20261121] [xunit options, such as -class '*ParserTests']
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

export FUZZ_INPUTS=1000000 FUZZ_HTTP=100000
rest=()
while (($# > 0)); do
  case $1 in
    --inputs) FUZZ_INPUTS=$2 && shift 2 ;;
    --http) FUZZ_HTTP=$2 && shift 2 ;;
    --seed) export FUZZ_SEED=$2 && shift 2 ;;
    *) rest+=("$1") && shift ;;
  esac
done

dotnet build "$root/tests/Fuzz" --configuration Release --nologo --verbosity quiet >&2
exec dotnet "$root/tests/Fuzz/bin/Release/net10.0/Fuzz.dll" -noColor ${rest[@]+"${rest[@]}"}
