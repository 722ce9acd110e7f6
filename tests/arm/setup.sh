#!/usr/bin/env bash
# Gets what ARM needs: Debian's own Rust with the standard library of armhf and arm64, QEMU and lld,
# unpacked into target/arm/root; and, installed where they are missing, which takes root, the two cross linkers.
#
# Safe to run again: does nothing while target/arm/ready is of this script. For a newer compiler:
# rm -r target/arm.
set -euo pipefail

# shellcheck source=tests/debs.sh
. "$(dirname "${BASH_SOURCE[0]}")/../debs.sh" arm

missing=()
for triple in arm-linux-gnueabihf aarch64-linux-gnu; do
    command -v "$triple-gcc" >/dev/null || missing+=("gcc-$triple")
done
[[ -e /usr/arm-linux-gnueabihf/include/stdio.h ]] || missing+=(libc6-dev-armhf-cross)
[[ -e /usr/aarch64-linux-gnu/include/stdio.h ]] || missing+=(libc6-dev-arm64-cross)
install_missing ${missing[@]+"${missing[@]}"}
! is_ready || exit 0

own+=(-o APT::Architectures::=amd64 -o APT::Architectures::=armhf -o APT::Architectures::=arm64)
begin

# versions PACKAGE: the newest first.
versions() {
    apt-cache "${own[@]}" madison "$1" | awk '{ print $3 }'
}

# The oldest that there is for all: the tree must build with more than the newest compiler.
version=
while read -r candidate; do
    if versions libstd-rust-web-dev:armhf | grep -qxF "$candidate" &&
        versions libstd-rust-web-dev:arm64 | grep -qxF "$candidate"; then
        version=$candidate
    fi
done < <(versions rustc-web)
[[ -n "$version" ]] || fail "apt knows no rustc-web with libstd-rust-web-dev for armhf and arm64"

# 1.85.0+dfsg3-1~deb12u3 -> 1.85
shared="libstd-rust-web-${version%%.[0-9]+*}"
packages=("rustc-web=$version" "cargo-web=$version" "$shared=$version" "libstd-rust-web-dev=$version"
    "libstd-rust-web-dev:armhf=$version" "libstd-rust-web-dev:arm64=$version")

mapfile -t libraries < <(
    lacking "rustc-web=$version" "cargo-web=$version" "libstd-rust-web-dev=$version" "$shared=$version" |
        grep -v -e -web
)

# The linker of the same LLVM, for benches/features.sh small.
llvm="$(apt-cache "${own[@]}" depends "$shared=$version" | sed -n 's/^ *Depends: libllvm\([0-9]*\)$/\1/p')"

echo "setup.sh: fetching Rust $version for armhf and arm64, QEMU, lld and ${#libraries[@]} libraries" >&2
fetch "${packages[@]}" "${libraries[@]}" "lld-$llvm" qemu-user-static
for deb in "$cache"/debs/*.deb; do
    case "$deb" in
        # It brings forty machines.
        */qemu-*) dpkg --fsys-tarfile "$deb" | tar -x -C "$cache/root" ./usr/bin/qemu-{arm,aarch64}-static ;;
        *) dpkg -x "$deb" "$cache/root" ;;
    esac
done
for triple in arm-linux-gnueabihf aarch64-linux-gnu; do
    ln -s "../lib/llvm-$llvm/bin/lld" "$cache/root/usr/bin/$triple-ld.lld"
done

finish
