//! What a frame from the co-processor says: a packet, the answer to a command, or something that it
//! tells unasked (protocol §1.2, §1.3).

use super::command::reply::Reply;
use super::command::transact::Matched;
use super::command::wait::Told;
use super::command::Owner;
use super::known::{self, REMEMBERED};
use super::session::Phase;
use super::tasks;
use super::traffic::packet::{self, Stream};
use super::traffic::slots::Fate;
use super::Host;
use crate::ctl::{Event, Field, Fields};
use crate::time::{earliest, Instant};
use crate::wire::ids::{Command, Property, Status};
use crate::wire::packed::Reader;
use crate::wire::spinel::{Frame, FrameError};
use core::num::NonZeroU8;

impl Host {
    pub(super) fn receive(&mut self, octets: &[u8]) {
        self.stats.frames += 1;
        self.watch.heard_at = self.now;
        let frame = match Frame::parse(octets) {
            Ok(frame) => frame,
            Err(FrameError::Command(_)) => return self.stats.odd += 1,
            Err(FrameError::Empty | FrameError::NotSpinel(_)) => {
                return self.stats.not_spinel += 1;
            }
        };
        if frame.header.iid() != 0 {
            return self.stats.other_interface += 1;
        }
        if self.receive_packet(&frame) {
            return;
        }
        if !self.startup.listens() {
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
        if !self.startup.is_ready() {
            self.stats.untimely += 1;
            return true;
        }
        if self.woke_by_itself() {
            return true;
        }
        let value = frame.property().map_or(&[][..], |(_, value)| value);
        // What follows the packet is metadata (§7.7).
        let Ok(packet) = Reader::new(value).data_with_length() else {
            self.stats.odd += 1;
            return true;
        };
        let path = packet::Path {
            state: self.known.state,
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
        match status_of(frame) {
            Some(status) if status.is_reset() => self.reset_seen(status),
            _ => {
                self.stats.untimely += 1;
                self.told_something_in_fault();
            }
        }
    }

    fn receive_reply(&mut self, frame: &Frame<'_>, tid: NonZeroU8) {
        let Some((told_property, value)) = reply_content(frame) else {
            return self.stats.odd += 1;
        };
        let status = status_of(frame);
        self.watch.replied_at = self.now;
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
                return self.reset_seen(status);
            }
        }
        if reply.error().is_none() {
            self.watch.refresh(known::after_success(command, property));
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
            Owner::Startup => self.startup_answered(reply),
            Owner::Task(id) => self.with_tasks(|tasks, desk| tasks.answered(id, reply, desk)),
            Owner::Netif => self.netif_answered(reply.error()),
            Owner::Refresh => self.refresh_answered(),
            Owner::Alive => self.life_answered(),
            Owner::Packet => self.packet_answered(reply.error()),
            Owner::Hint | Owner::Answer => {}
        }
    }

