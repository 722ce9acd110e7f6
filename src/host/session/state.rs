//! The states (protocol §7.2) and what leads from one to another.

use super::Phase;
use super::{Effect, Ground, Session};
use crate::ctl::{Event, Field, Fields};
use crate::host::command::wait::Told;
use crate::host::events;
use crate::host::known::State;
use crate::wire::ids::{Command, Property, Status};

impl Session {
    /// A new state, told to everyone.
    pub(in crate::host) fn set_state(&mut self, ground: &mut Ground<'_>, state: State) {
        let was = self.known.state;
        if state != State::Fault {
            self.known.fault = None;
        }
        if was == state {
            return;
        }
        self.known.state = state;
        log::info!("state: {state} (was {was})");
        let fields = Fields::new()
            .with("state", Field::word(state))
            .with("was", Field::word(was));
        ground.outbox.event(Event {
            name: "state",
            fields,
        });
        self.update_interface();
        if state == State::Associated && was.is_initialized() {
            self.associated();
        }
        self.effects.push_back(Effect::Tell(Told::State));
    }

    /// The handshake is over: the state is what the co-processor says, and a stack that runs is kept.
    pub(in crate::host) fn become_ready(&mut self, ground: &mut Ground<'_>) {
        self.phase = Phase::Ready;
        self.startup.failures = 0;
        self.startup.tried_upgrade = false;
        self.startup.rescue.forget();
        self.startup.frames = ground.stats.frames;
        self.startup.forget_reset();
        self.watch.heard_at = ground.now;
        ground.engine.set_one_at_a_time(ground.now, false);
        let is_up = self.known.flag(Property::NET_STACK_UP);
        let state = if self.is_attached() {
            State::Associated
        } else if is_up {
            self.state_without_parent()
        } else {
            self.state_down()
        };
        self.set_state(ground, state);
        self.keep_network();
        self.watch.wants_up |= is_up;
        self.effects.push_back(Effect::Ready {
            attaches: state == State::Commissioned && !is_up,
        });
    }

    /// The whole value of a property, asked for or not, and whether it is new; `None` if the co-processor is given up
    /// for it. [`Session::value_means`] has to follow.
    pub(in crate::host) fn learn(
        &mut self,
        ground: &mut Ground<'_>,
        property: Property,
        value: &[u8],
    ) -> Option<bool> {
        let is_new = self.known.remember(property, value);
        if is_new && property == Property::NCP_VERSION && self.is_ready() {
            self.misbehaving(ground, "its firmware changed without a reset");
            return None;
        }
        if is_new && self.startup.before.value(property) != Some(value) {
            let event = events::property(Command::PROP_VALUE_IS, property, value);
            ground.outbox.event(event);
        }
        Some(is_new)
    }

    /// What follows from a value that was learnt, for the state and for what is kept.
    pub(in crate::host) fn value_means(
        &mut self,
        ground: &mut Ground<'_>,
        property: Property,
        is_new: bool,
    ) {
        self.state_value(ground, property);
        // The PSKc is not remembered; whatever tells it, it may be another one.
        if is_new || property == Property::NET_PSKC {
            self.keep_value(property);
        }
    }

    /// A value came, remembered or not: what does it mean for the state?
    pub(in crate::host) fn state_value(&mut self, ground: &mut Ground<'_>, property: Property) {
        if self.phase != Phase::Ready {
            return;
        }
        let state = self.known.state;
        match property {
            Property::NET_STACK_UP if self.known.flag(property) => {
                self.watch.wants_up = true;
                if !state.is_up() {
                    self.set_state(ground, self.state_without_parent());
                }
            }
            Property::NET_STACK_UP => self.stack_is_down(ground),
            // Today's firmware tells of its stack by the role alone.
            Property::NET_ROLE if self.known.uint8(property) == Some(DISABLED) => {
                self.known.remember(Property::NET_STACK_UP, &[0]);
                self.stack_is_down(ground);
            }
            Property::NET_ROLE if self.is_attached() => {
                self.known.remember(Property::NET_STACK_UP, &[1]);
                self.watch.wants_up = true;
                self.set_state(ground, State::Associated);
                // A child that becomes a router gets another one.
                self.watch.refresh(&[Property::THREAD_RLOC16]);
            }
            Property::NET_ROLE if state == State::Associated => {
                // Updates come in any order: it may be known already that the stack is down.
                self.set_state(
                    ground,
                    match self.known.flag(Property::NET_STACK_UP) {
                        true => State::Isolated,
                        false => self.state_down(),
                    },
                );
            }
            Property::NET_SAVED if !state.is_up() => self.set_state(ground, self.state_down()),
            Property::NET_IF_UP => self.update_interface(),
            _ => {}
        }
    }

