//! The handshake (protocol §7.3): what is asked in which order, what the answers must be, and what
//! follows when an attempt fails.

use super::fault::Rescue;
use super::{Effect, Ground, Phase, Session, FAILURES_MAX};
use crate::host::command::reply::Reply;
use crate::host::command::transact::property_payload;
use crate::host::command::Owner;
use crate::host::dataset::Dataset;
use crate::host::failure::What;
use crate::host::known::{Known, State, DATASET};
use crate::host::script::Reset;
use crate::time::{Duration, Instant};
use crate::wire::ids::{Capability, Command, Property, Status};
use crate::wire::packed::{Reader, Writer};
use crate::wire::spinel::FRAME_MAX;
use std::collections::VecDeque;

/// One step of the handshake.
#[derive(Clone, Debug)]
enum Ask {
    Get(Property),
    /// Several at once, where the co-processor can that (CAP_CMD_MULTI).
    GetMany(Vec<Property>),
    /// A command whose error is no obstacle.
    Tell(Command, Vec<u8>),
    /// The firmware gate (§7.12).
    Check,
    /// What the capabilities decide.
    Rest,
    /// Whether a join was left half-way.
    Judge,
    /// Step 12.
    Apply,
}

#[derive(Debug)]
pub(in crate::host) struct Startup {
    plan: VecDeque<Ask>,
    asked: Option<Ask>,
    /// Attempts that failed since the last that did not.
    pub(in crate::host) failures: u32,
    /// The version that is being checked.
    pub(super) checking: Option<String>,
    /// The version that was checked last: once is enough.
    pub(super) checked: Option<String>,
    /// A firmware was tried as a remedy since the last attempt that succeeded. Once is enough: one that
    /// does not start would be written over and over.
    pub(in crate::host) tried_upgrade: bool,
    /// A join that was left half-way was ended by a reset since the last start-up that succeeded: what is
    /// up again then starts by itself.
    pub(super) ended_join: bool,
    /// The co-processor reported a reset since the last start-up that succeeded: what runs was started by
    /// its firmware, not by us.
    pub(in crate::host) saw_reset: bool,
    /// What was known before, so that only changes are told.
    pub(in crate::host) before: Known,
    /// How FAULT is left.
    pub(in crate::host) rescue: Rescue,
    /// How many frames had come when the transport was opened, or it was ready last.
    pub(in crate::host) frames: u64,
    /// What the transport sees in the way of frames, and whether it is of no use to wait.
    pub(in crate::host) seen: Option<String>,
    pub(in crate::host) seen_is_certain: bool,
    /// The diagnosis makes it useless to wait.
    pub(in crate::host) is_certain: bool,
}

impl Startup {
    pub(in crate::host) fn new() -> Self {
        Startup {
            plan: VecDeque::new(),
            asked: None,
            failures: 0,
            checking: None,
            checked: None,
            tried_upgrade: false,
            ended_join: false,
            saw_reset: false,
            before: Known::new(),
            rescue: Rescue::default(),
            frames: 0,
            seen: None,
            seen_is_certain: false,
            is_certain: false,
        }
    }

    /// A start-up succeeded.
    pub(in crate::host) fn forget_reset(&mut self) {
        self.ended_join = false;
        self.saw_reset = false;
    }

    pub(in crate::host) fn forget_plan(&mut self) {
        self.plan.clear();
        self.asked = None;
    }
}

impl Session {
    /// Step 0: a reset only if one is wanted; the co-processor may have been up for days.
    pub(in crate::host) fn begin(&mut self, ground: &mut Ground<'_>) {
        if ground.settings.reset_at_start {
            self.start_reset(ground, Reset::Hard);
        } else {
            self.pause(ground);
        }
    }

