//! Commands about logs: they read files, and need no service.

mod head;
mod verify;

use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use crate::failure::Failure;
use crate::output::Screen;

#[derive(Debug, Subcommand)]
pub(crate) enum LogCommand {
    /// Read every log below a directory whole, recompute every checksum and hash, and name the first
    /// wrong byte
    ///
    /// Reads only, and works beside a running service. Exit code 0: all is whole; 1: something is
    /// not, each named by file and byte offset, and by position and stream where it lies in an
    /// event; 2: there is nothing to read there.
    #[command(after_long_help = verify::JSON)]
    Verify(DataArgs),

    /// Say where every log below a directory ends: position, hash, and when that was recorded
    ///
    /// Reads only the last segments, and works beside a running service; it verifies nothing.
    #[command(after_long_help = head::JSON)]
    Head(DataArgs),
}

#[derive(Debug, Args)]
pub(crate) struct DataArgs {
    /// The directory below which the logs lie
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
}

pub(crate) fn run(command: LogCommand, screen: Screen) -> Result<(), Failure> {
    match command {
        LogCommand::Verify(args) => verify::run(&args.data, screen),
        LogCommand::Head(args) => head::run(&args.data, screen),
    }
}

fn unreadable(dir: &Path, error: &io::Error) -> Failure {
    let dir = dir.display();
    Failure::misused(format!(
        "{dir} cannot be read: {error}; name a directory that `liandong dev --data` keeps"
    ))
}

fn no_logs(dir: &Path) -> Failure {
    let dir = dir.display();
    Failure::misused(format!(
        "there is no log below {dir}; name a directory that `liandong dev --data` keeps"
    ))
}
