//! The one normal form of a request's path: it is matched, forwarded and hashed.
//!
//! Two paths that an endpoint could take for the same resource have the same normal form, so that
//! no spelling of a path goes past a rule. Source: RFC 3986 §6.2.2.

use std::borrow::Cow;

/// BadPath says why a path has no normal form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadPath {
    /// It does not begin with a slash.
    #[error("the path does not begin with /")]
    NotAbsolute,
    /// It holds `%` without two hexadecimal digits.
    #[error("the path holds % without two hexadecimal digits: write %25 for the sign itself")]
    BadEscape,
    /// It holds an encoded slash, backslash or NUL, which endpoints read in different ways.
    #[error(
        "the path holds an encoded slash, backslash or NUL (%2F, %5C, %00): leave it out, no request \
         with one is served"
    )]
    HiddenSeparator,
    /// It holds an overlong form of UTF-8, which some endpoints read as a plain character.
    #[error(
        "the path holds an overlong form of UTF-8, such as %C0%AE for a dot: write the character \
         itself"
    )]
    Overlong,
    /// It holds a segment of dots with a parameter, which some endpoints read as the dots alone.
    #[error(
        "the path holds a segment of dots with a parameter, such as ..;a: leave it out, no request \
         with one is served"
    )]
    HiddenDots,
    /// It holds a backslash, a control character, `?` or `#`.
    #[error(
        "the path holds a backslash, a control character, ? or #: write ? as %3F and # as %23, leave \
         the others out"
    )]
    ForbiddenCharacter,
}

/// Returns the normal form of a path: escapes of plain characters decoded, other escapes in upper
/// case, everything that may not stand in a path escaped, slashes merged, dot segments removed.
///
/// A path that is normal already is borrowed. The empty path is `/`.
///
/// # Errors
/// Where the path has no normal form that all endpoints read alike.
/// Source: RFC 3986 §6.2.2; merging slashes and refusing hidden separators is ours.
pub fn normalise(raw: &str) -> Result<Cow<'_, str>, BadPath> {
    if raw.is_empty() {
        return Ok(Cow::Borrowed("/"));
    }
    if !raw.starts_with('/') {
        return Err(BadPath::NotAbsolute);
    }
    if is_normal(raw.as_bytes()) {
        return Ok(Cow::Borrowed(raw));
    }
    let path = rewrite(raw.as_bytes())?;
    if path.split('/').any(has_hidden_dots) {
        return Err(BadPath::HiddenDots);
    }
    Ok(Cow::Owned(remove_dot_segments(&path)))
}

/// Whether a segment is dots with a parameter, also where its semicolon is escaped: some decode first.
fn has_hidden_dots(segment: &str) -> bool {
    let behind = segment.strip_prefix("..").or_else(|| segment.strip_prefix('.'));
    behind.is_some_and(|behind| behind.starts_with(';') || behind.starts_with("%3B"))
}

fn is_normal(path: &[u8]) -> bool {
    let mut segment = Segment::Start;
    let mut rest = path.get(1..).unwrap_or_default();
    while let [byte, tail @ ..] = rest {
        rest = tail;
        match byte {
            b'/' => {
                if !matches!(segment, Segment::Other) {
                    return false;
                }
                segment = Segment::Start;
            }
            b'%' => {
                let [high, low, tail @ ..] = rest else { return false };
                let upper = |b: u8| b.is_ascii_digit() || (b'A'..=b'F').contains(&b);
                if !upper(*high) || !upper(*low) {
                    return false;
                }
                match unescape(*high, *low) {
                    Some(b'/' | b'\\' | 0) | None => return false,
                    Some(b';') if matches!(segment, Segment::Dot | Segment::DotDot) => {
                        return false;
                    }
                    Some(decoded) if is_unreserved(decoded) => return false,
                    Some(first) if is_overlong(first, tail) => return false,
                    Some(_) => rest = tail,
                }
                segment = Segment::Other;
            }
            b'.' => segment = segment.after_dot(),
            b';' if matches!(segment, Segment::Dot | Segment::DotDot) => return false,
            _ if is_path_character(*byte) => segment = Segment::Other,
            _ => return false,
        }
    }
    // A last segment may be empty, but for the doubled slash that was seen above.
    !matches!(segment, Segment::Dot | Segment::DotDot)
}

