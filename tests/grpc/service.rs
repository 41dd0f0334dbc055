//! One service with the four kinds of call, its messages and its client, written by hand.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use futures::{Stream, StreamExt};
use http::uri::PathAndQuery;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::transport::{Channel, Endpoint, Server, Uri};
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;

/// The one message.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Note {
    #[prost(uint64, tag = "1")]
    pub number: u64,
    #[prost(string, tag = "2")]
    pub text: String,
}

pub fn note(number: u64, text: &str) -> Note {
    Note { number, text: text.to_owned() }
}

pub type Notes = Pin<Box<dyn Stream<Item = Result<Note, Status>> + Send>>;

/// The service: `Say` returns what it got, or the status whose number it got with the text `fail`;
/// `Count` counts up to the number; `Sum` adds up; `Talk` returns each note as it comes. `Sleep`
/// never answers.
#[derive(Clone, Debug, Default)]
pub struct Talker {
    /// Calls that are under way.
    pub now: Arc<AtomicUsize>,
    /// Calls that were given up by their client.
    pub gone: Arc<AtomicUsize>,
}

/// Counts a call for as long as it lives.
struct Call(Talker, bool);

impl Call {
    fn begin(talker: &Talker) -> Self {
        talker.now.fetch_add(1, Ordering::SeqCst);
        Self(talker.clone(), false)
    }
}

impl Call {
    /// Ends a call as it should.
    fn end(&mut self) {
        self.1 = true;
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Ordering::SeqCst);
        if !self.1 {
            self.0.gone.fetch_add(1, Ordering::SeqCst);
        }
    }
}

impl NamedService for Talker {
    const NAME: &'static str = "test.Talker";
}

impl tower::Service<http::Request<Body>> for Talker {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let talker = self.clone();
        Box::pin(async move {
            let mut grpc = tonic::server::Grpc::new(ProstCodec::<Note, Note>::default());
            let method = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
            Ok(match method.as_str() {
                "Say" => grpc.unary(tower::service_fn(say), request).await,
                "Count" => grpc.server_streaming(tower::service_fn(count), request).await,
                "Sum" => grpc.client_streaming(tower::service_fn(sum), request).await,
                "Talk" => {
                    let talk = |request| {
                        let answer = talk(talker.clone(), request);
                        async { Ok(answer) }
                    };
                    grpc.streaming(tower::service_fn(talk), request).await
                }
                "Sleep" => {
                    let sleep = |request| sleep(talker.clone(), request);
                    grpc.unary(tower::service_fn(sleep), request).await
                }
                _ => Status::unimplemented(method).into_http(),
            })
        })
    }
}

/// Says that the server is healthy; the answer of the protocol has the number 1 in its first field.
/// Source: gRPC health checking protocol, HealthCheckResponse.
#[derive(Clone, Copy, Debug)]
struct Healthy;

impl NamedService for Healthy {
    const NAME: &'static str = "grpc.health.v1.Health";
}

impl tower::Service<http::Request<Body>> for Healthy {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let serving = |_: Request<Note>| async { Ok::<_, Status>(Response::new(note(1, ""))) };
        Box::pin(async move {
            let mut grpc = tonic::server::Grpc::new(ProstCodec::<Note, Note>::default());
            Ok(grpc.unary(tower::service_fn(serving), request).await)
        })
    }
}

async fn say(request: Request<Note>) -> Result<Response<Note>, Status> {
    let waits = request.metadata().get("grpc-timeout").map(|value| value.to_str().unwrap());
    let said = request.get_ref().clone();
    match said.text.as_str() {
        "fail" => {
            let mut status =
                Status::new(i32::try_from(said.number).unwrap().into(), "as \u{fc}sked, 100 %");
            status.metadata_mut().insert("x-more", "detail".parse().unwrap());
            Err(status)
        }
        "timeout" => Ok(Response::new(note(0, waits.unwrap_or("none")))),
        _ => {
            let mut response = Response::new(said);
            response.metadata_mut().insert("x-served", "yes".parse().unwrap());
            Ok(response)
        }
    }
}

async fn count(request: Request<Note>) -> Result<Response<Notes>, Status> {
    let most = request.get_ref().number;
    let notes = futures::stream::iter((0..most).map(|number| Ok(note(number, "counted"))));
    Ok(Response::new(notes.boxed()))
}

