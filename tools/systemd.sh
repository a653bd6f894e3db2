#!/bin/sh
# Installs what the tests of the service need: systemd, kill, and util-linux's tools for namespaces. Nothing of it is
# started. Where it can't be had, says so and fails nothing, unless called with --required.
set -eu
REQUIRED=${1:-}

give_up() {
    echo "no systemd: $1; the service's tests are skipped" >&2
    [ "$REQUIRED" != --required ] || exit 1
    exit 0
}

missing=
[ -x /lib/systemd/systemd ] || missing="$missing systemd"
[ -x /bin/kill ] || missing="$missing procps"
command -v unshare >/dev/null 2>&1 && command -v setpriv >/dev/null 2>&1 || missing="$missing util-linux"
[ -n "$missing" ] || exit 0
command -v apt-get >/dev/null 2>&1 || give_up "install$missing"
[ "$(id -u)" = 0 ] || give_up "as root, install$missing"
get() { env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install $missing >/dev/null 2>&1; }

echo "installing$missing, for the tests of the service"
get && exit 0
apt-get -q update >/dev/null 2>&1 || give_up "apt-get update failed"
get || give_up "apt-get could not install$missing"
