//! The races that failed elsewhere, one by one.

use super::world::World;
use crate::ids::ReferralId;
use crate::referral::reactions::escalation_of;
use crate::referral::samples::*;
use crate::referral::words::{HopCommand, HopState};
use crate::values::Role;

/// Shanghai has sent hop 1 to Central, Central has sent it on to Qingdao, which has received it.
fn chain_to_qingdao() -> (World, ReferralId, ReferralId) {
    let mut world = World::default();
    world.open_case();
    world.sends(1);
    let first = *world.referrals.keys().next().expect("a hop was sent");
    world.settle();
    world.does(first, HopCommand::Receive, CENTRAL, Role::Worker);
    world.does(first, HopCommand::ReferOnward, CENTRAL, Role::Authorised);
    let child = world.assignment(first).view().child().expect("sent on");
    world.does(child, HopCommand::Submit, CENTRAL, Role::Worker);
    world.dispatch(child);
    world.settle();
    (world, first, child)
}

#[test]
fn custody_moves_from_shanghai_through_central_to_qingdao_in_one_step() {
    let (mut world, first, child) = chain_to_qingdao();
    world.does(child, HopCommand::Receive, QINGDAO, Role::Worker);
    world.does(child, HopCommand::Accept, QINGDAO, Role::Authorised);
    assert_eq!(world.custodian(), unit(SHANGHAI));
    world.settle();
    assert_eq!(world.custodian(), unit(QINGDAO));
    assert_eq!(world.states(first), [Some(HopState::ReferredOnward); 2]);
    assert_eq!(world.states(child), [Some(HopState::Accepted); 2]);
}

/// Central cancels what Qingdao accepts at the same time, and Shanghai, which has the custody,
/// hears of both.
fn cancelled_and_accepted_at_once(first_heard: &str, then_heard: &str) -> (World, ReferralId) {
    let (mut world, _, child) = chain_to_qingdao();
    world.does(child, HopCommand::Receive, QINGDAO, Role::Worker);
    world.does(child, HopCommand::Accept, QINGDAO, Role::Authorised);
    world.does(child, HopCommand::Cancel, CENTRAL, Role::Worker);
    world.hears_all(SHANGHAI, first_heard);
    world.hears_all(SHANGHAI, then_heard);
    world.settle();
    world.check_settled();
    (world, child)
}

#[test]
fn a_cancellation_that_the_custodian_hears_of_first_voids_the_acceptance() {
    let (world, child) = cancelled_and_accepted_at_once(CENTRAL, QINGDAO);
    assert_eq!(world.custodian(), unit(SHANGHAI));
    assert_eq!(world.states(child), [Some(HopState::Cancelled); 2]);
}

#[test]
fn an_acceptance_that_the_custodian_hears_of_first_overrules_the_cancellation() {
    let (world, child) = cancelled_and_accepted_at_once(QINGDAO, CENTRAL);
    assert_eq!(world.custodian(), unit(QINGDAO));
    assert_eq!(world.states(child), [Some(HopState::Accepted); 2]);
}

#[test]
fn of_two_acceptances_the_first_that_the_custodian_hears_of_counts() {
    let mut world = World::default();
    world.open_case();
    world.sends(2);
    world.sends(3);
    world.settle();
    let hops: Vec<_> = world.referrals.keys().copied().collect();
    for (hop, code) in [(hops[0], QINGDAO), (hops[1], NANJING)] {
        world.does(hop, HopCommand::Receive, code, Role::Worker);
        world.does(hop, HopCommand::Accept, code, Role::Authorised);
    }
    world.hears_all(SHANGHAI, NANJING);
    world.settle();
    world.check_settled();
    assert_eq!(world.custodian(), unit(NANJING));
    assert_eq!(world.states(hops[0]), [Some(HopState::Cancelled); 2]);
    assert_eq!(world.states(hops[1]), [Some(HopState::Accepted); 2]);
}

