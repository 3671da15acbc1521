//! Working days: which days count when a limit is given in them.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;
use serde::{Deserialize, Serialize};

use crate::values::terms;

terms! {
    /// A day of the week, as rule sets write it.
    pub enum Weekday {
        Monday => "星期一",
        Tuesday => "星期二",
        Wednesday => "星期三",
        Thursday => "星期四",
        Friday => "星期五",
        Saturday => "星期六",
        Sunday => "星期日",
    }
}

impl Weekday {
    fn of(day: Date) -> Self {
        match day.weekday() {
            jiff::civil::Weekday::Monday => Self::Monday,
            jiff::civil::Weekday::Tuesday => Self::Tuesday,
            jiff::civil::Weekday::Wednesday => Self::Wednesday,
            jiff::civil::Weekday::Thursday => Self::Thursday,
            jiff::civil::Weekday::Friday => Self::Friday,
            jiff::civil::Weekday::Saturday => Self::Saturday,
            jiff::civil::Weekday::Sunday => Self::Sunday,
        }
    }
}

/// The working days of a jurisdiction, in its one fixed UTC offset (China has no summer time).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "CalendarEntries", into = "CalendarEntries")]
pub struct Calendar {
    entries: CalendarEntries,
    offset: Offset,
}

/// A calendar as it is written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalendarEntries {
    /// Minutes east of UTC: 480 in China.
    pub utc_offset_minutes: i16,
    /// The days of the week on which nobody works.
    pub weekend: BTreeSet<Weekday>,
    /// Days off besides the weekend.
    pub holidays: BTreeSet<Date>,
    /// Days of a weekend on which people work, to make up for a holiday 调休上班.
    pub make_up_days: BTreeSet<Date>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CalendarError {
    #[error("a UTC offset is within 24 hours either way")]
    Offset,
    #[error("a week needs a working day")]
    NoWorkingDay,
    #[error("{0} is both a holiday and a make-up working day")]
    BothWays(Date),
}

impl TryFrom<CalendarEntries> for Calendar {
    type Error = CalendarError;

    fn try_from(entries: CalendarEntries) -> Result<Self, CalendarError> {
        if entries.utc_offset_minutes.abs() > 24 * 60 {
            return Err(CalendarError::Offset);
        }
        let offset = Offset::from_seconds(i32::from(entries.utc_offset_minutes) * 60)
            .map_err(|_| CalendarError::Offset)?;
        if entries.weekend.len() == 7 {
            return Err(CalendarError::NoWorkingDay);
        }
        if let Some(both) = entries.holidays.intersection(&entries.make_up_days).next() {
            return Err(CalendarError::BothWays(*both));
        }
        Ok(Self { entries, offset })
    }
}

impl From<Calendar> for CalendarEntries {
    fn from(calendar: Calendar) -> Self {
        calendar.entries
    }
}

impl Calendar {
    pub fn entries(&self) -> &CalendarEntries {
        &self.entries
    }

    pub fn is_working_day(&self, day: Date) -> bool {
        if self.entries.make_up_days.contains(&day) {
            return true;
        }
        !self.entries.holidays.contains(&day) && !self.entries.weekend.contains(&Weekday::of(day))
    }

    /// The end (24:00 local time) of the `count`-th working day after the day of `from`.
    ///
    /// The day on which it begins does not count, and the last day counts to its end: Civil Code of
    /// the People's Republic of China, articles 201 and 203.
    pub fn end_of_working_day(&self, count: u16, from: Timestamp) -> Timestamp {
        let first = self.offset.to_datetime(from).date();
        self.working_day_after(count, first)
            .and_then(Date::tomorrow)
            .and_then(|morning_after| self.offset.to_timestamp(morning_after.at(0, 0, 0, 0)))
            // Beyond the end of the calendar (the year 9999) a limit is never reached.
            .unwrap_or(Timestamp::MAX)
    }

    fn working_day_after(&self, count: u16, first: Date) -> Result<Date, jiff::Error> {
        let mut day = first;
        for _ in 0..count {
            day = day.tomorrow()?;
            while !self.is_working_day(day) {
                day = day.tomorrow()?;
            }
        }
        Ok(day)
    }
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;
    use jiff::civil::date;
    use proptest::collection::btree_set;
    use proptest::prelude::*;

    use super::*;
    use crate::values::Term;

