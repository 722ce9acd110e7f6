//! What a frame from the co-processor says: a packet, the answer to a command, or something that it
//! tells unasked (protocol §1.2, §1.3).

use super::command::reply::Reply;
use super::command::transact::{Expired, Matched};
use super::command::wait::Told;
use super::command::Owner;
use super::events;
use super::failure::{self, What};
use super::known::{self, REMEMBERED};
use super::session::{Phase, Session};
use super::traffic::packet::{self, Stream};
use super::traffic::slots::Fate;
use super::Host;
use crate::time::{earliest, Instant};
use crate::wire::ids::{Command, Property, Status};
use crate::wire::packed::Reader;
use crate::wire::spinel::{Frame, FrameError};
use core::num::NonZeroU8;

impl Host {
    pub(super) fn receive(&mut self, octets: &[u8]) {
        self.stats.frames += 1;
        self.session.heard(self.now);
        let frame = match Frame::parse(octets) {
            Ok(frame) => frame,
            Err(FrameError::Command(_)) => return self.stats.odd += 1,
            Err(FrameError::Empty | FrameError::NotSpinel(_)) => {
                return self.stats.not_spinel += 1;
            }
        };
        if !self.with_session(|session, ground| session.is_for_us(ground, &frame)) {
            return;
        }
        if self.receive_packet(&frame) {
            return;
        }
        if !self.session.listens() {
            self.listen_for_reset(&frame);
        } else if let Some(tid) = frame.header.tid() {
            self.receive_reply(&frame, tid);
        } else {
            self.receive_update(&frame);
        }
        self.drive();
    }

    /// The fast path; true if the frame was a packet.
    fn receive_packet(&mut self, frame: &Frame<'_>) -> bool {
        if frame.command != Command::PROP_VALUE_IS || frame.header.tid().is_some() {
            return false;
        }
        let stream = match frame.property() {
            Ok((Property::STREAM_NET, _)) => Stream::Net,
            Ok((Property::STREAM_NET_INSECURE, _)) => Stream::NetInsecure,
            _ => return false,
        };
        if !self.session.is_ready() {
            self.stats.untimely += 1;
            return true;
        }
        if self.with_session(Session::woke_by_itself) {
            return true;
        }
        let value = frame.property().map_or(&[][..], |(_, value)| value);
        // What follows the packet is metadata (§7.7).
        let Ok(packet) = Reader::new(value).data_with_length() else {
            self.stats.odd += 1;
            return true;
        };
        let path = packet::Path {
            state: self.session.known.state,
            joining: self.tasks.is_joining(),
            netif: &self.netif,
        };
        match packet::inbound(packet, stream, &path, &mut self.sessions) {
            Ok(()) if self.slots.push(packet) => self.stats.datagrams_received += 1,
            Ok(()) => self.stats.too_long += 1,
            Err(why) => self.stats.dropped(why),
        }
        true
    }

    /// Nothing but the notification of a reset counts now.
    fn listen_for_reset(&mut self, frame: &Frame<'_>) {
        match frame.last_status() {
            Some(status) if status.is_reset() => {
                self.with_session(|session, ground| session.reset_seen(ground, status));
            }
            _ => {
                self.stats.untimely += 1;
                self.with_session(Session::told_something_in_fault);
            }
        }
    }

    fn receive_reply(&mut self, frame: &Frame<'_>, tid: NonZeroU8) {
        let Some((told_property, value)) = reply_content(frame) else {
            return self.stats.odd += 1;
        };
        let status = frame.last_status();
        self.session.replied(self.now);
        let matched = self.engine.reply(self.now, tid, status);
        let Matched::Completed {
            owner,
            command,
            property,
            repeated,
        } = matched
        else {
            return;
        };
        let reply = Reply {
            asked: command,
            asked_property: property,
            told: frame.command,
            told_property,
            value,
            status,
            repeated,
        };
        if let Some(status) = status.filter(|status| status.is_reset()) {
            if property != Some(Property::LAST_STATUS) || owner == Owner::Hint {
                return self.with_session(|session, ground| session.reset_seen(ground, status));
            }
        }
        if reply.error().is_none() {
            self.session
                .refresh(known::after_success(command, property));
        }
        if let Some(told) = told_property.filter(|_| status.is_none()) {
            if property.is_some_and(|asked| asked != told) {
                self.stats.other_property += 1;
                log::debug!("{command} {property:?} was answered with {told}");
            }
            if frame.command == Command::PROP_VALUE_IS && !self.take_value(told, value) {
                return;
            }
        }
        self.dispatch(owner, &reply);
    }

