#!/bin/bash
# The cases of the systemd unit, run by tests/systemd.sh as a service inside a Debian root with systemd as process 1:
#
#   systemd-cases.sh real|stand-in
#
# Prints "ok    ..." or "FAIL  ..." for each case, and "end" last.

kind=$1
demo=spinel-bridge@demo
link=/run/spinel-bridge/demo
# HDLC: get the property PROTOCOL_VERSION, with transaction 1.
request='\x7e\x81\x02\x01\xc5\xb2\x7e'

main() {
	printf 'SPINEL_BRIDGE_DEVICE=sim:\nSPINEL_BRIDGE_OPTS=\n' | tee /etc/default/spinel-bridge-demo >/etc/default/spinel-bridge-other

	systemctl start $demo
	yes "starts, and is active at once (Type=notify)" [ $? = 0 ]
	yes "the pty link is there when start returns" [ -c $link ]
	yes "the pty belongs to spinel-bridge" [ "$(stat -Lc %U $link)" = spinel-bridge ]
	first=$(main_pid)
	yes "runs as spinel-bridge, in the groups spi and gpio" \
		[ "$(id_list)" = "$(id -u spinel-bridge) $(printf '%s\n' "$(group spi)" "$(group gpio)" "$(group spinel-bridge)" | sort -n | paste -sd' ')" ]
	yes "has no capability" grep -q '^CapBnd:[[:space:]]*0000000000000000$' "/proc/$first/status"
	yes "has a system call filter and no new privileges" \
		[ "$(grep -cE '^(Seccomp:[[:space:]]2|NoNewPrivs:[[:space:]]1)$' "/proc/$first/status")" = 2 ]
	yes "sees no network but its own loopback" [ "$(wc -l <"/proc/$first/net/dev")" -le 3 ]
	if [ "$kind" = real ]; then
		yes "is confined, as far as the kernel can" logged 'sandbox: entered'
		answers "the simulated co-processor answers through the pty"
	fi

	systemctl start spinel-bridge@other
	systemctl stop spinel-bridge@other
	yes "another instance that stops leaves this one's link" [ -c $link -a ! -e /run/spinel-bridge/other ]

	kill -KILL "$first"
	wait_for restarted 15
	yes "after a crash it is started again" [ "$(main_pid)" != "$first" -a "$(systemctl is-active $demo)" = active ]
	yes "... and the link is there again" [ -c $link ]

	systemctl restart $demo
	yes "restart" [ -c $link -a "$(systemctl is-active $demo)" = active ]
	systemctl kill --signal=HUP $demo
	sleep 1
	ended "SIGHUP ends it, without a restart and without a failure"
	systemctl start $demo
	systemctl stop $demo
	ended "stop is clean"

	drop_in demo 'WatchdogSec=2' 'TimeoutAbortSec=1' 'RestartSec=1'
	systemctl start $demo
	first=$(main_pid)
	sleep 5
	yes "feeds its watchdog" [ "$(main_pid)" = "$first" ]
	kill -STOP "$first"
	wait_for restarted 15
	yes "a process that hangs is replaced by the watchdog" [ "$(main_pid)" != "$first" -a -c $link ]
	systemctl stop $demo

	drop_in demo "ExecStartPre=/bin/bash -c 'exec 3<>/dev/net/tun'"
	chmod 666 /dev/net/tun
	yes "(the device of the next case opens outside the unit)" open_tun
	systemctl start $demo
	yes "a device that is not in DeviceAllow cannot be opened" [ $? != 0 ]
	yes "... because of the device policy" denied
	systemctl stop $demo

	mkdir -m 777 /var/open
	drop_in demo "ExecStartPre=/bin/bash -c 'echo x >/var/open/written'"
	systemctl start $demo
	yes "a folder that is open to all cannot be written from the unit" [ $? != 0 -a ! -e /var/open/written ]
	systemctl stop $demo
	rm -r /run/systemd/system/$demo.service.d

	systemctl enable $demo
	yes "enable: at boot, and when udev sees the node" \
		[ -L /etc/systemd/system/multi-user.target.wants/$demo.service -a \
		-L "/etc/systemd/system/dev-spinel\\x2ddemo.device.wants/$demo.service" ]
	systemctl disable $demo
	yes "disable" [ ! -e /etc/systemd/system/multi-user.target.wants/$demo.service ]

	rm /etc/default/spinel-bridge-demo
	drop_in demo 'Environment=SPINEL_BRIDGE_DEVICE=/dev/spidev9.9' 'TimeoutStartSec=5'
	if [ "$kind" = real ]; then
		systemctl start $demo
		yes "no device: the start fails, and a new one is due" \
			[ $? != 0 -a "$(systemctl show -P SubState $demo)" = auto-restart ]
	fi
	if [ "$kind" = real ]; then
		host_cases
	fi
	echo end
}

