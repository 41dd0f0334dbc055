//! What Weir says itself is said in the words of gRPC.

use tonic::{Code, Request};

use crate::manifests;
use crate::rig::Weir;
use crate::service::{Client, Talker, note, serve};

async fn refused(more: &str, calls: usize) -> tonic::Status {
    let address = serve(Talker::default()).await;
    let weir = Weir::start(&manifests(&[address], more));
    let mut client = Client::connect(weir.http).await;
    for _ in 1..calls {
        client.unary("Say", Request::new(note(0, ""))).await.unwrap();
    }
    client.unary("Say", Request::new(note(0, ""))).await.unwrap_err()
}

/// Source: gRPC http-grpc-status-mapping.md.
#[tokio::test]
async fn a_refusal_is_a_status() {
    let nowhere = "  routes: [{ hostnames: [other.example] }]\n";
    let status = refused(nowhere, 1).await;
    assert_eq!((status.code(), reason(&status)), (Code::Unimplemented, "no_host"));
    assert_eq!(status.message(), "No route serves this host.");
    let rate = "  routes: [{}]\n  rateLimit: { requests: 2, per: 1h }\n";
    let status = refused(rate, 3).await;
    assert_eq!((status.code(), reason(&status)), (Code::Unavailable, "rate_limited"));
}

#[tokio::test]
async fn an_endpoint_that_is_gone_is_unavailable() {
    let gone = {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap()
    };
    let weir = Weir::start(&manifests(&[gone], "  routes: [{}]\n"));
    let mut client = Client::connect(weir.http).await;
    let status = client.unary("Say", Request::new(note(0, ""))).await.unwrap_err();
    assert_eq!((status.code(), reason(&status)), (Code::Unavailable, "connect_failed"));
}

fn reason(status: &tonic::Status) -> &str {
    status.metadata().get("x-weir-reason").unwrap().to_str().unwrap()
}
