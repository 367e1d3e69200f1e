#!/bin/sh
# The sample portal.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)

exec gunicorn \
    --chdir "${PORTAL_FOLDER:-$here/../portal}" \
    --bind "${PORTAL_BIND:-127.0.0.1}:${PORTAL_PORT:-8089}" \
    --worker-class gthread \
    --threads 8 \
    --access-logfile - \
    --access-logformat '%(h)s %(t)s "%(m)s %(U)s" %(s)s %(B)s %(M)sms' \
    "portal:create_app()"
