//! Every verb of the control socket as a [`Script`], decided from what is known of the co-processor.
//!
//! [`script`] is pure: it reads the request and [`Known`], and either writes down the whole task or
//! refuses it with a line that says what to do. What comes back is turned into rows by functions of
//! this room, so that every name that a client sees is found here.
//!
//! | file | verbs |
//! | --- | --- |
//! | `status` | status, the list of what is remembered |
//! | `property` | get, set, insert, remove |
//! | `network` | form, join, attach, leave, joiner, permit-join |
//! | `credentials` | what a network is made of, as one dataset or property by property |
//! | `dataset` | datasets: shown, made, imported, migrated to |
//! | `netdata` | prefixes, routes, services |
//! | `tables` | neighbours, children, routers, network data, whois |
//! | `scan` | scans, sniffing, and the rows of what is found |
//! | `power` | sleep, wake, the host's sleep, data poll |
//! | `device` | reset, memory, random numbers, upgrade, manufacturing |
//! | `counters` | counters |
//! | `gpio`, `filter` | GPIO lines; allow list, deny list, jam detection |
//! | `commissioner` | the commissioner and its joiners |

mod commissioner;
mod counters;
mod credentials;
mod dataset;
mod device;
mod filter;
mod gpio;
mod netdata;
mod network;
mod power;
mod property;
mod pskc;
mod scan;
mod status;
mod tables;

pub use counters::counter_rows;
pub(super) use network::{resume, RESUME};
pub use property::property_row;
pub use scan::{beacon_row, energy_row, sniff_row};
pub(super) use scan::{SCAN, SNIFFING};

use super::known::{Known, State};
use super::script::Script;
use crate::ctl::{Code, Failure, Request};
use crate::wire::ids::{Capability, Property};
use crate::wire::packed::Reader;

/// What a script depends on besides the request and what is known of the co-processor. There is no
/// `Debug` for it: keys are made of the seed.
#[derive(Clone, Copy)]
pub struct Context {
    /// Fresh octets from the system's generator, other ones for each request: keys are made of them
    /// as they stand.
    pub seed: [u8; 32],
    /// The same, for the PSKc of a new network.
    pub pskc: [u8; 16],
    /// Whether there is a command that replaces the firmware.
    pub has_upgrade_command: bool,
    /// Whether raw frames are being sniffed.
    pub is_sniffing: bool,
    /// Whether a command of OpenThread's command line runs.
    pub is_commanding: bool,
}

