//! Tasks alone: no session, no co-processor.

use super::*;
use crate::host::command::wait::Told;
use crate::host::known::State;
use crate::wire::ids::Status;

/// What stands on the desk, in virtual time.
struct Bench {
    tasks: Tasks,
    now: Instant,
    known: Known,
    is_awake: bool,
    engine: Engine<Owner>,
    outbox: Outbox,
}

impl Bench {
    fn new() -> Self {
        let mut engine = Engine::new(0);
        engine.set_one_at_a_time(Instant::ZERO, false);
        Bench {
            tasks: Tasks::default(),
            now: Instant::ZERO,
            known: Known::new(),
            is_awake: true,
            engine,
            outbox: Outbox::default(),
        }
    }

    fn with(&mut self, go_on: impl FnOnce(&mut Tasks, &mut Desk<'_>)) {
        let mut desk = Desk {
            now: self.now,
            known: &self.known,
            is_awake: self.is_awake,
            is_ready: true,
            retains: true,
            engine: &mut self.engine,
            outbox: &mut self.outbox,
        };
        go_on(&mut self.tasks, &mut desk);
    }

    /// For the client 1.
    fn spawn(&mut self, script: Script) -> u32 {
        let origin = Origin {
            client: Some(Ticket(1)),
            is_host_sleep: false,
        };
        self.with(|tasks, desk| tasks.spawn(origin, script, desk));
        self.tasks.last_id
    }

    fn answered(&mut self, id: u32, asked: Command, property: Property, status: Option<Status>) {
        let reply = Reply {
            asked,
            asked_property: Some(property),
            told: Command::PROP_VALUE_IS,
            told_property: Some(status.map_or(property, |_| Property::LAST_STATUS)),
            value: &[1],
            status,
            repeated: false,
        };
        self.with(|tasks, desk| tasks.answered(id, &reply, desk));
    }

    /// Command and payload of each frame that goes out.
    fn sent(&mut self) -> Vec<Vec<u8>> {
        let mut frames = Vec::new();
        while let Some(frame) = self.engine.next_frame(self.now) {
            frames.push(frame[1..].to_vec());
        }
        frames
    }

    fn effects(&mut self) -> Vec<Effect> {
        core::iter::from_fn(|| self.tasks.poll_effect()).collect()
    }

    fn answers(&mut self) -> Vec<Answer> {
        core::iter::from_fn(|| self.outbox.poll_answer())
            .map(|(_, answer)| answer)
            .collect()
    }
}

const SET: Command = Command::PROP_VALUE_SET;

fn set(property: Property, on: bool) -> Send {
    Send::set(property, |value| value.boolean(on)).unwrap()
}

#[test]
fn what_was_written_is_handed_up_and_the_client_answered() {
    let mut bench = Bench::new();
    let id = bench.spawn(Script::new().then(set(Property::NET_IF_UP, true)));
    assert_eq!(bench.sent(), [[3, 0x41, 1]]);
    assert_eq!(bench.effects(), []);
    bench.answered(id, SET, Property::NET_IF_UP, None);
    assert_eq!(
        bench.effects(),
        [Effect::Wrote(SET, Property::NET_IF_UP, vec![1])]
    );
    assert_eq!(bench.answers(), [Answer::Done]);
}

#[test]
fn what_fails_is_undone_before_it_is_told() {
    let mut bench = Bench::new();
    let script = Script::new()
        .then(set(Property::NET_STACK_UP, true))
        .undone_by(set(Property::NET_IF_UP, false));
    let id = bench.spawn(script);
    bench.sent();
    let refused = Some(Status::INVALID_STATE);
    bench.answered(id, SET, Property::NET_STACK_UP, refused);
    assert_eq!(bench.sent(), [[3, 0x41, 0]]);
    assert_eq!(bench.answers(), []);
    bench.answered(id, SET, Property::NET_IF_UP, None);
    assert!(matches!(&bench.answers()[..], [Answer::Failed(_)]));
    assert!(bench.tasks.list.is_empty());
}

/// Whoever sleeps would be woken by it.
#[test]
fn nothing_is_undone_at_a_co_processor_that_sleeps() {
    let mut bench = Bench::new();
    let script = Script::new()
        .then(set(Property::NET_STACK_UP, true))
        .undone_by(set(Property::NET_IF_UP, false));
    let id = bench.spawn(script);
    bench.sent();
    bench.is_awake = false;
    bench.with(|tasks, desk| tasks.undo_id(id, failure::too_many(), desk));
    assert!(bench.sent().is_empty());
    assert_eq!(bench.answers().len(), 1);
}

#[test]
fn a_reset_is_waited_for_and_ends_the_others_alone() {
    let mut bench = Bench::new();
    bench.spawn(Script::new().then(set(Property::NET_IF_UP, true)));
    bench.sent();
    let script = Script::new()
        .then(Step::Reset(Reset::Hard))
        .then(set(Property::NET_STACK_UP, true));
    let id = bench.spawn(script);
    assert_eq!(bench.effects(), [Effect::Reset(id, Reset::Hard)]);
    let failure = failure::reset("a test");
    bench.with(|tasks, desk| tasks.fail(&failure, desk));
    assert_eq!(bench.answers(), [Answer::Failed(failure.clone())]);
    // Even FAULT is no reason to fail a task that led there.
    bench.with(|tasks, desk| tasks.fail_all(&failure, desk));
    assert_eq!(bench.answers(), []);
    bench.with(|tasks, desk| tasks.acted(id, Acted::Starting, desk));
    assert!(bench.sent().is_empty(), "it is not initialised yet");
    bench.with(|tasks, desk| tasks.fail(&failure, desk));
    bench.with(Tasks::ready);
    assert_eq!(bench.sent(), [[3, 0x42, 1]]);
}

#[test]
fn a_wait_hears_the_state_and_is_in_vain_in_time() {
    let mut bench = Bench::new();
    let wait = Step::Wait {
        until: Until::Associated,
        within: Duration::from_secs(60),
        otherwise: failure::too_many(),
    };
    bench.spawn(Script::new().then(wait.clone()));
    bench.spawn(Script::new().then(wait.clone()));
    bench.with(|tasks, desk| tasks.tell(Told::State, desk));
    assert_eq!(bench.answers(), []);
    bench.now = Instant::from_millis(60_000);
    bench.with(Tasks::handle_time);
    assert_eq!(bench.answers().len(), 2);
    bench.spawn(Script::new().then(wait));
    bench.known.state = State::Associated;
    bench.with(|tasks, desk| tasks.tell(Told::State, desk));
    assert_eq!(bench.answers(), [Answer::Done]);
}
