//! The translator in front of OpenThread's firmware that speaks HDLC, as on a serial port: what stands on our pty is what
//! stands there with SPI.

use crate::rcp::network;
use crate::rcp_clients::{aiospinel, zigbee_on_host};
use crate::world::{program, Line, Node, Translator, World};
use nix::sys::signal::{kill, Signal};
use nix::unistd::Pid;

/// OpenThread's host on our pty.
fn host(world: &World, translator: &Translator) -> Node {
    let url = format!("spinel+hdlc+uart://{}", translator.link.display());
    let mut command = world.host.command(&program("ot-cli"));
    command
        .args(["-d", "3", "-v", "-I", "wpan0", &url])
        .current_dir(world.folder.path());
    Node::start(&mut command)
}

/// An RCP behind socat: on a TCP port, or on the near end of a pair of ptys.
fn socat(world: &World, address: &str) -> Line {
    let mut command = world.host.command("socat");
    let shell = format!("SYSTEM:{}", world.shell("ot-rcp", 1));
    command.args([address, &shell]);
    Line::start(&mut command)
}

fn send(process: u32, signal: Signal) {
    kill(Pid::from_raw(process as i32), signal).unwrap();
}

#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn a_host_goes_on_when_the_rcp_dies_and_when_it_hangs() {
    let world = World::new();
    let translator = world.translator_on(&world.system("ot-rcp", 1));
    let mut host = host(&world, &translator);
    let mut second = network(&world, &mut host);

    let first = translator.co_processor(0);
    send(first, Signal::SIGKILL);
    let next = translator.co_processor(first);
    second.ping(&host.mesh_local(), 100);
    host.wait_for_role(&["leader"]);

    // Nothing shows on its stream; the host asks, and is not answered.
    send(next, Signal::SIGSTOP);
    host.0.send("scan");
    translator.co_processor(next);
    host.0.wait_for("what the scan has found", |line| {
        line.starts_with("| ") && line.contains("-20")
    });
    host.0
        .wait_for("the end of the scan", |line| line == "Done");
    second.ping(&host.mesh_local(), 100);
    host.wait_for_role(&["leader"]);
}

#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn a_host_on_a_serial_port_and_over_tcp_is_a_leader_that_a_node_joins_and_pings() {
    for transport in ["serial", "tcp"] {
        let world = World::new();
        let port = world.folder.join("port");
        let (_far, device) = match transport {
            "serial" => {
                let address = format!("PTY,raw,echo=0,link={}", port.display());
                let far = socat(&world, &address);
                crate::hosts::wait("the port", || port.exists().then_some(()));
                (far, format!("serial:{}", port.display()))
            }
            _ => {
                let far = socat(&world, "TCP-LISTEN:9000,bind=127.0.0.1,reuseaddr");
                (far, "tcp:127.0.0.1:9000".to_owned())
            }
        };
        let translator = world.translator_on(&device);
        let mut host = host(&world, &translator);
        network(&world, &mut host);
    }
}

#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn aiospinel_and_zigbee_on_host_work_on_an_rcp_behind_a_command() {
    for client in [aiospinel, zigbee_on_host] {
        let world = World::new();
        let translator = world.translator_on(&world.system("ot-rcp", 1));
        client(&world, &translator);
    }
}
