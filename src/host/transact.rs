//! The command engine (protocol §7.4): gives commands their TIDs, matches replies, repeats what got
//! lost and retries what the co-processor had no room for.
//!
//! # Contract
//!
//! * A command that [`Engine::submit`] took ends exactly once: [`Engine::reply`] completes it,
//!   [`Engine::expire`] gives it up, or [`Engine::clear`] forgets it. `clear` tells nobody; whoever
//!   calls it knows whom it concerns.
//! * A TID is never used again while it is outstanding, and one that timed out is left out for one lap,
//!   so that a late answer cannot be taken for another's (§1.2).
//! * A command that waits for its next try still counts as outstanding: during start-up, with one at a
//!   time, nothing overtakes it.

use crate::time::{earliest, Duration, Instant};
use crate::wire::ids::{Command, Property, Status};
use crate::wire::packed::Reader;
use crate::wire::spinel::{write_frame, Header, FRAME_MAX, TID_MAX};
use core::num::NonZeroU8;
use std::collections::VecDeque;

/// The engine; `O` says whom a command belongs to.
#[derive(Debug)]
pub struct Engine<O> {
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
}

#[derive(Debug)]
struct Outstanding<O> {
    job: Job<O>,
    until: Instant,
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
    },
    /// The link took no frame for [`SEND_TIMEOUT`].
    Stuck,
}

