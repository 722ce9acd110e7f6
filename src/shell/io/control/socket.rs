//! The socket's place in the file system: made, taken over from the dead, and removed.

use crate::io::lock;
use core::fmt;
use nix::errno::Errno;
use nix::fcntl::{openat, AtFlags, OFlag};
use nix::sys::socket::{
    bind, connect, listen, socket, AddressFamily, Backlog, SockFlag, SockType, UnixAddr,
};
use nix::sys::stat::{fchmod, Mode};
use nix::unistd::{fchownat, geteuid, unlinkat, Gid, Group, UnlinkatFlags};
use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{self, PathBuf};
use std::thread::sleep;
use std::time::Duration;

/// Why the control socket cannot be opened.
#[derive(Debug)]
pub enum OpenError {
    /// Another instance listens on it.
    InUse(PathBuf),
    /// Something that is no socket has its name.
    NotASocket(PathBuf),
    /// Somebody else put something there while it was made.
    Taken(PathBuf),
    /// The path does not fit into a socket's address.
    TooLong(PathBuf),
    /// There is no such group.
    NoGroup(String),
    /// A step failed: the path, what was being done, and why.
    Failed(PathBuf, &'static str, io::Error),
    /// There is no epoll descriptor left.
    Poll(io::Error),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("control socket ")?;
        match self {
            OpenError::InUse(path) => write!(
                f,
                "{}: another instance listens on it: stop that one, or choose another interface",
                path.display()
            ),
            OpenError::NotASocket(path) => write!(
                f,
                "{}: there is something that is not a socket: remove it",
                path.display()
            ),
            OpenError::Taken(path) => write!(
                f,
                "{}: somebody else put something there at the same moment: choose a directory that \
                 only you can write to",
                path.display()
            ),
            OpenError::TooLong(path) => write!(
                f,
                "{}: the path is too long for a socket: choose a shorter one",
                path.display()
            ),
            OpenError::NoGroup(name) => write!(f, "group {name:?}: there is no such group"),
            OpenError::Failed(path, doing, error) => {
                write!(f, "{}: {doing}: {error}", path.display())
            }
            OpenError::Poll(error) => write!(f, "epoll: {error}"),
        }
    }
}

impl std::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            OpenError::Failed(_, _, error) | OpenError::Poll(error) => Some(error),
            _ => None,
        }
    }
}

fn group(name: &str) -> Result<Gid, OpenError> {
    // chown(2) reads the largest number as "leave it as it is".
    match name.parse() {
        Ok(u32::MAX) => return Err(OpenError::NoGroup(name.to_owned())),
        Ok(number) => return Ok(Gid::from_raw(number)),
        Err(_) => {}
    }
    match Group::from_name(name) {
        Ok(Some(group)) => Ok(group.gid),
        _ => Err(OpenError::NoGroup(name.to_owned())),
    }
}

/// The name of our socket, which is removed when this is dropped, if it is still ours. Held by its
/// directory, unless [`Path::leave`] gave that up.
#[derive(Debug)]
pub(super) struct Path {
    directory: Option<File>,
    name: OsString,
    inode: (u64, u64),
}

impl Path {
    /// Makes the socket and listens on it.
    pub(super) fn listen(
        path: &path::Path,
        group_name: Option<&str>,
    ) -> Result<(UnixListener, Path), OpenError> {
        let gid = group_name.map(group).transpose()?;
        let failed = |doing| {
            let path = path.to_owned();
            move |error: io::Error| OpenError::Failed(path, doing, error)
        };
        let address = UnixAddr::new(path).map_err(|_| OpenError::TooLong(path.to_owned()))?;
        let (parent, name) = match (path.parent(), path.file_name()) {
            (Some(parent), Some(name)) if parent.as_os_str().is_empty() => {
                (path::Path::new("."), name)
            }
            (Some(parent), Some(name)) => (parent, name),
            _ => return Err(OpenError::NotASocket(path.to_owned())),
        };
        match DirBuilder::new().mode(DIRECTORY_MODE).create(parent) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(failed("its directory cannot be made")(error));
            }
            _ => {}
        }
        let directory = File::open(parent).map_err(failed("its directory cannot be opened"))?;
        let lock = lock(parent).map_err(failed("its directory cannot be locked"))?;
        remove_dead(path, &address)?;
        let fd = new_socket().map_err(failed("a socket cannot be made"))?;
        // The name is given this mode less the umask, so that nobody else can ever use it.
        fchmod(&fd, MODE).map_err(errno(failed("its mode cannot be changed")))?;
        bind(fd.as_raw_fd(), &address).map_err(errno(failed("it cannot be made")))?;
        let made = look_at(&directory, name).map_err(failed("it cannot be looked at"))?;
        let status = made.metadata().map_err(failed("it cannot be looked at"))?;
        // Where others may write to the directory, what has the name by now may be somebody else's.
        if !status.file_type().is_socket() || status.uid() != geteuid().as_raw() {
            return Err(OpenError::Taken(path.to_owned()));
        }
        // From here on it is removed if something fails. Nobody can connect before it listens.
        let place = Path {
            directory: Some(directory),
            name: name.to_owned(),
            inode: (status.dev(), status.ino()),
        };
        if let Some(gid) = gid {
            // Of what was looked at, whatever has the name by now.
            fchownat(&made, "", None, Some(gid), AtFlags::AT_EMPTY_PATH)
                .map_err(errno(failed("its group cannot be changed: start as root")))?;
        }
        // chmod(2) takes no descriptor of a name (O_PATH) before Linux 6.6, except by this way.
        let by_descriptor = format!("/proc/self/fd/{}", made.as_raw_fd());
        fs::set_permissions(by_descriptor, Permissions::from_mode(MODE.bits()))
            .map_err(failed("its mode cannot be changed"))?;
        listen(&fd, backlog()).map_err(errno(failed("it cannot listen")))?;
        drop(lock);
        Ok((UnixListener::from(fd), place))
    }
}

