//! The victim: a host with a LAN, a VPN and a way out, and our driver in it. Looked at from outside: `ip`, `/proc`, and
//! whom its services hear from.

use super::coprocessor::{Coprocessor, Transport};
use crate::hosts::{Folder, Host, Process};
use std::collections::BTreeSet;
use std::fs;
use std::net::Ipv6Addr;
use std::process::Stdio;
use std::time::{Duration, Instant};

pub(crate) struct World {
    pub(crate) coprocessor: Coprocessor,
    pub(crate) host: Host,
    pub(crate) folder: Folder,
    before: Elsewhere,
    memory: u64,
    descriptors: usize,
    began: Instant,
    pub(crate) slowest: Duration,
    _between: Option<Process>,
    /// Interfaces with somebody at the other end.
    _wires: [Process; 2],
}

/// All that is not the business of wpan0.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Elsewhere {
    /// Addresses and routes of all families, and rules.
    lines: BTreeSet<String>,
    /// Where packets to these go.
    ways: Vec<String>,
}

impl World {
    /// The driver is in a network of its own, and its co-processor at the end of a pipe.
    pub(crate) fn new(seed: u64, options: &[&str]) -> World {
        World::over(Transport::Command, seed, options)
    }

    /// The same with the co-processor somewhere else.
    pub(crate) fn over(transport: Transport, seed: u64, options: &[&str]) -> World {
        World::with(seed, options, |coprocessor, host| {
            coprocessor.device(transport, host)
        })
    }

    /// The same with a device of its own: the co-processor is not used.
    pub(crate) fn on(device: &str, options: &[&str]) -> World {
        World::with(0, options, |_, _| (device.to_owned(), None))
    }

    fn with(
        seed: u64,
        options: &[&str],
        device: impl FnOnce(&Coprocessor, &Host) -> (String, Option<Process>),
    ) -> World {
        let folder = Folder::new();
        let mut host = Host::new(&folder, "victim");
        let wires = ["eth0", "vpn0"].map(|name| wire(&host, name));
        for line in HOST.lines() {
            host.run(&line.split(' ').collect::<Vec<_>>());
        }
        let coprocessor = Coprocessor::start(folder.path(), seed);
        let before = Elsewhere::of(&host);
        let (device, between) = device(&coprocessor, &host);
        host.start_bridge(&[options, &[&device]].concat());
        let mut world = World {
            coprocessor,
            host,
            folder,
            before,
            memory: 0,
            descriptors: 0,
            began: Instant::now(),
            slowest: Duration::ZERO,
            _between: between,
            _wires: wires,
        };
        world.host.ctl("form victim -M fdaa:0:0:1::/64");
        world.host.wait_for_state("associated");
        world.is_unharmed();
        (world.memory, world.descriptors) = world.size();
        world
    }

    /// Waits until all that was said is read, and asks for the status meanwhile and afterwards.
    pub(crate) fn settle(&mut self) {
        let end = Instant::now() + crate::hosts::LIMIT;
        loop {
            self.ask();
            if self.coprocessor.has_said_all() {
                break;
            }
            assert!(Instant::now() < end, "it is not read: {}", self.host.log());
        }
        // What it said last is in the socket, or in the driver; a status that comes after it was read after it.
        let said = self.coprocessor.said();
        self.ask();
        assert!(self.coprocessor.said() >= said);
    }

    /// The driver itself answers at once, whatever the co-processor does; what has to be asked of that ends in time,
    /// with an answer or with the reason why there is none.
    pub(crate) fn ask(&mut self) {
        for (words, patience, success) in [("version", PATIENCE, true), ("status", ASKED, false)] {
            let begin = Instant::now();
            let output = self.host.try_ctl(words);
            let took = begin.elapsed();
            assert!(took < patience, "{words}: {took:?}: {}", self.host.log());
            let said = output.status.success() || !success && output.stderr.len() > 20;
            // 3: nobody listens. 7: the client gave up.
            let code = output.status.code();
            assert!(
                said && ![Some(3), Some(7)].contains(&code),
                "{words}: {output:?}"
            );
            if success {
                self.slowest = self.slowest.max(took);
            }
        }
    }

