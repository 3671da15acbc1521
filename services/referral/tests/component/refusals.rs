//! Bad input and what is not allowed: a typed refusal, and nothing changed.

use domain::acting::Acting;
use domain::ids::ReferralId;
use domain::referral::roles::hop_roles;
use domain::referral::transitions::Target;
use domain::referral::{HopCommand, HopKind, HopState, TABLE, Terms};
use domain::values::{CaseType, Party, RiskLevel, Role, Term};
use eventsourcing::{Actor, VirtualClock};
use jiff::SignedDuration;
use node::client::{Caller, new_meta};
use proto::referral::v1 as pb;
use proto::types::v1 as types;
use tonic::{Code, Request, Status};
use uuid::Uuid;

use crate::bench::{Bench, CENTRAL, QINGDAO, SHANGHAI, case, refusal, region};
use HopCommand as C;

#[tokio::test]
async fn what_is_malformed_is_refused_and_names_its_field() {
    let bench = Bench::start().await;
    bench.open_case(case(1)).await;
    let good = || bench.draft_request(case(1), "qd-12355");
    let nowhere = types::Party {
        organization_id: format!("999999-{}", Uuid::from_u128(1)),
        desk_id: format!("999999-{}", Uuid::from_u128(2)),
    };
    let bad = [
        (
            "meta",
            pb::DraftReferralRequest {
                meta: None,
                ..good()
            },
        ),
        (
            "case_id",
            pb::DraftReferralRequest {
                case_id: "31".to_owned(),
                ..good()
            },
        ),
        (
            "from",
            pb::DraftReferralRequest {
                from: None,
                ..good()
            },
        ),
        (
            "from",
            pb::DraftReferralRequest {
                from: Some(bench.desk("qd-12355")),
                ..good()
            },
        ),
        ("to", pb::DraftReferralRequest { to: None, ..good() }),
        (
            "to",
            pb::DraftReferralRequest {
                to: Some(nowhere),
                ..good()
            },
        ),
        (
            "to",
            pb::DraftReferralRequest {
                to: Some(bench.desk("sh-12355")),
                ..good()
            },
        ),
        (
            "case_type",
            pb::DraftReferralRequest {
                case_type: 0,
                ..good()
            },
        ),
        ("risk", pb::DraftReferralRequest { risk: 99, ..good() }),
        (
            "flags",
            pb::DraftReferralRequest {
                flags: vec![99],
                ..good()
            },
        ),
        (
            "summary",
            pb::DraftReferralRequest {
                summary: " ".to_owned(),
                ..good()
            },
        ),
        (
            "summary",
            pb::DraftReferralRequest {
                summary: "记".repeat(4001),
                ..good()
            },
        ),
        (
            "request",
            pb::DraftReferralRequest {
                summary: "x".repeat(256 * 1024),
                ..good()
            },
        ),
    ];
    let worker = bench.caller("sh-worker", Role::Worker);
    let mut client = bench.client(SHANGHAI).await;
    let written = bench.recorded(SHANGHAI).await.len();
    for (field, request) in bad {
        let refused = client
            .draft_referral(worker.request(request))
            .await
            .unwrap_err();
        let expected = (Code::InvalidArgument, "FIELD_INVALID".to_owned());
        assert_eq!(refusal(&refused), expected, "{field}");
        let named = refused.message().starts_with(field);
        assert!(named, "{field}: {}", refused.message());
    }
    assert_eq!(bench.recorded(SHANGHAI).await.len(), written);
    bench.stop().await;
}

