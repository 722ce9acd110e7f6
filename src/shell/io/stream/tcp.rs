//! A TCP connection that is made without waiting for it.

use nix::errno::Errno;
use nix::poll::{poll, PollFd, PollFlags, PollTimeout};
use nix::sys::socket::{
    connect, socket, AddressFamily, SockFlag, SockProtocol, SockType, SockaddrStorage,
};
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, AsRawFd};

/// Begins to connect. The stream does not block; [`is_connected`] tells when it can be used.
///
/// # Errors
/// What the system reported at once.
pub(super) fn begin(address: SocketAddr) -> io::Result<TcpStream> {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::Inet,
        SocketAddr::V6(_) => AddressFamily::Inet6,
    };
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let socket = socket(family, SockType::Stream, flags, SockProtocol::Tcp)?;
    match connect(socket.as_raw_fd(), &SockaddrStorage::from(address)) {
        Ok(()) | Err(Errno::EINPROGRESS) => {}
        Err(errno) => return Err(explain(errno.into())),
    }
    let stream = TcpStream::from(socket);
    // Frames are written whole; waiting for more would only add latency.
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Whether the connection stands.
///
/// # Errors
/// Why it does not and will not.
pub(super) fn is_connected(stream: &TcpStream) -> io::Result<bool> {
    let mut ready = [PollFd::new(stream.as_fd(), PollFlags::POLLOUT)];
    if poll(&mut ready, PollTimeout::ZERO)? == 0 {
        return Ok(false);
    }
    match stream.take_error()? {
        Some(error) => Err(explain(error)),
        None => Ok(true),
    }
}

/// A firewall says so, or the filter of a systemd unit, which is more likely.
fn explain(error: io::Error) -> io::Error {
    if error.kind() != io::ErrorKind::PermissionDenied {
        return error;
    }
    let text = format!(
        "{error}: a systemd unit reaches what its IPAddressAllow= names: for ours install \
         spinel-bridge-host-lan.conf of the examples, or look at the firewall"
    );
    io::Error::new(error.kind(), text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_unit_forbids_names_its_drop_in() {
        let text = |errno: Errno| explain(errno.into()).to_string();
        assert!(text(Errno::EPERM).contains("spinel-bridge-host-lan.conf"));
        assert!(!text(Errno::ECONNREFUSED).contains("conf"));
    }
}
