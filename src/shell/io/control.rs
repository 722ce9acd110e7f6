//! The control socket: who listens, who is connected, and what waits for them. The words are those of
//! [`crate::ctl::line`].
//!
//! Nobody can block the bridge, or use up its memory:
//!
//! | what | bound |
//! | --- | --- |
//! | clients | 32, of which 4 are for root and our own user; one more is told why, and closed |
//! | a line to us | 4096 octets; a longer one disconnects |
//! | requests of a client at the same time | 8; one more is answered `busy` |
//! | what waits for a client | 64 KiB; an answer that does not fit disconnects |
//! | events and sniffed frames in that | 32 KiB; more are dropped, counted, and told as `* lost n=N` |
//! | no descriptors left | one more client is told so, and closed |
//! | wrong lines in a row | 16; the next one disconnects |
//! | work in a turn | one read, 8 lines and two writes for each client; 8 new clients |
//!
//! A client whose answers wait is not read from before it has read half of them.
//!
//! [`Control`] is a poll of its own, so that the event loop watches one descriptor for all clients.

mod client;
mod socket;
#[cfg(test)]
mod tests;

pub use socket::OpenError;

use crate::ctl::line::{self, RequestLine};
use crate::ctl::privilege::needs_privilege;
use crate::ctl::request::Request;
use crate::ctl::verbs::{self, Asked, Serve};
use crate::ctl::{secrets, Answer, Code, Event, Failure, Field, Fields, Ticket};
use client::{Client, Line, Running, Urgency};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use nix::errno::Errno;
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use nix::unistd::geteuid;
use socket::Path as SocketPath;
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;

/// How the socket is to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// The network interface that is managed here, for the greeting.
    pub interface: String,
    /// The group whose members may connect, by name or number; else the group of this process.
    pub group: Option<String>,
    /// Everybody who may connect may also do what needs privilege, as root may.
    pub raw: bool,
}

/// The listening socket and its clients.
#[derive(Debug)]
pub struct Control {
    poll: Poll,
    events: Events,
    listener: UnixListener,
    acceptable: bool,
    /// Kept to accept with where there is no other descriptor left, or whoever waits would wait for ever.
    spare: Option<OwnedFd>,
    clients: Vec<Option<Client>>,
    next_serial: u64,
    cancelled: VecDeque<Ticket>,
    interface: String,
    raw: bool,
    /// Removes the socket when it is dropped.
    path: SocketPath,
}

impl Control {
    /// Listens on `path`, with mode 0660. The directory is made if it is missing; a socket that nobody
    /// listens on is replaced. The socket is removed when this is dropped.
    ///
    /// # Errors
    /// [`OpenError`]; one of them is that another instance listens already.
    pub fn open(path: &Path, settings: &Settings) -> Result<Self, OpenError> {
        let (listener, path) = SocketPath::listen(path, settings.group.as_deref())?;
        let poll = Poll::new().map_err(OpenError::Poll)?;
        let fd = listener.as_raw_fd();
        poll.registry()
            .register(&mut SourceFd(&fd), LISTENER, Interest::READABLE)
            .map_err(OpenError::Poll)?;
        Ok(Control {
            poll,
            events: Events::with_capacity(CLIENTS_MAX + 1),
            spare: spare(&listener),
            listener,
            acceptable: true,
            clients: (0..CLIENTS_MAX).map(|_| None).collect(),
            next_serial: 0,
            cancelled: VecDeque::new(),
            interface: settings.interface.clone(),
            raw: settings.raw,
            path,
        })
    }

    /// Readable when [`Control::turn`] has something to do.
    pub fn fd(&self) -> RawFd {
        self.poll.as_raw_fd()
    }

    /// Everything that can be done now: accepts clients, reads lines, writes what waits. Calls `handle`
    /// for each request that is for the host. Returns whether there is more to do at once.
    ///
    /// Call [`Control::take_cancelled`] until it is empty after each turn.
    pub fn turn(&mut self, handle: &mut dyn FnMut(Ticket, Request)) -> bool {
        self.latch();
        let mut more = self.accept();
        for slot in 0..self.clients.len() {
            if let Some(mut client) = self.clients[slot].take() {
                more |= self.serve(slot, &mut client, handle);
                self.keep(slot, client);
            }
        }
        more
    }

    /// Answers a request. After [`Answer::Done`] or [`Answer::Failed`] the ticket is used up; an answer
    /// to a ticket that is used up, or was cancelled, goes nowhere.
    pub fn answer(&mut self, ticket: Ticket, answer: &Answer) {
        let slot = slot_of(ticket);
        let Some(mut client) = self.clients.get_mut(slot).and_then(Option::take) else {
            return;
        };
        if let Some(running) = client.running(ticket) {
            let urgency = match answer {
                Answer::Row(_) if running.sniffs => Urgency::MayBeLost,
                _ => Urgency::Must,
            };
            let text = match answer {
                Answer::Row(fields) if running.hides => {
                    line::answer(&running.tag, &Answer::Row(secrets::hide(fields)))
                }
                answer => line::answer(&running.tag, answer),
            };
            client.push(&text, urgency);
            if matches!(answer, Answer::Done | Answer::Failed(_)) {
                client.forget(ticket);
            }
            client.flush(self.poll.registry(), Token(slot));
        }
        self.keep(slot, client);
    }

