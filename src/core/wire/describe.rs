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
mod tests {
    use super::*;
    use crate::wire::ids::PROPERTIES;
    use crate::wire::packed::Writer;
    use proptest::prelude::*;

    fn describe(hex: &str) -> String {
        let octets: Vec<u8> = hex
            .split_whitespace()
            .map(|octet| u8::from_str_radix(octet, 16).unwrap())
            .collect();
        Described(&octets).to_string()
    }

    fn property_frame(command: Command, property: Property, value: &[u8]) -> Vec<u8> {
        let mut buf = [0; 2048];
        let mut writer = Writer::new(&mut buf);
        writer.uint8(0x81).unwrap();
        writer.uint_packed(command.0).unwrap();
        writer.uint_packed(property.0).unwrap();
        writer.data(value).unwrap();
        writer.written().to_vec()
    }

    #[test]
    fn commands_and_values() {
        for (hex, line) in [
            ("81 00", "TID 1 NOOP"),
            ("80 01 02", "TID 0 RESET 2"),
            ("81 02 01", "TID 1 PROP_VALUE_GET PROTOCOL_VERSION"),
            ("81 06 01 04 03", "TID 1 PROP_VALUE_IS PROTOCOL_VERSION 4 3"),
            ("91 06 00 06", "IID 1 TID 1 PROP_VALUE_IS LAST_STATUS INVALID_INTERFACE(6)"),
            ("80 06 00 72", "TID 0 PROP_VALUE_IS LAST_STATUS RESET_SOFTWARE(114)"),
            ("80 06 00 7F", "TID 0 PROP_VALUE_IS LAST_STATUS UNKNOWN(127)"),
            ("88 03 21 0B", "TID 8 PROP_VALUE_SET PHY_CHAN 11"),
            (
                "85 06 05 05 0C 18 20 30 35 80 04 84 08",
                "TID 5 PROP_VALUE_IS CAPS [COUNTERS UNSOL_UPDATE_FILTER 2450MHZ_OQPSK CONFIG_FTD \
                 ROLE_ROUTER NET_THREAD_1_1 MAC_ALLOWLIST THREAD_BORDER_ROUTER]",
            ),
            (
                "8A 03 88 20 45 4B",
                "TID 10 PROP_VALUE_SET UNSOL_UPDATE_FILTER [NET_XPANID NET_PSKC]",
            ),
            ("8A 03 88 20", "TID 10 PROP_VALUE_SET UNSOL_UPDATE_FILTER []"),
            ("81 15 01 02 05", "TID 1 PROP_VALUE_MULTI_GET [PROTOCOL_VERSION NCP_VERSION CAPS]"),
            (
                "82 17 02 00 21 0B 02 00 00 03",
                "TID 2 PROP_VALUES_ARE [ PHY_CHAN 11, LAST_STATUS INVALID_ARGUMENT(3) ]",
            ),
            ("83 12 00 00 00 20 04 00", "TID 3 PEEK 536870912 4"),
            (
                "83 13 00 00 00 20 04 00 DE AD BE EF",
                "TID 3 PEEK_RET 536870912 4 <4 octets>",
            ),
            (
                "80 07 33 0F C4 0D 00 B6 40 D4 8C E9 38 F9 52 FF FF D2 04 00 \
                 13 00 03 20 73 70 69 6E 65 6C 00 08 00 DE AD 00 BE EF 00 CA FE",
                "TID 0 PROP_VALUE_INSERTED MAC_SCAN_BEACON 15 -60 (B640D48CE938F952 65535 1234 0) \
                 (3 32 \"spinel\" DEAD00BEEF00CAFE)",
            ),
            (
                "80 06 5A 17 00 20 01 0D B8 00 03 00 00 00 00 00 00 00 00 00 00 40 01 31 01 00 04 00",
                "TID 0 PROP_VALUE_IS THREAD_ON_MESH_NETS [(2001:db8:3:: 64 true 49 true 1024 0)]",
            ),
            (
                "85 04 5A 20 01 0D B8 00 03 00 00 00 00 00 00 00 00 00 00 40 01 31",
                "TID 5 PROP_VALUE_INSERT THREAD_ON_MESH_NETS 2001:db8:3:: 64 true 49",
            ),
            (
                "80 06 71 05 00 02 00 2A E0 3B C4 9E",
                "TID 0 PROP_VALUE_IS STREAM_RAW <5 octets> <2 octets>",
            ),
        ] {
            assert_eq!(describe(hex), line);
        }
    }

