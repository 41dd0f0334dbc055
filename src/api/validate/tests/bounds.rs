//! Garbage, and more than enough of it.

use super::*;
use proptest::prelude::*;

#[test]
fn a_mebibyte_of_garbage_is_refused_with_a_short_message() {
    let mut random = fastrand::Rng::with_seed(7);
    let noise: Vec<u8> = (0..1 << 20).map(|_| random.u8(..)).collect();
    let ascii: Vec<u8> = (0..1 << 20).map(|_| random.u8(b' '..b'~')).collect();
    for bytes in [noise, ascii, vec![b'{'; 1 << 20], b"- ".repeat(1 << 19), vec![b'a'; 1 << 20]] {
        for format in [Format::Yaml, Format::Json] {
            let said = match read_bytes(&bytes, format) {
                Err(error) => error.to_string(),
                Ok(found) => format!("{:?}", found.iter().map(|d| &d.verdict).collect::<Vec<_>>()),
            };
            assert!(said.len() < 4096, "{} bytes", said.len());
            assert!(!said.contains("Read("), "{said}");
        }
    }
}

#[test]
fn deep_nesting_is_refused() {
    let yaml = format!("a: {}{}", "[".repeat(200), "]".repeat(200));
    assert!(read_bytes(yaml.as_bytes(), Format::Yaml).is_err());
    let json = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(read_bytes(json.as_bytes(), Format::Json).is_err());
}

fn bomb() -> String {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let before = format!("*a{}, ", level - 1).repeat(10);
        text += &format!(
            "a{level}: &a{level} [{}]
",
            before.trim_end_matches(", ")
        );
    }
    text
}

#[test]
fn an_alias_bomb_is_refused_and_takes_no_other_document_with_it() {
    let error = all(&bomb()).unwrap_err();
    let right = "its aliases (*name) stand for too much: at most 1000 aliases and 50000 values \
                 behind them are read; write the values out, in several files";
    assert_eq!(error.to_string(), right);
    assert!(error.place.is_some(), "{error:?}");
    let good = "---\napiVersion: v1\nkind: Service\nmetadata: { name: a }\n";
    let documents = all(&format!("{good}---\n{}{good}", bomb())).unwrap();
    let [Verdict::Read(..), Verdict::Refused(problems), Verdict::Read(..)] =
        documents.iter().map(|one| &one.verdict).collect::<Vec<_>>()[..]
    else {
        panic!("{documents:?}")
    };
    assert_eq!(problems[0].message, right);
    assert!(problems[0].place.is_some_and(|place| (6..18).contains(&place.line)), "{problems:?}");
}

#[test]
fn what_breaks_a_bound_says_which() {
    let said = |text: &str| all(text).unwrap_err().to_string();
    let deep = format!("a: {}{}", "[".repeat(200), "]".repeat(200));
    assert_eq!(said(&deep), "nested deeper than 64 levels: no manifest needs as many");
    let wide = format!("a: [{}]", "1, ".repeat(600_000));
    assert!(said(&wide).contains("more than 500000 values"), "{}", said(&wide));
    assert!(said(&"--- 1\n".repeat(20_001)).contains("split the file"));
    assert!(said("a: *b\n").contains("has no anchor"), "{}", said("a: *b\n"));
    assert!(refusal("a: 1\na: 2\n")[0].contains("\"a\" is there twice"));
}

/// Each is small, together they would be a hundred million values.
#[test]
fn many_bombs_cost_no_more_than_a_few() {
    let text = format!("---\n{}", bomb()).repeat(2_000);
    let documents = all(&text).unwrap();
    assert_eq!(documents.len(), 33, "the rest is not read");
    let list = format!("[{}]", "1, ".repeat(400));
    let wide = format!("---\na: &a {list}\nb: [{}]\n", "*a, ".repeat(60));
    let documents = all(&wide.repeat(500)).unwrap();
    assert!((20..25).contains(&documents.len()), "{}", documents.len());
}

