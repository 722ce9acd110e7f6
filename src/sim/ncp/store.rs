//! The property store: for each property of the [table](super::properties) the octets of its value,
//! what may be done with it, and what a value must look like.
//!
//! A value is a list of items. A scalar has exactly one; a list property has 0..=[`ITEMS_MAX`] of at
//! most [`ITEM_MAX`] octets, so the store is bounded whatever the host writes.

use super::numbers::*;
use super::properties::PROPERTIES;
use super::{updates, Variant};
use crate::wire::packed::{Malformed, Reader, Writer};

/// A status code (protocol §4.1).
pub(super) type Status = u32;

/// One row of the property table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Property {
    pub(super) id: u32,
    pub(super) access: Access,
    pub(super) shape: Shape,
    /// The value after a reset, of a scalar. Lists start empty.
    pub(super) initial: &'static [u8],
    /// When the value can be read.
    pub(super) read_when: When,
    /// When it can be changed.
    pub(super) write_when: When,
    /// What else happens when it was changed.
    pub(super) effect: Effect,
    /// Whether it says what a network is: a SET of it alone ends the dataset.
    pub(super) credential: bool,
    /// Whether OpenThread's default build has not got it ([`Variant::extras`]).
    pub(super) extra: Extra,
    /// Whether its value is made up of others when it is read (`Ncp::compute`).
    pub(super) computed: bool,
}

impl Property {
    pub(super) const fn new(id: u32, access: Access, shape: Shape, initial: &'static [u8]) -> Self {
        Property {
            id,
            access,
            shape,
            initial,
            read_when: When::Always,
            write_when: When::Always,
            effect: Effect::None,
            credential: false,
            extra: Extra::None,
            computed: false,
        }
    }

    pub(super) const fn effect(mut self, effect: Effect) -> Self {
        self.effect = effect;
        self
    }

    pub(super) const fn write_when(mut self, when: When) -> Self {
        self.write_when = when;
        self
    }

    pub(super) const fn read_when(mut self, when: When) -> Self {
        self.read_when = when;
        self
    }

    pub(super) const fn computed(mut self) -> Self {
        self.computed = true;
        self
    }

    /// A credential: only writable while the stack is down.
    pub(super) const fn credential(mut self) -> Self {
        self.write_when = When::StackDown;
        self.credential = true;
        self
    }

    /// There with [`Variant::extras`] alone.
    pub(super) const fn extra(mut self) -> Self {
        self.extra = Extra::All;
        self
    }

    /// Only readable without [`Variant::extras`].
    pub(super) const fn extra_to_write(mut self) -> Self {
        self.extra = Extra::ToWrite;
        self
    }
}

/// What of a property is there with [`Variant::extras`] alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extra {
    None,
    All,
    ToWrite,
}

/// Which of GET, SET, INSERT and REMOVE a property offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Access(u8);

impl Access {
    pub(super) const G: Access = Access(1);
    pub(super) const S: Access = Access(2);
    pub(super) const I: Access = Access(4);
    pub(super) const R: Access = Access(8);
    pub(super) const GS: Access = Access(1 | 2);
    pub(super) const GI: Access = Access(1 | 4);
    pub(super) const GIR: Access = Access(1 | 4 | 8);
    pub(super) const GSIR: Access = Access(1 | 2 | 4 | 8);

    pub(super) const fn offers(self, operation: Access) -> bool {
        self.0 & operation.0 == operation.0
    }
}

/// The condition of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    Always,
    /// Never: the documents define it, the firmware has not got it.
    Unimplemented,
    StackDown,
    /// Child, router or leader; it says DETACHED.
    Attached,
    InterfaceUp,
    NoChildren,
    /// An active commissioner.
    Commissioning,
    /// The build has LINK_RAW, and the interface is down.
    LinkRaw,
    /// Nothing of the stack's is in the way of what a sniffer wants.
    RadioFree,
    /// The stack is down; in firmware with a raw radio, while that is the host's.
    Receiving,
    /// Only as a child.
    Child,
    /// Property 93 is true.
    NetDataOpen,
    /// Property 160 is true.
    ServicesOpen,
}

