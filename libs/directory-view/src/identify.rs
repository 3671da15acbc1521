//! The directory as the one who knows the caller, until callers prove who they are.

use service_runtime::grpc::{Identify, IdentityRefused};

use crate::{DirectoryView, WhyNot};

impl Identify for DirectoryView {
    fn identify(
        &self,
        person: &str,
        organization: &str,
        role: &str,
    ) -> Result<(), IdentityRefused> {
        let (Ok(person), Ok(organization), Ok(role)) =
            (person.parse(), organization.parse(), role.parse())
        else {
            return Err(malformed());
        };
        self.may_act(person, organization, role).map_err(refused)
    }

    fn knows_organization(&self, organization: &str) -> bool {
        let id = organization.parse();
        id.is_ok_and(|id| self.organization(id).is_some())
    }
}

fn malformed() -> IdentityRefused {
    IdentityRefused {
        reason: "ACTOR_MALFORMED",
        en: "the acting person and organization must be ids, the role one of the directory's"
            .to_owned(),
        zh: "操作人和所属组织须为编号，角色须为名录所列角色".to_owned(),
    }
}

fn refused(why: WhyNot) -> IdentityRefused {
    IdentityRefused {
        reason: why.reason(),
        en: why.to_string(),
        zh: why.zh(),
    }
}
