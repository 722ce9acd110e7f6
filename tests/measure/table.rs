//! The part of the table that is the same on every machine: it is counted in virtual time.

use super::model::{self, Case, Counts};
use super::slaves::{self, Draw};
use super::traces::{self, BUSES};
use super::{today, Pace, Way, SIZES, WAYS};
use spinel_bridge::sim::spec::Spec;
use std::fmt::Write as _;
use std::time::Duration;

/// The counts as text.
pub fn counts() -> String {
    let mut text = String::new();
    lone(&mut text);
    load(&mut text);
    crc(&mut text);
    busy(&mut text);
    offers(&mut text);
    late_slaves(&mut text);
    boots(&mut text);
    text
}

macro_rules! line {
    ($text:expr) => { $text.push('\n') };
    ($text:expr, $($format:tt)*) => {{
        // A String takes everything.
        let _ = std::fmt::Write::write_fmt(&mut *$text, format_args!($($format)*));
        $text.push('\n');
    }};
}
// The table's other part is written with it, too; the tests write none.
#[allow(unused_imports)]
pub(crate) use line;

fn lone(text: &mut String) {
    line!(text, "Lone frames, 1 MHz");
    line!(
        text,
        "  A frame to the co-processor and its answer; from it; calls are those of the system, on real drivers."
    );
    line!(
        text,
        "  INT to client: from INT's edge to the last octet written, without the processor's own time.\n"
    );
    line!(
        text,
        "  {:>6} {:5} | {:^14} | {:^16} | {:^15} | {:^17}",
        "octets",
        "way",
        "transactions",
        "clocked / octet",
        "system calls",
        "INT to client, us"
    );
    let pair = |width: usize| format!("{:>width$} {:>width$}", "ours", "today");
    line!(
        text,
        "  {:>6} {:5} | {} | {} | {} | {}",
        "",
        "",
        pair(6) + " ",
        pair(7) + " ",
        pair(7),
        pair(8)
    );
    for len in SIZES {
        for (way, name) in WAYS {
            let case = Case::new(len, way, Pace::Lone);
            let (ours, today) = (model::run(&case, FRAMES), today::run(&case, FRAMES));
            let calls = |run: fn(&Case, u64) -> Counts| calls(run, len, way);
            line!(
                text,
                "  {len:>6} {name:5} | {:>6.2} {:>6.2}  | {:>7.2} {:>7.2}  | {:>7.2} {:>7.2} | {:>8} {:>8}",
                ours.per_frame(ours.calls.transfers),
                today.per_frame(today.calls.transfers),
                ours.clocked_per_octet(),
                today.clocked_per_octet(),
                calls(model::run),
                calls(today::run),
                median(&ours),
                median(&today),
            );
        }
    }
    line!(text);
}

/// System calls of a lone frame. The co-processor thinks for a while before it answers, so that one way
/// is over before the other begins; and what is always answered is not waited for at INT every 30 ms,
/// as a frame would be whose answer got lost.
fn calls(run: fn(&Case, u64) -> Counts, len: usize, way: Way) -> f64 {
    let all = |way| {
        let case = Case {
            busy: Duration::from_millis(10),
            ..Case::new(len, way, Pace::Lone)
        };
        run(&case, FRAMES).calls.all() as f64 / FRAMES as f64
    };
    match way {
        Way::To => all(Way::Echo) - all(Way::From),
        Way::From => all(Way::From),
        Way::Echo => all(Way::Echo) / 2.0,
    }
}

fn median(counts: &Counts) -> String {
    let mut sorted = counts.latencies.clone();
    sorted.sort_unstable();
    let middle = sorted.get(sorted.len() / 2);
    middle.map_or("-".to_owned(), |micros| micros.to_string())
}

