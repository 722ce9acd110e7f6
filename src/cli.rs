//! The command line: what `spi-hdlc-adapter` takes, spelled as its users spell it, and our own options.
//!
//! [`parse`] goes in three steps: [`normalise`] brings every spelling that getopt_long knows
//! (`--opt=value`, `-iX`, `-vv`, `--verbose=2`) into the one that argh knows (`--opt value`); argh sorts
//! the words into its structure; each word is then read into units and ranges, which makes a [`Config`].
//!
//! As with getopt, options and the device come in any order, a value may begin with `-`, the last of
//! an option given twice counts (with a warning), and `--` ends the options. An option may *not* be
//! abbreviated, and an unknown one is an error.

use crate::config::{
    self, Config, Device, DeviceError, Face, GpioLine, GpioLineError, Limits, NotAChoice, Spi,
};
use crate::sim::spec;
use argh::FromArgs;
use core::fmt;
use core::str::FromStr;
use core::time::Duration;
use std::ffi::OsString;
use std::path::PathBuf;

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Run the bridge.
    Run(Box<Config>),
    /// Check the hardware instead.
    Check(Box<Config>),
    /// Print this to standard output and end with success.
    Help(String),
    /// Print this to standard output and end with success.
    Version(String),
}

/// Reads the command line; `args` comes without the program's name.
///
/// ```
/// use spinel_bridge::cli::{parse, Command};
/// use spinel_bridge::config::Face;
///
/// let args = ["--stdio", "-igpiochip0:25", "--spi-speed=8M", "/dev/spidev0.0"];
/// let Ok(Command::Run(config)) = parse(args) else { panic!() };
/// assert_eq!(config.face, Face::Stdio);
/// assert_eq!(config.spi.speed_hz, 8_000_000);
/// ```
pub fn parse<I>(args: I) -> Result<Command, Usage>
where
    I: IntoIterator,
    I::Item: Into<OsString>,
{
    let args: Vec<String> = args
        .into_iter()
        .map(|arg| text(arg.into()))
        .collect::<Result<_, _>>()?;
    let words = normalise(&args)?;
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let args = match Args::from_args(&[NAME], &words) {
        Ok(args) => args,
        // argh knows no help text but its own, and ends with it.
        Err(exit) if exit.status.is_ok() => return Ok(Command::Help(help())),
        Err(exit) => return Err(Usage::Argh(exit.output)),
    };
    if args.version {
        return Ok(Command::Version(version()));
    }
    let command = if args.check {
        Command::Check
    } else {
        Command::Run
    };
    args.into_config().map(|config| command(Box::new(config)))
}

/// Rewrites `args` so that argh understands them: every option by its long name, its value in a word
/// of its own, then `--` and the device. Stops at `--help` and `--version`, since nothing after them
/// matters.
///
/// It splits words and checks that options exist and have their value; it does not read the values.
pub fn normalise(args: &[String]) -> Result<Vec<String>, Usage> {
    let mut words = Words {
        args: args.iter(),
        options: Vec::new(),
        rest: Vec::new(),
        done: false,
    };
    while let (Some(arg), false) = (words.args.next(), words.done) {
        match (arg.strip_prefix("--"), arg.strip_prefix('-')) {
            (Some(""), _) => words.rest.extend(words.args.by_ref().cloned()),
            (Some(long), _) => words.long(long)?,
            (None, Some("") | None) => words.rest.push(arg.clone()),
            (None, Some(letters)) => words.short(letters)?,
        }
    }
    if !words.done {
        words.options.push("--".to_owned());
        words.options.append(&mut words.rest);
    }
    Ok(words.options)
}

/// What [`normalise`] has still to read and what it has written.
struct Words<'a> {
    args: core::slice::Iter<'a, String>,
    options: Vec<String>,
    rest: Vec<String>,
    done: bool,
}

