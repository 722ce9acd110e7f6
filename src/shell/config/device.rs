//! What the co-processor is connected to.

use crate::number::{integer, is_digits};
use crate::sim::spec::{Spec, SpecError};
use core::fmt;
use core::str::FromStr;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// What the co-processor is connected to.
#[derive(Clone, Debug, PartialEq)]
// There is one of it.
#[allow(clippy::large_enum_variant)]
pub enum Device {
    /// `/dev/spidevX.Y`, or a path that leads there.
    Spi(PathBuf),
    /// `sim:…`, the simulated co-processor.
    Sim(Spec),
    /// `serial:/dev/ttyACM0:115200`, or with `:rtscts`, `:xonxoff` or `:now` behind it: a serial port.
    Serial {
        /// The device node.
        path: PathBuf,
        /// Bits per second, one of [`SERIAL_SPEEDS`].
        speed: u32,
        /// Flow control by RTS and CTS: `:rtscts` behind the speed.
        rtscts: bool,
        /// Flow control by XON and XOFF, which HDLC escapes: `:xonxoff` behind the speed.
        xonxoff: bool,
        /// It has to be there at the start: `:now` behind the speed. Else it is waited for.
        now: bool,
    },
    /// `system:ot-ncp-ftd 1`: a command for `/bin/sh -c` that speaks HDLC on standard input and output.
    System(String),
    /// `tcp:127.0.0.1:9000`. A name is not taken: looking it up would stop the bridge meanwhile.
    Tcp(SocketAddr),
}

impl Device {
    /// Whether it speaks HDLC over a stream of octets.
    pub const fn is_stream(&self) -> bool {
        matches!(
            self,
            Device::Serial { .. } | Device::System(_) | Device::Tcp(_)
        )
    }
}

impl FromStr for Device {
    type Err = DeviceError;

    /// Takes `sim:…`, `serial:…`, `system:…`, `tcp:…`, or any path that is not known to be something
    /// else. Whether it exists is found out when it is opened.
    fn from_str(text: &str) -> Result<Device, DeviceError> {
        match text.split_once(':') {
            Some(("sim", spec)) => spec.parse().map(Device::Sim).map_err(DeviceError::Sim),
            Some(("serial", rest)) => serial(rest),
            Some(("system", command)) if command.trim().is_empty() => Err(DeviceError::NoCommand),
            Some(("system", command)) => Ok(Device::System(command.trim().to_owned())),
            Some(("tcp", address)) if !address.starts_with("//") => tcp(address),
            _ => spi(text),
        }
    }
}

/// What follows `serial:`. A suffix of digits is a speed; the names below `/dev/serial/by-path` hold
/// colons too.
fn serial(text: &str) -> Result<Device, DeviceError> {
    let (text, [rtscts, xonxoff, now]) = serial_words(text);
    let (path, speed) = match text.rsplit_once(':') {
        Some((path, digits)) if is_digits(digits) => (path, integer(digits)),
        _ => (text, Some(SERIAL_SPEED_DEFAULT.into())),
    };
    let known = |wanted: i128| {
        let found = SERIAL_SPEEDS
            .iter()
            .find(|speed| i128::from(**speed) == wanted);
        found.copied()
    };
    if !path.contains('/') {
        return Err(DeviceError::NoSerialPath);
    }
    Ok(Device::Serial {
        path: PathBuf::from(path),
        speed: speed.and_then(known).ok_or(DeviceError::SerialSpeed)?,
        rtscts,
        xonxoff,
        now,
    })
}

/// Takes the words of [`SERIAL_WORDS`] from the end of a serial device, in any order, and tells which were there.
pub(crate) fn serial_words(mut text: &str) -> (&str, [bool; 3]) {
    let mut found = [false; 3];
    while let Some((at, front)) = SERIAL_WORDS
        .iter()
        .zip(0..)
        .find_map(|(word, at): (_, usize)| Some((at, text.strip_suffix(word)?)))
    {
        found[at] = true;
        text = front;
    }
    (text, found)
}

/// At the end of a serial device: flow control, and that it has to be there at the start.
pub(crate) const SERIAL_WORDS: [&str; 3] = [":rtscts", ":xonxoff", ":now"];

/// What follows `tcp:`.
fn tcp(text: &str) -> Result<Device, DeviceError> {
    let address = match text.strip_prefix("localhost:") {
        Some(port) => port
            .parse()
            .ok()
            .map(|port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port))),
        None => text.parse().ok(),
    };
    let usable = address.filter(|address: &SocketAddr| address.port() != 0);
    usable.map(Device::Tcp).ok_or(DeviceError::TcpAddress)
}

