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
            "metadata.namespace: must be a string, not false: write it in quotes",
        ),
        ("{apiVersion: v1, kind: Node, metadata: {name: A}}", "metadata.name: must be"),
        (
            "{apiVersion: v1, kind: Node, metadata: {name: a, namespace: b}}",
            "metadata.namespace: this kind has no namespace",
        ),
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
