//! Runs all cases over h2c, and counts them.

use super::client::{Client, Stop};
use super::frames::{PING, RST_STREAM, WINDOW_UPDATE, frame, headers, with};
use super::{cases, floods, headers as fields};
use crate::bench::{Bench, CODECS};
use crate::case::One;
use crate::client::text;
use crate::judge::{REFUSALS, good, is_clean, is_mark, means};
use crate::recorder::Record;

/// What must come of a case.
#[derive(Clone, Debug)]
pub enum Expect {
    /// The stream is refused or reset, or the connection ends; no endpoint sees a request.
    Refused,
    /// The connection ends.
    Ended,
    Passed(One),
    Either(One),
    /// Others are served, and the endpoint gets at most so many requests.
    Flood(usize),
}

#[derive(Clone, Debug)]
pub struct Case {
    pub name: String,
    pub source: &'static str,
    pub frames: Vec<u8>,
    pub expect: Expect,
    /// Whether the endpoint may get the beginning before the refusal.
    pub is_partly: bool,
}

fn case(name: impl Into<String>, source: &'static str, frames: Vec<u8>, expect: Expect) -> Case {
    Case { name: name.into(), source, frames, expect, is_partly: false }
}

pub fn refused(name: impl Into<String>, source: &'static str, frames: Vec<u8>) -> Case {
    case(name, source, frames, Expect::Refused)
}

pub fn ended(name: impl Into<String>, source: &'static str, frames: Vec<u8>) -> Case {
    case(name, source, frames, Expect::Ended)
}

pub fn passed(name: impl Into<String>, source: &'static str, frames: Vec<u8>, one: One) -> Case {
    case(name, source, frames, Expect::Passed(one))
}

pub fn either(name: impl Into<String>, source: &'static str, frames: Vec<u8>, one: One) -> Case {
    case(name, source, frames, Expect::Either(one))
}

pub fn flood(name: impl Into<String>, source: &'static str, frames: Vec<u8>, most: usize) -> Case {
    case(name, source, frames, Expect::Flood(most))
}

impl Case {
    pub fn partly(self) -> Self {
        Self { is_partly: true, ..self }
    }
}

pub const LEAST: [(&str, usize); 3] = [("fields", 120), ("frames", 40), ("floods", 25)];

