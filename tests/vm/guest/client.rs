//! A host program behind the bridge, on its pty or its standard input and output.

use nix::fcntl::{fcntl, FcntlArg, OFlag};
use nix::poll::{poll, PollFd, PollFlags};
use spinel_bridge::hdlc::decode::{Decoder, Event};
use spinel_bridge::hdlc::encode::{encode, encoded_max};
use spinel_bridge::hdlc::RESET_SEQUENCE;
use spinel_bridge::sim::rng::Rng;
use spinel_bridge::wire::spi::FRAME_MAX;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// One end of an HDLC-lite link.
pub(crate) struct Client {
    input: File,
    output: File,
    decoder: Decoder,
    /// Octets that were read and not decoded yet.
    received: Vec<u8>,
    /// Octets that were encoded and not written yet.
    unsent: Vec<u8>,
    /// Notifications of a reset so far: the sequence or LAST_STATUS.
    pub(crate) resets: u32,
    /// Frames of [`frame`] sent and received so far.
    pub(crate) sent: u32,
    pub(crate) echoed: u32,
    /// Of the frames that are sent.
    seed: u64,
    /// The least number that may come next over a link that loses frames.
    number_next: u32,
}

/// What came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Got {
    Frame(Vec<u8>),
    Reset,
    Bad,
}

impl Client {
    /// On the pty at `path`.
    pub(crate) fn pty(path: &Path) -> io::Result<Client> {
        let flags = (OFlag::O_NOCTTY | OFlag::O_NONBLOCK).bits();
        let pty = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(flags)
            .open(path)?;
        Ok(Client::new(pty.try_clone()?, pty))
    }

