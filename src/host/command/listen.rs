//! What tasks hear: values and states that the co-processor tells unasked, the command line's output, raw frames, and
//! that time passes.

use super::run::{Desk, Tasks};
use super::task::Doing;
use super::wait::{Told, Verdict};
use crate::ctl::{Answer, Code, Failure, Field, Fields};
use crate::host::script::Until;
use crate::host::tasks;
use crate::wire::ids::Property;

impl Tasks {
    /// Something was told: who waited for it?
    pub(in crate::host) fn tell(&mut self, told: Told<'_>, desk: &mut Desk<'_>) {
        if self.list.is_empty() {
            return;
        }
        if let Told::Value(Property::STREAM_RAW, value) = told {
            if let Some(row) = tasks::sniff_row(value) {
                self.tell_sniffers(&row, desk);
            }
            return;
        }
        if let Told::Value(Property::STREAM_CLI, piece) = told {
            return self.command_line_said(piece, desk);
        }
        for id in self.ids() {
            self.tell_task(id, told, desk);
        }
    }

    fn tell_task(&mut self, id: u32, told: Told<'_>, desk: &mut Desk<'_>) {
        let Some(task) = self.get_mut(id) else {
            return;
        };
        let origin = task.origin;
        let Doing::Waiting(waiting) = &mut task.doing else {
            return;
        };
        match waiting.judge(told, desk.known) {
            Verdict::Nothing => {}
            Verdict::Over => self.run_id(id, desk),
            Verdict::Row(row, is_last) => {
                // The time counts from the last event (§7.4: "scan event gap").
                waiting.goes_on(desk.now);
                desk.tell(origin, Answer::Row(row));
                if is_last {
                    self.run_id(id, desk);
                }
            }
            Verdict::Failed(failure) => self.undo_id(id, failure, desk),
            Verdict::Nobody(failure) => self.search_again(id, failure, desk),
            Verdict::Doomed(failure) => waiting.dooms(desk.now, failure),
        }
    }

    /// Time has passed.
    pub(in crate::host) fn handle_time(&mut self, desk: &mut Desk<'_>) {
        let now = desk.now;
        if self.poll_timeout().map_or(true, |at| now < at) {
            return;
        }
        for id in self.ids() {
            let Some(task) = self.get_mut(id) else {
                continue;
            };
            match &mut task.doing {
                Doing::Pausing(until) if *until <= now => self.run_id(id, desk),
                Doing::Waiting(waiting) => match waiting.failed(now) {
                    Some(Some(failure)) => self.undo_id(id, failure, desk),
                    Some(None) => self.run_id(id, desk),
                    None => {
                        if let Some(progress) = waiting.progress(&task.scan, now) {
                            desk.tell(task.origin, progress);
                        }
                    }
                },
                _ => {}
            }
        }
    }

    /// A piece of STREAM_CLI, for the task whose command it answers.
    fn command_line_said(&mut self, piece: &[u8], desk: &mut Desk<'_>) {
        for id in self.ids() {
            let Some(task) = self.get_mut(id) else {
                continue;
            };
            let Some(output) = &mut task.output else {
                continue;
            };
            let lines = output.take(piece);
            let mut end = None;
            if let Doing::Waiting(waiting) = &mut task.doing {
                if waiting.until == Until::CommandEnds {
                    waiting.goes_on(desk.now);
                    end = output.end();
                }
            }
            if let Some(Ok(())) = end {
                task.steps.clear();
            }
            for line in lines {
                let row = Fields::new().with("output", Field::Text(line));
                desk.tell(task.origin, Answer::Row(row));
            }
            match end {
                Some(Ok(())) => self.run_id(id, desk),
                Some(Err(failure)) => self.undo_id(id, failure, desk),
                None => {}
            }
        }
    }

    /// A raw frame, for everyone who sniffs.
    fn tell_sniffers(&self, row: &Fields, desk: &mut Desk<'_>) {
        for task in &self.list {
            if matches!(task.doing, Doing::Sniffing) {
                desk.tell(task.origin, Answer::Row(row.clone()));
            }
        }
    }

    /// Clients that scan are told that it is over; the scan itself goes on to its end (errata E19).
    pub(in crate::host) fn stop_scans(&mut self, desk: &mut Desk<'_>) {
        for task in &mut self.list {
            let scans =
                matches!(&task.doing, Doing::Waiting(waiting) if waiting.until == Until::ScanEnds);
            if scans {
                let failure = Failure::new(Code::Cancelled, "the scan was stopped");
                desk.tell(task.origin, Answer::Failed(failure));
                task.origin.client = None;
            }
        }
    }

    /// Who joins by passphrase is told that it is over. Newer firmware says nothing when its joiner is
    /// stopped.
    pub(in crate::host) fn stop_joining(&mut self, desk: &mut Desk<'_>) {
        for id in self.ids() {
            let joins = self.get_mut(id).is_some_and(|task| {
                matches!(&task.doing, Doing::Waiting(waiting) if waiting.until == Until::Joined)
            });
            if joins {
                let failure = Failure::new(Code::Cancelled, "joining was stopped");
                self.undo_id(id, failure, desk);
            }
        }
    }
}
