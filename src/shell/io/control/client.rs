//! One client of the control socket.

use super::REQUESTS_MAX;
use crate::buffer::Buffer;
use crate::ctl::line::{self, LINE_MAX};
use crate::ctl::{Answer, Code, Failure, Ticket};
use mio::event::Event;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

/// A connected client, its unread lines and unwritten answers.
#[derive(Debug)]
pub(super) struct Client {
    stream: UnixStream,
    uid: u32,
    /// May ask for what needs privilege.
    pub(super) privileged: bool,
    /// Wants events.
    pub(super) monitors: bool,
    running: Vec<Running>,
    input: Buffer,
    output: Buffer,
    /// Events and frames that were dropped and are not told yet.
    lost: u64,
    /// Wrong lines in a row.
    wrong: u32,
    readable: bool,
    writable: bool,
    /// Whether the poll tells of room to write.
    watches_room: bool,
    /// It sends no more, and may still read.
    ended: bool,
    /// It is written to once more in this turn, then closed.
    closing: bool,
    gone: bool,
}

/// A request that is being worked on.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) ticket: Ticket,
    pub(super) tag: String,
    /// Secrets are hidden in its rows.
    pub(super) hides: bool,
    /// Its rows are frames, which may be lost.
    pub(super) sniffs: bool,
}

/// What happens to a line that the client does not read soon enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Urgency {
    /// It cannot be left out: no room disconnects.
    Must,
    /// It is dropped and counted.
    MayBeLost,
}

/// What the client sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A line without its end.
    Text(String),
    /// A line that is no text.
    NotUtf8,
    /// What came after the last line feed before the client ended its side.
    Cut,
}

impl Client {
    pub(super) fn new(
        stream: UnixStream,
        uid: u32,
        privileged: bool,
        registry: &Registry,
        token: Token,
    ) -> io::Result<Self> {
        let fd = stream.as_raw_fd();
        registry.register(&mut SourceFd(&fd), token, Interest::READABLE)?;
        Ok(Client {
            stream,
            uid,
            privileged,
            monitors: false,
            running: Vec::new(),
            input: Buffer::new(LINE_MAX),
            output: Buffer::new(OUTPUT_MAX),
            lost: 0,
            wrong: 0,
            readable: true,
            writable: true,
            watches_room: false,
            ended: false,
            closing: false,
            gone: false,
        })
    }

    /// Takes note of what the poll told.
    pub(super) fn latch(&mut self, event: &Event) {
        self.readable |= event.is_readable() || event.is_read_closed();
        self.writable |= event.is_writable();
        // Both directions are closed: nobody is there. A client that only sends no more does not do it.
        self.gone |= event.is_write_closed() || event.is_error();
    }

    pub(super) fn is_gone(&self) -> bool {
        let done = self.ended && self.running.is_empty() && !self.monitors;
        self.gone
            || self.closing
            || (done && self.output.filled().is_empty() && self.input.filled().is_empty())
    }

