//! Hosts behind TLS, each on terms of its own, and clients that want exactly what a test says.

use std::io;
use std::sync::Arc;

use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, KeyUsagePurpose,
    SerialNumber,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, HandshakeKind, RootCertStore, SupportedProtocolVersion};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use weir::model::{
    Certificate, ClientRule, Hostname, HttpsRedirect, Model, Origin, PoolName, PrivateKey, Route,
    RouteId, TlsTerms,
};
use weir::proxy::Options;
use weir::tls::{ServerTls, TicketKeys};

use crate::rig::{Rig, options, pool, route};
use crate::support::authority::revoked_list;
use crate::support::client::Client;
use crate::support::endpoint::{Endpoint, ok};

pub const OLD: &[&SupportedProtocolVersion] = &[&rustls::version::TLS12];
pub const NEW: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13];

/// Signer signs certificates.
pub struct Signer(CertifiedIssuer<'static, KeyPair>);

/// Leaf is a certificate with its key.
#[derive(Clone)]
pub struct Leaf {
    pub chain_pem: String,
    pub key_pem: String,
}

impl Signer {
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub fn rule(&self, is_optional: bool) -> Arc<ClientRule> {
        Arc::new(ClientRule { is_optional, anchors: Some(self.0.pem().into()) })
    }

    /// Asks for certificates of this signer, but for those that a list names. It may be old.
    pub fn rule_without(&self, revoked: &[&Leaf], is_old: bool) -> Arc<ClientRule> {
        let list = revoked_list(revoked.iter().map(|leaf| leaf.serial()), is_old);
        let list = list.signed_by(&self.0).unwrap().pem().unwrap();
        Arc::new(ClientRule { is_optional: false, anchors: Some((self.0.pem() + &list).into()) })
    }

    pub fn leaf(&self, names: &[&str]) -> Leaf {
        self.sign(&params(names))
    }

    pub fn expired(&self, name: &str) -> Leaf {
        let mut params = params(&[name]);
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2021, 1, 1);
        self.sign(&params)
    }

    fn sign(&self, params: &CertificateParams) -> Leaf {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Leaf { chain_pem: certificate.pem(), key_pem: key.serialize_pem() }
    }
}

fn params(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    CertificateParams::new(names).unwrap()
}

impl Leaf {
    fn serial(&self) -> SerialNumber {
        let der = self.der();
        let (_, parsed) = x509_parser::parse_x509_certificate(&der).unwrap();
        SerialNumber::from_slice(parsed.raw_serial())
    }

    pub fn der(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.chain_pem.as_bytes()).unwrap()
    }
}

/// Host is a name, the names that its certificate is for, and how it is served.
#[derive(Clone, Default)]
pub struct Host {
    /// Empty is any host, with the default certificate.
    pub name: &'static str,
    pub covers: Vec<&'static str>,
    pub terms: TlsTerms,
    pub redirect: Option<HttpsRedirect>,
    /// Rule of the route, where it is another one than that of the name.
    pub route_rule: Option<Arc<ClientRule>>,
}

impl Host {
    pub fn new(name: &'static str) -> Self {
        Self { name, covers: vec![name], ..Self::default() }
    }

    pub fn asking(name: &'static str, rule: &Arc<ClientRule>) -> Self {
        let terms = TlsTerms { client: Some(Arc::clone(rule)), ..TlsTerms::default() };
        Self { terms, ..Self::new(name) }
    }
}

/// Hosts are some hosts that one endpoint serves.
pub struct Hosts {
    pub rig: Rig,
    pub endpoint: Endpoint,
    pub signer: Signer,
    tls: Arc<ServerTls>,
}

impl Hosts {
    pub async fn start(hosts: &[Host]) -> Self {
        Self::with(hosts, TicketKeys::random().unwrap(), Signer::new()).await
    }

    pub async fn with(hosts: &[Host], tickets: TicketKeys, signer: Signer) -> Self {
        let said = ["host", "client-cert", "x-forwarded-proto"];
        let endpoint = Endpoint::start(move |request| {
            let said = said.map(|name| request.field(name).unwrap_or("-"));
            ok(&said.join(" "))
        })
        .await;
        let tls = ServerTls::with_tickets(tickets).unwrap();
        let options = Options {
            https: Some("127.0.0.1:0".parse().unwrap()),
            tls: Some(Arc::clone(&tls)),
            ..options()
        };
        let rig = Rig::with(pool(&[endpoint.address]), route(), options);
        let all = Self { rig, endpoint, signer, tls };
        all.serve(hosts);
        all
    }

