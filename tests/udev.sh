#!/usr/bin/env bash
# Checks udev/60-spinel-bridge.rules with udev's own rules engine: "udevadm test" on devices of a made-up /sys, in a
# mount namespace of its own, so that it needs no SPI hardware and leaves nothing behind. Needs root.
set -euo pipefail
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"

rules=$top/udev/60-spinel-bridge.rules
spi0=devices/platform/soc/3f204000.spi/spi_master/spi0/spi0.0
spi1=devices/platform/soc/3f215080.spi/spi_master/spi1/spi1.2
gpio=devices/platform/soc/3f200000.gpio
usb=devices/platform/soc/3f980000.usb/usb1/1-1

main() {
	need udevadm udev systemd-sysusers systemd unshare util-linux
	if [ "$(id -u)" != 0 ] || ! unshare -m true 2>"$work/unshare.log"; then
		echo "FAIL  no mount namespace: run as root, with CAP_SYS_ADMIN" >&2
		exit 1
	fi
	make_groups

	test_device spi:em3581 "/sys/$spi0/spidev/spidev0.0" add
	same_list "co-processor: name of its own, short name, systemd tag, group spi" \
		"CURRENT_TAGS=:systemd:" "DEVLINKS=/dev/spinel-spi /dev/spinel-spi0.0" "GROUP $(gid spi)" "MODE 0660" \
		"symlink /dev/spinel-spi -> spidev0.0" "symlink /dev/spinel-spi0.0 -> spidev0.0"

	test_device spi:em3581 "/sys/$spi1/spidev/spidev1.2" add
	same_list "co-processor on bus 1, chip select 2" \
		"CURRENT_TAGS=:systemd:" "DEVLINKS=/dev/spinel-spi /dev/spinel-spi1.2" "GROUP $(gid spi)" "MODE 0660" \
		"symlink /dev/spinel-spi -> spidev1.2" "symlink /dev/spinel-spi1.2 -> spidev1.2"

	test_device spi:dh2228fv "/sys/$spi0/spidev/spidev0.0" add
	same_list "another spidev node gets none of it"

	echo 'SUBSYSTEM=="spidev", KERNEL=="spidev0.0", ENV{SPINEL_BRIDGE}="1"' >"$work/59-spinel.rules"
	test_device spi:dh2228fv "/sys/$spi0/spidev/spidev0.0" add
	same_list "another node that a rule of the user marks" \
		"CURRENT_TAGS=:systemd:" "DEVLINKS=/dev/spinel-spi /dev/spinel-spi0.0" "GROUP $(gid spi)" "MODE 0660" \
		"symlink /dev/spinel-spi -> spidev0.0" "symlink /dev/spinel-spi0.0 -> spidev0.0"
	rm "$work/59-spinel.rules"

	test_device spi:em3581 "/sys/$gpio/gpiochip0" add
	same_list "GPIO chip: group gpio" "GROUP $(gid gpio)" "MODE 0660"

	test_device spi:em3581 "/sys/$usb/tty/ttyACM0" add
	same_list "a serial port of OpenThread's firmware: not for ModemManager" \
		"CURRENT_TAGS=:systemd:" "ID_MM_DEVICE_IGNORE=1" "ID_MM_PORT_IGNORE=1"

	test_device spi:em3581 "/sys/${usb}2/tty/ttyUSB0" add
	same_list "another serial port gets none of it" "CURRENT_TAGS=:systemd:"

	echo 'SUBSYSTEM=="tty", ATTRS{product}=="UART Bridge", ENV{SPINEL_BRIDGE}="1"' >"$work/59-spinel.rules"
	test_device spi:em3581 "/sys/${usb}2/tty/ttyUSB0" add
	same_list "another serial port that a rule of the user marks" \
		"CURRENT_TAGS=:systemd:" "ID_MM_DEVICE_IGNORE=1" "ID_MM_PORT_IGNORE=1"
	rm "$work/59-spinel.rules"

	test_device spi:em3581 "/sys/$spi0/spidev/spidev0.0" remove
	same_list "nothing is set when a node goes"

	check "no complaint of udevadm about a line of the rules" clean_rules
	check_syntax_is_seen
	check_verify
	check_unit_name
	result
}

# The groups come from the project's own sysusers file.
make_groups() {
	mkdir -p "$work/root/etc"
	check "sysusers: systemd-sysusers takes the file" \
		systemd-sysusers --root="$work/root" "$top/init/systemd/spinel-bridge.sysusers"
	if grep -q '^spinel-bridge:.*/nologin$' "$work/root/etc/passwd"; then
		ok "sysusers: user spinel-bridge, without a login shell"
	else
		bad "sysusers: user spinel-bridge, without a login shell" "$work/root/etc/passwd"
	fi
	if grep -q '^spi:.*:spinel-bridge$' "$work/root/etc/group" && grep -q '^gpio:.*:spinel-bridge$' "$work/root/etc/group"; then
		ok "sysusers: the user is in the groups spi and gpio"
	else
		bad "sysusers: the user is in the groups spi and gpio" "$work/root/etc/group"
	fi
}

gid() {
	awk -F: -v name="$1" '$1 == name { print $3 }' "$work/root/etc/group"
}

