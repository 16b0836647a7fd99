//! What belongs to other languages and means nothing here: it is refused by name, so that it never passes for text.

use super::{Wrong, lexer::outside_quotes};

/// Words up to which an argument is short: in longer ones, which were pasted, the same words are text.
const SHORT: usize = 8;

/// What queries of Logs Insights begin with.
const INSIGHTS: [&str; 10] =
    ["fields", "filter", "stats", "parse", "display", "sort", "limit", "dedup", "pattern", "source"];

/// The form of another language in an argument.
pub(super) fn find(text: &str) -> Option<Wrong> {
    let words: Vec<(usize, &str)> = words(text);
    if text.starts_with(['–', '—']) && text.chars().nth(1).is_some_and(char::is_alphabetic) {
        return Some(refuse(0, "this is a long dash, where an option has two hyphens", "--since 2h"));
    }
    if text.starts_with('{') && text.trim_end().ends_with('}') && inner(text).starts_with("$.") {
        return Some(refuse(0, "this is a filter pattern of CloudWatch Logs", "status>=500 AND service=checkout"));
    }
    if let Some((at, sign)) = words.iter().find(|(_, word)| ["|=", "|~"].contains(word))
        && (text.starts_with('{') || *at == 0)
    {
        return Some(refuse(*at, &format!("`{sign}` is LogQL"), "app=pay AND message=~/time.*out/"));
    }
    let pipe = words.iter().position(|(_, word)| *word == "|");
    let command = |nth: usize| INSIGHTS.contains(&word(&words, nth));
    if let Some(nth) = pipe.filter(|nth| command(0) && command(nth + 1)) {
        let what = "this is a query of Logs Insights, and there is no pipe here";
        return Some(refuse(words[nth].0, what, "level=error AND timeout"));
    }
    if words.len() > SHORT {
        return None;
    }
    of_words(&words).or_else(|| {
        words.iter().enumerate().find_map(|(nth, (at, word))| {
            let is_expression = nth > 0 && ["=~", "!~"].contains(&words[nth - 1].1);
            if is_expression { None } else { of_word(*at, word, words.len() == 1) }
        })
    })
}

fn refuse(at: usize, what: &str, example: &'static str) -> Wrong {
    Wrong { at, what: what.to_owned(), example, unpaired: false }
}

/// Forms of several words.
fn of_words(words: &[(usize, &str)]) -> Option<Wrong> {
    let text = |nth: usize| word(words, nth);
    let is_number = |text: &str| text.parse::<f64>().is_ok();
    let is_name = |text: &str| {
        text.starts_with(|c: char| c.is_alphabetic() || c == '@' || c == '_')
            && text.chars().all(|c| c.is_alphanumeric() || "_.@-".contains(c))
    };
    let is = |nth: usize, known: &[&str]| known.iter().any(|known| text(nth).eq_ignore_ascii_case(known));
    let commands = [
        "head",
        "tail",
        "grep",
        "jq",
        "less",
        "sort",
        "wc",
        "awk",
        "json",
        "logfmt",
        "line_format",
        "unpack",
        "stats",
        "fields",
        "filter",
        "parse",
        "limit",
        "display",
        "count",
        "where",
        "project",
        "take",
        "dedup",
        "summarize",
    ];
    if let Some(nth) = words.iter().position(|(_, word)| *word == "|").filter(|nth| is(nth + 1, &commands)) {
        return Some(refuse(
            words[nth].0,
            "there is no pipe inside of a query",
            "status>=500, and -o jsonl | jq outside of it",
        ));
    }
    if let Some(nth) = words.iter().position(|(_, word)| word.eq_ignore_ascii_case("like"))
        && nth > 0
        && is_pattern(text(nth + 1))
    {
        let what = "`like` is a word of another language";
        return Some(refuse(words[nth].0, what, "message=~/time.*out/, or message=*timeout*"));
    }
    if words.len() > 1 && words.iter().all(|(_, word)| word.starts_with('?') && word.len() > 1) {
        return Some(refuse(0, "`?a ?b` is a filter pattern of CloudWatch Logs", "timeout OR refused"));
    }
    let is_selector = text(0).starts_with('{') && text(0).ends_with('}');
    if is_selector && (text(0).contains("=\"") || text(0).contains("=~\"")) {
        return Some(refuse(0, "this is a selector of LogQL", "service=orders"));
    }
    let of_insights = (is(0, &["filter"])
        && (words.len() > 3 && ["=", "!=", ">", ">=", "<", "<=", "like", "in"].contains(&text(2))))
        || (is(0, &["stats"]) && text(1).contains('('))
        || (is(0, &["display", "sort", "fields"]) && text(1).starts_with('@'))
        || (is(0, &["limit"]) && words.len() == 2 && is_number(text(1)));
    if of_insights {
        return Some(refuse(0, "this is a command of Logs Insights", "level=error AND timeout, with -n for a limit"));
    }
    if is_name(text(0)) && words.len() == 3 && is(1, &["like"]) {
        return Some(refuse(words[1].0, "`like` is a word of another language", "message=*timeout*"));
    }
    if is_name(text(0)) && is(1, &["between"]) && is_number(text(2)) {
        return Some(refuse(words[1].0, "`between` is SQL", "status:[500 TO 599]"));
    }
    if is_name(text(0))
        && is(1, &["is"])
        && (is(2, &["null"]) || (is(2, &["not"]) && is(3, &["null"])))
        && words.len() <= 4
    {
        return Some(refuse(words[1].0, "`is null` is SQL", "missing(user), or user=* for the others"));
    }
    if is_name(text(0)) && words.len() == 3 && is(1, &["eq", "ne", "neq", "gte", "lte"]) && is_number(text(2)) {
        return Some(refuse(words[1].0, "this comparison is another language's", "status>=500, or status ge 500"));
    }
    if is_name(text(0)) && is(1, &["in"]) && text(2).starts_with('[') {
        return Some(refuse(words[2].0, "a list stands in round brackets", "status in (500, 502)"));
    }
    None
}

