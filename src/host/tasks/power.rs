//! Sleep of the co-processor and of the host (protocol §7.10), and the data poll (§7.6).

use super::network::take_down;
use super::{not_supported, require_initialized, wrong_state};
use crate::ctl::Failure;
use crate::host::known::{Known, State};
use crate::host::script::{Act, OnError, Report, Script, Send, Step, Until};
use crate::time::Duration;
use crate::wire::ids::{Capability, Property};

/// Stack and interface down, then the co-processor itself. Without a power state of its own that is all:
/// the radio is off with the stack, which owns it. PHY_ENABLED is the raw radio of firmware that has one,
/// and locks the stack out (protocol §7.10).
pub(super) fn sleep(known: &Known) -> Result<Script, Failure> {
    let mut script = Script::exclusive("sleep");
    for send in take_down()? {
        script.push(send);
    }
    if known.has(Capability::MCU_POWER_STATE) {
        script.push(Send::set(Property::MCU_POWER_STATE, |value| {
            value.uint8(MCU_LOW_POWER)
        })?);
    }
    let asleep = Act::FallAsleep {
        was_up: known.state.is_up(),
    };
    Ok(script.then(asleep).then(Step::Pause(SILENCE)))
}

/// Any frame wakes it; then it is told to stay awake, its state is found out again, and it attaches to the
/// network that it was in.
pub(super) fn wake(known: &Known) -> Result<Script, Failure> {
    if known.state != State::DeepSleep {
        require_initialized(known)?;
    }
    let mut script = Script::exclusive("wake").then(Send::noop());
    if known.has(Capability::MCU_POWER_STATE) {
        script.push(Send::set(Property::MCU_POWER_STATE, |value| {
            value.uint8(MCU_ON)
        })?);
    }
    Ok(script.then(Act::WakeUp))
}

/// The co-processor holds back what is not essential. Its answer has to be waited for: it changes
/// its behaviour only when that has left (protocol §4.4).
pub(super) fn host_sleep(known: &Known) -> Result<Script, Failure> {
    if known.state == State::DeepSleep {
        return Ok(Script::new());
    }
    require_initialized(known)?;
    let sleep = Send::set(Property::HOST_POWER_STATE, |value| {
        value.uint8(HOST_LOW_POWER)
    })?;
    Ok(Script::new().then(sleep))
}

/// Any frame says that the host is awake.
pub(super) fn host_did_wake(known: &Known) -> Result<Script, Failure> {
    if known.state == State::DeepSleep {
        return Ok(Script::new());
    }
    require_initialized(known)?;
    Ok(Script::new().then(Send::noop()))
}

/// Asks the parent for data, where the firmware lets us. No OpenThread does: it answers PROP_NOT_FOUND (errata E44),
/// and its own period says when it asks.
pub(super) fn poll(known: &Known) -> Result<Script, Failure> {
    if !known.state.is_up() {
        return Err(wrong_state(
            "there is no parent to ask: the co-processor is in no network",
        ));
    }
    let get = Send::get(Property::STREAM_NET)?.on_error(OnError::OrElse);
    Ok(Script::new()
        .then(get.reporting(Report::Nothing))
        .then(Step::Wait {
            until: Until::Value(Property::STREAM_NET),
            within: Duration::ZERO,
            otherwise: not_supported(
                "the firmware asks its parent by its own clock alone: `setprop MAC_DATA_POLL_PERIOD` sets the milliseconds",
            ),
        }))
}

/// Protocol §4.3.
const MCU_ON: u8 = 0;
const MCU_LOW_POWER: u8 = 1;
/// Protocol §4.4.
const HOST_LOW_POWER: u8 = 3;
/// Protocol §7.10: wait 0.5 s for silence.
const SILENCE: Duration = Duration::from_millis(500);
