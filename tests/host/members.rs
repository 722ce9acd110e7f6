//! What a member of the control socket's group can write, and why the driver does not go wrong over it: each property
//! that can be written has its place here, and is held to it. A new one wants an answer first: does something that the
//! driver believes or does rest on it?

use crate::host_world::{octets, Trace};
use spinel_bridge::ctl::privilege::{is_never_written, needs_privilege};
use spinel_bridge::ctl::request::Scan;
use spinel_bridge::ctl::{Answer, Code, Request};
use spinel_bridge::host::known::{State, REMEMBERED};
use spinel_bridge::time::Duration;
use spinel_bridge::wire::ids::{Access, Property, PROPERTIES};
use std::collections::BTreeSet;

/// Root's alone: it takes the co-processor over, freezes it or its radio, or speaks in the driver's place.
const ROOT: &str = "LOCK PHY_ENABLED PHY_CHAN_MAX_POWER PHY_REGION_CODE PHY_CALIBRATED_POWER PHY_CHAN_TARGET_POWER \
    MAC_15_4_SADDR MAC_RAW_STREAM_ENABLED MAC_PROMISCUOUS_MODE MAC_RX_ON_WHEN_IDLE_MODE MAC_15_4_ALT_SADDR MAC_RX_AT \
    STREAM_CLI RCP_LOG_CRASH_DUMP UART_BITRATE UART_XON_XOFF 15_4_PIB_MAC_PROMISCUOUS_MODE \
    15_4_PIB_MAC_SECURITY_ENABLED RCP_MAC_KEY RCP_MAC_FRAME_COUNTER RCP_ENH_ACK_PROBING \
    MULTIPAN_ACTIVE_INTERFACE INFRA_IF_STATE INFRA_IF_RECV_ICMP6 DNSSD_STATE DNSSD_REQUEST_RESULT \
    DNSSD_BROWSE_RESULT DNSSD_SRV_RESULT DNSSD_TXT_RESULT DNSSD_IP6_ADDRESS_RESULT DNSSD_IP4_ADDRESS_RESULT \
    MAC_SRC_MATCH_ENABLED MAC_SRC_MATCH_SHORT_ADDRESSES MAC_SRC_MATCH_EXTENDED_ADDRESSES \
    THREAD_RLOC16_DEBUG_PASSTHRU NEST_STREAM_MFG NEST_LEGACY_ULA_PREFIX DEBUG_NCP_LOG_LEVEL \
    DEBUG_LOG_TIMESTAMP_BASE DEBUG_TREL_TEST_MODE_ENABLE";

/// Nobody's: frames and packets are the driver's to send.
const NOBODY: &str =
    "STREAM_RAW STREAM_NET STREAM_NET_INSECURE THREAD_TMF_PROXY_STREAM THREAD_UDP_FORWARD_STREAM";

/// Refused where the driver would not know of it, with the verb that does it: who sleeps, what is not told, and memory
/// that this host does not lend.
const REFUSED: &str =
    "POWER_STATE HBO_MEM_MAX HBO_BLOCK_MAX HOST_POWER_STATE MCU_POWER_STATE UNSOL_UPDATE_FILTER";

/// The driver remembers it, and what is written is told or asked for (`host::known`, whose table says by whom). Members
/// of the dataset are refused while a network is stored.
const KNOWN: &str = "PHY_CHAN PHY_CHAN_SUPPORTED MAC_15_4_LADDR MAC_15_4_PANID NET_IF_UP NET_STACK_UP NET_ROLE \
    NET_NETWORK_NAME NET_XPANID NET_NETWORK_KEY NET_KEY_SEQUENCE_COUNTER NET_PARTITION_ID THREAD_ON_MESH_NETS \
    THREAD_OFF_MESH_ROUTES THREAD_ASSISTING_PORTS THREAD_MODE IPV6_ML_PREFIX IPV6_ADDRESS_TABLE \
    IPV6_MULTICAST_ADDRESS_TABLE SERVER_SERVICES SLAAC_ENABLED";

/// A request of somebody else may rest on it, which has it for as long as it runs; otherwise nothing does.
const HELD: &str =
    "PHY_PCAP_ENABLED MAC_SCAN_STATE MAC_SCAN_MASK MAC_SCAN_PERIOD NET_REQUIRE_JOIN_EXISTING \
    THREAD_ALLOW_LOCAL_NET_DATA_CHANGE SERVER_ALLOW_LOCAL_DATA_CHANGE THREAD_DISCOVERY_SCAN_JOINER_FLAG \
    THREAD_DISCOVERY_SCAN_ENABLE_FILTERING THREAD_DISCOVERY_SCAN_PANID MESHCOP_JOINER_COMMISSIONING";

