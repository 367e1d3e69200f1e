"""What admins meet at the door of the commands on a deployment: an answer or one sentence, never a traceback.

Faults of a start run in processes of their own, through both doors; what people deleted or renamed within a running
Superset is put back after each test.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result
from deployment import DATABASE, DATASETS, SCHEMA, Deployment

from superset_campaign_plugin.cli import campaign

REPORT = "campaign_email_performance"
ROLE = "Campaign Report Viewer"
PORTAL = ("--allow-domain", "https://portal.example.com")
PROGRAMS = Path(sys.executable).parent

COMMANDS: dict[str, tuple[str, ...]] = {
    "install": ("install", "--database", DATABASE, "--schema", SCHEMA),
    "uninstall": ("uninstall", "--yes"),
    "grant": ("grant", ROLE, "--workspace", "EMEA"),
    "revoke": ("revoke", ROLE),
    "list": ("list", "--json"),
    "embed": ("embed", *PORTAL, "--json"),
    "refresh": ("refresh", "--dry-run"),
}
SOAK = "ROUNDS" in os.environ
DOORS = {"superset": ("superset", "campaign"), "script": ("superset-campaign",)}


def run(*arguments: str) -> Result:
    return CliRunner().invoke(campaign, arguments)


def knock(door: str, config: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command as a shell starts it, with that configuration."""
    program, *more = DOORS[door]
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("SUPERSET_", "FLASK_"))}
    return subprocess.run(
        [str(PROGRAMS / program), *more, *arguments],
        env={**environment, "SUPERSET_CONFIG_PATH": str(config), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def sentence(result: Any) -> str:
    """The one line that a command ended with. Fails for anything else, a traceback for one."""
    assert result.exit_code in (1, 2) if isinstance(result, Result) else result.returncode in (1, 2)
    if isinstance(result, Result):
        assert isinstance(result.exception, SystemExit), repr(result.exception)
    lines = result.stderr.splitlines()
    assert len(lines) == 1, result.stderr[-3000:]
    assert lines[0].startswith("Error: ")
    assert result.stdout == ""
    return str(lines[0])


# ---------------------------------------------------------------------------------------------------------------
# Faults of a start

KEY = 'SECRET_KEY = "k" * 40'
HOOK = "from superset_campaign_plugin import init_app as FLASK_APP_MUTATOR"
FILE = 'SQLALCHEMY_DATABASE_URI = "sqlite:///{folder}/superset.db"'
SECRET = "s3cret-of-metadata"

# The lines of superset_config.py, the exit code, and what the sentence says.
STARTS: dict[str, tuple[list[str], int, str]] = {
    "no secret key": ([FILE, HOOK], 1, "SECRET_KEY is not set; set it in "),
    "syntax error": ([KEY, FILE, HOOK, "def (:"], 1, r"superset_config\.py, line 4: invalid syntax"),
    "a module that is missing": (
        [KEY, FILE, HOOK, "import no_such_thing"],
        1,
        r"line 4: ModuleNotFoundError: No .*ing'",
    ),
    "an error in its code": ([KEY, FILE, HOOK, "x = {}['y']"], 1, r"superset_config\.py, line 4: KeyError: 'y'"),
    "a wrong setting": ([KEY, FILE, HOOK, 'SUPERSET_CAMPAIGN = {"marketo_ulr": ""}'], 2, "did you mean 'marketo_url'"),
    "metadata out of reach": (
        [KEY, f'SQLALCHEMY_DATABASE_URI = "postgresql+psycopg2://u:{SECRET}@127.0.0.1:1/x"', HOOK],
        1,
        "metadata database cannot be reached: .*check SQLALCHEMY_DATABASE_URI",
    ),
    "metadata that are no URI": (
        [KEY, f'SQLALCHEMY_DATABASE_URI = "u:{SECRET}@127.0.0.1"', HOOK],
        1,
        "SQLALCHEMY_DATABASE_URI in superset_config.py is not a valid database URI",
    ),
    "no hook": ([KEY, FILE], 1, f"not hooked in; add to superset_config.py: {HOOK}"),
    "no tables": ([KEY, FILE, HOOK], 1, "has no tables yet; run: superset db upgrade && superset init"),
}


def start_cases() -> list[Any]:
    """Every fault at one door or the other, and the commands in turn; with ROUNDS, as in `make soak`, all of them."""
    every = [(state, door, name) for state in STARTS for door in DOORS for name in COMMANDS]
    doors, names = list(DOORS), list(COMMANDS)
    turns = [(state, doors[place % 2], names[place % len(names)]) for place, state in enumerate(STARTS)]
    return [pytest.param(*case, id="-".join(case)) for case in (every if SOAK else turns)]


@pytest.mark.parametrize(("state", "door", "name"), start_cases())
def test_a_start_that_fails_is_one_sentence(state: str, door: str, name: str, tmp_path: Path) -> None:
    lines, code, words = STARTS[state]
    config = tmp_path / "superset_config.py"
    config.write_text("\n".join(lines).replace("{folder}", str(tmp_path)))
    done = knock(door, config, *COMMANDS[name])
    told = sentence(done)
    assert done.returncode == code
    assert re.search(words, told), told
    assert SECRET not in told


def test_a_configuration_that_is_not_there_is_named(tmp_path: Path) -> None:
    told = sentence(knock("superset", tmp_path / "nowhere.py", "list"))
    assert f"SUPERSET_CONFIG_PATH names {tmp_path}/nowhere.py: No such file" in told


def superset(command: str, config: Path) -> subprocess.CompletedProcess[str]:
    """A command of Superset's own, with this configuration."""
    return subprocess.run(
        [str(PROGRAMS / "superset"), command],
        env={**os.environ, "SUPERSET_CONFIG_PATH": str(config), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=False,
    )


def test_other_commands_of_superset_start_as_they_do_without_the_plugin(tmp_path: Path) -> None:
    """Superset's own words and exit code, with the plugin's commands beside them."""
    config = tmp_path / "superset_config.py"
    config.write_text("def (:")
    done = superset("version", config)
    assert "Failed to create app" in done.stderr
    assert "SyntaxError" in done.stderr


def test_before_superset_init_nothing_is_made_and_after_it_everything(deployment: Deployment, tmp_path: Path) -> None:
    """As an admin who goes step by step; JSON is JSON at both doors, and nobody reads of Superset's own doings."""
    shutil.copyfile(deployment.folder.parent / "migrated.db", tmp_path / "superset.db")
    config = tmp_path / "superset_config.py"
    more = 'FEATURE_FLAGS = {"EMBEDDED_SUPERSET": True}'
    config.write_text("\n".join([KEY, FILE, HOOK, more]).replace("{folder}", str(tmp_path)))
    install = ("install", "--uri", deployment.warehouse, "--schema", SCHEMA)
    told = sentence(knock("superset", config, *install))
    assert re.search(r"has not made its permissions yet, such as 'can .*'; run: superset init", told)
    assert roles(tmp_path) == {}
    assert sentence(knock("script", config, "embed", *PORTAL)).endswith("run: superset campaign install")
    init = superset("init", config)
    assert init.returncode == 0, init.stderr[-2000:]
    installed = knock("superset", config, *install)
    assert (installed.returncode, installed.stderr) == (0, "")
    assert re.search(rf"^created +role +{ROLE}$", installed.stdout, re.MULTILINE)
    from superset_campaign_plugin.embedding.roles import VIEWER_PERMISSIONS

    assert {pair for pair in roles(tmp_path)[ROLE] if pair[0] != "datasource_access"} == set(VIEWER_PERMISSIONS)
    assert len(roles(tmp_path)[ROLE]) == len(VIEWER_PERMISSIONS) + len(DATASETS)
    for wrong, said in (
        (("install", "--database", "Nowhere"), "unknown database 'Nowhere': known are: Campaign Warehouse"),
        (
            ("refresh", "--lock-wait", "x"),
            "for .--lock-wait.: .*; see: superset campaign refresh --help",
        ),
    ):
        refused = knock("superset", config, *wrong)
        assert re.search(said, sentence(refused))
        assert refused.returncode == 2
    told = {door: knock(door, config, *COMMANDS["embed"]) for door in DOORS}
    assert json.loads(told["superset"].stdout) == json.loads(told["script"].stdout)
    for done in told.values():
        assert done.returncode == 0
        assert all(line.startswith("superset_config.py lacks: ") for line in done.stderr.splitlines())


def roles(folder: Path) -> dict[str, set[tuple[str, str]]]:
    """The permissions of the plugin's roles in a metadata database."""
    statement = (
        "SELECT r.name, p.name, v.name FROM ab_role r JOIN ab_permission_view_role rp ON rp.role_id = r.id "
        "JOIN ab_permission_view pv ON pv.id = rp.permission_view_id JOIN ab_permission p ON p.id = pv.permission_id "
        "JOIN ab_view_menu v ON v.id = pv.view_menu_id WHERE r.name LIKE 'Campaign Report%'"
    )
    found: dict[str, set[tuple[str, str]]] = {}
    engine = sa.create_engine(f"sqlite:///{folder}/superset.db", poolclass=sa.pool.NullPool)
    with engine.connect() as connection:
        for role, permission, view in connection.execute(sa.text(statement)):
            found.setdefault(role, set()).add((permission, view))
    return found


# ---------------------------------------------------------------------------------------------------------------
# What people deleted or renamed


@pytest.fixture
def restored(deployment: Deployment) -> Iterator[Deployment]:
    """An application context; afterwards the metadata database is what it was, to the byte."""
    from superset import db

    file = deployment.folder / "superset.db"
    kept = file.with_suffix(".kept")
    with deployment.app.app_context():
        db.session.commit()
        shutil.copyfile(file, kept)
        try:
            yield deployment
        finally:
            db.session.rollback()
            db.session.remove()
            db.engine.dispose()
            shutil.move(kept, file)


def dataset(name: str = REPORT) -> Any:
    from superset.connectors.sqla.models import SqlaTable

    from superset_campaign_plugin.superset_assets.identity import dataset_uuid
    from superset_campaign_plugin.superset_assets.installed_assets import find

    return find(SqlaTable, str(dataset_uuid(name)))


def nothing_installed(_: Deployment) -> None:
    from superset_campaign_plugin.bundle.uninstall import uninstall

    uninstall()


def renamed_dataset(_: Deployment) -> None:
    dataset().table_name = "our_campaigns"


def deleted_dataset(_: Deployment) -> None:
    from superset import db

    db.session.delete(dataset())


def deleted_datasets(_: Deployment) -> None:
    from superset import db

    from superset_campaign_plugin.superset_assets.installed_assets import installed_datasets

    for each in installed_datasets():
        db.session.delete(each)


def deleted_dashboard(_: Deployment) -> None:
    from superset import db
    from superset.models.dashboard import Dashboard

    db.session.delete(db.session.query(Dashboard).filter_by(slug="campaign-email-performance").one())


def deleted_connection(_: Deployment) -> None:
    from superset import db

    db.session.delete(dataset().database)


def deleted_role(_: Deployment) -> None:
    from superset import db, security_manager

    db.session.delete(security_manager.find_role(ROLE))


def lost_hook(deployment: Deployment) -> None:
    from superset_campaign_plugin.config import EXTENSION

    deployment.app.extensions.pop(EXTENSION)


def warehouse_without_tables(_: Deployment) -> None:
    dataset().database.set_sqlalchemy_uri("duckdb:///:memory:")


ANSWER = None  # it does what it is for
NOT_INSTALLED = "not installed here; run: superset campaign install"
ANEW = "deleted in Superset; run: superset campaign install, which creates what is missing"

# By state and command: what the sentence says; ANSWER where the command works.
STATES: list[tuple[Callable[[Deployment], None], dict[str, str | None]]] = [
    (
        nothing_installed,
        {
            "install": ANSWER,
            "uninstall": ANSWER,
            "grant": NOT_INSTALLED,
            "revoke": "unknown role",
            "list": ANSWER,
            "embed": NOT_INSTALLED,
            "refresh": NOT_INSTALLED,
        },
    ),
    (renamed_dataset, dict.fromkeys(["grant", "revoke", "embed"], ANSWER)),
    (deleted_dataset, {"install": ANSWER, "grant": ANEW, "embed": ANEW}),
    (
        deleted_datasets,
        {"uninstall": ANSWER, "grant": ANEW, "revoke": ANEW, "list": ANSWER, "embed": ANEW},
    ),
    (deleted_dashboard, {"install": ANSWER, "uninstall": ANSWER, "grant": ANSWER, "embed": ANEW}),
    (
        deleted_connection,
        {
            "install": "no database is registered|unknown database",
            "uninstall": ANSWER,
            "grant": ANEW,
            "refresh": "connection was deleted in Superset; register it again, and run: superset campaign install",
        },
    ),
    (
        deleted_role,
        {
            "grant": "unknown role 'Campaign Report Viewer'",
            "revoke": "no role 'Campaign Report Viewer' any more; remove its boundary with: .* --lift",
        },
    ),
    (lost_hook, dict.fromkeys(COMMANDS, "add to superset_config.py: from superset_campaign_plugin import init_app")),
    (warehouse_without_tables, {"grant": "the workspaces of 'Campaign Warehouse' cannot be read: "}),
]


def state_cases() -> list[Any]:
    """What the table names; with ROUNDS, as in `make soak`, every command in every state."""
    return [
        pytest.param(change, told, name, id=f"{change.__name__}-{name}")
        for change, told in STATES
        for name in COMMANDS
        if name in told or SOAK
    ]


@pytest.mark.parametrize(("change", "told", "name"), state_cases())
def test_what_people_did_to_the_report_is_a_sentence(
    restored: Deployment, change: Callable[[Deployment], None], told: dict[str, str | None], name: str
) -> None:
    from superset import db

    from superset_campaign_plugin.embedding import row_access

    row_access.grant(ROLE, ["EMEA"])
    extensions = dict(restored.app.extensions)
    try:
        change(restored)
        db.session.commit()
        result = run(*COMMANDS[name])
    finally:
        restored.app.extensions.update(extensions)
    if name not in told:
        # One or the other, as the command sees fit; a traceback never.
        if result.exit_code:
            sentence(result)
        return
    wanted = told[name]
    if wanted is None:
        assert (result.exit_code, result.exception) == (0, None), result.output
        if "--json" in COMMANDS[name]:
            json.loads(result.stdout)
    else:
        assert re.search(wanted, sentence(result)), result.stderr


def test_json_tells_what_each_role_may_see(restored: Deployment) -> None:
    emea = {"workspace": "EMEA", "program": None, "instance": None}

    def told(*arguments: str) -> Any:
        result = run(*arguments, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    assert told("list") == []
    assert told("grant", ROLE, "--workspace", "EMEA") == {"role": ROLE, "grants": [emea]}
    assert told("list") == [{"role": ROLE, "grants": [emea]}]
    assert told("revoke", ROLE) == {"role": ROLE, "grants": []}
    assert told("revoke", ROLE, "--lift") == {"role": ROLE, "grants": None}
    assert told("embed", *PORTAL)["dashboard"]
    assert told("embed", "--off") is None


@pytest.mark.parametrize("text", ["no JSON", "5", '[{"workspace": null}]', '[{"place": "EMEA"}]', '[["EMEA"]]'])
@pytest.mark.parametrize("name", ["grant", "revoke", "list"])
def test_a_rule_whose_description_was_edited_is_a_sentence(restored: Deployment, name: str, text: str) -> None:
    from superset import db
    from superset.connectors.sqla.models import RowLevelSecurityFilter

    from superset_campaign_plugin.embedding import row_access

    row_access.grant(ROLE, ["EMEA"])
    db.session.query(RowLevelSecurityFilter).filter_by(name=f"Campaign report: {ROLE}").one().description = text
    db.session.commit()
    assert "was changed; delete the rule and grant again" in sentence(run(*COMMANDS[name]))


# ---------------------------------------------------------------------------------------------------------------
# The account of the warehouse

PASSWORD = "p@ss/w%rd:x#y?z"


def test_a_password_of_any_characters_is_kept_and_a_missing_right_is_said(
    bare: Deployment, restored: Deployment, mysql_server: str
) -> None:
    """As Superset keeps the connection: it connects by it, shows no password, and knows it again."""
    import logs
    from superset import db
    from superset.models.core import Database

    admin = sa.create_engine(f"{mysql_server}/mysql", isolation_level="AUTOCOMMIT", poolclass=sa.pool.NullPool)
    place = mysql_server.partition("@")[2]
    with admin.connect() as connection:
        connection.execute(sa.text("CREATE DATABASE door"))
        connection.execute(sa.text("CREATE USER doorman@'%' IDENTIFIED BY :password"), {"password": PASSWORD})
    log = logs.Log().campaign(1, "Spring").email(10, "Invitation").send(1, 10, 100, "2024-03-01 10:00")
    logs.write(log, f"{mysql_server}/door?charset=utf8mb4&local_infile=1")

    def install(password: str) -> Result:
        uri = f"mysql+pymysql://doorman:{password}@{place}/door?charset=utf8mb4"
        return run("install", "--database", "By the door", "--uri", uri)

    try:
        raw = sentence(install(PASSWORD))
        assert "percent-encoded: @ as %40" in raw
        assert not any(part in raw for part in ("p@ss", "w%rd", "x#y"))
        encoded = quote(PASSWORD, safe="")
        assert db.session.query(Database).filter_by(database_name="By the door").count() == 0
        with admin.connect() as connection:
            connection.execute(sa.text("GRANT SELECT ON door.campaign TO doorman"))
        # Superset's own account, which may not read all of the loader's tables.
        assert PASSWORD not in sentence(install(encoded))
        with admin.connect() as connection:
            connection.execute(sa.text("GRANT SHOW VIEW ON door.* TO doorman"))
        told = sentence(install(encoded))
        assert "an administrator runs: GRANT SELECT ON door.* TO 'doorman'@'%'" in told
        with admin.connect() as connection:
            connection.execute(sa.text("GRANT SELECT ON door.* TO doorman"))
        done = install(encoded)
        assert done.exit_code == 0, done.output
        kept = db.session.query(Database).filter_by(database_name="By the door").one()
        assert kept.sqlalchemy_uri == f"mysql+pymysql://doorman:XXXXXXXXXX@{place}/door?charset=utf8mb4"
        assert sa.engine.make_url(kept.sqlalchemy_uri_decrypted).password == PASSWORD
        again = install(encoded)
        assert (again.exit_code, "created" in again.stdout, "updated" in again.stdout) == (0, False, False), (
            again.output
        )
        assert run("refresh", "--dry-run").exit_code == 0
        assert "before two hexadecimal digits" in sentence(install("p%2541"))
    finally:
        db.session.rollback()
        with admin.connect() as connection:
            connection.execute(sa.text("DROP USER doorman@'%'"))
            connection.execute(sa.text("DROP DATABASE door"))
