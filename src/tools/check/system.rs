//! What this machine offers: device nodes and who may open them, the SPI bus, spidev's limit, groups.
//! The only file of the check that reads `/dev`, `/sys`, `/proc` and `/etc`, all below a root that tests
//! choose.

use super::report::Finding;
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

/// A machine.
pub struct System {
    root: PathBuf,
}

impl System {
    /// The machine whose `/dev`, `/sys`, `/proc` and `/etc` lie in `root`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        System { root: root.into() }
    }

    /// Who runs the check.
    pub fn user(&self) -> Finding {
        let user = self.identity();
        let groups: Vec<String> = user.gids.iter().map(|gid| self.group_name(*gid)).collect();
        Finding::pass(
            "user",
            format!("uid {}, groups {}", user.uid, groups.join(" ")),
        )
    }

    /// The SPI controllers, spidev, and the node `device`: what is missing between them.
    pub fn spi(&self, device: &Path) -> Vec<Finding> {
        if self.path(device).exists() {
            return vec![self.node(device, "spi")];
        }
        let nodes = self.list("/dev", "spidev");
        let missing = Finding::fail("device", format!("{}: no such file", device.display()));
        if !nodes.is_empty() {
            let paths: Vec<String> = nodes.iter().map(|name| format!("/dev/{name}")).collect();
            return vec![missing.remedy(format!("there is {}", paths.join(" ")))];
        }
        let mut findings = vec![missing.remedy("there is no /dev/spidev* at all; see below")];
        let controllers = self.list("/sys/class/spi_master", "spi");
        if controllers.is_empty() {
            findings.push(self.no_controller());
            return findings;
        }
        findings.push(Finding::pass(
            "SPI",
            format!("controllers: {}", controllers.join(" ")),
        ));
        if !self.exists("/sys/bus/spi/drivers/spidev") {
            findings.push(Finding::fail("spidev", "the driver is not loaded").remedy(
                "sudo modprobe spidev; if there is none, the kernel needs CONFIG_SPI_SPIDEV",
            ));
        }
        findings.push(self.bus_device(device));
        findings
    }

    fn no_controller(&self) -> Finding {
        let detail = if self.exists("/sys/bus/spi") {
            "the kernel knows SPI, but has no controller: /sys/class/spi_master is empty"
        } else {
            "the kernel has no SPI: there is no /sys/bus/spi"
        };
        Finding::fail("SPI", detail).remedy(
            "switch the controller on: on a Raspberry Pi dtparam=spi=on in /boot/firmware/config.txt, elsewhere \
             a device tree overlay with status = \"okay\"; then reboot. The kernel needs CONFIG_SPI, CONFIG_SPI_SPIDEV \
             and the controller's driver (CONFIG_SPI_BCM2835 on a Raspberry Pi)",
        )
    }

    /// What sits on the bus and chip select of `/dev/spidevX.Y`, for which there is no node.
    fn bus_device(&self, device: &Path) -> Finding {
        let name = device
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or("");
        let Some(numbers) = name.strip_prefix("spidev") else {
            return Finding::fail("bus device", format!("{name}: is not called spidevX.Y"))
                .remedy("name the node itself, or the link to it once there is a node");
        };
        let bus_device = format!("spi{numbers}");
        let folder = format!("/sys/bus/spi/devices/{bus_device}");
        if !self.exists(&folder) {
            return Finding::fail("bus device", format!("{bus_device} is not in the device tree")).remedy(
                "add a node for it: on a Raspberry Pi dtparam=spi=on or an overlay; elsewhere a node \
                 with compatible = \"silabs,em3581\", which spidev takes on every kernel",
            );
        }
        let driver = fs::read_link(self.path(format!("{folder}/driver")))
            .ok()
            .and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
        match driver.as_deref() {
            Some("spidev") => Finding::fail(
                "bus device",
                format!("{bus_device} has spidev, but no node"),
            )
            .remedy("udev or devtmpfs is not running: mount -t devtmpfs devtmpfs /dev"),
            Some(driver) => Finding::fail(
                "bus device",
                format!("{bus_device} is held by the driver {driver}"),
            )
            .remedy("disable the overlay that brings that driver"),
            None => {
                Finding::fail("bus device", format!("{bus_device} has no driver")).remedy(format!(
                "echo spidev | sudo tee {folder}/driver_override; echo {bus_device} | sudo tee \
                 /sys/bus/spi/drivers/spidev/bind"
            ))
            }
        }
    }

    /// The longest message of spidev.
    pub fn bufsiz(&self) -> Finding {
        let text = fs::read_to_string(self.path("/sys/module/spidev/parameters/bufsiz"));
        match text.ok().and_then(|text| text.trim().parse::<usize>().ok()) {
            None => Finding::warn("bufsiz", "not readable: taken for 4096"),
            Some(size) if size < BUFSIZ_MIN => Finding::fail(
                "bufsiz",
                format!("{size}: some frames of OpenThread do not fit"),
            )
            .remedy("spidev.bufsiz=4096 on the kernel command line"),
            Some(size) => Finding::pass("bufsiz", format!("{size} octets in one transaction")),
        }
    }

    /// The GPIO chips, before any line is looked for.
    pub fn gpio(&self) -> Vec<Finding> {
        let chips = self.list("/dev", "gpiochip");
        if chips.is_empty() {
            return vec![Finding::fail("GPIO", "there is no /dev/gpiochip*").remedy(
                "the kernel needs CONFIG_GPIO_CDEV and the driver of the GPIO controller",
            )];
        }
        let chips = chips.iter().map(|name| Path::new("/dev").join(name));
        chips.map(|path| self.node(&path, "gpio")).collect()
    }

    /// A node that exists: whose it is, and whether we may open it.
    fn node(&self, path: &Path, usual_group: &str) -> Finding {
        let what = if usual_group == "spi" {
            "device"
        } else {
            "GPIO"
        };
        let shown = path.display();
        let meta = match fs::metadata(self.path(path)) {
            Ok(meta) => meta,
            Err(error) => return Finding::fail(what, format!("{shown}: {error}")),
        };
        if !meta.file_type().is_char_device() {
            return Finding::fail(what, format!("{shown} is no device node"))
                .remedy("name the character device, like /dev/spidev0.0");
        }
        self.access(
            what,
            path,
            usual_group,
            Owner {
                uid: meta.uid(),
                gid: meta.gid(),
                mode: meta.mode(),
            },
        )
    }

    fn access(&self, what: &'static str, path: &Path, usual_group: &str, owner: Owner) -> Finding {
        let user = self.identity();
        let group = self.group_name(owner.gid);
        let detail = format!(
            "{}, of uid {} and group {group}, mode {:04o}",
            path.display(),
            owner.uid,
            owner.mode & 0o7777
        );
        if owner.lets_in(&user) {
            return Finding::pass(what, detail);
        }
        let detail = format!("{detail}: you may not open it");
        // An access list (udev's uaccess) may still let us in; opening it is the proof.
        Finding::warn(what, detail).remedy(if owner.gid != 0 && owner.mode & 0o060 == 0o060 {
            format!("sudo usermod -aG {group} $USER, and log in again")
        } else {
            format!(
                "install the udev rules, or: sudo groupadd -f {usual_group}; sudo chgrp {usual_group} {0}; \
                 sudo chmod 660 {0}; sudo usermod -aG {usual_group} $USER, and log in again",
                path.display()
            )
        })
    }

    fn identity(&self) -> Identity {
        let status = fs::read_to_string(self.path("/proc/self/status")).unwrap_or_default();
        let numbers = |key: &str| -> Vec<u32> {
            let line = status.lines().find_map(|line| line.strip_prefix(key));
            let words = line.unwrap_or("").split_whitespace();
            words.filter_map(|word| word.parse().ok()).collect()
        };
        // Real, effective, saved, file system: the last one opens files.
        let (uid, gid) = (numbers("Uid:"), numbers("Gid:"));
        let mut gids: Vec<u32> = gid.last().copied().into_iter().collect();
        gids.extend(numbers("Groups:"));
        gids.sort_unstable();
        gids.dedup();
        Identity {
            uid: uid.last().copied().unwrap_or(u32::MAX),
            gids,
        }
    }

    fn group_name(&self, gid: u32) -> String {
        let groups = fs::read_to_string(self.path("/etc/group")).unwrap_or_default();
        let name = groups.lines().find_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            (fields.nth(1)?.parse() == Ok(gid)).then(|| name.to_owned())
        });
        name.unwrap_or_else(|| gid.to_string())
    }

    fn list(&self, folder: &str, prefix: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(folder)).into_iter().flatten();
        let mut names: Vec<String> = entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| name.starts_with(prefix))
            .collect();
        names.sort();
        names
    }

    fn exists(&self, path: &str) -> bool {
        self.path(path).exists()
    }

    /// `path` below the root. A relative path stays what it is.
    fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        match path.strip_prefix("/") {
            Ok(below) => self.root.join(below),
            Err(_) => path.to_owned(),
        }
    }
}

