//! How often the log says what others can make it say.

use crate::trace::COUNTERS;
use log::{Level, Record};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Write,
    /// And so many of its level were left out before it.
    WriteAfter(u64),
    LeaveOut,
}

/// Whether a message may be written: errors, warnings and information have an allowance each, so that none
/// of them can hide the others.
#[derive(Debug, Default)]
pub(super) struct Limit {
    levels: Mutex<[Allowance; 3]>,
}

impl Limit {
    pub(super) fn ask(&self, record: &Record<'_>, now: Instant) -> Verdict {
        let index = match record.level() {
            // Whoever asked for counters or details wants all of them.
            _ if record.target() == COUNTERS => return Verdict::Write,
            Level::Error => 0,
            Level::Warn => 1,
            Level::Info => 2,
            Level::Debug | Level::Trace => return Verdict::Write,
        };
        let mut levels = self.levels.lock().unwrap_or_else(PoisonError::into_inner);
        levels[index].ask(now)
    }
}

#[derive(Debug, Default)]
struct Allowance {
    /// How many of [`BURST`] are used up, as of `at`.
    used: u32,
    at: Option<Instant>,
    left_out: u64,
}

impl Allowance {
    fn ask(&mut self, now: Instant) -> Verdict {
        let at = *self.at.get_or_insert(now);
        let regained = now.saturating_duration_since(at).as_secs();
        if regained > 0 {
            let regained32 = u32::try_from(regained).unwrap_or(u32::MAX);
            self.used = self.used.saturating_sub(regained32);
            // What is left of a second counts for the next.
            self.at = at.checked_add(Duration::from_secs(regained));
        }
        if self.used >= BURST {
            self.left_out = self.left_out.saturating_add(1);
            return Verdict::LeaveOut;
        }
        self.used += 1;
        match core::mem::take(&mut self.left_out) {
            0 => Verdict::Write,
            n => Verdict::WriteAfter(n),
        }
    }
}

/// Messages of a level at once; then one a second. A start, an end and a fault say some 20. At one a second,
/// a day makes some 8 MB.
pub(super) const BURST: u32 = 200;

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(limit: &Limit, level: Level, target: &str, now: Instant) -> Verdict {
        let record = Record::builder().level(level).target(target).build();
        limit.ask(&record, now)
    }

    #[test]
    fn a_burst_then_one_a_second_and_what_was_left_out_is_told() {
        let (limit, start) = (Limit::default(), Instant::now());
        for _ in 0..BURST {
            assert_eq!(ask(&limit, Level::Info, "a", start), Verdict::Write);
        }
        for _ in 0..5 {
            assert_eq!(ask(&limit, Level::Info, "a", start), Verdict::LeaveOut);
        }
        // The other levels have their own.
        assert_eq!(ask(&limit, Level::Error, "a", start), Verdict::Write);
        let at = |millis| start + Duration::from_millis(millis);
        let info = |millis| ask(&limit, Level::Info, "a", at(millis));
        assert_eq!(info(999), Verdict::LeaveOut);
        assert_eq!(info(1_500), Verdict::WriteAfter(6));
        assert_eq!(info(1_999), Verdict::LeaveOut);
        assert_eq!(info(2_000), Verdict::WriteAfter(1));
        // A day later all of it is back, and no more.
        let day = 86_400_000;
        for _ in 0..BURST {
            assert_eq!(info(day), Verdict::Write);
        }
        assert_eq!(info(day), Verdict::LeaveOut);
        // A clock that goes back gives nothing.
        assert_eq!(info(0), Verdict::LeaveOut);
    }

    #[test]
    fn what_was_asked_for_is_not_limited() {
        let (limit, now) = (Limit::default(), Instant::now());
        for _ in 0..2 * BURST {
            assert_eq!(ask(&limit, Level::Info, COUNTERS, now), Verdict::Write);
            assert_eq!(ask(&limit, Level::Debug, "a", now), Verdict::Write);
            assert_eq!(ask(&limit, Level::Trace, "a", now), Verdict::Write);
        }
    }
}
