"""Every touch of Superset and Flask-AppBuilder that is no public API, in one place.

`records.py` lists the methods that the plugin wraps, `patching.py` wraps them, `endpoints.py` has the names of
endpoints, and `private.py` reads private names. docs/superset-versions.md lists them for a new release.
"""
