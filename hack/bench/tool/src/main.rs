//! `bench-tool backend` and `bench-tool load`, see `lib.rs`.

use std::process::ExitCode;

fn main() -> ExitCode {
    bench_tool::main(std::env::args().skip(1))
}
