//! The plan's invariants over random histories.

use proptest::prelude::*;

use super::*;

fn any_command() -> impl Strategy<Value = PlanCommand> {
    let visits = || 1..5_u128;
    let result = prop::sample::select(VisitResult::ALL);
    prop_oneof![
        2 => (visits(), prop::sample::select(RiskLevel::ALL)).prop_map(|(n, risk)| open(n, risk)),
        1 => Just(PlanCommand::HandOver(charge(LAOSHAN))),
        1 => Just(PlanCommand::Withdraw),
        3 => (visits(), result).prop_map(|(n, result)| report(n, Report::TookPlace(result))),
        2 => (visits(), 0..200_i64).prop_map(|(n, to)| report(n, Report::PutOff { due_at: hours(to) })),
        3 => visits().prop_map(|n| PlanCommand::MarkMissed { visit: visit(n) }),
    ]
}

/// How often a visit has ended, by whatever event.
fn endings(history: &[PlanEvent], of: VisitId) -> usize {
    let ends = |event: &&PlanEvent| match event {
        // Reported after it was marked: it had ended then.
        PlanEvent::VisitDone { visit, kept_at, .. } => *visit == of && kept_at.is_none(),
        PlanEvent::VisitMissed { visit, .. } => *visit == of,
        PlanEvent::PlanOpened { .. }
        | PlanEvent::VisitPlanned { .. }
        | PlanEvent::PlanHandedOver(_)
        | PlanEvent::PlanWithdrawn { .. }
        | PlanEvent::VisitRescheduled { .. } => false,
    };
    history.iter().filter(ends).count()
}

proptest! {
    #[test]
    fn a_visit_ends_at_most_once_and_is_owed_until_it_does(
        commands in prop::collection::vec((any_command(), 0..3_usize, 0..8_i64), 1..60)
    ) {
        let mut plan = FollowUpPlan::default();
        let mut history: Vec<PlanEvent> = vec![];
        let mut now = hours(0);
        for (command, who, later) in commands {
            now += SignedDuration::from_hours(later);
            let on = Occasion { actor: actor_at(Place::ALL[who]), now, occurred_at: now };
            for event in plan.decide(&command, &on).unwrap_or_default() {
                plan.evolve(&event);
                history.push(event);
            }
            for (id, visit) in &plan.visits {
                let open = usize::from(matches!(
                    visit.status,
                    VisitStatus::Owed | VisitStatus::Withdrawn
                ));
                prop_assert_eq!(endings(&history, *id) + open, 1, "{:?}", visit);
            }
            if plan.state() != PlanState::Open {
                prop_assert_eq!(plan.owed().count(), 0);
            }
        }
    }

    #[test]
    fn a_missed_visit_was_due(at in 0..100_i64) {
        let mark = owing([]).at(hours(at)).when(PlanCommand::MarkMissed { visit: visit(1) });
        if at >= 24 {
            mark.then([missed(1, hours(24))]);
        } else {
            mark.then_rejected(PlanRejection::NotDueYet);
        }
    }
}
