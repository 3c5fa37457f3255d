//! Functions as processes: the three modes, one run at a time, shutdown, and logs for Cloud Run. The tests use
//! `embed-new-jobs` as the example.

mod command_line;
mod events;
mod killed;
mod logs;
mod requests;
mod signals;

use std::process::Command;

use crate::support::Market;

/// Enough ads that a run does not finish before a test stops it.
const MANY_ADS: u32 = 3_000;

/// The command of the function, with JSON logs.
fn function(market: &Market) -> Command {
    let mut command = market.command("embed-new-jobs");
    command.env("LOG_FORMAT", "json").env("DEVICE", "cpu");
    command
}
