//! Names of regions, organizations and desks, and the numbers of hotlines: public, never personal.

use serde::{Deserialize, Serialize};

/// Longest name, in characters of either language.
pub const LONGEST_NAME: usize = 100;
/// Longest number, in digits.
const LONGEST_NUMBER: usize = 20;

/// What something is called, in Chinese and in English; neither is blank.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "UncheckedName")]
pub struct Name {
    zh: String,
    en: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UncheckedName {
    zh: String,
    en: String,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    #[error("the {0} name is missing")]
    Missing(&'static str),
    #[error("the {0} name is longer than {LONGEST_NAME} characters")]
    TooLong(&'static str),
    #[error("a line is a number of 3 to {LONGEST_NUMBER} digits")]
    NotANumber,
}

impl Name {
    pub fn try_new(zh: &str, en: &str) -> Result<Self, NameError> {
        Ok(Self {
            zh: checked(zh, "Chinese")?,
            en: checked(en, "English")?,
        })
    }

    pub fn zh(&self) -> &str {
        &self.zh
    }

    pub fn en(&self) -> &str {
        &self.en
    }
}

fn checked(text: &str, language: &'static str) -> Result<String, NameError> {
    let text = text.trim();
    match text.chars().count() {
        0 => Err(NameError::Missing(language)),
        1..=LONGEST_NAME => Ok(text.to_owned()),
        _ => Err(NameError::TooLong(language)),
    }
}

impl TryFrom<UncheckedName> for Name {
    type Error = NameError;

    fn try_from(name: UncheckedName) -> Result<Self, NameError> {
        Self::try_new(&name.zh, &name.en)
    }
}

/// The number of a public line that a desk answers, e.g. `12355`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LineNumber(String);

impl LineNumber {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for LineNumber {
    type Error = NameError;

    fn try_from(number: String) -> Result<Self, NameError> {
        let long_enough = (3..=LONGEST_NUMBER).contains(&number.len());
        if long_enough && number.bytes().all(|byte| byte.is_ascii_digit()) {
            Ok(Self(number))
        } else {
            Err(NameError::NotANumber)
        }
    }
}

impl From<LineNumber> for String {
    fn from(number: LineNumber) -> Self {
        number.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_there_in_both_languages_and_short_enough() {
        assert!(Name::try_new("上海", "Shanghai").is_ok());
        assert_eq!(
            Name::try_new("上海", " "),
            Err(NameError::Missing("English"))
        );
        assert_eq!(
            Name::try_new(&"海".repeat(101), "Shanghai"),
            Err(NameError::TooLong("Chinese"))
        );
    }

    #[test]
    fn a_line_is_a_number() {
        assert!(LineNumber::try_from("12355".to_owned()).is_ok());
        for bad in ["", "12", "123-55", "１２３５５", "123456789012345678901"] {
            let refused = LineNumber::try_from(bad.to_owned());
            assert_eq!(refused, Err(NameError::NotANumber), "{bad}");
        }
    }
}
