//! The host driver between a hostile co-processor, a hostile network, hostile control clients and a
//! kernel that does anything, in virtual time: no panic, no spin, nothing without bound, and each request
//! has one end.
//!
//! Input: an octet of settings, then steps: what, the length of its octets, its octets.
#![no_main]
#![allow(dead_code)]

#[path = "../../tests/host_world/mod.rs"]
mod host_world;

use host_world::Trace;
use libfuzzer_sys::fuzz_target;
use spinel_bridge::bridge::Upper;
use spinel_bridge::ctl::line::RequestLine;
use spinel_bridge::ctl::verbs::{parse, Asked};
use spinel_bridge::ctl::{Answer, Request, Ticket};
use spinel_bridge::host::kernel::{Address, Change, Event};
use spinel_bridge::host::command::transact::OUTSTANDING_MAX;
use spinel_bridge::host::{ServiceDone, Settings};
use spinel_bridge::time::Duration;
use spinel_bridge::wire::packed::Reader;
use spinel_bridge::wire::spinel::FRAME_MAX;
use std::collections::{BTreeSet, VecDeque};
use std::net::Ipv6Addr;

fuzz_target!(|input: &[u8]| {
    let Some((&flags, mut rest)) = input.split_first() else {
        return;
    };
    let settings = Settings {
        has_hardware_reset: flags & 1 != 0,
        reset_at_start: flags & 2 != 0,
        auto_resume: flags & 4 == 0,
        retain: flags & 8 != 0,
        check_firmware: flags & 16 != 0,
        has_upgrade_command: flags & 32 != 0,
        ..Settings::default()
    };
    let mut bench = Bench {
        trace: match flags & 0x40 {
            0 if settings.check_firmware || settings.reset_at_start => Trace::new(settings),
            0 => Trace::with(settings),
            _ => Trace::new(settings),
        },
        asked: VecDeque::new(),
        open: BTreeSet::new(),
        ticket: 0,
    };
    while let [what, len, octets @ ..] = rest {
        let (octets, after) = octets.split_at(usize::from(*len).min(octets.len()));
        rest = after;
        bench.step(*what, octets);
        bench.drain();
    }
    // Left alone with everything that still waits: every timer ends.
    bench.trace.wait_for(Duration::from_secs(3600));
    bench.drain();
});

struct Bench {
    trace: Trace,
    /// Commands of the host that have no answer yet; the oldest are forgotten.
    asked: VecDeque<Vec<u8>>,
    /// Requests without an end.
    open: BTreeSet<u64>,
    ticket: u64,
}

impl Bench {
    fn step(&mut self, what: u8, octets: &[u8]) {
        let host = &mut self.trace.host;
        let first = octets.first().copied().unwrap_or(0);
        match what % 16 {
            0 | 1 if host.has_room() => host.deliver(octets),
            // To what was asked: this value, this status, or success.
            2..=4 if host.has_room() => {
                if let Some(asked) = self.asked.pop_front() {
                    answer(&mut self.trace, what % 16, &asked, octets);
                }
            }
            5 => self.serve(),
            6 => {
                let mut millis = [0; 3];
                let len = octets.len().min(3);
                millis[..len].copy_from_slice(&octets[..len]);
                let millis = u32::from_le_bytes([millis[0], millis[1], millis[2], 0]);
                self.trace
                    .wait_for(Duration::from_millis(u64::from(millis)));
            }
            7 | 8 => {
                let space = host.input();
                let len = space.len().min(octets.len());
                space[..len].copy_from_slice(&octets[..len]);
                if len > 0 {
                    host.input_filled(len);
                }
            }
            9 | 10 => self.request(octets),
            11 => {
                let ticket = u64::from(first) % (self.ticket + 1);
                host.cancel(Ticket(ticket));
                self.open.remove(&ticket);
            }
            12 => host.slave_was_reset(),
            13 => host.kernel(event(first, octets)),
            14 => host.service_done(match first % 3 {
                0 => ServiceDone::FirmwareChecked { upgrade: true },
                1 => ServiceDone::FirmwareChecked { upgrade: false },
                _ => ServiceDone::Upgraded { ok: first & 4 == 0 },
            }),
            15 => {
                let _ = host.take_reset_request();
                host.clear_counters();
            }
            _ => {}
        }
    }

    /// A co-processor that answers all that it is asked, and what comes of it.
    fn serve(&mut self) {
        for _ in 0..SERVED_MAX {
            let Some(asked) = self.asked.pop_front() else {
                return;
            };
            // A reset has no answer.
            if asked[1] != 1 && self.trace.host.has_room() {
                self.trace.answer(&asked);
                self.drain();
            }
        }
    }

    /// A line of a client.
    fn request(&mut self, octets: &[u8]) {
        let Ok(text) = core::str::from_utf8(octets) else {
            return;
        };
        let Ok(Some(line)) = RequestLine::parse(text) else {
            return;
        };
        if let Ok(Asked::Host(request)) = parse(line.verb, &line.words) {
            if self.open.len() < OPEN_MAX {
                self.ask(request);
            }
        }
    }

