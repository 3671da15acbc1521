//! Brings the entries of one region into its log.

use std::sync::Arc;

use domain::directory::{
    CONTEXT, Desk, DeskCommand, DeskProfile, Enrolment, Organization, OrganizationCommand,
    OrganizationProfile, Place, REFERENCE_DATA, RegionCommand, RegionEntry, RegionProfile,
    RuleBook, RuleBookCommand, RuleSet, Worker, WorkerCommand,
};
use eventsourcing::{
    Actor, Aggregate, Clock, CommandError, CommandHandler, EventLog, Hash, HybridClock, Region,
    Rejected, RequestContext, ScopedId, StreamId, Version, fold,
};
use serde::Serialize;
use uuid::Uuid;

use super::{NAMESPACE, ReferenceData};

/// What came of loading.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Loaded {
    /// How many entries were recorded now.
    pub recorded: usize,
    /// How many stand in the directory as the file has them.
    pub unchanged: usize,
    /// Entries that were loaded before and have been changed by people since: that stands.
    pub changed_since: Vec<String>,
    /// Entries that the rules refuse.
    pub refused: Vec<Refused>,
}

/// An entry that the rules refuse, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    pub entry: String,
    pub why: Rejected,
}

#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("the reference data have no region {0}")]
    UnknownRegion(Region),
    #[error("the entry `{entry}` could not be recorded: {cause}")]
    NotRecorded { entry: String, cause: CommandError },
}

impl ReferenceData {
    /// Records what the directory of the handler's region does not have yet.
    pub async fn load(&self, handler: &CommandHandler) -> Result<Loaded, LoadError> {
        let region = handler.log().id().region;
        let entries = self.of(region).ok_or(LoadError::UnknownRegion(region))?;
        let mut loading = Loading {
            handler,
            loaded: Loaded::default(),
        };
        loading.region(&entries.profile).await?;
        if let Some(rules) = &entries.rules {
            loading.rules(region, rules).await?;
        }
        for entry in &entries.organizations {
            loading.organization(&entry.code, &entry.content).await?;
        }
        for entry in &entries.desks {
            loading.desk(&entry.code, &entry.content).await?;
        }
        for entry in &entries.workers {
            loading.worker(&entry.code, &entry.content).await?;
        }
        Ok(loading.loaded)
    }

    /// Loads every region whose directory is among these logs.
    pub async fn load_all(
        &self,
        logs: impl IntoIterator<Item = Arc<dyn EventLog>>,
        clock: &Arc<dyn Clock>,
    ) -> Result<Vec<(Region, Loaded)>, LoadError> {
        let mut all = Vec::new();
        let directories = logs.into_iter().filter(|log| log.id().context == CONTEXT);
        for log in directories {
            let region = log.id().region;
            let order = Arc::new(HybridClock::new(clock.clone()));
            let loaded = self.load(&CommandHandler::new(log, order)).await?;
            all.push((region, loaded));
        }
        Ok(all)
    }
}

struct Loading<'a> {
    handler: &'a CommandHandler,
    loaded: Loaded,
}

