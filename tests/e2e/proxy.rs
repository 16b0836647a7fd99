//! A TCP proxy that breaks what it is told to break.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    io::{BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread::{sleep, spawn},
    time::Duration,
};

use flate2::read::MultiGzDecoder;
use serde_json::json;

use super::{
    http::{Message, answer},
    sandbox::now,
};

/// What happens to a request instead of being passed on.
#[derive(Debug, Clone)]
pub enum Fault {
    /// Nothing.
    Pass,
    /// It is answered with this status, type and body.
    Answer(u16, &'static str, &'static str),
    /// Each of its items is answered with this status and type of error.
    Items(u16, &'static str),
    /// The same after a while.
    LateItems(Duration, u16, &'static str),
    /// The connection is reset in the middle of the request's body.
    ResetInBody,
    /// It is passed on, and the answer is cut in its middle.
    CutAnswer,
    /// It is passed on, and the connection ends without an answer.
    LostAnswer,
    /// It is passed on, and the answer comes a few bytes at a time, with this pause in between.
    Trickle(Duration),
    /// It is never answered.
    Hang,
}

/// Which requests are broken: those of the first, and when it is empty, those of the second.
#[derive(Default)]
struct Script {
    next: VecDeque<Fault>,
    always: Option<Fault>,
    /// Only requests whose head contains this.
    only: &'static str,
    seen: usize,
    /// What happens to the first calls of each operation of AWS.
    of_operation: Option<OfOperation>,
    /// What is still to happen to those that were called.
    pending: BTreeMap<String, VecDeque<Fault>>,
    /// From this call of an operation on, every request is answered like this.
    from: Option<(String, usize, Fault)>,
}

/// The faults of an operation.
type OfOperation = Arc<dyn Fn(&str) -> Vec<Fault> + Send + Sync>;

/// A call of AWS that has passed by.
#[derive(Debug, Clone)]
pub struct Call {
    /// Its operation; of services that speak REST what stands for it.
    pub operation: String,
    /// What was sent before the body.
    pub head: String,
    /// What was sent.
    pub body: String,
    /// What was answered.
    pub answer: String,
    /// Milliseconds since 1970, when it was answered.
    pub at: i64,
}

#[derive(Clone)]
pub struct Proxy {
    pub url: String,
    script: Arc<Mutex<Script>>,
    signers: Arc<Mutex<BTreeMap<String, usize>>>,
    calls: Arc<Mutex<Vec<Call>>>,
    scopes: Arc<Mutex<BTreeSet<String>>>,
}

impl Proxy {
    /// Starts in front of `upstream`, a URL.
    pub fn start(upstream: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let proxy = Self {
            url,
            script: Arc::default(),
            signers: Arc::default(),
            calls: Arc::default(),
            scopes: Arc::default(),
        };
        let upstream = upstream.trim_start_matches("http://").to_owned();
        let shared = proxy.clone();
        spawn(move || {
            for client in listener.incoming().flatten() {
                let (proxy, upstream) = (shared.clone(), upstream.clone());
                spawn(move || proxy.serve(&client, &upstream));
            }
        });
        proxy
    }

    /// How many requests each key has signed.
    pub fn signers(&self) -> BTreeMap<String, usize> {
        self.signers.lock().unwrap().clone()
    }

    /// Regions and services for which requests were signed since they were asked for last.
    pub fn scopes(&self) -> BTreeSet<String> {
        std::mem::take(&mut *self.scopes.lock().unwrap())
    }

    /// Breaks the next requests whose head contains `only`, each with one of `faults`.
    pub fn next(&self, only: &'static str, faults: &[Fault]) {
        let next = faults.iter().cloned().collect();
        *self.script.lock().unwrap() = Script { next, only, ..Script::default() };
    }

    /// Breaks every request whose head contains `only`.
    pub fn always(&self, only: &'static str, fault: Fault) {
        *self.script.lock().unwrap() = Script { always: Some(fault), only, ..Script::default() };
    }

    /// Breaks the first calls of each operation of AWS, each with one of the faults that are given for it.
    pub fn each(&self, faults: impl Fn(&str) -> Vec<Fault> + Send + Sync + 'static) {
        *self.script.lock().unwrap() = Script { of_operation: Some(Arc::new(faults)), ..Script::default() };
    }

    /// Breaks everything from a call of an operation of AWS on, counted from 1.
    pub fn from(&self, operation: &str, number: usize, fault: Fault) {
        self.calls.lock().unwrap().clear();
        *self.script.lock().unwrap() =
            Script { from: Some((operation.to_owned(), number, fault)), ..Script::default() };
    }

    /// Calls of AWS that have passed by since they were asked for last.
    pub fn calls(&self) -> Vec<Call> {
        std::mem::take(&mut *self.calls.lock().unwrap())
    }

    /// Breaks nothing any more.
    pub fn heal(&self) {
        *self.script.lock().unwrap() = Script::default();
    }

    /// How many requests were broken since the last change.
    pub fn broken(&self) -> usize {
        self.script.lock().unwrap().seen
    }
}

impl Proxy {
    fn serve(&self, client: &TcpStream, upstream: &str) -> std::io::Result<()> {
        let mut reader = BufReader::with_capacity(1024, client);
        let mut client = client;
        while let Some(mut request) = Message::read_head(&mut reader)? {
            let head = String::from_utf8_lossy(&request.head);
            let key = head.split_once("Credential=").and_then(|(_, rest)| rest.split('/').next()).unwrap_or("nobody");
            if let Some(scope) = head.split_once("Credential=").map(|(_, rest)| rest.split('/').skip(2).take(2)) {
                self.scopes.lock().unwrap().insert(scope.collect::<Vec<_>>().join("/"));
            }
            *self.signers.lock().unwrap().entry(key.to_owned()).or_default() += 1;
            let fault = {
                let mut script = self.script.lock().unwrap();
                let fault = if head.contains(script.only) {
                    script.next.pop_front().or_else(|| script.always.clone())
                } else {
                    None
                };
                script.seen += usize::from(fault.is_some());
                fault.unwrap_or(Fault::Pass)
            };
            if let Fault::ResetInBody = fault {
                return request.read_half(&mut reader); // To close with something unread is a reset.
            }
            request.read_body(&mut reader)?;
            let call = self.note(&request);
            let fault = self.fault_of(call).unwrap_or(fault);
            match fault {
                Fault::Pass | Fault::ResetInBody => {
                    let answer = pass(&request, upstream)?;
                    self.answered(call, &answer);
                    client.write_all(&answer)?;
                }
                Fault::LostAnswer => {
                    pass(&request, upstream)?;
                    return Ok(());
                }
                Fault::Answer(status, kind, body) => client.write_all(&answer(status, kind, body.as_bytes()))?,
                Fault::Items(status, kind) => client.write_all(&items(&request, status, kind))?,
                Fault::LateItems(delay, status, kind) => {
                    sleep(delay);
                    client.write_all(&items(&request, status, kind))?;
                }
                Fault::CutAnswer => {
                    let answer = pass(&request, upstream)?;
                    return client.write_all(&answer[..answer.len() - 10]);
                }
                Fault::Trickle(pause) => {
                    for part in pass(&request, upstream)?.chunks(64) {
                        client.write_all(part)?;
                        sleep(pause);
                    }
                }
                Fault::Hang => {
                    sleep(Duration::from_mins(5));
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

impl Proxy {
    /// Keeps a call, and tells its place.
    fn note(&self, request: &Message) -> usize {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let call = Call {
            operation: operation(request, &body),
            head: String::from_utf8_lossy(&request.head).into_owned(),
            body,
            answer: String::new(),
            at: 0,
        };
        let mut calls = self.calls.lock().unwrap();
        calls.push(call);
        calls.len() - 1
    }

    fn answered(&self, call: usize, answer: &[u8]) {
        if let Some(call) = self.calls.lock().unwrap().get_mut(call) {
            call.answer = String::from_utf8_lossy(answer).into_owned();
            call.at = now();
        }
    }

    /// What happens to a call because of its operation.
    fn fault_of(&self, call: usize) -> Option<Fault> {
        let calls = self.calls.lock().unwrap();
        let operation = &calls.get(call)?.operation;
        let mut script = self.script.lock().unwrap();
        if let Some((from, number, fault)) = &script.from {
            let before = calls[..=call].iter().filter(|call| call.operation == *from).count();
            let fault = (before >= *number).then(|| fault.clone());
            script.seen += usize::from(fault.is_some());
            return fault;
        }
        let faults = script.of_operation.clone()?;
        let pending = script.pending.entry(operation.clone()).or_insert_with(|| faults(operation).into());
        let fault = pending.pop_front();
        script.seen += usize::from(fault.is_some());
        fault
    }
}

/// The operation of AWS that a request is a call of.
fn operation(request: &Message, body: &str) -> String {
    let head = String::from_utf8_lossy(&request.head);
    let mut lines = head.lines();
    let target = lines.find_map(|line| line.to_ascii_lowercase().starts_with("x-amz-target:").then(|| line.to_owned()));
    if let Some(name) = target.as_deref().and_then(|line| line.rsplit('.').next()) {
        return name.trim().to_owned();
    }
    let action =
        |text: &str| text.split(['&', '?', ' ']).find_map(|field| field.strip_prefix("Action=")).map(str::to_owned);
    if let Some(name) = action(body).or_else(|| action(&request.start)) {
        return name;
    }
    let (method, path) = request.start.split_once(' ').unwrap_or_default();
    match path {
        path if path.starts_with("/2017-03-31/tags/") => "ListTags".to_owned(),
        path if path.starts_with("/2021-01-01/opensearch/domain/") => "DescribeDomain".to_owned(),
        _ => format!("{method} object"),
    }
}

/// What the upstream answers.
fn pass(request: &Message, upstream: &str) -> std::io::Result<Vec<u8>> {
    let mut server = TcpStream::connect(upstream)?;
    server.write_all(&request.head)?;
    server.write_all(&request.body)?;
    let mut server = BufReader::new(server);
    if request.start.starts_with("HEAD ") {
        // Its length is that of what a GET would give.
        return Ok(Message::read_head(&mut server)?.map_or_else(Vec::new, |answer| answer.head));
    }
    let answer = Message::read(&mut server)?;
    let answer = answer.ok_or_else(|| std::io::Error::other("the upstream says nothing"))?;
    // Its body may have come in chunks.
    let mut head: Vec<&str> = std::str::from_utf8(&answer.head).unwrap().trim().lines().collect();
    head.retain(|line| {
        let line = line.to_ascii_lowercase();
        !line.starts_with("transfer-encoding") && !line.starts_with("content-length")
    });
    let head = format!("{}\r\ncontent-length: {}\r\n\r\n", head.join("\r\n"), answer.body.len());
    Ok([head.as_bytes(), &answer.body].concat())
}

/// An answer to a bulk request in which every item fares the same.
fn items(request: &Message, status: u16, kind: &str) -> Vec<u8> {
    let mut body = String::new();
    MultiGzDecoder::new(request.body.as_slice()).take(64 << 20).read_to_string(&mut body).unwrap();
    let item = json!({"create": {"status": status, "error": {"type": kind, "reason": "by the proxy"}}});
    let items = vec![item; body.lines().count() / 2];
    answer(200, "application/json", json!({"errors": true, "items": items}).to_string().as_bytes())
}
