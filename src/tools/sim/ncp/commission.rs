//! In-band commissioning: discovery of networks, the joiner that looks for one, and the commissioner
//! that lets it in (protocol §7.5). What Thread does with DTLS is here a keyed check value and a veil
//! over the credentials, with a key made of the PSKd.

use super::spinel::dataset;
use super::spinel::numbers::*;
use super::spinel::pack::pack;
use super::spinel::property::Access;
use super::spinel::updates::Update;
use super::thread::mle::{self, Message};
use super::thread::scan::{network_name, Kind, Neighbour};
use super::{Content, Ncp};
use crate::sim::radio::mac;
use crate::time::{earliest, Duration, Instant};
use crate::wire::packed::Reader;

/// The commissioner's side.
#[derive(Debug, Default)]
pub(super) struct Commissioner {
    /// When the petition is through.
    active_at: Option<Instant>,
    joiners: Vec<Expected>,
}

/// A joiner that is expected.
#[derive(Clone, Debug)]
struct Expected {
    /// Any device, an EUI-64, or a discerner (`CX`), as the host sent it.
    id: Vec<u8>,
    pskd: Vec<u8>,
    until: Instant,
}

impl Commissioner {
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let joiners = self.joiners.iter().map(|joiner| joiner.until).min();
        earliest(self.active_at, joiners)
    }
}

/// The joiner's side.
#[derive(Debug, Default)]
pub(super) struct Joiner {
    search: Option<Search>,
}

#[derive(Debug)]
struct Search {
    key: [u8; 16],
    challenge: [u8; 8],
    /// Still to be searched, the current one last.
    channels: Vec<u8>,
    /// Networks that would let us in, the current one last.
    networks: Vec<Network>,
    /// The current one is being asked.
    asking: bool,
    /// Somebody said no.
    rejected: bool,
    /// Somebody was found at all.
    found: bool,
    until: Instant,
    tries: u8,
}

#[derive(Clone, Copy, Debug)]
struct Network {
    channel: u8,
    panid: u16,
    address: [u8; 8],
}

impl Joiner {
    /// The channel to listen on.
    pub(super) fn channel(&self) -> Option<u8> {
        let search = self.search.as_ref()?;
        match search.asking {
            true => search.networks.last().map(|network| network.channel),
            false => search.channels.last().copied(),
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.search.as_ref().map(|search| search.until)
    }
}

/// A network: its active operational dataset, and what of it is properties here.
pub(super) struct NetworkTlvs(Vec<u8>, Vec<(u32, Vec<u8>)>);

impl NetworkTlvs {
    /// All of them that are properties here; `None` if they cannot be read.
    pub(super) fn parse(tlvs: &[u8]) -> Option<Self> {
        let properties = dataset::properties(tlvs).ok()?;
        Some(NetworkTlvs(tlvs.to_vec(), properties))
    }
}

impl Ncp {
    /// Takes over a network, whatever the state, and keeps it.
    pub(super) fn adopt_network(&mut self, network: &NetworkTlvs) {
        for (id, value) in &network.1 {
            let Ok(property) = self.store.find(*id, Access::S) else {
                continue;
            };
            if let Ok(items) = property.shape.check(value) {
                self.put_credential(property, items);
            }
        }
        if self.active != network.0 {
            self.active.clone_from(&network.0);
            self.remember();
        }
    }

    pub(super) fn is_commissioner(&self) -> bool {
        self.store.uint8(MESHCOP_COMMISSIONER_STATE) == ACTIVE
    }

    pub(super) fn advance_commissioning(&mut self, now: Instant) {
        if self.commissioner.active_at.is_some_and(|at| at <= now) {
            self.commissioner.active_at = None;
            if self.store.uint8(MESHCOP_COMMISSIONER_STATE) == PETITION {
                self.store.put(MESHCOP_COMMISSIONER_STATE, &[ACTIVE]);
                let session = (self.rng.next_u64() as u16).to_le_bytes();
                self.store.put(MESHCOP_COMMISSIONER_SESSION_ID, &session);
                self.store.put(THREAD_COMMISSIONER_ENABLED, &[1]);
            }
        }
        self.commissioner
            .joiners
            .retain(|joiner| joiner.until > now);
        self.advance_joiner(now);
    }

