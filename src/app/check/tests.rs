use std::path::PathBuf;

use super::command::sources;
use super::report::{Level, Report, Source, check};
use crate::api::validate::{Format, PoolSchema};
use crate::translate::Options;

fn report_of(files: &[(&str, &str)], standalone: bool) -> Report {
    let source = |(path, text): &(&str, &str)| Source {
        path: PathBuf::from(path),
        format: Format::Yaml,
        bytes: Ok(text.as_bytes().to_vec()),
    };
    let sources: Vec<Source> = files.iter().map(source).collect();
    check(&sources, Options { standalone, ..Options::default() }, &PoolSchema::new().unwrap())
}

fn lines(report: &Report) -> Vec<String> {
    report.findings.iter().map(ToString::to_string).collect()
}

fn pool(name: &str, spec: &str) -> String {
    format!(
        "apiVersion: weir.dev/v1alpha1\nkind: BackendPool\nmetadata: {{ name: {name} }}\nspec: {spec}\n---\n"
    )
}

const LOOPBACK: &str = "{ backends: [{ endpoint: { address: 127.0.0.1, port: 80 } }] }";

#[test]
fn a_good_pool_is_accepted() {
    let report = report_of(&[("a.yaml", &pool("a", LOOPBACK))], true);
    assert_eq!(lines(&report), ["a.yaml: BackendPool default/a: accepted"]);
    assert!(!report.is_refused());
    assert_eq!(report.summary(), "1 object, 0 refused, 0 warnings");
}

#[test]
fn every_problem_is_said_with_its_place() {
    let text = pool("a", "{ backends: [{ weight: 1 }], algorythm: x }");
    let report = report_of(&[("a.yaml", &text)], true);
    assert!(report.is_refused());
    assert_eq!(
        lines(&report),
        [
            "a.yaml:4:36: BackendPool default/a: refused: spec.algorythm: unknown field; known \
             here: access, backendProtocol, backendTLS, backends, healthCheck, httpsRedirect, limits, \
             loadBalancing, notInherited, outlierDetection, panicThreshold, proxyProtocol, rateLimit, retry, \
             routes, sessionPersistence, targetRefs, timeouts, tls",
            "a.yaml:4:20: BackendPool default/a: refused: spec.backends[0]: exactly one of service \
             and endpoint must be set",
        ]
    );
    assert_eq!(report.summary(), "1 object, 1 refused, 0 warnings");
}

#[test]
fn a_document_that_cannot_be_read_stops_no_other() {
    let text = pool("a", LOOPBACK) + "metadata: { name: 'b }\n---\n" + &pool("c", LOOPBACK);
    let report = report_of(&[("a.yaml", &text)], true);
    let lines = lines(&report);
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert_eq!(lines[0], "a.yaml: BackendPool default/a: accepted");
    assert!(
        lines[1].starts_with("a.yaml:6:") && lines[1].contains(": document 2: refused: "),
        "{lines:?}"
    );
    assert_eq!(lines[2], "a.yaml: BackendPool default/c: accepted");
    assert_eq!(report.summary(), "3 objects, 1 refused, 0 warnings");
}

#[test]
fn what_only_translation_finds_is_refused_too() {
    let text = pool("a", LOOPBACK);
    let report = report_of(&[("a.yaml", &text)], false);
    assert!(report.is_refused(), "{:?}", lines(&report));
    assert_eq!(report.findings[0].level, Level::Refused);
    assert!(lines(&report)[0].contains("UnsafeAddress"), "{:?}", lines(&report));
}

#[test]
fn a_service_that_is_not_among_the_files_is_a_warning() {
    let text = pool("a", "{ backends: [{ service: { name: far, port: 80 } }] }");
    let report = report_of(&[("a.yaml", &text)], true);
    assert!(!report.is_refused());
    let levels: Vec<Level> = report.findings.iter().map(|finding| finding.level).collect();
    assert_eq!(levels, [Level::Accepted, Level::Warning]);
    assert!(lines(&report)[1].contains("far"), "{:?}", lines(&report));
}

