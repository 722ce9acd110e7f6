//! What a client is told when a command failed: a code for programs, and one line for people that says
//! what to do (protocol §4.1, §7.4).

use crate::ctl::{Code, Failure};
use crate::wire::ids::{Command, Property, Status};
use core::fmt;

/// A command as a person would name it: `PROP_VALUE_SET PHY_CHAN` or `NET_CLEAR`.
#[derive(Clone, Copy, Debug)]
pub struct What(pub Command, pub Option<Property>);

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0, self.1) {
            (Command::PROP_VALUE_GET, Some(property)) => write!(f, "get {property}"),
            (Command::PROP_VALUE_SET, Some(property)) => write!(f, "set {property}"),
            (Command::PROP_VALUE_INSERT, Some(property)) => write!(f, "insert into {property}"),
            (Command::PROP_VALUE_REMOVE, Some(property)) => write!(f, "remove from {property}"),
            (command, _) => write!(f, "{command}"),
        }
    }
}

/// The failure that a status stands for.
pub fn of_status(what: What, status: Status) -> Failure {
    let (code, advice) = advice(status);
    Failure::new(
        code,
        format!(
            "{what}: the co-processor answered {status} ({}): {advice}",
            status.0
        ),
    )
}

/// The outcome of joining (protocol §4.1, 104..=111), for who waits for it.
pub fn of_join(status: Status) -> Failure {
    let (code, advice) = advice(status);
    Failure::new(
        code,
        format!("joining failed with {status} ({}): {advice}", status.0),
    )
}

/// No reply came, and nothing else: the co-processor is reset.
pub fn silent(what: What, seconds: u64) -> Failure {
    Failure::new(
        Code::Timeout,
        format!("{what}: the co-processor did not answer within {seconds} s and is being reset: try again"),
    )
}

/// No reply came, but others did.
pub fn unanswered(what: What, seconds: u64) -> Failure {
    Failure::new(
        Code::Timeout,
        format!("{what}: the co-processor did not answer within {seconds} s; whether it was done is not known: try again"),
    )
}

/// The co-processor was reset meanwhile.
pub fn reset(reason: &str) -> Failure {
    Failure::new(
        Code::Reset,
        format!("the co-processor was reset ({reason}) before this was done: try again"),
    )
}

/// The transport is lost.
pub fn unreachable() -> Failure {
    Failure::new(
        Code::State,
        "the connection to the co-processor is lost: try again when it is back, which the log tells",
    )
}

/// The answer is not what the property's signature says.
pub fn odd_answer(what: What) -> Failure {
    Failure::new(
        Code::Failed,
        format!("{what}: the co-processor's answer cannot be read: look at it with -vv"),
    )
}

/// Something exclusive runs.
pub fn busy(with: &str) -> Failure {
    Failure::new(
        Code::Busy,
        format!("busy: {with} is still running: wait until it ends, or stop it"),
    )
}

/// Too much at once.
pub fn too_many() -> Failure {
    Failure::new(
        Code::Busy,
        "too many requests are being worked on: try again when some have ended",
    )
}

