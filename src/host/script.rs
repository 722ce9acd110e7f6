//! What a task does, as data: commands to send, things to wait for, and how to undo.
//!
//! A verb of the control socket becomes a [`Script`] once, from what is known then
//! (`host::tasks`); `host::Host` runs it. A script cannot block, loop or forget to clean up, and a
//! test can read it like a list.

use crate::ctl::{Code, Failure, Fields};
use crate::time::Duration;
use crate::wire::ids::{Command, Property, Status};
use crate::wire::packed::{Overflow, Writer};
use crate::wire::spinel::FRAME_MAX;
use std::rc::Rc;

/// The steps of one task.
#[derive(Clone, Debug, Default)]
pub struct Script {
    /// What is done, in this order.
    pub steps: std::collections::VecDeque<Step>,
    /// What is done when a step fails or a wait is in vain, errors tolerated.
    pub undo: Vec<Send>,
    /// Another way to do the same. It is gone when the co-processor refuses a step of this one, and what
    /// had been done is undone.
    pub otherwise: Option<Box<Script>>,
    /// Only one such task at a time: it changes the network's state, or listens to the radio.
    pub exclusive: Option<&'static str>,
}

impl Script {
    /// Nothing to do.
    pub fn new() -> Self {
        Script::default()
    }

    /// A script of its own kind: only one of those runs at a time. `name` is what the user is told
    /// that has to end first.
    pub fn exclusive(name: &'static str) -> Self {
        Script {
            exclusive: Some(name),
            ..Script::default()
        }
    }

    /// One step more.
    pub fn push(&mut self, step: impl Into<Step>) {
        self.steps.push_back(step.into());
    }

    /// One step more.
    #[must_use]
    pub fn then(mut self, step: impl Into<Step>) -> Self {
        self.push(step);
        self
    }

    /// If the co-processor refuses a step, this is tried; after the last way known so far.
    #[must_use]
    pub fn or_else(mut self, other: Script) -> Self {
        self.otherwise = Some(Box::new(match self.otherwise.take() {
            Some(next) => next.or_else(other),
            None => other,
        }));
        self
    }

    /// One command more to undo what was done; errors of it are tolerated.
    #[must_use]
    pub fn undone_by(mut self, send: Send) -> Self {
        self.undo.push(send);
        self
    }
}

/// One step.
#[derive(Clone, Debug)]
pub enum Step {
    /// Sends a command and waits for its reply.
    Send(Send),
    /// Sends a command, and goes on with the steps that its answer decides.
    Ask(Send, Follow),
    /// Waits for something that the co-processor tells unasked.
    Wait {
        /// What.
        until: Until,
        /// How long at the most (protocol §7.4).
        within: Duration,
        /// What is said when the time is over.
        otherwise: Failure,
    },
    /// Starts the joiner, and waits for [`Until::Joined`]. A joiner asks once on each channel, and an answer is
    /// easily missed: where nobody is found (JOIN_NO_PEERS), it looks again.
    Join {
        /// What starts it.
        start: Send,
        /// How often it looks at the most.
        looks: u8,
        /// How long one look, with the joining that follows from it, may take.
        within: Duration,
        /// What is said when that time is over.
        otherwise: Failure,
    },
    /// Like [`Step::Wait`], but when the time is over the task goes on.
    Linger {
        /// What.
        until: Until,
        /// How long at the most.
        within: Duration,
    },
    /// Resets the co-processor and waits until it is initialised again.
    Reset(Reset),
    /// Lets time pass.
    Pause(Duration),
    /// Remembers `key` and `value` in the retained credentials; `None` of a value forgets it.
    Retain(Retain),
    /// Does what only the host itself can do.
    Act(Act),
    /// Reports a row that was known beforehand.
    Row(Fields),
    /// What was done is undone by this, before all that was to be undone already.
    Undo(Send),
}

impl From<Send> for Step {
    fn from(send: Send) -> Self {
        Step::Send(send)
    }
}

impl From<Act> for Step {
    fn from(act: Act) -> Self {
        Step::Act(act)
    }
}

/// A command with its payload.
#[derive(Clone, Debug)]
pub struct Send {
    /// The command.
    pub command: Command,
    /// Its payload; for a property command the packed number of the property comes first.
    pub payload: Vec<u8>,
    /// What to do when the answer is an error.
    pub on_error: OnError,
    /// What the client is told of the answer.
    pub report: Report,
}

