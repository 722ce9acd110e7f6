//! A call being worked on: the instance that it is for, and what its caller may do there.

use crate::control::{lock, Asked};
use crate::instance::Instance;
use crate::status;
use crate::values;
use nix::unistd::geteuid;
use spinel_bridge::ctl::line::{self, RequestLine};
use spinel_bridge::ctl::privilege::needs_privilege;
use spinel_bridge::ctl::verbs::{self, Asked as Parsed};
use spinel_bridge::ctl::{Code, Failure, Field, Fields};
use spinel_bridge::wire::ids::Property;
use std::sync::Arc;

/// A call being worked on.
#[derive(Debug)]
pub(crate) struct Ctx<'a> {
    pub(crate) instance: &'a Arc<Instance>,
    pub(crate) caller_is_root: bool,
}

impl Ctx<'_> {
    /// Asks the daemon; `row` is called for each row.
    pub(crate) fn ask(&self, asked: &Asked, row: &mut dyn FnMut(Fields)) -> Result<(), Failure> {
        self.permitted(asked)?;
        self.instance.link()?.ask(asked, row)
    }

    /// Waits no longer than until it is begun.
    pub(crate) fn begin(&self, asked: &Asked) -> Result<(), Failure> {
        self.permitted(asked)?;
        self.instance.link()?.begin(asked)
    }

    /// The state, as `NCP:State` has it.
    pub(crate) fn state(&self) -> String {
        lock(&self.instance.known).state.clone()
    }

    /// The status of wpantund's that a failure is; what only root may stays a failure.
    pub(crate) fn status(&self, failure: Failure) -> Result<i32, Failure> {
        let state = self.state();
        let is_off = state.starts_with("uninitialized") || state == "offline:deep-sleep";
        match failure.code {
            Code::Denied => Err(failure),
            Code::State if is_off => Ok(status::INVALID_WHEN_DISABLED),
            _ => Ok(status::of(&failure)),
        }
    }

    /// The status of an outcome.
    pub(crate) fn outcome(&self, outcome: Result<(), Failure>) -> Result<i32, Failure> {
        outcome.map_or_else(|failure| self.status(failure), |()| Ok(status::OK))
    }

    /// All rows.
    pub(crate) fn rows(&self, asked: &Asked) -> Result<Vec<Fields>, Failure> {
        let mut rows = Vec::new();
        self.ask(asked, &mut |row| rows.push(row))?;
        Ok(rows)
    }

    /// Asks the daemon, and nothing comes but whether it was done.
    pub(crate) fn order(&self, asked: &Asked) -> Result<(), Failure> {
        self.ask(asked, &mut |_| {})
    }

    /// The field of a property.
    pub(crate) fn field(&self, name: &str) -> Result<Field, Failure> {
        let rows = self.rows(&Asked::new("getprop").word(name))?;
        let field = rows
            .into_iter()
            .next()
            .and_then(|row| row.0.into_iter().next());
        field.map(|(_, field)| field).ok_or_else(odd)
    }

    /// The packed value of a property.
    pub(crate) fn get(&self, property: Property) -> Result<Vec<u8>, Failure> {
        let name = property
            .name()
            .map_or_else(|| property.0.to_string(), str::to_owned);
        let field = self.field(&name)?;
        values::packed(property, &field).ok_or_else(odd)
    }

    /// `setprop`, or with one item `insertprop` or `removeprop`, of a packed value.
    pub(crate) fn change(
        &self,
        verb: &str,
        property: Property,
        octets: &[u8],
    ) -> Result<(), Failure> {
        let value = match octets {
            [] => "-".to_owned(),
            octets => values::hex(octets),
        };
        let name = property
            .name()
            .map_or_else(|| property.0.to_string(), str::to_owned);
        self.order(&Asked::new(verb).switch("data", true).word(name).word(value))
    }

    pub(crate) fn set(&self, property: Property, octets: &[u8]) -> Result<(), Failure> {
        self.change("setprop", property, octets)
    }

    /// The daemon takes us for who we are. Where that is root, who asks us need not be.
    fn permitted(&self, asked: &Asked) -> Result<(), Failure> {
        if self.caller_is_root || !geteuid().is_root() {
            return Ok(());
        }
        let text = line::request("1", &asked.verb, &asked.words);
        let Ok(Some(request)) = RequestLine::parse(text.trim_end_matches('\n')) else {
            return Ok(()); // the daemon says what is wrong with it
        };
        match verbs::parse(request.verb, &request.words) {
            Ok(Parsed::Host(request)) if needs_privilege(&request) => {
                Err(Failure::new(Code::Denied, "only root may do that"))
            }
            _ => Ok(()),
        }
    }
}

fn odd() -> Failure {
    Failure::new(Code::Failed, "the co-processor's answer cannot be read")
}
