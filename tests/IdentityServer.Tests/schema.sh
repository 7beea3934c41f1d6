#!/usr/bin/env bash
# Writes src/IdentityServer/Storage/schema.sql: what the migrations make, as PostgreSQL tells it. A test compares the two.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")"
dotnet build --configuration Release --nologo --verbosity quiet
UPDATE_SCHEMA=1 bin/Release/net10.0/IdentityServer.Tests -noColor -class '*.Protocol.SchemaTests'
