#!/usr/bin/env bash
# Independent clients sign in end to end, over https with certificates of certs/: npm's openid-client and oauth4webapi,
# oidc-client-ts in headless Chromium, Apache's mod_auth_openidc. Needs node, npm and openssl; Chromium and Apache are
# used if installed, and CI=true requires both. Build Release first (test.sh does).
# Exit code 77 and a reason on the last line: something is missing.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
for needed in node npm; do
  command -v "$needed" >/dev/null || { echo "$needed is missing" && exit 77; }
done

scratch=$(mktemp -d)
mkdir -p "$root/.data"
postgres=$(mktemp -d "$root/.data/interop.XXXXXX")
server='' apache=''
cleanup() {
  local status=$?
  [[ -z $apache ]] || kill "$apache" 2>/dev/null || true
  [[ -z $server ]] || { kill "$server" 2>/dev/null && wait "$server" 2>/dev/null; } || true
  [[ $status == 0 ]] || tail -n 40 "$scratch/server.log" "$scratch/apache-error.log" 2>/dev/null || true
  rm -rf "$scratch" "$postgres"
  exit "$status"
}
trap cleanup EXIT

free_port() {
  local port
  while port=$((20000 + RANDOM % 10000)); (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do :; done
  echo "$port"
}

cp "$here"/*.mjs "$here"/package.json "$scratch/"
[[ ! -e $here/.npmrc ]] || cp "$here/.npmrc" "$scratch/"
cp "$root/certs/make-development-certificates.sh" "$scratch/"
(cd "$scratch" && npm install --ignore-scripts --no-audit --no-fund >npm.log 2>&1) || { tail -n 5 "$scratch/npm.log" && exit 1; }
"$scratch/make-development-certificates.sh" >/dev/null

ISSUER=https://localhost:$(free_port)
SPA_URL=https://localhost:$(free_port)
APACHE_URL=https://localhost:$(free_port)
export ISSUER SPA_URL APACHE_URL SCRATCH=$scratch ROOT=$root NODE_EXTRA_CA_CERTS=$scratch/ca.crt
node "$scratch/manifest.mjs" "$scratch"

chmod 755 "$scratch"
ASPNETCORE_ENVIRONMENT=Development ASPNETCORE_URLS=$ISSUER \
  ASPNETCORE_Kestrel__Certificates__Default__Path=$scratch/localhost.crt ASPNETCORE_Kestrel__Certificates__Default__KeyPath=$scratch/localhost.key \
  IdentityServer__Issuer=$ISSUER IdentityServer__Manifest=$scratch/manifest.json LocalPostgres__Directory=$postgres \
  Mail__Directory=$scratch/mail Limits__Enabled=false Cors__Origins=$SPA_URL DataProtection__CertificatePath=$scratch/data-protection.pfx \
  Registration__Mode=initial_token Registration__InitialAccessTokens__0=interop-initial-token \
  dotnet "$root/src/IdentityServer/bin/${CONFIGURATION:-Release}/net10.0/IdentityServer.dll" >"$scratch/server.log" 2>&1 &
server=$!
for _ in $(seq 150); do
  curl -q --silent --noproxy '*' --cacert "$scratch/ca.crt" --max-time 2 --output /dev/null "$ISSUER/health/ready" && break
  kill -0 "$server" 2>/dev/null || { echo "the server did not start" && exit 1; }
  sleep 0.2
done

cd "$scratch"
node --test --test-reporter=spec ./*.test.mjs
