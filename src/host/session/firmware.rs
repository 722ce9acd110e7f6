//! Firmware that is checked and replaced (protocol §7.12), and how often that may be.

use super::{Effect, Ground, Phase, Session, FAILURES_MAX};
use crate::ctl::{Code, Failure};
use crate::host::known::State;
use crate::host::{Service, ServiceDone};
use crate::time::Duration;
use crate::wire::ids::Property;

impl Session {
    /// §7.12: the check command decides, once for each version.
    pub(super) fn check_firmware(&mut self, ground: &mut Ground<'_>) {
        let version = self.known.text(Property::NCP_VERSION);
        if !ground.settings.check_firmware || version == self.startup.checked {
            return;
        }
        let Some(version) = version else {
            return;
        };
        self.phase = Phase::Checking;
        self.startup.checking = Some(version.clone());
        ground.outbox.service(Service::CheckFirmware { version });
    }

    /// The shell did what it was asked for.
    pub(in crate::host) fn service_done(&mut self, ground: &mut Ground<'_>, done: ServiceDone) {
        match (done, self.phase) {
            (ServiceDone::FirmwareChecked { upgrade }, Phase::Checking) => {
                self.phase = Phase::Asking;
                self.startup.checked = self.startup.checking.take();
                if upgrade && self.may_upgrade(ground) {
                    log::info!("the firmware is to be replaced");
                    self.note_upgrade(ground);
                    self.start_upgrade(ground);
                } else if upgrade
                    && ground.settings.has_upgrade_command
                    && ground.settings.auto_upgrade
                {
                    // Too often: told already.
                } else if upgrade && ground.settings.has_upgrade_command {
                    log::warn!("the firmware is to be replaced: run spinelctl upgrade, or start me with --auto-upgrade");
                } else if upgrade {
                    log::warn!(
                        "the firmware is to be replaced, but no upgrade command is configured"
                    );
                }
            }
            (ServiceDone::Upgraded { ok }, Phase::Upgrading) => self.upgraded(ground, ok),
            (done, _) => log::debug!("too late: {done:?}"),
        }
    }

    /// An operator decides: what was tried before does not count.
    pub(in crate::host) fn upgrade_for_client(&mut self, ground: &mut Ground<'_>) {
        self.startup.rescue.forget_upgrades();
        self.start_upgrade(ground);
    }

    /// UPGRADING: the transport is closed until the command ends (§7.12).
    pub(in crate::host) fn start_upgrade(&mut self, ground: &mut Ground<'_>) {
        let failure = Failure::new(
            Code::Busy,
            "the firmware is being replaced: try again when that is done",
        );
        self.effects.push_back(Effect::FailTasks(failure.clone()));
        self.effects.push_back(Effect::FailPending(failure));
        self.forget_coprocessor(ground);
        self.phase = Phase::Upgrading;
        self.set_state(ground, State::Upgrading);
        ground.outbox.service(Service::Upgrade);
    }

    pub(in crate::host) fn upgraded(&mut self, ground: &mut Ground<'_>, ok: bool) {
        self.effects.push_back(Effect::Upgraded(ok));
        if ok {
            self.startup.failures = 0;
            return self.pause(ground);
        }
        log::error!("the upgrade command failed");
        self.startup.failures += 1;
        if self.startup.failures > FAILURES_MAX {
            return self.give_up(ground, "the upgrade command failed");
        }
        self.pause(ground);
    }

    /// Whether the firmware may be replaced without an operator. Flash wears out, and a firmware that is
    /// replaced again and again is not mended by that.
    pub(in crate::host) fn may_upgrade(&mut self, ground: &mut Ground<'_>) -> bool {
        if !ground.settings.has_upgrade_command || !ground.settings.auto_upgrade {
            return false;
        }
        let now = ground.now;
        let rescue = &mut self.startup.rescue;
        rescue.upgrades.retain(|at| now < *at + UPGRADE_PERIOD);
        if rescue.upgrades.len() < UPGRADES_MAX {
            rescue.told = false;
            return true;
        }
        if !core::mem::replace(&mut rescue.told, true) {
            log::error!(
                "the firmware was replaced {UPGRADES_MAX} times within a day, and is to be replaced again: it \
                 is left as it is for the day; look at the check command, or run `spinelctl upgrade`"
            );
        }
        false
    }

    /// The firmware is replaced by our own decision.
    pub(in crate::host) fn note_upgrade(&mut self, ground: &mut Ground<'_>) {
        self.startup.rescue.upgrades.push(ground.now);
    }
}

/// A new firmware, one that was tried because it failed, and one that mended that.
const UPGRADES_MAX: usize = 3;
/// Flash is made for 10,000 cycles: three a day are ten years.
const UPGRADE_PERIOD: Duration = Duration::from_secs(24 * 60 * 60);
