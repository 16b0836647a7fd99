//! Decode → documents → bulk → outcome.

use std::time::{Duration, SystemTime};

use lambda_runtime::LambdaEvent;
use logctl_core::{
    dead_letter::{DeadLetter, Kind, Letter},
    document::Encoder,
    event::{Batch, LogEvent},
    index::Indices,
    names::is_own_group,
    payload::{self, DEFAULT_CAP, DecodeError, Payload},
};
use logctl_sink::{
    aws::Aws,
    dead_letters::DeadLetters,
    domain::Domain,
    environment::{ConfigError, Environment},
    function::{Failure, log, milliseconds},
    http::HttpClient,
    metrics::Invocation,
    writer::{Written, write},
};
use serde_json::{Value, json};
use tokio::time::Instant;

/// Kept back from the time an invocation has, for the dead letters: the bucket may need several tries.
const MARGIN: Duration = Duration::from_secs(15);

/// What lives as long as the sandbox.
pub struct Forwarder {
    domain: Domain,
    aws: Aws,
    dead_letters: DeadLetters,
    indices: Indices,
    region: String,
    stack: String,
    clock: fn() -> SystemTime,
}

impl Forwarder {
    /// Reads the configuration.
    ///
    /// # Errors
    /// One line that names the variable that is wrong.
    pub fn new(environment: Environment<'_>) -> Result<Self, ConfigError> {
        let http = HttpClient::new();
        let aws = environment.aws(&http)?;
        Ok(Self {
            domain: environment.domain(&http)?,
            dead_letters: DeadLetters {
                aws: aws.clone(),
                bucket: environment.require("LOGCTL_DEAD_LETTERS")?,
                owner: environment.require("LOGCTL_ACCOUNT")?,
            },
            aws,
            indices: Indices {
                prefix: environment.require("LOGCTL_INDEX_PREFIX")?,
                period: environment.require("LOGCTL_INDEX_PERIOD")?,
            },
            region: environment.require("AWS_REGION")?,
            stack: environment.require("LOGCTL_STACK")?,
            clock: environment.clock,
        })
    }

    /// Handles one delivery. Fails only when something is neither indexed nor a dead letter: then Lambda tries again,
    /// and what was indexed before meets its own id.
    pub async fn handle(&self, event: LambdaEvent<Value>) -> Result<(), Failure> {
        let now = (self.clock)();
        let left = event.context.deadline().duration_since(now).unwrap_or_default();
        let deadline = Instant::now() + left.saturating_sub(MARGIN);
        let request = &event.context.request_id;
        match self.decode(&event.payload) {
            Ok(Payload::Control) => Ok(()),
            Ok(Payload::Data(batch)) if is_own_group(&batch.origin.log_group) => {
                self.end_loop(&batch).await;
                Ok(())
            }
            Ok(Payload::Data(batch)) => self.index(&batch, deadline, milliseconds(now), request).await,
            Err(error) => self.keep_payload(&event.payload, &error, milliseconds(now), request).await,
        }
    }

    fn decode(&self, event: &Value) -> Result<Payload, DecodeError> {
        let data = event.pointer("/awslogs/data").and_then(Value::as_str).unwrap_or_default();
        payload::decode(data, &self.region, DEFAULT_CAP)
    }

    async fn index(&self, batch: &Batch, deadline: Instant, now: i64, request: &str) -> Result<(), Failure> {
        let begun = Instant::now();
        let encoder = Encoder { indices: &self.indices, origin: &batch.origin, ingested: now };
        let written = write(&self.domain, batch, &encoder, deadline).await;
        self.settle(&batch.events, &written, now, begun, request).await
    }

    async fn keep_payload(&self, event: &Value, error: &DecodeError, now: i64, request: &str) -> Result<(), Failure> {
        let data = event.pointer("/awslogs/data").and_then(Value::as_str);
        let letter = DeadLetter {
            kind: Kind::Undecodable,
            reason: error.to_string(),
            at: now,
            attempts: 1,
            letter: Letter::Payload { payload: data.map_or_else(|| event.to_string(), str::to_owned) },
        };
        let written = Written { dead: vec![letter], ..Written::default() };
        self.settle(&[], &written, now, Instant::now(), request).await
    }

    /// Keeps the dead letters, then tells what was done. What the engine said of them stands in the bucket and not in the
    /// log, since it may quote an event.
    async fn settle(
        &self,
        events: &[LogEvent],
        written: &Written,
        now: i64,
        begun: Instant,
        request: &str,
    ) -> Result<(), Failure> {
        let kept = self.dead_letters.keep(&written.dead, request).await;
        let invocation = Invocation {
            stack: &self.stack,
            at: now,
            took: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            events: events.len(),
            bytes: events.iter().map(|event| event.message.len()).sum(),
            oldest: events.iter().map(|event| event.timestamp).min(),
            written,
        };
        log(&invocation.line());
        kept.map_err(|error| Failure::new("DeadLetterRefused", error))
    }

    /// Drops events of a function of ours and deletes the filters that sent them: this very invocation writes log lines,
    /// so as long as a filter is there, each delivery causes the next.
    ///
    /// Where that is not possible (an account policy sent them, or the group is another stack's) the state `loop` in the
    /// audit tells; failing here would only cause more lines.
    async fn end_loop(&self, batch: &Batch) {
        let group = &batch.origin.log_group;
        for filter in &batch.filters {
            let input = json!({"logGroupName": group, "filterName": filter});
            if self.aws.logs::<Value>("DeleteSubscriptionFilter", &input).await.is_ok() {
                log(&json!({"outcome": "loop", "group": group, "deleted_filter": filter}));
            }
        }
    }
}
