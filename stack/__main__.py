"""`make stack` and `make portal`: Superset as in production, on this machine alone, with made-up data.

Everything it makes is in `.stack/`.
"""

from __future__ import annotations

import argparse
import signal
import sys

from servers.errors import ServerError
from stack.settings import ROOT
from stack.start import started


def main() -> int:
    """Run the stack until it is interrupted; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m stack", description=__doc__)
    parser.add_argument("--port", type=int, default=8088, help="port on 127.0.0.1 (make stack PORT=8090)")
    parser.add_argument("--portal", action="store_true", help="with the sample portal, on the port after that")
    parser.add_argument("--sends", type=int, default=200_000, help="how many sends to make up, at the first start")
    options = parser.parse_args()
    portal_port = options.port + 1 if options.portal else None
    try:
        with started(ROOT / ".stack", port=options.port, portal_port=portal_port, sends=options.sends) as stack:
            portal = f"\n  Portal     {stack.portal}" if stack.portal else ""
            print(
                f"\n  Dashboard  {stack.dashboard}\n  User       {stack.user}\n  Password   {stack.password}{portal}\n"
            )
            print("  Ctrl-C stops everything.\n", flush=True)
            try:
                stack.wait()
            finally:
                # A second signal must not leave services behind.
                for number in (signal.SIGINT, signal.SIGTERM):
                    signal.signal(number, signal.SIG_IGN)
    except ServerError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nEverything has stopped; the next start takes seconds.")
    return 0


if __name__ == "__main__":
    # A stop by signal ends the services too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
