//! One run: a client that sends frames to an echo, and the judge of what comes back.

use super::scenario::{Frame, Promise};
use crate::common::{EchoBus, Pair};
use spinel_bridge::link::{CrcMode, Settings};
use spinel_bridge::sim::rng::Rng;
use spinel_bridge::sim::slave::faults::Fault;
use spinel_bridge::sim::spec::Spec;
use spinel_bridge::time::{Duration, Instant};
use std::collections::VecDeque;
use std::panic::{catch_unwind, AssertUnwindSafe};

/// What became of the frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) sent: u64,
    pub(crate) arrived: u64,
    pub(crate) lost: u64,
    pub(crate) doubled: u64,
    pub(crate) changed: u64,
}

/// A promise that was not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(crate) kind: Kind,
    /// One line.
    pub(crate) text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// More frames are lost than may be, or nothing moves any more.
    Lost,
    /// More frames arrived twice than may.
    Doubled,
    /// A frame arrived that nobody sent, or out of order.
    Changed,
    Panicked,
}

/// A client, a bridge and an echo, on the way.
pub(crate) struct Run {
    pub(crate) pair: Pair<EchoBus>,
    pub(crate) tally: Tally,
    /// Where each frame went to the bridge: how many transactions there had been.
    pub(crate) started: Vec<u64>,
    promise: Promise,
    begun: Instant,
    expected: VecDeque<Vec<u8>>,
    last: Vec<u8>,
    violation: Option<Violation>,
}

impl Run {
    pub(crate) fn new(spec: &Spec, promise: Promise, script: Vec<(u64, Fault)>) -> Self {
        let crc = match spec.crc {
            true => CrcMode::On,
            false => CrcMode::Off,
        };
        let settings = Settings {
            crc,
            ..Settings::default()
        };
        let pair = Pair::echo_scripted(spec, settings, script);
        Run {
            begun: pair.now,
            pair,
            tally: Tally::default(),
            started: Vec::new(),
            promise,
            expected: VecDeque::new(),
            last: Vec::new(),
            violation: None,
        }
    }

    /// Sends what `next` gives, which is told how much time has passed, and stops at the first
    /// violation.
    pub(crate) fn go(&mut self, next: impl FnMut(u64) -> Option<Frame>) -> Result<(), Violation> {
        // The link is not used any more after a panic.
        catch_unwind(AssertUnwindSafe(|| self.send_all(next))).unwrap_or_else(|cause| {
            let text = cause
                .downcast_ref::<String>()
                .map(String::as_str)
                .or(cause.downcast_ref::<&str>().copied())
                .unwrap_or("a panic without a text");
            violated(Kind::Panicked, text)
        })
    }

    fn send_all(&mut self, mut next: impl FnMut(u64) -> Option<Frame>) -> Result<(), Violation> {
        let mut waiting = next(0);
        let mut moved_at = self.pair.now;
        while waiting.is_some() || !self.expected.is_empty() {
            while let Some(frame) = waiting.filter(|frame| self.is_due(*frame)) {
                let octets = octets(self.tally.sent, frame.len);
                if self.expected.len() >= WINDOW || !self.pair.send(&octets) {
                    break;
                }
                moved_at = self.pair.now;
                self.expected.push_back(octets);
                self.tally.sent += 1;
                self.started.push(self.pair.bridge.bus.transactions());
                waiting = next(self.elapsed());
            }
            let arrived = self.tally.arrived;
            let refused = waiting.is_some_and(|frame| self.is_due(frame));
            let alive = self.turn(waiting);
            self.check()?;
            if self.tally.arrived > arrived {
                moved_at = self.pair.now;
            }
            let stalled = !alive || self.pair.now.since(moved_at) > STALLED;
            if stalled && (refused || !self.expected.is_empty()) {
                self.give_up()?;
                moved_at = self.pair.now;
            }
        }
        Ok(())
    }