/// What else happens when a property was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    None,
    Channel,
    ExtendedAddress,
    MeshLocalPrefix,
    Interface,
    Stack,
    Role,
    NetworkKey,
    PollPeriod,
    Mode,
    JoinExisting,
    Leave,
    McuPower,
    PingOffload,
    PingOffloadMode,
    NetDataGate,
    Scan,
    Datagram,
    DatagramInsecure,
    ClearCounters,
    ActiveDataset,
    ActiveTlvs,
    PendingDataset,
    PendingTlvs,
    Announce,
    AnnounceTlvs,
    RouterRole,
    Supported,
    Allowlist,
    HostPower,
    KeySequence,
    Promiscuous,
    RawLink,
    Commissioner,
    Joiner,
    Gpio,
}

/// What the octets of a value must be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
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
pub(super) enum Item {
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
pub(super) const ITEM_MAX: usize = 64;
pub(super) const ITEMS_MAX: usize = 32;

#[derive(Debug)]
pub(super) struct Store {
    variant: Variant,
    /// In the order of [`PROPERTIES`], which is sorted by id.
    slots: Vec<Slot>,
}

#[derive(Clone, Debug)]
struct Slot {
    property: Property,
    /// Items that the host cannot take away.
    own: Vec<Vec<u8>>,
    items: Vec<Vec<u8>>,
}

impl Store {
    /// Every property with its initial value.
    pub(super) fn new(variant: Variant) -> Self {
        let slot = |property: &Property| Slot {
            property: *property,
            own: Vec::new(),
            items: match property.shape {
                Shape::List(_) => Vec::new(),
                _ => vec![property.initial.to_vec()],
            },
        };
        Store {
            variant,
            slots: PROPERTIES.iter().map(slot).collect(),
        }
    }

    /// The row of a property that offers `operation`.
    pub(super) fn find(&self, id: u32, operation: Access) -> Result<&'static Property, Status> {
        PROPERTIES
            .binary_search_by_key(&id, |property| property.id)
            .ok()
            .map(|index| &PROPERTIES[index])
            .filter(|property| property.access.offers(operation))
            .filter(|property| match property.extra {
                Extra::None => true,
                Extra::All => self.variant.extras,
                Extra::ToWrite => self.variant.extras || operation == Access::G,
            })
            .ok_or(PROP_NOT_FOUND)
    }

    /// The octets of a value as they go over the wire; empty if there is no such property.
    pub(super) fn value(&self, id: u32) -> Vec<u8> {
        let mut octets = Vec::new();
        for item in self.items(id) {
            if self.is_framed(id) {
                octets.extend((item.len() as u16).to_le_bytes());
            }
            octets.extend(item);
        }
        octets
    }

    /// The items of a value, the co-processor's own first.
    pub(super) fn items(&self, id: u32) -> impl Iterator<Item = &[u8]> {
        self.slot(id)
            .into_iter()
            .flat_map(|slot| slot.own.iter().chain(&slot.items))
            .map(Vec::as_slice)
    }

    /// The first octet of a value: of a bool, a `C` or a `c`.
    pub(super) fn uint8(&self, id: u32) -> u8 {
        self.items(id)
            .next()
            .and_then(|item| item.first().copied())
            .unwrap_or(0)
    }

    /// A value of type `S`.
    pub(super) fn uint16(&self, id: u32) -> u16 {
        Reader::new(&self.value(id)).uint16().unwrap_or(0)
    }

    /// A value of type `L`.
    pub(super) fn uint32(&self, id: u32) -> u32 {
        Reader::new(&self.value(id)).uint32().unwrap_or(0)
    }

    /// A value of exactly `N` octets; zeros if it has another length.
    pub(super) fn array<const N: usize>(&self, id: u32) -> [u8; N] {
        <[u8; N]>::try_from(self.value(id).as_slice()).unwrap_or([0; N])
    }

    /// Replaces a scalar, or a list that has one unframed item per octet. Says whether it changed.
    pub(super) fn put(&mut self, id: u32, value: &[u8]) -> bool {
        self.replace(id, vec![value.to_vec()])
    }

