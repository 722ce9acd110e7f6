//! A co-processor that serves several interfaces, and the one of them that is ours (protocol §1.1).
//!
//! What is said on another one is not for us, but for a reset: of that it tells everybody on an interface of its own.
//! One that says nothing on ours, and something on others, is no silent one: `--iid` is the way out.

use super::{Ground, Session};
use crate::wire::ids::{Property, Status};
use crate::wire::spinel::Frame;

/// What was heard since something came on ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::host) struct Interfaces {
    /// Which one spoke last, and how many frames came on it.
    other: Option<(u8, u32)>,
    /// It said that it does not serve ours.
    refused: bool,
}

impl Interfaces {
    fn note(&mut self, other: u8) {
        let same = self.other.filter(|(before, _)| *before == other);
        let frames = same.map_or(0, |(_, frames)| frames);
        self.other = Some((other, frames.saturating_add(1)));
    }

    /// `ours` is the one that is spoken to. Whatever waits for it waits in vain.
    pub(in crate::host) fn diagnosis(&self, ours: u8) -> Option<String> {
        match self.other {
            // One frame alone may have been damaged.
            Some((other, frames)) if frames > 1 || self.refused => Some(format!(
                "it answers on interface id {other}, not on {ours}: start with --iid {other}"
            )),
            _ => self.refused.then(|| {
                format!("it does not serve interface id {ours}: --check finds the one that it serves, for --iid")
            }),
        }
    }
}

impl Session {
    /// Whether the frame is for us.
    pub(in crate::host) fn is_for_us(
        &mut self,
        ground: &mut Ground<'_>,
        frame: &Frame<'_>,
    ) -> bool {
        let header = frame.header;
        let is_ours = header.iid() == ground.settings.iid;
        if is_ours && header.tid().is_none() && self.interfaces == Interfaces::default() {
            return true; // the fast path
        }
        let status = frame.last_status();
        if !is_ours && header.tid().is_none() && status.is_some_and(Status::is_reset) {
            return true;
        }
        let before = self.interfaces;
        if is_ours && status == Some(Status::INVALID_INTERFACE) {
            self.interfaces.refused = true;
        } else if is_ours {
            self.interfaces = Interfaces::default();
        } else {
            ground.stats.other_interface += 1;
            // Beside ours that works, another one is somebody else's.
            if !self.is_ready() && tells_who_is_served(frame) {
                self.interfaces.note(header.iid());
            }
        }
        if self.interfaces != before && self.diagnose(ground) {
            if let Some(diagnosis) = &self.known.diagnosis {
                log::warn!("the co-processor cannot be talked to: {diagnosis}");
            }
        }
        is_ours
    }
}

/// Whether the interface on which it says this is somebody's: a status that nobody asked for, and the log, are for all.
fn tells_who_is_served(frame: &Frame<'_>) -> bool {
    let property = frame.property().map(|(property, _)| property);
    let is_for_all = matches!(
        property,
        Ok(Property::LAST_STATUS | Property::STREAM_DEBUG | Property::STREAM_LOG)
    );
    let refuses = frame.last_status() == Some(Status::INVALID_INTERFACE);
    !(refuses || is_for_all && frame.header.tid().is_none())
}
