//! Form, join, attach, leave, in-band joining, and letting others join (protocol §7.5, §7.7).

use super::credentials::{self, NewNetwork};
use super::dataset;
use super::{check_pskd, check_text, not_supported, require, usage, wrong_state, Context};
use crate::ctl::request::{Network, NodeType};
use crate::ctl::{Code, Failure};
use crate::host::known::{Known, State};
use crate::host::script::{Act, OnError, Reset, Retain, Script, Send, Step, Until};
use crate::time::Duration;
use crate::wire::ids::{Capability, Command, Property};
use crate::wire::packed::Overflow;

/// A new network. What is not given is chosen at random, but for the name.
pub(super) fn form(wanted: &Network, known: &Known, context: &Context) -> Result<Script, Failure> {
    require_stack_down(known)?;
    require(known, "form", &[Capability::ROLE_ROUTER])?;
    if wanted.node_type != NodeType::Router {
        return Err(usage(
            "who forms a network is a router of it: leave the node type out",
        ));
    }
    credentials::check_dataset_alone(wanted)?;
    let mut script = undo_network(Script::exclusive("form"))?;
    prepare(&mut script, NodeType::Router, known)?;
    let mut rest = Script::new();
    bring_up(&mut rest)?;
    rest.push(wait_for_network(
        "the co-processor formed no network in 60 s: look at its log, and try again",
    ));
    keep(&mut rest, known);
    match &wanted.dataset {
        Some(tlvs) => {
            script.push(credentials::of_tlvs(tlvs)?);
            script.steps.extend(rest.steps);
            script.push(dataset::summary_of(tlvs)?);
        }
        None => {
            let network = NewNetwork::new(wanted, known, context)?;
            script.push(network.form(rest.steps.into())?);
        }
    }
    Ok(script)
}

/// Into an existing network.
pub(super) fn join(wanted: &Network, known: &Known) -> Result<Script, Failure> {
    require_stack_down(known)?;
    check_join(wanted, known)?;
    let mut script = undo_network(Script::exclusive("join"))?
        .undone_by(Send::set(Property::NET_REQUIRE_JOIN_EXISTING, |value| {
            value.boolean(false)
        })?);
    prepare(&mut script, wanted.node_type, known)?;
    match &wanted.dataset {
        Some(tlvs) => script.push(credentials::of_tlvs(tlvs)?),
        None => {
            credentials::check(wanted, known)?;
            for step in credentials::one_by_one(wanted)? {
                script.push(step);
            }
        }
    }
    script.push(interface_up()?);
    script.push(Send::set(Property::NET_REQUIRE_JOIN_EXISTING, |value| {
        value.boolean(true)
    })?);
    script.push(stack_up()?);
    script.push(wait_for_network(
        "no network let us join in 60 s: check channel, PAN id and key, and that one is in reach",
    ));
    keep(&mut script, known);
    Ok(script)
}

/// Up with the stored network. What runs already is waited for.
pub(super) fn attach(known: &Known) -> Result<Script, Failure> {
    let mut script = Script::exclusive("attach");
    match known.state {
        State::Associated => return Ok(Script::new()),
        State::Offline => {
            return Err(wrong_state(
                "no network is stored: form one, or join one first",
            ))
        }
        State::Commissioned => {
            if known.has(Capability::NET_SAVE) {
                script.push(Send::bare(Command::NET_RECALL).on_error(OnError::Tolerate));
            }
            bring_up(&mut script)?;
        }
        _ => {}
    }
    // The stack stays up: it goes on looking, and the network may come back.
    Ok(script.then(wait_for_network(
        "not attached in 60 s: the co-processor keeps trying; leave ends that",
    )))
}

/// Attach to the stored network, without being asked to (protocol §7.5). Nobody waits for it.
pub(in crate::host) fn resume(known: &Known) -> Result<Script, Failure> {
    let mut script = Script::exclusive(RESUME);
    if known.has(Capability::NET_SAVE) {
        script.push(Send::bare(Command::NET_RECALL).on_error(OnError::Tolerate));
    }
    bring_up(&mut script)?;
    Ok(script)
}

/// What the task that attaches is called.
pub(in crate::host) const RESUME: &str = "attaching to the stored network";

/// Out of the network, and forget it.
pub(super) fn leave(known: &Known) -> Result<Script, Failure> {
    let mut script = Script::exclusive("leave");
    if known.state.is_up() {
        let farewell = Send::set(Property::NET_LEAVE_GRACEFULLY, |_| Ok(()))?;
        script.push(farewell.on_error(OnError::SkipNext));
        script.push(Step::Linger {
            until: Until::Left,
            within: FAREWELL_MAX,
        });
    }
    forget(script)
}

