//! Sealing what people say, before it becomes part of a command.

use domain::ids::IntakeId;
use domain::intake::Intake;
use domain::intake::contact::CallerRole;
use domain::sealed::{PersonRole, Sealed, SealedClass, Text};
use eventsourcing::{Aggregate, StreamId};
use node::sealing::seal;
use tonic::Status;
use vault::{Sealer, SealingPlace};

/// Whose text it is, and what kind: that decides its key.
#[derive(Clone, Copy)]
pub(super) struct Kind {
    role: PersonRole,
    class: SealedClass,
}

/// What was said, by whomever, about the young person.
pub(super) const NARRATIVE: Kind = Kind {
    role: PersonRole::Subject,
    class: SealedClass::Narrative,
};
pub(super) const SUMMARY: Kind = Kind {
    role: PersonRole::Subject,
    class: SealedClass::Summary,
};
pub(super) const SUBJECT_IDENTITY: Kind = Kind {
    role: PersonRole::Subject,
    class: SealedClass::Identity,
};
/// Apart from the subject's: whoever reports is not known to whoever may know the young person.
pub(super) const CALLER_IDENTITY: Kind = Kind {
    role: PersonRole::Caller,
    class: SealedClass::Identity,
};

/// The numbers of a caller are the young person's, if it is they who call.
pub(super) fn identity_of(caller: CallerRole) -> Kind {
    match caller {
        CallerRole::Oneself => SUBJECT_IDENTITY,
        _ => CALLER_IDENTITY,
    }
}

impl Kind {
    /// Characters.
    fn longest(self) -> usize {
        match self.class {
            SealedClass::Summary => 2_000,
            SealedClass::Narrative => 16_000,
            SealedClass::Identity => 1_000,
        }
    }
}

/// Seals the texts of one event of an intake.
pub(super) struct Sealing<'a> {
    pub(super) sealer: &'a Sealer,
    pub(super) intake: IntakeId,
    pub(super) event: &'static str,
}

impl Sealing<'_> {
    /// A text that must be there.
    pub(super) async fn text(
        &self,
        field: &'static str,
        kind: Kind,
        text: &str,
    ) -> Result<Sealed<Text>, Status> {
        let place = SealingPlace {
            case: self.intake.case(),
            stream: StreamId::new(Intake::KIND, self.intake.0),
            event: self.event,
            field,
            role: kind.role,
            class: kind.class,
        };
        seal(self.sealer, &place, text, kind.longest()).await
    }

    /// A text that may be left out.
    pub(super) async fn optional(
        &self,
        field: &'static str,
        kind: Kind,
        text: &str,
    ) -> Result<Option<Sealed<Text>>, Status> {
        if text.is_empty() {
            return Ok(None);
        }
        self.text(field, kind, text).await.map(Some)
    }

    /// The note of a request.
    pub(super) async fn note(&self, text: &str) -> Result<Option<Sealed<Text>>, Status> {
        self.optional("note", NARRATIVE, text).await
    }

    /// The reason of a request.
    pub(super) async fn reason(&self, text: &str) -> Result<Sealed<Text>, Status> {
        self.text("reason", NARRATIVE, text).await
    }
}
