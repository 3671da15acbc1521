//! Who sees what.

use domain::values::Role;
use proto::caseteam::v1 as pb;
use tonic::Code;

use crate::bench::{Bench, case, refusal};

fn list(organization_id: &str, page_size: i32, page_token: &str) -> pb::ListTasksRequest {
    pb::ListTasksRequest {
        organization_id: organization_id.to_owned(),
        page_size,
        page_token: page_token.to_owned(),
        consistency_token: String::new(),
    }
}

#[tokio::test]
async fn what_an_organization_has_to_do_is_listed_page_by_page_until_it_is_done() {
    let bench = Bench::start().await;
    for (n, hop) in [(1, 1), (2, 2), (3, 3)] {
        bench.accepted(case(n), "qd-authorised", hop).await;
        bench.school_has_a_task(case(n)).await;
    }
    let school = bench.caller("qd-school-worker", Role::Worker);
    let mut client = bench.client().await;
    let first = client
        .list_tasks(school.request(list(&school.organization, 2, "")))
        .await;
    let first = first.unwrap().into_inner();
    let rest = list(&school.organization, 2, &first.next_page_token);
    let rest = client
        .list_tasks(school.request(rest))
        .await
        .unwrap()
        .into_inner();
    assert_eq!((first.tasks.len(), rest.tasks.len()), (2, 1));
    assert_eq!(rest.next_page_token, "");

    let task = first.tasks[0].task.as_ref().unwrap();
    let of = first.tasks[0].case_id.parse().unwrap();
    let done = bench.completion(of, &task.task_id);
    let answer = client
        .complete_task(school.request(done))
        .await
        .unwrap()
        .into_inner();
    let seen = pb::ListTasksRequest {
        consistency_token: answer.result.unwrap().consistency_token,
        ..list(&school.organization, 0, "")
    };
    let left = client
        .list_tasks(school.request(seen))
        .await
        .unwrap()
        .into_inner()
        .tasks;
    assert_eq!(left, [first.tasks[1].clone(), rest.tasks[0].clone()]);

    bench.voided(case(3), "qd-authorised", 3).await;
    let left = client
        .list_tasks(school.request(list(&school.organization, 0, "")))
        .await;
    let left = left.unwrap().into_inner().tasks;
    assert!(left.iter().all(|task| task.case_id != case(3).to_string()));
    bench.stop().await;
}

#[tokio::test]
async fn members_liaison_and_observer_see_the_team() {
    let bench = Bench::start().await;
    bench.accepted(case(1), "qd-authorised", 1).await;
    let mut client = bench.client().await;
    for who in ["qd-worker", "sh-worker", "central-duty"] {
        let caller = bench.caller(who, Role::Worker);
        let request = pb::GetTeamRequest {
            case_id: case(1).to_string(),
            ..Default::default()
        };
        let team = client
            .get_team(caller.request(request))
            .await
            .unwrap()
            .into_inner();
        assert_eq!(team, bench.team(case(1)).await, "{who}");
    }
    bench.stop().await;
}

#[tokio::test]
async fn others_see_nothing_and_do_not_learn_whether_there_is_a_team() {
    let bench = Bench::start().await;
    bench.accepted(case(1), "qd-authorised", 1).await;
    let mut client = bench.client().await;
    let police = bench.caller("qd-police-worker", Role::Worker);
    for case in [case(1), case(2)] {
        let request = pb::GetTeamRequest {
            case_id: case.to_string(),
            ..Default::default()
        };
        let refused = client.get_team(police.request(request)).await.unwrap_err();
        assert_eq!(
            refusal(&refused),
            (Code::PermissionDenied, "NOT_PERMITTED".to_owned())
        );
    }
    let school = bench.caller("qd-school-worker", Role::Worker);
    let others = list(&school.organization, 0, "");
    let refused = client.list_tasks(police.request(others)).await.unwrap_err();
    assert_eq!(
        refusal(&refused),
        (Code::PermissionDenied, "NOT_PERMITTED".to_owned())
    );

    let auditor = bench.caller("qd-auditor", Role::Auditor);
    let request = pb::GetTeamRequest {
        case_id: case(2).to_string(),
        ..Default::default()
    };
    let missing = client.get_team(auditor.request(request)).await.unwrap_err();
    assert_eq!(refusal(&missing), (Code::NotFound, "NO_TEAM".to_owned()));
    bench.stop().await;
}
