//! A service that counts: a projection, a policy and a due rule over logs in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use eventsourcing::testing::{MemoryLog, MemoryRows, envelope};
use eventsourcing::{
    Aggregate, Append, Body, Due, DueRule, EventLog, Fact, HybridClock, LogId, Occasion, Policy,
    PolicyError, Position, Projection, ProjectionError, Recorded, Rejection, RejectionKind, Rows,
    ScopedId, Step, StreamId, UnknownEvent, Version, VirtualClock, Write,
};
use serde::{Deserialize, Serialize};
use service_runtime::grpc::{DigestKey, Gate};
use service_runtime::{
    ParkedEvent, Ports, Progress, Running, Service, Tasks, WithLog, list_parked,
};
use uuid::Uuid;

use crate::feed::{BadFeed, Faults};
use crate::own_log::OwnLog;

pub(crate) const POLICY: &str = "count-each";
pub(crate) const ROWS: &str = "rows";

pub(crate) fn log(name: &str) -> LogId {
    name.parse().unwrap()
}

/// Its own region's log of contacts, and that of another region.
pub(crate) fn sources() -> [MemoryLog; 2] {
    ["310000.intake", "370200.intake"].map(|name| MemoryLog::new(log(name)))
}

/// Records an event of a case in a log of contacts.
pub(crate) async fn record(source: &MemoryLog, case: u128, name: &str) -> Uuid {
    let id = source.id();
    let stream = StreamId::new("contact", ScopedId::new(id.region, Uuid::from_u128(case)));
    let version = source.read(&stream, Version(1)).await.unwrap().len() as u64;
    let mut of = envelope(&id.to_string(), "contact", version + 1);
    of.subject = stream.clone();
    of.event_type = format!("intake.{name}");
    of.dataschema = format!("urn:liandong:intake.{name}:1");
    of.caseid = Some(ScopedId::new(id.region, Uuid::from_u128(case)));
    let write = Write {
        stream,
        expected: Version(version),
        events: vec![Body::seal(&of).unwrap()],
    };
    let append = Append {
        request: of.requestid,
        writes: vec![write],
    };
    source.append(append).await.unwrap();
    of.id
}

/// How many times each event was counted: once, or something is wrong.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tally;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub(crate) enum TallyEvent {
    Counted { event: Uuid },
}

impl Fact for TallyEvent {}

#[derive(Debug, thiserror::Error)]
#[error("never")]
pub(crate) enum Never {}

impl Rejection for Never {
    fn kind(&self) -> RejectionKind {
        match *self {}
    }

    fn reason(&self) -> &'static str {
        match *self {}
    }

    fn zh(&self) -> String {
        match *self {}
    }
}

impl Aggregate for Tally {
    const CONTEXT: &'static str = "tally";
    const KIND: &'static str = "tally";
    type Command = Uuid;
    type Event = TallyEvent;
    type Rejection = Never;

    fn decide(&self, event: &Uuid, _: &Occasion) -> Result<Vec<TallyEvent>, Never> {
        Ok(vec![TallyEvent::Counted { event: *event }])
    }

    fn evolve(&mut self, _: &TallyEvent) {}
}

fn count(event: Uuid, id: ScopedId) -> Vec<Step> {
    vec![Step::of::<Tally>(id, event)]
}

/// Counts each event of the contacts; `Strange` ones it does not know.
#[derive(Default)]
pub(crate) struct Counting {
    pub(crate) logs: Vec<LogId>,
    /// Cases on which it fails.
    pub(crate) failing: Mutex<BTreeSet<u128>>,
    /// How often it still fails, whatever the case.
    pub(crate) fails: AtomicUsize,
    pub(crate) tried: AtomicUsize,
}

impl Policy for Counting {
    fn name(&self) -> &'static str {
        POLICY
    }

    fn logs(&self) -> Vec<LogId> {
        self.logs.clone()
    }

    fn react(&self, event: &Recorded, _: &mut Rows) -> Result<Vec<Step>, PolicyError> {
        self.tried.fetch_add(1, Ordering::SeqCst);
        // Waits as a policy that reads a disk does; on an async thread this panics.
        tokio::runtime::Handle::current().block_on(tokio::task::yield_now());
        unknown_if_strange(event)?;
        let case = event.envelope.caseid.unwrap();
        if self.failing.lock().unwrap().contains(&case.uuid.as_u128()) {
            return Err(PolicyError::Failed("the case is cursed".to_owned()));
        }
        let less = |left: usize| left.checked_sub(1);
        if self
            .fails
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, less)
            .is_ok()
        {
            return Err(PolicyError::Failed("not now".to_owned()));
        }
        let own = "310000".parse().unwrap();
        let tally = ScopedId::derived(own, case.uuid, &case.region.to_string());
        Ok(count(event.envelope.id, tally))
    }
}

fn unknown_if_strange(event: &Recorded) -> Result<(), UnknownEvent> {
    let of = &event.envelope;
    if !of.event_type.ends_with("Strange") {
        return Ok(());
    }
    Err(UnknownEvent {
        event_type: of.event_type.clone(),
        dataschema: of.dataschema.clone(),
        cause: "no such variant".to_owned(),
    })
}

/// Keeps the events of each log in the order in which it took them in.
pub(crate) struct InOrder {
    pub(crate) logs: Vec<LogId>,
}

impl Projection for InOrder {
    fn name(&self) -> &'static str {
        ROWS
    }

    fn logs(&self) -> Vec<LogId> {
        self.logs.clone()
    }

    fn project(&self, event: &Recorded, rows: &mut Rows) -> Result<(), ProjectionError> {
        unknown_if_strange(event)?;
        let log = event.envelope.log().to_string();
        let mut taken: Vec<Uuid> = rows.get("taken", log.as_bytes())?.unwrap_or_default();
        taken.push(event.envelope.id);
        Ok(rows.put("taken", log.as_bytes(), &taken)?)
    }
}

