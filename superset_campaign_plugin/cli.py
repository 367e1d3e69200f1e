"""The command line, with two doors: `superset-campaign …` and, inside a deployment, `superset campaign …`.

This module imports click alone. The `superset` command loads it at every start, so a fault here would break all of
them, and every import would slow them; each command loads what it needs and calls one function.
"""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from datetime import date, datetime
    from uuid import UUID

    from superset_campaign_plugin.report.rules import Rules


class _Group(click.Group):
    """Shows the plugin's errors as one line with their exit code, never as a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        from superset_campaign_plugin.errors import CampaignError

        try:
            return super().invoke(ctx)
        except CampaignError as error:
            click.echo(f"Error: {' '.join(str(error).split())}", err=True)
            ctx.exit(error.exit_code)


@click.group(cls=_Group, help="The Campaign Email Performance report for Apache Superset.")
@click.version_option(package_name="superset-campaign-plugin")
def campaign() -> None:
    pass


def main() -> None:
    """The console script."""
    campaign(prog_name="superset-campaign")


def _options(*options: Callable[..., Any]) -> Callable[..., Any]:
    return lambda command: functools.reduce(lambda wrapped, option: option(wrapped), reversed(options), command)


class _SourceOption(click.Option):
    """`--source`, whose help names the layouts that there are. They are looked up when somebody reads it."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        from superset_campaign_plugin.sources import layouts

        self.help = (
            f"Layout of the loader: {', '.join(sorted(layouts()))}, a mapping file of your own (.yaml), "
            "or a file that names several Marketo instances (.yaml)."
        )
        return super().get_help_record(ctx)


_source_name = click.option("--source", cls=_SourceOption, default="fivetran", show_default=True, metavar="NAME")

_source = _options(
    click.option("--schema", metavar="NAME", help="Schema of the loader's tables.  [default: the database's own]"),
    _source_name,
)

_warehouse = _options(
    click.option("--uri", required=True, metavar="URI", help="SQLAlchemy URI of the warehouse."), _source
)

_stored_schema = click.option(
    "--stored-schema",
    default="campaign_report",
    show_default=True,
    metavar="NAME",
    help="Schema of the stored tables, where the database has schemas.",
)

_stored_file = click.option(
    "--stored-file",
    metavar="FILE",
    help="File of the stored tables, on DuckDB.  [default: beside the warehouse's file]",
)

_stored = _options(
    click.option("--stored", is_flag=True, help="Read the tables that refresh keeps, in place of the log."),
    _stored_schema,
    _stored_file,
)

LEAVE_OUT = ("deleted", "bots", "operational", "archived")


