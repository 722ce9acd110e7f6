//! The answer to a command, for whoever sent it (protocol §1.3, §4.1).

use crate::wire::ids::{Command, Property, Status};

/// The answer to a command.
#[derive(Clone, Copy, Debug)]
pub(in crate::host) struct Reply<'a> {
    /// The command that was sent.
    pub(in crate::host) asked: Command,
    /// The property that it concerned.
    pub(in crate::host) asked_property: Option<Property>,
    /// The command of the answer.
    pub(in crate::host) told: Command,
    /// The property that the answer carries.
    pub(in crate::host) told_property: Option<Property>,
    /// What follows the property's number, or for another command the whole payload.
    pub(in crate::host) value: &'a [u8],
    /// What it carries if it is a LAST_STATUS.
    pub(in crate::host) status: Option<Status>,
    /// The command was sent more than once.
    pub(in crate::host) repeated: bool,
}

impl<'a> Reply<'a> {
    /// The status, unless it is success, or what was asked for. IN_PROGRESS is success: the outcome
    /// follows as an update (§4.1). Of a command that was repeated, the first may have done what the
    /// second then finds done.
    pub(in crate::host) fn error(&self) -> Option<Status> {
        if self.asked_property == Some(Property::LAST_STATUS) {
            return None;
        }
        let is_good = |status: &Status| match *status {
            Status::OK | Status::IN_PROGRESS => true,
            Status::ALREADY => self.repeated,
            Status::ITEM_NOT_FOUND => self.repeated && self.asked == Command::PROP_VALUE_REMOVE,
            _ => false,
        };
        self.status.filter(|status| !is_good(status))
    }

    /// The value, if the answer carries this property.
    pub(in crate::host) fn value_of(&self, property: Property) -> Option<&'a [u8]> {
        (self.told_property == Some(property)).then_some(self.value)
    }

    /// For the log.
    pub(in crate::host) fn outcome(&self) -> String {
        match (self.status, self.told_property) {
            (Some(status), _) => format!("the co-processor answered {status} ({})", status.0),
            (None, Some(property)) => format!("the co-processor answered with {property}"),
            (None, None) => format!("the co-processor answered with {}", self.told),
        }
    }
}
