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
mod tests {
    use super::*;
    use core::time::Duration;
    use mio::unix::SourceFd;
    use mio::{Events, Interest, Poll, Token};
    use nix::sys::termios::{BaudRate, ControlFlags, LocalFlags, SpecialCharacterIndices};

    const MASTER: Token = Token(0);
    const HINT: Token = Token(1);

    fn client(pty: &Pty) -> File {
        open_slave(pty.name()).unwrap()
    }

    #[track_caller]
    fn assert_blocks(result: io::Result<usize>) {
        assert_eq!(result.unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }

    #[track_caller]
    fn assert_no_client(result: io::Result<usize>) {
        assert_eq!(result.unwrap_err().kind(), io::ErrorKind::NotConnected);
    }

    fn read(pty: &mut Pty) -> Vec<u8> {
        let mut buffer = [0; 4096];
        let length = pty.read(&mut buffer).unwrap();
        buffer[..length].to_vec()
    }

    /// A pty with a client that we know of.
    fn connected() -> (Pty, File) {
        let mut pty = Pty::open(None).unwrap();
        let client = client(&pty);
        assert_blocks(pty.read(&mut [0; 8]));
        assert_eq!(pty.state(), ClientState::Connected);
        (pty, client)
    }

    /// A poll with both descriptors, past the events of the registration itself.
    fn watched(pty: &Pty) -> Poll {
        let mut poll = Poll::new().unwrap();
        let both = Interest::READABLE | Interest::WRITABLE;
        let registry = poll.registry();
        registry
            .register(&mut SourceFd(&pty.fd()), MASTER, both)
            .unwrap();
        registry
            .register(
                &mut SourceFd(&pty.hint_fd().unwrap()),
                HINT,
                Interest::READABLE,
            )
            .unwrap();
        wait(&mut poll);
        poll
    }

    /// The tokens with an event, and whether the master's was a hangup.
    fn wait(poll: &mut Poll) -> (Vec<Token>, bool) {
        let mut events = Events::with_capacity(8);
        poll.poll(&mut events, Some(Duration::from_millis(20)))
            .unwrap();
        let hangup = events
            .iter()
            .any(|e| e.token() == MASTER && e.is_read_closed());
        let mut tokens: Vec<Token> = events.iter().map(|e| e.token()).collect();
        tokens.sort_unstable();
        (tokens, hangup)
    }

    #[test]
    fn nobody_is_there_at_first() {
        let mut pty = Pty::open(None).unwrap();
        assert_eq!(pty.state(), ClientState::NoClient);
        assert_no_client(pty.read(&mut [0; 8]));
        assert_no_client(pty.write(b"lost"));
    }

    #[test]
    fn all_octets_pass_both_ways_unchanged() {
        let (mut pty, mut client) = connected();
        let all: Vec<u8> = (0..=255).collect();
        client.write_all(&all).unwrap();
        assert_eq!(read(&mut pty), all);
        // Nothing was echoed.
        assert_eq!(
            client.read(&mut [0; 8]).unwrap_err().kind(),
            io::ErrorKind::WouldBlock
        );
        assert_eq!(pty.write(&all).unwrap(), all.len());
        let mut got = [0; 256];
        client.read_exact(&mut got).unwrap();
        assert_eq!(got[..], all);
    }

    #[test]
    fn opening_gives_a_hint_and_closing_a_hangup() {
        let mut pty = Pty::open(None).unwrap();
        let mut poll = watched(&pty);

        let client = client(&pty);
        assert_eq!(wait(&mut poll), (vec![HINT], false));
        pty.drain_hints();
        assert_blocks(pty.read(&mut [0; 8]));
        assert_eq!(pty.state(), ClientState::Connected);

        drop(client);
        assert_eq!(wait(&mut poll), (vec![MASTER], true));
        assert_no_client(pty.read(&mut [0; 8]));
        assert_eq!(pty.state(), ClientState::NoClient);
    }

    #[test]
    fn own_flush_wakes_once_and_no_more() {
        let (mut pty, client) = connected();
        let mut poll = watched(&pty);
        pty.drain_hints();
        drop(client);
        wait(&mut poll);
        assert_no_client(pty.read(&mut [0; 8]));

        assert_eq!(wait(&mut poll), (vec![MASTER], true));
        pty.drain_hints();
        assert_no_client(pty.read(&mut [0; 8]));
        assert_eq!(wait(&mut poll), (vec![], false));
    }

    #[test]
    fn client_that_comes_during_the_flush_is_not_missed() {
        let (mut pty, first) = connected();
        let mut poll = watched(&pty);
        pty.drain_hints();
        drop(first);
        assert_no_client(pty.read(&mut [0; 8]));
        // Our own hint still waits, and so does this one.
        let mut second = client(&pty);
        second.write_all(b"hello").unwrap();
        assert!(wait(&mut poll).0.contains(&HINT));
        pty.drain_hints();
        assert_eq!(read(&mut pty), b"hello");
        assert_eq!(pty.state(), ClientState::Connected);
    }

    #[test]
    fn what_a_client_wrote_last_is_read_before_it_is_gone() {
        let mut pty = Pty::open(None).unwrap();
        for round in 0..500u32 {
            let mut client = client(&pty);
            client.write_all(&round.to_be_bytes()).unwrap();
            drop(client);
            assert_eq!(read(&mut pty), round.to_be_bytes());
            assert_no_client(pty.read(&mut [0; 8]));
        }
    }

    #[test]
    fn next_client_reads_no_stale_frames() {
        for octets in [5, 4096, 1 << 20] {
            let (mut pty, first) = connected();
            let stale = vec![0x7e; octets];
            let mut written = 0;
            while written < octets {
                match pty.write(&stale[written..]) {
                    Ok(length) => written += length,
                    Err(_) => break,
                }
            }
            drop(first);
            assert_no_client(pty.read(&mut [0; 8]));

            let mut second = client(&pty);
            let error = second.read(&mut [0; 8]).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
            // And there is room again.
            assert_blocks(pty.read(&mut [0; 8]));
            assert_eq!(pty.write(b"fresh").unwrap(), 5);
            let mut got = [0; 5];
            second.read_exact(&mut got).unwrap();
            assert_eq!(&got, b"fresh");
        }
    }

    #[test]
    fn stale_frames_would_be_read_without_the_flush() {
        let (mut pty, first) = connected();
        assert_eq!(pty.write(b"stale").unwrap(), 5);
        drop(first);
        let mut second = client(&pty);
        let mut got = [0; 5];
        second.read_exact(&mut got).unwrap();
        assert_eq!(&got, b"stale");
    }

    #[test]
    fn terminal_settings_of_a_client_end_with_it() {
        let (mut pty, first) = connected();
        let mut cooked = tcgetattr(&first).unwrap();
        cooked.local_flags |= LocalFlags::ICANON | LocalFlags::ECHO;
        tcsetattr(&first, SetArg::TCSANOW, &cooked).unwrap();
        drop(first);
        // The kernel keeps them ...
        let probe = client(&pty);
        let kept = tcgetattr(&probe).unwrap().local_flags;
        assert!(kept.contains(LocalFlags::ICANON | LocalFlags::ECHO));
        drop(probe);
        // ... and we do not.
        assert_no_client(pty.read(&mut [0; 8]));
        let second = client(&pty);
        let reset = tcgetattr(&second).unwrap().local_flags;
        assert!(!reset.intersects(LocalFlags::ICANON | LocalFlags::ECHO));
    }

    #[test]
    fn terminal_settings_of_a_short_visit_end_with_it() {
        let mut pty = Pty::open(None).unwrap();
        let mut poll = watched(&pty);
        // What `stty -F /dev/pts/N sane` does.
        let visitor = client(&pty);
        let mut cooked = tcgetattr(&visitor).unwrap();
        cooked.local_flags |= LocalFlags::ICANON | LocalFlags::ECHO;
        tcsetattr(&visitor, SetArg::TCSANOW, &cooked).unwrap();
        drop(visitor);
        assert_eq!(wait(&mut poll), (vec![MASTER, HINT], true));
        pty.drain_hints();
        assert_no_client(pty.read(&mut [0; 8]));
        // That we opened it to see to the rest is no hint, and once the end of that.
        let (woken, _) = wait(&mut poll);
        assert!(woken.iter().all(|token| *token == MASTER), "{woken:?}");
        assert_no_client(pty.read(&mut [0; 8]));
        assert_eq!(wait(&mut poll), (vec![], false));
        let local = tcgetattr(client(&pty)).unwrap().local_flags;
        assert!(!local.intersects(LocalFlags::ICANON | LocalFlags::ECHO));
    }

    /// What one client did to the terminal, so that the next one can talk as ever.
    fn is_as_new(pty: &mut Pty, usual: &Termios) {
        let mut next = client(pty);
        next.write_all(b"ready").unwrap();
        let mut octets = [0; 8];
        assert_eq!(pty.read(&mut octets).unwrap(), 5);
        assert_eq!(&octets[..5], b"ready");
        assert_eq!(tcgetattr(&next).unwrap(), *usual);
        drop(next);
        assert_no_client(pty.read(&mut octets));
    }

    #[test]
    fn output_that_a_client_stopped_goes_on_for_the_next_one() {
        let (mut pty, first) = connected();
        let usual = tcgetattr(&first).unwrap();
        tcflow(&first, FlowArg::TCOOFF).unwrap();
        drop(first);
        assert_no_client(pty.read(&mut [0; 8]));
        is_as_new(&mut pty, &usual);
        // Also by a visit that is over before it is seen.
        let visitor = client(&pty);
        tcflow(&visitor, FlowArg::TCOOFF).unwrap();
        drop(visitor);
        pty.drain_hints();
        assert_no_client(pty.read(&mut [0; 8]));
        is_as_new(&mut pty, &usual);
    }

    #[test]
    #[allow(unsafe_code)]
    fn another_line_discipline_and_odd_speeds_end_with_their_client() {
        let (mut pty, first) = connected();
        let usual = tcgetattr(&first).unwrap();
        let mut odd = usual.clone();
        odd.control_flags -= ControlFlags::CBAUD | ControlFlags::CREAD;
        odd.control_flags |= ControlFlags::from_bits_retain(BaudRate::B50 as u32);
        odd.control_flags |= ControlFlags::CRTSCTS | ControlFlags::CSTOPB;
        odd.control_chars[SpecialCharacterIndices::VTIME as usize] = 9;
        tcsetattr(&first, SetArg::TCSANOW, &odd).unwrap();
        // N_NULL (tty.h), which each kernel has: it reads and writes nothing.
        let null: nix::libc::c_int = 27;
        // SAFETY: TIOCSETD reads one `int`, which lives through the call.
        let set = unsafe { nix::libc::ioctl(first.as_raw_fd(), nix::libc::TIOCSETD, &null) };
        assert_eq!(set, 0, "{}", io::Error::last_os_error());
        drop(first);
        assert_no_client(pty.read(&mut [0; 8]));
        is_as_new(&mut pty, &usual);
    }

    #[test]
    fn full_pty_blocks_and_goes_on_when_read() {
        let (mut pty, mut client) = connected();
        let mut written = 0;
        let error = loop {
            match pty.write(&[0x55; 512]) {
                Ok(length) => written += length,
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        let mut poll = watched(&pty);
        let mut got = 0;
        let mut buffer = [0; 4096];
        while let Ok(length) = client.read(&mut buffer) {
            got += length;
        }
        assert!(got > 0 && got <= written);
        assert_eq!(wait(&mut poll), (vec![MASTER], false));
        assert!(pty.write(b"more").is_ok());
    }

    fn scratch(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("spinel-bridge-{name}-{}", std::process::id()))
    }

    #[test]
    fn symlink_comes_and_goes_with_the_pty() {
        let link = scratch("link");
        let pty = Pty::open(Some(&link)).unwrap();
        assert_eq!(fs::read_link(&link).unwrap(), pty.name());
        drop(pty);
        assert!(!link.is_symlink());
    }

    #[test]
    fn symlink_of_another_is_replaced_and_then_left_to_it() {
        let link = scratch("taken");
        symlink("/dev/pts/gone", &link).unwrap();
        let first = Pty::open(Some(&link)).unwrap();
        let second = Pty::open(Some(&link)).unwrap();
        drop(first);
        assert_eq!(fs::read_link(&link).unwrap(), second.name());
        drop(second);
        assert!(!link.is_symlink());
    }

    #[test]
    fn anything_but_a_symlink_is_left_alone() {
        let link = scratch("file");
        fs::write(&link, "precious").unwrap();
        let error = Pty::open(Some(&link)).unwrap_err().to_string();
        assert!(error.contains("not a symlink"), "{error}");
        assert_eq!(fs::read_to_string(&link).unwrap(), "precious");
        fs::remove_file(&link).unwrap();
    }

    #[test]
    fn symlink_without_a_directory_is_explained() {
        let link = scratch("nowhere").join("link");
        let error = Pty::open(Some(&link)).unwrap_err().to_string();
        assert!(error.contains("directory must exist"), "{error}");
    }
}
