//! The chunked coding, read strictly. Source: RFC 9112 §7.1.

use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, HeaderName};

use super::Violation;
use super::parse::parse_fields;

/// Most bytes of chunk extensions in one body.
const EXTENSIONS_LIMIT: usize = 16 * 1024;
/// Most bytes of trailers.
const TRAILERS_LIMIT: usize = 16 * 1024;

/// Chunked takes the chunked coding off a body, piece by piece.
#[derive(Debug)]
pub struct Chunked {
    state: State,
    extensions: usize,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// In the size; how many digits were read.
    Size { size: u64, digits: u8 },
    /// In the blanks after the size: some pad it, but what follows is `;` or the end.
    Blank { size: u64 },
    /// After `;`, until CR.
    Extension { size: u64 },
    /// The LF after the size.
    SizeEnd { size: u64 },
    /// In the data.
    Data { left: u64 },
    /// The CR after the data.
    DataCr,
    /// The LF after the data.
    DataLf,
    /// After the last chunk.
    Trailers,
    /// Behind the end.
    Done,
}

/// Decoded is what came out of some bytes.
#[derive(Debug)]
pub enum Decoded {
    /// Some of the body; never empty.
    Data(Bytes),
    /// The end, and trailers if there were any.
    End(Option<HeaderMap>),
    /// More bytes are needed.
    Incomplete,
}

impl Chunked {
    /// Begins before the first chunk.
    #[allow(clippy::new_without_default, reason = "nobody asks for a default")]
    pub fn new() -> Self {
        Self { state: State::Size { size: 0, digits: 0 }, extensions: 0 }
    }

    /// Takes what it can from the front of `input`.
    ///
    /// # Errors
    /// Where the coding is broken.
    pub fn decode(&mut self, input: &mut BytesMut) -> Result<Decoded, Violation> {
        loop {
            match self.state {
                State::Data { left } if !input.is_empty() => {
                    let length = usize::try_from(left).map_or(input.len(), |n| n.min(input.len()));
                    let left = left - length as u64;
                    self.state = if left == 0 { State::DataCr } else { State::Data { left } };
                    return Ok(Decoded::Data(input.split_to(length).freeze()));
                }
                State::Trailers => return self.trailers(input),
                State::Done => return Ok(Decoded::End(None)),
                _ => {
                    let Some(&byte) = input.first() else { return Ok(Decoded::Incomplete) };
                    input.advance(1);
                    self.state = self.step(byte)?;
                }
            }
        }
    }

    fn step(&mut self, byte: u8) -> Result<State, Violation> {
        let state = match (self.state, byte) {
            (State::Size { size, digits }, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                // 15 digits keep any size far from overflow.
                let digit = char::from(byte).to_digit(16).ok_or(Violation::Chunk)?;
                if digits >= 15 {
                    return Err(Violation::Chunk);
                }
                State::Size { size: size << 4 | u64::from(digit), digits: digits + 1 }
            }
            (State::Size { size, digits: 1.. }, b'\r') => State::SizeEnd { size },
            (State::Size { size, digits: 1.. } | State::Blank { size }, b';') => {
                State::Extension { size }
            }
            (State::Size { size, digits: 1.. } | State::Blank { size }, b' ' | b'\t') => {
                self.extensions += 1;
                if self.extensions > EXTENSIONS_LIMIT {
                    return Err(Violation::Chunk);
                }
                State::Blank { size }
            }
            (State::Extension { size } | State::Blank { size }, b'\r') => State::SizeEnd { size },
            (State::Extension { size }, b'\t' | b' '..=b'~' | 0x80..) => {
                self.extensions += 1;
                if self.extensions > EXTENSIONS_LIMIT {
                    return Err(Violation::Chunk);
                }
                State::Extension { size }
            }
            (State::SizeEnd { size: 0 }, b'\n') => State::Trailers,
            (State::SizeEnd { size }, b'\n') => State::Data { left: size },
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataLf, b'\n') => State::Size { size: 0, digits: 0 },
            _ => return Err(Violation::Chunk),
        };
        Ok(state)
    }

    fn trailers(&mut self, input: &mut BytesMut) -> Result<Decoded, Violation> {
        if input.starts_with(b"\r\n") {
            input.advance(2);
            self.state = State::Done;
            return Ok(Decoded::End(None));
        }
        if input.starts_with(b"\r") && input.len() > 1 {
            return Err(Violation::Trailers);
        }
        let Some(end) = input.windows(4).position(|window| window == b"\r\n\r\n") else {
            return match input.len() {
                0..TRAILERS_LIMIT => Ok(Decoded::Incomplete),
                _ => Err(Violation::Trailers),
            };
        };
        let block = input.split_to(end + 4).freeze();
        let mut fields = HeaderMap::new();
        parse_fields(&block, &mut fields).ok_or(Violation::Trailers)?;
        let forbidden: Vec<HeaderName> =
            fields.keys().filter(|name| is_forbidden(name)).cloned().collect();
        for name in forbidden {
            fields.remove(name);
        }
        self.state = State::Done;
        Ok(Decoded::End((!fields.is_empty()).then_some(fields)))
    }
}

