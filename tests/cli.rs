//! The command line: every spelling that users have in their configuration files, every message that
//! they get for a wrong one, and no panic on anything.

use core::time::Duration;
use proptest::prelude::*;
use spinel_bridge::cli::{help, normalise, parse, Command};
use spinel_bridge::config::{
    Bias, Config, Device, Face, GpioLine, GpioWire, LogTarget, Spi, Verbosity,
};
use spinel_bridge::link::CrcMode;
use spinel_bridge::sim::spec::{Kind, Rate, Spec};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

const DEVICE: &str = "/dev/spidev0.0";

/// Splits like a shell would, as long as nothing is quoted.
fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

#[track_caller]
fn config(line: &str) -> Config {
    match parse(words(line)) {
        Ok(Command::Run(config)) => *config,
        other => panic!("{line}: {other:?}"),
    }
}

#[track_caller]
fn error(line: &str) -> String {
    match parse(words(line)) {
        Err(usage) => usage.to_string(),
        Ok(command) => panic!("{line}: {command:?}"),
    }
}

/// What a command line that names [`DEVICE`] and `change`s something must give.
fn expected(change: impl FnOnce(&mut Config)) -> Config {
    let mut config = Config::new(Device::Spi(PathBuf::from(DEVICE)));
    change(&mut config);
    config
}

fn offset(chip: &str, offset: u32) -> Option<GpioWire> {
    Some(GpioWire::from(GpioLine::Offset {
        chip: chip.to_owned(),
        offset,
    }))
}

fn raw(mtu: usize) -> Face {
    Face::Raw { mtu }
}

#[test]
fn the_defaults() {
    let config = config(DEVICE);
    assert_eq!(config, expected(|_| {}));
    assert_eq!(config.face, Face::Pty { link: None });
    assert_eq!(
        config.spi,
        Spi {
            speed_hz: 1_000_000,
            mode: 0,
            cs_delay: Duration::from_micros(20),
            gap: Duration::ZERO,
            align_allowance: 0,
            small_packet: None,
            crc: CrcMode::Auto,
        }
    );
    assert_eq!((config.interrupt, config.reset), (None, None));
    assert!(config.reset_at_start_and_exit);
    assert_eq!(config.reset_pulse, Duration::from_millis(20));
    assert_eq!(config.reset_settle, Duration::ZERO);
    assert_eq!(config.poll_period, Duration::from_millis(33));
    assert_eq!(config.log, LogTarget::Auto);
    assert_eq!(config.verbosity, Verbosity::Info);
}

