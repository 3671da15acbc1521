//! What bad input gets: a refusal that names the field or the rule, and nothing is recorded.

use domain::values::Role;
use proto::directory::v1 as pb;
use proto::types::v1 as types;
use tonic::{Code, Request};
use uuid::Uuid;

use crate::fixture::{Carries, Fixture, field_at_fault, name, refusal};

/// Makes a good request a bad one.
type Spoil = fn(&mut pb::RegisterOrganizationRequest);

fn denied(reason: &str) -> (Code, String) {
    (Code::PermissionDenied, reason.to_owned())
}

#[tokio::test]
async fn malformed_requests_name_the_field_at_fault() {
    let fixture = Fixture::start().await;
    let administrator = fixture.administrator();
    let mut shanghai = fixture.shanghai().await;
    let head = fixture.shanghai_head();
    let spoilt: [(&str, Spoil); 10] = [
        ("meta", |request| request.meta = None),
        ("meta.request_id", |request| {
            request.meta.as_mut().unwrap().request_id = "7".to_owned();
        }),
        ("meta.request_id", |request| {
            request.meta.as_mut().unwrap().request_id = Uuid::new_v4().to_string();
        }),
        ("meta.etag", |request| {
            request.meta.as_mut().unwrap().etag = "newest".to_owned();
        }),
        ("name", |request| request.name = None),
        ("name.en", |request| request.name = name("组织", "  ")),
        ("name.zh", |request| {
            request.name = name(&"组".repeat(101), "Organization");
        }),
        ("level", |request| request.level = 99),
        ("kind", |request| request.kind = 0),
        ("parent_id", |request| {
            request.parent_id = "sh-league".to_owned();
        }),
    ];
    for (field, spoil) in spoilt {
        let mut request = fixture.register();
        spoil(&mut request);
        let answer = shanghai
            .register_organization(administrator.request(request))
            .await;
        assert_eq!(field_at_fault(answer), field);
    }
    assert_eq!(fixture.shanghai_head(), head);
    fixture.stop().await;
}

#[tokio::test]
async fn unknown_words_and_numbers_are_refused() {
    let fixture = Fixture::start().await;
    let administrator = fixture.administrator();
    let mut shanghai = fixture.shanghai().await;
    let enrolment = fixture.china.worker("sh-worker").unwrap();
    let head = fixture.shanghai_head();
    for (roles, field) in [(vec![77], "roles"), (vec![], "roles")] {
        let request = administrator.request(pb::ChangeRolesRequest {
            meta: fixture.meta(),
            worker_id: enrolment.worker.to_string(),
            roles,
        });
        assert_eq!(field_at_fault(shanghai.change_roles(request).await), field);
    }
    for lines in [vec!["call us".to_owned()], vec!["12355".to_owned(); 21]] {
        let request = administrator.request(pb::OpenDeskRequest {
            meta: fixture.meta(),
            organization_id: enrolment.organization.to_string(),
            name: name("值班室", "Duty room"),
            lines,
        });
        assert_eq!(field_at_fault(shanghai.open_desk(request).await), "lines");
    }
    assert_eq!(fixture.shanghai_head(), head);
    fixture.stop().await;
}

#[tokio::test]
async fn a_request_that_is_too_large_is_refused() {
    let fixture = Fixture::start().await;
    let mut shanghai = fixture.shanghai().await;
    let head = fixture.shanghai_head();
    let mut register = fixture.register();
    register.name = name("组织", &"x".repeat(256 * 1024));
    let request = fixture.administrator().request(register);
    assert_eq!(
        field_at_fault(shanghai.register_organization(request).await),
        "request"
    );
    assert_eq!(fixture.shanghai_head(), head);
    fixture.stop().await;
}

#[tokio::test]
async fn nobody_acts_without_saying_who_they_are() {
    let fixture = Fixture::start().await;
    let mut shanghai = fixture.shanghai().await;
    let head = fixture.shanghai_head();
    let anonymous = Request::new(fixture.register());
    let missing = (Code::Unauthenticated, "ACTOR_MISSING".to_owned());
    assert_eq!(
        refusal(shanghai.register_organization(anonymous).await),
        missing
    );

    let known = fixture.administrator();
    let mut stranger = known.clone();
    stranger.person = format!("310000-{}", Uuid::new_v4());
    let mut nameless = known.clone();
    nameless.person = "administrator".to_owned();
    let mut elsewhere = known.clone();
    elsewhere.organization = fixture.china.organization("qd-league").unwrap().to_string();
    let mut pretender = known;
    pretender.role = "Supervisor".to_owned();
    for (caller, reason) in [
        (stranger, "UNKNOWN_PERSON"),
        (nameless, "ACTOR_MALFORMED"),
        (elsewhere, "NOT_OF_THIS_ORGANIZATION"),
        (pretender, "ROLE_NOT_HELD"),
    ] {
        let request = caller.request(fixture.register());
        let answer = shanghai.register_organization(request).await;
        assert_eq!(refusal(answer), denied(reason));
    }
    assert_eq!(fixture.shanghai_head(), head);
    fixture.stop().await;
}

