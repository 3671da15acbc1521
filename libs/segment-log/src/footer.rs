//! The footer of a closed segment: its index, sorted, so that a lookup is a binary search.
//!
//! ```text
//! streams   key (16), version (8), offset of the frame (8)      one per event
//! requests  request id (16), offset of the frame (8)            one per frame
//! frames    first position (8), offset of the frame (8)         one per frame
//! trailer   magic (8), counts of the three (4 each), CRC-32C of all the rest (4),
//!           end of the frames (8), last position (8), chain hash there (32)
//! ```
//!
//! It stands at the very end of the file; between the frames and it there are zeros.

use bytes::Bytes;
use eventsourcing::{Checkpoint, Hash, Position, Version};
use uuid::Uuid;

use crate::bitflip::{self, Flip};
use crate::fields::{array, first_written, index, put, short, u32_at, u64_at};
use crate::frame::Fault;
use crate::tail::{StreamKey, Tail};

const STREAM: usize = 32;
const REQUEST: usize = 24;
const FRAME: usize = 16;
pub(crate) const TRAILER: usize = 72;
const MAGIC: [u8; 8] = *b"LDFOOT\r\n";
const CRC: usize = 20;

/// How large the footer of a segment with so many frames and events is.
pub(crate) fn length(frames: usize, events: usize) -> usize {
    frames * (REQUEST + FRAME) + events * STREAM + TRAILER
}

/// The footer of a segment whose frames end at `end`, where the chain is at `at`.
pub(crate) fn write(tail: &Tail, end: u64, at: Checkpoint) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(length(tail.frames.len(), tail.streams.len()));
    for ((stream, version), frame) in &tail.streams {
        bytes.extend_from_slice(&stream.0);
        bytes.extend_from_slice(&version.0.to_be_bytes());
        bytes.extend_from_slice(&frame.to_be_bytes());
    }
    for (request, frame) in &tail.requests {
        bytes.extend_from_slice(request.as_bytes());
        bytes.extend_from_slice(&frame.to_be_bytes());
    }
    for (first, frame) in &tail.frames {
        bytes.extend_from_slice(&first.0.to_be_bytes());
        bytes.extend_from_slice(&frame.to_be_bytes());
    }
    let mut trailer = [0; TRAILER];
    put(&mut trailer, 0, &MAGIC);
    put(&mut trailer, 8, &short(tail.streams.len()).to_be_bytes());
    put(&mut trailer, 12, &short(tail.requests.len()).to_be_bytes());
    put(&mut trailer, 16, &short(tail.frames.len()).to_be_bytes());
    put(&mut trailer, 24, &end.to_be_bytes());
    put(&mut trailer, 32, &at.position.0.to_be_bytes());
    put(&mut trailer, 40, &at.hash.0);
    bytes.extend_from_slice(&trailer);
    let crc = crc32c::crc32c(&bytes);
    let crc_at = bytes.len() - TRAILER + CRC;
    put(&mut bytes, crc_at, &crc.to_be_bytes());
    bytes
}

/// A footer whose checksum is right.
#[derive(Debug)]
pub(crate) struct Footer {
    bytes: Bytes,
    streams: usize,
    requests: usize,
    frames: usize,
    /// Where the frames of the segment end.
    pub(crate) end: u64,
    /// The end of the chain there.
    pub(crate) at: Checkpoint,
}

/// How long the footer is whose trailer this is; `None` if it is no trailer.
pub(crate) fn length_in(trailer: &[u8]) -> Option<usize> {
    trailer.starts_with(&MAGIC).then(|| {
        let [streams, requests, frames] = [8, 12, 16].map(|at| index(u32_at(trailer, at).into()));
        streams * STREAM + requests * REQUEST + frames * FRAME + TRAILER
    })
}