/// Each option alone, in every spelling that getopt_long would take.
#[test]
fn every_option_in_every_spelling() {
    let millis = Duration::from_millis;
    let micros = Duration::from_micros;
    type Change = Box<dyn Fn(&mut Config)>;
    let table: Vec<(&[&str], Change)> = vec![
        (&["--stdio"], Box::new(|c| c.face = Face::Stdio)),
        (&["--pty"], Box::new(|c| c.face = Face::Pty { link: None })),
        (
            &["--raw", "--raw --stdio", "--stdio --raw"],
            Box::new(|c| c.face = raw(2043)),
        ),
        (
            &["--raw --mtu=1280", "--mtu 1280 --raw", "--raw --mtu 0x500"],
            Box::new(|c| c.face = raw(1280)),
        ),
        (
            &[
                "--pty-link=/run/ncp",
                "--pty-link /run/ncp",
                "--pty --pty-link /run/ncp",
            ],
            Box::new(|c| {
                c.face = Face::Pty {
                    link: Some(PathBuf::from("/run/ncp")),
                }
            }),
        ),
        (
            &[
                "-i gpiochip0:25",
                "-igpiochip0:25",
                "-i=gpiochip0:25",
                "--gpio-int gpiochip0:25",
                "--gpio-int=gpiochip0:25",
            ],
            Box::new(|c| c.interrupt = offset("gpiochip0", 25)),
        ),
        (
            &["-i /dev/gpiochip0:25"],
            Box::new(|c| c.interrupt = offset("/dev/gpiochip0", 25)),
        ),
        (
            &["-i pinctrl-bcm2711:25"],
            Box::new(|c| c.interrupt = offset("pinctrl-bcm2711", 25)),
        ),
        (
            &[
                "-i GPIO25:pull-up:debounce=50",
                "-i GPIO25:debounce=50:pull-up",
            ],
            Box::new(|c| {
                c.interrupt = Some(GpioWire {
                    line: GpioLine::Name("GPIO25".into()),
                    bias: Some(Bias::PullUp),
                    debounce_us: 50,
                });
            }),
        ),
        (
            &["-i GPIO25", "-iGPIO25"],
            Box::new(|c| c.interrupt = Some(GpioLine::Name("GPIO25".into()).into())),
        ),
        (
            &[
                "-r gpiochip0:24",
                "-rgpiochip0:24",
                "--gpio-res=gpiochip0:24",
                "--gpio-res gpiochip0:24",
                "--gpio-reset=gpiochip0:24",
                "--gpio-reset gpiochip0:24",
            ],
            Box::new(|c| c.reset = offset("gpiochip0", 24)),
        ),
        (
            &["--spi-mode=3", "--spi-mode 3", "--spi-mode 03"],
            Box::new(|c| c.spi.mode = 3),
        ),
        (
            &[
                "--spi-speed=8000000",
                "--spi-speed 8000000",
                "--spi-speed 8M",
                "--spi-speed 8MHz",
                "--spi-speed=8000k",
            ],
            Box::new(|c| c.spi.speed_hz = 8_000_000),
        ),
        (
            &[
                "--spi-speed=500k",
                "--spi-speed 500kHz",
                "--spi-speed 0.5M",
                "--spi-speed 500000hz",
            ],
            Box::new(|c| c.spi.speed_hz = 500_000),
        ),
        (
            &["--spi-cs-delay=0", "--spi-cs-delay 0"],
            Box::new(|c| c.spi.cs_delay = Duration::ZERO),
        ),
        (
            &["--spi-cs-delay=65535"],
            Box::new(move |c| c.spi.cs_delay = micros(65_535)),
        ),
        (
            &["--spi-reset-delay=500", "--spi-reset-delay 500"],
            Box::new(move |c| c.reset_settle = millis(500)),
        ),
        (
            &["--spi-reset-pulse=30", "--spi-reset-pulse 30"],
            Box::new(move |c| c.reset_pulse = millis(30)),
        ),
        (
            &["--spi-align-allowance=7", "--spi-align-allowance 7"],
            Box::new(|c| c.spi.align_allowance = 7),
        ),
        (
            &["--spi-small-packet=64", "--spi-small-packet 64"],
            Box::new(|c| c.spi.small_packet = Some(64)),
        ),
        (
            &["--spi-crc=auto", "--spi-crc auto"],
            Box::new(|c| c.spi.crc = CrcMode::Auto),
        ),
        (&["--spi-crc=on"], Box::new(|c| c.spi.crc = CrcMode::On)),
        (&["--spi-crc off"], Box::new(|c| c.spi.crc = CrcMode::Off)),
        (
            &["--spi-gap=100", "--spi-gap 100"],
            Box::new(move |c| c.spi.gap = micros(100)),
        ),
        (
            &["--poll-ms=5", "--poll-ms 5"],
            Box::new(move |c| c.poll_period = millis(5)),
        ),
        (
            &["--no-reset"],
            Box::new(|c| c.reset_at_start_and_exit = false),
        ),
        (&["--log auto"], Box::new(|c| c.log = LogTarget::Auto)),
        (&["--log=stderr"], Box::new(|c| c.log = LogTarget::Stderr)),
        (
            &["--log=syslog", "--log syslog"],
            Box::new(|c| c.log = LogTarget::Syslog),
        ),
        (&["--log none"], Box::new(|c| c.log = LogTarget::None)),
        (
            &["--log=file:/tmp/a=b:c", "--log file:/tmp/a=b:c"],
            Box::new(|c| c.log = LogTarget::File("/tmp/a=b:c".into())),
        ),
        (
            &["-v", "--verbose", "--verbose=1", "--verbose=+1"],
            Box::new(|c| c.verbosity = Verbosity::Headers),
        ),
        (
            &[
                "-vv",
                "-v -v",
                "--verbose=2",
                "--verbose --verbose",
                "-v --verbose=1",
            ],
            Box::new(|c| c.verbosity = Verbosity::Frames),
        ),
        (
            &["-vvv", "-vvvvvvvv", "--verbose=9"],
            Box::new(|c| c.verbosity = Verbosity::Hex),
        ),
        (
            &["--verbose=-1", "--verbose=-2 -v"],
            Box::new(|c| c.verbosity = Verbosity::Warnings),
        ),
        (
            &["--verbose=-2", "--verbose=-9"],
            Box::new(|c| c.verbosity = Verbosity::Errors),
        ),
        (
            &["-vi gpiochip0:25", "-vigpiochip0:25"],
            Box::new(|c| {
                c.verbosity = Verbosity::Headers;
                c.interrupt = offset("gpiochip0", 25);
            }),
        ),
    ];
    for (spellings, change) in table {
        for spelling in spellings {
            let expected = expected(&change);
            assert_eq!(
                config(&format!("{spelling} {DEVICE}")),
                expected,
                "{spelling} before"
            );
            assert_eq!(
                config(&format!("{DEVICE} {spelling}")),
                expected,
                "{spelling} after"
            );
            assert_eq!(
                config(&format!("{spelling} -- {DEVICE}")),
                expected,
                "{spelling} --"
            );
        }
    }
}

