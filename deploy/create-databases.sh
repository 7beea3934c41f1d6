#!/bin/bash
# Run once by the postgres image: a database for each program, owned by a role that can do nothing else.
set -euo pipefail

psql --no-psqlrc --quiet --username postgres --set ON_ERROR_STOP=1 <<'SQL'
\getenv identityserver IDENTITYSERVER_DB_PASSWORD
\getenv resourceapi RESOURCEAPI_DB_PASSWORD
CREATE ROLE identityserver LOGIN PASSWORD :'identityserver';
CREATE ROLE resourceapi LOGIN PASSWORD :'resourceapi';
CREATE DATABASE identityserver OWNER identityserver;
CREATE DATABASE resourceapi OWNER resourceapi;
REVOKE CONNECT ON DATABASE identityserver FROM PUBLIC;
REVOKE CONNECT ON DATABASE resourceapi FROM PUBLIC;
SQL