#[test]
fn every_reference_is_judged_by_itself() {
    let text = pool(
        "a",
        "{ backends: [{ service: { name: far, port: 80 } }, { endpoint: { address: 127.0.0.1, port: 80 } }, \
         { service: { name: other, namespace: b, port: 80 } }] }",
    );
    let report = report_of(&[("a.yaml", &text)], false);
    assert!(report.is_refused(), "{:?}", lines(&report));
    let levels: Vec<Level> = report.findings.iter().map(|finding| finding.level).collect();
    assert_eq!(levels, [Level::Warning, Level::Refused, Level::Warning], "{:?}", lines(&report));
    for (line, parts) in lines(&report).iter().zip([
        ["spec.backends[0].service: there is no Service default/far", "BackendNotFound"],
        ["spec.backends[1].endpoint.address: 127.0.0.1 is a loopback", "UnsafeAddress"],
        ["spec.backends[2].service: Service b/other is in another", "RefNotPermitted"],
    ]) {
        assert!(parts.iter().all(|part| line.contains(part)), "{parts:?} in {line}");
    }
    assert_eq!(report.summary(), "1 object, 1 refused, 2 warnings");
}

#[test]
fn what_is_left_out_of_a_service_is_a_note() {
    let text = pool("a", "{ backends: [{ service: { name: near, port: 80 } }] }")
        + "apiVersion: v1\nkind: Service\nmetadata: { name: near }\nspec: { ports: [{ port: 80 }] }\n\
           ---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\naddressType: FQDN\n\
           metadata: { name: near-1, labels: { kubernetes.io/service-name: near } }\nendpoints: []\n";
    let report = report_of(&[("a.yaml", &text)], true);
    assert!(!report.is_refused(), "{:?}", lines(&report));
    assert_eq!(
        lines(&report)[1],
        "a.yaml: BackendPool default/a: note: EndpointSlice near-1 is left out: its addresses are \
         of type FQDN"
    );
}

#[test]
fn a_flawed_service_is_refused_and_what_is_right_of_it_is_found() {
    let text = pool("a", "{ backends: [{ service: { name: near, port: 80 } }] }")
        + "apiVersion: v1\nkind: Service\nmetadata: { name: near }\nspec:\n  ports: [{ name: a, port: \
           80 }, { name: b, port: 99999 }]\n";
    let report = report_of(&[("a.yaml", &text)], true);
    assert_eq!(
        lines(&report),
        [
            "a.yaml: BackendPool default/a: accepted",
            "a.yaml:10:45: Service default/near: refused: spec.ports[1].port: must be 1 to 65535, \
             not 99999",
        ]
    );
    assert_eq!(report.summary(), "2 objects, 1 refused, 0 warnings");
}

#[test]
fn all_that_is_wrong_with_a_flawed_ingress_is_said_at_once() {
    let text = "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: { name: a, labels: { 'bad key': x } }\n\
                spec:\n  ingressClassName: weir\n  rules: [{ http: { paths: [{ path: /, pathType: prefix, backend: \
                { service: { name: a, port: { number: 80 } } } }] } }]\n";
    let report = report_of(&[("a.yaml", text)], true);
    let lines = lines(&report);
    assert!(lines.iter().any(|line| line.contains("refused: metadata.labels")), "{lines:?}");
    assert!(lines.iter().any(|line| line.contains("\"prefix\" is no type of path")), "{lines:?}");
    assert!(!lines.iter().any(|line| line.contains("accepted")), "{lines:?}");
    assert!(report.summary().starts_with("1 object, 1 refused"), "{}", report.summary());
}

#[test]
fn files_are_judged_together() {
    let text = pool("a", "{ backends: [{ service: { name: near, port: 80 } }] }");
    let service = "apiVersion: v1\nkind: Service\nmetadata: { name: near }\nspec: { ports: [{ port: 80 }] }\n";
    let report = report_of(&[("a.yaml", &text), ("b.yaml", service)], true);
    assert_eq!(
        lines(&report),
        ["a.yaml: BackendPool default/a: accepted", "b.yaml: Service default/near: accepted"]
    );
}

