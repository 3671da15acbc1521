//! A disk in memory that counts its steps, fails at one of them, fills up, and loses power.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use segment_log::{Entry, Lock, Storage, StoredFile};

/// What power loss leaves whole, of what was written but not synced.
const SECTOR: usize = 64;

#[derive(Clone, Default)]
pub(crate) struct Simulated {
    state: Arc<Mutex<State>>,
    locked: Arc<AtomicBool>,
}

#[derive(Default)]
struct State {
    files: BTreeMap<PathBuf, Content>,
    /// Creations, writes and syncs so far.
    steps: u64,
    fault: Option<(u64, Fault)>,
    reads: u64,
    failing_read: Option<u64>,
    /// How many more bytes files may grow by; `None`: as many as they like.
    room: Option<usize>,
}

#[derive(Default, Clone)]
struct Content {
    now: Vec<u8>,
    on_disk: Vec<u8>,
    /// Written since the last sync, in order, and not forgotten by a sync that failed.
    unsynced: Vec<(usize, Vec<u8>)>,
    /// Whether the directory was synced since the file was made.
    named: bool,
}

/// What happens at a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// This step and all after it fail: the power is gone.
    PowerLoss,
    /// This step fails; a write leaves its first half, a sync takes for written what is not.
    Broken,
    /// This step finds the disk full.
    Full,
    /// This step finds that no more of the disk may be had.
    OverQuota,
    /// This step panics.
    Bug,
}

/// What becomes of what was not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unsynced {
    Lost,
    Kept,
    /// Each sector by chance, by this seed.
    Torn(u64),
}

impl Simulated {
    pub(crate) fn failing(step: u64, fault: Fault) -> Self {
        let disk = Self::default();
        disk.lock().fault = Some((step, fault));
        disk
    }

    pub(crate) fn steps(&self) -> u64 {
        self.lock().steps
    }

    pub(crate) fn set_room(&self, room: Option<usize>) {
        self.lock().room = room;
    }

    pub(crate) fn fail_at(&self, step: u64, fault: Fault) {
        self.lock().fault = Some((step, fault));
    }

    /// The nth read from now on fails, once.
    pub(crate) fn fail_read(&self, nth: u64) {
        let mut state = self.lock();
        state.failing_read = Some(state.reads + nth);
    }

    /// Whether the read that was to fail has.
    pub(crate) fn read_has_failed(&self) -> bool {
        let state = self.lock();
        state.failing_read.is_some_and(|nth| nth <= state.reads)
    }

    /// The disk as the next start finds it, with everything that was written.
    pub(crate) fn restarted(&self) -> Self {
        self.after_power_loss(Unsynced::Kept)
    }

    pub(crate) fn after_power_loss(&self, unsynced: Unsynced) -> Self {
        let mut chance = match unsynced {
            Unsynced::Torn(seed) => SmallRng::seed_from_u64(seed),
            Unsynced::Lost | Unsynced::Kept => SmallRng::seed_from_u64(0),
        };
        let mut survives = move || match unsynced {
            Unsynced::Lost => false,
            Unsynced::Kept => true,
            Unsynced::Torn(_) => chance.random_bool(0.5),
        };
        let mut files = BTreeMap::new();
        for (path, content) in &self.lock().files {
            if content.named || survives() {
                let mut now = content.on_disk.clone();
                for (at, bytes) in &content.unsynced {
                    for (index, sector) in bytes.chunks(SECTOR).enumerate() {
                        if survives() {
                            write(&mut now, at + index * SECTOR, sector);
                        }
                    }
                }
                files.insert(path.clone(), Content::synced(now));
            }
        }
        let disk = Self::default();
        disk.lock().files = files;
        disk
    }

    pub(crate) fn read(&self, path: &Path) -> Vec<u8> {
        self.lock().files[path].now.clone()
    }

    pub(crate) fn replace(&self, path: &Path, bytes: Vec<u8>) {
        let content = Content::synced(bytes);
        self.lock().files.insert(path.to_owned(), content);
    }

