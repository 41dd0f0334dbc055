//! Runs a case and judges what came of it, the same for all.

use crate::bench::Bench;
use crate::case::{Case, End, Expect, One, Then};
use crate::client::{Answer, Client, Got, text};
use crate::recorder::Record;
use crate::strict::Request;

/// What a refusal may be.
pub const REFUSALS: [u16; 9] = [400, 405, 413, 414, 417, 421, 431, 501, 505];

/// Fields that no endpoint ever gets.
const NEVER: [&str; 8] = [
    "keep-alive",
    "proxy-connection",
    "http2-settings",
    "proxy",
    "content_length",
    "transfer_encoding",
    "x_forwarded_for",
    "x_real_ip",
];

/// Fields that no trailer may set. Source: RFC 9110 §6.5.1.
const NO_TRAILERS: [&str; 14] = [
    "content-length",
    "transfer-encoding",
    "host",
    "authorization",
    "connection",
    "content-type",
    "content-encoding",
    "cookie",
    "set-cookie",
    "te",
    "trailer",
    "forwarded",
    "x-forwarded-for",
    "x-request-id",
];

/// Runs a case to its end.
///
/// # Errors
/// What is not as it has to be.
pub async fn judge(bench: &Bench, case: &Case) -> Result<(), String> {
    bench.recorder.take();
    let dialogue = talk(bench, case).await?;
    good(bench).await.map_err(|why| format!("afterwards {why}"))?;
    let mut record = bench.recorder.take();
    record.requests.retain(|request| !is_mark(&request.target));
    if let Some(wrong) = record.wrong.first() {
        return Err(format!("the endpoint got {wrong}"));
    }
    for request in &record.requests {
        is_clean(request)?;
    }
    let refused = || refused(case, &dialogue, &record, 0);
    let refused_whole = || refused().and_then(|()| nothing_partial(case, &record));
    match &case.expect {
        Expect::Refused => refused_whole(),
        Expect::Cut => refused(),
        Expect::Passed(all, then) => arrived(case, &dialogue, &record, all, *then),
        Expect::RefusedByOurs(_) if bench.codec.is_ours() => refused_whole(),
        Expect::Either(one) | Expect::RefusedByOurs(one) => {
            if record.requests.is_empty() {
                return refused_whole();
            }
            arrived(case, &dialogue, &record, std::slice::from_ref(one), Then::Nothing)
        }
    }
}

/// What the client saw.
struct Dialogue {
    /// Final answers but for that of the probe.
    answers: Vec<Answer>,
    /// Whether the connection ended before the probe was answered.
    is_ended: bool,
}

async fn talk(bench: &Bench, case: &Case) -> Result<Dialogue, String> {
    let (is_head, expected) = match &case.expect {
        Expect::Passed(all, _) => (all.first().is_some_and(|one| one.method == "HEAD"), all.len()),
        _ => (case.bytes.starts_with(b"HEAD "), 1),
    };
    let mut client = Client::connect(bench.rig.http).await;
    client.send(&case.bytes).await;
    if case.end == End::Finishes {
        client.finish().await;
    }
    let mut dialogue = Dialogue { answers: Vec::new(), is_ended: false };
    let probe = bench.mark("probe");
    let (mut is_asked, mut interim) = (false, 0);
    loop {
        match client.next(is_head && dialogue.answers.is_empty()).await {
            Got::Answer(answer) if answer.status < 200 => {
                interim += 1;
                if answer.status == 101 || interim > 1 {
                    return Err(format!("unasked {}", answer.status));
                }
            }
            Got::Answer(answer) if is_asked && answer.body == probe.as_bytes() => {
                return Ok(dialogue);
            }
            Got::Answer(answer) => {
                let closes = answer.closes;
                dialogue.answers.push(answer);
                if !closes && !is_asked && dialogue.answers.len() >= expected {
                    // If the connection goes on, its next request gets its own answer.
                    client.send(probe_request(&probe).as_bytes()).await;
                    is_asked = true;
                }
            }
            Got::End(rest) if rest.is_empty() => {
                dialogue.is_ended = true;
                return Ok(dialogue);
            }
            Got::End(rest) => return Err(format!("half an answer: {:?}", text(&rest))),
            Got::Wrong(why) => return Err(format!("the client got {why}")),
            Got::Silence => return Err("neither an answer nor an end".into()),
        }
    }
}

fn probe_request(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: front.example\r\n\r\n")
}

pub fn is_mark(target: &str) -> bool {
    target.starts_with("/probe/") || target.starts_with("/good/")
}

