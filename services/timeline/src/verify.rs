//! Verification: reads logs from their first event and says whether everything is there, unchanged.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use eventsourcing::{
    Checkpoint, EventFeed, FeedError, FeedItem, Hash, LogId, Position, ProjectionStore, Recorded,
    ScopedId, StoreError, StreamId, Version,
};
use futures::StreamExt;
use uuid::Uuid;

use crate::projection;
use crate::reading::cause_of;
use crate::witness::{self, Witnessed};

/// One log, read to its end.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LogReport {
    pub(crate) log: LogId,
    pub(crate) events: u64,
    pub(crate) head: Hash,
    pub(crate) problem: Option<String>,
    /// The feed was away, so the rest was not read: the log may well be whole.
    pub(crate) away: bool,
}

/// One stream of a case.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StreamReport {
    pub(crate) log: LogId,
    pub(crate) stream: StreamId,
    pub(crate) events: u64,
    pub(crate) problem: Option<String>,
}

/// What this timeline has seen of the logs: it must still be there.
#[derive(Default)]
pub(crate) struct Seen {
    /// How far each log has been taken in.
    checkpoints: BTreeMap<LogId, Checkpoint>,
    /// What has been told of the case: the hash at each position.
    told: BTreeMap<LogId, BTreeMap<Position, Hash>>,
    /// What other regions have witnessed of each log.
    witnessed: BTreeMap<LogId, BTreeMap<Position, Vec<Witnessed>>>,
}

impl Seen {
    /// Ask before reading a log: what was seen by then must be in it.
    pub(crate) fn of(
        rows: &Arc<dyn ProjectionStore>,
        logs: &[LogId],
        case: Option<ScopedId>,
    ) -> Result<Self, StoreError> {
        let mut seen = Self::default();
        for log in logs {
            if let Some(at) = rows.checkpoint(projection::NAME, log)? {
                seen.checkpoints.insert(log.clone(), at);
            }
            seen.witnessed
                .insert(log.clone(), witness::of_log(rows, log)?);
        }
        if let Some(case) = case {
            for event in projection::of_case(rows, &case.to_string(), u64::MAX)? {
                let of_log = seen.told.entry(event.envelope.log()).or_default();
                of_log.insert(event.position, event.hash);
            }
        }
        Ok(seen)
    }

    fn compare(&mut self, log: &LogId) -> Compare {
        Compare {
            checkpoint: self.checkpoints.remove(log),
            told: self.told.remove(log).unwrap_or_default(),
            witnessed: self.witnessed.remove(log).unwrap_or_default(),
            differs: None,
            denied: None,
        }
    }
}

/// One log, compared with what was seen of it while it is read.
struct Compare {
    checkpoint: Option<Checkpoint>,
    told: BTreeMap<Position, Hash>,
    witnessed: BTreeMap<Position, Vec<Witnessed>>,
    differs: Option<Position>,
    /// The first witness who saw something else.
    denied: Option<Witnessed>,
}

impl Compare {
    fn take(&mut self, position: Position, hash: &Hash) {
        let read = self.checkpoint.filter(|read| read.position == position);
        let told = self.told.remove(&position);
        let expected = told.iter().chain(read.iter().map(|read| &read.hash));
        if expected.into_iter().any(|expected| expected != hash) {
            self.differs.get_or_insert(position);
        }
        let witnesses = self.witnessed.remove(&position).unwrap_or_default();
        let denied = witnesses.into_iter().find(|witness| witness.hash != *hash);
        self.denied = self.denied.take().or(denied);
    }

    /// What is wrong with a log that ends at `end`.
    fn problem(&self, end: Position) -> Option<String> {
        self.denied_by_a_witness(end)
            .or_else(|| self.unlike_what_was_read(end))
    }

    /// Another region has on record what this log does not say, or no longer says.
    fn denied_by_a_witness(&self, end: Position) -> Option<String> {
        if let Some(witness) = &self.denied {
            return Some(format!(
                "position {} is not what region {} witnessed there at {}: the log was rewritten",
                witness.position, witness.by, witness.at
            ));
        }
        let beyond = self
            .witnessed
            .values()
            .flatten()
            .find(|it| it.position > end)?;
        Some(format!(
            "the log ends at position {end}, and region {} witnessed position {} at {}: its end was \
             cut off",
            beyond.by, beyond.position, beyond.at
        ))
    }

    fn unlike_what_was_read(&self, end: Position) -> Option<String> {
        if let Some(position) = self.differs {
            return Some(format!(
                "position {position} is not what this timeline has read there: the log was rewritten"
            ));
        }
        let read = self.checkpoint.map(|read| read.position);
        let told = self.told.last_key_value().map(|(position, _)| *position);
        let last = read.max(told).filter(|last| *last > end)?;
        Some(format!(
            "the log ends at position {end}, and this timeline has read it up to {last}: its end was cut off"
        ))
    }
}

