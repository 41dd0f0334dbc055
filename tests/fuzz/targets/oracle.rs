//! What hyper makes of the same bytes, over a connection that is two buffers.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, Version};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::service::service_fn;

use super::message::Message;

thread_local! {
    static RUNTIME: tokio::runtime::Runtime =
        tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
}

/// Script gives bytes to read, then the end; what is written is thrown away.
struct Script {
    bytes: Bytes,
    /// Whether nothing is to be read before something was written.
    waits: bool,
    waker: Option<Waker>,
}

impl Script {
    fn new(bytes: &[u8], waits: bool) -> Self {
        Self { bytes: Bytes::copy_from_slice(bytes), waits, waker: None }
    }
}

impl Read for Script {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if self.waits {
            self.waker = Some(context.waker().clone());
            return Poll::Pending;
        }
        let length = buffer.remaining().min(self.bytes.len());
        buffer.put_slice(&self.bytes.split_to(length));
        Poll::Ready(Ok(()))
    }
}

impl Write for Script {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.waits = false;
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// A request as hyper reads it.
pub struct Request1 {
    pub method: String,
    pub uri: http::Uri,
    pub version: Version,
    pub message: Message,
}

/// Reads the first request with hyper's server. Nothing where it takes none, or not its whole body.
pub fn request(bytes: &[u8]) -> Option<Request1> {
    let seen = Rc::new(RefCell::new(None));
    let service = service_fn(|request: Request<Incoming>| {
        let seen = Rc::clone(&seen);
        async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await.map_err(|error| error.to_string())?;
            let trailers = body.trailers().cloned();
            let message =
                Message { headers: parts.headers, body: body.to_bytes().to_vec(), trailers };
            let request = Request1 {
                method: parts.method.to_string(),
                uri: parts.uri,
                version: parts.version,
                message,
            };
            seen.borrow_mut().get_or_insert(request);
            Err::<Response<Empty<Bytes>>, String>("one is enough".into())
        }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .half_close(true)
        .serve_connection(Script::new(bytes, false), service);
    let _ = RUNTIME.with(|runtime| runtime.block_on(connection));
    seen.take()
}

/// Reads an answer with hyper's client. Nothing where it takes none, or not its whole body.
pub fn answer(bytes: &[u8], is_head: bool) -> Option<(StatusCode, Version, Message)> {
    let exchange = async {
        let script = Script::new(bytes, true);
        // As many as Weir takes, and those that it writes itself; hyper's default is 100.
        let mut builder = hyper::client::conn::http1::Builder::new();
        builder.max_headers(300);
        let (mut sender, connection) =
            builder.handshake(script).await.map_err(|e| e.to_string())?;
        let method = if is_head { "HEAD" } else { "GET" };
        let request = Request::builder().method(method).uri("/").header("host", "a");
        let request = request.body(Empty::<Bytes>::new()).expect("a request");
        let response = async {
            let response = sender.send_request(request).await.map_err(|e| e.to_string())?;
            let (parts, body) = response.into_parts();
            let body = body.collect().await.map_err(|e| e.to_string())?;
            let trailers = body.trailers().cloned();
            let message =
                Message { headers: parts.headers, body: body.to_bytes().to_vec(), trailers };
            Ok::<_, String>((parts.status, parts.version, message))
        };
        tokio::pin!(response, connection);
        tokio::select! {
            biased;
            response = &mut response => response,
            _ = &mut connection => response.await,
        }
    };
    RUNTIME.with(|runtime| runtime.block_on(exchange)).ok()
}

/// Returns the values of a field as one text each.
pub fn values(headers: &HeaderMap, name: &str) -> Vec<Vec<u8>> {
    headers.get_all(name).iter().map(|value| value.as_bytes().to_vec()).collect()
}
