//! OpenThread's own firmware behind the test module: its NCP's SPI code is the slave, the kernel's spidev and gpiochip
//! are what drives it. tests/firmware/spi_slave.c is between the firmware and the module.

use crate::cases::{end, Case, Outcome, DEVICE, LINES};
use crate::client::{Client, Got};
use crate::network::{await_state, ctl, ping, start, LENGTHS};
use crate::process::{text, Bridge};
use spinel_bridge::sim::rng::Rng;
use std::io::{BufRead, BufReader, Write};
use std::net::Ipv6Addr;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// In the order in which they run.
pub(crate) const CASES: &[Case] = &[
    ("OpenThread's NCP: 1,000 questions", || {
        plain_rate(questions(1_000, &[])?)
    }),
    ("OpenThread's NCP: 1,000, in no hurry", || {
        plain_rate(questions(
            1_000,
            &[
                ("SPI_SLAVE_REARM_US", "150"),
                ("SPI_SLAVE_PROCESS_US", "200"),
                ("SPI_SLAVE_REFUSE", "7"),
            ],
        )?)
    }),
    ("OpenThread's NCP: arms 0 to 3 ms late", arms_late),
    ("OpenThread's NCP: boots in 2 s", || {
        let _slave = Firmware::start(&[("SPI_SLAVE_BOOT_MS", "2000")])?;
        let (bridge, mut client) = Bridge::stdio(&[LINES, &[DEVICE]].concat())?;
        let time = client.await_reset(LONG)?;
        version(&mut client)?;
        end(bridge)?;
        Ok(format!("reset told after {:.1} s", time.as_secs_f64()))
    }),
    ("OpenThread's NCP: reset by RES", reset_by_res),
    ("tun: OpenThread's NCP in a network", network),
];

/// The same picture as in virtual time (benches/table.txt): a question costs more by what the slave needs to
/// arm, twice, and no cliff is there.
fn arms_late() -> Outcome {
    let mut said = Vec::new();
    let mut at_once = 0.0;
    for rearm in [0, 60, 150, 500, 3_000] {
        let (_, rate) = questions(400, &[("SPI_SLAVE_REARM_US", &rearm.to_string())])?;
        let each = 1_000.0 / rate;
        if rearm == 0 {
            at_once = each;
        }
        said.push(format!("{rearm} us: {each:.1} ms"));
        // A machine that is busy with something else makes it slower, by far less than the 10 ms that a pause
        // of the hosts in use takes for each frame.
        let most = 2.0 * at_once + 2.6 * f64::from(rearm) / 1_000.0 + 5.0;
        if each > most {
            return Err(format!("{}; wanted {most:.1} ms", said.join(", ")));
        }
    }
    Ok(said.join(", "))
}

fn plain_rate((version, rate): (String, f64)) -> Outcome {
    Ok(format!("{version}; {rate:.0}/s"))
}

/// Questions of all lengths that the firmware takes, and their answers: the version, and how many a second.
fn questions(count: u32, options: &[(&str, &str)]) -> Result<(String, f64), String> {
    let _slave = Firmware::start(options)?;
    let (bridge, mut client) = Bridge::stdio(&[LINES, &[DEVICE]].concat())?;
    client.await_reset(LONG)?;
    let version = version(&mut client)?;
    let mut wanted = Vec::new();
    for property in PROPERTIES {
        wanted.push(client.get(property)?);
    }
    let (mut rng, start) = (Rng::new(5), Instant::now());
    for number in 0..count {
        let which = rng.below(PROPERTIES.len() as u64) as usize;
        let mut frame = vec![0x81 + (number % 15) as u8, 0x02, PROPERTIES[which]];
        // What follows the property is ignored.
        frame.resize(3 + rng.below(FRAME_MAX - 2) as usize, 0x5a);
        client.send(&frame);
        let answer = [&[frame[0], 0x06, frame[2]], &wanted[which][..]].concat();
        loop {
            match client.next(Instant::now() + LONG)? {
                Some(Got::Frame(got)) if got == answer => break,
                Some(Got::Frame(got)) if got[0] == 0x80 && !got.starts_with(STATUS) => {}
                got => return Err(format!("in place of answer {number}: {got:02x?}")),
            }
        }
    }
    let time = start.elapsed().as_secs_f64();
    end(bridge)?;
    Ok((version, f64::from(count) / time))
}

fn version(client: &mut Client) -> Outcome {
    let version = client.get(NCP_VERSION)?;
    let version = String::from_utf8_lossy(&version);
    match version.starts_with("OPENTHREAD/") {
        true => Ok(version.chars().take(20).collect()),
        false => Err(format!("version {version}")),
    }
}

