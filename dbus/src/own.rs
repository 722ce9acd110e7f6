//! Our own interface, `io.github.spinel_bridge1.Interface`: what `spinelctl` can do, with properties that tell
//! when they change. The XML beside the manifest describes it, and is what introspection gives.

use crate::bus::{Call, Reply, INVALID_ARGS};
use crate::control::{lock, Asked};
use crate::ctx::Ctx;
use crate::instance::{Instance, Known};
use crate::service::{Found, Handler, Routed, Service};
use crate::signals::{in_path, node_type};
use crate::val::{Map, Val};
use crate::values;
use spinel_bridge::ctl::verbs::{self, Does};
use spinel_bridge::ctl::{Code, Failure, Field, Fields};
use spinel_bridge::wire::ids::Property;
use std::sync::Arc;

/// On the bus.
pub(crate) const NAME: &str = "io.github.spinel_bridge1";
/// The manager, which has the ObjectManager.
pub(crate) const PATH: &str = "/io/github/spinel_bridge1";
/// An object for each network interface.
pub(crate) const BELOW: &str = "/io/github/spinel_bridge1/";
/// What they have.
pub(crate) const INTERFACE: &str = "io.github.spinel_bridge1.Interface";

const OBJECT_MANAGER: &str = "org.freedesktop.DBus.ObjectManager";
const PROPERTIES_INTERFACE: &str = "org.freedesktop.DBus.Properties";

type Done = Result<Reply, Failure>;

/// A method: its name, the verb that it is, and the names of its arguments: words in their places, but for
/// one that is called `options`.
pub(crate) struct Method {
    pub(crate) name: &'static str,
    verb: &'static str,
    takes: &'static [Takes],
    gives: Gives,
}

#[derive(Clone, Copy, PartialEq)]
enum Takes {
    /// `s`
    Word,
    /// `u`
    Number,
    /// `v`, the text of a property's value
    Value,
    /// `a{sv}`
    Options,
}

#[derive(Clone, Copy, PartialEq)]
enum Gives {
    Nothing,
    /// `aa{sv}`
    Rows,
    /// `a{sv}`
    Row,
    /// `v`
    Value,
}

const fn method(
    name: &'static str,
    verb: &'static str,
    takes: &'static [Takes],
    gives: Gives,
) -> Method {
    Method {
        name,
        verb,
        takes,
        gives,
    }
}

/// All but `Call`.
pub(crate) const METHODS: &[Method] = &[
    method("GetStatus", "status", &[], Gives::Row),
    method("GetProperty", "getprop", &[Takes::Word], Gives::Value),
    method(
        "SetProperty",
        "setprop",
        &[Takes::Word, Takes::Value],
        Gives::Nothing,
    ),
    method(
        "InsertProperty",
        "insertprop",
        &[Takes::Word, Takes::Value],
        Gives::Nothing,
    ),
    method(
        "RemoveProperty",
        "removeprop",
        &[Takes::Word, Takes::Value],
        Gives::Nothing,
    ),
    method(
        "Form",
        "form",
        &[Takes::Word, Takes::Options],
        Gives::Nothing,
    ),
    method(
        "Join",
        "join",
        &[Takes::Word, Takes::Options],
        Gives::Nothing,
    ),
    method("Attach", "attach", &[], Gives::Nothing),
    method("Leave", "leave", &[], Gives::Nothing),
    method("Reset", "reset", &[Takes::Word], Gives::Nothing),
    method("Scan", "scan", &[Takes::Options], Gives::Rows),
    method(
        "PermitJoin",
        "permit-join",
        &[Takes::Number],
        Gives::Nothing,
    ),
    method(
        "JoinerStart",
        "joiner start",
        &[Takes::Word, Takes::Options],
        Gives::Nothing,
    ),
    method("JoinerStop", "joiner stop", &[], Gives::Nothing),
    method(
        "AddPrefix",
        "add-prefix",
        &[Takes::Word, Takes::Options],
        Gives::Nothing,
    ),
    method(
        "RemovePrefix",
        "remove-prefix",
        &[Takes::Word],
        Gives::Nothing,
    ),
    method(
        "AddRoute",
        "add-route",
        &[Takes::Word, Takes::Options],
        Gives::Nothing,
    ),
    method(
        "RemoveRoute",
        "remove-route",
        &[Takes::Word],
        Gives::Nothing,
    ),
];

