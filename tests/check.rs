//! `--check`: each fault that a board can have, the finding and the remedy that are printed for it, and
//! the exit code. With the real program on the simulated co-processor, and with the library where the
//! fault is in the firmware.

use spinel_bridge::bus::Bus;
use spinel_bridge::check::board::Time;
use spinel_bridge::check::examine::examine;
use spinel_bridge::check::report::Report;
use spinel_bridge::config::{Config, Device};
use spinel_bridge::sim::slave::Slave;
use spinel_bridge::sim::spec::Spec;
use spinel_bridge::sim::{Firmware, ResetCause};
use spinel_bridge::time::{Duration, Instant};
use std::collections::VecDeque;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

const PASSED: i32 = 0;
const FAILED: i32 = 1;

/// Runs the program; returns its exit code and what it printed, with each run of white space as one
/// space, so that it does not matter where lines break.
fn check(args: &str) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_spinel-bridge"))
        .arg("--check")
        .args(args.split(' '))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{args}");
    (output.status.code().unwrap(), one_line(&output.stdout))
}

fn one_line(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn finds(args: &str, code: i32, parts: &[&str]) -> String {
    let (found, text) = check(args);
    has(args, &text, parts);
    assert_eq!(found, code, "{args}: {text}");
    text
}

#[track_caller]
fn has(name: &str, text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{name}: no {part:?} in: {text}");
    }
}

#[test]
fn nothing_is_wrong() {
    let text = finds(
        "sim:",
        PASSED,
        &[
            "ok RES pulsed for 20ms, and it came back",
            "ok INT active",
            "ok header after",
            "ok spacing 100 probes in a row, none missed",
            "ok clock no error in 100 headers each up to 16 MHz",
            "ok CRC the co-processor has none",
            "ok Spinel protocol version 4.3, started by RESET_EXTERNAL",
            "ok firmware SPINEL-BRIDGE-SIM/",
            "ok data 50 questions answered",
            "ok kind NCP with a Thread stack",
            "pass: 0 failed, 0 with a warning",
        ],
    );
    assert!(text.ends_with("use: spinel-bridge sim:"), "{text}");
    for usual in ["sim:crc", "sim:half-duplex:busy=2ms", "sim:boot=50ms"] {
        finds(usual, PASSED, &["pass: 0 failed, 0 with a warning"]);
    }
    finds(
        "--no-reset sim:",
        PASSED,
        &["ok RES left alone", "use: spinel-bridge --no-reset sim:"],
    );
}

#[test]
fn all_ff() {
    finds(
        "sim:dead",
        FAILED,
        &[
            "warn INT did not move",
            "FAIL header MISO is all FF",
            "-> measure: supply 3.3 V",
            "use: nothing yet",
        ],
    );
}

#[test]
fn all_00() {
    finds(
        "sim:miso-low",
        FAILED,
        &["FAIL header MISO is all 00", "-> MISO is short to ground"],
    );
}

#[test]
fn loopback() {
    finds(
        "sim:loopback",
        FAILED,
        &[
            "FAIL header MISO carries what we send on MOSI",
            "-> the two are connected",
        ],
    );
}

#[test]
fn garbage() {
    finds(
        "sim:garbage=100%",
        FAILED,
        &[
            "FAIL header garbage in every SPI mode",
            "-> check the ground wire",
        ],
    );
}

#[test]
fn headers_come_late() {
    finds(
        "sim:align=3",
        FAILED,
        &[
            "FAIL alignment headers come 3 octets late, allowed are 0 -> --spi-align-allowance 3",
            "ok kind NCP",
            "use: spinel-bridge --spi-align-allowance 3 sim:align=3",
        ],
    );
    finds(
        "--spi-align-allowance 7 sim:align=3",
        PASSED,
        &["ok alignment 3 octets"],
    );
}

#[test]
fn wrong_mode() {
    for (asked, mode) in [(0, 1), (0, 3), (2, 0)] {
        finds(
            &format!("--spi-mode {asked} sim:mode={mode}"),
            FAILED,
            &[
                &format!("FAIL mode headers come in SPI mode {mode}, not in mode {asked} -> --spi-mode {mode}"),
                "ok kind NCP",
            ],
        );
    }
    finds(
        "--spi-mode 3 sim:mode=3",
        PASSED,
        &["use: spinel-bridge --spi-mode 3 sim:mode=3"],
    );
}

