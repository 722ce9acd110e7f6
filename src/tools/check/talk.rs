//! Question and answer, through the same link engine that the bridge uses.

use super::board::{Board, Time};
use crate::bridge::{Bridge, Step, Upper};
use crate::bus::{Bus, Line};
use crate::link::{Link, Settings};
use crate::time::{Duration, Instant};
use crate::wire::ids::{Command, Property};
use crate::wire::packed::{Overflow, Reader};
use crate::wire::spinel::{write_property, Frame, Header};
use core::num::NonZeroU8;
use std::io;

/// What came of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The value of the property.
    Value(Vec<u8>),
    /// A status in place of it (protocol §1.4).
    Status(u32),
    /// The answer came on this interface, not on the one that was asked.
    Elsewhere(u8),
    /// Our own frame.
    Echo,
    /// Nothing.
    Silence,
}

/// Questions to a co-processor, and answers.
pub trait Conversation {
    /// Asks for a property, again and again until `patience` is over: a question is lost when the
    /// co-processor restarts. Also returns the time from the last question to the answer.
    ///
    /// # Errors
    /// Only when the device is gone.
    fn ask(&mut self, property: Property, patience: Duration) -> io::Result<(Answer, Duration)>;

    /// Who asks.
    fn desk(&self) -> &Desk;

    /// Which interface is asked from now on (0..=3).
    fn ask_interface(&mut self, iid: u8);

    /// What was counted on the way.
    fn counts(&self) -> Counts;

    /// Asks until the same answer has come twice: one alone may have been changed on the way.
    ///
    /// # Errors
    /// Only when the device is gone.
    fn ask_surely(&mut self, property: Property, patience: Duration) -> io::Result<Answer> {
        let mut answers = Vec::new();
        loop {
            let (answer, _) = self.ask(property, patience)?;
            let settled = answer == Answer::Silence || answers.contains(&answer);
            if settled || answers.len() >= ASK_MAX {
                return Ok(answer);
            }
            answers.push(answer);
        }
    }
}

/// What was counted on the way.
#[derive(Clone, Copy, Debug)]
pub struct Counts {
    /// Frames to the co-processor that it took.
    pub sent: u64,
    /// Those that it refused.
    pub refused: u64,
    /// Frames that were damaged, either way.
    pub damaged: u64,
    /// It is on SPI.
    pub is_bus: bool,
}

/// A bridge whose client is the check.
pub struct Talk<'t> {
    bridge: Bridge<Box<dyn Bus>, Desk>,
    time: &'t mut dyn Time,
}

impl<'t> Talk<'t> {
    /// Starts a link on the board's bus.
    /// Interface `iid` is asked (0..=3).
    pub fn new(board: Board<'t>, settings: Settings, iid: u8) -> Self {
        let Board { bus, time } = board;
        let link = Link::new(settings, time.now());
        Talk {
            bridge: Bridge {
                bus,
                link,
                upper: Desk::new(iid),
            },
            time,
        }
    }

    /// Ends the conversation, and a reset that has begun in it.
    pub fn into_board(mut self) -> Board<'t> {
        if self.bridge.link.holds_reset() {
            // A line that fails shows in the counters of the link.
            let _ = self.bridge.bus.set_reset(self.time.now(), Line::Inactive);
        }
        Board {
            bus: self.bridge.bus,
            time: self.time,
        }
    }

    /// Lets frames through until `until`, or the answer.
    fn listen(&mut self, until: Instant) -> io::Result<Answer> {
        loop {
            let now = self.time.now();
            self.bridge.take_edge(now)?;
            let step = self.bridge.step(now)?;
            if let Some(answer) = self.bridge.upper.answer.take() {
                return Ok(answer);
            }
            let now = self.time.now();
            if now >= until || self.time.is_over() {
                return Ok(Answer::Silence);
            }
            let due = self
                .bridge
                .poll_timeout()
                .map_or(LOOK_MAX, |at| at.since(now));
            if step == Step::Idle || !due.is_zero() {
                self.time.sleep(due.clamp(LOOK_MIN, LOOK_MAX));
            }
        }
    }
}

