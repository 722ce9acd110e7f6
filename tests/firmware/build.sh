#!/usr/bin/env bash
# Builds OpenThread's own firmware and hosts from the sources that the crate openthread-sys carries, into
# target/firmware/bin:
#   ot-ncp-ftd ot-rcp            HDLC on their standard input and output; the radio is simulated
#   ot-cli-ftd                   a Thread node with a command line, to talk to
#   ot-ncp-ftd-spi ot-rcp-spi    the same firmware as an SPI slave, whose peripheral is spi_slave.c
#   ot-ncp-ftd-raw-auto          the NCP with LINK_RAW, and with a dataset of its own (AUTO_INIT)
#   ot-ncp-ftd-cli               the NCP with its command line over Spinel (STREAM_CLI), and with link metrics
#   ot-cli                       OpenThread's posix host for an RCP, over SPI or HDLC
#   ot-daemon ot-ctl             the same as a daemon, and its client
#   spi_host.so                  the host's end of that SPI bus, to be preloaded
#
# Safe to run again: does nothing for what is there already. Three to five minutes on two idle cores. Needs cmake and
# ninja; ccache, where it is there, saves half of the time, because the variants differ in few files.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
out="${CARGO_TARGET_DIR:-$here/../../target}/firmware"
mkdir -p "$out/bin"
out="$(cd "$out" && pwd)"
lock="$here/sources/Cargo.lock"
exec 9>"$out/lock"
flock 9 # two test runs build once

fail() {
    echo "build.sh: $*" >&2
    exit 1
}

common=(-GNinja -Wno-dev -DBUILD_TESTING=OFF -DOT_BUILD_GTEST=OFF -DOT_COMPILE_WARNING_AS_ERROR=OFF -DOT_MTD=OFF
    # With its assertions, but without the debug information that costs a fifth of the time.
    -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_FLAGS_DEBUG= -DCMAKE_CXX_FLAGS_DEBUG=)
# What a full NCP has. TCP is off: with it the NCP keeps all TCP packets for itself.
features=(-DOT_THREAD_VERSION=1.4 -DOT_TCP=OFF -DOT_COMMISSIONER=ON -DOT_JOINER=ON -DOT_BORDER_ROUTER=ON
    -DOT_SERVICE=ON -DOT_JAM_DETECTION=ON -DOT_CHANNEL_MONITOR=ON -DOT_CHANNEL_MANAGER=ON -DOT_MAC_FILTER=ON
    -DOT_SLAAC=ON -DOT_SRP_CLIENT=ON -DOT_UDP_FORWARD=ON -DOT_ECDSA=ON -DOT_NETDATA_PUBLISHER=ON)
simulation=(-DOT_PLATFORM=simulation -DOT_FTD=ON -DOT_RCP=ON -DOT_APP_NCP=ON -DOT_APP_RCP=ON -DOT_APP_CLI=ON)
posix=(-DOT_PLATFORM=posix -DOT_DAEMON=OFF -DOT_APP_CLI=ON -DOT_APP_NCP=OFF -DOT_APP_RCP=OFF -DOT_RCP=OFF
    -DOT_POSIX_RCP_HDLC_BUS=ON -DOT_POSIX_RCP_SPI_BUS=ON
    # It sets up a co-processor anew that was reset, in place of ending: as often as a test wants.
    -DCMAKE_CXX_FLAGS=-DOPENTHREAD_SPINEL_CONFIG_RCP_RESTORATION_MAX_COUNT=100)