# The host driver's unit, with a simulated NCP; process 1 has a network of its own.
host_cases() {
	local host=spinel-bridge-host@wpan0 pid
	printf 'SPINEL_BRIDGE_DEVICE=sim:\nSPINEL_BRIDGE_OPTS=\n' >/etc/default/spinel-bridge-host-wpan0
	demo=$host
	systemctl start $host
	yes "the host driver starts, and is active at once" [ $? = 0 ]
	yes "... with its interface" [ -e /sys/class/net/wpan0 ]
	pid=$(main_pid)
	yes "... as spinel-bridge, with CAP_NET_ADMIN alone" \
		[ "$(stat -c %U "/proc/$pid") $(grep -cE '^Cap(Eff|Bnd):[[:space:]]*0000000000001000$' "/proc/$pid/status")" = 'spinel-bridge 2' ]
	yes "... without a warning" no_warnings $host
	yes "the control socket is for the group" \
		[ "$(stat -c '%A %G' /run/spinel-bridge/wpan0.sock)" = 'srw-rw---- spinel-bridge' ]
	yes "spinelctl forms a network" spinelctl form unit-test
	# The answer comes with the network; the kernel gets the addresses after it.
	# shellcheck disable=SC2016 # for the shell that waits
	yes "... and the interface has its addresses" timeout 20 sh -c \
		'until grep -q wpan0 /proc/net/if_inet6; do sleep 0.1; done'
	yes "a member of the group may manage it" \
		setpriv --reuid 65534 --regid "$(group spinel-bridge)" --clear-groups spinelctl status
	yes "nobody else may" unable setpriv --reuid 65534 --regid 65534 --clear-groups spinelctl status
	systemctl stop $host
	yes "stop takes interface and socket away" [ ! -e /sys/class/net/wpan0 -a ! -e /run/spinel-bridge/wpan0.sock ]
	yes "... and is clean" [ "$(systemctl show -P Result $host)" = success ]

	# A serial port: not without the drop-in, and the log names it.
	mknod /dev/ttyS9 c 4 73
	chgrp dialout /dev/ttyS9
	chmod 660 /dev/ttyS9
	printf 'SPINEL_BRIDGE_DEVICE=serial:/dev/ttyS9\nSPINEL_BRIDGE_OPTS=\n' >/etc/default/spinel-bridge-host-wpan0
	drop_in_host 'SupplementaryGroups=dialout'
	systemctl start $host
	yes "a serial port is not for the unit as it is, and the log names the drop-in" \
		logged 'Operation not permitted.*spinel-bridge-host-serial.conf'
	systemctl stop $host
	drop_in_host "$(cat /usr/share/doc/spinel-bridge/examples/spinel-bridge-host-serial.conf)"
	journalctl --rotate --vacuum-time=1s >/dev/null 2>&1
	systemctl start $host
	yes "with it the port is opened, or fails for what it is" not_denied
	systemctl stop $host

	# Commands have none of the unit's capabilities.
	printf '[Service]\nExecStart=\nExecStart=%s\n' \
		'/usr/sbin/spinel-bridge --tun=%i --control none --log stderr --sandbox "system:grep -h ^Cap /proc/self/status >&2; sleep 60"' \
		>/run/systemd/system/spinel-bridge-host@wpan0.service.d/test.conf
	systemctl daemon-reload
	systemctl start $host
	sleep 1
	yes "a command of the unit has no capability" logged 'CapEff:[[:space:]]*0000000000000000'
	yes "... nor can it have one by inheritance" logged 'CapAmb:[[:space:]]*0000000000000000'
	systemctl stop $host
	rm -r /run/systemd/system/$host.service.d
	systemctl daemon-reload
}

