//! The questions: which protocol, which firmware, NCP or RCP, and whether data arrives as it was sent.

use super::report::{Finding, Level, Report};
use super::talk::{Answer, Conversation};
use crate::time::Duration;
use crate::wire::ids::{Capability, Property, Status};
use crate::wire::packed::Reader;
use crate::wire::spinel::IID_MAX;
use std::io;

/// Asks for protocol, firmware and kind. `is_host`: for our own host driver, not for a host behind the translator, which
/// names the interface itself. `settle` is how long the link waits after RES. True if it is a
/// co-processor that the bridge can serve.
///
/// # Errors
/// Only when the device is gone.
pub fn interview(
    talk: &mut dyn Conversation,
    is_host: bool,
    settle: Duration,
    report: &mut Report<'_>,
) -> io::Result<bool> {
    let patience = PATIENCE + settle;
    let mut answer = talk.ask_surely(Property::PROTOCOL_VERSION, patience)?;
    if matches!(answer, INVALID_INTERFACE | Answer::Elsewhere(_)) {
        answer = interface(talk, answer, is_host, report)?;
    }
    let Answer::Value(version) = answer else {
        report.add(no_answer(&answer, talk));
        return Ok(false);
    };
    let reason = talk.desk().reset_status().map_or(String::new(), |status| {
        format!(", started by {}", Status(status))
    });
    if !protocol(&version, &reason, report) {
        return Ok(false);
    }
    if let Answer::Value(text) = talk.ask_surely(Property::NCP_VERSION, PATIENCE)? {
        report.add(Finding::pass("firmware", printable(&text)));
        data(talk, &text, report)?;
    }
    let interface = talk.ask_surely(Property::INTERFACE_TYPE, PATIENCE)?;
    let capabilities = talk.ask_surely(Property::CAPS, PATIENCE)?;
    let finding = kind(&interface, &capabilities, talk.counts().is_bus);
    let good = finding.level != Level::Fail;
    report.add(finding);
    Ok(good)
}

/// It serves other interfaces than the one that was asked, or says that it does not serve that one: each is asked.
fn interface(
    talk: &mut dyn Conversation,
    asked: Answer,
    is_host: bool,
    report: &mut Report<'_>,
) -> io::Result<Answer> {
    let ours = talk.desk().iid();
    let said = match asked {
        Answer::Elsewhere(iid) => Some(iid),
        _ => None,
    };
    for iid in said
        .into_iter()
        .chain((0..=IID_MAX).filter(|iid| *iid != ours))
    {
        talk.ask_interface(iid);
        let answer = talk.ask_surely(Property::PROTOCOL_VERSION, PATIENCE)?;
        if matches!(answer, Answer::Value(_)) {
            let detail = format!("it answers on interface id {iid}, not on {ours}");
            report.add(match is_host {
                true => Finding::fail("interface", detail).remedy(format!("--iid {iid}")),
                // The translator passes all of them on.
                false => Finding::warn("interface", detail).remedy(format!(
                    "tell the host: iid={iid} in its radio URL, or --tun --iid {iid}"
                )),
            });
            return Ok(answer);
        }
    }
    talk.ask_interface(ours);
    Ok(asked)
}

fn protocol(value: &[u8], reason: &str, report: &mut Report<'_>) -> bool {
    let mut reader = Reader::new(value);
    let (major, minor) = match (reader.uint_packed(), reader.uint_packed()) {
        (Ok(major), Ok(minor)) => (major, minor),
        _ => (0, 0),
    };
    let good = major == PROTOCOL_MAJOR;
    let detail = format!("protocol version {major}.{minor}{reason}");
    report.add(if good {
        Finding::pass("Spinel", detail)
    } else {
        Finding::fail("Spinel", detail).remedy(format!(
            "no host talks to it: update the firmware to one with version {PROTOCOL_MAJOR}"
        ))
    });
    good
}

/// The same question many times: are the answers the same, and how long do they take?
fn data(talk: &mut dyn Conversation, expected: &[u8], report: &mut Report<'_>) -> io::Result<()> {
    let mut times = Vec::new();
    let (mut missing, mut changed) = (0, 0);
    while times.len() < ROUNDS && missing < MISSING_MAX {
        let (answer, time) = talk.ask(Property::NCP_VERSION, ROUND_PATIENCE)?;
        times.push(time);
        match answer {
            Answer::Value(value) if value == expected => {}
            Answer::Silence => missing += 1,
            _ => changed += 1,
        }
    }
    let rounds = times.len();
    times.sort_unstable();
    let median = times.get(rounds / 2).copied().unwrap_or_default();
    let counts = talk.counts();
    let damaged = counts.damaged;
    let micros = median.as_micros();
    let detail = format!("{rounds} questions: {missing} without answer, {changed} answers changed");
    report.add(match (missing, changed, damaged) {
        (0, 0, 0) => Finding::pass(
            "data",
            format!("{rounds} questions answered, each in {micros} us (median)"),
        ),
        (0, 0, damaged) => Finding::warn(
            "data",
            format!("{damaged} CRC errors in {rounds} questions, all repaired"),
        )
        .remedy(match counts.is_bus {
            true => "a lower --spi-speed, or shorter wires",
            false => SERIAL_REMEDY,
        }),
        (_, 0, 0) => Finding::fail("data", detail).remedy(format!(
            "it is busy for more than {ROUND_PATIENCE:?}, or loses frames: look at the rows above, then update its firmware"
        )),
        _ => Finding::fail("data", detail).remedy(match counts.is_bus {
            true => "a lower --spi-speed, or shorter wires; bits flip on the way",
            false => SERIAL_REMEDY,
        }),
    });
    Ok(())
}

