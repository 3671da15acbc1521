//! Calls to paste into a shell: with ids that exist, they work as they stand.

use directory::reference::ReferenceData;
use domain::values::Role;
use eventsourcing::Region;
use node::client::new_meta;
use service_runtime::SystemClock;
use service_runtime::grpc::{ORGANIZATION, PERSON, ROLE};

use crate::shell;

/// First calls in a region: record a contact, then see its case.
pub(super) fn calls(reference: &ReferenceData, region: Region, url: &str) -> String {
    let mut workers = reference.workers();
    let somebody = workers.find(|(_, worker)| {
        worker.worker.region() == region && worker.roles.contains(&Role::Worker)
    });
    let Some((code, worker)) = somebody else {
        return String::new();
    };
    let (program, desk) = (shell::program(), worker.desk);
    let (person, organization) = (worker.worker, worker.organization);
    // The same request sent twice records one contact.
    let request = new_meta(&SystemClock).request_id;
    format!(
        "  buf curl --protocol grpc \\\n    \
         -H '{PERSON}: {person}' \\\n    \
         -H '{ORGANIZATION}: {organization}' \\\n    \
         -H '{ROLE}: Worker' \\\n    \
         -d '{{\"meta\":{{\"requestId\":\"{request}\"}},\"deskId\":\"{desk}\",\"channel\":\"CHANNEL_PHONE\",\
         \"line\":\"LINE_YOUTH_HOTLINE\",\"callerRole\":\"CALLER_ROLE_ANONYMOUS\",\
         \"noCase\":{{\"kind\":\"NON_CASE_SILENT\"}}}}' \\\n    \
         {url}/liandong.intake.v1.IntakeService/RecordContact\n  \
         {program} case list --contacts --url {url} --as {code}\n"
    )
}

pub(super) fn verify(data: &str) -> String {
    let (program, data) = (shell::program(), shell::word(data));
    format!("{program} log verify --data {data}")
}
