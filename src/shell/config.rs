//! What the command line says, parsed once into units and ranges; nothing validates later.
//!
//! The ranges and defaults are the [`Limits`] constants at the end of this file. The parser, the
//! `--help` text and [`Config::new`] all read them there, so they cannot disagree.

mod device;
mod gpio;
mod host;

pub(crate) use device::serial_words;
pub use device::{Device, DeviceError, SERIAL_SPEEDS, SERIAL_SPEED_DEFAULT};
pub use gpio::{Bias, GpioLine, GpioLineError, GpioWire, DEBOUNCE};
pub(crate) use host::setting;
pub use host::{
    interface_name, Account, AccountError, Control, ControlSocket, Firmware, Host, InterfaceError,
    Retain, SetError, Setting, Toggle,
};

use crate::link::{self, CrcMode};
use core::fmt;
use core::str::FromStr;
use core::time::Duration;
use std::path::{Path, PathBuf};

/// Everything the daemon needs to know to run.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The bus device.
    pub device: Device,
    /// How the co-processor is presented to the host.
    pub face: Face,
    /// How the bus is driven.
    pub spi: Spi,
    /// The INT line; `None`: poll.
    pub interrupt: Option<GpioWire>,
    /// The RES line; `None`: the co-processor cannot be reset by hardware.
    pub reset: Option<GpioWire>,
    /// Whether RES is pulsed at start and at exit (`--no-reset` turns both off).
    pub reset_at_start_and_exit: bool,
    /// How long RES is held active: [`RESET_PULSE`].
    pub reset_pulse: Duration,
    /// How long the co-processor is left alone after RES was released: [`RESET_SETTLE`].
    pub reset_settle: Duration,
    /// The poll period without INT when idle: [`POLL_PERIOD`].
    pub poll_period: Duration,
    /// Whether systemd is told READY only when the co-processor has answered (`--ready-when-up`), not
    /// as soon as the face towards the host is there.
    pub ready_when_up: bool,
    /// Whether the process is confined once everything is open (`--sandbox`). Default: no.
    pub sandbox: bool,
    /// Where the log goes.
    pub log: LogTarget,
    /// How much is logged.
    pub verbosity: Verbosity,
    /// Whether the octets of keys are in what [`Verbosity::Hex`] shows (`--log-keys`). Default: no.
    pub log_keys: bool,
    /// Where all frames are kept in a capture (`--tap`); `None`: nowhere.
    pub tap: Option<Tap>,
    /// What only the host driver ([`Face::Tun`]) needs.
    pub host: Host,
    /// What the command line asked for and does not get, one line each, to be logged at start.
    pub warnings: Vec<String>,
}

impl Config {
    /// The configuration of a command line that names `device` and nothing else.
    pub fn new(device: Device) -> Config {
        Config {
            device,
            face: Face::Pty { link: None },
            spi: Spi::default(),
            interrupt: None,
            reset: None,
            reset_at_start_and_exit: true,
            reset_pulse: RESET_PULSE.default_millis(),
            reset_settle: RESET_SETTLE.default_millis(),
            poll_period: POLL_PERIOD.default_millis(),
            ready_when_up: false,
            sandbox: false,
            log: LogTarget::Auto,
            verbosity: Verbosity::Info,
            log_keys: false,
            tap: None,
            host: Host::default(),
            warnings: Vec::new(),
        }
    }

    /// How the link is driven on a bus whose driver carries `max_transfer` octets at a time, with those lines wired.
    pub fn link_settings(
        &self,
        max_transfer: usize,
        has_interrupt: bool,
        has_reset: bool,
    ) -> link::Settings {
        link::Settings {
            align_allowance: self.spi.align_allowance,
            small_packet: self.spi.small_packet.unwrap_or(link::sizing::LEAST),
            adaptive: self.spi.small_packet.is_none(),
            speed_hz: self.spi.speed_hz,
            crc: self.spi.crc,
            max_transfer,
            gap: self.spi.gap,
            poll_period: self.poll_period,
            reset_pulse: self.reset_pulse,
            reset_settle: self.reset_settle,
            has_interrupt,
            has_reset,
            reset_at_start: self.reset_at_start_and_exit,
        }
    }
}

/// How the co-processor is presented to the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Face {
    /// HDLC-lite on a new pty.
    Pty {
        /// A stable symlink to the pty.
        link: Option<PathBuf>,
    },
    /// HDLC-lite on standard input and output.
    Stdio,
    /// Whole frames on standard input and output, one per read and write.
    Raw {
        /// The longest frame: [`MTU`].
        mtu: usize,
    },
    /// The host driver: a native IPv6 interface.
    Tun {
        /// The interface's name, which [`interface_name`] has checked; `None`: `wpan0` or the next
        /// that is free.
        name: Option<String>,
    },
}

impl Face {
    /// Whether standard input and output carry the data.
    pub const fn uses_stdio(&self) -> bool {
        matches!(self, Face::Stdio | Face::Raw { .. })
    }

