use super::*;

#[test]
fn keys() {
    let setting = |ours: &'static str, value: &str| Ok(Meaning::Setting(ours, value.to_owned()));
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
        ("file:/dev/ttyUSB0", "serial:/dev/ttyUSB0"),
        (
            "serial:/dev/ttyO1,raw,b115200,crtscts=1",
            "serial:/dev/ttyO1:115200:rtscts",
        ),
        ("SERIAL:/dev/ttyO1,b115200", "serial:/dev/ttyO1:115200"),
        ("serial:/dev/ttyO1,raw,crtscts=0", "serial:/dev/ttyO1"),
        ("127.0.0.1:4901", "tcp:127.0.0.1:4901"),
        ("tcp:127.0.0.1:4901", "tcp:127.0.0.1:4901"),
        ("127.0.0.1", "tcp:127.0.0.1:4951"),
        ("[fe80::1]:80", "tcp:[fe80::1]:80"),
        ("[::1]", "tcp:[::1]:4951"),
        ("4901", "tcp:[::1]:4901"),
        ("localhost:4901", "tcp:localhost:4901"),
        (
            "system:/usr/local/sbin/spi-server -p - -s /dev/spidev2.0",
            "system:/usr/local/sbin/spi-server -p - -s /dev/spidev2.0",
        ),
        ("system-forkpty:adapter --stdio", "system:adapter --stdio"),
        ("system-socketpair:adapter,raw,b115200", "system:adapter"),
        ("system:adapter a,b", "system:adapter a,b"),
        ("/dev/spidev0.0", "/dev/spidev0.0"),
        ("sim:seed=7", "sim:seed=7"),
    ] {
        let found = device(value).unwrap();
        assert_eq!(found, expected, "{value}");
        assert!(
            expected.parse::<crate::config::Device>().is_ok(),
            "{expected}"
        );
    }
    assert_eq!(device("fd:3"), Err(Refused::Descriptor));
}

/// Before 2014 its keys had other names, and it still knows them.
#[test]
fn older_names() {
    let setting = |ours: &'static str, value: &str| Ok(Meaning::Setting(ours, value.to_owned()));
    assert_eq!(
        meaning("NCPSocketName", "/dev/ttyA"),
        setting("device", "serial:/dev/ttyA")
    );
    assert_eq!(
        meaning("wpaninterfacename", "wpan1"),
        setting("tun", "wpan1")
    );
    assert_eq!(meaning("TXPower", "4"), setting("set", "PHY_TX_POWER=4"));
    for (older, newer) in OLDER {
        assert_ne!(meaning(newer, ""), Err(Refused::UnknownKey), "{older}");
    }
}

/// A switch of wpantund's may be written as a number or a word.
#[test]
fn switches_of_properties() {
    for value in ["1", "true", "yes"] {
        assert_eq!(
            meaning("Thread:RouterRole:Enabled", value),
            Ok(Meaning::Setting(
                "set",
                "THREAD_ROUTER_ROLE_ENABLED=true".into()
            ))
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
