//! What a network is made of, and how the co-processor is told (protocol §7.5): by one dataset, as
//! today's firmware wants it, which leads no network without a complete one; or property by property.

use super::pskc::{pskc, PASSPHRASE};
use super::status::hex16;
use super::{
    channel_list, channels, channels_of, check_channel, check_text, has_channel, property,
    supported_channels, usage, Context,
};
use crate::ctl::request::Network;
use crate::ctl::{Failure, Field, Fields};
use crate::host::dataset::Dataset;
use crate::host::failure::{self, What};
use crate::host::known::{Known, FORGETTING};
use crate::host::script::{Follow, Send, Step};
use crate::wire::ids::{Command, Property};
use crate::wire::packed::{Overflow, Reader};
use std::net::Ipv6Addr;
use std::rc::Rc;

/// A network that is to be formed.
#[derive(Clone)]
pub(super) struct NewNetwork {
    /// What the user gave, checked.
    wanted: Network,
    /// All of it, made here, for firmware that makes no datasets.
    made: Network,
    /// The channels that are allowed.
    channels: u32,
    /// What the PSKc is made of that nobody gave.
    pskc: [u8; 16],
}

impl NewNetwork {
    pub(super) fn new(wanted: &Network, known: &Known, context: &Context) -> Result<Self, Failure> {
        if wanted.name.is_none() {
            return Err(usage("a network needs a name of 1 to 16 octets"));
        }
        check(wanted, known)?;
        let random = Random::new(&context.seed);
        let xpanid = wanted.xpanid.unwrap_or(random.xpanid);
        let made = Network {
            channel: Some(choose_channel(wanted, known, random.channel)?),
            panid: Some(wanted.panid.unwrap_or(random.panid)),
            xpanid: Some(xpanid),
            key: Some(wanted.key.unwrap_or(random.key)),
            key_sequence: match (wanted.key_sequence, wanted.key) {
                (None, None) => Some(1),
                (given, _) => given,
            },
            mesh_local_prefix: Some(
                wanted
                    .mesh_local_prefix
                    .unwrap_or_else(|| default_prefix(xpanid)),
            ),
            ..wanted.clone()
        };
        let supported = supported_channels(known);
        Ok(NewNetwork {
            wanted: wanted.clone(),
            made,
            channels: supported & wanted.channel_mask.unwrap_or(u32::MAX),
            pskc: context.pskc,
        })
    }

    /// Takes a dataset of the co-processor's making, with what the user gave in it, sets it, and goes on
    /// with `rest`; what was formed is told at the end.
    pub(super) fn form(self, rest: Vec<Step>) -> Result<Step, Overflow> {
        let network = self.clone();
        self.made(move |dataset| {
            let mut steps = vec![network.set(dataset.clone())?];
            steps.extend(rest.clone());
            steps.push(Step::Row(summary(dataset)));
            Ok(steps)
        })
    }

    /// Takes a dataset of the co-processor's making, or makes one here, with what the user gave in it, and goes on
    /// with `then`.
    pub(super) fn made(
        self,
        then: impl Fn(&Dataset) -> Result<Vec<Step>, Failure> + 'static,
    ) -> Result<Step, Overflow> {
        let get = Send::get(Property::THREAD_NEW_DATASET)?;
        Ok(Step::Ask(
            get,
            Follow::new(move |answer| {
                let offered = answer
                    .ok()
                    .and_then(|value| Dataset::from_value(value).ok());
                // Whatever is wrong with it: one can be made here.
                let complete = offered.filter(|offered| offered.missing().is_none());
                then(&self.dataset(complete))
            }),
        ))
    }

