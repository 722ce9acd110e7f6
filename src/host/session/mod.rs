//! The session with the co-processor: how it begins, what is known of it, and what is done when it does not do what it
//! should.
//!
//! | file | what it knows |
//! | --- | --- |
//! | `startup` | the handshake, and failing it (protocol §7.3) |
//! | `recover` | resets, misbehaviour, liveness, firmware (§7.2, §7.4, §7.12) |
//! | `fault` | giving up, and what leads out of that (§7.2) |
//! | `state` | the states and what leads from one to another (§7.2) |
//! | `keep` | what a reset of the co-processor must not lose |

pub(super) mod fault;
pub(super) mod keep;
pub(super) mod recover;
pub(super) mod startup;
pub(super) mod state;

use crate::host::script::Reset;
use crate::time::Instant;

/// How far the co-processor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::host) enum Phase {
    /// Step 1: a reset was triggered, its notification is awaited.
    Resetting {
        until: Instant,
    },
    /// Step 2.
    Pausing {
        until: Instant,
    },
    /// Steps 3 to 12.
    Asking,
    /// Step 4: the command that checks the firmware runs.
    Checking,
    /// An attempt failed; a reset follows.
    Retrying {
        until: Instant,
        reset: Reset,
    },
    Upgrading,
    Ready,
    /// The host put it to sleep; from `quiet_at` on it is to be silent.
    Asleep {
        quiet_at: Instant,
    },
    Fault,
    /// The transport is lost, and looked for by who has it.
    Gone,
}

/// Protocol §7.3: more failures than these mean FAULT.
pub(in crate::host) const FAILURES_MAX: u32 = 3;
