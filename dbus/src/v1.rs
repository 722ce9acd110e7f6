//! The methods of `org.wpantund.v1`.

use crate::bus::{Call, Reply};
use crate::control::{lock, Asked};
use crate::ctx::Ctx;
use crate::forms;
use crate::pcap;
use crate::props;
use crate::service::Method;
use crate::signals::{self, in_path, V1, V1_PATH};
use crate::status;
use crate::val::{Map, Val};
use crate::values::{big_endian, unhex};
use spinel_bridge::ctl::{Failure, Field, Fields};
use spinel_bridge::wire::ids::Property;
use std::net::Ipv6Addr;

type Done = Result<Reply, Failure>;

/// All of them; `true`: what takes long, and takes its turn behind the like.
pub(crate) const METHODS: &[Method] = &[
    ("Status", false, status_of),
    ("PropGet", false, prop_get),
    ("PropSet", false, prop_set),
    ("PropInsert", false, prop_insert),
    ("PropRemove", false, prop_remove),
    ("Form", true, form),
    ("Join", true, join),
    ("Leave", false, leave),
    ("Attach", false, attach),
    ("Reset", false, reset),
    ("BeginLowPower", false, |ctx, _| {
        done(ctx, &Asked::new("begin-low-power"))
    }),
    ("HostDidWake", false, |ctx, _| {
        done(ctx, &Asked::new("host-did-wake"))
    }),
    ("DataPoll", false, data_poll),
    ("NetScanStart", true, net_scan),
    ("DiscoverScanStart", true, discover_scan),
    ("EnergyScanStart", true, energy_scan),
    ("NetScanStop", false, scan_stop),
    ("DiscoverScanStop", false, scan_stop),
    ("EnergyScanStop", false, scan_stop),
    ("ConfigGateway", false, config_gateway),
    ("RouteAdd", false, route_add),
    ("RouteRemove", false, route_remove),
    ("ServiceAdd", false, service_add),
    ("ServiceRemove", false, service_remove),
    ("JoinerStart", true, joiner_start),
    ("JoinerStop", false, joiner_stop),
    ("JoinerAttach", true, joiner_attach),
    ("JoinerCommissioning", true, joiner_commissioning),
    ("JoinerAdd", false, joiner_add),
    ("JoinerRemove", false, joiner_remove),
    ("AnnounceBegin", false, announce_begin),
    ("EnergyScanQuery", false, energy_scan_query),
    ("PanIdQuery", false, pan_id_query),
    ("GeneratePSKc", false, generate_pskc),
    ("LinkMetricsQuery", false, link_metrics_query),
    ("LinkMetricsProbe", false, link_metrics_probe),
    ("LinkMetricsMgmtForward", false, link_metrics_forward),
    ("LinkMetricsMgmtEnhAck", false, link_metrics_enh_ack),
    ("MlrRequest", false, mlr_request),
    ("BackboneRouterConfig", false, backbone_router_config),
    ("PcapToFd", false, pcap::to_fd),
    ("PcapTerminate", false, pcap::terminate),
    ("Peek", false, peek),
    ("Poke", false, poke),
    ("Mfg", true, mfg),
];

/// Asks, and answers with the status.
pub(crate) fn done(ctx: &Ctx<'_>, asked: &Asked) -> Done {
    Ok(Reply::status(ctx.outcome(ctx.order(asked))?))
}

fn text(field: Option<&Field>) -> Option<String> {
    match field? {
        Field::Word(text) | Field::Text(text) => Some(text.clone()),
        _ => None,
    }
}

fn number(field: Option<&Field>) -> Option<i64> {
    match field? {
        Field::Number(n) => Some(*n),
        // An octet string of digits, and 0x1234.
        Field::Word(text) | Field::Text(text) => {
            i64::from_str_radix(text.strip_prefix("0x")?, 16).ok()
        }
        Field::Bool(_) => None,
    }
}

