#!/usr/bin/env bash
# Makes the Debian packages of init/debian from the release binary, has lintian read them, and installs, upgrades, removes
# and purges them in a bare Debian 12 root with dpkg. SPINEL_BRIDGE names the binary [target/release/spinel-bridge];
# spinelctl lies beside it. Needs root.
# shellcheck disable=SC2317 # check calls what nothing else does
set -euo pipefail
# shellcheck source=tests/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

binary=${SPINEL_BRIDGE:-$top/target/release/spinel-bridge}

main() {
	need dpkg-deb dpkg lintian lintian readelf binutils mmdebstrap mmdebstrap git git
	if [ ! -x "$binary" ] || [ ! -x "${binary%/*}/spinelctl" ]; then
		bad "$binary and spinelctl are there: run cargo build --release"
		result
	fi
	check "the manual pages are made" cargo run --quiet --locked --manifest-path "$top/Cargo.toml" --example man -- "$work/man"
	export MAN=$work/man
	debs=$work/debs
	arch=$(dpkg --print-architecture)
	check "the packages are made" env BINARY="$binary" VERSION=0.1.0-1 "$top/init/debian/build.sh" "$debs"
	check "and once more, as the next version" env BINARY="$binary" VERSION=0.1.0-2 "$top/init/debian/build.sh" "$debs"
	check "the same source gives the same package" same_again
	check "lintian finds no error" lintian --allow-root --fail-on error \
		"$debs"/*_0.1.0-1_"$arch".deb
	check "the files of a release are made" env BINARY="$binary" "$top/init/release.sh" "$work/release"
	check "... their checksums are right" sh -c "cd '$work/release' && sha256sum --quiet -c SHA256SUMS"
	check "... with the licences of all crates" licences
	debian_root
	root=$work/root
	cp -a --reflink=auto "$debian" "$root"
	cp "$debs"/*.deb "$root/"
	in_root
	result
}

# Each crate that is linked has its licence in the archive of the programs: a text, or whose it is.
licences() {
	tar -xzOf "$work"/release/spinel-bridge-*-*.tar.gz --wildcards '*/THIRD-PARTY.txt' >"$work/licences"
	cargo tree --locked --manifest-path "$top/Cargo.toml" --edges normal --prefix none --no-dedupe --format '{p}' |
		sed 's/ v/-/;s/ .*//' | grep -v '^spinel-bridge-' | sort -u >"$work/crates"
	test "$(wc -l <"$work/crates")" -ge 20
	while read -r crate; do
		grep -qF "======== $crate: " "$work/licences" || { echo "no licence of $crate"; return 1; }
	done <"$work/crates"
}

same_again() {
	BINARY=$binary VERSION=0.1.0-1 "$top/init/debian/build.sh" "$work/again" >/dev/null
	cmp "$debs/spinel-bridge_0.1.0-1_$arch.deb" "$work/again/spinel-bridge_0.1.0-1_$arch.deb"
}

inside() {
	chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C DEBIAN_FRONTEND=noninteractive "$@"
}

in_root() {
	list >"$work/before"
	check "dpkg installs both" inside dpkg -i "/spinel-bridge_0.1.0-1_$arch.deb" "/spinelctl_0.1.0-1_$arch.deb"
	check "the user is there, in the groups spi and gpio" inside sh -c \
		'id -nG spinel-bridge | grep -qw spi && id -nG spinel-bridge | grep -qw gpio'
	# shellcheck disable=SC2016 # the shell in there
	check "nothing of ours differs from the package" inside sh -c 'test -z "$(dpkg --verify spinel-bridge spinelctl)"'
	check "the program runs: --check sim:" inside spinel-bridge --check sim:
	check "spinelctl runs" inside spinelctl --version
	check "the files are those of install.sh, each in one package" same_files
	check "systemd reads the units" inside systemd-analyze --man=no verify spinel-bridge@spi.service \
		spinel-bridge-host@wpan0.service
	check "no instance is enabled" sh -c "! find '$root/etc/systemd/system' -name 'spinel-bridge*' | grep ."
	echo 'TUN=wpan0' >"$root/etc/default/spinel-bridge-spi"
	check "systemctl enable" inside systemctl enable spinel-bridge@spi.service
	check "dpkg upgrades both" inside dpkg -i "/spinel-bridge_0.1.0-2_$arch.deb" "/spinelctl_0.1.0-2_$arch.deb"
	check "... what was enabled stays so" sh -c "find '$root/etc/systemd/system' -name 'spinel-bridge@spi*' | grep ."
	check "dpkg removes both" inside dpkg -r spinel-bridge spinelctl
	check "... settings and user stay" inside sh -c 'test -e /etc/default/spinel-bridge-spi && id spinel-bridge'
	check "dpkg purges both" inside dpkg -P spinel-bridge spinelctl
	rm "$root/etc/default/spinel-bridge-spi"
	list >"$work/after"
	same "... and nothing of them is left" "$work/before" "$work/after"
}

# What is in the root, but for what dpkg and the user's entry change.
list() {
	(cd "$root" && find . -path ./dev -prune -o -path ./run -prune -o -path ./var -prune -o -type f -print -o -type l -print) |
		grep -vE '^\./(etc/(passwd|group|shadow|gshadow|subuid|subgid)-?|.*\.deb)$' | LC_ALL=C sort
}

same_files() {
	DESTDIR=$work/by-script BINARY=$binary "$top/init/install.sh" >/dev/null
	(cd "$work/by-script" && find . -type f) | grep -v '/LICENSE-' | sed 's/^\.//;/\/share\/man\//s/$/.gz/' | LC_ALL=C sort >"$work/want"
	inside dpkg -L spinel-bridge spinelctl | while read -r file; do
		[ -d "$root/$file" ] || echo "$file"
	done | grep -vE '^$|/(copyright|changelog.Debian.gz)$' | LC_ALL=C sort >"$work/got"
	diff -u "$work/want" "$work/got"
}

main
