//! The link engine: one Spinel frame at a time over SPI, as a state machine of octets and instants
//! (protocol §5). It plans transactions and judges what came back; somebody else runs them.
//!
//! # Contract
//!
//! * [`Link::poll_transfer`] plans a transaction if one is due; run it and call
//!   [`Link::handle_transfer`], or [`Link::handle_error`] if the driver failed. Nothing else may be
//!   called in between.
//! * [`Link::poll_timeout`] is when the next call of `poll_transfer`, `poll_reset_line` or
//!   `wants_level` can make a difference if nothing happens before. Every `handle_…` call, `vacant`
//!   and `request_reset` change it, and so does the room of the upper layer.
//! * RECV_LEN never promises more than what is clocked and stored. Lengths from the slave are compared
//!   with both before anything is sliced; nothing that a slave sends can make this file panic.
//!
//! # When a transaction is due
//!
//! A frame waits and the slave should be ready for it; INT is active; a frame that did not fit is
//! fetched; something must be confirmed under CRC; the first header after a start is awaited; without
//! INT, the poll period is over. Never before the gap between transactions or the pause after a bad
//! header has passed. `Link::transfer_due` is the only place that decides.
//!
//! INT's level decides, its edges only wake. While the level is known to be inactive, the kernel queues
//! an edge for every change, so the level is read again only after a transaction in which it was
//! active, and, in case an edge was lost all the same, after `LEVEL_PERIOD_DUE` while an answer is
//! due; otherwise after as long as no frame was moved, `LEVEL_PERIOD_SOON` at least and
//! `LEVEL_PERIOD_IDLE` at most.
//!
//! # Nothing lost, doubled or reordered under CRC (§5.11)
//!
//! Acceptance of a frame under CRC is provisional until the slave's next header says whether the CRC
//! was right. So the frame stays in flight, the next transaction carries none, and only then is it
//! forgotten (CCF 0) or sent again (CCF 1). That transaction comes at once if another frame waits.
//! Otherwise, where an answer is due, it waits for INT, `CONFIRM_WAIT` at the most: so the one that
//! brings the answer is also the one that confirms the question. The mirror image protects the slave's frames: a header that
//! carries our CCF offers RECV_LEN 0, so that the slave cannot get its next frame accepted ahead of the
//! repetition, and each good frame is confirmed at once.
//!
//! What is left: the headers have no CRC. Once a slave has shown that it has CRC, a header without the
//! flag is taken for garbage, which closes the hole that a flip of that bit would open. A garbage
//! header leaves open whether the slave took our frame; we offer it again, because a doubled frame
//! does less harm than a lost one (errata E9). Under CRC it also leaves open whether the slave gave one,
//! and our CCF, with which we ask for it, cannot tell a repetition from a new one: a garbage header can
//! double one frame each way (`tests/minimised.rs`).
//!
//! # What comes back as it was sent
//!
//! With MISO wired to MOSI every header is a good one: ours. A transaction with our frame that comes back
//! whole, padding and all, moved nothing. No slave says that: what a host commands is no command of a
//! co-processor (protocol §1.3), a slave pads with FF where we pad with 00 (§5.2), and its RECV_LEN is its
//! own. An empty header may be the same both ways by chance, so it counts as ours only behind a frame that
//! came back, for as long as nothing else comes.

mod answers;
pub mod backoff;
mod crc;
mod failure;
mod gap;
mod judge;
mod limits;
mod recover;
pub mod sizing;
pub mod stats;

use crate::bus::Line;
use crate::error::is_gone;
use crate::time::{earliest, Duration, Instant};
use crate::trace::{self};
use crate::wire::fcs::{self, FCS_LEN};
use crate::wire::spi::{self, Header, Reading, ALIGN_MAX, FRAME_MAX, HEADER_LEN};
use answers::Answers;
use backoff::Rearm;
use crc::{Crc, Verdict};
use failure::Failure;
use gap::Gap;
use limits::*;
use sizing::{Cost, Sizing};
use stats::Stats;
use std::io;

pub use crc::CrcMode;

