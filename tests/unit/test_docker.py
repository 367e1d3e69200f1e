"""What `docker/` promises: no default secret, every variable told of, every service with a health check."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
DOCKER = ROOT / "docker"
COMPOSE = yaml.safe_load((DOCKER / "compose.yaml").read_text())
SCRIPTS = [*sorted((DOCKER / "scripts").glob("*.sh")), DOCKER / "portal" / "build.sh"]
SECRET = re.compile(r"SECRET|PASSWORD")
# What the system or a tool names, and what the database's own image does.
NOT_OURS = {"CELERY_BROKER_URL", "REDISCLI_AUTH", "POSTGRES_USER", "POSTGRES_DB", "CDPATH"}


@pytest.fixture
def env_file(tmp_path: Path) -> Path:
    """The file of secrets, as its script writes it."""
    file = tmp_path / ".env"
    subprocess.run(["sh", DOCKER / "scripts" / "secrets.sh", file], check=True, capture_output=True)
    return file


def variables() -> set[str]:
    """Every variable that a script, a configuration or the portal reads, or that the services are given."""
    found: set[str] = set()
    for file in (*SCRIPTS, DOCKER / "compose.yaml"):
        text = re.sub(r"(?m)^\s*#.*$", "", file.read_text())
        found.update(re.findall(r"\$\{([A-Z][A-Z0-9_]+)", text))
    for file in (DOCKER / "superset_config.py", DOCKER / "scripts" / "prepare.py", DOCKER / "portal" / "portal.py"):
        found.update(re.findall(r'(?:environ(?:\.get\(|\[)|_is_on\()"([A-Z0-9_]+)"', file.read_text()))
    for service in COMPOSE["services"].values():
        found.update(service.get("environment", {}))
    for file in (DOCKER / "Dockerfile", DOCKER / "portal" / "Dockerfile"):
        found.update(re.findall(r"([A-Z][A-Z0-9_]+)=", file.read_text()))
    return found - NOT_OURS


def test_the_page_has_every_variable_and_no_other() -> None:
    page = (DOCKER / "README.md").read_text()
    table = "".join(line for line in page.splitlines(keepends=True) if line.startswith("| `"))
    told = set(re.findall(r"`([A-Z][A-Z0-9_]+)`", table))
    assert told == variables()


def test_no_secret_has_a_default() -> None:
    text = (DOCKER / "compose.yaml").read_text()
    for name, default in re.findall(r"\$\{([A-Z0-9_]+):?-([^}]*)\}", text):
        assert not (SECRET.search(name) and default), name
    for file in (DOCKER / "superset_config.py", DOCKER / "scripts" / "prepare.py", DOCKER / "portal" / "portal.py"):
        for name, default in re.findall(r'environ\.get\("([A-Z0-9_]+)", "([^"]*)"\)', file.read_text()):
            assert not (SECRET.search(name) and default), name
    for name in ("SUPERSET_SECRET_KEY", "GUEST_TOKEN_JWT_SECRET", "POSTGRES_PASSWORD", "REDIS_PASSWORD"):
        assert f"${{{name}:?" in text


def test_every_service_has_a_health_check() -> None:
    for name, service in COMPOSE["services"].items():
        check = service["healthcheck"]
        # `init` runs once: whoever needs it waits for its good end.
        assert check == {"disable": True} if name == "init" else check["test"][0] in ("CMD", "CMD-SHELL"), name


def test_everything_waits_for_what_it_needs() -> None:
    for name in ("web", "worker", "beat"):
        assert COMPOSE["services"][name]["depends_on"] == {
            "postgres": {"condition": "service_healthy"},
            "redis": {"condition": "service_healthy"},
            "init": {"condition": "service_completed_successfully"},
        }


def test_ports_are_published_on_the_loopback_alone() -> None:
    published = [port for service in COMPOSE["services"].values() for port in service.get("ports", [])]
    assert len(published) == 2
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_the_portal_reaches_neither_metadata_nor_queue() -> None:
    services = COMPOSE["services"]
    assert set(services["portal"]["networks"]).isdisjoint(services["postgres"]["networks"])
    assert set(services["portal"]["networks"]).isdisjoint(services["redis"]["networks"])


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_scripts_are_plain_shell(script: Path) -> None:
    assert script.read_text().startswith("#!/bin/sh\n")
    assert script.stat().st_mode & stat.S_IXUSR
    subprocess.run(["sh", "-n", script], check=True)


def test_secrets_are_new_and_their_owners_alone_and_stay(env_file: Path, tmp_path: Path) -> None:
    assert stat.S_IMODE(env_file.stat().st_mode) == 0o600
    written = env_file.read_text()
    values = dict(line.split("=", 1) for line in written.splitlines() if "=" in line and not line.startswith("#"))
    made = [value for name, value in values.items() if SECRET.search(name)]
    assert len(set(made)) == len(made) == 7
    assert all(len(value) == 64 for value in made)
    subprocess.run(["sh", DOCKER / "scripts" / "secrets.sh", env_file], check=True, capture_output=True)
    assert env_file.read_text() == written


def compose() -> list[str]:
    """The command of Compose, in whichever form this machine has it."""
    docker = shutil.which("docker")
    if docker and subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode == 0:
        return [docker, "compose"]
    found = shutil.which("docker-compose")
    if found:
        return [found]
    pytest.skip("neither docker compose nor docker-compose is installed; scripts/system.sh installs it")


def config(file: Path) -> subprocess.CompletedProcess[str]:
    # Nothing of this machine's environment may fill a gap.
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
    arguments = ("--env-file", file, "--file", DOCKER / "compose.yaml", "--profile", "portal", "config")
    return subprocess.run([*compose(), *arguments], capture_output=True, text=True, env=environment, check=False)


def test_compose_takes_the_file(env_file: Path) -> None:
    done = config(env_file)
    assert done.returncode == 0, done.stderr
    resolved: dict[str, Any] = yaml.safe_load(done.stdout)
    assert set(resolved["services"]) == set(COMPOSE["services"])
    assert len(resolved["services"]["web"]["environment"]["SUPERSET_SECRET_KEY"]) == 64


@pytest.mark.parametrize("name", ["SUPERSET_SECRET_KEY", "POSTGRES_PASSWORD", "REDIS_PASSWORD"])
def test_compose_starts_nothing_without_a_secret(env_file: Path, name: str) -> None:
    env_file.write_text(re.sub(f"(?m)^{name}=.*\n", "", env_file.read_text()))
    done = config(env_file)
    assert done.returncode != 0
    assert "run docker/scripts/secrets.sh" in done.stderr


def configured(expression: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The value of an expression over Superset's configuration, as it is with these variables."""
    given = {
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", "/"),
        "SUPERSET_CONFIG_PATH": str(DOCKER / "superset_config.py"),
        "SUPERSET_DATABASE_URI": "postgresql+psycopg2://superset@127.0.0.1/superset",
        "REDIS_URL": "redis://127.0.0.1:6379",
        **environment,
    }
    code = f"from superset import config\nprint(({expression}))"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=given, check=False)


