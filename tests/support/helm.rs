//! The helm that `hack/tools/build` makes.

#![allow(dead_code, reason = "each test binary uses its own part")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Helm runs the helm program.
pub struct Helm(PathBuf);

impl Helm {
    /// Finds helm: in `WEIR_TOOLS`, or where `hack/tools/build` has put it. Where there is none,
    /// says `skipped: ...` and returns nothing, or panics when `WEIR_REQUIRE_HELM=1`.
    pub fn find() -> Option<Self> {
        let folder = match std::env::var_os("WEIR_TOOLS") {
            Some(folder) => PathBuf::from(folder),
            None => tools_or_skip("hack/tools/build", "--no-build")?,
        };
        Some(Self(folder.join("helm")))
    }

    /// A program that was built with helm.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.0.with_file_name(name)
    }

    /// A command to be completed, at the root of the repository.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.0);
        command.current_dir(env!("CARGO_MANIFEST_DIR")).env("HELM_NO_PLUGINS", "1");
        command
    }

    /// Runs helm at the root of the repository.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command().args(arguments).output().expect("helm starts")
    }

    /// Renders the chart as the release `weir` in `weir-system`.
    ///
    /// # Errors
    /// What helm says when it refuses.
    pub fn template(&self, arguments: &[&str]) -> Result<String, String> {
        let fixed = ["template", "weir", "charts/weir", "--namespace", "weir-system"];
        let output = self.run(&[&fixed, arguments].concat());
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("helm writes UTF-8");
        if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
    }
}

/// Asks a script of `hack/tools` for a folder that it has made before. Where there is none, says
/// `skipped: ...` and returns nothing, or panics when `WEIR_REQUIRE_HELM=1`.
pub fn tools_or_skip(script: &str, flag: &str) -> Option<PathBuf> {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join(script);
    let found = Command::new(program).arg(flag).output();
    let folder = found.ok().filter(|output| output.status.success());
    let folder = folder.and_then(|output| String::from_utf8(output.stdout).ok());
    if let Some(folder) = folder {
        return Some(PathBuf::from(folder.trim()));
    }
    assert!(
        std::env::var_os("WEIR_REQUIRE_HELM").is_none_or(|value| value != "1"),
        "WEIR_REQUIRE_HELM=1, but there is nothing from {script}: run it"
    );
    println!("skipped: run {script}");
    None
}
