//! The keys of `wpantund.conf` that have a meaning here (`wpan-properties.h` of wpantund, protocol §8.4),
//! as the keys of our own file.

use crate::config::{NotAChoice, Toggle};
use crate::ctl::wpantund as names;
use crate::wire::ids::{Access, Property};
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
    /// A descriptor of whoever starts it.
    Descriptor,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::UnknownKey => f.write_str("no such key"),
            Refused::NotAChoice(error) => error.fmt(f),
            Refused::Driver => f.write_str("only spinel is known here; remove the line"),
            Refused::Descriptor => f.write_str(
                "descriptors are not taken over; write the device, like serial:/dev/ttyACM0 or system:COMMAND",
            ),
        }
    }
}

/// Without the host driver nothing of it is of use, and its tables are large.
const LEFT_OUT: &str =
    "wpantund's keys are for --tun, which was left out of this program: build it with its default features";

/// What `key` with `value` means. Keys are the same in upper and lower case, as in wpantund.
///
/// # Errors
/// [`Refused`], where it means nothing, or something that we are not.
pub fn meaning(key: &str, value: &str) -> Result<Meaning, Refused> {
    if cfg!(not(feature = "host")) {
        return Ok(Meaning::Ignored(LEFT_OUT));
    }
    let key = newer(key).unwrap_or(key);
    let found = KEYS
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(key));
    let Some((_, rule)) = found else {
        return property(key, value);
    };
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
        Rule::Set(name) => {
            let value = match name.parse() {
                Ok(property) => set_value(property, value)?,
                Err(_) => value.to_owned(),
            };
            Meaning::Setting("set", format!("{name}={value}"))
        }
        Rule::Device => Meaning::Setting("device", device(value)?),
        Rule::Baud => Meaning::Baud(value.to_owned()),
        Rule::Check => Meaning::Setting("firmware-check", check_command(value)),
        Rule::Mask => Meaning::Setting("verbose", verbosity(value).to_owned()),
        Rule::Driver if value.eq_ignore_ascii_case("spinel") => Meaning::Given,
        Rule::Driver => return Err(Refused::Driver),
        Rule::Only(wanted, _) if toggle()? == wanted => Meaning::Given,
        Rule::Only(_, advice) | Rule::Never(advice) => Meaning::Ignored(advice),
    })
}

/// Whether `key`, which has no colon, is one of wpantund's older names.
pub fn is_older(key: &str) -> bool {
    newer(key).is_some()
}

/// What is called otherwise today.
fn newer(key: &str) -> Option<&'static str> {
    if cfg!(not(feature = "host")) {
        return None;
    }
    let found = OLDER
        .iter()
        .find(|(older, _)| older.eq_ignore_ascii_case(key));
    found.map(|(_, newer)| *newer)
}

/// A key that is the name of a property, whose value wpantund sets at its start.
fn property(key: &str, value: &str) -> Result<Meaning, Refused> {
    let property = match names::lookup(key) {
        Ok(names::Named::Property(property)) => property,
        Ok(names::Named::Status(_)) => {
            return Ok(Meaning::Ignored("it can only be read: spinelctl getprop"))
        }
        Err(_) => {
            // Settings are known by their whole names.
            let why = names::why_not(key).filter(|why| *why != names::SETTING);
            let why = why.ok_or(Refused::UnknownKey)?;
            return Ok(Meaning::Ignored(why));
        }
    };
    let Some(info) = property.info() else {
        return Err(Refused::UnknownKey);
    };
    if NETWORK.contains(&property) {
        return Ok(Meaning::Ignored(
            "it belongs to a network, which is kept: spinelctl form or join makes one",
        ));
    }
    let is_scalar = matches!(
        info.signature.as_str(),
        "b" | "C" | "c" | "S" | "L" | "X" | "E" | "U"
    );
    if !info.access.contains(Access::SET) {
        return Ok(Meaning::Ignored("it can only be read: spinelctl getprop"));
    }
    if !is_scalar || !LASTING.contains(&property) {
        return Ok(Meaning::Ignored(
            "it is nothing to be set at each start: spinelctl setprop or its verb does it",
        ));
    }
    if value.is_empty() {
        return Ok(Meaning::Given);
    }
    Ok(Meaning::Setting(
        "set",
        format!("{}={}", info.name, set_value(property, value)?),
    ))
}

