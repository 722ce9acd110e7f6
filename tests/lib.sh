# shellcheck shell=bash
# What the test scripts share. Source it after "set -euo pipefail".

# shellcheck disable=SC2034 # for the scripts that source this
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$(mktemp -d)
passed=0
failed=0
cleanups=()
finished=no

# at_end COMMAND...: runs it when the script ends, however it ends.
at_end() {
	cleanups+=("$(printf '%q ' "$@")")
}

finish() {
	local status=$? command
	for command in "${cleanups[@]+"${cleanups[@]}"}"; do
		eval "$command" || true
	done
	rm -rf "$work"
	if [ $finished = no ]; then
		echo "FAIL  $0 ended early, with status $status" >&2
		[ "$status" != 0 ] || status=1
	fi
	exit "$status"
}
trap finish EXIT

# no_tests: for a script that has started itself anew in a namespace: nothing to count or to clean up there.
no_tests() {
	trap - EXIT
	rm -rf "$work"
}

ok() {
	passed=$((passed + 1))
	echo "ok    $1"
}

# bad NAME [FILE]: FILE holds what there is to see.
bad() {
	failed=$((failed + 1))
	echo "FAIL  $1"
	if [ $# -gt 1 ]; then
		sed 's/^/        /' "$2"
	fi
}

# check NAME COMMAND...: passes when the command succeeds; shows its output when it does not.
check() {
	local name=$1
	shift
	if "$@" >"$work/check.log" 2>&1; then
		ok "$name"
	else
		bad "$name" "$work/check.log"
	fi
}

# silent NAME COMMAND...: passes when the command succeeds and prints nothing (no warning).
silent() {
	local name=$1
	shift
	if "$@" >"$work/check.log" 2>&1 && [ ! -s "$work/check.log" ]; then
		ok "$name"
	else
		bad "$name" "$work/check.log"
	fi
}

# refused NAME WORDS COMMAND...: passes when the command fails and says WORDS.
refused() {
	local name=$1 words=$2
	shift 2
	if "$@" >"$work/check.log" 2>&1; then
		bad "$name (it was accepted)" "$work/check.log"
	elif grep -qF -- "$words" "$work/check.log"; then
		ok "$name"
	else
		bad "$name (refused, but without \"$words\")" "$work/check.log"
	fi
}

# same NAME EXPECTED GOT: passes when both files are equal.
same() {
	if diff -u "$2" "$3" >"$work/same.log" 2>&1; then
		ok "$1"
	else
		bad "$1" "$work/same.log"
	fi
}

# need PROGRAM PACKAGE [PROGRAM PACKAGE]...: makes sure that the programs are there; installs Debian's packages as root.
need() {
	local packages=()
	while [ $# -gt 0 ]; do
		command -v "$1" >/dev/null || packages+=("$2")
		shift 2
	done
	install_packages "${packages[@]+"${packages[@]}"}"
}

install_packages() {
	[ $# -gt 0 ] || return 0
	if [ "$(id -u)" != 0 ]; then
		echo "missing: run as root, or first: apt-get install $*" >&2
		exit 1
	fi
	export DEBIAN_FRONTEND=noninteractive
	local apt=(apt-get -o DPkg::Lock::Timeout=300 -qq -y)
	if ! "${apt[@]}" install --no-install-recommends "$@" >"$work/apt.log" 2>&1; then
		# A bare machine has no package lists yet.
		"${apt[@]}" update >"$work/apt.log" 2>&1 || { cat "$work/apt.log" >&2; exit 1; }
		"${apt[@]}" install --no-install-recommends "$@" >"$work/apt.log" 2>&1 || { cat "$work/apt.log" >&2; exit 1; }
	fi
}

# debian_root: a bare Debian 12 with systemd, made once below target/; `debian` is its folder, to be copied.
debian_root() {
	local cache=$top/target/systemd-root
	debian=$cache/root
	[ ! -e "$cache/complete" ] || return 0
	rm -rf "$cache"
	mkdir -p "$cache"
	check "a bare Debian root with systemd" mmdebstrap --quiet --variant=minbase \
		--include=systemd,systemd-sysv,udev,dbus bookworm "$debian" http://deb.debian.org/debian
	[ "$failed" = 0 ] || result
	touch "$cache/complete"
}

# result: prints the last line of a test script and ends it.
result() {
	finished=yes
	echo "$passed passed, $failed failed"
	[ "$failed" = 0 ] || exit 1
	exit 0
}
