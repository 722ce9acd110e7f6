//! What lies between host and slave: SPI mode, clock, re-arming and wrong wires, around any bus.
//!
//! | key | what happens |
//! | --- | --- |
//! | `mode` | in another mode each end reads the other's bits one clock late |
//! | `max-speed` | above this clock MISO is noise, and the slave reads nothing that it understands |
//! | `rearm`, `rearm-spread` | the slave takes no part in a transaction that comes too soon: MISO is all FF |
//! | `miso-low` | MISO is short to ground: all 00, and the slave takes no part |
//! | `loopback` | MISO is wired to MOSI, and the slave takes no part |
//! | `dead-res` | RES is driven and nobody sees it |

use crate::bus::{Bus, Line};
use crate::sim::rng::Rng;
use crate::sim::spec::Spec;
use crate::time::{Duration, Instant};
use crate::wire::spi::TRANSFER_MAX;
use std::io;

/// A bus behind wires.
pub struct Wires<B> {
    bus: B,
    rng: Rng,
    /// The slave's own mode; `None`: it understands all.
    slave_mode: Option<u8>,
    /// 0: no limit.
    max_speed_hz: u32,
    rearm: Duration,
    rearm_spread: Duration,
    /// Until then the slave is not armed again.
    armed_at: Instant,
    miso_low: bool,
    loopback: bool,
    dead_reset: bool,
    /// The host's.
    mode: u8,
    speed_hz: u32,
    mosi: Box<[u8; TRANSFER_MAX]>,
}

impl<B: Bus> Wires<B> {
    /// `bus` behind the wires of `spec`. Mode and clock are those of the slave until
    /// [`Bus::configure`] is called.
    pub fn new(bus: B, spec: &Spec) -> Self {
        Wires {
            bus,
            // Another stream than the firmware's and the faults', which have the same seed.
            rng: Rng::new(spec.seed ^ 0x317E_317E_317E_317E),
            slave_mode: spec.mode,
            max_speed_hz: spec.max_speed_hz,
            rearm: spec.rearm,
            rearm_spread: spec.rearm_spread,
            armed_at: Instant::ZERO,
            miso_low: spec.miso_low,
            loopback: spec.loopback,
            dead_reset: spec.dead_reset,
            mode: spec.mode.unwrap_or_default(),
            speed_hz: 0,
            mosi: Box::new([0; TRANSFER_MAX]),
        }
    }

    /// The bus behind the wires.
    pub fn inner(&mut self) -> &mut B {
        &mut self.bus
    }

    /// How long the slave is not armed after a transaction, whoever took part in it.
    fn draw_rearm(&mut self) -> Duration {
        match self.rearm_spread.as_micros() as u64 {
            0 => self.rearm,
            spread => self.rearm + Duration::from_micros(self.rng.below(spread + 1)),
        }
    }

    /// Each end samples one clock late, so reads the bit before.
    fn transfer_late(&mut self, now: Instant, mosi: &[u8], miso: &mut [u8]) -> io::Result<()> {
        let Some(copy) = self.mosi.get_mut(..mosi.len()) else {
            return self.bus.transfer(now, mosi, miso);
        };
        copy.copy_from_slice(mosi);
        delay_one_bit(copy);
        self.bus.transfer(now, copy, miso)?;
        delay_one_bit(miso);
        Ok(())
    }

    /// No header begins with 00, so the slave understands nothing of a transaction full of it.
    fn transfer_noise(&mut self, now: Instant, mosi: &[u8], miso: &mut [u8]) -> io::Result<()> {
        let Some(copy) = self.mosi.get_mut(..mosi.len()) else {
            return self.bus.transfer(now, mosi, miso);
        };
        copy.fill(0);
        self.bus.transfer(now, copy, miso)?;
        for octet in miso.iter_mut() {
            // Neither FF nor 00, and never the pattern of a header.
            *octet = (self.rng.next_u64() as u8 & 0xFC) | 0x01;
        }
        Ok(())
    }
}

impl<B: Bus> Bus for Wires<B> {
    fn transfer(&mut self, now: Instant, mosi: &[u8], miso: &mut [u8]) -> io::Result<()> {
        let is_armed = now >= self.armed_at;
        self.armed_at = now + self.draw_rearm();
        if self.miso_low {
            miso.fill(0x00);
            return Ok(());
        }
        if self.loopback {
            miso.copy_from_slice(mosi);
            return Ok(());
        }
        if !is_armed {
            miso.fill(0xFF);
            return Ok(());
        }
        if self.slave_mode.is_some_and(|mode| mode != self.mode) {
            return self.transfer_late(now, mosi, miso);
        }
        if self.max_speed_hz != 0 && self.speed_hz > self.max_speed_hz {
            return self.transfer_noise(now, mosi, miso);
        }
        self.bus.transfer(now, mosi, miso)
    }

