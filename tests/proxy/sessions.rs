//! Sessions: who leads a client back to its endpoint, and what of it a client can forge.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use weir::model::{HeaderName, Persistence, PersistenceKind, Pool, PoolName, Readiness, Taken};

use crate::rig::{Rig, pool, route};
use crate::support::client::Answer;
use crate::support::endpoint::{Endpoint, Reply, ok};

async fn named(name: &'static str) -> Endpoint {
    Endpoint::start(move |_| ok(name)).await
}

async fn three() -> Vec<Endpoint> {
    vec![named("a").await, named("b").await, named("c").await]
}

fn addresses(endpoints: &[Endpoint]) -> Vec<SocketAddr> {
    endpoints.iter().map(|endpoint| endpoint.address).collect()
}

fn by_cookie(mut pool: Pool, absolute_timeout: Option<Duration>) -> Pool {
    let kind = PersistenceKind::Cookie("sid".into());
    pool.persistence = Some(Persistence { kind, absolute_timeout });
    pool
}

/// Asks on a connection of its own, with a cookie.
async fn ask(rig: &Rig, cookie: &str) -> Answer {
    let cookie = if cookie.is_empty() { String::new() } else { format!("Cookie: {cookie}\r\n") };
    rig.client().await.ask(format!("GET / HTTP/1.1\r\nHost: a\r\n{cookie}\r\n")).await
}

/// Returns the cookie as a client sends it back.
fn pair(answer: &Answer) -> &str {
    answer.field("set-cookie").expect("a cookie").split(';').next().unwrap()
}

#[tokio::test]
async fn the_first_answer_sets_the_cookie_and_it_keeps_the_endpoint() {
    let endpoints = three().await;
    let lasts = Duration::from_secs(3_600);
    let rig = Rig::start(by_cookie(pool(&addresses(&endpoints)), Some(lasts)));
    for _ in 0..6 {
        let first = ask(&rig, "theme=dark").await;
        let cookie = first.field("set-cookie").unwrap();
        let (name, attributes) = cookie.split_once("; ").unwrap();
        assert!(name.starts_with("sid=") && name.len() > 20, "{cookie}");
        assert_eq!(attributes, "Path=/; Max-Age=3600; HttpOnly; SameSite=Lax");
        for _ in 0..5 {
            let again = ask(&rig, &format!("theme=dark; {name}; b=c")).await;
            assert_eq!(again.text(), first.text());
            assert_eq!(again.field("set-cookie"), None, "what is known is not set anew");
        }
    }
    let unbounded = Rig::start(by_cookie(pool(&addresses(&endpoints)), None));
    let cookie = ask(&unbounded, "").await;
    assert!(!cookie.field("set-cookie").unwrap().contains("Max-Age"), "ends with the browser");
}

#[tokio::test]
async fn a_header_keeps_the_endpoint_and_an_endpoint_cannot_set_it() {
    let name = |name: &'static str| {
        Endpoint::start(move |_| {
            let answer =
                format!("HTTP/1.1 200 OK\r\nx-session: forged\r\ncontent-length: 1\r\n\r\n{name}");
            Reply::Keep(answer.into())
        })
    };
    let mut declared = pool(&[name("a").await.address, name("b").await.address]);
    let kind = PersistenceKind::Header(HeaderName::parse("x-session").unwrap());
    declared.persistence = Some(Persistence { kind, absolute_timeout: None });
    let rig = Rig::start(declared);
    let first = rig.client().await.get("/").await;
    assert_eq!(first.head.matches("x-session: ").count(), 1, "{}", first.head);
    let token = first.field("x-session").unwrap();
    assert_ne!(token, "forged");
    for _ in 0..6 {
        let request = format!("GET / HTTP/1.1\r\nHost: a\r\nX-Session: {token}\r\n\r\n");
        assert_eq!(rig.client().await.ask(request).await.text(), first.text());
    }
}

/// What has a meaning of its own is a warning alone, as it works.
#[tokio::test]
async fn a_header_with_a_meaning_of_its_own_keeps_the_endpoint() {
    for name in [
        "x-weir-session",
        "x-forwarded-session",
        "x_forwarded_for",
        "content_length",
        "prefer",
        "from",
        "dnt",
        "sec-session",
    ] {
        let endpoints = three().await;
        let mut declared = pool(&addresses(&endpoints));
        let header = HeaderName::parse(name).unwrap();
        assert!(!header.taken().is_some_and(Taken::is_final), "{name}");
        let kind = PersistenceKind::Header(header);
        declared.persistence = Some(Persistence { kind, absolute_timeout: None });
        let rig = Rig::start(declared);
        let first = rig.client().await.get("/").await;
        let token = first.field(name).unwrap();
        for _ in 0..4 {
            let request = format!("GET / HTTP/1.1\r\nHost: a\r\n{name}: {token}\r\n\r\n");
            let again = rig.client().await.ask(request).await;
            assert_eq!((again.text(), again.field(name)), (first.text(), None), "{name}");
        }
    }
}

#[tokio::test]
async fn a_cookie_of_the_endpoint_stays_beside_ours() {
    let endpoint = Endpoint::start(|_| {
        Reply::Keep(
            b"HTTP/1.1 200 OK\r\nset-cookie: cart=1\r\nset-cookie: lang=de\r\ncontent-length: 0\r\n\r\n"
                .to_vec(),
        )
    })
    .await;
    let rig = Rig::start(by_cookie(pool(&[endpoint.address]), None));
    let answer = ask(&rig, "").await;
    assert!(answer.head.contains("set-cookie: cart=1\r\n"), "{}", answer.head);
    assert!(answer.head.contains("set-cookie: lang=de\r\n"), "{}", answer.head);
    assert_eq!(answer.head.matches("set-cookie: sid=").count(), 1, "{}", answer.head);
}

