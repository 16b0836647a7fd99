//! The Node function, driven through `peer.cjs`.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde_json::Value;

use crate::corpus::Payload;

pub struct Peer {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Peer {
    /// Installs the package once and starts Node with it; `None` where npm cannot.
    pub fn start(root: &Path, folder: &Path) -> Option<Self> {
        let package = folder.join("node_modules/serverless-es-logs");
        if !package.exists() {
            std::fs::create_dir_all(folder).ok()?;
            let install =
                ["install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "serverless-es-logs@3.4.2"];
            let prefix = folder.to_str()?;
            let status = Command::new("npm").args(install).args(["--prefix", prefix]).status().ok()?;
            status.success().then_some(())?;
        }
        let mut process = Command::new("node")
            .arg(root.join("benches/peer.cjs"))
            .arg(package)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .ok()?;
        let (input, output) = (process.stdin.take()?, BufReader::new(process.stdout.take()?));
        Some(Self { process, input, output })
    }

    pub fn load(&mut self, payloads: &[Payload]) {
        for payload in payloads {
            writeln!(self.input, "load {} {}", payload.name, payload.data).expect("the peer listens");
        }
    }

    /// Sends a command and reads its answer.
    pub fn ask(&mut self, command: &str) -> Value {
        writeln!(self.input, "{command}").expect("the peer listens");
        let mut line = String::new();
        self.output.read_line(&mut line).expect("the peer answers");
        let answer: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{command}: {error}: {line}"));
        assert!(answer.get("error").is_none(), "{command}: {answer}");
        answer
    }

    /// CPU time of a command, in microseconds.
    pub fn cpu(&mut self, command: &str) -> f64 {
        self.ask(command)["cpu_us"].as_f64().expect("a time")
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
