//! A pseudo-terminal whose slave side a client opens like a serial port.
//!
//! # What a client may rely on
//! - The slave is in raw mode before its name is told to anyone, and again after each client.
//! - Clients may come and go; the name, and the symlink to it if one was asked for, stay.
//! - A client never reads frames that were meant for the one before it, if there was a moment without a
//!   client that we had a turn to notice. Nothing that a client wrote is lost.
//!
//! # How the presence of a client is known
//! We keep no slave descriptor of our own, so the kernel tells: [`Pty::read`] fails when no slave is
//! open. What it does not tell is that one was opened again. That is what the inotify descriptor
//! ([`Pty::hint_fd`]) is for; it is only a hint to try a read.
//!
//! Measured on Linux 6.18 (the tests below repeat it):
//!
//! | when | `read` on the master | epoll on the master (edge-triggered) |
//! | --- | --- | --- |
//! | no slave was ever open | EAGAIN | OUT |
//! | a slave opens, for the first time or again | EAGAIN | **nothing** |
//! | the last slave closes | EIO | OUT, HUP |
//! | a client wrote and closed at once | its octets, then EIO | IN, OUT, HUP |
//!
//! - The terminal settings outlive the last slave as long as the master is open, those that a client
//!   made included: hence raw mode is set again after each client. That can be done through the master,
//!   with no slave open.
//! - With no slave open the master still takes 18,432 octets before EAGAIN, and the next client reads
//!   them all. A TCIFLUSH on the slave drops them; a TCOFLUSH on the master does not. It concerns this
//!   direction alone, so a client that opens and writes meanwhile loses nothing.
//! - The open and close that the flush needs cause one inotify event and one HUP of their own. They lead
//!   to one more read that finds nobody, and no second flush; so this does not go on for ever.

use nix::fcntl::OFlag;
use nix::poll::{poll, PollFd, PollFlags, PollTimeout};
use nix::pty::{grantpt, posix_openpt, ptsname_r, unlockpt, PtyMaster};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::sys::termios::{
    cfmakeraw, tcflow, tcflush, tcgetattr, tcsetattr, FlowArg, FlushArg, SetArg, Termios,
};
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::os::unix::fs::{symlink, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The master side of a pseudo-terminal.
#[derive(Debug)]
pub struct Pty {
    master: PtyMaster,
    name: PathBuf,
    link: Option<PathBuf>,
    /// Watches `name` for opens; `None` if the system has no watch left for us.
    opens: Option<Inotify>,
    /// The settings that each client finds.
    usual: Termios,
    /// Somebody opened it since the last one was seen to be gone.
    hinted: bool,
    state: ClientState,
}

/// Whether anyone has the slave side open, as of the last [`Pty::read`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientState {
    /// Nobody.
    NoClient,
    /// At least one client.
    Connected,
}

impl Pty {
    /// Makes a new pseudo-terminal in raw mode, and the symlink `link` to it.
    ///
    /// An existing symlink is replaced in one step; anything else of that name is left alone.
    ///
    /// # Errors
    /// [`OpenError`], whose message says what to do.
    pub fn open(link: Option<&Path>) -> Result<Pty, OpenError> {
        let (master, name) = open_master().map_err(OpenError::NoPty)?;
        let mut usual = tcgetattr(&master).map_err(|errno| OpenError::NoPty(errno.into()))?;
        cfmakeraw(&mut usual);
        restore(&master, &usual).map_err(OpenError::NoPty)?;
        // From the first close on the kernel answers EIO while nobody is there.
        clear_slave(&name).map_err(OpenError::NoPty)?;
        // The watch comes after that, so that our own open is not the first hint.
        let opens = watch_opens(&name)
            .map_err(|error| log::warn!("{}: cannot watch for clients: {error}", name.display()))
            .ok();
        if let Some(link) = link {
            publish(&name, link)?;
        }
        Ok(Pty {
            master,
            name,
            link: link.map(Path::to_owned),
            opens,
            usual,
            hinted: false,
            state: ClientState::NoClient,
        })
    }

    /// The slave side, `/dev/pts/N`: what a client opens.
    pub fn name(&self) -> &Path {
        &self.name
    }