    /// Step 1, with what the co-processor had forgotten.
    pub(in crate::host) fn start_reset(&mut self, ground: &mut Ground<'_>, how: Reset) {
        self.forget_coprocessor(ground);
        self.known.pause = None;
        match how {
            Reset::Hard if ground.settings.has_hardware_reset => self.wants_reset_line = true,
            Reset::Hard => ground.engine.reset(ground.now, None),
            Reset::Soft(kind) => ground.engine.reset(ground.now, kind),
        }
        self.phase = Phase::Resetting {
            until: ground.now + RESET_TIMEOUT + ground.settings.reset_allowance,
        };
        self.becomes_uninitialized(ground);
    }

    /// Step 2.
    pub(in crate::host) fn pause(&mut self, ground: &mut Ground<'_>) {
        self.forget_coprocessor(ground);
        let runaway = self.watch.runaway_pause(ground.now);
        self.tell_pause(runaway);
        let pause = PAUSE + runaway;
        self.phase = Phase::Pausing {
            until: ground.now + pause,
        };
        self.becomes_uninitialized(ground);
    }

    /// Why nothing happens for a while, and what to do about it.
    fn tell_pause(&mut self, runaway: Duration) {
        self.known.pause = None;
        if runaway.is_zero() {
            return;
        }
        let resets = self.watch.resets();
        let why = format!(
            "it restarted {resets} times in a short time: left alone for {} s; `spinelctl reset` begins at once",
            runaway.as_millis().div_ceil(1_000)
        );
        log::warn!("the co-processor: {why}");
        self.known.pause = Some(why);
    }

    pub(in crate::host) fn startup_timeout(&self) -> Option<Instant> {
        match self.phase {
            Phase::Resetting { until }
            | Phase::Pausing { until }
            | Phase::Retrying { until, .. } => Some(until),
            Phase::Fault => self.startup.rescue.at,
            _ => None,
        }
    }

    pub(in crate::host) fn startup_time(&mut self, ground: &mut Ground<'_>) {
        if self.startup_timeout().map_or(true, |at| ground.now < at) {
            return;
        }
        match self.phase {
            Phase::Resetting { .. } => self.fail_attempt(ground, "it reported no reset within 5 s"),
            Phase::Retrying { reset, .. } => self.start_reset(ground, reset),
            Phase::Fault => self.look_again(ground),
            _ => self.start_asking(ground),
        }
    }

    /// Steps 3 to 12 from the beginning.
    pub(in crate::host) fn start_asking(&mut self, ground: &mut Ground<'_>) {
        self.known.pause = None;
        self.startup.plan = VecDeque::from([
            Ask::Get(Property::PROTOCOL_VERSION),
            Ask::Get(Property::NCP_VERSION),
            Ask::Check,
            Ask::Get(Property::INTERFACE_TYPE),
            Ask::Get(Property::VENDOR_ID),
            Ask::Get(Property::CAPS),
            Ask::Get(Property::HWADDR),
            Ask::Rest,
        ]);
        self.phase = Phase::Asking;
        ground.engine.set_one_at_a_time(ground.now, true);
    }

    /// Asks the next thing, unless an answer is awaited.
    pub(in crate::host) fn continue_startup(&mut self, ground: &mut Ground<'_>) {
        while self.phase == Phase::Asking && self.startup.asked.is_none() {
            match self.startup.plan.pop_front() {
                None => self.become_ready(ground),
                Some(Ask::Check) => self.check_firmware(ground),
                Some(Ask::Rest) => self.plan_rest(),
                Some(Ask::Judge) => self.judge(ground),
                Some(Ask::Apply) => self.plan_apply(ground),
                Some(ask) => self.ask(ground, ask),
            }
        }
    }

    fn ask(&mut self, ground: &mut Ground<'_>, ask: Ask) {
        let (command, payload) = match &ask {
            Ask::Get(property) => (Command::PROP_VALUE_GET, property_payload(*property, &[])),
            Ask::GetMany(properties) => {
                let numbers = properties
                    .iter()
                    .map(|property| property_payload(*property, &[]));
                (Command::PROP_VALUE_MULTI_GET, numbers.flatten().collect())
            }
            Ask::Tell(command, payload) => (*command, payload.clone()),
            Ask::Check | Ask::Rest | Ask::Judge | Ask::Apply => return,
        };
        let owner = Owner::Startup;
        match ground.engine.submit(ground.now, owner, command, payload) {
            Ok(()) => self.startup.asked = Some(ask),
            // The queue is empty now, so it is too long: a setting from the configuration.
            Err(_) => log::warn!("left out at start-up: {ask:?} does not fit into a frame"),
        }
    }

