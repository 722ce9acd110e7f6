#!/usr/bin/env bash
# Checks, builds and tests spinel-bridge-dbus, on a bus and in a network of the test's own. Needs what tests/setup.sh gets,
# and root for the network interfaces of the daemon.
#
#   dbus/tests/run.sh [CASE]...     all, or cases of companion.py
set -euo pipefail
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../../tests/lib.sh"
cd "$top"

venv=${CARGO_TARGET_DIR:-$top/target}/venv
manifest=(--manifest-path dbus/Cargo.toml)
# Not that of the main package: another lock.
unset CARGO_TARGET_DIR
check "format" cargo fmt "${manifest[@]}" --check
check "lints" cargo clippy "${manifest[@]}" --locked --all-targets -- -D warnings
check "unit tests" cargo test "${manifest[@]}" --locked
check "build" cargo build "${manifest[@]}" --locked
check "the daemon" cargo build --locked --bins
if [ "$failed" = 0 ]; then
	export BRIDGE=$top/target/debug/spinel-bridge COMPANION=$top/dbus/target/debug/spinel-bridge-dbus
	export PYTHONDONTWRITEBYTECODE=1
	check "on a bus" timeout 900 unshare -n "$venv/bin/python" -W error::RuntimeWarning dbus/tests/companion.py "$@"
	tail -n 3 "$work/check.log"
fi
result
