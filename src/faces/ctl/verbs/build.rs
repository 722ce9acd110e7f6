//! From arguments to requests: one function for each verb of the host driver.

use super::super::line::{quoted, Word};
use super::super::privilege::is_never_written;
use super::super::request::{
    Filter, Migration, Network, NodeType, Prefix, RandomKind, Request, ResetKind, Scan, ScanKind,
    Whose,
};
use super::super::wpantund::{lookup, Named};
use super::super::{Code, Failure};
use super::args::{integer, octets};
use super::{usage, Args};
use crate::time::Duration;
use crate::wire::ids::Property;
use crate::wire::packed::Writer;
use crate::wire::signature::{encode_text, Formatted, Signature};
use crate::wire::spi::FRAME_MAX;
use crate::wire::spinel;
use std::net::Ipv6Addr;

type Built = Result<Request, Failure>;

pub(super) fn get(args: &Args<'_>) -> Built {
    let Some(name) = args.text("NAME")? else {
        return Ok(Request::ListProperties);
    };
    Ok(match lookup(&name)? {
        Named::Property(property) => Request::Get(property),
        Named::Status(name) => Request::StatusValue(name),
    })
}

pub(super) fn set(args: &Args<'_>) -> Built {
    let property = writable(args)?;
    let value = value(args, property, signature(property))?;
    Ok(Request::Set(property, value))
}

pub(super) fn insert(args: &Args<'_>) -> Built {
    let property = writable(args)?;
    let value = value(args, property, signature(property).item())?;
    Ok(Request::Insert(property, value))
}

pub(super) fn remove(args: &Args<'_>) -> Built {
    let property = writable(args)?;
    let value = value(args, property, signature(property).item())?;
    Ok(Request::Remove(property, value))
}

fn writable(args: &Args<'_>) -> Result<Property, Failure> {
    let name = args.need("NAME")?;
    match lookup(&name)? {
        Named::Status(_) => Err(args.wrong(format!("{name} can only be read"))),
        Named::Property(property) if is_never_written(property) => Err(Failure::new(
            Code::Denied,
            format!("{property} carries raw frames, which nobody can send from here"),
        )),
        Named::Property(property) => Ok(property),
    }
}

/// What is not known is written in hex.
fn signature(property: Property) -> Signature<'static> {
    match property.info() {
        Some(info) => info.signature,
        None => UNKNOWN,
    }
}

fn value(
    args: &Args<'_>,
    property: Property,
    signature: Signature<'static>,
) -> Result<Vec<u8>, Failure> {
    let wrong = |why: String| {
        Failure::new(
            Code::Usage,
            format!("{property}: {why}; its value is {}", signature.in_words()),
        )
    };
    let unfit = |why: String| match property.is_secret() {
        // Why quotes the value.
        true => wrong("the value, which is not shown here, does not fit its type".into()),
        false => wrong(why),
    };
    let text = match value_text(args.rest(), signature) {
        Err(failure) if property.is_secret() => return Err(unfit(failure.message)),
        text => text?,
    };
    if args.switch("data")? {
        let octets = octets(&text)
            .filter(|octets| octets.len() <= VALUE_MAX)
            .ok_or_else(|| wrong("give octets in hex, like 0A1B, or - for none".into()))?;
        return match Formatted::new(signature, &octets) {
            Ok(value) if value.surplus() == 0 => Ok(octets),
            Ok(value) => Err(wrong(format!("{} octets too many", value.surplus()))),
            Err(error) => Err(wrong(error.to_string())),
        };
    }
    let mut buffer = [0; VALUE_MAX];
    let mut writer = Writer::new(&mut buffer);
    encode_text(signature, &text, &mut writer).map_err(|error| unfit(error.to_string()))?;
    Ok(writer.written().to_vec())
}

