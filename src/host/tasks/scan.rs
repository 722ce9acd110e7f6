//! Scans (protocol §7.6), sniffing (§7.11), and the rows of what is found.

use super::property::hex;
use super::status::hex16;
use super::{
    channel_list, channels_of, check_channel, supported_channels, usage, wrong_state, Context,
};
use crate::ctl::request::{Scan, ScanKind};
use crate::ctl::{Code, Failure, Field, Fields};
use crate::host::known::Known;
use crate::host::script::{Act, OnError, Script, Send, Step, Until};
use crate::time::Duration;
use crate::wire::ids::{Capability, Property};
use crate::wire::packed::{Malformed, Overflow, Reader};
use crate::wire::signature::Hex;
use crate::wire::sniffed::Sniffed;

/// The names of what listens.
pub(in crate::host) const SCAN: &str = "scan";
pub(in crate::host) const SNIFFING: &str = "sniffing";

/// Looks for networks, or measures energy. Each find is a row ([`beacon_row`], [`energy_row`]).
pub(super) fn scan(wanted: &Scan, known: &Known) -> Result<Script, Failure> {
    let channels: Vec<u8> = channels_of(scan_mask(wanted, known)?).collect();
    let period = scan_period(wanted)?;
    let mut script = Script::exclusive(SCAN);
    let raises_interface = wanted.kind == ScanKind::Discover && !known.flag(Property::NET_IF_UP);
    // A radio without a stack takes one channel for each measurement (protocol §7.6).
    let one_by_one = wanted.kind == ScanKind::Energy && known.has(Capability::CONFIG_RADIO);
    let groups = channels.chunks(if one_by_one { 1 } else { channels.len().max(1) });
    for (index, group) in groups.enumerate() {
        script.push(Send::set(Property::MAC_SCAN_MASK, |value| {
            value.data(group)
        })?);
        if index == 0 {
            if wanted.kind == ScanKind::Discover {
                push_discovery(&mut script, wanted, raises_interface)?;
            }
            script.push(Send::set(Property::MAC_SCAN_PERIOD, |value| {
                value.uint16(period)
            })?);
        }
        script.push(Send::set(Property::MAC_SCAN_STATE, |value| {
            value.uint8(scan_state(wanted.kind))
        })?);
        script.push(wait_for_end(period, group.len()));
    }
    if raises_interface {
        script.push(interface(false)?.on_error(OnError::Tolerate));
        script = script.undone_by(interface(false)?);
    }
    Ok(script)
}

/// What is found is ignored from now on; the firmware itself may go on until it is through (errata
/// E19).
pub(super) fn stop() -> Result<Script, Failure> {
    let idle = Send::set(Property::MAC_SCAN_STATE, |value| value.uint8(0))?;
    Ok(Script::new().then(idle.on_error(OnError::Tolerate)))
}

/// Raw frames, each of them a row ([`sniff_row`]), until the client goes away.
pub(super) fn sniff(
    channel: Option<u8>,
    promiscuous: bool,
    known: &Known,
    context: &Context,
) -> Result<Script, Failure> {
    if context.is_sniffing {
        return Err(Failure::new(
            Code::Busy,
            "another client sniffs already: stop that one first",
        ));
    }
    let is_up = known.state.is_up() || known.flag(Property::NET_IF_UP);
    let current = known.uint8(Property::PHY_CHAN);
    let change = channel.filter(|&channel| current != Some(channel));
    if let Some(channel) = change {
        check_channel(known, channel)?;
        if known.state.is_up() {
            return Err(wrong_state(format!(
                "the co-processor's network is on another channel than {channel}: leave it first, \
                 or leave the channel out"
            )));
        }
    }
    // Without a network of its own there is nothing to keep to (protocol §7.11).
    let mode = match promiscuous || !known.state.is_up() {
        true => MODE_FULL,
        false => MODE_NETWORK,
    };
    let has_raw = known.has(Capability::MAC_RAW) || known.has(Capability::CONFIG_RADIO);
    let may_change = change.is_none() || !known.flag(Property::NET_SAVED);
    if !may_change && !has_raw {
        return Err(wrong_state(
            "this firmware forgets its network when its channel is changed: leave the channel out, or `leave` first",
        ));
    }
    let mut ways = Vec::new();
    if is_up && known.has(Capability::PCAP) {
        ways.push(Way::Copies);
    }
    ways.extend(match (is_up, has_raw) {
        (true, _) => &[Way::Beside][..],
        (false, true) if may_change => &[Way::Radio, Way::OldRadio, Way::Detour],
        (false, true) => &[Way::Radio, Way::OldRadio],
        (false, false) => &[Way::Interface],
    });
    if !is_up && change.is_none() && known.has(Capability::PCAP) {
        // Its interface may have come up meanwhile.
        ways.push(Way::Copies);
    }
    let mut script: Option<Script> = None;
    for way in ways {
        let one = way.script(mode, current, change)?.then(Act::Sniff);
        script = Some(match script {
            Some(before) => before.or_else(one),
            None => one,
        });
    }
    Ok(script.unwrap_or_default())
}

