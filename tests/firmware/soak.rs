//! Two drivers on real firmware, one over SPI and one over pipes, beside a node with a command line; and three on
//! simulated co-processors with faults, all at once and for long. Nothing is lost but what a reset takes, and what the
//! firmware's air does (1 ping in 500 at the most): whose loss it is, captures and the firmware's own counts of frames tell.
//! Memory and descriptors stay what they were. Figures are printed:
//!
//! `SOAK_SECONDS=3600 tests/firmware/run.sh soak -- --nocapture`; without it, a minute.

use crate::host_scene::{another_with, enter, mesh_local, Bus, Scene};
use crate::hosts::{Host, Process};
use crate::tapped::{blame, Tapped};
use spinel_bridge::sim::rng::Rng;
use std::fs;
use std::net::Ipv6Addr;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// Faults under which nothing is lost (docs/figures.md, "What it promises"), all at once. `late-int` and `rearm` only take time.
const HARMLESS: &str =
    "crc:void=2%:refuse=2%:lose-edge=2%:late-int=500us:eio=1%:flip=1%:late-header=1%:data-len=1%:\
                        busy=300us:rearm=100us:rearm-spread=100us";
const HARMLESS_WITHOUT_CRC: &str =
    "void=2%:refuse=2%:lose-edge=2%:eio=1%:half-duplex:stale-room:ring=2048:drain=500";
/// Nothing is promised but that it comes back and answers.
const HARMFUL: &str = "garbage=1%:flip-any=1%:void=1%:boot=300ms:boot-low:boot-int:reset=300ppm";

#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn soak() {
    let length = std::env::var("SOAK_SECONDS").map_or(60, |text| text.parse().unwrap());
    let end = Instant::now() + Duration::from_secs(length);
    let mut soak = Soak::new();
    // What the first round loads and opens is no growth.
    soak.round();
    let before = soak.figures();
    let mut rounds = 1;
    while Instant::now() < end {
        if rounds % 4 == 1 {
            soak.reset(rounds / 4);
        }
        soak.round();
        rounds += 1;
        if rounds % 20 == 0 {
            println!("{rounds} rounds: {}", soak.sums());
        }
    }
    let after = soak.figures();
    println!("{rounds} rounds: {}", soak.sums());
    for ((name, before), (_, after)) in before.iter().zip(&after) {
        println!(
            "{name}: memory of its own {} -> {} kB, descriptors {} -> {}, log {} octets",
            before.memory, after.memory, before.descriptors, after.descriptors, after.log
        );
    }
    println!("lost by us: {:#?}", soak.lost);
    println!("lost from firmware to firmware: {:#?}", soak.air);
    assert!(soak.lost.is_empty());
    // Firmware itself gives a packet up now and then.
    assert!(soak.given_up <= 1 + soak.sent / 500);
    for ((name, before), (_, after)) in before.iter().zip(&after) {
        assert!(
            after.memory <= before.memory + GROWTH,
            "{name}: {before:?} {after:?}"
        );
        // A moment's connection of spinelctl or command of the driver.
        assert!(
            after.descriptors <= before.descriptors + 4,
            "{name}: {before:?} {after:?}"
        );
        // A few lines for each reset.
        let bound = 100_000 + 5_000 * soak.resets + 200 * length;
        assert!(after.log < bound, "{name}: {} octets of log", after.log);
    }
}

struct Soak {
    /// On SPI.
    scene: Scene,
    /// On pipes.
    pipes: Host,
    /// Two in one network without resets, and one that restarts.
    simulated: [Host; 3],
    sent: u64,
    octets: u64,
    port: u16,
    resets: u64,
    slowest: Duration,
    /// The captures of the two on firmware.
    taps: [Tapped; FIRMWARES],
    /// Tries of a ping, each with an identifier of its own.
    tries: u16,
    /// By us.
    lost: Vec<String>,
    /// Tries that firmware lost.
    air: Vec<String>,
    /// Pings of which it lost all tries.
    given_up: u64,
}

#[derive(Debug)]
struct Figures {
    /// RssAnon, in kB.
    memory: u64,
    descriptors: usize,
    log: u64,
}

