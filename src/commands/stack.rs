//! `logctl stack`: what a pipeline of one's own needs instead of bootstrap.

mod domain_policy;
mod policy;

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::{Value, json};
use strum::{Display, EnumString, VariantNames};

use crate::{
    args::named,
    aws::Aws,
    context::Context,
    deploy::{DeployedStack, artifacts, settings::TEMPLATE},
    error::Error,
    ui::Ui,
};

/// Print what a pipeline of your own needs to deploy the stack
///
/// `logctl bootstrap` does all of it by itself. Each of these prints to stdout what goes into a file.
#[derive(Debug, clap::Args)]
pub struct StackArgs {
    /// What is printed.
    #[command(subcommand)]
    pub command: StackCommand,
}

/// What is printed.
#[derive(Debug, Subcommand)]
pub enum StackCommand {
    /// Print the stack's CloudFormation template
    Template,
    /// Put the functions' archives into a bucket, and print the parameters that name them
    ///
    /// What lies there already is compared, and not put again. The parameters are as `aws cloudformation deploy` and
    /// `create-stack` read them from a file.
    Package(PackageArgs),
    /// Print the IAM policy of a reader, an operator or a deployer
    ///
    /// A reader searches, audits and looks at the chain; an operator also subscribes groups and replays dead letters; a deployer
    /// also deploys and removes the stack, with what CloudFormation does in their name. A key, subnets and a secret are named once
    /// the stack has them; who uses --role-arn has to be allowed iam:PassRole for that role as well.
    Policy(PolicyArgs),
    /// Print what the domain has to admit
    ///
    /// The access policy that names the roles of the functions, and for a domain with fine-grained access control the requests
    /// that map them.
    DomainPolicy(DomainPolicyArgs),
}

/// Where the archives go.
#[derive(Debug, clap::Args)]
pub struct PackageArgs {
    /// Put them into this bucket, which must be the account's own
    #[arg(long, value_name = "NAME")]
    pub bucket: String,
    /// Folder with the functions' archives [default: those inside this logctl]
    #[arg(long, value_name = "FOLDER", env = "LOGCTL_FUNCTIONS", hide_env_values = true)]
    pub functions: Option<PathBuf>,
}

/// Who is allowed something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Display, EnumString, VariantNames)]
#[strum(serialize_all = "lowercase", parse_err_ty = String, parse_err_fn = nobody)]
pub enum Who {
    /// Searches and audits.
    Reader,
    /// Subscribes groups and replays dead letters.
    Operator,
    /// Deploys and removes the stack.
    Deployer,
}

fn nobody(_: &str) -> String {
    format!("there are {}", Who::VARIANTS.join(", "))
}

/// Whose policy it is.
#[derive(Debug, clap::Args)]
pub struct PolicyArgs {
    /// Who is allowed something
    #[arg(value_name = "WHO", value_parser = named::<Who>())]
    pub who: Who,
}

/// Whose roles the domain admits.
#[derive(Debug, clap::Args)]
pub struct DomainPolicyArgs {
    /// Admit the stacks of these accounts [default: this one]
    #[arg(long = "account", value_name = "ID", value_delimiter = ',')]
    pub accounts: Vec<String>,
}

/// Runs the command.
///
/// # Errors
/// Those of AWS, where it is asked; when stdout cannot be written.
pub async fn run(args: &StackArgs, cx: &Context<'_>, ui: &mut Ui) -> Result<(), Error> {
    match &args.command {
        StackCommand::Template => ui.line(TEMPLATE.trim_end()),
        StackCommand::Package(args) => package(args, cx, ui).await,
        StackCommand::Policy(args) => {
            let aws = Aws::connect(cx).await?;
            let stack = DeployedStack::find(&aws, &cx.stack).await?;
            let policy = policy::of(args.who, &aws.target, &cx.stack, stack.as_ref());
            let length = policy.to_string().len();
            if length > policy::MOST {
                ui.warning(format_args!(
                    "it has {length} characters, and IAM takes {} of one policy: make two of it",
                    policy::MOST
                ));
            }
            pretty(&policy, ui)
        }
        StackCommand::DomainPolicy(args) => {
            let aws = Aws::connect(cx).await?;
            let stack = DeployedStack::find(&aws, &cx.stack).await?;
            let text = domain_policy::of(&args.accounts, &aws.target, &cx.stack, stack.as_ref());
            ui.line(text.trim_end())
        }
    }
}

async fn package(args: &PackageArgs, cx: &Context<'_>, ui: &mut Ui) -> Result<(), Error> {
    let archives = artifacts::load(args.functions.as_deref())?;
    let aws = Aws::connect(cx).await?;
    let progress = ui.progress("uploading the functions", None);
    artifacts::upload(&aws, &args.bucket, &archives).await?;
    drop(progress);
    let keys = archives.iter().map(|archive| (archive.parameter, archive.key.as_str()));
    let parameters = [("CodeBucket", args.bucket.as_str())].into_iter().chain(keys);
    let parameters = parameters.map(|(name, value)| json!({"ParameterKey": name, "ParameterValue": value}));
    pretty(&parameters.collect::<Value>(), ui)?;
    ui.hint("add DomainEndpoint, and DomainArn or AuthMode; the template is printed by: logctl stack template");
    Ok(())
}

fn pretty(value: &Value, ui: &mut Ui) -> Result<(), Error> {
    let text = serde_json::to_string_pretty(value);
    ui.line(&text.map_err(|error| Error::failed("cannot write JSON").because(error))?)
}
