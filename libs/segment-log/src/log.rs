//! The log: the port on segment files.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::thread;

use eventsourcing::{
    Append, AppendError, Appended, Checkpoint, EventLog, Hash, Head, LogId, Position, ReadError,
    Recorded, StreamId, Verified, Version,
};
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::closed::Files;
use crate::committer::Committer;
use crate::open::{OpenError, OpenReport, Options, check_seen};
use crate::queue::{Checked, Copied, Job};
use crate::recovery::{failed, recover};
use crate::scrub::Scrub;
use crate::segment;
use crate::shared::Shared;
use crate::storage::Lock;
use crate::tail::StreamKey;
use crate::verify::verify_log;

/// The largest append a log takes, all its events together.
const MAX_APPEND_BYTES: usize = 16 << 20;

/// A log on segment files in a directory of its own.
pub struct SegmentLog {
    incarnation: Uuid,
    shared: Arc<Shared>,
    scrub: Arc<Scrub>,
    threads: Mutex<Vec<thread::JoinHandle<()>>>,
    /// Given back last, when nothing writes any more.
    lock: Mutex<Option<Lock>>,
}

/// Work done since the log was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stats {
    pub appends: u64,
    pub events: u64,
    /// Groups of appends that went to disk together.
    pub groups: u64,
    pub syncs: u64,
}

/// A log takes no more writes until it is opened again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the log {log} takes no writes: {cause}")]
pub struct LogFailed {
    pub log: LogId,
    pub cause: String,
}

impl SegmentLog {
    /// Opens the log in `dir`, or begins it, and starts the threads that write and scrub it.
    ///
    /// `seen` is what others have followed of it: if any of that is not there, it is not served.
    pub fn open(
        dir: &Path,
        id: LogId,
        seen: &[Checkpoint],
        options: &Options,
    ) -> Result<(Self, OpenReport), OpenError> {
        let (log, committer, report) = Self::open_stepwise(dir, id, seen, options)?;
        log.spawn("commit", move || committer.run());
        if let Some(every) = options.scrub_every {
            let scrub = Arc::clone(&log.scrub);
            log.spawn("scrub", move || scrub.run(every));
        }
        Ok((log, report))
    }

    /// As [`Self::open`], but nothing is written until the committer is stepped.
    pub fn open_stepwise(
        dir: &Path,
        id: LogId,
        seen: &[Checkpoint],
        options: &Options,
    ) -> Result<(Self, Committer, OpenReport), OpenError> {
        if !segment::Header::has_room_for(&id) {
            return Err(OpenError::Name { log: id });
        }
        let storage = &options.storage;
        storage
            .create_dir(dir)
            .map_err(|error| failed(dir, error))?;
        let lock = storage
            .lock(&dir.join("lock"))
            .map_err(|error| failed(dir, error))?
            .ok_or_else(|| OpenError::Locked { dir: dir.into() })?;
        let files = Files::new(Arc::clone(storage), dir.into());
        let found = recover(&files, &id, options.segment_bytes)?;
        let (head, torn) = (found.head, found.torn);
        let shared = Shared::new(id, files, options.queue_places, found.index, head);
        let shared = Arc::new(shared);
        check_seen(&shared.id, head, seen, |at| hash_at(&shared, at))?;
        let incarnation = found.writer.header.incarnation;
        let committer = Committer::new(Arc::clone(&shared), found.writer, options.segment_bytes);
        let log = Self {
            incarnation,
            scrub: Arc::new(Scrub::new(Arc::clone(&shared))),
            shared,
            threads: Mutex::default(),
            lock: Mutex::new(Some(lock)),
        };
        Ok((log, committer, OpenReport { head, torn }))
    }

    /// Takes no more appends, finishes those that wait, and lets go of the directory.
    ///
    /// Blocks until the last write is on disk. Reads go on.
    pub fn close(&self) {
        self.shared.queue.close();
        self.scrub.stop();
        let threads = std::mem::take(&mut *self.threads.lock().expect("joining cannot panic"));
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!(log = %self.shared.id, "a thread of the log panicked");
            }
        }
        drop(self.lock.lock().expect("taking cannot panic").take());
    }

    /// Another one each time a log is begun, restored ones included; stands in every frame.
    pub fn incarnation(&self) -> Uuid {
        self.incarnation
    }

    pub fn stats(&self) -> Stats {
        let counters = &self.shared.counters;
        Stats {
            appends: counters.appends.load(Ordering::Relaxed),
            events: counters.events.load(Ordering::Relaxed),
            groups: counters.groups.load(Ordering::Relaxed),
            syncs: counters.syncs.load(Ordering::Relaxed),
        }
    }

    /// Resolves, saying why, once the log takes no more writes because a write or a sync failed or its
    /// thread died. Reads go on; whoever serves it should stop, loudly.
    pub async fn failed(&self) -> LogFailed {
        let mut poison = self.shared.poison.subscribe();
        // The sender lives as long as the log, which outlives this future.
        let cause = match poison.wait_for(Option::is_some).await {
            Ok(poison) => poison.clone().unwrap_or_default(),
            Err(closed) => closed.to_string(),
        };
        LogFailed {
            log: self.shared.id.clone(),
            cause,
        }
    }

    /// The check of closed segments that goes on in the background.
    pub fn scrub(&self) -> &Scrub {
        &self.scrub
    }

    fn spawn(&self, what: &str, run: impl FnOnce() + Send + 'static) {
        let thread = thread::Builder::new()
            .name(format!("{what} {}", self.shared.id))
            .spawn(run)
            .expect("the system gives a thread at start");
        let mut threads = self.threads.lock().expect("pushing cannot panic");
        threads.push(thread);
    }

    async fn submit<T>(
        &self,
        job: impl FnOnce(oneshot::Sender<Result<T, AppendError>>) -> Job,
    ) -> Result<T, AppendError> {
        let (answer, answered) = oneshot::channel();
        self.shared.queue.put(job(answer)).await;
        let gone = |_| {
            let cause = self.shared.poison();
            AppendError::Unavailable(cause.unwrap_or_else(|| "the log was closed".to_owned()))
        };
        answered.await.map_err(gone)?
    }

    /// Reads on a thread that may wait for the disk.
    fn blocking<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Shared) -> Result<T, ReadError> + Send + 'static,
    ) -> BoxFuture<'_, Result<T, ReadError>> {
        let shared = Arc::clone(&self.shared);
        let task = async move {
            let reading = tokio::task::spawn_blocking(move || read(&shared));
            let stopped = |error: tokio::task::JoinError| {
                Err(ReadError::Unavailable(format!(
                    "the read was stopped: {error}"
                )))
            };
            reading.await.unwrap_or_else(stopped)
        };
        task.boxed()
    }
}

