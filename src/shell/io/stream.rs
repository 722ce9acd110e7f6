//! A co-processor behind a stream of octets: a serial port, a command, or a TCP connection.
//!
//! What comes and goes: a serial adapter is unplugged, a command dies, a connection breaks. A [`Stream`]
//! opens it again by itself, for as long as it takes, and says so in one line of the log each time it is
//! lost and each time it is back. HDLC is not known here: see [`hdlc::host`](crate::hdlc::host).

mod serial;
mod tcp;

use super::client::{Read, Write};
use super::process::Group;
use crate::config::Device;
use crate::time::{earliest, Instant};
use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

/// A stream that is opened again when it is lost.
#[derive(Debug)]
pub struct Stream {
    target: Target,
    state: State,
    /// [`Stream::close`] was called: stay closed.
    released: bool,
    /// The next pause before it is opened again.
    pause: Duration,
    /// Reasons why it could not be opened that the log has.
    told: Vec<String>,
    /// That it is not there is known from its loss.
    told_absence: bool,
    /// Why it is not open, and how often it was lost or could not be opened without being open for long.
    trouble: String,
    failures: u32,
    /// What cannot be opened is there, which no waiting changes.
    is_there: bool,
    /// The command of the connection that was lost, until it has ended.
    ending: Option<Group>,
}

/// What can be opened.
#[derive(Clone, Debug)]
enum Target {
    Serial {
        path: PathBuf,
        speed: u32,
        flow: serial::Flow,
        now: bool,
    },
    System(String),
    Tcp(SocketAddr),
}

#[derive(Debug)]
enum State {
    /// Nothing is open; the time of the next attempt.
    Closed { retry_at: Instant },
    /// TCP: not yet; the time of the next look, and of giving up.
    Connecting {
        stream: TcpStream,
        look_at: Instant,
        until: Instant,
    },
    /// Open since then. `fresh`: [`Stream::tend`] has not told yet.
    Open {
        end: End,
        since: Instant,
        fresh: bool,
    },
}

#[derive(Debug)]
enum End {
    Serial(serial::Port),
    System(UnixStream, Group),
    Tcp(TcpStream),
}

/// What [`Stream::tend`] brought about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The stream is open, on a new descriptor.
    Opened,
}

impl Stream {
    /// Opens `device`. The other end of a TCP connection may be started later, and a serial port be plugged
    /// in: they are waited for, unless the port was asked for at once.
    ///
    /// # Errors
    /// [`OpenError`], whose message says what to do.
    pub fn open(device: &Device, now: Instant) -> Result<Stream, OpenError> {
        let target = Target::of(device).ok_or_else(|| OpenError {
            device: device.to_string(),
            cause: io::Error::new(io::ErrorKind::InvalidInput, "it is no stream of octets"),
        })?;
        let mut stream = Stream {
            pause: target.first_pause(),
            target,
            state: State::Closed { retry_at: now },
            released: false,
            told: Vec::new(),
            told_absence: false,
            trouble: String::new(),
            failures: 0,
            is_there: false,
            ending: None,
        };
        if let Target::Tcp(_) = stream.target {
            stream.attempt(now);
            return Ok(stream);
        }
        match stream.target.open() {
            Ok(end) => stream.use_end(end, now),
            Err(error)
                if stream.target.may_come_later() && error.kind() == io::ErrorKind::NotFound =>
            {
                stream.failed(&error, now);
            }
            Err(cause) => {
                return Err(OpenError {
                    device: stream.target.to_string(),
                    cause,
                })
            }
        }
        Ok(stream)
    }

    /// Why it is not open, in one line, and whether it is of no use to wait for it: it is there and cannot be
    /// used, or did not come for a while.
    pub fn trouble(&self) -> Option<(&str, bool)> {
        let is_closed = !self.is_open() && !self.released && !self.trouble.is_empty();
        let is_lasting = self.is_there || self.failures >= LASTING;
        is_closed.then_some((&self.trouble, is_lasting))
    }

    /// The descriptor, while the stream is open. Another one after each [`Change::Opened`].
    pub fn fd(&self) -> Option<RawFd> {
        match &self.state {
            State::Open { end, .. } => Some(end.fd()),
            _ => None,
        }
    }

