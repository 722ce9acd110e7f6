//! What tasks wait for (protocol §7.4 to §7.6): an association, a scan's end, a value.

use crate::ctl::{Answer, Failure, Fields};
use crate::host::failure;
use crate::host::known::{Known, State};
use crate::host::script::{Send, Until};
use crate::host::tasks;
use crate::time::{Duration, Instant};
use crate::wire::ids::{Command, Property, Status};

/// Something that was told, for whom it may concern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::host) enum Told<'a> {
    /// The state changed.
    State,
    /// NET_STACK_UP is false.
    StackDown,
    /// LAST_STATUS, unasked: an outcome of joining.
    Status(Status),
    /// A value or an item, unasked.
    Value(Property, &'a [u8]),
}

/// A wait.
#[derive(Debug)]
pub(in crate::host) struct Waiting {
    pub(in crate::host) until: Until,
    within: Duration,
    /// `None`: the task goes on when the time is over.
    otherwise: Option<Failure>,
    began: Instant,
    deadline: Instant,
    progress_at: Instant,
    /// It is in vain; a better reason may still come until then.
    doom: Option<(Instant, Failure)>,
}

/// What follows from what was told.
pub(super) enum Verdict {
    Nothing,
    Over,
    Row(Fields, bool),
    Failed(Failure),
    /// Nobody was found, which may be by chance.
    Nobody(Failure),
    Doomed(Failure),
}

impl Waiting {
    pub(in crate::host) fn new(
        until: Until,
        within: Duration,
        otherwise: Option<Failure>,
        now: Instant,
    ) -> Self {
        Waiting {
            until,
            within,
            otherwise,
            began: now,
            deadline: now + within,
            progress_at: now + PROGRESS_PERIOD,
            doom: None,
        }
    }

    /// Whether there is nothing to wait for.
    pub(in crate::host) fn is_over(&self, known: &Known) -> bool {
        self.until == Until::Associated && known.state == State::Associated
    }

    pub(in crate::host) fn poll_timeout(&self) -> Instant {
        let doom = self.doom.as_ref().map_or(self.deadline, |(at, _)| *at);
        self.deadline.min(self.progress_at).min(doom)
    }

    /// Whether it was in vain by now, and why if the task fails for it.
    pub(super) fn failed(&self, now: Instant) -> Option<Option<Failure>> {
        match &self.doom {
            Some((at, failure)) if *at <= now => Some(Some(failure.clone())),
            _ if self.deadline <= now => Some(self.otherwise.clone()),
            _ => None,
        }
    }

    /// The time counts from now.
    pub(in crate::host) fn goes_on(&mut self, now: Instant) {
        self.deadline = now + self.within;
    }

    /// It is in vain, but the reason may still come.
    pub(super) fn dooms(&mut self, now: Instant, failure: Failure) {
        self.doom.get_or_insert((now + DOOM_DELAY, failure));
    }

    /// How far it is, where that is to be told by now.
    pub(super) fn progress(&mut self, scan: &Scan, now: Instant) -> Option<Answer> {
        if now < self.progress_at {
            return None;
        }
        self.progress_at = now + PROGRESS_PERIOD;
        let elapsed = now.since(self.began);
        let (what, done, of) = match self.until {
            Until::ScanEnds => ("scanning", scan.done(elapsed), scan.channels),
            Until::Associated => ("associating", seconds(elapsed), seconds(self.within)),
            Until::Joined => ("joining", seconds(elapsed), seconds(self.within)),
            Until::Left => ("leaving", seconds(elapsed), seconds(self.within)),
            Until::Value(_) | Until::CommandEnds => {
                ("waiting", seconds(elapsed), seconds(self.within))
            }
        };
        Some(Answer::Progress {
            what: what.to_owned(),
            done,
            of,
        })
    }

    pub(super) fn judge(&self, told: Told<'_>, known: &Known) -> Verdict {
        match (self.until, told) {
            (Until::Associated, Told::State) if known.state == State::Associated => Verdict::Over,
            (Until::Associated, Told::StackDown) => Verdict::Doomed(stack_down()),
            (Until::Joined, Told::Status(Status::JOIN_SUCCESS)) => Verdict::Over,
            (Until::Associated, Told::Status(Status::JOIN_SUCCESS)) => Verdict::Nothing,
            (Until::Joined, Told::Status(status @ Status::JOIN_NO_PEERS)) => {
                Verdict::Nobody(failure::of_join(status))
            }
            (Until::Associated | Until::Joined, Told::Status(status)) => {
                Verdict::Failed(failure::of_join(status))
            }
            (Until::ScanEnds, Told::Value(property, value)) => scan_verdict(property, value),
            (Until::Left, Told::Value(Property::NET_LEAVE_GRACEFULLY, _)) => Verdict::Over,
            (Until::Value(wanted), Told::Value(property, value)) if wanted == property => {
                Verdict::Row(
                    tasks::property_row(Command::PROP_VALUE_IS, property, value),
                    true,
                )
            }
            _ => Verdict::Nothing,
        }
    }
}

/// What a scan was asked to do, as far as it tells the progress.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::host) struct Scan {
    channels: u32,
    period_ms: u32,
}

impl Scan {
    /// A command of the task.
    pub(in crate::host) fn note(&mut self, send: &Send) {
        // Both properties are packed in one octet.
        match (send.command, send.payload.split_first()) {
            (Command::PROP_VALUE_SET, Some((&MASK, channels))) => {
                self.channels = channels.len() as u32;
            }
            (Command::PROP_VALUE_SET, Some((&PERIOD, [low, high]))) => {
                self.period_ms = u32::from(u16::from_le_bytes([*low, *high]));
            }
            _ => {}
        }
    }

    fn done(&self, elapsed: Duration) -> u32 {
        let period = u128::from(self.period_ms.max(1));
        let done = u32::try_from(elapsed.as_millis() / period).unwrap_or(u32::MAX);
        done.min(self.channels)
    }
}

fn scan_verdict(property: Property, value: &[u8]) -> Verdict {
    let row = match property {
        Property::MAC_SCAN_STATE if value.first() == Some(&IDLE) => return Verdict::Over,
        Property::MAC_SCAN_BEACON => tasks::beacon_row(value),
        Property::MAC_ENERGY_SCAN_RESULT => tasks::energy_row(value),
        _ => return Verdict::Nothing,
    };
    row.map_or(Verdict::Nothing, |row| Verdict::Row(row, false))
}

fn stack_down() -> Failure {
    Failure::new(
        crate::ctl::Code::Failed,
        "the co-processor gave up and stopped its stack: check channel, PAN id and key with a scan",
    )
}

fn seconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_secs()).unwrap_or(u32::MAX)
}

/// Protocol §4.6.
const IDLE: u8 = 0;
const MASK: u8 = Property::MAC_SCAN_MASK.0 as u8;
const PERIOD: u8 = Property::MAC_SCAN_PERIOD.0 as u8;
/// As often as somebody who watches wants to see that it goes on.
const PROGRESS_PERIOD: Duration = Duration::from_secs(1);
/// The reason comes with the stack's end, in any order (protocol §7.5, "order not guaranteed"): both are
/// updates of one cycle.
const DOOM_DELAY: Duration = Duration::from_millis(500);
