//! What both sides have: addresses, or groups. Each row knows who wants it and who has it; what is to
//! be done follows from that, and from nothing else.
//!
//! While something is under way for a row on one side, what that side tells of the row is old, because
//! both sides tell everything in the order in which it happened: it is not believed until the answer
//! has come. This is why no echo of our own changes is ever taken for somebody else's.

use super::tries::{Tries, Waits};
use crate::host::kernel::Address;
use crate::time::{earliest, Instant};
use std::net::Ipv6Addr;

/// Who wants a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// Nobody any more: it is removed where it still is.
    Nobody,
    /// The co-processor has it of its own.
    Ncp,
    /// Somebody else on this host put it on the interface.
    Interface,
    /// A user gave it to the co-processor through us.
    User,
    /// We formed it for a prefix of the network.
    Slaac,
}

impl Origin {
    /// Whether the co-processor has it from us.
    pub(super) const fn is_ours(self) -> bool {
        matches!(self, Origin::Interface | Origin::User | Origin::Slaac)
    }
}

/// Whether the interface has a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kernel {
    Absent,
    Adding,
    Present,
    Removing,
}

/// A command that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Insert,
    Remove,
}

/// Which properties of the co-processor name a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// Its table.
    pub(super) table: bool,
    /// IPV6_LL_ADDR.
    pub(super) link_local: bool,
    /// IPV6_ML_ADDR.
    pub(super) mesh_local: bool,
}

impl Told {
    /// Whether any does.
    pub(super) const fn any(self) -> bool {
        self.table || self.link_local || self.mesh_local
    }
}

/// An address or a group.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) address: Address,
    pub(super) deprecated: bool,
    pub(super) origin: Origin,
    pub(super) told: Told,
    /// What is under way at the co-processor.
    pub(super) op: Option<Op>,
    /// Giving it to the co-processor, or taking it away.
    pub(super) commands: Tries,
    /// The co-processor refused it, for another reason than room; since it was ready.
    pub(super) refused: bool,
    /// The co-processor has no room for it.
    pub(super) waits: Waits,
    pub(super) kernel: Kernel,
    /// As the kernel was told.
    pub(super) kernel_deprecated: bool,
    /// Adding it to the interface, or removing it.
    pub(super) changes: Tries,
    /// Groups: somebody else on this host is in it.
    pub(super) joined_here: bool,
    /// Since the kernel began to list.
    pub(super) seen: bool,
}

impl Row {
    fn new(address: Address) -> Self {
        Row {
            address,
            deprecated: false,
            origin: Origin::Nobody,
            told: Told::default(),
            op: None,
            commands: Tries::default(),
            refused: false,
            waits: Waits::default(),
            kernel: Kernel::Absent,
            kernel_deprecated: false,
            changes: Tries::default(),
            joined_here: false,
            seen: false,
        }
    }

    /// Somebody else wants it from now on. What was tried for the old reason does not count for the
    /// new one.
    pub(super) fn set_origin(&mut self, origin: Origin) {
        if (self.origin == Origin::Nobody) != (origin == Origin::Nobody) {
            self.changes = Tries::default();
        }
        if self.origin.is_ours() != origin.is_ours() {
            self.try_again();
        }
        self.origin = origin;
    }

    /// The table of the co-processor has it, or not. Only news count: a row that waits to be removed
    /// is listed until it is.
    pub(super) fn table_told(&mut self, has: bool) {
        if self.op.is_some() || self.told.table == has {
            return;
        }
        self.told.table = has;
        if has {
            self.ncp_has();
        } else {
            self.ncp_lost();
        }
    }

    /// The co-processor has it, for whatever reason.
    pub(super) fn ncp_has(&mut self) {
        if self.origin == Origin::Nobody {
            self.set_origin(Origin::Ncp);
        }
    }

    /// The co-processor does not have it any more.
    pub(super) fn ncp_lost(&mut self) {
        if self.origin == Origin::Ncp && !self.told.any() {
            self.set_origin(if self.joined_here {
                Origin::Interface
            } else {
                Origin::Nobody
            });
        }
    }

