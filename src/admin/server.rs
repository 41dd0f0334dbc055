//! Accepts connections on the admin address and bounds what they cost.

use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::router::{Options, router};

/// Connections at once: a few scrapers, probes and people.
const CONNECTIONS: usize = 128;
/// Time for the head of a request, and for an idle connection.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// A connection ends after this long; clients open another.
const CONNECTION_AGE: Duration = Duration::from_secs(300);
/// What a connection then may take to end its last answer.
const LAST_ANSWER: Duration = Duration::from_secs(10);
const MOST_HEAD_BYTES: usize = 64 * 1024;
const MOST_HEADERS: usize = 64;

/// Answers on a listening socket until the future is dropped.
///
/// # Cancel safety
/// Dropping the future stops accepting; open connections end with the runtime, or with their age.
pub async fn run(listener: TcpListener, options: Options) {
    let service = TowerToHyperService::new(router(options));
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let service = service.clone();
                tokio::spawn(async move {
                    serve(stream, service).await;
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "the admin address cannot accept");
                // As when descriptors run out: do not spin until there are some again.
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, service: TowerToHyperService<axum::Router>) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MOST_HEAD_BYTES)
        .max_headers(MOST_HEADERS)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    if let Ok(ended) = tokio::time::timeout(CONNECTION_AGE, connection.as_mut()).await {
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection to the admin address broke");
        }
        return;
    }
    connection.as_mut().graceful_shutdown();
    let _ = tokio::time::timeout(LAST_ANSWER, connection).await;
}
