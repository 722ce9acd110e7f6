//! A simulated Spinel NCP: an OpenThread FTD (protocol 4.3), for everyone who wants to try or test the
//! host's side without hardware. Without a radio ([`Surroundings`]) it is alone in its mesh.
//!
//! It answers as OpenThread's NCP does (protocol §1.2 to §1.4): a frame that is no Spinel is dropped,
//! every command with a TID gets exactly one reply, a value is evaluated when its reply leaves.
//! After a reset the first frame is the reset notification. Then replies go first, IPv6 packets
//! second, scan results third, property updates last.
//!
//! `spinel` and `thread` are the floor below: pieces that own their state, know nothing of this type, and are tested alone.
//! The files beside this one are what it does with them: they route.
//!
//! | part | what it knows |
//! | --- | --- |
//! | `commands` | the commands, and who gets which reply |
//! | `values` | what GET makes up and what SET brings about |
//! | `life` | what happens by and by: attaching, packets, scans |
//! | `frames` | which frame goes out next |
//! | `traffic`, `sniff` | frames and packets on the air, both ways, and who listens in |
//! | `partition` | this node in its network: what it says and hears, whom it loses |
//! | `roles` | how it becomes child, router, leader, and helps others to |
//! | `tables` | what is shown of the network |
//! | `migration` | a pending dataset, and how it comes into force |
//! | `commission` | discovery, joiner, commissioner |
//! | `gadgets` | memory, pins, random numbers, jam detection |
//! | `spinel::properties`, `store`, `shape` | the table of properties, their values, what a value must look like |
//! | `spinel::updates` | what is told without being asked, in what order |
//! | `spinel::dataset` | operational datasets |
//! | `thread::net` | interface, stack, role and addresses |
//! | `thread::air` | the radio: what waits, back-pressure |
//! | `thread::attach` | the search for a parent |
//! | `thread::mesh` | who is there, who has which address |
//! | `thread::scan` | the neighbourhood, and scans of it |
//! | `thread::ping`, `lowpan`, `mle`, `netdata` | the formats of what is on the air (the MAC's: `radio::mac`) |
//!
//! Everything is bounded: [`REPLIES_MAX`] replies, [`PACKETS_MAX`] packets and [`FOUND_MAX`] scan
//! results wait at most, and each property holds at most 32 items of 64 octets. What does not fit is
//! lost and reported (DROPPED for a reply, NOMEM for the rest).
//!
//! It is held to OpenThread's `ot-ncp-ftd` in its default build (`tests/firmware/differences.txt` says where it is not
//! the same); [`Variant`] chooses other builds.
//!
//! It differs from a device in this: echo requests are answered whatever the ping offload says,
//! where nobody else in its mesh could (without a radio); and without non-volatile memory the state lives as long as the
//! object, so a power cycle keeps the network, too. What is on the air is not encrypted, so that a sniffer shows it: a keyed check
//! value keeps networks apart.

mod commands;
mod commission;
mod frames;
mod gadgets;
mod life;
mod migration;
mod partition;
mod roles;
mod sniff;
mod spinel;
mod tables;
mod thread;
mod traffic;
mod values;

use self::commands::{IID_SHIFT, TID_MASK};
use self::commission::{Commissioner, Joiner};
use self::gadgets::Gadgets;
use self::migration::Pending;
use self::spinel::numbers::*;
use self::spinel::pack::pack;
use self::spinel::store::Store;
use self::spinel::updates::{Found, Updates};
use self::spinel::{dataset, properties, updates};
use self::thread::air::Air;
use self::thread::mesh::Mesh;
use self::thread::net::{self, Identity, Net};
use self::thread::scan::{Neighbour, Scan};
use super::radio::{Memory, Surroundings};
use super::rng::Rng;
use super::{Firmware, ResetCause};
use crate::time::{earliest, Instant};
use crate::wire::packed::Reader;
use std::collections::VecDeque;

pub use self::spinel::variant::Variant;

