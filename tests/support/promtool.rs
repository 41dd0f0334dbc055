//! `promtool check metrics`, where it is installed.

use std::io::Write as _;
use std::process::{Command, Stdio};

/// Pipes a text into promtool; returns whether it is clean, and what promtool says. Without
/// promtool it says `skipped`, and panics where `WEIR_REQUIRE_PROMTOOL=1`.
pub fn check(text: &str) -> Option<(bool, String)> {
    let mut command = Command::new("promtool");
    command.args(["check", "metrics"]).stdin(Stdio::piped());
    let started = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let Ok(mut child) = started else {
        let is_required = std::env::var_os("WEIR_REQUIRE_PROMTOOL").is_some_and(|v| v == "1");
        assert!(!is_required, "promtool is required, but not installed");
        println!("skipped: promtool not installed");
        return None;
    };
    let mut stdin = child.stdin.take().expect("stdin is piped");
    stdin.write_all(text.as_bytes()).expect("promtool reads");
    drop(stdin);
    let output = child.wait_with_output().expect("promtool ends");
    let said = [output.stdout, output.stderr].concat();
    Some((output.status.success(), String::from_utf8_lossy(&said).into_owned()))
}
