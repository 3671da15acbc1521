//! What is queried: each intake as the rules see it, and the intakes of each desk, newest first.

use domain::ids::{DeskId, IntakeId};
use domain::intake::consent::{ConsentEntry, ConsentState};
use domain::intake::record::Record;
use domain::intake::{Intake, IntakeEvent};
use eventsourcing::{
    Aggregate, Due, LogId, Projection, ProjectionError, ProjectionStore, Recorded, Rows,
    StoreError, Version, decode,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::duties;

/// Intakes by id.
const INTAKES: &str = "intake-intakes";
/// Ids of intakes by desk and time, newest first.
const BY_DESK: &str = "intake-by-desk";

/// One intake: folded by the same `evolve` on which the rules decide.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) version: Version,
    pub(crate) intake: Intake,
}

/// The recorded contact of a row, with its id and the version it is at.
pub(crate) struct Found {
    pub(crate) id: IntakeId,
    pub(crate) version: Version,
    pub(crate) record: Record,
}

pub(crate) struct IntakeRows {
    pub(crate) log: LogId,
}

impl Projection for IntakeRows {
    fn name(&self) -> &'static str {
        "intakes"
    }

    fn logs(&self) -> Vec<LogId> {
        vec![self.log.clone()]
    }

    fn project(&self, event: &Recorded, rows: &mut Rows) -> Result<(), ProjectionError> {
        let envelope = &event.envelope;
        if envelope.subject.kind != Intake::KIND {
            return Ok(());
        }
        let fact = decode::<Intake>(envelope)?;
        let key = envelope.subject.id.to_string();
        let mut row: Row = rows.get(INTAKES, key.as_bytes())?.unwrap_or_default();
        let before = owed(&row.intake);
        row.intake.evolve(&fact);
        row.version = envelope.version;
        move_duties(before, &row.intake, &fact, event, rows)?;
        if let IntakeEvent::ContactRecorded {
            desk, received_at, ..
        } = &fact
        {
            let place = by_desk(desk.desk, *received_at, &key);
            rows.put(BY_DESK, place.as_bytes(), &key)?;
        }
        Ok(rows.put(INTAKES, key.as_bytes(), &row)?)
    }
}

/// What is owed at the desk, by when; nothing once it is done, or once it is known to be missed.
fn owed(intake: &Intake) -> [(&'static str, Option<Timestamp>); 2] {
    let (first_action, callback) = match intake {
        Intake::NotRecorded => (None, None),
        Intake::Recorded(record) => (
            record
                .first_action_due_at
                .filter(|_| !record.first_action_missed),
            record.callbacks.untried_until,
        ),
    };
    [
        (duties::FIRST_ACTION, first_action),
        (duties::CALLBACK, callback),
    ]
}

fn move_duties(
    before: [(&'static str, Option<Timestamp>); 2],
    now: &Intake,
    fact: &IntakeEvent,
    event: &Recorded,
    rows: &mut Rows,
) -> Result<(), StoreError> {
    for (was, (duty, due_at)) in before.into_iter().zip(owed(now)) {
        if was != (duty, due_at) {
            move_duty(duty.to_owned(), due_at, event, rows)?;
        }
    }
    if let IntakeEvent::ConsentRecorded { entry }
    | IntakeEvent::ConsentExpired { entry }
    | IntakeEvent::ConsentVoided { entry } = fact
    {
        let duty = duties::consent(entry.by, entry.purpose);
        move_duty(duty, ends(entry), event, rows)?;
    }
    Ok(())
}

fn ends(entry: &ConsentEntry) -> Option<Timestamp> {
    entry
        .valid_until
        .filter(|_| entry.state == ConsentState::Given)
}

fn move_duty(
    duty: String,
    due_at: Option<Timestamp>,
    event: &Recorded,
    rows: &mut Rows,
) -> Result<(), StoreError> {
    let envelope = &event.envelope;
    let Some(due_at) = due_at else {
        return rows.end_duty(&envelope.subject, &duty);
    };
    rows.start_duty(&Due {
        due_at,
        duty,
        stream: envelope.subject.clone(),
        cause: envelope.id,
        case: envelope.caseid,
    })
}

/// One intake, if it was recorded.
pub(crate) fn intake(
    rows: &dyn ProjectionStore,
    id: IntakeId,
) -> Result<Option<Found>, StoreError> {
    let Some(value) = rows.get(INTAKES, id.to_string().as_bytes())? else {
        return Ok(None);
    };
    let row: Row = read(&value)?;
    Ok(match row.intake {
        Intake::NotRecorded => None,
        Intake::Recorded(record) => Some(Found {
            id,
            version: row.version,
            record: *record,
        }),
    })
}

/// At most `limit` intakes of a desk after `place`, each with its place in the list.
pub(crate) fn intakes_of(
    rows: &dyn ProjectionStore,
    desk: DeskId,
    after: Option<&[u8]>,
    limit: usize,
) -> Result<Vec<(Vec<u8>, Found)>, StoreError> {
    let mut found = Vec::new();
    for (place, value) in rows.scan(BY_DESK, format!("{desk}/").as_bytes(), after, limit)? {
        let id: IntakeId = read(&value)?;
        if let Some(intake) = intake(rows, id)? {
            found.push((place, intake));
        }
    }
    Ok(found)
}

/// A key that sorts later receipts first.
fn by_desk(desk: DeskId, received_at: Timestamp, intake: &str) -> String {
    // Signed milliseconds, moved into the unsigned range, then turned round.
    let millis = received_at.as_millisecond().cast_unsigned() ^ (1 << 63);
    format!("{desk}/{:016x}/{intake}", !millis)
}

fn read<T: serde::de::DeserializeOwned>(value: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(value)
        .map_err(|error| StoreError(format!("a row is unreadable: {error}")))
}