impl Words<'_> {
    /// `name` or `name=value`, after `--`.
    fn long(&mut self, text: &str) -> Result<(), Usage> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (text, None),
        };
        let opt = Opt::long(name).ok_or_else(|| unknown_option(name))?;
        self.push(opt, value)
    }

    /// `vv`, `vigpiochip0:25`, after `-`: switches, until one takes the rest or the next word.
    fn short(&mut self, cluster: &str) -> Result<(), Usage> {
        let mut letters = cluster.chars();
        while let (Some(letter), false) = (letters.next(), self.done) {
            let opt = Opt::short(letter).ok_or_else(|| unknown_letter(letter, cluster))?;
            if opt.takes != Takes::Value {
                self.push(opt, None)?;
                continue;
            }
            let value = letters.as_str();
            // getopt would make `-i=X` the value `=X`, which nobody means.
            let value = value.strip_prefix('=').unwrap_or(value);
            return self.push(opt, Some(value).filter(|value| !value.is_empty()));
        }
        Ok(())
    }

    fn push(&mut self, opt: &Opt, value: Option<&str>) -> Result<(), Usage> {
        let option = opt.long;
        let value = match (opt.takes, value) {
            (Takes::Nothing | Takes::TheEnd, Some(_)) => return Err(Usage::NoValue { option }),
            (Takes::Nothing | Takes::TheEnd, None) => None,
            (Takes::Value, None) => Some(
                self.args
                    .next()
                    .ok_or(Usage::NeedsValue { option })?
                    .as_str(),
            ),
            (Takes::ValueOrOne, None) => Some("1"),
            (Takes::Value | Takes::ValueOrOne, value) => value,
        };
        self.done |= opt.takes == Takes::TheEnd;
        self.options.push(option.to_owned());
        self.options.extend(value.map(str::to_owned));
        Ok(())
    }
}

/// Why a command line is refused: one line each, naming the option, its value and what to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Usage {
    /// An argument that is not UTF-8, or would not print in one line.
    NotText {
        /// The argument, with U+FFFD for what cannot be printed.
        argument: String,
    },
    /// An option that does not exist.
    UnknownOption {
        /// As it was written.
        option: String,
        /// What to write in its place, if we can guess.
        instead: Option<String>,
    },
    /// A switch with a value.
    NoValue {
        /// The option.
        option: &'static str,
    },
    /// An option without its value.
    NeedsValue {
        /// The option.
        option: &'static str,
    },
    /// A value that should be a number.
    NotANumber {
        /// The option.
        option: &'static str,
        /// Its value.
        value: String,
        /// What to write.
        want: String,
    },
    /// A number that is too small or too large.
    OutOfRange {
        /// The option.
        option: &'static str,
        /// Its value.
        value: String,
        /// What to write.
        want: String,
    },
    /// A value that should be one of a few words.
    NotAChoice {
        /// The option.
        option: &'static str,
        /// Its value.
        value: String,
        /// Those words.
        error: NotAChoice,
    },
    /// A value that should be a path.
    NotAPath {
        /// The option.
        option: &'static str,
        /// Its value.
        value: String,
    },
    /// A value that should be a GPIO line.
    NotALine {
        /// The option.
        option: &'static str,
        /// Its value.
        value: String,
        /// What is wrong with it.
        error: GpioLineError,
    },
    /// The device is missing.
    NoDevice,
    /// More than one device.
    TwoDevices {
        /// The first one.
        first: String,
        /// The second one.
        second: String,
    },
    /// The device is none.
    NotADevice {
        /// As it was written.
        device: String,
        /// What is wrong with it.
        error: DeviceError,
    },
    /// One option that uses standard input and output, and one that wants a pty.
    Conflict {
        /// The one.
        option: &'static str,
        /// The other.
        other: &'static str,
    },
    /// argh refused what [`normalise`] let through, which means that the two know different options.
    Argh(String),
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Usage::NotText { argument } => {
                write!(f, "{argument}: not UTF-8 text in one line; write options and paths without other bytes")
            }
            Usage::UnknownOption { option, instead: Some(instead) } => {
                write!(f, "unknown option {option}; {instead}; try --help")
            }
            Usage::UnknownOption { option, instead: None } => write!(f, "unknown option {option}; try --help"),
            Usage::NoValue { option } => write!(f, "{option} takes no value"),
            Usage::NeedsValue { option } => write!(f, "{option} needs a value; try --help"),
            Usage::NotANumber { option, value, want } => write!(f, "{option} {value}: not a number; write {want}"),
            Usage::OutOfRange { option, value, want } => write!(f, "{option} {value}: out of range {want}"),
            Usage::NotAChoice { option, value, error } => write!(f, "{option} {value}: {error}"),
            Usage::NotAPath { option, value } => write!(f, "{option} {value}: not a path"),
            Usage::NotALine { option, value, error } => write!(f, "{option} {value}: {error}"),
            Usage::NoDevice => f.write_str("no device; write /dev/spidevX.Y, or sim: to simulate one; try --help"),
            Usage::TwoDevices { first, second } => {
                write!(f, "two devices, {first} and {second}; one bridge serves one; start another for the other")
            }
            Usage::NotADevice { device, error } => write!(f, "{device}: {error}"),
            Usage::Conflict { option, other } => write!(
                f,
                "{option} does not go with {other}: the one uses standard input and output, the other a pty"
            ),
            Usage::Argh(text) => f.write_str(&text.trim().replace('\n', " ")),
        }
    }
}

