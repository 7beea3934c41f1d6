#!/usr/bin/env bash
# Starts IdentityServer and ResourceApi if they are not up, and shows the life of a token with curl.
set -euo pipefail

usage() {
  cat <<'TEXT'
Usage: deploy/quickstart.sh [--exit | --stop]

Starts IdentityServer and ResourceApi if they are not up, shows the life of a token with curl,
and leaves both running. Needs the .NET 10 SDK, curl and PostgreSQL's binaries (no running PostgreSQL).

  --exit   stop what this run started at the end
  --stop   stop what an earlier run left running

Environment:
  IDENTITYSERVER_URL    where IdentityServer listens (http://localhost:5000)
  RESOURCEAPI_URL       where ResourceApi listens (http://localhost:5010)
  QUICKSTART_DIRECTORY  where data, logs and process ids go (.data in the repository)
  NO_COLOR              if set, no colours
TEXT
}

mode='stay'
case "${1-}" in
  "") ;;
  --exit) mode='exit' ;;
  --stop) mode='stop' ;;
  -h | --help) usage && exit 0 ;;
  *) usage >&2 && exit 2 ;;
esac

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
identity=${IDENTITYSERVER_URL:-http://localhost:5000}
identity=${identity%/}
resource=${RESOURCEAPI_URL:-http://localhost:5010}
resource=${resource%/}
data=${QUICKSTART_DIRECTORY:-$root/.data}
case "$data" in /*) ;; *) data=$PWD/$data ;; esac
pids=$data/quickstart.pid
self=deploy/quickstart.sh

bold='' dim='' green='' red='' plain=''
if [[ -t 1 && -z ${NO_COLOR-} && ${TERM-dumb} != dumb ]]; then
  bold=$'\e[1m' dim=$'\e[2m' green=$'\e[32m' red=$'\e[31m' plain=$'\e[0m'
fi

fail() {
  echo "${red}quickstart: $1${plain}" >&2
  exit 1
}

# ---- stopping ------------------------------------------------------------------------------------

# The process id may belong to another process by now: stop only our own programs.
is_ours() { # pid program
  local command
  if [[ -r /proc/$1/cmdline ]]; then
    command=$(tr '\0' ' ' <"/proc/$1/cmdline" 2>/dev/null) || return 1
  else
    command=$(ps -o args= -p "$1" 2>/dev/null) || return 1
  fi
  [[ $command == *"/$2.dll"* ]]
}

stop_program() { # program pid
  local waited=0
  is_ours "$2" "$1" || return 0
  kill -TERM "$2" 2>/dev/null || return 0
  while is_ours "$2" "$1"; do
    if ((waited == 150)); then
      echo "quickstart: $1 (process $2) did not stop within 15 s; killing it" >&2
      kill -KILL "$2" 2>/dev/null || true
    fi
    ((waited < 200)) || return 0
    sleep 0.1
    waited=$((waited + 1))
  done
  echo "Stopped $1."
}

# The last one started stops first: ResourceApi follows the IdentityServer's revocation feed.
stop_all() { # lines of "program pid", oldest first
  local program pid
  printf '%s\n' "$1" | sed '1!G;h;$!d' | while read -r program pid; do
    [[ -z $program ]] || stop_program "$program" "$pid"
  done
}

if [[ $mode == stop ]]; then
  [[ -s $pids ]] || { echo "Nothing to stop: no quickstart is running." && exit 0; }
  stop_all "$(cat "$pids")"
  rm -f "$pids"
  exit 0
fi

scratch=$(mktemp -d)
started=''
stop_at_exit=true # until both are up; then only --exit stops them

cleanup() {
  local status=$?
  rm -rf "$scratch"
  if [[ -n $started ]] && $stop_at_exit; then
    stop_all "$started"
    rm -f "$pids"
  elif [[ -n $started && $status != 0 ]]; then
    echo "Both programs are still running; their logs are in $data/logs. Stop them with $self --stop" >&2
  fi
  exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# ---- starting ------------------------------------------------------------------------------------

# Ignores the user's proxy and .curlrc: both programs are on this machine.
ask() {
  curl -q --silent --show-error --noproxy '*' --max-time 15 "$@"
}

has_postgres() {
  local folder
  command -v postgres >/dev/null && return 0
  command -v pg_config >/dev/null && [[ -x $(pg_config --bindir)/postgres ]] && return 0
  for folder in /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /opt/homebrew/opt/postgresql*/bin \
    /usr/local/opt/postgresql*/bin /Applications/Postgres.app/Contents/Versions/*/bin /Library/PostgreSQL/*/bin; do
    [[ -x $folder/postgres ]] && return 0
  done
  return 1
}

missing=''
need() { missing+="${missing:+; }$1"; }

needs_to_start() {
  if ! command -v dotnet >/dev/null || ! grep -q '^1[0-9]\.' <<<"$(dotnet --list-sdks 2>/dev/null)"; then
    need 'the .NET 10 SDK (https://dotnet.microsoft.com/download)'
  fi
  if [[ -z ${ConnectionStrings__IdentityServer-} || -z ${ConnectionStrings__ResourceApi-} ]] && ! has_postgres; then
    need "PostgreSQL's binaries (Debian, Ubuntu: apt install postgresql; macOS: brew install postgresql)"
  fi
}

# Prints who is at this address: "up" (the program), "free" (nobody), "taken" (another), "nowhere" (no such address).
at() { # url well-known-document member
  local status code=0
  status=$(ask --output "$scratch/at" --write-out '%{http_code}' "$1/.well-known/$2" 2>/dev/null) || code=$?
  if ((code == 3 || code == 6)); then
    echo nowhere
  elif ((code == 7)); then
    echo free
  elif ((code == 0)) && [[ $status == 200 ]] && grep -q "\"$3\"" "$scratch/at"; then
    echo up
  else
    echo taken
  fi
}

refuse_taken() { # program url variable what-is-there another-port
  [[ $4 != nowhere ]] || fail "$3 is $2, which is not an address of this machine; use http://localhost:$5, for example"
  [[ $4 != taken ]] || fail "$1 can't use $2: something else answers there. Give another address, for example $3=http://localhost:$5 $self"
}

build() { # program
  local log=$data/logs/build-$1.log
  echo "${dim}Building $1 …${plain}"
  if ! dotnet build "$root/src/$1" --configuration Release --nologo --verbosity quiet \
    --disable-build-servers >"$log" 2>&1; then
    { grep -E 'error' "$log" || tail -n 5 "$log"; } | sort -u | head -n 5 >&2 || true
    fail "$1 does not build; the full log is $log"
  fi
}

start() { # program url settings...
  local program=$1 url=$2 log
  log=$data/logs/$(printf '%s' "$1" | tr '[:upper:]' '[:lower:]').log
  shift 2
  # nohup and no terminal: the programs outlive this script and its window.
  (cd "$root/src/$program" && exec env ASPNETCORE_ENVIRONMENT=Development ASPNETCORE_URLS="$url" \
    DOTNET_GCgen0size="${DOTNET_GCgen0size:-0x1000000}" LocalPostgres__Directory="${LocalPostgres__Directory:-$data/postgres}" "$@" \
    nohup dotnet "$root/src/$program/bin/Release/net10.0/$program.dll" </dev/null >"$log" 2>&1) &
  started+="${started:+$'\n'}$program $!"
  printf '%s %s\n' "$program" "$!" >>"$pids"
  wait_until_ready "$program" "$url" "$!" "$log"
}

wait_until_ready() { # program url pid log
  local begun=$SECONDS
  echo "${dim}Starting $1 …${plain}"
  until [[ $(ask --output /dev/null --write-out '%{http_code}' "$2/health/ready" 2>/dev/null) == 200 ]]; do
    if ! kill -0 "$3" 2>/dev/null; then
      tail -n 8 "$4" >&2 || true
      fail "$1 ended before it was ready; its log is $4"
    fi
    if ((SECONDS - begun >= 60)); then
      tail -n 8 "$4" >&2 || true
      fail "$1 is not ready after 60 s; its log is $4"
    fi
    sleep 0.2
  done
}

command -v curl >/dev/null || need curl
[[ -z $missing ]] || fail "missing: $missing"

identity_is=$(at "$identity" openid-configuration issuer)
resource_is=$(at "$resource" oauth-protected-resource authorization_servers)
if [[ $identity_is != up || $resource_is != up ]]; then
  needs_to_start
  [[ -z $missing ]] || fail "missing: $missing"
  refuse_taken IdentityServer "$identity" IDENTITYSERVER_URL "$identity_is" 5050
  refuse_taken ResourceApi "$resource" RESOURCEAPI_URL "$resource_is" 5060
  mkdir -p "$data/logs" || fail "can't write to $data"
  if [[ $identity_is == free && $resource_is == free ]]; then rm -f "$pids"; fi
  [[ $identity_is == up ]] || build IdentityServer
  [[ $resource_is == up ]] || build ResourceApi
  [[ $identity_is == up ]] || start IdentityServer "$identity" IdentityServer__Issuer="$identity"
  [[ $resource_is == up ]] || start ResourceApi "$resource" ResourceApi__Authority="$identity"
fi
[[ $mode == exit ]] || stop_at_exit=false

# ---- the story -----------------------------------------------------------------------------------

chapter=0
chapter() {
  chapter=$((chapter + 1))
  printf '\n%s%2d. %s%s\n' "$bold" "$chapter" "$1" "$plain"
}

# Shortens tokens, ids and passwords so that they can still be told apart.
shorten() {
  sed -E -e 's/([A-Za-z0-9_-]{8})[A-Za-z0-9._-]{20,}([A-Za-z0-9_-]{6})/\1…\2/g' -e 's/("password":")[^"]*/\1…/g'
}

# Breaks long lines after commas and indents them all alike.
wrap() { # indent
  awk -v indent="$1" '{
    pad = sprintf("%" indent "s", ""); line = ""; n = split($0, part, /,/)
    for (i = 1; i <= n; i++) {
      piece = part[i] (i < n ? "," : "")
      if (line != "" && length(line) + length(piece) > 92) { print pad line; line = ""; sub(/^ +/, "", piece) }
      line = line piece
    }
    print pad line
  }'
}

