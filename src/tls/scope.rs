//! Which hosts the requests on a connection may be for.

use std::sync::Arc;

use super::names::Names;
use crate::model::{Certificate, ClientRule, Hostname, TlsTerms};

/// Scope is what the certificates of a name are for, and on which terms they are shown.
#[derive(Clone, Debug)]
pub(super) struct Scope {
    terms: Arc<TlsTerms>,
    /// DNS names, by certificate.
    covers: Vec<Arc<[Hostname]>>,
}

impl Scope {
    pub(super) fn new(terms: &Arc<TlsTerms>) -> Self {
        Self { terms: Arc::clone(terms), covers: Vec::new() }
    }

    pub(super) fn add(&mut self, certificate: &Certificate) {
        self.covers.push(Arc::clone(&certificate.covers));
    }

    /// Returns whether each of the certificates is for a host: which one a client saw is not known.
    fn covers(&self, host: &str) -> bool {
        let is_for = |name: &Hostname| match name.wildcard_suffix() {
            // A wildcard stands for one label. Source: RFC 6125 §6.4.3.
            Some(suffix) => host
                .strip_suffix(suffix)
                .is_some_and(|label| !label.is_empty() && !label.contains('.')),
            None => name.as_str() == host,
        };
        self.covers.iter().all(|names| names.iter().any(is_for))
    }
}

/// Shown is what a handshake was made for: the name that the client asked for, and what stood there.
#[derive(Clone, Debug)]
pub struct Shown {
    pub(super) name: Option<Box<str>>,
    pub(super) scope: Arc<Scope>,
}

impl Shown {
    /// Returns the rule by which the client's certificate was asked for.
    pub fn client_rule(&self) -> Option<&Arc<ClientRule>> {
        self.scope.terms.client.as_ref()
    }
}

/// Scopes knows which connections may carry requests for which hosts.
#[derive(Debug)]
pub struct Scopes(Names<Scope>);

impl Default for Scopes {
    fn default() -> Self {
        Self(Names::new())
    }
}

impl Scopes {
    /// Makes the scopes of certificates that are shown.
    pub fn of(certificates: &[Certificate]) -> Self {
        let mut names = Names::new();
        for certificate in certificates {
            let scope = || Scope::new(&certificate.terms);
            for name in &certificate.names {
                names.at(name, scope).add(certificate);
            }
            if certificate.is_default {
                names.at_default(scope).add(certificate);
            }
        }
        Self(names)
    }