    fn elapsed(&self) -> u64 {
        self.pair.now.as_micros() - self.begun.as_micros()
    }

    fn is_due(&self, frame: Frame) -> bool {
        frame.at <= self.elapsed()
    }

    /// One turn, and on to the next deadline or frame. False if nothing will ever happen again.
    fn turn(&mut self, waiting: Option<Frame>) -> bool {
        let limit = match waiting {
            Some(frame) if !self.is_due(frame) => self.begun + Duration::from_micros(frame.at),
            _ => Instant::from_micros(u64::MAX),
        };
        let Run {
            pair,
            expected,
            last,
            tally,
            ..
        } = self;
        let alive = pair.turn(limit, |frame| match_up(frame, expected, last, tally));
        alive || limit < Instant::from_micros(u64::MAX)
    }

    /// What is on its way will not come any more.
    fn give_up(&mut self) -> Result<(), Violation> {
        if self.expected.is_empty() {
            return violated(Kind::Lost, "Lost: the bridge takes no frame any more");
        }
        self.tally.lost += self.expected.len() as u64;
        self.expected.clear();
        self.check()
    }

    fn check(&self) -> Result<(), Violation> {
        let Tally {
            sent,
            arrived,
            lost,
            doubled,
            changed,
        } = self.tally;
        let injected = self.pair.bridge.bus.injected();
        // No other fault leaves anything open.
        let faults = injected.garbage + injected.late_header + injected.flip_any + injected.reset;
        let Promise {
            lost: may_lose,
            doubled: may_double,
        } = self.promise;
        let kind = if changed > 0 {
            Kind::Changed
        } else if lost > may_lose * faults {
            Kind::Lost
        } else if doubled > may_double * faults {
            Kind::Doubled
        } else {
            return Ok(());
        };
        violated(
            kind,
            &format!(
                "{kind:?}: of {sent} sent {arrived} arrived, {lost} are lost, {doubled} doubled, \
                 {changed} changed, with {} faults",
                injected.total()
            ),
        )
    }
}

fn violated(kind: Kind, text: &str) -> Result<(), Violation> {
    let text = text.to_owned();
    Err(Violation { kind, text })
}

/// Compares a frame that arrived with those that are on their way.
fn match_up(frame: &[u8], expected: &mut VecDeque<Vec<u8>>, last: &mut Vec<u8>, tally: &mut Tally) {
    if let Some(index) = expected.iter().position(|sent| sent == frame) {
        tally.arrived += 1;
        tally.lost += index as u64;
        expected.drain(..index);
        *last = expected.pop_front().expect("it was found there");
    } else if frame == last {
        tally.doubled += 1;
    } else {
        tally.changed += u64::from(!is_notification(frame));
    }
}

/// PROP_VALUE_IS LAST_STATUS, with one of the reset causes (protocol §4.1): what the echo says first.
fn is_notification(frame: &[u8]) -> bool {
    matches!(frame, [0x80, 0x06, 0x00, 112..=127])
}

/// The content of a frame. Those on their way at the same time differ.
fn octets(number: u64, len: usize) -> Vec<u8> {
    let mut frame: Vec<u8> = Vec::with_capacity(len + 8);
    // FLG 2; the frame's number, so that it is found again, as far as there is room for it.
    frame.push(0x80 | (number & 0x3F) as u8);
    frame.extend_from_slice(&(number >> 6).to_le_bytes()[..4]);
    let mut filler = Rng::new(number);
    while frame.len() < len {
        frame.extend_from_slice(&filler.next_u64().to_le_bytes());
    }
    frame.truncate(len);
    frame
}

/// Frames on their way: more than both ends can hold of those that are not short, and few enough for
/// the six bits of the number in the first octet to tell each from the one that arrived before.
pub(crate) const WINDOW: usize = 32;

/// No frame takes so long, whatever goes wrong: a lost edge costs 10 s at most.
const STALLED: Duration = Duration::from_secs(60);
