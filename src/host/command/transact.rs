//! The command engine (protocol §7.4): gives commands their TIDs, matches replies, repeats what got
//! lost and retries what the co-processor had no room for.
//!
//! # Contract
//!
//! * A command that [`Engine::submit`] took ends exactly once: [`Engine::reply`] completes it,
//!   [`Engine::expire`] gives it up, or [`Engine::clear`] forgets it. `clear` tells nobody; whoever
//!   calls it knows whom it concerns.
//! * A command that gets no reply is sent again after 1, 3 and 7 s, if doing it twice does no harm, and
//!   with its own TID: whichever of the replies comes first is the reply. It is given up after 10 s, and
//!   one that is sent once only after 5 s.
//! * Of several writes to one property only one is outstanding, so that a repetition never undoes what
//!   came after it.
//! * A TID is never used again while it is outstanding, and one of which a reply may still come is left
//!   out for one lap, so that a late answer cannot be taken for another's (§1.2).
//! * A command that waits for its next try still counts as outstanding: during start-up, with one at a
//!   time, nothing overtakes it.

use crate::time::{earliest, Duration, Instant};
use crate::wire::ids::{Command, Property, Status};
use crate::wire::packed::{Reader, Writer};
use crate::wire::spinel::{write_frame, Header, FRAME_MAX, TID_MAX};
use core::num::NonZeroU8;
use std::collections::VecDeque;

/// The engine; `O` says whom a command belongs to.
#[derive(Debug)]
pub struct Engine<O> {
    /// The interface that everything goes to.
    iid: u8,
    waiting: VecDeque<Job<O>>,
    /// By TID; 0 is never used.
    outstanding: [Option<Outstanding<O>>; TIDS],
    delayed: Vec<Delayed<O>>,
    /// The TID that was used last; 0: none yet.
    last_tid: u8,
    /// Bit n: TID n timed out and is left out once.
    skipped: u16,
    limit: usize,
    /// The RESET frame that goes before everything else, with its type octet if it has one.
    reset: Option<Option<u8>>,
    /// Since when a frame could have been sent, had the link taken it.
    sendable_since: Option<Instant>,
    frame: Box<[u8]>,
    stats: Stats,
}

/// What the engine counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Commands sent, repetitions included.
    pub sent: u64,
    /// Commands that were completed.
    pub completed: u64,
    /// Commands sent again: no reply in time.
    pub repeated: u64,
    /// Commands sent again: BUSY or NOMEM.
    pub retried: u64,
    /// Commands that were given up: no reply.
    pub unanswered: u64,
    /// Replies that nobody waited for.
    pub stale: u64,
    /// Commands that were refused: too many wait.
    pub refused: u64,
}

#[derive(Debug)]
struct Job<O> {
    owner: O,
    command: Command,
    payload: Vec<u8>,
    /// How often the co-processor had no room for it.
    retries: usize,
    /// It has been repeated for want of a reply.
    repeated: bool,
    /// Only its TID is ours ([`Engine::lend`]).
    is_lent: bool,
}

#[derive(Debug)]
struct Outstanding<O> {
    job: Job<O>,
    /// When it was sent for the first time.
    since: Instant,
    /// How often it was sent again.
    repetitions: usize,
    /// When it is sent again or given up.
    until: Instant,
    /// It is to be sent again, as soon as the link takes it.
    is_due: bool,
}

#[derive(Debug)]
struct Delayed<O> {
    job: Job<O>,
    until: Instant,
}

/// Why a command was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// [`QUEUE_MAX`] commands wait already.
    Full,
    /// It does not fit into a frame of 1300 octets (protocol §1.1).
    TooLong,
}

/// What a reply brought about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matched<O> {
    /// Nobody waited for it.
    Stale,
    /// The co-processor had no room; the command is sent again.
    Retrying,
    /// The command is done.
    Completed {
        /// Whose it was.
        owner: O,
        /// What was sent.
        command: Command,
        /// Of a command that concerns one property: which.
        property: Option<Property>,
        /// It was sent more than once: what it wanted may have been so already.
        repeated: bool,
    },
}

