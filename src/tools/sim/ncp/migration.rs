//! A pending dataset, and how a leader puts it into force (Thread specification, section 8.4.3). Only for a leader who is
//! alone in its network: nothing tells the other nodes of the simulated air.

use super::spinel::dataset;
use super::thread::net::Role;
use super::Ncp;
use crate::time::{Duration, Instant};

/// The pending dataset.
#[derive(Debug, Default)]
pub(super) struct Pending {
    /// As it was set, with its delay.
    tlvs: Vec<u8>,
    /// When it is in force.
    at: Option<Instant>,
}

impl Pending {
    /// One that nothing puts into force.
    pub(super) fn of(tlvs: Vec<u8>) -> Self {
        Pending { tlvs, at: None }
    }

    /// With what is left of its delay.
    pub(super) fn tlvs(&self, now: Instant) -> Vec<u8> {
        let Some(at) = self.at else {
            return self.tlvs.clone();
        };
        let left = u32::try_from(at.since(now).as_millis()).unwrap_or(u32::MAX);
        let left = left.to_be_bytes();
        dataset::with(&self.tlvs, dataset::DELAY, &left)
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.at
    }
}

impl Ncp {
    /// MGMT_PENDING_SET to ourselves. Who does not lead has nobody here who would take it.
    pub(super) fn plan_migration(&mut self, now: Instant, tlvs: Vec<u8>) {
        if dataset::properties(&tlvs).is_err() {
            return;
        }
        let time = |tlvs: &[u8], kind| dataset::tlv(tlvs, kind).map(<[u8]>::to_vec);
        let newest = time(&self.pending.tlvs, dataset::PENDING_TIMESTAMP);
        let announced = time(&tlvs, dataset::PENDING_TIMESTAMP);
        let Some(delay) = dataset::tlv(&tlvs, dataset::DELAY) else {
            return;
        };
        if self.net.role() == Role::Leader && announced > newest {
            let delay = delay[..4]
                .iter()
                .fold(0, |sum, octet| sum << 8 | u64::from(*octet));
            let delay = match self.variant.hurry {
                true => Duration::from_millis(delay),
                false => Duration::from_millis(delay).max(DELAY_MIN),
            };
            self.pending = Pending {
                tlvs,
                at: Some(now + delay),
            };
        }
    }

    pub(super) fn advance_migration(&mut self, now: Instant) {
        if !self.pending.at.is_some_and(|at| at <= now) {
            return;
        }
        let tlvs = core::mem::take(&mut self.pending).tlvs;
        let tlvs = dataset::without(&tlvs, &[dataset::PENDING_TIMESTAMP, dataset::DELAY]);
        // It was looked at when it came.
        let _ = self.set_active_dataset(tlvs);
    }
}

/// OpenThread's `kMinDelay`.
const DELAY_MIN: Duration = Duration::from_secs(30);
