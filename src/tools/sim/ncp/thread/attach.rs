//! The search for a parent (Thread specification, section 4.7.2): whom to ask when, and whose answer counts.

use crate::time::{Duration, Instant};

/// The search for a parent.
#[derive(Debug)]
pub(crate) struct Attach {
    step: Step,
    until: Instant,
    challenge: [u8; 8],
    best: Option<Candidate>,
    tries: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// A parent request goes out then.
    Ask,
    /// Parents answer until then.
    Collect,
    /// The chosen one answers until then.
    Request,
}

/// One that would be our parent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate {
    pub(crate) address: [u8; 8],
    pub(crate) partition_id: u32,
    pub(crate) rssi: i8,
}

/// What is to be said now, and with which challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    /// A parent request, to whoever hears it.
    Anyone([u8; 8]),
    /// A child ID request to the chosen parent.
    Parent([u8; 8], [u8; 8]),
    /// Nobody answered: a search of its own, after a pause.
    Anew,
}

impl Attach {
    /// A search that begins at `at`. Who answers repeats the challenge.
    pub(crate) const fn new(at: Instant, challenge: [u8; 8]) -> Self {
        Attach {
            step: Step::Ask,
            until: at,
            challenge,
            best: None,
            tries: 0,
        }
    }

    /// When the next step is due.
    pub(crate) const fn until(&self) -> Instant {
        self.until
    }

    /// Takes the step that is due.
    pub(crate) fn poll(&mut self, now: Instant) -> Option<Ask> {
        if self.until > now {
            return None;
        }
        Some(match (self.step, self.best) {
            (Step::Ask, _) => {
                self.step = Step::Collect;
                self.until = now + COLLECT;
                Ask::Anyone(self.challenge)
            }
            (Step::Collect | Step::Request, Some(parent)) if self.tries < TRIES_MAX => {
                self.step = Step::Request;
                self.until = now + ANSWER;
                self.tries += 1;
                Ask::Parent(parent.address, self.challenge)
            }
            _ => Ask::Anew,
        })
    }

    /// The attempt may succeed yet: nobody should become leader of a new partition now.
    pub(crate) fn is_promising(&self) -> bool {
        self.step == Step::Request || self.best.is_some()
    }

    /// Somebody answered the parent request. The greater partition comes first, so that partitions merge into it.
    pub(crate) fn consider(&mut self, candidate: Candidate, response: Option<[u8; 8]>) {
        if self.step != Step::Collect || response != Some(self.challenge) {
            return;
        }
        let rank = |candidate: &Candidate| (candidate.partition_id, candidate.rssi);
        if self
            .best
            .map_or(true, |best| rank(&best) < rank(&candidate))
        {
            self.best = Some(candidate);
        }
    }

    /// Whether this is the chosen parent's answer.
    pub(crate) fn is_answer(&self, source: [u8; 8], response: Option<[u8; 8]>) -> bool {
        self.step == Step::Request
            && self.best.map(|best| best.address) == Some(source)
            && response == Some(self.challenge)
    }
}

/// How long parents have to answer: Thread's PARENT_REQUEST_ROUTER_TIMEOUT.
const COLLECT: Duration = Duration::from_millis(750);
/// How long the chosen parent has to answer, and how often it is asked.
pub(crate) const ANSWER: Duration = Duration::from_millis(200);
const TRIES_MAX: u8 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    const CHALLENGE: [u8; 8] = [7; 8];
    const NOW: Instant = Instant::from_millis(100_000);

    fn candidate(octet: u8, partition_id: u32, rssi: i8) -> Candidate {
        Candidate {
            address: [octet; 8],
            partition_id,
            rssi,
        }
    }

    #[test]
    fn the_best_of_the_greatest_partition_is_asked_three_times() {
        let mut attach = Attach::new(NOW, CHALLENGE);
        // Nobody was asked yet.
        attach.consider(candidate(9, 9, 0), Some(CHALLENGE));
        assert_eq!(attach.poll(NOW), Some(Ask::Anyone(CHALLENGE)));
        assert!(!attach.is_promising());
        attach.consider(candidate(1, 5, -90), Some(CHALLENGE));
        attach.consider(candidate(2, 5, -40), Some(CHALLENGE));
        attach.consider(candidate(3, 4, -20), Some(CHALLENGE));
        attach.consider(candidate(4, 6, -20), Some([0; 8]));
        assert!(attach.is_promising());
        assert_eq!(attach.poll(NOW), None);
        let mut now = NOW;
        for _ in 0..TRIES_MAX {
            assert!(!attach.is_answer([1; 8], Some(CHALLENGE)));
            now = attach.until();
            assert_eq!(attach.poll(now), Some(Ask::Parent([2; 8], CHALLENGE)));
            assert!(attach.is_answer([2; 8], Some(CHALLENGE)));
            assert!(!attach.is_answer([2; 8], None));
        }
        assert_eq!(attach.poll(now + ANSWER), Some(Ask::Anew));
    }

    #[test]
    fn whom_nobody_answers_begins_anew() {
        let mut attach = Attach::new(NOW, CHALLENGE);
        assert_eq!(attach.poll(NOW), Some(Ask::Anyone(CHALLENGE)));
        assert_eq!(attach.poll(NOW + COLLECT), Some(Ask::Anew));
    }
}