    /// SET of MESHCOP_COMMISSIONER_STATE (0 or 2), or of the older THREAD_COMMISSIONER_ENABLED (0 or 1).
    pub(super) fn set_commissioner(
        &mut self,
        now: Instant,
        property: u32,
        value: u8,
    ) -> Result<(), Status> {
        let on = match (property, value) {
            (_, 0) => false,
            (THREAD_COMMISSIONER_ENABLED, _) | (_, ACTIVE) => true,
            _ => return Err(INVALID_ARGUMENT),
        };
        let is_on = self.store.uint8(MESHCOP_COMMISSIONER_STATE) != 0;
        if on && !self.net.is_attached() {
            return Err(INVALID_STATE);
        }
        if on == is_on {
            return Err(ALREADY);
        }
        if on {
            self.store.put(MESHCOP_COMMISSIONER_STATE, &[PETITION]);
            self.commissioner.active_at = Some(now + PETITION_TIME);
        } else {
            self.stop_commissioner();
        }
        Ok(())
    }

    pub(super) fn stop_commissioner(&mut self) {
        self.commissioner = Commissioner::default();
        self.store.put(MESHCOP_COMMISSIONER_STATE, &[0]);
        self.store.put(THREAD_COMMISSIONER_ENABLED, &[0]);
    }

    /// `A(t(t(..)LU))`: who is expected, and for how many seconds yet.
    pub(super) fn expected_joiners(&self, now: Instant) -> Vec<u8> {
        let joiners = self.commissioner.joiners.iter();
        let items = joiners.map(|joiner| {
            let left = joiner.until.since(now).as_secs();
            pack(|w| {
                w.structure(|item| {
                    item.data_with_length(&joiner.id)?;
                    item.uint32(u32::try_from(left).unwrap_or(u32::MAX))?;
                    item.data(&joiner.pskd)?;
                    item.uint8(0)
                })
            })
        });
        items.collect::<Vec<_>>().concat()
    }

    /// INSERT or REMOVE of an expected joiner: `t(..)LU`, or `ULE` of the older property.
    pub(super) fn change_joiners(
        &mut self,
        now: Instant,
        property: u32,
        value: &[u8],
        insert: bool,
    ) -> Result<Content, Status> {
        let mut reader = Reader::new(value);
        let (id, pskd, timeout) = match (property, insert) {
            (THREAD_JOINERS, _) => {
                let pskd = reader.utf8().map_err(|_| PARSE_ERROR)?;
                let timeout = reader.uint32().map_err(|_| PARSE_ERROR)?;
                (reader.rest(), pskd, timeout)
            }
            (_, true) => {
                let id = reader.data_with_length().map_err(|_| PARSE_ERROR)?;
                let timeout = reader.uint32().map_err(|_| PARSE_ERROR)?;
                (id, reader.utf8().map_err(|_| PARSE_ERROR)?, timeout)
            }
            (_, false) => {
                let id = reader.data_with_length().map_err(|_| PARSE_ERROR)?;
                (id, [].as_slice(), 0)
            }
        };
        if ![0, 8, 9].contains(&id.len()) {
            return Err(PARSE_ERROR);
        }
        if !self.is_commissioner() {
            return Err(INVALID_STATE);
        }
        if insert && !is_pskd(pskd) {
            return Err(INVALID_ARGUMENT);
        }
        let before = self.commissioner.joiners.len();
        self.commissioner.joiners.retain(|joiner| joiner.id != id);
        if !insert {
            if self.commissioner.joiners.len() == before {
                return Err(ITEM_NOT_FOUND);
            }
            return Ok(Content::Item(CMD_VALUE_REMOVED, property, value.to_vec()));
        }
        if self.commissioner.joiners.len() >= JOINERS_MAX {
            return Err(NOMEM);
        }
        self.commissioner.joiners.push(Expected {
            id: id.to_vec(),
            pskd: pskd.to_vec(),
            until: now + Duration::from_secs(timeout.into()),
        });
        Ok(Content::Item(CMD_VALUE_INSERTED, property, value.to_vec()))
    }

    /// Whether a network says that it can be joined: by a commissioner, or by ports that are open.
    pub(super) fn is_joinable(&self) -> bool {
        let ports = self.store.items(THREAD_ASSISTING_PORTS).next().is_some();
        ports || !self.steering_data().is_empty()
    }

