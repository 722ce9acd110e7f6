//! The words between the control client and the host driver: what can be asked ([`Request`]), what is
//! answered ([`Answer`]) and what is told unasked ([`Event`]). `ctl::line` writes and reads them as
//! lines of text.

pub mod client;
pub mod line;
pub mod privilege;
pub mod request;
pub mod secrets;
pub mod verbs;
pub mod wpantund;

pub use request::Request;

use core::fmt;
use std::net::Ipv6Addr;

/// Which request an answer belongs to. Chosen by whoever hands the request to the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// Named values in an order that a person would want to see.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fields(pub Vec<(String, Field)>);

impl Fields {
    /// None yet.
    pub fn new() -> Self {
        Fields::default()
    }

    /// With one more.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<Field>) -> Self {
        self.push(name, value);
        self
    }

    /// Adds one.
    pub fn push(&mut self, name: impl Into<String>, value: impl Into<Field>) {
        self.0.push((name.into(), value.into()));
    }

    /// The value of a name.
    pub fn get(&self, name: &str) -> Option<&Field> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value)
    }
}

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum Field {
    /// Yes or no.
    Bool(bool),
    /// A number.
    Number(i64),
    /// A word that needs no quotes: an address, hex digits, a name of ours. No white space, no quotes,
    /// and not empty.
    Word(String),
    /// Any text.
    Text(String),
}

impl From<bool> for Field {
    fn from(value: bool) -> Self {
        Field::Bool(value)
    }
}

macro_rules! numbers {
    ($($ty:ty)*) => {$(
        impl From<$ty> for Field {
            fn from(value: $ty) -> Self {
                Field::Number(i64::from(value))
            }
        }
    )*};
}
numbers!(u8 i8 u16 i16 u32 i32 i64);

impl From<Ipv6Addr> for Field {
    fn from(value: Ipv6Addr) -> Self {
        Field::Word(value.to_string())
    }
}

impl Field {
    /// A word from anything that displays as one.
    pub fn word(value: impl fmt::Display) -> Self {
        Field::Word(value.to_string())
    }

    /// Any text.
    pub fn text(value: impl Into<String>) -> Self {
        Field::Text(value.into())
    }
}

/// What a client is told of its request. Any number of rows and progress, then `Done` or `Failed`.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// One row of the result.
    Row(Fields),
    /// It takes a while: what is being done, and how far it is, in parts of `of` (0: not known).
    Progress {
        /// What is being done.
        what: String,
        /// Parts that are done.
        done: u32,
        /// All parts.
        of: u32,
    },
    /// It is done.
    Done,
    /// It is not, and why.
    Failed(Failure),
}

/// Why a request failed, in one line that says what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// For programs.
    pub code: Code,
    /// For people.
    pub message: String,
}

impl Failure {
    /// A failure with its message.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Failure {
            code,
            message: message.into(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.code)
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident $word:literal $exit:literal;)*) => {
        /// What kind of failure. The words are part of the protocol, the numbers are the exit codes of
        /// the control client; both are stable.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Code {
            $($(#[$doc])* $name,)*
        }

        impl Code {
            /// All of them.
            pub const ALL: &'static [Code] = &[$(Code::$name,)*];

            /// The word in the protocol.
            pub const fn word(self) -> &'static str {
                match self {
                    $(Code::$name => $word,)*
                }
            }

            /// The exit code of the control client.
            pub const fn exit(self) -> u8 {
                match self {
                    $(Code::$name => $exit,)*
                }
            }
        }
    };
}

codes! {
    /// The co-processor, or the host, could not.
    Failed "failed" 1;
    /// The request makes no sense.
    Usage "usage" 2;
    /// The host driver cannot be reached.
    NoDaemon "no-daemon" 3;
    /// Only root may do it, unless `--control-raw` says otherwise.
    Denied "denied" 4;
    /// Not in this state.
    State "state" 5;
    /// Something else has to end first.
    Busy "busy" 6;
    /// It took too long.
    Timeout "timeout" 7;
    /// The co-processor does not have it.
    NotSupported "not-supported" 8;
    /// Joining: nobody was found.
    NoPeers "no-peers" 9;
    /// Joining: wrong credentials.
    Security "security" 10;
    /// The co-processor was reset meanwhile.
    Reset "reset" 11;
    /// The client gave it up.
    Cancelled "cancelled" 12;
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// What is told to every client that monitors: a name of ours, like `state`, and its values.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// `state`, `property`, `reset`, `address`, `log`, ..
    pub name: &'static str,
    /// Its values.
    pub fields: Fields,
}
