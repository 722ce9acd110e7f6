//! Two frames each way between link and slave, with every way to place up to four faults, each at most
//! once, among the transactions: no deadlock, nothing lost, nothing reordered, and nothing doubled but by
//! a garbage header.

mod common;

use common::{spec, Pair};
use spinel_bridge::bus::{Bus, Line};
use spinel_bridge::config::CrcMode;
use spinel_bridge::link::Settings;
use spinel_bridge::sim::slave::Slave;
use spinel_bridge::sim::spec::Spec;
use spinel_bridge::sim::{Firmware, ResetCause};
use spinel_bridge::time::{Duration, Instant};
use spinel_bridge::wire::spi::{self, Header, Reading, HEADER_LEN};
use std::io;

/// What goes wrong in a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// The slave takes no part.
    Void,
    /// The slave takes no part, and MISO is disturbed.
    GarbageUnseen,
    /// The slave takes part, and MISO's header is disturbed.
    GarbageSeen,
    /// The slave takes nothing.
    Refused,
    /// A bit of our frame flips.
    FlipOurs,
    /// A bit of the slave's frame flips.
    FlipTheirs,
    /// The driver fails.
    Eio,
    /// The edge that follows wakes nobody.
    EdgeLost,
}

use Fault::*;

/// A bus on which the faults of a script happen in the transactions that it names.
struct Scripted {
    bus: Slave<Duo>,
    script: Vec<(usize, Fault)>,
    transaction: usize,
    lose_edge: bool,
    slave_crc: bool,
    garbage: usize,
}

impl Scripted {
    fn garbage(&mut self, miso: &mut [u8]) {
        self.garbage += 1;
        miso.fill(0xA9);
    }

    fn faulty(
        &mut self,
        now: Instant,
        mosi: &[u8],
        miso: &mut [u8],
        fault: Fault,
    ) -> io::Result<()> {
        let mut ours = mosi.to_vec();
        match fault {
            Void => miso.fill(0xFF),
            GarbageUnseen => self.garbage(miso),
            Eio => return Err(io::Error::from_raw_os_error(5)),
            GarbageSeen => {
                if !self.slave_crc {
                    // As in sim::faults: nobody could know, without CRC, that the slave's frame is gone.
                    ours[1..3].fill(0);
                }
                self.bus.transfer(now, &ours, miso)?;
                self.garbage(miso);
            }
            Refused => {
                ours[3..5].fill(0);
                self.bus.transfer(now, &ours, miso)?;
                if let Reading::Valid { header, .. } = spi::locate(miso, 0) {
                    let hidden = Header {
                        recv_len: 0,
                        ..header
                    };
                    miso[..HEADER_LEN].copy_from_slice(&hidden.to_octets());
                }
            }
            FlipOurs => {
                if ours.len() > HEADER_LEN {
                    ours[HEADER_LEN] ^= 0x04;
                }
                self.bus.transfer(now, &ours, miso)?;
            }
            FlipTheirs => {
                self.bus.transfer(now, mosi, miso)?;
                if miso.len() > HEADER_LEN {
                    miso[HEADER_LEN] ^= 0x04;
                }
            }
            EdgeLost => {
                self.lose_edge = true;
                self.bus.transfer(now, mosi, miso)?;
            }
        }
        Ok(())
    }
}

impl Bus for Scripted {
    fn transfer(&mut self, now: Instant, mosi: &[u8], miso: &mut [u8]) -> io::Result<()> {
        let at = |entry: &&(usize, Fault)| entry.0 == self.transaction;
        let fault = self.script.iter().find(at).map(|entry| entry.1);
        self.transaction += 1;
        match fault {
            Some(fault) => self.faulty(now, mosi, miso, fault),
            None => {
                self.bus.transfer(now, mosi, miso)?;
                self.slave_crc |=
                    matches!(spi::locate(miso, 0), Reading::Valid { header, .. } if header.crc);
                Ok(())
            }
        }
    }

    fn interrupt(&mut self, now: Instant) -> io::Result<Option<Line>> {
        self.bus.interrupt(now)
    }

    fn take_edge(&mut self, now: Instant) -> io::Result<bool> {
        let edge = self.bus.take_edge(now)?;
        Ok(edge && !core::mem::take(&mut self.lose_edge))
    }

