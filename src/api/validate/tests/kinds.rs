//! Kinds, versions, lists, Secrets.

use super::*;
use crate::api::{Kind, ObjectKey};

#[test]
fn a_list_is_taken_apart() {
    let text = "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Service, metadata: \
                {name: a, namespace: shop}, spec: {ports: [{port: 80}]}}\n- {apiVersion: v1, kind: \
                Node, metadata: {name: b}}\n";
    let found: Vec<_> = all(text).unwrap().into_iter().map(|d| d.identity.unwrap()).collect();
    assert_eq!(
        found,
        [(Kind::Service, ObjectKey::new("shop", "a")), (Kind::Node, ObjectKey::new("", "b"))]
    );
    let text = "{apiVersion: v1, kind: ServiceList, items: [{metadata: {name: a}}]}";
    assert_eq!(only(text).identity.unwrap().0, Kind::Service);
}

#[test]
fn a_problem_in_a_list_has_its_place() {
    let text = "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Service\n  metadata: \
                {name: a}\n  spec:\n    ports:\n    - port: http\n";
    let Verdict::Refused(problems) = only(text).verdict else { panic!("accepted") };
    assert_eq!(problems[0].path.to_string(), "spec.ports[0].port");
    assert_eq!(problems[0].place, Some(Place { line: 9, column: 7 }));
}

#[test]
fn wrong_versions_and_kinds_are_clear() {
    for (text, expected) in [
        (
            "{apiVersion: weir.dev/v1, kind: BackendPool}",
            "apiVersion: must be weir.dev/v1alpha1, not \"weir.dev/v1\"",
        ),
        (
            "{apiVersion: v1, kind: BackendPool}",
            "apiVersion: must be weir.dev/v1alpha1, not \"v1\"",
        ),
        (
            "{apiVersion: weir.dev/v1alpha1, kind: BackendPol}",
            "kind: unknown kind \"BackendPol\": did you mean BackendPool?",
        ),
        (
            "{apiVersion: discovery.k8s.io/v1beta1, kind: EndpointSlice}",
            "apiVersion: must be discovery.k8s.io/v1, not \"discovery.k8s.io/v1beta1\"",
        ),
        ("{kind: Service}", "apiVersion: is required: every object says it"),
        ("{apiVersion: v1, kind: 7}", "kind: must be a string, not 7"),
        ("hello", "must be a mapping with apiVersion, kind and metadata"),
        ("[1, 2]", "must be a mapping with apiVersion, kind and metadata"),
    ] {
        assert_eq!(refusal(text), [expected], "{text}");
    }
}

#[test]
fn an_object_with_a_wrong_version_is_named() {
    for (text, name) in [
        (
            "apiVersion: weir.dev/v1, kind: BackendPool, metadata: {name: a}",
            "BackendPool default/a",
        ),
        ("kind: BackendPool, metadata: {name: a, namespace: b}", "BackendPool b/a"),
        ("apiVersion: v2, kind: Node, metadata: {name: a}", "Node a"),
        ("apiVersion: weir.dev/v1, kind: BackendPool", "BackendPool"),
    ] {
        let document = only(&format!("{{{text}}}"));
        assert_eq!((document.name.as_str(), document.identity), (name, None));
        assert!(matches!(document.verdict, Verdict::Refused(_)), "{text}");
    }
}

#[test]
fn kinds_that_weir_does_not_read_are_no_error() {
    let text = "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: 7}";
    let document = only(text);
    assert!(matches!(document.verdict, Verdict::Unread), "{document:?}");
    assert_eq!(document.name, "Deployment web");
}

#[test]
fn other_kinds_are_decoded_strictly() {
    for (text, expected) in [
        (
            "{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {ports: 80}}",
            "spec.ports: invalid type: integer `80`, expected a list",
        ),
        (
            "{apiVersion: v1, kind: Secret, metadata: {name: a}, data: {tls.crt: '%'}}",
            "data[\"tls.crt\"]: cannot be read: data is a mapping of base64 texts",
        ),
        (
            "{apiVersion: v1, kind: Service, metadata: {name: a, namespace: no}}",
            "metadata.namespace: must be a string, not the boolean false: write the word in quotes",
        ),
        ("{apiVersion: v1, kind: Node, metadata: {name: A}}", "metadata.name: must be"),
        (
            "{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: a}, \
             addressType: IPv4, endpoints: [{addresses: 1.2.3.4}]}",
            "endpoints[0].addresses: ",
        ),
    ] {
        let said = refusal(text);
        assert_eq!(said.len(), 1, "{text}: {said:?}");
        assert!(said[0].starts_with(expected), "{text}: {said:?}");
    }
}

