//! What came in: channel and line, who called, whom it is about; and what must never be done about it.

use eventsourcing::Region;
use serde::{Deserialize, Serialize};

use super::rejection::IntakeRejection;
use crate::sealed::{Sealed, Text};
use crate::values::terms;

terms! {
    /// How the contact reached the desk.
    pub enum Channel {
        Phone => "电话",
        Wechat => "微信",
        Qq => "QQ",
        MiniProgram => "小程序",
        WebChat => "网络咨询",
        WalkIn => "面询",
        SchoolVisit => "校园",
        Letter => "信函",
        /// A call put through by somebody else: the original number is kept.
        ForwardedCall => "转接",
        /// From the government service hotline 12345.
        WorkOrder => "12345工单",
        PartnerEvent => "合作单位推送",
    }
}

impl Channel {
    pub fn is_call(self) -> bool {
        matches!(self, Self::Phone | Self::ForwardedCall)
    }
}

terms! {
    /// Which number was dialled.
    pub enum Line {
        /// 12355.
        YouthHotline => "12355",
        /// 12356; in some cities answered by an existing hotline.
        PsychologicalHotline => "12356",
        LocalNumber => "本地号码",
    }
}

terms! {
    /// Who calls, apart from whom it is about.
    pub enum CallerRole {
        /// The young person.
        Oneself => "本人",
        Guardian => "监护人",
        /// A grandparent or another relative.
        Relative => "亲属",
        School => "学校",
        /// A neighbour or the community.
        Neighbour => "邻里",
        Peer => "同伴",
        /// Somebody whom the law obliges to report.
        MandatedReporter => "强制报告义务人",
        Agency => "机构",
        Anonymous => "匿名",
    }
}

terms! {
    /// Contacts that are no case; facts all the same.
    pub enum NonCase {
        Silent => "无声",
        HangUp => "挂断",
        WrongNumber => "误拨",
        Abusive => "骚扰",
        Repeat => "反复来电",
        Test => "测试",
    }
}

terms! {
    /// The age as far as rules need it; the date of birth is sealed with the identity.
    pub enum AgeBand {
        UnderFourteen => "不满十四周岁",
        FourteenToSeventeen => "十四至十七周岁",
        Adult => "十八周岁以上",
        Unknown => "年龄不详",
    }
}

impl AgeBand {
    /// Under 14 every personal datum is sensitive and the guardian consents; an unknown age counts so.
    pub fn counts_as_under_fourteen(self) -> bool {
        matches!(self, Self::UnderFourteen | Self::Unknown)
    }
}

terms! {
    /// What must never be done, whoever works on the case.
    pub enum SafetyMark {
        /// Somebody dangerous may answer the number the contact came from.
        DoNotCallBack => "勿回拨来电号码",
        /// The guardian is the suspected abuser.
        NeverTellGuardian => "不得告知监护人",
    }
}

/// The young person, as far as rules need to know; everything else is sealed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Subject {
    /// In the clear: it decides who may consent.
    pub age_band: AgeBand,
    /// In the clear: it decides which region is asked. As coarse as a city; none if not known.
    pub lives_in: Option<Region>,
    pub identity: Option<Sealed<Text>>,
}

/// What the contact is about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(
    clippy::large_enum_variant,
    reason = "a contact is boxed wherever it is one of several"
)]
pub enum Matter {
    /// A young person needs something: it waits for triage.
    Concern {
        subject: Subject,
        narrative: Sealed<Text>,
    },
    /// Nobody needs anything, as far as was heard.
    NoCase {
        kind: NonCase,
        note: Option<Sealed<Text>>,
    },
}

/// One contact 来电/来访 as it was taken down.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Contact {
    pub channel: Channel,
    /// Only for calls.
    pub line: Option<Line>,
    /// The number or account the contact came from.
    pub number: Option<Sealed<Text>>,
    /// The caller's own number, where the call was forwarded.
    pub original_number: Option<Sealed<Text>>,
    pub caller_role: CallerRole,
    /// Where the caller is somebody else than the subject.
    pub caller_identity: Option<Sealed<Text>>,
    pub matter: Matter,
}

impl Contact {
    /// Nothing is missing that must be kept, and nothing contradicts itself.
    pub(super) fn check(&self) -> Result<(), IntakeRejection> {
        if self.channel.is_call() && self.line.is_none() {
            return Err(IntakeRejection::LineMissing);
        }
        if self.line.is_some() && !self.channel.is_call() {
            return Err(IntakeRejection::LineWithoutCall);
        }
        let forwarded = self.channel == Channel::ForwardedCall;
        match &self.original_number {
            None if forwarded => return Err(IntakeRejection::OriginalNumberMissing),
            Some(_) if !forwarded => return Err(IntakeRejection::NotForwarded),
            _ => {}
        }
        if self.caller_role == CallerRole::Oneself && self.caller_identity.is_some() {
            return Err(IntakeRejection::CallerIsSubject);
        }
        Ok(())
    }
}

/// The first two digits of the province-level divisions of GB/T 2260.
const PROVINCES: [&str; 34] = [
    "11", "12", "13", "14", "15", "21", "22", "23", "31", "32", "33", "34", "35", "36", "37", "41",
    "42", "43", "44", "45", "46", "50", "51", "52", "53", "54", "61", "62", "63", "64", "65", "71",
    "81", "82",
];

/// Whether anybody can live there: the code begins with that of a province.
pub fn is_in_a_province(region: Region) -> bool {
    PROVINCES
        .iter()
        .any(|province| region.as_str().starts_with(province))
}