struct Identity {
    uid: u32,
    gids: Vec<u32>,
}

#[derive(Clone, Copy)]
struct Owner {
    uid: u32,
    gid: u32,
    mode: u32,
}

impl Owner {
    /// Whether the mode bits let `user` read and write (path_resolution(7)).
    fn lets_in(self, user: &Identity) -> bool {
        let shift = match () {
            () if user.uid == 0 => return true,
            () if user.uid == self.uid => 6,
            () if user.gids.contains(&self.gid) => 3,
            () => 0,
        };
        self.mode >> shift & 0o6 == 0o6
    }
}

/// Header, the longest junk, OpenThread's longest frame, CRC, rounded up to a cache line as spidev does.
const BUFSIZ_MIN: usize = 1408;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::report::Level;

    /// A machine in a folder of its own.
    struct Machine {
        system: System,
    }

    impl Machine {
        fn new(name: &str) -> Self {
            let root = std::env::temp_dir().join(format!(
                "spinel-bridge-system-{name}-{}",
                std::process::id()
            ));
            let _ = fs::remove_dir_all(&root);
            fs::create_dir_all(&root).unwrap();
            let machine = Machine {
                system: System::new(root),
            };
            machine
                .file(
                    "/proc/self/status",
                    "Uid:\t1000\t1000\t1000\t1000\nGid:\t100\t100\t100\t100\nGroups:\t100 997\n",
                )
                .file(
                    "/etc/group",
                    "root:x:0:\nusers:x:100:\ngpio:x:997:pi\nspi:x:999:\n",
                )
        }

        fn file(self, path: &str, text: &str) -> Self {
            let path = self.system.path(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
            self
        }

        fn folder(self, path: &str) -> Self {
            fs::create_dir_all(self.system.path(path)).unwrap();
            self
        }

        fn link(self, target: &str, path: &str) -> Self {
            std::os::unix::fs::symlink(target, self.system.path(path)).unwrap();
            self
        }

        /// The findings about `/dev/spidev0.0`, as text.
        #[track_caller]
        fn spi(&self) -> String {
            let findings = self.system.spi(Path::new("/dev/spidev0.0"));
            assert!(findings.iter().any(|finding| finding.level == Level::Fail));
            let text = |f: &Finding| {
                format!(
                    "{}: {} -> {}\n",
                    f.what,
                    f.detail,
                    f.remedy.as_deref().unwrap_or("")
                )
            };
            findings.iter().map(text).collect()
        }
    }

    impl Drop for Machine {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.system.root);
        }
    }

    #[track_caller]
    fn has(text: &str, parts: &[&str]) {
        for part in parts {
            assert!(text.contains(part), "{part:?} is not in:\n{text}");
        }
    }

    #[test]
    fn a_machine_without_spi() {
        has(
            &Machine::new("none").spi(),
            &[
                "no /dev/spidev* at all",
                "the kernel has no SPI",
                "dtparam=spi=on",
                "CONFIG_SPI_SPIDEV",
            ],
        );
        let machine = Machine::new("empty")
            .folder("/sys/bus/spi")
            .folder("/sys/class/spi_master");
        has(&machine.spi(), &["has no controller"]);
    }

    #[test]
    fn another_node() {
        let machine = Machine::new("other").file("/dev/spidev1.0", "");
        has(
            &machine.spi(),
            &["/dev/spidev0.0: no such file", "there is /dev/spidev1.0"],
        );
    }

    #[test]
    fn what_is_on_the_bus() {
        let bare = |name| {
            Machine::new(name)
                .folder("/sys/class/spi_master/spi0")
                .folder("/sys/bus/spi/devices")
        };
        has(
            &bare("bare").spi(),
            &[
                "controllers: spi0",
                "modprobe spidev",
                "spi0.0 is not in the device tree",
            ],
        );
        let unbound = bare("unbound")
            .folder("/sys/bus/spi/drivers/spidev")
            .folder("/sys/bus/spi/devices/spi0.0");
        has(
            &unbound.spi(),
            &["spi0.0 has no driver", "driver_override", "echo spi0.0"],
        );
        assert!(!unbound.spi().contains("modprobe"));
        let held = bare("held")
            .folder("/sys/bus/spi/drivers/mcp251x")
            .folder("/sys/bus/spi/devices/spi0.0")
            .link(
                "../../drivers/mcp251x",
                "/sys/bus/spi/devices/spi0.0/driver",
            );
        has(&held.spi(), &["held by the driver mcp251x"]);
    }

    #[test]
    fn a_file_is_no_device() {
        has(
            &Machine::new("file").file("/dev/spidev0.0", "").spi(),
            &["is no device node"],
        );
    }

    #[test]
    fn who_may_open() {
        let machine = Machine::new("access");
        let path = Path::new("/dev/spidev0.0");
        let access = |uid, gid, mode| {
            machine
                .system
                .access("device", path, "spi", Owner { uid, gid, mode })
        };
        assert_eq!(access(0, 997, 0o660).level, Level::Pass);
        assert_eq!(access(1000, 0, 0o600).level, Level::Pass);
        assert_eq!(access(0, 0, 0o666).level, Level::Pass);
        let join = access(0, 999, 0o20660);
        assert_eq!(join.level, Level::Warn);
        has(&join.detail, &["group spi, mode 0660", "may not open"]);
        has(&join.remedy.unwrap(), &["usermod -aG spi $USER"]);
        let rules = access(0, 0, 0o600);
        has(
            &rules.remedy.unwrap(),
            &["udev rules", "chgrp spi /dev/spidev0.0"],
        );
        has(
            &machine.system.user().detail,
            &["uid 1000, groups users gpio"],
        );
    }

    #[test]
    fn bufsiz() {
        let path = "/sys/module/spidev/parameters/bufsiz";
        assert_eq!(Machine::new("no-bufsiz").system.bufsiz().level, Level::Warn);
        assert_eq!(
            Machine::new("bufsiz")
                .file(path, "4096\n")
                .system
                .bufsiz()
                .level,
            Level::Pass
        );
        let small = Machine::new("small").file(path, "1024\n").system.bufsiz();
        assert_eq!(small.level, Level::Fail);
        has(&small.remedy.unwrap(), &["spidev.bufsiz=4096"]);
    }

    #[test]
    fn a_machine_without_gpio() {
        let findings = Machine::new("no-gpio").system.gpio();
        assert_eq!(findings[0].level, Level::Fail);
        has(
            findings[0].remedy.as_deref().unwrap(),
            &["CONFIG_GPIO_CDEV"],
        );
    }
}
