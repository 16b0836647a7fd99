//! The `logctl` command.

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};
use clap_complete::CompleteEnv;
use logctl::{
    arguments,
    cli::Cli,
    env::Environment,
    ui::{Look, Ui},
};

fn main() -> ExitCode {
    CompleteEnv::with_factory(Cli::command).var("LOGCTL_COMPLETE").complete(); // Leaves here when the shell asked.
    let environment = Environment::of_process();
    let cli = Cli::parse_from(arguments::separate_negations(environment.arguments(), &Cli::command()));
    let mut ui = Ui::stdio(Look::of_terminal(&cli.global, cli.format(), &environment));
    let result = logctl::run(&cli, &environment, &mut ui);
    ui.finish(result)
}