def _rules(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options that say what counts, and hands them to the command as `rules`."""

    @click.option("--time-zone", default="UTC", show_default=True, metavar="ZONE", help="Whose days Sent Date is of.")
    @click.option(
        "--leave-out",
        multiple=True,
        type=click.Choice(LEAVE_OUT),
        help="Leave out deleted people, opens and clicks marked as bots', operational emails, archived assets.",
    )
    @click.option("--merged-apart", is_flag=True, help="Count merged people under the ids they had.")
    @functools.wraps(command)
    def with_rules(time_zone: str, leave_out: tuple[str, ...], merged_apart: bool, **options: Any) -> Any:
        from superset_campaign_plugin.report.rules import Rules, check_time_zone

        check_time_zone(time_zone)
        left_out: dict[str, Any] = {f"leave_out_{what}": True for what in leave_out}
        return command(rules=Rules(merge_people=not merged_apart, time_zone=time_zone, **left_out), **options)

    return with_rules


def _day(_: click.Context, option: click.Parameter, value: str | None) -> date | None:
    from datetime import date

    try:
        return None if value is None else date.fromisoformat(value)
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is no day; write it as 2026-01-31") from error


def _time(_: click.Context, option: click.Parameter, value: str | None) -> datetime | None:
    from datetime import datetime

    try:
        # Python 3.10 does not read the Z that most systems write.
        return None if value is None else datetime.fromisoformat(value.replace("Z", "+00:00"))
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is no time; write it as 2026-01-31 or 2026-01-31T09:30:00Z") from error


def _names(_: click.Context, option: click.Parameter, value: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in value.split(",") if name.strip())


def _conditions(_: click.Context, option: click.Parameter, values: tuple[str, ...]) -> dict[str, list[str]]:
    conditions: dict[str, list[str]] = {}
    for value in values:
        field, separator, wanted = value.partition("=")
        if not separator or not field:
            raise click.BadParameter(f"{value!r} is no condition; write it as FIELD=VALUE")
        conditions.setdefault(field.strip(), []).append(wanted)
    return conditions


@campaign.command()
@_warehouse
@_rules
@_stored
@click.option("--as-of", callback=_time, metavar="TIME", help="The clock that parts Pending from Aborted.  [now]")
@click.option("--from", "date_from", callback=_day, metavar="DAY", help="First day of the first send, inclusive.")
@click.option("--to", "date_to", callback=_day, metavar="DAY", help="Last day of the first send, exclusive.")
@click.option(
    "--by",
    default="campaign,email",
    show_default=True,
    callback=_names,
    metavar="LIST",
    help="Groupings: source, workspace, program, campaign, email, day, week, month; empty for one total.",
)
@click.option(
    "--where",
    multiple=True,
    callback=_conditions,
    metavar="FIELD=VALUE",
    help="Keep a dimension's value; the same field again allows another value, an empty value means none.",
)
@click.option(
    "--format",
    "form",
    default="table",
    show_default=True,
    type=click.Choice(["table", "csv", "json"]),
    help="Form of the output.",
)
def report(
    uri: str,
    schema: str | None,
    source: str,
    as_of: datetime | None,
    date_from: date | None,
    date_to: date | None,
    by: tuple[str, ...],
    where: dict[str, list[str]],
    form: str,
    rules: Rules,
    stored: bool,
    stored_schema: str,
    stored_file: str | None,
) -> None:
    """Print the report of a warehouse."""
    from superset_campaign_plugin.refresh.state import StoredSource
    from superset_campaign_plugin.report.output import FORMATS
    from superset_campaign_plugin.report.run import run_report

    found = run_report(
        uri,
        source=source,
        schema=schema,
        as_of=as_of,
        date_from=date_from,
        date_to=date_to,
        by=by,
        where=where,
        rules=rules,
        facts=StoredSource(stored_schema, stored_file) if stored else None,
    )
    # Names are data: click must not take anything out of them. The table has blanked what acts on a terminal.
    click.echo(FORMATS[form](found), nl=False, color=True)


@campaign.command()
@_warehouse
@_rules
@click.option("--as-of", callback=_time, metavar="TIME", help="The clock by which things are late or old.  [now]")
@click.option(
    "--format",
    "form",
    default="table",
    show_default=True,
    type=click.Choice(["table", "csv", "json"]),
    help="Form of the output.",
)
@click.option("--strict", is_flag=True, help="Exit with 1 if there is a problem.")
def doctor(
    uri: str, schema: str | None, source: str, rules: Rules, as_of: datetime | None, form: str, strict: bool
) -> None:
    """Say what a warehouse's log lacks, and what that does to the figures."""
    from superset_campaign_plugin.report.doctor import FORMS, run_doctor

    findings = run_doctor(uri, source=source, schema=schema, as_of=as_of, rules=rules)
    click.echo(FORMS[form](findings), nl=False, color=True)
    if strict and any(finding.severity == "problem" for finding in findings):
        click.get_current_context().exit(1)


@campaign.command()
@_warehouse
@_rules
@click.option("--dataset", default="campaign_email_performance", show_default=True, help="Which dataset's SQL.")
def sql(uri: str, schema: str | None, source: str, dataset: str, rules: Rules) -> None:
    """Print the SQL of a dataset, for the tables that a warehouse has."""
    from superset_campaign_plugin.errors import unknown
    from superset_campaign_plugin.report.datasets import Options
    from superset_campaign_plugin.report.run import dataset_sql
    from superset_campaign_plugin.semantics import load_semantics
    from superset_campaign_plugin.warehouse import connect

    if dataset not in load_semantics().datasets:
        raise unknown("dataset", dataset, load_semantics().datasets)
    with connect(uri) as (connection, engine):
        click.echo(dataset_sql(connection, engine, source, schema, Options(rules=rules), [dataset])[dataset])


@campaign.command()
@click.option("--uri", metavar="URI", help="SQLAlchemy URI of the warehouse.  [default: the installed report's]")
@_source
@_rules
@_stored_schema
@_stored_file
@click.option(
    "--lock-wait",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for tables that others use.",
)
@click.option("--full", is_flag=True, help="Compute everything anew.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def refresh(
    uri: str | None,
    schema: str | None,
    source: str,
    stored_schema: str,
    stored_file: str | None,
    lock_wait: float,
    rules: Rules,
    full: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Store records and rollups in the warehouse, or bring them up to date with what the loader has added.

    Without --uri it is the warehouse of the report that is installed in this Superset, with its settings.
    """
    import json

    if uri is None:
        with _superset():
            from superset_campaign_plugin.bundle.refreshing import refresh_installed

            summary = refresh_installed(full=full, dry_run=dry_run, lock_wait=lock_wait, progress=_print_step)
    else:
        from superset_campaign_plugin.refresh.run import refresh as run

        summary = run(
            uri,
            source=source,
            schema=schema,
            stored_schema=stored_schema,
            stored_file=stored_file,
            rules=rules,
            full=full,
            dry_run=dry_run,
            lock_wait=lock_wait,
            progress=_print_step,
        )
    if as_json:
        click.echo(json.dumps(summary.as_dict(), indent=2))
        return
    would = "would be " if dry_run else ""
    click.echo(f"{would}{summary.mode}: {summary.reason}; {sum(summary.new_rows.values()):,} rows read as new")
    if not dry_run:
        click.echo(f"{summary.records:,} records, {summary.daily_rows:,} daily rows, {summary.seconds:g} s")
    for note in summary.notes:
        click.echo(note)


def _print_step(title: str) -> None:
    """Progress for a person who watches; a log gets the summary alone."""
    import sys

    if sys.stderr.isatty():
        click.echo(f"{title} ...", err=True)


@campaign.command()
@click.argument("files", nargs=-1, required=True, type=click.Path())
@click.option("--uri", required=True, metavar="URI", help="SQLAlchemy URI of the warehouse.")
@click.option("--schema", metavar="NAME", help="Schema of the table of activities.  [default: the database's own]")
@click.option("--rejected", type=click.Path(), metavar="DIR", help="Where bad rows are set aside.  [beside each file]")
@click.option(
    "--max-rejected",
    type=click.IntRange(min=0),
    metavar="N",
    help="Stop at a file with more bad rows.  [more than 100, and a tenth of the file so far]",
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def load(
    files: tuple[str, ...], uri: str, schema: str | None, rejected: str | None, max_rejected: int | None, as_json: bool
) -> None:
    """Store Marketo's bulk activity extracts (CSV or TSV, plain or gzip) in the table marketo_activity.

    The same command again goes on where it was broken off; what is stored already stays as it is.
    """
    import json
    from pathlib import Path

    from superset_campaign_plugin.load.run import load_files

    with _progress_bar() as advance:
        summary = load_files(
            uri,
            [Path(file) for file in files],
            schema=schema,
            rejected=None if rejected is None else Path(rejected),
            max_rejected=max_rejected,
            on_progress=advance,
        )
    for line in summary.notes():
        click.echo(line, err=True)
    click.echo(json.dumps(summary.as_dict(), indent=2) if as_json else summary.text())
    if not summary.complete:
        click.get_current_context().exit(1)


@contextlib.contextmanager
def _progress_bar() -> Iterator[Callable[[int, int], None]]:
    """Shows how much is done of how much; nothing where stderr is no terminal."""
    stream = click.get_text_stream("stderr")
    if not stream.isatty():
        yield lambda done, total: None
        return
    with click.progressbar(length=0, file=stream) as bar:

        def advance(done: int, total: int) -> None:
            bar.length = total
            bar.update(done - bar.pos)

        yield advance


@campaign.command("load-emails")
@click.argument("directory", type=click.Path())
@click.option("--uri", required=True, metavar="URI", help="SQLAlchemy URI of the warehouse.")
@click.option("--schema", metavar="NAME", help="Schema of the table of contents.  [default: the database's own]")
def load_emails(directory: str, uri: str, schema: str | None) -> None:
    """Store the emails of DIRECTORY for the preview: <email_id>.html, and emails.yaml with subjects and senders."""
    from pathlib import Path

    from superset_campaign_plugin.preview.contents import load_emails as load

    result = load(uri, Path(directory), schema=schema)
    click.echo(f"{result.loaded} emails stored")


@campaign.command("pull-emails")
@click.option("--uri", required=True, metavar="URI", help="SQLAlchemy URI of the warehouse.")
@click.option("--schema", metavar="NAME", help="Schema of the table of contents.  [default: the database's own]")
@click.option("--all", "everything", is_flag=True, help="Fetch also what is stored in its newest version.")
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
def pull_emails(uri: str, schema: str | None, everything: bool, as_json: bool) -> None:
    """Store Marketo's emails for the preview; MARKETO_URL, _CLIENT_ID and _CLIENT_SECRET say where and who."""
    import json
    import os

    from superset_campaign_plugin.marketo.emails import pull_emails as pull

    with _progress("Emails") as progress:
        result = pull(uri, os.environ, schema=schema, everything=everything, progress=progress)
    for failure in result.failures:
        click.echo(f"email {failure.email_id} not stored: {failure.reason}", err=True)
    if as_json:
        failed = [{"email_id": failure.email_id, "reason": failure.reason} for failure in result.failures]
        click.echo(json.dumps({"stored": result.stored, "unchanged": result.unchanged, "failed": failed}))
    else:
        counts = f"{result.stored} emails stored, {result.unchanged} were up to date"
        click.echo(f"{counts}, {len(result.failures)} could not be read" if result.failures else counts)


@contextlib.contextmanager
def _progress(label: str) -> Iterator[Callable[[int, int], None]]:
    """A function that takes how much is done of how much, and draws it on the standard error if that is a terminal."""
    with contextlib.ExitStack() as stack:
        bars: list[Any] = []

        def draw(done: int, total: int) -> None:
            if not bars:
                bars.append(stack.enter_context(click.progressbar(length=total, label=label, file=sys.stderr)))
            bars[0].update(done - bars[0].pos)

        yield draw if sys.stderr.isatty() else lambda done, total: None


@campaign.command()
@_warehouse
@_rules
@_stored
@click.option("--database", default="Campaign Warehouse", show_default=True, help="Name of the connection.")
@click.option(
    "--database-uuid", type=click.UUID, metavar="UUID", help="A connection that is there already, which stays as it is."
)
@click.option(
    "--for",
    "kind",
    default="dashboards",
    show_default=True,
    type=click.Choice(["dashboards", "assets"]),
    help="Superset's import that takes it.",
)
@click.option("--preview-links", is_flag=True, help="Link emails to their previews: that Superset has the plugin.")
@click.option("--app-root", metavar="PATH", help="Path under which that Superset is served, for --preview-links.")
@click.option("--output", type=click.Path(dir_okay=False, writable=True), required=True, help="The ZIP to write.")
def bundle(
    uri: str,
    schema: str | None,
    source: str,
    rules: Rules,
    stored: bool,
    stored_schema: str,
    stored_file: str | None,
    database: str,
    database_uuid: UUID | None,
    kind: str,
    preview_links: bool,
    app_root: str | None,
    output: str,
) -> None:
    """Write a ZIP that Superset's own import of dashboards, or of assets, takes."""
    from pathlib import Path

    from superset_campaign_plugin.bundle.assemble import Target, preview_path, write_bundle
    from superset_campaign_plugin.refresh.state import StoredSource

    write_bundle(
        Path(output),
        uri=uri,
        schema=schema,
        source=source,
        target=Target(kind, database, database_uuid, preview_path(preview_links, app_root)),
        rules=rules,
        facts=StoredSource(stored_schema, stored_file) if stored else None,
    )
    where = "under Dashboards" if kind == "dashboards" else "by POST to /api/v1/assets/import/"
    sparse = ", with sparse=true" if kind == "assets" and database_uuid else ""
    click.echo(f"{output} written; import it in Superset {where}{sparse}", err=True)


@campaign.command()
@click.option("--database", metavar="NAME", help="A database that is registered in Superset, or the name for --uri.")
@click.option("--uri", metavar="URI", help="SQLAlchemy URI of a warehouse to register.")
@_source
@click.option("--overwrite", is_flag=True, help="Replace also what people changed since the last installation.")
def install(database: str | None, uri: str | None, schema: str | None, source: str, overwrite: bool) -> None:
    """Install or upgrade datasets, charts, dashboard and viewer role in this Superset."""
    with _superset():
        from superset_campaign_plugin.bundle.install import install as install_bundle

        changes = install_bundle(database=database, uri=uri, schema=schema, source=source, overwrite=overwrite)
        _print_changes(changes)
        if any(change.action == "kept" for change in changes):
            click.echo("kept: changed in Superset since it was installed; --overwrite replaces it", err=True)


@campaign.command()
@click.confirmation_option(prompt="Remove the report's dashboard, charts and datasets from this Superset?")
def uninstall() -> None:
    """Remove exactly what install has made."""
    with _superset():
        from superset_campaign_plugin.bundle.install import uninstall as uninstall_bundle

        changes = uninstall_bundle()
        _print_changes(changes)
        if not changes:
            click.echo("nothing is installed", err=True)


@campaign.command()
@click.argument("role")
@click.option("--workspace", "workspaces", multiple=True, required=True, metavar="NAME", help="A workspace to show.")
@click.option("--program", "programs", multiple=True, metavar="NAME", help="Of these workspaces only this program.")
@click.option("--instance", "instances", multiple=True, metavar="NAME", help="Only in this Marketo instance.  [all]")
@click.option("--force", is_flag=True, help="Take names that the report does not hold yet.")
def grant(
    role: str, workspaces: tuple[str, ...], programs: tuple[str, ...], instances: tuple[str, ...], force: bool
) -> None:
    """Let ROLE see workspaces of the report, and no others but those it was granted before."""
    with _superset():
        from superset_campaign_plugin.embedding.boundaries import grant as grant_rows

        _print_grants({role: grant_rows(role, workspaces, programs, instances, force=force)})


@campaign.command()
@click.argument("role")
@click.option("--workspace", "workspaces", multiple=True, metavar="NAME", help="Only this workspace.  [all]")
@click.option("--program", "programs", multiple=True, metavar="NAME", help="Only this program.  [all]")
@click.option("--instance", "instances", multiple=True, metavar="NAME", help="Only in this Marketo instance.  [all]")
@click.option("--lift", "lifted", is_flag=True, help="Remove the boundary: ROLE sees every workspace again.")
def revoke(
    role: str, workspaces: tuple[str, ...], programs: tuple[str, ...], instances: tuple[str, ...], lifted: bool
) -> None:
    """Take back what ROLE was granted. Without any grant left it sees nothing."""
    with _superset():
        from superset_campaign_plugin.embedding import boundaries

        if lifted:
            boundaries.lift(role)
            click.echo(f"{role}: everything")
        else:
            _print_grants({role: boundaries.revoke(role, workspaces, programs, instances)})


@campaign.command("list")
def list_grants() -> None:
    """Show which roles have a boundary, and what they may see."""
    with _superset():
        from superset_campaign_plugin.embedding.boundaries import list_grants as all_grants

        found = all_grants()
        _print_grants(found)
        if not found:
            click.echo("no role has a boundary", err=True)


def _print_grants(found: dict[str, list[Any]]) -> None:
    for role, grants in found.items():
        for each in grants:
            place = each.workspace or "(no workspace)"
            program = "" if each.program is None else f", program {each.program}"
            instance = "" if each.instance is None else f", Marketo instance {each.instance}"
            click.echo(f"{role}: {place}{program}{instance}")
        if not grants:
            click.echo(f"{role}: nothing")


@campaign.command()
@click.option("--allow-domain", "domains", multiple=True, metavar="ORIGIN", help="A portal that may embed the report.")
@click.option("--narrow-role", is_flag=True, help="Take from the guest role what guests of the report do not need.")
@click.option("--off", is_flag=True, help="Stop embedding.")
@click.option("--json", "as_json", is_flag=True, help="Print what a portal's back end needs, as JSON.")
def embed(domains: tuple[str, ...], narrow_role: bool, off: bool, as_json: bool) -> None:
    """Let portals embed the dashboard, and print its id for them."""
    import json

    with _superset():
        from superset_campaign_plugin.embedding import embed as embedded

        if off:
            click.echo("embedding is off" if embedded.stop_embedding() else "embedding was off already", err=True)
            return
        embedding = embedded.embed(list(domains))
        if narrow_role:
            for name in embedded.narrow_role():
                click.echo(f"guests may no longer: {name}", err=True)
        elif wider := embedded.wider_role():
            click.echo(f"{wider}; --narrow-role takes that away", err=True)
        click.echo(json.dumps(embedding.as_dict(), indent=2) if as_json else embedding.dashboard)
        for setting in embedded.missing_settings():
            click.echo(f"superset_config.py lacks: {setting}", err=True)


def _print_changes(changes: list[Any]) -> None:
    for change in changes:
        click.echo(f"{change.action:<10} {change.kind.removesuffix('s'):<10} {change.name}")


@contextlib.contextmanager
def _superset() -> Iterator[None]:
    """Superset's application context: the running one, or a new one when called through the console script."""
    from flask import has_app_context

    if has_app_context():
        yield
        return
    from superset_campaign_plugin.deployment import superset_app

    with superset_app().app_context():
        yield