impl std::error::Error for Usage {}

/// The text of `--help`: at most 80 columns, with the defaults and ranges that the parser uses.
pub fn help() -> String {
    let spi = Spi::default();
    format!(
        "\
spinel-bridge connects a Spinel co-processor (Thread, IEEE 802.15.4) on SPI to
the programs that speak Spinel in HDLC: otbr-agent, wpantund, pyspinel.

Usage: spinel-bridge [OPTIONS] DEVICE

  DEVICE is /dev/spidevX.Y, or sim:... for a simulated co-processor (below).

Examples:
  # without hardware; prints the pty to connect to
  spinel-bridge sim:
  # a HAT on a Raspberry Pi, on a pty with a fixed name for otbr-agent
  spinel-bridge -i gpiochip0:25 -r gpiochip0:24 --spi-speed 8M \\
                --pty-link /run/thread-ncp /dev/spidev0.0
  otbr-agent -I wpan0 spinel+hdlc+uart:///run/thread-ncp
  # started by wpantund; a line of its wpantund.conf
  Config:NCP:SocketPath \"system:spinel-bridge --stdio -i GPIO25 /dev/spidev0.0\"

Hardware:
  --check                    run no bridge, but find out what is wrong with
                             wires, lines, clock and co-processor, what to do,
                             and the command line to use (also with sim:)

To the host:
  --pty                      HDLC on a new pty; its name goes to standard output
                             (default)
  --pty-link PATH            and make PATH a symbolic link to the pty
  --stdio                    HDLC on standard input and output
  --raw                      whole frames on standard input and output, one per
                             read and write, without HDLC
  --mtu N                    longest frame with --raw
                             ({mtu}; default {mtu_default})

Lines (see gpioinfo; LINE is gpiochip0:25, LABEL:25 or the line's name GPIO25):
  -i, --gpio-int LINE        INT, active low (default: none, poll)
  -r, --gpio-res LINE        RES, active low; also --gpio-reset (default: none)
  --poll-ms N                poll period without INT
                             ({poll}; default {poll_default})

SPI:
  --spi-speed N              clock, also 500k, 8M or 8MHz
                             ({speed}; default {speed_default})
  --spi-mode N               clock polarity and phase ({mode}; default {mode_default})
  --spi-cs-delay N           from chip select to the first clock; 0 if the
                             driver knows no delay
                             ({cs_delay}; default {cs_delay_default})
  --spi-gap N                least time between two transactions
                             ({gap}; default {gap_default})
  --spi-align-allowance N    junk before the slave's header; 7 for EM35x
                             ({align}; default {align_default})
  --spi-small-packet N       always offer this when the slave's length is not
                             known ({small}; default {small_default} or
                             more, by what was seen)
  --spi-crc auto|on|off      CRC on frames (default {crc}: if the slave has it)

Reset:
  --no-reset                 leave RES alone at start and at exit
  --spi-reset-pulse N        how long RES is active
                             ({pulse}; default {pulse_default})
  --spi-reset-delay N        how long to wait after RES
                             ({settle}; default {settle_default})

systemd (Type=notify, WatchdogSec=):
  --ready-when-up            READY when the co-processor has answered, not as
                             soon as the pty is there

Log:
  --log TARGET               auto, stderr, syslog, none or file:PATH (default
                             auto: stderr unless it is the data channel)
  -v, --verbose[=N]          more: frame headers; -vv: frames decoded; -vvv: in
                             hex; N is relative, --verbose=-1 is less
  -V, --version              print the version
  -h, -?, --help             print this

Simulated co-processor, sim:KEY[=VALUE]:KEY... (sim:crc:void=1%:busy=3ms):
{sim}
Signals:
  SIGUSR1 prints the counters to the log, SIGUSR2 clears them; SIGINT, SIGTERM
  and SIGHUP end.

Exit codes:
  0  ended as asked: a signal, end of file, hangup
  1  the device was lost while running
  2  the command line is wrong
  3  could not start: device, line, lock or pty
  With --check: 0 nothing failed (warnings may be left), 1 something did,
  2 as above, 3 the result could not be printed
",
        mtu = config::MTU,
        mtu_default = config::MTU.default,
        poll = config::POLL_PERIOD,
        poll_default = config::POLL_PERIOD.default,
        speed = config::SPI_SPEED,
        speed_default = config::SPI_SPEED.default,
        mode = config::SPI_MODE,
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
        sim = spec::HELP,
    )
}

/// The text of `--version`.
pub fn version() -> String {
    format!("{NAME} {}\n", env!("CARGO_PKG_VERSION"))
}

/// What argh fills in. A value is only a word here: [`Args::into_config`] reads it, because its messages
/// can name the option, the value and the range. Every option may be repeated, as with getopt.
#[derive(FromArgs)]
#[cfg_attr(test, derive(argh::ArgsInfo))]
#[argh(description = "see help()", help_triggers("--help"))]
struct Args {
    /// HDLC on standard input and output
    #[argh(switch)]
    stdio: bool,
    /// HDLC on a pty
    #[argh(switch)]
    pty: bool,
    /// whole frames on standard input and output
    #[argh(switch)]
    raw: bool,
    /// longest frame with --raw
    #[argh(option)]
    mtu: Vec<String>,
    /// link to the pty
    #[argh(option)]
    pty_link: Vec<String>,
    /// INT
    #[argh(option, short = 'i')]
    gpio_int: Vec<String>,
    /// RES
    #[argh(option, short = 'r')]
    gpio_res: Vec<String>,
    /// clock polarity and phase
    #[argh(option)]
    spi_mode: Vec<String>,
    /// clock
    #[argh(option)]
    spi_speed: Vec<String>,
    /// from chip select to the first clock
    #[argh(option)]
    spi_cs_delay: Vec<String>,
    /// after RES
    #[argh(option)]
    spi_reset_delay: Vec<String>,
    /// of RES
    #[argh(option)]
    spi_reset_pulse: Vec<String>,
    /// junk before the header
    #[argh(option)]
    spi_align_allowance: Vec<String>,
    /// offered when no length is known
    #[argh(option)]
    spi_small_packet: Vec<String>,
    /// auto, on or off
    #[argh(option)]
    spi_crc: Vec<String>,
    /// between two transactions
    #[argh(option)]
    spi_gap: Vec<String>,
    /// without INT
    #[argh(option)]
    poll_ms: Vec<String>,
    /// at start and at exit
    #[argh(switch)]
    no_reset: bool,
    /// READY only after the co-processor's answer
    #[argh(switch)]
    ready_when_up: bool,
    /// the hardware, and run no bridge
    #[argh(switch)]
    check: bool,
    /// where to
    #[argh(option)]
    log: Vec<String>,
    /// relative; 1 if nothing was said
    #[argh(option, short = 'v')]
    verbose: Vec<String>,
    /// print the version
    #[argh(switch, short = 'V')]
    version: bool,
    /// the bus device: /dev/spidevX.Y or sim:
    #[argh(positional)]
    device: Vec<String>,
}

impl Args {
    fn into_config(self) -> Result<Config, Usage> {
        let mut warnings = Vec::new();
        let mut config = Config::new(self.device(&mut warnings)?);
        let mut last = |option, values| last(option, values, &mut warnings);

        if let Some(given) = last("--gpio-int", &self.gpio_int) {
            config.interrupt = Some(given.line()?);
        }
        if let Some(given) = last("--gpio-res", &self.gpio_res) {
            config.reset = Some(given.line()?);
        }
        if let Some(given) = last("--spi-mode", &self.spi_mode) {
            // At most 3, which `number` has checked.
            config.spi.mode = given.number(config::SPI_MODE)? as u8;
        }
        if let Some(given) = last("--spi-speed", &self.spi_speed) {
            config.spi.speed_hz = given.hertz(config::SPI_SPEED)?;
        }
        if let Some(given) = last("--spi-cs-delay", &self.spi_cs_delay) {
            config.spi.cs_delay = given.micros(config::SPI_CS_DELAY)?;
        }
        if let Some(given) = last("--spi-gap", &self.spi_gap) {
            config.spi.gap = given.micros(config::SPI_GAP)?;
        }
        if let Some(given) = last("--spi-align-allowance", &self.spi_align_allowance) {
            config.spi.align_allowance = given.number(config::SPI_ALIGN_ALLOWANCE)? as usize;
        }
        if let Some(given) = last("--spi-small-packet", &self.spi_small_packet) {
            config.spi.small_packet = Some(given.number(config::SPI_SMALL_PACKET)? as usize);
        }
        if let Some(given) = last("--spi-crc", &self.spi_crc) {
            config.spi.crc = given.choice()?;
        }
        if let Some(given) = last("--spi-reset-pulse", &self.spi_reset_pulse) {
            config.reset_pulse = given.millis(config::RESET_PULSE)?;
        }
        if let Some(given) = last("--spi-reset-delay", &self.spi_reset_delay) {
            config.reset_settle = given.millis(config::RESET_SETTLE)?;
        }
        if let Some(given) = last("--poll-ms", &self.poll_ms) {
            config.poll_period = given.millis(config::POLL_PERIOD)?;
        }
        if let Some(given) = last("--log", &self.log) {
            config.log = given.choice()?;
        }
        let link = last("--pty-link", &self.pty_link)
            .map(|given| given.path())
            .transpose()?;
        let mtu = last("--mtu", &self.mtu)
            .map(|given| given.number(config::MTU))
            .transpose()?;

        config.face = self.face(link, mtu, &mut warnings)?;
        config.reset_at_start_and_exit = !self.no_reset;
        config.ready_when_up = self.ready_when_up;
        for value in &self.verbose {
            config.verbosity = config.verbosity.louder(
                Given {
                    option: "--verbose",
                    value,
                }
                .steps()?,
            );
        }
        if let Device::Sim(_) = config.device {
            for (option, line) in [
                ("--gpio-int", &mut config.interrupt),
                ("--gpio-res", &mut config.reset),
            ] {
                if line.take().is_some() {
                    warnings.push(format!("{option} is ignored: sim: has its own lines"));
                }
            }
        }
        config.warnings = warnings;
        Ok(config)
    }

    /// That a word is no device says more than that there are two. A number behind the device is the
    /// node id that spinel-cli appends to the command that it is given with `-p`.
    fn device(&self, warnings: &mut Vec<String>) -> Result<Device, Usage> {
        let read = |text: &String| {
            text.parse().map_err(|error| Usage::NotADevice {
                device: text.clone(),
                error,
            })
        };
        let mut words = self.device.as_slice();
        if let [device, node_id] = words {
            if node_id.parse::<u32>().is_ok() {
                warnings.push(format!(
                    "{node_id} behind the device is ignored: spinel-cli's node id"
                ));
                words = core::slice::from_ref(device);
            }
        }
        let mut devices: Vec<Device> = words.iter().map(read).collect::<Result<_, _>>()?;
        if let [first, second, ..] = words {
            return Err(Usage::TwoDevices {
                first: first.clone(),
                second: second.clone(),
            });
        }
        devices.pop().ok_or(Usage::NoDevice)
    }

    fn face(
        &self,
        link: Option<PathBuf>,
        mtu: Option<u32>,
        warnings: &mut Vec<String>,
    ) -> Result<Face, Usage> {
        let streams = [("--stdio", self.stdio), ("--raw", self.raw)];
        let ptys = [("--pty", self.pty), ("--pty-link", link.is_some())];
        let given = |options: &[(&'static str, bool)]| {
            options
                .iter()
                .find(|(_, given)| *given)
                .map(|(option, _)| *option)
        };
        if let (Some(option), Some(other)) = (given(&streams), given(&ptys)) {
            return Err(Usage::Conflict { option, other });
        }
        if self.raw {
            return Ok(Face::Raw {
                mtu: mtu.unwrap_or(config::MTU.default) as usize,
            });
        }
        if mtu.is_some() {
            warnings.push("--mtu is ignored: it needs --raw".to_owned());
        }
        if self.stdio {
            return Ok(Face::Stdio);
        }
        Ok(Face::Pty { link })
    }
}

/// The last of an option's values.
fn last<'a>(
    option: &'static str,
    values: &'a [String],
    warnings: &mut Vec<String>,
) -> Option<Given<'a>> {
    let value = values.last()?;
    if values.len() > 1 {
        warnings.push(format!(
            "{option} is given {} times, {value} counts",
            values.len()
        ));
    }
    Some(Given { option, value })
}

