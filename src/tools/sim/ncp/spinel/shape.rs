//! What the octets of a value must look like, and how an item of a list is read.

use super::numbers::*;
use super::updates;
use super::variant::Variant;
use crate::wire::packed::{Malformed, Reader};

/// What the octets of a value must be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    /// Only the co-processor writes it.
    ReadOnly,
    /// Anything at all, not looked at and not kept.
    Ignored,
    /// `b`
    Bool,
    /// `C` in a range
    Uint8(u8, u8),
    /// `i` of which all beyond a range is refused, with what it is
    Channel,
    /// `c`
    Int8,
    /// `S`
    Uint16,
    /// `L`
    Uint32,
    /// `D` of exactly this many octets
    Data(usize),
    /// `U` of at most this many octets without the terminator
    Text(usize),
    /// The same, and at least one
    Name(usize),
    /// `6C` with a length of 64
    Prefix64,
    /// `Cc` with a channel
    ChannelPower,
    /// `D` of at most this many octets
    Octets(usize),
    /// Members of a fixed length, together this many octets
    AtLeast(usize),
    /// `L` of which OpenThread keeps 16 bits
    Hours,
    /// `CX`: how many bits of a joiner discerner, and the bits; 0 for none
    Discerner,
    /// `dD`
    Datagram,
    /// `A(t(iD))`
    Dataset,
    /// `A(..)`
    List(Item),
}

/// The items of a list property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    /// `C`: a channel
    Channel,
    /// `C`: a router id
    RouterId,
    /// `i`: a property whose updates can be filtered
    UpdateId,
    /// `S`: a port
    Port,
    /// `t(6CLL)`
    Address,
    /// `t(6)`
    Group,
    /// `t(Ec)`, the signal strength optional
    EuiRssi,
    /// `t(Ec)`
    FixedRss,
    /// `t(E)`
    Eui,
    /// `t(6CbCbSC)`, inserted as `6CbC`
    OnMeshNet,
    /// `t(6CbCbbS)`, inserted as `6CbC`
    OffMeshRoute,
    /// `t(LdbdS)`, inserted as `Ldbd`
    Service,
}

/// The longest item, and the most of them: a firmware's tables are of this order (OpenThread: 32
/// filter entries, 4..16 addresses), and 32 entries of the address table fit a frame.
pub(crate) const ITEM_MAX: usize = 64;
pub(crate) const ITEMS_MAX: usize = 32;

impl Shape {
    /// The items of a value that the host wants to set. Octets behind a complete value are ignored
    /// (protocol §2.1).
    pub(crate) fn check(self, octets: &[u8]) -> Result<Vec<Vec<u8>>, Status> {
        let mut reader = Reader::new(octets);
        let scalar = match self {
            Shape::List(kind) => return kind.read_all(&mut reader),
            Shape::ReadOnly => return Err(PROP_NOT_FOUND),
            Shape::Ignored => Vec::new(),
            Shape::Bool => vec![boolean(&mut reader)?],
            Shape::Uint8(min, max) => vec![in_range(reader.uint8().or_parse_error()?, min, max)?],
            // Read as a packed integer, so FF alone is no number.
            Shape::Channel => match reader.uint_packed().or_parse_error()? {
                channel @ 11..=26 => vec![channel as u8],
                _ => return Err(INVALID_ARGUMENT),
            },
            Shape::Int8 => reader.take(1).or_parse_error()?.to_vec(),
            Shape::Uint16 => reader.take(2).or_parse_error()?.to_vec(),
            Shape::Uint32 => reader.take(4).or_parse_error()?.to_vec(),
            Shape::Data(length) if octets.len() == length => octets.to_vec(),
            Shape::Data(_) => return Err(PARSE_ERROR),
            Shape::Octets(max) if octets.len() <= max => octets.to_vec(),
            Shape::Octets(_) => return Err(INVALID_ARGUMENT),
            Shape::AtLeast(length) => reader.take(length).or_parse_error()?.to_vec(),
            Shape::Hours => {
                let hours = reader.uint32().or_parse_error()? as u16;
                u32::from(hours).to_le_bytes().to_vec()
            }
            Shape::Discerner => match reader.uint8().or_parse_error()? {
                0 => vec![0],
                bits => {
                    let value = reader.take(8).or_parse_error()?;
                    in_range(bits, 1, 64)?;
                    [&[bits], value].concat()
                }
            },
            Shape::Text(max) => text(&mut reader, max)?,
            Shape::Name(max) => match text(&mut reader, max)?.as_slice() {
                [0] => return Err(INVALID_ARGUMENT),
                name => name.to_vec(),
            },
            Shape::Prefix64 => prefix64(&mut reader)?,
            Shape::ChannelPower => {
                in_range(reader.uint8().or_parse_error()?, CHANNEL_MIN, CHANNEL_MAX)?;
                reader.take(1).or_parse_error()?;
                octets[..2].to_vec()
            }
            Shape::Datagram => reader.data_with_length().or_parse_error()?.to_vec(),
            Shape::Dataset => {
                while !reader.is_empty() {
                    let mut member = reader.structure().or_parse_error()?;
                    member.uint_packed().or_parse_error()?;
                }
                octets.to_vec()
            }
        };
        Ok(vec![scalar])
    }
}

