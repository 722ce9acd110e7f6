//! What is known without asking the co-processor.

use crate::control::lock;
use crate::ctx::Ctx;
use crate::signals;
use crate::val::Val;
use spinel_bridge::ctl::Field;

pub(crate) fn interface(ctx: &Ctx<'_>) -> Val {
    Val::s(lock(&ctx.instance.known).name.clone())
}

pub(crate) fn state(ctx: &Ctx<'_>) -> Val {
    Val::s(lock(&ctx.instance.known).state.clone())
}

pub(crate) fn node_type(ctx: &Ctx<'_>) -> Val {
    Val::s(lock(&ctx.instance.known).node_type.clone())
}

pub(crate) fn enabled(ctx: &Ctx<'_>) -> Val {
    Val::Bool(signals::is_enabled(&lock(&ctx.instance.known)))
}

pub(crate) fn ready_for_sleep(ctx: &Ctx<'_>) -> Val {
    Val::Bool(!lock(&ctx.instance.known).is_working)
}

/// The daemon's, not ours.
pub(crate) fn version(ctx: &Ctx<'_>) -> Val {
    match ctx.field("Daemon:Version") {
        Ok(Field::Word(text) | Field::Text(text)) => Val::S(text),
        _ => Val::s(env!("CARGO_PKG_VERSION")),
    }
}

pub(crate) fn stat_help(_: &Ctx<'_>) -> Val {
    Val::Strings(HELP.lines().map(str::to_owned).collect())
}

/// wpantund's, word for word: programs look names up there.
const HELP: &str = include_str!("stat-help.txt");
