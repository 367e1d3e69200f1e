"""Servers for demo, stack, benchmarks and tests: on this machine alone, ended with whoever started them.

PostgreSQL, MariaDB, Spark, Redis and Superset's web server each have one module that starts them.
"""
