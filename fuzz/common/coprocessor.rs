//! A co-processor that answers what it is asked, each question with a value that fits, unless the
//! fuzzer says otherwise: so tasks go on to their end.

use super::values::{self, item_of, number, value_of};
use super::Input;
use spinel_bridge::bridge::Upper;
use spinel_bridge::host::Host;
use spinel_bridge::wire::ids::{Command, Property, Status};
use spinel_bridge::wire::packed::Reader;
use std::collections::{BTreeMap, VecDeque};

#[derive(Default)]
pub(crate) struct Coprocessor {
    values: BTreeMap<u32, Vec<u8>>,
    /// Commands of the host that have no answer yet.
    asked: VecDeque<Vec<u8>>,
    /// What it will tell unasked.
    told: VecDeque<Vec<u8>>,
    /// Octets for what is found in scans, and for what it refuses to do.
    mood: u8,
}

impl Coprocessor {
    pub(crate) fn new(mood: u8) -> Self {
        Coprocessor {
            mood,
            ..Coprocessor::default()
        }
    }

    /// Takes a frame of the host; the oldest without an answer is forgotten.
    pub(crate) fn take(&mut self, frame: &[u8]) {
        if frame[1] == Command::RESET.0 as u8 {
            self.restart(Status::RESET_SOFTWARE);
            return;
        }
        if self.asked.len() >= ASKED_MAX {
            self.asked.pop_front();
        }
        self.asked.push_back(frame.to_vec());
    }

    /// Everything that it knew is gone, and it says so.
    pub(crate) fn restart(&mut self, why: Status) {
        self.asked.clear();
        self.told.clear();
        self.values.clear();
        self.tell(Property::LAST_STATUS, &number(Property(why.0)));
    }

    /// Answers a command as it is meant; false if there is none.
    pub(crate) fn answer(&mut self, host: &mut Host) -> bool {
        let Some(asked) = self.asked.pop_front() else {
            return false;
        };
        let answer = self.usual(&asked);
        deliver(host, &answer);
        true
    }

    /// Tells something of what followed from the commands; false if there is nothing.
    pub(crate) fn follow_up(&mut self, host: &mut Host) -> bool {
        let Some(frame) = self.told.pop_front() else {
            return false;
        };
        deliver(host, &frame);
        true
    }

    /// Answers a command, but not as it is meant.
    pub(crate) fn answer_oddly(&mut self, host: &mut Host, input: &mut Input<'_>) {
        let Some(asked) = self.asked.pop_front() else {
            return;
        };
        let property = property_of(&asked);
        let head = [asked[0], Command::PROP_VALUE_IS.0 as u8];
        let is = |property: Property, value: &[u8]| [&head[..], &number(property), value].concat();
        let answer = match input.octet() % 8 {
            0 | 1 => is(property, &value_of(property, input)),
            2 | 3 => {
                let status = *input.pick(STATUSES);
                is(Property::LAST_STATUS, &number(Property(status.0)))
            }
            4 => {
                let other = values::property(input);
                is(other, &value_of(other, input))
            }
            5 => [&head[..1], &[input.octet() % 28], &asked[2..]].concat(),
            6 => is(property, &[]),
            // Never.
            _ => return,
        };
        deliver(host, &answer);
    }

    /// A value, an item or a status that nobody asked for.
    pub(crate) fn update(&mut self, host: &mut Host, input: &mut Input<'_>) {
        let property = values::property(input);
        let (command, value) = match input.octet() % 8 {
            0..=3 => (Command::PROP_VALUE_IS, value_of(property, input)),
            4 | 5 => (Command::PROP_VALUE_INSERTED, item_of(property, input)),
            6 => (Command::PROP_VALUE_REMOVED, item_of(property, input)),
            _ => {
                let status = *input.pick(STATUSES);
                let status = number(Property(status.0));
                return deliver(
                    host,
                    &frame(Command::PROP_VALUE_IS, Property::LAST_STATUS, &status),
                );
            }
        };
        if command == Command::PROP_VALUE_IS {
            self.values.insert(property.0, value.clone());
        }
        deliver(host, &frame(command, property, &value));
    }

