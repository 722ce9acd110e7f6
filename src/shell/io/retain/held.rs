//! The file of `--retain` in a process that may open none any more: it stays open, and nothing of its folder is needed.
//!
//! To be written whole or not at all without a new name, it has a journal beside it, `FILE.new`, that stays open too:
//! what is to be kept is written there first, with a check sequence, then into the file, and then the journal is emptied.
//! Whatever is interrupted, the one or the other is whole: a journal that is, counts.

use super::{beside, bounded, forget, open, other, DATASET_MAX};
use crate::wire::fcs::{Fcs, FCS_LEN};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Both of them, open.
#[derive(Debug)]
pub struct Held {
    path: PathBuf,
    file: File,
    journal: File,
}

impl Held {
    /// Opens them, and makes them where they are not there, readable by us alone.
    ///
    /// # Errors
    /// What the system reported; or it is no regular file, or has another name besides.
    pub fn open(path: &Path) -> io::Result<Held> {
        let unfinished = unfinished(path);
        let file = match new(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                open(path, OpenOptions::new().read(true).write(true))?
            }
            file => file?,
        };
        if file.metadata()?.nlink() != 1 {
            return Err(other(
                "it has another name (a hard link): remove one of them",
            ));
        }
        let journal = beside(path);
        // Whoever put one there may have it open.
        forget(&journal)?;
        let journal = new(&journal)?;
        let mut held = Held {
            path: path.to_owned(),
            file,
            journal,
        };
        if let Some(dataset) = unfinished {
            held.save(&dataset)?;
        }
        Ok(held)
    }

    /// What was kept; `None` if nothing was.
    ///
    /// # Errors
    /// What the system reported, or more was kept than a dataset can have.
    pub fn recall(&mut self) -> io::Result<Option<Vec<u8>>> {
        self.file.seek(SeekFrom::Start(0))?;
        let kept = bounded(&self.file)?;
        Ok(Some(kept).filter(|kept| !kept.is_empty()))
    }

    /// Keeps this, whole or not at all.
    ///
    /// # Errors
    /// What the system reported; or the file is not what has its name any more.
    pub fn save(&mut self, dataset: &[u8]) -> io::Result<()> {
        self.is_still_there()?;
        write(&mut self.journal, &entry(dataset))?;
        write(&mut self.file, dataset)?;
        write(&mut self.journal, &[])
    }

    /// Nothing is kept any more: the file is empty.
    ///
    /// # Errors
    /// As for [`Held::save`].
    pub fn forget(&mut self) -> io::Result<()> {
        write(&mut self.journal, &[])?;
        write(&mut self.file, &[])?;
        self.is_still_there()
    }

    /// What is written to a file without a name is lost, and nobody would notice.
    fn is_still_there(&self) -> io::Result<()> {
        let ours = self.file.metadata()?;
        let named = fs::symlink_metadata(&self.path);
        if named.is_ok_and(|named| (named.dev(), named.ino()) == (ours.dev(), ours.ino())) {
            return Ok(());
        }
        Err(other(
            "it was removed or replaced, and with --sandbox the one of before is written to: restart the driver",
        ))
    }
}

/// What was written to the journal of this file and perhaps not to the file.
pub(super) fn unfinished(path: &Path) -> Option<Vec<u8>> {
    let file = open(&beside(path), OpenOptions::new().read(true)).ok()?;
    let mut entry = Vec::new();
    file.take(JOURNAL_MAX).read_to_end(&mut entry).ok()?;
    let data = entry.strip_prefix(MAGIC)?;
    let (dataset, check) = data.split_at(data.len().checked_sub(FCS_LEN)?);
    (check_of(dataset) == check).then(|| dataset.to_vec())
}

fn entry(dataset: &[u8]) -> Vec<u8> {
    [MAGIC, dataset, &check_of(dataset)].concat()
}

fn check_of(dataset: &[u8]) -> [u8; FCS_LEN] {
    let mut fcs = Fcs::new();
    fcs.update(dataset);
    fcs.to_octets()
}

