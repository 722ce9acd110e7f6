//! Values of messages, as far as wpantund's interface and our own have them.

use serde::ser::{Serialize, SerializeMap, SerializeTuple, Serializer};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use zbus::{Array, Dict, DynamicType, Signature, Variant};

/// A value with its type. Dictionaries keep their order, which a client may print.
#[derive(Clone, Debug)]
pub(crate) enum Val {
    /// `b`
    Bool(bool),
    /// `y`
    Y(u8),
    /// `n`
    N(i16),
    /// `q`
    Q(u16),
    /// `i`
    I(i32),
    /// `u`
    U(u32),
    /// `x`
    X(i64),
    /// `t`
    T(u64),
    /// `s`
    S(String),
    /// `o`
    Path(String),
    /// `ay`
    Bytes(Vec<u8>),
    /// `as`
    Strings(Vec<String>),
    /// `aas`
    Lists(Vec<Vec<String>>),
    /// `aay`
    ByteLists(Vec<Vec<u8>>),
    /// `a{sv}`
    Map(Map),
    /// `aa{sv}`
    Maps(Vec<Map>),
    /// `a{sa{sv}}`
    MapOfMaps(Vec<(String, Map)>),
    /// `a{oa{sa{sv}}}`
    Objects(Vec<(String, Vec<(String, Map)>)>),
    /// `v`
    Variant(Box<Val>),
    /// `h`; only received
    Fd(Arc<OwnedFd>),
    /// Any other type: nothing takes it.
    Other,
}

/// Entries of an `a{sv}`.
pub(crate) type Map = Vec<(String, Val)>;

impl Val {
    pub(crate) fn s(text: impl Into<String>) -> Self {
        Val::S(text.into())
    }

    /// What is inside of variants.
    pub(crate) fn unwrapped(&self) -> &Val {
        match self {
            Val::Variant(inner) => inner.unwrapped(),
            other => other,
        }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Val::S(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn bytes(&self) -> Option<&[u8]> {
        match self {
            Val::Bytes(octets) => Some(octets),
            _ => None,
        }
    }

    pub(crate) fn boolean(&self) -> Option<bool> {
        match *self {
            Val::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// Any whole number.
    pub(crate) fn number(&self) -> Option<i128> {
        Some(match *self {
            Val::Y(n) => n.into(),
            Val::N(n) => n.into(),
            Val::Q(n) => n.into(),
            Val::I(n) => n.into(),
            Val::U(n) => n.into(),
            Val::X(n) => n.into(),
            Val::T(n) => n.into(),
            _ => return None,
        })
    }

    /// A whole number that fits.
    pub(crate) fn num<T: TryFrom<i128>>(&self) -> Option<T> {
        self.number().and_then(|n| n.try_into().ok())
    }

    pub(crate) fn signature(&self) -> Signature {
        let sv = || Signature::dict(Signature::Str, Signature::Variant);
        match self {
            Val::Bool(_) => Signature::Bool,
            Val::Y(_) => Signature::U8,
            Val::N(_) => Signature::I16,
            Val::Q(_) => Signature::U16,
            Val::I(_) => Signature::I32,
            Val::U(_) => Signature::U32,
            Val::X(_) => Signature::I64,
            Val::T(_) => Signature::U64,
            Val::S(_) => Signature::Str,
            Val::Path(_) => Signature::ObjectPath,
            Val::Bytes(_) => Signature::array(Signature::U8),
            Val::Strings(_) => Signature::array(Signature::Str),
            Val::Lists(_) => Signature::array(Signature::array(Signature::Str)),
            Val::ByteLists(_) => Signature::array(Signature::array(Signature::U8)),
            Val::Map(_) => sv(),
            Val::Maps(_) => Signature::array(sv()),
            Val::MapOfMaps(_) => Signature::dict(Signature::Str, sv()),
            Val::Objects(_) => {
                Signature::dict(Signature::ObjectPath, Signature::dict(Signature::Str, sv()))
            }
            Val::Variant(_) | Val::Fd(_) | Val::Other => Signature::Variant,
        }
    }

    /// What it is in a message that came.
    pub(crate) fn of(value: &Variant<'_>) -> Val {
        match value {
            Variant::U8(n) => Val::Y(*n),
            Variant::Bool(value) => Val::Bool(*value),
            Variant::I16(n) => Val::N(*n),
            Variant::U16(n) => Val::Q(*n),
            Variant::I32(n) => Val::I(*n),
            Variant::U32(n) => Val::U(*n),
            Variant::I64(n) => Val::X(*n),
            Variant::U64(n) => Val::T(*n),
            Variant::Str(text) => Val::s(text.as_str()),
            Variant::ObjectPath(path) => Val::Path(path.as_str().to_owned()),
            Variant::Variant(inner) => Val::Variant(Box::new(Val::of(inner))),
            Variant::Fd(fd) => match fd.as_fd().try_clone_to_owned() {
                Ok(fd) => Val::Fd(Arc::new(fd)),
                Err(_) => Val::Other,
            },
            Variant::Array(array) => Val::of_array(array),
            Variant::Dict(dict) => Val::of_dict(dict),
            _ => Val::Other,
        }
    }

    fn of_array(array: &Array<'_>) -> Val {
        let items = || array.inner().iter().map(Val::of);
        match array.element_signature().to_string().as_str() {
            "y" => Val::Bytes(items().filter_map(|item| item.num()).collect()),
            "s" => Val::Strings(
                items()
                    .filter_map(|item| item.text().map(str::to_owned))
                    .collect(),
            ),
            "ay" => Val::ByteLists(
                items()
                    .filter_map(|item| item.bytes().map(<[u8]>::to_vec))
                    .collect(),
            ),
            _ => Val::Other,
        }
    }

    fn of_dict(dict: &Dict<'_, '_>) -> Val {
        if dict.signature().to_string() != "a{sv}" {
            return Val::Other;
        }
        let entry = |(key, value): (&Variant<'_>, &Variant<'_>)| {
            let key = Val::of(key).text()?.to_owned();
            Some((key, Val::of(value).unwrapped().clone()))
        };
        Val::Map(dict.iter().filter_map(entry).collect())
    }

    /// As what stands in an `a{sv}`.
    fn variant(&self) -> Variant<'static> {
        let of_array = |signature: Signature, items: Vec<Variant<'static>>| {
            let mut array = Array::new(&signature);
            for item in items {
                // Of the type that the array was made for.
                let _ = array.append(item);
            }
            Variant::Array(array)
        };
        match self {
            Val::Bool(value) => Variant::Bool(*value),
            Val::Y(n) => Variant::U8(*n),
            Val::N(n) => Variant::I16(*n),
            Val::Q(n) => Variant::U16(*n),
            Val::I(n) => Variant::I32(*n),
            Val::U(n) => Variant::U32(*n),
            Val::X(n) => Variant::I64(*n),
            Val::T(n) => Variant::U64(*n),
            Val::S(text) => Variant::Str(text.clone().into()),
            Val::Bytes(octets) => Variant::Array(Array::from(octets.clone())),
            Val::Strings(list) => Variant::Array(Array::from(list.clone())),
            Val::Variant(inner) => Variant::Variant(Box::new(inner.variant())),
            Val::Map(map) => {
                let mut dict = Dict::new(&Signature::Str, &Signature::Variant);
                for (key, value) in map {
                    let key = Variant::Str(key.clone().into());
                    let _ = dict.append(key, Variant::Variant(Box::new(value.variant())));
                }
                Variant::Dict(dict)
            }
            Val::Maps(maps) => of_array(
                Signature::dict(Signature::Str, Signature::Variant),
                maps.iter()
                    .map(|map| Val::Map(map.clone()).variant())
                    .collect(),
            ),
            Val::Lists(lists) => of_array(
                Signature::array(Signature::Str),
                lists
                    .iter()
                    .map(|list| Val::Strings(list.clone()).variant())
                    .collect(),
            ),
            Val::ByteLists(lists) => of_array(
                Signature::array(Signature::U8),
                lists
                    .iter()
                    .map(|list| Val::Bytes(list.clone()).variant())
                    .collect(),
            ),
            Val::Path(text) => Variant::Str(text.clone().into()),
            Val::MapOfMaps(_) | Val::Objects(_) | Val::Fd(_) | Val::Other => {
                Variant::Str(String::new().into())
            }
        }
    }
}

/// An entry of an `a{sv}`, in the order in which they stand.
struct Entries<'a>(&'a Map);

impl Serialize for Entries<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in self.0 {
            map.serialize_entry(key, &value.variant())?;
        }
        map.end()
    }
}

