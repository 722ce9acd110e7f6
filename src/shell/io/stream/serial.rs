//! A serial port: raw octets, 8N1, flow control by RTS and CTS or by XON and XOFF only where it is asked for.

use crate::io::lock;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::termios::{
    cfmakeraw, tcflush, tcgetattr, tcsetattr, BaudRate, ControlFlags, FlushArg, InputFlags, SetArg,
};
use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Deref;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Who holds whom up, and how.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Flow {
    /// By RTS and CTS.
    pub(super) rtscts: bool,
    /// By XON and XOFF.
    pub(super) xonxoff: bool,
}

/// An open port, locked with flock(2) as the bus device is.
#[derive(Debug)]
pub(super) struct Port(File);

impl Port {
    /// Opens, locks and configures the port.
    ///
    /// # Errors
    /// What the system reported, as a text that says what to do where we know it.
    pub(super) fn open(path: &Path, speed: u32, flow: Flow) -> io::Result<Port> {
        let flags = OFlag::O_NOCTTY | OFlag::O_NONBLOCK;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(flags.bits())
            .open(path)
            .map_err(explain)?;
        lock::exclusively(&file).map_err(explain)?;
        configure(&file, speed, flow)?;
        Ok(Port(file))
    }
}

impl Deref for Port {
    type Target = File;

    fn deref(&self) -> &File {
        &self.0
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        // close(2) of a port waits up to 30 s for what was written (`closing_wait`); it is of no use
        // to a co-processor that we leave.
        let _ = tcflush(&self.0, FlushArg::TCIOFLUSH);
    }
}

/// Raw, 8N1. RTS and CTS are rarely wired, and not every firmware knows XON and XOFF, which HDLC escapes (protocol §6.1):
/// there is no flow control that was not asked for.
fn configure(file: &File, speed: u32, flow: Flow) -> io::Result<()> {
    let wanted = baud_rate(speed)
        .ok_or_else(|| other(format!("{speed} bit/s is no speed of a serial port")))?;
    let mut settings = tcgetattr(file).map_err(|errno| match errno {
        Errno::ENOTTY => other("not a serial port; name one, like /dev/ttyACM0".to_owned()),
        errno => errno.into(),
    })?;
    cfmakeraw(&mut settings);
    settings.control_flags |= ControlFlags::CLOCAL | ControlFlags::CREAD;
    settings.control_flags -= ControlFlags::CRTSCTS | ControlFlags::CSTOPB | ControlFlags::PARENB;
    if flow.xonxoff {
        // Both ways; cfmakeraw(3) turned them off.
        settings.input_flags |= InputFlags::IXON | InputFlags::IXOFF;
    }
    if flow.rtscts {
        settings.control_flags |= ControlFlags::CRTSCTS;
    }
    // Hanging up would drop DTR, which resets some co-processors (protocol §6.1).
    settings.control_flags -= ControlFlags::HUPCL;
    // As the kernel has it (termbits.h). cfsetspeed(3) and its kin are other functions from glibc 2.42 on,
    // and the older ones cannot be linked statically.
    let wanted = ControlFlags::from_bits_retain(wanted as u32);
    settings.control_flags = (settings.control_flags - ControlFlags::CBAUD) | wanted;
    tcsetattr(file, SetArg::TCSANOW, &settings)?;
    // tcsetattr(3) succeeds if any of the changes could be made.
    if tcgetattr(file)?.control_flags & ControlFlags::CBAUD != wanted {
        return Err(other(format!(
            "the port does not do {speed} bit/s; write another speed behind its path"
        )));
    }
    if flow.rtscts
        && !tcgetattr(file)?
            .control_flags
            .contains(ControlFlags::CRTSCTS)
    {
        return Err(other(
            "the port has no flow control by RTS and CTS; leave :rtscts out".to_owned(),
        ));
    }
    // What was meant for whoever had the port before.
    Ok(tcflush(file, FlushArg::TCIOFLUSH)?)
}

fn explain(error: io::Error) -> io::Error {
    let mut kind = error.kind();
    let advice = match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ENOENT | Errno::ENXIO | Errno::ENODEV) => {
            kind = io::ErrorKind::NotFound;
            "is it plugged in? ls /dev/serial/by-id"
        }
        Some(Errno::EACCES) => "join the group that it belongs to (ls -l), often dialout",
        // The mode of a node says EACCES; this says the device policy of a control group.
        Some(Errno::EPERM) => {
            "the systemd unit or the container allows no such device: for the unit install \
             spinel-bridge-host-serial.conf of the examples"
        }
        Some(Errno::EWOULDBLOCK | Errno::EBUSY) => "another program has it (fuser); stop that",
        Some(Errno::EISDIR) => "a folder; name a port, like /dev/ttyACM0",
        _ => return error,
    };
    io::Error::new(kind, format!("{error}: {advice}"))
}

fn other(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}

/// The constant for a speed of [`SERIAL_SPEEDS`](crate::config::SERIAL_SPEEDS).
fn baud_rate(speed: u32) -> Option<BaudRate> {
    Some(match speed {
        9_600 => BaudRate::B9600,
        19_200 => BaudRate::B19200,
        38_400 => BaudRate::B38400,
        57_600 => BaudRate::B57600,
        115_200 => BaudRate::B115200,
        230_400 => BaudRate::B230400,
        460_800 => BaudRate::B460800,
        500_000 => BaudRate::B500000,
        576_000 => BaudRate::B576000,
        921_600 => BaudRate::B921600,
        1_000_000 => BaudRate::B1000000,
        1_152_000 => BaudRate::B1152000,
        1_500_000 => BaudRate::B1500000,
        2_000_000 => BaudRate::B2000000,
        2_500_000 => BaudRate::B2500000,
        3_000_000 => BaudRate::B3000000,
        3_500_000 => BaudRate::B3500000,
        4_000_000 => BaudRate::B4000000,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SERIAL_SPEEDS;

    #[test]
    fn every_speed_has_its_constant() {
        for speed in SERIAL_SPEEDS {
            let rate = format!("{:?}", baud_rate(*speed).unwrap());
            assert_eq!(rate, format!("B{speed}"));
        }
        assert_eq!(baud_rate(7), None);
    }

    #[test]
    fn what_a_unit_forbids_names_its_drop_in() {
        let text = |errno: Errno| explain(errno.into()).to_string();
        assert!(text(Errno::EPERM).contains("spinel-bridge-host-serial.conf"));
        assert!(text(Errno::EACCES).contains("dialout"));
    }

    #[test]
    fn what_is_no_port() {
        for (path, message) in [
            ("/nonexistent/ttyACM0", "plugged in"),
            ("/dev/null", "not a serial port"),
            ("/tmp", "a folder"),
        ] {
            let error = Port::open(Path::new(path), 115_200, Flow::default())
                .unwrap_err()
                .to_string();
            assert!(error.contains(message), "{path}: {error}");
            assert!(!error.contains('\n'));
        }
    }
}
