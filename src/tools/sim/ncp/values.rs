//! What a GET makes up, and what a SET brings about.

use super::commission::NetworkTlvs;
use super::migration::Pending;
use super::spinel::numbers::*;
use super::spinel::pack::pack;
use super::spinel::property::{Access, Effect, Property, When};
use super::spinel::shape::Shape;
use super::spinel::store::Store;
use super::spinel::updates::Update;
use super::spinel::{dataset, updates};
use super::thread::net::Role;
use super::{frequency_khz, mesh_local_prefix, Ncp};
use crate::time::Instant;
use crate::wire::packed::Reader;

impl Ncp {
    pub(super) fn get(&mut self, now: Instant, id: u32) -> Result<Vec<u8>, Status> {
        let property = self.store.find(id, Access::G)?;
        self.check_when(property.read_when)?;
        if property.computed {
            Ok(self.compute(now, id))
        } else {
            Ok(self.store.value(id))
        }
    }

    /// Values that are made up of others.
    fn compute(&mut self, now: Instant, id: u32) -> Vec<u8> {
        match id {
            LAST_STATUS => pack(|w| w.uint_packed(self.last_status)),
            CNTR_ALL_MAC_COUNTERS => {
                let tx = self.counters(&MAC_TX_COUNTERS);
                let rx = self.counters(&MAC_RX_COUNTERS);
                [tx, rx].concat()
            }
            CNTR_ALL_IP_COUNTERS => {
                let tx = self.counters(&[CNTR_IP_TX_SUCCESS, CNTR_IP_TX_FAILURE]);
                let rx = self.counters(&[CNTR_IP_RX_SUCCESS, CNTR_IP_RX_FAILURE]);
                [tx, rx].concat()
            }
            // Nothing was ever sent twice: four and one empty bins.
            CNTR_MAC_RETRY_HISTOGRAM => [self.counters(&[0; 4]), self.counters(&[0])].concat(),
            CNTR_MLE_COUNTERS => self.net.mle_counters(),
            UNSOL_UPDATE_FILTER => self.update_filter(),
            NET_SAVED => vec![u8::from(dataset::is_commissioned(&self.active))],
            THREAD_ACTIVE_DATASET => dataset::structures(&self.active),
            THREAD_ACTIVE_DATASET_TLVS => self.active.clone(),
            THREAD_PENDING_DATASET => dataset::structures(&self.pending.tlvs(now)),
            THREAD_PENDING_DATASET_TLVS => self.pending.tlvs(now),
            THREAD_NEW_DATASET => {
                let channels = self.store.value(PHY_CHAN_SUPPORTED);
                dataset::structures(&dataset::random(&mut self.rng, &channels))
            }
            THREAD_PARENT => self.parent(now),
            THREAD_CHILD_TABLE => self.child_table(now),
            THREAD_NEIGHBOR_TABLE => self.neighbor_table(now),
            THREAD_ROUTER_TABLE => self.router_table(now),
            THREAD_CHILD_TABLE_ADDRESSES => self.child_addresses(),
            SERVER_LEADER_SERVICES => self.leader_services(),
            MESHCOP_COMMISSIONER_JOINERS => self.expected_joiners(now),
            GPIO_CONFIG => self.gpio_config(),
            GPIO_STATE => self.gpio_state(),
            TRNG_32 | TRNG_RAW_32 => self.rng.octets::<4>().to_vec(),
            TRNG_128 => self.rng.octets::<16>().to_vec(),
            JAM_DETECT_HISTORY_BITMAP => self.jam_history(now),
            _ => Vec::new(),
        }
    }

    /// `t(A(L))` of some single counters; 0 stands for one that does not exist alone.
    fn counters(&self, ids: &[u32]) -> Vec<u8> {
        let values = ids.iter().map(|id| match id {
            0 => 0,
            id => self.store.uint32(*id),
        });
        pack(|w| w.structure(|counters| values.into_iter().try_for_each(|n| counters.uint32(n))))
    }

