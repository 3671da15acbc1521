//! Every way in which the rules say no: in both languages, by a name of its own, about a field that is.

use std::collections::BTreeSet;

use domain::intake::IntakeRejection;
use domain::intake::consent::ConsentState;
use domain::intake::transitions::{CommandKind, Phase};
use domain::transitions::NotAllowed;
use eventsourcing::Rejection;

use crate::contract::is_request_path;

/// One of each; without the pattern of a new one it does not compile.
macro_rules! every {
    ($($pattern:pat => $example:expr,)+) => {
        fn every() -> Vec<IntakeRejection> {
            use IntakeRejection::*;
            let _complete = |rejection: &IntakeRejection| match rejection {
                $($pattern => (),)+
            };
            vec![$($example),+]
        }
    };
}

every! {
    NotAllowed(self::NotAllowed::Forbidden { .. }) => NotAllowed(self::NotAllowed::Forbidden {
        command: CommandKind::OpenCase,
    }),
    NotAllowed(self::NotAllowed::WrongState { .. }) => NotAllowed(self::NotAllowed::WrongState {
        state: Phase::AwaitingTriage,
        command: CommandKind::OpenCase,
        allowed: vec![CommandKind::TriageIntake],
    }),
    OtherOrganization => OtherOrganization,
    NotFound => NotFound,
    BeforeContact => BeforeContact,
    LineMissing => LineMissing,
    OriginalNumberMissing => OriginalNumberMissing,
    LineWithoutCall => LineWithoutCall,
    NotForwarded => NotForwarded,
    CallerIsSubject => CallerIsSubject,
    ReasonsMissing => ReasonsMissing,
    NotInFuture { .. } => NotInFuture { field: "valid_until" },
    WindowEmpty => WindowEmpty,
    DoNotCallBack => DoNotCallBack,
    NoNumber => NoNumber,
    NoCallbackPlanned => NoCallbackPlanned,
    MarkNotSet => MarkNotSet,
    GuardianStillSuspected => GuardianStillSuspected,
    GuardianMustNotKnow => GuardianMustNotKnow,
    GuardianMustConsent => GuardianMustConsent,
    ConsentUnbounded { .. } => ConsentUnbounded { field: "receiver_ids" },
    ConsentStep { .. } => ConsentStep {
        from: ConsentState::NotAsked,
        to: ConsentState::Withdrawn,
    },
    ConsentIsNoLegalBasis => ConsentIsNoLegalBasis,
    AlreadyProposed => AlreadyProposed,
    NobodyRelays => NobodyRelays,
    CustodyStaysHere => CustodyStaysHere,
    NothingDue => NothingDue,
}

#[test]
fn every_rejection_has_a_name_of_its_own_and_speaks_both_languages() {
    let mut reasons = BTreeSet::new();
    for rejection in every() {
        let reason = rejection.reason();
        assert!(reasons.insert(reason), "{reason} twice");
        let upper_snake = |letter: char| letter.is_ascii_uppercase() || letter == '_';
        assert!(reason.chars().all(upper_snake), "{reason}");
        let english = rejection.to_string();
        assert!(
            english.is_ascii() && english.contains(' '),
            "{reason}: {english}"
        );
        let chinese = rejection.zh();
        let letters = chinese
            .chars()
            .filter(|letter| ('一'..='鿿').contains(letter));
        assert!(letters.count() >= 4, "{reason}: {chinese}");
        if let Some(field) = rejection.field() {
            assert!(is_request_path(field), "{reason}: {field}");
        }
    }
}

#[test]
fn what_is_possible_instead_is_said_by_the_names_that_can_be_called() {
    let no = IntakeRejection::NotAllowed(NotAllowed::WrongState {
        state: Phase::AwaitingTriage,
        command: CommandKind::OpenCase,
        allowed: vec![CommandKind::TriageIntake, CommandKind::MarkSafety],
    });
    assert_eq!(
        no.to_string(),
        "OpenCase is not possible in the state AwaitingTriage; possible now: TriageIntake, MarkSafety"
    );
    assert_eq!(
        no.zh(),
        "当前状态为“待研判”，不能执行“开案”；当前可执行：研判（TriageIntake）、标注安全提示（MarkSafety）"
    );
}

#[test]
fn paths_of_requests_are_told_from_others() {
    for (path, so) in [
        ("meta.occurred_at", true),
        ("assessment.reasons", true),
        ("concern.subject.lives_in", true),
        ("receiver_ids", true),
        ("receivers", false),
        ("occurred_at", false),
        ("subject.reasons", false),
    ] {
        assert_eq!(is_request_path(path), so, "{path}");
    }
}