    /// Serves these hosts and no others from now on.
    pub fn serve(&self, hosts: &[Host]) {
        let mut model = Model::default();
        let pool = pool(&[self.endpoint.address]);
        let mut routes = Vec::new();
        for (position, host) in hosts.iter().enumerate() {
            let origin = Origin::pool(&PoolName::new("default", &format!("host-{position}")));
            let names: Vec<Hostname> =
                Some(host.name).filter(|n| !n.is_empty()).map(parse).into_iter().collect();
            let leaf = self.signer.leaf(&host.covers);
            let certificate = Certificate {
                origin: format!("default/{position}").into(),
                created: 0,
                names: names.clone(),
                other_names: Vec::new(),
                covers: host.covers.iter().copied().map(parse).collect(),
                is_default: names.is_empty(),
                terms: Arc::new(host.terms.clone()),
                not_after: i64::MAX,
                chain_pem: leaf.chain_pem.into(),
                key: PrivateKey::new(&leaf.key_pem),
            };
            model.certificates.insert(origin, [certificate].into());
            let position = u32::try_from(position).unwrap();
            routes.push(Route {
                id: RouteId { position, ..route().id },
                hostnames: names,
                https_redirect: host.redirect,
                client: host.route_rule.clone().or_else(|| host.terms.client.clone()),
                ..route()
            });
        }
        model.routes.insert(Origin::pool(&pool.name), routes.into());
        model.pools.insert(pool.name.clone(), Arc::new(pool));
        self.rig.publish_model(&model);
        let wrong = self.tls.update(self.rig.table.load().certificates());
        assert!(wrong.is_empty(), "{wrong:?}");
    }

    /// Returns a client that believes the certificates of these hosts.
    pub fn visitor(&self) -> Visitor {
        let mut roots = RootCertStore::empty();
        roots.add(self.signer.0.der().clone()).unwrap();
        Visitor { roots, versions: rustls::ALL_VERSIONS, suite: None, own: None, is_silent: false }
    }

    /// Shakes hands as a client of this configuration.
    pub async fn connect(
        &self,
        config: &Arc<ClientConfig>,
        name: &str,
    ) -> io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(self.rig.handle.https_address().unwrap()).await?;
        let name = ServerName::try_from(name.to_owned()).unwrap();
        TlsConnector::from(Arc::clone(config)).connect(name, stream).await
    }

    /// Asks for a host over HTTP/1.1 on a new connection for a name; returns status and body. In TLS
    /// 1.3 a client learns only by reading that it is refused.
    pub async fn ask(
        &self,
        config: &Arc<ClientConfig>,
        name: &str,
        host: &str,
    ) -> Option<(u16, String)> {
        self.ask_on(config, name, host).await.map(|(answer, _)| answer)
    }

    /// The same, with how the hands were shaken.
    pub async fn ask_on(
        &self,
        config: &Arc<ClientConfig>,
        name: &str,
        host: &str,
    ) -> Option<((u16, String), HandshakeKind)> {
        let stream = self.connect(config, name).await.ok()?;
        let kind = stream.get_ref().1.handshake_kind()?;
        let mut client = Client::over(stream);
        let request =
            format!("GET /a?b=c HTTP/1.1\r\nHost: {host}\r\nClient-Cert: :forged:\r\n\r\n");
        if tokio::io::AsyncWriteExt::write_all(&mut client.stream, request.as_bytes())
            .await
            .is_err()
        {
            return None;
        }
        let answer = client.answer(false).await?;
        Some(((answer.status, answer.text().to_owned()), kind))
    }

    /// Asks for hosts one after the other over one HTTP/2 connection for a name.
    pub async fn ask_h2(
        &self,
        visitor: &Visitor,
        name: &str,
        hosts: &[&str],
    ) -> Vec<(u16, String)> {
        let stream = self.connect(&visitor.config(&[b"h2"]), name).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
                .await
                .unwrap();
        tokio::spawn(connection);
        let mut answers = Vec::new();
        for host in hosts {
            let request = http::Request::get(format!("https://{host}/"))
                .body(Empty::<bytes::Bytes>::new())
                .unwrap();
            let answer = sender.send_request(request).await.unwrap();
            let status = answer.status().as_u16();
            let body = answer.into_body().collect().await.unwrap().to_bytes();
            answers.push((status, String::from_utf8(body.to_vec()).unwrap()));
        }
        answers
    }
}

fn parse(name: &'static str) -> Hostname {
    Hostname::parse(name).unwrap()
}

/// Visitor is a client before it connects.
#[derive(Clone)]
pub struct Visitor {
    pub roots: RootCertStore,
    pub versions: &'static [&'static SupportedProtocolVersion],
    pub suite: Option<rustls::CipherSuite>,
    pub own: Option<Leaf>,
    /// Whether it does not say which name it wants.
    pub is_silent: bool,
}

impl Visitor {
    pub fn config(&self, alpn: &[&[u8]]) -> Arc<ClientConfig> {
        let mut provider = rustls::crypto::aws_lc_rs::default_provider();
        if let Some(only) = self.suite {
            provider.cipher_suites.retain(|suite| suite.suite() == only);
        }
        let builder = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(self.versions)
            .unwrap()
            .with_root_certificates(self.roots.clone());
        let mut config = match &self.own {
            None => builder.with_no_client_auth(),
            Some(leaf) => {
                let key = PrivateKeyDer::from_pem_slice(leaf.key_pem.as_bytes()).unwrap();
                builder.with_client_auth_cert(vec![leaf.der()], key).unwrap()
            }
        };
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
        config.enable_sni = !self.is_silent;
        Arc::new(config)
    }

    /// Returns the configuration of a client that speaks HTTP/1.1.
    pub fn h1(&self) -> Arc<ClientConfig> {
        self.config(&[b"http/1.1"])
    }
}