fn load(text: &mut String) {
    line!(text, "Under load, as fast as frames are taken");
    line!(
        text,
        "  Share of what the clock alone permits each way; any transaction costs 100 us beside its octets.\n"
    );
    line!(
        text,
        "  {:>6} {:5} | {:^14} | {:^16} | {:^15} | {:^11} | {:^11} | {:^11}",
        "octets",
        "way",
        "transactions",
        "clocked / octet",
        "system calls",
        "1 MHz, %",
        "4 MHz, %",
        "8 MHz, %"
    );
    let pair = |width: usize| format!("{:>width$} {:>width$}", "ours", "today");
    line!(
        text,
        "  {:>6} {:5} | {} | {} | {} | {} | {} | {}",
        "",
        "",
        pair(6) + " ",
        pair(7) + " ",
        pair(7),
        pair(5),
        pair(5),
        pair(5)
    );
    for len in SIZES {
        for (way, name) in WAYS {
            let case = Case::new(len, way, Pace::Load);
            let (ours, today) = (model::run(&case, FRAMES), today::run(&case, FRAMES));
            let _ = write!(
                text,
                "  {len:>6} {name:5} | {:>6.2} {:>6.2}  | {:>7.2} {:>7.2}  | {:>7.2} {:>7.2}",
                ours.per_frame(ours.calls.transfers),
                today.per_frame(today.calls.transfers),
                ours.clocked_per_octet(),
                today.clocked_per_octet(),
                ours.per_frame(ours.calls.all()),
                today.per_frame(today.calls.all()),
            );
            for speed_hz in [1_000_000, 4_000_000, 8_000_000] {
                let case = Case { speed_hz, ..case };
                let (ours, today) = (model::run(&case, FRAMES), today::run(&case, FRAMES));
                let percent = |counts: &Counts| 100.0 * counts.share_of_wire(&case);
                let _ = write!(text, " | {:>5.1} {:>5.1}", percent(&ours), percent(&today));
            }
            line!(text);
        }
    }
    line!(text);
}

fn crc(text: &mut String) {
    line!(
        text,
        "With CRC, which today's hosts do not have: transactions a frame; a pair of frames, each way, of an echo\n"
    );
    line!(
        text,
        "  {:>6} | {:>9} {:>9} | {:>9} {:>9} | {:>10} {:>9}",
        "octets",
        "to, lone",
        "load",
        "from, lone",
        "load",
        "echo, lone",
        "load"
    );
    for len in SIZES {
        let each = |way, pace| {
            let case = Case {
                crc: true,
                ..Case::new(len, way, pace)
            };
            let counts = model::run(&case, FRAMES);
            counts.per_frame(counts.calls.transfers)
        };
        line!(
            text,
            "  {len:>6} | {:>9.2} {:>9.2} | {:>10.2} {:>9.2} | {:>10.2} {:>9.2}",
            each(Way::To, Pace::Lone),
            each(Way::To, Pace::Load),
            each(Way::From, Pace::Lone),
            each(Way::From, Pace::Load),
            2.0 * each(Way::Echo, Pace::Lone),
            2.0 * each(Way::Echo, Pace::Load)
        );
    }
    line!(text);
}

fn busy(text: &mut String) {
    line!(
        text,
        "Frames of 64 octets to a co-processor that takes none for a while after each, 1 MHz, under load\n"
    );
    line!(
        text,
        "  {:>7} | {:^15} | {:^17}",
        "busy",
        "transactions",
        "us a frame"
    );
    line!(
        text,
        "  {:>7} | {:>7} {:>7} | {:>8} {:>8}",
        "",
        "ours",
        "today",
        "ours",
        "today"
    );
    for micros in [300, 1_500, 3_000, 12_000] {
        let case = Case {
            busy: Duration::from_micros(micros),
            ..Case::new(64, Way::To, Pace::Load)
        };
        let (ours, today) = (model::run(&case, FRAMES), today::run(&case, FRAMES));
        line!(
            text,
            "  {:>4.1} ms | {:>7.2} {:>7.2} | {:>8.0} {:>8.0}",
            micros as f64 / 1_000.0,
            ours.per_frame(ours.calls.transfers),
            today.per_frame(today.calls.transfers),
            ours.per_frame(ours.micros),
            today.per_frame(today.micros)
        );
    }
    line!(text);
}

