//! What is queried: each plan as it stands, what each organization owes by due time; and the duties
//! that the clock watches.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::followup::{FollowUpPlan, PlanState, Visit};
use domain::ids::{CaseId, OrganizationId, PlanId, VisitId};
use eventsourcing::{
    Aggregate, Due, LogId, Projection, ProjectionError, ProjectionStore, Recorded, Rows,
    StoreError, UnknownEvent, Version, decode,
};
use serde::{Deserialize, Serialize};

const PLANS: &str = "followup-plans";
/// Keys: organization, due time, plan, visit.
const OWED: &str = "followup-owed";
const DUTY: &str = "visit/";

/// A plan, folded by the same `evolve` that decides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct PlanRow {
    pub(crate) case: CaseId,
    pub(crate) version: Version,
    pub(crate) plan: FollowUpPlan,
}

/// An owed visit, and where it belongs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct OwedVisit {
    pub(crate) plan: PlanId,
    pub(crate) case: CaseId,
    pub(crate) id: VisitId,
    pub(crate) visit: Visit,
}

pub(crate) struct PlanRows {
    pub(crate) log: LogId,
}

impl Projection for PlanRows {
    fn name(&self) -> &'static str {
        "followup-rows"
    }

    fn logs(&self) -> Vec<LogId> {
        vec![self.log.clone()]
    }

    fn project(&self, event: &Recorded, rows: &mut Rows) -> Result<(), ProjectionError> {
        let envelope = &event.envelope;
        if envelope.subject.kind != FollowUpPlan::KIND {
            return Ok(());
        }
        let happened = decode::<FollowUpPlan>(envelope)?;
        let case = envelope.caseid.map(CaseId).ok_or_else(|| UnknownEvent {
            event_type: envelope.event_type.clone(),
            dataschema: envelope.dataschema.clone(),
            cause: "it belongs to no case".to_owned(),
        })?;
        let id = PlanId(envelope.subject.id);
        let before: Option<PlanRow> = rows.get(PLANS, id.to_string().as_bytes())?;
        let mut plan = before
            .as_ref()
            .map_or_else(FollowUpPlan::default, |row| row.plan.clone());
        plan.evolve(&happened);

        let old = before.map_or_else(BTreeMap::new, |row| owed(id, &row));
        let version = envelope.version;
        let row = PlanRow {
            case,
            version,
            plan,
        };
        let new = owed(id, &row);
        for (key, gone) in old.iter().filter(|(key, _)| !new.contains_key(*key)) {
            rows.delete(OWED, key.as_bytes());
            rows.end_duty(&envelope.subject, &duty(gone.id))?;
        }
        for (key, owed) in new.iter().filter(|(key, _)| !old.contains_key(*key)) {
            rows.put(OWED, key.as_bytes(), owed)?;
            rows.start_duty(&Due {
                due_at: owed.visit.due_at,
                duty: duty(owed.id),
                stream: envelope.subject.clone(),
                cause: envelope.id,
                case: envelope.caseid,
            })?;
        }
        rows.put(PLANS, id.to_string().as_bytes(), &row)?;
        Ok(())
    }
}

/// What is owed under a plan, by row key: a visit whose time or owner changes gets another key.
fn owed(plan: PlanId, row: &PlanRow) -> BTreeMap<String, OwedVisit> {
    let Some(charge) = row
        .plan
        .charge()
        .filter(|_| row.plan.state() == PlanState::Open)
    else {
        return BTreeMap::new();
    };
    let owner = charge.unit.organization;
    let visits = row.plan.owed().map(|(id, visit)| {
        // Due times lie after 1970, so that digits sort as time does.
        let due_at = visit.due_at.as_millisecond();
        let key = format!("{owner}/{due_at:020}/{plan}/{id}");
        let (case, id, visit) = (row.case, *id, *visit);
        (
            key,
            OwedVisit {
                plan,
                case,
                id,
                visit,
            },
        )
    });
    visits.collect()
}

fn duty(visit: VisitId) -> String {
    format!("{DUTY}{visit}")
}

/// The visit that a duty is about.
pub(crate) fn visit_of_duty(duty: &str) -> Option<VisitId> {
    duty.strip_prefix(DUTY)?.parse().ok()
}

/// The plan as it stands, if there ever was one.
pub(crate) fn plan(
    store: &Arc<dyn ProjectionStore>,
    id: PlanId,
) -> Result<Option<PlanRow>, StoreError> {
    Rows::new(store.clone()).get(PLANS, id.to_string().as_bytes())
}

/// What an organization owes after a page token, first due first, each with the token that follows it.
pub(crate) fn owed_by(
    store: &Arc<dyn ProjectionStore>,
    owner: OrganizationId,
    after: &str,
    limit: usize,
) -> Result<Vec<(String, OwedVisit)>, StoreError> {
    let prefix = format!("{owner}/");
    let after = format!("{prefix}{after}");
    let found = store.scan(OWED, prefix.as_bytes(), Some(after.as_bytes()), limit)?;
    let rows = found.into_iter().map(|(key, value)| {
        let token = String::from_utf8_lossy(&key[prefix.len()..]).into_owned();
        let visit = serde_json::from_slice(&value)
            .map_err(|error| StoreError(format!("a visit's row is unreadable: {error}")))?;
        Ok((token, visit))
    });
    rows.collect()
}

#[cfg(test)]
mod tests;