impl Loading<'_> {
    async fn region(&mut self, profile: &RegionProfile) -> Result<(), LoadError> {
        let id = RegionEntry::id(profile.region);
        let entry = profile.region.to_string();
        self.bring::<RegionEntry, _>(&entry, id, profile, |state| {
            let there = state.profile() == Some(profile);
            (!there).then(|| RegionCommand::Register(profile.clone()))
        })
        .await
    }

    async fn rules(&mut self, region: Region, rules: &Arc<RuleSet>) -> Result<(), LoadError> {
        let id = RuleBook::id(region).0;
        let entry = format!("rules {}", rules.version);
        self.bring::<RuleBook, _>(&entry, id, rules, |state| {
            let there = state.in_force() == Some(rules);
            (!there).then(|| RuleBookCommand::Publish {
                region,
                rules: Arc::clone(rules),
            })
        })
        .await
    }

    async fn organization(
        &mut self,
        code: &str,
        profile: &OrganizationProfile,
    ) -> Result<(), LoadError> {
        let id = profile.organization.0;
        self.bring::<Organization, _>(code, id, profile, |state| {
            let there = state.profile() == Some(profile);
            (!there).then(|| OrganizationCommand::Register {
                profile: profile.clone(),
                // The file was checked: it has each organization that another one names.
                parent_known: true,
            })
        })
        .await
    }

    async fn desk(&mut self, code: &str, profile: &DeskProfile) -> Result<(), LoadError> {
        self.bring::<Desk, _>(code, profile.desk.0, profile, |state| {
            let there = matches!(state, Desk::Open { profile: known, .. } if known == profile);
            (!there).then(|| DeskCommand::Open {
                profile: profile.clone(),
                // The file was checked: each desk stands below its organization.
                organization_known: true,
            })
        })
        .await
    }

    async fn worker(&mut self, code: &str, enrolment: &Enrolment) -> Result<(), LoadError> {
        self.bring::<Worker, _>(code, enrolment.worker.0, enrolment, |state| {
            worker_command(state, enrolment)
        })
        .await
    }

    /// Commands what `wanted` finds missing, and takes down what came of it.
    async fn bring<A: Aggregate, C: Serialize>(
        &mut self,
        entry: &str,
        id: ScopedId,
        content: &C,
        wanted: impl Fn(&A) -> Option<A::Command>,
    ) -> Result<(), LoadError> {
        let stream = StreamId::new(A::KIND, id);
        let not_recorded = |cause| LoadError::NotRecorded {
            entry: entry.to_owned(),
            cause,
        };
        let state: A = self.state(&stream).await.map_err(not_recorded)?;
        let Some(command) = wanted(&state) else {
            self.loaded.unchanged += 1;
            return Ok(());
        };
        let request = request(&stream, content);
        match self.handler.handle::<A>(id, command, &request).await {
            Ok(answer) if answer.repeated => self.loaded.changed_since.push(entry.to_owned()),
            Ok(_) => self.loaded.recorded += 1,
            Err(CommandError::Rejected(why)) => self.loaded.refused.push(Refused {
                entry: entry.to_owned(),
                why,
            }),
            Err(error) => return Err(not_recorded(error)),
        }
        Ok(())
    }

    async fn state<A: Aggregate>(&self, stream: &StreamId) -> Result<A, CommandError> {
        let history = self.handler.log().read(stream, Version(1)).await?;
        Ok(fold(&history)?)
    }
}

fn worker_command(state: &Worker, enrolment: &Enrolment) -> Option<WorkerCommand> {
    match state {
        Worker::Working(known) if known == enrolment => None,
        Worker::Working(known) if known.desk == enrolment.desk => {
            Some(WorkerCommand::ChangeRoles {
                worker: enrolment.worker,
                roles: enrolment.roles.clone(),
            })
        }
        Worker::Unknown | Worker::Working(_) | Worker::Left(_) => Some(WorkerCommand::Enrol {
            enrolment: enrolment.clone(),
            // The file was checked: each worker stands below their organization and its desks.
            place: Place::Known,
        }),
    }
}

/// The request of an entry: the same for the same content, however often it is loaded.
fn request(stream: &StreamId, content: &impl Serialize) -> RequestContext {
    let content = serde_json::to_vec(content).expect("entries are plain data");
    let digest = Hash::of(&content);
    RequestContext {
        id: Uuid::new_v5(&NAMESPACE, format!("{stream} {digest}").as_bytes()),
        digest,
        actor: Actor::system(REFERENCE_DATA, "1"),
        on_behalf_of: None,
        etag: None,
        validate_only: false,
        occurred_at: None,
        case: None,
        cause: None,
        traceparent: None,
    }
}