/// What is to be done for `request`.
///
/// # Errors
/// Why it cannot be done, and what would help.
pub fn script(request: &Request, known: &Known, context: &Context) -> Result<Script, Failure> {
    if !decides_by_itself(request) {
        require_initialized(known)?;
    }
    match request {
        Request::Status => Ok(status::status(known)),
        Request::StatusValue(name) => Ok(status::value(*name, known)),
        Request::ListProperties => Ok(status::list(known)),
        Request::Counters { clear: false } => counters::show(known),
        Request::Counters { clear: true } => counters::clear(known),
        Request::Reset(kind) => device::reset(*kind, known),
        Request::Upgrade => device::upgrade(known, context),
        Request::Wake => power::wake(known),
        Request::HostSleep => power::host_sleep(known),
        Request::HostDidWake => power::host_did_wake(known),
        Request::Get(property) => property::get(*property, known),
        Request::Set(property, value) => property::set(*property, value, known),
        Request::Insert(property, item) => property::insert(*property, item, known),
        Request::Remove(property, item) => property::remove(*property, item, known),
        Request::Form(network) => network::form(network, known, context),
        Request::Join(network) => network::join(network, known),
        Request::DatasetShow { pending, secrets } => dataset::show(*pending, *secrets),
        Request::DatasetExport { pending } => dataset::export(*pending),
        Request::DatasetNew(network) => dataset::new(network, known, context),
        Request::DatasetImport(tlvs) => dataset::import(tlvs, known),
        Request::DatasetMigrate(migration) => dataset::migrate(migration, known),
        Request::Neighbours => tables::neighbours(known),
        Request::Children => tables::children(known),
        Request::Routers => tables::routers(known),
        Request::NetworkData => tables::network_data(known),
        Request::Whois(whose) => tables::whois(*whose, known),
        Request::JoinerStart {
            pskd,
            provisioning_url,
        } => network::joiner_start(pskd, provisioning_url, known),
        Request::JoinerStop => network::joiner_stop(known),
        Request::Attach => network::attach(known),
        Request::Leave => network::leave(known),
        Request::PermitJoin { period, port } => network::permit_join(*period, *port, known),
        Request::Scan(wanted) => scan::scan(wanted, known),
        Request::ScanStop => scan::stop(),
        Request::Sniff {
            channel,
            promiscuous,
        } => scan::sniff(*channel, *promiscuous, known, context),
        Request::AddPrefix(prefix) => netdata::add_prefix(prefix, known),
        Request::RemovePrefix { prefix, bits } => netdata::remove_prefix(*prefix, *bits, known),
        Request::AddRoute {
            prefix,
            bits,
            stable,
            preference,
        } => netdata::add_route(*prefix, *bits, *stable, *preference, known),
        Request::RemoveRoute { prefix, bits } => netdata::remove_route(*prefix, *bits, known),
        Request::AddService {
            enterprise,
            service,
            stable,
            server,
        } => netdata::add_service(*enterprise, service, *stable, server, known),
        Request::RemoveService {
            enterprise,
            service,
        } => netdata::remove_service(*enterprise, service, known),
        Request::Sleep => power::sleep(known),
        Request::Poll => power::poll(known),
        Request::Peek { address, count } => device::peek(*address, *count, known),
        Request::Poke { address, octets } => device::poke(*address, octets, known),
        Request::Random(kind) => device::random(*kind, known),
        Request::Mfg(line) => device::mfg(line),
        Request::CommandLine(line) => device::command_line(line, context),
        Request::GpioList => gpio::list(known),
        Request::GpioSet { number, high } => gpio::set(*number, *high, known),
        Request::GpioConfigure { number, flags } => gpio::configure(*number, *flags, known),
        Request::JamStatus => filter::jam_status(known),
        Request::JamEnable(on) => filter::jam_enable(*on, known),
        Request::FilterShow(filter) => filter::show(*filter, known),
        Request::FilterEnable(filter, on) => filter::enable(*filter, *on, known),
        Request::FilterAdd(filter, eui64, rssi) => filter::add(*filter, *eui64, *rssi, known),
        Request::FilterRemove(filter, eui64) => filter::remove(*filter, *eui64, known),
        Request::Commissioner(on) => commissioner::enable(*on, known),
        Request::CommissionerAdd {
            eui64,
            pskd,
            timeout,
        } => commissioner::add(*eui64, pskd, *timeout, known),
        Request::CommissionerRemove { eui64 } => commissioner::remove(*eui64, known),
    }
}

/// Whether a request makes sense while the co-processor cannot be asked: it looks at the state
/// itself.
fn decides_by_itself(request: &Request) -> bool {
    matches!(
        request,
        Request::Status
            | Request::StatusValue(_)
            | Request::ListProperties
            | Request::Counters { .. }
            | Request::Reset(_)
            | Request::Upgrade
            | Request::Wake
            | Request::HostSleep
            | Request::HostDidWake
    )
}

fn usage(message: impl Into<String>) -> Failure {
    Failure::new(Code::Usage, message)
}

fn wrong_state(message: impl Into<String>) -> Failure {
    Failure::new(Code::State, message)
}

fn not_supported(message: impl Into<String>) -> Failure {
    Failure::new(Code::NotSupported, message)
}