fn advice(status: Status) -> (Code, &'static str) {
    match status {
        Status::UNIMPLEMENTED
        | Status::PROP_NOT_FOUND
        | Status::INVALID_COMMAND
        | Status::INVALID_COMMAND_FOR_PROP
        | Status::INVALID_INTERFACE
        | Status::NOT_CAPABLE
        | Status::STACK_NOT_IMPLEMENTED
        | Status::STACK_INVALID_COMMAND
        | Status::STACK_NOT_CAPABLE => (
            Code::NotSupported,
            "its firmware does not have this; `get CAPS` lists what it has",
        ),
        Status::INVALID_ARGUMENT
        | Status::PARSE_ERROR
        | Status::CMD_TOO_BIG
        | Status::STACK_PARSE
        | Status::STACK_INVALID_ARGS
        | Status::STACK_INVALID_SOURCE_ADDRESS
        | Status::STACK_IP6_ADDRESS_CREATION_FAILURE
        | Status::STACK_NOT_TMF
        | Status::STACK_NOT_LOWPAN_DATA_FRAME => (
            Code::Usage,
            "it does not take this value; check its range and form",
        ),
        Status::INVALID_STATE | Status::STACK_INVALID_STATE => (
            Code::State,
            "not in this state; `status` shows it, and most settings need the network to be left first",
        ),
        Status::STACK_DETACHED => (Code::State, "not in a network yet: attach, or wait"),
        Status::BUSY
        | Status::NOMEM
        | Status::IN_PROGRESS
        | Status::DROPPED
        | Status::STACK_DROP
        | Status::STACK_NO_BUFS
        | Status::STACK_BUSY
        | Status::STACK_PENDING => {
            (Code::Busy, "it has no room or no time now; try again later")
        }
        Status::ALREADY | Status::STACK_ALREADY | Status::STACK_DUPLICATED => {
            (Code::State, "it is so already")
        }
        Status::STACK_REJECTED => (
            Code::Failed,
            "it does not let that be changed; it may be its own",
        ),
        Status::ITEM_NOT_FOUND
        | Status::UNKNOWN_NEIGHBOR
        | Status::EMPTY
        | Status::STACK_NOT_FOUND
        | Status::STACK_UNKNOWN_NEIGHBOR => {
            (Code::Failed, "there is no such item; get the list first")
        }
        Status::RESPONSE_TIMEOUT
        | Status::JOIN_RSP_TIMEOUT
        | Status::STACK_RESPONSE_TIMEOUT
        | Status::STACK_REASSEMBLY_TIMEOUT => (
            Code::Timeout,
            "the other side did not answer; check the distance and try again",
        ),
        Status::STACK_NO_ROUTE | Status::STACK_NO_ADDRESS | Status::STACK_ADDRESS_QUERY => (
            Code::Failed,
            "it knows no way to this address; check the address, or try again in some seconds",
        ),
        Status::NO_ACK
        | Status::CCA_FAILURE
        | Status::STACK_NO_ACK
        | Status::STACK_CHANNEL_ACCESS_FAILURE
        | Status::STACK_FCS
        | Status::STACK_NO_FRAME_RECEIVED
        | Status::STACK_LINK_MARGIN_LOW => (
            Code::Failed,
            "the radio did not get through; check antenna and channel",
        ),
        Status::STACK_ADDRESS_FILTERED | Status::STACK_DESTINATION_ADDRESS_FILTERED => (
            Code::Failed,
            "its filter kept the frame out; look at `allowlist` and `denylist`",
        ),
        Status::STACK_ABORT => (Code::Cancelled, "it was ended before it was done; try again"),
        Status::SECURITY_ERROR | Status::JOIN_SECURITY | Status::STACK_SECURITY => (
            Code::Security,
            "the credentials are wrong; check the key or the passphrase",
        ),
        Status::JOIN_NO_PEERS => (
            Code::NoPeers,
            "nobody was found; check channel and distance, and that joining is permitted",
        ),
        Status::JOIN_FAILURE => (
            Code::NoPeers,
            "no network with these credentials was found; check channel, PAN id and key with a scan",
        ),
        Status::JOIN_INCOMPATIBLE => (
            Code::Failed,
            "only incompatible networks were found; update the firmware of one side",
        ),
        _ => (Code::Failed, "the log of the co-processor may tell more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_the_thing_the_value_and_the_way_out() {
        let what = What(Command::PROP_VALUE_SET, Some(Property::PHY_CHAN));
        let failure = of_status(what, Status::INVALID_ARGUMENT);
        assert_eq!(failure.code, Code::Usage);
        assert_eq!(
            failure.message,
            "set PHY_CHAN: the co-processor answered INVALID_ARGUMENT (3): it does not take this value; check its range and form"
        );
        let what = What(Command::NET_SAVE, None);
        let failure = of_status(what, Status(99));
        assert_eq!(failure.code, Code::Failed);
        assert!(failure.message.starts_with("NET_SAVE: "));
    }

    #[test]
    fn errors_of_the_stack_have_a_way_out() {
        let what = What(Command::PROP_VALUE_GET, Some(Property::THREAD_LEADER_ADDR));
        let failure = of_status(what, Status(16_400));
        assert_eq!(failure.code, Code::State);
        assert_eq!(
            failure.message,
            "get THREAD_LEADER_ADDR: the co-processor answered DETACHED (16400): not in a network yet: attach, or wait"
        );
        for number in (1..=37).filter(|number| !matches!(number, 25 | 33)) {
            let status = Status(16_384 + number);
            let failure = of_status(what, status);
            assert!(!failure.message.contains("UNKNOWN("), "{failure}");
            // Nothing better is known of OT_ERROR_FAILED.
            assert_eq!(
                advice(status) == advice(Status::FAILURE),
                number == 1,
                "{failure}"
            );
        }
    }

    #[test]
    fn outcomes_of_joining_have_codes_of_their_own() {
        for (status, code) in [
            (104, Code::NoPeers),
            (105, Code::Security),
            (106, Code::NoPeers),
            (107, Code::Failed),
            (108, Code::Timeout),
            (110, Code::Failed),
        ] {
            assert_eq!(of_join(Status(status)).code, code, "{status}");
        }
    }
}
