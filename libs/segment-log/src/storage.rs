//! The files a log stands on, behind a small trait, so that tests can tear, drop, fill and fail every step.

use std::any::Any;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

/// A file system. What a log does to its disk goes through here, and through [`StoredFile`].
pub trait Storage: Send + Sync {
    /// Makes a directory and those above it; harmless if it is there.
    fn create_dir(&self, dir: &Path) -> io::Result<()>;

    /// What a directory holds, in no order.
    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>>;

    /// Opens a file for reading and writing.
    fn open(&self, file: &Path) -> io::Result<Arc<dyn StoredFile>>;

    /// Opens a file that will not be written.
    fn open_read_only(&self, file: &Path) -> io::Result<Arc<dyn StoredFile>>;

    /// Makes a new, empty file; refuses to touch one that exists.
    fn create(&self, file: &Path) -> io::Result<Arc<dyn StoredFile>>;

    /// Makes the names of new files durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Locks a file (made if need be) until the returned value is dropped; `None` if somebody else
    /// holds it.
    fn lock(&self, file: &Path) -> io::Result<Option<Lock>>;
}

/// Held as long as a log is open.
pub type Lock = Box<dyn Any + Send + Sync>;

/// A name in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub name: String,
    pub is_dir: bool,
}

/// One file. Places are bytes from its start.
pub trait StoredFile: Send + Sync {
    fn size(&self) -> io::Result<u64>;

    /// Fills `into` as far as the file reaches; says how far that was.
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes all of `bytes`, growing the file if it ends before.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Returns once everything written, and the size, would survive a loss of power.
    fn sync(&self) -> io::Result<()>;
}

/// The real thing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Disk;

impl Storage for Disk {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        fs::create_dir_all(dir)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>> {
        fs::read_dir(dir)?
            .map(|entry| {
                let entry = entry?;
                Ok(Entry {
                    name: entry.file_name().to_string_lossy().into_owned(),
                    is_dir: entry.file_type()?.is_dir(),
                })
            })
            .collect()
    }

    fn open(&self, file: &Path) -> io::Result<Arc<dyn StoredFile>> {
        let file = OpenOptions::new().read(true).write(true).open(file)?;
        Ok(Arc::new(DiskFile(file)))
    }

    fn open_read_only(&self, file: &Path) -> io::Result<Arc<dyn StoredFile>> {
        Ok(Arc::new(DiskFile(File::open(file)?)))
    }

    fn create(&self, file: &Path) -> io::Result<Arc<dyn StoredFile>> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(file)?;
        Ok(Arc::new(DiskFile(file)))
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }

    fn lock(&self, file: &Path) -> io::Result<Option<Lock>> {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(file)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Box::new(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

#[derive(Debug)]
struct DiskFile(File);

impl StoredFile for DiskFile {
    fn size(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut filled = 0;
        while filled < into.len() {
            let at = offset + crate::fields::offset(filled);
            match self.0.read_at(&mut into[filled..], at) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        // fdatasync: the size counts as data, the times do not.
        self.0.sync_data()
    }
}

/// Whether there is no room: on the disk, or in what we may have of it.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded
    )
}

/// The whole file, in memory.
pub(crate) fn read_whole(file: &dyn StoredFile) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; crate::fields::index(file.size()?)];
    let filled = file.read_at(&mut bytes, 0)?;
    bytes.truncate(filled);
    Ok(bytes)
}