/// Lines like those in the field, with the GPIO spelling changed.
#[test]
fn command_lines_of_spi_hdlc_adapter() {
    let line = "--stdio -i gpiochip0:25 -r gpiochip0:24 --spi-mode=0 --spi-speed=1000000 --spi-cs-delay=20 \
                --spi-reset-delay=200 --spi-align-allowance=16 --spi-small-packet=32 -v /dev/spidev0.0";
    let expected = expected(|c| {
        c.face = Face::Stdio;
        c.interrupt = offset("gpiochip0", 25);
        c.reset = offset("gpiochip0", 24);
        c.reset_settle = Duration::from_millis(200);
        c.spi.align_allowance = 16;
        c.spi.small_packet = Some(32);
        c.verbosity = Verbosity::Headers;
    });
    assert_eq!(config(line), expected);
}

#[test]
fn a_value_may_hold_spaces_and_begin_with_a_dash() {
    let args = ["--gpio-int", "RING OSC", "--verbose=-1", DEVICE];
    let Ok(Command::Run(config)) = parse(args) else {
        panic!()
    };
    assert_eq!(
        config.interrupt,
        Some(GpioLine::Name("RING OSC".into()).into())
    );
}

#[test]
fn devices() {
    for path in [
        DEVICE,
        "/dev/spidev32766.1",
        "/dev/thread-ncp",
        "./spidev0.0",
        "/dev/../dev/spidev1.0",
    ] {
        assert_eq!(config(path).device, Device::Spi(PathBuf::from(path)));
    }
    assert_eq!(config("sim:").device, Device::Sim(Spec::default()));
    let spec = Spec {
        crc: true,
        void: Rate { ppm: 10_000 },
        ..Spec::default()
    };
    assert_eq!(config("sim:crc:void=1%").device, Device::Sim(spec.clone()));
    assert_eq!(Device::Sim(spec).to_string(), "sim:crc:void=1%");
    assert_eq!(config(DEVICE).device.to_string(), DEVICE);
}

#[test]
fn warnings_for_what_is_harmless() {
    let table: &[(&str, &[&str])] = &[
        ("--raw --mtu=100", &[]),
        ("--raw --stdio", &[]),
        ("--mtu=100", &["--mtu is ignored: it needs --raw"]),
        (
            "--spi-mode=1 --spi-mode=0",
            &["--spi-mode is given 2 times, 0 counts"],
        ),
        ("-v -v --stdio --stdio", &[]),
    ];
    for (line, warnings) in table {
        assert_eq!(
            config(&format!("{line} {DEVICE}")).warnings,
            *warnings,
            "{line}"
        );
    }
    let config = config("-i gpiochip0:25 -r GPIO24 sim:");
    assert_eq!((config.interrupt, config.reset), (None, None));
    assert_eq!(
        config.warnings,
        [
            "--gpio-int is ignored: sim: has its own lines",
            "--gpio-res is ignored: sim: has its own lines"
        ]
    );
}