async fn sum(request: Request<Streaming<Note>>) -> Result<Response<Note>, Status> {
    let (mut notes, mut sum) = (request.into_inner(), 0);
    while let Some(note) = notes.message().await? {
        sum += note.number;
    }
    Ok(Response::new(note(sum, "sum")))
}

fn talk(talker: Talker, request: Request<Streaming<Note>>) -> Response<Notes> {
    let call = Call::begin(&talker);
    let state = (request.into_inner(), call);
    let notes = futures::stream::unfold(state, |(mut notes, mut call)| async move {
        match notes.message().await {
            Ok(Some(note)) if note.text == "break" => {
                Some((Err(Status::data_loss("asked for")), (notes, call)))
            }
            Ok(Some(note)) => Some((Ok(note), (notes, call))),
            Ok(None) => {
                call.end();
                None
            }
            Err(status) => Some((Err(status), (notes, call))),
        }
    });
    Response::new(notes.boxed())
}

async fn sleep(talker: Talker, _: Request<Note>) -> Result<Response<Note>, Status> {
    let _call = Call::begin(&talker);
    std::future::pending().await
}

/// Starts a server of the service.
pub async fn serve(talker: Talker) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let incoming = futures::stream::unfold(listener, |listener| async move {
        let accepted = listener.accept().await.map(|(stream, _)| stream);
        Some((accepted, listener))
    });
    let server = Server::builder().add_service(talker).add_service(Healthy);
    tokio::spawn(server.serve_with_incoming(incoming));
    address
}

/// Client calls the service.
#[derive(Clone)]
pub struct Client(tonic::client::Grpc<Channel>);

fn path(method: &str) -> PathAndQuery {
    format!("/test.Talker/{method}").parse().unwrap()
}

fn codec() -> ProstCodec<Note, Note> {
    ProstCodec::default()
}

impl Client {
    /// Connects in clear text, by prior knowledge.
    pub async fn connect(address: SocketAddr) -> Self {
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
        Self(tonic::client::Grpc::new(endpoint.connect().await.unwrap()))
    }

    /// Connects in clear text, and asks for this host.
    pub async fn connect_for(address: SocketAddr, host: &str) -> Self {
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
        let endpoint = endpoint.origin(format!("http://{host}").parse().unwrap());
        Self(tonic::client::Grpc::new(endpoint.connect().await.unwrap()))
    }

    /// Connects by TLS to whatever certificate is shown for the name.
    pub async fn connect_tls(
        address: SocketAddr,
        name: &'static str,
        config: Arc<rustls::ClientConfig>,
    ) -> Self {
        let endpoint = Endpoint::from_shared(format!("https://{name}")).unwrap();
        let connector = tower::service_fn(move |_: Uri| {
            let config = Arc::clone(&config);
            async move {
                let stream = TcpStream::connect(address).await?;
                let name = name.try_into().unwrap();
                let stream = tokio_rustls::TlsConnector::from(config).connect(name, stream).await?;
                assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
                std::io::Result::Ok(TokioIo::new(stream))
            }
        });
        let channel = endpoint.connect_with_connector(connector).await.unwrap();
        Self(tonic::client::Grpc::with_origin(channel, format!("https://{name}").parse().unwrap()))
    }

    async fn ready(&mut self) -> Result<(), Status> {
        self.0.ready().await.map_err(|error| Status::unavailable(error.to_string()))
    }

    pub async fn unary(
        &mut self,
        method: &str,
        request: Request<Note>,
    ) -> Result<Response<Note>, Status> {
        self.ready().await?;
        self.0.unary(request, path(method), codec()).await
    }

    pub async fn count(&mut self, most: u64) -> Result<Response<Streaming<Note>>, Status> {
        self.ready().await?;
        self.0.server_streaming(Request::new(note(most, "")), path("Count"), codec()).await
    }

    pub async fn sum(
        &mut self,
        notes: impl Stream<Item = Note> + Send + 'static,
    ) -> Result<Response<Note>, Status> {
        self.ready().await?;
        self.0.client_streaming(Request::new(notes), path("Sum"), codec()).await
    }

    pub async fn talk(
        &mut self,
        request: Request<impl Stream<Item = Note> + Send + 'static>,
    ) -> Result<Response<Streaming<Note>>, Status> {
        self.ready().await?;
        self.0.streaming(request, path("Talk"), codec()).await
    }
}
