//! `logctl replay`: survey → confirm → index → outcome.
//!
//! What an outage has left is indexed by the forwarder itself; what the engine refused waits here for a mended cause.

mod report;

use std::sync::Mutex;

use logctl_core::{
    dead_letter::{ASIDE, DeadLetter, FAILED_INVOCATIONS, LetterKind},
    index_name::Indices,
    mapping::Mappings,
    redact::Redactor,
    services::Services,
};
use logctl_sink::{
    aws::s3::{Bucket, Object},
    breaker::Circuit,
    gate::Gate,
    own::OwnGroups,
    replay::{Lines, Replay, ReplayError},
};
use strum::IntoEnumIterator as _;
use tokio::time::{Duration, Instant};

use crate::{
    args::{Consent, ReportFormat, named},
    aws::Aws,
    context::Context,
    deploy::DeployedStack,
    error::{Error, Kind},
    progress::Progress as _,
    time::Moment,
    ui::Ui,
};

use report::{Outcome, Survey};

/// How long the letters of one object may take.
const TIMEOUT: Duration = Duration::from_mins(15);

/// How long credentials are used before they are asked for again; temporary ones live for 15 minutes at least.
const FRESH: Duration = Duration::from_mins(5);

/// Index what was received and could not be indexed
///
/// Shows the dead letters with their reasons, asks, and indexes them. A letter is taken away only after it is indexed, so a
/// run that was interrupted is finished by the next one, and nothing is indexed twice. What is refused again stays.
#[derive(Debug, clap::Args)]
pub struct ReplayArgs {
    /// Only letters of this kind
    #[arg(long, value_name = "KIND", value_parser = named::<LetterKind>())]
    pub kind: Vec<LetterKind>,
    /// Only letters whose reason contains this text
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Only letters given up since then: 2h, 3d, 2026-11-23, 09:30
    #[arg(long, value_name = "TIME")]
    pub since: Option<Moment>,
    /// Whether it goes on after the plan.
    #[command(flatten)]
    pub consent: Consent,
    /// How it is written.
    #[command(flatten)]
    pub format: ReportFormat,
}

/// Which letters.
struct Selection<'a> {
    kinds: &'a [LetterKind],
    reason: Option<&'a str>,
    /// In milliseconds since 1970.
    since: i64,
}

impl Selection<'_> {
    fn takes(&self, letter: &DeadLetter<'_>) -> bool {
        (self.kinds.is_empty() || self.kinds.contains(&letter.kind))
            && self.reason.is_none_or(|reason| letter.reason.contains(reason))
            // The record of an invocation that Lambda gave up has no time of its own.
            && (letter.at >= self.since || letter.at == 0)
    }

    /// What the keys of such letters begin with, and the key that comes before the first of them.
    fn prefixes(&self) -> impl Iterator<Item = (String, String)> {
        let day = crate::time::from_milliseconds(self.since).strftime("%Y-%m-%d").to_string();
        let kinds = LetterKind::iter().filter(|kind| self.kinds.is_empty() || self.kinds.contains(kind));
        let ours = kinds.clone().map(move |kind| (kind.prefix(), format!("{kind}/{day}")));
        let of_lambda = kinds.filter(|kind| *kind == LetterKind::Outage);
        ours.chain(of_lambda.map(|_| (FAILED_INVOCATIONS.to_owned(), String::new())))
            .chain([(ASIDE.to_owned(), String::new())])
    }
}

/// Runs the command.
///
/// # Errors
/// Not found without a stack; failed where the domain takes nothing or letters are refused again; interrupted by Ctrl-C.
pub async fn run(args: &ReplayArgs, cx: &Context<'_>, ui: &mut Ui) -> Result<(), Error> {
    ui.can_confirm(args.consent.yes || args.consent.dry_run)?;
    let since = args.since.as_ref().map(|since| since.at(cx.env.now, &ui.look.time_zone)).transpose()?;
    if since.is_some_and(|since| since > cx.env.now) {
        return Err(Error::new(Kind::Usage, "--since is in the future; no letter was given up then"));
    }
    let selection = Selection {
        kinds: &args.kind,
        reason: args.reason.as_deref(),
        since: since.map_or(0, jiff::Timestamp::as_millisecond),
    };
    let aws = Aws::connect(cx).await?.with_alias().await;
    let stack = DeployedStack::find_working(&aws, &cx.stack).await?;
    let bucket = bucket(&aws, &stack).await?;
    let indices = stack.settings.indices();
    let survey = survey(&aws, &bucket, &selection, &indices, ui).await?;
    for (key, reason) in &survey.set_aside {
        ui.warning(format_args!("{key} was set aside: {reason}"));
    }
    for key in &survey.unreadable {
        ui.warning(format_args!("{key} is not what the forwarder writes, and stays"));
    }
    if survey.letters() == 0 {
        let shown = ui.show(&Outcome::new(&aws.target));
        ui.status(format_args!("nothing to do: there are no such dead letters in {}", aws.target));
        return Error::worst([survey.check(), shown]);
    }
    ui.show_plan(&survey, args.consent.dry_run)?;
    if args.consent.dry_run {
        ui.status(format_args!("would {}; nothing was changed", survey.intent()));
        return survey.check();
    }
    ui.confirm(&survey.question(), args.consent.yes)?;
    cx.interrupt.arm();
    let mut outcome = Outcome { objects: survey.objects.len(), ..Outcome::new(&aws.target) };
    let ended = replay(&survey, &selection, &stack, &aws, cx, ui, &mut outcome).await;
    let shown = ui.show(&outcome);
    ui.status(outcome.closing_line());
    Error::worst([ended, outcome.result(), survey.check(), shown])
}

