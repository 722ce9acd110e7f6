//! Makes a scenario small that breaks a promise: fewest frames, fewest faults, shortest frames, earliest
//! times, as far as each step still breaks it in the same way.
//!
//! Faults have the numbers of their transactions. What leaves out frames or faults moves those that follow,
//! so each such step is tried twice: with the numbers as they are, and moved with the frames.

use super::scenario::{Finding, Frame, Scenario};
use spinel_bridge::sim::slave::faults::{Behind, Fault};
use std::time::Duration;

/// Judges a scenario; `None`: nothing is wrong with it.
pub(crate) type Judge<'a> = &'a dyn Fn(&Scenario) -> Option<Finding>;

/// The smallest scenario that was found, and what is wrong with it; `None` if `scenario` is sound.
pub(crate) fn minimise(scenario: Scenario, judge: Judge) -> Option<(Scenario, Finding)> {
    let finding = judge(&scenario)?;
    let mut search = Search {
        best: scenario,
        finding,
        judge,
        work: 0,
    };
    search.keep_the_end();
    search.longest_frames();
    loop {
        let before = search.best.clone();
        search.fewer_frames();
        search.fewer_faults();
        search.simpler_slave();
        search.shorter_frames();
        search.earlier_frames();
        search.simpler_faults();
        search.earlier_faults();
        if search.best == before || search.work >= WORK_MAX {
            return Some((search.best, search.finding));
        }
    }
}

struct Search<'a> {
    best: Scenario,
    finding: Finding,
    judge: Judge<'a>,
    /// Frames that were run.
    work: usize,
}

