//! The end of a log as its files have it: read without a lock, beside a running service.
//!
//! Only the last segments are read. What stands before them is a matter of verification.

use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use eventsourcing::{Head, LogId, ReadError};

use crate::fields::index;
use crate::footer::Footer;
use crate::place::{damage, unavailable};
use crate::segment::{self, Header, Scan};
use crate::storage::{Disk, Storage, read_whole};
use crate::verify::logs_below;

/// Where the log in one directory ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogHead {
    pub dir: PathBuf,
    /// The log and its end; `None` if it has only reserved space yet.
    pub outcome: Result<Option<(LogId, Head)>, ReadError>,
}

/// The ends of all logs below a directory.
///
/// # Errors
/// If a directory cannot be listed. What is wrong with a log is in its outcome.
pub fn heads_below(dir: &Path) -> io::Result<Vec<LogHead>> {
    let dirs = logs_below(dir)?;
    let head = |dir: PathBuf| LogHead {
        outcome: read_head(&dir),
        dir,
    };
    Ok(dirs.into_iter().map(head).collect())
}

fn read_head(dir: &Path) -> Result<Option<(LogId, Head)>, ReadError> {
    let numbers = segment::numbers(&Disk, dir).map_err(|error| unavailable(dir, &error))?;
    let mut found: Option<(LogId, Head)> = None;
    for number in numbers.into_iter().rev() {
        let Some((header, scan)) = read_segment(dir, number)? else {
            continue;
        };
        let (_, head) = found.get_or_insert_with(|| {
            let head = Head {
                position: scan.at.position,
                hash: scan.at.hash,
                recorded_at: None,
            };
            (header.log.clone(), head)
        });
        // A segment that has just begun holds no event: the one before it knows the time.
        head.recorded_at = scan.recorded_at;
        if head.recorded_at.is_some() {
            break;
        }
    }
    Ok(found)
}

/// What a segment holds up to the first byte that is not sound; `None` if it is only reserved.
fn read_segment(dir: &Path, number: u64) -> Result<Option<(Header, Scan)>, ReadError> {
    let path = dir.join(segment::file_name(number));
    let read = || read_whole(&*Disk.open_read_only(&path)?);
    let bytes = Bytes::from(read().map_err(|error| unavailable(&path, &error))?);
    if segment::is_reserved(&bytes) {
        return Ok(None);
    }
    let header = Header::read(&bytes).map_err(|fault| damage(&path, 0, fault))?;
    let until = match Footer::read(&bytes) {
        Ok(Some(footer)) => index(footer.end).clamp(segment::HEADER, bytes.len()),
        Ok(None) | Err(_) => bytes.len(),
    };
    let scan = segment::scan(&bytes, &header, until);
    Ok(Some((header, scan)))
}