/// The bucket, with credentials that are good for a while.
async fn bucket(aws: &Aws, stack: &DeployedStack) -> Result<Bucket, Error> {
    let name = stack.dead_letters.clone().ok_or_else(|| {
        Error::failed(format!("stack {} names no bucket of dead letters", stack.name)).hint("run: logctl bootstrap")
    })?;
    Ok(Bucket { aws: aws.signed().await?, name, owner: aws.target.account.clone() })
}

/// Reads every object once, one at a time, and counts the letters by their reasons.
async fn survey(
    aws: &Aws,
    bucket: &Bucket,
    selection: &Selection<'_>,
    indices: &Indices,
    ui: &Ui,
) -> Result<Survey, Error> {
    let progress = ui.progress("reading dead letters", None);
    let failed = |error| aws.explain_signed("cannot read the dead letters", &error);
    let mut survey = Survey::new(&aws.target);
    for (prefix, first) in selection.prefixes() {
        let mut after = Some(first);
        while let Some(from) = after {
            let page = bucket.list(&prefix, &from).await.map_err(failed)?;
            for key in page.keys {
                match bucket.get(&key).await {
                    Ok(object) => read(key, &object, selection, indices, &mut survey),
                    Err(error) if error.code() == Some("NoSuchKey") => {}
                    Err(error) if error.is_too_long() => survey.unreadable.push(key),
                    Err(error) => return Err(failed(error)),
                }
                progress.step();
            }
            after = page.next;
        }
    }
    Ok(survey)
}

/// Counts the letters of one object.
fn read(key: String, object: &Object, selection: &Selection<'_>, indices: &Indices, survey: &mut Survey) {
    // What turns out to be something else has no letters.
    let mut found = Survey::default();
    let mut count = || -> Option<()> {
        let mut lines = Lines::new(&key, &object.body).ok()?;
        while let Some(chunk) = lines.chunk().ok()? {
            for line in chunk.lines() {
                let letter: DeadLetter<'_> = serde_json::from_str(line).ok()?;
                if selection.takes(&letter) {
                    found.count(&letter, indices);
                }
            }
        }
        Some(())
    };
    let counted = count();
    if let Some(reason) = object.reason.as_ref().filter(|_| counted.is_none() || found.letters() > 0) {
        survey.set_aside.insert(key.clone(), reason.clone());
    }
    match counted {
        Some(()) if found.letters() == 0 => {}
        Some(()) => {
            survey.merge(found);
            survey.objects.push(key);
        }
        None => survey.unreadable.push(key),
    }
}

async fn replay(
    survey: &Survey,
    selection: &Selection<'_>,
    stack: &DeployedStack,
    aws: &Aws,
    cx: &Context<'_>,
    ui: &Ui,
    outcome: &mut Outcome,
) -> Result<(), Error> {
    let settings = &stack.settings;
    let wrong = |error: String| Error::failed(format!("stack {} cannot be read", stack.name)).because(error);
    let domain = settings.domain().ok_or_else(|| wrong("it names no domain".to_owned()))?;
    let redactor = Redactor::new(&settings.redact, &settings.redact_patterns).map_err(wrong)?;
    let indices = &settings.indices();
    let services = Services::new(&settings.services).map_err(wrong)?;
    let mappings = Mutex::new(Mappings::new(settings.typed_names));
    let own = OwnGroups::new(aws.signed().await?, &aws.target.account, Some(stack.name.clone()));
    let gate = &Gate::new(own, &settings.accounts);
    let progress = ui.progress("indexing dead letters", Some(survey.objects.len()));
    let (mut writer, mut bucket) = (domain.writer(aws).await?, bucket(aws, stack).await?);
    let mut made = Instant::now();
    let mut unread = Ok(());
    for key in &survey.objects {
        if cx.interrupt.is_set() {
            outcome.interrupted = true;
            break;
        }
        if made.elapsed() > FRESH {
            (writer, bucket) = (domain.writer(aws).await?, self::bucket(aws, stack).await?);
            made = Instant::now();
        }
        let replay = Replay {
            bucket: &bucket,
            domain: &writer,
            gate,
            indices,
            region: &aws.target.region,
            cap: settings.max_payload,
            mappings: &mappings,
            services: &services,
            circuit: Circuit::Closed,
            redactor: redactor.as_ref(),
        };
        let now = cx.env.now.as_millisecond();
        match replay.object(key, |letter| selection.takes(letter), now, Instant::now() + TIMEOUT).await {
            Ok(replayed) => outcome.add(replayed),
            Err(error) if error.is_gone() => outcome.done += 1,
            // It waits for a person; those behind it do not wait with it.
            Err(error @ ReplayError::Object { .. }) => {
                unread = Err(Error::failed("an object cannot be read").because(error));
            }
            Err(ReplayError::Bucket(error)) => {
                let error = aws.explain_signed("cannot replay the dead letters", &error);
                return Err(match error.kind {
                    Kind::Denied => error
                        .hint(format!(
                            "the bucket admits its own stack, who deployed it first, and whom bootstrap was told: \
                             logctl bootstrap --replay-principal {}",
                            aws.principal()
                        ))
                        .hint("it takes s3:GetObject, PutObject, DeleteObject and DeleteObjectVersion there"),
                    _ => error.hint("what was indexed is taken away from them; the same command does the rest"),
                });
            }
        }
        progress.step();
        if outcome.outage.is_some() {
            break;
        }
    }
    unread
}
