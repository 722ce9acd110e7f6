//! A Spinel frame as one line for the log.
//!
//! ```
//! use spinel_bridge::wire::describe::Described;
//!
//! let reset = Described(&[0x80, 0x06, 0x00, 0x72]);
//! assert_eq!(reset.to_string(), "TID 0 PROP_VALUE_IS LAST_STATUS RESET_SOFTWARE(114)");
//! ```
//!
//! The line stays one line of at most [`LINE_MAX`] characters whatever the co-processor sends, and
//! the value of a property that [is secret](Property::is_secret) is never in it. The one exception
//! is a frame that is not Spinel or has an unknown command or property: nobody can tell what its
//! octets are, and they are shown.

use super::ids::{Capability, Command, Property, Status};
use super::packed::{Malformed, Reader};
use super::signature::{Escaped, Formatted, Signature};
use super::spinel::{Frame, FrameError};
use core::fmt::{self, Write};
use std::net::Ipv6Addr;

/// The longest line, in characters: some five lines of a terminal.
pub const LINE_MAX: usize = 400;

/// Displays what a Spinel frame says.
#[derive(Clone, Copy, Debug)]
pub struct Described<'a>(pub &'a [u8]);

impl fmt::Display for Described<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = Line {
            out: f,
            room: LINE_MAX - ELLIPSIS.len(),
            cut: false,
        };
        match write_frame(self.0, &mut line) {
            Err(fmt::Error) if line.cut => f.write_str(ELLIPSIS),
            result => result,
        }
    }
}

/// Where in a frame octets begin that may be secret: those of the value of a property that [is
/// secret](Property::is_secret), of several properties, of memory. `None`: nowhere.
pub fn secret_at(octets: &[u8]) -> Option<usize> {
    let frame = Frame::parse(octets).ok()?;
    let value = match frame.command {
        Command::PROP_VALUE_SET
        | Command::PROP_VALUE_INSERT
        | Command::PROP_VALUE_REMOVE
        | Command::PROP_VALUE_IS
        | Command::PROP_VALUE_INSERTED
        | Command::PROP_VALUE_REMOVED => {
            let (property, value) = frame.property().ok()?;
            hides(property).then_some(value)?
        }
        Command::PROP_VALUE_MULTI_SET
        | Command::PROP_VALUES_ARE
        | Command::PEEK_RET
        | Command::POKE
        | Command::HBO_OFFLOAD
        | Command::HBO_RECLAIMED => frame.payload,
        _ => return None,
    };
    Some(octets.len() - value.len())
}

/// Whether the value may be secret. A line of OpenThread's command line may set a key, or be one.
fn hides(property: Property) -> bool {
    property.is_secret() || property == Property::STREAM_CLI
}

fn write_frame(octets: &[u8], line: &mut Line<'_, '_>) -> fmt::Result {
    let frame = match Frame::parse(octets) {
        Ok(frame) => frame,
        Err(FrameError::Empty) => return write!(line, "{}", FrameError::Empty),
        Err(error) => return write!(line, "{error}: {}", Dump(octets)),
    };
    let Frame {
        header,
        command,
        payload,
    } = frame;
    write!(line, "{header} {command}")?;
    match command {
        Command::PROP_VALUE_GET
        | Command::PROP_VALUE_SET
        | Command::PROP_VALUE_INSERT
        | Command::PROP_VALUE_REMOVE
        | Command::PROP_VALUE_IS
        | Command::PROP_VALUE_INSERTED
        | Command::PROP_VALUE_REMOVED => match frame.property() {
            Ok((property, value)) => write_property(command, property, value, line),
            Err(error) => write_malformed(error, payload, line),
        },
        Command::PROP_VALUE_MULTI_GET => write_numbers(payload, line, |number, line| {
            write!(line, "{}", Property(number))
        }),
        Command::PROP_VALUE_MULTI_SET | Command::PROP_VALUES_ARE => {
            write_entries(command, payload, line)
        }
        // Memory of the co-processor and what it keeps in ours may hold keys.
        _ => match payload_signature(command) {
            Some(signature) => write_formatted(signature, payload, true, line),
            None => write_dump(payload, line),
        },
    }
}

/// The payload of the commands that concern no property (protocol §1.3).
fn payload_signature(command: Command) -> Option<Signature<'static>> {
    let signature = match command {
        Command::NOOP | Command::NET_SAVE | Command::NET_CLEAR | Command::NET_RECALL => "",
        Command::RESET => "C",
        Command::HBO_OFFLOAD => "LscD",
        Command::HBO_RECLAIM => "Lb",
        Command::HBO_DROP => "L",
        Command::HBO_OFFLOADED | Command::HBO_DROPPED => "Li",
        Command::HBO_RECLAIMED => "LiD",
        Command::PEEK => "LS",
        Command::PEEK_RET | Command::POKE => "LSD",
        _ => return None,
    };
    Signature::parse(signature).ok()
}

