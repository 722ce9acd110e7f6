//! The only place where the two halves meet: the link below, the face above, the bus beside.

use crate::bus::Bus;
use crate::link::Link;
use crate::time::{earliest, Instant};
use std::io;

/// What the bridge presents to the host: takes frames, gives frames, and speaks octets to a
/// descriptor that it does not know.
///
/// Room is the only flow control: while [`Upper::has_room`] is false no transaction is planned that
/// could bring a frame, so the co-processor keeps it.
pub trait Upper {
    /// Whether a frame of the greatest length, and a notice, can be delivered.
    fn has_room(&self) -> bool;

    /// Takes a frame from the co-processor. Called only after [`Upper::has_room`] said so.
    fn deliver(&mut self, frame: &[u8]);

    /// The co-processor restarted.
    fn slave_was_reset(&mut self);

    /// The next frame for the co-processor. Called only when there is room for it.
    fn next_frame(&mut self) -> Option<&[u8]>;

    /// Whether the client asked for a hardware reset since the last call.
    fn take_reset_request(&mut self) -> bool;

    /// Where octets from the client go. Empty: read nothing now.
    fn input(&mut self) -> &mut [u8];

    /// The first `n` octets of [`Upper::input`] were filled.
    fn input_filled(&mut self, n: usize);

    /// The octets for one write to the client. Empty: nothing to write.
    fn output(&self) -> &[u8];

    /// The first `n` octets of [`Upper::output`] were written.
    fn output_written(&mut self, n: usize);

    /// A client came, or the last one went.
    fn set_client(&mut self, _has_client: bool) {}

