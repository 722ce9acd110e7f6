//! What OpenThread's posix host does with an SPI slave, as a model of our own: it offers 32 octets unless
//! it knows a length, pauses 1, 10 or 33 ms after a void, garbage or refusing header, transacts when it
//! has a frame or INT is active, and ends after a hundred refusals.

use spinel_bridge::bus::{Bus, Line};
use spinel_bridge::time::{Duration, Instant};
use spinel_bridge::wire::spi::{self, Header, Reading, HEADER_LEN};

/// The host, with room for one frame to the slave.
pub(crate) struct Posix {
    frame: Option<Vec<u8>>,
    /// DATA_LEN of the slave's last header, if its frame was not fetched.
    known: usize,
    refused: u32,
    /// INT is inactive, and its edge ends the wait.
    pub(crate) waits_for_edge: bool,
}

impl Posix {
    pub(crate) fn new() -> Self {
        Posix {
            frame: None,
            known: 0,
            refused: 0,
            waits_for_edge: false,
        }
    }

    pub(crate) fn has_room(&self) -> bool {
        self.frame.is_none()
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.refused >= REFUSED_MAX
    }

    pub(crate) fn send(&mut self, frame: &[u8]) {
        self.frame = Some(frame.to_vec());
    }

    /// Until when it sleeps if no edge comes.
    pub(crate) fn wait(&mut self, bus: &mut impl Bus, now: Instant) -> Instant {
        let active = is_active(bus, now);
        self.waits_for_edge = !active;
        let pause = match self.refused {
            0 => Duration::ZERO,
            1..=4 => Duration::from_millis(1),
            5..=14 => Duration::from_millis(10),
            _ => Duration::from_millis(33),
        };
        match active || self.frame.is_some() {
            true => now + pause,
            false => now + Duration::from_secs(86_400),
        }
    }

    pub(crate) fn process(
        &mut self,
        bus: &mut impl Bus,
        now: Instant,
        deliver: &mut dyn FnMut(&[u8]),
    ) {
        if self.frame.is_some() || is_active(bus, now) {
            self.transact(bus, now, deliver);
        }
    }

    pub(crate) fn transact(
        &mut self,
        bus: &mut impl Bus,
        now: Instant,
        deliver: &mut dyn FnMut(&[u8]),
    ) {
        let len = self.frame.as_ref().map_or(0, Vec::len);
        let recv_len = len.max(if self.known > 0 { self.known } else { SMALL });
        let header = Header {
            recv_len,
            data_len: len,
            ..Header::default()
        };
        let mut mosi = header.to_octets().to_vec();
        mosi.extend_from_slice(self.frame.as_deref().unwrap_or_default());
        mosi.resize(HEADER_LEN + recv_len, 0);
        let mut miso = vec![0; mosi.len()];
        bus.transfer(now, &mosi, &mut miso).expect("a bus");
        let header = match spi::locate(&miso, 0) {
            Reading::Valid { header, .. } if header.recv_len.max(header.data_len) <= FRAME_MAX => {
                header
            }
            reading => {
                if reading != Reading::Void {
                    self.known = 0;
                }
                self.refused += 1;
                return;
            }
        };
        self.known = header.data_len;
        if header.data_len > 0 && header.data_len <= recv_len {
            self.known = 0;
            deliver(&miso[HEADER_LEN..HEADER_LEN + header.data_len]);
        }
        if len > 0 && len <= header.recv_len {
            self.frame = None;
        } else if len > 0 {
            self.refused += 1;
        }
        if self.frame.is_none() {
            self.refused = 0;
        }
    }
}

fn is_active(bus: &mut impl Bus, now: Instant) -> bool {
    bus.interrupt(now).expect("a line") == Some(Line::Active)
}

/// `OT_PLATFORM_CONFIG_SPI_DEFAULT_SMALL_PACKET_SIZE`.
const SMALL: usize = 32;

/// `kSpiTxRefuseExitCount`.
const REFUSED_MAX: u32 = 100;

/// `kMaxFrameSize`: what a header may say.
const FRAME_MAX: usize = 2_048;