#[tokio::test]
async fn only_administrators_of_the_region_change_its_directory() {
    let fixture = Fixture::start().await;
    let mut shanghai = fixture.shanghai().await;
    let head = fixture.shanghai_head();
    for caller in [
        fixture.caller("sh-supervisor", Role::Supervisor),
        fixture.caller("qd-admin", Role::Administrator),
        fixture.caller("central-admin", Role::Administrator),
    ] {
        let request = caller.request(fixture.register());
        let answer = shanghai.register_organization(request).await;
        assert_eq!(refusal(answer), denied("NOT_ADMINISTRATOR"));
        // Nor are they told whether somebody exists.
        let request = caller.request(pb::EndEnrolmentRequest {
            meta: fixture.meta(),
            worker_id: format!("310000-{}", Uuid::new_v4()),
        });
        let answer = shanghai.end_enrolment(request).await;
        assert_eq!(refusal(answer), denied("NOT_ADMINISTRATOR"));
    }
    assert_eq!(fixture.shanghai_head(), head);
    fixture.stop().await;
}

#[tokio::test]
async fn another_region_is_not_this_directorys_to_change() {
    let fixture = Fixture::start().await;
    let administrator = fixture.administrator();
    let mut shanghai = fixture.shanghai().await;
    let head = fixture.shanghai_head();
    for region in ["370200", "999999", "31"] {
        let request = administrator.request(pb::RegisterRegionRequest {
            meta: fixture.meta(),
            region: region.to_owned(),
            name: name("某地", "Somewhere"),
        });
        assert_eq!(
            field_at_fault(shanghai.register_region(request).await),
            "region"
        );
    }
    let request = administrator.request(pb::CloseDeskRequest {
        meta: fixture.meta(),
        desk_id: fixture.china.desk("qd-12355").unwrap().desk.to_string(),
    });
    assert_eq!(
        field_at_fault(shanghai.close_desk(request).await),
        "desk_id"
    );
    let request = administrator.request(pb::OpenDeskRequest {
        meta: fixture.meta(),
        organization_id: fixture.china.organization("qd-league").unwrap().to_string(),
        name: name("值班室", "Duty room"),
        lines: vec![],
    });
    assert_eq!(
        field_at_fault(shanghai.open_desk(request).await),
        "organization_id"
    );
    assert_eq!(fixture.shanghai_head(), head);
    fixture.stop().await;
}

