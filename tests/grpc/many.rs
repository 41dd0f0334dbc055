//! Ten thousand streams at once, and what they cost.

use std::sync::atomic::Ordering;

use futures::StreamExt;
use tonic::Request;

use crate::manifests;
use crate::rig::Weir;
use crate::service::{Client, Talker, note, serve};

const CONNECTIONS: usize = 100;
const STREAMS: usize = 100;

/// Returns the memory that a process holds, in KiB.
fn resident_kib(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_streams_live_at_once() {
    let talker = Talker::default();
    let address = serve(talker.clone()).await;
    let weir = Weir::start(&manifests(&[address], "  routes: [{}]\n  timeouts: { idle: 1h }\n"));
    let before = resident_kib(weir.child.id());
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..CONNECTIONS {
        let mut client = Client::connect(weir.http).await;
        clients.spawn(async move {
            let mut open = Vec::new();
            for number in 0..STREAMS as u64 {
                let (say, said) = tokio::sync::mpsc::unbounded_channel();
                say.send(note(number, "hello")).unwrap();
                let said = futures::stream::unfold(said, |mut said| async {
                    tokio::sync::mpsc::UnboundedReceiver::recv(&mut said)
                        .await
                        .map(|note| (note, said))
                });
                let mut heard = client.talk(Request::new(said.boxed())).await.unwrap().into_inner();
                assert_eq!(heard.message().await.unwrap().unwrap().number, number);
                open.push((say, heard));
            }
            open
        });
    }
    let mut open = Vec::new();
    while let Some(streams) = clients.join_next().await {
        open.extend(streams.unwrap());
    }
    assert_eq!(open.len(), CONNECTIONS * STREAMS);
    assert_eq!(talker.now.load(Ordering::SeqCst), open.len());
    let held = resident_kib(weir.child.id()).saturating_sub(before);
    println!(
        "{} streams hold {held} KiB, {:.1} KiB each",
        open.len(),
        held as f64 / open.len() as f64
    );
    // A generous bound of what a stream on both sides may cost, so that a leak of buffers is seen.
    assert!(held < 40 * open.len() as u64, "{held} KiB");
    // All of them still carry notes.
    for (say, heard) in &mut open {
        say.send(note(1, "again")).unwrap();
        assert_eq!(heard.message().await.unwrap().unwrap().text, "again");
    }
    drop(open);
    while talker.now.load(Ordering::SeqCst) > 0 {
        tokio::task::yield_now().await;
    }
}
