//! Frames to the host: which one goes next, and how it is written.

use super::spinel::numbers::*;
use super::spinel::pack::pack;
use super::spinel::updates::Update;
use super::{Content, Ncp, Reply, FRAME_MAX, HOST_LOW_POWER, HOST_ONLINE, UNSOLICITED};
use crate::time::Instant;
use crate::wire::packed::{Overflow, Writer};

impl Ncp {
    pub(super) fn next_frame(&mut self, now: Instant, buf: &mut [u8]) -> Option<usize> {
        if let Some(cause) = self.boot.take() {
            return self.write_status(buf, UNSOLICITED, cause as u32);
        }
        if let Some(reply) = self.replies.pop_front() {
            return self.write_reply(now, buf, reply);
        }
        let host = self.store.uint8(HOST_POWER_STATE);
        if host < HOST_LOW_POWER {
            return None;
        }
        if let Some(packet) = self.packets.pop_front() {
            return write(buf, |w| w.data(&packet)).ok();
        }
        if host < HOST_ONLINE {
            return None;
        }
        if let Some(raw) = self.air.take_raw() {
            return write(buf, |w| w.data(&raw)).ok();
        }
        if let Some(found) = self.found.pop_front() {
            let (command, property) = (found.command, found.property);
            return write_value(buf, UNSOLICITED, command, property, &found.item).ok();
        }
        self.write_update(buf)
    }

    fn write_reply(&mut self, now: Instant, buf: &mut [u8], reply: Reply) -> Option<usize> {
        let Reply { header, content } = reply;
        let written = match content {
            Content::Status(status) => return self.write_status(buf, header, status),
            Content::Item(command, id, item) => write_value(buf, header, command, id, &item),
            Content::Frame(frame) => write(buf, |w| {
                w.uint8(header)?;
                w.data(&frame)
            }),
            Content::Values(ids) => {
                let values = self.get_many(now, &ids);
                write(buf, |w| {
                    w.uint8(header)?;
                    w.uint_packed(CMD_VALUES_ARE)?;
                    w.data(&values)
                })
            }
            Content::Value(id) => match self.get(now, id) {
                Ok(value) => write_value(buf, header, CMD_VALUE_IS, id, &value),
                Err(status) => return self.write_status(buf, header, status),
            },
        };
        match written {
            Ok(length) => Some(length),
            Err(Overflow) => self.write_status(buf, header, NOMEM),
        }
    }

    fn write_update(&mut self, buf: &mut [u8]) -> Option<usize> {
        loop {
            let update = self.updates.take()?;
            if self.is_filtered(update) {
                continue;
            }
            return match update {
                Update::Status(status) => self.write_status(buf, UNSOLICITED, status),
                Update::Property(id) => {
                    let value = self.store.value(id);
                    write_value(buf, UNSOLICITED, CMD_VALUE_IS, id, &value).ok()
                }
            };
        }
    }

    fn is_filtered(&self, update: Update) -> bool {
        update.filter_id().is_some_and(|id| {
            let id = pack(|w| w.uint_packed(id));
            self.store.items(UNSOL_UPDATE_FILTER).any(|item| item == id)
        })
    }

    fn write_status(&mut self, buf: &mut [u8], header: u8, status: Status) -> Option<usize> {
        self.last_status = status;
        let value = pack(|w| w.uint_packed(status));
        write_value(buf, header, CMD_VALUE_IS, LAST_STATUS, &value).ok()
    }
}

fn write_value(
    buf: &mut [u8],
    header: u8,
    command: u32,
    id: u32,
    value: &[u8],
) -> Result<usize, Overflow> {
    write(buf, |w| {
        w.uint8(header)?;
        w.uint_packed(command)?;
        w.uint_packed(id)?;
        w.data(value)
    })
}

/// Writes a frame of at most [`FRAME_MAX`] octets and returns its length.
fn write(
    buf: &mut [u8],
    frame: impl FnOnce(&mut Writer<'_>) -> Result<(), Overflow>,
) -> Result<usize, Overflow> {
    let room = buf.len().min(FRAME_MAX);
    let mut writer = Writer::new(&mut buf[..room]);
    frame(&mut writer)?;
    Ok(writer.len())
}

/// A whole frame that carries an IPv6 packet to the host.
pub(super) fn pack_datagram(stream: u32, packet: &[u8]) -> Vec<u8> {
    // Both streams have one-octet numbers, and an answer is at most an MTU long.
    let [low, high] = (packet.len() as u16).to_le_bytes();
    let head = [UNSOLICITED, CMD_VALUE_IS as u8, stream as u8, low, high];
    [&head, packet].concat()
}
