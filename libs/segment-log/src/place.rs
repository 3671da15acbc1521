//! A place in a log where a frame stands, and what is said when it is not sound.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use eventsourcing::{Damage, Position, ReadError, Recorded};

use crate::fields::offset;
use crate::frame::{Event, Fault, Frame, Header};
use crate::storage::StoredFile;

/// Most frames are read with one call of this size.
const FIRST_READ: usize = 4096;

/// Where a frame stands.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) file: Arc<dyn StoredFile>,
    pub(crate) path: PathBuf,
    pub(crate) offset: u64,
}

impl Place {
    /// Reads the frame, checking its checksums and its hashes.
    pub(crate) fn read(&self) -> Result<Frame, ReadError> {
        let mut bytes = vec![0; FIRST_READ];
        self.fill(&mut bytes, 0)?;
        if let Some(header) = Header::read(&bytes) {
            bytes.resize(header.length, 0);
            if header.length > FIRST_READ {
                self.fill(&mut bytes[FIRST_READ..], offset(FIRST_READ))?;
            }
        }
        Frame::read(&bytes.into()).map_err(|fault| self.damage(fault).into())
    }

    fn fill(&self, into: &mut [u8], at: u64) -> Result<(), ReadError> {
        self.file
            .read_at(into, self.offset + at)
            .map_err(|error| unavailable(&self.path, &error))?;
        Ok(())
    }

    pub(crate) fn damage(&self, fault: Fault) -> Damage {
        damage(&self.path, self.offset, fault)
    }

    /// The event, with its envelope.
    pub(crate) fn recorded(&self, event: Event) -> Result<Recorded, ReadError> {
        let Event {
            position,
            hash,
            body,
        } = event;
        Recorded::read(position, hash, body).map_err(|error| {
            let what = format!("position {position} is no event: {error}");
            self.damage(Fault::new(0, &what)).into()
        })
    }

    /// Where the next frame stands.
    pub(crate) fn after(&self, frame: &Frame) -> Self {
        Self {
            offset: self.offset + offset(frame.header.length),
            ..self.clone()
        }
    }

    /// What is said if the frame here does not begin where it should.
    pub(crate) fn misplaced(&self, expected: Position) -> Damage {
        let what = format!("the frame here is not the one that holds position {expected}");
        self.damage(Fault::new(24, &what))
    }
}

/// A fault, in words for an operator; `start` is where the faulty thing begins.
pub(crate) fn damage(path: &Path, start: u64, fault: Fault) -> Damage {
    Damage {
        file: path.display().to_string(),
        offset: start + offset(fault.at),
        event: fault.event,
        what: fault.what,
    }
}

pub(crate) fn unavailable(path: &Path, error: &io::Error) -> ReadError {
    ReadError::Unavailable(format!("{}: {error}", path.display()))
}
