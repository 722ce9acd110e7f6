#!/usr/bin/env bash
# Runs the tests where next to nothing is installed, to find what passes only because of what a machine happens to have:
# in a new Debian 12 root with Rust, git and the certificates of web servers, on a clone of the commit that is checked
# out, with no cache of cargo's and no environment but the network's. Not part of tests/run.sh; takes root and the network.
#
#   tests/bare.sh [STEP...]         tests/run.sh there, whole or these steps of it
#   tests/bare.sh -c COMMAND...     another command, in the clone
#   tests/bare.sh -k ...            first: keeps the root of the run before and all that was built in it, and takes the
#                                   commit of now; -k -c bash looks around
#
# The root lies in target/bare and stays there; the Rust of this machine is mounted into it, read-only. What a run takes
# is what tests/run.sh says, and some minutes for downloads.
set -euo pipefail
# shellcheck source=tests/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

readonly MIRROR=http://deb.debian.org
cache=${CARGO_TARGET_DIR:-$top/target}/bare
root=$cache/root

main() {
	local keep=no status=0
	if [ "${1:-}" = -k ]; then
		keep=yes
		shift
	fi
	case ${1:-} in
	-c) shift ;;
	-*) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2; no_tests; exit 2 ;;
	*) set -- tests/run.sh "$@" ;;
	esac
	need mmdebstrap mmdebstrap unshare util-linux git git
	if [ $keep = no ] || [ ! -d "$root" ]; then
		make_root
	else
		git -C "$root/root/spinel-bridge" fetch --quiet "$top" HEAD
		git -C "$root/root/spinel-bridge" checkout --quiet --detach FETCH_HEAD
	fi
	# Mounts and processes of it end with the namespaces.
	unshare --mount --pid --ipc --uts --fork --kill-child bash "$0" --inside "$root" "$(rustc --print sysroot)" "$@" ||
		status=$?
	no_tests
	exit $status
}

# make_root: anew, but for the packages that every Debian has.
make_root() {
	if [ ! -e "$cache/base.tar" ]; then
		mkdir -p "$cache"
		mmdebstrap --quiet --variant=minbase --include=ca-certificates,git bookworm "$cache/base.part.tar" \
			"deb $MIRROR/debian bookworm main" "deb $MIRROR/debian bookworm-updates main" \
			"deb $MIRROR/debian-security bookworm-security main"
		mv "$cache/base.part.tar" "$cache/base.tar"
	fi
	rm -rf "$root"
	mkdir -p "$root"
	tar -x -C "$root" --numeric-owner -f "$cache/base.tar"
	git clone --quiet "$top" "$root/root/spinel-bridge"
	# A machine behind a proxy has certificates of its own.
	cp -r /usr/local/share/ca-certificates/. "$root/usr/local/share/ca-certificates/"
	chroot "$root" update-ca-certificates >/dev/null 2>&1
}

# inside ROOT RUST COMMAND...: process 1 of the namespaces.
inside() {
	local root=$1 rust=$2 name pass=()
	shift 2
	mount --make-rprivate /
	mount --bind "$root" "$root"
	mkdir -p "$root/opt/rust"
	mount --bind -o ro "$rust" "$root/opt/rust"
	mount -t proc proc "$root/proc"
	mount --rbind /sys "$root/sys"
	mount --rbind /dev "$root/dev"
	mount -t tmpfs tmpfs "$root/run"
	cat /etc/resolv.conf >"$root/etc/resolv.conf"
	for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY TERM CARGO_BUILD_JOBS; do
		[ -z "${!name:-}" ] || pass+=("$name=${!name}")
	done
	# pip and Node.js bring certificates of their own, which know of no proxy.
	[ -z "$(ls /usr/local/share/ca-certificates)" ] || pass+=(PIP_CERT=/etc/ssl/certs/ca-certificates.crt
		NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt)
	# shellcheck disable=SC2016 # the shell in there
	exec env -i "${pass[@]+"${pass[@]}"}" HOME=/root USER=root LANG=C.UTF-8 \
		PATH=/opt/rust/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		chroot "$root" sh -c 'cd /root/spinel-bridge && exec "$@"' sh "$@"
}

case ${1:-} in
--inside) shift; no_tests; inside "$@" ;;
*) main "$@" ;;
esac
