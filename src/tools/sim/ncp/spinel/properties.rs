//! The table of everything that this co-processor offers: an OpenThread FTD NCP with the
//! capabilities of [`capabilities`], protocol §3.3 to §3.11. What is not here is PROP_NOT_FOUND.

use super::numbers::*;
use super::property::{Access, Effect, Property, When};
use super::shape::{Item, Shape};
use super::variant::Variant;

/// What CAPS says (protocol §4.2). No SLAAC: forming addresses is left to the host.
pub(crate) fn capabilities(variant: Variant) -> Vec<u32> {
    // COUNTERS, JAM_DETECT, UNSOL_UPDATE_FILTER, PCAP, 2450MHZ_OQPSK, CONFIG_FTD, ROLE_ROUTER, ROLE_SLEEPY,
    // NET_THREAD_1_1, NET_THREAD_1_2, MAC_ALLOWLIST, CHILD_SUPERVISION, THREAD_COMMISSIONER, THREAD_JOINER,
    // THREAD_BORDER_ROUTER, THREAD_SERVICE.
    let mut all = vec![
        5, 6, 12, 14, 24, 32, 48, 49, 53, 54, 512, 520, 1024, 1027, 1028, 1029,
    ];
    if variant.link_raw {
        all.push(MAC_RAW);
    }
    if variant.extras {
        // PEEK_POKE, GPIO, TRNG, CMD_MULTI, MCU_POWER_STATE, OOB_STEERING_DATA, MAC_RETRY_HISTOGRAM.
        all.extend([7, 9, 10, 11, 13, 514, 524]);
    }
    all.sort_unstable();
    all
}

/// Protocol §4.2.
const MAC_RAW: u32 = 513;

/// What NCP_VERSION says.
pub(crate) const VERSION: &str = concat!(
    "SPINEL-BRIDGE-SIM/",
    env!("CARGO_PKG_VERSION"),
    "; SIMULATION; FTD"
);

