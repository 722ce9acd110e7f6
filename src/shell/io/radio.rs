//! The radio and the memory of a simulated co-processor between processes (`sim:radio=PATH`,
//! `sim:state=PATH`).
//!
//! The air is a folder. Each radio binds a Unix datagram socket in it, and sends each frame to all
//! others that are there; that also works between network namespaces. A socket whose owner is gone is
//! removed by whoever notices first.
//!
//! A receiver that is full makes the channel busy: its frame is kept and tried again, and nothing else is
//! sent meanwhile, so that senders are slowed down and nothing is lost. One that stays full for
//! 400 tries (0.2 s) does not hear what it has no room for until it reads again.

use crate::sim::radio::{Medium, Memory, Surroundings};
use crate::sim::spec::Spec;
use crate::time::Instant;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Makes what a simulated co-processor has around it by its `spec`, and the descriptor that is readable
/// when its radio hears something, if it has one.
///
/// # Errors
/// If the folder or the socket cannot be made.
pub fn open(spec: &Spec) -> io::Result<(Surroundings, Option<RawFd>)> {
    let mut surroundings = Surroundings::default();
    let mut fd = None;
    if let Some(path) = &spec.radio {
        let radio = open_radio(path)?;
        fd = Some(radio.fd());
        surroundings.medium = Some(Box::new(radio));
        if spec.seed == 0 {
            surroundings.salt = salt();
        }
    }
    if let Some(path) = &spec.state {
        surroundings.memory = Some(Box::new(StateFile { path: path.clone() }));
    }
    Ok((surroundings, fd))
}

/// A radio in the folder `path`, which is made if it is not there.
///
/// # Errors
/// If the folder or the socket cannot be made.
pub fn open_radio(path: &Path) -> io::Result<Radio> {
    fs::create_dir_all(path)?;
    let id = COUNT.fetch_add(1, Ordering::Relaxed);
    let own = path.join(format!("{}-{id}", process::id()));
    // Of a process of the same number that is gone.
    let _ = fs::remove_file(&own);
    let socket = UnixDatagram::bind(&own).map_err(|error| {
        let why = format!("{}: {error}", own.display());
        io::Error::new(error.kind(), why)
    })?;
    socket.set_nonblocking(true)?;
    Ok(Radio {
        socket,
        folder: path.to_owned(),
        own,
        peers: Vec::new(),
        changed: None,
        sent: 0,
    })
}

/// A radio in a folder.
#[derive(Debug)]
pub struct Radio {
    socket: UnixDatagram,
    folder: PathBuf,
    own: PathBuf,
    peers: Vec<Peer>,
    /// When the folder was changed, as far as `peers` knows.
    changed: Option<SystemTime>,
    sent: u8,
}

#[derive(Debug)]
struct Peer {
    path: PathBuf,
    /// What it had no room for.
    waiting: Option<Vec<u8>>,
    refusals: u32,
}

impl Radio {
    /// The descriptor that is readable when there is something to hear.
    pub fn fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    /// Looks for those who came and went: when the folder has changed, and now and then all the same,
    /// since its time stamp is coarse.
    fn find_peers(&mut self) {
        let changed = fs::metadata(&self.folder).and_then(|data| data.modified());
        let changed = changed.ok();
        self.sent = self.sent.wrapping_add(1);
        if changed == self.changed && self.sent % REFRESH_EVERY != 0 {
            return;
        }
        self.changed = changed;
        let Ok(entries) = fs::read_dir(&self.folder) else {
            return;
        };
        let paths: Vec<_> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| *path != self.own)
            .take(PEERS_MAX)
            .collect();
        self.peers.retain(|peer| paths.contains(&peer.path));
        for path in paths {
            if !self.peers.iter().any(|peer| peer.path == path) {
                self.peers.push(Peer {
                    path,
                    waiting: None,
                    refusals: 0,
                });
            }
        }
    }

    /// Sends `frame` to `peer`; whether the peer is still there.
    fn send_to(socket: &UnixDatagram, peer: &mut Peer, frame: &[u8]) -> bool {
        match socket.send_to(frame, &peer.path) {
            Ok(_) => peer.refusals = 0,
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock => {
                    peer.refusals = peer.refusals.saturating_add(1);
                    if peer.refusals < DEAF_AFTER {
                        peer.waiting = Some(frame.to_vec());
                    }
                }
                ErrorKind::ConnectionRefused => {
                    // Nobody has bound it any more.
                    let _ = fs::remove_file(&peer.path);
                    return false;
                }
                ErrorKind::NotFound => return false,
                // Not ours to use; the others are.
                _ => {}
            },
        }
        true
    }
}

impl Medium for Radio {
    fn send(&mut self, _now: Instant, frame: &[u8]) -> bool {
        if !self.flush() {
            return false;
        }
        self.find_peers();
        let socket = &self.socket;
        self.peers
            .retain_mut(|peer| Radio::send_to(socket, peer, frame));
        true
    }

