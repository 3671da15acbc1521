//! Opening a log: which segments there are, what a crash left at the end, and whether to serve at all.
//!
//! Closed segments are taken by their footers; the last one is read frame by frame. What is wrong
//! below an offset that a later frame vouches for was on disk once: corruption, refused. What is
//! wrong above it is a write that did not finish: kept in a file beside the segment, and reported.

use std::io;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use eventsourcing::{Checkpoint, Damage, Head, LogId, Position, ReadError};
use uuid::Uuid;

use crate::closed::{Closed, Files, read_footer};
use crate::fields::{index, offset};
use crate::footer::Footer;
use crate::frame::Fault;
use crate::open::OpenError;
use crate::place::damage;
use crate::segment::{self, Header, Scan, ScanFault};
use crate::shared::{Active, Index};
use crate::storage::{StoredFile, read_whole};
use crate::tail::Tail;
use crate::torn::{Torn, set_aside};
use crate::writer::{Reserved, Writer};

/// A log as it was found, and mended where a crash had left it unfinished.
pub(crate) struct Recovered {
    pub(crate) index: Index,
    pub(crate) writer: Writer,
    pub(crate) head: Head,
    pub(crate) torn: Vec<Torn>,
}

/// Reads the directory of a log; begins one if there is none.
pub(crate) fn recover(files: &Files, log: &LogId, size: u64) -> Result<Recovered, OpenError> {
    let mut recovery = Recovery {
        files,
        log,
        size,
        incarnation: Uuid::new_v4(),
        at: Checkpoint::start(log),
        closed: Vec::new(),
        torn: Vec::new(),
    };
    let mut last: Option<Header> = None;
    let mut reserved = None;
    for number in numbers(files)? {
        match (recovery.segment(number)?, reserved) {
            (Found::Reserved, _) => reserved = Some(number),
            (Found::Begun(_), Some(empty)) => {
                let what = "the segment is empty, but another one follows it";
                return Err(damage(&files.path(empty), 0, Fault::new(0, what)).into());
            }
            (Found::Begun(header), None) => {
                if let Some(before) = last.replace(header) {
                    recovery.close(&before)?;
                }
            }
        }
    }
    recovery.finish(last)
}

/// The numbers of the segments, from 1 without a hole.
fn numbers(files: &Files) -> Result<Vec<u64>, OpenError> {
    let numbers =
        segment::numbers(&*files.storage, &files.dir).map_err(|error| failed(&files.dir, error))?;
    let hole = (1..)
        .zip(&numbers)
        .find(|(expected, found)| expected != *found);
    match hole {
        Some((missing, _)) => {
            let fault = Fault::new(0, "the segment is missing");
            Err(damage(&files.path(missing), 0, fault).into())
        }
        None => Ok(numbers),
    }
}

enum Found {
    Reserved,
    Begun(Header),
}

struct Recovery<'a> {
    files: &'a Files,
    log: &'a LogId,
    size: u64,
    incarnation: Uuid,
    /// The end of the log as far as it has been read.
    at: Checkpoint,
    closed: Vec<Closed>,
    torn: Vec<Torn>,
}

