//! The bus device on `/dev/spidevX.Y`, with its INT and RES lines.
//!
//! One [`Bus::transfer`] is one `SPI_IOC_MESSAGE` ioctl, so one chip-select assertion. The delay from
//! chip select to the first clock is a zero-length transfer in front of the data, in the same message:
//! a timer could not do less than a millisecond, and would not hold the chip select.
//!
//! While it is open the device is locked with flock(2), before anything is configured: spidev lets any
//! number of programs open it, and two bridges on one co-processor would take each other's frames. The
//! lock is advisory and ends with the process, however that ends.
//!
//! spidev cannot be polled; its ioctl sleeps until the transaction is over.

use crate::bus::{Bus, Line};
use crate::config::{GpioWire, Spi};
use crate::io::gpio::{InterruptLine, LineError, ResetLine};
use crate::io::lock;
use crate::time::Instant;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use spidev::{SpiModeFlags, Spidev, SpidevOptions, SpidevTransfer};
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::RawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A co-processor on an SPI bus of this machine.
#[derive(Debug)]
pub struct SpiBus {
    spi: Spidev,
    interrupt: Option<InterruptLine>,
    reset: Option<ResetLine>,
    /// 0..=65,535 µs, as spidev takes it.
    cs_delay_us: u16,
    max_transfer: usize,
}

impl SpiBus {
    /// Opens, locks and configures the device, then requests the lines. RES is left inactive.
    ///
    /// # Errors
    /// [`OpenError`], whose message says what to do.
    pub fn open(
        path: &Path,
        config: &Spi,
        interrupt: Option<&GpioWire>,
        reset: Option<&GpioWire>,
    ) -> Result<SpiBus, OpenError> {
        let mut spi = Spidev::new(open_locked(path)?);
        configure(&mut spi, path, config)?;

        let line = |option, source| OpenError::Line { option, source };
        Ok(SpiBus {
            spi,
            interrupt: interrupt
                .map(InterruptLine::request)
                .transpose()
                .map_err(|error| line("--gpio-int", error))?,
            reset: reset
                .map(ResetLine::request)
                .transpose()
                .map_err(|error| line("--gpio-res", error))?,
            cs_delay_us: u16::try_from(config.cs_delay.as_micros()).unwrap_or(u16::MAX),
            max_transfer: max_transfer(read_bufsiz(Path::new(BUFSIZ_PATH))),
        })
    }

    /// The most octets that one transaction can carry.
    pub fn max_transfer(&self) -> usize {
        self.max_transfer
    }

    /// The descriptor that becomes readable with an INT edge; [`Bus::take_edge`] drains it.
    pub fn interrupt_fd(&self) -> Option<RawFd> {
        self.interrupt.as_ref().map(InterruptLine::fd)
    }
}

impl Bus for SpiBus {
    fn transfer(&mut self, _now: Instant, mosi: &[u8], miso: &mut [u8]) -> io::Result<()> {
        // spidev panics on this.
        if mosi.len() != miso.len() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let data = SpidevTransfer::read_write(mosi, miso);
        let result = match self.cs_delay_us {
            0 => self.spi.transfer_multiple(&mut [data]),
            delay => self
                .spi
                .transfer_multiple(&mut [SpidevTransfer::delay(delay), data]),
        };
        result.map_err(|error| explain_transfer(error, mosi.len(), self.cs_delay_us))
    }

    fn interrupt(&mut self, _now: Instant) -> io::Result<Option<Line>> {
        self.interrupt
            .as_ref()
            .map(InterruptLine::level)
            .transpose()
    }

    fn take_edge(&mut self, _now: Instant) -> io::Result<bool> {
        self.interrupt
            .as_ref()
            .map_or(Ok(false), InterruptLine::take_edge)
    }

    fn set_reset(&mut self, _now: Instant, line: Line) -> io::Result<bool> {
        match &self.reset {
            Some(reset) => reset.set(line).map(|()| true),
            None => Ok(false),
        }
    }

    fn configure(&mut self, mode: u8, speed_hz: u32) -> io::Result<()> {
        let options = SpidevOptions::new()
            .mode(mode_flags(mode))
            .max_speed_hz(speed_hz)
            .build();
        self.spi.configure(&options)
    }

    fn has_interrupt(&self) -> bool {
        self.interrupt.is_some()
    }

    fn has_reset(&self) -> bool {
        self.reset.is_some()
    }
}

