#!/bin/sh
# Whether a service works: healthy.sh web|worker|beat|portal. Ends with 0 if so.
set -eu

answers() {
    python -c 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=5).read()' "$1" 2>/dev/null
}

case ${1:-} in
    web) answers "http://127.0.0.1:${SUPERSET_PORT:-8088}/health" ;;
    portal) answers "http://127.0.0.1:${PORTAL_PORT:-8089}/health" ;;
    # Asks through the queue itself, without loading Superset, which would take seconds of a processor each time.
    worker) CELERY_BROKER_URL="${REDIS_URL:?}/0" celery inspect ping --timeout 5 >/dev/null 2>&1 ;;
    # Beat writes its schedule every three minutes.
    beat) [ -n "$(find "${SUPERSET_BEAT_FOLDER:-/tmp}" -maxdepth 1 -name 'beat-schedule*' -mmin -10 2>/dev/null)" ] ;;
    *) echo "usage: healthy.sh web|worker|beat|portal" >&2; exit 2 ;;
esac