    #[test]
    fn border_router_firmware_is_described() {
        for (octets, text) in [
            ("80 06 75 6F 6B 00", "TID 0 PROP_VALUE_IS STREAM_CLI <3 octets>"),
            ("81 03 B1 12 01", "TID 1 PROP_VALUE_SET DNSSD_STATE 1"),
            ("80 06 F1 12 02", "TID 0 PROP_VALUE_IS BACKBONE_ROUTER_STATE 2"),
            (
                "80 06 93 12 07 00 00 00 FE 80 00 00 00 00 00 00 00 00 00 00 00 00 00 01 02 00 85 00",
                "TID 0 PROP_VALUE_IS INFRA_IF_SEND_ICMP6 7 fe80::1 <2 octets>",
            ),
            // The key lets commissioners in.
            (
                "81 03 D4 12 31 32 00 E8 03 00 00 00 00",
                "TID 1 PROP_VALUE_SET BORDER_AGENT_EPHEMERAL_KEY_ACTIVATE <9 octets>",
            ),
            (
                "81 06 00 90 80 01",
                "TID 1 PROP_VALUE_IS LAST_STATUS DETACHED(16400)",
            ),
        ] {
            assert_eq!(describe(octets), text);
        }
    }

    #[test]
    fn packets_show_their_header() {
        let header = "60 00 00 00 00 04 3A 40";
        let source = "FE 80 00 00 00 00 00 00 00 00 00 00 00 00 00 01";
        let destination = "FF 02 00 00 00 00 00 00 00 00 00 00 00 00 00 01";
        assert_eq!(
            describe(&format!(
                "80 06 72 2C 00 {header} {source} {destination} 80 00 AA BB"
            )),
            "TID 0 PROP_VALUE_IS STREAM_NET IPv6 fe80::1 > ff02::1 ICMPv6(58) length 4"
        );
        assert_eq!(
            describe(&format!(
                "80 03 73 29 00 {header} {source} {destination} 80 01 02"
            )),
            "TID 0 PROP_VALUE_SET STREAM_NET_INSECURE IPv6 fe80::1 > ff02::1 ICMPv6(58) length 4 \
             (1 present) +2 octets"
        );
        assert_eq!(
            describe("80 06 72 01 00 60"),
            "TID 0 PROP_VALUE_IS STREAM_NET <1 octets, not IPv6>"
        );
    }

    #[test]
    fn text_of_the_co_processor_stays_in_its_line() {
        assert_eq!(
            describe("80 06 70 68 0A 1B 5B 32 4A FF 22 00 41"),
            r#"TID 0 PROP_VALUE_IS STREAM_DEBUG "h\n\u{1b}[2J\xFF\"""#
        );
        assert_eq!(
            describe("80 06 70 68 65 6C 6C 6F"),
            "TID 0 PROP_VALUE_IS STREAM_DEBUG \"hello\""
        );
        assert_eq!(
            describe("81 06 02 4F 54 0D 0A 00"),
            r#"TID 1 PROP_VALUE_IS NCP_VERSION "OT\r\n""#
        );
    }

    #[test]
    fn log_lines_show_their_metadata() {
        assert_eq!(
            describe("80 06 74 5B 49 5D 20 62 6F 6F 74 00 06 0D E8 03 00 00 00 00 00 00"),
            "TID 0 PROP_VALUE_IS STREAM_LOG \"[I] boot\" INFO region 13 at 1000 ms"
        );
        assert_eq!(
            describe("80 06 74 41"),
            "TID 0 PROP_VALUE_IS STREAM_LOG \"A\""
        );
        assert_eq!(
            describe("80 06 74 41 00 09"),
            "TID 0 PROP_VALUE_IS STREAM_LOG \"A\" level 9"
        );
    }

