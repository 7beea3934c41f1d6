#!/usr/bin/env bash
# Builds everything and runs every test. Needs the .NET SDK and PostgreSQL's binaries. Tests that need more are skipped
# with the reason; with CI=true they fail.
# The last line is "N passed, N failed" or "N passed, N failed, N skipped".
# shellcheck disable=SC2317  # the tests are functions that check calls
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$root"
export DOTNET_CLI_UI_LANGUAGE=en DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1

passed=0 failed=0 skipped=0
mkdir -p .data
scratch=$(mktemp -d "$root/.data/test.XXXXXX")
export QUICKSTART_DIRECTORY=$scratch
# However this run ends, it stops what it started and deletes its data.
trap 'deploy/quickstart.sh --stop >/dev/null 2>&1 || true; rm -rf "$scratch"' EXIT

finish() {
  local line="$passed passed, $failed failed"
  ((skipped == 0)) || line+=", $skipped skipped"
  echo
  echo "$line"
  ((failed == 0 && passed > 0)) || exit 1
  exit 0
}

skip() { # test reason
  if [[ ${CI-} == true && ${3-} != optional ]]; then
    echo "failed   $1: $2, and CI needs it"
    failed=$((failed + 1))
  else
    echo "skipped  $1: $2"
    skipped=$((skipped + 1))
  fi
}

# One shell-level test: it passes with exit code 0, 77 skips it with its last line as reason.
check() { # test command...
  local name=$1 begun=$SECONDS code=0
  shift
  # Not as "… || code=$?": that would switch off set -e inside the test.
  set +e
  (set -e && "$@") >"$scratch/check.log" 2>&1
  code=$?
  set -e
  if ((code == 0)); then
    echo "passed   $name ($((SECONDS - begun)) s)"
    passed=$((passed + 1))
  elif ((code == 77)); then
    skip "$name" "$(tail -n 1 "$scratch/check.log")" optional
  else
    echo "failed   $name ($((SECONDS - begun)) s, exit code $code)"
    tail -n 60 "$scratch/check.log" | sed 's/^/    /'
    failed=$((failed + 1))
  fi
  return 0
}

# ---- build ---------------------------------------------------------------------------------------

echo "Building …"
if ! dotnet build IdentityServer.sln --configuration Release --nologo --verbosity quiet -warnaserror >"$scratch/build.log" 2>&1; then
  grep -E '(error|warning) ' "$scratch/build.log" | sort -u | head -n 40 || true
  echo "failed   the build"
  failed=1
  finish
fi

# ---- test projects -------------------------------------------------------------------------------

code=0
# Programs that live for minutes, and compile more than they run: neither is worth its price to them.
DOTNET_EnableWriteXorExecute=0 DOTNET_TieredPGO=0 dotnet test --solution IdentityServer.sln --configuration Release --no-build 2>&1 | tee "$scratch/dotnet.log" || code=$?
count() { # name, as the summary of dotnet test says it
  awk -v name="$1:" '/^Test run summary/ { inside = 1 } inside && $1 == name { n = $2 } END { print n + 0 }' "$scratch/dotnet.log"
}
passed=$(count succeeded)
failed=$(count failed)
skipped=$(count skipped)
if ((code != 0 && failed == 0)); then
  echo "failed   dotnet test: exit code $code although no test failed; a test project broke or ran no test"
  failed=1
fi
if [[ ${CI-} == true ]] && ((skipped > 0)); then
  echo "note: in CI $skipped tests were skipped; their reasons are above"
fi
echo

# ---- scripts and programs ------------------------------------------------------------------------

