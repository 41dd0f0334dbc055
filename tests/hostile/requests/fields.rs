//! Heads: lines, names and values. Source: RFC 9112 §2.2, §5.

use crate::case::{
    Case, One, SMUGGLED, either, get, join, line, one, passed, refused, refused_by_ours,
};

const LINE: &str = "RFC 9112 §2.2";
const NAME: &str = "RFC 9112 §5.1, CVE-2023-25725, CVE-2021-40346";
const VALUE: &str = "RFC 9110 §5.5";
const FOLD: &str = "RFC 9112 §5.2";

pub fn cases() -> Vec<Case> {
    [lines(), names(), values()].concat()
}

fn plain() -> One {
    one()
}

fn lines() -> Vec<Case> {
    let head = "GET /hostile HTTP/1.1";
    let before = |name: &str, junk: &[u8]| {
        refused(format!("line: {name} before the request"), LINE, join(&[junk, &get("")]))
    };
    vec![
        before("a space", b" "),
        before("a tab", b"\t"),
        before("a NUL", b"\0"),
        before("a CR", b"\r"),
        before("a line of junk", b"junk\r\n"),
        before("a TLS handshake", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
        before("a byte order mark", b"\xef\xbb\xbf"),
        before("an SSH banner", b"SSH-2.0-OpenSSH_9.6\r\n"),
        passed("line: an empty one before the request", LINE, join(&[b"\r\n", &get("")]), plain()),
        either(
            "line: many empty ones before the request",
            LINE,
            join(&[&b"\r\n".repeat(50), &get("")]),
            plain(),
        ),
        refused_by_ours("line: LF before the request", LINE, join(&[b"\n", &get("")]), plain()),
        refused_by_ours(
            "line: LF ends all",
            LINE,
            format!("{head}\nHost: front.example\n\n"),
            plain(),
        ),
        refused_by_ours(
            "line: LF ends the first",
            LINE,
            format!("{head}\nHost: front.example\r\n\r\n"),
            plain(),
        ),
        refused_by_ours("line: LF ends a field", LINE, get("A: b\nC: d"), plain().has("c", "d")),
        refused_by_ours(
            "line: LF is the empty one",
            LINE,
            format!("{head}\r\nHost: front.example\r\n\n"),
            plain(),
        ),
        refused("line: CR ends the first", LINE, format!("{head}\rHost: front.example\r\n\r\n")),
        refused("line: CR ends a field", LINE, get("A: b\rC: d")),
        refused("line: CR CR LF", LINE, get("A: b\r\r\nC: d")),
        refused("line: LF CR", LINE, get("A: b\n\rC: d")),
        refused(
            "line: CR is the empty one",
            LINE,
            format!("{head}\r\nHost: front.example\r\n\rX{SMUGGLED}"),
        ),
        refused(
            "line: the first is folded",
            FOLD,
            format!("{head}\r\n X: y\r\nHost: front.example\r\n\r\n"),
        ),
        refused("line: folded with a space", FOLD, get("A: b\r\n c")),
        refused("line: folded with a tab", FOLD, get("A: b\r\n\tc")),
        refused("line: folded and empty", FOLD, get("A: b\r\n \r\nC: d")),
        refused(
            "line: the host is folded",
            FOLD,
            format!("{head}\r\nHost:\r\n front.example\r\n\r\n"),
        ),
        refused("line: a folded field hides a length", FOLD, get("A: b\r\n Content-Length: 5")),
        refused("line: a request for a field", NAME, get("GET /smuggled HTTP/1.1")),
    ]
}

fn names() -> Vec<Case> {
    let mut cases: Vec<Case> = b"\"(),/;<=>?@[\\]{} \t\0\x01\x0b\x0c\x7f\x80\xff"
        .iter()
        .map(|byte| {
            let field = join(&[b"X", &[*byte], b"Y: 1"]);
            refused(format!("name: byte {byte:#04x} inside"), NAME, get(field))
        })
        .collect();
    cases.extend([
        refused("name: nothing", NAME, get(": 1")),
        refused("name: nothing and a space", NAME, get(" : 1")),
        refused("name: nothing but colons", NAME, get("::::")),
        refused("name: no colon", NAME, get("X")),
        refused("name: a space before the colon", NAME, get("X : 1")),
        refused("name: a tab before the colon", NAME, get("X\t: 1")),
        refused("name: a NUL before the colon", NAME, get("X\0: 1")),
        refused(
            "name: of the host, a space before the colon",
            NAME,
            "GET /hostile HTTP/1.1\r\nHost : front.example\r\n\r\n",
        ),
        refused("name: of 8-bit letters", NAME, get("\u{e4}: 1")),
        passed(
            "name: all that a token may be",
            NAME,
            get("!#$%&'*+-.^_`|~09azAZ: 1"),
            plain().has("!#$%&'*+-.^_`|~09azAZ", "1"),
        ),
    ]);
    cases
}

fn values() -> Vec<Case> {
    let controls = (0_u8..32).filter(|byte| !b"\t\n\r".contains(byte)).chain([0x7f]);
    let mut cases: Vec<Case> = controls
        .map(|byte| {
            refused(format!("value: byte {byte:#04x}"), VALUE, get(join(&[b"X: a", &[byte], b"b"])))
        })
        .collect();
    cases.extend([
        refused("value: a CR at its end", VALUE, get("X: a\r")),
        refused("value: a CR at its begin", VALUE, get("X: \ra")),
        passed("value: nothing", VALUE, get("X:"), plain().has("x", "")),
        passed("value: spaces alone", VALUE, get("X:   \t "), plain().has("x", "")),
        passed("value: a tab inside", VALUE, get("X: a\tb"), plain().has("x", "a\tb")),
        passed("value: 8-bit bytes", VALUE, get(b"X: \xe4\xff"), plain().has("x", "\u{e4}\u{ff}")),
        passed(
            "value: escapes of a line's end",
            VALUE,
            get("X: a%0d%0aSet-Cookie: b"),
            plain().has("x", "a%0d%0aSet-Cookie: b"),
        ),
        passed("value: a line's end in Unicode", VALUE, get("X: a\u{560a}b"), plain().lacks("b")),
        refused("value: the method's", LINE, line("GET\0 /hostile HTTP/1.1")),
    ]);
    cases
}
