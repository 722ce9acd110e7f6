#!/usr/bin/env bash
# The program without some of its parts (Cargo.toml, features), for images where kilobytes count.
#
#   benches/features.sh         lints every combination
#   benches/features.sh sizes   builds each with the embedded profile and prints its size
#   benches/features.sh small   does so for the one without any, with two more flags that make it smaller
#   benches/features.sh static  does so with the C library inside, which no other process then shares; prints
#                               size and resident memory in kB, on a simulated co-processor
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly combinations=('' 'check' 'host' 'sim' 'check,host' 'check,sim' 'host,sim' 'check,host,sim')

# No tables for unwinding, which panic = "abort" never does; relocations in a short form, which needs
# glibc 2.36 and binutils 2.38 or later (Debian 12 has both).
readonly small='-C force-unwind-tables=no -C link-arg=-Wl,-z,pack-relative-relocs'

# size FEATURES TARGET_DIR: builds, and prints octets.
size() {
    cargo build --quiet --locked --profile embedded --bin spinel-bridge --no-default-features \
        --features "$1" --target-dir "$2"
    stat -c %s "$2/embedded/spinel-bridge"
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
            printf '%-16s %9d\n' "${features:-nothing}" "$(size "$features" "$target/features")"
        done
        printf '%-16s %9d\n' 'nothing, small' "$("$0" small)"
        ;;
    small)
        RUSTFLAGS="${RUSTFLAGS:-} $small" size '' "$target/small"
        ;;
    static)
        flags='-C target-feature=+crt-static -C relocation-model=static -C force-unwind-tables=no'
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
        sed -n '4,8s/^# *//p' "$0" >&2
        exit 2
        ;;
esac
