//! Metadata is judged by the API server as by `weir check`, of every kind.

use kube::{Client, Error};
use serde_json::Value;
use weir::api::validate::{Format, PoolSchema, Verdict, read};

use crate::metadata_cases::{ACCEPTED, KINDS, REFUSED, TIMES, object, refused_kinds};
use crate::rig::{create, server};

type Kind = (&'static str, &'static str, &'static str);

fn path((version, kind, _): Kind) -> String {
    let (group, plural) = match kind {
        "Ingress" | "IngressClass" => ("apis", format!("{}es", kind.to_lowercase())),
        _ if version == "v1" => ("api", format!("{}s", kind.to_lowercase())),
        _ => ("apis", format!("{}s", kind.to_lowercase())),
    };
    let place = match kind {
        "IngressClass" | "Node" => "",
        _ => "namespaces/default/",
    };
    format!("/{group}/{version}/{place}{plural}?dryRun=All")
}

/// Returns what the API server says to an object, if it refuses it.
async fn by_server(client: &Client, kind: Kind, text: &str) -> Option<String> {
    let object: Value = serde_saphyr::from_str(text).expect("the case is YAML");
    match create(client, &path(kind), &object).await {
        Ok(_) => None,
        Err(Error::Api(status)) if [400, 422].contains(&status.code) => {
            let causes = status.details.iter().flat_map(|details| details.causes.iter());
            let fields: Vec<_> = causes.map(|cause| cause.field.clone()).collect();
            Some(format!("{} {}", status.message, fields.join(" ")))
        }
        Err(error) => panic!("{text}: {error}"),
    }
}

/// Returns what `weir check` says to it.
fn by_check(schema: &PoolSchema, text: &str) -> Option<String> {
    let documents = read(text.as_bytes(), Format::Yaml, schema).expect("the case is YAML");
    match &documents.first().expect("one object").verdict {
        Verdict::Read(..) => None,
        Verdict::Flawed(_, problems) | Verdict::Refused(problems) => {
            Some(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
        }
        Verdict::Unread => panic!("not read: {text}"),
    }
}

#[tokio::test]
async fn wrong_metadata_is_refused_alike_and_the_same_field_is_named() {
    let Some(server) = server().await else { return };
    let client = server.client().await;
    let schema = PoolSchema::new().unwrap();
    let mut wrong = Vec::new();
    for (metadata, field, right) in REFUSED {
        for kind in refused_kinds(right) {
            let text = object(kind, metadata);
            let said = [by_server(&client, kind, &text).await, by_check(&schema, &text)];
            for (who, said) in ["server", "check"].into_iter().zip(said) {
                // A decoder of Go has no word for metadata as a whole but its type.
                let is_said = |said: &str| {
                    said.contains(field) || (*field == "metadata" && said.contains("ObjectMeta"))
                };
                if !said.as_deref().is_some_and(is_said) {
                    wrong.push(format!("{who}: {} {metadata}: {said:?}", kind.1));
                }
            }
        }
        // Those for which it is right are taken by both.
        for kind in KINDS.iter().filter(|(_, kind, _)| right.split(' ').any(|one| one == *kind)) {
            wrong.extend(taken(&client, &schema, *kind, metadata).await);
        }
    }
    for time in TIMES {
        for field in ["creationTimestamp", "deletionTimestamp"] {
            let kind = KINDS[0];
            let text = object(kind, &format!("{{name: a, {field}: {time}}}"));
            for said in [by_server(&client, kind, &text).await, by_check(&schema, &text)] {
                if said.is_none() {
                    wrong.push(format!("{text} is taken"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn right_metadata_is_taken_alike() {
    let Some(server) = server().await else { return };
    let client = server.client().await;
    let schema = PoolSchema::new().unwrap();
    let mut wrong = Vec::new();
    for metadata in ACCEPTED {
        for kind in KINDS {
            wrong.extend(taken(&client, &schema, *kind, metadata).await);
        }
    }
    // A namespace that a kind does not have is ignored.
    for kind in KINDS.iter().filter(|(_, kind, _)| ["IngressClass", "Node"].contains(kind)) {
        wrong.extend(taken(&client, &schema, *kind, "{name: a, namespace: No_where}").await);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

async fn taken(client: &Client, schema: &PoolSchema, kind: Kind, metadata: &str) -> Vec<String> {
    let text = object(kind, metadata);
    let said = [by_server(client, kind, &text).await, by_check(schema, &text)];
    let said = ["server", "check"].into_iter().zip(said);
    let refusals = said.filter_map(|(who, said)| Some((who, said?)));
    refusals.map(|(who, said)| format!("{who}: {} {metadata}: {said}", kind.1)).collect()
}

#[tokio::test]
async fn without_a_name_kubectl_apply_refuses_what_check_refuses() {
    let Some(server) = server().await else { return };
    let schema = PoolSchema::new().unwrap();
    for kind in KINDS {
        let text = object(*kind, "{generateName: a-}");
        // Each creation makes another one; only `apply` wants a name.
        assert_eq!(by_server(&server.client().await, *kind, &text).await, None);
        let apply = ["apply", "--dry-run=server", "-f", "-"];
        let said = server.kubectl(apply, Some(&text)).await.expect_err("it is refused");
        assert!(said.contains("cannot use generate name with apply"), "{said}");
        let said = by_check(&schema, &text).expect("it is refused");
        assert!(said.starts_with("metadata.name: is required: with generateName"), "{said}");
    }
}

#[tokio::test]
async fn no_namespace_has_a_name_that_check_refuses() {
    let Some(server) = server().await else { return };
    let client = server.client().await;
    let schema = PoolSchema::new().unwrap();
    let long = "a".repeat(64);
    for name in ["A", "a.b", "a_b", "-a", "a-", &long] {
        let made = format!("{{apiVersion: v1, kind: Namespace, metadata: {{name: {name}}}}}");
        let made: Value = serde_saphyr::from_str(&made).unwrap();
        let said = create(&client, "/api/v1/namespaces?dryRun=All", &made).await;
        assert!(matches!(said, Err(Error::Api(status)) if status.code == 422), "{name}");
        for kind in KINDS.iter().filter(|(_, kind, _)| !["IngressClass", "Node"].contains(kind)) {
            let said =
                by_check(&schema, &object(*kind, &format!("{{name: a, namespace: {name}}}")));
            assert!(said.is_some_and(|said| said.starts_with("metadata.namespace: ")), "{name}");
        }
    }
}
