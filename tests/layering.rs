//! Holds the arrows between the folders of `src`, the crates each may use, and the size of files.
//!
//! A new arrow needs an ADR and a line in [`LAYERS`]. The sources are read as text, so this fails
//! before the compiler sees a cycle. Test modules may use any folder: they are not the program.

#![allow(
    clippy::expect_used,
    clippy::string_slice,
    reason = "a test; positions come from searches in the same text"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Folders of `src` in the order data flows, each with the folders it may use.
const LAYERS: &[(&str, &[&str])] = &[
    ("metrics", &[]),
    ("api", &[]),
    ("model", &[]),
    ("source", &["api", "metrics"]),
    ("translate", &["api", "model"]),
    ("tls", &["model"]),
    ("upstream", &["model", "tls", "metrics"]),
    ("table", &["model", "upstream", "tls", "metrics"]),
    ("reconcile", &["api", "model", "source", "translate", "table", "upstream", "metrics"]),
    ("proxy", &["model", "table", "upstream", "tls", "metrics"]),
    ("health", &["model", "table", "upstream", "metrics"]),
    ("admin", &["model", "table", "upstream", "metrics"]),
    ("status", &["api", "metrics"]),
    ("config", &[]),
    (
        "app",
        &[
            "metrics",
            "api",
            "model",
            "source",
            "translate",
            "tls",
            "upstream",
            "table",
            "reconcile",
            "proxy",
            "health",
            "admin",
            "status",
            "config",
        ],
    ),
    ("main", &["app", "config"]),
];

/// Outside crates that only some folders may use.
const CRATES: &[(&[&str], &[&str])] = &[
    (&["kube"], &["api", "source", "status", "app"]),
    (&["kube_cel"], &["api"]),
    (&["k8s_openapi"], &["api", "source", "translate", "status", "app"]),
    (&["hyper"], &["proxy", "upstream", "health", "admin", "app"]),
    (&["hyper_util"], &["source", "proxy", "upstream", "health", "admin", "app"]),
    (&["rustls", "tokio_rustls"], &["tls", "proxy", "upstream"]),
    (&["rustls_native_certs"], &["tls"]),
    (&["arc_swap"], &["table", "upstream"]),
    (&["prometheus"], &["metrics"]),
    (&["axum"], &["admin"]),
    (&["anyhow"], &["app", "main"]),
    (&["clap"], &["config", "app", "main"]),
];

/// Words that pure folders do not say: no I/O, no clock, no chance, no hash order, nothing async.
const PURE: &[(&[&str], &[&str])] = &[
    (
        &["model", "translate"],
        &[
            "tokio",
            "async",
            "await",
            "fastrand",
            "Instant",
            "SystemTime",
            "HashMap",
            "HashSet",
            "TcpStream",
            "fs",
            "env",
        ],
    ),
    (&["table"], &["tokio", "async", "await"]),
];

const MOST_LINES: usize = 500;
const MOST_LINES_OF_MOD: usize = 80;

