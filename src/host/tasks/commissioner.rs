//! The commissioner on the co-processor, and the devices that it lets in (protocol §3.11). Older
//! firmware knows the same by other numbers (§3.7, 5391 and 5392).

use super::property::property_row;
use super::{check_pskd, require, usage, wrong_state};
use crate::ctl::{Code, Failure};
use crate::host::known::{Known, State};
use crate::host::script::{Judge, OnError, Report, Script, Send, Verdict};
use crate::time::Duration;
use crate::wire::ids::{Capability, Command, Property};
use crate::wire::packed::{Overflow, Writer};

/// On: the leader is petitioned, and its answer is waited for. The state is not told unasked (protocol §3.2), so it is
/// asked for.
pub(super) fn enable(on: bool, known: &Known) -> Result<Script, Failure> {
    require(known, "commissioner", NEEDED)?;
    if on && known.state != State::Associated {
        return Err(wrong_state(
            "only a member of a network can commission: form, join or attach first",
        ));
    }
    let state = Send::set(Property::MESHCOP_COMMISSIONER_STATE, |value| {
        value.uint8(if on { STATE_ACTIVE } else { STATE_DISABLED })
    })?;
    let older = Send::set(Property::THREAD_COMMISSIONER_ENABLED, |value| {
        value.boolean(on)
    })?;
    let script = Script::new()
        .then(state.on_error(OnError::OrElse))
        .then(older.on_error(OnError::TolerateAlready));
    if !on {
        return Ok(script);
    }
    Ok(script.then(ask_state(Judge {
        verdict: petitioned,
        every: PETITION_POLL,
        times: PETITION_POLLS,
        otherwise: "the leader has not answered yet: the co-processor goes on petitioning, which `commissioner` shows",
    })?))
}

pub(super) fn add(
    eui64: Option<[u8; 8]>,
    pskd: &str,
    timeout: Duration,
    known: &Known,
) -> Result<Script, Failure> {
    require(known, "commissioner", NEEDED)?;
    check_pskd(pskd)?;
    let seconds = match u32::try_from(timeout.as_secs()) {
        Ok(seconds) if seconds > 0 => seconds,
        _ => {
            return Err(usage(
                "the time in which a device may join must be 1 to 4294967295 s",
            ))
        }
    };
    let joiner = Send::insert(Property::MESHCOP_COMMISSIONER_JOINERS, |item| {
        write_joiner(item, eui64)?;
        item.uint32(seconds)?;
        item.utf8(pskd)
    })?;
    let older = Send::insert(Property::THREAD_JOINERS, |item| {
        item.utf8(pskd)?;
        item.uint32(seconds)?;
        item.data(eui64.as_ref().map_or(&[][..], |eui64| &eui64[..]))
    })?;
    Ok(Script::new()
        .then(require_active()?)
        .then(joiner.on_error(OnError::OrElse))
        .then(older))
}

/// Older firmware cannot do that: a device stays welcome until its time is over.
pub(super) fn remove(eui64: Option<[u8; 8]>, known: &Known) -> Result<Script, Failure> {
    require(known, "commissioner", NEEDED)?;
    let remove = Send::remove(Property::MESHCOP_COMMISSIONER_JOINERS, |item| {
        write_joiner(item, eui64)
    })?;
    Ok(Script::new()
        .then(require_active()?)
        .then(remove.on_error(OnError::TolerateAlready)))
}

/// Who is not the commissioner has no joiners: firmware says no more than INVALID_STATE then.
fn require_active() -> Result<Send, Failure> {
    ask_state(Judge {
        verdict: active,
        every: Duration::ZERO,
        times: 0,
        otherwise: "",
    })
}

/// Older firmware does not know the state.
fn ask_state(judge: Judge) -> Result<Send, Failure> {
    let get = Send::get(Property::MESHCOP_COMMISSIONER_STATE)?;
    Ok(get
        .reporting(Report::Judged(judge))
        .on_error(OnError::Tolerate))
}

fn petitioned(value: &[u8]) -> Verdict {
    match value.first() {
        Some(&STATE_PETITIONING) => Verdict::Again,
        Some(&STATE_DISABLED) => Verdict::Failed(Failure::new(
            Code::Busy,
            "the leader refused: another commissioner is active; stop that one first",
        )),
        _ => Verdict::Over(vec![property_row(
            Command::PROP_VALUE_IS,
            Property::MESHCOP_COMMISSIONER_STATE,
            value,
        )]),
    }
}

fn active(value: &[u8]) -> Verdict {
    match value.first() {
        Some(&(STATE_DISABLED | STATE_PETITIONING)) => Verdict::Failed(wrong_state(
            "the co-processor is not the commissioner: `commissioner start` first",
        )),
        _ => Verdict::Over(Vec::new()),
    }
}

/// Which device: a structure of its EUI-64, empty for any.
fn write_joiner(item: &mut Writer<'_>, eui64: Option<[u8; 8]>) -> Result<(), Overflow> {
    item.structure(|joiner| match eui64 {
        Some(eui64) => joiner.data(&eui64),
        None => Ok(()),
    })
}

const NEEDED: &[Capability] = &[Capability::THREAD_COMMISSIONER];
/// Protocol §4.9. Firmware takes no other state than the first and the last; it petitions by itself.
const STATE_DISABLED: u8 = 0;
const STATE_PETITIONING: u8 = 1;
const STATE_ACTIVE: u8 = 2;
/// One exchange with the leader, over a few hops, takes tenths of a second.
const PETITION_POLL: Duration = Duration::from_millis(250);
/// OpenThread petitions three times, a second apart (`kPetitionRetryCount`, `kPetitionRetryDelay`), with CoAP's own
/// time-outs in between; 10 s.
const PETITION_POLLS: u8 = 40;
