"""Commands that say who sees what: grant, revoke, list, embed."""

from __future__ import annotations

from typing import Any

import click

from superset_campaign_plugin.cli.application import in_superset
from superset_campaign_plugin.cli.group import campaign

_json_option = click.option("--json", "as_json", is_flag=True, help="Print what roles may see as JSON.")


@campaign.command()
@click.argument("role")
@click.option("--workspace", "workspaces", multiple=True, required=True, metavar="NAME", help="A workspace to show.")
@click.option("--program", "programs", multiple=True, metavar="NAME", help="Of these workspaces only this program.")
@click.option("--instance", "instances", multiple=True, metavar="NAME", help="Only in this Marketo instance.  [all]")
@click.option("--force", is_flag=True, help="Accept names that the report does not hold yet.")
@_json_option
def grant(
    role: str,
    workspaces: tuple[str, ...],
    programs: tuple[str, ...],
    instances: tuple[str, ...],
    force: bool,
    as_json: bool,
) -> None:
    """Let ROLE see workspaces of the report, and no others but those it was granted before."""
    with in_superset():
        from superset_campaign_plugin.embedding import row_access

        before = row_access.granted(role)
        after = row_access.grant(role, workspaces, programs, instances, force=force)
        if before == after:
            click.echo("this was granted already; nothing was changed", err=True)
        _print_role(role, after, as_json)


@campaign.command()
@click.argument("role")
@click.option("--workspace", "workspaces", multiple=True, metavar="NAME", help="Only this workspace.  [all]")
@click.option("--program", "programs", multiple=True, metavar="NAME", help="Only this program.  [all]")
@click.option("--instance", "instances", multiple=True, metavar="NAME", help="Only in this Marketo instance.  [all]")
@click.option("--lift", "lifted", is_flag=True, help="Remove the boundary: ROLE sees every workspace again.")
@_json_option
def revoke(
    role: str,
    workspaces: tuple[str, ...],
    programs: tuple[str, ...],
    instances: tuple[str, ...],
    lifted: bool,
    as_json: bool,
) -> None:
    """Take back what ROLE was granted. Without any grant left it sees nothing."""
    with in_superset():
        from superset_campaign_plugin.embedding import row_access
        from superset_campaign_plugin.errors import UsageError

        if lifted:
            if workspaces or programs or instances:
                raise UsageError(
                    "--lift removes the whole boundary, and the role sees every workspace again; leave out --lift to "
                    "take back what is named, or leave the names out"
                )
            row_access.lift(role)
            _print_role(role, None, as_json)
        else:
            _print_role(role, row_access.revoke(role, workspaces, programs, instances), as_json)


@campaign.command("list")
@_json_option
def list_grants(as_json: bool) -> None:
    """Show which roles have a boundary, and what they may see."""
    import json

    with in_superset():
        from superset_campaign_plugin.embedding.row_access import list_grants as all_grants

        found = all_grants()
        if as_json:
            click.echo(json.dumps([_as_dict(role, grants) for role, grants in found.items()], indent=2))
            return
        for role, grants in found.items():
            _print_role(role, grants, as_json)
        if not found:
            click.echo("no role has a boundary", err=True)


def _print_role(role: str, grants: list[Any] | None, as_json: bool) -> None:
    """What a role may see; None for everything."""
    import json

    if as_json:
        click.echo(json.dumps(_as_dict(role, grants), indent=2))
        return
    for each in grants or ():
        click.echo(f"{role}: {each.words}")
    if not grants:
        click.echo(f"{role}: {'everything' if grants is None else 'nothing'}")


def _as_dict(role: str, grants: list[Any] | None) -> dict[str, Any]:
    from dataclasses import asdict

    return {"role": role, "grants": None if grants is None else [asdict(each) for each in grants]}


@campaign.command()
@click.option(
    "--allow-domain",
    "domains",
    multiple=True,
    metavar="ORIGIN",
    help="The origin of a portal that may embed the report.",
)
@click.option("--narrow-role", is_flag=True, help="Take from the guest role what guests of the report do not need.")
@click.option("--off", is_flag=True, help="Stop embedding.")
@click.option("--json", "as_json", is_flag=True, help="Print what a portal's back end needs, as JSON.")
def embed(domains: tuple[str, ...], narrow_role: bool, off: bool, as_json: bool) -> None:
    """Let portals embed the dashboard, and print its id for them."""
    import json

    with in_superset():
        from superset_campaign_plugin.embedding import embed as embedded
        from superset_campaign_plugin.errors import UsageError

        if off:
            if domains or narrow_role:
                raise UsageError("--off stops embedding altogether; leave out --allow-domain and --narrow-role")
            click.echo("embedding is off" if embedded.stop_embedding() else "embedding was off already", err=True)
            if as_json:
                click.echo(json.dumps(None))
            return
        embedding = embedded.embed(list(domains))
        if narrow_role:
            taken = embedded.narrow_role()
            for name in taken:
                click.echo(f"guests may no longer: {name}", err=True)
            if not taken:
                click.echo("guests may do no more than they need, so nothing was taken from their role", err=True)
        elif wider := embedded.wider_role():
            click.echo(f"{wider}; --narrow-role takes that away", err=True)
        click.echo(json.dumps(embedding.as_dict(), indent=2) if as_json else embedding.dashboard)
        for setting in embedded.missing_settings():
            click.echo(f"superset_config.py lacks: {setting}", err=True)
