//! OpenThread's command line through the host driver, on a firmware that offers it over Spinel.

use crate::hosts::wait;
use crate::world::World;
use std::io::Write;
use std::process::Stdio;

fn started() -> World {
    let mut world = World::new();
    let device = world.system("ot-ncp-ftd-cli", 1);
    world.host.start_bridge(&[&device]);
    world.host.wait_for_state("offline");
    world
}

#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn commands_of_openthread_are_answered() {
    let world = started();
    let host = &world.host;
    assert_eq!(host.ctl("cli state"), "disabled\n");
    assert!(host.ctl("cli version").starts_with("OPENTHREAD/"));
    // Too much for the firmware's buffer: what it left out is said to be lost.
    let help = host.try_ctl("cli help");
    let lines = String::from_utf8_lossy(&help.stdout).lines().count();
    assert!(lines > 50, "{help:?}");
    assert!(
        help.status.success() || String::from_utf8_lossy(&help.stderr).contains("no room"),
        "{help:?}"
    );
    let (code, message) = host.refused("cli channel 99");
    assert!(
        code == 1 && message.contains("Error 7: InvalidArgs"),
        "{code} {message}"
    );
    let (_, message) = host.refused("cli nonsense");
    assert!(message.contains("Error 35: InvalidCommand"), "{message}");
    // A network that is made there is known here, with nothing told unasked but the role.
    for command in [
        "dataset init new",
        "dataset networkname there",
        "dataset commit active",
    ] {
        assert_eq!(host.ctl(&format!("cli {command}")), "", "{command}");
    }
    let status = host.status().expect("a status");
    assert_eq!(status["state"], "offline:commissioned", "{status}");
    assert_eq!(status["network_name"], "there", "{status}");
    host.ctl("attach");
    wait("the role", || {
        (host.ctl("cli state") == "leader\n").then_some(())
    });
    // One that takes a while, and ends with an answer.
    let address = host.ctl("cli ipaddr mleid");
    let said = host.ctl(&format!("cli ping {}", address.trim()));
    assert!(said.contains("1 packets transmitted"), "{said}");
    let rows = host.json("cli channel");
    assert!(rows["output"].as_str().is_some(), "{rows}");
    // Whoever resets it there has nothing more to hear from that command.
    let (_, message) = host.refused("cli reset");
    assert!(message.contains("reset"), "{message}");
    host.wait_for_state("associated");
}

#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn lines_of_standard_input_are_commands() {
    let world = started();
    let mut child = world
        .host
        .command(env!("CARGO_BIN_EXE_spinelctl"))
        .arg("--socket")
        .arg(world.host.socket())
        .arg("cli")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input
        .write_all(b"state\n\nchannel 99\nnetworkname two\\ words\nnetworkname\nextaddr\n")
        .unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines.len(), 3, "{output:?}");
    assert_eq!(lines[..2], ["disabled", "two words"], "{output:?}");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("Error 7: InvalidArgs"), "{errors}");
    assert!(errors.contains("1 of 5 commands failed"), "{errors}");
}