def test_nothing_starts_without_a_key() -> None:
    done = configured("config.SECRET_KEY")
    assert done.returncode != 0
    assert "SUPERSET_SECRET_KEY" in done.stderr


def test_nobody_embeds_without_a_portal() -> None:
    expression = "config.FEATURE_FLAGS, config.TALISMAN_CONFIG['content_security_policy']['frame-ancestors']"
    done = configured(expression, SUPERSET_SECRET_KEY="k" * 42)
    assert done.stdout.splitlines()[-1] == "({}, [\"'self'\"])"


def test_a_portal_needs_a_secret_for_guests() -> None:
    origins = "https://one.example.com https://two.example.com"
    key = {"SUPERSET_SECRET_KEY": "k" * 42, "SUPERSET_PORTAL_ORIGINS": origins}
    assert "GUEST_TOKEN_JWT_SECRET" in configured("1", **key).stderr
    expression = "config.FEATURE_FLAGS, config.TALISMAN_CONFIG['content_security_policy']['frame-ancestors']"
    done = configured(expression, **key, GUEST_TOKEN_JWT_SECRET="g" * 42)
    expected = ({"EMBEDDED_SUPERSET": True}, ["'self'", *origins.split()])
    assert done.stdout.splitlines()[-1] == str(expected)


@pytest.mark.parametrize(("when", "expected"), [("*/5 * * * *", "<crontab: */5 * * * * (m/h/dM/MY/d)>"), ("", "None")])
def test_beat_asks_for_the_refresh_beside_superset_s_own_tasks(when: str, expected: str) -> None:
    schedule = "config.CELERY_CONFIG.beat_schedule"
    expression = f"{schedule}.get('campaign report', {{}}).get('schedule'), 'reports.scheduler' in {schedule}"
    done = configured(expression, SUPERSET_SECRET_KEY="k" * 42, CAMPAIGN_REFRESH=when)
    assert done.stdout.splitlines()[-1] == f"({expected}, True)"


def test_the_pins_of_the_portal_are_those_of_the_environment() -> None:
    pinned = dict(re.findall(r"(?m)^([a-z0-9-]+)==([0-9.]+)", (ROOT / "requirements" / "demo.txt").read_text()))
    wanted = dict(re.findall(r"(?m)^([a-z0-9-]+)==([0-9.]+)", (DOCKER / "portal" / "requirements.txt").read_text()))
    assert wanted
    assert {name: pinned[name] for name in wanted} == wanted
    assert re.search(r'"@superset-ui/embedded-sdk": "\d+\.\d+\.\d+"', (DOCKER / "portal" / "package.json").read_text())
