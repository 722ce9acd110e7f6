//! The whole host driver between clients who ask for everything that there is a verb for, a co-processor
//! that answers what it is asked most of the time, a kernel and the network: tasks go on to their end.
//! No panic, no spin, bounded memory, and each request has one end.
//!
//! Input: two octets of settings and one of the co-processor's mood, then steps, each by a choice.
#![no_main]

#[path = "../common/mod.rs"]
mod common;

use common::client::Clients;
use common::coprocessor::{deliver, Coprocessor};
use common::{bounded, kernel, requests, values, Input};
use libfuzzer_sys::fuzz_target;
use spinel_bridge::bridge::Upper;
use spinel_bridge::host::command::transact::OUTSTANDING_MAX;
use spinel_bridge::host::{netif, Host, Service, ServiceDone, Settings};
use spinel_bridge::time::{Duration, Instant};
use spinel_bridge::wire::ids::{Property, Status};

fuzz_target!(|octets: &[u8]| bounded::within(MEMORY_MAX, || {
    let mut input = Input::new(octets);
    let settings = settings(&mut input);
    let mut bench = Bench {
        host: Host::new(settings, Instant::ZERO),
        now: Instant::ZERO,
        coprocessor: Coprocessor::new(input.octet()),
        clients: Clients::default(),
        waiting: Vec::new(),
        kernel_works: true,
    };
    if !input.rarely(8) {
        bench.pass(Duration::from_secs(6), true);
    }
    while !input.is_empty() {
        bench.step(&mut input);
        bench.drain();
    }
    bench.end();
}));

fn settings(input: &mut Input<'_>) -> Settings {
    let (flags, more) = (input.octet(), input.octet());
    let is = |bit: u8| flags & bit != 0;
    Settings {
        has_hardware_reset: is(1),
        reset_at_start: is(2),
        auto_resume: !is(4),
        retain: is(8),
        retained: is(16).then(|| vec![0x0E, 8, 0, 0, 0, 0, 0, 1, 0, 0]),
        check_firmware: is(32),
        has_upgrade_command: is(64),
        auto_upgrade: !is(128),
        reapply: match more & 1 {
            0 => Vec::new(),
            _ => vec![(Property::PHY_TX_POWER, vec![8])],
        },
        netif: netif::Settings {
            slaac: more & 2 == 0,
            publish_prefixes: more & 4 == 0,
            skip_link_local: more & 8 == 0,
            show_rloc: more & 16 != 0,
            routes: more & 32 == 0,
            default_route: more & 64 != 0,
        },
        ..Settings::default()
    }
}

struct Bench {
    host: Host,
    now: Instant,
    coprocessor: Coprocessor,
    clients: Clients,
    /// Services without an end: the last of each kind.
    waiting: Vec<Service>,
    kernel_works: bool,
}

impl Bench {
    fn step(&mut self, input: &mut Input<'_>) {
        match input.octet() % 16 {
            0..=2 => {
                let line = requests::line(input);
                self.clients.ask(&mut self.host, &line);
            }
            3 => self.serve(),
            4 => (0..=input.octet() % 8).for_each(|_| {
                self.coprocessor.answer(&mut self.host);
                self.drain();
            }),
            5 => self.coprocessor.answer_oddly(&mut self.host, input),
            6 | 7 => self.coprocessor.update(&mut self.host, input),
            8 => {
                let millis = *input.pick(&[1, 100, 600, 1_500, 6_000, 61_000, 300_000, 1_000_000]);
                let serves = input.octet() & 1 == 0;
                self.pass(Duration::from_millis(millis), serves);
            }
            9 => self.packet_out(input),
            10 => {
                let packet = packet(input);
                let property = *input.pick(&[Property::STREAM_NET, Property::STREAM_NET_INSECURE]);
                let len = (packet.len() as u16).to_le_bytes();
                let frame = [&[0x80, 6][..], &values::number(property), &len, &packet].concat();
                deliver(&mut self.host, &frame);
            }
            11 => self.host.kernel(kernel::event(input)),
            12 => match input.octet() % 4 {
                0 => self.host.slave_was_reset(),
                1 => self.kernel_works = !self.kernel_works,
                2 => self
                    .clients
                    .leave(&mut self.host, usize::from(input.octet())),
                _ => {
                    self.host.clear_counters();
                    let _ = self.host.take_groups_changed();
                }
            },
            13 => self.end_service(input.octet() & 1 == 0),
            14 => deliver(&mut self.host, input.octets(255)),
            // Something that follows from a command, late or at last.
            _ => {
                self.coprocessor.follow_up(&mut self.host);
            }
        }
    }

    /// Answers everything and tells everything, until nothing is left.
    fn serve(&mut self) {
        for _ in 0..ROUNDS_MAX {
            self.drain();
            let moved = self.coprocessor.answer(&mut self.host);
            if !moved && !self.coprocessor.follow_up(&mut self.host) {
                return;
            }
        }
        panic!("questions without end");
    }

    fn pass(&mut self, duration: Duration, serves: bool) {
        let end = self.now + duration;
        for _ in 0..ROUNDS_MAX {
            match serves {
                true => self.serve(),
                false => self.drain(),
            }
            let due = self.host.poll_timeout().filter(|due| *due <= end);
            self.now = self.now.max(due.unwrap_or(end));
            self.host.handle_time(self.now);
            self.drain();
            self.settle();
            if due.is_none() {
                return;
            }
        }
        panic!("time does not go on");
    }

