//! Every short sequence of events from every situation that the host can be in: afterwards everyone
//! behaves, and the host has to come to rest, with one end for each request.

mod bench;
mod coprocessor;

use crate::network;
use crate::scan;
use bench::Bench;
use coprocessor::{split, update};
use coprocessor::{ASSISTING_PORTS, MAC_SCAN_STATE, MCU_POWER_STATE, RAW_STREAM};
use coprocessor::{NET_IF_UP, NET_ROLE, NET_SAVED, NET_STACK_UP};
use spinel_bridge::bridge::Upper;
use spinel_bridge::ctl::request::ResetKind;
use spinel_bridge::ctl::{Answer, Request};
use spinel_bridge::host::known::State;
use spinel_bridge::host::{Service, ServiceDone, Settings};
use spinel_bridge::time::Duration;
use spinel_bridge::wire::ids::Property;
use std::panic::{catch_unwind, AssertUnwindSafe};

/// Where a sequence begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Situation {
    New,
    Resetting,
    ResettingByLine,
    /// With a client that waits for the end of the start-up.
    Waited,
    /// The question for this property has no answer yet.
    Asking(u32),
    /// The settings are being applied.
    Applying,
    Checking,
    Retrying,
    Upgrading,
    Offline,
    Associated,
    Commissioned,
    Resuming,
    Getting,
    Scanning,
    Forming,
    Joining,
    JoiningByPassphrase,
    Undoing,
    Permitting,
    SniffingSoon,
    Sniffing,
    FallingAsleep,
    Asleep,
    AsleepWithPermission,
    Waking,
    HostAsleep,
    Leaving,
    Fault,
    Gone,
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    Ask(Verb),
    /// The oldest command is answered as it is meant.
    Answer,
    /// All of them, and what follows from them.
    Serve,
    /// The oldest command is answered with a status.
    Refuse(u8),
    /// The oldest command is answered with another property.
    AnswerOther,
    /// The oldest command is answered with nothing.
    AnswerEmpty,
    /// LAST_STATUS, unasked.
    Status(u8),
    /// A value, unasked, of one octet. It is so from now on.
    Value(u32, u8),
    /// NCP_VERSION, unasked.
    Version,
    Hint,
    Checked(bool),
    Upgraded(bool),
    Lost,
    Opened,
    /// The client that waits longest is gone.
    Leave,
    /// Time passes to the next timer, without an answer.
    Deadline,
    /// 70 s without an answer.
    Silence,
    /// 70 s with all answers.
    Minute,
}

/// One for each way in which requests are admitted or done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Status,
    Get,
    Set,
    Form,
    Join,
    Joiner,
    JoinerStop,
    Attach,
    Leave,
    Scan,
    ScanStop,
    Permit,
    Forbid,
    Soft,
    Hard,
    Bootloader,
    Factory,
    Sleep,
    Wake,
    HostSleep,
    HostDidWake,
    Sniff,
    Upgrade,
}

impl Verb {
    fn request(self) -> Request {
        let permit = |period| Request::PermitJoin { period, port: 0 };
        match self {
            Verb::Status => Request::Status,
            Verb::Get => Request::Get(Property::NET_ROLE),
            Verb::Set => Request::Set(Property::PHY_TX_POWER, vec![4]),
            Verb::Form => Request::Form(network()),
            Verb::Join => Request::Join(network()),
            Verb::Joiner => Request::JoinerStart {
                pskd: "J01NME".into(),
                provisioning_url: String::new(),
            },
            Verb::JoinerStop => Request::JoinerStop,
            Verb::Attach => Request::Attach,
            Verb::Leave => Request::Leave,
            Verb::Scan => scan(),
            Verb::ScanStop => Request::ScanStop,
            Verb::Permit => permit(Duration::from_secs(60)),
            Verb::Forbid => permit(Duration::ZERO),
            Verb::Soft => Request::Reset(ResetKind::Soft),
            Verb::Hard => Request::Reset(ResetKind::Hard),
            Verb::Bootloader => Request::Reset(ResetKind::Bootloader),
            Verb::Factory => Request::Reset(ResetKind::Factory),
            Verb::Sleep => Request::Sleep,
            Verb::Wake => Request::Wake,
            Verb::HostSleep => Request::HostSleep,
            Verb::HostDidWake => Request::HostDidWake,
            Verb::Sniff => Request::Sniff {
                channel: None,
                promiscuous: true,
            },
            Verb::Upgrade => Request::Upgrade,
        }
    }
}

