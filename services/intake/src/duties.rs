//! What falls due at a desk: the first thing a person does about a contact, the end of a window to call
//! back, and the end of a consent.

use domain::intake::consent::{ConsentGiver, ConsentPurpose};
use domain::intake::{Intake, IntakeCommand};
use domain::values::Term;
use eventsourcing::{Aggregate, Due, DueRule, PolicyError, Step};

pub(crate) const FIRST_ACTION: &str = "first-action";
pub(crate) const CALLBACK: &str = "callback";
const CONSENT: &str = "consent";

/// The duty to end the consent of this giver for this purpose.
pub(crate) fn consent(by: ConsentGiver, purpose: ConsentPurpose) -> String {
    format!("{CONSENT}/{}/{}", by.name(), purpose.name())
}

pub(crate) struct IntakeDuties;

impl DueRule for IntakeDuties {
    fn name(&self) -> &'static str {
        "intake-duties"
    }

    fn command(&self, due: &Due) -> Result<Vec<Step>, PolicyError> {
        let command = command(&due.duty).filter(|_| due.stream.kind == Intake::KIND);
        let step = command.map(|command| Step::of::<Intake>(due.stream.id, command));
        Ok(step.into_iter().collect())
    }
}

fn command(duty: &str) -> Option<IntakeCommand> {
    match duty {
        FIRST_ACTION => return Some(IntakeCommand::MarkFirstActionMissed),
        CALLBACK => return Some(IntakeCommand::MarkCallbackMissed),
        _ => {}
    }
    let (by, purpose) = duty
        .strip_prefix(CONSENT)?
        .strip_prefix('/')?
        .split_once('/')?;
    Some(IntakeCommand::ExpireConsent {
        by: by.parse().ok()?,
        purpose: purpose.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_consent_is_ended_by_the_duty_named_after_it() {
        for by in ConsentGiver::ALL.iter().copied() {
            for purpose in ConsentPurpose::ALL.iter().copied() {
                let Some(IntakeCommand::ExpireConsent {
                    by: of,
                    purpose: what_for,
                }) = command(&consent(by, purpose))
                else {
                    panic!("no command for the consent of {by:?} for {purpose:?}");
                };
                assert_eq!((of, what_for), (by, purpose));
            }
        }
    }

    #[test]
    fn duties_of_others_are_passed_over() {
        for duty in [
            "answer",
            "consent",
            "consent/Subject",
            "consent/Nobody/Referral",
        ] {
            assert!(command(duty).is_none(), "{duty}");
        }
    }
}