fn require_initialized(known: &Known) -> Result<(), Failure> {
    match known.state {
        State::Uninitialized => Err(wrong_state(
            "the co-processor is not initialised yet: try again in a few seconds",
        )),
        State::Fault => Err(wrong_state(format!(
            "the co-processor cannot be used ({}): reset it",
            known.fault.as_deref().unwrap_or("no cause is known")
        ))),
        State::Upgrading => Err(Failure::new(
            Code::Busy,
            "the firmware is being upgraded: try again when that is done",
        )),
        State::DeepSleep => Err(wrong_state("the co-processor sleeps: wake it first")),
        _ => Ok(()),
    }
}

/// `what` is a noun, with which the refusal begins.
fn require(known: &Known, what: &str, anyone: &[Capability]) -> Result<(), Failure> {
    if anyone.iter().any(|&capability| known.has(capability)) {
        return Ok(());
    }
    let names: Vec<_> = anyone.iter().map(Capability::to_string).collect();
    Err(not_supported(format!(
        "{what}: the co-processor does not have the capability {}",
        names.join(" or ")
    )))
}

/// The channels that the co-processor may use, bit n for channel n.
fn supported_channels(known: &Known) -> u32 {
    match channels(known, Property::PHY_CHAN_SUPPORTED) {
        0 => CHANNELS_2450_MHZ,
        channels => channels,
    }
}

/// A list of channels as bits; those that have no bit are left out.
fn channels(known: &Known, list: Property) -> u32 {
    let octets = known.value(list).unwrap_or_default();
    octets.iter().fold(0, |mask, &channel| {
        mask | 1_u32.checked_shl(u32::from(channel)).unwrap_or(0)
    })
}

fn has_channel(mask: u32, channel: u8) -> bool {
    mask & 1_u32.checked_shl(u32::from(channel)).unwrap_or(0) != 0
}

fn channels_of(mask: u32) -> impl Iterator<Item = u8> {
    (0..32).filter(move |&channel| has_channel(mask, channel))
}

fn check_channel(known: &Known, channel: u8) -> Result<(), Failure> {
    let supported = supported_channels(known);
    if has_channel(supported, channel) {
        return Ok(());
    }
    Err(usage(format!(
        "channel {channel} is not supported: choose one of {}",
        channel_list(supported)
    )))
}

/// `11-14,20`.
fn channel_list(mask: u32) -> String {
    let mut ranges: Vec<(u8, u8)> = Vec::new();
    for channel in channels_of(mask) {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == channel => *last = channel,
            _ => ranges.push((channel, channel)),
        }
    }
    let texts: Vec<_> = ranges
        .into_iter()
        .map(|(first, last)| match first == last {
            true => first.to_string(),
            false => format!("{first}-{last}"),
        })
        .collect();
    texts.join(",")
}

/// Text that goes into a `U`: at most `max` octets, none of them a control character.
fn check_text(what: &str, text: &str, max: usize) -> Result<(), Failure> {
    if text.len() > max {
        return Err(usage(format!(
            "{what}: {} octets are too long, at most {max} are possible",
            text.len()
        )));
    }
    if text.chars().any(char::is_control) {
        return Err(usage(format!("{what}: leave out the control characters")));
    }
    Ok(())
}

/// The passphrase of a device that joins: base32 of Thread (request `JoinerStart`).
fn check_pskd(pskd: &str) -> Result<(), Failure> {
    let is_allowed = |octet: u8| {
        matches!(octet, b'0'..=b'9' | b'A'..=b'Z') && !matches!(octet, b'I' | b'O' | b'Q' | b'Z')
    };
    if (6..=32).contains(&pskd.len()) && pskd.bytes().all(is_allowed) {
        return Ok(());
    }
    // The passphrase itself does not belong into a message.
    Err(usage(
        "the PSKd must have 6 to 32 characters of 0-9 and A-Z without I, O, Q and Z",
    ))
}

/// For the values that have no accessor in [`Known`].
fn reader(known: &Known, property: Property) -> Reader<'_> {
    Reader::new(known.value(property).unwrap_or_default())
}

/// Protocol §7.6: channels 11 to 26 of the 2.4 GHz band.
const CHANNELS_2450_MHZ: u32 = 0x07FF_F800;

#[cfg(test)]
mod tests;
