//! The names that `wpanctl` users know for properties (protocol §8.4), so that `getprop
//! Network:Name` works here, too. Values are written in the property's own signature all the same.

use super::request::StatusName;
use super::{Code, Failure};
use crate::ctl::verbs::nearest;
use crate::nearest::NAME_MAX;
use crate::wire::ids::{Property, PROPERTIES};

/// What a property's name means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// A property of the co-processor.
    Property(Property),
    /// Something that the host itself knows.
    Status(StatusName),
}

/// Looks a name up: Spinel's in any case, with or without `PROP_`; a number, decimal or hex; or
/// wpantund's, in any case.
///
/// # Errors
/// [`Code::Usage`] with what was probably meant, or [`Code::NotSupported`] for a name of wpantund's
/// that has no counterpart here.
pub fn lookup(name: &str) -> Result<Named, Failure> {
    if let Ok(property) = name.parse() {
        return Ok(Named::Property(property));
    }
    if let Some(plain) = OTHER_FORMS
        .into_iter()
        .find_map(|end| strip_suffix(name, end))
    {
        if FOREIGN
            .iter()
            .all(|(start, _)| strip_prefix(name, start).is_none())
        {
            return lookup(plain);
        }
    }
    if let Some(counter) = strip_prefix(name, COUNTER) {
        if let Ok(property) = format!("CNTR_{counter}").parse() {
            return Ok(Named::Property(property));
        }
    }
    let found = NAMES
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name));
    if let Some(&(_, property)) = found {
        return Ok(Named::Property(property));
    }
    let status = StatusName::ALL
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name));
    if let Some(&(_, status)) = status {
        return Ok(Named::Status(status));
    }
    Err(unknown(name))
}

/// All names of wpantund's that mean a property.
pub fn names() -> impl Iterator<Item = &'static str> {
    NAMES.iter().map(|row| row.0)
}

fn unknown(name: &str) -> Failure {
    let shown: String = name.chars().take(NAME_MAX).collect();
    let shown = super::line::quoted(&shown);
    if let Some(why) = why_not(name) {
        return Failure::new(
            Code::NotSupported,
            format!("{shown} of wpantund is no property here: {why}"),
        );
    }
    let names = PROPERTIES.iter().map(|row| row.name).chain(names());
    let hint = match nearest(name, names) {
        Some(name) => format!("did you mean {name}?"),
        None => "spinelctl list shows what is known, and a number will do".to_owned(),
    };
    Failure::new(Code::Usage, format!("there is no property {shown}: {hint}"))
}

/// Why one of wpantund's names means no property, and what is instead of it.
pub fn why_not(name: &str) -> Option<&'static str> {
    let found = FOREIGN
        .iter()
        .find(|(start, _)| strip_prefix(name, start).is_some());
    found.map(|(_, why)| *why)
}

fn strip_suffix<'n>(name: &'n str, suffix: &str) -> Option<&'n str> {
    let at = name.len().checked_sub(suffix.len())?;
    let same = name.get(at..)?.eq_ignore_ascii_case(suffix);
    same.then(|| &name[..at])
}

fn strip_prefix<'n>(name: &'n str, prefix: &str) -> Option<&'n str> {
    let front = name.get(..prefix.len())?;
    let same = front.eq_ignore_ascii_case(prefix);
    same.then(|| &name[prefix.len()..])
}

/// Before the name of a counter.
const COUNTER: &str = "NCP:Counter:";

/// How names end that give the same value in another form.
const OTHER_FORMS: [&str; 2] = [":AsValMap", ":AsString"];

/// Why a name is no property that is a key of the configuration file.
pub const SETTING: &str =
    "it is a setting of the driver, which its command line or configuration file has";

