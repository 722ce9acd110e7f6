#!/usr/bin/env bash
# Runs the release binary against a real spidev and a real GPIO chip, in a virtual machine.
#   tests/vm/run.sh [WORD]     only the cases whose name contains WORD
# Prints a table of the cases and ends with "N passed, N failed". Needs Debian 12 on amd64 and, once,
# the network; see setup.sh. What is downloaded or built lies in target/vm.
set -euo pipefail

readonly TRIPLE=x86_64-unknown-linux-gnu

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
cd "$here/../.."
target="${CARGO_TARGET_DIR:-$PWD/target}"
mkdir -p "$target/vm"
cache="$(cd "$target/vm" && pwd)"

"$here/setup.sh"
"$here/../firmware/build.sh"
version="$(cat "$cache/version")"
root="$cache/root"

# Static, so that the guest needs no libraries. Nothing else differs from the release that is shipped.
# The guest's own program is built apart, so that its dependencies cannot change features of ours.
export RUSTFLAGS='-C target-feature=+crt-static'
cargo build --quiet --locked --release --target "$TRIPLE" --bin spinel-bridge --bin spinelctl
cargo build --quiet --locked --release --target "$TRIPLE" --example vm-guest
LD_LIBRARY_PATH="$root/usr/lib/x86_64-linux-gnu:$root/lib/x86_64-linux-gnu" make -s -C "$here/module" \
    KDIR="$root/usr/src/linux-headers-$version" OUT="$cache/module" 2>&1 |
    { grep -v '^Skipping BTF generation' || true; }

guest="$cache/guest"
rm -rf "$guest"
mkdir -p "$guest"/{bin,dev,proc,sys,run,tmp}
cp "$here/init" "$guest/init"
cp "$root/bin/busybox" "$guest/bin/"
cp "$target/$TRIPLE/release/spinel-bridge" "$target/$TRIPLE/release/spinelctl" \
    "$target/$TRIPLE/release/examples/vm-guest" "$guest/bin/"
gcc -O2 -Wall -Wextra -Werror -static -o "$guest/bin/refuse" "$here/refuse.c"
cp "$cache/module/spinel_vm.ko" "$root/lib/modules/$version/kernel/drivers/net/tun.ko" "$guest/"
# OpenThread's firmware, as it is, with the libraries that it is linked to and their loader.
for program in ot-ncp-ftd-spi ot-cli-ftd; do
    cp "$target/firmware/bin/$program" "$guest/bin/"
    ldd "$target/firmware/bin/$program" | sed -n 's|^[^/]*\(/[^ ]*\) (.*|\1|p' | while read -r library; do
        mkdir -p "$guest${library%/*}"
        cp -L "$library" "$guest$library"
    done
done
chmod +x "$guest/init"
(cd "$guest" && find . | "$root/bin/busybox" cpio -o -H newc) >"$cache/initramfs" 2>"$cache/cpio.log" ||
    { cat "$cache/cpio.log" >&2 && exit 1; }

passed=0
failed=0
boot() {
    local log="$cache/$1.log" status=0 words=() set="$1"
    shift
    "$here/boot.sh" "spinel.set=$set" "spinel.only=$only" "$@" |
        tr -d '\r' | tee "$log" | sed -u -n 's/^CASE //p' || status=$?
    read -r -a words < <(sed -n 's/^CASES //p' "$log") || true
    passed=$((passed + ${words[0]:-0}))
    failed=$((failed + ${words[1]:-0}))
    # A machine that did not come to its end, or says something else than its table, is a failure too.
    if ((${#words[@]} != 2 || (status != 0 && words[1] == 0))); then
        failed=$((failed + 1))
        echo "FAIL $set: the machine did not come to its end:"
        tail -n 30 "$log"
    elif ((words[1] > 0)); then
        grep -v '^CASE' "$log" | tail -n 60
    fi
}

only="${1:-}"
boot traffic
boot faults
boot gpio
boot network
boot firmware
boot small-bufsiz spidev.bufsiz=512

echo "$passed passed, $failed failed"
((failed == 0 && passed > 0))
