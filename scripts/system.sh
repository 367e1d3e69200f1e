#!/bin/sh
# Installs servers and programs from Debian's packages, as far as they are missing. Nothing uses the servers that the
# packages start; what needs a server starts its own.
# Usage: scripts/system.sh [stack|portal|tests]
#   stack   what `make stack` needs: PostgreSQL and Redis
#   portal  what `make portal` needs: that and npm
#   tests   what `make test` needs: that, MariaDB, the Java for Spark, Chromium, and Compose to check a file
set -eu
wanted=${1:-tests}

missing=
need() { missing="$missing $*"; }
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null 2>&1 || need postgresql
command -v redis-server >/dev/null 2>&1 || need redis-server
case $wanted in
    stack) ;;
    portal) command -v npm >/dev/null 2>&1 || need nodejs npm ;;
    tests)
        command -v npm >/dev/null 2>&1 || need nodejs npm
        docker compose version >/dev/null 2>&1 || command -v docker-compose >/dev/null 2>&1 || need docker-compose
        PATH="$PATH:/usr/sbin" command -v mariadbd >/dev/null 2>&1 || need mariadb-server
        command -v java >/dev/null 2>&1 || need default-jre-headless
        [ -e /usr/share/zoneinfo/Europe/Berlin ] || need tzdata
        command -v chromium >/dev/null 2>&1 || need chromium
        fc-list 2>/dev/null | grep -qi 'noto.*emoji' || need fonts-dejavu-core fonts-noto-core fonts-noto-color-emoji
        ;;
    *) echo "usage: scripts/system.sh [stack|portal|tests]" >&2; exit 2 ;;
esac
[ -z "$missing" ] && exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    echo "Error: this needs$missing; install them with this system's package manager" >&2
    exit 1
fi
sudo=
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null 2>&1 || { echo "Error: this needs$missing; install them as root" >&2; exit 1; }
    sudo=sudo
fi
echo "Installing$missing ..."
$sudo apt-get update -qq
# shellcheck disable=SC2086 # a list of packages
DEBIAN_FRONTEND=noninteractive $sudo apt-get install -qq -y --no-install-recommends $missing >/dev/null