launcher=()
if command -v ccache >/dev/null; then
    export CCACHE_DIR="$out/ccache"
    launcher=(-DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
fi

# find_sources: sets `sources`. cargo checks the checksum; its registry folder is only read.
find_sources() {
    local manifest="$here/sources/Cargo.toml"
    cargo fetch --quiet --locked --manifest-path "$manifest"
    sources="$(cargo metadata --format-version 1 --locked --offline --manifest-path "$manifest" |
        python3 -c 'import json, os, sys
for package in json.load(sys.stdin)["packages"]:
    if package["name"] == "openthread-sys":
        print(os.path.join(os.path.dirname(package["manifest_path"]), "openthread"))')"
    [[ -f "$sources/CMakeLists.txt" ]] || fail "no OpenThread in the crate openthread-sys: $sources"
}

# is_ready NAME FILE WORD...: whether NAME was made of this already; sets `stamp` to what it is made of.
is_ready() {
    stamp="$({ printf '%s\n' "${@:3}" && cat "$2" "$lock"; } | sha256sum)"
    [[ "$(cat "$out/$1.ready" 2>/dev/null)" == "$stamp" ]]
}

# variant NAME SUFFIX SLAVE PROGRAM... -- OPTION...: PROGRAM is a path in the build folder, SLAVE a C file that is linked
# to it before the archives, or /dev/null. The folder is always the same: its name is in what ccache compares.
variant() {
    local name=$1 suffix=$2 slave=$3 start=$SECONDS log="$out/$1.log" build="$out/build"
    local stamp program programs=() targets=()
    ! is_ready "$name" "$slave" "$@" "${common[@]}" || return 0
    shift 3
    while [[ $1 != -- ]]; do
        programs+=("$1")
        targets+=("${1##*/}")
        shift
    done
    shift
    command -v cmake >/dev/null || fail "cmake is missing: run tests/setup.sh"
    command -v ninja >/dev/null || fail "ninja is missing: run tests/setup.sh"
    [[ -n ${sources:-} ]] || find_sources
    rm -rf "$build"
    {
        cmake -S "$sources" -B "$build" "${common[@]}" ${launcher[@]+"${launcher[@]}"} "$@" &&
            link_slave "$slave" "$build" && nice ninja -C "$build" "${targets[@]}"
    } >"$log" 2>&1 || { tail -n 30 "$log" && fail "$name cannot be built: see $log"; } >&2
    for program in "${programs[@]}"; do
        install -s "$build/$program" "$out/bin/${program##*/}$suffix"
    done
    rm -rf "$build"
    echo "$stamp" >"$out/$name.ready"
    echo "build.sh: $name in $((SECONDS - start)) s" >&2
}

# Told to CMake after its first run: its own checks would not link with it.
link_slave() {
    [[ $1 != /dev/null ]] || return 0
    cc -O2 -Wall -Wextra -Werror -I "$sources/include" -c -o "$2/spi_slave.o" "$1" &&
        cmake -DCMAKE_EXE_LINKER_FLAGS="$2/spi_slave.o" "$2"
}

ncp=examples/apps/ncp
cli=examples/apps/cli
variant hdlc '' /dev/null $ncp/ot-ncp-ftd $ncp/ot-rcp $cli/ot-cli-ftd -- \
    "${features[@]}" "${simulation[@]}" -DOT_LINK_RAW=OFF
variant spi -spi "$here/spi_slave.c" $ncp/ot-ncp-ftd $ncp/ot-rcp -- \
    "${features[@]}" "${simulation[@]}" -DOT_LINK_RAW=OFF -DOT_NCP_SPI=ON
variant raw-auto -raw-auto /dev/null $ncp/ot-ncp-ftd -- \
    "${features[@]}" "${simulation[@]}" -DOT_LINK_RAW=ON -DOT_OPERATIONAL_DATASET_AUTO_INIT=ON
variant cli -cli /dev/null $ncp/ot-ncp-ftd -- \
    "${features[@]}" "${simulation[@]}" -DOT_LINK_RAW=OFF -DOT_NCP_CLI_STREAM=ON \
    -DOT_LINK_METRICS_INITIATOR=ON -DOT_LINK_METRICS_SUBJECT=ON -DOT_BACKBONE_ROUTER=ON
variant posix '' /dev/null src/posix/ot-cli -- "${posix[@]}"
variant daemon '' /dev/null src/posix/ot-daemon src/posix/ot-ctl -- "${posix[@]}" -DOT_DAEMON=ON \
    -DOT_POSIX_RCP_SPI_BUS=OFF
rm -rf "$out/ccache"

if ! is_ready spi_host "$here/spi_host.c"; then
    cc -O2 -Wall -Wextra -Werror -shared -fPIC -o "$out/bin/spi_host.so" "$here/spi_host.c" -ldl
    echo "$stamp" >"$out/spi_host.ready"
fi
