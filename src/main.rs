//! The `logctl` command.

use std::process::ExitCode;

use clap::CommandFactory as _;
use clap_complete::{CompleteEnv, env::Shells};
use logctl::{
    cli::{self, Cli},
    commands::completion,
    env::Environment,
    ui::{Look, Typed, Ui},
};

fn main() -> ExitCode {
    let environment = Environment::from_process();
    let asked = || completion::completing(Cli::command(), &environment);
    let shells = completion::shells(&environment);
    let shells = shells.each_ref().map(|shell| &**shell);
    // Leaves here when the shell asked.
    CompleteEnv::with_factory(asked).shells(Shells(&shells)).var(completion::VARIABLE).complete();
    environment.drop_empty();
    let cli = Cli::read(&environment);
    let mut ui = Ui::stdio(Look::from_terminal(&cli.global, cli.command.format(), &environment));
    ui.typed = Typed::new(cli.typed(), &cli.global, || {
        Cli::command().get_subcommands().map(|it| it.get_name().to_owned()).collect()
    });
    let result = cli::run(&cli, &environment, &mut ui);
    ui.finish(result)
}
