"""What Superset tells a guest beside their dashboard, and need not.

Who may read a dashboard may list who could own one: the names and addresses of all accounts, and all roles, which are
often named after customers. The datasets of a dashboard come with their SQL, hence with schemas and tables; an error
repeats the SQL that failed, and a refusal names the dataset that it is about. The embedded page uses none of it.
"""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, jsonify, request

from superset_campaign_plugin.embedding import guests

# The last part of the names that Superset's APIs give to lists of what a field could be.
_LISTS = ("related", "distinct")
_DATASETS = "DashboardRestApi.get_datasets"
_INNER = ("fetch_values_predicate", "params", "perm", "schema", "select_star", "sql", "template_params")
_IN_ERRORS = ("datasource_name", "sql")


def register(app: Flask) -> None:
    """Hook both ways into the application."""
    app.before_request(_refuse_lists)
    # Flask runs these in reverse order: this one before the compression, which Superset registered earlier.
    app.after_request(_leave_out)


def _refuse_lists() -> Response | None:
    if (request.endpoint or "").rpartition(".")[2] not in _LISTS or not guests.is_guest():
        return None
    answer = jsonify(message="Forbidden")
    answer.status_code = 403
    return answer


def _leave_out(response: Response) -> Response:
    if response.status_code < 400 and request.endpoint != _DATASETS:
        return response
    if response.mimetype != "application/json" or response.is_streamed or not guests.is_guest():
        return response
    answer = response.get_json(silent=True)
    if isinstance(answer, dict):
        for dataset in _mappings(answer.get("result")):
            dataset.update({name: None for name in _INNER if name in dataset})
        for error in _mappings(answer.get("errors")):
            for extra in _mappings([error.get("extra")]):
                for name in _IN_ERRORS:
                    extra.pop(name, None)
        response.set_data(jsonify(answer).get_data())
    return response


def _mappings(values: Any) -> list[dict[str, Any]]:
    return [each for each in values if isinstance(each, dict)] if isinstance(values, list) else []
