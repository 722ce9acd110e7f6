//! One instance of the daemon: its connection, what it told last, and the threads that work on calls.

use crate::bus::{log, Bus, Reply, LIMITS};
use crate::control::{lock, next_line, Lines, Link};
use crate::signals;
use crate::values;
use spinel_bridge::ctl::line::Told;
use spinel_bridge::ctl::{Answer, Code, Failure, Field};
use spinel_bridge::wire::ids::Property;
use std::collections::HashMap;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::mpsc::{sync_channel, SyncSender, TrySendError};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// What is to be done for a call.
pub(crate) type Job = Box<dyn FnOnce() + Send>;

/// An instance, for as long as its socket is there.
#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) bus: Bus,
    pub(crate) socket: PathBuf,
    pub(crate) known: Mutex<Known>,
    /// Its name while its objects are on the bus. Apart from `known`, which is held while signals are sent:
    /// who reads from the bus must not wait for that.
    pub(crate) name_on_bus: Mutex<Option<String>>,
    wake: Condvar,
    /// Takes its turn behind what takes long: forming, joining, scanning.
    slow: Lane,
    quick: Lane,
}

/// What is known of it.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// Of the network interface; empty before the first greeting.
    pub(crate) name: String,
    link: Option<Arc<Link>>,
    /// As `status` says it; empty while nothing is known.
    pub(crate) state: String,
    /// The objects are on the bus.
    pub(crate) is_told: bool,
    /// What the daemon remembers of its co-processor, but for secrets.
    pub(crate) values: HashMap<Property, Vec<u8>>,
    pub(crate) node_type: String,
    /// What takes long is being done: wpantund calls it not ready for the host to sleep.
    pub(crate) is_working: bool,
    /// What events said last that cannot be asked for.
    pub(crate) told: HashMap<Property, Vec<Vec<u8>>>,
    /// What wpantund keeps itself: the local dataset, settings.
    pub(crate) dataset: Vec<(Property, Vec<u8>)>,
    /// Connections of their own on which frames are sniffed.
    pub(crate) sniffing: Vec<UnixStream>,
    is_over: bool,
}

/// A thread that does one thing after the other.
#[derive(Debug)]
pub(crate) struct Lane(Mutex<Option<SyncSender<Queued>>>);

struct Queued(Job);

impl std::fmt::Debug for Queued {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a job")
    }
}

impl Lane {
    pub(crate) fn new(name: &str) -> io::Result<Lane> {
        let (sender, jobs) = sync_channel::<Queued>(QUEUE_MAX);
        let run = move || {
            for job in jobs {
                (job.0)();
            }
        };
        thread::Builder::new()
            .name(name.to_owned())
            .stack_size(STACK)
            .spawn(run)?;
        Ok(Lane(Mutex::new(Some(sender))))
    }

    pub(crate) fn push(&self, job: Job) -> bool {
        match &*lock(&self.0) {
            Some(sender) => !matches!(sender.try_send(Queued(job)), Err(TrySendError::Full(_))),
            None => true,
        }
    }
}

impl Instance {
    /// Starts to serve the instance that listens on `socket`.
    pub(crate) fn start(bus: &Bus, socket: PathBuf) -> io::Result<Arc<Instance>> {
        let instance = Arc::new(Instance {
            bus: bus.clone(),
            socket,
            known: Mutex::default(),
            name_on_bus: Mutex::default(),
            wake: Condvar::new(),
            slow: Lane::new("slow calls")?,
            quick: Lane::new("calls")?,
        });
        let reader = Arc::clone(&instance);
        thread::Builder::new()
            .name("events".to_owned())
            .stack_size(STACK)
            .spawn(move || reader.run())?;
        Ok(instance)
    }

    /// The socket is gone: the end of all threads.
    pub(crate) fn end(&self) {
        let mut known = lock(&self.known);
        known.is_over = true;
        if let Some(link) = &known.link {
            link.close();
        }
        drop(known);
        self.wake.notify_all();
        *lock(&self.slow.0) = None;
        *lock(&self.quick.0) = None;
    }

    /// Something changed about its socket: try again at once.
    pub(crate) fn retry(&self) {
        self.wake.notify_all();
    }

    /// Takes its turn; false if too many wait already.
    pub(crate) fn push(&self, is_slow: bool, job: Job) -> bool {
        match is_slow {
            true => self.slow.push(job),
            false => self.quick.push(job),
        }
    }

