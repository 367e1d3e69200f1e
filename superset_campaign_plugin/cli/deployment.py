"""Commands that bring the report into a Superset and take it out: bundle, install, uninstall."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from superset_campaign_plugin.cli.application import in_superset
from superset_campaign_plugin.cli.group import campaign
from superset_campaign_plugin.cli.options import (
    check_stored_options,
    chosen_source,
    rules_options,
    source_options,
    stored_options,
    uri_options,
)

if TYPE_CHECKING:
    from uuid import UUID

    from superset_campaign_plugin.report.rules import Rules


@campaign.command()
@uri_options(unless="engine")
@click.option("--engine", metavar="NAME", help="The SQL engine, in place of --uri, with all tables of the layout.")
@click.option("--without", multiple=True, metavar="TABLE[.COLUMN]", help="With --engine: what the warehouse lacks.")
@source_options
@rules_options
@stored_options
@click.option("--database", metavar="NAME", help="Name of the connection.  [default: Campaign Warehouse (imported)]")
@click.option(
    "--database-uuid", type=click.UUID, metavar="UUID", help="A connection that is there already, which stays as it is."
)
@click.option(
    "--for",
    "kind",
    default="dashboards",
    show_default=True,
    type=click.Choice(["dashboards", "assets"]),
    help="The import of Superset that the ZIP is for.",
)
@click.option("--preview-links", is_flag=True, help="Link emails to their previews, if that Superset has the plugin.")
@click.option("--app-root", metavar="PATH", help="Path under which that Superset is served, for --preview-links.")
@click.option("--with-people", is_flag=True, help="With the dashboard of single people; the import makes no role.")
@click.option("--output", type=click.Path(dir_okay=False, writable=True), required=True, help="The ZIP to write.")
def bundle(
    uri: str | None,
    engine: str | None,
    without: tuple[str, ...],
    schema: str | None,
    source: str | None,
    table_prefix: str | None,
    rules: Rules,
    stored: bool,
    stored_schema: str,
    stored_file: str | None,
    database: str | None,
    database_uuid: UUID | None,
    kind: str,
    preview_links: bool,
    app_root: str | None,
    with_people: bool,
    output: str,
) -> None:
    """Write a ZIP that Superset's own import of dashboards, or of assets, takes.

    With --uri it is for the tables that the warehouse has now, with --engine for all that the loader's layout knows.
    """
    from pathlib import Path

    from superset_campaign_plugin.bundle.assemble import (
        DEFAULT_DATABASE,
        Target,
        preview_path,
        write_bundle,
        write_bundle_for_layout,
    )
    from superset_campaign_plugin.errors import UsageError
    from superset_campaign_plugin.refresh.state import StoredSource

    check_stored_options(stored)
    if uri is not None and engine is not None:
        raise UsageError("give --uri, or --engine to make a bundle without a warehouse, and not both")
    if database is not None and database_uuid is not None:
        raise UsageError("--database-uuid is a connection that has a name already; leave out --database")
    path = preview_path(preview_links, app_root)
    target = Target(kind, database or DEFAULT_DATABASE, database_uuid, path, with_people)
    file = Path(output)
    if uri is not None:
        if without:
            raise UsageError("--without is for --engine: with --uri the warehouse itself shows what it lacks")
        facts = StoredSource(stored_schema, stored_file) if stored else None
        known = {"stored": stored, "stored_schema": stored_schema, "stored_file": stored_file}
        found = chosen_source(source, table_prefix, uri, schema, **known)
        write_bundle(file, uri=uri, schema=schema, source=found, target=target, rules=rules, facts=facts)
    else:
        if stored:
            raise UsageError("--stored needs a --uri: what a refresh has stored decides the SQL")
        found = chosen_source(source, table_prefix, None, schema)
        write_bundle_for_layout(
            file, engine=str(engine), schema=schema, source=found, target=target, rules=rules, without=without
        )
    where = "under Dashboards" if kind == "dashboards" else "by POST to /api/v1/assets/import/"
    sparse = ", with sparse=true" if kind == "assets" and database_uuid else ""
    click.echo(f"{output} written; import it in Superset {where}{sparse}", err=True)
    if database_uuid is None:
        click.echo(
            f"the import writes over a connection named {target.database!r}, if there is one; "
            "for a connection of yours give --database-uuid",
            err=True,
        )
        if engine is not None:
            click.echo("after the import, write the warehouse's address into that connection", err=True)


_NOTHING_WRITTEN = "this is what would be done; nothing was written"

_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, and nothing else.")


@campaign.command()
@click.option("--database", metavar="NAME", help="A database that is registered in Superset, or the name for --uri.")
@uri_options("SQLAlchemy URI of a warehouse to register.", required=False)
@source_options
@click.option(
    "--overwrite",
    multiple=True,
    is_flag=False,
    flag_value="all",
    metavar="[NAME]",
    help="Replace what people changed in this dataset, chart or dashboard; without a name, in all of them.",
)
@click.option(
    "--with-people/--without-people",
    default=None,
    help="Install the dashboard about single people and a role for it, or remove both.  [default: as it is]",
)
@click.option(
    "--people-columns",
    metavar="NAMES",
    help="Columns of the loader's table of people to show in a dashboard of their own, with a role for it, as in "
    "email,company; an empty text for none.  [default: as it is, at first none]",
)
@click.option("--dry-run", is_flag=True, help="Say what would be done, and write nothing.")
@_json
def install(
    database: str | None,
    uri: str | None,
    schema: str | None,
    source: str | None,
    table_prefix: str | None,
    overwrite: tuple[str, ...],
    with_people: bool | None,
    people_columns: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Install or upgrade datasets, charts, dashboard and viewer role in this Superset.

    Without --database and --uri it is the warehouse of the installed report.
    """
    with in_superset():
        from superset_campaign_plugin.attributes import read_columns
        from superset_campaign_plugin.bundle.install import carry_out, planned_changes
        from superset_campaign_plugin.bundle.install_plan import InstallRequest, installed_request, make_plan
        from superset_campaign_plugin.bundle.next_steps import dashboard_paths, next_steps
        from superset_campaign_plugin.bundle.shown_people import plan_changes_figures
        from superset_campaign_plugin.superset_assets.manifest import read_manifest

        columns = None if people_columns is None else read_columns(people_columns)
        if database is None and uri is None and read_manifest() is not None:
            request = installed_request(overwrite, schema, source, table_prefix, with_people, columns)
        else:
            request = InstallRequest(
                *(database, uri, schema, source, overwrite),
                table_prefix=table_prefix,
                people=with_people,
                people_columns=columns,
            )
        plan = make_plan(request)
        figures = plan_changes_figures(plan)
        if figures is not None and not as_json:
            click.echo(figures.sentence, err=True)
        change = None if figures is None else figures.as_dict()
        if dry_run:
            changes = planned_changes(plan)
            print_changes(changes, [*plan.notes, _NOTHING_WRITTEN], as_json, figures_change=change)
        else:
            changes = carry_out(plan)
            after = {"dashboards": dashboard_paths(plan), "next": next_steps(plan)}
            print_changes(changes, plan.notes, as_json, figures_change=change, **after)
        if not as_json and any(not each.written for change in changes for each in change.differences):
            click.echo("`superset campaign diff` shows what is not as shipped; --overwrite NAME replaces it", err=True)