    /// The answer to a command (two octets at least) as it is meant.
    pub(crate) fn usual(&mut self, asked: &[u8]) -> Vec<u8> {
        let property = property_of(asked);
        let told = number(property);
        let value = asked.get(2 + told.len()..).unwrap_or_default();
        let answer = |command: Command, rest: &[u8]| {
            [&[asked[0], command.0 as u8], &told[..], rest].concat()
        };
        match Command(u32::from(asked[1])) {
            Command::PROP_VALUE_GET => answer(Command::PROP_VALUE_IS, &self.value(property)),
            Command::PROP_VALUE_SET => {
                self.values.insert(property.0, value.to_vec());
                self.follow(property, value);
                answer(Command::PROP_VALUE_IS, value)
            }
            Command::PROP_VALUE_INSERT => answer(Command::PROP_VALUE_INSERTED, value),
            Command::PROP_VALUE_REMOVE => answer(Command::PROP_VALUE_REMOVED, value),
            // Address and count, then what is there.
            Command::PEEK if asked.len() >= 8 => {
                let count = usize::from(u16::from_le_bytes([asked[6], asked[7]])).min(1_000);
                [&[asked[0], 19], &asked[2..8], &vec![0xA5; count][..]].concat()
            }
            _ => [asked[0], 6, 0, 0].to_vec(),
        }
    }

    fn value(&self, property: Property) -> Vec<u8> {
        if let Some(value) = self.values.get(&property.0) {
            return value.clone();
        }
        match property {
            Property::PROTOCOL_VERSION => vec![4, 3],
            Property::NCP_VERSION => b"STACK/1.0\0".to_vec(),
            Property::INTERFACE_TYPE => vec![3],
            Property::CAPS => self.capabilities(),
            Property::HWADDR | Property::MAC_15_4_LADDR => vec![0x12; 8],
            Property::PHY_CHAN_SUPPORTED => (11..=26).collect(),
            Property::PHY_CHAN => vec![11],
            Property::NET_SAVED => vec![self.mood >> 7],
            Property::IPV6_LL_ADDR => [&[0xFE, 0x80][..], &[0; 13], &[1]].concat(),
            Property::IPV6_ML_ADDR => {
                [&[0xFD, 0x11, 0x22, 0x33, 0x44, 0x55][..], &[0; 9], &[1]].concat()
            }
            Property::IPV6_ML_PREFIX => {
                [&[0xFD, 0x11, 0x22, 0x33, 0x44, 0x55][..], &[0; 10], &[64]].concat()
            }
            _ => values::value(values::signature(property.info()), &mut Input::new(&[])),
        }
    }

    /// All that §4.2 knows, or some of it.
    fn capabilities(&self) -> Vec<u8> {
        let all = (0..=63).chain(512..=530).chain(1024..=1032);
        let leaves_out = u32::from(self.mood & 0x07);
        // A radio without a stack is another kind of thing.
        let offered = all.filter(|cap| *cap != 34 && (leaves_out == 0 || cap % 8 != leaves_out));
        offered.flat_map(|cap| number(Property(cap))).collect()
    }

    /// What a co-processor tells by and by when this was set.
    fn follow(&mut self, property: Property, value: &[u8]) {
        let first = value.first().copied().unwrap_or(0);
        let is_on = u8::from(first != 0);
        if self.mood & 0x40 != 0 {
            return;
        }
        match property {
            Property::NET_STACK_UP => {
                self.now_is(Property::NET_ROLE, &[is_on * (1 + self.mood % 3)])
            }
            Property::MAC_SCAN_STATE if first != 0 => self.scan(first),
            Property::MESHCOP_JOINER_COMMISSIONING if first != 0 => {
                let outcome = if self.mood & 0x20 == 0 { 109 } else { 105 };
                self.tell(Property::LAST_STATUS, &[outcome]);
            }
            Property::NET_LEAVE_GRACEFULLY => self.tell(property, &[]),
            Property::MESHCOP_COMMISSIONER_STATE => self.now_is(property, &[is_on * 2]),
            Property::MAC_RAW_STREAM_ENABLED if first != 0 => {
                let raw = [
                    &[9, 0][..],
                    &[0x41, 0x88, 1, 0xCE, 0xFA, 0xFF, 0xFF, 1, 0],
                    &[0xD0, 0x80],
                ]
                .concat();
                self.tell(Property::STREAM_RAW, &raw);
            }
            _ => {}
        }
    }

