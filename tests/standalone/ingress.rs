//! Ingresses over sockets: hosts, paths, the default backend, classes, and balancing.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{self, ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::rig::{Backend, Weir, eventually};

fn backend(name: &str, last: u8) -> Backend {
    Backend::start(name, [127, 0, 0, last], 0, Duration::ZERO)
}

/// A Service whose endpoints are these backends.
pub fn service(name: &str, backends: &[&Backend]) -> String {
    let slices: String = backends
        .iter()
        .enumerate()
        .map(|(index, backend)| {
            format!(
                "---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {{ name: \
                 {name}-{index}, namespace: shop, labels: {{ kubernetes.io/service-name: {name} }} \
                 }}\naddressType: IPv4\nports: [{{ name: http, port: {} }}]\n\
                 endpoints: [{{ addresses: [{}] }}]\n",
                backend.address.port(),
                backend.address.ip()
            )
        })
        .collect();
    format!(
        "---\napiVersion: v1\nkind: Service\nmetadata: {{ name: {name}, namespace: shop }}\n\
         spec: {{ ports: [{{ name: http, port: 80 }}] }}\n{slices}"
    )
}

pub fn ingress(name: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {{ name: {name}, \
         namespace: shop }}\nspec:\n{spec}"
    )
}

pub fn rule(host: &str, paths: &[(&str, &str, &str)]) -> String {
    let paths: String = paths
        .iter()
        .map(|(path, kind, service)| {
            format!(
                "          - {{ path: {path}, pathType: {kind}, backend: {{ service: {{ name: \
                 {service}, port: {{ name: http }} }} }} }}\n"
            )
        })
        .collect();
    format!("    - host: {host:?}\n      http:\n        paths:\n{paths}")
}

const OURS: &str = "  ingressClassName: weir\n  rules:\n";

#[test]
fn hosts_paths_and_the_default_backend_decide() {
    let (a, b, rest) = (backend("a", 1), backend("b", 1), backend("rest", 1));
    let hosts = rule("*.foo.com", &[("/", "Prefix", "a")])
        + &rule("foo.bar.com", &[("/", "Prefix", "b"), ("/exact", "Exact", "a")])
        + &rule("paths.test", &[("/aaa", "Prefix", "a"), ("/aaa/bbb", "Prefix", "b")]);
    let default = ingress(
        "default",
        "  ingressClassName: weir\n  defaultBackend: { service: { name: rest, port: { number: 80 } } }\n",
    );
    let services = service("a", &[&a]) + &service("b", &[&b]) + &service("rest", &[&rest]);
    let weir = Weir::start(&(services + &ingress("web", &(OURS.to_owned() + &hosts)) + &default));
    let mut client = weir.client();
    let mut ask = |host: &str, path: &str| client.get(host, path).expect("answer").body;
    assert_eq!(ask("bar.foo.com", "/x"), "a");
    assert_eq!(ask("baz.bar.foo.com", "/"), "rest", "one label, not two");
    assert_eq!(ask("foo.com", "/"), "rest", "one label, not none");
    assert_eq!(ask("FOO.bar.com:80", "/"), "b");
    assert_eq!(ask("foo.bar.com", "/exact"), "a");
    assert_eq!(ask("foo.bar.com", "/exact/"), "b");
    assert_eq!(ask("paths.test", "/aaa/bb"), "a");
    assert_eq!(ask("paths.test", "/aaa/bbb/"), "b");
    assert_eq!(ask("paths.test", "/aaaa"), "rest", "whole segments only");
    assert_eq!(ask("else.test", "/"), "rest");
    let metrics = weir.metrics();
    let series = "pool=\"shop/b:80\",route=\"ingress/shop/web/1.0\"";
    assert!(metrics.contains(series), "{series} in:\n{metrics}");
}