/// The network's, which members may manage: its credentials, who joins, who routes, what it offers. What comes of it the
/// co-processor tells (NET_ROLE, NET_SAVED and the values of the dataset), and the kernel is guarded against it
/// (`netif::trust`).
const NETWORK: &str = "NET_PSKC NET_LEAVE_GRACEFULLY NET_KEY_SWITCH_GUARDTIME THREAD_LOCAL_LEADER_WEIGHT \
    MESHCOP_COMMISSIONER_STATE MESHCOP_COMMISSIONER_JOINERS MESHCOP_COMMISSIONER_PROVISIONING_URL \
    MESHCOP_JOINER_DISCERNER SRP_SERVER_ENABLED SRP_SERVER_AUTO_ENABLE_MODE BORDER_AGENT_EPHEMERAL_KEY_ENABLE \
    BORDER_AGENT_EPHEMERAL_KEY_ACTIVATE BORDER_AGENT_EPHEMERAL_KEY_DEACTIVATE BACKBONE_ROUTER_ENABLE \
    BORDER_ROUTER_DHCP6_PD_ENABLE BORDER_ROUTER_DHCP6_PD_PREFIX THREAD_ACTIVE_ROUTER_IDS THREAD_JOINERS \
    THREAD_COMMISSIONER_ENABLED THREAD_TMF_PROXY_ENABLED THREAD_STEERING_DATA THREAD_ACTIVE_DATASET \
    THREAD_PENDING_DATASET THREAD_MGMT_SET_ACTIVE_DATASET THREAD_MGMT_SET_PENDING_DATASET \
    THREAD_MGMT_GET_ACTIVE_DATASET THREAD_MGMT_GET_PENDING_DATASET THREAD_ACTIVE_DATASET_TLVS \
    THREAD_PENDING_DATASET_TLVS THREAD_MGMT_SET_PENDING_DATASET_TLVS THREAD_DOMAIN_NAME THREAD_MLR_REQUEST \
    THREAD_DUA_ID THREAD_BACKBONE_ROUTER_LOCAL_STATE THREAD_BACKBONE_ROUTER_LOCAL_CONFIG \
    THREAD_BACKBONE_ROUTER_LOCAL_REGISTER THREAD_BACKBONE_ROUTER_LOCAL_REGISTRATION_JITTER \
    MESHCOP_COMMISSIONER_ANNOUNCE_BEGIN MESHCOP_COMMISSIONER_ENERGY_SCAN MESHCOP_COMMISSIONER_PAN_ID_QUERY \
    MESHCOP_COMMISSIONER_MGMT_GET MESHCOP_COMMISSIONER_MGMT_SET MESHCOP_COMMISSIONER_GENERATE_PSKC \
    CHANNEL_MANAGER_NEW_CHANNEL CHANNEL_MANAGER_DELAY CHANNEL_MANAGER_SUPPORTED_CHANNELS \
    CHANNEL_MANAGER_FAVORED_CHANNELS CHANNEL_MANAGER_CHANNEL_SELECT CHANNEL_MANAGER_AUTO_SELECT_ENABLED \
    CHANNEL_MANAGER_AUTO_SELECT_INTERVAL SRP_CLIENT_START SRP_CLIENT_LEASE_INTERVAL \
    SRP_CLIENT_KEY_LEASE_INTERVAL SRP_CLIENT_HOST_NAME SRP_CLIENT_HOST_ADDRESSES SRP_CLIENT_SERVICES \
    SRP_CLIENT_HOST_SERVICES_REMOVE SRP_CLIENT_HOST_SERVICES_CLEAR SRP_CLIENT_SERVICE_KEY_ENABLED";

