//! The client's end, whatever it is: a pty, or standard input and output, as a stream or frame by frame.

use super::pty::{ClientState, Pty};
use super::stdio::{Frame, Stdio};
use super::{Io, Source};
use std::io;
use std::os::fd::RawFd;

/// Where octets come from and go to.
#[derive(Debug)]
pub enum Client {
    /// A pty that clients open and close.
    Pty(Pty),
    /// Standard input and output as a stream.
    Stream(Stdio),
    /// Standard input and output, a frame for each read and write.
    Frames(Stdio),
}

/// What a read brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// So many octets, or a frame of that length. 0: an empty frame, or one that was too long.
    Octets(usize),
    /// Nothing now.
    Blocked,
    /// Nobody is there; somebody may come.
    NoClient,
    /// The end.
    End,
}

/// What a write did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write {
    /// Took so many octets.
    Octets(usize),
    /// No room now.
    Blocked,
    /// Nobody is there; somebody may come.
    NoClient,
    /// The reader is gone for good.
    End,
}

impl Client {
    /// Registers the descriptors. What epoll refuses (regular files, `/dev/null`) is always ready.
    ///
    /// # Errors
    /// What epoll reported.
    pub fn register(&self, io: &mut Io) -> io::Result<()> {
        match self {
            Client::Pty(pty) => {
                io.watch(pty.fd(), Source::Input)?;
                if let Some(fd) = pty.hint_fd() {
                    io.watch(fd, Source::Hint)?;
                }
            }
            Client::Stream(stdio) | Client::Frames(stdio) => {
                if stdio.pollable_input() {
                    io.watch(stdio.input_fd(), Source::Input)?;
                }
                if stdio.pollable_output() {
                    io.watch(stdio.output_fd(), Source::Output)?;
                }
            }
        }
        // What came before we watched made no edge.
        io.ready.input = true;
        Ok(())
    }

    /// Asks to be told of room to write, after a write was blocked; or not any more.
    ///
    /// # Errors
    /// What epoll reported.
    pub fn watch_room(&self, io: &Io, room: bool) -> io::Result<()> {
        match self.output() {
            Some((fd, source)) => io.watch_room(fd, source, room),
            None => Ok(()),
        }
    }

    /// Whether a read that did not fill its buffer means that there is nothing more to read now, and
    /// that an event will tell of more. A file makes no event: it is read until it ends.
    pub fn short_read_is_all(&self) -> bool {
        match self {
            Client::Pty(_) => true,
            Client::Stream(stdio) => stdio.pollable_input(),
            Client::Frames(_) => false,
        }
    }

    /// Whether somebody is there, as of the last read.
    pub fn is_there(&self) -> bool {
        match self {
            Client::Pty(pty) => pty.state() == ClientState::Connected,
            Client::Stream(_) | Client::Frames(_) => true,
        }
    }

    /// Throws away the hints that a client may have come.
    pub fn drain_hints(&mut self) {
        if let Client::Pty(pty) = self {
            pty.drain_hints();
        }
    }

    /// Whether nobody comes after the client that closed what we read.
    pub fn ends_with_its_input(&self) -> bool {
        !matches!(self, Client::Pty(_))
    }

    /// Looks whether the last client went, where there may be another, without reading.
    pub fn notice_hangup(&mut self) {
        if let Client::Pty(pty) = self {
            pty.notice_hangup();
        }
    }

    /// Reads into `buffer`; for frames it is one octet longer than the MTU.
    ///
    /// # Errors
    /// What the system reported, other than the above.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<Read> {
        let result = match self {
            Client::Pty(pty) => pty.read(buffer).map(Read::Octets),
            Client::Stream(stdio) => stdio.read(buffer).map(|n| match n {
                0 => Read::End,
                n => Read::Octets(n),
            }),
            Client::Frames(stdio) => {
                let mtu = buffer.len().saturating_sub(1);
                stdio.read_frame(buffer, mtu).map(|frame| match frame {
                    Frame::Octets(n) => Read::Octets(n),
                    Frame::Empty => Read::Octets(0),
                    Frame::TooLong => Read::Octets(mtu + 1),
                    Frame::End => Read::End,
                })
            }
        };
        match result {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Read::Blocked),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(Read::Octets(0)),
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(Read::NoClient),
            result => result,
        }
    }

    /// Writes from `octets`: for frames, one of them.
    ///
    /// # Errors
    /// What the system reported, other than the above.
    pub fn write(&mut self, octets: &[u8]) -> io::Result<Write> {
        let result = match self {
            Client::Pty(pty) => pty.write(octets),
            Client::Stream(stdio) | Client::Frames(stdio) => stdio.write(octets),
        };
        match result {
            Ok(n) => Ok(Write::Octets(n)),
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock => Ok(Write::Blocked),
                io::ErrorKind::Interrupted => Ok(Write::Octets(0)),
                io::ErrorKind::NotConnected => Ok(Write::NoClient),
                io::ErrorKind::BrokenPipe => Ok(Write::End),
                _ => Err(error),
            },
        }
    }

    fn output(&self) -> Option<(RawFd, Source)> {
        match self {
            Client::Pty(pty) => Some((pty.fd(), Source::Input)),
            Client::Stream(stdio) | Client::Frames(stdio) => stdio
                .pollable_output()
                .then(|| (stdio.output_fd(), Source::Output)),
        }
    }
}
