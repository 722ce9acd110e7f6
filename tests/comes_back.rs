//! What is disturbed comes back: the host driver as its users have it, in network namespaces, where
//! something beside it is stopped, taken away, switched off or full for a while.
//!
//! Runs as root, because a TUN interface takes that.

mod hosts;
mod needs;

use hosts::{Folder, Host};
use nix::fcntl::{fcntl, FcntlArg, FdFlag};
use nix::sys::signal::Signal;
use std::fs;
use std::thread::sleep;
use std::time::Duration;

/// The end of a command and that of its output come in one wake-up: nothing wakes the driver again, and the
/// credentials of a network that was left would come back with the next start.
#[test]
fn what_waits_for_a_command_is_done_when_the_driver_was_stopped_over_its_end() {
    if !needs::root() {
        return;
    }
    let folder = Folder::new();
    let path = |name: &str| folder.join(name).display().to_string();
    let (begun, go, ended, forgotten) =
        (path("begun"), path("go"), path("ended"), path("forgotten"));
    let command = format!(
        "case $SPINEL_BRIDGE_RETAIN in \
         save) touch {begun}; while test ! -e {go}; do sleep 0.05; done; touch {ended};; \
         forget) touch {forgotten};; esac"
    );
    let mut host = Host::new(&folder, "only");
    host.start_bridge(&["--retain-command", &command, "sim:hurry:extras:seed=1"]);
    host.ctl("form test");
    let is_there = |name: &str| fs::metadata(name).is_ok().then_some(());
    host.wait_for("the command that saves", |_| is_there(&begun));
    host.ctl("leave");
    host.bridge().signal(Signal::SIGSTOP);
    fs::write(&go, "").unwrap();
    host.wait_for("its end", |_| is_there(&ended));
    // The shell ends after its last command.
    sleep(Duration::from_millis(300));
    host.bridge().signal(Signal::SIGCONT);
    host.wait_for("the command that forgets", |_| is_there(&forgotten));
}

/// As programs for private networks do it, with an address that somebody gave the interface beside those of
/// the network.
#[test]
fn addresses_are_back_after_ipv6_was_off_after_a_small_mtu_and_after_flushes() {
    if !needs::root() {
        return;
    }
    let folder = Folder::new();
    let host = Host::start(&folder, "only", "sim:seed=1");
    host.ctl("form test");
    host.wait_for_state("associated");
    host.run(&["ip", "address", "add", "fd77::1/64", "dev", "wpan0"]);
    let all = host.wait_for("three addresses", |host| {
        Some(host.kernel_addresses()).filter(|all| all.len() == 3)
    });
    let are_back = |why: &str| {
        host.wait_for(why, |host| (host.kernel_addresses() == all).then_some(()));
    };
    for _ in 0..3 {
        for off in ["1", "0"] {
            let path = "/proc/sys/net/ipv6/conf/all/disable_ipv6";
            host.run(&["sh", "-c", &format!("echo {off} > {path}; sleep 0.1")]);
        }
        are_back("addresses after IPv6 was off");
    }
    for mtu in ["1200", "1280"] {
        host.run(&["ip", "link", "set", "wpan0", "mtu", mtu]);
        sleep(Duration::from_millis(100));
    }
    are_back("addresses after a small MTU");
    // The kernel made its state anew, and would listen to routers again.
    let accept = host.run(&["cat", "/proc/sys/net/ipv6/conf/wpan0/accept_ra"]);
    assert_eq!(accept.trim(), "0");
    let log = host.log();
    assert_eq!(log.matches("IPv6 is on again").count(), 4, "{log}");
    assert!(!log.contains("Permission denied"), "{log}");
    // Whoever flushes does not want what was given by hand; what the network has comes back.
    for _ in 0..4 {
        host.run(&["ip", "-6", "address", "flush", "dev", "wpan0"]);
        sleep(Duration::from_millis(100));
    }
    let of_the_network: Vec<_> = all
        .iter()
        .copied()
        .filter(|address| address.segments()[0] != 0xFD77)
        .collect();
    host.wait_for("addresses after flushes", |host| {
        (host.kernel_addresses() == of_the_network).then_some(())
    });
}