/// How well or how far it is heard, and by whom: a network that is lost over it is told as such.
const REACH: &str = "PHY_CCA_THRESHOLD PHY_TX_POWER PHY_FEM_LNA_GAIN MAC_DATA_POLL_PERIOD MAC_ALLOWLIST \
    MAC_ALLOWLIST_ENABLED MAC_DENYLIST MAC_DENYLIST_ENABLED MAC_FIXED_RSS MAC_MAX_RETRY_NUMBER_DIRECT \
    MAC_MAX_RETRY_NUMBER_INDIRECT RADIO_COEX_ENABLE THREAD_CHILD_TIMEOUT THREAD_ROUTER_UPGRADE_THRESHOLD \
    THREAD_CONTEXT_REUSE_DELAY THREAD_NETWORK_ID_TIMEOUT THREAD_ROUTER_ROLE_ENABLED \
    THREAD_ROUTER_DOWNGRADE_THRESHOLD THREAD_ROUTER_SELECTION_JITTER THREAD_PREFERRED_ROUTER_ID \
    THREAD_CHILD_COUNT_MAX THREAD_CSL_PERIOD THREAD_CSL_TIMEOUT THREAD_CSL_CHANNEL THREAD_WAKEUP_CHANNEL \
    THREAD_LINK_METRICS_QUERY THREAD_LINK_METRICS_PROBE THREAD_LINK_METRICS_MGMT_ENH_ACK \
    THREAD_LINK_METRICS_MGMT_FORWARD TIME_SYNC_PERIOD TIME_SYNC_XTAL_THRESHOLD CHILD_SUPERVISION_INTERVAL \
    CHILD_SUPERVISION_CHECK_TIMEOUT";

/// Counted, measured or switched at the co-processor, and nothing in the driver rests on it.
const APART: &str = "IPV6_ICMP_PING_OFFLOAD IPV6_ICMP_PING_OFFLOAD_MODE CNTR_RESET CNTR_ALL_MAC_COUNTERS \
    CNTR_MLE_COUNTERS CNTR_ALL_IP_COUNTERS CNTR_MAC_RETRY_HISTOGRAM GPIO_CONFIG GPIO_STATE GPIO_STATE_SET \
    GPIO_STATE_CLEAR JAM_DETECT_ENABLE JAM_DETECT_RSSI_THRESHOLD JAM_DETECT_WINDOW JAM_DETECT_BUSY";

fn of(list: &str) -> BTreeSet<Property> {
    let names = list.split_whitespace();
    names.map(|name| name.parse().expect(name)).collect()
}

/// All ways of writing to a property that the table of the protocol has.
fn writes(property: Property) -> Vec<Request> {
    let access = property.info().expect("a row").access;
    let mut ways = Vec::new();
    if access.contains(Access::SET) {
        ways.push(Request::Set(property, vec![]));
    }
    if access.contains(Access::INSERT) {
        ways.push(Request::Insert(property, vec![]));
    }
    if access.contains(Access::REMOVE) {
        ways.push(Request::Remove(property, vec![]));
    }
    ways
}

#[test]
fn each_property_that_can_be_written_has_its_place() {
    let lists = [ROOT, NOBODY, REFUSED, KNOWN, HELD, NETWORK, REACH, APART];
    let mut placed = BTreeSet::new();
    for property in lists.into_iter().flat_map(of) {
        assert!(placed.insert(property), "{property} has two places");
    }
    let writable: BTreeSet<Property> = PROPERTIES
        .iter()
        .map(|row| row.id)
        .filter(|property| !writes(*property).is_empty())
        .collect();
    let missing: Vec<_> = writable.difference(&placed).collect();
    assert!(missing.is_empty(), "no place: {missing:?}");
    let surplus: Vec<_> = placed.difference(&writable).collect();
    assert!(surplus.is_empty(), "cannot be written: {surplus:?}");

    for property in placed {
        let is_root = of(ROOT).contains(&property);
        for request in writes(property) {
            assert_eq!(needs_privilege(&request), is_root, "{request:?}");
        }
        // A line for the command line is a frame that root may say.
        let is_nobodys = of(NOBODY).contains(&property);
        assert_eq!(is_never_written(property), is_nobodys, "{property}");
        let is_known = of(KNOWN).contains(&property) || property == Property::MCU_POWER_STATE;
        assert_eq!(REMEMBERED.contains(&property), is_known, "{property}");
    }
}

/// Of a co-processor that has everything.
fn able() -> Trace {
    let mut trace = Trace::new(Default::default());
    // POWER_SAVE, MCU_POWER_STATE, HBO, UNSOL_UPDATE_FILTER, COUNTERS, PCAP, CONFIG_FTD.
    let capabilities = [4, 13, 0x0E, 12, 5, 8, 32, 48, 1];
    trace.values.push((5, capabilities.to_vec()));
    trace.handshake();
    trace
}

