"""An admin presses Save without having changed anything, in each of Superset's editors: nothing counts as an edit."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from dashboard_page import DASHBOARD, LONG, log_in, settle
from deployment import DATABASE, SCHEMA, Deployment
from playwright.sync_api import Browser, Locator, Page, expect


@pytest.fixture(scope="module")
def page(browser: Browser, address: str, deployment: Deployment) -> Iterator[Page]:
    """The dashboard as an admin sees it."""
    context = browser.new_context(viewport={"width": 1440, "height": 1200}, base_url=address)
    page = context.new_page()
    page.set_default_timeout(LONG)
    log_in(page, "admin")
    yield page
    context.close()
    with deployment.app.app_context():
        from superset_campaign_plugin.bundle.install import install

        install(database=DATABASE, uri=None, schema=SCHEMA, source="fivetran", overwrite=True)


def differing(deployment: Deployment) -> dict[str, list[str]]:
    """What an installation says of every asset that is not as shipped."""
    from superset_campaign_plugin.bundle.install_plan import InstallRequest, make_plan

    with deployment.app.app_context():
        from superset import db

        db.session.expire_all()
        plan = make_plan(InstallRequest(DATABASE, None, SCHEMA, "fivetran"))
        return {
            f"{each.kind}/{each.name}": [f"{found.outcome} {'.'.join(found.path)}" for found in each.differences]
            for each in plan.assets
            if each.action != "unchanged"
        }


def edit(page: Page) -> None:
    """Open the dashboard to change it."""
    page.goto(DASHBOARD)
    settle(page)
    page.get_by_role("button", name="Edit dashboard").click()


def save(page: Page, button: Locator, address: str, method: str = "PUT") -> None:
    """Press a button, and wait until Superset has stored what it sends."""
    with page.expect_response(lambda answer: address in answer.url and answer.request.method == method) as answer:
        button.click()
    assert answer.value.ok, answer.value.text()


def installed(model: str) -> list[tuple[int, str]]:
    """The ids and names of the charts or datasets of the report."""
    from superset import db
    from superset.connectors.sqla.models import SqlaTable
    from superset.models.slice import Slice

    from superset_campaign_plugin.superset_assets.manifest import read_manifest

    kind = {"chart": Slice, "dataset": SqlaTable}[model]
    return [
        (each.id, each.table_name if model == "dataset" else each.slice_name)
        for each in db.session.query(kind)
        if str(each.uuid) in read_manifest().assets
    ]


def test_the_dashboards_properties(page: Page, deployment: Deployment) -> None:
    """There an owner is set, and saving writes the layout, the filters and the colours again."""
    edit(page)
    page.locator("[data-test=actions-trigger]").click()
    page.get_by_text("Edit properties").click()
    page.get_by_role("dialog").get_by_role("button", name="Apply").click()
    save(page, page.locator("[data-test=header-save-button]"), "/api/v1/dashboard/")
    assert differing(deployment) == {}


def test_each_chart(page: Page, deployment: Deployment) -> None:
    """One of each type, whose editor is what may write something anew; in a long run every one."""
    with deployment.app.app_context():
        from superset import db, security_manager
        from superset.models.slice import Slice

        charts = installed("chart")
        for id_, _ in charts:  # somebody who is not an owner can only make a copy
            db.session.get(Slice, id_).owners = [security_manager.find_user("admin")]
        by_type = {db.session.get(Slice, id_).viz_type: id_ for id_, _ in charts}
        db.session.commit()
    for id_ in [id_ for id_, _ in charts] if "ROUNDS" in os.environ else by_type.values():
        page.goto(f"/explore/?slice_id={id_}")
        button = page.locator("[data-test=query-save-button]")
        expect(button).to_be_enabled(timeout=LONG)
        expect(page.locator("[data-test=slice-container]").first).to_be_visible()
        button.click()
        page.get_by_text("Save (Overwrite)").click()
        save(page, page.locator("[data-test=btn-modal-save]"), f"/api/v1/chart/{id_}")
    assert differing(deployment) == {}


def test_each_dataset(page: Page, deployment: Deployment) -> None:
    """Also after its columns were synchronised, which takes the database's spelling of their types."""
    with deployment.app.app_context():
        datasets = installed("dataset")
    for id_, name in datasets:
        page.goto("/tablemodelview/list/")
        page.locator("tr", has_text=name).hover()
        page.locator("tr", has_text=name).locator("[aria-label=edit]").click()
        page.locator("[data-test=datasource-modal-save]").click()
        save(page, page.get_by_role("button", name="OK"), f"/api/v1/dataset/{id_}")
    assert_only_certifications_return(deployment)
    for id_, _ in datasets:
        assert deployment.editor("admin").put(f"/api/v1/dataset/{id_}/refresh").status_code == 200
    assert_only_certifications_return(deployment)


def test_of_a_filter_that_is_changed_nothing_else_counts(page: Page, deployment: Deployment) -> None:
    page.goto(DASHBOARD)
    settle(page)
    page.locator("[data-test=filter-bar] [aria-label=setting]").first.click()
    page.get_by_text("Add or edit filters").click()
    page.get_by_role("dialog").get_by_text("Workspace", exact=True).first.click()
    page.locator("[data-test=filters-config-modal__name-input]:visible").fill("Our workspace")
    save(page, page.locator("[data-test=native-filter-modal-save-button]"), "/api/v1/dashboard/")
    (found,) = differing(deployment)["dashboards/campaign_email_performance"]
    assert found.startswith("kept filters.NATIVE_FILTER")
    assert found.endswith(".name")


def assert_only_certifications_return(deployment: Deployment) -> None:
    """Superset's editor takes them from the metrics that nobody has opened; an installation puts them back."""
    for asset, found in differing(deployment).items():
        assert asset.startswith("datasets/")
        assert {text.partition(" ")[0] for text in found} == {"restored"}
        # Superset learns types from one row, so not the type of a column that is empty there: all rows lack an
        # instance's name, some a link, and those of the sends a time since the send.
        empty = ("source_name", "link", "hours_since_send", "hours_label")
        known = (".extra.certification.", *(f"columns.{name}.type" for name in empty))
        assert [text for text in found if not any(each in text for each in known)] == []
