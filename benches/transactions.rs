//! What an echo costs on the bus: a frame to the co-processor and the same frame back, one after the
//! other, as a ping does it. Counted in virtual time, so the figures are the same on every machine.
//!
//! "Today" is the rule of the hosts in use: 32 octets are offered whatever comes, and a longer frame
//! costs a second transaction.

#[path = "../tests/common/mod.rs"]
mod common;

use common::{spec, Pair};
use spinel_bridge::config::CrcMode;
use spinel_bridge::link::sizing::Cost;
use spinel_bridge::link::Settings;
use spinel_bridge::time::{Duration, Instant};

/// What a number of echoes took.
struct Counts {
    transactions: u64,
    octets: u64,
}

fn main() {
    println!(
        "{ECHOES} echoes of each size; bus time at 1 MHz and at 8 MHz with 100 us a transaction\n"
    );
    println!(
        "{:>6} | {:^23} | {:^23} | {:^17}",
        "octets", "transactions an echo", "octets clocked / octet", "bus time of today"
    );
    println!(
        "{:>6} | {:>7} {:>7} {:>7} | {:>7} {:>7} {:>7} | {:>8} {:>8}",
        "", "today", "ours", "CRC", "today", "ours", "CRC", "1 MHz", "8 MHz"
    );
    for len in [16, 64, 256, 1280] {
        let today = run(len, false, CrcMode::Off);
        let ours = run(len, true, CrcMode::Off);
        let crc = run(len, true, CrcMode::On);
        let each = |counts: &Counts| counts.transactions as f64 / ECHOES as f64;
        let share = |counts: &Counts| counts.octets as f64 / (2 * ECHOES * len as u64) as f64;
        println!(
            "{len:>6} | {:>7.2} {:>7.2} {:>7.2} | {:>7.2} {:>7.2} {:>7.2} | {:>6.0} % {:>6.0} %",
            each(&today),
            each(&ours),
            each(&crc),
            share(&today),
            share(&ours),
            share(&crc),
            100.0 * time(&ours, 1_000_000) / time(&today, 1_000_000),
            100.0 * time(&ours, 8_000_000) / time(&today, 8_000_000),
        );
    }
}

fn run(len: usize, adaptive: bool, crc: CrcMode) -> Counts {
    let mut spec = spec(1);
    spec.crc = crc == CrcMode::On;
    let settings = Settings {
        adaptive,
        crc,
        ..Settings::default()
    };
    let mut pair = Pair::echo(&spec, settings);
    echo(&mut pair, len, 10);
    let before = *pair.bridge.link.stats();
    echo(&mut pair, len, ECHOES);
    let after = pair.bridge.link.stats();
    Counts {
        transactions: after.transactions - before.transactions,
        octets: after.octets - before.octets,
    }
}

fn echo(pair: &mut Pair<common::EchoBus>, len: usize, count: u64) {
    let frame = vec![0x81; len];
    for _ in 0..count {
        assert!(pair.send(&frame), "the port is empty");
        let mut back = false;
        while !back {
            pair.turn(Instant::from_micros(u64::MAX), |echoed| {
                back |= echoed.len() == len
            });
        }
    }
}

/// Nanoseconds on the bus. [`Cost`] counts the header of a transaction, which `octets` holds already.
fn time(counts: &Counts, speed_hz: u32) -> f64 {
    let transaction = Cost::new(speed_hz, Duration::from_micros(100));
    let octet = transaction.of_transaction(1) - transaction.of_transaction(0);
    let fixed = transaction.of_transaction(0) - 5 * octet;
    (counts.transactions * fixed + counts.octets * octet) as f64
}

const ECHOES: u64 = 1_000;
