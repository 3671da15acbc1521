//! A segment: one file of a log. A header, frames, and, once closed, a footer at its very end.
//!
//! A segment is as large from the start as it will ever be: its space is reserved, as zeros, before
//! it is needed. A segment that is only reserved is all zeros, its header too.

use std::io;
use std::path::Path;

use bytes::Bytes;
use eventsourcing::{Checkpoint, Hash, LogId, Position};
use jiff::Timestamp;
use uuid::Uuid;

use crate::bitflip::{self, Flip};
use crate::fields::{array, first_written, index, offset, put, u32_at, u64_at};
use crate::frame::{self, Fault, Frame};
use crate::storage::Storage;
use crate::tail::{StreamKey, Tail};

pub(crate) const HEADER: usize = 256;
const MAGIC: [u8; 8] = *b"LDSEG\r\n\0";
const FORMAT: u32 = 1;
const HEADER_CRC: usize = 252;
const LOG_ID: usize = 88;

/// The name of a segment's file.
pub(crate) fn file_name(number: u64) -> String {
    format!("{number:010}.seg")
}

/// The number in the name of a segment's file; `None` if it is not one.
pub(crate) fn number(file_name: &str) -> Option<u64> {
    let digits = file_name.strip_suffix(".seg")?;
    (digits.len() == 10).then(|| digits.parse().ok())?
}

/// Whether a file is named as segments are, with a number or without.
pub(crate) fn claims_to_be(file_name: &str) -> bool {
    file_name.strip_suffix(".seg").is_some()
}

/// The numbers of the segments in a directory, in order.
pub(crate) fn numbers(storage: &dyn Storage, dir: &Path) -> io::Result<Vec<u64>> {
    let entries = storage.list(dir)?;
    let mut numbers: Vec<u64> = entries
        .iter()
        .filter_map(|entry| number(&entry.name))
        .collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// The first bytes of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) log: LogId,
    pub(crate) number: u64,
    /// The size of the file.
    pub(crate) capacity: u64,
    pub(crate) incarnation: Uuid,
    /// The end of the log before this segment.
    pub(crate) after: Checkpoint,
}

impl Header {
    pub(crate) fn write(&self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        let log = self.log.to_string();
        put(&mut bytes, 0, &MAGIC);
        put(&mut bytes, 8, &FORMAT.to_be_bytes());
        put(&mut bytes, 16, &self.number.to_be_bytes());
        put(&mut bytes, 24, &self.capacity.to_be_bytes());
        put(&mut bytes, 32, self.incarnation.as_bytes());
        put(&mut bytes, 48, &self.after.position.next().0.to_be_bytes());
        put(&mut bytes, 56, &self.after.hash.0);
        put(&mut bytes, LOG_ID, log.as_bytes());
        let crc = crc32c::crc32c(&bytes[..HEADER_CRC]);
        put(&mut bytes, HEADER_CRC, &crc.to_be_bytes());
        bytes
    }

    /// Whether a log of this name can be named in a header.
    pub(crate) fn has_room_for(log: &LogId) -> bool {
        log.to_string().len() <= HEADER_CRC - LOG_ID
    }

    /// Reads the header of a segment that has one (see [`is_reserved`]).
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Fault> {
        let Some(bytes) = bytes.get(..HEADER) else {
            return Err(Fault::new(bytes.len(), "the file ends within its header"));
        };
        let what = "the header of the segment is wrong";
        match bitflip::find(&bytes[..HEADER_CRC], u32_at(bytes, HEADER_CRC)) {
            Some(Flip::Byte(at, _)) => return Err(Fault::new(at, what)),
            Some(Flip::Checksum(at)) => return Err(Fault::new(HEADER_CRC + at, what)),
            None => {}
        }
        if crc32c::crc32c(&bytes[..HEADER_CRC]) != u32_at(bytes, HEADER_CRC)
            || !bytes.starts_with(&MAGIC)
        {
            // Where only space was reserved, the first byte that is not zero is the wrong one.
            let at = first_written(bytes).unwrap_or(0);
            return Err(Fault::new(at, what));
        }
        if u32_at(bytes, 8) != FORMAT {
            return Err(Fault::new(
                8,
                "the segment has a format this program does not know",
            ));
        }
        let Some(before) = u64_at(bytes, 48).checked_sub(1) else {
            return Err(Fault::new(48, "positions begin at 1"));
        };
        let log = bytes[LOG_ID..HEADER_CRC].split(|byte| *byte == 0).next();
        let log = log.and_then(|name| std::str::from_utf8(name).ok()?.parse().ok());
        Ok(Self {
            log: log.ok_or_else(|| Fault::new(LOG_ID, "the segment names no log"))?,
            number: u64_at(bytes, 16),
            capacity: u64_at(bytes, 24),
            incarnation: Uuid::from_bytes(array(bytes, 32)),
            after: Checkpoint {
                position: Position(before),
                hash: Hash(array(bytes, 56)),
            },
        })
    }
}