/// Why the bus device cannot be used. Every message is one line and says what to do.
#[derive(Debug)]
pub enum OpenError {
    /// There is no such file.
    Missing {
        /// What was asked for.
        path: PathBuf,
        /// The `spidev*` that exist.
        nodes: String,
    },
    /// We may not open it.
    Denied {
        /// What was asked for.
        path: PathBuf,
    },
    /// It exists, but is something else.
    NotSpidev {
        /// What was asked for.
        path: PathBuf,
        /// The `spidev*` that exist.
        nodes: String,
    },
    /// Another process holds the lock.
    Locked {
        /// What was asked for.
        path: PathBuf,
    },
    /// The controller does not take a parameter.
    Refused {
        /// What was asked for.
        path: PathBuf,
        /// The parameter and its value, "SPI mode 3".
        parameter: String,
        /// The option that changes it.
        option: &'static str,
    },
    /// The INT or RES line cannot be had.
    Line {
        /// The option that named it.
        option: &'static str,
        /// Why.
        source: LineError,
    },
    /// Anything else.
    Failed {
        /// What was asked for.
        path: PathBuf,
        /// What the driver reported.
        cause: io::Error,
    },
}

impl OpenError {
    fn failed(path: &Path, cause: io::Error) -> OpenError {
        OpenError::Failed {
            path: path.to_owned(),
            cause,
        }
    }
}

fn open_locked(path: &Path) -> Result<File, OpenError> {
    // The flags are for a wrong path: opening a serial port must neither wait for a carrier nor make it
    // our controlling terminal.
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags((OFlag::O_NOCTTY | OFlag::O_NONBLOCK).bits())
        .open(path)
        .map_err(|cause| explain_open(path, cause))?;
    match lock::exclusively(&file) {
        Ok(()) => Ok(file),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(OpenError::Locked {
            path: path.to_owned(),
        }),
        Err(cause) => Err(OpenError::failed(path, cause)),
    }
}

fn explain_open(path: &Path, cause: io::Error) -> OpenError {
    let path = path.to_owned();
    match cause.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ENOENT | Errno::ENOTDIR) => OpenError::Missing {
            path,
            nodes: spidev_nodes(Path::new("/dev")),
        },
        Some(Errno::EACCES | Errno::EPERM) => OpenError::Denied { path },
        Some(Errno::EISDIR) => OpenError::NotSpidev {
            path,
            nodes: spidev_nodes(Path::new("/dev")),
        },
        _ => OpenError::Failed { path, cause },
    }
}

/// Sets one parameter at a time, so that a refusal can be told by name.
fn configure(spi: &mut Spidev, path: &Path, config: &Spi) -> Result<(), OpenError> {
    // The mode goes first: its flags also reset the bit order that a program before us may have left.
    let steps = [
        (
            SpidevOptions::new().mode(mode_flags(config.mode)).build(),
            format!("SPI mode {}", config.mode),
            "--spi-mode",
        ),
        (
            SpidevOptions::new().bits_per_word(BITS_PER_WORD).build(),
            format!("{BITS_PER_WORD} bits per word"),
            "the bus controller",
        ),
        (
            SpidevOptions::new().max_speed_hz(config.speed_hz).build(),
            format!("a clock of {} Hz", config.speed_hz),
            "--spi-speed",
        ),
    ];
    for (options, parameter, option) in steps {
        spi.configure(&options)
            .map_err(|cause| explain_configure(path, cause, parameter, option))?;
    }
    Ok(())
}

/// The two low bits of the mode's number are phase and polarity.
fn mode_flags(mode: u8) -> SpiModeFlags {
    SpiModeFlags::from_bits_truncate(u32::from(mode))
        & (SpiModeFlags::SPI_CPHA | SpiModeFlags::SPI_CPOL)
}

fn explain_configure(
    path: &Path,
    cause: io::Error,
    parameter: String,
    option: &'static str,
) -> OpenError {
    let path = path.to_owned();
    match cause.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ENOTTY) => OpenError::NotSpidev {
            path,
            nodes: spidev_nodes(Path::new("/dev")),
        },
        Some(Errno::EINVAL) => OpenError::Refused {
            path,
            parameter,
            option,
        },
        _ => OpenError::Failed { path, cause },
    }
}