fn spi(text: &str) -> Result<Device, DeviceError> {
    let (folder, name) = text.rsplit_once('/').unwrap_or(("", text));
    if let Some(numbers) = name.strip_prefix("spidev") {
        return match numbers.split_once('.') {
            Some((bus, select)) if is_digits(bus) && is_digits(select) => match folder {
                "" => Err(DeviceError::NoFolder),
                _ if folder.starts_with("/sys/") => Err(DeviceError::Sysfs),
                _ => Ok(Device::Spi(PathBuf::from(text))),
            },
            _ => Err(DeviceError::NoBusNumber),
        };
    }
    match text {
        "" => Err(DeviceError::Empty),
        "sim" => Err(DeviceError::SimColon),
        _ if text.contains("://") => Err(DeviceError::Url),
        _ if !text.contains('/') => Err(DeviceError::NotAPath),
        _ if text.starts_with("/sys/") => Err(DeviceError::Sysfs),
        _ if text.starts_with("/dev/pts/") || is_serial(text) => Err(DeviceError::Serial),
        _ if text.starts_with("/dev/gpiochip") => Err(DeviceError::GpioChip),
        _ => Ok(Device::Spi(PathBuf::from(text))),
    }
}

fn is_serial(path: &str) -> bool {
    let prefixes = ["/dev/tty", "/dev/serial", "/dev/cu.", "/dev/rfcomm"];
    prefixes.iter().any(|prefix| path.starts_with(prefix))
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Device::Spi(path) => write!(f, "{}", path.display()),
            Device::Sim(spec) => write!(f, "sim:{spec}"),
            Device::Serial {
                path,
                speed,
                rtscts,
                xonxoff,
                now,
            } => {
                write!(f, "serial:{}:{speed}", path.display())?;
                let words = SERIAL_WORDS.iter().zip([*rtscts, *xonxoff, *now]);
                words
                    .filter(|(_, is_on)| *is_on)
                    .try_for_each(|(word, _)| f.write_str(word))
            }
            Device::System(command) => write!(f, "system:{command}"),
            Device::Tcp(address) => write!(f, "tcp:{address}"),
        }
    }
}

/// Why a text is no [`Device`]; each message says what to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceError {
    /// The empty text.
    Empty,
    /// `/dev/spidev`, `/dev/spidev0`: the numbers are missing (wpantund#281).
    NoBusNumber,
    /// `spidev0.0`: the folder is missing.
    NoFolder,
    /// Something below `/sys/`.
    Sysfs,
    /// A terminal or UART without `serial:`.
    Serial,
    /// A GPIO chip.
    GpioChip,
    /// A radio URL, as the OpenThread programs take them.
    Url,
    /// `sim` without its colon.
    SimColon,
    /// A word without a slash.
    NotAPath,
    /// `sim:…`, and what follows is wrong.
    Sim(SpecError),
    /// `serial:` without a path.
    NoSerialPath,
    /// `serial:…` with a speed that is none of [`SERIAL_SPEEDS`].
    SerialSpeed,
    /// `system:` without a command.
    NoCommand,
    /// `tcp:` without an address and a port.
    TcpAddress,
}

impl fmt::Display for DeviceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DeviceError::Empty => "the device is empty; write /dev/spidevX.Y, or sim: to simulate one",
            DeviceError::NoBusNumber => {
                "which bus and chip select? write both numbers, like /dev/spidev0.0 (ls /dev/spidev*)"
            }
            DeviceError::NoFolder => "not a path; write it with its folder, like /dev/spidev0.0",
            DeviceError::Sysfs => "a sysfs path; write the device node, like /dev/spidev0.0",
            DeviceError::Serial => {
                "a serial port, not an SPI device; write serial: before it, or /dev/spidevX.Y here"
            }
            DeviceError::GpioChip => {
                "a GPIO chip; lines go after --gpio-int and --gpio-res, the device is /dev/spidevX.Y"
            }
            DeviceError::Url => "a radio URL; write the device alone, like /dev/spidev0.0",
            DeviceError::SimColon => "write sim: with the colon to simulate a co-processor",
            DeviceError::NotAPath => "not a device; write /dev/spidevX.Y, or sim: to simulate one",
            DeviceError::Sim(error) => return error.fmt(f),
            DeviceError::NoSerialPath => "which port? write its path, like serial:/dev/ttyACM0:115200",
            DeviceError::SerialSpeed => {
                f.write_str("not a speed of serial ports; write one of")?;
                return SERIAL_SPEEDS.iter().try_for_each(|speed| write!(f, " {speed}"));
            }
            DeviceError::NoCommand => "which command? write it, like system:ot-ncp-ftd 1",
            DeviceError::TcpAddress => {
                "not an address with a port; write it in numbers, like tcp:127.0.0.1:9000 or tcp:[::1]:9000"
            }
        })
    }
}

