#!/usr/bin/env bash
# Boots target/vm/initramfs once and prints its console; the arguments go to the kernel command line.
# Exit code 0: all cases passed; anything else: not, or it did not come so far.
set -euo pipefail

readonly LIMIT=1800 # seconds for a boot; the cases take 50 on an idle machine, and twenty times that on a busy one

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
cache="$(cd "${CARGO_TARGET_DIR:-$here/../../target}/vm" && pwd)"
lib="$cache/root/usr/lib/x86_64-linux-gnu"

qemu=(qemu-system-x86_64)
if [[ -x "$cache/root/usr/bin/qemu-system-x86_64" ]]; then
    qemu=(env "LD_LIBRARY_PATH=$lib:$cache/root/lib/x86_64-linux-gnu"
        "$cache/root/usr/bin/qemu-system-x86_64" -L "$cache/root/usr/share/qemu" -L "$cache/root/usr/share/seabios")
fi

# One emulated CPU: two take turns badly on a busy machine. A kernel warning is a failure. no_timer_check: the kernel
# counts ticks for a moment at its start, gets none where QEMU does not run just then, and would panic.
status=0
nice timeout --kill-after=5 "$LIMIT" "${qemu[@]}" \
    -accel tcg -machine pc -smp 1 -m 256 -nodefaults -no-user-config -display none -no-reboot \
    -kernel "$cache/vmlinux" -initrd "$cache/initramfs" \
    -append "console=ttyS0 quiet panic=-1 no_timer_check panic_on_warn=1 oops=panic mitigations=off $*" \
    -device isa-debug-exit,iobase=0xf4,iosize=1 -serial stdio -monitor none </dev/null || status=$?

# isa-debug-exit makes 1 of the guest's 0; QEMU's own 0 is a reboot, which is a panic.
case $status in
1) exit 0 ;;
124 | 137) echo "boot.sh: not done after $LIMIT s" ;;
0) echo "boot.sh: the kernel panicked" ;;
esac
exit 1
