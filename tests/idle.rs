//! What the program costs while there is nothing to do, and how fast it is without INT.
//!
//! All cases are measured at the same time, for longer than the ten seconds in which one wakeup is
//! allowed; each test then looks at its own.

mod process;

use process::*;
use std::fmt;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

/// How long is measured.
const PERIOD: Duration = Duration::from_secs(11);

/// At most one wakeup in 10 s: a period of 11 s sees two at the most.
const WAKEUPS_MAX: u64 = 2;

/// 1 % of a processor.
const CPU_MAX: Duration = Duration::from_millis(110);

#[test]
fn pty_with_a_client_that_says_nothing_sleeps() {
    measured().pty_with_client.assert_asleep();
}

#[test]
fn pty_that_never_had_a_client_sleeps() {
    measured().pty_without_client.assert_asleep();
}

#[test]
fn pty_whose_client_left_sleeps() {
    measured().pty_left.assert_asleep();
}

#[test]
fn stdio_that_is_held_open_sleeps() {
    measured().stdio.assert_asleep();
}

#[test]
fn raw_socket_sleeps() {
    measured().raw.assert_asleep();
}

#[test]
fn answer_that_never_comes_lets_it_sleep_in_the_end() {
    // 5 s at one look at INT every 30 ms, then rest.
    let case = &measured().unanswered;
    case.assert_cheap();
    assert!(case.wakeups < 250, "{case}");
}

#[test]
fn client_that_does_not_read_is_waited_for_cheaply() {
    // A frame waits for a co-processor that waits for us: it is offered every 33 ms.
    for case in [&measured().stdio_full, &measured().pty_full] {
        case.assert_cheap();
        assert!(case.wakeups < 400, "{case}");
    }
}

#[test]
fn dead_co_processor_is_cheap() {
    measured().dead.assert_cheap();
    measured().dead_no_reset.assert_cheap();
}

#[test]
fn dead_co_processor_is_cheap_with_all_buffers_full() {
    measured().dead_full.assert_cheap();
}

#[test]
fn stuck_interrupt_is_cheap() {
    measured().stuck_interrupt.assert_cheap();
}

#[test]
fn polling_without_interrupt_wakes_thirty_times_a_second() {
    let case = &measured().no_interrupt;
    case.assert_cheap();
    // 11 s / 33 ms = 333; fewer where the machine has no time for us.
    assert!((150..=360).contains(&case.wakeups), "{case}");
}

#[test]
fn end_of_input_costs_nothing() {
    // A silent co-processor; a reader that does not read. Both take the time that is granted.
    for case in &measured().ended {
        assert!(case.cpu <= Duration::from_millis(50), "{case}");
        assert!(case.wakeups < 100, "{case}");
    }
}

#[test]
fn latency_without_interrupt() {
    let measured = measured();
    for (times, own) in [
        (&measured.echo_times, 0),
        // A co-processor that thinks for 1 ms has to be asked again.
        (&measured.slow_echo_times, 1),
    ] {
        let median = times[times.len() / 2];
        let limit = Duration::from_millis(3 + own);
        assert!(median <= limit, "median {median:?} of {times:?}");
    }
}

#[test]
fn throughput_without_interrupt() {
    let rate = measured().frames_per_second;
    assert!(rate >= 300.0, "{rate} frames/s");
}

/// Before those that shall sleep are measured: INT's level is looked at again 0.1 s after the last frame,
/// then after twice the time each, so twice at the most in [`PERIOD`] after this.
const REST: Duration = Duration::from_secs(6);

/// What one program used in [`PERIOD`].
struct Case {
    name: &'static str,
    cpu: Duration,
    wakeups: u64,
}

impl Case {
    #[track_caller]
    fn assert_asleep(&self) {
        assert!(self.wakeups <= WAKEUPS_MAX, "{self}");
        self.assert_cheap();
    }

    #[track_caller]
    fn assert_cheap(&self) {
        assert!(self.cpu <= CPU_MAX, "{self}");
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Case { name, cpu, wakeups } = self;
        write!(f, "{name}: {wakeups} wakeups, {cpu:?} of CPU time")
    }
}

