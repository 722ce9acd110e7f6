#!/usr/bin/env bash
# The program on 32 and 64 bit ARM, with Debian's compiler and QEMU's user mode (tests/arm/setup.sh gets
# them): builds it, runs the core's tests where usize has 32 bits, and sessions with real clients on
# both. Prints the size of the embedded profile, which on 32 bit has a bound. The last line is
# "N passed, N failed". What is downloaded or built lies in target/arm. The host driver takes root.
# shellcheck disable=SC2317 # check calls what nothing else does
set -euo pipefail
# shellcheck source=tests/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$top"

# What the least that can be built may take, stripped, where kilobytes count.
readonly SMALL_MAX=600000

readonly ARMHF=armv7-unknown-linux-gnueabihf
readonly ARM64=aarch64-unknown-linux-gnu
# Those that start no program for ARM, which QEMU's user mode could not do, and end in time.
readonly CORE=(--lib --test hdlc --test link --test properties --test radio --test resets)
# The same, of the library's. And QEMU says ENOSYS to an ioctl that it does not know, where a kernel says
# ENOTTY; does not know 1 Mbit/s; and its vfork is a fork: a command's process group is not there when spawn
# returns, so that a signal which follows at once finds nobody.
readonly NOT_IN_QEMU=(io::privileges io::sandbox io::signal::tests::signals_wake_and_are_told_once
	io::child::tests io::process::tests
	io::gpio::kernel::tests::errors_are_those_of_the_calls io::spi::tests::other_files_are_not_spidev
	io::spi::tests::second_bridge_is_told_about_the_first
	io::stream::tests::a_serial_port_is_raw_and_comes_back_when_it_was_unplugged)

main() {
	local spinel_cli
	spinel_cli=$(tests/setup.sh | tail -n 1)
	tests/arm/setup.sh
	need lintian lintian dpkg-deb dpkg readelf binutils
	check "the manual pages are made" cargo run --quiet --locked --example man -- "$work/man"
	# shellcheck source=tests/arm/env.sh
	. tests/arm/env.sh
	# Nothing here reads the debug information, and the target folder of the host stays as it is.
	export CARGO_TARGET_DIR=${arm_root%/root}/build CARGO_INCREMENTAL=0
	rustc --version

	board armhf "$ARMHF" qemu-arm-static /usr/arm-linux-gnueabihf
	board arm64 "$ARM64" qemu-aarch64-static /usr/aarch64-linux-gnu
	check "armhf: the core's tests" core_tests
	result
}

# board NAME TRIPLE QEMU LIBRARIES: builds for it, looks at what came out, and uses it.
board() {
	local name=$1 triple=$2 programs
	run=("$3" -L "$4")
	programs=$CARGO_TARGET_DIR/$triple/release
	bridge=$programs/spinel-bridge
	spinelctl=$programs/spinelctl
	silent "$name: builds" cargo build --quiet --locked --release --target "$triple"
	check "$name: is what it claims to be" "is_for_$name" "$bridge"
	for program in "$bridge" "$spinelctl"; do
		check "$name: ${program##*/} --version" "${run[@]}" "$program" --version
		check "$name: ${program##*/} --help" "${run[@]}" "$program" --help
	done
	check "$name: the packages are made" env ARCH="$name" BINARY="$bridge" MAN="$work/man" init/debian/build.sh \
		"$work/debs-$name"
	# Debian's Perl, with its own libraries.
	check "$name: lintian finds no error in them" env -u LD_LIBRARY_PATH lintian --allow-root --fail-on error \
		"$work/debs-$name"/spinel-bridge_*.deb "$work/debs-$name"/spinelctl_*.deb
	check "$name: --check sim:" "${run[@]}" "$bridge" --check sim:
	check "$name: standard input of 3 GiB" large_input
	check "$name: spinel-cli on pipes" on_pipes
	check "$name: spinel-cli on a pty" on_a_pty
	check "$name: the host driver makes a network" unshare --net bash -c "$(declare -p run bridge spinelctl work);
		$(declare -f network); network"
	embedded "$name" "$triple"
}

