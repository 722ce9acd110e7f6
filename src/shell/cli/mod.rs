//! The command line: what `spi-hdlc-adapter` takes, spelled as its users spell it, and our own options.
//!
//! [`parse`] goes in steps: [`normalise`] brings every spelling that getopt_long knows
//! (`--opt=value`, `-iX`, `-vv`, `--verbose=2`) into the one that argh knows (`--opt value`); the words of
//! the configuration file ([`parse_with`]) join those of the command line; argh sorts the words into its
//! structure; each word is then read into units and ranges, which makes a [`Config`].
//!
//! As with getopt, options and the device come in any order, a value may begin with `-`, the last of
//! an option given twice counts (with a warning), and `--` ends the options. An option may *not* be
//! abbreviated, and an unknown one is an error.

mod file;
mod given;
mod help;
mod host;
mod usage;
mod words;

pub use help::help;
pub use usage::Usage;
pub use words::normalise;

use crate::config::{self, Config, Device, Face};
use argh::FromArgs;
use given::{last, Given};
use std::ffi::OsString;
use std::io;
use std::path::Path;
use words::{Kind, Split};

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
///
/// # Errors
/// [`Usage`]; its message names the option, the value and what to write.
pub fn parse<I>(args: I) -> Result<Command, Usage>
where
    I: IntoIterator,
    I::Item: Into<OsString>,
{
    parse_with(args, &|_| Err(io::ErrorKind::NotFound.into()))
}

/// Like [`parse`], and takes what the command line does not say from a configuration file
/// ([`settings_file`](crate::settings_file)), which `read` reads.
///
/// It is the one that `--config` names. Without that it is [`SETTINGS`], if that exists, and only with
/// `--tun` or without a device: a command line that is complete in itself does not change its meaning
/// because of a file.
///
/// # Errors
/// As [`parse`], and for a line of the file with its name and number.
pub fn parse_with<I>(args: I, read: &dyn Fn(&Path) -> io::Result<String>) -> Result<Command, Usage>
where
    I: IntoIterator,
    I::Item: Into<OsString>,
{
    let args: Vec<String> = args
        .into_iter()
        .map(|arg| text(arg.into()))
        .collect::<Result<_, _>>()?;
    let mut split = Split::of(&args)?;
    let warnings = file::add(&mut split, read)?;
    match command_of(split) {
        Ok(Command::Run(mut config)) => {
            config.warnings.splice(..0, warnings);
            Ok(Command::Run(config))
        }
        Ok(Command::Check(mut config)) => {
            config.warnings.splice(..0, warnings);
            Ok(Command::Check(config))
        }
        Ok(command) => Ok(command),
        Err(error) => Err(error.after(warnings)),
    }
}

