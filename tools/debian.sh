#!/bin/sh
# Installs Debian packages that are not there yet, where this user may; says so where not.
missing=""
for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q "install ok installed" || missing="$missing $package"
done
[ -z "$missing" ] && exit 0
if ! command -v apt-get >/dev/null 2>&1; then
    echo "not a Debian system: install yourself:$missing" >&2
    exit 1
fi
root=""
if [ "$(id -u)" != 0 ]; then
    root="sudo -n"
    $root true 2>/dev/null || { echo "not root: ask for apt-get install$missing" >&2; exit 1; }
fi
echo "installing from Debian:$missing" >&2
export DEBIAN_FRONTEND=noninteractive
$root apt-get -qq update >/dev/null && $root apt-get -qq install --no-install-recommends -y $missing >/dev/null
