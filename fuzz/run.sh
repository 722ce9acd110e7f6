#!/usr/bin/env bash
# Builds the fuzz targets with a stable Rust and g++, and runs each for a while, one on each processor.
#
#   fuzz/run.sh [SECONDS] [TARGET...]     30 seconds for each target, if nothing is said
#
# New inputs are collected in fuzz/target/runs/TARGET/corpus and used again by the next run; the seeds
# in fuzz/corpus stay as they are. With nightly, `cargo fuzz run TARGET` works too, and brings ASan.
set -euo pipefail

# shellcheck source=fuzz/lib.sh
. "$(dirname "$0")/lib.sh"
seconds=${1:-30}
[[ $seconds =~ ^[1-9][0-9]*$ ]] || { echo "$0: $seconds: not a number of seconds" >&2; usage 2 >&2; }
choose "${@:2}"
mkdir -p target/runs
rm -f target/runs/failures

# What cargo-fuzz passes, less the sanitizer, which needs nightly. The pass instruments stable code too.
build target \
    -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares \
    -Ccodegen-units=1

# fuzz TARGET: runs it, prints its line, and leaves its result in a file.
fuzz() {
    local target=$1 work=target/runs/$1 result=ok status
    mkdir -p "$work/corpus" "$work/artifacts"
    rm -f "$work/artifacts"/* "$work/result"
    # An input takes some tenths of a second at the most, and some megabytes (each target says why). The limits
    # are for what hangs or grows for ever, on a machine that may have other work to do.
    "$built/$target" -max_total_time="$seconds" -max_len=4096 -timeout=10 \
        -rss_limit_mb=1024 -print_final_stats=1 -artifact_prefix="$work/artifacts/" \
        "$work/corpus" "corpus/$target" >"$work/log" 2>&1 || result=FAILED
    # The last status line is `#N DONE cov: C ft: F corp: K/..`.
    status=$(grep -E '^#[0-9]+.*cov: ' "$work/log" | tail -n 1 || true)
    field() { sed -n "s|.*$1 \([0-9]*\).*|\1|p" <<<"$status"; }
    stat() { sed -n "s/^stat::$1: *//p" "$work/log"; }
    printf '%-14s %12s %9s %9s %9s %8s  %s\n' "$target" "$(stat number_of_executed_units)" \
        "$(stat average_exec_per_sec)" "$(field cov:)" "$(field ft:)" "$(field corp:)" "$result"
    echo "$result" >"$work/result"
}

printf '%-14s %12s %9s %9s %9s %8s  %s\n' target executions exec/s coverage features corpus result
# As many at a time as there are processors: each is busy all the time.
room=$(nproc)
for target in "${targets[@]}"; do
    if [ "$room" -eq 0 ]; then
        wait -n
        room=1
    fi
    room=$((room - 1))
    fuzz "$target" &
done
wait

passed=0
failed=()
for target in "${targets[@]}"; do
    if [ "$(cat "target/runs/$target/result" || true)" = ok ]; then
        passed=$((passed + 1))
    else
        failed+=("$target")
    fi
done

# why LOG: the message of the panic, or libFuzzer's, in one line.
why() {
    local why
    why=$(sed -n '/panicked at/,/^\(note:\|==\|stack backtrace\)/{/^\(note:\|==\|stack backtrace\)/!p;}' "$1" | head -n 5 |
        sed 's/.*panicked at/panicked at/' | tr '\n' ' ')
    [ -n "$why" ] || why=$(sed -n 's/^.*ERROR: libFuzzer: //p' "$1" | head -n 1)
    [ -n "$why" ] || why=$(tail -n 1 "$1")
    printf '%.500s' "$why"
}

for target in ${failed[@]+"${failed[@]}"}; do
    work=target/runs/$target
    printf '\n%s failed; the whole log is in fuzz/%s/log:\n' "$target" "$work"
    grep -m 1 -A 3 -E 'panicked at|ERROR: libFuzzer' "$work/log" || tail -n 20 "$work/log"
    for input in "$work/artifacts"/*; do
        [ -f "$input" ] || continue
        printf 'repeat it with: fuzz/%s/%s fuzz/%s\n' "$built" "$target" "$input"
        # Among the seeds it is played by the next run, here as anywhere.
        printf 'or, on another machine, with these %s octets (bash):\n' "$(wc -c <"$input")"
        printf "printf '%s' >fuzz/corpus/%s/%s; fuzz/run.sh 1 %s\n" \
            "$(od -An -v -tx1 "$input" | tr -d '\n' | sed 's/ /\\x/g')" "$target" "${input##*/}" "$target"
    done
done

# In a file, too: tests/run.sh ends with it.
printf '\n'
for target in ${failed[@]+"${failed[@]}"}; do
    printf '%s: %s\n' "$target" "$(why "target/runs/$target/log")"
done | tee target/runs/failures
printf '%d passed, %d failed\n' "$passed" "${#failed[@]}"
[ "${#failed[@]}" -eq 0 ]
