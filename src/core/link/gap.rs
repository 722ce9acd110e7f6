//! How long to leave a slave alone between two transactions: what it needs to arm again (protocol §5.7).
//!
//! A slave that is not armed takes no part: MISO is void. [`Gap`] keeps, for a ladder of pauses, the share
//! of transactions that were void behind each, and goes with the pause that costs least. Behind a pause
//! `p`, of whose transactions a share `v` is void, and with `t` for a transaction, that is
//!
//! ```text
//!   cost(p) = p + v (t + the least cost of all longer pauses)
//! ```
//!
//! What is void behind a pause would have been void behind a shorter one, and what is not would not have
//! been behind a longer one: so each transaction teaches about many pauses. Void headers that have nothing to
//! do with the pause make all pauses equally bad, and so the shortest stays the best.
//!
//! A slave that was slow for a moment is not slow for ever: now and then half the pause is tried. Where that
//! was enough it is tried again at once, and believed the sooner the more often it was, down to no pause at
//! all within some forty transactions. Where it was not, it is tried half as often as before, down to once in
//! [`PROBE_MAX`] transactions, so that a slave that stays slow hardly pays for it.

use crate::time::Duration;

/// What is known of the pauses that the slave needs.
#[derive(Clone, Debug)]
pub(super) struct Gap {
    /// Of each pause: the share of transactions that were void behind it, in 65536ths.
    voids: [u16; RUNGS],
    /// The same before the void headers that came last: silence that lasts is something else.
    before: [u16; RUNGS],
    /// The pause that costs least.
    best: usize,
    /// Some share is not 0: otherwise there is nothing to do.
    active: bool,
    /// Void headers since the slave last took part.
    in_a_row: u32,
    /// The pauses since then, together, and the last of them.
    waited: Duration,
    retried: Duration,
    /// The slave begins to arm anew with each transaction, also with one that it took no part in.
    begins_anew: bool,
    /// Times that the pause was too short: now and then it is tried whether the slave goes on to arm.
    misses: u32,
    /// What a void transaction costs, in microseconds.
    transaction: u64,
    /// The shorter pause that is tried.
    probed: Option<usize>,
    /// Transactions in a row for which a shorter pause was enough.
    enough: u32,
    /// Transactions behind the best pause since a shorter one was tried, and after how many one is.
    calm: u32,
    probe_every: u32,
}

impl Gap {
    /// Nothing is known: no pause. A transaction takes `transaction`.
    pub(super) fn new(transaction: Duration) -> Self {
        Gap {
            voids: [0; RUNGS],
            before: [0; RUNGS],
            best: 0,
            active: false,
            in_a_row: 0,
            waited: Duration::ZERO,
            retried: Duration::ZERO,
            begins_anew: true,
            misses: 0,
            transaction: transaction.as_micros() as u64,
            probed: None,
            enough: 0,
            calm: 0,
            probe_every: PROBE_MIN,
        }
    }

    /// The pause after a transaction that the slave took part in.
    pub(super) fn pause(&self) -> Duration {
        PAUSES[self.probed.unwrap_or(self.best)]
    }

    /// Whether transactions teach anything.
    pub(super) fn is_active(&self) -> bool {
        self.active
    }

    /// Whether the last header was void, and the slave was not armed as far as we know.
    pub(super) fn is_retrying(&self) -> bool {
        self.in_a_row > 0
    }

    /// A transaction `pause` after the last one was void. Returns the pause before it is tried again;
    /// `None`: that has not helped often enough, it is something else.
    pub(super) fn void(&mut self, pause: Duration) -> Option<Duration> {
        if self.in_a_row >= RETRIES {
            self.forget_silence();
            return None;
        }
        if self.in_a_row == 0 {
            self.before = self.voids;
        }
        self.active = true;
        self.calm = 0;
        self.enough = 0;
        if self.probed.take().is_some() {
            self.probe_every = (2 * self.probe_every).min(PROBE_MAX);
        }
        let at = rung(pause);
        // One that is by itself may be chance.
        let weight = match self.in_a_row {
            0 => WEIGHT,
            _ => WEIGHT_IN_A_ROW,
        };
        let share = self.voids[at] + (u16::MAX - self.voids[at]) / weight;
        for shorter in &mut self.voids[..=at] {
            *shorter = share.max(*shorter);
        }
        let best = PAUSES[self.choose()];
        self.waited += pause;
        if self.in_a_row > 0 && self.waited >= best * 3 / 2 {
            self.begins_anew = true;
        }
        // Most slaves go on to arm, and need only what is missing.
        let least = RETRY_MIN * (1 << self.in_a_row);
        self.in_a_row += 1;
        if self.in_a_row == 1 {
            self.misses = self.misses.wrapping_add(1);
        }
        let tries_short = self.misses % SHORT_EVERY == 1;
        self.retried = match self.begins_anew && !tries_short {
            true => best.max(PAUSES[(at + 1).min(RUNGS - 1)]).max(least),
            false => least,
        };
        Some(self.retried)
    }