    /// The co-processor restarted.
    pub(super) fn ncp_reset(&mut self) {
        self.told = Told::default();
        self.op = None;
        self.try_again();
        if self.origin == Origin::Slaac {
            self.set_origin(Origin::Nobody);
        }
        self.ncp_lost();
    }

    /// What was tried at the co-processor does not count any more. What it has no room for is still so
    /// as far as anybody knows.
    pub(super) fn try_again(&mut self) {
        self.commands = Tries::default();
        self.refused = false;
        self.waits.hurry(Instant::ZERO);
    }

    /// What the co-processor is to do, sooner or later.
    fn wanted(&self) -> Option<Op> {
        if self.op.is_some() || self.refused {
            None
        } else if self.origin.is_ours() && !self.told.any() {
            Some(Op::Insert)
        } else if self.origin == Origin::Nobody && self.told.table {
            Some(Op::Remove)
        } else {
            None
        }
    }

    /// What the co-processor is to do now.
    pub(super) fn command(&self, now: Instant) -> Option<Op> {
        let op = self.wanted()?;
        let waits = op == Op::Insert && self.waits.until.is_some_and(|at| now < at);
        (self.commands.may(now) && !waits).then_some(op)
    }

    /// When [`Row::command`] has one, if it has none now and nothing happens.
    pub(super) fn command_due(&self) -> Option<Instant> {
        let op = self.wanted()?;
        let room = self.waits.until.filter(|_| op == Op::Insert);
        self.commands.due().max(room)
    }

    /// The host wants it at the co-processor, which has no room for it.
    pub(super) fn has_no_room(&self) -> bool {
        self.origin.is_ours() && !self.told.any() && self.waits.until.is_some()
    }

    /// Whether the interface is to have it: not if it was formed for the co-processor and found no room.
    pub(super) fn is_for_kernel(&self) -> bool {
        self.origin != Origin::Nobody && !(self.origin == Origin::Slaac && self.has_no_room())
    }

    /// Whether the interface is to show it as deprecated: packets from it would go nowhere.
    pub(super) fn is_deprecated(&self) -> bool {
        match self.origin {
            Origin::Ncp | Origin::Slaac => self.deprecated,
            _ => self.has_no_room(),
        }
    }

    /// The command was answered. True if something is known now that is worth a line: see
    /// [`Row::has_no_room`].
    pub(super) fn command_done(&mut self, outcome: Outcome, now: Instant) -> bool {
        let mut is_news = false;
        match (self.op.take(), outcome) {
            (Some(Op::Insert), Outcome::Done) => {
                self.told.table = true;
                is_news = self.waits.until.is_some();
                self.waits = Waits::default();
            }
            (Some(Op::Remove), Outcome::Done) => self.told.table = false,
            (Some(Op::Insert), Outcome::Refused) => self.refused = true,
            // It is the co-processor's own, then.
            (Some(Op::Remove), Outcome::Refused) => self.ncp_has(),
            (Some(Op::Insert), Outcome::Again) => is_news = self.waits.refused(now),
            (_, Outcome::Again | Outcome::Busy) | (None, _) => {}
        }
        is_news
    }

    /// The kernel answered our change of it.
    pub(super) fn kernel_answered(&mut self, present: bool) {
        if self.is_changing() {
            self.seen = true;
            self.kernel = if present {
                Kernel::Present
            } else {
                Kernel::Absent
            };
        }
    }

    /// The kernel says that the interface has it.
    pub(super) fn kernel_has(&mut self) {
        self.seen = true;
        if self.is_changing() {
            return;
        }
        if self.kernel == Kernel::Absent && self.origin == Origin::Nobody {
            self.set_origin(Origin::Interface);
        }
        self.kernel = Kernel::Present;
    }

    /// The kernel says that the interface does not have it. `flushed`: because it is down.
    pub(super) fn kernel_lost(&mut self, flushed: bool) {
        if self.is_changing() {
            return;
        }
        if self.kernel == Kernel::Present
            && !flushed
            && matches!(self.origin, Origin::Interface | Origin::User)
        {
            self.set_origin(Origin::Nobody);
            self.ncp_keeps();
        }
        self.kernel = Kernel::Absent;
    }

