//! The ids of the domain: each a type of its own, so that a worker is never taken for a desk.

use eventsourcing::{InvalidId, Region, ScopedId};
use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])+ $name:ident;)+) => {$(
        $(#[$doc])+
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub ScopedId);

        impl $name {
            pub fn new(region: Region, uuid: Uuid) -> Self {
                Self(ScopedId::new(region, uuid))
            }

            pub fn region(self) -> Region {
                self.0.region
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                text.parse().map(Self)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(&self.0, f)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(&self.0, f)
            }
        }
    )+};
}

ids! {
    /// A case 个案: groups the streams of all contexts; given when a contact is recorded.
    CaseId;
    /// One contact 来电/来访.
    IntakeId;
    /// One hop of a referral, in its sender's region.
    ReferralId;
    /// The same hop at its receiver: the receiver's region, the hop's uuid.
    AssignmentId;
    /// The custody stream of a case in one region: that region, the case's uuid.
    CustodyId;
    /// The team of a case in one region: that region, the case's uuid.
    TeamId;
    /// The follow-up plan of a case in one region: that region, the case's uuid.
    PlanId;
    /// One owed visit of a plan.
    VisitId;
    /// One task of a team.
    TaskId;
    /// An organization: a League committee or a partner agency.
    OrganizationId;
    /// A service desk 服务台 of an organization.
    DeskId;
    /// A person who works for an organization; a random id, never a name.
    WorkerId;
    /// A version of the limits and rules in force for a region.
    RuleSetId;
    /// A grant of keys to another region.
    GrantId;
    /// An order to erase the keys of a case.
    ErasureId;
    /// A data key, in the store of its region.
    KeyId;
}

impl ReferralId {
    /// The hop as its receiver knows it.
    pub fn at(self, receiver: Region) -> AssignmentId {
        AssignmentId::new(receiver, self.0.uuid)
    }
}

impl IntakeId {
    /// The case that is given with the contact: it has the contact's uuid.
    pub fn case(self) -> CaseId {
        CaseId(self.0)
    }
}

impl CaseId {
    /// The contact with which the case began.
    pub fn intake(self) -> IntakeId {
        IntakeId(self.0)
    }

    /// The case's custody in a region's log.
    pub fn custody_in(self, region: Region) -> CustodyId {
        CustodyId::new(region, self.0.uuid)
    }

    /// The case's team in a region.
    pub fn team_in(self, region: Region) -> TeamId {
        TeamId::new(region, self.0.uuid)
    }

    /// The case's follow-up plan in a region.
    pub fn plan_in(self, region: Region) -> PlanId {
        PlanId::new(region, self.0.uuid)
    }
}
