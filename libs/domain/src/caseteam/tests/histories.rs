//! What holds after any commands by anybody.

use proptest::prelude::*;

use super::table::actor_at;
use super::*;
use crate::values::Term;

fn any_unit() -> impl Strategy<Value = u128> {
    prop::sample::select(vec![QINGDAO, LAOSHAN, SCHOOL, SHANGHAI, CENTRAL])
}

fn any_seat() -> impl Strategy<Value = Seat> {
    let role = prop::sample::select(TeamRole::ALL);
    (role, any_unit(), prop::option::of(1..3_u128)).prop_map(|(role, of, n)| Seat {
        worker: n.map(|n| worker(of, n)),
        ..seat(role, of)
    })
}

fn any_command() -> impl Strategy<Value = TeamCommand> {
    let local = prop::sample::select(vec![QINGDAO, LAOSHAN]);
    prop_oneof![
        2 => (local, 1..4_u128).prop_map(|(of, hop)| TeamCommand::Form(accepted(of, hop))),
        1 => (1..4_u128).prop_map(|n| TeamCommand::ConfirmCustody { hop: hop(n) }),
        1 => (1..4_u128).prop_map(|n| TeamCommand::StandDown { hop: hop(n) }),
        3 => any_seat().prop_map(sit),
        3 => any_seat().prop_map(remove),
        3 => (1..6_u128, any_unit(), prop::option::of(1..3_u128)).prop_map(|(n, of, who)| {
            let worker = who.map(|who| worker(of, who));
            add(TaskOrder { worker, ..order(n, of) })
        }),
        2 => (1..6_u128).prop_map(complete),
        1 => (1..6_u128).prop_map(cancel),
    ]
}

fn any_actor() -> impl Strategy<Value = Actor> {
    prop_oneof![
        Just(actor_at(Place::System)),
        (any_unit(), 1..3_u128, prop::sample::select(Role::ALL))
            .prop_map(|(of, n, role)| acting(of, n, role)),
    ]
}

fn check_invariants(team: &Team) {
    let leads = team.seats.iter().filter(|seat| seat.role == TeamRole::Lead);
    let units: std::collections::BTreeSet<_> = leads.map(|seat| seat.organization).collect();
    let lead_unit = team.lead.lead.organization;
    assert_eq!(units, [lead_unit].into(), "exactly one unit leads");
    assert!(
        team.claims.iter().all(|claim| claim.hop != team.lead.hop),
        "an acceptance leads or waits, never both"
    );
    for task in team
        .tasks
        .values()
        .filter(|task| task.status == TaskStatus::Open)
    {
        let owner = task.order.owner;
        let seated = team.seats.iter().any(|seat| seat.organization == owner);
        assert!(seated, "every open task has an owner in the team");
    }
}

proptest! {
    #[test]
    fn a_team_always_has_one_lead_unit_and_an_owner_for_every_open_task(
        commands in prop::collection::vec((any_command(), any_actor()), 1..60)
    ) {
        let mut team = CaseTeam::default();
        for (command, actor) in commands {
            let on = on(actor);
            let before = team.clone();
            for event in team.decide(&command, &on).unwrap_or_default() {
                team.evolve(&event);
            }
            if let Some(team) = &team.team {
                check_invariants(team);
            }
            if let (Some(before), Some(after)) = (&before.team, &team.team)
                && before.lead != after.lead
            {
                prop_assert!(matches!(on.actor, Actor::System { .. }), "only custody moves the lead");
            }
        }
    }
}
