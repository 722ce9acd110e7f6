//! The host driver as its users have it: real TUN interfaces in network namespaces, real pings and real
//! TCP, the real control client; the co-processors are simulated and share one radio.
//!
//! Runs as root, because a TUN interface takes that.

mod hosts;
mod needs;

use hosts::{Folder, Host};
use serde_json::Value;
use std::fs;
use std::net::Ipv6Addr;
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

fn address(value: &Value) -> Ipv6Addr {
    value.as_str().unwrap().parse().unwrap()
}

/// The addresses in the co-processor's own table.
fn ncp_addresses(host: &Host) -> Vec<Ipv6Addr> {
    let text = host.ctl("get IPV6_ADDRESS_TABLE");
    let mut addresses: Vec<Ipv6Addr> = text
        .split(|c: char| c.is_whitespace() || "[]()=\"".contains(c))
        .filter_map(|word| word.parse().ok())
        .filter(|address| !is_locator(address))
        .collect();
    addresses.sort();
    addresses
}

/// RLOC or ALOC: `0000:00ff:fe00:xxxx`, which stays with the co-processor (protocol §7.8).
fn is_locator(address: &Ipv6Addr) -> bool {
    let segments = address.segments();
    segments[4..7] == [0, 0xff, 0xfe00]
}

/// Two hosts in one network: the first formed it, the second joined.
fn two_hosts(folder: &Folder, faults: &str) -> (Host, Host) {
    let radio = folder.radio();
    let first = Host::start(
        folder,
        "first",
        &format!("sim:hurry:extras:seed=1:{radio}{faults}"),
    );
    let second = Host::start(
        folder,
        "second",
        &format!("sim:hurry:extras:seed=2:{radio}{faults}"),
    );
    first.ctl("form test");
    join(&first, &second);
    (first, second)
}

fn join(first: &Host, second: &Host) {
    let network = first.status().unwrap();
    let key = first.json("get NET_NETWORK_KEY");
    let key = key.to_string();
    let key: String = key
        .split(|c: char| !c.is_ascii_hexdigit())
        .find(|word| word.len() == 32)
        .expect("a network key")
        .to_owned();
    let words = format!(
        "join {} -c {} -p {} -x {} -k {key}",
        network["network_name"].as_str().unwrap(),
        network["channel"],
        network["panid"].as_str().unwrap(),
        network["xpanid"].as_str().unwrap(),
    );
    second.ctl(&words);
    second.wait_for_state("associated");
}

fn mesh_local(host: &Host) -> Ipv6Addr {
    address(&host.status().unwrap()["mesh_local_address"])
}

fn assert_tables_are_equal(host: &Host) {
    host.wait_for("equal addresses", |host| {
        (host.kernel_addresses() == ncp_addresses(host)).then_some(())
    });
    assert!(host.kernel_addresses().contains(&mesh_local(host)));
}

#[test]
fn a_network_is_formed_and_its_addresses_are_the_interface_s() {
    if !needs::root() {
        return;
    }
    let folder = Folder::new();
    let host = Host::start(&folder, "only", "sim:hurry:extras:seed=1");
    assert_eq!(host.state(), "offline");
    host.ctl("form test");
    host.wait_for_state("associated");
    assert_tables_are_equal(&host);
    host.ping(mesh_local(&host));
    let link = host.run(&["ip", "link", "show", "dev", "wpan0"]);
    assert!(link.contains("mtu 1280"), "{link}");
}

#[test]
fn two_hosts_ping_each_other() {
    if !needs::root() {
        return;
    }
    let folder = Folder::new();
    let (first, second) = two_hosts(&folder, "");
    assert_tables_are_equal(&first);
    assert_tables_are_equal(&second);
    first.ping(mesh_local(&second));
    second.ping(mesh_local(&first));
}