#[test]
fn too_fast() {
    finds(
        "--spi-speed 8M sim:max-speed=3M",
        FAILED,
        &[
            "FAIL clock 100 of 100 headers are wrong at 4 MHz, none at 2 MHz -> --spi-speed 2000000",
            "ok kind NCP",
            "use: spinel-bridge --spi-speed 2000000 sim:",
        ],
    );
    finds(
        "sim:max-speed=3M",
        PASSED,
        &["ok clock no error up to 2 MHz; 100 of 100 headers are wrong at 4 MHz"],
    );
}

#[test]
fn noise() {
    for spec in ["sim:garbage=20%", "sim:flip-any=50%"] {
        finds(
            spec,
            FAILED,
            &[
                "FAIL clock",
                "headers are wrong at 500 kHz: noise",
                "shorten the wires",
            ],
        );
    }
}

#[test]
fn bits_flip_in_data() {
    finds(
        "sim:flip=30%",
        FAILED,
        &[
            "ok clock",
            "FAIL data",
            "answers changed",
            "-> a lower --spi-speed",
        ],
    );
    finds(
        "sim:crc:flip=20%",
        PASSED,
        &[
            "ok CRC the co-processor has it",
            "warn data",
            "CRC errors in 50 questions, all repaired",
        ],
    );
}

#[test]
fn crc_is_demanded() {
    finds(
        "--spi-crc on sim:",
        FAILED,
        &[
            "FAIL CRC demanded, and the co-processor has none -> --spi-crc auto",
            "use: spinel-bridge sim:",
        ],
    );
    finds(
        "--spi-crc off sim:crc",
        PASSED,
        &["warn CRC the co-processor has it, and it is switched off"],
    );
}

#[test]
fn too_soon_after_another() {
    finds(
        "sim:rearm=1ms",
        PASSED,
        &[
            "warn spacing",
            "probes in a row were missed, none when they are 1000 us apart -> --spi-gap 2000",
            "use: spinel-bridge --spi-gap 2000",
        ],
    );
}

#[test]
fn probes_are_missed() {
    finds(
        "sim:void=20%",
        PASSED,
        &["warn spacing", "however far apart", "-> a loose contact"],
    );
}

#[test]
fn driver_errors() {
    finds(
        "sim:eio=20%",
        FAILED,
        &[
            "FAIL driver",
            "of 100 transactions failed: Input/output error",
            "-> dmesg",
        ],
    );
    finds(
        "sim:eio=100%",
        FAILED,
        &[
            "FAIL driver Input/output error",
            "-> try --spi-cs-delay 0",
            "use: nothing yet",
        ],
    );
}

#[test]
fn restarts_by_itself() {
    let text = finds(
        "sim:reset=20%",
        FAILED,
        &[
            "FAIL restarts the co-processor restarted",
            "-> its supply sags",
        ],
    );
    assert!(text.contains("ok clock"), "{text}");
}

#[test]
fn res_reaches_nothing() {
    finds(
        "sim:dead-res",
        FAILED,
        &["FAIL RES the co-processor answers while RES is active (low) -> RES does not reach its reset pin"],
    );
}

#[test]
fn no_lines() {
    finds(
        "sim:no-int:no-res",
        PASSED,
        &[
            "warn RES no line",
            "-> name the line with --gpio-res",
            "warn INT no line: the bridge polls",
            "-> name the line with --gpio-int",
            "pass: 0 failed, 2 with a warning",
        ],
    );
}

#[test]
fn int_is_stuck() {
    finds(
        "sim:stuck-int",
        FAILED,
        &[
            "warn INT active (low) while RES holds the co-processor",
            "FAIL INT stuck: active (low)",
            "-> wrong line, short to ground or no pull-up",
        ],
    );
}

#[test]
fn int_does_not_move() {
    finds(
        "sim:late-int=60s",
        FAILED,
        &[
            "FAIL INT inactive (high), while the header says that a frame of 4 octets waits",
            "-> INT does not reach this line",
            "ok kind NCP",
        ],
    );
}

#[test]
fn int_without_edges() {
    finds(
        "sim:lose-edge=100%",
        PASSED,
        &[
            "warn INT its level moves, but the kernel reports no edge",
            "-> use a line with an interrupt",
        ],
    );
}

