//! What the desk makes of a contact: type, subtype, mandatory-report flags, risk, and why.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::rejection::IntakeRejection;
use crate::sealed::{Sealed, Text};
use crate::values::{CaseType, RiskLevel, terms};

terms! {
    /// What it is about, more closely than the case type.
    pub enum Subtype {
        Abuse => "虐待",
        DomesticViolence => "家庭暴力",
        Bullying => "欺凌",
        SexualViolence => "性侵害",
        OnlineViolence => "网络侵害",
        GuardianshipMissing => "监护缺失",
        GuardianshipInsufficient => "监护不足",
        GuardianshipImproper => "监护不当",
        MissingChild => "未成年人失踪",
        Depression => "抑郁",
        SelfHarm => "自伤",
        SuicideIdeation => "自杀意念",
        SuicidePlan => "自杀计划",
        SuicideAct => "自杀行为",
        FamilyRelations => "家庭关系",
        Peers => "同伴交往",
        EducationOrWork => "学业就业",
        Health => "身体健康",
        Discrimination => "歧视",
        LegalRights => "合法权益",
        AccessToServices => "公共服务获取",
        SeriousMisconduct => "严重不良行为",
        Epidemic => "涉疫情",
        LeftBehind => "留守",
        Disabled => "残疾",
    }
}

terms! {
    /// The nine situations that must be reported: article 4 of the 2020 opinions of nine organs on
    /// the mandatory reporting of cases of harm to minors 关于建立侵害未成年人案件强制报告制度的意见.
    pub enum ReportFlag {
        IntimateInjury => "隐私部位遭受或疑似遭受非正常损伤",
        SexualHarmUnderFourteen => "不满十四周岁女性遭受或疑似遭受性侵害、怀孕、流产",
        PregnancyFromSexualHarm => "十四周岁以上女性遭受或疑似遭受性侵害所致怀孕、流产",
        /// Several injuries, severe malnutrition or loss of consciousness, from violence or suspected so.
        SignsOfViolence => "多处损伤、严重营养不良、意识不清，存在或疑似存在受暴、欺凌、虐待、殴打或被麻醉",
        /// Disability or death by suicide, self-injury, work, poison, anaesthesia, beating.
        UnnaturalInjuryOrDeath => "因自杀、自残、工伤、中毒、被麻醉、殴打等非正常原因致伤残、死亡",
        AbandonedOrUnattended => "被遗弃或长期处于无人照料状态",
        UnknownOriginOrTrafficked => "来源不明、失踪或者被拐卖、收买",
        OrganizedBegging => "被组织乞讨",
        OtherSeriousHarm => "其他严重侵害身心健康或正面临不法侵害危险",
    }
}

terms! {
    /// Why the risk is what it is; the words behind it are in the sealed note.
    pub enum RiskReason {
        DangerNow => "正处于危险之中",
        PlanOrMeans => "有计划或手段",
        OngoingAbuse => "侵害正在持续",
        EarlierAttempt => "既往自伤自杀",
        ContactLost => "失去联系",
        GuardianSuspected => "监护人涉嫌侵害",
        NoSafeAdult => "身边无可靠成年人",
        Intoxicated => "涉酒精或药物",
        Isolated => "孤立无援",
        YoungAge => "年幼",
        RepeatedIncident => "再次发生",
        NewFacts => "出现新情况",
        SafetySecured => "安全已有保障",
        Improving => "情况好转",
        SupportNeeded => "需要支持",
    }
}

terms! {
    /// Told in parallel when life is in danger.
    pub enum EmergencyService {
        Police => "110",
        Ambulance => "120",
    }
}

/// One assessment: by triage, or by a reassessment that replaces it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Assessment {
    pub case_type: CaseType,
    pub subtype: Subtype,
    /// Any flag says that a mandatory report must be made, whatever the type.
    pub flags: BTreeSet<ReportFlag>,
    pub risk: RiskLevel,
    /// Never empty: no level without a reason.
    pub reasons: BTreeSet<RiskReason>,
    /// A few sentences, all that a unit sees before it accepts.
    pub summary: Sealed<Text>,
    pub note: Option<Sealed<Text>>,
}

impl Assessment {
    /// The guardian is neither asked nor told from then on.
    pub(super) fn suspects_the_guardian(&self) -> bool {
        self.reasons.contains(&RiskReason::GuardianSuspected)
    }

    /// No level is set, changed or kept silently.
    pub(super) fn check(&self) -> Result<(), IntakeRejection> {
        if self.reasons.is_empty() {
            return Err(IntakeRejection::ReasonsMissing);
        }
        Ok(())
    }
}
