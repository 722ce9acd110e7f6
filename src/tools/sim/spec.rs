//! The command-line syntax of the simulated co-processor: `sim:key=value:key:…`.
//!
//! Tokens are separated by `:`, in any order; `sim:` alone is a co-processor without faults. When a
//! key comes twice the last one counts. No token needs a comma, an ampersand or a space.
//!
//! | token | value | meaning |
//! | --- | --- | --- |
//! | `ncp`, `echo` | | a Spinel NCP (default), or all frames sent back |
//! | `seed=N` | number | of everything random; the same seed gives the same run |
//! | `radio=PATH` | folder | it shares a radio with all who name the same folder |
//! | `state=PATH` | file | its non-volatile memory: who it is, and its network |
//! | `major=N` | 0..=127 | its major protocol version instead of 4 |
//! | `iid=N` | 0..=3 | the interface that it serves is this one instead of 0 (protocol §1.1) |
//! | `bootloader` | | it runs its bootloader (interface type 0) |
//! | `crc` | | the slave offers and checks a CRC (protocol §5.11) |
//! | `align=N` | 0..=16 | junk octets FF before the slave's header (protocol §5.8) |
//! | `busy=T` | time | the slave takes no frame for this long after it took one |
//! | `buffer=N` | 64..=4096 | octets of its buffers, header included, instead of 1300: RECV_LEN is 5 less |
//! | `ring=N` | 64..=4096 | it takes frames into a ring buffer of so many octets: RECV_LEN is the free room |
//! | `drain=R` | 1..=100000 | octets that it takes out of the ring in a millisecond; without it, all at once |
//! | `stale-room` | | a reply that it made while it took no frame is shown with RECV_LEN 0 until it is fetched |
//! | `boot=T` | time | it answers FF for this long after a reset |
//! | `boot-low` | | it answers 00 meanwhile; `boot-int`: INT is active meanwhile |
//! | `half-duplex` | | it takes no frame while it has one to give |
//! | `no-int`, `no-res` | | there is no such line |
//! | `dead-res` | | RES is wired to nothing |
//! | `stuck-int` | | INT is active for ever |
//! | `dead` | | MISO is all FF for ever |
//! | `miso-low` | | MISO is all 00 for ever |
//! | `loopback` | | MISO is wired to MOSI |
//! | `mode=N` | 0..=3 | the slave understands this SPI mode alone; without it, every mode |
//! | `max-speed=HZ` | clock | above it neither end understands the other; without it, no limit |
//! | `rearm=T` | time | the slave takes no part in a transaction that comes so soon after another |
//! | `rearm-spread=T` | time | that time varies: up to so much is added, drawn for each transaction |
//! | `void=P` | rate | transactions that the slave does not see |
//! | `garbage=P` | rate | transactions with a garbage header |
//! | `late-header=P` | rate | transactions whose header comes 1 to 4 octets late, with no frame behind it |
//! | `data-len=P` | rate | transactions that show another DATA_LEN than before, and give no frame |
//! | `flip=P` | rate | transactions with one bit flipped in data or CRC |
//! | `flip-any=P` | rate | transactions with one bit flipped anywhere |
//! | `refuse=P` | rate | transactions in which the slave takes nothing |
//! | `lose-edge=P` | rate | INT edges that wake nobody |
//! | `late-int=T` | time | INT follows this much later |
//! | `reset=P` | rate | transactions after which it crashes and restarts |
//! | `eio=P` | rate | transactions that fail with EIO |
//!
//! A **clock** is `8000000`, `500k` or `8M`, in Hz. A **time** is `3` or `3ms`, `500us`, `1s`: at most a
//! minute, to the microsecond. A **rate** is `1%`, `0.1%`, `0.01` (of 1) or `200ppm`: at most `100%`, to
//! the millionth. A **path** has no colon. In a systemd unit `%` is special: write `ppm` there, or `%%`.

use crate::number::{integer, scaled};
use core::fmt;
use core::ops::RangeInclusive;
use core::str::FromStr;
use core::time::Duration;
use std::path::PathBuf;

/// A chance in parts per million.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rate {
    /// 0..=1,000,000.
    pub ppm: u32,
}

impl FromStr for Rate {
    type Err = NotARate;

