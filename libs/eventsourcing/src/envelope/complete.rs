//! When an envelope is complete: nothing is missing, and what it says twice it says alike.

use super::{Envelope, EnvelopeError};
use crate::ids::Version;

/// The kind of the streams in which a policy notes what it made of an event.
pub(crate) const POLICY_NOTE: &str = "policy";

/// Context and kind of stream (`None`: any) of all there is outside of cases; everything else
/// happens to somebody.
const CASELESS: [(Option<&str>, Option<&str>); 3] = [
    // Reference data: who exists, and which limits hold.
    (Some("directory"), None),
    // Reference data too: the key under which a region is granted texts.
    (Some("keys"), Some("public-key")),
    // What a policy made of one of these; with the case where there is one.
    (None, Some(POLICY_NOTE)),
];

impl Envelope {
    /// Whether nothing is missing, and everything said twice is said alike.
    pub(crate) fn check(&self) -> Result<(), EnvelopeError> {
        if !self.actor.is_complete() {
            return Err(EnvelopeError::Incomplete(
                "an acting person, organization and role",
            ));
        }
        if self.version == Version(0) {
            return Err(EnvelopeError::Incomplete("its version"));
        }
        if self.causationid.is_nil() {
            return Err(EnvelopeError::Incomplete("its cause"));
        }
        if self.requestid.is_nil() {
            return Err(EnvelopeError::Incomplete("its request"));
        }
        if self.caseid.is_none() && !self.may_lack_a_case() {
            return Err(EnvelopeError::Incomplete("its case"));
        }
        match self.disagreeing() {
            None => Ok(()),
            Some(attribute) => Err(EnvelopeError::Disagrees {
                log: self.log(),
                attribute,
            }),
        }
    }

    fn may_lack_a_case(&self) -> bool {
        CASELESS.iter().any(|(context, kind)| {
            context.is_none_or(|context| context == self.context)
                && kind.is_none_or(|kind| kind == self.subject.kind)
        })
    }

    /// The attribute that says something else than region and context do.
    fn disagreeing(&self) -> Option<&'static str> {
        let Self {
            region, context, ..
        } = self;
        let name = self
            .event_type
            .strip_prefix(context.as_str())
            .and_then(|rest| rest.strip_prefix('.'));
        let schema = self
            .dataschema
            .strip_prefix("urn:liandong:")
            .and_then(|rest| rest.strip_prefix(self.event_type.as_str()))
            .and_then(|rest| rest.strip_prefix(':'))
            .and_then(|number| number.parse::<u16>().ok());
        if self.specversion != "1.0" {
            return Some("specversion");
        }
        if self.datacontenttype != "application/json" {
            return Some("datacontenttype");
        }
        if self.source != format!("/{region}/{context}") {
            return Some("source");
        }
        if name.is_none_or(str::is_empty) {
            return Some("type");
        }
        schema.is_none().then_some("dataschema")
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::actor::Actor;
    use crate::envelope::Body;
    use crate::testing::envelope;

    #[test]
    fn an_event_of_no_case_is_refused_unless_it_is_reference_data_or_a_note() {
        let without_case = |log, kind| Envelope {
            caseid: None,
            ..envelope(log, kind, 1)
        };
        for (log, kind) in [
            ("310000.directory", "worker"),
            ("310000.keys", "public-key"),
            ("310000.referral", "policy"),
        ] {
            assert!(Body::seal(&without_case(log, kind)).is_ok(), "{log} {kind}");
        }
        for (log, kind) in [
            ("310000.intake", "intake"),
            ("310000.keys", "grant"),
            ("310000.referral", "referral"),
        ] {
            assert!(
                Body::seal(&without_case(log, kind)).is_err(),
                "{log} {kind}"
            );
        }
    }

    #[test]
    fn an_event_without_actor_cause_or_version_is_refused() {
        let complete = envelope("310000.referral", "referral", 1);
        let nobody = Envelope {
            actor: Actor::person("", "o", "r"),
            ..complete.clone()
        };
        let uncaused = Envelope {
            causationid: Uuid::nil(),
            ..complete.clone()
        };
        let unplaced = Envelope {
            version: Version(0),
            ..complete
        };
        for bad in [nobody, uncaused, unplaced] {
            assert!(matches!(
                Body::seal(&bad),
                Err(EnvelopeError::Incomplete(_))
            ));
        }
    }
}