/// How names begin that are wpantund's alone, and what is instead of them here. The first that fits counts.
const FOREIGN: &[(&str, &str)] = &[
    ("Config:", SETTING),
    ("Daemon:ReadyForHostSleep", "the host sleeps when it wants to: spinelctl host-sleep tells the driver"),
    ("Daemon:OnMeshPrefix:AutoAddAsInterfaceRoute", "on-mesh prefixes always become routes of the interface"),
    ("Daemon:", SETTING),
    ("Dataset", "a dataset is written whole: see getprop and setprop of THREAD_ACTIVE_DATASET, form and join"),
    ("Debug:IPv6:GlobalIPAddressList", "`ip -6 addr show` has the addresses of the interface"),
    ("Stat:", "spinelctl counters and monitor, or `ip -s link`, have the statistics"),
    ("IPv6:Routes", "`ip -6 route show dev` and the interface has them"),
    ("IPv6:SetSLAACForAutoAddedPrefix", "add the prefix with the flag instead: spinelctl config-gateway"),
    ("OpenThread:SteeringData:SetWhenJoinable", "spinelctl permit-join opens the network; steering data is set by setprop"),
    ("NCP:TXPowerLimit", "the co-processor has no such property: set NCP:TXPower"),
    ("Thread:Config:FilterALOCAddresses", "anycast locators come and go with routing locators: show-rloc"),
    ("Thread:Config:", SETTING),
    ("LinkMetrics:", "spinelctl monitor shows what the co-processor tells of link metrics"),
    ("com.nestlabs.internal:Network:PassthruPort", "spinelctl permit-join has the port as an argument, the driver has --commissioning-port"),
    ("com.nestlabs.", "it is for Nest's own firmware, which no Spinel property describes"),
];

