//! Lists of revoked certificates, which stand beside the certificates of their authority.

use x509_parser::extensions::ParsedExtension;
use x509_parser::pem::Pem;
use x509_parser::prelude::FromDer as _;
use x509_parser::revocation_list::CertificateRevocationList;
use x509_parser::x509::X509Version;

use super::backend_tls::pem;

/// Returns the lists of a text, without what stands between them.
///
/// # Errors
/// Where one is no list, or of a kind that cannot be judged by.
pub(super) fn checked(text: &str) -> Result<String, String> {
    let mut found = String::new();
    for (index, block) in Pem::iter_from_buffer(text.as_bytes()).enumerate() {
        let block = block.map_err(|error| format!("ca.crl is not PEM: {error}"))?;
        if block.label != "X509 CRL" {
            return Err(format!("ca.crl holds a block {:?}, not X509 CRL", block.label));
        }
        let wrong = |why: &str| format!("block {} of ca.crl {why}", index + 1);
        match CertificateRevocationList::from_der(&block.contents) {
            Ok(([], list)) => judge(&list).map_err(wrong)?,
            _ => return Err(wrong("is not a list of revoked certificates")),
        }
        found += &pem("X509 CRL", &block.contents);
    }
    if found.is_empty() {
        return Err("ca.crl holds no PEM block".into());
    }
    Ok(found)
}

/// Source: RFC 5280 §5.
fn judge(list: &CertificateRevocationList<'_>) -> Result<(), &'static str> {
    if list.version() != Some(X509Version::V2) {
        return Err("is not of version 2");
    }
    for extension in list.extensions() {
        match extension.parsed_extension() {
            ParsedExtension::IssuingDistributionPoint(point)
                if point.indirect_crl || point.only_contains_attribute_certs =>
            {
                return Err("lists certificates of others, or attributes");
            }
            ParsedExtension::UnsupportedExtension { .. } if extension.critical => {
                return Err("is a part of a list, or has another extension that is not known");
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rcgen::{
        BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer,
        CrlDistributionPoint, CrlIssuingDistributionPoint, IsCa, KeyIdMethod, KeyPair,
        KeyUsagePurpose, date_time_ymd,
    };

    use super::*;

    fn list(point: Option<CrlIssuingDistributionPoint>) -> String {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().unwrap();
        let issuer = CertifiedIssuer::self_signed(params, key).unwrap();
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2026, 1, 1),
            next_update: date_time_ymd(2027, 1, 1),
            crl_number: 1.into(),
            issuing_distribution_point: point,
            revoked_certs: Vec::new(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&issuer).unwrap().pem().unwrap()
    }

    #[test]
    fn lists_are_taken_without_what_stands_between_them() {
        let one = list(None);
        let point = CrlDistributionPoint { uris: vec!["http://ca.example/crl".to_owned()] };
        let other =
            list(Some(CrlIssuingDistributionPoint { distribution_point: point, scope: None }));
        let plain = |text: &str| text.replace('\r', "");
        assert_eq!(
            checked(&format!("of today\n{one}\n{other}")).unwrap(),
            plain(&one) + &plain(&other)
        );
    }

    #[test]
    fn what_is_no_list_is_named() {
        let certificate =
            rcgen::generate_simple_self_signed(["ca.test".to_owned()]).unwrap().cert.pem();
        let cut = list(None).replace('A', "B");
        for (text, why) in [
            ("", "holds no PEM block"),
            ("garbage", "holds no PEM block"),
            (certificate.as_str(), "\"CERTIFICATE\", not X509 CRL"),
            (
                "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n",
                "block 1 of ca.crl is not",
            ),
            (cut.as_str(), "ca.crl"),
        ] {
            let error = checked(text).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }
}
