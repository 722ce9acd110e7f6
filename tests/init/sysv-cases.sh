#!/bin/sh
# shellcheck disable=SC2086 # the shell may be two words, "busybox sh"
#
# The cases of the SysV script, run by tests/init.sh in a namespace or chroot of its own:
#
#   sysv-cases.sh SHELL PROGRAM
#
# /etc/init.d/spinel-bridge and /etc/default are in place; PROGRAM is the real one or the stand-in, the device "sim:". Prints "ok    ..." or "FAIL  ..." for each case.

shell=$1
program=$2
script=/etc/init.d/spinel-bridge
settings=/etc/default/spinel-bridge
link=/run/spinel-bridge/pty
pidfile=/run/spinel-bridge.pid

# try EXPECTED-STATUS WORDS ACTION: runs the script; sets out.
try() {
	out=$($shell "$script" $3 2>&1)
	got=$?
	case $out in
	*"$2"*) [ $got = "$1" ] && return 0 ;;
	esac
	out="status $got, wanted $1; said: $out"
	return 1
}

# case_is NAME STATUS: the status of the command before it.
case_is() {
	if [ "$2" = 0 ]; then
		echo "ok    $1"
	else
		echo "FAIL  $1: $out"
	fi
}

# gone PID: it has ended, though no one may have waited for it. A process loses its executable, by which the script
# knows it, a moment before its state changes.
gone() {
	is_gone "$1" || { sleep 1; is_gone "$1"; }
}

is_gone() {
	case $(sed -n 's/^State:[[:space:]]*//p' "/proc/$1/status" 2>/dev/null) in
	'' | Z*) return 0 ;;
	esac
	return 1
}

printf 'DAEMON=%s\nDEVICE=sim:\nOPTS=\nPATIENCE=5\n' "$program" >$settings

try 3 'not running' status
case_is "status before the first start: 3" $?
try 0 'started' start
case_is "start" $?
first=$(cat $pidfile)
[ -c "$(readlink $link)" ]
case_is "the link names a pty" $?
try 0 "running ($first)" status
case_is "status: 0, with the process number" $?
try 0 "already running ($first)" start
case_is "a second start changes nothing" $?
[ "$first" = "$(cat $pidfile)" ] && ! is_gone "$first"
case_is "... and the first process goes on" $?
try 0 'started' restart
case_is "restart" $?
second=$(cat $pidfile)
gone "$first" && [ "$first" != "$second" ] && [ -c "$(readlink $link)" ]
case_is "... ends the first process and makes a new pty" $?
try 0 'started' force-reload
case_is "force-reload" $?
second=$(cat $pidfile)
try 0 'stopped' stop
case_is "stop" $?
gone "$second" && [ ! -e $pidfile ] && [ ! -L $link ]
case_is "... leaves no process, PID file or link" $?
try 0 'not running' stop
case_is "a second stop is no error" $?

$shell $script start >/dev/null 2>&1
pid=$(cat $pidfile)
kill -KILL "$pid"
sleep 1
try 1 'dead' status
case_is "status after a crash: 1" $?
try 0 'started' start
case_is "start after a crash" $?

try 0 'stopped' stop
# Of this namespace, so that others' tests do not count.
bridges() {
	for process in /proc/[0-9]*; do
		[ "$(readlink "$process/ns/mnt" 2>/dev/null)" = "$(readlink /proc/self/ns/mnt)" ] || continue
		! tr '\0' ' ' <"$process/cmdline" 2>/dev/null | grep -q -- "--pty-link $link" || echo "${process#/proc/}"
	done
}
$shell $script start >/dev/null 2>&1 &
one=$!
$shell $script start >/dev/null 2>&1 &
two=$!
wait $one
first=$?
wait $two
second=$?
out="statuses $first and $second; running: $(bridges | tr '\n' ' '); PID file: $(cat $pidfile)"
[ "$first$second" = 00 ] && [ "$(bridges)" = "$(cat $pidfile)" ]
case_is "two starts at the same moment leave one process, which the PID file names" $?
for process in $(bridges); do
	[ "$process" = "$(cat $pidfile)" ] || kill "$process"
done
[ ! -L /run/spinel-bridge.lock ]
case_is "... and no lock" $?
ln -s 4194303 /run/spinel-bridge.lock
try 0 'already running' start
case_is "a lock of a script that was killed is no obstacle" $?

pid=$(cat $pidfile)
kill -STOP "$pid"
printf 'DAEMON=%s\nPATIENCE=1\n' "$program" >$settings
out=$($shell $script stop 2>&1)
printf 'DAEMON=%s\nDEVICE=sim:\nOPTS=\nPATIENCE=5\n' "$program" >$settings
gone "$pid"
case_is "a process that does not end is killed" $?
[ ! -e $pidfile ] && [ ! -L $link ]
case_is "... and PID file and link go with it" $?

sleep 100 &
stranger=$!
echo $stranger >$pidfile
try 1 'dead' status
case_is "a PID file that names a stranger: dead" $?
try 0 'not running' stop
case_is "... and stop does not touch it" $?
! is_gone $stranger
case_is "... the stranger lives" $?
kill $stranger
echo 'not a number' >$pidfile
try 1 'dead' status
case_is "a spoiled PID file" $?
rm -f $pidfile

printf 'DAEMON=%s\nDEVICE=sim:\nOPTS="--spi-mode 9"\nPATIENCE=5\n' "$program" >$settings
try 1 'did not start' start
case_is "a start that fails says so: 1" $?
[ ! -e $pidfile ]
case_is "... and leaves no PID file" $?
printf 'DAEMON=/usr/sbin/absent\n' >$settings
try 5 'missing' start
case_is "no program: 5" $?
try 2 'usage' frobnicate
case_is "an unknown action: 2" $?

printf 'DAEMON=%s\nDEVICE=sim:\nOPTS=\nTUN=wpan0\nPATIENCE=5\n' "$program" >$settings
try 0 '/run/spinel-bridge/wpan0.sock' start
case_is "the host driver, with TUN: starts" $?
pid=$(cat $pidfile)
[ -e /run/spinel-bridge/wpan0.sock ] && tr '\0' ' ' <"/proc/$pid/cmdline" | grep -q -- '--tun=wpan0 --control'
case_is "... with its interface and control socket" $?
try 0 'stopped' stop
gone "$pid" && [ ! -e /run/spinel-bridge/wpan0.sock ]
case_is "... and stops, and the socket is gone" $?

printf 'DAEMON=%s\nDEVICE=sim:\nOPTS=\n' "$program" >/etc/default/spinel-bridge-second
cp $script /etc/init.d/S61spinel-bridge-second
script=/etc/init.d/S61spinel-bridge-second
try 0 'spinel-bridge-second: started' start
case_is "under another name: starts" $?
[ -c "$(readlink /run/spinel-bridge-second/pty)" ] && [ -e /run/spinel-bridge-second.pid ]
case_is "... with a link and PID file of that name" $?
try 0 'stopped' stop
case_is "... and stops" $?