    /// The symlink to the pty, if one was asked for.
    pub fn link(&self) -> Option<&Path> {
        match self {
            Face::Pty { link } => link.as_deref(),
            _ => None,
        }
    }
}

/// Where all frames are kept in a capture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tap {
    /// The file; the second one has `.1` behind that.
    pub path: PathBuf,
    /// How large each of the two may become, in MiB: [`TAP_SIZE`].
    pub size_mib: u32,
}

/// How the bus is driven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spi {
    /// Clock rate in Hz: [`SPI_SPEED`].
    pub speed_hz: u32,
    /// SPI mode: [`SPI_MODE`].
    pub mode: u8,
    /// From chip select to the first clock, inside the message: [`SPI_CS_DELAY`].
    pub cs_delay: Duration,
    /// The least time between two transactions: [`SPI_GAP`].
    pub gap: Duration,
    /// Octets that the slave may put before its header: [`SPI_ALIGN_ALLOWANCE`].
    pub align_allowance: usize,
    /// How many payload octets are offered when no length is known: [`SPI_SMALL_PACKET`]. `None`: at
    /// least its default, and more where what was seen lets expect a longer frame.
    pub small_packet: Option<usize>,
    /// Whether a CRC is offered (protocol §5.11).
    pub crc: CrcMode,
}

impl Default for Spi {
    fn default() -> Spi {
        Spi {
            speed_hz: SPI_SPEED.default,
            // Every default lies in its range (tested), and that of the mode ends at 3.
            mode: SPI_MODE.default as u8,
            cs_delay: SPI_CS_DELAY.default_micros(),
            gap: SPI_GAP.default_micros(),
            align_allowance: SPI_ALIGN_ALLOWANCE.default as usize,
            small_packet: None,
            crc: CrcMode::Auto,
        }
    }
}

impl FromStr for CrcMode {
    type Err = NotAChoice;

    fn from_str(text: &str) -> Result<CrcMode, NotAChoice> {
        match text {
            "auto" => Ok(CrcMode::Auto),
            "on" => Ok(CrcMode::On),
            "off" => Ok(CrcMode::Off),
            _ => Err(NotAChoice("auto, on or off")),
        }
    }
}

/// A word that is not one of those that can be written; holds those.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAChoice(pub &'static str);

impl fmt::Display for NotAChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "write {}", self.0)
    }
}

impl std::error::Error for NotAChoice {}

/// Where the log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogTarget {
    /// Standard error, unless that is the data channel or nobody reads it; syslog then. The default.
    Auto,
    /// Standard error.
    Stderr,
    /// syslog(3).
    Syslog,
    /// Appended to a file.
    File(PathBuf),
    /// Nowhere.
    None,
}

impl FromStr for LogTarget {
    type Err = NotAChoice;

    fn from_str(text: &str) -> Result<LogTarget, NotAChoice> {
        match text {
            "auto" => Ok(LogTarget::Auto),
            "stderr" => Ok(LogTarget::Stderr),
            "syslog" => Ok(LogTarget::Syslog),
            "none" => Ok(LogTarget::None),
            _ => match text.strip_prefix("file:") {
                Some(path) if !path.is_empty() => Ok(LogTarget::File(PathBuf::from(path))),
                _ => Err(NotAChoice("auto, stderr, syslog, none or file:PATH")),
            },
        }
    }
}

impl fmt::Display for LogTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LogTarget::Auto => f.write_str("auto"),
            LogTarget::Stderr => f.write_str("stderr"),
            LogTarget::Syslog => f.write_str("syslog"),
            LogTarget::File(path) => write!(f, "file:{}", path.display()),
            LogTarget::None => f.write_str("none"),
        }
    }
}

/// How much is logged: each level holds those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Errors only.
    Errors,
    /// And warnings.
    Warnings,
    /// And what happens rarely: start, resets, end. The default.
    Info,
    /// `-v`: and every SPI frame header.
    Headers,
    /// `-vv`: and every Spinel frame, decoded.
    Frames,
    /// `-vvv`: and all octets in hex.
    Hex,
}

impl Verbosity {
    /// All levels, the quietest first.
    pub const ALL: [Verbosity; 6] = [
        Verbosity::Errors,
        Verbosity::Warnings,
        Verbosity::Info,
        Verbosity::Headers,
        Verbosity::Frames,
        Verbosity::Hex,
    ];

    /// The level that is `steps` louder (quieter if negative), or the last one in that direction.
    pub fn louder(self, steps: i32) -> Verbosity {
        let index = (self as i32).saturating_add(steps);
        let last = Self::ALL.len() as i32 - 1;
        Self::ALL[index.clamp(0, last) as usize]
    }
}

/// The range, the default and the unit of a number on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The least value.
    pub min: u32,
    /// The greatest value.
    pub max: u32,
    /// The value when nothing is said.
    pub default: u32,
    /// `Hz`, `µs`, `ms`, `octets`, or nothing.
    pub unit: &'static str,
}

