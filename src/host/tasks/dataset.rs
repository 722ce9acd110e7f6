//! Operational datasets as border routers, phones and home automation exchange them, in hex: shown, made, taken, and
//! put into force in a network that runs, by a pending dataset that all of its nodes follow at the same moment
//! (Thread specification, section 8.4.3).

use super::credentials::{self, NewNetwork};
use super::property::{self, row_name};
use super::pskc::pskc;
use super::status::hex16;
use super::{channel_list, channels_of, usage, wrong_state, Context};
use crate::ctl::request::{Migration, Network};
use crate::ctl::secrets::HIDDEN;
use crate::ctl::{Code, Failure, Field, Fields};
use crate::host::dataset::{channels_of_mask, Dataset};
use crate::host::failure::{self, What};
use crate::host::known::{Known, State};
use crate::host::script::{Follow, Script, Send, Step};
use crate::host::tlvs::{kind, Tlvs};
use crate::time::Duration;
use crate::wire::ids::{Command, Property, Status};
use crate::wire::packed::Reader;
use crate::wire::signature::Hex;
use std::net::Ipv6Addr;
use std::rc::Rc;

/// The active dataset, or the pending one, decoded.
pub(super) fn show(is_pending: bool, with_secrets: bool) -> Result<Script, Failure> {
    let then = move |tlvs: &Tlvs| Ok(vec![Step::Row(decoded(tlvs, with_secrets))]);
    Ok(Script::new().then(fetch(Kind::of(is_pending), Rc::new(then))?))
}

/// The same as TLVs.
pub(super) fn export(is_pending: bool) -> Result<Script, Failure> {
    let kind = Kind::of(is_pending);
    let then = move |tlvs: &Tlvs| Ok(vec![Step::Row(exported(kind.tlvs, &octets(tlvs)?))]);
    Ok(Script::new().then(fetch(kind, Rc::new(then))?))
}

/// A dataset of a network that nobody has yet; nothing is set.
pub(super) fn new(wanted: &Network, known: &Known, context: &Context) -> Result<Script, Failure> {
    let mut wanted = wanted.clone();
    // Of the seed, what no key is made of.
    let [.., high, low] = context.seed;
    wanted
        .name
        .get_or_insert_with(|| format!("Thread-{high:02X}{low:02X}"));
    let made = NewNetwork::new(&wanted, known, context)?.made(|dataset| {
        let row = exported(Property::THREAD_ACTIVE_DATASET_TLVS, &dataset.tlvs());
        Ok(vec![Step::Row(row)])
    })?;
    Ok(Script::new().then(made))
}

/// Becomes the stored network, which `attach` takes up.
pub(super) fn import(given: &[u8], known: &Known) -> Result<Script, Failure> {
    if known.state.is_up() {
        return Err(wrong_state(
            "the co-processor is in a network: dataset migrate changes that one; leave it for another one",
        ));
    }
    let tlvs = parse(given)?;
    refuse_pending(&tlvs)?;
    Ok(Script::exclusive("dataset import")
        .then(credentials::of_tlvs(given)?)
        .then(Step::Row(decoded(&tlvs, false))))
}

/// What of a whole dataset is told when its network runs.
pub(super) fn summary_of(given: &[u8]) -> Result<Step, Failure> {
    let members = Dataset::from_tlvs(given).map_err(wrong)?;
    Ok(Step::Row(credentials::summary(&members)))
}

/// What is not to be an active dataset.
fn refuse_pending(tlvs: &Tlvs) -> Result<(), Failure> {
    if tlvs
        .get(kind::DELAY)
        .or(tlvs.get(kind::PENDING_TIMESTAMP))
        .is_none()
    {
        return Ok(());
    }
    Err(usage(
        "the dataset: it is a pending one, which has a delay: dataset migrate takes it",
    ))
}