pub fn kinds() -> [Vec<Case>; 3] {
    [fields::cases(), cases::cases(), floods::cases()]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_streams_are_refused_or_mean_one_thing() {
    // The codec of HTTP/1.1 makes no difference here.
    let bench = Bench::start(CODECS[0]).await;
    let mut failures = Vec::new();
    for ((kind, least), cases) in LEAST.into_iter().zip(kinds()) {
        println!("HTTP/2 {kind}: {} cases", cases.len());
        assert!(cases.len() >= least, "{kind}: {} cases of {least}", cases.len());
        let only = std::env::var("HOSTILE").unwrap_or_default();
        for case in cases.into_iter().filter(|case| case.name.contains(&only)) {
            if let Err(why) = run(&bench, &case).await {
                failures.push(format!("- {} ({}): {why}", case.name, case.source));
            }
        }
    }
    assert!(failures.is_empty(), "{}\n{}", failures.join("\n"), failures.len());
}

async fn run(bench: &Bench, case: &Case) -> Result<(), String> {
    bench.recorder.take();
    let mut client = Client::connect(bench.rig.http).await;
    client.send(case.frames.clone());
    let stop = match case.expect {
        Expect::Flood(_) => {
            // While the flood goes on.
            good(bench).await?;
            // A stream that was never opened: until the flood is over or cut off.
            client.send(frame(PING, 0, 0, [7; 8]));
            probe(bench, &mut client, 40_001).await?
        }
        _ => client.until_over(1).await,
    };
    if stop == Stop::Silence {
        return Err("neither an answer nor an end".into());
    }
    let is_alive = stop == Stop::Over && !client.is_away;
    if is_alive && !matches!(case.expect, Expect::Flood(_) | Expect::Ended) {
        probe(bench, &mut client, 101).await?;
    }
    good(bench).await.map_err(|why| format!("afterwards {why}"))?;
    let mut record = bench.recorder.take();
    record.requests.retain(|request| !is_mark(&request.target));
    if let Some(wrong) = record.wrong.first() {
        return Err(format!("the endpoint got {wrong}"));
    }
    for request in &record.requests {
        is_clean(request)?;
    }
    match &case.expect {
        Expect::Refused => refusal(case, &client, stop, &record),
        Expect::Ended if stop == Stop::Closed || client.is_away => {
            refusal(case, &client, Stop::Closed, &record)
        }
        Expect::Ended => Err("the connection goes on".into()),
        Expect::Flood(most) if record.requests.len() <= *most => Ok(()),
        Expect::Flood(_) => Err(format!("the endpoint got {} requests", record.requests.len())),
        Expect::Either(_) if record.requests.is_empty() => refusal(case, &client, stop, &record),
        Expect::Passed(one) | Expect::Either(one) => arrival(&client, &record, one),
    }
}

/// The connection's next stream gets its own answer, or the connection is over.
async fn probe(bench: &Bench, client: &mut Client, number: u32) -> Result<Stop, String> {
    let path = bench.mark("probe");
    client.send(headers(number, with(":path", path.as_bytes())));
    // A case may have taken the window of all streams.
    client.send(frame(WINDOW_UPDATE, 0, number, [0, 0, 4, 0]));
    let stop = client.until_over(number).await;
    let stream = client.stream(number);
    match stop {
        Stop::Silence => Err("the next stream gets no answer".into()),
        Stop::Over if stream.is_reset || stream.body == path.as_bytes() => Ok(stop),
        Stop::Over if client.is_away => Ok(stop),
        Stop::Over => Err(format!("the next stream got {:?}", text(&stream.body))),
        Stop::Closed => Ok(stop),
    }
}

fn refusal(case: &Case, client: &Client, stop: Stop, record: &Record) -> Result<(), String> {
    if let Some(request) = record.requests.first() {
        return Err(format!("the endpoint got {} {}", request.method, request.target));
    }
    if let Some((_, bytes)) = record.partial.first().filter(|_| !case.is_partly) {
        return Err(format!("the endpoint got {:?}", text(bytes)));
    }
    let stream = client.stream(1);
    let is_refused = stream.status.is_some_and(|status| REFUSALS.contains(&status));
    if is_refused || stream.is_reset || stop == Stop::Closed || client.is_away {
        return Ok(());
    }
    Err(format!("the client got {:?}", stream.status))
}

fn arrival(client: &Client, record: &Record, one: &One) -> Result<(), String> {
    let stream = client.stream(1);
    let [request] = &record.requests[..] else {
        let count = record.requests.len();
        return Err(format!("the endpoint got {count} requests, the client {:?}", stream.status));
    };
    means(request, one)?;
    if stream.status != Some(200) || stream.body != one.target.as_bytes() {
        return Err(format!("the client got {:?} {:?}", stream.status, text(&stream.body)));
    }
    Ok(())
}

/// A frame that brings nothing is dear in numbers alone: the connection ends and says why, the metric says
/// what it was. Source: RFC 9113 §7, §10.5.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_many_frames_end_the_connection_by_name() {
    const CALM: u32 = 11;
    let bench = Bench::start(CODECS[0]).await;
    for (cause, frames) in floods::counted() {
        let series = |value| {
            format!("weir_downstream_floods_total{{listener=\"http\",cause=\"{cause}\"}} {value}")
        };
        let before = usize::from(bench.rig.metrics.encode().contains(&series(1)));
        let mut client = Client::connect(bench.rig.http).await;
        client.send(frames);
        assert_eq!(client.until_over(40_001).await, Stop::Closed, "{cause}");
        assert_eq!(client.away, Some(CALM), "{cause}");
        if cause == floods::OF_H2 {
            continue;
        }
        let metrics = bench.rig.metrics.encode();
        assert!(metrics.contains(&series(before + 1)), "{cause}: {metrics}");
    }
    good(&bench).await.unwrap();
}

/// Who takes an answer may open windows and measure the way as often as it likes, and a browser may give
/// up what it asked for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn busy_clients_are_no_flood() {
    let bench = Bench::start(CODECS[0]).await;
    let mut client = Client::connect(bench.rig.http).await;
    for number in 0..3000 {
        let stream = number * 2 + 1;
        let path = bench.mark("busy");
        client.send(headers(stream, with(":path", path.as_bytes())));
        client.send(frame(WINDOW_UPDATE, 0, 0, [0, 0, 0, 64]));
        client.send(frame(WINDOW_UPDATE, 0, stream, [0, 0, 0, 64]));
        client.send(frame(PING, 0, 0, [9; 8]));
        assert_eq!(client.until_over(stream).await, Stop::Over, "{number}");
        assert_eq!(client.stream(stream).body, path.as_bytes(), "{number}");
    }
    for number in 0..100 {
        let stream = 10_001 + number * 4;
        client.send(headers(stream, with(":path", b"/hostile")));
        client.send(frame(RST_STREAM, 0, stream, [0, 0, 0, 8]));
        assert_eq!(probe(&bench, &mut client, stream + 2).await, Ok(Stop::Over));
    }
    assert!(!client.is_away);
}
