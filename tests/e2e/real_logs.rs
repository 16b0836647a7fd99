//! Logs that nobody here wrote: every line is found again by its own words.

use std::{io::Read as _, path::PathBuf};

use logctl::query::Query;
use logctl_core::event_id::document_id;
use opensearch::http::Method;
use serde_json::json;

use super::{
    faults::{Rig, Sent, events, well},
    sandbox::variable,
};

/// The folder named by `LOGCTL_REAL_LOGS`, with files `*.log`.
#[expect(clippy::print_stdout, reason = "what is skipped is named")]
fn folder() -> Option<PathBuf> {
    let folder = variable("LOGCTL_REAL_LOGS").map(PathBuf::from);
    if folder.is_none() {
        println!(
            "skipped: real_logs::every_line_is_found_by_its_own_words needs LOGCTL_REAL_LOGS, a folder with *.log"
        );
    }
    folder
}

#[test]
fn every_line_is_found_by_its_own_words() {
    let Some(folder) = folder() else { return };
    let rig = Rig::new(None);
    let mut function = rig.patient_function();
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "log"));
    assert!(!files.is_empty());
    for path in files {
        let mut bytes = Vec::new();
        std::fs::File::open(&path).unwrap().take(1 << 26).read_to_end(&mut bytes).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<String> = text.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect();
        let (event, ids) = events(&lines);
        let named: Vec<(&String, &String)> = ids.iter().zip(&lines).collect();
        well(&function.invoke(&event));
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let sent = Sent { ids: ids.clone(), ..Sent::default() };
        assert_eq!(rig.account_for(&name, &sent), 0, "{name}");
        for part in named.chunks(500) {
            let mut searches = String::new();
            for (id, line) in part {
                let query = json!({"bool": {"filter": [{"ids": {"values": [document_id(id)]}}, {"match_phrase": {"@message": line}}]}});
                searches += &format!("{{\"index\":\"logctl-*\"}}\n{}\n", json!({"size": 0, "query": query}));
            }
            let answer = rig.sandbox.engine_text(Method::Post, "/_msearch?max_concurrent_searches=4", searches);
            for (found, (id, line)) in answer["responses"].as_array().unwrap().iter().zip(part) {
                assert_eq!(found["hits"]["total"]["value"], 1, "{name}: {id} is not found by {line:?}: {found}");
            }
        }
        println!("{name}: {} lines, each found by its own words", lines.len());
    }
}

/// Every line, pasted as one argument, is text whatever else it may be, and its event is found: of each file a hundred are asked
/// for at the engine.
pub fn pasted() -> String {
    const ASKED: usize = 100;
    let Some(folder) = folder() else { return "skipped, without LOGCTL_REAL_LOGS".to_owned() };
    let rig = Rig::new(None);
    let mut function = rig.patient_function();
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "log"));
    let (mut read, mut asked) = (0, 0);
    for path in &files {
        let bytes = std::fs::read(path).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<String> = text.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect();
        for line in &lines {
            let query = logctl::query::parse(std::slice::from_ref(line)).unwrap();
            assert!(matches!(query, Query::Text(_) | Query::Pasted { .. }), "{line:?} is {query:?}");
            read += 1;
        }
        let (event, ids) = events(&lines);
        well(&function.invoke(&event));
        rig.sandbox.engine(Method::Post, "/_refresh", None);
        let step = lines.len().div_ceil(ASKED);
        for (id, line) in ids.iter().zip(&lines).step_by(step) {
            let run = rig.sandbox.run(&["search", "-n", "10000", "-o", "jsonl", "--", line], &[]).ok();
            assert!(run.stdout.contains(id), "{line:?} does not find {id}");
            asked += 1;
        }
    }
    format!("{read} lines of {} files are text, {asked} of them were asked for and found", files.len())
}
