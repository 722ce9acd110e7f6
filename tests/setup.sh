#!/usr/bin/env bash
# Gets what the tests need from outside: spinel-cli of PyPI, in target/venv.
# Safe to run again. On a bare Debian it installs python3-venv, which takes root.
set -euo pipefail

readonly PYSPINEL='pyspinel==1.0.3' # brings pyserial; nothing else is needed

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
venv="${CARGO_TARGET_DIR:-$root/target}/venv"

# A venv without ensurepip has no pip; Debian keeps it in python3-venv.
if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
    if [[ $EUID -ne 0 ]] || ! command -v apt-get >/dev/null; then
        echo "setup.sh: python3 with its venv module is missing: install python3-venv and run this again" >&2
        exit 1
    fi
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv
fi

if ! "$venv/bin/pip" freeze 2>/dev/null | grep -qx "$PYSPINEL"; then
    # --clear: a venv that was interrupted, or whose python is gone, starts over.
    python3 -m venv --clear "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check "$PYSPINEL"
fi

echo "$venv/bin/spinel-cli.py"
