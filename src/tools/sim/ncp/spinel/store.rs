//! The property store: for each property of the [table](super::properties) the octets of its value.
//!
//! A value is a list of items. A scalar has exactly one; a list property has 0..=[`ITEMS_MAX`](super::shape::ITEMS_MAX) of at
//! most [`ITEM_MAX`](super::shape::ITEM_MAX) octets, so the store is bounded whatever the host writes.

use super::numbers::*;
use super::properties::PROPERTIES;
use super::property::{Access, Extra, Property};
use super::shape::{Item, Shape};
use super::variant::Variant;
use crate::wire::packed::Reader;

#[derive(Debug)]
pub(crate) struct Store {
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
    pub(crate) fn new(variant: Variant) -> Self {
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
    pub(crate) fn find(&self, id: u32, operation: Access) -> Result<&'static Property, Status> {
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
    pub(crate) fn value(&self, id: u32) -> Vec<u8> {
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
    pub(crate) fn items(&self, id: u32) -> impl Iterator<Item = &[u8]> {
        self.slot(id)
            .into_iter()
            .flat_map(|slot| slot.own.iter().chain(&slot.items))
            .map(Vec::as_slice)
    }

    /// The first octet of a value: of a bool, a `C` or a `c`.
    pub(crate) fn uint8(&self, id: u32) -> u8 {
        self.items(id)
            .next()
            .and_then(|item| item.first().copied())
            .unwrap_or(0)
    }

    /// A value of type `S`.
    pub(crate) fn uint16(&self, id: u32) -> u16 {
        Reader::new(&self.value(id)).uint16().unwrap_or(0)
    }

    /// A value of type `L`.
    pub(crate) fn uint32(&self, id: u32) -> u32 {
        Reader::new(&self.value(id)).uint32().unwrap_or(0)
    }

    /// A value of exactly `N` octets; zeros if it has another length.
    pub(crate) fn array<const N: usize>(&self, id: u32) -> [u8; N] {
        <[u8; N]>::try_from(self.value(id).as_slice()).unwrap_or([0; N])
    }

    /// Replaces a scalar, or a list that has one unframed item per octet. Says whether it changed.
    pub(crate) fn put(&mut self, id: u32, value: &[u8]) -> bool {
        self.replace(id, vec![value.to_vec()])
    }

    /// Replaces the items that the host can change. Says whether they changed.
    pub(crate) fn replace(&mut self, id: u32, items: Vec<Vec<u8>>) -> bool {
        match self.slot_mut(id) {
            Some(slot) if slot.items != items => {
                slot.items = items;
                true
            }
            _ => false,
        }
    }

    /// Replaces the items that are the co-processor's own. Says whether they changed.
    pub(crate) fn put_own(&mut self, id: u32, own: Vec<Vec<u8>>) -> bool {
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
    pub(crate) fn changeable(&self, id: u32) -> impl Iterator<Item = &[u8]> {
        let slot = self.slot(id).into_iter();
        slot.flat_map(|slot| slot.items.iter().map(Vec::as_slice))
    }

    /// Writes the RLOC16 of this device into the prefixes, routes and services that it offers.
    pub(crate) fn stamp(&mut self, rloc16: u16) {
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
    pub(crate) fn count(&mut self, id: u32, n: u32) {
        let sum = self.uint32(id).wrapping_add(n);
        self.put(id, &sum.to_le_bytes());
    }

    /// Sets values of type `L` to zero.
    pub(crate) fn clear_counters(&mut self, first: u32, last: u32) {
        for id in first..=last {
            self.put(id, &[0; 4]);
        }
    }

    /// Adds an item that a host sent, without its structure length (protocol §1.3).
    pub(crate) fn insert(&mut self, id: u32, octets: &[u8]) -> Result<bool, Status> {
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
    pub(crate) fn remove(&mut self, id: u32, octets: &[u8]) -> Result<bool, Status> {
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
