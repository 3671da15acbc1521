//! Sentences of the hop, at its sender and at its receiver, and of custody.

use domain::referral::terms::CancellationReason;
use domain::referral::{
    AssignmentEvent, CustodyEvent, Dispatch, Draft, HopKind, ReceiverMove, ReferralEvent,
    RelayWatchEvent, Ruling, SenderMove,
};
use domain::values::Term;

use super::{Line, Names, words};

pub(super) fn of_referral(event: &ReferralEvent, names: &Names<'_>) -> Line {
    match event {
        ReferralEvent::Drafted(draft) => drafted(draft, names),
        ReferralEvent::Submitted { submission, .. } => Line::new(
            format!("转介提交审核，依据：{}", submission.basis.zh()),
            format!(
                "Referral submitted for approval, on the basis: {}",
                words(submission.basis)
            ),
        ),
        ReferralEvent::SubmissionRefused { .. } => Line::new(
            "督导审核不通过，退回修改",
            "The supervisor refused the submission",
        ),
        ReferralEvent::Dispatched(dispatch) => dispatched(dispatch, names),
        ReferralEvent::Cancelled { to, reason, .. } => cancelled(&names.unit(*to), reason),
        ReferralEvent::CancellationRequested { to, .. } => {
            let to = names.unit(*to);
            Line::new(
                format!("向{}申请撤销转介", to.zh),
                format!("{} was asked to confirm a cancellation", to.en),
            )
        }
        ReferralEvent::InformationSupplied { to, .. } => {
            let to = names.unit(*to);
            Line::new(
                format!("已向{}补充信息", to.zh),
                format!("The information asked for was sent to {}", to.en),
            )
        }
        ReferralEvent::Returned { to, .. } => {
            let to = names.unit(*to);
            Line::new(
                format!("同意{}退单", to.zh),
                format!("The return proposed by {} was upheld", to.en),
            )
        }
        ReferralEvent::Expired { to, due_at, .. } => {
            let to = names.unit(*to);
            Line::new(
                format!("{}未在 {} 前答复，超时提级", to.zh, names.moment(*due_at)),
                format!(
                    "{} did not answer by {}: escalated",
                    to.en,
                    names.moment(*due_at)
                ),
            )
        }
        ReferralEvent::DutyOfficerAlarmed { to, due_at, .. } => {
            let to = names.unit(*to);
            Line::new(
                format!(
                    "{}未在 {} 前答复，已警示值班负责人",
                    to.zh,
                    names.moment(*due_at)
                ),
                format!(
                    "{} did not answer by {}: its duty officer was alarmed",
                    to.en,
                    names.moment(*due_at)
                ),
            )
        }
        ReferralEvent::ReceiverMoveNoted { moved, .. } => receiver_move(*moved),
        ReferralEvent::RulingNoted { ruling, .. } => ruling_noted(*ruling),
    }
}