/// Any verb: its words, its options; the rows come back.
const CALL: Method = method("Call", "", &[], Gives::Rows);

/// A property: its name, and its value where it is known.
pub(crate) struct Prop {
    pub(crate) name: &'static str,
    pub(crate) value: fn(&Known) -> Val,
    /// It changes with these.
    with: &'static [Property],
}

const fn prop(name: &'static str, value: fn(&Known) -> Val, with: &'static [Property]) -> Prop {
    Prop { name, value, with }
}

/// All of them. Unknown is an empty text, 0, or nothing.
pub(crate) const PROPS: &[Prop] = &[
    prop("Name", |known| Val::s(known.name.clone()), &[]),
    prop("State", |known| Val::s(known.state.clone()), &[]),
    prop("NodeType", |known| Val::s(node_type(known)), &[]),
    prop(
        "NcpVersion",
        |known| text(known, Property::NCP_VERSION),
        &[Property::NCP_VERSION],
    ),
    prop(
        "HardwareAddress",
        |known| hex(known, Property::HWADDR),
        &[Property::HWADDR],
    ),
    prop(
        "NetworkName",
        |known| text(known, Property::NET_NETWORK_NAME),
        &[Property::NET_NETWORK_NAME],
    ),
    prop(
        "Channel",
        |known| Val::Y(number(known, Property::PHY_CHAN) as u8),
        &[Property::PHY_CHAN],
    ),
    prop(
        "PanId",
        |known| Val::Q(number(known, Property::MAC_15_4_PANID) as u16),
        &[Property::MAC_15_4_PANID],
    ),
    prop(
        "ExtendedPanId",
        |known| hex(known, Property::NET_XPANID),
        &[Property::NET_XPANID],
    ),
    prop(
        "PartitionId",
        |known| Val::U(number(known, Property::NET_PARTITION_ID) as u32),
        &[Property::NET_PARTITION_ID],
    ),
    prop(
        "Rloc16",
        |known| Val::Q(number(known, Property::THREAD_RLOC16) as u16),
        &[Property::THREAD_RLOC16],
    ),
    prop(
        "LinkLocalAddress",
        |known| address(known, Property::IPV6_LL_ADDR, ""),
        &[Property::IPV6_LL_ADDR],
    ),
    prop(
        "MeshLocalAddress",
        |known| address(known, Property::IPV6_ML_ADDR, ""),
        &[Property::IPV6_ML_ADDR],
    ),
    prop(
        "MeshLocalPrefix",
        |known| address(known, Property::IPV6_ML_PREFIX, "/64"),
        &[Property::IPV6_ML_PREFIX],
    ),
    prop("Addresses", addresses, &[Property::IPV6_ADDRESS_TABLE]),
];

fn number(known: &Known, property: Property) -> i64 {
    let octets = known.values.get(&property);
    octets.map_or(0, |octets| {
        values::number(&values::members(property, octets), 0)
    })
}

fn text(known: &Known, property: Property) -> Val {
    let Some(octets) = known.values.get(&property) else {
        return Val::s("");
    };
    let text = values::octets(&values::members(property, octets), 0);
    Val::s(String::from_utf8_lossy(&text))
}

fn hex(known: &Known, property: Property) -> Val {
    Val::S(
        known
            .values
            .get(&property)
            .map(|octets| values::hex(octets))
            .unwrap_or_default(),
    )
}

