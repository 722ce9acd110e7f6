//! Bringing a co-processor behind a stream back: after the stream was opened, when it hangs, and when the
//! client asks for it (protocol §6.4).
//!
//! A [`Reviver`] stands between the [`Carrier`](super::host::Carrier) and the face. It repeats the RESET
//! frame until the co-processor answers, and has the line that resets it driven where there is one. What the
//! client says meanwhile is dropped, since it is for a co-processor that will have forgotten all: but at the
//! start, where there is nothing to forget, it waits. The client is told of each restart as on SPI.

use crate::bridge::Upper;
use crate::time::{earliest, Duration, Instant};
use crate::wire::ids::{Command, Property, Status};
use crate::wire::spi::FRAME_MAX;
use crate::wire::spinel::Frame;

/// What is to be done with the co-processor from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Hold it in reset.
    Hold,
    /// Release it.
    Release,
    /// Close the stream and open it again: that ends a command, and a port is set up anew.
    Renew,
}

/// How a co-processor behind a stream is reset.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// It is, each time that the stream was opened.
    pub reset_when_opened: bool,
    /// There is a line that does it.
    pub has_line: bool,
    /// How long that is held active.
    pub pulse: Duration,
    /// How long the co-processor is left alone after that.
    pub settle: Duration,
}

/// What was done to bring the co-processor back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// RESET frames of our own.
    pub resets_sent: u64,
    /// Pulses of the line.
    pub pulses: u64,
    /// Times that it answered nothing, and was reset for it.
    pub hung: u64,
    /// Restarts that the client was told of.
    pub restarts: u64,
    /// Frames of the client that were dropped, because the co-processor was to restart.
    pub dropped: u64,
}

/// The state machine.
#[derive(Debug)]
pub struct Reviver {
    settings: Settings,
    state: State,
    /// The co-processor was up before: what the client says while it is not is dropped.
    was_up: bool,
    /// The stream was lost after a reset of ours: a co-processor with USB of its own leaves the bus for it,
    /// and would do so after each.
    lost_by_reset: bool,
    /// The client was told of this restart: the notification that follows tells of no other.
    told: bool,
    /// The client sent RESET itself: the notification is its answer, and no news. (zigbee-on-host ends at the reset
    /// sequence.)
    asked: bool,
    /// Since when a question waits for an answer.
    unanswered: Option<Instant>,
    /// Another one was asked since. One lost answer alone is no reason to reset anything.
    asked_again: bool,
    /// Times in a row that it was opened anew in vain: it may boot slowly, and must not be reset while it does.
    failures: u32,
    /// [`Action::Renew`] is due.
    renew: bool,
    /// The client's first frame, until the co-processor is there; empty: none.
    held: Vec<u8>,
    /// The frame that was held and goes now.
    passed: Vec<u8>,
    stats: Stats,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// There is no stream.
    Closed,
    /// Frames pass.
    Up,
    /// The line is to be driven, and then so for the pulse.
    Pulse { until: Option<Instant> },
    /// RESET was sent so many times, and is sent again then.
    Asking { tries: u32, at: Instant },
}

impl Reviver {
    /// One whose stream is not open yet.
    pub fn new(settings: Settings) -> Self {
        Reviver {
            settings,
            state: State::Closed,
            was_up: false,
            lost_by_reset: false,
            told: false,
            asked: false,
            unanswered: None,
            asked_again: false,
            failures: 0,
            renew: false,
            held: Vec::with_capacity(FRAME_MAX),
            passed: Vec::with_capacity(FRAME_MAX),
            stats: Stats::default(),
        }
    }

