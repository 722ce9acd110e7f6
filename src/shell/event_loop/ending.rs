//! How long the end waits for what is under way, once the client has closed our input.

use crate::time::Instant;
use std::time::Duration;

/// The client has closed our input. Whatever moves restarts the patience, and what can move is bounded:
/// the frames that it has sent, and what waits for it to be read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ending {
    /// When to end whatever is left: [`LINGER`] after the last progress.
    until: Instant,
    /// However much the client reads meanwhile: [`LINGER_MAX`] after the last of its frames moved on.
    latest: Instant,
    /// How many frames the co-processor had taken then.
    taken: u64,
    /// All that the client sent has been read.
    input_read: bool,
    /// Nobody waits for anything any more but the client for what it has not read: so nothing more is
    /// fetched for it.
    draining: bool,
}

/// What happened between two looks at [`Ending`].
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Moved {
    /// Octets of the client were read.
    pub(super) read: bool,
    /// The client took octets.
    pub(super) written: bool,
}

impl Ending {
    /// The client closed our input, when the co-processor had taken so many frames.
    pub(super) fn new(now: Instant, taken: u64) -> Self {
        Ending {
            until: now + LINGER,
            latest: now + LINGER_MAX,
            taken,
            input_read: false,
            draining: false,
        }
    }

    /// The last of what the client sent has been read.
    pub(super) fn input_was_read(&mut self, now: Instant) {
        self.input_read = true;
        self.restart(now);
    }

    /// Whether all that the client sent has been read.
    pub(super) fn is_input_read(&self) -> bool {
        self.input_read
    }

    /// Whether nothing more is to be fetched from the co-processor.
    pub(super) fn is_draining(&self) -> bool {
        self.draining
    }

    /// Takes note of progress. `taken`: how many frames the co-processor has taken by now; `waits`: octets
    /// wait for the client to read them; `is_quiet`: nothing is on its way to the co-processor, and no
    /// answer is due.
    pub(super) fn note(
        &mut self,
        now: Instant,
        moved: Moved,
        taken: u64,
        waits: bool,
        is_quiet: bool,
    ) {
        self.draining |= self.input_read && is_quiet;
        if moved.read || taken != self.taken {
            self.taken = taken;
            self.restart(now);
        } else if moved.written && self.draining {
            self.until = now + LINGER;
        } else if moved.written && waits {
            // A client that takes all at once is no reason to wait: a co-processor that never stops
            // talking would keep us.
            self.until = self.latest.min(now + LINGER);
        }
    }

    /// Whether all is done that was under way.
    pub(super) fn is_done(&self, waits: bool) -> bool {
        self.draining && !waits
    }

    /// For how long nothing has moved, if that is too long.
    pub(super) fn is_late(&self, now: Instant) -> Option<Duration> {
        match now >= self.until {
            true if now >= self.latest && !self.draining => Some(LINGER_MAX),
            true => Some(LINGER),
            false => None,
        }
    }

    fn restart(&mut self, now: Instant) {
        self.until = now + LINGER;
        self.latest = now + LINGER_MAX;
    }
}

/// After the end of the input, how long nothing may move: neither the co-processor takes a frame or gives an
/// answer that is due, nor the client reads. Long for a co-processor (2 ms are usual), short for whoever
/// waits for us to end: pyspinel closes our input and waits, and OpenThread gives us 2 s.
const LINGER: Duration = Duration::from_millis(500);

/// For how long a client that reads, but slower than the co-processor talks, is waited for while the
/// co-processor takes nothing: wpantund has lost its patience with a child after 10 s.
const LINGER_MAX: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    const READ: Moved = Moved {
        read: true,
        written: false,
    };
    const WRITTEN: Moved = Moved {
        read: false,
        written: true,
    };
    const START: Instant = Instant::from_millis(1_000);
    const STEP: Duration = Duration::from_millis(400);

    fn at(ms: u64) -> Instant {
        START + Duration::from_millis(ms)
    }

    /// Notes the same every 400 ms, `steps` times or until it is late; returns how often.
    fn repeat(ending: &mut Ending, from: Instant, steps: u64, moved: Moved, quiet: bool) -> u64 {
        let mut now = from;
        for step in 0..steps {
            now = now + STEP;
            ending.note(now, moved, 0, true, quiet);
            if ending.is_late(now).is_some() {
                return step;
            }
        }
        steps
    }

    #[test]
    fn nothing_moves_for_half_a_second() {
        let mut ending = Ending::new(START, 7);
        ending.note(at(499), Moved::default(), 7, true, false);
        assert_eq!(ending.is_late(at(499)), None);
        assert_eq!(ending.is_late(at(500)), Some(LINGER));
        assert!(!ending.is_done(true) && !ending.is_done(false));
    }

    #[test]
    fn frames_that_move_restart_the_patience() {
        let mut ending = Ending::new(START, 0);
        for taken in 1..100 {
            ending.note(at(400 * taken), Moved::default(), taken, true, false);
            assert_eq!(ending.is_late(at(400 * taken + 499)), None);
        }
        let mut ending = Ending::new(START, 0);
        assert_eq!(repeat(&mut ending, START, 100, READ, false), 100);
    }

    #[test]
    fn a_client_that_reads_slowly_gets_all_that_waits_for_it() {
        let mut ending = Ending::new(START, 0);
        ending.input_was_read(START);
        assert_eq!(repeat(&mut ending, START, 1_000, WRITTEN, true), 1_000);
        let now = START + STEP * 1_000;
        assert!(!ending.is_done(true) && ending.is_done(false));
        assert_eq!(ending.is_late(now + LINGER), Some(LINGER));
    }

    #[test]
    fn a_client_that_reads_slowly_waits_ten_seconds_for_a_co_processor_that_takes_nothing() {
        let mut ending = Ending::new(START, 0);
        ending.input_was_read(START);
        assert_eq!(repeat(&mut ending, START, 1_000, WRITTEN, false), 24);
        assert_eq!(ending.is_late(at(10_000)), Some(LINGER_MAX));
    }

    #[test]
    fn a_co_processor_that_talks_to_a_fast_client_does_not_keep_us() {
        let mut ending = Ending::new(START, 0);
        ending.input_was_read(START);
        ending.note(at(400), WRITTEN, 0, false, false);
        assert_eq!(ending.is_late(at(500)), Some(LINGER));
    }

    #[test]
    fn nothing_is_done_before_all_input_was_read() {
        let mut ending = Ending::new(START, 0);
        ending.note(START, Moved::default(), 0, false, true);
        assert!(!ending.is_done(false) && !ending.is_draining());
        ending.input_was_read(START);
        ending.note(START, Moved::default(), 0, false, true);
        assert!(ending.is_done(false) && ending.is_draining());
    }
}