    /// Replaces the items that the host can change. Says whether they changed.
    pub(super) fn replace(&mut self, id: u32, items: Vec<Vec<u8>>) -> bool {
        match self.slot_mut(id) {
            Some(slot) if slot.items != items => {
                slot.items = items;
                true
            }
            _ => false,
        }
    }

    /// Replaces the items that are the co-processor's own. Says whether they changed.
    pub(super) fn put_own(&mut self, id: u32, own: Vec<Vec<u8>>) -> bool {
        match self.slot_mut(id) {
            Some(slot) if slot.own != own => {
                slot.items.retain(|item| !own.contains(item));
                slot.own = own;
                true
            }
            _ => false,
        }
    }

    /// The items that the host put there.
    pub(super) fn changeable(&self, id: u32) -> impl Iterator<Item = &[u8]> {
        let slot = self.slot(id).into_iter();
        slot.flat_map(|slot| slot.items.iter().map(Vec::as_slice))
    }

    /// Writes the RLOC16 of this device into the prefixes, routes and services that it offers.
    pub(super) fn stamp(&mut self, rloc16: u16) {
        for slot in &mut self.slots {
            let at_end = match slot.list() {
                // Behind it are the extended flags.
                Ok(Item::OnMeshNet) => 3,
                Ok(Item::OffMeshRoute | Item::Service) => 2,
                _ => continue,
            };
            for item in &mut slot.items {
                let start = item.len().saturating_sub(at_end);
                if let Some(stamp) = item.get_mut(start..start + 2) {
                    stamp.copy_from_slice(&rloc16.to_le_bytes());
                }
            }
        }
    }

    /// Adds to a value of type `L`.
    pub(super) fn count(&mut self, id: u32, n: u32) {
        let sum = self.uint32(id).wrapping_add(n);
        self.put(id, &sum.to_le_bytes());
    }

    /// Sets values of type `L` to zero.
    pub(super) fn clear_counters(&mut self, first: u32, last: u32) {
        for id in first..=last {
            self.put(id, &[0; 4]);
        }
    }

    /// Adds an item that a host sent, without its structure length (protocol §1.3).
    pub(super) fn insert(&mut self, id: u32, octets: &[u8]) -> Result<bool, Status> {
        let variant = self.variant;
        let slot = self.slot_mut(id).ok_or(PROP_NOT_FOUND)?;
        let kind = slot.list()?;
        let entry = kind.read(&mut Reader::new(octets), false)?;
        kind.check_insert(&entry.octets)?;
        if !kind.is_shared() && slot.own.iter().any(|item| entry.matches(item)) {
            // To join a group that is joined is no error (§3.8); an own address cannot be changed.
            return match kind {
                Item::Group => Ok(false),
                _ => Err(INVALID_ARGUMENT),
            };
        }
        if let Some(item) = slot.items.iter_mut().find(|item| entry.matches(item)) {
            let changed = *item != entry.octets;
            *item = entry.octets;
            return Ok(changed);
        }
        if slot.items.len() >= kind.room(variant) {
            return Err(NOMEM);
        }
        slot.items.push(entry.octets);
        Ok(true)
    }

    /// Takes away the item whose key fields a host sent.
    pub(super) fn remove(&mut self, id: u32, octets: &[u8]) -> Result<bool, Status> {
        let slot = self.slot_mut(id).ok_or(PROP_NOT_FOUND)?;
        let kind = slot.list()?;
        if kind == Item::FixedRss && octets.is_empty() {
            // The signal strength of everyone else, which is kept nowhere.
            return Ok(false);
        }
        let entry = kind.read(&mut Reader::new(octets), true)?;
        kind.check_remove(&entry.octets)?;
        if !kind.is_shared() && slot.own.iter().any(|item| entry.matches(item)) {
            return Err(match kind {
                Item::Group => STACK_REJECTED,
                _ => INVALID_ARGUMENT,
            });
        }
        let before = slot.items.len();
        slot.items.retain(|item| !entry.matches(item));
        match (slot.items.len() < before, kind) {
            (true, _) => Ok(true),
            (false, Item::Service | Item::RouterId) => Err(ITEM_NOT_FOUND),
            // OpenThread finds nothing wrong with that.
            (false, _) => Ok(false),
        }
    }

