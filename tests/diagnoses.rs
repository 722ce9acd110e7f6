//! What `--check` says of each fault that the simulated co-processor can have: a table under review,
//! `tests/diagnoses.txt`. `BLESS=1 cargo test --test diagnoses` writes it anew; read the difference: no
//! fault may be blamed on something else.

use spinel_bridge::check::board::Time;
use spinel_bridge::check::examine::examine;
use spinel_bridge::check::report::Report;
use spinel_bridge::config::{Config, Device};
use spinel_bridge::sim::{self, spec::Spec};
use spinel_bridge::time::{Duration, Instant};
use std::fmt::Write;
use std::path::Path;

/// Each key of `sim:` that is a fault or a peculiarity, slight and grave.
const FAULTS: &[&str] = &[
    "",
    "seed=7",
    "crc",
    "half-duplex",
    "align=3",
    "busy=3ms",
    "boot=50ms",
    "boot=3s",
    "no-int",
    "no-res",
    "stuck-int",
    "dead-res",
    "loopback",
    "dead",
    "miso-low",
    "mode=2",
    "max-speed=500k",
    "max-speed=4M",
    "rearm=60us",
    "rearm=3ms",
    "void=1%",
    "void=20%",
    "garbage=1%",
    "garbage=20%",
    "flip=1%",
    "flip=20%",
    "flip-any=1%",
    "flip-any=20%",
    "refuse=1%",
    "refuse=10%",
    "refuse=30%",
    "refuse=90%",
    "reset=1%",
    "reset=20%",
    "lose-edge=20%",
    "late-int=5ms",
    "eio=1%",
    "eio=20%",
    "iid=1",
];

/// Virtual time.
struct Virtual(Instant);

impl Time for Virtual {
    fn now(&self) -> Instant {
        self.0
    }

    fn sleep(&mut self, duration: Duration) {
        self.0 = self.0 + duration;
    }

    fn is_over(&mut self) -> bool {
        false
    }
}

/// The findings that are no praise, without the counts, which are a matter of chance.
fn diagnose(fault: &str) -> String {
    let spec: Spec = fault.parse().unwrap();
    let mut time = Virtual(Instant::from_millis(1_000));
    let mut bus = sim::open(&spec, time.now());
    let config = Config::new(Device::Sim(spec));
    bus.configure(config.spi.mode, config.spi.speed_hz).unwrap();
    let mut out = Vec::new();
    let mut report = Report::new(&mut out);
    let fit = examine(bus, usize::MAX, &config, &mut time, &mut report);
    let usable = if fit.is_some() { "usable" } else { "unusable" };
    let mut row = format!("sim:{fault}: {usable}\n");
    let mut praise = true;
    for line in String::from_utf8(out).unwrap().lines() {
        if !line.starts_with(' ') {
            praise = line.starts_with("ok ");
        }
        if !praise {
            let words: Vec<&str> = line.split_whitespace().collect();
            writeln!(row, "    {}", words.join(" ")).unwrap();
        }
    }
    row
}

#[test]
fn no_fault_is_blamed_on_something_else() {
    let found: String = FAULTS.iter().map(|fault| diagnose(fault)).collect();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/diagnoses.txt");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &found).unwrap();
    }
    let reviewed = std::fs::read_to_string(&path).unwrap();
    assert_eq!(found, reviewed, "BLESS=1 writes tests/diagnoses.txt anew");
}
