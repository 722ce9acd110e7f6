//! The options of the host driver.

use super::given::{last, Given};
use super::{Args, Usage};
use crate::config::{self, ControlSocket, Host, Retain, Setting};

impl Args {
    /// What the host driver is told.
    pub(super) fn host(&self, warnings: &mut Vec<String>) -> Result<Host, Usage> {
        let mut host = Host {
            set: self.settings(warnings)?,
            ..Host::default()
        };
        let mut last = |option, values| last(option, values, warnings);

        if let Some(given) = last("--control", &self.control) {
            host.control.socket = match given.value {
                NONE => ControlSocket::None,
                _ => ControlSocket::At(given.path()?),
            };
        }
        if let Some(given) = last("--control-group", &self.control_group) {
            host.control.group = Some(given.group()?);
        }
        if let Some(given) = last("--user", &self.user) {
            host.user = Some(given.account()?);
        }
        if let Some(given) = last("--chroot", &self.chroot) {
            host.chroot = Some(given.path()?);
        }
        if let Some(given) = last("--firmware-check", &self.firmware_check) {
            host.firmware.check = Some(given.command()?);
        }
        if let Some(given) = last("--firmware-upgrade", &self.firmware_upgrade) {
            host.firmware.upgrade = Some(given.command()?);
        }
        if let Some(given) = last("--retain", &self.retain) {
            host.retain = Some(Retain::File(given.path()?));
        }
        if let Some(given) = last("--retain-command", &self.retain_command) {
            let command = Retain::Command(given.command()?);
            if host.retain.replace(command).is_some() {
                return Err(Usage::TwoRetains);
            }
        }
        if let Some(given) = last("--commissioning-port", &self.commissioning_port) {
            // At most 65535, which `number` has checked.
            host.commissioning_port = given.number(config::COMMISSIONING_PORT)? as u16;
        }
        if let Some(given) = last("--iid", &self.iid) {
            // At most 3, which `number` has checked.
            host.iid = given.number(config::IID)? as u8;
        }
        let (mut no_slaac, mut no_routes) = (!host.slaac, !host.routes);
        for (option, values, switch) in [
            ("--control-raw", &self.control_raw, &mut host.control.raw),
            ("--auto-resume", &self.auto_resume, &mut host.auto_resume),
            (
                "--auto-upgrade",
                &self.auto_upgrade,
                &mut host.firmware.auto_upgrade,
            ),
            ("--no-slaac", &self.no_slaac, &mut no_slaac),
            (
                "--publish-prefixes",
                &self.publish_prefixes,
                &mut host.publish_prefixes,
            ),
            (
                "--skip-link-local",
                &self.skip_link_local,
                &mut host.skip_link_local,
            ),
            ("--show-rloc", &self.show_rloc, &mut host.show_rloc),
            ("--no-routes", &self.no_routes, &mut no_routes),
            (
                "--default-route",
                &self.default_route,
                &mut host.default_route,
            ),
        ] {
            if let Some(given) = last(option, values) {
                *switch = given.toggle()?;
            }
        }
        (host.slaac, host.routes) = (!no_slaac, !no_routes);
        if host.firmware.auto_upgrade && host.firmware.upgrade.is_none() {
            warnings.push("--auto-upgrade is ignored: it needs --firmware-upgrade".to_owned());
        }
        Ok(host)
    }

    /// `--set`, each property once: of one that is given twice the last value counts.
    fn settings(&self, warnings: &mut Vec<String>) -> Result<Vec<Setting>, Usage> {
        let mut settings: Vec<Setting> = Vec::new();
        for value in &self.set {
            let setting = Given {
                option: "--set",
                value,
            }
            .setting()?;
            let before = settings.len();
            settings.retain(|(property, _)| *property != setting.0);
            if settings.len() < before {
                warnings.push(format!(
                    "--set {}: given more than once, the last counts",
                    setting.0
                ));
            }
            settings.push(setting);
        }
        Ok(settings)
    }
}

/// `--control none`.
const NONE: &str = "none";
