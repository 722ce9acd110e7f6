#!/usr/bin/env bash
# Gets what ARM needs: Debian's own Rust with the standard library of armhf and arm64, QEMU and lld,
# unpacked into target/arm/root; and, installed where they are missing, which takes root, the two cross linkers.
#
# Safe to run again: does nothing while target/arm/ready is of this script. For a newer compiler:
# rm -r target/arm.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
cache="${CARGO_TARGET_DIR:-$here/../../target}/arm"
mkdir -p "$cache"
cache="$(cd "$cache" && pwd)"

fail() {
    echo "setup.sh: $*" >&2
    exit 1
}

[[ "$(dpkg --print-architecture 2>/dev/null)" == amd64 ]] || fail "needs Debian 12 on amd64"

missing=()
for triple in arm-linux-gnueabihf aarch64-linux-gnu; do
    command -v "$triple-gcc" >/dev/null || missing+=("gcc-$triple")
done
[[ -e /usr/arm-linux-gnueabihf/include/stdio.h ]] || missing+=(libc6-dev-armhf-cross)
[[ -e /usr/aarch64-linux-gnu/include/stdio.h ]] || missing+=(libc6-dev-arm64-cross)
if ((${#missing[@]})); then
    [[ $EUID -eq 0 ]] || fail "missing: install ${missing[*]} and run this again"
    apt-get -o DPkg::Lock::Timeout=300 update -qq
    DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-remove \
        --no-install-recommends "${missing[@]}"
fi

stamp="$(sha256sum <"${BASH_SOURCE[0]}") $cache"
if [[ "$(cat "$cache/ready" 2>/dev/null)" == "$stamp" ]]; then
    exit 0
fi
rm -rf "$cache"/{ready,root,debs}
mkdir -p "$cache"/{root,debs} "$cache"/apt/{lists,archives}/partial

# apt with lists and architectures of its own: works without root, and leaves those of the machine alone.
own=(-o "Dir::State::Lists=$cache/apt/lists" -o "Dir::Cache=$cache/apt" -o APT::Sandbox::User=root -qq
    -o APT::Architectures::=amd64 -o APT::Architectures::=armhf -o APT::Architectures::=arm64)

# A list that cannot be had is no reason to stop; a package that is missing is, below.
apt-get "${own[@]}" update || echo "setup.sh: not all package lists could be fetched; going on" >&2

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

# What this machine lacks for them, said by a dry run. A newer libc would not go with the loader that
# is installed, and is never needed.
mapfile -t libraries < <(
    apt-get "${own[@]}" install -s --no-install-recommends "rustc-web=$version" "cargo-web=$version" \
        "libstd-rust-web-dev=$version" "$shared=$version" |
        sed -n 's/^Inst \([^ ]*\) .*/\1/p' | grep -v -e -web -e '^libc6$' | sort -u
)

# The linker of the same LLVM, for benches/features.sh small.
llvm="$(apt-cache "${own[@]}" depends "$shared=$version" | sed -n 's/^ *Depends: libllvm\([0-9]*\)$/\1/p')"

echo "setup.sh: fetching Rust $version for armhf and arm64, QEMU, lld and ${#libraries[@]} libraries" >&2
(cd "$cache/debs" && apt-get "${own[@]}" download "${packages[@]}" "${libraries[@]}" "lld-$llvm" qemu-user-static)
for deb in "$cache"/debs/*.deb; do
    case "$deb" in
        # It brings forty machines.
        */qemu-*) dpkg --fsys-tarfile "$deb" | tar -x -C "$cache/root" ./usr/bin/qemu-{arm,aarch64}-static ;;
        *) dpkg -x "$deb" "$cache/root" ;;
    esac
done
rm -rf "$cache/debs"
for triple in arm-linux-gnueabihf aarch64-linux-gnu; do
    ln -s "../lib/llvm-$llvm/bin/lld" "$cache/root/usr/bin/$triple-ld.lld"
done

echo "$stamp" >"$cache/ready"