#[test]
fn fields_that_a_known_kind_lacks_are_noted() {
    let text =
        "{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {prots: [], type: null}}";
    let Verdict::Read(_, notes) = only(text).verdict else { panic!("refused") };
    let notes: Vec<_> = notes.iter().map(ToString::to_string).collect();
    assert_eq!(notes, ["spec.prots: unknown field; it is ignored"]);
}

#[test]
fn string_data_becomes_data_and_wins() {
    let text = "{apiVersion: v1, kind: Secret, metadata: {name: a}, data: {x: b2xk, y: b2xk}, \
                stringData: {x: new}}";
    let Verdict::Read(Object::Secret(secret), _) = only(text).verdict else { panic!("refused") };
    let data = secret.data.as_ref().unwrap();
    assert_eq!((data["x"].0.as_slice(), data["y"].0.as_slice()), (&b"new"[..], &b"old"[..]));
    assert_eq!(secret.string_data, None);
}

#[test]
fn a_grant_of_either_version_is_read() {
    for version in ["v1", "v1beta1"] {
        let text = format!(
            "{{apiVersion: gateway.networking.k8s.io/{version}, kind: ReferenceGrant, metadata: \
             {{name: a}}, spec: {{from: [{{group: weir.dev, kind: BackendPool, namespace: b}}], \
             to: [{{kind: Service}}]}}}}"
        );
        assert_eq!(refusal(&text), Vec::<String>::new());
    }
}

#[test]
fn no_message_says_a_part_of_a_secret() {
    for data in
        ["data: hunter2", "data: [hunter2]", "stringData: {a: [hunter2]}", "data: {a: hunter2}"]
    {
        let text = format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: a}}\n{data}\n");
        let said = refusal(&text);
        assert_eq!(said.len(), 1, "{data}: {said:?}");
        assert!(!said[0].contains("hunter"), "{said:?}");
    }
}

