//! The PROXY protocol, versions 1 and 2: who the client of a proxy in front is.
//! Source: haproxy.org/download/2.9/doc/proxy-protocol.txt.

use ppp::{PartialResult, v1, v2};

use crate::upstream::Parties;

/// Most bytes of a header; a longer one is refused.
pub(super) const LIMIT: usize = 4096;

/// Most bytes of a header of version 1.
const LINE_LIMIT: usize = 107;

/// Announced is what a PROXY header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Announced {
    /// Length of the header.
    pub(super) length: usize,
    /// Both ends of the client's connection; nothing where the proxy speaks for itself, as in a
    /// health check.
    pub(super) parties: Option<Parties>,
}

/// Reads a header from the first bytes of a connection. Nothing while it is not whole.
///
/// # Errors
/// Where the bytes are no header, or a longer one than Weir reads.
pub(super) fn parse(bytes: &[u8]) -> Result<Option<Announced>, ()> {
    // What can no longer become a header is refused at once: its sender waits for an answer.
    if could_be(bytes, v2::PROTOCOL_PREFIX) {
        parse_binary(bytes)
    } else if could_be(bytes, b"PROXY ") {
        parse_line(bytes)
    } else {
        Err(())
    }
}

fn could_be(bytes: &[u8], prefix: &[u8]) -> bool {
    prefix.starts_with(bytes.get(..prefix.len()).unwrap_or(bytes))
}

fn parse_line(bytes: &[u8]) -> Result<Option<Announced>, ()> {
    let Some(end) = bytes.iter().position(|&byte| byte == b'\n') else {
        return if bytes.len() < LINE_LIMIT { Ok(None) } else { Err(()) };
    };
    let line = bytes.get(..=end).unwrap_or(bytes);
    // The parser would take a line end inside, and a sign before a port.
    let text = line.strip_suffix(b"\r\n").ok_or(())?;
    let is_plain = text.iter().all(|&byte| matches!(byte, b' '..=b'~') && byte != b'+');
    if !is_plain || line.len() > LINE_LIMIT {
        return Err(());
    }
    let header = v1::Header::try_from(line).map_err(drop)?;
    let parties = match header.addresses {
        v1::Addresses::Tcp4(ip) => Some(Parties {
            client: (ip.source_address, ip.source_port).into(),
            own: (ip.destination_address, ip.destination_port).into(),
        }),
        v1::Addresses::Tcp6(ip) => Some(Parties {
            client: (ip.source_address, ip.source_port).into(),
            own: (ip.destination_address, ip.destination_port).into(),
        }),
        v1::Addresses::Unknown => None,
    };
    Ok(Some(Announced { length: header.header.len(), parties }))
}

fn parse_binary(bytes: &[u8]) -> Result<Option<Announced>, ()> {
    let header = v2::Header::try_from(bytes);
    if header.is_incomplete() && bytes.len() < LIMIT {
        return Ok(None);
    }
    let header = header.map_err(drop)?;
    if header.len() > LIMIT {
        return Err(());
    }
    let parties = match (header.command, header.addresses) {
        (v2::Command::Proxy, v2::Addresses::IPv4(ip)) => Some(Parties {
            client: (ip.source_address, ip.source_port).into(),
            own: (ip.destination_address, ip.destination_port).into(),
        }),
        (v2::Command::Proxy, v2::Addresses::IPv6(ip)) => Some(Parties {
            client: (ip.source_address, ip.source_port).into(),
            own: (ip.destination_address, ip.destination_port).into(),
        }),
        _ => None,
    };
    Ok(Some(Announced { length: header.len(), parties }))
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    #[test]
    fn reads_both_versions_byte_by_byte() {
        let v2 = v2::Builder::with_addresses(
            v2::Version::Two | v2::Command::Proxy,
            v2::Protocol::Stream,
            ("203.0.113.7:1234".parse::<SocketAddr>().unwrap(), "10.0.0.1:80".parse().unwrap()),
        )
        .build()
        .unwrap();
        let v1 = b"PROXY TCP4 203.0.113.7 10.0.0.1 1234 80\r\n".to_vec();
        for header in [v1, v2] {
            let length = header.len();
            let bytes = [header, b"\x16\x03\xff\xfe".to_vec()].concat();
            for cut in 0..length {
                assert_eq!(parse(&bytes[..cut]), Ok(None), "{cut}");
            }
            let parties = Some(Parties {
                client: "203.0.113.7:1234".parse().unwrap(),
                own: "10.0.0.1:80".parse().unwrap(),
            });
            assert_eq!(parse(&bytes), Ok(Some(Announced { length, parties })));
        }
        assert_eq!(parse(b"PROXY UNKNOWN\r\n"), Ok(Some(Announced { length: 15, parties: None })));
        assert_eq!(parse(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"), Err(()));
    }

    #[test]
    fn a_line_is_one_line_of_the_form() {
        let long = format!("PROXY UNKNOWN {}\r\n", "x".repeat(100));
        for line in [
            "PROXY UNKNOWN\n",
            "PROXY UNKNOWN \nffff\r\n",
            "PROXY UNKNOWN \0\r\n",
            "PROXY TCP4 1.1.1.1 2.2.2.2 +1 80\r\n",
            "PROXY TCP4 1.1.1.1 2.2.2.2 1 +80\r\n",
            "PROXY TCP4 1.1.1.1 2.2.2.2 1 80\n",
            &long,
        ] {
            assert_eq!(parse(line.as_bytes()), Err(()), "{line:?}");
        }
    }
}
