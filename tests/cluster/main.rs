//! The promises to a user of a cluster, on a real node: the image from the Dockerfile, the chart,
//! and clients that come through kube-proxy. Serial, as root; see `rig.rs`.
//!
//! The same program is the load that runs inside the node: `cluster load ...`, see `load/`.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test"
)]

mod certificates;
mod changes;
mod discovery;
mod install;
mod load;
mod monitoring;
mod operations;
mod releases;
mod rig;
mod rights;
mod sbom;
mod scrape;
mod traffic;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};

use rig::Rig;

type Test = fn(&Rig);

const TESTS: &[(&str, Test)] = &[
    ("install::serves_and_leaves_nothing", install::serves_and_leaves_nothing),
    ("traffic::rolling_restart_of_three", traffic::rolling_restart_of_three),
    ("traffic::scale_up_restart_and_down", traffic::scale_up_restart_and_down),
    ("traffic::sigkill_of_a_backend", traffic::sigkill_of_a_backend),
    ("changes::hundred_changes", changes::hundred_changes),
    ("operations::upgrade_rollback_and_deletion", operations::upgrade_rollback_and_deletion),
    ("operations::outages_of_the_control_plane", operations::outages_of_the_control_plane),
    ("operations::sigkill_of_the_leases_holder", operations::sigkill_of_the_leases_holder),
    ("releases::two_side_by_side", releases::two_side_by_side),
    ("certificates::by_the_ways_of_cert_manager", certificates::by_the_ways_of_cert_manager),
    ("rights::of_the_service_account", rights::of_the_service_account),
    ("monitoring::by_the_monitors_of_the_chart", monitoring::by_the_monitors_of_the_chart),
    ("sbom::is_that_of_the_lock_file", sbom::is_that_of_the_lock_file),
    ("operations::invalid_objects", operations::invalid_objects),
    ("install::by_the_steps_of_kind_up", install::by_the_steps_of_kind_up),
];

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref() {
        Some("load") => return load::main(arguments),
        Some("fetch") => return load::fetch(arguments),
        _ => {}
    }
    let mut arguments = Arguments::from_args();
    // One node, and a load that shall not be disturbed.
    arguments.test_threads = Some(1);
    let trials = TESTS.iter().map(|&(name, test)| Trial::test(name, move || run(test))).collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn run(test: Test) -> Result<(), Failed> {
    let Some(rig) = rig::shared() else { return Ok(()) };
    catch_unwind(AssertUnwindSafe(|| test(rig))).map_err(|_| {
        rig.tell();
        Failed::without_message()
    })
}