    pub(super) fn set(
        &mut self,
        now: Instant,
        property: &Property,
        value: &[u8],
    ) -> Result<(), Status> {
        match property.write_when {
            When::Unimplemented => return Err(UNIMPLEMENTED),
            When::LinkRaw if !self.variant.link_raw => return Err(PROP_NOT_FOUND),
            _ => {}
        }
        // OpenThread reads a value before it looks at its state.
        let checked = property.shape.check(value);
        // And at its state before what the value says, but for the prefix.
        if checked != Err(PARSE_ERROR) && !matches!(property.shape, Shape::Prefix64) {
            self.check_when(property.write_when)?;
        }
        let items = checked?;
        self.check_when(property.write_when)?;
        self.apply(now, property, items)
    }

    /// Sets a property that was found in order, and lets happen what is to happen with it.
    fn apply(
        &mut self,
        now: Instant,
        property: &Property,
        items: Vec<Vec<u8>>,
    ) -> Result<(), Status> {
        let value = items.first().cloned().unwrap_or_default();
        let first = value.first().copied().unwrap_or(0);
        match property.effect {
            _ if property.credential => {
                self.put_credential(property, items);
                // A network that is described piece by piece is none that was given whole.
                self.active.clear();
                self.pending = Pending::default();
                self.remember();
            }
            Effect::None => self.replace(property.id, items),
            Effect::Channel | Effect::MeshLocalPrefix | Effect::NetworkKey => {}
            Effect::ExtendedAddress => {
                self.store.put(MAC_15_4_LADDR, &value);
                self.store.put(MAC_EXTENDED_ADDR, &value);
                let address = self.store.array(MAC_15_4_LADDR);
                self.identity.extended_address = address;
                self.net.set_extended_address(address);
                self.publish();
            }
            Effect::Interface if first == 1 && self.is_raw() => return Err(INVALID_STATE),
            Effect::Interface => self.set_interface(now, first == 1),
            Effect::Stack if first == 1 => self.start(now)?,
            Effect::Stack => self.stop(),
            Effect::Role => self.set_role(now, first)?,
            Effect::PollPeriod => self.set_poll_period(&value)?,
            Effect::Supported => {
                let left = self.store.items(property.id).map(<[u8]>::to_vec);
                let left = left.filter(|channel| items.contains(channel)).collect();
                self.replace(property.id, left);
            }
            Effect::Allowlist => {
                for item in &items {
                    self.fix_signal(item);
                }
                self.replace(property.id, items);
            }
            Effect::HostPower => self.put(property.id, &[host_power(first)]),
            Effect::Promiscuous => self.put(property.id, &[first]),
            Effect::KeySequence => {
                self.put(property.id, &value);
                self.key_sequence = Reader::new(&value).uint32().unwrap_or(0);
                self.remember();
            }
            Effect::RawLink => {
                self.put(property.id, &[first]);
                if first == 0 {
                    self.put(MAC_PROMISCUOUS_MODE, &[0]);
                }
            }
            Effect::Mode => self.put(THREAD_MODE, &[first & !MODE_SECURE_DATA_REQUEST]),
            Effect::JoinExisting => {
                self.net.set_join_existing(first == 1);
                self.publish();
            }
            Effect::Leave => {
                self.say_goodbye(now);
                self.stop();
                self.updates.mark(Update::Property(NET_LEAVE_GRACEFULLY));
            }
            Effect::McuPower => {
                self.store.put(MCU_POWER_STATE, &value);
                if first == MCU_OFF {
                    self.set_interface(now, false);
                }
            }
            Effect::PingOffload => {
                self.store.put(IPV6_ICMP_PING_OFFLOAD, &value);
                self.store
                    .put(IPV6_ICMP_PING_OFFLOAD_MODE, &[first * PING_OFFLOAD_ALL]);
            }
            Effect::PingOffloadMode => {
                let first = Some(first)
                    .filter(|mode| *mode <= PING_OFFLOAD_MAX)
                    .unwrap_or(0);
                let value = [first];
                self.store.put(IPV6_ICMP_PING_OFFLOAD_MODE, &value);
                self.store
                    .put(IPV6_ICMP_PING_OFFLOAD, &[u8::from(first != 0)]);
            }
            Effect::NetDataGate => self.set_net_data_gate(property.id, first),
            Effect::Scan => self.start_scan(now, first)?,
            Effect::Datagram => {
                self.datagram(
                    now,
                    &value,
                    CNTR_TX_IP_SEC_TOTAL,
                    CNTR_RX_IP_SEC_TOTAL,
                    STREAM_NET,
                )?;
            }
            Effect::DatagramInsecure => {
                self.datagram(
                    now,
                    &value,
                    CNTR_TX_IP_INSEC_TOTAL,
                    CNTR_RX_IP_INSEC_TOTAL,
                    STREAM_NET_INSECURE,
                )?;
            }
            Effect::ClearCounters => self.clear_counters(property.id),
            Effect::ActiveDataset => {
                self.set_active_dataset(dataset::from_structures(&value)?)?;
            }
            Effect::ActiveTlvs => self.set_active_dataset(value)?,
            Effect::PendingDataset => {
                let tlvs = dataset::from_structures(&value)?;
                dataset::properties(&tlvs)?;
                self.pending = Pending::of(tlvs);
            }
            Effect::PendingTlvs => {
                dataset::properties(&value)?;
                self.pending = Pending::of(value);
            }
            Effect::Announce => {
                if let Ok(tlvs) = dataset::from_structures(&value) {
                    self.plan_migration(now, tlvs);
                }
            }
            Effect::AnnounceTlvs => self.plan_migration(now, value),
            Effect::RouterRole => {
                self.put(property.id, &[first]);
                self.reconsider_role(now);
            }
            Effect::Commissioner => self.set_commissioner(now, property.id, first)?,
            Effect::Joiner => self.set_joiner(now, &value)?,
            Effect::Gpio => self.set_gpio(property.id, &value),
        }
        Ok(())
    }