#[test]
fn slow_boot() {
    finds(
        "sim:boot=2100ms",
        PASSED,
        &[
            "warn header after 2",
            "a slow boot",
            "-> --spi-reset-delay 2",
            "ok kind NCP",
            "use: spinel-bridge --spi-reset-delay 2",
        ],
    );
}

#[test]
fn slow_to_answer() {
    let parts = [
        "FAIL data 3 questions: 3 without answer, 0 answers changed",
        "-> it is busy for more than 500ms",
    ];
    let text = finds("sim:busy=700ms", FAILED, &parts);
    assert!(!text.contains("bits flip"), "{text}");
}

#[test]
fn the_command_line_to_use_is_complete() {
    let parts = ["use: spinel-bridge --ready-when-up --sandbox sim:"];
    finds("--sandbox --ready-when-up sim:", PASSED, &parts);
    let parts = ["use: spinel-bridge --tun=wpan0 sim: with your other options of the host driver"];
    finds(
        "--config none --tun wpan0 --user nobody sim:",
        PASSED,
        &parts,
    );
}

#[test]
fn no_spinel() {
    finds(
        "sim:echo",
        FAILED,
        &[
            "FAIL Spinel our own frames come back",
            "-> load an NCP or RCP firmware",
        ],
    );
    finds(
        "sim:refuse=100%",
        FAILED,
        &[
            "FAIL Spinel the co-processor took no frame",
            "were refused (RECV_LEN 0)",
            "-> it is busy for ever",
        ],
    );
}

#[test]
fn a_device_that_is_not_there() {
    let text = finds(
        "-i gpiochip0:25 /dev/spidev99.7",
        FAILED,
        &[
            "ok user uid",
            "FAIL device /dev/spidev99.7: no such file",
            "use: nothing yet",
        ],
    );
    // What else is said depends on the machine; in this order on one without SPI and GPIO.
    if !std::path::Path::new("/sys/bus/spi").exists() {
        has(
            "no SPI",
            &text,
            &[
                "FAIL SPI the kernel has no SPI",
                "dtparam=spi=on",
                "CONFIG_SPI_SPIDEV",
            ],
        );
    }
    if !std::path::Path::new("/dev/gpiochip0").exists() {
        has(
            "no GPIO",
            &text,
            &["FAIL GPIO there is no /dev/gpiochip*", "CONFIG_GPIO_CDEV"],
        );
    }
}

#[test]
fn not_a_device() {
    finds(
        "/dev/null",
        FAILED,
        &["FAIL open /dev/null: this is not a spidev device"],
    );
}

#[test]
fn warnings_of_the_command_line_are_findings() {
    finds(
        "--mtu 100 sim:",
        PASSED,
        &["warn options --mtu is ignored", "1 with a warning"],
    );
}

#[test]
fn usage_errors_and_a_full_disk() {
    let run = |args: &[&str], out: Stdio| {
        Command::new(env!("CARGO_BIN_EXE_spinel-bridge"))
            .args(args)
            .stdout(out)
            .stderr(Stdio::null())
            .status()
            .unwrap()
            .code()
    };
    assert_eq!(run(&["--check"], Stdio::null()), Some(2));
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .unwrap();
    assert_eq!(run(&["--check", "sim:"], full.into()), Some(3));
}

/// Ctrl-C while RES may be active: it ends in order.
#[test]
fn a_signal_ends_it() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_spinel-bridge"))
        .args(["--check", "sim:dead"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().contains("checks sim:dead"));
    let pid = child.id().to_string();
    assert!(Command::new("kill")
        .args(["-TERM", &pid])
        .status()
        .unwrap()
        .success());
    assert_eq!(child.wait().unwrap().code(), Some(FAILED));
    let rest: Vec<String> = lines.map(Result::unwrap).collect();
    assert!(rest.concat().contains("ended by a signal"), "{rest:?}");
}

/// Virtual time.
struct Virtual(Instant);

impl Time for Virtual {
    fn now(&self) -> Instant {
        self.0
    }

    fn sleep(&mut self, duration: Duration) {
        self.0 = self.0 + duration;
    }

    fn is_over(&mut self) -> bool {
        false
    }
}

/// A firmware that answers to a few properties.
struct Fixed {
    values: Values,
    queue: VecDeque<Vec<u8>>,
}

