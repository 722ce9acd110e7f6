//! Operational datasets (protocol §3.7, properties 5400, 5401, 5416, 5436, 5437): kept as MeshCoP TLVs, octet for
//! octet as they came (Thread specification, section 8.10), and shown in Spinel's structures.

use super::numbers::*;
use super::pack::pack;
use super::store::Store;
use crate::sim::rng::Rng;
use crate::wire::packed::{Reader, Writer};

/// A dataset of the network that single properties describe, as firmware with AUTO_INIT makes one.
pub(crate) fn from_store(store: &Store) -> Vec<u8> {
    let name = store.value(NET_NETWORK_NAME);
    let name = name.strip_suffix(&[0]).unwrap_or(&name);
    let prefix = store.value(IPV6_ML_PREFIX);
    let mut tlvs = Vec::new();
    put(&mut tlvs, ACTIVE_TIMESTAMP, &TIMESTAMP_ONE);
    put(&mut tlvs, CHANNEL, &[0, 0, store.uint8(PHY_CHAN)]);
    let mask = mask_of(&store.value(PHY_CHAN_SUPPORTED));
    put(&mut tlvs, CHANNEL_MASK, &mask);
    put(&mut tlvs, XPANID, &store.value(NET_XPANID));
    put(&mut tlvs, PREFIX, prefix.get(..8).unwrap_or(&[]));
    put(&mut tlvs, KEY, &store.value(NET_NETWORK_KEY));
    put(&mut tlvs, NAME, name);
    let panid = store.uint16(MAC_15_4_PANID).to_be_bytes();
    put(&mut tlvs, PANID, &panid);
    put(&mut tlvs, PSKC, &store.value(NET_PSKC));
    put(&mut tlvs, POLICY, &SECURITY_POLICY);
    tlvs
}

/// A whole dataset of a network that nobody has yet, on one of the channels.
pub(crate) fn random(rng: &mut Rng, channels: &[u8]) -> Vec<u8> {
    let suffix: [u8; 2] = rng.octets();
    let prefix: [u8; 5] = rng.octets();
    let any = rng.below(channels.len().max(1) as u64) as usize;
    let channel = channels.get(any).copied().unwrap_or(CHANNEL_MIN);
    let mut tlvs = Vec::new();
    put(&mut tlvs, ACTIVE_TIMESTAMP, &TIMESTAMP_ONE);
    put(&mut tlvs, CHANNEL, &[0, 0, channel]);
    put(&mut tlvs, CHANNEL_MASK, &mask_of(channels));
    put(&mut tlvs, XPANID, &rng.octets::<8>());
    put(
        &mut tlvs,
        PREFIX,
        &[&[0xFD], prefix.as_slice(), &[0, 0]].concat(),
    );
    put(&mut tlvs, KEY, &rng.octets::<16>());
    let name = format!("OpenThread-{:02x}{:02x}", suffix[0], suffix[1]);
    put(&mut tlvs, NAME, name.as_bytes());
    let panid = rng.below(0xFFFF) as u16;
    put(&mut tlvs, PANID, &panid.to_be_bytes());
    put(&mut tlvs, PSKC, &rng.octets::<16>());
    put(&mut tlvs, POLICY, &SECURITY_POLICY);
    tlvs
}

fn put(tlvs: &mut Vec<u8>, kind: u8, value: &[u8]) {
    tlvs.extend([kind, value.len() as u8]);
    tlvs.extend(value);
}

/// The value of the first MeshCoP TLV of a kind.
pub(crate) fn tlv(tlvs: &[u8], wanted: u8) -> Option<&[u8]> {
    each(tlvs).find(|tlv| tlv.0 == wanted).map(|tlv| tlv.1)
}

/// The TLVs with another value of a kind, where that is there.
pub(crate) fn with(tlvs: &[u8], wanted: u8, other: &[u8]) -> Vec<u8> {
    let mut changed = Vec::new();
    for (kind, value) in each(tlvs) {
        put(
            &mut changed,
            kind,
            if kind == wanted { other } else { value },
        );
    }
    changed
}