    /// What was done.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Calls `print` with each counter and what it counts.
    pub fn counters(&self, print: &mut dyn FnMut(&'static str, u64)) {
        let stats = &self.stats;
        print("RESET frames of our own", stats.resets_sent);
        print("resets by the line", stats.pulses);
        print("resets because nothing was answered", stats.hung);
        print("restarts that the client was told of", stats.restarts);
        print("client frames dropped: before a restart", stats.dropped);
    }

    /// Sets all counters to zero.
    pub fn clear_counters(&mut self) {
        self.stats = Stats::default();
    }

    /// Whether frames pass.
    pub fn is_up(&self) -> bool {
        self.state == State::Up
    }

    /// Whether an answer is waited for, or the co-processor itself.
    pub fn is_waiting(&self) -> bool {
        !self.is_up() || self.unanswered.is_some()
    }

    /// The line cannot be driven any more.
    pub fn line_failed(&mut self, now: Instant) {
        self.settings.has_line = false;
        if let State::Pulse { .. } = self.state {
            self.ask(now);
        }
    }

    /// The stream is open.
    pub fn opened(&mut self, now: Instant) {
        let by_reset = core::mem::take(&mut self.lost_by_reset);
        self.unanswered = None;
        if !self.settings.reset_when_opened || by_reset {
            self.up();
        } else if self.settings.has_line {
            self.state = State::Pulse { until: None };
        } else {
            // One that has just started tells so by itself.
            self.state = State::Asking {
                tries: 0,
                at: now + ASK_FIRST,
            };
        }
    }

    /// The stream is lost.
    pub fn closed(&mut self) {
        self.lost_by_reset = matches!(self.state, State::Asking { tries: 1.., .. }) && !self.renew;
        self.state = State::Closed;
        self.unanswered = None;
        self.renew = false;
        self.told = false;
    }

    /// What is due. To be called until there is nothing.
    pub fn poll(&mut self, now: Instant) -> Option<Action> {
        if core::mem::take(&mut self.renew) {
            // Whoever opens it tells by `opened`.
            self.state = State::Closed;
            return Some(Action::Renew);
        }
        if self.hangs_at().is_some_and(|at| at <= now) {
            log::warn!(
                "the co-processor answered nothing for {} s: resetting it",
                HUNG.as_secs()
            );
            self.stats.hung += 1;
            self.reset(now);
        }
        match self.state {
            State::Pulse { until: None } => {
                self.state = State::Pulse {
                    until: Some(now + self.settings.pulse),
                };
                self.stats.pulses += 1;
                Some(Action::Hold)
            }
            State::Pulse { until: Some(until) } if until <= now => {
                // One that was reset by hardware tells so by itself.
                self.state = State::Asking {
                    tries: 0,
                    at: now + self.settings.settle + self.patience() * 2,
                };
                Some(Action::Release)
            }
            _ => None,
        }
    }

    /// When [`Reviver::poll`], or the next step of the carrier, has something to do if nothing happens.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let due = match self.state {
            State::Closed | State::Up => None,
            State::Pulse { until } => Some(until.unwrap_or(Instant::ZERO)),
            State::Asking { at, .. } => Some(at),
        };
        match self.renew {
            true => Some(Instant::ZERO),
            false => earliest(due, self.hangs_at()),
        }
    }

    /// The face, as the carrier is to see it at this time.
    pub fn before<'a, U: Upper + ?Sized>(
        &'a mut self,
        upper: &'a mut U,
        now: Instant,
    ) -> Revived<'a, U> {
        Revived {
            reviver: self,
            upper,
            now,
        }
    }

    fn hangs_at(&self) -> Option<Instant> {
        self.unanswered
            .filter(|_| self.is_up() && self.asked_again)
            .map(|since| since + HUNG)
    }

    /// How long the first answer to RESET may take, this time. After a failure it is four times as long, and sixteen
    /// times from then on: 7 s, 28 s, 112 s for all of them, which outgrows any boot.
    fn patience(&self) -> Duration {
        ASK_AGAIN * 4_u32.pow(self.failures.min(2))
    }

    fn up(&mut self) {
        self.state = State::Up;
        self.was_up = true;
    }

    fn reset(&mut self, now: Instant) {
        self.unanswered = None;
        match self.settings.has_line {
            true => self.state = State::Pulse { until: None },
            false => self.ask(now),
        }
    }

    fn ask(&mut self, now: Instant) {
        self.state = State::Asking { tries: 0, at: now };
    }

    /// The RESET frame, if it is due.
    fn own_frame(&mut self, now: Instant) -> Option<&'static [u8]> {
        let State::Asking { tries, at } = self.state else {
            return None;
        };
        if now < at {
            return None;
        }
        if tries >= TRIES {
            log::warn!("the co-processor does not answer RESET: opening its device anew");
            self.renew = true;
            self.failures = self.failures.saturating_add(1);
            self.state = State::Closed;
            return None;
        }
        self.state = State::Asking {
            tries: tries + 1,
            at: now + self.patience() * (1 << tries.min(TRIES)),
        };
        self.stats.resets_sent += 1;
        // The stack alone first, for which an RCP with USB of its own need not leave the bus.
        Some(match tries {
            0 => &[NOBODY, RESET, STACK],
            1 => &[NOBODY, RESET],
            _ => &[NOBODY, RESET, PLATFORM],
        })
    }

    /// Takes note of a frame; whether the client is to be told of a restart before it.
    fn came(&mut self, frame: &[u8]) -> bool {
        self.unanswered = None;
        self.failures = 0;
        let is_restart = is_restart(frame);
        let told = core::mem::take(&mut self.told);
        match self.state {
            State::Asking { .. } if is_restart => self.up(),
            // It lives, and has no notification for us.
            State::Asking { tries, .. } if tries >= ENOUGH => self.up(),
            _ => {}
        }
        is_restart && !core::mem::take(&mut self.asked) && !told
    }

    /// Whether the client's frames go to the co-processor.
    fn passes(&self) -> bool {
        match self.state {
            State::Up => true,
            // One that knows no RESET is talked to all the same, at the start.
            State::Asking { tries, .. } => !self.was_up && tries >= ENOUGH,
            State::Closed | State::Pulse { .. } => false,
        }
    }

    /// The next frame of the client for the co-processor.
    fn pass<'a, U: Upper + ?Sized>(
        &'a mut self,
        upper: &'a mut U,
        now: Instant,
    ) -> Option<&'a [u8]> {
        let frame = match self.held.is_empty() {
            true => upper.next_frame()?,
            false => {
                core::mem::swap(&mut self.held, &mut self.passed);
                self.held.clear();
                &self.passed
            }
        };
        let has_tid = frame.first().is_some_and(|header| header & TID != 0);
        self.asked |= is_reset(frame);
        if has_tid || is_reset(frame) {
            self.asked_again = self.unanswered.is_some();
            self.unanswered.get_or_insert(now);
        }
        Some(frame)
    }

    /// While none may pass: drops what the client says. At the start its first frame waits, and those behind it; but
    /// a RESET has been made by then, and a second one would surprise a client that goes on after the first.
    pub fn hold<U: Upper + ?Sized>(&mut self, upper: &mut U) {
        while self.held.is_empty() {
            let Some(frame) = upper.next_frame() else {
                return;
            };
            if self.was_up || self.settings.reset_when_opened && is_reset(frame) {
                self.stats.dropped += 1;
            } else {
                self.held.extend_from_slice(frame);
            }
        }
    }

    /// Whether the request is for the co-processor's other end.
    fn reset_is_asked_for(&mut self, now: Instant) -> bool {
        self.reset(now);
        if let State::Asking { at, .. } = &mut self.state {
            *at = now + ASK_AGAIN;
        }
        !self.settings.has_line
    }
}

