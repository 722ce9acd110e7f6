//! What a transaction costs beside its octets, learned from what transactions took.
//!
//! The loop tells how long `k` transactions took that clocked `x` octets together. With `c` the time
//! of an octet that is one sample of the fixed cost:
//!
//! ```text
//!   s = (elapsed - c x) / k
//! ```
//!
//! Whoever else runs on the machine makes samples too large, now and then by a thousand times; nothing
//! makes them too small. So the estimate `F` is a low quantile: it follows a smaller sample fast and a
//! larger one slowly, and none by more than a share of itself:
//!
//! ```text
//!   s <  F:  F -= (F - s) / 4
//!   s >= F:  F += min(s - F, F) / 32
//! ```
//!
//! Thus a host that got slower is believed after some hundred transactions, and one sleep of the
//! machine moves `F` by 3 %. `F` stays within [`FIXED_MIN_NS`] and [`FIXED_MAX_NS`].
//!
//! Only short transactions count: what a controller takes for an octet is known to an eighth at best
//! (eight clocks or nine), which over [`OCTETS_MAX`] octets is no more than eight octets' time. And a
//! bus that was faster than its clock permits is none: a simulated one teaches nothing.

use super::CLOCKS_PER_OCTET;
use crate::time::Duration;

/// The fixed cost of a transaction, as far as it is known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fixed {
    /// Nanoseconds.
    estimate: u64,
    /// Of an octet, with all the clocks that a controller may take for it.
    octet_ns: u64,
}

impl Fixed {
    /// Nothing was measured: `guess` stands. An octet takes `octet_ns` nanoseconds.
    pub(super) fn new(guess: u64, octet_ns: u64) -> Self {
        Fixed {
            estimate: guess.clamp(FIXED_MIN_NS, FIXED_MAX_NS),
            octet_ns,
        }
    }

    /// Nanoseconds.
    pub(super) fn estimate(self) -> u64 {
        self.estimate
    }

    /// `transactions` that clocked `octets` together took `elapsed`.
    pub(super) fn took(&mut self, transactions: u64, octets: u64, elapsed: Duration) {
        if transactions == 0 || octets > OCTETS_MAX.saturating_mul(transactions) {
            return;
        }
        let elapsed = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
        let wire = self.octet_ns.saturating_mul(octets);
        if elapsed < wire / CLOCKS_PER_OCTET * CLOCKS_PER_OCTET_MIN {
            return;
        }
        let sample = elapsed.saturating_sub(wire) / transactions;
        let old = self.estimate;
        let new = if sample < old {
            old - (old - sample) / DOWN
        } else {
            old + (sample - old).min(old) / UP
        };
        self.estimate = new.clamp(FIXED_MIN_NS, FIXED_MAX_NS);
    }
}

/// What a transaction may clock to be measured: that of a host that offers 32 octets, with its header
/// and the most junk before it, and some more.
const OCTETS_MAX: u64 = 64;

/// No controller takes fewer clocks for an octet than it has bits.
const CLOCKS_PER_OCTET_MIN: u64 = 8;

/// Less than half of the least that was measured (25 µs, on a Raspberry Pi).
pub(super) const FIXED_MIN_NS: u64 = 10_000;

/// No bus that we know costs more for a transaction: 220 µs were measured on slow hosts.
pub(super) const FIXED_MAX_NS: u64 = 1_000_000;