/// What time brought about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expired<O> {
    /// No reply came, and it is not asked again.
    Unanswered {
        /// Whose command it was.
        owner: O,
        /// What was sent.
        command: Command,
        /// Of a command that concerns one property: which.
        property: Option<Property>,
        /// When it was sent for the first time.
        since: Instant,
    },
    /// The link took no frame for [`SEND_TIMEOUT`].
    Stuck,
}

impl<O: Copy> Engine<O> {
    /// An engine with nothing to do, one command at a time, for the co-processor's interface `iid`, 0..=3.
    pub fn new(iid: u8) -> Self {
        Engine {
            iid,
            waiting: VecDeque::new(),
            outstanding: Default::default(),
            delayed: Vec::new(),
            last_tid: 0,
            skipped: 0,
            limit: 1,
            reset: None,
            sendable_since: None,
            frame: vec![0; FRAME_MAX].into_boxed_slice(),
            stats: Stats::default(),
        }
    }

    /// What was counted.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Sets all counters to zero.
    pub fn clear_stats(&mut self) {
        self.stats = Stats::default();
    }

    /// One command at a time, as during start-up; otherwise [`OUTSTANDING_MAX`].
    pub fn set_one_at_a_time(&mut self, now: Instant, one: bool) {
        self.limit = if one { 1 } else { OUTSTANDING_MAX };
        self.note_sendable(now);
    }