#[tokio::test]
async fn what_is_not_from_here_is_replaced_and_never_an_error() {
    let endpoints = three().await;
    let rig = Rig::start(by_cookie(pool(&addresses(&endpoints)), None));
    let mut foreign = by_cookie(pool(&addresses(&endpoints)), None);
    foreign.name = PoolName::new("default", "other");
    let mut to_foreign = route();
    to_foreign.pool = foreign.name.clone();
    let other = Rig::with(foreign, to_foreign, crate::rig::options());

    let good = pair(&ask(&rig, "").await).to_owned();
    let mut forged = good.clone().into_bytes();
    let last = forged.len() - 3;
    forged[last] = if forged[last] == b'A' { b'B' } else { b'A' };
    for cookie in [
        String::from_utf8(forged).unwrap(),
        pair(&ask(&other, "").await).to_owned(),
        format!("{good}x"),
        good[..good.len() - 1].to_owned(),
        format!("sid={}", "x".repeat(16_000)),
        format!("sid={}", "A".repeat(27)),
        "sid=".to_owned(),
        "sid".to_owned(),
        "sid=\"; sid=;;;=;".to_owned(),
        "sid=127.0.0.1:80".to_owned(),
        format!("SID={}", &good[4..]),
    ] {
        let answer = ask(&rig, &cookie).await;
        assert_eq!(answer.status, 200, "{cookie:.60}");
        let fresh = pair(&answer).to_owned();
        assert_ne!(fresh, cookie, "{cookie:.60}");
        let again = ask(&rig, &fresh).await;
        assert_eq!((again.text(), again.field("set-cookie")), (answer.text(), None));
    }
    // Bytes that are no text.
    let mut client = rig.client().await;
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\nCookie: sid=\xff\xfe\x80\r\n\r\n").await;
    let answer = client.answer(false).await.unwrap();
    assert_eq!(answer.status, 200);
    assert!(answer.field("set-cookie").is_some());
    assert_eq!(ask(&rig, &good).await.field("set-cookie"), None, "the good one is still good");
}

#[tokio::test]
async fn a_session_ends_in_time() {
    let endpoints = three().await;
    let lasts = Duration::from_secs(2);
    let rig = Rig::start(by_cookie(pool(&addresses(&endpoints)), Some(lasts)));
    let began = Instant::now();
    let first = ask(&rig, "").await;
    assert!(first.field("set-cookie").unwrap().contains("; Max-Age=2;"));
    // A token counts whole seconds: it lasts for more than one, and is then replaced.
    let after = loop {
        let answer = ask(&rig, pair(&first)).await;
        if answer.field("set-cookie").is_some() {
            break answer;
        }
        assert_eq!(answer.text(), first.text());
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert!(began.elapsed() > Duration::from_secs(1), "{:?}", began.elapsed());
    assert_ne!(pair(&after), pair(&first));
}

#[tokio::test]
async fn a_draining_endpoint_keeps_its_sessions_and_takes_no_new_one() {
    let endpoints = three().await;
    let mut declared = by_cookie(pool(&addresses(&endpoints)), None);
    let rig = Rig::start(declared.clone());
    let first = ask(&rig, "").await;
    let (name, cookie) = (first.text().to_owned(), pair(&first).to_owned());
    let served = endpoints.iter().find(|endpoint| !endpoint.received().is_empty()).unwrap();
    for endpoint in &mut declared.backends[0].endpoints {
        if endpoint.address == served.address {
            endpoint.readiness = Readiness::Terminating;
        }
    }
    rig.publish(declared, route());
    for _ in 0..6 {
        let kept = ask(&rig, &cookie).await;
        assert_eq!((kept.text(), kept.field("set-cookie")), (&*name, None));
        assert_ne!(ask(&rig, "").await.text(), name);
    }
}

#[tokio::test]
async fn a_session_moves_when_its_endpoint_is_gone() {
    let endpoints = three().await;
    let mut declared = by_cookie(pool(&addresses(&endpoints)), None);
    let rig = Rig::start(declared.clone());
    let first = ask(&rig, "").await;
    let served = endpoints.iter().find(|endpoint| !endpoint.received().is_empty()).unwrap();
    declared.backends[0].endpoints.retain(|endpoint| endpoint.address != served.address);
    rig.publish(declared, route());
    let moved = ask(&rig, pair(&first)).await;
    assert_ne!(moved.text(), first.text());
    for _ in 0..6 {
        let again = ask(&rig, pair(&moved)).await;
        assert_eq!((again.text(), again.field("set-cookie")), (moved.text(), None));
    }
}

#[tokio::test]
async fn a_session_moves_when_its_endpoint_refuses() {
    // Bound, so that nobody else gets the port; not listening once it is closed.
    let dead = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let alive = named("alive").await;
    let rig = Rig::start(by_cookie(pool(&[dead.local_addr().unwrap(), alive.address]), None));
    let serve = tokio::spawn(async move {
        let (stream, _) = dead.accept().await.unwrap();
        let mut client = crate::support::client::Client::over(stream);
        client.until(b"\r\n\r\n").await.unwrap();
        client.send("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 4\r\n\r\ndead").await;
    });
    let mut answer = ask(&rig, "").await;
    while answer.text() != "dead" {
        answer = ask(&rig, "").await;
    }
    serve.await.unwrap();
    let moved = ask(&rig, pair(&answer)).await;
    assert_eq!((moved.status, moved.text()), (200, "alive"));
    assert_eq!(ask(&rig, pair(&moved)).await.text(), "alive", "the new cookie is of the new one");
}
