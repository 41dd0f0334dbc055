//! Time to rewrite the fields of a request and of an answer, by the number of fields.
//!
//! `cargo bench --bench headers`. The rules are private to the data path; their file is compiled
//! into this program, so that measuring them adds nothing to the interface.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark")]

use std::hint::black_box;

use bytes::BytesMut;
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use http::{HeaderMap, HeaderName, HeaderValue};

#[path = "../src/proxy"]
mod proxy {
    use bytes::BytesMut;
    use http::HeaderMap;

    #[allow(dead_code, reason = "the rules of HTTP/1.1 are measured")]
    #[path = "headers/rules.rs"]
    mod rules;

    use rules::{Added, Dropped, add, clean_answer};

    /// Writes the fields of a request as they go on, and those that Weir adds.
    pub(crate) fn request(out: &mut BytesMut, headers: &HeaderMap, is_trusted: bool) {
        let dropped = Dropped::of(headers, is_trusted);
        for (name, value) in headers.iter().filter(|(name, _)| dropped.keeps(name)) {
            for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
                out.extend_from_slice(part);
            }
        }
        let added = Added {
            peer: "192.0.2.10",
            scheme: "https",
            host: "shop.example.com",
            port: 443,
            is_trusted,
            request_id: "0123456789abcdef0123456789abcdef",
            is_upgrade: false,
            client_cert: None,
        };
        add(out, headers, &added);
    }

    /// Takes off an answer what is about the endpoint's connection.
    pub(crate) fn answer(headers: &mut HeaderMap) {
        clean_answer(headers, false);
    }
}

const USUAL: [(&str, &str); 8] = [
    ("host", "shop.example.com"),
    ("user-agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"),
    ("accept", "*/*"),
    ("accept-encoding", "gzip, deflate, br"),
    ("accept-language", "en-GB,en;q=0.8"),
    ("cookie", "session=0123456789abcdef0123456789abcdef"),
    ("connection", "keep-alive"),
    ("x-forwarded-for", "198.51.100.7"),
];

fn fields(more: usize) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in USUAL {
        headers.append(name, HeaderValue::from_static(value));
    }
    for number in 0..more {
        let name = HeaderName::from_bytes(format!("x-more-{number}").as_bytes()).unwrap();
        headers.append(name, HeaderValue::from_static("0123456789abcdef"));
    }
    headers
}

fn benchmark(criterion: &mut Criterion) {
    for more in [0, 32, 92] {
        let headers = fields(more);
        let count = headers.len();
        for (name, is_trusted) in [("request", false), ("request_trusted", true)] {
            let mut out = BytesMut::with_capacity(16 << 10);
            criterion.bench_function(&format!("headers/{name}/{count}"), |bencher| {
                bencher.iter(|| {
                    out.clear();
                    proxy::request(&mut out, black_box(&headers), is_trusted);
                });
            });
        }
        criterion.bench_function(&format!("headers/answer/{count}"), |bencher| {
            let clean = |mut fields: HeaderMap| {
                proxy::answer(&mut fields);
                fields
            };
            bencher.iter_batched(|| headers.clone(), clean, BatchSize::SmallInput);
        });
    }
}

criterion_group!(benches, benchmark);
criterion_main!(benches);