    /// Whether octets can be read and written now.
    pub fn is_open(&self) -> bool {
        matches!(self.state, State::Open { .. })
    }

    /// Closes the stream until [`Stream::reopen`], so that a firmware upgrade can have the device: see
    /// [`Stream::is_released`].
    pub fn close(&mut self, now: Instant) {
        self.released = true;
        self.drop_end(now);
        self.state = State::Closed { retry_at: now };
    }

    /// Whether the device is free after [`Stream::close`]: a command takes a moment to end.
    pub fn is_released(&self) -> bool {
        self.released && self.ending.is_none()
    }

    /// Opens what [`Stream::close`] closed, at the next [`Stream::tend`].
    pub fn reopen(&mut self, now: Instant) {
        self.released = false;
        self.told.clear();
        self.told_absence = false;
        self.pause = self.target.first_pause();
        if let State::Closed { retry_at } = &mut self.state {
            *retry_at = now;
        }
    }

    /// Closes it because nothing comes from it, and opens it anew, like one that was lost.
    pub fn renew(&mut self, now: Instant) {
        self.lost("it says nothing", now);
    }

    /// When [`Stream::tend`] has something to do if nothing happens.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let ending = self.ending.as_ref();
        let ends_at = ending.map(|group| group.poll_timeout().unwrap_or(Instant::ZERO));
        let due = match &self.state {
            // Not before the last command has ended.
            State::Closed { .. } if self.released || ending.is_some() => None,
            State::Closed { retry_at } => Some(*retry_at),
            State::Connecting { look_at, .. } => Some(*look_at),
            State::Open { fresh: true, .. } => Some(Instant::ZERO),
            State::Open { .. } => None,
        };
        earliest(ends_at, due)
    }

    /// Opens what is due to be opened again, and sees to what has to end. To be called in each turn.
    pub fn tend(&mut self, now: Instant) -> Option<Change> {
        self.tend_ending(now);
        let may_open = !self.released && self.ending.is_none();
        match &mut self.state {
            State::Closed { retry_at } if may_open && *retry_at <= now => self.attempt(now),
            State::Connecting { look_at, .. } if *look_at <= now => self.look(now),
            _ => {}
        }
        match &mut self.state {
            State::Open { fresh, .. } if *fresh => {
                *fresh = false;
                Some(Change::Opened)
            }
            _ => None,
        }
    }

    /// Reads into `buffer`. [`Read::NoClient`]: the stream is lost, or not open; it comes back with
    /// [`Change::Opened`].
    pub fn read(&mut self, buffer: &mut [u8], now: Instant) -> Read {
        let State::Open { end, .. } = &mut self.state else {
            return Read::NoClient;
        };
        if buffer.is_empty() {
            return Read::Octets(0);
        }
        match end.read(buffer) {
            Ok(0) => self.lost("end of file", now),
            Ok(n) => return Read::Octets(n),
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock => return Read::Blocked,
                io::ErrorKind::Interrupted => return Read::Octets(0),
                _ => self.lost(error, now),
            },
        }
        Read::NoClient
    }

    /// Writes from `octets`. [`Write::NoClient`] as for [`Stream::read`].
    pub fn write(&mut self, octets: &[u8], now: Instant) -> Write {
        let State::Open { end, .. } = &mut self.state else {
            return Write::NoClient;
        };
        if octets.is_empty() {
            return Write::Octets(0);
        }
        match end.write(octets) {
            Ok(0) => Write::Blocked,
            Ok(n) => Write::Octets(n),
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock => Write::Blocked,
                io::ErrorKind::Interrupted => Write::Octets(0),
                _ => {
                    self.lost(error, now);
                    Write::NoClient
                }
            },
        }
    }

    /// Tries to open it.
    fn attempt(&mut self, now: Instant) {
        if let Target::Tcp(address) = self.target {
            match tcp::begin(address) {
                Ok(stream) => {
                    self.state = State::Connecting {
                        stream,
                        look_at: now + CONNECT_LOOK,
                        until: now + CONNECT_TIME,
                    };
                    // A connection within this machine stands at once.
                    self.look(now);
                }
                Err(error) => self.failed(&error, now),
            }
            return;
        }
        match self.target.open() {
            Ok(end) => self.use_end(end, now),
            Err(error) => self.failed(&error, now),
        }
    }

    /// Looks what became of a connection that was begun.
    fn look(&mut self, now: Instant) {
        let State::Connecting {
            stream,
            look_at,
            until,
        } = &mut self.state
        else {
            return;
        };
        match tcp::is_connected(stream) {
            Ok(true) => match stream.try_clone() {
                Ok(stream) => self.use_end(End::Tcp(stream), now),
                Err(error) => self.failed(&error, now),
            },
            Ok(false) if *until <= now => self.failed(&io::ErrorKind::TimedOut.into(), now),
            Ok(false) => *look_at = now + CONNECT_LOOK,
            Err(error) => self.failed(&error, now),
        }
    }

    fn use_end(&mut self, end: End, now: Instant) {
        log::info!("{}: open", self.target);
        self.told.clear();
        self.told_absence = false;
        self.is_there = false;
        self.state = State::Open {
            end,
            since: now,
            fresh: true,
        };
    }

    /// It could not be opened.
    fn failed(&mut self, error: &io::Error, now: Instant) {
        let pause = self.next_pause();
        let is_absent = ABSENCE.contains(&error.kind());
        let text = error.to_string();
        self.trouble = format!("{}: {text}", self.target);
        self.failures = self.failures.saturating_add(1);
        self.is_there = !is_absent;
        let is_told = is_absent && core::mem::replace(&mut self.told_absence, true);
        if is_told || self.told.contains(&text) || self.told.len() >= TOLD_MAX {
            log::debug!("{}", self.trouble);
        } else {
            self.told.push(text);
            log::warn!("{}: trying again until it is there", self.trouble);
        }
        self.state = State::Closed {
            retry_at: now + pause,
        };
    }

    /// It was open and is not any more.
    fn lost(&mut self, why: impl fmt::Display, now: Instant) {
        if let State::Open { since, .. } = self.state {
            if now.since(since) >= STEADY {
                self.pause = self.target.first_pause();
                self.failures = 0;
            }
        }
        let pause = self.next_pause();
        self.trouble = format!("{}: lost ({why})", self.target);
        self.failures = self.failures.saturating_add(1);
        log::warn!(
            "{}: trying again in {} s, until it is back",
            self.trouble,
            pause.as_secs()
        );
        self.told.clear();
        self.told_absence = true;
        self.drop_end(now);
        self.state = State::Closed {
            retry_at: now + pause,
        };
    }

    /// The pause before the next attempt; the one after it is twice as long.
    fn next_pause(&mut self) -> Duration {
        let pause = self.pause;
        self.pause = pause.saturating_mul(2).min(self.target.longest_pause());
        pause
    }

    /// Closes the descriptor. A command ends in the background.
    fn drop_end(&mut self, now: Instant) {
        let closed = State::Closed { retry_at: now };
        let state = core::mem::replace(&mut self.state, closed);
        if let State::Open {
            end: End::System(_, mut group),
            ..
        } = state
        {
            group.end(now);
            self.ending = Some(group);
            self.tend_ending(now);
        }
    }

    fn tend_ending(&mut self, now: Instant) {
        let Some(group) = &mut self.ending else {
            return;
        };
        if let Some(status) = group.try_finish(now) {
            if !self.released {
                self.trouble = format!("{}: {status}", self.target);
                log::warn!("{}", self.trouble);
            }
            self.ending = None;
        }
    }
}

