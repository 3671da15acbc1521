//! Reference data: the file this program carries, or another one; and who its workers are.

use std::path::Path;
use std::sync::Arc;

use directory::reference::ReferenceData;
use domain::directory::Enrolment;
use domain::values::Term;
use eventsourcing::Clock;
use node::System;
use node::client::Caller;

use crate::failure::Failure;

/// Who exists in the demo and in a first installation.
pub const CHINA: &str = include_str!("../../../deploy/reference/china.toml");

/// The reference data of a file, or those that this program carries.
///
/// # Errors
/// If the file cannot be read; says where and why.
pub fn read(file: Option<&Path>) -> Result<ReferenceData, Failure> {
    let read = match file {
        Some(file) => ReferenceData::read(file),
        None => CHINA.parse(),
    };
    read.map_err(|error| {
        Failure::misused(format!(
            "{error}; name a file like deploy/reference/china.toml"
        ))
    })
}

/// Brings the reference data of each region of the system into its directory's log.
///
/// What the rules refuse is left out and said in the program's log.
///
/// # Errors
/// If a log does not take an entry.
pub async fn load(
    reference: &ReferenceData,
    system: &System,
    clock: &Arc<dyn Clock>,
) -> Result<(), Failure> {
    let loaded = reference.load_all(system.logs(), clock).await;
    let loaded = loaded.map_err(|error| {
        Failure::failed(format!("{error}; run `liandong log verify` on the data"))
    })?;
    for (region, loaded) in loaded {
        for refused in loaded.refused {
            tracing::warn!(%region, entry = refused.entry, why = %refused.why.en, "not loaded");
        }
    }
    Ok(())
}

/// The worker of a code such as `sh-worker`, acting in a role they have: the one after `/`, or the
/// first.
///
/// # Errors
/// If there is no such worker, or they do not have the role.
pub fn caller(reference: &ReferenceData, code: &str) -> Result<Caller, Failure> {
    let (code, role) = code
        .split_once('/')
        .map_or((code, None), |(code, role)| (code, Some(role)));
    let Some(worker) = reference.worker(code) else {
        let known: Vec<&str> = reference.workers().map(|(code, _)| code).collect();
        let known = known.join(", ");
        return Err(Failure::misused(format!(
            "the reference data have no worker `{code}`; use one of {known}"
        )));
    };
    let mut roles = worker.roles.iter();
    let role = match role {
        None => roles.next(),
        Some(role) => roles.find(|has| has.name() == role),
    };
    role.and_then(|role| reference.caller(code, *role))
        .ok_or_else(|| {
            let roles = roles_of(worker).join(", ");
            Failure::misused(format!(
                "the worker `{code}` does not have this role; use one of {roles}"
            ))
        })
}

/// The names of a worker's roles.
pub(crate) fn roles_of(worker: &Enrolment) -> Vec<&'static str> {
    worker.roles.iter().map(|role| role.name()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_acts_in_the_role_asked_for_or_in_the_first() {
        let reference = read(None).unwrap();
        assert_eq!(caller(&reference, "central-duty").unwrap().role, "Worker");
        let supervisor = caller(&reference, "central-duty/Supervisor").unwrap();
        assert_eq!(supervisor.role, "Supervisor");
        assert!(supervisor.person.starts_with("100000-"));
    }

    #[test]
    fn a_worker_or_role_that_is_not_there_is_refused_with_those_that_are() {
        let reference = read(None).unwrap();
        let Err(Failure::Misused(said)) = caller(&reference, "nobody") else {
            panic!("nobody is somebody");
        };
        assert!(said.contains("sh-worker"), "{said}");
        let Err(Failure::Misused(said)) = caller(&reference, "sh-worker/Supervisor") else {
            panic!("a worker is a supervisor");
        };
        assert!(said.contains("use one of Worker"), "{said}");
    }
}
