//! What is queried: each team as it stands, and the open tasks of each organization by due time.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::caseteam::{CaseTeam, Standing, Task, TaskStatus};
use domain::ids::{CaseId, OrganizationId, TeamId};
use eventsourcing::{
    Aggregate, LogId, Projection, ProjectionError, ProjectionStore, Recorded, Rows, StoreError,
    UnknownEvent, Version, decode,
};
use serde::{Deserialize, Serialize};

const TEAMS: &str = "caseteam-teams";
/// Keys: owner, due time, team, task.
const TASKS: &str = "caseteam-tasks";

/// A team, folded by the same `evolve` that decides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct TeamRow {
    pub(crate) case: CaseId,
    pub(crate) version: Version,
    pub(crate) team: CaseTeam,
}

/// An open task, and where it belongs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct OwnedTask {
    pub(crate) team: TeamId,
    pub(crate) case: CaseId,
    pub(crate) task: Task,
}

pub(crate) struct TeamRows {
    pub(crate) log: LogId,
}

impl Projection for TeamRows {
    fn name(&self) -> &'static str {
        "caseteam-rows"
    }

    fn logs(&self) -> Vec<LogId> {
        vec![self.log.clone()]
    }

    fn project(&self, event: &Recorded, rows: &mut Rows) -> Result<(), ProjectionError> {
        let envelope = &event.envelope;
        if envelope.subject.kind != CaseTeam::KIND {
            return Ok(());
        }
        let happened = decode::<CaseTeam>(envelope)?;
        let case = envelope.caseid.map(CaseId).ok_or_else(|| UnknownEvent {
            event_type: envelope.event_type.clone(),
            dataschema: envelope.dataschema.clone(),
            cause: "it belongs to no case".to_owned(),
        })?;
        let id = TeamId(envelope.subject.id);
        let before: Option<TeamRow> = rows.get(TEAMS, id.to_string().as_bytes())?;
        let mut team = before
            .as_ref()
            .map_or_else(CaseTeam::default, |row| row.team.clone());
        team.evolve(&happened);

        let old = before.map_or_else(BTreeMap::new, |row| open_tasks(id, &row));
        let version = envelope.version;
        let row = TeamRow {
            case,
            version,
            team,
        };
        let new = open_tasks(id, &row);
        for key in old.keys().filter(|key| !new.contains_key(*key)) {
            rows.delete(TASKS, key.as_bytes());
        }
        for (key, task) in new.iter().filter(|(key, _)| !old.contains_key(*key)) {
            rows.put(TASKS, key.as_bytes(), task)?;
        }
        rows.put(TEAMS, id.to_string().as_bytes(), &row)?;
        Ok(())
    }
}

/// What is to be done in a team; nothing once it stood down.
fn open_tasks(team: TeamId, row: &TeamRow) -> BTreeMap<String, OwnedTask> {
    let standing = row
        .team
        .team
        .iter()
        .filter(|team| team.standing != Standing::StoodDown);
    let tasks = standing.flat_map(|team| team.tasks.values());
    let open = tasks
        .filter(|task| task.status == TaskStatus::Open)
        .map(|task| {
            let order = &task.order;
            // Due times lie after 1970, so that digits sort as time does.
            let due_at = order.due_at.as_millisecond();
            let key = format!("{}/{due_at:020}/{team}/{}", order.owner, order.task);
            let (case, task) = (row.case, task.clone());
            (key, OwnedTask { team, case, task })
        });
    open.collect()
}

/// The team as it stands, if there ever was one.
pub(crate) fn team(
    store: &Arc<dyn ProjectionStore>,
    id: TeamId,
) -> Result<Option<TeamRow>, StoreError> {
    Rows::new(store.clone()).get(TEAMS, id.to_string().as_bytes())
}

/// Open tasks of an owner after a page token, first due first, each with the token that follows it.
pub(crate) fn tasks_of(
    store: &Arc<dyn ProjectionStore>,
    owner: OrganizationId,
    after: &str,
    limit: usize,
) -> Result<Vec<(String, OwnedTask)>, StoreError> {
    let prefix = format!("{owner}/");
    let after = format!("{prefix}{after}");
    let found = store.scan(TASKS, prefix.as_bytes(), Some(after.as_bytes()), limit)?;
    let rows = found.into_iter().map(|(key, value)| {
        let token = String::from_utf8_lossy(&key[prefix.len()..]).into_owned();
        let task = serde_json::from_slice(&value)
            .map_err(|error| StoreError(format!("a task's row is unreadable: {error}")))?;
        Ok((token, task))
    });
    rows.collect()
}