/// Sorted by id; [`Store`](super::store::Store) searches it.
pub(crate) static PROPERTIES: &[Property] = &[
    // Core
    row(LAST_STATUS, G, Shape::ReadOnly, &[]).computed(),
    row(PROTOCOL_VERSION, G, Shape::ReadOnly, &[]),
    row(NCP_VERSION, G, Shape::ReadOnly, &[]),
    row(INTERFACE_TYPE, G, Shape::ReadOnly, &[3]),
    row(VENDOR_ID, G, Shape::ReadOnly, &[0]),
    row(CAPS, G, Shape::ReadOnly, &[]),
    row(INTERFACE_COUNT, G, Shape::ReadOnly, &[1]),
    row(POWER_STATE, GS, Shape::Ignored, &[4]).write_when(When::Unimplemented),
    row(HWADDR, G, Shape::ReadOnly, &[]),
    row(LOCK, G, Shape::ReadOnly, &[]).read_when(When::Unimplemented),
    row(HOST_POWER_STATE, GS, BYTE, &[4]).effect(Effect::HostPower),
    row(MCU_POWER_STATE, GS, Shape::Uint8(0, 2), &[0])
        .effect(Effect::McuPower)
        .extra_to_write(),
    // PHY
    row(PHY_ENABLED, GS, Shape::Bool, &[0])
        .write_when(When::LinkRaw)
        .effect(Effect::RawLink),
    row(PHY_CHAN, GS, Shape::Channel, &[11])
        .credential()
        .effect(Effect::Channel),
    row(PHY_CHAN_SUPPORTED, GS, Shape::List(Item::Channel), &[]).effect(Effect::Supported),
    row(PHY_FREQ, G, Shape::ReadOnly, &[]),
    row(PHY_CCA_THRESHOLD, GS, Shape::Int8, &dbm(-74)),
    row(PHY_TX_POWER, GS, Shape::Int8, &[0]),
    row(PHY_RSSI, G, Shape::ReadOnly, &dbm(-95)),
    row(PHY_RX_SENSITIVITY, G, Shape::ReadOnly, &dbm(-100)),
    row(PHY_PCAP_ENABLED, GS, Shape::Bool, &[0]),
    row(PHY_CHAN_PREFERRED, G, Shape::List(Item::Channel), &[]),
    row(PHY_FEM_LNA_GAIN, GS, Shape::Int8, &[0]),
    row(PHY_CHAN_MAX_POWER, S, Shape::ChannelPower, &[]),
    row(PHY_REGION_CODE, GS, Shape::Uint16, &[0, 0]),
    // MAC
    row(MAC_SCAN_STATE, GS, Shape::Uint8(0, 3), &[0]).effect(Effect::Scan),
    row(MAC_SCAN_MASK, GS, Shape::List(Item::Channel), &[]),
    row(MAC_SCAN_PERIOD, GS, Shape::Uint16, &[200, 0]),
    row(MAC_15_4_LADDR, GS, Shape::Data(8), &[])
        .write_when(When::StackDown)
        .effect(Effect::ExtendedAddress),
    row(MAC_15_4_SADDR, G, Shape::ReadOnly, &[0xFE, 0xFF]),
    row(MAC_15_4_PANID, GS, Shape::Uint16, &[0xFF, 0xFF]).credential(),
    row(MAC_RAW_STREAM_ENABLED, GS, Shape::Bool, &[0]),
    row(MAC_PROMISCUOUS_MODE, GS, Shape::Uint8(0, 2), &[0])
        .write_when(When::RadioFree)
        .effect(Effect::Promiscuous),
    row(MAC_DATA_POLL_PERIOD, GS, Shape::Uint32, &long(236_000)).effect(Effect::PollPeriod),
    row(MAC_RX_ON_WHEN_IDLE_MODE, S, Shape::Bool, &[0]).write_when(When::Receiving),
    // NET
    row(NET_SAVED, G, Shape::ReadOnly, &[0]).computed(),
    row(NET_IF_UP, GS, Shape::Bool, &[0]).effect(Effect::Interface),
    row(NET_STACK_UP, GS, Shape::Bool, &[0]).effect(Effect::Stack),
    row(NET_ROLE, GS, BYTE, &[4]).effect(Effect::Role),
    row(NET_NETWORK_NAME, GS, Shape::Name(16), b"OpenThread\0").credential(),
    row(
        NET_XPANID,
        GS,
        Shape::Data(8),
        b"\xDE\xAD\0\xBE\xEF\0\xCA\xFE",
    )
    .credential(),
    row(NET_NETWORK_KEY, GS, Shape::Data(16), &[0; 16])
        .credential()
        .effect(Effect::NetworkKey),
    row(NET_KEY_SEQUENCE_COUNTER, GS, Shape::Uint32, &[0; 4]).effect(Effect::KeySequence),
    row(NET_PARTITION_ID, G, Shape::Uint32, &[0; 4]),
    row(NET_REQUIRE_JOIN_EXISTING, GS, Shape::Bool, &[0]).effect(Effect::JoinExisting),
    row(NET_KEY_SWITCH_GUARDTIME, GS, Shape::Hours, &long(624)),
    row(NET_PSKC, GS, Shape::Data(16), &[0; 16]).credential(),
    row(NET_LEAVE_GRACEFULLY, GS, Shape::Ignored, &[]).effect(Effect::Leave),
    // Thread
    row(THREAD_LEADER_ADDR, G, Shape::ReadOnly, &[]).read_when(When::Attached),
    row(THREAD_PARENT, G, Shape::ReadOnly, &[])
        .computed()
        .read_when(When::Child),
    row(THREAD_CHILD_TABLE, G, Shape::ReadOnly, &[]).computed(),
    row(THREAD_LEADER_RID, G, Shape::ReadOnly, &[0]),
    row(THREAD_LEADER_WEIGHT, G, Shape::ReadOnly, &[64]),
    row(THREAD_LOCAL_LEADER_WEIGHT, GS, BYTE, &[64]),
    row(THREAD_NETWORK_DATA, G, Shape::ReadOnly, &[]),
    row(THREAD_NETWORK_DATA_VERSION, G, Shape::ReadOnly, &[0]),
    row(THREAD_STABLE_NETWORK_DATA, G, Shape::ReadOnly, &[]),
    row(THREAD_STABLE_NETWORK_DATA_VERSION, G, Shape::ReadOnly, &[0]),
    row(THREAD_ON_MESH_NETS, GIR, Shape::List(Item::OnMeshNet), &[]).write_when(When::NetDataOpen),
    row(
        THREAD_OFF_MESH_ROUTES,
        GIR,
        Shape::List(Item::OffMeshRoute),
        &[],
    )
    .write_when(When::NetDataOpen),
    row(THREAD_ASSISTING_PORTS, GSIR, Shape::List(Item::Port), &[]),
    row(THREAD_ALLOW_LOCAL_NET_DATA_CHANGE, GS, Shape::Bool, &[0]).effect(Effect::NetDataGate),
    row(THREAD_MODE, GS, Shape::Uint8(0, 0x0F), &[0x0B]).effect(Effect::Mode),
    // IPv6
    row(IPV6_LL_ADDR, G, Shape::ReadOnly, &[]),
    row(IPV6_ML_ADDR, G, Shape::ReadOnly, &[]),
    row(IPV6_ML_PREFIX, GS, Shape::Prefix64, &MESH_LOCAL_PREFIX)
        .credential()
        .effect(Effect::MeshLocalPrefix),
    row(IPV6_ADDRESS_TABLE, GIR, Shape::List(Item::Address), &[]),
    row(IPV6_ROUTE_TABLE, G, Shape::ReadOnly, &[]).read_when(When::Unimplemented),
    row(IPV6_ICMP_PING_OFFLOAD, GS, Shape::Bool, &[1]).effect(Effect::PingOffload),
    row(
        IPV6_MULTICAST_ADDRESS_TABLE,
        GIR,
        Shape::List(Item::Group),
        &[],
    ),
    row(IPV6_ICMP_PING_OFFLOAD_MODE, GS, BYTE, &[4]).effect(Effect::PingOffloadMode),
    // Streams
    row(STREAM_NET, S, Shape::Datagram, &[]).effect(Effect::Datagram),
    row(STREAM_NET_INSECURE, S, Shape::Datagram, &[]).effect(Effect::DatagramInsecure),
    // Commissioning
    row(MESHCOP_JOINER_STATE, G, Shape::ReadOnly, &[0]),
    row(MESHCOP_JOINER_COMMISSIONING, S, Shape::Octets(512), &[]).effect(Effect::Joiner),
    row(MESHCOP_COMMISSIONER_STATE, GS, BYTE, &[0]).effect(Effect::Commissioner),
    row(MESHCOP_COMMISSIONER_JOINERS, GIR, Shape::ReadOnly, &[]).computed(),
    row(
        MESHCOP_COMMISSIONER_PROVISIONING_URL,
        GS,
        Shape::Text(64),
        &[0],
    ),
    row(MESHCOP_COMMISSIONER_SESSION_ID, G, Shape::ReadOnly, &[0, 0]),
    row(MESHCOP_JOINER_DISCERNER, GS, Shape::Discerner, &[0]),
    // Services
    row(SERVER_ALLOW_LOCAL_DATA_CHANGE, GS, Shape::Bool, &[0]).effect(Effect::NetDataGate),
    row(SERVER_SERVICES, GIR, Shape::List(Item::Service), &[]).write_when(When::ServicesOpen),
    row(SERVER_LEADER_SERVICES, G, Shape::ReadOnly, &[]).computed(),
    // Counters
    row(CNTR_RESET, S, Shape::Ignored, &[]).effect(Effect::ClearCounters),
    counter(1281),
    counter(1282),
    counter(1283),
    counter(1284),
    counter(1285),
    counter(1286),
    counter(1287),
    counter(1288),
    counter(1289),
    counter(1290),
    counter(1291),
    counter(1292),
    counter(1293),
    counter(1294),
    counter(1380),
    counter(1381),
    counter(1382),
    counter(1383),
    counter(1384),
    counter(1385),
    counter(1386),
    counter(1387),
    counter(1388),
    counter(1389),
    counter(1390),
    counter(1391),
    counter(1392),
    counter(1393),
    counter(1394),
    counter(1395),
    counter(1396),
    counter(1480),
    counter(1481),
    counter(1482),
    counter(1483),
    counter(1484),
    counter(1485),
    counter(1580),
    counter(1581),
    counter(1582),
    counter(1584),
    counter(1585),
    counter(1586),
    counter(1587),
    row(MSG_BUFFER_COUNTERS, G, Shape::ReadOnly, &MESSAGE_BUFFERS),
    composite(CNTR_ALL_MAC_COUNTERS),
    composite(CNTR_MLE_COUNTERS),
    composite(CNTR_ALL_IP_COUNTERS),
    composite(CNTR_MAC_RETRY_HISTOGRAM).extra(),
    // Radio: this one does not listen by the clock
    row(RCP_CSL_ACCURACY, G, Shape::ReadOnly, &[255]),
    row(RCP_CSL_UNCERTAINTY, G, Shape::ReadOnly, &[255]),
    // Core, second range
    row(GPIO_CONFIG, GI, Shape::ReadOnly, &[])
        .computed()
        .extra(),
    row(GPIO_STATE, GS, Shape::Octets(32), &[])
        .computed()
        .effect(Effect::Gpio)
        .extra(),
    row(GPIO_STATE_SET, S, Shape::Octets(32), &[])
        .effect(Effect::Gpio)
        .extra(),
    row(GPIO_STATE_CLEAR, S, Shape::Octets(32), &[])
        .effect(Effect::Gpio)
        .extra(),
    row(TRNG_32, G, Shape::ReadOnly, &[]).computed().extra(),
    row(TRNG_128, G, Shape::ReadOnly, &[]).computed().extra(),
    row(TRNG_RAW_32, G, Shape::ReadOnly, &[]).computed().extra(),
    row(UNSOL_UPDATE_FILTER, GSIR, Shape::List(Item::UpdateId), &[]).computed(),
    row(UNSOL_UPDATE_LIST, G, Shape::ReadOnly, &[]),
    // PHY, second range
    row(JAM_DETECT_ENABLE, GS, Shape::Bool, &[0]),
    row(JAM_DETECTED, G, Shape::ReadOnly, &[0]),
    row(JAM_DETECT_RSSI_THRESHOLD, GS, Shape::Int8, &[0]),
    row(JAM_DETECT_WINDOW, GS, Shape::Uint8(1, 63), &[63]),
    row(JAM_DETECT_BUSY, GS, Shape::Uint8(1, 63), &[63]),
    row(JAM_DETECT_HISTORY_BITMAP, G, Shape::ReadOnly, &[]).computed(),
    // MAC, second range
    row(MAC_ALLOWLIST, GSIR, Shape::List(Item::EuiRssi), &[]).effect(Effect::Allowlist),
    row(MAC_ALLOWLIST_ENABLED, GS, Shape::Bool, &[0]),
    row(MAC_EXTENDED_ADDR, G, Shape::ReadOnly, &[]),
    row(MAC_DENYLIST, GSIR, Shape::List(Item::Eui), &[]),
    row(MAC_DENYLIST_ENABLED, GS, Shape::Bool, &[0]),
    row(MAC_FIXED_RSS, GSIR, Shape::List(Item::FixedRss), &[]),
    row(MAC_CCA_FAILURE_RATE, G, Shape::ReadOnly, &[0, 0]),
    row(MAC_MAX_RETRY_NUMBER_DIRECT, GS, BYTE, &[15]),
    row(MAC_MAX_RETRY_NUMBER_INDIRECT, GS, BYTE, &[0]),
    // Thread, second range
    row(THREAD_CHILD_TIMEOUT, GS, Shape::Uint32, &long(240)),
    row(THREAD_RLOC16, G, Shape::ReadOnly, &[0xFE, 0xFF]),
    row(THREAD_ROUTER_UPGRADE_THRESHOLD, GS, BYTE, &[16]),
    row(THREAD_CONTEXT_REUSE_DELAY, GS, Shape::Uint32, &long(300)),
    row(THREAD_NETWORK_ID_TIMEOUT, GS, BYTE, &[120]),
    row(
        THREAD_ACTIVE_ROUTER_IDS,
        R,
        Shape::List(Item::RouterId),
        &[],
    )
    .write_when(When::Attached),
    row(THREAD_RLOC16_DEBUG_PASSTHRU, GS, Shape::Bool, &[0]),
    row(THREAD_ROUTER_ROLE_ENABLED, GS, Shape::Bool, &[1]).effect(Effect::RouterRole),
    row(THREAD_ROUTER_DOWNGRADE_THRESHOLD, GS, BYTE, &[23]),
    row(THREAD_ROUTER_SELECTION_JITTER, GS, BYTE, &[120]),
    row(THREAD_PREFERRED_ROUTER_ID, GS, Shape::Uint8(0, 62), &[0]).write_when(When::StackDown),
    row(THREAD_NEIGHBOR_TABLE, G, Shape::ReadOnly, &[]).computed(),
    row(THREAD_CHILD_COUNT_MAX, GS, Shape::Uint8(1, 128), &[128]).write_when(When::NoChildren),
    row(THREAD_LEADER_NETWORK_DATA, G, Shape::ReadOnly, &[]),
    row(THREAD_STABLE_LEADER_NETWORK_DATA, G, Shape::ReadOnly, &[]),
    row(THREAD_JOINERS, I, Shape::ReadOnly, &[]),
    row(THREAD_COMMISSIONER_ENABLED, GS, Shape::Bool, &[0]).effect(Effect::Commissioner),
    row(THREAD_DISCOVERY_SCAN_JOINER_FLAG, GS, Shape::Bool, &[0]),
    row(
        THREAD_DISCOVERY_SCAN_ENABLE_FILTERING,
        GS,
        Shape::Bool,
        &[0],
    ),
    row(
        THREAD_DISCOVERY_SCAN_PANID,
        GS,
        Shape::Uint16,
        &[0xFF, 0xFF],
    ),
    row(THREAD_STEERING_DATA, GS, Shape::Data(8), &[0; 8]).extra(),
    row(THREAD_ROUTER_TABLE, G, Shape::ReadOnly, &[]).computed(),
    row(THREAD_ACTIVE_DATASET, GS, Shape::Dataset, &[])
        .computed()
        .effect(Effect::ActiveDataset),
    row(THREAD_PENDING_DATASET, GS, Shape::Dataset, &[])
        .computed()
        .effect(Effect::PendingDataset),
    row(THREAD_MGMT_SET_ACTIVE_DATASET, S, Shape::Dataset, &[]).write_when(When::InterfaceUp),
    row(THREAD_MGMT_SET_PENDING_DATASET, S, Shape::Dataset, &[])
        .write_when(When::InterfaceUp)
        .effect(Effect::Announce),
    row(THREAD_CHILD_TABLE_ADDRESSES, G, Shape::ReadOnly, &[]).computed(),
    row(THREAD_NEIGHBOR_TABLE_ERROR_RATES, G, Shape::ReadOnly, &[]),
    row(THREAD_ADDRESS_CACHE_TABLE, G, Shape::ReadOnly, &[]),
    row(THREAD_MGMT_GET_ACTIVE_DATASET, S, Shape::Dataset, &[]).write_when(When::InterfaceUp),
    row(THREAD_MGMT_GET_PENDING_DATASET, S, Shape::Dataset, &[]).write_when(When::InterfaceUp),
    row(THREAD_NEW_DATASET, G, Shape::ReadOnly, &[]).computed(),
    row(THREAD_DOMAIN_NAME, GS, Shape::Text(16), b"DefaultDomain\0").write_when(When::StackDown),
    row(THREAD_ACTIVE_DATASET_TLVS, GS, Shape::Octets(TLVS_MAX), &[])
        .computed()
        .effect(Effect::ActiveTlvs),
    row(
        THREAD_PENDING_DATASET_TLVS,
        GS,
        Shape::Octets(TLVS_MAX),
        &[],
    )
    .computed()
    .effect(Effect::PendingTlvs),
    row(
        THREAD_MGMT_SET_PENDING_DATASET_TLVS,
        GS,
        Shape::Octets(TLVS_MAX),
        &[0; 4],
    )
    .write_when(When::InterfaceUp)
    .effect(Effect::AnnounceTlvs),
    // MeshCoP, second range: commands whose effects are elsewhere in the mesh
    row(
        MESHCOP_COMMISSIONER_ANNOUNCE_BEGIN,
        S,
        Shape::AtLeast(24),
        &[],
    )
    .write_when(When::Commissioning),
    row(MESHCOP_COMMISSIONER_ENERGY_SCAN, S, Shape::AtLeast(25), &[])
        .write_when(When::Commissioning),
    row(
        MESHCOP_COMMISSIONER_PAN_ID_QUERY,
        S,
        Shape::AtLeast(22),
        &[],
    )
    .write_when(When::Commissioning),
    row(MESHCOP_COMMISSIONER_MGMT_GET, S, Shape::Datagram, &[]).write_when(When::InterfaceUp),
    row(MESHCOP_COMMISSIONER_MGMT_SET, S, Shape::Datagram, &[]).write_when(When::InterfaceUp),
    row(
        MESHCOP_COMMISSIONER_GENERATE_PSKC,
        S,
        Shape::Octets(512),
        &[],
    ),
    // OpenThread
    row(CHILD_SUPERVISION_INTERVAL, GS, Shape::Uint16, &[129, 0]),
    row(
        CHILD_SUPERVISION_CHECK_TIMEOUT,
        GS,
        Shape::Uint16,
        &[190, 0],
    ),
    row(SUPPORTED_RADIO_LINKS, G, Shape::ReadOnly, &[0]),
    // Vendor
    row(NEST_STREAM_MFG, S, Shape::Octets(512), &[]).extra(),
    // Debug: assertions are off in this build, and there is no watchdog to trigger
    row(DEBUG_TEST_ASSERT, G, Shape::ReadOnly, &[0]),
    row(DEBUG_NCP_LOG_LEVEL, GS, Shape::Uint8(0, 7), &[2]).extra_to_write(),
    row(DEBUG_TEST_WATCHDOG, G, Shape::ReadOnly, &[]),
];

