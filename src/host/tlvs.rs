//! MeshCoP TLVs (Thread specification, section 8.10.1) as they come: a type octet, a length octet, a value. What is not
//! known here is kept octet for octet, in its place: a dataset that is changed here loses nothing of what newer nodes
//! put into it.

/// The TLVs of a dataset, each type once, in their order.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Tlvs(Vec<(u8, Vec<u8>)>);

impl Tlvs {
    /// Reads them.
    ///
    /// # Errors
    /// What is wrong, in words that follow "the dataset: ".
    pub(super) fn parse(octets: &[u8]) -> Result<Self, String> {
        if octets.len() > LENGTH_MAX {
            return Err(too_long(octets.len()));
        }
        let mut tlvs = Tlvs::default();
        let mut rest = octets;
        while let [kind, behind @ ..] = rest {
            let cut_off = || format!("it ends within the TLV of type {kind}: is it complete?");
            let (&length, behind) = behind.split_first().ok_or_else(cut_off)?;
            let value = behind.get(..usize::from(length)).ok_or_else(cut_off)?;
            rest = &behind[value.len()..];
            if tlvs.get(*kind).is_some() {
                return Err(format!("its TLV of type {kind} is there twice"));
            }
            tlvs.0.push((*kind, value.to_vec()));
        }
        Ok(tlvs)
    }

    /// Writes them.
    ///
    /// # Errors
    /// They are longer than a dataset can be, in the same words.
    pub(super) fn octets(&self) -> Result<Vec<u8>, String> {
        let mut octets = Vec::new();
        for (kind, value) in &self.0 {
            // A value came with a length of one octet, or was made here, of 32 octets at the most.
            octets.extend([*kind, value.len() as u8]);
            octets.extend(value);
        }
        match octets.len() {
            0..=LENGTH_MAX => Ok(octets),
            length => Err(too_long(length)),
        }
    }

    /// The value of a type.
    pub(super) fn get(&self, kind: u8) -> Option<&[u8]> {
        let found = self.0.iter().find(|tlv| tlv.0 == kind);
        found.map(|tlv| &tlv.1[..])
    }

    /// Replaces a value, or adds it at the end.
    pub(super) fn set(&mut self, kind: u8, value: &[u8]) {
        match self.0.iter_mut().find(|tlv| tlv.0 == kind) {
            Some(tlv) => tlv.1 = value.to_vec(),
            None => self.0.push((kind, value.to_vec())),
        }
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u8, &[u8])> {
        self.0.iter().map(|(kind, value)| (*kind, &value[..]))
    }

    /// The seconds of a timestamp (48 bits, then 15 of ticks and the U bit).
    pub(super) fn seconds(&self, kind: u8) -> Option<u64> {
        let value = self.get(kind).filter(|value| value.len() == 8)?;
        let octets: [u8; 8] = value.try_into().ok()?;
        Some(u64::from_be_bytes(octets) >> 16)
    }

    /// Sets a timestamp, without ticks.
    pub(super) fn set_seconds(&mut self, kind: u8, seconds: u64) {
        self.set(kind, &(seconds << 16).to_be_bytes());
    }
}

impl core::fmt::Debug for Tlvs {
    /// Without the values, some of which are keys.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|tlv| tlv.0))
            .finish()
    }
}

fn too_long(length: usize) -> String {
    format!("{length} octets are too long, at most {LENGTH_MAX} are possible")
}

/// Types of MeshCoP TLVs.
pub(super) mod kind {
    pub(crate) const CHANNEL: u8 = 0;
    pub(crate) const PANID: u8 = 1;
    pub(crate) const XPANID: u8 = 2;
    pub(crate) const NAME: u8 = 3;
    pub(crate) const PSKC: u8 = 4;
    pub(crate) const KEY: u8 = 5;
    pub(crate) const PREFIX: u8 = 7;
    pub(crate) const POLICY: u8 = 12;
    pub(crate) const ACTIVE_TIMESTAMP: u8 = 14;
    pub(crate) const PENDING_TIMESTAMP: u8 = 51;
    pub(crate) const DELAY: u8 = 52;
    pub(crate) const CHANNEL_MASK: u8 = 53;
    pub(crate) const WAKEUP_CHANNEL: u8 = 74;
}

/// OpenThread's `OT_OPERATIONAL_DATASET_MAX_LENGTH`.
const LENGTH_MAX: usize = 254;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_unknown_stays_where_it_is() {
        let octets = [74, 2, 0, 15, 0, 3, 0, 0, 11, 200, 0];
        let mut tlvs = Tlvs::parse(&octets).unwrap();
        assert_eq!(tlvs.octets().unwrap(), octets);
        tlvs.set(kind::CHANNEL, &[0, 0, 20]);
        tlvs.set_seconds(kind::ACTIVE_TIMESTAMP, 7);
        let changed = [
            74, 2, 0, 15, 0, 3, 0, 0, 20, 200, 0, 14, 8, 0, 0, 0, 0, 0, 7, 0, 0,
        ];
        assert_eq!(tlvs.octets().unwrap(), changed);
        assert_eq!(tlvs.seconds(kind::ACTIVE_TIMESTAMP), Some(7));
        assert_eq!(format!("{tlvs:?}"), "[74, 0, 200, 14]");
    }

    #[test]
    fn what_is_wrong_is_told() {
        for (octets, why) in [
            (
                &[0][..],
                "it ends within the TLV of type 0: is it complete?",
            ),
            (
                &[5, 16, 1],
                "it ends within the TLV of type 5: is it complete?",
            ),
            (&[1, 0, 1, 0], "its TLV of type 1 is there twice"),
            (
                &[0; 255],
                "255 octets are too long, at most 254 are possible",
            ),
        ] {
            assert_eq!(Tlvs::parse(octets), Err(why.into()));
        }
        let mut full = Tlvs::parse(&[&[9, 250][..], &[0; 250]].concat()).unwrap();
        full.set(kind::CHANNEL, &[0, 0, 11]);
        assert!(full.octets().unwrap_err().starts_with("257 octets"));
    }

    proptest! {
        #[test]
        fn both_ways(octets in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(tlvs) = Tlvs::parse(&octets) {
                prop_assert_eq!(tlvs.octets(), Ok(octets));
            }
        }
    }
}
