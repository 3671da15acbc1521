//! The program people run: the demo, all services in one process, and the client commands.
//!
//! Each command is one file: its arguments, what it does, and the shape of what it prints. Commands
//! about cases speak to running services over gRPC; commands about logs read the files.

mod case;
mod cli;
mod client;
mod demo;
mod dev;
mod failure;
mod gateway;
mod log;
mod moment;
mod output;
mod parked;
mod progress;
pub mod reference;
mod serve;
pub mod services;
mod shell;
pub mod story;
pub mod three_regions;
mod up;

use std::process::ExitCode;

use clap::Parser;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::{Cli, Command};

pub use failure::Failure;
pub use output::Lang;
pub use serve::GatewaySettings;

/// Runs the command line that this process was given.
pub fn run() -> ExitCode {
    let Cli {
        command,
        output,
        lang,
    } = Cli::parse();
    let screen = output::Screen { output, lang };
    let outcome = match command {
        Command::Demo(args) => demo::run(args, screen),
        Command::Dev(args) => dev::run(args, screen),
        Command::Serve(args) => serve::run(&args),
        Command::Up(args) => up::run(&args, screen),
        Command::Case { client, command } => case::run(client, command, screen),
        Command::Parked { client, command } => parked::run(client, command, screen),
        Command::Log { command } => log::run(command, screen),
    };
    outcome.map_or_else(|failure| failure.tell(), |()| ExitCode::SUCCESS)
}

/// Whether these words, the program's name first, are a command line of this program.
///
/// # Errors
/// What is wrong with them.
pub fn check(words: &[&str]) -> Result<(), String> {
    let parsed = Cli::try_parse_from(words);
    parsed.map(|_| ()).map_err(|error| error.to_string())
}

/// Where commands run that speak to services or are some.
fn runtime() -> Result<Runtime, Failure> {
    Runtime::new().map_err(|error| {
        Failure::failed(format!(
            "no threads can be started: {error}; look at the system's limits"
        ))
    })
}

/// Waits for Ctrl-C or SIGTERM: both mean a clean end.
async fn told_to_end() -> Result<(), Failure> {
    let deaf = |error| Failure::failed(format!("cannot listen for signals: {error}; try again"));
    let mut terminate = signal(SignalKind::terminate()).map_err(deaf)?;
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        interrupted = tokio::signal::ctrl_c() => interrupted.map_err(deaf),
    }
}
