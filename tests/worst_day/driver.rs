//! The host driver: stopped, without its interface, without descriptors, and among control clients.

use super::hosts::{Folder, Host, Process};
use super::*;
use nix::sys::signal::Signal;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::Ipv6Addr;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Instant;

/// Two hosts in one network, and the address of the second.
fn two_hosts(folder: &Folder, options: &[&str]) -> (Host, Host, Ipv6Addr) {
    let radio = folder.radio();
    let mut first = Host::new(folder, "first");
    let device = format!("sim:hurry:auto-init:extras:seed=1:{radio}");
    first.start_bridge(&[options, &[&device]].concat());
    let second = Host::start(
        folder,
        "second",
        &format!("sim:hurry:auto-init:extras:seed=2:{radio}"),
    );
    first.ctl("form test");
    let network = first.status().unwrap();
    let key = first.json("get NET_NETWORK_KEY").to_string();
    let key = key
        .split(|c: char| !c.is_ascii_hexdigit())
        .find(|word| word.len() == 32)
        .unwrap();
    second.ctl(&format!(
        "join {} -c {} -p {} -x {} -k {key}",
        network["network_name"].as_str().unwrap(),
        network["channel"],
        network["panid"].as_str().unwrap(),
        network["xpanid"].as_str().unwrap(),
    ));
    second.wait_for_state("associated");
    let address = second.status().unwrap()["mesh_local_address"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    first.ping(address);
    (first, second, address)
}

/// One host in a network of its own.
fn one_host(folder: &Folder, options: &[&str]) -> Host {
    let mut host = Host::new(folder, "only");
    host.start_bridge(&[options, &["sim:hurry:auto-init:extras:seed=1"]].concat());
    host.ctl("form test");
    host.wait_for_state("associated");
    host
}

/// Ten pings a second for as long as `seconds`, in the background.
fn ping(host: &Host, address: Ipv6Addr, seconds: u32) -> std::process::Child {
    host.command("ping")
        .args(["-6", "-n", "-q", "-i", "0.1", "-W", "5"])
        .args(["-c", &(seconds * 10).to_string(), &address.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// How many were sent, and how many were answered.
fn pinged(ping: std::process::Child) -> (u32, u32) {
    let output = ping.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let line = text.lines().find(|line| line.contains("received")).unwrap();
    println!("{line}");
    let number = |place: &str| {
        let words: Vec<&str> = line
            .split([' ', ','])
            .filter(|word| !word.is_empty())
            .collect();
        let at = words
            .iter()
            .position(|word| word.starts_with(place))
            .unwrap();
        let before = words[..at].iter().rev();
        before.flat_map(|word| word.parse().ok()).next().unwrap()
    };
    (number("transmitted"), number("received"))
}

fn pid(host: &mut Host) -> u32 {
    host.bridge().0.id()
}

/// A connection that has read the greeting.
fn connect(socket: &Path) -> UnixStream {
    let stream = UnixStream::connect(socket).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let greeting = line(&stream);
    assert!(!greeting.is_empty(), "a greeting");
    stream
}

fn line(stream: &UnixStream) -> String {
    let mut line = String::new();
    // An octet at a time, so that nothing behind the line is lost with the reader.
    BufReader::with_capacity(1, stream)
        .read_line(&mut line)
        .unwrap();
    line
}

#[test]
fn a_stop_of_two_seconds_loses_no_packet_that_waits_at_the_interface() {
    if !crate::needs::root() {
        return;
    }
    let folder = Folder::new();
    let (mut first, mut second, address) = two_hosts(&folder, &[]);
    let pings = ping(&first, address, 5);
    thread::sleep(Duration::from_secs(1));
    first.bridge().signal(Signal::SIGSTOP);
    thread::sleep(Duration::from_secs(2));
    first.bridge().signal(Signal::SIGCONT);
    assert_eq!(pinged(pings), (50, 50));
    // The other side cannot hear meanwhile, as on a real radio; it stays what it was and goes on.
    let id = pid(&mut second);
    second.bridge().signal(Signal::SIGSTOP);
    thread::sleep(Duration::from_secs(2));
    second.bridge().signal(Signal::SIGCONT);
    first.ping(address);
    assert_eq!(second.state(), "associated");
    assert_eq!(pid(&mut second), id);
    assert!(!second.log().contains("error"), "{}", second.log());
}

#[test]
fn an_interface_that_is_deleted_ends_it_with_one_line() {
    if !crate::needs::root() {
        return;
    }
    let folder = Folder::new();
    let mut host = one_host(&folder, &[]);
    host.run(&["ip", "link", "del", "wpan0"]);
    assert_eq!(host.bridge().ended(), Some(1), "{}", host.log());
    let log = host.log();
    let last = log.lines().last().unwrap();
    assert!(last.contains("wpan0 was deleted"), "{log}");
    assert_eq!(log.matches("was deleted").count(), 1, "{log}");
    assert!(!host.socket().exists(), "its socket is left");
    // And that is all it takes. Where the log is a file, it is told there.
    let file = folder.join("log");
    let target = format!("file:{}", file.display());
    host.start_bridge(&["--log", &target, "sim:hurry:auto-init:extras:seed=1"]);
    host.run(&["ip", "link", "del", "wpan0"]);
    assert_eq!(host.bridge().ended(), Some(1));
    let log = std::fs::read_to_string(&file).unwrap();
    let last = log.lines().last().unwrap();
    assert!(last.contains("wpan0 was deleted"), "{log}");
}

#[test]
fn a_thousand_control_clients_leave_nothing_behind() {
    if !crate::needs::root() {
        return;
    }
    let folder = Folder::new();
    let mut host = one_host(&folder, &[]);
    let id = pid(&mut host);
    let mut before = None;
    for round in 0..1000 {
        if round == 100 {
            before = Some((descriptors(id).0, memory(id)));
        }
        let mut stream = connect(host.socket());
        match round % 4 {
            0 => {}
            // Goes without reading the answer; in the middle of a line; with requests still running.
            1 => stream.write_all(b"a status\n").unwrap(),
            2 => stream.write_all(b"a sta").unwrap(),
            _ => stream.write_all(b"a scan\nb get NCP_VERSION\n").unwrap(),
        }
    }
    host.ctl("status");
    let (descriptors_before, memory_before) = before.unwrap();
    host.wait_for("the last clients to be missed", |_| {
        (descriptors(id).0 <= descriptors_before).then_some(())
    });
    let memory = memory(id);
    println!("{memory_before} kB became {memory} kB");
    assert!(
        memory <= memory_before + 256,
        "{memory_before} kB became {memory} kB"
    );
    assert!(!host.log().contains("panic"), "{}", host.log());
}

#[test]
fn sixteen_clients_of_which_two_are_hostile_disturb_nobody() {
    if !crate::needs::root() {
        return;
    }
    let folder = Folder::new();
    let (mut first, _second, address) = two_hosts(&folder, &[]);
    let id = pid(&mut first);
    let before = memory(id);
    let pings = ping(&first, address, 8);
    let end = Instant::now() + Duration::from_secs(7);
    let socket = first.socket().to_owned();

    // One asks for ever and never reads.
    let mut deaf = connect(&socket);
    deaf.set_write_timeout(Some(Duration::from_millis(100)))
        .unwrap();
    let deaf = thread::spawn(move || {
        let mut number = 0_u64;
        while Instant::now() < end {
            number += 1;
            let _ = deaf.write_all(format!("t{number} status\n").as_bytes());
        }
    });
    // One sends garbage, and comes back when it is thrown out.
    let (garbage_socket, mut rejected) = (socket.clone(), 0);
    let garbage = thread::spawn(move || {
        let mut rng = spinel_bridge::sim::rng::Rng::new(1);
        while Instant::now() < end {
            let mut stream = UnixStream::connect(&garbage_socket).unwrap();
            let long = vec![b'x'; 5000];
            while Instant::now() < end {
                let octets: Vec<u8> = (0..64).flat_map(|_| rng.octets::<8>()).collect();
                let sent = stream
                    .write_all(&octets)
                    .and_then(|()| stream.write_all(&long));
                if sent.is_err() {
                    rejected += 1;
                    break;
                }
            }
        }
        rejected
    });
    // The others are answered, each of them.
    let honest: Vec<_> = (0..14)
        .map(|number| {
            let socket = socket.clone();
            thread::spawn(move || {
                let mut stream = connect(&socket);
                if number == 0 {
                    stream.write_all(b"m monitor\n").unwrap();
                }
                let mut slowest = Duration::ZERO;
                let mut answered = 0;
                while Instant::now() < end {
                    let began = Instant::now();
                    stream.write_all(b"q get NCP_VERSION\n").unwrap();
                    while !line(&stream).starts_with("q ok") {}
                    slowest = slowest.max(began.elapsed());
                    answered += 1;
                    thread::sleep(Duration::from_millis(100));
                }
                (answered, slowest)
            })
        })
        .collect();
    let honest: Vec<_> = honest
        .into_iter()
        .map(|client| client.join().unwrap())
        .collect();
    deaf.join().unwrap();
    let rejected = garbage.join().unwrap();
    let (sent, answered) = pinged(pings);
    let after = memory(id);
    let slowest = honest.iter().map(|(_, slowest)| *slowest).max().unwrap();
    let least = honest.iter().map(|(answered, _)| *answered).min().unwrap();
    println!("{rejected} rejected; at least {least} answers each, the slowest in {slowest:?}; {before} kB, {after} kB");
    assert!(rejected > 0);
    // Who has to wait for the deaf or the garbage is answered once.
    assert!(least >= 10, "{honest:?}");
    assert!(answered >= sent - 2, "{answered} of {sent} pings");
    // Sixteen clients of 68 KiB at the most.
    assert!(
        after <= before + 16 * 68 + 512,
        "{before} kB became {after} kB"
    );
    // Thousands were thrown out: an allowance of lines, one a second, and what two hosts have to say.
    let log = fs::read_to_string(folder.join("first.log")).unwrap();
    assert!(
        log.lines().count() < 300,
        "{} lines: {}",
        log.lines().count(),
        first.log()
    );
}

#[test]
fn a_user_may_look_but_not_peek() {
    if !crate::needs::root() {
        return;
    }
    let folder = Folder::new();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    // Where the user can execute it.
    let ctl = folder.join("spinelctl");
    fs::copy(env!("CARGO_BIN_EXE_spinelctl"), &ctl).unwrap();
    let host = one_host(&folder, &["--control-group", "65533"]);
    let as_user = |group: &str, words: &str| {
        let output = Command::new("setpriv")
            .args(["--reuid", "65534", "--regid", group, "--clear-groups"])
            .arg(&ctl)
            .arg("--socket")
            .arg(host.socket())
            .args(words.split(' '))
            .output()
            .expect("setpriv, and to be root");
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(said).unwrap())
    };
    let (code, said) = as_user("65533", "status");
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("associated"), "{said}");
    for words in ["peek 0x20000000 4", "poke 0x20000000 00", "get 15360"] {
        let (code, said) = as_user("65533", words);
        assert_ne!(code, Some(0), "{words}: {said}");
        assert!(said.contains("only root may do that"), "{words}: {said}");
    }
    let (code, said) = as_user("65534", "status");
    assert_ne!(code, Some(0), "{said}");
    assert!(said.contains("ermission"), "{said}");
}

#[test]
fn without_descriptors_pings_go_on_and_clients_are_refused() {
    if !crate::needs::root() {
        return;
    }
    let folder = Folder::new();
    let (mut host, _second, address) = two_hosts(&folder, &[]);
    let id = pid(&mut host);
    let (_, free) = descriptors(id);
    limit_descriptors(id, free);
    let pings = ping(&host, address, 3);
    let before = usage(id).unwrap();
    let mut refused = 0;
    let mut waiting = Vec::new();
    for _ in 0..30 {
        let Ok(stream) = UnixStream::connect(host.socket()) else {
            continue;
        };
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut said = String::new();
        let _ = (&stream).read_to_string(&mut said);
        assert!(
            said.contains("busy"),
            "not refused: {said:?}\n{}",
            host.log()
        );
        refused += 1;
        waiting.push(stream);
    }
    let (sent, answered) = pinged(pings);
    assert_eq!((sent, answered), (30, 30), "{}", host.log());
    let cpu = usage(id).unwrap().cpu - before.cpu;
    assert!(cpu < Duration::from_millis(500), "{cpu:?} of CPU time");
    assert_eq!(refused, 30);
    let log = host.log();
    assert!(log.lines().count() < 50, "{log}");
    limit_descriptors(id, 1024);
    host.ctl("status");
}

#[test]
fn a_driver_without_descriptors_fails_in_one_line() {
    if !crate::needs::root() {
        return;
    }
    let folder = Folder::new();
    let host = Host::new(&folder, "few");
    let socket = host.socket().display().to_string();
    let binary = env!("CARGO_BIN_EXE_spinel-bridge");
    let mut failed = 0;
    for limit in 4..64 {
        let words = format!(
            "prlimit --nofile={limit} {binary} --log none --tun wpan0 --control {socket} sim:hurry:auto-init:extras:seed=1"
        );
        let words: Vec<&str> = words.split(' ').collect();
        let mut command = host.command(words[0]);
        command.args(&words[1..]).stderr(Stdio::piped());
        let mut process = Process(command.spawn().unwrap());
        let is_up = hosts::wait("its end or its answer", || match process.is_running() {
            true => host.status().map(|_| true),
            false => Some(false),
        });
        if is_up {
            println!("runs with {limit} descriptors, {failed} starts failed");
            assert!(failed >= 5, "{failed}");
            return;
        }
        let code = process.ended();
        let mut text = String::new();
        process
            .0
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        if code == Some(127) {
            continue;
        }
        failed += 1;
        assert_eq!(code, Some(3), "{limit}: {text}");
        assert_eq!(text.lines().count(), 1, "{limit}: {text}");
        println!("{limit}: {}", text.trim_end());
    }
    panic!("does not start with 63 descriptors");
}

#[test]
fn a_sandboxed_driver_does_its_work_and_cleans_up() {
    if !crate::needs::root() {
        return;
    }
    let folder = Folder::new();
    // In a folder of its own, or what is allowed there would be allowed for the socket.
    fs::create_dir(folder.join("kept")).unwrap();
    let retain = folder.join("kept").join("network");
    let retain = retain.display().to_string();
    let (mut first, second, address) = two_hosts(&folder, &["--sandbox", "--retain", &retain]);
    assert!(first.log().contains("sandbox: "), "{}", first.log());
    assert_eq!(status(pid(&mut first), "NoNewPrivs:"), 1);
    // New addresses, new groups, the file that is written, the clients.
    first.run(&[
        "ip",
        "-6",
        "address",
        "add",
        "fd00:77::1/64",
        "dev",
        "wpan0",
    ]);
    first.wait_for("the address at the co-processor", |host| {
        host.ctl("get IPV6_ADDRESS_TABLE")
            .contains("fd00:77::1")
            .then_some(())
    });
    let _member = first
        .command("socat")
        .args([
            "-u",
            "UDP6-RECV:5555,ipv6-join-group=[ff03::abcd]:wpan0",
            "-",
        ])
        .stdout(Stdio::null())
        .spawn()
        .map(Process)
        .unwrap();
    first.wait_for("the group at the co-processor", |host| {
        let groups = host.ctl("get IPV6_MULTICAST_ADDRESS_TABLE");
        groups.contains("ff03::abcd").then_some(())
    });
    first.wait_for("the credentials", |_| {
        fs::read(&retain).ok().filter(|kept| !kept.is_empty())
    });
    first.ping(address);
    first.ctl("leave");
    drop(second);
    first.bridge().signal(Signal::SIGTERM);
    assert_eq!(first.bridge().ended(), Some(0), "{}", first.log());
    assert!(!first.socket().exists(), "its socket is left");
    assert!(!first.log().contains("ermission"), "{}", first.log());
}
