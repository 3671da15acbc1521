//! Verification: reads everything, recomputes every checksum and hash, and names the first wrong byte.
//!
//! It only reads, and needs no lock: it works beside a running service. What looks wrong there may
//! just be in the middle of being written, so it is looked at again before it is called wrong.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use eventsourcing::{Checkpoint, Damage, Hash, LogId, Position, ReadError, Verified};
use uuid::Uuid;

use crate::check::{Checked, Expected, check};
use crate::fields::offset;
use crate::frame::Fault;
use crate::place::{damage, unavailable};
use crate::segment;
use crate::storage::{Disk, Entry, Storage, read_whole};

/// A wrong place is read again this often, this far apart, before it is believed.
const LOOKS: u32 = 3;
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(20);

/// What a verification has found in one directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogVerified {
    pub dir: PathBuf,
    /// `None` if not even its name can be read.
    pub log: Option<LogId>,
    pub outcome: Result<Verified, ReadError>,
    /// The end of the last segment, if a write there has not finished: it is going on, or was torn.
    pub unfinished: Option<Unfinished>,
}

/// Bytes of a write that has not finished: no event, and no error; opening the log sets them aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfinished {
    pub file: PathBuf,
    pub offset: u64,
    pub bytes: u64,
}

/// How far a verification is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// The file that has just been read.
    pub file: PathBuf,
    pub bytes: u64,
}

/// Verifies every log below a directory; tells of each file it has read.
///
/// # Errors
/// If a directory cannot be listed. What is wrong with a log is in its outcome.
pub fn verify_dir(dir: &Path, progress: &mut dyn FnMut(&Progress)) -> io::Result<Vec<LogVerified>> {
    let dirs = logs_below(dir)?;
    let verify = |dir: &PathBuf| verify_log(&Disk, dir, progress);
    Ok(dirs.iter().map(verify).collect())
}

/// The directories below this one, itself included, that hold a log.
pub(crate) fn logs_below(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut logs = Vec::new();
    let mut below = Vec::new();
    let mut is_log = false;
    for entry in Disk.list(dir)? {
        is_log |= !entry.is_dir && segment::claims_to_be(&entry.name);
        if entry.is_dir {
            below.push(entry.name);
        }
    }
    if is_log {
        logs.push(dir.to_owned());
    }
    below.sort_unstable();
    for name in below {
        logs.extend(logs_below(&dir.join(name))?);
    }
    Ok(logs)
}

/// The bytes that a verification of this directory will read.
///
/// # Errors
/// If a directory cannot be listed or a file not be looked at.
pub fn bytes_to_verify(dir: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in Disk.list(dir)? {
        let path = dir.join(&entry.name);
        if entry.is_dir {
            bytes += bytes_to_verify(&path)?;
        } else if segment::number(&entry.name).is_some() {
            bytes += Disk.open_read_only(&path)?.size()?;
        }
    }
    Ok(bytes)
}

pub(crate) fn verify_log(
    storage: &dyn Storage,
    dir: &Path,
    progress: &mut dyn FnMut(&Progress),
) -> LogVerified {
    let mut verification = Verification {
        storage,
        dir,
        progress,
        log: None,
        incarnation: None,
        at: None,
        unfinished: None,
    };
    let outcome = verification.run();
    LogVerified {
        dir: dir.to_owned(),
        log: verification.log,
        outcome,
        unfinished: verification.unfinished,
    }
}

struct Verification<'a> {
    storage: &'a dyn Storage,
    dir: &'a Path,
    progress: &'a mut dyn FnMut(&Progress),
    log: Option<LogId>,
    incarnation: Option<Uuid>,
    at: Option<Checkpoint>,
    unfinished: Option<Unfinished>,
}