    fn scan(&mut self, kind: u8) {
        let seed = [self.mood; 48];
        for finds in 0..u32::from(self.mood % 4) {
            let property = match kind {
                2 => Property::MAC_ENERGY_SCAN_RESULT,
                _ => Property::MAC_SCAN_BEACON,
            };
            let from = usize::try_from(finds).unwrap_or(0);
            let value = values::value(
                values::signature(property.info()),
                &mut Input::new(&seed[from..]),
            );
            let command = match kind {
                2 => Command::PROP_VALUE_IS,
                _ => Command::PROP_VALUE_INSERTED,
            };
            self.tell_as(command, property, &value);
        }
        self.now_is(Property::MAC_SCAN_STATE, &[0]);
    }

    fn now_is(&mut self, property: Property, value: &[u8]) {
        self.values.insert(property.0, value.to_vec());
        self.tell(property, value);
    }

    fn tell(&mut self, property: Property, value: &[u8]) {
        self.tell_as(Command::PROP_VALUE_IS, property, value);
    }

    /// What finds no room is lost, as with firmware whose queue is full.
    fn tell_as(&mut self, command: Command, property: Property, value: &[u8]) {
        if self.told.len() < ASKED_MAX {
            self.told.push_back(frame(command, property, value));
        }
    }
}

/// Any command of the protocol with a value that fits, past the host.
pub(crate) fn command(input: &mut Input<'_>) -> Vec<u8> {
    let header = 0x80 | input.octet() & 0x1F;
    let command = input.octet() % 24;
    let property = values::property(input);
    let value = match command {
        4 | 5 => values::item_of(property, input),
        _ => values::value_of(property, input),
    };
    let mut frame = [&[header, command][..], &values::number(property), &value].concat();
    frame.truncate(1_300);
    frame
}

/// A frame that is no answer.
pub(crate) fn frame(command: Command, property: Property, value: &[u8]) -> Vec<u8> {
    [&[0x80, command.0 as u8], &number(property)[..], value].concat()
}

/// A frame that does not fit stays with its sender.
pub(crate) fn deliver(host: &mut Host, frame: &[u8]) {
    if host.has_room() {
        host.deliver(&frame[..frame.len().min(FRAME_MAX)]);
    }
}

/// The property of a command; LAST_STATUS if it has none.
pub(crate) fn property_of(asked: &[u8]) -> Property {
    let number = Reader::new(asked.get(2..).unwrap_or_default()).uint_packed();
    number.map_or(Property::LAST_STATUS, Property)
}

/// More than the host lets wait for an answer (`transact::OUTSTANDING_MAX`, 8); those that it gave up are among
/// them.
const ASKED_MAX: usize = 32;
/// Protocol §5.2: what a link delivers at the most.
const FRAME_MAX: usize = 2_043;
const STATUSES: &[Status] = &[
    Status::FAILURE,
    Status::UNIMPLEMENTED,
    Status::INVALID_ARGUMENT,
    Status::INVALID_STATE,
    Status::IN_PROGRESS,
    Status::NOMEM,
    Status::BUSY,
    Status::PROP_NOT_FOUND,
    Status::DROPPED,
    Status::ALREADY,
    Status::ITEM_NOT_FOUND,
    Status::INVALID_COMMAND_FOR_PROP,
    Status::JOIN_FAILURE,
    Status::JOIN_SECURITY,
    Status::JOIN_NO_PEERS,
    Status::JOIN_RSP_TIMEOUT,
    Status::JOIN_SUCCESS,
    Status::RESET_POWER_ON,
    Status::RESET_CRASH,
    Status(127),
];
