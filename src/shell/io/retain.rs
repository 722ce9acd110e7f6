//! The network's credentials, kept on this host over a factory reset of the co-processor: a file, or
//! whatever two commands make of it.
//!
//! A process that gives up opening files (`--sandbox`) keeps two of them open, and needs no right in their folder
//! ([`Held`]).
//!
//! What is kept is the active dataset as MeshCoP TLVs (property THREAD_ACTIVE_DATASET_TLVS), which is
//! secret: the file's mode is 0600.

use super::child::{Child, Output};
use crate::config::Retain;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

mod held;

pub use held::Held;

/// What was kept; `None` if nothing was.
///
/// A command is waited for, since the co-processor is initialised after it, but no longer than `limit`, and not
/// when `is_ended` says that we are to end: it is asked every 20 ms.
///
/// # Errors
/// What the system reported, that more was kept than a dataset can have, or that it took too long.
pub fn recall(
    retain: &Retain,
    limit: Duration,
    is_ended: &mut dyn FnMut() -> bool,
) -> io::Result<Option<Vec<u8>>> {
    let kept = match retain {
        Retain::File(path) => match held::unfinished(path) {
            Some(dataset) => dataset,
            None => match open(path, OpenOptions::new().read(true)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                file => bounded(file?)?,
            },
        },
        Retain::Command(command) => run(command, limit, is_ended)?,
    };
    Ok(Some(kept).filter(|kept| !kept.is_empty()))
}

/// Opens a regular file and nothing else.
fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    // A FIFO would keep us until somebody writes into it.
    // And a link that somebody put there would have us read something else, with our rights.
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOFOLLOW;
    let file = match options.custom_flags(flags.bits()).open(path) {
        Err(error) if error.raw_os_error() == Some(Errno::ELOOP as i32) => {
            return Err(other("it is a symbolic link: name the file itself"));
        }
        file => file?,
    };
    if !file.metadata()?.is_file() {
        return Err(other("it is no regular file"));
    }
    Ok(file)
}

fn run(command: &str, limit: Duration, is_ended: &mut dyn FnMut() -> bool) -> io::Result<Vec<u8>> {
    let begin = std::time::Instant::now();
    let now = || crate::time::Instant::ZERO + begin.elapsed();
    let env = [(VARIABLE, "recall")];
    let name = "retain command";
    let mut child = Child::spawn(name, command, &[], &env, Output::Keep, now(), limit)?;
    let finished = loop {
        if let Some(finished) = child.try_finish(now()) {
            break finished;
        }
        if is_ended() {
            // What it started ends with it.
            return Err(other("we were told to end before it did"));
        }
        std::thread::sleep(RECALL_LOOK);
    };
    if !finished.status.success() {
        return Err(other(format!("the command said {}", finished.status)));
    }
    bounded(&finished.output[..])
}

fn other(message: impl Into<String>) -> io::Error {
    io::Error::other(message.into())
}

/// Writes a file whole or not at all.
///
/// # Errors
/// What the system reported.
pub fn save(path: &Path, dataset: &[u8]) -> io::Result<()> {
    let new = beside(path);
    // One that a crash left behind, or that somebody put there to have it written to, or to read it.
    forget(&new)?;
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&new)?;
    file.write_all(dataset)?;
    file.sync_all()?;
    fs::rename(new, path)
}

/// Where it is written until it is whole.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    path.with_file_name(name)
}