    /// Whether there is a client, as of the last [`Pty::read`].
    pub fn state(&self) -> ClientState {
        self.state
    }

    /// The descriptor of the master, readable also when the last client closes.
    pub fn fd(&self) -> RawFd {
        self.master.as_raw_fd()
    }

    /// A descriptor that becomes readable when a client may have opened the slave: call
    /// [`Pty::drain_hints`], then [`Pty::read`].
    ///
    /// `None` if the system has no inotify watch left. A client is then seen with its first octet, or
    /// by a [`Pty::read`] now and then.
    pub fn hint_fd(&self) -> Option<RawFd> {
        self.opens.as_ref().map(|opens| opens.as_fd().as_raw_fd())
    }

    /// Throws the hints away.
    pub fn drain_hints(&mut self) {
        let Some(opens) = &self.opens else { return };
        // An event without a name is 16 octets; several opens give one event while it is unread.
        let mut events = [0; 1024];
        while matches!(nix::unistd::read(opens, &mut events), Ok(length) if length > 0) {
            self.hinted = true;
        }
    }

    /// Reads what the client wrote, at least one octet. Updates [`Pty::state`].
    ///
    /// # Errors
    /// `WouldBlock` when the client has nothing to say, `NotConnected` when there is no client. With the
    /// first `NotConnected` after a client, what that client did not read has been thrown away.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let error = match (&self.master).read(buffer) {
            // Not seen on a master; it must not look like the end of something.
            Ok(0) => io::ErrorKind::WouldBlock.into(),
            Ok(length) => {
                self.state = ClientState::Connected;
                return Ok(length);
            }
            Err(error) => error,
        };
        if error.raw_os_error() == Some(nix::errno::Errno::EIO as i32) {
            self.lose_client();
            return Err(io::ErrorKind::NotConnected.into());
        }
        if error.kind() == io::ErrorKind::WouldBlock {
            self.state = ClientState::Connected;
        }
        Err(error)
    }

    /// Writes to the client as much as there is room for.
    ///
    /// # Errors
    /// `WouldBlock` when the client does not read, `NotConnected` when there is no client: nothing is
    /// kept for one that may come later.
    pub fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        if self.state == ClientState::NoClient {
            return Err(io::ErrorKind::NotConnected.into());
        }
        match (&self.master).write(octets)? {
            0 if !octets.is_empty() => Err(io::ErrorKind::WouldBlock.into()),
            length => Ok(length),
        }
    }

    /// Looks whether the last client went, without a read: for when there is no room for what it sent.
    pub fn notice_hangup(&mut self) {
        // POLLHUP, which needs no asking, is set for as long as no slave is open.
        let mut ready = [PollFd::new(self.master.as_fd(), PollFlags::empty())];
        if poll(&mut ready, PollTimeout::ZERO) == Ok(1) {
            self.lose_client();
        }
    }

    fn lose_client(&mut self) {
        // Every time: stty(1) opens, changes the settings and closes before we see a client. It needs
        // no slave, so it gives no hint and no hangup.
        let mut result = restore(&self.master, &self.usual);
        let was_there = self.state == ClientState::Connected;
        self.state = ClientState::NoClient;
        if was_there || core::mem::take(&mut self.hinted) {
            // Fails when the client had set TIOCEXCL and we have no CAP_SYS_ADMIN.
            result = result.and(clear_slave(&self.name));
            // With another line discipline the first of them may have been of no effect.
            result = result.and(restore(&self.master, &self.usual));
            // Our own open was no client. One that came in between is there still.
            self.drain_hints();
            self.hinted = false;
            let mut ready = [PollFd::new(self.master.as_fd(), PollFlags::empty())];
            if poll(&mut ready, PollTimeout::ZERO) == Ok(0) {
                self.state = ClientState::Connected;
            }
        }
        if let Err(error) = result {
            let name = self.name.display();
            log::warn!("{name}: cannot make it ready for the next client: {error}");
        }
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        let Some(link) = &self.link else { return };
        // Another bridge may have taken the name over.
        if fs::read_link(link).is_ok_and(|target| target == self.name) {
            let _ = fs::remove_file(link);
        }
    }
}

