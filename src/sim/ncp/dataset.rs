//! Operational datasets (protocol §3.7, properties 5400, 5416 and 5436): a view on properties that
//! also exist alone.

use super::numbers::*;
use super::store::{pack, Status, Store};
use crate::sim::rng::Rng;
use crate::wire::packed::{Overflow, Reader, Writer};

/// `A(t(iD))` of the current network.
pub(super) fn from_store(store: &Store) -> Vec<u8> {
    write(|id| store.value(id))
}

/// `A(t(iD))` of a network that nobody has yet.
pub(super) fn random(rng: &mut Rng) -> Vec<u8> {
    let suffix: [u8; 2] = rng.octets();
    let prefix: [u8; 5] = rng.octets();
    write(|id| match id {
        PHY_CHAN => vec![11 + rng.below(16) as u8],
        PHY_CHAN_SUPPORTED => (11..=26).collect(),
        NET_NETWORK_KEY | NET_PSKC => rng.octets::<16>().to_vec(),
        NET_NETWORK_NAME => format!("OpenThread-{:02x}{:02x}\0", suffix[0], suffix[1]).into(),
        MAC_15_4_PANID => (rng.below(0xFFFF) as u16).to_le_bytes().to_vec(),
        NET_XPANID => rng.octets::<8>().to_vec(),
        _ => [[0xFD].as_slice(), &prefix, &[0; 10], &[64]].concat(),
    })
}

/// The current network as MeshCoP TLVs (Thread specification, section 8.10).
pub(super) fn tlvs(store: &Store) -> Vec<u8> {
    let channel = [0, 0, store.uint8(PHY_CHAN)];
    let panid = store.uint16(MAC_15_4_PANID).to_be_bytes();
    let name = store.value(NET_NETWORK_NAME);
    let name = name.strip_suffix(&[0]).unwrap_or(&name);
    let prefix = store.value(IPV6_ML_PREFIX);
    let timestamp = [0, 0, 0, 0, 0, 1, 0, 0];
    pack(|w| {
        let mut tlv = |kind: u8, value: &[u8]| {
            w.data(&[kind, value.len() as u8])?;
            w.data(value)
        };
        tlv(14, &timestamp)?;
        tlv(0, &channel)?;
        tlv(2, &store.value(NET_XPANID))?;
        tlv(7, prefix.get(..8).unwrap_or(&[]))?;
        tlv(5, &store.value(NET_NETWORK_KEY))?;
        tlv(3, name)?;
        tlv(1, &panid)?;
        tlv(4, &store.value(NET_PSKC))?;
        tlv(12, &SECURITY_POLICY_TLV)
    })
}

/// The value of the first MeshCoP TLV of a kind.
pub(super) fn tlv(tlvs: &[u8], wanted: u8) -> Option<&[u8]> {
    let mut rest = tlvs;
    while let [kind, length, behind @ ..] = rest {
        let value = behind.get(..usize::from(*length))?;
        if *kind == wanted {
            return Some(value);
        }
        rest = &behind[value.len()..];
    }
    None
}

/// The properties of this device that MeshCoP TLVs hold, as their values; other TLVs are skipped.
///
/// # Errors
/// INVALID_ARGUMENT when a TLV runs past the end, or has not the length of its kind.
pub(super) fn parse_tlvs(tlvs: &[u8]) -> Result<Vec<(u32, Vec<u8>)>, Status> {
    let mut members = Vec::new();
    let mut rest = tlvs;
    while let [kind, length, behind @ ..] = rest {
        let value = behind.get(..usize::from(*length)).ok_or(INVALID_ARGUMENT)?;
        rest = &behind[value.len()..];
        let member = match (kind, value) {
            (0, [0, 0, channel]) => (PHY_CHAN, vec![*channel]),
            (1, [high, low]) => (MAC_15_4_PANID, vec![*low, *high]),
            (2, value) if value.len() == 8 => (NET_XPANID, value.to_vec()),
            (3, name) => (NET_NETWORK_NAME, [name, &[0]].concat()),
            (4, value) if value.len() == 16 => (NET_PSKC, value.to_vec()),
            (5, value) if value.len() == 16 => (NET_NETWORK_KEY, value.to_vec()),
            (7, value) if value.len() == 8 => (IPV6_ML_PREFIX, [value, &[0; 8], &[64]].concat()),
            (0..=5 | 7, _) => return Err(INVALID_ARGUMENT),
            _ => continue,
        };
        members.push(member);
    }
    match rest {
        [] => Ok(members),
        _ => Err(INVALID_ARGUMENT),
    }
}

/// The members of a dataset that are properties of this device; the others are skipped.
///
/// # Errors
/// PARSE_ERROR when a structure runs past the end.
pub(super) fn members(value: &[u8]) -> Result<Vec<(u32, &[u8])>, Status> {
    let mut reader = Reader::new(value);
    let mut members = Vec::new();
    while !reader.is_empty() {
        let mut member = reader.structure().map_err(|_| PARSE_ERROR)?;
        let id = member.uint_packed().map_err(|_| PARSE_ERROR)?;
        if MEMBERS.contains(&id) {
            members.push((id, member.rest()));
        }
    }
    Ok(members)
}

fn write(mut value: impl FnMut(u32) -> Vec<u8>) -> Vec<u8> {
    fn member(w: &mut Writer<'_>, id: u32, value: &[u8]) -> Result<(), Overflow> {
        w.structure(|member| {
            member.uint_packed(id)?;
            member.data(value)
        })
    }
    pack(|w| {
        member(w, DATASET_ACTIVE_TIMESTAMP, &ACTIVE_TIMESTAMP)?;
        for id in MEMBERS {
            member(w, id, &value(id))?;
        }
        member(w, DATASET_SECURITY_POLICY, &SECURITY_POLICY)
    })
}

/// Protocol §3.7, property 5400.
const MEMBERS: [u32; 8] = [
    PHY_CHAN,
    PHY_CHAN_SUPPORTED,
    NET_NETWORK_KEY,
    NET_NETWORK_NAME,
    MAC_15_4_PANID,
    NET_XPANID,
    IPV6_ML_PREFIX,
    NET_PSKC,
];
/// `X`: one.
const ACTIVE_TIMESTAMP: [u8; 8] = [1, 0, 0, 0, 0, 0, 0, 0];
/// `SCC`: OpenThread's defaults, keys that rotate every 672 hours, all that is allowed.
const SECURITY_POLICY: [u8; 4] = [0xA0, 0x02, 0xFF, 0xF8];
/// The same in network order.
const SECURITY_POLICY_TLV: [u8; 4] = [0x02, 0xA0, 0xFF, 0xF8];