    /// Tells an event to all who monitor. Secrets are hidden.
    pub fn event(&mut self, event: &Event) {
        let mut text = None;
        for slot in 0..self.clients.len() {
            let Some(mut client) = self.clients[slot].take() else {
                continue;
            };
            if client.monitors {
                let text = text.get_or_insert_with(|| {
                    line::event(&Event {
                        name: event.name,
                        fields: secrets::hide(&event.fields),
                    })
                });
                client.push(text, Urgency::MayBeLost);
                client.flush(self.poll.registry(), Token(slot));
            }
            self.keep(slot, client);
        }
    }

    /// A request that nobody waits for any more: its client went, or cancelled it, and was told so. What
    /// is still answered to it goes nowhere.
    pub fn take_cancelled(&mut self) -> Option<Ticket> {
        self.cancelled.pop_front()
    }

    /// The socket's directory is about to be out of reach (chroot): no descriptor leads there any more.
    /// The socket is not removed then.
    pub fn leave_directory(&mut self) {
        self.path.leave();
    }

    /// How many clients are connected.
    pub fn clients(&self) -> usize {
        self.clients.iter().flatten().count()
    }

    fn latch(&mut self) {
        // There is room for an event of each descriptor, so that one look sees all.
        if let Err(error) = self.poll.poll(&mut self.events, Some(Duration::ZERO)) {
            if error.kind() != io::ErrorKind::Interrupted {
                log::error!("control socket: epoll: {error}");
            }
            return;
        }
        for event in &self.events {
            if event.token() == LISTENER {
                self.acceptable = true;
            } else if let Some(Some(client)) = self.clients.get_mut(event.token().0) {
                client.latch(event);
            }
        }
    }

    fn accept(&mut self) -> bool {
        for _ in 0..ACCEPTS_PER_TURN {
            if !self.acceptable {
                return false;
            }
            match self.listener.accept() {
                Ok((stream, _)) => self.welcome(stream),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.acceptable = false;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if is_exhausted(&error) && self.spare.is_some() => self.turn_away(),
                Err(error) => {
                    // Whoever waits is taken in at the next turn, but there is no reason to try again at
                    // once.
                    log::warn!("control socket: a client cannot be accepted: {error}");
                    return false;
                }
            }
        }
        true
    }

    /// Accepts a client with the descriptor that is kept for this, and sends it away.
    fn turn_away(&mut self) {
        self.spare = None;
        match self.listener.accept() {
            Ok((stream, _)) => {
                log::warn!(
                    "control socket: a client was sent away: no descriptors are left: raise the limit, \
                     which is LimitNOFILE= with systemd"
                );
                refuse(
                    &stream,
                    "no descriptors are left: try again later".to_owned(),
                );
            }
            // The kernel looks for a descriptor first, so nobody had to be waiting.
            Err(error) => self.acceptable = error.kind() == io::ErrorKind::Interrupted,
        }
        self.spare = spare(&self.listener);
    }

    fn welcome(&mut self, stream: UnixStream) {
        if let Err(error) = stream.set_nonblocking(true) {
            log::warn!("control socket: {error}");
            return;
        }
        let uid = match getsockopt(&stream, PeerCredentials) {
            Ok(credentials) => credentials.uid(),
            Err(error) => {
                // As in `socket`: the text of nix takes a table.
                let error = io::Error::from(error);
                return log::warn!("control socket: a client was not taken in: {error}");
            }
        };
        let is_master = uid == 0 || uid == geteuid().as_raw();
        let places = CLIENTS_MAX - if is_master { 0 } else { RESERVED };
        let Some(slot) = self.clients[..places].iter().position(Option::is_none) else {
            let why = match is_master {
                true => format!("{CLIENTS_MAX} clients are connected already: close one"),
                false => format!(
                    "{places} clients are connected already, and the rest is kept for root: close one"
                ),
            };
            return refuse(&stream, why);
        };
        let privileged = self.raw || uid == 0;
        match Client::new(stream, uid, privileged, self.poll.registry(), Token(slot)) {
            Ok(mut client) => {
                client.push(&line::greeting(&self.interface), Urgency::Must);
                self.keep(slot, client);
            }
            Err(error) => log::warn!("control socket: a client was not taken in: {error}"),
        }
    }

    /// Puts a client back, unless it is gone.
    fn keep(&mut self, slot: usize, client: Client) {
        if client.is_gone() {
            self.cancelled.extend(client.tickets());
        } else if let Some(place) = self.clients.get_mut(slot) {
            *place = Some(client);
        }
    }

