#!/bin/sh
# Installs Imagine for one user: no root, one file. `sh install.sh --help` tells how. `make release` fills this in.
set -eu

VERSION=@VERSION@
GLIBC=@GLIBC@
DRIVER=@DRIVER@
HOMEPAGE=https://github.com/imagine/imagine
FROM=$HOMEPAGE/releases/download/v$VERSION

BIN=$HOME/.local/bin
DATA=${XDG_DATA_HOME:-$HOME/.local/share}/imagine
RUNTIME=${XDG_CACHE_HOME:-$HOME/.cache}/imagine/runtime
UNITS=${XDG_CONFIG_HOME:-$HOME/.config}/systemd/user
FROM_PIP="Imagine runs there from Python 3.11: pip install git+$HOMEPAGE"

usage() {
    cat <<END
Installs Imagine $VERSION as $BIN/imagine, for you alone.

  sh install.sh [--from DIR|URL] [--cpu | --cuda] [--service]
  sh install.sh --uninstall [--purge]

  --from DIR|URL  where the files of the release lie ($FROM)
  --cpu, --cuda   which of them; otherwise cuda where NVIDIA's driver is new enough for it
  --service       have it run whenever you are logged in: a systemd unit of yours, enabled and started
  --uninstall     remove the program, what it unpacked and its unit; models, pictures and settings stay
  --purge         remove those too
END
}

say() { printf '%s\n' "$*"; }
fail() { printf 'Error: %s\n' "$*" >&2; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }

# ---- What this machine is ----

check_machine() {
    case $(uname -s) in
    Linux) ;;
    Darwin) fail "there is no file for macOS yet. $FROM_PIP; it draws on Apple's GPUs (-d mps)" ;;
    MINGW* | MSYS* | CYGWIN* | Windows*) fail "there is no file for Windows yet. Use WSL 2, where this script works" ;;
    *) fail "there is a file for Linux alone, and this is $(uname -s)" ;;
    esac
    case $(uname -m) in
    x86_64 | amd64) ;;
    *) fail "there is a file for x86_64 alone, and this is $(uname -m). $FROM_PIP" ;;
    esac
    check_glibc
}

check_glibc() {
    found=$(getconf GNU_LIBC_VERSION 2>/dev/null) || found=
    found=${found#glibc }
    if [ -z "$found" ]; then
        for musl in /lib/ld-musl-*; do
            [ ! -e "$musl" ] || fail "the file needs glibc, and this system has musl. Use a container of Debian or Ubuntu"
        done
        return 0
    fi
    is_older "$found" "$GLIBC" || return 0
    fail "the file needs glibc $GLIBC (Debian 12, Ubuntu 24.04, Fedora 37), and this system has $found. $FROM_PIP"
}

# Is version $1 older than $2? Of both, the first two numbers count.
is_older() {
    major=${1%%.*} minor=${1#*.} least=${2%%.*} least_minor=${2#*.}
    [ "$major" -lt "$least" ] || { [ "$major" -eq "$least" ] && [ "${minor%%.*}" -lt "${least_minor%%.*}" ]; }
}

# cuda or cpu; on stderr why, where that could surprise.
choose() {
    driver=$(nvidia_driver)
    if [ -z "$driver" ]; then
        [ ! -e /dev/kfd ] || say "This machine may have an AMD GPU, and no file carries ROCm: this one draws on the" \
            "CPU. With pip and torch's ROCm build, imagine -d cuda uses the GPU: $HOMEPAGE#install" >&2
        echo cpu
    elif [ -z "$(listed "$(name_of cuda)")" ]; then
        say "This release has no CUDA file: taking the one that draws on the CPU. With pip the GPU is used" >&2
        echo cpu
    elif [ "${driver%%.*}" -lt "$DRIVER" ]; then
        say "NVIDIA's driver is $driver, and the CUDA file needs $DRIVER: taking the one that draws on the CPU." \
            "Update the driver and install again" >&2
        echo cpu
    else
        echo cuda
    fi
}

nvidia_driver() {
    for tool in nvidia-smi /usr/lib/wsl/lib/nvidia-smi; do
        has "$tool" || continue
        found=$("$tool" --query-gpu=driver_version --format=csv,noheader 2>/dev/null | head -n 1) || continue
        case $found in [0-9]*) echo "$found" && return ;; esac
    done
}

# ---- Files ----

# Writes $1 of the release to $2, as far as it is there.
fetch() {
    case $FROM in
    *://*)
        if has curl; then
            curl --fail --location --silent --show-error --proto '=https,http,file' --output "$2" "$FROM/$1"
        elif has wget; then
            wget -q -O "$2" "$FROM/$1"
        else
            fail "neither curl nor wget is installed"
        fi
        ;;
    *) cp "$FROM/$1" "$2" ;;
    esac
}

digest() {
    if has sha256sum; then
        sha256sum "$1" | cut -d ' ' -f 1
    elif has shasum; then
        shasum -a 256 "$1" | cut -d ' ' -f 1
    else
        fail "neither sha256sum nor shasum is installed: the download can't be checked"
    fi
}

name_of() {
    case $1 in
    cpu) echo "imagine-$VERSION-linux-x86_64" ;;
    *) echo "imagine-$VERSION-linux-x86_64-$1" ;;
    esac
}

# Every file that makes up the program named $1, in order: itself, or its parts. Lines of SHA256SUMS.
listed() { grep -E "^[0-9a-f]{64}  $1(\.part[0-9])?\$" "$SUMS" | sort -k 2; }

