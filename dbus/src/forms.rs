//! The dictionaries of Form and Join.

use crate::bus::Call;
use crate::control::Asked;
use crate::val::{Map, Val};
use crate::values::hex;
use std::net::Ipv6Addr;

/// The first argument; none is an empty dictionary, anything else is no dictionary.
pub(crate) fn dictionary(call: &Call) -> Option<Map> {
    match call.args.first() {
        None => Some(Map::new()),
        Some(Val::Map(map)) => Some(map.clone()),
        Some(_) => None,
    }
}

/// `form`; `None` for a value that cannot be meant.
pub(crate) fn form(map: &Map) -> Option<Asked> {
    network("form", map)
}

/// `join`.
pub(crate) fn join(map: &Map) -> Option<Asked> {
    network("join", map)
}

fn network(verb: &str, map: &Map) -> Option<Asked> {
    let mut asked = Asked::new(verb);
    if let Some((_, name)) = map.iter().find(|(key, _)| key == "Network:Name") {
        asked = asked.word(name.text()?);
    }
    for (key, value) in map {
        asked = match key.as_str() {
            "Network:NodeType" => asked.maybe("type", node_type(value.text()?)?),
            "NCP:Channel" => asked.key("channel", value.number()?),
            "NCP:ChannelMask" => {
                let mask: u32 = value.num()?;
                let list: Vec<String> = (0..32)
                    .filter(|channel| mask & 1 << channel != 0)
                    .map(|channel: u32| channel.to_string())
                    .collect();
                asked.maybe("channels", (!list.is_empty()).then(|| list.join(",")))
            }
            "Network:PANID" => asked.key("panid", value.number()?),
            "Network:XPANID" => asked.key("xpanid", format!("{:016X}", value.num::<u64>()?)),
            "Network:Key" => asked.key("key", hex(value.bytes()?)),
            "Network:PSKc" => asked.key("pskc", hex(value.bytes()?)),
            "Network:KeyIndex" => asked.key("key-index", value.number()?),
            "IPv6:MeshLocalPrefix" => {
                let octets = value.bytes()?;
                let mut address = [0; 16];
                address
                    .get_mut(..octets.len().min(8))?
                    .copy_from_slice(octets.get(..8)?);
                let prefix = Ipv6Addr::from(address);
                asked.key("mesh-local-prefix", format!("{prefix}/64"))
            }
            // The name, and what is of legacy networks.
            _ => asked,
        };
    }
    Some(asked)
}

/// wpantund's text; `Some(None)` for what it takes for the default.
fn node_type(text: &str) -> Option<Option<&'static str>> {
    Some(match text {
        "router" | "r" | "2" | "leader" | "commissioner" => Some("router"),
        "end-device" | "end" | "e" | "3" => Some("end-device"),
        "sleepy-end-device" | "sleepy" | "sed" | "4" => Some("sleepy-end-device"),
        "" | "unknown" => None,
        _ => return None,
    })
}