/// The TLVs without those of some kinds.
pub(crate) fn without(tlvs: &[u8], kinds: &[u8]) -> Vec<u8> {
    let mut left = Vec::new();
    for (kind, value) in each(tlvs).filter(|tlv| !kinds.contains(&tlv.0)) {
        put(&mut left, kind, value);
    }
    left
}

/// One after the other, as long as they are whole.
fn each(tlvs: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut rest = tlvs;
    core::iter::from_fn(move || {
        let [kind, length, behind @ ..] = rest else {
            return None;
        };
        let value = behind.get(..usize::from(*length))?;
        rest = &behind[value.len()..];
        Some((*kind, value))
    })
}

/// Whether it can be led: one that has a time.
pub(crate) fn is_complete(tlvs: &[u8]) -> bool {
    tlv(tlvs, ACTIVE_TIMESTAMP).is_some()
}

/// Whether it says all that a node needs (NET_SAVED).
pub(crate) fn is_commissioned(tlvs: &[u8]) -> bool {
    let needed = [KEY, NAME, XPANID, PANID, CHANNEL];
    needed.iter().all(|kind| tlv(tlvs, *kind).is_some())
}

/// What of MeshCoP TLVs is properties of this device, as their values.
///
/// # Errors
/// INVALID_ARGUMENT when a TLV runs past the end, comes twice, is too short for its kind, or says what cannot be.
pub(crate) fn properties(tlvs: &[u8]) -> Result<Vec<(u32, Vec<u8>)>, Status> {
    let mut members = Vec::new();
    let mut seen = Vec::new();
    let mut rest = tlvs;
    while let [kind, length, behind @ ..] = rest {
        let value = behind.get(..usize::from(*length)).ok_or(INVALID_ARGUMENT)?;
        rest = &behind[value.len()..];
        if seen.contains(kind) || !is_valid(*kind, value) {
            return Err(INVALID_ARGUMENT);
        }
        seen.push(*kind);
        members.extend(property(*kind, value));
    }
    match rest {
        [] => Ok(members),
        _ => Err(INVALID_ARGUMENT),
    }
}

fn is_valid(kind: u8, value: &[u8]) -> bool {
    let minimum = match kind {
        CHANNEL | WAKEUP_CHANNEL => {
            let channels = CHANNEL_MIN..=CHANNEL_MAX;
            return matches!(value, [0, 0, channel, ..] if channels.contains(channel));
        }
        NAME => return value.len() <= NAME_MAX && core::str::from_utf8(value).is_ok(),
        CHANNEL_MASK => return channels(value).is_some(),
        PANID => 2,
        POLICY => 3,
        DELAY => 4,
        ACTIVE_TIMESTAMP | PENDING_TIMESTAMP | XPANID | PREFIX => 8,
        KEY | PSKC => 16,
        _ => 0,
    };
    value.len() >= minimum
}

fn property(kind: u8, value: &[u8]) -> Option<(u32, Vec<u8>)> {
    Some(match kind {
        CHANNEL => (PHY_CHAN, vec![value[2]]),
        PANID => (MAC_15_4_PANID, vec![value[1], value[0]]),
        XPANID => (NET_XPANID, value[..8].to_vec()),
        NAME => (NET_NETWORK_NAME, [value, &[0]].concat()),
        PSKC => (NET_PSKC, value[..16].to_vec()),
        KEY => (NET_NETWORK_KEY, value[..16].to_vec()),
        PREFIX => (IPV6_ML_PREFIX, prefix_property(value)),
        _ => return None,
    })
}

fn prefix_property(value: &[u8]) -> Vec<u8> {
    [&value[..8], &[0; 8], &[64]].concat()
}

/// The channels of a channel mask TLV: entries of page, length and bits, the first channel first.
fn channels(value: &[u8]) -> Option<Vec<u8>> {
    let mut channels = Vec::new();
    let mut rest = value;
    while let [page, length, behind @ ..] = rest {
        let bits = behind.get(..usize::from(*length))?;
        rest = &behind[bits.len()..];
        let bits: [u8; 4] = bits.try_into().ok()?;
        let mask = u32::from_be_bytes(bits);
        if *page == 0 {
            channels.extend((0..32).filter(|channel| mask >> (31 - channel) & 1 == 1));
        }
    }
    Some(channels).filter(|_| rest.is_empty() && !value.is_empty())
}

