//! One JSON schema for each kind that an API server knows, in the form that kubeconform reads.

use std::fs;
use std::path::Path;

use http::Request;
use kube::Client;
use serde_json::{Value, json};

/// Writes the schemas into a folder, CRDs included, and returns how many there are.
pub async fn write(client: &Client, folder: &Path) -> usize {
    let index = get(client, "/openapi/v3").await;
    let mut count = 0;
    for (path, entry) in index["paths"].as_object().expect("paths") {
        // Versions of groups, not what is about all of them.
        let group_version = match path.strip_prefix("apis/") {
            Some(rest) if rest.contains('/') => rest,
            Some(_) => continue,
            None if path == "api/v1" => "v1",
            None => continue,
        };
        let url = entry["serverRelativeURL"].as_str().expect("an address");
        let mut document = get(client, url).await;
        let mut components = document["components"]["schemas"].take();
        for schema in components.as_object_mut().into_iter().flat_map(|all| all.values_mut()) {
            close(schema);
        }
        for (name, schema) in components.as_object().into_iter().flatten() {
            for kind in schema["x-kubernetes-group-version-kind"].as_array().into_iter().flatten() {
                let text = |field: &str| kind[field].as_str().unwrap_or_default().to_owned();
                let (group, version) = (text("group"), text("version"));
                let own =
                    if group.is_empty() { version.clone() } else { format!("{group}/{version}") };
                if own != group_version {
                    continue;
                }
                // kubeconform knows a group by its first word.
                let group = group.split('.').next().unwrap_or_default();
                let parts = [&*text("kind").to_lowercase(), group, &*version];
                let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
                let schema = json!({ "$ref": format!("#/components/schemas/{name}"),
                    "components": { "schemas": components } });
                fs::write(folder.join(parts.join("-") + ".json"), schema.to_string()).unwrap();
                count += 1;
            }
        }
    }
    count
}

/// A field that is not in the schema is an error, as the server has it with strict validation.
fn close(schema: &mut Value) {
    let Some(map) = schema.as_object_mut() else { return };
    let is_open = map.get("x-kubernetes-preserve-unknown-fields") == Some(&json!(true));
    if map.contains_key("properties") && !is_open {
        map.entry("additionalProperties").or_insert(json!(false));
    }
    for name in ["properties", "items", "additionalProperties"] {
        match map.get_mut(name) {
            Some(Value::Object(inner)) if name == "properties" => {
                inner.values_mut().for_each(close);
            }
            Some(inner) => close(inner),
            None => {}
        }
    }
}

async fn get(client: &Client, path: &str) -> Value {
    let request = Request::get(path).body(Vec::new()).expect("a request");
    client.request(request).await.unwrap_or_else(|error| panic!("{path}: {error}"))
}
