//! Who and what the tests of this context speak of.

use std::collections::BTreeSet;
use std::marker::PhantomData;
use std::sync::{Arc, LazyLock};

use eventsourcing::{Actor, Region, StreamId, Version};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use uuid::Uuid;

use super::assignment::AssignmentEvent;
use super::basis::Submission;
use super::moves::{ReceiverMove, SenderMove};
use super::sender::ReferralEvent;
use super::terms::{CancellationReason, Dispatch, Draft, HopKind, Tenure, Terms};
use super::words::{HopState, ReturnCode};
use super::{Acceptance, Referral};
use crate::acting::Acting;
use crate::directory::RuleSet;
use crate::ids::{CaseId, DeskId, KeyId, OrganizationId, ReferralId, WorkerId};
use crate::intake::AgeBand;
use crate::sealed::{PersonRole, Sealed, SealedClass, Text};
use crate::values::{CaseType, DisclosureBasis, Party, RiskLevel, Role};
use eventsourcing::Aggregate;

pub(super) const SHANGHAI: &str = "310000";
pub(super) const CENTRAL: &str = "100000";
pub(super) const QINGDAO: &str = "370200";
pub(super) const NANJING: &str = "320100";

pub(super) fn region(code: &str) -> Region {
    code.parse().unwrap()
}

/// The League committee of a region and its desk.
pub(super) fn unit(code: &str) -> Party {
    Party {
        organization: OrganizationId::new(region(code), Uuid::from_u128(1)),
        desk: DeskId::new(region(code), Uuid::from_u128(2)),
    }
}

/// Worker number `n` of a region's committee.
pub(super) fn worker(code: &str, n: u128) -> WorkerId {
    WorkerId::new(region(code), Uuid::from_u128(100 + n))
}

/// Somebody of a region's committee, the same person for a role each time.
pub(super) fn acting(code: &str, role: Role) -> Actor {
    person(code, role as u128, role)
}

pub(super) fn person(code: &str, n: u128, role: Role) -> Actor {
    let acting = Acting {
        worker: worker(code, n),
        organization: unit(code).organization,
        role,
    };
    acting.actor()
}

pub(super) fn system() -> Actor {
    Actor::system("referral-test", "1")
}

/// Minutes after the scenarios begin, on a Thursday at 08:00 in China.
pub(super) fn at(minutes: i64) -> Timestamp {
    let start: Timestamp = "2026-01-08T00:00:00Z".parse().unwrap();
    start + SignedDuration::from_mins(minutes)
}

/// Something sealed; which words does not matter to any rule.
pub(super) fn words() -> Sealed<Text> {
    Sealed {
        suite: 1,
        key: KeyId::new(region(SHANGHAI), Uuid::from_u128(9)),
        role: PersonRole::Subject,
        class: SealedClass::Summary,
        stream: StreamId::new(Referral::KIND, hop(1).0),
        event: "Noted".to_owned(),
        field: "summary".to_owned(),
        commitment: "00".to_owned(),
        nonce: "01".to_owned(),
        ciphertext: "02".to_owned(),
        of: PhantomData,
    }
}

/// The default limits; read once, as they are only looked at.
pub(super) fn rules() -> Arc<RuleSet> {
    static RULES: LazyLock<Arc<RuleSet>> = LazyLock::new(|| {
        let limits = json!({
            "immediate": { "minutes": 30 }, "high": { "minutes": 240 },
            "medium": { "working_days": 1 }, "low": { "working_days": 3 },
            "watch": { "working_days": 5 },
        });
        let rules = json!({
            "version": "2026-01", "first_action": limits, "answer": limits,
            "return_decision": limits, "first_follow_up": limits,
            "relay_grace": {
                "immediate": { "minutes": 5 }, "high": { "minutes": 15 },
                "medium": { "minutes": 60 }, "low": { "minutes": 240 },
                "watch": { "minutes": 1440 },
            },
            "info_pause": { "at_most": { "minutes": 1440 }, "never_at": ["Immediate"] },
            "callbacks": { "failed_attempts": 5, "within_minutes": 120, "risk_at_least": "High" },
            "calendar": {
                "utc_offset_minutes": 480, "weekend": ["Saturday", "Sunday"],
                "holidays": [], "make_up_days": [],
            },
        });
        Arc::new(serde_json::from_value(rules).unwrap())
    });
    RULES.clone()
}

pub(super) fn case() -> CaseId {
    CaseId::new(region(SHANGHAI), Uuid::from_u128(7))
}