#[test]
fn messages() {
    let table = [
        // Options.
        ("--spi-spede=1M", "unknown option --spi-spede; perhaps --spi-speed is meant; try --help"),
        ("--spi-sp 1M", "unknown option --spi-sp; perhaps --spi-speed is meant; try --help"),
        ("--xyzzy", "unknown option --xyzzy; try --help"),
        ("--r=gpiochip0:24", "unknown option --r; try --help"),
        ("-x", "unknown option -x; try --help"),
        ("-vx", "unknown option -x; try --help"),
        ("-v2", "unknown option -2; write -vv or --verbose=2; try --help"),
        ("-stdio", "unknown option -s; write --stdio with two dashes; try --help"),
        ("-spi-speed=1M", "unknown option -s; write --spi-speed with two dashes; try --help"),
        (
            "--spi-cs=/sys/class/gpio/gpio8",
            "unknown option --spi-cs; the SPI controller drives chip select; the Y of /dev/spidevX.Y \
             names it; try --help",
        ),
        ("--gpio-int-line=25", "unknown option --gpio-int-line; write --gpio-int gpiochip0:25; try --help"),
        ("--stdio=1", "--stdio takes no value"),
        ("--help=1", "--help takes no value"),
        // Numbers.
        ("--spi-mode=7", "--spi-mode 7: out of range 0..=3"),
        ("--spi-mode=-1", "--spi-mode -1: out of range 0..=3"),
        ("--spi-mode=x", "--spi-mode x: not a number; write 0..=3"),
        ("--spi-mode=", "--spi-mode : not a number; write 0..=3"),
        ("--spi-speed=999", "--spi-speed 999: out of range 1000..=100000000 Hz"),
        ("--spi-speed=100.1M", "--spi-speed 100.1M: out of range 1000..=100000000 Hz"),
        ("--spi-speed=99999999999999999999999999M", "--spi-speed 99999999999999999999999999M: out of range 1000..=100000000 Hz"),
        ("--spi-speed=fast", "--spi-speed fast: not a number; write 1000..=100000000 Hz, or like 500k or 8M"),
        ("--spi-cs-delay=65536", "--spi-cs-delay 65536: out of range 0..=65535 µs"),
        ("--spi-gap=100001", "--spi-gap 100001: out of range 0..=100000 µs"),
        ("--spi-reset-delay=10001", "--spi-reset-delay 10001: out of range 0..=10000 ms"),
        ("--spi-reset-pulse=9", "--spi-reset-pulse 9: out of range 10..=1000 ms"),
        ("--spi-align-allowance=17", "--spi-align-allowance 17: out of range 0..=16 octets"),
        ("--spi-small-packet=2044", "--spi-small-packet 2044: out of range 0..=2043 octets"),
        ("--mtu=3", "--mtu 3: out of range 4..=2043 octets"),
        ("--mtu=2044 --raw", "--mtu 2044: out of range 4..=2043 octets"),
        ("--poll-ms=0", "--poll-ms 0: out of range 1..=10000 ms"),
        ("--verbose=10", "--verbose 10: out of range -9..=9"),
        ("--verbose=", "--verbose : not a number; write -9..=9"),
        // Words.
        ("--spi-crc=maybe", "--spi-crc maybe: write auto, on or off"),
        ("--log=file", "--log file: write auto, stderr, syslog, none or file:PATH"),
        ("--log=file:", "--log file:: write auto, stderr, syslog, none or file:PATH"),
        ("--pty-link=", "--pty-link : not a path"),
        ("--pty-link --stdio", "--pty-link --stdio: not a path"),
        // Lines.
        (
            "--gpio-int=/sys/class/gpio/gpio25",
            "--gpio-int /sys/class/gpio/gpio25: sysfs is not used; write gpiochip0:25 or the line's name \
             GPIO25; see gpioinfo",
        ),
        (
            "-r /sys/class/gpio/gpio536/",
            "--gpio-res /sys/class/gpio/gpio536/: sysfs is not used; write gpiochip0:24 or the line's name \
             GPIO24; see gpioinfo",
        ),
        (
            "-i /sys/class/gpio/int",
            "--gpio-int /sys/class/gpio/int: sysfs is not used; write gpiochip0:25 or the line's name \
             GPIO25; see gpioinfo",
        ),
        ("-i gpiochip0,25", "--gpio-int gpiochip0,25: write gpiochip0:25, with a colon"),
        (
            "-i GPIO25:pullup",
            "--gpio-int GPIO25:pullup: what is \"pullup\"? after the line go :pull-up, :pull-down or \
             :bias-disabled, and :debounce=N with 1..=30000 µs, each once",
        ),
        (
            "-i GPIO25:debounce=0",
            "--gpio-int GPIO25:debounce=0: what is \"debounce=0\"? after the line go :pull-up, :pull-down or \
             :bias-disabled, and :debounce=N with 1..=30000 µs, each once",
        ),
        (
            "-i GPIO25:debounce=30001",
            "--gpio-int GPIO25:debounce=30001: what is \"debounce=30001\"? after the line go :pull-up, :pull-down or \
             :bias-disabled, and :debounce=N with 1..=30000 µs, each once",
        ),
        (
            "-i GPIO25:pull-up:pull-down",
            "--gpio-int GPIO25:pull-up:pull-down: what is \"pull-up\"? after the line go :pull-up, :pull-down or \
             :bias-disabled, and :debounce=N with 1..=30000 µs, each once",
        ),
        (
            "-i gpiochip0:pull-up",
            "--gpio-int gpiochip0:pull-up: which line? write its number, like gpiochip0:25; see gpioinfo",
        ),
        ("-r GPIO24:debounce=5", "--gpio-res GPIO24:debounce=5: debounce is for INT, not for an output"),
        ("-i 25", "--gpio-int 25: which chip? write gpiochip0:25"),
        ("-i :25", "--gpio-int :25: which chip? write gpiochip0:25"),
        ("-i gpiochip0", "--gpio-int gpiochip0: which line? write its number, like gpiochip0:25; see gpioinfo"),
        ("-i gpiochip0:x", "--gpio-int gpiochip0:x: which line? write its number, like gpiochip0:25; see gpioinfo"),
        (
            "-i gpiochip0:4294967296",
            "--gpio-int gpiochip0:4294967296: which line? write its number, like gpiochip0:25; see gpioinfo",
        ),
        (
            "-i /dev/gpiochip4",
            "--gpio-int /dev/gpiochip4: which line? write its number, like /dev/gpiochip4:25; see gpioinfo",
        ),
        ("-i --stdio", "--gpio-int --stdio: no line; write gpiochip0:25 or the line's name GPIO25; see gpioinfo"),
        // Faces.
        (
            "--stdio --pty",
            "--stdio does not go with --pty: the one uses standard input and output, the other a pty",
        ),
        (
            "--stdio --pty-link=/run/ncp",
            "--stdio does not go with --pty-link: the one uses standard input and output, the other a pty",
        ),
        ("--raw --pty", "--raw does not go with --pty: the one uses standard input and output, the other a pty"),
        (
            "--raw --pty-link=/run/ncp",
            "--raw does not go with --pty-link: the one uses standard input and output, the other a pty",
        ),
        // Two devices.
        (
            "/dev/spidev0.1",
            "two devices, /dev/spidev0.1 and /dev/spidev0.0; one bridge serves one; start another for the other",
        ),
        (
            "--verbose 2",
            "2: not a device; write /dev/spidevX.Y, or sim: to simulate one",
        ),
    ];
    for (line, message) in table {
        assert_eq!(error(&format!("{line} {DEVICE}")), message, "{line}");
    }
}

