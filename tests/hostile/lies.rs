//! What a co-processor can say, out of the host's own tables: values that fit the signature of a property, and
//! values that do not.

use spinel_bridge::sim::rng::Rng;
use spinel_bridge::wire::ids::{Command, Property, PROPERTIES};
use spinel_bridge::wire::signature::Signature;
use std::net::Ipv6Addr;

/// Lies, the same ones for the same seed.
pub(crate) struct Liar {
    rng: Rng,
}

impl Liar {
    pub(crate) fn new(seed: u64) -> Liar {
        Liar {
            rng: Rng::new(seed),
        }
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.rng.below(n as u64) as usize
    }

    /// Once in `n`.
    pub(crate) fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn octet(&mut self) -> u8 {
        self.rng.next_u64() as u8
    }

    fn octets(&mut self, n: usize) -> Vec<u8> {
        (0..n).map(|_| self.octet()).collect()
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// All that can be told of a property without being asked: a value, an item more, an item less.
    pub(crate) fn frames_of(&mut self, property: Property) -> Vec<Vec<u8>> {
        let commands = [
            Command::PROP_VALUE_IS,
            Command::PROP_VALUE_INSERTED,
            Command::PROP_VALUE_REMOVED,
        ];
        let mut frames = Vec::new();
        for command in commands {
            let value = match command {
                Command::PROP_VALUE_IS => self.value_of(property),
                _ => self.item_of(property),
            };
            frames.push(frame(UNASKED, command, property, &value));
        }
        frames
    }

    pub(crate) fn value_of(&mut self, property: Property) -> Vec<u8> {
        let signature = signature(property);
        let value = self.value(signature);
        self.tampered(value)
    }

    pub(crate) fn item_of(&mut self, property: Property) -> Vec<u8> {
        let signature = signature(property).item();
        let value = self.value(signature);
        self.tampered(value)
    }

    /// As it is, or too short, or too long, or something else.
    fn tampered(&mut self, mut value: Vec<u8>) -> Vec<u8> {
        match self.below(16) {
            0 => value.truncate(self.below(value.len() + 1)),
            1 => {
                let n = self.below(64);
                value.extend(self.octets(n));
            }
            2 => {
                let n = self.below(LONGEST);
                value = self.octets(n);
            }
            3 => value.resize(LONGEST, self.octet()),
            4 => value.clear(),
            _ => {}
        }
        value.truncate(LONGEST);
        value
    }

    fn value(&mut self, signature: Signature<'_>) -> Vec<u8> {
        let mut octets = Vec::new();
        self.members(signature.as_str().as_bytes(), &mut octets);
        octets
    }

    fn members(&mut self, mut codes: &[u8], out: &mut Vec<u8>) {
        while let [code, rest @ ..] = codes {
            codes = rest;
            let inner = match code {
                b't' | b'A' => {
                    let end = closing(rest);
                    codes = &rest[end + 1..];
                    &rest[1..end]
                }
                _ => &[],
            };
            self.member(*code, inner, out);
        }
    }

    fn member(&mut self, code: u8, inner: &[u8], out: &mut Vec<u8>) {
        match code {
            b'b' => out.push(*self.pick(&[0, 1, 1, 2, 0xFF])),
            b'C' | b'c' => out.push(*self.pick(&[0, 1, 3, 32, 48, 63, 64, 64, 127, 128, 255])),
            b'S' | b's' => out.extend(self.octets(2)),
            b'L' | b'l' => {
                let number = *self.pick(&[0, 1, 0x7FFF_FFFF, 0x8000_0000, u32::MAX]);
                out.extend(number.to_le_bytes());
            }
            b'X' | b'x' => {
                let number = *self.pick(&[0, 1, i64::MAX as u64, u64::MAX]);
                out.extend(number.to_le_bytes());
            }
            b'i' => {
                let number = *self.pick(&[0, 1, 112, 127, 128, 16_383, 0x1F_FFFF]);
                out.extend(packed(number));
            }
            b'6' => out.extend(self.address().octets()),
            b'E' => out.extend(self.octets(8)),
            b'e' => out.extend(self.octets(6)),
            b'U' => out.extend(self.text()),
            b'd' => {
                let n = self.below(80);
                let octets = self.octets(n);
                with_length(out, &octets);
            }
            b't' => {
                let mut structure = Vec::new();
                self.members(inner, &mut structure);
                with_length(out, &structure);
            }
            b'A' => (0..self.below(12)).for_each(|_| self.members(inner, out)),
            b'.' => {}
            _ => {
                let n = self.below(64);
                let octets = self.octets(n);
                out.extend(octets);
            }
        }
    }

    /// Names of networks, versions, logs: what a terminal, a log and JSON choke on.
    pub(crate) fn text(&mut self) -> Vec<u8> {
        let mut text = match self.below(8) {
            0 => Vec::new(),
            1 => vec![b'A'; LONGEST],
            2 => b"\x1b]0;owned\x07\x1b[2J\x1b[31m".to_vec(),
            3 => b"line\nspinel-bridge[1]: error: not ours\r\n".to_vec(),
            4 => "\u{202e}txet\u{200b}\u{feff}\u{e000}".as_bytes().to_vec(),
            5 => vec![0xFF, 0xC0, 0x80, 0xED, 0xA0, 0x80],
            6 => b"%s%n\"';$(reboot)`reboot`{}\\".to_vec(),
            _ => {
                let n = self.below(40);
                self.octets(n)
            }
        };
        text.retain(|octet| *octet != 0);
        if !self.once_in(8) {
            text.push(0);
        }
        text
    }

    pub(crate) fn address(&mut self) -> Ipv6Addr {
        match self.below(10) {
            0 => Ipv6Addr::from(self.rng.octets::<16>()),
            1 => {
                // A neighbour of something that matters.
                let [.., last] = (*self.pick(ADDRESSES)).octets();
                let mut octets = self.pick(ADDRESSES).octets();
                octets[15] = last.wrapping_add(self.octet());
                Ipv6Addr::from(octets)
            }
            _ => *self.pick(ADDRESSES),
        }
    }
}

/// A frame of one property.
pub(crate) fn frame(header: u8, command: Command, property: Property, value: &[u8]) -> Vec<u8> {
    let mut frame = vec![header];
    frame.extend(packed(command.0));
    frame.extend(packed(property.0));
    frame.extend(value);
    frame.truncate(FRAME_MAX);
    frame
}

/// Every property that the host knows, and some that it does not.
pub(crate) fn properties() -> Vec<Property> {
    let known = PROPERTIES.iter().map(|row| row.id);
    known.chain([9_999, 0x1F_FFFF].map(Property)).collect()
}

fn signature(property: Property) -> Signature<'static> {
    let any = || Signature::parse("D").unwrap();
    property.info().map_or_else(any, |info| info.signature)
}