/// Hop number `n`, sent by Shanghai.
pub(super) fn hop(n: u128) -> ReferralId {
    ReferralId::new(region(SHANGHAI), Uuid::from_u128(n))
}

/// Custody as Shanghai has it since it opened the case.
pub(super) fn opened() -> Tenure {
    Tenure {
        custodian: unit(SHANGHAI),
        by_hop: None,
    }
}

/// Shanghai asks Central, which relays.
pub(super) fn terms() -> Terms {
    Terms {
        from: unit(SHANGHAI),
        to: unit(CENTRAL),
        origin: unit(SHANGHAI),
        relay: Some(unit(CENTRAL)),
        kind: HopKind::ByWorker,
        case_type: CaseType::PsychologicalSupport,
        risk: RiskLevel::High,
        flags: BTreeSet::new(),
        summary: words(),
    }
}

pub(super) fn draft() -> Draft {
    Draft {
        hop: hop(1),
        terms: terms(),
        tenure: None,
    }
}

pub(super) fn emergency() -> Submission {
    Submission {
        basis: DisclosureBasis::Emergency,
        basis_reason: Some(words()),
        age_band: AgeBand::FourteenToSeventeen,
        guardian_suspected: false,
        consents: vec![],
    }
}

/// Dispatched at minute 0, due after 4 hours.
pub(super) fn dispatch() -> Dispatch {
    Dispatch {
        hop: hop(1),
        terms: terms(),
        submission: emergency(),
        approved_by: Some(worker(SHANGHAI, Role::Supervisor as u128)),
        tenure: opened(),
        answer_due_at: at(240),
        rules_version: "2026-01".to_owned(),
        escalate_to: Some(unit(CENTRAL)),
    }
}

pub(super) fn acceptance(by: WorkerId) -> Acceptance {
    let Dispatch {
        hop, terms, tenure, ..
    } = dispatch();
    Acceptance {
        hop,
        unit: terms.to,
        by,
        from: terms.from,
        origin: terms.origin,
        relay: terms.relay,
        case_type: terms.case_type,
        risk: terms.risk,
        tenure,
    }
}

/// A move of either side.
#[derive(Debug, Clone, Copy)]
pub(super) enum Move {
    S(SenderMove),
    R(ReceiverMove),
}

/// Moves that lead a hop to a state.
pub(super) fn path(to: HopState) -> Vec<Move> {
    use Move::{R, S};
    let answer_due_at = at(240);
    let dispatched = SenderMove::Dispatched { answer_due_at };
    let sent = [
        S(SenderMove::Drafted),
        S(SenderMove::Submitted),
        S(dispatched),
    ];
    let asked = ReceiverMove::InformationRequested { answer_due_at };
    let decision_due_at = at(240);
    let returned = ReceiverMove::ReturnProposed { decision_due_at };
    let onward = ReceiverMove::ReferredOnward { child: hop(2) };
    let then = |moves: &[Move]| [&sent, &[R(ReceiverMove::Received)][..], moves].concat();
    match to {
        HopState::Draft => sent[..1].to_vec(),
        HopState::Submitted => sent[..2].to_vec(),
        HopState::Dispatched => sent.to_vec(),
        HopState::Received => then(&[]),
        HopState::InfoRequested => then(&[R(asked)]),
        HopState::Accepted => then(&[R(ReceiverMove::Accepted)]),
        HopState::InProgress => then(&[R(ReceiverMove::Accepted), R(ReceiverMove::WorkStarted)]),
        HopState::ReturnProposed => then(&[R(returned)]),
        HopState::Returned => then(&[R(returned), S(SenderMove::ReturnUpheld)]),
        HopState::ReferredOnward => then(&[R(onward)]),
        HopState::CancellationRequested => then(&[S(SenderMove::CancellationRequested)]),
        HopState::Cancelled => [&sent[..], &[S(SenderMove::Cancelled)]].concat(),
        HopState::Expired => [&sent[..], &[S(SenderMove::Expired)]].concat(),
    }
}

/// The sender's events for these moves.
pub(super) fn at_sender(moves: &[Move]) -> Vec<ReferralEvent> {
    let mut version = Version(1);
    let mut event = |moved: &Move| match moved {
        Move::S(moved) => sender_event(*moved),
        Move::R(moved) => {
            version = version.next();
            ReferralEvent::ReceiverMoveNoted {
                hop: hop(1),
                moved: *moved,
                version,
                withdraw: None,
            }
        }
    };
    moves.iter().map(&mut event).collect()
}

