//! The index of a segment that is still written to, in memory, sorted as its footer will be.

use std::collections::{BTreeMap, BTreeSet};

use eventsourcing::{Hash, Position, StreamId, Version};
use uuid::Uuid;

/// A stream's name at a fixed width: the first half of its SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct StreamKey(pub(crate) [u8; 16]);

impl StreamKey {
    pub(crate) fn of(stream: &StreamId) -> Self {
        let hash = Hash::of(stream.to_string().as_bytes());
        Self(crate::fields::array(&hash.0, 0))
    }
}

/// Where in one segment everything stands. Offsets are those of frames.
#[derive(Debug, Default, Clone)]
pub(crate) struct Tail {
    pub(crate) streams: BTreeMap<(StreamKey, Version), u64>,
    pub(crate) requests: BTreeSet<(Uuid, u64)>,
    pub(crate) frames: BTreeMap<Position, u64>,
}

impl Tail {
    /// Takes in the frame at `offset`.
    pub(crate) fn insert(
        &mut self,
        offset: u64,
        first: Position,
        request: Uuid,
        streams: impl IntoIterator<Item = (StreamKey, Version)>,
    ) {
        self.frames.insert(first, offset);
        self.requests.insert((request, offset));
        for event in streams {
            self.streams.insert(event, offset);
        }
    }

    pub(crate) fn extend(&mut self, later: Self) {
        self.streams.extend(later.streams);
        self.requests.extend(later.requests);
        self.frames.extend(later.frames);
    }

    /// Every key that can be looked up here.
    pub(crate) fn keys(&self) -> impl Iterator<Item = [u8; 16]> {
        let streams = self.streams.keys().map(|(stream, _)| stream.0);
        let requests = self
            .requests
            .iter()
            .map(|(request, _)| request.into_bytes());
        streams.chain(requests)
    }

    /// The version a stream has reached here.
    pub(crate) fn version(&self, stream: StreamKey) -> Option<Version> {
        let all = (stream, Version(0))..=(stream, Version(u64::MAX));
        let last = self.streams.range(all).next_back();
        last.map(|((_, version), _)| *version)
    }

    /// The frames that hold a stream's events from a version on, in order.
    pub(crate) fn stream(&self, stream: StreamKey, from: Version) -> Vec<u64> {
        let wanted = (stream, from)..=(stream, Version(u64::MAX));
        let mut frames: Vec<u64> = self.streams.range(wanted).map(|(_, at)| *at).collect();
        frames.dedup();
        frames
    }

    /// The frames that a request made.
    pub(crate) fn request(&self, request: Uuid) -> Vec<u64> {
        let frames = self.requests.range((request, 0)..=(request, u64::MAX));
        frames.map(|(_, at)| *at).collect()
    }

    /// The frame that holds a position of this segment.
    pub(crate) fn frame_of(&self, position: Position) -> Option<u64> {
        let frame = self.frames.range(..=position).next_back();
        frame.map(|(_, at)| *at)
    }
}
