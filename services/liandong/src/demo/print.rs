//! What the demo prints: an opening, the timeline's lines as they come, and how to look further.

use std::io::Write;
use std::path::Path;

use domain::ids::CaseId;
use jiff::Timestamp;
use jiff::tz::{TimeZone, offset};
use node::System;
use proto::timeline::v1::{Actor, Entry, VerifyCaseResponse};

use crate::output::Lang;

pub(super) fn opening(lang: Lang, system: &System) {
    let urls: Vec<String> = system
        .regions()
        .map(|region| format!("{region} {}", system.url(region)))
        .collect();
    say(&match lang {
        Lang::Zh => format!("联动演示：三个地区已启动（{}）\n", urls.join("，")),
        Lang::En => format!("Liandong demo: three regions run ({})\n", urls.join(", ")),
    });
}

/// Prints an entry as it arrives; what one log notes of another is left to the full timeline.
pub(super) fn printer(lang: Lang) -> impl Fn(&Entry) + Send + Sync + 'static {
    move |entry| {
        if !entry.bookkeeping {
            say(&line(lang, entry));
        }
    }
}

fn line(lang: Lang, entry: &Entry) -> String {
    let at = entry
        .recorded_at
        .as_ref()
        .and_then(|at| Timestamp::new(at.seconds, at.nanos).ok());
    let at = at.unwrap_or_default().to_zoned(TimeZone::fixed(offset(8)));
    let at = at.strftime("%m-%d %H:%M:%S");
    let text = match lang {
        Lang::Zh => &entry.text_zh,
        Lang::En => &entry.text_en,
    };
    let who = entry
        .actor
        .as_ref()
        .map(|actor| who(lang, actor))
        .unwrap_or_default();
    format!("{at}  {}  {text}  {who}", entry.region)
}

fn who(lang: Lang, actor: &Actor) -> String {
    match (lang, actor.rule.as_str()) {
        (Lang::Zh, "") => format!("〔{} {}〕", actor.organization_zh, actor.role_zh),
        (Lang::En, "") => format!("[{}, {}]", actor.organization_en, actor.role),
        (Lang::Zh, rule) => format!("〔规则 {rule}〕"),
        (Lang::En, rule) => format!("[rule {rule}]"),
    }
}

pub(super) fn closing(
    lang: Lang,
    case: CaseId,
    verified: &VerifyCaseResponse,
    kept: Option<&Path>,
) {
    let events: u64 = verified.streams.iter().map(|stream| stream.events).sum();
    let (streams, logs) = (verified.streams.len(), verified.logs.len());
    say(&match lang {
        Lang::Zh => format!(
            "\n个案 {case}：{events} 个事件、{streams} 条事件流，已从 {logs} 个日志的第一个事件起核验，完整无改动。"
        ),
        Lang::En => format!(
            "\nCase {case}: {events} events in {streams} streams, verified from the first event of {logs} logs: complete and unchanged."
        ),
    });
    match (lang, kept) {
        (Lang::Zh, Some(dir)) => say(&format!(
            "日志已保留。核验：liandong log verify --data {}",
            dir.display()
        )),
        (Lang::En, Some(dir)) => say(&format!(
            "The logs are kept. Verify them: liandong log verify --data {}",
            dir.display()
        )),
        (Lang::Zh, None) => say(
            "保留日志：liandong demo --keep DIR；自己动手：liandong dev，再用 liandong case list",
        ),
        (Lang::En, None) => say(
            "Keep the logs: liandong demo --keep DIR. Try it yourself: liandong dev, then liandong case list",
        ),
    }
}

/// Standard output; whoever closed it wants no more.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
