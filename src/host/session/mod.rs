//! The session with the co-processor: how it begins, what is known of it, and what is done when it does not do what it
//! should.
//!
//! | file | what it knows |
//! | --- | --- |
//! | `startup` | the handshake, and failing it (protocol §7.3) |
//! | `recover` | resets, misbehaviour, liveness (§7.2, §7.4) |
//! | `fault` | giving up, and what leads out of that (§7.2) |
//! | `interfaces` | which of the co-processor's interfaces is ours, and what the others say (§1.1) |
//! | `state` | the states and what leads from one to another (§7.2) |
//! | `firmware` | replacing it (§7.12) |
//! | `keep` | what a reset of the co-processor must not lose |

mod fault;
mod firmware;
mod interfaces;
mod keep;
mod recover;
mod startup;
mod state;

use crate::ctl::Failure;
use crate::host::command::run::Tasks;
use crate::host::command::transact::Engine;
use crate::host::command::wait::Told;
use crate::host::command::Owner;
use crate::host::known::Known;
use crate::host::outbox::Outbox;
use crate::host::script::Reset;
use crate::host::stats::Stats;
use crate::host::Settings;
use crate::time::Instant;
use crate::wire::ids::{Command, Property};
use interfaces::Interfaces;
use keep::Keep;
use recover::Watch;
use startup::Startup;
use std::collections::VecDeque;

/// What the session stands on: it uses all of it, and owns none.
pub(in crate::host) struct Ground<'a> {
    pub(in crate::host) now: Instant,
    pub(in crate::host) settings: &'a Settings,
    pub(in crate::host) engine: &'a mut Engine<Owner>,
    pub(in crate::host) outbox: &'a mut Outbox,
    pub(in crate::host) stats: &'a mut Stats,
    pub(in crate::host) tasks: &'a Tasks,
}

impl Ground<'_> {
    /// Queues a command of the host's own; false if too many wait, which is no misfortune for any.
    pub(in crate::host) fn submit(
        &mut self,
        owner: Owner,
        command: Command,
        payload: Vec<u8>,
    ) -> bool {
        let submitted = self.engine.submit(self.now, owner, command, payload);
        if let Err(refused) = submitted {
            log::debug!("{command} of the host's own was refused: {refused:?}");
        }
        submitted.is_ok()
    }
}

/// What follows for the rest of the host, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::host) enum Effect {
    /// Tasks are told this.
    Tell(Told<'static>),
    /// This task fails.
    FailTask(u32, Failure),
    /// Tasks that do not wait for the reset fail.
    FailTasks(Failure),
    /// All tasks fail.
    FailAll(Failure),
    /// Requests that wait for the end of the start-up fail.
    FailPending(Failure),
    /// The co-processor begins anew, or is given up: nothing that it had counts any more.
    Forgotten,
    /// It has forgotten that devices may join.
    NobodyJoins,
    /// It goes to sleep: what waits for it would wake it.
    FellAsleep,
    /// It drops what comes too fast.
    SlowDown,
    /// The start-up is over; the host attaches to the stored network, if nothing else is being done.
    Ready { attaches: bool },
    /// It is in its network.
    Associated,
    /// The interface is to be up, or down.
    Up(bool),
    /// A value that came with others in one frame.
    Learnt(Property, Vec<u8>),
    /// The upgrade command ended.
    Upgraded(bool),
}

/// The session.
pub(in crate::host) struct Session {
    /// What is known of the co-processor.
    pub(in crate::host) known: Known,
    phase: Phase,
    startup: Startup,
    interfaces: Interfaces,
    watch: Watch,
    keep: Keep,
    wants_reset_line: bool,
    wants_renewal: bool,
    effects: VecDeque<Effect>,
}

impl Session {
    /// [`Session::begin`] has to follow.
    pub(in crate::host) fn new(settings: &Settings, now: Instant) -> Self {
        Session {
            known: Known::new(),
            phase: Phase::Pausing { until: now },
            startup: Startup::new(),
            interfaces: Interfaces::default(),
            watch: Watch::new(now, settings.auto_resume),
            keep: Keep::new(settings.retained.clone()),
            wants_reset_line: false,
            wants_renewal: false,
            effects: VecDeque::new(),
        }
    }

    pub(in crate::host) fn phase(&self) -> Phase {
        self.phase
    }

    /// The co-processor can be talked to.
    pub(in crate::host) fn is_ready(&self) -> bool {
        matches!(self.phase, Phase::Ready | Phase::Asleep { .. })
    }

    /// Values that arrive now count.
    pub(in crate::host) fn listens(&self) -> bool {
        self.is_ready() || matches!(self.phase, Phase::Asking | Phase::Checking)
    }

    /// What follows next for the rest of the host.
    pub(in crate::host) fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// Whether the co-processor is to be reset by its line.
    pub(in crate::host) fn take_reset_request(&mut self) -> bool {
        core::mem::take(&mut self.wants_reset_line)
    }

    /// Whether the transport is to be opened anew.
    pub(in crate::host) fn take_renewal_request(&mut self) -> bool {
        core::mem::take(&mut self.wants_renewal)
    }
}

/// How far the co-processor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::host) enum Phase {
    /// Step 1: a reset was triggered, its notification is awaited.
    Resetting {
        until: Instant,
    },
    /// Step 2.
    Pausing {
        until: Instant,
    },
    /// Steps 3 to 12.
    Asking,
    /// Step 4: the command that checks the firmware runs.
    Checking,
    /// An attempt failed; a reset follows.
    Retrying {
        until: Instant,
        reset: Reset,
    },
    Upgrading,
    Ready,
    /// The host put it to sleep; from `quiet_at` on it is to be silent.
    Asleep {
        quiet_at: Instant,
    },
    Fault,
    /// The transport is lost, and looked for by who has it.
    Gone,
}

/// Protocol §7.3: more failures than these mean FAULT.
pub(in crate::host) const FAILURES_MAX: u32 = 3;

#[cfg(test)]
mod tests;
