//! `--tap`: what passed is in the file, Wireshark's reader understands it, and keys are not in it.

mod needs;
mod process;

use nix::sys::signal::Signal;
use process::*;
use std::fs;
use std::os::unix::fs::{symlink, PermissionsExt};
use std::path::Path;
use std::process::{Command, Stdio};

/// What tshark prints of the capture: these fields, tab-separated, a frame in each line.
fn read(file: &Path, filter: &str, fields: &[&str]) -> Vec<String> {
    let program = Path::new(env!("CARGO_BIN_EXE_spinel-bridge"));
    let lua = Command::new(program.with_file_name("examples").join("wireshark"))
        .output()
        .expect("a test that runs alone needs cargo build --examples before");
    let script = file.with_extension("lua");
    fs::write(&script, lua.stdout).unwrap();
    let output = Command::new("tshark")
        .arg("-r")
        .arg(file)
        .arg("-X")
        .arg(format!("lua_script:{}", script.display()))
        .args(["-Y", filter, "-T", "fields"])
        .args(fields.iter().flat_map(|field| ["-e", field]))
        .env("HOME", file.parent().unwrap())
        .output()
        .expect("tshark: tests/setup.sh installs it");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    assert!(!errors.contains("Lua"), "{errors}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// Has the client say each of these frames and hear an answer to it, with the options, and ends it.
fn run(options: &str, frames: &[&[u8]]) {
    let mut command = command(&format!("--stdio {options}"));
    command.stderr(Stdio::null());
    let (program, mut client) = Program::on_pipes(command);
    client.expect_reset();
    for frame in frames {
        client.send(frame);
        // What it tells unasked has TID 0.
        let is_answer = |said: Said| match said {
            Said::Frame(answer) => answer[0] == frame[0],
            other => panic!("{other:?}"),
        };
        while !is_answer(client.next()) {}
    }
    program.end(Signal::SIGTERM);
}

const KEY: [u8; 16] = [0xAB; 16];

/// SET NET_NETWORK_KEY.
fn set_key() -> Vec<u8> {
    [&[0x82, 3, 70][..], &KEY].concat()
}

#[test]
fn frames_are_kept_both_ways_and_read_by_name() {
    if !needs::program("tshark") {
        return;
    }
    let scratch = Scratch::new();
    let file = scratch.path("tap.pcapng");
    let name = [0x83, 3, 68, b't', b'e', b's', b't', 0]; // SET NET_NETWORK_NAME
    run(
        &format!("--tap {} sim:", file.display()),
        &[&[0x81, 2, 1], &set_key(), &name, &[0x84, 2, 5]],
    );
    assert_eq!(
        fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let fields = [
        "frame.packet_flags_direction",
        "spinel.tid",
        "spinel.command",
        "spinel.property",
    ];
    let lines = read(&file, "spinel.tid > 0", &fields);
    let expected = [
        ("0x00000002", "1", "2", "1"), // what is the protocol's version?
        ("0x00000001", "1", "6", "1"),
        ("0x00000002", "2", "3", "70"),
        ("0x00000001", "2", "6", "70"),
        ("0x00000002", "3", "3", "68"),
        ("0x00000001", "3", "6", "68"),
        ("0x00000002", "4", "2", "5"),
        ("0x00000001", "4", "6", "5"),
    ];
    let expected = expected
        .map(|(way, tid, command, property)| format!("{way}\t{tid}\t{command}\t{property}"));
    assert_eq!(lines, expected);

    let shown = read(&file, "spinel", &["_ws.col.Info"]);
    assert_eq!(
        shown[0],
        "<- PROP_VALUE_IS LAST_STATUS = RESET_EXTERNAL (it was reset)"
    );
    assert!(shown.contains(&"-> PROP_VALUE_SET NET_NETWORK_NAME".to_owned()));
    assert_eq!(
        read(
            &file,
            "spinel.text == \"test\" && spinel.tid > 0",
            &["spinel.tid"]
        ),
        ["3", "3"]
    );
    let capabilities = read(&file, "spinel.capability", &["spinel.capability"]);
    assert!(
        capabilities[0].contains(",53,"),
        "NET_THREAD_1_1: {capabilities:?}"
    );
    assert_eq!(
        read(&file, "spinel.short || spinel.no_frame", &["spinel.tid"]),
        [""; 0]
    );
}

#[test]
fn keys_are_kept_only_where_that_was_asked_for() {
    if !needs::program("tshark") {
        return;
    }
    let scratch = Scratch::new();
    for (options, expected) in [("", false), ("--log-keys ", true)] {
        let file = scratch.path("keys.pcapng");
        run(
            &format!("{options}--tap {} sim:", file.display()),
            &[&set_key()],
        );
        let octets = fs::read(&file).unwrap();
        let found = octets.windows(16).any(|window| window == KEY);
        assert_eq!(found, expected, "{options}");
    }
}

/// As an RCP is spoken to: what goes on the air, and what comes from there, is told apart and decoded.
#[test]
fn frames_of_the_air_have_an_interface_of_their_own() {
    if !needs::program("tshark") {
        return;
    }
    let scratch = Scratch::new();
    let file = scratch.path("air.pcapng");
    let beacon_request = [3, 8, 0x2A, 0xFF, 0xFF, 0xFF, 0xFF, 7];
    let sent = [
        &[0x81, 3, 113, 10, 0][..],
        &beacon_request,
        &[0, 0, 15, 4, 4],
    ]
    .concat();
    let heard = [
        &[0x80, 6, 113, 10, 0][..],
        &beacon_request,
        &[0x1A, 0x60, 0xC4, 0x80, 0, 0],
    ]
    .concat();
    run(
        &format!("--tap {} sim:echo", file.display()),
        &[&sent, &heard],
    );
    let fields = [
        "frame.interface_name",
        "frame.packet_flags_direction",
        "wpan.cmd",
        "wpan-tap.ch_num",
        "wpan-tap.rss",
    ];
    let lines = read(&file, "wpan", &fields);
    assert_eq!(
        lines,
        [
            "sim:echo-air\t0x00000002\t0x07\t15\t",
            "sim:echo-air\t0x00000001\t0x07\t\t-60"
        ]
    );
}

#[test]
fn two_files_in_turn_are_the_most() {
    if !needs::program("tshark") {
        return;
    }
    let scratch = Scratch::new();
    let file = scratch.path("turn.pcapng");
    let frame = random_frame(1_200, 1);
    let frames = vec![frame.as_slice(); 1_100]; // each passes twice: some 2.7 MB
    run(
        &format!("--tap {} --tap-size 1 sim:echo", file.display()),
        &frames,
    );
    let second = scratch.path("turn.pcapng.1");
    for file in [&file, &second] {
        let length = fs::metadata(file).unwrap().len();
        assert!((100_000..=1 << 20).contains(&length), "{length}");
        let kept = read(file, "frame", &["frame.len"]);
        assert!(
            kept.len() > 80 && kept.iter().skip(1).all(|len| len == "1200"),
            "{}",
            kept.len()
        );
    }
}

#[test]
fn what_is_no_plain_file_is_refused() {
    let scratch = Scratch::new();
    let (link, target) = (scratch.path("link"), scratch.path("target"));
    fs::write(&target, "theirs").unwrap();
    symlink(&target, &link).unwrap();
    for path in [
        link.as_path(),
        Path::new("/dev/full"),
        Path::new("/nonexistent/tap"),
    ] {
        let options = format!("--stdio --tap {} sim:", path.display());
        let output = command(&options).stdin(Stdio::null()).output().unwrap();
        assert_eq!(output.status.code(), Some(3), "{output:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        let (first, _) = said.split_once('\n').unwrap();
        assert!(
            first.contains("--tap") && first.contains(path.to_str().unwrap()),
            "{said}"
        );
    }
    assert_eq!(fs::read_to_string(&target).unwrap(), "theirs");
}
