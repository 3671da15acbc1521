//! The directory's values in the contract's words, and back.

use std::collections::BTreeSet;

use domain::directory::names::LONGEST_NAME;
use domain::directory::{
    Desk, DeskProfile, Enrolment, LineNumber, Name, OrganizationProfile, RegionProfile, Worker,
};
use domain::values::{Role, Term};
use proto::directory::v1 as pb;
use proto::types::v1 as types;
use service_runtime::grpc::{enum_number, required, term, violation};
use tonic::Status;

/// The most lines that one desk answers.
const MOST_LINES: usize = 20;

pub(super) fn name(name: Option<&pb::Name>) -> Result<Name, Status> {
    let name = name.ok_or_else(|| violation("name", "it must be set", "必须填写"))?;
    let zh = required("name.zh", &name.zh, LONGEST_NAME)?;
    let en = required("name.en", &name.en, LONGEST_NAME)?;
    Name::try_new(zh, en).map_err(|why| violation("name", why.to_string(), "名称无效"))
}

pub(super) fn lines(numbers: Vec<String>) -> Result<Vec<LineNumber>, Status> {
    if numbers.len() > MOST_LINES {
        return Err(violation(
            "lines",
            format!("at most {MOST_LINES}"),
            format!("最多 {MOST_LINES} 条"),
        ));
    }
    let lines = numbers.into_iter().map(|number| {
        LineNumber::try_from(number)
            .map_err(|why| violation("lines", why.to_string(), "线路号码须为 3 至 20 位数字"))
    });
    lines.collect()
}

pub(super) fn roles(numbers: &[i32]) -> Result<BTreeSet<Role>, Status> {
    numbers
        .iter()
        .map(|number| term::<types::Role, Role>("roles", *number))
        .collect()
}

pub(super) fn region(profile: &RegionProfile) -> pb::Region {
    pb::Region {
        code: profile.region.to_string(),
        name: Some(shown(&profile.name)),
    }
}

pub(super) fn organization(profile: &OrganizationProfile) -> pb::Organization {
    pb::Organization {
        organization_id: profile.organization.to_string(),
        name: Some(shown(&profile.name)),
        level: enum_number::<pb::Level>(profile.level.name()),
        kind: enum_number::<pb::OrganizationKind>(profile.kind.name()),
        parent_id: profile
            .parent
            .map(|parent| parent.to_string())
            .unwrap_or_default(),
    }
}

/// A desk that has been opened, with what it is listed by.
pub(super) fn desk(desk: &Desk) -> Option<(DeskProfile, pb::Desk)> {
    let profile = desk.profile()?;
    let lines = profile.lines.iter().map(|line| line.as_str().to_owned());
    let shown = pb::Desk {
        desk_id: profile.desk.to_string(),
        organization_id: profile.organization.to_string(),
        name: Some(shown(&profile.name)),
        lines: lines.collect(),
        closed: matches!(desk, Desk::Closed { .. }),
    };
    Some((profile.clone(), shown))
}

/// A worker who has been enrolled, with what they are listed by.
pub(super) fn worker(worker: &Worker) -> Option<(Enrolment, pb::Worker)> {
    let enrolment = worker.enrolment()?;
    let roles = enrolment.roles.iter();
    let shown = pb::Worker {
        worker_id: enrolment.worker.to_string(),
        organization_id: enrolment.organization.to_string(),
        desk_id: enrolment.desk.to_string(),
        roles: roles
            .map(|role| enum_number::<types::Role>(role.name()))
            .collect(),
        left: matches!(worker, Worker::Left(_)),
    };
    Some((enrolment.clone(), shown))
}

fn shown(name: &Name) -> pb::Name {
    pb::Name {
        zh: name.zh().to_owned(),
        en: name.en().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use domain::directory::{Level, OrganizationKind, Weekday};
    use domain::values::RiskLevel;
    use proto::Word;

    use super::*;

    /// Every word of the domain has one in the contract, and comes back from it as itself.
    #[track_caller]
    fn every_word_comes_back<W: Word, T: Term + FromStr + PartialEq + std::fmt::Debug>() {
        for word in T::ALL {
            let number = enum_number::<W>(word.name());
            assert_eq!(term::<W, T>("word", number).ok(), Some(*word));
        }
    }

    #[test]
    fn every_word_of_the_directory_is_in_the_contract() {
        every_word_comes_back::<pb::Level, Level>();
        every_word_comes_back::<pb::OrganizationKind, OrganizationKind>();
        every_word_comes_back::<pb::Weekday, Weekday>();
        every_word_comes_back::<types::Role, Role>();
        every_word_comes_back::<types::RiskLevel, RiskLevel>();
    }

    #[test]
    fn an_unknown_role_names_its_field() {
        for number in [0, 99] {
            let refused = roles(&[number]).unwrap_err();
            assert!(refused.message().starts_with("roles: "), "{refused}");
        }
    }

    #[test]
    fn a_name_is_there_in_both_languages() {
        let nameless = pb::Name {
            zh: "上海".to_owned(),
            en: String::new(),
        };
        let refused = name(Some(&nameless)).unwrap_err();
        assert!(refused.message().starts_with("name.en: "), "{refused}");
        assert!(name(None).unwrap_err().message().starts_with("name: "));
    }
}