impl Footer {
    /// Reads the footer that ends where `segment` ends. Faults count from the start of `segment`.
    ///
    /// `None` if there is none: the segment is not closed.
    pub(crate) fn read(segment: &Bytes) -> Result<Option<Self>, Fault> {
        let what = "the footer of the segment is wrong";
        let trailer_at = segment.len().saturating_sub(TRAILER);
        let trailer = &segment[trailer_at..];
        if first_written(trailer).is_none() {
            return Ok(None);
        }
        let length = length_in(trailer).filter(|length| *length <= segment.len());
        let Some(length) = length else {
            return Err(Fault::new(trailer_at, what));
        };
        let start = segment.len() - length;
        let bytes = segment.slice(start..);
        let crc_at = length - TRAILER + CRC;
        let stored = u32_at(&bytes, crc_at);
        let mut covered = bytes.to_vec();
        put(&mut covered, crc_at, &[0; 4]);
        if crc32c::crc32c(&covered) != stored {
            return Err(match bitflip::find(&covered, stored) {
                Some(Flip::Byte(at, _)) => Fault::new(start + at, what),
                Some(Flip::Checksum(at)) => Fault::new(start + crc_at + at, what),
                None => Fault::new(start, what),
            });
        }
        let trailer = &bytes[length - TRAILER..];
        Ok(Some(Self {
            streams: index(u32_at(trailer, 8).into()),
            requests: index(u32_at(trailer, 12).into()),
            frames: index(u32_at(trailer, 16).into()),
            end: u64_at(trailer, 24),
            at: Checkpoint {
                position: Position(u64_at(trailer, 32)),
                hash: Hash(array(trailer, 40)),
            },
            bytes,
        }))
    }

    /// The version a stream has reached here.
    pub(crate) fn version(&self, stream: StreamKey) -> Option<Version> {
        let last = self.of_stream(stream, Version(0)).last()?;
        Some(Version(u64_at(last, 16)))
    }

    /// The frames that hold a stream's events from a version on, in order.
    pub(crate) fn stream(&self, stream: StreamKey, from: Version) -> Vec<u64> {
        let entries = self.of_stream(stream, from);
        let mut frames: Vec<u64> = entries.map(|entry| u64_at(entry, 24)).collect();
        frames.dedup();
        frames
    }

    /// The frames that a request made.
    pub(crate) fn request(&self, request: Uuid) -> Vec<u64> {
        let key = request.as_bytes();
        from(self.requests(), REQUEST, key)
            .take_while(|entry| entry.starts_with(key))
            .map(|entry| u64_at(entry, 16))
            .collect()
    }

    /// The frame that holds a position of this segment.
    pub(crate) fn frame_of(&self, position: Position) -> Option<u64> {
        let frames = self.frames();
        let after = from(frames, FRAME, &position.next().0.to_be_bytes()).len();
        let at = frames.len() / FRAME - after;
        Some(u64_at(frames, at.checked_sub(1)? * FRAME + 8))
    }

    /// Every key that can be looked up here, streams then requests.
    pub(crate) fn keys(&self) -> impl Iterator<Item = [u8; 16]> {
        let streams = self.streams().chunks_exact(STREAM);
        let requests = self.requests().chunks_exact(REQUEST);
        streams.chain(requests).map(|entry| array(entry, 0))
    }

    fn of_stream(&self, stream: StreamKey, first: Version) -> impl Iterator<Item = &[u8]> {
        let mut key = [0; 24];
        put(&mut key, 0, &stream.0);
        put(&mut key, 16, &first.0.to_be_bytes());
        from(self.streams(), STREAM, &key).take_while(move |entry| entry.starts_with(&stream.0))
    }

    fn streams(&self) -> &[u8] {
        &self.bytes[..self.streams * STREAM]
    }

    fn requests(&self) -> &[u8] {
        let start = self.streams * STREAM;
        &self.bytes[start..start + self.requests * REQUEST]
    }

    fn frames(&self) -> &[u8] {
        let start = self.streams * STREAM + self.requests * REQUEST;
        &self.bytes[start..start + self.frames * FRAME]
    }
}

/// The entries of a sorted section from the first one on that is not below `key`.
fn from<'a>(section: &'a [u8], width: usize, key: &[u8]) -> std::slice::ChunksExact<'a, u8> {
    let (mut low, mut high) = (0, section.len() / width);
    while low < high {
        let middle = usize::midpoint(low, high);
        if section[middle * width..][..key.len()] < *key {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    section[low * width..].chunks_exact(width)
}