    /// The slave took part, `pause` after it could have needed to arm.
    pub(super) fn took_part(&mut self, pause: Duration) {
        let retries = core::mem::take(&mut self.in_a_row);
        self.waited = Duration::ZERO;
        if !self.active {
            return;
        }
        if retries > 0 && self.retried * 2 <= PAUSES[self.best] {
            self.begins_anew = false;
        }
        let at = PAUSES.iter().position(|rung| *rung >= pause);
        let (short, long) = self.voids.split_at_mut(at.unwrap_or(RUNGS));
        short.iter_mut().for_each(|share| fade(share, FORGET));
        let probed = self.probed.take().is_some();
        self.enough = if probed { self.enough + 1 } else { 0 };
        if let Some((share, longer)) = long.split_first_mut() {
            // One that is by itself may be chance, here too.
            fade(
                share,
                [WEIGHT, WEIGHT, WEIGHT_IN_A_ROW, 2][self.enough.min(3) as usize],
            );
            longer
                .iter_mut()
                .for_each(|longer| *longer = (*longer).min(*share));
        }
        self.active = self.voids[0] > 0;
        self.choose();
        self.probe(probed);
    }

    /// Tries a shorter pause next, if it is time to: at once behind one that was enough.
    fn probe(&mut self, was_enough: bool) {
        if was_enough {
            self.probe_every = PROBE_MIN;
        }
        self.calm += 1;
        if self.best > 0 && (was_enough || self.calm >= self.probe_every) {
            self.calm = 0;
            self.probed = Some(rung(PAUSES[self.best] / 2));
        }
    }

    /// Another co-processor may sit there now; its SPI is the same.
    pub(super) fn slave_restarted(&mut self) {
        if self.in_a_row > 0 {
            self.forget_silence();
        }
        self.in_a_row = 0;
        self.waited = Duration::ZERO;
        self.probe_every = PROBE_MIN;
    }

    /// The slave was not there, which has nothing to do with pauses.
    fn forget_silence(&mut self) {
        self.voids = self.before;
        self.active = self.voids[0] > 0;
        self.choose();
    }

    /// Finds the pause that costs least, and returns it.
    fn choose(&mut self) -> usize {
        let (mut best, mut least) = (RUNGS - 1, PAUSES[RUNGS - 1].as_micros() as u64);
        for at in (0..RUNGS - 1).rev() {
            let share = u64::from(self.voids[at]);
            let cost = PAUSES[at].as_micros() as u64 + share * (self.transaction + least) / SHARES;
            // Of those that cost the same the shorter.
            if cost <= least {
                (best, least) = (at, cost);
            }
        }
        self.best = best;
        best
    }
}

/// The longest pause that is not longer than `pause`.
fn rung(pause: Duration) -> usize {
    PAUSES.iter().take_while(|rung| **rung <= pause).count() - 1
}

fn fade(share: &mut u16, by: u16) {
    *share -= (*share / by).max(1).min(*share);
}

/// The pauses that are chosen from: none, then from what a wakeup takes to twice and more the 5 ms that
/// the slowest slaves need, each longer by the fourth root of two, which is a fifth.
const PAUSES: [Duration; RUNGS] = {
    const MICROS: [u64; RUNGS] = [
        0, 50, 59, 71, 84, 100, 119, 141, 168, 200, 238, 283, 336, 400, 476, 566, 673, 800, 951,
        1_131, 1_345, 1_600, 1_903, 2_263, 2_691, 3_200, 3_805, 4_525, 5_382, 6_400, 7_611, 9_051,
        10_764, 12_800,
    ];
    let mut pauses = [Duration::ZERO; RUNGS];
    let mut at = 0;
    while at < RUNGS {
        pauses[at] = Duration::from_micros(MICROS[at]);
        at += 1;
    }
    pauses
};
const RUNGS: usize = 34;

/// Shares are in these.
const SHARES: u64 = 65_536;

/// The first pause after a void header, doubled with each that follows: slaves re-arm within 60 to 150 µs
/// and more (protocol §5.7).
const RETRY_MIN: Duration = Duration::from_micros(200);

/// How often: from 200 µs to 12.8 ms, and 25.4 ms together.
const RETRIES: u32 = 7;

/// Of so many times that the pause was too short, one is followed by short ones, whatever is known.
const SHORT_EVERY: u32 = 8;

