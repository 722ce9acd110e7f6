//! The configuration file together with the command line: who wins, what is told with its line, and the
//! example that is installed.

use spinel_bridge::cli::{help, parse_with, Command, SETTINGS};
use spinel_bridge::config::{
    Account, Config, ControlSocket, Device, Face, Host, LogTarget, Retain, Verbosity,
};
use spinel_bridge::settings_file;
use spinel_bridge::wire::ids::Property;
use std::collections::BTreeSet;
use std::io;
use std::path::Path;

const EXAMPLE: &str = include_str!("../init/examples/spinel-bridge.conf");

fn run(line: &str, file: &str) -> Result<Command, String> {
    let read = |path: &Path| match path.to_str() {
        Some(SETTINGS | "/x.conf") => Ok(file.to_owned()),
        _ => Err(io::ErrorKind::NotFound.into()),
    };
    parse_with(line.split_whitespace(), &read).map_err(|usage| usage.to_string())
}

#[track_caller]
fn config(line: &str, file: &str) -> Config {
    match run(line, file) {
        Ok(Command::Run(config)) => *config,
        other => panic!("{line}: {other:?}"),
    }
}

#[track_caller]
fn error(line: &str, file: &str) -> String {
    match run(line, file) {
        Err(error) => error,
        Ok(command) => panic!("{line}: {command:?}"),
    }
}

fn tun(name: &str) -> Face {
    Face::Tun {
        name: Some(name.to_owned()),
    }
}

#[test]
fn the_file_is_read_with_tun_or_without_a_device_or_when_it_is_named() {
    let file = "spi-mode = 3\ndevice = sim:seed=7\n";
    assert_eq!(config("--tun wpan0 sim:", file).spi.mode, 3);
    assert_eq!(config("--stdio", file).spi.mode, 3);
    assert_eq!(config("", file).device.to_string(), "sim:seed=7");
    assert_eq!(config("--stdio --config /x.conf sim:", file).spi.mode, 3);
    // A command line that is complete in itself keeps its meaning.
    assert_eq!(config("--stdio sim:", file).spi.mode, 0);
    assert_eq!(config("-vv /dev/spidev0.0", file).spi.mode, 0);
    assert_eq!(config("--tun --config none sim:", file).spi.mode, 0);
    assert!(run("--help", "malformed").is_ok());
    assert_eq!(
        error("--config /y.conf", file),
        "cannot read the configuration file /y.conf: entity not found; see --config"
    );
    assert_eq!(error("--config -x sim:", file), "--config -x: not a path");
    // Nothing is missed if there is no such file.
    let missing = |_: &Path| Err(io::ErrorKind::NotFound.into());
    assert!(parse_with(["--tun", "sim:"], &missing).is_ok());
    let denied = |_: &Path| Err(io::ErrorKind::PermissionDenied.into());
    assert!(parse_with(["--tun", "sim:"], &denied).is_err());
}

#[test]
fn the_command_line_wins() {
    let file = "tun = wpan7\nspi-mode = 3\nverbose = 2\nno-slaac = yes\nno-reset\nuser = nobody\n\
                device = /dev/spidev1.0\nset = PHY_TX_POWER=1\nset = PHY_CHAN=11\nretain = /a\n";
    let plain = config("", file);
    assert_eq!(plain.face, tun("wpan7"));
    assert_eq!(plain.verbosity, Verbosity::Frames);
    assert!(!plain.host.slaac && !plain.reset_at_start_and_exit);
    assert_eq!(plain.warnings, [""; 0]);

    let line = "--tun wpan0 --spi-mode 1 -v --no-slaac=no --no-reset=no --user daemon:daemon \
                --set PHY_TX_POWER=2 --retain-command true sim:";
    let config = config(line, file);
    assert_eq!(config.face, tun("wpan0"));
    assert_eq!(config.spi.mode, 1);
    assert_eq!(config.verbosity, Verbosity::Headers);
    assert!(config.host.slaac && config.reset_at_start_and_exit);
    let user = Account {
        user: "daemon".into(),
        group: Some("daemon".into()),
    };
    assert_eq!(config.host.user, Some(user));
    assert_eq!(config.device.to_string(), "sim:");
    let set = [
        (Property::PHY_CHAN, vec![11]),
        (Property::PHY_TX_POWER, vec![2]),
    ];
    assert_eq!(config.host.set, set);
    assert_eq!(config.host.retain, Some(Retain::Command("true".into())));
}

