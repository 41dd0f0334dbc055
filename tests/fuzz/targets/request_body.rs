//! A body in chunks: the same for any cut, as hyper reads it, and forwarded as one body.

use super::message::{self, Body, Message};
use super::{oracle, strict};

const HEAD: &[u8] = b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";

/// The first two bytes say where the rest is cut.
pub fn run(data: &[u8]) {
    let Some((&[first, second], bytes)) = data.split_first_chunk() else { return };
    let whole = message::chunks(&[bytes]);
    let mut cuts = [usize::from(first), usize::from(second)].map(|cut| cut.min(bytes.len()));
    cuts.sort_unstable();
    let [a, b] = cuts;
    let pieces = message::chunks(&[&bytes[..a], &bytes[a..b], &bytes[b..]]);
    assert_eq!(whole, pieces, "a cut changes the body");
    let singles: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(whole, message::chunks(&singles), "single bytes change the body");
    if let Ok(Some((body, _, used))) = strict::chunks(bytes) {
        match &whole {
            Body::Whole(ours, _, length) => assert_eq!((ours, *length), (&body, used)),
            // Trailers may be more, or have names, that Weir does not take.
            _ => assert_ne!(used, end_of_chunks(bytes, used), "{whole:?} although it is right"),
        }
    }
    if let Body::Whole(body, trailers, _) = whole {
        let message = Message { body, trailers, ..Message::default() };
        like_hyper(&message, bytes);
        goes_on(&message);
    }
}

/// Returns `used` where no trailer came before the end.
fn end_of_chunks(bytes: &[u8], used: usize) -> usize {
    if bytes[..used].ends_with(b"\n0\r\n\r\n") || &bytes[..used] == b"0\r\n\r\n" { used } else { 0 }
}

fn like_hyper(ours: &Message, bytes: &[u8]) {
    let Some(theirs) = oracle::request(&[HEAD, bytes].concat()) else { return };
    assert_eq!(theirs.message.body, ours.body, "another body");
    let theirs = theirs.message.trailers.unwrap_or_default();
    for (name, _) in ours.trailers.iter().flatten() {
        let ours = oracle::values(ours.trailers.as_ref().expect("there are"), name.as_str());
        assert_eq!(oracle::values(&theirs, name.as_str()), ours, "trailer {name}");
    }
}

/// What the endpoint gets is the same body, read strictly.
fn goes_on(message: &Message) {
    let written = message::written(b"", message, None, false);
    let (body, trailers, used) = match strict::chunks(&written) {
        Ok(Some(whole)) => whole,
        other => panic!("{other:?} is forwarded: {:?}", String::from_utf8_lossy(&written)),
    };
    assert_eq!((&body, used), (&message.body, written.len()));
    let kept = message.trailers.as_ref().map_or(0, http::HeaderMap::len);
    assert_eq!(trailers.len(), kept, "trailers are lost");
    for (name, _) in trailers {
        let name = name.replace('_', "-");
        let frames = ["content-length", "transfer-encoding", "host", "connection", "trailer"];
        let speaks = ["x-forwarded-for", "forwarded", "authorization", "cookie", "set-cookie"];
        assert!(!frames.contains(&&*name) && !speaks.contains(&&*name), "{name} as a trailer");
    }
}