    /// What the user gave in a dataset that the co-processor made, or in one that is made here.
    fn dataset(&self, offered: Option<Dataset>) -> Dataset {
        let is_made_here = offered.is_none();
        let mut dataset = offered.unwrap_or_default();
        if is_made_here {
            dataset.set(
                Property::DATASET_ACTIVE_TIMESTAMP,
                &[1, 0, 0, 0, 0, 0, 0, 0],
            );
            put(&mut dataset, &self.made);
            dataset.set(Property::NET_PSKC, &self.pskc);
            dataset.set(Property::DATASET_SECURITY_POLICY, &SECURITY_POLICY);
        } else {
            put(&mut dataset, &self.wanted);
            let channel = dataset.get(Property::PHY_CHAN).unwrap_or_default();
            let is_allowed = matches!(channel, [channel] if has_channel(self.channels, *channel));
            if let (None, false, Some(chosen)) =
                (self.wanted.channel, is_allowed, self.made.channel)
            {
                dataset.set(Property::PHY_CHAN, &[chosen]);
            }
        }
        if is_made_here || self.wanted.channel_mask.is_some() {
            let mask: Vec<u8> = channels_of(self.channels).collect();
            dataset.set(Property::PHY_CHAN_SUPPORTED, &mask);
        }
        if let Some(passphrase) = &self.wanted.passphrase {
            let xpanid = dataset.get(Property::NET_XPANID).unwrap_or_default();
            let name = self.wanted.name.as_deref().unwrap_or_default();
            let pskc = pskc(passphrase, xpanid, name.as_bytes());
            dataset.set(Property::NET_PSKC, &pskc);
        }
        dataset
    }

    /// By the newest way that the firmware has.
    fn set(&self, dataset: Dataset) -> Result<Step, Failure> {
        let mut sequence = Vec::new();
        if let Some(counter) = self.wanted.key_sequence {
            sequence.push(key_sequence(counter)?.into());
        }
        let tlvs = dataset.tlvs();
        let mut alone = self.made.clone();
        if self.wanted.passphrase.is_some() {
            let pskc = dataset.get(Property::NET_PSKC);
            alone.pskc = pskc.and_then(|pskc| pskc.try_into().ok());
        }
        let singly = Rc::new(move || one_by_one(&alone));
        let done = sequence.clone();
        let as_tlvs = Rc::new(move || {
            let set = Send::set(Property::THREAD_ACTIVE_DATASET_TLVS, |value| {
                value.data(&tlvs)
            })?;
            Ok(vec![or_else(set, done.clone(), singly.clone())])
        });
        let set = Send::set(Property::THREAD_ACTIVE_DATASET, |value| {
            dataset.write_value(value)
        })?;
        Ok(or_else(set, sequence, as_tlvs))
    }
}

/// A whole dataset, and nothing beside it but the node type.
pub(super) fn check_dataset_alone(wanted: &Network) -> Result<(), Failure> {
    let alone = Network {
        dataset: wanted.dataset.clone(),
        node_type: wanted.node_type,
        ..Network::default()
    };
    if wanted.dataset.is_some() && *wanted != alone {
        return Err(usage(
            "a dataset holds all credentials: leave the name and the others out",
        ));
    }
    Ok(())
}

/// The dataset of a network that is there, by the newest way that the firmware has.
pub(super) fn of_tlvs(tlvs: &[u8]) -> Result<Step, Failure> {
    let dataset = Dataset::from_tlvs(tlvs).map_err(|why| usage(format!("the dataset: {why}")))?;
    if let Some(missing) = dataset.missing() {
        return Err(usage(format!(
            "the dataset: {missing} is missing: is it the active one, and complete?"
        )));
    }
    let members = dataset.clone();
    let singly = Rc::new(move || {
        let known_alone = members
            .members()
            .filter(|(property, _)| FORGETTING.contains(property));
        let steps = known_alone.map(|(property, octets)| {
            let set = Send::set(property, |value| value.data(octets))?;
            Ok(set.into())
        });
        steps.collect()
    });
    let as_members = Rc::new(move || {
        let set = Send::set(Property::THREAD_ACTIVE_DATASET, |value| {
            dataset.write_value(value)
        })?;
        Ok(vec![or_else(set, Vec::new(), singly.clone())])
    });
    // As it was given: what has no property is kept by the firmware, too.
    let set = Send::set(Property::THREAD_ACTIVE_DATASET_TLVS, |value| {
        value.data(tlvs)
    })?;
    Ok(or_else(set, Vec::new(), as_members))
}

