//! What travels on the wire, and nothing about when.
//!
//! One file per format. Each has a checked way in (it cannot panic, whatever the octets) and a
//! constructor that holds only what makes sense.

pub mod describe;
pub mod fcs;
pub mod ids;
pub mod netdata;
pub mod packed;
pub mod signature;
pub mod sniffed;
pub mod spi;
pub mod spinel;