#[tokio::test]
async fn what_is_malformed_in_other_commands_is_refused_too() {
    let bench = Bench::start().await;
    let hop = bench.sent(case(1), "qd-12355").await;
    let draft = bench.drafted(case(1), "qd-12355").await;
    bench.does("qd-worker", Role::Worker, C::Receive, hop).await;
    let blank = || " ".to_owned();
    let assignment_id = hop.at(region(QINGDAO)).to_string();
    let (worker, receiver) = (
        bench.caller("sh-worker", Role::Worker),
        bench.caller("qd-worker", Role::Worker),
    );
    let (mut shanghai, mut qingdao) = (bench.client(SHANGHAI).await, bench.client(QINGDAO).await);
    let written = bench.all_recorded().await;
    let submit = |basis, reason: &str| pb::SubmitReferralRequest {
        meta: Some(bench.meta()),
        referral_id: draft.to_string(),
        basis,
        reason: reason.to_owned(),
    };
    let emergency = types::DisclosureBasis::Emergency.into();
    let mut invalid = Vec::new();
    for (basis, reason) in [(0, "why"), (99, "why"), (emergency, " ")] {
        let request = worker.request(submit(basis, reason));
        invalid.push(shanghai.submit_referral(request).await.unwrap_err());
    }
    let ask = pb::RequestCancellationRequest {
        meta: Some(bench.meta()),
        referral_id: hop.to_string(),
        reason: blank(),
    };
    let refused = shanghai.request_cancellation(worker.request(ask)).await;
    invalid.push(refused.unwrap_err());
    let question = pb::RequestInformationRequest {
        meta: Some(bench.meta()),
        assignment_id: assignment_id.clone(),
        question: blank(),
    };
    let refused = qingdao.request_information(receiver.request(question));
    invalid.push(refused.await.unwrap_err());
    for (code, evidence) in [(99, "why"), (pb::ReturnCode::NotOurArea.into(), " ")] {
        let proposal = pb::ProposeReturnRequest {
            meta: Some(bench.meta()),
            assignment_id: assignment_id.clone(),
            code,
            evidence: evidence.to_owned(),
        };
        let refused = qingdao.propose_return(receiver.request(proposal)).await;
        invalid.push(refused.unwrap_err());
    }
    let onward = pb::ReferOnwardRequest {
        meta: Some(bench.meta()),
        assignment_id,
        to: None,
        reason: "why".to_owned(),
    };
    let refused = qingdao.refer_onward(receiver.request(onward)).await;
    invalid.push(refused.unwrap_err());
    for refused in &invalid {
        let expected = (Code::InvalidArgument, "FIELD_INVALID".to_owned());
        assert_eq!(refusal(refused), expected, "{refused}");
    }
    let emergency_without_reason = worker.request(submit(emergency, ""));
    let refused = shanghai.submit_referral(emergency_without_reason).await;
    let expected = (Code::InvalidArgument, "BASIS_REASON_MISSING".to_owned());
    assert_eq!(refusal(&refused.unwrap_err()), expected);
    assert_eq!(bench.all_recorded().await, written);
    bench.stop().await;
}

/// Whether one has no place in a hop, or there is none: the same words, whatever else is wrong.
#[tokio::test]
async fn a_hop_of_others_and_no_hop_are_refused_in_the_same_words() {
    let bench = Bench::start().await;
    let hop = bench.sent(case(1), "qd-12355").await;
    let none = ReferralId::new(region(SHANGHAI), Uuid::from_u128(77));
    let stranger = bench.caller("nj-duty", Role::Supervisor);
    let mut client = bench.client(SHANGHAI).await;
    let mut told = Vec::new();
    for id in [hop, none] {
        for reason in ["why", " "] {
            let request = pb::CancelReferralRequest {
                meta: Some(bench.meta()),
                referral_id: id.to_string(),
                reason: reason.to_owned(),
            };
            let refused = client.cancel_referral(stranger.request(request)).await;
            let refused = refused.unwrap_err();
            let (code, reason) = refusal(&refused);
            told.push((code, reason, refused.message().to_owned()));
        }
        let refused = bench.command(C::Receive, QINGDAO, id, &stranger).await;
        assert_eq!(refusal(&refused.unwrap_err()).1, "HOP_COMMAND_FORBIDDEN");
    }
    assert_eq!(told[0].0, Code::PermissionDenied);
    assert!(told.iter().all(|one| *one == told[0]), "{told:?}");
    bench.stop().await;
}

#[tokio::test]
async fn a_repeat_gets_its_first_answer_whatever_the_directory_says_by_then() {
    let bench = Bench::start().await;
    let hop = bench.sent(case(1), "qd-12355").await;
    let worker = bench.caller("sh-worker", Role::Worker);
    let meta = bench.meta();
    let cancel = || bench.command_with(C::Cancel, SHANGHAI, hop, &worker, meta.clone());
    cancel().await.unwrap();
    // The hop is cancelled: a new request would be refused.
    assert!(cancel().await.unwrap().repeated);
    let refused = bench.command(C::Cancel, SHANGHAI, hop, &worker).await;
    assert_eq!(refusal(&refused.unwrap_err()).1, "HOP_STATE");

    let week_ago = VirtualClock::new(bench.now() - SignedDuration::from_hours(8 * 24));
    let old = new_meta(&week_ago);
    let refused = bench.command_with(C::Cancel, SHANGHAI, hop, &worker, old);
    let expected = (Code::InvalidArgument, "REQUEST_ID_TOO_OLD".to_owned());
    assert_eq!(refusal(&refused.await.unwrap_err()), expected);
    bench.stop().await;
}

