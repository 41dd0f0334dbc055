//! Metadata of every kind: what the API server would say, and what is still of use.

use super::metadata_cases::{ACCEPTED, KINDS, REFUSED, TIMES, object, refused_kinds};
use super::*;
use crate::api::Kind;

fn config_map(metadata: &str) -> String {
    object(("v1", "ConfigMap", "data: {}"), metadata)
}

#[test]
fn what_the_api_server_refuses_is_refused_of_every_kind() {
    for (metadata, field, right) in REFUSED {
        for kind in refused_kinds(right) {
            let said = refusal(&object(kind, metadata));
            let is_said = said.iter().any(|one| one.starts_with("metadata") && one.contains(field));
            assert!(is_said, "{} {metadata}: {said:?}", kind.1);
        }
        for kind in KINDS.iter().filter(|(_, kind, _)| right.contains(kind)) {
            let said = refusal(&object(*kind, metadata));
            let is_said = said.iter().any(|one| one.contains(field));
            assert!(!is_said, "{} {metadata}: {said:?}", kind.1);
        }
    }
    for time in TIMES {
        let said = refusal(&config_map(&format!("{{name: a, creationTimestamp: {time}}}")));
        assert!(said[0].starts_with("metadata.creationTimestamp: "), "{time}: {said:?}");
    }
}

#[test]
fn what_the_api_server_takes_is_read_of_every_kind() {
    for metadata in ACCEPTED {
        for kind in KINDS {
            let document = only(&object(*kind, metadata));
            assert!(matches!(document.verdict, Verdict::Read(..)), "{} {metadata}", kind.1);
        }
    }
}

#[test]
fn it_is_said_what_is_wrong_and_what_would_be_right() {
    for (metadata, expected) in [
        (
            "name: Shop_1",
            "metadata.name: must be lower-case letters, digits, - and . (at most 253), with a letter \
             or digit at both ends and around each dot, not \"Shop_1\": write shop-1",
        ),
        (
            "generateName: shop-",
            "metadata.name: is required: with generateName alone each creation makes another object, \
             which kubectl apply refuses and no file can name again",
        ),
        (
            "name: a, namespace: a.b",
            "metadata.namespace: must be lower-case letters, digits and - (at most 63), with a \
             letter or digit at both ends, not \"a.b\"",
        ),
        (
            "name: a, labels: {app name: shop}",
            "metadata.labels[\"app name\"]: the key has a name that is not of letters, digits, -, _ \
             and . with a letter or digit at both ends: write it as in app or example.com/app",
        ),
        (
            "name: a, labels: {Example.com/app: shop}",
            "metadata.labels[\"Example.com/app\"]: the key has a prefix that is no DNS name of \
             lower-case letters, digits, - and . (at most 253): write it as in app or \
             example.com/app",
        ),
        (
            "name: a, labels: {owner: team shop}",
            "metadata.labels.owner: must be empty, or letters, digits, -, _ and . (at most 63) with \
             a letter or digit at both ends, not \"team shop\"; other texts go into an annotation",
        ),
        (
            "name: a, labels: {version: 1.5}",
            "metadata.labels.version: must be a string, not a number: write it in quotes",
        ),
        (
            "name: a, annotations: {enabled: on}",
            "metadata.annotations.enabled: must be a string, not a boolean: write the word in quotes",
        ),
        ("name: a, labels: [a]", "metadata.labels: must be a mapping of strings, not a list"),
    ] {
        assert_eq!(refusal(&config_map(&format!("{{{metadata}}}"))), [expected], "{metadata}");
    }
}

#[test]
fn of_sizes_fields_and_times_it_is_said_what_is_wrong_and_what_would_be_right() {
    let part = "a".repeat(63);
    for (metadata, expected) in [
        (
            "name: a, annotations: {a: <262144>}",
            "metadata.annotations: must have at most 262144 bytes together, keys and values, not \
             262145: large texts go into a ConfigMap",
        ),
        ("name: a, lables: {a: b}", "metadata.lables: unknown field; did you mean labels?"),
        (
            "name: a, creationTimestamp: today",
            "metadata.creationTimestamp: must be a time as in 2026-01-31T12:00:00Z, not \"today\"",
        ),
        (
            "name: a, finalizers: [cleanup]",
            "metadata.finalizers[0]: the finalizer has no domain: write it as in \
             example.com/cleanup",
        ),
        (
            &format!("name: a, labels: {{{part}aa: b}}"),
            &format!(
                "metadata.labels[\"{part}a…\"]: the key has a name of more than 63 characters: write \
                 it as in app or example.com/app"
            ),
        ),
    ] {
        assert_eq!(refusal(&config_map(&format!("{{{metadata}}}"))), [expected], "{metadata}");
    }
    let service = object(("v1", "Service", "spec: {ports: [{port: 80}]}"), "{name: shop.v1}");
    let expected = "metadata.name: must be lower-case letters, digits and - (at most 63), with a \
                    letter or digit at both ends, not \"shop.v1\"";
    assert_eq!(refusal(&service), [expected]);
}