#[test]
fn what_the_driver_would_not_know_of_is_refused() {
    for (property, value, verb) in [
        // Packets would be held back.
        (Property::HOST_POWER_STATE, "01", "host-sleep"),
        (Property::HOST_POWER_STATE, "03", "host-sleep"),
        (Property::MCU_POWER_STATE, "01", "begin-low-power"),
        (Property::MCU_POWER_STATE, "02", "begin-low-power"),
        // The role, LAST_STATUS.
        (Property::UNSOL_UPDATE_FILTER, "43", "rests on its updates"),
        (Property::UNSOL_UPDATE_FILTER, "00", "rests on its updates"),
    ] {
        let mut trace = able();
        trace.request(1, Request::Set(property, octets(value)));
        match &trace.answers(1)[..] {
            [Answer::Failed(failure)] => {
                assert_eq!(failure.code, Code::Denied, "{failure:?}");
                assert!(failure.message.contains(verb), "{failure:?}");
            }
            other => panic!("{property} {value}: {other:?}"),
        }
        trace.serve();
        assert!(!trace
            .sent
            .iter()
            .any(|frame| frame[1] == 3 && frame[2] == property.0 as u8));
    }
    for (property, value) in [
        (Property::HOST_POWER_STATE, "04"),
        (Property::MCU_POWER_STATE, "00"),
    ] {
        let mut trace = able();
        trace.request(1, Request::Set(property, octets(value)));
        trace.serve();
        assert_eq!(trace.failed(1), None, "{property}");
    }
}

/// A scan that somebody else ends, or whose channels they change, would come to a wrong end without a word.
#[test]
fn what_runs_keeps_what_it_rests_on() {
    let scan = Request::Scan(Scan {
        channels: Some(1 << 15),
        ..match crate::scan() {
            Request::Scan(scan) => scan,
            _ => unreachable!(),
        }
    });
    let mut trace = Trace::ready();
    trace.request(1, scan);
    trace.serve();
    for (property, value) in [
        (Property::MAC_SCAN_STATE, "00"),
        (Property::MAC_SCAN_MASK, "0B"),
        (Property::MAC_SCAN_PERIOD, "01 00"),
    ] {
        trace.request(2, Request::Set(property, octets(value)));
        assert_eq!(trace.failed(2), Some(Code::Busy), "{property}");
    }
    // It is over, and they are anybody's again.
    trace.send("80 06 30 00");
    trace.serve();
    assert!(matches!(trace.answers(1)[..], [Answer::Done]));
    trace.request(2, Request::Set(Property::MAC_SCAN_PERIOD, octets("01 00")));
    trace.serve();
    assert_eq!(trace.failed(2), None);
}

#[test]
fn who_listens_to_the_radio_goes_on_to() {
    let mut trace = able();
    trace.request(
        1,
        Request::Sniff {
            channel: None,
            promiscuous: false,
        },
    );
    trace.serve();
    let copies = trace.was_sent("03 28 01");
    let (property, off) = match copies {
        true => (Property::PHY_PCAP_ENABLED, "00"),
        false => (Property::MAC_RAW_STREAM_ENABLED, "00"),
    };
    trace.request(2, Request::Set(property, octets(off)));
    assert_eq!(trace.failed(2), Some(Code::Busy), "{property}");
    trace.host.cancel(spinel_bridge::ctl::Ticket(1));
    trace.serve();
    trace.request(2, Request::Set(property, octets(off)));
    trace.serve();
    assert_ne!(trace.failed(2), Some(Code::Busy));
}

/// What a join would take back at its end is not for others meanwhile.
#[test]
fn a_join_that_runs_is_not_pulled_from_under_itself() {
    let mut trace = Trace::ready();
    trace.request(1, Request::Join(crate::network()));
    trace.serve();
    assert_eq!(trace.host.known().state, State::Associating);
    trace.request(2, Request::Set(Property::NET_STACK_UP, octets("00")));
    assert_eq!(trace.failed(2), Some(Code::Busy));
    // It ends, and whoever waits is served.
    trace.idle_for(Duration::from_secs(600));
    assert!(trace.failed(1).is_some());
    trace.request(2, Request::Set(Property::NET_STACK_UP, octets("00")));
    trace.serve();
    assert_eq!(trace.failed(2), None);
}