/// `a{sv}` alone, in wpantund's order.
pub(crate) fn status_of(ctx: &Ctx<'_>, _: &Call) -> Done {
    let rows = ctx.rows(&Asked::new("status"));
    // wpantund answers with what it knows when its co-processor does not.
    let row = rows
        .ok()
        .and_then(|rows| rows.into_iter().next())
        .unwrap_or_default();
    let known = lock(&ctx.instance.known);
    let mut map: Map = vec![
        ("NCP:State".into(), Val::s(known.state.clone())),
        (
            "Daemon:Enabled".into(),
            Val::Bool(signals::is_enabled(&known)),
        ),
    ];
    let state = known.state.clone();
    drop(known);
    let get = |name: &str| text(row.get(name));
    let bytes = |name: &str| get(name).and_then(|digits| unhex(&digits));
    let is_on = !state.starts_with("uninitialized");
    let version = get("ncp_version").filter(|_| is_on).unwrap_or_default();
    map.push(("NCP:Version".into(), Val::S(version)));
    if let Some(version) = get("rcp_version") {
        map.push(("POSIXApp:RCPVersion".into(), Val::S(version)));
    }
    map.push((
        "Daemon:Version".into(),
        Val::S(get("driver_version").unwrap_or_default()),
    ));
    map.push(("Config:NCP:DriverName".into(), Val::s("spinel")));
    if let Some(address) = bytes("hardware_address") {
        map.push(("NCP:HardwareAddress".into(), Val::Bytes(address)));
    }
    if !signals::is_commissioned(&state) {
        return Ok(Reply::Vals(vec![Val::Map(map)]));
    }
    let mut put = |key: &str, value: Option<Val>| {
        if let Some(value) = value {
            map.push((key.to_owned(), value));
        }
    };
    put(
        "NCP:Channel",
        number(row.get("channel")).map(|n| Val::I(n as i32)),
    );
    put(
        "Network:NodeType",
        Some(Val::s(lock(&ctx.instance.known).node_type.clone())),
    );
    put("Network:Name", get("network_name").map(Val::S));
    put(
        "Network:XPANID",
        bytes("xpanid").map(|octets| Val::T(big_endian(&octets))),
    );
    put(
        "Network:PANID",
        number(row.get("panid")).map(|n| Val::Q(n as u16)),
    );
    for (key, name) in [
        ("IPv6:LinkLocalAddress", "link_local_address"),
        ("IPv6:MeshLocalAddress", "mesh_local_address"),
        ("IPv6:MeshLocalPrefix", "mesh_local_prefix"),
    ] {
        put(key, get(name).map(Val::S));
    }
    Ok(Reply::Vals(vec![Val::Map(map)]))
}

pub(crate) fn prop_get(ctx: &Ctx<'_>, call: &Call) -> Done {
    let name = call.args.first().and_then(Val::text).unwrap_or_default();
    let (status, val) = props::get(ctx, name)?;
    Ok(Reply::Vals(vec![Val::I(status), val]))
}

pub(crate) fn prop_set(ctx: &Ctx<'_>, call: &Call) -> Done {
    change(ctx, call, "setprop")
}

pub(crate) fn prop_insert(ctx: &Ctx<'_>, call: &Call) -> Done {
    change(ctx, call, "insertprop")
}

pub(crate) fn prop_remove(ctx: &Ctx<'_>, call: &Call) -> Done {
    change(ctx, call, "removeprop")
}

fn change(ctx: &Ctx<'_>, call: &Call, verb: &str) -> Done {
    match &*call.args {
        [Val::S(name), rest @ ..] => {
            let value = rest.first().map(Val::unwrapped);
            Ok(Reply::status(props::change(ctx, verb, name, value)?))
        }
        _ => Ok(Reply::Unknown),
    }
}

fn form(ctx: &Ctx<'_>, call: &Call) -> Done {
    let Some(map) = forms::dictionary(call) else {
        return Ok(Reply::status(status::INVALID_ARGUMENT));
    };
    let Some(asked) = forms::form(&map) else {
        return Ok(Reply::status(status::INVALID_ARGUMENT));
    };
    into_network(ctx, &asked)
}

fn join(ctx: &Ctx<'_>, call: &Call) -> Done {
    let Some(map) = forms::dictionary(call) else {
        return Ok(Reply::status(status::INVALID_ARGUMENT));
    };
    let Some(asked) = forms::join(&map) else {
        return Ok(Reply::status(status::INVALID_ARGUMENT));
    };
    into_network(ctx, &asked)
}

fn into_network(ctx: &Ctx<'_>, asked: &Asked) -> Done {
    if ctx.state().starts_with("associated") {
        return Ok(Reply::status(status::ALREADY));
    }
    signals::working(ctx.instance, true);
    let outcome = ctx.order(asked);
    let status = ctx.outcome(outcome);
    signals::working(ctx.instance, false);
    Ok(Reply::status(match status? {
        // No network, or nobody let us in.
        status::TIMEOUT => status::FAILURE,
        status::BUSY => status::IN_PROGRESS,
        other => other,
    }))
}