/// A face before which a [`Reviver`] stands.
#[derive(Debug)]
pub struct Revived<'a, U: ?Sized> {
    reviver: &'a mut Reviver,
    upper: &'a mut U,
    now: Instant,
}

impl<U: Upper + ?Sized> Upper for Revived<'_, U> {
    fn has_room(&self) -> bool {
        self.upper.has_room()
    }

    fn deliver(&mut self, frame: &[u8]) {
        if self.reviver.came(frame) {
            self.reviver.stats.restarts += 1;
            self.upper.slave_was_reset();
        }
        self.upper.deliver(frame);
    }

    fn slave_was_reset(&mut self) {
        if !core::mem::replace(&mut self.reviver.told, true) {
            self.reviver.stats.restarts += 1;
            self.upper.slave_was_reset();
        }
    }

    fn next_frame(&mut self) -> Option<&[u8]> {
        let Revived {
            reviver,
            upper,
            now,
        } = self;
        if let Some(frame) = reviver.own_frame(*now) {
            return Some(frame);
        }
        match reviver.passes() {
            true => reviver.pass(*upper, *now),
            false => {
                reviver.hold(*upper);
                None
            }
        }
    }

    /// Without a line the sequence goes on: whatever carries the co-processor may have one.
    fn take_reset_request(&mut self) -> bool {
        self.upper.take_reset_request() && self.reviver.reset_is_asked_for(self.now)
    }

    fn input(&mut self) -> &mut [u8] {
        self.upper.input()
    }

    fn input_filled(&mut self, n: usize) {
        self.upper.input_filled(n);
    }

    fn output(&self) -> &[u8] {
        self.upper.output()
    }

    fn output_written(&mut self, n: usize) {
        self.upper.output_written(n);
    }

    fn counters(&self, print: &mut dyn FnMut(&'static str, u64)) {
        self.upper.counters(print);
    }

    fn clear_counters(&mut self) {
        self.upper.clear_counters();
    }
}

