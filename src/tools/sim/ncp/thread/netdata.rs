//! Thread network data (Thread specification, section 5.18): what border routers and servers offer,
//! as TLVs. Each node of the simulated mesh publishes its own entries; the leader's network data is all of
//! them together.

use super::ping::Ipv6;

/// One thing that one node offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) rloc16: u16,
    pub(crate) stable: bool,
    pub(crate) offer: Offer,
}

/// What is offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Offer {
    /// An on-mesh prefix, with the flags of protocol §3.16.
    OnMesh { prefix: Ipv6, bits: u8, flags: u8 },
    /// A route to an off-mesh prefix; preference in bits 7-6.
    Route { prefix: Ipv6, bits: u8, flags: u8 },
    /// A service.
    Service {
        enterprise: u32,
        data: Vec<u8>,
        server: Vec<u8>,
    },
}

/// The entries as TLVs, only the stable ones if `stable_only`; what does not fit is left out.
pub(crate) fn encode<'a>(entries: impl Iterator<Item = &'a Entry>, stable_only: bool) -> Vec<u8> {
    let mut tlvs = Vec::new();
    let mut services = 0;
    for entry in entries.filter(|entry| entry.stable || !stable_only) {
        let tlv = match &entry.offer {
            Offer::OnMesh {
                prefix,
                bits,
                flags,
            } => prefix_tlv(entry, prefix, *bits, BORDER_ROUTER, &[*flags, 0]),
            Offer::Route {
                prefix,
                bits,
                flags,
            } => prefix_tlv(entry, prefix, *bits, HAS_ROUTE, &[*flags]),
            Offer::Service {
                enterprise,
                data,
                server,
            } => {
                services += 1;
                service_tlv(entry, services - 1, *enterprise, data, server)
            }
        };
        if tlvs.len() + tlv.len() <= NETWORK_DATA_MAX {
            tlvs.extend(tlv);
        }
    }
    tlvs
}

fn prefix_tlv(entry: &Entry, prefix: &Ipv6, bits: u8, kind: u8, rest: &[u8]) -> Vec<u8> {
    let octets = &prefix[..usize::from(bits.min(128) + 7) / 8];
    let sub = tlv(kind, entry.stable, &[&entry.rloc16.to_be_bytes(), rest]);
    tlv(PREFIX, entry.stable, &[&[0, bits], octets, &sub])
}

fn service_tlv(entry: &Entry, id: u8, enterprise: u32, data: &[u8], server: &[u8]) -> Vec<u8> {
    let sub = tlv(SERVER, entry.stable, &[&entry.rloc16.to_be_bytes(), server]);
    let enterprise = enterprise.to_be_bytes();
    let length = [data.len() as u8];
    tlv(
        SERVICE,
        entry.stable,
        &[&[id & 0x0F], &enterprise, &length, data, &sub],
    )
}

fn tlv(kind: u8, stable: bool, parts: &[&[u8]]) -> Vec<u8> {
    let value = parts.concat();
    // Prefixes are short, and a host's items are at most 64 octets.
    let head = [kind << 1 | u8::from(stable), value.len() as u8];
    [head.as_slice(), &value].concat()
}

/// The entries of network data; what cannot be read ends it.
pub(crate) fn parse(data: &[u8]) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut rest = data;
    while let Some((kind, value)) = next(&mut rest) {
        if entries.len() >= ENTRIES_MAX {
            break;
        }
        match kind >> 1 {
            PREFIX => entries.extend(parse_prefix(value)),
            SERVICE => entries.extend(parse_service(value)),
            _ => {}
        }
    }
    entries
}

fn parse_prefix(value: &[u8]) -> Option<Entry> {
    let bits = *value.get(1).filter(|bits| **bits <= 128)?;
    let length = usize::from(bits + 7) / 8;
    let mut prefix = [0; 16];
    prefix[..length].copy_from_slice(value.get(2..2 + length)?);
    let mut rest = &value[2 + length..];
    let (kind, sub) = next(&mut rest)?;
    let (rloc16, flags) = (rloc16(sub)?, *sub.get(2)?);
    let offer = match kind >> 1 {
        BORDER_ROUTER => Offer::OnMesh {
            prefix,
            bits,
            flags,
        },
        HAS_ROUTE => Offer::Route {
            prefix,
            bits,
            flags,
        },
        _ => return None,
    };
    Some(Entry {
        rloc16,
        stable: kind & 1 == 1,
        offer,
    })
}