/// Returns what is right of an object, and what is wrong with the rest.
fn flawed(text: &str) -> (Object, Vec<String>) {
    match only(text).verdict {
        Verdict::Flawed(object, wrong) => (object, wrong.iter().map(ToString::to_string).collect()),
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn of_a_slice_with_wrong_addresses_the_right_ones_are_of_use() {
    let slice = |kind: &str, rest: &str| {
        format!(
            "{{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {{name: a}}, \
             addressType: {kind}, {rest}}}"
        )
    };
    let text = slice(
        "IPv4",
        "endpoints: [{addresses: [foo]}, {addresses: [10.0.0.1]}, {addresses: [10.0.0.2, '::1']}], \
         ports: [{port: 99999}, {port: 80}]",
    );
    let (Object::EndpointSlice(good), wrong) = flawed(&text) else { panic!("another kind") };
    assert_eq!(
        wrong,
        [
            "endpoints[0].addresses[0]: must be an IPv4 address, as addressType says, not \"foo\"",
            "endpoints[2].addresses[1]: must be an IPv4 address, as addressType says, not \"::1\"",
            "ports[0].port: must be 1 to 65535, not 99999",
        ]
    );
    let addresses: Vec<_> = good.endpoints.iter().flat_map(|one| &one.addresses).collect();
    assert_eq!(addresses, ["10.0.0.1", "10.0.0.2"]);
    assert_eq!(good.ports.as_ref().unwrap().len(), 1);
    let (_, wrong) = flawed(&slice("IPv6", "endpoints: [{addresses: [10.0.0.1]}]"));
    assert!(wrong[0].contains("must be an IPv6 address"), "{wrong:?}");
    let (_, wrong) = flawed(&slice("IPv5", "endpoints: [{addresses: [10.0.0.1]}]"));
    assert_eq!(
        wrong,
        ["addressType: must be IPv4 or IPv6, not \"IPv5\": none of its endpoints is used"]
    );
    let many = format!("endpoints: [{}]", "{addresses: [x]}, ".repeat(1_000));
    assert_eq!(flawed(&slice("IPv4", &many)).1.len(), 33);
    for good in ["endpoints: [{addresses: ['::1']}]", "endpoints: []"] {
        assert!(matches!(only(&slice("IPv6", good)).verdict, Verdict::Read(..)), "{good}");
    }
}

#[test]
fn of_a_service_with_wrong_ports_the_right_ones_are_of_use() {
    let service = |ports: &str| {
        format!(
            "{{apiVersion: v1, kind: Service, metadata: {{name: a}}, spec: {{ports: [{ports}]}}}}"
        )
    };
    let unnamed = "is required where there are several ports: name each, as its endpoints do";
    for (ports, expected, left) in [
        (
            "{port: 99999}",
            vec!["spec.ports[0].port: must be 1 to 65535, not 99999".to_owned()],
            vec![],
        ),
        (
            "{port: 80}, {port: 81}",
            vec![
                format!("spec.ports[0].name: {unnamed}"),
                format!("spec.ports[1].name: {unnamed}"),
            ],
            vec![80],
        ),
        (
            "{port: 80, name: a}, {port: 0, name: b}, {port: 81, name: a}",
            vec![
                "spec.ports[1].port: must be 1 to 65535, not 0".to_owned(),
                "spec.ports[2].name: \"a\" is the name of spec.ports[0]: write another".to_owned(),
            ],
            vec![80],
        ),
    ] {
        let (Object::Service(good), wrong) = flawed(&service(ports)) else { panic!("{ports}") };
        assert_eq!(wrong, expected);
        let good = good.spec.as_ref().unwrap().ports.as_ref().unwrap();
        assert_eq!(good.iter().map(|port| port.port).collect::<Vec<_>>(), left, "{ports}");
    }
    let good = service("{port: 80, name: a}, {port: 80, name: b, protocol: UDP}");
    assert!(matches!(only(&good).verdict, Verdict::Read(..)));
}

#[test]
fn a_secret_for_tls_without_a_key_or_with_garbage_is_said_and_nothing_of_it() {
    let secret = |data: &str| {
        format!(
            "{{apiVersion: v1, kind: Secret, metadata: {{name: a}}, type: kubernetes.io/tls, \
             stringData: {{{data}}}}}"
        )
    };
    let (_, wrong) = flawed(&secret("tls.crt: hunter2"));
    assert_eq!(
        wrong,
        [
            "data[\"tls.crt\"]: holds none: write a chain in PEM, as -----BEGIN CERTIFICATE-----",
            "data[\"tls.key\"]: is required of the type kubernetes.io/tls: write a key in PEM, as \
             -----BEGIN PRIVATE KEY-----",
        ]
    );
    let good = "tls.crt: '-----BEGIN CERTIFICATE-----', tls.key: '-----BEGIN RSA PRIVATE KEY-----'";
    assert!(matches!(only(&secret(good)).verdict, Verdict::Read(..)));
}

#[test]
fn a_number_that_begins_with_a_zero_is_refused_wherever_a_type_would_take_it() {
    let why = "a number that begins with a zero: kubectl reads it as octal (YAML 1.1), others as \
               decimal; write it without the zero, or in quotes where it is a text";
    let text = |port: &str| {
        format!(
            "--- {{apiVersion: v1, kind: Service, metadata: {{name: b}}}}\n---\napiVersion: v1\nkind: \
             List\nitems:\n- {{apiVersion: v1, kind: Node, metadata: {{name: c}}}}\n- apiVersion: v1\n  \
             kind: Service\n  metadata: {{name: a}}\n  spec: {{ports: [{{port: {port}}}]}}\n"
        )
    };
    for port in ["0100", "00", "08", "+010"] {
        let documents = all(&text(port)).unwrap();
        let Verdict::Refused(problems) = &documents[2].verdict else { panic!("{port}") };
        assert_eq!(problems[0].path.to_string(), "spec.ports[0].port", "{port}");
        assert!(documents[..2].iter().all(|one| matches!(one.verdict, Verdict::Read(..))));
        assert_eq!(problems[0].message, why, "{port}");
        assert_eq!(problems[0].place, Some(Place { line: 10, column: 19 }), "{port}");
    }
    let refused = |port: &str| matches!(all(&text(port)).unwrap()[2].verdict, Verdict::Refused(_));
    assert!(!["100", "0x50", "0o120"].into_iter().any(refused));
    // Where a text is wanted the number is refused in any case.
    let label = |value: &str| {
        format!("{{apiVersion: v1, kind: Node, metadata: {{name: a, labels: {{a: {value}}}}}}}")
    };
    assert!(refusal(&label("0100")).contains(&format!("metadata.labels.a: {why}")));
    for value in ["'0100'", "2026-01-01", "10.0.0.1", "a_01"] {
        assert_eq!(refusal(&label(value)), Vec::<String>::new(), "{value}");
    }
    // However many there are.
    let many =
        "---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: [{port: 080}]}\n";
    let many = all(&many.repeat(100)).unwrap();
    assert!(many.iter().all(|one| matches!(one.verdict, Verdict::Refused(_))));
    // Nobody reads it.
    let other = "{apiVersion: apps/v1, kind: Deployment, spec: {defaultMode: 0644}}";
    assert!(matches!(only(other).verdict, Verdict::Unread));
}
