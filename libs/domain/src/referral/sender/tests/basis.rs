//! On what a hop may be sent, told in examples.

use super::*;
use crate::intake::AgeBand;
use crate::intake::consent::ConsentGiver;
use crate::referral::basis::BasisRejection;
use crate::values::{DisclosureBasis, RiskLevel, Term};

fn submission(basis: DisclosureBasis, age_band: AgeBand) -> Submission {
    Submission {
        basis,
        age_band,
        ..emergency()
    }
}

/// Given by this person, to tell Central until minute 300.
fn consent(by: ConsentGiver) -> Consent {
    Consent {
        by,
        receivers: [unit(CENTRAL).organization].into(),
        valid_until: Some(at(300)),
    }
}

fn consented(by: ConsentGiver, age_band: AgeBand) -> Submission {
    let basis = match by {
        ConsentGiver::Subject => DisclosureBasis::ConsentSelf,
        ConsentGiver::Guardian => DisclosureBasis::ConsentGuardian,
    };
    Submission {
        consents: vec![consent(by)],
        ..submission(basis, age_band)
    }
}

#[test]
fn nobody_dispatches_what_they_submitted_themselves() {
    let mut history = reached(HopState::Submitted);
    let supervisor = worker(SHANGHAI, Role::Supervisor as u128);
    if let ReferralEvent::Submitted { by, .. } = &mut history[1] {
        *by = supervisor;
    }
    given::<Referral>(history)
        .by(acting(SHANGHAI, Role::Supervisor))
        .when(send())
        .then_rejected(BasisRejection::SecondPerson.into());
}

#[test]
fn with_a_life_in_danger_now_a_supervisor_alone_on_duty_dispatches() {
    let mut urgent = draft();
    urgent.terms.risk = RiskLevel::Immediate;
    let by = worker(SHANGHAI, Role::Supervisor as u128);
    let history = |submission| {
        let urgent = Box::new(urgent.clone());
        [
            ReferralEvent::Drafted(urgent),
            ReferralEvent::Submitted {
                hop: hop(1),
                by,
                submission,
            },
        ]
    };
    let supervisor = acting(SHANGHAI, Role::Supervisor);
    let sent = given::<Referral>(history(emergency()))
        .by(supervisor.clone())
        .at(at(0))
        .when(send())
        .state();
    assert_eq!(sent.view().due_at(), Some(at(30)));
    let report = submission(DisclosureBasis::MandatoryReport, AgeBand::Unknown);
    given::<Referral>(history(report))
        .by(supervisor)
        .when(send())
        .then_rejected(BasisRejection::SecondPerson.into());
}

#[test]
fn each_basis_holds_only_for_those_it_is_meant_for() {
    let check = |submission: &Submission| {
        let command = ReferralCommand::Submit(submission.clone());
        let on = Occasion {
            actor: acting(SHANGHAI, Role::Worker),
            now: at(0),
            occurred_at: at(0),
        };
        let draft = given::<Referral>(reached(HopState::Draft)).state();
        draft.decide(&command, &on).map(drop)
    };
    let own = |age| consented(ConsentGiver::Subject, age);
    let guardian = |age| consented(ConsentGiver::Guardian, age);
    let too_young = Err(BasisRejection::TooYoungToConsent.into());
    assert_eq!(check(&own(AgeBand::FourteenToSeventeen)), Ok(()));
    assert_eq!(check(&own(AgeBand::UnderFourteen)), too_young);
    assert_eq!(check(&own(AgeBand::Unknown)), too_young);
    assert_eq!(check(&guardian(AgeBand::UnderFourteen)), Ok(()));
    let old_enough = Err(BasisRejection::OldEnoughToConsent.into());
    assert_eq!(check(&guardian(AgeBand::FourteenToSeventeen)), old_enough);
    let suspected = Submission {
        guardian_suspected: true,
        ..guardian(AgeBand::UnderFourteen)
    };
    let no = Err(BasisRejection::GuardianSuspected.into());
    assert_eq!(check(&suspected), no);
}

#[test]
fn every_basis_but_consent_needs_a_reason() {
    for basis in DisclosureBasis::ALL {
        let unexplained = Submission {
            basis_reason: None,
            ..submission(*basis, AgeBand::UnderFourteen)
        };
        let consent = matches!(
            basis,
            DisclosureBasis::ConsentSelf | DisclosureBasis::ConsentGuardian
        );
        let missing = Err(BasisRejection::ReasonMissing);
        assert_eq!(
            unexplained.check(unit(CENTRAL), at(0)) == missing,
            !consent,
            "{basis:?}"
        );
    }
}

#[test]
fn a_consent_must_be_on_record_in_force_and_name_the_receiver() {
    let submit = |submission, now| {
        let scenario = given::<Referral>(reached(HopState::Draft));
        let by_worker = scenario.by(acting(SHANGHAI, Role::Worker)).at(at(now));
        by_worker.when(ReferralCommand::Submit(submission))
    };
    let asked_nobody = submission(DisclosureBasis::ConsentSelf, AgeBand::FourteenToSeventeen);
    let no = || BasisRejection::ConsentNotGiven.into();
    submit(asked_nobody.clone(), 0).then_rejected(no());
    let own = consented(ConsentGiver::Subject, AgeBand::FourteenToSeventeen);
    submit(own.clone(), 300).then_rejected(no());
    let to_nanjing = Consent {
        receivers: [unit(NANJING).organization].into(),
        ..consent(ConsentGiver::Subject)
    };
    let elsewhere = Submission {
        consents: vec![to_nanjing, consent(ConsentGiver::Guardian)],
        ..asked_nobody
    };
    submit(elsewhere, 0).then_rejected(no());
    let submitted = ReferralEvent::Submitted {
        hop: hop(1),
        by: worker(SHANGHAI, Role::Worker as u128),
        submission: own.clone(),
    };
    submit(own.clone(), 299).then([submitted.clone()]);
    // Withdrawn before the dispatch.
    given::<Referral>([ReferralEvent::Drafted(Box::new(draft())), submitted.clone()])
        .by(acting(SHANGHAI, Role::Supervisor))
        .at(at(0))
        .when(send())
        .then_rejected(no());
    let still_given = ReferralCommand::Dispatch {
        tenure: Some(opened()),
        consents: own.consents,
        escalate_to: None,
        rules: rules(),
    };
    let sent = given::<Referral>([ReferralEvent::Drafted(Box::new(draft())), submitted])
        .by(acting(SHANGHAI, Role::Supervisor))
        .at(at(0))
        .when(still_given);
    assert_eq!(sent.state().view().state(), Some(HopState::Dispatched));
}
