//! What the forwarder does with a payload, without the network.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use bytes::Bytes;
use hyper::Request;
use logctl_core::{
    document::{Encoder, Target},
    index_name::{Indices, Period},
    mapping::Mappings,
    payload::{self, DEFAULT_CAP, Payload},
};
use logctl_sink::{aws::Signer, domain::gzip};

/// Bytes of one request, as in the forwarder.
const MAX_BODY: usize = 5 << 20;

/// The mapping of an index that has no event yet, on the newest engine.
const NEW: &[u8] = br#"{"i":{"mappings":{"disable_objects":true}}}"#;

/// What lives as long as a sandbox.
pub struct Ours {
    indices: Indices,
    mappings: Mappings,
    signer: Signer,
    body: Vec<u8>,
}

impl Ours {
    pub fn new() -> Self {
        let credentials = Credentials::from_keys("AKIAIOSFODNN7EXAMPLE", "secret", Some("session".repeat(100)));
        Self {
            indices: Indices { prefix: "logctl".parse().expect("a prefix"), period: Period::Day },
            mappings: Mappings::default(),
            signer: Signer::new(credentials, "eu-west-1".to_owned(), SystemTime::now),
            body: Vec::with_capacity(MAX_BODY),
        }
    }

    /// Payload → bulk body; each full body is handed to `each`.
    pub fn encode(&mut self, data: &str, normalises: bool, mut each: impl FnMut(&[u8])) {
        let text = payload::unpack(data, DEFAULT_CAP).expect("a payload of the corpus");
        let Ok(Payload::Data(batch)) = payload::parse(&text, "eu-west-1") else { return };
        assert!(batch.unreadable.is_empty());
        let now = 1_795_392_000_000;
        let target = Target::ByTime { indices: &self.indices, delivered: now };
        let encoder = Encoder::new(target, &batch.origin, now);
        let encoder = if normalises { encoder } else { encoder.bare() };
        self.body.clear();
        for event in &batch.events {
            let index = encoder.index(event.timestamp);
            if self.mappings.wants_reading(&index, 0) {
                self.mappings.read(&index, Some(NEW), 0);
            }
            encoder.encode(event, &mut self.mappings, &mut self.body);
            if self.body.len() > MAX_BODY {
                each(&self.body);
                self.body.clear();
            }
        }
        each(&self.body);
    }

    /// The same, compressed and signed.
    pub fn invoke(&mut self, data: &str) -> usize {
        let mut bytes = 0;
        let signer = self.signer.clone();
        self.encode(data, true, |body| {
            let mut request = Request::post("https://search-bench.eu-west-1.es.amazonaws.com/_bulk")
                .body(Bytes::from(gzip(body)))
                .expect("a request");
            signer.sign(&mut request, "es").expect("a signature");
            bytes += request.body().len();
        });
        bytes
    }
}