/// The simulated NCP. Two of the same seed that see the same frames at the same times say the same.
#[derive(Debug)]
pub struct Ncp {
    rng: Rng,
    identity: Identity,
    neighbours: Vec<Neighbour>,
    store: Store,
    net: Net,
    scan: Option<Scan>,
    /// The reset that has not been reported yet.
    boot: Option<ResetCause>,
    replies: VecDeque<Reply>,
    packets: VecDeque<Vec<u8>>,
    found: VecDeque<Found>,
    updates: Updates,
    last_status: Status,
    /// The active operational dataset, as MeshCoP TLVs; empty if there is none. It outlives a reset.
    active: Vec<u8>,
    /// The pending one.
    pending: Pending,
    /// It was a router or leader once, which outlives a reset, too.
    was_router: bool,
    /// NET_KEY_SEQUENCE_COUNTER, as long as the network is the same.
    key_sequence: u32,
    memory: Option<Box<dyn Memory>>,
    air: Air,
    mesh: Mesh,
    commissioner: Commissioner,
    joiner: Joiner,
    gadgets: Gadgets,
    variant: Variant,
    reset_request: Option<ResetCause>,
}

/// What is to be said to a command, with the header that it came with.
#[derive(Debug)]
struct Reply {
    header: u8,
    content: Content,
}

#[derive(Debug)]
enum Content {
    /// The value of a property, or why it cannot be had, when the reply leaves.
    Value(u32),
    /// LAST_STATUS.
    Status(Status),
    /// An item that came or went: the command, the property, and the item as it was sent.
    Item(u32, u32, Vec<u8>),
    /// The values of several properties, when the reply leaves.
    Values(Vec<u32>),
    /// Command and payload.
    Frame(Vec<u8>),
}

impl Ncp {
    /// A co-processor that was just powered on. The seed decides its addresses, its neighbourhood
    /// and how long it takes to attach.
    pub fn new(seed: u64) -> Self {
        Ncp::with(seed, Variant::default(), Surroundings::default())
    }

    /// A co-processor that was just powered on, with a radio and a memory if there are some.
    pub fn with(seed: u64, variant: Variant, surroundings: Surroundings) -> Self {
        let mut rng = Rng::new(seed ^ surroundings.salt);
        let mut memory = surroundings.memory;
        let kept = memory.as_mut().and_then(|memory| memory.load());
        let kept = kept.map(|octets| read_memory(&octets)).unwrap_or_default();
        let identity = Identity::random(&mut rng).restored(&kept);
        let saved = |wanted| {
            let row = kept.iter().find(|row: &&(u32, Vec<u8>)| row.0 == wanted);
            row.map(|row| row.1.clone()).unwrap_or_default()
        };
        let active = saved(THREAD_ACTIVE_DATASET_TLVS);
        let active = match dataset::properties(&active) {
            Ok(_) => active,
            Err(_) => Vec::new(),
        };
        let was_router = saved(NET_ROLE) == [1];
        let key_sequence = Reader::new(&saved(NET_KEY_SEQUENCE_COUNTER))
            .uint32()
            .unwrap_or(0);
        let neighbours = Neighbour::all(&mut rng);
        let mut ncp = Ncp {
            net: Net::new(&identity, [0; 8]),
            rng,
            identity,
            neighbours,
            store: Store::new(variant),
            scan: None,
            boot: None,
            replies: VecDeque::new(),
            packets: VecDeque::new(),
            found: VecDeque::new(),
            updates: Updates::default(),
            last_status: OK,
            active,
            pending: Pending::default(),
            was_router,
            key_sequence,
            memory,
            air: Air::new(surroundings.medium),
            mesh: Mesh::default(),
            commissioner: Commissioner::default(),
            joiner: Joiner::default(),
            gadgets: Gadgets::new(),
            variant,
            reset_request: None,
        };
        ncp.start_over(ResetCause::PowerOn);
        ncp.remember();
        ncp
    }
}

impl Firmware for Ncp {
    fn reset(&mut self, _now: Instant, cause: ResetCause) {
        self.start_over(cause);
    }