impl Target {
    fn of(device: &Device) -> Option<Target> {
        Some(match device {
            Device::Serial {
                path,
                speed,
                rtscts,
                xonxoff,
                now,
            } => Target::Serial {
                path: path.clone(),
                speed: *speed,
                flow: serial::Flow {
                    rtscts: *rtscts,
                    xonxoff: *xonxoff,
                },
                now: *now,
            },
            Device::System(command) => Target::System(command.clone()),
            Device::Tcp(address) => Target::Tcp(*address),
            Device::Spi(_) | Device::Sim(_) => return None,
        })
    }

    /// What is opened without waiting: all but TCP.
    fn open(&self) -> io::Result<End> {
        match self {
            Target::Serial {
                path, speed, flow, ..
            } => serial::Port::open(path, *speed, *flow).map(End::Serial),
            Target::System(command) => {
                let (ours, theirs) = UnixStream::pair()?;
                ours.set_nonblocking(true)?;
                let (input, output) = (theirs.try_clone()?, theirs);
                let group = Group::run(command, |shell: &mut Command| {
                    shell
                        .stdin(Stdio::from(OwnedFd::from(input)))
                        .stdout(Stdio::from(OwnedFd::from(output)));
                })?;
                Ok(End::System(ours, group))
            }
            Target::Tcp(address) => tcp::begin(*address).map(End::Tcp),
        }
    }

