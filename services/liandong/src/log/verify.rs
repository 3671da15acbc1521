//! `log verify`: is every byte of every log below a directory still what was written?

use std::io::IsTerminal;
use std::path::Path;

use eventsourcing::{Damage, ReadError};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use segment_log::{LogVerified, Unfinished, bytes_to_verify, verify_dir};
use serde::Serialize;

use super::{no_logs, unreadable};
use crate::failure::{Failure, note};
use crate::output::{Heading, Lang, Screen};

pub(super) const JSON: &str = "\
JSON: {whole, logs: [{log, dir, whole, events, head, damage: {file, offset, position, stream,
what}, unfinished: {file, offset, bytes}, unreadable}]}; `damage` is null unless bytes are wrong, its `position` and `stream` are null
outside of events; `unfinished` is a write at the end that is going on or was torn: no event, no damage;
`unreadable` says why a log could not be read.";

/// What was found, as programs get it.
#[derive(Debug, Serialize)]
struct Verified {
    whole: bool,
    logs: Vec<Found>,
}

#[derive(Debug, Serialize)]
struct Found {
    /// `None` if not even its name can be read.
    log: Option<String>,
    dir: String,
    whole: bool,
    events: Option<u64>,
    head: Option<String>,
    damage: Option<Wrong>,
    unfinished: Option<AtTheEnd>,
    unreadable: Option<String>,
}

/// The first wrong byte.
#[derive(Debug, Serialize)]
struct Wrong {
    file: String,
    offset: u64,
    position: Option<u64>,
    stream: Option<String>,
    what: String,
}

/// Bytes of a write that has not finished.
#[derive(Debug, Serialize)]
struct AtTheEnd {
    file: String,
    offset: u64,
    bytes: u64,
}

pub(super) fn run(dir: &Path, screen: Screen) -> Result<(), Failure> {
    let found = verify(dir)?;
    if found.is_empty() {
        return Err(no_logs(dir));
    }
    for log in &found {
        if let Err(error) = &log.outcome {
            note(&format!("liandong: {error}"));
        }
        if let Some(unfinished) = &log.unfinished {
            note(&told(unfinished, screen.lang));
        }
    }
    let verdict = verdict(&found);
    let verified = Verified {
        whole: verdict.is_ok(),
        logs: found.into_iter().map(Found::from).collect(),
    };
    let printed = screen.answer(&verified, HEADINGS, |verified| {
        verified
            .logs
            .iter()
            .map(|log| log.row(screen.lang))
            .collect()
    });
    // Damage is told even if nobody reads the table.
    verdict.and(printed)
}

fn told(unfinished: &Unfinished, lang: Lang) -> String {
    let Unfinished {
        file,
        offset,
        bytes,
    } = unfinished;
    let file = file.display();
    match lang {
        Lang::Zh => format!(
            "liandong: {file} 自第 {offset} 字节起有 {bytes} 字节属于未完成的写入（正在进行，或已中断）：不是事件，也不是损坏"
        ),
        Lang::En => format!(
            "liandong: {bytes} bytes at {offset} of {file} belong to a write that has not finished \
             (it is going on, or was torn): no event, and no damage"
        ),
    }
}

fn verify(dir: &Path) -> Result<Vec<LogVerified>, Failure> {
    let failed = |error| unreadable(dir, &error);
    let bar = bar(bytes_to_verify(dir).map_err(failed)?);
    let found = verify_dir(dir, &mut |progress| {
        bar.set_message(progress.file.display().to_string());
        bar.inc(progress.bytes);
    });
    bar.finish_and_clear();
    found.map_err(failed)
}

/// Shown only to a person at a terminal.
fn bar(bytes: u64) -> ProgressBar {
    let target = if std::io::stderr().is_terminal() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let style = ProgressStyle::with_template("{bar:30} {bytes}/{total_bytes} {eta} {msg}");
    ProgressBar::with_draw_target(Some(bytes), target)
        .with_style(style.expect("the template is well-formed"))
}

fn verdict(found: &[LogVerified]) -> Result<(), Failure> {
    let damaged = found
        .iter()
        .filter(|log| matches!(log.outcome, Err(ReadError::Damaged(_))))
        .count();
    if damaged > 0 {
        let all = found.len();
        return Err(Failure::failed(format!(
            "{damaged} of {all} logs damaged; keep a copy of the files, then put a good copy of each \
             named file in its place"
        )));
    }
    if found.iter().any(|log| log.outcome.is_err()) {
        return Err(Failure::misused(
            "not every log could be read; run this as somebody who may read the files",
        ));
    }
    Ok(())
}

const HEADINGS: &[Heading] = &[
    ("日志", "LOG"),
    ("结果", "FOUND"),
    ("事件", "EVENTS"),
    ("末端哈希", "HEAD"),
    ("目录", "DIRECTORY"),
];

impl Found {
    fn row(&self, lang: Lang) -> Vec<String> {
        let found = match (&self.damage, &self.unreadable) {
            (Some(_), _) => lang.pick("损坏", "damaged"),
            (None, Some(_)) => lang.pick("不可读", "unreadable"),
            (None, None) => lang.pick("完好", "whole"),
        };
        let dash = || "-".to_owned();
        vec![
            self.log.clone().unwrap_or_else(dash),
            found.to_owned(),
            self.events.map_or_else(dash, |events| events.to_string()),
            self.head.clone().unwrap_or_else(dash),
            self.dir.clone(),
        ]
    }
}

impl From<LogVerified> for Found {
    fn from(found: LogVerified) -> Self {
        let named = Self {
            log: found.log.map(|log| log.to_string()),
            dir: found.dir.display().to_string(),
            whole: found.outcome.is_ok(),
            events: None,
            head: None,
            damage: None,
            unfinished: found.unfinished.map(|end| AtTheEnd {
                file: end.file.display().to_string(),
                offset: end.offset,
                bytes: end.bytes,
            }),
            unreadable: None,
        };
        match found.outcome {
            Ok(verified) => Self {
                events: Some(verified.events),
                head: Some(verified.head.to_string()),
                ..named
            },
            Err(ReadError::Damaged(damage)) => Self {
                damage: Some(damage.into()),
                ..named
            },
            Err(ReadError::Unavailable(cause)) => Self {
                unreadable: Some(cause),
                ..named
            },
        }
    }
}

impl From<Damage> for Wrong {
    fn from(damage: Damage) -> Self {
        let (position, stream) = damage.event.unzip();
        Self {
            file: damage.file,
            offset: damage.offset,
            position: position.map(|position| position.0),
            stream,
            what: damage.what,
        }
    }
}
