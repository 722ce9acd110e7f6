//! What the co-processor publishes for us in the network's data: on-mesh prefixes, off-mesh routes and
//! services (protocol §3.16), behind their gates.

use super::shared::{Op, Outcome, ROWS};
use crate::wire::ids::Property;

/// A prefix, a route or a service.
#[derive(Clone, Debug)]
struct Row {
    property: Property,
    /// What names it: the payload of REMOVE.
    key: Vec<u8>,
    /// The payload of INSERT.
    item: Vec<u8>,
    /// Addresses on the interface want it.
    interface: bool,
    /// A user wants it.
    user: bool,
    /// The co-processor has it.
    told: bool,
    /// It is withdrawn, but the network still tells of it.
    lingers: bool,
    op: Option<Op>,
    commands: u8,
}

impl Row {
    fn is_wanted(&self) -> bool {
        self.interface || self.user
    }

    fn command(&self) -> Option<Op> {
        if self.op.is_some() || self.commands >= REPEATS || self.is_wanted() == self.told {
            None
        } else if self.told {
            Some(Op::Remove)
        } else {
            Some(Op::Insert)
        }
    }
}

/// Who publishes something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// Our co-processor.
    Us,
    /// Others only; or ours, as the leader remembers it.
    Others,
    /// Nobody.
    Nobody,
}

/// What is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Opens or closes a gate.
    Gate(Property, bool),
    /// Inserts an item.
    Insert(Property, Vec<u8>),
    /// Removes what is named.
    Remove(Property, Vec<u8>),
}

/// All rows, and the gates.
#[derive(Debug, Default)]
pub(super) struct Published {
    rows: Vec<Row>,
    /// One for each of [`GATES`].
    open: [bool; GATES.len()],
    /// The gate that is being opened or closed.
    moving: Option<(usize, bool)>,
    lost: u64,
}

impl Published {
    /// How many times there was no room for a row more.
    pub(super) const fn lost(&self) -> u64 {
        self.lost
    }

    /// The co-processor listed what it publishes, and perhaps what others do. `of_key` says who
    /// publishes what has a key.
    pub(super) fn listed(&mut self, property: Property, of_key: impl Fn(&[u8]) -> By) {
        for row in self.rows.iter_mut().filter(|row| row.property == property) {
            let by = of_key(&row.key);
            if row.op.is_none() {
                row.told = by == By::Us;
            }
            row.lingers &= by != By::Nobody;
        }
        self.tidy();
    }

    /// A user inserted an item through us, or removed it, and the co-processor took it.
    pub(super) fn user(&mut self, property: Property, key: Vec<u8>, item: &[u8], inserted: bool) {
        if !inserted {
            if let Some(row) = self.find(property, &key) {
                // The user has the last word, also over what the interface wants.
                (row.user, row.told) = (false, false);
                row.commands = REPEATS;
            }
            self.tidy();
        } else if let Some(row) = self.entry(property, key) {
            row.item = item.to_vec();
            (row.user, row.told) = (true, true);
        }
    }

    /// What users inserted is about to be forgotten by the co-processor, too.
    pub(super) fn forget_user(&mut self) {
        for row in self.rows.iter_mut().filter(|row| row.user) {
            (row.user, row.told) = (false, false);
        }
        self.tidy();
    }

    /// Which prefixes the addresses of the interface want, each as key and item.
    pub(super) fn set_interface(&mut self, wanted: &[(Vec<u8>, Vec<u8>)]) {
        let property = Property::THREAD_ON_MESH_NETS;
        for row in self.rows.iter_mut().filter(|row| row.property == property) {
            row.interface = wanted.iter().any(|(key, _)| *key == row.key);
        }
        for (key, item) in wanted {
            if self.find(property, key).is_none() {
                if let Some(row) = self.entry(property, key.clone()) {
                    row.interface = true;
                    row.item = item.clone();
                }
            }
        }
        self.tidy();
    }

    /// Whether it is, or was until now, published for an address of the interface alone.
    pub(super) fn is_for_interface(&self, property: Property, key: &[u8]) -> bool {
        let mut rows = self.rows.iter();
        rows.any(|row| row.property == property && row.key == key && !row.user)
    }

    /// The co-processor restarted.
    pub(super) fn ncp_reset(&mut self) {
        self.open = Default::default();
        self.moving = None;
        for row in &mut self.rows {
            (row.told, row.lingers) = (false, false);
            (row.op, row.commands) = (None, 0);
        }
        self.tidy();
    }

    /// The co-processor is ready: what was refused is tried again.
    pub(super) fn ncp_ready(&mut self) {
        for row in &mut self.rows {
            row.commands = 0;
        }
    }

