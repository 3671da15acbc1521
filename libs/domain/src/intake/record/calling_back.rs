//! A recorded contact: calling back, and what follows when nobody can be reached.

use eventsourcing::Occasion;

use super::Record;
use crate::directory::RuleSet;
use crate::intake::callbacks::{
    Attempt, CallbackNumber, CallbackOutcome, CallbackPlan, Exhaustion,
};
use crate::intake::contact::SafetyMark;
use crate::intake::transitions::Phase;
use crate::intake::{Decision, IntakeEvent, IntakeRejection, ProposalCause};
use crate::sealed::{Sealed, Text};
use crate::values::Party;

impl Record {
    pub(super) fn plan_callback(&self, plan: &CallbackPlan, on: &Occasion) -> Decision {
        if plan.number == CallbackNumber::OfContact {
            if self.safety.contains(&SafetyMark::DoNotCallBack) {
                return Err(IntakeRejection::DoNotCallBack);
            }
            if self.contact.number.is_none() && self.contact.original_number.is_none() {
                return Err(IntakeRejection::NoNumber);
            }
        }
        plan.check(on.now)?;
        let plan = Box::new(plan.clone());
        Ok(vec![IntakeEvent::CallbackPlanned { plan }])
    }

    pub(super) fn record_attempt(
        &self,
        attempt: Attempt,
        note: Option<Sealed<Text>>,
        rules: &RuleSet,
        relay: Option<Party>,
    ) -> Decision {
        // Whoever calls back by themselves needs no plan of ours.
        if self.callbacks.plan.is_none() && attempt.outcome != CallbackOutcome::CallerCalledBack {
            return Err(IntakeRejection::NoCallbackPlanned);
        }
        let number = u32::try_from(self.callbacks.attempts.len()).unwrap_or(u32::MAX);
        let events = vec![IntakeEvent::CallbackAttempted {
            number: number.saturating_add(1),
            attempt,
            note,
        }];
        self.with_rule(events, rules, relay)
    }

    /// The events, and what the call-back rule makes of them.
    pub(super) fn with_rule(
        &self,
        mut events: Vec<IntakeEvent>,
        rules: &RuleSet,
        relay: Option<Party>,
    ) -> Decision {
        let mut then = self.clone();
        for event in &events {
            then.evolve(event);
        }
        let risk = then.assessment()?.risk;
        if let Some(exhaustion) = then.callbacks.exhaustion(risk, &rules.callbacks) {
            events.extend(then.exhausted(exhaustion, rules, relay)?);
        }
        Ok(events)
    }

    /// Nobody could be reached: the case is opened if it is not, and a referral proposed if none is.
    fn exhausted(&self, exhaustion: Exhaustion, rules: &RuleSet, relay: Option<Party>) -> Decision {
        let cause = ProposalCause::CallbacksExhausted {
            failed_attempts: exhaustion.failed_attempts,
            rules_version: rules.version.clone(),
        };
        let mut events = vec![IntakeEvent::CallbacksExhausted {
            exhaustion,
            rules_version: rules.version.clone(),
        }];
        if self.stage.phase() == Phase::Triaged {
            events.push(self.case_opened()?);
        }
        if let (Some(relay), false) = (relay, self.stage.referral_proposed()) {
            events.push(self.referral_proposed(relay, cause)?);
        }
        Ok(events)
    }

    pub(super) fn mark_callback_missed(&self, on: &Occasion) -> Decision {
        match self.callbacks.untried_until {
            Some(until) if until <= on.now => Ok(vec![IntakeEvent::CallbackMissed { until }]),
            _ => Err(IntakeRejection::NothingDue),
        }
    }
}
