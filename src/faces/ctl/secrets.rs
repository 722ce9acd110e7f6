//! What is not shown unless it was asked for by name: keys and passphrases.

use super::{Field, Fields};
use crate::wire::ids::Property;

/// What stands in the place of a secret.
pub const HIDDEN: &str = "<hidden>";

/// The fields without the values of secret properties: of a field that is called like one, and of
/// `value` beside a `name` or `property` that is one.
#[must_use]
pub fn hide(fields: &Fields) -> Fields {
    let named = ["name", "property"].iter().any(|name| {
        matches!(
            fields.get(name),
            Some(Field::Word(text) | Field::Text(text)) if is_secret(text)
        )
    });
    let hidden = |(name, value): &(String, Field)| {
        let hide = is_secret(name) || (named && name == "value");
        let value = if hide {
            Field::word(HIDDEN)
        } else {
            value.clone()
        };
        (name.clone(), value)
    };
    Fields(fields.0.iter().map(hidden).collect())
}

fn is_secret(name: &str) -> bool {
    // A number would be one, too: `0` is a field of a table, not LAST_STATUS.
    name.starts_with(|first: char| first.is_ascii_alphabetic())
        && matches!(name.parse::<Property>(), Ok(property) if property.is_secret())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_hidden_and_the_rest_is_not() {
        let fields = Fields::new()
            .with(
                "NET_NETWORK_KEY",
                Field::word("00112233445566778899AABBCCDDEEFF"),
            )
            .with("NET_NETWORK_NAME", Field::text("net"))
            .with("0", 1);
        let hidden = hide(&fields);
        assert_eq!(hidden.get("NET_NETWORK_KEY"), Some(&Field::word(HIDDEN)));
        assert_eq!(hidden.get("NET_NETWORK_NAME"), Some(&Field::text("net")));
        assert_eq!(hidden.get("0"), Some(&Field::Number(1)));
    }

    #[test]
    fn a_value_beside_the_name_of_a_secret_is_hidden() {
        for key in ["name", "property"] {
            let of = |property: &str| {
                let fields = Fields::new()
                    .with(key, Field::word(property))
                    .with("value", Field::text("AA"));
                hide(&fields).get("value").cloned()
            };
            assert_eq!(of("NET_PSKC"), Some(Field::word(HIDDEN)));
            assert_eq!(of("NET_ROLE"), Some(Field::text("AA")));
        }
    }
}
