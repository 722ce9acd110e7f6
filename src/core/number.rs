//! Numbers as people write them, in options and in the keys of a simulated co-processor.

/// A whole number, decimal or `0x` hexadecimal, spaces around it ignored. Saturates, so that a number
/// that is far too long is out of range and not "no number".
pub fn integer(text: &str) -> Option<i128> {
    let text = text.trim();
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let (radix, digits) = match digits
        .strip_prefix("0x")
        .or_else(|| digits.strip_prefix("0X"))
    {
        Some(digits) => (16, digits),
        None => (10, digits),
    };
    if digits.is_empty() {
        return None;
    }
    digits.chars().try_fold(0i128, |value, digit| {
        let digit = sign * i128::from(digit.to_digit(radix)?);
        Some(
            value
                .saturating_mul(i128::from(radix))
                .saturating_add(digit),
        )
    })
}

/// A decimal number times ten to the power of `places`: `scaled("0.5", 3)` is 500. Saturates. `None`
/// if it is no number, is negative, or has more than `places` digits after the point.
pub fn scaled(text: &str, places: usize) -> Option<u64> {
    let text = text.trim();
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) if is_digits(fraction) => (whole, fraction),
        Some(_) => return None,
        None => (text, ""),
    };
    if !is_digits(whole) || fraction.len() > places {
        return None;
    }
    let padding = core::iter::repeat('0').take(places - fraction.len());
    let digits = whole.chars().chain(fraction.chars()).chain(padding);
    digits
        .map(|digit| digit.to_digit(10))
        .try_fold(0u64, |value, digit| {
            Some(value.saturating_mul(10).saturating_add(u64::from(digit?)))
        })
}

/// Whether it is decimal digits and nothing else, at least one.
pub fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers() {
        assert_eq!(integer(" 25 "), Some(25));
        assert_eq!(integer("0x1F"), Some(31));
        assert_eq!(integer("-08"), Some(-8));
        assert_eq!(integer(&"9".repeat(60)), Some(i128::MAX));
        assert_eq!(integer(&format!("-{}", "9".repeat(60))), Some(i128::MIN));
        for text in ["", "-", "0x", "1 2", "--1", "1.0", "x"] {
            assert_eq!(integer(text), None, "{text:?}");
        }
    }

    #[test]
    fn decimals() {
        assert_eq!(scaled("0.5", 3), Some(500));
        assert_eq!(scaled("12", 0), Some(12));
        assert_eq!(scaled("1.050", 3), Some(1_050));
        assert_eq!(scaled(&"9".repeat(60), 6), Some(u64::MAX));
        for text in ["", ".", "1.", ".5", "1.0001", "-1", "1e3"] {
            assert_eq!(scaled(text, 3), None, "{text:?}");
        }
    }
}
