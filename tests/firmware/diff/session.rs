//! A host that asks one thing after another, and the text of what comes back.

use super::normal;
use super::peer::Peer;
use spinel_bridge::wire::packed::Writer;
use std::collections::VecDeque;
use std::time::Duration;

/// Commands of protocol §1.3.
pub(crate) const GET: u8 = 2;
pub(crate) const SET: u8 = 3;
pub(crate) const INSERT: u8 = 4;
pub(crate) const REMOVE: u8 = 5;

/// How long a reply may take: the firmware's main loop is woken by each frame, and a busy machine needs
/// much less.
const REPLY: Duration = Duration::from_secs(2);

/// A host's side of one co-processor.
pub(crate) struct Session<P> {
    pub(crate) peer: P,
    tid: u8,
    told: VecDeque<Vec<u8>>,
}

impl<P: Peer> Session<P> {
    pub(crate) fn new(peer: P) -> Self {
        Session {
            peer,
            tid: 0,
            told: VecDeque::new(),
        }
    }

    /// The reply to a frame without its header; `None` where none comes.
    pub(crate) fn ask(&mut self, command_and_payload: &[u8]) -> Option<Vec<u8>> {
        self.tid = self.tid % 15 + 1;
        let header = 0x80 | self.tid;
        self.peer.send(&[&[header], command_and_payload].concat());
        let began = self.peer.now();
        while let Some(frame) = self.peer.next(REPLY) {
            match frame.first() {
                Some(first) if *first == header => return Some(frame[1..].to_vec()),
                Some(0x80) => self.told.push_back(frame),
                // A late reply.
                _ => {}
            }
            if self.peer.now() - began > 2 * REPLY {
                break;
            }
        }
        None
    }

    pub(crate) fn command(&mut self, command: u8, property: u32, value: &[u8]) -> Option<Vec<u8>> {
        if std::env::var("TRACE").is_ok() {
            eprintln!("{command} {property} {value:02x?}");
        }
        self.ask(&[&[command], packed(property).as_slice(), value].concat())
    }

    /// The reply as a text without what is random in it.
    pub(crate) fn outcome(&mut self, command: u8, property: u32, value: &[u8]) -> String {
        let reply = self.command(command, property, value);
        normal::reply(reply.as_deref())
    }

    /// The value of a property, if it has one.
    pub(crate) fn value(&mut self, property: u32) -> Option<Vec<u8>> {
        let reply = self.command(GET, property, &[])?;
        let head = [&[6], packed(property).as_slice()].concat();
        reply.strip_prefix(head.as_slice()).map(<[u8]>::to_vec)
    }

    #[track_caller]
    pub(crate) fn set(&mut self, property: u32, value: &[u8]) {
        let reply = self.command(SET, property, value).expect("a reply");
        let refused = reply.starts_with(&[6, 0]) && reply != [6, 0, 0];
        assert!(!refused, "SET {property}: {}", normal::reply(Some(&reply)));
    }

    /// What it says without being asked until it says nothing for `quiet`.
    pub(crate) fn told(&mut self, quiet: Duration) -> Vec<Vec<u8>> {
        while let Some(frame) = self.peer.next(quiet) {
            if frame.first() == Some(&0x80) {
                self.told.push_back(frame);
            }
        }
        self.told.drain(..).collect()
    }

    /// Waits until it says a frame that begins like this; says after how long, or `None` where that does not come
    /// within `within`. What else it says can be asked for afterwards.
    pub(crate) fn wait(&mut self, start: &[u8], within: Duration) -> Option<Duration> {
        let began = self.peer.now();
        loop {
            if self.told.iter().any(|frame| frame.starts_with(start)) {
                return Some(self.peer.now() - began);
            }
            let left = (began + within).checked_sub(self.peer.now())?;
            let frame = self.peer.next(left)?;
            self.told.push_back(frame);
        }
    }
}

/// A packed unsigned integer.
pub(crate) fn packed(number: u32) -> Vec<u8> {
    let mut buf = [0; 3];
    let mut writer = Writer::new(&mut buf);
    writer.uint_packed(number).unwrap();
    writer.written().to_vec()
}
