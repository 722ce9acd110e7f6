//! Attacks. The co-processor, the mesh behind it, the members of the control socket's group and the clients of a pty
//! are strangers: whatever they say, the host is what it was outside of wpan0 and goes on.
//!
//! `HOSTILE_SEED=N` chooses other lies, `HOSTILE_ROUNDS=N` makes more of them (10: some minutes).
//!
//! Runs as root, because a TUN interface takes that.

#[path = "hostile/client.rs"]
mod client;
#[path = "hostile/coprocessor.rs"]
mod coprocessor;
#[path = "hostile/floods.rs"]
mod floods;
#[path = "hosts/mod.rs"]
mod hosts;
#[path = "hostile/lies.rs"]
mod lies;
#[path = "needs/mod.rs"]
mod needs;
#[path = "hostile/packets.rs"]
mod packets;
#[path = "hostile/world.rs"]
mod world;

use lies::{frame, properties, Liar, UNASKED};
use spinel_bridge::wire::ids::{Command, Property};
use std::fs;
use std::io::Write;
use std::net::{Ipv6Addr, UdpSocket};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};
use world::World;

fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |text| text.parse().expect(name))
}

fn seed() -> u64 {
    number("HOSTILE_SEED", 1)
}

fn rounds() -> u64 {
    number("HOSTILE_ROUNDS", 1)
}

#[test]
fn values_of_every_property_that_nobody_asked_for() {
    if !needs::root() {
        return;
    }
    let mut world = World::new(seed(), &[]);
    let mut liar = Liar::new(seed());
    for _ in 0..4 * rounds() {
        for (index, property) in properties().into_iter().enumerate() {
            for frame in liar.frames_of(property) {
                world.coprocessor.say(&frame);
            }
            if index % 64 == 0 {
                world.settle();
            }
        }
        world.settle();
        world.is_unharmed();
    }
    world.is_sound();
    world.is_used_again();
}

#[test]
fn answers_that_are_other_than_what_was_asked_for() {
    if !needs::root() {
        return;
    }
    let mut world = World::new(seed(), &[]);
    for round in 0..6 * rounds() {
        world.coprocessor.lie([5, 20, 60][round as usize % 3]);
        // Start-ups ask the most.
        world.coprocessor.say(&[0x80, 0x06, 0x00, 0x72]);
        for words in [
            "list",
            "reset",
            "scan -c 15",
            "form lies",
            "counters",
            "attach",
        ] {
            let words: Vec<_> = words.split(' ').collect();
            let socket = world.host.socket().display().to_string();
            let mut command = world.host.command("timeout");
            command.args(["2", env!("CARGO_BIN_EXE_spinelctl"), "--socket", &socket]);
            let output = command.args(words).output().unwrap();
            let said = [output.stdout, output.stderr].concat();
            let said = String::from_utf8_lossy(&said);
            let odd = |text: &char| text.is_control() && !"\n\t".contains(*text);
            assert_eq!(said.chars().find(odd), None, "{said:?}");
            world.ask();
        }
        world.is_unharmed();
    }
    world.is_sound();
    world.is_used_again();
}

#[test]
fn addresses_and_routes_of_others() {
    if !needs::root() {
        return;
    }
    for options in [&[][..], &["--no-routes", "--no-slaac"], &["--show-rloc"]] {
        let mut world = World::new(seed(), options);
        let honest = |host: &hosts::Host, name: &str| {
            let text = host.ctl(&format!("get -v {name}"));
            text.trim().to_owned()
        };
        assert!(!honest(&world.host, "IPV6_ML_ADDR").is_empty());
        for (count, address) in lies::ADDRESSES.iter().enumerate() {
            for bits in [0_u8, 1, 3, 12, 16, 48, 63, 64, 65, 96, 127, 128, 200] {
                let net = [&address.octets()[..], &[bits]].concat();
                let lifetimes = [0xFF; 8];
                let inserted = Command::PROP_VALUE_INSERTED;
                for (property, rest) in [
                    (Property::IPV6_ADDRESS_TABLE, &lifetimes[..]),
                    // Stable, with all flags; not ours; of a node.
                    (Property::THREAD_ON_MESH_NETS, &[1, 0xFF, 0, 0, 0x34, 0x12]),
                    (
                        Property::THREAD_OFF_MESH_ROUTES,
                        &[1, 0x40, 0, 0, 0x34, 0x12],
                    ),
                    (Property::IPV6_MULTICAST_ADDRESS_TABLE, &[]),
                ] {
                    let item = [&net[..], rest].concat();
                    let said = frame(UNASKED, inserted, property, &item);
                    world.coprocessor.say(&said);
                }
            }
            for property in [Property::IPV6_LL_ADDR, Property::IPV6_ML_ADDR] {
                world.coprocessor.tell(property, &address.octets());
            }
            let prefix = [&address.octets()[..], &[64]].concat();
            world.coprocessor.tell(Property::IPV6_ML_PREFIX, &prefix);
            world.settle();
            // Rows are few: make room for the next.
            if count % 3 == 2 {
                world.is_unharmed();
                for property in [
                    Property::IPV6_ADDRESS_TABLE,
                    Property::THREAD_ON_MESH_NETS,
                    Property::THREAD_OFF_MESH_ROUTES,
                    Property::IPV6_MULTICAST_ADDRESS_TABLE,
                ] {
                    world.coprocessor.tell(property, &[]);
                }
            }
        }
        world.is_unharmed();
        world.is_sound();
    }
}

