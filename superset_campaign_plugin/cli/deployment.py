"""Commands that bring the report into a Superset and take it out: bundle, install, uninstall."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from superset_campaign_plugin.cli.application import in_superset
from superset_campaign_plugin.cli.group import campaign
from superset_campaign_plugin.cli.options import rules_options, source_options, stored_options, warehouse_options

if TYPE_CHECKING:
    from uuid import UUID

    from superset_campaign_plugin.report.rules import Rules


@campaign.command()
@warehouse_options
@rules_options
@stored_options
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
@source_options
@click.option("--overwrite", is_flag=True, help="Replace also what people changed since the last installation.")
def install(database: str | None, uri: str | None, schema: str | None, source: str, overwrite: bool) -> None:
    """Install or upgrade datasets, charts, dashboard and viewer role in this Superset."""
    with in_superset():
        from superset_campaign_plugin.bundle.install import install as install_bundle

        changes = install_bundle(database=database, uri=uri, schema=schema, source=source, overwrite=overwrite)
        _print_changes(changes)
        if any(change.action == "kept" for change in changes):
            click.echo("kept: changed in Superset since it was installed; --overwrite replaces it", err=True)


@campaign.command()
@click.confirmation_option(prompt="Remove the report's dashboard, charts and datasets from this Superset?")
def uninstall() -> None:
    """Remove exactly what install has made."""
    with in_superset():
        from superset_campaign_plugin.bundle.install import uninstall as uninstall_bundle

        changes = uninstall_bundle()
        _print_changes(changes)
        if not changes:
            click.echo("nothing is installed", err=True)


def _print_changes(changes: list[Any]) -> None:
    for change in changes:
        click.echo(f"{change.action:<10} {change.kind.removesuffix('s'):<10} {change.name}")