/// The text of a value in the words that are left. One quoted word is the whole text, as it comes from
/// a shell; for a property that is a string, the words need no quotes.
fn value_text(words: &[Word<'_>], signature: Signature<'_>) -> Result<String, Failure> {
    let raw = || words.iter().map(Word::raw).collect::<Vec<_>>().join(" ");
    match words {
        [word] if signature.as_str() == "U" => Ok(if word.is_quoted() {
            word.raw().to_owned()
        } else {
            quoted(&word.text()?)
        }),
        _ if signature.as_str() == "U" => Ok(quoted(&raw())),
        [word] if word.is_quoted() => word.text(),
        _ => Ok(raw()),
    }
}

pub(super) fn form(args: &Args<'_>) -> Built {
    Ok(Request::Form(Network {
        dataset: args.octets("dataset")?,
        pskc: args.array("pskc")?,
        passphrase: args.text("passphrase")?,
        ..network(args)?
    }))
}

pub(super) fn whois(args: &Args<'_>) -> Built {
    let text = args.need("NODE")?;
    let address = text.parse().ok().map(Whose::Address);
    let eui64 = || {
        let octets = octets(&text)?;
        Some(Whose::Eui64(octets.try_into().ok()?))
    };
    let rloc16 = || {
        let digits = text.strip_prefix("0x").unwrap_or(&text);
        let is_short = digits.len() <= 4 && !digits.starts_with('+');
        let rloc16 = u16::from_str_radix(digits, 16).ok();
        rloc16.filter(|_| is_short).map(Whose::Rloc16)
    };
    // Eight pairs with colons could be both, and no address looks so.
    let whose = eui64().or(address).or_else(rloc16);
    let wanted = "an EUI-64 (16 hex digits), an RLOC16 (4 hex digits) or an IPv6 address";
    Ok(Request::Whois(
        whose.ok_or_else(|| args.invalid("NODE", &text, wanted))?,
    ))
}

pub(super) fn dataset_show(args: &Args<'_>) -> Built {
    Ok(Request::DatasetShow {
        pending: false,
        secrets: args.switch("secrets")?,
    })
}

pub(super) fn dataset_pending(args: &Args<'_>) -> Built {
    Ok(Request::DatasetShow {
        pending: true,
        secrets: args.switch("secrets")?,
    })
}

pub(super) fn dataset_export(args: &Args<'_>) -> Built {
    Ok(Request::DatasetExport {
        pending: args.text("WHICH")?.as_deref() == Some("pending"),
    })
}

pub(super) fn dataset_new(args: &Args<'_>) -> Built {
    Ok(Request::DatasetNew(members(args, "NAME")?))
}

pub(super) fn dataset_import(args: &Args<'_>) -> Built {
    let octets = args.octets("DATASET")?;
    let missing = || args.wrong("DATASET is missing: its TLVs in hex, or @FILE");
    Ok(Request::DatasetImport(octets.ok_or_else(missing)?))
}

pub(super) fn dataset_migrate(args: &Args<'_>) -> Built {
    let delay: Option<u32> = args.number("delay", MIGRATION_DELAY_S)?;
    Ok(Request::DatasetMigrate(Migration {
        dataset: args.octets("DATASET")?,
        changes: members(args, "name")?,
        delay_ms: delay.unwrap_or(MIGRATION_DELAY_USUAL_S) * 1_000,
        waits: !args.switch("no-wait")?,
    }))
}

pub(super) fn join(args: &Args<'_>) -> Built {
    Ok(Request::Join(Network {
        dataset: args.octets("dataset")?,
        ..network(args)?
    }))
}

fn network(args: &Args<'_>) -> Result<Network, Failure> {
    Ok(Network {
        key_sequence: args.number("key-index", 0..=u32::MAX)?,
        node_type: node_type(args)?,
        ..credentials(args, "NAME")?
    })
}

/// What has a place in a dataset, with the keys of commissioners.
fn members(args: &Args<'_>, name: &str) -> Result<Network, Failure> {
    Ok(Network {
        pskc: args.array("pskc")?,
        passphrase: args.text("passphrase")?,
        ..credentials(args, name)?
    })
}

/// `called` is the argument that is the network's name.
fn credentials(args: &Args<'_>, called: &str) -> Result<Network, Failure> {
    let name = args.text(called)?;
    if let Some(name) = &name {
        if !(1..=NAME_MAX).contains(&name.len()) || name.contains(char::is_control) {
            return Err(args.invalid(called, name, "1..=16 octets of printable text"));
        }
    }
    let prefix = match args.prefix("mesh-local-prefix")? {
        Some((prefix, 64)) => Some(prefix),
        None => None,
        Some((_, bits)) => {
            return Err(args.wrong(format!(
                "mesh-local-prefix: it must be a /64, not a /{bits}"
            )))
        }
    };
    Ok(Network {
        name,
        channel: args.number("channel", 0..=CHANNEL_MAX)?,
        channel_mask: channels(args, "channels")?,
        panid: args.number("panid", 0..=PANID_MAX)?,
        xpanid: args.array("xpanid")?,
        key: args.array("key")?,
        mesh_local_prefix: prefix,
        ..Network::default()
    })
}

fn node_type(args: &Args<'_>) -> Result<NodeType, Failure> {
    Ok(match args.text("type")?.as_deref() {
        None | Some("router" | "r" | "2") => NodeType::Router,
        Some("sleepy-end-device" | "sleepy" | "sed" | "4") => NodeType::SleepyEndDevice,
        Some(_) => NodeType::EndDevice,
    })
}

/// `11,12,20-26` or `all`; bit n for channel n.
fn channels(args: &Args<'_>, name: &str) -> Result<Option<u32>, Failure> {
    let Some(text) = args.text(name)? else {
        return Ok(None);
    };
    if text == "all" {
        return Ok(None);
    }
    let channel = |text: &str| text.parse::<u8>().ok().filter(|&n| n <= CHANNEL_MAX);
    let part = |part: &str| -> Option<u32> {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (channel(first)?, channel(last)?);
        let mask = (first..=last).fold(0, |mask, channel| mask | 1_u32 << channel);
        (mask != 0).then_some(mask)
    };
    let masks: Option<Vec<u32>> = text.split(',').map(part).collect();
    match masks {
        Some(masks) => Ok(Some(masks.iter().fold(0, |all, mask| all | mask))),
        None => Err(args.invalid(name, &text, "channels like 11,12,20-26, or all")),
    }
}

pub(super) fn joiner_start(args: &Args<'_>) -> Built {
    Ok(Request::JoinerStart {
        pskd: pskd(args)?,
        provisioning_url: args.text("url")?.unwrap_or_default(),
    })
}

fn pskd(args: &Args<'_>) -> Result<String, Failure> {
    let pskd = args.need("PSKD")?;
    let known = |octet: u8| {
        matches!(octet, b'0'..=b'9' | b'A'..=b'Z') && !matches!(octet, b'I' | b'O' | b'Q' | b'Z')
    };
    if PSKD_LENGTH.contains(&pskd.len()) && pskd.bytes().all(known) {
        return Ok(pskd);
    }
    // Not shown: it is a secret.
    Err(args.wrong("PSKD: give 6 to 32 of 0-9 and A-Z without I, O, Q and Z"))
}

pub(super) fn scan(args: &Args<'_>) -> Built {
    let kind = match args.text("kind")?.as_deref() {
        Some("energy") => ScanKind::Energy,
        Some("discover") => ScanKind::Discover,
        _ => ScanKind::Active,
    };
    let one = args.number("channel", 0..=CHANNEL_MAX)?;
    if one.is_some() && args.has("channels") {
        return Err(args.wrong("give channel or channels, not both"));
    }
    for name in ["joinable", "for-us", "panid"] {
        if kind != ScanKind::Discover && args.has(name) {
            return Err(args.wrong(format!("{name} is for kind=discover (--discover)")));
        }
    }
    let period = args.number("period", 1..=u16::MAX)?;
    Ok(Request::Scan(Scan {
        kind,
        channels: match one {
            Some(channel) => Some(1 << channel),
            None => channels(args, "channels")?,
        },
        period: Duration::from_millis(period.unwrap_or(SCAN_PERIOD_MS).into()),
        joinable: args.switch("joinable")?,
        for_us: args.switch("for-us")?,
        panid: args.number("panid", 0..=PANID_MAX)?,
    }))
}

pub(super) fn permit_join(args: &Args<'_>) -> Built {
    let seconds = args.need_number("SECONDS", 0..=PERMIT_MAX_S)?;
    Ok(Request::PermitJoin {
        period: Duration::from_secs(seconds.into()),
        port: args.number("PORT", 1..=u16::MAX)?.unwrap_or(0),
    })
}

fn prefix(args: &Args<'_>) -> Result<(Ipv6Addr, u8), Failure> {
    args.prefix("PREFIX")?
        .ok_or_else(|| args.wrong("PREFIX is missing"))
}

pub(super) fn add_prefix(args: &Args<'_>) -> Built {
    let (prefix, bits) = prefix(args)?;
    let mut flags = match preference(args)? {
        0 => 0,
        1 => FLAG_HIGH,
        _ => FLAG_LOW,
    };
    for (name, flag) in [
        ("on-mesh", FLAG_ON_MESH),
        ("default-route", FLAG_DEFAULT_ROUTE),
        ("configure", FLAG_CONFIGURE),
        ("dhcp", FLAG_DHCP),
        ("slaac", FLAG_SLAAC),
        ("preferred", FLAG_PREFERRED),
    ] {
        if args.switch(name)? {
            flags |= flag;
        }
    }
    Ok(Request::AddPrefix(Prefix {
        prefix,
        bits,
        stable: args.switch("stable")?,
        flags,
    }))
}

pub(super) fn remove_prefix(args: &Args<'_>) -> Built {
    let (prefix, bits) = prefix(args)?;
    Ok(Request::RemovePrefix { prefix, bits })
}

/// wpanctl's older way: a lifetime of zero removes.
pub(super) fn config_gateway(args: &Args<'_>) -> Built {
    let (prefix, bits) = prefix(args)?;
    if args.number("valid-lifetime", 0..=u32::MAX)? == Some(0) {
        return Ok(Request::RemovePrefix { prefix, bits });
    }
    let mut flags = FLAG_ON_MESH | FLAG_SLAAC;
    if args.number("preferred-lifetime", 0..=u32::MAX)? != Some(0) {
        flags |= FLAG_PREFERRED;
    }
    if args.switch("default")? {
        flags |= FLAG_DEFAULT_ROUTE;
    }
    Ok(Request::AddPrefix(Prefix {
        prefix,
        bits,
        stable: true,
        flags,
    }))
}

pub(super) fn add_route(args: &Args<'_>) -> Built {
    let (prefix, bits) = prefix(args)?;
    Ok(Request::AddRoute {
        prefix,
        bits,
        stable: args.switch("stable")?,
        preference: preference(args)?,
    })
}

pub(super) fn remove_route(args: &Args<'_>) -> Built {
    let (prefix, bits) = prefix(args)?;
    Ok(Request::RemoveRoute { prefix, bits })
}

/// A word, or as in wpanctl a number, of which the sign counts.
fn preference(args: &Args<'_>) -> Result<i8, Failure> {
    let Some(text) = args.text("priority")? else {
        return Ok(0);
    };
    match (text.as_str(), integer(&text)) {
        ("low", _) => Ok(-1),
        ("medium", _) => Ok(0),
        ("high", _) => Ok(1),
        (_, Some(number)) => Ok(match number.signum() {
            -1 => -1,
            0 => 0,
            _ => 1,
        }),
        _ => Err(args.invalid("priority", &text, "low, medium or high")),
    }
}

pub(super) fn add_service(args: &Args<'_>) -> Built {
    Ok(Request::AddService {
        enterprise: args.need_number("ENTERPRISE", 0..=u32::MAX)?,
        service: args.octets("SERVICE")?.unwrap_or_default(),
        stable: args.switch("stable")?,
        server: args.octets("SERVER")?.unwrap_or_default(),
    })
}

pub(super) fn remove_service(args: &Args<'_>) -> Built {
    Ok(Request::RemoveService {
        enterprise: args.need_number("ENTERPRISE", 0..=u32::MAX)?,
        service: args.octets("SERVICE")?.unwrap_or_default(),
    })
}

pub(super) fn reset(args: &Args<'_>) -> Built {
    Ok(Request::Reset(match args.text("KIND")?.as_deref() {
        Some("hard") => ResetKind::Hard,
        Some("bootloader") => ResetKind::Bootloader,
        Some("factory") => ResetKind::Factory,
        _ => ResetKind::Soft,
    }))
}

pub(super) fn peek(args: &Args<'_>) -> Built {
    Ok(Request::Peek {
        address: args.need_number("ADDRESS", 0..=u32::MAX)?,
        count: args.need_number("COUNT", 1..=PEEK_MAX)?,
    })
}

pub(super) fn poke(args: &Args<'_>) -> Built {
    let octets = args.octets("OCTETS")?.unwrap_or_default();
    if octets.is_empty() || octets.len() > POKE_MAX {
        return Err(args.wrong(format!("OCTETS: give 1..={POKE_MAX} octets in hex")));
    }
    Ok(Request::Poke {
        address: args.need_number("ADDRESS", 0..=u32::MAX)?,
        octets,
    })
}

pub(super) fn pcap(args: &Args<'_>) -> Built {
    Ok(Request::Sniff {
        channel: args.number("channel", 0..=CHANNEL_MAX)?,
        promiscuous: args.switch("promiscuous")?,
    })
}

pub(super) fn random(args: &Args<'_>) -> Built {
    Ok(Request::Random(match args.text("KIND")?.as_deref() {
        Some("128") => RandomKind::Bits128,
        Some("raw") => RandomKind::Raw,
        _ => RandomKind::Bits32,
    }))
}

pub(super) fn gpio_set(args: &Args<'_>) -> Built {
    Ok(Request::GpioSet {
        number: args.need_number("NUMBER", 0..=u8::MAX)?,
        high: matches!(args.need("LEVEL")?.as_str(), "high" | "1"),
    })
}

/// The flags of protocol §3.14.
pub(super) fn gpio_config(args: &Args<'_>) -> Built {
    let output = args.need("DIRECTION")? == "out";
    let mut flags = if output { GPIO_OUTPUT } else { 0 };
    match args.text("pull")?.as_deref() {
        Some("up") => flags |= GPIO_PULL_UP,
        Some("down") if output => return Err(args.wrong("pull=down is for an input")),
        Some("down") => flags |= GPIO_PULL_DOWN,
        _ => {}
    }
    if args.switch("open-drain")? {
        if !output {
            return Err(args.wrong("open-drain is for an output"));
        }
        // The same bit as pull-down.
        flags |= GPIO_PULL_DOWN;
    }
    flags |= match args.text("trigger")?.as_deref() {
        Some("falling") => GPIO_FALLING,
        Some("rising") => GPIO_RISING,
        Some("any") => GPIO_FALLING | GPIO_RISING,
        _ => 0,
    };
    Ok(Request::GpioConfigure {
        number: args.need_number("NUMBER", 0..=u8::MAX)?,
        flags,
    })
}

pub(super) fn allow_add(args: &Args<'_>) -> Built {
    let rssi = args.number("rssi", i8::MIN..=RSSI_MAX)?;
    Ok(Request::FilterAdd(Filter::Allow, eui64(args)?, rssi))
}

pub(super) fn deny_add(args: &Args<'_>) -> Built {
    Ok(Request::FilterAdd(Filter::Deny, eui64(args)?, None))
}

pub(super) fn allow_remove(args: &Args<'_>) -> Built {
    Ok(Request::FilterRemove(Filter::Allow, eui64(args)?))
}

pub(super) fn deny_remove(args: &Args<'_>) -> Built {
    Ok(Request::FilterRemove(Filter::Deny, eui64(args)?))
}

fn eui64(args: &Args<'_>) -> Result<[u8; 8], Failure> {
    args.array("EUI64")?
        .ok_or_else(|| args.wrong("EUI64 is missing"))
}

/// `None` for `any`.
fn any_eui64(args: &Args<'_>) -> Result<Option<[u8; 8]>, Failure> {
    match args.need("EUI64")?.as_str() {
        "any" | "*" => Ok(None),
        _ => eui64(args).map(Some),
    }
}

pub(super) fn commissioner_add(args: &Args<'_>) -> Built {
    let seconds = args.number("SECONDS", 1..=PERMIT_MAX_S)?;
    Ok(Request::CommissionerAdd {
        eui64: any_eui64(args)?,
        pskd: pskd(args)?,
        timeout: Duration::from_secs(seconds.unwrap_or(JOINER_S).into()),
    })
}

pub(super) fn commissioner_remove(args: &Args<'_>) -> Built {
    Ok(Request::CommissionerRemove {
        eui64: any_eui64(args)?,
    })
}

pub(super) fn mfg(args: &Args<'_>) -> Built {
    Ok(Request::Mfg(line(args, "mfg")?))
}

pub(super) fn command_line(args: &Args<'_>) -> Built {
    Ok(Request::CommandLine(line(args, "cli")?))
}

/// All words as one line.
fn line(args: &Args<'_>, verb: &str) -> Result<String, Failure> {
    let line = match args.rest() {
        [word] => word.text()?,
        words => words.iter().map(Word::raw).collect::<Vec<_>>().join(" "),
    };
    if line.contains('\0') {
        return Err(usage(format!("{verb}: a NUL ends the text: remove it")));
    }
    Ok(line)
}

/// A value of the longest frame: its header, command and a property's number of up to 3 octets come
/// before (protocol §1.1, §2.2).
const VALUE_MAX: usize = FRAME_MAX - 5;

/// Header, command, address and length come before (protocol §1.3).
const POKE_MAX: usize = FRAME_MAX - 8;

/// The same of the longest frame of a co-processor, which answers with as much (protocol §1.1).
const PEEK_MAX: u16 = spinel::FRAME_MAX as u16 - 8;

/// How an unknown property is written.
const UNKNOWN: Signature<'static> = match Signature::parse("D") {
    Ok(signature) => signature,
    Err(_) => panic!("D is a signature"),
};

