//! Who the client is: the peer, or whom trusted proxies in front say it is.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;

/// Returns the client's address: the peer's, or with trusted proxies in front the address that the
/// outermost of them saw. Each proxy appends the address that it saw, so that with `hops` of them
/// that is the last but `hops - 1`; what stands before it came from the client and proves nothing.
pub(super) fn address(peer: SocketAddr, headers: &HeaderMap, hops: usize) -> IpAddr {
    let peer = peer.ip().to_canonical();
    if hops == 0 {
        return peer;
    }
    let mut client = peer;
    let listed = headers
        .get_all("x-forwarded-for")
        .iter()
        .rev()
        .flat_map(|value| value.as_bytes().rsplit(|&byte| byte == b','))
        .take(hops);
    for text in listed {
        match parse(text) {
            Some(address) => client = address,
            // What lies beyond something unreadable is not known.
            None => break,
        }
    }
    client
}

/// Returns whether trusted proxies in front say that the client speaks https: what the outermost of
/// them saw. What stands before it came from the client and proves nothing.
pub(super) fn is_https(headers: &HeaderMap, hops: usize) -> bool {
    let listed = headers
        .get_all("x-forwarded-proto")
        .iter()
        .rev()
        .flat_map(|value| value.as_bytes().rsplit(|&byte| byte == b','));
    let seen = listed.take(hops).last();
    seen.is_some_and(|scheme| scheme.trim_ascii().eq_ignore_ascii_case(b"https"))
}

fn parse(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let address = text
        .parse::<IpAddr>()
        .or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip()))
        .or_else(|_| text.trim_start_matches('[').trim_end_matches(']').parse())
        .ok()?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_trusted_proxies_say_what_the_client_speaks() {
        for (lines, hops, expected) in [
            (&["https"][..], 0, false),
            (&["https"], 1, true),
            (&["HTTPS "], 1, true),
            (&["http"], 1, false),
            (&["https, http"], 1, false),
            (&["https, http"], 2, true),
            (&["http", "https"], 1, true),
            (&["https"], 3, true),
            (&[], 1, false),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append("x-forwarded-proto", line.parse().unwrap());
            }
            assert_eq!(is_https(&headers, hops), expected, "{lines:?} {hops}");
        }
    }

    #[test]
    fn counts_trusted_hops_from_the_right() {
        let peer = "10.0.0.9:1234".parse().unwrap();
        for (lines, hops, expected) in [
            (&["203.0.113.7"][..], 0, "10.0.0.9"),
            (&["203.0.113.7"], 1, "203.0.113.7"),
            (&["6.6.6.6, 203.0.113.7"], 1, "203.0.113.7"),
            (&["6.6.6.6, 203.0.113.7, 10.0.0.1"], 2, "203.0.113.7"),
            (&["6.6.6.6, 203.0.113.7", "10.0.0.1"], 2, "203.0.113.7"),
            (&["203.0.113.7"], 3, "203.0.113.7"),
            (&[], 1, "10.0.0.9"),
            (&["unknown, 10.0.0.1"], 2, "10.0.0.1"),
            (&["unknown"], 1, "10.0.0.9"),
            (&["[2001:db8::1]:443"], 1, "2001:db8::1"),
            (&["::ffff:203.0.113.7"], 1, "203.0.113.7"),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append("x-forwarded-for", line.parse().unwrap());
            }
            let found = address(peer, &headers, hops);
            assert_eq!(found, expected.parse::<IpAddr>().unwrap(), "{lines:?} {hops}");
        }
    }
}