    /// The answer to what was asked last.
    pub(in crate::host) fn startup_answered(&mut self, ground: &mut Ground<'_>, reply: &Reply<'_>) {
        let Some(ask) = self.startup.asked.take() else {
            return;
        };
        let what = What(reply.asked, reply.asked_property);
        match ask {
            Ask::Get(property) if reply.value_of(property).is_some() => {
                self.check(ground, property)
            }
            Ask::Get(property) if REQUIRED.contains(&property) => {
                self.fail_attempt(ground, &format!("{what}: {}", reply.outcome()));
            }
            Ask::Get(_) => log::debug!("at start-up: {what}: {}", reply.outcome()),
            Ask::GetMany(properties) => self.take_many(ground, &properties, reply),
            // What is to be so is so.
            _ if reply.error().map_or(true, Status::is_done_already) => {}
            Ask::Tell(Command::PROP_VALUE_SET, _)
                if reply.asked_property == Some(Property::THREAD_ACTIVE_DATASET_TLVS)
                    && reply.error().is_some_and(Status::is_absent) =>
            {
                self.restore_by_members();
            }
            _ => {
                log::warn!("at start-up: {what}: {}", reply.outcome());
            }
        }
    }

    /// What was asked for at once. Whatever the answer does not decide is asked for singly: firmware may list the
    /// capability and not have the command, have no room for all values in one frame, or not read some of them
    /// this way (INVALID_COMMAND_FOR_PROP in their place, protocol §1.3).
    fn take_many(&mut self, ground: &mut Ground<'_>, properties: &[Property], reply: &Reply<'_>) {
        let mut values = Reader::new(match reply.told {
            Command::PROP_VALUES_ARE => reply.value,
            _ => &[],
        });
        let mut left = Vec::new();
        for (index, &asked) in properties.iter().enumerate() {
            // In the order of the question; what failed is a LAST_STATUS in its place.
            let entry = values.structure().ok().and_then(|mut entry| {
                let told = entry.uint_packed().ok()?;
                Some((Property(told), entry))
            });
            match entry {
                Some((told, entry)) if told == asked => {
                    let value = entry.rest();
                    if let Some(is_new) = self.learn(ground, told, value) {
                        self.effects.push_back(Effect::Learnt(told, value.to_vec()));
                        self.value_means(ground, told, is_new);
                    }
                }
                Some((Property::LAST_STATUS, mut entry)) => {
                    let status = entry.uint_packed().map(Status);
                    if !matches!(status, Ok(Status::PROP_NOT_FOUND | Status::UNIMPLEMENTED)) {
                        left.push(asked);
                    }
                }
                _ => {
                    left.extend_from_slice(&properties[index..]);
                    break;
                }
            }
        }
        for property in left.into_iter().rev() {
            log::debug!("at start-up: {property} did not come with the others: asking for it");
            self.startup.plan.push_front(Ask::Get(property));
        }
    }