    fn stack_is_down(&mut self, ground: &mut Ground<'_>) {
        if self.known.state.is_up() {
            self.set_state(ground, self.state_down());
            self.watch.refresh(&[Property::NET_SAVED]);
        }
        self.effects.push_back(Effect::Tell(Told::StackDown));
    }

    /// LAST_STATUS 104..=111, unasked.
    pub(in crate::host) fn join_outcome(&mut self, ground: &mut Ground<'_>, status: Status) {
        let state = self.known.state;
        let joins = matches!(state, State::Associating | State::CredentialsNeeded);
        if status == Status::JOIN_SUCCESS && (joins || !state.is_up()) {
            // During the handshake the state is not known yet; what it found out may be out of date.
            if self.phase == Phase::Ready {
                self.set_state(ground, State::Commissioned);
            }
            self.watch.refresh(&[
                Property::NET_SAVED,
                Property::NET_STACK_UP,
                Property::NET_ROLE,
            ]);
        } else if status != Status::JOIN_SUCCESS && joins {
            self.set_state(ground, State::CredentialsNeeded);
        }
        self.effects.push_back(Effect::Tell(Told::Status(status)));
    }

    /// Child, router or leader. A role that is not known here is one of an attached node, too (§4.7).
    pub(in crate::host) fn is_attached(&self) -> bool {
        let role = self.known.uint8(Property::NET_ROLE);
        role.is_some_and(|role| !matches!(role, DETACHED | DISABLED))
    }

    fn state_without_parent(&self) -> State {
        let mode = self.known.uint8(Property::THREAD_MODE);
        let sleeps = mode.is_some_and(|mode| mode & RX_ON_WHEN_IDLE == 0);
        if sleeps && self.known.flag(Property::NET_SAVED) {
            State::Isolated
        } else {
            State::Associating
        }
    }

    fn state_down(&self) -> State {
        if self.known.flag(Property::NET_SAVED) {
            State::Commissioned
        } else {
            State::Offline
        }
    }

    fn associated(&mut self) {
        self.watch.refresh(AFTER_ASSOCIATION);
        self.effects.push_back(Effect::Associated);
        self.keep_network();
    }

    /// The interface is up while there is a network, or may be one. A reset of the co-processor alone
    /// changes nothing: it would take the addresses from the interface, and it is over in a second.
    fn update_interface(&mut self) {
        let state = self.known.state;
        if state == State::Uninitialized || self.phase == Phase::Asking {
            return;
        }
        let is_open = matches!(
            state,
            State::Associated | State::Isolated | State::CredentialsNeeded
        );
        self.effects
            .push_back(Effect::Up(is_open && self.known.flag(Property::NET_IF_UP)));
    }
}

/// Protocol §7.2; then what the network decided, or forming it stored, and no update tells (§3.2).
const AFTER_ASSOCIATION: &[Property] = &[
    Property::MAC_15_4_LADDR,
    Property::IPV6_ML_ADDR,
    Property::NET_XPANID,
    Property::MAC_15_4_PANID,
    Property::PHY_CHAN,
    Property::IPV6_ADDRESS_TABLE,
    Property::IPV6_ML_PREFIX,
    Property::NET_SAVED,
];

/// Protocol §4.7.
const DETACHED: u8 = 0;
/// Protocol §4.7.
const DISABLED: u8 = 4;
/// Protocol §3.7, property 94.
const RX_ON_WHEN_IDLE: u8 = 0x08;