#[test]
fn without_a_rule_or_a_default_there_is_no_answer() {
    let a = backend("a", 1);
    let text = service("a", &[&a])
        + &ingress("web", &(OURS.to_owned() + &rule("a.test", &[("/a", "Exact", "a")])))
        + &ingress("gone", &(OURS.to_owned() + &rule("gone.test", &[("/", "Prefix", "gone")])));
    let mut weir = Weir::start(&text);
    let mut client = weir.client();
    let mut ask = |host: &str, path: &str| {
        let answer = client.get(host, path).expect("answer");
        (answer.status, answer.headers.get("x-weir-reason").cloned().unwrap_or_default())
    };
    assert_eq!(ask("a.test", "/a").0, 200);
    assert_eq!(ask("a.test", "/b"), (404, "no_route".to_owned()));
    assert_eq!(ask("b.test", "/a"), (404, "no_host".to_owned()));
    assert_eq!(ask("gone.test", "/").0, 503);
    let line = weir.wait_log("there is no Service shop/gone");
    assert!(line.contains("WARN") && line.contains("Ingress shop/gone"), "{line}");
}

#[test]
fn only_ingresses_of_our_class_are_served() {
    let a = backend("a", 1);
    let class = |name: &str, controller: &str| {
        format!(
            "---\napiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {{ name: {name} }}\n\
             spec: {{ controller: {controller} }}\n"
        )
    };
    let of_class = |name: &str, class: &str| {
        let spec = format!("  ingressClassName: {class}\n  rules:\n");
        ingress(name, &(spec + &rule(&format!("{name}.test"), &[("/", "Prefix", "a")])))
    };
    let objects = service("a", &[&a]) + &of_class("mine", "fast") + &of_class("theirs", "nginx");
    let classes =
        class("fast", "weir.dev/ingress-controller") + &class("nginx", "k8s.io/ingress-nginx");
    let weir = Weir::start(&objects);
    weir.write("classes.yaml", &classes);
    let status = |host: &str| weir.client().get(host, "/").expect("answer").status;
    eventually("our class is served", || status("mine.test") == 200);
    assert_eq!(status("theirs.test"), 404);
    weir.write(
        "classes.yaml",
        &classes.replace("k8s.io/ingress-nginx", "weir.dev/ingress-controller"),
    );
    eventually("a class that becomes ours is served", || status("theirs.test") == 200);
    weir.write("classes.yaml", &classes.replace("weir.dev/ingress-controller", "example.com/else"));
    eventually("a class that becomes foreign is not", || status("mine.test") == 404);
    // Two Weirs side by side: each serves the classes of its own controller alone.
    let other = Weir::start_with(&(objects + &classes), &["--controller=k8s.io/ingress-nginx"]);
    let status = |host: &str| other.client().get(host, "/").expect("answer").status;
    assert_eq!(status("theirs.test"), 200);
    assert_eq!(status("mine.test"), 404);
}

#[test]
fn requests_are_spread_over_the_endpoints_of_a_service() {
    let backends: Vec<Backend> = (1..=3).map(|n| backend(&format!("b{n}"), n)).collect();
    let all: Vec<&Backend> = backends.iter().collect();
    let web = ingress("web", &(OURS.to_owned() + &rule("a.test", &[("/", "Prefix", "a")])));
    let weir = Weir::start(&(service("a", &all) + &web));
    let mut client = weir.client();
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    for _ in 0..300 {
        *counts.entry(client.get("a.test", "/").expect("answer").body).or_default() += 1;
    }
    assert_eq!(counts.len(), 3, "{counts:?}");
    assert!(counts.values().all(|count| (90..=110).contains(count)), "{counts:?}");
    // Two of three endpoints go: the last one takes everything.
    weir.write("pool.yaml", &(service("a", &all[..1]) + &web));
    eventually("one endpoint is left", || {
        (0..6).all(|_| client.get("a.test", "/").expect("answer").body == "b1")
    });
}

