//! Several accounts and Regions at once. What fails in one of them is a part of the answer.

use std::collections::{BTreeSet, HashSet};

use futures_util::future::join_all;
use logctl_core::names::StackName;

use super::asking_all;
use crate::{
    args::{AwsOptions, GroupSelection, Narrowing, Targets},
    aws::{Aws, Target},
    context::Context,
    deploy::DeployedStack,
    error::{Error, Kind},
    inventory::{self, Depth, Inventory, Reading},
    progress::Progress as _,
    ui::Ui,
    words::count,
};

/// What came of one account and Region.
#[derive(Debug)]
pub struct Looked {
    /// Which; as far as it is known where nobody came in.
    pub target: Target,
    /// The stack that was looked for.
    pub stack: Option<StackName>,
    /// What it holds, or why that is not known.
    pub found: Result<Inventory, Error>,
}

/// What is read in each.
pub struct Wanted<'a> {
    /// Which groups.
    pub selection: &'a GroupSelection,
    /// Which of them.
    pub narrowing: &'a Narrowing,
    /// Whether every group is asked.
    pub fresh: bool,
    /// How much of them.
    pub depth: Depth,
    /// Calls a second of each operation on filters.
    pub rate: f64,
}

/// Looks at every account and Region that is meant.
///
/// # Errors
/// Only where there is none to look at, or only one, and that fails.
pub async fn look(targets: &Targets, wanted: &Wanted<'_>, cx: &Context<'_>, ui: &mut Ui) -> Result<Vec<Looked>, Error> {
    let mut ways = Vec::new();
    for way in ways_in(targets, cx).await? {
        match way {
            Way::Open(aws) => ways.extend(in_regions(&aws.with_rate(wanted.rate), &targets.regions).await),
            closed @ Way::Closed(..) => ways.push(closed),
        }
    }
    let alone = ways.len() == 1;
    let progress = ui.progress("reading log groups", None);
    if !alone {
        progress.note(&format!("of {}", count(ways.len(), "account and Region")));
        progress.total(ways.len());
    }
    let looks = ways.into_iter().map(async |way| {
        let looked = match way {
            Way::Open(aws) => look_at(&aws, wanted, alone, cx, if alone { &progress } else { &() }).await,
            Way::Closed(target, error) => Looked { target, stack: None, found: Err(error) },
        };
        if !alone {
            progress.step();
        }
        looked
    });
    let mut looked = join_all(looks).await;
    drop(progress);
    // Two profiles may lead into one account, which is there once.
    let mut seen = HashSet::new();
    looked.retain(|Looked { target, found, .. }| {
        found.is_err() || seen.insert((target.account.clone(), target.region.clone()))
    });
    if alone && let Some(Looked { found: Err(error), .. }) = looked.pop_if(|looked| looked.found.is_err()) {
        return Err(error);
    }
    for Looked { target, found, .. } in &looked {
        match found {
            Ok(inventory) if alone => inventory.notes.iter().for_each(|note| ui.warning(note)),
            Ok(inventory) => inventory.notes.iter().for_each(|note| ui.warning(format_args!("{target}: {note}"))),
            Err(error) => ui.warning(format_args!("{target}: {}", error.one_line())),
        }
    }
    if !alone {
        check_found(&looked, wanted)?;
    }
    Ok(looked)
}

/// Checks that what is meant is somewhere, where all could be looked at.
fn check_found(looked: &[Looked], wanted: &Wanted<'_>) -> Result<(), Error> {
    let found: Option<Vec<&Inventory>> = looked.iter().map(|looked| looked.found.as_ref().ok()).collect();
    let Some(found) = found else { return Ok(()) };
    let of_all = |glob: &&String| found.iter().all(|inventory| inventory.idle.contains(glob));
    if let Some(glob) = found.first().and_then(|first| first.idle.iter().find(of_all)) {
        let what = format!("no log group matches {glob} in any of {}", count(found.len(), "account and Region"));
        return Err(Error::new(Kind::NotFound, what));
    }
    wanted.narrowing.check_any(found.iter().map(|inventory| inventory.groups.len()).sum(), &BTreeSet::new())
}

/// A way into an account.
enum Way {
    /// It is open.
    Open(Box<Aws>),
    /// It is closed, for this reason.
    Closed(Target, Error),
}

impl Way {
    fn new(way: Result<Aws, Error>, target: impl FnOnce() -> Target) -> Self {
        match way {
            Ok(aws) => Self::Open(Box::new(aws)),
            Err(error) => Self::Closed(target(), error),
        }
    }
}