#[tokio::test]
async fn nobody_acts_unknown() {
    let bench = Bench::start().await;
    let mut client = bench.client(SHANGHAI).await;
    let request = bench.draft_request(case(1), "qd-12355");
    let missing = client.draft_referral(Request::new(request.clone())).await;
    let expected = (Code::Unauthenticated, "ACTOR_MISSING".to_owned());
    assert_eq!(refusal(&missing.unwrap_err()), expected);

    let mut pretender = bench.caller("sh-worker", Role::Worker);
    pretender.role = Role::Supervisor.name().to_owned();
    let refused = client.draft_referral(pretender.request(request)).await;
    assert_eq!(refused.unwrap_err().code(), Code::PermissionDenied);
    bench.stop().await;
}

#[tokio::test]
async fn a_request_counts_once_and_its_id_means_one_thing() {
    let bench = Bench::start().await;
    bench.open_case(case(1)).await;
    let worker = bench.caller("sh-worker", Role::Worker);
    let mut client = bench.client(SHANGHAI).await;
    let request = bench.draft_request(case(1), "qd-12355");
    let first = client.draft_referral(worker.request(request.clone())).await;
    let first = first.unwrap().into_inner().result.unwrap();
    let again = client.draft_referral(worker.request(request.clone())).await;
    let again = again.unwrap().into_inner().result.unwrap();
    assert!(again.repeated && !first.repeated);
    assert_eq!((&again.id, &again.events), (&first.id, &first.events));

    let other = pb::DraftReferralRequest {
        summary: "something else".to_owned(),
        ..request
    };
    let refused = client
        .draft_referral(worker.request(other))
        .await
        .unwrap_err();
    let expected = (Code::AlreadyExists, "REQUEST_ID_REUSED".to_owned());
    assert_eq!(refusal(&refused), expected);
    bench.stop().await;
}

#[tokio::test]
async fn whoever_saw_an_older_state_is_stopped_unless_it_is_a_retry() {
    let bench = Bench::start().await;
    bench.open_case(case(1)).await;
    let hop = bench.drafted(case(1), "qd-12355").await;
    let worker = bench.caller("sh-worker", Role::Worker);
    let meta = types::CommandMeta {
        etag: "1".to_owned(),
        ..bench.meta()
    };
    let submit =
        |meta: types::CommandMeta| bench.command_with(C::Submit, SHANGHAI, hop, &worker, meta);
    let first = submit(meta.clone()).await.unwrap();
    assert_eq!(first.etag, "2");
    // The same request again gets its answer, though the hop has moved on.
    assert!(submit(meta.clone()).await.unwrap().repeated);
    let stale = types::CommandMeta {
        etag: "1".to_owned(),
        ..bench.meta()
    };
    let supervisor = bench.caller("sh-supervisor", Role::Supervisor);
    let refused = bench
        .command_with(C::Dispatch, SHANGHAI, hop, &supervisor, stale)
        .await;
    assert_eq!(refused.unwrap_err().code(), Code::Aborted);
    bench.stop().await;
}

#[tokio::test]
async fn a_hop_that_one_may_not_see_is_no_different_from_none() {
    let bench = Bench::start().await;
    let hop = bench.sent(case(1), "qd-12355").await;
    let none = ReferralId::new(region(SHANGHAI), Uuid::from_u128(77));
    let mut client = bench.client(SHANGHAI).await;
    let stranger = bench.caller("nj-duty", Role::Authorised);
    for id in [hop, none] {
        let request = pb::GetReferralRequest {
            hop_id: id.to_string(),
            consistency_token: String::new(),
        };
        let refused = client.get_referral(stranger.request(request)).await;
        let expected = (Code::PermissionDenied, "NOT_PERMITTED".to_owned());
        assert_eq!(refusal(&refused.unwrap_err()), expected);
    }
    let case_id = case(1).to_string();
    let request = pb::GetCustodyRequest {
        case_id: case_id.clone(),
        consistency_token: String::new(),
    };
    let refused = client.get_custody(stranger.request(request)).await;
    assert_eq!(refused.unwrap_err().code(), Code::PermissionDenied);
    let request = pb::ListReferralsRequest {
        case_id,
        ..pb::ListReferralsRequest::default()
    };
    let listed = client.list_referrals(stranger.request(request)).await;
    assert_eq!(listed.unwrap().into_inner().hops, []);
    bench.stop().await;
}

