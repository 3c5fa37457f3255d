//! Every function as a process: three ways in, one run at a time, a clean end, and logs that Cloud Run understands.
//! `embed-new-jobs` stands for all of them.

mod command_line;
mod events;
mod killed;
mod logs;
mod requests;
mod signals;

use std::process::Command;

use crate::support::Market;

/// So many ads that a run of them lasts until a test ends it.
const MANY: u32 = 3_000;

/// The function, with logs for machines to read.
fn function(market: &Market) -> Command {
    let mut command = market.command("embed-new-jobs");
    command.env("LOG_FORMAT", "json").env("DEVICE", "cpu");
    command
}