    /// `1%`, `0.1%`, `0.01` or `200ppm`.
    fn from_str(text: &str) -> Result<Rate, NotARate> {
        let ppm = match (text.strip_suffix('%'), text.strip_suffix("ppm")) {
            (Some(percent), _) => scaled(percent, 4),
            (_, Some(ppm)) => scaled(ppm, 0),
            (None, None) => scaled(text, 6),
        };
        match ppm.and_then(|ppm| u32::try_from(ppm).ok()) {
            Some(ppm) if ppm <= MILLION => Ok(Rate { ppm }),
            _ => Err(NotARate),
        }
    }
}

/// Whole percents as `5%`, everything else as `200ppm`.
impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ppm % (MILLION / 100) {
            0 => write!(f, "{}%", self.ppm / (MILLION / 100)),
            _ => write!(f, "{}ppm", self.ppm),
        }
    }
}

/// A text that is no [`Rate`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotARate;

impl fmt::Display for NotARate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(WANT_RATE)
    }
}

impl std::error::Error for NotARate {}

/// What the co-processor runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// A Spinel NCP (the default).
    #[default]
    Ncp,
    /// Sends every frame back, for throughput and soak tests.
    Echo,
}

/// Everything that can be chosen of the simulated co-processor.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Spec {
    /// `ncp` or `echo`.
    pub kind: Kind,
    /// `seed=N`: of everything random.
    pub seed: u64,
    /// `radio=PATH`: the folder that stands for the air which it shares with others.
    pub radio: Option<PathBuf>,
    /// `state=PATH`: the file with its non-volatile memory.
    pub state: Option<PathBuf>,
    /// `major=N`: its major protocol version; `None`: 4.
    pub major: Option<u8>,
    /// `iid=N`: the interface that it serves, 0..=3; `None`: 0.
    pub iid: Option<u8>,
    /// `bootloader`: its interface type is 0.
    pub bootloader: bool,
    /// `auto-init`: its firmware makes a dataset of single properties.
    pub auto_init: bool,
    /// `link-raw`: its firmware can give its radio to the host.
    pub link_raw: bool,
    /// `extras`: its firmware has what no default build has.
    pub extras: bool,
    /// `hurry`: it attaches within seconds, as no firmware does.
    pub hurry: bool,
    /// `addresses=N`: its room for addresses of the host; `None`: 4.
    pub addresses: Option<u8>,
    /// `groups=N`: its room for multicast groups of the host; `None`: 2.
    pub groups: Option<u8>,
    /// `crc`: the slave offers and checks a CRC.
    pub crc: bool,
    /// `align=N`: junk octets (0xFF) before the slave's header, 0..=16.
    pub align: usize,
    /// `busy=T`: how long the slave takes no frame after it took one (accepts `3`, `3ms`, `500us`, `1s`).
    pub busy: Duration,
    /// `buffer=N`: octets of the slave's buffers, header included; 0: 1300.
    pub buffer: usize,
    /// `ring=N`: RECV_LEN is the free room of a ring buffer of so many octets; 0: there is none.
    pub ring: usize,
    /// `drain=R`: octets that are taken out of the ring in a millisecond; 0: all at once.
    pub drain: usize,
    /// `stale-room`: a reply that was made while no frame was taken keeps RECV_LEN 0 in its header.
    pub stale_room: bool,
    /// `boot=T`: how long it answers FF after a reset.
    pub boot: Duration,
    /// `boot-low`: it answers 00 meanwhile.
    pub boot_low: bool,
    /// `boot-int`: INT is active meanwhile.
    pub boot_interrupt: bool,
    /// `half-duplex`: takes no frame while it has one to give (2016 firmware).
    pub half_duplex: bool,
    /// `no-int`: there is no INT line.
    pub no_interrupt: bool,
    /// `no-res`: there is no RES line.
    pub no_reset: bool,
    /// `dead-res`: RES is wired to nothing.
    pub dead_reset: bool,
    /// `stuck-int`: INT is active for ever.
    pub stuck_interrupt: bool,
    /// `dead`: MISO is all FF for ever, INT inactive.
    pub dead: bool,
    /// `miso-low`: MISO is all 00 for ever.
    pub miso_low: bool,
    /// `loopback`: MISO is wired to MOSI.
    pub loopback: bool,
    /// `mode=N`: the only SPI mode that the slave understands, 0..=3; `None`: all of them.
    pub mode: Option<u8>,
    /// `max-speed=HZ`: above this clock neither end understands the other; 0: no limit.
    pub max_speed_hz: u32,
    /// `rearm=T`: the slave takes no part in a transaction that comes so soon after another.
    pub rearm: Duration,
    /// `rearm-spread=T`: what is added to it at the most, drawn for each transaction.
    pub rearm_spread: Duration,
    /// `void=P`: transactions that the slave does not see (MISO all FF).
    pub void: Rate,
    /// `garbage=P`: transactions with a garbage header; half of them are not seen by the slave.
    pub garbage: Rate,
    /// `late-header=P`: transactions whose header comes 1 to 4 octets late, with no frame behind it.
    pub late_header: Rate,
    /// `data-len=P`: transactions that show another DATA_LEN, and give no frame.
    pub data_len: Rate,
    /// `flip=P`: transactions with one bit flipped in the data or CRC octets of either direction.
    pub flip: Rate,
    /// `flip-any=P`: transactions with one bit flipped anywhere, headers included.
    pub flip_any: Rate,
    /// `refuse=P`: transactions in which the slave takes nothing (RECV_LEN 0).
    pub refuse: Rate,
    /// `lose-edge=P`: INT edges that wake nobody.
    pub lose_edge: Rate,
    /// `late-int=T`: INT follows this much later than it should.
    pub late_interrupt: Duration,
    /// `reset=P`: transactions after which the co-processor restarts by itself.
    pub reset: Rate,
    /// `eio=P`: transactions that fail with EIO.
    pub eio: Rate,
}

