#!/bin/sh
# Makes the Debian packages spinel-bridge and spinelctl from programs that are built already. Needs dpkg-deb and readelf.
#
#   [ARCH=arm64] [BINARY=FILE] [MAN=FOLDER] [VERSION=0.1.0-1] [MAINTAINER='Name <mail>'] init/debian/build.sh FOLDER
#
# BINARY [target/release/spinel-bridge]; spinelctl lies beside it. MAN [target/man] has the manual pages, which
# "cargo run --release --example man -- target/man" makes. ARCH [this machine's] is Debian's name of what they were
# built for. FOLDER gets NAME_VERSION_ARCH.deb. The files in them are those that init/install.sh installs.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
top=$here/../..
[ $# = 1 ] || { sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p;}' "$0" >&2; exit 2; }
out=$1
binary=${BINARY:-$top/target/release/spinel-bridge}
arch=${ARCH:-$(dpkg --print-architecture)}
version=${VERSION:-$(sed -n 's/^version = "\(.*\)"/\1/p' "$top/Cargo.toml" | head -n 1)-1}
maintainer=${MAINTAINER:-$(git -C "$top" log -1 --format='%an <%ae>')}
# The time of the commit, so that the same source gives the same package.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$top" log -1 --format=%ct)}
export SOURCE_DATE_EPOCH
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
mkdir -p "$out"
umask 022

# install NAME PART...: the files of these parts, below $stage/NAME.
install_parts() {
	folder=$stage/$1
	shift
	DESTDIR=$folder BINARY=$binary "$top/init/install.sh" "$@" >/dev/null
}

# libc PROGRAM: the least glibc that has all the symbols that it uses.
libc() {
	readelf --version-info "$1" | grep -o 'GLIBC_[0-9.]*' | sed 's/GLIBC_//' | sort -V | tail -n 1
}

# documents NAME: copyright and changelog, where Debian wants them.
documents() {
	doc=$stage/$1/usr/share/doc/$1
	mkdir -p "$doc"
	cp "$here/copyright" "$doc/copyright"
	{
		printf '%s (%s) unstable; urgency=medium\n\n  * See CHANGELOG.md of the source.\n\n' "$1" "$version"
		printf ' -- %s  %s\n' "$maintainer" "$(date -R -u -d "@$SOURCE_DATE_EPOCH")"
	} | gzip -9n >"$doc/changelog.Debian.gz"
	chmod 644 "$doc/copyright" "$doc/changelog.Debian.gz"
}

# package NAME PROGRAM FIELDS...: packs $stage/NAME; a field is a line of the control file.
package() {
	name=$1 program=$2
	shift 2
	documents "$name"
	mkdir -p "$stage/$name/DEBIAN"
	for script in postinst prerm postrm; do
		[ ! -e "$here/$name.$script" ] || install -m 755 "$here/$name.$script" "$stage/$name/DEBIAN/$script"
	done
	(cd "$stage/$name" && find usr etc -type f 2>/dev/null | LC_ALL=C sort | xargs md5sum) >"$stage/$name/DEBIAN/md5sums"
	{
		printf 'Package: %s\nSource: spinel-bridge\nVersion: %s\nArchitecture: %s\n' "$name" "$version" "$arch"
		printf 'Maintainer: %s\nSection: net\nPriority: optional\n' "$maintainer"
		printf 'Installed-Size: %s\n' "$(du -sk --exclude=DEBIAN "$stage/$name" | cut -f 1)"
		printf 'Homepage: https://openthread.io/platforms/co-processor\n'
		printf 'Depends: libc6 (>= %s), libgcc-s1%s\n' "$(libc "$program")" "$(needs "$name")"
		printf '%s\n' "$@"
	} >"$stage/$name/DEBIAN/control"
	dpkg-deb --root-owner-group -Zxz --build "$stage/$name" "$out/${name}_${version}_$arch.deb" >/dev/null
	echo "$out/${name}_${version}_$arch.deb"
}

# The units' user comes from sysusers.d.
needs() {
	[ "$1" != spinel-bridge ] || printf ', systemd | systemd-standalone-sysusers'
}

install_parts spinel-bridge binary udev systemd completions man examples
ctl=$stage/spinelctl
# What is spinelctl's goes to its own package.
for file in $(cd "$stage/spinel-bridge" && find . -type f \( -name 'spinelctl*' -o -name _spinelctl \)); do
	mkdir -p "$ctl/${file%/*}"
	mv "$stage/spinel-bridge/$file" "$ctl/$file"
done
find "$stage/spinel-bridge" -type d -empty -delete
find "$stage" -path '*/share/man/*' -type f -exec gzip -9n {} +
chmod 644 "$stage/spinel-bridge/usr/share/doc/spinel-bridge/examples"/*

package spinel-bridge "$stage/spinel-bridge/usr/sbin/spinel-bridge" 'Recommends: spinelctl' \
	'Description: Spinel co-processor (Thread, IEEE 802.15.4) on SPI' \
	' Connects a co-processor with OpenThread firmware (NCP or RCP) on a Linux SPI' \
	' bus to the host: as a pseudo terminal for wpantund, otbr-agent, ot-daemon or' \
	' spinel-cli, or by itself as a network interface that spinelctl manages.'
package spinelctl "$ctl/usr/bin/spinelctl" 'Suggests: spinel-bridge' \
	'Description: command line of the Thread host driver spinel-bridge' \
	' Forms and joins Thread networks, scans, and reads and sets properties of the' \
	' co-processor that a running spinel-bridge drives.'
