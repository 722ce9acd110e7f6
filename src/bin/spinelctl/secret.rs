//! Keys and passphrases that are not on the command line, where everybody on the machine can read them.

use spinel_bridge::ctl::line::quoted;
use spinel_bridge::ctl::{Code, Failure};
use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::os::fd::AsFd;

/// The first line of a file, without its end; of standard input the next one, where the name is `-`.
///
/// # Errors
/// The file cannot be read, or its first line is empty, too long or no text. The value is in none of them.
pub(crate) fn read(name: &str) -> Result<String, Failure> {
    let wrong = |why: String| {
        let given = quoted(&format!("@{name}"));
        Failure::new(Code::Usage, format!("{given}: {why}"))
    };
    if name.is_empty() {
        return Err(wrong("give @FILE, or @- for standard input".into()));
    }
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::NotFound => wrong(format!(
            "{error}: the value is read from the first line of this file"
        )),
        _ => wrong(format!("it cannot be read: {error}")),
    };
    let file = match name {
        "-" => standard_input().map_err(failed)?,
        _ => File::open(name).map_err(failed)?,
    };
    if name == "-" && file.is_terminal() {
        return Err(wrong(
            "a terminal would show it: use @FILE, or a pipe into standard input".into(),
        ));
    }
    let octets = first_line(file).map_err(failed)?;
    if octets.len() > SECRET_MAX {
        return Err(wrong(format!(
            "the first line has more than {SECRET_MAX} octets: is it the right file?"
        )));
    }
    match String::from_utf8(octets) {
        Ok(text) if text.is_empty() => Err(wrong("the first line is empty".into())),
        Ok(text) => Ok(text),
        Err(_) => Err(wrong("the first line is not text in UTF-8".into())),
    }
}

/// Without the buffer of [`io::stdin`], so that the lines behind stay for whoever shares it with us.
fn standard_input() -> io::Result<File> {
    Ok(io::stdin().as_fd().try_clone_to_owned()?.into())
}

/// One octet more than [`SECRET_MAX`] where there are too many.
fn first_line(mut file: File) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    let mut octet = [0];
    while line.len() <= SECRET_MAX {
        match file.read(&mut octet) {
            Ok(0) => break,
            Ok(_) if octet == *b"\n" => break,
            Ok(_) => line.extend(octet),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    if line.ends_with(b"\r") {
        line.pop();
    }
    Ok(line)
}

/// A whole operational dataset, the longest of Thread's secrets (254 octets), in hex with colons has 761.
const SECRET_MAX: usize = 1_024;