    fn check(&mut self, ground: &mut Ground<'_>, property: Property) {
        let mut value = Reader::new(self.known.value(property).unwrap_or_default());
        match property {
            Property::PROTOCOL_VERSION => match (value.uint_packed(), value.uint_packed()) {
                (Ok(MAJOR), Ok(minor)) if minor > MINOR => {
                    log::info!("the co-processor speaks Spinel {MAJOR}.{minor}; {MAJOR}.{MINOR} is known here");
                }
                (Ok(MAJOR), _) => {}
                (Ok(major), _) => self.fault(ground, format!(
                    "it speaks Spinel {major}, not {MAJOR}: replace its firmware"
                )),
                (Err(_), _) => self.fail_attempt(ground, "its protocol version cannot be read"),
            },
            Property::NCP_VERSION => match value.utf8() {
                Ok([]) | Err(_) => {
                    self.fault(ground, "its firmware has no version: replace its firmware".into());
                }
                Ok(version) => log::info!(
                    "the co-processor runs {}",
                    crate::wire::signature::Escaped(version)
                ),
            },
            Property::INTERFACE_TYPE => match value.uint_packed() {
                Ok(THREAD) => {}
                Ok(BOOTLOADER) if !self.startup.tried_upgrade && self.may_upgrade(ground) => {
                    log::warn!("the co-processor is in its bootloader: replacing the firmware");
                    self.startup.tried_upgrade = true;
                    self.note_upgrade(ground);
                    self.start_upgrade(ground);
                }
                Ok(BOOTLOADER) if self.startup.tried_upgrade => self.fault(ground,
                    "it is in its bootloader again after the upgrade command: look at that command's output"
                        .into(),
                ),
                Ok(BOOTLOADER) => self.fault(ground,
                    "it is in its bootloader: install a firmware, or configure an upgrade command"
                        .into(),
                ),
                Ok(kind) => self.fault(ground, format!(
                    "its interface type is {kind}, not Thread ({THREAD}): replace its firmware"
                )),
                Err(_) => self.fail_attempt(ground, "its interface type cannot be read"),
            },
            Property::CAPS if self.is_radio_alone() => self.fault(ground,
                "it is an RCP, a radio without a stack: load an NCP firmware, or use it without --tun for otbr-agent"
                    .into(),
            ),
            _ => {}
        }
    }

    /// Whether nobody behind it speaks IPv6 (§4.2). An NCP may offer its radio, too.
    fn is_radio_alone(&self) -> bool {
        let has = |capability| self.known.has(capability);
        let has_stack = has(Capability::CONFIG_FTD) || has(Capability::CONFIG_MTD);
        !has_stack && (has(Capability::CONFIG_RADIO) || has(Capability::MAC_RAW))
    }

    /// Steps 9 to 12. The order is that of the steps, then wpantund's.
    fn plan_rest(&mut self) {
        let plan = &mut self.startup.plan;
        if self.known.has(Capability::NET_SAVE) {
            plan.push_back(Ask::Tell(Command::NET_RECALL, Vec::new()));
        }
        let optional = OPTIONAL
            .iter()
            .filter(|(_, capability)| self.known.has(*capability));
        let rest = REST
            .iter()
            .chain(optional.map(|(property, _)| property))
            .copied();
        if self.known.has(Capability::CMD_MULTI) {
            // A table may be as long as a frame: it does not fit beside others.
            let (tables, short): (Vec<_>, Vec<_>) =
                rest.partition(|property| TABLES.contains(property));
            plan.push_back(Ask::GetMany(STATE.to_vec()));
            plan.push_back(Ask::Judge);
            plan.push_back(Ask::GetMany(short));
            plan.extend(tables.into_iter().map(Ask::Get));
        } else {
            plan.extend(STATE.iter().map(|property| Ask::Get(*property)));
            plan.push_back(Ask::Judge);
            plan.extend(rest.map(Ask::Get));
        }
        plan.push_back(Ask::Apply);
    }