    /// The answer where too many wait.
    pub(crate) fn too_many() -> Reply {
        Reply::Error(LIMITS.into(), "too many calls wait: try again later".into())
    }

    /// Whether its objects are on the bus, and its name.
    pub(crate) fn name_on_bus(&self) -> Option<String> {
        lock(&self.name_on_bus).clone()
    }

    /// The connection.
    pub(crate) fn link(&self) -> Result<Arc<Link>, Failure> {
        let known = lock(&self.known);
        let gone = || {
            Failure::new(
                Code::NoDaemon,
                "spinel-bridge is being restarted: try again",
            )
        };
        known.link.clone().ok_or_else(gone)
    }

    fn run(self: &Arc<Self>) {
        let mut pause = PAUSE_MIN;
        while !lock(&self.known).is_over {
            match Link::open(&self.socket) {
                Ok((link, lines, name)) => {
                    pause = PAUSE_MIN;
                    let link = Arc::new(link);
                    if let Err(error) = self.serve(&link, lines, name) {
                        log(&format!("{}: {error}", self.socket.display()));
                    }
                    link.close();
                    lock(&self.known).link = None;
                    signals::lost(self);
                }
                // Its daemon has left it behind, or does not listen yet.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                Err(error) => {
                    if pause == PAUSE_MIN {
                        log(&format!("{}: {error}", self.socket.display()));
                    }
                }
            }
            let known = lock(&self.known);
            if known.is_over {
                return;
            }
            let waited = self.wake.wait_timeout(known, pause);
            drop(waited.unwrap_or_else(PoisonError::into_inner));
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    fn serve(self: &Arc<Self>, link: &Arc<Link>, mut lines: Lines, name: String) -> io::Result<()> {
        // So that nothing happens between what is asked now and the events.
        link.tell("monitor", "monitor")?;
        {
            let mut known = lock(&self.known);
            known.values.clear();
            known.name = name;
            if known.is_over {
                return Ok(());
            }
        }
        greet(link)?;
        while let Some(told) = next_line(&mut lines)? {
            match told {
                Ok(Told::Answer { tag, answer }) => match tag.as_str() {
                    LIST => self.listed(&answer),
                    STATE => self.stated(link, &answer),
                    _ => link.answered(&tag, answer),
                },
                Ok(Told::Event { name, fields }) if name == "lost" => {
                    log(&format!("events were lost: {fields:?}"));
                    greet(link)?;
                }
                Ok(Told::Event { name, fields }) => signals::event(self, &name, &fields),
                Ok(Told::Greeting { .. }) | Err(_) => {}
            }
        }
        Ok(())
    }

    /// What the daemon remembers.
    fn listed(&self, answer: &Answer) {
        let Answer::Row(row) = answer else {
            return;
        };
        let mut known = lock(&self.known);
        for (name, field) in &row.0 {
            let Ok(property) = name.parse::<Property>() else {
                continue;
            };
            if let Some(octets) = values::packed(property, field).filter(|_| !property.is_secret())
            {
                known.values.insert(property, octets);
            }
        }
    }

    /// The state comes last: calls are let in now.
    fn stated(&self, link: &Arc<Link>, answer: &Answer) {
        match answer {
            Answer::Row(row) => {
                if let Some((_, Field::Word(state) | Field::Text(state))) = row.0.first() {
                    signals::state(self, state);
                }
            }
            Answer::Done => lock(&self.known).link = Some(Arc::clone(link)),
            Answer::Progress { .. } | Answer::Failed(_) => {}
        }
    }
}

/// Asks for what is known already. The answers come among the events, in their order.
fn greet(link: &Link) -> io::Result<()> {
    link.tell(LIST, "list")?;
    link.tell(STATE, "getprop NCP:State")
}

/// Tags, which no number is.
const LIST: &str = "list";
const STATE: &str = "state";

/// Calls that wait for their turn; each holds a message.
const QUEUE_MAX: usize = 128;

/// Nothing recurses here.
const STACK: usize = 256 * 1024;

const PAUSE_MIN: Duration = Duration::from_millis(100);

/// A daemon that is there and cannot be used is asked again from time to time; when its socket changes, at
/// once.
const PAUSE_MAX: Duration = Duration::from_secs(5);
