//! Words with a mark in them go in by every door; the mark is found nowhere.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use domain::intake::transitions::CommandKind;
use domain::values::Term;
use proto::intake::v1 as pb;
use proto::intake::v1::record_contact_request::Matter;
use tracing_subscriber::fmt::MakeWriter;

use crate::asked::{Asked, giver, ready};
use crate::contract::texts;
use crate::fixture::Fixture;

const MARK: &str = "标记词柒捌玖mark";

fn marked(what: &str) -> String {
    format!("{what}{MARK}")
}

/// Log lines, as far as they would be written at the finest level.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn contain(&self, form: &[u8]) -> bool {
        contains(&self.0.lock().unwrap(), form)
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

fn contains(bytes: &[u8], form: &[u8]) -> bool {
    bytes.windows(form.len()).any(|window| window == form)
}

/// The files below `root` that contain these bytes.
fn files_with(root: &Path, form: &[u8]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_with(&path, form));
        } else if contains(&fs::read(&path).unwrap(), form) {
            found.push(path);
        }
    }
    found
}

/// The forms in which words could stand somewhere: as they are, and as programs write them.
fn forms(text: &str) -> Vec<(&'static str, Vec<u8>)> {
    let mut json = String::new();
    for unit in text.encode_utf16() {
        write!(json, "\\u{unit:04x}").unwrap();
    }
    let mut forms = vec![
        ("in the clear", text.as_bytes().to_vec()),
        (
            "as JSON",
            json.to_ascii_uppercase().replace("\\U", "\\u").into_bytes(),
        ),
        ("as JSON", json.into_bytes()),
        ("as hex", hex::encode(text).into_bytes()),
        ("as hex", hex::encode_upper(text).into_bytes()),
    ];
    // What stands before a text shifts its base64; the letters at both ends depend on its neighbours.
    for shift in 0..3 {
        let begins = text.len().min((3 - shift) % 3);
        let whole = (text.len() - begins) / 3 * 3;
        let inner = &text.as_bytes()[begins..begins + whole];
        forms.push(("as base64", base64(inner)));
    }
    forms
}

fn base64(bytes: &[u8]) -> Vec<u8> {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let letter = |bits: u32| LETTERS[usize::try_from(bits & 63).unwrap()];
    let threes = bytes.chunks_exact(3).flat_map(|three| {
        let bits = three
            .iter()
            .fold(0, |bits, byte| bits << 8 | u32::from(*byte));
        [
            letter(bits >> 18),
            letter(bits >> 12),
            letter(bits >> 6),
            letter(bits),
        ]
    });
    threes.collect()
}

/// Puts the mark into every text of a request; which fields these are, as the contract names them.
fn plant(asked: &mut Asked) -> Vec<&'static str> {
    match asked {
        Asked::RecordContact(asked) => {
            asked.channel = pb::Channel::ForwardedCall.into();
            asked.caller_role = pb::CallerRole::School.into();
            asked.number = marked("号码");
            asked.original_number = marked("原始号码");
            asked.caller_identity = marked("来电人");
            let of_contact = [
                "RecordContactRequest.number",
                "RecordContactRequest.original_number",
                "RecordContactRequest.caller_identity",
            ];
            let of_matter = match asked.matter.as_mut().unwrap() {
                Matter::Concern(concern) => {
                    concern.narrative = marked("叙述");
                    concern.subject.as_mut().unwrap().identity = marked("当事人");
                    vec!["Concern.narrative", "Subject.identity"]
                }
                Matter::NoCase(nothing) => {
                    nothing.note = marked("骚扰");
                    vec!["NoMatter.note"]
                }
            };
            [of_contact.to_vec(), of_matter].concat()
        }
        Asked::DescribeSubject(asked) => {
            asked.subject.as_mut().unwrap().identity = marked("当事人");
            vec!["Subject.identity"]
        }
        Asked::TriageIntake(asked) => assess(&mut asked.assessment),
        Asked::ReassessIntake(asked) => assess(&mut asked.assessment),
        Asked::TellEmergencyService(asked) => {
            asked.note = marked("通报");
            vec!["TellEmergencyServiceRequest.note"]
        }
        Asked::MarkSafety(asked) => {
            asked.note = marked("提示");
            vec!["MarkSafetyRequest.note"]
        }
        Asked::LiftSafetyMark(asked) => {
            asked.reason = marked("理由");
            vec!["LiftSafetyMarkRequest.reason"]
        }
        Asked::RecordConsent(asked) => {
            asked.note = marked("同意");
            vec!["RecordConsentRequest.note"]
        }
        Asked::RecordLegalBasis(asked) => {
            asked.reason = marked("依据");
            vec!["RecordLegalBasisRequest.reason"]
        }
        Asked::PlanCallback(asked) => {
            asked.number = marked("回拨号码");
            vec!["PlanCallbackRequest.number"]
        }
        Asked::RecordCallbackAttempt(asked) => {
            asked.note = marked("他人接听");
            vec!["RecordCallbackAttemptRequest.note"]
        }
        Asked::OpenCase(_) => vec![],
        Asked::ProposeReferral(asked) => {
            asked.reason = marked("转介");
            vec!["ProposeReferralRequest.reason"]
        }
        Asked::EndWithoutCase(asked) => {
            asked.note = marked("结束");
            vec!["EndWithoutCaseRequest.note"]
        }
        Asked::KeepCaseHere(asked) => {
            asked.note = marked("办理");
            vec!["KeepCaseHereRequest.note"]
        }
    }
}