/// Reads a log on to its present end; the feed checks every position and hash on the way.
pub(crate) async fn read_log(
    feed: &Arc<dyn EventFeed>,
    log: &LogId,
    after: Checkpoint,
    mut each: impl FnMut(Recorded),
) -> LogReport {
    let mut report = LogReport {
        log: log.clone(),
        events: after.position.0,
        head: after.hash,
        problem: None,
        away: false,
    };
    let mut items = feed.follow(log, after);
    while let Some(item) = items.next().await {
        match item {
            // A feed delivers at least once: what was read before is passed over.
            Ok(FeedItem::Event(event)) if event.position <= Position(report.events) => {}
            Ok(FeedItem::Event(event)) => {
                report.events = event.position.0;
                report.head = event.hash;
                each(*event);
            }
            Ok(FeedItem::CaughtUp) => return report,
            Err(error) => {
                report.problem = Some(error.to_string());
                report.away = matches!(error, FeedError::Unavailable { .. });
                return report;
            }
        }
    }
    report.problem = Some("the log ended before its end was reached".to_owned());
    report
}

/// Reads one log from its first event, and compares it with what was seen of it.
pub(crate) async fn verify_log(
    feed: &Arc<dyn EventFeed>,
    log: &LogId,
    seen: &mut Seen,
    mut each: impl FnMut(Recorded),
) -> LogReport {
    let mut compare = seen.compare(log);
    let report = read_log(feed, log, Checkpoint::start(log), |event| {
        compare.take(event.position, &event.hash);
        each(event);
    });
    let mut report = report.await;
    let end = Position(report.events);
    report.problem = report.problem.or_else(|| compare.problem(end));
    report
}

/// Checks the streams of a case: numbered from 1 without a hole, in the case from first to last, every
/// cause on record; and every log against what was seen of it.
pub(crate) async fn verify_case(
    feed: &Arc<dyn EventFeed>,
    logs: &[LogId],
    case: ScopedId,
    mut seen: Seen,
) -> (Vec<StreamReport>, Vec<LogReport>) {
    let mut streams: BTreeMap<(LogId, StreamId), StreamReport> = BTreeMap::new();
    let mut causes = Causes::default();
    let mut reports = Vec::new();
    for log in logs {
        let report = verify_log(feed, log, &mut seen, |event| {
            let of_case = event.envelope.caseid == Some(case);
            let key = (log.clone(), event.envelope.subject.clone());
            causes.take(&event, of_case);
            if of_case || streams.contains_key(&key) {
                let stream = streams.entry(key).or_insert_with(|| StreamReport {
                    log: log.clone(),
                    stream: event.envelope.subject.clone(),
                    events: 0,
                    problem: None,
                });
                stream.take(event.envelope.version, of_case);
            }
        });
        reports.push(report.await);
    }
    causes.look_again(feed, &reports).await;
    for ((log, stream), version, cause) in causes.missing() {
        if let Some(report) = streams.get_mut(&(log, stream)) {
            report.complain(format!(
                "the cause of version {version}, event {cause}, is in no log that is followed here"
            ));
        }
    }
    (streams.into_values().collect(), reports)
}

/// The causes that events of the case name, and whether they have been met.
#[derive(Default)]
struct Causes {
    named: BTreeMap<Uuid, ((LogId, StreamId), Version)>,
    met: HashSet<Uuid>,
}

impl Causes {
    fn take(&mut self, event: &Recorded, of_case: bool) {
        let envelope = &event.envelope;
        // Causes lie in the case or in none; whatever else is looked for by `look_again`.
        if of_case || envelope.caseid.is_none() {
            self.met.insert(envelope.id);
        }
        if let Some(cause) = cause_of(event).filter(|_| of_case) {
            let place = (envelope.log(), envelope.subject.clone());
            self.named.entry(cause).or_insert((place, envelope.version));
        }
    }

    fn missing(&self) -> Vec<((LogId, StreamId), Version, Uuid)> {
        let missing = self
            .named
            .iter()
            .filter(|(cause, _)| !self.met.contains(cause));
        missing
            .map(|(cause, (place, version))| (place.clone(), *version, *cause))
            .collect()
    }

    /// An effect may have been recorded after the log of its cause was read; and a cause may belong
    /// to another case. Both are rare, so the logs are read for them only now.
    async fn look_again(&mut self, feed: &Arc<dyn EventFeed>, read: &[LogReport]) {
        let missing = |causes: &Self| -> HashSet<Uuid> {
            causes
                .missing()
                .into_iter()
                .map(|(_, _, cause)| cause)
                .collect()
        };
        for from_the_start in [false, true] {
            let wanted = missing(self);
            if wanted.is_empty() {
                return;
            }
            for log in read.iter().filter(|log| log.problem.is_none()) {
                let after = if from_the_start {
                    Checkpoint::start(&log.log)
                } else {
                    log.end()
                };
                let met = &mut self.met;
                let report = read_log(feed, &log.log, after, |event| {
                    if wanted.contains(&event.envelope.id) {
                        met.insert(event.envelope.id);
                    }
                });
                report.await;
            }
        }
    }
}

impl LogReport {
    pub(crate) fn end(&self) -> Checkpoint {
        Checkpoint {
            position: Position(self.events),
            hash: self.head,
        }
    }
}

impl StreamReport {
    fn take(&mut self, version: Version, of_case: bool) {
        let expected = Version(self.events + 1);
        if version != expected {
            self.complain(format!("version {expected} is missing: found {version}"));
        }
        if !of_case {
            self.complain(format!("version {version} says it belongs to another case"));
        }
        self.events = version.0;
    }

    /// The first problem is the one to look at.
    fn complain(&mut self, problem: String) {
        self.problem.get_or_insert(problem);
    }
}

#[cfg(test)]
mod tests;
