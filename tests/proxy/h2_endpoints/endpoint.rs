//! An endpoint that speaks HTTP/2 by the crate h2, so that tests can say what it does frame by frame.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use h2::server::{Builder, SendResponse};
use h2::{RecvStream, SendStream};
use http::{Request, Response};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};

/// One request that an endpoint got.
pub struct Asked {
    pub head: http::request::Parts,
    pub body: RecvStream,
    pub respond: SendResponse<Bytes>,
    /// Which connection it came by, counted from 1.
    pub connection: usize,
}

impl Asked {
    /// Answers with this status; the body follows in the stream.
    pub fn begin(&mut self, status: u16) -> SendStream<Bytes> {
        let head = Response::builder().status(status).body(()).unwrap();
        self.respond.send_response(head, false).unwrap()
    }

    /// Answers 200 with a text.
    pub fn answer(&mut self, text: impl Into<Bytes>) {
        self.begin(200).send_data(text.into(), true).unwrap();
    }
}

pub struct Endpoint {
    pub address: SocketAddr,
    /// Connections so far, and at this moment.
    pub connections: Arc<AtomicUsize>,
    pub open: Arc<AtomicUsize>,
}

impl Endpoint {
    /// Starts an endpoint; each request has a task of its own.
    pub async fn start<F>(respond: impl Fn(Asked) -> F + Clone + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self::with(Builder::new(), 0, respond).await
    }

    /// Starts one that ends each connection, in good order, after so many requests; 0 is never.
    pub async fn with<F>(
        builder: Builder,
        most: usize,
        respond: impl Fn(Asked) -> F + Clone + Send + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self::over(|stream| async { Some(stream) }, builder, most, respond).await
    }

    /// Starts one that speaks HTTP/2 inside something else.
    pub async fn over<F, S, O>(
        open: impl Fn(TcpStream) -> O + Clone + Send + 'static,
        builder: Builder,
        most: usize,
        respond: impl Fn(Asked) -> F + Clone + Send + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
        O: Future<Output = Option<S>> + Send + 'static,
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections: Arc<AtomicUsize> = Arc::default();
        let live: Arc<AtomicUsize> = Arc::default();
        let counts = (Arc::clone(&connections), Arc::clone(&live));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                let number = counts.0.fetch_add(1, Ordering::SeqCst) + 1;
                let live = Arc::clone(&counts.1);
                live.fetch_add(1, Ordering::SeqCst);
                let (builder, respond, open) = (builder.clone(), respond.clone(), open.clone());
                tokio::spawn(async move {
                    let mut seen = 0;
                    if let Some(stream) = open(stream).await
                        && let Ok(mut connection) = builder.handshake(stream).await
                    {
                        while let Some(Ok((request, answer))) = connection.accept().await {
                            seen += 1;
                            if seen == most {
                                connection.graceful_shutdown();
                            }
                            let (head, body) = Request::into_parts(request);
                            let asked = Asked { head, body, respond: answer, connection: number };
                            tokio::spawn(respond(asked));
                        }
                    }
                    live.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self { address, connections, open: live }
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}
