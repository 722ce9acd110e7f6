//! Operational datasets: all that makes a Thread network, in the two forms that firmware takes.
//!
//! As a list of properties (`A(t(iD))`, protocol §3.7, properties 5400 and 5416), and as MeshCoP TLVs
//! (Thread specification, section 8.10.1; property 5436), which is how border routers, phones and home
//! automation hand a network over.

use super::tlvs::{kind as tlv, Tlvs};
use crate::wire::ids::Property;
use crate::wire::packed::{Malformed, Overflow, Reader, Writer};

/// The members of a dataset as values of their properties, each once.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Dataset(Vec<(Property, Vec<u8>)>);

impl Dataset {
    /// Reads `A(t(iD))`. Members that are not known here are kept.
    ///
    /// # Errors
    /// A structure, or the number in it, runs past the end.
    pub(super) fn from_value(value: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(value);
        let mut dataset = Dataset::default();
        while !reader.is_empty() {
            let mut member = reader.structure()?;
            let property = Property(member.uint_packed()?);
            dataset.set(property, member.rest());
        }
        Ok(dataset)
    }

    /// Writes `A(t(iD))`.
    ///
    /// # Errors
    /// [`Overflow`] when there is no room for it.
    pub(super) fn write_value(&self, writer: &mut Writer<'_>) -> Result<(), Overflow> {
        for (property, value) in &self.0 {
            writer.structure(|member| {
                member.uint_packed(property.0)?;
                member.data(value)
            })?;
        }
        Ok(())
    }

    /// Reads TLVs. Those that have no property are left out.
    ///
    /// # Errors
    /// What is wrong with them, in words that follow "the dataset: ".
    pub(super) fn from_tlvs(tlvs: &[u8]) -> Result<Self, String> {
        let mut dataset = Dataset::default();
        for (kind, value) in Tlvs::parse(tlvs)?.iter() {
            let wrong = || format!("its TLV of type {kind} cannot have {} octets", value.len());
            if let Some((property, value)) = member_of_tlv(kind, value).map_err(|()| wrong())? {
                dataset.set(property, &value);
            }
        }
        Ok(dataset)
    }

    /// As TLVs. Members that have none are left out.
    pub(super) fn tlvs(&self) -> Vec<u8> {
        let mut tlvs = Vec::new();
        for (property, value) in &self.0 {
            if let Some((kind, value)) = tlv_of_member(*property, value) {
                // No value has more than 32 octets.
                tlvs.extend([kind, value.len() as u8]);
                tlvs.extend(value);
            }
        }
        tlvs
    }

    /// The packed value of a member.
    pub(super) fn get(&self, property: Property) -> Option<&[u8]> {
        let member = self.0.iter().find(|member| member.0 == property);
        member.map(|member| &member.1[..])
    }

    /// Replaces a member, or adds it.
    pub(super) fn set(&mut self, property: Property, value: &[u8]) {
        match self.0.iter_mut().find(|member| member.0 == property) {
            Some(member) => member.1 = value.to_vec(),
            None => self.0.push((property, value.to_vec())),
        }
    }

    /// The members, in their order.
    pub(super) fn members(&self) -> impl Iterator<Item = (Property, &[u8])> {
        self.0
            .iter()
            .map(|(property, value)| (*property, &value[..]))
    }

    /// The first of those members that is missing without which firmware attaches to nothing
    /// (OpenThread's `IsCommissioned`).
    pub(super) fn missing(&self) -> Option<Property> {
        NEEDED
            .into_iter()
            .find(|needed| self.get(*needed).is_none())
    }
}

impl core::fmt::Debug for Dataset {
    /// Without the values, some of which are keys.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|member| member.0))
            .finish()
    }
}

