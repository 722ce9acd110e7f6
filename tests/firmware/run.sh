#!/usr/bin/env bash
# Builds OpenThread's firmware, where that is not done yet, and runs the tests that need it.
#   tests/firmware/run.sh [WORD]     only the tests whose name contains WORD
#
# The firmware and its simulated radio run in real time, which a busy machine takes from them: a router that answers
# 100 ms late has not answered. So up to three tests that failed beside the others run once more, each by itself, and the
# end of the output names them. What fails by itself has failed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

tests/firmware/build.sh

firmware() {
    cargo test --locked --test firmware -- --ignored "$@"
}

log=$(mktemp)
trap 'rm -f "$log"' EXIT
# Most of them wait for a radio that takes its time: more of them than there are processors run at once.
if firmware --test-threads="${FIRMWARE_THREADS:-4}" "$@" 2>&1 | tee "$log"; then
    exit
fi
mapfile -t failed < <(sed -n 's/^test \([^ ]*\) \.\.\. FAILED$/\1/p' "$log")
if ((${#failed[@]} == 0 || ${#failed[@]} > 3)); then
    exit 1
fi
for name in "${failed[@]}"; do
    echo "once more, by itself: $name"
    firmware --exact "$name"
done
echo "failed beside others, passed by itself: ${failed[*]}"