reason() {
  case "$1" in
    200) echo '200 OK' ;; 201) echo '201 Created' ;; 400) echo '400 Bad Request' ;; 401) echo '401 Unauthorized' ;;
    403) echo '403 Forbidden' ;; 404) echo '404 Not Found' ;; 409) echo '409 Conflict' ;; *) echo "$1" ;;
  esac
}

status=''
send() { # method url body-to-print curl-options...
  local method=$1 url=$2 shown=$3 option
  shift 3
  : >"$scratch/body"
  status=$(ask --request "$method" --dump-header "$scratch/headers" --output "$scratch/body" \
    --write-out '%{http_code}' "$@" "$url") || fail "no answer from $method $url"
  printf '    %s→ %s %s%s\n' "$dim" "$method" "$url" "$plain"
  for option in "$@"; do
    case "$option" in
      Authorization:*) printf '      %s%s%s\n' "$dim" "$(shorten <<<"$option")" "$plain" ;;
      *:*-secret) printf '      %sAuthorization: Basic (%s and its secret)%s\n' "$dim" "${option%%:*}" "$plain" ;;
    esac
  done
  [[ -z $shown ]] || printf '%s%s%s\n' "$dim" "$(shorten <<<"$shown" | wrap 6)" "$plain"
}

header() { # name
  tr -d '\r' <"$scratch/headers" | awk -v name="$1:" 'tolower($1) == tolower(name) { sub(/^[^:]*: */, ""); print; exit }'
}