fn write_property(
    command: Command,
    property: Property,
    value: &[u8],
    line: &mut Line<'_, '_>,
) -> fmt::Result {
    write!(line, " {property}")?;
    if command == Command::PROP_VALUE_GET {
        return write_surplus(value.len(), line);
    }
    if hides(property) {
        return write!(line, " <{} octets>", value.len());
    }
    let one_item = matches!(
        command,
        Command::PROP_VALUE_INSERT
            | Command::PROP_VALUE_REMOVE
            | Command::PROP_VALUE_INSERTED
            | Command::PROP_VALUE_REMOVED
    );
    match property {
        Property::LAST_STATUS => write_status(value, line),
        Property::CAPS => write_numbers(value, line, |number, line| {
            write!(line, "{}", Capability(number))
        }),
        Property::UNSOL_UPDATE_FILTER | Property::UNSOL_UPDATE_LIST => {
            write_numbers(value, line, |number, line| {
                write!(line, "{}", Property(number))
            })
        }
        Property::STREAM_NET | Property::STREAM_NET_INSECURE => write_packet(value, line),
        Property::STREAM_DEBUG => write_debug(value, line),
        Property::STREAM_LOG => write_log(value, line),
        _ => match property.info() {
            Some(info) if one_item => write_formatted(info.told_item(), value, false, line),
            Some(info) => write_formatted(info.signature, value, is_traffic(property), line),
            None => write_dump(value, line),
        },
    }
}

/// Frames and datagrams: a dump of them says little and fills the line.
const fn is_traffic(property: Property) -> bool {
    matches!(
        property,
        Property::STREAM_RAW
            | Property::INFRA_IF_RECV_ICMP6
            | Property::INFRA_IF_SEND_ICMP6
            | Property::THREAD_UDP_FORWARD_STREAM
            | Property::THREAD_TMF_PROXY_STREAM
    )
}

fn write_formatted(
    signature: Signature<'_>,
    value: &[u8],
    hide_data: bool,
    line: &mut Line<'_, '_>,
) -> fmt::Result {
    let formatted = match Formatted::new(signature, value) {
        Ok(formatted) if hide_data => formatted.hide_data(),
        Ok(formatted) => formatted,
        Err(error) if hide_data => return write!(line, " <{} octets>: {error}", value.len()),
        Err(error) => return write_malformed(error, value, line),
    };
    if formatted.surplus() < value.len() {
        write!(line, " {formatted}")?;
    }
    write_surplus(formatted.surplus(), line)
}

fn write_status(value: &[u8], line: &mut Line<'_, '_>) -> fmt::Result {
    let mut reader = Reader::new(value);
    let status = match reader.uint_packed() {
        Ok(number) => Status(number),
        Err(error) => return write_malformed(error, value, line),
    };
    write!(line, " {status}")?;
    if status.name().is_some() {
        write!(line, "({})", status.0)?;
    }
    write_surplus(reader.rest().len(), line)
}

/// A list of packed integers, each by the name that `write_name` gives it.
fn write_numbers<'f, 'g>(
    value: &[u8],
    line: &mut Line<'f, 'g>,
    write_name: impl Fn(u32, &mut Line<'f, 'g>) -> fmt::Result,
) -> fmt::Result {
    let mut reader = Reader::new(value);
    let mut separator = " [";
    while !reader.is_empty() {
        line.write_str(separator)?;
        separator = " ";
        match reader.uint_packed() {
            Ok(number) => write_name(number, line)?,
            Err(error) => return write!(line, "{error}: {}]", Dump(reader.rest())),
        }
    }
    line.write_str(if value.is_empty() { " []" } else { "]" })
}

/// Pairs of property and value, for which protocol §1.3 has `A(t(iD))`.
fn write_entries(command: Command, payload: &[u8], line: &mut Line<'_, '_>) -> fmt::Result {
    let mut reader = Reader::new(payload);
    line.write_str(" [")?;
    while !reader.is_empty() {
        if reader.rest().len() < payload.len() {
            line.write_str(",")?;
        }
        let entry = reader.structure().and_then(|mut entry| {
            let property = Property(entry.uint_packed()?);
            Ok((property, entry.rest()))
        });
        match entry {
            Ok((property, value)) => write_property(command, property, value, line)?,
            // No dump: what cannot be told apart may hold a key.
            Err(error) => {
                write!(line, " <{} octets>: {error}", reader.rest().len())?;
                break;
            }
        }
    }
    line.write_str(" ]")
}

