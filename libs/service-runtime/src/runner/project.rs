//! Runs a projection: events in, rows and checkpoint out, in one transaction.

use std::sync::Arc;

use eventsourcing::{Checkpoint, Commit, Projection, Rows};

use super::follow::Following;
use super::{Runner, RunnerError, commit};

pub(crate) async fn project(
    runner: Runner,
    projection: Arc<dyn Projection>,
) -> Result<(), RunnerError> {
    let name = projection.name();
    let mut following = Following::start(runner.clone(), name, projection.logs(), None)?;
    while let Some((log, events)) = following.next().await? {
        let Some(last) = events.last() else { continue };
        let at = Checkpoint {
            position: last.position,
            hash: last.hash,
        };
        let mut rows = Rows::new(runner.ports.rows.clone());
        for event in &events {
            projection.project(event, &mut rows)?;
        }
        let checkpoint = Some((name.to_owned(), log.clone(), at));
        commit(
            &runner,
            Commit {
                changes: rows.into_changes(),
                checkpoint,
            },
        )
        .await?;
        projection.committed(&events);
        runner.ports.progress.reached(name, &log, at.position);
    }
    Ok(())
}
