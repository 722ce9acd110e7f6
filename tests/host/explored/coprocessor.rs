//! A co-processor that means well, and tells the truth unless it is made to lie.

use spinel_bridge::wire::packed::Reader;
use std::collections::{BTreeMap, VecDeque};

pub(crate) struct Coprocessor {
    pub(crate) values: BTreeMap<u32, Vec<u8>>,
    /// Commands of the host that have no answer yet.
    pub(crate) asked: VecDeque<Vec<u8>>,
    /// What it will tell unasked.
    pub(crate) told: VecDeque<Vec<u8>>,
    /// The host may believe what is not so, until the next handshake.
    pub(crate) has_lied: bool,
    /// Commands may have been lost on their way: what they were to undo is not undone.
    pub(crate) has_missed: bool,
}

impl Coprocessor {
    pub(crate) fn new() -> Self {
        let mut coprocessor = Coprocessor {
            values: BTreeMap::new(),
            asked: VecDeque::new(),
            told: VecDeque::new(),
            has_lied: false,
            has_missed: false,
        };
        for (property, value) in USUAL {
            coprocessor.values.insert(*property, value.to_vec());
        }
        coprocessor
    }

    pub(crate) fn set(&mut self, property: u32, value: &[u8]) {
        self.values.insert(property, value.to_vec());
    }

    /// This is so now, and what goes with it: in this order it is told.
    pub(crate) fn becomes(&mut self, property: u32, value: u8) -> Vec<(u32, u8)> {
        let changes = match (property, value) {
            (NET_STACK_UP, 0) => vec![(NET_STACK_UP, 0), (NET_ROLE, 0)],
            (NET_ROLE, 1..=3) => vec![(NET_STACK_UP, 1), (NET_ROLE, value)],
            change => vec![change],
        };
        for (property, value) in &changes {
            self.set(*property, &[*value]);
        }
        // What it was about to tell of that is out of date.
        self.told.retain(|frame| {
            changes
                .iter()
                .all(|(property, _)| split(frame).0 != *property)
        });
        changes
    }

    pub(crate) fn flag(&self, property: u32) -> u8 {
        let value = self.values.get(&property);
        value.and_then(|value| value.first()).copied().unwrap_or(0)
    }

    /// Takes a frame of the host.
    pub(crate) fn take(&mut self, frame: &[u8]) {
        if frame[1] == 1 {
            return self.restart(0x72);
        }
        if frame[1..] == [2, 1] {
            self.has_lied = false;
        }
        self.asked.push_back(frame.to_vec());
    }

    /// What was sent did not come.
    pub(crate) fn miss(&mut self) {
        self.has_missed = true;
        self.asked.clear();
    }

    /// What it does not store is gone, and it says so.
    pub(crate) fn restart(&mut self, why: u8) {
        self.forget();
        self.told.push_back(vec![0x80, 6, 0, why]);
    }

    /// Another firmware. Nobody listens to it.
    pub(crate) fn replace(&mut self) {
        self.forget();
        self.set(3, &[3]);
    }

    pub(crate) fn forget(&mut self) {
        self.has_missed = false;
        self.asked.clear();
        self.told.clear();
        for property in [NET_IF_UP, NET_STACK_UP, NET_ROLE, MCU_POWER_STATE] {
            self.set(property, &[0]);
        }
        for property in [ASSISTING_PORTS, RAW_STREAM] {
            self.values.remove(&property);
        }
    }

    /// The answer to the oldest command, as it is meant.
    pub(crate) fn answer(&mut self) -> Option<Vec<u8>> {
        let asked = self.asked.pop_front()?;
        Some(self.usual(&asked))
    }

    fn usual(&mut self, asked: &[u8]) -> Vec<u8> {
        let status = |status: u8| vec![asked[0], 6, 0, status];
        let (property, value) = split(asked);
        match asked[1] {
            2 => match self.values.get(&property) {
                Some(known) => [&[asked[0], 6], &asked[2..], known].concat(),
                None => status(13),
            },
            3 => {
                self.set(property, &value);
                self.follow(property, value.first().copied().unwrap_or(0));
                [&[asked[0], 6], &asked[2..]].concat()
            }
            // NET_CLEAR.
            10 => {
                self.set(NET_SAVED, &[0]);
                status(0)
            }
            _ => status(0),
        }
    }

    /// What follows when this was set.
    fn follow(&mut self, property: u32, value: u8) {
        match property {
            NET_STACK_UP => {
                self.tell(NET_ROLE, if value == 0 { &[0] } else { &[3] });
                if value != 0 {
                    self.set(NET_SAVED, &[1]);
                }
            }
            MAC_SCAN_STATE if value != 0 => self.tell(MAC_SCAN_STATE, &[0]),
            JOINER if value != 0 => self.told.push_back(vec![0x80, 6, 0, 0x6D]),
            LEAVE => self.tell(LEAVE, &[]),
            _ => {}
        }
    }

    /// This is so from now on, and the host is told by and by.
    fn tell(&mut self, property: u32, value: &[u8]) {
        self.set(property, value);
        self.told.push_back(update(property, value));
    }
}

/// A value that nobody asked for.
pub(crate) fn update(property: u32, value: &[u8]) -> Vec<u8> {
    [&[0x80, 6], &number(property)[..], value].concat()
}

/// The property that a command concerns, and what follows.
pub(crate) fn split(asked: &[u8]) -> (u32, Vec<u8>) {
    let mut reader = Reader::new(asked.get(2..).unwrap_or_default());
    let property = reader.uint_packed().unwrap_or(0);
    let value = asked.get(2 + number(property).len()..);
    (property, value.unwrap_or_default().to_vec())
}

fn number(property: u32) -> Vec<u8> {
    let mut octets = [0; 3];
    let mut writer = spinel_bridge::wire::packed::Writer::new(&mut octets);
    writer.uint_packed(property).expect("a property");
    let len = writer.len();
    octets[..len].to_vec()
}

pub(crate) const MCU_POWER_STATE: u32 = 13;
pub(crate) const MAC_SCAN_STATE: u32 = 48;
pub(crate) const RAW_STREAM: u32 = 55;
pub(crate) const NET_SAVED: u32 = 64;
pub(crate) const NET_IF_UP: u32 = 65;
pub(crate) const NET_STACK_UP: u32 = 66;
pub(crate) const NET_ROLE: u32 = 67;
const LEAVE: u32 = 76;
pub(crate) const ASSISTING_PORTS: u32 = 92;
const JOINER: u32 = 129;

const USUAL: &[(u32, &[u8])] = &[
    (1, &[4, 3]),
    (2, b"S\0"),
    (3, &[3]),
    // COUNTERS, UNSOL_UPDATE_FILTER, MCU_POWER_STATE, CONFIG_FTD, ROLE_ROUTER,
    // RCP_RESET_TO_BOOTLOADER, THREAD_JOINER.
    (5, &[5, 12, 13, 32, 48, 66, 0x83, 0x08]),
    (8, &[0x12; 8]),
    (MCU_POWER_STATE, &[0]),
    (33, &[11]),
    (34, &[11, 12, 13, 14, 15]),
    (MAC_SCAN_STATE, &[0]),
    (NET_SAVED, &[0]),
    (NET_IF_UP, &[0]),
    (NET_STACK_UP, &[0]),
    (NET_ROLE, &[0]),
    (94, &[15]),
];