drop_in_host() {
	mkdir -p /run/systemd/system/spinel-bridge-host@wpan0.service.d
	case $1 in
	*'[Service]'*) printf '%s\n' "$1" ;;
	*) printf '[Service]\n%s\n' "$1" ;;
	esac >/run/systemd/system/spinel-bridge-host@wpan0.service.d/test.conf
	systemctl daemon-reload
}

not_denied() {
	journalctl --sync
	! journalctl --no-pager -u "$demo" --since=-5s | grep -q 'Operation not permitted'
}

no_warnings() {
	journalctl --sync
	# A kernel without Landlock is no failure.
	! journalctl --no-pager -u "$1" | grep -v sandbox | grep -E 'warning:|error:'
}

unable() {
	! "$@"
}

# yes NAME COMMAND...
yes() {
	local name=$1
	shift
	if "$@"; then
		echo "ok    $name"
	else
		echo "FAIL  $name"
		systemctl status --no-pager -l -n 20 $demo
		ls -l /run/spinel-bridge
	fi
}

ended() {
	yes "$1" [ "$(systemctl show -P ActiveState $demo) $(systemctl show -P Result $demo)" = 'inactive success' ]
	yes "... and the link is gone" [ ! -L $link ]
}

drop_in() {
	local folder=/run/systemd/system/spinel-bridge@$1.service.d
	shift
	mkdir -p "$folder"
	{ echo '[Service]'; printf '%s\n' "$@"; } >"$folder/test.conf"
	systemctl daemon-reload
}

main_pid() {
	systemctl show -P MainPID $demo
}

restarted() {
	local pid
	pid=$(main_pid)
	[ "$pid" != 0 ] && [ "$pid" != "$first" ] && [ "$(systemctl is-active $demo)" = active ]
}

# wait_for CONDITION SECONDS
wait_for() {
	local left=$2
	until $1 || [ "$left" = 0 ]; do
		sleep 1
		left=$((left - 1))
	done
}

id_list() {
	sed -n 's/^Uid:[[:space:]]*\([0-9]*\).*/\1/p' "/proc/$first/status" | tr '\n' ' '
	sed -n 's/^Groups:[[:space:]]*//p' "/proc/$first/status" | tr ' ' '\n' | sed '/^$/d' | sort -n | paste -sd' '
}

group() {
	getent group "$1" | cut -d: -f3
}

open_tun() {
	(exec 3<>/dev/net/tun)
}

logged() {
	journalctl --sync
	journalctl --no-pager -u $demo | grep "$1"
}

denied() {
	journalctl --sync
	journalctl --no-pager -u $demo | grep -q 'tun: Operation not permitted'
}

# The answer is a frame with the same transaction number: 7E 81 06 01 ... from an NCP, 7E 81 02 01 ... from an echo.
answers() {
	local got
	exec 3<>$link
	# shellcheck disable=SC2059 # the request is escapes
	printf "$request" >&3
	got=$(timeout 3 cat <&3 | od -An -tx1 | tr -d ' \n')
	exec 3>&-
	yes "$1 (${got:0:40})" grep -qE '7e810[26]01' <<<"$got"
}

main