fn command_of(split: Split) -> Result<Command, Usage> {
    if let Some(option) = split.first(Kind::Host).filter(|_| !split.has("--tun")) {
        let what = option.long.to_owned();
        return Err(Usage::NeedsTun { what });
    }
    let args = match Args::of(split) {
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
    Ok(command(Box::new(args.into_config()?)))
}

/// The configuration file that is read if it exists.
pub const SETTINGS: &str = "/etc/spinel-bridge.conf";

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
    #[argh(option)]
    no_reset: Vec<String>,
    /// READY only after the co-processor's answer
    #[argh(option)]
    ready_when_up: Vec<String>,
    /// once everything is open
    #[argh(option)]
    sandbox: Vec<String>,
    /// name of the interface
    #[argh(option)]
    tun: Vec<String>,
    /// path of the socket
    #[argh(option)]
    control: Vec<String>,
    /// of the socket
    #[argh(option)]
    control_group: Vec<String>,
    /// for the socket's group
    #[argh(option)]
    control_raw: Vec<String>,
    /// once everything is open
    #[argh(option)]
    user: Vec<String>,
    /// once everything is open
    #[argh(option)]
    chroot: Vec<String>,
    /// attach to the stored network
    #[argh(option)]
    auto_resume: Vec<String>,
    /// command
    #[argh(option)]
    firmware_check: Vec<String>,
    /// command
    #[argh(option)]
    firmware_upgrade: Vec<String>,
    /// without being asked to
    #[argh(option)]
    auto_upgrade: Vec<String>,
    /// file
    #[argh(option)]
    retain: Vec<String>,
    /// command
    #[argh(option)]
    retain_command: Vec<String>,
    /// after each reset
    #[argh(option)]
    set: Vec<String>,
    /// passes while devices may join
    #[argh(option)]
    commissioning_port: Vec<String>,
    /// of several interfaces
    #[argh(option)]
    iid: Vec<String>,
    /// form no addresses
    #[argh(option)]
    no_slaac: Vec<String>,
    /// those of addresses on the interface
    #[argh(option)]
    publish_prefixes: Vec<String>,
    /// those that were added to the interface
    #[argh(option)]
    skip_link_local: Vec<String>,
    /// on the interface
    #[argh(option)]
    show_rloc: Vec<String>,
    /// in the kernel
    #[argh(option)]
    no_routes: Vec<String>,
    /// before that of the host
    #[argh(option)]
    default_route: Vec<String>,
    /// path of the configuration file
    #[argh(option)]
    config: Vec<String>,
    /// the hardware, and run no bridge
    #[argh(switch)]
    check: bool,
    /// where to
    #[argh(option)]
    log: Vec<String>,
    /// in hex, too
    #[argh(option)]
    log_keys: Vec<String>,
    /// a capture of all frames
    #[argh(option)]
    tap: Vec<String>,
    /// in MiB
    #[argh(option)]
    tap_size: Vec<String>,
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
    fn of(split: Split) -> Result<Args, argh::EarlyExit> {
        let words = split.into_words();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        Args::from_args(&[NAME], &words)
    }

    fn into_config(self) -> Result<Config, Usage> {
        let mut warnings = Vec::new();
        match self.read(&mut warnings) {
            Ok(config) => Ok(Config { warnings, ..config }),
            Err(error) => Err(error.after(warnings)),
        }
    }

    fn read(self, warnings: &mut Vec<String>) -> Result<Config, Usage> {
        let mut config = Config::new(self.device(warnings)?);
        self.bus(&mut config, warnings)?;
        self.process(&mut config, warnings)?;
        config.face = self.face(warnings)?;
        // Without it, whoever asks for --tun is told that it was left out, whatever else was said.
        if cfg!(feature = "host") {
            config.host = self.host(warnings)?;
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
        Ok(config)
    }

    /// The lines and the SPI bus.
    fn bus(&self, config: &mut Config, warnings: &mut Vec<String>) -> Result<(), Usage> {
        let mut last = |option, values| last(option, values, warnings);
        if let Some(given) = last("--gpio-int", &self.gpio_int) {
            config.interrupt = Some(given.line()?);
        }
        if let Some(given) = last("--gpio-res", &self.gpio_res) {
            config.reset = Some(given.output_line()?);
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
        if let Some(given) = last("--no-reset", &self.no_reset) {
            config.reset_at_start_and_exit = !given.toggle()?;
        }
        if let Some(given) = last("--poll-ms", &self.poll_ms) {
            config.poll_period = given.millis(config::POLL_PERIOD)?;
        }
        Ok(())
    }

    /// The log, the service manager and the confinement.
    fn process(&self, config: &mut Config, warnings: &mut Vec<String>) -> Result<(), Usage> {
        let mut last = |option, values| last(option, values, warnings);
        if let Some(given) = last("--log", &self.log) {
            config.log = given.choice()?;
        }
        if let Some(given) = last("--log-keys", &self.log_keys) {
            config.log_keys = given.toggle()?;
        }
        let tap = last("--tap", &self.tap).map(|given| given.path());
        let size = last("--tap-size", &self.tap_size).map(|given| given.number(config::TAP_SIZE));
        let size = size.transpose()?;
        match tap.transpose()? {
            Some(path) => {
                let size_mib = size.unwrap_or(config::TAP_SIZE.default);
                config.tap = Some(config::Tap { path, size_mib });
            }
            None if size.is_some() => {
                warnings.push("--tap-size has no effect without --tap".to_owned());
            }
            None => {}
        }
        let mut last = |option, values| given::last(option, values, warnings);
        if let Some(given) = last("--ready-when-up", &self.ready_when_up) {
            config.ready_when_up = given.toggle()?;
        }
        if let Some(given) = last("--sandbox", &self.sandbox) {
            config.sandbox = given.toggle()?;
        }
        // Read by [`file::add`].
        last("--config", &self.config);
        for value in &self.verbose {
            let option = "--verbose";
            let steps = Given { option, value }.steps()?;
            config.verbosity = config.verbosity.louder(steps);
        }
        Ok(())
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

    fn face(&self, warnings: &mut Vec<String>) -> Result<Face, Usage> {
        let mut last = |option, values| last(option, values, warnings);
        let link = last("--pty-link", &self.pty_link)
            .map(|given| given.path())
            .transpose()?;
        let mtu = last("--mtu", &self.mtu)
            .map(|given| given.number(config::MTU))
            .transpose()?;
        let interface = last("--tun", &self.tun)
            .map(|given| given.interface())
            .transpose()?;
        let streams = [("--stdio", self.stdio), ("--raw", self.raw)];
        let ptys = [("--pty", self.pty), ("--pty-link", link.is_some())];
        let clients = [streams[0], streams[1], ptys[0], ptys[1]];
        let given = |options: &[(&'static str, bool)]| {
            options
                .iter()
                .find(|(_, given)| *given)
                .map(|(option, _)| *option)
        };
        if let (Some(option), Some(other)) = (given(&streams), given(&ptys)) {
            return Err(Usage::Conflict { option, other });
        }
        if let (Some(name), other) = (interface, given(&clients)) {
            return match other {
                Some(option) => Err(Usage::TwoFaces { option }),
                None => Ok(Face::Tun { name }),
            };
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
                !matches!(opt.takes, Takes::Nothing | Takes::TheEnd),
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
