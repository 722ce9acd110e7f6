//! A host driver in virtual time, with a script or a simulated co-processor on the other end.

use spinel_bridge::bridge::Upper;
use spinel_bridge::ctl::{Answer, Code, Event, Request, Ticket};
use spinel_bridge::host::kernel::{self, Change};
use spinel_bridge::host::{Host, Settings};
use spinel_bridge::sim::ncp::{Ncp, Variant};
use spinel_bridge::sim::radio::Surroundings;
use spinel_bridge::sim::rng::Rng;
use spinel_bridge::sim::{Firmware, ResetCause};
use spinel_bridge::time::{earliest, Duration, Instant};
use spinel_bridge::wire::packed::Reader;
use std::net::Ipv6Addr;

/// Hex digits as octets.
pub(crate) fn octets(hex: &str) -> Vec<u8> {
    hex.split_whitespace()
        .map(|octet| u8::from_str_radix(octet, 16).expect("hex"))
        .collect()
}

/// A host whose co-processor is the test.
pub(crate) struct Trace {
    pub(crate) host: Host,
    pub(crate) now: Instant,
    /// Every frame that the host sent.
    pub(crate) sent: Vec<Vec<u8>>,
    /// Values that [`Trace::serve`] answers with; PROP_NOT_FOUND for the rest.
    pub(crate) values: Vec<(u32, Vec<u8>)>,
    /// A SET of the first property changes the second to this.
    pub(crate) on_set: Vec<(u32, u32, Vec<u8>)>,
    answers: Vec<(Ticket, Answer)>,
    events: Vec<Event>,
}

impl Trace {
    pub(crate) fn new(settings: Settings) -> Self {
        Trace {
            host: Host::new(settings, Instant::ZERO),
            now: Instant::ZERO,
            sent: Vec::new(),
            values: Vec::new(),
            on_set: Vec::new(),
            answers: Vec::new(),
            events: Vec::new(),
        }
    }

    /// After the handshake, with nothing stored.
    pub(crate) fn ready() -> Self {
        Trace::with(Settings::default())
    }

    pub(crate) fn with(settings: Settings) -> Self {
        let mut trace = Trace::new(settings);
        trace.handshake();
        trace
    }

    pub(crate) fn frame(&mut self) -> Option<Vec<u8>> {
        let frame = self.host.next_frame()?.to_vec();
        self.sent.push(frame.clone());
        Some(frame)
    }

    #[track_caller]
    pub(crate) fn expect(&mut self, hex: &str) {
        assert_eq!(self.frame(), Some(octets(hex)), "at {:?}", self.now);
    }

    #[track_caller]
    pub(crate) fn quiet(&mut self) {
        assert_eq!(self.frame(), None, "at {:?}", self.now);
    }

    pub(crate) fn send(&mut self, hex: &str) {
        self.host.deliver(&octets(hex));
    }

    #[track_caller]
    pub(crate) fn exchange(&mut self, frame: &str, reply: &str) {
        self.expect(frame);
        self.send(reply);
    }

    /// A SET of this property and value, answered with the same.
    #[track_caller]
    pub(crate) fn expect_set(&mut self, property_and_value: &str) {
        let mut frame = self.frame().expect("a frame");
        while matches!(frame[1], 0 | 2) {
            // A sign of life was asked for, or what no update tells.
            self.answer(&frame);
            frame = self.frame().expect("a frame");
        }
        let expected = [&[3], &octets(property_and_value)[..]].concat();
        assert_eq!(frame[1..], expected);
        self.accept(&frame);
    }

    /// Answers a command with success: a SET with its value, the rest with OK.
    pub(crate) fn accept(&mut self, frame: &[u8]) {
        if frame[1] == 3 {
            let reply = [&[frame[0], 6], &frame[2..]].concat();
            self.host.deliver(&reply);
        } else {
            self.host.deliver(&[frame[0], 6, 0, 0]);
        }
    }

    pub(crate) fn refuse(&mut self, frame: &[u8], status: u8) {
        self.host.deliver(&[frame[0], 6, 0, status]);
    }

    /// Answers all that is asked, until nothing is.
    pub(crate) fn serve(&mut self) {
        for _ in 0..1_000 {
            let Some(frame) = self.frame() else {
                return;
            };
            if frame[1] == 1 {
                return;
            }
            self.answer(&frame);
        }
        panic!("it does not end");
    }

