//! Moments: RFC 3339 for programs, Beijing time for people.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{TimeZone, offset};

/// A moment of the contract, as RFC 3339 in UTC; none if it is not set.
pub(crate) fn rfc3339(moment: Option<prost_types::Timestamp>) -> Option<String> {
    timestamp(moment?).map(|moment| moment.to_string())
}

/// A moment of the contract in Beijing time, to the second.
pub(crate) fn beijing(moment: Option<prost_types::Timestamp>) -> String {
    moment
        .and_then(timestamp)
        .map(in_beijing)
        .unwrap_or_default()
}

pub(crate) fn in_beijing(moment: Timestamp) -> String {
    let there = moment.to_zoned(zone());
    there.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// One time for the whole country, wherever this machine stands.
fn zone() -> TimeZone {
    TimeZone::fixed(offset(8))
}

fn timestamp(moment: prost_types::Timestamp) -> Option<Timestamp> {
    Timestamp::new(moment.seconds, moment.nanos).ok()
}

/// Reads `2026-11-20T09:30:00+08:00`, or `2026-11-20 09:30` in Beijing time.
pub(crate) fn parse(text: &str) -> Result<prost_types::Timestamp, String> {
    let there = || {
        let civil: DateTime = text.parse().ok()?;
        Some(civil.to_zoned(zone()).ok()?.timestamp())
    };
    let moment = text.parse::<Timestamp>().ok().or_else(there).ok_or(
        "not a moment: write 2026-11-20T09:30:00+08:00, or 2026-11-20 09:30 for Beijing time",
    )?;
    Ok(prost_types::Timestamp {
        seconds: moment.as_second(),
        nanos: moment.subsec_nanosecond(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_read_with_its_offset_or_as_beijing_time() {
        let moment = parse("2026-11-20T09:30:00+08:00").unwrap();
        assert_eq!(rfc3339(Some(moment)).unwrap(), "2026-11-20T01:30:00Z");
        assert_eq!(parse("2026-11-20 09:30").unwrap(), moment);
        assert_eq!(beijing(Some(moment)), "2026-11-20 09:30:00");
        for bad in ["", "yesterday", "2026-13-01T00:00:00Z"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
