//! Names of realms and users.

const MAX_BYTES: usize = 256;

/// A realm or a user cannot have this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not a realm path.
    #[error(
        "a realm is `/` or a path such as `/alpha/staff`, its parts made of letters, digits, `-`, `_` and `.`"
    )]
    Realm,
    /// Not a user name.
    #[error(
        "a user name has 1 to {MAX_BYTES} bytes, no control or invisible characters, and no blank at either end"
    )]
    Username,
}

/// The path of a realm with its leading slash and without a trailing one; `alpha` and `/alpha` are the same.
pub fn realm_path(realm: &str) -> Result<String, NameError> {
    let path = realm.strip_prefix('/').unwrap_or(realm);
    if path.is_empty() {
        return Ok("/".to_owned());
    }
    let is_name = |part: &str| {
        !part.is_empty()
            && !matches!(part, "." | "..")
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    };
    if path.len() > MAX_BYTES || !path.split('/').all(is_name) {
        return Err(NameError::Realm);
    }
    Ok(format!("/{path}"))
}

/// `name`, if a user can have it.
pub fn username(name: &str) -> Result<&str, NameError> {
    let is_fine = !name.is_empty()
        && name.len() <= MAX_BYTES
        && name.trim() == name
        && !name.chars().any(|c| c.is_control() || is_invisible(c));
    if is_fine {
        Ok(name)
    } else {
        Err(NameError::Username)
    }
}

/// Characters that change how text looks without showing themselves: soft hyphen, zero-width, direction
/// and format marks, fillers, byte order mark, tags and variation selectors.
const fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn realms_have_one_spelling() {
        for (given, path) in [
            ("", "/"),
            ("/", "/"),
            ("alpha", "/alpha"),
            ("/alpha", "/alpha"),
            ("/a/b-c", "/a/b-c"),
        ] {
            assert_eq!(realm_path(given).unwrap(), path);
        }
        for given in [
            "/alpha/",
            "//alpha",
            "a//b",
            "/a b",
            "/../a",
            "/a/.",
            "/ä",
            "/a\0",
            &"a".repeat(257),
        ] {
            assert_eq!(realm_path(given), Err(NameError::Realm), "{given:?}");
        }
    }

    #[test]
    fn sc_07_names_that_could_pass_for_others_are_refused() {
        for name in [
            "alice",
            "Alice",
            "a b",
            "jürgen",
            "alice@example.com",
            "O'Brien",
        ] {
            assert_eq!(username(name), Ok(name));
        }
        for name in [
            "",
            " alice",
            "alice ",
            "alice\u{a0}",
            "al\nice",
            "al\0ice",
            "al\u{200b}ice",
            "\u{202e}ecila",
            "\u{feff}alice",
            &"a".repeat(257),
        ] {
            assert_eq!(username(name), Err(NameError::Username), "{name:?}");
        }
    }
}
