//! PROXY headers: nothing that follows changes them, and they say what their bytes say.

use std::net::{IpAddr, SocketAddr};

use weir::proxy::fuzzing::proxy_header as parse;

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// The bytes are the beginning of a connection.
pub fn run(data: &[u8]) {
    let found = parse(data);
    match found {
        Ok(Some((length, client))) => {
            assert!(length <= data.len() && length <= 4096, "{length} of {}", data.len());
            let header = &data[..length];
            assert_eq!(parse(header), found, "what follows changes the header");
            for cut in [0, 1, length / 2, length - 1] {
                assert_eq!(parse(&header[..cut]), Ok(None), "a part of {cut} bytes is enough");
            }
            match header.strip_prefix(SIGNATURE) {
                Some(rest) => binary(rest, length, client),
                None => line(header, client),
            }
        }
        Ok(None) => {
            assert!(data.len() < 4096, "nothing is decided after {} bytes", data.len());
        }
        Err(()) => {
            // What is refused is not mended by what follows.
            assert_eq!(parse(&[data, b"\r\n"].concat()), Err(()));
        }
    }
}

/// Source: haproxy.org/download/2.9/doc/proxy-protocol.txt §2.2.
fn binary(rest: &[u8], length: usize, client: Option<SocketAddr>) {
    let [command, family, high, low, rest @ ..] = rest else { panic!("a short header") };
    assert!(matches!(command, 0x20 | 0x21), "command {command:#x}");
    assert_eq!(length, 16 + usize::from(u16::from_be_bytes([*high, *low])));
    let expected = match (command, family >> 4) {
        (0x21, 1) => Some((IpAddr::from(<[u8; 4]>::try_from(&rest[..4]).unwrap()), &rest[8..10])),
        (0x21, 2) => {
            Some((IpAddr::from(<[u8; 16]>::try_from(&rest[..16]).unwrap()), &rest[32..34]))
        }
        _ => None,
    };
    let expected =
        expected.map(|(ip, port)| SocketAddr::new(ip, u16::from_be_bytes([port[0], port[1]])));
    assert_eq!(client, expected);
}

/// Source: haproxy.org/download/2.9/doc/proxy-protocol.txt §2.1.
fn line(header: &[u8], client: Option<SocketAddr>) {
    assert!(header.len() <= 107, "a line of {} bytes", header.len());
    let text = std::str::from_utf8(header).expect("a header is ASCII");
    let text = text.strip_suffix("\r\n").expect("a header ends with CRLF");
    assert!(!text.contains(['\r', '\n']), "{text:?}");
    let words: Vec<&str> = text.split(' ').collect();
    let Some(client) = client else {
        assert_eq!(words[..2], ["PROXY", "UNKNOWN"]);
        return;
    };
    let [_, family, source, destination, port, other] = words[..] else {
        panic!("{words:?} name a client")
    };
    assert_eq!(family, if client.is_ipv4() { "TCP4" } else { "TCP6" });
    assert_eq!(source.parse(), Ok(client.ip()));
    assert_eq!(destination.parse::<IpAddr>().map(|ip| ip.is_ipv4()), Ok(client.is_ipv4()));
    assert_eq!(port, client.port().to_string());
    assert!(other.parse::<u16>().is_ok_and(|number| number.to_string() == other), "{other:?}");
}
