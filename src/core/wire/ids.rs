//! The numbers of Spinel as open enums: commands (protocol §1.3), statuses (§4.1), capabilities
//! (§4.2) and properties (§3).
//!
//! Each is a newtype over the number, with constants for the values that are known. A number that is
//! not known is carried through unchanged: an old bridge must not break a new co-processor.

mod properties;

pub use properties::{Access, Needs, Properties, Property, PropertyInfo, PROPERTIES};

use core::fmt;

macro_rules! name_of {
    ($name:ident) => {
        stringify!($name)
    };
    ($name:ident $text:literal) => {
        $text
    };
}
use name_of;

macro_rules! open_enum {
    (
        $(#[$doc:meta])* $ty:ident, $table:ident;
        $($(#[$row_doc:meta])* $number:literal $name:ident $(as $text:literal)?;)*
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $ty(pub u32);

        impl $ty {
            $(
                #[doc = concat!("`", name_of!($name $($text)?), "` (", $number, ").")]
                $(#[doc = ""] #[$row_doc])*
                pub const $name: $ty = $ty($number);
            )*

            /// The name in the protocol; `None` for a number that is not known here.
            pub fn name(self) -> Option<&'static str> {
                $table
                    .binary_search_by_key(&self.0, |row| row.0)
                    .ok()
                    .map(|index| $table[index].1)
            }
        }

        impl fmt::Display for $ty {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                display(self.name(), self.0, f)
            }
        }

        /// Sorted by number.
        static $table: &[(u32, &str)] = &[$(($number, name_of!($name $($text)?)),)*];
    };
}

open_enum! {
    /// What a frame asks for or tells (protocol §1.3). Displays as `NOOP` or `UNKNOWN(24)`.
    Command, COMMANDS;
    0 NOOP;
    1 RESET;
    2 PROP_VALUE_GET;
    3 PROP_VALUE_SET;
    4 PROP_VALUE_INSERT;
    5 PROP_VALUE_REMOVE;
    6 PROP_VALUE_IS;
    7 PROP_VALUE_INSERTED;
    8 PROP_VALUE_REMOVED;
    9 NET_SAVE;
    10 NET_CLEAR;
    11 NET_RECALL;
    12 HBO_OFFLOAD;
    13 HBO_RECLAIM;
    14 HBO_DROP;
    15 HBO_OFFLOADED;
    16 HBO_RECLAIMED;
    17 HBO_DROPPED;
    18 PEEK;
    19 PEEK_RET;
    20 POKE;
    21 PROP_VALUE_MULTI_GET;
    22 PROP_VALUE_MULTI_SET;
    23 PROP_VALUES_ARE;
}

open_enum! {
    /// The outcome of an operation, or the cause of a reset (protocol §4.1). Displays as `OK` or
    /// `UNKNOWN(27)`. The errors of OpenThread's stack, from 16384 on, have OpenThread's names; some of
    /// them are those of a status, too.
    Status, STATUSES;
    0 OK;
    1 FAILURE;
    2 UNIMPLEMENTED;
    3 INVALID_ARGUMENT;
    /// Retry after the state has changed.
    4 INVALID_STATE;
    5 INVALID_COMMAND;
    /// The frame's IID is not served.
    6 INVALID_INTERFACE;
    7 INTERNAL_ERROR;
    8 SECURITY_ERROR;
    /// The sender's encoder is wrong.
    9 PARSE_ERROR;
    /// Finishes later; watch for the update.
    10 IN_PROGRESS;
    /// Back off and retry.
    11 NOMEM;
    /// Retry later.
    12 BUSY;
    /// The feature is absent; do not ask again.
    13 PROP_NOT_FOUND;
    /// A packet or a reply was dropped.
    14 DROPPED;
    15 EMPTY;
    16 CMD_TOO_BIG;
    17 NO_ACK;
    18 CCA_FAILURE;
    /// As good as success for "bring up" and "start".
    19 ALREADY;
    /// As good as success for a removal.
    20 ITEM_NOT_FOUND;
    21 INVALID_COMMAND_FOR_PROP;
    22 UNKNOWN_NEIGHBOR;
    23 NOT_CAPABLE;
    24 RESPONSE_TIMEOUT;
    25 SWITCHOVER_DONE;
    26 SWITCHOVER_FAILED;
    104 JOIN_FAILURE;
    /// Peers found, wrong credentials.
    105 JOIN_SECURITY;
    /// Nobody found.
    106 JOIN_NO_PEERS;
    107 JOIN_INCOMPATIBLE;
    108 JOIN_RSP_TIMEOUT;
    109 JOIN_SUCCESS;
    112 RESET_POWER_ON;
    /// The RES# line.
    113 RESET_EXTERNAL;
    114 RESET_SOFTWARE;
    115 RESET_FAULT;
    116 RESET_CRASH;
    117 RESET_ASSERT;
    118 RESET_OTHER;
    119 RESET_UNKNOWN;
    120 RESET_WATCHDOG;
    16385 STACK_FAILED as "FAILED";
    16386 STACK_DROP as "DROP";
    16387 STACK_NO_BUFS as "NO_BUFS";
    16388 STACK_NO_ROUTE as "NO_ROUTE";
    16389 STACK_BUSY as "BUSY";
    16390 STACK_PARSE as "PARSE";
    16391 STACK_INVALID_ARGS as "INVALID_ARGS";
    16392 STACK_SECURITY as "SECURITY";
    16393 STACK_ADDRESS_QUERY as "ADDRESS_QUERY";
    16394 STACK_NO_ADDRESS as "NO_ADDRESS";
    16395 STACK_ABORT as "ABORT";
    16396 STACK_NOT_IMPLEMENTED as "NOT_IMPLEMENTED";
    16397 STACK_INVALID_STATE as "INVALID_STATE";
    16398 STACK_NO_ACK as "NO_ACK";
    16399 STACK_CHANNEL_ACCESS_FAILURE as "CHANNEL_ACCESS_FAILURE";
    /// Not in a network yet.
    16400 STACK_DETACHED as "DETACHED";
    16401 STACK_FCS as "FCS";
    16402 STACK_NO_FRAME_RECEIVED as "NO_FRAME_RECEIVED";
    16403 STACK_UNKNOWN_NEIGHBOR as "UNKNOWN_NEIGHBOR";
    16404 STACK_INVALID_SOURCE_ADDRESS as "INVALID_SOURCE_ADDRESS";
    16405 STACK_ADDRESS_FILTERED as "ADDRESS_FILTERED";
    16406 STACK_DESTINATION_ADDRESS_FILTERED as "DESTINATION_ADDRESS_FILTERED";
    16407 STACK_NOT_FOUND as "NOT_FOUND";
    16408 STACK_ALREADY as "ALREADY";
    16410 STACK_IP6_ADDRESS_CREATION_FAILURE as "IP6_ADDRESS_CREATION_FAILURE";
    16411 STACK_NOT_CAPABLE as "NOT_CAPABLE";
    16412 STACK_RESPONSE_TIMEOUT as "RESPONSE_TIMEOUT";
    16413 STACK_DUPLICATED as "DUPLICATED";
    16414 STACK_REASSEMBLY_TIMEOUT as "REASSEMBLY_TIMEOUT";
    16415 STACK_NOT_TMF as "NOT_TMF";
    16416 STACK_NOT_LOWPAN_DATA_FRAME as "NOT_LOWPAN_DATA_FRAME";
    16418 STACK_LINK_MARGIN_LOW as "LINK_MARGIN_LOW";
    16419 STACK_INVALID_COMMAND as "INVALID_COMMAND";
    16420 STACK_PENDING as "PENDING";
    16421 STACK_REJECTED as "REJECTED";
}

impl Status {
    /// Whether the co-processor has just been reset, for a known reason or for a reserved one
    /// (112..=127; errata E25).
    pub const fn is_reset(self) -> bool {
        matches!(self.0, 112..=127)
    }

    /// Whether the co-processor has been reset because its firmware failed.
    pub const fn is_crash(self) -> bool {
        matches!(
            self,
            Status::RESET_FAULT
                | Status::RESET_CRASH
                | Status::RESET_ASSERT
                | Status::RESET_WATCHDOG
        )
    }

    /// Whether what was to be done was done before: as good as success for "bring up", "start", and a
    /// removal.
    pub const fn is_done_already(self) -> bool {
        matches!(
            self,
            Status::ALREADY
                | Status::ITEM_NOT_FOUND
                | Status::STACK_ALREADY
                | Status::STACK_NOT_FOUND
        )
    }

    /// Whether the firmware does not have what was asked for.
    pub const fn is_absent(self) -> bool {
        matches!(
            self,
            Status::PROP_NOT_FOUND
                | Status::UNIMPLEMENTED
                | Status::INVALID_COMMAND_FOR_PROP
                | Status::STACK_NOT_IMPLEMENTED
        )
    }

    /// Whether this is the outcome of joining a network (104..=111; errata E25).
    pub const fn is_join(self) -> bool {
        matches!(self.0, 104..=111)
    }
}

open_enum! {
    /// A feature that a co-processor lists in [`Property::CAPS`] (protocol §4.2). Displays as `GPIO`
    /// or `UNKNOWN(15)`.
    Capability, CAPABILITIES;
    1 LOCK;
    2 NET_SAVE;
    3 HBO;
    4 POWER_SAVE;
    5 COUNTERS;
    6 JAM_DETECT;
    7 PEEK_POKE;
    8 WRITABLE_RAW_STREAM;
    9 GPIO;
    10 TRNG;
    11 CMD_MULTI;
    12 UNSOL_UPDATE_FILTER;
    13 MCU_POWER_STATE;
    14 PCAP;
    16 IEEE_802_15_4_2003 as "802_15_4_2003";
    17 IEEE_802_15_4_2006 as "802_15_4_2006";
    18 IEEE_802_15_4_2011 as "802_15_4_2011";
    21 IEEE_802_15_4_PIB as "802_15_4_PIB";
    24 PHY_2450MHZ_OQPSK as "2450MHZ_OQPSK";
    25 PHY_915MHZ_OQPSK as "915MHZ_OQPSK";
    26 PHY_868MHZ_OQPSK as "868MHZ_OQPSK";
    27 PHY_915MHZ_BPSK as "915MHZ_BPSK";
    28 PHY_868MHZ_BPSK as "868MHZ_BPSK";
    29 PHY_915MHZ_ASK as "915MHZ_ASK";
    30 PHY_868MHZ_ASK as "868MHZ_ASK";
    32 CONFIG_FTD;
    33 CONFIG_MTD;
    34 CONFIG_RADIO;
    48 ROLE_ROUTER;
    49 ROLE_SLEEPY;
    52 NET_THREAD_1_0;
    53 NET_THREAD_1_1;
    54 NET_THREAD_1_2;
    64 RCP_API_VERSION;
    65 RCP_MIN_HOST_API_VERSION;
    66 RCP_RESET_TO_BOOTLOADER;
    67 RCP_LOG_CRASH_DUMP;
    /// Draft name `MAC_WHITELIST`.
    512 MAC_ALLOWLIST;
    513 MAC_RAW;
    514 OOB_STEERING_DATA;
    515 CHANNEL_MONITOR;
    516 ERROR_RATE_TRACKING;
    517 CHANNEL_MANAGER;
    518 OPENTHREAD_LOG_METADATA;
    519 TIME_SYNC;
    520 CHILD_SUPERVISION;
    521 POSIX;
    522 SLAAC;
    523 RADIO_COEX;
    524 MAC_RETRY_HISTOGRAM;
    525 MULTI_RADIO;
    526 SRP_CLIENT;
    527 DUA;
    528 REFERENCE_DEVICE;
    1024 THREAD_COMMISSIONER;
    /// Draft name `THREAD_BA_PROXY`.
    1025 THREAD_TMF_PROXY;
    1026 THREAD_UDP_FORWARD;
    1027 THREAD_JOINER;
    1028 THREAD_BORDER_ROUTER;
    1029 THREAD_SERVICE;
    1030 THREAD_CSL_RECEIVER;
    1031 THREAD_LINK_METRICS;
    1032 THREAD_BACKBONE_ROUTER;
    15296 NEST_LEGACY_INTERFACE;
    15297 NEST_LEGACY_NET_WAKE;
    15298 NEST_TRANSMIT_HOOK;
}

fn display(name: Option<&str>, number: u32, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match name {
        Some(name) => f.pad(name),
        None => write!(f, "UNKNOWN({number})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_sorted_with_unique_names(table: &[(u32, &str)]) {
        assert!(table.windows(2).all(|pair| pair[0].0 < pair[1].0));
        let mut names: Vec<_> = table.iter().map(|row| row.1).collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn tables_are_sorted_unique_and_complete() {
        let stack = STATUSES.partition_point(|row| row.0 < 16_384);
        let (statuses, stack) = STATUSES.split_at(stack);
        for (table, count) in [
            (COMMANDS, 24),
            (statuses, 42),
            // otError 1 to 37 without 25 and 33, which are none any more.
            (stack, 35),
            (CAPABILITIES, 66),
        ] {
            assert_sorted_with_unique_names(table);
            assert_eq!(table.len(), count);
        }
    }

    #[test]
    fn errors_of_the_stack_have_names() {
        assert_eq!(Status(16_400), Status::STACK_DETACHED);
        assert_eq!(Status(16_400).to_string(), "DETACHED");
        assert_eq!(Status(16_421).to_string(), "REJECTED");
        assert_eq!(Status(16_384).name(), None);
        assert_eq!(Status(16_409).name(), None);
    }

    #[test]
    fn known_numbers_have_names() {
        assert_eq!(Command(21).name(), Some("PROP_VALUE_MULTI_GET"));
        assert_eq!(Status(21).name(), Some("INVALID_COMMAND_FOR_PROP"));
        assert_eq!(Status::RESET_WATCHDOG, Status(0x78));
        assert_eq!(Capability(29).name(), Some("915MHZ_ASK"));
        assert_eq!(Capability::IEEE_802_15_4_2011, Capability(18));
        assert_eq!(Capability(1032).name(), Some("THREAD_BACKBONE_ROUTER"));
    }

    #[test]
    fn unknown_numbers_are_carried_through() {
        assert_eq!(Command(24).name(), None);
        assert_eq!(Command(24).to_string(), "UNKNOWN(24)");
        assert_eq!(Status(2_097_151).to_string(), "UNKNOWN(2097151)");
        assert_eq!(Capability(15).to_string(), "UNKNOWN(15)");
    }

    #[test]
    fn names_can_be_padded() {
        assert_eq!(format!("{:6}|", Status::OK), "OK    |");
    }

    #[test]
    fn status_ranges_end_where_the_protocol_ends_them() {
        let range = |test: fn(Status) -> bool| -> Vec<u32> {
            (0..=20_000)
                .filter(|&number| test(Status(number)))
                .collect()
        };
        assert_eq!(range(Status::is_reset), (112..=127).collect::<Vec<_>>());
        assert_eq!(range(Status::is_join), (104..=111).collect::<Vec<_>>());
        assert_eq!(range(Status::is_crash), [115, 116, 117, 120]);
    }
}