/// The receiver's events for these moves; none before the dispatch.
pub(super) fn at_receiver(moves: &[Move]) -> Vec<AssignmentEvent> {
    let mut version = Version(1);
    let mut event = |moved: &Move| match moved {
        Move::R(moved) => Some(receiver_event(*moved)),
        Move::S(SenderMove::Dispatched { .. }) => {
            Some(AssignmentEvent::Assigned(Box::new(dispatch())))
        }
        Move::S(SenderMove::Drafted | SenderMove::Submitted | SenderMove::SubmissionRefused) => {
            None
        }
        Move::S(moved) => {
            version = version.next();
            Some(AssignmentEvent::SenderMoveNoted {
                hop: hop(1),
                moved: *moved,
                version,
                withdraw: None,
            })
        }
    };
    moves.iter().filter_map(&mut event).collect()
}

fn sender_event(moved: SenderMove) -> ReferralEvent {
    let (hop, to) = (hop(1), unit(CENTRAL));
    let reason = CancellationReason::Stated(words());
    match moved {
        SenderMove::Drafted => ReferralEvent::Drafted(Box::new(draft())),
        SenderMove::Submitted => ReferralEvent::Submitted {
            hop,
            by: worker(SHANGHAI, Role::Worker as u128),
            submission: emergency(),
        },
        SenderMove::SubmissionRefused => ReferralEvent::SubmissionRefused {
            hop,
            reason: words(),
        },
        SenderMove::Dispatched { .. } => ReferralEvent::Dispatched(Box::new(dispatch())),
        SenderMove::InformationSupplied { question } => ReferralEvent::InformationSupplied {
            hop,
            to,
            answer: words(),
            question,
        },
        SenderMove::CancellationRequested => {
            ReferralEvent::CancellationRequested { hop, to, reason }
        }
        SenderMove::Cancelled => ReferralEvent::Cancelled {
            hop,
            to,
            reason,
            tenure: Some(opened()),
            custody_told: true,
        },
        SenderMove::ReturnUpheld => ReferralEvent::Returned {
            hop,
            to,
            note: None,
        },
        SenderMove::Expired => ReferralEvent::Expired {
            hop,
            to,
            due_at: at(240),
            escalated: super::reactions::escalation_of(hop),
        },
        SenderMove::Alarmed { due_at } => ReferralEvent::DutyOfficerAlarmed { hop, to, due_at },
    }
}

fn receiver_event(moved: ReceiverMove) -> AssignmentEvent {
    let hop = hop(1);
    let rules_version = "2026-01".to_owned();
    match moved {
        ReceiverMove::Received => AssignmentEvent::Received { hop },
        ReceiverMove::InformationRequested { answer_due_at } => {
            AssignmentEvent::InformationRequested {
                hop,
                question: words(),
                paused_until: Some(at(60)),
                answer_due_at,
                rules_version,
            }
        }
        ReceiverMove::InformationArrived {
            question,
            answer_due_at,
        } => AssignmentEvent::InformationArrived {
            hop,
            answer: words(),
            question,
            answer_due_at,
            version: Version(4),
        },
        ReceiverMove::PauseEnded => AssignmentEvent::PauseEnded { hop },
        ReceiverMove::Accepted => {
            let by = worker(CENTRAL, Role::Authorised as u128);
            AssignmentEvent::Accepted(Box::new(acceptance(by)))
        }
        ReceiverMove::WorkStarted => AssignmentEvent::WorkStarted { hop },
        ReceiverMove::ReferredOnward { child } => AssignmentEvent::ReferredOnward {
            hop,
            child,
            to: unit(QINGDAO),
            reason: words(),
        },
        ReceiverMove::ChildDispatched => AssignmentEvent::ChildDispatched {
            hop,
            child: super::samples::hop(2),
        },
        ReceiverMove::ChildEnded { answer_due_at } => AssignmentEvent::ChildEnded {
            hop,
            child: super::samples::hop(2),
            answer_due_at,
            rules_version,
        },
        ReceiverMove::ReturnProposed { decision_due_at } => AssignmentEvent::ReturnProposed {
            hop,
            code: ReturnCode::NotOurArea,
            evidence: words(),
            decision_due_at,
            rules_version,
        },
        ReceiverMove::CancellationConfirmed => AssignmentEvent::CancellationConfirmed { hop },
        ReceiverMove::CancellationDeclined => AssignmentEvent::CancellationDeclined {
            hop,
            reason: words(),
        },
    }
}