impl Limits {
    /// The value, if it is in the range.
    pub fn check(&self, value: i128) -> Option<u32> {
        let value = u32::try_from(value).ok()?;
        (self.min..=self.max).contains(&value).then_some(value)
    }

    fn default_micros(&self) -> Duration {
        Duration::from_micros(u64::from(self.default))
    }

    fn default_millis(&self) -> Duration {
        Duration::from_millis(u64::from(self.default))
    }
}

/// The range and the unit: `0..=65535 µs`.
impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..={}", self.min, self.max)?;
        match self.unit {
            "" => Ok(()),
            unit => write!(f, " {unit}"),
        }
    }
}

const fn limits(min: u32, max: u32, default: u32, unit: &'static str) -> Limits {
    Limits {
        min,
        max,
        default,
        unit,
    }
}

/// `--spi-speed`. Default: `spi-hdlc-adapter`; protocol §5.1 asks for more than 500 kHz. Less is let
/// through for bad wiring, down to where no controller follows (a Raspberry Pi's divides 250 MHz or more
/// by at most 65,536); the upper end only stops a slipped zero, no co-processor's slave comes near.
pub const SPI_SPEED: Limits = limits(1_000, 100_000_000, 1_000_000, "Hz");

/// `--spi-mode`. Clock polarity and phase make two bits; default: protocol §5.1.
pub const SPI_MODE: Limits = limits(0, 3, 0, "");

/// `--spi-cs-delay`. Range: `delay_usecs` of the kernel's `spi_ioc_transfer` has 16 bits; default:
/// protocol §5.1.
pub const SPI_CS_DELAY: Limits = limits(0, 65_535, 20, "µs");

/// `--spi-gap`. Protocol §5.1 asks for it to be configurable, some co-processors need it
/// (openthread#7427, #7431); real hosts have none, hence the default. The longest is ten times the
/// back-off for a bad header (protocol §5.7).
pub const SPI_GAP: Limits = limits(0, 100_000, 0, "µs");

/// `--spi-align-allowance`. Range and default: protocol §5.8 and `spi-hdlc-adapter`.
pub const SPI_ALIGN_ALLOWANCE: Limits = limits(0, 16, 0, "octets");

/// `--spi-small-packet`. Default: what the link offers at least; the longest payload as for [`MTU`].
pub const SPI_SMALL_PACKET: Limits = limits(0, 2_043, link::sizing::LEAST as u32, "octets");

/// `--mtu`. Longest: 2048 octets of `spi-hdlc-adapter` less the header of five (protocol §5.2);
/// shortest: the reset notification `80 06 00 72` (protocol §1.5) must fit.
pub const MTU: Limits = limits(4, 2_043, 2_043, "octets");

/// `--spi-reset-pulse`. Shortest and default: protocol §5.1; longest: nobody means more than a second.
pub const RESET_PULSE: Limits = limits(10, 1_000, 20, "ms");

/// `--spi-reset-delay`. Default: protocol §5.10, step 3; the longest is twice the time that hosts wait
/// for the reset notification (protocol §5.10, step 5).
pub const RESET_SETTLE: Limits = limits(0, 10_000, 0, "ms");

/// `--poll-ms`. Default: protocol §5.1; epoll counts in whole milliseconds.
pub const POLL_PERIOD: Limits = limits(1, 10_000, 33, "ms");

/// `--tap-size`. Two files of 64 MiB hold some hours of a busy radio (250 kbit/s, protocol §5.1), and fit on every card.
pub const TAP_SIZE: Limits = limits(1, 65_536, 64, "MiB");

/// `--commissioning-port`. Default: protocol §7.7.
pub const COMMISSIONING_PORT: Limits = limits(1, 65_535, 5_684, "");

/// `--iid`. Default: the one of a co-processor that has no other (protocol §1.1); two bits.
pub const IID: Limits = limits(0, 3, 0, "");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_is_in_its_range() {
        let all = [
            SPI_SPEED,
            SPI_MODE,
            SPI_CS_DELAY,
            SPI_GAP,
            SPI_ALIGN_ALLOWANCE,
            SPI_SMALL_PACKET,
            MTU,
            RESET_PULSE,
            RESET_SETTLE,
            POLL_PERIOD,
            TAP_SIZE,
            COMMISSIONING_PORT,
            IID,
        ];
        for limits in all {
            assert_eq!(
                limits.check(i128::from(limits.default)),
                Some(limits.default)
            );
            assert_eq!(limits.check(i128::from(limits.min) - 1), None);
            assert_eq!(limits.check(i128::from(limits.max) + 1), None);
        }
    }

    #[test]
    fn verbosity_stops_at_both_ends() {
        for (steps, expected) in [
            (0, Verbosity::Info),
            (-1, Verbosity::Warnings),
            (3, Verbosity::Hex),
            (4, Verbosity::Hex),
            (i32::MIN, Verbosity::Errors),
            (i32::MAX, Verbosity::Hex),
        ] {
            assert_eq!(Verbosity::Info.louder(steps), expected, "{steps}");
        }
    }
}
