#!/usr/bin/env bash
# The program without some of its parts (Cargo.toml, features), for images where kilobytes count.
#
#   benches/features.sh         lints every combination
#   benches/features.sh sizes   builds each with the embedded profile and prints its size
#   benches/features.sh small [FEATURES...]
#                               builds them with flags that make it smaller, for: nothing, host, all; with
#                               CARGO_BUILD_TARGET for ARM (tests/arm.sh does that), where it takes lld
#   benches/features.sh bounds  holds the translator alone to 600 kB with these flags, and to 2 MB of resident
#                               memory with the C library inside; the host driver alone to 1120 kB
#   benches/features.sh flags   prints these flags, for a build of one's own
#   benches/features.sh std     prints the size of a program that says hello, built the same two ways: what the
#                               standard library costs
#   benches/features.sh static  builds with the C library inside, which no other process then shares; prints
#                               size and resident memory in kB, on a simulated co-processor
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly combinations=('' 'check' 'host' 'sim' 'tap' 'transports' 'check,host' 'check,sim' 'host,sim' 'check,host,sim' 'check,host,sim,tap,transports')

# What an embedded image has for the translator alone, in octets and in kB.
readonly OCTETS_MAX=600000 RESIDENT_MAX=2000
# And for the host driver alone, in octets: what it took when this was written, so that it grows by decision only.
readonly HOST_OCTETS_MAX=1120000

# No tables for unwinding (small.ld), relocations in a short form, which needs glibc 2.36 and binutils 2.38 or
# later (Debian 12 has both), and code that repeats becomes a function, of all crates, since it is done where
# they are linked.
small=(-C 'link-arg=-Wl,-z,pack-relative-relocs' -C 'link-arg=-Wl,--no-eh-frame-hdr'
    -C "link-arg=-Wl,-T,$PWD/benches/small.ld" -C llvm-args=-enable-machine-outliner=always)
case ${CARGO_BUILD_TARGET:-} in
    armv7-*)
        small+=(-C 'link-arg=-fuse-ld=lld')
        export RUSTFLAGS="${RUSTFLAGS:-} -C target-feature=+thumb-mode"
        ;;
    aarch64-*) small+=(-C 'link-arg=-fuse-ld=lld') ;;
esac

# size FEATURES TARGET_DIR FLAG...: builds, and prints octets. The flags are for the program alone, not for
# what the build runs.
size() {
    local features=$1 folder=$2
    shift 2
    cargo rustc --quiet --locked --profile embedded --bin spinel-bridge --no-default-features \
        --features "$features" --target-dir "$folder" -- "$@"
    stat -c %s "$folder/${CARGO_BUILD_TARGET:-}/embedded/spinel-bridge"
}

# hello FLAG...: the size of a program that only says hello, with the profile of Cargo.toml.
hello() {
    local folder
    folder=$(mktemp -d)
    mkdir "$folder/src"
    printf '[package]\nname = "hello"\nedition = "2021"\n' >"$folder/Cargo.toml"
    sed -n '/^\[profile\.\(release\|embedded\)\]/,/^$/p' Cargo.toml >>"$folder/Cargo.toml"
    printf 'fn main() {\n    println!("hello");\n}\n' >"$folder/src/main.rs"
    cargo rustc --quiet --offline --profile embedded --manifest-path "$folder/Cargo.toml" \
        --target-dir "$folder/target" -- "$@"
    stat -c %s "$folder/target/embedded/hello"
    rm -r "$folder"
}

target=${CARGO_TARGET_DIR:-target}
case ${1:-lint} in
    lint)
        for features in "${combinations[@]}"; do
            cargo clippy --quiet --locked --bins --no-default-features --features "$features" -- -D warnings
        done
        ;;
    sizes)
        for features in "${combinations[@]}"; do
            printf '%-21s %9d\n' "${features:-nothing}" "$(size "$features" "$target/features")"
        done
        "$0" small
        ;;
    small)
        shift
        [[ $# -gt 0 ]] || set -- '' 'host' 'check,host,sim'
        for features in "$@"; do
            printf '%-21s %9d\n' "${features:-nothing}, small" \
                "$(size "$features" "$target/features" "${small[@]}")"
        done
        ;;
    bounds)
        octets=$(size '' "$target/features" "${small[@]}")
        resident=$("$0" static | sed 's/.*resident //; s/ kB//')
        printf 'the translator alone: %d octets (%d at the most), resident %d kB (%d at the most)\n' \
            "$octets" "$OCTETS_MAX" "$resident" "$RESIDENT_MAX"
        host=$(size host "$target/features" "${small[@]}")
        printf 'the host driver alone: %d octets (%d at the most)\n' "$host" "$HOST_OCTETS_MAX"
        [[ $octets -le $OCTETS_MAX && $resident -le $RESIDENT_MAX && $host -le $HOST_OCTETS_MAX ]]
        ;;
    flags)
        printf '%s\n' "${small[*]}"
        ;;
    std)
        printf '%-21s %9d\n' 'hello' "$(hello)" 'hello, small' "$(hello "${small[@]}")"
        ;;
    static)
        flags='-C target-feature=+crt-static -C relocation-model=static'
        triple=$(rustc -vV | sed -n 's/^host: //p')
        # With a target of its own, or the macros of the build would be static too, which they cannot be.
        RUSTFLAGS="${RUSTFLAGS:-} $flags" cargo build --quiet --locked --profile embedded --bin spinel-bridge \
            --no-default-features --features sim --target "$triple" --target-dir "$target/static"
        program=$target/static/$triple/embedded/spinel-bridge
        coproc bridge { exec "$program" --pty --log none sim:echo; }
        pid=$!
        read -r _ <&"${bridge[0]}"
        printf '%d octets, resident %s kB\n' "$(stat -c %s "$program")" \
            "$(sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$pid/status")"
        kill "$pid"
        wait "$pid" || true
        ;;
    *)
        sed -n '4,16s/^# //p' "$0" >&2
        exit 2
        ;;
esac