fn address(known: &Known, property: Property, after: &str) -> Val {
    match known.values.get(&property) {
        Some(octets) if !octets.is_empty() => {
            let address = values::address(&values::members(property, octets), 0);
            Val::s(format!("{address}{after}"))
        }
        _ => Val::s(""),
    }
}

fn addresses(known: &Known) -> Val {
    let property = Property::IPV6_ADDRESS_TABLE;
    let octets = known.values.get(&property).map_or(&[][..], Vec::as_slice);
    let rows = values::rows(property, octets);
    Val::Strings(
        rows.iter()
            .map(|row| values::address(row, 0).to_string())
            .collect(),
    )
}

/// All properties of one.
fn all(known: &Known) -> Map {
    PROPS
        .iter()
        .map(|prop| (prop.name.to_owned(), (prop.value)(known)))
        .collect()
}

fn path_of(known: &Known) -> String {
    format!("{BELOW}{}", in_path(&known.name))
}

/// The object is there now.
pub(crate) fn added(instance: &Instance, known: &Known) {
    let what = Val::MapOfMaps(vec![(INTERFACE.to_owned(), all(known))]);
    let args = [Val::Path(path_of(known)), what];
    instance
        .bus
        .signal(PATH, OBJECT_MANAGER, "InterfacesAdded", &args);
}

/// It is gone.
pub(crate) fn removed(instance: &Instance, known: &Known) {
    let args = [
        Val::Path(path_of(known)),
        Val::Strings(vec![INTERFACE.to_owned()]),
    ];
    instance
        .bus
        .signal(PATH, OBJECT_MANAGER, "InterfacesRemoved", &args);
}

/// These properties changed.
pub(crate) fn changed(instance: &Instance, known: &Known, names: &[&str]) {
    if !known.is_told {
        return;
    }
    let props = PROPS.iter().filter(|prop| names.contains(&prop.name));
    let map: Map = props
        .map(|prop| (prop.name.to_owned(), (prop.value)(known)))
        .collect();
    if map.is_empty() {
        return;
    }
    let args = [Val::s(INTERFACE), Val::Map(map), Val::Strings(Vec::new())];
    instance.bus.signal(
        &path_of(known),
        PROPERTIES_INTERFACE,
        "PropertiesChanged",
        &args,
    );
}

/// What is made of this property changed.
pub(crate) fn property_changed(instance: &Instance, known: &Known, property: Property) {
    let props = PROPS.iter().filter(|prop| prop.with.contains(&property));
    let names: Vec<&str> = props.map(|prop| prop.name).collect();
    changed(instance, known, &names);
}

/// An event as `spinelctl monitor` shows it; the daemon has hidden what is secret.
pub(crate) fn event(instance: &Instance, name: &str, fields: &Fields) {
    let known = lock(&instance.known);
    if !known.is_told {
        return;
    }
    let args = [Val::s(name), Val::Map(map(fields))];
    instance
        .bus
        .signal(&path_of(&known), INTERFACE, "Event", &args);
}

fn map(fields: &Fields) -> Map {
    let entry = |(name, field): &(String, Field)| (name.clone(), val(field));
    fields.0.iter().map(entry).collect()
}

fn val(field: &Field) -> Val {
    match field {
        Field::Bool(value) => Val::Bool(*value),
        Field::Number(n) => Val::X(*n),
        Field::Word(text) | Field::Text(text) => Val::s(text),
    }
}

/// For whom a call is.
pub(crate) fn find(service: &Service, call: &Call) -> Option<Found> {
    let instance = service.instance(call.path.strip_prefix(BELOW)?)?;
    let handler: Handler = match (call.interface.as_str(), call.member.as_str()) {
        (PROPERTIES_INTERFACE, "Get") => get,
        (PROPERTIES_INTERFACE, "GetAll") => get_all,
        (PROPERTIES_INTERFACE, "Set") => set,
        (INTERFACE | "", member) if member == CALL.name => any,
        (INTERFACE | "", member) => {
            METHODS.iter().find(|method| method.name == member)?;
            one
        }
        _ => return None,
    };
    let verb = match call.member.as_str() {
        member if member == CALL.name => call.args.first().and_then(Val::text).unwrap_or_default(),
        member => {
            let method = METHODS.iter().find(|method| method.name == member);
            method.map_or("", |method| method.verb)
        }
    };
    Some(Found {
        instance,
        is_slow: SLOW.contains(&verb),
        handler,
    })
}