    fn receive(&mut self, now: Instant, frame: &[u8]) {
        if self.reset_request.is_some() {
            return;
        }
        self.advance(now);
        self.store.count(CNTR_RX_SPINEL_TOTAL, 1);
        if frame.len() > FRAME_MAX || frame.first().map_or(true, |header| header >> 6 != FLAG) {
            self.store.count(CNTR_RX_SPINEL_ERR, 1);
            return;
        }
        // Any frame from the host says that it is awake (protocol §4.4).
        self.store.put(HOST_POWER_STATE, &[HOST_ONLINE]);
        self.handle(now, frame[0], &frame[1..]);
    }

    fn transmit(&mut self, now: Instant, buf: &mut [u8]) -> Option<usize> {
        if self.reset_request.is_some() {
            return None;
        }
        self.advance(now);
        let length = self.next_frame(now, buf)?;
        // TID 0: what is no reply, which repeats the header of its command.
        if buf[0] & TID_MASK == 0 {
            buf[0] |= self.variant.iid << IID_SHIFT;
        }
        self.store.count(CNTR_TX_SPINEL_TOTAL, 1);
        Some(length)
    }

    fn poll(&mut self, now: Instant) {
        if self.reset_request.is_none() {
            self.advance(now);
        }
    }

    /// When attaching or a scan goes on, or the radio wants something. Frames that wait are no matter of
    /// time and not in it: ask [`Firmware::transmit`] until it says `None`, after each frame that was
    /// received.
    fn poll_timeout(&self) -> Option<Instant> {
        let mesh = Some(&self.mesh).filter(|_| self.air.has_radio() && self.net.is_stack_up());
        [
            self.net.poll_timeout(),
            self.scan.as_ref().map(Scan::poll_timeout),
            self.air.poll_timeout(),
            mesh.and_then(Mesh::poll_timeout),
            self.commissioner.poll_timeout(),
            self.joiner.poll_timeout(),
            self.jam_timeout(),
            self.pending.poll_timeout(),
        ]
        .into_iter()
        .fold(None, earliest)
    }

    fn is_ready(&self) -> bool {
        self.air.is_ready()
    }

    fn take_reset_request(&mut self) -> Option<ResetCause> {
        self.reset_request.take()
    }
}

impl Ncp {
    fn start_over(&mut self, cause: ResetCause) {
        self.forget_queues();
        self.store = Store::new(self.variant);
        self.scan = None;
        self.air.restart();
        self.mesh = Mesh::default();
        self.commissioner = Commissioner::default();
        self.joiner = Joiner::default();
        self.gadgets = Gadgets::new();
        self.reset_request = None;
        self.boot = Some(cause);
        self.put_constants();
        // Of a network that nobody has yet.
        let key = self.rng.octets::<16>();
        self.store.put(NET_NETWORK_KEY, &key);
        // It was checked when it was set.
        for (id, value) in dataset::properties(&self.active).unwrap_or_default() {
            self.store.put(id, &value);
        }
        if !self.active.is_empty() {
            let sequence = self.key_sequence.to_le_bytes();
            self.store.put(NET_KEY_SEQUENCE_COUNTER, &sequence);
        }
        let frequency = frequency_khz(self.store.uint8(PHY_CHAN));
        self.store.put(PHY_FREQ, &frequency.to_le_bytes());
        self.net = Net::new(&self.identity, mesh_local_prefix(&self.store));
        self.net
            .set_patience(match (self.variant.hurry, self.was_router) {
                (true, _) => net::HURRIED,
                (false, true) => net::RESTORING,
                (false, false) => net::LEADING,
            });
        self.publish();
        self.updates.clear();
    }

