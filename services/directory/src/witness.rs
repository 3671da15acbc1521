//! Witnessing: how far the logs of other regions have been followed, taken down in the own log, at most
//! once a minute while they change. A log that only witnesses does not change: two regions would
//! witness each other for ever.

use std::sync::Arc;

use domain::directory::{Head, LogWitness, WITNESS_HEADS, WitnessCommand};
use eventsourcing::{
    Aggregate, Checkpoint, Due, DueRule, HybridClock, LogId, PolicyError, Projection,
    ProjectionError, ProjectionStore, Recorded, Region, Rows, Step, StreamId,
};
use jiff::{SignedDuration, Timestamp};
use service_runtime::Ports;

/// Foreign log -> how far it has been followed.
const HEADS: &str = "directory-heads";
/// Foreign log -> when it is witnessed next.
const NEXT: &str = "directory-witness-next";
/// The duty's name, before the log's.
const DUTY: &str = "witness/";

/// A log is witnessed this long after it has changed, so that what comes together is witnessed once.
const WITNESSED_AFTER: SignedDuration = SignedDuration::from_mins(1);

/// Follows the logs of the other regions.
pub(crate) struct ForeignHeads {
    region: Region,
    logs: Vec<LogId>,
    clock: Arc<HybridClock>,
}

impl ForeignHeads {
    pub(crate) fn new(ports: &Ports) -> Self {
        let logs = domain::CONTEXTS
            .iter()
            .flat_map(|context| ports.logs(context));
        Self {
            region: ports.region,
            logs: logs.filter(|log| log.region != ports.region).collect(),
            clock: ports.clock.clone(),
        }
    }
}

impl Projection for ForeignHeads {
    fn name(&self) -> &'static str {
        "foreign-heads"
    }

    fn logs(&self) -> Vec<LogId> {
        self.logs.clone()
    }

    fn project(&self, event: &Recorded, rows: &mut Rows) -> Result<(), ProjectionError> {
        let log = event.envelope.log();
        let key = log.to_string();
        let at = Checkpoint {
            position: event.position,
            hash: event.hash,
        };
        rows.put(HEADS, key.as_bytes(), &at)?;
        let now = self.clock.now();
        let next = rows.get::<Timestamp>(NEXT, key.as_bytes())?;
        if event.envelope.subject.kind == LogWitness::KIND || next.is_some_and(|next| next > now) {
            return Ok(());
        }
        let due_at = now + WITNESSED_AFTER;
        rows.put(NEXT, key.as_bytes(), &due_at)?;
        rows.start_duty(&Due {
            due_at,
            duty: format!("{DUTY}{log}"),
            stream: StreamId::new(LogWitness::KIND, LogWitness::id(self.region, &log)),
            cause: event.envelope.id,
            case: None,
        })?;
        Ok(())
    }
}

/// Takes down a head when its minute is over.
pub(crate) struct WitnessHeads {
    pub(crate) rows: Arc<dyn ProjectionStore>,
}

impl DueRule for WitnessHeads {
    fn name(&self) -> &'static str {
        WITNESS_HEADS
    }

    fn command(&self, due: &Due) -> Result<Vec<Step>, PolicyError> {
        let Some(log) = due.duty.strip_prefix(DUTY) else {
            return Ok(Vec::new());
        };
        let unreadable = |error: &dyn std::fmt::Display| PolicyError::Failed(error.to_string());
        let Some(at) = self.rows.get(HEADS, log.as_bytes())? else {
            return Ok(Vec::new());
        };
        let head = Head {
            log: log.parse().map_err(|error| unreadable(&error))?,
            at: serde_json::from_slice(&at).map_err(|error| unreadable(&error))?,
        };
        let command = WitnessCommand::Witness(head);
        Ok(vec![Step::of::<LogWitness>(due.stream.id, command)])
    }
}
