//! The end of a log by its files: the same as the log says of itself, while it is open.

use eventsourcing::EventLog;
use eventsourcing::testing::append;
use eventsourcing::testing::contract::event_log::LOG;
use segment_log::heads_below;

use crate::support::{id, open, run};

#[test]
fn the_end_is_read_from_the_files_of_an_open_log() {
    let dir = tempfile::tempdir().unwrap();
    run(async {
        let (log, _) = open(&dir.path().join("one"));
        // Enough to roll the segment several times: at each step the end lies somewhere else.
        for n in 0..60 {
            let found = heads_below(dir.path()).unwrap();
            assert_eq!(found.len(), 1);
            assert_eq!(found[0].outcome, Ok(Some((id(), log.head()))), "{n}");
            log.append(append(LOG, n, 0, 1)).await.unwrap();
        }
    });
}