    pub(super) fn check_when(&self, when: When) -> Result<(), Status> {
        let refusal = match when {
            When::Always => return Ok(()),
            When::Unimplemented => return Err(UNIMPLEMENTED),
            When::Attached if !self.net.is_attached() => STACK_DETACHED,
            When::InterfaceUp if !self.net.is_interface_up() => INVALID_STATE,
            When::NoChildren if self.has_children() => INVALID_STATE,
            When::Commissioning if !self.is_commissioner() => INVALID_STATE,
            When::LinkRaw if !self.variant.link_raw => PROP_NOT_FOUND,
            When::LinkRaw if self.net.is_interface_up() => INVALID_STATE,
            When::RadioFree if self.net.is_interface_up() => INVALID_STATE,
            When::RadioFree if self.variant.link_raw && !self.is_raw() => INVALID_STATE,
            When::StackDown | When::Receiving if self.net.is_stack_up() => INVALID_STATE,
            When::Receiving if self.variant.link_raw && !self.is_raw() => INVALID_STATE,
            When::NetDataOpen if self.store.uint8(THREAD_ALLOW_LOCAL_NET_DATA_CHANGE) == 0 => {
                INVALID_STATE
            }
            When::ServicesOpen if self.store.uint8(SERVER_ALLOW_LOCAL_DATA_CHANGE) == 0 => {
                INVALID_STATE
            }
            When::Child if self.net.role() != Role::Child => INVALID_STATE,
            _ => return Ok(()),
        };
        Err(refusal)
    }

    /// Sets a scalar; a change is told.
    pub(super) fn put(&mut self, id: u32, value: &[u8]) {
        self.replace(id, vec![value.to_vec()]);
    }

