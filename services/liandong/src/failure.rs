//! A command that did not do what was asked: one line on standard error, and an exit code.

use std::io::{self, Write};
use std::process::ExitCode;

/// Why a command ended early. The sentences are one line and end in what to do next.
#[derive(Debug)]
pub enum Failure {
    /// It did not work, or what was checked is not whole: exit code 1.
    Failed(String),
    /// It was asked for something that cannot be meant: exit code 2, as for a wrong option.
    Misused(String),
    /// Whoever read our output has had enough; that is no failure.
    NobodyReads,
}

impl Failure {
    pub fn failed(what: impl std::fmt::Display) -> Self {
        Self::Failed(what.to_string())
    }

    pub fn misused(what: impl std::fmt::Display) -> Self {
        Self::Misused(what.to_string())
    }

    /// Says it on standard error.
    pub(crate) fn tell(&self) -> ExitCode {
        let (what, code) = match self {
            Self::Failed(what) => (what, 1),
            Self::Misused(what) => (what, 2),
            Self::NobodyReads => return ExitCode::SUCCESS,
        };
        note(&format!("liandong: {what}"));
        ExitCode::from(code)
    }
}

/// A line for the person at the terminal; if nobody can see it, so be it.
pub(crate) fn note(line: &str) {
    let line = line.replace(['\n', '\r'], " ");
    let _ = writeln!(io::stderr().lock(), "{line}");
}

impl From<io::Error> for Failure {
    /// A failure to write the answer.
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::NobodyReads;
        }
        Self::Failed(format!(
            "the answer cannot be written: {error}; look where standard output goes"
        ))
    }
}
