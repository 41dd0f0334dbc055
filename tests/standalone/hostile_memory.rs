//! Memory under everything that hostile clients try, all at once: a bound that holds, an admin port that
//! answers, and an end that gives it back.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::rig::{Backend, Client, Weir, eventually};

/// What the process may use; documented in docs/security.md.
const LIMIT: u64 = 256 * 1024 * 1024;
/// How long all of it goes on.
const TIME: Duration = Duration::from_secs(8);
/// What each answer holds.
const BODY: usize = 256 * 1024;

fn pool(backend: &Backend) -> String {
    format!(
        "apiVersion: weir.dev/v1alpha1\nkind: BackendPool\nmetadata: {{ name: shop, namespace: default }}\n\
         spec:\n  routes: [{{ hostnames: [a.test] }}]\n  \
         backends: [{{ endpoint: {{ address: {}, port: {} }} }}]\n",
        backend.address.ip(),
        backend.address.port()
    )
}

fn resident(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("a process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// What an HTTP/2 client begins with: windows of 0, so that no answer leaves. Source: RFC 9113 §3.4, §6.5.
fn hello() -> Vec<u8> {
    [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &frame(4, 0, 0, &[0, 4, 0, 0, 0, 0])].concat()
}

/// GET http://a.test/ without tables. Source: RFC 7541 §6.
fn get() -> Vec<u8> {
    [&[0x82, 0x86, 0x84, 0x01, 6][..], b"a.test"].concat()
}

/// One field of 4,000 bytes in the table, then its index over and over. CVE-2016-6581.
fn bomb() -> Vec<u8> {
    let value = [&[0x7f, 0xa1, 0x1e][..], &[b'x'; 4000]].concat();
    let block = [&get()[..], &[0x40, 1, b'a'], &value, &[0xbe; 10_000]].concat();
    [hello(), frame(1, 5, 1, &block)].concat()
}

/// A head that never ends. CVE-2024-28182.
fn continuations() -> Vec<u8> {
    let field = [&[0, 1, b'x', 0x7f, 0x81, 7][..], &[b'y'; 1024]].concat();
    [hello(), frame(1, 1, 1, &get()), frame(9, 0, 1, &field).repeat(63)].concat()
}

/// A hundred answers that nobody takes. CVE-2019-9517.
fn unread() -> Vec<u8> {
    let streams = (0..100).flat_map(|n| frame(1, 5, n * 2 + 1, &get()));
    hello().into_iter().chain(streams).collect()
}

/// A hundred bodies that never end.
fn unsent() -> Vec<u8> {
    let head = [&[0x83, 0x86, 0x84, 0x01, 6][..], b"a.test"].concat();
    let open =
        |n: u32| [frame(1, 4, n * 2 + 1, &head), frame(0, 0, n * 2 + 1, &[b'x'; 600])].concat();
    hello().into_iter().chain((0..100).flat_map(open)).collect()
}

fn pings() -> Vec<u8> {
    [hello(), frame(6, 0, 0, &[0; 8]).repeat(20_000)].concat()
}

fn resets() -> Vec<u8> {
    let each =
        |n: u32| [frame(1, 5, n * 2 + 1, &get()), frame(3, 0, n * 2 + 1, &[0, 0, 0, 8])].concat();
    hello().into_iter().chain((0..5000).flat_map(each)).collect()
}

/// A head of HTTP/1.1 that never ends, nearly as long as one may be.
fn half_a_head() -> Vec<u8> {
    format!("GET / HTTP/1.1\r\nHost: a.test\r\nX: {}", "x".repeat(60_000)).into_bytes()
}

/// Requests whose answers nobody reads, as many as are taken ahead.
fn unread_http1() -> Vec<u8> {
    b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n".repeat(50)
}

fn half_a_body() -> Vec<u8> {
    let head = "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10000000\r\n\r\n";
    [head.as_bytes(), &vec![b'x'; 30_000]].concat()
}

/// Does one thing on a new connection, holds it for a while, and begins again.
fn attack(to: SocketAddr, bytes: Vec<u8>, hold: Duration, is_over: &AtomicBool) {
    while !is_over.load(Ordering::SeqCst) {
        let Ok(mut stream) = TcpStream::connect(to) else { continue };
        stream.set_write_timeout(Some(Duration::from_secs(1))).expect("timeout");
        let _ = stream.write_all(&bytes);
        let end = Instant::now() + hold;
        while Instant::now() < end && !is_over.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

#[test]
fn hostile_clients_of_all_kinds_together_stay_below_the_limit() {
    let backend = Backend::start(&"b".repeat(BODY), [127, 0, 0, 1], 0, Duration::ZERO);
    let limit = LIMIT.to_string();
    let flags =
        ["--memory-limit", limit.as_str(), "--header-timeout", "4s", "--client-timeout", "4s"];
    let weir = Weir::start_with(&pool(&backend), &flags);
    let is_over = Arc::new(AtomicBool::new(false));
    let (long, short) = (Duration::from_secs(60), Duration::from_millis(200));
    let modes: [(usize, Vec<u8>, Duration); 9] = [
        (20, bomb(), short),
        (100, continuations(), long),
        (20, unread(), long),
        (10, unsent(), long),
        (4, pings(), short),
        (4, resets(), short),
        (300, half_a_head(), long),
        (300, unread_http1(), long),
        (200, half_a_body(), long),
    ];
    let clients: Vec<_> = modes
        .into_iter()
        .flat_map(|(count, bytes, hold)| std::iter::repeat_n((bytes, hold), count))
        .map(|(bytes, hold)| {
            let (to, is_over) = (weir.http, Arc::clone(&is_over));
            std::thread::spawn(move || attack(to, bytes, hold, &is_over))
        })
        .collect();
    let (began, mut most, mut served, mut refused) = (Instant::now(), 0, 0, 0);
    while began.elapsed() < TIME {
        most = most.max(resident(weir.id()));
        let answer = weir.client().get("a.test", "/").expect("an answer, or a refusal");
        match answer.status {
            200 => served += 1,
            503 => refused += 1,
            other => panic!("a good client got {other}"),
        }
        let live =
            Client::connect(weir.admin, None).get("admin", "/livez").expect("the admin port");
        assert_eq!(live.status, 200);
    }
    is_over.store(true, Ordering::SeqCst);
    for client in clients {
        client.join().expect("a client");
    }
    println!("{} MiB at most; {served} served, {refused} refused", most / 1024 / 1024);
    assert!(served > 0, "a good client is served");
    assert!(most < LIMIT, "{} MiB", most / 1024 / 1024);
    eventually("serves as before", || {
        weir.client().get("a.test", "/").is_ok_and(|answer| answer.status == 200)
    });
}
