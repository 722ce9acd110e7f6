#!/usr/bin/env bash
# Starts spinel-bridge@.service for real: a Debian root made by mmdebstrap, the files installed by init/install.sh as
# documented, and systemd as process 1 in namespaces of its own. No container program, no hardware ("sim:").
# Needs root and about 250 MB below target/. SPINEL_BRIDGE names the binary [target/release/spinel-bridge]; without one
# a stand-in takes its place, and the output says so.
set -euo pipefail
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"

binary=${SPINEL_BRIDGE:-$top/target/release/spinel-bridge}
group=spinel-bridge-test-$$

main() {
	need mmdebstrap mmdebstrap unshare util-linux gcc gcc
	[ -e /usr/include/stdio.h ] || install_packages libc6-dev
	if [ "$(id -u)" != 0 ] || ! unshare -mpfuinC true 2>"$work/unshare.log"; then
		echo "FAIL  no namespaces: run as root, with CAP_SYS_ADMIN" >&2
		exit 1
	fi
	choose_binary
	make_root
	install_bridge
	at_end remove_groups
	run_cases
	result
}

choose_binary() {
	kind=real
	if [ ! -x "$binary" ]; then
		echo "note  $binary is not built: tests/init/stand-in.c takes its place"
		kind=stand-in
		binary=$work/stand-in
		check "the stand-in builds" gcc -Wall -Wextra -Werror -O1 -o "$binary" "$top/tests/init/stand-in.c"
	elif ! grep -qa NOTIFY_SOCKET "$binary"; then
		bad "$binary does not know NOTIFY_SOCKET: Type=notify cannot work with it"
	fi
}

make_root() {
	debian_root
	cp -a --reflink=auto "$debian" "$work/root"
}

install_bridge() {
	local ctl=${binary%/*}/spinelctl
	[ -x "$ctl" ] || ctl=$binary
	check "install.sh into that root" env DESTDIR="$work/root" BINARY="$binary" SPINELCTL="$ctl" "$top/init/install.sh" binary udev systemd examples
	check "systemd-sysusers, in that root" chroot "$work/root" systemd-sysusers
	cp "$top/tests/init/systemd-cases.sh" "$work/root/cases.sh"
	chmod +x "$work/root/cases.sh"
	cat >"$work/root/etc/systemd/system/cases.service" <<-END
		[Unit]
		After=basic.target
		Requires=basic.target
		[Service]
		Type=oneshot
		ExecStart=/bin/bash -c '/cases.sh $kind >/cases.log 2>&1; systemctl poweroff --force --force'
	END
}

run_cases() {
	local line end=no
	timeout 150 bash "$0" --boot "$work/root" "$group" >"$work/boot.log" 2>&1 || true
	touch "$work/root/cases.log"
	while IFS= read -r line; do
		case $line in
		ok*) ok "${line#ok    }" ;;
		FAIL*) bad "${line#FAIL  }" ;;
		end) end=yes ;;
		*) echo "      $line" ;;
		esac
	done <"$work/root/cases.log"
	if [ $end = yes ]; then
		ok "all cases were run ($kind binary)"
	else
		bad "the cases ended early" "$work/boot.log"
	fi
}

# boot ROOT GROUP: systemd in its own namespaces and its own part of the control groups. Works with both versions of
# control groups, since build machines have either.
boot() {
	local controller
	if [ -f /sys/fs/cgroup/cgroup.procs ]; then
		mkdir -p "/sys/fs/cgroup/$2"
		echo $$ >"/sys/fs/cgroup/$2/cgroup.procs"
	else
		for controller in systemd devices memory pids; do
			mkdir -p "/sys/fs/cgroup/$controller/$2"
			echo $$ >"/sys/fs/cgroup/$controller/$2/cgroup.procs"
		done
	fi
	exec unshare --mount --pid --fork --uts --ipc --net --cgroup --kill-child bash "$0" --init "$1"
}

# init ROOT: process 1 of the namespaces.
init() {
	local root=$1 name
	mount --make-rprivate /
	mount --bind "$root" "$root"
	mount -t proc proc "$root/proc"
	mount -t sysfs sysfs "$root/sys"
	if [ -f /sys/fs/cgroup/cgroup.procs ]; then
		mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
	else
		mount -t tmpfs tmpfs "$root/sys/fs/cgroup"
		for name in systemd devices memory pids; do
			mkdir "$root/sys/fs/cgroup/$name"
			mount -t cgroup -o "${name/systemd/none,name=systemd}" cgroup "$root/sys/fs/cgroup/$name"
		done
	fi
	mount -t tmpfs tmpfs "$root/dev"
	for name in null zero full random urandom tty; do
		touch "$root/dev/$name"
		mount --bind "/dev/$name" "$root/dev/$name"
	done
	mkdir "$root/dev/pts" "$root/dev/shm" "$root/dev/net"
	# The host driver's; the other unit must not be able to open it.
	mknod "$root/dev/net/tun" c 10 200
	mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$root/dev/pts"
	ln -s pts/ptmx "$root/dev/ptmx"
	mount -t tmpfs tmpfs "$root/run"
	mount -t tmpfs tmpfs "$root/tmp"
	cd "$root"
	exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot . \
		/lib/systemd/systemd --unit=cases.service --log-target=console
}

remove_groups() {
	find /sys/fs/cgroup -depth -type d -path "*/$group*" -exec rmdir {} + 2>/dev/null
}

case ${1:-} in
--boot) shift; no_tests; boot "$@" ;;
--init) shift; no_tests; init "$@" ;;
*) main ;;
esac