    /// Nothing is other than it was outside of the interface, and on it is nothing but a mesh.
    pub(crate) fn is_unharmed(&mut self) {
        let now = Elsewhere::of(&self.host);
        let lost: Vec<_> = self.before.lines.difference(&now.lines).collect();
        let come: Vec<_> = now.lines.difference(&self.before.lines).collect();
        assert!(
            lost.is_empty() && come.is_empty(),
            "gone: {lost:#?}, come: {come:#?}\n{}",
            self.host.log()
        );
        assert_eq!(self.before.ways, now.ways, "{}", self.host.log());
        let routes = self
            .host
            .run(&["ip", "-6", "route", "show", "table", "all"]);
        for line in routes.lines().filter(|line| is_ours(line)) {
            assert!(is_route_of_a_mesh(line), "{line}\n{}", self.host.log());
        }
        for address in self.host.kernel_addresses() {
            assert!(is_of_a_mesh(address), "{address}\n{}", self.host.log());
        }
    }

    /// It runs still, as it did: memory, descriptors and log are bounded.
    pub(crate) fn is_sound(&mut self) {
        assert!(self.host.bridge().is_running(), "{}", self.host.log());
        let (memory, descriptors) = self.size();
        let log = self.host.log_length();
        println!(
            "memory {} -> {memory} kB, descriptors {} -> {descriptors}, log {log} octets, answers within {} ms, \
             {} octets said, {} commands heard",
            self.memory,
            self.descriptors,
            self.slowest.as_millis(),
            self.coprocessor.said(),
            self.coprocessor.heard()
        );
        assert!(memory < self.memory + GROWTH, "{memory} kB");
        assert!(descriptors <= self.descriptors + 4, "{descriptors}");
        // Three levels, each a burst and then a line in a second.
        let lines = 3 * (200 + self.began.elapsed().as_secs());
        assert!(log < lines * LINE, "{log} octets\n{}", self.host.log());
        let text = self.host.whole_log();
        let odd = |text: &char| text.is_control() && *text != '\n';
        assert_eq!(text.chars().find(odd), None, "in the log");
        assert!(!text.contains("panic"), "{text}");
        let foreign = text
            .lines()
            .find(|line| !line.starts_with("spinel-bridge["));
        assert_eq!(foreign, None, "a line that is not ours");
    }

    /// Once it is honest again, it is used again.
    pub(crate) fn is_used_again(&mut self) {
        self.coprocessor.lie(0);
        self.host.wait_for("the network", |host| {
            host.try_ctl("reset");
            host.try_ctl("leave");
            host.try_ctl("form again").status.success().then_some(())
        });
        self.is_unharmed();
    }

    /// What it costs counts from now on.
    pub(crate) fn begins_anew(&mut self) {
        (self.memory, self.descriptors) = self.size();
        self.slowest = Duration::ZERO;
    }

    /// RssAnon in kB, and descriptors.
    fn size(&mut self) -> (u64, usize) {
        let pid = self.host.bridge().0.id();
        let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("RssAnon:"));
        let memory = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
        let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count();
        (memory.expect("RssAnon"), descriptors)
    }

    /// All addresses of this host, on whatever interface.
    pub(crate) fn own_addresses(&self) -> BTreeSet<Ipv6Addr> {
        let text = self.host.run(&["ip", "-6", "-o", "address"]);
        let words = text
            .split_whitespace()
            .filter_map(|word| word.split('/').next());
        words.filter_map(|word| word.parse().ok()).collect()
    }

    /// Says whom it hears from, on this UDP port of every address: lines of a source and a text.
    pub(crate) fn service(&self) -> (Process, std::path::PathBuf) {
        let file = self.folder.join("heard");
        let program = std::env::current_exe().unwrap();
        let mut command = self.host.command(program.to_str().unwrap());
        command
            .args(["--exact", "the_service", "--nocapture", "--ignored"])
            .stdin(Stdio::null())
            .stdout(fs::File::create(&file).unwrap());
        let service = Process(command.spawn().unwrap());
        self.host.wait_for("the service", |host| {
            let table = host.run(&["cat", "/proc/net/udp6"]);
            table.contains(&format!(":{PORT:04X} ")).then_some(())
        });
        (service, file)
    }
}

/// Another interface, whose packets go nowhere. A TUN: not every kernel can make dummies.
fn wire(host: &Host, name: &str) -> Process {
    let mut command = host.command("socat");
    command.args([
        "-u",
        &format!("TUN,tun-name={name},iff-no-pi,iff-up"),
        "OPEN:/dev/null",
    ]);
    let wire = Process(command.stdin(Stdio::null()).spawn().unwrap());
    host.wait_for("an interface", |host| {
        let text = host.run(&["ip", "link"]);
        text.contains(&format!(" {name}: ")).then_some(())
    });
    wire
}