/// Sets a property, and goes on with `done`; where the firmware does not have it, with `older`.
fn or_else(set: Send, done: Vec<Step>, older: Rc<Older>) -> Step {
    let what = What(
        Command::PROP_VALUE_SET,
        Reader::new(&set.payload).uint_packed().ok().map(Property),
    );
    Step::Ask(
        set,
        Follow::new(move |answer| match answer {
            Ok(_) => Ok(done.clone()),
            Err(status) if status.is_absent() => older(),
            Err(status) => Err(failure::of_status(what, status)),
        }),
    )
}

type Older = dyn Fn() -> Result<Vec<Step>, Failure>;

/// What is given, as members.
pub(super) fn put(dataset: &mut Dataset, network: &Network) {
    if let Some(channel) = network.channel {
        dataset.set(Property::PHY_CHAN, &[channel]);
    }
    if let Some(panid) = network.panid {
        dataset.set(Property::MAC_15_4_PANID, &panid.to_le_bytes());
    }
    if let Some(xpanid) = network.xpanid {
        dataset.set(Property::NET_XPANID, &xpanid);
    }
    if let Some(name) = &network.name {
        dataset.set(
            Property::NET_NETWORK_NAME,
            &[name.as_bytes(), &[0]].concat(),
        );
    }
    if let Some(key) = network.key {
        dataset.set(Property::NET_NETWORK_KEY, &key);
    }
    if let Some(pskc) = network.pskc {
        dataset.set(Property::NET_PSKC, &pskc);
    }
    if let Some(prefix) = network.mesh_local_prefix {
        dataset.set(
            Property::IPV6_ML_PREFIX,
            &[&prefix.octets()[..], &[64]].concat(),
        );
    }
}

/// Steps 2 to 9 of protocol §7.5, of what is given.
pub(super) fn one_by_one(network: &Network) -> Result<Vec<Step>, Failure> {
    let mut steps: Vec<Step> = Vec::new();
    let mut given = Dataset::default();
    put(&mut given, network);
    for &property in FORGETTING {
        if property == Property::IPV6_ML_PREFIX {
            if let Some(counter) = network.key_sequence {
                steps.push(key_sequence(counter)?.into());
            }
        }
        if let Some(octets) = given.get(property) {
            steps.push(Send::set(property, |value| value.data(octets))?.into());
        }
    }
    Ok(steps)
}

fn key_sequence(counter: u32) -> Result<Send, Overflow> {
    Send::set(Property::NET_KEY_SEQUENCE_COUNTER, |value| {
        value.uint32(counter)
    })
}

/// Whether what is given makes sense.
pub(super) fn check(wanted: &Network, known: &Known) -> Result<(), Failure> {
    if let Some(name) = &wanted.name {
        if name.is_empty() {
            return Err(usage("the network's name must have 1 to 16 octets"));
        }
        check_text("the network's name", name, NAME_MAX)?;
    }
    if let Some(channel) = wanted.channel {
        check_channel(known, channel)?;
    }
    if wanted.panid == Some(PANID_BROADCAST) {
        return Err(usage("PAN id 0xffff means every network: choose another"));
    }
    if let Some(passphrase) = &wanted.passphrase {
        if wanted.pskc.is_some() {
            return Err(usage(
                "give the passphrase or the PSKc that is made of it, not both",
            ));
        }
        // The passphrase itself does not belong into a message.
        if !PASSPHRASE.contains(&passphrase.len()) || passphrase.contains(char::is_control) {
            return Err(usage(
                "the passphrase must have 6 to 255 octets, and no control characters",
            ));
        }
    }
    match wanted.mesh_local_prefix {
        Some(prefix) => check_mesh_local_prefix(prefix),
        None => Ok(()),
    }
}