    /// The disk as it is after a kill: what was written is there, but not all of it on disk.
    pub(crate) fn copy(&self) -> Self {
        let copy = Self::default();
        copy.lock().files = self.lock().files.clone();
        copy
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Content {
    fn synced(bytes: Vec<u8>) -> Self {
        Self {
            now: bytes.clone(),
            on_disk: bytes,
            unsynced: Vec::new(),
            named: true,
        }
    }
}

impl State {
    /// Counts a step; `Err` if it is one that fails.
    fn step(&mut self) -> io::Result<()> {
        self.steps += 1;
        match self.fault {
            Some((at, Fault::PowerLoss)) if self.steps >= at => {
                Err(io::Error::other("the power is gone"))
            }
            Some((at, Fault::Broken)) if self.steps == at => Err(io::Error::other("simulated EIO")),
            Some((at, Fault::Full)) if self.steps == at => Err(ErrorKind::StorageFull.into()),
            Some((at, Fault::OverQuota)) if self.steps == at => {
                Err(ErrorKind::QuotaExceeded.into())
            }
            Some((at, Fault::Bug)) if self.steps == at => panic!("a simulated bug"),
            _ => Ok(()),
        }
    }

    fn file(&mut self, path: &Path) -> io::Result<&mut Content> {
        let found = self.files.get_mut(path);
        found.ok_or_else(|| ErrorKind::NotFound.into())
    }

    fn write(&mut self, path: &Path, bytes: &[u8], at: usize) -> io::Result<()> {
        let file = self.file(path)?;
        write(&mut file.now, at, bytes);
        file.unsynced.push((at, bytes.to_vec()));
        Ok(())
    }
}

fn write(file: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    if file.len() < at + bytes.len() {
        file.resize(at + bytes.len(), 0);
    }
    file[at..at + bytes.len()].copy_from_slice(bytes);
}

impl Storage for Simulated {
    fn create_dir(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>> {
        let state = self.lock();
        let below = state
            .files
            .keys()
            .filter_map(|path| path.strip_prefix(dir).ok());
        let entry = |path: &Path| Entry {
            name: path.display().to_string(),
            is_dir: false,
        };
        Ok(below.map(entry).collect())
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn StoredFile>> {
        self.lock().file(path)?;
        Ok(Arc::new(Handle {
            disk: self.clone(),
            path: path.to_owned(),
        }))
    }

    fn open_read_only(&self, path: &Path) -> io::Result<Arc<dyn StoredFile>> {
        self.open(path)
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn StoredFile>> {
        let mut state = self.lock();
        if state.files.contains_key(path) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        state.step()?;
        state.files.insert(path.to_owned(), Content::default());
        drop(state);
        self.open(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.lock();
        state.step()?;
        for (path, file) in &mut state.files {
            file.named |= path.starts_with(dir);
        }
        Ok(())
    }

    fn lock(&self, _: &Path) -> io::Result<Option<Lock>> {
        let was_free = !self.locked.swap(true, Ordering::SeqCst);
        Ok(was_free.then(|| Box::new(Held(Arc::clone(&self.locked))) as Lock))
    }
}

struct Held(Arc<AtomicBool>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

struct Handle {
    disk: Simulated,
    path: PathBuf,
}

impl StoredFile for Handle {
    fn size(&self) -> io::Result<u64> {
        Ok(self.disk.lock().file(&self.path)?.now.len() as u64)
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut state = self.disk.lock();
        state.reads += 1;
        if state.failing_read == Some(state.reads) {
            return Err(io::Error::other("simulated EIO"));
        }
        let bytes = &state.file(&self.path)?.now;
        let start = usize::try_from(offset).unwrap().min(bytes.len());
        let length = into.len().min(bytes.len() - start);
        into[..length].copy_from_slice(&bytes[start..start + length]);
        Ok(length)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let at = usize::try_from(offset).unwrap();
        let mut state = self.disk.lock();
        if let Err(error) = state.step() {
            let first_half = &bytes[..bytes.len() / 2];
            state.write(&self.path, first_half, at)?;
            return Err(error);
        }
        let size = state.file(&self.path)?.now.len();
        let growth = (at + bytes.len()).saturating_sub(size);
        if let Some(room) = &mut state.room {
            *room = room
                .checked_sub(growth)
                .ok_or_else(|| io::Error::from(ErrorKind::StorageFull))?;
        }
        state.write(&self.path, bytes, at)
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.lock();
        let synced = state.step();
        let forgets = matches!(state.fault, Some((_, Fault::Broken)));
        let file = state.file(&self.path)?;
        match synced {
            Ok(()) => {
                for (at, bytes) in std::mem::take(&mut file.unsynced) {
                    write(&mut file.on_disk, at, &bytes);
                }
            }
            // As Linux does: the error is told once, and the pages count as clean.
            Err(_) if forgets => file.unsynced.clear(),
            Err(_) => {}
        }
        synced
    }
}
