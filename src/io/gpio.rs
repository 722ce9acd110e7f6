//! The INT and RES lines on `/dev/gpiochipN`: finding the line that was named, and holding it.
//!
//! Finding works on plain data ([`Chip`], a snapshot taken by [`scan`]), so that it can be tried without
//! hardware; only [`InterruptLine::request`] and [`ResetLine::request`] touch a line.
//!
//! Chip numbers change between kernels, labels and line names do not: all three spellings of
//! [`GpioLine`] are taken. On Raspberry Pi OS `/dev/gpiochip4` is a symlink to `gpiochip0`, kept for old
//! programs; such a link is another name of the chip, not a second chip.
//!
//! Both lines are active low on the wire (protocol §5.1). They are requested without the kernel's
//! ACTIVE_LOW flag, so a value of 0 is a low wire, and this module translates to [`Line`].

use crate::bus::Line;
use crate::config::GpioLine;
use crate::nearest::distance;
use gpio_cdev::{EventRequestFlags, LineEventHandle, LineHandle, LineRequestFlags};
use nix::fcntl::{fcntl, FcntlArg, OFlag};
use std::error::Error as _;
use std::fmt;
use std::fs;
use std::io::{self, Read};
use std::mem::size_of;
use std::os::fd::{AsRawFd, RawFd};
use std::path::{Path, PathBuf};

/// What is known of a GPIO chip.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chip {
    /// The character device, `/dev/gpiochip0`.
    pub path: PathBuf,
    /// Symlinks to it in `/dev`.
    pub aliases: Vec<PathBuf>,
    /// The kernel's name, `gpiochip0`.
    pub name: String,
    /// The driver's label, `pinctrl-bcm2711`; may be empty, may be shared by several chips.
    pub label: String,
    /// The name of each line by offset; many have none.
    pub lines: Vec<Option<String>>,
}

/// All GPIO chips of this machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chips {
    /// Those that could be read, in the order of their numbers.
    pub chips: Vec<Chip>,
    /// Those that we may not open.
    pub denied: Vec<PathBuf>,
    /// The kernel was built without version 1 of the interface, which gpio-cdev needs.
    pub lacks_v1: bool,
}

/// A line that was found: which chip, which offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The character device of the chip.
    pub path: PathBuf,
    /// The offset on the chip.
    pub offset: u32,
    /// The name of the line, where it has one.
    pub name: Option<String>,
}

/// Why a line cannot be had. Every message is one line and says what to do.
#[derive(Debug)]
pub enum LineError {
    /// `/dev` has no `gpiochip*`.
    NoChips,
    /// There are chips, but the kernel does not speak version 1 of the interface.
    NoV1,
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

/// The INT line: an input that reports falling edges.
#[derive(Debug)]
pub struct InterruptLine {
    handle: LineEventHandle,
}

impl InterruptLine {
    /// Finds the line and requests it as an input with falling-edge events, not blocking.
    ///
    /// # Errors
    /// [`LineError`].
    pub fn request(wanted: &GpioLine) -> Result<InterruptLine, LineError> {
        let (line, location) = find(wanted)?;
        let handle = line
            .events(
                LineRequestFlags::INPUT,
                EventRequestFlags::FALLING_EDGE,
                "spinel-bridge INT",
            )
            .map_err(|error| match os_error(&error) {
                cause if is_one_of(&cause, &NO_EDGES) => LineError::NoEdges {
                    line: location.clone(),
                    cause,
                },
                cause => explain_request(&line, location.clone(), cause),
            })?;
        // The kernel's event descriptor blocks, and so does gpio-cdev's get_event().
        set_nonblocking(handle.file()).map_err(|cause| LineError::Failed {
            doing: "set O_NONBLOCK on",
            what: location.to_string(),
            cause,
        })?;
        Ok(InterruptLine { handle })
    }

    /// The level of the line.
    ///
    /// # Errors
    /// What the driver reported.
    pub fn level(&self) -> io::Result<Line> {
        match self.handle.get_value() {
            Ok(0) => Ok(Line::Active),
            Ok(_) => Ok(Line::Inactive),
            Err(error) => Err(os_error(&error)),
        }
    }

    /// Takes the events that wait: true if there was a falling edge.
    ///
    /// # Errors
    /// What the driver reported.
    pub fn take_edge(&self) -> io::Result<bool> {
        drain_events(self.handle.file())
    }

