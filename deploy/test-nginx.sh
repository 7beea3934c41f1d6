#!/usr/bin/env bash
# Puts nginx with deploy/nginx.conf in front of two running programs, and runs the quickstart through the one origin.
# Needs nginx, openssl and curl; no root. IDENTITYSERVER_URL and RESOURCEAPI_URL say where the programs are.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
identity=${IDENTITYSERVER_URL:-http://localhost:5000}
resource=${RESOURCEAPI_URL:-http://localhost:5010}
port=${NGINX_PORT:-8443}
origin=https://localhost:$port

nginx=$(command -v nginx || command -v /usr/sbin/nginx) || { echo "test-nginx.sh: nginx is missing" >&2 && exit 1; }
scratch=$(mktemp -d)
cleanup() {
  local status=$?
  [[ ! -s $scratch/nginx.pid ]] || kill -QUIT "$(cat "$scratch/nginx.pid")" 2>/dev/null || true
  [[ $status == 0 ]] || cat "$scratch/error.log" >&2 2>/dev/null || true
  rm -rf "$scratch"
  exit "$status"
}
trap cleanup EXIT

# The script writes into its own folder, so a copy of it writes into the scratch folder.
cp "$root/certs/make-development-certificates.sh" "$scratch/"
"$scratch/make-development-certificates.sh" >/dev/null

# Only addresses, files and the port differ from the container.
sed -e "s|/tmp/|$scratch/|" -e "s|identityserver:8080|${identity#http://}|" -e "s|resourceapi:8080|${resource#http://}|" \
  -e "s|listen 443|listen localhost:$port|" -e "s|/run/secrets/tls|$scratch/localhost|" \
  -e "s|/dev/stdout|$scratch/access.log|" -e "s|/dev/stderr|$scratch/error.log|" \
  "$root/deploy/nginx.conf" >"$scratch/nginx.conf"
# If root starts nginx, its workers run as another user, who must reach the scratch folder.
chmod 755 "$scratch"

"$nginx" -q -t -e "$scratch/error.log" -c "$scratch/nginx.conf"
"$nginx" -e "$scratch/error.log" -c "$scratch/nginx.conf"

export CURL_CA_BUNDLE=$scratch/ca.crt
IDENTITYSERVER_URL=$origin RESOURCEAPI_URL=$origin "$root/deploy/quickstart.sh" --exit

fail() {
  echo "test-nginx.sh: $1" >&2
  exit 1
}

ask() {
  curl -q --silent --show-error --noproxy '*' --max-time 50 "$@"
}

echo
echo "TLS 1.2 offers what BCP 195 recommends:"
for cipher in ECDHE+AESGCM:yes ECDHE+CHACHA20:yes AES128-GCM-SHA256:no ECDHE+AES+SHA384:no ECDHE+AES+SHA1:no DHE+AESGCM:no; do
  taken=no
  openssl s_client -connect "localhost:$port" -servername localhost -tls1_2 -cipher "${cipher%:*}:@SECLEVEL=0" </dev/null >"$scratch/tls" 2>&1 &&
    grep -q '^ *Cipher *: [A-Z]' "$scratch/tls" && taken=yes
  [[ $taken == "${cipher#*:}" ]] || fail "TLS 1.2 with ${cipher%:*}: $taken"
  echo "  ${cipher%:*}: $taken"
done

echo "Keys that look like paths stay keys:"
token=$(ask --data grant_type=client_credentials --user postman:postman-development-secret "$origin/connect/token" |
  sed -nE 's/.*"access_token" *: *"([^"]*)".*/\1/p')
run=$RANDOM$RANDOM
for pair in "$run/../login ${run}%2F..%2Flogin" "$run//x ${run}%2F%2Fx" "../$run ..%2F${run}" "$run%2F ${run}%252F"; do
  key=${pair% *}
  encoded=${pair#* }
  stored=$(ask --output "$scratch/body" --write-out '%{http_code}' --header "Authorization: Bearer $token" \
    --header 'Content-Type: application/json' --data "{\"key\":\"$key\",\"value\":\"v\"}" "$origin/api/data")
  [[ $stored == 201 ]] || fail "storing $key: $stored $(cat "$scratch/body")"
  read=$(ask --output "$scratch/body" --write-out '%{http_code}' --header "Authorization: Bearer $token" "$origin/api/data/$encoded")
  [[ $read == 200 ]] || fail "reading $encoded: $read $(cat "$scratch/body")"
  ask --output /dev/null --request DELETE --header "Authorization: Bearer $token" "$origin/api/data/$encoded"
  echo "  $encoded"
done

echo "The revocation feed waits:"
feed="$origin/connect/revocations"
cursor=$(ask --user resource-api:resource-api-development-secret "$feed" | sed -nE 's/.*"cursor" *: *"([^"]*)".*/\1/p')
[[ -n $cursor ]] || fail "the feed has no cursor"
answer=$(ask --output /dev/null --write-out '%{http_code} after %{time_total} s' --get --data-urlencode "after=$cursor" --data wait=3 \
  --user resource-api:resource-api-development-secret "$feed")
[[ $answer == 200* ]] || fail "the feed: $answer"
echo "  $answer"
