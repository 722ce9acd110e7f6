#!/usr/bin/env bash
# Builds the program as image builders do, and looks into the binary: with Buildroot's release profile and the package's
# own settings after it, as Buildroot orders them; and with the prefix maps of OpenEmbedded, which its QA (buildpaths)
# wants to have worked. One build serves both, in target/images; it takes two minutes. Neither Buildroot nor BitBake runs.
set -euo pipefail
# shellcheck source=tests/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$top"

# The profile of Buildroot (package/pkg-cargo.mk): what [profile.release] of Cargo.toml says would not count.
readonly BUILDROOT=(CARGO_PROFILE_RELEASE_OPT_LEVEL=2 CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS=false
	CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS=false CARGO_PROFILE_RELEASE_LTO=false CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16)
# What a panic of an overflow check says.
readonly PANIC='attempt to subtract with overflow'
readonly SOURCES=/usr/src/debug/spinel-bridge

main() {
	need gcc gcc make make readelf binutils
	[ -e /usr/include/stdio.h ] || install_packages libc6-dev
	folder=${CARGO_TARGET_DIR:-$top/target}/images
	mkdir -p "$folder"
	folder=$(cd "$folder" && pwd)
	prefix_map
	mapfile -t package < <(package_settings)
	check "Buildroot: the package has settings for cargo" test "${#package[@]}" -ge 3
	build
	look
	result
}

# package_settings: SPINEL_BRIDGE_CARGO_ENV as make reads it.
package_settings() {
	# shellcheck disable=SC2016 # make's variables
	printf '%s\n' 'cargo-package =' 'include init/buildroot/package/spinel-bridge/spinel-bridge.mk' \
		'show: ; @printf "%s\n" $(SPINEL_BRIDGE_CARGO_ENV)' >"$work/show.mk"
	make --no-print-directory -f "$work/show.mk" BR2_EXTERNAL_SPINEL_BRIDGE_PATH="$top/init/buildroot" show
}

# prefix_map: those of OpenEmbedded's classes for C and Rust, and the recipe's own line, which is for C.
prefix_map() {
	cargo_home=${CARGO_HOME:-$HOME/.cargo}
	# shellcheck disable=SC2016 # BitBake's variables
	check "Yocto: the recipe maps the crates' folder" grep -qxF \
		'DEBUG_PREFIX_MAP += "-ffile-prefix-map=${CARGO_HOME}=${TARGET_DBGSRC_DIR}/cargo_home"' \
		init/yocto/recipes-connectivity/spinel-bridge/spinel-bridge_*.bb
	c_flags="-g -ffile-prefix-map=$folder=$SOURCES -ffile-prefix-map=$cargo_home=$SOURCES/cargo_home"
	rust_flags="--remap-path-prefix=$top=$SOURCES --remap-path-prefix=$cargo_home=$SOURCES/cargo_home"
}

build() {
	local triple
	triple=$(rustc -vV | sed -n 's/^host: //p')
	# Verbose, for the flags that rustc gets.
	check "it builds" env "${BUILDROOT[@]}" "${package[@]}" CARGO_PROFILE_RELEASE_DEBUG=1 CARGO_PROFILE_RELEASE_STRIP=none \
		CFLAGS="$c_flags" RUSTFLAGS="$rust_flags" CARGO_TARGET_DIR="$folder" CARGO_INCREMENTAL=0 \
		cargo build --locked --release --target "$triple" --bin spinel-bridge --verbose
	binary=$folder/$triple/release/spinel-bridge
}

look() {
	check "Buildroot: the overflow checks are in the binary" grep -qaF "$PANIC" "$binary"
	# In two places: rustc's own sections, and the debug information of tun-tap's C file.
	local name
	for name in "$cargo_home" "$top"; do
		check "Yocto: the binary does not know $(basename "$name") of this machine" sh -c "! grep -aF -m 1 -o '$name' '$binary'"
	done
	check "Yocto: ... but the folder of the debug package" grep -qaF "$SOURCES/cargo_home" "$binary"
	readelf --string-dump=.debug_line_str --string-dump=.debug_str "$binary" >"$work/strings" 2>/dev/null || true
	check "Yocto: ... and the C file's there" grep -q "$SOURCES/cargo_home/.*tun-tap" "$work/strings"
}

main