    fn replace(&mut self, id: u32, items: Vec<Vec<u8>>) {
        if self.store.replace(id, items) {
            self.updates.mark(Update::Property(id));
        }
    }

    fn clear_counters(&mut self, id: u32) {
        if matches!(id, CNTR_RESET | CNTR_ALL_MAC_COUNTERS) {
            self.store
                .clear_counters(CNTR_TX_PKT_FIRST, CNTR_TX_PKT_LAST);
            self.store
                .clear_counters(CNTR_RX_PKT_FIRST, CNTR_RX_PKT_LAST);
        }
        if matches!(id, CNTR_RESET | CNTR_ALL_IP_COUNTERS) {
            self.store
                .clear_counters(CNTR_IP_RESULT_FIRST, CNTR_IP_RESULT_LAST);
        }
        if matches!(id, CNTR_RESET | CNTR_MLE_COUNTERS) {
            self.net.clear_counters();
        }
        if id == CNTR_RESET {
            self.store.clear_counters(CNTR_IP_FIRST, CNTR_IP_LAST);
            self.store
                .clear_counters(CNTR_SPINEL_FIRST, CNTR_SPINEL_LAST);
        }
    }

    /// All or nothing: a member that cannot be set leaves the others as they are. Like OpenThread it
    /// stores the network at once.
    pub(super) fn set_active_dataset(&mut self, tlvs: Vec<u8>) -> Result<(), Status> {
        let network = NetworkTlvs::parse(&tlvs).ok_or(INVALID_ARGUMENT)?;
        self.adopt_network(&network);
        self.mesh.hurry();
        Ok(())
    }

    /// What is not told, in the order of what could be told. Id 0 stands for two kinds.
    fn update_filter(&self) -> Vec<u8> {
        let ids = updates::filterable().into_iter();
        let ids = ids.map(|id| pack(|w| w.uint_packed(id)));
        let is_filtered = |id: &Vec<u8>| {
            self.store
                .items(UNSOL_UPDATE_FILTER)
                .any(|item| item == *id)
        };
        ids.filter(is_filtered).collect::<Vec<_>>().concat()
    }

    /// Whether the host has the radio for itself.
    pub(super) fn is_raw(&self) -> bool {
        self.store.uint8(PHY_ENABLED) == 1
    }

    /// What the radio of the simulated network gives an entry of the allow list is kept beside it.
    pub(super) fn fix_signal(&mut self, item: &[u8]) {
        if item.last() != Some(&NO_FIXED_RSSI) {
            // A list that is full keeps what it has.
            let _ = self.store.insert(MAC_FIXED_RSS, item);
        }
    }

    /// 0 goes back to the default; more than that is not shown.
    fn set_poll_period(&mut self, value: &[u8]) -> Result<(), Status> {
        let period = match Reader::new(value).uint32().unwrap_or(0) {
            0 => POLL_PERIOD_DEFAULT,
            period if period < POLL_PERIOD_MIN => return Err(INVALID_ARGUMENT),
            period => period.min(POLL_PERIOD_DEFAULT),
        };
        self.put(MAC_DATA_POLL_PERIOD, &period.to_le_bytes());
        Ok(())
    }

    /// Sets a property of the network, and what follows from it.
    pub(super) fn put_credential(&mut self, property: &Property, items: Vec<Vec<u8>>) {
        if !self.store.replace(property.id, items) {
            return;
        }
        self.updates.mark(Update::Property(property.id));
        match property.effect {
            Effect::Channel => {
                let frequency = frequency_khz(self.store.uint8(PHY_CHAN));
                self.store.put(PHY_FREQ, &frequency.to_le_bytes());
            }
            Effect::MeshLocalPrefix => {
                let prefix = mesh_local_prefix(&self.store);
                self.net.set_mesh_local_prefix(prefix);
                self.publish();
            }
            Effect::NetworkKey => {
                self.key_sequence = 0;
                self.store.put(NET_KEY_SEQUENCE_COUNTER, &[0; 4]);
                self.updates
                    .mark(Update::Property(NET_KEY_SEQUENCE_COUNTER));
            }
            _ => {}
        }
    }

