//! A process under a mixed load while all around it changes, for as long as asked: no error that
//! nothing explains, and flat memory and descriptors.
//!
//! `cargo test` runs it for 20 seconds, `make soak` for SOAK_SECONDS (3600). See docs/testing.md.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "tests"
)]

mod disturb;
mod load;
mod measure;
mod record;
mod requests;
mod world;

use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use libtest_mimic::{Arguments, Failed, Trial};
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep};

use measure::Measure;
use world::World;

/// Part of the time that nothing is measured in: pools of memory and connections fill.
const WARM_UP: f64 = 0.3;

fn main() {
    let arguments = Arguments::from_args();
    let seconds = std::env::var("SOAK_SECONDS").ok();
    let seconds = seconds.map_or(20, |text| text.parse().expect("SOAK_SECONDS is a number"));
    let trial = Trial::test("mixed_load_stays_flat", move || soak(Duration::from_secs(seconds)));
    libtest_mimic::run(&arguments, vec![trial]).exit();
}

fn soak(length: Duration) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let wrong = LocalSet::new().block_on(&runtime, run(length));
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n").into()) }
}

/// Runs everything, and returns what is not as it should be.
async fn run(length: Duration) -> Vec<String> {
    let world = Rc::new(World::start().await);
    let mut measure = Measure::new(world.pid());
    let tasks = load::start(&world).into_iter().chain(disturb::start(&world));
    let mut tasks: Vec<_> = tasks.collect();
    let (began, mut told) = (Instant::now(), 0);
    while began.elapsed() < length {
        sleep(Duration::from_secs(1)).await;
        measure.sample(began.elapsed());
        if began.elapsed().as_secs() / 60 > told {
            told = began.elapsed().as_secs() / 60;
            let latest = measure.latest();
            println!("{told} min: {} requests, {latest}", world.record.borrow().count());
        }
    }
    world.end();
    for task in &mut tasks {
        if let Err(error) = task.await {
            world.record.borrow_mut().broke(&error.to_string());
        }
    }
    let mut wrong = world.stop();
    let record = world.record.borrow();
    println!("{}\n{}", record.table(), measure.table(WARM_UP));
    let picture = std::env::var("SOAK_PICTURE").map_or_else(
        |_| PathBuf::from(concat!(env!("CARGO_TARGET_TMPDIR"), "/soak.svg")),
        PathBuf::from,
    );
    let log = picture.with_extension("log");
    for (file, text) in [(picture, measure.picture()), (log, world.log())] {
        match std::fs::write(&file, text) {
            Ok(()) => println!("see {}", file.display()),
            Err(error) => wrong.push(format!("{}: {error}", file.display())),
        }
    }
    wrong.extend(record.wrong());
    wrong.extend(measure.growth(WARM_UP));
    wrong
}