#[test]
fn another_face_on_the_command_line_leaves_the_host_driver_of_the_file_out() {
    let file = "tun = wpan0\nuser = nobody\nspi-mode = 2\ndevice = /dev/spidev0.0\n";
    let config = config("--stdio", file);
    assert_eq!((config.face, config.spi.mode), (Face::Stdio, 2));
    assert_eq!(config.host, Host::default());
    assert_eq!(
        config.warnings,
        ["/etc/spinel-bridge.conf:2: user is ignored: it needs tun"]
    );
}

#[test]
fn what_is_wrong_is_told_with_its_line() {
    for (file, message) in [
        ("\n\nspi-mode = 9\n", ":3: --spi-mode 9: out of range 0..=3"),
        ("tun = a/b", ":1: --tun a/b: not a name of an interface"),
        ("spi-mode", ":1: --spi-mode needs a value"),
        (
            "no-slaac = perhaps",
            ":1: --no-slaac perhaps: write yes or no",
        ),
        ("stdio = perhaps", ":1: --stdio perhaps: write yes or no"),
        ("device = /dev/ttyACM0", ":1: /dev/ttyACM0: a serial port"),
        ("device", ":1: device: needs a value"),
        (
            "device = sim:\ndevice = sim:echo",
            ":2: two devices, sim: and sim:echo",
        ),
        (
            "set = PHY_TX_POWR=1",
            ":1: --set PHY_TX_POWR=1: no such property; perhaps PHY_TX_POWER",
        ),
        ("user = \"a", ":1: a quote does not end"),
        ("--tun", ":1: write the key without dashes"),
        ("help", ":1: help: only for the command line"),
        ("config = /y.conf", ":1: config: only for the command line"),
        (
            "Config:NCP:DriverName dummy",
            ":1: Config:NCP:DriverName dummy: only spinel is known",
        ),
        (
            "Config:NCP:SocketPath \"/dev/ttyACM0\"\nConfig:NCP:SocketBaud 7",
            ":2: serial:/dev/ttyACM0:7: not a speed",
        ),
    ] {
        let error = error("--tun sim:", file);
        let expected = format!("{SETTINGS}{message}");
        assert!(error.starts_with(&expected), "{file}: {error}");
    }
    let long = "#".repeat(settings_file::LEN_MAX + 1);
    assert!(error("--tun sim:", &long).starts_with("/etc/spinel-bridge.conf: longer than 65536"));
    assert!(error("", "tun = wpan0").starts_with("no device"));
    assert!(
        error("", "stdio\ntun = a\ndevice = sim:").starts_with("--tun does not go with --stdio")
    );
}

/// What is found in the files of wpantund's users, as wpantund reads it.
#[test]
fn wpantund_s_ways_are_taken() {
    let device = |file: &str| config("--config /x.conf", file);
    let open = device("Config:NCP:SocketPath \"system:/usr/sbin/adapter --stdio /dev/null\n");
    assert_eq!(
        open.device.to_string(),
        "system:/usr/sbin/adapter --stdio /dev/null"
    );
    let twice =
        device("Config:NCP:SocketPath \"/dev/ttyA\"\nConfig:NCP:SocketPath \"/dev/ttyB\"\n");
    assert_eq!(twice.device.to_string(), "serial:/dev/ttyB:115200");
    assert!(
        twice.warnings[0].contains("/dev/ttyA before it does not count"),
        "{:?}",
        twice.warnings
    );
    for line in [
        "Config:NCP:SocketPath \"serial:/dev/ttyA,raw,b460800,crtscts=1\"\n",
        "Config:NCP:SocketPath \"serial:/dev/ttyA,crtscts\"\nConfig:NCP:SocketBaud 460800\n",
    ] {
        let flow = device(line);
        assert_eq!(flow.device.to_string(), "serial:/dev/ttyA:460800:rtscts");
    }
    // Ours are read as strictly as before.
    let twice = "tun = wpan0\ndevice = serial:/dev/ttyA\ndevice = serial:/dev/ttyB\n";
    assert!(error("--config /x.conf", twice).contains("two devices"));
    assert!(error("--config /x.conf", "device = \"sim:\n").contains("quote does not end"));
}