/// All nodes of the network go over to another dataset when the delay is over.
pub(super) fn migrate(wanted: &Migration, known: &Known) -> Result<Script, Failure> {
    if known.state != State::Associated {
        return Err(wrong_state(
            "only a network that runs can be changed: attach first, or use dataset import",
        ));
    }
    credentials::check(&wanted.changes, known)?;
    let given = wanted.dataset.as_deref().map(parse).transpose()?;
    if given.is_some() && wanted.changes != Network::default() {
        return Err(usage(
            "a dataset holds everything that changes: leave the channel and the others out",
        ));
    }
    if given.is_none() && wanted.changes == Network::default() {
        return Err(usage(
            "what changes? give a channel, a name, a key, ..., or a whole dataset",
        ));
    }
    let wanted = wanted.clone();
    let then = move |active: &Tlvs| {
        let target = match &given {
            Some(given) => given.clone(),
            None => changed(active, &wanted.changes)?,
        };
        let newest = active.seconds(kind::ACTIVE_TIMESTAMP).unwrap_or(0);
        let (waits, delay_ms) = (wanted.waits, wanted.delay_ms);
        let follow = Follow::new(move |answer| {
            // A leader takes what is newer than what it has, and nothing else.
            let pending = answer.ok().and_then(Pending::of);
            let aim = Aim {
                announced: pending.map_or(0, |pending| pending.seconds).max(newest) + 1,
                active: target
                    .seconds(kind::ACTIVE_TIMESTAMP)
                    .unwrap_or(0)
                    .max(newest + 1),
                waits,
            };
            let mut target = target.clone();
            target.set_seconds(kind::ACTIVE_TIMESTAMP, aim.active);
            target.set_seconds(kind::PENDING_TIMESTAMP, aim.announced);
            target.set(kind::DELAY, &delay_ms.to_be_bytes());
            let taken = move || Ok(vec![await_taken(aim, TAKEN_TRIES)?]);
            Ok(vec![announce(&target, Rc::new(taken))?])
        });
        let pending = Send::get(Property::THREAD_PENDING_DATASET)?;
        Ok(vec![Step::Ask(pending, follow)])
    };
    Ok(Script::new().then(fetch(ACTIVE, Rc::new(then))?))
}

/// The active dataset with what the user gave in it.
fn changed(active: &Tlvs, changes: &Network) -> Result<Tlvs, Failure> {
    let mut members = Dataset::default();
    credentials::put(&mut members, changes);
    if let Some(mask) = changes.channel_mask {
        let channels: Vec<u8> = channels_of(mask).collect();
        members.set(Property::PHY_CHAN_SUPPORTED, &channels);
    }
    let mut tlvs = active.clone();
    for (kind, value) in parse(&members.tlvs())?.iter() {
        tlvs.set(kind, value);
    }
    if let Some(passphrase) = &changes.passphrase {
        let of = |kind| tlvs.get(kind).unwrap_or_default();
        let pskc = pskc(passphrase, of(kind::XPANID), of(kind::NAME));
        tlvs.set(kind::PSKC, &pskc);
    }
    Ok(tlvs)
}

/// Sends the pending dataset to the leader, by the newest way that the firmware has, and goes on with `then`.
fn announce(target: &Tlvs, then: Rc<Steps>) -> Result<Step, Failure> {
    let octets = octets(target)?;
    let newer = Send::set(Property::THREAD_MGMT_SET_PENDING_DATASET_TLVS, |value| {
        value.data(&octets)
    })?;
    let what = What(
        Command::PROP_VALUE_SET,
        Some(Property::THREAD_MGMT_SET_PENDING_DATASET),
    );
    Ok(Step::Ask(
        newer,
        Follow::new(move |answer| match answer {
            Ok(_) => then(),
            Err(status) if status.is_absent() => {
                let members = pending_members(&octets)?;
                let older = Send::set(Property::THREAD_MGMT_SET_PENDING_DATASET, |value| {
                    members.write_value(value)
                })?;
                let then = then.clone();
                Ok(vec![Step::Ask(
                    older,
                    Follow::new(move |answer| match answer {
                        Ok(_) => then(),
                        Err(status) => Err(failure::of_status(what, status)),
                    }),
                )])
            }
            Err(status) => Err(failure::of_status(what, status)),
        }),
    ))
}

/// A pending dataset as structures; TLVs that have no member go in one of raw ones.
fn pending_members(octets: &[u8]) -> Result<Dataset, Failure> {
    let tlvs = parse(octets)?;
    let mut members = Dataset::from_tlvs(octets).map_err(wrong)?;
    if let Some(seconds) = tlvs.seconds(kind::PENDING_TIMESTAMP) {
        members.set(Property::DATASET_PENDING_TIMESTAMP, &seconds.to_le_bytes());
    }
    if let Some(delay) = tlvs.get(kind::DELAY) {
        let delay: Vec<u8> = delay.iter().rev().copied().collect();
        members.set(Property::DATASET_DELAY_TIMER, &delay);
    }
    let named = parse(&members.tlvs())?;
    let mut raw = Vec::new();
    for (kind, value) in tlvs.iter().filter(|tlv| named.get(tlv.0).is_none()) {
        raw.extend([kind, value.len() as u8]);
        raw.extend(value);
    }
    if !raw.is_empty() {
        members.set(Property::DATASET_RAW_TLVS, &raw);
    }
    Ok(members)
}

type Steps = dyn Fn() -> Result<Vec<Step>, Failure>;

