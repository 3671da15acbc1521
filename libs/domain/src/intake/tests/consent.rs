//! The consent ledger and the legal bases.

use super::*;
use crate::intake::consent::{
    ConsentEntry, ConsentGiver, ConsentPurpose, ConsentState, LegalBasis,
};
use crate::intake::contact::SafetyMark;
use crate::values::DisclosureBasis;

fn entry(by: ConsentGiver, state: ConsentState) -> ConsentEntry {
    ConsentEntry {
        state,
        by,
        purpose: ConsentPurpose::Referral,
        scope: [SealedClass::Summary].into(),
        receivers: [party(QINGDAO).organization].into(),
        valid_until: Some(at(60)),
        note: None,
    }
}

fn says(by: ConsentGiver, state: ConsentState) -> IntakeCommand {
    IntakeCommand::RecordConsent {
        entry: Box::new(entry(by, state)),
    }
}

fn said(by: ConsentGiver, state: ConsentState) -> IntakeEvent {
    IntakeEvent::ConsentRecorded {
        entry: Box::new(entry(by, state)),
    }
}

fn expire() -> IntakeCommand {
    IntakeCommand::ExpireConsent {
        by: ConsentGiver::Subject,
        purpose: ConsentPurpose::Referral,
    }
}

fn expired() -> IntakeEvent {
    IntakeEvent::ConsentExpired {
        entry: Box::new(entry(ConsentGiver::Subject, ConsentState::Expired)),
    }
}

fn voided(by: ConsentGiver) -> IntakeEvent {
    IntakeEvent::ConsentVoided {
        entry: Box::new(entry(by, ConsentState::Voided)),
    }
}

/// Which state may follow which, written out once more.
const MAY_FOLLOW: [(ConsentState, &[ConsentState]); 7] = {
    use ConsentState::{Asked, Expired, Given, NotAsked, Refused, Voided, Withdrawn};
    [
        (NotAsked, &[NotAsked, Asked, Given, Refused]),
        (Asked, &[Asked, Given, Refused]),
        (Given, &[Given, Withdrawn]),
        (Refused, &[Asked, Given, Refused]),
        (Withdrawn, &[Asked, Given, Refused]),
        (Expired, &[Asked, Given, Refused]),
        (Voided, &[Asked, Given, Refused]),
    ]
};

/// How the ledger comes to say `state`.
fn ledger_at(state: ConsentState) -> Vec<IntakeEvent> {
    let mut history = vec![recorded(call())];
    match state {
        ConsentState::NotAsked => {}
        ConsentState::Expired => {
            history.push(said(ConsentGiver::Subject, ConsentState::Given));
            history.push(expired());
        }
        ConsentState::Voided => {
            history.push(said(ConsentGiver::Subject, ConsentState::Given));
            history.push(voided(ConsentGiver::Subject));
        }
        other => history.push(said(ConsentGiver::Subject, other)),
    }
    history
}

#[test]
fn the_ledger_goes_from_one_state_to_the_next_as_people_do() {
    for (from, allowed) in MAY_FOLLOW {
        for to in ConsentState::ALL {
            let then = after(ledger_at(from)).when(says(ConsentGiver::Subject, *to));
            if allowed.contains(to) {
                then.then([said(ConsentGiver::Subject, *to)]);
            } else {
                then.then_rejected(IntakeRejection::ConsentStep { from, to: *to });
            }
        }
    }
}

#[test]
fn each_giver_and_each_purpose_stands_alone() {
    let other_purpose = ConsentEntry {
        purpose: ConsentPurpose::FollowUp,
        ..entry(ConsentGiver::Subject, ConsentState::Withdrawn)
    };
    let withdraw = IntakeCommand::RecordConsent {
        entry: Box::new(other_purpose),
    };
    let history = ledger_at(ConsentState::Given);
    for command in [
        withdraw,
        says(ConsentGiver::Guardian, ConsentState::Withdrawn),
    ] {
        after(history.clone())
            .when(command)
            .then_rejected(IntakeRejection::ConsentStep {
                from: ConsentState::NotAsked,
                to: ConsentState::Withdrawn,
            });
    }
}

#[test]
fn under_14_or_of_unknown_age_only_the_guardian_consents() {
    for (age, counts) in [
        (AgeBand::UnderFourteen, false),
        (AgeBand::Unknown, false),
        (AgeBand::FourteenToSeventeen, true),
        (AgeBand::Adult, true),
    ] {
        let child = after([recorded(call_about(age))])
            .when(says(ConsentGiver::Subject, ConsentState::Given));
        if counts {
            child.then([said(ConsentGiver::Subject, ConsentState::Given)]);
        } else {
            child.then_rejected(IntakeRejection::GuardianMustConsent);
        }
        after([recorded(call_about(age))])
            .when(says(ConsentGiver::Guardian, ConsentState::Given))
            .then([said(ConsentGiver::Guardian, ConsentState::Given)]);
        // A child of any age may say no.
        after([recorded(call_about(age))])
            .when(says(ConsentGiver::Subject, ConsentState::Refused))
            .then([said(ConsentGiver::Subject, ConsentState::Refused)]);
    }
}

