//! A frame: one append as it stands in a segment, valid whole or not at all.
//!
//! ```text
//!   0  magic "LDF1"            36  CRC-32C of the bodies
//!   4  length of the frame     40  chain hash before the frame
//!   8  incarnation             72  chain hash after it
//!  24  first position         104  synced below: every byte before this offset of the segment was
//!  32  count of events             known to be on disk when the frame was written
//!                             112  CRC-32C of the header up to here
//! 116  per event: length (4 bytes), body (CloudEvents JSON)
//!  …   "END\n": written last, so that a frame still being written can be told from a damaged one
//! ```
//!
//! A frame of no events only says that everything before it is on disk; a clean close leaves one.

use bytes::Bytes;
use eventsourcing::{Body, Checkpoint, Envelope, Hash, Position, chain_hash};
use uuid::Uuid;

use crate::bitflip::{self, Flip};
use crate::fields::{array, index, put, short, u32_at, u64_at};

pub(crate) const MAGIC: [u8; 4] = *b"LDF1";
pub(crate) const HEADER: usize = 116;
const END: [u8; 4] = *b"END\n";
const HEADER_CRC: usize = 112;

/// What a frame of these bodies takes in a file.
pub(crate) fn length(bodies: &[Body]) -> usize {
    let bodies: usize = bodies.iter().map(|body| 4 + body.bytes().len()).sum();
    HEADER + bodies + END.len()
}

/// Writes a frame behind what is in `into`; returns the end of the chain after it.
pub(crate) fn write(
    into: &mut Vec<u8>,
    incarnation: Uuid,
    at: Checkpoint,
    synced_below: u64,
    bodies: &[Body],
) -> Checkpoint {
    let start = into.len();
    into.resize(start + HEADER, 0);
    let mut end = at;
    for body in bodies {
        into.extend_from_slice(&short(body.bytes().len()).to_be_bytes());
        into.extend_from_slice(body.bytes());
        let position = end.position.next();
        end = Checkpoint {
            position,
            hash: chain_hash(&end.hash, position, &body.sha256()),
        };
    }
    let bodies_crc = crc32c::crc32c(&into[start + HEADER..]);
    into.extend_from_slice(&END);
    let length = short(into.len() - start);
    let header = &mut into[start..start + HEADER];
    put(header, 0, &MAGIC);
    put(header, 4, &length.to_be_bytes());
    put(header, 8, incarnation.as_bytes());
    put(header, 24, &at.position.next().0.to_be_bytes());
    put(header, 32, &short(bodies.len()).to_be_bytes());
    put(header, 36, &bodies_crc.to_be_bytes());
    put(header, 40, &at.hash.0);
    put(header, 72, &end.hash.0);
    put(header, 104, &synced_below.to_be_bytes());
    let crc = crc32c::crc32c(&header[..HEADER_CRC]);
    put(header, HEADER_CRC, &crc.to_be_bytes());
    end
}

/// The header of a frame whose checksum is right.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Header {
    pub(crate) length: usize,
    pub(crate) incarnation: Uuid,
    pub(crate) first: Position,
    pub(crate) count: u32,
    bodies_crc: u32,
    pub(crate) previous: Hash,
    hash: Hash,
    pub(crate) synced_below: u64,
}

impl Header {
    /// `None` if the bytes do not begin with a sound header.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let header = bytes.get(..HEADER)?;
        let sound = header.starts_with(&MAGIC)
            && crc32c::crc32c(&header[..HEADER_CRC]) == u32_at(header, HEADER_CRC)
            // Positions begin at 1, and every one of the frame is a number.
            && u64_at(header, 24) > 0
            && u64_at(header, 24).checked_add(u32_at(header, 32).into()).is_some();
        sound.then(|| Self {
            length: index(u32_at(header, 4).into()),
            incarnation: Uuid::from_bytes(array(header, 8)),
            first: Position(u64_at(header, 24)),
            count: u32_at(header, 32),
            bodies_crc: u32_at(header, 36),
            previous: Hash(array(header, 40)),
            hash: Hash(array(header, 72)),
            synced_below: u64_at(header, 104),
        })
    }
}

/// What is wrong with a frame. `at` counts from the start of the frame.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(crate) at: usize,
    pub(crate) event: Option<(Position, String)>,
    pub(crate) what: String,
}

impl Fault {
    pub(crate) fn new(at: usize, what: &str) -> Self {
        Self {
            at,
            event: None,
            what: what.to_owned(),
        }
    }
}

/// A sound frame.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) header: Header,
    pub(crate) events: Vec<Event>,
}

/// An event of a frame, its envelope not yet read.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) position: Position,
    pub(crate) hash: Hash,
    pub(crate) body: Body,
}

