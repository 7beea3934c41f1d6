#!/usr/bin/env bash
# Checks the manifests against Kubernetes' API schema and our own rules, offline except for the first npm ci.
# Then proves that the check works: each mistake made in a copy must be reported.
set -euo pipefail

if [[ ${1-} == -h || ${1-} == --help ]]; then
  cat <<'TEXT'
Usage: deploy/kubernetes/validate.sh [FOLDER]   the manifests of this folder if left out

Environment:
  KUBERNETES_SCHEMA_DIRECTORY  where the schema is installed once (.data/kubernetes-schema in the repository)
TEXT
  exit 0
fi

command -v npm >/dev/null || { echo "validate.sh: npm is missing; install Node.js 18 or later" >&2 && exit 1; }
folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
manifests=${1:-$folder}
schema=${KUBERNETES_SCHEMA_DIRECTORY:-$folder/../../.data/kubernetes-schema}

# The lock file pins the schema and its dependencies; if it changed, they are installed again.
if [[ ! -d $schema/node_modules ]] || ! cmp -s "$folder/package-lock.json" "$schema/package-lock.json"; then
  mkdir -p "$schema"
  rm -rf "$schema/node_modules"
  cp "$folder/package.json" "$folder/.npmrc" "$schema/"
  echo "Installing the schema …"
  # A failed installation removes the lock file, so that the next run installs again.
  cp "$folder/package-lock.json" "$schema/package-lock.json.new"
  (cd "$schema" && mv package-lock.json.new package-lock.json && npm ci --ignore-scripts --loglevel=error) ||
    { rm -f "$schema/package-lock.json" && exit 1; }
fi
cp "$folder/validate.mjs" "$schema/"

node "$schema/validate.mjs" "$manifests"
[[ $# == 0 ]] || exit 0

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

cp "$folder"/*.yaml "$scratch/"
expected=()
breaks() { # expected message, file, sed script
  cp "$scratch/$2" "$scratch/before"
  sed -i "$3" "$scratch/$2"
  ! cmp -s "$scratch/before" "$scratch/$2" || { echo "validate.sh: '$3' changes nothing in $2" >&2 && exit 1; }
  expected+=("$1")
}

breaks "readinessProb" identityserver.yaml 's/readinessProbe:/readinessProb:/'
breaks "runAsNonRot" resourceapi.yaml 's/runAsNonRoot:/runAsNonRot:/'
breaks "unhealthyPodEviction" identityserver.yaml 's/unhealthyPodEvictionPolicy:/unhealthyPodEviction:/'
breaks "Sometimes" migrate.yaml 's/restartPolicy: Never/restartPolicy: Sometimes/'
breaks "replicas" resourceapi.yaml 's/replicas: 2/replicas: two/'
breaks "does not exist in type 'IIngressBackend'" ingress.yaml 's|networking.k8s.io/v1$|extensions/v1beta1|'
breaks "readOnlyRootFilesystem" identityserver.yaml 's/readOnlyRootFilesystem: true/readOnlyRootFilesystem: false/'
breaks "time to end" config.yaml 's/Shutdown__DrainSeconds: "10"/Shutdown__DrainSeconds: "30"/'
breaks "port web" network-policy.yaml 's/port: http }/port: web }/'
breaks "reaches 169.254.0.0/16 by TCP 443" network-policy.yaml 's/169.254.0.0\/16, //'
breaks "matches no pod" identityserver.yaml 's/selector: { app.kubernetes.io\/name: identityserver }/selector: { app.kubernetes.io\/name: identity }/'
breaks "no ConfigMap" migrate.yaml 's/configMapRef: { name: identityserver }/configMapRef: { name: identityservers }/'
breaks "given in the clear" resourceapi.yaml 's/valueFrom: { secretKeyRef: { name: resourceapi, key: client-secret } }/value: hunter2/'

if node "$schema/validate.mjs" "$scratch" >"$scratch/said" 2>&1; then
  echo "validate.sh: no mistake was found" >&2
  exit 1
fi
for text in "${expected[@]}"; do
  grep -qF -- "$text" "$scratch/said" || { cat "$scratch/said" >&2 && echo "validate.sh: not reported: $text" >&2 && exit 1; }
done
echo "All ${#expected[@]} mistakes are reported."
