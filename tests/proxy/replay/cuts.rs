//! Bodies cut anywhere: what the endpoint that answers gets is what the client sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::collection::vec;
use proptest::prelude::{Strategy, any};
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use weir::model::{Retry, RetryCondition};

use crate::rig::{Rig, pool, route};
use crate::support::endpoint::read_request;

use super::{answer_of, ask_http2, body_of, http2, listen, one_worker};

/// Case is a body in pieces, and after how many bytes the endpoint's connections die.
#[derive(Clone, Debug)]
struct Case {
    pieces: Vec<usize>,
    cut: usize,
    deaths: usize,
    is_chunked: bool,
    is_http2: bool,
}

fn case() -> impl Strategy<Value = Case> {
    let pieces = vec(1..9_000_usize, 1..8);
    (pieces, 0..70_000_usize, 1..3_usize, any::<bool>(), any::<bool>()).prop_map(
        |(pieces, cut, deaths, is_chunked, is_http2)| {
            // Some die in the head, or while little has come.
            let cut = if cut % 3 == 0 { cut % 400 } else { cut };
            Case { pieces, cut, deaths, is_chunked, is_http2 }
        },
    )
}

#[test]
fn whatever_was_cut_off_the_next_endpoint_gets_it_all() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (cut, left) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (at, deaths) = (Arc::clone(&cut), Arc::clone(&left));
    let rig = runtime.block_on(async {
        let address = listen(move |_, mut stream| {
            let is_dying = deaths
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1))
                .is_ok();
            let most = at.load(Ordering::SeqCst) as u64;
            async move {
                let mut ahead = Vec::new();
                if is_dying {
                    // The whole request, but never an answer.
                    let _ = (&mut stream).take(most).read_to_end(&mut ahead).await;
                    return;
                }
                if let Some(request) = read_request(&mut stream, &mut ahead, 0).await {
                    let head = b"HTTP/1.1 200 OK\r\nconnection: close\r\n";
                    let answer = answer_of(&body_of(&request));
                    let rest = answer.strip_prefix(b"HTTP/1.1 200 OK\r\n").unwrap();
                    let _ = stream.write_all(&[head, rest].concat()).await;
                }
            }
        })
        .await;
        let mut declared = pool(&[address]);
        let conditions = vec![RetryCondition::Reset, RetryCondition::ConnectFailure];
        declared.retry = Some(Retry { attempts: 2, conditions, budget_percent: u8::MAX });
        Rig::with(declared, route(), one_worker())
    });
    let config = Config { cases: 96, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(&case(), |case| {
            let length: usize = case.pieces.iter().sum();
            // One that would wait for more than comes never dies.
            cut.store(case.cut.min(length), Ordering::SeqCst);
            left.store(case.deaths, Ordering::SeqCst);
            let sent: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            let (status, body) = runtime.block_on(send(&rig, &case, &sent));
            if status != 200 || body != sent {
                let reason = format!("{status}, {} bytes of {length}", body.len());
                return Err(TestCaseError::fail(reason));
            }
            Ok(())
        })
        .unwrap();
}

async fn send(rig: &Rig, case: &Case, sent: &[u8]) -> (u16, Vec<u8>) {
    let mut rest = sent;
    let pieces: Vec<&[u8]> = case
        .pieces
        .iter()
        .map(|length| {
            let (piece, after) = rest.split_at(*length);
            rest = after;
            piece
        })
        .collect();
    if case.is_http2 {
        return ask_http2(&mut http2(rig).await, "PUT", &pieces).await;
    }
    let mut client = rig.client().await;
    let framing = if case.is_chunked {
        "Transfer-Encoding: chunked".to_owned()
    } else {
        format!("Content-Length: {}", sent.len())
    };
    client.send(format!("PUT / HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n")).await;
    for piece in pieces {
        if case.is_chunked {
            client.send(format!("{:x}\r\n", piece.len())).await;
            client.send(piece).await;
            client.send("\r\n").await;
        } else {
            client.send(piece).await;
        }
        tokio::task::yield_now().await;
    }
    if case.is_chunked {
        client.send("0\r\n\r\n").await;
    }
    let answer = client.answer(false).await.unwrap();
    (answer.status, answer.body)
}
