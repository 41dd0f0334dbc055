//! Paths: one normal form, and one route for all spellings of it.

use std::borrow::Cow;

use weir::table::path::normalise;

use super::routes;

/// The bytes are a path; what is no text is read as Latin-1.
pub fn run(data: &[u8]) {
    let text = match std::str::from_utf8(data) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => data.iter().map(|&byte| char::from(byte)).collect(),
    };
    let Ok(once) = normalise(&text) else { return };
    let twice = normalise(&once);
    assert!(matches!(twice, Ok(Cow::Borrowed(twice)) if *twice == *once), "{once:?}: {twice:?}");
    assert!(once.starts_with('/') && !once.contains("//"), "{once:?}");
    assert!(once.bytes().all(|byte| byte.is_ascii_graphic()), "{once:?}");
    assert!(!once.contains(['?', '#', '\\']), "{once:?}");
    let is_dots = |segment: &str| {
        let name = segment.split(';').next();
        matches!(name, Some("." | ".."))
    };
    assert!(!once.split('/').any(is_dots), "{once:?}");
    assert_eq!(meaning(&text), meaning(&once), "{text:?} is not {once:?}");
    spelled_in_another_way(&once);
    // A request that spells it so takes the route of the normal form.
    let (raw, normal) = (routes::of_target(&text), routes::of_target(&once));
    // What is escaped is longer, and may be longer than a head may be.
    let is_too_long = normal.is_none() && once.len() > routes::MOST_PATH;
    assert!(
        raw.is_none() || raw == normal || is_too_long,
        "{text:?} leads to {raw:?}, not {normal:?}"
    );
}

/// What a path means, worked out in the plainest way: escapes decoded, then dots removed.
fn meaning(path: &str) -> Vec<Vec<u8>> {
    let (mut bytes, mut rest) = (Vec::new(), path.as_bytes());
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (first, tail) {
            (b'%', [high, low, tail @ ..]) => {
                let hex = [*high, *low];
                let hex = std::str::from_utf8(&hex).expect("escapes are ASCII");
                bytes.push(u8::from_str_radix(hex, 16).expect("escapes are whole"));
                rest = tail;
            }
            _ => bytes.push(*first),
        }
    }
    let mut kept: Vec<Vec<u8>> = Vec::new();
    let mut ends_open = true;
    for segment in bytes.split(|&byte| byte == b'/').filter(|segment| !segment.is_empty()) {
        ends_open = matches!(segment, b"." | b"..");
        match segment {
            b"." => {}
            b".." => drop(kept.pop()),
            other => kept.push(other.to_vec()),
        }
    }
    if ends_open || bytes.ends_with(b"/") {
        kept.push(Vec::new());
    }
    kept
}

/// Escaping what need not be escaped, and going in and out of a folder, changes nothing.
fn spelled_in_another_way(normal: &str) {
    let mut spelled = String::from("/x/..");
    let mut escape = 0;
    for c in normal.chars() {
        // Digits of an escape are no characters of their own.
        escape = if c == '%' { 3 } else { escape - i32::from(escape > 0) };
        if escape == 0 && c.is_ascii_alphanumeric() && u32::from(c) % 3 == 0 {
            spelled.push_str(&format!("%{:02x}", u32::from(c)));
        } else if c == '/' {
            spelled.push_str("//./");
        } else {
            spelled.push(c);
        }
    }
    assert_eq!(normalise(&spelled).as_deref(), Ok(normal), "{spelled:?}");
}
