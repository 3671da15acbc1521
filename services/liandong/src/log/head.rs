//! `log head`: where every log below a directory ends.

use std::path::Path;

use segment_log::{LogHead, heads_below};
use serde::Serialize;

use super::{no_logs, unreadable};
use crate::failure::{Failure, note};
use crate::moment::in_beijing;
use crate::output::{Heading, Screen};

pub(super) const JSON: &str = "\
JSON: an array of {log, dir, position, hash, recorded_at, unreadable}; `log` and `hash` are null for
a log that has only reserved its space, `recorded_at` is null for one without events, `unreadable`
says why the end of a log could not be read; its `position` is null then.";

/// The end of a log, as programs get it.
#[derive(Debug, Serialize)]
struct End {
    log: Option<String>,
    dir: String,
    position: Option<u64>,
    hash: Option<String>,
    recorded_at: Option<String>,
    unreadable: Option<String>,
    #[serde(skip)]
    recorded_shown: String,
}

pub(super) fn run(dir: &Path, screen: Screen) -> Result<(), Failure> {
    let heads = heads_below(dir).map_err(|error| unreadable(dir, &error))?;
    if heads.is_empty() {
        return Err(no_logs(dir));
    }
    let ends: Vec<End> = heads.into_iter().map(End::from).collect();
    let failed: Vec<&String> = ends
        .iter()
        .filter_map(|end| end.unreadable.as_ref())
        .collect();
    for cause in &failed {
        note(&format!("liandong: {cause}"));
    }
    let all_read = if failed.is_empty() {
        Ok(())
    } else {
        let (failed, all) = (failed.len(), ends.len());
        Err(Failure::failed(format!(
            "the ends of {failed} of {all} logs cannot be read; run `liandong log verify` on the directory"
        )))
    };
    let printed = screen.answer(&ends, HEADINGS, |ends| ends.iter().map(End::row).collect());
    all_read.and(printed)
}

impl From<LogHead> for End {
    fn from(found: LogHead) -> Self {
        let (head, unreadable) = match found.outcome {
            Ok(head) => (head, None),
            Err(error) => (None, Some(error.to_string())),
        };
        let (log, head) = head.unzip();
        let recorded_at = head.and_then(|head| head.recorded_at);
        let position = head.map_or(0, |head| head.position.0);
        Self {
            log: log.map(|log| log.to_string()),
            dir: found.dir.display().to_string(),
            position: unreadable.is_none().then_some(position),
            hash: head.map(|head| head.hash.to_string()),
            recorded_at: recorded_at.map(|at| at.to_string()),
            unreadable,
            recorded_shown: recorded_at.map(in_beijing).unwrap_or_default(),
        }
    }
}

const HEADINGS: &[Heading] = &[
    ("日志", "LOG"),
    ("位置", "POSITION"),
    ("记录时间", "RECORDED"),
    ("哈希", "HASH"),
    ("目录", "DIRECTORY"),
];

impl End {
    fn row(&self) -> Vec<String> {
        let dash = || "-".to_owned();
        vec![
            self.log.clone().unwrap_or_else(dash),
            self.position
                .map_or_else(dash, |position| position.to_string()),
            self.recorded_shown.clone(),
            self.hash.clone().unwrap_or_else(dash),
            self.dir.clone(),
        ]
    }
}
