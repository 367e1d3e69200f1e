#!/bin/sh
# The web server. Whatever stands before it (a proxy, a published port) is the only one that needs to reach it.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)

# The log of requests has no query parameters: a guest's link to a preview has its proof there.
exec gunicorn \
    --config "$here/gunicorn.conf.py" \
    --bind "${SUPERSET_BIND:-127.0.0.1}:${SUPERSET_PORT:-8088}" \
    --workers "${SUPERSET_WEB_WORKERS:-2}" \
    --worker-class gthread \
    --threads "${SUPERSET_WEB_THREADS:-8}" \
    --timeout "${SUPERSET_WEB_TIMEOUT:-120}" \
    --access-logfile - \
    --access-logformat '%(h)s %(t)s "%(m)s %(U)s" %(s)s %(B)s %(M)sms' \
    "superset.app:create_app()"
