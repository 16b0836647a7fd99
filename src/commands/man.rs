//! `logctl man`: the manual, made from the same definitions as `--help`.

use std::{fs, path::PathBuf};

use clap::CommandFactory as _;
use clap_mangen::Man;

use crate::{cli::Cli, error::Error, ui::Ui};

/// Print the manual
///
/// Without a folder, the page of logctl itself goes to stdout: logctl man | man -l -
#[derive(Debug, clap::Args)]
pub struct ManArgs {
    /// Write a page for each command into this folder
    #[arg(value_name = "FOLDER")]
    pub folder: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// When a page cannot be written.
pub fn run(args: &ManArgs, ui: &mut Ui) -> Result<(), Error> {
    let failed = |error: std::io::Error| Error::failed("cannot write the manual").because(error);
    let mut root = Cli::command().disable_help_flag(true);
    root.build();
    let Some(folder) = &args.folder else {
        return ui.line(String::from_utf8_lossy(&page(&root).map_err(failed)?).trim_end());
    };
    fs::create_dir_all(folder).map_err(failed)?;
    for command in std::iter::once(&root).chain(root.get_subcommands()) {
        let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
        fs::write(folder.join(format!("{name}.1")), page(command).map_err(failed)?).map_err(failed)?;
    }
    Ok(())
}

/// One page, in roff. Its date is left out, so that the same definitions give the same page.
fn page(command: &clap::Command) -> std::io::Result<Vec<u8>> {
    let mut page = Vec::new();
    let version = format!("logctl {}", env!("CARGO_PKG_VERSION"));
    Man::new(command.clone()).date("").source(version).manual("logctl manual").render(&mut page)?;
    Ok(page)
}
