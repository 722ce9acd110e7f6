//! What a control client can ask for: one variant for each verb, its arguments checked and packed.

use crate::time::Duration;
use crate::wire::ids::Property;
use std::net::Ipv6Addr;

/// What the host itself knows and wpantund has a name for (protocol §8.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusName {
    /// `NCP:State`.
    State,
    /// `Daemon:Version`.
    DriverVersion,
    /// `Daemon:FaultReason`.
    Fault,
    /// `Network:NodeType`.
    NodeType,
    /// `Network:IsConnected`.
    IsConnected,
}

impl StatusName {
    /// All of them, with wpantund's names.
    pub const ALL: &'static [(&'static str, StatusName)] = &[
        ("NCP:State", StatusName::State),
        ("Daemon:Version", StatusName::DriverVersion),
        ("Daemon:FaultReason", StatusName::Fault),
        ("Network:NodeType", StatusName::NodeType),
        ("Network:IsConnected", StatusName::IsConnected),
    ];

    /// wpantund's name.
    pub fn name(self) -> &'static str {
        let found = StatusName::ALL.iter().find(|(_, status)| *status == self);
        found.map_or("", |(name, _)| name)
    }
}

/// A request, checked as far as that is possible without the co-processor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// State, versions, addresses and network, in one row.
    Status,
    /// One thing of it, by wpantund's name.
    StatusValue(StatusName),
    /// All properties that are remembered.
    ListProperties,
    /// The value of a property.
    Get(Property),
    /// A new value, packed by the property's signature.
    Set(Property, Vec<u8>),
    /// An item more, packed (without the length of its structure).
    Insert(Property, Vec<u8>),
    /// An item less, packed the same.
    Remove(Property, Vec<u8>),
    /// A new network.
    Form(Network),
    /// Into an existing network, with its credentials.
    Join(Network),
    /// A dataset, decoded.
    DatasetShow {
        /// The pending one, not the active one.
        pending: bool,
        /// With its keys.
        secrets: bool,
    },
    /// A dataset as TLVs.
    DatasetExport {
        /// The pending one, not the active one.
        pending: bool,
    },
    /// The dataset of a network that nobody has yet; nothing is set.
    DatasetNew(Network),
    /// A dataset (TLVs) becomes the stored network.
    DatasetImport(Vec<u8>),
    /// The network goes over to another dataset.
    DatasetMigrate(Migration),
    /// The nodes that are heard.
    Neighbours,
    /// The children, and their addresses.
    Children,
    /// The routers of the network.
    Routers,
    /// What border routers have told the leader.
    NetworkData,
    /// Which node it is.
    Whois(Whose),
    /// Into an existing network, by the passphrase for devices (PSKd).
    JoinerStart {
        /// 6..=32 characters of 0-9, A-Z without I, O, Q, Z.
        pskd: String,
        /// May be empty.
        provisioning_url: String,
    },
    /// Ends that.
    JoinerStop,
    /// Attach to the stored network.
    Attach,
    /// Leave the network and forget it.
    Leave,
    /// Look for networks or energy.
    Scan(Scan),
    /// Stop looking.
    ScanStop,
    /// Let devices join for some time; zero ends it.
    PermitJoin {
        /// How long.
        period: Duration,
        /// The port whose insecure traffic passes; 0: the configured one.
        port: u16,
    },
    /// Add an on-mesh prefix.
    AddPrefix(Prefix),
    /// Remove an on-mesh prefix.
    RemovePrefix {
        /// The prefix.
        prefix: Ipv6Addr,
        /// Its bits.
        bits: u8,
    },
    /// Add an off-mesh route.
    AddRoute {
        /// The prefix.
        prefix: Ipv6Addr,
        /// Its bits.
        bits: u8,
        /// Kept in the stable network data.
        stable: bool,
        /// -1 low, 0 medium, 1 high (RFC 4191).
        preference: i8,
    },
    /// Remove an off-mesh route.
    RemoveRoute {
        /// The prefix.
        prefix: Ipv6Addr,
        /// Its bits.
        bits: u8,
    },
    /// Add a service.
    AddService {
        /// Enterprise number.
        enterprise: u32,
        /// Service data.
        service: Vec<u8>,
        /// Kept in the stable network data.
        stable: bool,
        /// Server data.
        server: Vec<u8>,
    },
    /// Remove a service.
    RemoveService {
        /// Enterprise number.
        enterprise: u32,
        /// Service data.
        service: Vec<u8>,
    },
    /// Reset the co-processor.
    Reset(ResetKind),
    /// Put the co-processor to sleep.
    Sleep,
    /// Wake it.
    Wake,
    /// This host is about to sleep: the co-processor holds back what is not essential.
    HostSleep,
    /// This host woke up.
    HostDidWake,
    /// Ask the parent for data now.
    Poll,
    /// What the bridge counted, and the co-processor's counters: rows of `name` and `value`, no name twice.
    Counters {
        /// Set them to zero.
        clear: bool,
    },
    /// Read memory of the co-processor.
    Peek {
        /// Where.
        address: u32,
        /// How many octets.
        count: u16,
    },
    /// Write memory of the co-processor.
    Poke {
        /// Where.
        address: u32,
        /// What.
        octets: Vec<u8>,
    },
    /// Sniff raw frames until the client goes away.
    Sniff {
        /// Stay on this channel; `None`: the current one.
        channel: Option<u8>,
        /// Everything that can be decoded, not only frames of the own network.
        promiscuous: bool,
    },
    /// Run the upgrade command on the firmware, for [`UPGRADE_MAX`] at most.
    Upgrade,
    /// Random octets of the co-processor's generator.
    Random(RandomKind),
    /// The GPIO lines of the co-processor.
    GpioList,
    /// Raise or lower one.
    GpioSet {
        /// Its number.
        number: u8,
        /// Raise it.
        high: bool,
    },
    /// Configure one.
    GpioConfigure {
        /// Its number.
        number: u8,
        /// Protocol §3.14.
        flags: u8,
    },
    /// Jam detection: state and history.
    JamStatus,
    /// Jam detection on or off.
    JamEnable(bool),
    /// The neighbours that are allowed or denied, and whether the list counts.
    FilterShow(Filter),
    /// The list counts, or not.
    FilterEnable(Filter, bool),
    /// Adds an EUI-64, for the allow list with a fixed RSSI.
    FilterAdd(Filter, [u8; 8], Option<i8>),
    /// Removes an EUI-64.
    FilterRemove(Filter, [u8; 8]),
    /// Commissioner on or off.
    Commissioner(bool),
    /// A device may join: its EUI-64 (`None`: any), PSKd and for how long.
    CommissionerAdd {
        /// Which device.
        eui64: Option<[u8; 8]>,
        /// Its passphrase.
        pskd: String,
        /// How long.
        timeout: Duration,
    },
    /// It may not any more.
    CommissionerRemove {
        /// Which device.
        eui64: Option<[u8; 8]>,
    },
    /// A line for the manufacturing command line of the co-processor.
    Mfg(String),
    /// A line for OpenThread's command line.
    CommandLine(String),
}

