//! The table in `docs/security.md` says what the corpus is.

use std::collections::BTreeSet;

use crate::{case, h2, requests, responses};

const BEGIN: &str = "<!-- corpus: written by `make generate` -->\n";
const END: &str = "<!-- end of corpus -->\n";

/// What must come of a case.
enum Verdict {
    Refused,
    Passed,
    Either,
}

fn row(what: &str, cases: &[(Verdict, &str)]) -> String {
    let count = |wanted: fn(&Verdict) -> bool| cases.iter().filter(|(v, _)| wanted(v)).count();
    let sources: BTreeSet<&str> = cases.iter().flat_map(|(_, source)| source.split(", ")).collect();
    format!(
        "| {what} | {} | {} | {} | {} | {} |\n",
        cases.len(),
        count(|verdict| matches!(verdict, Verdict::Refused)),
        count(|verdict| matches!(verdict, Verdict::Passed)),
        count(|verdict| matches!(verdict, Verdict::Either)),
        sources.into_iter().collect::<Vec<_>>().join(", ")
    )
}

fn table() -> String {
    let mut table = "| corpus | cases | refused | one meaning | either | rules and classes |\n\
                     | --- | --- | --- | --- | --- | --- |\n"
        .to_owned();
    for ((kind, _), cases) in requests::run::LEAST.iter().zip(requests::run::kinds()) {
        let verdict = |expect: &case::Expect| match expect {
            case::Expect::Passed(..) => Verdict::Passed,
            case::Expect::Either(_) | case::Expect::RefusedByOurs(_) => Verdict::Either,
            case::Expect::Refused | case::Expect::Cut => Verdict::Refused,
        };
        let cases: Vec<_> = cases.iter().map(|c| (verdict(&c.expect), c.source)).collect();
        table += &row(&format!("requests: {kind}"), &cases);
    }
    let verdict = |expect: &responses::kinds::Expect| match expect {
        responses::kinds::Expect::Whole(_) => Verdict::Passed,
        responses::kinds::Expect::Either(_) => Verdict::Either,
        responses::kinds::Expect::Bad | responses::kinds::Expect::Broken => Verdict::Refused,
    };
    for ((kind, _), cases) in responses::run::LEAST.iter().zip(responses::run::kinds()) {
        let cases: Vec<_> = cases.iter().map(|c| (verdict(&c.expect), c.source)).collect();
        table += &row(&format!("answers: {kind}"), &cases);
    }
    let cases = responses::http2::cases();
    let cases: Vec<_> = cases.iter().map(|c| (verdict(&c.expect), c.source)).collect();
    table += &row("answers: HTTP/2", &cases);
    for ((kind, _), cases) in h2::run::LEAST.iter().zip(h2::run::kinds()) {
        use h2::run::Expect;
        let verdict = |expect: &Expect| match expect {
            Expect::Passed(_) => Verdict::Passed,
            Expect::Either(_) | Expect::Flood(_) => Verdict::Either,
            Expect::Refused | Expect::Ended => Verdict::Refused,
        };
        let cases: Vec<_> = cases.iter().map(|c| (verdict(&c.expect), c.source)).collect();
        table += &row(&format!("HTTP/2: {kind}"), &cases);
    }
    table
}

#[test]
fn the_document_says_what_the_corpus_is() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/security.md");
    let text = std::fs::read_to_string(path).unwrap();
    let (before, rest) = text.split_once(BEGIN).expect("a place for the table");
    let (_, after) = rest.split_once(END).expect("an end of the table");
    let fresh = format!("{before}{BEGIN}\n{}\n{END}{after}", table());
    if std::env::var_os("WEIR_GENERATE").is_some() {
        std::fs::write(path, fresh).unwrap();
    } else {
        assert!(text == fresh, "docs/security.md is not what the corpus is: run `make generate`");
    }
}
