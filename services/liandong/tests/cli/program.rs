//! Running the program, and reading what it says.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// The program in English, with nothing of the machine's own settings.
pub(crate) fn liandong(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_liandong"));
    for name in ["URL", "PERSON", "ORGANIZATION", "ROLE"] {
        command.env_remove(format!("LIANDONG_{name}"));
    }
    command.args(["--lang", "en"]).args(args);
    command.stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// What the program did.
pub(crate) struct Done {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

pub(crate) fn run(args: &[&str]) -> Done {
    done(liandong(args).output().unwrap())
}

pub(crate) fn done(output: Output) -> Done {
    Done {
        code: output.status.code().expect("no signal ended it"),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Runs a call as somebody would who pastes it into a shell; `buf` is the one that `tests/run` fetches.
pub(crate) fn pasted(call: &str) -> Done {
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/python/bin/buf");
    let buf = env::var_os("LIANDONG_BUF").map_or(tools, PathBuf::from);
    assert!(
        buf.exists() || !call.starts_with("buf"),
        "{} is missing: run tests/run once, it fetches it",
        buf.display()
    );
    let mut path = buf.parent().unwrap().as_os_str().to_owned();
    path.push(":");
    path.push(env::var_os("PATH").unwrap_or_default());
    let mut shell = Command::new("sh");
    shell.args(["-c", call]).env("PATH", path);
    done(shell.output().unwrap())
}

impl Done {
    /// The one JSON document on standard output.
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.out.lines().count(), 1, "{}{}", self.out, self.err);
        serde_json::from_str(&self.out).unwrap()
    }

    /// Fails with this code and one line on standard error, which names all of these.
    pub(crate) fn fails(&self, code: i32, naming: &[&str]) {
        assert_eq!((self.code, self.out.as_str()), (code, ""), "{}", self.err);
        assert_eq!(self.err.lines().count(), 1, "{}", self.err);
        for name in naming {
            assert!(self.err.contains(name), "{name} is not in: {}", self.err);
        }
    }
}
