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
mod lock;
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
pub mod tap;
pub mod tun;

use mio::event::Event;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use nix::errno::Errno;
use nix::poll::{ppoll, PollFd, PollFlags};
use std::fs::{File, Metadata};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, RawFd};
use std::path::PathBuf;
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
    /// Its end showed: a short read does not mean that there is nothing more to see.
    pub stream_closed: bool,
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
        self.poll
            .registry()
            .register(&mut SourceFd(&fd), token(source), interest(source))
    }

    /// Watches `fd`, which is registered, also for room to write; or not any more.
    ///
    /// # Errors
    /// What epoll reported.
    pub fn watch_room(&self, fd: RawFd, source: Source, room: bool) -> io::Result<()> {
        let interest = match room {
            true => interest(source) | Interest::WRITABLE,
            false => interest(source),
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
    pub fn wait(&mut self, mut timeout: Option<Duration>) -> io::Result<()> {
        if let Some(short) = timeout.filter(|time| *time < COARSE && !time.is_zero()) {
            self.wait_exactly(short)?;
            timeout = Some(Duration::ZERO);
        }
        match self.poll.poll(&mut self.events, timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            result => result?,
        }
        for event in &self.events {
            latch(&mut self.ready, event);
        }
        Ok(())
    }

    /// epoll_wait counts in milliseconds, and mio rounds up: a slave that is ready after 1.2 ms would be
    /// asked after 2. The epoll descriptor can itself be waited for, by a call that counts in
    /// nanoseconds.
    fn wait_exactly(&self, timeout: Duration) -> io::Result<()> {
        let mut epoll = [PollFd::new(self.poll.registry().as_fd(), PollFlags::POLLIN)];
        match ppoll(&mut epoll, Some(timeout.into()), None) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
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
            ready.stream_closed |= closed;
            ready.stream_room |= event.is_writable();
        }
        Some(Source::Child) => ready.child = true,
        None => {}
    }
}

/// What is always watched.
fn interest(source: Source) -> Interest {
    match source {
        // Only its end is of interest, which epoll always tells; mio wants to be told something.
        Source::Output => Interest::PRIORITY,
        _ => Interest::READABLE,
    }
}

/// What kind of file this is, and which. The standard library asks for 64 bits of everything; on a 32-bit
/// machine fstat(2), as nix has it, refuses a file of 2 GiB, a large inode and the year 2038.
fn status(fd: BorrowedFd<'_>) -> io::Result<Metadata> {
    File::from(fd.try_clone_to_owned()?).metadata()
}

/// Devices that differ in their number alone by it: gpiochip2 comes before gpiochip10. One for all lists, since
/// each kind of item would have a sort of its own, with 3 kB of code.
fn sort_by_number(paths: &mut [PathBuf]) {
    paths.sort_unstable_by(|a, b| {
        let length = |path: &PathBuf| path.as_os_str().len();
        length(a).cmp(&length(b)).then_with(|| a.cmp(b))
    });
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

/// From here on a wait may be a millisecond too long: that is a tenth at the most. Below it costs a system
/// call to be exact.
const COARSE: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixStream;
    use std::time::Instant;

    #[test]
    fn short_waits_are_not_rounded_to_milliseconds() {
        let mut io = Io::new().expect("epoll");
        let wanted = Duration::from_micros(1_200);
        let times = (0..100).map(|_| {
            let began = Instant::now();
            io.wait(Some(wanted)).expect("a wait");
            began.elapsed()
        });
        // On a busy machine some take longer; rounded up none would be below two milliseconds.
        let least = times.min().expect("a hundred");
        assert!(least >= wanted, "{least:?}");
        assert!(least < Duration::from_millis(2), "{least:?}");
    }

    #[test]
    fn whatever_is_ready_is_seen_in_a_wait_of_any_length() {
        let mut io = Io::new().expect("epoll");
        let (ours, mut theirs) = UnixStream::pair().expect("two sockets");
        io.watch(ours.as_raw_fd(), Source::Interrupt)
            .expect("watched");
        for timeout in [None, Some(COARSE), Some(COARSE / 2)] {
            theirs.write_all(b"!").expect("room");
            let began = Instant::now();
            while !core::mem::take(&mut io.ready.interrupt) {
                io.wait(timeout).expect("a wait");
                assert!(began.elapsed() < Duration::from_secs(2), "{timeout:?}");
            }
        }
    }
}
