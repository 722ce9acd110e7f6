//! Which call is for whom.

use crate::bus::{log, Bus, Call, Reply, LIMITS};
use crate::control::lock;
use crate::ctx::Ctx;
use crate::instance::{Instance, Job, Lane};
use crate::introspect;
use crate::own;
use crate::rights::Caller;
use crate::signals::{in_path, MANAGER, V0, V1, V1_PATH};
use crate::status;
use crate::v0;
use crate::v1;
use crate::val::Val;
use spinel_bridge::ctl::{Code, Failure};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

/// All instances, and what is answered for none in particular.
#[derive(Debug)]
pub(crate) struct Service {
    bus: Bus,
    instances: Mutex<BTreeMap<PathBuf, Arc<Instance>>>,
    callers: Mutex<HashMap<String, Caller>>,
    /// For calls that are for no instance.
    own: Lane,
}

/// What a method does, in its turn.
pub(crate) type Handler = fn(&Ctx<'_>, &Call) -> Result<Reply, Failure>;

/// What happens to a call.
pub(crate) enum Routed {
    /// It is answered at once.
    Now(Reply),
    /// Somebody answers it.
    Later,
}

impl Service {
    pub(crate) fn new(bus: Bus) -> io::Result<Arc<Service>> {
        Ok(Arc::new(Service {
            bus,
            instances: Mutex::default(),
            callers: Mutex::default(),
            own: Lane::new("own calls")?,
        }))
    }

    /// Takes a job that is for no instance; false if too many wait.
    pub(crate) fn push_own(&self, job: Job) -> bool {
        self.own.push(job)
    }

    /// These sockets are there now.
    pub(crate) fn sockets(&self, sockets: BTreeSet<PathBuf>) {
        let mut instances = lock(&self.instances);
        instances.retain(|socket, instance| {
            let stays = sockets.contains(socket);
            if !stays {
                instance.end();
            }
            stays
        });
        for socket in sockets {
            if let Some(instance) = instances.get(&socket) {
                instance.retry();
                continue;
            }
            match Instance::start(&self.bus, socket.clone()) {
                Ok(instance) => {
                    instances.insert(socket, instance);
                }
                Err(error) => log(&format!("{}: {error}", socket.display())),
            }
        }
    }

    /// Those that are on the bus, with their names. Of two of the same name the first counts.
    pub(crate) fn on_bus(&self) -> BTreeMap<String, Arc<Instance>> {
        let mut found = BTreeMap::new();
        for instance in lock(&self.instances).values() {
            if let Some(name) = instance.name_on_bus() {
                found.entry(name).or_insert_with(|| Arc::clone(instance));
            }
        }
        found
    }

    /// Takes a call. Does not wait for anything.
    pub(crate) fn route(self: &Arc<Self>, call: Call) -> Routed {
        let is_own = call.path == own::PATH || call.path.starts_with(own::BELOW);
        match (call.interface.as_str(), call.member.as_str()) {
            ("org.freedesktop.DBus.Peer", "Ping") => return Routed::Now(Reply::Vals(Vec::new())),
            ("org.freedesktop.DBus.Peer", "GetMachineId") => return Routed::Now(machine_id()),
            ("org.freedesktop.DBus.Introspectable", "Introspect") => {
                let names: Vec<String> = self.on_bus().into_keys().collect();
                let text = introspect::describe(&call.path, &names);
                return Routed::Now(Reply::Vals(vec![Val::S(text)]));
            }
            // Whatever the path.
            (V0, "GetVersion") if !is_own => {
                return Routed::Now(Reply::Vals(vec![Val::U(VERSION)]))
            }
            (V0, "GetInterfaces") if !is_own => {
                let unique = self.bus.connection.unique_name().map(|name| name.as_str());
                let unique = unique.unwrap_or_default();
                let list = self.on_bus().into_keys();
                let list = list.map(|name| vec![name, unique.to_owned()]).collect();
                return Routed::Now(Reply::Vals(vec![Val::Lists(list)]));
            }
            _ => {}
        }
        let found = match (is_own, call.interface.as_str()) {
            (true, _) => own::find(self, &call),
            (false, V1 | V1_LEGACY) => self.find(&call, V1_PATH, v1::METHODS),
            (false, V0) => self.find(&call, MANAGER, v0::METHODS),
            _ => None,
        };
        match found {
            Some(Found {
                instance,
                is_slow,
                handler,
            }) => self.push(&instance, is_slow, handler, call),
            None if is_own => own::without_instance(self, call),
            None => Routed::Now(Reply::Unknown),
        }
    }

    fn find(&self, call: &Call, below: &str, methods: &[Method]) -> Option<Found> {
        let name = call.path.strip_prefix(below)?.strip_prefix('/')?;
        let instance = self.instance(name)?;
        let method = methods.iter().find(|method| method.0 == call.member)?;
        Some(Found {
            instance,
            is_slow: method.1,
            handler: method.2,
        })
    }

    /// The one that is called so in paths.
    pub(crate) fn instance(&self, name: &str) -> Option<Arc<Instance>> {
        let mut all = self.on_bus().into_iter();
        all.find(|(known, _)| in_path(known) == name)
            .map(|(_, instance)| instance)
    }

    fn push(
        self: &Arc<Self>,
        instance: &Arc<Instance>,
        is_slow: bool,
        handler: Handler,
        call: Call,
    ) -> Routed {
        let service = Arc::clone(self);
        let target = Arc::clone(instance);
        let job: Job = Box::new(move || {
            let reply = service.handle(&target, handler, &call);
            service.bus.reply(&call, &reply);
        });
        match instance.push(is_slow, job) {
            true => Routed::Later,
            false => Routed::Now(Instance::too_many()),
        }
    }

    fn handle(&self, instance: &Arc<Instance>, handler: Handler, call: &Call) -> Reply {
        let caller = match self.caller(&call.sender) {
            Ok(caller) => caller,
            Err(why) => return Reply::denied(why),
        };
        match caller.may_use(&instance.socket) {
            Ok(true) => {}
            Ok(false) => {
                return Reply::denied(
                    "you may not use the control socket of this interface: join its group",
                );
            }
            Err(error) => return Reply::denied(format!("{}: {error}", instance.socket.display())),
        }
        let ctx = Ctx {
            instance,
            caller_is_root: caller.is_root(),
        };
        match handler(&ctx, call) {
            Ok(reply) => reply,
            Err(failure) if failure.code == Code::Denied => Reply::denied(failure.message),
            Err(failure) => Reply::status(status::of(&failure)),
        }
    }

    /// Whoever has a unique name keeps it, and nobody gets it later.
    pub(crate) fn caller(&self, sender: &str) -> Result<Caller, String> {
        if let Some(caller) = lock(&self.callers).get(sender) {
            return Ok(caller.clone());
        }
        let caller = Caller::of(&self.bus, sender)?;
        let mut callers = lock(&self.callers);
        if callers.len() >= CALLERS_MAX {
            callers.clear();
        }
        callers.insert(sender.to_owned(), caller.clone());
        Ok(caller)
    }

    pub(crate) fn bus(&self) -> &Bus {
        &self.bus
    }
}

/// A method: its name, whether it takes its turn behind what takes long, and what it does.
pub(crate) type Method = (&'static str, bool, Handler);

/// For whom a call is, and what is done.
pub(crate) struct Found {
    pub(crate) instance: Arc<Instance>,
    pub(crate) is_slow: bool,
    pub(crate) handler: Handler,
}

fn machine_id() -> Reply {
    let places = ["/var/lib/dbus/machine-id", "/etc/machine-id"];
    let id = places
        .iter()
        .find_map(|place| std::fs::read_to_string(place).ok());
    match id {
        Some(id) => Reply::Vals(vec![Val::s(id.trim())]),
        None => Reply::Error(
            LIMITS.replace("LimitsExceeded", "FileNotFound"),
            "no machine-id".into(),
        ),
    }
}

/// Both names answer.
const V1_LEGACY: &str = "com.nestlabs.wpantund.v1";

/// What wpanctl asks for first, and must be.
const VERSION: u32 = 2;

/// Clients that call again and again are few.
const CALLERS_MAX: usize = 256;