/// An item that was read, and how many of its octets tell it from the others.
pub(crate) struct Entry {
    pub(crate) octets: Vec<u8>,
    key_len: usize,
}

impl Entry {
    pub(crate) fn matches(&self, item: &[u8]) -> bool {
        self.octets.get(..self.key_len) == item.get(..self.key_len)
    }
}

impl Item {
    pub(crate) const fn is_framed(self) -> bool {
        !matches!(
            self,
            Item::Channel | Item::RouterId | Item::UpdateId | Item::Port
        )
    }

    /// Whether others may offer the same, so that what is not the host's does not stand in its way.
    pub(crate) const fn is_shared(self) -> bool {
        matches!(self, Item::OnMeshNet | Item::OffMeshRoute)
    }

    /// How many the host can put there (protocol errata E47).
    pub(crate) const fn room(self, variant: Variant) -> usize {
        match self {
            Item::Address => variant.addresses,
            Item::Group => variant.groups,
            Item::OnMeshNet | Item::OffMeshRoute => PREFIXES_MAX,
            _ => ITEMS_MAX,
        }
    }

    /// What OpenThread does not take (errata E48).
    pub(crate) fn check_insert(self, octets: &[u8]) -> Result<(), Status> {
        match (self, octets) {
            (Item::Address, [0xFE, second, ..]) if second & 0xC0 == 0x80 => Err(INVALID_ARGUMENT),
            (Item::Address, [0xFF, ..]) => Err(INVALID_ARGUMENT),
            (Item::Group, [0xFF, ..]) => Ok(()),
            (Item::Group, _) | (Item::Port, [0, 0]) => Err(INVALID_ARGUMENT),
            _ => Ok(()),
        }
    }

    pub(crate) fn check_remove(self, octets: &[u8]) -> Result<(), Status> {
        match (self, octets) {
            (Item::Port, [0, 0]) => Err(INVALID_ARGUMENT),
            _ => Ok(()),
        }
    }

    fn read_all(self, reader: &mut Reader<'_>) -> Result<Vec<Vec<u8>>, Status> {
        let mut items = Vec::<Vec<u8>>::new();
        while !reader.is_empty() {
            if self == Item::Port && reader.rest().len() < 2 {
                // OpenThread reads as many as there are.
                break;
            }
            let entry = if self.is_framed() {
                self.read(&mut reader.structure().or_parse_error()?, false)
            } else {
                self.read(reader, false)
            };
            if self == Item::UpdateId && matches!(entry, Err(INVALID_ARGUMENT)) {
                // In a whole list what cannot be filtered is ignored (§3.3, property 4104).
                continue;
            }
            let entry = entry?;
            self.check_insert(&entry.octets)?;
            if items.iter().any(|item| entry.matches(item)) {
                continue;
            }
            if items.len() >= ITEMS_MAX {
                return Err(NOMEM);
            }
            items.push(entry.octets);
        }
        if self == Item::Channel {
            // A mask knows no order.
            items.sort();
        }
        Ok(items)
    }

    /// One item. `removing`: only the key fields need to be there.
    pub(crate) fn read(self, reader: &mut Reader<'_>, removing: bool) -> Result<Entry, Status> {
        let start = reader.rest();
        let key_len = self.key_len(reader)?;
        let mut octets = start[..key_len].to_vec();
        if !removing {
            self.read_rest(reader, &mut octets)?;
        }
        if octets.len() > ITEM_MAX {
            return Err(NOMEM);
        }
        Ok(Entry { octets, key_len })
    }

