//! Commands to the co-processor, and the scripts of them that run.
//!
//! | file | what it knows |
//! | --- | --- |
//! | [`transact`] | TIDs, time-outs and retries (protocol §7.4) |
//! | `reply` | the answer to a command |
//! | `task`, `run` | tasks: [`script`](super::script)s that run, and what they want of the rest of the host |
//! | `judge` | what an answer means for the task |
//! | `wait`, `listen` | what tasks wait for, and what they hear |
//! | `command_line` | the output of OpenThread's command line |

pub(super) mod command_line;
mod judge;
mod listen;
pub(super) mod reply;
pub(super) mod run;
pub(super) mod task;
pub mod transact;
pub(super) mod wait;

/// Whose command it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    Startup,
    Task(u32),
    Netif,
    Refresh,
    Alive,
    /// An answer to what the co-processor asked for: it need say nothing to that.
    Answer,
    /// A packet whose sender wants to know whether there was room for it.
    Packet,
    /// LAST_STATUS was asked for because the transport saw a sign of a reset.
    Hint,
}
