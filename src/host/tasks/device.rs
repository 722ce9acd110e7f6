//! The co-processor itself: reset, memory, random numbers, firmware, manufacturing commands.

use super::network;
use super::property::hex;
use super::{check_text, not_supported, require, require_initialized, usage, Context};
use crate::ctl::request::{RandomKind, ResetKind};
use crate::ctl::{Code, Failure, Field, Fields};
use crate::host::failure::{self, What};
use crate::host::known::{Known, State};
use crate::host::script::{Act, Follow, OnError, Report, Reset, Script, Send, Step, Until};
use crate::time::Duration;
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

/// A line for OpenThread's command line; its answer comes in lines.
pub(super) fn command_line(line: &str, context: &Context) -> Result<Script, Failure> {
    check_text("the command", line, MFG_MAX)?;
    if line.trim().is_empty() {
        return Err(usage("cli: a command is missing: `cli help` lists them"));
    }
    if context.is_commanding {
        return Err(Failure::new(
            Code::Busy,
            "another client's command runs on OpenThread's command line: wait until it ends",
        ));
    }
    let set = Send::set(Property::STREAM_CLI, |value| value.utf8(line))?;
    let answered = Follow::new(|answer| {
        match answer {
        Ok(_) => Ok(Vec::new()),
        Err(status) if status.is_absent() => Err(not_supported(
            "cli: this firmware offers no command line over Spinel: OpenThread has to be built with OT_NCP_CLI_STREAM=ON",
        )),
        Err(status) => {
            let what = What(Command::PROP_VALUE_SET, Some(Property::STREAM_CLI));
            Err(failure::of_status(what, status))
        }
    }
    });
    // Where `Done` was lost, an empty line brings a prompt; behind a command that still runs it brings nothing.
    let prompt = Send::set(Property::STREAM_CLI, |value| value.utf8(""))?;
    Ok(Script::new()
        .then(Act::CommandLine)
        .then(Step::Ask(set, answered))
        .then(Step::Linger {
            until: Until::CommandEnds,
            within: PROMPTED_AFTER,
        })
        .then(prompt.on_error(OnError::Tolerate))
        .then(Step::Wait {
            until: Until::CommandEnds,
            within: COMMAND_SILENCE,
            otherwise: Failure::new(
                Code::Timeout,
                "OpenThread's command line says nothing more: a command from before may still run, which a reset ends",
            ),
        }))
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
/// Most commands are done before they are answered.
const PROMPTED_AFTER: Duration = Duration::from_secs(2);
/// Scans and pings take seconds between two lines.
const COMMAND_SILENCE: Duration = Duration::from_secs(30);
/// What is left of [`FRAME_MAX`] behind header, command, property and terminator.
const MFG_MAX: usize = FRAME_MAX - 5;
