#!/usr/bin/env bash
# Builds OpenThread's own firmware and hosts from the sources that the crate openthread-sys carries, into
# target/firmware/bin:
#   ot-ncp-ftd ot-rcp            HDLC on their standard input and output; the radio is simulated
#   ot-cli-ftd                   a Thread node with a command line, to talk to
#   ot-ncp-ftd-raw-auto          the NCP with LINK_RAW, and with a dataset of its own (AUTO_INIT)
#   ot-cli                       OpenThread's posix host for an RCP, over SPI or HDLC
#
# Safe to run again: does nothing while target/firmware/ready is of this script and of the locked sources.
# Four to six minutes on two cores. Needs cmake and ninja; ccache, where it is there, saves half of the time, because
# the variants differ in few files.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
out="${CARGO_TARGET_DIR:-$here/../../target}/firmware"
mkdir -p "$out/bin"
out="$(cd "$out" && pwd)"

stamp="$(cat "${BASH_SOURCE[0]}" "$here/sources/Cargo.lock" | sha256sum)"
exec 9>"$out/lock"
flock 9 # two test runs build once
[[ "$(cat "$out/ready" 2>/dev/null)" != "$stamp" ]] || exit 0
rm -f "$out/ready"

fail() {
    echo "build.sh: $*" >&2
    exit 1
}
command -v cmake >/dev/null || fail "cmake is missing: run tests/setup.sh"
command -v ninja >/dev/null || fail "ninja is missing: run tests/setup.sh"

# cargo checks the checksum; its registry folder is only read.
cargo fetch --quiet --locked --manifest-path "$here/sources/Cargo.toml"
sources="$(cargo metadata --format-version 1 --locked --offline --manifest-path "$here/sources/Cargo.toml" |
    python3 -c 'import json, os, sys
for package in json.load(sys.stdin)["packages"]:
    if package["name"] == "openthread-sys":
        print(os.path.join(os.path.dirname(package["manifest_path"]), "openthread"))')"
[[ -f "$sources/CMakeLists.txt" ]] || fail "no OpenThread in the crate openthread-sys: $sources"

common=(-GNinja -Wno-dev -DBUILD_TESTING=OFF -DOT_BUILD_GTEST=OFF -DOT_COMPILE_WARNING_AS_ERROR=OFF -DOT_MTD=OFF)
# What a full NCP has. TCP is off: with it the NCP keeps all TCP packets for itself.
features=(-DOT_THREAD_VERSION=1.4 -DOT_TCP=OFF -DOT_COMMISSIONER=ON -DOT_JOINER=ON -DOT_BORDER_ROUTER=ON
    -DOT_SERVICE=ON -DOT_JAM_DETECTION=ON -DOT_CHANNEL_MONITOR=ON -DOT_CHANNEL_MANAGER=ON -DOT_MAC_FILTER=ON
    -DOT_SLAAC=ON -DOT_SRP_CLIENT=ON -DOT_UDP_FORWARD=ON -DOT_ECDSA=ON -DOT_NETDATA_PUBLISHER=ON)
simulation=(-DOT_PLATFORM=simulation -DOT_FTD=ON -DOT_RCP=ON -DOT_APP_NCP=ON -DOT_APP_RCP=ON -DOT_APP_CLI=ON)
posix=(-DOT_PLATFORM=posix -DOT_DAEMON=OFF -DOT_APP_CLI=ON -DOT_APP_NCP=OFF -DOT_APP_RCP=OFF -DOT_RCP=OFF
    -DOT_POSIX_RCP_HDLC_BUS=ON -DOT_POSIX_RCP_SPI_BUS=ON)

launcher=()
if command -v ccache >/dev/null; then
    export CCACHE_DIR="$out/ccache" CCACHE_NOHASHDIR=1
    launcher=(-DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
fi

# variant NAME SUFFIX PROGRAM... -- OPTION...: PROGRAM is a path in the build folder. Always the same folder: its name
# is in what ccache compares.
variant() {
    local name=$1 suffix=$2 programs=() targets=() program log="$out/$1.log" build="$out/build" start=$SECONDS
    shift 2
    while [[ $1 != -- ]]; do
        programs+=("$1")
        targets+=("${1##*/}")
        shift
    done
    shift
    rm -rf "$build"
    {
        cmake -S "$sources" -B "$build" "${common[@]}" ${launcher[@]+"${launcher[@]}"} "$@" &&
            nice ninja -C "$build" "${targets[@]}"
    } >"$log" 2>&1 || { tail -n 30 "$log" && fail "$name cannot be built: see $log"; } >&2
    for program in "${programs[@]}"; do
        install -s "$build/$program" "$out/bin/${program##*/}$suffix"
    done
    rm -rf "$build"
    echo "build.sh: $name in $((SECONDS - start)) s" >&2
}

ncp=examples/apps/ncp
cli=examples/apps/cli
variant hdlc '' $ncp/ot-ncp-ftd $ncp/ot-rcp $cli/ot-cli-ftd -- "${features[@]}" "${simulation[@]}" -DOT_LINK_RAW=OFF
variant raw-auto -raw-auto $ncp/ot-ncp-ftd -- "${features[@]}" "${simulation[@]}" -DOT_LINK_RAW=ON \
    -DOT_OPERATIONAL_DATASET_AUTO_INIT=ON
variant posix '' src/posix/ot-cli -- "${posix[@]}"

rm -rf "$out/ccache"
echo "$stamp" >"$out/ready"