    /// The descriptor that becomes readable with an edge.
    pub fn fd(&self) -> RawFd {
        self.handle.as_raw_fd()
    }
}

/// The RES line: an output, released when it is requested.
#[derive(Debug)]
pub struct ResetLine {
    handle: LineHandle,
}

impl ResetLine {
    /// Finds the line and requests it as an output that is high, which is [`Line::Inactive`].
    ///
    /// When the line is dropped the kernel makes no promise about its level; most drivers leave it.
    ///
    /// # Errors
    /// [`LineError`].
    pub fn request(wanted: &GpioLine) -> Result<ResetLine, LineError> {
        let (line, location) = find(wanted)?;
        let handle = line
            .request(LineRequestFlags::OUTPUT, HIGH, "spinel-bridge RES")
            .map_err(|error| explain_request(&line, location, os_error(&error)))?;
        Ok(ResetLine { handle })
    }

    /// Drives the line.
    ///
    /// # Errors
    /// What the driver reported.
    pub fn set(&self, line: Line) -> io::Result<()> {
        let value = match line {
            Line::Active => LOW,
            Line::Inactive => HIGH,
        };
        self.handle
            .set_value(value)
            .map_err(|error| os_error(&error))
    }
}

/// Finds the line and asks the kernel who holds it; `None`: nobody. A holder without a name is "?".
///
/// # Errors
/// [`LineError`].
pub fn holder(wanted: &GpioLine) -> Result<(Location, Option<String>), LineError> {
    let (line, location) = find(wanted)?;
    let info = line.info().map_err(|error| LineError::Failed {
        doing: "ask about",
        what: location.to_string(),
        cause: os_error(&error),
    })?;
    // A line that was requested has a consumer. The flag "used" says less: a line that serves as an
    // interrupt, or whose pin is muxed, has it too, and can be had all the same.
    let holder = info.consumer().map(str::to_owned);
    Ok((location, holder))
}

/// Takes a snapshot of all chips and the names of their lines.
///
/// # Errors
/// Only if `/dev` cannot be listed; a chip that cannot be opened is noted in [`Chips::denied`].
pub fn scan() -> Result<Chips, LineError> {
    scan_directory(Path::new("/dev"))
}

/// Finds the one line that `wanted` means.
///
/// A chip is looked for by path, then by name, then by label. A path must be in its canonical form.
///
/// # Errors
/// No such chip or line, or several.
pub fn resolve(all: &Chips, wanted: &GpioLine) -> Result<Location, LineError> {
    match wanted {
        GpioLine::Offset { chip, offset } => resolve_offset(all, chip, *offset),
        GpioLine::Name(name) => resolve_name(all, name),
    }
}

fn resolve_offset(all: &Chips, wanted: &str, offset: u32) -> Result<Location, LineError> {
    let chip = resolve_chip(all, wanted)?;
    let index = usize::try_from(offset).unwrap_or(usize::MAX);
    let name = chip
        .lines
        .get(index)
        .ok_or_else(|| LineError::NoSuchOffset {
            chip: describe(chip),
            offset,
            count: chip.lines.len(),
        })?;
    Ok(Location {
        path: chip.path.clone(),
        offset,
        name: name.clone(),
    })
}

fn resolve_chip<'a>(all: &'a Chips, wanted: &str) -> Result<&'a Chip, LineError> {
    let path = Path::new("/dev").join(wanted);
    if let Some(chip) = all
        .chips
        .iter()
        .find(|chip| chip.name == wanted || chip.path == path || chip.aliases.contains(&path))
    {
        return Ok(chip);
    }
    if all.denied.contains(&path) {
        return Err(LineError::Denied { path });
    }
    let labelled: Vec<&Chip> = all
        .chips
        .iter()
        .filter(|chip| chip.label == wanted)
        .collect();
    match labelled[..] {
        [chip] => Ok(chip),
        [] if all.chips.is_empty() && all.denied.is_empty() => Err(LineError::NoChips),
        [] => Err(LineError::NoSuchChip {
            wanted: wanted.to_owned(),
            chips: describe_all(all.chips.iter()),
            denied: all.denied.clone(),
        }),
        _ => Err(LineError::SeveralChips {
            wanted: wanted.to_owned(),
            chips: describe_all(labelled.into_iter()),
        }),
    }
}

fn resolve_name(all: &Chips, wanted: &str) -> Result<Location, LineError> {
    let found: Vec<(&Chip, u32)> = named_lines(all)
        .filter(|(_, _, name)| *name == wanted)
        .map(|(chip, offset, _)| (chip, offset))
        .collect();
    match found[..] {
        [(chip, offset)] => Ok(Location {
            path: chip.path.clone(),
            offset,
            name: Some(wanted.to_owned()),
        }),
        [] if all.chips.is_empty() && all.denied.is_empty() => Err(LineError::NoChips),
        [] => Err(LineError::NoSuchName {
            wanted: wanted.to_owned(),
            near: near_names(all, wanted),
            chips: describe_all(all.chips.iter()),
            denied: all.denied.clone(),
        }),
        _ => Err(LineError::SeveralLines {
            wanted: wanted.to_owned(),
            lines: join(
                found
                    .iter()
                    .map(|(chip, offset)| format!("{}:{offset}", chip.name)),
            ),
        }),
    }
}

