#!/bin/sh
# A Celery worker: the report's refresh, and Superset's own tasks. Run as many as there is work for.
set -eu

exec celery --app superset.tasks.celery_app:app worker \
    --pool prefork \
    --concurrency "${SUPERSET_WORKER_PROCESSES:-2}" \
    --loglevel INFO
