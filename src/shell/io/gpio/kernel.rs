//! What the kernel is asked of a chip, in both versions of its interface (`linux/gpio.h`): version 2 (Linux
//! 5.10) first; version 1, which newer kernels can leave out, where there is no other.

use super::is_one_of;
use crate::config::{Bias, GpioWire};
use gpiocdev_uapi::{v1, v2};
use nix::errno::Errno;
use nix::fcntl::{fcntl, FcntlArg, OFlag};
use std::fs::File;
use std::io::{self, Read};
use std::mem::size_of;
use std::path::Path;

/// A chip that is open.
pub(super) struct OpenChip {
    file: File,
    version: Version,
    /// The kernel's name, `gpiochip0`.
    pub(super) name: String,
    /// The driver's label; may be empty.
    pub(super) label: String,
    /// How many lines it has.
    pub(super) count: u32,
}

/// Which version of the interface is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    V1,
    V2,
}

/// What the kernel says of a line.
pub(super) struct LineInfo {
    pub(super) name: Option<String>,
    /// Who holds it; "?" without a name.
    pub(super) consumer: Option<String>,
}

impl OpenChip {
    /// Opens it, and finds out which version it answers to.
    ///
    /// # Errors
    /// What the system reported; one of [`LACKING`] where neither is answered.
    pub(super) fn open(path: &Path) -> io::Result<OpenChip> {
        let file = File::open(path)?;
        let about = v2::get_chip_info(&file).map_err(os_error)?;
        let mut chip = OpenChip {
            file,
            version: Version::V2,
            name: text(&about.name).unwrap_or_default(),
            label: text(&about.label).unwrap_or_default(),
            count: about.num_lines,
        };
        // A chip without lines has nothing else to ask for.
        if chip.count > 0 {
            match chip.line(0) {
                Err(error) if is_one_of(&error, &LACKING) => {
                    chip.version = Version::V1;
                    chip.line(0)?;
                }
                answer => drop(answer?),
            }
        }
        Ok(chip)
    }

    /// Which version of the interface it answers to.
    pub(super) fn version(&self) -> Version {
        self.version
    }

    /// Asks about a line.
    pub(super) fn line(&self, offset: u32) -> io::Result<LineInfo> {
        let (name, consumer) = match self.version {
            Version::V2 => {
                let info = v2::get_line_info(&self.file, offset).map_err(os_error)?;
                (info.name, info.consumer)
            }
            Version::V1 => {
                let info = v1::get_line_info(&self.file, offset).map_err(os_error)?;
                (info.name, info.consumer)
            }
        };
        Ok(LineInfo {
            name: text(&name),
            consumer: text(&consumer),
        })
    }

    /// Requests an input that reports falling edges, not blocking.
    pub(super) fn input(&self, offset: u32, wire: &GpioWire, who: &str) -> io::Result<Requested> {
        let file = match self.version {
            Version::V2 => {
                let flags = v2::LineFlags::INPUT | v2::LineFlags::EDGE_FALLING;
                let mut request = v2_request(offset, flags, wire, who);
                if wire.debounce_us > 0 {
                    request.config.add_debounce(wire.debounce_us, ONE_LINE);
                }
                v2::get_line(&self.file, request)
            }
            Version::V1 => {
                let request = v1::EventRequest {
                    offset,
                    handleflags: v1::HandleRequestFlags::INPUT | v1_bias(wire),
                    eventflags: v1::EventRequestFlags::FALLING_EDGE,
                    consumer: who.into(),
                    ..v1::EventRequest::default()
                };
                v1::get_line_event(&self.file, request)
            }
        };
        let file = file.map_err(os_error)?;
        // The kernel's event descriptor blocks.
        set_nonblocking(&file)?;
        Ok(self.requested(file))
    }

    /// Requests an output that is high.
    pub(super) fn output(&self, offset: u32, wire: &GpioWire, who: &str) -> io::Result<Requested> {
        let file = match self.version {
            Version::V2 => {
                let mut request = v2_request(offset, v2::LineFlags::OUTPUT, wire, who);
                request.config.add_values(&v2_level(true));
                v2::get_line(&self.file, request)
            }
            Version::V1 => {
                let mut request = v1::HandleRequest {
                    flags: v1::HandleRequestFlags::OUTPUT | v1_bias(wire),
                    values: v1_level(true),
                    consumer: who.into(),
                    num_lines: 1,
                    ..v1::HandleRequest::default()
                };
                request.offsets.set(0, offset);
                v1::get_line_handle(&self.file, request)
            }
        };
        Ok(self.requested(file.map_err(os_error)?))
    }

    fn requested(&self, file: File) -> Requested {
        Requested {
            file,
            version: self.version,
        }
    }
}

/// A line that was requested.
#[derive(Debug)]
pub(super) struct Requested {
    file: File,
    version: Version,
}

impl Requested {
    pub(super) fn file(&self) -> &File {
        &self.file
    }

    pub(super) fn is_high(&self) -> io::Result<bool> {
        match self.version {
            Version::V2 => {
                let mut values = v2_level(false);
                v2::get_line_values(&self.file, &mut values).map_err(os_error)?;
                Ok(values.bits & ONE_LINE != 0)
            }
            Version::V1 => {
                let mut values = v1_level(false);
                v1::get_line_values(&self.file, &mut values).map_err(os_error)?;
                Ok(values.get(0) != 0)
            }
        }
    }

