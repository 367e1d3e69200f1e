#!/bin/sh
# Fetches the embedded SDK in the version of package.json, and puts it into vendor/, where the portal serves it.
# With --check: only says, by its exit code, whether it is there.
set -eu
cd -- "$(dirname -- "$0")"

wanted=$(cksum < package.json)
[ -f vendor/embedded-sdk.js ] && [ "$(cat vendor/.built 2>/dev/null)" = "$wanted" ] && exit 0
[ "${1:-}" = --check ] && exit 1

# No package's own scripts run, and no file with addresses of packages is written.
npm install --silent --ignore-scripts --no-package-lock --no-audit --no-fund
mkdir -p vendor
cp node_modules/@superset-ui/embedded-sdk/bundle/index.js vendor/embedded-sdk.js
echo "$wanted" > vendor/.built