    /// Step 10: nobody watches over a join that was left half-way. Some firmware starts its stack by
    /// itself after each reset: what has no network to look for, or was not asked for, is taken down.
    fn judge(&mut self, ground: &mut Ground<'_>) {
        if !self.known.flag(Property::NET_STACK_UP) {
            return;
        }
        let half_way = !self.is_attached() && !self.known.flag(Property::NET_SAVED);
        let unwanted = self.startup.saw_reset && !self.watch.wants_up;
        // In a look at what was given up nothing is reset (`fault`): it is taken down at once.
        let may_reset = !self.startup.ended_join && self.known.state != State::Fault;
        if half_way && !unwanted && may_reset {
            log::warn!("the co-processor was joining, and nobody knows for whom: resetting it");
            self.startup.ended_join = true;
            return self.start_reset(ground, Reset::Soft(None));
        }
        if half_way || unwanted {
            log::info!("the co-processor's firmware starts its stack by itself: taking it down");
            let set = Command::PROP_VALUE_SET;
            let down = |property| Ask::Tell(set, property_payload(property, &[0]));
            let steps = [down(Property::NET_STACK_UP), down(Property::NET_IF_UP)]
                .into_iter()
                .chain(STATE.iter().copied().map(Ask::Get));
            for (index, step) in steps.enumerate() {
                self.startup.plan.insert(index, step);
            }
        }
    }

    /// Step 12: what a reset made it forget.
    fn plan_apply(&mut self, ground: &mut Ground<'_>) {
        let set = Command::PROP_VALUE_SET;
        let mut plan = VecDeque::new();
        if self.known.uint8(Property::MCU_POWER_STATE) == Some(MCU_LOW_POWER) {
            // It was put to sleep, and we lost sight of it: it would have to be poked each time.
            let payload = property_payload(Property::MCU_POWER_STATE, &[MCU_ON]);
            plan.push_back(Ask::Tell(set, payload));
        }
        if self.known.has(Capability::UNSOL_UPDATE_FILTER) {
            // Whatever somebody set before us: a co-processor that was not reset keeps it.
            let payload = property_payload(Property::UNSOL_UPDATE_FILTER, &[]);
            plan.push_back(Ask::Tell(set, payload));
        }
        let configured = ground.settings.reapply.iter();
        plan.extend(
            configured.map(|(property, value)| Ask::Tell(set, property_payload(*property, value))),
        );
        let kept = self.keep.settings();
        plan.extend(kept.map(|(command, property, value)| {
            Ask::Tell(command, property_payload(property, value))
        }));
        let sniffing = ground.tasks.sniffers_setup();
        plan.extend(sniffing.map(|(command, payload)| Ask::Tell(command, payload.to_vec())));
        let is_blank =
            !self.known.flag(Property::NET_SAVED) && !self.known.flag(Property::NET_STACK_UP);
        if let Some(tlvs) = self.keep.retained().filter(|_| is_blank) {
            log::info!("the co-processor has lost its network: restoring it");
            let payload = property_payload(Property::THREAD_ACTIVE_DATASET_TLVS, tlvs);
            plan.push_back(Ask::Tell(set, payload));
            plan.extend(DATASET.iter().copied().map(Ask::Get));
        }
        self.startup.plan = plan;
    }

    /// The retained network in the way of firmware that takes no TLVs.
    fn restore_by_members(&mut self) {
        let tlvs = self.keep.retained().unwrap_or_default();
        let mut value = [0; FRAME_MAX];
        let mut writer = Writer::new(&mut value);
        match Dataset::from_tlvs(tlvs) {
            Ok(dataset) if dataset.write_value(&mut writer).is_ok() => {
                let payload = property_payload(Property::THREAD_ACTIVE_DATASET, writer.written());
                self.startup
                    .plan
                    .push_front(Ask::Tell(Command::PROP_VALUE_SET, payload));
            }
            Ok(_) => {}
            Err(why) => log::warn!("the retained network cannot be restored: {why}"),
        }
    }

    /// An attempt failed: another one after a reset (§7.3), or none any more.
    pub(in crate::host) fn fail_attempt(&mut self, ground: &mut Ground<'_>, why: &str) {
        self.startup.failures += 1;
        let certain = self.known.diagnosis.clone();
        let certain = certain.filter(|_| self.startup.is_certain);
        let why = certain.as_deref().unwrap_or(why);
        if self.known.state == State::Fault {
            log::debug!("the co-processor still cannot be initialised: {why}");
        } else {
            log::warn!(
                "the co-processor cannot be initialised ({}. attempt): {why}",
                self.startup.failures
            );
        }
        self.forget_coprocessor(ground);
        if self.resets_in_look(ground) {
            return;
        }
        if self.startup.failures > FAILURES_MAX {
            return self.give_up(ground, why);
        }
        let is_silent = ground.stats.frames == self.startup.frames;
        self.wants_renewal =
            ground.settings.can_renew && is_silent && self.startup.failures == HARD_RESET_AT;
        self.phase = Phase::Retrying {
            until: ground.now + RETRY_PAUSE,
            reset: if self.startup.failures == HARD_RESET_AT {
                Reset::Hard
            } else {
                Reset::Soft(None)
            },
        };
        self.becomes_uninitialized(ground);
    }
}

