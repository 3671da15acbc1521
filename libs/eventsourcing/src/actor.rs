//! Who acts: always a person of an organization, or the system under a named rule.

use serde::{Deserialize, Serialize};

/// The acting party of a command and of every event it makes.
///
/// The attribute names are `CloudEvents`' auth-context extension (`authtype`, `authid`) and ours.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "authtype")]
pub enum Actor {
    /// A person, in a role, for an organization; all three as the directory knows them.
    #[serde(rename = "user")]
    Person {
        #[serde(rename = "authid")]
        person: String,
        #[serde(rename = "actororg")]
        organization: String,
        #[serde(rename = "actorrole")]
        role: String,
    },
    /// A rule of the system, such as the one that proposes a referral after five failed call-backs.
    #[serde(rename = "system")]
    System {
        #[serde(rename = "authid")]
        rule: String,
        #[serde(rename = "actorversion")]
        version: String,
    },
}

impl Actor {
    pub fn system(rule: &str, version: &str) -> Self {
        Self::System {
            rule: rule.to_owned(),
            version: version.to_owned(),
        }
    }

    pub fn person(person: &str, organization: &str, role: &str) -> Self {
        Self::Person {
            person: person.to_owned(),
            organization: organization.to_owned(),
            role: role.to_owned(),
        }
    }

    /// Everyone acts as somebody: an actor with an empty part is refused wherever one comes in.
    pub fn is_complete(&self) -> bool {
        match self {
            Self::Person {
                person,
                organization,
                role,
            } => !person.is_empty() && !organization.is_empty() && !role.is_empty(),
            Self::System { rule, version } => !rule.is_empty() && !version.is_empty(),
        }
    }
}
