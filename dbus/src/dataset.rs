//! Operational datasets as wpantund shows them, and the local one that `Dataset:Command` works on.

use crate::control::lock;
use crate::ctx::Ctx;
use crate::status;
use crate::val::{Map, Val};
use crate::values::{self, big_endian, hex, number, octets, pack, rows};
use spinel_bridge::ctl::Failure;
use spinel_bridge::wire::ids::Property;
use spinel_bridge::wire::packed::Writer;
use spinel_bridge::wire::signature::Value;

/// The members of a dataset, each packed.
type Fields = Vec<(Property, Vec<u8>)>;

/// A member: wpantund's name, its property, and how its value is shown.
struct Member {
    name: &'static str,
    property: Property,
    shape: Shape,
}

#[derive(Clone, Copy, PartialEq)]
enum Shape {
    /// `t`, as `0x%016X`
    Timestamp,
    /// `u`, decimal
    Seconds,
    /// `y`, decimal
    Channel,
    /// `u`, as `0x%08X`
    Mask,
    /// `q`, as `0xABCD`
    PanId,
    /// `ay`, as a number
    ExtendedPanId,
    /// `ay` in brackets
    Key,
    /// `s`
    Name,
    /// `s`, a /64
    Prefix,
    /// `ay`
    Octets,
    /// `q`, the first member of SecPolicy
    Rotation,
    /// `y`, the second
    Flags,
    /// `s`
    Address,
}

const fn member(name: &'static str, property: Property, shape: Shape) -> Member {
    Member {
        name,
        property,
        shape,
    }
}

/// In wpantund's order.
const MEMBERS: &[Member] = &[
    member(
        "Dataset:ActiveTimestamp",
        Property::DATASET_ACTIVE_TIMESTAMP,
        Shape::Timestamp,
    ),
    member(
        "Dataset:PendingTimestamp",
        Property::DATASET_PENDING_TIMESTAMP,
        Shape::Timestamp,
    ),
    member(
        "Dataset:Delay",
        Property::DATASET_DELAY_TIMER,
        Shape::Seconds,
    ),
    member("Dataset:Channel", Property::PHY_CHAN, Shape::Channel),
    member(
        "Dataset:NetworkName",
        Property::NET_NETWORK_NAME,
        Shape::Name,
    ),
    member("Dataset:PanId", Property::MAC_15_4_PANID, Shape::PanId),
    member(
        "Dataset:ExtendedPanId",
        Property::NET_XPANID,
        Shape::ExtendedPanId,
    ),
    member("Dataset:MasterKey", Property::NET_NETWORK_KEY, Shape::Key),
    member(
        "Dataset:MeshLocalPrefix",
        Property::IPV6_ML_PREFIX,
        Shape::Prefix,
    ),
    member(
        "Dataset:ChannelMaskPage0",
        Property::PHY_CHAN_SUPPORTED,
        Shape::Mask,
    ),
    member("Dataset:PSKc", Property::NET_PSKC, Shape::Key),
    member(
        "Dataset:SecPolicy:KeyRotation",
        Property::DATASET_SECURITY_POLICY,
        Shape::Rotation,
    ),
    member(
        "Dataset:SecPolicy:Flags",
        Property::DATASET_SECURITY_POLICY,
        Shape::Flags,
    ),
    member("Dataset:RawTlvs", Property::DATASET_RAW_TLVS, Shape::Octets),
    member(
        "Dataset:DestIpAddress",
        Property::DATASET_DEST_ADDRESS,
        Shape::Address,
    ),
];

/// The members of a packed `A(t(iD))`.
fn fields_of(property: Property, value: &[u8]) -> Fields {
    rows(property, value)
        .iter()
        .map(|row| (Property(number(row, 0) as u32), octets(row, 1)))
        .collect()
}

fn packed(fields: &Fields, has_values: bool) -> Vec<u8> {
    let mut buffer = vec![0; spinel_bridge::wire::spi::FRAME_MAX];
    let mut writer = Writer::new(&mut buffer);
    for (property, value) in fields {
        // All of them together came in a frame, or fit in one.
        let _ = writer.structure(|entry| {
            entry.uint_packed(property.0)?;
            entry.data(if has_values { value } else { &[] })
        });
    }
    writer.written().to_vec()
}

