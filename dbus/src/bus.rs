//! Messages to the bus.

use crate::val::{Args, Val};
use spinel_bridge::ctl::line::quoted;
use std::sync::Arc;
use zbus::message::Header;
use zbus::{Connection, Message};

/// The connection, for the threads that work on calls. Not for the thread that reads it: that one must
/// not wait.
#[derive(Clone, Debug)]
pub(crate) struct Bus {
    pub(crate) connection: Connection,
}

/// A method call, and how to answer it.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) message: Message,
    pub(crate) path: String,
    /// Empty where the call names none.
    pub(crate) interface: String,
    pub(crate) member: String,
    pub(crate) sender: String,
    pub(crate) args: Arc<[Val]>,
}

/// What is answered.
#[derive(Debug)]
pub(crate) enum Reply {
    /// With these arguments.
    Vals(Vec<Val>),
    /// There is no such method, or it does not take these arguments.
    Unknown,
    /// An error of D-Bus: its name, and one line for people.
    Error(String, String),
}

impl Reply {
    /// wpantund's usual reply.
    pub(crate) fn status(status: i32) -> Reply {
        Reply::Vals(vec![Val::I(status)])
    }

    pub(crate) fn denied(why: impl Into<String>) -> Reply {
        Reply::Error(ACCESS_DENIED.into(), why.into())
    }
}

impl Call {
    pub(crate) fn of(message: Message) -> Option<Call> {
        let body = message.body();
        let args = match body.signature() {
            zbus::Signature::Unit => Vec::new(),
            _ => {
                let body: zbus::Structure<'_> = body.deserialize().ok()?;
                body.fields().iter().map(Val::of).collect()
            }
        };
        let header = message.header();
        let text = |name: Option<&str>| name.unwrap_or_default().to_owned();
        Some(Call {
            path: text(header.path().map(|path| path.as_str())),
            interface: text(header.interface().map(|name| name.as_str())),
            member: text(header.member().map(|name| name.as_str())),
            sender: text(header.sender().map(|name| name.as_str())),
            args: args.into(),
            message: message.clone(),
        })
    }

    /// Its reply as a message; `None` if the caller wants none.
    pub(crate) fn reply(&self, reply: &Reply) -> Option<Message> {
        let header = self.message.header();
        let flags = header.primary().flags();
        if flags.contains(zbus::message::Flags::NO_REPLY_EXPECTED) {
            return None;
        }
        let built = match reply {
            Reply::Vals(vals) => Message::method_return(&header).build(&Args(vals)),
            Reply::Unknown => error(&header, UNKNOWN_METHOD, &self.unknown()),
            Reply::Error(name, why) => error(&header, name, why),
        };
        let built = built.or_else(|why| error(&header, FAILED, &why.to_string()));
        built
            .map_err(|why| log(&format!("a reply cannot be written: {why}")))
            .ok()
    }

    /// libdbus' text for a call that nobody takes, its line feed too: wpantund's clients see it.
    fn unknown(&self) -> String {
        let signature = self.message.body().signature().to_string_no_parens();
        let interface = match self.interface.as_str() {
            "" => "(null)",
            name => name,
        };
        format!(
            "Method \"{}\" with signature \"{signature}\" on interface \"{interface}\" doesn't exist\n",
            self.member
        )
    }
}

fn error(header: &Header<'_>, name: &str, why: &str) -> zbus::Result<Message> {
    Message::error(header, name).build(&Args(&[Val::s(why)]))
}

impl Bus {
    /// Sends a message; waits while the bus takes none.
    pub(crate) fn send(&self, message: &Message) {
        if let Err(error) = zbus::block_on(self.connection.send(message)) {
            log(&format!("the bus takes no message: {error}"));
        }
    }

    pub(crate) fn reply(&self, call: &Call, reply: &Reply) {
        if let Some(message) = call.reply(reply) {
            self.send(&message);
        }
    }

    /// To everybody who listens.
    pub(crate) fn signal(&self, path: &str, interface: &str, member: &str, args: &[Val]) {
        let built = Message::signal(path, interface, member).build(&Args(args));
        match built {
            Ok(message) => self.send(&message),
            Err(error) => log(&format!(
                "the signal {member} of {path} cannot be written: {error}"
            )),
        }
    }

    /// Calls a method of the bus itself.
    pub(crate) fn ask_bus(&self, member: &str, args: &[Val]) -> zbus::Result<Message> {
        zbus::block_on(self.connection.call_method(
            Some("org.freedesktop.DBus"),
            "/org/freedesktop/DBus",
            Some("org.freedesktop.DBus"),
            member,
            &Args(args),
        ))
    }
}

/// A line for the log, which standard error is. Of a text from outside only what cannot break the line.
pub(crate) fn log(text: &str) {
    let plain = !text.contains(char::is_control);
    let text = if plain { text.to_owned() } else { quoted(text) };
    eprintln!("spinel-bridge-dbus: {text}");
}

pub(crate) const UNKNOWN_METHOD: &str = "org.freedesktop.DBus.Error.UnknownMethod";
pub(crate) const FAILED: &str = "org.freedesktop.DBus.Error.Failed";
pub(crate) const ACCESS_DENIED: &str = "org.freedesktop.DBus.Error.AccessDenied";
pub(crate) const INVALID_ARGS: &str = "org.freedesktop.DBus.Error.InvalidArgs";
pub(crate) const LIMITS: &str = "org.freedesktop.DBus.Error.LimitsExceeded";