/// Why there is no pty. Every message is one line and says what to do.
#[derive(Debug)]
pub enum OpenError {
    /// The system gave none.
    NoPty(io::Error),
    /// The symlink cannot be made.
    Link {
        /// What was asked for.
        link: PathBuf,
        /// What the system reported.
        cause: io::Error,
    },
    /// Something that is not a symlink has that name.
    NotASymlink {
        /// What was asked for.
        link: PathBuf,
    },
}

fn open_master() -> io::Result<(PtyMaster, PathBuf)> {
    let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let master = posix_openpt(flags)?;
    grantpt(&master)?;
    unlockpt(&master)?;
    let name = ptsname_r(&master)?;
    Ok((master, name.into()))
}

/// Throws away what waits to be read by a client, and ends what only the slave side can end: another line
/// discipline, and output that was stopped (TCOOFF), which would keep all that the next client writes.
fn clear_slave(name: &Path) -> io::Result<()> {
    let slave = open_slave(name)?;
    set_usual_discipline(&slave)?;
    tcflow(&slave, FlowArg::TCOON)?;
    Ok(tcflush(&slave, FlushArg::TCIFLUSH)?)
}

/// N_TTY, without which there are no terminal settings.
#[allow(unsafe_code)]
fn set_usual_discipline(slave: &File) -> io::Result<()> {
    let (mut found, usual) = (N_TTY, N_TTY);
    // SAFETY: TIOCGETD writes one `int`, and TIOCSETD reads one; both live through the call, as does the
    // descriptor.
    let result = unsafe {
        match nix::libc::ioctl(slave.as_raw_fd(), nix::libc::TIOCGETD, &mut found) {
            0 if found != usual => nix::libc::ioctl(slave.as_raw_fd(), nix::libc::TIOCSETD, &usual),
            other => other,
        }
    };
    match result {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The number of the kernel's usual line discipline (tty.h).
const N_TTY: nix::libc::c_int = 0;

/// `O_NOCTTY`, or a bridge that leads a session would get it as its controlling terminal.
fn open_slave(name: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags((OFlag::O_NOCTTY | OFlag::O_NONBLOCK).bits())
        .open(name)
}

/// The settings of the slave, through the master. They are written only where it is needed: a client that
/// just opened may be writing its own.
fn restore(master: &PtyMaster, usual: &Termios) -> io::Result<()> {
    if tcgetattr(master)? != *usual {
        tcsetattr(master, SetArg::TCSANOW, usual)?;
    }
    Ok(())
}

fn watch_opens(name: &Path) -> io::Result<Inotify> {
    let opens = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
    opens.add_watch(name, AddWatchFlags::IN_OPEN)?;
    Ok(opens)
}

/// Makes `link` point to `name` in one step: under a name of our own first, then renamed.
fn publish(name: &Path, link: &Path) -> Result<(), OpenError> {
    let failed = |cause| OpenError::Link {
        link: link.to_owned(),
        cause,
    };
    match fs::symlink_metadata(link) {
        Ok(found) if !found.is_symlink() => {
            return Err(OpenError::NotASymlink {
                link: link.to_owned(),
            })
        }
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    let mut own = link.as_os_str().to_owned();
    own.push(format!(".{}", std::process::id()));
    let own = PathBuf::from(own);
    // Left by a process of the same number that was killed just here.
    if own.is_symlink() {
        fs::remove_file(&own).map_err(failed)?;
    }
    symlink(name, &own).map_err(failed)?;
    fs::rename(&own, link).map_err(|error| {
        let _ = fs::remove_file(&own);
        failed(error)
    })
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::NoPty(cause) => write!(
                f,
                "cannot make a pty: {cause}: is devpts mounted on /dev/pts, and kernel.pty.max not \
                 reached?"
            ),
            OpenError::Link { link, cause } => write!(
                f,
                "cannot make the symlink {} to the pty: {cause}: its directory must exist and be \
                 writable",
                link.display()
            ),
            OpenError::NotASymlink { link } => write!(
                f,
                "{} exists and is not a symlink, so it is left alone: remove it or choose another name",
                link.display()
            ),
        }
    }
}

impl std::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            OpenError::NoPty(cause) | OpenError::Link { cause, .. } => Some(cause),
            OpenError::NotASymlink { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests;