    pub(crate) fn answer(&mut self, frame: &[u8]) {
        if frame[1] != 2 {
            if frame[1] == 3 {
                let property = Reader::new(&frame[2..]).uint_packed().unwrap();
                let change = self.on_set.iter().find(|change| change.0 == property);
                self.values
                    .extend(change.map(|(_, other, value)| (*other, value.clone())));
            }
            return self.accept(frame);
        }
        let property = Reader::new(&frame[2..]).uint_packed().unwrap();
        let value = self.values.iter().rfind(|value| value.0 == property);
        let usual = match property {
            1 => Some(&[4, 3][..]),
            2 => Some(&b"S\0"[..]),
            3 => Some(&[3][..]),
            // COUNTERS, UNSOL_UPDATE_FILTER, MCU_POWER_STATE, CONFIG_FTD, ROLE_ROUTER.
            5 => Some(&[5, 12, 13, 32, 48][..]),
            34 => Some(&[11, 12, 13, 14, 15][..]),
            64..=67 => Some(&[0][..]),
            _ => None,
        };
        match value.map(|value| &value.1[..]).or(usual) {
            Some(value) => {
                let reply = [&[frame[0], 6], &frame[2..], value].concat();
                self.host.deliver(&reply);
            }
            None => self.refuse(frame, 13),
        }
    }

    /// The pause, then the handshake.
    pub(crate) fn handshake(&mut self) {
        let due = self.host.poll_timeout().expect("the pause");
        self.advance(due);
        self.handshake_now();
    }

    /// The questions of the handshake, as long as it lasts: nothing of what follows.
    pub(crate) fn handshake_now(&mut self) {
        for _ in 0..100 {
            if self.host.known().state.is_initialized() {
                return;
            }
            let frame = self.frame().expect("a question");
            self.answer(&frame);
        }
        panic!("it does not end");
    }

    pub(crate) fn at(&mut self, millis: u64) {
        self.advance(Instant::from_millis(millis));
    }

    pub(crate) fn wait_for(&mut self, duration: Duration) {
        self.advance(self.now + duration);
    }

    /// With a co-processor that answers.
    pub(crate) fn idle_for(&mut self, duration: Duration) {
        let end = self.now + duration;
        while self.now < end {
            self.advance(end.min(self.now + Duration::from_secs(1)));
            self.serve();
        }
    }

    /// Through every timer on the way.
    pub(crate) fn advance(&mut self, to: Instant) {
        for _ in 0..100_000 {
            match self.host.poll_timeout() {
                Some(due) if due <= to => {
                    self.now = self.now.max(due);
                    let before = self.host.poll_timeout();
                    self.host.handle_time(self.now);
                    if self.host.poll_timeout() == before {
                        // Nothing came of it: it would spin.
                        assert!(before > Some(self.now), "a timer that stays due");
                    }
                }
                _ => {
                    self.now = self.now.max(to);
                    self.host.handle_time(self.now);
                    return;
                }
            }
        }
        panic!("time does not go on");
    }

    pub(crate) fn request(&mut self, ticket: u64, request: Request) {
        self.host.request(Ticket(ticket), request);
    }

    /// All answers to a request since the last call.
    pub(crate) fn answers(&mut self, ticket: u64) -> Vec<Answer> {
        self.answers
            .extend(std::iter::from_fn(|| self.host.poll_answer()));
        let all = std::mem::take(&mut self.answers);
        let (mine, others) = all
            .into_iter()
            .partition(|(whose, _)| *whose == Ticket(ticket));
        self.answers = others;
        let mine: Vec<(Ticket, Answer)> = mine;
        mine.into_iter().map(|(_, answer)| answer).collect()
    }

    /// How the request failed, if it did.
    pub(crate) fn failed(&mut self, ticket: u64) -> Option<Code> {
        match self.answers(ticket).pop() {
            Some(Answer::Failed(failure)) => Some(failure.code),
            _ => None,
        }
    }

    pub(crate) fn events(&mut self) -> Vec<Event> {
        self.events
            .extend(std::iter::from_fn(|| self.host.poll_event()));
        std::mem::take(&mut self.events)
    }

    /// The states that were told.
    pub(crate) fn states(&mut self) -> Vec<String> {
        let events = self.events();
        let states = events.iter().filter(|event| event.name == "state");
        states
            .map(|event| match event.fields.get("state") {
                Some(spinel_bridge::ctl::Field::Word(word)) => word.clone(),
                other => panic!("{other:?}"),
            })
            .collect()
    }

    pub(crate) fn counter(&self, wanted: &str) -> u64 {
        let mut found = None;
        self.host.counters(&mut |name, value| {
            if name == wanted {
                found = Some(value);
            }
        });
        found.expect("a counter")
    }

    /// Whether a frame with this behind its header was sent.
    pub(crate) fn was_sent(&self, hex: &str) -> bool {
        self.sent.iter().any(|frame| frame[1..] == octets(hex))
    }
}