/// What is known of the segment that is being read.
#[derive(Clone, Copy)]
enum Segment {
    Start,
    Dot,
    DotDot,
    Other,
}

impl Segment {
    fn after_dot(self) -> Self {
        match self {
            Self::Start => Self::Dot,
            Self::Dot => Self::DotDot,
            Self::DotDot | Self::Other => Self::Other,
        }
    }
}

fn rewrite(path: &[u8]) -> Result<String, BadPath> {
    let mut out = String::with_capacity(path.len() + 8);
    let mut rest = path;
    while let [byte, tail @ ..] = rest {
        rest = tail;
        match *byte {
            b'/' if out.ends_with('/') => {}
            b'/' => out.push('/'),
            b'%' => {
                let [high, low, tail @ ..] = rest else { return Err(BadPath::BadEscape) };
                rest = tail;
                match unescape(*high, *low).ok_or(BadPath::BadEscape)? {
                    b'/' | b'\\' | 0 => return Err(BadPath::HiddenSeparator),
                    first if is_overlong(first, rest) => return Err(BadPath::Overlong),
                    plain if is_unreserved(plain) => out.push(char::from(plain)),
                    other => push_escaped(&mut out, other),
                }
            }
            b'\\' | b'?' | b'#' | 0x7f | 0..=0x1f => return Err(BadPath::ForbiddenCharacter),
            plain if is_path_character(plain) => out.push(char::from(plain)),
            other => push_escaped(&mut out, other),
        }
    }
    Ok(out)
}

// Source: RFC 3986 §5.2.4.
fn remove_dot_segments(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        match segment {
            "." => {}
            ".." => out.truncate(out.rfind('/').unwrap_or(0)),
            other => {
                out.push('/');
                out.push_str(other);
                continue;
            }
        }
        if segments.peek().is_none() {
            out.push('/');
        }
    }
    if out.is_empty() { "/".to_owned() } else { out }
}

fn unescape(high: u8, low: u8) -> Option<u8> {
    let high = char::from(high).to_digit(16)?;
    let low = char::from(low).to_digit(16)?;
    u8::try_from(high * 16 + low).ok()
}

/// Whether a byte and the escape behind it spell a character with more bytes than it has.
/// Source: RFC 3629 §3, §10.
fn is_overlong(first: u8, rest: &[u8]) -> bool {
    let [b'%', high, low, ..] = rest else { return false };
    matches!(
        (first, unescape(*high, *low)),
        (0xc0 | 0xc1, Some(0x80..=0xbf)) | (0xe0, Some(0x80..=0x9f)) | (0xf0, Some(0x80..=0x8f))
    )
}