/// `dD`: an IPv6 packet (RFC 8200 §3), then metadata (protocol §3.13).
fn write_packet(value: &[u8], line: &mut Line<'_, '_>) -> fmt::Result {
    let mut reader = Reader::new(value);
    let packet = match reader.data_with_length() {
        Ok(packet) => packet,
        Err(error) => return write_malformed(error, value, line),
    };
    match parse_ipv6(packet) {
        None => write!(line, " <{} octets, not IPv6>", packet.len())?,
        Some(ipv6) => {
            write!(line, " IPv6 {} > {} ", ipv6.source, ipv6.destination)?;
            match ipv6.next_header {
                0 => line.write_str("hop-by-hop(0)")?,
                6 => line.write_str("TCP(6)")?,
                17 => line.write_str("UDP(17)")?,
                58 => line.write_str("ICMPv6(58)")?,
                other => write!(line, "next header {other}")?,
            }
            write!(line, " length {}", ipv6.length)?;
            let present = packet.len() - IPV6_HEADER_LEN;
            if present != usize::from(ipv6.length) {
                write!(line, " ({present} present)")?;
            }
        }
    }
    write_surplus(reader.rest().len(), line)
}

/// What the log wants to know of an IPv6 header.
struct Ipv6Header {
    source: Ipv6Addr,
    destination: Ipv6Addr,
    next_header: u8,
    length: u16,
}

fn parse_ipv6(packet: &[u8]) -> Option<Ipv6Header> {
    let mut reader = Reader::new(packet);
    let [version, _, _, _] = reader.array().ok()?;
    if version >> 4 != 6 {
        return None;
    }
    let length = u16::from_be_bytes(reader.array().ok()?);
    let [next_header, _hop_limit] = reader.array().ok()?;
    Some(Ipv6Header {
        source: reader.array::<16>().ok()?.into(),
        destination: reader.array::<16>().ok()?.into(),
        next_header,
        length,
    })
}

/// Text up to a zero octet or to the end (errata E33).
fn write_debug(value: &[u8], line: &mut Line<'_, '_>) -> fmt::Result {
    let text = value.split(|&octet| octet == 0).next().unwrap_or_default();
    write!(line, " \"{}\"", Escaped(text))
}

/// A text, then metadata that may stop after any member: level, region, time (protocol §3.9).
fn write_log(value: &[u8], line: &mut Line<'_, '_>) -> fmt::Result {
    let mut reader = Reader::new(value);
    let Ok(text) = reader.utf8() else {
        return write_debug(value, line);
    };
    write!(line, " \"{}\"", Escaped(text))?;
    let Ok(level) = reader.uint8() else {
        return Ok(());
    };
    match LOG_LEVELS.get(usize::from(level)) {
        Some(name) => write!(line, " {name}")?,
        None => write!(line, " level {level}")?,
    }
    if let Ok(region) = reader.uint_packed() {
        write!(line, " region {region}")?;
    }
    if let Ok(time) = reader.uint64() {
        write!(line, " at {time} ms")?;
    }
    write_surplus(reader.rest().len(), line)
}

fn write_malformed(error: Malformed, octets: &[u8], line: &mut Line<'_, '_>) -> fmt::Result {
    write!(line, " malformed, {error}: {}", Dump(octets))
}

fn write_dump(octets: &[u8], line: &mut Line<'_, '_>) -> fmt::Result {
    if octets.is_empty() {
        return Ok(());
    }
    write!(line, " {}", Dump(octets))
}

fn write_surplus(octets: usize, line: &mut Line<'_, '_>) -> fmt::Result {
    if octets == 0 {
        return Ok(());
    }
    write!(line, " +{octets} octets")
}

/// Octets in hex: the first few, and how many there are.
struct Dump<'a>(&'a [u8]);

impl fmt::Display for Dump<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("no octets");
        }
        for (index, octet) in self.0.iter().take(DUMP_MAX).enumerate() {
            let space = if index == 0 { "" } else { " " };
            write!(f, "{space}{octet:02X}")?;
        }
        if self.0.len() > DUMP_MAX {
            write!(f, " .. ({} octets)", self.0.len())?;
        }
        Ok(())
    }
}

/// Passes text on until the line is full; then it fails, which ends the formatting early.
struct Line<'f, 'g> {
    out: &'f mut fmt::Formatter<'g>,
    room: usize,
    cut: bool,
}

impl Write for Line<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        match text.char_indices().nth(self.room) {
            None => {
                self.room -= text.chars().count();
                self.out.write_str(text)
            }
            Some((end, _)) => {
                self.cut = true;
                self.room = 0;
                self.out.write_str(&text[..end])?;
                Err(fmt::Error)
            }
        }
    }
}

const ELLIPSIS: &str = "...";

/// Octets of a dump: two lines of a hex dump, enough to see what it is.
const DUMP_MAX: usize = 32;

/// RFC 8200 §3.
const IPV6_HEADER_LEN: usize = 40;

/// Protocol §4.8.
const LOG_LEVELS: [&str; 8] = [
    "EMERG", "ALERT", "CRIT", "ERR", "WARN", "NOTICE", "INFO", "DEBUG",
];

#[cfg(test)]
mod tests;
