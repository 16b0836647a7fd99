//! A line of one's own: `{time} {service} {order.id}`.

use std::str::FromStr;

use super::columns;
use crate::{events::Event, ui::one_line};

/// Text with names in braces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Name(String),
}

impl FromStr for Template {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const FORM: &str = "names stand in braces, as in '{time} {order.id}', and a brace is written twice";
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut signs = text.chars().peekable();
        while let Some(sign) = signs.next() {
            match sign {
                '{' | '}' if signs.peek() == Some(&sign) => {
                    signs.next();
                    plain.push(sign);
                }
                '{' => {
                    parts.push(Part::Text(std::mem::take(&mut plain)));
                    let mut name = String::new();
                    loop {
                        match signs.next() {
                            Some('}') => break,
                            Some('{') | None => return Err(FORM.to_owned()),
                            Some(sign) => name.push(sign),
                        }
                    }
                    if name.trim().is_empty() {
                        return Err(FORM.to_owned());
                    }
                    if name.contains(['*', '?']) {
                        return Err("a template has whole names; -F takes wildcards".to_owned());
                    }
                    parts.push(Part::Name(name.trim().to_owned()));
                }
                '}' => return Err(FORM.to_owned()),
                '\\' if signs.peek() == Some(&'t') => {
                    signs.next();
                    plain.push('\t');
                }
                sign => plain.push(sign),
            }
        }
        parts.push(Part::Text(plain));
        Ok(Self(parts))
    }
}

impl Template {
    /// The names in it.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Name(name) => Some(name.as_str()),
            Part::Text(_) => None,
        })
    }

    /// The line of an event; a name that it does not have is nothing.
    pub(super) fn fill(&self, event: &Event) -> String {
        let part = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Name(name) => one_line(&columns::value(event, name).unwrap_or_default()).into_owned(),
        };
        self.0.iter().map(part).collect()
    }
}