const G: Access = Access::G;
const S: Access = Access::S;
const I: Access = Access::I;
const R: Access = Access::R;
const GI: Access = Access::GI;
const GS: Access = Access::GS;
const GIR: Access = Access::GIR;
const GSIR: Access = Access::GSIR;

const BYTE: Shape = Shape::Uint8(0, 255);

const fn row(id: u32, access: Access, shape: Shape, initial: &'static [u8]) -> Property {
    Property::new(id, access, shape, initial)
}

const fn counter(id: u32) -> Property {
    Property::new(id, G, Shape::ReadOnly, &[0; 4])
}

/// Several counters in one, which any SET clears.
const fn composite(id: u32) -> Property {
    Property::new(id, GS, Shape::Ignored, &[])
        .computed()
        .effect(Effect::ClearCounters)
}

const fn dbm(level: i8) -> [u8; 1] {
    level.to_le_bytes()
}

const fn long(value: u32) -> [u8; 4] {
    value.to_le_bytes()
}

/// OpenThread's limit for a dataset (`OT_OPERATIONAL_DATASET_MAX_LENGTH`).
const TLVS_MAX: usize = 254;
/// OpenThread's default mesh-local prefix, fdde:ad00:beef::/64.
const MESH_LOCAL_PREFIX: [u8; 17] = [
    0xFD, 0xDE, 0xAD, 0x00, 0xBE, 0xEF, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 64,
];
/// 44 message buffers, all free (OpenThread's default), and seven empty queues.
const MESSAGE_BUFFERS: [u8; 32] = {
    let mut octets = [0; 32];
    octets[0] = 44;
    octets[2] = 44;
    octets
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_sorted_without_duplicates() {
        assert!(PROPERTIES.windows(2).all(|pair| pair[0].id < pair[1].id));
    }

    #[test]
    fn every_initial_value_passes_its_own_check() {
        for property in PROPERTIES {
            let lazy = property.initial.is_empty();
            let writable = property.access.offers(S) && !matches!(property.shape, Shape::Ignored);
            if writable && !lazy {
                let items = property.shape.check(property.initial);
                assert_eq!(
                    items,
                    Ok(vec![property.initial.to_vec()]),
                    "{}",
                    property.id
                );
            }
        }
    }
}