/// How a link is driven.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Octets that the slave may put before its header: 0..=16.
    pub align_allowance: usize,
    /// Payload octets offered when no length is known, or the least of them with `adaptive`.
    pub small_packet: usize,
    /// Whether more is offered where what was seen lets expect a longer frame ([`sizing`]).
    pub adaptive: bool,
    /// The clock rate in Hz, for the cost of an octet.
    pub speed_hz: u32,
    /// Whether a CRC is offered.
    pub crc: CrcMode,
    /// The longest transaction that the driver takes, in octets (spidev's `bufsiz`).
    pub max_transfer: usize,
    /// The least time between two transactions.
    pub gap: Duration,
    /// The poll period without INT when idle.
    pub poll_period: Duration,
    /// How long RES is held active.
    pub reset_pulse: Duration,
    /// How long the slave is left alone after RES was released.
    pub reset_settle: Duration,
    /// Whether an INT line is wired.
    pub has_interrupt: bool,
    /// Whether a RES line is wired.
    pub has_reset: bool,
    /// Whether to begin with a hardware reset.
    pub reset_at_start: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            align_allowance: 0,
            small_packet: sizing::LEAST,
            adaptive: true,
            speed_hz: 1_000_000,
            crc: CrcMode::Auto,
            max_transfer: 4096,
            gap: Duration::ZERO,
            poll_period: Duration::from_millis(33),
            reset_pulse: Duration::from_millis(20),
            reset_settle: Duration::ZERO,
            has_interrupt: true,
            has_reset: true,
            reset_at_start: false,
        }
    }
}

/// The host's end of the SPI link.
#[derive(Debug)]
pub struct Link {
    settings: Settings,
    /// The longest frame that the driver and our buffers let through.
    frame_max: usize,
    stats: Stats,

    /// A transaction with our frame; the frame stands behind the room for the header.
    mosi: Box<[u8]>,
    /// A transaction without one: a header and zeros.
    blank: Box<[u8]>,
    miso: Box<[u8]>,
    plan: Plan,

    tx: Tx,
    /// The frame behind the one that is in flight, laid out as in `mosi`, and its length; 0: none.
    next: Box<[u8]>,
    next_len: usize,
    /// When a frame in flight is confirmed, unless another transaction does it before.
    confirm_at: Instant,
    rearm: Rearm,
    /// The greatest RECV_LEN since the slave was last reset.
    recv_len_max: usize,
    /// Since when the frame is longer than a RECV_LEN that is not 0.
    too_big_since: Option<Instant>,
    /// Times in a row that the slave reported a wrong CRC for the same frame.
    rejected: u32,

    /// DATA_LEN of a slave frame that did not fit; 0: none.
    remembered: usize,
    sizing: Sizing,
    /// Transactions since the last [`Link::took`], and the octets clocked in them.
    untimed: (u64, u64),
    /// Frames in a row with a wrong CRC.
    bad_fcs: u32,
    /// The next header carries CCF and RECV_LEN 0.
    report: bool,
    /// A good frame that came under CRC must be confirmed.
    confirm: bool,
    crc: Crc,

    phase: Phase,
    /// RST is set in our header: from the start until the first valid header (§5.6).
    awaiting_header: bool,
    /// Bad headers in a row, and since when.
    bad: u32,
    bad_since: Instant,
    /// They were so many, or took so long, that it is more than a disturbance.
    is_long: bool,
    /// Since when the slave may be booting: the start, the end of a reset of ours, a RESET command.
    booting_since: Option<Instant>,
    /// The longest boot so far, as long as none has come to its end: how long silence means nothing.
    boot_time: Duration,
    /// Times in a row that the link failed although the slave had time to boot.
    boots_failed: u32,
    /// The link failed because of silence: what waits was meant for nobody else.
    failed_silently: bool,
    /// Our frame came back as it was sent, and nothing else has come since.
    looped: bool,
    /// Times the link failed without a frame moved since.
    failures: u32,
    /// Why it failed last.
    failed: Option<Failure>,
    /// Driver errors in a row.
    errors: u32,
    /// No transaction before this: the gap, or the pause after a bad header.
    not_before: Instant,
    gap: Gap,
    /// What the clock said before the last transaction.
    last_at: Instant,
    /// What it said when it was first read after it: then the pause began.
    ended_at: Option<Instant>,
    /// The pause after it.
    pause: Duration,
    /// The last transaction that the slave took part in.
    taken_at: Option<Instant>,