/// A new client is served as ever.
pub async fn good(bench: &Bench) -> Result<(), String> {
    let path = bench.mark("good");
    let mut client = Client::connect(bench.rig.http).await;
    client.send(probe_request(&path).as_bytes()).await;
    match client.next(false).await {
        Got::Answer(answer) if answer.status == 200 && answer.body == path.as_bytes() => Ok(()),
        got => Err(format!("a good request got {got:?}")),
    }
}

/// After `passed` answers there is one refusal, or the end of the connection without one.
fn refused(case: &Case, dialogue: &Dialogue, record: &Record, passed: usize) -> Result<(), String> {
    if let Some(request) = record.requests.get(passed) {
        return Err(format!("the endpoint got {} {}", request.method, request.target));
    }
    let is_refusal = |status: u16| REFUSALS.contains(&status) || (case.is_late && status == 408);
    match dialogue.answers.get(passed..).unwrap_or_default() {
        [] if dialogue.is_ended => Ok(()),
        [answer] if is_refusal(answer.status) => Ok(()),
        [] => Err("no refusal".into()),
        answers => {
            let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
            Err(format!("{statuses:?} for a refusal"))
        }
    }
}

fn nothing_partial(case: &Case, record: &Record) -> Result<(), String> {
    match record.partial.first() {
        None => Ok(()),
        Some(_) if case.is_partly => Ok(()),
        Some((_, bytes)) => Err(format!("the endpoint got {:?}", text(bytes))),
    }
}

fn arrived(
    case: &Case,
    dialogue: &Dialogue,
    record: &Record,
    all: &[One],
    then: Then,
) -> Result<(), String> {
    for (index, one) in all.iter().enumerate() {
        let request = record.requests.get(index).ok_or_else(|| {
            let statuses: Vec<u16> = dialogue.answers.iter().map(|a| a.status).collect();
            format!("the endpoint got {index} requests, the client {statuses:?}")
        })?;
        means(request, one)?;
        let answer = dialogue.answers.get(index).ok_or_else(|| format!("no answer {index}"))?;
        let own: &[u8] = if one.method == "HEAD" { b"" } else { one.target.as_bytes() };
        if answer.status != 200 || answer.body != own {
            return Err(format!("answer {index} is {} {:?}", answer.status, text(&answer.body)));
        }
    }
    nothing_partial(case, record)?;
    if then == Then::Refused {
        return refused(case, dialogue, record, all.len());
    }
    if record.requests.len() > all.len() || dialogue.answers.len() > all.len() {
        return Err(format!("{:?} for {} requests", record.requests, all.len()));
    }
    Ok(())
}

/// The request is the one that the case says.
pub fn means(request: &Request, one: &One) -> Result<(), String> {
    let same = |what: &str, found: &str, expected: &str| {
        if found == expected {
            return Ok(());
        }
        Err(format!("{what} is {found:?}, not {expected:?}"))
    };
    same("method", &request.method, one.method)?;
    same("target", &request.target, &one.target)?;
    same("host", &request.values("host").join("|"), one.host)?;
    same("body", &text(&request.body), &text(&one.body))?;
    same("x-forwarded-host", &request.values("x-forwarded-host").join("|"), one.host)?;
    for (name, value) in &one.has {
        same(name, &request.values(name).join("|"), value)?;
    }
    for name in &one.lacks {
        same(name, &request.values(name).join("|"), "")?;
    }
    Ok(())
}

/// Nothing in the request is about the client's connection or in another's name.
pub fn is_clean(request: &Request) -> Result<(), String> {
    let of = |name: &str| request.values(name).join("|");
    for (name, value) in [
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-proto", "http"),
        ("x-real-ip", ""),
        ("x-forwarded-prefix", ""),
    ] {
        if of(name) != value {
            return Err(format!("{name} is {:?}", of(name)));
        }
    }
    if !of("forwarded").starts_with("for=127.0.0.1;proto=http") || of("forwarded").contains('|') {
        return Err(format!("forwarded is {:?}", of("forwarded")));
    }
    if of("x-request-id").len() != 32 {
        return Err(format!("x-request-id is {:?}", of("x-request-id")));
    }
    if let Some(name) = NEVER.iter().find(|name| !request.values(name).is_empty()) {
        return Err(format!("the endpoint got {name}"));
    }
    if !matches!(of("connection").as_str(), "" | "te" | "upgrade") {
        return Err(format!("connection is {:?}", of("connection")));
    }
    if !matches!(of("upgrade").as_str(), "" | "websocket") {
        return Err(format!("upgrade is {:?}", of("upgrade")));
    }
    let forbidden = |name: &str| NO_TRAILERS.iter().any(|no| no.eq_ignore_ascii_case(name));
    match request.trailers.iter().find(|(name, _)| forbidden(name)) {
        None => Ok(()),
        Some((name, _)) => Err(format!("trailer {name}")),
    }
}