#[tokio::test]
async fn a_worker_is_enrolled_only_at_an_open_desk_of_their_organization() {
    let fixture = Fixture::start().await;
    let administrator = fixture.administrator();
    let mut shanghai = fixture.shanghai().await;
    let league = fixture.china.desk("sh-12355").unwrap();
    let enrol = |organization: &str, desk: &str| {
        administrator.request(pb::EnrolWorkerRequest {
            meta: fixture.meta(),
            organization_id: organization.to_owned(),
            desk_id: desk.to_owned(),
            roles: vec![types::Role::Worker.into()],
        })
    };
    let nowhere = format!("310000-{}", Uuid::new_v4());
    let (organization, desk) = (league.organization.to_string(), league.desk.to_string());
    let request = administrator.request(fixture.register());
    let agency = shanghai
        .register_organization(request)
        .await
        .unwrap()
        .result()
        .id;

    let answer = shanghai.enrol_worker(enrol(&nowhere, &desk)).await;
    let unknown = |reason: &str| (Code::NotFound, reason.to_owned());
    assert_eq!(refusal(answer), unknown("UNKNOWN_ORGANIZATION"));
    let answer = shanghai.enrol_worker(enrol(&organization, &nowhere)).await;
    assert_eq!(refusal(answer), unknown("UNKNOWN_DESK"));
    let answer = shanghai.enrol_worker(enrol(&agency, &desk)).await;
    assert_eq!(field_at_fault(answer), "desk_id");

    let close = || {
        administrator.request(pb::CloseDeskRequest {
            meta: fixture.meta(),
            desk_id: desk.clone(),
        })
    };
    let closed = shanghai.close_desk(close()).await.unwrap().result();
    assert_eq!(closed.events[0].r#type, "directory.DeskClosed");
    let answer = shanghai.enrol_worker(enrol(&organization, &desk)).await;
    assert_eq!(refusal(answer), unknown("UNKNOWN_DESK"));
    let again = (Code::FailedPrecondition, "DESK_ALREADY_CLOSED".to_owned());
    assert_eq!(refusal(shanghai.close_desk(close()).await), again);
    fixture.stop().await;
}

#[tokio::test]
async fn queries_refuse_what_they_cannot_read_and_say_what_is_not_there() {
    let fixture = Fixture::start().await;
    let caller = fixture.caller("sh-worker", Role::Worker);
    let mut shanghai = fixture.shanghai().await;
    let nobody = format!("310000-{}", Uuid::new_v4());
    let worker = |worker_id: &str, token: &str| {
        caller.request(pb::GetWorkerRequest {
            worker_id: worker_id.to_owned(),
            consistency_token: token.to_owned(),
        })
    };
    let answer = shanghai.get_worker(worker(&nobody, "")).await;
    assert_eq!(
        refusal(answer),
        (Code::NotFound, "UNKNOWN_WORKER".to_owned())
    );
    let answer = shanghai.get_worker(worker("somebody", "")).await;
    assert_eq!(field_at_fault(answer), "worker_id");
    let answer = shanghai.get_worker(worker(&nobody, "now")).await;
    assert_eq!(field_at_fault(answer), "consistency_token");
    let list = pb::ListOrganizationsRequest {
        kind: 99,
        ..pb::ListOrganizationsRequest::default()
    };
    let answer = shanghai.list_organizations(caller.request(list)).await;
    assert_eq!(field_at_fault(answer), "kind");
    let list = pb::ListDesksRequest {
        page_token: "2".to_owned(),
        ..pb::ListDesksRequest::default()
    };
    let answer = shanghai.list_desks(caller.request(list)).await;
    assert_eq!(field_at_fault(answer), "page_token");
    fixture.stop().await;
}

#[tokio::test]
async fn an_organization_below_one_that_nobody_knows_is_refused() {
    let fixture = Fixture::start().await;
    let administrator = fixture.administrator();
    let mut shanghai = fixture.shanghai().await;
    for region in ["310000", "370200", "990000"] {
        let nobody = pb::RegisterOrganizationRequest {
            parent_id: format!("{region}-{}", Uuid::now_v7()),
            ..fixture.register()
        };
        let answer = shanghai
            .register_organization(administrator.request(nobody))
            .await;
        assert_eq!(
            refusal(answer),
            (Code::NotFound, "UNKNOWN_PARENT".to_owned())
        );
    }
    let central = fixture.china.organization("central-league").unwrap();
    let of_another_region = pb::RegisterOrganizationRequest {
        parent_id: central.to_string(),
        ..fixture.register()
    };
    let request = administrator.request(of_another_region);
    shanghai.register_organization(request).await.unwrap();
    fixture.stop().await;
}

#[tokio::test]
async fn nobody_acts_for_an_organization_that_does_not_exist() {
    let fixture = Fixture::start().await;
    let administrator = fixture.administrator();
    let mut shanghai = fixture.shanghai().await;
    let known = fixture.china.organization("sh-league").unwrap().to_string();
    let unknown = format!("310000-{}", Uuid::now_v7());
    for (on_behalf_of, exists) in [
        (unknown, false),
        ("somebody".to_owned(), false),
        (known, true),
    ] {
        let mut register = fixture.register();
        register.meta.as_mut().unwrap().on_behalf_of = on_behalf_of;
        let answer = shanghai
            .register_organization(administrator.request(register))
            .await;
        if exists {
            answer.unwrap();
        } else {
            assert_eq!(field_at_fault(answer), "meta.on_behalf_of");
        }
    }
    fixture.stop().await;
}

#[tokio::test]
async fn a_desk_that_closes_while_workers_are_enrolled_gets_none_afterwards() {
    let fixture = Fixture::start().await;
    let administrator = fixture.administrator();
    let mut shanghai = fixture.shanghai().await;
    let desk = fixture.china.desk("sh-12355").unwrap();
    let mut enrolling = Vec::new();
    for _ in 0..8 {
        let enrol = pb::EnrolWorkerRequest {
            meta: fixture.meta(),
            organization_id: desk.organization.to_string(),
            desk_id: desk.desk.to_string(),
            roles: vec![types::Role::Worker.into()],
        };
        let (mut client, request) = (shanghai.clone(), administrator.request(enrol));
        enrolling.push(tokio::spawn(
            async move { client.enrol_worker(request).await },
        ));
    }
    let close = pb::CloseDeskRequest {
        meta: fixture.meta(),
        desk_id: desk.desk.to_string(),
    };
    shanghai
        .close_desk(administrator.request(close))
        .await
        .unwrap();
    for enrolled in enrolling {
        if let Err(status) = enrolled.await.unwrap() {
            assert_eq!(refusal::<()>(Err(status)).1, "UNKNOWN_DESK");
        }
    }
    let log = fixture.shanghai_log();
    let all = log
        .read_all(eventsourcing::Position(0), usize::MAX)
        .await
        .unwrap();
    let after = all
        .iter()
        .skip_while(|event| event.envelope.event_type != "directory.DeskClosed");
    let of_desk = after.filter(|event| event.envelope.event_type == "directory.WorkerEnrolled");
    assert_eq!(of_desk.count(), 0);
    fixture.stop().await;
}
