"""Starts the services in order, and ends them in the reverse."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from demo.installed import DASHBOARD, shipped_version
from demo.progress import Progress, Report
from servers.ports import HOST, is_free
from servers.processes import Service, running
from stack.errors import StackError
from stack.servers import postgresql, redis_server, require_servers
from stack.settings import ROOT, Settings, environment, load_settings
from stack.warehouse import load_warehouse

SCRIPTS = ROOT / "docker" / "scripts"
PORTAL = ROOT / "docker" / "portal"
CONFIGURATION = (ROOT / "docker" / "superset_config.py", *sorted(SCRIPTS.iterdir()))


@dataclass(frozen=True)
class Stack:
    """A running stack: where its pages are, its administrator, and its services."""

    dashboard: str
    portal: str | None
    user: str
    password: str
    environment: dict[str, str]
    services: list[Service]

    def wait(self) -> None:
        """Return never, unless a service ends by itself: then `StackError` says which."""
        while True:
            for service in self.services:
                if service.ended:
                    raise StackError(f"{service.name} ended by itself; {service.log} says why")
            time.sleep(0.5)


@contextlib.contextmanager
def started(
    state: Path, *, port: int, portal_port: int | None, sends: int = 200_000, more: Mapping[str, str] | None = None
) -> Iterator[Stack]:
    """Run all services until the block ends; with a `portal_port`, the sample portal too.

    `more` are variables of docker/README.md that differ from the stack's own.
    """
    require_servers()
    progress = Progress()
    if portal_port is not None:
        build_portal(progress)
    state.mkdir(exist_ok=True, mode=0o711)  # PostgreSQL's account passes through, and can list nothing
    (state / "logs").mkdir(exist_ok=True, mode=0o700)
    with _alone(state), contextlib.ExitStack() as block:
        for wanted in filter(None, (port, portal_port)):
            _require_free(wanted)
        settings = load_settings(state)
        variables = {**environment(state, settings, port, portal_port), **(more or {})}
        with progress.step("Starting PostgreSQL and Redis"):
            block.enter_context(postgresql(state, settings))
            block.enter_context(redis_server(state, settings))
        _prepare(progress, state, settings, variables, sends)
        names = ["web", "worker", "beat", *(["portal"] if portal_port is not None else [])]
        with progress.step(f"Starting {', '.join(names)}"):
            services = [block.enter_context(service(name, state, variables)) for name in names]
            for each in services:
                each.wait_until(lambda name=each.name: healthy(name, variables))  # type: ignore[misc]
        portal = None if portal_port is None else f"http://{HOST}:{portal_port}/"
        yield Stack(
            f"http://{HOST}:{port}/{DASHBOARD}",
            portal,
            variables["SUPERSET_ADMIN_USER"],
            variables["SUPERSET_ADMIN_PASSWORD"],
            variables,
            services,
        )


def build_portal(progress: Progress) -> None:
    """Fetch the SDK for the portal's page, unless it is there. Raises `StackError` where that fails."""
    if subprocess.run([PORTAL / "build.sh", "--check"], check=False).returncode == 0:
        return
    if shutil.which("npm") is None:
        raise StackError("the portal's page needs npm; scripts/system.sh portal installs it from Debian's packages")
    with progress.step("Fetching the embedded SDK"):
        done = subprocess.run([PORTAL / "build.sh"], capture_output=True, text=True, check=False)
        if done.returncode:
            raise StackError(f"the embedded SDK cannot be fetched: {' '.join(done.stderr.split())[-500:]}")


@contextlib.contextmanager
def _alone(state: Path) -> Iterator[None]:
    """Hold the folder for this process. Raises `StackError` while another has it."""
    with (state / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StackError(f"a stack runs over {state} already; stop it first with Ctrl-C") from error
        yield


def _require_free(port: int) -> None:
    if not is_free(port):
        raise StackError(
            f"port {port} on {HOST} is in use; stop what runs there, or choose another with PORT= (the portal has the "
            "port after that)"
        )


def _prepare(progress: Progress, state: Path, settings: Settings, variables: dict[str, str], sends: int) -> None:
    """Load the warehouse and set up Superset, unless an earlier start has."""
    loaded, prepared = state / "loaded", state / "prepared"
    if not loaded.exists():
        prepared.unlink(missing_ok=True)
        with progress.step("Making up a year of campaigns") as report:
            load_warehouse(state, settings, sends, report)
        loaded.touch()
    version = _version(variables)
    if prepared.exists() and prepared.read_text() == version:
        return
    with progress.step("Setting up Superset") as report:
        _run_init(state, variables, report)
    prepared.write_text(version)


def _run_init(state: Path, variables: dict[str, str], report: Report) -> None:
    log = state / "logs" / "init.log"
    with (
        log.open("w") as output,
        subprocess.Popen(
            [SCRIPTS / "init.sh"], cwd=ROOT, env=variables, stdout=subprocess.PIPE, stderr=output, text=True
        ) as process,
    ):
        try:
            for line in process.stdout or ():
                output.write(line)
                output.flush()
                if line.startswith("step "):
                    report(line.removeprefix("step ").strip(), None)
        except BaseException:
            process.terminate()
            raise
    if process.returncode:
        raise StackError(f"Superset could not be set up; {log} says why. rm -rf {state} starts over")


def _version(variables: dict[str, str]) -> str:
    """A hash of all that the setting-up depends on: the plugin, the scripts, and what they are told."""
    digest = hashlib.sha256(shipped_version().encode())
    for file in CONFIGURATION:
        digest.update(file.read_bytes() if file.is_file() else b"")
    told = {name: value for name, value in variables.items() if name.startswith(("SUPERSET_", "CAMPAIGN_", "GUEST_"))}
    digest.update(repr(sorted(told.items())).encode())
    return digest.hexdigest()


def service(name: str, state: Path, variables: dict[str, str]) -> contextlib.AbstractContextManager[Service]:
    """Run one of the services until the block ends."""
    return running(name, (SCRIPTS / f"{name}.sh",), state / "logs" / f"{name}.log", environment=variables, folder=ROOT)


def healthy(name: str, variables: dict[str, str]) -> bool:
    """Whether the service works."""
    return subprocess.run([SCRIPTS / "healthy.sh", name], env=variables, check=False).returncode == 0
