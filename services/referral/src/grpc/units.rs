//! Which units a request names: each is one of the directory's.

use domain::values::Party;
use proto::types::v1 as types;
use service_runtime::grpc::{field, violation};
use tonic::Status;

use super::ReferralApi;

impl ReferralApi {
    /// A unit that the directory knows.
    pub(super) fn unit(&self, name: &str, party: Option<&types::Party>) -> Result<Party, Status> {
        let party = party.ok_or_else(|| violation(name, "it must be set", "必须填写"))?;
        let unit = Party {
            organization: field(&format!("{name}.organization_id"), &party.organization_id)?,
            desk: field(&format!("{name}.desk_id"), &party.desk_id)?,
        };
        if !self.directory.is_unit(unit) {
            let en = "the directory has no such open desk of this organization";
            return Err(violation(name, en, "名录中该组织没有此开放服务台"));
        }
        Ok(unit)
    }

    /// The unit that is asked: not the one that asks.
    pub(super) fn receiver(
        &self,
        party: Option<&types::Party>,
        from: Party,
    ) -> Result<Party, Status> {
        let to = self.unit("to", party)?;
        if to.organization == from.organization {
            return Err(violation(
                "to",
                "a unit cannot refer to itself",
                "不能转介给本单位",
            ));
        }
        Ok(to)
    }

    /// A unit of this region.
    pub(super) fn own_unit(
        &self,
        name: &str,
        party: Option<&types::Party>,
    ) -> Result<Party, Status> {
        let unit = self.unit(name, party)?;
        if unit.region() != self.region {
            return Err(violation(
                name,
                "it is a unit of another region",
                "该单位属于其他地区",
            ));
        }
        Ok(unit)
    }
}
