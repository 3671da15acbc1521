//! What is queried: the sealed texts of each case, who takes part in it, what was granted and received.

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::ids::{CaseId, GrantId, KeyId, OrganizationId};
use domain::intake::{Intake, KnownSubject};
use domain::keys::{
    GrantEvent, GrantTerms, KeyGrant, KeyReceipt, KeyStanding, KnownCase, ReceiptEvent,
};
use domain::sealed::{Sealed, Text};
use eventsourcing::{
    Aggregate, LogId, Projection, ProjectionError, ProjectionStore, Recorded, Region, Rows,
    StoreError, StreamId, decode,
};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::sealed_texts::sealed_texts;
use crate::taking_part::{Part, parts};

/// Keys: case, event, field. Event ids sort by time.
const TEXTS: &str = "keys-texts";
/// Keys: case, organization. Values: the places that it was given and has not left.
const PARTS: &str = "keys-parts";
/// Keys: case. Values: the places that are no more, whoever has them.
const ENDED: &str = "keys-parts-ended";
/// Keys: case. Values: what decides whose consent counts.
const SUBJECTS: &str = "keys-subjects";
/// Keys: case, grant.
const GRANTS: &str = "keys-grants";
/// Keys: data key. Values: the grant it came by.
const RECEIVED: &str = "keys-received";
/// Keys: grant. Values: when it ends.
const ENDS: &str = "keys-ends";

/// A sealed text and where it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct TextRow {
    pub(crate) event: Uuid,
    pub(crate) event_type: String,
    pub(crate) stream: StreamId,
    pub(crate) field: String,
    pub(crate) recorded_at: Timestamp,
    pub(crate) sealed: Sealed<Text>,
}

/// What one region has granted to another for a case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct GrantRow {
    pub(crate) grant: GrantId,
    pub(crate) terms: GrantTerms,
    pub(crate) delivered: BTreeSet<KeyId>,
}

pub(crate) struct KeyRows {
    pub(crate) region: Region,
    pub(crate) logs: Vec<LogId>,
}

impl Projection for KeyRows {
    fn name(&self) -> &'static str {
        "keys-rows"
    }

    fn logs(&self) -> Vec<LogId> {
        self.logs.clone()
    }

    fn project(&self, event: &Recorded, rows: &mut Rows) -> Result<(), ProjectionError> {
        let Some(case) = event.envelope.caseid.map(CaseId) else {
            return Ok(());
        };
        note_texts(case, event, rows)?;
        for part in parts(event)? {
            note_part(case, part, rows)?;
        }
        match event.envelope.subject.kind.as_str() {
            Intake::KIND if event.envelope.region == case.region() => {
                note_subject(case, event, rows)
            }
            KeyGrant::KIND => note_grant(case, event, rows),
            KeyReceipt::KIND if event.envelope.region == self.region => note_receipt(event, rows),
            _ => Ok(()),
        }
    }
}

fn note_texts(case: CaseId, event: &Recorded, rows: &mut Rows) -> Result<(), StoreError> {
    let envelope = &event.envelope;
    for found in sealed_texts(event) {
        let row = TextRow {
            event: envelope.id,
            event_type: envelope.event_type.clone(),
            stream: envelope.subject.clone(),
            field: found.field,
            recorded_at: envelope.recordedtime,
            sealed: found.sealed,
        };
        let key = text_key(case, row.event, &row.field);
        rows.put(TEXTS, key.as_bytes(), &row)?;
    }
    Ok(())
}

fn note_part(case: CaseId, part: Part, rows: &mut Rows) -> Result<(), StoreError> {
    let (table, key) = match &part {
        Part::Joins { organization, .. } | Part::Leaves { organization, .. } => {
            (PARTS, format!("{case}/{organization}"))
        }
        Part::Ends { .. } => (ENDED, case.to_string()),
    };
    let mut places: BTreeSet<String> = rows.get(table, key.as_bytes())?.unwrap_or_default();
    match part {
        Part::Joins { place, .. } | Part::Ends { place } => places.insert(place),
        Part::Leaves { place, .. } => places.remove(&place),
    };
    rows.put(table, key.as_bytes(), &places)
}

