//! Rows and events as JSON, for programs. Here and not in the library: whoever links `serde_json` gets
//! more ways to compare octets than the library's tests can tell apart.

use serde_json::{Map, Value};
use spinel_bridge::ctl::{Field, Fields};

/// A row or an event (which has a name) as an object on a line of its own: numbers and yes or no as
/// such, all else as strings.
pub(crate) fn line(event: Option<&str>, fields: &Fields) -> String {
    let mut object = Map::new();
    for (name, value) in &fields.0 {
        let value = match value {
            Field::Bool(value) => Value::from(*value),
            Field::Number(value) => Value::from(*value),
            Field::Word(text) | Field::Text(text) => Value::from(text.as_str()),
        };
        object.insert(name.clone(), value);
    }
    if let Some(name) = event {
        object.insert("event".to_owned(), Value::from(name));
    }
    let mut line = Value::Object(object).to_string();
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects() {
        let fields = Fields::new()
            .with("name", Field::text("a\"b\n"))
            .with("joinable", true)
            .with("channel", 11);
        assert_eq!(
            line(None, &fields),
            "{\"channel\":11,\"joinable\":true,\"name\":\"a\\\"b\\n\"}\n"
        );
        assert_eq!(
            line(Some("state"), &Fields::new()),
            "{\"event\":\"state\"}\n"
        );
    }
}
