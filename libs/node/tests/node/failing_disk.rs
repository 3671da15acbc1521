//! The real disk, until it is told to fail.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use segment_log::{Disk, Entry, Lock, Storage, StoredFile};

/// What a sync does from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sync {
    Works,
    Fails,
    Panics,
}

#[derive(Clone, Default)]
pub(crate) struct FailingDisk(Arc<AtomicU8>);

impl FailingDisk {
    pub(crate) fn set(&self, sync: Sync) {
        self.0.store(sync as u8, Ordering::SeqCst);
    }

    fn wrap(&self, file: Arc<dyn StoredFile>) -> Arc<dyn StoredFile> {
        Arc::new(FailingFile {
            file,
            disk: self.clone(),
        })
    }
}

impl Storage for FailingDisk {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        Disk.create_dir(dir)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>> {
        Disk.list(dir)
    }

    fn open(&self, file: &Path) -> io::Result<Arc<dyn StoredFile>> {
        Ok(self.wrap(Disk.open(file)?))
    }

    fn open_read_only(&self, file: &Path) -> io::Result<Arc<dyn StoredFile>> {
        Disk.open_read_only(file)
    }

    fn create(&self, file: &Path) -> io::Result<Arc<dyn StoredFile>> {
        Ok(self.wrap(Disk.create(file)?))
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        Disk.sync_dir(dir)
    }

    fn lock(&self, file: &Path) -> io::Result<Option<Lock>> {
        Disk.lock(file)
    }
}

struct FailingFile {
    file: Arc<dyn StoredFile>,
    disk: FailingDisk,
}

impl StoredFile for FailingFile {
    fn size(&self) -> io::Result<u64> {
        self.file.size()
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(into, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        let does = self.disk.0.load(Ordering::SeqCst);
        assert!(does != Sync::Panics as u8, "a simulated bug");
        if does == Sync::Fails as u8 {
            return Err(io::Error::other("simulated EIO"));
        }
        self.file.sync()
    }
}