#[test]
fn an_acceptance_after_expiry_gets_the_custody_and_the_escalated_hop_is_taken_back() {
    let mut world = World::default();
    world.open_case();
    world.sends(2);
    world.settle();
    let hop = *world.referrals.keys().next().expect("a hop was sent");
    world.does(hop, HopCommand::Receive, QINGDAO, Role::Worker);
    world.time_passes(241);
    world.settle();
    assert_eq!(world.states(hop), [Some(HopState::Expired); 2]);
    let escalated = escalation_of(hop);
    assert_eq!(world.states(escalated), [Some(HopState::Dispatched); 2]);

    world.does(hop, HopCommand::Accept, QINGDAO, Role::Authorised);
    world.settle();
    world.check_settled();
    assert_eq!(world.custodian(), unit(QINGDAO));
    assert_eq!(world.states(hop), [Some(HopState::Accepted); 2]);
    assert_eq!(world.states(escalated), [Some(HopState::Cancelled); 2]);
}

#[test]
fn what_was_sent_on_by_an_acceptance_that_was_void_is_taken_back() {
    let mut world = World::default();
    world.open_case();
    world.sends(1);
    world.sends(3);
    world.settle();
    let hops: Vec<_> = world.referrals.keys().copied().collect();
    let [at_central, at_nanjing] = [hops[0], hops[1]];
    for (hop, code) in [(at_central, CENTRAL), (at_nanjing, NANJING)] {
        world.does(hop, HopCommand::Receive, code, Role::Worker);
        world.does(hop, HopCommand::Accept, code, Role::Authorised);
    }
    // Central counts on the custody and sends the case on; Qingdao accepts it.
    world.does(
        at_central,
        HopCommand::ReferOnward,
        CENTRAL,
        Role::Authorised,
    );
    let child = world
        .assignment(at_central)
        .view()
        .child()
        .expect("sent on");
    world.does(child, HopCommand::Submit, CENTRAL, Role::Worker);
    world.dispatch(child);
    world.hears_all(QINGDAO, CENTRAL);
    world.does(child, HopCommand::Receive, QINGDAO, Role::Worker);
    world.does(child, HopCommand::Accept, QINGDAO, Role::Authorised);
    // But it goes to Nanjing.
    world.hears_all(SHANGHAI, NANJING);
    world.settle();
    world.check_settled();
    assert_eq!(world.custodian(), unit(NANJING));
    assert_eq!(world.states(at_central), [Some(HopState::Cancelled); 2]);
    assert_eq!(world.states(child), [Some(HopState::Cancelled); 2]);
}

#[test]
fn what_lost_against_a_late_acceptance_is_taken_back_wherever_it_was_sent_on_to() {
    let mut world = World::default();
    world.open_case();
    world.sends(2);
    world.settle();
    let hop = *world.referrals.keys().next().expect("a hop was sent");
    world.does(hop, HopCommand::Receive, QINGDAO, Role::Worker);
    world.time_passes(241);
    world.settle();
    // Central, to whom it was escalated, sends it on to Nanjing.
    let escalated = escalation_of(hop);
    world.does(escalated, HopCommand::Receive, CENTRAL, Role::Worker);
    world.sends_on(escalated, CENTRAL, NANJING);
    let child = world.assignment(escalated).view().child().expect("sent on");
    world.does(child, HopCommand::Submit, CENTRAL, Role::Worker);
    world.dispatch(child);
    world.settle();
    world.does(child, HopCommand::Receive, NANJING, Role::Worker);

    world.does(hop, HopCommand::Accept, QINGDAO, Role::Authorised);
    world.settle();
    world.check_settled();
    assert_eq!(world.custodian(), unit(QINGDAO));
    assert_eq!(world.states(hop), [Some(HopState::Accepted); 2]);
    for lost in [escalated, child] {
        assert_eq!(world.states(lost), [Some(HopState::Cancelled); 2]);
    }
    world.time_passes(10_000);
    world.settle();
    assert_eq!(world.alarms(), 0);
}