pub(crate) fn leave(ctx: &Ctx<'_>, _: &Call) -> Done {
    done(ctx, &Asked::new("leave"))
}

/// Does not wait for the network.
pub(crate) fn attach(ctx: &Ctx<'_>, _: &Call) -> Done {
    let outcome = ctx.begin(&Asked::new("attach"));
    Ok(Reply::status(ctx.outcome(outcome)?))
}

pub(crate) fn reset(ctx: &Ctx<'_>, _: &Call) -> Done {
    done(ctx, &Asked::new("reset"))
}

pub(crate) fn data_poll(ctx: &Ctx<'_>, _: &Call) -> Done {
    let status = ctx.outcome(ctx.order(&Asked::new("poll")))?;
    Ok(Reply::status(match status {
        status::NOT_SUPPORTED | status::INVALID_FOR_STATE => status::PROPERTY_NOT_FOUND,
        other => other,
    }))
}

/// Channels of a mask as the daemon takes them; `None`: all.
fn channels(mask: u32) -> Option<String> {
    let list: Vec<String> = (0..32)
        .filter(|channel| mask & 1 << channel != 0)
        .map(|channel: u32| channel.to_string())
        .collect();
    (!list.is_empty()).then(|| list.join(","))
}

/// Scans, and calls `found` for each row as it comes.
pub(crate) fn scan(
    ctx: &Ctx<'_>,
    asked: &Asked,
    found: &mut dyn FnMut(&Fields),
) -> Result<i32, Failure> {
    signals::working(ctx.instance, true);
    let outcome = ctx.ask(asked, &mut |row| found(&row));
    let status = ctx.outcome(outcome);
    signals::working(ctx.instance, false);
    status
}

pub(crate) fn scan_of(kind: &str, mask: u32) -> Asked {
    let asked = Asked::new("scan").key("kind", kind);
    asked.maybe("channels", channels(mask))
}

fn net_scan(ctx: &Ctx<'_>, call: &Call) -> Done {
    let mask = call.args.first().and_then(Val::num).unwrap_or(0);
    beacons(ctx, &scan_of("active", mask))
}

fn discover_scan(ctx: &Ctx<'_>, call: &Call) -> Done {
    let arg = |index: usize| call.args.get(index);
    let mask = arg(0).and_then(Val::num).unwrap_or(0);
    let panid = arg(3).and_then(Val::num).unwrap_or(0xFFFF_u16);
    let switch = |index| arg(index).and_then(Val::boolean).unwrap_or(false);
    let asked = scan_of("discover", mask)
        .switch("joinable", switch(1))
        .switch("for-us", switch(2))
        .maybe("panid", (panid != 0xFFFF).then_some(panid));
    beacons(ctx, &asked)
}

fn beacons(ctx: &Ctx<'_>, asked: &Asked) -> Done {
    let path = format!("{V1_PATH}/{}", in_path(&lock(&ctx.instance.known).name));
    let status = scan(ctx, asked, &mut |row| {
        let beacon = Val::Map(beacon(row));
        ctx.instance
            .bus
            .signal(&path, V1, "NetScanBeacon", &[beacon]);
    })?;
    Ok(Reply::status(status))
}

/// A network found, as wpantund tells it: the name and the extended PAN id only where there are some.
pub(crate) fn beacon(row: &Fields) -> Map {
    let mut map = Map::new();
    if let Some(name) = text(row.get("network_name")) {
        map.push(("Network:Name".into(), Val::S(name)));
    }
    let bytes = |name: &str| text(row.get(name)).and_then(|digits| unhex(&digits));
    if let Some(xpanid) = bytes("xpanid") {
        map.push(("Network:XPANID".into(), Val::T(big_endian(&xpanid))));
    }
    if let Some(panid) = number(row.get("panid")) {
        map.push(("Network:PANID".into(), Val::Q(panid as u16)));
    }
    map.push((
        "Network:NodeType".into(),
        Val::I(number(row.get("protocol")).unwrap_or(0) as i32),
    ));
    map.push((
        "NCP:Channel".into(),
        Val::N(number(row.get("channel")).unwrap_or(0) as i16),
    ));
    map.push((
        "RSSI".into(),
        Val::Y(number(row.get("rssi")).unwrap_or(0) as i8 as u8),
    ));
    if let Some(address) = bytes("address") {
        map.push(("NCP:HardwareAddress".into(), Val::Bytes(address)));
    }
    map
}

