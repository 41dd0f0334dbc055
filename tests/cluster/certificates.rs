//! Certificates as cert-manager brings them: late, replaced in place, with a solver beside.

use crate::install::backends;
use crate::rig::{HTTP, HTTPS, Rig, until};
use crate::traffic::{Load, NAMESPACE, ready};

const HOST: &str = "late.example.com";
const TOKEN: &str = "/.well-known/acme-challenge/LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0";

/// Returns the Ingress of an application, as its owner writes it before there is a certificate.
fn application() -> String {
    format!(
        "---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: late
  namespace: {NAMESPACE}
  annotations: {{ cert-manager.io/cluster-issuer: letsencrypt }}
spec:
  ingressClassName: weir
  tls: [{{ hosts: [{HOST}], secretName: late-tls }}]
  rules:
    - host: {HOST}
      http:
        paths: [{{ path: /, pathType: Prefix, backend: {{ service: {{ name: shop, port: {{ number: 80 }} }} }} }}]
"
    )
}

/// Returns the Ingress that cert-manager makes for a challenge. It names the class by the
/// annotation where the issuer says `class` and by the field where it says `ingressClassName`.
/// Source: cert-manager, HTTP01 Ingress solver.
fn solver(class: &str) -> String {
    let (annotation, field) = match class {
        "annotation" => ("kubernetes.io/ingress.class: weir,", ""),
        _ => ("", "ingressClassName: weir"),
    };
    format!(
        "---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  generateName: cm-acme-http-solver-
  name: cm-acme-http-solver-{class}
  namespace: {NAMESPACE}
  labels: {{ acme.cert-manager.io/http01-solver: 'true' }}
  annotations: {{ {annotation} nginx.ingress.kubernetes.io/whitelist-source-range: '0.0.0.0/0,::/0' }}
spec:
  {field}
  rules:
    - host: {HOST}
      http:
        paths:
          - path: {TOKEN}
            pathType: ImplementationSpecific
            backend: {{ service: {{ name: solver, port: {{ number: 80 }} }} }}
"
    )
}

/// Returns the serial number of the certificate that a new connection gets.
fn serial(rig: &Rig) -> Option<u64> {
    let line = format!(
        "openssl s_client -connect {HTTPS} -servername {HOST} </dev/null 2>/dev/null \
         | openssl x509 -noout -serial || true"
    );
    let said = rig.shell(&line);
    u64::from_str_radix(said.trim().strip_prefix("serial=")?, 16).ok()
}

fn who(rig: &Rig, path: &str) -> Option<String> {
    let (status, body) = rig.fetch(HTTP, HOST, path).ok()?;
    (status == 200).then_some(body)
}

pub fn by_the_ways_of_cert_manager(rig: &Rig) {
    let authority = ready(rig);
    rig.apply(&application());
    until("the application in the clear", || {
        who(rig, "/").is_some_and(|body| body.contains("shop-"))
    });
    assert_eq!(serial(rig), None, "there is no certificate yet");

    // The challenge: one path goes to the solver, all else stays.
    rig.apply(&backends(NAMESPACE, "solver", 1));
    rig.kubectl(&format!("delete -n {NAMESPACE} backendpool/solver"));
    rig.kubectl(&format!("rollout status -n {NAMESPACE} deployment/solver --timeout=60s"));
    for class in ["annotation", "field"] {
        rig.apply(&solver(class));
        until("the solver", || who(rig, TOKEN).is_some_and(|body| body.contains("solver-")));
        let body = who(rig, "/.well-known/acme-challenge/other").expect("an answer");
        assert!(body.contains("shop-"), "{body}");
        rig.kubectl(&format!("delete -n {NAMESPACE} ingress/cm-acme-http-solver-{class}"));
        until("its end", || who(rig, TOKEN).is_some_and(|body| body.contains("shop-")));
    }

    // The temporary certificate, which another authority signed, and the real one in its place.
    let temporary = crate::traffic::Authority::new();
    rig.apply(&temporary.secret_for(NAMESPACE, "late-tls", HOST, 100));
    until("the temporary certificate", || serial(rig) == Some(100));
    rig.apply(&authority.secret_for(NAMESPACE, "late-tls", HOST, 101));
    until("the real certificate", || serial(rig) == Some(101));

    let more = format!("host={HOST},shop.example.com websocket=false");
    let load = Load::start(rig, "10 renewals, one broken for a moment", &authority, &more);
    for number in 102..112 {
        if number == 107 {
            broken(rig);
        }
        rig.apply(&authority.secret_for(NAMESPACE, "late-tls", HOST, number));
        until("the renewed certificate", || serial(rig) == Some(number));
    }
    load.end();
    rig.kubectl(&format!("delete -n {NAMESPACE} ingress/late secret/late-tls"));
    rig.kubectl(&format!("delete -n {NAMESPACE} deployment/solver service/solver"));
}

/// An update that leaves the Secret without a certificate: the one before is served on.
fn broken(rig: &Rig) {
    rig.kubectl(&format!(r#"patch -n {NAMESPACE} secret late-tls -p {{"data":{{"tls.crt":""}}}}"#));
    until("an Event", || {
        let events = rig.kubectl(&format!(
            "get events -n {NAMESPACE} --field-selector reason=InvalidCertificateRef,involvedObject.name=late -o yaml"
        ));
        events.contains("its last good certificate stays in use")
    });
    let of_secret = format!(
        "get events -n {NAMESPACE} --field-selector involvedObject.kind=Secret,involvedObject.name=late-tls -o yaml"
    );
    until("an Event of the Secret", || {
        rig.kubectl(&of_secret).contains("its last good certificate stays in use")
    });
    assert_eq!(serial(rig), Some(106), "the last good one");
    let address = "get pods -n weir-system -l app.kubernetes.io/name=weir -o jsonpath={.items[*].status.podIP}";
    for address in rig.kubectl(address).split_whitespace() {
        let (_, text) =
            rig.fetch(&format!("{address}:9090"), "admin", "/metrics").expect("metrics");
        assert!(text.contains("weir_tls_certificates_kept 1\n"), "{address}");
    }
}
