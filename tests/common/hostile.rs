//! A link and its HDLC face between a hostile slave and a hostile client, both of which follow a script
//! of octets that anyone may make up: proptest (`tests/properties.rs`) or libFuzzer (`fuzz/`).
//!
//! [`run`] panics when one of these does not hold:
//!
//! * what goes out is a transaction: MOSI and MISO of the same length, a header, a frame with its CRC
//!   that fits in what is clocked, zeros behind it; RECV_LEN promises no more than what is clocked;
//! * a frame that goes out was sent by the client;
//! * a frame is delivered only when there was room for it, only out of the MISO of that transaction,
//!   only if it was asked for, and under CRC only if that is right;
//! * the client reads what was delivered, in order and unchanged;
//! * at one instant, without a new event, there is a bounded number of transactions that move nothing,
//!   and an idle bridge has nothing due: it does not spin;
//! * no error of a driver ends the bridge but that of a device that is gone;
//! * once an honest slave takes over, a frame makes its way there and back.
//!
//! The script: five octets of settings (see [`Script::settings`]), then a step each: what the client
//! does or how time goes on (see [`Bench::step`]). A transaction takes from it what the slave answers
//! (see [`HostileBus::answer`]).

use spinel_bridge::bridge::{Bridge, Step, Upper};
use spinel_bridge::bus::{Bus, Line};
use spinel_bridge::error::is_gone;
use spinel_bridge::hdlc::decode::{Decoder, Event};
use spinel_bridge::hdlc::encode::{encode, encoded_max};
use spinel_bridge::hdlc::{Port, Stats};
use spinel_bridge::link::{CrcMode, Link, Settings};
use spinel_bridge::sim::echo::Echo;
use spinel_bridge::sim::slave::Slave;
use spinel_bridge::sim::spec::Spec;
use spinel_bridge::time::{Duration, Instant};
use spinel_bridge::wire::fcs::{self, FCS_LEN};
use spinel_bridge::wire::spi::{FRAME_MAX, HEADER_LEN, LENGTH_MAX, TRANSFER_MAX};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;

/// Plays `script` to its end, then lets an honest slave take over.
pub(crate) fn run(script: &[u8]) {
    let mut script = Script { octets: script };
    let settings = script.settings();
    let mut bench = Bench::new(settings, script);
    while !bench.bus().script.octets.is_empty() {
        if let Err(error) = bench.step() {
            // The program ends here.
            return assert!(is_gone(&error), "{error} ended the bridge");
        }
    }
    bench.recover();
}

/// Octets that decide what happens; zeros when there are no more.
struct Script<'a> {
    octets: &'a [u8],
}

impl<'a> Script<'a> {
    fn next(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or(0)
    }

    fn next_u16(&mut self) -> u16 {
        u16::from_le_bytes([self.next(), self.next()])
    }

    fn take(&mut self, n: usize) -> &'a [u8] {
        let (front, rest) = self.octets.split_at(n.min(self.octets.len()));
        self.octets = rest;
        front
    }

    /// Flags, allowance, small packet, longest transaction, gap.
    fn settings(&mut self) -> Settings {
        let flags = self.next();
        Settings {
            crc: [CrcMode::Auto, CrcMode::On, CrcMode::Off][usize::from(flags % 3)],
            has_interrupt: flags & 0x10 == 0,
            has_reset: flags & 0x20 == 0,
            reset_at_start: flags & 0x40 != 0,
            align_allowance: usize::from(self.next() % 17),
            small_packet: match self.next() {
                small @ 0..=0xFE => usize::from(small),
                0xFF => FRAME_MAX,
            },
            max_transfer: match self.next() {
                0 => 4096,
                small => 32 + usize::from(small),
            },
            gap: Duration::from_micros(u64::from(self.next()) * 4),
            ..Settings::default()
        }
    }

    fn length(&mut self) -> Length {
        match self.next() {
            0xFF => Length::Asked,
            0xFE => Length::OneMore,
            0xFD => Length::Is(FRAME_MAX),
            0xFC => Length::Is(usize::from(self.next_u16())),
            small => Length::Is(usize::from(small)),
        }
    }
}

/// RECV_LEN or DATA_LEN of the slave, or the length of a client's frame.
#[derive(Clone, Copy)]
enum Length {
    /// Just what the host asks for.
    Asked,
    OneMore,
    Is(usize),
}

impl Length {
    fn of(self, asked: usize) -> usize {
        match self {
            Length::Asked => asked,
            Length::OneMore => asked + 1,
            Length::Is(len) => len,
        }
    }
}

