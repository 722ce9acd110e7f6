//! The table of what frames cost: `cargo bench --bench table`.
//!
//! The first part is counted in virtual time and is the same on every machine: if it is not what
//! `benches/table.txt` holds, this fails. The second part was measured in this run, on this machine.
//! `BLESS=1 cargo bench --bench table` writes both to `benches/table.txt`; `benches/plot.py` draws it.
//! The bounds are tests: `cargo test --test bounds --test no_alloc`.

#[path = "../tests/hosts/mod.rs"]
mod hosts;
#[path = "../tests/measure/mod.rs"]
mod measure;
#[path = "../tests/process/mod.rs"]
mod process;

use measure::canned::Canned;
use measure::real::{self, Running};
use measure::table::{self, line};
use measure::{Way, SIZES, WAYS};
use std::alloc::{GlobalAlloc, Layout, System};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use std::{env, fs, thread};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().collect();
    if let [_, word, len, way, frames] = &arguments[..] {
        if word == CORE {
            run_core(len, way, frames);
            return ExitCode::SUCCESS;
        }
    }
    let counts = format!("{HEAD}{}", table::counts());
    print!("{counts}");
    let measured = format!("{MEASURED}{}", measured());
    print!("{measured}");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/table.txt");
    if env::var_os("BLESS").is_some() {
        fs::write(&path, counts + &measured).expect("benches/table.txt can be written");
        return ExitCode::SUCCESS;
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    if committed.starts_with(&counts) {
        return ExitCode::SUCCESS;
    }
    eprintln!("the counts are not those of benches/table.txt: BLESS=1 writes the new ones");
    ExitCode::FAILURE
}

/// Everything that depends on the machine, the compiler or chance.
fn measured() -> String {
    let mut text = String::new();
    core(&mut text);
    calls(&mut text);
    driver(&mut text);
    times(&mut text);
    rest(&mut text);
    text
}

fn core(text: &mut String) {
    line!(text, "The core alone: link and HDLC, for one frame\n");
    line!(
        text,
        "  {:>6} {:5} | {:>11} | {:>12}",
        "octets",
        "way",
        "allocations",
        "instructions"
    );
    for len in SIZES {
        for (way, name) in [WAYS[0], WAYS[1]] {
            let mut canned = Canned::new(len, way);
            canned.run(100);
            let before = ALLOCATIONS.load(Ordering::Relaxed);
            canned.run(FRAMES);
            let allocations = ALLOCATIONS.load(Ordering::Relaxed) - before;
            let instructions = instructions(len, name);
            line!(
                text,
                "  {len:>6} {name:5} | {:>11.2} | {instructions:>12}",
                allocations as f64 / FRAMES as f64
            );
        }
    }
    line!(text);
}

/// Instructions of a frame, counted by callgrind: what so many frames more cost more.
fn instructions(len: usize, way: &str) -> String {
    match (collected(len, way, FRAMES), collected(len, way, 0)) {
        (Some(more), Some(less)) => ((more - less) / FRAMES).to_string(),
        _ => "no valgrind".to_owned(),
    }
}

fn collected(len: usize, way: &str, frames: u64) -> Option<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(env::current_exe().ok()?)
        .args([CORE, &len.to_string(), way, &frames.to_string()])
        .stdout(Stdio::null())
        .output()
        .ok()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let line = said.lines().find(|line| line.contains("Collected"))?;
    line.rsplit(' ').next()?.parse().ok()
}

/// What callgrind looks at.
fn run_core(len: &str, way: &str, frames: &str) {
    let way = WAYS
        .iter()
        .find(|(_, name)| name == &way)
        .map_or(Way::To, |(way, _)| *way);
    let number = |text: &str| text.parse().expect("a number");
    Canned::new(number(len), way).run(10 + number(frames) as u64);
}

fn calls(text: &mut String) {
    line!(
        text,
        "System calls of the real program on a real pty, by strace, for an echo: a frame each way"
    );
    line!(
        text,
        "  The simulated co-processor makes none: see above for those of a bus.\n"
    );
    let names = format!("{:>5} {:>5} {:>5} {:>5}", "wait", "read", "write", "other");
    line!(
        text,
        "  {:>6} | {:^23} | {:^23}",
        "octets",
        "lone",
        "under load"
    );
    line!(text, "  {:>6} | {names} | {names}", "");
    for len in SIZES {
        let mut row = format!("  {len:>6}");
        for (calls, count) in [
            (real::lone_calls(len, LONE), LONE),
            (real::load_calls(len, LOAD), LOAD),
        ] {
            let each = |number: u64| number as f64 / count as f64;
            row += &format!(
                " | {:>5.2} {:>5.2} {:>5.2} {:>5.2}",
                each(calls.waits),
                each(calls.reads),
                each(calls.writes),
                each(calls.others.len() as u64)
            );
        }
        line!(text, "{row}");
    }
    line!(text);
}

