//! What simulated co-processors share: the air. [`Medium`] is one radio's view of it, [`Ether`] an air
//! within one process and in virtual time; `io::radio` has one between processes.
//!
//! A frame on the medium is `[channel, power]` and then the octets of the IEEE 802.15.4 PSDU with its
//! FCS, at most [`FRAME_MAX`] octets together. Everyone hears everyone, and hears only others.

pub(super) mod mac;

use super::rng::Rng;
use super::spec::Rate;
use crate::time::{Duration, Instant};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::rc::Rc;

/// One radio's view of the air.
pub trait Medium: fmt::Debug {
    /// Puts a frame on the air; false if the channel is busy: nothing was sent, try again later.
    fn send(&mut self, now: Instant, frame: &[u8]) -> bool;

    /// Takes the next frame that was heard into `buf` (at least [`FRAME_MAX`] octets), and returns its
    /// length. What does not fit is cut off.
    fn receive(&mut self, now: Instant, buf: &mut [u8]) -> Option<usize>;

    /// Delivers what a busy receiver has not got yet; false if something still waits.
    fn flush(&mut self) -> bool {
        true
    }

    /// When [`Medium::receive`] has something, where no descriptor will tell.
    fn poll_timeout(&self) -> Option<Instant> {
        None
    }
}

/// Non-volatile memory of a simulated co-processor.
pub trait Memory: fmt::Debug {
    /// What was stored last; `None` if nothing was.
    fn load(&mut self) -> Option<Vec<u8>>;

    /// Stores `octets` (some hundred) in place of what is there.
    fn store(&mut self, octets: &[u8]);
}

/// What a simulated co-processor has around it. The default: nothing, it is alone.
#[derive(Debug, Default)]
pub struct Surroundings {
    /// Its radio.
    pub medium: Option<Box<dyn Medium>>,
    /// Its non-volatile memory; without one it forgets everything when its object goes.
    pub memory: Option<Box<dyn Memory>>,
    /// Makes one of several with the same seed different (EUI-64, addresses).
    pub salt: u64,
}

/// An air within one process, in virtual time. Cloning it gives another handle to the same air.
#[derive(Clone, Debug)]
pub struct Ether {
    air: Rc<RefCell<Air>>,
}

#[derive(Debug)]
struct Air {
    rng: Rng,
    loss: Rate,
    delay: Duration,
    /// What each radio has yet to hear.
    queues: Vec<VecDeque<(Instant, Vec<u8>)>>,
}

impl Ether {
    /// An air that loses frames at the rate `loss`, as `seed` decides, and delays each by `delay`.
    pub fn new(seed: u64, loss: Rate, delay: Duration) -> Self {
        let air = Air {
            rng: Rng::new(seed),
            loss,
            delay,
            queues: Vec::new(),
        };
        Ether {
            air: Rc::new(RefCell::new(air)),
        }
    }

    /// An air that loses nothing and takes no time.
    pub fn perfect() -> Self {
        Ether::new(0, Rate::default(), Duration::ZERO)
    }

    /// One more radio in it.
    pub fn radio(&self) -> EtherRadio {
        let queues = &mut self.air.borrow_mut().queues;
        queues.push(VecDeque::new());
        EtherRadio {
            air: Rc::clone(&self.air),
            index: queues.len() - 1,
        }
    }
}

/// A radio in an [`Ether`].
#[derive(Debug)]
pub struct EtherRadio {
    air: Rc<RefCell<Air>>,
    index: usize,
}

impl Medium for EtherRadio {
    fn send(&mut self, now: Instant, frame: &[u8]) -> bool {
        let air = &mut *self.air.borrow_mut();
        let at = now + air.delay;
        for (index, queue) in air.queues.iter_mut().enumerate() {
            let lost = air.rng.chance(air.loss) || queue.len() >= QUEUE_MAX;
            if index != self.index && !lost {
                queue.push_back((at, frame.to_vec()));
            }
        }
        true
    }

    fn receive(&mut self, now: Instant, buf: &mut [u8]) -> Option<usize> {
        let queue = &mut self.air.borrow_mut().queues[self.index];
        let (at, _) = queue.front()?;
        if *at > now {
            return None;
        }
        let (_, frame) = queue.pop_front()?;
        let len = frame.len().min(buf.len());
        buf[..len].copy_from_slice(&frame[..len]);
        Some(len)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let queue = &self.air.borrow().queues[self.index];
        queue.front().map(|(at, _)| *at)
    }
}

/// `[channel, power]`.
pub const HEAD_LEN: usize = 2;
/// The head and a PSDU of 127 octets (IEEE 802.15.4, aMaxPHYPacketSize).
pub const FRAME_MAX: usize = HEAD_LEN + 127;

/// What a radio that nobody reads keeps: some seconds of a network's chatter, or fifty packets of
/// 1280 octets in fourteen fragments each.
const QUEUE_MAX: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everyone_hears_others_in_time() {
        let ether = Ether::new(1, Rate::default(), Duration::from_millis(2));
        let (mut a, mut b, mut c) = (ether.radio(), ether.radio(), ether.radio());
        let at = Instant::from_millis;
        assert!(a.send(at(10), b"one"));
        let mut buf = [0; FRAME_MAX];
        assert_eq!(b.receive(at(11), &mut buf), None);
        assert_eq!(b.poll_timeout(), Some(at(12)));
        for radio in [&mut b, &mut c] {
            assert_eq!(radio.receive(at(12), &mut buf), Some(3));
            assert_eq!(&buf[..3], b"one");
            assert_eq!(radio.receive(at(12), &mut buf), None);
        }
        assert_eq!(a.receive(at(12), &mut buf), None);
    }

    #[test]
    fn loses_what_the_seed_says_and_keeps_little() {
        let run = |seed| {
            let ether = Ether::new(seed, Rate { ppm: 500_000 }, Duration::ZERO);
            let (mut a, mut b) = (ether.radio(), ether.radio());
            for n in 0..200 {
                a.send(Instant::ZERO, &[n]);
            }
            let mut heard = Vec::new();
            let mut buf = [0; FRAME_MAX];
            while b.receive(Instant::ZERO, &mut buf).is_some() {
                heard.push(buf[0]);
            }
            heard
        };
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
        assert!((60..140).contains(&run(1).len()));
        let ether = Ether::perfect();
        let (mut a, mut b) = (ether.radio(), ether.radio());
        (0..2 * QUEUE_MAX).for_each(|_| {
            a.send(Instant::ZERO, &[0]);
        });
        let mut buf = [0; FRAME_MAX];
        let heard = core::iter::from_fn(|| b.receive(Instant::ZERO, &mut buf)).count();
        assert_eq!(heard, QUEUE_MAX);
    }
}