/// What the case's own intake says of its young person.
fn note_subject(case: CaseId, event: &Recorded, rows: &mut Rows) -> Result<(), ProjectionError> {
    let key = case.to_string();
    let mut subject: KnownSubject = rows.get(SUBJECTS, key.as_bytes())?.unwrap_or_default();
    subject.hear_of(&decode::<Intake>(&event.envelope)?);
    Ok(rows.put(SUBJECTS, key.as_bytes(), &subject)?)
}

fn note_grant(case: CaseId, event: &Recorded, rows: &mut Rows) -> Result<(), ProjectionError> {
    let GrantEvent::KeysGranted { terms, keys } = decode::<KeyGrant>(&event.envelope)?;
    let grant = GrantId(event.envelope.subject.id);
    let key = format!("{case}/{grant}");
    let before: Option<GrantRow> = rows.get(GRANTS, key.as_bytes())?;
    let mut delivered = before.map(|row| row.delivered).unwrap_or_default();
    delivered.extend(keys.iter().map(|delivered| delivered.key));
    let row = GrantRow {
        grant,
        terms: *terms,
        delivered,
    };
    Ok(rows.put(GRANTS, key.as_bytes(), &row)?)
}

fn note_receipt(event: &Recorded, rows: &mut Rows) -> Result<(), ProjectionError> {
    let ReceiptEvent::KeysReceived {
        grant,
        keys,
        expires_at,
        ..
    } = decode::<KeyReceipt>(&event.envelope)?;
    rows.put(ENDS, grant.to_string().as_bytes(), &expires_at)?;
    for received in keys {
        rows.put(RECEIVED, received.key.to_string().as_bytes(), &grant)?;
    }
    Ok(())
}

fn text_key(case: CaseId, event: Uuid, field: &str) -> String {
    format!("{case}/{event}/{field}")
}

/// One text of a case.
pub(crate) fn text(
    store: &Arc<dyn ProjectionStore>,
    case: CaseId,
    event: Uuid,
    field: &str,
) -> Result<Option<TextRow>, StoreError> {
    Rows::new(store.clone()).get(TEXTS, text_key(case, event, field).as_bytes())
}

/// A case's texts after a page token, oldest first, each with the token that follows it.
pub(crate) fn texts(
    store: &Arc<dyn ProjectionStore>,
    case: CaseId,
    after: &str,
    limit: usize,
) -> Result<Vec<(String, TextRow)>, StoreError> {
    page(store, TEXTS, case, after, limit)
}

/// A case's grants after a page token, each with the token that follows it.
pub(crate) fn grants(
    store: &Arc<dyn ProjectionStore>,
    case: CaseId,
    after: &str,
    limit: usize,
) -> Result<Vec<(String, GrantRow)>, StoreError> {
    page(store, GRANTS, case, after, limit)
}

/// Whether an organization has a place in a case.
pub(crate) fn takes_part(
    store: &Arc<dyn ProjectionStore>,
    case: CaseId,
    organization: OrganizationId,
) -> Result<bool, StoreError> {
    let rows = Rows::new(store.clone());
    let key = format!("{case}/{organization}");
    let places: BTreeSet<String> = rows.get(PARTS, key.as_bytes())?.unwrap_or_default();
    let ended: BTreeSet<String> = rows
        .get(ENDED, case.to_string().as_bytes())?
        .unwrap_or_default();
    Ok(!places.is_subset(&ended))
}