impl Drop for SegmentLog {
    fn drop(&mut self) {
        self.close();
    }
}

impl EventLog for SegmentLog {
    fn id(&self) -> &LogId {
        &self.shared.id
    }

    fn append(&self, append: Append) -> BoxFuture<'_, Result<Appended, AppendError>> {
        let task = async move {
            let checked = check(append, &self.shared.id)?;
            self.submit(|answer| Job::Append(Box::new(checked), answer))
                .await
        };
        task.boxed()
    }

    fn read(
        &self,
        stream: &StreamId,
        from: Version,
    ) -> BoxFuture<'_, Result<Vec<Recorded>, ReadError>> {
        let stream = stream.clone();
        self.blocking(move |shared| shared.read(&stream, from))
    }

    fn read_all(
        &self,
        after: Position,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Recorded>, ReadError>> {
        self.blocking(move |shared| shared.read_all(after, limit))
    }

    fn find_request(&self, request: Uuid) -> BoxFuture<'_, Result<Vec<Recorded>, ReadError>> {
        self.blocking(move |shared| shared.find_request(request))
    }

    fn import(&self, events: Vec<Recorded>) -> BoxFuture<'_, Result<Head, AppendError>> {
        let task = async move {
            let copied = by_request(events)?;
            self.submit(|answer| Job::Import(copied, answer)).await
        };
        task.boxed()
    }

    fn head(&self) -> Head {
        self.shared.head()
    }

    fn wait_past(&self, after: Position) -> BoxFuture<'_, ()> {
        let mut head = self.shared.head.subscribe();
        let task = async move {
            // The sender lives as long as the log, which outlives this future.
            let _ = head.wait_for(|head| head.position > after).await;
        };
        task.boxed()
    }

    fn verify(&self) -> BoxFuture<'_, Result<Verified, ReadError>> {
        self.blocking(|shared| {
            let files = &shared.files;
            let verified = verify_log(&*files.storage, &files.dir, &mut |_| {});
            verified.outcome
        })
    }
}

/// Everything that can be checked without knowing what is stored, in the caller's own task.
fn check(append: Append, log: &LogId) -> Result<Checked, AppendError> {
    let envelopes = append.envelopes(log)?;
    let bodies = append.writes.iter().flat_map(|write| &write.events);
    let bytes: usize = bodies.map(|body| body.bytes().len()).sum();
    if bytes > MAX_APPEND_BYTES {
        let why = format!("it has {bytes} bytes, more than {MAX_APPEND_BYTES}");
        return Err(AppendError::Refused(why));
    }
    let Some(last) = envelopes.last() else {
        return Err(AppendError::Refused("it has no events".to_owned()));
    };
    let keys = append.writes.iter();
    let key =
        |envelope: &eventsourcing::Envelope| (StreamKey::of(&envelope.subject), envelope.version);
    Ok(Checked {
        keys: keys.map(|write| StreamKey::of(&write.stream)).collect(),
        events: envelopes.iter().map(key).collect(),
        recorded_at: last.recordedtime,
        append,
    })
}

/// Splits a copy into its appends, taking nothing from it but positions, hashes and bytes.
fn by_request(events: Vec<Recorded>) -> Result<Vec<Copied>, AppendError> {
    let mut copied: Vec<Copied> = Vec::new();
    for event in events {
        let event = Recorded::read(event.position, event.hash, event.body)
            .map_err(|error| AppendError::Refused(error.to_string()))?;
        let request = event.envelope.requestid;
        match copied.last_mut().filter(|last| last.request == request) {
            Some(last) => last.events.push(event),
            None => copied.push(Copied {
                request,
                events: vec![event],
            }),
        }
    }
    Ok(copied)
}

fn hash_at(shared: &Shared, position: Position) -> Result<Hash, ReadError> {
    if position == Position(0) {
        return Ok(Hash::genesis(&shared.id));
    }
    let events = shared.read_all(Position(position.0 - 1), 1)?;
    let missing = || ReadError::Unavailable(format!("position {position} is not there"));
    Ok(events.first().ok_or_else(missing)?.hash)
}
