//! Status (protocol §8.4), and the list of what is remembered.

use super::{property, reader};
use crate::ctl::request::StatusName;
use crate::ctl::{Field, Fields};
use crate::host::known::{Known, State, REMEMBERED};
use crate::host::script::{Script, Send, Step};
use crate::wire::ids::{Command, Property};
use crate::wire::signature::Hex;

/// One row. The co-processor is asked for a sign of life first, unless it sleeps or is not
/// initialised.
pub(super) fn status(known: &Known) -> Script {
    let mut script = Script::new();
    if known.state.is_initialized() {
        script.push(Send::noop());
    }
    script.then(Step::Row(row(known)))
}

/// One thing that the host itself knows, by wpantund's name.
pub(super) fn value(name: StatusName, known: &Known) -> Script {
    let value = match name {
        StatusName::State => Field::word(known.state),
        StatusName::DriverVersion => Field::word(env!("CARGO_PKG_VERSION")),
        // wpantund says this where there is none.
        StatusName::Fault => Field::text(known.fault.as_deref().unwrap_or("ncp:no-fault")),
        StatusName::NodeType => Field::word(node_type(known)),
        StatusName::IsConnected => Field::Bool(known.state == State::Associated),
    };
    Script::new().then(Step::Row(Fields::new().with(name.name(), value)))
}

/// One row for each property that is remembered: its name and its value. Keys are not shown here:
/// such a list is easily passed on; ask for the key itself.
pub(super) fn list(known: &Known) -> Script {
    let values = REMEMBERED
        .iter()
        .filter_map(|&property| Some((property, known.value(property)?)));
    values.fold(Script::new(), |script, (property, value)| {
        let row = match property.is_secret() {
            true => Fields::new().with(property::row_name(property), Field::word("hidden")),
            false => property::property_row(Command::PROP_VALUE_IS, property, value),
        };
        script.then(Step::Row(row))
    })
}

fn row(known: &Known) -> Fields {
    let mut row = Fields::new().with("state", Field::word(known.state));
    if let (State::Fault, Some(fault)) = (known.state, &known.fault) {
        row.push("fault", Field::text(fault));
    }
    if let Some(diagnosis) = &known.diagnosis {
        row.push("diagnosis", Field::text(diagnosis));
    }
    if let Some(pause) = &known.pause {
        row.push("pause", Field::text(pause));
    }
    for (name, property) in [
        ("ncp_version", Property::NCP_VERSION),
        ("rcp_version", Property::RCP_VERSION),
    ] {
        if let Some(version) = known.text(property) {
            row.push(name, Field::Text(version));
        }
    }
    row.push("driver_version", Field::word(env!("CARGO_PKG_VERSION")));
    row.push("driver_name", Field::word("spinel"));
    push_hex(&mut row, "hardware_address", known, Property::HWADDR);
    if !known.no_room.is_empty() {
        let list: Vec<String> = known
            .no_room
            .iter()
            .map(|address| address.to_string())
            .collect();
        row.push("no_room", Field::text(list.join(" ")));
    }
    if known.state == State::Commissioned || known.state.is_up() {
        push_network(&mut row, known);
    }
    row
}

fn push_network(row: &mut Fields, known: &Known) {
    if let Some(channel) = known.uint8(Property::PHY_CHAN) {
        row.push("channel", channel);
    }
    row.push("node_type", Field::word(node_type(known)));
    if let Some(name) = known.text(Property::NET_NETWORK_NAME) {
        row.push("network_name", Field::Text(name));
    }
    push_hex(row, "xpanid", known, Property::NET_XPANID);
    if let Some(panid) = known.uint16(Property::MAC_15_4_PANID) {
        row.push("panid", hex16(panid));
    }
    for (name, property) in [
        ("link_local_address", Property::IPV6_LL_ADDR),
        ("mesh_local_address", Property::IPV6_ML_ADDR),
    ] {
        if let Some(address) = known.ipv6(property) {
            row.push(name, address);
        }
    }
    if let Some(prefix) = known.ipv6(Property::IPV6_ML_PREFIX) {
        row.push("mesh_local_prefix", Field::word(format!("{prefix}/64")));
    }
    if !known.state.is_up() {
        return;
    }
    if let Some(role) = known.uint8(Property::NET_ROLE) {
        row.push("role", Field::word(role_name(role)));
    }
    if let Ok(partition) = reader(known, Property::NET_PARTITION_ID).uint32() {
        row.push("partition_id", Field::word(format!("0x{partition:08x}")));
    }
    if let Some(rloc16) = known.uint16(Property::THREAD_RLOC16) {
        row.push("rloc16", hex16(rloc16));
    }
}

/// Octets as hex digits; nothing where they are not known, or empty.
fn push_hex(row: &mut Fields, name: &str, known: &Known, property: Property) {
    if let Some(octets) = known.value(property).filter(|octets| !octets.is_empty()) {
        row.push(name, Field::word(Hex(octets)));
    }
}

/// The way in which PAN ids and RLOC16 are written everywhere.
pub(super) fn hex16(value: u16) -> Field {
    Field::word(format!("0x{value:04x}"))
}

/// Names of wpantund (protocol §8.4). A router-capable device that is not one (yet) is an end device
/// as long as it is attached.
fn node_type(known: &Known) -> &'static str {
    match (
        known.uint8(Property::NET_ROLE),
        known.uint8(Property::THREAD_MODE),
    ) {
        (Some(ROLE_LEADER), _) => "leader",
        (Some(ROLE_ROUTER), _) => "router",
        (_, None) => "unknown",
        (_, Some(mode)) if mode & MODE_RX_ON_WHEN_IDLE == 0 => "sleepy-end-device",
        (Some(ROLE_CHILD), _) => "end-device",
        (_, Some(mode)) if mode & MODE_FULL_THREAD_DEVICE != 0 => "router",
        _ => "end-device",
    }
}

fn role_name(role: u8) -> String {
    match role {
        0 => "detached".into(),
        ROLE_CHILD => "child".into(),
        ROLE_ROUTER => "router".into(),
        ROLE_LEADER => "leader".into(),
        4 => "disabled".into(),
        other => other.to_string(),
    }
}

/// Protocol §4.7.
const ROLE_CHILD: u8 = 1;
const ROLE_ROUTER: u8 = 2;
const ROLE_LEADER: u8 = 3;
/// Protocol §3.7, THREAD_MODE.
const MODE_FULL_THREAD_DEVICE: u8 = 0x02;
const MODE_RX_ON_WHEN_IDLE: u8 = 0x08;