#[tokio::test]
async fn the_table_that_is_told_is_the_table_that_decides() {
    let bench = Bench::start().await;
    let anybody = bench.caller("nj-duty", Role::Worker);
    let mut client = bench.client(SHANGHAI).await;
    let request = pb::GetTransitionTableRequest {};
    let told = client.get_transition_table(anybody.request(request)).await;
    let told = told.unwrap().into_inner();
    assert_eq!(told.transitions.len(), TABLE.0.len());
    for (told, row) in told.transitions.iter().zip(TABLE.0) {
        let former = row.to == Target::Former;
        assert_eq!(told.to() == pb::HopState::Unspecified, former, "{row:?}");
        assert_ne!(told.command(), pb::HopCommand::Unspecified);
        assert_ne!(told.by(), pb::HopRole::Unspecified);
    }
    let dispatched = told.states.iter().find(|state| state.name == "Dispatched");
    assert_eq!(dispatched.map(|state| state.zh.as_str()), Some("已派单"));

    let hop = bench.sent(case(1), "central-relay").await;
    let duty = bench.caller("central-duty", Role::Worker);
    let mut client = bench.client(CENTRAL).await;
    let request = pb::ListAllowedActionsRequest {
        hop_id: hop.to_string(),
        consistency_token: String::new(),
    };
    let allowed = client.list_allowed_actions(duty.request(request)).await;
    let allowed = allowed.unwrap().into_inner();
    let commands: Vec<_> = allowed
        .actions
        .iter()
        .map(pb::Transition::command)
        .collect();
    assert_eq!(commands, [pb::HopCommand::Receive]);
    bench.stop().await;
}

/// A state, and who does what to bring a hop there once it is sent.
type Way = (HopState, &'static [((&'static str, Role), HopCommand)]);

/// Each state of a hop from Shanghai to Central, made by people.
async fn in_every_state(bench: &Bench) -> Vec<(HopState, ReferralId)> {
    use HopState as S;
    const SH_WORKER: (&str, Role) = ("sh-worker", Role::Worker);
    const SH_SUPERVISOR: (&str, Role) = ("sh-supervisor", Role::Supervisor);
    const DUTY: (&str, Role) = ("central-duty", Role::Worker);
    const AUTHORISED: (&str, Role) = ("central-duty", Role::Authorised);
    let ways: &[Way] = &[
        (S::Dispatched, &[]),
        (S::Received, &[(DUTY, C::Receive)]),
        (
            S::InfoRequested,
            &[(DUTY, C::Receive), (DUTY, C::RequestInformation)],
        ),
        (S::Accepted, &[(DUTY, C::Receive), (AUTHORISED, C::Accept)]),
        (
            S::InProgress,
            &[(DUTY, C::Receive), (AUTHORISED, C::Accept)],
        ),
        (
            S::ReturnProposed,
            &[(DUTY, C::Receive), (DUTY, C::ProposeReturn)],
        ),
        (
            S::Returned,
            &[
                (DUTY, C::Receive),
                (DUTY, C::ProposeReturn),
                (SH_SUPERVISOR, C::UpholdReturn),
            ],
        ),
        (
            S::ReferredOnward,
            &[(DUTY, C::Receive), (DUTY, C::ReferOnward)],
        ),
        (
            S::CancellationRequested,
            &[(DUTY, C::Receive), (SH_WORKER, C::RequestCancellation)],
        ),
        (S::Cancelled, &[(SH_WORKER, C::Cancel)]),
    ];
    let mut hops = Vec::new();
    for (n, (state, way)) in (1..).zip(ways) {
        let hop = bench.sent(case(n), "central-relay").await;
        for ((who, role), command) in *way {
            bench.does(who, *role, *command, hop).await;
        }
        if *state == S::InProgress {
            bench.add_task(CENTRAL, case(n), hop).await;
        }
        hops.push((*state, hop));
    }
    bench.open_case(case(50)).await;
    let draft = bench.drafted(case(50), "central-relay").await;
    let submitted = bench.drafted(case(50), "central-relay").await;
    bench
        .does(SH_WORKER.0, SH_WORKER.1, C::Submit, submitted)
        .await;
    hops.extend([(S::Draft, draft), (S::Submitted, submitted)]);
    for (state, hop) in &hops {
        let told = bench.hop(SHANGHAI, *hop).await;
        assert_eq!(told.state_zh, state.zh());
    }
    hops
}