/// What lives in its memory alone is gone after a pulse.
fn reset_by_res() -> Outcome {
    let _slave = Firmware::start(&[])?;
    let (bridge, mut client) = Bridge::stdio(&[LINES, &[DEVICE]].concat())?;
    client.await_reset(LONG)?;
    if client.get(NET_IF_UP)? != [0] {
        return Err("the interface is up at the start".to_owned());
    }
    client.send(&[0x82, 0x03, NET_IF_UP, 1]);
    if client.get(NET_IF_UP)? != [1] {
        return Err("the interface does not come up".to_owned());
    }
    client.ask_for_reset();
    let time = client.await_reset(LONG)?;
    if client.get(NET_IF_UP)? != [0] {
        return Err("the interface is up after a reset".to_owned());
    }
    end(bridge)?;
    Ok(format!("told after {} ms", time.as_millis()))
}

/// The host driver in the network of a second node.
fn network() -> Outcome {
    let _slave = Firmware::start(&[])?;
    let mut node = Node::start()?;
    for line in [
        "dataset init new",
        "dataset commit active",
        "ifconfig up",
        "thread start",
    ] {
        node.run(line)?;
    }
    node.wait_for_role("leader")?;
    let dataset = node.run("dataset active -x")?;
    let target = node.run("ipaddr mleid")?;
    let target: Ipv6Addr = target.parse().map_err(|_| format!("'{target}'"))?;

    let bridge = start(&[])?;
    ctl(&["setprop", "THREAD_ACTIVE_DATASET_TLVS", &dataset])?;
    ctl(&["setprop", "NET_IF_UP", "true"])?;
    ctl(&["setprop", "NET_STACK_UP", "true"])?;
    await_state("associated")?;
    for len in LENGTHS {
        ping(target, len)?;
    }
    let begin = Instant::now();
    ctl(&["reset", "hard"])?;
    await_state("associated")?;
    let time = begin.elapsed();
    ping(target, 56)?;
    end(bridge)?;
    Ok(format!(
        "{} pings; associated again {:.1} s after a reset by RES",
        LENGTHS.len() + 1,
        time.as_secs_f64()
    ))
}

/// The NCP. Killed when dropped, and its settings with it.
struct Firmware {
    child: Child,
}

impl Firmware {
    /// The options are those of tests/firmware/spi_slave.c.
    fn start(options: &[(&str, &str)]) -> Result<Firmware, String> {
        let _ = std::fs::remove_dir_all("/tmp/tmp");
        let child = Command::new("/bin/ot-ncp-ftd-spi")
            .arg("1")
            .current_dir("/tmp")
            .env("SPI_SLAVE", "/dev/spinel-slave")
            .envs(options.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .map_err(|error| format!("/bin/ot-ncp-ftd-spi: {error}"))?;
        Ok(Firmware { child })
    }
}

impl Drop for Firmware {
    fn drop(&mut self) {
        // It may have died.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A second node, `ot-cli-ftd`. Killed when dropped.
struct Node {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Node {
    fn start() -> Result<Node, String> {
        let mut child = Command::new("/bin/ot-cli-ftd")
            .arg("2")
            .current_dir("/tmp")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("/bin/ot-cli-ftd: {error}"))?;
        let lines = BufReader::new(child.stdout.take().ok_or("no pipe")?);
        Ok(Node { child, lines })
    }

    /// Runs a command to its `Done`; the last line before that.
    fn run(&mut self, command: &str) -> Outcome {
        let stdin = self.child.stdin.as_mut().ok_or("no pipe")?;
        writeln!(stdin, "{command}").map_err(text)?;
        let mut last = String::new();
        loop {
            let mut line = String::new();
            if self.lines.read_line(&mut line).map_err(text)? == 0 {
                return Err(format!("{command}: the node has ended"));
            }
            let line = line.trim().trim_start_matches("> ");
            match line {
                "Done" => return Ok(last),
                "" => {}
                error if error.starts_with("Error ") => return Err(format!("{command}: {error}")),
                line => last = line.to_owned(),
            }
        }
    }

    fn wait_for_role(&mut self, role: &str) -> Result<(), String> {
        let limit = Instant::now() + 2 * LONG;
        loop {
            let now = self.run("state")?;
            if now == role {
                return Ok(());
            }
            if Instant::now() > limit {
                return Err(format!("the second node is {now}, not {role}"));
            }
            sleep(Duration::from_millis(200));
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const NCP_VERSION: u8 = 2;
const NET_IF_UP: u8 = 0x41;
/// LAST_STATUS, unsolicited: it was reset.
const STATUS: &[u8] = &[0x80, 0x06, 0x00];
/// Answers of 1 to 100 octets that do not change: PROTOCOL_VERSION, NCP_VERSION, INTERFACE_TYPE, CAPS, HWADDR,
/// NET_NETWORK_NAME.
const PROPERTIES: [u8; 6] = [1, NCP_VERSION, 3, 5, 8, 0x44];
/// kSpiBufferSize without the header (src/ncp/ncp_spi.hpp).
const FRAME_MAX: u64 = 1_295;
/// It takes seconds on a quiet machine.
const LONG: Duration = Duration::from_secs(30);