/// Sends 10 MB over TCP, and compares.
fn transfer(from: &Host, to: &Host, folder: &Folder) {
    let (sent, received) = (folder.join("sent"), folder.join("received"));
    let mut rng = spinel_bridge::sim::rng::Rng::new(7);
    let mut data = Vec::with_capacity(10_000_000);
    while data.len() < 10_000_000 {
        data.extend_from_slice(&rng.octets::<8>());
    }
    fs::write(&sent, &data).unwrap();
    let target = mesh_local(to);
    let mut listener = hosts::Process(
        to.command("socat")
            .arg("-u")
            .arg("TCP6-LISTEN:5555,reuseaddr")
            .arg(format!("CREATE:{}", received.display()))
            .stdin(Stdio::null())
            .spawn()
            .unwrap(),
    );
    to.wait_for("the listener", |to| to.listens("tcp6", 5555).then_some(()));
    let begin = Instant::now();
    let mut sender = hosts::Process(
        from.command("socat")
            .arg("-u")
            .arg(format!("FILE:{}", sent.display()))
            .arg(format!("TCP6:[{target}]:5555"))
            .stdin(Stdio::null())
            .spawn()
            .unwrap(),
    );
    let end = begin + Duration::from_secs(180);
    while sender.is_running() || listener.is_running() {
        assert!(
            Instant::now() < end,
            "{} of {} octets came in time\n{}\n{}",
            fs::metadata(&received).map_or(0, |data| data.len()),
            data.len(),
            from.log(),
            to.log()
        );
        sleep(Duration::from_millis(100));
    }
    println!("10 MB took {} ms", begin.elapsed().as_millis());
    assert!(fs::read(&received).unwrap() == data, "the file was changed");
}

#[test]
fn ten_megabytes_arrive_unchanged() {
    if !needs::root() {
        return;
    }
    let folder = Folder::new();
    let (first, second) = two_hosts(&folder, "");
    transfer(&first, &second, &folder);
}

#[test]
fn ten_megabytes_arrive_unchanged_over_a_faulty_bus() {
    if !needs::root() {
        return;
    }
    let folder = Folder::new();
    let (first, second) = two_hosts(&folder, ":void=2%:refuse=2%:lose-edge=2%");
    transfer(&second, &first, &folder);
}

/// The simulated NCP in a process of its own, as one on a board: it outlives us.
fn ncp_on_tcp(host: &Host, folder: &Folder, spec: &str) -> (hosts::Process, String) {
    let name = folder.join("sim-ncp.out");
    let output = fs::File::create(&name).unwrap();
    let mut command = host.command(&hosts::example("sim-ncp"));
    command
        .args(["--tcp", "[::1]:9000", spec])
        .stdin(Stdio::null());
    let process = hosts::Process(command.stdout(output).spawn().unwrap());
    let address = host.wait_for("the NCP's address", |_| {
        let text = fs::read_to_string(&name).unwrap();
        let line = text.lines().next()?;
        Some(line.trim().trim_start_matches("tcp:").to_owned())
    });
    (process, format!("tcp:{address}"))
}

#[test]
fn kill_9_and_a_restart_keep_the_running_network() {
    if !needs::root() {
        return;
    }
    let folder = Folder::new();
    let radio = folder.radio();
    let mut first = Host::new(&folder, "first");
    let (_ncp, device) = ncp_on_tcp(&first, &folder, &format!("hurry:extras:seed=1:{radio}"));
    first.start_bridge(&[&device]);
    first.ctl("form test");
    let second = Host::start(
        &folder,
        "second",
        &format!("sim:hurry:extras:seed=2:{radio}"),
    );
    join(&first, &second);
    first.run(&["ip", "-6", "address", "add", "fd99::1/64", "dev", "wpan0"]);
    first.wait_for("our own address at the NCP", |host| {
        ncp_addresses(host)
            .contains(&"fd99::1".parse().unwrap())
            .then_some(())
    });
    let before = (first.status().unwrap(), first.kernel_addresses());
    first.kill_bridge();
    first.start_bridge(&[&device]);
    first.wait_for_state("associated");
    let after = first.status().unwrap();
    for name in [
        "partition_id",
        "role",
        "rloc16",
        "mesh_local_address",
        "network_name",
    ] {
        assert_eq!(before.0[name], after[name], "{name}");
    }
    assert_tables_are_equal(&first);
    assert!(!first.log().contains("RESET"), "{}", first.log());
    first.ping(mesh_local(&second));
    second.ping(mesh_local(&first));
}

