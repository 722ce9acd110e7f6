#!/bin/sh
# Makes the files of a release from programs that are built already: an archive of the source, an archive of the programs
# with all that belongs to them, the Debian packages, and SHA256SUMS. Needs git, cargo, tar, dpkg-deb and readelf.
#
#   [TARGET=TRIPLE ARCH=arm64] [BINARY=FILE] [MAN=FOLDER] init/release.sh FOLDER
#
# TARGET is what the programs were built for, as rustc calls it [this machine], ARCH the same as Debian calls it, and
# BINARY the program itself [target/release/spinel-bridge, or target/TARGET/release/spinel-bridge]; spinelctl lies beside
# it. MAN [target/man] has the manual pages, which "cargo run --release --example man -- target/man" makes.
#
# THIRD-PARTY.txt in the archive has the licences of all crates that are in the programs. The same commit and the same
# programs give the same files.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
top=$(CDPATH='' cd -- "$here/.." && pwd)
[ $# = 1 ] || { sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p;}' "$0" >&2; exit 2; }
case ${1:-} in -*) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p;}' "$0" >&2; exit 2 ;; esac
mkdir -p "$1"
out=$(CDPATH='' cd -- "$1" && pwd)
target=${TARGET:-$(rustc -vV | sed -n 's/^host: //p')}
if [ -n "${TARGET:-}" ]; then built=$top/target/$TARGET/release; else built=$top/target/release; fi
binary=${BINARY:-$built/spinel-bridge}
version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$top/Cargo.toml" | head -n 1)
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$top" log -1 --format=%ct)}
export SOURCE_DATE_EPOCH
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
umask 022

fail() {
	echo "release.sh: $*" >&2
	exit 1
}

if [ ! -x "$binary" ] || [ ! -x "${binary%/*}/spinelctl" ]; then
	fail "$binary and spinelctl must be there: run cargo build --release, or set BINARY"
fi

# pack NAME: an archive of $stage/NAME, the same each time.
pack() {
	tar -C "$stage" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" -cf - "$1" |
		gzip -9n >"$out/$1.tar.gz"
	echo "$out/$1.tar.gz"
}

# licences: the text of THIRD-PARTY.txt. Each crate's own files of its licences, as it was published.
licences() {
	cargo vendor --quiet --locked --versioned-dirs --manifest-path "$top/Cargo.toml" "$stage/vendor" >/dev/null
	cargo tree --quiet --locked --manifest-path "$top/Cargo.toml" --edges normal --target "$target" --prefix none \
		--no-dedupe --format '{p}|{l}' | grep -v '^spinel-bridge ' | LC_ALL=C sort -u >"$stage/crates"
	[ -s "$stage/crates" ] || fail "cargo tree names no crate"
	echo "The programs of spinel-bridge $version contain these crates, under these licences."
	while IFS='|' read -r crate terms; do
		name=$(echo "$crate" | sed 's/^\([^ ]*\) v\([^ ]*\).*/\1-\2/')
		printf '\n======== %s: %s\n' "$name" "$terms"
		found=no
		for file in "$stage/vendor/$name"/LICEN[CS]E* "$stage/vendor/$name"/COPYING* "$stage/vendor/$name"/NOTICE* \
			"$stage/vendor/$name"/UNLICENSE*; do
			[ -f "$file" ] || continue
			found=yes
			printf '\n---- %s\n\n' "${file##*/}"
			cat "$file"
		done
		# Some crates name their licence and bring no text of it.
		[ $found = yes ] || printf '\nIts package has no text of the licence. By %s\n' "$(
			sed -n 's/^authors = \[\(.*\)\]$/\1/p;/^authors = \[$/,/^\]/{s/^ *\("[^"]*"\),*$/\1/p;}' "$stage/vendor/$name/Cargo.toml" |
				tr '\n' ' ')"
	done <"$stage/crates"
}

git -C "$top" archive --format=tar --prefix="spinel-bridge-$version/" HEAD | gzip -9n \
	>"$out/spinel-bridge-$version.tar.gz"
echo "$out/spinel-bridge-$version.tar.gz"

programs=spinel-bridge-$version-$target
DESTDIR=$stage/$programs BINARY=$binary MAN=${MAN:-$top/target/man} "$here/install.sh" \
	binary udev systemd completions man examples licenses >/dev/null
licences >"$stage/THIRD-PARTY.txt"
install -m 644 "$stage/THIRD-PARTY.txt" "$top/README.md" "$top/CHANGELOG.md" "$stage/$programs"
pack "$programs"

ARCH=${ARCH:-$(dpkg --print-architecture)} BINARY=$binary MAN=${MAN:-$top/target/man} "$here/debian/build.sh" "$out"

(cd "$out" && for file in *.tar.gz *.deb; do sha256sum "$file"; done >"$stage/sums" && mv "$stage/sums" SHA256SUMS)
echo "$out/SHA256SUMS"
