//! The values of options: from words into units and ranges.

use super::Usage;
use crate::config::{
    self, interface_name, Account, GpioLineError, GpioWire, Limits, NotAChoice, SetError, Setting,
    Toggle,
};
use crate::number;
use crate::wire::ids::Property;
use core::str::FromStr;
use core::time::Duration;
use std::path::PathBuf;

/// The last of an option's values.
pub(super) fn last<'a>(
    option: &'static str,
    values: &'a [String],
    warnings: &mut Vec<String>,
) -> Option<Given<'a>> {
    let value = values.last()?;
    if values.len() > 1 {
        warnings.push(format!(
            "{option} is given {} times, {value} counts",
            values.len()
        ));
    }
    Some(Given { option, value })
}

/// An option and the value that was given to it.
pub(super) struct Given<'a> {
    pub(super) option: &'static str,
    pub(super) value: &'a str,
}

impl Given<'_> {
    pub(super) fn number(&self, limits: Limits) -> Result<u32, Usage> {
        let number =
            number::integer(self.value).ok_or_else(|| self.not_a_number(limits.to_string()))?;
        limits
            .check(number)
            .ok_or_else(|| self.out_of_range(limits.to_string()))
    }

    pub(super) fn micros(&self, limits: Limits) -> Result<Duration, Usage> {
        Ok(Duration::from_micros(u64::from(self.number(limits)?)))
    }

    pub(super) fn millis(&self, limits: Limits) -> Result<Duration, Usage> {
        Ok(Duration::from_millis(u64::from(self.number(limits)?)))
    }

    /// `1000000`, `500k`, `1.5M`, `8MHz`; upper and lower case are the same.
    pub(super) fn hertz(&self, limits: Limits) -> Result<u32, Usage> {
        let text = self.value.trim().to_ascii_lowercase();
        let text = text.strip_suffix("hz").unwrap_or(&text);
        let number = match (text.strip_suffix('k'), text.strip_suffix('m')) {
            (Some(kilo), _) => number::scaled(kilo, 3).map(i128::from),
            (_, Some(mega)) => number::scaled(mega, 6).map(i128::from),
            (None, None) => number::integer(text),
        };
        let number =
            number.ok_or_else(|| self.not_a_number(format!("{limits}, or like 500k or 8M")))?;
        limits
            .check(number)
            .ok_or_else(|| self.out_of_range(limits.to_string()))
    }

    /// Of `--verbose=`, relative.
    pub(super) fn steps(&self) -> Result<i32, Usage> {
        let number =
            number::integer(self.value).ok_or_else(|| self.not_a_number(STEPS.to_owned()))?;
        match i32::try_from(number) {
            Ok(steps @ -9..=9) => Ok(steps),
            _ => Err(self.out_of_range(STEPS.to_owned())),
        }
    }

    pub(super) fn line(&self) -> Result<GpioWire, Usage> {
        self.value.parse().map_err(|error| self.not_a_line(error))
    }

    /// Of RES, which is driven.
    pub(super) fn output_line(&self) -> Result<GpioWire, Usage> {
        match self.line()? {
            wire if wire.debounce_us == 0 => Ok(wire),
            _ => Err(self.not_a_line(GpioLineError::Output)),
        }
    }

    fn not_a_line(&self, error: GpioLineError) -> Usage {
        Usage::NotALine {
            option: self.option,
            value: self.value.to_owned(),
            error,
        }
    }

    pub(super) fn choice<T: FromStr<Err = NotAChoice>>(&self) -> Result<T, Usage> {
        self.value.parse().map_err(|error| Usage::NotAChoice {
            option: self.option,
            value: self.value.to_owned(),
            error,
        })
    }

    /// What begins with `-` is the next option, not a path.
    pub(super) fn path(&self) -> Result<PathBuf, Usage> {
        if self.value.is_empty() || self.value.starts_with('-') {
            return Err(Usage::NotAPath {
                option: self.option,
                value: self.value.to_owned(),
            });
        }
        Ok(PathBuf::from(self.value))
    }

    /// `yes` or `no`.
    pub(super) fn toggle(&self) -> Result<bool, Usage> {
        self.choice().map(|Toggle(on)| on)
    }

    /// The name of an interface; empty: any.
    pub(super) fn interface(&self) -> Result<Option<String>, Usage> {
        if self.value.is_empty() {
            return Ok(None);
        }
        let name = interface_name(self.value).map_err(|error| self.wrong(error))?;
        Ok(Some(name))
    }

    /// A user, perhaps with a group.
    pub(super) fn account(&self) -> Result<Account, Usage> {
        self.value.parse().map_err(|error| self.wrong(error))
    }

    /// A group, by name or number.
    pub(super) fn group(&self) -> Result<String, Usage> {
        match self.value.parse::<Account>() {
            Ok(Account { user, group: None }) => Ok(user),
            _ => Err(self.wrong("write a group by its name or number, like netdev")),
        }
    }

    /// A command for the shell.
    pub(super) fn command(&self) -> Result<String, Usage> {
        match self.value.trim() {
            "" => Err(self.wrong("no command; write one for /bin/sh")),
            command => Ok(command.to_owned()),
        }
    }

    /// A property and its value.
    pub(super) fn setting(&self) -> Result<Setting, Usage> {
        config::setting(self.value).map_err(|error| {
            let name = self.value.split('=').next().unwrap_or_default();
            let secret = name.trim().parse().is_ok_and(Property::is_secret);
            let value = if secret { name } else { self.value };
            let error = match (secret, error) {
                (true, SetError::Value(_)) => "the value does not fit the property".to_owned(),
                (_, error) => error.to_string(),
            };
            Given { value, ..*self }.wrong(error)
        })
    }

    fn wrong(&self, error: impl ToString) -> Usage {
        Usage::Wrong {
            option: self.option,
            value: self.value.to_owned(),
            error: error.to_string(),
        }
    }

    fn not_a_number(&self, want: String) -> Usage {
        Usage::NotANumber {
            option: self.option,
            value: self.value.to_owned(),
            want,
        }
    }

    fn out_of_range(&self, want: String) -> Usage {
        Usage::OutOfRange {
            option: self.option,
            value: self.value.to_owned(),
            want,
        }
    }
}

/// Six levels, so nine steps are more than enough in either direction.
pub(super) const STEPS: &str = "-9..=9";
