//! On which terms TLS is spoken for hosts of Ingresses: those of the pools that they lead to.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{
    self, ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
};

use crate::ingress::{ingress, rule, secret, service};
use crate::rig::{Backend, Weir, eventually};
use crate::support::authority::{Authority, Leaf};

/// Who asks: versions of TLS, and the certificate that is shown.
#[derive(Clone)]
struct Visitor<'a> {
    trusts: CertificateDer<'static>,
    versions: &'a [&'static SupportedProtocolVersion],
    own: Option<&'a Leaf>,
}

impl Visitor<'_> {
    /// Returns the status and the body; nothing where there is no connection.
    fn ask(&self, weir: &Weir, host: &str) -> Option<(String, String)> {
        let mut roots = RootCertStore::empty();
        roots.add(self.trusts.clone()).expect("root");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(self.versions)
            .expect("versions")
            .with_root_certificates(roots);
        let config = match &self.own {
            None => config.with_no_client_auth(),
            Some(leaf) => {
                let chain = CertificateDer::from_pem_slice(leaf.chain_pem.as_bytes());
                let key = PrivateKeyDer::from_pem_slice(leaf.key_pem.as_bytes()).expect("key");
                config.with_client_auth_cert(vec![chain.expect("PEM")], key).expect("certificate")
            }
        };
        let name = ServerName::try_from(host.to_owned()).expect("name");
        let connection = ClientConnection::new(Arc::new(config), name).expect("connection");
        let stream = TcpStream::connect(weir.https).expect("connect");
        stream.set_read_timeout(Some(crate::rig::PATIENCE)).expect("timeout");
        let mut tls = StreamOwned::new(connection, stream);
        let request = format!("GET / HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        tls.write_all(request.as_bytes()).ok()?;
        let mut answer = Vec::new();
        tls.read_to_end(&mut answer).ok()?;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let status = answer.split_whitespace().nth(1)?.to_owned();
        Some((status, answer.lines().last().unwrap_or_default().to_owned()))
    }
}

fn ok(body: &str) -> (String, String) {
    ("200".to_owned(), body.to_owned())
}

#[test]
fn the_terms_of_its_pools_hold_for_a_host() {
    let backend = |name: &str| Backend::start(name, [127, 0, 0, 1], 0, Duration::ZERO);
    let (own, new, free) = (backend("own"), backend("new"), backend("free"));
    let (clients, others) = (Authority::new(), Authority::new());
    let (pair, trusts) = secret("pair", &["strict.test", "new.test", "free.test"]);
    let authorities = format!(
        "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{ name: ca, namespace: shop }}\n\
         data:\n  ca.crt: |\n    {}\n",
        clients.pem().trim_end().replace('\n', "\n    ")
    );
    let pool = format!(
        "---\napiVersion: weir.dev/v1alpha1\nkind: BackendPool\nmetadata: {{ name: own, namespace: \
         shop }}\nspec:\n  backends: [{{ endpoint: {{ address: 127.0.0.1, port: {} }} }}]\n  \
         tls: {{ clientValidation: {{ caCertificateRefs: [{{ name: ca }}] }} }}\n",
        own.address.port()
    );
    let resource = "    - host: strict.test\n      http: { paths: [{ path: /, pathType: Prefix, \
        backend: { resource: { apiGroup: weir.dev, kind: BackendPool, name: own } } }] }\n";
    let rules = resource.to_owned()
        + &rule("new.test", &[("/", "Prefix", "new")])
        + &rule("free.test", &[("/", "Prefix", "free")]);
    let spec =
        format!("  ingressClassName: weir\n  tls: [{{ secretName: pair }}]\n  rules:\n{rules}");
    let services = service("new", &[&new]) + &service("free", &[&free]);
    let objects = services + &ingress("web", &spec) + &pair + &authorities + &pool;
    let weir = Weir::start(&objects);

    let (own_leaf, strange_leaf) = (clients.leaf(&["me"]), others.leaf(&["me"]));
    let both: &[_] = &[&TLS12, &TLS13];
    let anonymous = Visitor { trusts, versions: both, own: None };
    let known = Visitor { own: Some(&own_leaf), ..anonymous.clone() };
    let stranger = Visitor { own: Some(&strange_leaf), ..anonymous.clone() };
    let old = Visitor { versions: &[&TLS12], ..anonymous.clone() };
    assert_eq!(known.ask(&weir, "strict.test"), Some(ok("own")));
    assert_eq!(anonymous.ask(&weir, "strict.test"), None);
    assert_eq!(stranger.ask(&weir, "strict.test"), None);
    let clear = weir.client().get("strict.test", "/").expect("answer");
    assert_eq!(clear.status, 403, "in clear text nobody says who they are");
    assert_eq!(old.ask(&weir, "new.test"), Some(ok("new")), "nothing is said yet");

    // What is attached to a Service holds for the hosts that lead to it.
    weir.write(
        "settings.yaml",
        "apiVersion: weir.dev/v1alpha1\nkind: BackendPool\nmetadata: { name: new, namespace: shop }\n\
         spec: { targetRefs: [{ group: '', kind: Service, name: new }], tls: { minVersion: TLSv1.3 } }\n",
    );
    eventually("TLS 1.2 is refused", || old.ask(&weir, "new.test").is_none());
    assert_eq!(anonymous.ask(&weir, "new.test"), Some(ok("new")));
    assert_eq!(old.ask(&weir, "free.test"), Some(ok("free")), "other hosts have their own");
    assert_eq!(known.ask(&weir, "strict.test"), Some(ok("own")));
}
