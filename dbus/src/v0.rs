//! The methods of version 0, on `com.nestlabs.WPANTunnelDriver`.

use crate::bus::{Call, Reply};
use crate::control::Asked;
use crate::ctx::Ctx;
use crate::service::Method;
use crate::status;
use crate::v1;
use crate::val::Val;
use spinel_bridge::ctl::Failure;

type Done = Result<Reply, Failure>;

/// All of them.
pub(crate) const METHODS: &[Method] = &[
    ("Status", false, v1::status_of),
    ("Ping", false, ping),
    ("GetProp", false, v1::prop_get),
    ("SetProp", false, v1::prop_set),
    ("InsertProp", false, v1::prop_insert),
    ("RemoveProp", false, v1::prop_remove),
    ("Form", true, form),
    ("Join", true, join),
    ("Leave", false, v1::leave),
    ("Resume", false, v1::attach),
    ("Reset", false, v1::reset),
    ("Scan", true, scan),
    ("StopScan", false, v1::scan_stop),
    ("PermitJoin", false, permit_join),
    ("DataPoll", false, v1::data_poll),
    ("HostDidWake", false, |ctx, _| {
        v1::done(ctx, &Asked::new("host-did-wake"))
    }),
    ("BeginNetWake", false, net_wake),
    ("AddRoute", false, v1::route_add),
    ("RemoveRoute", false, v1::route_remove),
    ("ConfigGateway", false, v1::config_gateway),
];

/// Whether the co-processor is alive.
fn ping(ctx: &Ctx<'_>, _: &Call) -> Done {
    v1::done(ctx, &Asked::new("status"))
}

/// `iu`: a period that nobody needs, and channels. All networks come with the reply.
fn scan(ctx: &Ctx<'_>, call: &Call) -> Done {
    let mask = call.args.get(1).and_then(Val::num).unwrap_or(0);
    let mut found = Vec::new();
    let status = v1::scan(ctx, &v1::scan_of("active", mask), &mut |row| {
        found.push(v1::beacon(row))
    })?;
    Ok(Reply::Vals(vec![Val::I(status), Val::Maps(found)]))
}

/// `ibqy`: seconds, network-wide, port and next header; none needs to be there.
fn permit_join(ctx: &Ctx<'_>, call: &Call) -> Done {
    let seconds: i32 = call.args.first().and_then(Val::num).unwrap_or(DEFAULT_S);
    let port: u16 = call.args.get(2).and_then(Val::num).unwrap_or(0);
    let asked = Asked::new("permit-join").word(seconds.clamp(0, PERMIT_MAX_S).to_string());
    v1::done(
        ctx,
        &if port == 0 {
            asked
        } else {
            asked.word(port.to_string())
        },
    )
}

/// Of a family of co-processors that are no more: nothing does it, as in wpantund.
fn net_wake(_: &Ctx<'_>, call: &Call) -> Done {
    match &*call.args {
        [Val::Y(_), Val::U(_), ..] => Ok(Reply::status(status::NOT_IMPLEMENTED)),
        _ => Ok(Reply::Unknown),
    }
}

/// `snuay`: name, channel, key index, key. Read of wpantund, not seen.
fn form(ctx: &Ctx<'_>, call: &Call) -> Done {
    let Some(Val::S(name)) = call.args.first() else {
        return Ok(Reply::Unknown);
    };
    let number = |index: usize| {
        call.args
            .get(index)
            .and_then(Val::number)
            .filter(|n| *n > 0)
    };
    let key = call
        .args
        .get(3)
        .and_then(Val::bytes)
        .filter(|key| !key.is_empty());
    let asked = Asked::new("form")
        .word(name)
        .maybe("channel", number(1))
        .maybe("key-index", number(2))
        .maybe("key", key.map(crate::values::hex));
    v1::done(ctx, &asked)
}

/// `sntqy`: name, channel, extended PAN id, PAN id, node type. Read of wpantund, not seen.
fn join(ctx: &Ctx<'_>, call: &Call) -> Done {
    let [Val::S(name), Val::N(channel), Val::T(xpanid), Val::Q(panid), ..] = &*call.args else {
        return Ok(Reply::Unknown);
    };
    let asked = Asked::new("join")
        .word(name)
        .maybe("channel", (*channel > 0).then_some(channel))
        .maybe("xpanid", (*xpanid != 0).then(|| format!("{xpanid:016X}")))
        .maybe("panid", (*panid != 0xFFFF).then_some(panid));
    v1::done(ctx, &asked)
}

/// Of wpanctl's permit-join.
const DEFAULT_S: i32 = 240;

/// What the daemon takes at most: a day.
const PERMIT_MAX_S: i32 = 86_400;
