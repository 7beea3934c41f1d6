#!/usr/bin/env bash
# Runs the collection against running programs. Further arguments go to newman.
set -euo pipefail

if [[ ${1-} == -h || ${1-} == --help ]]; then
  cat <<'TEXT'
Usage: deploy/postman/run.sh [newman's options]

Environment:
  IDENTITYSERVER_URL  where IdentityServer listens (http://localhost:5000)
  RESOURCEAPI_URL     where ResourceApi listens (http://localhost:5010)
  NEWMAN_DIRECTORY    where newman is installed once (.data/newman in the repository)
TEXT
  exit 0
fi

command -v npm >/dev/null || { echo "run.sh: npm is missing; install Node.js 18 or later" >&2 && exit 1; }
folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
newman=${NEWMAN_DIRECTORY:-$folder/../../.data/newman}

# The lock file pins newman and its dependencies; if it changed, they are installed again.
if [[ ! -x $newman/node_modules/.bin/newman ]] || ! cmp -s "$folder/package-lock.json" "$newman/package-lock.json"; then
  mkdir -p "$newman"
  rm -rf "$newman/node_modules"
  cp "$folder/package.json" "$newman/"
  echo "Installing newman …"
  # A failed installation removes the lock file, so that the next run installs again.
  cp "$folder/package-lock.json" "$newman/package-lock.json.new"
  (cd "$newman" && mv package-lock.json.new package-lock.json && npm ci --no-audit --no-fund --loglevel=error) ||
    { rm -f "$newman/package-lock.json" && exit 1; }
fi

exec "$newman/node_modules/.bin/newman" run "$folder/collection.json" \
  --environment "$folder/environment.json" \
  --env-var "identity=${IDENTITYSERVER_URL:-http://localhost:5000}" \
  --env-var "resource=${RESOURCEAPI_URL:-http://localhost:5010}" \
  "$@"