    fn interrupt(&mut self, now: Instant) -> io::Result<Option<Line>> {
        self.bus.interrupt(now)
    }

    fn take_edge(&mut self, now: Instant) -> io::Result<bool> {
        self.bus.take_edge(now)
    }

    fn set_reset(&mut self, now: Instant, line: Line) -> io::Result<bool> {
        if self.dead_reset && self.bus.has_reset() {
            return Ok(true);
        }
        self.bus.set_reset(now, line)
    }

    fn configure(&mut self, mode: u8, speed_hz: u32) -> io::Result<()> {
        self.mode = mode;
        self.speed_hz = speed_hz;
        self.bus.configure(mode, speed_hz)
    }

    fn has_interrupt(&self) -> bool {
        self.bus.has_interrupt()
    }

    fn has_reset(&self) -> bool {
        self.bus.has_reset()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.bus.poll_timeout()
    }
}

fn delay_one_bit(octets: &mut [u8]) {
    let mut carry = 0;
    for octet in octets {
        let bit = *octet << 7;
        *octet = carry | *octet >> 1;
        carry = bit;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::{echo::Echo, slave::Slave};
    use crate::wire::spi::{locate, Reading};

    const NOW: Instant = Instant::from_millis(1_000);

    fn wires(spec: &str) -> Wires<Slave<Echo>> {
        let spec = spec.parse().unwrap();
        Wires::new(Slave::new(Echo::new(), &spec, NOW), &spec)
    }

    /// A transaction that moves no frame, `micros` after the start.
    fn probe(wires: &mut Wires<Slave<Echo>>, micros: u64) -> [u8; 8] {
        let mut miso = [0; 8];
        let now = NOW + Duration::from_micros(micros);
        wires
            .transfer(now, &[2, 0, 0, 0, 0, 9, 9, 9], &mut miso)
            .unwrap();
        miso
    }

    fn is_header(miso: &[u8]) -> bool {
        matches!(locate(miso, 0), Reading::Valid { .. })
    }

    #[test]
    fn another_mode_delays_each_bit() {
        let mut octets = [0x02, 0x01, 0x80];
        delay_one_bit(&mut octets);
        assert_eq!(octets, [0x01, 0x00, 0xC0]);

        let mut wires = wires("mode=1");
        wires.configure(0, 1_000_000).unwrap();
        assert_eq!(probe(&mut wires, 0)[..5], [0x41, 0x00, 0x00, 0x02, 0x00]);
        wires.configure(1, 1_000_000).unwrap();
        assert!(is_header(&probe(&mut wires, 0)));
    }

    #[test]
    fn noise_above_the_highest_clock() {
        let mut wires = wires("max-speed=1M");
        wires.configure(0, 1_000_001).unwrap();
        assert!((0..100).all(|_| !is_header(&probe(&mut wires, 0))));
        wires.configure(0, 1_000_000).unwrap();
        assert!(is_header(&probe(&mut wires, 0)));
    }

    #[test]
    fn too_soon_and_the_slave_takes_no_part() {
        let mut wires = wires("rearm=200us");
        assert!(is_header(&probe(&mut wires, 0)));
        assert_eq!(probe(&mut wires, 199), [0xFF; 8]);
        assert!(is_header(&probe(&mut wires, 399)));
    }

    #[test]
    fn the_time_to_arm_again_varies() {
        let mut wires = wires("rearm=100us:rearm-spread=100us");
        let mut at = 0;
        let mut armed = 0;
        for _ in 0..1_000 {
            at += 150;
            armed += u32::from(is_header(&probe(&mut wires, at)));
        }
        assert!((400..600).contains(&armed), "{armed} of 1000");
        let never = (0..100).any(|n| is_header(&probe(&mut wires, at + 1 + n * 99)));
        assert!(!never, "less than the least");
    }

    #[test]
    fn wrong_wires() {
        assert_eq!(probe(&mut wires("loopback"), 0), [2, 0, 0, 0, 0, 9, 9, 9]);
        assert_eq!(probe(&mut wires("miso-low"), 0), [0; 8]);
        let mut wires = wires("dead-res");
        probe(&mut wires, 0);
        assert!(wires.set_reset(NOW, Line::Active).unwrap());
        assert_eq!(probe(&mut wires, 0)[0], 0x02, "it was not reset");
    }
}