fn driver(text: &mut String) {
    line!(
        text,
        "The host driver (--tun), by strace, for an echo: a packet out, its answer in"
    );
    line!(
        text,
        "  A bus costs four calls more: a transfer each way, the edge, the level.\n"
    );
    if !nix::unistd::geteuid().is_root() {
        line!(text, "  (takes root)\n");
        return;
    }
    let driver = real::driver();
    line!(
        text,
        "  {:>10} | {:>5} {:>5} {:>5} {:>5}",
        "",
        "wait",
        "read",
        "write",
        "other"
    );
    for (name, calls, count) in [
        ("lone", &driver.lone, real::PINGS),
        ("under load", &driver.load, real::PINGS_LOAD),
    ] {
        let each = |number: u64| number as f64 / count as f64;
        line!(
            text,
            "  {name:>10} | {:>5.2} {:>5.2} {:>5.2} {:>5.2}",
            each(calls.waits),
            each(calls.reads),
            each(calls.writes),
            each(calls.others.len() as u64)
        );
    }
    line!(
        text,
        "\n  resident memory: {} kB, {} kB of it its own (heap, stack, data)\n",
        driver.resident,
        driver.own
    );
}

fn times(text: &mut String) {
    line!(
        text,
        "Times of the real program on a pty, in us, of this run: lone echoes, and under load"
    );
    line!(
        text,
        "  Round trip: from before the client's write until it has read the last octet of the echo, through"
    );
    line!(
        text,
        "  the pty and both processes. The simulated bus takes no time; CPU is the program's, for an echo.\n"
    );
    line!(
        text,
        "  {:>6} | {:>8} {:>8} {:>8} | {:>9} {:>9}",
        "octets",
        "p50",
        "p99",
        "p99.9",
        "CPU, lone",
        "CPU, load"
    );
    for len in SIZES {
        let (times, lone) = real::round_trips(len, ROUND_TRIPS);
        let load = real::load_cpu(len, LOAD_TIMED);
        let at = |share: f64| {
            let index = (times.len() as f64 * share) as usize;
            times.get(index).map_or(0, Duration::as_micros)
        };
        line!(
            text,
            "  {len:>6} | {:>8} {:>8} {:>8} | {lone:>9.1} {load:>9.1}",
            at(0.5),
            at(0.99),
            at(0.999)
        );
    }
    line!(text);
}

fn rest(text: &mut String) {
    let mut running = Running::start("sim:echo");
    for len in SIZES {
        running.load(&real::frame(len), 100);
    }
    thread::sleep(Duration::from_secs(1));
    let pid = running.program.pid();
    let sleeps = || process::usage(pid).map_or(0, |usage| usage.sleeps);
    let before = sleeps();
    thread::sleep(Duration::from_secs(10));
    let wakeups = sleeps() - before;
    line!(text, "At rest, and in all\n");
    line!(text, "  {:44} {wakeups:>9}", "wakeups in 10 s, with INT");
    for (name, line) in [
        ("resident memory, kB", "VmRSS"),
        ("  of which its own (heap, stack, data)", "RssAnon"),
        ("  of which files (program, C library)", "RssFile"),
    ] {
        line!(text, "  {name:44} {:>9}", running.memory(line));
    }
    let size = |path: &str| fs::metadata(path).map_or(0, |data| data.len());
    line!(
        text,
        "  {:44} {:>9}",
        "release, octets",
        size(env!("CARGO_BIN_EXE_spinel-bridge"))
    );
    let output = Command::new("benches/features.sh").arg("sizes").output();
    let output = output.expect("benches/features.sh runs");
    for row in String::from_utf8_lossy(&output.stdout).lines() {
        let (features, octets) = row.rsplit_once(' ').unwrap_or((row, ""));
        let name = format!("embedded, octets, with: {}", features.trim());
        line!(text, "  {name:44} {octets:>9}");
    }
}

/// The system's allocator, counting.
struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call goes to the system's allocator unchanged.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        System.alloc(layout)
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        System.dealloc(pointer, layout);
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        System.realloc(pointer, layout, size)
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The first words of the table.
const HEAD: &str = "\
What frames cost. Made by: BLESS=1 cargo bench --bench table
Ours is this program; today is the rule of the hosts in use, on the same bus: 32 octets are offered whatever
comes, a refusal is followed by a pause of 1, 10 or 33 ms, the client's octets are read one by one.

COUNTED, in virtual time: the same on every machine

";

const MEASURED: &str = "
MEASURED, in one run on one machine

";

/// The word that makes this program run the core alone.
const CORE: &str = "core";

const FRAMES: u64 = 1_000;
const LONE: usize = 25;
const LOAD: usize = 500;
const ROUND_TRIPS: usize = 5_000;
const LOAD_TIMED: usize = 5_000;