#[test]
fn packets_from_ourselves_and_from_nobody() {
    if !needs::root() {
        return;
    }
    let mut world = World::new(seed(), &[]);
    // Addresses that somebody gave the interface; the co-processor is about to deny that it has them.
    for address in ["fdaa:0:0:2::7/64", "fe80::7/64", "2001:db8:aa::7/64"] {
        world
            .host
            .run(&["ip", "address", "add", address, "dev", "wpan0", "nodad"]);
    }
    let status = world.host.status().unwrap();
    let ours: Ipv6Addr = status["mesh_local_address"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    world.coprocessor.tell(Property::IPV6_ADDRESS_TABLE, &[]);
    world.settle();
    let own = world.own_addresses();
    let mut sources: Vec<Ipv6Addr> = own.iter().copied().collect();
    sources.extend(lies::ADDRESSES);
    let mut destinations: Vec<Ipv6Addr> = own.iter().copied().collect();
    destinations.extend(lies::ADDRESSES);
    let (_service, heard) = world.service();
    for source in &sources {
        for destination in &destinations {
            let packet = packets::udp(*source, *destination, world::PORT, b"lie");
            for stream in [Property::STREAM_NET, Property::STREAM_NET_INSECURE] {
                world.coprocessor.tell(stream, &with_length(&packet));
            }
        }
        world.settle();
    }
    // Somebody who is in the mesh is heard, and so was all before.
    let honest: Ipv6Addr = "fdaa:0:0:1::99".parse().unwrap();
    let text = world.host.wait_for("an honest packet", |_| {
        let packet = packets::udp(honest, ours, world::PORT, b"truth");
        world
            .coprocessor
            .tell(Property::STREAM_NET, &with_length(&packet));
        let text = fs::read_to_string(&heard).unwrap();
        text.contains("truth").then_some(text)
    });
    let mut lies = 0;
    for line in text.lines().filter(|line| line.contains(" heard ")) {
        let source = line.split(' ').next().unwrap();
        let source: Ipv6Addr = source.parse().unwrap();
        let is_nobody = source.is_unspecified() || source.is_loopback() || source.is_multicast();
        let is_mapped = source.to_ipv4_mapped().is_some();
        assert!(
            !own.contains(&source) && !is_nobody && !is_mapped,
            "{line} {own:#?}"
        );
        lies += 1;
    }
    // Strangers may well send to us.
    assert!(lies > 10, "{text}");
    world.is_unharmed();
    world.is_sound();
}

#[test]
fn routers_and_redirects_of_the_mesh() {
    if !needs::root() {
        return;
    }
    let mut world = World::new(seed(), &[]);
    // As where the kernel's settings cannot be written, in a container.
    for setting in [
        "accept_ra=2",
        "accept_redirects=1",
        "autoconf=1",
        "accept_ra_rt_info_max_plen=128",
    ] {
        let setting = format!("net.ipv6.conf.wpan0.{setting}");
        world.host.run(&["sysctl", "-qw", &setting]);
    }
    world.is_unharmed();
    let router: Ipv6Addr = "fe80::99".parse().unwrap();
    let everybody: Ipv6Addr = "ff02::1".parse().unwrap();
    let link_local = world.host.kernel_addresses();
    let own = link_local
        .iter()
        .find(|address| address.segments()[0] == 0xFE80);
    let dns: Ipv6Addr = "2620:1::1".parse().unwrap();
    for destination in [everybody, *own.expect("a link-local address")] {
        for prefix in ["2001:db8:bad::", "2001:db8:1:1::", "fdbb::"] {
            let message = packets::advertisement(prefix.parse().unwrap(), dns);
            let packet = packets::icmp(router, destination, &message);
            world
                .coprocessor
                .tell(Property::STREAM_NET, &with_length(&packet));
        }
        let packet = packets::icmp(router, destination, &packets::redirect(router, dns));
        world
            .coprocessor
            .tell(Property::STREAM_NET, &with_length(&packet));
    }
    let mut liar = Liar::new(seed());
    for _ in 0..200 * rounds() {
        let kind = *liar.pick(&[133, 134, 135, 136, 137, 130, 131, 143, 1, 2, 3, 4, 128, 138]);
        let mut message = liar.value_of(Property(9_999));
        message.resize(message.len().clamp(24, 1_200), 0);
        message[0] = kind;
        let packet = packets::icmp(liar.address(), liar.address(), &message);
        world
            .coprocessor
            .tell(Property::STREAM_NET, &with_length(&packet));
        world
            .coprocessor
            .tell(Property::STREAM_NET_INSECURE, &with_length(&packet));
    }
    world.settle();
    let forwarded = world.host.ctl("counters");
    assert!(forwarded.contains("packets"), "{forwarded}");
    world.is_unharmed();
    world.is_sound();
}

/// Members of the group may manage the network. Nobody said that they may manage this host.
#[test]
fn members_of_the_group() {
    if !needs::root() {
        return;
    }
    let mut world = World::new(seed(), &["--control-group", "65534"]);
    // Two of them bury themselves in what they may: each property, each way, as it is and made up.
    let mut liar = Liar::new(seed());
    let mut lines = String::new();
    for (number, property) in properties().into_iter().enumerate() {
        for verb in ["getprop", "setprop", "insertprop", "removeprop"] {
            let value: String = match verb {
                "getprop" => String::new(),
                "setprop" => hex(&liar.value_of(property)),
                _ => hex(&liar.item_of(property)),
            };
            let line = format!("{number}{verb} {verb} -d {} {value}\n", property.0);
            // Longer ones end the connection.
            if line.len() < 4_000 && ![0, 0x1F_FFFF].contains(&property.0) {
                lines.push_str(&line);
            }
        }
    }
    let takes = [
        "insertprop IPV6_ADDRESS_TABLE ::1:2 0 1 1",
        "insertprop IPV6_ADDRESS_TABLE 2620:1::1 0 4294967295 4294967295",
        "insertprop IPV6_ADDRESS_TABLE 2001:db8:1:1::1 64 4294967295 4294967295",
        "insertprop IPV6_ADDRESS_TABLE fd99:1::53 48 4294967295 4294967295",
        "insertprop IPV6_ADDRESS_TABLE fdcc::1 8 4294967295 4294967295",
        "add-prefix 2001:db8:1:1::/64 -s -o -a",
        "add-prefix fd99:1:0:7::/64 -s -o -a",
        "add-route 2620::/16 -p high",
        "add-route ::/0 -p high",
        "setprop IPV6_ML_PREFIX 2001:db8:1:1::/64",
    ];
    for words in takes {
        let output = member(&world, &["spinelctl", words]).output().unwrap();
        println!(
            "{words}: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
        world.ask();
        world.is_unharmed();
    }
    // And others are idle, say nothing that makes sense, or read nothing of what they are told.
    let mut members: Vec<_> = (0..40).map(|_| Member::new(&world)).collect();
    for (index, member) in members.iter_mut().enumerate() {
        match index % 4 {
            0 => member.say(&"1 list\n".repeat(200)),
            1 => member.say(&"x".repeat(10_000)),
            2 => member.say(&String::from_utf8_lossy(&liar.value_of(Property(9_999)))),
            _ => {}
        }
        // Root gets in all the same.
        if index % 10 == 9 {
            world.ask();
        }
    }
    drop(members);
    for chunk in lines.lines().collect::<Vec<_>>().chunks(8) {
        let mut busy = Member::new(&world);
        busy.say(&(chunk.join("\n") + "\n"));
        world.ask();
    }
    world.is_unharmed();
    world.is_sound();
    world.is_used_again();
}

/// A connection of a member of the group, who is nobody else.
struct Member(Child);

impl Member {
    fn new(world: &World) -> Member {
        let mut command = member(world, &["socat", "-t", "5", "-"]);
        command.arg(format!("UNIX-CONNECT:{}", world.host.socket().display()));
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Member(command.spawn().unwrap())
    }

    fn say(&mut self, text: &str) {
        // Who was sent away hears nothing any more.
        let _ = self.0.stdin.as_mut().unwrap().write_all(text.as_bytes());
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        // What was said is passed on before it ends.
        drop(self.0.stdin.take());
        let end = Instant::now() + Duration::from_secs(1);
        while self.0.try_wait().unwrap().is_none() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `spinelctl` with a line of words, or any other program, as a member of the group.
fn member(world: &World, words: &[&str]) -> std::process::Command {
    let mut command = std::process::Command::new("setpriv");
    command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]);
    match words {
        ["spinelctl", line] => {
            command.arg(env!("CARGO_BIN_EXE_spinelctl")).arg("--socket");
            command.arg(world.host.socket()).args(line.split(' '));
        }
        words => drop(command.args(words)),
    }
    command
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02X}")).collect()
}

/// Not a test: what [`World::service`] runs in the victim's namespace.
#[test]
#[ignore = "the service of other tests"]
fn the_service() {
    if !needs::root() {
        return;
    }
    let socket = UdpSocket::bind(("::", world::PORT)).unwrap();
    let mut buffer = [0; 64];
    while let Ok((n, from)) = socket.recv_from(&mut buffer) {
        println!(
            "{} heard {}",
            from.ip(),
            String::from_utf8_lossy(&buffer[..n])
        );
    }
}

fn with_length(octets: &[u8]) -> Vec<u8> {
    let length = (octets.len() as u16).to_le_bytes();
    [&length[..], octets].concat()
}
