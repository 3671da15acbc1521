//! A sign of life while something takes long; seen by a person at a terminal, and by nobody else.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressStyle};

const TURNS_EVERY: Duration = Duration::from_millis(100);

/// Turns, with what it waits for, until it is dropped; its prefix may say how much has come.
pub(crate) fn spinner(what: &'static str) -> ProgressBar {
    let target = if std::io::stderr().is_terminal() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let style = ProgressStyle::with_template("{spinner} {msg} {prefix}");
    let spinner = ProgressBar::with_draw_target(None, target)
        .with_style(style.expect("the template is well-formed"))
        .with_message(what)
        .with_finish(ProgressFinish::AndClear);
    spinner.enable_steady_tick(TURNS_EVERY);
    spinner
}
