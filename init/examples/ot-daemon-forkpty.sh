#!/bin/sh
# OpenThread's daemon that starts the bridge itself: no unit, no stable pty. Each word of the bridge's command line is
# one forkpty-arg; there is no quoting. --log syslog, because stderr is the data channel there.

base='spinel+hdlc+forkpty:///usr/sbin/spinel-bridge'
args='forkpty-arg=--stdio&forkpty-arg=--log&forkpty-arg=syslog'
lines='forkpty-arg=-i&forkpty-arg=gpiochip0:25&forkpty-arg=-r&forkpty-arg=gpiochip0:24'

exec ot-daemon -v -I wpan0 "$base?$args&$lines&forkpty-arg=/dev/spidev0.0"
