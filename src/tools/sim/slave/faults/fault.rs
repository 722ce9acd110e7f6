//! One fault with its parameters, so that it can be noted down and made to happen again.

use crate::sim::rng::Rng;
use crate::sim::spec::{Rate, Spec};
use crate::trace::Way;

/// What goes wrong, with all that it takes to go wrong again in the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The slave takes no part.
    Void {
        /// MISO is all 00, not all FF.
        low: bool,
    },
    /// MISO's header is garbage, and so is the rest.
    Garbage {
        /// What the slave did meanwhile.
        behind: Behind,
        /// Of the garbage.
        seed: u32,
    },
    /// The header comes late, with no frame behind it. The slave took our frame if it fitted.
    LateHeader {
        /// By so many octets: 1..=4.
        octets: u8,
    },
    /// The slave shows another DATA_LEN than that of its frame, and gives none.
    DataLen {
        /// More than is offered; otherwise 0.
        longer: bool,
    },
    /// One bit of the data or CRC octets is flipped, if there are any.
    Flip {
        /// In whose frame.
        way: Way,
        /// Counted from the first data octet; beyond the last one it begins again.
        bit: u32,
    },
    /// One bit is flipped, headers included.
    FlipAny {
        /// In whose octets.
        way: Way,
        /// Counted from the header's first octet; beyond the last one it begins again.
        bit: u32,
    },
    /// The slave takes nothing (RECV_LEN 0), but may give.
    Refuse,
    /// The next INT edge after the transaction wakes nobody.
    LoseEdge,
    /// The co-processor is reset after the transaction.
    Reset,
    /// The driver fails, and nothing is clocked.
    Eio,
}

/// What the slave did in a transaction whose MISO is garbage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behind {
    /// It took no part.
    Nothing,
    /// It took our frame if it fitted, and keeps its own.
    Took,
    /// It took our frame if it fitted, and counts its own as given.
    Gave,
}

/// How many faults were injected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Injected {
    /// Void headers.
    pub void: u64,
    /// Garbage headers.
    pub garbage: u64,
    /// Headers that came late.
    pub late_header: u64,
    /// Other lengths than that of the frame.
    pub data_len: u64,
    /// Flipped bits in data or CRC octets.
    pub flip: u64,
    /// Flipped bits anywhere.
    pub flip_any: u64,
    /// Refusals.
    pub refuse: u64,
    /// Lost edges.
    pub lose_edge: u64,
    /// Resets of the co-processor.
    pub reset: u64,
    /// Driver errors.
    pub eio: u64,
}

impl Injected {
    /// One more.
    pub(super) fn count(&mut self, fault: Fault) {
        *match fault {
            Fault::Void { .. } => &mut self.void,
            Fault::Garbage { .. } => &mut self.garbage,
            Fault::LateHeader { .. } => &mut self.late_header,
            Fault::DataLen { .. } => &mut self.data_len,
            Fault::Flip { .. } => &mut self.flip,
            Fault::FlipAny { .. } => &mut self.flip_any,
            Fault::Refuse => &mut self.refuse,
            Fault::LoseEdge => &mut self.lose_edge,
            Fault::Reset => &mut self.reset,
            Fault::Eio => &mut self.eio,
        } += 1;
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        self.void
            + self.garbage
            + self.late_header
            + self.data_len
            + self.flip
            + self.flip_any
            + self.refuse
            + self.lose_edge
            + self.reset
            + self.eio
    }
}

/// All that is to go wrong in one transaction: at most one of each kind.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Due {
    pub(super) eio: bool,
    /// Whether MISO is low.
    pub(super) void: Option<bool>,
    pub(super) garbage: Option<(Behind, u32)>,
    pub(super) refuse: bool,
    pub(super) late_header: Option<u8>,
    /// Whether it is longer than what is offered.
    pub(super) data_len: Option<bool>,
    pub(super) flip: Option<Flip>,
    pub(super) reset: bool,
}

