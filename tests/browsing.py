"""What a person does in Superset before anything else."""

from __future__ import annotations

import pytest
from deployment import PASSWORD
from playwright.sync_api import Page

DASHBOARD = "/superset/dashboard/campaign-email-performance/"


def log_in(page: Page) -> None:
    """Log in through Superset's form, and be sure of it.

    A late answer to a request from before the login can bring back the stranger's cookie, so the page is left to
    fall silent first, and a login that did not last is done again.
    """
    for _ in range(3):
        page.goto("/login/")
        page.wait_for_load_state("networkidle")
        page.fill("#username", "viewer")
        page.fill("#password", PASSWORD)
        page.click("[type=submit]")
        page.wait_for_load_state("networkidle")
        page.goto(DASHBOARD)
        if "/login" not in page.url:
            return
    pytest.fail("the viewer cannot log in")
