//! Decode → redact → documents → bulk → outcome.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use lambda_runtime::LambdaEvent;
use logctl_core::{
    dead_letter::{DeadLetter, LetterKind, key},
    document::{Encoder, Target},
    event::{Batch, Origin},
    index_name::Indices,
    mapping::{DEFAULT_TYPED_NAMES, Mappings},
    names::StackName,
    payload::{self, DEFAULT_CAP, DecodeError, Payload},
    redact::Redactor,
    services::Services,
};
use logctl_sink::{
    aws::s3::Bucket,
    breaker::{Breaker, Circuit},
    domain::Domain,
    gate::{Gate, Verdict},
    lambda::environment::{ConfigError, Environment},
    lambda::metrics::{self, Delivery},
    lambda::{Failure, log, milliseconds},
    letters::Letters,
    own::OwnGroups,
    replay::REDRIVE,
    writer::{Writer, Written},
};
use serde_json::{Value, json};
use tokio::time::Instant;

/// Kept back from the time an invocation has, for the dead letters: the bucket may need several tries.
const MARGIN: Duration = Duration::from_secs(15);

/// Filters that are looked at where they feed the forwarder its own log; a group has a few.
const MAX_FILTERS: usize = 5;

/// What lives as long as the sandbox.
pub struct Forwarder {
    pub(crate) gate: Gate,
    pub(crate) domain: Domain,
    pub(crate) bucket: Bucket,
    pub(crate) indices: Indices,
    pub(crate) region: String,
    pub(crate) cap: u64,
    pub(crate) mappings: Mutex<Mappings>,
    pub(crate) redactor: Option<Redactor>,
    pub(crate) services: Services,
    breaker: Mutex<Breaker>,
    /// When the domain has answered properly for the last time.
    pub(crate) answered: Mutex<Option<Instant>>,
    /// Where the last redrive had no more time.
    pub(crate) redriven_to: Mutex<HashMap<String, String>>,
    verbose: bool,
    stack: StackName,
    clock: fn() -> SystemTime,
}

/// One invocation.
pub(crate) struct Invocation<'a> {
    request: &'a str,
    /// ARN of the function, without a version.
    function: &'a str,
    /// When it began, in milliseconds since 1970.
    pub at: i64,
    /// When Lambda ends it, in milliseconds since 1970.
    pub until: i64,
    begun: Instant,
    /// When it must end, but for the dead letters.
    pub deadline: Instant,
}

impl Forwarder {
    /// Reads the configuration.
    ///
    /// # Errors
    /// One line that names the variable that is wrong.
    pub fn new(environment: Environment<'_>) -> Result<Self, ConfigError> {
        let http = environment.http()?;
        let aws = environment.aws(&http)?;
        let stack: StackName = environment.require("LOGCTL_STACK")?;
        let account: String = environment.require("LOGCTL_ACCOUNT")?;
        let others: String = environment.optional("LOGCTL_ACCOUNTS")?.unwrap_or_default();
        Ok(Self {
            gate: Gate::new(OwnGroups::new(aws.clone(), &account, Some(stack.clone())), &others),
            domain: environment.domain(&http)?,
            bucket: Bucket { aws, name: environment.require("LOGCTL_DEAD_LETTERS")?, owner: account },
            indices: Indices {
                prefix: environment.require("LOGCTL_INDEX_PREFIX")?,
                period: environment.require("LOGCTL_INDEX_PERIOD")?,
            },
            region: environment.require("AWS_REGION")?,
            cap: environment.optional("LOGCTL_MAX_PAYLOAD")?.unwrap_or(DEFAULT_CAP),
            mappings: Mutex::new(Mappings::new(
                environment.optional("LOGCTL_TYPED_NAMES")?.unwrap_or(DEFAULT_TYPED_NAMES),
            )),
            redactor: environment.redactor()?,
            services: environment.services()?,
            breaker: Mutex::default(),
            answered: Mutex::default(),
            redriven_to: Mutex::default(),
            verbose: environment.is_verbose(),
            stack,
            clock: environment.clock,
        })
    }

    /// Handles one delivery, or the schedule's call to index what an outage has left. Fails only when something is neither
    /// indexed nor a dead letter: then Lambda tries again, and what was indexed before meets its own id.
    pub async fn handle(&self, event: LambdaEvent<Value>) -> Result<(), Failure> {
        let now = (self.clock)();
        let left = event.context.deadline().duration_since(now).unwrap_or_default();
        let begun = Instant::now();
        let deadline = begun + left.saturating_sub(MARGIN);
        let invocation = Invocation {
            request: &event.context.request_id,
            function: without_version(&event.context.invoked_function_arn),
            at: milliseconds(now),
            until: milliseconds(event.context.deadline()),
            begun,
            deadline,
        };
        if event.payload == REDRIVE {
            return self.redrive(&invocation).await;
        }
        match self.deliver(&event.payload, &invocation).await {
            Ok(outcome) => outcome,
            Err(kept) => self.keep_payload(&event.payload, kept, &invocation).await,
        }
    }

    async fn deliver(&self, event: &Value, invocation: &Invocation<'_>) -> Result<Result<(), Failure>, Kept> {
        let data = event.pointer("/awslogs/data").and_then(Value::as_str).unwrap_or_default();
        let text = payload::unpack(data, self.cap)?;
        let Payload::Data(batch) = payload::parse(&text, &self.region)? else { return Ok(Ok(())) };
        match self.gate.judge(&batch.origin).await {
            Verdict::Taken => Ok(self.index(&batch, text.len(), invocation).await),
            Verdict::Own => {
                self.end_loop(&batch, invocation).await;
                Ok(Ok(()))
            }
            Verdict::Refused(reason) => Err(Kept { kind: LetterKind::Rejected, reason }),
        }
    }