fn assess(assessment: &mut Option<pb::Assessment>) -> Vec<&'static str> {
    let assessment = assessment.as_mut().unwrap();
    assessment.summary = marked("摘要");
    assessment.note = marked("备注");
    vec!["Assessment.summary", "Assessment.note"]
}

/// Gives every command with the mark in all of its texts; the last intake, and what was planted where.
async fn say_everything(desk: &mut Fixture) -> (String, BTreeSet<String>) {
    let mut planted = BTreeSet::new();
    let mut last = String::new();
    let mut client = desk.client.clone();
    for kind in CommandKind::ALL.iter().copied() {
        let (id, _) = ready(desk, kind).await;
        let Some(good) = Asked::good(kind, desk, &id) else {
            continue;
        };
        let mut requests = vec![good];
        if kind == CommandKind::RecordContact {
            let (kind, note) = (pb::NonCase::Abusive.into(), String::new());
            let matter = Some(Matter::NoCase(pb::NoMatter { kind, note }));
            let nothing = pb::RecordContactRequest {
                matter,
                ..desk.call()
            };
            requests.push(Asked::RecordContact(Box::new(nothing)));
        }
        let who = giver(kind, desk);
        for mut asked in requests {
            planted.extend(plant(&mut asked).into_iter().map(str::to_owned));
            asked.send(&mut client, Some(&who)).await.unwrap();
        }
        last = id;
    }
    (last, planted)
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
    let (intake_id, planted) = say_everything(&mut desk).await;
    assert_eq!(
        planted,
        texts(),
        "every text of the contract has the mark in it"
    );
    let answers = refusals(&mut desk, &intake_id).await;
    let seen = format!("{:?}", desk.get(&intake_id).await);
    tracing::info!(%intake_id, "looked for");
    desk.settle().await;

    // What is looked for in this way is found where it is.
    let with_id = files_with(desk.root(), intake_id.as_bytes());
    assert!(
        with_id
            .iter()
            .any(|file| file.extension() == Some("seg".as_ref())),
        "{with_id:?}"
    );
    assert!(lines.contain(intake_id.as_bytes()));
    assert!(answers.contains("desk_id"));

    for (how, form) in forms(MARK) {
        let found = files_with(desk.root(), &form);
        assert_eq!(found, Vec::<PathBuf>::new(), "{how}");
        assert!(!lines.contain(&form), "a log line has it {how}");
        assert!(
            !contains(answers.as_bytes(), &form),
            "an error has it {how}"
        );
        assert!(!contains(seen.as_bytes(), &form), "an answer has it {how}");
    }
    let root = desk.stop().await;
    for (how, form) in forms(MARK) {
        let found = files_with(root.path(), &form);
        assert_eq!(found, Vec::<PathBuf>::new(), "{how}");
    }
}

#[test]
fn the_mark_is_found_however_it_is_written_and_wherever_it_begins() {
    assert_eq!(base64("联动。".as_bytes()), b"6IGU5Yqo44CC");
    for before in ["", "a", "ab", "abc"] {
        let mut text = format!("{before}{MARK}zz");
        text.push_str(&"z".repeat((3 - text.len() % 3) % 3));
        let written = base64(text.as_bytes());
        let found = forms(MARK)
            .into_iter()
            .filter(|(how, form)| *how == "as base64" && contains(&written, form));
        assert_eq!(found.count(), 1, "after {before:?}");
    }
}
