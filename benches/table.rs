//! The table of what frames cost: `cargo bench --bench table`.
//!
//! The first part is counted in virtual time and is the same on every machine: if it is not what
//! `benches/table.txt` holds, this fails. The second part was measured in this run, on this machine.
//! `BLESS=1 cargo bench --bench table` writes both to `benches/table.txt`; `benches/plot.py` draws it.
//! `cargo bench --bench table latency` measures the latencies alone, and prints them.
//! `cargo bench --bench table instructions` counts the instructions alone, by callgrind, prints them, and fails
//! if an octet costs more than it may; `benches/arm.sh` counts them on 32-bit ARM.
//! The bounds are tests: `cargo test --test bounds --test no_alloc`.

#[path = "../tests/hosts/mod.rs"]
mod hosts;
#[path = "../tests/measure/mod.rs"]
mod measure;
#[path = "../tests/process/mod.rs"]
mod process;

use measure::canned::Canned;
use measure::latency;
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
    match &arguments[..] {
        [_, word, len, way, frames] if word == CORE => {
            run_core(len, way, frames);
            return ExitCode::SUCCESS;
        }
        [_, word, side, folder, busy_us] if word == latency::SERVE => {
            latency::serve(side, folder, busy_us);
            return ExitCode::SUCCESS;
        }
        [_, word, ..] if word == INSTRUCTIONS => return hold_instructions(),
        [_, word, ..] if word == LATENCY => {
            let mut text = String::new();
            lone_latency(&mut text);
            burst_latency(&mut text);
            print!("{text}");
            return ExitCode::SUCCESS;
        }
        _ => {}
    }
    let counts = format!("{HEAD}{}", table::counts());
    print!("{counts}");
    let measured = measured();
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