impl Conversation for Talk<'_> {
    fn ask(&mut self, property: Property, patience: Duration) -> io::Result<(Answer, Duration)> {
        let until = self.time.now() + patience;
        loop {
            let asked = self.time.now();
            self.bridge.upper.ask(property);
            let answer = self.listen((asked + ASK_PERIOD).min(until))?;
            let now = self.time.now();
            if answer != Answer::Silence || now >= until || self.time.is_over() {
                return Ok((answer, now.since(asked)));
            }
        }
    }

    fn desk(&self) -> &Desk {
        &self.bridge.upper
    }

    fn ask_interface(&mut self, iid: u8) {
        self.bridge.upper.ask_interface(iid);
    }

    fn counts(&self) -> Counts {
        let stats = self.bridge.link.stats();
        Counts {
            sent: stats.frames_sent,
            refused: stats.refused,
            damaged: stats.crc_errors_received + stats.crc_errors_sent,
            is_bus: true,
        }
    }
}

/// The client's side: one question, one answer.
#[derive(Debug, Default)]
pub struct Desk {
    iid: u8,
    question: Vec<u8>,
    sent: bool,
    tid: u8,
    answer: Option<Answer>,
    reset_status: Option<u32>,
}

impl Desk {
    pub(super) fn new(iid: u8) -> Self {
        Desk {
            iid,
            ..Desk::default()
        }
    }

    pub(super) fn ask_interface(&mut self, iid: u8) {
        self.iid = iid;
    }

    /// The interface that is asked.
    pub fn iid(&self) -> u8 {
        self.iid
    }

    /// The status that the co-processor reported after its reset (§5.10), if it did.
    pub fn reset_status(&self) -> Option<u32> {
        self.reset_status
    }

    /// Takes the answer, once it is there.
    pub(super) fn take(&mut self) -> Option<Answer> {
        self.answer.take()
    }

    pub(super) fn ask(&mut self, property: Property) {
        // Another TID for each question (1..=15), so that a late answer is not taken for this one's.
        self.tid = self.tid % 15 + 1;
        let mut buf = [0; 8];
        let get = Command::PROP_VALUE_GET;
        let length = Header::new(self.iid, self.tid)
            .ok_or(Overflow)
            .and_then(|header| write_property(&mut buf, header, get, property, |_| Ok(())));
        // Header, command and property take five octets at the most.
        self.question = buf[..length.unwrap_or(0)].to_vec();
        self.sent = false;
        self.answer = None;
    }

    fn read(&self, octets: &[u8]) -> Option<Answer> {
        if octets == self.question {
            return Some(Answer::Echo);
        }
        let frame = Frame::parse(octets).ok()?;
        let (property, value) = frame.property().ok()?;
        let asked = Frame::parse(&self.question).ok()?.property().ok()?.0;
        if frame.header.tid().map(NonZeroU8::get) != Some(self.tid)
            || frame.command != Command::PROP_VALUE_IS
        {
            return None;
        }
        if frame.header.iid() != self.iid {
            return Some(Answer::Elsewhere(frame.header.iid()));
        }
        match property {
            property if property == asked => Some(Answer::Value(value.to_vec())),
            Property::LAST_STATUS => Reader::new(value).uint_packed().ok().map(Answer::Status),
            _ => None,
        }
    }
}

impl Upper for Desk {
    fn has_room(&self) -> bool {
        true
    }

    fn deliver(&mut self, frame: &[u8]) {
        // TID 0, on whatever interface.
        if let [0x80 | 0x90 | 0xA0 | 0xB0, 0x06, 0x00, status, ..] = *frame {
            self.reset_status = Some(u32::from(status));
        }
        if self.answer.is_none() {
            self.answer = self.read(frame);
        }
    }

    fn slave_was_reset(&mut self) {}

    fn next_frame(&mut self) -> Option<&[u8]> {
        let due = !self.sent && !self.question.is_empty();
        self.sent = true;
        due.then_some(&self.question)
    }

    fn take_reset_request(&mut self) -> bool {
        false
    }

    fn input(&mut self) -> &mut [u8] {
        &mut []
    }

    fn input_filled(&mut self, _n: usize) {}

    fn output(&self) -> &[u8] {
        &[]
    }

    fn output_written(&mut self, _n: usize) {}

    fn counters(&self, _print: &mut dyn FnMut(&'static str, u64)) {}

    fn clear_counters(&mut self) {}
}

/// A co-processor answers within some milliseconds; a question without an answer was lost.
const ASK_PERIOD: Duration = Duration::from_secs(1);

/// Answers to one question before the last one is taken as it is.
const ASK_MAX: usize = 10;

/// How long the check sleeps between two looks: INT's edges wake nobody here.
const LOOK_MIN: Duration = Duration::from_micros(50);
const LOOK_MAX: Duration = Duration::from_millis(1);
