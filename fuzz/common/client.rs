//! Control clients: each request has one end, and what they are told is a line that spinelctl reads back
//! and shows.

use spinel_bridge::ctl::client::{event_line, rows, values};
use spinel_bridge::ctl::line::{self, RequestLine, Told};
use spinel_bridge::ctl::secrets::hide;
use spinel_bridge::ctl::verbs::{parse, Asked};
use spinel_bridge::ctl::{Answer, Event, Failure, Fields, Request, Ticket};
use spinel_bridge::host::Host;
use std::collections::BTreeMap;

#[derive(Default)]
pub(crate) struct Clients {
    /// Requests without an end.
    open: BTreeMap<u64, Request>,
    ticket: u64,
    shown: Vec<Fields>,
}

impl Clients {
    /// Sends a line without its tag; what is no request for the host is refused with a line.
    pub(crate) fn ask(&mut self, host: &mut Host, text: &str) {
        if let Some(request) = request(text) {
            self.request(host, request);
        }
    }

    pub(crate) fn request(&mut self, host: &mut Host, request: Request) {
        if self.open.len() < OPEN_MAX {
            self.ticket += 1;
            self.open.insert(self.ticket, request.clone());
            host.request(Ticket(self.ticket), request);
        }
    }

    /// A client is gone.
    pub(crate) fn leave(&mut self, host: &mut Host, which: usize) {
        if let Some(&ticket) = self.open.keys().nth(which) {
            host.cancel(Ticket(ticket));
            self.open.remove(&ticket);
        }
    }

    /// Everyone who only listens is gone.
    pub(crate) fn stop_listening(&mut self, host: &mut Host) {
        let listens = |request: &Request| matches!(request, Request::Sniff { .. });
        for (&ticket, _) in self.open.iter().filter(|(_, request)| listens(request)) {
            host.cancel(Ticket(ticket));
        }
        self.open.retain(|_, request| !listens(request));
    }

    /// What has no end yet.
    pub(crate) fn open(&self) -> Vec<&Request> {
        self.open.values().collect()
    }

    /// Takes every answer and event that waits.
    pub(crate) fn read(&mut self, host: &mut Host) {
        for _ in 0..ANSWERS_MAX {
            let Some((Ticket(ticket), answer)) = host.poll_answer() else {
                break;
            };
            assert!(
                self.open.contains_key(&ticket),
                "{ticket} has ended: {answer:?}"
            );
            if matches!(answer, Answer::Done | Answer::Failed(_)) {
                self.open.remove(&ticket);
            }
            self.take(&answer);
        }
        assert!(host.poll_answer().is_none(), "answers without end");
        for count in 0.. {
            let Some(event) = host.poll_event() else {
                break;
            };
            assert!(count < EVENTS_MAX, "events without end");
            take_event(&event);
        }
    }

    fn take(&mut self, answer: &Answer) {
        let written = line::answer("t-1", answer);
        check_line(&written);
        let told = Told::parse(written.trim_end_matches('\n'));
        let Ok(Told::Answer { tag, answer: read }) = told else {
            panic!("{written:?} is read as {told:?}");
        };
        assert_eq!(tag, "t-1");
        assert_eq!(line::answer(&tag, &read), written);
        if let Answer::Row(row) = read {
            let _ = hide(&row);
            self.shown.push(row);
        }
        if self.shown.len() >= SHOWN_MAX || matches!(answer, Answer::Done) {
            let table = rows(&self.shown, self.shown.len() % 2 == 0) + &values(&self.shown);
            assert!(
                !table.contains(|c: char| c.is_control() && c != '\n'),
                "{table:?}"
            );
            self.shown.clear();
        }
    }
}

/// What the line asks the host for.
pub(crate) fn request(text: &str) -> Option<Request> {
    let text = format!("t-1 {text}");
    let failure = match RequestLine::parse(&text) {
        Ok(None) => return None,
        Ok(Some(line)) => match parse(line.verb, &line.words) {
            Ok(Asked::Host(request)) => return Some(request),
            Ok(_) => return None,
            Err(failure) => failure,
        },
        Err(error) => error.failure,
    };
    check_failure(&failure);
    None
}

/// A failure is one line that is read back.
pub(crate) fn check_failure(failure: &Failure) {
    let written = line::refusal(failure);
    check_line(&written);
    assert!(written.len() < line::LINE_MAX, "{written}");
    let told = Told::parse(written.trim_end_matches('\n'));
    let expected = Answer::Failed(failure.clone());
    assert!(
        matches!(&told, Ok(Told::Answer { answer, .. }) if *answer == expected),
        "{told:?}"
    );
}

pub(crate) fn take_event(event: &Event) {
    let written = line::event(event);
    check_line(&written);
    match Told::parse(written.trim_end_matches('\n')) {
        Ok(Told::Event { name, fields }) => {
            assert_eq!(name, event.name);
            let again = Event {
                name: event.name,
                fields: fields.clone(),
            };
            assert_eq!(line::event(&again), written);
            let shown = event_line(&name, &fields);
            assert!(
                !shown.trim_end_matches('\n').contains(char::is_control),
                "{shown:?}"
            );
        }
        told => panic!("{written:?} is read as {told:?}"),
    }
}

/// One line, no longer than the protocol says (`ctl::line`: 64 KiB).
fn check_line(line: &str) {
    let text = line.strip_suffix('\n').expect("the end of a line");
    assert!(!text.contains(char::is_control), "{line:?}");
    assert!(line.len() <= 65_536, "{} octets", line.len());
}

/// Tasks that run and requests that wait for the start-up, 32 each: so that there is no room for some.
const OPEN_MAX: usize = 64;
/// What may come between two reads, which is one frame at the most: 32 requests that waited for the start-up
/// with the host's 40 counters each, 510 rows of four octets in a frame of 2043, and an end of each request.
const ANSWERS_MAX: usize = 2_000;
/// Events that wait: more are lost, the oldest first.
const EVENTS_MAX: usize = 256;
/// Rows that are shown together; only so that showing them costs little.
const SHOWN_MAX: usize = 50;