fn settings(situation: Situation) -> Settings {
    Settings {
        has_hardware_reset: situation == Situation::ResettingByLine,
        reset_at_start: matches!(situation, Situation::Resetting | Situation::ResettingByLine),
        check_firmware: situation == Situation::Checking,
        has_upgrade_command: true,
        auto_upgrade: false,
        reapply: match situation {
            Situation::Applying => vec![(Property::PHY_TX_POWER, vec![8])],
            _ => Vec::new(),
        },
        ..Settings::default()
    }
}

fn begin(situation: Situation) -> Bench {
    let mut bench = Bench::new(settings(situation));
    match situation {
        Situation::Associated
        | Situation::Permitting
        | Situation::AsleepWithPermission
        | Situation::Leaving => {
            for (property, value) in [(NET_STACK_UP, 1), (NET_IF_UP, 1), (NET_SAVED, 1)] {
                bench.coprocessor.set(property, &[value]);
            }
            bench.coprocessor.set(NET_ROLE, &[2]);
        }
        Situation::Commissioned | Situation::Resuming => bench.coprocessor.set(NET_SAVED, &[1]),
        Situation::Fault => bench.coprocessor.set(3, &[2]),
        _ => {}
    }
    match situation {
        Situation::New | Situation::Resetting | Situation::ResettingByLine => return bench,
        Situation::Waited => {
            bench.request(Verb::Get.request());
            return bench;
        }
        Situation::Asking(property) => {
            until(&mut bench, |asked| {
                asked[1] == 2 && split(asked).0 == property
            });
            return bench;
        }
        Situation::Applying => {
            until(&mut bench, |asked| asked[1] == 3);
            return bench;
        }
        Situation::Resuming => {
            until(&mut bench, |asked| asked[1..] == [3, 66, 1]);
            return bench;
        }
        Situation::Retrying => {
            bench.deadline();
            refuse(&mut bench, 1);
            return bench;
        }
        _ => {}
    }
    bench.pass(Duration::from_secs(1), true);
    match situation {
        Situation::Getting => ask(&mut bench, Verb::Get),
        Situation::Scanning => {
            ask_and_serve(&mut bench, Verb::Scan, |asked| asked.get(2) == Some(&48))
        }
        Situation::Forming => {
            ask_and_serve(&mut bench, Verb::Form, |asked| asked[1..] == [3, 66, 1])
        }
        Situation::Joining | Situation::Undoing => {
            ask_and_serve(&mut bench, Verb::Join, |asked| asked[1..] == [3, 66, 1]);
        }
        Situation::JoiningByPassphrase => {
            ask_and_serve(&mut bench, Verb::Joiner, |asked| {
                asked[1..].starts_with(&[3, 0x81, 1])
            });
        }
        Situation::Permitting => {
            ask(&mut bench, Verb::Permit);
            bench.serve();
        }
        Situation::SniffingSoon => ask(&mut bench, Verb::Sniff),
        Situation::Sniffing => {
            ask(&mut bench, Verb::Sniff);
            bench.serve();
        }
        Situation::FallingAsleep => {
            ask(&mut bench, Verb::Sleep);
            bench.serve();
        }
        Situation::Asleep | Situation::Waking => {
            ask(&mut bench, Verb::Sleep);
            bench.pass(Duration::from_secs(1), true);
        }
        Situation::AsleepWithPermission => {
            ask(&mut bench, Verb::Permit);
            bench.serve();
            ask(&mut bench, Verb::Sleep);
            bench.pass(Duration::from_secs(1), true);
        }
        Situation::HostAsleep => {
            ask(&mut bench, Verb::HostSleep);
            bench.serve();
        }
        Situation::Leaving => ask(&mut bench, Verb::Leave),
        Situation::Upgrading => ask(&mut bench, Verb::Upgrade),
        Situation::Gone => bench.lose_transport(),
        Situation::Fault => bench.coprocessor.set(3, &[3]),
        _ => {}
    }
    match situation {
        Situation::Undoing => {
            // STACK_UP is taken back first.
            bench.coprocessor.told.clear();
            bench.deliver(&[0x80, 6, 0, 105]);
        }
        Situation::Waking => ask(&mut bench, Verb::Wake),
        _ => {}
    }
    bench
}

fn ask(bench: &mut Bench, verb: Verb) {
    bench.request(verb.request());
}