/// How a co-processor can be made to hand out raw frames (protocol §7.11). Which one it takes depends on
/// how its firmware was built, and on what it is doing.
#[derive(Clone, Copy)]
enum Way {
    /// Its stack runs, and frames that it sends and receives are copied.
    Copies,
    /// Old firmware: the radio listens for more than its stack wants, which goes on.
    Beside,
    /// The radio alone, without the stack.
    Radio,
    /// The same in the order of old firmware.
    OldRadio,
    /// With the interface up and nothing else, where there is no raw radio.
    Interface,
    /// The same where only the raw radio can be made promiscuous, but does not receive: so is today's
    /// firmware, which switches its radio off for it.
    Detour,
}

impl Way {
    /// `change` is the channel to listen on, where that is not the `current` one.
    fn script(self, mode: u8, current: Option<u8>, change: Option<u8>) -> Result<Script, Overflow> {
        let script = Script::exclusive(SNIFFING);
        let promiscuous =
            |mode| Send::set(Property::MAC_PROMISCUOUS_MODE, |value| value.uint8(mode));
        let flag = |property, on| Send::set(property, |value| value.boolean(on));
        let raw_stream = Property::MAC_RAW_STREAM_ENABLED;
        let on = |script: Script, property| -> Result<Script, Overflow> {
            let undo = Step::Undo(flag(property, false)?);
            Ok(script.then(flag(property, true)?).then(undo))
        };
        let listen = |script: Script| -> Result<Script, Overflow> {
            let undo = Step::Undo(promiscuous(MODE_OFF)?);
            Ok(script.then(promiscuous(mode)?).then(undo))
        };
        let script = match self {
            Way::Copies => on(script, Property::PHY_PCAP_ENABLED)?,
            Way::Beside => on(listen(script)?, raw_stream)?,
            // The channel comes behind the radio: before it, firmware forgets its network for it; and it is
            // what begins to receive. It is the raw radio's own, and need not be undone.
            Way::Radio => {
                let mut script = on(on(script, raw_stream)?, Property::PHY_ENABLED)?;
                if let Some(channel) = change.or(current) {
                    script.push(set_channel(channel)?);
                }
                listen(script)?
            }
            Way::OldRadio => {
                let mut script = on(on(listen(script)?, raw_stream)?, Property::PHY_ENABLED)?;
                if let Some(channel) = change {
                    script.push(set_channel(channel)?);
                }
                script
            }
            Way::Interface => {
                let script = change_channel(script, current, change)?;
                let copies = flag(Property::PHY_PCAP_ENABLED, true)?.on_error(OnError::Tolerate);
                let script = on(listen(script)?, raw_stream)?
                    .then(copies)
                    .then(Step::Undo(flag(Property::PHY_PCAP_ENABLED, false)?));
                raise_interface(script)?
            }
            Way::Detour => {
                let radio = |on| flag(Property::PHY_ENABLED, on);
                let script = on(script, Property::PHY_ENABLED)?
                    .then(promiscuous(mode)?)
                    .then(radio(false)?)
                    .then(Step::Undo(promiscuous(MODE_OFF)?))
                    .then(Step::Undo(radio(true)?));
                let script = change_channel(script, current, change)?;
                raise_interface(on(script, Property::PHY_PCAP_ENABLED)?)?
            }
        };
        Ok(script.then(Step::Row(
            Fields::new().with("way", Field::text(self.text())),
        )))
    }

    const fn text(self) -> &'static str {
        match self {
            Way::Copies => "frames that the co-processor sends and receives while its stack runs",
            Way::Beside => "everything on the channel, while the stack runs",
            Way::Radio | Way::OldRadio => "everything on the channel, by the radio alone",
            Way::Interface | Way::Detour => "everything on the channel, with the interface up",
        }
    }
}

fn change_channel(
    mut script: Script,
    current: Option<u8>,
    change: Option<u8>,
) -> Result<Script, Overflow> {
    if let Some(channel) = change {
        script.push(set_channel(channel)?);
        if let Some(current) = current {
            script.push(Step::Undo(set_channel(current)?));
        }
    }
    Ok(script)
}

fn raise_interface(script: Script) -> Result<Script, Overflow> {
    let up = interface(true)?.on_error(OnError::TolerateAlready);
    Ok(script.then(up).then(Step::Undo(interface(false)?)))
}