    fn dispatch(&mut self, owner: Owner, reply: &Reply<'_>) {
        match owner {
            Owner::Startup => {
                self.with_session(|session, ground| session.startup_answered(ground, reply));
            }
            Owner::Task(id) => self.with_tasks(|tasks, desk| tasks.answered(id, reply, desk)),
            Owner::Netif => self.netif_answered(reply.error()),
            Owner::Refresh => self.session.refresh_answered(),
            Owner::Alive => self.session.life_answered(),
            Owner::Packet => self.packet_answered(reply.error()),
            Owner::Hint | Owner::Answer => {}
        }
    }

    fn receive_update(&mut self, frame: &Frame<'_>) {
        self.stats.unsolicited += 1;
        let status = frame.last_status();
        if let Some(status) = status.filter(|status| status.is_reset()) {
            return self.with_session(|session, ground| session.reset_seen(ground, status));
        }
        if self.with_session(Session::woke_by_itself) {
            return;
        }
        if let Some(answered) = self.answer_offload(frame) {
            return self.stats.odd += u64::from(!answered);
        }
        let Ok((property, value)) = frame.property() else {
            return self.stats.odd += 1;
        };
        match (frame.command, status) {
            (Command::PROP_VALUE_IS, Some(status)) => self.update_status(status),
            (Command::PROP_VALUE_IS, None) => {
                if self.take_value(property, value) {
                    if REMEMBERED.binary_search(&property).is_err() {
                        self.tell_unasked(frame.command, property, value);
                    }
                    self.session
                        .refresh(known::after_update(property, &self.session.known));
                    self.with_tasks(|tasks, desk| tasks.tell(Told::Value(property, value), desk));
                }
            }
            (Command::PROP_VALUE_INSERTED | Command::PROP_VALUE_REMOVED, _) => {
                let is_inserted = frame.command == Command::PROP_VALUE_INSERTED;
                self.tell_unasked(frame.command, property, value);
                self.netif
                    .ncp_item(property, value, is_inserted, &self.session.known);
                if REMEMBERED.binary_search(&property).is_ok() {
                    self.session.refresh(&[property]);
                }
                if is_inserted {
                    self.with_tasks(|tasks, desk| tasks.tell(Told::Value(property, value), desk));
                }
            }
            _ => self.stats.odd += 1,
        }
    }

    fn update_status(&mut self, status: Status) {
        match status {
            Status::NOMEM | Status::DROPPED => self.with_session(Session::lost_something),
            status if status.is_join() => {
                self.with_session(|session, ground| session.join_outcome(ground, status));
            }
            status => log::debug!("the co-processor reports {status}"),
        }
    }

    /// The whole value of a property, asked for or not; false if the co-processor was given up for it.
    fn take_value(&mut self, property: Property, value: &[u8]) -> bool {
        if events::is_log(property) {
            if let Some(event) = events::log(property, value) {
                self.outbox.event(event);
            }
            return true;
        }
        let learnt = self.with_session(|session, ground| session.learn(ground, property, value));
        let Some(is_new) = learnt else {
            return false;
        };
        // Before what follows for the state: an association gives the co-processor what its table lacks.
        self.netif.ncp_value(property, value, &self.session.known);
        self.with_session(|session, ground| session.value_means(ground, property, is_new));
        true
    }

    fn tell_unasked(&mut self, command: Command, property: Property, value: &[u8]) {
        if let Some(event) = events::told_unasked(command, property, value) {
            self.outbox.event(event);
        }
    }

    /// What got no reply, or never went out.
    pub(super) fn expire_commands(&mut self) {
        while let Some(expired) = self.engine.expire(self.now) {
            match expired {
                Expired::Stuck => self.with_session(Session::stuck),
                Expired::Unanswered {
                    owner,
                    command,
                    property,
                    since,
                } => self.unanswered(owner, What(command, property), since),
            }
        }
    }