/// Answers until this is asked, which gets an answer, too; nothing is told.
fn ask_and_serve(bench: &mut Bench, verb: Verb, last: fn(&[u8]) -> bool) {
    ask(bench, verb);
    until(bench, last);
    let answer = bench.coprocessor.answer().expect("a question");
    bench.deliver(&answer);
    bench.coprocessor.told.clear();
}

/// Answers until this is asked.
fn until(bench: &mut Bench, last: impl Fn(&[u8]) -> bool) {
    for _ in 0..200 {
        if bench
            .coprocessor
            .asked
            .front()
            .is_some_and(|asked| last(asked))
        {
            return;
        }
        match bench.coprocessor.answer() {
            Some(answer) => bench.deliver(&answer),
            None => bench.deadline(),
        }
    }
    panic!("it is never asked");
}

fn refuse(bench: &mut Bench, status: u8) {
    if let Some(asked) = bench.coprocessor.asked.pop_front() {
        bench.coprocessor.has_lied = true;
        bench.deliver(&[asked[0], 6, 0, status]);
    }
}

fn apply(bench: &mut Bench, event: Event) {
    match event {
        Event::Ask(verb) => ask(bench, verb),
        Event::Answer => {
            if let Some(answer) = bench.coprocessor.answer() {
                bench.deliver(&answer);
            }
        }
        Event::Serve => bench.serve(),
        Event::Refuse(status) => refuse(bench, status),
        Event::AnswerOther => {
            if let Some(asked) = bench.coprocessor.asked.pop_front() {
                bench.coprocessor.has_lied = true;
                bench.deliver(&[asked[0], 6, 33, 11]);
            }
        }
        Event::AnswerEmpty => {
            if let Some(asked) = bench.coprocessor.asked.pop_front() {
                let len = asked.len() - split(&asked).1.len();
                bench.coprocessor.has_lied = true;
                bench.deliver(&[&[asked[0], 6], &asked[2..len]].concat());
            }
        }
        Event::Status(status) => {
            if status >= 112 {
                bench.coprocessor.forget();
            }
            bench.deliver(&[0x80, 6, 0, status]);
        }
        Event::Value(property, value) => {
            for (property, value) in bench.coprocessor.becomes(property, value) {
                bench.deliver(&update(property, &[value]));
            }
        }
        Event::Version => {
            bench.coprocessor.set(2, b"T\0");
            bench.deliver(&update(2, b"T\0"));
        }
        Event::Hint => {
            bench.host.slave_was_reset();
        }
        Event::Checked(upgrade) => bench.service_done(ServiceDone::FirmwareChecked { upgrade }),
        Event::Upgraded(ok) => bench.service_done(ServiceDone::Upgraded { ok }),
        Event::Lost => bench.lose_transport(),
        Event::Opened => bench.open_transport(),
        Event::Leave => bench.leave(),
        Event::Deadline => bench.deadline(),
        Event::Silence => bench.pass(Duration::from_secs(70), false),
        Event::Minute => bench.pass(Duration::from_secs(70), true),
    }
}

/// Everyone behaves: all that was asked for has an end, and the host rests.
fn end(bench: &mut Bench) {
    if bench.is_gone {
        bench.open_transport();
    }
    let listens = |(ticket, request): (&u64, &Request)| {
        matches!(request, Request::Sniff { .. }).then_some(*ticket)
    };
    let listeners: Vec<u64> = bench.open.iter().filter_map(listens).collect();
    for ticket in listeners {
        bench.cancel(ticket);
    }
    settle(bench);
    // Who puts it to sleep waits for silence.
    bench.pass(Duration::from_secs(1), true);
    match bench.host.known().state {
        State::Fault => ask(bench, Verb::Soft),
        State::DeepSleep => ask(bench, Verb::Wake),
        _ => {}
    }
    settle(bench);
    // Letting devices join ends, and what was to be asked again is asked.
    bench.pass(Duration::from_secs(70), true);
    rests(bench);
    takes_everything(bench);
}

fn settle(bench: &mut Bench) {
    for _ in 0..100 {
        while let Some(service) = bench.services.first() {
            bench.service_done(match service {
                Service::CheckFirmware { .. } => ServiceDone::FirmwareChecked { upgrade: false },
                _ => ServiceDone::Upgraded { ok: true },
            });
        }
        bench.serve();
        let state = bench.host.known().state;
        let rests = state.is_initialized() || matches!(state, State::Fault | State::DeepSleep);
        if bench.open.is_empty() && bench.services.is_empty() && rests {
            return;
        }
        bench.pass(Duration::from_secs(5), true);
    }
    panic!("no end: {:?}: {:?}", bench.host.known().state, bench.open);
}