    /// Whether it is waited for at the start.
    fn may_come_later(&self) -> bool {
        match self {
            Target::Serial { now, .. } => !now,
            // That a command ends is seen later.
            Target::System(_) => false,
            Target::Tcp(_) => true,
        }
    }

    fn first_pause(&self) -> Duration {
        RETRY_FIRST
    }

    fn longest_pause(&self) -> Duration {
        match self {
            Target::Serial { .. } => RETRY_LONGEST_PORT,
            Target::System(_) | Target::Tcp(_) => RETRY_LONGEST,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Serial { path, .. } => write!(f, "{}", path.display()),
            Target::System(command) => write!(f, "system:{command}"),
            Target::Tcp(address) => write!(f, "tcp:{address}"),
        }
    }
}

impl End {
    fn fd(&self) -> RawFd {
        match self {
            End::Serial(port) => port.as_raw_fd(),
            End::System(socket, _) => socket.as_raw_fd(),
            End::Tcp(stream) => stream.as_raw_fd(),
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            End::Serial(port) => (&**port).read(buffer),
            End::System(socket, _) => socket.read(buffer),
            End::Tcp(stream) => stream.read(buffer),
        }
    }

    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        match self {
            End::Serial(port) => (&**port).write(octets),
            End::System(socket, _) => socket.write(octets),
            End::Tcp(stream) => stream.write(octets),
        }
    }
}

/// Why a stream cannot be opened. One line that says what to do.
#[derive(Debug)]
pub struct OpenError {
    device: String,
    cause: io::Error,
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot open {}: {}", self.device, self.cause)
    }
}

impl std::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.cause)
    }
}

/// The first pause before something that was lost is opened again: udev makes the node of a port that
/// comes back within a second, and a command that dies at once must not keep a core busy.
const RETRY_FIRST: Duration = Duration::from_secs(1);

/// How something says that it is not there, which is no news after it was lost.
const ABSENCE: [io::ErrorKind; 3] = [
    io::ErrorKind::NotFound,
    io::ErrorKind::ConnectionRefused,
    io::ErrorKind::TimedOut,
];

/// Pauses double up to this: nobody should wait longer for something that is there again.
const RETRY_LONGEST: Duration = Duration::from_secs(32);

/// A look at a device node costs little, and whoever plugs it in waits for it.
const RETRY_LONGEST_PORT: Duration = Duration::from_secs(4);

/// Failures in a row after which nobody waits any more: with the pauses before them, 3 s or 7 s. A device that
/// is reset is away from its bus for a second or two.
const LASTING: u32 = 3;

/// Reasons that are told at most: they differ by what is in the way, which is not much.
const TOLD_MAX: usize = 8;

/// What was open for so long is not in a circle of dying and restarting: a start-up takes 15 s at the most
/// (three exchanges of 5 s, protocol §7.3), and a fault shows in its course.
const STEADY: Duration = Duration::from_secs(60);

/// How long a connection may take; the same 5 s as for everything at start (protocol §7.3).
const CONNECT_TIME: Duration = Duration::from_secs(5);

/// How often one that is being made is looked at: nobody notices 50 ms at start.
const CONNECT_LOOK: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests;
