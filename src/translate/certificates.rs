//! Certificates: from Secrets to checked pairs of chain and key.

use std::collections::BTreeSet;
use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA512_ASN1_SIGNING,
    EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaKeyPair,
};
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::api::networking::v1::IngressTLS;
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::pem::Pem;
use x509_parser::prelude::{GeneralName, X509Certificate};

use super::backends::Context;
use super::grants;
use super::problems::Problems;
use super::unit::Used;
use crate::api::backend_pool::{PoolTls, SecretRef};
use crate::api::{ConditionReason, Kind, ObjectKey};
use crate::model::{
    Certificate, ClientCertificate, Hostname, PrivateKey, Route, RouteId, TlsTerms,
};

/// Most characters of a Secret that a message quotes.
const MOST_QUOTED: usize = 40;

/// Translates the certificates of a pool. Each is for hostnames of the pool's routes that it names
/// itself and, where a route serves any host, for what no pool declares. Which of several pools a
/// name belongs to is not decided here.
pub(super) fn translate(
    context: Context<'_>,
    (tls, terms): (Option<&PoolTls>, &Arc<TlsTerms>),
    routes: &[Route],
    used: &mut Used,
    problems: &mut Problems,
) -> Vec<Certificate> {
    let Some(tls) = tls else { return Vec::new() };
    let hosts: BTreeSet<&Hostname> = routes.iter().flat_map(|route| &route.hostnames).collect();
    let created = routes.first().map_or(RouteId::UNKNOWN, |route| route.id.created);
    let is_default = routes.iter().any(|route| route.hostnames.is_empty());
    let (mut found, mut covered) = (Vec::new(), BTreeSet::new());
    let mut broken = false;
    for (index, reference) in tls.certificate_refs.iter().flatten().enumerate() {
        let field = format!("spec.tls.certificateRefs[{index}]");
        let namespace = reference.namespace.as_ref().unwrap_or(&context.from.namespace);
        let key = ObjectKey::new(namespace.clone(), reference.name.clone());
        let (pair, wrong) = load(context, &key, used);
        if let Some((reason, why)) = wrong {
            broken = true;
            problems.reference(reason, &field, why);
        }
        let Some(pair) = pair else { continue };
        let declared = hosts.iter().filter(|host| pair.covers(host)).map(|h| (*h).clone());
        let names: BTreeSet<Hostname> = declared.collect();
        let others = pair.names.iter().filter(|name| is_default && !names.contains(*name));
        let other_names = others.cloned().collect();
        covered.extend(hosts.iter().copied().filter(|host| pair.covers(host)));
        found.push(Certificate {
            origin: key.to_string().into(),
            created,
            names: names.into_iter().collect(),
            other_names,
            covers: pair.names.into(),
            is_default,
            terms: Arc::clone(terms),
            not_after: pair.not_after,
            chain_pem: pair.chain.into(),
            key: PrivateKey::new(&pair.key),
        });
    }
    let missing: Vec<&str> =
        hosts.iter().filter(|h| !covered.contains(*h)).map(|h| h.as_str()).collect();
    if !missing.is_empty() && !broken {
        problems.reference(
            ConditionReason::InvalidCertificateRef,
            "spec.tls.certificateRefs",
            format_args!("no certificate is for {}", missing.join(", ")),
        );
    }
    found
}

/// Translates the certificates of an Ingress. Each is used for the hosts that its entry lists, or
/// for those of the rules where it lists none, as far as it names them itself.
/// Source: Ingress v1 IngressTLS.
pub(super) fn of_ingress(
    context: Context<'_>,
    tls: &[IngressTLS],
    routes: &[Route],
    used: &mut Used,
    problems: &mut Problems,
) -> Vec<Certificate> {
    let rules: BTreeSet<&Hostname> = routes.iter().flat_map(|route| &route.hostnames).collect();
    let serves_any_host = routes.iter().any(|route| route.hostnames.is_empty());
    let created = routes.first().map_or(RouteId::UNKNOWN, |route| route.id.created);
    let mut found: Vec<Certificate> = Vec::new();
    for (index, entry) in tls.iter().enumerate() {
        let field = format!("spec.tls[{index}]");
        let mut hosts = BTreeSet::new();
        for (index, host) in entry.hosts.iter().flatten().enumerate() {
            hosts.extend(problems.take(&format!("{field}.hosts[{index}]"), Hostname::parse(host)));
        }
        let lists_none = entry.hosts.as_ref().is_none_or(Vec::is_empty);
        if lists_none {
            hosts.extend(rules.iter().map(|host| (*host).clone()));
        }
        // Without a Secret the host has what is there for it already, or the default.
        let Some(name) = entry.secret_name.as_deref().filter(|name| !name.is_empty()) else {
            continue;
        };
        let key = ObjectKey::new(context.from.namespace.clone(), name);
        let (pair, wrong) = load(context, &key, used);
        if let Some((reason, why)) = wrong {
            problems.reference(reason, &format!("{field}.secretName"), why);
        }
        let Some(pair) = pair else { continue };
        let (covered, rest): (Vec<Hostname>, Vec<Hostname>) =
            hosts.into_iter().partition(|host| pair.covers(host));
        if !rest.is_empty() {
            let rest: Vec<&str> = rest.iter().map(Hostname::as_str).collect();
            problems.reference(
                ConditionReason::InvalidCertificateRef,
                &format!("{field}.secretName"),
                format_args!("the certificate in Secret {key} is not for {}", rest.join(", ")),
            );
        }
        let is_default = lists_none && serves_any_host;
        let names: BTreeSet<Hostname> = covered.into_iter().collect();
        let others = pair.names.iter().filter(|name| is_default && !names.contains(*name));
        let other_names = others.cloned().collect();
        found.push(Certificate {
            origin: key.to_string().into(),
            created,
            names: names.into_iter().collect(),
            other_names,
            covers: pair.names.into(),
            is_default,
            terms: Arc::default(),
            not_after: pair.not_after,
            chain_pem: pair.chain.into(),
            key: PrivateKey::new(&pair.key),
        });
    }
    found
}

