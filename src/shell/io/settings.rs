//! Reads the configuration file.

use crate::settings_file::LEN_MAX;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// The text of the file, up to an octet more than [`LEN_MAX`]: a pipe or device that never ends must
/// not be read for ever, and the parser refuses what is longer.
///
/// # Errors
/// What the system reported; `InvalidData` where it is not UTF-8.
pub fn read(path: &Path) -> io::Result<String> {
    let limit = u64::try_from(LEN_MAX).unwrap_or(u64::MAX).saturating_add(1);
    let mut octets = Vec::new();
    File::open(path)?.take(limit).read_to_end(&mut octets)?;
    if octets.len() > LEN_MAX {
        // A character may have been cut in two.
        return Ok(String::from_utf8_lossy(&octets).into_owned());
    }
    let text = String::from_utf8(octets);
    text.map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8 text"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings_file::parse;

    #[test]
    fn what_never_ends_is_refused() {
        let text = read(Path::new("/dev/zero")).unwrap();
        assert!(parse(&text).is_err());
        assert_eq!(read(Path::new("/dev/null")).unwrap(), "");
        let missing = read(Path::new("/nonexistent/spinel")).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    }
}
