#!/usr/bin/env bash
# Runs every check of the project. The last line is "N passed, N failed"; the exit code says the same.
# A check that cannot run has failed. On Debian, as root, what is missing gets installed.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

passed=0
failed=0
failures=()

# step NAME COMMAND...: shows the command's output as it comes, and counts.
step() {
    local name=$1 start=$SECONDS
    shift
    printf '\n==> %s\n' "$name"
    if "$@"; then
        passed=$((passed + 1))
        printf '==> %s: passed in %d s\n' "$name" $((SECONDS - start))
    else
        failed=$((failed + 1))
        failures+=("$name")
        printf '==> %s: FAILED after %d s\n' "$name" $((SECONDS - start))
    fi
}

scripts() {
    git ls-files -z -- '*.sh' .ci/run
}

step 'what the tests need' tests/setup.sh
step 'format' cargo fmt --check
step 'lints' cargo clippy --locked --all-targets -- -D warnings
step 'lints without some features' benches/features.sh
step 'scripts' bash -c "$(declare -f scripts); scripts | xargs -0 shellcheck"
step 'size and memory of the smallest' benches/features.sh bounds
step 'build' cargo build --locked --release
step 'tests' cargo test --locked --no-fail-fast
step 'real firmware' tests/firmware/run.sh
step 'dependencies' tests/deps.sh
step 'fuzz targets, 30 s each' fuzz/run.sh 30
step 'init files' tests/init.sh
step 'systemd service' tests/systemd.sh
step 'udev rules' tests/udev.sh
step 'device trees' tests/dts.sh
step 'virtual machine: real spidev and gpiochip' tests/vm/run.sh
step '32 and 64 bit ARM' tests/arm.sh
step 'documentation' env RUSTDOCFLAGS='-D warnings' cargo doc --locked --no-deps --document-private-items

for failure in ${failures[@]+"${failures[@]}"}; do
    printf 'failed: %s\n' "$failure"
    # What is random may not come again: so that the end of the log says what it was.
    case $failure in fuzz*) [[ ! -f fuzz/target/runs/failures ]] || cat fuzz/target/runs/failures ;; esac
done
printf '%d passed, %d failed\n' "$passed" "$failed"
[[ $failed -eq 0 ]]
