"""Makes the demo's Superset: its metadata, an admin, and the report installed. Runs in a process of its own.

    python -m demo.prepare WAREHOUSE SOURCE SCHEMA [--store]

SCHEMA may be empty, for the database's own. `--store` stores what the dashboard reads beside the warehouse.
The configuration comes from the environment, as `python -m demo` sets it. Running it again changes nothing.
"""

from __future__ import annotations

import sys
from pathlib import Path

ADMIN = "admin"


def prepare(warehouse: Path, source: str, schema: str | None, *, made_up: bool) -> None:
    """Bring the metadata database up to date, and install the report over `warehouse` (a DuckDB file).

    Of `made_up` campaigns the figures are stored, and the people behind them are shown, too.
    """
    import superset
    from flask_migrate import upgrade
    from superset.app import create_app

    app = create_app()
    with app.app_context():
        print("::step Building Superset's metadata database", flush=True)
        upgrade(directory=str(Path(superset.__file__).parent / "migrations"))
        print("::step Creating roles and permissions", flush=True)
        superset.appbuilder.add_permissions(update_perms=True)
        superset.security_manager.sync_role_definitions()
        if superset.security_manager.find_user(ADMIN) is None:
            role = superset.security_manager.find_role("Admin")
            # Nobody can log in with this hash; every start of the demo sets a password of its own.
            superset.security_manager.add_user(ADMIN, "Demo", "Admin", "admin@example.com", role, hashed_password="!")  # noqa: S106
        uri = f"duckdb:///{warehouse}"
        if made_up:
            print("::step Storing what the dashboard reads", flush=True)
            from superset_campaign_plugin.refresh.run import refresh

            refresh(uri, schema=schema, source=source)
        print("::step Installing the report", flush=True)
        from superset_campaign_plugin.bundle.install import install

        # The people of made-up campaigns are nobody's data.
        install(database="Campaign Warehouse", uri=uri, schema=schema, source=source, people=made_up)


if __name__ == "__main__":
    prepare(Path(sys.argv[1]), sys.argv[2], sys.argv[3] or None, made_up="--made-up" in sys.argv[4:])