impl FromStr for Spec {
    type Err = SpecError;

    /// Takes what follows `sim:`.
    fn from_str(text: &str) -> Result<Spec, SpecError> {
        let mut spec = Spec::default();
        for token in text.split(':').filter(|token| !token.is_empty()) {
            spec.set(token)?;
        }
        Ok(spec)
    }
}

impl Spec {
    fn set(&mut self, token: &str) -> Result<(), SpecError> {
        let (name, value) = match token.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (token, None),
        };
        let Some((key, field)) = KEYS.iter().find(|(key, _)| *key == name) else {
            return Err(SpecError::UnknownKey {
                key: name.to_owned(),
            });
        };
        match (field, value) {
            (Field::Kind(kind), None) => self.kind = *kind,
            (Field::Flag(flag), None) => *flag(self) = true,
            (Field::Kind(_) | Field::Flag(_), Some(_)) => return Err(SpecError::NoValue { key }),
            (_, None) => {
                return Err(SpecError::NeedsValue {
                    key,
                    want: field.want(),
                })
            }
            (_, Some(value)) => {
                self.set_value(field, value)
                    .ok_or_else(|| SpecError::BadValue {
                        key,
                        value: value.to_owned(),
                        want: field.want(),
                    })?
            }
        }
        Ok(())
    }

    fn set_value(&mut self, field: &Field, value: &str) -> Option<()> {
        match field {
            Field::Kind(_) | Field::Flag(_) => return None,
            Field::Seed => self.seed = u64::try_from(integer(value)?).ok()?,
            Field::Path(path) => {
                *path(self) = Some(PathBuf::from(value)).filter(|_| !value.is_empty());
                path(self).as_ref()?;
            }
            Field::Major => {
                let major = u8::try_from(integer(value)?).ok()?;
                self.major = Some(Some(major).filter(|major| *major <= MAX_MAJOR)?);
            }
            Field::Room(room) => {
                let count = u8::try_from(integer(value)?).ok()?;
                *room(self) = Some(Some(count).filter(|count| *count <= MAX_ROOM)?);
            }
            Field::Number(number, range) => {
                let value = usize::try_from(integer(value)?).ok()?;
                *number(self) = Some(value).filter(|value| range.contains(value))?;
            }
            Field::TwoBits(place) => {
                let number = u8::try_from(integer(value)?).ok()?;
                *place(self) = Some(Some(number).filter(|number| *number <= TWO_BITS)?);
            }
            Field::Clock => {
                let hertz = parse_clock(value).filter(|hertz| *hertz > 0)?;
                self.max_speed_hz = u32::try_from(hertz).ok()?;
            }
            Field::Time(time) => *time(self) = parse_time(value)?,
            Field::Rate(rate) => *rate(self) = value.parse().ok()?,
        }
        Some(())
    }
}