/// A value as `set` takes it: a switch may be written in more ways in wpantund.
fn set_value(property: Property, value: &str) -> Result<String, Refused> {
    let is_switch = property
        .info()
        .is_some_and(|info| info.signature.as_str() == "b");
    if !is_switch {
        return Ok(value.to_owned());
    }
    let Toggle(on) = value.parse().map_err(Refused::NotAChoice)?;
    Ok(on.to_string())
}

/// The key that is spelled most like `key`; none for what is too long to be a key.
pub fn nearest(key: &str) -> Option<&'static str> {
    if cfg!(not(feature = "host")) {
        return None;
    }
    let known = KEYS.iter().map(|(known, _)| *known);
    let (far, known) = crate::nearest::nearest(key, known.chain(names::names()))?;
    // More than a letter of four is no slip.
    (far <= known.len() / 4).then_some(known)
}

/// `Config:NCP:SocketPath` as wpantund takes it: `system:COMMAND`, `system-forkpty:COMMAND`,
/// `system-socketpair:COMMAND`, `serial:PATH,raw,b115200`, `file:PATH`, `tcp:ADDRESS:PORT`, or without any of
/// these in front a number (a port of this host), `ADDRESS:PORT`, or a path.
fn device(value: &str) -> Result<String, Refused> {
    let after = |prefix: &str| {
        let front = value.get(..prefix.len())?;
        let same = front.eq_ignore_ascii_case(prefix);
        same.then(|| &value[prefix.len()..])
    };
    let commands = ["system:", "system-forkpty:", "system-socketpair:"];
    if let Some(command) = commands.into_iter().find_map(after) {
        let command = match command.split_once(',') {
            // wpantund cuts them off; a command may have a comma here.
            Some((front, options)) if options.split(',').all(is_option) => front,
            _ => command,
        };
        return Ok(format!("system:{command}"));
    }
    if after("fd:").is_some() {
        return Err(Refused::Descriptor);
    }
    let (path, options) = value.split_once(',').unwrap_or((value, ""));
    let name = path.rsplit('/').next().unwrap_or(path);
    // Ours, which wpantund has not.
    if name.starts_with("spidev") || path.starts_with("sim:") {
        return Ok(path.to_owned());
    }
    let port = ["serial:", "file:"].into_iter().find_map(after);
    let is_address = after("tcp:").is_some() || path.starts_with('[') || !path.contains('/');
    if port.is_none() && is_address {
        return Ok(format!("tcp:{}", address(after("tcp:").unwrap_or(path))));
    }
    let path = port.map_or(path, |port| port.split(',').next().unwrap_or(port));
    let mut device = format!("serial:{path}");
    if let Some(speed) = options.split(',').find_map(speed) {
        device = format!("{device}:{speed}");
    }
    // As wpantund has it: the word alone, or with a number.
    let is_on = |option: &str| matches!(option, "crtscts" | "crtscts=1" | "rtscts" | "rtscts=1");
    if options.split(',').any(is_on) {
        device.push_str(":rtscts");
    }
    Ok(device)
}

/// A port of this host, or an address with or without one.
fn address(text: &str) -> String {
    let is_number = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
    let has_port = match text.strip_prefix('[') {
        Some(rest) => rest.contains("]:"),
        None => text.contains(':'),
    };
    match (is_number, has_port) {
        (true, _) => format!("[::1]:{text}"),
        (_, true) => text.to_owned(),
        (_, false) => format!("{text}:{PORT}"),
    }
}

/// `b115200` as its digits.
fn speed(option: &str) -> Option<&str> {
    let digits = option.strip_prefix(['b', 'B'])?;
    (!digits.is_empty() && digits.bytes().all(|octet| octet.is_ascii_digit())).then_some(digits)
}

/// Whether it is one of wpantund's options of a socket.
fn is_option(word: &str) -> bool {
    let name = word.split('=').next().unwrap_or(word);
    let known = [
        "default", "raw", "clocal", "ixoff", "ixon", "ixany", "crtscts", "rtscts",
    ];
    known.contains(&name) || speed(word).is_some()
}

/// wpantund's, where none is written.
const PORT: u16 = 4951;

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