struct Named<'a>(&'a [(String, Map)]);

impl Serialize for Named<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in self.0 {
            map.serialize_entry(key, &Entries(value))?;
        }
        map.end()
    }
}

impl Serialize for Val {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Val::Bool(value) => serializer.serialize_bool(*value),
            Val::Y(n) => serializer.serialize_u8(*n),
            Val::N(n) => serializer.serialize_i16(*n),
            Val::Q(n) => serializer.serialize_u16(*n),
            Val::I(n) => serializer.serialize_i32(*n),
            Val::U(n) => serializer.serialize_u32(*n),
            Val::X(n) => serializer.serialize_i64(*n),
            Val::T(n) => serializer.serialize_u64(*n),
            Val::S(text) | Val::Path(text) => serializer.serialize_str(text),
            Val::Bytes(octets) => serializer.collect_seq(octets),
            Val::Strings(list) => serializer.collect_seq(list),
            Val::Lists(lists) => serializer.collect_seq(lists),
            Val::ByteLists(lists) => serializer.collect_seq(lists),
            Val::Map(map) => Entries(map).serialize(serializer),
            Val::Maps(maps) => serializer.collect_seq(maps.iter().map(Entries)),
            Val::MapOfMaps(maps) => Named(maps).serialize(serializer),
            Val::Objects(objects) => {
                serializer.collect_map(objects.iter().map(|(path, map)| (path, Named(map))))
            }
            Val::Variant(inner) => inner.variant().serialize(serializer),
            Val::Fd(_) | Val::Other => Variant::Bool(false).serialize(serializer),
        }
    }
}

/// The arguments of a message.
pub(crate) struct Args<'a>(pub(crate) &'a [Val]);

impl DynamicType for Args<'_> {
    fn signature(&self) -> Signature {
        match self.0 {
            [] => Signature::Unit,
            vals => Signature::structure(vals.iter().map(Val::signature).collect::<Vec<_>>()),
        }
    }
}

impl Serialize for Args<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_empty() {
            return serializer.serialize_unit();
        }
        let mut tuple = serializer.serialize_tuple(self.0.len())?;
        for val in self.0 {
            tuple.serialize_element(val)?;
        }
        tuple.end()
    }
}
