//! What only a privileged client may ask for (draft §13), as data, and what nobody may.
//!
//! The socket is for the members of a group: they may manage the network. What could take the
//! co-processor over, crash it, or speak for the bridge itself is for root and for the users that the
//! configuration names.

use super::request::{Request, ResetKind};
use crate::wire::ids::{Access, Property};
use core::ops::RangeInclusive;

/// Whether only root, or who is allowed by the configuration, may ask for this.
pub fn needs_privilege(request: &Request) -> bool {
    match request {
        Request::Peek { .. }
        | Request::Poke { .. }
        | Request::Mfg(_)
        | Request::CommandLine(_)
        | Request::Upgrade => true,
        Request::Reset(kind) => *kind == ResetKind::Bootloader,
        Request::Get(property) => property.info().is_none() || contains(READING, *property),
        Request::Set(property, _) => writing_needs(*property, Access::SET),
        Request::Insert(property, _) => writing_needs(*property, Access::INSERT),
        Request::Remove(property, _) => writing_needs(*property, Access::REMOVE),
        _ => false,
    }
}

/// Whether nobody may write this property here: the streams carry raw frames and packets, but for the
/// command line.
pub fn is_never_written(property: Property) -> bool {
    contains(NEVER_WRITTEN, property)
}

/// The operation is not in our table: a vendor's firmware may know it, and root may try.
fn writing_needs(property: Property, operation: Access) -> bool {
    let listed = matches!(property.info(), Some(info) if info.access.contains(operation));
    !listed || contains(WRITING, property)
}

fn contains(table: &[Numbers], property: Property) -> bool {
    table.iter().any(|numbers| numbers.contains(&property.0))
}

type Numbers = RangeInclusive<u32>;

const fn one(property: Property) -> Numbers {
    property.0..=property.0
}

const fn range(first: Property, last: Property) -> Numbers {
    first.0..=last.0
}

/// Reading these crashes or hangs the co-processor (protocol §3.11).
const READING: &[Numbers] = &[
    one(Property::DEBUG_TEST_ASSERT),
    one(Property::DEBUG_TEST_WATCHDOG),
];

/// Who writes these gets raw frames, drives the radio, changes the identity or the transport of the
/// co-processor, or freezes it.
const WRITING: &[Numbers] = &[
    one(Property::HWADDR),
    one(Property::LOCK),
    one(Property::PHY_ENABLED),
    range(
        Property::PHY_CHAN_MAX_POWER,
        Property::PHY_CHAN_TARGET_POWER,
    ),
    range(
        Property::MAC_RAW_STREAM_ENABLED,
        Property::MAC_PROMISCUOUS_MODE,
    ),
    one(Property::MAC_15_4_SADDR),
    range(Property::MAC_RX_ON_WHEN_IDLE_MODE, Property::MAC_RX_AT),
    range(Property::RCP_API_VERSION, Property::RCP_LOG_CRASH_DUMP),
    range(Property::UART_BITRATE, Property::UART_XON_XOFF),
    // The MAC's own settings (protocol §3.1), which include whether anything is encrypted.
    1024..=1279,
    // The whole of the ranges for RCP and for multi-PAN (protocol §3.1), whatever comes into them; and
    // those of the infrastructure interface and of DNS-SD, who speaks there for the host.
    2048..=2335,
    2352..=2383,
    range(
        Property::MAC_SRC_MATCH_ENABLED,
        Property::MAC_SRC_MATCH_EXTENDED_ADDRESSES,
    ),
    one(Property::THREAD_RLOC16_DEBUG_PASSTHRU),
    // A command line, on which everything can be said.
    one(Property::STREAM_CLI),
    // Vendors and debug, to the end of the numbers (protocol §3.1).
    15_296..=crate::wire::packed::UINT_PACKED_MAX,
];

/// Streams (protocol §3.9, and those of TMF and UDP).
const NEVER_WRITTEN: &[Numbers] = &[
    range(Property::STREAM_DEBUG, Property::STREAM_LOG),
    118..=127,
    one(Property::THREAD_TMF_PROXY_STREAM),
    one(Property::THREAD_UDP_FORWARD_STREAM),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::ids::PROPERTIES;

    #[test]
    fn verbs() {
        for (request, needs) in [
            (Request::Status, false),
            (Request::Leave, false),
            (Request::Mfg("reboot".into()), true),
            (Request::CommandLine("state".into()), true),
            (Request::Upgrade, true),
            (
                Request::Peek {
                    address: 0,
                    count: 1,
                },
                true,
            ),
            (
                Request::Poke {
                    address: 0,
                    octets: vec![0],
                },
                true,
            ),
            (Request::Reset(ResetKind::Soft), false),
            (Request::Reset(ResetKind::Bootloader), true),
        ] {
            assert_eq!(needs_privilege(&request), needs, "{request:?}");
        }
    }

    #[test]
    fn properties() {
        let get = |property| needs_privilege(&Request::Get(property));
        let set = |property| needs_privilege(&Request::Set(property, vec![]));
        assert!(!get(Property::NET_NETWORK_KEY) && !set(Property::NET_NETWORK_KEY));
        assert!(!set(Property::PHY_CHAN) && !set(Property::PHY_TX_POWER));
        assert!(get(Property::DEBUG_TEST_ASSERT) && get(Property(20_000)));
        assert!(!get(Property::DEBUG_NCP_LOG_LEVEL) && set(Property::DEBUG_NCP_LOG_LEVEL));
        assert!(set(Property::RCP_MAC_KEY) && set(Property(2100)) && set(Property::PHY_ENABLED));
        assert!(set(Property::INFRA_IF_RECV_ICMP6) && set(Property::DNSSD_SRV_RESULT));
        assert!(!set(Property::SRP_SERVER_ENABLED) && !set(Property::BACKBONE_ROUTER_ENABLE));
        assert!(!set(Property::BORDER_AGENT_EPHEMERAL_KEY_ACTIVATE));
        // Not in the table as writable: a role is read, or a vendor's own.
        assert!(set(Property::NCP_VERSION) && !set(Property::NET_ROLE));
        let item = |request: fn(Property, Vec<u8>) -> Request, property| {
            needs_privilege(&request(property, vec![]))
        };
        assert!(!item(Request::Insert, Property::MAC_ALLOWLIST));
        assert!(item(Request::Insert, Property::NET_ROLE));
        assert!(!item(Request::Remove, Property::THREAD_ACTIVE_ROUTER_IDS));
    }

    #[test]
    fn every_stream_that_is_written_in_firmware_is_closed() {
        for row in PROPERTIES.iter() {
            let stream = row.name.contains("STREAM") && row.access.contains(Access::EVENTS);
            let closed = is_never_written(row.id) || row.id == Property::STREAM_CLI;
            assert!(!stream || closed, "{}", row.name);
        }
        assert!(!is_never_written(Property::STREAM_CLI));
        assert!(needs_privilege(&Request::Set(Property::STREAM_CLI, vec![])));
        assert!(!is_never_written(Property::MAC_RAW_STREAM_ENABLED));
    }
}