#[test]
fn the_younger_of_two_equal_claims_is_refused_and_the_other_not() {
    let spec = "{ routes: [{ hostnames: [x.example] }], backends: [{ endpoint: { address: 127.0.0.1, port: 80 } }] }";
    let text = pool("a", spec) + &pool("b", spec);
    let report = report_of(&[("a.yaml", &text)], true);
    let levels: Vec<Level> = report.findings.iter().map(|finding| finding.level).collect();
    assert_eq!(levels, [Level::Accepted, Level::Refused], "{:?}", lines(&report));
    assert_eq!(
        lines(&report)[1],
        "a.yaml: BackendPool default/b: refused: spec.routes[0]: path prefix / of host x.example is \
         served by BackendPool default/a, which comes first by name; none of its routes is served \
         (Accepted: RouteConflict)"
    );
}

#[test]
fn what_is_served_in_part_says_so() {
    let spec = |hosts: &str| {
        format!(
            "{{ routes: [{{ hostnames: [{hosts}] }}], backends: [{{ endpoint: {{ address: \
             127.0.0.1, port: 80 }} }}] }}"
        )
    };
    let text = pool("a", &spec("x.example")) + &pool("b", &spec("x.example, y.example"));
    let report = report_of(&[("a.yaml", &text)], true);
    assert_eq!(
        lines(&report)[1..],
        ["a.yaml: BackendPool default/b: refused in part: spec.routes[0]: path prefix / of host \
          x.example is served by BackendPool default/a, which comes first by name; the rest is \
          served (Accepted: RouteConflict)"]
    );
    assert!(report.is_refused(), "an error of what is declared");
    assert_eq!(report.summary(), "2 objects, 1 refused, 0 warnings");

    let path = "{ path: /ok, pathType: Prefix, backend: { service: { name: web, port: { number: 80 } } } }";
    let text = ingress("part", "weir", "a").replace("paths: [", &format!("paths: [{path}, "));
    let report = report_of(&[("a.yaml", &text)], true);
    let expected =
        "a.yaml: Ingress default/part: refused in part: spec.rules[0].http.paths[1].path";
    assert!(lines(&report).iter().any(|line| line.starts_with(expected)), "{:?}", lines(&report));
    assert!(report.is_refused());
}

#[test]
fn a_broken_file_and_kinds_of_others_leave_the_rest_judged() {
    let other = "apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: web }\n";
    let report = report_of(
        &[("a.yaml", "a: [b\n"), ("b.yaml", other), ("c.yaml", &pool("c", LOOPBACK))],
        true,
    );
    let lines = lines(&report);
    assert!(lines[0].starts_with("a.yaml:"), "{lines:?}");
    assert!(lines[0].contains(": refused: not YAML"), "{lines:?}");
    assert_eq!(lines[1], "b.yaml: Deployment web: not read by Weir");
    assert_eq!(lines[2], "c.yaml: BackendPool default/c: accepted");
    assert_eq!(report.summary(), "3 objects, 1 refused, 0 warnings");
}

#[test]
fn an_object_that_is_twice_there_is_said_once_as_a_warning() {
    let report =
        report_of(&[("a.yaml", &pool("a", LOOPBACK)), ("b.yaml", &pool("a", LOOPBACK))], true);
    assert_eq!(
        lines(&report)[1],
        "b.yaml: BackendPool default/a: warning: is in a.yaml and in b.yaml: the first counts, but \
         a Weir that runs keeps the one it has; leave one out"
    );
}

#[test]
fn folders_are_read_in_order_and_named_files_whatever_their_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for name in ["b.yaml", "a.json", "c.txt"] {
        std::fs::write(path(name), "{}").unwrap();
    }
    let found = sources(&[path("c.txt"), folder.path().to_owned()]).unwrap();
    let found: Vec<PathBuf> = found.into_iter().map(|source| source.path).collect();
    assert_eq!(found, [path("c.txt"), path("a.json"), path("b.yaml")]);
    std::os::unix::fs::symlink("nowhere", path("d.YAML")).unwrap();
    let found = sources(&[folder.path().to_owned()]).unwrap();
    let link = found.iter().find(|source| source.path.ends_with("d.YAML")).unwrap();
    assert!(link.bytes.as_ref().unwrap_err().contains("leads nowhere"), "{:?}", link.bytes);
    let report = check(&found, Options::default(), &PoolSchema::new().unwrap());
    assert!(report.is_refused());
    let error = sources(&[path("none.yaml")]).err().unwrap();
    assert!(format!("{error:#}").contains("none.yaml"), "{error:#}");
    let empty = tempfile::tempdir().unwrap();
    assert!(sources(&[empty.path().to_owned()]).is_err());
}

