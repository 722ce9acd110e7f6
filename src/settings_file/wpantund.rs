//! The keys of `wpantund.conf` that have a meaning here (`wpan-properties.h` of wpantund, protocol §8.4),
//! as the keys of our own file.

use crate::config::{NotAChoice, Toggle};
use core::fmt;

/// What a line of `wpantund.conf` means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// The same as this key of ours with this value.
    Setting(&'static str, String),
    /// The speed of the serial port, in a line of its own.
    Baud(String),
    /// It is as it is asked for without us doing anything.
    Given,
    /// It cannot be had; why, and what to do.
    Ignored(&'static str),
}

/// Why a line of `wpantund.conf` is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// No key that we know.
    UnknownKey,
    /// The value should be one of these.
    NotAChoice(NotAChoice),
    /// Another kind of co-processor.
    Driver,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::UnknownKey => f.write_str("no such key"),
            Refused::NotAChoice(error) => error.fmt(f),
            Refused::Driver => f.write_str("only spinel is known here; remove the line"),
        }
    }
}

/// What `key` with `value` means. Keys are the same in upper and lower case, as in wpantund.
///
/// # Errors
/// [`Refused`], where it means nothing, or something that we are not.
pub fn meaning(key: &str, value: &str) -> Result<Meaning, Refused> {
    let found = KEYS
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(key));
    let (_, rule) = found.ok_or(Refused::UnknownKey)?;
    if value.is_empty() {
        // "Optional. If left blank .." as the comments of its example say.
        return Ok(Meaning::Given);
    }
    let toggle = || {
        let toggle: Result<Toggle, _> = value.parse();
        toggle.map(|Toggle(on)| on).map_err(Refused::NotAChoice)
    };
    let yes_or_no = |on| if on { "yes" } else { "no" };
    Ok(match *rule {
        Rule::Same(ours) => Meaning::Setting(ours, value.to_owned()),
        Rule::Yes(ours) => Meaning::Setting(ours, yes_or_no(toggle()?).to_owned()),
        Rule::Not(ours) => Meaning::Setting(ours, yes_or_no(!toggle()?).to_owned()),
        Rule::Set(property) => Meaning::Setting("set", format!("{property}={value}")),
        Rule::Device => Meaning::Setting("device", device(value)),
        Rule::Baud => Meaning::Baud(value.to_owned()),
        Rule::Check => Meaning::Setting("firmware-check", check_command(value)),
        Rule::Mask => Meaning::Setting("verbose", verbosity(value).to_owned()),
        Rule::Driver if value.eq_ignore_ascii_case("spinel") => Meaning::Given,
        Rule::Driver => return Err(Refused::Driver),
        Rule::Only(wanted, _) if toggle()? == wanted => Meaning::Given,
        Rule::Only(_, advice) | Rule::Never(advice) => Meaning::Ignored(advice),
    })
}

/// The key that is spelled most like `key`; none for what is too long to be a key.
pub fn nearest(key: &str) -> Option<&'static str> {
    let known = KEYS.iter().map(|(known, _)| *known);
    crate::nearest::nearest(key, known).map(|(_, known)| known)
}

/// `Config:NCP:SocketPath`: `system:COMMAND`, `serial:PATH,raw,b115200`, `ADDRESS:PORT`, or a path.
fn device(value: &str) -> String {
    if value.starts_with("system:") {
        return value.to_owned();
    }
    let (path, options) = value.split_once(',').unwrap_or((value, ""));
    let path = path.strip_prefix("serial:").unwrap_or(path);
    let is_spi = path
        .rsplit('/')
        .next()
        .is_some_and(|name| name.starts_with("spidev"));
    if is_spi || path.starts_with("sim:") || path.starts_with("tcp:") {
        return path.to_owned();
    }
    if !path.contains('/') && path.contains(':') {
        return format!("tcp:{path}");
    }
    let digits = |option: &'_ str| {
        let digits = option.strip_prefix('b').unwrap_or_default();
        (!digits.is_empty() && digits.bytes().all(|octet| octet.is_ascii_digit()))
            .then(|| digits.to_owned())
    };
    let mut device = format!("serial:{path}");
    if let Some(speed) = options.split(',').find_map(digits) {
        device = format!("{device}:{speed}");
    }
    // As wpantund has it: the word alone, or with a number.
    let is_on = |option: &str| matches!(option, "crtscts" | "crtscts=1" | "rtscts" | "rtscts=1");
    if options.split(',').any(is_on) {
        device.push_str(":rtscts");
    }
    device
}

