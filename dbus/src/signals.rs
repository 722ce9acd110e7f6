//! Signals: what the daemon tells, as wpantund's clients know it and as our own.

use crate::bus::Bus;
use crate::control::lock;
use crate::instance::{Instance, Known};
use crate::own;
use crate::val::{Map, Val};
use crate::values::{self, big_endian};
use spinel_bridge::ctl::{Field, Fields};
use spinel_bridge::wire::ids::Property;
use spinel_bridge::wire::signature::Value;

/// wpantund's manager object.
pub(crate) const MANAGER: &str = "/com/nestlabs/WPANTunnelDriver";
/// wpantund's interface of version 0, also that of the manager.
pub(crate) const V0: &str = "com.nestlabs.WPANTunnelDriver";
/// The objects of version 1 are below it.
pub(crate) const V1_PATH: &str = "/org/wpantund";
/// wpantund's interface of version 1.
pub(crate) const V1: &str = "org.wpantund.v1";

/// An interface's name in a path: other signs than the few that paths have become `_`.
pub(crate) fn in_path(name: &str) -> String {
    let plain = |sign: char| match sign {
        'A'..='Z' | 'a'..='z' | '0'..='9' => sign,
        _ => '_',
    };
    name.chars().map(plain).collect()
}

/// An event of the daemon.
pub(crate) fn event(instance: &Instance, name: &str, fields: &Fields) {
    match name {
        "state" => {
            if let Some(state) = text(fields, "state") {
                self::state(instance, &state);
            }
        }
        "property" => property(instance, fields),
        _ => {}
    }
    own::event(instance, name, fields);
}

fn text(fields: &Fields, name: &str) -> Option<String> {
    match fields.get(name) {
        Some(Field::Word(text) | Field::Text(text)) => Some(text.clone()),
        _ => None,
    }
}

/// A new state, or the first one.
pub(crate) fn state(instance: &Instance, state: &str) {
    let mut known = lock(&instance.known);
    if known.state == state {
        return;
    }
    let was = std::mem::replace(&mut known.state, state.to_owned());
    if !known.is_told {
        // wpantund, too, is not there before its first contact. A fault is to be seen, and mended.
        if state == "uninitialized" {
            return;
        }
        known.is_told = true;
        *lock(&instance.name_on_bus) = Some(known.name.clone());
        known.node_type = node_type(&known).to_owned();
        let name = Val::s(known.name.clone());
        instance.bus.signal(MANAGER, V0, "InterfaceAdded", &[name]);
        own::added(instance, &known);
    }
    if !was.is_empty() {
        let v0 = format!("{MANAGER}/{}", in_path(&known.name));
        let args = [Val::s(state), Val::Map(association(&known))];
        instance
            .bus
            .signal(&v0, V0, "AssociationStateChanged", &args);
    }
    changed(&instance.bus, &known, "NCP:State", &Val::s(state));
    node_type_changed(instance, &mut known);
    own::changed(instance, &known, &["State", "NodeType"]);
}

/// The daemon is gone: its objects go with it.
pub(crate) fn lost(instance: &Instance) {
    let mut known = lock(&instance.known);
    known.state.clear();
    known.values.clear();
    known.told.clear();
    known.node_type.clear();
    if known.is_told {
        known.is_told = false;
        *lock(&instance.name_on_bus) = None;
        let name = Val::s(known.name.clone());
        instance
            .bus
            .signal(MANAGER, V0, "InterfaceRemoved", &[name]);
        own::removed(instance, &known);
    }
}

/// Begins or ends what takes long: wpantund does not let the host sleep then.
pub(crate) fn working(instance: &Instance, is_working: bool) {
    let mut known = lock(&instance.known);
    if known.is_working == is_working || !known.is_told {
        return;
    }
    known.is_working = is_working;
    let v0 = format!("{MANAGER}/{}", in_path(&known.name));
    let member = if is_working {
        "PreventSleep"
    } else {
        "AllowSleep"
    };
    instance.bus.signal(&v0, V0, member, &[]);
    let ready = Val::Bool(!is_working);
    changed(&instance.bus, &known, "Daemon:ReadyForHostSleep", &ready);
}