/// What was warned of is often why it does not start.
#[test]
fn warnings_are_told_with_the_error_that_follows_from_them() {
    let read = |_: &Path| Ok("devise = sim:\ntun = wpan0\n".to_owned());
    let usage = parse_with(["--config", "/x.conf", "--mtu", "9"], &read).unwrap_err();
    assert!(usage.to_string().starts_with("no device"), "{usage}");
    let warnings = usage.warnings();
    assert!(
        warnings[0].contains("devise") && warnings[0].contains("perhaps device"),
        "{warnings:?}"
    );
    // Also where the file itself has the error, and of the command line.
    let read = |_: &Path| Ok("devise = sim:\nspi-mode = 7\n".to_owned());
    let usage = parse_with(["--config", "/x.conf", "sim:"], &read).unwrap_err();
    assert!(usage.to_string().contains("spi-mode"), "{usage}");
    assert_eq!(usage.warnings().len(), 1);
    let read = |_: &Path| Err(io::ErrorKind::NotFound.into());
    let usage = parse_with(
        ["--log", "none", "--log", "stderr", "--verbose=x", "sim:"],
        &read,
    );
    assert_eq!(usage.unwrap_err().warnings().len(), 1);
}

#[test]
fn unknown_keys_are_warned_of_with_the_nearest() {
    let file = "gpio-itn = GPIO25\nxyzzy = 1\nConfig:NCP:SocketPaht /dev/ttyACM0\n";
    assert_eq!(
        config("--tun sim:", file).warnings,
        [
            "/etc/spinel-bridge.conf:1: gpio-itn is ignored: no such key; perhaps gpio-int is meant",
            "/etc/spinel-bridge.conf:2: xyzzy is ignored: no such key",
            "/etc/spinel-bridge.conf:3: Config:NCP:SocketPaht is ignored: no such key; perhaps \
             Config:NCP:SocketPath is meant",
        ]
    );
    // What is too long for a key is compared with none, and shown in part.
    for long in ["k".repeat(60_000), "Config:".repeat(8_000)] {
        let warnings = config("--tun sim:", &long).warnings;
        let expected = format!(
            "/etc/spinel-bridge.conf:1: {} is ignored: no such key",
            &long[..64]
        );
        assert_eq!(warnings, [expected]);
    }
}

/// The file that wpantund ships, with its comments off where that is possible at the same time.
#[test]
fn a_wpantund_conf_makes_a_host_driver() {
    let file = r#"
#Config:NCP:SocketPath "/dev/tty.usbmodem1234"
Config:NCP:SocketPath "serial:/dev/ttyO1,raw,crtscts=1"
Config:NCP:SocketBaud 230400
Config:NCP:DriverName spinel
Config:NCP:ReliabilityLayer libsoot
NCP:TXPower 0
NCP:CCAThreshold -70
Config:NCP:HardResetPath "/sys/class/gpio/gpio49/value"
Config:NCP:PowerPath "/sys/class/gpio/gpio11/value"
Daemon:SyslogMask "all -info -debug"
Config:Daemon:PrivDropToUser "nobody"
Config:Daemon:Chroot "/var/empty"
Daemon:AutoFirmwareUpdate true
Config:NCP:FirmwareCheckCommand "test 'MyFunStack/1.0' !="
Config:NCP:FirmwareUpgradeCommand "/usr/local/sbin/zb-loader /dev/ttyO1"
"#;
    let config = config("--config /x.conf", file);
    assert_eq!(config.face, Face::Tun { name: None });
    assert_eq!(config.device.to_string(), "serial:/dev/ttyO1:230400:rtscts");
    let host = config.host;
    let set = [
        (Property::PHY_TX_POWER, vec![0]),
        (Property::PHY_CCA_THRESHOLD, vec![186]),
    ];
    assert_eq!(host.set, set);
    assert_eq!(
        host.user.map(|user| user.to_string()).as_deref(),
        Some("nobody")
    );
    assert_eq!(host.chroot.as_deref(), Some(Path::new("/var/empty")));
    assert!(host.firmware.auto_upgrade);
    // Theirs is run with the version as an argument, ours reads it.
    let check = host.firmware.check.unwrap();
    for (version, required) in [("MyFunStack/1.0", false), ("MyFunStack/0.9", true)] {
        let command = format!("echo {version} | {{ {check}; }}");
        let status = std::process::Command::new("sh")
            .args(["-c", &command])
            .status();
        assert_eq!(status.unwrap().success(), required, "{version}");
    }
    let lines: Vec<&str> = config
        .warnings
        .iter()
        .map(|w| w.split(": ").next().unwrap())
        .collect();
    assert_eq!(
        lines,
        ["/x.conf:6", "/x.conf:9", "/x.conf:10"],
        "{:?}",
        config.warnings
    );
}