fn closing(codes: &[u8]) -> usize {
    let mut depth = 0;
    let end = codes.iter().position(|code| {
        depth += i32::from(*code == b'(') - i32::from(*code == b')');
        depth == 0
    });
    end.expect("a signature that was checked")
}

fn with_length(out: &mut Vec<u8>, octets: &[u8]) {
    out.extend((octets.len() as u16).to_le_bytes());
    out.extend_from_slice(octets);
}

/// Seven bits in each octet, the lowest first (protocol §2.2).
pub(crate) fn packed(mut number: u32) -> Vec<u8> {
    let mut octets = Vec::new();
    while number >= 0x80 {
        octets.push(number as u8 | 0x80);
        number >>= 7;
    }
    octets.push(number as u8);
    octets
}

const fn v6(segments: [u16; 8]) -> Ipv6Addr {
    let [a, b, c, d, e, f, g, h] = segments;
    Ipv6Addr::new(a, b, c, d, e, f, g, h)
}

/// What a host could be robbed of: those of `world.rs` and their networks, and ranges that are nobody's.
pub(crate) const ADDRESSES: &[Ipv6Addr] = &[
    v6([0, 0, 0, 0, 0, 0, 0, 0]),
    v6([0, 0, 0, 0, 0, 0, 0, 1]),
    v6([0, 0, 0, 0, 0, 0, 0x7F00, 1]),
    v6([0, 0, 0, 0, 0, 0xFFFF, 0x7F00, 1]),
    v6([0x8000, 0, 0, 0, 0, 0, 0, 0]),
    v6([0x2000, 0, 0, 0, 0, 0, 0, 0]),
    v6([0x2600, 0, 0, 0, 0, 0, 0, 0]),
    v6([0x2620, 0, 0, 0, 0, 0, 0, 0]),
    v6([0x2620, 0xFE, 0, 0, 0, 0, 0, 0xFE]),
    v6([0x2002, 0x7F00, 1, 0, 0, 0, 0, 1]),
    v6([0x64, 0xFF9B, 0, 0, 0, 0, 0x0808, 0x0808]),
    v6([0x100, 0, 0, 0, 0, 0, 0, 1]),
    // The LAN: its gateway, ourselves, the site around it.
    v6([0x2001, 0xDB8, 1, 1, 0, 0, 0, 1]),
    v6([0x2001, 0xDB8, 1, 1, 0, 0, 0, 5]),
    v6([0x2001, 0xDB8, 1, 0, 0, 0, 0, 0]),
    v6([0xFD12, 1, 1, 1, 0, 0, 0, 5]),
    // The VPN: ourselves, and what lies behind it.
    v6([0xFD99, 0, 0, 0, 0, 0, 0, 2]),
    v6([0xFD99, 1, 0, 0, 0, 0, 0, 0]),
    v6([0xFD99, 1, 0, 7, 0, 0, 0, 0x53]),
    v6([0xFE80, 0, 0, 0, 0, 0, 0, 1]),
    v6([0xFE80, 0, 0, 0, 0, 0, 0, 5]),
    v6([0xFF02, 0, 0, 0, 0, 0, 0, 1]),
    v6([0xFF05, 0, 0, 0, 0, 0, 0, 2]),
    // What a mesh may have.
    v6([0xFDAA, 0, 0, 0, 0, 0, 0, 9]),
    v6([0xFC00, 0, 0, 0, 0, 0, 0, 0]),
    v6([0x2001, 0xDB8, 0xAA, 0, 0, 0, 0, 9]),
    v6([0xFDAA, 0, 0, 0, 0, 0xFF, 0xFE00, 0xFC00]),
];

/// FLG 2, interface 0, no transaction.
pub(crate) const UNASKED: u8 = 0x80;

/// Protocol §1.1.
const FRAME_MAX: usize = 1_300;

/// With header, command and property it is a frame.
const LONGEST: usize = 1_290;