    /// Queues a command. For a property command, `payload` begins with the property.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn submit(
        &mut self,
        now: Instant,
        owner: O,
        command: Command,
        payload: Vec<u8>,
    ) -> Result<(), Refused> {
        if payload.len() > FRAME_MAX - HEAD_MAX {
            return Err(Refused::TooLong);
        }
        if self.waiting.len() >= QUEUE_MAX {
            self.stats.refused += 1;
            return Err(Refused::Full);
        }
        self.waiting.push_back(Job {
            owner,
            command,
            payload,
            retries: 0,
            repeated: false,
            is_lent: false,
        });
        self.note_sendable(now);
        Ok(())
    }

    /// A TID for a frame that somebody else sends now, a SET: its reply comes back here, within `within`
    /// or not at all. `None` while too many are outstanding. Allocates nothing.
    pub fn lend(&mut self, now: Instant, owner: O, within: Duration) -> Option<u8> {
        if self.busy() >= self.limit {
            return None;
        }
        let tid = self.next_tid()?;
        self.last_tid = tid;
        self.outstanding[usize::from(tid)] = Some(Outstanding {
            job: Job {
                owner,
                command: Command::PROP_VALUE_SET,
                payload: Vec::new(),
                retries: 0,
                repeated: false,
                is_lent: true,
            },
            since: now,
            repetitions: 0,
            until: now + within,
            is_due: false,
        });
        self.note_sendable(now);
        Some(tid)
    }

    /// Forgets everything, and has a RESET frame go out next, with a type octet or none (§1.3, E39).
    pub fn reset(&mut self, now: Instant, kind: Option<u8>) {
        self.clear();
        self.reset = Some(kind);
        self.note_sendable(now);
    }

    /// Forgets everything; TIDs begin at 1 again, one command at a time.
    pub fn clear(&mut self) {
        self.waiting.clear();
        self.outstanding = Default::default();
        self.delayed.clear();
        self.last_tid = 0;
        self.skipped = 0;
        self.limit = 1;
        self.reset = None;
        self.sendable_since = None;
    }

    /// Whether nothing waits and nothing is outstanding.
    pub fn is_idle(&self) -> bool {
        self.reset.is_none() && self.waiting.is_empty() && self.busy() == 0
    }

    /// Whether [`Engine::next_frame`] has one.
    pub fn has_frame(&self) -> bool {
        self.reset.is_some() || self.due().is_some() || self.first_free().is_some()
    }

    /// The next frame for the link. It counts as sent.
    pub fn next_frame(&mut self, now: Instant) -> Option<&[u8]> {
        let len = match (self.reset.take(), self.due()) {
            (Some(kind), _) => self.write_reset(kind),
            (None, Some(tid)) => self.write_again(now, tid)?,
            (None, None) => self.write_next(now)?,
        };
        self.sendable_since = None;
        self.note_sendable(now);
        self.frame.get(..len)
    }

    /// Takes a reply. `status` is what it carries if it is a LAST_STATUS.
    pub fn reply(&mut self, now: Instant, tid: NonZeroU8, status: Option<Status>) -> Matched<O> {
        let slot = self.outstanding.get_mut(usize::from(tid.get()));
        let Some(sent) = slot.and_then(Option::take) else {
            self.stats.stale += 1;
            return Matched::Stale;
        };
        if sent.repetitions > 0 {
            self.skipped |= 1 << tid.get();
        }
        let mut job = sent.job;
        let no_room = matches!(status, Some(Status::BUSY | Status::NOMEM)) && !job.is_lent;
        let delay = RETRY_DELAYS.get(job.retries).filter(|_| no_room);
        let matched = match delay {
            // Not the outcome of the question, but its answer.
            Some(_) if job.property() == Some(Property::LAST_STATUS) => self.complete(&job),
            Some(&delay) => {
                job.retries += 1;
                self.stats.retried += 1;
                self.delayed.push(Delayed {
                    job,
                    until: now + delay,
                });
                Matched::Retrying
            }
            None => self.complete(&job),
        };
        self.note_sendable(now);
        matched
    }

    /// What is due, one thing at a time: call until `None`.
    pub fn expire(&mut self, now: Instant) -> Option<Expired<O>> {
        while let Some(index) = self.delayed.iter().position(|delayed| delayed.until <= now) {
            let delayed = self.delayed.swap_remove(index);
            self.waiting.push_front(delayed.job);
            self.note_sendable(now);
        }
        for tid in 1..TIDS {
            let slot = &mut self.outstanding[tid];
            let Some(sent) = slot.as_mut().filter(|sent| sent.until <= now) else {
                continue;
            };
            if sent.repeat() {
                self.note_sendable(now);
                continue;
            }
            let Outstanding { job, since, .. } = slot.take()?;
            self.skipped |= 1 << tid;
            self.stats.unanswered += u64::from(!job.is_lent);
            self.note_sendable(now);
            return Some(Expired::Unanswered {
                owner: job.owner,
                command: job.command,
                property: job.property(),
                since,
            });
        }
        let since = self.sendable_since?;
        if now < since + SEND_TIMEOUT {
            return None;
        }
        self.sendable_since = Some(now);
        Some(Expired::Stuck)
    }

    /// When [`Engine::expire`] has something. Every call that changes anything changes it.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let replies = self.outstanding.iter().flatten().map(|sent| sent.until);
        let delayed = self.delayed.iter().map(|delayed| delayed.until);
        let stuck = self.sendable_since.map(|since| since + SEND_TIMEOUT);
        earliest(replies.chain(delayed).min(), stuck)
    }

    fn complete(&mut self, job: &Job<O>) -> Matched<O> {
        self.stats.completed += u64::from(!job.is_lent);
        Matched::Completed {
            owner: job.owner,
            command: job.command,
            property: job.property(),
            repeated: job.repeated,
        }
    }

    fn busy(&self) -> usize {
        self.outstanding.iter().flatten().count() + self.delayed.len()
    }

    fn write_reset(&mut self, kind: Option<u8>) -> usize {
        let written = write_frame(
            &mut self.frame,
            Header::new(self.iid, 0).unwrap_or(Header::UNSOLICITED),
            Command::RESET,
            |payload| kind.map_or(Ok(()), |kind| payload.uint8(kind)),
        );
        // Three octets at the most.
        written.unwrap_or(0)
    }

    /// The TID of what is to be sent again first.
    fn due(&self) -> Option<u8> {
        let tids = (1..=TID_MAX).zip(self.outstanding.iter().skip(1));
        let due = tids.filter_map(|(tid, sent)| Some((tid, sent.as_ref()?)));
        let due = due.filter(|(_, sent)| sent.is_due);
        due.min_by_key(|(_, sent)| sent.since).map(|(tid, _)| tid)
    }

    /// The first that waits for nothing but its turn.
    fn first_free(&self) -> Option<usize> {
        if self.busy() >= self.limit {
            return None;
        }
        self.waiting.iter().position(|job| !self.is_held_up(job))
    }

    /// Whether the property is being written already: what came later has to count in the end.
    fn is_held_up(&self, job: &Job<O>) -> bool {
        let Some(property) = job.written() else {
            return false;
        };
        let outstanding = self.outstanding.iter().flatten().map(|sent| &sent.job);
        let delayed = self.delayed.iter().map(|delayed| &delayed.job);
        let mut others = outstanding.chain(delayed);
        others.any(|other| other.written() == Some(property))
    }

    fn write_again(&mut self, now: Instant, tid: u8) -> Option<usize> {
        let sent = self.outstanding.get_mut(usize::from(tid))?.as_mut()?;
        sent.is_due = false;
        sent.repetitions += 1;
        sent.job.repeated = true;
        sent.until = match REPEAT_AFTER.get(sent.repetitions) {
            Some(&wait) => now + wait,
            None => (sent.since + REPEATED_TIMEOUT).max(now + REPEAT_AFTER[0]),
        };
        self.stats.sent += 1;
        self.stats.repeated += 1;
        sent.job.write(&mut self.frame, self.iid, tid)
    }

    fn write_next(&mut self, now: Instant) -> Option<usize> {
        let first = self.first_free()?;
        let tid = self.next_tid()?;
        let job = self.waiting.remove(first)?;
        let len = job.write(&mut self.frame, self.iid, tid)?;
        self.last_tid = tid;
        self.stats.sent += 1;
        let wait = match job.may_repeat() {
            true => REPEAT_AFTER[0],
            false => REPLY_TIMEOUT,
        };
        self.outstanding[usize::from(tid)] = Some(Outstanding {
            job,
            since: now,
            repetitions: 0,
            until: now + wait,
            is_due: false,
        });
        Some(len)
    }

    fn next_tid(&mut self) -> Option<u8> {
        // Two laps: in the first, all that is free may have to be left out.
        for _ in 0..2 * TID_MAX {
            let tid = self.last_tid % TID_MAX + 1;
            self.last_tid = tid;
            let bit = 1 << tid;
            if self.outstanding[usize::from(tid)].is_some() {
                continue;
            }
            if self.skipped & bit == 0 {
                return Some(tid);
            }
            self.skipped &= !bit;
        }
        None
    }

    fn note_sendable(&mut self, now: Instant) {
        if !self.has_frame() {
            self.sendable_since = None;
        } else if self.sendable_since.is_none() {
            self.sendable_since = Some(now);
        }
    }
}