/// What follows `sim:`; the defaults are left out, so that of `Spec::default()` is empty.
impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The accessors of KEYS want a `&mut`; a copy is the price for having each key once.
        let mut spec = self.clone();
        let mut separator = "";
        for (key, field) in KEYS {
            let token = match field {
                Field::Kind(kind) => {
                    (spec.kind == *kind && *kind != Kind::default()).then(String::new)
                }
                Field::Flag(flag) => flag(&mut spec).then(String::new),
                Field::Seed => (spec.seed != 0).then(|| format!("={}", spec.seed)),
                Field::Path(path) => path(&mut spec)
                    .as_ref()
                    .map(|path| format!("={}", path.display())),
                Field::Major => spec.major.map(|major| format!("={major}")),
                Field::Number(number, _) => {
                    let number = *number(&mut spec);
                    (number != 0).then(|| format!("={number}"))
                }
                Field::Room(room) => room(&mut spec).map(|count| format!("={count}")),
                Field::TwoBits(number) => number(&mut spec).map(|number| format!("={number}")),
                Field::Clock => (spec.max_speed_hz != 0).then(|| format!("={}", spec.max_speed_hz)),
                Field::Time(time) => {
                    let time = *time(&mut spec);
                    (!time.is_zero()).then(|| format!("={}", TimeText(time)))
                }
                Field::Rate(rate) => {
                    let rate = *rate(&mut spec);
                    (rate != Rate::default()).then(|| format!("={rate}"))
                }
            };
            if let Some(value) = token {
                write!(f, "{separator}{key}{value}")?;
                separator = ":";
            }
        }
        Ok(())
    }
}

/// Why a text is no [`Spec`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SpecError {
    /// A key that is not in the table.
    UnknownKey {
        /// As it was written.
        key: String,
    },
    /// A flag with `=`.
    NoValue {
        /// The flag.
        key: &'static str,
    },
    /// A key without `=`.
    NeedsValue {
        /// The key.
        key: &'static str,
        /// What to write.
        want: &'static str,
    },
    /// A value that cannot be read, or is out of range.
    BadValue {
        /// The key.
        key: &'static str,
        /// As it was written.
        value: String,
        /// What to write.
        want: &'static str,
    },
}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SpecError::UnknownKey { key } => {
                write!(f, "no key {key}; known are")?;
                KEYS.iter().try_for_each(|(key, _)| write!(f, " {key}"))
            }
            SpecError::NoValue { key } => write!(f, "{key} takes no value"),
            SpecError::NeedsValue { key, want } => write!(f, "{key} needs a value; {want}"),
            SpecError::BadValue { key, value, want } => write!(f, "{key}={value}: {want}"),
        }
    }
}

impl std::error::Error for SpecError {}

/// One key's place in the [`Spec`].
enum Field {
    Kind(Kind),
    Flag(fn(&mut Spec) -> &mut bool),
    Seed,
    Path(fn(&mut Spec) -> &mut Option<PathBuf>),
    Major,
    Number(fn(&mut Spec) -> &mut usize, &'static RangeInclusive<usize>),
    Room(fn(&mut Spec) -> &mut Option<u8>),
    TwoBits(fn(&mut Spec) -> &mut Option<u8>),
    Clock,
    Time(fn(&mut Spec) -> &mut Duration),
    Rate(fn(&mut Spec) -> &mut Rate),
}

impl Field {
    fn want(&self) -> &'static str {
        match self {
            Field::Kind(_) | Field::Flag(_) => "write it without a value",
            Field::Seed => "write a number, 0..=18446744073709551615",
            Field::Path(_) => "write a path without a colon",
            Field::Major => "write a number, 0..=127",
            Field::Number(_, range) if **range == ALIGN => "write a number, 0..=16",
            Field::Number(_, range) if **range == BUFFER => "write a number of octets, 64..=4096",
            Field::Number(..) => "write a number of octets in a millisecond, 1..=100000",
            Field::Room(_) => "write a number, 0..=32",
            Field::TwoBits(_) => "write a number, 0..=3",
            Field::Clock => "write a clock in Hz, like 8000000, 500k or 8M",
            Field::Time(_) => "write a time up to 60s, like 3ms, 500us or 1s",
            Field::Rate(_) => WANT_RATE,
        }
    }
}

