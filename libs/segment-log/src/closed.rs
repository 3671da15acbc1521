//! Closed segments: what is known of all of them in memory, and the few that are open for reading.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use eventsourcing::{Damage, Position, ReadError};

use crate::fields::{index, offset, u32_at};
use crate::footer::{self, Footer, TRAILER};
use crate::frame::Fault;
use crate::place::{Place, damage, unavailable};
use crate::segment;
use crate::storage::{Storage, StoredFile};

/// So many footers are kept in memory, about 1 MiB each.
const KEPT: usize = 8;

/// A closed segment, as it is known in memory: 4 bytes per stream and request.
#[derive(Debug)]
pub(crate) struct Closed {
    pub(crate) number: u64,
    pub(crate) last: Position,
    /// The last bytes of every key in the footer, sorted: most lookups end here.
    fingerprints: Box<[u32]>,
}

impl Closed {
    /// `last` is the last position in it, `keys` are those of its streams and requests.
    pub(crate) fn new(number: u64, last: Position, keys: impl Iterator<Item = [u8; 16]>) -> Self {
        let mut fingerprints: Vec<u32> = keys.map(|key| fingerprint(&key)).collect();
        fingerprints.sort_unstable();
        fingerprints.dedup();
        Self {
            number,
            last,
            fingerprints: fingerprints.into(),
        }
    }

    /// Whether the footer may have this key; "no" is certain.
    pub(crate) fn may_hold(&self, key: &[u8; 16]) -> bool {
        self.fingerprints.binary_search(&fingerprint(key)).is_ok()
    }
}

/// The first bytes of a request id are its time, the last ones are random.
fn fingerprint(key: &[u8; 16]) -> u32 {
    u32_at(key, 12)
}

/// A closed segment, open for reading.
pub(crate) struct Opened {
    pub(crate) file: Arc<dyn StoredFile>,
    pub(crate) path: PathBuf,
    pub(crate) footer: Footer,
}

impl Opened {
    pub(crate) fn place(&self, offset: u64) -> Place {
        Place {
            file: Arc::clone(&self.file),
            path: self.path.clone(),
            offset,
        }
    }
}

/// The directory of a log, and the closed segments read last.
pub(crate) struct Files {
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) dir: PathBuf,
    opened: Mutex<VecDeque<(u64, Arc<Opened>)>>,
}

impl Files {
    pub(crate) fn new(storage: Arc<dyn Storage>, dir: PathBuf) -> Self {
        Self {
            storage,
            dir,
            opened: Mutex::default(),
        }
    }

    pub(crate) fn path(&self, number: u64) -> PathBuf {
        self.dir.join(segment::file_name(number))
    }

    pub(crate) fn open(&self, number: u64) -> Result<Arc<Opened>, ReadError> {
        let lock = || {
            self.opened
                .lock()
                .expect("no code panics while it holds the files")
        };
        let found = lock().iter().find(|(kept, _)| *kept == number).cloned();
        if let Some((_, opened)) = found {
            return Ok(opened);
        }
        let opened = Arc::new(self.load(number)?);
        let mut kept = lock();
        kept.push_front((number, Arc::clone(&opened)));
        kept.truncate(KEPT);
        Ok(opened)
    }

    fn load(&self, number: u64) -> Result<Opened, ReadError> {
        let path = self.path(number);
        let file = self
            .storage
            .open_read_only(&path)
            .map_err(|error| unavailable(&path, &error))?;
        let footer = read_footer(&*file).map_err(|error| unavailable(&path, &error))?;
        match footer {
            Ok(Some(footer)) => Ok(Opened { file, path, footer }),
            Ok(None) => Err(damage(&path, 0, Fault::new(0, "the footer is gone")).into()),
            Err(fault) => Err(Damage::into(damage(&path, 0, fault))),
        }
    }
}

/// Reads the footer at the end of a file; faults count from the start of the file.
pub(crate) fn read_footer(file: &dyn StoredFile) -> io::Result<Result<Option<Footer>, Fault>> {
    let size = file.size()?;
    let last = |length: usize| -> io::Result<Bytes> {
        let mut bytes = vec![0; length.min(index(size))];
        let at = size - offset(bytes.len());
        file.read_at(&mut bytes, at)?;
        Ok(bytes.into())
    };
    let trailer = last(TRAILER)?;
    let bytes = last(footer::length_in(&trailer).unwrap_or(TRAILER))?;
    let before = index(size) - bytes.len();
    Ok(Footer::read(&bytes).map_err(|fault| Fault {
        at: before + fault.at,
        ..fault
    }))
}