    /// A deadline that has come does something, and is gone then.
    fn settle(&mut self) {
        for _ in 0..SETTLE_MAX {
            if self.host.poll_timeout().map_or(true, |due| due > self.now) {
                return;
            }
            self.host.handle_time(self.now);
            self.drain();
        }
        panic!("it spins: {:?} at {:?}", self.host.poll_timeout(), self.now);
    }

    fn packet_out(&mut self, input: &mut Input<'_>) {
        let packet = packet(input);
        let space = self.host.input();
        let len = space.len().min(packet.len());
        space[..len].copy_from_slice(&packet[..len]);
        if len > 0 {
            self.host.input_filled(len);
        }
    }

    fn end_service(&mut self, well: bool) {
        if let Some(service) = self.waiting.pop() {
            match service {
                Service::CheckFirmware { .. } => {
                    self.host
                        .service_done(ServiceDone::FirmwareChecked { upgrade: !well });
                }
                Service::Upgrade => self.host.service_done(ServiceDone::Upgraded { ok: well }),
                Service::Retain(_) | Service::Forget => {}
            }
        }
    }

    /// What is to be kept is kept at once, and there is no answer to it. A command that is asked for once more
    /// while it waits is run once: any number of restarts may ask for it.
    fn serve_service(&mut self, service: Service) {
        match &service {
            Service::Retain(tlvs) => assert!((1..=FRAME_MAX).contains(&tlvs.len())),
            Service::Forget => {}
            Service::CheckFirmware { .. } | Service::Upgrade => {
                let kind = core::mem::discriminant(&service);
                self.waiting
                    .retain(|other| core::mem::discriminant(other) != kind);
                self.waiting.push(service);
            }
        }
    }

    /// Everything that the host wants, which has bounds.
    fn drain(&mut self) {
        let mut frames = 0;
        while let Some(frame) = self.host.next_frame() {
            assert!((2..=1_300).contains(&frame.len()), "{} octets", frame.len());
            assert_eq!(frame[0] & 0xF0, 0x80, "no Spinel frame");
            self.coprocessor.take(frame);
            frames += 1;
        }
        assert!(frames <= FRAMES_MAX, "{frames} frames at once");
        let mut packets = 0;
        while !self.host.output().is_empty() {
            let len = self.host.output().len();
            assert!(len <= 1_280, "a packet of {len}");
            self.host.output_written(len);
            packets += 1;
        }
        assert!(packets <= 1, "{packets} packets out of one frame");
        if self.host.take_reset_request() {
            self.coprocessor.restart(Status::RESET_EXTERNAL);
        }
        kernel::apply(&mut self.host, self.kernel_works);
        self.clients.read(&mut self.host);
        for _ in 0..SERVICES_MAX {
            if let Some(service) = self.host.poll_service() {
                self.serve_service(service);
            }
        }
        assert!(self.host.poll_service().is_none(), "services without end");
    }

    /// Everybody behaves: all that was asked for has an end.
    fn end(&mut self) {
        self.kernel_works = true;
        self.clients.stop_listening(&mut self.host);
        for _ in 0..END_ROUNDS {
            while !self.waiting.is_empty() {
                self.end_service(true);
                self.drain();
            }
            self.pass(Duration::from_secs(60), true);
            if self.clients.open().is_empty() {
                break;
            }
        }
        let open = self.clients.open();
        assert!(
            open.is_empty(),
            "no end, {:?}: {open:?}",
            self.host.known().state
        );
        let mut counters = 0;
        self.host.counters(&mut |_, _| counters += 1);
        assert!(counters > 0);
    }
}

/// A packet with addresses of some sense: IPv6, then UDP or ICMPv6 or anything.
fn packet(input: &mut Input<'_>) -> Vec<u8> {
    if input.rarely(16) {
        return input.octets(255).to_vec();
    }
    let (source, destination) = (values::address(input), values::address(input));
    let next_header = *input.pick(&[17, 58, 6, 0, 59]);
    let payload = input.octets(64);
    let len = (payload.len() as u16).to_be_bytes();
    [
        &[0x60, 0, 0, 0][..],
        &len,
        &[next_header, 64],
        &source,
        &destination,
        payload,
    ]
    .concat()
}

/// A host holds some hundred kilobytes: packets of 1280 octets and tables that are bounded. The co-processor
/// here keeps values of up to 1290 octets, each of which costs the input eight octets of its 4096: 0.7 MB.
const MEMORY_MAX: usize = 4 << 20;
/// What may go out before anything is answered: a reset, as many commands as may be outstanding, a packet.
const FRAMES_MAX: usize = 1 + OUTSTANDING_MAX + 1;
/// Protocol §5.2: the longest frame, and so the longest value.
const FRAME_MAX: usize = 2_043;
/// One of each kind waits at the host.
const SERVICES_MAX: usize = 4;
/// All that can be asked for at once: 32 tasks of some 50 commands (`counters` has the most), a start-up of some
/// 50 and the 100 settings that it repeats; ten times that. And time goes on in steps of 50 ms and more (the first
/// of the pauses before a command is repeated), of which there are 20,000 in the longest wait.
const ROUNDS_MAX: usize = 20_000;
/// All that is due is done by one call. What that begins may be due at once in its turn, a few times over: three
/// start-ups that fail, then a hardware reset.
const SETTLE_MAX: usize = 16;
/// Minutes. The longest wait is for a scan of 32 channels (the mask has 32 bits), 65.5 s each and 15 s more for
/// each: 43 minutes. Before it start-ups may fail, which takes a few.
const END_ROUNDS: usize = 120;