    level: Level,
    /// A frame was offered again and fetched since INT's last edge.
    fetched: bool,
    /// When a level that is believed inactive is read again.
    level_at: Instant,
    /// When a level that is active leads to a transaction: later and later while nothing comes of it.
    level_allowed: Instant,
    /// Transactions in a row that an active INT led to and nothing came of.
    stuck: u32,
    /// Transactions in a row that the slave's last header asked for at once and nothing came of.
    in_vain: u32,
    poll_at: Instant,
    /// When a frame was last moved.
    active_at: Instant,
    answers: Answers,
    shift_seen: u32,
    reset_reported_at: Option<Instant>,
    request_reported_at: Option<Instant>,
    refusals_reported: u64,
}

/// A transaction to run: `mosi` out, `miso` in, of the same length.
#[derive(Debug)]
pub struct Transfer<'a> {
    /// The octets to clock out.
    pub mosi: &'a [u8],
    /// Where the octets that are clocked in go.
    pub miso: &'a mut [u8],
}

/// What a transaction brought.
#[derive(Debug, Default)]
pub struct Outcome<'a> {
    /// A frame for the upper layer.
    pub delivered: Option<&'a [u8]>,
    /// The slave said that it restarted; comes before the frame.
    pub slave_reset: bool,
}

/// Room for one frame to the slave. Without it there is nothing to do but wait.
#[derive(Debug)]
pub struct Vacant<'a> {
    link: &'a mut Link,
}

impl Vacant<'_> {
    /// Queues a copy of `frame`. One that can never be sent is dropped, counted and logged.
    pub fn fill(self, frame: &[u8]) {
        let link = self.link;
        if frame.is_empty() || frame.len() > link.frame_max {
            link.drop_unsendable(frame.len());
            return;
        }
        let place = HEADER_LEN..HEADER_LEN + frame.len();
        if let Tx::Flight(_) = link.tx {
            link.next[place].copy_from_slice(frame);
            link.next_len = frame.len();
            return;
        }
        link.mosi[place].copy_from_slice(frame);
        link.begin(frame.len());
    }
}

/// The frame to the slave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tx {
    Empty,
    /// To be offered; its length.
    Queued(usize),
    /// Taken under CRC, not confirmed yet.
    Flight(usize),
}

/// What the transaction that is being run offered.
#[derive(Clone, Copy, Debug, Default)]
struct Plan {
    header: Header,
    clocked: usize,
    /// It was planned because INT was active.
    for_level: bool,
    /// It was planned because of what the slave's last header said, without a pause.
    at_once: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Running,
    /// RES is to be pulled.
    ResetDue,
    /// RES was pulled some time after the clock said this; the pulse begins when it is read again.
    Pulled(Instant),
    /// RES is active until then.
    Pulse(Instant),
    /// RES was released some time after the clock said this.
    Released(Instant),
    /// Nothing is sent until then.
    Settle(Instant),
    /// The link failed; it is tried again then, or when INT gives a sign.
    Pause(Instant),
}

/// What is known of INT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Unknown,
    Active,
    Inactive,
}

impl Link {
    /// A link that has not spoken yet.
    pub fn new(settings: Settings, now: Instant) -> Self {
        let overhead = HEADER_LEN + settings.align_allowance.min(ALIGN_MAX) + FCS_LEN;
        let frame_max = FRAME_MAX.min(settings.max_transfer.saturating_sub(overhead));
        let buffer = || vec![0; overhead + frame_max].into_boxed_slice();
        let cost = Cost::new(settings.speed_hz, TRANSACTION_COST);
        let sizing = Sizing::new(settings.small_packet, frame_max, cost);
        let phase = if settings.has_reset && settings.reset_at_start {
            Phase::ResetDue
        } else {
            Phase::Running
        };
        Link {
            frame_max,
            stats: Stats::default(),
            mosi: buffer(),
            blank: buffer(),
            miso: buffer(),
            plan: Plan::default(),
            tx: Tx::Empty,
            next: buffer(),
            next_len: 0,
            confirm_at: Instant::ZERO,
            rearm: Rearm::new(),
            recv_len_max: 0,
            too_big_since: None,
            rejected: 0,
            remembered: 0,
            sizing,
            untimed: (0, 0),
            bad_fcs: 0,
            report: false,
            confirm: false,
            crc: Crc::new(settings.crc),
            phase,
            awaiting_header: true,
            bad: 0,
            is_long: false,
            bad_since: now,
            booting_since: Some(now),
            boot_time: Duration::ZERO,
            boots_failed: 0,
            failed_silently: false,
            looped: false,
            failures: 0,
            failed: None,
            errors: 0,
            not_before: Instant::ZERO,
            gap: Gap::new(cost.typical()),
            last_at: Instant::ZERO,
            ended_at: Some(Instant::ZERO),
            pause: Duration::ZERO,
            taken_at: None,
            level: Level::Unknown,
            fetched: false,
            level_at: Instant::ZERO,
            level_allowed: Instant::ZERO,
            stuck: 0,
            in_vain: 0,
            poll_at: Instant::ZERO,
            active_at: now,
            answers: Answers::default(),
            shift_seen: 0,
            reset_reported_at: None,
            request_reported_at: None,
            refusals_reported: 0,
            settings,
        }
    }