/// A call to the manager, or to nobody.
pub(crate) fn without_instance(service: &Arc<Service>, call: Call) -> Routed {
    let is_managed = call.path == PATH
        && call.interface == OBJECT_MANAGER
        && call.member == "GetManagedObjects"
        && call.args.is_empty();
    if !is_managed {
        return Routed::Now(Reply::Unknown);
    }
    let asked = Arc::clone(service);
    let job = Box::new(move || {
        let reply = match asked.caller(&call.sender) {
            Err(why) => Reply::denied(why),
            Ok(caller) => {
                let on_bus = asked.on_bus();
                let may = on_bus
                    .values()
                    .filter(|instance| caller.may_use(&instance.socket).unwrap_or(false));
                let object = |instance: &Arc<Instance>| {
                    let known = lock(&instance.known);
                    (path_of(&known), vec![(INTERFACE.to_owned(), all(&known))])
                };
                Reply::Vals(vec![Val::Objects(may.map(object).collect())])
            }
        };
        asked.bus().reply(&call, &reply);
    });
    match service.push_own(job) {
        true => Routed::Later,
        false => Routed::Now(Instance::too_many()),
    }
}

fn invalid(why: &str) -> Done {
    Ok(Reply::Error(INVALID_ARGS.into(), why.into()))
}

fn get(ctx: &Ctx<'_>, call: &Call) -> Done {
    let [Val::S(interface), Val::S(name)] = &*call.args else {
        return invalid("give an interface and a property");
    };
    let found = PROPS
        .iter()
        .find(|prop| prop.name == name && interface == INTERFACE);
    let Some(prop) = found else {
        return Ok(Reply::Error(
            "org.freedesktop.DBus.Error.UnknownProperty".into(),
            format!("{interface} has no property {name}"),
        ));
    };
    let value = (prop.value)(&lock(&ctx.instance.known));
    Ok(Reply::Vals(vec![Val::Variant(Box::new(value))]))
}

fn get_all(ctx: &Ctx<'_>, call: &Call) -> Done {
    match &*call.args {
        [Val::S(interface)] if interface == INTERFACE => {
            Ok(Reply::Vals(vec![Val::Map(all(&lock(&ctx.instance.known)))]))
        }
        // Of others there are none.
        [Val::S(_)] => Ok(Reply::Vals(vec![Val::Map(Map::new())])),
        _ => invalid("give an interface"),
    }
}

fn set(_: &Ctx<'_>, _: &Call) -> Done {
    Ok(Reply::Error(
        "org.freedesktop.DBus.Error.PropertyReadOnly".into(),
        "properties are read only: SetProperty sets one of the co-processor".into(),
    ))
}

/// A text for the control socket.
fn word(value: &Val) -> Option<String> {
    match value.unwrapped() {
        Val::S(text) => Some(text.clone()),
        Val::Bool(value) => Some(value.to_string()),
        Val::Bytes(octets) => Some(values::hex(octets)),
        value => value.number().map(|n| n.to_string()),
    }
}

/// `key=value` for each; a key of the verb's, or the daemon says what is wrong.
fn options(mut asked: Asked, map: &Map) -> Option<Asked> {
    for (key, value) in map {
        if key.is_empty()
            || !key
                .bytes()
                .all(|octet| octet.is_ascii_lowercase() || octet == b'-')
        {
            return None;
        }
        asked = asked.key(key, word(value)?);
    }
    Some(asked)
}