impl Elsewhere {
    fn of(host: &Host) -> Elsewhere {
        let mut lines = BTreeSet::new();
        for words in [
            "ip -o -6 address",
            "ip -o -4 address",
            "ip -6 route show table all",
            "ip -4 route show table all",
            "ip -6 rule",
            "ip -4 rule",
        ] {
            let text = host.run(&words.split(' ').collect::<Vec<_>>());
            for line in text.lines().filter(|line| !is_ours(line)) {
                // Numbers of interfaces, and lifetimes that are said to pass.
                let line = line.split("valid_lft").next().unwrap_or(line);
                lines.insert(format!("{words}: {}", line.trim()));
            }
        }
        let way = |address: &&str| {
            let text = host.run(&["ip", "-6", "-o", "route", "get", address]);
            let mut words = text.split_whitespace();
            let device = words.by_ref().find(|word| *word == "dev").and(words.next());
            format!("{address} by {}", device.unwrap_or("nothing"))
        };
        Elsewhere {
            lines,
            ways: WAYS.iter().map(way).collect(),
        }
    }
}

/// Whether a line of `ip` is of the interface.
fn is_ours(line: &str) -> bool {
    line.split_whitespace().any(|word| word == "wpan0")
}

/// A /64 that nobody else has, a unique local route, or a default route behind all others.
fn is_route_of_a_mesh(line: &str) -> bool {
    let mut words = line.split_whitespace().peekable();
    // Of an address of its own, and of groups: they lead nobody away.
    let kind = words.peek().copied().unwrap_or("");
    if ["local", "anycast"].contains(&kind) && line.contains("table local") {
        let address = words.nth(1).and_then(|word| word.parse().ok());
        return address.is_some_and(is_of_a_mesh);
    }
    if kind == "multicast" {
        return line.contains("ff00::/8");
    }
    let metric = line.split("metric ").nth(1);
    let metric = metric.and_then(|rest| rest.split(' ').next()?.parse::<u32>().ok());
    match kind {
        "fe80::/64" => true,
        "default" => metric.is_some_and(|metric| metric > 1_000_000),
        prefix => {
            let (address, len) = prefix.split_once('/').unwrap_or((prefix, "128"));
            let address: Ipv6Addr = address.parse().unwrap();
            let len: u8 = len.parse().unwrap();
            let is_local = address.segments()[0] & 0xFE00 == 0xFC00;
            is_of_a_mesh(address) && (len == 64 || is_local && len >= 7)
        }
    }
}

/// Not of the networks of this host's other interfaces, and nothing that stands for something else.
fn is_of_a_mesh(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    let is_elsewhere = matches!(
        segments,
        [0x2001, 0xDB8, 1, ..] | [0xFD12, 1, 1, 1, ..] | [0xFD99, 1, 0, ..]
    ) || address == VPN;
    let is_networks = matches!(segments[0], 0x2000..=0x3FFF | 0xFC00..=0xFDFF | 0xFE80);
    !is_elsewhere && is_networks && segments[0] != 0x2002
}

const VPN: Ipv6Addr = Ipv6Addr::new(0xFD99, 0, 0, 0, 0, 0, 0, 2);

/// A LAN with a gateway and a route for its site, a VPN with a net behind it.
const HOST: &str = "sysctl -qw net.ipv6.conf.eth0.accept_dad=0
sysctl -qw net.ipv6.conf.vpn0.accept_dad=0
ip link set eth0 up
ip link set vpn0 up
ip address add 192.0.2.5/24 dev eth0
ip address add 2001:db8:1:1::5/64 dev eth0 nodad
ip address add fd12:1:1:1::5/64 dev eth0 nodad
ip address add fe80::5/64 dev eth0 nodad
ip address add fd99::2/128 dev vpn0 nodad
ip route add fd99:1::/48 dev vpn0
ip route add 2001:db8:1::/48 via fe80::1 dev eth0
ip route add default via fe80::1 dev eth0 metric 1024";

/// On the LAN, in the site, over the VPN, and out.
const WAYS: &[&str] = &[
    "2001:db8:1:1::1",
    "2001:db8:1:2::53",
    "fd12:1:1:1::1",
    "fd99:1:0:7::53",
    "2600:1::1",
    "2620:1::1",
    "2620:fe:1::1",
    "2a00:1450::1",
    "64:ff9b::808:808",
    "8000::1",
];

/// Of the service.
pub(crate) const PORT: u16 = 7_777;

/// Machines are loaded.
const PATIENCE: Duration = Duration::from_secs(10);

/// A command that is answered by nothing is given up after 11 s and more (docs/host-driver.md, "When answers get lost").
const ASKED: Duration = Duration::from_secs(60);

/// What the allocator may keep, in kB: 32 control clients that read nothing take 68 KiB each.
const GROWTH: u64 = 4_096;

/// No line of the log is longer, in octets.
const LINE: u64 = 1_024;
