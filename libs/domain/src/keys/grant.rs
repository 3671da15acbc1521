//! A grant: another region may open texts of a case, of some classes, for a purpose, until a moment.
//!
//! One stream per case and receiver, in the log of the region that has the keys. The grant stands:
//! keys that come into use later are delivered under it.

use std::collections::{BTreeMap, BTreeSet};

use eventsourcing::{Aggregate, Fact, Occasion, Region, Rejection, RejectionKind, ScopedId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{CONTEXT, CaseRejection, KnownCase, NotTheSystem, Purpose, acting_in, check_system};
use crate::ids::{CaseId, GrantId, KeyId};
use crate::referral::basis::{BasisRejection, check_basis};
use crate::sealed::{PersonRole, Sealed, SealedClass, Text};
use crate::values::{DisclosureBasis, Role};

#[derive(Debug, Clone, PartialEq)]
pub enum GrantCommand {
    /// By the system: grants, widens a grant, or delivers further keys under it. What has ended
    /// meanwhile, or is granted already, changes nothing.
    Grant {
        terms: Box<GrantTerms>,
        /// Wrapped for the receiver; empty while its public key is not known.
        keys: Vec<DeliveredKey>,
    },
    /// The system delivers the keys, as under every grant.
    GrantByPerson {
        terms: Box<GrantTerms>,
        case: KnownCase,
    },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum GrantEvent {
    KeysGranted {
        /// As they are from now on.
        #[serde(flatten)]
        terms: Box<GrantTerms>,
        /// The keys delivered with this event.
        keys: Vec<DeliveredKey>,
    },
}

impl Fact for GrantEvent {}

/// What is granted, to whom, why and for how long.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GrantTerms {
    pub case: CaseId,
    pub to: Region,
    pub classes: BTreeSet<SealedClass>,
    pub basis: DisclosureBasis,
    /// In words, where a person grants on another basis than consent.
    pub reason: Option<Sealed<Text>>,
    pub purpose: Purpose,
    /// `None`: as long as the texts exist. Only for what a region hands to the case's own region.
    pub expires_at: Option<Timestamp>,
}

/// A data key wrapped (HPKE) so that only the receiver can take it out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveredKey {
    pub key: KeyId,
    pub role: PersonRole,
    pub class: SealedClass,
    /// The receiver's public key, hexadecimal; when it publishes another before it has received this,
    /// the key is delivered again.
    pub wrapped_for: String,
    /// Hexadecimal.
    pub encapsulated: String,
    /// Hexadecimal.
    pub ciphertext: String,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GrantRejection {
    #[error("only a supervisor or an authorised person of region {0} may grant keys of its cases")]
    MayNotGrant(Region),
    #[error("region {0} has the keys of its own cases")]
    ToItself(Region),
    #[error("a grant names at least one class of texts")]
    NoClass,
    #[error(transparent)]
    Basis(#[from] BasisRejection),
    #[error(transparent)]
    Case(#[from] CaseRejection),
    #[error(transparent)]
    NotTheSystem(#[from] NotTheSystem),
    #[error("a grant by a person ends at a moment in the future")]
    ExpiryNotAhead,
    #[error("key {0} is of a class that the grant does not name")]
    OtherClass(KeyId),
    #[error("region {0} has all of this already")]
    NothingNew(Region),
}

impl Rejection for GrantRejection {
    fn kind(&self) -> RejectionKind {
        match self {
            Self::MayNotGrant(_) | Self::NotTheSystem(_) => RejectionKind::Forbidden,
            Self::Basis(basis) => basis.kind(),
            Self::Case(case) => case.kind(),
            Self::ToItself(_) | Self::NoClass | Self::ExpiryNotAhead | Self::OtherClass(_) => {
                RejectionKind::Invalid
            }
            Self::NothingNew(_) => RejectionKind::AlreadyExists,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::MayNotGrant(_) => "MAY_NOT_GRANT",
            Self::ToItself(_) => "GRANT_TO_ITSELF",
            Self::NoClass => "GRANT_WITHOUT_CLASS",
            Self::Basis(basis) => basis.reason(),
            Self::Case(case) => case.reason(),
            Self::NotTheSystem(_) => NotTheSystem::REASON,
            Self::ExpiryNotAhead => "EXPIRY_NOT_AHEAD",
            Self::OtherClass(_) => "KEY_OF_OTHER_CLASS",
            Self::NothingNew(_) => "ALREADY_GRANTED",
        }
    }

    fn zh(&self) -> String {
        match self {
            Self::MayNotGrant(region) => {
                format!("只有地区 {region} 的督导或授权负责人可以授权他地查阅其个案")
            }
            Self::ToItself(region) => format!("地区 {region} 本就持有其个案的密钥，无需授权"),
            Self::NoClass => "授权须至少指明一类内容".to_owned(),
            Self::Basis(basis) => basis.zh().to_owned(),
            Self::Case(case) => case.zh(),
            Self::NotTheSystem(_) => NotTheSystem::zh(),
            Self::ExpiryNotAhead => "授权截止时间须晚于现在".to_owned(),
            Self::OtherClass(key) => format!("密钥 {key} 所属类别不在授权范围内"),
            Self::NothingNew(region) => format!("地区 {region} 已获得上述全部授权"),
        }
    }

    fn field(&self) -> Option<&'static str> {
        match self {
            Self::ToItself(_) => Some("to_region"),
            Self::NoClass => Some("classes"),
            Self::Basis(BasisRejection::ReasonMissing) => Some("reason"),
            Self::Basis(_) => Some("basis"),
            Self::Case(_) => Some("case_id"),
            Self::ExpiryNotAhead => Some("expires_at"),
            Self::MayNotGrant(_)
            | Self::NotTheSystem(_)
            | Self::OtherClass(_)
            | Self::NothingNew(_) => None,
        }
    }
}

/// What one region has granted to another for one case.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct KeyGrant {
    /// None until something was granted.
    pub terms: Option<GrantTerms>,
    /// And for which public key each was wrapped last.
    pub delivered: BTreeMap<KeyId, String>,
}

impl KeyGrant {
    /// The grant's stream in the log of the region that grants.
    pub fn id(granting: Region, case: CaseId, to: Region) -> GrantId {
        let name = format!("grant/{to}");
        GrantId(ScopedId::derived(granting, case.0.uuid, &name))
    }
}

impl Aggregate for KeyGrant {
    const CONTEXT: &'static str = CONTEXT;
    const KIND: &'static str = "grant";
    type Command = GrantCommand;
    type Event = GrantEvent;
    type Rejection = GrantRejection;

    fn decide(
        &self,
        command: &GrantCommand,
        on: &Occasion,
    ) -> Result<Vec<GrantEvent>, GrantRejection> {
        match command {
            GrantCommand::Grant { terms, keys } => {
                check_system(&on.actor)?;
                check_classes(terms, keys)?;
                if terms.expires_at.is_some_and(|end| end <= on.now) {
                    return Ok(Vec::new());
                }
                Ok(self.granted(terms, keys).into_iter().collect())
            }
            GrantCommand::GrantByPerson { terms, case } => {
                check_person(terms, *case, on)?;
                check_classes(terms, &[])?;
                let granted = self.granted(terms, &[]);
                granted
                    .map(|event| vec![event])
                    .ok_or(GrantRejection::NothingNew(terms.to))
            }
        }
    }

    fn evolve(&mut self, event: &GrantEvent) {
        match event {
            GrantEvent::KeysGranted { terms, keys } => {
                self.terms = Some((**terms).clone());
                let keys = keys.iter();
                self.delivered
                    .extend(keys.map(|delivered| (delivered.key, delivered.wrapped_for.clone())));
            }
        }
    }
}

impl KeyGrant {
    /// None if all of it was granted before.
    fn granted(&self, terms: &GrantTerms, keys: &[DeliveredKey]) -> Option<GrantEvent> {
        let terms = match &self.terms {
            Some(standing) => standing.widened_by(terms),
            None => terms.clone(),
        };
        let mut keys = keys.to_vec();
        keys.retain(|key| self.delivered.get(&key.key) != Some(&key.wrapped_for));
        let new = !keys.is_empty() || self.terms.as_ref() != Some(&terms);
        let terms = Box::new(terms);
        new.then_some(GrantEvent::KeysGranted { terms, keys })
    }
}

impl GrantTerms {
    /// Both together: all classes of both, until the later moment, for the newer reason.
    #[must_use]
    pub fn widened_by(&self, newer: &Self) -> Self {
        let ends = self.expires_at.zip(newer.expires_at);
        Self {
            classes: &self.classes | &newer.classes,
            expires_at: ends.map(|(one, other)| one.max(other)),
            ..newer.clone()
        }
    }
}

fn check_person(terms: &GrantTerms, case: KnownCase, on: &Occasion) -> Result<(), GrantRejection> {
    let home = terms.case.region();
    acting_in(&on.actor, home, &[Role::Supervisor, Role::Authorised])
        .ok_or(GrantRejection::MayNotGrant(home))?;
    let (age_band, guardian_suspected) = case.check()?;
    if terms.to == home {
        return Err(GrantRejection::ToItself(home));
    }
    let has_reason = terms.reason.is_some();
    check_basis(terms.basis, age_band, guardian_suspected, has_reason)?;
    if terms.expires_at.is_none_or(|end| end <= on.now) {
        return Err(GrantRejection::ExpiryNotAhead);
    }
    Ok(())
}

fn check_classes(terms: &GrantTerms, keys: &[DeliveredKey]) -> Result<(), GrantRejection> {
    if terms.classes.is_empty() {
        return Err(GrantRejection::NoClass);
    }
    match keys.iter().find(|key| !terms.classes.contains(&key.class)) {
        Some(other) => Err(GrantRejection::OtherClass(other.key)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
