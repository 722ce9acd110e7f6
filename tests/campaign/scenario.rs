//! A run as lists: the frames that the client sends, and the faults that happen to them.

use super::run::{Run, Violation};
use spinel_bridge::sim::slave::faults::Fault;
use spinel_bridge::sim::spec::Spec;
use std::fmt::Write;

/// A frame that the client sends: when, in microseconds from the start, or as soon as there is room for
/// it then; and how many octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) at: u64,
    pub(crate) len: usize,
}

pub(crate) const fn frame(at: u64, len: usize) -> Frame {
    Frame { at, len }
}

/// What may become of the frames, at most and for each fault that leaves open what the slave did: a
/// garbage header, one that comes late, a bit flipped anywhere, a restart. Those that arrive are in order and unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Promise {
    pub(crate) lost: u64,
    pub(crate) doubled: u64,
}

/// Each frame arrives once.
pub(crate) const ONCE: Promise = Promise {
    lost: 0,
    doubled: 0,
};

/// All that a run depends on.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Scenario {
    pub(crate) spec: Spec,
    pub(crate) promise: Promise,
    pub(crate) frames: Vec<Frame>,
    /// Each in the transaction of its number.
    pub(crate) faults: Vec<(u64, Fault)>,
}

/// What was wrong with a run, and how many transactions there had been when each frame was sent.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    pub(crate) violation: Violation,
    pub(crate) started: Vec<u64>,
}

impl Scenario {
    /// What is wrong with it, if anything.
    pub(crate) fn judge(&self) -> Option<Finding> {
        let (run, outcome) = self.run();
        outcome.err().map(|violation| Finding {
            violation,
            started: run.started,
        })
    }

    /// The run, which notes its faults, and how it ended.
    pub(crate) fn run(&self) -> (Run, Result<(), Violation>) {
        let mut run = Run::new(&self.spec, self.promise, self.faults.clone());
        run.pair.bridge.bus.record();
        let mut frames = self.frames.iter().copied();
        let outcome = run.go(|_| frames.next());
        (run, outcome)
    }

    /// A test for `tests/minimised.rs`: what it is called, and where it comes from.
    pub(crate) fn as_test(&self, name: &str, origin: &str, violation: &Violation) -> String {
        let mut text = format!("/// {}.\n///\n/// {origin}.\n#[test]\n", violation.text);
        let name: Vec<&str> = name
            .split(|c: char| !c.is_ascii_alphanumeric())
            .filter(|word| !word.is_empty())
            .collect();
        let name = name.join("_").to_lowercase();
        let _ = writeln!(text, "fn {name}() {{\n    replay(");
        let _ = writeln!(text, "        \"{}\",", self.spec);
        match self.promise {
            ONCE => text.push_str("        ONCE,\n"),
            promise => drop(writeln!(text, "        {promise:?},")),
        }
        let frames = self.frames.iter();
        let frames = frames.map(|Frame { at, len }| format!("frame({at}, {len})"));
        write_list(&mut text, frames);
        let faults = self.faults.iter();
        let faults = faults.map(|(transaction, fault)| format!("({transaction}, {fault:?})"));
        write_list(&mut text, faults);
        text.push_str("    );\n}\n");
        text
    }
}

fn write_list(text: &mut String, items: impl Iterator<Item = String>) {
    let items: Vec<String> = items.collect();
    let line = format!("        &[{}],\n", items.join(", "));
    if line.len() <= 100 {
        text.push_str(&line);
        return;
    }
    text.push_str("        &[\n");
    for item in items {
        let _ = writeln!(text, "            {item},");
    }
    text.push_str("        ],\n");
}

/// Runs what a campaign was minimised to, on the simulated co-processor that `spec` describes.
pub(crate) fn replay(spec: &str, promise: Promise, frames: &[Frame], faults: &[(u64, Fault)]) {
    let scenario = Scenario {
        spec: spec.parse().expect("what follows sim:"),
        promise,
        frames: frames.to_vec(),
        faults: faults.to_vec(),
    };
    if let Some(finding) = scenario.judge() {
        panic!("{}", finding.violation.text);
    }
}