    fn receive_update(&mut self, frame: &Frame<'_>) {
        self.stats.unsolicited += 1;
        let status = status_of(frame);
        if let Some(status) = status.filter(|status| status.is_reset()) {
            return self.reset_seen(status);
        }
        if self.woke_by_itself() {
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
                    self.watch
                        .refresh(known::after_update(property, &self.known));
                    self.tell_tasks(Told::Value(property, value));
                }
            }
            (Command::PROP_VALUE_INSERTED | Command::PROP_VALUE_REMOVED, _) => {
                let is_inserted = frame.command == Command::PROP_VALUE_INSERTED;
                self.tell_unasked(frame.command, property, value);
                self.netif
                    .ncp_item(property, value, is_inserted, &self.known);
                if REMEMBERED.binary_search(&property).is_ok() {
                    self.watch.refresh(&[property]);
                }
                if is_inserted {
                    self.tell_tasks(Told::Value(property, value));
                }
            }
            _ => self.stats.odd += 1,
        }
    }

    fn update_status(&mut self, status: Status) {
        match status {
            Status::NOMEM | Status::DROPPED => self.lost_something(),
            status if status.is_join() => self.join_outcome(status),
            status => log::debug!("the co-processor reports {status}"),
        }
    }

    /// The whole value of a property, asked for or not; false if the co-processor was given up for it.
    pub(super) fn take_value(&mut self, property: Property, value: &[u8]) -> bool {
        if matches!(property, Property::STREAM_DEBUG | Property::STREAM_LOG) {
            self.co_processor_log(property, value);
            return true;
        }
        let is_new = self.known.remember(property, value);
        if is_new && property == Property::NCP_VERSION && self.startup.is_ready() {
            self.misbehaving("its firmware changed without a reset");
            return false;
        }
        if is_new && self.startup.before.value(property) != Some(value) {
            self.property_event(Command::PROP_VALUE_IS, property, value);
        }
        self.netif.ncp_value(property, value, &self.known);
        self.state_value(property);
        // The PSKc is not remembered; whatever tells it, it may be another one.
        if is_new || property == Property::NET_PSKC {
            self.keep_value(property);
        }
        true
    }

    /// What the co-processor tells of its own accord, for who monitors: also what is not known here, and
    /// what is an event and no state. Frames have their own listeners, log lines their own event.
    fn tell_unasked(&mut self, command: Command, property: Property, value: &[u8]) {
        let is_frame = matches!(property.0, 113..=115);
        let is_log = matches!(property, Property::STREAM_DEBUG | Property::STREAM_LOG);
        if !is_frame && !is_log {
            self.property_event(command, property, value);
        }
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

    fn property_event(&mut self, command: Command, property: Property, value: &[u8]) {
        let row = tasks::property_row(command, property, value);
        let mut fields = Fields::new();
        for (name, value) in row.0 {
            fields.push("name", Field::Word(name));
            let shown = if property.is_secret() {
                Field::word("hidden")
            } else {
                value
            };
            fields.push("value", shown);
        }
        match command {
            Command::PROP_VALUE_INSERTED => fields.push("change", Field::word("inserted")),
            Command::PROP_VALUE_REMOVED => fields.push("change", Field::word("removed")),
            _ => {}
        }
        self.outbox.event(Event {
            name: "property",
            fields,
        });
    }

    /// Text to the end, or to a zero octet (errata E33).
    fn co_processor_log(&mut self, property: Property, value: &[u8]) {
        let text = value.split(|octet| *octet == 0).next().unwrap_or_default();
        let metadata = value.get(text.len() + 1..).unwrap_or_default();
        let text = String::from_utf8_lossy(text);
        let text = text.trim_end();
        if text.is_empty() {
            return;
        }
        log::info!(target: LOG_TARGET, "{}", text.escape_debug());
        let mut fields = Fields::new().with("text", Field::text(text));
        if property == Property::STREAM_LOG {
            if let Ok(level) = Reader::new(metadata).uint8() {
                fields.push("level", level);
            }
        }
        self.outbox.event(Event {
            name: "log",
            fields,
        });
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
        while !self.netif_waits && self.startup.phase == Phase::Ready {
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
        let can_ask = !self.netif_waits && self.startup.phase == Phase::Ready;
        let command = self.netif.command_timeout().filter(|_| can_ask);
        earliest(self.netif.change_timeout(), command)
    }

    pub(super) fn netif_answered(&mut self, error: Option<Status>) {
        self.netif_waits = false;
        self.netif.command_done(error);
        self.known.no_room.clear();
        self.known.no_room.extend(self.netif.without_room());
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

/// What a frame carries if it is a LAST_STATUS.
fn status_of(frame: &Frame<'_>) -> Option<Status> {
    if frame.command != Command::PROP_VALUE_IS {
        return None;
    }
    match frame.property() {
        Ok((Property::LAST_STATUS, value)) => Reader::new(value).uint_packed().ok().map(Status),
        _ => None,
    }
}

/// Where the co-processor's own log goes, beside the event.
const LOG_TARGET: &str = "co-processor";
