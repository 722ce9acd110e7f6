//! The items of the tables that are synchronised (protocol §3.8, §3.16), read and written.
//!
//! Items grew over the years (errata E6, E12, E31): members that are missing are unknown, members that
//! are too many are ignored.

use crate::host::kernel::Address;
use crate::wire::packed::{Malformed, Reader};
use std::net::Ipv6Addr;

/// The items of `A(t(..))`.
///
/// # Errors
/// If the last one is cut off. Nothing of such a list is to be believed.
pub(super) fn items(value: &[u8]) -> Result<Vec<&[u8]>, Malformed> {
    let mut reader = Reader::new(value);
    let mut items = Vec::new();
    while !reader.is_empty() {
        items.push(reader.data_with_length()?);
    }
    Ok(items)
}

/// An entry of IPV6_ADDRESS_TABLE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    /// The address.
    pub(super) address: Address,
    /// Not to be chosen as a source any more.
    pub(super) deprecated: bool,
    /// Neither.
    pub(super) invalid: bool,
}

impl Listed {
    /// Reads `6`, `6C`, `6CLL` or `6CLLC`.
    ///
    /// Sources differ in the order of the two lifetimes. Of a valid address none or one is zero, and
    /// the one is the preferred lifetime (errata E12).
    pub(super) fn read(item: &[u8]) -> Result<Listed, Malformed> {
        let mut reader = Reader::new(item);
        let address = Ipv6Addr::from(reader.array::<16>()?);
        let prefix_len = reader.uint8().unwrap_or(64);
        let zeros = match (reader.uint32(), reader.uint32()) {
            (Ok(one), Ok(other)) => u8::from(one == 0) + u8::from(other == 0),
            _ => 0,
        };
        Ok(Listed {
            address: Address {
                address,
                prefix_len: prefix_len.min(128),
            },
            deprecated: zeros == 1,
            invalid: zeros == 2,
        })
    }
}

/// An address for INSERT and REMOVE: valid for ever (errata E12).
pub(super) fn address_item(address: Address) -> Vec<u8> {
    let mut item = key(address);
    item.extend_from_slice(&[0xFF; 8]);
    item
}

/// An entry of THREAD_ON_MESH_NETS or THREAD_OFF_MESH_ROUTES.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NetEntry {
    /// The prefix, its host bits zero.
    pub(super) prefix: Address,
    /// Its flags (protocol §3.16).
    pub(super) flags: u8,
    /// Whether this co-processor published it; the draft does not tell.
    pub(super) local: Option<bool>,
    /// Routes: whether packets leave the network here.
    pub(super) next_hop_is_here: bool,
    /// Who published it.
    pub(super) rloc16: Option<u16>,
}

impl NetEntry {
    /// Reads `6CbCbSC` and its shorter forms.
    pub(super) fn read_on_mesh(item: &[u8]) -> Result<NetEntry, Malformed> {
        NetEntry::read(item, |_| false)
    }

    /// Reads `6CbCbbS` and its shorter forms.
    pub(super) fn read_off_mesh(item: &[u8]) -> Result<NetEntry, Malformed> {
        NetEntry::read(item, |reader| reader.boolean().unwrap_or(false))
    }

    fn read(
        item: &[u8],
        next_hop_is_here: impl FnOnce(&mut Reader<'_>) -> bool,
    ) -> Result<NetEntry, Malformed> {
        let mut reader = Reader::new(item);
        let prefix = read_prefix(&mut reader)?;
        let _stable = reader.boolean();
        let flags = reader.uint8().unwrap_or(0);
        let local = reader.boolean().ok();
        Ok(NetEntry {
            prefix,
            flags,
            local,
            next_hop_is_here: next_hop_is_here(&mut reader),
            rloc16: reader.uint16().ok(),
        })
    }

    /// Whether this co-processor published it, as far as one can tell.
    pub(super) fn is_own(&self, rloc16: Option<u16>) -> bool {
        self.local == Some(true)
            || self.next_hop_is_here
            || (self.rloc16.is_some() && self.rloc16 == rloc16)
    }
}

fn read_prefix(reader: &mut Reader<'_>) -> Result<Address, Malformed> {
    let address = Ipv6Addr::from(reader.array::<16>()?);
    let prefix_len = reader.uint8()?.min(128);
    Ok(prefix_of(address, prefix_len))
}

/// The prefix of an address, its host bits zero.
pub(super) fn prefix_of(address: Ipv6Addr, prefix_len: u8) -> Address {
    let host_bits = 128_u32.saturating_sub(u32::from(prefix_len));
    let mask = u128::MAX.checked_shl(host_bits).unwrap_or(0);
    Address {
        address: Ipv6Addr::from(u128::from(address) & mask),
        prefix_len,
    }
}

/// `6C`: what names a prefix for REMOVE (errata E6).
pub(super) fn key(prefix: Address) -> Vec<u8> {
    let mut key = prefix.address.octets().to_vec();
    key.push(prefix.prefix_len);
    key
}

/// What names an on-mesh prefix or a route for REMOVE, of any of its items.
pub(super) fn prefix_key(item: &[u8]) -> Result<Vec<u8>, Malformed> {
    read_prefix(&mut Reader::new(item)).map(key)
}

/// `Ld`: what names a service for REMOVE, of any of its items.
pub(super) fn service_key(item: &[u8]) -> Result<Vec<u8>, Malformed> {
    let mut reader = Reader::new(item);
    reader.uint32()?;
    reader.data_with_length()?;
    let length = item.len() - reader.rest().len();
    Reader::new(item).take(length).map(<[u8]>::to_vec)
}

/// Whether the interface identifier is 0000:00ff:fe00:xxxx: an address that follows the routing
/// locator (RLOC), or an anycast one (ALOC). The ALOCs of services are addresses like any other and
/// not meant.
pub(super) fn is_locator(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    !address.is_multicast()
        && segments[4..7] == [0x0000, 0x00FF, 0xFE00]
        && !(SERVICE_ALOC_FIRST..=SERVICE_ALOC_LAST).contains(&segments[7])
}

/// fe80::/10
pub(super) fn is_link_local(address: Ipv6Addr) -> bool {
    address.segments()[0] & 0xFFC0 == 0xFE80
}

/// Flags of an on-mesh prefix (protocol §3.16).
pub(super) const ON_MESH: u8 = 0x01;
pub(super) const SLAAC: u8 = 0x10;
pub(super) const PREFERRED: u8 = 0x20;
/// The preference of a route in its flags (protocol §3.16): two bits, the sign first.
pub(super) const PREFERENCE: u8 = 0xC0;
pub(super) const PREFERENCE_HIGH: u8 = 0x40;
pub(super) const PREFERENCE_LOW: u8 = 0xC0;

/// Protocol §7.8.
const SERVICE_ALOC_FIRST: u16 = 0xFC10;
const SERVICE_ALOC_LAST: u16 = 0xFC2F;
