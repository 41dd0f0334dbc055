//! The list of what is inside the image.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::rig::{Rig, json, run};

/// Every crate in it has the version of the lock file and a licence, and the tests' own are absent.
pub fn is_that_of_the_lock_file(rig: &Rig) {
    let out = rig.dir().join("weir.cdx.json");
    run(Command::new("hack/image/sbom").arg(&out)).expect("hack/image/sbom");
    let document = json(&fs::read_to_string(out).expect("the document"));
    assert_eq!(document["bomFormat"], "CycloneDX");
    assert_eq!(document["metadata"]["component"]["name"], "weir");
    assert_eq!(document["metadata"]["component"]["version"], env!("CARGO_PKG_VERSION"));
    let components = document["components"].as_array().expect("components");
    let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
    let listed: BTreeSet<(String, String)> =
        components.iter().map(|one| (text(&one["name"]), text(&one["version"]))).collect();
    for one in components {
        assert!(one["licenses"][0].is_object(), "{} has no licence", one["name"]);
        assert_eq!(one["hashes"][0]["alg"], "SHA-256", "{}", one["name"]);
    }
    let locked = locked();
    assert_eq!(
        listed.difference(&locked).next(),
        None,
        "another version than that of the lock file"
    );
    let has = |name: &str| listed.iter().any(|(one, _)| one == name);
    for name in
        ["aws-lc-rs", "h2", "hyper", "k8s-openapi", "kube", "rustls", "tokio", "x509-parser"]
    {
        assert!(has(name), "{name} is missing");
    }
    for name in ["libtest-mimic", "proptest", "rcgen"] {
        assert!(!has(name), "{name} is of the tests only");
    }
}

/// Returns names and versions in the lock file.
fn locked() -> BTreeSet<(String, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock");
    let text = fs::read_to_string(path).expect("the lock file");
    let value = |package: &str, key: &str| {
        let line = package.lines().find_map(|line| line.strip_prefix(key))?;
        Some(line.trim_matches([' ', '=', '"']).to_owned())
    };
    let packages = text.split("[[package]]").skip(1);
    packages.filter_map(|one| Some((value(one, "name")?, value(one, "version")?))).collect()
}
