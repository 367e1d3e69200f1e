"""Asks a Superset of the environment's configuration; a program, which `others.ask` starts.

    python asking.py questions.json answers.json

A question is [who, method, address, body], where `who` is the name of a user or the token of a guest; an answer is
[status, headers, text].
"""

from __future__ import annotations

import io
import json
import os
import sys
import zipfile
from pathlib import Path
from typing import Any

import changed_superset


def main() -> None:
    changed_superset.rename_methods(os.environ.get("CAMPAIGN_TEST_RENAMED", "").split())
    from superset.app import create_app

    questions, answers = map(Path, sys.argv[1:])
    app = create_app()
    app.config["WTF_CSRF_ENABLED"] = False
    answers.write_text(json.dumps([_answer(app, *question) for question in json.loads(questions.read_text())]))


def _answer(app: Any, who: Any, method: str, address: str, body: Any) -> list[Any]:
    client, headers = app.test_client(), {}
    if isinstance(who, str):
        from superset import security_manager

        with app.app_context():
            number = str(security_manager.find_user(who).id)
        with client.session_transaction() as session:
            session.update(_user_id=number, _fresh=True)
    else:
        headers = _header(app, who)
    answer = client.open(address, method=method, json=body, headers=headers)
    return [answer.status_code, sorted(answer.headers), _text(answer.data)]


def _header(app: Any, token: dict[str, Any]) -> dict[str, str]:
    from superset import security_manager

    with app.test_request_context():
        made = security_manager.create_guest_access_token(token["user"], token["resources"], token["rls"])
    return {"X-GuestToken": made if isinstance(made, str) else made.decode()}


def _text(data: bytes) -> str:
    """The answer as it is; of a workbook its sheets, since it holds when it was made."""
    if not data.startswith(b"PK"):
        return data.decode("latin-1")
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        names = [name for name in file.namelist() if name.startswith("xl/")]
        return "\n".join(file.read(name).decode() for name in sorted(names))


if __name__ == "__main__":
    main()