impl std::error::Error for DeviceError {}

/// `serial:` without a speed. Default: protocol §6.1.
pub const SERIAL_SPEED_DEFAULT: u32 = 115_200;

/// The speeds of a serial port: those from 9600 on that Linux has a constant for (termios(3)).
pub const SERIAL_SPEEDS: &[u32] = &[
    9_600, 19_200, 38_400, 57_600, 115_200, 230_400, 460_800, 500_000, 576_000, 921_600, 1_000_000,
    1_152_000, 1_500_000, 2_000_000, 2_500_000, 3_000_000, 3_500_000, 4_000_000,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams() {
        let serial = |path: &str, speed| Device::Serial {
            path: path.into(),
            speed,
            rtscts: false,
            xonxoff: false,
            now: false,
        };
        let by_path = "/dev/serial/by-path/platform-3f98.usb-usb-0:1.2:1.0-port0";
        for (text, device, printed) in [
            (
                "serial:/dev/ttyACM0",
                serial("/dev/ttyACM0", 115_200),
                "serial:/dev/ttyACM0:115200",
            ),
            (
                "serial:/dev/ttyS1:1000000",
                serial("/dev/ttyS1", 1_000_000),
                "serial:/dev/ttyS1:1000000",
            ),
            (
                &format!("serial:{by_path}"),
                serial(by_path, 115_200),
                &format!("serial:{by_path}:115200"),
            ),
            (
                "serial:/dev/ttyS1:rtscts",
                Device::Serial {
                    path: "/dev/ttyS1".into(),
                    speed: 115_200,
                    rtscts: true,
                    xonxoff: false,
                    now: false,
                },
                "serial:/dev/ttyS1:115200:rtscts",
            ),
            (
                "serial:/dev/ttyS1:9600:now:rtscts",
                Device::Serial {
                    path: "/dev/ttyS1".into(),
                    speed: 9_600,
                    rtscts: true,
                    xonxoff: false,
                    now: true,
                },
                "serial:/dev/ttyS1:9600:rtscts:now",
            ),
            (
                "serial:/dev/ttyS1:xonxoff",
                Device::Serial {
                    path: "/dev/ttyS1".into(),
                    speed: 115_200,
                    rtscts: false,
                    xonxoff: true,
                    now: false,
                },
                "serial:/dev/ttyS1:115200:xonxoff",
            ),
            (
                "system: ot-ncp-ftd 1 ",
                Device::System("ot-ncp-ftd 1".into()),
                "system:ot-ncp-ftd 1",
            ),
            (
                "system:/usr/bin/spidev -p",
                Device::System("/usr/bin/spidev -p".into()),
                "system:/usr/bin/spidev -p",
            ),
            (
                "tcp:127.0.0.1:9000",
                Device::Tcp(SocketAddr::from(([127, 0, 0, 1], 9_000))),
                "tcp:127.0.0.1:9000",
            ),
            (
                "tcp:localhost:9000",
                Device::Tcp(SocketAddr::from(([127, 0, 0, 1], 9_000))),
                "tcp:127.0.0.1:9000",
            ),
            (
                "tcp:[::1]:9000",
                Device::Tcp("[::1]:9000".parse().unwrap()),
                "tcp:[::1]:9000",
            ),
        ] {
            assert_eq!(text.parse(), Ok(device.clone()), "{text}");
            assert_eq!(device.to_string(), printed, "{text}");
            assert_eq!(printed.parse(), Ok(device.clone()), "{text}");
            assert!(device.is_stream());
        }
    }

    #[test]
    fn what_is_no_stream() {
        for (text, error) in [
            ("serial:", DeviceError::NoSerialPath),
            ("serial:ttyACM0", DeviceError::NoSerialPath),
            ("serial:/dev/ttyACM0:7", DeviceError::SerialSpeed),
            (
                "serial:/dev/ttyACM0:99999999999999999999999999999999999999999",
                DeviceError::SerialSpeed,
            ),
            ("system:", DeviceError::NoCommand),
            ("system:  ", DeviceError::NoCommand),
            ("tcp:", DeviceError::TcpAddress),
            ("tcp:127.0.0.1", DeviceError::TcpAddress),
            ("tcp:127.0.0.1:0", DeviceError::TcpAddress),
            ("tcp:example.org:9000", DeviceError::TcpAddress),
            ("tcp:localhost:x", DeviceError::TcpAddress),
            ("tcp://127.0.0.1:9000", DeviceError::Url),
        ] {
            assert_eq!(text.parse::<Device>(), Err(error), "{text}");
        }
        let speeds = DeviceError::SerialSpeed.to_string();
        assert!(speeds.contains(" 115200 230400 460800 "), "{speeds}");
    }
}