fn offers(text: &mut String) {
    line!(text, "What is offered to frames of unknown length");
    line!(
        text,
        "  Bus time as a share of: today's; that of who knows each length; that of the best constant offer.\n"
    );
    let _ = write!(text, "  {:30} | {:^14}", "", "transactions");
    for (speed_hz, fixed_us) in BUSES {
        let bus = format!("{} MHz, {fixed_us} us", speed_hz / 1_000_000);
        let _ = write!(text, " | {bus:^17}");
    }
    line!(text);
    let _ = write!(text, "  {:30} | {:>6} {:>6} ", "trace", "ours", "today");
    for _ in BUSES {
        let _ = write!(text, " | {:>5} {:>5} {:>5}", "today", "known", "const");
    }
    line!(text);
    for trace in traces::all() {
        let first = traces::run(&trace, BUSES[0]);
        let _ = write!(
            text,
            "  {:30} | {:>6.2} {:>6.2} ",
            trace.name,
            first.transactions(),
            first.transactions_today()
        );
        for bus in BUSES {
            let cost = traces::run(&trace, bus);
            let _ = write!(
                text,
                " | {:>5.2} {:>5.2} {:>5.2}",
                cost.over_today(),
                cost.over_known(),
                cost.over_constant()
            );
        }
        line!(text);
    }
}

/// Frames of each case.
const FRAMES: u64 = 1_000;

/// Slaves that are not armed for a time after a transaction, and one with a ring buffer.
fn late_slaves(text: &mut String) {
    line!(text, "Slaves as they are, 1 MHz: echoes one at a time, 64 octets; a ring of 1500 that is emptied");
    line!(text, "  at 20 octets a ms: eight at a time, 600 octets. Learning included. Posix: OpenThread's host.\n");
    line!(
        text,
        "  {:22} | {:^15} | {:^20}",
        "",
        "ms an echo",
        "transactions an echo"
    );
    line!(
        text,
        "  {:22} | {:>7} {:>7} | {:>9} {:>10}",
        "",
        "ours",
        "posix",
        "ours",
        "posix"
    );
    let plain = Draw {
        spec: Spec {
            no_reset: true,
            ..Spec::default()
        },
        seed: 1,
        speed_hz: 1_000_000,
        rearm: 0,
        spread: 0,
        slow: 0,
        count: slaves::FRAMES,
        since_any: false,
        shortest: 64,
        longest: 64,
        window: 1,
    };
    let mut rows = vec![];
    for (rearm, name) in [
        (0, "arms at once"),
        (60, "arms in 60 us"),
        (150, "arms in 150 us"),
        (500, "arms in 500 us"),
        (3_000, "arms in 3 ms"),
    ] {
        rows.push((
            name,
            Draw {
                rearm,
                ..plain.clone()
            },
        ));
    }
    let ring = Draw {
        shortest: 600,
        longest: 600,
        window: 8,
        ..plain
    };
    let spec = Spec {
        ring: 1_500,
        drain: 20,
        ..ring.spec.clone()
    };
    rows.push(("ring buffer", Draw { spec, ..ring }));
    for (name, draw) in rows {
        let (ours, posix) = (slaves::ours(&draw), slaves::theirs(&draw));
        let time = |run: &slaves::Run| match run.delivered == slaves::FRAMES {
            true => format!(
                "{:.2}",
                run.time.as_secs_f64() * 1_000.0 / slaves::FRAMES as f64
            ),
            false => "gave up".to_owned(),
        };
        let each = |run: &slaves::Run| run.transactions as f64 / run.delivered.max(1) as f64;
        line!(
            text,
            "  {name:22} | {:>7} {:>7} | {:>9.2} {:>10.2}",
            time(&ours),
            time(&posix),
            each(&ours),
            each(&posix)
        );
    }
    line!(text);
}

/// From the end of the reset at start until the reset notification is there.
fn boots(text: &mut String) {
    line!(
        text,
        "Boots: from the start, which resets the co-processor for 20 ms, until its first frame\n"
    );
    line!(
        text,
        "  {:>10} | {:>9} | {:>12}",
        "boot, ms",
        "up, ms",
        "transactions"
    );
    for boot in [0, 300, 1_000, 3_000, 10_000, 30_000] {
        let (up, transactions) = slaves::boot(&Spec {
            boot: Duration::from_millis(boot),
            ..Spec::default()
        });
        line!(
            text,
            "  {boot:>10} | {:>9} | {transactions:>12}",
            up.as_millis()
        );
    }
    line!(text);
}