/// The methods with names of their own.
fn one(ctx: &Ctx<'_>, call: &Call) -> Done {
    let Some(method) = METHODS.iter().find(|method| method.name == call.member) else {
        return Ok(Reply::Unknown);
    };
    match asked(method, &call.args) {
        Some(asked) => answer(ctx, method, &asked),
        None => invalid("these are not the arguments that introspection shows"),
    }
}

fn asked(method: &Method, args: &[Val]) -> Option<Asked> {
    if args.len() != method.takes.len() {
        return None;
    }
    let mut asked = said(method.verb);
    for (takes, arg) in method.takes.iter().zip(args) {
        asked = match (takes, arg) {
            (Takes::Word, Val::S(text)) if text.is_empty() => asked,
            (Takes::Word, Val::S(text)) => asked.word(text),
            (Takes::Number, Val::U(n)) => asked.word(n.to_string()),
            // One quoted word is the whole text of a value.
            (Takes::Value, Val::Variant(value)) => {
                asked.raw(spinel_bridge::ctl::line::quoted(&word(value)?))
            }
            (Takes::Options, Val::Map(map)) => options(asked, map)?,
            _ => return None,
        };
    }
    Some(asked)
}

/// A verb of one word or two.
fn said(verb: &str) -> Asked {
    let mut words = verb.split(' ');
    let asked = Asked::new(words.next().unwrap_or_default());
    words.fold(asked, Asked::raw)
}

/// `Call(verb, words, options)`.
fn any(ctx: &Ctx<'_>, call: &Call) -> Done {
    let [Val::S(verb), Val::Strings(words), Val::Map(map)] = &*call.args else {
        return invalid("give a verb, its words, its options");
    };
    // What the server of the socket or spinelctl does itself is of no use here, nor is a row for each frame.
    let known = verbs::VERBS
        .iter()
        .find(|row| row.names().any(|name| name == verb))
        .filter(|row| matches!(row.does, Does::Ask(_)) && row.name != "pcap");
    if known.is_none() {
        return invalid("there is no such verb: spinelctl help lists them");
    }
    let asked = words.iter().fold(said(verb), Asked::word);
    match options(asked, map) {
        Some(asked) => answer(ctx, &CALL, &asked),
        None => invalid("an option is no lower case word, or its value no text, number, yes or no"),
    }
}

fn answer(ctx: &Ctx<'_>, method: &Method, asked: &Asked) -> Done {
    let rows = match ctx.rows(asked) {
        Ok(rows) => rows,
        Err(failure) if failure.code == Code::Denied => return Err(failure),
        Err(failure) => return Ok(Reply::Error(error_name(failure.code), failure.message)),
    };
    let first = rows.first();
    Ok(Reply::Vals(match method.gives {
        Gives::Nothing => Vec::new(),
        Gives::Rows => vec![Val::Maps(rows.iter().map(map).collect())],
        Gives::Row => vec![Val::Map(first.map(map).unwrap_or_default())],
        Gives::Value => {
            let field = first.and_then(|row| row.0.first());
            let value = field.map_or(Val::s(""), |(_, field)| val(field));
            vec![Val::Variant(Box::new(value))]
        }
    }))
}

/// `io.github.spinel_bridge1.Error.NotSupported` for `not-supported`.
fn error_name(code: Code) -> String {
    let capital = |part: &str| {
        let mut signs = part.chars();
        let first = signs.next().map(|sign| sign.to_ascii_uppercase());
        first.into_iter().chain(signs).collect::<String>()
    };
    let name: String = code.word().split('-').map(capital).collect();
    format!("{NAME}.Error.{name}")
}

/// Verbs that take their turn behind the like.
const SLOW: &[&str] = &[
    "form",
    "join",
    "connect",
    "attach",
    "resume",
    "joiner start",
    "scan",
    "upgrade",
    "mfg",
];