/// The row of a MAC_SCAN_BEACON (protocol §3.12); `None` if there is not even a channel.
///
/// | name | value |
/// | --- | --- |
/// | `channel` | number |
/// | `rssi` | dBm |
/// | `address` | EUI-64, word |
/// | `short_address` | `0x..`, only where there is one |
/// | `panid` | `0x..` |
/// | `lqi` | 0..=255 |
/// | `protocol` | 3: Thread |
/// | `version`, `native_commissioner`, `joinable` | of the flags |
/// | `network_name` | text |
/// | `xpanid`, `steering_data` | hex digits, only where there are some |
///
/// A member that is missing, and what follows it, is left out.
pub fn beacon_row(value: &[u8]) -> Option<Fields> {
    let mut reader = Reader::new(value);
    let mut row = Fields::new().with("channel", reader.uint8().ok()?);
    // What could be read before the end stays in the row.
    let _ = read_beacon(&mut reader, &mut row);
    Some(row)
}

fn read_beacon(reader: &mut Reader<'_>, row: &mut Fields) -> Result<(), Malformed> {
    row.push("rssi", reader.int8()?);
    let mut mac = reader.structure()?;
    let mut net = reader.structure();
    let _ = read_mac(&mut mac, row);
    match &mut net {
        Ok(net) => read_net(net, row),
        Err(error) => Err(*error),
    }
}

fn read_mac(mac: &mut Reader<'_>, row: &mut Fields) -> Result<(), Malformed> {
    row.push("address", Field::word(Hex(&mac.array::<8>()?)));
    let short_address = mac.uint16()?;
    if short_address != NO_SHORT_ADDRESS {
        row.push("short_address", hex16(short_address));
    }
    row.push("panid", hex16(mac.uint16()?));
    row.push("lqi", mac.uint8()?);
    Ok(())
}

fn read_net(net: &mut Reader<'_>, row: &mut Fields) -> Result<(), Malformed> {
    row.push("protocol", net.uint_packed()?);
    let flags = net.uint8()?;
    row.push("version", flags >> 4);
    row.push(
        "native_commissioner",
        flags & BEACON_NATIVE_COMMISSIONER != 0,
    );
    let is_joinable = row.0.len();
    row.push("joinable", flags & BEACON_JOINABLE != 0);
    // Beacons of today's Thread carry no more than addresses: firmware fills the rest with zeros. MLE discovery knows.
    let name = net.utf8()?;
    if !name.is_empty() {
        row.push("network_name", Field::text(String::from_utf8_lossy(name)));
    }
    for member in ["xpanid", "steering_data"] {
        let octets = net.data_with_length()?;
        if octets.iter().all(|&octet| octet == 0) {
            continue;
        }
        row.push(member, hex(octets));
        if member == "steering_data" {
            // Somebody is let in: discovery says so by this alone, the flag is one of beacons.
            row.0[is_joinable].1 = Field::Bool(true);
        }
    }
    Ok(())
}

/// The row of a MAC_ENERGY_SCAN_RESULT: `channel` and `rssi` in dBm.
pub fn energy_row(value: &[u8]) -> Option<Fields> {
    let mut reader = Reader::new(value);
    let row = Fields::new().with("channel", reader.uint8().ok()?);
    Some(row.with("rssi", reader.int8().ok()?))
}

/// The row of a frame of STREAM_RAW (protocol §3.13); `None` if there is no frame in it.
///
/// | name | value | where |
/// | --- | --- | --- |
/// | `frame` | hex digits of the 802.15.4 frame | always |
/// | `fcs` | whether its last two octets are the FCS | always |
/// | `channel` | number | where it is told |
/// | `rssi` | dBm, as received | where it is known |
/// | `power` | dBm, of a frame that this node sent | where it is known |
/// | `noise` | noise floor in dBm | where it is known |
/// | `lqi` | 0..=255 | where it is told |
/// | `timestamp` | µs since the co-processor's start | where it is told |
/// | `flags` | MD_FLAG, `0x..` | always |
/// | `tx` | this node sent it | always |
/// | `bad_fcs` | received with a wrong FCS | always |
/// | `duplicate` | probably a duplicate | always |
/// | `error` | the firmware's receive error | unless it is 0 |
///
/// A frame that this node sent carries no valid FCS: its last two octets are taken away, and `fcs`
/// is false.
pub fn sniff_row(value: &[u8]) -> Option<Fields> {
    let sniffed = Sniffed::told(value)?;
    let metadata = sniffed.metadata;
    let is_sent = sniffed.is_sent;
    let mut row = Fields::new()
        .with("frame", hex(sniffed.frame))
        .with("fcs", !is_sent);
    let power = if is_sent { "power" } else { "rssi" };
    let timestamp = metadata.timestamp_us.map(i64::try_from);
    for (name, value) in [
        ("channel", metadata.channel.map(i64::from)),
        (power, metadata.power.map(i64::from)),
        ("noise", metadata.noise.map(i64::from)),
        ("lqi", metadata.lqi.map(i64::from)),
        ("timestamp", timestamp.and_then(Result::ok)),
    ] {
        if let Some(value) = value {
            row.push(name, value);
        }
    }
    row.push("flags", hex16(metadata.flags));
    row.push("tx", is_sent);
    row.push("bad_fcs", sniffed.has_bad_fcs());
    row.push("duplicate", sniffed.is_duplicate());
    if metadata.error != 0 {
        row.push("error", metadata.error);
    }
    Some(row)
}

