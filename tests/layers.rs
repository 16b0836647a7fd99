//! Who may know whom: the rooms of the house, and the arrows between them.
//!
//! `cargo test --test layers -- --nocapture` prints the rooms, arrows and circles of each crate.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test that cannot go on fails")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use test_case::test_case;

/// The ground: known to every room, and knows only what stands here.
const GROUND: [(&str, &[&str]); 10] = [
    ("args", &["error", "time"]),
    ("config", &["args", "env", "error", "words"]),
    ("context", &["args", "config", "env", "error", "interrupt"]),
    ("env", &["error"]),
    ("error", &[]),
    ("interrupt", &["error"]),
    ("network", &["env", "error"]),
    ("progress", &[]),
    ("time", &["error"]),
    ("words", &[]),
];

/// The rooms above it, from top to bottom, and the rooms that each may know.
const ROOMS: [(&str, &[&str]); 11] = [
    ("cli", &["commands", "ui"]),
    ("commands", &["checks", "changes", "inventory", "deploy", "events", "domain", "aws", "query", "ui", "cli"]),
    ("checks", &["deploy", "domain", "aws"]),
    ("changes", &["inventory", "aws"]),
    ("inventory", &["deploy", "domain", "aws"]),
    ("deploy", &["domain", "aws"]),
    ("events", &["domain", "query"]),
    ("domain", &["aws"]),
    ("aws", &[]),
    ("query", &[]),
    ("ui", &[]),
];

/// The one arrow upward: the manual is made from the command line's definitions.
const UPWARD: [(&str, &str); 1] = [("src/commands/man.rs", "cli")];

/// Crates of this workspace that each part may use.
const CRATES: [(&str, &[&str]); 6] = [
    ("src", &["logctl_core", "logctl_sink"]),
    ("stack/core/src", &[]),
    ("stack/sink/src", &["logctl_core"]),
    ("stack/log_group_created/src", &["logctl_core", "logctl_sink"]),
    ("stack/logs_forwarder/src", &["logctl_core", "logctl_sink"]),
    ("stack/domain_access/src", &["logctl_core", "logctl_sink"]),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The sources below a folder: path from the root, and text without comments and tests.
fn sources(folder: &str) -> Vec<(String, String)> {
    let mut folders: Vec<PathBuf> = vec![root().join(folder)];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            let name = entry.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
            if entry.is_dir() {
                folders.push(entry);
            } else if entry.extension().is_some_and(|kind| kind == "rs") && !name.ends_with("tests.rs") {
                sources.push((name, code(&fs::read_to_string(entry).unwrap())));
            }
        }
    }
    sources.sort();
    sources
}

/// A text without its comments, and without its tests, which stand at its end.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    let text = text.split("#[cfg(test)]\n#[expect").next().unwrap();
    text.lines().map(|line| line.split("//").next().unwrap()).collect::<Vec<_>>().join("\n")
}

/// The modules of its own crate that a text names.
fn named(text: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (at, _) in text.match_indices("crate::") {
        if text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let rest = &text[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(group) => names.extend(members(group)),
            None => names.extend(identifier(rest)),
        }
    }
    names
}

fn identifier(text: &str) -> Option<String> {
    let name: String = text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!name.is_empty()).then_some(name)
}

/// The first names of the members of `use crate::{…}`, as far as its closing brace.
fn members(group: &str) -> Vec<String> {
    let (mut depth, mut start, mut found) = (0, 0, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                found.extend(identifier(&group[start..at]));
                return found;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                found.extend(identifier(&group[start..at]));
                start = at + 1;
            }
            _ => {}
        }
    }
    found
}

/// The room of a source: the folder or the file below `src/`.
fn room(path: &str) -> &str {
    path.split_once("src/").unwrap().1.split('/').next().unwrap().trim_end_matches(".rs")
}

/// What a source of the command names and may not.
fn forbidden(path: &str, text: &str) -> Vec<String> {
    let own = room(path);
    let ground = |name: &str| GROUND.iter().any(|(known, _)| *known == name);
    let allowed = |name: &String| {
        let table = GROUND.iter().chain(&ROOMS).find(|(room, _)| *room == own);
        let (_, knows) = table.unwrap_or_else(|| panic!("{own} is no room: add it to the table"));
        let above_ground = !ground(own);
        name == own || knows.contains(&name.as_str()) || (above_ground && ground(name))
    };
    let upward = |name: &String| name == "cli" && !UPWARD.contains(&(path, "cli")) && own != "cli";
    named(text).into_iter().filter(|name| !allowed(name) || upward(name)).collect()
}

#[test]
fn the_rooms_of_the_command_know_what_stands_below_them() {
    let sources = sources("src");
    assert!(sources.len() > 40, "{}", sources.len());
    for (path, text) in sources.iter().filter(|(path, _)| !matches!(path.as_str(), "src/main.rs" | "src/lib.rs")) {
        assert_eq!(forbidden(path, text), Vec::<String>::new(), "{path} may not know them");
        let typed = ["cli", "commands", "args"].contains(&room(path));
        assert!(typed || !text.contains("clap::"), "{path}: types of clap stand in cli, commands and args only");
    }
}

