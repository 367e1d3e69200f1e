#!/bin/sh
# Before the first start and after every upgrade: brings Superset's metadata up to date, and installs the report where
# CAMPAIGN_WAREHOUSE_URI or CAMPAIGN_DATABASE names a warehouse. Doing it again changes nothing.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)

echo "step Building Superset's metadata database"
superset db upgrade
echo "step Creating roles and permissions"
superset init
echo "step Setting up accounts and the report"
exec python "$here/prepare.py"
