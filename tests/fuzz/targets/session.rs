//! Cookies and session tokens: whatever a client sends, only a token from here pins it, and only to
//! its endpoint; and a cookie is read as the plainest reader reads it.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, OnceLock};

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};
use weir::metrics::Metrics;
use weir::model::{Persistence, PersistenceKind, PoolName};
use weir::upstream::balance::{RequestFacts, Tried, pick};
use weir::upstream::{Millis, Options, Pool, Pools};

use super::routes;

#[path = "../../support/pool.rs"]
mod support;

const NOW: Millis = Millis(100_000_000);
const ENDPOINTS: u8 = 3;

struct Bench {
    pool: Arc<Pool>,
    /// A good token of each endpoint, and one of another pool.
    tokens: Vec<String>,
}

fn bench() -> &'static Bench {
    static BENCH: OnceLock<Bench> = OnceLock::new();
    BENCH.get_or_init(|| {
        let pool = bind("shop");
        let mut tokens = vec![String::new(); usize::from(ENDPOINTS)];
        for seed in 0..200 {
            let pick = choose(&pool, &HeaderMap::new(), seed);
            tokens[pick.0] = pick.1.expect("a new session");
        }
        assert!(tokens.iter().all(|token| !token.is_empty()), "an endpoint has no token");
        tokens.push(choose(&bind("other"), &HeaderMap::new(), 1).1.expect("a new session"));
        Bench { pool, tokens }
    })
}

fn bind(name: &str) -> Arc<Pool> {
    let address = |n: u8| SocketAddr::from((Ipv4Addr::new(10, 0, 0, n + 1), 80));
    let addresses: Vec<_> = (0..ENDPOINTS).map(address).collect();
    let mut model = support::pool(PoolName::new("shop", name), vec![support::group(&addresses)]);
    model.persistence =
        Some(Persistence { kind: PersistenceKind::Cookie("weir".into()), absolute_timeout: None });
    let options = Options { session_key: b"a key of the tests".to_vec(), ..Options::default() };
    let (pools, _readers) = Pools::new(options, Metrics::new(1));
    pools.bind(&Arc::new(model), NOW)
}

fn choose(pool: &Pool, headers: &HeaderMap, seed: u64) -> (usize, Option<String>) {
    let facts = RequestFacts {
        client: Ipv4Addr::LOCALHOST.into(),
        path: "/",
        query: None,
        headers,
        geo: None,
    };
    let mut random = fastrand::Rng::with_seed(seed);
    let picked = pick(pool, &facts, &Tried::default(), NOW, &mut random, None).expect("endpoints");
    (picked.index, picked.session.map(|token| token.as_str().to_owned()))
}

/// The bytes are Cookie fields: 0 begins the next one, 1 to 4 stand for tokens, 5 for a token of
/// which the next byte says what is changed.
pub fn run(data: &[u8]) {
    let bench = bench();
    let mut lines = vec![Vec::new()];
    let mut rest = data;
    while let [byte, tail @ ..] = rest {
        rest = tail;
        let last = lines.len() - 1;
        match (byte, tail) {
            (0, _) => lines.push(Vec::new()),
            (1..=4, _) => lines[last].extend(bench.tokens[usize::from(byte - 1)].bytes()),
            (5, [change, tail @ ..]) => {
                rest = tail;
                let mut token = bench.tokens[0].clone().into_bytes();
                let at = usize::from(*change) % token.len();
                token[at] ^= 1 << (usize::from(*change) / token.len() % 7);
                lines[last].extend(token);
            }
            _ => lines[last].push(*byte),
        }
    }
    let mut headers = HeaderMap::new();
    for line in lines {
        let Ok(value) = HeaderValue::from_bytes(&line) else { return };
        headers.append(COOKIE, value);
    }
    pinned_by_a_token_alone(bench, &headers);
    let is_on = plain(&headers, b"beta") == Some(b"on");
    assert_eq!(routes::with_fields(&headers).as_deref() == Some("cookie"), is_on, "{headers:?}");
}

fn pinned_by_a_token_alone(bench: &Bench, headers: &HeaderMap) {
    let mut is_pinned = None;
    for seed in 0..2 {
        let (index, session) = choose(&bench.pool, headers, seed);
        if session.is_none() {
            assert!(is_pinned.is_none_or(|before| before == index), "a session moves");
            is_pinned = Some(index);
        }
    }
    let sent = plain(headers, b"weir");
    let sent = sent.map(|value| {
        value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value)
    });
    let of = |sent: &[u8]| {
        let own = &bench.tokens[..usize::from(ENDPOINTS)];
        own.iter().position(|token| token.as_bytes() == sent)
    };
    assert_eq!(is_pinned, sent.and_then(of), "{headers:?}");
}

/// The first cookie of a name, in the order of the fields. Source: RFC 6265 §5.4.
fn plain<'a>(headers: &'a HeaderMap, name: &[u8]) -> Option<&'a [u8]> {
    for line in headers.get_all(COOKIE) {
        for pair in line.as_bytes().split(|&byte| byte == b';') {
            let Some(at) = pair.iter().position(|&byte| byte == b'=') else { continue };
            if pair[..at].trim_ascii() == name {
                return Some(pair[at + 1..].trim_ascii());
            }
        }
    }
    None
}
