"""Writes superset_campaign_plugin/constraints.txt from requirements/demo.txt: `make requirements`.

The file travels inside the wheel, for who has the package alone. A test holds it to what this renders.
"""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "requirements" / "demo.txt"
FILE = ROOT / "superset_campaign_plugin" / "constraints.txt"


def render() -> str:
    """The pins of the requirements without the comments that say where each comes from."""
    lines = REQUIREMENTS.read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.lstrip().startswith("#")]
    [superset] = [pin.partition("==")[2] for pin in pins if pin.startswith("apache-superset==")]
    head = (
        f"# Constraints with which Superset {superset} starts, on Python 3.10 to 3.12. Written by `make requirements`."
    )
    return "\n".join([head, *pins, ""])


if __name__ == "__main__":
    FILE.write_text(render(), encoding="utf-8")