#[test]
fn messages_about_the_device() {
    let table = [
        ("", "no device; write /dev/spidevX.Y, or sim: to simulate one; try --help"),
        ("--stdio", "no device; write /dev/spidevX.Y, or sim: to simulate one; try --help"),
        (
            "/dev/spidev",
            "/dev/spidev: which bus and chip select? write both numbers, like /dev/spidev0.0 (ls /dev/spidev*)",
        ),
        (
            "/dev/spidev0",
            "/dev/spidev0: which bus and chip select? write both numbers, like /dev/spidev0.0 (ls /dev/spidev*)",
        ),
        (
            "/dev/spidev0.x",
            "/dev/spidev0.x: which bus and chip select? write both numbers, like /dev/spidev0.0 (ls /dev/spidev*)",
        ),
        ("spidev0.0", "spidev0.0: not a path; write it with its folder, like /dev/spidev0.0"),
        ("/sys/class/spidev/spidev0.0", "/sys/class/spidev/spidev0.0: a sysfs path; write the device node, like /dev/spidev0.0"),
        (
            "/dev/ttyACM0",
            "/dev/ttyACM0: a serial port, not an SPI device; write serial: before it, or /dev/spidevX.Y here",
        ),
        (
            "/dev/serial/by-id/usb-x",
            "/dev/serial/by-id/usb-x: a serial port, not an SPI device; write serial: before it, or \
             /dev/spidevX.Y here",
        ),
        (
            "/dev/gpiochip0",
            "/dev/gpiochip0: a GPIO chip; lines go after --gpio-int and --gpio-res, the device is /dev/spidevX.Y",
        ),
        (
            "spinel+spi:///dev/spidev0.0?gpio-int-device=/dev/gpiochip0",
            "spinel+spi:///dev/spidev0.0?gpio-int-device=/dev/gpiochip0: a radio URL; write the device alone, \
             like /dev/spidev0.0",
        ),
        ("spi", "spi: not a device; write /dev/spidevX.Y, or sim: to simulate one"),
        ("-", "-: not a device; write /dev/spidevX.Y, or sim: to simulate one"),
        ("-- -x", "-x: not a device; write /dev/spidevX.Y, or sim: to simulate one"),
        ("sim", "sim: write sim: with the colon to simulate a co-processor"),
        (
            "sim:foo",
            "sim:foo: no key foo; known are ncp echo seed radio state major iid bootloader auto-init link-raw extras hurry addresses groups crc align busy buffer ring drain stale-room boot boot-low boot-int half-duplex no-int no-res dead-res \
             stuck-int dead miso-low loopback mode max-speed rearm rearm-spread void garbage late-header data-len flip flip-any refuse lose-edge late-int reset eio",
        ),
        ("sim:crc=1", "sim:crc=1: crc takes no value"),
        ("sim:busy", "sim:busy: busy needs a value; write a time up to 60s, like 3ms, 500us or 1s"),
        ("sim:void=101%", "sim:void=101%: void=101%: write a rate up to 100%, like 1%, 0.01 or 200ppm"),
        ("sim:align=17", "sim:align=17: align=17: write a number, 0..=16"),
        ("--spi-mode", "--spi-mode needs a value; try --help"),
        ("/dev/spidev0.0 -i", "--gpio-int needs a value; try --help"),
    ];
    for (line, message) in table {
        assert_eq!(error(line), message, "{line}");
    }
    let usage = parse([""]).unwrap_err();
    assert_eq!(
        usage.to_string(),
        ": the device is empty; write /dev/spidevX.Y, or sim: to simulate one"
    );
}

#[test]
fn arguments_that_are_no_text() {
    let args = [OsString::from_vec(b"/dev/\xFFspi".to_vec())];
    let message = parse(args).unwrap_err().to_string();
    assert_eq!(
        message,
        "/dev/\u{fffd}spi: not UTF-8 text in one line; write options and paths without other bytes"
    );
    let message = parse(["--log=file:a\nb"]).unwrap_err().to_string();
    assert!(
        message.starts_with("--log=file:a\u{fffd}b: not UTF-8 text"),
        "{message}"
    );
}

