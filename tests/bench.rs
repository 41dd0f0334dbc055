//! `make bench` itself: its arithmetic, its own clients and endpoints, and a second of Weir alone.
//!
//! The same program is the bench's tool, `bench backend ...` and `bench load ...`, from the same sources
//! as hack/bench/tool: nothing is fetched or built for these tests. Needs Python.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test"
)]

#[path = "../hack/bench/tool/src/lib.rs"]
mod tool;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::{Command, ExitCode, Output};

use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::Value;

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1).peekable();
    if words.peek().is_some_and(|word| word == "backend" || word == "load") {
        return tool::main(words);
    }
    let tests: [(&str, fn()); 3] = [
        ("arithmetic_of_results", arithmetic_of_results),
        ("a_second_of_weir_alone", a_second_of_weir_alone),
        ("a_load_that_meets_nobody", a_load_that_meets_nobody),
    ];
    let trials = tests.map(|(name, test)| Trial::test(name, move || run(test)));
    libtest_mimic::run(&Arguments::from_args(), trials.into()).exit_code()
}

fn run(test: fn()) -> Result<(), Failed> {
    catch_unwind(AssertUnwindSafe(test)).map_err(|_| Failed::without_message())
}

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/hack/bench"))
}

/// Whether there is Python; says `skipped` where there is none.
fn has_python() -> bool {
    let found = Command::new("python3").arg("--version").output().is_ok();
    if !found {
        println!("skipped: tests of make bench: no python3");
    }
    found
}

fn text(output: &Output) -> String {
    let both = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&both).into_owned()
}

fn arithmetic_of_results() {
    if !has_python() {
        return;
    }
    let output = Command::new("python3")
        .args(["-B", "-m", "unittest", "discover", "--pattern", "test_*.py"])
        .current_dir(folder())
        .output()
        .expect("python3");
    let said = text(&output);
    assert!(output.status.success() && !said.contains("Ran 0 tests"), "{said}");
}

fn a_second_of_weir_alone() {
    if !has_python() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let programs = directory.path().join("bin");
    std::fs::create_dir(&programs).unwrap();
    let own = std::env::current_exe().unwrap();
    std::os::unix::fs::symlink(own, programs.join("bench-tool")).unwrap();
    let results = directory.path().join("results.jsonl");
    let scenarios = ["own_h1", "post_1mib", "websocket", "rate"];
    let output = Command::new("python3")
        .arg(folder().join("run"))
        .env("BENCH_BIN", &programs)
        .env("WEIR", env!("CARGO_BIN_EXE_weir"))
        .env("RESULTS", &results)
        .env("SCENARIOS", scenarios.join(","))
        .envs([("PEERS", "none"), ("ROUNDS", "1"), ("SECONDS", "1"), ("RATE", "50")])
        .envs([("DRAW", "0"), ("TUNE", "0")])
        .output()
        .expect("hack/bench/run");
    assert!(output.status.success(), "{}", text(&output));
    let lines = std::fs::read_to_string(&results).unwrap();
    let runs: Vec<Value> = lines.lines().skip(1).map(|line| line.parse().unwrap()).collect();
    let ran: Vec<_> = runs.iter().map(|run| run["scenario"].as_str().unwrap()).collect();
    assert_eq!(ran, scenarios, "{}", text(&output));
    for run in &runs {
        assert!(run["requests"].as_u64().is_some_and(|requests| requests > 0), "{run}");
        assert_eq!(run["errors"].as_u64(), Some(0), "{run}");
        assert!(run["peak_mib"].as_f64().is_some_and(|peak| peak > 1.0), "{run}");
    }
}

fn a_load_that_meets_nobody() {
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = unused.local_addr().unwrap();
    drop(unused);
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["load", &format!("address={address}"), "seconds=1"])
        .output()
        .unwrap();
    assert!(!output.status.success(), "{}", text(&output));
    assert!(text(&output).contains("connect"), "{}", text(&output));
}
