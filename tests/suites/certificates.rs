//! A pool behind TLS, with a certificate of each kind for `localhost`.

use std::net::SocketAddr;

use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, RsaKeySize};
use tokio_rustls::rustls::pki_types::CertificateDer;

/// Manifests for one backend under any host, behind the name `localhost` with an ECDSA and an RSA
/// certificate; and these, in that order.
pub fn manifests(backend: SocketAddr) -> (String, Vec<CertificateDer<'static>>) {
    let ecdsa = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("key");
    let rsa = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).expect("key");
    let mut text = String::new();
    let mut certificates = Vec::new();
    for (name, key) in [("ecdsa", ecdsa), ("rsa", rsa)] {
        let params = CertificateParams::new(["localhost".to_owned()]).expect("name");
        let certificate = params.self_signed(&key).expect("certificate");
        text.push_str(&secret(name, &certificate.pem(), &key.serialize_pem()));
        certificates.push(certificate.der().clone());
    }
    let (ip, port) = (backend.ip(), backend.port());
    text.push_str(&format!(
        "---\napiVersion: weir.dev/v1alpha1\nkind: BackendPool\n\
         metadata: {{ name: suites, namespace: test }}\nspec:\n  \
         routes: [{{ hostnames: [localhost] }}]\n  \
         backends: [{{ endpoint: {{ address: {ip}, port: {port} }} }}]\n  \
         tls: {{ certificateRefs: [{{ name: ecdsa }}, {{ name: rsa }}] }}\n\
         ---\napiVersion: weir.dev/v1alpha1\nkind: BackendPool\n\
         metadata: {{ name: any-host, namespace: test }}\nspec:\n  routes: [{{}}]\n  \
         backends: [{{ endpoint: {{ address: {ip}, port: {port} }} }}]\n  \
         tls: {{ certificateRefs: [{{ name: ecdsa }}] }}\n",
    ));
    (text, certificates)
}

fn secret(name: &str, chain: &str, key: &str) -> String {
    let indented = |text: &str| text.trim_end().replace('\n', "\n    ");
    format!(
        "---\napiVersion: v1\nkind: Secret\nmetadata: {{ name: {name}, namespace: test }}\n\
         type: kubernetes.io/tls\nstringData:\n  tls.crt: |\n    {}\n  tls.key: |\n    {}\n",
        indented(chain),
        indented(key)
    )
}
