//! `--check` on what OpenThread's firmware says on a stream, of each kind.

use crate::world::program;
use std::process::{Command, Stdio};

#[track_caller]
fn check(firmware: &str, code: i32, wanted: &[&str]) {
    let folder = crate::hosts::Folder::new();
    let output = Command::new(env!("CARGO_BIN_EXE_spinel-bridge"))
        .arg("--check")
        .arg(format!("system:exec {} 1", program(firmware)))
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(output.status.code(), Some(code), "{firmware}: {text}");
    for part in wanted {
        assert!(line.contains(part), "{firmware}: no {part:?} in {text}");
    }
}

#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn what_each_firmware_is() {
    check(
        "ot-ncp-ftd",
        0,
        &["ok firmware OPENTHREAD/", "ok kind NCP with a Thread stack"],
    );
    check("ot-rcp", 1, &["FAIL kind RCP, a radio without a stack"]);
    check(
        "ot-cli-ftd",
        1,
        &["FAIL Spinel it answers with text: a firmware with a command line"],
    );
}