    fn unanswered(&mut self, owner: Owner, what: What, since: Instant) {
        match owner {
            Owner::Packet => {
                self.slots.unanswered();
                return self.with_session(Session::ask_for_life);
            }
            Owner::Answer => return,
            _ => {}
        }
        let seconds =
            self.with_session(|session, ground| session.unanswered(ground, owner, what, since));
        let Some(seconds) = seconds else {
            return;
        };
        match owner {
            Owner::Task(id) => {
                let failure = failure::unanswered(what, seconds);
                self.with_tasks(|tasks, desk| tasks.undo_id(id, failure, desk));
            }
            // As if it had no room for it: it is tried again later.
            Owner::Netif => self.netif_answered(Some(Status::BUSY)),
            _ => {}
        }
        // Behind what undoes the task: commands go out in this order.
        self.with_session(Session::ask_for_life);
    }

    /// Queues a command of the host's own; false if too many wait.
    fn submit_own(&mut self, owner: Owner, command: Command, payload: Vec<u8>) -> bool {
        self.with_session(|_, ground| ground.submit(owner, command, payload))
    }

    /// A block that the co-processor wants to keep in this host's memory, or to have back (§1.3): there is
    /// room for none, and it is told so, since it may wait for that. `None` if it is something else, false
    /// if it cannot be read.
    fn answer_offload(&mut self, frame: &Frame<'_>) -> Option<bool> {
        let (command, status) = match frame.command {
            Command::HBO_OFFLOAD => (Command::HBO_OFFLOADED, Status::NOMEM),
            Command::HBO_RECLAIM => (Command::HBO_RECLAIMED, Status::ITEM_NOT_FOUND),
            Command::HBO_DROP => (Command::HBO_DROPPED, Status::ITEM_NOT_FOUND),
            _ => return None,
        };
        let Ok(id) = Reader::new(frame.payload).uint32() else {
            return Some(false);
        };
        log::debug!(
            "{}: answered with {status}: this host lends no memory",
            frame.command
        );
        // The id and a status of one octet; of what is to come back, no data follows.
        let payload = [&id.to_le_bytes()[..], &[status.0 as u8]].concat();
        self.submit_own(Owner::Answer, command, payload);
        Some(true)
    }

    /// Whether the co-processor had room for a packet (§7.9).
    fn packet_answered(&mut self, error: Option<Status>) {
        match self.slots.replied(self.now, error) {
            Fate::Taken | Fate::Waits => {}
            Fate::NoRoom => self.stats.no_room += 1,
            Fate::Refused => self.stats.refused += 1,
        }
    }

    pub(super) fn serve_netif(&mut self) {
        while !self.netif_waits && self.session.phase() == Phase::Ready {
            let Some(send) = self.netif.poll_command() else {
                return;
            };
            self.netif_waits = self.submit_own(Owner::Netif, send.command, send.payload);
            if !self.netif_waits {
                self.netif.command_done(Some(Status::BUSY));
                return;
            }
        }
    }

    /// When an address, or what is like it, is to be tried again on either side.
    pub(super) fn netif_timeout(&self) -> Option<Instant> {
        let can_ask = !self.netif_waits && self.session.phase() == Phase::Ready;
        let command = self.netif.command_timeout().filter(|_| can_ask);
        earliest(self.netif.change_timeout(), command)
    }

    pub(super) fn netif_answered(&mut self, error: Option<Status>) {
        self.netif_waits = false;
        self.netif.command_done(error);
        self.session.known.no_room.clear();
        self.session.known.no_room.extend(self.netif.without_room());
    }
}

/// What a reply may be (§1.2): the property with its value, or the payload.
fn reply_content<'a>(frame: &Frame<'a>) -> Option<(Option<Property>, &'a [u8])> {
    match frame.command {
        Command::PROP_VALUE_IS | Command::PROP_VALUE_INSERTED | Command::PROP_VALUE_REMOVED => {
            let (property, value) = frame.property().ok()?;
            Some((Some(property), value))
        }
        Command::PEEK_RET | Command::PROP_VALUES_ARE => Some((None, frame.payload)),
        _ => None,
    }
}