/// The member that a TLV stands for; `Err` if it cannot have this length.
fn member_of_tlv(kind: u8, value: &[u8]) -> Result<Option<(Property, Vec<u8>)>, ()> {
    let fixed = |property, length: usize| match value.len() == length {
        true => Ok((property, value.to_vec())),
        false => Err(()),
    };
    let reversed = || value.iter().rev().copied().collect();
    let member = match kind {
        tlv::CHANNEL => match value {
            [0, 0, channel] => (Property::PHY_CHAN, vec![*channel]),
            // Another channel page: no radio that Spinel knows has one.
            [_, _, _] => return Ok(None),
            _ => return Err(()),
        },
        tlv::PANID if value.len() == 2 => (Property::MAC_15_4_PANID, reversed()),
        tlv::XPANID => fixed(Property::NET_XPANID, 8)?,
        tlv::NAME if value.len() <= NAME_MAX => {
            (Property::NET_NETWORK_NAME, [value, &[0]].concat())
        }
        tlv::PSKC => fixed(Property::NET_PSKC, 16)?,
        tlv::KEY => fixed(Property::NET_NETWORK_KEY, 16)?,
        tlv::PREFIX if value.len() == 8 => {
            (Property::IPV6_ML_PREFIX, [value, &[0; 8], &[64]].concat())
        }
        tlv::POLICY => match value {
            [high, low, flags @ ..] if !flags.is_empty() => (
                Property::DATASET_SECURITY_POLICY,
                [&[*low, *high], flags].concat(),
            ),
            _ => return Err(()),
        },
        tlv::ACTIVE_TIMESTAMP => match value {
            // The seconds; the ticks behind them have no place in the property.
            [seconds @ .., _, _] if value.len() == 8 => (
                Property::DATASET_ACTIVE_TIMESTAMP,
                seconds.iter().rev().copied().chain([0, 0]).collect(),
            ),
            _ => return Err(()),
        },
        tlv::CHANNEL_MASK => (Property::PHY_CHAN_SUPPORTED, channels_of_mask(value)?),
        tlv::PANID | tlv::NAME | tlv::PREFIX => return Err(()),
        _ => return Ok(None),
    };
    Ok(Some(member))
}

fn tlv_of_member(property: Property, value: &[u8]) -> Option<(u8, Vec<u8>)> {
    let reversed = |octets: &[u8]| octets.iter().rev().copied().collect::<Vec<_>>();
    Some(match property {
        Property::PHY_CHAN => (tlv::CHANNEL, [&[0, 0], value].concat()),
        Property::MAC_15_4_PANID => (tlv::PANID, reversed(value)),
        Property::NET_XPANID => (tlv::XPANID, value.to_vec()),
        Property::NET_NETWORK_NAME => {
            let name = value.split(|octet| *octet == 0).next().unwrap_or_default();
            (tlv::NAME, name.to_vec())
        }
        Property::NET_PSKC => (tlv::PSKC, value.to_vec()),
        Property::NET_NETWORK_KEY => (tlv::KEY, value.to_vec()),
        Property::IPV6_ML_PREFIX => (tlv::PREFIX, value.get(..8)?.to_vec()),
        Property::DATASET_SECURITY_POLICY => {
            let (rotation, flags) = (value.get(..2)?, value.get(2..)?);
            (tlv::POLICY, [&reversed(rotation), flags].concat())
        }
        Property::DATASET_ACTIVE_TIMESTAMP => {
            let seconds = reversed(value.get(..6)?);
            (tlv::ACTIVE_TIMESTAMP, [&seconds[..], &[0, 0]].concat())
        }
        Property::PHY_CHAN_SUPPORTED => (tlv::CHANNEL_MASK, mask_of_channels(value)),
        Property::DATASET_PENDING_TIMESTAMP => {
            let seconds = reversed(value.get(..6)?);
            (tlv::PENDING_TIMESTAMP, [&seconds[..], &[0, 0]].concat())
        }
        Property::DATASET_DELAY_TIMER => (tlv::DELAY, reversed(value)),
        _ => return None,
    })
}

/// Entries of page, length, and a mask whose first bit, the highest of the first octet, is channel 0.
pub(super) fn channels_of_mask(mut entries: &[u8]) -> Result<Vec<u8>, ()> {
    let mut channels = Vec::new();
    while let [page, length, behind @ ..] = entries {
        let mask = behind.get(..usize::from(*length)).ok_or(())?;
        entries = &behind[mask.len()..];
        if *page == 0 {
            let of_octet = |(index, octet): (usize, &u8)| {
                let octet = *octet;
                (0..8_usize)
                    .filter(move |bit| octet & 0x80 >> bit != 0)
                    .map(move |bit| index * 8 + bit)
            };
            let found = mask.iter().enumerate().take(4).flat_map(of_octet);
            // Below 32.
            channels.extend(found.map(|channel| channel as u8));
        }
    }
    match entries {
        [] => Ok(channels),
        _ => Err(()),
    }
}

