//! Writes segments: reserves their space ahead, fills the last one, closes it, begins the next.

use std::io::{self, ErrorKind};
use std::sync::Arc;

use eventsourcing::{Checkpoint, LogId};
use uuid::Uuid;

use crate::closed::Files;
use crate::fields::{index, offset};
use crate::footer;
use crate::frame;
use crate::segment::{self, Header};
use crate::storage::StoredFile;
use crate::tail::Tail;

/// Space is reserved in pieces of this size.
const PIECE: usize = 1 << 20;

/// The segment that is written to.
pub(crate) struct Writer {
    pub(crate) header: Header,
    pub(crate) file: Arc<dyn StoredFile>,
    /// Where the next frame goes.
    pub(crate) end: u64,
    /// Below this everything is on disk.
    pub(crate) synced: u64,
    /// What the footer will have to index.
    pub(crate) frames: usize,
    pub(crate) events: usize,
    /// The segment after this one, its space reserved; `None` until then.
    pub(crate) next: Option<Reserved>,
}

/// A segment of zeros.
pub(crate) struct Reserved {
    file: Arc<dyn StoredFile>,
    /// So far its zeros were written here, by us.
    size: u64,
    /// Whether its zeros and its name are known to be on disk.
    synced: bool,
}

impl Reserved {
    /// Makes the file of segment `number`, or takes up the one that is there.
    pub(crate) fn open(files: &Files, number: u64) -> io::Result<Self> {
        let path = files.path(number);
        let file = match files.storage.create(&path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => files.storage.open(&path)?,
            created => created?,
        };
        Ok(Self {
            file,
            size: 0,
            synced: false,
        })
    }

    /// Fills the file with zeros up to `size`, all of it in any case; if the disk is full, what fits
    /// stays reserved. What was there before is written again: its sync may have failed.
    pub(crate) fn grow(&mut self, files: &Files, size: u64) -> io::Result<()> {
        let size = size.max(self.file.size()?);
        let zeros = vec![0; PIECE.min(index(size - self.size))];
        while self.size < size {
            self.synced = false;
            let piece = zeros.len().min(index(size - self.size));
            self.file.write_at(&zeros[..piece], self.size)?;
            self.size += offset(piece);
        }
        if !self.synced {
            self.file.sync()?;
            files.storage.sync_dir(&files.dir)?;
            self.synced = true;
        }
        Ok(())
    }

    /// Puts the segment to use: from now on it has a header.
    pub(crate) fn begin(
        self,
        log: &LogId,
        number: u64,
        incarnation: Uuid,
        after: Checkpoint,
    ) -> io::Result<Writer> {
        let header = Header {
            log: log.clone(),
            number,
            capacity: self.size,
            incarnation,
            after,
        };
        self.file.write_at(&header.write(), 0)?;
        self.file.sync()?;
        Ok(Writer {
            header,
            file: self.file,
            end: offset(segment::HEADER),
            synced: offset(segment::HEADER),
            frames: 0,
            events: 0,
            next: None,
        })
    }
}

/// The size of a segment that has to take at least one frame of this length.
pub(crate) fn size_for(segment_bytes: u64, frame: usize, events: usize) -> u64 {
    let least = segment::HEADER + frame + footer::length(1, events);
    segment_bytes.max(offset(least))
}

impl Writer {
    /// Whether a frame fits, and then still the footer.
    pub(crate) fn has_room(&self, frame: usize, events: usize) -> bool {
        let footer = footer::length(self.frames + 1, self.events + events);
        self.end + offset(frame + footer) <= self.header.capacity
    }

    /// Counts a frame that will be written at the end.
    pub(crate) fn place(&mut self, frame: usize, events: usize) -> u64 {
        let at = self.end;
        self.end += offset(frame);
        self.frames += 1;
        self.events += events;
        at
    }

    /// Writes the frames that were placed, and waits until they are on disk.
    pub(crate) fn write(&mut self, frames: &[u8]) -> io::Result<()> {
        self.file.write_at(frames, self.synced)?;
        self.file.sync()?;
        self.synced = self.end;
        Ok(())
    }

    /// Has the next segment's space reserved, at least `size` bytes.
    pub(crate) fn reserve(&mut self, files: &Files, size: u64) -> io::Result<()> {
        if self.next.is_none() {
            self.next = Some(Reserved::open(files, self.header.number + 1)?);
        }
        let next = self.next.as_mut().expect("it was set above");
        next.grow(files, size)
    }

    /// Whether the next segment will be needed before long and is not there.
    pub(crate) fn should_reserve(&self, size: u64) -> bool {
        let reserved = self.next.as_ref().map_or(0, |next| next.size);
        reserved < size && self.end > self.header.capacity / 2
    }

    /// Ends the segment with its footer.
    pub(crate) fn close(&self, tail: &Tail, at: Checkpoint) -> io::Result<()> {
        let footer = footer::write(tail, self.end, at);
        let start = self.header.capacity - offset(footer.len());
        self.file.write_at(&footer, start)?;
        self.file.sync()
    }

    /// Leaves a mark that everything so far is on disk, if there is room for it.
    pub(crate) fn mark_synced(&mut self, at: Checkpoint) -> io::Result<()> {
        let mut mark = Vec::new();
        frame::write(&mut mark, self.header.incarnation, at, self.synced, &[]);
        if self.end == offset(segment::HEADER) || !self.has_room(mark.len(), 0) {
            return Ok(());
        }
        self.end += offset(mark.len());
        self.write(&mark)
    }
}
