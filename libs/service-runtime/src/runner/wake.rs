//! Runs the due rules: wakes when the first duty falls due, and commands what its rule says.

use std::sync::Arc;

use eventsourcing::{
    CommandError, CommandHandler, Commit, Due, DueRule, first_due, policy_request_id,
};
use jiff::{SignedDuration, Timestamp};

use super::act::{Failure, declined, rule_request};
use super::{Remedy, Runner, RunnerError, blocking, commit, remedy};

/// A duty whose command failed (the disk is full, its history is not understood) is tried again then.
const AGAIN_AFTER: SignedDuration = SignedDuration::from_mins(1);

pub(crate) async fn wake(
    runner: Runner,
    commands: CommandHandler,
    rules: Vec<Arc<dyn DueRule>>,
) -> Result<(), RunnerError> {
    let mut moved = runner.ports.progress.moved();
    while !runner.stop.is_cancelled() {
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
    Ok(())
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
        if let Err(error) = command(commands, rule, due).await {
            if let Failure::Command(error) = &error
                && remedy(error) == Remedy::Stop
            {
                return Err(RunnerError::Log(error.to_string()));
            }
            tracing::error!(rule = rule.name(), stream = %due.stream, %error, "a due rule failed");
            metrics::counter!("liandong_due_failures_total", "rule" => rule.name()).increment(1);
            let until = runner.ports.clock.now() + AGAIN_AFTER;
            changes = due.row_postponed(&runner.ports.rows, woken_at, until)?;
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

async fn command(
    commands: &CommandHandler,
    rule: &Arc<dyn DueRule>,
    due: &Due,
) -> Result<(), Failure> {
    let (asked, of) = (rule.clone(), due.clone());
    let steps = blocking(move || asked.command(&of)).await?;
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
