//! The session alone: no tasks that run, no packets, no interface.

use super::*;
use crate::host::command::reply::Reply;
use crate::host::known::State;
use crate::time::Duration;
use crate::wire::ids::Status;

struct Bench {
    session: Session,
    settings: Settings,
    now: Instant,
    engine: Engine<Owner>,
    outbox: Outbox,
    stats: Stats,
    tasks: Tasks,
}

impl Bench {
    fn new(settings: Settings) -> Self {
        let mut bench = Bench {
            session: Session::new(&settings, Instant::ZERO),
            settings,
            now: Instant::ZERO,
            engine: Engine::new(0),
            outbox: Outbox::default(),
            stats: Stats::default(),
            tasks: Tasks::default(),
        };
        bench.with(Session::begin);
        bench.effects();
        bench
    }

    fn with<T>(&mut self, decide: impl FnOnce(&mut Session, &mut Ground<'_>) -> T) -> T {
        let mut ground = Ground {
            now: self.now,
            settings: &self.settings,
            engine: &mut self.engine,
            outbox: &mut self.outbox,
            stats: &mut self.stats,
            tasks: &self.tasks,
        };
        decide(&mut self.session, &mut ground)
    }

    fn effects(&mut self) -> Vec<Effect> {
        core::iter::from_fn(|| self.session.poll_effect()).collect()
    }

    /// To the next thing that is due.
    fn pass(&mut self) {
        let at = self.session.startup_timeout().unwrap();
        self.now = self.now.max(at);
        self.with(Session::startup_time);
        self.with(Session::continue_startup);
    }

    /// Answers everything that is asked with what a blank NCP says.
    fn start_up(&mut self) {
        self.pass();
        while self.session.phase() == Phase::Asking {
            let frame = self.engine.next_frame(self.now).unwrap().to_vec();
            let tid = core::num::NonZeroU8::new(frame[0] & 0x0F).unwrap();
            let asked = Command(u32::from(frame[1]));
            let mut payload = crate::wire::packed::Reader::new(&frame[2..]);
            let property = payload.uint_packed().ok().map(Property);
            let value = property.and_then(blank);
            let status = value.is_none().then_some(Status::PROP_NOT_FOUND);
            self.engine.reply(self.now, tid, status);
            let told = value.map_or(Property::LAST_STATUS, |_| property.unwrap());
            let value = value.unwrap_or(&[]);
            self.with(|session, ground| {
                session.learn(ground, told, value);
                let reply = Reply {
                    asked,
                    asked_property: property,
                    told: Command::PROP_VALUE_IS,
                    told_property: Some(told),
                    value,
                    status,
                    repeated: false,
                };
                session.startup_answered(ground, &reply);
                session.continue_startup(ground);
            });
        }
    }
}

fn blank(property: Property) -> Option<&'static [u8]> {
    Some(match property {
        Property::PROTOCOL_VERSION => &[4, 3],
        Property::NCP_VERSION => b"a version\0",
        Property::INTERFACE_TYPE => &[3],
        // CONFIG_FTD.
        Property::CAPS => &[32],
        _ => return None,
    })
}

#[test]
fn a_handshake_ends_in_readiness() {
    let mut bench = Bench::new(Settings::default());
    bench.start_up();
    assert_eq!(bench.session.known.state, State::Offline);
    let effects = bench.effects();
    assert_eq!(
        effects,
        [
            Effect::Up(false),
            Effect::Tell(Told::State),
            Effect::Ready { attaches: false }
        ]
    );
}

#[test]
fn who_never_answers_is_given_up_and_looked_for_again() {
    let mut bench = Bench::new(Settings::default());
    let mut effects = Vec::new();
    for _ in 0..20 {
        bench.pass();
        if bench.session.phase() == Phase::Asking {
            bench.with(|session, ground| session.fail_attempt(ground, "no answer"));
        }
        effects.extend(bench.effects());
        if bench.session.phase() == Phase::Fault {
            break;
        }
    }
    assert_eq!(bench.session.known.state, State::Fault);
    let failure = bench.session.fault_failure();
    assert!(effects.contains(&Effect::FailAll(failure.clone())));
    assert!(effects.contains(&Effect::FailPending(failure)));
    let began = bench.now;
    bench.pass();
    assert_eq!(bench.session.phase(), Phase::Asking, "one look");
    assert!(bench.now >= began + Duration::from_secs(30));
    assert_eq!(bench.session.known.state, State::Fault);
}

#[test]
fn a_reset_ends_what_ran_and_begins_anew() {
    let mut bench = Bench::new(Settings::default());
    bench.start_up();
    bench.effects();
    bench.with(|session, ground| session.reset_seen(ground, Status::RESET_POWER_ON));
    let effects = bench.effects();
    let [Effect::NobodyJoins, Effect::FailTasks(failure), Effect::Forgotten, rest @ ..] =
        &effects[..]
    else {
        panic!("{effects:?}");
    };
    assert_eq!(failure.code, crate::ctl::Code::Reset);
    assert_eq!(rest, [Effect::Tell(Told::State)]);
    assert_eq!(bench.stats.unexpected_resets, 1);
    assert_eq!(bench.session.known.value(Property::CAPS), None);
    bench.start_up();
    assert_eq!(bench.session.known.state, State::Offline);
}

/// A reply that a bad line swallowed is no reason for a reset, a co-processor that says nothing is.
#[test]
fn silence_alone_is_misbehaviour() {
    let mut bench = Bench::new(Settings::default());
    bench.start_up();
    bench.effects();
    let since = bench.now;
    let what = crate::host::failure::What(Command::NOOP, None);
    bench.now = since + Duration::from_secs(10);
    bench.session.heard(since + Duration::from_secs(5));
    let lost = |session: &mut Session, ground: &mut Ground<'_>| {
        session.unanswered(ground, Owner::Task(7), what, since)
    };
    assert_eq!(bench.with(lost), Some(10));
    assert_eq!(bench.effects(), []);
    bench.session.heard(since);
    assert_eq!(bench.with(lost), None);
    assert!(matches!(bench.effects()[..], [Effect::FailTask(7, _), ..]));
    assert!(matches!(bench.session.phase(), Phase::Resetting { .. }));
    assert_eq!(bench.stats.misbehaved, 1);
}

/// Without RES the RESET command is used.
#[test]
fn a_reset_line_is_asked_for_where_there_is_one() {
    let settings = Settings {
        has_hardware_reset: true,
        reset_at_start: true,
        ..Settings::default()
    };
    let mut bench = Bench::new(settings);
    assert!(bench.session.take_reset_request());
    assert!(!bench.engine.has_frame());
    bench.settings.has_hardware_reset = false;
    bench.with(Session::begin);
    assert!(!bench.session.take_reset_request());
    assert!(bench.engine.has_frame());
}
