//! Values that fit the signature of a property, most of the time.

use super::Input;
use spinel_bridge::wire::ids::{Property, PropertyInfo, PROPERTIES};
use spinel_bridge::wire::signature::Signature;

/// A property: one of those that make a difference to the host, any other, or a number that nobody knows.
pub(crate) fn property(input: &mut Input<'_>) -> Property {
    match input.octet() {
        0xFF => Property(u32::from(u16::from_le_bytes(input.array()))),
        octet @ 0..=0x7F => HEEDED[usize::from(octet) % HEEDED.len()],
        _ => {
            let index = input.below(PROPERTIES.len());
            PROPERTIES.iter().nth(index).expect("a row").id
        }
    }
}

/// The number as it goes over the wire.
pub(crate) fn number(property: Property) -> Vec<u8> {
    let mut octets = Vec::new();
    packed(property.0, &mut octets);
    octets
}

/// A value of the property.
pub(crate) fn value_of(property: Property, input: &mut Input<'_>) -> Vec<u8> {
    tampered(value(signature(property.info()), input), input)
}

/// An item of the property, as INSERT carries it.
pub(crate) fn item_of(property: Property, input: &mut Input<'_>) -> Vec<u8> {
    tampered(value(signature(property.info()).item(), input), input)
}

pub(crate) fn signature(info: Option<PropertyInfo>) -> Signature<'static> {
    match info {
        Some(info) => info.signature,
        None => Signature::parse("D").expect("a signature"),
    }
}

/// A value of the signature.
pub(crate) fn value(signature: Signature<'_>, input: &mut Input<'_>) -> Vec<u8> {
    let mut octets = Vec::new();
    members(signature.as_str().as_bytes(), input, &mut octets);
    octets
}

/// The same, or too short, or too long.
fn tampered(mut value: Vec<u8>, input: &mut Input<'_>) -> Vec<u8> {
    match input.octet() {
        0xF8..=0xFB => value.truncate(input.below(value.len() + 1)),
        0xFC..=0xFD => value.extend_from_slice(input.octets(64)),
        0xFE => value = input.octets(255).to_vec(),
        0xFF => value.resize(input.below(1_290), 0x5A),
        _ => {}
    }
    value
}

fn members(mut codes: &[u8], input: &mut Input<'_>, out: &mut Vec<u8>) {
    while let [code, rest @ ..] = codes {
        codes = rest;
        let inner = match code {
            b't' | b'A' => {
                let end = closing(rest);
                codes = &rest[end + 1..];
                &rest[1..end]
            }
            _ => &[],
        };
        member(*code, inner, input, out);
    }
}

fn member(code: u8, inner: &[u8], input: &mut Input<'_>, out: &mut Vec<u8>) {
    match code {
        b'b' => out.push(input.octet() & 1),
        b'C' | b'c' => out.push(input.octet()),
        b'S' | b's' => out.extend(input.array::<2>()),
        b'L' | b'l' => out.extend(input.array::<4>()),
        b'X' | b'x' => out.extend(input.array::<8>()),
        b'i' => packed(number_of(input), out),
        b'6' => out.extend(address(input)),
        b'E' => out.extend([input.octet(); 8]),
        b'e' => out.extend([input.octet(); 6]),
        b'U' => {
            let text = input.octets(40).iter().map(|octet| (*octet).max(1));
            out.extend(text);
            out.push(0);
        }
        b'd' => with_length(out, input.octets(64)),
        b't' => {
            let mut structure = Vec::new();
            members(inner, input, &mut structure);
            with_length(out, &structure);
        }
        b'A' => (0..input.below(6)).for_each(|_| members(inner, input, out)),
        b'.' => {}
        _ => out.extend_from_slice(input.octets(64)),
    }
}

/// Where the parenthesis ends that `codes` begins with.
fn closing(codes: &[u8]) -> usize {
    let mut depth = 0;
    let end = codes.iter().position(|code| {
        depth += i32::from(*code == b'(') - i32::from(*code == b')');
        depth == 0
    });
    end.expect("a signature that was checked")
}

/// An address of some kind that matters.
pub(crate) fn address(input: &mut Input<'_>) -> [u8; 16] {
    let mut address = [0; 16];
    let start = *input.pick(PREFIXES);
    address[..start.len()].copy_from_slice(start);
    // A locator of the mesh, an address made of an EUI-64, or whatever.
    match input.octet() {
        low @ 0..=0x3F => address[8..].copy_from_slice(&[0, 0, 0, 0xFF, 0xFE, 0, 0x50, low]),
        low @ 0x40..=0xEF => address[15] = low,
        _ => address = input.array(),
    }
    address
}

fn number_of(input: &mut Input<'_>) -> u32 {
    match input.octet() {
        // Capabilities of §4.2 have numbers up to some 1,100.
        0xFF => u32::from_le_bytes(input.array()) & 0x001F_FFFF,
        octet @ 0xF0..=0xFE => u32::from(octet & 0x0F) << 8 | u32::from(input.octet()),
        octet => u32::from(octet),
    }
}

fn with_length(out: &mut Vec<u8>, octets: &[u8]) {
    out.extend((octets.len() as u16).to_le_bytes());
    out.extend_from_slice(octets);
}

/// Seven bits in each octet, the lowest first (protocol §2.2).
fn packed(mut number: u32, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

const PREFIXES: &[&[u8]] = &[
    &[0xFE, 0x80],
    &[0xFD, 0x11, 0x22, 0x33, 0x44, 0x55, 0, 0],
    &[0xFD, 0, 0, 1, 0, 0, 0, 0],
    &[0x20, 0x01, 0x0D, 0xB8],
    &[0xFF, 0x02],
    &[0xFF, 0x33, 0, 0x40, 0xFD, 0x11],
    &[],
];

/// What the host asks for, waits for or acts upon.
const HEEDED: &[Property] = &[
    Property::LAST_STATUS,
    Property::NET_ROLE,
    Property::NET_STACK_UP,
    Property::NET_IF_UP,
    Property::NET_SAVED,
    Property::MAC_SCAN_STATE,
    Property::MAC_SCAN_BEACON,
    Property::MAC_ENERGY_SCAN_RESULT,
    Property::STREAM_NET,
    Property::STREAM_NET_INSECURE,
    Property::STREAM_RAW,
    Property::STREAM_DEBUG,
    Property::STREAM_LOG,
    Property::IPV6_ADDRESS_TABLE,
    Property::IPV6_MULTICAST_ADDRESS_TABLE,
    Property::IPV6_LL_ADDR,
    Property::IPV6_ML_ADDR,
    Property::IPV6_ML_PREFIX,
    Property::THREAD_ON_MESH_NETS,
    Property::THREAD_OFF_MESH_ROUTES,
    Property::SERVER_SERVICES,
    Property::THREAD_RLOC16,
    Property::THREAD_ASSISTING_PORTS,
    Property::NET_LEAVE_GRACEFULLY,
    Property::NCP_VERSION,
    Property::PROTOCOL_VERSION,
    Property::INTERFACE_TYPE,
    Property::CAPS,
    Property::MCU_POWER_STATE,
    Property::NET_NETWORK_NAME,
    Property::NET_XPANID,
    Property::NET_NETWORK_KEY,
    Property::NET_PARTITION_ID,
    Property::PHY_CHAN,
    Property::MAC_15_4_PANID,
    Property::SLAAC_ENABLED,
    Property::JAM_DETECTED,
    Property::THREAD_CHILD_TABLE,
    Property::MESHCOP_COMMISSIONER_STATE,
    Property::MESHCOP_JOINER_STATE,
];
