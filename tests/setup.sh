#!/usr/bin/env bash
# Gets what the tests need from outside: spinel-cli of PyPI in target/venv, and some Debian packages,
# which takes root where they are missing. Safe to run again.
set -euo pipefail

readonly PYSPINEL='pyspinel==1.0.3' # brings pyserial; nothing else is needed

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
venv="${CARGO_TARGET_DIR:-$root/target}/venv"

# package COMMAND...: installs a Debian package unless the command works.
package() {
    local name=$1
    shift
    if "$@" >/dev/null 2>&1; then
        return
    fi
    if [[ $EUID -ne 0 ]] || ! command -v apt-get >/dev/null; then
        echo "setup.sh: $name is missing: install it and run this again" >&2
        exit 1
    fi
    if [[ -z ${updated:-} ]]; then
        apt-get -o DPkg::Lock::Timeout=300 update -qq
        updated=yes
    fi
    DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends "$name"
}

# A venv without ensurepip has no pip; Debian keeps it in python3-venv.
package python3-venv python3 -c 'import ensurepip, venv'
package shellcheck shellcheck --version
package strace strace -V
package valgrind valgrind --version # counts instructions (benches/table.rs)
package gcc cc --version
package g++ g++ --version # for libFuzzer
package cmake cmake --version # tests/firmware/build.sh
package ninja-build ninja --version
package ccache ccache --version
package iproute2 ip -V
package iputils-ping ping -V
package util-linux nsenter --version
package socat socat -V
package tshark tshark --version
package zsh zsh --version
package fish fish --version
package libc6-dev test -e /usr/include/stdio.h

if ! "$venv/bin/pip" freeze 2>/dev/null | grep -qx "$PYSPINEL"; then
    # --clear: a venv that was interrupted, or whose python is gone, starts over.
    python3 -m venv --clear "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check "$PYSPINEL"
fi

echo "$venv/bin/spinel-cli.py"