/// Forms of one word, which may stand alone.
fn of_word(at: usize, word: &str, alone: bool) -> Option<Wrong> {
    // `%TEMP%` in prose is a variable.
    if is_percent_pattern(word) && (alone || word.contains(['[', '*', '+', '('])) {
        return Some(refuse(at, "`%…%` is a pattern of CloudWatch Logs", "~/ECONN[A-Z]+/"));
    }
    if let Some(place) = chained(word) {
        return Some(refuse(at + place, "a comparison has one side here", "status>=400 AND status<500"));
    }
    if let Some(place) = fuzzy(word) {
        return Some(refuse(at + place, "`~` for words that are alike is Lucene", "refused OR refuse"));
    }
    if let Some(place) = slashes(word) {
        let example = "message=~/time.*out/ or ~/time.*out/";
        return Some(refuse(at + place, "a regular expression has a `~` before it", example));
    }
    let functions = ["exists(", "ispresent(", "isempty(", "isblank(", "contains(", "startswith(", "endswith("];
    let lower = word.to_ascii_lowercase();
    if functions.iter().any(|function| lower.starts_with(function)) {
        return Some(refuse(at, "there are no functions but missing( )", "has:user, missing(user), message=*timeout*"));
    }
    let (name, value) = word.split_once(['=', ':'])?;
    let is_name = !name.is_empty()
        && name.chars().all(|c| c.is_alphanumeric() || "_.@-".contains(c))
        && !name.starts_with(|c: char| c.is_ascii_digit());
    let place = at + word.len() - value.len();
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_name && value.strip_prefix('>').is_some_and(digits) && word.contains("=>") {
        return Some(refuse(place - 1, "`=>` is no comparison", "status>=500"));
    }
    if is_name
        && value.len() == 3
        && value.starts_with(|c: char| c.is_ascii_digit())
        && value[1..].eq_ignore_ascii_case("xx")
    {
        return Some(refuse(place, "a class of codes is a range", "status=500..599"));
    }
    if is_name
        && value.split_once('-').is_some_and(|(low, high)| {
            digits(low) && digits(high) && low.len() == high.len() && low.len() <= 3 && low < high
        })
    {
        return Some(refuse(place, "a range has two dots", "status=500..599"));
    }
    let inner = value.strip_prefix('(').and_then(|value| value.strip_suffix(')')).unwrap_or(value);
    let items: Vec<&str> = inner.split('|').collect();
    let are_words = items.iter().all(|item| !item.is_empty() && item.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    if is_name && items.len() > 1 && are_words && !word.contains('~') {
        return Some(refuse(place, "several values stand in a list", "status in (500, 502), or status=(500 OR 502)"));
    }
    None
}

fn word<'t>(words: &[(usize, &'t str)], nth: usize) -> &'t str {
    words.get(nth).map_or("", |(_, word)| *word)
}

/// The words outside of quotes, and where they begin.
fn words(text: &str) -> Vec<(usize, &str)> {
    let mut words = Vec::new();
    let mut start = 0;
    for (at, _) in outside_quotes(text).filter(|(_, c)| c.is_whitespace()) {
        words.push((start, &text[start..at]));
        start = at + text[at..].chars().next().map_or(1, char::len_utf8);
    }
    words.push((start, &text[start..]));
    words.retain(|(_, word)| !word.is_empty());
    words
}

/// What stands in a pair of braces.
fn inner(text: &str) -> &str {
    text.trim_start_matches('{').trim_start().trim_start_matches('(').trim_start()
}

/// `/…/`, `'%…%'`: what `like` takes.
fn is_pattern(word: &str) -> bool {
    let bare = word.trim_matches(['\'', '"']);
    (word.starts_with('/') && word.ends_with('/') && word.len() > 2) || (bare != word && bare.contains('%'))
}

/// `%ECONN[A-Z]+%`, but not `%20x%`.
fn is_percent_pattern(word: &str) -> bool {
    let inside = word.strip_prefix('%').and_then(|word| word.strip_suffix('%'));
    inside.is_some_and(|inside| {
        let escape = inside.get(..2).is_some_and(|code| code.bytes().all(|byte| byte.is_ascii_hexdigit()));
        !inside.is_empty() && !inside.contains('%') && (!escape || inside.contains(['[', '*', '+', '(']))
    })
}

