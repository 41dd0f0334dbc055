//! One request: over a connection of its own, or over a kept one.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{CONNECTION, HOST};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;

use super::Options;
use super::report::Recorder;

type Sender = SendRequest<Full<Bytes>>;

/// Pauses before a request is sent again; each is twice the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LAST_PAUSE: Duration = Duration::from_secs(4);

/// Failed is why a request was not answered as it should be.
enum Failed {
    /// The connection did not come about, or broke.
    Broken(String),
    Answered(String),
}

impl From<String> for Failed {
    fn from(what: String) -> Self {
        Self::Broken(what)
    }
}

/// Kind is what is sent, and how.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kind {
    is_post: bool,
    is_kept: bool,
    is_tls: bool,
    /// Which of the hosts.
    host: usize,
}

impl Kind {
    /// Returns the kind of the request with a number.
    pub(super) fn of(number: u64, options: &Options) -> Self {
        let step = number % 10;
        Self {
            is_post: options.posts && number % 20 >= 18,
            is_kept: step % 2 == 1,
            is_tls: options.tls.is_some() && (4..6).contains(&step),
            host: (number / 20) as usize % options.hosts.len(),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{} {} {} {}",
            if self.is_post { "post" } else { "get" },
            if self.is_kept { "kept" } else { "new" },
            if self.is_tls { "https" } else { "http" },
            self.host,
        )
    }
}

/// Client holds the kept connections.
#[derive(Debug)]
pub(super) struct Client {
    address: SocketAddr,
    source: Option<IpAddr>,
    again: bool,
    hosts: Vec<String>,
    tls: Option<(SocketAddr, Arc<ClientConfig>)>,
    /// By host, in the clear and over TLS.
    kept: Vec<[Mutex<Vec<Sender>>; 2]>,
}

impl Client {
    pub(super) fn new(options: &Options) -> Self {
        let tls = options.tls.as_ref().map(|(address, file)| {
            let mut roots = RootCertStore::empty();
            let authority = rustls::pki_types::CertificateDer::from_pem_file(file);
            roots.add(authority.expect("ca= is PEM")).expect("ca= is an authority");
            // Every connection shakes hands in full, so that it sees the certificate.
            let mut config =
                ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
            config.resumption = rustls::client::Resumption::disabled();
            (*address, Arc::new(config))
        });
        Self {
            address: options.address,
            source: options.source,
            again: options.again,
            kept: options.hosts.iter().map(|_| Default::default()).collect(),
            hosts: options.hosts.clone(),
            tls,
        }
    }

    /// Sends a request and reads the whole answer; it must be 200. Where that was asked for, one
    /// that may be sent twice and whose connection breaks is sent again after a moment.
    pub(super) async fn send(&self, kind: Kind, recorder: &Recorder) -> Result<(), String> {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.send_once(kind).await {
                Err(Failed::Broken(_)) if self.again && !kind.is_post && pause < LAST_PAUSE => {
                    recorder.again();
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
                Err(Failed::Broken(what) | Failed::Answered(what)) => return Err(what),
                Ok(()) => return Ok(()),
            }
        }
    }

    async fn send_once(&self, kind: Kind) -> Result<(), Failed> {
        let host = &self.hosts[kind.host];
        let kept = &self.kept[kind.host][usize::from(kind.is_tls)];
        let idle = if kind.is_kept { take(kept) } else { None };
        let mut sender = match idle {
            Some(sender) => sender,
            None => self.open(host, kind.is_tls).await?,
        };
        let method = if kind.is_post { Method::POST } else { Method::GET };
        let mut request = Request::builder().method(method).uri("/").header(HOST, host);
        if !kind.is_kept {
            request = request.header(CONNECTION, "close");
        }
        let body = if kind.is_post { Bytes::from_static(b"order=1") } else { Bytes::new() };
        let request = request.body(Full::new(body)).map_err(|error| error.to_string())?;
        let response =
            sender.send_request(request).await.map_err(|e| format!("request: {}", deep(&e)))?;
        let (status, closes) = (response.status(), says_close(&response));
        let reason = response.headers().get("x-weir-reason").cloned();
        response.into_body().collect().await.map_err(|e| format!("body: {}", deep(&e)))?;
        if status != 200 {
            return Err(Failed::Answered(format!("{status} {reason:?}")));
        }
        if kind.is_kept && !closes {
            kept.lock().push(sender);
        }
        Ok(())
    }

    async fn open(&self, host: &str, is_tls: bool) -> Result<Sender, String> {
        if let Some((address, config)) = self.tls.as_ref().filter(|_| is_tls) {
            let stream = connect(*address, self.source).await?;
            let name = ServerName::try_from(host.to_owned()).map_err(|e| e.to_string())?;
            let connector = TlsConnector::from(Arc::clone(config));
            let stream = connector.connect(name, stream).await;
            return shake(stream.map_err(|error| format!("TLS: {error}"))?).await;
        }
        shake(connect(self.address, self.source).await?).await
    }
}

/// Takes a connection that the other side has not closed.
fn take(kept: &Mutex<Vec<Sender>>) -> Option<Sender> {
    let mut kept = kept.lock();
    loop {
        let sender = kept.pop()?;
        if sender.is_ready() && !sender.is_closed() {
            return Some(sender);
        }
    }
}

fn says_close(response: &Response<Incoming>) -> bool {
    response.headers().get(CONNECTION).is_some_and(|value| value.as_bytes() == b"close")
}

/// Returns an error with what caused it.
fn deep(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", deep(source)),
        None => error.to_string(),
    }
}

/// Connects from an address, if one is given.
pub(super) async fn connect(
    address: SocketAddr,
    source: Option<IpAddr>,
) -> Result<TcpStream, String> {
    let socket = TcpSocket::new_v4().map_err(|error| error.to_string())?;
    if let Some(source) = source {
        socket.bind((source, 0).into()).map_err(|error| format!("bind: {error}"))?;
    }
    let stream = socket.connect(address).await.map_err(|error| format!("connect: {error}"))?;
    stream.set_nodelay(true).map_err(|error| error.to_string())?;
    Ok(stream)
}

async fn shake<S>(stream: S) -> Result<Sender, String>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (sender, connection) =
        handshake(TokioIo::new(stream)).await.map_err(|error| format!("handshake: {error}"))?;
    tokio::spawn(connection);
    Ok(sender)
}

/// Sends a single GET and returns the status and the body.
pub(super) async fn get(
    address: SocketAddr,
    host: &str,
    path: &str,
) -> Result<(u16, String), String> {
    let mut sender = shake(connect(address, None).await?).await?;
    let request = Request::builder().uri(path).header(HOST, host).body(Full::new(Bytes::new()));
    let request = request.map_err(|error| error.to_string())?;
    let response = sender.send_request(request).await.map_err(|error| deep(&error))?;
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.map_err(|error| deep(&error))?.to_bytes();
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}
