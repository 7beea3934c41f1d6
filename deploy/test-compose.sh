#!/usr/bin/env bash
# Has Docker Compose read compose.yaml, alone and with compose.two-nodes.yaml (no engine is needed), and has nginx
# check the configuration for two nodes. Exit code 77: there is no Compose on this machine.
set -euo pipefail

folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

fail() {
  echo "test-compose.sh: $1" >&2
  exit 1
}

# ---- nginx ---------------------------------------------------------------------------------------

nginx=$(command -v nginx || command -v /usr/sbin/nginx) || fail "nginx is missing"
# The command in compose.two-nodes.yaml, up to where it starts nginx.
change=$(sed -nE "s|^ +- (sed -E .*) /etc/nginx/nginx.conf >/tmp/nginx.conf && exec nginx .*|\1|p" "$folder/compose.two-nodes.yaml")
[[ -n $change ]] || fail "compose.two-nodes.yaml has no command that adds the second nodes to nginx.conf"
bash -c "$change '$folder/nginx.conf'" >"$scratch/two.conf"
for name in identityserver resourceapi; do
  [[ $(grep -cF "server $name:8080 fail_timeout=1s; server $name-2:8080 fail_timeout=1s;" "$scratch/two.conf") == 1 ]] || fail "nginx does not know two nodes of $name"
done
openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=test -keyout "$scratch/key" -out "$scratch/crt" 2>/dev/null
sed -E -e "s|/tmp/|$scratch/|" -e "s|/run/secrets/tls.crt|$scratch/crt|" -e "s|/run/secrets/tls.key|$scratch/key|" \
  -e "s|/dev/stdout|$scratch/access.log|" -e "s|/dev/stderr|$scratch/error.log|" \
  -e 's/(identityserver|resourceapi)(-2)?:8080/127.0.0.1:8080/g' "$scratch/two.conf" >"$scratch/nginx.conf"
"$nginx" -q -t -e "$scratch/error.log" -c "$scratch/nginx.conf"
echo "nginx: two servers in each group"

# ---- compose -------------------------------------------------------------------------------------

if docker compose version >/dev/null 2>&1; then
  compose=(docker compose)
elif command -v docker-compose >/dev/null; then
  compose=(docker-compose)
else
  echo "Docker Compose is missing"
  exit 77
fi
cp "$folder"/compose*.yaml "$scratch/"
# Compose 1, which distributions still ship, does not know the member name.
[[ ${compose[*]} != docker-compose ]] || sed -i '/^name:/d' "$scratch/compose.yaml"
cat >"$scratch/.env" <<'TEXT'
PUBLIC_HOST=identity.test
RUN_AS=1654:1654
POSTGRES_PASSWORD=a
IDENTITYSERVER_DB_PASSWORD=b
RESOURCEAPI_DB_PASSWORD=c
RESOURCE_API_CLIENT_SECRET=d
DATA_PROTECTION_PASSWORD=e
TEXT
cd "$scratch"
"${compose[@]}" -f compose.yaml config >one
"${compose[@]}" -f compose.yaml -f compose.two-nodes.yaml --profile two-nodes config >two
for text in '172.30.77.21' '172.30.77.22' 'identityserver-2:' 'resourceapi-2:'; do
  grep -qF "$text" two || fail "with two nodes there is no $text"
done
mv .env other.env
if "${compose[@]}" -f compose.yaml config >none 2>&1; then fail "compose.yaml starts without what make-secrets.sh makes"; fi
echo "compose: one node and two"
