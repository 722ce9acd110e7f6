//! How long to leave a slave alone that takes nothing (protocol §5.7).
//!
//! The hosts in use wait 1, 10 or 33 ms after a refusal, whoever refuses. [`Rearm`] learns instead how
//! long *this* slave is busy after it took a frame, tries when it should be ready, and asks again after
//! a share of the time that it has waited already: a wrong guess costs a quarter more than the slave
//! takes, and few transactions.

use crate::time::{Duration, Instant};

/// When to offer a frame again that was refused, and when to offer the next one.
#[derive(Debug)]
pub struct Rearm {
    /// How long the slave is expected to be busy after it took a frame.
    estimate: Duration,
    /// When it took the last frame, or first refused the present one.
    busy_since: Option<Instant>,
    /// What it takes was learned from the reply that it gave before it takes the frame that waits.
    learned: bool,
    /// Frames in a row that it took when they were first offered.
    ready: u32,
    /// When it first refused the present frame.
    refused_since: Option<Instant>,
    /// Refusals of the present frame without progress, and since when: room that grows is progress.
    refusals: u32,
    stuck_since: Option<Instant>,
    /// The room that was left when the slave took the last frame, or less that was seen since; and when.
    room: Option<(usize, Instant)>,
    /// The room at its last refusal.
    last_room: usize,
    /// When the frame that waits should be offered.
    next_offer: Instant,
}

impl Rearm {
    /// Nothing is known of the slave: the first offer goes at once.
    pub fn new() -> Self {
        Rearm {
            estimate: Duration::ZERO,
            busy_since: None,
            learned: false,
            ready: 0,
            refused_since: None,
            refusals: 0,
            stuck_since: None,
            room: None,
            last_room: 0,
            next_offer: Instant::ZERO,
        }
    }

    /// The slave took a frame, and has room for `room` octets left if it is one buffer for all.
    pub fn accepted(&mut self, now: Instant, room: usize) {
        self.room = Some((room, now));
        if !core::mem::take(&mut self.learned) {
            self.learn(now);
        }
        self.busy_since = Some(now);
        self.began();
        self.next_offer = now + self.estimate;
    }

    /// The slave is ready: with what was waited for that, what it takes is learned.
    fn learn(&mut self, now: Instant) {
        self.estimate = match (self.refused_since, self.busy_since) {
            // One long pause (a write to flash) must not slow all that follow: at most double.
            (Some(_), Some(busy_since)) => now
                .since(busy_since)
                .min(self.estimate * 2 + RETRY_MIN)
                .min(RETRY_MAX),
            // It was ready when expected; perhaps it is ready earlier. Where that goes on it is another slave
            // than it was: one that was slow for a moment and is quick again.
            _ if self.ready >= READY_MANY => self.estimate - self.estimate / 4,
            _ => self.estimate - self.estimate / 32,
        };
        self.ready = match self.refused_since {
            Some(_) => 0,
            None => self.ready.saturating_add(1),
        };
    }

    /// Another frame is offered from now on.
    pub fn began(&mut self) {
        self.refused_since = None;
        self.refusals = 0;
        self.stuck_since = None;
        self.last_room = 0;
    }

    /// The slave refused a frame of `len` octets, showed room for `room`, and gave none itself.
    pub fn refused(&mut self, now: Instant, room: usize, len: usize) {
        let busy_since = *self.busy_since.get_or_insert(now);
        let refused_since = *self.refused_since.get_or_insert(now);
        if room > self.last_room {
            self.refusals = 0;
            self.stuck_since = None;
        }
        self.last_room = room;
        self.stuck_since.get_or_insert(now);
        self.refusals = self.refusals.saturating_add(1);
        let delay = now.since(refused_since) / 4 + self.estimate / 16;
        // A frame that went along with a transaction that had to be may have been too early.
        let left = self.estimate.saturating_sub(now.since(busy_since));
        let delay = self
            .until_there_is_room(now, room, len)
            .unwrap_or(delay.max(left));
        self.next_offer = now + delay.clamp(RETRY_MIN, RETRY_MAX);
    }

    /// When a ring buffer that is emptied as fast as it was so far will have room for `len` octets.
    fn until_there_is_room(&mut self, now: Instant, room: usize, len: usize) -> Option<Duration> {
        if room == 0 {
            return None;
        }
        let (first, since) = match self.room {
            Some(first) if first.0 <= room => first,
            _ => *self.room.insert((room, now)),
        };
        let grown = u32::try_from(room.checked_sub(first)?)
            .ok()
            .filter(|grown| *grown > 0)?;
        let missing = u32::try_from(len.checked_sub(room)?).ok()?;
        // A little more than that, or it is asked in vain by a hair's breadth.
        Some(now.since(since) * missing / grown + RETRY_MIN / 4)
    }

    /// The slave refused a frame, but gave one itself: that is progress (§5.4), and the end of what it was
    /// busy with.
    pub fn gave(&mut self, now: Instant) {
        if self.refused_since.is_some() && !self.learned {
            self.learn(now);
            self.learned = true;
        }
        self.began();
    }

