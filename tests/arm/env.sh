# shellcheck shell=bash
# cargo for ARM, once tests/arm/setup.sh has run: source this, then cargo ... --target TRIPLE.

arm_root="${CARGO_TARGET_DIR:-$(dirname "${BASH_SOURCE[0]}")/../../target}/arm/root"
arm_root="$(cd "$arm_root" && pwd)"

# Debian's compiler and cargo, not those of rustup.
unset CARGO RUSTC RUSTDOC RUSTFLAGS RUSTC_WRAPPER CARGO_BUILD_TARGET
export PATH="$arm_root/usr/bin:$PATH"
# Some packages of Debian 12 keep their libraries in /lib (libpcre3, for one), most in /usr/lib.
export LD_LIBRARY_PATH="$arm_root/usr/lib/x86_64-linux-gnu:$arm_root/lib/x86_64-linux-gnu"

export CARGO_TARGET_ARMV7_UNKNOWN_LINUX_GNUEABIHF_LINKER=arm-linux-gnueabihf-gcc
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
export CARGO_TARGET_ARMV7_UNKNOWN_LINUX_GNUEABIHF_RUNNER="qemu-arm-static -L /usr/arm-linux-gnueabihf"
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="qemu-aarch64-static -L /usr/aarch64-linux-gnu"
