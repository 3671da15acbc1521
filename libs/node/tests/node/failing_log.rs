//! A log that can no longer be written stops the system, loudly; the scrub is seen from outside.

use std::sync::Arc;

use eventsourcing::testing::append;
use eventsourcing::{AppendError, Position};
use segment_log::Options;
use service_runtime::telemetry::start_metrics;

use crate::bench::{log, shanghai, start};
use crate::failing_disk::{FailingDisk, Sync};

#[tokio::test]
async fn a_log_that_fails_or_whose_writer_dies_stops_the_system_which_names_it() {
    for trouble in [Sync::Fails, Sync::Panics] {
        let dir = tempfile::tempdir().unwrap();
        let disk = FailingDisk::default();
        disk.set(Sync::Works);
        let options = Options {
            storage: Arc::new(disk.clone()),
            ..Options::default()
        };
        let system = start(dir.path(), options, None).await.unwrap();
        let name = shanghai().to_string();
        let first = append(&name, 1, 0, 1);
        log(&system).append(first.clone()).await.unwrap();

        disk.set(trouble);
        let refused = log(&system).append(append(&name, 2, 0, 1)).await;
        assert!(
            matches!(refused, Err(AppendError::Unavailable(_))),
            "{refused:?}"
        );
        system.tasks().stop().cancelled().await;
        let failed = system.stop().await.unwrap_err().to_string();
        assert!(failed.contains(&name), "{failed}");

        let system = start(dir.path(), Options::default(), None).await.unwrap();
        let found = log(&system).find_request(first.request).await.unwrap();
        assert_eq!(found[0].position, Position(1));
        system.stop().await.unwrap();
    }
}

#[tokio::test]
async fn the_age_of_the_scrub_and_damage_are_metrics() {
    let dir = tempfile::tempdir().unwrap();
    let metrics = start_metrics();
    let system = start(dir.path(), Options::default(), Some(metrics.clone())).await;
    let system = system.unwrap();
    let of_log = format!("{{log=\"{}\"}}", shanghai());
    for name in ["liandong_log_scrub_age_seconds", "liandong_log_damaged"] {
        let line = format!("{name}{of_log} 0");
        while !metrics.render().contains(&line) {
            tokio::task::yield_now().await;
        }
    }
    system.stop().await.unwrap();
}