    /// What to send next. A gate is opened before the first change behind it and closed after the
    /// last one, so that a batch has one falling edge.
    pub(super) fn poll(&mut self) -> Option<Step> {
        for (index, (gate, behind)) in GATES.into_iter().enumerate() {
            let mut rows = self.rows.iter_mut();
            let due = rows.find(|row| behind.contains(&row.property) && row.command().is_some());
            let open = self.open[index];
            match due {
                Some(row) if open => {
                    let op = row.command();
                    row.op = op;
                    row.commands = row.commands.saturating_add(1);
                    return Some(match op {
                        Some(Op::Remove) => Step::Remove(row.property, row.key.clone()),
                        _ => Step::Insert(row.property, row.item.clone()),
                    });
                }
                Some(_) => {
                    self.moving = Some((index, true));
                    return Some(Step::Gate(gate, true));
                }
                None if open => {
                    self.moving = Some((index, false));
                    return Some(Step::Gate(gate, false));
                }
                None => {}
            }
        }
        None
    }

    /// The last step was answered. `closed`: because its gate was closed by somebody else.
    pub(super) fn done(&mut self, outcome: Outcome, closed: bool) {
        if let Some((index, open)) = self.moving.take() {
            self.gate_done(index, open, outcome);
            return;
        }
        let Some(row) = self.rows.iter_mut().find(|row| row.op.is_some()) else {
            return;
        };
        let op = row.op.take();
        match outcome {
            Outcome::Done => {
                row.told = op == Some(Op::Insert);
                row.lingers = !row.told;
            }
            Outcome::Refused if closed => {
                let gate = GATES
                    .iter()
                    .position(|(_, behind)| behind.contains(&row.property));
                if let Some(open) = gate.and_then(|index| self.open.get_mut(index)) {
                    *open = false;
                }
            }
            Outcome::Refused if op == Some(Op::Insert) => row.commands = REPEATS,
            // The co-processor keeps it; there is nothing that we can do.
            Outcome::Refused => row.told = false,
            Outcome::Again | Outcome::Busy => {}
        }
        self.tidy();
    }

    fn gate_done(&mut self, index: usize, open: bool, outcome: Outcome) {
        let done = outcome == Outcome::Done;
        if let Some(gate) = self.open.get_mut(index) {
            *gate = open && done;
        }
        if open && !done {
            let behind = GATES[index].1;
            for row in &mut self.rows {
                if behind.contains(&row.property) && row.command().is_some() {
                    row.commands = match outcome {
                        Outcome::Again | Outcome::Busy => row.commands.saturating_add(1),
                        _ => REPEATS,
                    };
                }
            }
        }
    }

    fn find(&mut self, property: Property, key: &[u8]) -> Option<&mut Row> {
        self.rows
            .iter_mut()
            .find(|row| row.property == property && row.key == key)
    }

    fn entry(&mut self, property: Property, key: Vec<u8>) -> Option<&mut Row> {
        let found = self
            .rows
            .iter()
            .position(|row| row.property == property && row.key == key);
        let index = match found {
            Some(index) => index,
            None if self.rows.len() < ROWS => {
                self.rows.push(Row {
                    property,
                    key,
                    item: Vec::new(),
                    interface: false,
                    user: false,
                    told: false,
                    lingers: false,
                    op: None,
                    commands: 0,
                });
                self.rows.len() - 1
            }
            None => {
                if self.lost == 0 {
                    log::warn!(
                        "{property}: more than {ROWS} prefixes, routes and services: this one and \
                         further ones are not kept over a reset of the co-processor"
                    );
                }
                self.lost = self.lost.saturating_add(1);
                return None;
            }
        };
        self.rows.get_mut(index)
    }

    fn tidy(&mut self) {
        self.rows
            .retain(|row| row.is_wanted() || row.told || row.lingers || row.op.is_some());
    }
}

/// The gates, and what is behind each (protocol §3.7, §3.11).
const GATES: [(Property, &[Property]); 2] = [
    (
        Property::THREAD_ALLOW_LOCAL_NET_DATA_CHANGE,
        &[
            Property::THREAD_ON_MESH_NETS,
            Property::THREAD_OFF_MESH_ROUTES,
        ],
    ),
    (
        Property::SERVER_ALLOW_LOCAL_DATA_CHANGE,
        &[Property::SERVER_SERVICES],
    ),
];

/// How often the same is sent when the co-processor has no room for it, until it is ready anew or the network is
/// joined anew: the leader decides about the room for network data, and it may not be ours to have.
const REPEATS: u8 = 8;
