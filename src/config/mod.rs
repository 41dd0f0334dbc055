//! What was typed: flags and environment variables, checked as far as they can be alone.
//!
//! Only `main` and `app` import this; each folder has small options of its own, which `app` fills.

mod args;
mod limit_args;
mod values;

pub use args::{
    AccessLog, Args, BackendArgs, CheckArgs, Command, DemoArgs, ExplainArgs, LogFormat, ProbeArgs,
    RunArgs,
};
pub use limit_args::LimitArgs;
pub use values::{
    ByteSize, HeaderArg, ObjectArg, parse_address, parse_controller, parse_duration, parse_lease,
    parse_network, parse_share, parse_time,
};