/// All lines that have a name, as (chip, offset, name).
fn named_lines(all: &Chips) -> impl Iterator<Item = (&Chip, u32, &str)> {
    all.chips.iter().flat_map(|chip| {
        (0u32..)
            .zip(&chip.lines)
            .filter_map(move |(offset, name)| Some((chip, offset, name.as_deref()?)))
    })
}

/// Up to [`NEAR_NAMES`] line names that somebody who typed `wanted` may have meant, nearest first.
fn near_names(all: &Chips, wanted: &str) -> Vec<String> {
    let wanted = fold(wanted);
    let mut near: Vec<(usize, &str)> = named_lines(all)
        .map(|(_, _, name)| (distance(&fold(name), &wanted), name))
        .filter(|(distance, _)| *distance <= NEAR_DISTANCE)
        .collect();
    near.sort_unstable();
    near.dedup();
    near.truncate(NEAR_NAMES);
    near.into_iter().map(|(_, name)| name.to_owned()).collect()
}

/// `GPIO_25`, `gpio25` and `GPIO25` look the same to the one who types.
fn fold(name: &str) -> String {
    name.chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|letter| letter.to_ascii_lowercase())
        .collect()
}

fn describe(chip: &Chip) -> String {
    if chip.label.is_empty() {
        return chip.name.clone();
    }
    format!("{} [{}]", chip.name, chip.label)
}

fn describe_all<'a>(chips: impl Iterator<Item = &'a Chip>) -> String {
    join(chips.map(|chip| format!("{} ({} lines)", describe(chip), chip.lines.len())))
}

fn join(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}

/// Finds the line on this machine.
fn find(wanted: &GpioLine) -> Result<(gpio_cdev::Line, Location), LineError> {
    let all = scan()?;
    if all.lacks_v1 {
        return Err(LineError::NoV1);
    }
    let location = resolve(&all, &canonical(wanted))?;
    let failed = |cause| LineError::Failed {
        doing: "open",
        what: location.to_string(),
        cause,
    };
    let line = gpio_cdev::Chip::new(&location.path)
        .and_then(|mut chip| chip.get_line(location.offset))
        .map_err(|error| failed(os_error(&error)))?;
    Ok((line, location))
}

/// Follows a path of the chip (udev rules make symlinks), so that it can be compared.
fn canonical(wanted: &GpioLine) -> GpioLine {
    match wanted {
        GpioLine::Offset { chip, offset } if chip.contains('/') => GpioLine::Offset {
            chip: match fs::canonicalize(chip) {
                Ok(path) => path.to_string_lossy().into_owned(),
                Err(_) => chip.clone(),
            },
            offset: *offset,
        },
        other => other.clone(),
    }
}

fn scan_directory(directory: &Path) -> Result<Chips, LineError> {
    let listing = fs::read_dir(directory).map_err(|cause| LineError::Failed {
        doing: "list",
        what: directory.display().to_string(),
        cause,
    })?;
    let mut paths: Vec<PathBuf> = listing
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| is_chip_name(path))
        .collect();
    // By number: gpiochip2 comes before gpiochip10.
    paths.sort_unstable_by_key(|path| (path.as_os_str().len(), path.clone()));

    let (links, nodes): (Vec<_>, Vec<_>) = paths.into_iter().partition(|path| path.is_symlink());
    let mut all = Chips::default();
    for path in nodes {
        match look_into(&path) {
            Ok(chip) => all.chips.push(chip),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => all.denied.push(path),
            // Opening it and asking for its name worked, as they are the same in both versions.
            Err(error) if is_one_of(&error, &[nix::errno::Errno::EINVAL as i32]) => {
                all.lacks_v1 = true;
            }
            // Not a GPIO chip whatever its name says, or one that just went away.
            Err(error) => log::debug!("{}: {error}", path.display()),
        }
    }
    for link in links {
        let target = fs::canonicalize(&link).unwrap_or_default();
        if let Some(chip) = all.chips.iter_mut().find(|chip| chip.path == target) {
            chip.aliases.push(link);
        }
    }
    Ok(all)
}

fn is_chip_name(path: &Path) -> bool {
    path.file_name()
        .and_then(|name| name.to_str())
        .is_some_and(|name| name.starts_with("gpiochip"))
}

