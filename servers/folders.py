"""Folders and accounts of servers: some refuse to run as root."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from servers.errors import ServerError


def account_of(server: str) -> str | None:
    """The account to run a server as: Debian's own one for it where this process is root, else this process's."""
    return None if os.geteuid() else server


@contextlib.contextmanager
def temporary_folder(name: str, account: str | None = None) -> Iterator[Path]:
    """A folder that `account` owns, removed when the block ends."""
    # Not below pytest's own folder: that one is closed to other accounts.
    folder = Path(tempfile.mkdtemp(prefix=f"campaign-{name}-"))
    try:
        give(folder, account)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def give(path: Path, account: str | None) -> None:
    """Make the account the owner of a file or folder."""
    if account is not None:
        owner = pwd.getpwnam(account)
        os.chown(path, owner.pw_uid, owner.pw_gid)


def program(name: str, package: str) -> str:
    """The path of a program. Raises `ServerError` that names Debian's package where it is not there."""
    # The servers' own folder is not on everybody's path.
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/bin:/usr/local/sbin")
    return found or missing(name, package)


def missing(what: str, package: str) -> str:
    """Raise the `ServerError` for a program that is not installed."""
    raise ServerError(
        f"{what} is not installed; scripts/system.sh installs it from Debian's packages, as does "
        f"`apt-get install {package}`"
    )


def run_program(command: Sequence[object], folder: Path, account: str | None) -> None:
    """Run a program that ends by itself. Raises `ServerError` with what it printed where it fails."""
    with (folder / "output.txt").open("w+") as output:  # a pipe would be held open by what it leaves running
        done = subprocess.run(
            [str(part) for part in command],
            cwd=folder,
            env=plain_environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            user=account,
            group=account,
            extra_groups=[] if account else None,
            check=False,
        )
        output.seek(0)
        if done.returncode:
            raise ServerError(f"{Path(str(command[0])).name} failed: {' '.join(output.read().split())[-2000:]}")


def plain_environment() -> dict[str, str]:
    """The variables of a server: no other ones of the person at the keyboard."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", "TZ": "UTC"}
