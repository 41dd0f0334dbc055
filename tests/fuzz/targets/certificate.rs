//! Certificates from Secrets: what is accepted can be served, and nothing else is an accident.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use weir::model::{Certificate, PrivateKey};
use weir::tls::ServerTls;
use weir::translate::certificate_error;

/// Divides chain and key.
const DIVIDER: &[u8] = b"=====\n";

fn tls() -> &'static Arc<ServerTls> {
    static TLS: OnceLock<Arc<ServerTls>> = OnceLock::new();
    TLS.get_or_init(|| ServerTls::new().expect("TLS can be set up"))
}

/// The bytes are `tls.crt`, a divider and `tls.key`.
pub fn run(data: &[u8]) {
    let at = data.windows(DIVIDER.len()).position(|window| window == DIVIDER);
    let (chain, key) = match at {
        Some(at) => (&data[..at], &data[at + DIVIDER.len()..]),
        None => (data, data),
    };
    let text = |bytes: &[u8]| ByteString(bytes.to_vec());
    let secret = Secret {
        type_: Some("kubernetes.io/tls".into()),
        data: Some(BTreeMap::from([
            ("tls.crt".to_owned(), text(chain)),
            ("tls.key".to_owned(), text(key)),
        ])),
        ..Secret::default()
    };
    let error = certificate_error(&secret);
    if let Some(error) = error {
        assert!(error.len() < 400 && !error.contains("PRIVATE KEY-----"), "{error}");
        return;
    }
    let (Ok(chain), Ok(key)) = (std::str::from_utf8(chain), std::str::from_utf8(key)) else {
        panic!("what is no text is accepted");
    };
    let certificate = Certificate {
        origin: "a/b".into(),
        created: 0,
        names: Vec::new(),
        other_names: Vec::new(),
        covers: Arc::default(),
        terms: Arc::default(),
        is_default: true,
        not_after: 0,
        chain_pem: chain.into(),
        key: PrivateKey::new(key),
    };
    let wrong = tls().update(&[certificate]);
    assert!(wrong.is_empty(), "accepted, but not served: {wrong:?}");
}
