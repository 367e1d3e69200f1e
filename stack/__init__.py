"""Production on one machine without containers: `make stack` and `make portal`.

The services of `docker/compose.yaml`, started by the same scripts of `docker/scripts/`, over a PostgreSQL and a Redis
that belong to the stack alone.
"""