    /// Who may join: nobody (empty), anyone (`FF`), or a Bloom filter of EUI-64s.
    fn steering_data(&self) -> Vec<u8> {
        let given: [u8; 8] = self.store.array(THREAD_STEERING_DATA);
        let joiners = self.commissioner.joiners.iter();
        let mut filter = [0; STEERING_LEN];
        let given = match given {
            [0, 0, 0, 0, 0, 0, 0, 0] => None,
            given => Some(given.to_vec()),
        };
        for id in joiners.map(|joiner| joiner.id.clone()).chain(given) {
            match <[u8; 8]>::try_from(id.as_slice()) {
                Ok(eui64) if eui64 != [0xFF; 8] => {
                    for bit in steering_bits(&eui64) {
                        filter[bit / 8] |= 1 << (bit % 8);
                    }
                }
                // Anyone, or a discerner, which any device may have.
                _ => return vec![0xFF],
            }
        }
        match filter {
            [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0] => Vec::new(),
            filter => filter.to_vec(),
        }
    }

    pub(super) fn answer_discovery(&mut self, now: Instant, channel: u8, source: [u8; 8]) {
        let commissioning = self.store.uint8(MESHCOP_COMMISSIONER_STATE) == ACTIVE;
        if !(self.net.is_router() || commissioning && self.net.is_attached()) {
            return;
        }
        if channel != self.store.uint8(PHY_CHAN) {
            return;
        }
        let mut tlvs = Vec::new();
        let mut tlv = |kind: u8, value: &[u8]| {
            tlvs.extend([kind, value.len() as u8]);
            tlvs.extend(value);
        };
        let joinable = if self.is_joinable() { 0x08 } else { 0 };
        tlv(TLV_DISCOVERY_RESPONSE, &[0x30 | joinable, 0]);
        tlv(TLV_XPANID, &self.store.value(NET_XPANID));
        tlv(TLV_NAME, &self.network_name());
        tlv(TLV_STEERING_DATA, &self.steering_data());
        let response = Message::new(mle::DISCOVERY_RESPONSE).with(mle::DISCOVERY, &tlvs);
        let place = (channel, self.store.uint16(MAC_15_4_PANID));
        self.say_with(now, &response, Some(source), None, place);
    }

    /// A network that answered a discovery: for the scan, or for the joiner.
    pub(super) fn discovered(
        &mut self,
        channel: u8,
        rssi: i8,
        source: [u8; 8],
        panid: u16,
        message: &Message,
    ) {
        let tlvs = message.get(mle::DISCOVERY).unwrap_or(&[]);
        let value = |wanted| dataset::tlv(tlvs, wanted).unwrap_or(&[]);
        let steering = value(TLV_STEERING_DATA);
        let joinable = value(TLV_DISCOVERY_RESPONSE)
            .first()
            .map_or(0, |flags| flags >> 3 & 1);
        let steers_us = allows(steering, &self.identity.eui64);
        if let Some(search) = self.joiner.search.as_mut().filter(|search| !search.asking) {
            if steers_us && search.networks.len() < NETWORKS_MAX {
                search.networks.push(Network {
                    channel,
                    panid,
                    address: source,
                });
            }
        }
        let filtered = self.store.uint8(THREAD_DISCOVERY_SCAN_ENABLE_FILTERING) == 1;
        if filtered && !steers_us {
            return;
        }
        let mut neighbour = Neighbour::heard(channel, rssi, source, panid, joinable == 1);
        neighbour.name = network_name(value(TLV_NAME));
        neighbour.xpanid = value(TLV_XPANID).try_into().unwrap_or_default();
        neighbour.steering = steering.iter().take(STEERING_LEN).copied().collect();
        self.found_network(Kind::Discover, &neighbour);
    }

    /// SET of property 129: `b`, then PSKd and other texts.
    pub(super) fn set_joiner(&mut self, now: Instant, value: &[u8]) -> Result<(), Status> {
        let mut reader = Reader::new(value);
        let start = match reader.uint8() {
            Ok(octet @ (0 | 1)) => octet == 1,
            _ => return Err(PARSE_ERROR),
        };
        if !start {
            self.end_joining(0, None);
            return Ok(());
        }
        let pskd = reader.utf8().map_err(|_| PARSE_ERROR)?;
        // Provisioning URL, and who made it: not looked at.
        while !reader.is_empty() {
            reader.utf8().map_err(|_| PARSE_ERROR)?;
        }
        if !is_pskd(pskd) {
            return Err(INVALID_ARGUMENT);
        }
        if !self.net.is_interface_up() || self.net.is_stack_up() {
            return Err(INVALID_STATE);
        }
        if self.joiner.search.is_some() {
            return Err(BUSY);
        }
        let mut channels = self.store.value(PHY_CHAN_SUPPORTED);
        channels.reverse();
        self.joiner.search = Some(Search {
            key: mle::key_of(pskd),
            challenge: self.rng.octets(),
            channels,
            networks: Vec::new(),
            asking: false,
            rejected: false,
            found: false,
            until: now,
            tries: 0,
        });
        self.store.put(MESHCOP_JOINER_STATE, &[DISCOVERING]);
        self.search_channel(now);
        Ok(())
    }