fn energy_scan(ctx: &Ctx<'_>, call: &Call) -> Done {
    let mask = call.args.first().and_then(Val::num).unwrap_or(0);
    let path = format!("{V1_PATH}/{}", in_path(&lock(&ctx.instance.known).name));
    let status = scan(ctx, &scan_of("energy", mask), &mut |row| {
        let map = vec![
            (
                "NCP:Channel".to_owned(),
                Val::N(number(row.get("channel")).unwrap_or(0) as i16),
            ),
            (
                "RSSI".to_owned(),
                Val::Y(number(row.get("rssi")).unwrap_or(0) as i8 as u8),
            ),
        ];
        ctx.instance
            .bus
            .signal(&path, V1, "EnergyScanResult", &[Val::Map(map)]);
    })?;
    Ok(Reply::status(status))
}

/// wpantund has the method and does not do it.
pub(crate) fn scan_stop(ctx: &Ctx<'_>, _: &Call) -> Done {
    let status = ctx.outcome(ctx.order(&Asked::new("scan").raw("stop")))?;
    Ok(Reply::status(match status {
        status::INVALID_FOR_STATE => status::NOT_IMPLEMENTED,
        other => other,
    }))
}

/// A prefix as far as it is given.
fn prefix(octets: &[u8]) -> Option<Ipv6Addr> {
    let mut address = [0; 16];
    address.get_mut(..octets.len())?.copy_from_slice(octets);
    Some(address.into())
}

pub(crate) fn config_gateway(ctx: &Ctx<'_>, call: &Call) -> Done {
    match gateway(&call.args) {
        Some(asked) => removed(ctx, &asked),
        None => Ok(Reply::Unknown),
    }
}

fn gateway(args: &[Val]) -> Option<Asked> {
    let flag = |index: usize, otherwise: bool| match args.get(index) {
        Some(value) => value.boolean(),
        None => Some(otherwise),
    };
    let default_route = flag(0, false).filter(|_| args.len() >= 4)?;
    let octets = args.get(1)?.bytes()?;
    let _preferred: u32 = args.get(2)?.num()?;
    let valid: u32 = args.get(3)?.num()?;
    let (preferred, slaac, on_mesh) = (flag(4, true)?, flag(5, true)?, flag(6, true)?);
    let priority: i16 = args.get(7).map_or(Some(0), Val::num)?;
    let (dhcp, configure, stable) = (flag(8, false)?, flag(9, false)?, flag(10, true)?);
    let most = (octets.len() * 8).min(64);
    let bits: usize = match args.get(11) {
        Some(bits) => usize::from(bits.num::<u16>()?),
        None => most,
    };
    let (nd_dns, domain) = (flag(12, false)?, flag(13, false)?);
    if octets.is_empty() || bits == 0 || bits > most {
        return None;
    }
    let address = prefix(octets)?;
    let text = format!("{address}/{bits}");
    if valid == 0 {
        return Some(Asked::new("remove-prefix").word(text));
    }
    if nd_dns || domain {
        let mut flags: u16 = 0;
        for (is_on, bit) in [
            (on_mesh, 0x01),
            (default_route, 0x02),
            (configure, 0x04),
            (dhcp, 0x08),
            (slaac, 0x10),
            (preferred, 0x20),
        ] {
            flags |= if is_on { bit } else { 0 };
        }
        flags |= match priority.signum() {
            1 => 0x40,
            -1 => 0xC0,
            _ => 0,
        };
        // The second octet (protocol §3.16): ND DNS, domain prefix.
        let more = if nd_dns { 0x80 } else { 0 } | if domain { 0x40 } else { 0 };
        let value = format!("{address} {bits} {stable} {flags} true 0 {more}");
        return Some(
            Asked::new("insertprop")
                .word("THREAD_ON_MESH_NETS")
                .raw(value),
        );
    }
    Some(
        Asked::new("add-prefix")
            .word(text)
            .switch("stable", stable)
            .switch("on-mesh", on_mesh)
            .switch("default-route", default_route)
            .switch("configure", configure)
            .switch("dhcp", dhcp)
            .switch("slaac", slaac)
            .switch("preferred", preferred)
            .key("priority", priority.signum()),
    )
}

