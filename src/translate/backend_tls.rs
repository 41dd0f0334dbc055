//! TLS to endpoints: from references to authorities and a client certificate. Where something is
//! missing, nothing is sent rather than sent in clear text.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use x509_parser::pem::Pem;

use super::backends::Context;
use super::problems::Problems;
use super::unit::Used;
use super::{certificates, grants, revocations};
use crate::api::backend_pool as api;
use crate::api::{ConditionReason, Kind, Object, ObjectKey, ObjectRef};
use crate::model::{
    Authorities, BackendTls, BackendTlsSettings, Hostname, SubjectName, TlsVersion,
};

const FIELD: &str = "spec.backendTLS";

/// Notes what of the declaration itself is not valid.
pub(super) fn check(spec: &api::BackendPoolSpec, problems: &mut Problems) {
    let Some(tls) = &spec.backend_tls else { return };
    let validation = &tls.validation;
    let field = format!("{FIELD}.validation");
    let hostname = Hostname::parse(&validation.hostname).map_err(|error| error.to_string());
    let hostname = hostname.and_then(|name| match name.wildcard_suffix() {
        None => Ok(name),
        Some(_) => Err("is a wildcard: write the one name that endpoints are asked for".into()),
    });
    problems.take(&format!("{field}.hostname"), hostname);
    if validation.ca_certificate_refs.is_some() == validation.well_known_ca_certificates.is_some() {
        let why = "exactly one of caCertificateRefs and wellKnownCACertificates must be set";
        problems.spec(&field, why);
    }
    for (index, name) in validation.subject_alt_names.iter().flatten().enumerate() {
        let field = format!("{field}.subjectAltNames[{index}]");
        match (name.kind, &name.hostname, &name.uri) {
            (api::SubjectAltNameType::Hostname, Some(name), None) => {
                problems.take(&format!("{field}.hostname"), Hostname::parse(name));
            }
            (api::SubjectAltNameType::Uri, None, Some(_)) => {}
            _ => problems.spec(&field, "must have what its type says, hostname or uri, alone"),
        }
    }
}

/// Translates how the endpoints are spoken to; `from` of the context is the pool that says it. Its
/// declaration is valid: see [`check`].
pub(super) fn translate(
    context: Context<'_>,
    spec: &api::BackendPoolSpec,
    used: &mut Used,
    problems: &mut Problems,
) -> Option<BackendTls> {
    let declared = spec.backend_tls.as_ref()?;
    let validation = &declared.validation;
    let authorities = match &validation.ca_certificate_refs {
        None => Some(Authorities::System),
        Some(references) => {
            let field = format!("{FIELD}.validation");
            authorities(context, (&field, references), used, problems)
                .map(Authorities::Certificates)
        }
    };
    let field = format!("{FIELD}.clientCertificateRef");
    let client = declared
        .client_certificate_ref
        .as_ref()
        .map(|reference| certificates::of_client(context, reference, &field, used, problems));
    let (Some(authorities), true) = (authorities, client.as_ref().is_none_or(Option::is_some))
    else {
        return Some(BackendTls::Unresolved);
    };
    let names = validation.subject_alt_names.iter().flatten().filter_map(subject_name);
    Some(BackendTls::Settings(Arc::new(BackendTlsSettings {
        hostname: validation.hostname.as_str().into(),
        names: names.collect(),
        authorities,
        client: client.flatten(),
        min_version: match declared.min_version {
            api::TlsVersion::Tls12 => TlsVersion::Tls12,
            api::TlsVersion::Tls13 => TlsVersion::Tls13,
        },
    })))
}

fn subject_name(name: &api::SubjectAltName) -> Option<SubjectName> {
    match name.kind {
        api::SubjectAltNameType::Hostname => {
            name.hostname.as_deref().map(|name| SubjectName::Hostname(name.into()))
        }
        api::SubjectAltNameType::Uri => name.uri.as_deref().map(|uri| SubjectName::Uri(uri.into())),
    }
}

/// Returns the certificates of all authorities that can be found. Believing fewer than declared is
/// safe; believing none is no TLS at all.
pub(super) fn authorities(
    context: Context<'_>,
    (validation, references): (&str, &[api::CaCertificateRef]),
    used: &mut Used,
    problems: &mut Problems,
) -> Option<Arc<str>> {
    let mut found = String::new();
    for (index, reference) in references.iter().enumerate() {
        let field = format!("{validation}.caCertificateRefs[{index}]");
        let kind = match reference.kind {
            api::CaCertificateKind::ConfigMap => Kind::ConfigMap,
            api::CaCertificateKind::Secret => Kind::Secret,
        };
        let namespace = reference.namespace.as_ref().unwrap_or(&context.from.namespace);
        let key = ObjectKey::new(namespace.clone(), reference.name.clone());
        match load(context, &ObjectRef::new(kind, key), used) {
            (pem, None) => found += &pem.unwrap_or_default(),
            (pem, Some((reason, why))) => {
                problems.reference(reason, &field, why);
                found += &pem.unwrap_or_default();
            }
        }
    }
    (!found.is_empty()).then(|| found.into())
}

