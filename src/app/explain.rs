//! The command: on manifests, or asking a Weir that runs.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::TokioIo;
use tokio::sync::{mpsc, watch};

use super::print::print;
use crate::admin::{ExplainQuery, explain};
use crate::config::ExplainArgs;
use crate::metrics::Metrics;
use crate::model::RegionName;
use crate::reconcile::Reconciler;
use crate::source::file::Directory;
use crate::source::{self, State};
use crate::table::{Table, TableHandle};
use crate::upstream::{self, GeoIp, Pools, Surroundings, clock};

/// Runs the command.
///
/// # Errors
/// Where the manifests are not readable, or no Weir answers.
pub(super) async fn run(args: ExplainArgs) -> anyhow::Result<ExitCode> {
    let text = match &args.manifests {
        Some(_) => of_manifests(&args).await?,
        None => of_running(&args).await?,
    };
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

async fn of_manifests(args: &ExplainArgs) -> anyhow::Result<String> {
    let path = args.manifests.clone().unwrap_or_default();
    let directory = Directory::open(&path).context("--manifests")?;
    let metrics = Metrics::new(1);
    let surroundings = Surroundings {
        zone: args.zone.as_deref().map(Into::into),
        region: args.region.as_deref().map(|region| RegionName(region.into())),
    };
    let options = upstream::Options { surroundings, session_key: Vec::new() };
    let (pools, _readers) = Pools::new(options, Arc::clone(&metrics));
    let table = TableHandle::new(Table::default());
    let standalone = crate::translate::Options { standalone: true, ..Default::default() };
    let mut reconciler = Reconciler::new(standalone, table.clone(), pools, Arc::clone(&metrics));
    let (batch_sender, mut batches) = mpsc::channel(16);
    let (state_sender, _state) = watch::channel(State::default());
    let source = source::file::run(directory, batch_sender, state_sender, metrics);
    tokio::select! {
        () = source => anyhow::bail!("the manifests cannot be read"),
        () = async {
            while let Some(batch) = batches.recv().await {
                let is_synced = batch.synced;
                reconciler.take(batch);
                if is_synced {
                    reconciler.publish();
                    return;
                }
            }
        } => {}
    }
    let geo = args.geoip_database.as_deref().map(GeoIp::open).transpose()?;
    Ok(explain(&table.load_full(), &query(args), geo.as_ref(), clock::now())?.to_string())
}

fn query(args: &ExplainArgs) -> ExplainQuery {
    ExplainQuery {
        method: args.method.to_ascii_uppercase(),
        url: args.url.clone(),
        headers: args.headers.iter().map(|h| format!("{}: {}", h.name, h.value)).collect(),
        client: args.client_ip,
    }
}

async fn of_running(args: &ExplainArgs) -> anyhow::Result<String> {
    let base = args.admin.as_deref().unwrap_or("http://127.0.0.1:9090").trim_end_matches('/');
    let uri: http::Uri = base.parse().with_context(|| format!("--admin {base}: not a URL"))?;
    let authority =
        uri.authority().with_context(|| format!("--admin {base}: write http://host:port"))?;
    let stream = tokio::net::TcpStream::connect(authority.as_str()).await.with_context(|| {
        format!("no Weir answers at {base}: give --admin URL or --manifests DIR")
    })?;
    let query = query(args);
    let mut target = format!(
        "/api/v1/explain?method={}&url={}&client={}",
        encode(&query.method),
        encode(&query.url),
        query.client
    );
    for header in &query.headers {
        target = format!("{target}&header={}", encode(header));
    }
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = http::Request::get(target).header("host", authority.as_str());
    let answer = sender.send_request(request.body(Empty::<bytes::Bytes>::new())?).await?;
    let status = answer.status();
    let body = answer.into_body().collect().await?.to_bytes();
    let text = String::from_utf8_lossy(&body).into_owned();
    anyhow::ensure!(status.is_success(), "{base} answered {status}: {}", text.trim());
    Ok(text)
}

/// Encodes a query value; everything but unreserved characters.
/// Source: RFC 3986 §2.3.
fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded = format!("{encoded}%{byte:02X}");
        }
    }
    encoded
}