/// Counts a duty when it is due, but fails the first time.
#[derive(Default)]
pub(crate) struct Flaky {
    pub(crate) asked: AtomicUsize,
}

impl DueRule for Flaky {
    fn name(&self) -> &'static str {
        "count-due"
    }

    fn command(&self, due: &Due) -> Result<Vec<Step>, PolicyError> {
        if self.asked.fetch_add(1, Ordering::SeqCst) == 0 {
            return Err(PolicyError::Failed("not now".to_owned()));
        }
        Ok(count(due.cause, due.stream.id))
    }
}

pub(crate) struct Bench {
    pub(crate) own: OwnLog,
    pub(crate) rows: Arc<MemoryRows>,
    pub(crate) policy: Arc<Counting>,
    pub(crate) flaky: Arc<Flaky>,
    pub(crate) clock: Arc<VirtualClock>,
    pub(crate) feed: BadFeed,
    pub(crate) gate: Gate,
    pub(crate) tasks: Tasks,
    pub(crate) running: Running,
}

/// Starts the service over these contacts, its own log and its rows.
pub(crate) fn start(
    sources: &[MemoryLog],
    faults: Faults,
    own: &OwnLog,
    rows: &Arc<MemoryRows>,
    policy: Counting,
) -> Bench {
    let feed = BadFeed::new(sources.iter().cloned().chain([own.log.clone()]), faults);
    start_with(feed, own, rows, policy)
}

pub(crate) fn start_with(
    feed: BadFeed,
    own: &OwnLog,
    rows: &Arc<MemoryRows>,
    policy: Counting,
) -> Bench {
    let logs: Vec<_> = feed
        .logs
        .keys()
        .filter(|log| log.context == "intake")
        .cloned()
        .collect();
    let policy = Arc::new(Counting {
        logs: logs.clone(),
        ..policy
    });
    let (tasks, progress, flaky) = (
        Tasks::new(),
        Progress::default(),
        Arc::new(Flaky::default()),
    );
    let clock = Arc::new(VirtualClock::new(jiff::Timestamp::UNIX_EPOCH));
    let gate = Gate::new(
        DigestKey::new([7; 32]),
        progress.clone(),
        tasks.stop().clone(),
    );
    let ports = Ports {
        region: "310000".parse().unwrap(),
        regions: vec!["310000".parse().unwrap(), "370200".parse().unwrap()],
        feed: Arc::new(feed.clone()),
        rows: rows.clone(),
        clock: Arc::new(HybridClock::new(clock.clone())),
        gate: gate.clone(),
        progress,
    };
    let service = Service {
        name: "tally",
        routes: Box::new(|routes| routes),
        projections: vec![Arc::new(InOrder { logs })],
        writes: Some(WithLog {
            log: own.port(),
            policies: vec![policy.clone()],
            due_rules: vec![flaky.clone()],
        }),
    };
    let (running, _) = service.start(&ports, &tasks);
    Bench {
        own: own.clone(),
        rows: rows.clone(),
        policy,
        flaky,
        clock,
        feed,
        gate,
        tasks,
        running,
    }
}

impl Bench {
    /// Waits, in the test's own time, until something is so.
    pub(crate) async fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let so = async {
            while !is_so(self) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let limit = Duration::from_mins(10);
        assert!(
            tokio::time::timeout(limit, so).await.is_ok(),
            "never: {what}"
        );
    }

    /// Waits until each runner has taken in each log that it follows to its end.
    pub(crate) async fn until_taken_in(&self) {
        self.until("all is taken in", |bench| {
            bench.running.progress.all().iter().all(|of| {
                of.halted.is_some() || of.position == bench.feed.logs[&of.log].head().position
            })
        })
        .await;
    }

    pub(crate) async fn counted(&self) -> Vec<Uuid> {
        let all = self
            .own
            .log
            .read_all(Position(0), usize::MAX)
            .await
            .unwrap();
        let counted = all
            .iter()
            .filter(|event| event.envelope.event_type == "tally.Counted");
        let event = |of: &Recorded| of.envelope.data["event"].as_str().unwrap().parse().unwrap();
        counted.map(event).collect()
    }

    /// What the projection has taken in of a log.
    pub(crate) fn taken(&self, log: &LogId) -> Vec<Uuid> {
        let rows = Rows::new(self.rows.clone());
        rows.get("taken", log.to_string().as_bytes())
            .unwrap()
            .unwrap_or_default()
    }

    pub(crate) fn parked(&self) -> Vec<ParkedEvent> {
        list_parked(&self.running.rows).unwrap()
    }

    pub(crate) fn halted(&self) -> BTreeMap<(String, LogId), String> {
        let all = self.running.progress.all().into_iter();
        all.filter_map(|of| Some(((of.runner, of.log), of.halted?)))
            .collect()
    }

    pub(crate) async fn stop(self) {
        self.tasks.shutdown(Duration::from_secs(5)).await.unwrap();
    }

    /// Waits for the service to stop by itself; says why.
    pub(crate) async fn died(self) -> String {
        let died = self.tasks.stop().cancelled();
        tokio::time::timeout(Duration::from_mins(10), died)
            .await
            .expect("it goes on");
        self.tasks
            .shutdown(Duration::from_secs(5))
            .await
            .unwrap_err()
            .to_string()
    }
}

/// Ids of all events of a log, in order.
pub(crate) async fn ids(of: &MemoryLog) -> Vec<Uuid> {
    let all = of.read_all(Position(0), usize::MAX).await.unwrap();
    all.iter().map(|event| event.envelope.id).collect()
}