/// An option and the value that was given to it.
struct Given<'a> {
    option: &'static str,
    value: &'a str,
}

impl Given<'_> {
    fn number(&self, limits: Limits) -> Result<u32, Usage> {
        let number =
            config::integer(self.value).ok_or_else(|| self.not_a_number(limits.to_string()))?;
        limits
            .check(number)
            .ok_or_else(|| self.out_of_range(limits.to_string()))
    }

    fn micros(&self, limits: Limits) -> Result<Duration, Usage> {
        Ok(Duration::from_micros(u64::from(self.number(limits)?)))
    }

    fn millis(&self, limits: Limits) -> Result<Duration, Usage> {
        Ok(Duration::from_millis(u64::from(self.number(limits)?)))
    }

    /// `1000000`, `500k`, `1.5M`, `8MHz`; upper and lower case are the same.
    fn hertz(&self, limits: Limits) -> Result<u32, Usage> {
        let text = self.value.trim().to_ascii_lowercase();
        let text = text.strip_suffix("hz").unwrap_or(&text);
        let number = match (text.strip_suffix('k'), text.strip_suffix('m')) {
            (Some(kilo), _) => config::scaled(kilo, 3).map(i128::from),
            (_, Some(mega)) => config::scaled(mega, 6).map(i128::from),
            (None, None) => config::integer(text),
        };
        let number =
            number.ok_or_else(|| self.not_a_number(format!("{limits}, or like 500k or 8M")))?;
        limits
            .check(number)
            .ok_or_else(|| self.out_of_range(limits.to_string()))
    }

    /// Of `--verbose=`, relative.
    fn steps(&self) -> Result<i32, Usage> {
        let number =
            config::integer(self.value).ok_or_else(|| self.not_a_number(STEPS.to_owned()))?;
        match i32::try_from(number) {
            Ok(steps @ -9..=9) => Ok(steps),
            _ => Err(self.out_of_range(STEPS.to_owned())),
        }
    }

    fn line(&self) -> Result<GpioLine, Usage> {
        self.value.parse().map_err(|error| Usage::NotALine {
            option: self.option,
            value: self.value.to_owned(),
            error,
        })
    }

    fn choice<T: FromStr<Err = NotAChoice>>(&self) -> Result<T, Usage> {
        self.value.parse().map_err(|error| Usage::NotAChoice {
            option: self.option,
            value: self.value.to_owned(),
            error,
        })
    }

    /// What begins with `-` is the next option, not a path.
    fn path(&self) -> Result<PathBuf, Usage> {
        if self.value.is_empty() || self.value.starts_with('-') {
            return Err(Usage::NotAPath {
                option: self.option,
                value: self.value.to_owned(),
            });
        }
        Ok(PathBuf::from(self.value))
    }

    fn not_a_number(&self, want: String) -> Usage {
        Usage::NotANumber {
            option: self.option,
            value: self.value.to_owned(),
            want,
        }
    }

    fn out_of_range(&self, want: String) -> Usage {
        Usage::OutOfRange {
            option: self.option,
            value: self.value.to_owned(),
            want,
        }
    }
}

