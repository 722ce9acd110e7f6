//! What is not radio: memory, pins, random numbers, jam detection, and the manufacturing command line.

use super::spinel::numbers::*;
use super::spinel::pack::pack;
use super::spinel::properties;
use super::{Content, Ncp};
use crate::time::{Duration, Instant};
use crate::wire::packed::Reader;

/// Memory and pins.
#[derive(Debug)]
pub(super) struct Gadgets {
    ram: Vec<u8>,
    /// Flags and level of each pin.
    pins: [(u8, bool); 3],
    jam_since: Option<Instant>,
}

impl Gadgets {
    pub(super) fn new() -> Self {
        Gadgets {
            ram: vec![0; RAM_LEN],
            pins: PINS.map(|(flags, _)| (flags, false)),
            jam_since: None,
        }
    }

    /// When a jam is found.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.jam_since
    }
}

impl Ncp {
    /// PEEK: `LS`.
    pub(super) fn peek(&self, payload: &[u8]) -> Result<Content, Status> {
        let mut reader = Reader::new(payload);
        let address = reader.uint32().map_err(|_| PARSE_ERROR)?;
        let count = reader.uint16().map_err(|_| PARSE_ERROR)?;
        let octets = self.gadgets.ram.get(range(address, count)?);
        let octets = octets.filter(|octets| octets.len() <= PEEK_MAX);
        let octets = octets.ok_or(INVALID_ARGUMENT)?;
        let mut frame = pack(|w| {
            w.uint_packed(CMD_PEEK_RET)?;
            w.uint32(address)?;
            w.uint16(count)
        });
        frame.extend(octets);
        Ok(Content::Frame(frame))
    }

    /// POKE: `LSD`.
    pub(super) fn poke(&mut self, payload: &[u8]) -> Result<Content, Status> {
        let mut reader = Reader::new(payload);
        let address = reader.uint32().map_err(|_| PARSE_ERROR)?;
        let count = reader.uint16().map_err(|_| PARSE_ERROR)?;
        if reader.rest().len() != usize::from(count) {
            return Err(PARSE_ERROR);
        }
        let memory = self.gadgets.ram.get_mut(range(address, count)?);
        memory
            .ok_or(INVALID_ARGUMENT)?
            .copy_from_slice(reader.rest());
        Ok(Content::Status(OK))
    }

    /// `A(t(CCU))`
    pub(super) fn gpio_config(&self) -> Vec<u8> {
        let pins = self.gadgets.pins.iter().zip(PINS).zip(0u8..);
        let items = pins.map(|(((flags, _), (_, name)), number)| {
            pack(|w| {
                w.structure(|pin| {
                    pin.data(&[number, *flags])?;
                    pin.utf8(name)
                })
            })
        });
        items.collect::<Vec<_>>().concat()
    }

    /// INSERT of `CCU`: other flags for a pin that exists (protocol §3.14).
    pub(super) fn configure_gpio(&mut self, value: &[u8]) -> Result<Content, Status> {
        let [number, flags] = Reader::new(value).array().map_err(|_| PARSE_ERROR)?;
        let pin = self.gadgets.pins.get_mut(usize::from(number));
        pin.ok_or(INVALID_ARGUMENT)?.0 = flags & !GPIO_RESERVED;
        Ok(Content::Item(
            CMD_VALUE_INSERTED,
            GPIO_CONFIG,
            value.to_vec(),
        ))
    }

    /// One octet: pin n is bit `0x80 >> n`. Inputs with a pull-up are high.
    pub(super) fn gpio_state(&self) -> Vec<u8> {
        let pins = self.gadgets.pins.iter().enumerate();
        let octet = pins.fold(0, |octet, (n, (flags, level))| {
            let high = match flags & GPIO_OUTPUT {
                0 => flags & GPIO_PULL_UP != 0,
                _ => *level,
            };
            octet | if high { 0x80 >> n } else { 0 }
        });
        vec![octet]
    }