/// `400<=status<500`: the place of its second sign.
fn chained(word: &str) -> Option<usize> {
    let first = word.find(['<', '>'])?;
    let number = word[..first].parse::<f64>().is_ok();
    let rest = word[first..].trim_start_matches(['<', '>', '=']);
    let second = rest.find(['<', '>'])?;
    let bound = rest[second..].trim_start_matches(['<', '>', '=']);
    (number && second > 0 && bound.parse::<f64>().is_ok()).then_some(word.len() - rest.len() + second)
}

/// `timeout~`, `timeout~2`, `"a b"~3`.
fn fuzzy(word: &str) -> Option<usize> {
    let at = word.rfind('~')?;
    let (before, distance) = (&word[..at], &word[at + 1..]);
    let is_distance =
        distance.is_empty() || (distance.len() <= 2 && distance.bytes().all(|byte| byte.is_ascii_digit()));
    let is_word = before.ends_with(|c: char| c.is_alphabetic() || c == '"')
        && before.chars().all(|c| c.is_alphanumeric() || "\"_- ".contains(c));
    (is_distance && is_word).then_some(at)
}

/// `/re/` and `field:/re/`, where no path looks like that: the place of its first slash.
fn slashes(word: &str) -> Option<usize> {
    let at = match word.find('/')? {
        0 => 0,
        at if word[..at].ends_with([':', '=']) && !word[..at].contains('/') => at,
        _ => return None,
    };
    let inside = word[at + 1..].strip_suffix('/').or_else(|| word[at + 1..].strip_suffix("/i"))?;
    let is_regex = [".*", ".+", "[", "(", "|", "^", "$", "\\", "?", "+"].iter().any(|sign| inside.contains(sign));
    (is_regex && !inside.is_empty()).then_some(at)
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    #[test_case(r#"{app="pay"} |= "timeout""#, 12)]
    #[test_case("@message like /deadlock/", 9)]
    #[test_case("msg LIKE '%time%'", 4)]
    #[test_case("{ $.status >= 500 }", 0)]
    #[test_case("fields @timestamp, @message | filter @message like /x/", 28)]
    #[test_case("%ECONN[A-Z]+%", 0)]
    #[test_case("?error ?timeout", 0)]
    #[test_case("–since", 0)]
    #[test_case("400<=status<500", 11)]
    #[test_case("timeout~", 7)]
    #[test_case(r#""connect refused"~3"#, 17)]
    #[test_case("message:/ECONN.*/", 8)]
    #[test_case("/time.*out/", 0)]
    #[test_case("error | head 10", 6; "a pipe of a shell")]
    #[test_case("{group=\"/ecs/go\"} | json", 18)]
    #[test_case("{service=\"orders\"}", 0)]
    #[test_case("filter status >= 500", 0)]
    #[test_case("stats count() by level", 0)]
    #[test_case("limit 10", 0)]
    #[test_case("msg like payment", 4)]
    #[test_case("status between 500 and 599", 7)]
    #[test_case("user IS NULL", 5)]
    #[test_case("status gte 500", 7)]
    #[test_case("status in [500, 502]", 10)]
    #[test_case("exists(user)", 0)]
    #[test_case("contains(msg, \"x\")", 0)]
    #[test_case("status=>500", 6)]
    #[test_case("status=5xx", 7)]
    #[test_case("status=500-599", 7)]
    #[test_case("level=error|warn", 6)]
    #[test_case("status=(500|502)", 7)]
    fn refused(text: &str, at: usize) {
        assert_eq!(find(text).map(|wrong| wrong.at), Some(at));
    }

    #[test_case("I would like /tmp to be writable"; "like in prose")]
    #[test_case("/aws/lambda/"; "a path")]
    #[test_case("why ?"; "a question")]
    #[test_case("a | b"; "a bar")]
    #[test_case("~/.ssh/config"; "a home")]
    #[test_case("50% of 100%"; "percent")]
    #[test_case("%20x%20"; "an encoded blank")]
    #[test_case("about ~5"; "approximately")]
    #[test_case("{\"a\":1}"; "an object")]
    #[test_case("list<map<int>>"; "types")]
    #[test_case("a | b is a table"; "a bar in prose")]
    #[test_case("limit of 10 reached"; "a limit in prose")]
    #[test_case("duration: 12 ms statement: SELECT id FROM t WHERE name LIKE '%x%' LIMIT 5"; "a statement in a line that was pasted")]
    #[test_case("cannot open %TEMP% on this host"; "a variable")]
    #[test_case("ran: cat /var/log/x | grep -c error | sort | head -n 3 > /tmp/out"; "a command in a line that was pasted")]
    #[test_case("filter is clogged"; "a filter in prose")]
    #[test_case("order=2026-11"; "a month")]
    fn text(text: &str) {
        assert!(find(text).is_none(), "{:?}", find(text));
    }
}
