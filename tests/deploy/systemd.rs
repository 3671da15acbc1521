//! The units, verified by systemd itself.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::{names, processes, text};

/// What exposes a service at most, of 100: systemd's own sum of what a unit leaves open.
const EXPOSED_AT_MOST: u8 = 25;

/// Runs `systemd-analyze`; gives whether it was content, and all it said.
fn analyze(arguments: &[&str], unit: &Path) -> (bool, String) {
    let ran = Command::new("systemd-analyze")
        .args(arguments)
        .arg(unit)
        .output()
        .unwrap_or_else(|error| {
            panic!("systemd-analyze: {error}; on Debian: apt-get install systemd")
        });
    let said = [ran.stdout, ran.stderr].concat();
    (
        ran.status.success(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

/// Writes the units below `dir` as they would be installed, the template once for each process, with
/// programs that are on every machine in place of ours.
fn install(dir: &Path) -> Vec<String> {
    let write = |unit: &str, text: String| {
        let text = text
            .replace("/usr/bin/liandong", "/bin/sh")
            .replace("/usr/bin/nats-server", "/bin/sh")
            .replace(
                "file:/usr/share/doc/liandong/README.md",
                "https://example.org/",
            );
        fs::write(dir.join(unit), text).expect("the test's directory takes files");
        unit.to_owned()
    };
    let mut units = vec![
        write("nats-server.service", text("systemd/nats-server.service")),
        write("liandong.target", text("systemd/liandong.target")),
    ];
    for process in processes() {
        let unit = format!("liandong@{process}.service");
        units.push(write(&unit, text("systemd/liandong@.service")));
        let folder = format!("{unit}.d");
        if !names("systemd").contains(&folder) {
            continue;
        }
        fs::create_dir_all(dir.join(&folder)).expect("the test's directory takes files");
        for name in names(&format!("systemd/{folder}")) {
            let text = text(&format!("systemd/{folder}/{name}"));
            write(&format!("{folder}/{name}"), text);
        }
    }
    units
}

#[test]
fn systemd_finds_nothing_wrong_with_the_units() {
    let dir = tempfile::tempdir().unwrap();
    for unit in install(dir.path()) {
        let (content, said) = analyze(&["verify", "--man=no"], &dir.path().join(&unit));
        let ours: Vec<&str> = said
            .lines()
            .filter(|line| line.contains("liandong") || line.contains("nats-server"))
            .collect();
        assert!(content && ours.is_empty(), "{unit}: {said}");
    }
}

#[test]
fn a_unit_with_a_misspelt_setting_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let unit = text("systemd/nats-server.service").replace("PrivateTmp=", "PrivateTemp=");
    let path = dir.path().join("nats-server.service");
    fs::write(&path, unit).unwrap();
    let (_, said) = analyze(&["verify", "--man=no"], &path);
    assert!(said.contains("PrivateTemp"), "{said}");
}

#[test]
fn the_units_leave_little_open() {
    let dir = tempfile::tempdir().unwrap();
    let units = install(dir.path());
    for unit in units.iter().filter(|unit| unit.ends_with(".service")) {
        let threshold = format!("--threshold={EXPOSED_AT_MOST}");
        let arguments = ["security", "--offline=true", "--no-pager", &threshold];
        let (content, said) = analyze(&arguments, &dir.path().join(unit));
        assert!(content, "{unit}: {said}");
    }
}

#[test]
fn the_units_start_commands_of_the_program_and_the_target_starts_them_all() {
    let target = text("systemd/liandong.target");
    let template = text("systemd/liandong@.service");
    for process in processes() {
        let unit = format!("liandong@{process}.service");
        assert!(target.contains(&unit), "{unit}");
        let own = format!("systemd/{unit}.d");
        let own = names("systemd")
            .contains(&format!("{unit}.d"))
            .then(|| {
                names(&own)
                    .into_iter()
                    .map(|name| text(&format!("{own}/{name}")))
            })
            .into_iter()
            .flatten();
        // The last one is in force.
        let commands: Vec<String> = [template.clone()]
            .into_iter()
            .chain(own)
            .flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>())
            .filter_map(|line| Some(line.strip_prefix("ExecStart=")?.replace("%i", process)))
            .collect();
        let command = commands.last().expect("it starts something");
        let words: Vec<&str> = command.split_whitespace().collect();
        assert_eq!(words[0], "/usr/bin/liandong");
        liandong::check(&words).unwrap_or_else(|error| panic!("{command}: {error}"));
        let settings = format!("/etc/liandong/{process}.toml");
        assert_eq!(words[1..5], ["serve", process, "--config", &settings]);
    }
}