fn ingress(name: &str, class: &str, path: &str) -> String {
    format!(
        "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {{ name: {name} }}\nspec:\n  \
         ingressClassName: {class}\n  rules: [{{ host: a.test, http: {{ paths: [{{ path: {path}, \
         pathType: Prefix, backend: {{ service: {{ name: web, port: {{ number: 80 }} }} }} }}] }} }}]\n---\n"
    )
}

#[test]
fn what_an_ingress_means_is_said() {
    let text =
        ingress("good", "weir", "/a") + &ingress("wrong", "weir", "a") + &ingress("far", "x", "/");
    let report = report_of(&[("a.yaml", &text)], true);
    let said = lines(&report);
    assert_eq!(
        said,
        [
            "a.yaml: Ingress default/good: accepted",
            "a.yaml: Ingress default/good: warning: backend: there is no Service default/web \
             (BackendNotFound)",
            "a.yaml: Ingress default/wrong: refused: spec.rules[0].http.paths[0].path: the path does \
             not begin with / (Invalid)",
            "a.yaml: Ingress default/far: note: is of another class, and not served",
        ]
    );
    assert!(report.is_refused());
}

#[test]
fn settings_for_a_service_that_is_not_there_are_a_warning() {
    let spec = "{ targetRefs: [{ kind: Service, name: web }], panicThreshold: 10 }";
    let report = report_of(&[("a.yaml", &pool("p", spec))], true);
    assert_eq!(
        lines(&report),
        [
            "a.yaml: BackendPool default/p: accepted",
            "a.yaml: BackendPool default/p: warning: spec.targetRefs[0]: there is no Service \
             default/web (ResolvedRefs: TargetNotFound)",
        ]
    );
    let both = "{ targetRefs: [{ kind: Service, name: web }], backends: [{ endpoint: { address: ::1, port: 1 } }] }";
    assert!(report_of(&[("a.yaml", &pool("p", both))], true).is_refused());
}

#[test]
fn what_is_valid_but_not_what_one_expects_is_a_warning() {
    let spec = "{ backends: [{ endpoint: { address: 127.0.0.1, port: 80, region: dubln } }], \
                loadBalancing: { locality: { prefer: ClientRegion, regions: [{ name: dublin, \
                location: { latitude: 53, longitude: -6 }, clients: [192.0.2.0/24] }] } } }";
    let report = report_of(&[("a.yaml", &pool("a", spec))], true);
    assert_eq!(
        lines(&report),
        [
            "a.yaml: BackendPool default/a: accepted",
            "a.yaml: BackendPool default/a: warning: spec.backends[0].endpoint.region: \"dubln\" is \
             none of locality.regions (dublin): far from every client, and used last",
        ]
    );
    assert!(!report.is_refused());
    assert_eq!(report.summary(), "1 object, 0 refused, 1 warning");
}

#[test]
fn authorities_that_are_not_among_the_files_are_a_warning_and_wrong_ones_an_error() {
    let to_endpoints = "{ backends: [{ endpoint: { address: 127.0.0.1, port: 80 } }], backendTLS: { \
                        validation: { hostname: a.test, caCertificateRefs: [{ name: ca }] } } }";
    let of_clients = "{ routes: [{ hostnames: [a.test] }], backends: [{ endpoint: { address: 127.0.0.1, \
                      port: 80 } }], tls: { certificateRefs: [{ name: cert }], clientValidation: { \
                      caCertificateRefs: [{ name: ca }] } } }";
    let wrong =
        "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: ca }\ndata: { ca.crt: nothing }\n";
    for (spec, field) in
        [(to_endpoints, "spec.backendTLS.validation"), (of_clients, "spec.tls.clientValidation")]
    {
        let files = [("a.yaml", pool("a", spec)), ("b.yaml", wrong.to_owned())];
        let files = files.each_ref().map(|(path, text)| (*path, text.as_str()));
        let report = report_of(&files[..1], true);
        assert!(!report.is_refused(), "{:?}", lines(&report));
        let expected = format!(
            "a.yaml: BackendPool default/a: warning: {field}.caCertificateRefs[0]: there is no \
             ConfigMap default/ca (ResolvedRefs: InvalidCACertificateRef)"
        );
        assert!(lines(&report).contains(&expected), "{:?}", lines(&report));
        let report = report_of(&files, true);
        assert!(report.is_refused(), "{:?}", lines(&report));
        let expected = format!(
            "a.yaml: BackendPool default/a: refused: {field}.caCertificateRefs[0]: ConfigMap \
             default/ca: ca.crt holds no PEM block (ResolvedRefs: InvalidCACertificateRef)"
        );
        assert!(lines(&report).contains(&expected), "{:?}", lines(&report));
    }
}