/// What one transaction counts for in the share of its pause: a void header by chance, of a hundred
/// transactions, is not worth the shortest pause.
const WEIGHT: u16 = 12;

/// The same behind a void header: two in a row are hardly chance.
const WEIGHT_IN_A_ROW: u16 = 4;

/// After so many transactions a shorter pause is tried, at first and at the least often: a probe that fails
/// costs about as much as one transaction.
const PROBE_MIN: u32 = 8;
const PROBE_MAX: u32 = 64;

/// What one transaction takes from what is believed of pauses that are shorter than its own.
const FORGET: u16 = 512;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::rng::Rng;

    const TRANSACTION: u64 = 400;

    /// A slave that needs `rearm` and up to `spread` more, since it last took part, or since the last
    /// transaction whoever took part. One of `void` transactions is void all the same. Returns the time
    /// for a transaction that it took part in, in µs, behind the first hundred.
    fn run(gap: &mut Gap, rearm: u64, spread: u64, since_any: bool, void: u64) -> f64 {
        let mut rng = Rng::new(1);
        let needs = |rng: &mut Rng| rearm + rng.below(spread + 1);
        let (mut now, mut begun) = (0u64, 0);
        let mut armed_at = 0;
        let mut taken_at = 0;
        let mut pause = 0u64;
        let mut taken = 0;
        while taken < 2_100 {
            now += pause;
            let is_void = now < armed_at || (void > 0 && rng.below(void) == 0);
            let started = now;
            now += TRANSACTION;
            if !is_void || since_any {
                armed_at = now + needs(&mut rng);
            }
            pause = match is_void {
                true => {
                    let retry = gap.void(Duration::from_micros(pause));
                    retry.map_or(10_000, |retry| retry.as_micros() as u64)
                }
                false => {
                    let since = match gap.is_retrying() {
                        true => started - taken_at,
                        false => pause,
                    };
                    gap.took_part(Duration::from_micros(since));
                    taken += 1;
                    taken_at = now;
                    gap.pause().as_micros() as u64
                }
            };
            if taken == 100 {
                begun = now;
            }
        }
        (now - begun) as f64 / 2_000.0
    }

    #[test]
    fn it_comes_close_to_the_best_pause_for_any_slave() {
        for since_any in [false, true] {
            for rearm in [0, 10, 60, 100, 150, 333, 500, 1_000, 3_000, 5_000] {
                for spread in [0, rearm / 3] {
                    let mut gap = Gap::new(Duration::from_micros(TRANSACTION));
                    let each = run(&mut gap, rearm, spread, since_any, 0);
                    let best = (TRANSACTION + rearm + spread) as f64;
                    assert!(
                        each <= 1.3 * best,
                        "rearm {rearm} + {spread}, since any {since_any}: {each}, not {best}"
                    );
                }
            }
        }
    }

    #[test]
    fn void_headers_by_chance_make_it_hardly_slower() {
        for (void, most) in [(100, 1.05), (5, 1.6)] {
            let mut gap = Gap::new(Duration::from_micros(TRANSACTION));
            let each = run(&mut gap, 0, 0, false, void);
            // A void header costs a transaction and a pause of 200 µs at least.
            let share = if void == 5 { 0.25 } else { 0.01 };
            let least = TRANSACTION as f64 + share * (TRANSACTION + 200) as f64;
            let ratio = each / least;
            assert!(ratio <= most, "one of {void}: {ratio} times the time");
        }
    }

    #[test]
    fn it_forgets_when_the_slave_became_faster() {
        let mut gap = Gap::new(Duration::from_micros(TRANSACTION));
        run(&mut gap, 3_000, 0, false, 0);
        assert!(gap.pause() >= Duration::from_millis(1));
        let mut transactions = 0;
        while gap.best > 0 {
            transactions += 1;
            gap.took_part(gap.pause());
        }
        assert!(
            transactions <= PROBE_MAX + 48,
            "{transactions} transactions"
        );
        for _ in 0..20_000 {
            gap.took_part(gap.pause());
        }
        assert!(!gap.is_active());
    }

    #[test]
    fn a_slave_that_is_gone_is_not_asked_again_and_again() {
        let mut gap = Gap::new(Duration::from_micros(TRANSACTION));
        let retries: Vec<_> = (0..10)
            .map_while(|_| gap.void(Duration::ZERO))
            .map(|pause| pause.as_micros())
            .collect();
        assert_eq!(retries, [200, 400, 800, 1_600, 3_200, 6_400, 12_800]);
        gap.took_part(Duration::from_secs(1));
        assert_eq!(
            gap.pause(),
            Duration::ZERO,
            "its silence had another reason"
        );
    }
}