    fn ask(&mut self, request: Request) {
        self.ticket += 1;
        self.open.insert(self.ticket);
        self.trace.request(self.ticket, request);
    }

    /// Everything that the host wants, which has bounds.
    fn drain(&mut self) {
        let host = &mut self.trace.host;
        let mut frames = 0;
        while let Some(frame) = host.next_frame() {
            assert!(
                (2..=FRAME_MAX).contains(&frame.len()),
                "{} octets",
                frame.len()
            );
            assert_eq!(frame[0] & 0xC0, 0x80, "no Spinel frame");
            if self.asked.len() >= ASKED_MAX {
                self.asked.pop_front();
            }
            self.asked.push_back(frame.to_vec());
            frames += 1;
        }
        assert!(frames <= FRAMES_MAX, "{frames} frames at once");
        let mut packets = 0;
        while !host.output().is_empty() {
            let len = host.output().len();
            assert!(len <= 1_280, "a packet of {len}");
            host.output_written(len);
            packets += 1;
        }
        assert!(packets <= 1, "{packets} packets out of one frame");
        for _ in 0..ANSWERS_MAX {
            let Some((Ticket(ticket), answer)) = host.poll_answer() else {
                break;
            };
            if matches!(answer, Answer::Done | Answer::Failed(_)) {
                assert!(self.open.remove(&ticket), "{ticket} ended twice");
            } else {
                assert!(self.open.contains(&ticket), "a row for {ticket}");
            }
        }
        assert!(host.poll_answer().is_none(), "answers without end");
        assert!(std::iter::from_fn(|| host.poll_event()).count() <= EVENTS_MAX);
        assert!(std::iter::from_fn(|| host.poll_service()).count() <= SERVICES_MAX);
        for _ in 0..CHANGES_MAX {
            match host.poll_change() {
                None => break,
                Some(Change::AddAddress { address, .. }) => answered(host, address, true),
                Some(Change::RemoveAddress(address)) => answered(host, address, false),
                Some(Change::Up(up)) => host.kernel(Event::Up(up)),
                Some(_) => {}
            }
        }
        assert!(host.poll_change().is_none(), "changes without end");
    }
}

fn answered(host: &mut spinel_bridge::host::Host, address: Address, present: bool) {
    host.kernel(Event::Answered { address, present });
}

fn answer(trace: &mut Trace, how: u8, asked: &[u8], octets: &[u8]) {
    match (
        how,
        Reader::new(asked.get(2..).unwrap_or_default()).uint_packed(),
    ) {
        (2, Ok(property)) => {
            let len = if property < 0x80 { 1 } else { 2 };
            let property = asked.get(2..2 + len).unwrap_or_default();
            trace
                .host
                .deliver(&[&[asked[0], 6], property, octets].concat());
        }
        (3, _) => trace.refuse(asked, octets.first().copied().unwrap_or(1) & 0x7F),
        _ if asked.len() > 2 => trace.accept(asked),
        _ => {}
    }
}

fn event(which: u8, octets: &[u8]) -> Event {
    let mut ip = [0; 16];
    let value = octets.get(1..).unwrap_or_default();
    let len = value.len().min(16);
    ip[..len].copy_from_slice(&value[..len]);
    let address = Address {
        address: Ipv6Addr::from(ip),
        prefix_len: 64,
    };
    // The others keep their numbers, and the corpus its meaning.
    match which {
        0xFE => return Event::RouteAdded(address),
        0xFF => return Event::RouteRemoved(address),
        _ => {}
    }
    match which % 10 {
        0 => Event::AddressAdded(address),
        1 => Event::AddressRemoved(address),
        2 => Event::Up(true),
        3 => Event::Up(false),
        4 => Event::GroupJoined(address.address),
        5 => Event::GroupLeft(address.address),
        6 => Event::ListBegins,
        7 => Event::ElsewhereAdded(address),
        8 => Event::ElsewhereRemoved(address),
        _ => Event::ListEnds,
    }
}

/// What may go out before anything is answered: a reset, as many commands as may be outstanding, a packet.
const FRAMES_MAX: usize = 1 + OUTSTANDING_MAX + 1;
/// Those without an answer, and some that the host gave up.
const ASKED_MAX: usize = 32;
/// 32 tasks of some 50 commands (`counters` has the most); what is left waits for the next step.
const SERVED_MAX: usize = 2_000;
/// Tasks that run and requests that wait for the start-up, 32 each: so that there is no room for some.
const OPEN_MAX: usize = 64;
/// What may come between two reads, which is one frame at the most: 32 requests that waited for the start-up
/// with the host's 40 counters each, 510 rows of four octets in a frame of 2043, and an end of each request. While
/// time passes nobody takes a frame, so that all has failed after a minute or so of one row a second.
const ANSWERS_MAX: usize = 2_000;
/// Events that wait: more are lost, the oldest first.
const EVENTS_MAX: usize = 256;
/// One of each kind waits at the host.
const SERVICES_MAX: usize = 4;
/// 64 rows of addresses, of groups, and of each of two kinds of routes (`netif::shared::ROWS`), each tried eight
/// times, and the interface's state.
const CHANGES_MAX: usize = 4 * 64 * 8 + 1;
