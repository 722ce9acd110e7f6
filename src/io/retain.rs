//! The network's credentials, kept on this host over a factory reset of the co-processor: a file, or
//! whatever two commands make of it.
//!
//! What is kept is the active dataset as MeshCoP TLVs (property THREAD_ACTIVE_DATASET_TLVS), which is
//! secret: the file's mode is 0600.

use crate::config::Retain;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// What was kept; `None` if nothing was.
///
/// A command is waited for: the co-processor is initialised after it.
///
/// # Errors
/// What the system reported, or that more was kept than a dataset can have.
pub fn recall(retain: &Retain) -> io::Result<Option<Vec<u8>>> {
    let kept = match retain {
        Retain::File(path) => match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => bounded(file?)?,
        },
        Retain::Command(command) => {
            let mut child = Command::new("/bin/sh")
                .args(["-c", command])
                .env(VARIABLE, "recall")
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .spawn()?;
            // Always there: it was asked for.
            let output = child.stdout.take().map_or(Ok(Vec::new()), bounded);
            let status = child.wait()?;
            if !status.success() {
                let message = format!("the command said {status}");
                return Err(io::Error::other(message));
            }
            output?
        }
    };
    Ok(Some(kept).filter(|kept| !kept.is_empty()))
}

/// Writes a file whole or not at all.
///
/// # Errors
/// What the system reported.
pub fn save(path: &Path, dataset: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
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

/// The longest dataset of Thread (OpenThread's `OT_OPERATIONAL_DATASET_MAX_LENGTH`).
const DATASET_MAX: u64 = 254;

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::{symlink, PermissionsExt};
    use std::path::PathBuf;

    fn folder(name: &str) -> PathBuf {
        let name = format!("bridge-retain-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        path
    }

    #[test]
    fn a_file_gives_back_what_was_saved_until_it_is_forgotten() {
        let folder = folder("file");
        let path = folder.join("wpan0");
        let retain = Retain::File(path.clone());
        assert_eq!(recall(&retain).unwrap(), None);
        let left_behind = folder.join("wpan0.new");
        fs::write(&left_behind, b"half").unwrap();
        fs::set_permissions(&left_behind, Permissions::from_mode(0o644)).unwrap();
        save(&path, b"first").unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        save(&path, b"second").unwrap();
        assert_eq!(recall(&retain).unwrap().unwrap(), b"second");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        forget(&path).unwrap();
        forget(&path).unwrap();
        assert_eq!(recall(&retain).unwrap(), None);
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
        let error = recall(&Retain::File(path)).unwrap_err();
        assert!(error.to_string().contains("254"), "{error}");
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_command_is_told_what_to_do_and_may_fail() {
        let echo = Retain::Command("printf %s $SPINEL_BRIDGE_RETAIN".to_owned());
        assert_eq!(recall(&echo).unwrap().unwrap(), b"recall");
        assert!(recall(&Retain::Command("exit 1".to_owned())).is_err());
        assert_eq!(recall(&Retain::Command("true".to_owned())).unwrap(), None);
    }
}