/// Whether it tells that the co-processor restarted (protocol §1.5).
fn is_restart(frame: &[u8]) -> bool {
    let Ok(frame) = Frame::parse(frame) else {
        return false;
    };
    let [property, status, ..] = frame.payload else {
        return false;
    };
    frame.header.tid().is_none()
        && frame.command == Command::PROP_VALUE_IS
        && u32::from(*property) == Property::LAST_STATUS.0
        && RESTARTS.contains(status)
}

fn is_reset(frame: &[u8]) -> bool {
    // One that asks for the bootloader is not made by any other.
    matches!(frame, [_, RESET] | [_, RESET, STACK | PLATFORM, ..])
}

/// The header of a frame that is for interface 0, and wants no answer.
const NOBODY: u8 = 0x80;
/// The TID in a header.
const TID: u8 = 0x0F;
/// The command, as it stands in a frame (protocol §1.3).
const RESET: u8 = Command::RESET.0 as u8;
/// What RESET is for (protocol §1.3).
const PLATFORM: u8 = 1;
const STACK: u8 = 2;
/// LAST_STATUS after a restart (protocol §1.3). At most 127, so they are one octet.
const RESTARTS: core::ops::RangeInclusive<u8> = Status::RESET_POWER_ON.0 as u8..=127;

/// A command that was started is there after some milliseconds, and tells so; this is nothing to wait for.
const ASK_FIRST: Duration = Duration::from_millis(300);

/// How long the first answer to RESET may take: an RCP that restarts its radio stack has it at once. Each wait is twice
/// the one before it.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// RESETs without an answer after which the stream is opened anew: that starts a command again, and may reset a board.
const TRIES: u32 = 3;

/// RESETs after which a co-processor that says anything is there: it may know no notification.
const ENOUGH: u32 = 2;

