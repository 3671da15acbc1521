//! Sentences of the intake.

use domain::intake::contact::{Contact, Matter};
use domain::intake::triage::Assessment;
use domain::intake::{IntakeEvent, ProposalCause};
use domain::values::Term;

use super::{Line, Names, list, words};

#[expect(clippy::too_many_lines, reason = "one arm an event, nothing else")]
pub(super) fn line(event: &IntakeEvent, names: &Names<'_>) -> Line {
    match event {
        IntakeEvent::ContactRecorded { desk, contact, .. } => {
            contact_recorded(&names.unit(*desk), contact)
        }
        IntakeEvent::SubjectDescribed { subject } => Line::new(
            format!("补充当事人情况：{}", subject.age_band.zh()),
            format!(
                "More is known of the young person: {}",
                words(subject.age_band)
            ),
        ),
        IntakeEvent::Triaged { assessment, .. } => assessed("研判", "Assessed", assessment),
        IntakeEvent::Reassessed {
            from, assessment, ..
        } => {
            let line = assessed("重新研判", "Reassessed", assessment);
            Line::new(
                format!("{}（原为{}）", line.zh, from.zh()),
                format!("{} (was {})", line.en, words(*from)),
            )
        }
        IntakeEvent::FirstActionMissed { due_at } => Line::new(
            format!("首次处置超时，应于 {} 前完成", names.moment(*due_at)),
            format!(
                "No first action by {}, when it was due",
                names.moment(*due_at)
            ),
        ),
        IntakeEvent::EmergencyServiceTold { service, .. } => Line::new(
            format!("已同步通报 {}", service.zh()),
            format!(
                "{} ({}) was told in parallel",
                service.zh(),
                words(*service)
            ),
        ),
        IntakeEvent::SafetyMarked { mark, .. } => Line::new(
            format!("安全标记：{}", mark.zh()),
            format!("Safety mark: {}", words(*mark)),
        ),
        IntakeEvent::SafetyMarkLifted { mark, .. } => Line::new(
            format!("解除安全标记：{}", mark.zh()),
            format!("Safety mark lifted: {}", words(*mark)),
        ),
        IntakeEvent::ConsentRecorded { entry } => Line::new(
            format!(
                "知情同意（{}）：{}{}",
                entry.purpose.zh(),
                entry.by.zh(),
                entry.state.zh()
            ),
            format!(
                "Consent for {}, {}: {}",
                words(entry.purpose),
                words(entry.by),
                words(entry.state)
            ),
        ),
        IntakeEvent::ConsentExpired { entry } => Line::new(
            format!(
                "{}的知情同意（{}）已失效",
                entry.by.zh(),
                entry.purpose.zh()
            ),
            format!(
                "The consent of the {} for {} expired",
                words(entry.by),
                words(entry.purpose)
            ),
        ),
        IntakeEvent::ConsentVoided { entry } => Line::new(
            format!(
                "{}的知情同意（{}）不再采信",
                entry.by.zh(),
                entry.purpose.zh()
            ),
            format!(
                "The consent of the {} for {} no longer counts",
                words(entry.by),
                words(entry.purpose)
            ),
        ),
        IntakeEvent::LegalBasisRecorded { basis } => Line::new(
            format!("信息提供依据：{}", basis.basis.zh()),
            format!("Basis for disclosure: {}", words(basis.basis)),
        ),
        IntakeEvent::CallbackPlanned { plan } => Line::new(
            format!(
                "计划回拨，{} 至 {}",
                names.moment(plan.from),
                names.moment(plan.until)
            ),
            format!(
                "Call-back planned, {} to {}",
                names.moment(plan.from),
                names.moment(plan.until)
            ),
        ),
        IntakeEvent::CallbackPlanCancelled { because } => Line::new(
            format!("取消回拨：{}", because.zh()),
            format!("Call-back cancelled: {}", words(*because)),
        ),
        IntakeEvent::CallbackAttempted {
            number, attempt, ..
        } => Line::new(
            format!("第 {number} 次回拨：{}", attempt.outcome.zh()),
            format!("Call-back {number}: {}", words(attempt.outcome)),
        ),
        IntakeEvent::CallbackMissed { until } => Line::new(
            format!("至 {} 未按计划回拨", names.moment(*until)),
            format!("Nobody called back by {}, as planned", names.moment(*until)),
        ),
        IntakeEvent::CallbacksExhausted { exhaustion, .. } => Line::new(
            format!(
                "回拨 {} 次均未接通，触发转介规则",
                exhaustion.failed_attempts
            ),
            format!(
                "{} call-backs failed: the referral rule applies",
                exhaustion.failed_attempts
            ),
        ),
        IntakeEvent::CaseOpened {
            custodian,
            case_type,
            risk,
            ..
        } => {
            let unit = names.unit(*custodian);
            Line::new(
                format!(
                    "开案：{}，风险{}，由{}管护",
                    case_type.zh(),
                    risk.zh(),
                    unit.zh
                ),
                format!(
                    "Case opened: {}, risk {}, in the custody of {}",
                    words(*case_type),
                    words(*risk),
                    unit.en
                ),
            )
        }
        IntakeEvent::ReferralProposed { to, because, .. } => proposed(&names.unit(*to), because),
        IntakeEvent::EndedWithoutCase { outcome, .. } => Line::new(
            format!("来电办结：{}", outcome.zh()),
            format!("Contact ended: {}", words(*outcome)),
        ),
        IntakeEvent::KeptHere { custodian, .. } => {
            let unit = names.unit(*custodian);
            Line::new(
                format!("本地办理：{}", unit.zh),
                format!("Kept here, at {}", unit.en),
            )
        }
        IntakeEvent::HandedOver { to, .. } => {
            let unit = names.unit(*to);
            Line::new(
                format!("已转出，{}接管", unit.zh),
                format!("Handed over: {} has taken custody", unit.en),
            )
        }
    }
}

