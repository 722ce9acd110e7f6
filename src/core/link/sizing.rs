//! How many octets to offer the slave when INT says that it has a frame of unknown length.
//!
//! Offer too little, and the frame costs a second transaction; offer too much, and octets are clocked
//! for nothing. With `F` the fixed cost of a transaction, `c` the time of an octet on the wire and `n`
//! the length of the frame, an offer of `s` costs
//!
//! ```text
//!   s >= n:  F + c (5 + s)
//!   s <  n:  F + c (5 + s)  +  F + c (5 + n)
//! ```
//!
//! Several experts guess `s`, each in its own way: what is always offered today, the length of the last
//! frame, what came after the same one or two lengths before, what was answered to the same command
//! before, and the offer that would have cost least over the last frames. After each frame every expert
//! is charged with what its guess would have cost more than knowing `n` (its regret); old charges fade.
//! The one who owes least is followed.
//!
//! `c` follows from the clock rate; `F` is measured on this bus while it is in use (`fixed.rs` says how).
//!
//! No offer is below the 32 octets of today's hosts. So a frame never costs more transactions than it
//! does there, whatever comes; and where lengths repeat in any of these ways it costs one.

mod fixed;

use crate::time::Duration;
use crate::wire::spi::HEADER_LEN;
use fixed::{Fixed, FIXED_MAX_NS};

/// What is offered at least, as by today's hosts (protocol §5.3).
pub const LEAST: usize = 32;

/// Chooses what to offer.
#[derive(Debug)]
pub struct Sizing {
    /// Offered when nothing better is known; the least offer.
    small: usize,
    /// The most that can be offered.
    most: usize,
    cost: Cost,
    fixed: Fixed,
    /// The lengths of the last frames, the latest first.
    history: [u16; HISTORY],
    seen: usize,
    /// The offer that would have cost least over `history`.
    cheapest: u16,
    after_one: [u16; TABLE],
    after_two: [u16; TABLE],
    replies: [u16; TABLE],
    /// The command that an answer is due for, as an index into `replies`.
    asked: Option<usize>,
    /// What each expert owes, in nanoseconds of bus time.
    owes: [u64; EXPERTS],
    guesses: [u16; EXPERTS],
}

/// What a transaction costs on this bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Of any transaction, in nanoseconds.
    fixed_ns: u64,
    /// Of an octet, in nanoseconds.
    octet_ns: u64,
}

impl Cost {
    /// A bus with a clock of `speed_hz`, on which any transaction costs `fixed` beside its octets.
    pub fn new(speed_hz: u32, fixed: Duration) -> Self {
        let fixed_ns = u64::try_from(fixed.as_nanos()).unwrap_or(u64::MAX);
        Cost {
            fixed_ns: fixed_ns.min(FIXED_MAX_NS),
            octet_ns: CLOCKS_PER_OCTET * 1_000_000_000 / u64::from(speed_hz.max(1)),
        }
    }

    /// Nanoseconds of a transaction that offers `offer` octets.
    pub fn of_transaction(self, offer: usize) -> u64 {
        self.fixed_ns + self.octet_ns * (HEADER_LEN + offer) as u64
    }

    /// What a transaction takes that offers what the hosts in use offer.
    pub(super) fn typical(self) -> Duration {
        Duration::from_nanos(self.of_transaction(LEAST))
    }

    /// Nanoseconds that a frame of `len` octets costs if `offer` octets are offered first.
    pub fn of_frame(self, len: usize, offer: usize) -> u64 {
        let first = self.of_transaction(offer);
        if offer >= len {
            return first;
        }
        first + self.of_transaction(len)
    }
}

impl Sizing {
    /// Nothing has been seen. Offers are `small..=most` octets.
    pub fn new(small: usize, most: usize, cost: Cost) -> Self {
        let small = small.min(most);
        let mut sizing = Sizing {
            small,
            most,
            cost,
            fixed: Fixed::new(cost.fixed_ns, cost.octet_ns),
            history: [0; HISTORY],
            seen: 0,
            cheapest: 0,
            after_one: [0; TABLE],
            after_two: [0; TABLE],
            replies: [0; TABLE],
            asked: None,
            owes: [0; EXPERTS],
            guesses: [0; EXPERTS],
        };
        sizing.guess();
        sizing
    }

    /// What to offer a slave that has a frame of unknown length.
    pub fn offer(&self) -> usize {
        let best = (0..EXPERTS).min_by_key(|&expert| self.owes[expert]);
        best.map_or(self.small, |expert| usize::from(self.guesses[expert]))
    }

    /// `transactions` that clocked `octets` together took `elapsed`, with all that the host does for
    /// them: what a transaction costs is learned from it.
    pub fn took(&mut self, transactions: u64, octets: u64, elapsed: Duration) {
        self.fixed.took(transactions, octets, elapsed);
        self.cost.fixed_ns = self.fixed.estimate();
    }