#[test]
fn a_reset_of_the_co_processor_is_recovered() {
    if !needs::root() {
        return;
    }
    let folder = Folder::new();
    let (first, second) = two_hosts(&folder, "");
    first.run(&["ip", "-6", "address", "add", "fd99::1/64", "dev", "wpan0"]);
    for words in ["reset hard", "reset"] {
        first.ctl(words);
        first.wait_for_state("associated");
        assert_tables_are_equal(&first);
        assert!(ncp_addresses(&first).contains(&"fd99::1".parse().unwrap()));
        second.wait_for_state("associated");
        first.ping(mesh_local(&second));
    }
}

/// Crashes by itself all the time: in the middle of everything.
#[test]
fn a_co_processor_that_restarts_again_and_again_is_followed() {
    if !needs::root() {
        return;
    }
    let folder = Folder::new();
    let host = Host::start(&folder, "only", "sim:hurry:extras:seed=3:reset=2000ppm");
    host.wait_for("a network", |host| {
        let output = host.try_ctl("form test");
        (output.status.success() || host.state() == "associated").then_some(())
    });
    host.wait_for("a restart", |host| {
        // Some hundred transactions each.
        host.try_ctl("counters");
        host.log().contains("reset unexpectedly").then_some(())
    });
    host.wait_for("the network after it", |host| {
        let log = host.log();
        let (_, after) = log.rsplit_once("reset unexpectedly")?;
        after.contains("state: associated ").then_some(())
    });
}

#[test]
fn addresses_follow_both_ways_and_nothing_echoes() {
    if !needs::root() {
        return;
    }
    let folder = Folder::new();
    let (first, second) = two_hosts(&folder, "");
    let own: Ipv6Addr = "fd99::1".parse().unwrap();
    first.run(&["ip", "-6", "address", "add", "fd99::1/64", "dev", "wpan0"]);
    first.wait_for("the address at the NCP", |host| {
        ncp_addresses(host).contains(&own).then_some(())
    });
    // The other host reaches it by a route of its own.
    second.run(&["ip", "-6", "route", "add", "fd99::/64", "dev", "wpan0"]);
    second.ping(own);
    // Deleted here, and gone there.
    first.run(&["ip", "-6", "address", "del", "fd99::1/64", "dev", "wpan0"]);
    first.wait_for("no address at the NCP", |host| {
        (!ncp_addresses(host).contains(&own)).then_some(())
    });
    // Somebody takes an address of the NCP away: it is put back.
    let mesh_local = mesh_local(&first);
    let with_length = format!("{mesh_local}/64");
    first.run(&["ip", "-6", "address", "del", &with_length, "dev", "wpan0"]);
    first.wait_for("the address that was put back", |host| {
        host.kernel_addresses().contains(&mesh_local).then_some(())
    });
    // Then all is quiet: no change makes another one.
    sleep(Duration::from_millis(500));
    let sent = commands_sent(&first);
    sleep(Duration::from_secs(2));
    // The two looks at the counters are commands, too.
    let looks = commands_sent(&first) - sent;
    sleep(Duration::from_millis(100));
    assert_eq!(commands_sent(&first) - sent, 2 * looks, "{}", first.log());
}

fn commands_sent(host: &Host) -> u64 {
    let text = host.ctl("counters");
    let line = text.lines().find(|line| line.starts_with("commands sent"));
    line.and_then(|line| line.split_whitespace().last()?.parse().ok())
        .expect("commands sent")
}

#[test]
fn a_prefix_gives_addresses_to_everybody() {
    if !needs::root() {
        return;
    }
    let folder = Folder::new();
    let (first, second) = two_hosts(&folder, "");
    first.ctl("add-prefix fd77::/64 -s -o -a -f");
    // All 64 bits: the mesh-local prefix is random, and begins with fd77 once in 256 times.
    let is_formed = |address: &Ipv6Addr| address.segments()[..4] == [0xfd77, 0, 0, 0];
    let formed = |host: &Host| {
        host.wait_for("an address of the prefix", |host| {
            host.kernel_addresses().into_iter().find(is_formed)
        })
    };
    let (here, there) = (formed(&first), formed(&second));
    first.ping(there);
    second.ping(here);
    first.ctl("remove-prefix fd77::/64");
    second.wait_for("no address of the prefix", |host| {
        (!host.kernel_addresses().iter().any(is_formed)).then_some(())
    });
}

