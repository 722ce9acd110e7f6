//! Commands of the host (protocol §1.3), and who gets which reply.

use super::migration::Pending;
use super::spinel::numbers::*;
use super::spinel::pack::pack;
use super::spinel::property::Access;
use super::spinel::updates::Update;
use super::{Content, Ncp, Reply, FRAME_MAX, REPLIES_MAX};
use crate::sim::ResetCause;
use crate::time::Instant;
use crate::wire::packed::Reader;

impl Ncp {
    pub(super) fn handle(&mut self, now: Instant, header: u8, command_and_payload: &[u8]) {
        if header & IID_MASK != self.variant.iid << IID_SHIFT {
            return self.reply_status(header, INVALID_INTERFACE);
        }
        let mut payload = Reader::new(command_and_payload);
        let command = match payload.uint_packed() {
            Ok(command) => command,
            Err(_) => {
                self.store.count(CNTR_RX_SPINEL_ERR, 1);
                return self.reply_status(header, PARSE_ERROR);
            }
        };
        match command {
            CMD_NOOP => self.reply_status(header, OK),
            CMD_RESET => self.handle_reset(),
            CMD_VALUE_GET..=CMD_VALUE_REMOVE => {
                let id = match payload.uint_packed() {
                    Ok(id) => id,
                    Err(_) => return self.reply_status(header, PARSE_ERROR),
                };
                let content = self
                    .handle_property(now, command, id, payload.rest())
                    .unwrap_or_else(Content::Status);
                self.reply(header, content);
            }
            CMD_PEEK | CMD_POKE | CMD_MULTI_GET | CMD_MULTI_SET if self.variant.extras => {
                let payload = payload.rest();
                let content = match command {
                    CMD_PEEK => self.peek(payload),
                    CMD_POKE => self.poke(payload),
                    CMD_MULTI_GET => multi_get(payload),
                    _ => self.multi_set(now, payload),
                };
                self.reply(header, content.unwrap_or_else(Content::Status));
            }
            CMD_NET_SAVE | CMD_NET_RECALL => self.reply_status(header, UNIMPLEMENTED),
            CMD_NET_CLEAR => {
                let status = self.clear_saved();
                self.reply_status(header, status);
            }
            _ => self.reply_status(header, INVALID_COMMAND),
        }
    }

    /// Whatever the kind of reset, an NCP does it as one of the platform (protocol §1.3). There is no bootloader.
    fn handle_reset(&mut self) {
        self.forget_queues();
        self.reset_request = Some(ResetCause::Software);
    }

    fn handle_property(
        &mut self,
        now: Instant,
        command: u32,
        id: u32,
        value: &[u8],
    ) -> Result<Content, Status> {
        match command {
            CMD_VALUE_SET => {
                let property = self.store.find(id, Access::S)?;
                if id == NEST_STREAM_MFG {
                    return self.mfg(value);
                }
                if id == MESHCOP_COMMISSIONER_GENERATE_PSKC {
                    let pskc = self.generate_pskc(value)?;
                    return Ok(Content::Item(CMD_VALUE_IS, id, pskc));
                }
                self.set(now, property, value)?;
                if property.access.offers(Access::G) && id != THREAD_COMMISSIONER_ENABLED {
                    Ok(Content::Value(id))
                } else {
                    Ok(Content::Status(OK))
                }
            }
            CMD_VALUE_INSERT => {
                let property = self.store.find(id, Access::I)?;
                self.check_when(property.write_when)?;
                match id {
                    MESHCOP_COMMISSIONER_JOINERS | THREAD_JOINERS => {
                        return self.change_joiners(now, id, value, true);
                    }
                    GPIO_CONFIG => return self.configure_gpio(value),
                    _ => {}
                }
                let changed = self.store.insert(id, value)?;
                if id == MAC_ALLOWLIST {
                    self.fix_signal(value);
                }
                self.tell_change(id, changed);
                Ok(Content::Item(CMD_VALUE_INSERTED, id, value.to_vec()))
            }
            CMD_VALUE_REMOVE => {
                let property = self.store.find(id, Access::R)?;
                self.check_when(property.write_when)?;
                if id == MESHCOP_COMMISSIONER_JOINERS {
                    return self.change_joiners(now, id, value, false);
                }
                let changed = self.store.remove(id, value)?;
                self.tell_change(id, changed);
                Ok(Content::Item(CMD_VALUE_REMOVED, id, value.to_vec()))
            }
            _ => Ok(Content::Value(id)),
        }
    }

