//! Every opening of a text by a person is an event: one stream per case, in the region that opened.

use eventsourcing::{Aggregate, Fact, Occasion, Region, Rejection, RejectionKind, ScopedId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{CONTEXT, Purpose};
use crate::acting::Acting;
use crate::ids::{CaseId, KeyId, OrganizationId, WorkerId};
use crate::sealed::SealedClass;
use crate::values::Role;

/// Opens one text: the event it stands in, and the field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenText {
    pub event: Uuid,
    pub field: String,
    pub purpose: Purpose,
    /// Looked up: whether the actor's organization takes part in the case.
    pub takes_part: bool,
    /// Looked up: the text, if the case has it.
    pub text: Option<FoundText>,
}

/// What is known of a text without opening it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FoundText {
    pub key: KeyId,
    pub class: SealedClass,
    pub standing: KeyStanding,
}

/// Whether a region has a key, and until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyStanding {
    /// Its own, or one of its own case's.
    Held,
    GrantedUntil(Timestamp),
    /// Another region's, and not granted.
    NotGranted,
    Destroyed,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum TextAccessEvent {
    TextOpened {
        event: Uuid,
        field: String,
        class: SealedClass,
        by: WorkerId,
        organization: OrganizationId,
        purpose: Purpose,
    },
}

impl Fact for TextAccessEvent {}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TextAccessRejection {
    #[error("only workers, supervisors and authorised persons may read texts")]
    RoleMayNotRead,
    #[error("your organization does not take part in this case")]
    TakesNoPart,
    #[error("the case has no such text")]
    NoSuchText,
    #[error("the texts of this case were erased")]
    Erased,
    #[error("region {0} has not granted this text")]
    NotGranted(Region),
    #[error("the grant of this text ended at {0}")]
    GrantEnded(Timestamp),
}

impl Rejection for TextAccessRejection {
    fn kind(&self) -> RejectionKind {
        match self {
            Self::RoleMayNotRead | Self::TakesNoPart => RejectionKind::Forbidden,
            Self::NoSuchText => RejectionKind::NotFound,
            Self::Erased | Self::NotGranted(_) | Self::GrantEnded(_) => RejectionKind::WrongState,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::RoleMayNotRead => "ROLE_MAY_NOT_READ",
            Self::TakesNoPart => "TAKES_NO_PART",
            Self::NoSuchText => "NO_SUCH_TEXT",
            Self::Erased => "TEXT_ERASED",
            Self::NotGranted(_) => "TEXT_NOT_GRANTED",
            Self::GrantEnded(_) => "GRANT_ENDED",
        }
    }

    fn zh(&self) -> String {
        match self {
            Self::RoleMayNotRead => "只有工作人员、督导和授权负责人可以查阅内容".to_owned(),
            Self::TakesNoPart => "您所在单位未参与该个案，不得查阅".to_owned(),
            Self::NoSuchText => "该个案没有此项内容".to_owned(),
            Self::Erased => "该个案的内容已依法删除".to_owned(),
            Self::NotGranted(region) => format!("地区 {region} 尚未授权查阅此项内容"),
            Self::GrantEnded(at) => format!("此项内容的查阅授权已于 {at} 到期"),
        }
    }
}

/// How often texts of a case were opened; the events say which and by whom.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextAccess {
    pub openings: u64,
}

impl TextAccess {
    /// The openings of a case's texts in a region.
    pub fn id(region: Region, case: CaseId) -> ScopedId {
        ScopedId::new(region, case.0.uuid)
    }
}

impl OpenText {
    /// Whether this person may read this text now; what to record then.
    ///
    /// # Errors
    /// [`TextAccessRejection`]; permission is decided first.
    pub fn check(&self, on: &Occasion) -> Result<TextAccessEvent, TextAccessRejection> {
        let reader = Acting::of(&on.actor)
            .filter(|acting| {
                matches!(
                    acting.role,
                    Role::Worker | Role::Supervisor | Role::Authorised
                )
            })
            .ok_or(TextAccessRejection::RoleMayNotRead)?;
        if !self.takes_part {
            return Err(TextAccessRejection::TakesNoPart);
        }
        let text = self.text.ok_or(TextAccessRejection::NoSuchText)?;
        text.check(on.now)?;
        Ok(TextAccessEvent::TextOpened {
            event: self.event,
            field: self.field.clone(),
            class: text.class,
            by: reader.worker,
            organization: reader.organization,
            purpose: self.purpose,
        })
    }
}

