//! Runs all answers against each codec, and counts them.

use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use weir::proxy::Options;

use super::kinds::{Case, End, Expect, Whole};
use super::{bodies, heads};
use crate::bench::{CODECS, Codec};
use crate::client::{Answer, Client, Got, text};
use crate::rig::{Rig, pool, route};
use crate::strict::{self, Parsed};

const HOSTILE: &str = "/hostile";
pub const LEAST: [(&str, usize); 2] = [("heads", 105), ("bodies", 64)];

pub fn kinds() -> [Vec<Case>; 2] {
    [heads::cases(), bodies::cases()]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_answers_never_reach_a_client_as_another() {
    for codec in CODECS {
        let mut failures = Vec::new();
        for ((kind, least), cases) in LEAST.into_iter().zip(kinds()) {
            println!("{codec:?} {kind}: {} answers", cases.len());
            assert!(cases.len() >= least, "{kind}: {} cases of {least}", cases.len());
            let only = std::env::var("HOSTILE").unwrap_or_default();
            for case in cases.into_iter().filter(|case| case.name.contains(&only)) {
                if let Err(why) = run(codec, &case).await {
                    failures.push(format!("- {} ({}): {why}", case.name, case.source));
                }
            }
        }
        assert!(failures.is_empty(), "{codec:?}:\n{}\n{}", failures.join("\n"), failures.len());
    }
}

#[test]
fn names_are_unique() {
    let cases = kinds().concat();
    let names: std::collections::BTreeSet<&str> =
        cases.iter().map(|case| case.name.as_str()).collect();
    assert_eq!(names.len(), cases.len());
}

/// An endpoint that answers one request as the case says, and all others with their target.
struct Villain {
    address: SocketAddr,
    /// Target of each request and the number of its connection.
    asked: Mutex<Vec<(String, usize)>>,
    may_add: Notify,
    has_added: Notify,
}

impl Villain {
    async fn start(case: &Case) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let villain = Arc::new(Self {
            address: listener.local_addr().unwrap(),
            asked: Mutex::default(),
            may_add: Notify::new(),
            has_added: Notify::new(),
        });
        let (own, case) = (Arc::clone(&villain), case.clone());
        tokio::spawn(async move {
            for number in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(Arc::clone(&own).serve(stream, number, case.clone()));
            }
        });
        villain
    }

    async fn serve(self: Arc<Self>, mut stream: TcpStream, number: usize, case: Case) {
        let mut bytes = Vec::new();
        while stream.read_buf(&mut bytes).await.is_ok_and(|count| count > 0) {
            let Parsed::Whole(request, used) = strict::request(&bytes) else { continue };
            bytes.drain(..used);
            self.asked.lock().push((request.target.clone(), number));
            if request.target != HOSTILE {
                let body = request.target;
                let answer =
                    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
                let _ = stream.write_all(answer.as_bytes()).await;
                continue;
            }
            // Weir may have had enough before the end.
            let _ = stream.write_all(&case.bytes).await;
            match case.end {
                End::Keeps => {}
                End::Closes => return,
                End::Adds(more) => {
                    self.may_add.notified().await;
                    let _ = stream.write_all(more).await;
                    self.has_added.notify_one();
                }
            }
        }
    }

    /// Returns which connection carried a request.
    fn connection(&self, target: &str) -> Option<usize> {
        let asked = self.asked.lock();
        asked.iter().find(|(found, _)| found == target).map(|(_, number)| *number)
    }
}

/// Returns what comes after the interim answers, of which there are no more than are passed on, and
/// never another protocol.
pub async fn final_answer(client: &mut Client, is_head: bool) -> Got {
    for _ in 0..=32 {
        match client.next(is_head).await {
            Got::Answer(answer) if answer.status < 200 && answer.status != 101 => {}
            got => return got,
        }
    }
    Got::Wrong("more than 32 interim answers".into())
}

async fn run(codec: Codec, case: &Case) -> Result<(), String> {
    let villain = Villain::start(case).await;
    // One worker: a kept connection would be taken by the very next request.
    let options = Options { workers: 1, ..codec.options() };
    let rig = Rig::with(pool(&[villain.address]), route(), options);
    let mut client = Client::connect(rig.http).await;
    let request = format!("{} {HOSTILE} HTTP/1.1\r\nHost: front.example\r\n\r\n", case.method);
    client.send(request.as_bytes()).await;
    let got = final_answer(&mut client, case.method == "HEAD").await;
    let stays = matches!(&got, Got::Answer(answer) if !answer.closes);
    is_expected(&case.expect, got)?;
    if let End::Adds(_) = case.end {
        villain.may_add.notify_one();
        villain.has_added.notified().await;
    }
    if stays {
        served(&mut client, "/probe").await?;
    }
    served(&mut Client::connect(rig.http).await, "/good").await?;
    let hostile = villain.connection(HOSTILE);
    let next = villain.connection(if stays { "/probe" } else { "/good" });
    if hostile.is_none() || next.is_none() || (hostile == next) != case.is_reused {
        return Err(format!("connection {hostile:?}, and {next:?} for the next request"));
    }
    Ok(())
}

async fn served(client: &mut Client, path: &str) -> Result<(), String> {
    served_as(client, path, path).await
}

pub async fn served_as(client: &mut Client, path: &str, body: &str) -> Result<(), String> {
    client.send(format!("GET {path} HTTP/1.1\r\nHost: front.example\r\n\r\n").as_bytes()).await;
    match client.next(false).await {
        Got::Answer(answer) if answer.status == 200 && answer.body == body.as_bytes() => Ok(()),
        got => Err(format!("{path} got {got:?}")),
    }
}

pub fn is_expected(expect: &Expect, got: Got) -> Result<(), String> {
    match (expect, got) {
        (Expect::Bad | Expect::Broken | Expect::Either(_), Got::Answer(answer))
            if answer.status == 502 && is_ours(&answer) =>
        {
            Ok(())
        }
        (Expect::Broken, Got::End(_)) => Ok(()),
        (Expect::Whole(whole) | Expect::Either(whole), Got::Answer(answer)) => {
            is_whole(whole, &answer)
        }
        (_, Got::End(rest)) => Err(format!("an end after {:?}", text(&rest))),
        (_, got) => Err(format!("the client got {got:?}")),
    }
}

fn is_ours(answer: &Answer) -> bool {
    answer.values("x-weir-reason").len() == 1
}

fn is_whole(whole: &Whole, answer: &Answer) -> Result<(), String> {
    if answer.status != whole.status || answer.body != whole.body {
        return Err(format!("the client got {} {:?}", answer.status, text(&answer.body)));
    }
    match whole.lacks.iter().find(|name| !answer.values(name).is_empty()) {
        Some(name) => Err(format!("the client got {name}: {:?}", answer.values(name))),
        None => Ok(()),
    }
}