expect() { # status [header-to-show]
  local colour=$green value
  [[ $status == "$1" ]] || colour=$red
  printf '    ← %s%s%s' "$colour" "$(reason "$status")" "$plain"
  if [[ -n ${2-} ]]; then
    value="$2: $(header "$2")"
    if ((${#value} <= 70)); then
      printf '   %s%s%s' "$dim" "$value" "$plain"
    else
      printf '\n%s%s%s' "$dim" "$(wrap 6 <<<"$value")" "$plain"
    fi
  fi
  printf '\n'
  [[ ! -s $scratch/body ]] || { tr -d '\n' <"$scratch/body" && echo; } | shorten | wrap 6
  [[ $status == "$1" ]] || fail "chapter $chapter: expected $1, got $status"
}

# The value of a string member of the last answer. Tokens and ids hold no escapes.
member() { # name
  local value
  value=$(tr -d '\n' <"$scratch/body" | sed -nE "s/.*\"$1\" *: *\"([^\"]*)\".*/\1/p")
  [[ -n $value ]] || fail "chapter $chapter: the answer has no \"$1\""
  printf '%s' "$value"
}

must_say() { # text
  grep -qF "$1" "$scratch/body" || fail "chapter $chapter: the answer does not say $1"
}

json=(--header 'Content-Type: application/json')
random=$(od -An -N4 -tx1 /dev/urandom | tr -d ' \n')
user=maya-$random
password=$(od -An -N12 -tx1 /dev/urandom | tr -d ' \n')

echo "IdentityServer  $identity"
echo "ResourceApi     $resource"

chapter 'Maya registers'
body="{\"username\":\"$user\",\"email\":\"$user@example.com\",\"password\":\"$password\",\"full_name\":\"Maya\",\"gender\":\"female\"}"
send POST "$identity/api/register" "$body" "${json[@]}" --data "$body"
expect 201
must_say '"user_id"'

chapter 'She signs in'
body="{\"username\":\"$user\",\"password\":\"$password\"}"
send POST "$identity/auth/login" "$body" "${json[@]}" --data "$body"
expect 200
access=$(member access_token)
refresh=$(member refresh_token)

chapter 'She stores something'
body='{"key":"notes/first","value":"Hello from the quickstart"}'
send POST "$resource/api/data" "$body" "${json[@]}" --header "Authorization: Bearer $access" --data "$body"
expect 201 Location

chapter 'She reads it back; the slash in the key is percent-encoded'
send GET "$resource/api/data/notes%2Ffirst" '' --header "Authorization: Bearer $access"
expect 200 ETag
must_say 'Hello from the quickstart'

chapter 'She lists what she has'
send GET "$resource/api/data?prefix=notes/" '' --header "Authorization: Bearer $access"
expect 200
must_say '"notes/first"'

chapter 'Her application refreshes the tokens'
body="grant_type=refresh_token&client_id=account-api&refresh_token=$refresh"
send POST "$identity/connect/token" "$body" --data "$body"
expect 200
access=$(member access_token)
successor=$(member refresh_token)
[[ $successor != "$refresh" ]] || fail "chapter $chapter: the refresh token did not rotate"

chapter 'The answer got lost? The old token gives the same successor again, not a second one'
send POST "$identity/connect/token" "$body" --data "$body"
expect 200
[[ $(member refresh_token) == "$successor" ]] || fail "chapter $chapter: the successor is a different one"

chapter 'She logs out'
send POST "$identity/auth/logout" '' --header "Authorization: Bearer $access"
expect 200

chapter 'The ResourceApi refuses the dead access token within a second'
for _ in 1 2 3 4 5 6 7 8; do
  [[ $(ask --output /dev/null --write-out '%{http_code}' --header "Authorization: Bearer $access" \
    "$resource/api/data/notes%2Ffirst") == 200 ]] || break
  sleep 0.1
done
send GET "$resource/api/data/notes%2Ffirst" '' --header "Authorization: Bearer $access"
expect 401 WWW-Authenticate

chapter 'The dead refresh token is refused too'
body="grant_type=refresh_token&client_id=account-api&refresh_token=$successor"
send POST "$identity/connect/token" "$body" --data "$body"
expect 400
must_say '"invalid_grant"'

chapter 'A program signs in as itself'
body='grant_type=client_credentials'
send POST "$identity/connect/token" "$body" --user postman:postman-development-secret --data "$body"
expect 200
access=$(member access_token)

chapter "It has a space of its own: Maya's note is not there"
send GET "$resource/api/data/notes%2Ffirst" '' --header "Authorization: Bearer $access"
expect 404

printf '\n%sEverything worked.%s\n' "$bold" "$plain"

# ---- what is left --------------------------------------------------------------------------------

if [[ $mode == exit ]]; then
  [[ -n $started ]] || echo "Both programs were already running, so they keep running."
  exit 0
fi

cat <<TEXT

Both programs keep running:
  IdentityServer  $identity/.well-known/openid-configuration
  ResourceApi     $resource/openapi/v1.json
TEXT
if [[ -n $started ]]; then
  echo "  logs            $data/logs"
  echo "Stop them with    $self --stop"
elif [[ -s $pids ]]; then
  echo "Stop them with    $self --stop"
fi