/// Every option is in the example that is installed, with the default that the help text names.
#[test]
fn the_example_has_every_option_and_every_line_of_it_is_good() {
    let lines = EXAMPLE.lines().filter_map(|line| line.strip_prefix('#'));
    let settings: Vec<&str> = lines
        .filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()))
        .collect();
    assert_eq!(settings_file::parse(EXAMPLE), Ok(vec![]));
    for setting in &settings {
        let face = if setting.starts_with("device") {
            "--tun"
        } else {
            "--tun sim:"
        };
        let known = ["pty", "stdio", "raw", "mtu"];
        let line = if known.iter().any(|key| setting.starts_with(key)) {
            "sim:"
        } else {
            face
        };
        let config = config(&format!("{line} --config /x.conf"), setting);
        let usual = [
            "--mtu is ignored: it needs --raw",
            "--gpio-int is ignored: sim: has its own lines",
            "--gpio-res is ignored: sim: has its own lines",
            "--tap-size has no effect without --tap",
        ];
        let news = config
            .warnings
            .iter()
            .filter(|w| !usual.contains(&w.as_str()));
        assert_eq!(news.count(), 0, "{setting}: {:?}", config.warnings);
    }

    let keys: BTreeSet<String> = settings
        .iter()
        .map(|line| settings_file::parse(line).unwrap().remove(0).key)
        .collect();
    let options: BTreeSet<String> = help()
        .split(|c: char| c.is_whitespace() || ",[;=:".contains(c))
        .filter_map(|word| word.strip_prefix("--"))
        .filter(|name| !["", "help", "version", "check", "config", "gpio-reset"].contains(name))
        .map(str::to_owned)
        .chain(["device".to_owned()])
        .collect();
    assert_eq!(keys, options);
}

/// What is written as a default is one: together those lines change nothing.
#[test]
fn the_defaults_of_the_example_are_the_defaults() {
    let examples = [
        "#device",
        "#gpio",
        "#tun",
        "#pty",
        "#control =",
        "#control-group",
        "#user",
        "#chroot",
        "#set",
        "#retain",
        "#firmware",
        "#spi-small-packet",
        "#tap",
    ];
    let defaults: String = EXAMPLE
        .lines()
        .filter(|line| !examples.iter().any(|example| line.starts_with(example)))
        .filter_map(|line| line.strip_prefix('#'))
        .filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()))
        .map(|line| format!("{line}\n"))
        .collect();
    let with = config("--tun --config /x.conf sim:", &defaults);
    let without = config("--tun --config none sim:", "");
    assert_eq!(with, without);
    assert_eq!(with.log, LogTarget::Auto);
}

