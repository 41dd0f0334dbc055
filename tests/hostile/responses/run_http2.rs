//! Runs all answers over HTTP/2, and counts them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use weir::model::{Pool, Protocol};
use weir::proxy::Options;

use super::http2::{Case, cases};
use super::run::{final_answer, is_expected, served_as};
use crate::bench::CODECS;
use crate::client::{Client, Got};
use crate::h2::frames::{DATA, END_HEADERS, END_STREAM, HEADERS, PREFACE, SETTINGS, field, frame};
use crate::rig::{Rig, pool, route};

pub const LEAST: usize = 75;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_answers_of_http2_never_reach_a_client_as_another() {
    let (mut failures, cases) = (Vec::new(), cases());
    println!("HTTP/2: {} answers", cases.len());
    assert!(cases.len() >= LEAST, "{} cases of {LEAST}", cases.len());
    let only = std::env::var("HOSTILE").unwrap_or_default();
    for case in cases.into_iter().filter(|case| case.name.contains(&only)) {
        if let Err(why) = run(&case).await {
            failures.push(format!("- {} ({}): {why}", case.name, case.source));
        }
    }
    assert!(failures.is_empty(), "{}\n{}", failures.join("\n"), failures.len());
}

#[test]
fn names_are_unique() {
    let cases = cases();
    let names: std::collections::BTreeSet<&str> =
        cases.iter().map(|case| case.name.as_str()).collect();
    assert_eq!(names.len(), cases.len());
}

/// Starts an endpoint that answers the very first request as the case says, and all others right.
async fn villain(case: &Case) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (frames, is_first) = (case.frames.clone(), Arc::new(AtomicBool::new(true)));
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(stream, frames.clone(), Arc::clone(&is_first)));
        }
    });
    address
}

async fn serve(mut stream: TcpStream, hostile: Vec<u8>, is_first: Arc<AtomicBool>) {
    let mut preface = vec![0; PREFACE.len()];
    if stream.read_exact(&mut preface).await.is_err() {
        return;
    }
    let (mut reader, mut writer) = stream.split();
    let _ = writer.write_all(&frame(SETTINGS, 0, 0, [])).await;
    loop {
        let mut head = [0; 9];
        if reader.read_exact(&mut head).await.is_err() {
            return;
        }
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        if reader.read_exact(&mut payload).await.is_err() {
            return;
        }
        if head[3] != HEADERS {
            continue;
        }
        let number = u32::from_be_bytes(head[5..9].try_into().unwrap());
        let answer = if is_first.swap(false, Ordering::SeqCst) {
            hostile.clone()
        } else {
            let head = frame(HEADERS, END_HEADERS, number, field(":status", "200"));
            [head, frame(DATA, END_STREAM, number, "good")].concat()
        };
        // Weir may have had enough before the end.
        if writer.write_all(&answer).await.is_err() {
            return;
        }
    }
}

async fn run(case: &Case) -> Result<(), String> {
    let address = villain(case).await;
    let options = Options { workers: 1, ..CODECS[0].options() };
    let declared = Pool { protocol: Some(Protocol::Http2), ..pool(&[address]) };
    let backends = declared.backends.clone();
    let rig = Rig::with(declared.with_backends(backends), route(), options);
    let mut client = Client::connect(rig.http).await;
    let request = format!("{} /hostile HTTP/1.1\r\nHost: front.example\r\n\r\n", case.method);
    client.send(request.as_bytes()).await;
    let got = final_answer(&mut client, case.method == "HEAD").await;
    let stays = matches!(&got, Got::Answer(answer) if !answer.closes);
    is_expected(&case.expect, got)?;
    if stays {
        served_as(&mut client, "/probe", "good").await?;
    }
    served_as(&mut Client::connect(rig.http).await, "/good", "good").await
}