impl Frame {
    /// Reads the frame at the start of `bytes`, which may go on after it; checks everything a
    /// frame can say about itself: both checksums, its end, and the chain through its events.
    pub(crate) fn read(bytes: &Bytes) -> Result<Self, Fault> {
        let Some(header) = Header::read(bytes) else {
            return Err(header_fault(bytes));
        };
        if header.length < HEADER + END.len() || header.length > bytes.len() {
            return Err(Fault::new(4, "a frame reaches past the end of its segment"));
        }
        let bodies = bytes.slice(HEADER..header.length - END.len());
        if crc32c::crc32c(&bodies) != header.bodies_crc {
            return Err(bodies_fault(&header, &bodies));
        }
        if let Some(wrong) =
            (0..END.len()).find(|at| bytes[header.length - END.len() + at] != END[*at])
        {
            let at = header.length - END.len() + wrong;
            return Err(Fault::new(at, "the end of a frame is wrong"));
        }
        let events = events(&header, &bodies)?;
        let end = events.last().map_or(header.previous, |event| event.hash);
        if end != header.hash {
            let mut fault = Fault::new(72, "the hash of a frame is not that of its events");
            fault.event = name(&header, &bodies, 0);
            return Err(fault);
        }
        Ok(Self { header, events })
    }

    /// The end of the chain after this frame.
    pub(crate) fn end(&self) -> Checkpoint {
        Checkpoint {
            position: Position(self.header.first.0 - 1 + u64::from(self.header.count)),
            hash: self.header.hash,
        }
    }
}

/// Whether a fault leaves a frame that may simply not be finished: its beginning is there, its end
/// is not, and nothing stands after it.
pub(crate) fn is_unfinished(bytes: &[u8]) -> bool {
    let written = bytes
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |at| at + 1);
    match Header::read(bytes) {
        Some(header) => {
            let end = bytes.get(header.length.saturating_sub(END.len())..written);
            written < header.length && end.is_none_or(|end| END.starts_with(end))
        }
        None if written < MAGIC.len() => MAGIC.starts_with(&bytes[..written]),
        None => written < HEADER && bytes.starts_with(&MAGIC),
    }
}

fn events(header: &Header, bodies: &Bytes) -> Result<Vec<Event>, Fault> {
    let mut events = Vec::new();
    let mut at = Checkpoint {
        position: Position(header.first.0 - 1),
        hash: header.previous,
    };
    for (start, end) in spans(bodies) {
        let wrong = |_| Fault::new(HEADER + start, "an event is too large");
        let body = Body::from_bytes(bodies.slice(start..end)).map_err(wrong)?;
        let position = at.position.next();
        let hash = chain_hash(&at.hash, position, &body.sha256());
        at = Checkpoint { position, hash };
        events.push(Event {
            position,
            hash,
            body,
        });
    }
    if events.len() != index(header.count.into()) {
        return Err(Fault::new(
            32,
            "a frame does not hold as many events as it says",
        ));
    }
    Ok(events)
}

/// Where each body starts and ends, as far as the lengths make sense.
fn spans(bodies: &[u8]) -> impl Iterator<Item = (usize, usize)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + 4;
        if start > bodies.len() {
            return None;
        }
        let end = start.checked_add(index(u32_at(bodies, at).into()))?;
        (end <= bodies.len()).then(|| {
            at = end;
            (start, end)
        })
    })
}

fn header_fault(bytes: &[u8]) -> Fault {
    let header = &bytes[..bytes.len().min(HEADER)];
    if header.len() < HEADER {
        return Fault::new(0, "the segment ends within the header of a frame");
    }
    let what = "the header of a frame is wrong";
    match bitflip::find(&header[..HEADER_CRC], u32_at(header, HEADER_CRC)) {
        Some(Flip::Byte(at, _)) => Fault::new(at, what),
        Some(Flip::Checksum(at)) => Fault::new(HEADER_CRC + at, what),
        None => Fault::new(0, what),
    }
}

fn bodies_fault(header: &Header, bodies: &Bytes) -> Fault {
    let what = "the events of a frame are not what was written";
    let mut mended = bodies.to_vec();
    let at = match bitflip::find(bodies, header.bodies_crc) {
        Some(Flip::Byte(at, mask)) => {
            mended[at] ^= mask;
            at
        }
        // Not one flipped bit: all that is known is the frame.
        Some(Flip::Checksum(_)) | None => 0,
    };
    Fault {
        at: HEADER + at,
        event: name(header, &mended, at),
        what: what.to_owned(),
    }
}

/// Position and stream of the event that has the byte `at` of the bodies.
fn name(header: &Header, bodies: &[u8], at: usize) -> Option<(Position, String)> {
    let (position, (start, end)) = (header.first.0..)
        .map(Position)
        .zip(spans(bodies))
        .find(|(_, (_, end))| at < *end)?;
    let stream = match serde_json::from_slice::<Envelope>(&bodies[start..end]) {
        Ok(envelope) => envelope.subject.to_string(),
        Err(_) => "an unreadable event".to_owned(),
    };
    Some((position, stream))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_that_counts_from_zero_or_past_all_numbers_is_refused() {
        let at = Checkpoint {
            position: Position(0),
            hash: Hash::of(b""),
        };
        let mut bytes = Vec::new();
        write(&mut bytes, Uuid::nil(), at, 0, &[]);
        assert!(Frame::read(&bytes.clone().into()).is_ok());
        for (first, count) in [(0, 0), (0, 1), (u64::MAX, 1)] {
            put(&mut bytes, 24, &u64::to_be_bytes(first));
            put(&mut bytes, 32, &u32::to_be_bytes(count));
            let crc = crc32c::crc32c(&bytes[..HEADER_CRC]);
            put(&mut bytes, HEADER_CRC, &crc.to_be_bytes());
            assert!(Frame::read(&bytes.clone().into()).is_err());
        }
    }
}