impl Firmware for Fixed {
    fn reset(&mut self, _now: Instant, cause: ResetCause) {
        self.queue.clear();
        self.queue.push_back(vec![0x80, 0x06, 0x00, cause as u8]);
    }

    fn receive(&mut self, _now: Instant, frame: &[u8]) {
        let [header, 0x02, property] = *frame else {
            return;
        };
        if let Some((_, value)) = self.values.iter().find(|(key, _)| *key == property) {
            let mut answer = vec![header, 0x06, property];
            answer.extend_from_slice(value);
            self.queue.push_back(answer);
        }
    }

    fn transmit(&mut self, _now: Instant, buf: &mut [u8]) -> Option<usize> {
        let frame = self.queue.pop_front()?;
        buf[..frame.len()].copy_from_slice(&frame);
        Some(frame.len())
    }

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    fn is_ready(&self) -> bool {
        true
    }

    fn take_reset_request(&mut self) -> Option<ResetCause> {
        None
    }
}

/// Properties and their values.
type Values = &'static [(u8, &'static [u8])];

const NAME: (u8, &[u8]) = (2, b"FW/1\x1b[2J\0");

/// What the check prints about a co-processor with such a firmware, and whether it can be used.
fn examine_firmware(values: Values) -> (bool, String) {
    let mut time = Virtual(Instant::from_millis(1_000));
    let firmware = Fixed {
        values,
        queue: VecDeque::new(),
    };
    let bus: Box<dyn Bus> = Box::new(Slave::new(firmware, &Spec::default(), time.now()));
    let config = Config::new(Device::Sim(Spec::default()));
    let mut out = Vec::new();
    let mut report = Report::new(&mut out);
    let fit = examine(bus, usize::MAX, &config, &mut time, &mut report);
    assert_eq!(fit.is_some(), report.failures() == 0);
    (fit.is_some(), one_line(&out))
}

#[test]
fn kinds_of_firmware() {
    let table: &[(Values, bool, &str)] = &[
        (
            &[(1, &[4, 3]), NAME, (3, &[3]), (5, &[5, 32])],
            true,
            "ok kind NCP with a Thread stack",
        ),
        (
            &[(1, &[4, 3]), NAME, (3, &[3]), (5, &[5, 34, 0x81, 0x04])],
            true,
            "ok kind RCP, a radio without a stack: for otbr-agent",
        ),
        (
            &[(1, &[4, 3]), NAME, (3, &[3]), (5, &[5])],
            true,
            "warn kind neither NCP nor RCP",
        ),
        (
            &[(1, &[4, 3]), NAME, (3, &[0]), (5, &[])],
            false,
            "FAIL kind a boot loader",
        ),
        (
            &[(1, &[4, 3]), NAME, (3, &[2]), (5, &[])],
            false,
            "FAIL kind interface type 2, not Thread (3)",
        ),
        (
            &[(1, &[4, 3]), NAME],
            false,
            "FAIL kind it does not tell its interface type",
        ),
        (&[(1, &[3, 0])], false, "FAIL Spinel protocol version 3.0"),
        (&[], false, "FAIL Spinel no answer in 5 s"),
    ];
    for (values, usable, finding) in table {
        let (found, text) = examine_firmware(values);
        has("firmware", &text, &[finding]);
        assert_eq!(found, *usable, "{text}");
        assert!(!text.contains('\x1b'), "{text}");
    }
}

