"""How the tests start the browser."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, object]) -> dict[str, object]:
    """The system's Chromium, kept from looking for hosts outside."""
    return {
        **browser_type_launch_args,
        "executable_path": "/usr/bin/chromium",
        "args": [
            *("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"),
            *("--disable-sync", "--no-first-run"),
        ],
    }
