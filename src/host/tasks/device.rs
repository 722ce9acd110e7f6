//! The co-processor itself: reset, memory, random numbers, firmware, manufacturing commands.

use super::network;
use super::property::hex;
use super::{check_text, not_supported, require, require_initialized, Context};
use crate::ctl::request::{RandomKind, ResetKind};
use crate::ctl::{Code, Failure, Field, Fields};
use crate::host::known::{Known, State};
use crate::host::script::{Act, Report, Reset, Script, Send, Step};
use crate::wire::ids::{Capability, Command, Property};
use crate::wire::packed::Reader;
use crate::wire::spinel::FRAME_MAX;

/// Possible in every state but during an upgrade: it is what helps where nothing else does.
pub(super) fn reset(kind: ResetKind, known: &Known) -> Result<Script, Failure> {
    require_no_upgrade(known)?;
    let reset = |reset| Ok(Script::new().then(Step::Reset(reset)));
    match kind {
        ResetKind::Soft => reset(Reset::Soft(None)),
        ResetKind::Hard => reset(Reset::Hard),
        ResetKind::Bootloader => {
            require_initialized(known)?;
            let needed = &[Capability::RCP_RESET_TO_BOOTLOADER];
            require(known, "reset into the bootloader", needed)?;
            reset(Reset::Soft(Some(RESET_BOOTLOADER)))
        }
        ResetKind::Factory => {
            require_initialized(known)?;
            network::forget(Script::exclusive("factory reset"))
        }
    }
}

pub(super) fn upgrade(known: &Known, context: &Context) -> Result<Script, Failure> {
    require_no_upgrade(known)?;
    if !context.has_upgrade_command {
        return Err(not_supported(
            "no upgrade command is configured: the firmware cannot be replaced from here",
        ));
    }
    Ok(Script::exclusive("upgrade").then(Act::Upgrade))
}

pub(super) fn peek(address: u32, count: u16, known: &Known) -> Result<Script, Failure> {
    require(known, "peek", &[Capability::PEEK_POKE])?;
    check_count(usize::from(count))?;
    let peek = Send::command(Command::PEEK, |payload| {
        payload.uint32(address)?;
        payload.uint16(count)
    })?;
    Ok(Script::new().then(peek.reporting(Report::Rows(peek_rows))))
}

pub(super) fn poke(address: u32, octets: &[u8], known: &Known) -> Result<Script, Failure> {
    require(known, "poke", &[Capability::PEEK_POKE])?;
    let count = check_count(octets.len())?;
    let poke = Send::command(Command::POKE, |payload| {
        payload.uint32(address)?;
        payload.uint16(count)?;
        payload.data(octets)
    })?;
    Ok(Script::new().then(poke))
}

pub(super) fn random(kind: RandomKind, known: &Known) -> Result<Script, Failure> {
    require(known, "random octets", &[Capability::TRNG])?;
    let get = Send::get(match kind {
        RandomKind::Bits32 => Property::TRNG_32,
        RandomKind::Bits128 => Property::TRNG_128,
        RandomKind::Raw => Property::TRNG_RAW_32,
    })?;
    Ok(Script::new().then(get.reporting(Report::Rows(random_rows))))
}

/// A line for the manufacturing command line; its answer comes back as text.
pub(super) fn mfg(line: &str) -> Result<Script, Failure> {
    check_text("the manufacturing command", line, MFG_MAX)?;
    let set = Send::set(Property::NEST_STREAM_MFG, |value| value.utf8(line))?;
    Ok(Script::new().then(set.reporting(Report::Rows(mfg_rows))))
}

fn require_no_upgrade(known: &Known) -> Result<(), Failure> {
    match known.state {
        State::Upgrading => require_initialized(known),
        _ => Ok(()),
    }
}

fn check_count(count: usize) -> Result<u16, Failure> {
    match u16::try_from(count) {
        Ok(octets @ 1..=MEMORY_MAX) => Ok(octets),
        _ => Err(Failure::new(
            Code::Usage,
            format!("{count} octets: 1 to {MEMORY_MAX} at once are possible"),
        )),
    }
}

/// `address` and `octets` of a PEEK_RET; nothing if it is not one.
fn peek_rows(payload: &[u8]) -> Vec<Fields> {
    let mut reader = Reader::new(payload);
    let (Ok(address), Ok(_)) = (reader.uint32(), reader.uint16()) else {
        return Vec::new();
    };
    let row = Fields::new().with("address", Field::word(format!("0x{address:08x}")));
    vec![row.with("octets", hex(reader.rest()))]
}

/// `random`: the octets as they came.
fn random_rows(value: &[u8]) -> Vec<Fields> {
    vec![Fields::new().with("random", hex(value))]
}

/// `output`: the text up to its zero octet, or to the end where that is missing.
fn mfg_rows(value: &[u8]) -> Vec<Fields> {
    let text = value.split(|&octet| octet == 0).next().unwrap_or_default();
    let text = String::from_utf8_lossy(text).into_owned();
    vec![Fields::new().with("output", Field::Text(text))]
}

/// Protocol §4.9.
const RESET_BOOTLOADER: u8 = 3;
/// What is left of [`FRAME_MAX`] behind header, command, address and count, for PEEK_RET as for
/// POKE.
const MEMORY_MAX: u16 = FRAME_MAX as u16 - 8;
/// What is left of [`FRAME_MAX`] behind header, command, property and terminator.
const MFG_MAX: usize = FRAME_MAX - 5;