/// Removing what is not there is done, too.
fn removed(ctx: &Ctx<'_>, asked: &Asked) -> Done {
    let outcome = ctx.order(asked);
    let absent = |failure: &Failure| status::ncp_status(&failure.message) == Some(20);
    match outcome {
        Err(failure) if asked.verb.starts_with("remove") && absent(&failure) => {
            Ok(Reply::status(status::OK))
        }
        other => Ok(Reply::status(ctx.outcome(other)?)),
    }
}

struct Route {
    text: String,
    priority: i16,
    stable: bool,
}

/// `ay`, domain, priority (only to add), bits, stable.
fn route(args: &[Val], has_priority: bool) -> Option<Route> {
    let octets = args.first()?.bytes()?;
    let _domain: u16 = args.get(1)?.num()?;
    let at = if has_priority { 3 } else { 2 };
    let priority = match has_priority {
        true => args.get(2)?.num()?,
        false => 0,
    };
    let most = octets.len() * 8;
    let bits: usize = match args.get(at) {
        Some(bits) => usize::from(bits.num::<u8>()?),
        None => most,
    };
    let stable = args.get(at + 1).map_or(Some(true), Val::boolean)?;
    if bits > most {
        return None;
    }
    Some(Route {
        text: format!("{}/{bits}", prefix(octets)?),
        priority,
        stable,
    })
}

pub(crate) fn route_add(ctx: &Ctx<'_>, call: &Call) -> Done {
    let Some(route) = route(&call.args, true) else {
        return Ok(Reply::Unknown);
    };
    let asked = Asked::new("add-route")
        .word(route.text)
        .switch("stable", route.stable)
        .key("priority", route.priority.signum());
    done(ctx, &asked)
}

pub(crate) fn route_remove(ctx: &Ctx<'_>, call: &Call) -> Done {
    match route(&call.args, false) {
        Some(route) => removed(ctx, &Asked::new("remove-route").word(route.text)),
        None => Ok(Reply::Unknown),
    }
}

fn digits(octets: &[u8]) -> String {
    match octets {
        [] => "-".to_owned(),
        octets => crate::values::hex(octets),
    }
}

fn service_add(ctx: &Ctx<'_>, call: &Call) -> Done {
    let [Val::U(enterprise), Val::Bytes(service), Val::Bool(stable), Val::Bytes(server), ..] =
        &*call.args
    else {
        return Ok(Reply::Unknown);
    };
    let asked = Asked::new("add-service")
        .word(enterprise.to_string())
        .word(digits(service))
        .word(digits(server))
        .switch("stable", *stable);
    done(ctx, &asked)
}

fn service_remove(ctx: &Ctx<'_>, call: &Call) -> Done {
    let [Val::U(enterprise), Val::Bytes(service), ..] = &*call.args else {
        return Ok(Reply::Unknown);
    };
    let asked = Asked::new("remove-service")
        .word(enterprise.to_string())
        .word(digits(service));
    removed(ctx, &asked)
}

fn joiner_start(ctx: &Ctx<'_>, call: &Call) -> Done {
    let map = forms::dictionary(call).unwrap_or_default();
    let get = |key: &str| {
        map.iter()
            .find(|(known, _)| known == key)
            .map(|(_, value)| value)
    };
    let Some(pskd) = get("Joiner:PSKd").and_then(Val::text) else {
        return Ok(Reply::status(status::INVALID_ARGUMENT));
    };
    let url = get("Joiner:ProvisioningUrl").and_then(Val::text);
    let returns = get("Joiner:ReturnImmediatelyOnStart").and_then(Val::boolean);
    let vendor: Vec<&str> = ["Name", "Model", "SwVersion", "Data"]
        .iter()
        .map(|key| {
            get(&format!("Joiner:Vendor:{key}"))
                .and_then(Val::text)
                .unwrap_or_default()
        })
        .collect();
    if vendor.iter().any(|text| !text.is_empty()) {
        // With the vendor's texts there is no verb: the property alone, which does not wait either.
        let quote = spinel_bridge::ctl::line::quoted;
        let mut value = format!("true {} {}", quote(pskd), quote(url.unwrap_or_default()));
        for text in vendor {
            value += &format!(" {}", quote(text));
        }
        let up = ctx.order(&Asked::new("setprop").word("NET_IF_UP").word("true"));
        let asked = Asked::new("setprop")
            .word("MESHCOP_JOINER_COMMISSIONING")
            .raw(value);
        return Ok(Reply::status(
            ctx.outcome(up.and_then(|()| ctx.order(&asked)))?,
        ));
    }
    let asked = Asked::new("joiner")
        .raw("start")
        .word(pskd)
        .maybe("url", url);
    let outcome = match returns {
        Some(true) => ctx.begin(&asked),
        _ => ctx.order(&asked),
    };
    Ok(Reply::status(ctx.outcome(outcome)?))
}