/// A bit to flip: in the data, or anywhere.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flip {
    pub(super) way: Way,
    pub(super) bit: u32,
    pub(super) anywhere: bool,
}

impl Flip {
    pub(super) fn fault(self) -> Fault {
        let Flip { way, bit, anywhere } = self;
        match anywhere {
            true => Fault::FlipAny { way, bit },
            false => Fault::Flip { way, bit },
        }
    }
}

impl Due {
    /// `fault`, too. A lost edge is no part of a transaction.
    pub(super) fn add(&mut self, fault: Fault) {
        match fault {
            Fault::Void { low } => self.void = Some(low),
            Fault::Garbage { behind, seed } => self.garbage = Some((behind, seed)),
            Fault::LateHeader { octets } => self.late_header = Some(octets.clamp(1, LATE_MAX)),
            Fault::DataLen { longer } => self.data_len = Some(longer),
            Fault::Flip { way, bit } => self.set_flip(way, bit, false),
            Fault::FlipAny { way, bit } => self.set_flip(way, bit, true),
            Fault::Refuse => self.refuse = true,
            Fault::Reset => self.reset = true,
            Fault::Eio => self.eio = true,
            Fault::LoseEdge => {}
        }
    }

    fn set_flip(&mut self, way: Way, bit: u32, anywhere: bool) {
        self.flip = Some(Flip { way, bit, anywhere });
    }
}

/// How often each fault happens.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rates {
    void: Rate,
    garbage: Rate,
    late_header: Rate,
    data_len: Rate,
    flip: Rate,
    flip_any: Rate,
    refuse: Rate,
    pub(super) lose_edge: Rate,
    reset: Rate,
    eio: Rate,
}

impl Rates {
    pub(super) fn new(spec: &Spec) -> Self {
        Rates {
            void: spec.void,
            garbage: spec.garbage,
            late_header: spec.late_header,
            data_len: spec.data_len,
            flip: spec.flip,
            flip_any: spec.flip_any,
            refuse: spec.refuse,
            lose_edge: spec.lose_edge,
            reset: spec.reset,
            eio: spec.eio,
        }
    }

    /// What chance has for a transaction. `worst` is what a slave that takes part behind a garbage
    /// header does.
    pub(super) fn draw(&self, rng: &mut Rng, worst: Behind) -> Due {
        let mut due = Due::default();
        if rng.chance(self.eio) {
            due.add(Fault::Eio);
            return due;
        }
        if rng.chance(self.void) {
            let low = rng.below(2) == 1;
            due.add(Fault::Void { low });
            return due;
        }
        if rng.chance(self.refuse) {
            due.add(Fault::Refuse);
        }
        if rng.chance(self.garbage) {
            let behind = match rng.below(2) {
                0 => Behind::Nothing,
                _ => worst,
            };
            let seed = rng.next_u64() as u32;
            due.add(Fault::Garbage { behind, seed });
        }
        // Rates of 0 draw nothing, so that a seed stays what it was.
        if self.late_header.ppm > 0 && rng.chance(self.late_header) {
            let octets = 1 + rng.below(u64::from(LATE_MAX)) as u8;
            due.add(Fault::LateHeader { octets });
        }
        if self.data_len.ppm > 0 && rng.chance(self.data_len) {
            let longer = rng.below(2) == 1;
            due.add(Fault::DataLen { longer });
        }
        if rng.chance(self.flip) {
            let (way, bit) = draw_bit(rng);
            due.add(Fault::Flip { way, bit });
        }
        if rng.chance(self.flip_any) {
            let (way, bit) = draw_bit(rng);
            due.add(Fault::FlipAny { way, bit });
        }
        if rng.chance(self.reset) {
            due.add(Fault::Reset);
        }
        due
    }
}

fn draw_bit(rng: &mut Rng) -> (Way, u32) {
    let way = match rng.below(2) {
        0 => Way::ToSlave,
        _ => Way::FromSlave,
    };
    (way, rng.next_u64() as u32)
}

/// By as many octets a header can be late without being taken for none at all.
const LATE_MAX: u8 = 4;