/// What is behind a stream, as a person would name it, and what to do.
#[track_caller]
fn finds_behind(device: &str, exit: i32, rows: &[&str]) {
    let output = Command::new(env!("CARGO_BIN_EXE_spinel-bridge"))
        .args(["--check", device])
        .stderr(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let joined = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(output.status.code(), Some(exit), "{device}: {text}");
    for row in rows {
        assert!(joined.contains(row), "{device}: no {row:?} in {text}");
    }
}

#[test]
fn what_a_command_speaks() {
    let bridge = env!("CARGO_BIN_EXE_spinel-bridge");
    let ncp = format!("system:{bridge} --log none --stdio sim:");
    finds_behind(
        &ncp,
        PASSED,
        &[
            "ok Spinel protocol version 4.3",
            "ok data 50 questions answered",
            "ok kind NCP with a Thread stack",
            "pass: 0 failed, 0 with a warning",
            "use: spinel-bridge --tun 'system:",
        ],
    );
    finds_behind(
        &format!("{ncp}iid=2"),
        FAILED,
        &[
            "FAIL interface it answers on interface id 2, not on 0 -> --iid 2",
            "ok kind NCP with a Thread stack",
            "fail: 1 failed, 0 with a warning use: spinel-bridge --tun --iid 2 'system:",
        ],
    );
    for (command, rows) in [
        (
            "cat",
            [
                "FAIL Spinel what is sent to it comes back: an echo",
                "-> remove that",
            ],
        ),
        (
            "while read -r line; do printf '> Error 35: InvalidCommand\\r\\n> '; done",
            [
                "FAIL Spinel it answers with text: a firmware with a command line",
                "-> load an NCP firmware",
            ],
        ),
        (
            "printf '\\032\\301\\002\\013\\012\\122~'; cat >/dev/null",
            [
                "FAIL Spinel it speaks ASH (EZSP), not Spinel",
                "-> load an NCP firmware for Thread",
            ],
        ),
        (
            "cat >/dev/null",
            [
                "FAIL Spinel the command says nothing",
                "-> it is to speak Spinel in HDLC",
            ],
        ),
        (
            "yes UUUUUUUUUUUU | head -c 400; cat >/dev/null",
            [
                "FAIL Spinel octets come, and no frame in them",
                "-> it is to speak Spinel",
            ],
        ),
        (
            "exit 3",
            [
                "FAIL device system:exit 3: exit status: 3",
                "use: nothing yet",
            ],
        ),
    ] {
        finds_behind(&format!("system:{command}"), FAILED, &rows);
    }
}

#[test]
fn what_cannot_be_opened() {
    finds_behind(
        "serial:/nonexistent/ttyX",
        FAILED,
        &[
            "FAIL device cannot open /nonexistent/ttyX",
            "is it plugged in?",
        ],
    );
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    finds_behind(
        &format!("tcp:{address}"),
        FAILED,
        &["FAIL device tcp:127.0.0.1", "Connection refused"],
    );
}

/// A port whose co-processor runs at another speed: octets come, none of them in a frame.
#[test]
fn the_speed_of_a_port_is_hunted_for() {
    use std::io::{Read, Write};
    let pty = nix::pty::openpty(None, None).unwrap();
    let name = nix::unistd::ttyname(&pty.slave).unwrap();
    let mut ncp = Command::new(env!("CARGO_BIN_EXE_spinel-bridge"));
    ncp.args(["--log", "none", "--stdio", "sim:"]);
    let mut ncp = ncp
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut to, mut from) = (ncp.stdin.take().unwrap(), ncp.stdout.take().unwrap());
    let mut master = std::fs::File::from(pty.master);
    let is_right = |master: &std::fs::File| {
        use nix::sys::termios::{tcgetattr, BaudRate, ControlFlags};
        let speed = tcgetattr(master).unwrap().control_flags & ControlFlags::CBAUD;
        speed.bits() == BaudRate::B460800 as u32
    };
    let mut answers = master.try_clone().unwrap();
    std::thread::spawn(move || {
        let mut octets = [0; 512];
        while let Ok(n @ 1..) = from.read(&mut octets) {
            if is_right(&answers) && answers.write_all(&octets[..n]).is_err() {
                break;
            }
        }
    });
    std::thread::spawn(move || {
        let mut octets = [0; 512];
        while let Ok(n @ 1..) = master.read(&mut octets) {
            let sent = match is_right(&master) {
                true => to.write_all(&octets[..n]),
                false => master.write_all(&[0xF3; 32]),
            };
            if sent.is_err() {
                break;
            }
        }
    });
    let port = name.display();
    finds_behind(
        &format!("serial:{port}"),
        FAILED,
        &[
            "FAIL speed it answers at 460800 bit/s, not at 115200",
            &format!("-> serial:{port}:460800"),
            "ok kind NCP with a Thread stack",
            &format!("use: spinel-bridge --tun serial:{port}:460800"),
        ],
    );
    finds_behind(
        &format!("serial:{port}:460800"),
        PASSED,
        &["ok device open at 460800 bit/s", "pass: 0 failed"],
    );
    let _ = ncp.kill();
    let _ = ncp.wait();
}
