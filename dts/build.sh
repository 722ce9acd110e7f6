#!/bin/sh
# Builds the overlays with cpp and dtc (Debian: apt install cpp device-tree-compiler).
#
#   dts/build.sh [-o FOLDER] [-D NAME=VALUE]...
#
#   -o FOLDER      where the results go [target/dts beside the dts folder]
#   -D NAME=VALUE  changes a default of spinel-bridge-overlay.dts, for example -D SPINEL_INT=17; the names are in its head
#
# Results:
#   FOLDER/rpi/spinel-bridge.dtbo       for the Raspberry Pi kernel (Raspberry Pi OS)
#   FOLDER/mainline/spinel-bridge.dtbo  for the trees of a mainline kernel (Debian, Yocto with linux-stable, ...);
#                                       not built when -D SPINEL_BUS=1 or 2 is given: those trees cannot take it
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
out=$(dirname -- "$here")/target/dts
defines=
bus=0

fail() {
	echo "build.sh: $1" >&2
	exit 1
}

while [ $# -gt 0 ]; do
	case $1 in
	-o)
		[ $# -ge 2 ] || fail "-o needs a folder"
		out=$2
		shift 2
		;;
	-D)
		[ $# -ge 2 ] || fail "-D needs NAME=VALUE, for example -D SPINEL_INT=17"
		case $2 in
		SPINEL_BUS=[0-9] | SPINEL_CS=[0-9] | SPINEL_SPEED=[0-9]* | SPINEL_INT=[0-9]* | SPINEL_RES=[0-9]* | \
			SPINEL_PULL=[0-2] | SPINEL_RES_PULL=[0-2] | SPINEL_MODE=[0-9]) ;;
		*) fail "-D $2: no such name, or not a number; the names are in the head of spinel-bridge-overlay.dts" ;;
		esac
		case $2 in SPINEL_BUS=*) bus=${2#*=} ;; esac
		defines="$defines -D$2"
		shift 2
		;;
	-h | --help)
		sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p;}' "$0"
		exit 0
		;;
	*) fail "$1: unknown argument; -h shows the usage" ;;
	esac
done

for tool in cpp dtc; do
	command -v "$tool" >/dev/null || fail "$tool is missing (Debian: apt install cpp device-tree-compiler)"
done

# build KERNEL [CPP-OPTION]...
build() {
	kernel=$1
	shift
	mkdir -p "$out/$kernel"
	# -undef: cpp's own names (such as "linux") must not change words of the source.
	# shellcheck disable=SC2086 # one word per -D, checked above
	cpp -nostdinc -undef -D__DTS__ -P -x assembler-with-cpp "$@" $defines \
		"$here/spinel-bridge-overlay.dts" "$out/$kernel/spinel-bridge.dts"
	dtc -@ -I dts -O dtb -o "$out/$kernel/spinel-bridge.dtbo" "$out/$kernel/spinel-bridge.dts"
	echo "$out/$kernel/spinel-bridge.dtbo"
}

build rpi
if [ "$bus" = 0 ]; then
	build mainline -DMAINLINE
fi
