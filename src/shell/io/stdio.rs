//! Standard input and output as one channel, for `--stdio` (a stream of octets) and `--raw` (one frame
//! for each read and write).
//!
//! Whoever starts us chooses what the two are: wpantund and OpenThread give a pty or a socket pair,
//! pyspinel two pipes, a shell its terminal, and `</dev/null` must work as well. So:
//!
//! - O_NONBLOCK belongs to the open file, not to us: a shell shares it. It is set here and put back on
//!   drop. Both flags are read before either is set, as both may be the same open file.
//! - A terminal that would change octets (echo, line editing, newline translation) is made raw, and put
//!   back on drop. One that its owner made raw already is left as it is, unless its VMIN is 0, as pyserial
//!   leaves a port: then a read of nothing looks like the end.
//! - epoll refuses regular files and `/dev/null` (EPERM). They are always ready:
//!   [`Stdio::pollable_input`] and [`Stdio::pollable_output`] tell.
//!
//! # How the end shows (measured on Linux 6.18)
//!
//! | the other end | read | write | epoll |
//! | --- | --- | --- | --- |
//! | pipe closed | 0 | EPIPE | HUP when reading, OUT and ERR when writing |
//! | stream or SEQPACKET socket closed | what it wrote last, then 0; if it left octets unread once ECONNRESET, before (SEQPACKET) or after that (stream) | EPIPE | IN, OUT, RDHUP, HUP |
//! | datagram socket closed | **EAGAIN** | ECONNREFUSED, then ENOTCONN | OUT |
//! | pty master closed | 0 | EIO | IN, OUT, HUP, ERR |
//! | a datagram of length 0 | 0, no end | | IN |
//!
//! So the end of a datagram peer is found by a write alone.
//!
//! # Frames (`--raw`)
//! Sockets of type SOCK_DGRAM and SOCK_SEQPACKET keep frames apart in both directions. A pipe does
//! if its writer sets O_DIRECT (pipe(2), "packet mode"), as we do for standard output. On a stream socket
//! nothing does: it works as long as the other side reads each frame before the next is written.

use super::status;
use nix::errno::Errno;
use nix::fcntl::{fcntl, FcntlArg, OFlag};
use nix::sys::socket::{getsockopt, sockopt, SockType};
use nix::sys::termios::{
    cfmakeraw, tcgetattr, tcsetattr, InputFlags, LocalFlags, OutputFlags, SetArg,
    SpecialCharacterIndices, Termios,
};
use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::fs::FileTypeExt;

/// Standard input and output.
#[derive(Debug)]
pub struct Stdio {
    input: Channel,
    output: Channel,
}

/// What [`Stdio::read_frame`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A frame of so many octets, at least 1.
    Octets(usize),
    /// A datagram without octets.
    Empty,
    /// A frame that is longer than the mtu. It is gone, and on a pipe or stream socket all that waited
    /// behind it as well, for there is no telling where the next frame begins.
    TooLong,
    /// The other side has closed.
    End,
}

impl Stdio {
    /// Takes standard input and output, for a stream of octets.
    ///
    /// # Errors
    /// What the system reported.
    pub fn stream() -> io::Result<Stdio> {
        let [input, output] = standard()?;
        Stdio::new(input, output, false)
    }

    /// Takes standard input and output, for one frame in each read and write.
    ///
    /// # Errors
    /// What the system reported.
    pub fn frames() -> io::Result<Stdio> {
        let [input, output] = standard()?;
        Stdio::new(input, output, true)
    }

    /// Takes any two descriptors, which may be of the same open file.
    ///
    /// # Errors
    /// What the system reported.
    fn new(input: OwnedFd, output: OwnedFd, frames: bool) -> io::Result<Stdio> {
        let mut input = Channel::new(input)?;
        let mut output = Channel::new(output)?;
        let packets = match frames && output.kind == Kind::Pipe {
            true => OFlag::O_DIRECT,
            false => OFlag::empty(),
        };
        input.prepare(OFlag::empty())?;
        output.prepare(packets)?;
        Ok(Stdio { input, output })
    }

    /// The descriptor to read from.
    pub fn input_fd(&self) -> RawFd {
        self.input.fd.as_raw_fd()
    }

