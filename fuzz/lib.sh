# shellcheck shell=bash
# What run.sh and coverage.sh share. Source it after "set -euo pipefail"; it goes to this folder.

# usage STATUS: prints what stands at the top of the script, and ends it.
usage() {
    sed -n '2,/^[^#]/s/^# \{0,1\}//p' "${0##*/}"
    exit "$1"
}

# choose [TARGET...]: fills `targets` with these, or with all that there are.
choose() {
    local all target
    mapfile -t all < <(find fuzz_targets -name '*.rs' -printf '%f\n' | sed 's/\.rs$//' | sort)
    targets=("$@")
    [ $# -gt 0 ] || targets=("${all[@]}")
    for target in "${targets[@]}"; do
        [ -f "fuzz_targets/$target.rs" ] || { echo "$0: no target $target; there are ${all[*]}" >&2; exit 2; }
    done
}

# build FOLDER FLAG...: builds the chosen targets into this target folder with these flags of rustc, and sets
# `built` to where they are. --target keeps the flags away from build scripts and macros, which have neither
# libFuzzer nor a profile to link with.
build() {
    local folder=$1
    shift
    RUSTFLAGS="$* --cfg=fuzzing" cargo build --quiet --locked --release --target "$host" --target-dir "$folder" \
        "${targets[@]/#/--bin=}"
    # shellcheck disable=SC2034 # for the script that sources this
    built=$folder/$host/release
}

cd "$(dirname "${BASH_SOURCE[0]}")" || exit
case ${1:-} in -h | --help) usage 0 ;; esac
host=$(rustc -vV | sed -n 's/^host: //p')