    fn receive(&mut self, _now: Instant, buf: &mut [u8]) -> Option<usize> {
        loop {
            match self.socket.recv(buf) {
                Ok(len) => return Some(len),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return None,
            }
        }
    }

    fn flush(&mut self) -> bool {
        let socket = &self.socket;
        self.peers.retain_mut(|peer| match peer.waiting.take() {
            Some(frame) => Radio::send_to(socket, peer, &frame),
            None => true,
        });
        self.peers.iter().all(|peer| peer.waiting.is_none())
    }
}

impl Drop for Radio {
    fn drop(&mut self) {
        // Whoever sends to it next would remove it, too.
        let _ = fs::remove_file(&self.own);
    }
}

/// Non-volatile memory in a file.
#[derive(Debug)]
struct StateFile {
    path: PathBuf,
}

impl Memory for StateFile {
    fn load(&mut self) -> Option<Vec<u8>> {
        match fs::read(&self.path) {
            Ok(octets) => Some(octets),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => {
                log::warn!("sim: {}: {error}; starting without", self.path.display());
                None
            }
        }
    }

    /// Writes a new file and renames it, so that there is always a whole one.
    fn store(&mut self, octets: &[u8]) {
        let mut new = self.path.clone().into_os_string();
        new.push(".new");
        let result = fs::write(&new, octets).and_then(|()| fs::rename(&new, &self.path));
        if let Err(error) = result {
            log::warn!(
                "sim: {}: {error}; the network will be forgotten",
                self.path.display()
            );
        }
    }
}

/// A number that no other process has now.
fn salt() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let nanos = since.map_or(0, |time| time.subsec_nanos());
    u64::from(process::id()) << 32 | u64::from(nanos) | 1
}

/// One process can have several.
static COUNT: AtomicU32 = AtomicU32::new(0);

/// Frames between two looks at the folder.
const REFRESH_EVERY: u8 = 32;
/// Sockets in one folder; the rest is not heard.
const PEERS_MAX: usize = 64;
/// Half a millisecond apart these are some 0.2 s, as long as a radio waits for its own host.
const DEAF_AFTER: u32 = 400;

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("spinel-bridge-radio-{}-{name}", process::id()))
    }

    #[test]
    fn hears_the_others_and_buries_the_dead() {
        let path = folder("air");
        let now = Instant::ZERO;
        let mut a = open_radio(&path).expect("a radio");
        let mut b = open_radio(&path).expect("a radio");
        let c = open_radio(&path).expect("a radio");
        let dead = path.join("dead");
        drop(UnixDatagram::bind(&dead).expect("bound"));
        assert!(a.send(now, b"hello"));
        let mut buf = [0; 16];
        assert_eq!(b.receive(now, &mut buf), Some(5));
        assert_eq!(b.receive(now, &mut buf), None);
        assert_eq!(a.receive(now, &mut buf), None);
        assert!(!dead.exists());
        let own = c.own.clone();
        drop(c);
        assert!(!own.exists());
        drop((a, b));
        fs::remove_dir(&path).expect("an empty folder");
    }

    #[test]
    fn a_full_receiver_makes_the_channel_busy_and_loses_nothing() {
        let path = folder("busy");
        let now = Instant::ZERO;
        let mut a = open_radio(&path).expect("a radio");
        let mut b = open_radio(&path).expect("a radio");
        let mut sent = 0_u16;
        let mut heard = 0;
        let mut buf = [0; 16];
        for _ in 0..DEAF_AFTER / 2 {
            while sent < 10_000 && a.send(now, &sent.to_le_bytes()) {
                sent += 1;
            }
            while b.receive(now, &mut buf) == Some(2) {
                assert_eq!(u16::from_le_bytes([buf[0], buf[1]]), heard);
                heard += 1;
            }
        }
        a.flush();
        while b.receive(now, &mut buf).is_some() {
            heard += 1;
        }
        assert!(sent > 100, "{sent}");
        assert_eq!(heard, sent);
        // One that never reads does not stop the others for ever.
        let mut tries = 0;
        while tries < 2 * DEAF_AFTER || !a.send(now, &[0; 2]) {
            a.send(now, &[0; 2]);
            tries += 1;
            assert!(tries < 10 * DEAF_AFTER);
        }
        drop((a, b));
        fs::remove_dir(&path).expect("an empty folder");
    }

    #[test]
    fn a_state_file_keeps_what_was_stored_last() {
        let path = folder("state");
        let mut file = StateFile { path: path.clone() };
        assert_eq!(file.load(), None);
        file.store(b"one");
        file.store(b"two");
        assert_eq!(file.load(), Some(b"two".to_vec()));
        fs::remove_file(&path).expect("the file");
    }
}
