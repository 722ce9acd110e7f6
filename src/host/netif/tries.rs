//! How often the same is tried, and when: at once for what goes wrong by chance, then after growing pauses
//! for as long as the two sides differ.

use crate::time::{Duration, Instant};

/// The tries to bring one thing about on one side.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tries {
    count: u8,
    last: Option<Instant>,
}

impl Tries {
    /// When the next one may be; `None`: at once.
    pub(super) fn due(&self) -> Option<Instant> {
        self.last.map(|last| last + self.pause())
    }

    /// Whether one may be made now.
    pub(super) fn may(&self, now: Instant) -> bool {
        self.due().map_or(true, |at| at <= now)
    }

    /// One is made. After a quiet minute it is the first.
    pub(super) fn note(&mut self, now: Instant) {
        if self.due().is_some_and(|due| now >= due + QUIET) {
            self.count = 0;
        }
        self.count = self.count.saturating_add(1);
        self.last = Some(now);
    }

    /// Whether this one is worth a line in the log: the first that chance does not explain.
    pub(super) fn is_news(&self) -> bool {
        self.count == FREE
    }

    /// The pause after the last one.
    pub(super) fn pause(&self) -> Duration {
        match self.count.checked_sub(FREE) {
            None => Duration::ZERO,
            Some(more) => FIRST.saturating_mul(1 << more.min(10)).min(LONGEST),
        }
    }
}

/// What waits for room at the co-processor.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Waits {
    /// When to ask again; `None`: it does not wait.
    pub(super) until: Option<Instant>,
    pause: Duration,
}

impl Waits {
    /// It was refused for want of room; true if it did not wait before.
    pub(super) fn refused(&mut self, now: Instant) -> bool {
        let is_news = self.until.is_none();
        self.pause = self.pause.saturating_mul(2).clamp(ROOM_FIRST, ROOM_LONGEST);
        self.until = Some(now + self.pause);
        is_news
    }

    /// There may be room.
    pub(super) fn hurry(&mut self, now: Instant) {
        if let Some(until) = &mut self.until {
            *until = now.min(*until);
            self.pause = Duration::ZERO;
        }
    }
}

/// What goes wrong by chance, like a change that crosses another one.
const FREE: u8 = 3;
/// Then with pauses: another program that does the same with its own is not to be kept busy by us.
const FIRST: Duration = Duration::from_secs(1);
/// Nobody should wait longer for an address that can be had again.
const LONGEST: Duration = Duration::from_secs(60);
/// As it was to be for so long: what comes then is something else.
const QUIET: Duration = Duration::from_secs(60);
/// Others that use the same table (SLAAC, a client of the co-processor) tell us nothing when they leave it.
const ROOM_FIRST: Duration = Duration::from_secs(30);
const ROOM_LONGEST: Duration = Duration::from_secs(5 * 60);