/// Refuses control characters too, so that messages and log lines that quote an argument stay one line.
fn text(arg: OsString) -> Result<String, Usage> {
    match arg.into_string() {
        Ok(text) if !text.contains(char::is_control) => Ok(text),
        Ok(text) => Err(Usage::NotText {
            argument: text.replace(char::is_control, "\u{fffd}"),
        }),
        Err(arg) => {
            let argument = arg.to_string_lossy().replace(char::is_control, "\u{fffd}");
            Err(Usage::NotText { argument })
        }
    }
}

/// What [`normalise`] must know of an option.
struct Opt {
    /// With its dashes, as argh wants it.
    long: &'static str,
    /// Its letters, and other names without their dashes.
    aliases: &'static [&'static str],
    takes: Takes,
}

#[derive(Clone, Copy, PartialEq)]
enum Takes {
    Nothing,
    /// After `=`, or the next word.
    Value,
    /// After `=`; the next word is not taken.
    ValueOrOne,
    /// No value, and no word after it is read.
    TheEnd,
}

impl Opt {
    /// `name` without its dashes.
    fn long(name: &str) -> Option<&'static Opt> {
        let alias = |opt: &Opt| name.len() > 1 && opt.aliases.contains(&name);
        OPTIONS.iter().find(|opt| opt.name() == name || alias(opt))
    }

    fn short(letter: char) -> Option<&'static Opt> {
        let mut bytes = [0; 4];
        let letter: &str = letter.encode_utf8(&mut bytes);
        OPTIONS.iter().find(|opt| opt.aliases.contains(&letter))
    }

    fn name(&self) -> &'static str {
        self.long.trim_start_matches('-')
    }
}

