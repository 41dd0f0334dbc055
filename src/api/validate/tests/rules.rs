//! Every CEL rule of the CRD, both ways.

use super::cases::{CASES, whole};
use super::*;
use crate::api::backend_pool_crd;

#[test]
fn a_broken_rule_is_refused_at_its_field_with_its_message() {
    for (bad, path, message, _) in CASES {
        assert_eq!(problems(&whole(bad)), [format!("{path}: {message}")], "{bad}");
    }
}

#[test]
fn a_kept_rule_is_accepted() {
    for (_, _, _, good) in CASES {
        assert_eq!(problems(&whole(good)), Vec::<String>::new(), "{good}");
    }
}

#[test]
fn every_rule_of_the_crd_has_a_case() {
    fn messages(node: &serde_json::Value, found: &mut Vec<String>) {
        let rules = node.get("x-kubernetes-validations").and_then(|rules| rules.as_array());
        for rule in rules.into_iter().flatten() {
            found.push(rule["message"].as_str().unwrap().to_owned());
        }
        let children = node.as_object().into_iter().flat_map(|o| o.values());
        children.chain(node.as_array().into_iter().flatten()).for_each(|n| messages(n, found));
    }
    let mut rules = Vec::new();
    messages(&serde_json::to_value(backend_pool_crd()).unwrap(), &mut rules);
    assert!(rules.len() >= 15, "{}", rules.len());
    for rule in rules {
        assert!(CASES.iter().any(|(_, _, message, _)| *message == rule), "no case for {rule:?}");
    }
}

#[test]
fn several_broken_rules_are_all_said() {
    let said = problems(&whole("limits: {maxPending: 5}, healthCheck: {http: {}, tcp: {}}"));
    assert_eq!(said.len(), 2, "{said:?}");
}

#[test]
fn a_field_that_is_not_known_hides_no_broken_rule() {
    let said = problems("{backends: [{weight: 1}], algorythm: x}");
    assert_eq!(said.len(), 2, "{said:?}");
}
