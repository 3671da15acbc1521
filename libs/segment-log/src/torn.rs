//! What a write leaves that did not finish: kept beside the segment, never thrown away.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::closed::Files;
use crate::fields::{index, offset};
use crate::open::OpenError;
use crate::recovery::failed;
use crate::storage::StoredFile;

/// The remains of a write that did not finish; nobody was told that it had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Torn {
    pub file: PathBuf,
    pub offset: u64,
    pub bytes: u64,
    pub kept_as: PathBuf,
}

impl fmt::Display for Torn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            offset,
            bytes,
            kept_as,
        } = self;
        let (file, kept_as) = (file.display(), kept_as.display());
        write!(f, "{bytes} bytes at {offset} of {file}, kept as {kept_as}")
    }
}

/// Keeps the bytes from `from` on in a file of their own, then writes zeros over them.
pub(crate) fn set_aside(
    files: &Files,
    path: &Path,
    file: &dyn StoredFile,
    bytes: &[u8],
    from: u64,
) -> Result<Torn, OpenError> {
    let start = index(from);
    let end = bytes
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |at| at + 1);
    let torn = &bytes[start..end.max(start)];
    let keep = || -> io::Result<PathBuf> {
        let kept_as = free_name(files, path)?;
        let kept = files.storage.create(&kept_as)?;
        kept.write_at(torn, 0)?;
        kept.sync()?;
        files.storage.sync_dir(&files.dir)?;
        file.write_at(&vec![0; torn.len()], from)?;
        file.sync()?;
        Ok(kept_as)
    };
    let torn = Torn {
        kept_as: keep().map_err(|error| failed(path, error))?,
        file: path.to_owned(),
        offset: from,
        bytes: offset(torn.len()),
    };
    tracing::warn!(%torn, "a write had not finished");
    Ok(torn)
}

/// The first name `<segment>.torn-<n>` that is free.
fn free_name(files: &Files, segment: &Path) -> io::Result<PathBuf> {
    let entries = files.storage.list(&files.dir)?;
    let stem = segment.file_name().unwrap_or_default().to_string_lossy();
    let taken = |name: &String| entries.iter().any(|entry| entry.name == *name);
    let name = (1..=entries.len() + 1)
        .map(|n| format!("{stem}.torn-{n}"))
        .find(|name| !taken(name))
        .expect("there are more numbers than files");
    Ok(files.dir.join(name))
}