/// In Hz; a plain number too.
fn parse_clock(text: &str) -> Option<u64> {
    match (text.strip_suffix('k'), text.strip_suffix('M')) {
        (Some(kilo), _) => scaled(kilo, 3),
        (_, Some(mega)) => scaled(mega, 6),
        (None, None) => scaled(text, 0),
    }
}

/// A plain number is in milliseconds.
fn parse_time(text: &str) -> Option<Duration> {
    // "us" and "ms" end in "s", so they come first.
    let micros = match (
        text.strip_suffix("us"),
        text.strip_suffix("ms"),
        text.strip_suffix('s'),
    ) {
        (Some(micros), ..) => scaled(micros, 0),
        (_, Some(millis), _) => scaled(millis, 3),
        (.., Some(seconds)) => scaled(seconds, 6),
        (None, None, None) => scaled(text, 3),
    };
    micros
        .map(Duration::from_micros)
        .filter(|time| *time <= MAX_TIME)
}

/// A time as [`parse_time`] reads it.
struct TimeText(Duration);

impl fmt::Display for TimeText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_micros() {
            micros if micros % 1_000 == 0 => write!(f, "{}ms", micros / 1_000),
            micros => write!(f, "{micros}us"),
        }
    }
}

/// The syntax for `--help`; the module's table has more to say.
pub const HELP: &str = "  ncp, echo          a Spinel NCP (default), or all frames sent back
  seed=N             of everything random
  radio=PATH         shares a radio with all who name the same folder
  state=PATH         keeps its identity and network in this file
  major=N            its protocol version; bootloader: its interface type is 0
  iid=N              the interface id that it serves, of 0 to 3
  auto-init          firmware that makes a dataset of single properties
  link-raw           firmware that can give its radio to the host
  extras             GPIO, random numbers, PEEK, CMD_MULTI and more
  hurry              attaches within seconds, as no firmware does
  addresses=N        room for the host's addresses; groups=N: for its groups
  crc                the slave offers and checks a CRC
  align=N            junk octets before its header, 0..=16
  busy=T, boot=T     takes no frame after one, says nothing after a reset
  boot-low, boot-int MISO is all 00, INT is active meanwhile
  half-duplex        takes no frame while it has one to give
  stale-room         what it made while it was busy is shown with RECV_LEN 0
  buffer=N           octets of its buffers, 64..=4096, instead of 1300
  ring=N:drain=R     a ring buffer of N octets, R taken out in a millisecond
  no-int, no-res     without that line; stuck-int: INT is active for ever
  dead-res           RES is wired to nothing; loopback: MISO is wired to MOSI
  dead, miso-low     MISO is all FF or all 00 for ever
  mode=N             the slave understands this SPI mode alone
  max-speed=HZ       nothing is understood above this clock (500k, 8M)
  rearm=T            takes no part in a transaction so soon after another
  rearm-spread=T     up to so much is added to that time
  void=P, garbage=P  transactions not seen, with a garbage header
  late-header=P      with a header some octets late; data-len=P: another length
  flip=P             with a bit flipped in data or CRC; flip-any=P: anywhere
  refuse=P, reset=P  refused by the slave, followed by a restart
  lose-edge=P        INT edges that wake nobody; late-int=T: INT comes late
  eio=P              transactions that fail with EIO
  T is 3 or 3ms, 500us, 1s; P is 1%, 0.01 or 200ppm
";

