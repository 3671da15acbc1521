//! What a person or a program sees: tables, lines, JSON.

use std::io::{self, Write};

use clap::ValueEnum;
use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use crate::failure::Failure;

/// How answers are printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    #[default]
    Table,
    /// For programs: one document a line, and nothing else on standard output.
    Json,
}

/// The language that people read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Lang {
    /// Chinese.
    #[default]
    Zh,
    /// English.
    En,
}

impl Lang {
    pub fn pick<'a>(self, zh: &'a str, en: &'a str) -> &'a str {
        match self {
            Self::Zh => zh,
            Self::En => en,
        }
    }
}

/// A heading of a table, in both languages.
pub(crate) type Heading = (&'static str, &'static str);

/// Where answers go, and how they look there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Screen {
    pub(crate) output: Output,
    pub(crate) lang: Lang,
}

impl Screen {
    /// Prints an answer as the table that `rows` describe, or as JSON.
    pub(crate) fn answer<T: Serialize>(
        self,
        answer: &T,
        headings: &[Heading],
        rows: impl FnOnce(&T) -> Vec<Vec<String>>,
    ) -> Result<(), Failure> {
        match self.output {
            Output::Json => self.json(answer),
            Output::Table => self.line(&self.table(headings, rows(answer))),
        }
    }

    /// One JSON document on one line.
    pub(crate) fn json(self, answer: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string(answer);
        self.line(&text.expect("answers are plain data"))
    }

    /// A line that is seen at once.
    pub(crate) fn line(self, line: &str) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        writeln!(out, "{line}")?;
        Ok(out.flush()?)
    }

    /// Columns without a frame: they can be read, and cut by other programs.
    pub(crate) fn table(self, headings: &[Heading], rows: Vec<Vec<String>>) -> String {
        let mut table = Table::new();
        table
            .load_style(presets::NOTHING)
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_header(headings.iter().map(|(zh, en)| self.lang.pick(zh, en)))
            .add_rows(rows);
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        table.trim_fmt()
    }
}