impl FoundText {
    fn check(&self, now: Timestamp) -> Result<(), TextAccessRejection> {
        match self.standing {
            KeyStanding::Held => Ok(()),
            KeyStanding::GrantedUntil(end) if now < end => Ok(()),
            KeyStanding::GrantedUntil(end) => Err(TextAccessRejection::GrantEnded(end)),
            KeyStanding::NotGranted => Err(TextAccessRejection::NotGranted(self.key.region())),
            KeyStanding::Destroyed => Err(TextAccessRejection::Erased),
        }
    }
}

impl Aggregate for TextAccess {
    const CONTEXT: &'static str = CONTEXT;
    const KIND: &'static str = "access";
    type Command = OpenText;
    type Event = TextAccessEvent;
    type Rejection = TextAccessRejection;

    fn decide(
        &self,
        command: &OpenText,
        on: &Occasion,
    ) -> Result<Vec<TextAccessEvent>, TextAccessRejection> {
        Ok(vec![command.check(on)?])
    }

    fn evolve(&mut self, event: &TextAccessEvent) {
        match event {
            TextAccessEvent::TextOpened { .. } => self.openings += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use eventsourcing::Actor;
    use eventsourcing::testing::given;

    use super::super::testing::{at, id, key, person, region, system};
    use super::*;

    fn open(standing: KeyStanding) -> OpenText {
        OpenText {
            event: Uuid::from_u128(5),
            field: "narrative".to_owned(),
            purpose: Purpose::CaseHandling,
            takes_part: true,
            text: Some(FoundText {
                key: key(1),
                class: SealedClass::Narrative,
                standing,
            }),
        }
    }

    fn opened() -> TextAccessEvent {
        TextAccessEvent::TextOpened {
            event: Uuid::from_u128(5),
            field: "narrative".to_owned(),
            class: SealedClass::Narrative,
            by: WorkerId(id("370200", 1)),
            organization: OrganizationId(id("370200", 100)),
            purpose: Purpose::CaseHandling,
        }
    }

    fn qingdao(role: Role) -> Actor {
        person("370200", 1, role)
    }

    #[test]
    fn every_opening_is_recorded_the_tenth_as_well_as_the_first() {
        let state = given::<TextAccess>(std::iter::repeat_n(opened(), 9))
            .by(qingdao(Role::Worker))
            .when(open(KeyStanding::Held))
            .then([opened()])
            .state();
        assert_eq!(state.openings, 10);
    }

    #[test]
    fn an_auditor_an_administrator_a_visitor_and_the_system_read_nothing() {
        let roles = [Role::Auditor, Role::Administrator, Role::Visitor];
        for actor in roles.map(qingdao).into_iter().chain([system()]) {
            given::<TextAccess>([])
                .by(actor)
                .when(open(KeyStanding::Held))
                .then_rejected(TextAccessRejection::RoleMayNotRead);
        }
    }

    #[test]
    fn who_takes_no_part_learns_not_even_whether_the_text_exists() {
        let outside = OpenText {
            takes_part: false,
            text: None,
            ..open(KeyStanding::Held)
        };
        given::<TextAccess>([])
            .by(qingdao(Role::Supervisor))
            .when(outside.clone())
            .then_rejected(TextAccessRejection::TakesNoPart);
        let inside = OpenText {
            takes_part: true,
            ..outside
        };
        given::<TextAccess>([])
            .by(qingdao(Role::Supervisor))
            .when(inside)
            .then_rejected(TextAccessRejection::NoSuchText);
    }

    #[test]
    fn a_granted_text_is_read_until_the_grant_ends_and_not_a_second_longer() {
        let end = at("2026-03-01T00:00:00Z");
        let at_second = |text: &str| {
            given::<TextAccess>([])
                .by(qingdao(Role::Authorised))
                .at(at(text))
                .when(open(KeyStanding::GrantedUntil(end)))
        };
        at_second("2026-02-28T23:59:59Z").then([opened()]);
        at_second("2026-03-01T00:00:00Z").then_rejected(TextAccessRejection::GrantEnded(end));
    }

    #[test]
    fn a_text_not_granted_or_erased_is_refused_with_the_reason() {
        given::<TextAccess>([])
            .by(qingdao(Role::Worker))
            .when(open(KeyStanding::NotGranted))
            .then_rejected(TextAccessRejection::NotGranted(region("310000")));
        given::<TextAccess>([])
            .by(qingdao(Role::Worker))
            .when(open(KeyStanding::Destroyed))
            .then_rejected(TextAccessRejection::Erased);
    }
}
