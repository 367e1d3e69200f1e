#!/bin/sh
# Builds .venv from the pinned requirements with the first suitable Python, and installs the plugin into it.
# Usage: scripts/venv.sh [demo|dev]
set -eu
cd "$(dirname "$0")/.."
wanted=${1:-demo}

case $wanted in
    demo) files="requirements/demo.txt" ;;
    dev) files="requirements/demo.txt requirements/dev.txt" ;;
    *) echo "usage: scripts/venv.sh [demo|dev]" >&2; exit 2 ;;
esac

# The requirements' own content decides whether the environment is current, so a second run takes no time.
stamp=.venv/.ready-$wanted
current=$(cat $files pyproject.toml | cksum)
[ -f "$stamp" ] && [ "$(cat "$stamp")" = "$current" ] && exit 0

if [ ! -x .venv/bin/python ]; then
    python=
    for candidate in ${PYTHON:-python3.12 python3.11 python3.10 python3}; do
        if "$candidate" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null; then
            python=$candidate
            break
        fi
    done
    if [ -z "$python" ]; then
        echo "Error: Superset needs Python 3.10, 3.11 or 3.12; install one, or name it: make venv PYTHON=/path/to/python3.11" >&2
        exit 1
    fi
    # A half-built environment has no interpreter that answers, and is built from the start.
    rm -rf .venv
    if ! "$python" -m venv .venv; then
        rm -rf .venv
        echo "Error: $python cannot make virtual environments; on Debian and Ubuntu: apt-get install python3-venv" >&2
        exit 1
    fi
fi

echo "Installing Superset and its dependencies into .venv (a few minutes the first time) ..."
.venv/bin/python -m pip install --quiet --disable-pip-version-check "$(grep '^uv==' requirements/tools.txt)"
requirements=
for file in $files; do requirements="$requirements -r $file"; done
# shellcheck disable=SC2086 # a list of options
.venv/bin/python -m uv pip install --quiet --python .venv/bin/python $requirements
.venv/bin/python -m uv pip install --quiet --python .venv/bin/python --no-deps --editable .
echo "$current" > "$stamp"
