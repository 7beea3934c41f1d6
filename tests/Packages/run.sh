#!/usr/bin/env bash
# Packs the two packages and uses each as an outsider would: a fresh web project outside the repository, with the code
# that its README shows, starts and answers. Build Release first (test.sh does).
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
scratch=$(mktemp -d)
program='' log=''
cleanup() {
  [[ -z $program ]] || { kill "$program" && wait "$program"; } 2>/dev/null || true
  rm -rf "$scratch"
}
trap cleanup EXIT

free_port() {
  local port
  while port=$((20000 + RANDOM % 10000)); (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do :; done
  echo "$port"
}

# All other packages come from the solution's package folder: nothing is downloaded, and no other package with one of
# these names is used.
NUGET_FALLBACK_PACKAGES=$(dotnet nuget locals global-packages --list | sed 's/^[^:]*: //')
export NUGET_FALLBACK_PACKAGES NUGET_PACKAGES=$scratch/packages

pack() { # package
  env -u NUGET_FALLBACK_PACKAGES -u NUGET_PACKAGES \
    dotnet pack "$root/src/$1" --configuration Release --no-build --output "$scratch/feed" --nologo --verbosity quiet
}

expect() { # status url curl's options...
  local status
  status=$(curl -q --silent --noproxy '*' --max-time 40 --output /dev/null --write-out '%{http_code}' "${@:2}") || true
  [[ $status =~ ^($1)$ ]] || { echo "${*:3}: $status instead of $1" && cat "$log" && return 1; }
}

try() { # package
  local folder=$scratch/$1 address version
  log=$folder/log
  version=$(basename "$scratch/feed/$1".[0-9]*.nupkg .nupkg)
  version=${version#"$1."}
  mkdir "$folder"
  cat >"$folder/Orders.csproj" <<XML
<Project Sdk="Microsoft.NET.Sdk.Web">
  <PropertyGroup>
    <TargetFramework>net10.0</TargetFramework>
    <Nullable>enable</Nullable>
    <ImplicitUsings>enable</ImplicitUsings>
    <UseAppHost>false</UseAppHost>
    <NuGetAudit>false</NuGetAudit>
  </PropertyGroup>
  <ItemGroup>
    <PackageReference Include="$1" Version="[$version]" />
  </ItemGroup>
</Project>
XML
  awk '/^```/ { inside = $0 ~ /csharp/; next } inside' "$root/src/$1/README.md" >"$folder/Program.cs"
  echo "$1 $version"
  dotnet build "$folder" --source "$scratch/feed" --output "$folder/out" --nologo --verbosity quiet -warnaserror

  address=http://127.0.0.1:$(free_port)
  (cd "$folder" && HOME=$folder DOTNET_ENVIRONMENT=Development Orders__ClientSecret=secret exec dotnet out/Orders.dll --urls "$address") >"$log" 2>&1 &
  program=$!
  # There is no issuer: a token is malformed (401) or can't be judged (503). A file that the package lacks would be a 500.
  expect 401 "$address/orders" --retry 30 --retry-delay 1 --retry-connrefused
  expect '401|503' "$address/orders" --header 'Authorization: Bearer e30.e30.e30'
  expect '401|503' "$address/orders" --header 'Authorization: DPoP e30.e30.e30' --header 'DPoP: e30.e30.e30'
  kill "$program"
  wait "$program" || true
  program=''
}

for package in IdentityServer.ResourceServer IdentityServer.ResourceServer.JwtBearer; do
  pack "$package"
done
for package in IdentityServer.ResourceServer IdentityServer.ResourceServer.JwtBearer; do
  try "$package"
done