    fn is_framed(&self, id: u32) -> bool {
        self.slot(id)
            .and_then(|slot| slot.list().ok())
            .is_some_and(Item::is_framed)
    }

    fn slot(&self, id: u32) -> Option<&Slot> {
        let index = self.index(id)?;
        self.slots.get(index)
    }

    fn slot_mut(&mut self, id: u32) -> Option<&mut Slot> {
        let index = self.index(id)?;
        self.slots.get_mut(index)
    }

    fn index(&self, id: u32) -> Option<usize> {
        self.slots
            .binary_search_by_key(&id, |slot| slot.property.id)
            .ok()
    }
}

impl Slot {
    fn list(&self) -> Result<Item, Status> {
        match self.property.shape {
            Shape::List(kind) => Ok(kind),
            _ => Err(PROP_NOT_FOUND),
        }
    }
}

impl Shape {
    /// The items of a value that the host wants to set. Octets behind a complete value are ignored
    /// (protocol §2.1).
    pub(super) fn check(self, octets: &[u8]) -> Result<Vec<Vec<u8>>, Status> {
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
struct Entry {
    octets: Vec<u8>,
    key_len: usize,
}

impl Entry {
    fn matches(&self, item: &[u8]) -> bool {
        self.octets.get(..self.key_len) == item.get(..self.key_len)
    }
}

impl Item {
    const fn is_framed(self) -> bool {
        !matches!(
            self,
            Item::Channel | Item::RouterId | Item::UpdateId | Item::Port
        )
    }

    /// Whether others may offer the same, so that what is not the host's does not stand in its way.
    const fn is_shared(self) -> bool {
        matches!(self, Item::OnMeshNet | Item::OffMeshRoute)
    }

    /// How many the host can put there (protocol errata E47).
    const fn room(self, variant: Variant) -> usize {
        match self {
            Item::Address => variant.addresses,
            Item::Group => variant.groups,
            Item::OnMeshNet | Item::OffMeshRoute => PREFIXES_MAX,
            _ => ITEMS_MAX,
        }
    }

    /// What OpenThread does not take (errata E48).
    fn check_insert(self, octets: &[u8]) -> Result<(), Status> {
        match (self, octets) {
            (Item::Address, [0xFE, second, ..]) if second & 0xC0 == 0x80 => Err(INVALID_ARGUMENT),
            (Item::Address, [0xFF, ..]) => Err(INVALID_ARGUMENT),
            (Item::Group, [0xFF, ..]) => Ok(()),
            (Item::Group, _) | (Item::Port, [0, 0]) => Err(INVALID_ARGUMENT),
            _ => Ok(()),
        }
    }

    fn check_remove(self, octets: &[u8]) -> Result<(), Status> {
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
    fn read(self, reader: &mut Reader<'_>, removing: bool) -> Result<Entry, Status> {
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

/// Packs a structured value of the co-processor's own making.
pub(super) fn pack(
    write: impl FnOnce(&mut Writer<'_>) -> Result<(), crate::wire::packed::Overflow>,
) -> Vec<u8> {
    let mut buf = [0; 256];
    let mut writer = Writer::new(&mut buf);
    // What does not fit is left out: nothing here is longer than a quarter of the buffer.
    let _ = write(&mut writer);
    writer.written().to_vec()
}

/// IEEE 802.15.4 in the 2.4 GHz band (protocol §7.6).
pub(super) const CHANNEL_MIN: u8 = 11;
pub(super) const CHANNEL_MAX: u8 = 26;
/// A channel mask has 32 bits, and OpenThread takes them all.
const CHANNEL_BIT_MAX: u8 = 31;
/// How many prefixes and routes of its host OpenThread's default build takes (errata E47).
const PREFIXES_MAX: usize = 14;
/// A Thread network has at most 63 routers, 0..=62.
const ROUTER_ID_MAX: u8 = 62;
/// Protocol §3.5, property 4864.
const NO_FIXED_RSSI: u8 = 127;
