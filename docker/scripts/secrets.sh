#!/bin/sh
# Writes docker/.env, which Compose reads, with new secrets that its owner alone can read. Never replaces one.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
file=${1:-$here/../.env}

if [ -e "$file" ]; then
    echo "$file is there already; its secrets stay" >&2
    exit 0
fi
secret() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }
umask 077
cat > "$file" <<END
COMPOSE_PROJECT_NAME=superset-campaign
SUPERSET_SECRET_KEY=$(secret)
GUEST_TOKEN_JWT_SECRET=$(secret)
POSTGRES_PASSWORD=$(secret)
REDIS_PASSWORD=$(secret)
PORTAL_SECRET_KEY=$(secret)
CAMPAIGN_PORTAL_USER=portal
CAMPAIGN_PORTAL_PASSWORD=$(secret)
SUPERSET_ADMIN_USER=admin
SUPERSET_ADMIN_PASSWORD=$(secret)
SUPERSET_PORTAL_ORIGINS=http://127.0.0.1:8089

# The warehouse; docker/README.md has all variables.
CAMPAIGN_DATABASE=
CAMPAIGN_WAREHOUSE_URI=
CAMPAIGN_SCHEMA=

# The mail server for reports and alerts, and where people open Superset.
SMTP_HOST=
SMTP_FROM=
SUPERSET_PUBLIC_URL=
END
echo "$file written; the administrator is admin, with the password in it"