    /// On the two pipes of a bridge with `--stdio`.
    pub(crate) fn pipes(input: OwnedFd, output: OwnedFd) -> io::Result<Client> {
        for fd in [&input, &output] {
            fcntl(fd, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        }
        Ok(Client::new(input.into(), output.into()))
    }

    fn new(input: File, output: File) -> Client {
        Client {
            input,
            output,
            decoder: Decoder::new(),
            received: Vec::new(),
            unsent: Vec::new(),
            resets: 0,
            sent: 0,
            echoed: 0,
            seed: 0,
            number_next: 0,
        }
    }

    /// Waits for the echo of a frame of its own, and drops what came before: both ends are in step then.
    pub(crate) fn sync(&mut self) -> Result<(), String> {
        self.send(SYNC);
        let limit = Instant::now() + ANSWER;
        loop {
            match self.next(limit)? {
                Some(Got::Frame(frame)) if frame == SYNC => return Ok(()),
                Some(_) => {}
                None => return Err(format!("no echo within {ANSWER:?}")),
            }
        }
    }

    /// The value of a property of an NCP.
    pub(crate) fn get(&mut self, property: u8) -> Result<Vec<u8>, String> {
        // PROP_VALUE_GET with TID 1, answered by PROP_VALUE_IS (protocol §1.2).
        self.send(&[0x81, 0x02, property]);
        let limit = Instant::now() + ANSWER;
        loop {
            match self.next(limit)? {
                Some(Got::Frame(frame)) if frame.starts_with(&[0x81, 0x06, property]) => {
                    return Ok(frame[3..].to_vec());
                }
                Some(_) => {}
                None => return Err(format!("no answer to GET {property} within {ANSWER:?}")),
            }
        }
    }

    /// Asks for a hardware reset.
    pub(crate) fn ask_for_reset(&mut self) {
        self.unsent.extend_from_slice(&RESET_SEQUENCE);
    }

    /// Waits until a reset is told that has not been seen.
    pub(crate) fn await_reset(&mut self, time: Duration) -> Result<Duration, String> {
        let (seen, start) = (self.resets, Instant::now());
        while self.resets == seen {
            if self.next(start + time)?.is_none() {
                return Err(format!("no reset was told within {time:?}"));
            }
        }
        Ok(start.elapsed())
    }

    /// Sends `count` frames of mixed sizes as fast as they are taken, and wants each of them back, in
    /// order and as it was. Octets moved, each way.
    pub(crate) fn exchange(&mut self, count: u32, seed: u64) -> Result<u64, String> {
        self.seed = seed;
        let (mut sent, mut echoed, mut octets) = (0, 0, 0);
        while echoed < count {
            if self.unsent.is_empty() && sent < count {
                self.send(&frame(seed, sent, 1));
                sent += 1;
            }
            let got = self.next_with(Instant::now() + STALL, sent < count)?;
            match got {
                Some(Got::Frame(got)) if is_status(&got) => {
                    return Err(format!("a reset after {echoed} frames: {got:02x?}"));
                }
                Some(Got::Frame(got)) => {
                    let want = frame(seed, echoed, 1);
                    if got != want {
                        return Err(format!(
                            "frame {echoed} differs: {} octets sent, {} came back",
                            want.len(),
                            got.len()
                        ));
                    }
                    echoed += 1;
                    octets += got.len() as u64;
                }
                Some(bad) => return Err(format!("{bad:?} after {echoed} frames")),
                None if !self.unsent.is_empty() || sent == count => {
                    return Err(format!("stalled: {sent} sent, {echoed} came back"));
                }
                None => {}
            }
        }
        self.sent += sent;
        self.echoed += echoed;
        Ok(octets)
    }

    /// Sends `count` frames one at a time, each once the one before came back. How long each took.
    pub(crate) fn ping_pong(&mut self, count: u32) -> Result<Vec<Duration>, String> {
        let mut times = Vec::new();
        for number in 0..count {
            let (sent, start) = (frame(self.seed, number, 1), Instant::now());
            self.send(&sent);
            match self.next(start + STALL)? {
                Some(Got::Frame(got)) if got == sent => times.push(start.elapsed()),
                got => return Err(format!("instead of the echo of frame {number}: {got:?}")),
            }
        }
        times.sort();
        Ok(times)
    }

    /// Sends numbered frames for `time`, over a link that may lose some, and fails if one comes back
    /// that is not as it was, or not in order. How many came back.
    pub(crate) fn pump(&mut self, time: Duration) -> Result<u32, String> {
        let (end, before) = (Instant::now() + time, self.echoed);
        loop {
            if self.unsent.is_empty() {
                self.send(&frame(self.seed, self.sent, NUMBERED));
                self.sent += 1;
            }
            match self.next_with(end, true)? {
                Some(Got::Frame(got)) => self.check_numbered(&got)?,
                Some(Got::Bad) => return Err("octets that are no frame".to_owned()),
                Some(Got::Reset) => {}
                None if Instant::now() >= end => return Ok(self.echoed - before),
                None => {}
            }
        }
    }

    fn check_numbered(&mut self, got: &[u8]) -> Result<(), String> {
        if is_status(got) || got == SYNC {
            return Ok(());
        }
        let Some(&[a, b, c, d]) = got.get(1..NUMBERED) else {
            return Err(format!("a frame that nobody sent: {got:02x?}"));
        };
        let number = u32::from_be_bytes([a, b, c, d]);
        if got != frame(self.seed, number, NUMBERED) {
            return Err(format!(
                "frame {number} ({} octets) is not as it was sent",
                got.len()
            ));
        }
        if self.number_next > number {
            return Err(format!(
                "frame {number} came again, or after frame {}",
                self.number_next
            ));
        }
        self.number_next = number + 1;
        self.echoed += 1;
        Ok(())
    }

    /// Puts a frame behind what is to be written.
    pub(crate) fn send(&mut self, frame: &[u8]) {
        let mut octets = vec![0; encoded_max(FRAME_MAX)];
        if let Some(len) = encode(frame, &mut octets) {
            self.unsent.extend_from_slice(&octets[..len]);
        }
    }

    /// The next that comes before `limit`.
    pub(crate) fn next(&mut self, limit: Instant) -> Result<Option<Got>, String> {
        self.next_with(limit, false)
    }

    /// As [`Client::next`], but returns early once all is written, if `early`.
    fn next_with(&mut self, limit: Instant, early: bool) -> Result<Option<Got>, String> {
        loop {
            if let Some(got) = self.decode() {
                return Ok(Some(got));
            }
            if early && self.unsent.is_empty() {
                return Ok(None);
            }
            let left = limit.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            self.move_octets(left)
                .map_err(|error| format!("client: {error}"))?;
        }
    }

    fn decode(&mut self) -> Option<Got> {
        let (taken, event) = self.decoder.decode(&self.received);
        self.received.drain(..taken);
        let got = match event? {
            Event::Frame { len } => Got::Frame(self.decoder.frame(len).to_vec()),
            Event::Reset => Got::Reset,
            Event::Discarded(_) => Got::Bad,
        };
        match &got {
            Got::Reset => self.resets += 1,
            Got::Frame(frame) if is_status(frame) => self.resets += 1,
            _ => {}
        }
        Some(got)
    }

    fn move_octets(&mut self, left: Duration) -> io::Result<()> {
        let wants = if self.unsent.is_empty() {
            PollFlags::empty()
        } else {
            PollFlags::POLLOUT
        };
        let millis = u16::try_from(left.as_millis()).unwrap_or(u16::MAX).max(1);
        let mut fds = [
            PollFd::new(self.input.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.output.as_fd(), wants),
        ];
        poll(&mut fds, millis)?;
        let mut buf = [0; 4096];
        match self.input.read(&mut buf) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(len) => self.received.extend_from_slice(&buf[..len]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        if !self.unsent.is_empty() {
            match self.output.write(&self.unsent) {
                Ok(len) => drop(self.unsent.drain(..len)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// LAST_STATUS with the cause of a reset, without a TID.
fn is_status(frame: &[u8]) -> bool {
    matches!(frame, [0x80, 0x06, 0x00, 112..=127])
}

/// Frame `number` of those of `seed`: six of ten are short, one is long; a quarter of them is full of
/// what HDLC has to escape. With `min` of [`NUMBERED`] or more it says its number.
pub(crate) fn frame(seed: u64, number: u32, min: usize) -> Vec<u8> {
    let mut rng = Rng::new(seed << 32 | u64::from(number));
    let (least, most) = match rng.below(10) {
        0..=5 => (min, 64),
        6..=8 => (65, 300),
        _ => (301, LONGEST),
    };
    let len = least + rng.below((most - least + 1) as u64) as usize;
    let special = rng.below(4) == 0;
    let mut frame = Vec::with_capacity(len + 8);
    frame.push(0x81);
    if min >= NUMBERED {
        frame.extend_from_slice(&number.to_be_bytes());
    }
    while frame.len() < len {
        let word = rng.octets::<8>();
        match special {
            true => frame.extend(word.map(|octet| SPECIAL[usize::from(octet) % SPECIAL.len()])),
            false => frame.extend_from_slice(&word),
        }
    }
    frame.truncate(len);
    frame
}

/// The shortest frame that says its number: the Spinel header, and four octets.
const NUMBERED: usize = 5;

/// The longest frame that the simulated slave takes: OpenThread's 1300 with the header (protocol §5.5).
pub(crate) const LONGEST: usize = 1295;

const SPECIAL: [u8; 5] = [0x7E, 0x7D, 0x11, 0x13, 0xF8];

/// No frame of [`frame`]: those have another IID and TID.
const SYNC: &[u8] = &[0x82, b's', b'y', b'n', b'c'];

/// An answer takes milliseconds, a reset of the link that the bridge gave up a few seconds.
const ANSWER: Duration = Duration::from_secs(8);

/// Without progress for so long, a transfer hangs.
const STALL: Duration = Duration::from_secs(5);
