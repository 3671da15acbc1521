//! What a request refers to, looked up before a command is made of it.

use std::sync::Arc;

use domain::acting::Acting;
use domain::directory::RuleSet;
use domain::ids::{DeskId, IntakeId, OrganizationId};
use domain::values::Party;
use eventsourcing::RequestContext;
use service_runtime::grpc::{failure, field, violation};
use tonic::{Code, Status};

use super::IntakeApi;

impl IntakeApi {
    /// An intake of this region.
    pub(super) fn own(&self, id: &str) -> Result<IntakeId, Status> {
        let id: IntakeId = field("intake_id", id)?;
        if id.region() == self.region {
            return Ok(id);
        }
        Err(violation(
            "intake_id",
            format!("intakes of region {} are kept there, not here", id.region()),
            format!("地区 {} 的来访记录保存在该地区", id.region()),
        ))
    }

    pub(super) fn open_desk(&self, id: &str) -> Result<Party, Status> {
        let desk: DeskId = field("desk_id", id)?;
        let known = self.directory.desk(desk).ok_or_else(unknown_desk)?;
        let party = Party {
            organization: known.organization,
            desk,
        };
        if desk.region() == self.region && self.directory.is_unit(party) {
            return Ok(party);
        }
        Err(violation(
            "desk_id",
            format!("not an open desk of region {}", self.region),
            format!("不是地区 {} 正在服务的服务台", self.region),
        ))
    }

    pub(super) fn check_known<'a>(
        &self,
        organizations: impl IntoIterator<Item = &'a OrganizationId>,
    ) -> Result<(), Status> {
        for id in organizations {
            if self.directory.organization(*id).is_none() {
                return Err(violation(
                    "receiver_ids",
                    format!("the directory has no organization {id}"),
                    format!("名录中没有组织 {id}"),
                ));
            }
        }
        Ok(())
    }

    /// Who relays a referral for the actor's organization, which is that of the intake: the rules
    /// let nobody else act on it.
    pub(super) fn relay(&self, call: &RequestContext) -> Option<Party> {
        let organization = Acting::of(&call.actor)?.organization;
        self.directory.parent_committee(organization)
    }

    pub(super) fn rules(&self) -> Result<Arc<RuleSet>, Status> {
        self.directory.rules(self.region).ok_or_else(|| {
            failure(
                Code::FailedPrecondition,
                "NO_RULE_SET",
                "no rule set is in force in this region: publish one in its directory",
                "本地区尚无生效的规则，请先在名录中发布",
            )
        })
    }
}

pub(super) fn unknown_desk() -> Status {
    violation(
        "desk_id",
        "the directory has no such desk",
        "名录中没有该服务台",
    )
}