/// It knows what is so, wants nothing, and says so once a minute.
fn rests(bench: &mut Bench) {
    let state = bench.host.known().state;
    assert!(state.is_initialized(), "it ends {state}");
    let is = |property| bench.coprocessor.flag(property) != 0;
    let (is_up, is_saved) = (is(NET_STACK_UP), is(NET_SAVED));
    let is_attached = matches!(bench.coprocessor.flag(NET_ROLE), 1..=3);
    if !bench.coprocessor.has_lied {
        let fits = match state {
            State::Offline => !is_up && !is_attached && !is_saved,
            State::Commissioned => !is_up && !is_attached && is_saved,
            State::Associated => is_attached,
            _ => is_up && !is_attached,
        };
        let values = (is_up, is_attached, is_saved);
        assert!(fits, "{state}, where (up, attached, saved) is {values:?}");
        let is_open = matches!(
            state,
            State::Associated | State::Isolated | State::CredentialsNeeded
        );
        let is_open = is_open && is(NET_IF_UP);
        assert_eq!(bench.interface_is_up, is_open, "the interface: {state}");
        assert!(!is(MCU_POWER_STATE), "it sleeps");
    }
    if !bench.coprocessor.has_lied && !bench.coprocessor.has_missed {
        assert!(!is(RAW_STREAM), "it listens, and nobody wants to know");
        assert!(!is(ASSISTING_PORTS), "devices may still join");
    }
    let takes_packets = !bench.host.input().is_empty();
    assert!(takes_packets || bench.host_sleeps, "no packet is taken");
    bench.frames.clear();
    bench.pass(Duration::from_secs(10 * 60), true);
    let is_noop = |frame: &Vec<u8>| frame[1..] == [0];
    assert!(
        bench.frames.len() <= 10 && bench.frames.iter().all(is_noop),
        "it does not rest: {:02X?}",
        bench.frames
    );
}

/// Nothing is left that is in the way of others.
fn takes_everything(bench: &mut Bench) {
    let woken = bench.request(Request::HostDidWake);
    bench.serve();
    assert_eq!(bench.last_end, Some((woken, Answer::Done)));
    assert!(!bench.host.input().is_empty(), "no packet is taken, awake");
    for _ in 0..32 {
        ask(bench, Verb::Get);
    }
    assert_eq!(
        bench.open.len(),
        32,
        "not all are taken: {:?}",
        bench.last_end
    );
    bench.serve();
    assert!(bench.open.is_empty(), "{:?}", bench.open);
    let scanned = bench.request(scan());
    bench.serve();
    assert_eq!(bench.last_end, Some((scanned, Answer::Done)));
}

/// One sequence. What a failure prints can be pasted as a test.
fn explore(situation: Situation, events: &[Event]) {
    let mut bench = begin(situation);
    for event in events {
        apply(&mut bench, *event);
    }
    end(&mut bench);
}

/// Every sequence of two events, and every sequence of three out of fewer.
fn explore_all(situations: &[Situation]) {
    let mut failures = Vec::new();
    let mut note = |situation: Situation, events: &[Event]| {
        let explored = AssertUnwindSafe(|| explore(situation, events));
        if let Err(panic) = catch_unwind(explored) {
            let why = panic.downcast_ref::<String>().cloned();
            let why = why.or(panic.downcast_ref::<&str>().map(|why| (*why).into()));
            let why = why.unwrap_or_default();
            failures.push(format!("explore({situation:?}, &{events:?}); // {why}"));
        }
    };
    for situation in situations {
        for first in EVENTS {
            for second in EVENTS {
                note(*situation, &[*first, *second]);
            }
        }
        for first in FEWER {
            for second in FEWER {
                for third in FEWER {
                    note(*situation, &[*first, *second, *third]);
                }
            }
        }
    }
    let shown = failures.iter().take(SHOWN).cloned().collect::<Vec<_>>();
    assert!(
        failures.is_empty(),
        "{} sequences fail:\n{}",
        failures.len(),
        shown.join("\n")
    );
}

