//! Directory entries that survive a power loss: a file whose name is lost is lost.

use std::fs::{self, File};
use std::io;
use std::path::Path;

/// Makes the directory and those above it that are missing; their names are on disk when this returns.
pub(crate) fn create_directory(directory: &Path) -> io::Result<()> {
    if directory.is_dir() || directory.as_os_str().is_empty() {
        return Ok(());
    }
    let above = directory.parent().unwrap_or(Path::new("/"));
    create_directory(above)?;
    match fs::create_dir(directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    sync_directory(above)
}

/// The names in the directory are on disk when this returns.
pub(crate) fn sync_directory(directory: &Path) -> io::Result<()> {
    let here = Path::new(".");
    let directory = if directory.as_os_str().is_empty() {
        here
    } else {
        directory
    };
    File::open(directory)?.sync_all()
}