    fn serve(
        &mut self,
        slot: usize,
        client: &mut Client,
        handle: &mut dyn FnMut(Ticket, Request),
    ) -> bool {
        client.flush(self.poll.registry(), Token(slot));
        client.read();
        for _ in 0..LINES_PER_TURN {
            match client.next_line() {
                None => break,
                Some(Line::Text(text)) => self.line(slot, client, &text, handle),
                Some(Line::NotUtf8) => client.wrong(None, &usage("the line is not UTF-8")),
                Some(Line::Cut) => client.wrong(None, &usage(CUT)),
            }
        }
        client.flush(self.poll.registry(), Token(slot));
        client.has_more()
    }

    fn line(
        &mut self,
        slot: usize,
        client: &mut Client,
        text: &str,
        handle: &mut dyn FnMut(Ticket, Request),
    ) {
        let request = match RequestLine::parse(text) {
            Ok(None) => return,
            Ok(Some(request)) => request,
            Err(error) => return client.wrong(error.tag, &error.failure),
        };
        let tag = request.tag;
        if client.has_tag(tag) {
            let failure = usage("a request with this tag is running: choose another");
            return client.wrong(Some(tag), &failure);
        }
        match verbs::parse(request.verb, &request.words) {
            Err(failure) => client.wrong(Some(tag), &failure),
            Ok(Asked::Serve(service)) => {
                client.was_right();
                self.service(client, tag, service);
            }
            Ok(Asked::Cancel(which)) => match client.cancel(&which) {
                None => client.wrong(
                    Some(tag),
                    &Failure::new(Code::State, "no request with that tag is running"),
                ),
                Some(ticket) => {
                    client.was_right();
                    self.cancelled.push_back(ticket);
                    client.answer(tag, &Answer::Done);
                }
            },
            Ok(Asked::Host(request)) => {
                client.was_right();
                match permitted(client, &request) {
                    Err(failure) => client.answer(tag, &Answer::Failed(failure)),
                    Ok(()) => {
                        let ticket = self.ticket(slot);
                        client.start(Running {
                            ticket,
                            tag: tag.to_owned(),
                            hides: request == Request::ListProperties,
                            sniffs: matches!(request, Request::Sniff { .. }),
                        });
                        handle(ticket, request);
                    }
                }
            }
        }
    }

    fn service(&self, client: &mut Client, tag: &str, service: Serve) {
        match service {
            Serve::Monitor => client.monitors = true,
            Serve::MonitorOff => client.monitors = false,
            Serve::Version => {
                let row = Fields::new()
                    .with("version", Field::word(env!("CARGO_PKG_VERSION")))
                    .with("protocol", line::PROTOCOL)
                    .with("interface", Field::word(&self.interface));
                client.answer(tag, &Answer::Row(row));
            }
            // Comes as `Asked::Cancel`.
            Serve::Cancel => {}
        }
        client.answer(tag, &Answer::Done);
    }

    /// Names the client's slot, too.
    fn ticket(&mut self, slot: usize) -> Ticket {
        let serial = self.next_serial;
        self.next_serial += 1;
        Ticket(serial * CLIENTS_MAX as u64 + slot as u64)
    }
}

fn refuse(mut stream: &UnixStream, why: String) {
    let text = line::refusal(&Failure::new(Code::Busy, why));
    // It has just connected, so there is room for a line.
    let _ = io::Write::write(&mut stream, text.as_bytes());
}

fn spare(listener: &UnixListener) -> Option<OwnedFd> {
    listener.as_fd().try_clone_to_owned().ok()
}

/// Of this process, or of the whole system.
fn is_exhausted(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw);
    matches!(errno, Some(Errno::EMFILE | Errno::ENFILE))
}

fn slot_of(ticket: Ticket) -> usize {
    // Less than CLIENTS_MAX.
    (ticket.0 % CLIENTS_MAX as u64) as usize
}

fn permitted(client: &Client, request: &Request) -> Result<(), Failure> {
    if needs_privilege(request) && !client.privileged {
        return Err(Failure::new(
            Code::Denied,
            "only root may do that, unless the driver was started with --control-raw",
        ));
    }
    if client.is_busy() {
        return Err(Failure::new(
            Code::Busy,
            format!("{REQUESTS_MAX} requests are running on this connection: wait for one"),
        ));
    }
    Ok(())
}

fn usage(message: &str) -> Failure {
    Failure::new(Code::Usage, message)
}

/// To somebody who ended the connection, or the writing half of it, in the middle of a line.
const CUT: &str = "the last line was left out: it has no line feed at its end";

const LISTENER: Token = Token(CLIENTS_MAX);

/// More than anybody has shells and monitors open; each may take up 68 KiB.
const CLIENTS_MAX: usize = 32;

/// Places that members of the group cannot take up: whoever sees to the machine is never locked out.
const RESERVED: usize = 4;

/// Requests of one client at the same time: a few scripts on one connection. The co-processor takes one
/// command at a time anyway (protocol §7.4).
const REQUESTS_MAX: usize = 8;

/// So that a flood of clients does not delay frames: some 10 µs each.
const ACCEPTS_PER_TURN: usize = 8;

/// So that a client that sends many short lines does not delay frames.
const LINES_PER_TURN: usize = 8;