impl Soak {
    fn new() -> Soak {
        let folder = std::env::temp_dir().join(format!("soak-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let captures = ["spi", "pipes"].map(|name| folder.join(name));
        let [of_spi, of_pipes] = [&captures[0], &captures[1]].map(|path| Tapped::arguments(path));
        let mut scene = Scene::member(Bus::Spi, &words(&of_spi));
        let dataset = scene.node.get("dataset active -x");
        let pipes = another_with(&scene.world, "ot-ncp-ftd", 3, &words(&of_pipes));
        enter(&pipes, &dataset);
        let radio = scene.world.folder.radio();
        let start = |name: &str, faults: &str| {
            let device = format!("sim:auto-init:hurry:{radio}:{faults}");
            Host::start(&scene.world.folder, name, &device)
        };
        let first = start("first", &format!("seed=1:{HARMLESS}"));
        first.ctl("form soak -c 15");
        let second = start("second", &format!("seed=2:{HARMLESS_WITHOUT_CRC}"));
        let key = first.ctl("get -v NET_NETWORK_KEY");
        let status = first.status().expect("a status");
        second.ctl(&format!(
            "join soak -c 15 -p {} -x {} -k {}",
            status["panid"].as_str().unwrap(),
            status["xpanid"].as_str().unwrap(),
            key.trim()
        ));
        let third = start("third", &format!("seed=3:{HARMFUL}"));
        third.wait_for("a network", |host| {
            let formed = host.try_ctl("form alone -c 20").status.success();
            (formed || host.status()?["state"] == "associated").then_some(())
        });
        Soak {
            scene,
            pipes,
            simulated: [first, second, third],
            sent: 0,
            octets: 0,
            port: 0,
            resets: 0,
            slowest: Duration::ZERO,
            taps: captures.map(Tapped::new),
            tries: 0,
            lost: Vec::new(),
            air: Vec::new(),
            given_up: 0,
        }
    }

    fn hosts(&mut self) -> [(&'static str, &mut Host); 5] {
        let [first, second, third] = &mut self.simulated;
        [
            ("firmware over SPI", &mut self.scene.world.host),
            ("firmware over pipes", &mut self.pipes),
            ("sim with CRC", first),
            ("sim without CRC", second),
            ("sim that restarts", third),
        ]
    }

    fn figures(&mut self) -> Vec<(&'static str, Figures)> {
        let hosts = self.hosts().into_iter();
        hosts
            .map(|(name, host)| (name, Figures::of(host)))
            .collect()
    }

    fn sums(&self) -> String {
        format!(
            "{} pings, {} losses of ours, {} of {} tries lost by firmware, {} octets over TCP, {} resets, \
             slowest status {} ms",
            self.sent,
            self.lost.len(),
            self.air.len(),
            self.tries,
            self.octets,
            self.resets,
            self.slowest.as_millis()
        )
    }

    /// Pings and files between all who can reach each other, and the state of everybody.
    fn round(&mut self) {
        let node = self.scene.node_address();
        let [spi, pipes] = [mesh_local(self.scene.host()), mesh_local(&self.pipes)];
        let [first, second] = [0, 1].map(|index| mesh_local(&self.simulated[index]));
        // The way is found before it is counted: the first packets to an address wait for its query.
        self.scene.host().ping(pipes);
        self.pipes.ping(node);
        self.scene.host().ping(node);
        self.simulated[0].ping(second);
        for (from, to, size) in [
            (0, None, 8),
            (0, Some(1), 300),
            (1, None, 1_000),
            (1, Some(0), 1_232),
            (2, Some(3), 64),
            (3, Some(2), 1_232),
        ] {
            let address = to.map_or(node, |to| [spi, pipes, first, second][to]);
            self.pings(from, to, address, size);
        }
        self.count_frames();
        // Some thousand transactions, a few of which restart it.
        for _ in 0..10 {
            self.simulated[2].try_ctl("list");
            self.simulated[2].try_ctl("counters");
        }
        let data = noise(self.sent, 20_000);
        let folder = self.scene.world.folder.path().to_owned();
        let (spi, pipes) = (self.scene.host(), &self.pipes);
        let mut port = self.port;
        for (from, to) in [
            (spi, pipes),
            (pipes, spi),
            (&self.simulated[0], &self.simulated[1]),
            (&self.simulated[1], &self.simulated[0]),
        ] {
            // Of the last one a socket is left that waits.
            port += 1;
            transfer(from, to, &data, &folder, 10_000 + port % 20_000);
        }
        self.port = port;
        self.octets += 4 * data.len() as u64;
        let mut slowest = self.slowest;
        for (_, host) in self.hosts() {
            let begin = Instant::now();
            assert!(host.status().is_some(), "{}", host.log());
            slowest = slowest.max(begin.elapsed());
        }
        self.slowest = slowest;
    }

    /// `to` is which of the hosts that is.
    fn pings(&mut self, from: usize, to: Option<usize>, address: Ipv6Addr, size: usize) {
        let (target, size) = (address.to_string(), size.to_string());
        // One after the other: firmware has room for one large packet or two, and drops what comes meanwhile.
        for _ in 0..COUNT {
            self.sent += 1;
            // The firmware's air loses packets on a busy machine, where acknowledgements come late.
            let tries = if from < FIRMWARES { 3 } else { 1 };
            if !(0..tries).any(|_| self.ping(from, to, &target, &size)) && from < FIRMWARES {
                self.given_up += 1;
            }
        }
    }

    fn ping(&mut self, from: usize, to: Option<usize>, target: &str, size: &str) -> bool {
        // 0 would be one of its own.
        self.tries = self.tries % u16::MAX + 1;
        let number = self.tries;
        let identifier = number.to_string();
        let words = [
            "ping",
            "-6",
            "-n",
            "-c",
            "1",
            "-W",
            "20",
            "-e",
            &identifier,
            "-s",
            size,
            target,
        ];
        let (name, host) = &mut self.hosts()[from];
        if host.try_run(&words).status.success() {
            return true;
        }
        let line = format!("{name} to {target}, {size} octets: {}", drops(host));
        let blame = match (from, to, &mut self.taps) {
            (0, Some(1), [from, to]) | (1, Some(0), [to, from]) => blame(number, from, Some(to)),
            (0 | 1, None, taps) => blame(number, &mut taps[from], None),
            // Over the simulated bus nothing is lost.
            _ => Err("over a simulated bus"),
        };
        let (list, blame) = match blame {
            Ok(blame) => (&mut self.air, blame),
            Err(blame) => (&mut self.lost, blame),
        };
        println!("{line}{blame}");
        list.push(format!("{line}{blame}"));
        false
    }

    /// Whether the firmwares and their drivers have seen the same frames since the last round.
    fn count_frames(&mut self) {
        let hosts = [&self.scene.world.host, &self.pipes];
        for (tap, host) in self.taps.iter_mut().zip(hosts) {
            if let Some(difference) = tap.lost_on_the_bus(host) {
                println!("{difference}");
                self.lost.push(difference);
            }
        }
    }

    /// One of the firmwares is reset, or dies, and all is as before.
    fn reset(&mut self, number: u64) {
        match number % 4 {
            0 => drop(self.scene.host().ctl("reset hard")),
            1 => drop(self.pipes.ctl("reset")),
            2 => drop(self.scene.host().ctl("reset")),
            _ => {
                let board = self.scene.board.as_mut().expect("a board");
                board.kill();
                board.power(&self.scene.world, "ot-ncp-ftd-spi", 1, &[]);
                // Until the driver has noticed it is what it was.
                self.scene.host().wait_for("a start", |host| {
                    let of_firmware = host.try_ctl("get -v THREAD_RLOC16").status.success();
                    (host.state() != "associated" || !of_firmware).then_some(())
                });
            }
        }
        self.resets += 1;
        self.scene.host().wait_for_state("associated");
        self.pipes.wait_for_state("associated");
        // Counted anew.
        self.count_frames();
    }
}

fn words(arguments: &[String; 4]) -> [&str; 4] {
    let [a, b, c, d] = arguments;
    [a, b, c, d].map(String::as_str)
}

impl Drop for Soak {
    fn drop(&mut self) {
        for tap in &self.taps {
            let _ = fs::remove_dir_all(tap.folder());
        }
    }
}

impl Figures {
    fn of(host: &mut Host) -> Figures {
        let pid = host.bridge().0.id();
        let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("RssAnon:"));
        let memory = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
        Figures {
            memory: memory.expect("RssAnon"),
            descriptors: fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count(),
            log: host.log_length(),
        }
    }
}

/// What the driver and the firmware say that they did not pass on.
fn drops(host: &Host) -> String {
    let counters = host.ctl("counters");
    let of_interest = |line: &&str| {
        let line = line.to_lowercase();
        ["drop", "fail", "err", "lost"]
            .iter()
            .any(|word| line.contains(word))
            && !line.ends_with(" 0")
    };
    counters
        .lines()
        .filter(of_interest)
        .map(|line| format!("{line}; "))
        .collect()
}

/// Over TCP, and compared.
fn transfer(from: &Host, to: &Host, data: &[u8], folder: &std::path::Path, port: u16) {
    let (sent, received) = (folder.join("sent"), folder.join("received"));
    fs::write(&sent, data).unwrap();
    let mut listener = to.command("socat");
    listener
        .args(["-u", &format!("TCP6-LISTEN:{port},reuseaddr")])
        .arg(format!("CREATE:{}", received.display()))
        .stdin(Stdio::null());
    let mut listener = Process(listener.spawn().unwrap());
    to.wait_for("the listener", |to| {
        to.run(&["cat", "/proc/net/tcp6"])
            .contains(&format!(
                ":{port:04X} 00000000000000000000000000000000:0000 0A"
            ))
            .then_some(())
    });
    let target = format!("TCP6:[{}]:{port}", mesh_local(to));
    from.run(&["socat", "-u", &format!("FILE:{}", sent.display()), &target]);
    assert_eq!(listener.ended(), Some(0));
    assert!(fs::read(&received).unwrap() == data, "it was changed");
}

fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut rng = Rng::new(seed);
    let mut data: Vec<u8> = (0..=length / 8).flat_map(|_| rng.octets::<8>()).collect();
    data.truncate(length);
    data
}

/// How many of the hosts have firmware, first in their list.
const FIRMWARES: usize = 2;

/// Pings in a row.
const COUNT: u64 = 5;

/// What the allocator may keep, in kB: fragments, and the longest answer that there was.
const GROWTH: u64 = 512;