impl Verification<'_> {
    fn run(&mut self) -> Result<Verified, ReadError> {
        let last = self.last_number()?;
        let mut number = 1;
        loop {
            let before = self.at;
            let followed = self.is_begun(number + 1)?;
            let Some(checked) = self.segment(number, followed)? else {
                self.nothing_is_missing(number, last)?;
                break;
            };
            match checked {
                Checked::Closed => number += 1,
                Checked::Open => {
                    let next = self.segment(number + 1, false);
                    let rest = self.only_reserved(number + 2, last);
                    if self.is_begun(number + 1)? {
                        // It was closed while we read it: once more, from where it begins.
                        self.at = before;
                        continue;
                    }
                    if next?.is_none() {
                        self.nothing_is_missing(number + 1, last)?;
                    }
                    rest?;
                    break;
                }
                Checked::Reserved => {
                    let rest = self.only_reserved(number + 1, last);
                    if self.is_begun(number)? {
                        // It was put to use while we read it.
                        self.at = before;
                        continue;
                    }
                    rest?;
                    break;
                }
            }
        }
        self.no_odd_names()?;
        let end = self.at.unwrap_or(Checkpoint {
            position: Position(0),
            hash: Hash([0; 32]),
        });
        Ok(Verified {
            events: end.position.0,
            head: end.hash,
        })
    }

    /// Checks one segment until it is sound or wrong for good; `None` if there is no such file.
    fn segment(&mut self, number: u64, followed: bool) -> Result<Option<Checked>, ReadError> {
        let path = self.dir.join(segment::file_name(number));
        let mut seen: Option<(Damage, u32)> = None;
        loop {
            let Some(bytes) = self.read(&path)? else {
                return Ok(None);
            };
            let read = offset(bytes.len());
            let expected = Expected {
                number,
                followed,
                after: self.at,
                incarnation: self.incarnation,
            };
            match check(&bytes.into(), &expected) {
                Ok(found) => {
                    self.take(found.header.as_ref(), found.at);
                    if found.checked != Checked::Reserved {
                        self.unfinished = found.unfinished.map(|(offset, bytes)| Unfinished {
                            file: path.clone(),
                            offset,
                            bytes,
                        });
                    }
                    (self.progress)(&Progress {
                        file: path,
                        bytes: read,
                    });
                    return Ok(Some(found.checked));
                }
                Err(fault) => {
                    let found = damage(&path, 0, fault);
                    let looks = match seen {
                        Some((before, looks)) if before == found => looks + 1,
                        _ => 1,
                    };
                    if looks == LOOKS {
                        return Err(found.into());
                    }
                    seen = Some((found, looks));
                    thread::sleep(LOOK_AGAIN_AFTER);
                }
            }
        }
    }

    /// After a segment that is only reserved nothing else may stand.
    fn only_reserved(&mut self, from: u64, last: u64) -> Result<(), ReadError> {
        for number in from..=last {
            let begun = self.is_begun(number)?;
            match self.segment(number, false)? {
                Some(Checked::Reserved) if !begun => {}
                Some(_) => {
                    let path = self.dir.join(segment::file_name(number - 1));
                    let what = "the segment is empty, but another one follows it";
                    return Err(damage(&path, 0, Fault::new(0, what)).into());
                }
                None => self.nothing_is_missing(number, last)?,
            }
        }
        Ok(())
    }

    /// A file that ends as segments do is one, or somebody has renamed it.
    fn no_odd_names(&self) -> Result<(), ReadError> {
        let entries = self
            .storage
            .list(self.dir)
            .map_err(|error| unavailable(self.dir, &error))?;
        let odd = |entry: &&Entry| {
            segment::claims_to_be(&entry.name) && segment::number(&entry.name).is_none()
        };
        match entries.iter().find(odd) {
            Some(odd) => {
                let what = "the file is named like no segment, and belongs to no log";
                Err(damage(&self.dir.join(&odd.name), 0, Fault::new(0, what)).into())
            }
            None => Ok(()),
        }
    }

    fn take(&mut self, header: Option<&segment::Header>, at: Option<Checkpoint>) {
        if let Some(header) = header {
            self.log = Some(header.log.clone());
            self.incarnation = Some(header.incarnation);
        }
        self.at = at.or(self.at);
    }

    fn nothing_is_missing(&self, number: u64, last: u64) -> Result<(), ReadError> {
        if number > last {
            return Ok(());
        }
        let path = self.dir.join(segment::file_name(number));
        Err(damage(&path, 0, Fault::new(0, "the segment is missing")).into())
    }

    fn last_number(&self) -> Result<u64, ReadError> {
        let numbers = segment::numbers(self.storage, self.dir)
            .map_err(|error| unavailable(self.dir, &error))?;
        Ok(numbers.last().copied().unwrap_or(0))
    }

    fn is_begun(&self, number: u64) -> Result<bool, ReadError> {
        let path = self.dir.join(segment::file_name(number));
        let mut header = [0; segment::HEADER];
        let begun = match self.storage.open_read_only(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
            Ok(file) => file
                .read_at(&mut header, 0)
                .map(|_| segment::is_begun(&header)),
        };
        begun.map_err(|error| unavailable(&path, &error))
    }

    fn read(&self, path: &Path) -> Result<Option<Vec<u8>>, ReadError> {
        let file = match self.storage.open_read_only(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(|error| unavailable(path, &error))?,
        };
        let bytes = read_whole(&*file).map_err(|error| unavailable(path, &error))?;
        Ok(Some(bytes))
    }
}
