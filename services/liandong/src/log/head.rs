//! `log head`: where every log below a directory ends.

use std::path::Path;

use segment_log::{LogHead, heads_below};
use serde::Serialize;

use super::{no_logs, unreadable};
use crate::failure::Failure;
use crate::moment::in_beijing;
use crate::output::{Heading, Screen};

pub(super) const JSON: &str = "\
JSON: an array of {log, dir, position, hash, recorded_at}; `log` and `hash` are null for a log that
has only reserved its space, `recorded_at` is null for one without events.";

/// The end of a log, as programs get it.
#[derive(Debug, Serialize)]
struct End {
    log: Option<String>,
    dir: String,
    position: u64,
    hash: Option<String>,
    recorded_at: Option<String>,
    #[serde(skip)]
    recorded_shown: String,
}

pub(super) fn run(dir: &Path, screen: Screen) -> Result<(), Failure> {
    let heads = heads_below(dir).map_err(|error| unreadable(dir, &error))?;
    if heads.is_empty() {
        return Err(no_logs(dir));
    }
    let ends: Vec<End> = heads.into_iter().map(end).collect::<Result<_, _>>()?;
    screen.answer(&ends, HEADINGS, |ends| ends.iter().map(End::row).collect())
}

fn end(found: LogHead) -> Result<End, Failure> {
    let head = found.outcome.map_err(|error| {
        Failure::failed(format!(
            "{error}; run `liandong log verify` on the directory"
        ))
    })?;
    let (log, head) = head.unzip();
    let recorded_at = head.and_then(|head| head.recorded_at);
    Ok(End {
        log: log.map(|log| log.to_string()),
        dir: found.dir.display().to_string(),
        position: head.map_or(0, |head| head.position.0),
        hash: head.map(|head| head.hash.to_string()),
        recorded_at: recorded_at.map(|at| at.to_string()),
        recorded_shown: recorded_at.map(in_beijing).unwrap_or_default(),
    })
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
            self.position.to_string(),
            self.recorded_shown.clone(),
            self.hash.clone().unwrap_or_else(dash),
            self.dir.clone(),
        ]
    }
}
