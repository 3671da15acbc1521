//! Words with a mark in them go in by every door; the mark is found nowhere.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use proto::intake::v1 as pb;
use proto::intake::v1::record_contact_request::Matter;
use proto::types::v1::{self as types, RiskLevel};
use tracing_subscriber::fmt::MakeWriter;

use crate::fixture::{Carries, Fixture};

const MARK: &str = "标记词柒捌玖mark";

fn marked(what: &str) -> String {
    format!("{what}{MARK}")
}

/// Log lines, as far as they would be written at the finest level.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn contain(&self, text: &str) -> bool {
        contains(&self.0.lock().unwrap(), text)
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}

/// The files below `root` that contain the text.
fn files_with(root: &Path, text: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_with(&path, text));
        } else if contains(&fs::read(&path).unwrap(), text) {
            found.push(path);
        }
    }
    found
}

async fn say_everything(desk: &mut Fixture) -> String {
    let worker = desk.worker();
    let mut call = desk.call();
    call.number = marked("号码");
    call.channel = pb::Channel::ForwardedCall.into();
    call.original_number = marked("原始号码");
    call.caller_role = pb::CallerRole::School.into();
    call.caller_identity = marked("来电人");
    if let Some(Matter::Concern(concern)) = &mut call.matter {
        concern.narrative = marked("叙述");
        concern.subject.as_mut().unwrap().identity = marked("当事人");
    }
    let answer = desk.client.record_contact(worker.request(call)).await;
    let intake_id = answer.unwrap().result().id;
    let triage = pb::TriageIntakeRequest {
        meta: desk.meta(),
        intake_id: intake_id.clone(),
        assessment: Some(pb::Assessment {
            summary: marked("摘要"),
            note: marked("备注"),
            ..Fixture::assessment(RiskLevel::Immediate)
        }),
    };
    desk.client
        .triage_intake(worker.request(triage))
        .await
        .unwrap();
    let plan = pb::PlanCallbackRequest {
        meta: desk.meta(),
        intake_id: intake_id.clone(),
        number: marked("回拨号码"),
        from: desk.in_minutes(0),
        until: desk.in_minutes(60),
    };
    desk.client
        .plan_callback(worker.request(plan))
        .await
        .unwrap();
    let attempt = pb::RecordCallbackAttemptRequest {
        meta: desk.meta(),
        intake_id: intake_id.clone(),
        outcome: pb::CallbackOutcome::ThirdPartyAnswered.into(),
        note: marked("他人接听"),
    };
    let request = worker.request(attempt);
    desk.client.record_callback_attempt(request).await.unwrap();
    let basis = pb::RecordLegalBasisRequest {
        meta: desk.meta(),
        intake_id: intake_id.clone(),
        basis: types::DisclosureBasis::Emergency.into(),
        reason: marked("理由"),
    };
    desk.client
        .record_legal_basis(worker.request(basis))
        .await
        .unwrap();
    let none = pb::NoMatter {
        kind: pb::NonCase::Abusive.into(),
        note: marked("骚扰"),
    };
    let nothing = pb::RecordContactRequest {
        matter: Some(Matter::NoCase(none)),
        ..desk.call()
    };
    desk.client
        .record_contact(worker.request(nothing))
        .await
        .unwrap();
    intake_id
}

/// What the service answers to the same words where they are refused.
async fn refusals(desk: &mut Fixture, intake_id: &str) -> String {
    let supervisor = desk.supervisor();
    let long = marked("长").repeat(2_000);
    let mut answers = Vec::new();
    for reason in [marked("理由"), long.clone()] {
        let lift = pb::LiftSafetyMarkRequest {
            meta: desk.meta(),
            intake_id: intake_id.to_owned(),
            mark: pb::SafetyMark::NeverTellGuardian.into(),
            reason,
        };
        let refused = desk.client.lift_safety_mark(supervisor.request(lift)).await;
        answers.push(refused.unwrap_err());
    }
    // Words where an id or a region belongs.
    let mut misplaced = desk.call();
    misplaced.desk_id = marked("310000-");
    let refused = desk
        .client
        .record_contact(supervisor.request(misplaced))
        .await;
    answers.push(refused.unwrap_err());
    let mut misplaced = desk.call();
    if let Some(Matter::Concern(concern)) = &mut misplaced.matter {
        concern.subject.as_mut().unwrap().lives_in = marked("370200");
    }
    let refused = desk
        .client
        .record_contact(supervisor.request(misplaced))
        .await;
    answers.push(refused.unwrap_err());
    let said = answers.iter().map(|status| {
        let details = String::from_utf8_lossy(status.details());
        format!("{status:?} {details}\n")
    });
    said.collect()
}

#[tokio::test]
async fn what_people_say_stands_nowhere_in_the_clear() {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::DEBUG)
        .with_writer(lines.clone())
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();

    let mut desk = Fixture::start().await;
    let intake_id = say_everything(&mut desk).await;
    let answers = refusals(&mut desk, &intake_id).await;
    let seen = desk.get(&intake_id).await;
    tracing::info!(%intake_id, "looked for");
    desk.settle().await;

    // What is looked for in this way is found where it is.
    let with_id = files_with(desk.root(), &intake_id);
    assert!(
        with_id
            .iter()
            .any(|file| file.extension() == Some("seg".as_ref())),
        "{with_id:?}"
    );
    assert!(lines.contain(&intake_id));
    assert!(answers.contains("desk_id"));

    assert_eq!(files_with(desk.root(), MARK), Vec::<PathBuf>::new());
    assert!(!lines.contain(MARK), "a log line has it");
    assert!(!answers.contains(MARK), "an error has it: {answers}");
    assert!(!format!("{seen:?}").contains(MARK), "an answer has it");
    let root = desk.stop().await;
    assert_eq!(files_with(root.path(), MARK), Vec::<PathBuf>::new());
}
