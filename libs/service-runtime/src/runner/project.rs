//! Runs a projection: events in, rows and checkpoint out, in one transaction.

use std::sync::Arc;

use eventsourcing::{
    Checkpoint, Commit, LogId, Projection, ProjectionError, Recorded, Rows, UnknownEvent,
};

use super::follow::Following;
use super::{Runner, RunnerError, commit};

pub(crate) async fn project(
    runner: Runner,
    projection: Arc<dyn Projection>,
) -> Result<(), RunnerError> {
    let name = projection.name();
    let mut following = Following::start(runner.clone(), name, projection.logs(), None)?;
    while let Some((log, mut events)) = following.next().await? {
        let (rows, unknown) = understood(&runner, projection.as_ref(), &mut events)?;
        take_in(&runner, projection.as_ref(), &log, &events, rows).await?;
        if let Some(unknown) = unknown {
            // A newer version wrote it. Passing over it would make rows that are wrong and stay so;
            // stopping the process would take down all that is understood.
            following.halt(&log, &unknown);
        }
    }
    Ok(())
}

/// The rows up to the first event that is not understood, and `events` cut off there.
fn understood(
    runner: &Runner,
    projection: &dyn Projection,
    events: &mut Vec<Recorded>,
) -> Result<(Rows, Option<UnknownEvent>), RunnerError> {
    let mut rows = Rows::new(runner.ports.rows.clone());
    for (index, event) in events.iter().enumerate() {
        match projection.project(event, &mut rows) {
            Ok(()) => {}
            Err(ProjectionError::Store(error)) => return Err(error.into()),
            Err(ProjectionError::Unknown(unknown)) => {
                events.truncate(index);
                return Ok((rows, Some(unknown)));
            }
        }
    }
    Ok((rows, None))
}

async fn take_in(
    runner: &Runner,
    projection: &dyn Projection,
    log: &LogId,
    events: &[Recorded],
    rows: Rows,
) -> Result<(), RunnerError> {
    let Some(last) = events.last() else {
        return Ok(());
    };
    let name = projection.name();
    let at = Checkpoint {
        position: last.position,
        hash: last.hash,
    };
    let all = Commit {
        changes: rows.into_changes(),
        checkpoint: Some((name.to_owned(), log.clone(), at)),
    };
    commit(runner, all).await?;
    projection.committed(events);
    runner.ports.progress.reached(name, log, at.position);
    Ok(())
}