# test_device MODALIAS SYSPATH ACTION: leaves udevadm's words in $work/udev.log and our part of them in $work/got.
test_device() {
	if ! unshare -m bash "$0" --inside "$work" "$rules" "$1" "$2" "$3" >"$work/udev.log" 2>&1; then
		bad "udevadm test $2" "$work/udev.log"
	fi
	# udev 252 says "GROUP 999"; DEVLINKS' order is not fixed.
	{
		sed -n 's/^.*spinel[^ ]*\.rules:[0-9]* \(GROUP\|MODE\) /\1 /p' "$work/udev.log"
		grep '^symlink ' "$work/udev.log" || true
		grep '^CURRENT_TAGS=' "$work/udev.log" || true
		grep '^ID_MM_' "$work/udev.log" || true
		awk -F= '/^DEVLINKS=/ { n = split($2, names, " "); for (i = 1; i <= n; i++) print names[i] | "sort" }' \
			"$work/udev.log" | paste -sd' ' | sed '/./s/^/DEVLINKS=/'
	} | sed '/^$/d' | LC_ALL=C sort >"$work/got"
	cat "$work/udev.log" >>"$work/all.log"
}

same_list() {
	local name=$1
	shift
	printf '%s\n' "$@" | sed '/^$/d' | LC_ALL=C sort >"$work/want"
	same "$name" "$work/want" "$work/got"
}

# Every line that names our file must be one of the results that were compared above.
clean_rules() {
	! grep 'spinel[^ ]*\.rules' "$work/all.log" |
		grep -Ev "^Reading rules file: |rules:[0-9]+ (GROUP|MODE|LINK) "
}

# The check above can fail: a rule with a mistake is reported.
check_syntax_is_seen() {
	local all=$work/all.log
	sed 's/SYMLINK+=/SYMLINKS+=/' "$rules" >"$work/60-spinel-bridge.rules"
	mv "$all" "$work/kept.log"
	rules=$work/60-spinel-bridge.rules test_device spi:em3581 "/sys/$spi0/spidev/spidev0.0" add
	if clean_rules >/dev/null; then
		bad "a mistake in the rules is seen" "$work/udev.log"
	else
		ok "a mistake in the rules is seen"
	fi
	mv "$work/kept.log" "$all"
}

check_verify() {
	if udevadm verify --help >/dev/null 2>&1; then
		check "udevadm verify" udevadm verify --resolve-names=never "$rules"
	else
		echo "note  udevadm $(udevadm --version) has no \"verify\" (it came with 254): its parser was run by \"udevadm test\" above"
	fi
}

# The unit installs itself under the device unit of the name.
check_unit_name() {
	local unit
	unit=$(systemd-escape --path --suffix=device /dev/spinel-spi0.0)
	if [ "$unit" = 'dev-spinel\x2dspi0.0.device' ] &&
		grep -qF 'dev-spinel\x2d%i.device' "$top/init/systemd/spinel-bridge@.service"; then
		ok "the systemd template names the device unit of /dev/spinel-spi0.0"
	else
		bad "the systemd template names the device unit of /dev/spinel-spi0.0 ($unit)"
	fi
}

# inside WORK RULES MODALIAS SYSPATH ACTION: runs in the mount namespace.
inside() {
	mount --make-rprivate /
	mkdir -p "$1/dev"
	mount -t tmpfs none "$1/dev"
	touch "$1/dev/null"
	mount --bind /dev/null "$1/dev/null"
	mount --rbind "$1/dev" /dev
	mount --bind "$1/root/etc/group" /etc/group
	mount -t tmpfs none /run
	mount -t tmpfs none /sys
	mkdir -p /run/udev/rules.d /sys/bus/spi /sys/bus/gpio /sys/bus/usb /sys/class/spidev /sys/class/tty
	cp "$2" /run/udev/rules.d/60-spinel-bridge.rules
	cp "$1"/59-*.rules /run/udev/rules.d/ 2>/dev/null || true
	make_spi "/sys/$spi0" 0.0 0 "$3"
	make_spi "/sys/$spi1" 1.2 1 "$3"
	mkdir -p "/sys/$gpio/gpiochip0"
	printf 'MAJOR=254\nMINOR=0\nDEVNAME=gpiochip0\n' >"/sys/$gpio/gpiochip0/uevent"
	echo 254:0 >"/sys/$gpio/gpiochip0/dev"
	ln -s /sys/bus/gpio "/sys/$gpio/gpiochip0/subsystem"
	make_port "/sys/$usb" ttyACM0 "nRF528xx OpenThread Device"
	make_port "/sys/${usb}2" ttyUSB0 "UART Bridge"
	# The made-up /sys is a tmpfs, which sd-device would refuse.
	SYSTEMD_DEVICE_VERIFY_SYSFS=0 udevadm test --action="$5" "$4"
	local link
	for link in /dev/spinel-*; do
		[ ! -L "$link" ] || echo "symlink $link -> $(readlink "$link")"
	done
}

# make_spi SYSPATH BUS.CS MINOR MODALIAS: an SPI device and its spidev node, as the kernel lays them out.
make_spi() {
	local node=$1/spidev/spidev$2
	mkdir -p "$node"
	echo "$4" >"$1/modalias"
	echo "MODALIAS=$4" >"$1/uevent"
	ln -s /sys/bus/spi "$1/subsystem"
	printf 'MAJOR=153\nMINOR=%s\nDEVNAME=spidev%s\n' "$3" "$2" >"$node/uevent"
	echo "153:$3" >"$node/dev"
	ln -s /sys/class/spidev "$node/subsystem"
}

# make_port SYSPATH NAME PRODUCT: a USB device and its serial port.
make_port() {
	mkdir -p "$1/tty/$2"
	printf 'DEVTYPE=usb_device\n' >"$1/uevent"
	echo "$3" >"$1/product"
	ln -s /sys/bus/usb "$1/subsystem"
	printf 'MAJOR=166\nMINOR=0\nDEVNAME=%s\n' "$2" >"$1/tty/$2/uevent"
	echo 166:0 >"$1/tty/$2/dev"
	ln -s /sys/class/tty "$1/tty/$2/subsystem"
}

if [ "${1:-}" = --inside ]; then
	shift
	no_tests
	inside "$@"
else
	main
fi
