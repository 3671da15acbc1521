//! Runs the due rules: wakes when the first duty falls due, and commands what its rule says.

use std::sync::Arc;

use eventsourcing::{
    CommandError, CommandHandler, Commit, Due, DueRule, first_due, policy_request_id,
};
use jiff::{SignedDuration, Timestamp};

use super::act::{Failure, declined, rule_request};
use super::{Runner, RunnerError, commit};

/// A duty whose command failed (the disk is full, its history is not understood) is tried again then.
const AGAIN_AFTER: SignedDuration = SignedDuration::from_mins(1);

pub(crate) async fn wake(
    runner: Runner,
    commands: CommandHandler,
    rules: Vec<Arc<dyn DueRule>>,
) -> Result<(), RunnerError> {
    let mut moved = runner.ports.progress.moved();
    loop {
        moved.mark_unchanged();
        let first = first_due(&runner.ports.rows)?;
        let now = runner.ports.clock.now();
        let mut wake_at = None;
        match first {
            Some((at, _)) if at > now => wake_at = Some(at),
            // Rows that lag behind the log may show a duty that has been done: they move first.
            Some((woken_at, due)) if has_caught_up(&runner, &commands) => {
                fire(&runner, &commands, &rules, woken_at, &due).await?;
                continue;
            }
            Some(_) | None => {}
        }
        let sleep = async {
            match wake_at {
                Some(at) => runner.ports.clock.clock().sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = runner.stop.cancelled() => return Ok(()),
            () = sleep => {}
            _ = moved.changed() => {}
        }
    }
}

fn has_caught_up(runner: &Runner, commands: &CommandHandler) -> bool {
    let log = commands.log();
    runner
        .ports
        .progress
        .slowest(log.id())
        .is_none_or(|at| at >= log.head().position)
}

async fn fire(
    runner: &Runner,
    commands: &CommandHandler,
    rules: &[Arc<dyn DueRule>],
    woken_at: Timestamp,
    due: &Due,
) -> Result<(), RunnerError> {
    let mut changes = due.row_removal(woken_at);
    for rule in rules {
        if let Err(error) = command(commands, rule.as_ref(), due).await {
            if let Failure::Command(error) = &error
                && super::is_fatal(error)
            {
                return Err(RunnerError::Log(error.to_string()));
            }
            tracing::error!(rule = rule.name(), stream = %due.stream, %error, "a due rule failed");
            metrics::counter!("liandong_due_failures_total", "rule" => rule.name()).increment(1);
            changes = due.row_postponed(woken_at, runner.ports.clock.now() + AGAIN_AFTER)?;
        }
    }
    commit(
        runner,
        Commit {
            changes,
            checkpoint: None,
        },
    )
    .await?;
    Ok(())
}

async fn command(commands: &CommandHandler, rule: &dyn DueRule, due: &Due) -> Result<(), Failure> {
    let steps = rule.command(due)?;
    if steps.is_empty() {
        return Ok(());
    }
    let mut request = rule_request(rule.name(), rule.version(), due.cause, due.case);
    let once = format!("{}/{}/{}", rule.name(), due.duty, due.due_at);
    request.id = policy_request_id(&once, due.cause);
    match commands.handle_all(&steps, &request).await {
        Err(CommandError::Rejected(rejected)) => {
            Ok(declined(commands, &request, rule.name(), &rejected).await?)
        }
        other => Ok(other.map(drop)?),
    }
}
