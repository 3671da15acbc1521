//! Sentences of the follow-up plan.

use domain::followup::{PlanEvent, VisitResult};
use domain::values::Term;

use super::{Line, Names, words};

pub(super) fn line(event: &PlanEvent, names: &Names<'_>) -> Line {
    match event {
        PlanEvent::PlanOpened { charge, risk, .. } => {
            let unit = names.unit(charge.unit);
            Line::new(
                format!("建立随访计划，由{}负责，风险{}", unit.zh, risk.zh()),
                format!(
                    "Follow-up plan opened, owed by {}, risk {}",
                    unit.en,
                    words(*risk)
                ),
            )
        }
        PlanEvent::VisitPlanned { kind, due_at, .. } => Line::new(
            format!("安排{}，应于 {} 前完成", kind.zh(), names.moment(*due_at)),
            format!(
                "Follow-up by {} owed by {}",
                words(*kind),
                names.moment(*due_at)
            ),
        ),
        PlanEvent::PlanHandedOver(charge) => {
            let unit = names.unit(charge.unit);
            Line::new(
                format!("随访计划移交{}", unit.zh),
                format!("Follow-up plan handed over to {}", unit.en),
            )
        }
        PlanEvent::PlanWithdrawn { .. } => Line::new("随访计划撤销", "Follow-up plan withdrawn"),
        PlanEvent::VisitDone {
            result,
            kept_at: None,
            ..
        } => outcome(*result),
        PlanEvent::VisitDone {
            result,
            kept_at: Some(kept_at),
            ..
        } => {
            let (line, at) = (outcome(*result), names.moment(*kept_at));
            Line::new(
                format!("补报：{at} {}", line.zh),
                format!("Reported late: {}, at {at}", line.en),
            )
        }
        PlanEvent::VisitRescheduled { due_at, .. } => Line::new(
            format!("随访改期至 {} 前", names.moment(*due_at)),
            format!("Follow-up put off to {}", names.moment(*due_at)),
        ),
        PlanEvent::VisitMissed { due_at, .. } => Line::new(
            format!("随访逾期未完成，应于 {} 前完成", names.moment(*due_at)),
            format!("Follow-up missed: it was due by {}", names.moment(*due_at)),
        ),
    }
}

fn outcome(result: VisitResult) -> Line {
    match result {
        VisitResult::Done => Line::new("随访完成", "Follow-up done"),
        VisitResult::Refused => {
            Line::new("随访时对方拒绝", "Follow-up refused by the person reached")
        }
    }
}