fn value(member: &Member, value: &[u8]) -> Option<Val> {
    let first = || values::first(member.property, value);
    let n = || first().map(|value| number(&[value], 0)).unwrap_or_default();
    Some(match member.shape {
        Shape::Timestamp => match first()? {
            Value::Unsigned(stamp) => Val::T(stamp),
            _ => return None,
        },
        Shape::Seconds => Val::U(n() as u32),
        Shape::Channel => Val::Y(n() as u8),
        Shape::PanId => Val::Q(n() as u16),
        Shape::Mask => crate::tables::channel_mask(member.property, value),
        Shape::ExtendedPanId | Shape::Key | Shape::Octets => Val::Bytes(value.to_vec()),
        Shape::Name => {
            let name = octets(&[first()?], 0);
            Val::s(String::from_utf8_lossy(&name))
        }
        Shape::Prefix | Shape::Address => Val::s(values::address(&[first()?], 0).to_string()),
        Shape::Rotation => Val::Q(number(&values::members(member.property, value), 0) as u16),
        Shape::Flags => Val::Y(number(&values::members(member.property, value), 1) as u8),
    })
}

fn line(member: &Member, octets: &[u8]) -> Option<String> {
    let shown = match (member.shape, value(member, octets)?) {
        (Shape::ExtendedPanId, _) => format!("0x{:016X}", big_endian(octets)),
        (Shape::Prefix, Val::S(prefix)) => format!("{prefix}/64"),
        (Shape::Mask, Val::U(mask)) => format!("0x{mask:08X}"),
        (Shape::Name, Val::S(name)) => format!("\"{name}\""),
        (_, Val::S(text)) => text,
        (_, Val::T(stamp)) => format!("0x{stamp:016X}"),
        (Shape::PanId, Val::Q(panid)) => format!("0x{panid:04X}"),
        (Shape::Flags, Val::Y(flags)) => format!("0x{flags:02X}"),
        (_, Val::Bytes(octets)) => format!("[{}]", hex(&octets)),
        (_, other) => other.number()?.to_string(),
    };
    Some(format!("{:<32} =  {shown}", member.name))
}

fn lines(fields: &Fields) -> Val {
    let find = |member: &Member| {
        let (_, value) = fields
            .iter()
            .find(|(property, _)| *property == member.property)?;
        line(member, value)
    };
    Val::Strings(MEMBERS.iter().filter_map(find).collect())
}

fn map(fields: &Fields) -> Val {
    let find = |member: &Member| {
        let (_, octets) = fields
            .iter()
            .find(|(property, _)| *property == member.property)?;
        Some((member.name.to_owned(), value(member, octets)?))
    };
    let mut map: Map = MEMBERS.iter().filter_map(find).collect();
    map.sort_by(|a, b| a.0.cmp(&b.0));
    Val::Map(map)
}

/// THREAD_ACTIVE_DATASET and the pending one.
pub(crate) fn as_lines(property: Property, value: &[u8]) -> Val {
    lines(&fields_of(property, value))
}

pub(crate) fn as_map(property: Property, value: &[u8]) -> Val {
    map(&fields_of(property, value))
}

/// Whether a name is one of the local dataset.
pub(crate) fn is_local(name: &str) -> bool {
    name == "dataset" || name.starts_with("dataset:")
}

/// A value of the local dataset; the name in lower case.
pub(crate) fn get(ctx: &Ctx<'_>, name: &str) -> Option<Val> {
    let known = lock(&ctx.instance.known);
    Some(match name {
        "dataset" | "dataset:allfields" => lines(&known.dataset),
        "dataset:asvalmap" => map(&known.dataset),
        "dataset:command" => Val::Strings(COMMANDS.lines().map(str::to_owned).collect()),
        _ => {
            let member = MEMBERS
                .iter()
                .find(|member| member.name.eq_ignore_ascii_case(name))?;
            let found = known
                .dataset
                .iter()
                .find(|(property, _)| *property == member.property);
            // What is not set reads so.
            found
                .and_then(|(_, octets)| value(member, octets))
                .unwrap_or(Val::Bytes(Vec::new()))
        }
    })
}

/// Sets a member, or carries a command out; the name in lower case.
pub(crate) fn set(ctx: &Ctx<'_>, name: &str, value: &Val) -> Result<i32, Failure> {
    if name == "dataset:command" {
        return match value.text() {
            Some(text) => command(ctx, text),
            None => Ok(status::INVALID_ARGUMENT),
        };
    }
    let Some(member) = MEMBERS
        .iter()
        .find(|member| member.name.eq_ignore_ascii_case(name))
    else {
        return Ok(status::PROPERTY_NOT_FOUND);
    };
    let mut known = lock(&ctx.instance.known);
    let fields = &mut known.dataset;
    let old = fields
        .iter()
        .position(|(property, _)| *property == member.property);
    // An empty value: not set any more.
    let is_empty = matches!(value, Val::Bytes(octets) if octets.is_empty())
        || matches!(value, Val::S(text) if text.is_empty());
    if is_empty {
        old.map(|index| fields.remove(index));
        return Ok(status::OK);
    }
    let before = old.map(|index| fields[index].1.clone());
    let Some(octets) = parse(member, value, before.as_deref()) else {
        return Ok(status::INVALID_ARGUMENT);
    };
    match old {
        Some(index) => fields[index].1 = octets,
        None => fields.push((member.property, octets)),
    }
    Ok(status::OK)
}

