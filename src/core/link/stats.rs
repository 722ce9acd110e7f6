//! What the link counted: printed by SIGUSR1, cleared by SIGUSR2.

use core::fmt;

macro_rules! counters {
    ($($(#[doc = $doc:literal])+ $name:ident = $label:literal;)*) => {
        /// Counters of the link since start or since they were cleared.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Stats {
            $($(#[doc = $doc])+ pub $name: u64,)*
        }

        impl Stats {
            /// Every counter with its label, in the order in which they are printed.
            pub fn entries(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$(($label, self.$name),)*].into_iter()
            }
        }
    };
}

counters! {
    /// Transactions that the driver ran.
    transactions = "transactions";
    /// Octets clocked in them.
    octets = "octets clocked";
    /// Frames that the slave took.
    frames_sent = "frames to the co-processor";
    /// Octets of those frames.
    octets_sent = "octets to the co-processor";
    /// Frames that the slave gave.
    frames_received = "frames from the co-processor";
    /// Octets of those frames.
    octets_received = "octets from the co-processor";
    /// Transactions that moved a frame both ways.
    duplex = "transactions with a frame both ways";
    /// Transactions that moved nothing and were no use otherwise.
    fruitless = "transactions that moved nothing";
    /// Offers that the slave refused.
    refused = "frames refused (offered again)";
    /// Slave frames longer than what was offered.
    fetched_again = "frames longer than was offered";
    /// Slave frames longer than the driver carries.
    unreachable = "frames longer than the SPI driver carries";
    /// MISO all FF or 00.
    void_headers = "void headers (all FF or 00)";
    /// Headers with a wrong pattern or impossible length.
    garbage_headers = "garbage headers";
    /// Transactions that brought what they sent.
    came_back = "transactions that came back as they were sent";
    /// Frames that were offered again although the slave may have taken them.
    repeated_in_doubt = "frames repeated in doubt";
    /// Slave frames with a wrong CRC.
    crc_errors_received = "CRC errors in frames from the co-processor";
    /// Host frames that the slave reported as wrong.
    crc_errors_sent = "CRC errors in frames to the co-processor";
    /// Headers without the CRC flag although CRC is required.
    crc_missing = "headers without the CRC flag that was due";
    /// Frames dropped because they never fit.
    dropped_too_big = "frames dropped: too big";
    /// Frames dropped because the co-processor was reset.
    dropped_by_reset = "frames dropped: co-processor reset";
    /// Slave resets seen by the RST flag.
    slave_resets = "co-processor resets seen";
    /// Hardware resets that were made.
    hardware_resets = "hardware resets made";
    /// Times the link was given up and started again.
    link_failures = "link failures";
    /// Errors of the SPI driver.
    spi_errors = "SPI driver errors";
    /// Errors of the GPIO driver.
    gpio_errors = "GPIO driver errors";
    /// INT levels found active without an edge that said so.
    lost_edges = "INT edges found lost";
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (label, value) in self.entries() {
            writeln!(f, "{value:>12}  {label}")?;
        }
        Ok(())
    }
}
