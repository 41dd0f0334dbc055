//! The command that sends a request, for where there is no curl: images without a shell, and the
//! chart's own test.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use http::{Request, Uri, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use crate::config::ProbeArgs;

/// Between two tries.
const PAUSE: Duration = Duration::from_millis(500);
/// Most of an answer that is read.
const MOST_BYTES: usize = 1 << 20;

struct Answer {
    status: u16,
    reason: Option<String>,
    body: String,
}

/// Runs the command: one line on standard output, and exit code 1 where no answer was as expected.
///
/// # Errors
/// Where the URL cannot be asked, or no answer was as expected in time.
pub(super) async fn run(args: ProbeArgs) -> anyhow::Result<ExitCode> {
    let uri: Uri = args.url.parse().with_context(|| format!("{}: not a URL", args.url))?;
    let is_plain = uri.scheme_str() == Some("http") && uri.authority().is_some();
    anyhow::ensure!(is_plain, "{}: write http://host or http://host:port", args.url);
    let begin = Instant::now();
    let mut tries = 0_u32;
    loop {
        tries += 1;
        let outcome = match timeout(args.timeout, ask(&args, &uri)).await {
            Ok(Ok(answer)) => judge(&args, &answer),
            Ok(Err(error)) => Err(format!("{error:#}")),
            Err(_) => Err(format!("no answer in {:?}", args.timeout)),
        };
        match outcome {
            Ok(status) => {
                let took = begin.elapsed().as_millis();
                writeln!(std::io::stdout(), "{status} from {} (try {tries}, {took} ms)", args.url)?;
                return Ok(ExitCode::SUCCESS);
            }
            Err(why) if begin.elapsed() + PAUSE >= args.within => {
                anyhow::bail!("{}: {why} (try {tries}, the last)", args.url)
            }
            Err(_) => sleep(PAUSE).await,
        }
    }
}

fn judge(args: &ProbeArgs, answer: &Answer) -> Result<u16, String> {
    if answer.status != args.status {
        let reason = answer.reason.as_deref().map(|r| format!(", x-weir-reason {r}"));
        return Err(format!(
            "{} instead of {}{}",
            answer.status,
            args.status,
            reason.unwrap_or_default()
        ));
    }
    match &args.contains {
        Some(text) if !answer.body.contains(text) => {
            Err(format!("{}, but the body does not contain {text:?}", answer.status))
        }
        _ => Ok(answer.status),
    }
}

async fn ask(args: &ProbeArgs, uri: &Uri) -> anyhow::Result<Answer> {
    let authority = uri.authority().context("no host")?;
    let port = authority.port_u16().unwrap_or(80);
    // Brackets are for URLs alone.
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    let stream = TcpStream::connect((host, port)).await.context("cannot connect")?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let mut request = Request::get(target);
    if !args.headers.iter().any(|h| h.name.eq_ignore_ascii_case("host")) {
        request = request.header(header::HOST, authority.as_str());
    }
    for header in &args.headers {
        request = request.header(&header.name, &header.value);
    }
    let answer = sender.send_request(request.body(Empty::<Bytes>::new())?).await?;
    let status = answer.status().as_u16();
    let reason = answer.headers().get("x-weir-reason").and_then(|v| v.to_str().ok());
    let reason = reason.map(str::to_owned);
    let body = Limited::new(answer.into_body(), MOST_BYTES).collect().await;
    let body = body.map_err(|error| anyhow::anyhow!("the body broke off: {error}"))?.to_bytes();
    connection.abort();
    Ok(Answer { status, reason, body: String::from_utf8_lossy(&body).into_owned() })
}
