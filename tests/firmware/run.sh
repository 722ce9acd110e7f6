#!/usr/bin/env bash
# Builds OpenThread's firmware, where that is not done yet, and runs the tests that need it.
#   tests/firmware/run.sh [WORD]     only the tests whose name contains WORD
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

tests/firmware/build.sh
# Most of them wait for a radio that takes its time: more of them than there are processors run at once.
exec cargo test --locked --test firmware -- --ignored --test-threads="${FIRMWARE_THREADS:-4}" "$@"
