//! The core: formats, the link engine, the bridge, and small things that all share. Pure: no descriptor, no clock, nothing of
//! the command line.

pub mod bridge;
pub mod buffer;
pub mod bus;
pub mod error;
pub mod link;
pub mod nearest;
pub mod number;
pub mod time;
pub mod trace;
pub mod wire;