fn look_into(path: &Path) -> io::Result<Chip> {
    let mut chip = gpio_cdev::Chip::new(path).map_err(|error| os_error(&error))?;
    let count = chip.num_lines();
    let name = |offset| match chip.get_line(offset).and_then(|line| line.info()) {
        Ok(info) => Ok(info.name().map(str::to_owned)),
        Err(error) => Err(os_error(&error)),
    };
    let lines = (0..count).map(name).collect::<io::Result<_>>()?;
    Ok(Chip {
        path: path.to_owned(),
        aliases: Vec::new(),
        name: chip.name().to_owned(),
        label: chip.label().to_owned(),
        lines,
    })
}

fn explain_request(line: &gpio_cdev::Line, location: Location, cause: io::Error) -> LineError {
    match cause.raw_os_error() {
        Some(code) if code == nix::errno::Errno::EBUSY as i32 => LineError::Busy {
            line: location,
            consumer: line
                .info()
                .ok()
                .and_then(|info| Some(info.consumer()?.to_owned())),
        },
        _ => LineError::Failed {
            doing: "request",
            what: location.to_string(),
            cause,
        },
    }
}

/// The error of the system call behind an error of gpio-cdev.
///
/// gpio-cdev 0.6 keeps the kind private and the cause is an `Errno` of its own version of nix, which
/// cannot be named here. The thread's errno still holds the code: gpio-cdev makes no further call after
/// a failed open or ioctl but for the close of the descriptor, which leaves errno alone when it succeeds.
/// Its text is not used either: the name of every errno and a sentence for it would come along (20 kB).
fn os_error(error: &gpio_cdev::Error) -> io::Error {
    let last = io::Error::last_os_error();
    match error.source().is_some() {
        true => last,
        false => io::Error::new(io::ErrorKind::InvalidInput, "the chip has no such line"),
    }
}

fn is_one_of(error: &io::Error, codes: &[i32]) -> bool {
    error.raw_os_error().is_some_and(|c| codes.contains(&c))
}

fn set_nonblocking(file: &fs::File) -> io::Result<()> {
    let flags = OFlag::from_bits_retain(fcntl(file, FcntlArg::F_GETFL)?);
    fcntl(file, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
    Ok(())
}

/// Reads line events until none is left: true if one was a falling edge.
fn drain_events(mut file: impl Read) -> io::Result<bool> {
    let mut buffer = [0; EVENT_SIZE * EVENT_FIFO];
    let mut falling = false;
    for _ in 0..MAX_READS {
        let length = match file.read(&mut buffer) {
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        falling |= buffer[..length]
            .chunks_exact(EVENT_SIZE)
            .any(is_falling_edge);
        if length < buffer.len() {
            break;
        }
    }
    Ok(falling)
}

fn is_falling_edge(event: &[u8]) -> bool {
    event.get(EVENT_ID_OFFSET..EVENT_ID_OFFSET + 4) == Some(&FALLING_EDGE.to_ne_bytes())
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.path.display(), self.offset)?;
        match &self.name {
            Some(name) => write!(f, " ({name})"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LineError::NoChips => write!(
                f,
                "no /dev/gpiochip* here: the kernel needs CONFIG_GPIO_CDEV and the driver of the GPIO \
                 controller"
            ),
            LineError::NoV1 => write!(
                f,
                "the kernel lacks version 1 of the GPIO interface: build it with CONFIG_GPIO_CDEV_V1=y"
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

/// struct gpioevent_data of `linux/gpio.h`. It is 16 octets long but for 32-bit x86, where it is 12.
#[repr(C)]
struct EventData {
    timestamp: u64,
    id: u32,
}

const EVENT_SIZE: usize = size_of::<EventData>();
/// `id` follows `timestamp`.
const EVENT_ID_OFFSET: usize = size_of::<u64>();
/// GPIOEVENT_EVENT_FALLING_EDGE of `linux/gpio.h`.
const FALLING_EDGE: u32 = 0x02;
/// The kernel keeps 16 events for a line (`DECLARE_KFIFO(events, …, 16)` in gpiolib-cdev.c).
const EVENT_FIFO: usize = 16;
/// A line that chatters faster than we read must not hold the turn: edges only wake.
const MAX_READS: usize = 4;

const LOW: u8 = 0;
const HIGH: u8 = 1;

/// What a request for edges gets that cannot be reported: ENODEV where the line has no interrupt
/// (`lineevent_create()` in gpiolib-cdev.c), the others from drivers that cannot do falling edges.
/// 524 is the kernel's ENOTSUPP, which leaks out of some of them.
const NO_EDGES: [i32; 5] = [
    nix::errno::Errno::ENODEV as i32,
    nix::errno::Errno::ENXIO as i32,
    nix::errno::Errno::EINVAL as i32,
    nix::errno::Errno::EOPNOTSUPP as i32,
    524,
];

/// How many names a message can hold and still be read.
const NEAR_NAMES: usize = 6;
/// One wrong and one missing letter.
const NEAR_DISTANCE: usize = 2;

#[cfg(test)]
mod tests;