fn mask_of(channels: &[u8]) -> Vec<u8> {
    let bit = |channel: &u8| 1_u32.checked_shl(31 - u32::from(*channel)).unwrap_or(0);
    let mask = channels.iter().map(bit).fold(0, |mask, bit| mask | bit);
    [[0, 4].as_slice(), &mask.to_be_bytes()].concat()
}

/// `A(t(iD))`: what Spinel has structures for, in the order in which OpenThread writes them.
pub(crate) fn structures(tlvs: &[u8]) -> Vec<u8> {
    let time = |kind| tlv(tlvs, kind).map(|value| seconds(value).to_le_bytes().to_vec());
    let of = |kind| {
        tlv(tlvs, kind)
            .and_then(|value| property(kind, value))
            .map(|row| row.1)
    };
    let delay = tlv(tlvs, DELAY).map(|value| value[..4].iter().rev().copied().collect());
    let policy = tlv(tlvs, POLICY).map(|value| {
        let flags = value.get(2..value.len().min(4)).unwrap_or(&[]);
        [&[value[1], value[0]], flags].concat()
    });
    let members = [
        (DATASET_ACTIVE_TIMESTAMP, time(ACTIVE_TIMESTAMP)),
        (DATASET_PENDING_TIMESTAMP, time(PENDING_TIMESTAMP)),
        (NET_NETWORK_KEY, of(KEY)),
        (NET_NETWORK_NAME, of(NAME)),
        (NET_XPANID, of(XPANID)),
        (IPV6_ML_PREFIX, of(PREFIX)),
        (DATASET_DELAY_TIMER, delay),
        (MAC_15_4_PANID, of(PANID)),
        (PHY_CHAN, of(CHANNEL)),
        (NET_PSKC, of(PSKC)),
        (DATASET_SECURITY_POLICY, policy),
        (
            PHY_CHAN_SUPPORTED,
            tlv(tlvs, CHANNEL_MASK).and_then(channels),
        ),
    ];
    pack(|w| {
        let write = |w: &mut Writer<'_>, (id, value): (u32, Option<Vec<u8>>)| match value {
            None => Ok(()),
            Some(value) => w.structure(|member| {
                member.uint_packed(id)?;
                member.data(&value)
            }),
        };
        members.into_iter().try_for_each(|member| write(w, member))
    })
}

/// The 48 bits of seconds of a timestamp.
fn seconds(value: &[u8]) -> u64 {
    value[..6]
        .iter()
        .fold(0, |sum, octet| sum << 8 | u64::from(*octet))
}

