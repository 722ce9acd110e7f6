//! The configuration file: what it says joins the words of the command line, which win.

use super::words::{probably, Kind, Opt, Split, Takes, OPTIONS};
use super::{given::Given, Args, Usage, SETTINGS};
use crate::config::{serial_words, Device};
use crate::nearest::NAME_MAX;
use crate::settings_file::wpantund::{self, Meaning, Refused};
use crate::settings_file::{parse, Entry};
use std::io;
use std::path::{Path, PathBuf};

/// Adds what the configuration file says and the command line does not. Returns what is worth a warning.
pub(super) fn add(
    split: &mut Split,
    read: &dyn Fn(&Path) -> io::Result<String>,
) -> Result<Vec<String>, Usage> {
    let Some((path, must_exist)) = wanted(split)? else {
        return Ok(Vec::new());
    };
    let text = match read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && !must_exist => {
            return Ok(Vec::new());
        }
        result => result.map_err(|error| Usage::NoFile {
            path: path.clone(),
            error: error.to_string(),
        })?,
    };
    let mut file = File {
        path,
        split: Split::default(),
        lines: Vec::new(),
        baud: None,
        warnings: Vec::new(),
    };
    if let Err(error) = file.read(&text) {
        return Err(error.after(file.warnings));
    }
    file.merge_into(split);
    Ok(file.warnings)
}

/// Which file is to be read, and whether it must exist.
fn wanted(split: &Split) -> Result<Option<(PathBuf, bool)>, Usage> {
    if split.done {
        return Ok(None);
    }
    match split.last("--config") {
        Some("none") => Ok(None),
        Some(value) => {
            let option = "--config";
            let path = Given { option, value }.path()?;
            Ok(Some((path, true)))
        }
        None if split.has("--tun") || split.rest.is_empty() => {
            Ok(Some((PathBuf::from(SETTINGS), false)))
        }
        None => Ok(None),
    }
}

struct File {
    path: PathBuf,
    /// What it says, as if it had been said on the command line.
    split: Split,
    /// The line of each of the options.
    lines: Vec<usize>,
    /// wpantund's speed of the serial port, with its line.
    baud: Option<(String, usize)>,
    warnings: Vec<String>,
}

impl File {
    fn read(&mut self, text: &str) -> Result<(), Usage> {
        let entries = parse(text).map_err(|error| self.error(error.line, error.kind))?;
        let is_wpantund = entries.iter().any(|entry| is_wpantund(&entry.key));
        for entry in entries {
            self.take(entry)?;
        }
        if is_wpantund && self.split.first(Kind::Face).is_none() {
            // Its interface goes without saying.
            self.push("--tun", String::new());
        }
        let Some((baud, line)) = self.baud.take() else {
            return Ok(());
        };
        // The speed that goes without saying is printed, so a text that differs has none.
        if let Some(device) = self.split.rest.first_mut() {
            match device.parse() {
                Ok(parsed @ Device::Serial { .. }) if parsed.to_string() != *device => {
                    let (front, _) = serial_words(device);
                    let words = &device[front.len()..];
                    *device = format!("{front}:{baud}{words}");
                }
                _ => {}
            }
        }
        let mut devices = self.split.rest.iter();
        devices.try_for_each(|device| self.check(line, device))
    }

    fn take(&mut self, entry: Entry) -> Result<(), Usage> {
        let Entry { key, value, line } = entry;
        if is_wpantund(&key) {
            return self.take_wpantund(&key, value.unwrap_or_default(), line);
        }
        if key == DEVICE {
            let device = value.ok_or_else(|| self.error(line, "device: needs a value"))?;
            return self.device(device, line);
        }
        match Opt::long(&key) {
            Some(opt) => self.option(opt, value, line),
            None => {
                let names = OPTIONS.iter().filter(|opt| opt.kind != Kind::Once);
                let names = names.map(Opt::name).chain([DEVICE]);
                let instead = probably(&key, names);
                self.unknown(&key, instead, line);
                Ok(())
            }
        }
    }

    fn take_wpantund(&mut self, key: &str, value: String, line: usize) -> Result<(), Usage> {
        match wpantund::meaning(key, &value) {
            Ok(Meaning::Setting(DEVICE, device)) => {
                // As with all keys of wpantund's, the last counts.
                if let Some(first) = self.split.rest.pop() {
                    self.warn(line, format!("{key}: {first} before it does not count"));
                }
                self.device(device, line)
            }
            Ok(Meaning::Setting(ours, value)) => match Opt::long(ours) {
                Some(opt) => self.option(opt, Some(value), line),
                None => Ok(()),
            },
            Ok(Meaning::Baud(speed)) => {
                self.baud = Some((speed, line));
                Ok(())
            }
            Ok(Meaning::Given) => Ok(()),
            Ok(Meaning::Ignored(why)) => {
                self.warn(line, format!("{key} is ignored: {why}"));
                Ok(())
            }
            Err(Refused::UnknownKey) => {
                self.unknown(key, wpantund::nearest(key), line);
                Ok(())
            }
            Err(refused) => Err(self.error(line, format!("{key} {value}: {refused}"))),
        }
    }