/// Returns the certificate that Weir shows to endpoints.
pub(super) fn of_client(
    context: Context<'_>,
    reference: &SecretRef,
    field: &str,
    used: &mut Used,
    problems: &mut Problems,
) -> Option<ClientCertificate> {
    let namespace = reference.namespace.as_ref().unwrap_or(&context.from.namespace);
    let key = ObjectKey::new(namespace.clone(), reference.name.clone());
    let (pair, wrong) = load(context, &key, used);
    if let Some((reason, why)) = wrong {
        problems.reference(reason, field, why);
    }
    let pair = pair?;
    Some(ClientCertificate {
        origin: key.to_string().into(),
        not_after: pair.not_after,
        chain_pem: pair.chain.into(),
        key: PrivateKey::new(&pair.key),
    })
}

struct Pair {
    names: Vec<Hostname>,
    not_after: i64,
    chain: String,
    key: String,
}

impl Pair {
    /// Returns whether the certificate is for a host; its `*` stands for one label.
    /// Source: RFC 6125 §6.4.3.
    fn covers(&self, host: &Hostname) -> bool {
        self.names.iter().any(|name| {
            name == host
                || (host.wildcard_suffix().is_none()
                    && name.wildcard_suffix().is_some_and(|suffix| {
                        host.as_str()
                            .strip_suffix(suffix)
                            .is_some_and(|label| !label.is_empty() && !label.contains('.'))
                    }))
        })
    }
}

type Refused = (ConditionReason, String);

/// Returns the certificate of a Secret, and what is wrong: both, where the Secret is broken and its
/// last good certificate stays in use.
fn load(context: Context<'_>, key: &ObjectKey, used: &mut Used) -> (Option<Pair>, Option<Refused>) {
    used.other_namespaces |= key.namespace != context.from.namespace;
    if !grants::allows(context.objects, context.from, Kind::Secret, key) {
        let why = format!(
            "Secret {key} is in another namespace: it needs a ReferenceGrant in {} from \
             BackendPool in {} to Secret",
            key.namespace, context.from.namespace
        );
        return (None, Some((ConditionReason::RefNotPermitted, why)));
    }
    used.note(Kind::Secret, key);
    let now = match context.objects.secrets.get(key) {
        Some(secret) => parse(secret).map_err(|why| format!("Secret {key}: {why}")),
        None => Err(format!("there is no Secret {key}")),
    };
    let Err(mut why) = now else { return (now.ok(), None) };
    let kept = context.objects.last_good_secrets.get(key);
    let kept = kept.and_then(|secret| parse(secret).ok());
    if kept.is_some() {
        why += "; its last good certificate stays in use";
    }
    (kept, Some((ConditionReason::InvalidCertificateRef, why)))
}

/// Returns why a Secret holds no usable certificate with its key; nothing where it does.
pub fn error(secret: &Secret) -> Option<String> {
    parse(secret).err()
}

