//! What a frame may cost, each bound as a test: system calls, transactions, bus time, memory.
//! `cargo bench --bench table` prints what it does cost.
//!
//! System calls are counted where they are made: those for the client and epoll by strace on the real
//! program with a real pty, those for the bus (the edge, the transfer, the level of INT) in the model,
//! since the simulated co-processor makes none. Allocations have a test of their own, `no_alloc`.

mod hosts;
mod measure;
mod needs;
mod process;

use measure::model::{self, Case};
use measure::real::{self, Running};
use measure::traces::{self, BUSES};
use measure::{today, Pace, Way, SIZES, WAYS};
use std::fs;
use std::process::Command;
use std::time::Duration;

#[test]
fn a_lone_frame_costs_five_calls_from_the_co_processor_and_four_to_it() {
    if !needs::program("strace") {
        return;
    }
    for len in SIZES {
        let calls = real::lone_calls(len, ECHOES);
        let each = |count: f64| count / ECHOES as f64;
        // Two waits an echo, one for each way; and one in which strace found or left the program.
        let spare = 2.0 / ECHOES as f64;
        // An echo is a frame each way; what it costs more than one from the co-processor is the other.
        // A frame that is never answered would have the level of INT read now and then: its edge may be
        // lost.
        let bus = |way| {
            let counts = model::run(&Case::new(len, way, Pace::Lone), 1_000);
            counts.calls.bus() as f64 / 1_000.0
        };
        let from = each(calls.from(0.5)) + bus(Way::From);
        let to = each(calls.to(0.5)) + bus(Way::Echo) - bus(Way::From);
        assert!(from <= 5.0 + spare, "{len} octets from: {from}, {calls:?}");
        assert!(to <= 4.0 + spare, "{len} octets to: {to}, {calls:?}");
        assert!(calls.others.is_empty(), "others: {calls:?}");
    }
}

#[test]
fn under_load_a_frame_costs_less_than_three_calls_either_way() {
    if !needs::program("strace") {
        return;
    }
    for len in SIZES {
        for (way, name) in WAYS {
            let counts = model::run(&Case::new(len, way, Pace::Load), 1_000);
            let each = counts.per_frame(counts.calls.all());
            assert!(
                each < 3.0,
                "{len} octets {name}: {each}, {:?}",
                counts.calls
            );
        }
        // What the model does not know, a client that has no room for a while, included.
        let calls = real::load_calls(len, LOAD);
        assert!(calls.all() < 2 * LOAD as u64, "{len} octets: {calls:?}");
    }
}

#[test]
fn a_frame_costs_one_transaction_and_never_more_than_today() {
    for len in SIZES {
        for (way, name) in WAYS {
            for pace in [Pace::Lone, Pace::Load] {
                let case = Case::new(len, way, pace);
                let (ours, today) = (model::run(&case, 1_000), today::run(&case, 1_000));
                let each = ours.per_frame(ours.calls.transfers);
                assert!(each <= 1.05, "{len} octets {name}, {pace:?}: {each}");
                // Two of all, at the ends of what was measured.
                let of_today = today.per_frame(today.calls.transfers + 2);
                assert!(
                    each <= of_today,
                    "{len} octets {name}, {pace:?}: {each} > {of_today}"
                );
            }
        }
    }
}

#[test]
fn under_load_both_ways_a_transaction_carries_a_frame_each_way() {
    for len in SIZES {
        let counts = model::run(&Case::new(len, Way::Echo, Pace::Load), 1_000);
        let each = counts.per_frame(counts.calls.transfers);
        assert!(each <= 0.51, "{len} octets: {each}");
    }
}

/// The answer confirms the question; under load each frame confirms the one before of the other way.
#[test]
fn under_crc_an_echo_costs_three_transactions_and_a_pair_under_load_hardly_more_than_two() {
    for len in SIZES {
        for (pace, most) in [(Pace::Lone, 3.0), (Pace::Load, 2.1)] {
            let case = Case {
                crc: true,
                ..Case::new(len, Way::Echo, pace)
            };
            let counts = model::run(&case, 1_000);
            let each = 2.0 * counts.per_frame(counts.calls.transfers);
            assert!(each <= most, "{len} octets, {pace:?}: {each} a pair");
        }
    }
}