/// A header that may be sensible, with a frame and a CRC that may be right.
#[derive(Clone, Copy)]
struct Answer {
    flags: u8,
    takes: Length,
    gives: Length,
    /// The first octet of the frame; each octet behind it is greater by one.
    first: u8,
    good_crc: bool,
    shift: usize,
}

impl Answer {
    fn write(self, recv_len: usize, data_len: usize, miso: &mut [u8]) {
        let len = self.gives.of(recv_len);
        let [recv_low, recv_high, ..] = self.takes.of(data_len).to_le_bytes();
        let [data_low, data_high, ..] = len.to_le_bytes();
        let mut octets = vec![self.flags, recv_low, recv_high, data_low, data_high];
        octets.extend((0..len).map(|index| self.first.wrapping_add(index as u8)));
        if self.good_crc {
            octets.extend(fcs::of(&octets[HEADER_LEN..]));
        }
        for (miso, octet) in miso.iter_mut().skip(self.shift).zip(octets) {
            *miso = octet;
        }
    }
}

/// Bridge, client, and the clock.
struct Bench<'a> {
    bridge: Bridge<HostileBus<'a>, WatchedPort>,
    now: Instant,
    /// Transactions without a frame moved since the clock or the world moved on.
    in_vain: u64,
    /// What the client sent, decoded by a second decoder.
    sent: Decoder,
    received: Decoder,
    has_client: bool,
}

impl<'a> Bench<'a> {
    fn new(settings: Settings, script: Script<'a>) -> Self {
        let now = Instant::from_millis(1_000);
        let witness = Rc::new(RefCell::new(Witness::default()));
        let bus = HostileBus {
            settings: settings.clone(),
            script,
            edge: false,
            last: None,
            repeats: 0,
            honest: None,
            witness: Rc::clone(&witness),
        };
        Bench {
            bridge: Bridge {
                bus,
                link: Link::new(settings, now),
                upper: WatchedPort {
                    port: Port::new(),
                    witness,
                },
            },
            now,
            in_vain: 0,
            sent: Decoder::new(),
            received: Decoder::new(),
            has_client: true,
        }
    }