/// A co-processor that answers at all does so within 5 s (protocol §7.3).
const HUNG: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::super::host::Carrier;
    use super::*;
    use std::collections::VecDeque;

    /// A face that keeps what it gets: frames, and an empty one for each restart.
    #[derive(Default)]
    struct Face {
        got: Vec<Vec<u8>>,
        says: VecDeque<Vec<u8>>,
        current: Vec<u8>,
        wants_reset: bool,
    }

    impl Upper for Face {
        fn has_room(&self) -> bool {
            true
        }
        fn deliver(&mut self, frame: &[u8]) {
            self.got.push(frame.to_vec());
        }
        fn slave_was_reset(&mut self) {
            self.got.push(Vec::new());
        }
        fn next_frame(&mut self) -> Option<&[u8]> {
            self.current = self.says.pop_front()?;
            Some(&self.current)
        }
        fn take_reset_request(&mut self) -> bool {
            core::mem::take(&mut self.wants_reset)
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

    /// A co-processor's stream in virtual time.
    struct Scene {
        now: Instant,
        reviver: Reviver,
        face: Face,
    }

    const RESTARTED: [u8; 4] = [0x80, 6, 0, 112];
    const QUESTION: [u8; 3] = [0x81, 2, 2];
    const ANSWER: [u8; 4] = [0x81, 6, 2, 0];

    impl Scene {
        fn new(reset_when_opened: bool, has_line: bool) -> Scene {
            Scene {
                now: Instant::from_millis(1_000),
                reviver: Reviver::new(Settings {
                    reset_when_opened,
                    has_line,
                    pulse: Duration::from_millis(20),
                    settle: Duration::from_millis(100),
                }),
                face: Face::default(),
            }
        }

        /// One that is open and up.
        fn up(has_line: bool) -> Scene {
            let mut scene = Scene::new(false, has_line);
            scene.reviver.opened(scene.now);
            assert!(scene.reviver.is_up());
            scene.reviver.settings.reset_when_opened = true;
            scene
        }

        fn pass(&mut self, ms: u64) {
            self.now = self.now + Duration::from_millis(ms);
        }

        /// Lets the time pass up to the next deadline, and tells how much that was.
        fn wait(&mut self) -> u64 {
            let due = self.reviver.poll_timeout().expect("something is due");
            let waited = due.since(self.now).as_millis() as u64;
            self.now = self.now.max(due);
            waited
        }

        fn says(&mut self, frame: &[u8]) {
            self.face.says.push_back(frame.to_vec());
        }

        fn sent(&mut self) -> Option<Vec<u8>> {
            let mut face = self.reviver.before(&mut self.face, self.now);
            face.next_frame().map(<[u8]>::to_vec)
        }

        fn comes(&mut self, frame: &[u8]) {
            self.reviver.before(&mut self.face, self.now).deliver(frame);
        }

        fn told(&mut self) -> Vec<Vec<u8>> {
            core::mem::take(&mut self.face.got)
        }
    }

    #[test]
    fn reset_is_repeated_with_growing_pauses_then_the_stream_is_opened_anew() {
        let mut scene = Scene::new(true, false);
        for times in [1, 4, 16, 16] {
            scene.reviver.opened(scene.now);
            let mut pauses = Vec::new();
            for expected in [&[0x80, 1, 2][..], &[0x80, 1], &[0x80, 1, 1]] {
                assert_eq!(scene.sent(), None);
                pauses.push(scene.wait());
                assert_eq!(scene.reviver.poll(scene.now), None);
                assert_eq!(scene.sent().as_deref(), Some(expected));
            }
            assert_eq!(pauses, [300, 1_000 * times, 2_000 * times]);
            assert_eq!(scene.wait(), 4_000 * times);
            assert_eq!(scene.sent(), None);
            assert_eq!(scene.wait(), 0);
            assert_eq!(scene.reviver.poll(scene.now), Some(Action::Renew));
            assert_eq!(scene.reviver.poll(scene.now), None);
            scene.reviver.closed();
            assert_eq!(scene.reviver.poll_timeout(), None);
        }
        assert_eq!(scene.reviver.stats().resets_sent, 12);
    }

    #[test]
    fn a_board_that_boots_slowly_is_not_reset_for_ever() {
        for boot in [1_000, 5_000, 10_000, 30_000, 60_000, 90_000] {
            let mut scene = Scene::new(true, true);
            let mut up_at = None;
            scene.reviver.opened(scene.now);
            while !scene.reviver.is_up() {
                assert!(scene.now < Instant::from_millis(1_000 + 3 * boot + 60_000));
                scene.now = match up_at {
                    Some(at) => scene.now.max(scene.reviver.poll_timeout().unwrap().min(at)),
                    None => scene.now.max(scene.reviver.poll_timeout().unwrap()),
                };
                match scene.reviver.poll(scene.now) {
                    Some(Action::Hold) => up_at = None,
                    Some(Action::Release) => up_at = Some(scene.now + Duration::from_millis(boot)),
                    Some(Action::Renew) => {
                        scene.reviver.closed();
                        scene.reviver.opened(scene.now);
                    }
                    None => {}
                }
                scene.sent();
                if up_at.is_some_and(|at| at <= scene.now) {
                    scene.comes(&RESTARTED);
                }
            }
        }
    }

    #[test]
    fn a_restart_ends_it_and_the_client_is_told_once() {
        let mut scene = Scene::new(true, false);
        scene.reviver.opened(scene.now);
        scene.wait();
        assert_eq!(scene.sent().unwrap(), [0x80, 1, 2]);
        // What an SPI adapter at the other end says first is of the same restart.
        scene
            .reviver
            .before(&mut scene.face, scene.now)
            .slave_was_reset();
        assert!(!scene.reviver.is_up());
        scene.comes(&RESTARTED);
        assert!(scene.reviver.is_up());
        assert_eq!(scene.told(), [vec![], RESTARTED.to_vec()]);
        assert_eq!(scene.reviver.poll_timeout(), None);
        // The next one is another.
        scene.comes(&RESTARTED);
        scene.comes(&ANSWER);
        assert_eq!(scene.told(), [vec![], RESTARTED.to_vec(), ANSWER.to_vec()]);
        assert_eq!(scene.reviver.stats().restarts, 2);
    }

    #[test]
    fn at_the_start_the_client_waits_and_its_own_reset_has_been_made() {
        let mut scene = Scene::new(true, false);
        scene.says(&[0x80, 1, 2]);
        scene.says(&QUESTION);
        scene.says(&[0x82, 2, 1]);
        scene.reviver.hold(&mut scene.face);
        scene.reviver.opened(scene.now);
        assert_eq!(scene.sent(), None);
        assert_eq!(scene.face.says.len(), 1, "no more than a frame is taken");
        scene.comes(&RESTARTED);
        assert_eq!(scene.sent().unwrap(), QUESTION);
        assert_eq!(scene.sent().unwrap(), [0x82, 2, 1]);
        assert_eq!(scene.sent(), None);
        // From then on it resets as it likes, and is told nothing but the answer.
        scene.told();
        scene.says(&[0x80, 1, 2]);
        assert_eq!(scene.sent().unwrap(), [0x80, 1, 2]);
        scene.comes(&RESTARTED);
        assert_eq!(scene.told(), [RESTARTED.to_vec()]);
    }

    #[test]
    fn one_that_answers_no_reset_is_talked_to_at_the_start() {
        let mut scene = Scene::new(true, false);
        scene.says(&QUESTION);
        scene.reviver.opened(scene.now);
        for _ in 0..2 {
            scene.wait();
            assert_eq!(scene.sent().unwrap()[1], 1);
        }
        assert_eq!(scene.sent().unwrap(), QUESTION);
        scene.comes(&ANSWER);
        assert!(scene.reviver.is_up());
    }

    #[test]
    fn what_the_client_says_while_the_device_is_away_is_dropped() {
        let mut scene = Scene::up(false);
        scene.reviver.closed();
        for _ in 0..1_000 {
            scene.says(&QUESTION);
            scene.reviver.hold(&mut scene.face);
        }
        scene.reviver.opened(scene.now);
        scene.says(&QUESTION);
        assert_eq!(scene.sent(), None);
        scene.comes(&RESTARTED);
        assert_eq!(scene.sent(), None);
        assert_eq!(scene.reviver.stats().dropped, 1_001);
        scene.says(&QUESTION);
        assert_eq!(scene.sent().unwrap(), QUESTION);
    }

    #[test]
    fn one_that_hangs_is_reset_by_its_line_where_there_is_one() {
        let mut scene = Scene::up(true);
        scene.says(&QUESTION);
        assert_eq!(scene.sent().unwrap(), QUESTION);
        // An answer was lost: who asks asks again.
        scene.pass(4_998);
        assert_eq!(scene.reviver.poll(scene.now), None);
        assert_eq!(scene.reviver.poll_timeout(), None);
        scene.says(&QUESTION);
        assert_eq!(scene.sent().unwrap(), QUESTION);
        scene.pass(1);
        assert_eq!(scene.reviver.poll(scene.now), None);
        scene.pass(1);
        assert_eq!(scene.reviver.poll(scene.now), Some(Action::Hold));
        assert_eq!(scene.reviver.poll(scene.now), None);
        assert_eq!(scene.wait(), 20);
        assert_eq!(scene.reviver.poll(scene.now), Some(Action::Release));
        assert_eq!(scene.sent(), None);
        assert_eq!(scene.wait(), 2_100);
        assert_eq!(scene.sent().unwrap(), [0x80, 1, 2]);
        scene.comes(&RESTARTED);
        assert_eq!(scene.told(), [vec![], RESTARTED.to_vec()]);
        assert_eq!(scene.reviver.stats().hung, 1);
    }

    #[test]
    fn one_that_says_anything_does_not_hang() {
        let mut scene = Scene::up(false);
        for _ in 0..100 {
            scene.says(&QUESTION);
            scene.sent();
            scene.pass(4_000);
            assert_eq!(scene.reviver.poll(scene.now), None);
            scene.comes(&[0x80, 6, 0x71, 0]);
        }
        // Nothing was asked: nothing need be answered.
        scene.says(&[0x80, 3, 0x71]);
        scene.sent();
        scene.pass(1_000_000);
        assert_eq!(scene.reviver.poll(scene.now), None);
        assert_eq!(scene.reviver.poll_timeout(), None);
    }

    #[test]
    fn one_that_leaves_the_bus_for_a_reset_is_not_reset_for_coming_back() {
        let mut scene = Scene::up(false);
        scene.reviver.closed();
        scene.reviver.opened(scene.now);
        scene.wait();
        assert_eq!(scene.sent().unwrap(), [0x80, 1, 2]);
        scene.reviver.closed();
        scene.reviver.opened(scene.now);
        assert!(scene.reviver.is_up());
        // Where it goes for another reason, it is.
        scene.reviver.closed();
        scene.reviver.opened(scene.now);
        assert!(!scene.reviver.is_up());
    }

    #[test]
    fn a_reset_that_the_client_asks_for_goes_on_and_is_made_by_a_frame_where_nobody_makes_it() {
        let mut scene = Scene::up(false);
        let mut carrier = Carrier::new();
        carrier.opened();
        scene.face.wants_reset = true;
        let mut face = scene.reviver.before(&mut scene.face, scene.now);
        carrier.step(&mut face);
        assert_eq!(carrier.output(), [0x7E, 0x13, 0x11, 0x7E]);
        assert_eq!(scene.wait(), 1_000);
        assert_eq!(scene.sent().unwrap(), [0x80, 1, 2]);
        // With a line it stays here.
        let mut scene = Scene::up(true);
        scene.face.wants_reset = true;
        let mut face = scene.reviver.before(&mut scene.face, scene.now);
        assert!(!face.take_reset_request());
        assert_eq!(scene.reviver.poll(scene.now), Some(Action::Hold));
    }

    #[test]
    fn a_line_that_fails_is_done_without() {
        let mut scene = Scene::new(true, true);
        scene.reviver.opened(scene.now);
        assert_eq!(scene.reviver.poll(scene.now), Some(Action::Hold));
        scene.reviver.line_failed(scene.now);
        assert_eq!(scene.reviver.poll(scene.now), None);
        assert_eq!(scene.sent().unwrap(), [0x80, 1, 2]);
    }

    #[test]
    fn the_bootloader_is_not_reset_for_another_reason() {
        assert!(is_reset(&[0x80, 1]) && is_reset(&[0x90, 1, 2]) && is_reset(&[0x80, 1, 1]));
        assert!(!is_reset(&[0x80, 1, 3]) && !is_reset(&[0x80, 2]) && !is_reset(&[0x80]));
        assert!(is_restart(&RESTARTED) && is_restart(&[0xB0, 6, 0, 127]));
        for other in [
            &[0x81, 6, 0, 112][..],
            &[0x80, 6, 0, 0],
            &[0x80, 6, 1, 112],
            &[0x80, 6, 0],
        ] {
            assert!(!is_restart(other), "{other:02X?}");
        }
    }
}