type Refused = (ConditionReason, String);

/// Returns the certificates of an object, and what is wrong: both, where the object is broken and
/// what it held before stays in use.
fn load(
    context: Context<'_>,
    object: &ObjectRef,
    used: &mut Used,
) -> (Option<String>, Option<Refused>) {
    let ObjectRef { kind, key } = object;
    used.other_namespaces |= key.namespace != context.from.namespace;
    if !grants::allows(context.objects, context.from, *kind, key) {
        let why = format!(
            "{object} is in another namespace: it needs a ReferenceGrant in {} from BackendPool \
             in {} to {kind}",
            key.namespace, context.from.namespace
        );
        return (None, Some((ConditionReason::RefNotPermitted, why)));
    }
    used.note(*kind, key);
    let objects = context.objects;
    let now = match kind {
        Kind::ConfigMap => objects.config_maps.get(key).map(|map| of_config_map(map)),
        _ => objects.secrets.get(key).map(|secret| of_secret(secret)),
    };
    let now = match now {
        Some(read) => read
            .map_err(|why| (ConditionReason::InvalidCaCertificateRef, format!("{object}: {why}"))),
        None => Err((ConditionReason::MissingCaCertificateRef, format!("there is no {object}"))),
    };
    let (reason, mut why) = match now {
        Ok(found) => return (Some(found), None),
        Err(refused) => refused,
    };
    let kept = objects.last_good_authorities.get(object);
    let kept = kept.and_then(|object| read(object)?.ok());
    if kept.is_some() {
        why += "; what it held before stays in use";
    }
    (kept, Some((reason, why)))
}

/// Returns why an object holds no certificates of authorities; nothing where it does, or is of a
/// kind that never does.
pub fn error(object: &Object) -> Option<String> {
    read(object)?.err()
}

fn read(object: &Object) -> Option<Result<String, String>> {
    match object {
        Object::ConfigMap(map) => Some(of_config_map(map)),
        Object::Secret(secret) => Some(of_secret(secret)),
        _ => None,
    }
}

fn of_config_map(map: &ConfigMap) -> Result<String, String> {
    let text = |key| Ok(map.data.as_ref().and_then(|data| data.get(key)).map(String::as_str));
    of_texts(text)
}

fn of_secret(secret: &Secret) -> Result<String, String> {
    of_texts(|key| {
        let bytes = secret.data.as_ref().and_then(|data| data.get(key));
        bytes.map(|bytes| std::str::from_utf8(&bytes.0)).transpose()
    })
}

/// Returns the certificates of an object, and the lists of what was revoked behind them.
fn of_texts<'a>(
    text: impl Fn(&'static str) -> Result<Option<&'a str>, std::str::Utf8Error>,
) -> Result<String, String> {
    let text = |key| text(key).map_err(|_| format!("{key} is not PEM text"));
    let mut found = checked(text("ca.crt")?.ok_or("has no ca.crt")?)?;
    if let Some(lists) = text("ca.crl")? {
        found += &revocations::checked(lists)?;
    }
    Ok(found)
}

/// Returns the certificates of a text, without what stands between them.
fn checked(text: &str) -> Result<String, String> {
    let mut found = String::new();
    for (index, block) in Pem::iter_from_buffer(text.as_bytes()).enumerate() {
        let block = block.map_err(|error| format!("ca.crt is not PEM: {error}"))?;
        if block.label != "CERTIFICATE" {
            return Err(format!("ca.crt holds a block {:?}, not CERTIFICATE", block.label));
        }
        block
            .parse_x509()
            .map_err(|_| format!("block {} of ca.crt is not an X.509 certificate", index + 1))?;
        found += &pem("CERTIFICATE", &block.contents);
    }
    if found.is_empty() {
        return Err("ca.crt holds no PEM block".into());
    }
    Ok(found)
}

/// Writes a block of PEM. Source: RFC 7468 §2.
pub(super) fn pem(label: &str, der: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::prelude::BASE64_STANDARD.encode(der);
    let mut pem = format!("-----BEGIN {label}-----\n");
    let mut rest = text.as_str();
    while let Some((line, more)) = rest.split_at_checked(64) {
        pem += line;
        pem.push('\n');
        rest = more;
    }
    if !rest.is_empty() {
        pem += rest;
        pem.push('\n');
    }
    pem + &format!("-----END {label}-----\n")
}
