//! The rule of the hosts in use (`spi-hdlc-adapter`, OpenThread's posix driver), on the bus of
//! [`model`](super::model): 32 octets are offered whatever comes, a refusal is followed by a pause of
//! 1, 10 or 33 ms (protocol §5.7), and the client's octets are read one by one.
//!
//! Of the rest the best is assumed: one system call for INT's level, one write for a frame.

use super::model::{Calls, Case, Counts, Paced, PERIOD, START, WARM_UP};
use super::{Pace, Way};
use spinel_bridge::bus::{Bus, Line};
use spinel_bridge::hdlc::encode::{encode, encoded_max};
use spinel_bridge::time::{Duration, Instant};
use spinel_bridge::wire::spi::{self, Header, Reading, HEADER_LEN};

/// Runs `case` until `frames` frames have gone each way that it has, after some to get used to it.
pub fn run(case: &Case, frames: u64) -> Counts {
    let mut host = Host::new(case);
    host.run(case, WARM_UP);
    let (before, began) = (host.bus.calls, host.now);
    let (sent, received) = (host.sent, host.received);
    host.latencies.clear();
    host.run(case, frames);
    let moved = host.sent - sent + host.received - received;
    Counts {
        frames: moved,
        payload: moved * case.len as u64,
        calls: Calls::since(&host.bus.calls, &before),
        micros: host.now.since(began).as_micros() as u64,
        latencies: core::mem::take(&mut host.latencies),
    }
}

struct Host {
    bus: Paced,
    now: Instant,
    /// Octets of a frame in HDLC: as many reads.
    hdlc_len: u64,
    /// A frame waits for the slave.
    queued: bool,
    refused: u32,
    not_before: Instant,
    /// DATA_LEN of a frame that did not fit.
    remembered: usize,
    sent: u64,
    received: u64,
    announced: Option<Instant>,
    latencies: Vec<u64>,
}

impl Host {
    fn new(case: &Case) -> Self {
        let mut frame = vec![0; encoded_max(case.len)];
        let len = encode(&vec![0x81; case.len], &mut frame).expect("the room is enough");
        Host {
            bus: case.slave(),
            now: START,
            hdlc_len: len as u64,
            queued: false,
            refused: 0,
            not_before: START,
            remembered: 0,
            sent: 0,
            received: 0,
            announced: None,
            latencies: Vec::new(),
        }
    }

    fn run(&mut self, case: &Case, frames: u64) {
        let (sent, received) = (self.sent, self.received);
        let (mut offered, mut next) = (0, self.now);
        loop {
            let (to, from) = (self.sent - sent, self.received - received);
            let done = match case.way {
                Way::To => to,
                Way::From => from,
                Way::Echo => to.min(from),
            };
            if done >= frames {
                return;
            }
            let is_due = case.pace == Pace::Load || next <= self.now;
            if case.way != Way::From && offered < frames && is_due && !self.queued {
                self.bus.calls.reads += self.hdlc_len;
                self.queued = true;
                offered += 1;
                next = self.now + PERIOD;
            }
            self.turn(case);
            let may_send = self.queued.then_some(self.not_before);
            let may_read = (case.way != Way::From && !self.queued && offered < frames).then_some(
                if case.pace == Pace::Load {
                    self.now
                } else {
                    next
                },
            );
            let has_more = (self.remembered > 0).then_some(self.now);
            let events = [may_send, may_read, has_more, self.bus.poll_timeout()];
            let event = events.into_iter().flatten().min();
            self.now = self.now.max(event.unwrap_or(self.now));
        }
    }

    fn turn(&mut self, case: &Case) {
        self.bus.calls.waits += 1;
        if self.bus.poll_timeout().is_some_and(|at| at <= self.now) {
            let _ = self.bus.take_edge(self.now);
        }
        let active = matches!(self.bus.interrupt(self.now), Ok(Some(Line::Active)));
        if active {
            self.announced.get_or_insert(self.now);
        }
        let may_send = self.queued && self.not_before <= self.now;
        if active || may_send || self.remembered > 0 {
            self.transact(case);
        }
    }

    fn transact(&mut self, case: &Case) {
        let tx_len = if self.queued { case.len } else { 0 };
        let recv_len = match self.remembered {
            0 => OFFER,
            known => known,
        };
        let header = Header {
            recv_len,
            data_len: tx_len,
            ..Header::default()
        };
        let mut mosi = vec![0x81; HEADER_LEN + recv_len.max(tx_len)];
        mosi[..HEADER_LEN].copy_from_slice(&header.to_octets());
        let mut miso = vec![0; mosi.len()];
        let result = self.bus.transfer(self.now, &mosi, &mut miso);
        result.expect("the bus is there");
        self.bus.pass_time(&mut self.now);
        let Reading::Valid { header, .. } = spi::locate(&miso, 0) else {
            panic!("the slave is always there");
        };
        if tx_len > 0 {
            self.judge_ours(tx_len <= header.recv_len);
        }
        self.judge_theirs(header.data_len, recv_len);
    }

    fn judge_ours(&mut self, taken: bool) {
        if taken {
            self.queued = false;
            self.refused = 0;
            self.not_before = self.now;
            self.sent += 1;
            return;
        }
        self.refused += 1;
        let pause = match self.refused {
            0..=4 => 1,
            5..=14 => 10,
            _ => 33,
        };
        self.not_before = self.now + Duration::from_millis(pause);
    }

    fn judge_theirs(&mut self, len: usize, offered: usize) {
        self.remembered = 0;
        if len > offered {
            self.remembered = len;
        } else if len > 0 {
            self.received += 1;
            self.bus.calls.writes += 1;
            if let Some(at) = self.announced.take() {
                self.latencies.push(self.now.since(at).as_micros() as u64);
            }
        }
    }
}

/// What the hosts in use offer (protocol §5.4).
const OFFER: usize = 32;