#[test]
fn of_two_hops_at_once_the_one_that_was_not_accepted_is_taken_back() {
    let mut world = World::default();
    world.open_case();
    world.sends(2);
    world.sends(3);
    world.settle();
    let hops: Vec<_> = world.referrals.keys().copied().collect();
    world.does(hops[1], HopCommand::Receive, NANJING, Role::Worker);
    world.does(hops[0], HopCommand::Receive, QINGDAO, Role::Worker);
    world.does(hops[0], HopCommand::Accept, QINGDAO, Role::Authorised);
    world.settle();
    world.check_settled();
    assert_eq!(world.states(hops[1]), [Some(HopState::Cancelled); 2]);
    world.time_passes(10_000);
    world.settle();
    assert_eq!(world.alarms(), 0);
}

#[test]
fn a_relay_that_sends_on_while_the_sender_escalates_leaves_two_ways_of_which_one_is_taken_back() {
    // Nanjing stands for a province that relays; Central is above it.
    let mut world = World::default();
    world.open_case();
    world.sends(3);
    world.settle();
    let hop = *world.referrals.keys().next().expect("a hop was sent");
    world.does(hop, HopCommand::Receive, NANJING, Role::Worker);
    world.time_passes(200);
    world.sends_on(hop, NANJING, QINGDAO);
    let child = world.assignment(hop).view().child().expect("sent on");
    world.does(child, HopCommand::Submit, NANJING, Role::Worker);
    world.dispatch(child);
    world.hears_all(NANJING, NANJING);
    world.time_passes(41);
    world.settle();
    assert_eq!(world.states(hop), [Some(HopState::ReferredOnward); 2]);
    let escalated = escalation_of(hop);
    assert_eq!(world.states(escalated), [Some(HopState::Dispatched); 2]);
    world.does(child, HopCommand::Receive, QINGDAO, Role::Worker);
    world.does(child, HopCommand::Accept, QINGDAO, Role::Authorised);
    world.settle();
    world.check_settled();
    assert_eq!(world.custodian(), unit(QINGDAO));
    assert_eq!(world.states(escalated), [Some(HopState::Cancelled); 2]);
}

#[test]
fn an_onward_draft_whose_custody_has_gone_is_not_dispatched() {
    let mut world = World::default();
    world.open_case();
    world.sends(1);
    world.sends(3);
    world.settle();
    let hops: Vec<_> = world.referrals.keys().copied().collect();
    let [at_central, at_nanjing] = [hops[0], hops[1]];
    world.does(at_central, HopCommand::Receive, CENTRAL, Role::Worker);
    world.does(at_nanjing, HopCommand::Receive, NANJING, Role::Worker);
    world.does(at_nanjing, HopCommand::Accept, NANJING, Role::Authorised);
    world.hears_all(SHANGHAI, NANJING);
    world.hears_all(CENTRAL, SHANGHAI);
    // Central has heard of it before it drafts, or after: it is the same.
    world.sends_on(at_central, CENTRAL, QINGDAO);
    world.settle();
    world.check_settled();
    for (hop, (referral, _)) in &world.referrals {
        let over = *hop == at_nanjing || referral.view().state() == Some(HopState::Cancelled);
        assert!(over, "{hop}: {referral:?}");
    }
}

#[test]
fn a_hop_that_comes_back_to_the_relay_is_due_there_again() {
    let (mut world, first, child) = chain_to_qingdao();
    assert_eq!(world.referral(first).view().due_at(), None);
    world.does(child, HopCommand::Receive, QINGDAO, Role::Worker);
    world.does(child, HopCommand::ProposeReturn, QINGDAO, Role::Worker);
    world.settle();
    world.does(child, HopCommand::UpholdReturn, CENTRAL, Role::Supervisor);
    world.settle();
    world.check_settled();
    assert_eq!(world.states(first), [Some(HopState::ReferredOnward); 2]);
    assert_eq!(world.referral(first).view().due_at(), Some(at(240)));
    // Nobody is above Central: its duty officer is told.
    world.time_passes(241);
    world.settle();
    assert_eq!(world.alarms(), 1);
    assert!(world.assignment(first).view().alarmed());
}