    /// What a transaction is believed to cost beside its octets.
    pub fn fixed_cost(&self) -> Duration {
        Duration::from_nanos(self.cost.fixed_ns)
    }

    /// The slave took `frame`. Its answer, if it has one, tends to be as long as the last time.
    pub fn sent(&mut self, frame: &[u8]) {
        // Command and property, not the TID, which changes each time.
        let command = frame.get(1..frame.len().min(COMMAND_END)).unwrap_or(&[]);
        let mix = |hash: usize, &octet: &u8| (hash * 31 + usize::from(octet)) % TABLE;
        self.asked = Some(command.iter().fold(command.len(), mix));
        self.guess();
    }

    /// A frame of `len` octets has shown itself.
    pub fn seen(&mut self, len: usize) {
        let known = self.cost.of_frame(len, len.max(self.small));
        for (owes, &guess) in self.owes.iter_mut().zip(&self.guesses) {
            let regret = self
                .cost
                .of_frame(len, usize::from(guess))
                .saturating_sub(known);
            *owes -= *owes / FADING;
            *owes = owes.saturating_add(regret);
        }
        // At most what a header can say, which fits.
        let len16 = u16::try_from(len).unwrap_or(u16::MAX);
        self.after_one[self.one_before()] = len16;
        self.after_two[self.two_before()] = len16;
        if let Some(command) = self.asked.take() {
            self.replies[command] = len16;
        }
        self.history.rotate_right(1);
        let forgotten = core::mem::replace(&mut self.history[0], len16);
        self.seen = (self.seen + 1).min(HISTORY);
        // The same lengths as before have the same best offer.
        if forgotten != len16 {
            self.cheapest = self.cheapest_for_history();
        }
        self.guess();
    }

    fn one_before(&self) -> usize {
        usize::from(self.history[0]) % TABLE
    }

    fn two_before(&self) -> usize {
        (usize::from(self.history[0]) * 31 + usize::from(self.history[1])) % TABLE
    }

    fn guess(&mut self) {
        let reply = self
            .asked
            .map_or(self.history[0], |command| self.replies[command]);
        // Of those who owe the same the first is followed: what was seen once may well come again.
        let guesses = [
            self.history[0],
            self.after_one[self.one_before()],
            self.after_two[self.two_before()],
            reply,
            self.cheapest,
            self.small as u16,
        ];
        let (least, most) = (self.small as u16, self.most as u16);
        self.guesses = guesses.map(|guess| guess.clamp(least, most));
    }

    /// The offer that would have cost least over the last frames: the length of one of them.
    fn cheapest_for_history(&self) -> u16 {
        let history = &self.history[..self.seen];
        let total = |offer: u16| -> u64 {
            let offer = usize::from(offer).max(self.small);
            history
                .iter()
                .map(|&len| self.cost.of_frame(usize::from(len), offer))
                .sum()
        };
        let offers = history.iter().copied().chain([self.small as u16]);
        offers.min_by_key(|&offer| total(offer)).unwrap_or(0)
    }
}

/// The last frames that count: a ping's few, or a burst of beacons.
const HISTORY: usize = 16;

/// Entries of each table of what came after what. Lengths of up to 1300 share them; a clash costs one
/// wrong guess of one expert.
const TABLE: usize = 256;

const EXPERTS: usize = 6;

/// An eighth of what an expert owes is forgotten with each frame: a change of traffic is followed
/// within a handful of frames.
const FADING: u64 = 8;

/// Header octet, then at most three of command and three of property (protocol §1.1).
const COMMAND_END: usize = 7;