/// All keys, in the order in which they are printed.
const KEYS: &[(&str, Field)] = &[
    ("ncp", Field::Kind(Kind::Ncp)),
    ("echo", Field::Kind(Kind::Echo)),
    ("seed", Field::Seed),
    ("radio", Field::Path(|spec| &mut spec.radio)),
    ("state", Field::Path(|spec| &mut spec.state)),
    ("major", Field::Major),
    ("iid", Field::TwoBits(|spec| &mut spec.iid)),
    ("bootloader", Field::Flag(|spec| &mut spec.bootloader)),
    ("auto-init", Field::Flag(|spec| &mut spec.auto_init)),
    ("link-raw", Field::Flag(|spec| &mut spec.link_raw)),
    ("extras", Field::Flag(|spec| &mut spec.extras)),
    ("hurry", Field::Flag(|spec| &mut spec.hurry)),
    ("addresses", Field::Room(|spec| &mut spec.addresses)),
    ("groups", Field::Room(|spec| &mut spec.groups)),
    ("crc", Field::Flag(|spec| &mut spec.crc)),
    ("align", Field::Number(|spec| &mut spec.align, &ALIGN)),
    ("busy", Field::Time(|spec| &mut spec.busy)),
    ("buffer", Field::Number(|spec| &mut spec.buffer, &BUFFER)),
    ("ring", Field::Number(|spec| &mut spec.ring, &BUFFER)),
    ("drain", Field::Number(|spec| &mut spec.drain, &DRAIN)),
    ("stale-room", Field::Flag(|spec| &mut spec.stale_room)),
    ("boot", Field::Time(|spec| &mut spec.boot)),
    ("boot-low", Field::Flag(|spec| &mut spec.boot_low)),
    ("boot-int", Field::Flag(|spec| &mut spec.boot_interrupt)),
    ("half-duplex", Field::Flag(|spec| &mut spec.half_duplex)),
    ("no-int", Field::Flag(|spec| &mut spec.no_interrupt)),
    ("no-res", Field::Flag(|spec| &mut spec.no_reset)),
    ("dead-res", Field::Flag(|spec| &mut spec.dead_reset)),
    ("stuck-int", Field::Flag(|spec| &mut spec.stuck_interrupt)),
    ("dead", Field::Flag(|spec| &mut spec.dead)),
    ("miso-low", Field::Flag(|spec| &mut spec.miso_low)),
    ("loopback", Field::Flag(|spec| &mut spec.loopback)),
    ("mode", Field::TwoBits(|spec| &mut spec.mode)),
    ("max-speed", Field::Clock),
    ("rearm", Field::Time(|spec| &mut spec.rearm)),
    ("rearm-spread", Field::Time(|spec| &mut spec.rearm_spread)),
    ("void", Field::Rate(|spec| &mut spec.void)),
    ("garbage", Field::Rate(|spec| &mut spec.garbage)),
    ("late-header", Field::Rate(|spec| &mut spec.late_header)),
    ("data-len", Field::Rate(|spec| &mut spec.data_len)),
    ("flip", Field::Rate(|spec| &mut spec.flip)),
    ("flip-any", Field::Rate(|spec| &mut spec.flip_any)),
    ("refuse", Field::Rate(|spec| &mut spec.refuse)),
    ("lose-edge", Field::Rate(|spec| &mut spec.lose_edge)),
    ("late-int", Field::Time(|spec| &mut spec.late_interrupt)),
    ("reset", Field::Rate(|spec| &mut spec.reset)),
    ("eio", Field::Rate(|spec| &mut spec.eio)),
];

const WANT_RATE: &str = "write a rate up to 100%, like 1%, 0.01 or 200ppm";

const MILLION: u32 = 1_000_000;

/// The most that a real slave was seen to need, with some room (protocol §5.8).
const ALIGN: RangeInclusive<usize> = 0..=16;

/// From less than any Spinel host needs to what the longest buffers of SPI peripherals hold.
const BUFFER: RangeInclusive<usize> = 64..=4096;

/// From a thousandth of the slowest bus that is in use to one that takes no time.
const DRAIN: RangeInclusive<usize> = 1..=100_000;

/// Clock polarity and phase are two bits, and so is an interface id.
const TWO_BITS: u8 = 3;

/// As many as the simulated tables hold.
const MAX_ROOM: u8 = 32;

/// One octet of a packed integer.
const MAX_MAJOR: u8 = 127;

/// Longer than any time-out of any host (protocol §5.6: at most 5 s), so that all of them can be tried.
const MAX_TIME: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_text_has_every_key() {
        for (key, _) in KEYS {
            let words = HELP.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
            assert!(words.into_iter().any(|word| word == *key), "{key}");
        }
        assert!(HELP.lines().all(|line| line.len() <= 80));
    }
}