/// Looks until the co-processor has the pending dataset from the leader, which says that it was taken, and how long
/// it really takes.
fn await_taken(aim: Aim, left: u16) -> Result<Step, Failure> {
    let get = Send::get(Property::THREAD_PENDING_DATASET)?;
    Ok(Step::Ask(
        get,
        Follow::new(move |answer| {
            let pending = answer.ok().and_then(Pending::of);
            match pending.filter(|pending| pending.seconds == aim.announced) {
                Some(pending) => {
                    let mut steps = vec![Step::Row(
                        Fields::new().with("moves_in_s", i64::from(pending.delay_ms.div_ceil(1_000))),
                    )];
                    if aim.waits {
                        steps.push(await_moved(aim, moves_within(pending.delay_ms))?);
                    }
                    Ok(steps)
                }
                None if left == 0 => Err(Failure::new(
                    Code::Timeout,
                    "the leader has not taken the dataset: is it in reach, and does it know a newer one (dataset pending)?",
                )),
                None => Ok(vec![
                    Step::Pause(TAKEN_EVERY),
                    await_taken(aim, left - 1)?,
                ]),
            }
        }),
    ))
}

/// Looks until the active dataset is the new one.
fn await_moved(aim: Aim, left: u32) -> Result<Step, Failure> {
    let get = Send::get(Property::THREAD_ACTIVE_DATASET)?;
    Ok(Step::Ask(
        get,
        Follow::new(move |answer| {
            let active = answer
                .ok()
                .and_then(|value| Dataset::from_value(value).ok());
            let Some(active) = active.filter(|active| active.missing().is_none()) else {
                return Err(wrong_state("the network was left before it had moved"));
            };
            let now = active
                .get(Property::DATASET_ACTIVE_TIMESTAMP)
                .and_then(seconds);
            if now >= Some(aim.active) {
                return Ok(vec![Step::Row(credentials::summary(&active))]);
            }
            match left {
                0 => Err(Failure::new(
                    Code::Timeout,
                    "the network has not moved though its delay is over: dataset and dataset pending show what is in force",
                )),
                _ => Ok(vec![
                    Step::Pause(MOVED_EVERY),
                    await_moved(aim, left - 1)?,
                ]),
            }
        }),
    ))
}

/// How often is looked for a migration at the most.
fn moves_within(delay_ms: u32) -> u32 {
    (Duration::from_millis(u64::from(delay_ms)) + MOVED_LATE).as_millis() as u32
        / MOVED_EVERY.as_millis() as u32
}

/// What a migration looks for.
#[derive(Clone, Copy)]
struct Aim {
    /// The timestamp of the pending dataset.
    announced: u64,
    /// The timestamp of the active one that it becomes.
    active: u64,
    /// Until it is in force.
    waits: bool,
}

/// What of the pending dataset is looked at.
struct Pending {
    seconds: u64,
    delay_ms: u32,
}

impl Pending {
    /// Of `A(t(iD))`; `None` if there is none.
    fn of(value: &[u8]) -> Option<Self> {
        let dataset = Dataset::from_value(value).ok()?;
        let delay = dataset.get(Property::DATASET_DELAY_TIMER)?;
        Some(Pending {
            seconds: seconds(dataset.get(Property::DATASET_PENDING_TIMESTAMP)?)?,
            delay_ms: Reader::new(delay).uint32().ok()?,
        })
    }
}

/// Of a timestamp as a member: `X`.
fn seconds(value: &[u8]) -> Option<u64> {
    Reader::new(value).uint64().ok()
}

/// The two properties of a dataset.
#[derive(Clone, Copy)]
struct Kind {
    members: Property,
    tlvs: Property,
    /// What is said where there is none.
    none: &'static str,
}

const ACTIVE: Kind = Kind {
    members: Property::THREAD_ACTIVE_DATASET,
    tlvs: Property::THREAD_ACTIVE_DATASET_TLVS,
    none: "no network is stored: form one, join one, or import a dataset",
};
const PENDING: Kind = Kind {
    members: Property::THREAD_PENDING_DATASET,
    tlvs: Property::THREAD_PENDING_DATASET_TLVS,
    none: "no change of the network is pending: dataset migrate begins one",
};

impl Kind {
    fn of(is_pending: bool) -> Kind {
        if is_pending {
            PENDING
        } else {
            ACTIVE
        }
    }
}

type WithTlvs = dyn Fn(&Tlvs) -> Result<Vec<Step>, Failure>;

/// Asks for a dataset, and goes on with its TLVs. Its members are asked for first: where there is none, firmware up to
/// 2025 never answers who asks for TLVs, nor anybody behind (errata E46).
fn fetch(kind: Kind, then: Rc<WithTlvs>) -> Result<Step, Failure> {
    let what = |property| What(Command::PROP_VALUE_GET, Some(property));
    Ok(Step::Ask(
        Send::get(kind.members)?,
        Follow::new(move |answer| {
            let members = match answer {
                Ok(value) => Dataset::from_value(value).unwrap_or_default(),
                Err(Status::STACK_NOT_FOUND) => Dataset::default(),
                Err(status) => return Err(failure::of_status(what(kind.members), status)),
            };
            if members.members().next().is_none() {
                return Err(wrong_state(kind.none));
            }
            let then = then.clone();
            Ok(vec![Step::Ask(
                Send::get(kind.tlvs)?,
                Follow::new(move |answer| match answer {
                    Ok([]) => Err(wrong_state(kind.none)),
                    Ok(value) => then(&parse(value)?),
                    Err(status) if status.is_absent() => then(&parse(&members.tlvs())?),
                    Err(status) => Err(failure::of_status(what(kind.tlvs), status)),
                }),
            )])
        }),
    ))
}

