//! What `spinelctl` is made of, without descriptors: its command line, its help, its output.

pub mod completion;
mod help;
mod options;
mod show;
mod wpantund;

pub use help::{help, help_of};
pub use options::{is_awaited, parse, Command, Invocation, Options, SILENCE, STATES};
pub use show::{event_line, rows, values};
pub use wpantund::text as wpantund;
