//! Clients that show who they are, to the program as its user starts it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::certificates;
use crate::rig::{Backend, PATIENCE, Weir};

type Identity = (CertificateDer<'static>, PrivateKeyDer<'static>);

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("key")).expect("authority")
}

fn identity(authority: &CertifiedIssuer<'static, KeyPair>) -> Identity {
    let key = KeyPair::generate().expect("key");
    let params = CertificateParams::new(["me".to_owned()]).expect("name");
    let certificate = params.signed_by(&key, authority).expect("certificate");
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("key");
    (certificate.der().clone(), key)
}

/// Asks once on a new connection; returns whether there was an answer.
fn is_let_in(weir: &Weir, roots: &RootCertStore, own: Option<&Identity>) -> bool {
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots.clone());
    let config = match own {
        None => builder.with_no_client_auth(),
        Some((der, key)) => {
            builder.with_client_auth_cert(vec![der.clone()], key.clone_key()).expect("identity")
        }
    };
    let name = ServerName::try_from("localhost").expect("name");
    let connection = ClientConnection::new(Arc::new(config), name).expect("connection");
    let stream = TcpStream::connect(weir.https).expect("connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("timeout");
    let mut tls = StreamOwned::new(connection, stream);
    let request = b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    let mut answer = Vec::new();
    let result = tls.write_all(request).and_then(|()| tls.read_to_end(&mut answer));
    let is_answered = answer.starts_with(b"HTTP/1.1 200");
    assert_eq!(result.is_ok(), is_answered, "{result:?} {}", String::from_utf8_lossy(&answer));
    is_answered
}

fn config_map(pem: &str) -> String {
    let pem = pem.trim_end().replace('\n', "\n    ");
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{ name: ca, namespace: test }}\n\
         data:\n  ca.crt: |\n    {pem}\n"
    )
}

#[test]
fn only_clients_of_the_authority_are_let_in_and_a_broken_one_stays_in_use() {
    let backend = Backend::start("one", [127, 0, 0, 1], 0, Duration::ZERO);
    let (manifests, certificates) = certificates::manifests(backend.address);
    let asking = "clientValidation: { caCertificateRefs: [{ name: ca }] }";
    let manifests = manifests.replace(
        "certificateRefs: [{ name: ecdsa }, { name: rsa }] }",
        &format!("certificateRefs: [{{ name: ecdsa }}, {{ name: rsa }}], {asking} }}"),
    );
    let mut roots = RootCertStore::empty();
    for der in certificates {
        roots.add(der).expect("root");
    }
    let (one, two) = (authority(), authority());
    let (mine, foreign) = (identity(&one), identity(&two));
    let mut weir = Weir::start(&manifests);
    weir.wait_log("there is no ConfigMap test/ca");
    for own in [None, Some(&mine)] {
        assert!(!is_let_in(&weir, &roots, own), "without the authority");
    }
    weir.write("ca.yaml", &config_map(&one.pem()));
    crate::rig::eventually("the authority", || is_let_in(&weir, &roots, Some(&mine)));
    for own in [None, Some(&foreign)] {
        assert!(!is_let_in(&weir, &roots, own));
    }
    weir.write("ca.yaml", &config_map("hello"));
    weir.wait_log("what it held before stays in use");
    assert!(is_let_in(&weir, &roots, Some(&mine)));
    assert!(!is_let_in(&weir, &roots, None));
    weir.write("ca.yaml", &config_map(&two.pem()));
    crate::rig::eventually("the other authority", || is_let_in(&weir, &roots, Some(&foreign)));
    assert!(!is_let_in(&weir, &roots, Some(&mine)));
}