fn unknown_option(name: &str) -> Usage {
    let foreign = FOREIGN.iter().find(|(foreign, _)| *foreign == name);
    let instead = foreign
        .map(|(_, instead)| (*instead).to_owned())
        .or_else(|| nearest(name));
    Usage::UnknownOption {
        option: format!("--{name}"),
        instead,
    }
}

fn unknown_letter(letter: char, cluster: &str) -> Usage {
    let name = cluster.split('=').next().unwrap_or(cluster);
    let instead = match Opt::long(name) {
        Some(opt) => Some(format!("write {} with two dashes", opt.long)),
        None if letter.is_ascii_digit() && cluster.starts_with('v') => {
            Some("write -vv or --verbose=2".to_owned())
        }
        None => None,
    };
    Usage::UnknownOption {
        option: format!("-{letter}"),
        instead,
    }
}

/// The option that `name` was probably meant to be: the beginning of one, or a third of it mistyped.
fn nearest(name: &str) -> Option<String> {
    let names = OPTIONS.iter().map(Opt::name);
    let begun = names
        .clone()
        .find(|known| name.len() > 2 && known.starts_with(name));
    let mistyped = || {
        let (distance, known) = names.map(|known| (distance(name, known), known)).min()?;
        (distance <= known.len() / 3).then_some(known)
    };
    begun
        .or_else(mistyped)
        .map(|known| format!("perhaps --{known} is meant"))
}