    /// Reads the key fields and says how many octets they have.
    fn key_len(self, reader: &mut Reader<'_>) -> Result<usize, Status> {
        let before = reader.rest().len();
        match self {
            Item::Channel => {
                in_range(reader.uint8().or_parse_error()?, 0, CHANNEL_BIT_MAX)?;
            }
            Item::RouterId => {
                in_range(reader.uint8().or_parse_error()?, 0, ROUTER_ID_MAX)?;
            }
            Item::UpdateId => {
                if !updates::is_filterable(reader.uint_packed().or_parse_error()?) {
                    return Err(INVALID_ARGUMENT);
                }
            }
            Item::Port => {
                reader.uint16().or_parse_error()?;
            }
            Item::Address | Item::Group => {
                reader.take(16).or_parse_error()?;
            }
            Item::EuiRssi | Item::Eui | Item::FixedRss => {
                reader.take(8).or_parse_error()?;
            }
            Item::OnMeshNet | Item::OffMeshRoute => {
                reader.take(16).or_parse_error()?;
                in_range(reader.uint8().or_parse_error()?, 0, 128)?;
            }
            Item::Service => {
                reader.uint32().or_parse_error()?;
                reader.data_with_length().or_parse_error()?;
            }
        }
        Ok(before - reader.rest().len())
    }

    /// Reads what follows the key, and completes what the co-processor adds.
    fn read_rest(self, reader: &mut Reader<'_>, octets: &mut Vec<u8>) -> Result<(), Status> {
        match self {
            Item::Channel
            | Item::RouterId
            | Item::UpdateId
            | Item::Port
            | Item::Group
            | Item::Eui => {}
            Item::Address => {
                let length_and_lifetimes = reader.take(9).or_parse_error()?;
                in_range(length_and_lifetimes[0], 0, 128)?;
                octets.extend(length_and_lifetimes);
            }
            Item::EuiRssi => octets.push(reader.uint8().unwrap_or(NO_FIXED_RSSI)),
            Item::FixedRss => octets.push(reader.uint8().or_parse_error()?),
            Item::OnMeshNet => {
                octets.push(boolean(reader)?);
                octets.push(reader.uint8().or_parse_error()?);
                // Local, and the RLOC16 and the extended flags of the entry.
                octets.extend([1, 0, 0, 0]);
            }
            Item::OffMeshRoute => {
                octets.push(boolean(reader)?);
                octets.push(reader.uint8().or_parse_error()?);
                // Local, the next hop is this device, and the RLOC16.
                octets.extend([1, 1, 0, 0]);
            }
            Item::Service => {
                octets.push(boolean(reader)?);
                let data = reader.data_with_length().or_parse_error()?;
                octets.extend((data.len() as u16).to_le_bytes());
                octets.extend(data);
                octets.extend([0, 0]);
            }
        }
        Ok(())
    }
}

/// What a failed read means to the host (protocol §1.4).
trait OrParseError<T> {
    fn or_parse_error(self) -> Result<T, Status>;
}

impl<T> OrParseError<T> for Result<T, Malformed> {
    fn or_parse_error(self) -> Result<T, Status> {
        self.map_err(|_| PARSE_ERROR)
    }
}

/// A bool is 0 or 1 for a co-processor (errata E41).
fn boolean(reader: &mut Reader<'_>) -> Result<u8, Status> {
    match reader.uint8() {
        Ok(octet @ (0 | 1)) => Ok(octet),
        _ => Err(PARSE_ERROR),
    }
}

fn in_range(value: u8, min: u8, max: u8) -> Result<u8, Status> {
    if (min..=max).contains(&value) {
        Ok(value)
    } else {
        Err(INVALID_ARGUMENT)
    }
}

fn text(reader: &mut Reader<'_>, max: usize) -> Result<Vec<u8>, Status> {
    let text = reader.utf8().or_parse_error()?;
    if text.len() > max || core::str::from_utf8(text).is_err() {
        return Err(INVALID_ARGUMENT);
    }
    Ok([text, &[0]].concat())
}

/// `6C`: the length must be 64, and what is behind the prefix is not kept.
fn prefix64(reader: &mut Reader<'_>) -> Result<Vec<u8>, Status> {
    let prefix = reader.take(8).or_parse_error()?;
    reader.take(8).or_parse_error()?;
    in_range(reader.uint8().or_parse_error()?, 64, 64)?;
    Ok([prefix, &[0; 8], &[64]].concat())
}

/// A channel mask has 32 bits, and OpenThread takes them all.
const CHANNEL_BIT_MAX: u8 = 31;
/// How many prefixes and routes of its host OpenThread's default build takes (errata E47).
const PREFIXES_MAX: usize = 14;
/// A Thread network has at most 63 routers, 0..=62.
const ROUTER_ID_MAX: u8 = 62;
/// Protocol §3.5, property 4864.
const NO_FIXED_RSSI: u8 = 127;