fn scan_mask(wanted: &Scan, known: &Known) -> Result<u32, Failure> {
    let supported = supported_channels(known);
    let mask = wanted.channels.unwrap_or(supported);
    if mask == 0 {
        return Err(usage(format!(
            "no channel is given: choose some of {}",
            channel_list(supported)
        )));
    }
    match mask & !supported {
        0 => Ok(mask),
        others => Err(usage(format!(
            "channel {} is not supported: choose some of {}",
            channel_list(others),
            channel_list(supported)
        ))),
    }
}

fn scan_period(wanted: &Scan) -> Result<u16, Failure> {
    let is_plain = !wanted.joinable && !wanted.for_us && wanted.panid.is_none();
    if wanted.kind != ScanKind::Discover && !is_plain {
        return Err(usage(
            "only a discovery can be limited to a PAN or to joinable networks: use discover",
        ));
    }
    match u16::try_from(wanted.period.as_millis()) {
        Ok(period) if period > 0 => Ok(period),
        _ => Err(usage("the time on each channel must be 1 to 65535 ms")),
    }
}

/// Step 2 of protocol §7.6. What was not asked for is switched off again, errors tolerated.
fn push_discovery(
    script: &mut Script,
    wanted: &Scan,
    raises_interface: bool,
) -> Result<(), Overflow> {
    let on_error = |is_wanted| match is_wanted {
        true => OnError::Fail,
        false => OnError::Tolerate,
    };
    let joiner = Send::set(Property::THREAD_DISCOVERY_SCAN_JOINER_FLAG, |value| {
        value.boolean(wanted.joinable)
    })?;
    script.push(joiner.on_error(on_error(wanted.joinable)));
    let filter = Send::set(Property::THREAD_DISCOVERY_SCAN_ENABLE_FILTERING, |value| {
        value.boolean(wanted.for_us)
    })?;
    script.push(filter.on_error(on_error(wanted.for_us)));
    let panid = Send::set(Property::THREAD_DISCOVERY_SCAN_PANID, |value| {
        value.uint16(wanted.panid.unwrap_or(PANID_ANY))
    })?;
    script.push(panid.on_error(on_error(wanted.panid.is_some())));
    if raises_interface {
        script.push(interface(true)?.on_error(OnError::TolerateAlready));
    }
    Ok(())
}

fn wait_for_end(period: u16, channels: usize) -> Step {
    let channels = u32::try_from(channels).unwrap_or(u32::MAX);
    let silence = Duration::from_millis(period.into()).saturating_mul(channels);
    Step::Wait {
        until: Until::ScanEnds,
        within: SCAN_GAP_MAX.saturating_add(silence),
        otherwise: Failure::new(
            Code::Timeout,
            "the scan did not end: try again, and reset the co-processor if that does not help",
        ),
    }
}

fn scan_state(kind: ScanKind) -> u8 {
    match kind {
        ScanKind::Active => 1,
        ScanKind::Energy => 2,
        ScanKind::Discover => 3,
    }
}

fn interface(up: bool) -> Result<Send, Overflow> {
    Send::set(Property::NET_IF_UP, |value| value.boolean(up))
}

fn set_channel(channel: u8) -> Result<Send, Overflow> {
    Send::set(Property::PHY_CHAN, |value| value.uint8(channel))
}

/// Protocol §7.4: the longest gap between two events of a scan. The time without a find is added.
const SCAN_GAP_MAX: Duration = Duration::from_secs(15);
/// Protocol §3.7, THREAD_DISCOVERY_SCAN_PANID: none.
const PANID_ANY: u16 = 0xFFFF;
/// Protocol §3.12.
const NO_SHORT_ADDRESS: u16 = 0xFFFF;
const BEACON_NATIVE_COMMISSIONER: u8 = 0x08;
const BEACON_JOINABLE: u8 = 0x01;
/// Protocol §4.6.
const MODE_OFF: u8 = 0;
const MODE_NETWORK: u8 = 1;
const MODE_FULL: u8 = 2;
