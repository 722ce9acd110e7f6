//! `--tap`: all frames, both ways, in a capture that Wireshark reads.
//!
//! The file has two interfaces: Spinel frames as they passed, and those of the air that STREAM_RAW brought. When it is
//! full, another one is begun, and then the first anew, so that a tap that was forgotten fills no disk. Both are opened
//! at the start, while we still may, and stay open.
//!
//! A write goes to the kernel's cache and waits for no disk. What cannot be written is not kept: that is told once, and
//! tried again with the next frame.

use crate::config::Tap;
use crate::pcapng;
use crate::trace::{self, Observer, Way};
use crate::wire::describe::secret_at;
use crate::wire::ids::{Command, Property};
use crate::wire::sniffed::Sniffed;
use crate::wire::spinel::Frame;
use nix::fcntl::OFlag;
use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::SystemTime;

/// Begins to keep frames. `name` is what they are shown to come from. Keys are zeros in the file, unless `with_keys`.
///
/// # Errors
/// That of opening or writing one of the files; or it is no plain file, or there is a tap already.
pub fn start(name: &str, tap: &Tap, with_keys: bool) -> io::Result<()> {
    let mut files = Files {
        open: [open(&tap.path)?, open(&second(&tap.path))?],
        head: pcapng::head_of_tap(name),
        now: 0,
        written: 0,
        limit: u64::from(tap.size_mib) << 20,
        missed: 0,
        path: tap.path.clone(),
    };
    files.begin()?;
    let kept = Kept {
        files: Mutex::new(files),
        with_keys,
    };
    match trace::observe(Box::new(kept)) {
        true => Ok(()),
        false => Err(io::ErrorKind::AlreadyExists.into()),
    }
}

/// The second file's name.
pub fn second(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".1");
    PathBuf::from(name)
}

/// No link of somebody else is followed, and nobody else reads what is on the network.
fn open(path: &Path) -> io::Result<File> {
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false) // not before it is known to be a file
        .mode(0o600)
        .custom_flags(flags.bits())
        .open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("this is no plain file"));
    }
    file.set_len(0)?;
    Ok(file)
}

struct Kept {
    files: Mutex<Files>,
    with_keys: bool,
}

impl Observer for Kept {
    fn frame(&self, way: Way, frame: &[u8]) {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let time_us = since.map_or(0, |since| u64::try_from(since.as_micros()).unwrap_or(0));
        let is_sent = way == Way::ToSlave;
        let mut blocks = match secret_at(frame).filter(|_| !self.with_keys) {
            Some(start) => {
                let mut without = frame.to_vec();
                without[start.min(frame.len())..].fill(0);
                pcapng::packet_of_spinel(time_us, is_sent, &without)
            }
            None => pcapng::packet_of_spinel(time_us, is_sent, frame),
        };
        if let Some(sniffed) = sniffed(is_sent, frame) {
            blocks.extend(pcapng::packet_of_air(time_us, &sniffed.into()));
        }
        // Whoever panicked with it told so; the frame is not worth another one.
        if let Ok(mut files) = self.files.lock() {
            files.keep(&blocks);
        }
    }
}

/// The frame of the air in a Spinel frame.
fn sniffed(is_sent: bool, frame: &[u8]) -> Option<Sniffed<'_>> {
    let frame = Frame::parse(frame).ok()?;
    let (property, value) = frame.property().ok()?;
    match (property, frame.command, is_sent) {
        (Property::STREAM_RAW, Command::PROP_VALUE_IS, false) => Sniffed::told(value),
        (Property::STREAM_RAW, Command::PROP_VALUE_SET, true) => Sniffed::to_be_sent(value),
        _ => None,
    }
}

struct Files {
    open: [File; 2],
    head: Vec<u8>,
    /// Which of them is written to.
    now: usize,
    /// How much is in it, in whole blocks.
    written: u64,
    limit: u64,
    /// Frames since the last one that could be kept.
    missed: u64,
    path: PathBuf,
}

impl Files {
    /// Writes the head into the file whose turn it is.
    fn begin(&mut self) -> io::Result<()> {
        let file = &mut self.open[self.now];
        file.set_len(0)?;
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&self.head)?;
        self.written = self.head.len() as u64;
        Ok(())
    }

    fn keep(&mut self, blocks: &[u8]) {
        let result = self.write(blocks);
        let path = self.path.display();
        match (result, self.missed) {
            (Ok(()), 0) => {}
            (Ok(()), missed) => {
                self.missed = 0;
                log::info!("--tap: {path}: frames are kept again; {missed} were not");
            }
            (Err(error), missed) => {
                self.missed += 1;
                if missed == 0 {
                    log::warn!("--tap: {path}: {error}: frames are not kept until it is mended");
                }
            }
        }
    }

    fn write(&mut self, blocks: &[u8]) -> io::Result<()> {
        let is_full = self.written + blocks.len() as u64 > self.limit;
        if is_full && self.written > self.head.len() as u64 {
            self.now = 1 - self.now;
            self.written = 0;
        }
        if self.written == 0 {
            self.begin()?;
        }
        let file = &mut self.open[self.now];
        if self.missed > 0 {
            // Half a block may lie there.
            file.set_len(self.written)?;
            file.seek(SeekFrom::Start(self.written))?;
        }
        file.write_all(blocks)?;
        self.written += blocks.len() as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_kept_is_missed_alone() {
        let folder = std::env::temp_dir().join(format!("tap-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("tap");
        let file = open(&path).unwrap();
        let mut files = Files {
            open: [file.try_clone().unwrap(), open(&second(&path)).unwrap()],
            head: b"head".to_vec(),
            now: 0,
            written: 0,
            limit: 1 << 20,
            missed: 0,
            path: path.clone(),
        };
        files.keep(b"one,");
        files.open[0] = File::open(&path).unwrap(); // which cannot be written
        files.keep(b"two,");
        files.keep(b"three,");
        assert_eq!(files.missed, 2);
        (&file).write_all(b"tw").unwrap(); // half of it, before there was no room
        files.open[0] = file;
        files.keep(b"four,");
        assert_eq!(files.missed, 0);
        assert_eq!(std::fs::read(&path).unwrap(), b"headone,four,");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
