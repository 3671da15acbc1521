//! What the committer writes and everybody reads: the index of the log, and where to look things up.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard};

use eventsourcing::{Checkpoint, Head, LogId, Position, ReadError, Recorded, StreamId, Version};
use tokio::sync::watch;
use uuid::Uuid;

use crate::closed::{Closed, Files};
use crate::place::Place;
use crate::queue::Queue;
use crate::storage::StoredFile;
use crate::tail::{StreamKey, Tail};

pub(crate) struct Shared {
    pub(crate) id: LogId,
    pub(crate) files: Files,
    pub(crate) queue: Queue,
    pub(crate) head: watch::Sender<Head>,
    /// Why the log takes no more writes, once it does not.
    pub(crate) poison: watch::Sender<Option<String>>,
    pub(crate) counters: Counters,
    index: RwLock<Index>,
}

/// Everything that is durable, and where it stands.
pub(crate) struct Index {
    pub(crate) closed: Vec<Closed>,
    pub(crate) active: Active,
}

/// The segment that is written to, as far as it is durable.
pub(crate) struct Active {
    pub(crate) number: u64,
    pub(crate) file: Arc<dyn StoredFile>,
    pub(crate) tail: Tail,
}

/// How much work was done since the log was opened.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) appends: AtomicU64,
    pub(crate) events: AtomicU64,
    pub(crate) groups: AtomicU64,
    pub(crate) syncs: AtomicU64,
}

impl Counters {
    pub(crate) fn add(counter: &AtomicU64, count: usize) {
        counter.fetch_add(crate::fields::offset(count), Ordering::Relaxed);
    }
}

impl Shared {
    pub(crate) fn new(id: LogId, files: Files, places: usize, index: Index, head: Head) -> Self {
        Self {
            id,
            files,
            queue: Queue::new(places),
            head: watch::Sender::new(head),
            poison: watch::Sender::new(None),
            counters: Counters::default(),
            index: RwLock::new(index),
        }
    }