    /// The longest frame that can be moved, in octets.
    pub fn frame_max(&self) -> usize {
        self.frame_max
    }

    /// What was counted.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Sets all counters to zero.
    pub fn clear_stats(&mut self) {
        self.stats = Stats::default();
    }

    /// Whether a valid header has come since the start or the last reset.
    pub fn is_up(&self) -> bool {
        !self.awaiting_header
    }

    /// Whether RES is held active: whoever ends now has to release it.
    pub fn holds_reset(&self) -> bool {
        matches!(self.phase, Phase::Pulled(_) | Phase::Pulse(_))
    }

    /// Whether there is a frame that the slave has not taken for certain.
    pub fn has_frame(&self) -> bool {
        self.tx != Tx::Empty
    }

    /// Whether the slave is up, nothing is on its way to it, and no answer is due.
    pub fn is_quiet(&self, now: Instant) -> bool {
        let idle = self.phase == Phase::Running && self.tx == Tx::Empty;
        idle && self.is_up() && !self.answers.are_due(now)
    }

    /// Room for a frame to the slave, if there is. None while the slave is being reset, which would
    /// drop the frame.
    pub fn vacant(&mut self) -> Option<Vacant<'_>> {
        let vacant = match self.tx {
            Tx::Empty => true,
            Tx::Queued(_) => false,
            Tx::Flight(_) => self.next_len == 0,
        };
        (vacant && self.phase == Phase::Running).then_some(Vacant { link: self })
    }

    /// Starts a hardware reset, because the client or the host driver asked for one. A frame that waits is
    /// dropped: it was meant for the co-processor as it was (§5.10).
    ///
    /// A request while RES is active is part of the same reset. A client cannot flood the log with them.
    pub fn request_reset(&mut self, now: Instant) {
        let last = self.request_reported_at;
        let report = last.map_or(true, |at| now.since(at) >= RESET_REPORT_PERIOD);
        if report {
            self.request_reported_at = Some(now);
        }
        if !self.settings.has_reset {
            if report {
                log::warn!("a hardware reset is asked for, but no RES line is known: name it with --gpio-res");
            }
            return;
        }
        if report {
            log::info!("a hardware reset is asked for");
        }
        self.failed_silently = false;
        if !matches!(self.phase, Phase::Pulled(_) | Phase::Pulse(_)) {
            self.phase = Phase::ResetDue;
        }
    }

    /// When something is due if nothing happens before; `None`: never.
    pub fn poll_timeout(&self, has_room: bool) -> Option<Instant> {
        match self.phase {
            Phase::ResetDue => Some(Instant::ZERO),
            Phase::Pulled(at) | Phase::Released(at) => Some(at + CLOCK_STEP),
            Phase::Pulse(at) | Phase::Settle(at) | Phase::Pause(at) => Some(at),
            Phase::Running => earliest(self.transfer_due(has_room), self.level_due(has_room)),
        }
    }

    /// Whether the clock must be read again before the next transaction, for the gap to be kept.
    pub fn wants_clock(&self) -> bool {
        self.ended_at.is_none() && !self.pause.is_zero()
    }

    /// Whether transactions were run that [`Link::took`] was not told of.
    pub fn wants_time(&self) -> bool {
        self.untimed.0 > 0
    }

    /// All transactions since the last call took `elapsed`, with what the host does for them. Only for
    /// the choice of what to offer ([`sizing`]): whoever never calls this gets a cost in the middle of
    /// what was measured.
    pub fn took(&mut self, elapsed: Duration) {
        let (transactions, octets) = core::mem::take(&mut self.untimed);
        self.sizing.took(transactions, octets, elapsed);
    }

    /// What a transaction is believed to cost beside its octets.
    pub fn fixed_cost(&self) -> Duration {
        self.sizing.fixed_cost()
    }

    /// What to do with RES now, if anything. Report with [`Link::reset_line_set`].
    pub fn poll_reset_line(&mut self, now: Instant) -> Option<Line> {
        self.time_reset(now);
        match self.phase {
            Phase::ResetDue => Some(Line::Active),
            Phase::Pulse(until) if until <= now => Some(Line::Inactive),
            Phase::Settle(until) | Phase::Pause(until) if until <= now => {
                self.phase = Phase::Running;
                None
            }
            _ => None,
        }
    }

    /// The pulse, and the pause after it, begin when the clock is read after the line was set.
    fn time_reset(&mut self, now: Instant) {
        match self.phase {
            Phase::Pulled(at) if at < now => {
                self.phase = Phase::Pulse(now + self.settings.reset_pulse);
            }
            Phase::Released(at) if at < now => {
                let pause = self.settings.reset_settle.max(self.failure_pause());
                self.booting_since = Some(now);
                self.phase = Phase::Settle(now + pause);
            }
            _ => {}
        }
    }

    /// What [`Link::poll_reset_line`] asked for was done, or failed.
    ///
    /// # Errors
    /// Only when the line's device is gone.
    pub fn reset_line_set(&mut self, now: Instant, result: io::Result<bool>) -> io::Result<()> {
        if let Err(error) = result {
            self.note_gpio_error("RES cannot be driven", error)?;
        }
        if self.phase == Phase::ResetDue {
            self.phase = Phase::Pulled(now);
            return Ok(());
        }
        self.stats.hardware_resets += 1;
        self.start_over();
        self.phase = Phase::Released(now);
        Ok(())
    }

    /// Whether INT's level should be read now. Hand it in with [`Link::handle_level`].
    pub fn wants_level(&self, now: Instant, has_room: bool) -> bool {
        self.phase == Phase::Running && self.level_due(has_room).is_some_and(|at| at <= now)
    }

    /// INT's level was read.
    ///
    /// # Errors
    /// Only when the line's device is gone.
    pub fn handle_level(
        &mut self,
        now: Instant,
        level: io::Result<Option<Line>>,
    ) -> io::Result<()> {
        let was = self.level;
        match level {
            Ok(Some(Line::Active)) => {
                self.stats.lost_edges += u64::from(was == Level::Inactive);
                self.level = Level::Active;
            }
            Ok(_) => {
                self.level = Level::Inactive;
                self.stuck = 0;
                self.level_allowed = Instant::ZERO;
            }
            Err(error) => {
                // Without the level, believe in edges and in the period.
                self.level = Level::Inactive;
                self.note_gpio_error("INT cannot be read", error)?;
            }
        }
        self.level_at = now + self.level_period(now);
        Ok(())
    }

    /// INT became active.
    pub fn handle_edge(&mut self, now: Instant) {
        // A slave whose frame did not fit makes an edge when it offers it again, which may be told when the
        // frame was fetched already, and the level read: it is read once more.
        self.level = match core::mem::take(&mut self.fetched) {
            true => Level::Unknown,
            false => Level::Active,
        };
        if self.is_long {
            // A sign of life: it need not wait for the next probe.
            self.not_before = self.not_before.min(now + BAD_DELAY);
        }
        if let Phase::Pause(_) = self.phase {
            self.phase = Phase::Running;
        }
    }

    /// Plans a transaction, if one is due. `has_room`: the upper layer can take a frame.
    pub fn poll_transfer(&mut self, now: Instant, has_room: bool) -> Option<Transfer<'_>> {
        self.start_gap(now)?;
        if self.phase != Phase::Running || self.transfer_due(has_room)? > now {
            return None;
        }
        let expected = self.expected_len();
        let at_once = self.must_confirm() || (has_room && self.remembered > 0);
        let (mosi, tx_len) = match self.tx {
            Tx::Queued(len) => (&mut self.mosi, len),
            _ => (&mut self.blank, 0),
        };
        let recv_len = match has_room && !self.report {
            true => expected.max(tx_len).min(self.frame_max),
            false => 0,
        };
        let offers_crc = self.crc.is_offered();
        let header = Header {
            reset: self.awaiting_header,
            crc: offers_crc,
            crc_failed: self.report,
            recv_len,
            data_len: tx_len,
        };
        mosi[..HEADER_LEN].copy_from_slice(&header.to_octets());
        let mut end = HEADER_LEN + tx_len;
        if offers_crc && tx_len > 0 {
            let crc = fcs::of(&mosi[HEADER_LEN..end]);
            mosi[end..end + FCS_LEN].copy_from_slice(&crc);
            end += FCS_LEN;
        }
        let clocked = HEADER_LEN
            + self.settings.align_allowance
            + recv_len.max(tx_len)
            + if offers_crc { FCS_LEN } else { 0 };
        if tx_len > 0 {
            // Remains of a longer frame before.
            mosi[end..clocked].fill(0);
        }
        self.plan = Plan {
            header,
            clocked,
            // Without room the slave's frame stays where it is, and INT with it: that is no news of INT.
            for_level: self.level == Level::Active && has_room,
            at_once,
        };
        Some(Transfer {
            mosi: &mosi[..clocked],
            miso: &mut self.miso[..clocked],
        })
    }

    /// The transaction was run: judges what came back (§5.4, with §5.11 where CRC is active).
    pub fn handle_transfer(&mut self, now: Instant) -> Outcome<'_> {
        let (least, most) = self.pause_before(now);
        self.after_transfer(now);
        self.errors = 0;
        self.stats.transactions += 1;
        self.stats.octets += self.plan.clocked as u64;
        self.untimed.0 += 1;
        self.untimed.1 += self.plan.clocked as u64;
        let miso = &self.miso[..self.plan.clocked];
        let reading = spi::locate(miso, self.settings.align_allowance);
        trace::transaction(&self.plan.header, &reading);
        self.looped = self.came_back();
        if self.looped {
            self.stats.came_back += 1;
            self.in_doubt();
            return self.bad_header(now, least, Failure::Loopback);
        }
        match reading {
            Reading::Valid { skipped, header } => match self.crc.judge(&header) {
                Verdict::Present { active } => {
                    // A restart can bring CRC back that this transaction did not offer yet.
                    let active = active && self.plan.header.crc;
                    self.note_part(now, most);
                    self.handle_header(now, skipped, header, active)
                }
                Verdict::Missing => {
                    self.stats.crc_missing += 1;
                    self.in_doubt();
                    self.bad_header(now, least, Failure::CrcMissing)
                }
            },
            Reading::Void => {
                self.stats.void_headers += 1;
                let octet = miso.first().copied().unwrap_or(0xFF);
                self.bad_header(now, least, Failure::Void(octet))
            }
            Reading::Garbage(octets) => {
                self.stats.garbage_headers += 1;
                self.remembered = 0;
                self.in_doubt();
                self.bad_header(now, least, Failure::Garbage(octets))
            }
        }
    }

    /// The driver failed to run the transaction: it is tried again, later and later.
    ///
    /// # Errors
    /// Hands `error` back if the device is gone.
    pub fn handle_error(&mut self, now: Instant, error: io::Error) -> io::Result<()> {
        self.after_transfer(now);
        if is_gone(&error) {
            return Err(error);
        }
        self.stats.spi_errors += 1;
        self.errors = self.errors.saturating_add(1);
        let delay = BAD_DELAY * (1 << (self.errors - 1).min(ERROR_DOUBLINGS));
        self.not_before = now + delay;
        match self.errors {
            // One by itself is made good by the next.
            1 if !self.stats.spi_errors.is_power_of_two() => {}
            1 => log::warn!(
                "the SPI driver failed (the {}. time so far), trying again in {delay:?}: {error}",
                self.stats.spi_errors
            ),
            n if n.is_power_of_two() => {
                log::error!(
                    "the SPI driver failed {n} times in a row, trying again in {delay:?}: {error}"
                );
            }
            _ => {}
        }
        Ok(())
    }
}