/// What is known of a case to somebody of an organization of this region.
pub(crate) fn known_case(
    store: &Arc<dyn ProjectionStore>,
    case: CaseId,
    organization: OrganizationId,
) -> Result<KnownCase, StoreError> {
    if takes_part(store, case, organization)? {
        let rows = Rows::new(store.clone());
        let subject: Option<KnownSubject> = rows.get(SUBJECTS, case.to_string().as_bytes())?;
        let subject = subject.unwrap_or_default();
        return Ok(KnownCase::OwnPart {
            age_band: subject.age_band,
            guardian_suspected: subject.guardian_suspected,
        });
    }
    let anybody = store.scan(PARTS, format!("{case}/").as_bytes(), None, 1)?;
    Ok(if anybody.is_empty() {
        KnownCase::Unknown
    } else {
        KnownCase::OfOthers
    })
}

/// What the region may do with a key that was not destroyed.
pub(crate) fn standing(
    store: &Arc<dyn ProjectionStore>,
    region: Region,
    key: KeyId,
) -> Result<KeyStanding, StoreError> {
    if key.region() == region {
        return Ok(KeyStanding::Held);
    }
    let rows = Rows::new(store.clone());
    let Some(grant) = rows.get::<GrantId>(RECEIVED, key.to_string().as_bytes())? else {
        return Ok(KeyStanding::NotGranted);
    };
    let end: Option<Option<Timestamp>> = rows.get(ENDS, grant.to_string().as_bytes())?;
    Ok(match end.flatten() {
        Some(end) => KeyStanding::GrantedUntil(end),
        None => KeyStanding::Held,
    })
}

fn page<T: DeserializeOwned>(
    store: &Arc<dyn ProjectionStore>,
    table: &str,
    case: CaseId,
    after: &str,
    limit: usize,
) -> Result<Vec<(String, T)>, StoreError> {
    let prefix = format!("{case}/");
    let after = format!("{prefix}{after}");
    let found = store.scan(table, prefix.as_bytes(), Some(after.as_bytes()), limit)?;
    let rows = found.into_iter().map(|(key, value)| {
        let token = String::from_utf8_lossy(&key[prefix.len()..]).into_owned();
        let row = serde_json::from_slice(&value)
            .map_err(|error| StoreError(format!("a row of the keys is unreadable: {error}")))?;
        Ok((token, row))
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use eventsourcing::testing::MemoryRows;
    use eventsourcing::{Commit, ScopedId};

    use super::*;

    fn id(number: u128) -> ScopedId {
        ScopedId::new(Region::CENTRAL, Uuid::from_u128(number))
    }

    fn takes_part_after(parts: &[Part]) -> bool {
        let store: Arc<dyn ProjectionStore> = Arc::new(MemoryRows::default());
        for part in parts {
            let mut rows = Rows::new(store.clone());
            note_part(CaseId(id(1)), part.clone(), &mut rows).unwrap();
            let changes = rows.into_changes();
            let checkpoint = None;
            store
                .commit(Commit {
                    changes,
                    checkpoint,
                })
                .unwrap();
        }
        takes_part(&store, CaseId(id(1)), OrganizationId(id(2))).unwrap()
    }

    #[test]
    fn whose_place_has_ended_takes_no_part_in_whatever_order_the_logs_are_read() {
        let place = || "to/hop".to_owned();
        let joins = |place| Part::Joins {
            organization: OrganizationId(id(2)),
            place,
        };
        // Sent to it, accepted by it, ended: each in a log of its own.
        let parts = [
            joins(place()),
            joins(place()),
            Part::Ends { place: place() },
        ];
        for order in [[0, 1, 2], [0, 2, 1], [2, 0, 1]] {
            let parts = order.map(|index| parts[index].clone());
            assert!(!takes_part_after(&parts), "{order:?}");
        }
        // The other side of the same hop, and a further hop, are places of their own.
        for other in ["from/hop", "to/further"] {
            let [_, accepted, ended] = parts.clone();
            let more = joins(other.to_owned());
            assert!(takes_part_after(&[more.clone(), ended.clone(), accepted]));
            assert!(takes_part_after(&[ended, more]));
        }
    }
}