/// What a smaller and a larger sample count for: where one of nine samples is smaller, both weigh the
/// same.
const DOWN: u64 = 4;
const UP: u64 = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::rng::Rng;

    /// Nine clocks at 1 MHz.
    const OCTET_NS: u64 = 9_000;
    const GUESS: u64 = 100_000;

    /// A machine on which a transaction costs `fixed_us`, up to `jitter_us` more, and now and then some
    /// milliseconds.
    struct Machine {
        rng: Rng,
        clocks: u64,
        fixed_us: u64,
        jitter_us: u64,
    }

    impl Machine {
        fn new(fixed_us: u64, jitter_us: u64) -> Self {
            Machine {
                rng: Rng::new(1),
                clocks: 9,
                fixed_us,
                jitter_us,
            }
        }

        fn run(&mut self, fixed: &mut Fixed, turns: u64, transactions: u64) {
            for _ in 0..turns {
                let octets = transactions * (37 + self.rng.below(20));
                let mut us = transactions * self.fixed_us + octets * self.clocks;
                for _ in 0..transactions {
                    us += self.rng.below(self.jitter_us + 1);
                }
                if self.rng.below(20) == 0 {
                    us += 4_000;
                }
                fixed.took(transactions, octets, Duration::from_micros(us));
            }
        }
    }

    #[track_caller]
    fn assert_between(fixed: Fixed, least_us: u64, most_us: u64) {
        let estimate = fixed.estimate();
        let range = least_us * 1_000..=most_us * 1_000;
        assert!(range.contains(&estimate), "{estimate} ns, not in {range:?}");
    }

    #[test]
    fn it_learns_what_a_transaction_costs_although_the_machine_is_busy() {
        for fixed_us in [25, 60, 220, 500] {
            for transactions in [1, 16] {
                let mut fixed = Fixed::new(GUESS, OCTET_NS);
                Machine::new(fixed_us, fixed_us / 2).run(&mut fixed, 500, transactions);
                assert_between(fixed, fixed_us, fixed_us * 3 / 2);
            }
        }
    }

    #[test]
    fn it_forgets() {
        let mut fixed = Fixed::new(GUESS, OCTET_NS);
        Machine::new(30, 10).run(&mut fixed, 500, 1);
        assert_between(fixed, 30, 40);
        Machine::new(200, 60).run(&mut fixed, 500, 1);
        assert_between(fixed, 195, 260);
        Machine::new(30, 10).run(&mut fixed, 50, 1);
        assert_between(fixed, 30, 40);
    }

    #[test]
    fn one_sleep_of_the_machine_moves_it_by_three_percent() {
        let mut fixed = Fixed::new(GUESS, OCTET_NS);
        fixed.took(1, 37, Duration::from_secs(3_600));
        assert_eq!(fixed.estimate(), GUESS + GUESS / 32);
    }

    #[test]
    fn a_controller_with_eight_clocks_an_octet_is_wrong_by_eight_octets_at_the_most() {
        let mut machine = Machine::new(100, 0);
        machine.clocks = 8;
        let mut fixed = Fixed::new(GUESS, OCTET_NS);
        machine.run(&mut fixed, 500, 1);
        assert_between(fixed, 100 - 8 * 9, 100);
    }

    #[test]
    fn a_bus_that_takes_no_time_teaches_nothing() {
        let mut fixed = Fixed::new(GUESS, OCTET_NS);
        for _ in 0..1_000 {
            fixed.took(1, 37, Duration::from_micros(3));
        }
        assert_eq!(fixed.estimate(), GUESS);
    }

    #[test]
    fn it_stays_within_its_bounds_whatever_is_said() {
        let mut rng = Rng::new(2);
        let mut fixed = Fixed::new(GUESS, OCTET_NS);
        for _ in 0..100_000 {
            let number = rng.next_u64();
            let elapsed = Duration::from_nanos(rng.next_u64() >> (number % 64));
            fixed.took(number >> 60, rng.next_u64() >> (number / 64 % 64), elapsed);
            assert!((FIXED_MIN_NS..=FIXED_MAX_NS).contains(&fixed.estimate()));
        }
        let mut none = Fixed::new(0, 0);
        none.took(u64::MAX, u64::MAX, Duration::MAX);
        assert!((FIXED_MIN_NS..=FIXED_MAX_NS).contains(&none.estimate()));
    }

    #[test]
    fn long_transactions_are_not_measured() {
        let mut fixed = Fixed::new(GUESS, OCTET_NS);
        fixed.took(2, 2 * OCTETS_MAX + 1, Duration::from_millis(100));
        assert_eq!(fixed.estimate(), GUESS);
        fixed.took(2, 2 * OCTETS_MAX, Duration::from_millis(100));
        assert!(fixed.estimate() > GUESS);
    }
}
