//! Versions, suites and sessions, each name on its own terms.

use rustls::{AlertDescription, CipherSuite as Suite, HandshakeKind, ProtocolVersion};
use weir::model::{CipherSuite, TlsTerms, TlsVersion};
use weir::tls::TicketKeys;

use crate::hosts::{Host, Hosts, NEW, OLD, Signer};

fn host(name: &'static str, terms: TlsTerms) -> Host {
    Host { terms, ..Host::new(name) }
}

#[tokio::test]
async fn each_name_has_its_own_versions() {
    let standard = TlsTerms::default();
    let new = TlsTerms { min_version: TlsVersion::Tls13, ..standard.clone() };
    let old = TlsTerms { max_version: TlsVersion::Tls12, ..standard.clone() };
    let hosts = Hosts::start(&[
        host("both.example", standard),
        host("new.example", new),
        host("old.example", old),
    ])
    .await;
    for (name, versions, expected) in [
        ("both.example", OLD, Some(ProtocolVersion::TLSv1_2)),
        ("both.example", NEW, Some(ProtocolVersion::TLSv1_3)),
        ("new.example", OLD, None),
        ("new.example", NEW, Some(ProtocolVersion::TLSv1_3)),
        ("new.example", rustls::ALL_VERSIONS, Some(ProtocolVersion::TLSv1_3)),
        ("old.example", NEW, None),
        ("old.example", rustls::ALL_VERSIONS, Some(ProtocolVersion::TLSv1_2)),
    ] {
        let mut visitor = hosts.visitor();
        visitor.versions = versions;
        let stream = hosts.connect(&visitor.h1(), name).await.ok();
        let spoken = stream.and_then(|stream| stream.get_ref().1.protocol_version());
        assert_eq!(spoken, expected, "{name}");
    }
}

#[tokio::test]
async fn each_name_has_its_own_suites() {
    let few = TlsTerms {
        suites: vec![
            CipherSuite::TlsAes256GcmSha384,
            CipherSuite::TlsEcdheEcdsaWithAes256GcmSha384,
        ],
        ..TlsTerms::default()
    };
    let hosts =
        Hosts::start(&[host("all.example", TlsTerms::default()), host("few.example", few)]).await;
    for (versions, suite, is_few) in [
        (NEW, Suite::TLS13_AES_256_GCM_SHA384, true),
        (NEW, Suite::TLS13_AES_128_GCM_SHA256, false),
        (NEW, Suite::TLS13_CHACHA20_POLY1305_SHA256, false),
        (OLD, Suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, true),
        (OLD, Suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, false),
        (OLD, Suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, false),
    ] {
        let mut visitor = hosts.visitor();
        (visitor.versions, visitor.suite) = (versions, Some(suite));
        assert!(hosts.connect(&visitor.h1(), "all.example").await.is_ok(), "{suite:?}");
        assert_eq!(hosts.connect(&visitor.h1(), "few.example").await.is_ok(), is_few, "{suite:?}");
    }
}

#[tokio::test]
async fn new_terms_hold_from_the_next_handshake_on() {
    let hosts = Hosts::start(&[Host::new("a.example")]).await;
    let mut visitor = hosts.visitor();
    visitor.versions = OLD;
    let config = visitor.h1();
    assert!(hosts.ask(&config, "a.example", "a.example").await.is_some());
    let new = TlsTerms { min_version: TlsVersion::Tls13, ..TlsTerms::default() };
    hosts.serve(&[host("a.example", new)]);
    assert!(hosts.ask(&config, "a.example", "a.example").await.is_none());
}

/// Sessions begin at one replica and go on at another.
async fn resumes(one: TicketKeys, two: TicketKeys) -> Vec<HandshakeKind> {
    let (signer, all) = (Signer::new(), [Host::new("a.example")]);
    let one = Hosts::with(&all, one, signer).await;
    let mut kinds = Vec::new();
    let mut configs = Vec::new();
    for versions in [OLD, NEW] {
        let mut visitor = one.visitor();
        visitor.versions = versions;
        let config = visitor.h1();
        let (answer, kind) = one.ask_on(&config, "a.example", "a.example").await.unwrap();
        assert_eq!((answer.0, kind), (200, HandshakeKind::Full));
        configs.push(config);
    }
    let Hosts { signer, .. } = one;
    let two = Hosts::with(&all, two, signer).await;
    for config in configs {
        let (answer, kind) = two.ask_on(&config, "a.example", "a.example").await.unwrap();
        assert_eq!(answer.0, 200);
        kinds.push(kind);
    }
    kinds
}

#[tokio::test]
async fn replicas_with_the_same_keys_resume_the_sessions_of_each_other() {
    let old = "bW9zdCBzZWNyZXQgb2YgYWxsIHRoZSBzZWNyZXRzLCAwMTIzNDU2Nzg5";
    let new = "dGhlIG5ld2VzdCBvZiBhbGwgdGhlIHNlY3JldHMsIGFiY2RlZmdoaWprbG0=";
    let shared = |text: &str| TicketKeys::shared(text).unwrap();
    let both = format!("{new}\n{old}");
    assert_eq!(resumes(shared(old), shared(old)).await, [HandshakeKind::Resumed; 2]);
    assert_eq!(resumes(shared(old), shared(&both)).await, [HandshakeKind::Resumed; 2]);
    assert_eq!(resumes(shared(old), shared(new)).await, [HandshakeKind::Full; 2]);
    let own = || TicketKeys::random().unwrap();
    assert_eq!(resumes(own(), own()).await, [HandshakeKind::Full; 2]);
}

/// Source: RFC 6066 §3; RFC 8446 §9.2.
#[tokio::test]
async fn a_name_that_nobody_serves_is_refused_in_words_that_clients_know() {
    let hosts = Hosts::start(&[host("known.example", TlsTerms::default())]).await;
    let alert = async |versions, name: &str, is_silent| {
        let mut visitor = hosts.visitor();
        (visitor.versions, visitor.is_silent) = (versions, is_silent);
        let error = hosts.connect(&visitor.h1(), name).await.err()?;
        match error.get_ref()?.downcast_ref::<rustls::Error>()? {
            rustls::Error::AlertReceived(alert) => Some(*alert),
            _ => None,
        }
    };
    for versions in [OLD, NEW] {
        let unknown = alert(versions, "unknown.example", false).await;
        assert_eq!(unknown, Some(AlertDescription::UnrecognisedName));
        let without = alert(versions, "known.example", true).await;
        assert_eq!(without, Some(AlertDescription::MissingExtension));
        assert_eq!(alert(versions, "known.example", false).await, None);
    }
}