    async fn index(&self, batch: &Batch<'_>, bytes: usize, invocation: &Invocation<'_>) -> Result<(), Failure> {
        let target = Target::ByTime { indices: &self.indices, delivered: invocation.at };
        let encoder = Encoder::new(target, &batch.origin, invocation.at).with_services(&self.services);
        let mut letters = Letters::default();
        let circuit = self.circuit();
        let circuit_open = matches!(circuit, Circuit::Open(_));
        let writer = Writer {
            domain: &self.domain,
            mappings: &self.mappings,
            deadline: invocation.deadline,
            circuit,
            tried: 0,
            redactor: self.redactor.as_ref(),
        };
        let written = writer.write_batch(batch, &encoder, &mut letters).await;
        if !circuit_open {
            self.record(&written);
        }
        let Origin { log_group, log_stream, .. } = &batch.origin;
        self.debug(|| json!({"group": log_group, "stream": log_stream, "outage": written.outage()}));
        let delivery = Delivery {
            events: batch.events.len() + batch.unreadable.len(),
            bytes,
            oldest: batch.events.iter().map(|event| event.timestamp).min(),
            circuit_open,
        };
        self.settle(&delivery, &written, letters, invocation).await
    }

    /// What may be tried.
    pub(crate) fn circuit(&self) -> Circuit {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner).circuit(Instant::now())
    }

    /// Tells the circuit breaker how a write has ended.
    pub(crate) fn record(&self, written: &Written) {
        if written.outage().is_none() && written.created + written.duplicates == 0 {
            return; // Nothing was asked of the domain, or nothing is known of it.
        }
        if written.outage().is_none() {
            *self.answered.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        }
        let mut breaker = self.breaker.lock().unwrap_or_else(PoisonError::into_inner);
        breaker.record(written.outage(), Instant::now());
    }

    async fn keep_payload(&self, event: &Value, kept: Kept, invocation: &Invocation<'_>) -> Result<(), Failure> {
        let data = event.pointer("/awslogs/data").and_then(Value::as_str);
        let mut letters = Letters::default();
        letters.add(&DeadLetter {
            kind: kept.kind,
            reason: kept.reason.into(),
            at: invocation.at,
            attempts: 1,
            index: None,
            origin: None,
            event: None,
            payload: Some(data.map_or_else(|| event.to_string().into(), Into::into)),
        });
        self.settle(&Delivery::default(), &Written::default(), letters, invocation).await
    }

    /// Keeps the dead letters, then tells what was done. What the engine said of them stands in the bucket and not in the
    /// log, since it may quote an event.
    async fn settle(
        &self,
        delivery: &Delivery,
        written: &Written,
        letters: Letters,
        invocation: &Invocation<'_>,
    ) -> Result<(), Failure> {
        let metrics = delivery.metrics(invocation.at, written, &letters);
        let kept = letters.put(&self.bucket, |kind| key(kind, invocation.at, invocation.request)).await;
        self.tell(invocation, metrics);
        kept.map_err(|error| Failure::new("DeadLetterRefused", error))
    }

    /// Writes one more line, where they are asked for: names and what the domain says of itself, no log content.
    pub(crate) fn debug(&self, line: impl FnOnce() -> Value) {
        if self.verbose {
            log(&json!({"debug": line()}));
        }
    }

    /// Writes the line of metrics.
    pub(crate) fn tell(&self, invocation: &Invocation<'_>, metrics: Vec<(&'static str, &'static str, Value)>) {
        let took = u64::try_from(invocation.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        log(&metrics::line(self.stack.as_str(), invocation.at, took, metrics));
    }

    /// Drops events of a function of logctl and deletes the filters that sent them here: this very invocation writes log
    /// lines, so as long as a filter is there, each delivery causes the next. What a payload says of its filters may be
    /// forged: only one that is found to send here is deleted.
    ///
    /// Where that is not possible (an account policy sent them) the state `loop` in the audit tells; failing here would only
    /// cause more lines.
    async fn end_loop(&self, batch: &Batch<'_>, invocation: &Invocation<'_>) {
        let group = &batch.origin.log_group;
        let mut deleted = 0;
        for name in batch.filters.iter().take(MAX_FILTERS) {
            if Instant::now() >= invocation.deadline {
                break;
            }
            let found = self.bucket.aws.subscription_filters(group, Some(name)).await.unwrap_or_default();
            if !found.iter().any(|filter| filter.name == *name && filter.destination == invocation.function) {
                continue;
            }
            let input = json!({"logGroupName": group, "filterName": name});
            if self.bucket.aws.logs::<Value>("DeleteSubscriptionFilter", &input).await.is_ok() {
                log(&json!({"outcome": "loop", "group": group, "deleted_filter": name}));
                deleted += 1;
            }
        }
        self.tell(invocation, metrics::loops(deleted));
    }
}

/// Why a payload is kept whole.
struct Kept {
    kind: LetterKind,
    reason: String,
}

impl From<DecodeError> for Kept {
    fn from(error: DecodeError) -> Self {
        Self { kind: LetterKind::Undecodable, reason: error.to_string() }
    }
}

/// The ARN of a function without the version or alias that was invoked.
fn without_version(arn: &str) -> &str {
    arn.match_indices(':').nth(6).map_or(arn, |(at, _)| &arn[..at])
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_arn_without_its_version() {
        let arn = "arn:aws:lambda:eu-west-1:1:function:logctl-logctl-forwarder";
        assert_eq!(super::without_version(arn), arn);
        assert_eq!(super::without_version(&format!("{arn}:$LATEST")), arn);
    }
}
