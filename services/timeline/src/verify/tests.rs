//! Verification of real files that somebody has tampered with.

use std::fs;
use std::path::Path;

use eventsourcing::{Append, Body, Envelope, EventLog, FeedError, Write};
use futures::stream::{self, BoxStream};
use segment_log::{LocalFeed, Options, SegmentLog};
use tempfile::TempDir;

use super::*;
use crate::samples::{
    CENTRAL, LOGS, QINGDAO, SHANGHAI, case, empty_rows, event, log, logs, project,
};

/// The files of three regions, and what a timeline has seen of them.
struct Files {
    root: TempDir,
    rows: Arc<dyn ProjectionStore>,
}

/// A hop from Shanghai through Central to Qingdao, whose clock is an hour behind.
fn hop() -> Vec<Envelope> {
    let sent = event(SHANGHAI, 1, 1, 3_600_000, None);
    let relayed = event(CENTRAL, 1, 1, 3_600_010, Some(sent.id));
    let accepted = event(QINGDAO, 1, 1, 20, Some(relayed.id));
    let started = event(QINGDAO, 1, 2, 30, None);
    let released = event(SHANGHAI, 1, 2, 3_600_040, Some(accepted.id));
    vec![sent, relayed, accepted, started, released]
}

impl Files {
    /// The logs are written, and the timeline has read them.
    async fn written(events: &[Envelope]) -> Self {
        let files = Self {
            root: tempfile::tempdir().unwrap(),
            rows: empty_rows(),
        };
        for name in LOGS {
            files.write(name, events).await;
        }
        let feed = files.feed();
        for name in LOGS {
            let mut read = Vec::new();
            let start = Checkpoint::start(&log(name));
            read_log(&feed, &log(name), start, |event| read.push(event)).await;
            project(&files.rows, &read);
        }
        files
    }

    fn dir(&self, name: &str) -> std::path::PathBuf {
        self.root.path().join(name)
    }

    /// Writes a log anew, with these events of it.
    async fn write(&self, name: &str, events: &[Envelope]) {
        let dir = self.dir(name);
        if dir.exists() {
            fs::remove_dir_all(&dir).unwrap();
        }
        let log = open(&dir, name);
        for envelope in events.iter().filter(|envelope| envelope.log() == *log.id()) {
            let writes = vec![Write {
                stream: envelope.subject.clone(),
                expected: Version(envelope.version.0 - 1),
                events: vec![Body::seal(envelope).unwrap()],
            }];
            let request = envelope.requestid;
            log.append(Append { request, writes }).await.unwrap();
        }
        log.close();
    }

    fn feed(&self) -> Arc<dyn EventFeed> {
        let feed = LocalFeed::default();
        for name in LOGS {
            feed.add(Arc::new(open(&self.dir(name), name)));
        }
        Arc::new(feed)
    }

    /// The problems of the streams and of the logs.
    async fn problems(&self) -> (Vec<String>, Vec<String>) {
        self.problems_seen_by(&self.rows).await
    }

    async fn problems_seen_by(
        &self,
        rows: &Arc<dyn ProjectionStore>,
    ) -> (Vec<String>, Vec<String>) {
        let seen = Seen::of(rows, &logs(), Some(case())).unwrap();
        let (streams, logs) = verify_case(&self.feed(), &logs(), case(), seen).await;
        let in_streams = streams
            .into_iter()
            .filter_map(|stream| Some(format!("{}: {}", stream.log, stream.problem?)));
        let in_logs = logs
            .into_iter()
            .filter_map(|log| Some(format!("{}: {}", log.log, log.problem?)));
        (in_streams.collect(), in_logs.collect())
    }
}

fn open(dir: &Path, name: &str) -> SegmentLog {
    let options = Options {
        segment_bytes: 16 << 10,
        scrub_every: None,
        ..Options::default()
    };
    SegmentLog::open(dir, log(name), &[], &options).unwrap().0
}

/// The only problem there is.
fn only(problems: &[String], log: &str, says: &str) {
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(
        problems[0].starts_with(log) && problems[0].contains(says),
        "{problems:?}"
    );
}

/// Delivers everything twice, and the first again and again.
struct Repeating(Arc<dyn EventFeed>);

impl EventFeed for Repeating {
    fn follow(
        &self,
        log: &LogId,
        after: Checkpoint,
    ) -> BoxStream<'static, Result<FeedItem, FeedError>> {
        let mut first = None;
        let repeated = self.0.follow(log, after).flat_map(move |item| {
            let first = first.get_or_insert_with(|| item.clone()).clone();
            stream::iter([item.clone(), item, first])
        });
        repeated.boxed()
    }
}

