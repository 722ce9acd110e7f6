//! Beside the way of a frame: a co-processor to try all with, the check of the hardware, captures.

pub mod check;
pub mod pcapng;
pub mod sim;