impl Recovery<'_> {
    /// Looks at the beginning of a segment.
    fn segment(&mut self, number: u64) -> Result<Found, OpenError> {
        let path = self.files.path(number);
        let file = self.open(number)?;
        let size = file.size().map_err(|error| failed(&path, error))?;
        let mut bytes = vec![0; segment::HEADER.min(index(size))];
        file.read_at(&mut bytes, 0)
            .map_err(|error| failed(&path, error))?;
        if segment::is_reserved(&bytes) {
            return self.reserved(number, &*file);
        }
        match Header::read(&bytes) {
            Ok(header) => self.check(header, size).map(Found::Begun),
            Err(fault) => self.torn_header(number, &*file, fault),
        }
    }

    fn check(&self, header: Header, size: u64) -> Result<Header, OpenError> {
        let path = self.files.path(header.number);
        if header.log != *self.log {
            return Err(OpenError::OtherLog {
                dir: self.files.dir.clone(),
                found: header.log,
            });
        }
        if size < header.capacity {
            let what = "the file is shorter than the space that was reserved for it";
            return Err(damage(&path, size, Fault::new(0, what)).into());
        }
        Ok(header)
    }

    /// A header that is wrong was never finished if nothing was ever written after it.
    fn torn_header(
        &mut self,
        number: u64,
        file: &dyn StoredFile,
        fault: Fault,
    ) -> Result<Found, OpenError> {
        let path = self.files.path(number);
        let bytes = read_whole(file).map_err(|error| failed(&path, error))?;
        let written = bytes.iter().rposition(|byte| *byte != 0);
        if written.is_some_and(|at| at >= segment::HEADER) {
            return Err(damage(&path, 0, fault).into());
        }
        self.torn
            .push(set_aside(self.files, &path, file, &bytes, 0)?);
        Ok(Found::Reserved)
    }

    /// Space that is only reserved must be zero, or it would be taken for frames later.
    fn reserved(&self, number: u64, file: &dyn StoredFile) -> Result<Found, OpenError> {
        let path = self.files.path(number);
        let bytes = read_whole(file).map_err(|error| failed(&path, error))?;
        match bytes.iter().position(|byte| *byte != 0) {
            None => Ok(Found::Reserved),
            Some(at) => {
                let what = "the segment has no header but is not empty";
                Err(damage(&path, offset(at), Fault::new(0, what)).into())
            }
        }
    }

    /// Takes in a segment that another one follows: its footer must be sound.
    fn close(&mut self, header: &Header) -> Result<(), OpenError> {
        let path = self.files.path(header.number);
        let file = self.open(header.number)?;
        let footer = read_footer(&*file)
            .map_err(|error| failed(&path, error))?
            .and_then(|found| found.ok_or_else(|| Fault::new(0, "the footer is gone")))
            .map_err(|fault| damage(&path, 0, fault))?;
        self.follow(header, &footer)
    }

    fn follow(&mut self, header: &Header, footer: &Footer) -> Result<(), OpenError> {
        self.continues(header)?;
        self.incarnation = header.incarnation;
        self.at = footer.at;
        self.closed.push(Closed::new(
            header.number,
            footer.at.position,
            footer.keys(),
        ));
        Ok(())
    }

    fn continues(&self, header: &Header) -> Result<(), OpenError> {
        let other = !self.closed.is_empty() && header.incarnation != self.incarnation;
        if header.after == self.at && !other {
            return Ok(());
        }
        let path = self.files.path(header.number);
        let what = "the segment does not continue the one before it";
        Err(damage(&path, 0, Fault::new(48, what)).into())
    }

    /// Takes in the last segment, mends what a crash left, and gets ready to write.
    fn finish(mut self, last: Option<Header>) -> Result<Recovered, OpenError> {
        let Some(header) = last else {
            return self.begin(1);
        };
        let path = self.files.path(header.number);
        let file = self.open(header.number)?;
        let bytes = Bytes::from(read_whole(&*file).map_err(|error| failed(&path, error))?);
        if let Ok(Some(footer)) = Footer::read(&bytes) {
            // It was closed, but the next one has no header yet.
            self.follow(&header, &footer)?;
            write_again(&*file, &bytes, footer.end).map_err(|error| failed(&path, error))?;
            return self.begin(header.number + 1);
        }
        self.continues(&header)?;
        let mut scan = segment::scan(&bytes, &header, bytes.len());
        self.mend(&header, &*file, &bytes, &mut scan)?;
        let found = bytes.slice(..index(scan.end));
        write_again(&*file, &found, scan.synced).map_err(|error| failed(&path, error))?;
        self.resume(header, file, scan)
    }

    /// Refuses damage, sets aside what a write left that did not finish.
    fn mend(
        &mut self,
        header: &Header,
        file: &dyn StoredFile,
        bytes: &Bytes,
        scan: &mut Scan,
    ) -> Result<(), OpenError> {
        let path = self.files.path(header.number);
        let vouched = segment::vouched(bytes, scan.end, header.incarnation);
        match scan.fault.take() {
            None => Ok(()),
            Some(ScanFault::Unsound(_)) if vouched <= scan.end => {
                let torn = set_aside(self.files, &path, file, bytes, scan.end)?;
                self.torn.push(torn);
                Ok(())
            }
            Some(ScanFault::Unsound(fault) | ScanFault::Foreign(fault)) => {
                Err(damage(&path, scan.end, fault).into())
            }
        }
    }

    fn resume(
        self,
        header: Header,
        file: Arc<dyn StoredFile>,
        scan: Scan,
    ) -> Result<Recovered, OpenError> {
        let head = Head {
            position: scan.at.position,
            hash: scan.at.hash,
            recorded_at: scan.recorded_at,
        };
        let writer = Writer {
            file,
            end: scan.end,
            synced: scan.end,
            frames: scan.tail.frames.len(),
            events: scan.tail.streams.len(),
            next: None,
            header,
        };
        self.recovered(writer, scan.tail, head)
    }

    /// Begins a segment after the last closed one.
    fn begin(self, number: u64) -> Result<Recovered, OpenError> {
        let path = self.files.path(number);
        let begin = || {
            let mut reserved = Reserved::open(self.files, number)?;
            reserved.grow(self.files, self.size)?;
            reserved.begin(self.log, number, self.incarnation, self.at)
        };
        let writer = begin().map_err(|error| failed(&path, error))?;
        let head = Head {
            position: self.at.position,
            hash: self.at.hash,
            recorded_at: None,
        };
        self.recovered(writer, Tail::default(), head)
    }

    fn recovered(self, writer: Writer, tail: Tail, mut head: Head) -> Result<Recovered, OpenError> {
        // The last event may stand before segments that were closed without any.
        let holds_last = |closed: &&Closed| closed.last == head.position;
        if let (None, Some(closed)) = (head.recorded_at, self.closed.iter().find(holds_last))
            && head.position > Position(0)
        {
            head.recorded_at = Some(last_recorded(self.files, closed.number)?);
        }
        let active = Active {
            number: writer.header.number,
            file: Arc::clone(&writer.file),
            tail,
        };
        Ok(Recovered {
            index: Index {
                closed: self.closed,
                active,
            },
            writer,
            head,
            torn: self.torn,
        })
    }

    fn open(&self, number: u64) -> Result<Arc<dyn StoredFile>, OpenError> {
        let path = self.files.path(number);
        let opened = self.files.storage.open(&path);
        opened.map_err(|error| failed(&path, error))
    }
}

/// Makes sure that what is served from here on is on disk: whoever wrote it may have been killed
/// before its sync, or its sync may have failed, after which Linux takes the pages for written.
fn write_again(file: &dyn StoredFile, bytes: &[u8], from: u64) -> io::Result<()> {
    let unsure = bytes.get(index(from)..).unwrap_or_default();
    file.write_at(unsure, from)?;
    file.sync()
}

/// When the last event of a closed segment was recorded.
fn last_recorded(files: &Files, number: u64) -> Result<jiff::Timestamp, ReadError> {
    let segment = files.open(number)?;
    let nothing = || ReadError::Unavailable(format!("segment {number} holds no event"));
    let frame = segment.footer.frame_of(segment.footer.at.position);
    let place = segment.place(frame.ok_or_else(nothing)?);
    let last = place.read()?.events.pop().ok_or_else(nothing)?;
    Ok(place.recorded(last)?.envelope.recordedtime)
}

pub(crate) fn failed(path: &Path, error: io::Error) -> OpenError {
    OpenError::Storage {
        path: path.to_owned(),
        source: error,
    }
}

impl From<Damage> for OpenError {
    fn from(damage: Damage) -> Self {
        Self::Damaged(damage)
    }
}
