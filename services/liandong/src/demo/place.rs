//! Where the demo writes: a directory that somebody keeps, or one that is gone afterwards.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::failure::Failure;

pub(super) enum Place {
    Kept(PathBuf),
    Temporary(TempDir),
}

impl Place {
    pub(super) fn new(keep: Option<PathBuf>) -> Result<Self, Failure> {
        let Some(dir) = keep else {
            return tempfile::tempdir().map(Self::Temporary).map_err(|error| {
                Failure::failed(format!(
                    "no temporary directory can be made: {error}; name a place with --keep"
                ))
            });
        };
        let shown = dir.display();
        match dir.read_dir() {
            Ok(mut entries) => match entries.next() {
                None => Ok(Self::Kept(dir)),
                Some(_) => Err(Failure::misused(format!(
                    "{shown} holds something already; name a new or an empty directory"
                ))),
            },
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Self::Kept(dir)),
            Err(error) => Err(Failure::misused(format!(
                "{shown} cannot be used: {error}; name a new or an empty directory"
            ))),
        }
    }

    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Kept(dir) => dir,
            Self::Temporary(dir) => dir.path(),
        }
    }

    /// Removes what is not kept; says what is.
    pub(super) fn close(self) -> Result<Option<PathBuf>, Failure> {
        match self {
            Self::Kept(dir) => Ok(Some(dir)),
            Self::Temporary(dir) => {
                let shown = dir.path().display().to_string();
                let closed = dir.close().map(|()| None);
                closed.map_err(|error| {
                    Failure::failed(format!("{shown} is left: {error}; remove it by hand"))
                })
            }
        }
    }
}
