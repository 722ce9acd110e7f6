#!/usr/bin/env bash
# Gets what the virtual machine needs: QEMU, busybox, Debian's kernel and its headers, unpacked into
# target/vm/root. Nothing is installed and nothing removed, so other QEMU packages do not matter, and
# root is needed only where gcc, make or xz are missing.
#
# Safe to run again: does nothing while target/vm/ready is of this script. For a newer kernel:
# rm -r target/vm.
set -euo pipefail

# shellcheck source=tests/debs.sh
. "$(dirname "${BASH_SOURCE[0]}")/../debs.sh" vm
! is_ready || exit 0

missing=()
command -v gcc-12 >/dev/null || missing+=(gcc libc6-dev)
command -v make >/dev/null || missing+=(make)
command -v xz >/dev/null || missing+=(xz-utils)
install_missing ${missing[@]+"${missing[@]}"}
begin

# The version moves with security updates, so ask for it.
image="$(apt-cache "${own[@]}" depends linux-image-amd64 | sed -n 's/^ *Depends: *\(linux-image-[0-9].*\)$/\1/p')"
[[ -n "$image" ]] || fail "apt knows no linux-image-amd64: are Debian's package lists there?"
version="${image#linux-image-}"

mapfile -t packages < <(lacking qemu-system-x86 "linux-headers-$version")
command -v qemu-system-x86_64 >/dev/null || ((${#packages[@]})) || fail "apt found no QEMU to unpack"

echo "setup.sh: fetching $image, QEMU and ${#packages[@]} packages in all" >&2
fetch "$image" busybox-static "${packages[@]}"
for deb in "$cache"/debs/*.deb; do
    dpkg -x "$deb" "$cache/root"
done

headers="$cache/root/usr/src/linux-headers-$version"
[[ -d "$headers" ]] || cp -a "/usr/src/linux-headers-$version" "$headers"
# The headers name their common part by an absolute path.
grep -rlI --include=Makefile --include=.kernelvariables '/usr/src/linux-headers' "$headers" | while read -r file; do
    sed -i "s|\([ =]\)/usr/src/linux-headers|\1$cache/root/usr/src/linux-headers|g" "$file"
done

# Unpacked, the kernel boots in half the time. Where it lies in the image: setup_sects, payload_offset
# and payload_length of the kernel's Documentation/x86/boot.rst; the last four octets are its size.
kernel="$cache/root/boot/vmlinuz-$version"
number() { od -An -v -t "u$2" -j "$1" -N "$2" "$kernel" | tr -d ' '; }
start=$((($(number 0x1f1 1) + 1) * 512 + $(number 0x248 4)))
length=$(($(number 0x24c 4) - 4))
head -c "$((start + length))" "$kernel" | tail -c "$length" | xz -dc >"$cache/vmlinux" ||
    fail "$kernel: cannot be unpacked"

echo "$version" >"$cache/version"
finish
