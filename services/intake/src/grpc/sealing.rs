//! Sealing what people say, once the command that it is part of is known to be allowed.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::marker::PhantomData;

use domain::ids::{IntakeId, KeyId};
use domain::intake::Intake;
use domain::intake::contact::CallerRole;
use domain::sealed::{PersonRole, Sealed, SealedClass, Text};
use eventsourcing::{Aggregate, StreamId};
use node::sealing::seal;
use service_runtime::grpc::required;
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

/// Whoever calls about oneself has no identity apart from the young person's.
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

/// Where the texts of one command belong: an event of an intake.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) intake: IntakeId,
    pub(super) event: &'static str,
}

/// The texts of one request. It is read twice: first only to see what it asks for, with nothing in
/// place of the texts, and once that is allowed with the sealed ones. So what is refused uses no key.
pub(super) struct Texts {
    place: Place,
    said: RefCell<Said>,
}

enum Said {
    InTheClear(Vec<(&'static str, Kind, String)>),
    Sealed(BTreeMap<&'static str, Sealed<Text>>),
}

impl Texts {
    pub(super) fn of(place: Place) -> Self {
        let said = RefCell::new(Said::InTheClear(Vec::new()));
        Self { place, said }
    }

    /// The same texts, for the second reading.
    ///
    /// # Errors
    /// UNAVAILABLE if no key can be had now.
    pub(super) async fn seal(self, sealer: &Sealer) -> Result<Self, Status> {
        let Place { intake, event } = self.place;
        let mut sealed = BTreeMap::new();
        if let Said::InTheClear(texts) = self.said.into_inner() {
            for (field, kind, text) in texts {
                let place = SealingPlace {
                    case: intake.case(),
                    stream: StreamId::new(Intake::KIND, intake.0),
                    event,
                    field,
                    role: kind.role,
                    class: kind.class,
                };
                sealed.insert(field, seal(sealer, &place, &text, kind.longest()).await?);
            }
        }
        Ok(Self {
            place: self.place,
            said: RefCell::new(Said::Sealed(sealed)),
        })
    }

    /// A text that must be there.
    pub(super) fn text(
        &self,
        field: &'static str,
        kind: Kind,
        text: &str,
    ) -> Result<Sealed<Text>, Status> {
        let text = required(field, text, kind.longest())?;
        Ok(match &mut *self.said.borrow_mut() {
            Said::InTheClear(texts) => {
                texts.push((field, kind, text.to_owned()));
                self.nothing(kind)
            }
            Said::Sealed(texts) => texts
                .remove(field)
                .expect("a request reads the same the second time"),
        })
    }

    /// A text that may be left out.
    pub(super) fn optional(
        &self,
        field: &'static str,
        kind: Kind,
        text: &str,
    ) -> Result<Option<Sealed<Text>>, Status> {
        if text.is_empty() {
            return Ok(None);
        }
        self.text(field, kind, text).map(Some)
    }

    /// The note of a request.
    pub(super) fn note(&self, text: &str) -> Result<Option<Sealed<Text>>, Status> {
        self.optional("note", NARRATIVE, text)
    }

    /// The reason of a request.
    pub(super) fn reason(&self, text: &str) -> Result<Sealed<Text>, Status> {
        self.text("reason", NARRATIVE, text)
    }

    /// Stands for a text that no rule reads; it is never stored.
    fn nothing(&self, kind: Kind) -> Sealed<Text> {
        Sealed {
            suite: 0,
            key: KeyId(self.place.intake.0),
            role: kind.role,
            class: kind.class,
            stream: StreamId::new(Intake::KIND, self.place.intake.0),
            event: String::new(),
            field: String::new(),
            commitment: String::new(),
            nonce: String::new(),
            ciphertext: String::new(),
            of: PhantomData,
        }
    }
}
