//! Thread's network data (Thread specification, section 5.18): what border routers have registered, as
//! THREAD_LEADER_NETWORK_DATA carries it.

use super::packed::{Malformed, Reader};
use core::net::Ipv6Addr;

/// One thing that network data says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry<'a> {
    /// An on-mesh prefix, by one border router.
    Prefix {
        /// The prefix.
        prefix: Prefix,
        /// Whose it is.
        rloc16: u16,
        /// The 16 flags, preference in the highest two bits.
        flags: u16,
        /// Kept by the whole network.
        stable: bool,
    },
    /// A way out of the mesh, by one border router.
    Route {
        /// Where to.
        prefix: Prefix,
        /// By whom.
        rloc16: u16,
        /// Preference in the highest two bits, then NAT64.
        flags: u8,
        /// Kept by the whole network.
        stable: bool,
    },
    /// What a prefix is compressed to.
    Context {
        /// Of which prefix.
        prefix: Prefix,
        /// 1..=15.
        id: u8,
        /// Senders may use it; otherwise only receivers still understand it.
        compress: bool,
    },
    /// A service, by one of its servers.
    Service {
        /// Its number in this network.
        id: u8,
        /// IANA's enterprise number.
        enterprise: u32,
        /// What it is.
        service: &'a [u8],
        /// Who has it.
        rloc16: u16,
        /// What that one says of it.
        server: &'a [u8],
        /// Kept by the whole network.
        stable: bool,
    },
    /// Who is the commissioner, and who may join: MeshCoP TLVs.
    Commissioning(&'a [u8]),
    /// A TLV that is not known here.
    Unknown {
        /// Its type.
        kind: u8,
        /// Its value.
        value: &'a [u8],
    },
}

/// A prefix of up to 128 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix {
    /// Zeros behind the prefix.
    pub address: Ipv6Addr,
    /// How long it is.
    pub bits: u8,
}

impl core::fmt::Display for Prefix {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

/// Thread's own enterprise number, which services leave out (bit T).
pub const ENTERPRISE_THREAD: u32 = 44_970;

/// Tells each entry, in its order.
///
/// # Errors
/// A TLV runs past the end of what it is in; what came before it has been told.
pub fn entries<'a>(octets: &'a [u8], mut tell: impl FnMut(Entry<'a>)) -> Result<(), Malformed> {
    let mut reader = Reader::new(octets);
    while !reader.is_empty() {
        let tlv = Tlv::read(&mut reader)?;
        match tlv.kind {
            PREFIX => prefix(tlv.value, &mut tell)?,
            SERVICE => service(tlv.value, tlv.stable, &mut tell)?,
            COMMISSIONING => tell(Entry::Commissioning(tlv.value)),
            kind => tell(Entry::Unknown {
                kind,
                value: tlv.value,
            }),
        }
    }
    Ok(())
}

fn prefix<'a>(octets: &'a [u8], tell: &mut impl FnMut(Entry<'a>)) -> Result<(), Malformed> {
    let mut reader = Reader::new(octets);
    let _domain = reader.uint8()?;
    let bits = reader.uint8()?;
    let significant = reader.take(usize::from(bits).div_ceil(8))?;
    let mut address = [0; 16];
    let room = address
        .get_mut(..significant.len())
        .ok_or(Malformed::Truncated)?;
    room.copy_from_slice(significant);
    let prefix = Prefix {
        address: address.into(),
        bits,
    };
    while !reader.is_empty() {
        let tlv = Tlv::read(&mut reader)?;
        let mut value = Reader::new(tlv.value);
        match tlv.kind {
            HAS_ROUTE => {
                while !value.is_empty() {
                    tell(Entry::Route {
                        prefix,
                        rloc16: u16::from_be_bytes(value.array()?),
                        flags: value.uint8()?,
                        stable: tlv.stable,
                    });
                }
            }
            BORDER_ROUTER => {
                while !value.is_empty() {
                    tell(Entry::Prefix {
                        prefix,
                        rloc16: u16::from_be_bytes(value.array()?),
                        flags: u16::from_be_bytes(value.array()?),
                        stable: tlv.stable,
                    });
                }
            }
            CONTEXT => {
                let flags = value.uint8()?;
                tell(Entry::Context {
                    prefix,
                    id: flags & 0x0F,
                    compress: flags & 0x10 != 0,
                });
            }
            kind => tell(Entry::Unknown {
                kind,
                value: tlv.value,
            }),
        }
    }
    Ok(())
}

fn service<'a>(
    octets: &'a [u8],
    stable: bool,
    tell: &mut impl FnMut(Entry<'a>),
) -> Result<(), Malformed> {
    let mut reader = Reader::new(octets);
    let head = reader.uint8()?;
    let enterprise = match head & 0x80 {
        0 => u32::from_be_bytes(reader.array()?),
        _ => ENTERPRISE_THREAD,
    };
    let length = reader.uint8()?;
    let service = reader.take(length.into())?;
    while !reader.is_empty() {
        let tlv = Tlv::read(&mut reader)?;
        if tlv.kind != SERVER {
            tell(Entry::Unknown {
                kind: tlv.kind,
                value: tlv.value,
            });
            continue;
        }
        let mut value = Reader::new(tlv.value);
        tell(Entry::Service {
            id: head & 0x0F,
            enterprise,
            service,
            rloc16: u16::from_be_bytes(value.array()?),
            server: value.rest(),
            stable,
        });
    }
    Ok(())
}

struct Tlv<'a> {
    kind: u8,
    stable: bool,
    value: &'a [u8],
}

