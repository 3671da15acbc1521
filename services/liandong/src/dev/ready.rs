//! What `dev` says once everything serves: addresses, calls to paste, and who may be called as.

mod paste;

use std::collections::BTreeMap;
use std::path::Path;

use directory::reference::ReferenceData;
use domain::directory::Enrolment;
use eventsourcing::Region;
use node::System;
use serde::Serialize;

use crate::failure::Failure;
use crate::output::{self, Lang, Output, Screen};
use crate::reference::roles_of;

pub(super) const JSON: &str = "\
JSON: one line as soon as everything serves: {data, regions: [{region, name_zh, name_en, url,
metrics_url}], organizations: {code: id}, desks: {code: {organization, desk}}, workers: {code:
{person, organization, desk, roles}}}; codes are those of the reference data.";

/// Everything a client needs to begin.
#[derive(Debug, Serialize)]
pub(super) struct Ready {
    data: String,
    regions: Vec<Served>,
    organizations: BTreeMap<String, String>,
    desks: BTreeMap<String, Desk>,
    workers: BTreeMap<String, Worker>,
}

#[derive(Debug, Serialize)]
struct Served {
    region: String,
    name_zh: String,
    name_en: String,
    url: String,
    metrics_url: String,
    /// Calls that work as they stand.
    #[serde(skip)]
    calls: String,
}

#[derive(Debug, Serialize)]
struct Desk {
    organization: String,
    desk: String,
}

#[derive(Debug, Serialize)]
struct Worker {
    person: String,
    organization: String,
    desk: String,
    roles: Vec<&'static str>,
}

impl Ready {
    pub(super) fn new(
        system: &System,
        reference: &ReferenceData,
        data: &Path,
    ) -> Result<Self, Failure> {
        let runs = |region: Region| system.regions().any(|runs| runs == region);
        let organizations = reference.organizations();
        let desks = reference.desks();
        let workers = reference.workers();
        Ok(Self {
            data: data.canonicalize()?.display().to_string(),
            regions: system
                .regions()
                .map(|region| Served::new(reference, region, system.url(region)))
                .collect(),
            organizations: organizations
                .filter(|(_, id)| runs(id.region()))
                .map(|(code, id)| (code.to_owned(), id.to_string()))
                .collect(),
            desks: desks
                .filter(|(_, party)| runs(party.region()))
                .map(|(code, party)| (code.to_owned(), party.into()))
                .collect(),
            workers: workers
                .filter(|(_, worker)| runs(worker.worker.region()))
                .map(|(code, worker)| (code.to_owned(), worker.into()))
                .collect(),
        })
    }

    pub(super) fn tell(&self, screen: Screen) -> Result<(), Failure> {
        match screen.output {
            Output::Json => output::json(self),
            Output::Table => output::line(&self.text(screen.lang)),
        }
    }

    fn text(&self, lang: Lang) -> String {
        let regions = self.regions.iter().map(|served| served.text(lang));
        let (data, verify) = (&self.data, paste::verify(&self.data));
        let end = match lang {
            Lang::Zh => format!(
                "Python（grpcio）：请求带同样三项元数据；接口见 proto/，也可经服务反射获取\n\
                 数据保存在 {data}\n  {verify}\n\
                 全部服务已就绪；按 Ctrl-C 停止"
            ),
            Lang::En => format!(
                "Python (grpcio): send the same three metadata; the API is in proto/, and by reflection\n\
                 The data are kept in {data}\n  {verify}\n\
                 Everything serves; Ctrl-C stops it"
            ),
        };
        regions.collect::<String>() + &end
    }
}

impl Served {
    fn new(reference: &ReferenceData, region: Region, url: String) -> Self {
        let name = reference.region(region).map(|profile| &profile.name);
        Self {
            region: region.to_string(),
            name_zh: name.map(|name| name.zh().to_owned()).unwrap_or_default(),
            name_en: name.map(|name| name.en().to_owned()).unwrap_or_default(),
            metrics_url: format!("{url}/metrics"),
            calls: paste::calls(reference, region, &url),
            url,
        }
    }

    fn text(&self, lang: Lang) -> String {
        let name = lang.pick(&self.name_zh, &self.name_en);
        let (region, url, metrics) = (&self.region, &self.url, &self.metrics_url);
        format!("{region} {name}  {url}  {metrics}\n{}\n", self.calls)
    }
}

impl From<domain::values::Party> for Desk {
    fn from(of: domain::values::Party) -> Self {
        Self {
            organization: of.organization.to_string(),
            desk: of.desk.to_string(),
        }
    }
}

impl From<&Enrolment> for Worker {
    fn from(of: &Enrolment) -> Self {
        Self {
            person: of.worker.to_string(),
            organization: of.organization.to_string(),
            desk: of.desk.to_string(),
            roles: roles_of(of),
        }
    }
}