#[test]
fn documents_around_a_broken_one_are_read_with_their_true_lines() {
    let broken = "---\nmetadata: { name: 'b }\n";
    let wrong =
        "--- # what comes next\napiVersion: v1\nkind: Service\nmetadata: { name: Wrong_Name }\n";
    for newline in ["\n", "\r\n"] {
        let text = format!("\u{feff}{GOOD}{broken}{wrong}...\n{GOOD}").replace('\n', newline);
        let documents = all(&text).unwrap();
        let names: Vec<&str> = documents.iter().map(|one| one.name.as_str()).collect();
        let pool = "BackendPool shop/shop";
        assert_eq!(names, [pool, "document 2", "Service default/Wrong_Name", pool]);
        let lines = GOOD.lines().count() as u64;
        let line = |position: usize| match &documents[position].verdict {
            Verdict::Refused(problems) => problems[0].place.unwrap().line - lines,
            other => panic!("{other:?}"),
        };
        assert!((2..=3).contains(&line(1)), "{documents:?}");
        assert_eq!(line(2), 6, "{documents:?}");
    }
}

#[test]
fn too_large_a_file_is_refused_unread() {
    let error = read_bytes(&vec![b' '; MAX_BYTES + 1], Format::Yaml).unwrap_err();
    assert!(error.to_string().contains("split files"), "{error}");
}

#[test]
fn a_list_that_is_too_long_is_not_looked_into() {
    let spec = format!("backends: [{}]", "{weight: x}, ".repeat(50_000));
    assert_eq!(problems(&spec), ["spec.backends: must have 1 to 64 items, not 50000"]);
}

#[test]
fn of_a_hundred_thousand_mistakes_the_first_are_said_and_that_there_are_more() {
    let unknown: String = (0..100_000).map(|n| format!("f{n}: 1\n")).collect();
    let said = problems(&format!("backends: [{{weight: 1}}]\n{unknown}"));
    let rule = "spec.backends[0]: exactly one of service and endpoint must be set";
    assert!(said.iter().any(|one| one == rule), "{said:?}");
    assert!(said.iter().any(|one| one == "and more: mend these first"), "{said:?}");
    assert_eq!(said.len(), 34);
    assert!(said.concat().len() < 2_048, "{}", said.concat().len());
    let wrong = format!("backends: [{}]", "{weight: x}, ".repeat(64));
    assert_eq!(problems(&wrong).len(), 33);
    let enough = format!("backends: [{}]", "{weight: x}, ".repeat(16));
    assert_eq!(problems(&enough).len(), 16, "there is no more");
}

#[test]
fn bad_syntax_has_a_place() {
    let error = all("a: b\nc: [d\ne: f\n").unwrap_err();
    assert!(error.place.is_some_and(|place| place.line >= 2), "{error:?}");
    let error = read_bytes(b"{\n  \"a\": 1,\n}", Format::Json).unwrap_err();
    assert_eq!(error.place.map(|place| place.line), Some(3), "{error:?}");
    let error = read_bytes(b"a: b\nc: \xff", Format::Yaml).unwrap_err();
    assert_eq!(error.place, Some(Place { line: 2, column: 4 }), "{error:?}");
}

#[test]
fn a_field_that_is_there_twice_is_said_of_its_object_with_its_place() {
    let twice = "apiVersion: weir.dev/v1alpha1\nkind: BackendPool\nmetadata: { name: a }\nspec:\n  \
                 panicThreshold: 1\n  backends: []\n  panicThreshold: 2\n";
    for (text, line) in [(twice.to_owned(), 7), (format!("{GOOD}---\n{twice}---\n{GOOD}"), 20)] {
        let documents = all(&text).unwrap();
        let found = documents.iter().find(|one| one.name == "BackendPool default/a").unwrap();
        let Verdict::Refused(problems) = &found.verdict else { panic!("{found:?}") };
        let right = "the field \"panicThreshold\" is there twice in one mapping: leave one out";
        assert_eq!(problems[0].message, right);
        assert_eq!(problems[0].place.map(|place| place.line), Some(line), "{found:?}");
        assert!(found.identity.is_some());
    }
    // Which object this is nobody knows.
    let renamed = twice.replace("kind:", "metadata: { name: b }\nkind:");
    let document = only(&renamed);
    assert_eq!((document.name.as_str(), document.identity), ("document 1", None));
}