/// The terms of those hops, as far as places follow from them.
fn terms(bench: &Bench, to: &str, relayed: bool) -> Terms {
    let unit = |code| bench.reference.desk(code).unwrap();
    let (from, to): (Party, Party) = (unit("sh-12355"), unit(to));
    Terms {
        from,
        to,
        origin: from,
        relay: relayed.then_some(to),
        kind: HopKind::ByWorker,
        case_type: CaseType::PsychologicalSupport,
        risk: RiskLevel::High,
        flags: [].into(),
        summary: serde_json::from_value(serde_json::json!({
            "suite": 1, "key": from.desk, "role": "Subject", "class": "Summary",
            "stream": format!("referral/{}", from.desk), "event": "Drafted", "field": "summary",
            "commitment": "00", "nonce": "00", "ciphertext": "00",
        }))
        .unwrap(),
    }
}

fn actor(caller: &Caller) -> Actor {
    Actor::person(&caller.person, &caller.organization, &caller.role)
}

/// Each cell that the table does not have, of every command on the wire, by people of every place.
#[tokio::test]
async fn each_illegal_cell_is_refused_over_the_wire() {
    let bench = Bench::start().await;
    // A hop to Qingdao first: it is the one that expires, as nobody is above Central.
    let expired = bench.sent(case(99), "qd-12355").await;
    bench.pass(241).await;
    let hops = in_every_state(&bench).await;
    let people = [
        ("sh-worker", Role::Worker),
        ("sh-supervisor", Role::Supervisor),
        ("sh-authorised", Role::Authorised),
        ("sh-visitor", Role::Visitor),
        ("sh-auditor", Role::Auditor),
        ("central-duty", Role::Worker),
        ("central-duty", Role::Supervisor),
        ("central-duty", Role::Authorised),
        ("qd-worker", Role::Worker),
        ("qd-authorised", Role::Authorised),
        ("nj-duty", Role::Authorised),
    ]
    .map(|(who, role)| bench.caller(who, role));
    let on_the_wire = HopCommand::ALL.iter().copied().filter(|command| {
        let rows = TABLE.0.iter().filter(|row| row.command == *command);
        let people = rows.filter(|row| row.by != domain::referral::HopRole::System);
        *command != C::Draft && people.count() > 0 && *command != C::Withdraw
    });
    let on_the_wire: Vec<_> = on_the_wire.collect();
    let written = bench.all_recorded().await;
    let to_central = hops.into_iter().map(|hop| (hop, CENTRAL, "central-relay"));
    let to_qingdao = ((HopState::Expired, expired), QINGDAO, "qd-12355");
    let mut cells = 0;
    for ((state, hop), receiver, desk) in to_central.chain([to_qingdao]) {
        let terms = terms(&bench, desk, receiver == CENTRAL);
        for command in &on_the_wire {
            for caller in &people {
                let roles = hop_roles(&actor(caller), &terms);
                if TABLE.allow(Some(state), *command, &roles).is_ok() {
                    continue;
                }
                let senders = command.is_senders();
                let at = if senders { SHANGHAI } else { receiver };
                let refused = bench.command(*command, at, hop, caller).await.unwrap_err();
                let unsent = matches!(state, HopState::Draft | HopState::Submitted);
                check(&refused, *command, caller, &roles, unsent && !senders);
                cells += 1;
            }
        }
    }
    assert!(cells > 1000, "{cells}");
    assert_eq!(bench.all_recorded().await, written);
    bench.stop().await;
}

fn check(
    refused: &Status,
    command: HopCommand,
    caller: &Caller,
    roles: &[domain::referral::HopRole],
    not_there: bool,
) {
    let may = |roles: &[domain::referral::HopRole]| {
        let mut rows = TABLE.0.iter().filter(|row| row.command == command);
        rows.any(|row| roles.contains(&row.by))
    };
    let expected = if not_there {
        // Whether a hop exists is told to nobody who has no place in it.
        Code::PermissionDenied
    } else if may(roles) {
        Code::FailedPrecondition
    } else {
        Code::PermissionDenied
    };
    let who = Acting::of(&actor(caller)).map(|acting| acting.role);
    assert_eq!(
        refusal(refused).0,
        expected,
        "{command:?} by {who:?}: {refused}"
    );
}

#[tokio::test]
async fn a_hop_of_a_region_that_is_not_there_is_nobodys_here() {
    let bench = Bench::start().await;
    let worker = bench.caller("qd-worker", Role::Worker);
    let mut client = bench.client(QINGDAO).await;
    let request = pb::ReceiveAssignmentRequest {
        meta: Some(bench.meta()),
        assignment_id: format!("999999-{}", Uuid::from_u128(5)),
    };
    let refused = client.receive_assignment(worker.request(request)).await;
    let expected = (Code::PermissionDenied, "HOP_COMMAND_FORBIDDEN".to_owned());
    assert_eq!(refusal(&refused.unwrap_err()), expected);
    bench.stop().await;
}