/// A Raspberry Pi's controller takes nine clocks an octet.
const CLOCKS_PER_OCTET: u64 = 9;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::rng::Rng;

    /// A frame from the slave, or a command to it.
    enum Event {
        Frame(usize),
        Command([u8; 3]),
    }

    use Event::{Command, Frame};

    /// Transactions and bus time of a trace: ours, today's (always 32) and a clairvoyant's.
    #[derive(Default)]
    struct Total {
        frames: u64,
        ours: u64,
        today: u64,
        ours_ns: u64,
        known_ns: u64,
    }

    fn run(trace: &[Event], cost: Cost) -> Total {
        let mut sizing = Sizing::new(32, 2043, cost);
        let mut total = Total::default();
        for event in trace {
            match event {
                Command(frame) => sizing.sent(frame),
                Frame(len) => {
                    let offer = sizing.offer();
                    assert!((32..=2043).contains(&offer));
                    total.frames += 1;
                    total.ours += if offer >= *len { 1 } else { 2 };
                    total.today += if *len <= 32 { 1 } else { 2 };
                    total.ours_ns += cost.of_frame(*len, offer);
                    total.known_ns += cost.of_transaction((*len).max(32));
                    sizing.seen(*len);
                }
            }
        }
        total
    }

    fn buses() -> [Cost; 3] {
        [(1_000_000, 60), (8_000_000, 60), (4_000_000, 200)]
            .map(|(speed, fixed)| Cost::new(speed, Duration::from_micros(fixed)))
    }

    fn repeat(pattern: impl Fn(usize) -> Vec<Event>) -> Vec<Event> {
        (0..1_000).flat_map(pattern).collect()
    }

    /// Traces in which lengths repeat.
    fn regular() -> Vec<(&'static str, Vec<Event>)> {
        vec![
            ("ping 56", repeat(|_| vec![Frame(109)])),
            ("ping 1232", repeat(|_| vec![Frame(1285)])),
            ("bulk TCP down", repeat(|_| vec![Frame(1285)])),
            (
                "bulk TCP down and acknowledgements",
                repeat(|_| vec![Frame(1285), Frame(1285), Frame(77)]),
            ),
            ("bulk TCP up", repeat(|_| vec![Frame(77)])),
            (
                "RCP: transmit done, then receive",
                repeat(|_| vec![Frame(9), Frame(148)]),
            ),
            (
                "GETs in turn",
                repeat(|_| {
                    vec![
                        Command([0x81, 0x02, 0x02]),
                        Frame(53),
                        Command([0x82, 0x02, 0x05]),
                        Frame(17),
                        Command([0x83, 0x02, 0x63]),
                        Frame(111),
                        Command([0x84, 0x02, 0x66]),
                        Frame(147),
                    ]
                }),
            ),
        ]
    }

    /// Traces in which they do not.
    fn irregular() -> Vec<(&'static str, Vec<Event>)> {
        let mut rng = Rng::new(1);
        let mut random = |range: u64, least: usize| -> Vec<Event> {
            (0..3_000)
                .map(|_| Frame(least + rng.below(range) as usize))
                .collect()
        };
        vec![
            ("idle chatter", random(27, 4)),
            ("scan bursts", random(16, 44)),
            ("anything", random(1_295, 1)),
            ("short and long", {
                let lengths = random(2, 0);
                lengths
                    .into_iter()
                    .map(|event| match event {
                        Frame(0) => Frame(20),
                        _ => Frame(1_200),
                    })
                    .collect()
            }),
        ]
    }

    #[test]
    fn where_lengths_repeat_a_frame_costs_one_transaction_and_hardly_more_time_than_knowing() {
        for cost in buses() {
            for (name, trace) in regular() {
                let total = run(&trace, cost);
                let per_frame = total.ours as f64 / total.frames as f64;
                assert!(
                    per_frame <= 1.05,
                    "{name}: {per_frame} transactions a frame"
                );
                let time = total.ours_ns as f64 / total.known_ns as f64;
                assert!(time <= 1.10, "{name}: {time} times the bus time of knowing");
            }
        }
    }

    #[test]
    fn no_trace_costs_more_transactions_than_today() {
        for cost in buses() {
            for (name, trace) in regular().into_iter().chain(irregular()) {
                let total = run(&trace, cost);
                assert!(
                    total.ours <= total.today,
                    "{name}: {} > {}",
                    total.ours,
                    total.today
                );
            }
        }
    }

    /// Knowing random lengths is not to be had; the best constant offer is, in hindsight.
    #[test]
    fn chatter_and_scans_cost_hardly_more_time_than_the_best_constant_offer() {
        for cost in buses() {
            for (name, trace) in irregular().into_iter().take(2) {
                let constant = |offer: usize| -> u64 {
                    let frames = trace.iter().map(|event| match event {
                        Frame(len) => cost.of_frame(*len, offer),
                        Command(_) => 0,
                    });
                    frames.sum()
                };
                let best = (32..100).map(constant).min().unwrap_or(0);
                let ratio = run(&trace, cost).ours_ns as f64 / best as f64;
                assert!(
                    ratio <= 1.10,
                    "{name}: {ratio} times the best constant offer"
                );
            }
        }
    }

    #[test]
    fn where_nothing_can_be_guessed_it_costs_no_more_time_than_today() {
        for cost in buses() {
            for (name, trace) in irregular() {
                let total = run(&trace, cost);
                let today: u64 = trace
                    .iter()
                    .map(|event| match event {
                        Frame(len) => cost.of_frame(*len, 32),
                        Command(_) => 0,
                    })
                    .sum();
                let ratio = total.ours_ns as f64 / today as f64;
                assert!(ratio <= 1.10, "{name}: {ratio} times today's bus time");
            }
        }
    }
}