download() {
    name=$1 target=$2
    listed "$name" >"$SUMS.wanted"
    [ -s "$SUMS.wanted" ] || fail "SHA256SUMS of $FROM doesn't name $name"
    : >"$target"
    while read -r sum file; do
        fetch "$file" "$target.piece" || fail "$file can't be had from $FROM"
        [ "$(digest "$target.piece")" = "$sum" ] || fail "$file is damaged: its SHA-256 isn't that of SHA256SUMS"
        cat "$target.piece" >>"$target"
        rm -f "$target.piece"
    done <"$SUMS.wanted"
}

# ---- What it does ----

install() {
    check_machine
    mkdir -p "$BIN" "$DATA"
    SUMS=$BIN/.imagine-$$.sums part=$BIN/.imagine-$$.part
    trap 'rm -f "$SUMS" "$SUMS.wanted" "$part" "$part.piece"' EXIT
    trap 'exit 1' HUP INT TERM
    fetch SHA256SUMS "$SUMS" || fail "SHA256SUMS can't be had from $FROM"
    [ -n "$flavour" ] || flavour=$(choose)
    name=$(name_of "$flavour")
    say "Taking $name from $FROM"
    download "$name" "$part"
    chmod 755 "$part"
    "$part" --version >/dev/null || fail "$name doesn't start here; nothing was installed"
    mv -f "$part" "$BIN/imagine"
    keep_this_script
    say "Installed $("$BIN/imagine" --version) as $BIN/imagine"
    [ -z "$service" ] || start_service
    case :$PATH: in
    *":$BIN:"*) say "Try: imagine run 'a red house on a blue background'" ;;
    *) say "$BIN isn't in your PATH: add it, or try $BIN/imagine run 'a red house on a blue background'" ;;
    esac
    say "To undo: sh $DATA/install.sh --uninstall"
}

# So that it can be undone without the download; the pipe of `curl … | sh` holds no file to copy.
keep_this_script() {
    if [ -f "$0" ] && grep -q '^# Installs Imagine for one user' "$0"; then
        cat "$0" >"$part"
    else
        fetch install.sh "$part" || fail "install.sh can't be had from $FROM"
    fi
    mv -f "$part" "$DATA/install.sh"
}

start_service() {
    has systemctl || fail "there is no systemd here, so no --service; the program is installed"
    mkdir -p "$UNITS"
    unit >"$UNITS/imagine.service"
    if ! { systemctl --user daemon-reload && systemctl --user enable imagine && systemctl --user restart imagine; }; then
        fail "systemd didn't start it (is this a session of its own, rather than su or sudo?); the program is installed"
    fi
    say "It runs as a service of yours, http://localhost:5000; loginctl enable-linger keeps it on while you are away"
}

unit() {
    cat <<'END'
@UNIT@
END
}

uninstall() {
    stop_private
    ! is_running || fail "Imagine is running from $RUNTIME: end it first (Ctrl-C, or kill), then again"
    rm -f "$BIN/imagine" "$DATA/install.sh"
    rm -rf "$RUNTIME"
    if [ -n "$purge" ]; then
        rm -rf "$HOME/.imagine" "$DATA" "${XDG_CONFIG_HOME:-$HOME/.config}/imagine"
        say "Imagine is gone, with its models, pictures and settings"
    else
        rmdir "$DATA" 2>/dev/null || true
        say "Imagine is gone. Models and what it remembers stay in $HOME/.imagine; --purge removes them too"
    fi
    rmdir "${RUNTIME%/runtime}" 2>/dev/null || true
}

stop_service() {
    [ -e "$UNITS/imagine.service" ] || return 0
    systemctl --user disable --now imagine >/dev/null 2>&1 || true
    rm -f "$UNITS/imagine.service"
    systemctl --user daemon-reload >/dev/null 2>&1 || true
}

# A private server, which a command started, would end by itself minutes later, and nobody knows how to end it sooner. It
# stays while something else of ours runs, which may be a command that it draws for.
stop_private() {
    there=$(cd -P "$RUNTIME" 2>/dev/null && pwd) || return 0
    private='' others=''
    for process in /proc/[0-9]*; do
        case $(readlink "$process/exe" 2>/dev/null) in "$there"/*) ;; *) continue ;; esac
        case $(tr '\0' ' ' 2>/dev/null <"$process/cmdline") in
        *" serve --private ") private="$private ${process#/proc/}" ;;
        *" --imagine-"*) ;; # a process of a server
        *) others=1 ;;
        esac
    done
    { [ -n "$private" ] && [ -z "$others" ]; } || return 0
    say "Ending the private server that a command started"
    # shellcheck disable=SC2086 # several numbers
    kill $private 2>/dev/null || true
    has flock || return 0
    for lock in "$RUNTIME"/*/in-use; do
        flock -xw 30 "$lock" true || true
    done
}

# Each version that runs holds a lock on its folder, which only util-linux' flock can ask for.
is_running() {
    has flock || return 1
    for lock in "$RUNTIME"/*/in-use; do
        [ ! -e "$lock" ] || flock -xn "$lock" true || return 0
    done
    return 1
}

main() {
    flavour='' service='' undo='' purge=''
    while [ $# -gt 0 ]; do
        case $1 in
        --from) [ $# -gt 1 ] || fail "--from needs a folder or a URL"; FROM=${2%/}; shift ;;
        --cpu) flavour=cpu ;;
        --cuda) flavour=cuda ;;
        --service) service=1 ;;
        --uninstall) undo=1 ;;
        --purge) purge=1 ;;
        -h | --help) usage; return ;;
        *) fail "there is no option $1; see --help" ;;
        esac
        shift
    done
    [ -z "$purge" ] || [ -n "$undo" ] || fail "--purge goes with --uninstall"
    if [ -n "$undo" ]; then
        stop_service
        uninstall
    else
        install
    fi
}

main "$@"
