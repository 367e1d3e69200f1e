"""`make demo`: a year of made-up campaigns, a Superset with the report installed, served on this machine alone.

`make demo DATABASE=campaigns.duckdb` serves the report over that file instead, and does not write to it.

Everything it makes is in `.demo/`. Each step writes beside its target and renames at the end, so a run that was
stopped leaves nothing that a later one would mistake for whole.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import secrets
import shutil
import signal
import sqlite3
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

from werkzeug.security import generate_password_hash

from demo.files import put_in_place
from demo.generate import generate
from demo.installed import DASHBOARD, shipped_version
from demo.prepare import ADMIN
from demo.progress import Progress
from demo.served import MADE_UP, ROOT, DemoError, Served, own_database
from servers.errors import ServerError
from servers.ports import HOST, port_fault
from servers.web import superset
from superset_campaign_plugin.emails.contents import load_emails


def main() -> int:
    """Run the demo until it is interrupted; returns the exit code."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--port", type=int, default=8088, help="port on 127.0.0.1 (make demo PORT=8089)")
    parser.add_argument("--sends", type=int, default=200_000, help="how many sends to make up")
    parser.add_argument("--database", metavar="FILE", help="a DuckDB file to serve in place of made-up campaigns")
    parser.add_argument("--source", default="bulk", help="the layout of its tables (default: bulk)")
    parser.add_argument("--schema", help="their schema (default: the database's own)")
    options = parser.parse_args()
    try:
        served = own_database(options.database, options.source, options.schema) if options.database else MADE_UP
        run(served, options.port, options.sends)
    except ServerError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nThe demo has stopped; make demo starts it again in seconds.")
    return 0


def run(served: Served, port: int, sends: int) -> None:
    """Make what is missing, serve, and return when the server ends."""
    require_free(port)
    served.state.mkdir(parents=True, exist_ok=True)
    progress = Progress()
    environment = demo_environment(served)
    if served.made_up:
        make_warehouse(progress, served, sends)
    make_superset(progress, environment, served)
    password = set_password(served.state / "superset.db")
    serve(progress, environment, served, port, password)


def require_free(port: int) -> None:
    """Raise `DemoError` if something listens on the port already."""
    if fault := port_fault(port):
        raise DemoError(
            f"port {port} on {HOST} is in use ({fault.strerror}); stop what runs there, "
            f"or choose another: make demo PORT={port + 1}"
        ) from fault


def demo_environment(served: Served) -> dict[str, str]:
    """The environment of the demo's Superset. Its key is made at the first start and never leaves `.demo/`."""
    key = served.state / "secret_key"
    if not key.exists():
        partial = key.with_suffix(".part")
        partial.touch(mode=0o600)
        partial.write_text(secrets.token_urlsafe(48))
        partial.replace(key)
    return {
        **os.environ,
        "SUPERSET_CONFIG_PATH": str(ROOT / "demo" / "superset_config.py"),
        "FLASK_APP": "superset.app:create_app()",
        "CAMPAIGN_DEMO_STATE": str(served.state),
        "CAMPAIGN_DEMO_SECRET_KEY": key.read_text(),
    }


def make_warehouse(progress: Progress, served: Served, sends: int) -> None:
    """The DuckDB file with activities, assets and email contents; made once."""
    warehouse, emails = served.warehouse, served.state / "emails"
    if warehouse.exists():
        return
    partial = warehouse.with_name(f"{warehouse.name}.part")
    for leftover in (partial, partial.with_name(partial.name + ".wal")):
        leftover.unlink(missing_ok=True)
    shutil.rmtree(emails, ignore_errors=True)
    with progress.step("Making up a year of campaigns") as report:
        generate(partial, emails, end=datetime.now(timezone.utc).date(), sends=sends, progress=report)
    with progress.step("Storing the emails"):
        load_emails(f"duckdb:///{partial}", emails, schema=served.schema)
    put_in_place(partial, warehouse)


def make_superset(progress: Progress, environment: dict[str, str], served: Served) -> None:
    """The metadata database with the report installed; made once, and installed again after an upgrade."""
    metadata, stamp = served.state / "superset.db", served.state / "installed"
    version = shipped_version() + served.version()
    if metadata.exists() and stamp.exists() and stamp.read_text() == version:
        return
    target = metadata
    if not metadata.exists():
        target = served.state / "superset.db.part"
        target.unlink(missing_ok=True)
    log = served.state / "setup.log"
    with log.open("w") as errors, progress.step("Starting Superset") as report:
        process = subprocess.Popen(
            [sys.executable, "-m", "demo.prepare", str(served.warehouse), served.source, served.schema or ""]
            + ["--made-up"] * served.made_up,
            cwd=ROOT,
            env={**environment, "CAMPAIGN_DEMO_METADATA": str(target)},
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        for line in process.stdout or ():
            errors.write(line)
            if line.startswith("::step "):
                report(line.removeprefix("::step ").strip(), None)
        if process.wait() != 0:
            raise DemoError(f"Superset could not be set up; {log} says why. rm -rf {served.state} starts over")
    if target != metadata:
        target.replace(metadata)
    shutil.rmtree(served.state / "cache", ignore_errors=True)
    stamp.write_text(version)


def set_password(metadata: Path) -> str:
    """Give the admin a password for this run; the one of the run before ends."""
    password = secrets.token_urlsafe(9)
    with sqlite3.connect(metadata) as connection:
        connection.execute(
            "UPDATE ab_user SET password = ? WHERE username = ?", (generate_password_hash(password), ADMIN)
        )
    connection.close()
    return password


def serve(progress: Progress, environment: dict[str, str], served: Served, port: int, password: str) -> None:
    """Serve until interrupted. Raises `ServerError` if the server does not come up, or ends by itself."""
    log = served.state / "server.log"
    with contextlib.ExitStack() as block:
        with progress.step("Starting the server"):
            server = block.enter_context(superset(port, log, environment=environment, folder=ROOT))
        address = f"http://{HOST}:{port}/{DASHBOARD}"
        print(f"\n  Dashboard  {address}\n  User       {ADMIN}\n  Password   {password}\n\n  Ctrl-C stops the demo.\n")
        sys.stdout.flush()
        try:
            code = server.process.wait()
        finally:
            # A second Ctrl-C must not leave the server behind.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        raise ServerError(f"the server ended with code {code}; {log} says why")


if __name__ == "__main__":
    # A stop by signal ends the server too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
