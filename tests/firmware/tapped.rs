//! Where a packet was lost: what the driver's own capture (`--tap`) says, and the firmware's counters of frames.
//!
//! The capture has all frames in their order, so the firmware's count of the frames that it received, and of the packets
//! that it sent, differ by the same amount from those in the capture for as long as it is not reset: one less on
//! either side was lost between the two. (It does not count the other frames that it sends.)

use crate::hosts::Host;
use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// A driver's capture, read as it grows.
pub(crate) struct Tapped {
    path: PathBuf,
    /// Up to where it is read.
    offset: u64,
    /// Frames since the last reset.
    frames: Frames,
    /// Which echo requests and replies passed, by their identifier.
    echoes: HashMap<u16, Vec<Echo>>,
    /// What the counts differed by, since the last reset.
    difference: Option<Frames>,
}

/// Frames that went to the co-processor, and packets that came from it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Frames {
    to: i64,
    from: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Echo {
    is_reply: bool,
    /// Towards the co-processor.
    is_sent: bool,
}

impl Tapped {
    pub(crate) fn new(path: PathBuf) -> Tapped {
        Tapped {
            path,
            offset: 0,
            frames: Frames::default(),
            echoes: HashMap::new(),
            difference: None,
        }
    }

    /// Where it lies.
    pub(crate) fn folder(&self) -> &Path {
        self.path.parent().expect("a folder")
    }

    /// What the driver needs for it.
    pub(crate) fn arguments(path: &Path) -> [String; 4] {
        // It must not begin anew within an hour.
        let path = path.display().to_string();
        ["--tap".into(), path, "--tap-size".into(), "4096".into()]
    }

    /// Reads what is new.
    fn catch_up(&mut self) {
        let mut file = File::open(&self.path).expect("a capture");
        file.seek(SeekFrom::Start(self.offset)).unwrap();
        let mut new = Vec::new();
        file.read_to_end(&mut new).unwrap();
        let mut rest = &new[..];
        // A block has its length behind its kind; the last one may not be whole yet.
        while let Some(length) = word(rest, 4).filter(|&length| rest.len() >= length as usize) {
            let (block, behind) = rest.split_at(length as usize);
            rest = behind;
            self.offset += u64::from(length);
            let is_spinel = word(block, 0) == Some(ENHANCED_PACKET) && word(block, 8) == Some(0);
            if is_spinel {
                let captured = word(block, 20).unwrap() as usize;
                // The flags are the only option.
                let flags = word(block, 28 + captured.next_multiple_of(4) + 4).unwrap();
                self.frame(flags & 3 == OUTBOUND, &block[28..28 + captured]);
            }
        }
    }

    fn frame(&mut self, is_sent: bool, frame: &[u8]) {
        let is_packet = matches!(frame.get(2), Some(114 | 115));
        match is_sent {
            true => self.frames.to += 1,
            false => self.frames.from += i64::from(is_packet),
        }
        // LAST_STATUS with a code of a reset, 112 to 127 (protocol §3.4).
        if !is_sent && matches!(frame, [_, 6, 0, 112..=127]) {
            self.frames = Frames::default();
            self.difference = None;
        }
        // STREAM_NET, or its insecure twin, with ICMPv6 (58) right behind the header: frame's head 3, length 2, header 40.
        if is_packet && frame.get(5 + 6) == Some(&58) {
            if let Some(&[kind @ (128 | 129), _, _, _, high, low]) = frame.get(45..51) {
                let is_reply = kind == 129;
                let echo = Echo { is_reply, is_sent };
                let echoes = self.echoes.entry(u16::from_be_bytes([high, low]));
                echoes.or_default().push(echo);
            }
        }
    }

    fn has(&self, number: u16, is_reply: bool, is_sent: bool) -> bool {
        let wanted = Echo { is_reply, is_sent };
        self.echoes
            .get(&number)
            .is_some_and(|found| found.contains(&wanted))
    }

    /// Frames that were lost between the driver and its co-processor since the last call or reset, either way.
    pub(crate) fn lost_on_the_bus(&mut self, host: &Host) -> Option<String> {
        let count = |name: &str| -> i64 {
            let text = host.ctl(&format!("get -v {name}"));
            text.trim().parse().expect("a count")
        };
        let mut read = || {
            let received = count("CNTR_RX_SPINEL_TOTAL");
            self.catch_up();
            let to = self.frames.to - received;
            let sent = count("CNTR_RX_IP_SEC_TOTAL") + count("CNTR_RX_IP_INSEC_TOTAL");
            self.catch_up();
            let from = self.frames.from - sent;
            Frames { to, from }
        };
        // Packets that pass meanwhile are in one of the two alone: in a quiet moment it is three times the same.
        let mut last = [read(), read(), read()];
        for _ in 0..100 {
            if last.iter().all(|frames| *frames == last[0]) {
                break;
            }
            last = [last[1], last[2], read()];
        }
        let now = last[0];
        match self.difference.replace(now) {
            Some(before) if before != now => Some(format!("frames: {before:?} {now:?}")),
            _ => None,
        }
    }
}

/// Who lost the echo request `number` of `from`, or its reply. `Err`: we did.
pub(crate) fn blame(
    number: u16,
    from: &mut Tapped,
    to: Option<&mut Tapped>,
) -> Result<&'static str, &'static str> {
    from.catch_up();
    if !from.has(number, false, true) {
        return Err("the request never went to the co-processor");
    }
    if from.has(number, true, false) {
        return Err("the reply came from the co-processor and was not taken, or after 20 s");
    }
    let Some(to) = to else {
        return Ok("it went to the firmware, and nothing came back");
    };
    to.catch_up();
    match (to.has(number, false, false), to.has(number, true, true)) {
        (false, _) => Ok("the request was lost from firmware to firmware"),
        (true, false) => Err("the other driver got the request and sent no reply"),
        (true, true) => Ok("the reply was lost from firmware to firmware"),
    }
}

fn word(octets: &[u8], at: usize) -> Option<u32> {
    let octets = octets.get(at..at + 4)?;
    Some(u32::from_le_bytes(octets.try_into().unwrap()))
}

/// Blocks with a packet, and its direction in their flags (draft-ietf-opsawg-pcapng, 4.3).
const ENHANCED_PACKET: u32 = 6;
const OUTBOUND: u32 = 2;