#[test]
fn a_joiner_is_let_in_by_its_passphrase() {
    if !needs::root() {
        return;
    }
    let folder = Folder::new();
    let radio = folder.radio();
    let first = Host::start(
        &folder,
        "first",
        &format!("sim:hurry:extras:seed=1:{radio}"),
    );
    let second = Host::start(
        &folder,
        "second",
        &format!("sim:hurry:extras:seed=2:{radio}"),
    );
    first.ctl("form test -c 20");
    first.ctl("commissioner start");
    first.wait_for("the commissioner", |host| {
        host.ctl("commissioner").contains('2').then_some(())
    });
    first.ctl("commissioner add any J01NME");
    first.ctl("permit-join 60");
    let (code, why) = second.refused("joiner start J0WR0NG1");
    assert_eq!(code, 10, "{why}");
    second.ctl("joiner start J01NME");
    second.wait_for_state("associated");
    second.ping(mesh_local(&first));
}

#[test]
fn multicast_reaches_the_other_host() {
    if !needs::root() {
        return;
    }
    let folder = Folder::new();
    let (first, second) = two_hosts(&folder, "");
    second.ping(mesh_local(&first));
    first.wait_for("answers to a multicast ping", |host| {
        let words = "ping -6 -n -c 3 -i 0.2 -W 2 -I wpan0 ff03::1";
        let words: Vec<&str> = words.split(' ').collect();
        let output = host.try_run(&words);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.contains(&mesh_local(&second).to_string())
            .then_some(())
    });
}

#[test]
fn what_is_kept_survives_a_factory_reset() {
    if !needs::root() {
        return;
    }
    let folder = Folder::new();
    let file = folder.join("kept").display().to_string();
    let mut host = Host::new(&folder, "only");
    host.start_bridge(&["--retain", &file, "sim:hurry:extras:seed=1"]);
    host.ctl("form test");
    let key = host.ctl("get NET_NETWORK_KEY");
    host.wait_for("the kept credentials", |_| {
        fs::metadata(&file).is_ok().then_some(())
    });
    // `sim:` forgets everything with the process, as a co-processor that was flashed anew.
    host.kill_bridge();
    host.start_bridge(&["--retain", &file, "sim:hurry:extras:seed=1"]);
    host.wait_for_state("associated");
    assert_eq!(host.ctl("get NET_NETWORK_KEY"), key);
    host.ctl("leave");
    host.wait_for("forgotten credentials", |_| {
        fs::metadata(&file).is_err().then_some(())
    });
}

/// A folder of the user `nobody`, as its name is on this machine.
fn folder_of_nobody(folder: &Folder, name: &str) -> std::path::PathBuf {
    let path = folder.join(name);
    fs::create_dir(&path).unwrap();
    let user = nix::unistd::User::from_name("nobody").unwrap().unwrap();
    nix::unistd::chown(&path, Some(user.uid), Some(user.gid)).unwrap();
    path
}

#[test]
fn what_is_kept_is_read_where_it_is_written_below_another_root() {
    if !needs::root() {
        return;
    }
    let folder = Folder::new();
    let root = folder_of_nobody(&folder, "root");
    let mut host = Host::new(&folder, "only");
    let root_name = root.display().to_string();
    let confined = ["--user", "nobody", "--chroot", &root_name];
    let arguments = [
        &confined[..],
        &["--retain", "/kept", "sim:hurry:extras:seed=1"],
    ]
    .concat();
    host.start_bridge(&arguments);
    host.ctl("form test");
    let key = host.ctl("get NET_NETWORK_KEY");
    host.wait_for("the kept credentials", |_| {
        fs::metadata(root.join("kept")).is_ok().then_some(())
    });
    host.kill_bridge();
    host.start_bridge(&arguments);
    host.wait_for_state("associated");
    assert_eq!(host.ctl("get NET_NETWORK_KEY"), key);
}

