//! Sessions are resumed, whichever worker takes the connection.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::rustls::client::{Resumption, Tls12Resumption};
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{
    AlertDescription, ClientConfig, ClientConnection, Error, HandshakeKind, RootCertStore,
    StreamOwned, SupportedProtocolVersion,
};

use crate::certificates;
use crate::rig::{Backend, PATIENCE, Weir};

/// More connections than one of two workers gets by chance.
const CONNECTIONS: usize = 32;

fn config(
    roots: RootCertStore,
    version: &'static SupportedProtocolVersion,
    resumption: Resumption,
) -> Arc<ClientConfig> {
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[version])
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.resumption = resumption;
    config.enable_early_data = true;
    Arc::new(config)
}

/// Asks once on a new connection; returns how the handshake went.
fn ask(weir: &Weir, config: &Arc<ClientConfig>) -> std::io::Result<HandshakeKind> {
    let name = ServerName::try_from("localhost").expect("name");
    let mut connection = ClientConnection::new(Arc::clone(config), name).expect("connection");
    assert!(connection.early_data().is_none(), "a ticket offers 0-RTT");
    let stream = TcpStream::connect(weir.https)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut tls = StreamOwned::new(connection, stream);
    tls.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    tls.read_to_end(&mut answer)?;
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
    Ok(tls.conn.handshake_kind().expect("a handshake"))
}

#[test]
fn sessions_are_resumed_across_workers_and_without_early_data() {
    let backend = Backend::start("one", [127, 0, 0, 1], 0, Duration::ZERO);
    let (manifests, certificates) = certificates::manifests(backend.address);
    let weir = Weir::start(&manifests);
    let mut roots = RootCertStore::empty();
    for der in certificates {
        roots.add(der).expect("root");
    }
    let with_ids_only =
        Resumption::in_memory_sessions(256).tls12_resumption(Tls12Resumption::SessionIdOnly);
    for (what, version, resumption) in [
        ("1.3", &TLS13, Resumption::in_memory_sessions(256)),
        ("1.2 with tickets", &TLS12, Resumption::in_memory_sessions(256)),
        ("1.2 with identifiers", &TLS12, with_ids_only),
    ] {
        let config = config(roots.clone(), version, resumption);
        assert_eq!(ask(&weir, &config).expect(what), HandshakeKind::Full, "{what}");
        for _ in 0..CONNECTIONS {
            assert_eq!(ask(&weir, &config).expect(what), HandshakeKind::Resumed, "{what}");
        }
    }
}

const OLD_KEY: &str = "bW9zdCBzZWNyZXQgb2YgYWxsIHRoZSBzZWNyZXRzLCAwMTIzNDU2Nzg5";
const NEW_KEY: &str = "dGhlIG5ld2VzdCBvZiBhbGwgdGhlIHNlY3JldHMsIGFiY2RlZmdoaWprbG0=";

#[test]
fn replicas_with_one_key_file_resume_the_sessions_of_each_other() {
    let backend = Backend::start("one", [127, 0, 0, 1], 0, Duration::ZERO);
    let (manifests, certificates) = certificates::manifests(backend.address);
    let mut roots = RootCertStore::empty();
    for der in certificates {
        roots.add(der).expect("root");
    }
    let file = |keys: &str| {
        let file = tempfile::NamedTempFile::new().expect("file");
        std::fs::write(file.path(), keys).expect("keys");
        file
    };
    let start = |file: &tempfile::NamedTempFile| {
        let path = file.path().to_str().expect("path");
        Weir::start_with(&manifests, &["--tls-ticket-key-file", path])
    };
    let (old, same, new) = (file(OLD_KEY), file(OLD_KEY), file(NEW_KEY));
    let (one, two, mut three) = (start(&old), start(&same), start(&new));
    let begun = |version| {
        let config = config(roots.clone(), version, Resumption::in_memory_sessions(256));
        assert_eq!(ask(&one, &config).expect("begins"), HandshakeKind::Full);
        config
    };
    for version in [&TLS12, &TLS13] {
        assert_eq!(ask(&two, &begun(version)).expect("two"), HandshakeKind::Resumed);
        assert_eq!(ask(&three, &begun(version)).expect("three"), HandshakeKind::Full);
    }
    std::fs::write(new.path(), "no key").expect("keys");
    three.wait_log("not base64");
    std::fs::write(new.path(), format!("{NEW_KEY}\n{OLD_KEY}\n")).expect("keys");
    three.wait_log("uses the keys");
    for version in [&TLS12, &TLS13] {
        assert_eq!(ask(&three, &begun(version)).expect("three"), HandshakeKind::Resumed);
    }
}

/// Source: RFC 8446 §4.4.2.2.
#[test]
fn a_client_that_no_certificate_suits_learns_it_by_the_right_alert() {
    let backend = Backend::start("one", [127, 0, 0, 1], 0, Duration::ZERO);
    let (manifests, certificates) = certificates::manifests(backend.address);
    // Only the ECDSA one.
    let manifests = manifests.replace("{ name: ecdsa }, { name: rsa }", "{ name: ecdsa }");
    let weir = Weir::start(&manifests);
    let mut roots = RootCertStore::empty();
    for der in certificates {
        roots.add(der).expect("root");
    }
    let mut provider = aws_lc_rs::default_provider();
    provider.cipher_suites.retain(|suite| format!("{suite:?}").contains("ECDHE_RSA"));
    let config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&TLS12])
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let error = ask(&weir, &Arc::new(config)).expect_err("no suite in common");
    let error = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    let expected = Error::AlertReceived(AlertDescription::HandshakeFailure);
    assert_eq!(error, Some(&expected));
}