impl<O> Outstanding<O> {
    /// Whether it is to be sent again, now that no reply came in time.
    fn repeat(&mut self) -> bool {
        let goes_on = self.repetitions < REPEAT_AFTER.len() && self.job.may_repeat();
        if goes_on && !self.is_due {
            self.is_due = true;
            // A link that takes nothing is another matter ([`Expired::Stuck`]).
            self.until = self.since + REPEATED_TIMEOUT;
            return true;
        }
        false
    }
}

impl<O> Job<O> {
    /// The frame; `Engine::submit` saw that it fits.
    fn write(&self, frame: &mut [u8], iid: u8, tid: u8) -> Option<usize> {
        let header = Header::new(iid, tid)?;
        write_frame(frame, header, self.command, |payload| {
            payload.data(&self.payload)
        })
        .ok()
    }

    /// Whether it may be done twice: nothing else comes of it, or the second time says so (ALREADY,
    /// ITEM_NOT_FOUND).
    fn may_repeat(&self) -> bool {
        match self.command {
            Command::NOOP
            | Command::PROP_VALUE_GET
            | Command::PROP_VALUE_INSERT
            | Command::PROP_VALUE_REMOVE
            | Command::PROP_VALUE_MULTI_GET
            | Command::NET_CLEAR => true,
            Command::PROP_VALUE_SET => !self.property().map_or(true, begins_something),
            _ => false,
        }
    }

    /// The property that it changes.
    fn written(&self) -> Option<Property> {
        let writes = matches!(
            self.command,
            Command::PROP_VALUE_SET | Command::PROP_VALUE_INSERT | Command::PROP_VALUE_REMOVE
        );
        self.property().filter(|_| writes)
    }

    fn property(&self) -> Option<Property> {
        property_of(self.command, &self.payload)
    }
}

