//! Sentences of the system's rules that did not act, and of events that an operator gave up on.

use eventsourcing::{Recorded, SkipReason};

use super::Line;

/// The line of a policy's note; `None` for a note that this program does not know.
pub(super) fn line(event: &Recorded) -> Option<Line> {
    let field = |name: &str| event.envelope.data[name].as_str().unwrap_or_default();
    let (name, reason) = (field("policy"), field("reason"));
    let rule = rule(name);
    let (_, note) = event.envelope.event_type.split_once('.')?;
    match note {
        "PolicySkipped" => {
            let why = skipped(reason);
            Some(Line::new(
                format!("管理员决定跳过规则“{}”：{}", rule.zh, why.zh),
                format!("An administrator skipped the rule {}: {}", rule.en, why.en),
            ))
        }
        "PolicyDeclined" => {
            let why = declined(reason);
            Some(Line::noted(
                format!("规则“{}”未执行：{}", rule.zh, why.zh),
                format!("The rule {} did not act: {}", rule.en, why.en),
            ))
        }
        _ => None,
    }
}

/// A rule of the system by its name: as people call it, and in English as it is written.
pub(crate) fn rule(name: &str) -> Line {
    let zh = match name {
        "team-follows-referral" => "受理后组建工作组",
        "plan-follows-team" => "随工作组建立随访计划",
        "visit-falls-due" => "随访到期",
        "intake-hands-over" => "转出后办结接案",
        "intake-duties" => "接案时限",
        "open-custody" => "开案时确立管护责任",
        "draft-proposed-referral" => "按建议拟转介",
        "tell-receiver" => "承办方登记转出方动态",
        "tell-sender" => "转出方登记承办方动态",
        "keep-custody" => "管护责任随受理移交",
        "withdraw-hops" => "收回未用的转介",
        "start-work" => "首项任务开始办理",
        "hop-clock" => "转介时限",
        "grant-keys" => "随转介授权阅读",
        "publish-region-key" => "公布地区公钥",
        "receive-granted-keys" => "接收授权密钥",
        "witness-heads" => "见证其他地区的日志",
        "erase-keys" => "删除个人信息",
        _ => "系统规则",
    };
    Line::new(zh, name.replace('-', " "))
}

/// Why an operator gave up; what is none of our words is not repeated.
fn skipped(reason: &str) -> Line {
    match reason.parse::<SkipReason>() {
        Ok(why) => Line::new(why.zh(), why.en()),
        Err(_) => Line::new("原因已记录", "the reason is on record"),
    }
}

/// Why the rules declined what a policy wanted, by the stable reason of the rejection.
fn declined(reason: &str) -> Line {
    let (zh, en) = match reason {
        "WRONG_STATE" | "HOP_STATE" | "HOP_CHANGED" => (
            "当前状态下不适用",
            "what it would do is not possible in the present state",
        ),
        "NOT_PERMITTED" | "HOP_COMMAND_FORBIDDEN" | "SYSTEM_ONLY" | "PERSON_ONLY" => {
            ("无权执行", "it is not permitted to")
        }
        "ALREADY_NOTED" | "ALREADY_ALARMED" | "HOP_KNOWN" | "CUSTODY_ALREADY_CONFIRMED" => {
            ("已经登记", "it is on record already")
        }
        "HOP_UNKNOWN" | "HOP_NOT_FOUND" | "NOT_ASSIGNED" => {
            ("没有该转介的记录", "the hop is not on record here")
        }
        "ACCEPTANCE_VOIDED" => ("该受理已作废", "the acceptance was voided"),
        "VISIT_KNOWN" => ("该次随访已经安排", "the visit is planned already"),
        "VISIT_UNKNOWN" => ("没有该次随访", "there is no such visit"),
        "VISIT_NOT_OWED" => ("该次随访已不需要", "the visit is no longer owed"),
        "NOT_DUE_YET" | "NOT_YET_DUE" => ("尚未到期", "it is not due yet"),
        "NOTHING_DUE" => ("没有到期事项", "nothing is due"),
        "NOT_DRAFTED" => ("转介没有拟稿", "no referral is drafted"),
        "NOT_SUBMITTED" => ("转介没有提交", "the referral is not submitted"),
        "NOT_DISPATCHED" => ("转介没有派单", "the referral is not dispatched"),
        "NOT_CUSTODIAN" => ("管护责任不在本单位", "custody is not here"),
        "ALREADY_ASSIGNED" => ("派单已经到达", "the dispatch has arrived already"),
        "ALREADY_ACCEPTED" => ("已经受理", "it is accepted already"),
        "SENT_ON_ALREADY" => ("已经改派", "it was sent onward already"),
        "CUSTODY_ALREADY_OPENED" => ("管护责任已确立", "custody stands already"),
        "CUSTODY_ALREADY_TAKEN" => ("管护责任已接过", "custody was taken already"),
        "CUSTODY_ALREADY_RELEASED" => ("管护责任已移交", "custody was released already"),
        "INTAKE_NOT_FOUND" => ("没有该接案记录", "there is no such contact"),
        "REFERRAL_ALREADY_PROPOSED" => ("已经建议转介", "a referral is proposed already"),
        "NOBODY_RELAYS" => ("没有可中转的单位", "nobody relays"),
        "CUSTODY_STAYS_HERE" => ("管护责任仍在本地", "custody stays here"),
        "NO_CALLBACK_PLANNED" => ("没有计划回拨", "no call-back is planned"),
        "DO_NOT_CALL_BACK" => ("不得回拨", "nobody may call back"),
        "ALREADY_GRANTED" => ("已经授权", "it was granted already"),
        "KEY_OF_OTHER_CLASS" => ("密钥类别不符", "the key is of another class"),
        "GRANT_TO_ITSELF" => ("本地区无需授权", "a region needs no grant of its own"),
        "KEY_ALREADY_PUBLISHED" => ("公钥已公布", "the key is published already"),
        "ALREADY_ERASED" => ("个人信息已删除", "the personal data are erased already"),
        "ERASURE_NOT_ORDERED" => ("没有删除决定", "no erasure is ordered"),
        _ => ("条件不符", "the rules do not allow it"),
    };
    Line::new(zh, en)
}