#[test]
fn check_takes_the_same_options() {
    let line = "--check -i GPIO25 --spi-mode=1 /dev/spidev0.0";
    let Ok(Command::Check(check)) = parse(words(line)) else {
        panic!("{line}");
    };
    assert_eq!(*check, config("-i GPIO25 --spi-mode=1 /dev/spidev0.0"));
    assert_eq!(error("--check=1 sim:"), "--check takes no value");
}

#[test]
fn help_and_version() {
    for line in [
        "-h",
        "-?",
        "--help",
        "--stdio -h",
        "-vh",
        "-h --bogus",
        "--help --stdio --pty",
        "--help -- x y",
    ] {
        assert_eq!(parse(words(line)), Ok(Command::Help(help())), "{line}");
    }
    let version = format!("spinel-bridge {}\n", env!("CARGO_PKG_VERSION"));
    for line in [
        "-V",
        "--version",
        "-vV",
        "--stdio --version --bogus",
        "-Vh",
        "--spi-mode=9 -V",
    ] {
        assert_eq!(
            parse(words(line)),
            Ok(Command::Version(version.clone())),
            "{line}"
        );
    }
    // The value of an option is not an option.
    assert_eq!(
        error("--pty-link --help /dev/spidev0.0"),
        "--pty-link --help: not a path"
    );
    // A word is not an option.
    assert!(error("help").starts_with("help: not a device"));
}

#[test]
fn the_help_text_fits_the_screen_and_teaches() {
    let text = help();
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line}");
        assert_eq!(line, line.trim_end(), "{line}");
    }
    for word in [
        "Usage: spinel-bridge [OPTIONS] DEVICE",
        "SIGUSR1",
        "SIGUSR2",
        "Exit codes:",
        "default 1000000",
    ] {
        assert!(text.contains(word), "{word}");
    }
}

/// What the examples show must work: each line that begins with our name is parsed.
#[test]
fn the_examples_of_the_help_text_parse() {
    let text = help().replace("\\\n", " ");
    let examples: Vec<&str> = text
        .lines()
        .filter_map(|line| {
            line.split_once("spinel-bridge ")
                .filter(|(before, _)| !before.contains("Usage"))
        })
        .filter(|(before, _)| before.trim().is_empty() || before.contains("system:"))
        .map(|(_, args)| args.trim_end_matches('"'))
        .filter(|args| !args.starts_with("connects"))
        .collect();
    assert_eq!(examples.len(), 6, "{examples:?}");
    for example in examples {
        let example = example.replace("--config /etc/spinel-bridge.conf", "--tun sim:");
        let example = example.as_str();
        assert_eq!(config(example).warnings, [""; 0], "{example}");
        assert!(!example.contains([',', '&']), "{example}");
    }
}

#[test]
fn simulated_co_processors() {
    let text = "echo:seed=0x2A:radio=/run/air:state=ncp.state:major=3:iid=2:bootloader:auto-init:link-raw:extras:hurry:addresses=6:groups=0:crc:align=7:busy=3:buffer=512:ring=1500:drain=20:stale-room:boot=1s:boot-low:boot-int:half-duplex:no-int:no-res:dead-res:stuck-int:\
                dead:miso-low:loopback:mode=3:max-speed=1.5M:rearm=200us:rearm-spread=1ms:void=1%:garbage=0.1%:late-header=2%:data-len=3%:flip=0.01:flip-any=200ppm:refuse=100%:lose-edge=0.0001%:late-int=500us:reset=1:\
                eio=0.5%";
    let rate = |ppm| Rate { ppm };
    let spec = Spec {
        kind: Kind::Echo,
        seed: 42,
        radio: Some("/run/air".into()),
        state: Some("ncp.state".into()),
        major: Some(3),
        iid: Some(2),
        bootloader: true,
        auto_init: true,
        link_raw: true,
        extras: true,
        hurry: true,
        addresses: Some(6),
        groups: Some(0),
        crc: true,
        align: 7,
        busy: Duration::from_millis(3),
        buffer: 512,
        ring: 1_500,
        drain: 20,
        stale_room: true,
        boot: Duration::from_secs(1),
        boot_low: true,
        boot_interrupt: true,
        half_duplex: true,
        no_interrupt: true,
        no_reset: true,
        dead_reset: true,
        stuck_interrupt: true,
        dead: true,
        miso_low: true,
        loopback: true,
        mode: Some(3),
        max_speed_hz: 1_500_000,
        rearm: Duration::from_micros(200),
        rearm_spread: Duration::from_millis(1),
        void: rate(10_000),
        garbage: rate(1_000),
        late_header: rate(20_000),
        data_len: rate(30_000),
        flip: rate(10_000),
        flip_any: rate(200),
        refuse: rate(1_000_000),
        lose_edge: rate(1),
        late_interrupt: Duration::from_micros(500),
        reset: rate(1_000_000),
        eio: rate(5_000),
    };
    assert_eq!(text.parse::<Spec>(), Ok(spec.clone()));
    assert_eq!(
        spec.to_string(),
        "echo:seed=42:radio=/run/air:state=ncp.state:major=3:iid=2:bootloader:auto-init:link-raw:extras:hurry:addresses=6:groups=0:crc:align=7:busy=3ms:buffer=512:ring=1500:drain=20:stale-room:boot=1000ms:boot-low:boot-int:half-duplex:no-int:no-res:dead-res:\
         stuck-int:dead:miso-low:loopback:mode=3:max-speed=1500000:rearm=200us:rearm-spread=1ms:void=1%:garbage=1000ppm:late-header=2%:data-len=3%:flip=1%:flip-any=200ppm:refuse=100%:lose-edge=1ppm:late-int=500us:reset=100%:eio=5000ppm"
    );
    assert_eq!(Spec::default().to_string(), "");
    assert_eq!(
        ":crc::".parse::<Spec>(),
        Ok(Spec {
            crc: true,
            ..Spec::default()
        })
    );
    assert_eq!(
        "echo:ncp:seed=1:seed=0".parse::<Spec>(),
        Ok(Spec::default())
    );
    for wrong in [
        "busy=61s",
        "busy=1h",
        "busy=0.1us",
        "void=1.1",
        "void=-1%",
        "void=1000001ppm",
        "void=0.00001%",
        "void=",
        "seed=-1",
        "align=x",
        "radio",
        "state=",
        "major=128",
        "mode=4",
        "max-speed=0",
        "max-speed=5G",
        "max-speed=4295M",
        "Crc",
    ] {
        assert!(wrong.parse::<Spec>().is_err(), "{wrong}");
    }
}

