//! What systemd is told: READY once, and a sign of life every half of the watchdog's time. From the
//! loop, so that a loop that does not turn is found out.

use crate::io::notify::Notify;
use crate::time::Instant;

#[derive(Debug)]
pub(super) struct Alive {
    notify: Notify,
    /// systemd was told so.
    ready: bool,
    /// When systemd's watchdog was fed.
    alive_at: Instant,
}

impl Alive {
    pub(super) fn from_env() -> Self {
        Alive {
            notify: Notify::from_env(),
            ready: false,
            alive_at: Instant::ZERO,
        }
    }

    pub(super) fn tell(&mut self, now: Instant, is_ready: bool) {
        if !self.ready && is_ready {
            self.ready = true;
            self.notify.ready();
        }
        if self.due().is_some_and(|at| at <= now) {
            self.alive_at = now;
            self.notify.alive();
        }
    }

    /// When the watchdog wants to be fed.
    pub(super) fn due(&self) -> Option<Instant> {
        let period = self.notify.watchdog()?;
        Some(self.alive_at + period)
    }

    pub(super) fn stopping(&mut self) {
        self.notify.stopping();
    }
}