/// Returns whether a field must not come in trailers: it frames or routes the message, says who
/// speaks or how to read it. An underscore counts as a dash, as in heads.
/// Source: RFC 9110 §6.5.1.
pub(in crate::upstream) fn is_forbidden(name: &HeaderName) -> bool {
    let dashed;
    let name = match name.as_str() {
        plain if !plain.contains('_') => plain,
        other => {
            dashed = other.replace('_', "-");
            &dashed
        }
    };
    name.starts_with("x-forwarded-") || FORBIDDEN.binary_search(&name).is_ok()
}

/// In order.
const FORBIDDEN: [&str; 36] = [
    "age",
    "authorization",
    "cache-control",
    "client-cert",
    "client-cert-chain",
    "connection",
    "content-encoding",
    "content-length",
    "content-range",
    "content-type",
    "cookie",
    "expect",
    "expires",
    "forwarded",
    "host",
    "http2-settings",
    "if-match",
    "if-none-match",
    "keep-alive",
    "location",
    "max-forwards",
    "proxy",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "range",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "vary",
    "via",
    "www-authenticate",
    "x-real-ip",
    "x-request-id",
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Content, trailers, and what follows the message.
    type Whole = (Vec<u8>, Option<HeaderMap>, Vec<u8>);

    fn decode(text: &[u8]) -> Result<Whole, Violation> {
        let (mut chunked, mut input, mut body) = (Chunked::new(), BytesMut::from(text), vec![]);
        loop {
            match chunked.decode(&mut input)? {
                Decoded::Data(data) => body.extend_from_slice(&data),
                Decoded::End(trailers) => return Ok((body, trailers, input.to_vec())),
                Decoded::Incomplete => panic!("incomplete: {text:?}"),
            }
        }
    }

    #[test]
    fn reads_chunks_extensions_and_trailers_and_leaves_the_rest() {
        let text = b"4\r\nWiki\r\n6;x=\"y\"\r\npedia \r\n0E \r\nin \r\n\r\nchunks.\r\n0\r\nX-Sum: 7\r\nHost: no\r\n\r\nrest";
        let (body, trailers, rest) = decode(text).unwrap();
        assert_eq!(body, b"Wikipedia in \r\n\r\nchunks.");
        let trailers = trailers.unwrap();
        assert_eq!(trailers["x-sum"], "7");
        assert!(!trailers.contains_key("host"));
        assert_eq!(rest, b"rest");
    }

    #[test]
    fn knows_what_no_trailer_may_say() {
        assert!(FORBIDDEN.is_sorted());
        for name in [
            "content-length",
            "host",
            "x-forwarded-for",
            "x_forwarded_for",
            "content_length",
            "client-cert",
            "client_cert_chain",
            "http2-settings",
        ] {
            assert!(is_forbidden(&HeaderName::from_static(name)), "{name}");
        }
        for name in ["grpc-status", "grpc-message", "x-sum", "etag", "digest", "server-timing"] {
            assert!(!is_forbidden(&HeaderName::from_static(name)), "{name}");
        }
    }

    #[test]
    fn gives_the_same_for_any_split() {
        let text = b"3;a\r\nabc\r\n1\r\nd\r\n0\r\nA: b\r\n\r\n";
        for cut in 0..text.len() {
            let (mut chunked, mut input, mut body) = (Chunked::new(), BytesMut::new(), vec![]);
            let mut ended = false;
            for part in [&text[..cut], &text[cut..]] {
                input.extend_from_slice(part);
                loop {
                    match chunked.decode(&mut input).unwrap() {
                        Decoded::Data(data) => body.extend_from_slice(&data),
                        Decoded::Incomplete => break,
                        Decoded::End(trailers) => {
                            assert_eq!(trailers.unwrap()["a"], "b");
                            ended = true;
                            break;
                        }
                    }
                }
            }
            assert!(ended && body == b"abcd", "cut at {cut}");
        }
    }

    #[test]
    fn refuses_what_others_might_read_differently() {
        for text in [
            &b"\r\n"[..],
            b"4\nWiki\r\n0\r\n\r\n",
            b"4\r\nWiki\n0\r\n\r\n",
            b"4\r\nWikipedia\r\n0\r\n\r\n",
            b"0x4\r\nWiki\r\n0\r\n\r\n",
            b"-1\r\n",
            b"+4\r\nWiki\r\n",
            b" 4\r\nWiki\r\n",
            b"4 \nWiki\r\n",
            b"4;a\nb\r\nWiki\r\n",
            b"4;\0\r\nWiki\r\n",
            b"ffffffffffffffff\r\n",
            b"0000000000000000000004\r\nWiki\r\n",
            b"4\r\r\nWiki\r\n",
            b"0\r\nbad trailer\r\n\r\n",
            b"0\r\n: x\r\n\r\n",
        ] {
            let result = std::panic::catch_unwind(|| decode(text)).expect("ends in an error");
            assert!(result.is_err(), "{:?}", String::from_utf8_lossy(text));
        }
        let long = [b"1;".as_slice(), &vec![b'x'; EXTENSIONS_LIMIT + 2]].concat();
        assert!(decode(&long).is_err());
        let long = [b"0\r\nA: ".as_slice(), &vec![b'x'; TRAILERS_LIMIT]].concat();
        assert!(decode(&long).is_err());
    }
}
