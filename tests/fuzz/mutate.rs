//! Changes of kept inputs, from a seed.

use fastrand::Rng;

/// What readers of protocols look at.
const WORDS: [&[u8]; 24] = [
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b" ",
    b"\t",
    b":",
    b";",
    b",",
    b"0",
    b"%2f",
    b"%2e",
    b"..",
    b"//",
    b"\"",
    b"\xff",
    b"chunked",
    b"Content-Length: 1\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Connection: ",
    b"Host: a\r\n",
    b"0\r\n\r\n",
    b"HTTP/1.1",
    b"---\n",
];

/// Returns one of the inputs, changed in up to five places.
pub fn changed(kept: &[Vec<u8>], random: &mut Rng) -> Vec<u8> {
    let any = |random: &mut Rng| &kept[random.usize(..kept.len())];
    let mut bytes = any(random).clone();
    for _ in 0..random.usize(1..=5) {
        let at = random.usize(..=bytes.len());
        let end = (at + random.usize(1..=16)).min(bytes.len());
        match random.u8(..7) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.u8(..8),
            1 if at < bytes.len() => bytes[at] = random.u8(..),
            2 => drop(bytes.drain(at..end)),
            3 => {
                let again = bytes[at..end].to_vec();
                bytes.splice(at..at, again);
            }
            4 => {
                let other = any(random);
                let from = random.usize(..=other.len());
                let to = (from + random.usize(1..=64)).min(other.len());
                bytes.splice(at..end, other[from..to].iter().copied());
            }
            _ => {
                let word = WORDS[random.usize(..WORDS.len())];
                bytes.splice(at..at, word.iter().copied());
            }
        }
    }
    bytes
}