/// Octets of a network's name (protocol §3.6).
const NAME_MAX: usize = 16;

/// A channel must have a bit in a mask of 32.
const CHANNEL_MAX: u8 = 31;

/// 0xFFFF is "any" (protocol §3.5).
const PANID_MAX: u16 = 0xFFFE;

/// Protocol §7.6.
const SCAN_PERIOD_MS: u16 = 200;

/// A day: who wants to let devices in for longer forgot about it.
const PERMIT_MAX_S: u32 = 86_400;

/// How long a device may join, as in wpanctl's commissioner.
const JOINER_S: u32 = 120;

/// From OpenThread's `kMinDelay` to its `kMaxDelay` (72 h). Where the key changes, a leader makes less than
/// `kDefaultDelay` (5 min) that.
const MIGRATION_DELAY_S: core::ops::RangeInclusive<u32> = 30..=259_200;
/// Some minutes, so that a sleepy child that asks each minute hears of it.
const MIGRATION_DELAY_USUAL_S: u32 = 300;

/// 127 is "not fixed" on the wire (protocol §3.5).
const RSSI_MAX: i8 = 126;

/// Characters of a joining device's passphrase (protocol §3.11).
const PSKD_LENGTH: core::ops::RangeInclusive<usize> = 6..=32;

// Flags of a prefix (protocol §3.16).
const FLAG_ON_MESH: u8 = 0x01;
const FLAG_DEFAULT_ROUTE: u8 = 0x02;
const FLAG_CONFIGURE: u8 = 0x04;
const FLAG_DHCP: u8 = 0x08;
const FLAG_SLAAC: u8 = 0x10;
const FLAG_PREFERRED: u8 = 0x20;
const FLAG_HIGH: u8 = 0x40;
const FLAG_LOW: u8 = 0xC0;

// Flags of a GPIO line (protocol §3.14).
const GPIO_OUTPUT: u8 = 0x80;
const GPIO_PULL_UP: u8 = 0x40;
const GPIO_PULL_DOWN: u8 = 0x20;
const GPIO_FALLING: u8 = 0x08;
const GPIO_RISING: u8 = 0x10;