/// Everything that depends on the machine, the compiler or chance. It takes some minutes: each section
/// is printed when it is there.
fn measured() -> String {
    let sections: [fn(&mut String); 7] = [
        core,
        calls,
        driver,
        times,
        lone_latency,
        burst_latency,
        rest,
    ];
    let mut text = MEASURED.to_owned();
    print!("{text}");
    for section in sections {
        let mut part = String::new();
        section(&mut part);
        print!("{part}");
        text += &part;
    }
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

/// Prints what a frame costs and each octet more, and holds the latter to its bound.
fn hold_instructions() -> ExitCode {
    let mut code = ExitCode::SUCCESS;
    for (way, name) in [WAYS[0], WAYS[1]] {
        let counts = SIZES.map(|len| instructions(len, name));
        let numbers = counts.iter().map(|count| count.parse::<f64>());
        let Ok(numbers) = numbers.collect::<Result<Vec<_>, _>>() else {
            eprintln!("valgrind is missing: tests/setup.sh installs it");
            return ExitCode::FAILURE;
        };
        let last = SIZES.len() - 1;
        let octets = (SIZES[last] - SIZES[1]) as f64;
        let each = (numbers[last] - numbers[1]) / octets;
        println!("{name:5} {SIZES:?} octets: {counts:?} instructions, {each:.2} an octet");
        if way == Way::To && each > EACH_MAX {
            eprintln!("more than {EACH_MAX} an octet from the client to the co-processor");
            code = ExitCode::FAILURE;
        }
    }
    code
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

fn lone_latency(text: &mut String) {
    line!(text, "{LONE_LATENCY}");
    latency_head(text);
    let known = SIZES
        .iter()
        .flat_map(|&len| [(Some(len), 0), (Some(len), 1)]);
    for (len, way) in known.chain([(None, 1)]) {
        let (way, name) = WAYS[way];
        let case = latency::Case {
            len,
            way,
            burst: 1,
            busy: Duration::ZERO,
            times: SHOTS,
        };
        latency_row(text, name, &case);
    }
    line!(text);
}

fn burst_latency(text: &mut String) {
    line!(text, "{BURST_LATENCY}");
    latency_head(text);
    let ready = SIZES.iter().flat_map(|&len| [(len, 0, 0), (len, 1, 0)]);
    for (len, way, busy_us) in ready.chain([(64, 0, 1_500)]) {
        let (way, name) = WAYS[way];
        let case = latency::Case {
            len: Some(len),
            way,
            burst: BURST,
            busy: Duration::from_micros(busy_us),
            times: BURSTS,
        };
        let name = if busy_us > 0 { "busy" } else { name };
        latency_row(text, name, &case);
    }
    line!(text);
}

fn latency_head(text: &mut String) {
    let mut names = format!("  {:>6} {:5}", "octets", "way");
    let mut sides = format!("  {:>6} {:5}", "", "");
    for name in ["p50", "p99", "p99.9", "CPU"] {
        names += &format!(" | {name:^19}");
        sides += &format!(" | {:>6} {:>6} {:>5}", "ours", "today", "ratio");
    }
    line!(text, "{}", names.trim_end());
    line!(text, "{sides}");
}

fn latency_row(text: &mut String, name: &str, case: &latency::Case) {
    let len = case.len.map_or("any".to_owned(), |len| len.to_string());
    let mut row = format!("  {len:>6} {name:5}");
    let [ours, today] = latency::run(case);
    for share in [0.5, 0.99, 0.999] {
        let (ours, today) = (ours.at(share), today.at(share));
        row += &format!(" | {ours:>6.0} {today:>6.0} {:>5.2}", ours / today);
    }
    let ratio = ours.cpu / today.cpu;
    row += &format!(" | {:>6.1} {:>6.1} {ratio:>5.2}", ours.cpu, today.cpu);
    line!(text, "{row}");
}

fn rest(text: &mut String) {
    let mut running = Running::start("sim:echo");
    for len in SIZES {
        running.load(&real::frame(len), 100);
    }
    thread::sleep(REST);
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
    let [all, own, files] = real::waiting_memory();
    for (name, size) in [
        ("resident memory of sleep(1), to compare, kB", all),
        ("  of which its own (heap, stack, data)", own),
        ("  of which files (program, C library)", files),
    ] {
        line!(text, "  {name:44} {size:>9}");
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

const LONE_LATENCY: &str = "\
Latency of lone frames on a bus that takes its time, 4 MHz, in us: ours and today's rule in turn
  From: from before INT's edge until a client has read the last octet on a real pty. To: from before the
  client's write until the slave has the frame. Ours is the program's event loop; today is a loop around
  poll(2) with that rule, the best assumed of all else. Each runs in a process of its own, on a bus of
  its own whose slave alone is simulated: INT's edges come through a pipe, a transaction sleeps for 100 us
  and its clocks. Any: the four sizes by chance. CPU is that of the process, for a frame; what a driver of
  a bus takes comes on top of it with each transaction. Ratio: ours as a share of today's.
";

const BURST_LATENCY: &str = "\
Latency under load: of 16 frames that are there at once, until the last octet of the last one
  Busy: to a co-processor that takes none for 1.5 ms after each.
";

/// The word that makes this program run the core alone.
const CORE: &str = "core";

/// The word that asks for the instructions alone.
const INSTRUCTIONS: &str = "instructions";

/// What an octet may cost from the client to the co-processor, HDLC and link together.
const EACH_MAX: f64 = 10.0;

/// The word that asks for the latencies alone.
const LATENCY: &str = "latency";

const FRAMES: u64 = 1_000;
const LONE: usize = 25;
const LOAD: usize = 500;
const ROUND_TRIPS: usize = 5_000;
const LOAD_TIMED: usize = 5_000;
/// Lone frames of each row, either side.
const SHOTS: usize = 2_000;
/// Frames at once ([`BURST_LATENCY`] says so), and how often.
const BURST: u16 = 16;
const BURSTS: usize = 200;

/// INT's level is looked at 0.1 s after the last frame, then after twice the time each: for the last time
/// after 12.8 s. Then it is every ten seconds.
const REST: Duration = Duration::from_secs(14);