    fn bus(&mut self) -> &mut HostileBus<'a> {
        &mut self.bridge.bus
    }

    /// One thing happens, then the bridge does all that it can.
    fn step(&mut self) -> io::Result<()> {
        match self.bus().script.next() % 8 {
            0 => {
                let n = usize::from(self.bus().script.next());
                let octets = self.bus().script.take(n);
                self.send(octets);
            }
            1 => self.send_frame(),
            2 => {
                let n = usize::from(self.bus().script.next_u16());
                self.read(n);
            }
            3 => self.bus().edge = true,
            4 => {
                let next = self.bridge.poll_timeout();
                self.pass(next.map_or(Duration::from_millis(1), |at| at.since(self.now)));
            }
            5 => {
                let micros = u64::from(self.bus().script.next_u16());
                self.pass(Duration::from_micros(micros * 16));
            }
            6 => self.client_comes_or_goes(),
            _ => self.read(usize::MAX),
        }
        self.in_vain = 0;
        if self.bus().edge {
            self.bridge.take_edge(self.now)?;
        }
        self.settle()
    }

    /// Steps as the event loop does until the bridge is idle.
    fn settle(&mut self) -> io::Result<()> {
        loop {
            let before = *self.bridge.link.stats();
            let step = self.bridge.step(self.now)?;
            let after = self.bridge.link.stats();
            let moved = after.frames_sent - before.frames_sent + after.frames_received
                - before.frames_received;
            self.in_vain += after.transactions - before.transactions;
            if moved > 0 {
                self.in_vain = 0;
            }
            assert!(
                self.in_vain <= IN_VAIN_MAX,
                "{} transactions at one instant that moved nothing: it spins",
                self.in_vain
            );
            match step {
                Step::Again if self.bridge.link.wants_clock() => {
                    self.pass(Duration::from_micros(1));
                }
                Step::Again => {}
                Step::Idle => break,
            }
        }
        self.bridge.upper.witness.borrow_mut().forget_offer();
        let next = self.bridge.link.poll_timeout(self.bridge.upper.has_room());
        let spins = next.is_some_and(|at| at <= self.now);
        assert!(!spins, "idle, but due at {next:?}, now {:?}", self.now);
        Ok(())
    }

    fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
        if !time.is_zero() {
            self.in_vain = 0;
        }
    }

    fn client_comes_or_goes(&mut self) {
        self.has_client = !self.has_client;
        self.bridge.upper.set_client(self.has_client);
        // The next client begins anew, and so do the two decoders.
        self.sent.reset();
        self.received.reset();
        self.bridge.upper.witness.borrow_mut().delivered.clear();
    }

    /// The client sends octets, as far as there is room.
    fn send(&mut self, octets: &[u8]) {
        if !self.has_client {
            return;
        }
        let space = self.bridge.upper.input();
        let len = space.len().min(octets.len());
        space[..len].copy_from_slice(&octets[..len]);
        self.bridge.upper.input_filled(len);
        let mut rest = &octets[..len];
        while let (taken, Some(event)) = self.sent.decode(rest) {
            rest = &rest[taken..];
            if let Event::Frame { len } = event {
                let frame = self.sent.frame(len).to_vec();
                self.bridge.upper.witness.borrow_mut().sent.push(frame);
            }
        }
    }

    /// The client sends a good frame of some length.
    fn send_frame(&mut self) {
        let script = &mut self.bus().script;
        let header = 0x80 | script.next() & 0x3F;
        let len = script.length().of(FRAME_MAX / 2).clamp(1, FRAME_MAX);
        let filler = script.next();
        let mut frame = vec![filler; len];
        frame[0] = header;
        let mut octets = vec![0; encoded_max(len)];
        let len = encode(&frame, &mut octets).expect("room for any frame");
        self.send(&octets[..len]);
    }

    /// The client reads up to `n` octets.
    fn read(&mut self, n: usize) {
        let output = self.bridge.upper.output();
        let octets = output[..n.min(output.len())].to_vec();
        self.bridge.upper.output_written(octets.len());
        let mut rest = &octets[..];
        while let (taken, Some(event)) = self.received.decode(rest) {
            rest = &rest[taken..];
            match event {
                Event::Frame { len } => {
                    let frame = self.received.frame(len);
                    let mut witness = self.bridge.upper.witness.borrow_mut();
                    let delivered = witness.delivered.pop_front();
                    assert_eq!(delivered.as_deref(), Some(frame), "the client read");
                    witness.echoed |= frame == PROBE;
                }
                Event::Reset => {}
                Event::Discarded(why) => panic!("the client was sent octets that are {why:?}"),
            }
        }
    }

    /// An honest slave takes over: a frame goes there and comes back before long.
    fn recover(&mut self) {
        if !self.has_client {
            self.client_comes_or_goes();
        }
        self.read(usize::MAX);
        let settings = &self.bridge.bus.settings;
        let spec = Spec {
            crc: settings.crc == CrcMode::On,
            no_interrupt: !settings.has_interrupt,
            no_reset: !settings.has_reset,
            ..Spec::default()
        };
        self.bus().honest = Some(Slave::new(Echo::new(), &spec, self.now));
        self.bridge.upper.witness.borrow_mut().echoed = false;
        let end = self.now + RECOVERY_MAX;
        let mut probe_at = self.now;
        while !self.bridge.upper.witness.borrow().echoed {
            assert!(
                self.now < end,
                "no frame came through: {:?}",
                self.bridge.link
            );
            if self.now >= probe_at {
                let mut octets = [0; encoded_max(PROBE.len())];
                let len = encode(&PROBE, &mut octets).expect("room for any frame");
                self.send(&octets[..len]);
                probe_at = self.now + PROBE_PERIOD;
            }
            self.in_vain = 0;
            self.bridge.take_edge(self.now).expect("the bus is there");
            self.settle().expect("the bus is there");
            self.read(usize::MAX);
            let next = self.bridge.poll_timeout().unwrap_or(probe_at);
            self.now = next.min(probe_at).max(self.now + Duration::from_micros(1));
        }
    }
}

/// What the bus and the face tell each other, so that one can be checked against the other.
#[derive(Debug, Default)]
struct Witness {
    /// The frame that the last transaction may deliver.
    offered: Option<Vec<u8>>,
    /// It is beyond doubt: it must be delivered.
    must_deliver: bool,
    /// Frames that were delivered to the client and not read by it.
    delivered: VecDeque<Vec<u8>>,
    /// Frames that the client sent.
    sent: Vec<Vec<u8>>,
    /// The client read the probe.
    echoed: bool,
}

impl Witness {
    fn forget_offer(&mut self) {
        let offered = self.offered.take();
        assert!(
            offered.is_none() || !self.must_deliver,
            "not delivered: {offered:02X?}"
        );
    }
}

/// A slave that does what the script says.
struct HostileBus<'a> {
    settings: Settings,
    script: Script<'a>,
    edge: bool,
    last: Option<Answer>,
    /// How many more transactions get the last answer.
    repeats: u8,
    honest: Option<Slave<Echo>>,
    witness: Rc<RefCell<Witness>>,
}