    /// SET of the levels, or of some of them. Missing octets are 0.
    pub(super) fn set_gpio(&mut self, property: u32, value: &[u8]) {
        let octet = value.first().copied().unwrap_or(0);
        for (n, (flags, level)) in self.gadgets.pins.iter_mut().enumerate() {
            let bit = octet & 0x80 >> n != 0;
            if *flags & GPIO_OUTPUT != 0 {
                *level = match property {
                    GPIO_STATE_SET => *level || bit,
                    GPIO_STATE_CLEAR => *level && !bit,
                    _ => bit,
                };
            }
        }
    }

    /// A jam is a level above the threshold for so many seconds of the window. The level here is always
    /// that of PHY_RSSI, so a threshold below it finds a jam, and another does not.
    pub(super) fn advance_jam(&mut self, now: Instant) {
        let level = |id| i8::from_le_bytes([self.store.uint8(id)]);
        let busy = self.store.uint8(JAM_DETECT_ENABLE) == 1
            && level(PHY_RSSI) > level(JAM_DETECT_RSSI_THRESHOLD);
        if !busy {
            self.gadgets.jam_since = None;
            return self.put(JAM_DETECTED, &[0]);
        }
        let since = *self.gadgets.jam_since.get_or_insert(now);
        let seconds = now.since(since).as_secs();
        let found = seconds >= u64::from(self.store.uint8(JAM_DETECT_BUSY));
        self.put(JAM_DETECTED, &[u8::from(found)]);
    }

    /// When the jam of [`Ncp::advance_jam`] will be found.
    pub(super) fn jam_timeout(&self) -> Option<Instant> {
        let since = self.gadgets.poll_timeout()?;
        let busy = self.store.uint8(JAM_DETECT_BUSY);
        let found = self.store.uint8(JAM_DETECTED) == 1;
        Some(since + Duration::from_secs(busy.into())).filter(|_| !found)
    }

    /// `X`: one bit for each busy second, the latest in bit 0.
    pub(super) fn jam_history(&self, now: Instant) -> Vec<u8> {
        let seconds = match self.gadgets.jam_since {
            Some(since) => now.since(since).as_secs(),
            None => 0,
        };
        let bits = match seconds {
            0..=63 => (1u64 << seconds) - 1,
            _ => u64::MAX,
        };
        bits.to_le_bytes().to_vec()
    }

    /// A line for the manufacturing command line, and what it prints.
    pub(super) fn mfg(&self, line: &[u8]) -> Result<Content, Status> {
        let line = Reader::new(line).utf8().map_err(|_| PARSE_ERROR)?;
        let line = core::str::from_utf8(line).map_err(|_| INVALID_ARGUMENT)?;
        let answer = match line.split_once(' ').unwrap_or((line, "")) {
            ("version", _) => properties::VERSION.to_owned(),
            ("echo", rest) => rest.chars().take(MFG_MAX).collect(),
            ("help", _) => "version, echo TEXT, help".to_owned(),
            _ => "unknown command, try help".to_owned(),
        };
        let mut frame = pack(|w| {
            w.uint_packed(CMD_VALUE_IS)?;
            w.uint_packed(NEST_STREAM_MFG)
        });
        frame.extend(answer.as_bytes());
        frame.push(0);
        Ok(Content::Frame(frame))
    }
}

fn range(address: u32, count: u16) -> Result<core::ops::Range<usize>, Status> {
    let start = address.checked_sub(RAM_START).ok_or(INVALID_ARGUMENT)?;
    let start = usize::try_from(start).map_err(|_| INVALID_ARGUMENT)?;
    Ok(start..start.saturating_add(usize::from(count)))
}

/// Where a Cortex-M has its RAM, 64 KiB of it.
const RAM_START: u32 = 0x2000_0000;
const RAM_LEN: usize = 64 * 1024;
/// What fits into a frame behind address and count.
const PEEK_MAX: usize = 1280;
/// Longer lines are cut off.
const MFG_MAX: usize = 256;
/// Protocol §3.14.
const GPIO_OUTPUT: u8 = 0x80;
const GPIO_PULL_UP: u8 = 0x40;
const GPIO_RESERVED: u8 = 0x07;
/// An LED, a button with a pull-up that is told on any change, and a free pin.
const PINS: [(u8, &str); 3] = [
    (GPIO_OUTPUT, "LED"),
    (GPIO_PULL_UP | 0x18, "BUTTON"),
    (0, "PIN2"),
];
