//! What the host counted.

use super::traffic::packet::Dropped;
use super::Host;

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Stats {
    pub(super) frames: u64,
    pub(super) not_spinel: u64,
    pub(super) other_interface: u64,
    /// The command or the payload makes no sense for a host.
    pub(super) odd: u64,
    pub(super) unsolicited: u64,
    /// While a reset was awaited, or nothing was expected at all.
    pub(super) untimely: u64,
    /// The reply carried another property than was asked for.
    pub(super) other_property: u64,
    pub(super) datagrams_received: u64,
    /// Longer than firmware sends them.
    pub(super) too_long: u64,
    pub(super) slowed_down: u64,
    /// Packets for which the co-processor had no room all the time.
    pub(super) no_room: u64,
    /// Packets that the co-processor's stack did not want.
    pub(super) refused: u64,
    pub(super) resets: u64,
    pub(super) unexpected_resets: u64,
    pub(super) misbehaved: u64,
    pub(super) dropped: [u64; Dropped::ALL.len()],
}

impl Stats {
    pub(super) fn dropped(&mut self, why: Dropped) {
        if let Some(count) = self.dropped.get_mut(why.index()) {
            *count += 1;
        }
    }
}

impl Host {
    pub(super) fn print_counters(&self, print: &mut dyn FnMut(&'static str, u64)) {
        let stats = &self.stats;
        let engine = self.engine.stats();
        print("packets to the co-processor", self.slots.sent);
        print("packets to the interface", stats.datagrams_received);
        for (why, count) in Dropped::ALL.iter().zip(stats.dropped) {
            print(why.text(), count);
        }
        print("packets dropped: longer than 1296 octets", stats.too_long);
        print("packets slowed down", stats.slowed_down);
        print("packets that waited for room", self.slots.waited);
        print(
            "packets dropped: no room in the co-processor",
            stats.no_room,
        );
        print(
            "packets dropped: refused by the co-processor",
            stats.refused,
        );
        print("frames received by the host driver", stats.frames);
        print("frames dropped: not Spinel", stats.not_spinel);
        print("frames dropped: another interface", stats.other_interface);
        print("frames dropped: unknown or malformed", stats.odd);
        print("frames dropped: untimely", stats.untimely);
        print("replies dropped: stale", engine.stale);
        print("replies with another property", stats.other_property);
        print("unsolicited updates", stats.unsolicited);
        print("commands sent", engine.sent);
        print("commands completed", engine.completed);
        print("commands repeated: no reply", engine.repeated);
        print("commands repeated: busy", engine.retried);
        print("commands given up", engine.unanswered);
        print("commands refused: queue full", engine.refused);
        print("resets of the co-processor", stats.resets);
        print("unexpected resets", stats.unexpected_resets);
        print("misbehaviour of the co-processor", stats.misbehaved);
        print("joining sessions replaced", self.sessions.replaced());
        print("addresses and routes without room", self.netif.lost());
        print("events lost", self.outbox.events_lost);
    }
}