    /// What the identity, the capabilities and the tables decide.
    fn put_constants(&mut self) {
        let ids = |ids: &[u32]| pack(|w| ids.iter().try_for_each(|id| w.uint_packed(*id)));
        let channels: Vec<_> = (CHANNEL_MIN..=CHANNEL_MAX)
            .map(|channel| vec![channel])
            .collect();
        let version = pack(|w| {
            w.uint_packed(self.variant.major.into())?;
            w.uint_packed(3)
        });
        self.store.put(PROTOCOL_VERSION, &version);
        if self.variant.bootloader {
            self.store.put(INTERFACE_TYPE, &[0]);
        }
        self.store
            .put(NCP_VERSION, &pack(|w| w.utf8(properties::VERSION)));
        let capabilities = properties::capabilities(self.variant);
        self.store.put(CAPS, &ids(&capabilities));
        self.store
            .put(UNSOL_UPDATE_LIST, &ids(&updates::filterable()));
        self.store.put(HWADDR, &self.identity.eui64);
        for id in [MAC_15_4_LADDR, MAC_EXTENDED_ADDR] {
            self.store.put(id, &self.identity.extended_address);
        }
        for id in [PHY_CHAN_SUPPORTED, PHY_CHAN_PREFERRED, MAC_SCAN_MASK] {
            self.store.replace(id, channels.clone());
        }
    }

    fn forget_queues(&mut self) {
        self.replies.clear();
        self.packets.clear();
        self.found.clear();
        self.updates.clear();
    }
}

impl Ncp {
    /// Writes what outlives a power cycle to the memory: who this is, and its network.
    fn remember(&mut self) {
        let Some(memory) = &mut self.memory else {
            return;
        };
        let identity = [
            (HWADDR, self.identity.eui64.to_vec()),
            (MAC_15_4_LADDR, self.identity.extended_address.to_vec()),
            (IPV6_ML_ADDR, self.identity.mesh_local_iid.to_vec()),
            (NET_ROLE, vec![u8::from(self.was_router)]),
            (
                NET_KEY_SEQUENCE_COUNTER,
                self.key_sequence.to_le_bytes().to_vec(),
            ),
            (THREAD_ACTIVE_DATASET_TLVS, self.active.clone()),
        ];
        let mut octets = Vec::new();
        for (id, value) in &identity {
            let id = pack(|w| w.uint_packed(*id));
            // At most a dataset.
            octets.extend(((id.len() + value.len()) as u16).to_le_bytes());
            octets.extend(id);
            octets.extend(value);
        }
        memory.store(&octets);
    }
}

/// `A(t(iD))`, as far as it can be read.
fn read_memory(octets: &[u8]) -> Vec<(u32, Vec<u8>)> {
    let mut reader = Reader::new(octets);
    let rows = core::iter::from_fn(|| {
        let mut row = reader.structure().ok()?;
        let id = row.uint_packed().ok()?;
        Some((id, row.rest().to_vec()))
    });
    rows.take(properties::PROPERTIES.len()).collect()
}

fn mesh_local_prefix(store: &Store) -> [u8; 8] {
    let mut prefix = [0; 8];
    prefix.copy_from_slice(&store.array::<17>(IPV6_ML_PREFIX)[..8]);
    prefix
}

/// 5 MHz apart from 2405 MHz on (errata E34).
fn frequency_khz(channel: u8) -> u32 {
    2_405_000 + 5_000 * u32::from(channel.saturating_sub(CHANNEL_MIN))
}

/// Protocol §1.1: the largest Spinel frame of OpenThread.
const FRAME_MAX: usize = 1300;
/// Protocol §1.1: bits 7-6 of the header.
const FLAG: u8 = 0b10;
/// The header of everything that is no reply.
const UNSOLICITED: u8 = 0x80;
/// How many replies wait at most (protocol §1.2).
pub const REPLIES_MAX: usize = 15;
/// How many packets wait at most (protocol §7.9: "the NCP holds a handful of 1280-octet packets").
pub const PACKETS_MAX: usize = 8;
/// How many scan results wait at most: all networks of a neighbourhood, or all channels of an energy
/// scan, and as many again.
pub const FOUND_MAX: usize = 32;
/// Protocol §4.4.
const HOST_LOW_POWER: u8 = 3;
const HOST_ONLINE: u8 = 4;

#[cfg(test)]
mod tests;
