//! The rule book of one region: each publication puts a new rule set in force; none is ever reused.

use std::collections::BTreeSet;
use std::sync::Arc;

use eventsourcing::{Aggregate, Fact, Occasion, Region, Rejection, RejectionKind};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{CONTEXT, Limit, NotAdministrator, RuleSet, check_administrator};
use crate::ids::RuleSetId;
use crate::values::{RiskLevel, Term};

/// Longest version name.
const LONGEST_VERSION: usize = 40;
/// Minutes that asking for information may stop a receiver's clock.
const LONGEST_PAUSE: u32 = 24 * 60;

#[derive(Debug, Clone, PartialEq)]
pub enum RuleBookCommand {
    Publish { region: Region, rules: Arc<RuleSet> },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum RuleBookEvent {
    RuleSetPublished { rules: Arc<RuleSet> },
}

impl Fact for RuleBookEvent {
    fn rules_version(&self) -> Option<&str> {
        let Self::RuleSetPublished { rules } = self;
        Some(&rules.version)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleBookRejection {
    #[error(transparent)]
    NotAdministrator(#[from] NotAdministrator),
    #[error("the version is 1 to {LONGEST_VERSION} letters, digits, dots and hyphens")]
    VersionName,
    #[error("{field} at {risk:?} leaves no time at all")]
    NoTime {
        field: &'static str,
        risk: RiskLevel,
    },
    #[error("the call-back rule must count at least one attempt within at least one minute")]
    CallbacksNever,
    #[error("asking for information may stop the clock for {LONGEST_PAUSE} minutes at most")]
    PauseTooLong,
    #[error("with a life in danger the clock never stops")]
    PauseAtImmediate,
    #[error("the rule set {0} was published already; a change needs a new version")]
    VersionUsed(String),
}

impl Rejection for RuleBookRejection {
    fn kind(&self) -> RejectionKind {
        match self {
            Self::NotAdministrator(_) => RejectionKind::Forbidden,
            Self::VersionName
            | Self::NoTime { .. }
            | Self::CallbacksNever
            | Self::PauseTooLong
            | Self::PauseAtImmediate => RejectionKind::Invalid,
            Self::VersionUsed(_) => RejectionKind::AlreadyExists,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::NotAdministrator(_) => NotAdministrator::REASON,
            Self::VersionName => "RULES_VERSION_NAME",
            Self::NoTime { .. } => "LIMIT_LEAVES_NO_TIME",
            Self::CallbacksNever => "CALLBACK_RULE_EMPTY",
            Self::PauseTooLong => "PAUSE_TOO_LONG",
            Self::PauseAtImmediate => "PAUSE_AT_IMMEDIATE",
            Self::VersionUsed(_) => "RULES_VERSION_USED",
        }
    }

    fn zh(&self) -> String {
        match self {
            Self::NotAdministrator(no) => no.zh(),
            Self::VersionName => {
                format!("规则版本须为 1 至 {LONGEST_VERSION} 个字母、数字、点或连字符")
            }
            Self::NoTime { field, risk } => {
                format!("风险等级“{}”的时限 {field} 不能为零", risk.zh())
            }
            Self::CallbacksNever => "回拨规则至少须为一分钟内一次".to_owned(),
            Self::PauseTooLong => {
                format!("要求补充信息的计时暂停最长为 {LONGEST_PAUSE} 分钟")
            }
            Self::PauseAtImmediate => "紧急风险的时限不得暂停".to_owned(),
            Self::VersionUsed(version) => {
                format!("规则版本 {version} 已发布，变更须使用新版本")
            }
        }
    }

    fn field(&self) -> Option<&'static str> {
        match self {
            Self::VersionName | Self::VersionUsed(_) => Some("rules.version"),
            Self::NoTime { field, .. } => Some(field),
            Self::CallbacksNever => Some("rules.callbacks"),
            Self::PauseTooLong => Some("rules.info_pause.at_most"),
            Self::PauseAtImmediate => Some("rules.info_pause.never_at"),
            Self::NotAdministrator(_) => None,
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RuleBook {
    in_force: Option<Arc<RuleSet>>,
    versions: BTreeSet<String>,
}

impl RuleBook {
    /// The one book of a region.
    pub fn id(region: Region) -> RuleSetId {
        RuleSetId::new(region, Uuid::nil())
    }

    /// The rules published last.
    pub fn in_force(&self) -> Option<&Arc<RuleSet>> {
        self.in_force.as_ref()
    }
}

impl Aggregate for RuleBook {
    const CONTEXT: &'static str = CONTEXT;
    const KIND: &'static str = "rules";
    type Command = RuleBookCommand;
    type Event = RuleBookEvent;
    type Rejection = RuleBookRejection;

    fn decide(
        &self,
        command: &RuleBookCommand,
        on: &Occasion,
    ) -> Result<Vec<RuleBookEvent>, RuleBookRejection> {
        let RuleBookCommand::Publish { region, rules } = command;
        check_administrator(&on.actor, *region)?;
        check_rules(rules)?;
        if self.versions.contains(&rules.version) {
            return Err(RuleBookRejection::VersionUsed(rules.version.clone()));
        }
        let rules = Arc::clone(rules);
        Ok(vec![RuleBookEvent::RuleSetPublished { rules }])
    }

    fn evolve(&mut self, event: &RuleBookEvent) {
        match event {
            RuleBookEvent::RuleSetPublished { rules } => {
                self.versions.insert(rules.version.clone());
                self.in_force = Some(Arc::clone(rules));
            }
        }
    }
}

/// Rules that nobody could keep are not put in force.
fn check_rules(rules: &RuleSet) -> Result<(), RuleBookRejection> {
    let fits = (1..=LONGEST_VERSION).contains(&rules.version.len());
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-';
    if !fits || !rules.version.bytes().all(plain) {
        return Err(RuleBookRejection::VersionName);
    }
    // The first action may be due at once; whoever must answer others needs some time.
    for (field, limits) in [
        ("rules.answer", &rules.answer),
        ("rules.return_decision", &rules.return_decision),
        ("rules.first_follow_up", &rules.first_follow_up),
    ] {
        let none = |risk: &&RiskLevel| {
            matches!(limits.of(**risk), Limit::Minutes(0) | Limit::WorkingDays(0))
        };
        if let Some(&risk) = RiskLevel::ALL.iter().find(none) {
            return Err(RuleBookRejection::NoTime { field, risk });
        }
    }
    // A receiver's clock stands still for a day at most, and never with a life in danger.
    if !matches!(rules.info_pause.at_most, Limit::Minutes(0..=LONGEST_PAUSE)) {
        return Err(RuleBookRejection::PauseTooLong);
    }
    if !rules.info_pause.never_at.contains(&RiskLevel::Immediate) {
        return Err(RuleBookRejection::PauseAtImmediate);
    }
    if rules.callbacks.failed_attempts == 0 || rules.callbacks.within_minutes == 0 {
        return Err(RuleBookRejection::CallbacksNever);
    }
    Ok(())
}
