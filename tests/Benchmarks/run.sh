#!/usr/bin/env bash
# Measures our programs against their floors and prints one table; docs/performance.md says how to read it.
#   tests/Benchmarks/run.sh [--rounds=3] [--seconds=5] [--connections=16,64] [--all] [--peer] [--skip=job,…] [job…]
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
out=$root/artifacts/benchmarks

# pgbench comes with PostgreSQL's binaries, which are found as our programs find them.
for bin in /usr/lib/postgresql/*/bin; do [ -d "$bin" ] && PATH=$PATH:$bin; done
for tool in wrk pgbench dotnet; do
  command -v "$tool" >/dev/null || { echo "$tool is missing. Debian, Ubuntu: apt install wrk postgresql" >&2; exit 1; }
done

publish() { dotnet publish "$root/$1" -c Release -o "$out/$2" --nologo -v quiet "${@:3}" >&2; }
# Compiled ahead for this machine, as in the images: otherwise a short run would measure the compiler.
ahead=(-r "linux-$(uname -m | sed 's/x86_64/x64/; s/aarch64/arm64/')" --self-contained false -p:PublishReadyToRun=true)
publish src/IdentityServer IdentityServer "${ahead[@]}"
publish src/ResourceApi ResourceApi "${ahead[@]}"
publish tests/Benchmarks/Floors Floors
publish tests/Benchmarks/Probe Probe
publish tests/Benchmarks/Driver Driver
# As they come: compiled at run time, by which each job begins.
if [[ " $* " != *" --guard "* ]]; then
  publish tests/Benchmarks/Peers/OpenIddict OpenIddictPeer
  publish tests/Benchmarks/Peers/Api ApiPeer
fi

# The driver starts PostgreSQL, our programs and the loads, and stops them, even on a signal.
exec dotnet "$out/Driver/Benchmarks.Driver.dll" "$@"