#[test]
fn one_name_of_two_sessions_on_a_host_is_a_warning() {
    let spec = |path: &str, session: &str| {
        format!(
            "{{ routes: [{{ hostnames: [a.test], matches: [{{ path: {{ value: {path} }} }}] }}], backends: \
             [{{ endpoint: {{ address: 127.0.0.1, port: 80 }} }}], sessionPersistence: {{{session}}} }}"
        )
    };
    let text =
        pool("a", &spec("/a", "sessionName: sid")) + &pool("b", &spec("/b", "sessionName: sid"));
    let report = report_of(&[("a.yaml", &text)], true);
    assert_eq!(report.summary(), "2 objects, 0 refused, 2 warnings");
    for (line, name) in [(1, "a"), (3, "b")] {
        let expected = format!(
            "a.yaml: BackendPool default/{name}: warning: spec.sessionPersistence.sessionName: pools \
             default/a, default/b keep their sessions in one cookie, \"sid\", on a.test: a client has \
             one value of it, so that a request to one pool ends the session in the other; leave \
             sessionName out, or use another for each"
        );
        assert_eq!(lines(&report)[line], expected);
    }
    let text = pool("a", &spec("/a", "")) + &pool("b", &spec("/b", ""));
    assert_eq!(report_of(&[("a.yaml", &text)], true).summary(), "2 objects, 0 refused, 0 warnings");
}

#[test]
fn a_header_that_means_something_already_carries_no_session() {
    let spec = "{ backends: [{ endpoint: { address: 127.0.0.1, port: 80 } }], sessionPersistence: { type: \
                Header, sessionName: Upgrade } }";
    let report = report_of(&[("a.yaml", &pool("a", spec))], true);
    assert_eq!(
        lines(&report),
        [
            "a.yaml: BackendPool default/a: refused: spec.sessionPersistence.sessionName: \"Upgrade\" is \
          about one connection, and goes no further: use a name that means nothing else, as in \
          x-session (Accepted: Invalid)"
        ]
    );
}

#[test]
fn a_header_with_a_meaning_of_its_own_is_a_warning_and_carries_sessions() {
    let spec = "{ backends: [{ endpoint: { address: 127.0.0.1, port: 80 } }], sessionPersistence: { type: \
                Header, sessionName: Prefer } }";
    let report = report_of(&[("a.yaml", &pool("a", spec))], true);
    assert_eq!(report.summary(), "1 object, 0 refused, 1 warning");
    let expected = "a.yaml: BackendPool default/a: warning: spec.sessionPersistence.sessionName: \"Prefer\" \
                    has a meaning of its own, and carries sessions all the same: use a name that means \
                    nothing else, as in x-session";
    assert!(lines(&report).iter().any(|line| line == expected), "{:?}", lines(&report));
}

#[test]
fn a_number_that_is_too_large_is_said_in_words_of_the_manifest() {
    for number in ["1e400", ".inf", "-.inf", ".nan"] {
        let spec = format!(
            "{{ backends: [{{ endpoint: {{ address: 127.0.0.1, port: 80, location: {{ latitude: {number}, \
             longitude: 1 }} }} }}] }}"
        );
        let report = report_of(&[("a.yaml", &pool("a", &spec))], true);
        let said = lines(&report).join("\n");
        let expected = "refused: a number that is infinite or none, or too large to be held: write it \
                        in digits, or in quotes where it is a text";
        assert!(said.contains(expected), "{said}");
    }
}