impl Search<'_> {
    /// Keeps `candidate` if it goes wrong in the same way.
    fn accept(&mut self, candidate: Scenario) -> bool {
        if self.work >= WORK_MAX || candidate == self.best {
            return false;
        }
        self.work += RUN_WORK + candidate.frames.len();
        match (self.judge)(&candidate) {
            Some(finding) if finding.violation.kind == self.finding.violation.kind => {
                self.best = candidate;
                self.finding = finding;
                true
            }
            _ => false,
        }
    }

    fn try_with(&mut self, change: impl FnOnce(&mut Scenario)) -> bool {
        let mut candidate = self.best.clone();
        change(&mut candidate);
        self.accept(candidate)
    }

    /// The least value from `least` to `now` that `set` can set, as far as bisection finds it.
    fn lower(&mut self, now: u64, least: u64, set: impl Fn(&mut Scenario, u64)) {
        let mut value = now;
        let mut step = now.saturating_sub(least);
        while step > 0 {
            if value - least >= step && self.try_with(|scenario| set(scenario, value - step)) {
                value -= step;
            } else {
                step /= 2;
            }
        }
    }

    /// The last frames alone, as few as possible. The violation is at the end of them.
    fn keep_the_end(&mut self) {
        let all = self.best.frames.len();
        let mut kept = 1;
        while kept < all {
            let candidate = self.without_frames(0, all - kept, true);
            if self.accept(candidate) {
                return;
            }
            kept *= 2;
        }
    }

    /// Without the frames `from..to`. `moved`: also without the faults of their transactions, and what
    /// follows happens so much earlier.
    fn without_frames(&self, from: usize, to: usize, moved: bool) -> Scenario {
        let mut scenario = self.best.clone();
        if moved {
            let started = &self.finding.started;
            let first = started.get(from).copied().unwrap_or(0);
            let last = started.get(to).copied().unwrap_or(first);
            scenario
                .faults
                .retain(|entry| entry.0 <= first || entry.0 > last);
            for entry in &mut scenario.faults {
                if entry.0 > last {
                    entry.0 -= last - first;
                }
            }
            let next = scenario.frames.get(to).map_or(0, |frame| frame.at);
            let gap = next - scenario.frames[from].at.min(next);
            for frame in &mut scenario.frames[to..] {
                frame.at = frame.at.saturating_sub(gap);
            }
        }
        scenario.frames.drain(from..to);
        scenario
    }

    /// What takes a full buffer takes fewer long frames than short ones.
    fn longest_frames(&mut self) {
        let len = self.best.frames.iter().map(|frame| frame.len).max();
        let len = len.unwrap_or(1).max(LONG);
        self.try_with(|scenario| scenario.frames.iter_mut().for_each(|frame| frame.len = len));
    }

    fn fewer_frames(&mut self) {
        let mut chunk = self.best.frames.len() / 2;
        while chunk > 0 {
            let mut from = 0;
            while from < self.best.frames.len() && self.best.frames.len() > 1 {
                let to = (from + chunk).min(self.best.frames.len());
                let moved = self.without_frames(from, to, true);
                let unmoved = self.without_frames(from, to, false);
                if !self.accept(moved) && !self.accept(unmoved) {
                    from = to;
                }
            }
            chunk /= 2;
        }
    }

    fn fewer_faults(&mut self) {
        let mut chunk = self.best.faults.len();
        while chunk > 0 {
            let mut from = 0;
            while from < self.best.faults.len() {
                let to = (from + chunk).min(self.best.faults.len());
                if !self.without_faults(from, to, 0) && !self.without_faults(from, to, 1) {
                    from = to;
                }
            }
            chunk /= 2;
        }
    }

    /// Without the faults `from..to`, each of which cost `transactions` more.
    fn without_faults(&mut self, from: usize, to: usize, transactions: u64) -> bool {
        self.try_with(|scenario| {
            scenario.faults.drain(from..to);
            for entry in &mut scenario.faults[from..] {
                entry.0 = entry.0.saturating_sub(transactions * (to - from) as u64);
            }
            scenario.faults.sort_by_key(|entry| entry.0);
        })
    }

    /// A slave without peculiarities. Its CRC stays: what is promised depends on it.
    fn simpler_slave(&mut self) {
        self.try_with(|scenario| scenario.spec.half_duplex = false);
        self.try_with(|scenario| scenario.spec.stuck_interrupt = false);
        self.try_with(|scenario| scenario.spec.no_interrupt = false);
        self.try_with(|scenario| scenario.spec.no_reset = true);
        let late = self.best.spec.late_interrupt.as_micros() as u64;
        self.lower(late, 0, |scenario, late| {
            scenario.spec.late_interrupt = Duration::from_micros(late);
        });
    }

    fn shorter_frames(&mut self) {
        for index in 0..self.best.frames.len() {
            let len = self.best.frames[index].len as u64;
            self.lower(len, 1, |scenario, len| {
                scenario.frames[index].len = len as usize;
            });
        }
    }

    /// Each no earlier than the frame before, and those that follow with it.
    fn earlier_frames(&mut self) {
        self.try_with(|scenario| scenario.frames.iter_mut().for_each(|frame| frame.at = 0));
        for index in 0..self.best.frames.len() {
            let least = match index {
                0 => 0,
                _ => self.best.frames[index - 1].at,
            };
            let at = self.best.frames[index].at;
            self.lower(at, least, |scenario, earlier| {
                let gap = scenario.frames[index].at - earlier;
                for Frame { at, .. } in &mut scenario.frames[index..] {
                    *at = at.saturating_sub(gap);
                }
            });
        }
    }

    fn simpler_faults(&mut self) {
        for index in 0..self.best.faults.len() {
            let set = move |scenario: &mut Scenario, fault| scenario.faults[index].1 = fault;
            match self.best.faults[index].1 {
                Fault::Void { .. } => {
                    self.try_with(|scenario| set(scenario, Fault::Void { low: false }));
                }
                Fault::Garbage { behind, seed } => {
                    self.lower(u64::from(seed), 0, |scenario, seed| {
                        let seed = seed as u32;
                        set(scenario, Fault::Garbage { behind, seed });
                    });
                    self.try_with(|scenario| {
                        if let Fault::Garbage { behind, .. } = &mut scenario.faults[index].1 {
                            *behind = Behind::Nothing;
                        }
                    });
                }
                Fault::Flip { way, bit } => self.lower(u64::from(bit), 0, |scenario, bit| {
                    let bit = bit as u32;
                    set(scenario, Fault::Flip { way, bit });
                }),
                Fault::FlipAny { way, bit } => self.lower(u64::from(bit), 0, |scenario, bit| {
                    let bit = bit as u32;
                    set(scenario, Fault::FlipAny { way, bit });
                }),
                Fault::Refuse
                | Fault::LateHeader { .. }
                | Fault::DataLen { .. }
                | Fault::LoseEdge
                | Fault::Reset
                | Fault::Eio => {}
            }
        }
    }

    /// No earlier than the fault before.
    fn earlier_faults(&mut self) {
        for index in 0..self.best.faults.len() {
            let least = match index {
                0 => 0,
                _ => self.best.faults[index - 1].0,
            };
            let at = self.best.faults[index].0;
            self.lower(at, least, |scenario, at| scenario.faults[index].0 = at);
        }
    }
}

/// Eight of them fill the echo's buffers.
const LONG: usize = 1295;
/// What a run costs beside its frames, in frames.
const RUN_WORK: usize = 100;
/// Some minutes.
const WORK_MAX: usize = 50_000_000;