/// Whether a segment's space is reserved but not in use.
pub(crate) fn is_reserved(bytes: &[u8]) -> bool {
    first_written(&bytes[..bytes.len().min(HEADER)]).is_none()
}

/// What the frames of a segment hold, up to the first that is not sound.
pub(crate) struct Scan {
    pub(crate) tail: Tail,
    /// Where the last sound frame ends.
    pub(crate) end: u64,
    /// Below this everything was on disk, as the sound frames say; 0 if there are none.
    pub(crate) synced: u64,
    /// The end of the chain there.
    pub(crate) at: Checkpoint,
    pub(crate) recorded_at: Option<Timestamp>,
    pub(crate) fault: Option<ScanFault>,
}

pub(crate) enum ScanFault {
    /// Bytes that are no sound frame, as a write leaves them that did not finish.
    Unsound(Fault),
    /// A sound frame that does not continue the chain: no crash does that.
    Foreign(Fault),
}

/// Reads the frames of a segment; `until` is where its footer starts, or its end.
pub(crate) fn scan(bytes: &Bytes, header: &Header, until: usize) -> Scan {
    let mut scan = Scan {
        tail: Tail::default(),
        end: offset(HEADER),
        synced: 0,
        at: header.after,
        recorded_at: None,
        fault: None,
    };
    while scan.fault.is_none() {
        let rest = bytes.slice(index(scan.end)..until);
        let magic = &rest[..rest.len().min(frame::MAGIC.len())];
        if first_written(magic).is_none() {
            scan.fault = first_written(&rest).map(|at| {
                let lost = vouched(bytes, scan.end, header.incarnation) > scan.end;
                ScanFault::Unsound(if lost {
                    Fault::new(0, "a frame is gone")
                } else {
                    Fault::new(
                        at,
                        "bytes that belong to nothing stand after the last frame",
                    )
                })
            });
            break;
        }
        match Frame::read(&rest) {
            Ok(frame) => scan.fault = scan_frame(&mut scan, header, &frame).map(ScanFault::Foreign),
            Err(fault) => scan.fault = Some(ScanFault::Unsound(fault)),
        }
    }
    scan
}

fn scan_frame(scan: &mut Scan, segment: &Header, frame: &Frame) -> Option<Fault> {
    let header = &frame.header;
    if header.incarnation != segment.incarnation {
        return Some(Fault::new(
            8,
            "a frame is of another incarnation of the log",
        ));
    }
    if header.first != scan.at.position.next() || header.previous != scan.at.hash {
        return Some(Fault::new(
            24,
            "a frame does not continue the one before it",
        ));
    }
    let mut envelopes = Vec::new();
    for event in &frame.events {
        match serde_json::from_slice::<eventsourcing::Envelope>(event.body.bytes()) {
            Ok(envelope) => envelopes.push(envelope),
            Err(error) => {
                let what = format!("position {} is no event: {error}", event.position);
                return Some(Fault::new(frame::HEADER, &what));
            }
        }
    }
    if let Some(last) = envelopes.last() {
        let streams = envelopes
            .iter()
            .map(|envelope| (StreamKey::of(&envelope.subject), envelope.version));
        scan.tail
            .insert(scan.end, header.first, last.requestid, streams);
        scan.recorded_at = Some(last.recordedtime);
    }
    scan.end += offset(header.length);
    scan.synced = header.synced_below;
    scan.at = frame.end();
    None
}

/// The offset below which everything was known to be on disk, as the sound frames after `from` say.
pub(crate) fn vouched(bytes: &[u8], from: u64, incarnation: Uuid) -> u64 {
    let from = index(from).min(bytes.len());
    bytes[from..]
        .windows(frame::MAGIC.len())
        .enumerate()
        .filter(|(_, window)| *window == frame::MAGIC)
        .filter_map(|(at, _)| frame::Header::read(&bytes[from + at..]))
        .filter(|header| header.incarnation == incarnation)
        .map(|header| header.synced_below)
        .max()
        .unwrap_or(0)
}

/// Whether a segment has a sound header: it is in use.
pub(crate) fn is_begun(bytes: &[u8]) -> bool {
    Header::read(bytes).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_that_counts_from_zero_is_refused() {
        let log: LogId = "310000.referral".parse().unwrap();
        let header = Header {
            number: 1,
            capacity: 4096,
            incarnation: Uuid::nil(),
            after: Checkpoint::start(&log),
            log,
        };
        let mut bytes = header.write();
        assert_eq!(Header::read(&bytes).unwrap(), header);
        put(&mut bytes, 48, &0_u64.to_be_bytes());
        let crc = crc32c::crc32c(&bytes[..HEADER_CRC]);
        put(&mut bytes, HEADER_CRC, &crc.to_be_bytes());
        assert_eq!(Header::read(&bytes).unwrap_err().at, 48);
    }
}