    /// A list may have changed. What the network has to know of it first is told when it knows.
    fn tell_change(&mut self, id: u32, changed: bool) {
        if !changed {
            return;
        }
        self.store.stamp(self.net.rloc16());
        self.mesh.hurry();
        if ![THREAD_ON_MESH_NETS, THREAD_OFF_MESH_ROUTES].contains(&id) {
            self.updates.mark(Update::Property(id));
        }
    }

    fn reply_status(&mut self, header: u8, status: Status) {
        self.reply(header, Content::Status(status));
    }

    fn reply(&mut self, header: u8, content: Content) {
        if header & TID_MASK == 0 {
            return;
        }
        // The host has given up a TID that it uses again.
        self.replies.retain(|reply| reply.header != header);
        if self.replies.len() >= REPLIES_MAX {
            return self.updates.mark(Update::Status(DROPPED));
        }
        self.replies.push_back(Reply { header, content });
    }

    /// Property after property, up to the first that fails (protocol §1.3).
    fn multi_set(&mut self, now: Instant, payload: &[u8]) -> Result<Content, Status> {
        let mut changes = Vec::new();
        let mut reader = Reader::new(payload);
        while !reader.is_empty() {
            let mut change = reader.structure().map_err(|_| PARSE_ERROR)?;
            let id = change.uint_packed().map_err(|_| PARSE_ERROR)?;
            changes.push((id, change.rest()));
        }
        let mut frame = pack(|w| w.uint_packed(CMD_VALUES_ARE));
        for (id, value) in changes {
            let result = match self.handle_property(now, CMD_VALUE_SET, id, value) {
                Ok(Content::Value(id)) => self.get(now, id).map(|value| (id, value)),
                Ok(Content::Status(status)) | Err(status) => Err(status),
                // It would not be an answer with this property's value alone.
                Ok(_) => Err(INVALID_COMMAND_FOR_PROP),
            };
            let failed = !matches!(result, Ok(_) | Err(OK));
            append(&mut frame, result);
            if failed || frame.len() > FRAME_MAX {
                break;
            }
        }
        Ok(Content::Frame(frame))
    }

    /// `A(t(iD))`: the values, or why there are none.
    pub(super) fn get_many(&mut self, now: Instant, ids: &[u32]) -> Vec<u8> {
        let mut values = Vec::new();
        for id in ids {
            let result = self.get(now, *id).map(|value| (*id, value));
            append(&mut values, result);
            if values.len() > FRAME_MAX {
                break;
            }
        }
        values
    }

    fn clear_saved(&mut self) -> Status {
        if self.net.is_stack_up() {
            return INVALID_STATE;
        }
        self.active.clear();
        self.pending = Pending::default();
        self.was_router = false;
        self.remember();
        OK
    }
}

fn multi_get(payload: &[u8]) -> Result<Content, Status> {
    let mut reader = Reader::new(payload);
    let mut ids = Vec::new();
    while !reader.is_empty() {
        ids.push(reader.uint_packed().map_err(|_| PARSE_ERROR)?);
    }
    Ok(Content::Values(ids))
}

/// Appends `t(iD)`; a failure is a LAST_STATUS.
fn append(values: &mut Vec<u8>, result: Result<(u32, Vec<u8>), Status>) {
    let (id, value) =
        result.unwrap_or_else(|status| (LAST_STATUS, pack(|w| w.uint_packed(status))));
    let id = pack(|w| w.uint_packed(id));
    // A value is at most a frame long.
    values.extend(((id.len() + value.len()) as u16).to_le_bytes());
    values.extend(id);
    values.extend(value);
}

/// Protocol §1.1: bits 5-4 and 3-0 of the header.
const IID_MASK: u8 = 0x30;
pub(super) const IID_SHIFT: u8 = 4;
pub(super) const TID_MASK: u8 = 0x0F;
