//! How far apart two names are, for messages that say what was probably meant.

/// The one of `names` that is spelled most like `name`, whatever the case of its letters, and how far apart
/// the two are; of several the first. None for what is longer than [`NAME_MAX`]: it is no name.
pub fn nearest<'n>(name: &str, names: impl Iterator<Item = &'n str>) -> Option<(usize, &'n str)> {
    if name.len() > NAME_MAX {
        return None;
    }
    let name = name.to_ascii_lowercase();
    let mut best: Option<(usize, &str)> = None;
    for known in names {
        // As many letters must be typed or erased at the least.
        let least = name.chars().count().abs_diff(known.chars().count());
        if best.is_some_and(|(far, _)| far <= least) {
            continue;
        }
        let far = distance(&name, &known.to_ascii_lowercase());
        if best.map_or(true, |(best, _)| far < best) {
            best = Some((far, known));
        }
    }
    best
}

/// How many letters must be typed, erased or replaced to make `b` of `a` (Levenshtein). What is longer than
/// [`NAME_MAX`] is no name: it is not compared, all of its letters are wrong.
pub fn distance(a: &str, b: &str) -> usize {
    if a.len() > NAME_MAX || b.len() > NAME_MAX {
        return a.len().max(b.len());
    }
    let mut row: [usize; NAME_MAX + 1] = core::array::from_fn(|j| j);
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = core::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.chars().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.chars().count()]
}

/// No name that is known here is longer, in octets: whoever typed more did not mistype one. It bounds what
/// a comparison costs, whatever somebody types.
pub const NAME_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (a, b, edits) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("gpio25", "gpio25", 0),
            ("gpio25", "gpio52", 2),
            ("spi-spede", "spi-speed", 2),
            ("kitten", "sitting", 3),
            ("größe", "grosse", 3),
        ] {
            assert_eq!(distance(a, b), edits, "{a} {b}");
        }
    }

    #[test]
    fn the_first_of_the_nearest_is_meant() {
        let names = || ["tun", "pty", "stdio", "PTYS"].into_iter();
        for (name, found) in [
            ("tun", (0, "tun")),
            ("TUN", (0, "tun")),
            ("ptz", (1, "pty")),
            ("ptys", (0, "PTYS")),
            ("stdi", (1, "stdio")),
            ("", (3, "tun")),
        ] {
            assert_eq!(nearest(name, names()), Some(found), "{name}");
        }
        assert_eq!(nearest("tun", [].into_iter()), None);
        assert_eq!(nearest(&"t".repeat(NAME_MAX + 1), names()), None);
    }

    /// A megabyte would take hours where each letter is compared with each.
    #[test]
    fn what_is_too_long_is_not_compared() {
        let long = "a".repeat(1 << 20);
        assert_eq!(distance(&long, &long), 1 << 20);
        assert_eq!(distance(&long, "abc"), 1 << 20);
        let longest = "a".repeat(NAME_MAX);
        assert_eq!(distance(&longest, "a"), NAME_MAX - 1);
    }
}
