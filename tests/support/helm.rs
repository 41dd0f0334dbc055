//! The helm that `hack/tools/build` makes.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Helm runs the helm program.
pub struct Helm(PathBuf);

impl Helm {
    /// Finds helm: in `WEIR_TOOLS`, or where `hack/tools/build` has put it. Where there is none,
    /// says `skipped: ...` and returns nothing, or panics when `WEIR_REQUIRE_HELM=1`.
    pub fn find() -> Option<Self> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("hack/tools/build");
        let folder = std::env::var("WEIR_TOOLS").ok().or_else(|| {
            let built = Command::new(script).arg("--no-build").output().ok()?;
            let folder = String::from_utf8(built.stdout).ok()?;
            built.status.success().then(|| folder.trim().to_owned())
        });
        let helm = folder.map(|folder| Path::new(&folder).join("helm"));
        if let Some(helm) = helm.filter(|helm| helm.is_file()) {
            return Some(Self(helm));
        }
        let reason = "helm is not built: run hack/tools/build";
        assert!(
            std::env::var_os("WEIR_REQUIRE_HELM").is_none_or(|value| value != "1"),
            "WEIR_REQUIRE_HELM=1, but {reason}"
        );
        println!("skipped: {reason}");
        None
    }

    /// Runs helm at the root of the repository.
    pub fn run(&self, arguments: &[&str]) -> Output {
        Command::new(&self.0)
            .args(arguments)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env("HELM_NO_PLUGINS", "1")
            .output()
            .expect("helm starts")
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
