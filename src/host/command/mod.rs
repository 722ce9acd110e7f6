//! Commands to the co-processor, and the scripts of them that run.
//!
//! | file | what it knows |
//! | --- | --- |
//! | [`transact`] | TIDs, time-outs and retries (protocol §7.4) |
//! | `reply` | the answer to a command |
//! | `run`, `wait` | tasks: [`script`](super::script)s that run, and what they wait for |
//! | `command_line` | the output of OpenThread's command line |

pub(super) mod command_line;
pub(super) mod reply;
pub(super) mod run;
pub mod transact;
pub(super) mod wait;
