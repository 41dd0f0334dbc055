//! SIGTERM while clients keep asking.

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::rig::{Backend, Client, Weir, eventually};

/// Asks until told to stop; a kept connection is opened anew when an answer said that it ends.
fn ask(weir: std::net::SocketAddr, keeps: bool, stop: &AtomicBool, asked: &AtomicU64) {
    let mut kept: Option<Client> = None;
    while !stop.load(Ordering::SeqCst) {
        let mut client = kept.take().unwrap_or_else(|| Client::connect(weir, None));
        let answer = client.get("a.test", "/").expect("an answer");
        assert_eq!(answer.status, 200);
        asked.fetch_add(1, Ordering::SeqCst);
        let ends = answer.headers.get("connection").is_some_and(|value| value == "close");
        kept = Some(client).filter(|_| keeps && !ends);
    }
}

/// As in a cluster: the Service forgets the pod once it is not ready, while clients that have not
/// heard still come.
#[test]
fn sigterm_under_load_fails_no_request_and_exits_with_0() {
    let backend = Backend::start("one", [127, 0, 0, 1], 0, Duration::from_millis(10));
    let manifest = format!(
        "apiVersion: weir.dev/v1alpha1\nkind: BackendPool\nmetadata: {{ name: shop, namespace: default }}\n\
         spec:\n  routes: [{{ hostnames: [a.test] }}]\n  \
         backends: [{{ endpoint: {{ address: 127.0.0.1, port: {} }} }}]\n",
        backend.address.port()
    );
    let mut weir = Weir::start_with(&manifest, &["--drain-delay", "3s"]);
    let (stop, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let clients: Vec<_> = (0..4)
        .map(|n| {
            let (http, stop, asked) = (weir.http, Arc::clone(&stop), Arc::clone(&asked));
            std::thread::spawn(move || ask(http, n % 2 == 0, &stop, &asked))
        })
        .collect();
    let after = |count: u64| {
        let end = asked.load(Ordering::SeqCst) + count;
        eventually("clients go on", || asked.load(Ordering::SeqCst) >= end);
    };
    after(100);
    weir.terminate();
    eventually("not ready", || match Client::connect(weir.admin, None).get("admin", "/readyz") {
        Ok(answer) => answer.status == 503,
        Err(error) => error.kind() == ErrorKind::ConnectionRefused,
    });
    after(100);
    stop.store(true, Ordering::SeqCst);
    for client in clients {
        client.join().expect("no request failed");
    }
    assert_eq!(weir.wait(), Some(0));
}
