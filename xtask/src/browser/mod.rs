//! `cargo xtask browser`: the example `chat` as people use it, in a browser.
//!
//! ```text
//! browser/chat.js ── playwright-core ──► Chromium, two tabs ──► chat, stopped and started again
//!        └────────── a page on another port ──────────────────► 403
//! ```

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::node;
use crate::process::Child;
use crate::workspace::{self, Workspace, fingerprint};

/// How long a browser may take to say its version.
const START: Duration = Duration::from_secs(60);

/// How long all of it may take: on a quiet machine it is 20 seconds.
const CHECKS: Duration = Duration::from_secs(5 * 60);

/// What Chromium is called, where it is.
const NAMES: [&str; 4] = [
    "chromium",
    "chromium-browser",
    "google-chrome-stable",
    "google-chrome",
];

/// Runs the command.
pub(crate) fn run() -> Result<(), Error> {
    let start = Instant::now();
    let workspace = Workspace::open("browser")?;
    let chromium = chromium(&workspace)?;
    let modules = modules(&workspace)?;
    let examples = workspace.build_examples()?;

    let mut script = Command::new("node");
    script
        .arg(workspace.root.join("browser/chat.js"))
        .env_remove("NODE_OPTIONS")
        .env("BROWSER_MODULES", modules)
        .env("CHROMIUM", chromium)
        .env("CHAT", examples.executable("chat")?)
        .env("SCREENSHOTS", &workspace.directory);
    let log = workspace.log("chat");
    let outcome = Child::spawn("browser/chat.js", &mut script, &log)?.finish(CHECKS);
    let said = fs::read_to_string(&log).map_err(Error::file(&log))?;
    outcome?;
    print!("{said}");
    println!(
        "{:.1} s; screenshots in {}",
        start.elapsed().as_secs_f64(),
        workspace.directory.display()
    );
    Ok(())
}

/// The browser to run: the one `CHROMIUM` names, else an installed one.
fn chromium(workspace: &Workspace) -> Result<PathBuf, Error> {
    let log = workspace.log("chromium-probe");
    let candidates = match env::var_os("CHROMIUM") {
        Some(program) => vec![program.into()],
        None => NAMES.iter().filter_map(|name| in_path(name)).collect(),
    };
    let works = |program: &PathBuf| {
        let mut command = Command::new(program);
        command.arg("--version");
        workspace::answer("chromium", &mut command, &log, START).is_some()
    };
    candidates.into_iter().find(works).ok_or(Error::Missing(
        "Chromium (CHROMIUM names it; Debian: chromium)",
    ))
}

/// Where a program is: who starts a browser asks for its path.
fn in_path(name: &str) -> Option<PathBuf> {
    let directories = env::var_os("PATH")?;
    env::split_paths(&directories)
        .map(|directory| directory.join(name))
        .find(|program| program.is_file())
}

/// The directory of the packages the script needs.
fn modules(workspace: &Workspace) -> Result<PathBuf, Error> {
    let runtime = node::find(workspace, node::Since::V20)?;
    let sources = workspace.root.join("browser");
    let mut parts = vec![runtime];
    for file in node::FILES {
        let path = sources.join(file);
        parts.push(fs::read_to_string(&path).map_err(Error::file(&path))?);
    }
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let directory = workspace
        .directory
        .join(format!("node-{:016x}", fingerprint(&parts)));
    workspace::install_once(&directory, "playwright-core", || {
        node::install(workspace, &sources, &directory)
    })?;
    Ok(directory)
}