#[tokio::test]
async fn what_a_feed_delivers_again_is_read_once() {
    let files = Files::written(&hop()).await;
    let feed: Arc<dyn EventFeed> = Arc::new(Repeating(files.feed()));
    let (of, mut read) = (log(SHANGHAI), Vec::new());
    let start = Checkpoint::start(&of);
    let report = read_log(&feed, &of, start, |event| read.push(event.position.0)).await;
    assert_eq!((report.events, report.problem), (2, None));
    assert_eq!(read, [1, 2]);
}

#[tokio::test]
async fn a_case_that_nobody_touched_is_whole() {
    let files = Files::written(&hop()).await;
    assert_eq!(files.problems().await, (vec![], vec![]));
}

#[tokio::test]
async fn a_log_whose_end_was_cut_off_is_named() {
    let events = hop();
    let files = Files::written(&events).await;
    files.write(SHANGHAI, &events[..1]).await;
    let (streams, logs) = files.problems().await;
    assert!(streams.is_empty(), "{streams:?}");
    only(&logs, SHANGHAI, "its end was cut off");
}

#[tokio::test]
async fn a_log_that_was_replaced_by_an_empty_one_is_named() {
    let files = Files::written(&hop()).await;
    files.write(SHANGHAI, &[]).await;
    let (streams, logs) = files.problems().await;
    only(&logs, SHANGHAI, "its end was cut off");
    only(&streams, CENTRAL, "is in no log that is followed here");
}

#[tokio::test]
async fn a_log_that_was_rewritten_and_hashed_anew_is_named_by_its_first_other_event() {
    let mut events = hop();
    let files = Files::written(&events).await;
    events[0].actor = eventsourcing::Actor::person("p-2", "o-1", "worker");
    events.push(event(SHANGHAI, 9, 1, 9_000_000, None));
    files.write(SHANGHAI, &events).await;
    let (streams, logs) = files.problems().await;
    assert!(streams.is_empty(), "{streams:?}");
    only(
        &logs,
        SHANGHAI,
        "position 1 is not what this timeline has read",
    );
}

#[tokio::test]
async fn a_cause_that_was_taken_out_of_a_log_is_missed_even_if_nobody_had_read_it() {
    let mut events = hop();
    let files = Files::written(&events).await;
    let taken_out = events.remove(1);
    files.write(CENTRAL, &events).await;
    let (streams, logs) = files.problems_seen_by(&empty_rows()).await;
    assert!(logs.is_empty(), "{logs:?}");
    only(&streams, QINGDAO, &taken_out.id.to_string());
}

#[tokio::test]
async fn a_told_event_that_is_gone_is_named_though_the_checkpoint_is_lost() {
    let events = hop();
    let files = Files::written(&events).await;
    files.write(QINGDAO, &events[..3]).await;
    let mut seen = Seen::of(&files.rows, &logs(), Some(case())).unwrap();
    seen.checkpoints.clear();
    let (_, logs) = verify_case(&files.feed(), &logs(), case(), seen).await;
    let qingdao = logs.iter().find(|report| report.log == log(QINGDAO));
    let problem = qingdao.unwrap().problem.clone().unwrap();
    assert!(problem.contains("read it up to 2"), "{problem}");
}

#[tokio::test]
async fn a_byte_that_was_changed_in_a_file_is_named() {
    let files = Files::written(&hop()).await;
    let feed = files.feed();
    let segments = fs::read_dir(files.dir(SHANGHAI)).unwrap();
    let segment = segments
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|extension| extension == "seg"))
        .unwrap();
    let mut bytes = fs::read(&segment).unwrap();
    let place = bytes
        .windows(6)
        .position(|window| window == b"worker")
        .unwrap();
    bytes[place] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let seen = Seen::of(&files.rows, &logs(), Some(case())).unwrap();
    let (_, logs) = verify_case(&feed, &logs(), case(), seen).await;
    assert!(logs[0].problem.is_some(), "{logs:?}");
}

#[tokio::test]
async fn a_cause_in_another_case_is_found_in_the_end() {
    let mut events = hop();
    let mut other = event(CENTRAL, 5, 1, 5, None);
    other.caseid = Some(ScopedId::new(other.region, Uuid::from_u128(77)));
    events.push(event(QINGDAO, 6, 1, 6, Some(other.id)));
    events.push(other);
    let files = Files::written(&events).await;
    assert_eq!(files.problems().await, (vec![], vec![]));
}
