"""Starts Superset's application for commands, and checks that it is ready: whatever is wrong is one sentence."""

from __future__ import annotations

import contextlib
import functools
import io
import logging
import os
import sys
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError, SQLAlchemyError

from superset_campaign_plugin.config import EXTENSION
from superset_campaign_plugin.errors import CampaignError, DatabaseError, InstallError
from superset_campaign_plugin.versions import check_superset_version
from superset_campaign_plugin.warehouse import reason

if TYPE_CHECKING:
    from flask import Flask

_CONFIG_VARIABLE = "SUPERSET_CONFIG_PATH"
_CONFIG_FILE = "superset_config.py"
_HOOK = "from superset_campaign_plugin import init_app as FLASK_APP_MUTATOR"
_OURS = __name__.partition(".")[0]


def superset_app() -> Flask:
    """Build the application from the deployment's `superset_config.py`.

    Nothing that Superset prints or logs meanwhile is shown: of a start that fails, the error says why, and what a
    command is asked for as JSON must be JSON alone. Afterwards logs show Superset's errors, and the plugin's warnings.
    Raises `InstallError` if it does not start, `SettingsError` for a wrong settings block.
    """
    check_superset_version()
    with _in_silence():
        try:
            from superset.app import create_app

            app: Flask = create_app()
        except CampaignError:
            raise
        except SystemExit as error:
            raise InstallError(f"Superset did not start: {_why_refused()}") from error
        except Exception as error:
            raise InstallError(f"Superset did not start: {_why(error)}") from error
    for handler in logging.getLogger().handlers:
        handler.addFilter(_is_for_people)
    return app


def check_ready(app: Flask) -> None:
    """Within the application's context: whether the plugin is hooked in, and Superset has made its tables.

    Raises `InstallError` with what to run, and `DatabaseError` where Superset's own database cannot be reached.
    """
    if EXTENSION not in app.extensions:
        raise InstallError(f"the plugin is not hooked in; add to superset_config.py: {_HOOK}")
    with metadata_errors():
        found, wanted = _revisions(), _newest_revisions()
    if not found:
        raise InstallError("Superset's metadata database has no tables yet; run: superset db upgrade && superset init")
    if not wanted <= found:
        raise InstallError(
            "Superset's metadata database is of another version of Superset; run: superset db upgrade && superset init"
        )


@contextlib.contextmanager
def metadata_errors() -> Iterator[None]:
    """Within, an error of Superset's own database is a `DatabaseError` in one sentence."""
    try:
        yield
    except SQLAlchemyError as error:
        advice = "; check that its server runs" if isinstance(error, OperationalError) else ""
        raise DatabaseError(f"Superset's metadata database refuses: {reason(error)}{advice}") from error


@contextlib.contextmanager
def _in_silence() -> Iterator[None]:
    before = logging.root.manager.disable
    if not sys.warnoptions:
        # Those of Superset and of what it is made from are of use to nobody here.
        warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.disable(before)


def _is_for_people(record: logging.LogRecord) -> bool:
    ours = record.name.partition(".")[0] == _OURS
    return record.levelno >= (logging.WARNING if ours else logging.ERROR)


def _why_refused() -> str:
    """Why Superset ended its own start."""
    from superset.constants import CHANGE_ME_SECRET_KEY

    config = sys.modules.get("superset.config")
    if getattr(config, "SECRET_KEY", None) != CHANGE_ME_SECRET_KEY:
        return "it ended itself; run `superset version`, which shows why"
    if _config_file() is None:
        return f"no {_CONFIG_FILE} was found; set {_CONFIG_VARIABLE} to its path"
    return f"SECRET_KEY is not set; set it in {_config_file()}, for example to the output of: openssl rand -base64 42"


def _why(error: BaseException) -> str:
    """What kept Superset from starting: a fault of its configuration, its database, or else the error by its name."""
    chain = list(_chain(error))
    asked = os.environ.get(_CONFIG_VARIABLE)
    for each in chain:
        if isinstance(each, OSError) and asked is not None and each.filename == asked:
            return f"{_CONFIG_VARIABLE} names {asked}: {each.strerror}"
        if isinstance(each, SyntaxError):
            return f"{each.filename}, line {each.lineno}: {each.msg}; correct it there"
    for each in chain:
        if isinstance(each, DBAPIError):
            return (
                f"its metadata database cannot be reached: {reason(each)}; check SQLALCHEMY_DATABASE_URI in "
                f"{_CONFIG_FILE}, and that its server runs and lets Superset in"
            )
        if isinstance(each, NoSuchModuleError):
            return f"SQLALCHEMY_DATABASE_URI in {_CONFIG_FILE}: {each}"
        if isinstance(each, ArgumentError):
            # The text may hold a password, so it is not repeated.
            return f"SQLALCHEMY_DATABASE_URI in {_CONFIG_FILE} is not a valid database URI"
    file = str(_config_file() or "")
    for each in reversed(chain):
        lines = [frame.lineno for frame in traceback.extract_tb(each.__traceback__) if frame.filename == file]
        if lines:
            return f"{file}, line {lines[-1]}: {_named(each)}; correct it there"
    return f"{_named(error)}; `superset version` shows the whole error"


def _named(error: BaseException) -> str:
    text = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _config_file() -> Path | None:
    """The deployment's configuration, as Superset looks for it."""
    asked = os.environ.get(_CONFIG_VARIABLE)
    if asked:
        return Path(asked)
    module = sys.modules.get("superset_config")
    if module is None:
        from importlib.util import find_spec

        spec = find_spec("superset_config")
        return Path(spec.origin) if spec is not None and spec.origin else None
    return Path(str(module.__file__))


def _revisions() -> set[str]:
    """The migrations that the metadata database is at."""
    from alembic.runtime.migration import MigrationContext
    from superset import db

    with db.engine.connect() as connection:
        return set(MigrationContext.configure(connection).get_current_heads())


@functools.cache
def _newest_revisions() -> set[str]:
    """The newest migrations of the Superset that is installed."""
    import superset
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(superset.__file__).parent / "migrations"))
    return set(ScriptDirectory.from_config(config).get_heads())