    /// Takes the events that wait: true if one was a falling edge.
    pub(super) fn take_edge(&self) -> io::Result<bool> {
        let size = match self.version {
            Version::V2 => V2_EVENT_SIZE,
            Version::V1 => V1_EVENT_SIZE,
        };
        drain_events(&self.file, size)
    }

    /// Drives an output.
    pub(super) fn set(&self, high: bool) -> io::Result<()> {
        match self.version {
            Version::V2 => v2::set_line_values(&self.file, &v2_level(high)),
            Version::V1 => v1::set_line_values(&self.file, &v1_level(high)),
        }
        .map_err(os_error)
    }
}

fn v2_request(
    offset: u32,
    direction: v2::LineFlags,
    wire: &GpioWire,
    who: &str,
) -> v2::LineRequest {
    let bias = match wire.bias {
        None => v2::LineFlags::empty(),
        Some(Bias::PullUp) => v2::LineFlags::BIAS_PULL_UP,
        Some(Bias::PullDown) => v2::LineFlags::BIAS_PULL_DOWN,
        Some(Bias::Disabled) => v2::LineFlags::BIAS_DISABLED,
    };
    let mut request = v2::LineRequest {
        consumer: who.into(),
        num_lines: 1,
        event_buffer_size: EVENT_FIFO as u32,
        ..v2::LineRequest::default()
    };
    request.offsets.set(0, offset);
    request.config.flags = direction | bias;
    request
}

fn v2_level(high: bool) -> v2::LineValues {
    v2::LineValues {
        bits: u64::from(high),
        mask: ONE_LINE,
    }
}

/// Linux 5.5 and later.
fn v1_bias(wire: &GpioWire) -> v1::HandleRequestFlags {
    match wire.bias {
        None => v1::HandleRequestFlags::empty(),
        Some(Bias::PullUp) => v1::HandleRequestFlags::BIAS_PULL_UP,
        Some(Bias::PullDown) => v1::HandleRequestFlags::BIAS_PULL_DOWN,
        Some(Bias::Disabled) => v1::HandleRequestFlags::BIAS_DISABLED,
    }
}

fn v1_level(high: bool) -> v1::LineValues {
    let mut values = v1::LineValues::default();
    values.set(0, u8::from(high));
    values
}

/// What is there, if it is not empty.
fn text(name: &v2::Name) -> Option<String> {
    (!name.is_empty()).then(|| name.into())
}

fn os_error(error: v2::Error) -> io::Error {
    match error {
        v2::Error::Os(errno) => io::Error::from_raw_os_error(errno.0),
        v2::Error::UnderRead(_) => io::ErrorKind::InvalidData.into(),
    }
}

fn set_nonblocking(file: &File) -> io::Result<()> {
    let flags = OFlag::from_bits_retain(fcntl(file, FcntlArg::F_GETFL)?);
    fcntl(file, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
    Ok(())
}

/// Reads events of that size until none is left: true if one was a falling edge.
fn drain_events(mut file: impl Read, size: usize) -> io::Result<bool> {
    let mut buffer = [0; V2_EVENT_SIZE * EVENT_FIFO];
    let buffer = &mut buffer[..size * EVENT_FIFO];
    let mut falling = false;
    for _ in 0..MAX_READS {
        let length = match file.read(buffer) {
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        falling |= buffer[..length].chunks_exact(size).any(is_falling_edge);
        if length < buffer.len() {
            break;
        }
    }
    Ok(falling)
}

fn is_falling_edge(event: &[u8]) -> bool {
    event.get(EVENT_ID_OFFSET..EVENT_ID_OFFSET + 4) == Some(&FALLING_EDGE.to_ne_bytes())
}

/// struct gpioevent_data of `linux/gpio.h`. It is 16 octets long but for 32-bit x86, where it is 12.
#[repr(C)]
struct EventData {
    timestamp: u64,
    id: u32,
}

const V1_EVENT_SIZE: usize = size_of::<EventData>();
/// struct gpio_v2_line_event begins with the same two.
const V2_EVENT_SIZE: usize = size_of::<v2::LineEdgeEvent>();
/// `id` follows `timestamp`.
const EVENT_ID_OFFSET: usize = size_of::<u64>();
/// GPIOEVENT_EVENT_FALLING_EDGE, and GPIO_V2_LINE_EVENT_FALLING_EDGE, of `linux/gpio.h`.
const FALLING_EDGE: u32 = 0x02;
/// The kernel keeps 16 events for a line (`DECLARE_KFIFO(events, …, 16)` in gpiolib-cdev.c), in version 2 as
/// many as are asked for.
const EVENT_FIFO: usize = 16;
/// A line that chatters faster than we read must not hold the turn: edges only wake.
const MAX_READS: usize = 4;
/// A request of ours is for one line; this is its bit.
const ONE_LINE: u64 = 1;

/// What a kernel says to an ioctl that it does not know: EINVAL (gpiolib-cdev.c), and what is said instead
/// where something stands between us and it.
pub(super) const LACKING: [i32; 3] = [
    Errno::EINVAL as i32,
    Errno::ENOTTY as i32,
    Errno::ENOSYS as i32,
];

#[cfg(test)]
mod tests;
