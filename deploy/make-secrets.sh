#!/usr/bin/env bash
# Makes what compose.yaml needs and git must not hold: deploy/.env, deploy/secrets/
# and deploy/config/manifest.json. Existing files are kept.
set -euo pipefail

if [[ $# -gt 1 || ${1-} == -* ]]; then
  echo "Usage: deploy/make-secrets.sh [HOST]   the public host name, identity.test if left out"
  [[ ${1-} == -h || ${1-} == --help ]] && exit 0
  exit 2
fi

folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
certs=$folder/../certs
cd "$folder"
umask 077

random() {
  openssl rand -hex 24
}

if [[ -s .env ]]; then
  echo "kept   deploy/.env"
else
  # Containers run as the user who owns the secrets, never as root.
  run_as="$(id -u):$(id -g)"
  [[ $(id -u) != 0 ]] || run_as=1654:1654
  cat >.env.new <<TEXT
# Made by make-secrets.sh. The name under which everybody reaches nginx:
PUBLIC_HOST=${1:-identity.test}
RUN_AS=$run_as
POSTGRES_PASSWORD=$(random)
IDENTITYSERVER_DB_PASSWORD=$(random)
RESOURCEAPI_DB_PASSWORD=$(random)
RESOURCE_API_CLIENT_SECRET=$(random)
DATA_PROTECTION_PASSWORD=$(random)
TEXT
  mv .env.new .env
  echo "made   deploy/.env"
fi

setting() {
  sed -n "s/^$1=//p" .env
}
host=$(setting PUBLIC_HOST)
run_as=$(setting RUN_AS)

if [[ ! -s config/manifest.json ]]; then
  # Compose mounts the folder, so that a replaced file is seen. The manifest names secrets but holds none.
  mkdir -p config
  sed "s|https://identity\.test|https://$host|g; s|\"manifest\.schema\.json\"|\"../manifest.schema.json\"|" manifest.example.json >config/manifest.json
  chmod 755 config
  chmod 644 config/manifest.json
  echo "made   deploy/config/manifest.json from manifest.example.json"
fi

mkdir -p secrets
if [[ ! -s secrets/tls.crt || ! -s secrets/tls.key ]]; then
  "$certs/make-development-certificates.sh" "$host" >/dev/null
  cp "$certs/localhost.crt" secrets/tls.crt
  cp "$certs/localhost.key" secrets/tls.key
  echo "made   deploy/secrets: tls.crt and tls.key for $host by the development authority in certs/ca.crt"
fi
if [[ ! -s secrets/data-protection.pfx ]]; then
  scratch=$(mktemp -d)
  trap 'rm -rf "$scratch"' EXIT
  openssl req -x509 -newkey rsa:3072 -sha256 -nodes -days 3650 -subj "/CN=IdentityServer data protection" \
    -keyout "$scratch/key" -out "$scratch/crt" 2>/dev/null
  PASSWORD=$(setting DATA_PROTECTION_PASSWORD) openssl pkcs12 -export -passout env:PASSWORD \
    -inkey "$scratch/key" -in "$scratch/crt" -name data-protection -out secrets/data-protection.pfx
  echo "made   deploy/secrets/data-protection.pfx; keep a copy, the signing keys can't be read without it"
fi
if [[ ! -s secrets/shop-client-secret ]]; then
  printf '%s' "$(random)" >secrets/shop-client-secret
  echo "made   deploy/secrets/shop-client-secret"
fi
chmod 600 secrets/*
[[ $(id -u) != 0 ]] || chown -R "$run_as" secrets
