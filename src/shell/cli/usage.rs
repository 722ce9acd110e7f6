//! Why a command line is refused.

use crate::config::{DeviceError, GpioLineError, NotAChoice};
use core::fmt;
use std::path::PathBuf;

/// Why a command line is refused: one line each, naming the option, its value and what to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Usage {
    /// An error, and what had been warned of before it: often the cause.
    After {
        /// One line each, in their order.
        warnings: Vec<String>,
        /// What ended it.
        error: Box<Usage>,
    },
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
    /// A value that is wrong in its own way.
    Wrong {
        /// The option.
        option: &'static str,
        /// Its value.
        value: String,
        /// What is wrong with it, and what to write.
        error: String,
    },
    /// `--tun`, and an option that asks for another face.
    TwoFaces {
        /// That option.
        option: &'static str,
    },
    /// An option that only the host driver can use.
    NeedsTun {
        /// The option.
        what: String,
    },
    /// Two places where the network's credentials are kept.
    TwoRetains,
    /// The configuration file cannot be read.
    NoFile {
        /// Its path.
        path: PathBuf,
        /// What the system reported.
        error: String,
    },
    /// A line of the configuration file is wrong.
    InFile {
        /// The file's path.
        path: PathBuf,
        /// Counted from 1; 0: the file as a whole.
        line: usize,
        /// What is wrong.
        error: String,
    },
    /// argh refused what [`super::normalise`] let through, which means that the two know different options.
    Argh(String),
}

impl Usage {
    /// What had been warned of before it, one line each.
    pub fn warnings(&self) -> &[String] {
        match self {
            Usage::After { warnings, .. } => warnings,
            _ => &[],
        }
    }

    pub(super) fn after(self, warnings: Vec<String>) -> Usage {
        match self {
            _ if warnings.is_empty() => self,
            Usage::After {
                warnings: later,
                error,
            } => Usage::After {
                warnings: [warnings, later].concat(),
                error,
            },
            _ => Usage::After {
                warnings,
                error: Box::new(self),
            },
        }
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Usage::After { error, .. } => error.fmt(f),
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
            Usage::Wrong { option, value, error } => write!(f, "{option} {value}: {error}"),
            Usage::TwoFaces { option } => write!(
                f,
                "--tun does not go with {option}: the host driver talks to the co-processor itself; remove one"
            ),
            Usage::NeedsTun { what } => write!(f, "{what} is for the host driver; add --tun"),
            Usage::TwoRetains => {
                f.write_str("--retain does not go with --retain-command: keep the credentials in one place")
            }
            Usage::NoFile { path, error } => write!(
                f,
                "cannot read the configuration file {}: {error}; see --config",
                path.display()
            ),
            Usage::InFile { path, line: 0, error } => write!(f, "{}: {error}", path.display()),
            Usage::InFile { path, line, error } => write!(f, "{}:{line}: {error}", path.display()),
            Usage::Argh(text) => f.write_str(&text.trim().replace('\n', " ")),
        }
    }
}

impl std::error::Error for Usage {}