impl<O: Copy> Engine<O> {
    /// An engine with nothing to do, one command at a time.
    pub fn new() -> Self {
        Engine {
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
        });
        self.note_sendable(now);
        Ok(())
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
        self.reset.is_some() || (!self.waiting.is_empty() && self.busy() < self.limit)
    }

    /// The next frame for the link. It counts as sent.
    pub fn next_frame(&mut self, now: Instant) -> Option<&[u8]> {
        let len = match self.reset.take() {
            Some(kind) => self.write_reset(kind),
            None => self.write_next(now)?,
        };
        self.sendable_since = None;
        self.note_sendable(now);
        self.frame.get(..len)
    }

    /// Takes a reply. `status` is what it carries if it is a LAST_STATUS.
    pub fn reply(&mut self, now: Instant, tid: NonZeroU8, status: Option<Status>) -> Matched<O> {
        let slot = self.outstanding.get_mut(usize::from(tid.get()));
        let Some(Outstanding { mut job, .. }) = slot.and_then(Option::take) else {
            self.stats.stale += 1;
            return Matched::Stale;
        };
        let no_room = matches!(status, Some(Status::BUSY | Status::NOMEM));
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
            if slot.as_ref().map_or(true, |command| command.until > now) {
                continue;
            }
            let mut job = slot.take()?.job;
            self.skipped |= 1 << tid;
            if job.may_repeat() {
                job.repeated = true;
                self.stats.repeated += 1;
                self.waiting.push_front(job);
                self.note_sendable(now);
                continue;
            }
            self.stats.unanswered += 1;
            self.note_sendable(now);
            return Some(Expired::Unanswered {
                owner: job.owner,
                command: job.command,
                property: job.property(),
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
        self.stats.completed += 1;
        Matched::Completed {
            owner: job.owner,
            command: job.command,
            property: job.property(),
        }
    }

    fn busy(&self) -> usize {
        self.outstanding.iter().flatten().count() + self.delayed.len()
    }

    fn write_reset(&mut self, kind: Option<u8>) -> usize {
        let written = write_frame(
            &mut self.frame,
            Header::UNSOLICITED,
            Command::RESET,
            |payload| kind.map_or(Ok(()), |kind| payload.uint8(kind)),
        );
        // Three octets at the most.
        written.unwrap_or(0)
    }

    fn write_next(&mut self, now: Instant) -> Option<usize> {
        if !self.has_frame() {
            return None;
        }
        let tid = self.next_tid()?;
        let job = self.waiting.pop_front()?;
        let header = Header::new(0, tid)?;
        // `submit` saw that it fits.
        let len = write_frame(&mut self.frame, header, job.command, |payload| {
            payload.data(&job.payload)
        })
        .ok()?;
        self.last_tid = tid;
        self.stats.sent += 1;
        self.outstanding[usize::from(tid)] = Some(Outstanding {
            job,
            until: now + REPLY_TIMEOUT,
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

impl<O: Copy> Default for Engine<O> {
    fn default() -> Self {
        Engine::new()
    }
}

impl<O> Job<O> {
    fn may_repeat(&self) -> bool {
        let idempotent = matches!(
            self.command,
            Command::PROP_VALUE_GET | Command::PROP_VALUE_SET
        );
        idempotent && !self.repeated
    }

    fn property(&self) -> Option<Property> {
        property_of(self.command, &self.payload)
    }
}

/// The property that a command concerns.
pub fn property_of(command: Command, payload: &[u8]) -> Option<Property> {
    let range = Command::PROP_VALUE_GET..=Command::PROP_VALUE_REMOVED;
    if !range.contains(&command) {
        return None;
    }
    Reader::new(payload).uint_packed().ok().map(Property)
}

/// Commands that wait: two for each of the 32 tasks (`super::run::TASKS_MAX`), at a few dozen octets
/// each.
pub const QUEUE_MAX: usize = 64;
/// Protocol §1.2: firmware queues 15 replies; 8 leave room for what it does by itself.
pub const OUTSTANDING_MAX: usize = 8;
/// Protocol §7.4.
pub const SEND_TIMEOUT: Duration = Duration::from_secs(5);
/// Protocol §7.4.
pub const REPLY_TIMEOUT: Duration = Duration::from_secs(5);
/// Protocol §7.4: after BUSY and NOMEM.
const RETRY_DELAYS: [Duration; 3] = [
    Duration::from_millis(50),
    Duration::from_millis(200),
    Duration::from_millis(1_000),
];
/// TID 0 is in the table, too, and always free.
const TIDS: usize = TID_MAX as usize + 1;
/// Header and command (protocol §1.1).
const HEAD_MAX: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    const GET: Command = Command::PROP_VALUE_GET;

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    fn tid(tid: u8) -> NonZeroU8 {
        NonZeroU8::new(tid).unwrap()
    }

    /// Engine with `n` GETs of property 33 from owners 0..n, eight at a time.
    fn engine(n: u32) -> Engine<u32> {
        let mut engine = Engine::new();
        engine.set_one_at_a_time(at(0), false);
        for owner in 0..n {
            engine.submit(at(0), owner, GET, vec![33]).unwrap();
        }
        engine
    }

    fn sent(engine: &mut Engine<u32>, now: Instant) -> Vec<u8> {
        let mut headers = Vec::new();
        while let Some(frame) = engine.next_frame(now) {
            headers.push(frame[0]);
        }
        headers
    }

    fn owner(matched: Matched<u32>) -> u32 {
        match matched {
            Matched::Completed { owner, .. } => owner,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn eight_are_outstanding_and_one_during_start_up() {
        let mut engine = engine(20);
        assert_eq!(
            sent(&mut engine, at(0)),
            [0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88]
        );
        assert_eq!(owner(engine.reply(at(1), tid(3), None)), 2);
        assert_eq!(sent(&mut engine, at(1)), [0x89]);
        engine.clear();
        for owner in 0..3 {
            engine.submit(at(1), owner, GET, vec![33]).unwrap();
        }
        assert_eq!(sent(&mut engine, at(1)), [0x81]);
    }

    #[test]
    fn tids_rotate_and_are_not_used_while_outstanding() {
        let mut engine = engine(1);
        assert_eq!(sent(&mut engine, at(0)), [0x81]);
        // TID 1 stays outstanding; the others come and go.
        let mut headers = Vec::new();
        for n in 0..15 {
            engine.submit(at(0), n, GET, vec![33]).unwrap();
            let header = sent(&mut engine, at(0))[0];
            headers.push(header);
            engine.reply(at(0), tid(header & 15), None);
        }
        let lap: Vec<u8> = (0x82..=0x8F).chain([0x82]).collect();
        assert_eq!(headers, lap);
    }

    #[test]
    fn busy_is_retried_three_times_and_then_told() {
        let mut engine = engine(1);
        engine.set_one_at_a_time(at(0), true);
        engine.submit(at(0), 9, GET, vec![34]).unwrap();
        let mut now = at(0);
        for (n, delay) in [(1, 50), (2, 200), (3, 1_000)] {
            assert_eq!(engine.next_frame(now), Some(&[0x80 + n, 2, 33][..]));
            let matched = engine.reply(now, tid(n), Some(Status::BUSY));
            assert_eq!(matched, Matched::Retrying);
            assert_eq!(engine.next_frame(now), None, "nothing overtakes it");
            now = now + Duration::from_millis(delay);
            assert_eq!(engine.poll_timeout(), Some(now));
            assert_eq!(engine.expire(now - Duration::from_micros(1)), None);
            assert!(!engine.has_frame());
            assert_eq!(engine.expire(now), None);
        }
        assert_eq!(engine.next_frame(now), Some(&[0x84, 2, 33][..]));
        assert_eq!(
            owner(engine.reply(now, tid(4), Some(Status::NOMEM))),
            0,
            "told"
        );
        assert_eq!(engine.next_frame(now), Some(&[0x85, 2, 34][..]));
    }

    #[test]
    fn get_is_repeated_once_with_another_tid_and_insert_never() {
        let mut engine = engine(1);
        assert_eq!(sent(&mut engine, at(0)), [0x81]);
        assert_eq!(engine.poll_timeout(), Some(at(5_000)));
        assert_eq!(engine.expire(at(4_999)), None);
        assert!(!engine.has_frame());
        assert_eq!(engine.expire(at(5_000)), None);
        assert_eq!(sent(&mut engine, at(5_000)), [0x82]);
        assert_eq!(engine.reply(at(5_001), tid(1), None), Matched::Stale);
        assert_eq!(
            engine.expire(at(10_000)),
            Some(Expired::Unanswered {
                owner: 0,
                command: GET,
                property: Some(Property(33)),
            })
        );
        assert_eq!(engine.expire(at(10_000)), None);
        let insert = Command::PROP_VALUE_INSERT;
        engine.submit(at(10_000), 5, insert, vec![99, 1]).unwrap();
        assert_eq!(sent(&mut engine, at(10_000)), [0x83]);
        assert!(engine.expire(at(15_000)).is_some());
        assert!(engine.is_idle());
    }

    #[test]
    fn a_tid_that_timed_out_is_left_out_for_one_lap() {
        let mut engine = engine(1);
        assert_eq!(sent(&mut engine, at(0)), [0x81]);
        assert_eq!(engine.expire(at(5_000)), None);
        let mut headers = Vec::new();
        for _ in 0..30 {
            engine.submit(at(5_000), 0, GET, vec![33]).unwrap();
            let header = engine.next_frame(at(5_000)).unwrap()[0];
            engine.reply(at(5_000), tid(header & 15), None);
            headers.push(header);
        }
        let once: Vec<u8> = (0x82..=0x8F).collect();
        let then: Vec<u8> = (0x82..=0x8F).chain([0x81, 0x82]).collect();
        assert_eq!(headers[..14], once);
        assert_eq!(headers[14..], then);
    }

    #[test]
    fn a_reset_goes_first_and_forgets_the_rest() {
        let mut engine = engine(3);
        assert_eq!(sent(&mut engine, at(0)), [0x81, 0x82, 0x83]);
        engine.submit(at(0), 9, GET, vec![33]).unwrap();
        engine.reset(at(0), None);
        assert_eq!(engine.next_frame(at(0)), Some(&[0x80, 1][..]));
        assert_eq!(engine.next_frame(at(0)), None);
        assert_eq!(engine.reply(at(0), tid(1), None), Matched::Stale);
        engine.reset(at(0), Some(3));
        assert_eq!(engine.next_frame(at(0)), Some(&[0x80, 1, 3][..]));
        assert!(engine.is_idle());
    }

    #[test]
    fn a_link_that_takes_nothing_is_told() {
        let mut engine = engine(1);
        assert_eq!(engine.expire(at(4_999)), None);
        assert_eq!(engine.expire(at(5_000)), Some(Expired::Stuck));
        assert_eq!(engine.expire(at(5_000)), None);
    }

    #[test]
    fn the_queue_is_bounded_and_so_is_a_frame() {
        let mut engine = engine(QUEUE_MAX as u32);
        assert_eq!(engine.submit(at(0), 0, GET, vec![33]), Err(Refused::Full));
        engine.clear();
        let set = Command::PROP_VALUE_SET;
        assert_eq!(
            engine.submit(at(0), 0, set, vec![0; 1_297]),
            Err(Refused::TooLong)
        );
        engine.submit(at(0), 0, set, vec![0; 1_296]).unwrap();
        assert_eq!(engine.next_frame(at(0)).map(<[u8]>::len), Some(1_298));
    }

    #[test]
    fn last_status_can_be_asked_for() {
        let mut engine = Engine::new();
        engine.submit(at(0), 7, GET, vec![0]).unwrap();
        assert_eq!(sent(&mut engine, at(0)), [0x81]);
        assert_eq!(owner(engine.reply(at(0), tid(1), Some(Status::BUSY))), 7);
    }
}