/// A Secret with a certificate for these names, and that certificate.
pub fn secret(name: &str, hosts: &[&str]) -> (String, rustls::pki_types::CertificateDer<'static>) {
    let names: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
    let pair = rcgen::generate_simple_self_signed(names).expect("certificate");
    let indented = |text: String| text.trim_end().replace('\n', "\n    ");
    let text = format!(
        "---\napiVersion: v1\nkind: Secret\nmetadata: {{ name: {name}, namespace: shop }}\n\
         type: kubernetes.io/tls\nstringData:\n  tls.crt: |\n    {}\n  tls.key: |\n    {}\n",
        indented(pair.cert.pem()),
        indented(pair.signing_key.serialize_pem())
    );
    (text, pair.cert.der().clone())
}

/// Asks by HTTPS; nothing where the certificate is not the expected one for the host.
fn ask_tls(
    weir: &Weir,
    host: &str,
    expected: &rustls::pki_types::CertificateDer<'static>,
) -> Option<String> {
    let mut roots = RootCertStore::empty();
    roots.add(expected.clone()).expect("root");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(host.to_owned()).expect("name");
    let connection = ClientConnection::new(Arc::new(config), name).expect("connection");
    let stream = TcpStream::connect(weir.https).expect("connect");
    stream.set_read_timeout(Some(crate::rig::PATIENCE)).expect("timeout");
    let mut tls = StreamOwned::new(connection, stream);
    let request = format!("GET / HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    tls.write_all(request.as_bytes()).ok()?;
    let mut answer = Vec::new();
    tls.read_to_end(&mut answer).ok();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    answer.starts_with("HTTP/1.1 200").then(|| answer.lines().last().unwrap_or_default().to_owned())
}

#[test]
fn each_host_has_its_certificate_and_a_missing_one_stops_nothing_else() {
    let (a, b) = (backend("a", 1), backend("b", 1));
    let (first, of_a) = secret("first", &["a.test", "*.wild.test"]);
    let (second, of_b) = secret("second", &["b.test"]);
    let rules = rule("a.test", &[("/", "Prefix", "a")])
        + &rule("*.wild.test", &[("/", "Prefix", "a")])
        + &rule("b.test", &[("/", "Prefix", "b")])
        + &rule("late.test", &[("/", "Prefix", "b")]);
    let spec = format!(
        "  ingressClassName: weir\n  tls:\n    - {{ hosts: [a.test, '*.wild.test'], secretName: first }}\n    \
         - {{ hosts: [b.test], secretName: second }}\n    \
         - {{ hosts: [late.test], secretName: late }}\n  rules:\n{rules}"
    );
    let objects = service("a", &[&a]) + &service("b", &[&b]) + &ingress("web", &spec);
    let mut weir = Weir::start(&(objects + &first + &second));
    assert_eq!(ask_tls(&weir, "a.test", &of_a).as_deref(), Some("a"));
    assert_eq!(ask_tls(&weir, "x.wild.test", &of_a).as_deref(), Some("a"));
    assert_eq!(ask_tls(&weir, "b.test", &of_b).as_deref(), Some("b"));
    assert_eq!(ask_tls(&weir, "b.test", &of_a), None, "the certificate of another host");
    let line = weir.wait_log("there is no Secret shop/late");
    assert!(line.contains("InvalidCertificateRef") && line.contains("Ingress shop/web"), "{line}");
    assert_eq!(weir.client().get("late.test", "/").expect("answer").body, "b");
    let (late, of_late) = secret("late", &["late.test"]);
    weir.write("late.yaml", &late);
    eventually("the late certificate is used", || {
        ask_tls(&weir, "late.test", &of_late).as_deref() == Some("b")
    });
}

#[test]
fn settings_for_a_service_hold_for_its_ingresses() {
    let backends: Vec<Backend> = (1..=3).map(|n| backend(&format!("b{n}"), n)).collect();
    let all: Vec<&Backend> = backends.iter().collect();
    let web = ingress("web", &(OURS.to_owned() + &rule("a.test", &[("/", "Prefix", "a")])));
    let weir = Weir::start(&(service("a", &all) + &web));
    let answer = weir.client().get("a.test", "/").expect("answer");
    assert!(!answer.headers.contains_key("set-cookie"));
    let policy = |more: &str| {
        format!(
            "apiVersion: weir.dev/v1alpha1\nkind: BackendPool\nmetadata: {{ name: sticky, namespace: \
             shop }}\nspec:\n  targetRefs: [{{ group: '', kind: Service, name: a }}]\n{more}"
        )
    };
    weir.write("policy.yaml", &policy("  sessionPersistence: { sessionName: sid }\n"));
    let cookie = || weir.client().get("a.test", "/").ok()?.headers.get("set-cookie").cloned();
    eventually("a session", || cookie().is_some());
    let cookie = cookie().expect("cookie");
    let cookie = cookie.split(';').next().expect("cookie");
    let mut client = weir.client();
    let mut ask = || client.send("GET", "a.test", "/", &[("cookie", cookie)]).expect("answer").body;
    let first = ask();
    assert!((0..20).all(|_| ask() == first));
    weir.write("policy.yaml", &policy("  rateLimit: { requests: 1, per: 1h, burst: 1 }\n"));
    eventually("too many", || weir.client().get("a.test", "/").is_ok_and(|a| a.status == 429));
    std::fs::remove_file(weir.manifests.join("policy.yaml")).expect("remove");
    eventually("no limit any more", || {
        (0..5).all(|_| weir.client().get("a.test", "/").is_ok_and(|answer| answer.status == 200))
    });
}

#[test]
fn a_resource_leads_to_the_pool_itself_and_an_alias_to_its_name() {
    let (pool, alias) = (backend("pool", 1), backend("alias", 1));
    let objects = format!(
        "apiVersion: weir.dev/v1alpha1\nkind: BackendPool\nmetadata: {{ name: p, namespace: shop }}\n\
         spec:\n  backends: [{{ endpoint: {{ address: 127.0.0.1, port: {} }} }}]\n---\n\
         apiVersion: v1\nkind: Service\nmetadata: {{ name: elsewhere, namespace: shop }}\n\
         spec: {{ type: ExternalName, externalName: localhost, ports: [{{ name: http, port: {} }}] }}\n",
        pool.address.port(),
        alias.address.port()
    );
    let resource = "    - host: pool.test\n      http: { paths: [{ path: /, pathType: Prefix, \
        backend: { resource: { apiGroup: weir.dev, kind: BackendPool, name: p } } }] }\n";
    let rules = resource.to_owned() + &rule("alias.test", &[("/", "Prefix", "elsewhere")]);
    let weir = Weir::start(&(objects + &ingress("web", &(OURS.to_owned() + &rules))));
    assert_eq!(weir.client().get("pool.test", "/").expect("answer").body, "pool");
    eventually("the name is resolved", || {
        weir.client().get("alias.test", "/").is_ok_and(|answer| answer.body == "alias")
    });
}

#[test]
fn a_slow_service_has_the_time_that_its_settings_give() {
    let slow = Backend::start("slow", [127, 0, 0, 1], 0, Duration::from_secs(2));
    let web = ingress("web", &(OURS.to_owned() + &rule("a.test", &[("/", "Prefix", "a")])));
    let settings = "apiVersion: weir.dev/v1alpha1\nkind: BackendPool\nmetadata: { name: a, namespace: \
        shop }\nspec:\n  targetRefs: [{ kind: Service, name: a }]\n  timeouts: { backendRequest: 100ms }\n";
    let weir = Weir::start(&(settings.to_owned() + &service("a", &[&slow]) + &web));
    let answer = weir.client().get("a.test", "/").expect("answer");
    assert_eq!(answer.status, 504);
    assert_eq!(answer.headers["x-weir-reason"], "upstream_timeout");
    std::fs::remove_file(weir.manifests.join("pool.yaml")).expect("remove");
    weir.write("rest.yaml", &(service("a", &[&slow]) + &web));
    eventually("the time is the default again", || {
        weir.client().get("a.test", "/").is_ok_and(|answer| answer.body == "slow")
    });
}