fn mask_of_channels(channels: &[u8]) -> Vec<u8> {
    let mut mask = [0; 4];
    for channel in channels {
        if let Some(octet) = mask.get_mut(usize::from(channel / 8)) {
            *octet |= 0x80 >> (channel % 8);
        }
    }
    [&[0, mask.len() as u8], &mask[..]].concat()
}

/// Protocol §3.6: a network's name has at most 16 octets.
const NAME_MAX: usize = 16;
/// What OpenThread's `DatasetManager::IsCommissioned` looks for.
const NEEDED: [Property; 5] = [
    Property::NET_NETWORK_KEY,
    Property::NET_NETWORK_NAME,
    Property::NET_XPANID,
    Property::MAC_15_4_PANID,
    Property::PHY_CHAN,
];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn octets(hex: &str) -> Vec<u8> {
        let digits: Vec<u8> = hex
            .chars()
            .filter_map(|digit| digit.to_digit(16).map(|digit| digit as u8))
            .collect();
        digits
            .chunks(2)
            .map(|pair| pair[0] << 4 | pair[1])
            .collect()
    }

    /// As OpenThread's `dataset active -x` prints one.
    const TLVS: &str = "0e080000000000010000 000300000f 35060004001fffe0 02081111111122222222 \
        0708fddead00beef0000 051000112233445566778899aabbccddeeff 030e4f70656e54687265616444656d6f \
        01021234 0410445f2b5ca6f2a93a55ce570a70efeecb 0c0402a0f7f8";

    #[test]
    fn tlvs_of_a_real_network_both_ways() {
        let dataset = Dataset::from_tlvs(&octets(TLVS)).unwrap();
        for (property, value) in [
            (Property::DATASET_ACTIVE_TIMESTAMP, "0100000000000000"),
            (Property::PHY_CHAN, "0f"),
            (
                Property::PHY_CHAN_SUPPORTED,
                "0b0c0d0e0f101112131415161718191a",
            ),
            (Property::NET_XPANID, "1111111122222222"),
            (
                Property::IPV6_ML_PREFIX,
                "fddead00beef0000000000000000000040",
            ),
            (Property::NET_NETWORK_NAME, "4f70656e54687265616444656d6f00"),
            (Property::MAC_15_4_PANID, "3412"),
            (Property::DATASET_SECURITY_POLICY, "a002f7f8"),
        ] {
            assert_eq!(
                dataset.get(property),
                Some(&octets(value)[..]),
                "{property}"
            );
        }
        assert_eq!(dataset.missing(), None);
        assert_eq!(dataset.tlvs(), octets(TLVS));
        let mut buf = [0; 512];
        let mut writer = Writer::new(&mut buf);
        dataset.write_value(&mut writer).unwrap();
        assert_eq!(Dataset::from_value(writer.written()).unwrap(), dataset);
        assert!(!format!("{dataset:?}").contains("44"), "{dataset:?}");
    }

    #[test]
    fn what_is_wrong_is_told() {
        for (tlvs, why) in [
            ("00", "it ends within the TLV of type 0: is it complete?"),
            (
                "05100011",
                "it ends within the TLV of type 5: is it complete?",
            ),
            ("0501ff", "its TLV of type 5 cannot have 1 octets"),
            ("010112", "its TLV of type 1 cannot have 1 octets"),
            ("0c0202a0", "its TLV of type 12 cannot have 2 octets"),
            ("3503000400", "its TLV of type 53 cannot have 3 octets"),
            ("01021234 01021234", "its TLV of type 1 is there twice"),
        ] {
            assert_eq!(Dataset::from_tlvs(&octets(tlvs)), Err(why.into()), "{tlvs}");
        }
        assert!(Dataset::from_tlvs(&[0; 255])
            .unwrap_err()
            .starts_with("255"));
        // Unknown ones, and empty ones, are no reason to refuse a network.
        assert_eq!(
            Dataset::from_tlvs(&octets("4a00 f00101")),
            Ok(Dataset::default())
        );
        assert_eq!(
            Dataset::from_tlvs(&octets("00030000 0f"))
                .unwrap()
                .missing(),
            Some(Property::NET_NETWORK_KEY)
        );
    }

    proptest! {
        #[test]
        fn any_octets_are_read_or_refused(octets in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(dataset) = Dataset::from_tlvs(&octets) {
                let again = Dataset::from_tlvs(&dataset.tlvs());
                prop_assert_eq!(again, Ok(dataset));
            }
            let _ = Dataset::from_value(&octets);
        }
    }
}