    /// Calls `print` with each counter and what it counts.
    fn counters(&self, print: &mut dyn FnMut(&'static str, u64));

    /// Sets all counters to zero.
    fn clear_counters(&mut self);
}

impl<U: Upper + ?Sized> Upper for Box<U> {
    fn has_room(&self) -> bool {
        (**self).has_room()
    }

    fn deliver(&mut self, frame: &[u8]) {
        (**self).deliver(frame);
    }

    fn slave_was_reset(&mut self) {
        (**self).slave_was_reset();
    }

    fn next_frame(&mut self) -> Option<&[u8]> {
        (**self).next_frame()
    }

    fn take_reset_request(&mut self) -> bool {
        (**self).take_reset_request()
    }

    fn input(&mut self) -> &mut [u8] {
        (**self).input()
    }

    fn input_filled(&mut self, n: usize) {
        (**self).input_filled(n);
    }

    fn output(&self) -> &[u8] {
        (**self).output()
    }

    fn output_written(&mut self, n: usize) {
        (**self).output_written(n);
    }

    fn set_client(&mut self, has_client: bool) {
        (**self).set_client(has_client);
    }

    fn counters(&self, print: &mut dyn FnMut(&'static str, u64)) {
        (**self).counters(print);
    }

    fn clear_counters(&mut self) {
        (**self).clear_counters();
    }
}

/// A link, its bus and its face.
#[derive(Debug)]
pub struct Bridge<B, U> {
    /// The bus with the co-processor on it.
    pub bus: B,
    /// The link engine.
    pub link: Link,
    /// The face towards the host.
    pub upper: U,
}

/// What is left after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing to do before [`Bridge::poll_timeout`] or an event.
    Idle,
    /// The budget of the turn is used up, the clock must be read again, or the upper layer has given all
    /// that it had: read what the client has said meanwhile, and step again at once.
    Again,
}

impl<B: Bus, U: Upper> Bridge<B, U> {
    /// Does all that can be done now, up to a bounded number of transactions: [`step`].
    ///
    /// # Errors
    /// Only when the bus device is gone; everything else is retried, counted and logged.
    pub fn step(&mut self, now: Instant) -> io::Result<Step> {
        step(&mut self.bus, &mut self.link, &mut self.upper, now)
    }

    /// Takes note of the edges of INT: [`take_edge`].
    ///
    /// # Errors
    /// Only when the line's device is gone.
    pub fn take_edge(&mut self, now: Instant) -> io::Result<()> {
        take_edge(&mut self.bus, &mut self.link, now)
    }

    /// When [`Bridge::step`] is due again if nothing happens: [`poll_timeout`].
    pub fn poll_timeout(&self) -> Option<Instant> {
        poll_timeout(&self.bus, &self.link, &self.upper)
    }
}

/// Does all that can be done now between a link on its bus and a face, up to a bounded number of
/// transactions.
///
/// # Errors
/// Only when the bus device is gone; everything else is retried, counted and logged.
pub fn step<B: Bus, U: Upper>(
    bus: &mut B,
    link: &mut Link,
    upper: &mut U,
    now: Instant,
) -> io::Result<Step> {
    let mut was_fed = false;
    for _ in 0..TRANSACTIONS_PER_STEP {
        was_fed |= feed_link(link, upper, now);
        if was_fed && link.vacant().is_some() {
            // What the client has said meanwhile can go with the frame that the co-processor has.
            return Ok(Step::Again);
        }
        while let Some(line) = link.poll_reset_line(now) {
            let result = bus.set_reset(now, line);
            link.reset_line_set(now, result)?;
        }
        let room = upper.has_room();
        if let Some(transfer) = link.poll_transfer(now, room) {
            let result = bus.transfer(now, transfer.mosi, transfer.miso);
            finish_transfer(link, upper, now, result)?;
        } else if link.wants_level(now, room) {
            let level = bus.interrupt(now);
            link.handle_level(now, level)?;
        } else {
            return Ok(Step::Idle);
        }
        if link.wants_clock() {
            return Ok(Step::Again);
        }
    }
    Ok(Step::Again)
}

/// Takes note of the edges of INT: call when the bus has something to read, or its
/// [`Bus::poll_timeout`] has come.
///
/// # Errors
/// Only when the line's device is gone.
pub fn take_edge<B: Bus>(bus: &mut B, link: &mut Link, now: Instant) -> io::Result<()> {
    match bus.take_edge(now) {
        Ok(true) => link.handle_edge(now),
        Ok(false) => {}
        Err(error) => link.handle_level(now, Err(error))?,
    }
    Ok(())
}

/// When [`step`] is due again if nothing happens: the link's deadline or the bus's own.
pub fn poll_timeout<B: Bus, U: Upper>(bus: &B, link: &Link, upper: &U) -> Option<Instant> {
    earliest(link.poll_timeout(upper.has_room()), bus.poll_timeout())
}

/// Whether a frame was handed over.
fn feed_link<U: Upper>(link: &mut Link, upper: &mut U, now: Instant) -> bool {
    if upper.take_reset_request() {
        link.request_reset(now);
    }
    let mut fed = false;
    // A frame that is too big is dropped at once: the next one would wait for an event otherwise.
    while let Some(vacant) = link.vacant() {
        let Some(frame) = upper.next_frame() else {
            break;
        };
        vacant.fill(frame);
        fed = true;
    }
    if upper.take_reset_request() {
        link.request_reset(now);
    }
    fed
}

fn finish_transfer<U: Upper>(
    link: &mut Link,
    upper: &mut U,
    now: Instant,
    result: io::Result<()>,
) -> io::Result<()> {
    if let Err(error) = result {
        return link.handle_error(now, error);
    }
    let outcome = link.handle_transfer(now);
    if outcome.slave_reset {
        upper.slave_was_reset();
    }
    if let Some(frame) = outcome.delivered {
        upper.deliver(frame);
    }
    Ok(())
}

/// How many transactions one turn may run before the loop looks at its descriptors again. At 1 MHz and
/// 37 octets a transaction takes some 0.4 ms and at 2066 octets 17 ms (8 clocks an octet): a turn lasts
/// 6 ms of the usual ones, and never more than some 0.3 s.
pub(crate) const TRANSACTIONS_PER_STEP: usize = 16;