#[test_case("src/aws/filters.rs", "use crate::ui::Ui;", &["ui"]; "a terminal below the commands")]
#[test_case("src/query/dsl.rs", "use crate::{\n    error::Error,\n    domain::{DomainClient, DomainError},\n};", &["domain"]; "a language that knows a domain")]
#[test_case("src/error.rs", "fn f() -> crate::aws::Aws { todo!() }", &["aws"]; "a ground that knows a room")]
#[test_case("src/inventory/take.rs", "use crate::{changes::Plan, commands};", &["changes", "commands"]; "two arrows upward")]
#[test_case("src/commands/audit.rs", "use crate::{cli::Cli, ui::Ui};", &["cli"]; "a command that knows the command line")]
#[test_case("src/changes/apply.rs", "use crate::{error::Error, aws::filters::Put}; // crate::ui", &[]; "arrows downward")]
fn an_arrow_that_is_not_in_the_table_is_found(path: &str, text: &str, expected: &[&str]) {
    assert_eq!(forbidden(path, &code(text)), expected);
}

#[test]
fn crates_know_what_stands_below_them() {
    let all = ["logctl_core", "logctl_sink", "logs_forwarder", "log_group_created", "domain_access", "logctl_benches"];
    for (folder, may) in CRATES {
        for (path, text) in sources(folder) {
            for name in all.iter().filter(|name| !may.contains(name)) {
                assert!(!text.contains(&format!("{name}::")), "{path} may not know {name}");
            }
        }
    }
}

/// Rooms that reach one another, whatever the way.
fn circles(arrows: &BTreeMap<String, BTreeSet<String>>) -> BTreeSet<String> {
    let reach = |from: &str| {
        let mut seen = BTreeSet::new();
        let mut next = vec![from.to_owned()];
        while let Some(room) = next.pop() {
            for to in arrows.get(&room).into_iter().flatten() {
                if seen.insert(to.clone()) {
                    next.push(to.clone());
                }
            }
        }
        seen
    };
    arrows.keys().filter(|room| reach(room).contains(*room)).cloned().collect()
}

#[test_case("src")]
#[test_case("stack/core/src")]
#[test_case("stack/sink/src")]
fn no_rooms_know_one_another(folder: &str) {
    let mut arrows: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (path, text) in sources(folder) {
        let own = room(&path).to_owned();
        if own == "lib" || own == "main" || UPWARD.iter().any(|(upward, _)| *upward == path) {
            continue;
        }
        let others = named(&text).into_iter().filter(|name| *name != own);
        arrows.entry(own.clone()).or_default().extend(others);
    }
    let found = circles(&arrows);
    let number: usize = arrows.values().map(BTreeSet::len).sum();
    println!("{folder}: {} rooms, {number} arrows, {} rooms in circles", arrows.len(), found.len());
    assert_eq!(found, BTreeSet::new());
}

#[test]
fn a_circle_is_found() {
    let arrow = |from: &str, to: &[&str]| (from.to_owned(), to.iter().map(|to| (*to).to_owned()).collect());
    let arrows = BTreeMap::from([arrow("a", &["b"]), arrow("b", &["c"]), arrow("c", &["a"]), arrow("d", &["a"])]);
    assert_eq!(circles(&arrows), ["a", "b", "c"].map(str::to_owned).into());
}

/// What a walk of ARCHITECTURE.md names: functions, each in its file.
fn walks() -> Vec<Vec<(String, String)>> {
    let page = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let section = page.split("## Three walks").nth(1).unwrap().split("\n## ").next().unwrap();
    let walks = section.split("**").skip(2).step_by(2);
    walks
        .map(|walk| {
            let code: Vec<&str> = walk.split('`').skip(1).step_by(2).collect();
            let mut named = Vec::new();
            let mut functions = Vec::new();
            for word in code {
                if word.contains('/') {
                    named.extend(functions.drain(..).map(|function: &str| (function.to_owned(), word.to_owned())));
                } else {
                    functions.push(word);
                }
            }
            assert!(functions.is_empty(), "{functions:?} stand nowhere");
            named
        })
        .collect()
}

#[test]
fn each_function_of_a_walk_stands_in_its_file_and_no_file_is_passed_twice() {
    let walks = walks();
    assert_eq!(walks.len(), 3);
    for walk in walks {
        assert!(walk.len() >= 8, "{walk:?}");
        for (function, file) in &walk {
            let text = fs::read_to_string(root().join(file)).unwrap_or_else(|_| panic!("{file} is gone"));
            let stands =
                [format!("fn {function}("), format!("fn {function}<")].iter().any(|start| text.contains(start));
            assert!(stands, "{function} does not stand in {file}");
        }
        let mut files: Vec<&str> = walk.iter().map(|(_, file)| file.as_str()).collect();
        files.dedup();
        let passed = files.len();
        files.sort_unstable();
        files.dedup();
        assert_eq!(files.len(), passed, "a file is passed twice: {walk:?}");
    }
}