/// Words of a command line: known options, values that are nearly right, and noise.
fn word() -> impl Strategy<Value = String> {
    let options = help()
        .split(|c: char| c.is_whitespace() || ",;()".contains(c))
        .filter(|word| word.starts_with('-'))
        .map(str::to_owned)
        .collect::<Vec<_>>();
    let values: &'static [&'static str] = &[
        "",
        "-",
        "--",
        "=",
        "0",
        "-1",
        "0x",
        "1e9",
        "4M",
        "8MHz",
        "on",
        "file:x",
        "gpiochip0:25",
        "gpiochip0,25",
        "a:b:1",
        "GPIO25",
        "/sys/class/gpio/gpio999999999999",
        "/dev/spidev",
        DEVICE,
        "sim:",
        "sim:void=1%:crc",
        "sim:=",
        "sim:void==",
        "µs",
        "-µ",
        "--µ=µ",
        "340282366920938463463374607431768211456",
    ];
    let options = proptest::sample::select(options);
    let value = proptest::sample::select(values).prop_map(str::to_owned);
    prop_oneof![
        3 => options.clone(),
        3 => value.clone(),
        2 => (options, value).prop_map(|(option, value)| format!("{option}={value}")),
        1 => "\\PC{0,12}",
        1 => "[-]{0,2}[a-zµ]{0,8}[=:,]?.{0,6}",
    ]
}

const OPTIONAL_VALUE: &[&str] = &[
    "--verbose",
    "--tun",
    "--no-reset",
    "--ready-when-up",
    "--sandbox",
    "--control-raw",
    "--auto-resume",
    "--auto-upgrade",
    "--no-slaac",
    "--publish-prefixes",
    "--skip-link-local",
    "--show-rloc",
    "--no-routes",
];

const NUMBERS_AND_WORDS: &[&str] = &[
    "--mtu",
    "--pty-link",
    "--gpio-int",
    "--gpio-res",
    "--gpio-reset",
    "--spi-mode",
    "--spi-speed",
    "--spi-cs-delay",
    "--spi-reset-delay",
    "--spi-reset-pulse",
    "--spi-align-allowance",
    "--spi-small-packet",
    "--spi-crc",
    "--spi-gap",
    "--poll-ms",
    "--log",
    "--control",
    "--control-group",
    "--user",
    "--chroot",
    "--firmware-check",
    "--firmware-upgrade",
    "--retain",
    "--retain-command",
    "--set",
    "--commissioning-port",
    "--iid",
    "--config",
];