impl Path {
    /// The directory is about to be out of reach, and is let go of. The name stays when we end; whoever
    /// listens there next replaces it.
    pub(super) fn leave(&mut self) {
        self.directory = None;
    }
}

impl Drop for Path {
    fn drop(&mut self) {
        let Some(directory) = &self.directory else {
            return;
        };
        let name = self.name.as_os_str();
        if matches!(inode(directory, name), Ok(found) if found == self.inode) {
            if let Err(error) = unlinkat(directory, name, UnlinkatFlags::NoRemoveDir) {
                // Without the right to do it, the next instance will. The text is the C library's: that of nix
                // takes a table of all errors there are, 12 kB of the program.
                let error = io::Error::from(error);
                log::debug!("control socket: it cannot be removed: {error}");
            }
        }
    }
}

/// What has this name, to be asked about; it cannot be read or written.
fn look_at(directory: &File, name: &OsStr) -> io::Result<File> {
    let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    Ok(File::from(openat(directory, name, flags, Mode::empty())?))
}

/// Device and inode of what has this name: 64 bits of each, which fstatat(2) on a 32-bit machine has not.
fn inode(directory: &File, name: &OsStr) -> io::Result<(u64, u64)> {
    let status = look_at(directory, name)?.metadata()?;
    Ok((status.dev(), status.ino()))
}

/// Keeps two instances that start at the same time from taking each other for dead. Whoever else holds
/// the lock cannot keep us from starting: after a while we go on without.
fn lock(directory: &path::Path) -> io::Result<File> {
    // Not a duplicate of the descriptor that we keep, which would keep the lock too.
    let file = File::open(directory)?;
    for _ in 0..LOCK_TRIES {
        if lock::exclusively(&file).is_ok() {
            break;
        }
        sleep(LOCK_PAUSE);
    }
    Ok(file)
}

fn remove_dead(path: &path::Path, address: &UnixAddr) -> Result<(), OpenError> {
    let failed = |error| OpenError::Failed(path.to_owned(), "it cannot be replaced", error);
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
        Ok(status) if !status.file_type().is_socket() => {
            return Err(OpenError::NotASocket(path.to_owned()));
        }
        Ok(_) => {}
    }
    let fd = new_socket().map_err(failed)?;
    match connect(fd.as_raw_fd(), address) {
        Err(Errno::ECONNREFUSED) => fs::remove_file(path).map_err(failed),
        Err(Errno::ENOENT) => Ok(()),
        // EAGAIN: it listens, and has no time now.
        Ok(()) | Err(Errno::EAGAIN) => Err(OpenError::InUse(path.to_owned())),
        Err(error) => Err(failed(error.into())),
    }
}

fn new_socket() -> io::Result<OwnedFd> {
    Ok(socket(
        AddressFamily::Unix,
        SockType::Stream,
        SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC,
        None,
    )?)
}

fn errno(failed: impl FnOnce(io::Error) -> OpenError) -> impl FnOnce(Errno) -> OpenError {
    move |error| failed(error.into())
}

fn backlog() -> Backlog {
    Backlog::new(BACKLOG).unwrap_or(Backlog::MAXCONN)
}

/// Owner and group read and write.
const MODE: Mode = Mode::from_bits_truncate(0o660);

/// Everybody may look into it; the socket has its own mode.
const DIRECTORY_MODE: u32 = 0o755;

/// As many as can be connected.
const BACKLOG: i32 = 32;

/// A second in all: whoever starts at the same time is done in a few milliseconds.
const LOCK_TRIES: u32 = 50;
const LOCK_PAUSE: Duration = Duration::from_millis(20);
