//! What becomes of a log while it is served: a failure takes the process down, the scrub is reported.

use std::sync::Arc;
use std::time::Duration;

use eventsourcing::EventLog;
use segment_log::SegmentLog;
use service_runtime::Tasks;

/// How often the scrub's report is passed on.
const REPORT_EVERY: Duration = Duration::from_secs(5);

/// Owns the watch of a log as a task that fails, and names the log, once it takes no more writes.
pub(crate) fn watch(log: &Arc<SegmentLog>, tasks: &Tasks) {
    let (log, stop) = (log.clone(), tasks.stop().clone());
    tasks.spawn(format!("log {}", log.id()), async move {
        loop {
            report(&log);
            tokio::select! {
                failed = log.failed() => return Err(failed),
                () = stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(REPORT_EVERY) => {}
            }
        }
    });
}

/// For how long the longest waiting segment has not been checked, and whether damage was found.
fn report(log: &SegmentLog) {
    let report = log.scrub().report();
    let id = log.id().to_string();
    metrics::gauge!("liandong_log_scrub_age_seconds", "log" => id.clone())
        .set(report.age.as_secs_f64());
    metrics::gauge!("liandong_log_damaged", "log" => id).set(if report.damage.is_some() {
        1.0
    } else {
        0.0
    });
}