/// At the end of a script: the network goes down, out of the co-processor's memory and out of ours.
/// Firmware refuses NET_CLEAR while its stack is up (protocol §1.3).
pub(super) fn forget(mut script: Script) -> Result<Script, Failure> {
    for send in take_down()? {
        script.push(send);
    }
    Ok(script
        .then(Send::bare(Command::NET_CLEAR))
        .then(Step::Retain(Retain::Forget))
        .then(Step::Reset(Reset::Soft(None))))
}

/// STACK_UP 0, IF_UP 0; what is down already is no error.
pub(super) fn take_down() -> Result<[Send; 2], Overflow> {
    let down = |property| Send::set(property, |value| value.boolean(false));
    Ok([
        down(Property::NET_STACK_UP)?.on_error(OnError::Tolerate),
        down(Property::NET_IF_UP)?.on_error(OnError::Tolerate),
    ])
}

/// Into a network by the passphrase for devices.
pub(super) fn joiner_start(pskd: &str, url: &str, known: &Known) -> Result<Script, Failure> {
    require(known, "joiner", &[Capability::THREAD_JOINER])?;
    require_stack_down(known)?;
    if known.state == State::Commissioned {
        return Err(wrong_state(
            "a network is stored, and a joiner would look for that one alone: leave it first",
        ));
    }
    check_pskd(pskd)?;
    check_text("the provisioning URL", url, URL_MAX)?;
    let start = Send::set(Property::MESHCOP_JOINER_COMMISSIONING, |value| {
        value.boolean(true)?;
        value.utf8(pskd)?;
        match url {
            "" => Ok(()),
            url => value.utf8(url),
        }
    })?;
    // OpenThread's joiner asks the PAN that it has, and keeps that of a network that has refused it.
    let any_pan = Send::set(Property::MAC_15_4_PANID, |value| value.uint16(BROADCAST))?;
    let mut script = undo_bring_up(Script::exclusive("joiner").undone_by(stop_joiner()?))?
        .then(any_pan.on_error(OnError::Tolerate))
        .then(interface_up()?)
        .then(Act::Joining)
        .then(Step::Join {
            start,
            looks: LOOKS,
            within: JOIN_MAX,
            otherwise: timeout(
                "nobody let us join in 60 s: is joining permitted there, for this PSKd?",
            ),
        })
        .then(stack_up()?)
        .then(wait_for_network(
            "joined, but not attached in 60 s: try to attach again",
        ));
    keep(&mut script, known);
    Ok(script)
}

pub(super) fn joiner_stop(known: &Known) -> Result<Script, Failure> {
    require(known, "joiner", &[Capability::THREAD_JOINER])?;
    Ok(Script::new().then(stop_joiner()?))
}

/// Lets devices join; a period of zero ends it. When the period is over, the host runs the script of
/// a period of zero.
pub(super) fn permit_join(period: Duration, port: u16, known: &Known) -> Result<Script, Failure> {
    let steering = |octet| {
        Send::set(Property::THREAD_STEERING_DATA, |value| {
            value.data(&[octet; 8])
        })
    };
    let close_ports = Send::set(Property::THREAD_ASSISTING_PORTS, |_| Ok(()))?;
    let has_steering = known.has(Capability::OOB_STEERING_DATA);
    if period.is_zero() {
        let mut script = Script::new()
            .then(Act::PermitJoin(period, port))
            .then(close_ports);
        if has_steering {
            script.push(steering(STEER_NOBODY)?);
        }
        return Ok(script);
    }
    if known.state != State::Associated {
        return Err(wrong_state(
            "only a member of a network can let others join: form, join or attach first",
        ));
    }
    if port == 0 {
        return Err(usage(
            "the port must be 1 to 65535; that of Thread's joiners is 5684",
        ));
    }
    let mut script = Script::new()
        .undone_by(close_ports)
        .then(Send::set(Property::THREAD_ASSISTING_PORTS, |value| {
            value.uint16(port)
        })?);
    if has_steering {
        script.push(steering(STEER_ALL)?);
        script = script.undone_by(steering(STEER_NOBODY)?);
    }
    Ok(script.then(Act::PermitJoin(period, port)))
}

fn require_stack_down(known: &Known) -> Result<(), Failure> {
    if known.state.is_up() {
        return Err(wrong_state(
            "the co-processor is in a network already: leave that first",
        ));
    }
    Ok(())
}