/// A program that is left alone, with whatever its client holds open.
struct Running {
    name: &'static str,
    program: Program,
    _client: Option<Client>,
}

impl Running {
    fn measure_at_rest(self) -> Case {
        thread::sleep(REST);
        self.measure()
    }

    fn measure(mut self) -> Case {
        let before = usage(self.program.pid()).unwrap();
        thread::sleep(PERIOD);
        assert!(self.program.is_running(), "{} ended", self.name);
        let after = usage(self.program.pid()).unwrap();
        let case = Case {
            name: self.name,
            cpu: after.cpu - before.cpu,
            wakeups: after.sleeps - before.sleeps,
        };
        eprintln!("{case}");
        case
    }
}

struct Measured {
    pty_with_client: Case,
    pty_without_client: Case,
    pty_left: Case,
    pty_full: Case,
    stdio: Case,
    stdio_full: Case,
    raw: Case,
    unanswered: Case,
    dead: Case,
    dead_no_reset: Case,
    dead_full: Case,
    stuck_interrupt: Case,
    no_interrupt: Case,
    ended: Vec<Case>,
    /// Sorted.
    echo_times: Vec<Duration>,
    /// Sorted.
    slow_echo_times: Vec<Duration>,
    frames_per_second: f64,
}

fn measured() -> &'static Measured {
    static MEASURED: OnceLock<Measured> = OnceLock::new();
    MEASURED.get_or_init(measure)
}

fn measure() -> Measured {
    // First those that end by themselves and those that work, so that nothing runs beside the others.
    let ended = vec![
        ended("end of input, dead", "sim:dead", |client| {
            client.send(b"\x81\x02\x01");
            thread::sleep(Duration::from_millis(100));
        }),
        // More than a pipe holds, so that the bridge has something left to write.
        ended("end of input, reader asleep", ECHO, |client| {
            client.expect_reset();
            for _ in 0..80 {
                client.send(&random_frame(1000, 1));
            }
        }),
    ];
    let (echo_times, frames_per_second) = echo("sim:echo:no-int");
    let (slow_echo_times, _) = echo("sim:echo:no-int:busy=1ms");

    let pty = |name, prepare: fn(&PathBuf) -> Option<Client>| {
        let (program, path) = Program::on_own_pty(quiet(&format!("--pty {ECHO}")));
        // Past the reset of the start.
        thread::sleep(Duration::from_millis(100));
        let client = prepare(&path);
        Running {
            name,
            program,
            _client: client,
        }
    };
    let at_rest = [
        pty("pty, client", |path| Some(Client::open(path))),
        pty("pty, no client", |_| None),
        pty("pty, client left", |path| {
            Client::open(path).expect_echo(b"\x81\x02\x01");
            None
        }),
        stdio("stdio", ECHO, |client| client.expect_reset()),
        raw_socket(),
    ];
    let at_work = [
        pty("pty, full", |path| {
            let client = Client::open(path);
            client.writer().fill(&hdlc(&random_frame(1000, 1)));
            Some(client)
        }),
        stdio("stdio, full", ECHO, |client| {
            client.expect_reset();
            client.writer().fill(&hdlc(&random_frame(1000, 1)));
        }),
        stdio("unanswered", "sim:echo:busy=60s", |client| {
            client.expect_reset();
            client.send(b"\x81\x02\x01");
        }),
        stdio("dead", "sim:dead", |_| {}),
        stdio("dead, no RES", "sim:dead:no-res", |_| {}),
        stdio("dead, full", "sim:dead", |client| {
            client.writer().fill(&hdlc(&random_frame(1000, 1)));
        }),
        stdio("INT stuck", "sim:echo:stuck-int", |client| {
            client.expect_reset()
        }),
        stdio("no INT", "sim:echo:no-int", |client| client.expect_reset()),
    ];
    // Without INT the poll period is reached when nothing has happened for 16 times as long.
    thread::sleep(Duration::from_millis(600));
    let at_rest = at_rest.map(|running| thread::spawn(|| running.measure_at_rest()));
    let at_work = at_work.map(|running| thread::spawn(|| running.measure()));
    let [pty_with_client, pty_without_client, pty_left, stdio, raw] =
        at_rest.map(|thread| thread.join().unwrap());
    let [pty_full, stdio_full, unanswered, dead, dead_no_reset, dead_full, stuck_interrupt, no_interrupt] =
        at_work.map(|thread| thread.join().unwrap());
    Measured {
        pty_with_client,
        pty_without_client,
        pty_left,
        pty_full,
        stdio,
        stdio_full,
        raw,
        unanswered,
        dead,
        dead_no_reset,
        dead_full,
        stuck_interrupt,
        no_interrupt,
        ended,
        echo_times,
        slow_echo_times,
        frames_per_second,
    }
}