    pub(crate) fn index(&self) -> RwLockReadGuard<'_, Index> {
        self.index
            .read()
            .expect("no code panics while it holds the index")
    }

    pub(crate) fn index_mut(&self) -> RwLockWriteGuard<'_, Index> {
        self.index
            .write()
            .expect("no code panics while it holds the index")
    }

    pub(crate) fn head(&self) -> Head {
        *self.head.borrow()
    }

    pub(crate) fn poison(&self) -> Option<String> {
        self.poison.borrow().clone()
    }

    /// The first cause stays: the others follow from it.
    pub(crate) fn set_poison(&self, cause: String) {
        self.poison.send_if_modified(|poison| {
            let first = poison.is_none();
            poison.get_or_insert(cause);
            first
        });
    }

    /// The version a stream has reached; 0 if there is no such stream.
    pub(crate) fn version(&self, stream: StreamKey) -> Result<Version, ReadError> {
        let (in_tail, candidates) = {
            let index = self.index();
            (
                index.active.tail.version(stream),
                index.candidates(&stream.0),
            )
        };
        if let Some(version) = in_tail {
            return Ok(version);
        }
        for number in candidates.into_iter().rev() {
            if let Some(version) = self.files.open(number)?.footer.version(stream) {
                return Ok(version);
            }
        }
        Ok(Version(0))
    }

    /// The events of a stream from a version on.
    pub(crate) fn read(
        &self,
        stream: &StreamId,
        from: Version,
    ) -> Result<Vec<Recorded>, ReadError> {
        let key = StreamKey::of(stream);
        let (candidates, tail) = {
            let index = self.index();
            let frames = index.active.tail.stream(key, from);
            (index.candidates(&key.0), self.in_tail(&index, frames))
        };
        let mut places = Vec::new();
        for number in candidates {
            let segment = self.files.open(number)?;
            let frames = segment.footer.stream(key, from);
            places.extend(frames.into_iter().map(|at| segment.place(at)));
        }
        places.extend(tail);
        let wanted =
            |event: &Recorded| event.envelope.subject == *stream && event.envelope.version >= from;
        read_places(&places, wanted)
    }

    /// The events that a request made.
    pub(crate) fn find_request(&self, request: Uuid) -> Result<Vec<Recorded>, ReadError> {
        let places = self.places_of_request(request)?;
        read_places(&places, |event| event.envelope.requestid == request)
    }

    pub(crate) fn knows_request(&self, request: Uuid) -> Result<bool, ReadError> {
        Ok(!self.places_of_request(request)?.is_empty())
    }

    fn places_of_request(&self, request: Uuid) -> Result<Vec<Place>, ReadError> {
        let (candidates, tail) = {
            let index = self.index();
            let frames = index.active.tail.request(request);
            let tail = self.in_tail(&index, frames);
            (index.candidates(request.as_bytes()), tail)
        };
        let mut places = Vec::new();
        for number in candidates {
            let segment = self.files.open(number)?;
            let frames = segment.footer.request(request);
            places.extend(frames.into_iter().map(|at| segment.place(at)));
        }
        places.extend(tail);
        Ok(places)
    }

    /// At most `limit` events after a position.
    pub(crate) fn read_all(
        &self,
        after: Position,
        limit: usize,
    ) -> Result<Vec<Recorded>, ReadError> {
        let head = self.head().position;
        let mut events: Vec<Recorded> = Vec::new();
        let mut at: Option<Checkpoint> = None;
        while events.len() < limit {
            let next = events.last().map_or(after, |last| last.position).next();
            if next > head {
                break;
            }
            let (mut place, last) = self.locate(next)?;
            let last = last.min(head);
            let mut reached = Position(0);
            while reached < last && events.len() < limit {
                let frame = place.read()?;
                let follows = at.is_none_or(|at| frame.header.previous == at.hash);
                if frame.header.first > next.max(reached.next()) || !follows {
                    return Err(place.misplaced(next).into());
                }
                at = Some(frame.end());
                reached = frame.end().position;
                let following = place.after(&frame);
                for event in frame.events {
                    if event.position >= next && events.len() < limit {
                        events.push(place.recorded(event)?);
                    }
                }
                place = following;
            }
        }
        Ok(events)
    }

    /// The frame that holds a position which the log has, and the last position of its segment.
    fn locate(&self, position: Position) -> Result<(Place, Position), ReadError> {
        let number = {
            let index = self.index();
            let at = index
                .closed
                .partition_point(|closed| closed.last < position);
            let Some(closed) = index.closed.get(at) else {
                let frame = index.active.tail.frame_of(position);
                let place = self.in_tail(&index, frame).pop();
                let place = place.ok_or_else(|| nowhere(position))?;
                return Ok((place, self.head().position));
            };
            closed.number
        };
        let segment = self.files.open(number)?;
        let frame = segment.footer.frame_of(position);
        let place = segment.place(frame.ok_or_else(|| nowhere(position))?);
        Ok((place, segment.footer.at.position))
    }

    fn in_tail(&self, index: &Index, frames: impl IntoIterator<Item = u64>) -> Vec<Place> {
        let path = self.files.path(index.active.number);
        let place = |offset| Place {
            file: Arc::clone(&index.active.file),
            path: path.clone(),
            offset,
        };
        frames.into_iter().map(place).collect()
    }
}

impl Index {
    /// The closed segments that may have a key, oldest first.
    fn candidates(&self, key: &[u8; 16]) -> Vec<u64> {
        let may_hold = self.closed.iter().filter(|closed| closed.may_hold(key));
        may_hold.map(|closed| closed.number).collect()
    }
}

fn read_places(
    places: &[Place],
    wanted: impl Fn(&Recorded) -> bool,
) -> Result<Vec<Recorded>, ReadError> {
    let mut events = Vec::new();
    for place in places {
        for event in place.read()?.events {
            let event = place.recorded(event)?;
            if wanted(&event) {
                events.push(event);
            }
        }
    }
    Ok(events)
}

fn nowhere(position: Position) -> ReadError {
    ReadError::Unavailable(format!("position {position} is in no segment"))
}
