//! The command line: what `spi-hdlc-adapter` takes, spelled as its users spell it, and our own options.
//!
//! [`parse`] goes in three steps: [`normalise`] brings every spelling that getopt_long knows
//! (`--opt=value`, `-iX`, `-vv`, `--verbose=2`) into the one that argh knows (`--opt value`); argh sorts
//! the words into its structure; each word is then read into units and ranges, which makes a [`Config`].
//!
//! As with getopt, options and the device come in any order, a value may begin with `-`, the last of
//! an option given twice counts (with a warning), and `--` ends the options. An option may *not* be
//! abbreviated, and an unknown one is an error.

mod help;
mod usage;
mod words;

pub use help::help;
pub use usage::Usage;
pub use words::normalise;

use crate::config::{self, Config, Device, Face, GpioLine, Limits, NotAChoice};
use argh::FromArgs;
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

const NAME: &str = "spinel-bridge";

/// Six levels, so nine steps are more than enough in either direction.
const STEPS: &str = "-9..=9";

#[cfg(test)]
mod tests {
    use super::words::{Opt, Takes, OPTIONS};
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
}
