//! Why a line cannot be had, and what to do.

use super::{join, Location};
use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why a line cannot be had. Every message is one line and says what to do.
#[derive(Debug)]
pub enum LineError {
    /// `/dev` has no `gpiochip*`.
    NoChips,
    /// There are chips, but neither version of the interface answers.
    NoInterface,
    /// The chip exists, but we may not open it.
    Denied {
        /// The character device.
        path: PathBuf,
    },
    /// No chip has that name, path or label.
    NoSuchChip {
        /// What was asked for.
        wanted: String,
        /// What there is.
        chips: String,
        /// Chips that we could not look into.
        denied: Vec<PathBuf>,
    },
    /// Several chips have that label.
    SeveralChips {
        /// What was asked for.
        wanted: String,
        /// Those that match.
        chips: String,
    },
    /// The chip has fewer lines.
    NoSuchOffset {
        /// The chip.
        chip: String,
        /// What was asked for.
        offset: u32,
        /// How many lines the chip has.
        count: usize,
    },
    /// No line has that name.
    NoSuchName {
        /// What was asked for.
        wanted: String,
        /// Names that resemble it.
        near: Vec<String>,
        /// Which chips were searched.
        chips: String,
        /// Chips that we could not look into.
        denied: Vec<PathBuf>,
    },
    /// Several lines have that name.
    SeveralLines {
        /// What was asked for.
        wanted: String,
        /// Those that match, as `chip:offset`.
        lines: String,
    },
    /// Somebody else holds the line.
    Busy {
        /// The line.
        line: Location,
        /// Who holds it, as the kernel knows it.
        consumer: Option<String>,
    },
    /// The line cannot report edges.
    NoEdges {
        /// The line.
        line: Location,
        /// What the driver reported.
        cause: io::Error,
    },
    /// The line cannot be debounced: version 1 of the interface knows nothing of it.
    NoDebounce {
        /// The line.
        line: Location,
    },
    /// Anything else.
    Failed {
        /// What was being done, "open", "request".
        doing: &'static str,
        /// To which chip or line.
        what: String,
        /// What the driver reported.
        cause: io::Error,
    },
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LineError::NoChips => write!(
                f,
                "no /dev/gpiochip* here: the kernel needs CONFIG_GPIO_CDEV and the driver of the GPIO \
                 controller"
            ),
            LineError::NoInterface => write!(
                f,
                "the kernel refuses both versions of the GPIO interface: give the bridge the ioctls of \
                 /dev/gpiochip*, which a seccomp filter may keep from it"
            ),
            LineError::Denied { path } => write!(
                f,
                "{}: permission denied: join the group that owns it (on Raspberry Pi OS: sudo usermod \
                 -aG gpio $USER) or install the udev rules",
                path.display()
            ),
            LineError::NoSuchChip {
                wanted,
                chips,
                denied,
            } => {
                write!(f, "no GPIO chip has the name or label \"{wanted}\"")?;
                write_chips(f, chips)?;
                write_denied(f, denied)
            }
            LineError::SeveralChips { wanted, chips } => write!(
                f,
                "several GPIO chips have the label \"{wanted}\": {chips}; give the name instead"
            ),
            LineError::NoSuchOffset {
                chip,
                offset,
                count: 0,
            } => write!(f, "{chip} has no lines, so none with offset {offset}"),
            LineError::NoSuchOffset {
                chip,
                offset,
                count,
            } => write!(
                f,
                "{chip} has no line {offset}: its offsets are 0 to {}",
                count - 1
            ),
            LineError::NoSuchName {
                wanted,
                near,
                chips,
                denied,
            } => {
                write!(f, "no GPIO line has the name \"{wanted}\"")?;
                if !near.is_empty() {
                    write!(f, "; did you mean {}?", near.join(", "))?;
                }
                write_chips(f, chips)?;
                write!(f, "; chip:offset works without names")?;
                write_denied(f, denied)
            }
            LineError::SeveralLines { wanted, lines } => write!(
                f,
                "several GPIO lines have the name \"{wanted}\": {lines}; give one of these instead"
            ),
            LineError::Busy { line, consumer } => write!(
                f,
                "{line} is in use by \"{}\": stop that program, or disable the kernel driver or device \
                 tree overlay that holds the line",
                consumer.as_deref().unwrap_or("unknown")
            ),
            LineError::NoEdges { line, cause } => write!(
                f,
                "{line} cannot report edges ({cause}): use a line with an interrupt, or leave out \
                 --gpio-int to poll"
            ),
            LineError::NoDebounce { line } => write!(
                f,
                "{line}: this kernel cannot debounce a line, Linux 5.10 or later can: leave out debounce"
            ),
            LineError::Failed { doing, what, cause } => write!(f, "cannot {doing} {what}: {cause}"),
        }
    }
}

impl std::error::Error for LineError {}

fn write_chips(f: &mut fmt::Formatter<'_>, chips: &str) -> fmt::Result {
    match chips {
        "" => Ok(()),
        chips => write!(f, "; there are {chips}"),
    }
}

fn write_denied(f: &mut fmt::Formatter<'_>, denied: &[PathBuf]) -> fmt::Result {
    if denied.is_empty() {
        return Ok(());
    }
    let paths = join(denied.iter().map(|path| path.display().to_string()));
    write!(
        f,
        "; not searched, permission denied (join the group gpio): {paths}"
    )
}