    fn device(&mut self, device: String, line: usize) -> Result<(), Usage> {
        self.check(line, &device)?;
        if let Some(first) = self.split.rest.first() {
            let error = Usage::TwoDevices {
                first: first.clone(),
                second: device,
            };
            return Err(self.error(line, error));
        }
        self.split.rest.push(device);
        Ok(())
    }

    /// That a device is one.
    fn check(&self, line: usize, device: &str) -> Result<(), Usage> {
        match device.parse::<Device>() {
            Ok(_) => Ok(()),
            Err(error) => Err(self.error(line, format!("{device}: {error}"))),
        }
    }

    /// Each line is read alone, so that what is wrong with it can be told with its number.
    fn option(
        &mut self,
        opt: &'static Opt,
        value: Option<String>,
        line: usize,
    ) -> Result<(), Usage> {
        if opt.kind == Kind::Once {
            let error = format!("{}: only for the command line; remove it", opt.name());
            return Err(self.error(line, error));
        }
        let option = opt.long;
        let value = match (opt.takes, value) {
            (Takes::Nothing | Takes::TheEnd, value) => {
                let value = value.as_deref().unwrap_or("yes");
                let on = Given { option, value }.toggle();
                match on.map_err(|error| self.error(line, error))? {
                    true => None,
                    false => return Ok(()),
                }
            }
            (Takes::Value, None) => {
                return Err(self.error(line, Usage::NeedsValue { option }));
            }
            (Takes::ValueOr(usual), None) => Some(usual.to_owned()),
            (Takes::Name, None) => Some(String::new()),
            (Takes::Value | Takes::ValueOr(_) | Takes::Name, value) => value,
        };
        let alone = Split {
            options: vec![(opt, value.clone())],
            rest: vec!["sim:".to_owned()],
            done: false,
        };
        let args = Args::of(alone).map_err(|exit| self.error(line, exit.output.trim()))?;
        args.into_config()
            .map_err(|error| self.error(line, error))?;
        self.split.options.push((opt, value));
        self.lines.push(line);
        Ok(())
    }

    /// Puts what the command line does not say before what it says.
    fn merge_into(&mut self, split: &mut Split) {
        let options = core::mem::take(&mut self.split.options);
        let lines = core::mem::take(&mut self.lines);
        let has_face = split.first(Kind::Face).is_some();
        let is_host = match has_face {
            true => split.has("--tun"),
            false => options.iter().any(|(opt, _)| opt.long == "--tun"),
        };
        let mut kept = Vec::with_capacity(options.len() + split.options.len());
        for ((opt, value), line) in options.into_iter().zip(lines) {
            let said = match opt.long {
                "--set" => false,
                "--retain" | "--retain-command" => {
                    split.has("--retain") || split.has("--retain-command")
                }
                _ if opt.kind == Kind::Face => has_face,
                long => split.has(long),
            };
            if opt.kind == Kind::Host && !is_host {
                self.warn(line, format!("{} is ignored: it needs tun", opt.name()));
            } else if !said {
                kept.push((opt, value));
            }
        }
        kept.append(&mut split.options);
        split.options = kept;
        if split.rest.is_empty() {
            split.rest.append(&mut self.split.rest);
        }
    }

    fn push(&mut self, long: &str, value: String) {
        if let Some(opt) = OPTIONS.iter().find(|opt| opt.long == long) {
            self.split.options.push((opt, Some(value)));
            self.lines.push(0);
        }
    }

    fn unknown(&mut self, key: &str, instead: Option<&str>, line: usize) {
        let instead = match instead {
            Some(instead) => format!("; perhaps {instead} is meant"),
            None => String::new(),
        };
        // A key is ASCII (`settings_file::Entry`).
        let shown = key.get(..NAME_MAX).unwrap_or(key);
        self.warn(line, format!("{shown} is ignored: no such key{instead}"));
    }

    fn warn(&mut self, line: usize, text: impl core::fmt::Display) {
        let path = self.path.display();
        self.warnings.push(format!("{path}:{line}: {text}"));
    }

    fn error(&self, line: usize, error: impl ToString) -> Usage {
        Usage::InFile {
            path: self.path.clone(),
            line,
            error: error.to_string(),
        }
    }
}

/// Whether a key is one of wpantund's: they have colons, and those of old capitals.
fn is_wpantund(key: &str) -> bool {
    key.contains(':') || (Opt::long(key).is_none() && wpantund::is_older(key))
}

/// The key of the device, which is no option on the command line.
const DEVICE: &str = "device";
