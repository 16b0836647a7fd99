//! A function as Lambda runs it: a process that asks the Runtime API for events.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
    thread::spawn,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::http::{Message, answer};

/// How an invocation has ended.
#[derive(Debug)]
pub enum Ended {
    Well,
    /// With this error, as JSON.
    Badly(String),
    /// The process has ended.
    Died,
}

pub struct Function {
    process: Child,
    events: Sender<String>,
    outcomes: Receiver<Ended>,
    lines: Arc<Mutex<Vec<String>>>,
    /// How many lines there were before the last invocation.
    before: AtomicUsize,
}

struct Api {
    events: Receiver<String>,
    outcomes: Sender<Ended>,
    timeout: Duration,
    count: usize,
    /// What it is called.
    name: String,
}

impl Function {
    /// Starts the function, under the name that Lambda's own variable gives it. Each invocation may take `timeout`.
    pub fn start<'a>(binary: &Path, variables: impl IntoIterator<Item = (&'a str, String)>, timeout: Duration) -> Self {
        const NAME: &str = "AWS_LAMBDA_FUNCTION_NAME";
        let mut variables: BTreeMap<&str, String> = variables.into_iter().collect();
        let name = variables.entry(NAME).or_insert_with(|| "f".to_owned()).clone();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (events, to_serve) = channel();
        let (ended, outcomes) = channel();
        let mut process = Command::new(binary)
            .env_clear()
            .envs(variables)
            .envs([
                ("AWS_LAMBDA_RUNTIME_API", listener.local_addr().unwrap().to_string().as_str()),
                ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
                ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines: Arc<Mutex<Vec<String>>> = Arc::default();
        let (output, seen) = (process.stdout.take().unwrap(), Arc::clone(&lines));
        spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                seen.lock().unwrap().push(line);
            }
        });
        let api = Arc::new(Mutex::new(Api { events: to_serve, outcomes: ended, timeout, count: 0, name }));
        spawn(move || {
            for stream in listener.incoming().flatten() {
                let api = Arc::clone(&api);
                spawn(move || drop(serve(&stream, &api)));
            }
        });
        Self { process, events, outcomes, lines, before: AtomicUsize::new(0) }
    }

    /// Hands an event over, and waits until it is done.
    pub fn invoke(&mut self, event: &str) -> Ended {
        self.begin(event);
        loop {
            match self.outcomes.recv_timeout(Duration::from_millis(50)) {
                Ok(outcome) => return outcome,
                Err(_) if self.process.try_wait().unwrap().is_some() => return Ended::Died,
                Err(_) => {}
            }
        }
    }

    /// Hands an event over.
    pub fn begin(&self, event: &str) {
        self.before.store(self.lines.lock().unwrap().len(), Ordering::Relaxed);
        self.events.send(event.to_owned()).unwrap();
    }

    /// Waits until what was begun is done.
    pub fn end(&self) -> Ended {
        self.outcomes.recv().unwrap_or(Ended::Died)
    }

    /// Ends the process as Lambda does with one that runs out of time.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// The line that its last invocation has logged; it may come a moment after the invocation has ended.
    pub fn last_line(&self) -> String {
        for _ in 0..100 {
            if let Some(line) = self.lines.lock().unwrap()[self.before.load(Ordering::Relaxed)..].last() {
                return line.clone();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("the invocation has logged nothing");
    }

    /// The last line of its last invocation that holds this; else the last of all.
    pub fn last_line_with(&self, text: &str) -> String {
        for _ in 0..100 {
            let line = self.last_line();
            if line.contains(text) {
                return line;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        self.last_line()
    }

    /// The most memory it has held, in bytes.
    pub fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn serve(stream: &TcpStream, api: &Mutex<Api>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut stream = stream;
    while let Some(request) = Message::read(&mut reader)? {
        let mut api = api.lock().unwrap();
        if request.start.contains("/invocation/next") {
            let Ok(event) = api.events.recv() else { return Ok(()) };
            api.count += 1;
            let deadline = (SystemTime::now() + api.timeout).duration_since(UNIX_EPOCH).unwrap().as_millis();
            let head = format!(
                "HTTP/1.1 200 OK\r\nlambda-runtime-aws-request-id: r-{}-{}\r\nlambda-runtime-deadline-ms: {deadline}\r\n\
                 lambda-runtime-invoked-function-arn: arn:aws:lambda:us-east-1:000000000000:function:{}\r\n\
                 content-type: application/json\r\ncontent-length: {}\r\n\r\n",
                std::process::id(),
                api.count,
                api.name,
                event.len()
            );
            stream.write_all(head.as_bytes())?;
            stream.write_all(event.as_bytes())?;
            continue;
        }
        let failed = request.start.contains("/error");
        let body = String::from_utf8_lossy(&request.body).into_owned();
        drop(api.outcomes.send(if failed { Ended::Badly(body) } else { Ended::Well }));
        stream.write_all(&answer(202, "application/json", b"{}"))?;
    }
    Ok(())
}