/// The ways into every account: by a profile, or a role.
async fn ways_in(targets: &Targets, cx: &Context<'_>) -> Result<Vec<Way>, Error> {
    let profiles: Vec<&str> = cx.global.aws.profile.iter().flat_map(|profile| profile.split(',')).collect();
    if profiles.len() > 1 {
        if profiles.contains(&"") {
            let what = format!("--profile {}: one of the names is empty", profiles.join(","));
            return Err(Error::new(Kind::Usage, what).hint("names side by side, with commas between them"));
        }
        if targets.role.is_some() {
            let what = "--profile with several names, and --role, are two ways into several accounts";
            return Err(Error::new(Kind::Usage, what).hint("leave out one of them"));
        }
        let of_profile = async |profile: &&str| {
            let options = AwsOptions { profile: Some((*profile).to_owned()), ..cx.global.aws.clone() };
            let unknown = || Target { account: format!("of profile {profile}"), ..Target::default() };
            Way::new(Aws::connect_with(&options, cx).await, unknown)
        };
        return Ok(join_all(profiles.iter().map(of_profile)).await);
    }
    let aws = Aws::connect(cx).await?;
    let Some(role) = &targets.role else { return Ok(vec![Way::Open(Box::new(aws))]) };
    let of_account = async |account: &String| {
        let unknown = || Target { account: account.clone(), alias: None, ..aws.target.clone() };
        if *account == aws.target.account {
            return Way::Open(Box::new(aws.clone())); // It is the caller's own.
        }
        Way::new(aws.with_role(account, role).await, unknown)
    };
    Ok(join_all(targets.accounts.iter().map(of_account)).await)
}

/// The same account in each Region that is meant.
async fn in_regions(aws: &Aws, regions: &[String]) -> Vec<Way> {
    let open = |region: &String| Way::Open(Box::new(aws.in_region(region)));
    match regions {
        [] => vec![Way::Open(Box::new(aws.clone()))],
        some if some.iter().any(|region| region == "all") => match aws.regions().await {
            Ok(regions) if regions.is_empty() => {
                let error = Error::failed("AWS names no Region that is enabled").hint("name them with --regions");
                vec![Way::Closed(Target { region: "all".to_owned(), ..aws.target.clone() }, error)]
            }
            Ok(regions) => regions.iter().map(open).collect(),
            Err(error) => {
                let target = Target { region: "all".to_owned(), ..aws.target.clone() };
                vec![Way::Closed(target, error.hint("name them with --regions, or allow ec2:DescribeRegions"))]
            }
        },
        regions => regions.iter().map(open).collect(),
    }
}

async fn look_at(
    aws: &Aws,
    wanted: &Wanted<'_>,
    alone: bool,
    cx: &Context<'_>,
    progress: &dyn crate::progress::Progress,
) -> Looked {
    let Wanted { selection, narrowing, fresh, depth, .. } = *wanted;
    let found = async {
        let stack = if depth == Depth::Names { None } else { DeployedStack::find_if_any(aws, cx).await? };
        let narrowing = Some(narrowing);
        let all = asking_all(aws, selection, cx);
        let reading = Reading { narrowing, fresh, depth, one_of_several: !alone, ..all };
        let take = inventory::take(aws, stack.as_ref(), &reading, aws.time(cx.env.now), progress);
        let found = Box::pin(take).await?;
        Ok((stack.map(|stack| stack.name), found))
    };
    match found.await {
        Ok((stack, found)) => Looked { target: aws.target.clone(), stack, found: Ok(found) },
        Err(error) => Looked { target: aws.target.clone(), stack: None, found: Err(error) },
    }
}

/// The error of looks that have not told everything.
///
/// # Errors
/// Incomplete where some have answered, and that of the first where none has.
pub fn check(looked: &[Looked]) -> Result<(), Error> {
    let failed: Vec<&Error> = looked.iter().filter_map(|looked| looked.found.as_ref().err()).collect();
    let unread = looked.iter().filter_map(|looked| looked.found.as_ref().ok()).map(Inventory::check);
    let Some(first) = failed.first() else { return Error::worst(unread) };
    if failed.len() == looked.len() {
        return Err((*first).clone());
    }
    let message = format!("{} of {} accounts and Regions could not be read", failed.len(), looked.len());
    Err(Error::new(Kind::Incomplete, message).because(first.one_line()))
}
