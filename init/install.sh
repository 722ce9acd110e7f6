#!/bin/sh
# Installs the bridge and the files around it. Run it in a checkout after "cargo build --release". Safe to run again.
#
#   [DESTDIR=FOLDER] [BINARY=FILE] [SPINELCTL=FILE] init/install.sh [PART]...
#   [DESTDIR=FOLDER] init/install.sh -u [PART]...     removes the files again; settings stay
#
# Parts, and what each installs below DESTDIR [/]:
#   binary   /usr/sbin/spinel-bridge                           (BINARY [target/release/spinel-bridge])
#            /usr/bin/spinelctl                                (SPINELCTL [beside BINARY])
#   udev     /usr/lib/udev/rules.d/60-spinel-bridge.rules
#   systemd  /usr/lib/systemd/system/spinel-bridge@.service
#            /usr/lib/systemd/system/spinel-bridge-host@.service
#            /usr/lib/sysusers.d/spinel-bridge.conf
#            /usr/lib/tmpfiles.d/spinel-bridge.conf
#            /usr/share/doc/spinel-bridge/examples/spinel-bridge-example.default
#            /usr/share/doc/spinel-bridge/examples/spinel-bridge-host-example.default
#   sysv     /etc/init.d/spinel-bridge
#            /etc/default/spinel-bridge                        (kept when it is there)
#   completions /usr/share/bash-completion/completions/spinelctl
#            /usr/share/zsh/vendor-completions/_spinelctl
#            /usr/share/fish/vendor_completions.d/spinelctl.fish
#            /usr/share/bash-completion/completions/spinel-bridge
#            /usr/share/zsh/vendor-completions/_spinel-bridge
#            /usr/share/fish/vendor_completions.d/spinel-bridge.fish
#   man      /usr/share/man/man8/spinel-bridge.8               (MAN [target/man], a folder; made by
#            /usr/share/man/man1/spinelctl.1                   "cargo run --release --example man -- target/man";
#            /usr/share/man/man5/spinel-bridge.conf.5          without a PART left out where there is none)
#   examples /usr/share/doc/spinel-bridge/examples/...         (spinel-bridge.conf; drop-ins; for wpantund, otbr-agent, ot-daemon)
#   dbus     /usr/sbin/spinel-bridge-dbus                      (COMPANION [dbus/target/release/spinel-bridge-dbus])
#            /usr/share/dbus-1/system.d/io.github.spinel_bridge1.conf
#            /usr/share/dbus-1/system-services/io.github.spinel_bridge1.service
#            /usr/share/dbus-1/system-services/com.nestlabs.WPANTunnelDriver.service
#            /usr/share/dbus-1/interfaces/io.github.spinel_bridge1.Interface.xml
#            /usr/lib/systemd/system/spinel-bridge-dbus.service
#            /usr/lib/sysusers.d/spinel-bridge-dbus.conf
#   licenses /usr/share/doc/spinel-bridge/LICENSE-APACHE
#            /usr/share/doc/spinel-bridge/LICENSE-MIT
#
# Without a PART: binary udev systemd completions man examples licenses; with -u also sysv and dbus. Prints the name of each file
# that it installs or removes.
set -eu
# What is installed is for everybody, whatever root's umask is: folders too.
umask 022