/// TLVs of Spinel's structures, in the order in which OpenThread writes those.
///
/// # Errors
/// PARSE_ERROR when a structure runs past the end or is too short, INVALID_ARGUMENT for a member that no dataset has.
pub(crate) fn from_structures(value: &[u8]) -> Result<Vec<u8>, Status> {
    let mut reader = Reader::new(value);
    let mut members: [(u8, Option<Vec<u8>>); 12] = ORDER.map(|kind| (kind, None));
    while !reader.is_empty() {
        let mut member = reader.structure().map_err(|_| PARSE_ERROR)?;
        let id = member.uint_packed().map_err(|_| PARSE_ERROR)?;
        let octets = member.rest();
        let (kind, length) = match id {
            DATASET_ACTIVE_TIMESTAMP => (ACTIVE_TIMESTAMP, 8),
            DATASET_PENDING_TIMESTAMP => (PENDING_TIMESTAMP, 8),
            DATASET_DELAY_TIMER => (DELAY, 4),
            DATASET_SECURITY_POLICY => (POLICY, 3),
            NET_NETWORK_KEY => (KEY, 16),
            NET_NETWORK_NAME => (NAME, 1),
            NET_XPANID => (XPANID, 8),
            IPV6_ML_PREFIX => (PREFIX, 17),
            MAC_15_4_PANID => (PANID, 2),
            PHY_CHAN => (CHANNEL, 1),
            NET_PSKC => (PSKC, 16),
            PHY_CHAN_SUPPORTED => (CHANNEL_MASK, 0),
            _ => return Err(INVALID_ARGUMENT),
        };
        if octets.len() < length {
            return Err(PARSE_ERROR);
        }
        let tlv = match kind {
            ACTIVE_TIMESTAMP | PENDING_TIMESTAMP => {
                // 48 bits of seconds, and no ticks.
                let seconds = octets[..6].iter().rev().copied();
                seconds.chain([0, 0]).collect()
            }
            DELAY => octets[..4].iter().rev().copied().collect(),
            POLICY => {
                let flags = [
                    octets[2],
                    octets.get(3).copied().unwrap_or(SECURITY_POLICY[3]),
                ];
                [&[octets[1], octets[0]], flags.as_slice()].concat()
            }
            PANID => vec![octets[1], octets[0]],
            CHANNEL => vec![0, 0, octets[0]],
            CHANNEL_MASK => mask_of(octets),
            NAME => octets
                .split(|octet| *octet == 0)
                .next()
                .unwrap_or(&[])
                .to_vec(),
            PREFIX => octets[..8].to_vec(),
            _ => octets[..length].to_vec(),
        };
        for slot in &mut members {
            if slot.0 == kind {
                slot.1 = Some(tlv.clone());
            }
        }
    }
    let mut tlvs = Vec::new();
    for (kind, value) in members {
        if let Some(value) = value {
            put(&mut tlvs, kind, &value);
        }
    }
    Ok(tlvs)
}

const CHANNEL: u8 = 0;
const PANID: u8 = 1;
const XPANID: u8 = 2;
const NAME: u8 = 3;
const PSKC: u8 = 4;
const KEY: u8 = 5;
const PREFIX: u8 = 7;
const POLICY: u8 = 12;
const ACTIVE_TIMESTAMP: u8 = 14;
pub(crate) const PENDING_TIMESTAMP: u8 = 51;
pub(crate) const DELAY: u8 = 52;
const CHANNEL_MASK: u8 = 53;
const WAKEUP_CHANNEL: u8 = 74;

/// OpenThread's order (`Dataset::WriteTlvsFrom`).
const ORDER: [u8; 12] = [
    ACTIVE_TIMESTAMP,
    PENDING_TIMESTAMP,
    DELAY,
    CHANNEL,
    CHANNEL_MASK,
    XPANID,
    PREFIX,
    KEY,
    NAME,
    PANID,
    PSKC,
    POLICY,
];
/// Thread's longest network name.
const NAME_MAX: usize = 16;
/// One second, no ticks.
const TIMESTAMP_ONE: [u8; 8] = [0, 0, 0, 0, 0, 1, 0, 0];
/// OpenThread's defaults, keys that rotate every 672 hours, all that is allowed.
const SECURITY_POLICY: [u8; 4] = [0x02, 0xA0, 0xF7, 0xF8];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structures_and_tlvs_say_the_same() {
        let tlvs = random(&mut Rng::new(7), &[15, 20]);
        assert!(is_complete(&tlvs) && is_commissioned(&tlvs));
        assert_eq!(from_structures(&structures(&tlvs)), Ok(tlvs));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let refused: [&[u8]; 6] = [
            &[0, 3, 0, 0, 9],
            &[0, 2, 0, 15],
            &[0, 3, 0, 0],
            &[5],
            &[1, 2, 0, 1, 1, 2, 0, 2],
            &[53, 3, 0, 4, 0],
        ];
        for tlvs in refused {
            assert_eq!(properties(tlvs), Err(INVALID_ARGUMENT), "{tlvs:?}");
        }
        // A kind that nobody knows.
        assert_eq!(properties(&[200, 2, 1, 2]), Ok(Vec::new()));
        assert_eq!(
            properties(&[0, 3, 0, 0, 15]),
            Ok(vec![(PHY_CHAN, vec![15])])
        );
    }
}
