//! Query parameters, read without copying.

use std::borrow::Cow;

/// Returns the raw value of the first parameter of a name. A parameter without `=` is empty.
/// Source: WHATWG URL §5.1 (application/x-www-form-urlencoded parsing).
pub(super) fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query.split('&').filter(|pair| !pair.is_empty()).find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        decoded(key).eq(name.bytes()).then_some(value)
    })
}

/// Yields the bytes of a form-encoded text: `+` is a space, `%XX` a byte; a `%` without two
/// hexadecimal digits stands for itself.
pub(super) fn decoded(text: &str) -> impl Iterator<Item = u8> {
    let mut rest = text.as_bytes();
    std::iter::from_fn(move || {
        let (byte, tail) = rest.split_first()?;
        rest = tail;
        match byte {
            b'+' => Some(b' '),
            b'%' => match tail {
                [high, low, after @ ..] => {
                    let digit = |b: u8| char::from(b).to_digit(16);
                    match (digit(*high), digit(*low)) {
                        (Some(high), Some(low)) => {
                            rest = after;
                            u8::try_from(high * 16 + low).ok()
                        }
                        _ => Some(b'%'),
                    }
                }
                _ => Some(b'%'),
            },
            other => Some(*other),
        }
    })
}

/// Returns the decoded text, copied only where something is encoded.
pub(super) fn decode(text: &str) -> Cow<'_, [u8]> {
    if text.bytes().any(|b| matches!(b, b'+' | b'%')) {
        Cow::Owned(decoded(text).collect())
    } else {
        Cow::Borrowed(text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_parameter_of_a_name_counts() {
        let value = |query, name| parameter(query, name).map(|v| decode(v).into_owned());
        assert_eq!(value("a=1&a=2", "a"), Some(b"1".to_vec()));
        assert_eq!(value("&&x=%41+b%2B", "x"), Some(b"A b+".to_vec()));
        assert_eq!(value("%61=1", "a"), Some(b"1".to_vec()));
        assert_eq!(value("a", "a"), Some(vec![]));
        assert_eq!(value("a=b=c", "a"), Some(b"b=c".to_vec()));
        assert_eq!(value("A=1", "a"), None);
        assert_eq!(value("a=%zz%4", "a"), Some(b"%zz%4".to_vec()));
    }
}