/// Removes what [`save`] wrote.
///
/// # Errors
/// What the system reported; a file that is not there is no error.
pub fn forget(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

/// The environment variable that tells a retain command what to do.
pub const VARIABLE: &str = "SPINEL_BRIDGE_RETAIN";

fn bounded(from: impl Read) -> io::Result<Vec<u8>> {
    let mut octets = Vec::new();
    from.take(DATASET_MAX + 1).read_to_end(&mut octets)?;
    if octets.len() as u64 > DATASET_MAX {
        let message = format!("more than the {DATASET_MAX} octets that a dataset can have");
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
    Ok(octets)
}

/// How often a command that recalls is looked at, and whether we are to end: nobody notices.
const RECALL_LOOK: Duration = Duration::from_millis(20);

/// The longest dataset of Thread (OpenThread's `OT_OPERATIONAL_DATASET_MAX_LENGTH`).
const DATASET_MAX: u64 = 254;

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::{symlink, PermissionsExt};

    pub(super) fn folder(name: &str) -> PathBuf {
        let name = format!("bridge-retain-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        path
    }

    fn recalled(retain: &Retain) -> io::Result<Option<Vec<u8>>> {
        recall(retain, Duration::from_secs(60), &mut || false)
    }

    #[test]
    fn what_hangs_keeps_nobody() {
        let hangs = Retain::Command("sleep 1000".to_owned());
        let began = std::time::Instant::now();
        assert!(recall(&hangs, Duration::from_millis(100), &mut || false).is_err());
        let mut looks = 0;
        let told = &mut || {
            looks += 1;
            looks > 3
        };
        let error = recall(&hangs, Duration::from_secs(600), told).unwrap_err();
        assert!(error.to_string().contains("told to end"), "{error}");
        let folder = folder("fifo");
        let path = folder.join("wpan0");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let error = recalled(&Retain::File(path)).unwrap_err();
        assert!(error.to_string().contains("no regular file"), "{error}");
        fs::remove_dir_all(folder).unwrap();
        assert!(began.elapsed() < Duration::from_secs(60));
    }

    #[test]
    fn a_file_gives_back_what_was_saved_until_it_is_forgotten() {
        let folder = folder("file");
        let path = folder.join("wpan0");
        let retain = Retain::File(path.clone());
        assert_eq!(recalled(&retain).unwrap(), None);
        let left_behind = folder.join("wpan0.new");
        fs::write(&left_behind, b"half").unwrap();
        fs::set_permissions(&left_behind, Permissions::from_mode(0o644)).unwrap();
        save(&path, b"first").unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        save(&path, b"second").unwrap();
        assert_eq!(recalled(&retain).unwrap().unwrap(), b"second");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        forget(&path).unwrap();
        forget(&path).unwrap();
        assert_eq!(recalled(&retain).unwrap(), None);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_somebody_put_in_its_way_is_neither_written_to_nor_kept() {
        let folder = folder("way");
        let (path, other) = (folder.join("wpan0"), folder.join("other"));
        fs::write(&other, b"other").unwrap();
        symlink(&other, folder.join("wpan0.new")).unwrap();
        save(&path, b"secret").unwrap();
        assert_eq!(fs::read(&other).unwrap(), b"other");
        fs::remove_file(&path).unwrap();
        symlink(&other, &path).unwrap();
        let error = recalled(&Retain::File(path.clone())).unwrap_err();
        assert!(error.to_string().contains("symbolic link"), "{error}");
        fs::hard_link(&other, folder.join("wpan0.new")).unwrap();
        save(&path, b"secret").unwrap();
        assert_eq!(fs::read(&other).unwrap(), b"other");
        assert!(!fs::symlink_metadata(&path).unwrap().is_symlink());
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_file_that_is_no_dataset_is_refused() {
        let folder = folder("long");
        let path = folder.join("wpan0");
        fs::write(&path, [0; 255]).unwrap();
        let error = recalled(&Retain::File(path)).unwrap_err();
        assert!(error.to_string().contains("254"), "{error}");
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_command_is_told_what_to_do_and_may_fail() {
        let echo = Retain::Command("printf %s $SPINEL_BRIDGE_RETAIN".to_owned());
        assert_eq!(recalled(&echo).unwrap().unwrap(), b"recall");
        assert!(recalled(&Retain::Command("exit 1".to_owned())).is_err());
        assert_eq!(recalled(&Retain::Command("true".to_owned())).unwrap(), None);
    }
}