/// How many letters must be typed, erased or replaced to make `b` of `a` (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = core::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.chars().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[row.len() - 1]
}

const NAME: &str = "spinel-bridge";

/// Six levels, so nine steps are more than enough in either direction.
const STEPS: &str = "-9..=9";

const fn opt(long: &'static str, aliases: &'static [&'static str], takes: Takes) -> Opt {
    Opt {
        long,
        aliases,
        takes,
    }
}

/// The same options as those of [`Args`] (tested).
const OPTIONS: &[Opt] = &[
    opt("--stdio", &[], Takes::Nothing),
    opt("--pty", &[], Takes::Nothing),
    opt("--pty-link", &[], Takes::Value),
    opt("--raw", &[], Takes::Nothing),
    opt("--mtu", &[], Takes::Value),
    opt("--gpio-int", &["i"], Takes::Value),
    opt("--gpio-res", &["r", "gpio-reset"], Takes::Value),
    opt("--poll-ms", &[], Takes::Value),
    opt("--spi-speed", &[], Takes::Value),
    opt("--spi-mode", &[], Takes::Value),
    opt("--spi-cs-delay", &[], Takes::Value),
    opt("--spi-gap", &[], Takes::Value),
    opt("--spi-align-allowance", &[], Takes::Value),
    opt("--spi-small-packet", &[], Takes::Value),
    opt("--spi-crc", &[], Takes::Value),
    opt("--no-reset", &[], Takes::Nothing),
    opt("--spi-reset-pulse", &[], Takes::Value),
    opt("--spi-reset-delay", &[], Takes::Value),
    opt("--ready-when-up", &[], Takes::Nothing),
    opt("--check", &[], Takes::Nothing),
    opt("--log", &[], Takes::Value),
    opt("--verbose", &["v"], Takes::ValueOrOne),
    opt("--version", &["V"], Takes::TheEnd),
    opt("--help", &["h", "?"], Takes::TheEnd),
];

/// Options of the programs next door that people bring along, and what is meant by them here:
/// `--spi-cs` of the README of `spi-hdlc-adapter`, the others of OpenThread's posix radio URL.
const FOREIGN: &[(&str, &str)] = &[
    (
        "spi-cs",
        "the SPI controller drives chip select; the Y of /dev/spidevX.Y names it",
    ),
    ("gpio-int-dev", "write --gpio-int gpiochip0:25"),
    ("gpio-int-line", "write --gpio-int gpiochip0:25"),
    ("gpio-reset-dev", "write --gpio-res gpiochip0:24"),
    ("gpio-reset-line", "write --gpio-res gpiochip0:24"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use argh::{ArgsInfo, FlagInfoKind};

    #[test]
    fn argh_and_the_normaliser_know_the_same_options() {
        let info = Args::get_args_info();
        let mut flags: Vec<_> = info.flags.iter().collect();
        flags.sort_by_key(|flag| flag.long);
        let mut options: Vec<&Opt> = OPTIONS.iter().collect();
        options.sort_by_key(|opt| opt.long);
        assert_eq!(flags.len(), options.len());
        for (flag, opt) in flags.iter().zip(options) {
            assert_eq!(flag.long, opt.long);
            let takes_value = matches!(flag.kind, FlagInfoKind::Option { .. });
            assert_eq!(
                takes_value,
                matches!(opt.takes, Takes::Value | Takes::ValueOrOne),
                "{}",
                opt.long
            );
            if let Some(short) = flag.short {
                assert!(
                    Opt::short(short).is_some_and(|found| found.long == opt.long),
                    "{}",
                    opt.long
                );
            }
        }
    }

    #[test]
    fn the_help_text_has_every_option_of_argh() {
        let text = help();
        let words: Vec<&str> = text
            .split(|c: char| c.is_whitespace() || ",[;".contains(c))
            .collect();
        for flag in Args::get_args_info().flags {
            assert!(words.contains(&flag.long), "{}", flag.long);
            if let Some(short) = flag.short {
                assert!(words.contains(&format!("-{short}").as_str()), "-{short}");
            }
        }
        for alias in OPTIONS.iter().flat_map(|opt| opt.aliases) {
            let dashes = if alias.len() == 1 { "-" } else { "--" };
            assert!(text.contains(&format!("{dashes}{alias}")), "{alias}");
        }
    }

    #[test]
    fn distances() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", ""), 3);
        assert_eq!(distance("spi-spede", "spi-speed"), 2);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