#[test]
fn the_firmware_gate_upgrades_once_and_closes_the_device_meanwhile() {
    if !needs::root() {
        return;
    }
    let folder = Folder::new();
    let flashed = folder.join("flashed").display().to_string();
    let check = format!("grep -q SIM && test ! -e {flashed}");
    let upgrade = format!("touch {flashed}");
    let mut host = Host::new(&folder, "only");
    host.start_bridge(&[
        "--firmware-check",
        &check,
        "--firmware-upgrade",
        &upgrade,
        "--auto-upgrade",
        "sim:hurry:extras:seed=1",
    ]);
    host.wait_for("the upgrade", |_| {
        fs::metadata(&flashed).is_ok().then_some(())
    });
    host.wait_for_state("offline");
    let log = host.log();
    assert_eq!(log.matches("firmware upgrade: done").count(), 1, "{log}");
}

#[test]
fn without_auto_upgrade_the_firmware_stays_and_the_log_says_what_to_do() {
    if !needs::root() {
        return;
    }
    let folder = Folder::new();
    let flashed = folder.join("flashed").display().to_string();
    let upgrade = format!("touch {flashed}");
    let mut host = Host::new(&folder, "only");
    let gate = ["--firmware-check", "true", "--firmware-upgrade", &upgrade];
    host.start_bridge(
        &[
            &gate[..],
            &["--commissioning-port", "1234", "sim:hurry:extras:seed=1"],
        ]
        .concat(),
    );
    assert_eq!(host.state(), "offline");
    assert!(fs::metadata(&flashed).is_err());
    assert!(
        host.log().contains("run spinelctl upgrade"),
        "{}",
        host.log()
    );
    // The other option that the driver hands to the host.
    host.ctl("form test");
    host.ctl("permit-join 10");
    let ports = host.ctl("get THREAD_ASSISTING_PORTS");
    assert!(ports.contains("1234"), "{ports}");
}

#[test]
fn a_co_processor_of_another_major_version_is_a_fault_that_says_so() {
    if !needs::root() {
        return;
    }
    let folder = Folder::new();
    let mut host = Host::new(&folder, "only");
    host.start_bridge_anyhow(&["sim:hurry:extras:seed=1:major=3"]);
    host.wait_for_state("uninitialized:fault");
    let (code, why) = host.refused("form test");
    assert_eq!(code, 5, "{why}");
    assert!(why.contains('3'), "{why}");
}

#[test]
fn two_drivers_side_by_side_on_one_host() {
    if !needs::root() {
        return;
    }
    let folder = Folder::new();
    let radio = folder.radio();
    let mut host = Host::new(&folder, "both");
    let socket = folder.join("other.sock").display().to_string();
    let device = format!("sim:hurry:extras:seed=2:{radio}");
    let arguments = ["--tun", "wpan1", "--control", &socket, &device];
    let mut other = Host::new(&folder, "unused");
    host.start_bridge(&[&format!("sim:hurry:extras:seed=1:{radio}")]);
    host.ctl("form test");
    other.start_beside(&host, &arguments);
    other.wait_for("the other one", |other| other.status());
    let links = host.run(&["ip", "-o", "link"]);
    assert!(
        links.contains("wpan0") && links.contains("wpan1"),
        "{links}"
    );
}

#[test]
fn unneeded_rights_are_given_up() {
    if !needs::root() {
        return;
    }
    let folder = Folder::new();
    let mut host = Host::new(&folder, "only");
    host.start_bridge(&["--user", "nobody", "sim:hurry:extras:seed=1"]);
    let pid = host.bridge().0.id();
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().to_owned()
    };
    assert_ne!(field("Uid:"), "0");
    // CAP_NET_ADMIN is number 12.
    assert_eq!(field("CapEff:"), "0000000000001000");
    assert_eq!(field("NoNewPrivs:"), "1");
    // And yet addresses are set.
    host.ctl("form test");
    assert_tables_are_equal(&host);
}

