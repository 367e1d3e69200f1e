"""What Superset tells a guest beside their dashboard, and need not.

Who may read a dashboard may list who could own one: the names and addresses of all accounts, and all roles, which are
often named after customers, and the sites of all portals. The datasets of a dashboard and the rows behind a figure come
with their SQL, hence with schemas, tables and row rules; an error repeats the SQL that failed, and a refusal names the
dataset that it is about. The embedded page uses none of it.
"""

from __future__ import annotations

import json
from typing import Any

from flask import Flask, Response, jsonify, request

from superset_campaign_plugin.embedding import guests

# The last part of the names that Superset's APIs give to lists of what a field could be.
_LISTS = ("related", "distinct")
_EMBEDDING = "DashboardRestApi.get_embedded"
_WITH_SQL = ("DashboardRestApi.get_datasets", "Datasource.samples")
_INNER = ("fetch_values_predicate", "params", "perm", "query", "schema", "select_star", "sql", "template_params")
_IN_ERRORS = ("datasource_name", "sql")
_WORDS = ("error", "message")


def register(app: Flask) -> None:
    """Hook both ways into the application."""
    app.before_request(_refuse)
    # Flask runs these in reverse order: this one before the compression, which Superset registered earlier.
    app.after_request(_leave_out)


def _refuse() -> Response | None:
    endpoint = request.endpoint or ""
    if not (endpoint.rpartition(".")[2] in _LISTS or endpoint == _EMBEDDING) or not guests.is_guest():
        return None
    answer = jsonify(message="Forbidden")
    answer.status_code = 403
    return answer


def _leave_out(response: Response) -> Response:
    if response.status_code < 400 and request.endpoint not in _WITH_SQL:
        return response
    if response.mimetype != "application/json" or response.is_streamed or not guests.is_guest():
        return response
    answer = response.get_json(silent=True)
    if isinstance(answer, dict):
        for shown in _mappings(answer.get("result")):
            shown.update({name: None for name in _INNER if name in shown})
        for error in (answer, *_mappings(answer.get("errors"))) if response.status_code >= 400 else ():
            # A database says in the first line what is wrong, and below it where in the SQL.
            error.update({name: error[name].partition("\n")[0] for name in _WORDS if isinstance(error.get(name), str)})
            for extra in _mappings(error.get("extra")):
                for name in _IN_ERRORS:
                    extra.pop(name, None)
        response.set_data(json.dumps(answer))
    return response


def _mappings(values: Any) -> list[dict[str, Any]]:
    """Those of a list, or the one that it is itself."""
    return [each for each in (values if isinstance(values, list) else [values]) if isinstance(each, dict)]