fn contact_recorded(desk: &Line, contact: &Contact) -> Line {
    let line_zh = contact
        .line
        .map(|line| format!("（{}）", line.zh()))
        .unwrap_or_default();
    let line_en = contact
        .line
        .map(|line| format!(" ({})", words(line)))
        .unwrap_or_default();
    let (matter_zh, matter_en) = match &contact.matter {
        Matter::Concern { .. } => (String::new(), String::new()),
        Matter::NoCase { kind, .. } => (format!("，{}", kind.zh()), format!(": {}", words(*kind))),
    };
    Line::new(
        format!(
            "{}收到{}{line_zh}，来电人身份：{}{matter_zh}",
            desk.zh,
            contact.channel.zh(),
            contact.caller_role.zh()
        ),
        format!(
            "{} received a contact by {}{line_en}, from {}{matter_en}",
            desk.en,
            words(contact.channel),
            words(contact.caller_role)
        ),
    )
}

fn assessed(zh: &str, en: &str, assessment: &Assessment) -> Line {
    let reasons = list(assessment.reasons.iter().copied());
    let flags = match assessment.flags.len() {
        0 => Line::new("", ""),
        some => Line::new(
            format!("；强制报告情形 {some} 项"),
            format!("; mandatory-report situations: {some}"),
        ),
    };
    Line::new(
        format!(
            "{zh}：{}（{}），风险{}；{}{}",
            assessment.case_type.zh(),
            assessment.subtype.zh(),
            assessment.risk.zh(),
            reasons.zh,
            flags.zh
        ),
        format!(
            "{en}: {} ({}), risk {}; {}{}",
            words(assessment.case_type),
            words(assessment.subtype),
            words(assessment.risk),
            reasons.en,
            flags.en
        ),
    )
}

fn proposed(to: &Line, because: &ProposalCause) -> Line {
    match because {
        ProposalCause::CallbacksExhausted {
            failed_attempts,
            rules_version,
        } => Line::new(
            format!("规则建议转介至{}：{failed_attempts} 次回拨未接通", to.zh),
            format!(
                "The rule ({rules_version}) proposes a referral to {}: {failed_attempts} failed call-backs",
                to.en
            ),
        ),
        ProposalCause::Supervisor { .. } => Line::new(
            format!("督导建议转介至{}", to.zh),
            format!("The supervisor proposes a referral to {}", to.en),
        ),
    }
}