is_for_armhf() {
	readelf -hAl "$1" >"$work/elf"
	grep -q 'Class: *ELF32' "$work/elf" && grep -q 'Machine: *ARM$' "$work/elf" &&
		grep -q 'Tag_CPU_arch: v7' "$work/elf" && grep -q 'Tag_ABI_VFP_args: VFP registers' "$work/elf" &&
		grep -q 'interpreter: /lib/ld-linux-armhf.so.3' "$work/elf"
}

is_for_arm64() {
	readelf -hl "$1" >"$work/elf"
	grep -q 'Class: *ELF64' "$work/elf" && grep -q 'Machine: *AArch64$' "$work/elf" &&
		grep -q 'interpreter: /lib/ld-linux-aarch64.so.1' "$work/elf"
}

# A file's size may not fit in 32 bits. It is read from its end on: there is nothing to translate.
large_input() {
	truncate -s 3G "$work/large"
	{ tail -c 1 >/dev/null && timeout 60 "${run[@]}" "$bridge" --stdio sim: >/dev/null; } <"$work/large"
}

on_pipes() {
	session -n '' -p "${run[*]} $bridge --stdio --log none sim:hurry:auto-init"
}

on_a_pty() {
	local name pid status=0
	coproc pty { exec "${run[@]}" "$bridge" --pty --log none sim:hurry:auto-init; }
	pid=$!
	read -r -t 60 -u "${pty[0]}" name && session -u "$name" || status=1
	kill "$pid"
	wait "$pid" || true
	return "$status"
}

# session OPTION...: spinel-cli makes a network, and waits until it leads it.
# shellcheck disable=SC2094 # what to ask next depends on the answers
session() {
	local seen=$work/session
	: >"$seen"
	{
		printf '%s\n' 'networkname board' 'ifconfig up' 'thread start'
		for _ in {1..120}; do
			! grep -q leader "$seen" || break
			echo state
			sleep 0.5
		done
		printf '%s\n' networkname version quit
	} | timeout 120 "$spinel_cli" "$@" >"$seen" 2>&1 || true
	cat "$seen"
	grep -q leader "$seen" && grep -q board "$seen" && grep -q SPINEL-BRIDGE-SIM/ "$seen"
}

# In a network namespace of its own. A socket there is none but ours.
network() {
	local status=0 pid leader socket=$work/control
	"${run[@]}" "$bridge" --tun wpan0 --control "$socket" sim:hurry:auto-init &
	pid=$!
	for _ in {1..300}; do
		[ ! -S "$socket" ] || break
		sleep 0.1
	done
	ask() { timeout 120 "${run[@]}" "$spinelctl" --socket "$socket" "$@"; }
	ask form board && leader=$(ask getprop -v THREAD_LEADER_ADDR) && ping -6 -c 1 -W 30 "$leader" || status=1
	kill "$pid"
	wait "$pid" || status=1
	return "$status"
}

# embedded NAME TRIPLE: prints what the smallest takes, and holds 32 bit to its bound.
embedded() {
	local sizes octets
	sizes=$(CARGO_BUILD_TARGET=$2 benches/features.sh small '')
	printf '%s: octets of the embedded profile, with:\n%s\n' "$1" "$sizes"
	if [ "$1" = armhf ]; then
		octets=$(sed -n 's/^nothing, small *//p' <<<"$sizes")
		check "$1: at most $SMALL_MAX octets" test "$octets" -le "$SMALL_MAX"
	fi
}

# At 1, where a build takes as long as what it builds takes to run.
core_tests() {
	CARGO_PROFILE_TEST_OPT_LEVEL=1 CARGO_PROFILE_TEST_DEBUG=0 \
		cargo test --locked --no-fail-fast --target "$ARMHF" "${CORE[@]}" -- "${NOT_IN_QEMU[@]/#/--skip=}"
}

main