fn joiner_stop(ctx: &Ctx<'_>, _: &Call) -> Done {
    // 0: idle (protocol §3.11).
    if matches!(ctx.get(Property::MESHCOP_JOINER_STATE).as_deref(), Ok([0])) {
        return Ok(Reply::status(status::ALREADY));
    }
    done(ctx, &Asked::new("joiner").raw("stop"))
}

fn joiner_attach(ctx: &Ctx<'_>, call: &Call) -> Done {
    if ctx.state().starts_with("associated") {
        return Ok(Reply::status(status::ALREADY));
    }
    let map = forms::dictionary(call).unwrap_or_default();
    let returns = map.iter().any(|(key, value)| {
        key == "Joiner:ReturnImmediatelyOnStart" && value.boolean() == Some(true)
    });
    let asked = Asked::new("attach");
    let outcome = match returns {
        true => ctx.begin(&asked),
        false => ctx.order(&asked),
    };
    Ok(Reply::status(ctx.outcome(outcome)?))
}

fn joiner_commissioning(ctx: &Ctx<'_>, call: &Call) -> Done {
    match &*call.args {
        [Val::Bool(false), Val::S(_), Val::S(_), ..] => joiner_stop(ctx, call),
        [Val::Bool(true), Val::S(pskd), Val::S(url), ..] => {
            if ctx.state().starts_with("associated") {
                return Ok(Reply::status(status::ALREADY));
            }
            let asked = Asked::new("joiner").raw("start").word(pskd).key("url", url);
            Ok(Reply::status(ctx.outcome(ctx.begin(&asked))?))
        }
        _ => Ok(Reply::Unknown),
    }
}

/// Who may join: `Some(None)` for anybody; the octets of an EUI-64 or a discerner otherwise.
fn joiner(args: &[Val]) -> Option<Option<Vec<u8>>> {
    let Some(eui64) = args.first() else {
        return Some(None);
    };
    let eui64 = eui64.bytes().filter(|octets| octets.len() == 8)?;
    let Some(bits) = args.get(1) else {
        return Some(Some(eui64.to_vec()));
    };
    let (bits, value): (u8, u64) = (bits.num()?, args.get(2)?.num()?);
    let mut octets = vec![bits];
    octets.extend_from_slice(&value.to_le_bytes());
    Some(Some(octets))
}

fn joiner_add(ctx: &Ctx<'_>, call: &Call) -> Done {
    let [Val::S(pskd), Val::U(seconds), rest @ ..] = &*call.args else {
        return Ok(Reply::Unknown);
    };
    let Some(who) = joiner(rest) else {
        return Ok(Reply::Unknown);
    };
    match who {
        Some(discerner) if discerner.len() != 8 => {
            let value = format!(
                "{} {seconds} {}",
                digits(&discerner),
                spinel_bridge::ctl::line::quoted(pskd)
            );
            done(
                ctx,
                &Asked::new("insertprop")
                    .word("MESHCOP_COMMISSIONER_JOINERS")
                    .raw(value),
            )
        }
        who => {
            let who = who.map_or("any".to_owned(), |eui64| digits(&eui64));
            let asked = Asked::new("commissioner").raw("add").word(who);
            done(ctx, &asked.word(pskd).word(seconds.to_string()))
        }
    }
}

fn joiner_remove(ctx: &Ctx<'_>, call: &Call) -> Done {
    let [Val::U(_), rest @ ..] = &*call.args else {
        return Ok(Reply::Unknown);
    };
    let Some(who) = joiner(rest) else {
        return Ok(Reply::Unknown);
    };
    match who {
        Some(discerner) if discerner.len() != 8 => {
            let value = format!("{} 0 \"\"", digits(&discerner));
            done(
                ctx,
                &Asked::new("removeprop")
                    .word("MESHCOP_COMMISSIONER_JOINERS")
                    .raw(value),
            )
        }
        who => {
            let who = who.map_or("any".to_owned(), |eui64| digits(&eui64));
            done(ctx, &Asked::new("commissioner").raw("remove").word(who))
        }
    }
}

