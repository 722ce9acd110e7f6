//! What the scripts talk to: a co-processor that takes and gives whole Spinel frames. The firmware is a
//! process behind HDLC on pipes, in real time; the simulated one is an object in virtual time.

use spinel_bridge::hdlc::decode::{Decoder, Event};
use spinel_bridge::hdlc::encode::{encode, encoded_max};
use spinel_bridge::sim::ncp::{Ncp, Variant};
use spinel_bridge::sim::radio::{Ether, Surroundings};
use spinel_bridge::sim::Firmware;
use spinel_bridge::time::{Duration as SimDuration, Instant as SimInstant};
use spinel_bridge::wire::spinel::FRAME_MAX;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::rc::Rc;
use std::sync::mpsc::{channel, Receiver};
use std::time::{Duration, Instant};

/// A co-processor.
pub(crate) trait Peer {
    /// Gives it a frame.
    fn send(&mut self, frame: &[u8]);

    /// The next frame from it, unless it says nothing for so long.
    fn next(&mut self, within: Duration) -> Option<Vec<u8>>;

    /// Its clock.
    fn now(&self) -> Duration;
}

/// An air in which there can be several.
pub(crate) trait Air {
    /// What is in it.
    type Peer: Peer;

    /// Powers node 1 or 2 on, factory-new.
    fn start(&mut self, node: u8) -> Self::Peer;
}

/// OpenThread's firmware on its standard input and output.
pub(crate) struct Process {
    child: Child,
    input: ChildStdin,
    frames: Receiver<Vec<u8>>,
    started: Instant,
}

impl Process {
    /// Starts node `node` (1..=33) in `folder`, where it keeps its settings.
    pub(crate) fn start(mut command: Command, node: u8, folder: &Path) -> Self {
        let mut child = command
            .arg(node.to_string())
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the firmware starts");
        let input = child.stdin.take().unwrap();
        let mut output = child.stdout.take().unwrap();
        let (sender, frames) = channel();
        std::thread::spawn(move || {
            let mut decoder = Decoder::new();
            let mut buf = [0; 4096];
            while let Ok(n) = output.read(&mut buf) {
                let mut rest = &buf[..n];
                while !rest.is_empty() {
                    let (used, event) = decoder.decode(rest);
                    rest = &rest[used..];
                    if let Some(Event::Frame { len }) = event {
                        if sender.send(decoder.frame(len).to_vec()).is_err() {
                            return;
                        }
                    }
                }
                if n == 0 {
                    return;
                }
            }
        });
        Process {
            child,
            input,
            frames,
            started: Instant::now(),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Peer for Process {
    fn send(&mut self, frame: &[u8]) {
        let mut octets = vec![0; encoded_max(frame.len())];
        let len = encode(frame, &mut octets).unwrap();
        self.input
            .write_all(&octets[..len])
            .expect("the firmware takes a frame");
        self.input.flush().expect("the firmware takes a frame");
    }

    fn next(&mut self, within: Duration) -> Option<Vec<u8>> {
        self.frames.recv_timeout(within).ok()
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }
}

/// Simulated co-processors in one air.
pub(crate) struct World {
    /// What each of them is built like.
    variant: Variant,
    ether: Ether,
    now: SimInstant,
    nodes: Vec<(Ncp, VecDeque<Vec<u8>>)>,
}

impl World {
    /// An air without anybody.
    pub(crate) fn new(variant: Variant) -> Rc<RefCell<Self>> {
        Rc::new(RefCell::new(World {
            variant,
            ether: Ether::perfect(),
            now: SimInstant::from_millis(1),
            nodes: Vec::new(),
        }))
    }

    /// What everyone has to say at this moment.
    fn settle(&mut self) {
        let mut buf = [0; FRAME_MAX];
        for _ in 0..10_000 {
            let mut quiet = true;
            for (node, said) in &mut self.nodes {
                node.poll(self.now);
                while let Some(len) = node.transmit(self.now, &mut buf) {
                    quiet = false;
                    said.push_back(buf[..len].to_vec());
                }
                if let Some(cause) = node.take_reset_request() {
                    quiet = false;
                    node.reset(self.now, cause);
                }
            }
            let due = |node: &Ncp| node.poll_timeout().is_some_and(|at| at <= self.now);
            if quiet && !self.nodes.iter().any(|(node, _)| due(node)) {
                return;
            }
        }
        panic!("never quiet");
    }
}

/// One of them.
pub(crate) struct Simulated {
    world: Rc<RefCell<World>>,
    index: usize,
}

impl Simulated {
    /// One more node in the air.
    pub(crate) fn start(world: &Rc<RefCell<World>>, variant: Variant) -> Self {
        let index = world.borrow().nodes.len();
        let surroundings = Surroundings {
            medium: Some(Box::new(world.borrow().ether.radio())),
            salt: index as u64 + 1,
            ..Surroundings::default()
        };
        let ncp = Ncp::with(7, variant, surroundings);
        world.borrow_mut().nodes.push((ncp, VecDeque::new()));
        Simulated {
            world: Rc::clone(world),
            index,
        }
    }
}

impl Peer for Simulated {
    fn send(&mut self, frame: &[u8]) {
        let mut world = self.world.borrow_mut();
        world.settle();
        let now = world.now;
        world.nodes[self.index].0.receive(now, frame);
    }

    fn next(&mut self, within: Duration) -> Option<Vec<u8>> {
        let world = &mut *self.world.borrow_mut();
        let micros = u64::try_from(within.as_micros()).unwrap();
        let until = world.now + SimDuration::from_micros(micros);
        loop {
            world.settle();
            if let Some(frame) = world.nodes[self.index].1.pop_front() {
                return Some(frame);
            }
            let timeouts = world
                .nodes
                .iter()
                .filter_map(|(node, _)| node.poll_timeout());
            match timeouts.min().filter(|next| *next <= until) {
                Some(next) => world.now = world.now.max(next),
                None => {
                    world.now = until;
                    return None;
                }
            }
        }
    }
    fn now(&self) -> Duration {
        Duration::from_micros(self.world.borrow().now.as_micros())
    }
}

/// The firmware's air: all that is started in this network namespace.
pub(crate) struct Firmwares<'a> {
    pub(crate) command: Box<dyn Fn() -> Command + 'a>,
    /// A folder for each, so that each is factory-new.
    pub(crate) folder: PathBuf,
    pub(crate) count: usize,
}

impl Air for Firmwares<'_> {
    type Peer = Process;

    fn start(&mut self, node: u8) -> Process {
        self.count += 1;
        let folder = self.folder.join(self.count.to_string());
        std::fs::create_dir_all(&folder).unwrap();
        Process::start((self.command)(), node, &folder)
    }
}

impl Air for Rc<RefCell<World>> {
    type Peer = Simulated;

    fn start(&mut self, _node: u8) -> Simulated {
        let variant = self.borrow().variant;
        Simulated::start(self, variant)
    }
}
