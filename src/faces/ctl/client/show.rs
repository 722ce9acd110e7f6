//! Rows for people.

use crate::ctl::{Field, Fields};
use core::fmt::{self, Write};
use unicode_width::UnicodeWidthStr;

/// Rows as text: rows of one value each, and a single row unless `lists` says that there could be more, as
/// a list of names and values; others as a table with a column for each name. Rows that have nothing in
/// common stand apart.
pub fn rows(rows: &[Fields], lists: bool) -> String {
    let mut text = String::new();
    let mut rest = rows;
    while let Some(first) = rest.first() {
        let others = rest.iter().take_while(|row| belongs(row, first)).count();
        let (block, after) = rest.split_at(others);
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&show(block, lists));
        rest = after;
    }
    text
}

/// Whether a row stands in one block with the first of it.
fn belongs(row: &Fields, first: &Fields) -> bool {
    let is_single = |row: &Fields| row.0.len() == 1;
    let is_shared = |(name, _): &(String, Field)| first.get(name).is_some();
    core::ptr::eq(row, first)
        || is_single(row) && is_single(first)
        || !is_single(row) && row.0.iter().any(is_shared)
}

fn show(rows: &[Fields], lists: bool) -> String {
    if rows.len() == 1 && !lists || rows.iter().all(|row| row.0.len() == 1) {
        list(rows)
    } else {
        table(rows)
    }
}

/// The values alone, one on each line.
pub fn values(rows: &[Fields]) -> String {
    let mut text = String::new();
    for (_, value) in rows.iter().flat_map(|row| &row.0) {
        let _ = writeln!(text, "{}", Shown(value));
    }
    text
}

/// An event in a line.
pub fn event_line(name: &str, fields: &Fields) -> String {
    let mut text = Plain(name).to_string();
    for (name, value) in &fields.0 {
        let _ = write!(text, " {}={}", Plain(name), Shown(value));
    }
    text.push('\n');
    text
}

fn list(rows: &[Fields]) -> String {
    let fields = || rows.iter().flat_map(|row| &row.0);
    let width = fields().map(|(name, _)| width(&Plain(name))).max();
    let mut text = String::new();
    for (name, value) in fields() {
        pad(&mut text, &Plain(name), width.unwrap_or(0));
        let _ = writeln!(text, " = {}", Shown(value));
    }
    text
}

fn table(rows: &[Fields]) -> String {
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in rows.iter().flat_map(|row| &row.0) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let cell = |row: &Fields, name: &str| match row.get(name) {
        Some(value) => Shown(value).to_string(),
        None => "-".to_owned(),
    };
    let widths: Vec<usize> = names
        .iter()
        .map(|name| {
            let cells = rows.iter().map(|row| width(&cell(row, name)));
            cells.chain([width(&Plain(name))]).max().unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    let mut line = |cells: &mut dyn Iterator<Item = String>| {
        let start = text.len();
        for (cell, width) in cells.zip(&widths) {
            if text.len() > start {
                text.push_str("  ");
            }
            pad(&mut text, &cell, *width);
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    };
    line(&mut names.iter().map(|name| Plain(name).to_string()));
    for row in rows {
        line(&mut names.iter().map(|name| cell(row, name)));
    }
    text
}

fn width(text: &impl fmt::Display) -> usize {
    text.to_string().width()
}

fn pad(text: &mut String, cell: &impl fmt::Display, wide: usize) {
    let _ = write!(text, "{cell}");
    let missing = wide.saturating_sub(width(cell));
    text.extend(core::iter::repeat(' ').take(missing));
}

/// A value on a terminal.
struct Shown<'a>(&'a Field);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Field::Bool(value) => write!(f, "{value}"),
            Field::Number(value) => write!(f, "{value}"),
            Field::Word(text) | Field::Text(text) => Plain(text).fmt(f),
        }
    }
}

/// A text that cannot move the cursor, or turn the line around.
pub(super) struct Plain<'a>(pub(super) &'a str);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for letter in self.0.chars() {
            match letter {
                '"' | '\'' | '\\' => f.write_char(letter)?,
                _ => write!(f, "{}", letter.escape_debug())?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(name: &str, channel: u8) -> Fields {
        Fields::new()
            .with("name", Field::text(name))
            .with("channel", channel)
            .with("joinable", true)
    }

    #[test]
    fn a_table() {
        let found = [network("Test-Net", 11), network("é", 26).with("rssi", -60)];
        assert_eq!(
            rows(&found, true),
            "\
name      channel  joinable  rssi
Test-Net  11       true      -
é         26       true      -60
"
        );
    }

    #[test]
    fn wide_letters_take_two_columns() {
        let found = [network("家のネット", 11), network("home", 26)];
        let table = "\
name        channel  joinable
家のネット  11       true
home        26       true
";
        assert_eq!(rows(&found, true), table);
    }

    #[test]
    fn rows_of_different_kinds_stand_apart() {
        let counted = |name: &str| {
            Fields::new()
                .with("name", Field::text(name))
                .with("value", 1)
        };
        let text = rows(
            &[
                counted("packets"),
                counted("frames"),
                Fields::new().with("TX", 2),
                Fields::new().with("RX", 3),
                Fields::new().with("a", 4).with("b", 5),
            ],
            false,
        );
        let wanted = "name     value\n\
                      packets  1\n\
                      frames   1\n\
                      \n\
                      TX = 2\n\
                      RX = 3\n\
                      \n\
                      a = 4\n\
                      b = 5\n";
        assert_eq!(text, wanted);
    }

    #[test]
    fn one_of_a_list_looks_like_many() {
        let table = "name  channel  joinable\nhome  11       true\n";
        assert_eq!(rows(&[network("home", 11)], true), table);
    }

    #[test]
    fn a_list() {
        assert_eq!(
            rows(&[network("a b", 11)], false),
            "name     = a b\nchannel  = 11\njoinable = true\n"
        );
        let list = [
            Fields::new().with("CAPS", Field::text("[1 2]")),
            Fields::new().with("NET_ROLE", 3),
        ];
        assert_eq!(rows(&list, false), "CAPS     = [1 2]\nNET_ROLE = 3\n");
        assert_eq!(values(&list), "[1 2]\n3\n");
        assert_eq!(rows(&[], true), "");
    }

    #[test]
    fn a_name_from_the_air_cannot_move_the_cursor() {
        let shown = rows(&[network("\u{1b}[2J\n\u{202e}\"\\", 1)], false);
        assert!(
            shown.starts_with("name     = \\u{1b}[2J\\n\\u{202e}\"\\\n"),
            "{shown}"
        );
    }

    #[test]
    fn an_event_is_a_line() {
        let fields = Fields::new().with("state", Field::word("offline"));
        assert_eq!(event_line("state", &fields), "state state=offline\n");
    }
}