fn parse(octets: &[u8]) -> Result<Tlvs, Failure> {
    Tlvs::parse(octets).map_err(wrong)
}

fn octets(tlvs: &Tlvs) -> Result<Vec<u8>, Failure> {
    tlvs.octets().map_err(wrong)
}

fn wrong(why: String) -> Failure {
    usage(format!("the dataset: {why}"))
}

/// In hex, by the name of its property, which is a secret.
fn exported(property: Property, octets: &[u8]) -> Fields {
    Fields::new().with(row_name(property), property::hex(octets))
}

/// All TLVs in words, in their order; those that are not known, or odd, by their number and in hex.
fn decoded(tlvs: &Tlvs, with_secrets: bool) -> Fields {
    let mut row = Fields::new();
    for (kind, value) in tlvs.iter() {
        match (member(kind, value), is_secret(kind) && !with_secrets) {
            (_, true) => row.push(secret_name(kind), Field::word(HIDDEN)),
            (Some((name, field)), false) => row.push(name, field),
            (None, false) => row.push(format!("tlv_{kind}"), property::hex(value)),
        }
    }
    row
}

fn is_secret(kind: u8) -> bool {
    matches!(kind, kind::KEY | kind::PSKC)
}

fn secret_name(kind: u8) -> &'static str {
    match kind {
        kind::KEY => "network_key",
        _ => "pskc",
    }
}

fn member(kind: u8, value: &[u8]) -> Option<(&'static str, Field)> {
    let timestamp = || {
        let octets = <[u8; 8]>::try_from(value).ok()?;
        i64::try_from(u64::from_be_bytes(octets) >> 16).ok()
    };
    Some(match (kind, value) {
        (kind::CHANNEL, [0, 0, channel]) => ("channel", (*channel).into()),
        (kind::WAKEUP_CHANNEL, [0, 0, channel]) => ("wakeup_channel", (*channel).into()),
        (kind::CHANNEL_MASK, _) => {
            let channels = channels_of_mask(value).ok()?;
            let mask = channels
                .iter()
                .fold(0, |mask, channel| mask | 1_u32 << channel);
            ("channels", Field::word(channel_list(mask)))
        }
        (kind::PANID, [high, low]) => ("panid", hex16(u16::from_be_bytes([*high, *low]))),
        (kind::XPANID, _) => ("xpanid", property::hex(value)),
        (kind::NAME, _) => {
            let name = core::str::from_utf8(value).ok()?;
            ("network_name", Field::text(name))
        }
        (kind::PREFIX, _) => {
            let octets = <[u8; 8]>::try_from(value).ok()?;
            let mut prefix = [0; 16];
            prefix[..8].copy_from_slice(&octets);
            let prefix = Ipv6Addr::from(prefix);
            ("mesh_local_prefix", Field::word(format!("{prefix}/64")))
        }
        (kind::KEY | kind::PSKC, _) => (secret_name(kind), property::hex(value)),
        (kind::POLICY, [high, low, flags @ ..]) => {
            let hours = u16::from_be_bytes([*high, *low]);
            let flags = Hex(flags);
            let text = format!("keys rotate after {hours} h, flags {flags}");
            ("security_policy", Field::text(text))
        }
        (kind::ACTIVE_TIMESTAMP, _) => ("active_timestamp", timestamp()?.into()),
        (kind::PENDING_TIMESTAMP, _) => ("pending_timestamp", timestamp()?.into()),
        (kind::DELAY, _) => {
            let octets = <[u8; 4]>::try_from(value).ok()?;
            ("moves_in_ms", i64::from(u32::from_be_bytes(octets)).into())
        }
        _ => return None,
    })
}

/// A leader's pending dataset reaches its node at once, and a router's by the next advertisement or data response:
/// OpenThread's MGMT_SET takes some round trips of CoAP, which repeats after 2 to 3 s (RFC 7252).
const TAKEN_TRIES: u16 = 20;
const TAKEN_EVERY: Duration = Duration::from_secs(1);
const MOVED_EVERY: Duration = Duration::from_secs(2);
/// A node that hears of it late has it after the next advertisements (Thread specification, 32 s at the most).
const MOVED_LATE: Duration = Duration::from_secs(40);