impl Link {
    /// When a transaction should be run: the only place that decides.
    fn transfer_due(&self, has_room: bool) -> Option<Instant> {
        if self.wants_clock() {
            return Some(self.last_at);
        }
        let mut due = None;
        if let Tx::Queued(_) = self.tx {
            due = earliest(due, Some(self.rearm.next_offer_at()));
        }
        if let Tx::Flight(_) = self.tx {
            due = earliest(due, Some(self.confirm_at));
        }
        if self.must_confirm() || self.awaiting_header || (has_room && self.remembered > 0) {
            due = Some(Instant::ZERO);
        }
        if has_room {
            if !self.settings.has_interrupt {
                due = earliest(due, Some(self.poll_at));
            } else if self.level == Level::Active {
                due = earliest(due, Some(self.level_allowed));
            }
        }
        due.map(|due| due.max(self.not_before))
    }

    /// Whether a transaction must follow the last one at once, to confirm what CRC left open. A frame in
    /// flight that an answer is due to is confirmed by the transaction that brings the answer.
    fn must_confirm(&self) -> bool {
        let awaited = self.next_len > 0 || self.confirm_at == Instant::ZERO;
        self.confirm || self.report || (matches!(self.tx, Tx::Flight(_)) && awaited)
    }

    /// The frame before is done with: the one behind it has its turn, if there is one.
    fn go_on(&mut self) {
        self.tx = Tx::Empty;
        let len = core::mem::take(&mut self.next_len);
        if len > 0 {
            core::mem::swap(&mut self.mosi, &mut self.next);
            self.begin(len);
        }
    }

