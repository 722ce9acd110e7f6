//! Packets between the interface and the network.
//!
//! | file | what it knows |
//! | --- | --- |
//! | [`packet`] | which packets pass (protocol §7.7) |
//! | `slots` | packets on their way, and their pace (§7.7, §7.9) |

pub mod packet;
pub(super) mod slots;