fn quiet(line: &str) -> std::process::Command {
    let mut command = command(line);
    command.stderr(Stdio::null());
    command
}

fn stdio(name: &'static str, device: &str, prepare: fn(&mut Client)) -> Running {
    let (program, mut client) = Program::on_pipes(quiet(&format!("--stdio {device}")));
    prepare(&mut client);
    Running {
        name,
        program,
        _client: Some(client),
    }
}

fn raw_socket() -> Running {
    let command = quiet(&format!("--raw {ECHO}"));
    let kind = nix::sys::socket::SockType::SeqPacket;
    let (program, mut client) = Program::on_socket(command, kind);
    assert_eq!(client.packet(), RESET_NOTIFICATION);
    Running {
        name: "raw",
        program,
        _client: Some(client),
    }
}

/// Closes the input of a bridge that cannot finish what it began, and measures up to its end.
fn ended(name: &'static str, device: &str, prepare: fn(&mut Client)) -> Case {
    let (program, mut client) = Program::on_pipes(quiet(&format!("--stdio {device}")));
    prepare(&mut client);
    let before = usage(program.pid()).unwrap();
    client.close_output();
    // Nobody waits for it, so what it used can be read when it has ended.
    wait_until(name, || program.has_ended());
    let after = usage(program.pid()).unwrap();
    Case {
        name,
        cpu: after.cpu - before.cpu,
        wakeups: after.sleeps.saturating_sub(before.sleeps),
    }
}

/// Times of echoes of 256 octets, sorted: of five rounds of 20 the best, as other work that comes between
/// only makes them longer. And how many echoes a second there are in a row.
fn echo(device: &str) -> (Vec<Duration>, f64) {
    let (_program, mut client) = Program::on_pipes(quiet(&format!("--stdio {device}")));
    client.expect_reset();
    let frame = random_frame(256, 1);
    let mut round = || {
        let times = (0..20).map(|_| {
            // As hosts do: now and then, not one on the heels of the other.
            thread::sleep(Duration::from_millis(10));
            let began = Instant::now();
            client.expect_echo(&frame);
            began.elapsed()
        });
        let mut times: Vec<Duration> = times.collect();
        times.sort();
        times
    };
    let rounds = [round(), round(), round(), round(), round()];
    let best = rounds
        .into_iter()
        .min_by_key(|times| times[times.len() / 2]);
    let times = best.expect("five rounds");

    let (writer, octets) = (client.writer(), hdlc(&frame));
    let began = Instant::now();
    let sender = thread::spawn(move || {
        for _ in 0..ECHOES {
            writer.write(&octets, Duration::from_secs(10));
        }
    });
    for _ in 0..ECHOES {
        client.expect_frame(&frame);
    }
    let rate = f64::from(ECHOES) / began.elapsed().as_secs_f64();
    sender.join().unwrap();
    let median = times[times.len() / 2];
    eprintln!("{device}: echo of 256 octets in {median:?}, {rate:.0}/s in a row");
    (times, rate)
}

/// Enough for a rate, and with 1 ms each not too many for a test.
const ECHOES: u32 = 500;