#[test]
fn a_busy_slave_is_asked_in_time_and_not_more_often_than_today() {
    for busy in [300, 1_500, 3_000, 12_000].map(Duration::from_micros) {
        let case = Case {
            busy,
            ..Case::new(64, Way::To, Pace::Load)
        };
        let (ours, today) = (model::run(&case, 500), today::run(&case, 500));
        assert!(
            ours.micros <= today.micros + today.micros / 100,
            "busy {busy:?}: {} us, today {} us",
            ours.micros,
            today.micros
        );
        let (each, of_today) = (
            ours.per_frame(ours.calls.transfers),
            today.per_frame(today.calls.transfers),
        );
        assert!(
            each <= of_today,
            "busy {busy:?}: {each} transactions, today {of_today}"
        );
    }
}

#[test]
fn what_is_offered_costs_one_transaction_where_lengths_repeat_and_never_more_than_today() {
    for bus in BUSES {
        for trace in traces::all() {
            let cost = traces::run(&trace, bus);
            let name = trace.name;
            assert!(cost.ours <= cost.today, "{name} on {bus:?}: {cost:?}");
            if trace.repeats {
                let each = cost.transactions();
                assert!(each <= 1.05, "{name} on {bus:?}: {each} transactions");
            }
        }
    }
}

/// Where lengths repeat nothing is lost against who knows them all. Where they are a matter of chance,
/// nobody can know; the best that can be had without is the one offer that suits all of them.
#[test]
fn what_is_offered_takes_at_most_ten_percent_more_bus_time_than_knowing() {
    for bus in BUSES {
        for trace in traces::all() {
            let cost = traces::run(&trace, bus);
            let ratio = match trace.repeats {
                true => cost.over_known(),
                false => cost.over_known().min(cost.over_constant()),
            };
            assert!(
                ratio <= 1.10,
                "{} on {bus:?}: {ratio}, {cost:?}",
                trace.name
            );
        }
    }
}

#[test]
fn memory_of_its_own_is_half_a_megabyte() {
    let mut running = Running::start("sim:echo");
    for len in SIZES {
        running.load(&real::frame(len), 200);
    }
    // What is not a file: heap, stack, written data. The rest is the program and the C library, which
    // all processes share.
    let own = running.memory("RssAnon");
    assert!(own <= 512, "{own} kB");
}

/// A packet out, its answer in, with what the bus costs beside: a transfer each way, the edge, the
/// level. Runs as root, because a TUN interface takes that.
#[test]
fn the_host_driver_costs_twelve_calls_an_echo_less_than_four_a_packet_under_load_and_four_megabytes(
) {
    if !needs::root() || !needs::program("strace") {
        return;
    }
    const BUS: u64 = 4;
    let driver = real::driver();
    let (lone, load) = (&driver.lone, &driver.load);
    let (echoes, burst) = (real::PINGS, real::PINGS_LOAD);
    assert!(lone.all() >= 3 * echoes, "no ping was seen: {lone:?}");
    assert!(lone.all() + BUS * echoes <= 12 * echoes, "{lone:?}");
    assert!(load.all() >= burst, "no ping was seen: {load:?}");
    assert!(load.all() + BUS * burst < 4 * 2 * burst, "{load:?}");
    assert!(driver.own <= 1_024, "{} kB", driver.own);
}

#[test]
fn the_committed_table_is_what_is_counted() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/table.txt");
    let committed = fs::read_to_string(path).unwrap();
    let counts = measure::table::counts();
    if let Some(path) = std::env::var_os("COUNTS") {
        // For whoever wants the counts alone, without what takes a quiet machine.
        fs::write(path, &counts).unwrap();
    }
    let changed: Vec<&str> = counts
        .lines()
        .filter(|line| !committed.lines().any(|known| known == *line))
        .collect();
    assert!(
        committed.contains(&counts),
        "BLESS=1 cargo bench --bench table, for these lines are new:\n{}",
        changed.join("\n")
    );
}

#[test]
fn the_committed_plot_is_made_of_the_committed_table() {
    if !needs::program("python3") {
        return;
    }
    let output = Command::new("python3")
        .arg("benches/plot.py")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("python3: install it (tests/setup.sh does)");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/plot.svg");
    let committed = fs::read_to_string(path).unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        committed,
        "benches/plot.py >benches/plot.svg"
    );
}

/// Lone echoes that are looked at; each takes 20 ms.
const ECHOES: usize = 25;

/// Echoes under load.
const LOAD: usize = 500;