/// A host with a simulated co-processor.
pub(crate) struct World {
    pub(crate) host: Host,
    pub(crate) now: Instant,
    pub(crate) resets: u32,
    pub(crate) turns: u64,
    ncp: Ncp,
    answers: Vec<(Ticket, Answer)>,
    events: Vec<Event>,
    /// What the kernel has on the interface.
    pub(crate) addresses: Vec<kernel::Address>,
    /// Of a thousand frames, so many are lost, either way.
    pub(crate) lost_of_1000: u64,
    line: Rng,
}

impl World {
    pub(crate) fn new(seed: u64, settings: Settings) -> Self {
        World::with(seed, settings, Variant::easy())
    }

    pub(crate) fn with(seed: u64, settings: Settings, variant: Variant) -> Self {
        let now = Instant::ZERO;
        World {
            host: Host::new(settings, now),
            now,
            resets: 0,
            turns: 0,
            ncp: Ncp::with(seed, variant, Surroundings::default()),
            answers: Vec::new(),
            events: Vec::new(),
            addresses: Vec::new(),
            lost_of_1000: 0,
            line: Rng::new(seed),
        }
    }

    pub(crate) fn request(&mut self, ticket: u64, request: Request) {
        self.host.request(Ticket(ticket), request);
    }

    /// It restarts by itself.
    pub(crate) fn reset(&mut self, cause: ResetCause) {
        self.ncp.reset(self.now, cause);
    }

    pub(crate) fn run_for(&mut self, duration: Duration) {
        let end = self.now + duration;
        for _ in 0..1_000_000 {
            self.run_frames(u64::MAX);
            let due = earliest(self.host.poll_timeout(), self.ncp.poll_timeout());
            match due {
                Some(due) if due <= end => self.now = self.now.max(due),
                _ => {
                    self.now = end;
                    self.host.handle_time(end);
                    return;
                }
            }
        }
        panic!("time does not go on");
    }

    /// Moves at most `count` frames.
    pub(crate) fn run_frames(&mut self, count: u64) {
        let mut buf = vec![0; 1_300];
        self.turns += 1;
        self.host.handle_time(self.now);
        for _ in 0..count.min(100_000) {
            let mut moved = false;
            if let Some(frame) = self.host.next_frame() {
                if self.line.below(1_000) >= self.lost_of_1000 {
                    self.ncp.receive(self.now, frame);
                }
                moved = true;
            }
            if let Some(cause) = self.ncp.take_reset_request() {
                self.resets += 1;
                self.ncp.reset(self.now, cause);
            }
            if self.host.has_room() {
                if let Some(len) = self.ncp.transmit(self.now, &mut buf) {
                    if self.line.below(1_000) >= self.lost_of_1000 {
                        self.host.deliver(&buf[..len]);
                    }
                    moved = true;
                }
            }
            self.answers
                .extend(std::iter::from_fn(|| self.host.poll_answer()));
            self.events
                .extend(std::iter::from_fn(|| self.host.poll_event()));
            while let Some(change) = self.host.poll_change() {
                self.apply(change);
            }
            if !moved {
                return;
            }
        }
    }

    /// A kernel that does what it is told, and tells what it did.
    fn apply(&mut self, change: Change) {
        match change {
            Change::Up(up) => self.host.kernel(kernel::Event::Up(up)),
            Change::AddAddress { address, .. } => {
                self.addresses.push(address);
                self.host.kernel(kernel::Event::AddressAdded(address));
            }
            Change::RemoveAddress(address) => {
                self.addresses.retain(|known| *known != address);
                self.host.kernel(kernel::Event::AddressRemoved(address));
            }
            _ => {}
        }
    }

    pub(crate) fn has_address(&self, address: Ipv6Addr) -> bool {
        self.addresses.iter().any(|known| known.address == address)
    }

    /// The host sends a packet; false if there is no room.
    pub(crate) fn send_packet(&mut self, packet: &[u8]) -> bool {
        let space = self.host.input();
        if space.is_empty() {
            return false;
        }
        space[..packet.len()].copy_from_slice(packet);
        self.host.input_filled(packet.len());
        true
    }

    pub(crate) fn answers(&mut self, ticket: u64) -> Vec<Answer> {
        let all = self.answers.iter();
        all.filter(|(whose, _)| *whose == Ticket(ticket))
            .map(|(_, answer)| answer.clone())
            .collect()
    }

    pub(crate) fn last_answer(&mut self, ticket: u64) -> Option<Answer> {
        self.answers(ticket).pop()
    }

    pub(crate) fn events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }
}