#[test]
fn all_that_is_wrong_is_said_at_once_with_its_place() {
    let text = "apiVersion: v1\nkind: Service\nmetadata:\n  name: a\n  labels:\n    ok: fine\n    \
                bad one: x\n    owner: team shop\n  annotations:\n    a/b/c: x\n  foo: 1\nspec:\n  \
                ports: [{port: 80}]\n";
    let Verdict::Flawed(_, problems) = only(text).verdict else { panic!("it is of use") };
    let places: Vec<_> =
        problems.iter().map(|one| one.place.map(|place| (place.line, place.column))).collect();
    assert_eq!(places, [Some((11, 3)), Some((7, 5)), Some((8, 5)), Some((10, 5))], "{problems:?}");
}

#[test]
fn what_is_wrong_beside_the_name_is_taken_out_and_the_rest_is_of_use() {
    let text = "{apiVersion: v1, kind: Service, metadata: {name: a, foo: 1, labels: {a b: x, app: \
                shop, owner: team shop}, annotations: {a/b/c: x, note: text}}, spec: {ports: [{port: \
                80}, {port: 99999, name: b}]}}";
    let Verdict::Flawed(Object::Service(service), problems) = only(text).verdict else {
        panic!("it is of use")
    };
    assert_eq!(problems.len(), 6, "{problems:?}");
    let names = |texts: &Option<std::collections::BTreeMap<String, String>>| {
        texts.iter().flatten().map(|(name, _)| name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(&service.metadata.labels), ["app"]);
    assert_eq!(names(&service.metadata.annotations), ["note"]);
    assert_eq!(service.spec.as_ref().unwrap().ports.as_ref().unwrap().len(), 1);
    // Without a name or with a wrong type there is no object; a pool is whole or not at all.
    for (kind, metadata) in [
        ("ConfigMap", "{name: A}"),
        ("ConfigMap", "{name: a, labels: {a: 1}}"),
        ("ConfigMap", "{name: a, annotations: {a: <262144>}}"),
        ("BackendPool", "{name: a, labels: {a b: x}}"),
        ("BackendPool", "{name: a, foo: 1}"),
    ] {
        let kind = *KINDS.iter().find(|(_, one, _)| *one == kind).unwrap();
        let document = only(&object(kind, metadata));
        assert!(matches!(document.verdict, Verdict::Refused(_)), "{metadata}: {document:?}");
    }
}

#[test]
fn what_the_api_server_ignores_is_noted() {
    let notes = |kind: &str, metadata: &str| {
        let kind = *KINDS.iter().find(|(_, one, _)| *one == kind).unwrap();
        let document = only(&object(kind, metadata));
        let Verdict::Read(_, notes) = document.verdict else { panic!("{metadata}") };
        (document.identity.unwrap(), notes.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    let (identity, said) = notes("Node", "{name: a, namespace: Else_where}");
    assert_eq!(identity, (Kind::Node, crate::api::ObjectKey::new("", "a")));
    assert_eq!(said, ["metadata.namespace: this kind has no namespace; it is ignored"]);
    let (_, said) = notes("Service", "{name: 1a}");
    assert_eq!(
        said,
        ["metadata.name: begins with a digit, which older API servers refuse in the name of a \
          Service"]
    );
    assert_eq!(notes("ConfigMap", "{name: 1a}").1, Vec::<String>::new());
}

#[test]
fn no_message_says_an_annotation_or_what_a_secret_is_labelled_with() {
    for metadata in [
        "annotations: {kubectl.kubernetes.io/last: {a: hunter2}}",
        "annotations: {a b: hunter2}",
        "annotations: hunter2",
        "annotations: [hunter2]",
        "labels: {a: hunter 2}",
        "labels: {a: [hunter2]}",
        "labels: hunter2",
    ] {
        let secret = ("v1", "Secret", "data: {}");
        let said = refusal(&object(secret, &format!("{{name: a, {metadata}}}")));
        assert_eq!(said.len(), 1, "{metadata}: {said:?}");
        assert!(!said[0].contains("hunter"), "{said:?}");
    }
}

#[test]
fn of_many_problems_the_first_are_said() {
    let labels: String = (0..1_000).map(|n| format!("'a {n}': x, ")).collect();
    for kind in KINDS {
        let metadata = format!("{{name: a, labels: {{{labels}}}, annotations: {{{labels}}}}}");
        let said = refusal(&object(*kind, &metadata));
        assert_eq!((said.len(), said[32].as_str()), (33, "and more: mend these first"));
    }
}