/// As in a container without `--sysctl net.ipv6.conf.all.disable_ipv6=0`: /proc/sys can only be read.
#[test]
fn without_ipv6_one_line_says_what_to_do_and_addresses_come_when_it_is_on() {
    if !needs::root() {
        return;
    }
    let folder = Folder::new();
    let host = Host::new(&folder, "only");
    let socket = host.socket().display().to_string();
    let log = folder.join("container.log");
    let script = format!(
        "for which in all default; do echo 1 > /proc/sys/net/ipv6/conf/$which/disable_ipv6; done
        mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys
        exec {} --log file:{} --tun wpan0 --control {socket} sim:seed=1",
        env!("CARGO_BIN_EXE_spinel-bridge"),
        log.display()
    );
    let mut container = host.command("unshare");
    container.args(["--mount", "--propagation", "private", "sh", "-c", &script]);
    let _container = hosts::Process(container.spawn().unwrap());
    host.wait_for_state("offline");
    host.ctl("form test");
    host.wait_for_state("associated");
    assert!(host.kernel_addresses().is_empty());
    let text = fs::read_to_string(&log).unwrap();
    assert_eq!(text.matches("disable_ipv6=0").count(), 2, "{text}");
    assert_eq!(text.matches("warning").count(), 1, "{text}");
    let path = "/proc/sys/net/ipv6/conf/wpan0/disable_ipv6";
    host.run(&["sh", "-c", &format!("echo 0 > {path}")]);
    host.wait_for("two addresses", |host| {
        (host.kernel_addresses().len() == 2).then_some(())
    });
}

/// What is at the other end of a stream, and is no NCP.
#[test]
fn what_answers_instead_of_an_ncp_is_named_at_once() {
    if !needs::root() {
        return;
    }
    let folder = Folder::new();
    for (name, command, wanted) in [
        ("echo", "cat", "an echo"),
        (
            "cli",
            "while read -r line; do printf '> Error 35: InvalidCommand\\r\\n> '; done & \
             printf '\\r\\n> '; cat >/dev/null",
            "command line",
        ),
        (
            "ash",
            "printf '\\032\\301\\002\\013\\012\\122~'; cat >/dev/null",
            "EZSP",
        ),
        ("silent", "cat >/dev/null", "says nothing"),
        ("gone", "exit 127", "127"),
    ] {
        let mut host = Host::new(&folder, name);
        host.start_bridge_anyhow(&[&format!("system:{command}")]);
        let diagnosis = host.wait_for("a diagnosis", |host| {
            Some(host.status()?["diagnosis"].as_str()?.to_owned())
        });
        assert!(diagnosis.contains(wanted), "{name}: {diagnosis}");
        let (code, why) = host.refused("get NET_ROLE");
        assert_eq!(code, 5, "{why}");
        assert!(why.contains(wanted), "{name}: {why}");
    }
}

/// On a bus a verb tells what the link sees: a short at once, a silence that may be a boot after ten seconds.
#[test]
fn a_verb_tells_what_is_wrong_on_a_bus() {
    if !needs::root() {
        return;
    }
    let folder = Folder::new();
    for (device, wanted) in [("sim:loopback", "MOSI"), ("sim:dead", "all FF")] {
        let mut host = Host::new(&folder, "only");
        host.start_bridge_anyhow(&[device]);
        host.wait_for("the socket", Host::status);
        let begin = std::time::Instant::now();
        let (code, why) = host.refused("get NET_ROLE");
        assert_eq!(code, 5, "{why}");
        assert!(why.contains(wanted), "{device}: {why}");
        let took = begin.elapsed();
        // The state of the whole would be a fault after 25 s, with no reason but that it is silent.
        assert!(took < Duration::from_secs(22), "{device}: {took:?}");
        let diagnosis = host.status().unwrap()["diagnosis"].to_string();
        assert!(diagnosis.contains(wanted), "{diagnosis}");
    }
}

