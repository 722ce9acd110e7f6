//! wpantund's status numbers (`wpan-error.h`), and which failure is which.

use spinel_bridge::ctl::{Code, Failure};

pub(crate) const OK: i32 = 0;
pub(crate) const FAILURE: i32 = 1;
pub(crate) const INVALID_ARGUMENT: i32 = 2;
pub(crate) const INVALID_WHEN_DISABLED: i32 = 3;
pub(crate) const INVALID_FOR_STATE: i32 = 4;
pub(crate) const TIMEOUT: i32 = 7;
pub(crate) const BUSY: i32 = 9;
pub(crate) const ALREADY: i32 = 10;
pub(crate) const CANCELED: i32 = 11;
pub(crate) const IN_PROGRESS: i32 = 12;
pub(crate) const NOT_SUPPORTED: i32 = 14;
pub(crate) const NOT_IMPLEMENTED: i32 = 15;
pub(crate) const PROPERTY_NOT_FOUND: i32 = 16;
pub(crate) const PROPERTY_EMPTY: i32 = 17;
const JOIN_FAILED: i32 = 18;
const NCP_INVALID_ARGUMENT: i32 = 24;
const NCP_RESET: i32 = 26;
const JOINER_SECURITY: i32 = 29;
const JOINER_NO_PEERS: i32 = 30;
const JOINER_TIMEOUT: i32 = 31;
const JOINER_UNKNOWN: i32 = 32;

/// What a status of the co-processor is added to where it has no number of its own.
const NCP_ERROR: u32 = 0xEA_0000;

/// The status of the co-processor as wpantund says it.
pub(crate) fn of_ncp(status: u32) -> i32 {
    match status {
        0 => OK,
        1 => FAILURE,
        3 => NCP_INVALID_ARGUMENT,
        4 => INVALID_FOR_STATE,
        10 => IN_PROGRESS,
        12 => BUSY,
        13 => PROPERTY_NOT_FOUND,
        19 => ALREADY,
        104 => JOIN_FAILED,
        105 => JOINER_SECURITY,
        106 => JOINER_NO_PEERS,
        107 => JOINER_UNKNOWN,
        108 => JOINER_TIMEOUT,
        // Less than 2 MiB, and so no sign.
        other => (NCP_ERROR + other) as i32,
    }
}

/// The status that a failure of the daemon stands for.
pub(crate) fn of(failure: &Failure) -> i32 {
    if let Some(status) = ncp_status(&failure.message) {
        return of_ncp(status);
    }
    match failure.code {
        Code::Failed => FAILURE,
        Code::Usage => INVALID_ARGUMENT,
        // What only root may: the caller is told by an error of D-Bus where it is the caller's fault.
        Code::Denied => NOT_SUPPORTED,
        Code::State => INVALID_FOR_STATE,
        Code::Busy => BUSY,
        Code::NoDaemon | Code::Timeout => TIMEOUT,
        Code::NotSupported => NOT_SUPPORTED,
        Code::NoPeers => JOINER_NO_PEERS,
        Code::Security => JOINER_SECURITY,
        Code::Reset => NCP_RESET,
        Code::Cancelled => CANCELED,
    }
}

/// The status that the co-processor answered, which the daemon's message names: `.. answered
/// INVALID_STATE (4): ..`.
pub(crate) fn ncp_status(message: &str) -> Option<u32> {
    let rest = ["the co-processor answered ", "joining failed with "]
        .iter()
        .find_map(|start| Some(message.split_once(start)?.1))?;
    let (_, rest) = rest.split_once(" (")?;
    rest.split_once(')')?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use spinel_bridge::host::failure::{of_join, of_status, What};
    use spinel_bridge::wire::ids::{Command, Property, Status};

    #[test]
    fn statuses_of_the_co_processor_are_read_from_the_daemons_messages() {
        let what = What(Command::PROP_VALUE_SET, Some(Property::PHY_CHAN));
        for (number, status) in [
            (3, 24),
            (4, 4),
            (9, 15_335_433),
            (11, 15_335_435),
            (13, 16),
            (19, 10),
            (20, 15_335_444),
        ] {
            assert_eq!(of(&of_status(what, Status(number))), status, "{number}");
        }
        for (number, status) in [(105, 29), (106, 30), (108, 31)] {
            assert_eq!(of(&of_join(Status(number))), status, "{number}");
        }
        let own = Failure::new(Code::Usage, "NAME is missing (3)");
        assert_eq!(of(&own), INVALID_ARGUMENT);
    }
}