    fn set_reset(&mut self, now: Instant, line: Line) -> io::Result<bool> {
        self.bus.set_reset(now, line)
    }

    fn has_interrupt(&self) -> bool {
        true
    }

    fn has_reset(&self) -> bool {
        false
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.bus.poll_timeout()
    }
}

/// Says two frames of its own after each reset, and notes what it is told.
#[derive(Default)]
struct Duo {
    to_say: Vec<Vec<u8>>,
    heard: Vec<Vec<u8>>,
}

impl Firmware for Duo {
    fn reset(&mut self, _now: Instant, _cause: ResetCause) {
        // The last is said first.
        self.to_say = vec![THEIRS[1].to_vec(), THEIRS[0].to_vec()];
    }

    fn receive(&mut self, _now: Instant, frame: &[u8]) {
        self.heard.push(frame.to_vec());
    }

    fn transmit(&mut self, _now: Instant, buf: &mut [u8]) -> Option<usize> {
        let frame = self.to_say.pop()?;
        buf[..frame.len()].copy_from_slice(&frame);
        Some(frame.len())
    }

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    fn take_reset_request(&mut self) -> Option<ResetCause> {
        None
    }
}

/// One frame that fits in the first offer, and one that does not, each way.
const OURS: [&[u8]; 2] = [&[0x81, 0x02, 0x01], &[0x82; 40]];
const THEIRS: [&[u8]; 2] = [&[0x80; 50], &[0x80, 0x06, 0x43]];

/// Runs a script to its end. Returns how many transactions there were.
fn run(crc: bool, busy: Duration, script: &[(usize, Fault)]) -> usize {
    let spec = Spec {
        crc,
        busy,
        ..spec(1)
    };
    let now = Instant::from_millis(1_000);
    let bus = Scripted {
        bus: Slave::new(Duo::default(), &spec, now),
        script: script.to_vec(),
        transaction: 0,
        lose_edge: false,
        slave_crc: crc,
        garbage: 0,
    };
    let mode = if crc { CrcMode::On } else { CrcMode::Off };
    let mut pair = Pair::new(
        bus,
        Settings {
            crc: mode,
            ..Settings::default()
        },
        now,
    );
    OURS.iter().for_each(|frame| assert!(pair.send(frame)));
    let read = pair.run(Duration::from_secs(25));
    let heard = core::mem::take(&mut pair.bridge.bus.bus.firmware().heard);
    let garbage = pair.bridge.bus.garbage;
    for (got, said) in [(&heard, &OURS), (&read, &THEIRS)] {
        let mut once = got.clone();
        once.dedup();
        assert_eq!(once, said.map(<[u8]>::to_vec), "CRC {crc}, {script:?}");
        assert!(
            got.len() - once.len() <= garbage,
            "CRC {crc}, {script:?}: {} doubled",
            got.len()
        );
    }
    pair.bridge.bus.transaction
}

/// Every script of `left` faults more, none of a kind twice, in transactions that come after the last.
fn explore(crc: bool, faults: &[Fault], script: &mut Vec<(usize, Fault)>, left: usize) -> usize {
    let busy = Duration::from_micros(if script.len() % 2 == 0 { 0 } else { 700 });
    let transactions = run(crc, busy, script);
    let mut scripts = 1;
    if left == 0 {
        return scripts;
    }
    let first = script.last().map_or(0, |entry| entry.0 + 1);
    // With the faults so far there were this many transactions in which the next one can happen.
    for transaction in first..transactions {
        for &fault in faults {
            if script.iter().any(|entry| entry.1 == fault) {
                continue;
            }
            script.push((transaction, fault));
            scripts += explore(crc, faults, script, left - 1);
            script.pop();
        }
    }
    scripts
}

#[test]
fn without_crc() {
    let faults = [Void, GarbageUnseen, GarbageSeen, Refused, Eio, EdgeLost];
    let scripts = explore(false, &faults, &mut Vec::new(), 4);
    println!("{scripts} scripts");
    assert!(scripts > 10_000);
}

#[test]
fn with_crc() {
    let faults = [
        Void,
        GarbageUnseen,
        GarbageSeen,
        Refused,
        FlipOurs,
        FlipTheirs,
        Eio,
        EdgeLost,
    ];
    let scripts = explore(true, &faults, &mut Vec::new(), 4);
    println!("{scripts} scripts");
    assert!(scripts > 10_000);
}
