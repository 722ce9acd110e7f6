#!/usr/bin/env bash
# What the core costs on 32-bit ARM, in instructions: a frame to the co-processor and each octet more, counted by
# QEMU's user mode, which says each one when it runs them singly. tests/arm/setup.sh gets the compiler and QEMU.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly TRIPLE=armv7-unknown-linux-gnueabihf FRAMES=20

tests/arm/setup.sh
# shellcheck source=tests/arm/env.sh
. tests/arm/env.sh
export CARGO_TARGET_DIR=${arm_root%/root}/build CARGO_INCREMENTAL=0
program=$(cargo bench --quiet --locked --target "$TRIPLE" --bench table --no-run --message-format=json |
    sed -n 's/.*"name":"table".*"executable":"\([^"]*\)".*/\1/p')

# count OCTETS WAY FRAMES
count() {
    qemu-arm-static -L /usr/arm-linux-gnueabihf -singlestep -d nochain,exec -D /dev/stdout \
        "$program" core "$1" "$2" "$3" | grep -c '^Trace'
}

each=()
for way in to from; do
    for octets in 64 1280; do
        each[octets]=$((($(count "$octets" "$way" "$FRAMES") - $(count "$octets" "$way" 0)) / FRAMES))
    done
    printf '%-5s %d octets: %d, %d octets: %d; %d.%02d an octet\n' "$way" 64 "${each[64]}" 1280 "${each[1280]}" \
        $(((each[1280] - each[64]) / 1216)) $(((each[1280] - each[64]) * 100 / 1216 % 100))
done