/// Whether a SET of it begins something each time, so that a second one is refused, or done twice:
/// scans, joining, leaving, what goes to other nodes, and streams (protocol §3.4 to §3.11).
fn begins_something(property: Property) -> bool {
    let is_stream = matches!(property.0, 112..=127 | 5_888..=6_143);
    is_stream || ONCE.contains(&property)
}

/// The property that a command concerns.
pub fn property_of(command: Command, payload: &[u8]) -> Option<Property> {
    let range = Command::PROP_VALUE_GET..=Command::PROP_VALUE_REMOVED;
    if !range.contains(&command) {
        return None;
    }
    Reader::new(payload).uint_packed().ok().map(Property)
}

/// The number of a property, then its value.
pub(in crate::host) fn property_payload(property: Property, value: &[u8]) -> Vec<u8> {
    let mut number = [0; 3];
    let mut writer = Writer::new(&mut number);
    // A number that cannot be packed cannot have been read either.
    let len = writer.uint_packed(property.0).map_or(0, |()| writer.len());
    [&number[..len], value].concat()
}

/// Commands that wait: two for each of the 32 tasks (`run::TASKS_MAX`), at a few dozen octets
/// each.
pub const QUEUE_MAX: usize = 64;
/// Protocol §1.2: firmware queues 15 replies; 8 leave room for what it does by itself.
pub const OUTSTANDING_MAX: usize = 8;
/// Protocol §7.4.
pub const SEND_TIMEOUT: Duration = Duration::from_secs(5);
/// Protocol §7.4, of a command that is sent once.
pub const REPLY_TIMEOUT: Duration = Duration::from_secs(5);
/// Of a command that is repeated: the two times 5 s of protocol §7.4.
pub const REPEATED_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a reply is waited for before the command is sent again. A frame that a bad line swallowed
/// costs one of these, and four of them in a row are rare where one in ten is lost.
const REPEAT_AFTER: [Duration; 3] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
];
/// Protocol §7.4: after BUSY and NOMEM.
const RETRY_DELAYS: [Duration; 3] = [
    Duration::from_millis(50),
    Duration::from_millis(200),
    Duration::from_millis(1_000),
];
/// What a SET begins anew each time.
const ONCE: &[Property] = &[
    Property::MAC_SCAN_STATE,
    Property::NET_LEAVE_GRACEFULLY,
    Property::MESHCOP_JOINER_COMMISSIONING,
    Property::THREAD_TMF_PROXY_STREAM,
    Property::THREAD_UDP_FORWARD_STREAM,
    Property::THREAD_MGMT_SET_ACTIVE_DATASET,
    Property::THREAD_MGMT_SET_PENDING_DATASET,
    Property::THREAD_MGMT_SET_PENDING_DATASET_TLVS,
    Property::THREAD_MGMT_GET_ACTIVE_DATASET,
    Property::THREAD_MGMT_GET_PENDING_DATASET,
    Property::THREAD_LINK_METRICS_QUERY,
    Property::THREAD_LINK_METRICS_PROBE,
    Property::THREAD_LINK_METRICS_MGMT_ENH_ACK,
    Property::THREAD_LINK_METRICS_MGMT_FORWARD,
    Property::THREAD_MLR_REQUEST,
    Property::THREAD_BACKBONE_ROUTER_LOCAL_REGISTER,
    Property::MESHCOP_COMMISSIONER_ANNOUNCE_BEGIN,
    Property::MESHCOP_COMMISSIONER_ENERGY_SCAN,
    Property::MESHCOP_COMMISSIONER_PAN_ID_QUERY,
    Property::MESHCOP_COMMISSIONER_MGMT_GET,
    Property::MESHCOP_COMMISSIONER_MGMT_SET,
    Property::CHANNEL_MANAGER_CHANNEL_SELECT,
    Property::NEST_STREAM_MFG,
    // INFRA_IF_RECV_ICMP6 and BORDER_AGENT_EPHEMERAL_KEY_ACTIVATE.
    Property(2_322),
    Property(2_388),
];
/// TID 0 is in the table, too, and always free.
const TIDS: usize = TID_MAX as usize + 1;
/// Header and command (protocol §1.1).
const HEAD_MAX: usize = 4;

#[cfg(test)]
mod tests;