    /// A frame of `len` octets stands in `mosi`, to be offered.
    fn begin(&mut self, len: usize) {
        self.tx = Tx::Queued(len);
        self.too_big_since = None;
        self.rejected = 0;
        self.rearm.began();
    }

    /// How long the slave's frame may be: known if it did not fit before, guessed if INT or the last
    /// transaction announces one.
    fn expected_len(&self) -> usize {
        let announced = match self.settings.has_interrupt {
            true => self.level == Level::Active,
            false => self.poll_at == self.active_at,
        };
        match self.remembered {
            0 if self.settings.adaptive && announced => self.sizing.offer(),
            0 => self.settings.small_packet,
            known => known,
        }
    }

    /// When INT's level should be read: at once if it is unknown, and from time to time if it is
    /// believed inactive. Not while a frame could not be taken anyway.
    fn level_due(&self, has_room: bool) -> Option<Instant> {
        if !self.settings.has_interrupt || !has_room {
            return None;
        }
        match self.level {
            Level::Unknown => Some(Instant::ZERO),
            Level::Inactive => Some(self.level_at),
            Level::Active => None,
        }
    }

    /// After how long a level that is believed inactive is read again, in case its edge gets lost.
    fn level_period(&self, now: Instant) -> Duration {
        if self.answers.are_due(now) {
            return LEVEL_PERIOD_DUE;
        }
        let quiet = now.since(self.active_at);
        quiet.clamp(LEVEL_PERIOD_SOON, LEVEL_PERIOD_IDLE)
    }