#[test]
fn options_of_the_host_driver() {
    let host = |line: &str| config(&format!("--tun {line} sim:"), "").host;
    let with = |change: fn(&mut Host)| {
        let mut host = Host::default();
        change(&mut host);
        host
    };
    for (line, expected) in [
        ("", with(|_| {})),
        (
            "--control /run/x.sock",
            with(|h| h.control.socket = ControlSocket::At("/run/x.sock".into())),
        ),
        (
            "--control=none",
            with(|h| h.control.socket = ControlSocket::None),
        ),
        (
            "--control-group netdev",
            with(|h| h.control.group = Some("netdev".into())),
        ),
        ("--control-raw", with(|h| h.control.raw = true)),
        ("--control-raw=no", with(|_| {})),
        (
            "--chroot /var/empty",
            with(|h| h.chroot = Some("/var/empty".into())),
        ),
        ("--auto-resume=no", with(|h| h.auto_resume = false)),
        ("--auto-resume", with(|_| {})),
        (
            "--firmware-check true",
            with(|h| h.firmware.check = Some("true".into())),
        ),
        (
            "--firmware-upgrade true",
            with(|h| h.firmware.upgrade = Some("true".into())),
        ),
        (
            "--retain /var/lib/x",
            with(|h| h.retain = Some(Retain::File("/var/lib/x".into()))),
        ),
        (
            "--retain-command keep",
            with(|h| h.retain = Some(Retain::Command("keep".into()))),
        ),
        (
            "--commissioning-port 1000",
            with(|h| h.commissioning_port = 1_000),
        ),
        ("--iid 3", with(|h| h.iid = 3)),
        ("--no-slaac", with(|h| h.slaac = false)),
        ("--publish-prefixes", with(|h| h.publish_prefixes = true)),
        ("--skip-link-local", with(|h| h.skip_link_local = true)),
        ("--show-rloc", with(|h| h.show_rloc = true)),
        ("--no-routes", with(|h| h.routes = false)),
    ] {
        assert_eq!(host(line), expected, "{line}");
    }
    let twice = config(
        "--tun --set 37=1 --set PHY_CHAN=12 --set PHY_TX_POWER=-1 sim:",
        "",
    );
    let set = [
        (Property::PHY_CHAN, vec![12]),
        (Property::PHY_TX_POWER, vec![255]),
    ];
    assert_eq!(twice.host.set, set);
    assert_eq!(
        twice.warnings,
        ["--set PHY_TX_POWER: given more than once, the last counts"]
    );
}

#[test]
fn the_name_of_the_interface() {
    for (line, name, device) in [
        ("--tun wpan0 sim:", Some("wpan0"), "sim:"),
        ("--tun=wpan0 sim:", Some("wpan0"), "sim:"),
        ("sim: --tun wpan0", Some("wpan0"), "sim:"),
        ("sim: --tun", None, "sim:"),
        ("--tun sim:", None, "sim:"),
        ("--tun /dev/spidev0.0", None, "/dev/spidev0.0"),
        ("--tun -v /dev/spidev0.0", None, "/dev/spidev0.0"),
        ("--tun -- /dev/spidev0.0", None, "/dev/spidev0.0"),
        (
            "--tun serial:/dev/ttyACM0",
            None,
            "serial:/dev/ttyACM0:115200",
        ),
        (
            "--tun wpan0 tcp:[::1]:9000",
            Some("wpan0"),
            "tcp:[::1]:9000",
        ),
        ("--tun system:ot-ncp-ftd", None, "system:ot-ncp-ftd"),
    ] {
        let config = config(&format!("--config none {line}"), "");
        let name = name.map(str::to_owned);
        assert_eq!(config.face, Face::Tun { name }, "{line}");
        assert_eq!(config.device.to_string(), device, "{line}");
    }
}