    /// The refusals so far mean nothing.
    pub fn progressed(&mut self) {
        self.began();
    }

    /// The slave restarted: what it did before means nothing.
    pub fn reset(&mut self) {
        *self = Rearm::new();
    }

    /// When to offer the frame that waits.
    pub fn next_offer_at(&self) -> Instant {
        self.next_offer
    }

    /// Refusals of the present frame in a row without progress, and for how long.
    pub fn refusals(&self, now: Instant) -> (u32, Duration) {
        let since = self
            .stuck_since
            .map_or(Duration::ZERO, |since| now.since(since));
        (self.refusals, since)
    }
}

impl Default for Rearm {
    fn default() -> Self {
        Rearm::new()
    }
}

/// The first pause after a refusal: slaves re-arm within 100 µs or more (protocol §5.1, gap between
/// transactions), and a transaction costs as much itself.
const RETRY_MIN: Duration = Duration::from_micros(200);

/// The longest pause after a refusal: the last step of the hosts in use (protocol §5.7).
const RETRY_MAX: Duration = Duration::from_millis(33);

/// After so many frames that it took at once it is believed to be quicker than it was.
const READY_MANY: u32 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    /// A slave that is busy for `busy` after each frame; returns refusals and waste per frame.
    fn run(rearm: &mut Rearm, now: &mut Instant, busy: Duration, frames: u32) -> (f64, f64) {
        let (mut refusals, mut waste) = (0, Duration::ZERO);
        for _ in 0..frames {
            let ready = *now + busy;
            loop {
                *now = (*now).max(rearm.next_offer_at());
                if *now >= ready {
                    break;
                }
                rearm.refused(*now, 0, 64);
                refusals += 1;
            }
            waste += now.since(ready);
            rearm.accepted(*now, 0);
        }
        let frames = f64::from(frames);
        (
            f64::from(refusals) / frames,
            waste.as_secs_f64() / frames / busy.as_secs_f64().max(1e-9),
        )
    }

    #[test]
    fn it_learns_how_long_a_slave_is_busy() {
        for busy in [300, 1_000, 3_000, 20_000].map(Duration::from_micros) {
            let (mut rearm, mut now) = (Rearm::new(), Instant::from_millis(5));
            rearm.accepted(now, 0);
            run(&mut rearm, &mut now, busy, 50);
            let (refusals, waste) = run(&mut rearm, &mut now, busy, 200);
            assert!(refusals < 0.5, "{busy:?}: {refusals} refusals a frame");
            assert!(waste < 0.35, "{busy:?}: waits {waste} of the time too long");
        }
    }

    #[test]
    fn a_slave_that_was_slow_is_quick_again_within_forty_frames() {
        for busy in [1_000, 5_000, 30_000].map(Duration::from_micros) {
            let (mut rearm, mut now) = (Rearm::new(), Instant::from_millis(5));
            rearm.accepted(now, 0);
            run(&mut rearm, &mut now, busy, 100);
            run(&mut rearm, &mut now, Duration::ZERO, 40);
            let left = rearm.next_offer_at().since(now);
            assert!(left < Duration::from_micros(100), "{busy:?}: {left:?}");
        }
    }

    /// Such a slave takes nothing until its reply is fetched, which it has when it is ready.
    #[test]
    fn it_learns_from_replies_how_long_a_slave_is_busy() {
        let busy = Duration::from_millis(5);
        let (mut rearm, mut now) = (Rearm::new(), Instant::from_millis(5));
        rearm.accepted(now, 0);
        let mut refusals = 0;
        for frame in 0..250 {
            let ready = now + busy;
            loop {
                now = now.max(rearm.next_offer_at());
                if now >= ready {
                    break;
                }
                rearm.refused(now, 0, 64);
                refusals += u32::from(frame >= 50);
            }
            rearm.gave(now);
            rearm.accepted(now, 0);
        }
        assert!(refusals < 100, "{refusals} refusals of 200 frames");
    }

    #[test]
    fn one_long_pause_does_not_slow_the_frames_that_follow() {
        let (mut rearm, mut now) = (Rearm::new(), Instant::from_millis(5));
        rearm.accepted(now, 0);
        run(&mut rearm, &mut now, Duration::from_millis(500), 1);
        assert!(rearm.next_offer_at().since(now) <= Duration::from_millis(1));
    }

    #[test]
    fn a_slave_that_is_always_ready_never_waits() {
        let (mut rearm, now) = (Rearm::new(), Instant::from_millis(5));
        rearm.accepted(now, 0);
        rearm.accepted(now, 0);
        assert!(rearm.next_offer_at() <= now);
    }

    #[test]
    fn refusals_without_end_are_never_more_than_thirty_a_second() {
        let (mut rearm, mut now) = (Rearm::new(), Instant::from_millis(1));
        for _ in 0..60 {
            rearm.refused(now, 0, 64);
            now = now.max(rearm.next_offer_at());
        }
        let start = now;
        for _ in 0..100 {
            rearm.refused(now, 0, 64);
            now = now.max(rearm.next_offer_at());
        }
        assert_eq!(now.since(start), Duration::from_millis(3_300));
    }
}