/// Tells a value of wpantund's, v0 first.
pub(crate) fn changed(bus: &Bus, known: &Known, key: &str, value: &Val) {
    if !known.is_told {
        return;
    }
    let name = in_path(&known.name);
    let key_path: String = key
        .chars()
        .filter_map(|sign| match sign {
            ':' => Some('/'),
            '.' => Some('_'),
            'A'..='Z' | 'a'..='z' | '0'..='9' | '_' => Some(sign),
            _ => None,
        })
        .collect();
    let args = [Val::s(key), value.clone()];
    let v0 = format!("{MANAGER}/{name}/Properties/{key_path}");
    bus.signal(&v0, V0, "PropertyChanged", &args);
    if key != NODE_TYPE_V0 {
        let v1 = format!("{V1_PATH}/{name}/Property/{key_path}");
        bus.signal(&v1, V1, "PropChanged", &args);
    }
}

fn property(instance: &Instance, fields: &Fields) {
    let (Some(name), Some(value)) = (text(fields, "name"), fields.get("value")) else {
        return;
    };
    // A number is a property, too; keys are told as hidden, and nobody is told by a signal, which all may
    // hear.
    let Ok(property) = name.parse::<Property>() else {
        return;
    };
    if property.is_secret() {
        return;
    }
    let change = text(fields, "change");
    let octets = match change {
        None => values::packed(property, value),
        Some(_) => values::packed_item(property, value),
    };
    let Some(octets) = octets else {
        return;
    };
    let mut known = lock(&instance.known);
    if let Some(change) = change {
        let list = known.told.entry(property).or_default();
        if change == "inserted" && list.len() < TOLD_MAX {
            list.push(octets);
        }
        return;
    }
    if EVENTS.contains(&property) {
        let list = known.told.entry(property).or_default();
        if list.len() >= TOLD_MAX {
            list.remove(0);
        }
        list.push(octets);
        return;
    }
    if known.values.insert(property, octets.clone()).as_deref() == Some(&octets) {
        return;
    }
    if let Some((key, value)) = signal_of(property, &octets) {
        changed(&instance.bus, &known, key, &value);
    }
    node_type_changed(instance, &mut known);
    own::property_changed(instance, &known, property);
}

/// The key and the value in wpantund's signal; its types differ from those of PropGet in places.
fn signal_of(property: Property, octets: &[u8]) -> Option<(&'static str, Val)> {
    let value = values::first(property, octets)?;
    let bytes = || Val::Bytes(octets.to_vec());
    let number = |value: &Value<'_>| values::number(&[*value], 0);
    Some(match property {
        Property::PHY_CHAN => ("NCP:Channel", Val::Y(number(&value) as u8)),
        Property::NET_XPANID => ("Network:XPANID", bytes()),
        Property::MAC_15_4_PANID => ("Network:PANID", Val::Q(number(&value) as u16)),
        Property::NET_NETWORK_NAME => {
            let name = values::octets(&[value], 0);
            ("Network:Name", Val::s(String::from_utf8_lossy(&name)))
        }
        Property::MAC_15_4_LADDR => ("NCP:MACAddress", bytes()),
        Property::NET_KEY_SEQUENCE_COUNTER => ("Network:KeyIndex", Val::U(number(&value) as u32)),
        Property::IPV6_LL_ADDR => (
            "IPv6:LinkLocalAddress",
            Val::s(values::address(&[value], 0).to_string()),
        ),
        Property::IPV6_ML_ADDR => (
            "IPv6:MeshLocalAddress",
            Val::s(values::address(&[value], 0).to_string()),
        ),
        Property::IPV6_ML_PREFIX => (
            "IPv6:MeshLocalPrefix",
            Val::s(format!("{}/64", values::address(&[value], 0))),
        ),
        _ => return None,
    })
}

