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

mod error;
mod kernel;

pub use self::error::LineError;

use self::kernel::{OpenChip, Version};
use crate::bus::Line;
use crate::config::{GpioLine, GpioWire};
use crate::nearest::distance;
use nix::errno::Errno;
use std::fmt;
use std::fs;
use std::io;
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
    /// There is one that answers to neither version of the interface.
    pub refused: bool,
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

/// The INT line: an input that reports falling edges.
#[derive(Debug)]
pub struct InterruptLine(kernel::Requested);

impl InterruptLine {
    /// Finds the line and requests it as an input with falling-edge events, not blocking.
    ///
    /// # Errors
    /// [`LineError`].
    pub fn request(wanted: &GpioWire) -> Result<InterruptLine, LineError> {
        let (chip, location) = find(&wanted.line)?;
        if wanted.debounce_us > 0 && chip.version() == Version::V1 {
            return Err(LineError::NoDebounce { line: location });
        }
        match chip.input(location.offset, wanted, "spinel-bridge INT") {
            Ok(line) => Ok(InterruptLine(line)),
            Err(cause) if wanted.bias.is_none() && is_one_of(&cause, &NO_EDGES) => {
                Err(LineError::NoEdges {
                    line: location,
                    cause,
                })
            }
            Err(cause) => Err(explain_request(&chip, location, cause)),
        }
    }

    /// The level of the line.
    ///
    /// # Errors
    /// What the driver reported.
    pub fn level(&self) -> io::Result<Line> {
        Ok(match self.0.is_high()? {
            false => Line::Active,
            true => Line::Inactive,
        })
    }

    /// Takes the events that wait: true if there was a falling edge.
    ///
    /// # Errors
    /// What the driver reported.
    pub fn take_edge(&self) -> io::Result<bool> {
        self.0.take_edge()
    }

    /// The descriptor that becomes readable with an edge.
    pub fn fd(&self) -> RawFd {
        self.0.file().as_raw_fd()
    }
}

/// The RES line: an output, released when it is requested.
#[derive(Debug)]
pub struct ResetLine(kernel::Requested);

impl ResetLine {
    /// Finds the line and requests it as an output that is high, which is [`Line::Inactive`].
    ///
    /// When the line is dropped the kernel makes no promise about its level; most drivers leave it.
    ///
    /// # Errors
    /// [`LineError`].
    pub fn request(wanted: &GpioWire) -> Result<ResetLine, LineError> {
        let (chip, location) = find(&wanted.line)?;
        chip.output(location.offset, wanted, "spinel-bridge RES")
            .map(ResetLine)
            .map_err(|cause| explain_request(&chip, location, cause))
    }

    /// Drives the line.
    ///
    /// # Errors
    /// What the driver reported.
    pub fn set(&self, line: Line) -> io::Result<()> {
        self.0.set(line == Line::Inactive)
    }
}

/// Finds the line and asks the kernel who holds it; `None`: nobody. A holder without a name is "?".
///
/// # Errors
/// [`LineError`].
pub fn holder(wanted: &GpioLine) -> Result<(Location, Option<String>), LineError> {
    let (chip, location) = find(wanted)?;
    match chip.line(location.offset) {
        // A line that was requested has a consumer. The flag "used" says less: a line that serves as an
        // interrupt, or whose pin is muxed, has it too, and can be had all the same.
        Ok(info) => Ok((location, info.consumer)),
        Err(cause) => Err(LineError::Failed {
            doing: "ask about",
            what: location.to_string(),
            cause,
        }),
    }
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
    let all: Vec<(usize, &str)> = named_lines(all)
        .map(|(_, _, name)| (distance(&fold(name), &wanted), name))
        .filter(|(distance, _)| *distance <= NEAR_DISTANCE)
        .collect();
    let mut near: Vec<(usize, &str)> = Vec::new();
    while near.len() < NEAR_NAMES {
        let last = near.last().copied();
        let farther = all.iter().filter(|&&line| Some(line) > last);
        match farther.min() {
            Some(&next) => near.push(next),
            None => break,
        }
    }
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
fn find(wanted: &GpioLine) -> Result<(OpenChip, Location), LineError> {
    let all = scan()?;
    if all.refused {
        return Err(LineError::NoInterface);
    }
    let location = resolve(&all, &canonical(wanted))?;
    match OpenChip::open(&location.path) {
        Ok(chip) => Ok((chip, location)),
        Err(cause) => Err(LineError::Failed {
            doing: "open",
            what: location.to_string(),
            cause,
        }),
    }
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
    super::sort_by_number(&mut paths);

    let (links, nodes): (Vec<_>, Vec<_>) = paths.into_iter().partition(|path| path.is_symlink());
    let mut all = Chips::default();
    for path in nodes {
        match look_into(&path) {
            Ok(chip) => all.chips.push(chip),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => all.denied.push(path),
            // Its name was told, which is the same in both versions, but no line of it.
            Err(error) if is_one_of(&error, &kernel::LACKING) => all.refused = true,
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
    let chip = OpenChip::open(path)?;
    let mut lines = Vec::new();
    for offset in 0..chip.count {
        lines.push(chip.line(offset)?.name);
    }
    Ok(Chip {
        path: path.to_owned(),
        aliases: Vec::new(),
        name: chip.name,
        label: chip.label,
        lines,
    })
}

fn explain_request(chip: &OpenChip, line: Location, cause: io::Error) -> LineError {
    match is_one_of(&cause, &[Errno::EBUSY as i32]) {
        true => LineError::Busy {
            consumer: chip.line(line.offset).ok().and_then(|info| info.consumer),
            line,
        },
        false => LineError::Failed {
            doing: "request",
            what: line.to_string(),
            cause,
        },
    }
}

fn is_one_of(error: &io::Error, codes: &[i32]) -> bool {
    error.raw_os_error().is_some_and(|c| codes.contains(&c))
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

/// What a request for edges gets that cannot be reported: ENODEV (version 1) or ENXIO where the line has no
/// interrupt (gpiolib-cdev.c), the others from drivers that cannot do falling edges.
/// 524 is the kernel's ENOTSUPP, which leaks out of some of them.
const NO_EDGES: [i32; 5] = [
    Errno::ENODEV as i32,
    Errno::ENXIO as i32,
    Errno::EINVAL as i32,
    Errno::EOPNOTSUPP as i32,
    524,
];

/// How many names a message can hold and still be read.
const NEAR_NAMES: usize = 6;
/// One wrong and one missing letter.
const NEAR_DISTANCE: usize = 2;

#[cfg(test)]
mod tests;
