//! What is answered: filtered, in pages, and the same after a restart.

use domain::values::Role;
use proto::directory::v1 as pb;

use crate::fixture::Fixture;

#[tokio::test]
async fn lists_are_filtered_and_come_in_pages() {
    let fixture = Fixture::start().await;
    let caller = fixture.caller("sh-auditor", Role::Auditor);
    let mut shanghai = fixture.shanghai().await;
    let list = pb::ListOrganizationsRequest {
        region: "370200".to_owned(),
        ..pb::ListOrganizationsRequest::default()
    };
    let all = shanghai
        .list_organizations(caller.request(list.clone()))
        .await
        .unwrap();
    let all = all.into_inner();
    assert_eq!(all.organizations.len(), 5);
    assert_eq!(all.next_page_token, "");

    let mut paged = Vec::new();
    let mut page_token = String::new();
    loop {
        let page = caller.request(pb::ListOrganizationsRequest {
            page_size: 2,
            page_token,
            ..list.clone()
        });
        let page = shanghai
            .list_organizations(page)
            .await
            .unwrap()
            .into_inner();
        paged.extend(page.organizations);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(paged, all.organizations);

    let schools = pb::ListOrganizationsRequest {
        kind: pb::OrganizationKind::School.into(),
        ..list
    };
    let schools = shanghai
        .list_organizations(caller.request(schools))
        .await
        .unwrap();
    let schools = schools.into_inner().organizations;
    assert_eq!(schools.len(), 1);
    let bureau = fixture.china.organization("qd-education").unwrap();
    assert_eq!(schools[0].parent_id, bureau.to_string());
    fixture.stop().await;
}

#[tokio::test]
async fn an_organization_has_its_desks_and_workers() {
    let fixture = Fixture::start().await;
    let caller = fixture.caller("sh-auditor", Role::Auditor);
    let mut shanghai = fixture.shanghai().await;
    let organization_id = fixture.china.organization("sh-league").unwrap().to_string();
    let desks = caller.request(pb::ListDesksRequest {
        organization_id: organization_id.clone(),
        ..pb::ListDesksRequest::default()
    });
    let desks = shanghai.list_desks(desks).await.unwrap().into_inner().desks;
    let desk = fixture.china.desk("sh-12355").unwrap().desk.to_string();
    assert_eq!(
        desks.iter().map(|known| &known.desk_id).collect::<Vec<_>>(),
        [&desk]
    );
    assert_eq!(desks[0].lines, ["12355"]);
    let workers = caller.request(pb::ListWorkersRequest {
        organization_id,
        ..pb::ListWorkersRequest::default()
    });
    let workers = shanghai
        .list_workers(workers)
        .await
        .unwrap()
        .into_inner()
        .workers;
    assert_eq!(workers.len(), 6);
    assert!(
        workers
            .iter()
            .all(|known| known.desk_id == desk && !known.left)
    );
    fixture.stop().await;
}

#[tokio::test]
async fn a_restart_forgets_nobody_and_loading_the_file_again_changes_nothing() {
    let fixture = Fixture::start().await;
    let head = fixture.shanghai_head();
    let fixture = fixture.restart().await;
    let caller = fixture.caller("sh-worker", Role::Worker);
    let mut shanghai = fixture.shanghai().await;
    let request = caller.request(pb::ListRegionsRequest::default());
    let regions = shanghai
        .list_regions(request)
        .await
        .unwrap()
        .into_inner()
        .regions;
    let codes: Vec<_> = regions.iter().map(|region| region.code.as_str()).collect();
    assert_eq!(codes, ["100000", "310000", "370200"]);

    let clock: std::sync::Arc<dyn eventsourcing::Clock> = fixture.clock.clone();
    let loaded = fixture
        .china
        .load_all(fixture.system.logs(), &clock)
        .await
        .unwrap();
    assert!(loaded.iter().all(|(_, loaded)| loaded.recorded == 0));
    assert_eq!(fixture.shanghai_head(), head);
    fixture.stop().await;
}