@campaign.command()
@click.argument("names", nargs=-1)
@click.option("--replaced", is_flag=True, help="Show what people had changed and an upgrade has replaced.")
@_json
def diff(names: tuple[str, ...], replaced: bool, as_json: bool) -> None:
    """Show field by field what is not as shipped, of all assets or those of these NAMES."""
    import json

    with in_superset():
        from superset_campaign_plugin.bundle.differences import as_text, differing_assets, replaced_values

        found = replaced_values(names) if replaced else differing_assets(names)
        click.echo(
            json.dumps(found, indent=2, default=str) if as_json else as_text(found, replaced=replaced), nl=as_json
        )


@campaign.command()
@_json
def status(as_json: bool) -> None:
    """Show what is installed, upon which database and rules, how old the stored tables are, and who may see it."""
    import json

    with in_superset():
        from superset_campaign_plugin.bundle.status import as_text, read_status

        found = read_status()
        click.echo(json.dumps(found, indent=2, default=str) if as_json else as_text(found), nl=as_json)


@campaign.command()
@_json
def validate(as_json: bool) -> None:
    """Check every asset and run every chart; exit with 1 if one fails."""
    import json

    with in_superset():
        from superset_campaign_plugin.bundle.validation import validate as validate_all

        checks = validate_all()
        if as_json:
            click.echo(json.dumps([check.as_dict() for check in checks], indent=2))
        else:
            for check in checks:
                click.echo(f"{'ok' if check.passed else 'failed':<8} {check.kind:<10} {check.name}: {check.message}")
    if not all(check.passed for check in checks):
        click.get_current_context().exit(1)


@campaign.command()
@click.option("--yes", is_flag=True, help="Do not ask first.")
@click.option("--dry-run", is_flag=True, help="Say what would be removed, and remove nothing.")
@click.option("--stored-tables", is_flag=True, help="Drop also the tables that refresh keeps in the warehouse.")
@_json
def uninstall(yes: bool, dry_run: bool, stored_tables: bool, as_json: bool) -> None:
    """Remove exactly what install has made."""
    with in_superset():
        from superset_campaign_plugin.bundle.uninstall import plan_removal
        from superset_campaign_plugin.bundle.uninstall import uninstall as remove

        removal = plan_removal(stored_tables=stored_tables)
        if removal is None:
            print_changes([], ["nothing is installed"], as_json)
        elif dry_run:
            notes = [f"in the way: {each}" for each in removal.in_the_way]
            print_changes(removal.changes(), [*notes, *removal.notes(), _NOTHING_WRITTEN], as_json)
        else:
            if not yes:
                asked = "Remove the report's dashboards, charts and datasets from this Superset (--yes: do not ask)?"
                click.confirm(asked, abort=True)
            print_changes(remove(removal), removal.notes(), as_json)


def print_changes(changes: list[Any], notes: list[str], as_json: bool, **after: Any) -> None:
    """What was done; `after` says where the dashboards are, by title, and what is to be done next."""
    import json

    if as_json:
        found = {"changes": [each.as_dict() for each in changes], "notes": notes, **after}
        click.echo(json.dumps(found, indent=2, default=str))
        return
    for change in changes:
        click.echo(f"{change.action:<10} {change.kind.removesuffix('s'):<10} {change.name}")
        for difference in change.differences:
            click.echo(f"{'':<12}{difference.outcome:<12}{difference.field}")
    for title, path in after.get("dashboards", {}).items():
        click.echo(f"{title} is at {path}")
    for step in after.get("next", []):
        click.echo(f"next: {step}")
    for note in notes:
        click.echo(note, err=True)