    fn entries() -> CalendarEntries {
        CalendarEntries {
            utc_offset_minutes: 480,
            weekend: [Weekday::Saturday, Weekday::Sunday].into(),
            holidays: [date(2026, 1, 1), date(2026, 1, 2)].into(),
            make_up_days: [date(2026, 1, 4)].into(),
        }
    }

    fn calendar() -> Calendar {
        entries().try_into().unwrap()
    }

    fn china(local: &str) -> Timestamp {
        format!("{local}+08:00").parse().unwrap()
    }

    #[test]
    fn the_first_day_does_not_count_and_the_last_counts_to_its_end() {
        let monday = china("2026-01-12T09:30");
        assert_eq!(
            calendar().end_of_working_day(1, monday),
            china("2026-01-14T00:00")
        );
    }

    #[test]
    fn weekends_and_holidays_are_skipped_and_make_up_days_count() {
        // 1 and 2 January are off, the 3rd is a Saturday, Sunday the 4th makes up.
        let before_new_year = china("2025-12-31T23:00");
        assert_eq!(
            calendar().end_of_working_day(1, before_new_year),
            china("2026-01-05T00:00")
        );
        let friday = china("2026-01-09T08:00");
        assert_eq!(
            calendar().end_of_working_day(3, friday),
            china("2026-01-15T00:00")
        );
    }

    #[test]
    fn the_day_is_the_local_one() {
        // 23:00 in UTC on Monday is 07:00 on Tuesday in China.
        let from = "2026-01-12T23:00Z".parse().unwrap();
        assert_eq!(
            calendar().end_of_working_day(1, from),
            china("2026-01-15T00:00")
        );
    }

    #[test]
    fn a_calendar_that_could_never_end_a_limit_is_refused() {
        let mut never = entries();
        never.weekend = Weekday::ALL.iter().copied().collect();
        assert_eq!(Calendar::try_from(never), Err(CalendarError::NoWorkingDay));

        let mut both = entries();
        both.make_up_days.insert(date(2026, 1, 1));
        let refused = Calendar::try_from(both);
        assert_eq!(refused, Err(CalendarError::BothWays(date(2026, 1, 1))));

        let mut nowhere = entries();
        nowhere.utc_offset_minutes = 1441;
        assert_eq!(Calendar::try_from(nowhere), Err(CalendarError::Offset));
    }

    #[test]
    fn a_limit_beyond_the_end_of_the_calendar_is_never_reached() {
        let due = calendar().end_of_working_day(u16::MAX, Timestamp::MAX);
        assert_eq!(due, Timestamp::MAX);
    }

    fn any_day() -> impl Strategy<Value = Date> {
        (0..800i32).prop_map(|days| date(2025, 12, 1) + days.days())
    }

    prop_compose! {
        fn any_calendar()(
            utc_offset_minutes in -720i16..=840,
            weekend in btree_set(prop::sample::select(Weekday::ALL), 0..=6),
            holidays in btree_set(any_day(), 0..60),
            make_up_days in btree_set(any_day(), 0..30),
        ) -> Calendar {
            let make_up_days = make_up_days.difference(&holidays).copied().collect();
            CalendarEntries { utc_offset_minutes, weekend, holidays, make_up_days }.try_into().unwrap()
        }
    }

    /// Day by day, by counting, with a day of the week that is counted too.
    fn naive(calendar: &Calendar, count: u16, from: Timestamp) -> Timestamp {
        let entries = calendar.entries();
        let offset = i64::from(entries.utc_offset_minutes) * 60;
        let mut day = (from.as_second() + offset).div_euclid(86_400);
        let mut left = count;
        while left > 0 {
            day += 1;
            let as_date = date(1970, 1, 1) + day.days();
            // Day 0 was a Thursday.
            let weekday = Weekday::ALL[usize::try_from((day + 3).rem_euclid(7)).unwrap()];
            let off = entries.holidays.contains(&as_date) || entries.weekend.contains(&weekday);
            if entries.make_up_days.contains(&as_date) || !off {
                left -= 1;
            }
        }
        Timestamp::from_second((day + 1) * 86_400 - offset).unwrap()
    }

    proptest! {
        #[test]
        fn working_days_are_those_that_counting_day_by_day_finds(
            calendar in any_calendar(),
            count in 0u16..40,
            from in 1_764_547_200i64..1_830_000_000,
        ) {
            let from = Timestamp::from_second(from).unwrap();
            let due = calendar.end_of_working_day(count, from);
            prop_assert_eq!(due, naive(&calendar, count, from));
            prop_assert!(due > from);
        }
    }
}
