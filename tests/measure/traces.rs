//! Traces of what a co-processor says, and what the choice of an offer makes of them.
//!
//! Lengths are those of Spinel frames. A packet is 5 octets longer than its IPv6 packet (header,
//! command, property, length), and has 5 more of metadata on an RCP's way (protocol §1, §4).

use spinel_bridge::link::sizing::{Cost, Sizing};
use spinel_bridge::sim::rng::Rng;
use spinel_bridge::time::Duration;

/// What happens on the link.
#[derive(Clone, Debug)]
pub enum Event {
    /// The co-processor has a frame of so many octets.
    Frame(usize),
    /// It took a command that begins like this.
    Command([u8; 3]),
}

use Event::{Command, Frame};

/// A trace.
pub struct Trace {
    pub name: &'static str,
    /// Whether lengths repeat in some way that can be learned.
    pub repeats: bool,
    pub events: Vec<Event>,
}

/// What the choices made on a trace cost.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spent {
    pub frames: u64,
    /// Transactions with our choice, and with 32 octets always.
    pub ours: u64,
    pub today: u64,
    /// Bus time in nanoseconds: ours, with 32 octets always, with the lengths known before (but never
    /// below 32 octets, as with ours), and with the one offer that is best for all of the trace.
    pub ours_ns: u64,
    pub today_ns: u64,
    pub known_ns: u64,
    pub constant_ns: u64,
}

impl Spent {
    pub fn transactions(&self) -> f64 {
        self.ours as f64 / self.frames as f64
    }

    pub fn transactions_today(&self) -> f64 {
        self.today as f64 / self.frames as f64
    }

    pub fn over_known(&self) -> f64 {
        self.ours_ns as f64 / self.known_ns as f64
    }

    pub fn over_constant(&self) -> f64 {
        self.ours_ns as f64 / self.constant_ns as f64
    }

    pub fn over_today(&self) -> f64 {
        self.ours_ns as f64 / self.today_ns as f64
    }
}

/// Clock rates and fixed costs that are looked at: a slow clock, a fast one, and a slow host.
pub const BUSES: [(u32, u64); 3] = [(1_000_000, 60), (8_000_000, 60), (4_000_000, 200)];

/// Runs the choice on `trace`.
pub fn run(trace: &Trace, (speed_hz, fixed_us): (u32, u64)) -> Spent {
    let cost = Cost::new(speed_hz, Duration::from_micros(fixed_us));
    let mut sizing = Sizing::new(LEAST, MOST, cost);
    let mut total = Spent::default();
    for event in &trace.events {
        match event {
            Command(frame) => sizing.sent(frame),
            Frame(len) => {
                let offer = sizing.offer();
                total.frames += 1;
                total.ours += if offer >= *len { 1 } else { 2 };
                total.today += if *len <= LEAST { 1 } else { 2 };
                total.ours_ns += cost.of_frame(*len, offer);
                total.today_ns += cost.of_frame(*len, LEAST);
                total.known_ns += cost.of_transaction((*len).max(LEAST));
                sizing.seen(*len);
            }
        }
    }
    let constant = |offer| -> u64 {
        let frames = trace.events.iter().map(|event| match event {
            Frame(len) => cost.of_frame(*len, offer),
            Command(_) => 0,
        });
        frames.sum()
    };
    total.constant_ns = (LEAST..=LONGEST).map(constant).min().unwrap_or(0);
    total
}

/// All traces.
pub fn all() -> Vec<Trace> {
    let mut rng = Rng::new(1);
    let mut traces = vec![idle_chatter(&mut rng)];
    for (name, len) in [("ping 56", 109), ("ping 256", 309), ("ping 1232", 1285)] {
        traces.push(repeated(name, &[len]));
    }
    traces.push(repeated("bulk TCP down", &[1285]));
    traces.push(repeated("bulk TCP down, with answers", &[1285, 1285, 77]));
    traces.push(repeated("bulk TCP up (acknowledgements)", &[77]));
    traces.push(scan_bursts(&mut rng));
    traces.push(repeated("RCP, one peer", &[9, 148]));
    traces.push(rcp_mesh(&mut rng));
    traces.push(commands());
    traces.push(anything(&mut rng));
    traces
}

/// Notifications of an NCP at rest: roles, counters, addresses.
fn idle_chatter(rng: &mut Rng) -> Trace {
    Trace {
        name: "idle chatter",
        repeats: true,
        events: (0..3_000)
            .map(|_| Frame(4 + rng.below(27) as usize))
            .collect(),
    }
}

fn repeated(name: &'static str, lengths: &[usize]) -> Trace {
    let frames = lengths.iter().map(|&len| Frame(len));
    Trace {
        name,
        repeats: true,
        events: frames.cycle().take(3_000).collect(),
    }
}

/// Bursts of beacons: five networks, whose names are of different lengths, with some routers each. The
/// last frame of a scan is short.
fn scan_bursts(rng: &mut Rng) -> Trace {
    let lengths = [49, 49, 52, 57, 60];
    let mut events = Vec::new();
    for _ in 0..100 {
        events.push(Command([0x81, 0x03, 0x30]));
        events.push(Frame(4));
        for _ in 0..20 + rng.below(20) {
            events.push(Frame(lengths[rng.below(5) as usize]));
        }
        events.push(Frame(4));
    }
    Trace {
        name: "scan bursts",
        repeats: false,
        events,
    }
}

/// What a router hears from its neighbours: data polls, acknowledgements of what it sent, fragments of
/// the full length, advertisements.
fn rcp_mesh(rng: &mut Rng) -> Trace {
    let frame = |dice| match dice {
        0..=3 => Frame(9),
        4..=5 => Frame(33),
        6..=8 => Frame(148),
        _ => Frame(90),
    };
    Trace {
        name: "RCP, a mesh of neighbours",
        repeats: false,
        events: (0..3_000).map(|_| frame(rng.below(10))).collect(),
    }
}

/// A client that asks for the same properties again and again.
fn commands() -> Trace {
    let asked = [(0x02, 53), (0x05, 17), (0x63, 111), (0x66, 147)];
    let one = |(property, len)| [Command([0x81, 0x02, property]), Frame(len)];
    Trace {
        name: "GETs in turn",
        repeats: true,
        events: asked
            .into_iter()
            .flat_map(one)
            .cycle()
            .take(6_000)
            .collect(),
    }
}

fn anything(rng: &mut Rng) -> Trace {
    Trace {
        name: "any length",
        repeats: false,
        events: (0..3_000)
            .map(|_| Frame(1 + rng.below(1_295) as usize))
            .collect(),
    }
}

/// What today's hosts offer.
const LEAST: usize = 32;
/// The longest frame that we carry.
const MOST: usize = 2_043;
/// The longest of the traces.
const LONGEST: usize = 1_300;