free_port() {
  local port
  while port=$((20000 + RANDOM % 10000)); (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do :; done
  echo "$port"
}
export IDENTITYSERVER_URL RESOURCEAPI_URL
IDENTITYSERVER_URL=http://localhost:$(free_port)
RESOURCEAPI_URL=http://localhost:$(free_port)

refuses() { # url
  local code=0
  curl -q --silent --noproxy '*' --max-time 5 --output /dev/null "$1" || code=$?
  ((code == 7)) || { echo "something still answers at $1" && return 1; }
}

story_and_exit() {
  deploy/quickstart.sh --exit && refuses "$IDENTITYSERVER_URL" && refuses "$RESOURCEAPI_URL"
}

# Started again on the same data, from another folder, and left running for the tests that follow.
story_and_stay() {
  (cd / && Limits__Enabled=false "$root/deploy/quickstart.sh") && [[ -s $scratch/quickstart.pid ]]
}

stop() {
  deploy/quickstart.sh --stop && refuses "$IDENTITYSERVER_URL" && refuses "$RESOURCEAPI_URL"
}

taken_port() {
  local said
  if said=$(IDENTITYSERVER_URL=$RESOURCEAPI_URL deploy/quickstart.sh --exit 2>&1); then
    echo "$said" && return 1
  fi
  [[ $said == *"something else answers there"* ]] || { echo "$said" && return 1; }
}

collection() {
  deploy/postman/run.sh --color off
}

certificates() {
  local folder=$scratch/certs
  mkdir -p "$folder"
  cp certs/make-development-certificates.sh "$folder/"
  "$folder/make-development-certificates.sh" id.test
  openssl verify -CAfile "$folder/ca.crt" -verify_hostname id.test "$folder/localhost.crt"
  openssl verify -CAfile "$folder/ca.crt" -verify_hostname localhost "$folder/localhost.crt"
  openssl verify -CAfile "$folder/ca.crt" -verify_ip 127.0.0.1 "$folder/localhost.crt"
  openssl pkcs12 -in "$folder/data-protection.pfx" -passin pass: -nodes >/dev/null
  cp "$folder/ca.crt" "$folder/first.crt"
  "$folder/make-development-certificates.sh"
  cmp "$folder/ca.crt" "$folder/first.crt"
  "$folder/make-development-certificates.sh" --force
  if cmp -s "$folder/ca.crt" "$folder/first.crt"; then return 1; fi
  [[ -z $(find "$folder" -name '*.key' -perm /077 -o -name '*.pfx' -perm /077) ]]
}

scripts_are_clean() {
  shellcheck ./*.sh .ci/run deploy/*.sh deploy/kubernetes/*.sh deploy/postman/*.sh certs/*.sh tests/*/*.sh
}

has() {
  command -v "$1" >/dev/null || [[ -x /usr/sbin/$1 ]]
}

if has curl; then
  check "quickstart: runs, and stops what it started" story_and_exit
  check "quickstart: once more on the same data, left running" story_and_stay
  if [[ -s $scratch/quickstart.pid ]]; then
    check "quickstart: a taken port is named in one line" taken_port
    if has npm; then
      check "newman: the collection, every route" collection
    else
      skip "newman: the collection, every route" "npm is missing"
    fi
    if has nginx && has openssl; then
      check "nginx: the quickstart through one origin" deploy/test-nginx.sh
    else
      skip "nginx: the quickstart through one origin" "nginx or openssl is missing"
    fi
    check "quickstart: --stop stops both programs" stop
  fi
else
  skip "quickstart, collection and nginx" "curl is missing"
fi

if has openssl; then
  check "certificates: made, kept, replaced" certificates
else
  skip "certificates: made, kept, replaced" "openssl is missing"
fi

if has shellcheck; then
  check "shellcheck: every script" scripts_are_clean
else
  skip "shellcheck: every script" "shellcheck is missing"
fi

if has curl; then
  check "packages: a fresh project compiles and starts with each" tests/Packages/run.sh
else
  skip "packages: a fresh project compiles and starts with each" "curl is missing"
fi

if has npm && has openssl; then
  check "other clients sign in: openid-client, oauth4webapi, oidc-client-ts, mod_auth_openidc" tests/Interop/run.sh
else
  skip "other clients sign in: openid-client, oauth4webapi, oidc-client-ts, mod_auth_openidc" "npm or openssl is missing"
fi

if has npm; then
  check "kubernetes: the manifests are valid, and mistakes are reported" deploy/kubernetes/validate.sh
else
  skip "kubernetes: the manifests are valid, and mistakes are reported" "npm is missing"
fi

if has nginx && has openssl; then
  check "compose: one node and two" deploy/test-compose.sh
else
  skip "compose: one node and two" "nginx or openssl is missing"
fi

# A job's ratio to its floor in the same run: at least 60% of the target.
if has wrk; then
  check "benchmarks: no job has become slow" tests/Benchmarks/guard.sh
  grep '^|' "$scratch/check.log" || true
else
  skip "benchmarks: no job has become slow" "wrk is missing"
fi

if [[ ${TEST_FAULTS-} == true ]]; then
  check "faults: nothing that was acknowledged is lost" tests/Faults/run.sh --short
  grep '^|' "$scratch/check.log" || true
else
  skip "faults: nothing that was acknowledged is lost" "TEST_FAULTS is not true (takes five minutes; .ci/run does it; the same as tests/Faults/run.sh --short)" optional
fi

if [[ ${TEST_IMAGES-${CI-}} == true ]]; then
  check "images: both build and pass the quickstart" deploy/test-images.sh
else
  skip "images: both build and pass the quickstart" "TEST_IMAGES is not true (needs root, podman, debootstrap and some minutes)"
fi

finish
