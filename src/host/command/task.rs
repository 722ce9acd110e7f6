//! One task: a script that runs, for whom, and what it waits for.

use super::command_line::Output;
use super::wait::{Scan, Waiting};
use crate::ctl::{Answer, Ticket};
use crate::host::script::{Follow, Script, Send, Step};
use crate::host::tasks::{SCAN, SNIFFING};
use crate::time::Instant;
use crate::wire::ids::Command;
use std::collections::VecDeque;

pub(super) struct Task {
    pub(super) id: u32,
    pub(super) origin: Origin,
    pub(super) steps: VecDeque<Step>,
    pub(super) undo: VecDeque<Send>,
    pub(super) otherwise: Option<Box<Script>>,
    pub(super) exclusive: Option<&'static str>,
    pub(super) doing: Doing,
    /// What is told when the undoing is over.
    pub(super) outcome: Option<Answer>,
    pub(super) is_joining: bool,
    /// What the joiner does when it found nobody.
    pub(super) look_again: Option<Step>,
    /// The commands that were sent: a sniffer needs them again after a reset.
    pub(super) sent: Vec<(Command, Vec<u8>)>,
    pub(super) scan: Scan,
    /// What the command line says to this task's command.
    pub(super) output: Option<Output>,
}

impl Task {
    /// Whether it listens to the radio.
    pub(super) fn listens(&self) -> bool {
        matches!(self.exclusive, Some(SCAN | SNIFFING))
    }

    pub(super) fn new(id: u32, origin: Origin, script: Script) -> Self {
        Task {
            id,
            origin,
            steps: script.steps,
            undo: script.undo.into(),
            otherwise: script.otherwise,
            exclusive: script.exclusive,
            doing: Doing::Next,
            outcome: None,
            is_joining: false,
            look_again: None,
            sent: Vec::new(),
            scan: Scan::default(),
            output: None,
        }
    }
}

/// Who wants it done.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::host) struct Origin {
    /// `None`: the host itself, or a client that is gone.
    pub(in crate::host) client: Option<Ticket>,
    /// If it fails, this host stays awake.
    pub(in crate::host) is_host_sleep: bool,
}

/// What a task waits for.
pub(super) enum Doing {
    /// Nothing: its next step is due.
    Next,
    Sent(Send),
    /// The answer decides what follows.
    Asked(Send, Follow),
    Waiting(Waiting),
    Pausing(Instant),
    /// The host does what only it can ([`Effect`](super::run::Effect)).
    Acting,
    /// The credentials.
    Fetching,
    /// The end of the start-up.
    Starting,
    /// The upgrade command.
    Upgrading,
    Sniffing,
    Undoing,
}
