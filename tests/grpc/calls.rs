//! The four kinds of call, from clients in clear text and inside TLS.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::StreamExt;
use tokio_rustls::rustls::pki_types::{CertificateDer, pem::PemObject};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tonic::{Code, Request};

use crate::manifests;
use crate::rig::Weir;
use crate::service::{Client, Note, Talker, note, serve};

const ROUTES: &str = "  routes: [{}]\n";

/// Tries every kind of call.
async fn all_kinds(mut client: Client) {
    let answer = client.unary("Say", Request::new(note(7, "hello"))).await.unwrap();
    assert_eq!(answer.metadata().get("x-served").unwrap(), "yes");
    assert_eq!(answer.into_inner(), note(7, "hello"));

    let status = client.unary("Say", Request::new(note(9, "fail"))).await.unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition);
    assert_eq!(status.message(), "as \u{fc}sked, 100 %");
    assert_eq!(status.metadata().get("x-more").unwrap(), "detail");

    let counted = client.count(1000).await.unwrap().into_inner();
    let counted: Vec<Note> = counted.map(Result::unwrap).collect().await;
    assert_eq!((counted.len(), counted[999].number), (1000, 999));

    let sum = client.sum(futures::stream::iter((1..=1000).map(|n| note(n, "")))).await.unwrap();
    assert_eq!(sum.into_inner().number, 500_500);

    // One note at a time, each after the answer to the one before.
    let (say, said) = tokio::sync::mpsc::channel(1);
    let said = futures::stream::unfold(said, |mut said: tokio::sync::mpsc::Receiver<Note>| async {
        said.recv().await.map(|note| (note, said))
    });
    let mut heard = client.talk(Request::new(said)).await.unwrap().into_inner();
    for number in 0..20 {
        say.send(note(number, "talk")).await.unwrap();
        assert_eq!(heard.message().await.unwrap().unwrap().number, number);
    }
    say.send(note(0, "break")).await.unwrap();
    assert_eq!(heard.message().await.unwrap_err().code(), Code::DataLoss);

    let long = "x".repeat(1_000_000);
    let answer = client.unary("Say", Request::new(note(1, &long))).await.unwrap();
    assert_eq!(answer.into_inner().text.len(), long.len());
}

#[tokio::test]
async fn every_kind_of_call_works_in_clear_text() {
    let address = serve(Talker::default()).await;
    let weir = Weir::start(&manifests(&[address], ROUTES));
    all_kinds(Client::connect(weir.http).await).await;
}

#[tokio::test]
async fn every_kind_of_call_works_inside_tls() {
    let address = serve(Talker::default()).await;
    let pair = rcgen::generate_simple_self_signed(["talk.example".to_owned()]).unwrap();
    let indented =
        |pem: String| pem.lines().map(|line| format!("    {line}\n")).collect::<String>();
    let secret = format!(
        "---\napiVersion: v1\nkind: Secret\nmetadata: {{ name: talk, namespace: test }}\n\
         type: kubernetes.io/tls\nstringData:\n  tls.crt: |\n{}  tls.key: |\n{}",
        indented(pair.cert.pem()),
        indented(pair.signing_key.serialize_pem()),
    );
    let more =
        "  routes: [{ hostnames: [talk.example] }]\n  tls: { certificateRefs: [{ name: talk }] }\n";
    let weir = Weir::start(&(manifests(&[address], more) + &secret));
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(pair.cert.pem().as_bytes()).unwrap()).unwrap();
    let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    all_kinds(Client::connect_tls(weir.https, "talk.example", Arc::new(config)).await).await;
}

#[tokio::test]
async fn calls_are_spread_one_by_one() {
    let talkers = [Talker::default(), Talker::default(), Talker::default()];
    let mut addresses = Vec::new();
    for talker in &talkers {
        addresses.push(serve(talker.clone()).await);
    }
    let more = "  routes: [{}]\n  loadBalancing: { algorithm: LeastRequest }\n";
    let weir = Weir::start(&manifests(&addresses, more));
    // All calls of one client's connection.
    let client = Client::connect(weir.http).await;
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..30 {
        let mut client = client.clone();
        calls.spawn(async move { client.unary("Sleep", Request::new(note(0, ""))).await });
    }
    let under_way = || talkers.each_ref().map(|talker| talker.now.load(Ordering::SeqCst));
    while under_way().iter().sum::<usize>() < 30 {
        tokio::task::yield_now().await;
    }
    assert_eq!(under_way(), [10, 10, 10]);
    // And who gives up is heard of at the other end.
    calls.abort_all();
    while under_way() != [0, 0, 0] {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn deadlines_hold_and_go_on() {
    let talker = Talker::default();
    let address = serve(talker.clone()).await;
    let weir = Weir::start(&manifests(&[address], ROUTES));
    let mut client = Client::connect(weir.http).await;
    let mut request = Request::new(note(0, "timeout"));
    request.set_timeout(Duration::from_secs(30));
    let told = client.unary("Say", request).await.unwrap().into_inner().text;
    assert_eq!(told, "30000000u");
    let mut request = Request::new(note(0, ""));
    request.set_timeout(Duration::from_millis(50));
    // All three keep the deadline; the client is the first to say so.
    let status = client.unary("Sleep", request).await.unwrap_err();
    assert!(matches!(status.code(), Code::Cancelled | Code::DeadlineExceeded), "{status}");
    while talker.gone.load(Ordering::SeqCst) != 1 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_time_of_the_route_holds_too() {
    let address = serve(Talker::default()).await;
    let more = "  routes: [{ timeouts: { request: 50ms, backendRequest: 0s } }]\n";
    let weir = Weir::start(&manifests(&[address], more));
    let mut client = Client::connect(weir.http).await;
    let mut request = Request::new(note(0, ""));
    request.set_timeout(Duration::from_secs(30));
    let status = client.unary("Sleep", request).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
}

/// `manifests/examples/grpc.yaml`, with the server's port in the place of its own.
#[tokio::test]
async fn the_example_is_served_as_it_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/manifests/examples/grpc.yaml");
    let text = std::fs::read_to_string(path).unwrap();
    let server = serve(Talker::default()).await;
    let slice = "ports: [{ name: grpc, port: 50051 }]";
    assert!(text.contains(slice));
    let text = text.replace(slice, &slice.replace("50051", &server.port().to_string()));
    let weir = Weir::start(&text);
    all_kinds(Client::connect_for(weir.http, "grpc.example.com").await).await;
}
