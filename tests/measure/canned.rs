//! The core alone, link and HDLC, on a bus that copies the same answer each time: what is counted here
//! is ours.

use super::Way;
use spinel_bridge::bridge::{Bridge, Upper};
use spinel_bridge::bus::{Bus, Line};
use spinel_bridge::hdlc::encode::{encode, encoded_max};
use spinel_bridge::hdlc::Port;
use spinel_bridge::link::{CrcMode, Link, Settings};
use spinel_bridge::time::{Duration, Instant};
use spinel_bridge::wire::spi::{Header, HEADER_LEN};
use std::io;

/// A link and a face that move frames of one length one way.
pub struct Canned {
    bridge: Bridge<Answer, Port>,
    now: Instant,
    way: Way,
    frame: Vec<u8>,
}

impl Canned {
    /// `way` is to or from the co-processor.
    pub fn new(len: usize, way: Way) -> Self {
        let gives = if way == Way::To { 0 } else { len };
        let header = Header {
            recv_len: 1295,
            data_len: gives,
            ..Header::default()
        };
        // All values in turn, so that some must be escaped, as in what is encrypted.
        let payload: Vec<u8> = (0..len).map(|n| (n * 167 + 0x81) as u8).collect();
        let mut miso = header.to_octets().to_vec();
        miso.extend_from_slice(&payload[..gives]);
        let mut frame = vec![0; encoded_max(len)];
        let encoded = encode(&payload, &mut frame).expect("the room is enough");
        frame.truncate(encoded);
        let now = Instant::from_millis(1_000);
        let settings = Settings {
            crc: CrcMode::Off,
            ..Settings::default()
        };
        Canned {
            bridge: Bridge {
                bus: Answer { miso },
                link: Link::new(settings, now),
                upper: Port::new(),
            },
            now,
            way,
            frame,
        }
    }

    /// Moves `frames` frames, and a turn's more at the most.
    pub fn run(&mut self, frames: u64) {
        let end = self.moved() + frames;
        while self.moved() < end {
            if self.way != Way::From {
                let space = self.bridge.upper.input();
                if let Some(space) = space.get_mut(..self.frame.len()) {
                    space.copy_from_slice(&self.frame);
                    self.bridge.upper.input_filled(self.frame.len());
                }
            }
            self.now = self.now + Duration::from_millis(1);
            self.bridge.step(self.now).expect("the bus is there");
            let len = self.bridge.upper.output().len();
            self.bridge.upper.output_written(len);
        }
    }

    fn moved(&self) -> u64 {
        let stats = self.bridge.link.stats();
        match self.way {
            Way::To => stats.frames_sent,
            Way::From | Way::Echo => stats.frames_received,
        }
    }
}

/// A slave that always says the same.
struct Answer {
    miso: Vec<u8>,
}

impl Bus for Answer {
    fn transfer(&mut self, _now: Instant, _mosi: &[u8], miso: &mut [u8]) -> io::Result<()> {
        let len = miso.len().min(self.miso.len());
        miso[..len].copy_from_slice(&self.miso[..len]);
        Ok(())
    }

    fn interrupt(&mut self, _now: Instant) -> io::Result<Option<Line>> {
        let active = self.miso.len() > HEADER_LEN;
        Ok(Some(if active { Line::Active } else { Line::Inactive }))
    }

    fn take_edge(&mut self, _now: Instant) -> io::Result<bool> {
        Ok(false)
    }

    fn set_reset(&mut self, _now: Instant, _line: Line) -> io::Result<bool> {
        Ok(true)
    }

    fn has_interrupt(&self) -> bool {
        true
    }

    fn has_reset(&self) -> bool {
        true
    }
}