/// The interfaces in a document, for introspection.
fn interfaces(document: &'static str) -> &'static str {
    let start = document.find("  <interface").unwrap_or(document.len());
    let end = document.rfind("</node>").unwrap_or(document.len());
    document.get(start..end).unwrap_or_default()
}

pub(crate) fn manager_xml() -> &'static str {
    interfaces(include_str!("../io.github.spinel_bridge1.xml"))
}

pub(crate) fn instance_xml() -> &'static str {
    interfaces(include_str!("../io.github.spinel_bridge1.Interface.xml"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text of each `<kind name="..">` of our own interface, to its end.
    fn parts(kind: &str) -> Vec<(String, String)> {
        let xml = instance_xml();
        let start = xml
            .find(&format!("<interface name=\"{INTERFACE}\""))
            .unwrap();
        let xml = &xml[start..start + xml[start..].find("</interface>").unwrap()];
        let open = format!("<{kind} name=\"");
        let part = |part: &str| {
            let (name, rest) = part.split_once('"').unwrap();
            let end = rest
                .find(&format!("</{kind}>"))
                .unwrap_or_else(|| rest.find("/>").unwrap());
            (name.to_owned(), rest[..end].to_owned())
        };
        xml.split(&open).skip(1).map(part).collect()
    }

    fn types(part: &str, direction: &str) -> String {
        let args = part.split("<arg ").skip(1);
        let types = args.filter(|arg| arg.contains(&format!("direction=\"{direction}\"")));
        types
            .map(|arg| {
                arg.split("type=\"")
                    .nth(1)
                    .unwrap()
                    .split('"')
                    .next()
                    .unwrap()
            })
            .collect()
    }

    #[test]
    fn the_document_has_every_method_with_its_types() {
        let mut wanted: Vec<(String, String, String)> = METHODS
            .iter()
            .map(|method| {
                let takes = method.takes.iter().map(|takes| match takes {
                    Takes::Word => "s",
                    Takes::Number => "u",
                    Takes::Value => "v",
                    Takes::Options => "a{sv}",
                });
                let gives = match method.gives {
                    Gives::Nothing => "",
                    Gives::Rows => "aa{sv}",
                    Gives::Row => "a{sv}",
                    Gives::Value => "v",
                };
                (method.name.to_owned(), takes.collect(), gives.to_owned())
            })
            .collect();
        wanted.insert(0, ("Call".into(), "sasa{sv}".into(), "aa{sv}".into()));
        let found: Vec<_> = parts("method")
            .into_iter()
            .map(|(name, part)| (name, types(&part, "in"), types(&part, "out")))
            .collect();
        assert_eq!(found, wanted);
    }

    #[test]
    fn the_document_has_every_property_with_its_type() {
        let known = Known::default();
        let wanted: Vec<_> = PROPS
            .iter()
            .map(|prop| {
                (
                    prop.name.to_owned(),
                    (prop.value)(&known).signature().to_string(),
                )
            })
            .collect();
        let found: Vec<_> = parts("property")
            .into_iter()
            .map(|(name, part)| {
                assert!(part.contains("access=\"read\""), "{name}");
                let kind = part
                    .split("type=\"")
                    .nth(1)
                    .unwrap()
                    .split('"')
                    .next()
                    .unwrap();
                (name, kind.to_owned())
            })
            .collect();
        assert_eq!(found, wanted);
    }

    #[test]
    fn every_verb_that_a_method_is_exists() {
        for method in METHODS {
            let mut words = method.verb.split(' ');
            let first = words.next().unwrap();
            assert!(verbs::find(first, words).is_some(), "{}", method.verb);
        }
    }

    #[test]
    fn codes_have_names() {
        assert_eq!(
            error_name(Code::NotSupported),
            "io.github.spinel_bridge1.Error.NotSupported"
        );
        assert_eq!(
            error_name(Code::State),
            "io.github.spinel_bridge1.Error.State"
        );
    }
}