#[expect(clippy::too_many_lines, reason = "one arm an event, nothing else")]
pub(super) fn of_assignment(event: &AssignmentEvent, names: &Names<'_>) -> Line {
    match event {
        AssignmentEvent::Assigned(dispatch) => {
            let to = names.unit(dispatch.terms.to);
            Line::noted(
                format!("派单已到达{}", to.zh),
                format!("The dispatch arrived at {}", to.en),
            )
        }
        AssignmentEvent::Received { .. } => Line::new("签收转介", "The referral was received"),
        AssignmentEvent::InformationRequested {
            paused_until: Some(until),
            ..
        } => Line::new(
            format!("要求补充信息，计时暂停至 {}", names.moment(*until)),
            format!(
                "More information asked for; the clock stands still until {}",
                names.moment(*until)
            ),
        ),
        AssignmentEvent::InformationRequested {
            paused_until: None, ..
        } => Line::new(
            "要求补充信息，计时不停",
            "More information asked for; the clock runs on",
        ),
        AssignmentEvent::InformationArrived { answer_due_at, .. } => Line::new(
            format!(
                "补充信息已收到，应于 {} 前答复",
                names.moment(*answer_due_at)
            ),
            format!(
                "The information arrived; an answer is due by {}",
                names.moment(*answer_due_at)
            ),
        ),
        AssignmentEvent::PauseEnded { .. } => Line::new(
            "等待结束，恢复计时",
            "The wait is over: the clock runs again",
        ),
        AssignmentEvent::Accepted(acceptance) => {
            let unit = names.unit(acceptance.unit);
            Line::new(
                format!("{}受理，管护责任待移交", unit.zh),
                format!("{} accepted the case; custody pending", unit.en),
            )
        }
        AssignmentEvent::AcceptRepeated { .. } => {
            Line::noted("重复受理，无变化", "Accepted again: nothing changed")
        }
        AssignmentEvent::ReferredOnward { to, .. } => {
            let to = names.unit(*to);
            Line::new(
                format!("改派至{}", to.zh),
                format!("Referred onward to {}", to.en),
            )
        }
        AssignmentEvent::ChildDispatched { .. } => {
            Line::noted("再转介已派单", "The onward referral is on its way")
        }
        AssignmentEvent::ChildEnded { answer_due_at, .. } => {
            let due = names.moment(*answer_due_at);
            Line::new(
                format!("再转介未成，应于 {due} 前另行改派或答复"),
                format!("The onward referral came to nothing; another way must be found by {due}"),
            )
        }
        AssignmentEvent::ReturnProposed {
            code,
            decision_due_at,
            ..
        } => Line::new(
            format!(
                "申请退单：{}，应于 {} 前裁定",
                code.zh(),
                names.moment(*decision_due_at)
            ),
            format!(
                "Return proposed: {}; a decision is due by {}",
                words(*code),
                names.moment(*decision_due_at)
            ),
        ),
        AssignmentEvent::CancellationConfirmed { .. } => {
            Line::new("同意撤销转介", "The cancellation was confirmed")
        }
        AssignmentEvent::CancellationDeclined { .. } => {
            Line::new("不同意撤销，继续办理", "The cancellation was declined")
        }
        AssignmentEvent::WorkStarted { .. } => Line::new("开始办理", "Work on the case has begun"),
        AssignmentEvent::SenderMoveNoted {
            moved: SenderMove::Alarmed { due_at },
            ..
        } => Line::new(
            format!(
                "值班负责人收到警示：{} 前应答复而未答复",
                names.moment(*due_at)
            ),
            format!(
                "The duty officer is alarmed: an answer was due by {}",
                names.moment(*due_at)
            ),
        ),
        AssignmentEvent::SenderMoveNoted { moved, .. } => sender_move(*moved),
        AssignmentEvent::CustodyConfirmed { .. } => Line::noted(
            "登记：管护责任已移交本单位",
            "Noted: custody comes to this unit",
        ),
        AssignmentEvent::AcceptanceLapsed { because, .. } => Line::new(
            format!("受理失效：{}", because.zh()),
            format!("The acceptance lapsed: {}", words(*because)),
        ),
    }
}

pub(super) fn of_custody(event: &CustodyEvent, names: &Names<'_>) -> Line {
    match event {
        CustodyEvent::CustodyOpened { custodian, .. } => {
            let unit = names.unit(*custodian);
            Line::new(
                format!("{}承担管护责任", unit.zh),
                format!("{} has custody of the case", unit.en),
            )
        }
        CustodyEvent::AcceptanceNoted(_) => Line::noted(
            "登记受理，待管护责任到达后裁定",
            "An acceptance waits for custody to arrive",
        ),
        CustodyEvent::CustodyReleased { from, to, .. } => {
            let (from, to) = (names.unit(*from), names.unit(*to));
            Line::new(
                format!("{}将管护责任移交{}", from.zh, to.zh),
                format!("{} released custody to {}", from.en, to.en),
            )
        }
        CustodyEvent::CustodyTaken {
            custodian, from, ..
        } => {
            let (unit, from) = (names.unit(*custodian), names.unit(*from));
            Line::new(
                format!("{}从{}接过管护责任", unit.zh, from.zh),
                format!("{} took custody from {}", unit.en, from.en),
            )
        }
        CustodyEvent::CancellationNoted { .. } => {
            Line::noted("管护方登记撤销", "The custodian noted the cancellation")
        }
        CustodyEvent::AcceptanceVoided { unit, because, .. } => {
            let unit = names.unit(*unit);
            Line::new(
                format!("{}的受理作废：{}", unit.zh, because.zh()),
                format!(
                    "The acceptance by {} was voided: {}",
                    unit.en,
                    words(*because)
                ),
            )
        }
        CustodyEvent::TenureLapsed { .. } => Line::noted(
            "登记：所等待的管护责任不会到达",
            "Noted: that custody will not arrive",
        ),
    }
}

/// The relay watches and says so; it decides nothing.
pub(super) fn of_watch(event: &RelayWatchEvent, names: &Names<'_>) -> Line {
    let RelayWatchEvent::OwnerSilent { owner, due_at, .. } = event;
    let (owner, due) = (names.unit(*owner), names.moment(*due_at));
    Line::new(
        format!("中转方提示：{}应于 {due} 前答复，至今没有消息", owner.zh),
        format!(
            "The relay has heard nothing from {}, whose answer was due by {due}",
            owner.en
        ),
    )
}