fn check_join(wanted: &Network, known: &Known) -> Result<(), Failure> {
    credentials::check_dataset_alone(wanted)?;
    let is_named = wanted.name.is_some() || wanted.xpanid.is_some() || wanted.panid.is_some();
    if !is_named && wanted.dataset.is_none() {
        return Err(usage(
            "which network? give its dataset, or its name, PAN id or extended PAN id, which scan shows",
        ));
    }
    if wanted.channel_mask.is_some() {
        return Err(usage(
            "joining needs the one channel of the network; scan shows it",
        ));
    }
    if wanted.node_type == NodeType::Router && !known.has(Capability::ROLE_ROUTER) {
        return Err(not_supported(
            "the co-processor cannot be a router (no capability ROLE_ROUTER): join as end-device",
        ));
    }
    Ok(())
}

/// What is the same for every network: nothing is left of the one before, and what we are to be.
fn prepare(script: &mut Script, node_type: NodeType, known: &Known) -> Result<(), Overflow> {
    script.push(Send::bare(Command::NET_CLEAR).on_error(OnError::Tolerate));
    let is_ftd = known.has(Capability::CONFIG_FTD);
    script.push(Send::set(Property::THREAD_MODE, |value| {
        value.uint8(thread_mode(node_type, is_ftd))
    })?);
    if is_ftd {
        script.push(Send::set(Property::THREAD_ROUTER_ROLE_ENABLED, |value| {
            value.boolean(node_type == NodeType::Router)
        })?);
    }
    let promiscuous = Send::set(Property::MAC_PROMISCUOUS_MODE, |value| value.uint8(0))?;
    script.push(promiscuous.on_error(OnError::Tolerate));
    Ok(())
}

/// Protocol §3.7, THREAD_MODE. The device without routing is still a full one where the firmware
/// knows how (request `NodeType`).
fn thread_mode(node_type: NodeType, is_ftd: bool) -> u8 {
    match (node_type, is_ftd) {
        (NodeType::SleepyEndDevice, _) => 0x04,
        (NodeType::EndDevice, false) => 0x0D,
        (NodeType::Router | NodeType::EndDevice, _) => 0x0F,
    }
}

fn interface_up() -> Result<Send, Overflow> {
    let up = Send::set(Property::NET_IF_UP, |value| value.boolean(true))?;
    Ok(up.on_error(OnError::TolerateAlready))
}

fn stack_up() -> Result<Send, Overflow> {
    let up = Send::set(Property::NET_STACK_UP, |value| value.boolean(true))?;
    Ok(up.on_error(OnError::TolerateAlready))
}

fn bring_up(script: &mut Script) -> Result<(), Overflow> {
    script.push(interface_up()?);
    script.push(stack_up()?);
    Ok(())
}

fn undo_bring_up(script: Script) -> Result<Script, Overflow> {
    Ok(take_down()?.into_iter().fold(script, Script::undone_by))
}

/// What was not formed or joined is not attached to later, either: a dataset is stored at once.
fn undo_network(script: Script) -> Result<Script, Overflow> {
    let clear = Send::bare(Command::NET_CLEAR).on_error(OnError::Tolerate);
    Ok(undo_bring_up(script)?.undone_by(clear))
}

fn stop_joiner() -> Result<Send, Overflow> {
    Send::set(Property::MESHCOP_JOINER_COMMISSIONING, |value| {
        value.boolean(false)
    })
}

fn wait_for_network(otherwise: &str) -> Step {
    Step::Wait {
        until: Until::Associated,
        within: JOIN_MAX,
        otherwise: timeout(otherwise),
    }
}

fn timeout(message: &str) -> Failure {
    Failure::new(Code::Timeout, message)
}

/// Saves by command only where that is a capability: other firmware saves by itself (errata E17). The
/// host keeps the credentials itself, in each network.
fn keep(script: &mut Script, known: &Known) {
    if known.has(Capability::NET_SAVE) {
        script.push(Send::bare(Command::NET_SAVE).on_error(OnError::Tolerate));
    }
}

/// OpenThread's `OT_PROVISIONING_URL_MAX_SIZE`.
const URL_MAX: usize = 64;
/// Protocol §7.4: form, join and joiner take 60 s at the most.
const JOIN_MAX: Duration = Duration::from_secs(60);
/// The PAN id of all.
const BROADCAST: u16 = 0xFFFF;
/// OpenThread's joiner listens for 300 ms on each channel (`kScanDurationDefault`), and routers take up to 250 ms of them
/// to answer (`kDiscoveryMaxJitter`): a router that is 100 ms late is missed in one of five looks, of some 5 s each.
const LOOKS: u8 = 3;
/// OpenThread detaches gracefully within 1 s (`kDetachGracefullyTimeout`); as much again for the
/// way.
const FAREWELL_MAX: Duration = Duration::from_secs(2);
/// Protocol §3.7, THREAD_STEERING_DATA: ones allow all, zeros clear.
const STEER_ALL: u8 = 0xFF;
const STEER_NOBODY: u8 = 0x00;
