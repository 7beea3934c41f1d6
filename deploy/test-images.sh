#!/usr/bin/env bash
# Builds both images with podman and runs the quickstart against two hardened containers on a PostgreSQL
# of their own. Needs root, podman with runc or crun, debootstrap and PostgreSQL's binaries. Where the public
# base images can be pulled, SDK_IMAGE and RUNTIME_IMAGE name them; otherwise a base is made from Debian and this
# machine's .NET.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
base=localhost/identityserver-test-base

fail() {
  echo "test-images.sh: $1" >&2
  exit 1
}

# Exit code 77: can't be tried here; the reason is the last line.
cannot() {
  echo "$1"
  exit 77
}

[[ $(id -u) == 0 ]] || cannot 'building the test images needs root'
command -v podman >/dev/null || cannot 'podman is missing'
if [[ -z ${SDK_IMAGE-} || -z ${RUNTIME_IMAGE-} ]]; then
  command -v debootstrap >/dev/null || cannot 'debootstrap is missing, and SDK_IMAGE and RUNTIME_IMAGE name no base images'
fi
postgres=$(printf '%s\n' /usr/lib/postgresql/*/bin | tail -n 1)
[[ -x $postgres/initdb ]] || cannot "PostgreSQL's binaries are missing"
id postgres >/dev/null 2>&1 || cannot 'there is no user postgres to run PostgreSQL as'

scratch=$(mktemp -d)
chmod 711 "$scratch"
containers=()
cleanup() {
  local status=$? name
  for name in ${containers[@]+"${containers[@]}"}; do
    if [[ $status != 0 ]]; then
      echo "--- log of $name" >&2
      podman logs --tail 20 "$name" >&2 || true
    fi
    podman rm --force --time 5 "$name" >/dev/null 2>&1 || true
  done
  [[ ! -e $scratch/cluster/postmaster.pid ]] || as_postgres "$postgres/pg_ctl" -D "$scratch/cluster" -m immediate stop >/dev/null || true
  rm -rf "$scratch"
  exit "$status"
}
trap cleanup EXIT

as_postgres() {
  (cd "$scratch" && runuser -u postgres -- "$@")
}

free_port() {
  local port
  while port=$((20000 + RANDOM % 10000)); (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do :; done
  echo "$port"
}

# A sandbox has no bridge and may not raise limits. The machine's own podman settings stay as they are.
runtime=$(command -v runc || command -v crun) || cannot 'runc and crun are both missing'
cat >"$scratch/containers.conf" <<TEXT
[engine]
runtime = "$(basename "$runtime")"
events_logger = "none"
[containers]
netns = "host"
log_driver = "k8s-file"
default_ulimits = ["nofile=20000:20000", "nproc=1000:1000"]
TEXT
export CONTAINERS_CONF=$scratch/containers.conf

# ---- base ----------------------------------------------------------------------------------------

SDK_IMAGE=${SDK_IMAGE:-$base}
RUNTIME_IMAGE=${RUNTIME_IMAGE:-$base}
dotnet_root=$(dirname "$(readlink -f "$(command -v dotnet)")")
label="sdk $(dotnet --version)"
if [[ $SDK_IMAGE == "$base" || $RUNTIME_IMAGE == "$base" ]] &&
  [[ $(podman image inspect --format '{{index .Labels "base"}}' "$base" 2>/dev/null) != "$label" ]]; then
  echo "Making a base image of Debian and the machine's .NET …"
  debootstrap --variant=minbase --include=ca-certificates,libicu72,tzdata bookworm "$scratch/base" >"$scratch/debootstrap.log" 2>&1 ||
    { tail -n 5 "$scratch/debootstrap.log" && cannot 'debootstrap found no Debian mirror'; }
  mkdir -p "$scratch/base/usr/share"
  cp -a "$dotnet_root" "$scratch/base/usr/share/dotnet"
  ln -s /usr/share/dotnet/dotnet "$scratch/base/usr/bin/dotnet"
  rm -rf "$scratch"/base/var/cache/apt/archives/*.deb
  tar -C "$scratch/base" -cf - . | podman import --quiet --change "LABEL base=\"$label\"" \
    --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' - "$base" >/dev/null
  rm -rf "$scratch/base"
fi

podman run --rm --network host "$RUNTIME_IMAGE" true >"$scratch/probe.log" 2>&1 ||
  cannot "podman can't run containers here: $(tail -n 1 "$scratch/probe.log")"

# ---- images --------------------------------------------------------------------------------------

# The restore inside the build uses this machine's package sources, certificates and packages.
volumes=(--volume /etc/ssl/certs:/etc/ssl/certs:ro)
packages=${NUGET_PACKAGES:-$HOME/.nuget/packages}
[[ ! -d $HOME/.nuget/NuGet ]] || volumes+=(--volume "$HOME/.nuget/NuGet:/root/.nuget/NuGet:ro")
[[ ! -d $packages ]] || volumes+=(--volume "$packages:/root/.nuget/packages:O")
for target in identityserver resourceapi; do
  echo "Building the image $target …"
  podman build --format docker --pull=never --file "$root/deploy/Dockerfile" --target "$target" --tag "localhost/$target:test" \
    --build-arg SDK_IMAGE="$SDK_IMAGE" --build-arg RUNTIME_IMAGE="$RUNTIME_IMAGE" \
    --env NUGET_CERT_REVOCATION_MODE="${NUGET_CERT_REVOCATION_MODE:-online}" \
    "${volumes[@]}" "$root" >"$scratch/build.log" 2>&1 || { tail -n 30 "$scratch/build.log" >&2 && fail "the image $target does not build"; }
done

# ---- PostgreSQL ----------------------------------------------------------------------------------

database_port=$(free_port)
export PGHOST=127.0.0.1 PGPORT=$database_port PGPASSWORD=postgres-test
export IDENTITYSERVER_DB_PASSWORD=identityserver-test RESOURCEAPI_DB_PASSWORD=resourceapi-test
install -d -o postgres -m 700 "$scratch/cluster"
printf '%s' "$PGPASSWORD" >"$scratch/password"
chmod 644 "$scratch/password"
as_postgres "$postgres/initdb" -D "$scratch/cluster" -U postgres --auth=scram-sha-256 --pwfile="$scratch/password" \
  --encoding=UTF8 --no-sync >/dev/null
as_postgres "$postgres/pg_ctl" -D "$scratch/cluster" -l "$scratch/cluster/log" -w \
  -o "-p $database_port -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off" start >/dev/null
PATH=$postgres:$PATH "$root/deploy/create-databases.sh"

# ---- containers ----------------------------------------------------------------------------------

export IDENTITYSERVER_URL RESOURCEAPI_URL
IDENTITYSERVER_URL=http://localhost:$(free_port)
RESOURCEAPI_URL=http://localhost:$(free_port)
cp "$root/certs/make-development-certificates.sh" "$scratch/"
"$scratch/make-development-certificates.sh" >/dev/null
chmod 644 "$scratch/data-protection.pfx"

run() { # image options...
  local image=$1 name=$1-test-$$
  shift
  containers+=("$name")
  podman run --detach --name "$name" --network host --read-only --read-only-tmpfs=false --tmpfs /tmp \
    --cap-drop ALL --security-opt no-new-privileges "$@" "localhost/$image:test" >"$scratch/run.log" 2>&1 ||
    { cat "$scratch/run.log" >&2 && fail "$name does not start"; }
}

run identityserver \
  --env ASPNETCORE_URLS="$IDENTITYSERVER_URL" --env IdentityServer__Issuer="$IDENTITYSERVER_URL" \
  --env IdentityServer__AllowInsecureHttp=true --env IdentityServer__Manifest=/etc/identityserver/manifest.json \
  --env ConnectionStrings__IdentityServer="Host=127.0.0.1;Port=$database_port;Database=identityserver;Username=identityserver;Password=$IDENTITYSERVER_DB_PASSWORD" \
  --env DataProtection__CertificatePath=/run/secrets/data-protection.pfx --env DataProtection__CertificatePassword= \
  --volume "$root/src/IdentityServer/manifest.development.json:/etc/identityserver/manifest.json:ro" \
  --volume "$scratch/data-protection.pfx:/run/secrets/data-protection.pfx:ro"
run resourceapi \
  --env ASPNETCORE_URLS="$RESOURCEAPI_URL" --env ResourceApi__Authority="$IDENTITYSERVER_URL" \
  --env ResourceApi__Resource=http://localhost:5010 \
  --env ResourceApi__ClientId=resource-api --env ResourceApi__ClientSecret=resource-api-development-secret \
  --env ResourceApi__AllowInsecureHttp=true \
  --env ConnectionStrings__ResourceApi="Host=127.0.0.1;Port=$database_port;Database=resourceapi;Username=resourceapi;Password=$RESOURCEAPI_DB_PASSWORD"

for url in "$IDENTITYSERVER_URL" "$RESOURCEAPI_URL"; do
  begun=$SECONDS
  until [[ $(curl -q --silent --noproxy '*' --max-time 5 --output /dev/null --write-out '%{http_code}' "$url/health/ready") == 200 ]]; do
    ((SECONDS - begun < 60)) || fail "no readiness at $url after 60 s"
    sleep 0.3
  done
done

"$root/deploy/quickstart.sh" --exit

echo
for name in "${containers[@]}"; do
  podman healthcheck run "$name" || fail "$name: the health check says no"
  user=$(podman exec "$name" sh -c 'sed -n "s/^Uid:\t\([0-9]*\).*/\1/p" /proc/1/status')
  [[ $user != 0 ]] || fail "$name runs as root"
  ! podman exec "$name" sh -c ': >/app/x' 2>/dev/null || fail "$name: the root file system can be written to"
  # Without systemd, podman complains about its timers for health checks and carries on.
  podman stop --time 20 "$name" >/dev/null 2>&1
  code=$(podman inspect --format '{{.State.ExitCode}}' "$name")
  [[ $code == 0 ]] || fail "$name ended with $code when it was told to stop"
  echo "$name: health check answers, user $user, read-only root file system, stops with exit code 0"
done
