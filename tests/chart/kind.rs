//! `hack/kind-up` and `hack/install` end with a request, by steps that the chart and a real API
//! server accept.

use std::path::Path;
use std::process::Command;

use crate::helm::Helm;

/// What a script would do, one command a line.
fn printed(script: &str, arguments: &[&str]) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(script);
    let mut command = Command::new(path);
    let output = command.arg("--print").args(arguments).output().expect("bash runs");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    said.lines().map(|line| line.strip_prefix("+ ").expect("a command").to_owned()).collect()
}

#[test]
fn kind_up_goes_from_nothing_to_a_request() {
    let steps = printed("hack/kind-up", &[]);
    let begins = [
        "kind create cluster --name weir",
        "docker build --tag weir:dev .",
        "kind load docker-image weir:dev",
        "helm upgrade --install weir charts/weir",
        "helm test weir",
        "kubectl apply --filename",
        "kubectl rollout status deployment/hello",
        "kubectl wait backendpool/hello",
        "curl ",
    ];
    assert_eq!(steps.len(), begins.len(), "{steps:#?}");
    for (step, begin) in steps.iter().zip(begins) {
        assert!(step.starts_with(begin), "{step}");
    }
    let last = steps.last().unwrap();
    assert!(last.ends_with("--header Host:\\ hello.example.com http://127.0.0.1:8080/"), "{last}");
    // The same steps, without kind.
    assert_eq!(printed("hack/install", &["weir:dev"])[1..], steps[4..8]);
}

#[test]
fn the_chart_takes_the_values_of_kind_up() {
    let Some(helm) = Helm::find() else { return };
    let steps = printed("hack/kind-up", &[]);
    let install = steps.iter().find(|step| step.starts_with("helm upgrade")).unwrap();
    let words: Vec<&str> = install.split(' ').collect();
    let sets = words.windows(2).filter(|pair| pair[0] == "--set");
    let sets: Vec<&str> = sets.flat_map(|pair| ["--set", pair[1]]).collect();
    assert!(sets.len() >= 10, "{install}");
    let rendered = helm.template(&sets).unwrap();
    for line in ["image: \"weir:dev\"", "nodePort: 30080", "type: NodePort"] {
        assert!(rendered.contains(line), "{line}");
    }
}