impl Send {
    /// A command with its payload. Its error fails the task, its answer is not reported.
    ///
    /// # Errors
    /// [`Overflow`] when the frame would be longer than [`FRAME_MAX`].
    pub fn command(
        command: Command,
        payload: impl Fn(&mut Writer<'_>) -> Result<(), Overflow>,
    ) -> Result<Self, Overflow> {
        Send::write(command, None, &payload)
    }

    /// `property` comes before what `payload` writes. Not made anew for each of the many callers, as a generic
    /// function would be.
    fn write(
        command: Command,
        property: Option<Property>,
        payload: &dyn Fn(&mut Writer<'_>) -> Result<(), Overflow>,
    ) -> Result<Self, Overflow> {
        let mut buf = [0; PAYLOAD_MAX];
        let mut writer = Writer::new(&mut buf);
        if let Some(property) = property {
            writer.uint_packed(property.0)?;
        }
        payload(&mut writer)?;
        Ok(Send {
            payload: writer.written().to_vec(),
            ..Send::bare(command)
        })
    }

    /// Asks whether the co-processor is there.
    pub fn noop() -> Self {
        Send::bare(Command::NOOP)
    }

    /// A command without a payload.
    pub fn bare(command: Command) -> Self {
        Send {
            command,
            payload: Vec::new(),
            on_error: OnError::Fail,
            report: Report::Nothing,
        }
    }

    /// PROP_VALUE_GET, reported by the property's signature.
    ///
    /// # Errors
    /// [`Overflow`] when the property's number has no encoding.
    pub fn get(property: Property) -> Result<Self, Overflow> {
        let get = Send::property(Command::PROP_VALUE_GET, property, |_| Ok(()))?;
        Ok(get.reporting(Report::Property(property)))
    }

    /// PROP_VALUE_SET of what `value` writes.
    ///
    /// # Errors
    /// As [`Send::command`].
    pub fn set(
        property: Property,
        value: impl Fn(&mut Writer<'_>) -> Result<(), Overflow>,
    ) -> Result<Self, Overflow> {
        Send::property(Command::PROP_VALUE_SET, property, value)
    }

    /// PROP_VALUE_INSERT of the item that `item` writes, without the length of its structure.
    ///
    /// # Errors
    /// As [`Send::command`].
    pub fn insert(
        property: Property,
        item: impl Fn(&mut Writer<'_>) -> Result<(), Overflow>,
    ) -> Result<Self, Overflow> {
        Send::property(Command::PROP_VALUE_INSERT, property, item)
    }

    /// PROP_VALUE_REMOVE of the item whose key `item` writes.
    ///
    /// # Errors
    /// As [`Send::command`].
    pub fn remove(
        property: Property,
        item: impl Fn(&mut Writer<'_>) -> Result<(), Overflow>,
    ) -> Result<Self, Overflow> {
        Send::property(Command::PROP_VALUE_REMOVE, property, item)
    }

    /// A command that concerns one property: its number, then what `value` writes.
    ///
    /// # Errors
    /// As [`Send::command`].
    pub fn property(
        command: Command,
        property: Property,
        value: impl Fn(&mut Writer<'_>) -> Result<(), Overflow>,
    ) -> Result<Self, Overflow> {
        Send::write(command, Some(property), &value)
    }

    /// The same, with this done on an error.
    #[must_use]
    pub fn on_error(self, on_error: OnError) -> Self {
        Send { on_error, ..self }
    }

    /// The same, with its answer reported so.
    #[must_use]
    pub fn reporting(self, report: Report) -> Self {
        Send { report, ..self }
    }
}

impl From<Overflow> for Failure {
    fn from(_: Overflow) -> Self {
        Failure::new(
            Code::Usage,
            format!("the value does not fit into a frame of {FRAME_MAX} octets: shorten it"),
        )
    }
}

/// What follows from the answer to a command: its value (of a property command, what follows the
/// property's number), or its status if that is an error.
#[derive(Clone)]
pub struct Follow(Rc<FollowFn>);

type FollowFn = dyn Fn(Result<&[u8], Status>) -> Result<Vec<Step>, Failure>;

impl Follow {
    /// What `decide` says.
    pub fn new(
        decide: impl Fn(Result<&[u8], Status>) -> Result<Vec<Step>, Failure> + 'static,
    ) -> Self {
        Follow(Rc::new(decide))
    }

    /// The steps that come before all that are left.
    ///
    /// # Errors
    /// Why the task fails.
    pub fn steps(&self, answer: Result<&[u8], Status>) -> Result<Vec<Step>, Failure> {
        (self.0)(answer)
    }
}

impl core::fmt::Debug for Follow {
    /// What it decides with may be a key.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Follow")
    }
}

/// What to do when the answer to a command is an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnError {
    /// The task fails.
    Fail,
    /// Goes on.
    Tolerate,
    /// Goes on if it was so already ([`Status::is_done_already`](crate::wire::ids::Status)).
    TolerateAlready,
    /// Goes on behind the next step, which makes sense after a success only.
    SkipNext,
    /// The next step is the older way to do the same. It is done if the firmware does not have this
    /// one, and left out after a success; any other error fails.
    OrElse,
}

/// What the client is told of an answer.
#[derive(Clone, Copy, Debug)]
pub enum Report {
    /// Nothing.
    Nothing,
    /// `name=value`, by the property's signature; of INSERTED and REMOVED, by that of an item
    /// (`host::tasks::property_row`).
    Property(Property),
    /// The rows that the function makes of the value's octets (for a property command, what follows
    /// the property's number; for another command, the whole payload).
    Rows(fn(&[u8]) -> Vec<Fields>),
    /// `name` and `value` of a counter of 32 bits.
    Counter(Property),
    /// Whether the task goes on at all is decided by the value.
    Judged(Judge),
}

/// Who decides by a value whether a task goes on, where the co-processor does not tell it unasked.
#[derive(Clone, Copy, Debug)]
pub struct Judge {
    /// What the value's octets mean.
    pub verdict: fn(&[u8]) -> Verdict,
    /// The pause before the command is sent again.
    pub every: Duration,
    /// How often it is sent again at the most.
    pub times: u8,
    /// What is said after that, with [`Code::Timeout`].
    pub otherwise: &'static str,
}

/// What a [`Judge`] says.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// The task goes on; these rows are reported.
    Over(Vec<Fields>),
    /// It is not decided yet.
    Again,
    /// The task fails.
    Failed(Failure),
}

/// What a task waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// Attached: role child, router or leader. A JOIN_* status, or the stack going down, fails.
    Associated,
    /// LAST_STATUS JOIN_SUCCESS; any other JOIN_* fails.
    Joined,
    /// The scan's end. Results are reported as rows; `within` counts from the last event.
    ScanEnds,
    /// An unsolicited empty NET_LEAVE_GRACEFULLY.
    Left,
    /// An unsolicited value of this property, which is reported by its signature.
    Value(Property),
    /// The end of a command of OpenThread's command line, after [`Act::CommandLine`]. Its lines are reported as
    /// rows; `within` counts from the last piece.
    CommandEnds,
}

/// How the co-processor is reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reset {
    /// The RESET command, with its type octet (protocol §1.3: 1 platform, 2 stack, 3 bootloader) or
    /// none.
    Soft(Option<u8>),
    /// The RES line where there is one; the RESET command else.
    Hard,
}

/// Something to keep over a factory reset of the co-processor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Retain {
    /// The active dataset as it is now.
    Network,
    /// Nothing any more.
    Forget,
}

/// What only the host itself can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// The state becomes DEEP_SLEEP.
    FallAsleep {
        /// The stack ran before, and is to run again when the sleep is over, whatever ends it.
        was_up: bool,
    },
    /// The state is found out again.
    WakeUp,
    /// The data path lets insecure packets of joining devices pass, for so long; zero ends it.
    PermitJoin(Duration, u16),
    /// The joining is our own: packets go over the insecure stream until the task ends.
    Joining,
    /// What STREAM_CLI tells from now on is the answer to this task's command.
    CommandLine,
    /// Raw frames are reported as rows to the client until it goes away.
    Sniff,
    /// Closes the transport, runs the upgrade command, and starts over (protocol §7.12).
    Upgrade,
}

/// What [`FRAME_MAX`] leaves for the payload behind header and command; no command that is sent here
/// has a number of two octets (protocol §1.3).
const PAYLOAD_MAX: usize = FRAME_MAX - 2;
