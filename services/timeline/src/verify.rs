//! Verification: reads logs from their first event and says whether everything is there, unchanged.

use std::collections::BTreeMap;
use std::sync::Arc;

use eventsourcing::{
    Checkpoint, EventFeed, FeedError, FeedItem, Hash, LogId, Recorded, ScopedId, StreamId, Version,
};
use futures::StreamExt;

/// One log, read to its end.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LogReport {
    pub(crate) log: LogId,
    pub(crate) events: u64,
    pub(crate) head: Hash,
    pub(crate) problem: Option<String>,
}

/// One stream of a case.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StreamReport {
    pub(crate) log: LogId,
    pub(crate) stream: StreamId,
    pub(crate) events: u64,
    pub(crate) problem: Option<String>,
}

/// Reads a log to its present end; the feed checks every position and hash on the way.
pub(crate) async fn read_log(
    feed: &Arc<dyn EventFeed>,
    log: &LogId,
    mut each: impl FnMut(Recorded),
) -> LogReport {
    let start = Checkpoint::start(log);
    let mut report = LogReport {
        log: log.clone(),
        events: 0,
        head: start.hash,
        problem: None,
    };
    let mut items = feed.follow(log, start);
    while let Some(item) = items.next().await {
        match item {
            Ok(FeedItem::Event(event)) => {
                report.events = event.position.0;
                report.head = event.hash;
                each(*event);
            }
            Ok(FeedItem::CaughtUp) => return report,
            Err(error) => {
                report.problem = Some(problem(&error));
                return report;
            }
        }
    }
    report.problem = Some("the log ended before its end was reached".to_owned());
    report
}

/// Checks the streams of a case: numbered from 1 without a hole, in the case from first to last.
pub(crate) async fn verify_case(
    feed: &Arc<dyn EventFeed>,
    logs: &[LogId],
    case: ScopedId,
) -> (Vec<StreamReport>, Vec<LogReport>) {
    let mut streams: BTreeMap<(LogId, StreamId), StreamReport> = BTreeMap::new();
    let mut reports = Vec::new();
    for log in logs {
        let report = read_log(feed, log, |event| {
            let of_case = event.envelope.caseid == Some(case);
            let key = (log.clone(), event.envelope.subject.clone());
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
    (streams.into_values().collect(), reports)
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

fn problem(error: &FeedError) -> String {
    error.to_string()
}