#[test]
fn a_guardian_who_must_not_know_is_not_asked() {
    let marked = IntakeEvent::SafetyMarked {
        mark: SafetyMark::NeverTellGuardian,
        note: None,
    };
    for state in [ConsentState::Asked, ConsentState::Given] {
        after([recorded(call()), marked.clone()])
            .when(says(ConsentGiver::Guardian, state))
            .then_rejected(IntakeRejection::GuardianMustNotKnow);
    }
    after([recorded(call()), marked])
        .when(says(ConsentGiver::Guardian, ConsentState::NotAsked))
        .then([said(ConsentGiver::Guardian, ConsentState::NotAsked)]);
}

#[test]
fn a_guardian_who_must_not_know_has_consented_to_nothing() {
    let history = [
        recorded(call()),
        said(ConsentGiver::Guardian, ConsentState::Given),
        said(ConsentGiver::Subject, ConsentState::Given),
    ];
    let marked = IntakeEvent::SafetyMarked {
        mark: SafetyMark::NeverTellGuardian,
        note: None,
    };
    after(history.clone())
        .when(IntakeCommand::MarkSafety {
            mark: SafetyMark::NeverTellGuardian,
            note: None,
        })
        .then([marked.clone(), voided(ConsentGiver::Guardian)]);
    let basis = LegalBasis {
        basis: DisclosureBasis::GuardianSuspect,
        reason: words(),
    };
    let recorded = IntakeEvent::LegalBasisRecorded {
        basis: basis.clone(),
    };
    after(history.clone())
        .when(IntakeCommand::RecordLegalBasis { basis })
        .then([recorded, marked.clone(), voided(ConsentGiver::Guardian)]);
    let ledger = [marked, voided(ConsentGiver::Guardian)];
    let state = after(history.into_iter().chain(ledger)).state();
    let standing = |by| {
        let consents = &record_of(state.clone()).consents;
        consents
            .standing(by, ConsentPurpose::Referral)
            .unwrap()
            .state
    };
    assert_eq!(standing(ConsentGiver::Guardian), ConsentState::Voided);
    assert_eq!(standing(ConsentGiver::Subject), ConsentState::Given);
}

#[test]
fn who_turns_out_to_be_under_14_has_consented_to_nothing() {
    for (age, stands) in [
        (AgeBand::UnderFourteen, false),
        (AgeBand::Unknown, false),
        (AgeBand::FourteenToSeventeen, true),
        (AgeBand::Adult, true),
    ] {
        let described = IntakeEvent::SubjectDescribed {
            subject: subject(age),
        };
        let events = [described, voided(ConsentGiver::Subject)];
        after([
            recorded(call()),
            said(ConsentGiver::Subject, ConsentState::Given),
            said(ConsentGiver::Guardian, ConsentState::Given),
        ])
        .when(IntakeCommand::DescribeSubject {
            subject: subject(age),
        })
        .then(events.into_iter().take(if stands { 1 } else { 2 }));
    }
}

#[test]
fn a_consent_names_scope_and_receivers_and_ends_in_the_future_if_it_ends() {
    let given = entry(ConsentGiver::Subject, ConsentState::Given);
    let unbounded = |field| IntakeRejection::ConsentUnbounded { field };
    let without_scope = ConsentEntry {
        scope: BTreeSet::new(),
        ..given.clone()
    };
    let without_receivers = ConsentEntry {
        receivers: BTreeSet::new(),
        ..given.clone()
    };
    let over = ConsentEntry {
        valid_until: Some(at(10)),
        ..given
    };
    for (entry, rejection) in [
        (without_scope, unbounded("scope")),
        (without_receivers, unbounded("receiver_ids")),
        (
            over,
            IntakeRejection::NotInFuture {
                field: "valid_until",
            },
        ),
    ] {
        after([recorded(call())])
            .when(IntakeCommand::RecordConsent {
                entry: Box::new(entry),
            })
            .then_rejected(rejection);
    }
}

#[test]
fn a_consent_expires_at_its_end_and_not_before() {
    let history = ledger_at(ConsentState::Given);
    after(history.clone())
        .by(rule())
        .at(at(59))
        .when(expire())
        .then_rejected(IntakeRejection::NothingDue);
    after(history)
        .by(rule())
        .at(at(60))
        .when(expire())
        .then([expired()]);
    after(ledger_at(ConsentState::Withdrawn))
        .by(rule())
        .at(at(60))
        .when(expire())
        .then_rejected(IntakeRejection::NothingDue);
}

#[test]
fn every_legal_basis_but_consent_is_recorded_with_its_reason() {
    for basis in DisclosureBasis::ALL {
        let basis = LegalBasis {
            basis: *basis,
            reason: words(),
        };
        let then = after([recorded(call())]).when(IntakeCommand::RecordLegalBasis {
            basis: basis.clone(),
        });
        let event = IntakeEvent::LegalBasisRecorded {
            basis: basis.clone(),
        };
        match basis.basis {
            DisclosureBasis::ConsentSelf | DisclosureBasis::ConsentGuardian => {
                then.then_rejected(IntakeRejection::ConsentIsNoLegalBasis);
            }
            DisclosureBasis::GuardianSuspect => {
                let marked = IntakeEvent::SafetyMarked {
                    mark: SafetyMark::NeverTellGuardian,
                    note: None,
                };
                then.then([event, marked]);
            }
            _ => {
                then.then([event]);
            }
        }
    }
}