#[test]
fn arrows_crates_and_sizes_hold() {
    let files = sources();
    assert!(files.len() > 20, "found only {} files: is this the root of the package?", files.len());
    let tests = test_files(&files);
    let mut wrong = Vec::new();
    for (path, text) in &files {
        wrong.extend(violations(path, text, tests.contains(path)));
    }
    assert!(wrong.is_empty(), "{} violations:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_table_has_no_cycle_and_names_every_folder() {
    let table: BTreeMap<&str, &[&str]> = LAYERS.iter().copied().collect();
    let mut done: BTreeSet<&str> = BTreeSet::new();
    while done.len() < table.len() {
        let ready: Vec<&str> = table
            .iter()
            .filter(|(folder, uses)| {
                !done.contains(*folder) && uses.iter().all(|u| done.contains(u))
            })
            .map(|(folder, _)| *folder)
            .collect();
        assert!(!ready.is_empty(), "a cycle among the folders that are not in {done:?}");
        done.extend(ready);
    }
    let folders: BTreeSet<String> = sources().keys().filter_map(|p| folder_of(p)).collect();
    let named: BTreeSet<String> = table.keys().map(|f| (*f).to_owned()).collect();
    assert_eq!(folders, named, "folders of src (left) and of the table (right)");
}

#[test]
fn a_wrong_arrow_is_found() {
    let wrong = |path: &str, text: &str| !violations(Path::new(path), text, false).is_empty();
    assert!(wrong("src/model/pool.rs", "use crate::upstream::Pool;"));
    assert!(wrong("src/model/pool.rs", "fn f() { crate::upstream::now() }"));
    assert!(wrong("src/model/pool.rs", "use crate::{\n    model::Route,\n    proxy::{a, b},\n};"));
    assert!(wrong("src/model/mod.rs", "use super::table::Table;"));
    assert!(wrong("src/model/pool.rs", "use super::super::table::Table;"));
    assert!(wrong("src/proxy/run.rs", "use kube::Client;"));
    assert!(wrong("src/table/run.rs", "fn f() -> ::anyhow::Result<()> {}"));
    assert!(wrong("src/translate/run.rs", "use std::collections::HashMap;"));
    assert!(wrong("src/proxy/run.rs", "// TODO later"));
    assert!(wrong("src/proxy/run.rs", &"\n".repeat(MOST_LINES + 1)));
    assert!(wrong("src/proxy/mod.rs", &"\n".repeat(MOST_LINES_OF_MOD + 1)));
    assert!(wrong("src/proxy/mod.rs", "pub fn logic() {}"));
    assert!(wrong("src/main.rs", "use weir::proxy::run;"));
}

#[test]
fn what_is_allowed_or_only_said_is_not_found() {
    let right = |path: &str, text: &str| {
        let found = violations(Path::new(path), text, false);
        assert!(found.is_empty(), "{path}: {found:?}");
    };
    right("src/proxy/run.rs", "use crate::{model::Route, table::Table};");
    right(
        "src/model/pool.rs",
        "/// As [`crate::upstream::Pool`].\n// crate::proxy\nuse super::Route;",
    );
    right("src/model/pool.rs", "fn f() -> &'static str { \"crate::proxy and kube::Client\" }");
    right("src/model/pool.rs", "#[cfg(test)]\nmod tests {\n    use crate::proxy::Answer;\n}");
    right("src/main.rs", "use weir::app::run;");
    right("src/proxy/run.rs", "use super::kube_like::Thing; let hyperion = 1;");
    let beside = violations(Path::new("src/model/tests.rs"), "use crate::proxy::Answer;", true);
    assert!(beside.is_empty(), "{beside:?}");
}

/// Returns everything that is wrong in a file.
fn violations(path: &Path, text: &str, is_test: bool) -> Vec<String> {
    let shown = path.display();
    let mut wrong = Vec::new();
    let is_mod = path.file_name().is_some_and(|name| name == "mod.rs");
    let most = if is_mod { MOST_LINES_OF_MOD } else { MOST_LINES };
    let lines = text.lines().count();
    if lines > most {
        wrong.push(format!("{shown}: {lines} lines, more than {most}"));
    }
    for (number, line) in text.lines().enumerate() {
        if words(line).any(|word| word == "TODO" || word == "FIXME") {
            wrong.push(format!("{shown}:{}: do it, or file an issue", number + 1));
        }
    }
    let Some(folder) = folder_of(path).filter(|_| !is_test) else { return wrong };
    let code = without_tests(&without_comments(text));
    if is_mod && words(&code).any(|word| word == "fn") {
        wrong.push(format!("{shown}: a mod.rs holds modules and re-exports, no fn"));
    }
    let allowed = LAYERS.iter().find(|(name, _)| *name == folder).map_or(&[][..], |(_, uses)| uses);
    for used in used_folders(path, &code) {
        if used != folder && !allowed.contains(&used.as_str()) {
            wrong.push(format!("{shown}: {folder} must not use {used}"));
        }
    }
    for (crates, folders) in CRATES {
        for used in crates.iter().filter(|name| uses_crate(&code, name)) {
            if !folders.contains(&folder.as_str()) {
                wrong.push(format!("{shown}: {folder} must not use the crate {used}"));
            }
        }
    }
    for (folders, banned) in PURE.iter().filter(|(folders, _)| folders.contains(&folder.as_str())) {
        for word in banned.iter().filter(|word| words(&code).any(|w| w == **word)) {
            wrong.push(format!("{shown}: {} may not say {word}", folders.join(" and ")));
        }
    }
    wrong
}

/// Returns the folders that some code names by `crate::`, `weir::` or a climb of `super::`.
fn used_folders(path: &Path, code: &str) -> BTreeSet<String> {
    let is_root = path.components().count() == 2;
    let depth = path.components().count() - if path.ends_with("mod.rs") { 2 } else { 1 };
    let mut roots = vec!["crate::".to_owned(), "super::".repeat(depth)];
    if is_root {
        roots = vec!["weir::".to_owned()];
    }
    let mut used = BTreeSet::new();
    for root in roots {
        for (at, _) in code.match_indices(&root) {
            let begins =
                !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':');
            if begins {
                used.extend(first_segments(&code[at + root.len()..]));
            }
        }
    }
    used.retain(|name| LAYERS.iter().any(|(folder, _)| folder == name));
    used
}

