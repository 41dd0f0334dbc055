//! Metadata that the API server refuses, and metadata that it takes. Its own verdict is asked in
//! `tests/apiserver`.

/// Kinds that are read, each with what an object of it needs beside its metadata.
pub const KINDS: &[(&str, &str, &str)] = &[
    ("weir.dev/v1alpha1", "BackendPool", "spec: {backends: [{service: {name: a, port: 80}}]}"),
    ("v1", "ConfigMap", "data: {}"),
    ("discovery.k8s.io/v1", "EndpointSlice", "addressType: IPv4, endpoints: []"),
    (
        "networking.k8s.io/v1",
        "Ingress",
        "spec: {defaultBackend: {service: {name: a, port: {number: 80}}}}",
    ),
    ("networking.k8s.io/v1", "IngressClass", "spec: {controller: example.com/a}"),
    ("v1", "Node", "spec: {}"),
    ("v1", "Secret", "data: {}"),
    ("v1", "Service", "spec: {ports: [{port: 80}]}"),
];

/// Kinds of a custom resource, and those whose generation the API server does not count itself.
const CUSTOM: &str = "BackendPool";
const COUNTED: &str = "BackendPool EndpointSlice Ingress IngressClass";

/// Metadata that is refused, the field that is named, and kinds for which it is right.
pub const REFUSED: &[(&str, &str, &str)] = &[
    // Names.
    ("{}", "name", ""),
    ("null", "name", ""),
    ("{name: ''}", "name", ""),
    ("{name: null}", "name", ""),
    ("{name: Shop}", "name", ""),
    ("{name: a_b}", "name", ""),
    ("{name: -a}", "name", ""),
    ("{name: a-}", "name", ""),
    ("{name: a..b}", "name", ""),
    ("{name: a-.b}", "name", ""),
    ("{name: a/b}", "name", ""),
    ("{name: ä}", "name", ""),
    ("{name: 'a '}", "name", ""),
    ("{name: <254>}", "name", ""),
    ("{name: a.b}", "name", "BackendPool ConfigMap EndpointSlice Ingress IngressClass Node Secret"),
    (
        "{name: <64>}",
        "name",
        "BackendPool ConfigMap EndpointSlice Ingress IngressClass Node Secret",
    ),
    ("{name: a, generateName: A}", "generateName", ""),
    ("{name: a, generateName: '-'}", "generateName", ""),
    ("{name: a, generateName: a.}", "generateName", ""),
    ("{name: a, generateName: <254>}", "generateName", ""),
    (
        "{name: a, generateName: a.b-}",
        "generateName",
        "BackendPool ConfigMap EndpointSlice Ingress IngressClass Node Secret",
    ),
    // Keys.
    ("{name: a, labels: {'': x}}", "labels", ""),
    ("{name: a, labels: {a b: x}}", "labels", ""),
    ("{name: a, labels: {/a: x}}", "labels", ""),
    ("{name: a, labels: {a/: x}}", "labels", ""),
    ("{name: a, labels: {a/b/c: x}}", "labels", ""),
    ("{name: a, labels: {A/b: x}}", "labels", ""),
    ("{name: a, labels: {a_b/c: x}}", "labels", ""),
    ("{name: a, labels: {-a: x}}", "labels", ""),
    ("{name: a, labels: {a.: x}}", "labels", ""),
    ("{name: a, labels: {ä: x}}", "labels", ""),
    ("{name: a, labels: {<64>: x}}", "labels", ""),
    ("{name: a, labels: {<254>/b: x}}", "labels", ""),
    ("{name: a, annotations: {'': x}}", "annotations", ""),
    ("{name: a, annotations: {a b: x}}", "annotations", ""),
    ("{name: a, annotations: {a/b/c: x}}", "annotations", ""),
    ("{name: a, annotations: {a_b/c: x}}", "annotations", ""),
    ("{name: a, annotations: {<64>: x}}", "annotations", ""),
    ("{name: a, annotations: {a: <262144>}}", "annotations", ""),
    // Values of labels.
    ("{name: a, labels: {a: x y}}", "labels", ""),
    ("{name: a, labels: {a: -x}}", "labels", ""),
    ("{name: a, labels: {a: x.}}", "labels", ""),
    ("{name: a, labels: {a: x/y}}", "labels", ""),
    ("{name: a, labels: {a: ä}}", "labels", ""),
    ("{name: a, labels: {a: <64>}}", "labels", ""),
    // Types.
    ("7", "metadata", ""),
    ("a", "metadata", ""),
    ("[]", "metadata", ""),
    ("{name: 7}", "name", ""),
    ("{name: true}", "name", ""),
    ("{name: [a]}", "name", ""),
    ("{name: a, namespace: 7}", "namespace", ""),
    ("{name: a, generateName: 7}", "generateName", ""),
    ("{name: a, labels: []}", "labels", ""),
    ("{name: a, labels: x}", "labels", ""),
    ("{name: a, labels: {a: 7}}", "labels", ""),
    ("{name: a, labels: {a: 1.5}}", "labels", ""),
    ("{name: a, labels: {a: true}}", "labels", ""),
    ("{name: a, labels: {a: [x]}}", "labels", ""),
    ("{name: a, labels: {a: {}}}", "labels", ""),
    ("{name: a, annotations: x}", "annotations", ""),
    ("{name: a, annotations: {a: 7}}", "annotations", ""),
    ("{name: a, annotations: {a: false}}", "annotations", ""),
    ("{name: a, annotations: {a: {}}}", "annotations", ""),
    ("{name: a, uid: 7}", "uid", ""),
    ("{name: a, resourceVersion: 7}", "resourceVersion", ""),
    ("{name: a, generation: x}", "generation", ""),
    ("{name: a, generation: 1.5}", "generation", ""),
    ("{name: a, generation: -1}", "generation", COUNTED),
    ("{name: a, managedFields: 7}", "managedFields", ""),
    ("{name: a, managedFields: [{manager: 7}]}", "managedFields", ""),
    ("{name: a, creationTimestamp: 7}", "creationTimestamp", ""),
    // Fields.
    ("{name: a, foo: 1}", "metadata.foo", ""),
    ("{name: a, foo: null}", "metadata.foo", ""),
    ("{name: a, lables: {a: b}}", "metadata.lables", ""),
    ("{name: a, Labels: {a: b}}", "metadata.Labels", ""),
    ("{name: a, managedFields: [{foo: 1}]}", "metadata.managedFields[0].foo", ""),
    // Owners and what keeps an object.
    ("{name: a, finalizers: [a]}", "finalizers", CUSTOM),
    ("{name: a, finalizers: ['']}", "finalizers", ""),
    ("{name: a, finalizers: [null]}", "finalizers", ""),
    ("{name: a, finalizers: [A/b]}", "finalizers", ""),
    ("{name: a, finalizers: x}", "finalizers", ""),
    ("{name: a, finalizers: [7]}", "finalizers", ""),
    ("{name: a, finalizers: [orphan, foregroundDeletion]}", "finalizers", ""),
    ("{name: a, ownerReferences: {}}", "ownerReferences", ""),
    ("{name: a, ownerReferences: [{}]}", "ownerReferences[0].uid", ""),
    ("{name: a, ownerReferences: [null]}", "ownerReferences[0].uid", ""),
    (
        "{name: a, ownerReferences: [{apiVersion: a/b/c, kind: A, name: a, uid: a}]}",
        "ownerReferences[0].apiVersion",
        "",
    ),
    (
        "{name: a, ownerReferences: [{apiVersion: a/, kind: A, name: a, uid: a}]}",
        "ownerReferences[0].apiVersion",
        "",
    ),
    (
        "{name: a, ownerReferences: [{apiVersion: v1, kind: Event, name: a, uid: a}]}",
        "ownerReferences[0]",
        "",
    ),
    (
        "{name: a, ownerReferences: [{apiVersion: v1, kind: A, name: a, uid: a, foo: 1}]}",
        "ownerReferences[0].foo",
        "",
    ),
    (
        "{name: a, ownerReferences: [{apiVersion: v1, kind: A, name: a, uid: a, controller: true}, \
         {apiVersion: v1, kind: A, name: b, uid: b, controller: true}]}",
        "ownerReferences",
        "",
    ),
];