/// What its keys were called once.
static OLDER: &[(&str, &str)] = &[
    ("Dataset", "Dataset:AllFields"),
    ("NCPSocketName", "Config:NCP:SocketPath"),
    ("NCPSocketBaud", "Config:NCP:SocketBaud"),
    ("NCPDriverName", "Config:NCP:DriverName"),
    ("NCPHardResetPath", "Config:NCP:HardResetPath"),
    ("NCPPowerPath", "Config:NCP:PowerPath"),
    ("NCPReliabilityLayer", "Config:NCP:ReliabilityLayer"),
    ("WPANInterfaceName", "Config:TUN:InterfaceName"),
    ("PIDFile", "Config:Daemon:PIDFile"),
    ("PrivDropToUser", "Config:Daemon:PrivDropToUser"),
    ("FirmwareCheckCommand", "Config:NCP:FirmwareCheckCommand"),
    (
        "FirmwareUpgradeCommand",
        "Config:NCP:FirmwareUpgradeCommand",
    ),
    ("TerminateOnFault", "Daemon:TerminateOnFault"),
    ("Enabled", "Daemon:Enabled"),
    ("AutoResume", "Daemon:AutoAssociateAfterReset"),
    ("AutoUpdateFirmware", "Daemon:AutoFirmwareUpdate"),
    ("AutoDeepSleep", "Daemon:AutoDeepSleep"),
    ("SyslogMask", "Daemon:SyslogMask"),
    ("SleepPollInterval", "NCP:SleepyPollInterval"),
    ("TXPower", "NCP:TXPower"),
    ("CCAThreshold", "NCP:CCAThreshold"),
    ("Channel", "NCP:Channel"),
    ("DefaultChannelMask", "NCP:ChannelMask"),
    ("HWAddr", "NCP:HardwareAddress"),
    ("NCPVersion", "NCP:Version"),
    ("NetworkName", "Network:Name"),
    ("NetworkKey", "Network:Key"),
    ("NetworkKeyIndex", "Network:KeyIndex"),
    ("NodeType", "Network:NodeType"),
    ("XPANID", "Network:XPANID"),
    ("PANID", "Network:PANID"),
    ("MeshLocalPrefix", "IPv6:MeshLocalPrefix"),
    (
        "UseDeepSleepOnLowPower",
        "com.nestlabs.internal:Hack:UseDeepSleepOnLowPower",
    ),
    (
        "AlwaysResetToWake",
        "com.nestlabs.internal:Hack:AlwaysResetToWake",
    ),
    ("PassthruPort", "com.nestlabs.internal:Network:PassthruPort"),
];

/// What makes a network.
const NETWORK: &[Property] = &[
    Property::PHY_CHAN,
    Property::NET_NETWORK_NAME,
    Property::NET_XPANID,
    Property::MAC_15_4_PANID,
    Property::NET_NETWORK_KEY,
    Property::NET_KEY_SEQUENCE_COUNTER,
    Property::NET_PSKC,
    Property::NET_ROLE,
    Property::NET_PARTITION_ID,
    Property::IPV6_ML_PREFIX,
    Property::NET_IF_UP,
    Property::THREAD_ACTIVE_DATASET,
    Property::THREAD_PENDING_DATASET,
];

/// What stays as it was set, and is lost with a reset of the co-processor.
const LASTING: &[Property] = &[
    Property::CHANNEL_MANAGER_AUTO_SELECT_ENABLED,
    Property::CHANNEL_MANAGER_AUTO_SELECT_INTERVAL,
    Property::CHANNEL_MANAGER_DELAY,
    Property::MAC_ALLOWLIST_ENABLED,
    Property::MAC_DENYLIST_ENABLED,
    Property::RADIO_COEX_ENABLE,
    Property::SLAAC_ENABLED,
    Property::TIME_SYNC_PERIOD,
    Property::TIME_SYNC_XTAL_THRESHOLD,
    Property::THREAD_CSL_CHANNEL,
    Property::THREAD_CSL_PERIOD,
    Property::THREAD_CSL_TIMEOUT,
    Property::THREAD_STEERING_DATA,
    Property::THREAD_BACKBONE_ROUTER_LOCAL_REGISTRATION_JITTER,
    Property::DEBUG_LOG_TIMESTAMP_BASE,
];

#[cfg(test)]
mod tests;
