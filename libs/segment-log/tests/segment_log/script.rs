//! A run that is the same every time: groups of appends of several sizes, over several segments.

use std::path::Path;
use std::sync::Arc;

use eventsourcing::testing::append;
use eventsourcing::testing::contract::event_log::{LOG, all};
use eventsourcing::{Append, AppendError, Appended, Body, Checkpoint, EventLog, Position};
use futures::future::{join, join_all};
use segment_log::{Committer, OpenError, OpenReport, Options, SegmentLog};

use crate::simulated::Simulated;
use crate::support::id;

pub(crate) const DIR: &str = "/log";
const GROUPS: u64 = 9;

/// What was asked of the log, in order, and what it answered.
#[derive(Default)]
pub(crate) struct Ledger {
    pub(crate) sent: Vec<Append>,
    pub(crate) answers: Vec<Result<Appended, AppendError>>,
}

pub(crate) fn options(disk: &Simulated) -> Options {
    Options {
        segment_bytes: 8 << 10,
        scrub_every: None,
        storage: Arc::new(disk.clone()),
        ..Options::default()
    }
}

pub(crate) fn open(
    disk: &Simulated,
    seen: &[Checkpoint],
) -> Result<(SegmentLog, Committer, OpenReport), OpenError> {
    SegmentLog::open_stepwise(Path::new(DIR), id(), seen, &options(disk))
}

/// Appends together, as one group.
pub(crate) async fn commit(
    log: &SegmentLog,
    committer: &mut Committer,
    group: &[Append],
) -> Vec<Result<Appended, AppendError>> {
    let appends = group.iter().map(|append| log.append(append.clone()));
    let step = async { committer.step() };
    join(join_all(appends), step).await.0
}

/// Runs the script until it is done, or the disk fails.
pub(crate) async fn run(disk: &Simulated) -> Ledger {
    let mut ledger = Ledger::default();
    let Ok((log, mut committer, _)) = open(disk, &[]) else {
        return ledger;
    };
    for round in 0..GROUPS {
        let stream = |n: u128| u128::from(round) * 10 + n;
        let mut group = vec![append(LOG, 1_000, round, 1), append(LOG, stream(1), 0, 1)];
        if round == 0 {
            // Larger than a segment, and the first of all: the segment before it stays empty.
            group.insert(0, append(LOG, 2_000, 0, 20));
        }
        if round % 3 == 1 {
            group.push(append(LOG, stream(2), 0, 4));
        }
        ledger.sent.extend(group.clone());
        ledger
            .answers
            .extend(commit(&log, &mut committer, &group).await);
    }
    log.close();
    committer.run();
    ledger
}

impl Ledger {
    /// The events of everything that may be stored, in order: of a refused append nothing is.
    pub(crate) fn bodies(&self) -> Vec<Body> {
        let refused = |answer: &Result<Appended, AppendError>| {
            matches!(
                answer,
                Err(AppendError::Full | AppendError::Conflict { .. })
            )
        };
        let sent = self.sent.iter().zip(&self.answers);
        let stored = sent.filter(|(_, answer)| !refused(answer));
        let writes = stored.flat_map(|(append, _)| &append.writes);
        writes.flat_map(|write| write.events.clone()).collect()
    }

    pub(crate) fn last_acknowledged(&self) -> Position {
        let acknowledged = self.answers.iter().flatten();
        acknowledged.map(|it| it.last).max().unwrap_or_default()
    }

    /// Opens the log after a failure: all that was acknowledged is there, nothing was invented,
    /// order and chain are right, and it takes appends again.
    pub(crate) async fn check(&self, disk: &Simulated, what: &str) {
        let (log, mut committer, _) =
            open(disk, &[]).unwrap_or_else(|error| panic!("{what}: not opened: {error}"));
        let log = Arc::new(log);
        let as_log: Arc<dyn EventLog> = log.clone();
        let stored: Vec<Body> = all(&as_log).await.into_iter().map(|it| it.body).collect();
        let sent = self.bodies();
        assert!(
            stored.len() as u64 >= self.last_acknowledged().0,
            "{what}: lost"
        );
        assert_eq!(stored, sent[..stored.len()], "{what}: not what was sent");
        assert_eq!(
            log.verify().await.unwrap().events,
            stored.len() as u64,
            "{what}"
        );
        let next = append(LOG, 7_777, 0, 1);
        let answers = commit(&log, &mut committer, &[next]).await;
        assert_eq!(
            answers[0].as_ref().unwrap().last.0,
            stored.len() as u64 + 1,
            "{what}"
        );
    }
}
