#!/usr/bin/env bash
# Writes deploy/manifest.schema.json: what the program prints. A test compares the two.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
dotnet build src/IdentityServer --configuration Release --nologo --verbosity quiet
src/IdentityServer/bin/Release/net10.0/IdentityServer manifest-schema >deploy/manifest.schema.json