    fn search_channel(&mut self, now: Instant) {
        let Some(channel) = self.joiner.channel() else {
            return;
        };
        if let Some(search) = &mut self.joiner.search {
            search.until = now + LISTEN;
        }
        self.send_discovery_request(now, channel, true);
    }

    /// Asks who is there on a channel.
    pub(super) fn send_discovery_request(&mut self, now: Instant, channel: u8, joiner: bool) {
        let flags = 0x30 | if joiner { 0x08 } else { 0 };
        let tlvs = [TLV_DISCOVERY_REQUEST, 2, flags, 0];
        let request = Message::new(mle::DISCOVERY_REQUEST).with(mle::DISCOVERY, &tlvs);
        self.say_with(now, &request, None, None, (channel, mac::BROADCAST));
    }

    fn advance_joiner(&mut self, now: Instant) {
        while let Some(search) = &mut self.joiner.search {
            if search.until > now {
                return;
            }
            if !search.asking {
                search.channels.pop();
                if !search.channels.is_empty() {
                    self.search_channel(now);
                    continue;
                }
                search.asking = true;
                search.found = !search.networks.is_empty();
            } else if search.tries >= JOIN_TRIES {
                search.networks.pop();
                search.tries = 0;
            }
            match search.networks.last().copied() {
                Some(network) => self.ask_to_join(now, network),
                None => {
                    let outcome = match (search.rejected, search.found) {
                        (true, _) => JOIN_SECURITY,
                        (false, true) => JOIN_RSP_TIMEOUT,
                        (false, false) => JOIN_NO_PEERS,
                    };
                    self.end_joining(0, Some(outcome));
                }
            }
        }
    }

    fn ask_to_join(&mut self, now: Instant, network: Network) {
        let Some(search) = &mut self.joiner.search else {
            return;
        };
        search.tries += 1;
        search.until = now + JOIN_ANSWER;
        let key = search.key;
        let request = Message::new(mle::JOIN_REQUEST)
            .with(mle::EUI64, &self.identity.eui64)
            .with(mle::CHALLENGE, &search.challenge);
        self.store.put(MESHCOP_JOINER_STATE, &[CONNECTING]);
        let place = (network.channel, network.panid);
        self.say_with(now, &request, Some(network.address), Some(&key), place);
    }

    /// A device wants to join: it gets the credentials if it knows what we expect.
    pub(super) fn answer_join_request(
        &mut self,
        now: Instant,
        source: [u8; 8],
        packet: &[u8],
        message: &Message,
    ) {
        if self.store.uint8(MESHCOP_COMMISSIONER_STATE) != ACTIVE {
            return;
        }
        let eui64 = message.get(mle::EUI64).unwrap_or(&[]);
        let joiners = self.commissioner.joiners.iter();
        let mut keys = joiners
            .filter(|joiner| joiner.id.len() != 8 || joiner.id == eui64)
            .map(|joiner| mle::key_of(&joiner.pskd))
            .peekable();
        if keys.peek().is_none() {
            return;
        }
        let key = keys.find(|key| mle::parse(packet, key).is_some_and(|parsed| parsed.2));
        let challenge = message.get(mle::CHALLENGE).unwrap_or(&[]).to_vec();
        let response = match &key {
            Some(key) => {
                let credentials = mle::veil(key, &challenge, &self.active);
                Message::new(mle::JOIN_ENTRUST)
                    .with(mle::RESPONSE, &challenge)
                    .with(mle::ACTIVE_DATASET, &credentials)
            }
            None => Message::new(mle::JOIN_REJECT).with(mle::RESPONSE, &challenge),
        };
        let place = (
            self.store.uint8(PHY_CHAN),
            self.store.uint16(MAC_15_4_PANID),
        );
        self.say_with(now, &response, Some(source), key.as_ref(), place);
    }

