#!/bin/sh
# Celery's beat, which asks the workers for scheduled tasks. Exactly one of it must run.
set -eu
folder=${SUPERSET_BEAT_FOLDER:-/tmp}

# It keeps no pid file: one that a crash left would keep it from starting again.
exec celery --app superset.tasks.celery_app:app beat \
    --schedule "$folder/beat-schedule" \
    --pidfile= \
    --loglevel INFO
