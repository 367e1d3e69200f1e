"""Measures what each speed patch of `host/speed` saves of a chart's time, each on its own against none of them.

    python -m benchmarks.patches                       # a DuckDB warehouse of made-up data
    python -m benchmarks.patches --uri postgresql://…  # the same data, copied into that empty database

Every chart of the dashboard is asked for its data through Superset's API in this process, by a viewer and by a guest,
from the cache and anew. With each round the patches come in another order. It prints a table of medians of the time of
the processors, which other programs on the machine change little; what a patch saves of waiting for a warehouse that is
far away comes on top.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import secrets
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from benchmarks.data import copy_to_postgresql
from demo.generate import generate
from superset_campaign_plugin.host.patching import places
from superset_campaign_plugin.host.records import SPEED, Patch

SENDS = 3_000
SLUG = "campaign-email-performance"
VISITORS = ("viewer", "guest")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--uri", help="an empty PostgreSQL database for the warehouse")
    parser.add_argument("--direct", action="store_true", help="without stored tables")
    parser.add_argument("--rounds", type=int, default=5)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder)
        os.environ.update(
            CAMPAIGN_DEMO_STATE=folder,
            CAMPAIGN_DEMO_SECRET_KEY=secrets.token_urlsafe(32),
            SUPERSET_CONFIG_PATH=str(Path(__file__).with_name("patches_config.py")),
        )
        generate(state / "warehouse.duckdb", state / "emails", end=datetime.now(timezone.utc).date(), sends=SENDS)
        uri = wanted.uri or f"duckdb:///{state}/warehouse.duckdb"
        if wanted.uri:
            copy_to_postgresql(state / "warehouse.duckdb", uri)
        with _superset(uri, "marketo", store=not wanted.direct) as (app, asked):
            _print(_measure(app, asked, wanted.rounds))


@contextmanager
def _superset(uri: str, schema: str, *, store: bool) -> Iterator[tuple[Any, dict[str, Any]]]:
    """A Superset with the report over that warehouse; the application, and what each visitor asks with."""
    import superset
    from flask_migrate import upgrade

    from superset_campaign_plugin.superset_app import superset_app

    app = superset_app()
    with app.app_context():
        upgrade(directory=str(Path(superset.__file__).parent / "migrations"))
        superset.appbuilder.add_permissions(update_perms=True)
        superset.security_manager.sync_role_definitions()
        from superset import db, security_manager
        from superset.models.dashboard import Dashboard

        from superset_campaign_plugin.bundle.install import install
        from superset_campaign_plugin.embedding.embed import embed
        from superset_campaign_plugin.embedding.portal import guest_token_request
        from superset_campaign_plugin.embedding.roles import VIEWER_ROLE
        from superset_campaign_plugin.refresh.run import refresh

        if store:
            refresh(uri, schema=schema, source="fivetran")
        install(database="Measured", uri=uri, schema=schema, source="fivetran")
        told = embed(["http://localhost"]).as_dict()
        password = secrets.token_urlsafe(12)
        viewer = security_manager.find_role(VIEWER_ROLE)
        security_manager.add_user("viewer", "V", "V", "viewer@localhost", viewer, password=password)
        dashboard = db.session.query(Dashboard).filter_by(slug=SLUG).one()
        bodies = [
            {**json.loads(chart.query_context), "form_data": {"slice_id": chart.id, "dashboardId": dashboard.id}}
            for chart in dashboard.slices
        ]
        number = str(security_manager.find_user("viewer").id)
        request = guest_token_request(told, username="ann", workspaces=["EMEA"])
    with app.test_request_context():
        token = security_manager.create_guest_access_token(request["user"], request["resources"], request["rls"])
    app.config["WTF_CSRF_ENABLED"] = False
    viewer_client = app.test_client()
    with viewer_client.session_transaction() as session:
        session.update(_user_id=number, _fresh=True)
    guest = {"X-GuestToken": token if isinstance(token, str) else token.decode()}
    yield app, {"bodies": bodies, "viewer": (viewer_client, {}), "guest": (app.test_client(), guest)}


@contextmanager
def _only(patch: Patch | None) -> Iterator[None]:
    """Within, that one of the speed patches is in place and no other."""
    kept = [(where, name, vars(where)[name]) for each in SPEED if each is not patch for where, name in places(each)]
    for where, name, method in kept:
        plain = getattr(method, "__func__", method).__wrapped__
        setattr(where, name, classmethod(plain) if isinstance(method, classmethod) else plain)
    try:
        yield
    finally:
        for where, name, method in kept:
            setattr(where, name, method)


def _measure(app: Any, asked: dict[str, Any], rounds: int) -> dict[tuple[str, bool], dict[str, list[float]]]:
    """Seconds of the processors for a chart, by who asks and whether anew, and by the patch's name."""
    found: dict[tuple[str, bool], dict[str, list[float]]]
    found = {(who, anew): {} for who in VISITORS for anew in (True, False)}
    for number in range(rounds + 1):
        choices: list[Patch | None] = [None, *SPEED]
        random.shuffle(choices)
        for patch in choices:
            with _only(patch):
                for (who, anew), seconds in found.items():
                    client, headers = asked[who]
                    start = time.process_time()
                    for body in asked["bodies"]:
                        answer = client.post("/api/v1/chart/data", json={**body, "force": anew}, headers=headers)
                        assert answer.status_code == 200, answer.get_data(as_text=True)  # noqa: S101
                    # The first round fills caches.
                    if number:
                        name = "none" if patch is None else patch.name
                        seconds.setdefault(name, []).append((time.process_time() - start) / len(asked["bodies"]))
    return found


def _print(found: dict[tuple[str, bool], dict[str, list[float]]]) -> None:
    columns = [f"{who}, {'anew' if anew else 'cached'}" for who, anew in found]
    print(f"| patch | {' | '.join(columns)} |")
    print(f"| --- |{' ---: |' * len(columns)}")
    without = [statistics.median(seconds["none"]) for seconds in found.values()]
    print(f"| none, ms a chart | {' | '.join(f'{1000 * each:.0f}' for each in without)} |")
    for patch in SPEED:
        medians = [statistics.median(seconds[patch.name]) for seconds in found.values()]
        saved = [1 - each / before for each, before in zip(medians, without, strict=True)]
        print(f"| {patch.name} | {' | '.join(f'{each:.0%}' for each in saved)} |")


if __name__ == "__main__":
    main()