#[test]
fn a_field_that_is_there_twice_in_json_is_refused_as_in_yaml() {
    let json = |text: &str| read_bytes(text.as_bytes(), Format::Json).unwrap();
    let pool = |name: &str, fields: &str| {
        format!(
            "{{\"apiVersion\": \"weir.dev/v1alpha1\", \"kind\": \"BackendPool\",\n\"metadata\": \
             {{\"name\": \"{name}\"}}, \"spec\": {{\n\t{fields}\"backends\": [{{\"endpoint\": \
             {{\"address\": \"127.0.0.1\", \"port\": 80}}}}]}}}}\n"
        )
    };
    let twice = pool("a", "\"panicThreshold\": 1, \"panicThreshold\":2,");
    let right = "the field \"panicThreshold\" is there twice in one mapping: leave one out";
    for (text, line) in [(twice.clone(), 3), (pool("b", "") + &twice + &pool("c", ""), 6)] {
        let documents = json(&text);
        for document in &documents {
            let is_twice = document.name == "BackendPool default/a";
            assert_eq!(matches!(document.verdict, Verdict::Refused(_)), is_twice, "{document:?}");
            assert!(document.identity.is_some(), "{document:?}");
        }
        let found = documents.iter().find(|one| one.name == "BackendPool default/a").unwrap();
        let Verdict::Refused(problems) = &found.verdict else { panic!("{found:?}") };
        assert_eq!(problems[0].message, right);
        assert_eq!(problems[0].place, Some(Place { line, column: 23 }), "{found:?}");
    }
    // In a list, too, and where it is not known which object it is.
    let list =
        "{\"kind\": \"List\", \"apiVersion\": \"v1\", \"items\": [{\"kind\": 1, \"kind\": 2}]}";
    assert!(matches!(&json(list)[0].verdict, Verdict::Refused(_)));
    assert_eq!(json("{\"a\": [1, -1, 0.5, null, true, \"x\"]} {}").len(), 2);
    assert!(read_bytes(b"{\"a\": 1} }", Format::Json).is_err());
}

#[test]
fn a_schema_can_be_shared_by_threads() {
    fn shared<T: Send>() {}
    shared::<PoolSchema>();
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn no_text_panics(text in "[ -~\n]{0,200}") {
        let _ = all(&text);
    }

    #[test]
    fn no_damage_to_a_pool_panics(position in 0usize..400, byte in any::<u8>()) {
        let mut bytes = GOOD.as_bytes().to_vec();
        let position = position % bytes.len();
        bytes[position] = byte;
        let _ = read_bytes(&bytes, Format::Yaml);
    }
}

const GOOD: &str = "apiVersion: weir.dev/v1alpha1
kind: BackendPool
metadata: { name: shop, namespace: shop }
spec:
  routes:
    - hostnames: [shop.example.com]
      matches: [{ path: { type: PathPrefix, value: / } }]
      timeouts: { request: 10s, backendRequest: 2s }
  backends:
    - { service: { name: shop-v1, port: 80 }, weight: 90 }
    - { endpoint: { address: 192.0.2.10, port: 8080, zone: a } }
  healthCheck: { http: { path: /healthz }, interval: 2s }
";

#[test]
fn the_undamaged_pool_is_accepted() {
    assert_eq!(refusal(GOOD), Vec::<String>::new());
}