fn new(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true).mode(0o600);
    options.open(path)
}

/// In place of what is in it.
fn write(file: &mut File, octets: &[u8]) -> io::Result<()> {
    file.seek(SeekFrom::Start(0))?;
    file.set_len(0)?;
    file.write_all(octets)?;
    file.sync_all()
}

/// A longer one is no entry.
const JOURNAL_MAX: u64 = DATASET_MAX + 64;

/// No dataset begins so: a TLV of 112 octets would go on behind it.
const MAGIC: &[u8] = b"spinel-bridge journal 1\n";

#[cfg(test)]
mod tests {
    use super::super::tests::folder;
    use super::super::{recall, save};
    use super::*;
    use crate::config::Retain;
    use std::os::unix::fs::PermissionsExt;
    use std::time::Duration;

    fn recalled(path: &Path) -> Option<Vec<u8>> {
        let retain = Retain::File(path.to_owned());
        recall(&retain, Duration::ZERO, &mut || false).unwrap()
    }

    /// Power fails between any two writes, or in the middle of one: it is the old one or the new one.
    #[test]
    fn whatever_is_interrupted_one_of_both_is_kept() {
        let folder = folder("held-power");
        let path = folder.join("wpan0");
        let (old, new) = (vec![1; 100], vec![2; 90]);
        let states = |journal: &[u8], file: &[u8], expected: &[u8]| {
            fs::write(beside(&path), journal).unwrap();
            fs::write(&path, file).unwrap();
            assert_eq!(recalled(&path).as_deref(), Some(expected));
            let mut held = Held::open(&path).unwrap();
            assert_eq!(held.recall().unwrap().as_deref(), Some(expected));
            assert_eq!(fs::read(beside(&path)).unwrap(), b"");
            assert_eq!(fs::read(&path).unwrap(), expected);
        };
        let whole = entry(&new);
        for length in 0..whole.len() {
            states(&whole[..length], &old, &old);
        }
        for length in 0..=new.len() {
            states(&whole, &new[..length], &new);
        }
        states(b"", &new, &new);
        // What an unconfined driver left when it was interrupted is none.
        states(&new[..50], &old, &old);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn the_longest_dataset_is_recalled_from_the_journal() {
        let folder = folder("held-long");
        let path = folder.join("wpan0");
        fs::write(beside(&path), entry(&[7; 254])).unwrap();
        assert_eq!(recalled(&path), Some(vec![7; 254]));
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_is_held_is_ours_alone_and_nobody_elses_file() {
        let folder = folder("held-ours");
        let path = folder.join("wpan0");
        let other = folder.join("other");
        fs::write(&other, b"other").unwrap();
        fs::hard_link(&other, &path).unwrap();
        let error = Held::open(&path).unwrap_err();
        assert!(error.to_string().contains("hard link"), "{error}");
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink(&other, &path).unwrap();
        let error = Held::open(&path).unwrap_err();
        assert!(error.to_string().contains("symbolic link"), "{error}");
        fs::remove_file(&path).unwrap();
        // A journal that somebody has open already.
        fs::hard_link(&other, beside(&path)).unwrap();
        let mut held = Held::open(&path).unwrap();
        held.save(b"secret").unwrap();
        assert_eq!(fs::read(&other).unwrap(), b"other");
        for file in [&path, &beside(&path)] {
            let mode = fs::metadata(file).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn nothing_is_kept_where_nobody_finds_it() {
        let folder = folder("held-gone");
        let path = folder.join("wpan0");
        let mut held = Held::open(&path).unwrap();
        assert_eq!(held.recall().unwrap(), None);
        held.save(b"one").unwrap();
        assert_eq!(recalled(&path).as_deref(), Some(&b"one"[..]));
        save(&path, b"by somebody else").unwrap();
        let error = held.save(b"two").unwrap_err();
        assert!(error.to_string().contains("restart"), "{error}");
        fs::remove_file(&path).unwrap();
        assert!(held.save(b"two").is_err());
        assert!(held.forget().is_err());
        fs::remove_dir_all(folder).unwrap();
    }
}
