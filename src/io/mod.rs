//! Every descriptor lives here, one kind of device per file, each closed by its owner. [`Io`] owns the
//! poll and knows what is ready; the rest of the program sees `io::Result`s.
//!
//! mio is edge-triggered: an event comes once, and no second one after a partial read. So an event sets
//! a latch in [`Ready`], which stays set until the descriptor says `WouldBlock`, or a short read says
//! the same.

pub mod child;
pub mod client;
pub mod control;
pub mod gpio;
pub mod log;
pub mod netlink;
pub mod notify;
pub mod privileges;
mod process;
pub mod pty;
pub mod radio;
pub mod retain;
pub mod sandbox;
pub mod settings;
pub mod signal;
pub mod spi;
pub mod stdio;
pub mod stream;
pub mod tun;

use mio::event::Event;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use std::io;
use std::os::fd::RawFd;
use std::time::Duration;

/// What may be ready.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ready {
    /// The client may have sent something, or may be gone.
    pub input: bool,
    /// Its end showed: a short read does not mean that there is nothing more to see.
    pub input_closed: bool,
    /// The client may take something.
    pub output: bool,
    /// The reader of our output is gone.
    pub output_closed: bool,
    /// A client may have come.
    pub hint: bool,
    /// INT had an edge.
    pub interrupt: bool,
    /// A signal came.
    pub signal: bool,
    /// The kernel told something of the network interface.
    pub netlink: bool,
    /// A control client wants something.
    pub control: bool,
    /// The co-processor behind a stream sent something, or is gone.
    pub stream: bool,
    /// The stream may take something.
    pub stream_room: bool,
    /// A command that runs beside us may have ended.
    pub child: bool,
}

/// Who a descriptor belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// What the client sends, or both directions of it.
    Input,
    /// What the client reads, where that is another descriptor.
    Output,
    /// Tells that a client may have come.
    Hint,
    /// INT's edges.
    Interrupt,
    /// Signals.
    Signal,
    /// rtnetlink.
    Netlink,
    /// The control socket with all its clients.
    Control,
    /// A co-processor behind a serial port, a socket or a subprocess.
    Stream,
    /// A command that runs beside us.
    Child,
}

/// The poll with everything that is registered in it.
#[derive(Debug)]
pub struct Io {
    poll: Poll,
    events: Events,
    /// What is ready. The owner of a device clears its latch.
    pub ready: Ready,
}

impl Io {
    /// A poll with nothing in it.
    ///
    /// # Errors
    /// If no descriptors are left.
    pub fn new() -> io::Result<Self> {
        Ok(Io {
            poll: Poll::new()?,
            events: Events::with_capacity(EVENTS),
            ready: Ready {
                output: true,
                ..Ready::default()
            },
        })
    }

    /// Watches `fd` for what can be read, and for its end.
    ///
    /// # Errors
    /// What epoll reported.
    pub fn watch(&self, fd: RawFd, source: Source) -> io::Result<()> {
        let interest = match source {
            // Only its end is of interest, which epoll always tells; mio wants to be told something.
            Source::Output => Interest::PRIORITY,
            _ => Interest::READABLE,
        };
        self.poll
            .registry()
            .register(&mut SourceFd(&fd), token(source), interest)
    }

    /// Watches `fd`, which is registered, also for room to write; or not any more.
    ///
    /// # Errors
    /// What epoll reported.
    pub fn watch_room(&self, fd: RawFd, source: Source, room: bool) -> io::Result<()> {
        let usual = match source {
            Source::Output => Interest::PRIORITY,
            _ => Interest::READABLE,
        };
        let interest = if room {
            usual | Interest::WRITABLE
        } else {
            usual
        };
        self.poll
            .registry()
            .reregister(&mut SourceFd(&fd), token(source), interest)
    }

    /// Waits until something is ready or `timeout` is over (`None`: for ever), and sets the latches.
    /// A signal that interrupts the wait ends it with nothing ready.
    ///
    /// # Errors
    /// What epoll reported.
    pub fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        match self.poll.poll(&mut self.events, timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            result => result?,
        }
        for event in &self.events {
            latch(&mut self.ready, event);
        }
        Ok(())
    }
}

fn latch(ready: &mut Ready, event: &Event) {
    let closed = event.is_read_closed() || event.is_error();
    match source(event.token()) {
        Some(Source::Input) => {
            ready.input |= event.is_readable() || closed;
            ready.input_closed |= closed;
            ready.output |= event.is_writable();
        }
        Some(Source::Output) => {
            ready.output |= event.is_writable();
            ready.output_closed |= event.is_error() || event.is_write_closed();
        }
        Some(Source::Hint) => ready.hint = true,
        Some(Source::Interrupt) => ready.interrupt = true,
        Some(Source::Signal) => ready.signal = true,
        Some(Source::Netlink) => ready.netlink = true,
        Some(Source::Control) => ready.control = true,
        Some(Source::Stream) => {
            ready.stream |= event.is_readable() || closed;
            ready.stream_room |= event.is_writable();
        }
        Some(Source::Child) => ready.child = true,
        None => {}
    }
}

fn token(source: Source) -> Token {
    Token(source as usize)
}

fn source(token: Token) -> Option<Source> {
    SOURCES
        .iter()
        .copied()
        .find(|&source| source as usize == token.0)
}

const SOURCES: [Source; 9] = [
    Source::Input,
    Source::Output,
    Source::Hint,
    Source::Interrupt,
    Source::Signal,
    Source::Netlink,
    Source::Control,
    Source::Stream,
    Source::Child,
];

/// One event for each source fits.
const EVENTS: usize = 16;