/// wpantund's names and Spinel's properties (protocol §8.4).
#[rustfmt::skip] // a table
const NAMES: &[(&str, Property)] = &[
    ("0x43", Property::NET_ROLE),
    ("ChannelManager:AutoSelect:Enabled", Property::CHANNEL_MANAGER_AUTO_SELECT_ENABLED),
    ("ChannelManager:AutoSelect:Interval", Property::CHANNEL_MANAGER_AUTO_SELECT_INTERVAL),
    ("ChannelManager:ChannelSelect", Property::CHANNEL_MANAGER_CHANNEL_SELECT),
    ("ChannelManager:Delay", Property::CHANNEL_MANAGER_DELAY),
    ("ChannelManager:FavoredChannelMask", Property::CHANNEL_MANAGER_FAVORED_CHANNELS),
    ("ChannelManager:NewChannel", Property::CHANNEL_MANAGER_NEW_CHANNEL),
    ("ChannelManager:SupportedChannelMask", Property::CHANNEL_MANAGER_SUPPORTED_CHANNELS),
    ("ChannelMonitor:ChannelQuality", Property::CHANNEL_MONITOR_CHANNEL_OCCUPANCY),
    ("ChannelMonitor:RssiThreshold", Property::CHANNEL_MONITOR_RSSI_THRESHOLD),
    ("ChannelMonitor:SampleCount", Property::CHANNEL_MONITOR_SAMPLE_COUNT),
    ("ChannelMonitor:SampleInterval", Property::CHANNEL_MONITOR_SAMPLE_INTERVAL),
    ("ChannelMonitor:SampleWindow", Property::CHANNEL_MONITOR_SAMPLE_WINDOW),
    ("ChildSupervision:CheckTimeout", Property::CHILD_SUPERVISION_CHECK_TIMEOUT),
    ("ChildSupervision:Interval", Property::CHILD_SUPERVISION_INTERVAL),
    ("Commissioner:EnergyScanResult", Property::MESHCOP_COMMISSIONER_ENERGY_SCAN_RESULT),
    ("Commissioner:Joiners", Property::MESHCOP_COMMISSIONER_JOINERS),
    ("Commissioner:PanIdConflictResult", Property::MESHCOP_COMMISSIONER_PAN_ID_CONFLICT_RESULT),
    ("Commissioner:ProvisioningUrl", Property::MESHCOP_COMMISSIONER_PROVISIONING_URL),
    ("Commissioner:Send:MgmtGet", Property::MESHCOP_COMMISSIONER_MGMT_GET),
    ("Commissioner:Send:MgmtSet", Property::MESHCOP_COMMISSIONER_MGMT_SET),
    ("Commissioner:SessionId", Property::MESHCOP_COMMISSIONER_SESSION_ID),
    ("Commissioner:State", Property::MESHCOP_COMMISSIONER_STATE),
    ("IPv6:AllAddresses", Property::IPV6_ADDRESS_TABLE),
    ("IPv6:LinkLocalAddress", Property::IPV6_LL_ADDR),
    ("IPv6:MeshLocalAddress", Property::IPV6_ML_ADDR),
    ("IPv6:MeshLocalPrefix", Property::IPV6_ML_PREFIX),
    ("IPv6:MulticastAddresses", Property::IPV6_MULTICAST_ADDRESS_TABLE),
    ("Interface:Up", Property::NET_IF_UP),
    ("JamDetection:BusyPeriod", Property::JAM_DETECT_BUSY),
    ("JamDetection:Debug:HistoryBitmap", Property::JAM_DETECT_HISTORY_BITMAP),
    ("JamDetection:Enable", Property::JAM_DETECT_ENABLE),
    ("JamDetection:RssiThreshold", Property::JAM_DETECT_RSSI_THRESHOLD),
    ("JamDetection:Status", Property::JAM_DETECTED),
    ("JamDetection:Window", Property::JAM_DETECT_WINDOW),
    ("Joiner:Discerner:BitLength", Property::MESHCOP_JOINER_DISCERNER),
    ("Joiner:Discerner:Value", Property::MESHCOP_JOINER_DISCERNER),
    ("Joiner:State", Property::MESHCOP_JOINER_STATE),
    ("MAC:Allowlist:Enabled", Property::MAC_ALLOWLIST_ENABLED),
    ("MAC:Allowlist:Entries", Property::MAC_ALLOWLIST),
    ("MAC:Blacklist:Enabled", Property::MAC_DENYLIST_ENABLED),
    ("MAC:Blacklist:Entries", Property::MAC_DENYLIST),
    ("MAC:Denylist:Enabled", Property::MAC_DENYLIST_ENABLED),
    ("MAC:Denylist:Entries", Property::MAC_DENYLIST),
    ("MAC:Filter:Entries", Property::MAC_FIXED_RSS),
    ("MAC:Filter:FixedRssi", Property::MAC_FIXED_RSS),
    ("MAC:Whitelist:Enabled", Property::MAC_ALLOWLIST_ENABLED),
    ("MAC:Whitelist:Entries", Property::MAC_ALLOWLIST),
    ("NCP:CCAFailureRate", Property::MAC_CCA_FAILURE_RATE),
    ("NCP:CCAThreshold", Property::PHY_CCA_THRESHOLD),
    ("NCP:Capabilities", Property::CAPS),
    ("NCP:Channel", Property::PHY_CHAN),
    ("NCP:ChannelMask", Property::PHY_CHAN_SUPPORTED),
    ("NCP:Coex:Enable", Property::RADIO_COEX_ENABLE),
    ("NCP:CoexMetrics", Property::RADIO_COEX_METRICS),
    ("NCP:Counter:All:Reset", Property::CNTR_RESET),
    ("NCP:Counter:AllIP", Property::CNTR_ALL_IP_COUNTERS),
    ("NCP:Counter:AllIPv6", Property::CNTR_ALL_IP_COUNTERS),
    ("NCP:Counter:AllMac", Property::CNTR_ALL_MAC_COUNTERS),
    ("NCP:Counter:TX_PKT_TOTAL", Property::CNTR_TX_PKT_TOTAL),
    ("NCP:Counter:Thread:Mle", Property::CNTR_MLE_COUNTERS),
    ("NCP:Counter:allmac", Property::CNTR_ALL_MAC_COUNTERS),
    ("NCP:ExtendedAddress", Property::MAC_EXTENDED_ADDR),
    ("NCP:Frequency", Property::PHY_FREQ),
    ("NCP:HardwareAddress", Property::HWADDR),
    ("NCP:MACAddress", Property::MAC_15_4_LADDR),
    ("NCP:MCUPowerState", Property::MCU_POWER_STATE),
    ("NCP:PreferredChannelMask", Property::PHY_CHAN_PREFERRED),
    ("NCP:RSSI", Property::PHY_RSSI),
    ("NCP:Region", Property::PHY_REGION_CODE),
    ("NCP:SleepyPollInterval", Property::MAC_DATA_POLL_PERIOD),
    ("NCP:TXPower", Property::PHY_TX_POWER),
    ("NCP:Version", Property::NCP_VERSION),
    ("NET_NETWORK_NAME", Property::NET_NETWORK_NAME),
    ("Network:IsCommissioned", Property::NET_SAVED),
    ("Network:Key", Property::NET_NETWORK_KEY),
    ("Network:KeyIndex", Property::NET_KEY_SEQUENCE_COUNTER),
    ("Network:KeySwitchGuardTime", Property::NET_KEY_SWITCH_GUARDTIME),
    ("Network:Name", Property::NET_NETWORK_NAME),
    ("Network:PANID", Property::MAC_15_4_PANID),
    ("Network:PSKc", Property::NET_PSKC),
    ("Network:PartitionId", Property::NET_PARTITION_ID),
    ("Network:Role", Property::NET_ROLE),
    ("Network:XPANID", Property::NET_XPANID),
    ("OpenThread:Debug:TestAssert", Property::DEBUG_TEST_ASSERT),
    ("OpenThread:Debug:TestWatchdog", Property::DEBUG_TEST_WATCHDOG),
    ("OpenThread:LogLevel", Property::DEBUG_NCP_LOG_LEVEL),
    ("OpenThread:LogTimestampBase", Property::DEBUG_LOG_TIMESTAMP_BASE),
    ("OpenThread:MsgBufferCounters", Property::MSG_BUFFER_COUNTERS),
    ("OpenThread:NeighborTable::MultiRadioInfo", Property::NEIGHBOR_TABLE_MULTI_RADIO_INFO),
    ("OpenThread:SLAAC:Enabled", Property::SLAAC_ENABLED),
    ("OpenThread:SteeringData:Address", Property::THREAD_STEERING_DATA),
    ("OpenThread:SupportedRadioLinks", Property::SUPPORTED_RADIO_LINKS),
    ("OpenThread:Trel:TestMode:Enable", Property::DEBUG_TREL_TEST_MODE_ENABLE),
    ("POSIXApp:RCPVersion", Property::RCP_VERSION),
    ("POSIXApp:RCPVersion:Cached", Property::RCP_VERSION),
    ("Thread:ActiveDataset", Property::THREAD_ACTIVE_DATASET),
    ("Thread:AddressCacheTable", Property::THREAD_ADDRESS_CACHE_TABLE),
    ("Thread:BackboneRouter:Config", Property::THREAD_BACKBONE_ROUTER_LOCAL_CONFIG),
    ("Thread:BackboneRouter:Jitter", Property::THREAD_BACKBONE_ROUTER_LOCAL_REGISTRATION_JITTER),
    ("Thread:BackboneRouter:Primary", Property::THREAD_BACKBONE_ROUTER_PRIMARY),
    ("Thread:BackboneRouter:Register", Property::THREAD_BACKBONE_ROUTER_LOCAL_REGISTER),
    ("Thread:BackboneRouter:State", Property::THREAD_BACKBONE_ROUTER_LOCAL_STATE),
    ("Thread:ChildTable", Property::THREAD_CHILD_TABLE),
    ("Thread:ChildTable:Addresses", Property::THREAD_CHILD_TABLE_ADDRESSES),
    ("Thread:ChildTimeout", Property::THREAD_CHILD_TIMEOUT),
    ("Thread:Csl:Channel", Property::THREAD_CSL_CHANNEL),
    ("Thread:Csl:Period", Property::THREAD_CSL_PERIOD),
    ("Thread:Csl:Timeout", Property::THREAD_CSL_TIMEOUT),
    ("Thread:DUA:InterfaceIdentifier", Property::THREAD_DUA_ID),
    ("Thread:DeviceMode", Property::THREAD_MODE),
    ("Thread:DomainName", Property::THREAD_DOMAIN_NAME),
    ("Thread:Joiner:State", Property::MESHCOP_JOINER_STATE),
    ("Thread:Leader:Address", Property::THREAD_LEADER_ADDR),
    ("Thread:Leader:LocalWeight", Property::THREAD_LOCAL_LEADER_WEIGHT),
    ("Thread:Leader:NetworkData", Property::THREAD_LEADER_NETWORK_DATA),
    ("Thread:Leader:RouterID", Property::THREAD_LEADER_RID),
    ("Thread:Leader:Services", Property::SERVER_LEADER_SERVICES),
    ("Thread:Leader:StableNetworkData", Property::THREAD_STABLE_LEADER_NETWORK_DATA),
    ("Thread:Leader:Weight", Property::THREAD_LEADER_WEIGHT),
    ("Thread:Mlr:Response", Property::THREAD_MLR_RESPONSE),
    ("Thread:NeighborTable", Property::THREAD_NEIGHBOR_TABLE),
    ("Thread:NeighborTable:ErrorRates", Property::THREAD_NEIGHBOR_TABLE_ERROR_RATES),
    ("Thread:NetworkData", Property::THREAD_NETWORK_DATA),
    ("Thread:NetworkDataVersion", Property::THREAD_NETWORK_DATA_VERSION),
    ("Thread:OffMeshRoutes", Property::THREAD_OFF_MESH_ROUTES),
    ("Thread:OnMeshPrefixes", Property::THREAD_ON_MESH_NETS),
    ("Thread:Parent", Property::THREAD_PARENT),
    ("Thread:PendingDataset", Property::THREAD_PENDING_DATASET),
    ("Thread:PreferredRouterID", Property::THREAD_PREFERRED_ROUTER_ID),
    ("Thread:RLOC16", Property::THREAD_RLOC16),
    ("Thread:RouterDowngradeThreshold", Property::THREAD_ROUTER_DOWNGRADE_THRESHOLD),
    ("Thread:RouterID", Property::THREAD_RLOC16),
    ("Thread:RouterRole:Enabled", Property::THREAD_ROUTER_ROLE_ENABLED),
    ("Thread:RouterSelectionJitter", Property::THREAD_ROUTER_SELECTION_JITTER),
    ("Thread:RouterTable", Property::THREAD_ROUTER_TABLE),
    ("Thread:RouterUpgradeThreshold", Property::THREAD_ROUTER_UPGRADE_THRESHOLD),
    ("Thread:Services", Property::SERVER_SERVICES),
    ("Thread:StableNetworkData", Property::THREAD_STABLE_NETWORK_DATA),
    ("Thread:StableNetworkDataVersion", Property::THREAD_STABLE_NETWORK_DATA_VERSION),
    ("TimeSync:Period", Property::TIME_SYNC_PERIOD),
    ("TimeSync:ThreadNetworkTime", Property::THREAD_NETWORK_TIME),
    ("TimeSync:XtalThreshold", Property::TIME_SYNC_XTAL_THRESHOLD),
    ("TmfProxy:Enabled", Property::THREAD_TMF_PROXY_ENABLED),
    ("TmfProxy:Stream", Property::THREAD_TMF_PROXY_STREAM),
    ("UdpForward:Stream", Property::THREAD_UDP_FORWARD_STREAM),
    ("network:name", Property::NET_NETWORK_NAME),
    ("prop_net_role", Property::NET_ROLE),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_unique() {
        assert!(NAMES.windows(2).all(|pair| pair[0].0 < pair[1].0));
        for (name, property) in NAMES {
            assert!(property.info().is_some(), "{name}");
            assert_eq!(lookup(name), Ok(Named::Property(*property)));
        }
    }

    #[test]
    fn names_of_both_worlds() {
        for (name, property) in [
            ("network:name", Property::NET_NETWORK_NAME),
            ("NET_NETWORK_NAME", Property::NET_NETWORK_NAME),
            ("prop_net_role", Property::NET_ROLE),
            ("0x43", Property::NET_ROLE),
            ("15360", Property(15360)),
            ("NCP:Counter:TX_PKT_TOTAL", Property::CNTR_TX_PKT_TOTAL),
            ("NCP:Counter:allmac", Property::CNTR_ALL_MAC_COUNTERS),
        ] {
            assert_eq!(lookup(name), Ok(Named::Property(property)), "{name}");
        }
        assert_eq!(lookup("ncp:state"), Ok(Named::Status(StatusName::State)));
    }

    #[test]
    fn what_is_not_known_says_what_to_do() {
        let failure = |name| lookup(name).unwrap_err();
        assert!(failure("NET_NETWORK_NAM")
            .message
            .contains("did you mean NET_NETWORK_NAME?"));
        assert!(failure("Network:Nmae")
            .message
            .contains("did you mean Network:Name?"));
        assert_eq!(failure("Config:NCP:SocketPath").code, Code::NotSupported);
        assert_eq!(failure("Stat:RX").code, Code::NotSupported);
        for name in ["", "é", "x", &"A".repeat(4000)] {
            let failure = failure(name);
            assert_eq!(failure.code, Code::Usage);
            assert!(failure.message.len() < 200, "{failure}");
        }
    }
}
