//! Everything that can be asked about some cases, as text: what two states of a system are compared by.

use std::collections::BTreeMap;

use acceptance::World;
use domain::values::Role;
use node::client::Caller;
use proto::caseteam::v1::case_team_service_client::CaseTeamServiceClient;
use proto::caseteam::v1::{GetTeamRequest, ListTasksRequest};
use proto::directory::v1::directory_service_client::DirectoryServiceClient;
use proto::directory::v1::{
    GetRuleSetRequest, ListDesksRequest, ListOrganizationsRequest, ListRegionsRequest,
    ListWorkersRequest,
};
use proto::followup::v1::follow_up_service_client::FollowUpServiceClient;
use proto::followup::v1::{GetPlanRequest, ListOwedVisitsRequest};
use proto::intake::v1::ListIntakesRequest;
use proto::intake::v1::intake_service_client::IntakeServiceClient;
use proto::keys::v1::keys_service_client::KeysServiceClient;
use proto::keys::v1::{ListGrantsRequest, ListSealedTextsRequest};
use proto::referral::v1::referral_service_client::ReferralServiceClient;
use proto::referral::v1::{GetCustodyRequest, ListInboxRequest, ListReferralsRequest};
use proto::timeline::v1::timeline_service_client::TimelineServiceClient;
use proto::timeline::v1::{GetCaseRequest, GetTimelineRequest, ListCasesRequest};
use tonic::transport::Channel;

use crate::calls::{CENTRAL, QINGDAO, SHANGHAI};

/// Answers (or refusals) by what was asked.
pub(crate) type Snapshot = BTreeMap<String, String>;

/// One region, asked by one person.
struct Asked<'a> {
    region: &'a str,
    node: Channel,
    auditor: Caller,
    answers: Snapshot,
}

macro_rules! ask {
    ($asked:expr, $client:ident, $method:ident, $of:expr, $request:ident { $($field:ident: $value:expr),* $(,)? }) => {{
        let request = $asked.auditor.request($request { $($field: $value,)* ..$request::default() });
        let mut client = $client::new($asked.node.clone());
        let answer = client.$method(request).await;
        let answer = answer.map(tonic::Response::into_inner);
        let answer = answer.map_err(|status| (status.code(), status.message().to_owned()));
        let of = format!("{} {} {}", $asked.region, stringify!($method), $of);
        $asked.answers.insert(of, format!("{answer:#?}"));
    }};
}

/// What the regions answer about these cases, about every desk and every organization.
pub(crate) async fn snapshot(world: &World, cases: &[String]) -> Snapshot {
    let mut all = Snapshot::new();
    for (region, auditor) in [
        (SHANGHAI, "sh-auditor"),
        (CENTRAL, "central-auditor"),
        (QINGDAO, "qd-auditor"),
    ] {
        let mut asked = Asked {
            region,
            node: world.channel(region).await,
            auditor: world.caller(auditor, Role::Auditor),
            answers: Snapshot::new(),
        };
        asked.directory(world).await;
        asked.desks(world).await;
        for case in cases {
            asked.case(case).await;
        }
        all.append(&mut asked.answers);
    }
    let answered = all.values().filter(|answer| answer.starts_with("Ok"));
    assert!(
        answered.count() * 2 > all.len(),
        "most is answered: {all:?}"
    );
    all
}

impl Asked<'_> {
    async fn directory(&mut self, world: &World) {
        let region = self.region.to_owned();
        ask!(
            self,
            DirectoryServiceClient,
            list_regions,
            "",
            ListRegionsRequest {}
        );
        ask!(
            self,
            DirectoryServiceClient,
            list_organizations,
            "",
            ListOrganizationsRequest {
                region: region.clone(),
                page_size: 100
            }
        );
        ask!(
            self,
            DirectoryServiceClient,
            get_rule_set,
            "",
            GetRuleSetRequest { region: region }
        );
        for (code, organization) in world.cast.organizations() {
            let organization_id = organization.to_string();
            ask!(
                self,
                DirectoryServiceClient,
                list_desks,
                code,
                ListDesksRequest {
                    organization_id: organization_id.clone()
                }
            );
            ask!(
                self,
                DirectoryServiceClient,
                list_workers,
                code,
                ListWorkersRequest {
                    organization_id: organization_id.clone()
                }
            );
            ask!(
                self,
                CaseTeamServiceClient,
                list_tasks,
                code,
                ListTasksRequest {
                    organization_id: organization_id.clone()
                }
            );
            ask!(
                self,
                FollowUpServiceClient,
                list_owed_visits,
                code,
                ListOwedVisitsRequest {
                    organization_id: organization_id
                }
            );
        }
    }

    async fn desks(&mut self, world: &World) {
        ask!(
            self,
            TimelineServiceClient,
            list_cases,
            "",
            ListCasesRequest {}
        );
        for (code, desk) in world.cast.desks() {
            let desk_id = desk.desk.to_string();
            ask!(
                self,
                IntakeServiceClient,
                list_intakes,
                code,
                ListIntakesRequest {
                    desk_id: desk_id.clone()
                }
            );
            ask!(
                self,
                ReferralServiceClient,
                list_inbox,
                code,
                ListInboxRequest { desk_id: desk_id }
            );
        }
    }

    async fn case(&mut self, case: &str) {
        let of = || case.to_owned();
        ask!(
            self,
            TimelineServiceClient,
            get_case,
            case,
            GetCaseRequest { case_id: of() }
        );
        ask!(
            self,
            TimelineServiceClient,
            get_timeline,
            case,
            GetTimelineRequest {
                case_id: of(),
                page_size: 200
            }
        );
        ask!(
            self,
            ReferralServiceClient,
            list_referrals,
            case,
            ListReferralsRequest { case_id: of() }
        );
        ask!(
            self,
            ReferralServiceClient,
            get_custody,
            case,
            GetCustodyRequest { case_id: of() }
        );
        ask!(
            self,
            CaseTeamServiceClient,
            get_team,
            case,
            GetTeamRequest { case_id: of() }
        );
        ask!(
            self,
            FollowUpServiceClient,
            get_plan,
            case,
            GetPlanRequest { case_id: of() }
        );
        ask!(
            self,
            KeysServiceClient,
            list_sealed_texts,
            case,
            ListSealedTextsRequest { case_id: of() }
        );
        ask!(
            self,
            KeysServiceClient,
            list_grants,
            case,
            ListGrantsRequest { case_id: of() }
        );
    }
}

/// The first answer in which two snapshots differ is told.
pub(crate) fn assert_same(before: &Snapshot, after: &Snapshot, what: &str) {
    for (of, answer) in before {
        let now = after.get(of).map_or("nothing", String::as_str);
        let differs = answer
            .lines()
            .zip(now.lines())
            .find(|(old, new)| old != new);
        assert_eq!(answer, now, "{what}: {of}: {differs:?}");
    }
}
