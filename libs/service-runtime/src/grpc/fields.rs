//! Reading the fields of a request: each either has its value or names itself in the error.

use std::fmt::Display;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Date;
use proto::Word;
use tonic::Status;

use super::status::violation;

/// The value of a text field that has a form: an id, a region.
///
/// # Errors
/// INVALID_ARGUMENT naming the field.
pub fn field<T: FromStr>(name: &str, text: &str) -> Result<T, Status>
where
    T::Err: Display,
{
    text.parse()
        .map_err(|why: T::Err| violation(name, why.to_string(), "格式不正确"))
}

/// The same for a field that may be empty.
///
/// # Errors
/// INVALID_ARGUMENT naming the field.
pub fn optional<T: FromStr>(name: &str, text: &str) -> Result<Option<T>, Status>
where
    T::Err: Display,
{
    if text.is_empty() {
        Ok(None)
    } else {
        field(name, text).map(Some)
    }
}

/// A text that must be there, of at most `most` characters.
///
/// # Errors
/// INVALID_ARGUMENT naming the field.
pub fn required<'a>(name: &str, text: &'a str, most: usize) -> Result<&'a str, Status> {
    if text.trim().is_empty() {
        return Err(violation(name, "it must not be empty", "不能为空"));
    }
    if text.chars().count() > most {
        return Err(violation(
            name,
            format!("at most {most} characters"),
            format!("最多 {most} 字"),
        ));
    }
    Ok(text)
}

/// A word of the contract as the domain's: `RISK_LEVEL_HIGH` becomes `High`.
///
/// # Errors
/// INVALID_ARGUMENT naming the field, for a word that is not said or not known.
pub fn term<W: Word, T: FromStr>(name: &str, number: i32) -> Result<T, Status> {
    W::full_name(number)
        .and_then(|full| full.strip_prefix(W::PREFIX))
        .and_then(|upper| camel(upper).parse().ok())
        .ok_or_else(|| violation(name, "not said, or not a known value", "未填写或取值未知"))
}

/// A word of the domain as the contract's number: `High` becomes that of `RISK_LEVEL_HIGH`.
///
/// Words that the contract does not have become "unspecified"; a test over all words keeps that
/// from happening.
pub fn enum_number<W: Word>(name: &str) -> i32 {
    W::number(&format!("{}{}", W::PREFIX, upper_snake(name))).unwrap_or(0)
}

/// A moment that must be there.
///
/// # Errors
/// INVALID_ARGUMENT naming the field.
pub fn timestamp(name: &str, at: Option<&prost_types::Timestamp>) -> Result<Timestamp, Status> {
    let at = at.ok_or_else(|| violation(name, "it must be set", "必须填写"))?;
    Timestamp::new(at.seconds, at.nanos)
        .map_err(|_| violation(name, "not a moment in time", "时间无效"))
}

/// A moment as the contract has it.
pub fn moment(at: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: at.as_second(),
        nanos: at.subsec_nanosecond(),
    }
}

/// How many rows a page may have, when a list asks for `asked`; 0 is the usual 50.
///
/// # Errors
/// INVALID_ARGUMENT below 0 or above 200.
pub fn page_size(asked: i32) -> Result<usize, Status> {
    match usize::try_from(asked) {
        Ok(0) => Ok(50),
        Ok(size @ 1..=200) => Ok(size),
        _ => Err(violation(
            "page_size",
            "between 0 and 200",
            "应在 0 至 200 之间",
        )),
    }
}

/// A date as `YYYY-MM-DD`.
///
/// # Errors
/// INVALID_ARGUMENT naming the field.
pub fn date(name: &str, text: &str) -> Result<Date, Status> {
    text.parse()
        .map_err(|_| violation(name, "not a date (YYYY-MM-DD)", "日期格式应为 YYYY-MM-DD"))
}

fn camel(upper_snake: &str) -> String {
    let words = upper_snake.split('_').map(|word| {
        let (first, rest) = word.split_at(word.len().min(1));
        format!("{first}{}", rest.to_ascii_lowercase())
    });
    words.collect()
}

fn upper_snake(camel: &str) -> String {
    let mut upper = String::new();
    for (index, letter) in camel.char_indices() {
        if index > 0 && letter.is_ascii_uppercase() {
            upper.push('_');
        }
        upper.push(letter.to_ascii_uppercase());
    }
    upper
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_go_from_contract_to_domain_and_back_by_name() {
        assert_eq!(camel("NO_ANSWER"), "NoAnswer");
        assert_eq!(upper_snake("NoAnswer"), "NO_ANSWER");
        let high = proto::types::v1::RiskLevel::High as i32;
        assert_eq!(
            term::<proto::types::v1::RiskLevel, String>("risk", high).unwrap(),
            "High"
        );
        assert_eq!(enum_number::<proto::types::v1::RiskLevel>("High"), high);
    }

    #[test]
    fn what_is_missing_or_malformed_names_its_field() {
        let unspecified = term::<proto::types::v1::RiskLevel, String>("risk", 99).unwrap_err();
        assert!(unspecified.message().starts_with("risk: "), "{unspecified}");
        assert!(
            required("reason", "  ", 10)
                .unwrap_err()
                .message()
                .starts_with("reason: ")
        );
        assert!(required("reason", "暂无名额暂无名额暂无", 5).is_err());
        assert!(timestamp("at", None).is_err());
        let now: Timestamp = "2026-01-12T09:00:00.25Z".parse().unwrap();
        assert_eq!(timestamp("at", Some(&moment(now))).unwrap(), now);
        assert!(date("on", "2026-02-30").is_err());
        assert_eq!((page_size(0).unwrap(), page_size(200).unwrap()), (50, 200));
        assert!(page_size(-1).is_err() && page_size(201).is_err());
        let id = field::<eventsourcing::ScopedId>("case_id", "310000");
        assert!(
            id.unwrap_err()
                .message()
                .starts_with("case_id: an id must look like")
        );
    }
}
