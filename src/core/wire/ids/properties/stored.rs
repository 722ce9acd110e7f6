//! The table of the properties as the program holds it: eight octets for a property, and all names and
//! signatures in one text.
//!
//! As [`PropertyInfo`]s the rows would have 64 octets each and some 800 pointers in all. The loader of a
//! position-independent program writes each pointer when the program starts, into pages that are then
//! in memory whether they are used or not, once for every process.

use super::{Access, Needs, Property, PropertyInfo, ALL};
use crate::wire::ids::Capability;
use crate::wire::signature::Signature;
use core::{ops::Range, str};

/// Every property of protocol §3, sorted by number.
pub const PROPERTIES: Properties = Properties;

/// What is known of each property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Properties;

impl Properties {
    /// One after the other.
    pub fn iter(self) -> impl ExactSizeIterator<Item = PropertyInfo> + Clone {
        ROWS.iter().map(Row::info)
    }

    /// How many there are.
    #[allow(clippy::len_without_is_empty)] // It never is.
    pub const fn len(self) -> usize {
        ROWS_LEN
    }

    /// What is known of `property`; `None` for a number that is not known here.
    pub fn get(self, property: Property) -> Option<PropertyInfo> {
        let id = u16::try_from(property.0).ok()?;
        let index = ROWS.binary_search_by_key(&id, |row| row.id).ok()?;
        Some(ROWS[index].info())
    }
}

struct Row {
    id: u16,
    /// Where its name begins in [`TEXT`]. The signature follows.
    name: u16,
    name_len: u8,
    signature_len: u8,
    access: Access,
    /// In [`NEEDS`].
    needs: u8,
}

impl Row {
    fn info(&self) -> PropertyInfo {
        let signature = self.name + u16::from(self.name_len);
        let end = signature + u16::from(self.signature_len);
        let text = |range: Range<u16>| &TEXT[range.start.into()..range.end.into()];
        PropertyInfo {
            id: Property(self.id.into()),
            name: text(self.name..signature),
            signature: Signature::checked_before(text(signature..end)),
            access: self.access,
            needs: NEEDS[usize::from(self.needs)],
        }
    }
}

// From here on everything is done by the compiler, which knows loops, but neither iterators nor `==`
// for what is not a number.

const ROWS_LEN: usize = ALL.len();

static ROWS: [Row; ROWS_LEN] = {
    const FIRST: Row = Row {
        id: 0,
        name: 0,
        name_len: 0,
        signature_len: 0,
        access: Access(0),
        needs: 0,
    };
    let mut rows = [FIRST; ROWS_LEN];
    let (mut index, mut end) = (0, 0);
    while index < ROWS_LEN {
        let info = &ALL[index];
        let (name, signature) = (info.name.len(), info.signature.as_str().len());
        rows[index] = Row {
            id: narrow(info.id.0 as usize, u16::MAX as usize) as u16,
            name: narrow(end, u16::MAX as usize) as u16,
            name_len: narrow(name, u8::MAX as usize) as u8,
            signature_len: narrow(signature, u8::MAX as usize) as u8,
            access: info.access,
            needs: narrow(position(&DISTINCT.0, info.needs), u8::MAX as usize) as u8,
        };
        end += name + signature;
        index += 1;
    }
    rows
};

static TEXT: &str = match str::from_utf8(&OCTETS) {
    Ok(text) => text,
    Err(_) => panic!("it is made of texts"),
};

const OCTETS: [u8; OCTETS_LEN] = {
    let mut octets = [0; OCTETS_LEN];
    let (mut index, mut end) = (0, 0);
    while index < ROWS_LEN {
        let texts = [ALL[index].name, ALL[index].signature.as_str()];
        let mut which = 0;
        while which < texts.len() {
            let mut at = 0;
            while at < texts[which].len() {
                octets[end] = texts[which].as_bytes()[at];
                (at, end) = (at + 1, end + 1);
            }
            which += 1;
        }
        index += 1;
    }
    octets
};

const OCTETS_LEN: usize = {
    let (mut index, mut length) = (0, 0);
    while index < ROWS_LEN {
        length += ALL[index].name.len() + ALL[index].signature.as_str().len();
        index += 1;
    }
    length
};

static NEEDS: [Needs; DISTINCT.1] = {
    let mut needs = [Needs::Nothing; DISTINCT.1];
    let mut index = 0;
    while index < DISTINCT.1 {
        needs[index] = DISTINCT.0[index];
        index += 1;
    }
    needs
};

/// What properties need, each once, and how many these are; nothing is the first.
const DISTINCT: ([Needs; ROWS_LEN], usize) = {
    let mut distinct = [Needs::Nothing; ROWS_LEN];
    let (mut index, mut count) = (0, 1);
    while index < ROWS_LEN {
        if position(&distinct, ALL[index].needs) >= count {
            distinct[count] = ALL[index].needs;
            count += 1;
        }
        index += 1;
    }
    (distinct, count)
};

/// Where `wanted` is, or the length.
const fn position(list: &[Needs], wanted: Needs) -> usize {
    let mut index = 0;
    while index < list.len() && !are_equal(list[index], wanted) {
        index += 1;
    }
    index
}

const fn are_equal(a: Needs, b: Needs) -> bool {
    match (a, b) {
        (Needs::Nothing, Needs::Nothing) => true,
        (Needs::AnyOf(a), Needs::AnyOf(b)) | (Needs::ToWrite(a), Needs::ToWrite(b)) => {
            are_the_same(a, b)
        }
        _ => false,
    }
}

const fn are_the_same(a: &[Capability], b: &[Capability]) -> bool {
    let mut index = 0;
    while index < a.len() && index < b.len() && a[index].0 == b[index].0 {
        index += 1;
    }
    index == a.len() && index == b.len()
}

const fn narrow(number: usize, max: usize) -> usize {
    assert!(number <= max, "too large for its place in a row");
    number
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::mem::size_of;

    #[test]
    fn what_was_put_in_comes_out() {
        assert_eq!(PROPERTIES.len(), ALL.len());
        assert!(PROPERTIES.iter().eq(ALL.iter().copied()));
        for info in ALL {
            assert_eq!(PROPERTIES.get(info.id), Some(*info));
        }
    }

    #[test]
    fn what_is_not_in_the_table_is_not_found() {
        for number in [14, 16_389, 65_536, 65_537, u32::MAX] {
            assert_eq!(PROPERTIES.get(Property(number)), None);
        }
    }

    #[test]
    fn a_row_is_small() {
        assert_eq!(size_of::<Row>(), 8);
    }
}
