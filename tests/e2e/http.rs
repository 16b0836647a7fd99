//! As much of HTTP/1.1 as the stand-ins of the tests speak.

use std::io::{BufRead, BufReader, Read, Result};

/// A request or an answer, as it came over the wire.
pub struct Message {
    /// The first line.
    pub start: String,
    /// Everything up to the body.
    pub head: Vec<u8>,
    pub body: Vec<u8>,
    /// Bytes of the body that is still to be read; it may come in chunks instead.
    length: usize,
    chunked: bool,
}

impl Message {
    /// Reads one, `None` where the other side has nothing more to say.
    pub fn read(stream: &mut BufReader<impl Read>) -> Result<Option<Self>> {
        let Some(mut message) = Self::read_head(stream)? else { return Ok(None) };
        message.read_body(stream)?;
        Ok(Some(message))
    }

    pub fn read_head(stream: &mut BufReader<impl Read>) -> Result<Option<Self>> {
        let mut head = Vec::new();
        let (mut length, mut chunked) = (0, false);
        loop {
            let from = head.len();
            if stream.read_until(b'\n', &mut head)? == 0 {
                return Ok(None);
            }
            let line = String::from_utf8_lossy(&head[from..]).trim().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            length = line.strip_prefix("content-length:").map_or(length, |value| value.trim().parse().unwrap());
            chunked |= line.starts_with("transfer-encoding:") && line.ends_with("chunked");
        }
        let start = String::from_utf8_lossy(&head).lines().next().unwrap_or_default().to_owned();
        Ok(Some(Self { start, head, body: Vec::new(), length, chunked }))
    }

    pub fn read_body(&mut self, stream: &mut BufReader<impl Read>) -> Result<()> {
        self.body = if self.chunked { Self::chunks(stream)? } else { Self::exactly(stream, self.length)? };
        Ok(())
    }

    /// Reads half of the body.
    pub fn read_half(&mut self, stream: &mut BufReader<impl Read>) -> Result<()> {
        self.body = Self::exactly(stream, self.length / 2)?;
        Ok(())
    }

    fn exactly(stream: &mut impl Read, length: usize) -> Result<Vec<u8>> {
        let mut body = vec![0; length];
        stream.read_exact(&mut body)?;
        Ok(body)
    }

    fn chunks(stream: &mut BufReader<impl Read>) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let mut line = String::new();
            stream.read_line(&mut line)?;
            let length = usize::from_str_radix(line.trim(), 16).unwrap_or_default();
            body.extend(Self::exactly(stream, length)?);
            stream.read_line(&mut line)?;
            if length == 0 {
                return Ok(body);
            }
        }
    }
}

/// An answer as bytes.
pub fn answer(status: u16, content_type: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    // Pages are of somebody who stands in the way; all else is of who was asked.
    let mark = if content_type == "text/html" { "" } else { "x-amzn-requestid: r\r\n" };
    let head = format!("HTTP/1.1 {status} -\r\ncontent-type: {content_type}\r\n{mark}content-length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}