fn drafted(draft: &Draft, names: &Names<'_>) -> Line {
    let (from, to) = (names.unit(draft.terms.from), names.unit(draft.terms.to));
    let (why_zh, why_en) = match draft.terms.kind {
        HopKind::ByWorker => ("拟转介", "Referral drafted"),
        HopKind::ByRule => ("系统按规则拟转介", "Referral drafted by the rule"),
        HopKind::Onward { .. } => ("续转介拟稿", "Onward referral drafted"),
        HopKind::Escalation { .. } => ("提级转介拟稿", "Escalation drafted"),
    };
    Line::new(
        format!("{why_zh}：{} → {}", from.zh, to.zh),
        format!("{why_en}: {} to {}", from.en, to.en),
    )
}

fn dispatched(dispatch: &Dispatch, names: &Names<'_>) -> Line {
    let (from, to) = (
        names.unit(dispatch.terms.from),
        names.unit(dispatch.terms.to),
    );
    let due = names.moment(dispatch.answer_due_at);
    Line::new(
        format!(
            "{}派单至{}，风险{}，应于 {due} 前答复",
            from.zh,
            to.zh,
            dispatch.terms.risk.zh()
        ),
        format!(
            "{} dispatched the referral to {}, risk {}; an answer is due by {due}",
            from.en,
            to.en,
            words(dispatch.terms.risk)
        ),
    )
}

fn cancelled(to: &Line, reason: &CancellationReason) -> Line {
    match reason {
        CancellationReason::Stated(_) => Line::new(
            format!("撤销向{}的转介", to.zh),
            format!("The referral to {} was cancelled", to.en),
        ),
        CancellationReason::Withdrawn(because) => Line::new(
            format!("系统收回向{}的转介：{}", to.zh, because.zh()),
            format!(
                "The referral to {} was withdrawn: {}",
                to.en,
                words(*because)
            ),
        ),
    }
}

fn receiver_move(moved: ReceiverMove) -> Line {
    let (zh, en) = match moved {
        ReceiverMove::Received => ("承办方已签收", "the receiver has received it"),
        ReceiverMove::InformationRequested { .. } => {
            ("承办方要求补充信息", "the receiver asks for information")
        }
        ReceiverMove::InformationArrived { .. } => (
            "承办方已收到补充信息",
            "the information reached the receiver",
        ),
        ReceiverMove::PauseEnded => ("承办方恢复计时", "the receiver's clock runs again"),
        ReceiverMove::Accepted => ("承办方已受理", "the receiver accepted"),
        ReceiverMove::WorkStarted => ("承办方已开始办理", "the receiver began to work"),
        ReceiverMove::ChildDispatched => ("再转介已派单", "the onward referral is on its way"),
        ReceiverMove::ChildEnded { .. } => (
            "再转介未成，须另行改派",
            "the onward referral came to nothing",
        ),
        ReceiverMove::ReferredOnward { .. } => ("承办方已改派", "the receiver referred it onward"),
        ReceiverMove::ReturnProposed { .. } => {
            ("承办方申请退单", "the receiver proposes to return it")
        }
        ReceiverMove::CancellationConfirmed => {
            ("承办方同意撤销", "the receiver confirmed the cancellation")
        }
        ReceiverMove::CancellationDeclined => {
            ("承办方不同意撤销", "the receiver declined the cancellation")
        }
    };
    Line::noted(
        format!("转出方获知：{zh}"),
        format!("The sender knows: {en}"),
    )
}

fn sender_move(moved: SenderMove) -> Line {
    let (zh, en) = match moved {
        SenderMove::Drafted => ("已拟稿", "it was drafted"),
        SenderMove::Submitted => ("已提交", "it was submitted"),
        SenderMove::SubmissionRefused => ("审核未通过", "the submission was refused"),
        SenderMove::Dispatched { .. } => ("已派单", "it was dispatched"),
        SenderMove::InformationSupplied { .. } => ("已补充信息", "the information was sent"),
        SenderMove::CancellationRequested => ("申请撤销", "a cancellation is asked for"),
        SenderMove::Cancelled => ("已撤销", "it was cancelled"),
        SenderMove::ReturnUpheld => ("同意退单", "the return was upheld"),
        SenderMove::Expired => ("已超时提级", "it expired and was escalated"),
        SenderMove::Alarmed { .. } => ("已警示值班负责人", "its duty officer was alarmed"),
    };
    Line::noted(
        format!("承办方获知：{zh}"),
        format!("The receiver knows: {en}"),
    )
}

fn ruling_noted(ruling: Ruling) -> Line {
    match ruling {
        Ruling::Released => Line::noted(
            "转出方获知：管护责任已移交",
            "The sender knows: custody was released",
        ),
        Ruling::Voided(because) => Line::noted(
            format!("转出方获知：受理作废（{}）", because.zh()),
            format!(
                "The sender knows: the acceptance was voided ({})",
                words(because)
            ),
        ),
    }
}
