#!/bin/sh
# Installs the Chromium that the page's tests and screenshots drive: Debian's headless one where there is one, else the
# whole browser, and a font. Where it can't be had, says so and fails nothing, unless called with --required.
set -eu
REQUIRED=${1:-}

give_up() {
    echo "no Chromium: $1; the page's tests are skipped" >&2
    [ "$REQUIRED" != --required ] || exit 1
    exit 0
}

[ -z "${IMAGINE_CHROMIUM:-}" ] || exit 0
for name in chromium-headless-shell chromium chromium-browser google-chrome google-chrome-stable; do
    command -v "$name" >/dev/null 2>&1 && exit 0
done
command -v apt-get >/dev/null 2>&1 || give_up "install one, or name it in IMAGINE_CHROMIUM"
ROOT=
if [ "$(id -u)" != 0 ]; then
    sudo -n true 2>/dev/null || give_up "install one: sudo apt-get install chromium"
    ROOT="sudo -n"
fi
get() { $ROOT env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install fonts-dejavu-core "$1" >/dev/null 2>&1; }

echo "installing Chromium, for the page's tests"
get chromium-headless-shell || get chromium && exit 0
$ROOT apt-get -q update >/dev/null 2>&1 || give_up "apt-get update failed"
get chromium-headless-shell || get chromium || give_up "apt-get could not install it"
