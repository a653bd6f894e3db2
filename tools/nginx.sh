#!/bin/sh
# Fetches the nginx that the test of docs/proxy.md runs, into build/nginx: unpacked and not installed, so that no service
# of it starts. Where it can't be had, says so and fails nothing, unless called with --required.
set -eu
cd "$(dirname "$0")/.."
REQUIRED=${1:-}
HERE=build/nginx

give_up() {
    echo "no nginx: $1; the test of it is skipped" >&2
    [ "$REQUIRED" != --required ] || exit 1
    exit 0
}

for nginx in nginx /usr/sbin/nginx "$HERE/usr/sbin/nginx"; do
    "$nginx" -v >/dev/null 2>&1 && exit 0
done
command -v apt-get >/dev/null 2>&1 && command -v dpkg-deb >/dev/null 2>&1 || give_up "install it"
get() { (rm -rf "$HERE" && mkdir -p "$HERE" && cd "$HERE" && apt-get -q download nginx >/dev/null 2>&1); }

echo "fetching nginx, for the test of a proxy"
if ! get; then
    [ "$(id -u)" = 0 ] || give_up "install it: sudo apt-get install nginx"
    apt-get -q update >/dev/null 2>&1 || give_up "apt-get update failed"
    get || give_up "apt-get could not fetch it"
fi
dpkg-deb -x "$HERE"/nginx_*.deb "$HERE"
"$HERE/usr/sbin/nginx" -v >/dev/null 2>&1 || give_up "what it needs is missing; install it: sudo apt-get install nginx"
