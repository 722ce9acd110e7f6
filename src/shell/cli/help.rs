//! The text of `--help`.

use super::given::STEPS;
use crate::config::{self, Spi};
use crate::sim::spec;

/// The text of `--help`: at most 80 columns, with the defaults and ranges that the parser uses.
pub fn help() -> String {
    let spi = Spi::default();
    format!(
        "\
spinel-bridge connects a Spinel co-processor (Thread, IEEE 802.15.4) on SPI to
the programs that speak Spinel in HDLC: otbr-agent, wpantund, pyspinel. Or it
is the host itself and makes a network interface of it (--tun, see below).

Usage: spinel-bridge [OPTIONS] DEVICE

  DEVICE is /dev/spidevX.Y, or sim:... for a simulated co-processor (below).
  Or one that speaks HDLC: serial:/dev/ttyACM0:115200, tcp:127.0.0.1:9000 or
  system:COMMAND (on the command's standard input and output). It may go and
  come: the pty stays, and the co-processor is reset when it is back.

Examples:
  # without hardware; prints the pty to connect to
  spinel-bridge sim:
  # a HAT on a Raspberry Pi, on a pty with a fixed name for otbr-agent
  spinel-bridge -i gpiochip0:25 -r gpiochip0:24 --spi-speed 8M \\
                --pty-link /run/thread-ncp /dev/spidev0.0
  otbr-agent -I wpan0 spinel+hdlc+uart:///run/thread-ncp
  # started by wpantund; a line of its wpantund.conf
  Config:NCP:SocketPath \"system:spinel-bridge --stdio -i GPIO25 /dev/spidev0.0\"

  # the host driver, without hardware: form a network, and see its addresses
  spinel-bridge --tun wpan0 sim:
  spinelctl form my-network; spinelctl status; ip -6 addr show wpan0
  # on SPI, with the rights of a user once everything is open
  spinel-bridge --tun wpan0 -i GPIO25 -r GPIO24 --user nobody /dev/spidev0.0
  # the same from a file, of which init/examples has one with every option
  spinel-bridge --config /etc/spinel-bridge.conf

Hardware:
  --check                    run no bridge, but find out what is wrong with
                             wires, lines, clock and co-processor, what to do,
                             and the command line to use (also with sim:)

To the host:
  --pty                      HDLC on a new pty; its name goes to standard output
                             (default)
  --pty-link PATH            and make PATH a symbolic link to the pty, whose own
                             name changes with each start
  --stdio                    HDLC on standard input and output
  --raw                      whole frames on standard input and output, one per
                             read and write, without HDLC
  --mtu N                    longest frame with --raw; longer ones are dropped
                             ({mtu}; default {mtu_default})

As the host (no other program; needs root or CAP_NET_ADMIN; see spinelctl):
  --tun [NAME]               a native IPv6 interface (default wpan0, or the next
                             free one); --tun=NAME where a word could be a name
  --control PATH             socket for spinelctl; none: no socket
                             (default /run/spinel-bridge/NAME.sock)
  --control-group NAME       the group that may use it (default: our own)
  --control-raw[=yes|no]     it may also read and write memory and unknown
                             properties, else root's alone (default no)
  --user NAME[:GROUP]        keep only this user's rights and CAP_NET_ADMIN once
                             everything is open
  --chroot DIR               and see only DIR
  --auto-resume[=yes|no]     attach to the network that the co-processor has
                             stored (default yes)
  --set NAME=VALUE           set a property after each reset of the
                             co-processor, PHY_TX_POWER=8; may be given again
  --retain FILE              keep the network's credentials there, and restore
                             them when the co-processor has lost them
  --retain-command CMD       or leave that to a command: $SPINEL_BRIDGE_RETAIN
                             is save (they are on its standard input), recall
                             (it prints them) or forget
  --firmware-check CMD       ends with 0 if the version on its standard input is
                             to be upgraded
  --firmware-upgrade CMD     upgrades the firmware while the device is closed;
                             ends with 0 when that is done
  --auto-upgrade[=yes|no]    without being asked to by spinelctl (default no)
  --commissioning-port N     its traffic passes insecure while devices may join
                             ({port}; default {port_default})
  --iid N                    the interface id to speak to, of a co-processor
                             that serves several; --check finds it
                             ({iid}; default {iid_default})
  --no-slaac[=yes|no]        form no addresses of our own on the network's
                             prefixes (default no)
  --publish-prefixes[=yes|no]
                             the /64 of an address that is added to the
                             interface becomes one of the network (default no)
  --skip-link-local[=yes|no] keep link-local addresses that are added to the
                             interface from the co-processor (default no)
  --show-rloc[=yes|no]       put routing and anycast locators on the interface
                             too (default no)
  --no-routes[=yes|no]       make no kernel routes of the network's off-mesh
                             routes (default no)
  --default-route[=yes|no]   let the network's routes to the internet compete
                             with the host's own, which they do not otherwise
                             (default no)

Configuration file (key = value; a key is an option without its dashes):
  --config FILE              what the command line does not say; also a
                             wpantund.conf; none: no file (default
                             /etc/spinel-bridge.conf, if it exists, and with
                             --tun or without DEVICE only)

Lines (see gpioinfo; LINE is gpiochip0:25, LABEL:25 or the line's name GPIO25):
  -i, --gpio-int LINE        INT, active low (default: none, which polls and
                             costs CPU and latency); GPIO25:pull-up has a bias
  -r, --gpio-res LINE        RES, active low; also --gpio-reset (default: none:
                             a co-processor that hangs cannot be helped then)
  --poll-ms N                poll period without INT when idle; shorter with
                             traffic ({poll}; default {poll_default})

SPI:
  --spi-speed N              clock, also 500k, 8M or 8MHz
                             ({speed}; default {speed_default})
  --spi-mode N               clock polarity and phase ({mode}; default {mode_default})
  --spi-cs-delay N           from chip select to the first clock; 0 if the
                             driver knows no delay
                             ({cs_delay}; default {cs_delay_default})
  --spi-gap N                least time between two transactions, for a slave
                             that misses what comes sooner
                             ({gap}; default {gap_default})
  --spi-align-allowance N    junk before the slave's header; 7 for EM35x
                             ({align}; default {align_default})
  --spi-small-packet N       always offer this when the length of the slave's
                             frame is not known: a longer one takes a second
                             transaction ({small}; default {small_default}
                             or more, by what was seen)
  --spi-crc auto|on|off      CRC on frames, against flipped bits (default {crc}:
                             if the slave has it)

Reset:
  --no-reset[=yes|no]        make no reset at start, at exit and when a device
                             is back, so that a network lives on; --tun never
                             makes one (default no)
  --spi-reset-pulse N        how long RES is active
                             ({pulse}; default {pulse_default})
  --spi-reset-delay N        how long to leave the co-processor alone after RES,
                             for one that boots slowly
                             ({settle}; default {settle_default})

systemd (Type=notify, WatchdogSec=):
  --ready-when-up[=yes|no]   READY when the co-processor has answered, not as
                             soon as the pty is there (default no)

Confinement (Landlock, where the kernel has it):
  --sandbox[=yes|no]         once everything is open, give up all files,
                             programs and connections that are not needed
                             (default no)

Log:
  --log TARGET               auto, stderr, syslog, none or file:PATH (default
                             auto: stderr unless it is the data channel)
  -v, --verbose[=N]          more: frame headers; -vv: frames decoded; -vvv: in
                             hex; N is relative, --verbose=-1 is less
                             ({steps}; default 0)
  --log-keys[=yes|no]        -vvv and --tap with the network's keys (default no)
  --tap FILE                 keep all frames in this pcapng file, for Wireshark
  --tap-size N               FILE has at most so much, then FILE.1 is next, and
                             so on in turn ({tap};
                             default {tap_default})
  -V, --version              print the version
  -h, -?, --help             print this

Simulated co-processor, sim:KEY[=VALUE]:KEY... (sim:crc:void=1%:busy=3ms):
{sim}
Signals:
  SIGUSR1 opens a log file anew and prints the counters to the log, SIGUSR2
  clears them; SIGINT, SIGTERM and SIGHUP end.

Exit codes:
  0  ended as asked: a signal, end of file, hangup
  1  the device or the network interface was lost while running, or the client
     could not be read or written
  2  the command line is wrong
  3  could not start: device, line, lock or pty
  With --check: 0 nothing failed (warnings may be left), 1 something did,
  2 as above, 3 the result could not be printed
",
        port = config::COMMISSIONING_PORT,
        port_default = config::COMMISSIONING_PORT.default,
        mtu = config::MTU,
        mtu_default = config::MTU.default,
        poll = config::POLL_PERIOD,
        poll_default = config::POLL_PERIOD.default,
        speed = config::SPI_SPEED,
        speed_default = config::SPI_SPEED.default,
        mode = config::SPI_MODE,
        iid = config::IID,
        iid_default = config::IID.default,
        tap = config::TAP_SIZE,
        tap_default = config::TAP_SIZE.default,
        mode_default = config::SPI_MODE.default,
        cs_delay = config::SPI_CS_DELAY,
        cs_delay_default = config::SPI_CS_DELAY.default,
        gap = config::SPI_GAP,
        gap_default = config::SPI_GAP.default,
        align = config::SPI_ALIGN_ALLOWANCE,
        align_default = config::SPI_ALIGN_ALLOWANCE.default,
        small = config::SPI_SMALL_PACKET,
        small_default = config::SPI_SMALL_PACKET.default,
        crc = spi.crc,
        pulse = config::RESET_PULSE,
        pulse_default = config::RESET_PULSE.default,
        settle = config::RESET_SETTLE,
        settle_default = config::RESET_SETTLE.default,
        steps = STEPS,
        sim = spec::HELP,
    )
}