    pub(super) fn tickets(&self) -> impl Iterator<Item = Ticket> + '_ {
        self.running.iter().map(|running| running.ticket)
    }

    pub(super) fn running(&self, ticket: Ticket) -> Option<&Running> {
        self.running.iter().find(|running| running.ticket == ticket)
    }

    pub(super) fn forget(&mut self, ticket: Ticket) {
        self.running.retain(|running| running.ticket != ticket);
    }

    pub(super) fn start(&mut self, running: Running) {
        self.running.push(running);
    }

    pub(super) fn is_busy(&self) -> bool {
        self.running.len() >= REQUESTS_MAX
    }

    pub(super) fn has_tag(&self, tag: &str) -> bool {
        self.running.iter().any(|running| running.tag == tag)
    }

    /// Ends a running request, and answers it.
    pub(super) fn cancel(&mut self, tag: &str) -> Option<Ticket> {
        let index = self.running.iter().position(|running| running.tag == tag)?;
        let running = self.running.remove(index);
        let failure = Failure::new(Code::Cancelled, "it was cancelled");
        self.answer(&running.tag, &Answer::Failed(failure));
        Some(running.ticket)
    }

    pub(super) fn answer(&mut self, tag: &str, answer: &Answer) {
        self.push(&line::answer(tag, answer), Urgency::Must);
    }

    /// Answers a line that makes no sense; too many of them disconnect.
    pub(super) fn wrong(&mut self, tag: Option<&str>, failure: &Failure) {
        match tag {
            Some(tag) => self.answer(tag, &Answer::Failed(failure.clone())),
            None => self.push(&line::refusal(failure), Urgency::Must),
        }
        self.wrong += 1;
        if self.wrong > WRONG_MAX {
            self.close("too many lines in a row that make no sense");
        }
    }

    /// A line made sense.
    pub(super) fn was_right(&mut self) {
        self.wrong = 0;
    }

    /// Puts a line behind what waits to be written.
    pub(super) fn push(&mut self, line: &str, urgency: Urgency) {
        let waiting = self.output.filled().len();
        match urgency {
            Urgency::Must if line.len() > self.output.room() => {
                log::warn!(
                    "control socket: a client of user {} does not read its answers: disconnected",
                    self.uid
                );
                self.gone = true;
            }
            Urgency::Must => self.append(line),
            // Once some are lost, there must be room for a while before they go on.
            Urgency::MayBeLost if self.lost > 0 && waiting > TOLD_AGAIN_BELOW => self.lost += 1,
            Urgency::MayBeLost if waiting.saturating_add(line.len()) > LOSABLE_MAX => {
                self.lost += 1;
            }
            Urgency::MayBeLost => {
                self.tell_lost();
                self.append(line);
            }
        }
    }

    /// Writes what waits, as far as the client takes it.
    pub(super) fn flush(&mut self, registry: &Registry, token: Token) {
        while self.writable && !self.gone && !self.output.filled().is_empty() {
            match self.stream.write(self.output.filled()) {
                Ok(n) => {
                    self.output.consume(n);
                    if self.output.filled().is_empty() {
                        self.tell_lost();
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.writable = false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => self.gone = true,
            }
        }
        if self.watches_room == self.writable && !self.gone {
            self.watch_room(registry, token);
        }
    }

    /// Reads once, if there may be something and its answers do not wait.
    pub(super) fn read(&mut self) {
        if !self.readable || self.gone || self.closing || self.is_stuffed() {
            return;
        }
        let space = self.input.space();
        if space.is_empty() {
            return;
        }
        match self.stream.read(space) {
            Ok(0) => {
                self.readable = false;
                self.ended = true;
            }
            Ok(n) => self.input.commit(n),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.readable = false,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => self.gone = true,
        }
        if self.line_length().is_none() && self.input.room() == 0 {
            let failure = Failure::new(
                Code::Usage,
                format!("a line has at most {LINE_MAX} octets, its end included"),
            );
            self.push(&line::refusal(&failure), Urgency::Must);
            self.close("a line that is too long");
        }
    }

    /// The next line, unless its answers wait.
    pub(super) fn next_line(&mut self) -> Option<Line> {
        if self.gone || self.closing || self.is_stuffed() {
            return None;
        }
        let Some(length) = self.line_length() else {
            return self.take_cut();
        };
        let line = match core::str::from_utf8(self.input.filled().get(..length)?) {
            Ok(text) => Line::Text(text.to_owned()),
            Err(_) => Line::NotUtf8,
        };
        self.input.consume(length + 1);
        Some(line)
    }

    /// A request may be in it; or a part of another one, which is not to be guessed.
    fn take_cut(&mut self) -> Option<Line> {
        if !self.has_cut() {
            return None;
        }
        self.input.consume(self.input.filled().len());
        Some(Line::Cut)
    }

    fn has_cut(&self) -> bool {
        self.ended && !self.input.filled().is_empty()
    }

    /// Whether another turn would find something to do at once.
    pub(super) fn has_more(&self) -> bool {
        let has_line = self.line_length().is_some() || self.has_cut();
        !self.is_gone() && !self.is_stuffed() && (self.readable || has_line)
    }

    /// So many answers wait that it must read before it can ask more.
    fn is_stuffed(&self) -> bool {
        self.output.filled().len() > STUFFED
    }

    fn line_length(&self) -> Option<usize> {
        self.input.filled().iter().position(|&octet| octet == b'\n')
    }

    fn append(&mut self, line: &str) {
        let octets = line.as_bytes();
        if let Some(space) = self.output.space().get_mut(..octets.len()) {
            space.copy_from_slice(octets);
            self.output.commit(octets.len());
        }
    }

    fn tell_lost(&mut self) {
        if self.lost > 0 {
            let line = line::lost(core::mem::take(&mut self.lost));
            self.append(&line);
        }
    }

    fn close(&mut self, why: &str) {
        log::info!(
            "control socket: a client of user {} sent {why}: disconnected",
            self.uid
        );
        self.closing = true;
    }

    fn watch_room(&mut self, registry: &Registry, token: Token) {
        let interest = if self.writable {
            Interest::READABLE
        } else {
            Interest::READABLE | Interest::WRITABLE
        };
        let fd = self.stream.as_raw_fd();
        match registry.reregister(&mut SourceFd(&fd), token, interest) {
            Ok(()) => self.watches_room = !self.writable,
            Err(error) => {
                log::warn!("control socket: epoll: {error}");
                self.gone = true;
            }
        }
    }
}

/// What waits for a client: all rows of the greatest result (300 properties, some 60 octets each) fit
/// in three times.
const OUTPUT_MAX: usize = 65_536;

/// What may be lost takes half of that, so that answers have the other half.
const LOSABLE_MAX: usize = OUTPUT_MAX / 2;

/// A client has caught up when only so much waits.
const TOLD_AGAIN_BELOW: usize = OUTPUT_MAX / 8;

/// More than this waiting: no new requests are read.
const STUFFED: usize = OUTPUT_MAX / 2;

/// A person mistypes a few times; garbage does not stop.
const WRONG_MAX: u32 = 16;