fn parse_service(value: &[u8]) -> Option<Entry> {
    let enterprise = u32::from_be_bytes(value.get(1..5)?.try_into().ok()?);
    let length = usize::from(*value.get(5)?);
    let data = value.get(6..6 + length)?.to_vec();
    let mut rest = &value[6 + length..];
    let (kind, sub) = next(&mut rest)?;
    Some(Entry {
        rloc16: rloc16(sub)?,
        stable: kind & 1 == 1,
        offer: Offer::Service {
            enterprise,
            data,
            server: sub.get(2..)?.to_vec(),
        },
    })
}

fn rloc16(sub: &[u8]) -> Option<u16> {
    Some(u16::from_be_bytes(sub.get(..2)?.try_into().ok()?))
}

fn next<'a>(rest: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let (&kind, behind) = rest.split_first()?;
    let (&length, behind) = behind.split_first()?;
    let value = behind.get(..usize::from(length))?;
    *rest = &behind[value.len()..];
    Some((kind, value))
}

/// Whether `prefix` covers `address`.
pub(crate) fn covers(prefix: &Ipv6, bits: u8, address: &Ipv6) -> bool {
    let whole = usize::from(bits.min(128) / 8);
    let mask = !(0xFF_u16 >> (bits % 8)) as u8;
    prefix[..whole] == address[..whole]
        && (bits % 8 == 0 || (prefix[whole] ^ address[whole]) & mask == 0)
}

/// Flags of an on-mesh prefix (protocol §3.16).
pub(crate) const FLAG_DEFAULT_ROUTE: u8 = 0x02;
const HAS_ROUTE: u8 = 0;
const PREFIX: u8 = 1;
const BORDER_ROUTER: u8 = 2;
const SERVICE: u8 = 5;
const SERVER: u8 = 6;
/// Thread's limit for network data.
pub(crate) const NETWORK_DATA_MAX: usize = 254;
/// More do not fit into [`NETWORK_DATA_MAX`]: the shortest has nine octets.
const ENTRIES_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_prefix() {
        let mut prefix = [0; 16];
        prefix[..4].copy_from_slice(&[0x20, 0x01, 0x0D, 0xB8]);
        let mut entry = Entry {
            rloc16: 0x0400,
            stable: true,
            offer: Offer::OnMesh {
                prefix,
                bits: 64,
                flags: 0x31,
            },
        };
        let expected = [
            0x03, 0x10, 0x00, 0x40, 0x20, 0x01, 0x0D, 0xB8, 0, 0, 0, 0, 0x05, 0x04, 0x04, 0x00,
            0x31, 0x00,
        ];
        assert_eq!(encode([&entry].into_iter(), true), expected);
        assert_eq!(parse(&expected), [entry.clone()]);
        entry.stable = false;
        assert_eq!(encode([&entry].into_iter(), true), []);
    }

    #[test]
    fn prefixes_cover_by_the_bit() {
        let mut prefix = [0; 16];
        prefix[..2].copy_from_slice(&[0xFD, 0x80]);
        let mut address = prefix;
        address[1] = 0xFF;
        assert!(covers(&prefix, 0, &[0x20; 16]));
        assert!(covers(&prefix, 9, &address));
        assert!(!covers(&prefix, 10, &address));
        assert!(covers(&prefix, 128, &prefix));
    }

    fn offer() -> impl Strategy<Value = Offer> {
        let data = || prop::collection::vec(any::<u8>(), 0..20);
        prop_oneof![
            (any::<u8>(), 0..=128u8).prop_map(|(flags, bits)| Offer::OnMesh {
                prefix: [0; 16],
                bits,
                flags
            }),
            (any::<u8>(), 0..=128u8).prop_map(|(flags, bits)| Offer::Route {
                prefix: [0; 16],
                bits,
                flags
            }),
            (any::<u32>(), data(), data()).prop_map(|(enterprise, data, server)| {
                Offer::Service {
                    enterprise,
                    data,
                    server,
                }
            }),
        ]
    }

    proptest! {
        #[test]
        fn comes_back(offers in prop::collection::vec((any::<u16>(), any::<bool>(), offer()), 0..4)) {
            let entry = |(rloc16, stable, offer)| Entry { rloc16, stable, offer };
            let entries: Vec<_> = offers.into_iter().map(entry).collect();
            prop_assert_eq!(parse(&encode(entries.iter(), false)), entries);
        }

        #[test]
        fn noise_is_harmless(data in prop::collection::vec(any::<u8>(), 0..255)) {
            let entries = parse(&data);
            prop_assert!(encode(entries.iter(), false).len() <= NETWORK_DATA_MAX);
        }
    }
}