fn check_mesh_local_prefix(prefix: Ipv6Addr) -> Result<(), Failure> {
    let octets = prefix.octets();
    if octets[0] == 0xFD && octets[8..] == [0; 8] {
        return Ok(());
    }
    Err(usage(format!(
        "the mesh-local prefix must be a /64 of fd00::/8, like fdde:ad00:beef::; {prefix} is not"
    )))
}

/// The seed's octets as they stand: nothing that could be weaker than their source.
struct Random {
    key: [u8; 16],
    xpanid: [u8; 8],
    panid: u16,
    channel: u8,
}

impl Random {
    fn new(seed: &[u8; 32]) -> Self {
        let mut key = [0; 16];
        key.copy_from_slice(&seed[..16]);
        let mut xpanid = [0; 8];
        xpanid.copy_from_slice(&seed[16..24]);
        Random {
            key,
            xpanid,
            panid: u16::from_le_bytes([seed[24], seed[25]]).min(PANID_BROADCAST - 1),
            channel: seed[26],
        }
    }
}

fn choose_channel(wanted: &Network, known: &Known, random: u8) -> Result<u8, Failure> {
    let supported = supported_channels(known);
    let allowed = supported & wanted.channel_mask.unwrap_or(u32::MAX);
    if let Some(channel) = wanted.channel {
        return match has_channel(allowed, channel) {
            true => Ok(channel),
            false => Err(usage(format!(
                "channel {channel} is not in the given mask: leave one of the two out"
            ))),
        };
    }
    let preferred = allowed & channels(known, Property::PHY_CHAN_PREFERRED);
    let candidates: Vec<_> = match preferred {
        0 => channels_of(allowed).collect(),
        preferred => channels_of(preferred).collect(),
    };
    let index = usize::from(random) % candidates.len().max(1);
    candidates.get(index).copied().ok_or_else(|| {
        usage(format!(
            "no channel of the mask is supported: choose some of {}",
            channel_list(supported)
        ))
    })
}

/// Protocol §7.5, step 9: fd, the first five octets of the XPANID, 0000, ::/64.
fn default_prefix(xpanid: [u8; 8]) -> Ipv6Addr {
    let mut prefix = [0; 16];
    prefix[0] = 0xFD;
    prefix[1..6].copy_from_slice(&xpanid[..5]);
    prefix.into()
}

/// What was formed, without its keys.
pub(super) fn summary(dataset: &Dataset) -> Fields {
    let mut row = Fields::new();
    let reader = |property| Reader::new(dataset.get(property).unwrap_or_default());
    if let Ok(name) = reader(Property::NET_NETWORK_NAME).utf8() {
        row.push(
            "network_name",
            Field::Text(String::from_utf8_lossy(name).into_owned()),
        );
    }
    if let Ok(channel) = reader(Property::PHY_CHAN).uint8() {
        row.push("channel", channel);
    }
    if let Ok(panid) = reader(Property::MAC_15_4_PANID).uint16() {
        row.push("panid", hex16(panid));
    }
    if let Some(xpanid) = dataset.get(Property::NET_XPANID) {
        row.push("xpanid", property::hex(xpanid));
    }
    if let Ok(prefix) = reader(Property::IPV6_ML_PREFIX).array::<16>() {
        let prefix = Ipv6Addr::from(prefix);
        row.push("mesh_local_prefix", Field::word(format!("{prefix}/64")));
    }
    row
}

/// `SCC`: OpenThread's defaults, keys that rotate every 672 hours, everything allowed.
const SECURITY_POLICY: [u8; 4] = [0xA0, 0x02, 0xF7, 0xF8];
/// Protocol §3.6: a network's name has at most 16 octets.
const NAME_MAX: usize = 16;
/// The PAN id that addresses every PAN (IEEE 802.15.4).
const PANID_BROADCAST: u16 = 0xFFFF;
