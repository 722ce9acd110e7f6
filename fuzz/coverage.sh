#!/usr/bin/env bash
# How much of src/ the fuzz targets reach: plays the seeds and what fuzz/run.sh has collected, once each.
#
#   fuzz/coverage.sh [TARGET...]     every target, if nothing is said
#
# Prints a line for each target and one for all of them together, then what they reach together of each folder of src/
# and of each file. Needs rustc's own llvm-profdata and llvm-cov: rustup component add llvm-tools
set -euo pipefail

# shellcheck source=fuzz/lib.sh
. "$(dirname "$0")/lib.sh"
choose "$@"

tools=$(rustc --print sysroot)/lib/rustlib/$host/bin
for tool in llvm-profdata llvm-cov; do
    [ -x "$tools/$tool" ] || { echo "$0: no $tool of this rustc: rustup component add llvm-tools" >&2; exit 1; }
done

# The targets without the passes of libFuzzer, so that nothing but source coverage is counted; apart from those of run.sh.
build target/coverage -Cinstrument-coverage

work=target/coverage/work
rm -rf "$work"
mkdir -p "$work"

# totals PROFILE BINARY...: percent of lines, of functions and of regions of src/, and lines that were reached.
totals() {
    local profile=$1 first=$2
    shift 2
    "$tools/llvm-cov" export -summary-only -instr-profile "$profile" "$first" "${@/#/-object=}" \
        -ignore-filename-regex="$elsewhere" >"$work/summary" 2>>"$work/llvm.log"
    python3 - "$work/summary" <<'PYTHON'
import json, sys
totals = json.load(open(sys.argv[1]))["data"][0]["totals"]
part = lambda name: "%.1f %%" % totals[name]["percent"]
print(part("lines"), part("functions"), part("regions"), totals["lines"]["covered"], totals["lines"]["count"], sep="\t")
PYTHON
}

# Everything but our own src/: dependencies, the targets themselves, what they borrow of tests/.
elsewhere='(/\.cargo/|/rustc/|/fuzz_targets/|/tests/|/library/)'

# row TARGET INPUTS PROFILE BINARY...
row() {
    local name=$1 inputs=$2 lines functions regions covered count
    shift 2
    IFS=$'\t' read -r lines functions regions covered count < <(totals "$@")
    printf '%-14s %10s %9s %10s %9s  %s of %s lines\n' "$name" "$inputs" "$lines" "$functions" "$regions" \
        "$covered" "$count"
}

printf '%-14s %10s %9s %10s %9s\n' target executions lines functions regions
failed=0
sum=0
binaries=()
for target in "${targets[@]}"; do
    folders=("corpus/$target")
    [ -d "target/runs/$target/corpus" ] && folders+=("target/runs/$target/corpus")
    # -runs=0: each input once, and nothing is made up.
    if ! LLVM_PROFILE_FILE="$work/$target-%p.profraw" "$built/$target" -runs=0 -timeout=30 \
        -artifact_prefix="$work/" "${folders[@]}" >"$work/$target.log" 2>&1; then
        failed=$((failed + 1))
        printf '%-14s failed: see fuzz/%s/%s.log\n' "$target" "$work" "$target"
        continue
    fi
    inputs=$(find "${folders[@]}" -type f | wc -l)
    sum=$((sum + inputs))
    "$tools/llvm-profdata" merge -sparse "$work/$target"-*.profraw -o "$work/$target.profdata"
    row "$target" "$inputs" "$work/$target.profdata" "$built/$target"
    binaries+=("$built/$target")
done
[ ${#binaries[@]} -gt 0 ] || exit 1

"$tools/llvm-profdata" merge -sparse "$work"/*.profdata -o "$work/all"
row 'all together' "$sum" "$work/all" "${binaries[@]}"

"$tools/llvm-cov" export -summary-only -instr-profile "$work/all" "${binaries[0]}" "${binaries[@]/#/-object=}" \
    -ignore-filename-regex="$elsewhere" >"$work/summary" 2>>"$work/llvm.log"
python3 - "$work/summary" <<'PYTHON'
import collections, json, os, sys
files = json.load(open(sys.argv[1]))["data"][0]["files"]
top = os.path.dirname(os.getcwd()) + "/"
folders = collections.defaultdict(lambda: [0, 0])
rows = []
for file in files:
    name, lines = file["filename"].replace(top, ""), file["summary"]["lines"]
    rows.append((name, lines["covered"], lines["count"]))
    sums = folders[os.path.dirname(name)]
    sums[0] += lines["covered"]
    sums[1] += lines["count"]

def show(name, covered, count):
    print("%6.1f %%  %5d of %5d lines  %s" % (100.0 * covered / max(count, 1), covered, count, name))

print("\nfolders, all targets together:")
for name in sorted(folders):
    show(name + "/", *folders[name])
print("\nfiles, all targets together, those that are reached:")
for row in sorted(rows):
    if row[1]:
        show(*row)
PYTHON
[ "$failed" = 0 ]
