#!/usr/bin/env bash
# Builds the fuzz targets with a stable Rust and g++, and runs each for a while, one on each processor.
#
#   fuzz/run.sh [SECONDS] [TARGET...]     30 seconds for each target, if nothing is said
#
# New inputs are collected in fuzz/target/runs/TARGET/corpus and used again by the next run; the seeds
# in fuzz/corpus stay as they are. With nightly, `cargo fuzz run TARGET` works too, and brings ASan.
set -euo pipefail

usage() {
    sed -n '2,7s/^# \{0,1\}//p' "$0"
    exit "$1"
}

case ${1:-} in -h | --help) usage 0 ;; esac
seconds=${1:-30}
[[ $seconds =~ ^[1-9][0-9]*$ ]] || { echo "$0: $seconds: not a number of seconds" >&2; usage 2 >&2; }
[ $# -gt 0 ] && shift

cd "$(dirname "$0")"
mapfile -t all < <(find fuzz_targets -name '*.rs' -printf '%f\n' | sed 's/\.rs$//' | sort)
targets=("$@")
[ $# -gt 0 ] || targets=("${all[@]}")
for target in "${targets[@]}"; do
    [ -f "fuzz_targets/$target.rs" ] || { echo "$0: no target $target; there are ${all[*]}" >&2; exit 2; }
done

# What cargo-fuzz passes, less the sanitizer, which needs nightly. The pass instruments stable code too.
coverage=(
    -Cpasses=sancov-module
    -Cllvm-args=-sanitizer-coverage-level=4
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters
    -Cllvm-args=-sanitizer-coverage-pc-table
    -Cllvm-args=-sanitizer-coverage-trace-compares
    --cfg=fuzzing
    -Ccodegen-units=1
)
host=$(rustc -vV | sed -n 's/^host: //p')
# --target keeps the flags away from build scripts and macros, which have no libFuzzer to link with.
RUSTFLAGS="${coverage[*]}" cargo build --quiet --locked --release --target "$host" --target-dir target \
    "${targets[@]/#/--bin=}"

# fuzz TARGET: runs it, prints its line, and leaves its result in a file.
fuzz() {
    local target=$1 work=target/runs/$1 result=ok status
    mkdir -p "$work/corpus" "$work/artifacts"
    rm -f "$work/artifacts"/*
    "target/$host/release/$target" -max_total_time="$seconds" -max_len=4096 -timeout=10 \
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
    if [ "$(cat "target/runs/$target/result")" = ok ]; then
        passed=$((passed + 1))
    else
        failed+=("$target")
    fi
done

for target in ${failed[@]+"${failed[@]}"}; do
    work=target/runs/$target
    printf '\n%s failed; the end of fuzz/%s/log:\n' "$target" "$work"
    grep -m 1 -A 3 -E 'panicked at|ERROR: libFuzzer' "$work/log" || tail -n 20 "$work/log"
    for input in "$work/artifacts"/*; do
        [ -f "$input" ] || continue
        printf 'the input, in hex (%s octets):\n' "$(wc -c <"$input")"
        od -An -v -tx1 "$input"
        printf 'repeat it with: fuzz/target/%s/release/%s fuzz/%s\n' "$host" "$target" "$input"
    done
done
printf '\n%d passed, %d failed\n' "$passed" "${#failed[@]}"
[ "${#failed[@]}" -eq 0 ]
