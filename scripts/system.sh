#!/bin/sh
# Installs the servers and the browser that the tests run against, from Debian's packages: PostgreSQL, MariaDB, Redis,
# the Java for Spark, and Chromium. The tests start servers of their own, whatever the packages start.
set -eu

missing=
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$missing postgresql"
command -v redis-server >/dev/null 2>&1 || missing="$missing redis-server"
PATH="$PATH:/usr/sbin" command -v mariadbd >/dev/null 2>&1 || missing="$missing mariadb-server"
command -v java >/dev/null 2>&1 || missing="$missing default-jre-headless"
[ -e /usr/share/zoneinfo/Europe/Berlin ] || missing="$missing tzdata"
command -v chromium >/dev/null 2>&1 || missing="$missing chromium"
fc-list 2>/dev/null | grep -qi 'noto.*emoji' || missing="$missing fonts-dejavu-core fonts-noto-core fonts-noto-color-emoji"
[ -z "$missing" ] && exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    echo "Error: the tests need$missing; install them with this system's package manager" >&2
    exit 1
fi
sudo=
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null 2>&1 || { echo "Error: the tests need$missing; install them as root" >&2; exit 1; }
    sudo=sudo
fi
echo "Installing$missing ..."
$sudo apt-get update -qq
# shellcheck disable=SC2086 # a list of packages
DEBIAN_FRONTEND=noninteractive $sudo apt-get install -qq -y --no-install-recommends $missing >/dev/null
