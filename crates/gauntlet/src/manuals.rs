//! Completions and man pages, made from the command line itself.

use std::path::Path;

use clap::CommandFactory;
use gauntlet_operations::Refusal;

use crate::cli::Cli;
use crate::report::Report;

/// The completions of a shell.
pub fn completions(shell: clap_complete::Shell) -> Result<Report, Refusal> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "gauntlet", &mut script);
    text(script)
}

/// Man pages: the first one as text, or all of them in a folder, which is made where it is not there.
pub fn man_pages(folder: Option<&Path>) -> Result<Report, Refusal> {
    let Some(folder) = folder else {
        let mut page = Vec::new();
        clap_mangen::Man::new(Cli::command()).render(&mut page).map_err(|error| outside(&error))?;
        return text(page);
    };
    std::fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(Cli::command(), folder))
        .map_err(|error| Refusal::Outside(format!("{}: {error}: name another folder", folder.display())))?;
    let json = serde_json::json!({ "folder": folder });
    Ok(Report { code: 0, json, text: format!("man pages are in {}", folder.display()) })
}

fn text(bytes: Vec<u8>) -> Result<Report, Refusal> {
    let text = String::from_utf8(bytes).map_err(|error| Refusal::Broken(error.to_string()))?;
    Ok(Report { code: 0, json: serde_json::json!({ "text": text }), text: text.trim_end().to_owned() })
}

fn outside(error: &std::io::Error) -> Refusal {
    Refusal::Outside(error.to_string())
}
