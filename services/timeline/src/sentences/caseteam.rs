//! Sentences of the case team.

use domain::caseteam::{Seat, TeamEvent};
use domain::values::Term;

use super::{Line, Names, words};

pub(super) fn line(event: &TeamEvent, names: &Names<'_>) -> Line {
    match event {
        TeamEvent::TeamFormed(formed) => {
            let (lead, liaison) = (names.unit(formed.lead), names.unit(formed.liaison));
            let observer = names.unit(formed.observer);
            Line::new(
                format!(
                    "成立个案工作组：{}主办，{}联络，{}监督",
                    lead.zh, liaison.zh, observer.zh
                ),
                format!(
                    "Case team formed: {} leads, {} is the liaison, {} observes",
                    lead.en, liaison.en, observer.en
                ),
            )
        }
        TeamEvent::LeadClaimed(lead) => {
            let unit = names.unit(lead.lead);
            Line::new(
                format!("{}也已受理，管护责任确定后由其主办", unit.zh),
                format!("{} accepted too: it leads if custody goes to it", unit.en),
            )
        }
        TeamEvent::LeadHandedOver(lead) => {
            let unit = names.unit(lead.lead);
            Line::new(
                format!("改由{}主办", unit.zh),
                format!("{} leads the team now", unit.en),
            )
        }
        TeamEvent::CustodyConfirmed { .. } => {
            Line::new("工作组已确认管护责任", "The team's custody is confirmed")
        }
        TeamEvent::VoidNoted { .. } => {
            Line::new("登记：该受理已作废", "Noted: that acceptance was voided")
        }
        TeamEvent::TeamStoodDown { .. } => Line::new(
            "受理作废，工作组解散",
            "The acceptance was voided: the team stood down",
        ),
        TeamEvent::MemberSeated(seat) => {
            let unit = member(*seat, names);
            Line::new(
                format!("{}加入工作组", unit.zh),
                format!("{} joined the team", unit.en),
            )
        }
        TeamEvent::MemberRemoved { seat, reason, .. } => {
            let unit = member(*seat, names);
            Line::new(
                format!("{}退出工作组：{}", unit.zh, reason.zh()),
                format!("{} left the team: {}", unit.en, words(*reason)),
            )
        }
        TeamEvent::TaskAdded { order, .. } => {
            let owner = names.organization(order.owner);
            Line::new(
                format!(
                    "任务“{}”交{}，应于 {} 前完成",
                    order.kind.zh(),
                    owner.zh,
                    names.moment(order.due_at)
                ),
                format!(
                    "Task for {}: {}, by {}",
                    owner.en,
                    words(order.kind),
                    names.moment(order.due_at)
                ),
            )
        }
        TeamEvent::TaskDone { .. } => Line::new("任务完成", "A task is done"),
        TeamEvent::TaskCancelled { reason, .. } => Line::new(
            format!("任务取消：{}", reason.zh()),
            format!("A task was cancelled: {}", words(*reason)),
        ),
    }
}

fn member(seat: Seat, names: &Names<'_>) -> Line {
    let unit = names.organization(seat.organization);
    Line::new(
        format!("{}（{}）", unit.zh, seat.role.zh()),
        format!("{} ({})", unit.en, words(seat.role)),
    )
}
