//! What the answer to a command of a task means for the task, and what its client is told of it.

use super::reply::Reply;
use super::transact::property_of;
use crate::ctl::{Code, Failure, Fields};
use crate::host::failure::{self, What};
use crate::host::script::{Judge, OnError, Report, Send, Verdict};
use crate::host::tasks;
use crate::time::Duration;
use crate::wire::ids::Command;

/// What follows from the answer to a command.
pub(super) struct Judged {
    pub(super) rows: Vec<Fields>,
    pub(super) skips_next: bool,
    /// To be sent once more, after a pause.
    pub(super) again: Option<(Duration, Send)>,
}

/// Whether the task goes on, and how; or why it fails.
pub(super) fn judge(send: &Send, reply: &Reply<'_>) -> Result<Judged, Failure> {
    if let Some(status) = reply.error() {
        let tolerated = match send.on_error {
            OnError::Fail => false,
            OnError::Tolerate | OnError::SkipNext => true,
            OnError::TolerateAlready => status.is_done_already(),
            OnError::OrElse => status.is_absent() || status.is_done_already(),
        };
        if !tolerated {
            return Err(failure::of_status(what(send), status));
        }
        return Ok(Judged {
            rows: Vec::new(),
            skips_next: match send.on_error {
                OnError::SkipNext => true,
                OnError::OrElse => status.is_done_already(),
                _ => false,
            },
            again: None,
        });
    }
    let rows = match send.report {
        Report::Judged(judge) => match (judge.verdict)(reply.value) {
            Verdict::Over(rows) => rows,
            Verdict::Again => {
                return Ok(Judged {
                    rows: Vec::new(),
                    skips_next: false,
                    again: Some(again(send, judge)?),
                })
            }
            Verdict::Failed(failure) => return Err(failure),
        },
        _ => rows_of(send, reply)?,
    };
    Ok(Judged {
        rows,
        skips_next: send.on_error == OnError::OrElse,
        again: None,
    })
}

/// What the client is told of a good answer.
fn rows_of(send: &Send, reply: &Reply<'_>) -> Result<Vec<Fields>, Failure> {
    match send.report {
        // Rows of what is judged are its judge's.
        Report::Nothing | Report::Judged(_) => Ok(Vec::new()),
        Report::Rows(rows) => Ok(rows(reply.value)),
        Report::Counter(counter) => Ok(tasks::counter_rows(counter, reply.value)),
        Report::Property(property) => match reply.value_of(property) {
            Some(value) => Ok(vec![tasks::property_row(reply.told, property, value)]),
            None if send.command == Command::PROP_VALUE_GET => Err(failure::odd_answer(what(send))),
            // A property without a getter is answered with OK.
            None => Ok(Vec::new()),
        },
    }
}

/// The same once more, after a pause; or why not.
fn again(send: &Send, judge: Judge) -> Result<(Duration, Send), Failure> {
    let Some(times) = judge.times.checked_sub(1) else {
        return Err(Failure::new(Code::Timeout, judge.otherwise));
    };
    let report = Report::Judged(Judge { times, ..judge });
    Ok((judge.every, send.clone().reporting(report)))
}

pub(super) fn what(send: &Send) -> What {
    What(send.command, property_of(send.command, &send.payload))
}