/// A port that is plugged in again and belongs to somebody else now.
#[test]
fn a_reason_that_is_new_is_told_while_a_port_is_tried_again() {
    if !needs::root() {
        return;
    }
    let folder = Folder::new();
    let port = folder.join("port");
    let pty = nix::pty::openpty(None, None).unwrap();
    for end in [&pty.master, &pty.slave] {
        // Whoever inherited it would keep the port alive.
        let flag = FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC);
        fcntl(end, flag).unwrap();
    }
    let name = nix::unistd::ttyname(&pty.slave).unwrap();
    std::os::unix::fs::symlink(&name, &port).unwrap();
    let mut host = Host::new(&folder, "only");
    host.start_bridge_anyhow(&[&format!("serial:{}", port.display())]);
    host.wait_for("the port", |host| {
        host.log().contains(": open").then_some(())
    });
    fs::remove_file(&port).unwrap();
    drop(pty);
    host.wait_for("the loss", |host| {
        host.log().contains("lost (").then_some(())
    });
    // What stands there is no port now.
    fs::create_dir(&port).unwrap();
    host.wait_for("the reason", |host| {
        host.log().contains("a folder").then_some(())
    });
    sleep(Duration::from_secs(3));
    assert_eq!(host.log().matches("a folder").count(), 1, "{}", host.log());
}

/// It may be plugged in later. A script that wants to know at once says so.
#[test]
fn a_port_that_is_missing_at_the_start_is_waited_for() {
    if !needs::root() {
        return;
    }
    let folder = Folder::new();
    let port = folder.join("port");
    let device = format!("serial:{}", port.display());
    let mut host = Host::new(&folder, "only");
    host.start_bridge_anyhow(&[&format!("{device}:now")]);
    let code = host.bridge().ended();
    assert_eq!(code, Some(3), "{}", host.log());

    host.start_bridge_anyhow(&[&device]);
    let diagnosis = host.wait_for("the reason", |host| {
        Some(host.status()?["diagnosis"].as_str()?.to_owned())
    });
    assert!(diagnosis.contains("is it plugged in?"), "{diagnosis}");
    let (_, why) = host.refused("get NET_ROLE");
    assert!(why.contains("is it plugged in?"), "{why}");
    let log = host.log();
    assert!(log.contains("trying again until it is there"), "{log}");

    let pty = nix::pty::openpty(None, None).unwrap();
    let name = nix::unistd::ttyname(&pty.slave).unwrap();
    std::os::unix::fs::symlink(&name, &port).unwrap();
    host.wait_for("the port", |host| {
        host.log().contains(": open").then_some(())
    });
    host.wait_for("its diagnosis", |host| {
        host.status()?["diagnosis"].is_null().then_some(())
    });
}

/// One that serves another interface id says so, and what to start with; so started, it works.
#[test]
fn another_interface_id_is_the_reason_and_the_option_is_the_way_out() {
    let folder = Folder::new();
    let bridge = env!("CARGO_BIN_EXE_spinel-bridge");
    let stream = format!("system:{bridge} --log none --stdio sim:hurry:auto-init:iid=1");
    for device in ["sim:hurry:auto-init:iid=1", &stream] {
        let mut host = Host::new(&folder, "only");
        host.start_bridge_anyhow(&[device]);
        host.wait_for("the reason", |host| {
            let status = host.status()?;
            let text = status["diagnosis"].as_str()?;
            text.contains("does not serve interface id 0").then_some(())
        });
        // At once: nobody waits for what cannot come.
        let (code, text) = host.refused("get PHY_CHAN");
        assert_eq!(code, 5, "{text}");
        assert!(text.contains("--iid"), "{text}");
        host.kill_bridge();
        host.start_bridge(&["--iid", "1", device]);
        host.ctl("form test");
        host.wait_for_state("associated");
        host.ping("ff02::1".parse().unwrap());
    }
}
