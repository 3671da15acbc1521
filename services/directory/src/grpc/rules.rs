//! A rule set in the contract's form, and back.

use std::collections::BTreeSet;

use domain::directory::calendar::CalendarEntries;
use domain::directory::{Calendar, CallbackRule, InfoPause, Limit, PerRisk, RuleSet, Weekday};
use domain::values::{RiskLevel, Term};
use jiff::civil::Date;
use proto::directory::v1 as pb;
use proto::directory::v1::limit::Span;
use proto::types::v1 as types;
use service_runtime::grpc::{date, enum_number, term, violation};
use tonic::Status;

pub(super) fn parse(rules: Option<pb::RuleSet>) -> Result<RuleSet, Status> {
    let rules = there("rules", rules)?;
    Ok(RuleSet {
        first_action: limits("rules.first_action", rules.first_action)?,
        answer: limits("rules.answer", rules.answer)?,
        return_decision: limits("rules.return_decision", rules.return_decision)?,
        relay_grace: limits("rules.relay_grace", rules.relay_grace)?,
        info_pause: info_pause(&there("rules.info_pause", rules.info_pause)?)?,
        callbacks: callbacks(there("rules.callbacks", rules.callbacks)?)?,
        first_follow_up: limits("rules.first_follow_up", rules.first_follow_up)?,
        calendar: calendar(&there("rules.calendar", rules.calendar)?)?,
        version: rules.version,
    })
}

fn there<T>(field: &str, value: Option<T>) -> Result<T, Status> {
    value.ok_or_else(|| violation(field, "it must be set", "必须填写"))
}

fn limits(field: &str, limits: Option<pb::RiskLimits>) -> Result<PerRisk<Limit>, Status> {
    let limits = there(field, limits)?;
    Ok(PerRisk {
        immediate: limit(&format!("{field}.immediate"), limits.immediate)?,
        high: limit(&format!("{field}.high"), limits.high)?,
        medium: limit(&format!("{field}.medium"), limits.medium)?,
        low: limit(&format!("{field}.low"), limits.low)?,
        watch: limit(&format!("{field}.watch"), limits.watch)?,
    })
}

fn limit(field: &str, limit: Option<pb::Limit>) -> Result<Limit, Status> {
    match there(field, limit.and_then(|limit| limit.span))? {
        Span::Minutes(minutes) => Ok(Limit::Minutes(minutes)),
        Span::WorkingDays(days) => u16::try_from(days)
            .map(Limit::WorkingDays)
            .map_err(|_| violation(field, "at most 65535 working days", "最多 65535 个工作日")),
    }
}

fn info_pause(pause: &pb::InfoPause) -> Result<InfoPause, Status> {
    let never_at = pause.never_at.iter();
    Ok(InfoPause {
        at_most: limit("rules.info_pause.at_most", pause.at_most)?,
        never_at: never_at
            .map(|&risk| term::<types::RiskLevel, _>("rules.info_pause.never_at", risk))
            .collect::<Result<_, _>>()?,
    })
}

fn callbacks(rule: pb::CallbackRule) -> Result<CallbackRule, Status> {
    let field = "rules.callbacks.risk_at_least";
    Ok(CallbackRule {
        failed_attempts: rule.failed_attempts,
        within_minutes: rule.within_minutes,
        risk_at_least: term::<types::RiskLevel, _>(field, rule.risk_at_least)?,
    })
}

fn calendar(calendar: &pb::Calendar) -> Result<Calendar, Status> {
    let weekend = calendar.weekend.iter();
    let utc_offset_minutes = i16::try_from(calendar.utc_offset_minutes).map_err(|_| {
        violation(
            "rules.calendar.utc_offset_minutes",
            "within a day either way",
            "不得超过一天",
        )
    })?;
    let entries = CalendarEntries {
        utc_offset_minutes,
        weekend: weekend
            .map(|&day| term::<pb::Weekday, Weekday>("rules.calendar.weekend", day))
            .collect::<Result<_, _>>()?,
        holidays: dates("rules.calendar.holidays", &calendar.holidays)?,
        make_up_days: dates("rules.calendar.make_up_days", &calendar.make_up_days)?,
    };
    Calendar::try_from(entries)
        .map_err(|why| violation("rules.calendar", why.to_string(), "工作日历不成立"))
}