    fn start_gap(&mut self, now: Instant) -> Option<()> {
        if self.ended_at.is_none() {
            if now <= self.last_at {
                // Without a pause there is nothing to wait for.
                return self.pause.is_zero().then_some(());
            }
            self.ended_at = Some(now);
            self.not_before = self.not_before.max(now + self.pause);
        }
        Some(())
    }

    /// How long after the last transaction the one that is judged was run: at least, and at most. That it
    /// came later than it could is no merit of the slave, where a timer takes that long. And it is no proof
    /// against the slave: on a machine that is busy with something else, or was stopped, whatever the slave
    /// is may have stood still as well.
    fn pause_before(&self, now: Instant) -> (Duration, Duration) {
        if self.pause.is_zero() {
            return (Duration::ZERO, now.since(self.last_at));
        }
        let paused = self.ended_at.map_or(Duration::ZERO, |at| now.since(at));
        let least = paused.min(self.pause);
        match paused <= self.pause + TIMER_SLACK {
            true => (least, least),
            false => (least, paused),
        }
    }

    fn after_transfer(&mut self, now: Instant) {
        self.last_at = now;
        self.ended_at = None;
        self.pause = self.settings.gap.max(self.gap.pause());
        // While the level is known to be inactive the kernel will tell of every change.
        if self.level == Level::Active {
            self.level = Level::Unknown;
        }
        self.fetched |= self.remembered > 0;
    }
}
