//! The network interface: a TUN device that carries bare IPv6 packets (protocol §7.7).
//!
//! One read gives one packet, one write takes one. The interface goes away with its descriptor, unless
//! somebody made it persistent.

use crate::host::traffic::packet::MTU;
use nix::errno::Errno;
use std::fmt;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use tun_tap::{Iface, Mode};

/// An open TUN interface. Nothing here blocks.
#[derive(Debug)]
pub struct Tun {
    iface: Iface,
}

/// Which name the interface gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    /// This one or none.
    Exactly(String),
    /// `wpan0`, or the next `wpanN` that is free.
    Default,
}

impl Tun {
    /// Opens the interface; makes it unless it exists and is a TUN device that nobody has open.
    ///
    /// # Errors
    /// What is missing, and what to do.
    pub fn open(name: &Name) -> Result<Self, OpenError> {
        let opened = match name {
            Name::Exactly(name) => {
                check_name(name)?;
                open(name)
            }
            // Linux counts for us, but would also pass over a wpan0 that was made for us.
            Name::Default => match open(DEFAULT) {
                Err(error) if is_taken(&error) => open(ANY),
                result => result,
            },
        };
        let failed = |cause| OpenError::new(name, cause);
        let iface = opened.map_err(failed)?;
        iface.set_non_blocking().map_err(failed)?;
        Ok(Tun { iface })
    }

    /// The name that it got.
    pub fn name(&self) -> &str {
        self.iface.name()
    }

    /// The descriptor that becomes readable with a packet.
    pub fn fd(&self) -> RawFd {
        self.iface.as_raw_fd()
    }

    /// Reads one packet. What does not fit `buf` is cut off: [`PACKET_MAX`] octets tell a packet that
    /// is too long from one that is just not.
    ///
    /// # Errors
    /// `WouldBlock` if there is none. Anything else means that the interface is gone.
    pub fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.iface.recv(buf).map_err(|error| self.explain(error))
    }

    /// Writes one packet; says whether the interface took it, which it does not while it is down.
    ///
    /// # Errors
    /// `WouldBlock` if there is no room now. Anything else means that the interface is gone.
    pub fn write(&self, packet: &[u8]) -> io::Result<bool> {
        match self.iface.send(packet) {
            Ok(_) => Ok(true),
            Err(error) if is(&error, Errno::EIO) => Ok(false),
            // The kernel looks at the version, and has no memory at times: this packet is lost.
            Err(error) if is(&error, Errno::EINVAL) || is(&error, Errno::ENOMEM) => Ok(false),
            Err(error) => Err(self.explain(error)),
        }
    }

    fn explain(&self, error: io::Error) -> io::Error {
        if !is(&error, Errno::EBADFD) {
            return error;
        }
        io::Error::new(
            io::ErrorKind::NotConnected,
            format!(
                "the interface {} was deleted by somebody: start again to have it anew",
                self.name()
            ),
        )
    }
}

/// Why the interface could not be opened.
#[derive(Debug)]
pub enum OpenError {
    /// No name for an interface.
    Name(String),
    /// There is no `/dev/net/tun`.
    NoDevice,
    /// Not allowed.
    NotPermitted,
    /// The name is in use.
    Taken(String),
    /// Something else.
    Failed {
        /// The name that was tried.
        name: String,
        /// What the system reported.
        cause: io::Error,
    },
}

impl OpenError {
    fn new(name: &Name, cause: io::Error) -> Self {
        let name = match name {
            Name::Exactly(name) => name,
            Name::Default => DEFAULT,
        };
        let has = |errno| is(&cause, errno);
        if has(Errno::ENOENT) || has(Errno::ENODEV) || has(Errno::ENXIO) {
            OpenError::NoDevice
        } else if has(Errno::EPERM) || has(Errno::EACCES) {
            OpenError::NotPermitted
        } else if is_taken(&cause) {
            OpenError::Taken(name.to_owned())
        } else {
            let name = name.to_owned();
            OpenError::Failed { name, cause }
        }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::Name(name) => write!(
                f,
                "{name:?} is no name for an interface: use 1 to {NAME_MAX} letters, digits and -_."
            ),
            OpenError::NoDevice => f.write_str(
                "/dev/net/tun is not there: load the module (modprobe tun), or pass the device into \
                 the container",
            ),
            OpenError::NotPermitted => f.write_str(
                "not allowed to make an interface through /dev/net/tun: run as root or with \
                 CAP_NET_ADMIN",
            ),
            OpenError::Taken(name) => write!(
                f,
                "the interface {name} is in use, or is no TUN device: end the program that has it, \
                 or choose another name with --tun"
            ),
            OpenError::Failed { name, cause } => {
                write!(f, "cannot make the TUN interface {name}: {cause}")
            }
        }
    }
}

impl std::error::Error for OpenError {}

fn open(name: &str) -> io::Result<Iface> {
    Iface::without_packet_info(name, Mode::Tun)
}

/// EBUSY: a TUN device that is open elsewhere. EINVAL, EEXIST: a device of another kind, like the
/// `wpan0` of a radio with a driver in the kernel.
fn is_taken(error: &io::Error) -> bool {
    is(error, Errno::EBUSY) || is(error, Errno::EINVAL) || is(error, Errno::EEXIST)
}

fn is(error: &io::Error, errno: Errno) -> bool {
    error.raw_os_error() == Some(errno as i32)
}

/// What Linux takes as a name, less what is hard to type; `%` would make it a pattern.
fn check_name(name: &str) -> Result<(), OpenError> {
    let allowed = |octet: u8| octet.is_ascii_alphanumeric() || b"-_.".contains(&octet);
    if (1..=NAME_MAX).contains(&name.len())
        && name.bytes().all(allowed)
        && name.bytes().any(|octet| octet != b'.')
    {
        Ok(())
    } else {
        Err(OpenError::Name(name.to_owned()))
    }
}

/// Room for a read: one octet more than what passes, so that what is longer shows.
pub const PACKET_MAX: usize = MTU + 1;

/// `IFNAMSIZ` less the terminating zero.
const NAME_MAX: usize = 15;

/// As wpantund has it.
const DEFAULT: &str = "wpan0";
/// The kernel puts the first free number in.
const ANY: &str = "wpan%d";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        for name in ["wpan0", "a", "mesh.1-x_y", "fifteen-octets-"] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for name in [
            "",
            ".",
            "..",
            "sixteen-octets--",
            "a/b",
            "a b",
            "wpan%d",
            "ü",
        ] {
            let error = check_name(name).unwrap_err().to_string();
            assert!(error.contains("1 to 15 letters"), "{error}");
        }
    }

    #[test]
    fn errors_say_what_to_do() {
        let text = |errno: Errno| {
            let cause = io::Error::from_raw_os_error(errno as i32);
            OpenError::new(&Name::Exactly("wpan7".to_owned()), cause).to_string()
        };
        assert!(text(Errno::ENOENT).contains("modprobe tun"));
        assert!(text(Errno::ENODEV).contains("modprobe tun"));
        assert!(text(Errno::EPERM).contains("CAP_NET_ADMIN"));
        assert!(text(Errno::EBUSY).contains("wpan7 is in use"));
        assert!(text(Errno::EINVAL).contains("no TUN device"));
        assert!(text(Errno::EMFILE).contains("wpan7: "));
    }
}