    #[test]
    fn what_cannot_be_decoded_says_why() {
        for (hex, line) in [
            ("", "empty frame"),
            (
                "7E 00",
                "not Spinel: the first octet is 0x7E, not 0x80..=0xBF: 7E 00",
            ),
            ("81 80", "the frame ends before its command does: 81 80"),
            (
                "81 06",
                "TID 1 PROP_VALUE_IS malformed, a value runs past the end: no octets",
            ),
            ("81 18 01 02", "TID 1 UNKNOWN(24) 01 02"),
            ("81 06 80 78 AA", "TID 1 PROP_VALUE_IS UNKNOWN(15360) AA"),
            (
                "81 06 34 00 12",
                "TID 1 PROP_VALUE_IS MAC_15_4_LADDR malformed, a value runs past the end: 00 12",
            ),
            (
                "81 06 21 0B 01 02",
                "TID 1 PROP_VALUE_IS PHY_CHAN 11 +2 octets",
            ),
            ("81 06 21", "TID 1 PROP_VALUE_IS PHY_CHAN"),
            (
                "81 17 05 00 46 AB",
                "TID 1 PROP_VALUES_ARE [ <4 octets>: a value runs past the end ]",
            ),
        ] {
            assert_eq!(describe(hex), line);
        }
        assert!(describe(&"7E ".repeat(40)).ends_with("7E 7E .. (40 octets)"));
        let dumped = describe(&"7E ".repeat(40)).matches("7E").count();
        // One in the message, then the octets.
        assert_eq!(dumped, 1 + DUMP_MAX);
    }

    #[test]
    fn where_a_secret_begins() {
        let key = [&[0x81, 0x03, 0x46][..], &[7; 16]].concat();
        assert_eq!(secret_at(&key), Some(3));
        assert_eq!(secret_at(&[0x81, 0x06, 0x98, 0x2A, 1, 2, 3]), Some(4));
        assert_eq!(secret_at(&[0x81, 0x02, 0x46]), None);
        assert_eq!(secret_at(&[0x81, 0x06, 0x21, 11]), None);
        // Memory, and several properties at once.
        assert_eq!(secret_at(&[0x81, 0x13, 1, 2]), Some(2));
        assert_eq!(secret_at(&[0x81, 0x17, 1, 2]), Some(2));
        for frame in [&[][..], &[0x81], &[0x81, 0x06], &[0x81, 0x06, 0xFF]] {
            assert_eq!(secret_at(frame), None);
        }
    }

    #[test]
    fn secrets_are_never_in_clear() {
        let key = [0xAB; 16];
        for property in PROPERTIES
            .iter()
            .map(|row| row.id)
            .filter(|id| id.is_secret())
        {
            for command in 3..=8 {
                let line = Described(&property_frame(Command(command), property, &key)).to_string();
                assert!(line.ends_with(" <16 octets>"), "{line}");
            }
            let entry = property_frame(Command(22), property, &key)[2..].to_vec();
            let mut multi = vec![0x82, 22, entry.len() as u8, 0];
            multi.extend_from_slice(&entry);
            let line = Described(&multi).to_string();
            assert!(line.ends_with(" <16 octets> ]"), "{line}");
        }
    }

    #[test]
    fn long_lines_are_cut() {
        let property = Property::THREAD_NETWORK_DATA;
        let value = [0xAB; 1200];
        let line = Described(&property_frame(Command(6), property, &value)).to_string();
        assert_eq!(line.chars().count(), LINE_MAX);
        assert!(line.ends_with("A..."), "{line}");
        let text = "é".repeat(600);
        let frame = property_frame(Command(6), Property::STREAM_DEBUG, text.as_bytes());
        assert_eq!(Described(&frame).to_string().chars().count(), LINE_MAX);
    }

    fn assert_one_short_line(octets: &[u8]) {
        let line = Described(octets).to_string();
        assert!(line.chars().count() <= LINE_MAX);
        assert!(!line.chars().any(char::is_control), "{line:?}");
    }

    proptest! {
        #[test]
        fn any_octets_make_one_short_line(octets in prop::collection::vec(any::<u8>(), 0..1500)) {
            assert_one_short_line(&octets);
        }

        #[test]
        fn any_value_makes_one_short_line(
            command in 0..=25_u32,
            row in 0..PROPERTIES.len(),
            value in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            assert_one_short_line(&property_frame(Command(command), PROPERTIES.iter().nth(row).unwrap().id, &value));
        }

        #[test]
        fn any_short_lengths_make_one_short_line(
            row in 0..PROPERTIES.len(),
            value in prop::collection::vec(0..4_u8, 0..100),
        ) {
            assert_one_short_line(&property_frame(Command(6), PROPERTIES.iter().nth(row).unwrap().id, &value));
        }
    }
}
