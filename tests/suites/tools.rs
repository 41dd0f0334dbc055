//! The programs of `hack/suites/build`.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Finds a program that `hack/suites/build` has put into the cache. Where there is none, says
/// `skipped: ...` and returns nothing, or panics when `WEIR_REQUIRE_SUITES=1`.
pub fn find(program: &str) -> Option<PathBuf> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("hack/suites/build");
    let found = Command::new(script).args(["--no-build", program]).output();
    let path = found.ok().filter(|output| output.status.success());
    let path = path.and_then(|output| String::from_utf8(output.stdout).ok());
    if let Some(path) = path {
        return Some(PathBuf::from(path.trim()));
    }
    let is_required = std::env::var_os("WEIR_REQUIRE_SUITES").is_some_and(|v| v == "1");
    assert!(!is_required, "{program} is required; run hack/suites/build {program}");
    println!("skipped: {program} is not there; run hack/suites/build {program}");
    None
}
