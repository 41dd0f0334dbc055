//! Types, limits, names, defaults.

use super::*;
use crate::api::backend_pool::{Algorithm, RateLimitKey};
use crate::api::backend_pool_crd;

const BACKENDS: &str = "backends: [{service: {name: a, port: 80}}]\n";

#[test]
fn a_wrong_value_is_said_with_field_and_what_is_right() {
    for (spec, expected) in [
        ("backends: []", "spec.backends: must have 1 to 64 items, not 0"),
        ("backends: 7", "spec.backends: must be a list, not 7"),
        (
            "{}",
            "spec: one of backends and targetRefs must be set; settings alone are for an \
             IngressClass that names them",
        ),
        (
            "backends: [{service: {name: a, port: http}}]",
            "spec.backends[0].service.port: must be a whole number, not the string \"http\"",
        ),
        (
            "backends: [{endpoint: {address: 192.0.2.1, port: 70000}}]",
            "spec.backends[0].endpoint.port: must be a whole number from 1 to 65535, not 70000",
        ),
        (
            "backends: [{endpoint: {address: 192.0.2.1, port: 80.5}}]",
            "spec.backends[0].endpoint.port: must be a whole number from 1 to 65535, not 80.5",
        ),
        (
            "backends: [{endpoint: {address: localhost, port: 80}}]",
            "spec.backends[0].endpoint.address: must be an IPv4 or IPv6 address, as in 192.0.2.10; \
             for a name use a Service of type ExternalName, not \"localhost\"",
        ),
        (
            "backends: [{service: {name: a, port: '80'}}]",
            "spec.backends[0].service.port: must be a whole number, not the string \"80\": write 80",
        ),
        (
            "{backends: [{service: {name: a, port: 80}}], panicThreshold: 50%}",
            "spec.panicThreshold: must be a whole number, not the string \"50%\": write 50",
        ),
        (
            "{backends: [{service: {name: a, port: 80}}], timeouts: {connect: 5}}",
            "spec.timeouts.connect: must be a duration of numbers with h, m, s or ms, as in 5s, \
             1m30s or 250ms, not 5: write 5s",
        ),
        (
            "{backends: [{service: {name: a, port: 80}}], routes: [{hostnames: [Shop.test]}]}",
            "spec.routes[0].hostnames[0]: must be a hostname in lower case without scheme, port or \
             path, as in shop.example.com, or *.example.com for all hosts below it, not \
             \"Shop.test\": write shop.test",
        ),
        (
            "backends: [{service: {name: a}}]",
            "spec.backends[0].service.port: is required: Port number of the Service (not of its pods)",
        ),
    ] {
        assert_eq!(problems(spec), [expected], "{spec}");
    }
}

#[test]
fn what_is_nearly_right_is_named_beside_what_is() {
    for (spec, expected) in [
        (
            "{backends: [{service: {name: a, port: 80}}], loadBalancing: {algorithm: RoundRobbin}}",
            "spec.loadBalancing.algorithm: must be one of RoundRobin, LeastRequest, PeakEwma, \
             Random, RingHash, Maglev, not \"RoundRobbin\"; did you mean RoundRobin?",
        ),
        (
            "{backend: [], backends: [{service: {name: a, port: 80}}]}",
            "spec.backend: unknown field; did you mean backends?",
        ),
        (
            "backends: [{service: {name: a, port: 80}, weigth: 3}]",
            "spec.backends[0].weigth: unknown field; did you mean weight?",
        ),
        (
            "backends: [{service: {name: a, port: 80}, colour: red}]",
            "spec.backends[0].colour: unknown field; known here: endpoint, service, tier, weight",
        ),
    ] {
        assert_eq!(problems(spec), [expected], "{spec}");
    }
}

#[test]
fn lists_of_unique_things_hold_each_once() {
    let headers = "routes: [{matches: [{headers: [{name: a, value: b}, {name: a, value: c}]}]}]";
    assert_eq!(
        problems(&format!("{BACKENDS}{headers}")),
        ["spec.routes[0].matches[0].headers[1]: item [0] of the list has name \"a\" already: \
             each may be there once"]
    );
    assert_eq!(
        problems(&format!("{BACKENDS}retry: {{triggers: [reset, timeout, reset]}}")),
        ["spec.retry.triggers[2]: \"reset\" is item [0] of the list already: leave one out"]
    );
}

#[test]
fn a_bare_yaml_boolean_where_text_is_wanted_says_how_to_write_it() {
    let spec =
        format!("{BACKENDS}routes: [{{matches: [{{cookies: [{{name: beta, value: on}}]}}]}}]");
    assert_eq!(
        problems(&spec),
        ["spec.routes[0].matches[0].cookies[0].value: must be a string, not the boolean true: \
             write the word in quotes, \"true\", \"on\" or \"yes\""]
    );
}

/// YAML 1.1, which kubectl reads, takes these for booleans, as keys too.
/// Source: YAML 1.1 bool type.
const BOOLEAN_WORDS: [&str; 8] = ["true", "false", "on", "off", "yes", "no", "y", "n"];

#[test]
fn every_word_that_kubectl_reads_as_a_boolean_is_refused_as_text() {
    for word in BOOLEAN_WORDS {
        for word in [word.to_owned(), word.to_uppercase()] {
            let routes =
                format!("routes: [{{matches: [{{headers: [{{name: a, value: {word}}}]}}]}}]");
            let said = problems(&format!("{BACKENDS}{routes}"));
            assert_eq!(said.len(), 1, "{word}: {said:?}");
            assert!(said[0].contains("write the word in quotes"), "{said:?}");
        }
    }
}