/// Without these nothing else makes sense (protocol §7.3, steps 3 to 7).
const REQUIRED: &[Property] = &[
    Property::PROTOCOL_VERSION,
    Property::NCP_VERSION,
    Property::INTERFACE_TYPE,
    Property::CAPS,
];

/// Protocol §7.3, step 10.
pub(in crate::host) const STATE: &[Property] = &[
    Property::NET_STACK_UP,
    Property::NET_SAVED,
    Property::NET_IF_UP,
    Property::NET_ROLE,
];

/// Protocol §7.3, "wpantund's exact order", without what the steps before ask for; then what else is
/// remembered.
const REST: &[Property] = &[
    Property::PHY_CHAN,
    Property::PHY_CHAN_SUPPORTED,
    Property::PHY_CHAN_PREFERRED,
    Property::MAC_15_4_PANID,
    Property::MAC_15_4_LADDR,
    Property::NET_NETWORK_KEY,
    Property::NET_KEY_SEQUENCE_COUNTER,
    Property::NET_NETWORK_NAME,
    Property::NET_XPANID,
    Property::IPV6_LL_ADDR,
    Property::IPV6_ML_ADDR,
    Property::IPV6_ADDRESS_TABLE,
    Property::IPV6_MULTICAST_ADDRESS_TABLE,
    Property::THREAD_ON_MESH_NETS,
    Property::THREAD_OFF_MESH_ROUTES,
    Property::THREAD_ASSISTING_PORTS,
    Property::THREAD_MODE,
    Property::NET_PARTITION_ID,
    Property::IPV6_ML_PREFIX,
    Property::THREAD_RLOC16,
];

/// Those of them that may be long.
const TABLES: &[Property] = &[
    Property::IPV6_ADDRESS_TABLE,
    Property::IPV6_MULTICAST_ADDRESS_TABLE,
    Property::THREAD_ON_MESH_NETS,
    Property::THREAD_OFF_MESH_ROUTES,
    Property::THREAD_ASSISTING_PORTS,
    Property::SERVER_SERVICES,
];

/// Protocol §7.3: asked for where a capability says that it is there.
const OPTIONAL: &[(Property, Capability)] = &[
    (Property::SLAAC_ENABLED, Capability::SLAAC),
    (Property::RCP_VERSION, Capability::POSIX),
    (Property::SERVER_SERVICES, Capability::THREAD_SERVICE),
    (Property::MCU_POWER_STATE, Capability::MCU_POWER_STATE),
];

/// Protocol §3.3, property 1.
const MAJOR: u32 = 4;
/// Protocol §3.3: what today's firmware says.
const MINOR: u32 = 3;
/// Protocol §4.5.
const BOOTLOADER: u32 = 0;
/// Protocol §4.5.
const THREAD: u32 = 3;
/// Protocol §4.3.
const MCU_ON: u8 = 0;
/// Protocol §4.3.
const MCU_LOW_POWER: u8 = 1;
/// Protocol §7.3: the second repetition resets by hardware, the others by command.
const HARD_RESET_AT: u32 = 2;
/// Protocol §7.3.
const RESET_TIMEOUT: Duration = Duration::from_secs(5);
/// Protocol §7.3, step 2.
const PAUSE: Duration = Duration::from_millis(100);
/// Protocol §7.3.
const RETRY_PAUSE: Duration = Duration::from_millis(500);