fn node_type_changed(instance: &Instance, known: &mut Known) {
    let now = node_type(known);
    if known.node_type == now || !known.is_told {
        return;
    }
    known.node_type = now.to_owned();
    let value = Val::s(now);
    changed(&instance.bus, known, NODE_TYPE_V0, &value);
    changed(&instance.bus, known, "Network:NodeType", &value);
    own::changed(instance, known, &["NodeType"]);
}

/// wpantund's name for what the node is.
pub(crate) fn node_type(known: &Known) -> &'static str {
    let number = |property| {
        let octets = known.values.get(&property)?;
        octets.first().copied()
    };
    let mode = number(Property::THREAD_MODE);
    // Protocol §4.7.
    match number(Property::NET_ROLE) {
        Some(3) => "leader",
        Some(2) => "router",
        // Protocol §3.7: the receiver is on when idle.
        Some(1) if mode.is_some_and(|mode| mode & 0x08 == 0) => "sleepy-end-device",
        Some(1) => "end-device",
        _ => "unknown",
    }
}

/// Whether the state is that of a node with a network, as `Status` counts.
pub(crate) fn is_commissioned(state: &str) -> bool {
    state == "offline:commissioned" || state.starts_with("associated")
}

/// The second argument of AssociationStateChanged. No key: everybody may hear it.
fn association(known: &Known) -> Map {
    let mut map = vec![("Daemon:Enabled".to_owned(), Val::Bool(is_enabled(known)))];
    if !is_commissioned(&known.state) {
        return map;
    }
    let mut put = |key: &str, property, make: fn(Property, &[u8]) -> Option<Val>| {
        if let Some(value) = known
            .values
            .get(&property)
            .and_then(|octets| make(property, octets))
        {
            map.push((key.to_owned(), value));
        }
    };
    fn number(property: Property, octets: &[u8]) -> Option<i64> {
        Some(values::number(&[values::first(property, octets)?], 0))
    }
    put("NetworkName", Property::NET_NETWORK_NAME, |_, octets| {
        let name = octets.split(|octet| *octet == 0).next()?;
        Some(Val::s(String::from_utf8_lossy(name)))
    });
    put("XPanId", Property::NET_XPANID, |_, octets| {
        Some(Val::T(big_endian(octets)))
    });
    put("PanId", Property::MAC_15_4_PANID, |property, octets| {
        Some(Val::Q(number(property, octets)? as u16))
    });
    put("Channel", Property::PHY_CHAN, |property, octets| {
        Some(Val::N(number(property, octets)? as i16))
    });
    put(
        "IPv6:MeshLocalPrefix",
        Property::IPV6_ML_PREFIX,
        |property, octets| {
            let prefix = values::first(property, octets)?;
            Some(Val::s(format!("{}/64", values::address(&[prefix], 0))))
        },
    );
    map.push((
        "Network:NodeType".to_owned(),
        Val::s(known.node_type.clone()),
    ));
    map
}

/// wpantund's `Daemon:Enabled`: nobody has put the co-processor to sleep.
pub(crate) fn is_enabled(known: &Known) -> bool {
    known.state != "offline:deep-sleep"
}

/// In signals of v0 only.
const NODE_TYPE_V0: &str = "NCPNodeType";

/// What the co-processor tells and nobody can ask for: kept for who asks wpantund.
const EVENTS: &[Property] = &[
    Property::MESHCOP_COMMISSIONER_ENERGY_SCAN_RESULT,
    Property::MESHCOP_COMMISSIONER_PAN_ID_CONFLICT_RESULT,
    Property::THREAD_LINK_METRICS_QUERY_RESULT,
    Property::THREAD_LINK_METRICS_MGMT_RESPONSE,
    Property::THREAD_LINK_METRICS_MGMT_ENH_ACK_IE,
    Property::THREAD_MLR_RESPONSE,
];

/// A scan of all channels tells so many.
const TOLD_MAX: usize = 64;
