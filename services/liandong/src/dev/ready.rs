//! What `dev` says once everything serves: addresses, calls to paste, and who may be called as.

use std::collections::BTreeMap;
use std::path::Path;

use directory::reference::ReferenceData;
use domain::directory::Enrolment;
use eventsourcing::Region;
use node::System;
use serde::Serialize;
use service_runtime::grpc::{ORGANIZATION, PERSON, ROLE};

use crate::failure::Failure;
use crate::output::{Lang, Output, Screen};
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
        let served = system
            .regions()
            .map(|region| served(system, reference, region));
        let organizations = reference
            .organizations()
            .filter(|(_, id)| runs(id.region()));
        let desks = reference.desks().filter(|(_, party)| runs(party.region()));
        let workers = reference
            .workers()
            .filter(|(_, it)| runs(it.worker.region()));
        Ok(Self {
            data: data.canonicalize()?.display().to_string(),
            regions: served.collect(),
            organizations: organizations
                .map(|(code, id)| (code.to_owned(), id.to_string()))
                .collect(),
            desks: desks
                .map(|(code, party)| {
                    let desk = Desk {
                        organization: party.organization.to_string(),
                        desk: party.desk.to_string(),
                    };
                    (code.to_owned(), desk)
                })
                .collect(),
            workers: workers
                .map(|(code, it)| (code.to_owned(), worker(it)))
                .collect(),
        })
    }

    pub(super) fn tell(&self, screen: Screen) -> Result<(), Failure> {
        match screen.output {
            Output::Json => screen.json(self),
            Output::Table => screen.line(&self.text(screen.lang)),
        }
    }

    fn text(&self, lang: Lang) -> String {
        let program = std::env::args()
            .next()
            .unwrap_or_else(|| "liandong".to_owned());
        let mut text = String::new();
        for served in &self.regions {
            text += &served.text(lang);
            if let Some((code, worker)) = self.somebody_of(served) {
                text += &calls(&program, served, code, worker);
            }
        }
        let data = &self.data;
        text += &match lang {
            Lang::Zh => format!(
                "\nPython（grpcio）：grpc.insecure_channel(\"127.0.0.1:…\")，请求带上述三项元数据；接口见 proto/，也可经服务反射获取\n\
                 数据保存在 {data}\n  {program} log verify --data {data}\n\
                 全部服务已就绪；按 Ctrl-C 停止"
            ),
            Lang::En => format!(
                "\nPython (grpcio): grpc.insecure_channel(\"127.0.0.1:…\") and the same three metadata; \
                 the API is in proto/, and by server reflection\n\
                 The data are kept in {data}\n  {program} log verify --data {data}\n\
                 Everything serves; Ctrl-C stops it"
            ),
        };
        text
    }

    /// Somebody to make the first calls as.
    fn somebody_of(&self, served: &Served) -> Option<(&str, &Worker)> {
        let somebody = self.workers.iter().find(|(_, worker)| {
            worker.person.starts_with(&served.region) && worker.roles.contains(&"Worker")
        });
        somebody.map(|(code, worker)| (code.as_str(), worker))
    }
}

impl Served {
    fn text(&self, lang: Lang) -> String {
        let name = lang.pick(&self.name_zh, &self.name_en);
        let (region, url, metrics) = (&self.region, &self.url, &self.metrics_url);
        format!("\n{region} {name}  {url}  {metrics}\n")
    }
}

fn served(system: &System, reference: &ReferenceData, region: Region) -> Served {
    let name = reference.region(region).map(|profile| &profile.name);
    let url = system.url(region);
    Served {
        region: region.to_string(),
        name_zh: name.map(|name| name.zh().to_owned()).unwrap_or_default(),
        name_en: name.map(|name| name.en().to_owned()).unwrap_or_default(),
        metrics_url: format!("{url}/metrics"),
        url,
    }
}

fn worker(enrolment: &Enrolment) -> Worker {
    Worker {
        person: enrolment.worker.to_string(),
        organization: enrolment.organization.to_string(),
        desk: enrolment.desk.to_string(),
        roles: roles_of(enrolment),
    }
}

/// Calls that work as they stand.
fn calls(program: &str, served: &Served, code: &str, worker: &Worker) -> String {
    let url = &served.url;
    let Worker {
        person,
        organization,
        ..
    } = worker;
    format!(
        "  {program} case list --url {url} --as {code}\n  \
         buf curl --protocol grpc --http2-prior-knowledge -d '{{}}' \\\n    \
         -H '{PERSON}: {person}' \\\n    \
         -H '{ORGANIZATION}: {organization}' \\\n    \
         -H '{ROLE}: Worker' \\\n    \
         {url}/liandong.timeline.v1.TimelineService/ListCases\n"
    )
}