    /// The commissioner said yes or no.
    pub(super) fn join_answered(&mut self, source: [u8; 8], packet: &[u8], message: &Message) {
        let Some(search) = &mut self.joiner.search else {
            return;
        };
        let asked = search.asking
            && search.networks.last().map(|network| network.address) == Some(source)
            && message.array(mle::RESPONSE) == Some(search.challenge);
        if !asked {
            return;
        }
        if message.command == mle::JOIN_REJECT {
            search.rejected = true;
            search.tries = JOIN_TRIES;
            search.until = Instant::ZERO;
            return;
        }
        let believed = mle::parse(packet, &search.key).is_some_and(|parsed| parsed.2);
        let veiled = message.get(mle::ACTIVE_DATASET).unwrap_or(&[]);
        let tlvs = mle::veil(&search.key, &search.challenge, veiled);
        if let Some(network) = NetworkTlvs::parse(&tlvs).filter(|_| believed) {
            self.adopt_network(&network);
            self.end_joining(JOINED, Some(JOIN_SUCCESS));
        }
    }

    pub(super) fn end_joining(&mut self, state: u8, outcome: Option<Status>) {
        self.joiner = Joiner::default();
        self.store.put(MESHCOP_JOINER_STATE, &[state]);
        if let Some(outcome) = outcome {
            self.updates.mark(Update::Status(outcome));
        }
    }

    /// PSKc from passphrase, network name and XPANID. By a hash of our own: what it gives is no secret.
    pub(super) fn generate_pskc(&self, value: &[u8]) -> Result<Vec<u8>, Status> {
        let mut reader = Reader::new(value);
        reader.utf8().map_err(|_| PARSE_ERROR)?;
        reader.utf8().map_err(|_| PARSE_ERROR)?;
        let xpanid = reader.data_with_length().map_err(|_| PARSE_ERROR)?;
        if xpanid.len() != 8 {
            return Err(PARSE_ERROR);
        }
        Ok(mle::key_of(value).to_vec())
    }
}

/// 6..=32 characters of 0-9 and A-Z without I, O, Q, Z (Thread specification, section 8.2).
fn is_pskd(text: &[u8]) -> bool {
    let is_base32 = |octet: &u8| {
        (octet.is_ascii_digit() || octet.is_ascii_uppercase()) && !b"IOQZ".contains(octet)
    };
    (6..=32).contains(&text.len()) && text.iter().all(is_base32)
}

/// Whether steering data names a device.
fn allows(steering: &[u8], eui64: &[u8; 8]) -> bool {
    let bits = steering.len() * 8;
    let is_set = |bit: usize| steering[bit / 8] & 1 << (bit % 8) != 0;
    bits > 0 && steering_bits(eui64).iter().all(|bit| is_set(bit % bits))
}

/// The bits of a device in a Bloom filter. Thread takes two CRCs of a SHA-256.
fn steering_bits(eui64: &[u8; 8]) -> [usize; 2] {
    let hash = mle::key_of(eui64);
    [hash[0], hash[1]].map(|octet| usize::from(octet) % (STEERING_LEN * 8))
}

/// Protocol §4.9.
const PETITION: u8 = 1;
const ACTIVE: u8 = 2;
const DISCOVERING: u8 = 1;
const CONNECTING: u8 = 2;
const JOINED: u8 = 5;
/// What a leader takes to accept a petition.
const PETITION_TIME: Duration = Duration::from_millis(200);
/// As many as OpenThread's commissioner keeps, and more.
const JOINERS_MAX: usize = 16;
const NETWORKS_MAX: usize = 8;
/// How long a joiner listens on each channel: 16 of them take a second and a half.
const LISTEN: Duration = Duration::from_millis(100);
/// How long it waits for the commissioner, and how often it asks.
const JOIN_ANSWER: Duration = Duration::from_millis(500);
const JOIN_TRIES: u8 = 3;
/// Thread specification, section 8.4.4.3: up to 16 octets.
const STEERING_LEN: usize = 16;
// TLVs of MeshCoP (Thread specification, section 8.10).
const TLV_XPANID: u8 = 2;
const TLV_NAME: u8 = 3;
const TLV_STEERING_DATA: u8 = 8;
const TLV_DISCOVERY_REQUEST: u8 = 128;
const TLV_DISCOVERY_RESPONSE: u8 = 129;
