//! The faces: how the co-processor is presented, to a client in HDLC or whole frames, and to control clients. As pure as
//! the core. The largest face, the host driver, stands beside this folder: `host`.

pub mod ctl;
pub mod hdlc;
pub mod raw;