/// Credentials. What is `None` is chosen (form) or left as it is (join).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Network {
    /// 1..=16 octets.
    pub name: Option<String>,
    /// 11..=26 at 2.4 GHz.
    pub channel: Option<u8>,
    /// Channels to choose from, bit n for channel n.
    pub channel_mask: Option<u32>,
    /// Not 0xFFFF.
    pub panid: Option<u16>,
    /// In the order that it is displayed.
    pub xpanid: Option<[u8; 8]>,
    /// The network key.
    pub key: Option<[u8; 16]>,
    /// The key of commissioners.
    pub pskc: Option<[u8; 16]>,
    /// The passphrase of commissioners, 6..=255 octets: the PSKc is made of it.
    pub passphrase: Option<String>,
    /// All of it: the active dataset as MeshCoP TLVs. Nothing else is given beside it.
    pub dataset: Option<Vec<u8>>,
    /// The key sequence counter.
    pub key_sequence: Option<u32>,
    /// A /64.
    pub mesh_local_prefix: Option<Ipv6Addr>,
    /// What we want to be.
    pub node_type: NodeType,
}

/// What a node is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Its extended address.
    Eui64([u8; 8]),
    /// Its locator: the router's number in the upper six bits, the child's in the lower nine.
    Rloc16(u16),
    /// One of its addresses.
    Address(Ipv6Addr),
}

/// A change of the network that runs, which all of its nodes make at the same moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Migration {
    /// All of the new dataset, as TLVs; its timestamps and delay are set here.
    pub dataset: Option<Vec<u8>>,
    /// What changes in the dataset that is in force; nothing where `dataset` is given.
    pub changes: Network,
    /// Until then, at least; the leader makes it longer where it must.
    pub delay_ms: u32,
    /// The answer comes when the network has moved, not when its leader has agreed.
    pub waits: bool,
}

/// What we want to be in the network; names of wpantund.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NodeType {
    /// Router or leader, as needed.
    #[default]
    Router,
    /// Full thread device that never becomes a router.
    EndDevice,
    /// The radio sleeps between polls.
    SleepyEndDevice,
}

/// What to look for, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    /// What.
    pub kind: ScanKind,
    /// Channels, bit n for channel n; `None`: all that are supported.
    pub channels: Option<u32>,
    /// On each channel.
    pub period: Duration,
    /// Discovery: only joinable networks.
    pub joinable: bool,
    /// Discovery: only those whose steering data names us.
    pub for_us: bool,
    /// Discovery: only this PAN.
    pub panid: Option<u16>,
}

/// The kinds of scans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScanKind {
    /// Beacons.
    Active,
    /// Energy on each channel.
    Energy,
    /// MLE discovery.
    Discover,
}

/// An on-mesh prefix (protocol §3.16).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix {
    /// The prefix.
    pub prefix: Ipv6Addr,
    /// Its bits.
    pub bits: u8,
    /// Kept in the stable network data.
    pub stable: bool,
    /// The flags octet.
    pub flags: u8,
}

/// How to reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResetKind {
    /// By command.
    Soft,
    /// By the RES line.
    Hard,
    /// By command, into the bootloader.
    Bootloader,
    /// By command, after forgetting the network and all settings.
    Factory,
}

/// Which random octets (protocol §3.15).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RandomKind {
    /// 32 bits ready to use.
    Bits32,
    /// 128 bits ready to use as a key.
    Bits128,
    /// Raw samples, for tests.
    Raw,
}

/// The MAC filter lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    /// Allowed neighbours.
    Allow,
    /// Denied neighbours.
    Deny,
}

/// How long an upgrade command may take, and so how long nothing may be heard of it: some 500 kB over a
/// serial bootloader at 115,200 baud take a minute.
pub const UPGRADE_MAX: Duration = Duration::from_secs(600);
