# shellcheck shell=bash
# What tests/arm/setup.sh, tests/vm/setup.sh and tests/oldest.sh share: Debian's packages, fetched with lists of our own and unpacked
# into target/NAME/root, so that the machine stays as it is. Source it after "set -euo pipefail", with NAME; then
# `cache` is target/NAME.

fail() {
    echo "setup.sh: $*" >&2
    exit 1
}

[[ "$(dpkg --print-architecture 2>/dev/null)" == amd64 ]] || fail "needs Debian 12 on amd64"

debs="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
cache="${CARGO_TARGET_DIR:-$debs/../target}/$1"
mkdir -p "$cache"
cache="$(cd "$cache" && pwd)"
stamp="$(cat "${BASH_SOURCE[0]}" "$0" | sha256sum) $cache"

# apt with lists of its own: works without root, and leaves those of the machine alone.
own=(-o "Dir::State::Lists=$cache/apt/lists" -o "Dir::Cache=$cache/apt" -o APT::Sandbox::User=root -qq)

# is_ready: whether all was done already by the scripts as they are.
is_ready() {
    [[ "$(cat "$cache/ready" 2>/dev/null)" == "$stamp" ]]
}

# install_missing PACKAGE...: for what has to be on the machine itself, which takes root.
install_missing() {
    [[ $# -gt 0 ]] || return 0
    [[ $EUID -eq 0 ]] || fail "missing: install $* and run this again"
    apt-get -o DPkg::Lock::Timeout=300 update -qq
    DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-remove \
        --no-install-recommends "$@"
}

# begin: an empty root, and new lists.
begin() {
    rm -rf "$cache"/{ready,root,debs}
    mkdir -p "$cache"/{root,debs} "$cache"/apt/{lists,archives}/partial
    # A list that cannot be had is no reason to stop; a package that is missing is, later.
    apt-get "${own[@]}" update || echo "setup.sh: not all package lists could be fetched; going on" >&2
}

# lacking PACKAGE...: prints these and what they need, as far as this machine lacks it, said by a dry run. A newer
# libc would not go with the loader that is installed, and is never needed.
lacking() {
    apt-get "${own[@]}" install -s --no-install-recommends "$@" |
        sed -n 's/^Inst \([^ ]*\) .*/\1/p' | grep -vx libc6 | sort -u
}

# fetch PACKAGE...: into $cache/debs.
fetch() {
    (cd "$cache/debs" && apt-get "${own[@]}" download "$@")
}

# finish: nothing is left to do the next time.
finish() {
    rm -rf "$cache/debs"
    echo "$stamp" >"$cache/ready"
}