impl HostileBus<'_> {
    /// Checks what the host clocks out. Returns RECV_LEN and whether a CRC is offered.
    fn check(&self, mosi: &[u8]) -> (usize, bool) {
        let limit = self.settings.max_transfer.min(TRANSFER_MAX);
        assert!(mosi.len() <= limit, "{} octets clocked", mosi.len());
        let number = |low: usize| usize::from(u16::from_le_bytes([mosi[low], mosi[low + 1]]));
        let (flags, recv_len, data_len) = (mosi[0], number(1), number(3));
        assert_eq!(flags & 0x1F, 0x02, "the host's pattern");
        let crc = flags & 0x40 != 0;
        let fcs_len = if crc { FCS_LEN } else { 0 };
        let allowance = self.settings.align_allowance;
        assert!(
            HEADER_LEN + allowance + recv_len + fcs_len <= mosi.len(),
            "RECV_LEN {recv_len} with {} octets clocked",
            mosi.len()
        );
        let (data, rest) = mosi[HEADER_LEN..].split_at(data_len);
        let padding = if crc && data_len > 0 {
            assert_eq!(rest[..FCS_LEN], fcs::of(data), "the host's CRC");
            &rest[FCS_LEN..]
        } else {
            rest
        };
        assert!(padding.iter().all(|&octet| octet == 0), "padding");
        let sent = &self.witness.borrow().sent;
        assert!(
            data.is_empty() || sent.iter().any(|frame| frame == data),
            "the client did not send {data:02X?}"
        );
        (recv_len, crc)
    }

    /// What the slave answers: nothing, an error, any octets, or a header and a frame, which it may
    /// repeat for a while.
    fn answer(&mut self, recv_len: usize, data_len: usize, miso: &mut [u8]) -> io::Result<()> {
        miso.fill(0xFF);
        if let (Some(answer), 1..) = (self.last, self.repeats) {
            self.repeats -= 1;
            answer.write(recv_len, data_len, miso);
            return Ok(());
        }
        let script = &mut self.script;
        match script.next() {
            0..=0x0F => {}
            0x10..=0x17 => miso.fill(0x00),
            0x18..=0x1F => return Err(io::Error::from_raw_os_error(EIO)),
            0x20 => return Err(io::Error::from_raw_os_error(ESHUTDOWN)),
            0x21..=0x2F => {
                let n = usize::from(script.next());
                let octets = script.take(n.min(miso.len()));
                miso[..octets.len()].copy_from_slice(octets);
            }
            kind => {
                let answer = Answer {
                    flags: script.next() & !0x01 | 0x02,
                    takes: script.length(),
                    gives: script.length(),
                    first: 0x80 | script.next() & 0x3F,
                    good_crc: kind & 0x01 != 0,
                    shift: match kind & 0x0E {
                        0x0E => usize::from(script.next() % 20),
                        _ => 0,
                    },
                };
                if kind & 0x70 == 0x70 {
                    self.repeats = script.next();
                }
                self.last = Some(answer);
                answer.write(recv_len, data_len, miso);
            }
        }
        Ok(())
    }

    /// The frame in `miso` that the host may deliver: what it asked for, in whole, with a good CRC if
    /// both sides set the flag (protocol §5.3, §5.11). And whether both did.
    fn frame(&self, miso: &[u8], recv_len: usize, crc_offered: bool) -> Option<(Vec<u8>, bool)> {
        let is_idle = |octet: &&u8| **octet == 0x00 || **octet == 0xFF;
        let allowed = miso.iter().take(self.settings.align_allowance);
        let rest = &miso[allowed.take_while(is_idle).count()..];
        let [flags, takes_low, takes_high, low, high, rest @ ..] = rest else {
            return None;
        };
        let number = |low: &u8, high: &u8| usize::from(u16::from_le_bytes([*low, *high]));
        let (takes, len) = (number(takes_low, takes_high), number(low, high));
        if flags & 0x03 != 0x02 || takes > LENGTH_MAX || len == 0 || len > recv_len {
            return None;
        }
        let frame = rest.get(..len)?;
        let has_crc = crc_offered && flags & 0x40 != 0;
        if has_crc {
            let check = rest.get(len..len + FCS_LEN)?;
            if check != fcs::of(frame) {
                return None;
            }
        }
        Some((frame.to_vec(), has_crc))
    }
}