#[test]
fn messages_about_the_host_driver() {
    for (line, message) in [
        ("--tun --stdio sim:", "--tun does not go with --stdio: the host driver talks to the co-processor itself; remove one"),
        ("--pty-link /x --tun sim:", "--tun does not go with --pty-link: the host driver talks to the co-processor itself; remove one"),
        ("--user nobody sim:", "--user is for the host driver; add --tun"),
        ("--stdio --no-routes sim:", "--no-routes is for the host driver; add --tun"),
        ("--tun=a:b sim:", "--tun a:b: not a name of an interface; write 1 to 15 octets without space, slash, colon and percent, like wpan0"),
        ("--tun --user a:b:c sim:", "--user a:b:c: write a user, like nobody, or a user and a group, like nobody:netdev"),
        ("--tun --control-group a:b sim:", "--control-group a:b: write a group by its name or number, like netdev"),
        ("--tun --control -v sim:", "--control -v: not a path"),
        ("--tun --iid 4 sim:", "--iid 4: out of range 0..=3"),
        ("--tun --commissioning-port 0 sim:", "--commissioning-port 0: out of range 1..=65535"),
        ("--tun --auto-resume=maybe sim:", "--auto-resume maybe: write yes or no"),
        ("--tun --firmware-check= sim:", "--firmware-check : no command; write one for /bin/sh"),
        ("--tun --set PHY_CHAN sim:", "--set PHY_CHAN: write a property and its value, like PHY_TX_POWER=8"),
        ("--tun --retain /a --retain-command b sim:", "--retain does not go with --retain-command: keep the credentials in one place"),
        ("--tun serial:/dev/ttyACM0:7", "serial:/dev/ttyACM0:7: not a speed of serial ports; write one of 9600 19200"),
        ("--tun tcp:host:9000", "tcp:host:9000: not an address with a port"),
        ("--auto-resum sim:", "unknown option --auto-resum; perhaps --auto-resume is meant; try --help"),
    ] {
        let error = error(line, "");
        assert!(error.starts_with(message), "{line}: {error}");
    }
    let ignored = config("--tun --auto-upgrade sim:", "").warnings;
    assert_eq!(
        ignored,
        ["--auto-upgrade is ignored: it needs --firmware-upgrade"]
    );
    assert!(matches!(config("--tun sim:", "").device, Device::Sim(_)));
}

/// Every name that wpantund has for a setting or a property (`wpantund-names.txt`) is known as a key: it is
/// taken, or one line says why not. Nobody is told that perhaps another one is meant.
#[test]
fn every_name_of_wpantund_s_is_known_as_a_key() {
    let names = include_str!("wpantund-names.txt");
    assert!(names.lines().count() >= 252);
    let (mut taken, mut ignored) = (0, 0);
    for name in names.lines() {
        let value = match name {
            "Config:NCP:DriverName" => "spinel",
            "Config:NCP:SocketPath" => "/dev/ttyA",
            "Config:NCP:SocketBaud" => "115200",
            "Config:Daemon:Chroot" => "/tmp",
            "Config:Daemon:PrivDropToUser" => "nobody",
            "Config:TUN:InterfaceName" => "wpan1",
            "OpenThread:SteeringData:Address" => "0011223344556677",
            _ => "1",
        };
        let config = config(
            "--tun=wpan0 --config /x.conf sim:",
            &format!("{name} {value}\n"),
        );
        let about: Vec<&String> = config
            .warnings
            .iter()
            .filter(|warning| warning.contains(name))
            .collect();
        match about[..] {
            [] => taken += 1,
            [warning] => {
                ignored += 1;
                let why = warning.split("is ignored: ").nth(1).unwrap_or_default();
                assert!(why.len() > 20, "{name}: {warning}");
                assert!(!warning.contains("no such key"), "{name}: {warning}");
                assert!(!warning.contains("perhaps"), "{name}: {warning}");
            }
            _ => panic!("{name}: {about:?}"),
        }
    }
    assert!(taken > 40 && ignored > 150, "{taken} {ignored}");
}

/// What is spelled wrong is no name, and what is near is told.
#[test]
fn a_key_of_wpantund_s_that_is_spelled_wrong_is_told() {
    for (line, near) in [
        (
            "Config:NCP:SocketPaht /dev/ttyA",
            Some("Config:NCP:SocketPath"),
        ),
        (
            "Daemon:AutoAsociateAfterReset 1",
            Some("Daemon:AutoAssociateAfterReset"),
        ),
        ("Something:Else 1", None),
    ] {
        let config = config("--tun=wpan0 --config /x.conf sim:", line);
        let warning = &config.warnings[0];
        assert!(warning.contains("no such key"), "{warning}");
        match near {
            Some(near) => assert!(warning.contains(&format!("perhaps {near} is")), "{warning}"),
            None => assert!(!warning.contains("perhaps"), "{warning}"),
        }
    }
}