#[test]
fn no_field_and_no_choice_is_a_word_that_kubectl_reads_as_a_boolean_or_null() {
    fn words(node: &serde_json::Value, found: &mut Vec<String>) {
        let fields = node.get("properties").and_then(|fields| fields.as_object());
        found.extend(fields.into_iter().flat_map(|fields| fields.keys().cloned()));
        let choices = node.get("enum").and_then(|choices| choices.as_array());
        found.extend(choices.into_iter().flatten().map(|one| one.as_str().unwrap().to_owned()));
        let children = node.as_object().into_iter().flat_map(|o| o.values());
        children.chain(node.as_array().into_iter().flatten()).for_each(|n| words(n, found));
    }
    let mut found = Vec::new();
    words(&serde_json::to_value(backend_pool_crd()).unwrap(), &mut found);
    for known in ["triggers", "codes", "connect-failure", "RoundRobin"] {
        assert!(found.iter().any(|word| word == known), "{known}");
    }
    found.retain(|word| {
        let word = word.to_lowercase();
        BOOLEAN_WORDS.contains(&word.as_str()) || word == "null" || word.parse::<f64>().is_ok()
    });
    assert!(found.is_empty(), "these need quotes: {found:?}");
}

#[test]
fn a_duration_is_checked_as_text() {
    for bad in ["5", "'5'", "5 s", "'-1s'", "1.5s", "1d", "''"] {
        let said = problems(&format!("{BACKENDS}timeouts: {{connect: {bad}}}"));
        assert_eq!(said.len(), 1, "{bad}: {said:?}");
        assert!(said[0].starts_with("spec.timeouts.connect: "), "{said:?}");
    }
    assert!(problems(&format!("{BACKENDS}timeouts: {{connect: 1m30s}}")).is_empty());
}

#[test]
fn all_problems_of_an_object_are_said_at_once() {
    let said =
        problems("backends: [{service: {name: A, port: 0}, weight: -1, tier: 16}]\nlimit: {}");
    assert_eq!(said.len(), 5, "{said:?}");
}

#[test]
fn what_is_known_is_said_once() {
    let said = problems(&format!("{BACKENDS}foo123: 1\nbar456: 2\nbaz789: 3"));
    assert_eq!(said.len(), 3, "{said:?}");
    assert_eq!(
        said.iter().filter(|one| one.contains("known here: access, ")).count(),
        1,
        "{said:?}"
    );
    assert_eq!(said[1..], ["spec.baz789: unknown field", "spec.foo123: unknown field"]);
}

#[test]
fn defaults_are_those_of_the_crd() {
    let pool = pool("{backends: [{service: {name: a, port: 80.0}}], rateLimit: {requests: 5}}");
    assert_eq!(pool.spec.backends.as_ref().unwrap()[0].weight, 1);
    assert_eq!(pool.spec.backends.as_ref().unwrap()[0].service.as_ref().unwrap().port, 80);
    assert_eq!(pool.spec.load_balancing.algorithm, Algorithm::RoundRobin);
    let limit = pool.spec.rate_limit.unwrap();
    assert_eq!((limit.per.as_str(), limit.key), ("1s", RateLimitKey::Pool));
    assert_eq!(pool.metadata.namespace.as_deref(), Some("default"));
}

#[test]
fn null_means_absent_where_the_schema_forbids_it() {
    let pool = pool("{backends: [{service: {name: a, port: 80}, weight: null}], routes: null}");
    let spec = pool.spec;
    assert_eq!((spec.backends.unwrap()[0].weight, spec.routes), (1, None));
    assert_eq!(
        problems("backends: [{endpoint: {address: '::1', port: null}}]"),
        ["spec.backends[0].endpoint.port: is required: Port number"]
    );
}

#[test]
fn the_status_of_an_object_is_not_judged() {
    let text = "{apiVersion: weir.dev/v1alpha1, kind: BackendPool, metadata: {name: a}, status: 7, \
                spec: {backends: [{service: {name: a, port: 80}}]}}";
    assert_eq!(refusal(text), Vec::<String>::new());
}

#[test]
fn names_are_dns_names() {
    for (metadata, expected) in [
        ("{}", "metadata.name: is required: name the object"),
        ("7", "metadata: must be a mapping with a name"),
        (
            "{name: Shop}",
            "metadata.name: must be lower-case letters, digits, - and . (at most 253), with a \
             letter or digit at both ends and around each dot, not \"Shop\": write shop",
        ),
        (
            "{name: a, namespace: a.b}",
            "metadata.namespace: must be lower-case letters, digits and - (at most 63), with a \
             letter or digit at both ends, not \"a.b\"",
        ),
    ] {
        let text = format!(
            "{{apiVersion: weir.dev/v1alpha1, kind: BackendPool, metadata: {metadata}, \
             spec: {{backends: [{{service: {{name: a, port: 80}}}}]}}}}"
        );
        assert_eq!(refusal(&text), [expected], "{metadata}");
    }
}

#[test]
fn a_problem_knows_its_line_and_column() {
    let text = "# first\n---\napiVersion: weir.dev/v1alpha1\nkind: BackendPool\nmetadata:\n  \
                name: shop\nspec:\n  backends:\n    - service: { name: a, port: 80 }\n      \
                wait: 3\n    - endpoint: { address: 192.0.2.1 }\n";
    let Verdict::Refused(problems) = only(text).verdict else { panic!("accepted") };
    let places: Vec<_> = problems.iter().map(|problem| problem.place.unwrap()).collect();
    assert_eq!(places, [Place { line: 10, column: 7 }, Place { line: 11, column: 7 }]);
}
