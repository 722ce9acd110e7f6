//! The network, piece by piece: each owns its state and says what is due. None knows the co-processor that
//! it is a part of; that routes between them.

pub(super) mod air;
pub(super) mod attach;
pub(super) mod lowpan;
pub(super) mod mesh;
pub(super) mod mle;
pub(super) mod net;
pub(super) mod netdata;
pub(super) mod ping;
pub(super) mod scan;