    /// The falling edge registers prefixes, routes and services with the leader.
    fn set_net_data_gate(&mut self, gate: u32, open: u8) {
        let was_open = self.store.uint8(gate);
        self.put(gate, &[open]);
        if (was_open, open) == (1, 0) && self.net.is_attached() {
            self.register_network_data();
        }
    }

    pub(super) fn register_network_data(&mut self) {
        let entries = self.own_entries();
        if entries != self.mesh.registered {
            self.mesh.registered = entries;
            self.mesh.hurry();
        }
        self.gather_network_data();
        self.publish_addresses();
    }

    /// Shows network data that may have changed.
    pub(super) fn put_network_data(&mut self, head: &[u8], entries: &[u8], stable: &[u8]) {
        let full = &[head, entries].concat();
        if *full == self.store.value(THREAD_LEADER_NETWORK_DATA) {
            return;
        }
        let bump = |store: &mut Store, version| {
            let next = store.uint8(version).wrapping_add(1);
            store.put(version, &[next]);
        };
        bump(&mut self.store, THREAD_NETWORK_DATA_VERSION);
        if stable != self.store.value(THREAD_STABLE_LEADER_NETWORK_DATA) {
            bump(&mut self.store, THREAD_STABLE_NETWORK_DATA_VERSION);
        }
        self.store.put(THREAD_NETWORK_DATA, entries);
        self.store.put(THREAD_STABLE_NETWORK_DATA, stable);
        self.store.put(THREAD_STABLE_LEADER_NETWORK_DATA, stable);
        self.store.put(THREAD_LEADER_NETWORK_DATA, full);
        if !self.net.is_attached() {
            return;
        }
        self.updates
            .mark(Update::Property(THREAD_LEADER_NETWORK_DATA));
        self.updates.mark(Update::Property(THREAD_ON_MESH_NETS));
        self.updates.mark(Update::Property(THREAD_OFF_MESH_ROUTES));
    }
}

/// Protocol §4.3.
const MCU_OFF: u8 = 2;
/// Protocol §4.9.
const PING_OFFLOAD_ALL: u8 = 3;
const PING_OFFLOAD_MAX: u8 = 4;
/// Protocol §3.5, property 4864.
const NO_FIXED_RSSI: u8 = 127;
/// Four seconds less than the child timeout of 240 s, and the shortest (OpenThread's DataPollSender), in ms.
const POLL_PERIOD_DEFAULT: u32 = 236_000;
const POLL_PERIOD_MIN: u32 = 10;

/// What OpenThread makes of HOST_POWER_STATE (protocol §4.4): RESERVED is DEEP_SLEEP, and what nobody knows is
/// LOW_POWER.
const fn host_power(state: u8) -> u8 {
    match state {
        2 => 1,
        0 | 1 | 3 | 4 => state,
        _ => super::HOST_LOW_POWER,
    }
}
/// Protocol §3.7, property 94: ignored since Thread 1.2, and never shown.
const MODE_SECURE_DATA_REQUEST: u8 = 0x04;

/// The members of CNTR_ALL_MAC_COUNTERS as single counters, in the order of OpenThread's
/// `otMacCounters`; 0 for those that have no property of their own.
const MAC_TX_COUNTERS: [u32; 17] = [
    1281, 1292, 1293, 1282, 1283, 1284, 1285, 1286, 1287, 1288, 1289, 1290, 1291, 1294, 0, 0, 0,
];
const MAC_RX_COUNTERS: [u32; 17] = [
    1380, 1395, 1396, 1381, 1382, 1383, 1384, 1385, 1386, 1387, 1394, 1388, 1389, 1390, 1391, 1392,
    1393,
];
