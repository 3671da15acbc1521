//! `case list`: the cases known here.

use proto::timeline::v1 as pb;
use serde::Serialize;

use super::{PAGE, said, service};
use crate::client::Client;
use crate::failure::Failure;
use crate::moment::{beijing, rfc3339};
use crate::output::{Heading, Lang, Screen};

pub(super) const JSON: &str = "\
JSON: an array of {case_id, case_type, case_type_zh, risk, risk_zh, custodian, custodian_zh,
custodian_en, received_at, updated_at, entries, last_text_zh, last_text_en}; what is not known yet
is null; times are RFC 3339 in UTC.";

/// A case at a glance, as programs get it.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    case_id: String,
    case_type: Option<String>,
    case_type_zh: Option<String>,
    risk: Option<String>,
    risk_zh: Option<String>,
    /// The organization's id.
    custodian: Option<String>,
    custodian_zh: Option<String>,
    custodian_en: Option<String>,
    received_at: Option<String>,
    updated_at: Option<String>,
    entries: u64,
    last_text_zh: Option<String>,
    last_text_en: Option<String>,
    #[serde(skip)]
    updated_shown: String,
}

impl From<pb::CaseSummary> for Summary {
    fn from(of: pb::CaseSummary) -> Self {
        Self {
            case_id: of.case_id,
            case_type: said(of.case_type),
            case_type_zh: said(of.case_type_zh),
            risk: said(of.risk),
            risk_zh: said(of.risk_zh),
            custodian: said(of.custodian),
            custodian_zh: said(of.custodian_zh),
            custodian_en: said(of.custodian_en),
            received_at: rfc3339(of.received_at),
            updated_at: rfc3339(of.updated_at),
            entries: of.entries,
            last_text_zh: said(of.last_text_zh),
            last_text_en: said(of.last_text_en),
            updated_shown: beijing(of.updated_at),
        }
    }
}

pub(super) const HEADINGS: &[Heading] = &[
    ("个案", "CASE"),
    ("类型", "TYPE"),
    ("风险", "RISK"),
    ("管护责任", "CUSTODIAN"),
    ("更新时间", "UPDATED"),
    ("条目", "ENTRIES"),
    ("最近动态", "LAST"),
];

impl Summary {
    pub(super) fn row(&self, lang: Lang) -> Vec<String> {
        let pick = |zh: &Option<String>, en: &Option<String>| {
            let (zh, en) = (zh.as_deref(), en.as_deref());
            lang.pick(zh.unwrap_or("-"), en.unwrap_or("-")).to_owned()
        };
        vec![
            self.case_id.clone(),
            pick(&self.case_type_zh, &self.case_type),
            pick(&self.risk_zh, &self.risk),
            pick(&self.custodian_zh, &self.custodian_en),
            self.updated_shown.clone(),
            self.entries.to_string(),
            pick(&self.last_text_zh, &self.last_text_en),
        ]
    }
}

pub(super) async fn run(
    client: &Client,
    include_contacts: bool,
    screen: Screen,
) -> Result<(), Failure> {
    let cases = all(client, include_contacts).await?;
    screen.answer(&cases, HEADINGS, |cases| {
        cases.iter().map(|case| case.row(screen.lang)).collect()
    })
}

async fn all(client: &Client, include_contacts: bool) -> Result<Vec<Summary>, Failure> {
    let reading = client.reading();
    let mut cases = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = client.request(pb::ListCasesRequest {
            page_size: PAGE,
            page_token,
            include_contacts,
            ..pb::ListCasesRequest::default()
        });
        let listed = service(client).list_cases(request).await;
        let page = listed
            .map_err(|status| client.refused(&status))?
            .into_inner();
        cases.extend(page.cases.into_iter().map(Summary::from));
        reading.set_prefix(cases.len().to_string());
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(cases);
        }
    }
}
