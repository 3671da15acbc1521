//! The rule set: every limit the rules go by, as versioned data. Which one decided is in the event.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::Calendar;
use crate::values::RiskLevel;

/// The limits and rules in force for a region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleSet {
    /// Names these rules, e.g. `2026-01`; never used twice in a region.
    pub version: String,
    /// From the receipt of a contact to the first thing a person does about it.
    pub first_action: PerRisk<Limit>,
    /// From dispatch to the receiver's answer.
    pub answer: PerRisk<Limit>,
    /// From a proposal to return a hop to the decision on it.
    pub return_decision: PerRisk<Limit>,
    /// How long after a due time the relay waits for news of the answer before it says that the owner
    /// is silent.
    pub relay_grace: PerRisk<Limit>,
    pub info_pause: InfoPause,
    pub callbacks: CallbackRule,
    /// From the forming of a team to the first follow-up of the young person.
    pub first_follow_up: PerRisk<Limit>,
    pub calendar: Calendar,
}

/// A span of time that something may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// By the clock; 0 is "at once".
    Minutes(u32),
    /// By the calendar.
    WorkingDays(u16),
}

/// One value for each risk level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PerRisk<T> {
    pub immediate: T,
    pub high: T,
    pub medium: T,
    pub low: T,
    pub watch: T,
}

impl<T: Copy> PerRisk<T> {
    pub fn of(&self, risk: RiskLevel) -> T {
        match risk {
            RiskLevel::Immediate => self.immediate,
            RiskLevel::High => self.high,
            RiskLevel::Medium => self.medium,
            RiskLevel::Low => self.low,
            RiskLevel::Watch => self.watch,
        }
    }
}

/// How long a receiver that asks for information may stop its clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InfoPause {
    pub at_most: Limit,
    /// At these levels the clock never stops.
    pub never_at: Vec<RiskLevel>,
}

impl InfoPause {
    /// The longest pause at this level; `None` if the clock runs on.
    pub fn at_most(&self, risk: RiskLevel) -> Option<Limit> {
        (!self.never_at.contains(&risk)).then_some(self.at_most)
    }
}

/// When failed call-backs propose a referral.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallbackRule {
    pub failed_attempts: u32,
    /// All of them within this span, looking back from the last.
    pub within_minutes: u32,
    /// At this level or worse.
    pub risk_at_least: RiskLevel,
}

impl CallbackRule {
    /// Whether the rule counts at this level.
    pub fn covers(&self, risk: RiskLevel) -> bool {
        // Levels are ordered worst first.
        risk <= self.risk_at_least
    }

    pub fn within(&self) -> SignedDuration {
        SignedDuration::from_mins(i64::from(self.within_minutes))
    }
}

impl RuleSet {
    /// When something that begins at `from` and may take `limit` is due; never before `from`.
    pub fn due(&self, limit: Limit, from: Timestamp) -> Timestamp {
        match limit {
            Limit::Minutes(minutes) => from
                .checked_add(SignedDuration::from_mins(i64::from(minutes)))
                .unwrap_or(Timestamp::MAX),
            Limit::WorkingDays(days) => self.calendar.end_of_working_day(days, from),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;
    use crate::directory::Weekday;
    use crate::directory::calendar::CalendarEntries;

    pub(in crate::directory) fn rules(version: &str) -> RuleSet {
        let answer = PerRisk {
            immediate: Limit::Minutes(30),
            high: Limit::Minutes(240),
            medium: Limit::WorkingDays(1),
            low: Limit::WorkingDays(3),
            watch: Limit::WorkingDays(5),
        };
        let calendar = CalendarEntries {
            utc_offset_minutes: 480,
            weekend: [Weekday::Saturday, Weekday::Sunday].into(),
            holidays: [date(2026, 1, 1)].into(),
            make_up_days: [].into(),
        };
        RuleSet {
            version: version.to_owned(),
            first_action: answer,
            answer,
            return_decision: answer,
            relay_grace: answer,
            info_pause: InfoPause {
                at_most: Limit::Minutes(24 * 60),
                never_at: vec![RiskLevel::Immediate],
            },
            callbacks: CallbackRule {
                failed_attempts: 5,
                within_minutes: 120,
                risk_at_least: RiskLevel::High,
            },
            first_follow_up: answer,
            calendar: calendar.try_into().unwrap(),
        }
    }

    #[test]
    fn the_call_back_rule_counts_at_its_level_and_worse() {
        let rule = rules("1").callbacks;
        assert!(rule.covers(RiskLevel::Immediate));
        assert!(rule.covers(RiskLevel::High));
        assert!(!rule.covers(RiskLevel::Medium));
    }

    #[test]
    fn the_clock_of_an_immediate_hop_never_stops() {
        let pause = rules("1").info_pause;
        assert_eq!(pause.at_most(RiskLevel::Immediate), None);
        assert_eq!(pause.at_most(RiskLevel::High), Some(Limit::Minutes(1440)));
    }

    #[test]
    fn a_worse_risk_has_its_own_limit() {
        let from: Timestamp = "2026-01-12T01:00Z".parse().unwrap();
        let rules = rules("1");
        let due = |risk| rules.due(rules.answer.of(risk), from).to_string();
        assert_eq!(due(RiskLevel::Immediate), "2026-01-12T01:30:00Z");
        assert_eq!(due(RiskLevel::High), "2026-01-12T05:00:00Z");
        // 24:00 on Tuesday in China.
        assert_eq!(due(RiskLevel::Medium), "2026-01-13T16:00:00Z");
    }

    fn any_limit() -> impl Strategy<Value = Limit> {
        prop_oneof![
            any::<u32>().prop_map(Limit::Minutes),
            (0u16..400).prop_map(Limit::WorkingDays),
        ]
    }

    proptest! {
        #[test]
        fn nothing_is_due_before_it_begins(
            limit in any_limit(),
            from in Timestamp::MIN.as_second()..=Timestamp::MAX.as_second(),
        ) {
            let from = Timestamp::from_second(from).unwrap();
            prop_assert!(rules("1").due(limit, from) >= from);
        }
    }
}