impl Bus for HostileBus<'_> {
    fn transfer(&mut self, now: Instant, mosi: &[u8], miso: &mut [u8]) -> io::Result<()> {
        assert_eq!(mosi.len(), miso.len());
        let (recv_len, crc) = self.check(mosi);
        self.witness.borrow_mut().forget_offer();
        let data_len = usize::from(u16::from_le_bytes([mosi[3], mosi[4]]));
        match &mut self.honest {
            Some(slave) => slave.transfer(now, mosi, miso)?,
            None => self.answer(recv_len, data_len, miso)?,
        }
        let mut witness = self.witness.borrow_mut();
        (witness.offered, witness.must_deliver) = match self.frame(miso, recv_len, crc) {
            // MISO is wired to MOSI, or it looks like that.
            Some(_) if miso == mosi => (None, false),
            Some((frame, has_crc)) => (Some(frame), has_crc == crc),
            None => (None, false),
        };
        Ok(())
    }

    fn interrupt(&mut self, now: Instant) -> io::Result<Option<Line>> {
        match &mut self.honest {
            Some(slave) => return slave.interrupt(now),
            None if !self.settings.has_interrupt => return Ok(None),
            None => {}
        }
        match self.script.next() % 8 {
            0..=3 => Ok(Some(Line::Inactive)),
            4 => Err(io::Error::from_raw_os_error(EIO)),
            _ => Ok(Some(Line::Active)),
        }
    }

    fn take_edge(&mut self, now: Instant) -> io::Result<bool> {
        match &mut self.honest {
            Some(slave) => slave.take_edge(now),
            None => Ok(std::mem::take(&mut self.edge) && self.settings.has_interrupt),
        }
    }

    fn set_reset(&mut self, now: Instant, line: Line) -> io::Result<bool> {
        match &mut self.honest {
            Some(slave) => slave.set_reset(now, line),
            None if self.script.next() == 0xE0 => Err(io::Error::from_raw_os_error(EIO)),
            None => Ok(self.settings.has_reset),
        }
    }

    fn has_interrupt(&self) -> bool {
        self.settings.has_interrupt
    }

    fn has_reset(&self) -> bool {
        self.settings.has_reset
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.honest.as_ref().and_then(Bus::poll_timeout)
    }
}

/// The HDLC face, and a look at what it is given.
struct WatchedPort {
    port: Port,
    witness: Rc<RefCell<Witness>>,
}

impl Upper for WatchedPort {
    fn has_room(&self) -> bool {
        self.port.has_room()
    }

    fn deliver(&mut self, frame: &[u8]) {
        let mut witness = self.witness.borrow_mut();
        // Taken: no transaction delivers twice.
        let offered = witness.offered.take();
        assert_eq!(offered.as_deref(), Some(frame), "delivered");
        let before = *self.port.stats();
        self.port.deliver(frame);
        let after = self.port.stats();
        if after.frames_to_client > before.frames_to_client {
            witness.delivered.push_back(frame.to_vec());
        } else {
            let dropped = |stats: &Stats| stats.not_spinel + stats.no_client;
            let room = dropped(after) > dropped(&before);
            assert!(room, "there was no room for a frame that was asked for");
        }
    }

    fn slave_was_reset(&mut self) {
        self.port.slave_was_reset();
    }

    fn next_frame(&mut self) -> Option<&[u8]> {
        self.port.next_frame()
    }

    fn take_reset_request(&mut self) -> bool {
        self.port.take_reset_request()
    }

    fn input(&mut self) -> &mut [u8] {
        self.port.input()
    }

    fn input_filled(&mut self, n: usize) {
        self.port.input_filled(n);
    }

    fn output(&self) -> &[u8] {
        self.port.output()
    }

    fn output_written(&mut self, n: usize) {
        self.port.output_written(n);
    }

    fn set_client(&mut self, has_client: bool) {
        self.port.set_client(has_client);
    }

    fn counters(&self, print: &mut dyn FnMut(&'static str, u64)) {
        self.port.counters(print);
    }

    fn clear_counters(&mut self) {
        self.port.clear_counters();
    }
}

/// NOOP with TID 13, which the scripts cannot keep from coming back.
const PROBE: [u8; 2] = [0x8D, 0x00];

const PROBE_PERIOD: Duration = Duration::from_millis(100);

/// The longest pause after a failure (6.4 s), then the longest that a lost edge can cost (10 s), and as
/// much again.
const RECOVERY_MAX: Duration = Duration::from_secs(33);

/// A frame with a wrong CRC is fetched and reported, eight times over, before the link takes a pause
/// (protocol §5.11); twice that, and what a turn may overshoot.
const IN_VAIN_MAX: u64 = 48;

const EIO: i32 = 5;
const ESHUTDOWN: i32 = 108;