proptest! {
    #[test]
    fn no_command_line_makes_it_panic_and_every_message_is_one_line(line in proptest::collection::vec(word(), 0..8)) {
        match parse(line) {
            Ok(Command::Run(config)) => prop_assert!(config.warnings.iter().all(|w| !w.contains('\n'))),
            Ok(_) => {}
            Err(usage) => {
                let message = usage.to_string();
                prop_assert!(!message.is_empty());
                prop_assert!(!message.contains(char::is_control), "{:?}", message);
                prop_assert!(!matches!(usage, spinel_bridge::cli::Usage::Argh(_)), "{}", message);
            }
        }
    }

    #[test]
    fn arbitrary_bytes_do_not_make_it_panic(line in proptest::collection::vec(any::<Vec<u8>>(), 0..6)) {
        let _ = parse(line.into_iter().map(OsString::from_vec));
    }

    #[test]
    fn what_was_normalised_stays_as_it_is(line in proptest::collection::vec(word(), 0..8)) {
        // Not for options that may go without a value: it is in a word of its own afterwards, which
        // users may not write.
        let optional = |word: &String| OPTIONAL_VALUE.contains(&word.as_str());
        if let Ok(words) = normalise(&line) {
            if !words.iter().any(optional) {
                prop_assert_eq!(normalise(&words), Ok(words.clone()));
            }
        }
    }

    #[test]
    fn an_equals_sign_is_a_space(
        option in proptest::sample::select(NUMBERS_AND_WORDS),
        value in prop_oneof![word(), any::<u32>().prop_map(|n| n.to_string()), "\\PC*"],
    ) {
        prop_assume!(!value.contains(char::is_control));
        let joined = parse([format!("{option}={value}"), DEVICE.to_owned()]);
        let split = parse([option.to_owned(), value, DEVICE.to_owned()]);
        prop_assert_eq!(joined, split);
    }

    #[test]
    fn a_number_is_taken_exactly_in_its_range(n in any::<u32>()) {
        let parsed = parse([format!("--spi-cs-delay={n}"), DEVICE.to_owned()]);
        prop_assert_eq!(parsed.is_ok(), n <= 65_535);
        if let Ok(Command::Run(config)) = parsed {
            prop_assert_eq!(config.spi.cs_delay, Duration::from_micros(u64::from(n)));
        }
    }

    #[test]
    fn gpio_lines_round_trip(
        text in "[a-zA-Z0-9_:,/ -]{1,20}(:pull-up|:pull-down|:bias-disabled)?(:debounce=[0-9]{1,5})?",
    ) {
        if let Ok(line) = text.parse::<GpioWire>() {
            prop_assert_eq!(line.to_string().parse::<GpioWire>(), Ok(line));
        }
    }

    #[test]
    fn specs_round_trip(
        seed in any::<u64>(),
        flags in any::<[bool; 10]>(),
        more_flags in any::<[bool; 3]>(),
        align in 0usize..=16,
        sizes in proptest::array::uniform2(prop_oneof![Just(0usize), 64usize..=4096]),
        drain in 0usize..=100_000,
        mode in proptest::option::of(0u8..=3),
        max_speed_hz: u32,
        micros in proptest::array::uniform5(prop_oneof![0u64..=60_000_000, (0u64..=60_000).prop_map(|ms| ms * 1_000)]),
        ppm in proptest::array::uniform10(prop_oneof![0u32..=1_000_000, (0u32..=100).prop_map(|percent| percent * 10_000)]),
    ) {
        let [echo, crc, half_duplex, no_interrupt, no_reset, stuck_interrupt, dead, dead_reset, miso_low, loopback] = flags;
        let [stale_room, boot_low, boot_interrupt] = more_flags;
        let [buffer, ring] = sizes;
        let [busy, boot, late_interrupt, rearm, rearm_spread] = micros.map(Duration::from_micros);
        let [void, garbage, flip, flip_any, refuse, lose_edge, reset, eio, late_header, data_len] = ppm.map(|ppm| Rate { ppm });
        let kind = if echo { Kind::Echo } else { Kind::Ncp };
        let spec = Spec {
            radio: None,
            state: None,
            major: None,
            iid: None,
            bootloader: false,
            auto_init: false,
            link_raw: false,
            extras: false,
            hurry: false,
            addresses: None,
            groups: None,
            kind, seed, crc, align, busy, boot, half_duplex, no_interrupt, no_reset, stuck_interrupt, dead,
            dead_reset, miso_low, loopback, mode, max_speed_hz, rearm, void, garbage, flip, flip_any, refuse, lose_edge, late_interrupt, reset, eio,
            buffer, ring, drain, stale_room, boot_low, boot_interrupt, rearm_spread, late_header, data_len,
        };
        prop_assert_eq!(spec.to_string().parse::<Spec>(), Ok(spec.clone()));
        prop_assert!(!spec.to_string().contains([',', '&', ' ']));
    }
}

#[test]
fn the_node_id_that_spinel_cli_appends_is_ignored() {
    let Ok(Command::Run(config)) = parse(["--stdio", "sim:", "1"]) else {
        panic!("refused");
    };
    assert_eq!(config.warnings.len(), 1);
    assert!(parse(["--stdio", "sim:", "1", "2"]).is_err());
    assert!(parse(["--stdio", "1"]).is_err());
}