/// Gives the two errors that a user can do something about a message. All others stay what they are, so
/// that a device that is gone can be told by its code.
fn explain_transfer(error: io::Error, length: usize, cs_delay_us: u16) -> io::Error {
    let message = match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EMSGSIZE) => {
            let bufsiz = read_bufsiz(Path::new(BUFSIZ_PATH))
                .map_or_else(|| "unreadable".to_owned(), |size| size.to_string());
            format!(
                "a transaction of {length} octets is longer than spidev.bufsiz ({bufsiz}): raise it, \
                 with spidev.bufsiz={DEFAULT_BUFSIZ} on the kernel command line"
            )
        }
        Some(Errno::EINVAL) if cs_delay_us != 0 => format!(
            "the driver refuses the message ({error}): some SPI drivers refuse a zero-length transfer: \
             use --spi-cs-delay 0"
        ),
        _ => return error,
    };
    io::Error::new(io::ErrorKind::InvalidInput, message)
}

/// The limit of spidev for one message, if the kernel tells.
fn read_bufsiz(path: &Path) -> Option<usize> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// Recent kernels round each buffer up to a cache line before they compare it with bufsiz
/// (`spidev_message()`, ARCH_DMA_MINALIGN), so a bufsiz that is no multiple cannot be used in full.
fn max_transfer(bufsiz: Option<usize>) -> usize {
    match bufsiz {
        Some(size) if size >= DMA_ALIGN => size - size % DMA_ALIGN,
        Some(size) => size,
        None => DEFAULT_BUFSIZ,
    }
}

/// The `spidev*` in `directory`, as a list to print; empty if there is none.
fn spidev_nodes(directory: &Path) -> String {
    let mut nodes: Vec<PathBuf> = fs::read_dir(directory)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with("spidev"))
        .map(|name| directory.join(name))
        .collect();
    super::sort_by_number(&mut nodes);
    let nodes: Vec<String> = nodes
        .iter()
        .map(|node| node.display().to_string())
        .collect();
    nodes.join(", ")
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::Missing { path, nodes } => {
                write!(f, "{}: no such file; ", path.display())?;
                write_nodes(f, nodes)
            }
            OpenError::Denied { path } => write!(
                f,
                "{}: permission denied: join the group that owns it (on Raspberry Pi OS: sudo usermod \
                 -aG spi $USER) or install the udev rules",
                path.display()
            ),
            OpenError::NotSpidev { path, nodes } => {
                write!(f, "{}: this is not a spidev device; ", path.display())?;
                write_nodes(f, nodes)
            }
            OpenError::Locked { path } => write!(
                f,
                "{}: locked by another process: two bridges cannot share a bus device; stop the other \
                 one (fuser {0} tells which)",
                path.display()
            ),
            OpenError::Refused {
                path,
                parameter,
                option,
            } => write!(
                f,
                "{}: the SPI controller does not take {parameter}: change {option}",
                path.display()
            ),
            OpenError::Line { option, source } => write!(f, "{option}: {source}"),
            OpenError::Failed { path, cause } => write!(f, "{}: {cause}", path.display()),
        }
    }
}

impl std::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            OpenError::Line { source, .. } => Some(source),
            OpenError::Failed { cause, .. } => Some(cause),
            _ => None,
        }
    }
}

fn write_nodes(f: &mut fmt::Formatter<'_>, nodes: &str) -> fmt::Result {
    match nodes {
        "" => write!(
            f,
            "/dev has no spidev nodes: enable SPI (Raspberry Pi: dtparam=spi=on in config.txt; \
             elsewhere a device tree overlay) and reboot"
        ),
        nodes => write!(f, "/dev has these spidev nodes: {nodes}"),
    }
}