/// Forms a network and pings through it.
fn assert_it_works(host: &Host) {
    host.ctl("form test");
    host.wait_for_state("associated");
    assert_tables_are_equal(host);
    let leader = host.ctl("getprop -v THREAD_LEADER_ADDR");
    host.ping(leader.trim().parse().unwrap());
}

#[test]
fn a_co_processor_behind_a_command() {
    if !needs::root() {
        return;
    }
    let folder = Folder::new();
    let mut host = Host::new(&folder, "only");
    let device = format!(
        "system:{} --stdio hurry:extras:seed=1",
        hosts::example("sim-ncp")
    );
    host.start_bridge(&[&device]);
    assert_it_works(&host);
    // It dies, and comes back without a network: a new one behind the same command.
    host.run(&["pkill", "-f", "^[^ ]*sim-ncp --stdio hurry:extras:seed=1"]);
    host.wait_for("the loss in the log", |host| {
        host.log().contains("lost").then_some(())
    });
    host.wait_for_state("offline");
    assert_it_works(&host);
}

#[test]
fn a_command_has_the_user_s_rights_from_its_first_start() {
    if !needs::root() {
        return;
    }
    let folder = Folder::new();
    let users = folder_of_nobody(&folder, "users").join("user");
    let ncp = hosts::example("sim-ncp");
    let device = format!(
        "system:id -un >{}; exec {ncp} --stdio hurry:extras:seed=1",
        users.display()
    );
    let mut host = Host::new(&folder, "only");
    host.start_bridge(&["--user", "nobody", &device]);
    assert_eq!(fs::read_to_string(&users).unwrap(), "nobody\n");
}

#[test]
fn a_co_processor_that_comes_later_is_waited_for() {
    if !needs::root() {
        return;
    }
    let folder = Folder::new();
    let mut host = Host::new(&folder, "only");
    host.start_bridge_anyhow(&["tcp:[::1]:9000"]);
    host.wait_for_state("uninitialized");
    let (code, why) = host.refused("form test");
    assert_eq!(code, 5, "{why}");
    let (_ncp, _) = ncp_on_tcp(&host, &folder, "seed=1");
    host.wait_for_state("offline");
    assert_it_works(&host);
}

#[test]
fn a_co_processor_on_a_serial_port() {
    if !needs::root() {
        return;
    }
    let folder = Folder::new();
    let mut host = Host::new(&folder, "only");
    let name = folder.join("pty");
    let mut ncp = std::process::Command::new(hosts::example("sim-ncp"));
    ncp.args(["--pty", "hurry:extras:seed=1"])
        .stdout(fs::File::create(&name).unwrap());
    let _ncp = hosts::Process(ncp.spawn().unwrap());
    let port = host.wait_for("the pty", |_| {
        let text = fs::read_to_string(&name).ok()?;
        Some(text.lines().next()?.to_owned())
    });
    host.start_bridge(&[&format!("serial:{port}:115200")]);
    assert_it_works(&host);
}

/// Ten seconds in a network in which nothing happens: the loop wakes up for its own housekeeping alone.
#[test]
fn an_idle_network_costs_nothing() {
    if !needs::root() {
        return;
    }
    let folder = Folder::new();
    let mut host = Host::start(&folder, "only", "sim:hurry:extras:seed=1");
    host.ctl("form test");
    // Until the last update has come.
    sleep(Duration::from_secs(3));
    let pid = host.bridge().0.id().to_string();
    let trace = folder.join("trace");
    let mut strace = std::process::Command::new("timeout");
    strace
        .args(["-s", "INT", "10", "strace", "-qq", "-o"])
        .arg(&trace);
    strace.args(["-p", &pid]).status().unwrap();
    let text = fs::read_to_string(&trace).unwrap();
    // The kernel may repeat its listener reports in the first ten seconds; each makes us look up groups.
    let turns = text.matches("epoll_wait(").count();
    assert!((1..=4).contains(&turns), "{text}");
}
