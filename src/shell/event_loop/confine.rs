//! The sandbox (`--sandbox`): what stays possible, by what was asked for. Everything else that is needed
//! is open by then.

use super::Error;
use crate::config::{Config, Device, Retain};
use crate::io::sandbox::{self, Right, Rules};
use std::path::{Path, PathBuf};

/// The rules for what `config` asks for, if it asks for a sandbox. `pty` and `control` are those that
/// were made. To be called before the root directory changes, which it knows of.
pub(super) fn rules(config: &Config, pty: Option<&Path>, control: Option<&Path>) -> Option<Rules> {
    if !config.sandbox {
        return None;
    }
    let mut rules = Rules::new();
    // It is opened anew after each client, to throw away what that left.
    if let Some(pty) = pty {
        rules.allow(pty, Right::Device);
    }
    // These are removed at the end.
    for name in config.face.link().into_iter().chain(control) {
        rules.allow_beside(name, Right::Remove);
    }
    let root = config.host.chroot.as_deref().unwrap_or(Path::new("/"));
    // syslog(3) writes local time.
    rules.allow(&below(root, Path::new("/etc/localtime")), Right::Read);
    if has_commands(config) {
        rules.allow_commands(root);
    }
    allow_device(&mut rules, &config.device, root);
    Some(rules)
}

/// Confines the process, and says so.
pub(super) fn enter(rules: Option<Rules>) -> Result<(), Error> {
    let Some(rules) = rules else {
        return Ok(());
    };
    match sandbox::enter(&rules).map_err(Error::Sandbox)? {
        outcome @ sandbox::Outcome::Nothing => log::warn!("{outcome}"),
        outcome => log::info!("{outcome}"),
    }
    Ok(())
}

/// A bus is open and stays so; what can be lost is opened again.
fn allow_device(rules: &mut Rules, device: &Device, root: &Path) {
    match device {
        Device::Serial { path, .. } => {
            // The node is another one each time that it is plugged in; links of udev lead to it.
            let path = below(root, path);
            match path.canonicalize() {
                Ok(node) => rules.allow_beside(&node, Right::Device),
                // It is waited for. Udev makes the folders of its links, too, once a port is there.
                Err(_) => {
                    let folders = path.ancestors().skip(1);
                    let folder = folders.into_iter().find(|folder| folder.is_dir());
                    rules.allow(&below(root, Path::new("/dev")), Right::Device);
                    rules.allow(folder.unwrap_or(root), Right::Device);
                }
            }
        }
        Device::Tcp(address) => rules.allow_connect(address.port()),
        Device::Sim(spec) => {
            if let Some(radio) = &spec.radio {
                rules.allow(&below(root, radio), Right::Remove);
            }
            if let Some(state) = &spec.state {
                rules.allow_beside(&below(root, state), Right::Keep);
            }
        }
        // A command is one of those that are allowed, and started from within.
        Device::Spi(_) | Device::System(_) => {}
    }
}

fn has_commands(config: &Config) -> bool {
    let host = &config.host;
    host.firmware.check.is_some()
        || host.firmware.upgrade.is_some()
        || matches!(host.retain, Some(Retain::Command(_)))
        || matches!(config.device, Device::System(_))
}

/// What `path` will be called once `root` is the root directory, by the name that it has now.
fn below(root: &Path, path: &Path) -> PathBuf {
    match root == Path::new("/") {
        true => path.to_owned(),
        false => root.join(path.strip_prefix("/").unwrap_or(path)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Face;

    /// What is beside the file may be anybody's: it is open before.
    #[test]
    fn the_file_with_the_credentials_needs_no_rule() {
        let mut config = Config::new("sim:".parse().unwrap());
        config.face = Face::Tun { name: None };
        config.sandbox = true;
        let count = |config: &Config| rules(config, None, None).expect("a sandbox").len();
        let without = count(&config);
        config.host.retain = Some(Retain::File(std::env::temp_dir().join("key")));
        assert_eq!(count(&config), without);
        config.host.retain = Some(Retain::Command("true".into()));
        assert!(count(&config) > without);
    }
}