/// Times that are refused: the API server names no field.
pub const TIMES: &[&str] = &[
    "x",
    "''",
    "'2026-01-31'",
    "'2026-01-31 12:00:00Z'",
    "'2026-01-31T12:00:00z'",
    "'2026-01-31T12:00:00+0100'",
    "'2026-02-30T12:00:00Z'",
    "'2026-01-31T24:00:00Z'",
    "'2026-01-31T23:59:60Z'",
];

/// Metadata that is taken of every kind.
pub const ACCEPTED: &[&str] = &[
    "{name: a}",
    "{name: 1a-2}",
    "{name: <63>}",
    "{name: a, namespace: ''}",
    "{name: a, namespace: null}",
    "{name: a, namespace: default}",
    "{name: a, generateName: a-}",
    "{name: a, generateName: A-}",
    "{name: a, generateName: <63>-}",
    "{name: a, generateName: ''}",
    "{name: a, labels: null, annotations: null}",
    "{name: a, labels: {}, annotations: {}}",
    "{name: a, labels: {a: null}, annotations: {a: null}}",
    "{name: a, labels: {a: '', A: A, a_b.c-d: a_b.c-d, example.com/A: '0', <63>: <63>}}",
    "{name: a, labels: {<253>/<63>: x}}",
    "{name: a, annotations: {Example.com/A: 'x y', a: '{\"b\": 1}'}}",
    "{name: a, annotations: {a: <262143>}}",
    "{name: a, uid: null, resourceVersion: '7', selfLink: x, generation: 7}",
    "{name: a, deletionGracePeriodSeconds: -1, deletionTimestamp: '2026-01-31T12:00:00Z'}",
    "{name: a, creationTimestamp: null}",
    "{name: a, creationTimestamp: '2026-01-31T12:00:00Z'}",
    "{name: a, creationTimestamp: '2026-01-31T12:00:00.25+01:00'}",
    "{name: a, creationTimestamp: '2026-01-31T12:00:00,25Z'}",
    "{name: a, finalizers: [kubernetes, a.b/c, a.b/c]}",
    "{name: a, ownerReferences: [{apiVersion: apps/v1, kind: A, name: a, uid: a, controller: null, \
     blockOwnerDeletion: true}]}",
    "{name: a, ownerReferences: [{apiVersion: events.k8s.io/v1, kind: Event, name: a, uid: a}]}",
    "{name: a, managedFields: [null, {fieldsV1: {'f:spec': {}}, operation: Update, time: null}]}",
];

/// Returns the object that a case means: `<63>` is so many letters, and `<253>` a DNS name of as many.
pub fn object((version, kind, rest): (&str, &str, &str), metadata: &str) -> String {
    let part = "a".repeat(63);
    let mut metadata = metadata.to_owned();
    for count in [63, 64, 262_143, 262_144] {
        metadata = metadata.replace(&format!("<{count}>"), &"a".repeat(count));
    }
    for count in [253, 254] {
        let name: String = [part.as_str(); 4].join(".").chars().take(count).collect();
        metadata = metadata.replace(&format!("<{count}>"), &name);
    }
    format!("{{apiVersion: {version}, kind: {kind}, metadata: {metadata}, {rest}}}")
}

/// Returns the kinds of a refused case.
pub fn refused_kinds(
    right: &str,
) -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    KINDS.iter().copied().filter(move |(_, kind, _)| !right.split(' ').any(|one| one == *kind))
}