/// Spinel over SPI is octets (protocol §5.1).
const BITS_PER_WORD: u8 = 8;
const BUFSIZ_PATH: &str = "/sys/module/spidev/parameters/bufsiz";
/// `bufsiz` in `drivers/spi/spidev.c`.
const DEFAULT_BUFSIZ: usize = 4096;
/// The largest ARCH_DMA_MINALIGN of the architectures that have SPI hosts (arm64).
const DMA_ALIGN: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::CrcMode;
    use core::time::Duration;

    fn config() -> Spi {
        Spi {
            speed_hz: 1_000_000,
            mode: 0,
            cs_delay: Duration::from_micros(20),
            gap: Duration::ZERO,
            align_allowance: 0,
            small_packet: None,
            crc: CrcMode::Auto,
        }
    }

    fn refusal(path: &str) -> String {
        let message = SpiBus::open(Path::new(path), &config(), None, None)
            .unwrap_err()
            .to_string();
        assert!(!message.contains('\n'), "{message}");
        message
    }

    fn os(errno: Errno) -> io::Error {
        errno.into()
    }

    #[test]
    fn missing_device_says_how_to_get_one() {
        let message = refusal("/dev/spidev-none");
        assert!(message.starts_with("/dev/spidev-none: no such file; /dev has "));
        let none = OpenError::Missing {
            path: "/dev/spidev0.0".into(),
            nodes: String::new(),
        };
        assert!(none.to_string().contains("dtparam=spi=on"));
        let some = OpenError::Missing {
            path: "/dev/spidev0.0".into(),
            nodes: "/dev/spidev1.0".to_owned(),
        };
        assert!(some
            .to_string()
            .ends_with("/dev has these spidev nodes: /dev/spidev1.0"));
    }

    #[test]
    fn other_files_are_not_spidev() {
        // A serial port, a regular file, a directory: each of this process alone, for it gets locked.
        let pty = crate::io::pty::Pty::open(None).unwrap();
        let file = std::env::temp_dir().join(format!("spinel-bridge-file-{}", std::process::id()));
        fs::write(&file, "").unwrap();
        for path in [pty.name(), &file, Path::new("/dev")] {
            let message = refusal(path.to_str().unwrap());
            assert!(message.contains("not a spidev device"), "{message}");
        }
        fs::remove_file(file).unwrap();
        assert!(refusal("/dev/null/spidev").contains("no such file"));
    }

    #[test]
    fn second_bridge_is_told_about_the_first() {
        let path = std::env::temp_dir().join(format!("spinel-bridge-lock-{}", std::process::id()));
        fs::write(&path, "").unwrap();
        let held = open_locked(&path).unwrap();
        let message = refusal(path.to_str().unwrap());
        assert!(message.contains("two bridges cannot share a bus device"));
        drop(held);
        // Free again: now it gets as far as finding out that this is a regular file.
        assert!(refusal(path.to_str().unwrap()).contains("not a spidev device"));
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn permission_names_the_group() {
        let denied = explain_open(Path::new("/dev/spidev0.0"), os(Errno::EACCES));
        assert!(denied.to_string().contains("-aG spi"));
    }

    #[test]
    fn refused_parameter_names_the_option() {
        let refused = explain_configure(
            Path::new("/dev/spidev0.0"),
            os(Errno::EINVAL),
            "SPI mode 3".to_owned(),
            "--spi-mode",
        );
        assert_eq!(
            refused.to_string(),
            "/dev/spidev0.0: the SPI controller does not take SPI mode 3: change --spi-mode"
        );
    }

    #[test]
    fn transfer_errors_that_have_a_way_out() {
        let long = explain_transfer(os(Errno::EMSGSIZE), 5000, 0).to_string();
        assert!(long.contains("5000") && long.contains("spidev.bufsiz"));
        let delay = explain_transfer(os(Errno::EINVAL), 37, 20).to_string();
        assert!(delay.ends_with("use --spi-cs-delay 0"), "{delay}");
    }

    #[test]
    fn other_transfer_errors_keep_their_code() {
        let gone = explain_transfer(os(Errno::ESHUTDOWN), 37, 20);
        assert_eq!(gone.raw_os_error(), Some(Errno::ESHUTDOWN as i32));
        let invalid = explain_transfer(os(Errno::EINVAL), 37, 0);
        assert_eq!(invalid.raw_os_error(), Some(Errno::EINVAL as i32));
    }

    #[test]
    fn longest_transfer_is_a_multiple_of_a_cache_line() {
        assert_eq!(max_transfer(Some(4096)), 4096);
        assert_eq!(max_transfer(Some(5000)), 4992);
        assert_eq!(max_transfer(Some(100)), 100);
        assert_eq!(max_transfer(None), 4096);
    }

    #[test]
    fn bufsiz_is_read_or_unknown() {
        let path =
            std::env::temp_dir().join(format!("spinel-bridge-bufsiz-{}", std::process::id()));
        fs::write(&path, "65536\n").unwrap();
        assert_eq!(read_bufsiz(&path), Some(65_536));
        fs::write(&path, "many\n").unwrap();
        assert_eq!(read_bufsiz(&path), None);
        fs::remove_file(&path).unwrap();
        assert_eq!(read_bufsiz(&path), None);
    }
}