fn no_answer(answer: &Answer, talk: &dyn Conversation) -> Finding {
    let what = "Spinel";
    let counts = talk.counts();
    let load = match counts.is_bus {
        true => "load an NCP or RCP firmware for SPI into it",
        false => "load an NCP firmware for Thread into it",
    };
    match answer {
        Answer::Echo => Finding::fail(
            what,
            "our own frames come back: an echo, no Spinel co-processor",
        )
        .remedy(load),
        Answer::Status(status) => Finding::fail(
            what,
            format!("asked for its version it says {}", Status(*status)),
        )
        .remedy(load),
        _ if counts.is_bus && counts.sent == 0 => Finding::fail(
            what,
            format!(
                "the co-processor took no frame, {} were refused (RECV_LEN 0)",
                counts.refused
            ),
        )
        .remedy("it is busy for ever or hangs: reset it, update its firmware"),
        _ => Finding::fail(what, format!("no answer in {} s", PATIENCE.as_secs()))
            .remedy(format!("frames go and none comes back: {load}")),
    }
}

/// NCP or RCP (§4.2), and for which network (§4.5).
fn kind(interface: &Answer, capabilities: &Answer, is_bus: bool) -> Finding {
    let what = "kind";
    let Some(interface) = numbers(interface).first().copied() else {
        return Finding::fail(what, "it does not tell its interface type")
            .remedy("update its firmware");
    };
    let has = |capability: Capability| numbers(capabilities).contains(&capability.0);
    match interface {
        INTERFACE_BOOTLOADER => {
            return Finding::fail(what, "a boot loader, which waits for a firmware update")
                .remedy("load a firmware")
        }
        INTERFACE_THREAD => {}
        other => {
            return Finding::fail(what, format!("interface type {other}, not Thread (3)"))
                .remedy("load a Thread firmware")
        }
    }
    if has(Capability::CONFIG_FTD) || has(Capability::CONFIG_MTD) {
        return Finding::pass(what, "NCP with a Thread stack: for wpantund, spinel-cli");
    }
    if (has(Capability::CONFIG_RADIO) || has(Capability::MAC_RAW)) && !is_bus {
        // Only the host driver takes a stream, and it needs the stack.
        return Finding::fail(what, "RCP, a radio without a stack, which --tun cannot use")
            .remedy("load an NCP firmware, or give the port to otbr-agent or ot-daemon");
    }
    if has(Capability::CONFIG_RADIO) || has(Capability::MAC_RAW) {
        return Finding::pass(
            what,
            "RCP, a radio without a stack: for otbr-agent, ot-daemon",
        );
    }
    Finding::warn(what, "neither NCP nor RCP by its capabilities")
        .remedy("look at CAPS with spinel-cli")
}

/// A list of packed integers.
fn numbers(answer: &Answer) -> Vec<u32> {
    let Answer::Value(value) = answer else {
        return Vec::new();
    };
    let mut reader = Reader::new(value);
    core::iter::from_fn(|| reader.uint_packed().ok()).collect()
}

/// What a co-processor sends may go to a terminal.
fn printable(text: &[u8]) -> String {
    let text = text.strip_suffix(&[0]).unwrap_or(text);
    String::from_utf8_lossy(text).replace(char::is_control, "\u{fffd}")
}

/// What an interface answers that is not served (protocol §1.1).
const INVALID_INTERFACE: Answer = Answer::Status(Status::INVALID_INTERFACE.0);

/// Damaged frames on a serial line.
const SERIAL_REMEDY: &str =
    "a lower speed, flow control (:rtscts) if the lines are wired, or shorter wires";

/// The protocol version that hosts talk to (§7.3, step 3).
const PROTOCOL_MAJOR: u32 = 4;

/// Interface types (§4.5).
const INTERFACE_BOOTLOADER: u32 = 0;
const INTERFACE_THREAD: u32 = 3;

/// How long a host waits for an answer (§7.3).
const PATIENCE: Duration = Duration::from_secs(5);

/// Questions for the quality of data, how long each may take, and how many may stay open before it is
/// no use to go on. An answer takes some milliseconds, and some more when the frame is refused first.
const ROUNDS: usize = 50;
const ROUND_PATIENCE: Duration = Duration::from_millis(500);
const MISSING_MAX: u32 = 3;
