//! What can be said of a property: what may be done with it and when, and what follows.

use super::shape::Shape;

/// One row of the property table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Property {
    pub(crate) id: u32,
    pub(crate) access: Access,
    pub(crate) shape: Shape,
    /// The value after a reset, of a scalar. Lists start empty.
    pub(crate) initial: &'static [u8],
    /// When the value can be read.
    pub(crate) read_when: When,
    /// When it can be changed.
    pub(crate) write_when: When,
    /// What else happens when it was changed.
    pub(crate) effect: Effect,
    /// Whether it says what a network is: a SET of it alone ends the dataset.
    pub(crate) credential: bool,
    /// Whether OpenThread's default build has not got it ([`Variant::extras`](super::variant::Variant::extras)).
    pub(crate) extra: Extra,
    /// Whether its value is made up of others when it is read (`Ncp::compute`).
    pub(crate) computed: bool,
}

impl Property {
    pub(crate) const fn new(id: u32, access: Access, shape: Shape, initial: &'static [u8]) -> Self {
        Property {
            id,
            access,
            shape,
            initial,
            read_when: When::Always,
            write_when: When::Always,
            effect: Effect::None,
            credential: false,
            extra: Extra::None,
            computed: false,
        }
    }

    pub(crate) const fn effect(mut self, effect: Effect) -> Self {
        self.effect = effect;
        self
    }

    pub(crate) const fn write_when(mut self, when: When) -> Self {
        self.write_when = when;
        self
    }

    pub(crate) const fn read_when(mut self, when: When) -> Self {
        self.read_when = when;
        self
    }

    pub(crate) const fn computed(mut self) -> Self {
        self.computed = true;
        self
    }

    /// A credential: only writable while the stack is down.
    pub(crate) const fn credential(mut self) -> Self {
        self.write_when = When::StackDown;
        self.credential = true;
        self
    }

    /// There with [`Variant::extras`](super::variant::Variant::extras) alone.
    pub(crate) const fn extra(mut self) -> Self {
        self.extra = Extra::All;
        self
    }

    /// Only readable without [`Variant::extras`](super::variant::Variant::extras).
    pub(crate) const fn extra_to_write(mut self) -> Self {
        self.extra = Extra::ToWrite;
        self
    }
}

/// What of a property is there with [`Variant::extras`](super::variant::Variant::extras) alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extra {
    None,
    All,
    ToWrite,
}

/// Which of GET, SET, INSERT and REMOVE a property offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Access(u8);

impl Access {
    pub(crate) const G: Access = Access(1);
    pub(crate) const S: Access = Access(2);
    pub(crate) const I: Access = Access(4);
    pub(crate) const R: Access = Access(8);
    pub(crate) const GS: Access = Access(1 | 2);
    pub(crate) const GI: Access = Access(1 | 4);
    pub(crate) const GIR: Access = Access(1 | 4 | 8);
    pub(crate) const GSIR: Access = Access(1 | 2 | 4 | 8);

    pub(crate) const fn offers(self, operation: Access) -> bool {
        self.0 & operation.0 == operation.0
    }
}

/// The condition of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    Always,
    /// Never: the documents define it, the firmware has not got it.
    Unimplemented,
    StackDown,
    /// Child, router or leader; it says DETACHED.
    Attached,
    InterfaceUp,
    NoChildren,
    /// An active commissioner.
    Commissioning,
    /// The build has LINK_RAW, and the interface is down.
    LinkRaw,
    /// Nothing of the stack's is in the way of what a sniffer wants.
    RadioFree,
    /// The stack is down; in firmware with a raw radio, while that is the host's.
    Receiving,
    /// Only as a child.
    Child,
    /// Property 93 is true.
    NetDataOpen,
    /// Property 160 is true.
    ServicesOpen,
}

/// What else happens when a property was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    None,
    Channel,
    ExtendedAddress,
    MeshLocalPrefix,
    Interface,
    Stack,
    Role,
    NetworkKey,
    PollPeriod,
    Mode,
    JoinExisting,
    Leave,
    McuPower,
    PingOffload,
    PingOffloadMode,
    NetDataGate,
    Scan,
    Datagram,
    DatagramInsecure,
    ClearCounters,
    ActiveDataset,
    ActiveTlvs,
    PendingDataset,
    PendingTlvs,
    Announce,
    AnnounceTlvs,
    RouterRole,
    Supported,
    Allowlist,
    HostPower,
    KeySequence,
    Promiscuous,
    RawLink,
    Commissioner,
    Joiner,
    Gpio,
}