    /// The descriptor to write to. It may be another number for the same file as
    /// [`Stdio::input_fd`]; epoll takes both.
    pub fn output_fd(&self) -> RawFd {
        self.output.fd.as_raw_fd()
    }

    /// Whether epoll takes the input; if not, it is always ready.
    pub fn pollable_input(&self) -> bool {
        self.input.pollable
    }

    /// Whether epoll takes the output; if not, it is always ready.
    pub fn pollable_output(&self) -> bool {
        self.output.pollable
    }

    /// Whether the input keeps frames apart for certain.
    pub fn input_keeps_frames(&self) -> bool {
        matches!(self.input.kind, Kind::Datagrams | Kind::Records)
    }

    /// Reads octets of the stream. `Ok(0)` is the end: the other side has closed.
    ///
    /// # Errors
    /// `WouldBlock` when there is nothing to read; what the system reported else.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut result = self.input.read(buffer);
        if has_code(&result, Errno::ECONNRESET) {
            // It comes once; on SOCK_SEQPACKET before what the other side wrote last.
            result = self.input.read(buffer);
        }
        match result {
            Err(error) if self.input.means_closed(&error) => Ok(0),
            result => result,
        }
    }

    /// Reads one frame of at most `mtu` octets into `buffer`, which has room for one octet more than
    /// that: a frame that needs it is too long.
    ///
    /// # Errors
    /// `WouldBlock` when there is nothing to read; `InvalidInput` if `buffer` is too short; what the
    /// system reported else.
    pub fn read_frame(&mut self, buffer: &mut [u8], mtu: usize) -> io::Result<Frame> {
        let buffer = buffer.get_mut(..=mtu).ok_or(io::ErrorKind::InvalidInput)?;
        let mut length = self.read(buffer)?;
        if length == 0 {
            match self.input.kind {
                Kind::Datagrams => return Ok(Frame::Empty),
                // A record without octets, or the end? The end comes again.
                Kind::Records => length = self.read(buffer)?,
                _ => {}
            }
        }
        match length {
            0 => Ok(Frame::End),
            length if length <= mtu => Ok(Frame::Octets(length)),
            _ => {
                if !self.input_keeps_frames() {
                    self.discard(buffer);
                }
                Ok(Frame::TooLong)
            }
        }
    }

    /// Writes octets of the stream, or one frame. On a socket or pipe that keeps frames apart it takes all
    /// or nothing; elsewhere it may take a part.
    ///
    /// # Errors
    /// `WouldBlock` when there is no room, `BrokenPipe` when the other side has closed, what the system
    /// reported else.
    pub fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        match nix::unistd::write(&self.output.fd, octets).map_err(io::Error::from) {
            Err(error) if self.output.means_closed(&error) => Err(io::ErrorKind::BrokenPipe.into()),
            result => result,
        }
    }

    /// Throws away what waits to be read, at most what a pipe holds.
    fn discard(&mut self, buffer: &mut [u8]) {
        let mut left = DISCARD;
        while let Ok(length) = self.input.read(buffer) {
            left = left.saturating_sub(length);
            if length < buffer.len() || left == 0 {
                return;
            }
        }
    }
}

/// One direction.
#[derive(Debug)]
struct Channel {
    fd: OwnedFd,
    kind: Kind,
    pollable: bool,
    /// The flags that the open file had.
    flags: OFlag,
    /// The settings that the terminal had, if we changed them.
    settings: Option<Termios>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Terminal,
    Pipe,
    /// SOCK_STREAM.
    Stream,
    /// SOCK_DGRAM.
    Datagrams,
    /// SOCK_SEQPACKET.
    Records,
    /// Regular files, `/dev/null` and the like.
    Other,
}

impl Channel {
    /// Looks at a descriptor, changes nothing.
    fn new(fd: OwnedFd) -> io::Result<Channel> {
        Ok(Channel {
            kind: kind(&fd)?,
            pollable: is_pollable(&fd)?,
            flags: flags(&fd)?,
            settings: None,
            fd,
        })
    }