    /// Returns whether a connection may carry requests for a host, given in lower case and without
    /// port. It may for the name that the client asked for. For another one it may where the
    /// client would have got there what it got here: the same terms, and a certificate that is for
    /// both. Where certificates of clients are asked for, only the name itself will do: whose they
    /// are was judged for it alone. A host that no certificate is for gets the default one, and what holds
    /// for that; without one it is served where the certificate that the client saw is for it.
    /// Source: RFC 9110 §7.4, §15.5.20; Gateway API GEP-3567.
    pub fn may_carry(&self, shown: &Shown, host: &str) -> bool {
        if shown.name.as_deref() == Some(host) {
            return true;
        }
        let is_same = |scope: &Scope| scope.terms == shown.scope.terms;
        if let Some(declared) = self.0.declared(host) {
            return is_same(declared)
                && declared.terms.client.is_none()
                && shown.scope.covers(host);
        }
        let is_anonymous = |scope: &Scope| scope.terms.client.is_none() || shown.name.is_none();
        match self.0.default() {
            Some(default) => is_same(default) && is_anonymous(default),
            None => shown.scope.terms.client.is_none() && shown.scope.covers(host),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{PrivateKey, TlsVersion};

    fn certificate(names: &[&str], covers: &[&str], terms: &TlsTerms) -> Certificate {
        let parse = |name: &&str| Hostname::parse(name).unwrap();
        Certificate {
            origin: "a/b".into(),
            created: 0,
            names: names.iter().map(parse).collect(),
            other_names: Vec::new(),
            covers: covers.iter().map(parse).collect(),
            is_default: names.is_empty(),
            terms: Arc::new(terms.clone()),
            not_after: 0,
            chain_pem: "".into(),
            key: PrivateKey::new(""),
        }
    }

    fn may(certificates: &[Certificate], name: Option<&str>, host: &str) -> bool {
        let scopes = Scopes::of(certificates);
        let scope = scopes.0.find(name).expect("a certificate").clone();
        scopes.may_carry(&Shown { name: name.map(Into::into), scope: Arc::new(scope) }, host)
    }

    #[test]
    fn another_host_needs_a_certificate_for_both_and_the_same_terms() {
        let terms = TlsTerms::default();
        let new = TlsTerms { min_version: TlsVersion::Tls13, ..terms.clone() };
        let both = ["one.test", "two.test", "new.test", "*.wild.test"];
        let all = [
            certificate(&["one.test"], &both, &terms),
            certificate(&["two.test"], &["two.test"], &terms),
            certificate(&["new.test"], &both, &new),
            certificate(&["*.wild.test"], &["*.wild.test"], &terms),
            certificate(&[], &["any.test"], &terms),
        ];
        for (name, host, expected) in [
            (Some("one.test"), "one.test", true),
            (Some("one.test"), "two.test", true),
            (Some("two.test"), "one.test", false),
            (Some("one.test"), "new.test", false),
            (Some("new.test"), "one.test", false),
            (Some("new.test"), "unknown.test", false),
            (Some("a.wild.test"), "b.wild.test", true),
            (Some("a.wild.test"), "one.test", false),
            (Some("one.test"), "a.b.wild.test", true),
            // Of no certificate, as an address is.
            (Some("one.test"), "unknown.test", true),
            (Some("unknown.test"), "unknown.test", true),
            (None, "192.0.2.1", true),
            (None, "one.test", false),
        ] {
            assert_eq!(may(&all, name, host), expected, "{name:?} {host}");
        }
    }

    #[test]
    fn without_a_default_certificate_the_one_that_is_shown_has_to_be_for_the_host() {
        let terms = TlsTerms::default();
        let all = [certificate(&["one.test"], &["one.test", "*.wild.test"], &terms)];
        for (host, expected) in
            [("one.test", true), ("a.wild.test", true), ("two.test", false), ("192.0.2.1", false)]
        {
            assert_eq!(may(&all, Some("one.test"), host), expected, "{host}");
        }
        let rule = ClientRule { is_optional: true, anchors: None };
        let asking = TlsTerms { client: Some(Arc::new(rule)), ..terms };
        let all = [certificate(&["one.test"], &["one.test", "*.wild.test"], &asking)];
        assert!(!may(&all, Some("one.test"), "a.wild.test"));
    }

    #[test]
    fn where_certificates_of_clients_are_asked_for_only_the_name_itself_will_do() {
        let rule = |anchors: &str| ClientRule { is_optional: false, anchors: Some(anchors.into()) };
        let asking =
            |anchors| TlsTerms { client: Some(Arc::new(rule(anchors))), ..TlsTerms::default() };
        let every = ["*.test"];
        let mut all = vec![
            certificate(&["*.test"], &every, &asking("one")),
            certificate(&["open.test"], &every, &TlsTerms::default()),
        ];
        assert!(may(&all, Some("a.test"), "a.test"));
        for (name, host) in [("a.test", "b.test"), ("open.test", "a.test"), ("a.test", "open.test")]
        {
            assert!(!may(&all, Some(name), host), "{name} {host}");
        }
        assert!(!may(&all, Some("open.test"), "elsewhere.example"), "no certificate is for it");
        all.push(certificate(&[], &every, &asking("one")));
        assert!(may(&all, None, "192.0.2.1"));
        assert!(!may(&all, None, "a.test"));
        assert!(!may(&all, Some("a.test"), "192.0.2.1"));
        assert!(!may(&all, Some("open.test"), "elsewhere.example"));
    }
}
