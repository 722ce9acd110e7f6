//! What frames cost: measured for the table (`benches/table.rs`) and for the bounds (`tests/bounds.rs`).
//!
//! | file | what it measures |
//! | --- | --- |
//! | [`model`] | the core on a bus that takes as long as a real one, in virtual time |
//! | [`today`] | the rule of the hosts in use, on the same bus |
//! | [`slaves`] | slaves that arm late, have rings and odd buffers, on such a bus |
//! | [`posix`] | the rule of OpenThread's posix host, on the same |
//! | [`canned`] | the core alone, on a bus that costs next to nothing: allocations, instructions |
//! | [`traces`] | the choice of what to offer, on traces of lengths |
//! | [`real`] | the program itself: system calls, time, memory |
//! | [`latency`] | the event loop on a bus that takes its time, and today's rule in turn with it |
//! | [`table`] | the counts as text |

// Each user takes its own part of it.
#![allow(dead_code, unreachable_pub)]

pub mod canned;
pub mod latency;
pub mod model;
pub mod posix;
pub mod real;
pub mod slaves;
pub mod table;
pub mod today;
pub mod traces;

/// Octets of the frames that are measured.
pub const SIZES: [usize; 4] = [16, 64, 256, 1280];

/// Which way frames go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// To the co-processor, which says nothing.
    To,
    /// From the co-processor, which is told nothing.
    From,
    /// Each frame to the co-processor comes back.
    Echo,
}

/// All of them, with their names.
pub const WAYS: [(Way, &str); 3] = [(Way::To, "to"), (Way::From, "from"), (Way::Echo, "echo")];

/// How often frames come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// One every ten milliseconds: the one before is long gone.
    Lone,
    /// As fast as they are taken.
    Load,
}