top=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
destdir=${DESTDIR:-}
binary=${BINARY:-$top/target/release/spinel-bridge}
case $binary in
*/*) beside=${binary%/*} ;;
*) beside=. ;;
esac
spinelctl=${SPINELCTL:-$beside/spinelctl}
man=${MAN:-$top/target/man}
companion=${COMPANION:-$top/dbus/target/release/spinel-bridge-dbus}
doc=/usr/share/doc/spinel-bridge
parts='binary udev systemd completions man examples licenses'
removes=no

fail() {
	echo "install.sh: $1" >&2
	exit 1
}

need_programs() {
	[ -f "$binary" ] || fail "$binary is missing: run cargo build --release first, or set BINARY"
	[ -f "$spinelctl" ] || fail "$spinelctl is missing: run cargo build --release first, or set SPINELCTL"
}

# put MODE SOURCE NAME
put() {
	if [ "$removes" = yes ]; then
		remove "$3"
		return
	fi
	[ -f "$2" ] || fail "$2 is missing"
	mkdir -p "$destdir${3%/*}"
	# By way of a second name: a running binary cannot be written over.
	cp "$2" "$destdir$3.new"
	chmod "$1" "$destdir$3.new"
	mv -f "$destdir$3.new" "$destdir$3"
	echo "$destdir$3"
}

# remove NAME
remove() {
	[ -e "$destdir$1" ] || return 0
	rm "$destdir$1"
	echo "$destdir$1"
	# The folders of other packages stay, being full.
	case $1 in
	"$doc"/*) rmdir "$destdir${1%/*}" "$destdir$doc" 2>/dev/null || true ;;
	esac
}

do_part() {
	case $1 in
	binary)
		[ "$removes" = yes ] || need_programs
		put 755 "$binary" /usr/sbin/spinel-bridge
		put 755 "$spinelctl" /usr/bin/spinelctl
		;;
	udev)
		put 644 "$top/udev/60-spinel-bridge.rules" /usr/lib/udev/rules.d/60-spinel-bridge.rules
		;;
	systemd)
		put 644 "$top/init/systemd/spinel-bridge@.service" "/usr/lib/systemd/system/spinel-bridge@.service"
		put 644 "$top/init/systemd/spinel-bridge-host@.service" "/usr/lib/systemd/system/spinel-bridge-host@.service"
		put 644 "$top/init/systemd/spinel-bridge.sysusers" /usr/lib/sysusers.d/spinel-bridge.conf
		put 644 "$top/init/systemd/spinel-bridge.tmpfiles" /usr/lib/tmpfiles.d/spinel-bridge.conf
		put 644 "$top/init/systemd/spinel-bridge-example.default" "$doc/examples/spinel-bridge-example.default"
		put 644 "$top/init/systemd/spinel-bridge-host-example.default" "$doc/examples/spinel-bridge-host-example.default"
		;;
	sysv)
		put 755 "$top/init/sysv/spinel-bridge" /etc/init.d/spinel-bridge
		if [ -e "$destdir/etc/default/spinel-bridge" ]; then
			echo "kept: $destdir/etc/default/spinel-bridge"
		else
			put 644 "$top/init/sysv/spinel-bridge.default" /etc/default/spinel-bridge
		fi
		;;
	completions)
		for name in spinel-bridge spinelctl; do
			put 644 "$top/init/completions/$name.bash" "/usr/share/bash-completion/completions/$name"
			put 644 "$top/init/completions/_$name" "/usr/share/zsh/vendor-completions/_$name"
			put 644 "$top/init/completions/$name.fish" "/usr/share/fish/vendor_completions.d/$name.fish"
		done
		;;
	man)
		for page in spinel-bridge.8 spinelctl.1 spinel-bridge.conf.5; do
			put 644 "$man/$page" "/usr/share/man/man${page##*.}/$page"
		done
		;;
	examples)
		for file in "$top"/init/examples/*; do
			put 644 "$file" "$doc/examples/${file##*/}"
		done
		;;
	dbus)
		[ "$removes" = yes ] || [ -f "$companion" ] ||
			fail "$companion is missing: run cargo build --release --manifest-path dbus/Cargo.toml first, or set COMPANION"
		put 755 "$companion" /usr/sbin/spinel-bridge-dbus
		put 644 "$top/init/dbus/io.github.spinel_bridge1.conf" /usr/share/dbus-1/system.d/io.github.spinel_bridge1.conf
		for name in io.github.spinel_bridge1 com.nestlabs.WPANTunnelDriver; do
			put 644 "$top/init/dbus/$name.service" "/usr/share/dbus-1/system-services/$name.service"
		done
		put 644 "$top/dbus/io.github.spinel_bridge1.Interface.xml" \
			/usr/share/dbus-1/interfaces/io.github.spinel_bridge1.Interface.xml
		put 644 "$top/init/dbus/spinel-bridge-dbus.service" /usr/lib/systemd/system/spinel-bridge-dbus.service
		put 644 "$top/init/dbus/spinel-bridge-dbus.sysusers" /usr/lib/sysusers.d/spinel-bridge-dbus.conf
		;;
	licenses)
		put 644 "$top/LICENSE-APACHE" "$doc/LICENSE-APACHE"
		put 644 "$top/LICENSE-MIT" "$doc/LICENSE-MIT"
		;;
	*) fail "$1: no such part; the parts are binary udev systemd sysv completions man examples licenses dbus" ;;
	esac
}

case ${1:-} in
-h | --help)
	sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p;}' "$0"
	exit 0
	;;
-u | --uninstall)
	removes=yes
	parts="$parts sysv dbus"
	shift
	;;
esac

if [ $# = 0 ]; then
	if [ "$removes" = no ] && [ ! -d "$man" ]; then
		echo "left out: the manual pages; \"cargo run --release --example man -- target/man\" makes them"
		parts=$(echo "$parts" | sed 's/ man / /')
	fi
	# shellcheck disable=SC2086 # several words
	set -- $parts
fi
for part in "$@"; do
	do_part "$part"
done