fn set_text(ctx: &Ctx<'_>, property: &str, value: String) -> Done {
    done(ctx, &Asked::new("setprop").word(property).raw(value))
}

fn full_address(val: Option<&Val>) -> Option<Ipv6Addr> {
    let octets: [u8; 16] = val?.bytes()?.try_into().ok()?;
    Some(octets.into())
}

fn announce_begin(ctx: &Ctx<'_>, call: &Call) -> Done {
    let [Val::U(mask), Val::Y(count), Val::Q(period), address, ..] = &*call.args else {
        return Ok(Reply::Unknown);
    };
    match full_address(Some(address)) {
        Some(address) => set_text(
            ctx,
            "MESHCOP_COMMISSIONER_ANNOUNCE_BEGIN",
            format!("{mask} {count} {period} {address}"),
        ),
        None => Ok(Reply::Unknown),
    }
}

fn energy_scan_query(ctx: &Ctx<'_>, call: &Call) -> Done {
    let [Val::U(mask), Val::Y(count), Val::Q(period), Val::Q(duration), address, ..] = &*call.args
    else {
        return Ok(Reply::Unknown);
    };
    let Some(address) = full_address(Some(address)) else {
        return Ok(Reply::Unknown);
    };
    let value = format!("{mask} {count} {period} {duration} {address}");
    set_text(ctx, "MESHCOP_COMMISSIONER_ENERGY_SCAN", value)
}

fn pan_id_query(ctx: &Ctx<'_>, call: &Call) -> Done {
    let [Val::Q(panid), Val::U(mask), address, ..] = &*call.args else {
        return Ok(Reply::Unknown);
    };
    match full_address(Some(address)) {
        Some(address) => set_text(
            ctx,
            "MESHCOP_COMMISSIONER_PAN_ID_QUERY",
            format!("{panid} {mask} {address}"),
        ),
        None => Ok(Reply::Unknown),
    }
}

fn generate_pskc(ctx: &Ctx<'_>, call: &Call) -> Done {
    let [Val::S(passphrase), Val::S(name), Val::Bytes(xpanid), ..] = &*call.args else {
        return Ok(Reply::Unknown);
    };
    if xpanid.len() != 8 {
        return Ok(Reply::Unknown);
    }
    let quote = spinel_bridge::ctl::line::quoted;
    let value = format!("{} {} {}", quote(passphrase), quote(name), digits(xpanid));
    let asked = Asked::new("setprop")
        .word("MESHCOP_COMMISSIONER_GENERATE_PSKC")
        .raw(value);
    match ctx.rows(&asked) {
        Ok(rows) => {
            let pskc = rows.first().and_then(|row| text(row.get("pskc")));
            let pskc = pskc.and_then(|digits| unhex(&digits)).unwrap_or_default();
            Ok(Reply::Vals(vec![Val::I(status::OK), Val::Bytes(pskc)]))
        }
        Err(failure) => Ok(Reply::Vals(vec![
            Val::I(ctx.status(failure)?),
            Val::Bytes(Vec::new()),
        ])),
    }
}

fn link_metrics_query(ctx: &Ctx<'_>, call: &Call) -> Done {
    link_metrics(ctx, call, "THREAD_LINK_METRICS_QUERY", 2)
}

fn link_metrics_probe(ctx: &Ctx<'_>, call: &Call) -> Done {
    link_metrics(ctx, call, "THREAD_LINK_METRICS_PROBE", 2)
}

fn link_metrics_forward(ctx: &Ctx<'_>, call: &Call) -> Done {
    link_metrics(ctx, call, "THREAD_LINK_METRICS_MGMT_FORWARD", 3)
}

/// An address and some octets.
fn link_metrics(ctx: &Ctx<'_>, call: &Call, property: &str, count: usize) -> Done {
    let Some(address) = full_address(call.args.first()) else {
        return Ok(Reply::Unknown);
    };
    let numbers: Option<Vec<u8>> = (1..=count)
        .map(|index| call.args.get(index).and_then(Val::num))
        .collect();
    let Some(numbers) = numbers else {
        return Ok(Reply::Unknown);
    };
    let mut value = address.to_string();
    for number in numbers {
        value += &format!(" {number}");
    }
    set_text(ctx, property, value)
}