impl<'a> Tlv<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        let head = reader.uint8()?;
        let length = reader.uint8()?;
        Ok(Tlv {
            kind: head >> 1,
            stable: head & 1 != 0,
            value: reader.take(length.into())?,
        })
    }
}

const HAS_ROUTE: u8 = 0;
const PREFIX: u8 = 1;
const BORDER_ROUTER: u8 = 2;
const CONTEXT: u8 = 3;
const COMMISSIONING: u8 = 4;
const SERVICE: u8 = 5;
const SERVER: u8 = 6;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(octets: &[u8]) -> Result<Vec<Entry<'_>>, Malformed> {
        let mut found = Vec::new();
        entries(octets, |entry| found.push(entry))?;
        Ok(found)
    }

    #[test]
    fn network_data_of_a_border_router() {
        // fd00:1::/64 with its context, ::/0, and Thread's DNS/SRP unicast service.
        let octets = [
            &[
                0x03, 20, 0, 64, 0xFD, 0, 0, 1, 0, 0, 0, 0, 0x07, 2, 0x11, 64,
            ][..],
            &[0x05, 4, 0x54, 0, 0x33, 0],
            &[0x03, 7, 0, 0, 0x01, 3, 0x54, 0, 0x40],
            &[0x0B, 13, 0x80, 1, 0x5D, 0x0D, 8, 0x54, 0, 1, 2, 3, 4, 5, 6],
            &[0x08, 2, 11, 0],
            &[0x14, 1, 9],
        ]
        .concat();
        let prefix = Prefix {
            address: "fd00:1::".parse().unwrap(),
            bits: 64,
        };
        let found = all(&octets).unwrap();
        assert_eq!(
            found,
            [
                Entry::Context {
                    prefix,
                    id: 1,
                    compress: true
                },
                Entry::Prefix {
                    prefix,
                    rloc16: 0x5400,
                    flags: 0x3300,
                    stable: true
                },
                Entry::Route {
                    prefix: Prefix {
                        address: Ipv6Addr::UNSPECIFIED,
                        bits: 0
                    },
                    rloc16: 0x5400,
                    flags: 0x40,
                    stable: true
                },
                Entry::Service {
                    id: 0,
                    enterprise: ENTERPRISE_THREAD,
                    service: &[0x5D],
                    rloc16: 0x5400,
                    server: &[1, 2, 3, 4, 5, 6],
                    stable: true
                },
                Entry::Commissioning(&[11, 0]),
                Entry::Unknown {
                    kind: 10,
                    value: &[9]
                },
            ]
        );
        assert_eq!(prefix.to_string(), "fd00:1::/64");
    }

    #[test]
    fn what_runs_past_its_end_is_refused() {
        for octets in [
            &[3][..],
            &[3, 2, 0],
            &[3, 2, 0, 64],
            &[
                3, 22, 0, 160, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
            ],
            &[3, 5, 0, 0, 1, 1, 9],
            &[11, 2, 0, 1],
            &[11, 5, 0x80, 0, 0x0D, 1, 9],
        ] {
            assert_eq!(all(octets), Err(Malformed::Truncated), "{octets:?}");
        }
    }

    proptest! {
        #[test]
        fn any_octets_are_read_or_refused(octets in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = all(&octets);
        }
    }
}
