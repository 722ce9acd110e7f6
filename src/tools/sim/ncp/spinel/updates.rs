//! Unsolicited updates: which of them wait, and in what order they go out (protocol §3.2). Several
//! changes of one property collapse into one update, so nothing here can grow.

use super::numbers::*;

/// Something that the host has to be told without being asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Update {
    /// The value of a property.
    Property(u32),
    /// LAST_STATUS with this code.
    Status(u32),
}

/// An event: something that was found, or that came or went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) command: u32,
    pub(crate) property: u32,
    pub(crate) item: Vec<u8>,
}

/// The updates that wait.
#[derive(Debug, Default)]
pub(crate) struct Updates {
    /// Bit n stands for entry n of [`ORDER`].
    pending: u64,
}

impl Updates {
    /// Notes an update. What is not in [`ORDER`] is never told, and so ignored.
    pub(crate) fn mark(&mut self, update: Update) {
        if let Some(index) = ORDER.iter().position(|entry| *entry == update) {
            self.pending |= 1 << index;
        }
    }

    /// Takes the first update that waits.
    pub(crate) fn take(&mut self) -> Option<Update> {
        let update = ORDER.get(self.pending.trailing_zeros() as usize)?;
        self.pending &= self.pending - 1;
        Some(*update)
    }

    pub(crate) fn clear(&mut self) {
        self.pending = 0;
    }
}

impl Update {
    /// The property that switches this update off in UNSOL_UPDATE_FILTER, if any does.
    pub(crate) const fn filter_id(self) -> Option<u32> {
        match self {
            Update::Status(NOMEM | DROPPED) => Some(LAST_STATUS),
            Update::Status(_)
            | Update::Property(MAC_SCAN_STATE)
            | Update::Property(NET_LEAVE_GRACEFULLY) => None,
            Update::Property(id) => Some(id),
        }
    }
}

/// Whether UNSOL_UPDATE_FILTER may hold this property.
pub(crate) fn is_filterable(id: u32) -> bool {
    id == STREAM_DEBUG || ORDER.iter().any(|update| update.filter_id() == Some(id))
}

/// What UNSOL_UPDATE_LIST says, in the order of emission.
pub(crate) fn filterable() -> Vec<u32> {
    // NOMEM and DROPPED are one id, twice.
    let ids = ORDER.iter().filter_map(|update| update.filter_id());
    core::iter::once(STREAM_DEBUG).chain(ids).collect()
}

/// The order of protocol §3.2, of what this co-processor has.
const ORDER: [Update; 32] = [
    Update::Property(IPV6_LL_ADDR),
    Update::Property(IPV6_ML_ADDR),
    Update::Property(IPV6_ADDRESS_TABLE),
    Update::Property(NET_ROLE),
    Update::Property(NET_PARTITION_ID),
    Update::Property(NET_KEY_SEQUENCE_COUNTER),
    Update::Property(THREAD_LEADER_NETWORK_DATA),
    Update::Property(THREAD_CHILD_TABLE),
    Update::Property(THREAD_ON_MESH_NETS),
    Update::Property(THREAD_OFF_MESH_ROUTES),
    Update::Property(NET_STACK_UP),
    Update::Property(NET_REQUIRE_JOIN_EXISTING),
    Update::Status(NOMEM),
    Update::Status(DROPPED),
    Update::Property(JAM_DETECTED),
    Update::Status(JOIN_FAILURE),
    Update::Property(MAC_SCAN_STATE),
    Update::Property(IPV6_MULTICAST_ADDRESS_TABLE),
    Update::Property(PHY_CHAN),
    Update::Property(MAC_15_4_PANID),
    Update::Property(NET_NETWORK_NAME),
    Update::Property(NET_XPANID),
    Update::Property(NET_NETWORK_KEY),
    Update::Property(NET_PSKC),
    Update::Property(NET_LEAVE_GRACEFULLY),
    Update::Property(PHY_CHAN_SUPPORTED),
    Update::Property(CHANNEL_MANAGER_NEW_CHANNEL),
    Update::Status(JOIN_NO_PEERS),
    Update::Status(JOIN_SECURITY),
    Update::Status(JOIN_RSP_TIMEOUT),
    Update::Status(JOIN_SUCCESS),
    Update::Property(PARENT_RESPONSE_INFO),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn come_in_order_and_once() {
        let mut updates = Updates::default();
        updates.mark(Update::Property(PHY_CHAN));
        updates.mark(Update::Property(NET_ROLE));
        updates.mark(Update::Status(DROPPED));
        updates.mark(Update::Property(PHY_CHAN));
        updates.mark(Update::Property(PHY_TX_POWER));
        assert_eq!(updates.take(), Some(Update::Property(NET_ROLE)));
        assert_eq!(updates.take(), Some(Update::Status(DROPPED)));
        assert_eq!(updates.take(), Some(Update::Property(PHY_CHAN)));
        assert_eq!(updates.take(), None);
    }

    #[test]
    fn some_cannot_be_filtered() {
        assert!(is_filterable(NET_ROLE) && is_filterable(STREAM_DEBUG));
        assert!(is_filterable(LAST_STATUS));
        assert!(!is_filterable(MAC_SCAN_STATE));
        assert!(!is_filterable(PHY_TX_POWER));
        assert_eq!(
            filterable()[..3],
            [STREAM_DEBUG, IPV6_LL_ADDR, IPV6_ML_ADDR]
        );
    }
}