    fn prepare(&mut self, packets: OFlag) -> io::Result<()> {
        let flags = flags(&self.fd)? | OFlag::O_NONBLOCK;
        // A kernel that cannot change to packet mode (before 4.5, pipe(2)) answers EINVAL: then without it.
        fcntl(&self.fd, FcntlArg::F_SETFL(flags | packets))
            .or_else(|_| fcntl(&self.fd, FcntlArg::F_SETFL(flags)))?;
        if self.kind == Kind::Terminal {
            self.make_raw()?;
        }
        Ok(())
    }

    fn make_raw(&mut self) -> io::Result<()> {
        let found = tcgetattr(&self.fd)?;
        if !changes_octets(&found) && !looks_ended(&found) {
            return Ok(());
        }
        let mut raw = found.clone();
        cfmakeraw(&mut raw);
        tcsetattr(&self.fd, SetArg::TCSANOW, &raw)?;
        self.settings = Some(found);
        Ok(())
    }

    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(nix::unistd::read(&self.fd, buffer)?)
    }

    /// EIO is the end of a terminal, but of a disk it is an error.
    fn means_closed(&self, error: &io::Error) -> bool {
        match error.raw_os_error().map(Errno::from_raw) {
            Some(Errno::EPIPE | Errno::ECONNRESET | Errno::ECONNREFUSED | Errno::ENOTCONN) => true,
            Some(Errno::EIO) => self.kind == Kind::Terminal,
            _ => false,
        }
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        if let Some(settings) = &self.settings {
            let _ = tcsetattr(&self.fd, SetArg::TCSANOW, settings);
        }
        let _ = fcntl(&self.fd, FcntlArg::F_SETFL(self.flags));
    }
}

/// Descriptors of our own for the open files of 0 and 1. Rust's own handles have a buffer.
fn standard() -> io::Result<[OwnedFd; 2]> {
    Ok([
        io::stdin().as_fd().try_clone_to_owned()?,
        io::stdout().as_fd().try_clone_to_owned()?,
    ])
}

fn kind(fd: &OwnedFd) -> io::Result<Kind> {
    if fd.as_fd().is_terminal() {
        return Ok(Kind::Terminal);
    }
    let file = status(fd.as_fd())?.file_type();
    if file.is_fifo() {
        return Ok(Kind::Pipe);
    }
    if !file.is_socket() {
        return Ok(Kind::Other);
    }
    Ok(match getsockopt(fd, sockopt::SockType)? {
        SockType::Datagram => Kind::Datagrams,
        SockType::SeqPacket => Kind::Records,
        _ => Kind::Stream,
    })
}

/// Asks the one who decides.
fn is_pollable(fd: &OwnedFd) -> io::Result<bool> {
    let poll = mio::Poll::new()?;
    let fd = fd.as_raw_fd();
    let mut source = mio::unix::SourceFd(&fd);
    match poll
        .registry()
        .register(&mut source, mio::Token(0), mio::Interest::READABLE)
    {
        Ok(()) => Ok(true),
        Err(error) if error.raw_os_error() == Some(Errno::EPERM as i32) => Ok(false),
        Err(error) => Err(error),
    }
}

fn flags(fd: &OwnedFd) -> io::Result<OFlag> {
    Ok(OFlag::from_bits_retain(fcntl(fd, FcntlArg::F_GETFL)?))
}

fn changes_octets(settings: &Termios) -> bool {
    let input = InputFlags::ICRNL
        | InputFlags::INLCR
        | InputFlags::IGNCR
        | InputFlags::ISTRIP
        | InputFlags::IXON;
    let local = LocalFlags::ICANON | LocalFlags::ECHO | LocalFlags::ISIG;
    settings.input_flags.intersects(input)
        || settings.local_flags.intersects(local)
        || settings.output_flags.contains(OutputFlags::OPOST)
}

/// Whether a read that finds nothing answers 0 and not EAGAIN (termios(3), non-canonical mode:
/// which of VMIN and O_NONBLOCK wins is left open, and Linux takes VMIN).
fn looks_ended(settings: &Termios) -> bool {
    settings.control_chars[SpecialCharacterIndices::VMIN as usize] == 0
}

fn has_code(result: &io::Result<usize>, code: Errno) -> bool {
    matches!(result, Err(error) if error.raw_os_error() == Some(code as i32))
}

/// What a pipe holds (pipe(7)).
const DISCARD: usize = 65_536;

#[cfg(test)]
mod tests;