    /// Whether the answer to a change is still to come.
    fn is_changing(&self) -> bool {
        matches!(self.kernel, Kernel::Adding | Kernel::Removing)
    }

    /// What nobody on the host wants any more may still be the co-processor's link-local or mesh-local
    /// address.
    fn ncp_keeps(&mut self) {
        if self.told.link_local || self.told.mesh_local {
            self.ncp_has();
        }
    }

    /// A user inserted it through us, or removed it, and the co-processor took it.
    pub(super) fn user(&mut self, inserted: bool) {
        self.told.table = inserted;
        self.set_origin(if inserted {
            Origin::User
        } else {
            Origin::Nobody
        });
        self.ncp_keeps();
    }

    fn is_needed(&self) -> bool {
        self.origin != Origin::Nobody
            || self.told.any()
            || self.op.is_some()
            || self.kernel != Kernel::Absent
    }
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is as it was to be.
    Done,
    /// No room now.
    Again,
    /// No time now.
    Busy,
    /// It will not be done.
    Refused,
}

/// All rows of a kind.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) rows: Vec<Row>,
    what: &'static str,
    lost: u64,
}

impl Shared {
    /// No rows of `what`.
    pub(super) fn new(what: &'static str) -> Self {
        Shared {
            rows: Vec::new(),
            what,
            lost: 0,
        }
    }

    /// How many times there was no room for a row more.
    pub(super) const fn lost(&self) -> u64 {
        self.lost
    }

    pub(super) fn get(&self, address: &Ipv6Addr) -> Option<&Row> {
        self.rows.iter().find(|row| row.address.address == *address)
    }

    pub(super) fn find(&mut self, address: &Ipv6Addr) -> Option<&mut Row> {
        self.rows
            .iter_mut()
            .find(|row| row.address.address == *address)
    }

    /// The row of an address, a new one if there is none; `None` if there is no room.
    pub(super) fn entry(&mut self, address: Address) -> Option<&mut Row> {
        let found = self
            .rows
            .iter()
            .position(|row| row.address.address == address.address);
        let index = match found {
            Some(index) => index,
            None if self.rows.len() < ROWS => {
                self.rows.push(Row::new(address));
                self.rows.len() - 1
            }
            None => {
                if self.lost == 0 {
                    log::warn!(
                        "{address}: more than {ROWS} {}: this one and further ones are not synchronised",
                        self.what
                    );
                }
                self.lost = self.lost.saturating_add(1);
                return None;
            }
        };
        self.rows.get_mut(index)
    }

    /// The table of the co-processor has more room than before.
    pub(super) fn room_came(&mut self, now: Instant) {
        for row in &mut self.rows {
            row.waits.hurry(now);
        }
    }

    /// It has none, so that it need not be asked for the others, either.
    pub(super) fn is_full(&mut self, now: Instant) {
        let waiting = self.rows.iter_mut().filter(|row| row.has_no_room());
        for row in waiting {
            if row.waits.until.is_some_and(|at| at <= now) {
                row.waits.refused(now);
            }
        }
    }

    /// Those for which there is no room.
    pub(super) fn without_room(&self) -> impl Iterator<Item = Ipv6Addr> + '_ {
        let rows = self.rows.iter().filter(|row| row.has_no_room());
        rows.map(|row| row.address.address)
    }

    /// When a row has a command, if none has one now and nothing happens.
    pub(super) fn command_due(&self) -> Option<Instant> {
        let due = self.rows.iter().map(Row::command_due);
        due.fold(None, earliest)
    }

    /// Forgets what nobody wants and nobody has.
    pub(super) fn tidy(&mut self) {
        self.rows.retain(Row::is_needed);
    }
}

/// Rows of a table: OpenThread has room for some twenty addresses and as many groups.
pub(super) const ROWS: usize = 64;