#[test]
fn every_two_events_during_the_start_up() {
    explore_all(&[
        Situation::New,
        Situation::Resetting,
        Situation::ResettingByLine,
        Situation::Waited,
        Situation::Asking(1),
        Situation::Asking(2),
        Situation::Asking(5),
    ]);
}

#[test]
fn every_two_events_towards_the_end_of_the_start_up() {
    explore_all(&[
        Situation::Asking(NET_STACK_UP),
        Situation::Asking(NET_ROLE),
        Situation::Asking(RLOC16),
        Situation::Applying,
        Situation::Checking,
        Situation::Retrying,
        Situation::Upgrading,
        Situation::Fault,
        Situation::Gone,
    ]);
}

#[test]
fn every_two_events_while_it_is_ready() {
    explore_all(&[
        Situation::Offline,
        Situation::Associated,
        Situation::Commissioned,
        Situation::Resuming,
        Situation::Getting,
        Situation::HostAsleep,
        Situation::Permitting,
    ]);
}

#[test]
fn every_two_events_during_a_task() {
    explore_all(&[
        Situation::Scanning,
        Situation::Forming,
        Situation::Joining,
        Situation::JoiningByPassphrase,
        Situation::Undoing,
        Situation::Leaving,
        Situation::SniffingSoon,
        Situation::Sniffing,
    ]);
}

#[test]
fn every_two_events_around_a_sleep() {
    explore_all(&[
        Situation::FallingAsleep,
        Situation::Asleep,
        Situation::AsleepWithPermission,
        Situation::Waking,
    ]);
}

const EVENTS: &[Event] = &[
    Event::Ask(Verb::Status),
    Event::Ask(Verb::Get),
    Event::Ask(Verb::Set),
    Event::Ask(Verb::Form),
    Event::Ask(Verb::Join),
    Event::Ask(Verb::Joiner),
    Event::Ask(Verb::JoinerStop),
    Event::Ask(Verb::Attach),
    Event::Ask(Verb::Leave),
    Event::Ask(Verb::Scan),
    Event::Ask(Verb::ScanStop),
    Event::Ask(Verb::Permit),
    Event::Ask(Verb::Forbid),
    Event::Ask(Verb::Soft),
    Event::Ask(Verb::Hard),
    Event::Ask(Verb::Bootloader),
    Event::Ask(Verb::Factory),
    Event::Ask(Verb::Sleep),
    Event::Ask(Verb::Wake),
    Event::Ask(Verb::HostSleep),
    Event::Ask(Verb::HostDidWake),
    Event::Ask(Verb::Sniff),
    Event::Ask(Verb::Upgrade),
    Event::Answer,
    Event::Serve,
    // FAILURE, IN_PROGRESS, NOMEM, BUSY.
    Event::Refuse(1),
    Event::Refuse(10),
    Event::Refuse(11),
    Event::Refuse(12),
    Event::AnswerOther,
    Event::AnswerEmpty,
    // DROPPED, JOIN_FAILURE, JOIN_SUCCESS, RESET_POWER_ON, RESET_CRASH.
    Event::Status(14),
    Event::Status(104),
    Event::Status(109),
    Event::Status(112),
    Event::Status(116),
    Event::Value(NET_STACK_UP, 0),
    Event::Value(NET_STACK_UP, 1),
    Event::Value(NET_ROLE, 0),
    Event::Value(NET_ROLE, 1),
    Event::Value(NET_SAVED, 0),
    Event::Value(NET_SAVED, 1),
    Event::Value(NET_IF_UP, 0),
    Event::Value(NET_IF_UP, 1),
    Event::Value(MCU_POWER_STATE, 0),
    Event::Value(MAC_SCAN_STATE, 0),
    Event::Version,
    Event::Hint,
    Event::Checked(false),
    Event::Checked(true),
    Event::Upgraded(true),
    Event::Upgraded(false),
    Event::Lost,
    Event::Opened,
    Event::Leave,
    Event::Deadline,
    Event::Silence,
    Event::Minute,
];

/// Those that lead from one situation to another.
const FEWER: &[Event] = &[
    Event::Ask(Verb::Get),
    Event::Answer,
    Event::Refuse(12),
    Event::Status(104),
    Event::Status(109),
    Event::Status(112),
    Event::Lost,
    Event::Leave,
    Event::Deadline,
];

/// THREAD_RLOC16: the last question.
const RLOC16: u32 = 5377;
/// Failures that are printed.
const SHOWN: usize = 40;