/// Returns `a`, or `a` and `d` of a group `{a::{b, c}, d}`.
fn first_segments(path: &str) -> Vec<String> {
    let name = |text: &str| -> String {
        text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
    };
    let Some(group) = path.strip_prefix('{') else { return vec![name(path)] };
    let mut depth = 1;
    let mut found = vec![name(group)];
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => break,
            '}' => depth -= 1,
            ',' if depth == 1 => found.push(name(&group[at + 1..])),
            _ => {}
        }
    }
    found
}

/// Returns whether a path of the code begins with a crate's name.
fn uses_crate(code: &str, name: &str) -> bool {
    code.match_indices(&format!("{name}::")).any(|(at, _)| {
        let before = &code[..at];
        let before = before.strip_suffix("::").filter(|b| !b.ends_with(is_name)).unwrap_or(before);
        !before.ends_with(|c| is_name(c) || c == ':')
    })
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c| !is_name(c)).filter(|word| !word.is_empty())
}

/// Returns the folder of a file (`src/proxy/run.rs`: proxy), `main` for main.rs, nothing for lib.rs.
fn folder_of(path: &Path) -> Option<String> {
    let inner = path.strip_prefix("src").ok()?;
    match inner.components().count() {
        1 => (inner == Path::new("main.rs")).then(|| "main".to_owned()),
        _ => Some(inner.iter().next()?.to_string_lossy().into_owned()),
    }
}

/// Cuts off what follows an inline `#[cfg(test)] mod`: it stands last in a file.
fn without_tests(code: &str) -> String {
    let cut = code.match_indices("#[cfg(test)]").find_map(|(at, mark)| {
        let rest = code[at + mark.len()..].trim_start();
        let inline = rest.starts_with("mod ") && rest.find('{') < rest.find(';');
        inline.then_some(at)
    });
    code[..cut.unwrap_or(code.len())].to_owned()
}

/// Blanks comments, strings and characters out.
fn without_comments(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(hashes) = raw_string(rest).filter(|_| !code.ends_with(is_name)) {
            let end = format!("\"{}", "#".repeat(hashes));
            let body = &rest[hashes + 2..];
            hashes + 2 + body.find(&end).map_or(body.len(), |at| at + end.len())
        } else if c == '"' {
            string_length(&rest[1..], '"') + 1
        } else if c == '\'' && is_character(rest) {
            string_length(&rest[1..], '\'') + 1
        } else {
            code.push(c);
            rest = &rest[c.len_utf8()..];
            continue;
        };
        code.push(' ');
        rest = &rest[skipped..];
    }
    code
}

/// Returns the number of `#` where a raw string begins.
fn raw_string(text: &str) -> Option<usize> {
    let after = text.strip_prefix('r')?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    after[hashes..].starts_with('"').then_some(hashes)
}

/// Returns whether a quote begins a character and not a lifetime.
fn is_character(text: &str) -> bool {
    let mut following = text.chars().skip(1);
    following.next() == Some('\\') || following.next() == Some('\'')
}

fn string_length(body: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in body.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + 1,
            _ => {}
        }
    }
    body.len()
}

/// Returns the files that a `#[cfg(test)] mod name;` declares, and all below them.
fn test_files(files: &BTreeMap<PathBuf, String>) -> BTreeSet<PathBuf> {
    let mut roots: Vec<PathBuf> = Vec::new();
    for (path, text) in files {
        let parent = path.parent().unwrap_or_else(|| Path::new("src"));
        let own = if path.ends_with("mod.rs") || path.parent() == Some(Path::new("src")) {
            parent.to_owned()
        } else {
            path.with_extension("")
        };
        for (at, mark) in text.match_indices("#[cfg(test)]") {
            let mut rest = text[at + mark.len()..].trim_start();
            if let Some(named) = rest.strip_prefix("#[path = \"") {
                let (file, after) = named.split_once('"').unwrap_or((named, ""));
                roots.push(parent.join(file));
                rest = after.trim_start_matches(']').trim_start();
            }
            let declared = rest.split_once(';').map_or("", |(head, _)| head);
            let name = declared.rsplit(' ').next().unwrap_or_default();
            if words(declared).any(|word| word == "mod") && name.chars().all(is_name) {
                roots.push(own.join(name));
                roots.push(own.join(format!("{name}.rs")));
            }
        }
    }
    files.keys().filter(|path| roots.iter().any(|root| path.starts_with(root))).cloned().collect()
}

/// Returns every file of `src` with its text.
fn sources() -> BTreeMap<PathBuf, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = BTreeMap::new();
    let mut folders = vec![root.join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("src can be read") {
            let path = entry.expect("src can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let text = fs::read_to_string(&path).expect("sources are UTF-8");
                let inner = path.strip_prefix(root).expect("it is below the root");
                found.insert(inner.to_owned(), text);
            }
        }
    }
    found
}
