//! The committer: the one writer of a log. It takes what is queued, checks it in order, writes it
//! together, waits for the disk once, and answers everybody.
//!
//! It is a step function: a thread drives it in service, a test can drive it instead.

use std::io;
use std::mem;
use std::sync::Arc;
use std::thread;

use eventsourcing::{
    Append, AppendError, Appended, Body, Checkpoint, Durability, Head, Position, ReadError, Version,
};
use jiff::Timestamp;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::closed::Closed;
use crate::frame;
use crate::queue::{Checked, Copied, Job};
use crate::shared::{Active, Counters, Shared};
use crate::storage::is_full;
use crate::tail::{StreamKey, Tail};
use crate::writer::{Writer, size_for};

/// A group is written when it has grown to this, however much still waits.
const GROUP_BYTES: usize = 8 << 20;

/// The writing side of a log.
pub struct Committer {
    shared: Arc<Shared>,
    writer: Writer,
    segment_bytes: u64,
    group: Group,
}

/// What has been checked but is not yet on disk.
struct Group {
    bytes: Vec<u8>,
    tail: Tail,
    /// The end of the log once the group is on disk.
    at: Checkpoint,
    recorded_at: Option<Timestamp>,
    appends: usize,
    answers: Vec<Answer>,
}

/// Who to answer once the group is on disk.
enum Answer {
    Append(oneshot::Sender<Result<Appended, AppendError>>, Appended),
    Import(oneshot::Sender<Result<Head, AppendError>>),
}

impl Committer {
    pub(crate) fn new(shared: Arc<Shared>, writer: Writer, segment_bytes: u64) -> Self {
        let head = shared.head();
        let at = Checkpoint {
            position: head.position,
            hash: head.hash,
        };
        Self {
            group: Group::after(at, head.recorded_at),
            shared,
            writer,
            segment_bytes,
        }
    }

    /// Writes and answers everything that waits; returns how much that was.
    pub fn step(&mut self) -> usize {
        let jobs = self.shared.queue.take();
        let taken = jobs.len();
        for job in jobs {
            self.take(job);
            if self.group.bytes.len() >= GROUP_BYTES {
                self.flush();
            }
        }
        self.flush();
        self.look_ahead();
        taken
    }

    /// Steps until the queue is closed and empty, then leaves a mark that all of it is on disk.
    pub fn run(mut self) {
        while self.shared.queue.wait() {
            self.step();
        }
        if self.poison().is_none()
            && let Err(error) = self.writer.mark_synced(self.group.at)
        {
            tracing::warn!(log = %self.shared.id, %error, "the log was closed without its last mark");
        }
    }

    fn take(&mut self, job: Job) {
        match job {
            Job::Append(append, answer) => match self.stage_append(&append) {
                Ok(appended) => self.group.answers.push(Answer::Append(answer, appended)),
                // Nobody waiting any more is fine, here and below.
                Err(error) => drop(answer.send(Err(error))),
            },
            Job::Import(copied, answer) => match self.stage_import(&copied) {
                Ok(()) => self.group.answers.push(Answer::Import(answer)),
                Err(error) => {
                    // What was taken before the disk was full stays: the head says how much.
                    self.flush();
                    drop(answer.send(Err(error)));
                }
            },
        }
    }

    fn stage_append(&mut self, checked: &Checked) -> Result<Appended, AppendError> {
        let Append { request, writes } = &checked.append;
        if let Some(cause) = self.poison() {
            return Err(AppendError::Unavailable(cause));
        }
        if self.knows(*request)? {
            return Err(AppendError::RequestKnown(*request));
        }
        for (write, key) in writes.iter().zip(&checked.keys) {
            let actual = self.version(*key)?;
            if actual != write.expected {
                return Err(AppendError::Conflict {
                    stream: write.stream.clone(),
                    expected: write.expected,
                    actual,
                });
            }
        }
        let bodies = writes.iter().flat_map(|write| &write.events).cloned();
        let bodies: Vec<Body> = bodies.collect();
        let first = self.stage(*request, &bodies, &checked.events, checked.recorded_at)?;
        self.group.appends += 1;
        Ok(Appended {
            first,
            last: self.group.at.position,
            durability: Durability::Local,
        })
    }

    fn stage_import(&mut self, copied: &[Copied]) -> Result<(), AppendError> {
        if let Some(cause) = self.poison() {
            return Err(AppendError::Unavailable(cause));
        }
        let mut at = self.group.at;
        for event in copied.iter().flat_map(|copied| &copied.events) {
            at.accept(event.position, &event.body.sha256(), &event.hash)
                .map_err(|broken| AppendError::Refused(broken.to_string()))?;
        }
        for Copied { request, events } in copied {
            let bodies: Vec<Body> = events.iter().map(|event| event.body.clone()).collect();
            let envelopes = events.iter().map(|event| &event.envelope);
            let keys: Vec<(StreamKey, Version)> = envelopes
                .map(|envelope| (StreamKey::of(&envelope.subject), envelope.version))
                .collect();
            if let Some(last) = events.last() {
                self.stage(*request, &bodies, &keys, last.envelope.recordedtime)?;
            }
        }
        Ok(())
    }

    /// Adds a frame to the group, in a new segment if it does not fit into this one.
    fn stage(
        &mut self,
        request: Uuid,
        bodies: &[Body],
        events: &[(StreamKey, Version)],
        recorded_at: Timestamp,
    ) -> Result<Position, AppendError> {
        let length = frame::length(bodies);
        if !self.writer.has_room(length, bodies.len()) {
            self.roll(size_for(self.segment_bytes, length, bodies.len()))?;
        }
        let first = self.group.at.position.next();
        let offset = self.writer.place(length, bodies.len());
        let (incarnation, synced) = (self.writer.header.incarnation, self.writer.synced);
        let group = &mut self.group;
        group.at = frame::write(&mut group.bytes, incarnation, group.at, synced, bodies);
        group.recorded_at = Some(recorded_at);
        let events = events.iter().copied();
        group.tail.insert(offset, first, request, events);
        Ok(first)
    }

