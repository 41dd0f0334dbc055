//! Files that are kept in the repository but made by the code.

use std::fs;
use std::path::Path;

/// Compares a kept file with what it should be; with `WEIR_GENERATE=1` writes it instead.
pub fn assert_kept(path: &str, expected: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let kept = fs::read_to_string(&file).unwrap_or_default();
    if kept == expected {
        return;
    }
    if std::env::var_os("WEIR_GENERATE").is_some_and(|value| value == "1") {
        let folder = file.parent().expect("the file is in a folder");
        fs::create_dir_all(folder).expect("the folder can be made");
        fs::write(&file, expected).expect("the file can be written");
        println!("wrote {path}");
        return;
    }
    let number = kept.lines().zip(expected.lines()).take_while(|(a, b)| a == b).count();
    let line = |text: &str| text.lines().nth(number).unwrap_or("(end)").to_owned();
    panic!(
        "{path} is stale: run `make generate` and read the difference\n\
         line {}\n  kept:     {}\n  expected: {}",
        number + 1,
        line(&kept),
        line(expected)
    );
}