fn dates(field: &str, dates: &[String]) -> Result<BTreeSet<Date>, Status> {
    dates.iter().map(|text| date(field, text)).collect()
}

pub(super) fn show(rules: &RuleSet) -> pb::RuleSet {
    let shown = |risk: RiskLevel| enum_number::<types::RiskLevel>(risk.name());
    let calendar = rules.calendar.entries();
    let days = |days: &BTreeSet<Date>| days.iter().map(Date::to_string).collect();
    pb::RuleSet {
        version: rules.version.clone(),
        first_action: Some(show_limits(&rules.first_action)),
        answer: Some(show_limits(&rules.answer)),
        return_decision: Some(show_limits(&rules.return_decision)),
        relay_grace: Some(show_limits(&rules.relay_grace)),
        info_pause: Some(pb::InfoPause {
            at_most: show_limit(rules.info_pause.at_most),
            never_at: rules
                .info_pause
                .never_at
                .iter()
                .copied()
                .map(shown)
                .collect(),
        }),
        callbacks: Some(pb::CallbackRule {
            failed_attempts: rules.callbacks.failed_attempts,
            within_minutes: rules.callbacks.within_minutes,
            risk_at_least: shown(rules.callbacks.risk_at_least),
        }),
        first_follow_up: Some(show_limits(&rules.first_follow_up)),
        calendar: Some(pb::Calendar {
            utc_offset_minutes: calendar.utc_offset_minutes.into(),
            weekend: calendar
                .weekend
                .iter()
                .map(|day| enum_number::<pb::Weekday>(day.name()))
                .collect(),
            holidays: days(&calendar.holidays),
            make_up_days: days(&calendar.make_up_days),
        }),
    }
}

fn show_limits(limits: &PerRisk<Limit>) -> pb::RiskLimits {
    pb::RiskLimits {
        immediate: show_limit(limits.immediate),
        high: show_limit(limits.high),
        medium: show_limit(limits.medium),
        low: show_limit(limits.low),
        watch: show_limit(limits.watch),
    }
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "a message field of the contract is optional"
)]
fn show_limit(limit: Limit) -> Option<pb::Limit> {
    let span = match limit {
        Limit::Minutes(minutes) => Span::Minutes(minutes),
        Limit::WorkingDays(days) => Span::WorkingDays(days.into()),
    };
    Some(pb::Limit { span: Some(span) })
}

#[cfg(test)]
mod tests {
    use eventsourcing::Region;

    use super::*;
    use crate::reference::ReferenceData;

    fn reference() -> RuleSet {
        let china = include_str!("../../../../deploy/reference/china.toml");
        let data: ReferenceData = china.parse().unwrap();
        data.rules(Region::CENTRAL).unwrap().as_ref().clone()
    }

    /// The reference rules, changed, and the message they are refused with.
    fn refused(change: impl FnOnce(&mut pb::RuleSet)) -> String {
        let mut rules = show(&reference());
        change(&mut rules);
        parse(Some(rules)).unwrap_err().message().to_owned()
    }

    #[test]
    fn a_rule_set_comes_back_as_it_went() {
        let rules = reference();
        assert_eq!(parse(Some(show(&rules))).unwrap(), rules);
    }

    #[test]
    fn what_is_missing_or_malformed_names_its_field() {
        let missing = refused(|rules| rules.answer.as_mut().unwrap().low = None);
        assert!(missing.starts_with("rules.answer.low: "), "{missing}");
        let long = refused(|rules| {
            let span = Some(Span::WorkingDays(70_000));
            rules.answer.as_mut().unwrap().low = Some(pb::Limit { span });
        });
        assert!(long.starts_with("rules.answer.low: "), "{long}");
        let risk = refused(|rules| rules.callbacks.as_mut().unwrap().risk_at_least = 9);
        assert!(
            risk.starts_with("rules.callbacks.risk_at_least: "),
            "{risk}"
        );
        let date = refused(|rules| {
            rules.calendar.as_mut().unwrap().holidays = vec!["2026-02-30".to_owned()];
        });
        assert!(date.starts_with("rules.calendar.holidays: "), "{date}");
        let week = refused(|rules| {
            rules.calendar.as_mut().unwrap().weekend = (1..=7).collect();
        });
        assert!(week.starts_with("rules.calendar: "), "{week}");
        assert!(parse(None).unwrap_err().message().starts_with("rules: "));
    }
}