    /// Puts the group on disk and answers everybody in it.
    fn flush(&mut self) {
        let next = Group::after(self.group.at, self.group.recorded_at);
        let mut group = mem::replace(&mut self.group, next);
        if !group.bytes.is_empty() && self.poison().is_none() {
            match self.writer.write(&group.bytes) {
                Ok(()) => self.publish(&mut group),
                Err(error) => self.fail("a write", &error),
            }
        }
        let outcome = match self.poison() {
            Some(cause) => Err(AppendError::Unavailable(cause)),
            None => Ok(self.shared.head()),
        };
        for answer in group.answers {
            match answer {
                Answer::Append(to, appended) => drop(to.send(outcome.clone().map(|_| appended))),
                Answer::Import(to) => drop(to.send(outcome.clone())),
            }
        }
    }

    fn publish(&self, group: &mut Group) {
        let counters = &self.shared.counters;
        Counters::add(&counters.appends, group.appends);
        Counters::add(&counters.events, group.tail.streams.len());
        Counters::add(&counters.groups, 1);
        Counters::add(&counters.syncs, 1);
        let mut index = self.shared.index_mut();
        index.active.tail.extend(mem::take(&mut group.tail));
        self.shared.head.send_replace(Head {
            position: group.at.position,
            hash: group.at.hash,
            recorded_at: group.recorded_at,
        });
    }

    /// Closes the segment and begins the next, which has at least `size` bytes.
    ///
    /// The space comes first: if there is none, the segment stays open and reads go on.
    fn roll(&mut self, size: u64) -> Result<(), AppendError> {
        if let Err(error) = self.writer.reserve(&self.shared.files, size) {
            if is_full(&error) {
                return Err(AppendError::Full);
            }
            return Err(self.give_up("reserving space", &error));
        }
        self.flush();
        if let Some(cause) = self.poison() {
            return Err(AppendError::Unavailable(cause));
        }
        self.begin_next()
            .map_err(|error| self.give_up("closing a segment", &error))
    }

    fn begin_next(&mut self) -> io::Result<()> {
        let at = self.group.at;
        self.writer.close(&self.shared.index().active.tail, at)?;
        let Some(next) = self.writer.next.take() else {
            return Err(io::Error::other("no space was reserved"));
        };
        let header = &self.writer.header;
        let (number, closed) = (header.number + 1, header.number);
        let next = next.begin(&self.shared.id, number, header.incarnation, at)?;
        Counters::add(&self.shared.counters.syncs, 2);
        let mut index = self.shared.index_mut();
        let active = Active {
            number,
            file: Arc::clone(&next.file),
            tail: Tail::default(),
        };
        let full = mem::replace(&mut index.active, active).tail;
        let closed = Closed::new(closed, at.position, full.keys());
        index.closed.push(closed);
        drop(index);
        self.writer = next;
        Ok(())
    }

    /// Reserves the next segment before it is needed, so that a full disk is foreseen.
    fn look_ahead(&mut self) {
        if self.poison().is_some() || !self.writer.should_reserve(self.segment_bytes) {
            return;
        }
        match self.writer.reserve(&self.shared.files, self.segment_bytes) {
            Ok(()) => {}
            Err(error) if is_full(&error) => {
                tracing::warn!(log = %self.shared.id, "the disk is full: the log will soon take no writes");
            }
            Err(error) => self.fail("reserving space", &error),
        }
    }

    fn knows(&self, request: Uuid) -> Result<bool, AppendError> {
        let staged = !self.group.tail.request(request).is_empty();
        Ok(staged
            || self
                .shared
                .knows_request(request)
                .map_err(|error| unreadable(&error))?)
    }

    fn version(&self, stream: StreamKey) -> Result<Version, AppendError> {
        match self.group.tail.version(stream) {
            Some(version) => Ok(version),
            None => self
                .shared
                .version(stream)
                .map_err(|error| unreadable(&error)),
        }
    }

    fn poison(&self) -> Option<String> {
        self.shared.poison()
    }

    fn give_up(&self, what: &str, error: &io::Error) -> AppendError {
        self.fail(what, error);
        AppendError::Unavailable(self.poison().unwrap_or_default())
    }

    /// After a failed write or sync nobody knows what is on disk: the log takes no more writes.
    fn fail(&self, what: &str, error: &io::Error) {
        tracing::error!(log = %self.shared.id, %error, "{what} failed; the log takes no more writes");
        let cause = format!("{what} failed ({error}); it must be opened again");
        self.shared.set_poison(cause);
    }
}

impl Drop for Committer {
    /// Without a committer nothing is written: whoever waits gets an error, now and from now on.
    fn drop(&mut self) {
        if thread::panicking() {
            let cause = "the thread that writes it panicked; it must be opened again";
            tracing::error!(log = %self.shared.id, "{cause}");
            self.shared.set_poison(cause.to_owned());
        }
        self.shared.queue.close();
        drop(self.shared.queue.take());
    }
}

impl Group {
    fn after(at: Checkpoint, recorded_at: Option<Timestamp>) -> Self {
        Self {
            bytes: Vec::new(),
            tail: Tail::default(),
            at,
            recorded_at,
            appends: 0,
            answers: Vec::new(),
        }
    }
}

/// The index cannot be read, so it cannot be said whether the append is right.
fn unreadable(error: &ReadError) -> AppendError {
    AppendError::Unavailable(error.to_string())
}
