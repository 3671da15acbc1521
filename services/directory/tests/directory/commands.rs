//! What an administrator can do, and what others then see.

use domain::values::Role;
use proto::directory::v1 as pb;
use proto::types::v1 as types;
use tonic::Code;

use crate::fixture::{Carries, Fixture, name, refusal, region};

#[tokio::test]
async fn an_administrator_sets_up_an_organization_that_every_region_then_knows() {
    let fixture = Fixture::start().await;
    let administrator = fixture.administrator();
    let mut shanghai = fixture.shanghai().await;

    let request = administrator.request(fixture.register());
    let registered = shanghai
        .register_organization(request)
        .await
        .unwrap()
        .result();
    let open = pb::OpenDeskRequest {
        meta: fixture.meta(),
        organization_id: registered.id.clone(),
        name: name("值班室", "Duty room"),
        lines: vec!["12355".to_owned()],
    };
    let opened = shanghai
        .open_desk(administrator.request(open))
        .await
        .unwrap()
        .result();
    let enrol = pb::EnrolWorkerRequest {
        meta: fixture.meta(),
        organization_id: registered.id.clone(),
        desk_id: opened.id.clone(),
        roles: vec![types::Role::Worker.into()],
    };
    let enrolled = shanghai
        .enrol_worker(administrator.request(enrol))
        .await
        .unwrap()
        .result();
    assert_eq!(enrolled.events[0].r#type, "directory.WorkerEnrolled");
    assert!(enrolled.id.starts_with("310000-"));
    assert_eq!(enrolled.case_id, "", "reference data belong to no case");

    let ask = pb::GetWorkerRequest {
        worker_id: enrolled.id.clone(),
        consistency_token: enrolled.consistency_token,
    };
    let known = shanghai
        .get_worker(administrator.request(ask))
        .await
        .unwrap();
    let known = known.into_inner().worker.unwrap();
    assert_eq!(known.organization_id, registered.id);
    assert_eq!(known.roles, [types::Role::Worker as i32]);

    fixture.settle().await;
    let mut qingdao = fixture.client(region("370200")).await;
    let asking = fixture.caller("qd-worker", Role::Worker);
    let ask = pb::GetOrganizationRequest {
        organization_id: registered.id,
        ..pb::GetOrganizationRequest::default()
    };
    let seen = qingdao.get_organization(asking.request(ask)).await.unwrap();
    let seen = seen.into_inner().organization.unwrap();
    assert_eq!(seen.name, fixture.register().name);
    fixture.stop().await;
}

#[tokio::test]
async fn new_roles_count_at_once_and_who_has_left_may_act_no_more() {
    let fixture = Fixture::start().await;
    let administrator = fixture.administrator();
    let mut shanghai = fixture.shanghai().await;
    let worker_id = fixture
        .china
        .worker("sh-worker")
        .unwrap()
        .worker
        .to_string();
    let mut worker = fixture.caller("sh-worker", Role::Worker);
    worker.role = "Auditor".to_owned();

    let list = pb::ListRegionsRequest::default();
    let refused = shanghai.list_regions(worker.request(list.clone())).await;
    let role_not_held = (Code::PermissionDenied, "ROLE_NOT_HELD".to_owned());
    assert_eq!(refusal(refused), role_not_held);

    let change = pb::ChangeRolesRequest {
        meta: fixture.meta(),
        worker_id: worker_id.clone(),
        roles: vec![types::Role::Worker.into(), types::Role::Auditor.into()],
    };
    shanghai
        .change_roles(administrator.request(change))
        .await
        .unwrap();
    fixture.settle().await;
    let regions = shanghai
        .list_regions(worker.request(list.clone()))
        .await
        .unwrap();
    assert_eq!(regions.into_inner().regions.len(), 3);

    let end = pb::EndEnrolmentRequest {
        meta: fixture.meta(),
        worker_id,
    };
    shanghai
        .end_enrolment(administrator.request(end))
        .await
        .unwrap();
    fixture.settle().await;
    let refused = shanghai.list_regions(worker.request(list)).await;
    let left = (Code::PermissionDenied, "WORKER_HAS_LEFT".to_owned());
    assert_eq!(refusal(refused), left);
    fixture.stop().await;
}

#[tokio::test]
async fn a_region_with_rules_of_its_own_goes_by_them_and_the_others_by_those_of_central() {
    let fixture = Fixture::start().await;
    let administrator = fixture.administrator();
    let mut shanghai = fixture.shanghai().await;
    let ask = |code: &str, token: &str| {
        administrator.request(pb::GetRuleSetRequest {
            region: code.to_owned(),
            consistency_token: token.to_owned(),
        })
    };
    let central = shanghai.get_rule_set(ask("310000", "")).await.unwrap();
    let mut rules = central.into_inner().rules.unwrap();
    assert_eq!(rules.version, "2026-01");

    rules.version = "sh-2026-02".to_owned();
    rules.callbacks.as_mut().unwrap().failed_attempts = 3;
    let publish = |version: &str| pb::PublishRuleSetRequest {
        meta: fixture.meta(),
        rules: Some(pb::RuleSet {
            version: version.to_owned(),
            ..rules.clone()
        }),
    };
    let request = administrator.request(publish("sh-2026-02"));
    let published = shanghai.publish_rule_set(request).await.unwrap().result();
    let token = published.consistency_token;
    let own = shanghai.get_rule_set(ask("310000", &token)).await.unwrap();
    assert_eq!(own.into_inner().rules, Some(rules.clone()));
    let others = shanghai.get_rule_set(ask("370200", "")).await.unwrap();
    assert_eq!(others.into_inner().rules.unwrap().version, "2026-01");

    let again = administrator.request(publish("sh-2026-02"));
    let refused = shanghai.publish_rule_set(again).await;
    let used = (Code::AlreadyExists, "RULES_VERSION_USED".to_owned());
    assert_eq!(refusal(refused), used);
    fixture.stop().await;
}

#[tokio::test]
async fn the_same_request_twice_is_recorded_once() {
    let fixture = Fixture::start().await;
    let administrator = fixture.administrator();
    let mut shanghai = fixture.shanghai().await;
    let register = fixture.register();
    let request = administrator.request(register.clone());
    let first = shanghai
        .register_organization(request)
        .await
        .unwrap()
        .result();
    let head = fixture.shanghai_head();

    let mut again = register.clone();
    // An etag that the first could not have had: a repeat is answered whatever it says.
    again.meta.as_mut().unwrap().etag = "7".to_owned();
    let request = administrator.request(again);
    let second = shanghai
        .register_organization(request)
        .await
        .unwrap()
        .result();
    assert!(second.repeated);
    assert_eq!((&second.id, &second.events), (&first.id, &first.events));
    assert_eq!(fixture.shanghai_head(), head);

    let mut other = register;
    other.name = name("另一组织", "Another organization");
    let refused = shanghai
        .register_organization(administrator.request(other))
        .await;
    let reused = (Code::AlreadyExists, "REQUEST_ID_REUSED".to_owned());
    assert_eq!(refusal(refused), reused);
    assert_eq!(fixture.shanghai_head(), head);
    fixture.stop().await;
}

#[tokio::test]
async fn whoever_saw_an_older_state_is_told_so() {
    let fixture = Fixture::start().await;
    let administrator = fixture.administrator();
    let mut shanghai = fixture.shanghai().await;
    let change = |etag: &str| {
        let mut meta = fixture.meta();
        meta.as_mut().unwrap().etag = etag.to_owned();
        administrator.request(pb::ChangeRolesRequest {
            meta,
            worker_id: fixture
                .china
                .worker("sh-worker")
                .unwrap()
                .worker
                .to_string(),
            roles: vec![types::Role::Visitor.into()],
        })
    };
    let changed = shanghai.change_roles(change("1")).await.unwrap().result();
    assert_eq!(changed.etag, "2");
    let refused = shanghai.change_roles(change("1")).await;
    assert_eq!(
        refusal(refused),
        (Code::Aborted, "CHANGED_MEANWHILE".to_owned())
    );
    fixture.stop().await;
}

#[tokio::test]
async fn validate_only_stores_nothing() {
    let fixture = Fixture::start().await;
    let administrator = fixture.administrator();
    let mut shanghai = fixture.shanghai().await;
    let head = fixture.shanghai_head();
    let mut register = fixture.register();
    register.meta.as_mut().unwrap().validate_only = true;
    let request = administrator.request(register);
    let would = shanghai
        .register_organization(request)
        .await
        .unwrap()
        .result();
    assert_eq!(would.events[0].r#type, "directory.OrganizationRegistered");
    assert_eq!(fixture.shanghai_head(), head);
    fixture.stop().await;
}
