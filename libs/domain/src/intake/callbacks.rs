//! Calling back: the plan, the attempts, and when enough of them have failed.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::rejection::IntakeRejection;
use crate::directory::CallbackRule;
use crate::sealed::{Sealed, Text};
use crate::values::{RiskLevel, terms};

terms! {
    /// What came of one attempt.
    pub enum CallbackOutcome {
        Reached => "接通",
        NoAnswer => "无人接听",
        Busy => "占线",
        PoweredOff => "关机",
        Rejected => "挂断",
        InvalidNumber => "空号",
        /// Nothing may be told.
        ThirdPartyAnswered => "他人接听",
        VoicemailLeft => "已留言",
        ReachedRefused => "接通拒谈",
        CallerCalledBack => "来电人回拨",
    }
}

impl CallbackOutcome {
    /// Whether the person was on the line, willing or not; every other attempt has failed.
    pub fn reached(self) -> bool {
        matches!(
            self,
            Self::Reached | Self::ReachedRefused | Self::CallerCalledBack
        )
    }
}

/// Which number to call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum CallbackNumber {
    /// The caller's own, kept with the contact.
    OfContact,
    /// Another one, given for this.
    Given(Sealed<Text>),
}

/// When to call, and where.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallbackPlan {
    pub number: CallbackNumber,
    pub from: Timestamp,
    pub until: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    pub at: Timestamp,
    pub outcome: CallbackOutcome,
}

impl CallbackPlan {
    pub(super) fn check(&self, now: Timestamp) -> Result<(), IntakeRejection> {
        if self.until <= self.from {
            return Err(IntakeRejection::WindowEmpty);
        }
        if self.until <= now {
            return Err(IntakeRejection::NotInFuture { field: "until" });
        }
        Ok(())
    }
}

/// Every attempt so far, and the plan being followed, if one is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Callbacks {
    pub plan: Option<CallbackPlan>,
    pub attempts: Vec<Attempt>,
    /// The end of the window, while nobody has tried within it.
    #[serde(default)]
    pub untried_until: Option<Timestamp>,
    /// The rule has fired; it does so once.
    pub exhausted: bool,
}

/// The inputs on which the rule decided that enough attempts have failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Exhaustion {
    pub failed_attempts: u32,
    pub first_failed_at: Timestamp,
    pub last_failed_at: Timestamp,
    pub within_minutes: u32,
    pub risk: RiskLevel,
    pub risk_at_least: RiskLevel,
}

impl Callbacks {
    pub(super) fn follow(&mut self, plan: &CallbackPlan) {
        self.untried_until = Some(plan.until);
        self.plan = Some(plan.clone());
    }

    pub(super) fn drop_plan(&mut self) {
        self.untried_until = None;
        self.plan = None;
    }

    pub(super) fn add(&mut self, attempt: Attempt) {
        self.attempts.push(attempt);
        if self
            .plan
            .as_ref()
            .is_some_and(|plan| plan.from <= attempt.at)
        {
            self.untried_until = None;
        }
        if attempt.outcome.reached() {
            self.drop_plan();
        }
    }

    /// A row of failed attempts, as long and as close as the rule says, since the person was last
    /// reached. Attempts may be recorded late and in any order.
    pub(super) fn exhaustion(&self, risk: RiskLevel, rule: &CallbackRule) -> Option<Exhaustion> {
        if self.exhausted || !rule.covers(risk) {
            return None;
        }
        let mut attempts = self.attempts.clone();
        attempts.sort_by_key(|attempt| attempt.at);
        let failed = attempts
            .rsplit(|attempt| attempt.outcome.reached())
            .next()
            .unwrap_or_default();
        let count = usize::try_from(rule.failed_attempts).unwrap_or(usize::MAX);
        failed
            .windows(count.max(1))
            .map(|row| (row[0].at, row[row.len() - 1].at))
            .find(|(first, last)| last.duration_since(*first) <= rule.within())
            .map(|(first_failed_at, last_failed_at)| Exhaustion {
                failed_attempts: rule.failed_attempts,
                first_failed_at,
                last_failed_at,
                within_minutes: rule.within_minutes,
                risk,
                risk_at_least: rule.risk_at_least,
            })
    }
}