fn link_metrics_enh_ack(ctx: &Ctx<'_>, call: &Call) -> Done {
    let (Some(address), Some(Val::Y(flags)), Some(Val::Y(metrics))) = (
        full_address(call.args.first()),
        call.args.get(1),
        call.args.get(2),
    ) else {
        return Ok(Reply::Unknown);
    };
    let metrics = match flags {
        0 => "-".to_owned(), // clears
        _ => format!("{metrics:02X}"),
    };
    let value = format!("{address} {flags} {metrics}");
    set_text(ctx, "THREAD_LINK_METRICS_MGMT_ENH_ACK", value)
}

fn mlr_request(ctx: &Ctx<'_>, call: &Call) -> Done {
    let addresses: Option<Vec<Ipv6Addr>> = match call.args.first() {
        Some(Val::ByteLists(list)) => list
            .iter()
            .map(|octets| {
                <[u8; 16]>::try_from(octets.as_slice())
                    .ok()
                    .map(Ipv6Addr::from)
            })
            .collect(),
        Some(Val::Strings(list)) => list.iter().map(|text| text.parse().ok()).collect(),
        _ => None,
    };
    let (Some(addresses), Some(Val::Bool(has_timeout)), Some(Val::U(timeout))) =
        (addresses, call.args.get(1), call.args.get(2))
    else {
        return Ok(Reply::Unknown);
    };
    let list: Vec<String> = addresses.iter().map(Ipv6Addr::to_string).collect();
    let mut value = format!("([{}])", list.join(" "));
    if *has_timeout {
        value += &format!(" [(0 {})]", digits(&timeout.to_le_bytes()));
    } else {
        value += " []";
    }
    set_text(ctx, "THREAD_MLR_REQUEST", value)
}

fn backbone_router_config(ctx: &Ctx<'_>, call: &Call) -> Done {
    let [Val::Q(delay), Val::U(timeout), Val::Y(sequence), ..] = &*call.args else {
        return Ok(Reply::Unknown);
    };
    let value = format!("{delay} {timeout} {sequence}");
    set_text(ctx, "THREAD_BACKBONE_ROUTER_LOCAL_CONFIG", value)
}

fn peek(ctx: &Ctx<'_>, call: &Call) -> Done {
    let [Val::U(address), Val::Q(count), ..] = &*call.args else {
        return Ok(Reply::Unknown);
    };
    let asked = Asked::new("peek")
        .word(address.to_string())
        .word(count.to_string());
    match ctx.rows(&asked) {
        Ok(rows) => {
            let octets = rows.first().and_then(|row| text(row.get("octets")));
            let octets = octets.and_then(|digits| unhex(&digits)).unwrap_or_default();
            Ok(Reply::Vals(vec![Val::I(status::OK), Val::Bytes(octets)]))
        }
        Err(failure) => {
            let status = ctx.status(failure)?;
            let why = match status {
                status::NOT_SUPPORTED => "Feature not supported by NCP. No peeking!",
                _ => EMPTY,
            };
            Ok(Reply::Vals(vec![Val::I(status), Val::s(why)]))
        }
    }
}

fn poke(ctx: &Ctx<'_>, call: &Call) -> Done {
    let [Val::U(address), Val::Bytes(octets), ..] = &*call.args else {
        return Ok(Reply::Unknown);
    };
    done(
        ctx,
        &Asked::new("poke")
            .word(address.to_string())
            .word(digits(octets)),
    )
}

fn mfg(ctx: &Ctx<'_>, call: &Call) -> Done {
    let line = call.args.first().and_then(Val::text).unwrap_or_default();
    let asked = Asked::new("mfg").raw(spinel_bridge::ctl::line::quoted(line));
    match ctx.rows(&asked) {
        Ok(rows) => {
            let output = rows.first().and_then(|row| text(row.get("output")));
            Ok(Reply::Vals(vec![
                Val::I(status::OK),
                Val::S(output.unwrap_or_default()),
            ]))
        }
        Err(failure) => Ok(Reply::Vals(vec![
            Val::I(match ctx.status(failure)? {
                status::NOT_SUPPORTED => status::PROPERTY_NOT_FOUND,
                other => other,
            }),
            Val::s(EMPTY),
        ])),
    }
}

/// wpantund's text where it has none.
pub(crate) const EMPTY: &str = "<empty>";
