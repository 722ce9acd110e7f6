//! What tasks wait for (protocol §7.4 to §7.6): an association, a scan's end, a value.

use super::run::Doing;
use crate::ctl::{Answer, Failure, Fields};
use crate::host::failure;
use crate::host::known::{Known, State};
use crate::host::script::{Send, Until};
use crate::host::tasks;
use crate::host::Host;
use crate::time::{Duration, Instant};
use crate::wire::ids::{Command, Property, Status};

/// Something that was told, for whom it may concern.
#[derive(Clone, Copy, Debug)]
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
enum Verdict {
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
    fn failed(&self, now: Instant) -> Option<Option<Failure>> {
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

    fn progress(&self, scan: &Scan, now: Instant) -> Answer {
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
        Answer::Progress {
            what: what.to_owned(),
            done,
            of,
        }
    }

    fn judge(&self, told: Told<'_>, known: &Known) -> Verdict {
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

impl Host {
    /// Something was told: who waited for it?
    pub(in crate::host) fn tell_tasks(&mut self, told: Told<'_>) {
        if self.tasks.is_empty() {
            return;
        }
        if let Told::Value(Property::STREAM_RAW, value) = told {
            if let Some(row) = tasks::sniff_row(value) {
                self.tell_sniffers(&row);
            }
            return;
        }
        if let Told::Value(Property::STREAM_CLI, piece) = told {
            return self.command_line_said(piece);
        }
        for id in self.tasks.ids() {
            self.tell_task(id, told);
        }
    }

    fn tell_task(&mut self, id: u32, told: Told<'_>) {
        let now = self.now;
        let Some(task) = self.tasks.get_mut(id) else {
            return;
        };
        let origin = task.origin;
        let Doing::Waiting(waiting) = &mut task.doing else {
            return;
        };
        match waiting.judge(told, &self.known) {
            Verdict::Nothing => {}
            Verdict::Over => self.run_id(id),
            Verdict::Row(row, is_last) => {
                // The time counts from the last event (§7.4: "scan event gap").
                waiting.goes_on(now);
                self.tell(origin, Answer::Row(row));
                if is_last {
                    self.run_id(id);
                }
            }
            Verdict::Failed(failure) => self.undo_id(id, failure),
            Verdict::Nobody(failure) => self.search_again(id, failure),
            Verdict::Doomed(failure) => {
                waiting.doom.get_or_insert((now + DOOM_DELAY, failure));
            }
        }
    }

    pub(in crate::host) fn tasks_time(&mut self) {
        let now = self.now;
        if self.tasks.poll_timeout().map_or(true, |at| now < at) {
            return;
        }
        for id in self.tasks.ids() {
            let Some(task) = self.tasks.get_mut(id) else {
                continue;
            };
            let (origin, scan) = (task.origin, task.scan);
            match &mut task.doing {
                Doing::Pausing(until) if *until <= now => self.run_id(id),
                Doing::Waiting(waiting) => match waiting.failed(now) {
                    Some(Some(failure)) => self.undo_id(id, failure),
                    Some(None) => self.run_id(id),
                    None if waiting.progress_at <= now => {
                        waiting.progress_at = now + PROGRESS_PERIOD;
                        let progress = waiting.progress(&scan, now);
                        self.tell(origin, progress);
                    }
                    None => {}
                },
                _ => {}
            }
        }
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
