//! From the rows of the control socket to a property's octets and back: `spinelctl`'s texts are those of
//! [`spinel_bridge::wire::signature`], which go both ways.

use spinel_bridge::ctl::line::quoted;
use spinel_bridge::ctl::Field;
use spinel_bridge::wire::ids::Property;
use spinel_bridge::wire::packed::Writer;
use spinel_bridge::wire::signature::{encode_text, Items, Signature, Value};

/// The packed value that a row gives for a property; `None` for what is not packed as the table says, or is
/// hidden.
pub(crate) fn packed(property: Property, field: &Field) -> Option<Vec<u8>> {
    packed_by(property.info()?.signature, field)
}

/// The same of one item of a list.
pub(crate) fn packed_item(property: Property, field: &Field) -> Option<Vec<u8>> {
    packed_by(property.info()?.signature.item(), field)
}

fn packed_by(signature: Signature<'_>, field: &Field) -> Option<Vec<u8>> {
    let text = match field {
        Field::Bool(value) => value.to_string(),
        Field::Number(value) => value.to_string(),
        Field::Word(text) | Field::Text(text) if signature.as_str() == "U" => quoted(text),
        Field::Word(text) | Field::Text(text) => text.clone(),
    };
    if text.is_empty() && signature.as_str() != "U" {
        return Some(Vec::new());
    }
    pack(signature, &text)
}

/// Packs a text.
pub(crate) fn pack(signature: Signature<'_>, text: &str) -> Option<Vec<u8>> {
    let mut buffer = vec![0; FRAME_MAX];
    let mut writer = Writer::new(&mut buffer);
    encode_text(signature, text, &mut writer).ok()?;
    Some(writer.written().to_vec())
}

/// The first value of a property's octets.
pub(crate) fn first(property: Property, octets: &[u8]) -> Option<Value<'_>> {
    Items::new(property.info()?.signature, octets).next()?.ok()
}

/// The members of each structure of a list, or of the list's items themselves.
pub(crate) fn rows<'a>(property: Property, octets: &'a [u8]) -> Vec<Vec<Value<'a>>> {
    let Some(info) = property.info() else {
        return Vec::new();
    };
    let Some(Ok(Value::Array(items))) = Items::new(info.signature, octets).next() else {
        return Vec::new();
    };
    let row = |item| match item {
        Ok(Value::Structure(members)) => Some(members.flatten().collect()),
        Ok(value) => Some(vec![value]),
        Err(_) => None,
    };
    items.filter_map(row).collect()
}

/// All members of a value that is no list.
pub(crate) fn members<'a>(property: Property, octets: &'a [u8]) -> Vec<Value<'a>> {
    let Some(info) = property.info() else {
        return Vec::new();
    };
    Items::new(info.signature, octets).flatten().collect()
}

/// A whole number among members; 0 where it is left out.
pub(crate) fn number(members: &[Value<'_>], index: usize) -> i64 {
    match members.get(index) {
        Some(Value::Unsigned(n)) => i64::try_from(*n).unwrap_or(i64::MAX),
        Some(Value::Signed(n)) => *n,
        Some(Value::Bool(value)) => i64::from(*value),
        _ => 0,
    }
}

/// Octets among members.
pub(crate) fn octets(members: &[Value<'_>], index: usize) -> Vec<u8> {
    match members.get(index) {
        Some(Value::Eui64(octets)) => octets.to_vec(),
        Some(Value::Data(octets) | Value::Text(octets)) => octets.to_vec(),
        Some(Value::Ipv6(address)) => address.octets().to_vec(),
        _ => Vec::new(),
    }
}

/// An address among members.
pub(crate) fn address(members: &[Value<'_>], index: usize) -> std::net::Ipv6Addr {
    match members.get(index) {
        Some(Value::Ipv6(address)) => *address,
        _ => std::net::Ipv6Addr::UNSPECIFIED,
    }
}

/// The number of a big-endian octet string, of which the last 8 count.
pub(crate) fn big_endian(octets: &[u8]) -> u64 {
    octets.iter().fold(0, |n, octet| n << 8 | u64::from(*octet))
}

/// Hex digits, as wpantund writes them.
pub(crate) fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02X}")).collect()
}

/// Octets of hex digits; `None` if they are none.
pub(crate) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<char> = text.chars().collect();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let octet = |pair: &[char]| {
        let high = pair[0].to_digit(16)?;
        let low = pair[1].to_digit(16)?;
        u8::try_from(high << 4 | low).ok()
    };
    digits.chunks(2).map(octet).collect()
}

/// The longest frame (`wire::spi`).
const FRAME_MAX: usize = spinel_bridge::wire::spi::FRAME_MAX;

#[cfg(test)]
mod tests {
    use super::*;
    use spinel_bridge::host::tasks::property_row;
    use spinel_bridge::wire::ids::{Command, PROPERTIES};

    /// What the daemon shows of a value gives the value again, whatever the property.
    #[test]
    fn every_row_gives_its_octets_back() {
        let values: &[(Property, &[u8])] = &[
            (Property::NET_NETWORK_NAME, b"a \"b\" \\ \xC3\xA9\0"),
            (
                Property::NET_XPANID,
                &[0xDE, 0xAD, 0, 0xBE, 0xEF, 0, 0xCA, 0xFE],
            ),
            (Property::NET_NETWORK_KEY, &[0x11; 16]),
            (Property::PHY_TX_POWER, &[0xF6]),
            (Property::JAM_DETECT_HISTORY_BITMAP, &[0xFF; 8]),
            (Property::PHY_CHAN_SUPPORTED, &[11, 12, 26]),
            (Property::MSG_BUFFER_COUNTERS, &[1, 0, 2, 0, 3, 0]),
            (
                Property::CNTR_ALL_IP_COUNTERS,
                &[8, 0, 1, 0, 0, 0, 2, 0, 0, 0, 8, 0, 3, 0, 0, 0, 4, 0, 0, 0],
            ),
            (
                Property::MAC_ALLOWLIST,
                &[9, 0, 1, 2, 3, 4, 5, 6, 7, 8, 127],
            ),
            (Property::THREAD_NETWORK_DATA, &[]),
            (Property::THREAD_ACTIVE_DATASET, &[3, 0, 0x1C, 0x2A, 0x05]),
        ];
        for (property, octets) in values {
            let row = property_row(Command::PROP_VALUE_IS, *property, octets);
            let again = packed(*property, &row.0[0].1);
            let again = again.unwrap_or_else(|| panic!("{property}: {row:?}"));
            if *property != Property::THREAD_ACTIVE_DATASET {
                assert_eq!(again, *octets, "{property}: {row:?}");
            }
        }
        // Nothing at all is the empty value of each.
        for row in PROPERTIES.iter() {
            let field = property_row(Command::PROP_VALUE_IS, row.id, &[]);
            let _ = packed(row.id, &field.0[0].1);
        }
    }

    #[test]
    fn hex_digits() {
        assert_eq!(unhex("0aFF"), Some(vec![0x0A, 0xFF]));
        assert_eq!((unhex("0"), unhex("zz"), unhex("é1")), (None, None, None));
        assert_eq!(hex(&[0x0A, 0xFF]), "0AFF");
    }
}
