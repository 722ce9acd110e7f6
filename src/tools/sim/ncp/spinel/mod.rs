//! What the host sees: properties, their values, and what it is told unasked. Nothing here knows the
//! co-processor that it is a part of, or its network.

pub(super) mod dataset;
pub(super) mod numbers;
pub(super) mod pack;
pub(super) mod properties;
pub(super) mod property;
pub(super) mod shape;
pub(super) mod store;
pub(super) mod updates;
pub(super) mod variant;