fn push_escaped(out: &mut String, byte: u8) {
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or('0');
    out.push('%');
    out.push(digit(byte >> 4).to_ascii_uppercase());
    out.push(digit(byte & 15).to_ascii_uppercase());
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

// Source: RFC 3986 §3.3, pchar without escapes.
fn is_path_character(byte: u8) -> bool {
    is_unreserved(byte) || b"!$&'()*+,;=:@".contains(&byte)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spellings_of_one_path_are_one() {
        for (raw, normal) in [
            ("", "/"),
            ("/", "/"),
            ("/a/b", "/a/b"),
            ("/a/b/", "/a/b/"),
            ("//a///b", "/a/b"),
            ("/a/./b", "/a/b"),
            ("/a/../b", "/b"),
            ("/a/..", "/"),
            ("/a/b/..", "/a/"),
            ("/a/.", "/a/"),
            ("/../../a", "/a"),
            ("/%2e%2E/a", "/a"),
            ("/%7euser", "/~user"),
            ("/a%c3%a9", "/a%C3%A9"),
            ("/aé", "/a%C3%A9"),
            ("/a%20b", "/a%20b"),
            ("/{x}", "/%7Bx%7D"),
            ("/.well-known/...", "/.well-known/..."),
            ("/a//../b", "/b"),
            ("/..", "/"),
            ("/%3f%23", "/%3F%23"),
            ("/%c0", "/%C0"),
            ("/%e0%a4%85/%f0%9f%8c%8a", "/%E0%A4%85/%F0%9F%8C%8A"),
            ("/a;b/..a;c", "/a;b/..a;c"),
            ("/a%3b/.a%3B/...%3b", "/a%3B/.a%3B/...%3B"),
        ] {
            assert_eq!(normalise(raw).as_deref(), Ok(normal), "{raw}");
        }
    }

    #[test]
    fn paths_that_endpoints_read_in_two_ways_are_refused() {
        for (raw, error) in [
            ("a", BadPath::NotAbsolute),
            ("*", BadPath::NotAbsolute),
            ("/%", BadPath::BadEscape),
            ("/%2", BadPath::BadEscape),
            ("/%zz", BadPath::BadEscape),
            ("/a%2Fb", BadPath::HiddenSeparator),
            ("/a%2fb", BadPath::HiddenSeparator),
            ("/a%5cb", BadPath::HiddenSeparator),
            ("/a%00", BadPath::HiddenSeparator),
            ("/a/..;/b", BadPath::HiddenDots),
            ("/.;a", BadPath::HiddenDots),
            ("/a/..%3b/b", BadPath::HiddenDots),
            ("/a/%2E%3B", BadPath::HiddenDots),
            ("/%2e%2e;a=b/c", BadPath::HiddenDots),
            ("/%c0%ae%c0%ae/b", BadPath::Overlong),
            ("/a%C1%9c", BadPath::Overlong),
            ("/%e0%80%af", BadPath::Overlong),
            ("/%F0%80%80%AF", BadPath::Overlong),
            ("/a\\b", BadPath::ForbiddenCharacter),
            ("/a\0", BadPath::ForbiddenCharacter),
            ("/a\u{7f}", BadPath::ForbiddenCharacter),
            ("/a?b", BadPath::ForbiddenCharacter),
            ("/a#b", BadPath::ForbiddenCharacter),
        ] {
            assert_eq!(normalise(raw), Err(error), "{raw:?}");
        }
    }

    #[test]
    fn a_normal_path_is_borrowed() {
        for path in ["/", "/a/b.c/", "/a%20b", "/.a/..b/...", "/a:b@c;d=e,f+g"] {
            assert!(matches!(normalise(path), Ok(Cow::Borrowed(p)) if p == path), "{path}");
        }
    }

    proptest! {
        // Source: RFC 3986 §6.2.2.
        #[test]
        fn a_normal_form_is_its_own_normal_form(raw in "(/|//|\\.|\\.\\.|%2e|%2E|%c3|%41|%20|a|é|;|\\{){0,12}") {
            let raw = format!("/{raw}");
            let once = match normalise(&raw) {
                Err(BadPath::HiddenDots) => return Ok(()),
                once => once.unwrap(),
            };
            let twice = normalise(&once).unwrap();
            prop_assert!(matches!(twice, Cow::Borrowed(_)));
            prop_assert_eq!(&twice, &once);
            prop_assert!(!once.contains("//") && !once.contains("/./") && !once.contains("/../"));
        }

        #[test]
        fn no_text_is_too_strange(raw in "\\PC{0,40}") {
            if let Ok(once) = normalise(&raw) {
                let twice = normalise(&once).unwrap();
                prop_assert_eq!(&twice, &once);
            }
        }
    }
}