/// wpantund runs its command with the version as the last argument, ours gets it on standard input.
fn check_command(value: &str) -> String {
    format!("IFS= read -r version; {value} \"$version\"")
}

/// `Daemon:SyslogMask`: the levels that are logged, as a step from our usual one.
fn verbosity(mask: &str) -> &'static str {
    // Of a wpantund that was not built for debugging: `all -info -debug`.
    let [mut warnings, mut notices, mut info, mut debug] = [true, true, false, false];
    for word in mask.split_whitespace() {
        let (name, on) = match word.strip_prefix('-') {
            Some(name) => (name, false),
            None => (word, true),
        };
        match name {
            "all" => [warnings, notices, info, debug] = [on; 4],
            "warn" | "warning" => warnings = on,
            "notice" => notices = on,
            "info" => info = on,
            "debug" => debug = on,
            _ => {}
        }
    }
    match (debug, info || notices, warnings) {
        (true, _, _) => "1",
        (_, true, _) => "0",
        (_, _, true) => "-1",
        _ => "-2",
    }
}

/// How a key is read.
#[derive(Clone, Copy, Debug)]
enum Rule {
    /// As this key of ours.
    Same(&'static str),
    /// As this switch of ours.
    Yes(&'static str),
    /// As the opposite of this switch of ours.
    Not(&'static str),
    /// As `set` with this property.
    Set(&'static str),
    Device,
    Baud,
    Check,
    Mask,
    Driver,
    /// This is what we do; the other cannot be had.
    Only(bool, &'static str),
    /// Cannot be had.
    Never(&'static str),
}

const SYSFS: &str =
    "sysfs is not used; name the line instead, like gpio-res = gpiochip0:24 (see gpioinfo)";

static KEYS: &[(&str, Rule)] = &[
    ("Config:TUN:InterfaceName", Rule::Same("tun")),
    ("Config:NCP:SocketPath", Rule::Device),
    ("Config:NCP:SocketBaud", Rule::Baud),
    ("Config:NCP:DriverName", Rule::Driver),
    ("Config:NCP:HardResetPath", Rule::Never(SYSFS)),
    ("Config:NCP:HardResetGPIO", Rule::Never(SYSFS)),
    (
        "Config:NCP:PowerPath",
        Rule::Never("there is no power line here; the co-processor is put to sleep by command"),
    ),
    (
        "Config:NCP:PowerGPIO",
        Rule::Never("there is no power line here; the co-processor is put to sleep by command"),
    ),
    (
        "Config:NCP:ReliabilityLayer",
        Rule::Never("HDLC is used on streams, the SPI protocol on SPI; remove the line"),
    ),
    ("Config:NCP:FirmwareCheckCommand", Rule::Check),
    (
        "Config:NCP:FirmwareUpgradeCommand",
        Rule::Same("firmware-upgrade"),
    ),
    ("Config:Daemon:PrivDropToUser", Rule::Same("user")),
    ("Config:Daemon:Chroot", Rule::Same("chroot")),
    (
        "Config:Daemon:PIDFile",
        Rule::Never("no PID file is written; leave that to the init system"),
    ),
    (
        "Config:Daemon:NetworkRetainCommand",
        Rule::Never(
            "write retain = FILE instead, or see retain-command, which is called in another way",
        ),
    ),
    ("Daemon:SyslogMask", Rule::Mask),
    (
        "Daemon:Enabled",
        Rule::Only(true, "it is always enabled; do not start it instead"),
    ),
    ("Daemon:AutoAssociateAfterReset", Rule::Yes("auto-resume")),
    ("Daemon:AutoFirmwareUpdate", Rule::Yes("auto-upgrade")),
    (
        "Daemon:AutoDeepSleep",
        Rule::Only(
            false,
            "the co-processor sleeps when it is told to: spinelctl begin-low-power",
        ),
    ),
    (
        "Daemon:TerminateOnFault",
        Rule::Only(
            false,
            "it stays to be asked for the reason: spinelctl status",
        ),
    ),
    (
        "Daemon:TickleOnHostDidWake",
        Rule::Only(true, "spinelctl host-did-wake always asks the co-processor"),
    ),
    (
        "Daemon:IPv6:AutoUpdateInterfaceAddrsOnNCP",
        Rule::Only(
            true,
            "addresses of the interface always go to the co-processor",
        ),
    ),
    (
        "Daemon:IPv6:FilterUserAddedLinkLocal",
        Rule::Yes("skip-link-local"),
    ),
    ("Daemon:IPv6:AutoAddSLAACAddress", Rule::Not("no-slaac")),
    (
        "Daemon:OffMeshRoute:AutoAddOnInterface",
        Rule::Not("no-routes"),
    ),
    (
        "Daemon:OffMeshRoute:FilterSelfAutoAdded",
        Rule::Only(true, "our own routes are never added to our interface"),
    ),
    (
        "Daemon:SetDefaultRouteForAutoAddedPrefix",
        Rule::Only(
            false,
            "add the prefix with the flag instead: spinelctl config-gateway -d",
        ),
    ),
    (
        "IPv6:SetSLAACForAutoAddedPrefix",
        Rule::Only(
            false,
            "add the prefix with the flag instead: spinelctl config-gateway",
        ),
    ),
    ("Thread:Config:FilterRLOCAddresses", Rule::Not("show-rloc")),
    ("NCP:TXPower", Rule::Set("PHY_TX_POWER")),
    ("NCP:CCAThreshold", Rule::Set("PHY_CCA_THRESHOLD")),
    ("NCP:SleepyPollInterval", Rule::Set("MAC_DATA_POLL_PERIOD")),
    (
        "Network:KeySwitchGuardTime",
        Rule::Set("NET_KEY_SWITCH_GUARDTIME"),
    ),
    ("OpenThread:LogLevel", Rule::Set("DEBUG_NCP_LOG_LEVEL")),
    ("Thread:ChildTimeout", Rule::Set("THREAD_CHILD_TIMEOUT")),
    ("Thread:DeviceMode", Rule::Set("THREAD_MODE")),
    (
        "Thread:Leader:LocalWeight",
        Rule::Set("THREAD_LOCAL_LEADER_WEIGHT"),
    ),
    (
        "Thread:PreferredRouterID",
        Rule::Set("THREAD_PREFERRED_ROUTER_ID"),
    ),
    (
        "Thread:RouterDowngradeThreshold",
        Rule::Set("THREAD_ROUTER_DOWNGRADE_THRESHOLD"),
    ),
    (
        "Thread:RouterRole:Enabled",
        Rule::Set("THREAD_ROUTER_ROLE_ENABLED"),
    ),
    (
        "Thread:RouterSelectionJitter",
        Rule::Set("THREAD_ROUTER_SELECTION_JITTER"),
    ),
    (
        "Thread:RouterUpgradeThreshold",
        Rule::Set("THREAD_ROUTER_UPGRADE_THRESHOLD"),
    ),
    (
        "ChildSupervision:CheckTimeout",
        Rule::Set("CHILD_SUPERVISION_CHECK_TIMEOUT"),
    ),
    (
        "ChildSupervision:Interval",
        Rule::Set("CHILD_SUPERVISION_INTERVAL"),
    ),
    ("JamDetection:BusyPeriod", Rule::Set("JAM_DETECT_BUSY")),
    ("JamDetection:Enable", Rule::Set("JAM_DETECT_ENABLE")),
    (
        "JamDetection:RssiThreshold",
        Rule::Set("JAM_DETECT_RSSI_THRESHOLD"),
    ),
    ("JamDetection:Window", Rule::Set("JAM_DETECT_WINDOW")),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::ids::{Access, Property};

    #[test]
    fn keys() {
        let setting =
            |ours: &'static str, value: &str| Ok(Meaning::Setting(ours, value.to_owned()));
        for (key, value, expected) in [
            ("Config:TUN:InterfaceName", "wpan0", setting("tun", "wpan0")),
            ("config:tun:interfacename", "wpan0", setting("tun", "wpan0")),
            (
                "Config:Daemon:PrivDropToUser",
                "nobody",
                setting("user", "nobody"),
            ),
            ("Config:Daemon:PrivDropToUser", "", Ok(Meaning::Given)),
            ("Config:NCP:DriverName", "spinel", Ok(Meaning::Given)),
            ("Config:NCP:DriverName", "dummy", Err(Refused::Driver)),
            (
                "Config:NCP:SocketBaud",
                "230400",
                Ok(Meaning::Baud("230400".into())),
            ),
            (
                "Daemon:AutoFirmwareUpdate",
                "true",
                setting("auto-upgrade", "yes"),
            ),
            (
                "Daemon:IPv6:AutoAddSLAACAddress",
                "false",
                setting("no-slaac", "yes"),
            ),
            ("Daemon:Enabled", "true", Ok(Meaning::Given)),
            ("NCP:TXPower", "-8", setting("set", "PHY_TX_POWER=-8")),
            ("Config:NCP:SocketPaht", "x", Err(Refused::UnknownKey)),
            (
                "Daemon:AutoAssociateAfterReset",
                "maybe",
                Err(Refused::NotAChoice(NotAChoice("yes or no"))),
            ),
        ] {
            assert_eq!(meaning(key, value), expected, "{key} {value}");
        }
        assert!(matches!(
            meaning("Daemon:Enabled", "0"),
            Ok(Meaning::Ignored(_))
        ));
        let socket_path = Some("Config:NCP:SocketPath");
        assert_eq!(nearest("config:ncp:socketpaht"), socket_path);
        assert_eq!(nearest(&"Config:NCP:".repeat(6)), None);
    }

    /// The examples in its own configuration file, and what is found in the field.
    #[test]
    fn socket_paths() {
        for (value, expected) in [
            ("/dev/ttyUSB0", "serial:/dev/ttyUSB0"),
            (
                "serial:/dev/ttyO1,raw,b115200,crtscts=1",
                "serial:/dev/ttyO1:115200:rtscts",
            ),
            ("serial:/dev/ttyO1,raw,crtscts=0", "serial:/dev/ttyO1"),
            ("127.0.0.1:4901", "tcp:127.0.0.1:4901"),
            (
                "system:/usr/local/sbin/spi-server -p - -s /dev/spidev2.0",
                "system:/usr/local/sbin/spi-server -p - -s /dev/spidev2.0",
            ),
            ("/dev/spidev0.0", "/dev/spidev0.0"),
        ] {
            assert_eq!(device(value), expected, "{value}");
            assert!(
                expected.parse::<crate::config::Device>().is_ok(),
                "{expected}"
            );
        }
    }

    #[test]
    fn masks() {
        for (mask, steps) in [
            ("all -info -debug", "0"),
            ("all", "1"),
            ("-notice", "-1"),
            ("-all err", "-2"),
            ("all -debug", "0"),
        ] {
            assert_eq!(verbosity(mask), steps, "{mask}");
        }
    }

    #[test]
    fn every_property_exists_and_can_be_written() {
        for (key, rule) in KEYS {
            if let Rule::Set(name) = rule {
                let property: Property = name.parse().unwrap_or_else(|_| panic!("{key}: {name}"));
                let info = property.info().unwrap();
                assert!(info.access.contains(Access::SET), "{key}: {name}");
            }
        }
    }
}