fn parse(member: &Member, value: &Val, before: Option<&[u8]>) -> Option<Vec<u8>> {
    let n = || crate::props::loose_number(value);
    let info = member.property.info()?;
    let text = match member.shape {
        Shape::Timestamp | Shape::Seconds | Shape::Channel | Shape::PanId => n()?.to_string(),
        Shape::Mask => {
            let mask = u32::try_from(n()?).ok()?;
            let list = (0..32).filter(|channel| mask & 1 << channel != 0);
            return Some(list.collect());
        }
        Shape::ExtendedPanId => return crate::props::xpanid(value),
        Shape::Key | Shape::Octets => return crate::props::loose_octets(value),
        Shape::Name => spinel_bridge::ctl::line::quoted(value.text()?),
        Shape::Prefix => {
            let prefix = crate::props::loose_prefix(value)?;
            format!("{prefix} 64")
        }
        Shape::Address => crate::props::loose_prefix(value)?.to_string(),
        Shape::Rotation => {
            let flags = before.map_or(0xF7, |octets| {
                number(&values::members(member.property, octets), 1)
            });
            format!("{} {flags}", n()?)
        }
        Shape::Flags => {
            let hours = before.map_or(672, |octets| {
                number(&values::members(member.property, octets), 0)
            });
            format!("{hours} {}", n()?)
        }
    };
    pack(info.signature, &text)
}

fn command(ctx: &Ctx<'_>, command: &str) -> Result<i32, Failure> {
    let local = lock(&ctx.instance.known).dataset.clone();
    let outcome = match command.to_ascii_lowercase().as_str() {
        "erase" => {
            lock(&ctx.instance.known).dataset.clear();
            Ok(())
        }
        "getactive" => fetch(ctx, Property::THREAD_ACTIVE_DATASET),
        "getpending" => fetch(ctx, Property::THREAD_PENDING_DATASET),
        "setactive" => ctx.set(Property::THREAD_ACTIVE_DATASET, &packed(&local, true)),
        "setpending" => ctx.set(Property::THREAD_PENDING_DATASET, &packed(&local, true)),
        "sendmgmtgetactive" => ctx.set(
            Property::THREAD_MGMT_GET_ACTIVE_DATASET,
            &packed(&local, false),
        ),
        "sendmgmtsetactive" => ctx.set(
            Property::THREAD_MGMT_SET_ACTIVE_DATASET,
            &packed(&local, true),
        ),
        "sendmgmtgetpending" => ctx.set(
            Property::THREAD_MGMT_GET_PENDING_DATASET,
            &packed(&local, false),
        ),
        "sendmgmtsetpending" => ctx.set(
            Property::THREAD_MGMT_SET_PENDING_DATASET,
            &packed(&local, true),
        ),
        _ => return Ok(status::INVALID_ARGUMENT),
    };
    ctx.outcome(outcome)
}

fn fetch(ctx: &Ctx<'_>, property: Property) -> Result<(), Failure> {
    let octets = ctx.get(property)?;
    lock(&ctx.instance.known).dataset = fields_of(property, &octets);
    Ok(())
}

/// wpantund's help.
const COMMANDS: &str = "\
List of valid commands:
   - `Erase`: Erase the local Dataset (all fields are un-set)
   - `GetActive`: Get the NCP's Active Operational Dataset and populate the local Dataset from it
   - `SetActive`: Set the NCP's Active Operational Dataset from the current local Dataset
   - `SendMgmtGetActive`: Send MGMT_GET_ACTIVE meshcop command requesting TLVs in current local Dataset
   - `SendMgmtSetActive`: Send MGMT_SET_ACTIVE meshcop command along with the current local Dataset
   - `GetPending`: Get the NCP's Pending Operational Dataset and populate the local DataSet from it
   - `SetPending`: Set the NCP's Pending Operational Dataset from the current local Dataset
   - `SendMgmtGetPending`: Send MGMT_GET_PENDING meshcop command requesting TLVs in the current local Dataset
   - `SendMgmtSetPending`: Send MGMT_SET_PENDING meshcop command along with the current local Dataset";
