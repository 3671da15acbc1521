//! What the demo prints: an opening, the timeline's lines as they come, and how to look further.

use std::io::Write;
use std::path::Path;

use domain::ids::CaseId;
use jiff::Timestamp;
use jiff::tz::{TimeZone, offset};
use node::System;
use proto::timeline::v1 as pb;

use crate::case::entry::Entry;
use crate::output::{self, Lang, Output, Screen};
use crate::shell;

pub(super) fn opening(screen: Screen, system: &System) {
    let urls: Vec<String> = system
        .regions()
        .map(|region| format!("{region} {}", system.url(region)))
        .collect();
    if screen.output == Output::Table {
        say(&match screen.lang {
            Lang::Zh => format!("联动演示：三个地区已启动（{}）\n", urls.join("，")),
            Lang::En => format!("Liandong demo: three regions run ({})\n", urls.join(", ")),
        });
    }
}

/// Prints an entry as it arrives; what one log notes of another is left to the full timeline.
pub(super) fn printer(screen: Screen) -> impl Fn(&pb::Entry) + Send + Sync + 'static {
    move |entry| match screen.output {
        _ if entry.bookkeeping => {}
        Output::Table => say(&line(screen.lang, entry)),
        // As in `say`: whoever closed standard output wants no more.
        Output::Json => drop(output::json(&Entry::from(entry.clone()))),
    }
}

fn line(lang: Lang, entry: &pb::Entry) -> String {
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

fn who(lang: Lang, actor: &pb::Actor) -> String {
    match (lang, actor.rule.as_str()) {
        (Lang::Zh, "") => format!("〔{} {}〕", actor.organization_zh, actor.role_zh),
        (Lang::En, "") => format!("[{}, {}]", actor.organization_en, actor.role),
        (Lang::Zh, rule) => format!("〔规则 {rule}〕"),
        (Lang::En, rule) => format!("[rule {rule}]"),
    }
}

pub(super) fn closing(
    screen: Screen,
    case: CaseId,
    verified: &pb::VerifyCaseResponse,
    kept: Option<&Path>,
) {
    if screen.output == Output::Json {
        return;
    }
    let events: u64 = verified.streams.iter().map(|stream| stream.events).sum();
    let (streams, logs) = (verified.streams.len(), verified.logs.len());
    say(&match screen.lang {
        Lang::Zh => format!(
            "\n个案 {case}：{events} 个事件、{streams} 条事件流，已从 {logs} 个日志的第一个事件起核验，完整无改动。\n"
        ),
        Lang::En => format!(
            "\nCase {case}: {events} events in {streams} streams, verified from the first event of {logs} logs: complete and unchanged.\n"
        ),
    });
    say(&match kept {
        Some(dir) => kept_logs(screen.lang, case, &shell::word(&dir.to_string_lossy())),
        None => no_logs(screen.lang),
    });
}

/// Calls that work as they stand, on logs that are kept.
fn kept_logs(lang: Lang, case: CaseId, dir: &str) -> String {
    let (program, lang_option) = (shell::program(), lang_option(lang));
    let (check, serve, read) = match lang {
        Lang::Zh => (
            "日志已保留。逐字节核验，并查看各日志的末端：",
            "重新运行全部服务（按 Ctrl-C 停止）：",
            "服务运行时，在另一个终端查看个案：",
        ),
        Lang::En => (
            "The logs are kept. Verify every byte of them, and see where each ends:",
            "Serve them again (Ctrl-C stops it):",
            "While it serves, read the case from another terminal:",
        ),
    };
    let reads = ["show", "timeline", "replay"]
        .map(|how| format!("  {program} case {how} {case} --as sh-auditor{lang_option}"));
    format!(
        "{check}\n  {program} log verify --data {dir}{lang_option}\n  \
         {program} log head --data {dir}{lang_option}\n\
         {serve}\n  {program} dev --data {dir}{lang_option}\n\
         {read}\n{}",
        reads.join("\n")
    )
}

/// Calls that work as they stand, for whoever wants to see more.
fn no_logs(lang: Lang) -> String {
    let (program, lang_option) = (shell::program(), lang_option(lang));
    let (keep, serve) = match lang {
        Lang::Zh => ("保留日志，以便核验、重放：", "自己动手（按 Ctrl-C 停止）："),
        Lang::En => (
            "Keep the logs, to verify and replay them:",
            "Try it yourself (Ctrl-C stops it):",
        ),
    };
    format!(
        "{keep}\n  {program} demo --speed max --keep ./liandong-story{lang_option}\n\
         {serve}\n  {program} dev{lang_option}"
    )
}

/// Goes on in the language that was asked for.
fn lang_option(lang: Lang) -> &'static str {
    match lang {
        Lang::Zh => "",
        Lang::En => " --lang en",
    }
}

/// Standard output; whoever closed it wants no more.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
