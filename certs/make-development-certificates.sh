#!/usr/bin/env bash
# Makes a development authority, a certificate for localhost and the data protection certificate.
# What exists is kept, so that the authority that you trust stays the same; --force makes all anew.
set -euo pipefail

usage() {
  cat <<'TEXT'
Usage: certs/make-development-certificates.sh [--force] [HOST...]

Makes, in the folder of this script:
  ca.crt, ca.key                               a development authority (10 years)
  localhost.crt, localhost.key, localhost.pfx  HTTPS for localhost, 127.0.0.1, ::1 and each HOST (2 years)
  data-protection.pfx                          protects the signing keys in the database (10 years)

  --force   make everything anew; whoever trusted the old authority has to trust the new one, and a
            database whose keys were protected with the old data-protection.pfx can't be read any more
TEXT
}

fail() {
  echo "make-development-certificates: $1" >&2
  exit 1
}

force=false
hosts=()
for argument in "$@"; do
  case "$argument" in
    --force) force=true ;;
    -h | --help) usage && exit 0 ;;
    -*) usage >&2 && exit 2 ;;
    *[!A-Za-z0-9.-]*) fail "not a host name: $argument" ;;
    *) hosts+=("$argument") ;;
  esac
done

command -v openssl >/dev/null || fail "openssl is missing; install the package openssl"
folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$folder"
umask 077
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# Everything is made in a scratch folder and moved here whole: a run that was cut leaves nothing half made.
keep() {
  local file
  for file in "$@"; do
    case "$file" in *.crt) chmod 644 "$scratch/$file" ;; *) chmod 600 "$scratch/$file" ;; esac
    mv -f "$scratch/$file" "$folder/$file"
  done
  echo "made   $*"
}

quietly() {
  "$@" 2>"$scratch/openssl.log" || { cat "$scratch/openssl.log" >&2 && fail "openssl failed"; }
}

new_authority=false
if ! $force && [[ -s ca.crt && -s ca.key ]]; then
  echo "kept   ca.crt ca.key"
else
  cat >"$scratch/ca.cnf" <<'TEXT'
[req]
distinguished_name = name
x509_extensions = authority
prompt = no
[name]
CN = IdentityServer development authority
[authority]
basicConstraints = critical, CA:true, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
TEXT
  quietly openssl req -x509 -newkey rsa:3072 -sha256 -nodes -days 3650 \
    -config "$scratch/ca.cnf" -keyout "$scratch/ca.key" -out "$scratch/ca.crt"
  keep ca.crt ca.key
  new_authority=true
fi

names="DNS:localhost,IP:127.0.0.1,IP:::1"
for host in ${hosts[@]+"${hosts[@]}"}; do names+=",DNS:$host"; done

serves_every_host() {
  local host
  openssl x509 -in localhost.crt -noout -checkend 2592000 >/dev/null || return 1
  for host in localhost ${hosts[@]+"${hosts[@]}"}; do
    [[ $(openssl x509 -in localhost.crt -noout -checkhost "$host") == *'does match'* ]] || return 1
  done
}

if ! $force && ! $new_authority && [[ -s localhost.crt && -s localhost.key && -s localhost.pfx ]] && serves_every_host; then
  echo "kept   localhost.crt localhost.key localhost.pfx"
else
  cat >"$scratch/localhost.cnf" <<TEXT
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature, keyEncipherment
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = $names
TEXT
  quietly openssl req -new -newkey rsa:2048 -sha256 -nodes -subj "/CN=localhost" \
    -keyout "$scratch/localhost.key" -out "$scratch/localhost.csr"
  # Apple's platforms refuse server certificates that live longer than 825 days.
  quietly openssl x509 -req -sha256 -days 730 -in "$scratch/localhost.csr" -CA ca.crt -CAkey ca.key \
    -set_serial "0x$(openssl rand -hex 16)" -extfile "$scratch/localhost.cnf" -out "$scratch/localhost.crt"
  quietly openssl pkcs12 -export -passout pass: -inkey "$scratch/localhost.key" -in "$scratch/localhost.crt" \
    -certfile ca.crt -name localhost -out "$scratch/localhost.pfx"
  keep localhost.crt localhost.key localhost.pfx
fi

if ! $force && [[ -s data-protection.pfx ]]; then
  echo "kept   data-protection.pfx"
else
  quietly openssl req -x509 -newkey rsa:3072 -sha256 -nodes -days 3650 -subj "/CN=IdentityServer data protection" \
    -keyout "$scratch/data-protection.key" -out "$scratch/data-protection.crt"
  quietly openssl pkcs12 -export -passout "pass:${DATA_PROTECTION_PASSWORD:-}" -inkey "$scratch/data-protection.key" \
    -in "$scratch/data-protection.crt" -name data-protection -out "$scratch/data-protection.pfx"
  keep data-protection.pfx
fi
