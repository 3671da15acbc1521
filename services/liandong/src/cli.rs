//! The command line, at a glance; the arguments of each command stand with the command.

use clap::{Parser, Subcommand};

use crate::case::CaseCommand;
use crate::client::ClientArgs;
use crate::demo::DemoArgs;
use crate::dev::DevArgs;
use crate::log::LogCommand;
use crate::output::{Lang, Output};
use crate::parked::ParkedCommand;
use crate::serve::ServeArgs;
use crate::up::UpArgs;

/// Liandong 联动: regional 12355 desks hand a young person's case to each other and follow it up.
///
/// Exit codes: 0 done; 1 it did not work, or what was checked is not whole; 2 wrong usage.
/// Answers go to standard output, everything else to standard error.
#[derive(Debug, Parser)]
#[command(name = "liandong", version, arg_required_else_help = true)]
pub(crate) struct Cli {
    /// How answers are printed: tables for people, JSON with stable field names for programs
    #[arg(short, long, value_enum, default_value_t, global = true)]
    pub(crate) output: Output,

    /// The language of terms, timeline sentences and refusals
    #[arg(long, value_enum, default_value_t, global = true)]
    pub(crate) lang: Lang,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Play a case live, from Shanghai to Qingdao, and show its timeline; nothing to set up
    Demo(DemoArgs),

    /// Run all services of some regions in this process, on loopback, until Ctrl-C
    Dev(DevArgs),

    /// Run regions as they are run for real: every service a process, speaking through NATS
    Up(UpArgs),

    /// Run one service of one region in this process, or the gateway before its services
    #[command(arg_required_else_help = true)]
    Serve(ServeArgs),

    /// Read cases: list, show, timeline, watch, replay
    #[command(arg_required_else_help = true)]
    Case {
        #[command(flatten)]
        client: ClientArgs,
        #[command(subcommand)]
        command: CaseCommand,
    },

    /// Look at cases that a policy could not act on, and decide about them (administrators)
    #[command(arg_required_else_help = true)]
    Parked {
        #[command(flatten)]
        client: ClientArgs,
        #[command(subcommand)]
        command: ParkedCommand,
    },

    /// Check logs by their files, beside a running service or without one
    #[command(arg_required_else_help = true)]
    Log {
        #[command(subcommand)]
        command: LogCommand,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    /// Every command below `command`, with its full name.
    fn commands(name: &str, command: &clap::Command, found: &mut Vec<(String, clap::Command)>) {
        for below in command
            .get_subcommands()
            .filter(|it| it.get_name() != "help")
        {
            let name = format!("{name} {}", below.get_name());
            commands(&name, below, found);
            found.push((name, below.clone()));
        }
    }

    #[test]
    fn every_command_and_every_argument_says_what_it_is() {
        let cli = Cli::command();
        cli.clone().debug_assert();
        let mut found = Vec::new();
        commands("liandong", &cli, &mut found);
        assert!(found.len() > 12, "{} commands", found.len());
        for (name, command) in found {
            assert!(command.get_about().is_some(), "{name} says nothing");
            for argument in command.get_arguments().filter(|it| it.get_id() != "help") {
                assert!(
                    argument.get_help().is_some(),
                    "{name}: {}",
                    argument.get_id()
                );
            }
        }
    }

    /// The commands of a document: lines of its code blocks that begin with the program's name.
    fn commands_of(document: &str) -> impl Iterator<Item = Vec<&str>> {
        let blocks = document.split("```").skip(1).step_by(2);
        let lines = blocks.flat_map(str::lines).map(str::trim_start);
        lines
            .filter(|line| line.starts_with("liandong "))
            .filter_map(|line| line.split(['&', '>', '#']).next())
            .map(|command| command.split_whitespace().collect())
    }

    #[test]
    fn every_command_that_the_readme_shows_is_one() {
        let readme = include_str!("../../../README.md");
        let commands: Vec<Vec<&str>> = commands_of(readme).collect();
        assert!(commands.len() > 3, "{commands:?}");
        for command in commands {
            let parsed = Cli::try_parse_from(&command);
            assert!(parsed.is_ok(), "{}: {parsed:?}", command.join(" "));
        }
    }
}