fn parse(secret: &Secret) -> Result<Pair, String> {
    let kind = secret.type_.as_deref().unwrap_or("Opaque");
    if kind != "kubernetes.io/tls" {
        let kind: String = kind.chars().take(MOST_QUOTED).collect();
        return Err(format!("is of type {kind}, not kubernetes.io/tls"));
    }
    let text = |name: &str| {
        let bytes = secret.data.as_ref().and_then(|data| data.get(name));
        let bytes = bytes.ok_or_else(|| format!("has no {name}"))?;
        String::from_utf8(bytes.0.clone()).map_err(|_| format!("{name} is not PEM text"))
    };
    let (chain, key) = (text("tls.crt")?, text("tls.key")?);
    let blocks: Vec<Pem> = Pem::iter_from_buffer(chain.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|error| format!("tls.crt is not PEM: {error}"))?;
    let leaf = blocks.first().ok_or("tls.crt holds no PEM block")?;
    if let Some(other) = blocks.iter().find(|block| block.label != "CERTIFICATE") {
        // Whoever writes the Secret does not decide how long the condition is.
        let label: String = other.label.chars().take(MOST_QUOTED).collect();
        return Err(format!("tls.crt holds a block {label:?}, not CERTIFICATE"));
    }
    let mut certificates = Vec::new();
    for (index, block) in blocks.iter().enumerate() {
        let certificate = block
            .parse_x509()
            .map_err(|_| format!("block {} of tls.crt is not an X.509 certificate", index + 1))?;
        certificates.push(certificate);
    }
    drop(certificates);
    is_served(&chain, &blocks)?;
    let certificate = leaf.parse_x509().map_err(|error| error.to_string())?;
    if public_key_of(&key)? != certificate.public_key().raw {
        return Err("tls.key is not the key of the first certificate in tls.crt".into());
    }
    let names = names_of(&certificate);
    let not_after = certificate.validity().not_after.timestamp();
    Ok(Pair { names, not_after, chain, key })
}

/// Refuses what the library that serves certificates reads in another way: it is stricter.
fn is_served(chain: &str, blocks: &[Pem]) -> Result<(), String> {
    let read: Vec<CertificateDer<'_>> = CertificateDer::pem_slice_iter(chain.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|error| format!("tls.crt is not PEM: {}", unreadable(&error)))?;
    let same = read.iter().map(AsRef::as_ref).eq(blocks.iter().map(|block| &*block.contents));
    let leaf = read.first().filter(|_| same).ok_or("tls.crt holds lines that are not PEM")?;
    webpki::EndEntityCert::try_from(leaf)
        .map_err(|error| format!("block 1 of tls.crt is not a usable certificate: {error}"))?;
    Ok(())
}

/// Says what is wrong in words alone: the library's own quote the bytes, however many.
fn unreadable(error: &pem::Error) -> &'static str {
    match error {
        pem::Error::MissingSectionEnd { .. } => "a block has no line END as its line BEGIN asks",
        pem::Error::IllegalSectionStart { .. } => "a line BEGIN does not end with -----",
        pem::Error::Base64Decode(_) => "a block is not base64",
        pem::Error::SectionTooLarge => "a block is too large",
        _ => "it cannot be read",
    }
}

fn names_of(certificate: &X509Certificate<'_>) -> Vec<Hostname> {
    let extension = certificate.subject_alternative_name().ok().flatten();
    let mut names: Vec<Hostname> = extension
        .iter()
        .flat_map(|extension| &extension.value.general_names)
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Hostname::parse(name).ok(),
            _ => None,
        })
        .collect();
    names.sort();
    names.dedup();
    names
}

/// Returns a public key as certificates hold it: with its algorithm.
fn in_der<'a>(key: &impl AsDer<PublicKeyX509Der<'a>>) -> Option<Vec<u8>> {
    key.as_der().ok().map(|der| der.as_ref().to_vec())
}

/// Returns the public key of a private key, as a certificate holds it.
fn public_key_of(text: &str) -> Result<Vec<u8>, String> {
    let key = match PrivateKeyDer::from_pem_slice(text.as_bytes()) {
        Ok(key) => key,
        Err(pem::Error::NoItemsFound) if text.contains("PRIVATE KEY-----") => {
            return Err(unusable());
        }
        Err(pem::Error::NoItemsFound) => return Err("tls.key holds no PRIVATE KEY".to_owned()),
        Err(_) => return Err("tls.key is not PEM".to_owned()),
    };
    let curves = [
        &ECDSA_P256_SHA256_ASN1_SIGNING,
        &ECDSA_P384_SHA384_ASN1_SIGNING,
        &ECDSA_P521_SHA512_ASN1_SIGNING,
    ];
    // The label says how it is encoded: whoever signs with it believes that.
    let elliptic = curves.iter().find_map(|curve| {
        let pair = match &key {
            PrivateKeyDer::Pkcs8(der) => EcdsaKeyPair::from_pkcs8(curve, der.secret_pkcs8_der()),
            PrivateKeyDer::Sec1(der) => {
                EcdsaKeyPair::from_private_key_der(curve, der.secret_sec1_der())
            }
            _ => return None,
        };
        in_der(pair.ok()?.public_key())
    });
    let rsa = || {
        let pair = match &key {
            PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
            PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
            _ => return None,
        };
        in_der(pair.ok()?.public_key())
    };
    let edwards = || {
        let PrivateKeyDer::Pkcs8(der) = &key else { return None };
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_pkcs8_der());
        in_der(pair.ok()?.public_key())
    };
    elliptic.or_else(rsa).or_else(edwards).ok_or_else(unusable)
}

fn unusable() -> String {
    "tls.key is no usable key: use RSA of 2048 to 8192 bits, ECDSA P-256, P-384 or P-521, or \
     Ed25519, not encrypted"
        .to_owned()
}
