use super::*;
use crate::{
    aws::mocked::{Account, Answer},
    deploy::stack::examples::described,
    error::Kind,
};

const MADE: Answer<'static> = (
    "CreateChangeSet",
    200,
    "<CreateChangeSetResponse><CreateChangeSetResult><Id>arn:set</Id><StackId>arn:stack</StackId>\
     </CreateChangeSetResult></CreateChangeSetResponse>",
);
const DELETED: Answer<'static> = (
    "DeleteChangeSet",
    200,
    "<DeleteChangeSetResponse><DeleteChangeSetResult></DeleteChangeSetResult></DeleteChangeSetResponse>",
);
const GONE: Answer<'static> = ("DeleteStack", 200, "<DeleteStackResponse></DeleteStackResponse>");

const VALIDATED: &str = "<DescribeEventsResponse><DescribeEventsResult><OperationEvents>\
    <member><LogicalResourceId>A</LogicalResourceId><ValidationStatus>SKIPPED</ValidationStatus></member>\
    <member><LogicalResourceId>ForwarderLogs</LogicalResourceId><ValidationStatus>FAILED</ValidationStatus>\
    <ValidationStatusReason>it exists already</ValidationStatusReason></member>\
    </OperationEvents></DescribeEventsResult></DescribeEventsResponse>";

fn looked(status: &str) -> String {
    format!(
        "<DescribeChangeSetResponse><DescribeChangeSetResult>{status}</DescribeChangeSetResult>\
         </DescribeChangeSetResponse>"
    )
}

fn listed(names: &[&str]) -> String {
    let member = |name: &&str| format!("<member><ChangeSetName>{name}</ChangeSetName></member>");
    let members: String = names.iter().map(member).collect();
    format!(
        "<ListChangeSetsResponse><ListChangeSetsResult><Summaries>{members}</Summaries></ListChangeSetsResult>\
         </ListChangeSetsResponse>"
    )
}

/// Makes a first change set that ends with `status`, in a shell that then holds sets of these names.
async fn first(
    status: &str,
    others: &[&str],
    work: impl AsyncFnOnce(&ChangeSet) -> Result<Verdict<usize>, Error>,
) -> (Result<usize, Error>, Vec<String>) {
    let (looked, shell, others) = (looked(status), described("1", "REVIEW_IN_PROGRESS", ""), listed(others));
    let answers = [
        MADE,
        ("DescribeChangeSet", 200, &looked),
        ("DescribeEvents", 200, VALIDATED),
        DELETED,
        ("DescribeStacks", 200, &shell),
        ("ListChangeSets", 200, &others),
        GONE,
    ];
    let account = Account::new(&answers).await;
    let stack = StackName::default();
    let draft = Draft {
        stack: &stack,
        existing: None,
        template: "{}",
        parameters: Vec::new(),
        tags: Vec::new(),
        role: None,
        reverts_drift: false,
        step: "bootstrap",
        at: 1,
    };
    let done = with_change_set(&account.aws().await, draft, &Interrupt::default(), work).await;
    (done, account.asked().await)
}

const COMPLETE: &str = "<Status>CREATE_COMPLETE</Status><Changes><member><Type>Resource</Type></member></Changes>";
const DISCARDED: [&str; 6] =
    ["CreateChangeSet", "DescribeChangeSet", "DeleteChangeSet", "DescribeStacks", "ListChangeSets", "DeleteStack"];

#[tokio::test]
async fn a_first_one_that_is_dropped_takes_its_shell_along() {
    let (done, asked) = first(COMPLETE, &[], async |set| Ok(Verdict::Dropped(set.changes.len()))).await;
    assert_eq!((done, asked), (Ok(1), DISCARDED.map(str::to_owned).to_vec()));
}

#[tokio::test]
async fn a_shell_that_holds_the_set_of_somebody_else_stays() {
    let (_, asked) = first(COMPLETE, &["logctl-2", "theirs"], async |_| Ok(Verdict::Dropped(0))).await;
    assert_eq!(asked, DISCARDED[..5]);
}

#[tokio::test]
async fn one_that_was_executed_is_left_alone() {
    let (done, asked) = first(COMPLETE, &[], async |_| Ok(Verdict::Executed(7))).await;
    assert_eq!((done, asked), (Ok(7), DISCARDED[..2].iter().map(ToString::to_string).collect()));
}

#[tokio::test]
async fn it_is_thrown_away_where_the_work_on_it_fails() {
    let declined = Error::new(Kind::Interrupted, "declined");
    let (done, asked) = first(COMPLETE, &[], async |_| Err(declined.clone())).await;
    assert_eq!((done, asked.len()), (Err(declined), DISCARDED.len()));
}

#[tokio::test]
async fn nothing_to_do_is_no_failure() {
    let nothing = "<Status>FAILED</Status><StatusReason>The submitted information didn't contain changes. Submit \
                   different information to create a change set.</StatusReason>";
    let (done, _) = first(nothing, &[], async |set| Ok(Verdict::Dropped(set.changes.len()))).await;
    assert_eq!(done, Ok(0));
    let refused = "<Status>FAILED</Status><StatusReason>No such bucket</StatusReason>";
    let (done, asked) = first(refused, &[], async |_| Ok(Verdict::Executed(1))).await;
    assert_eq!(
        done.unwrap_err().one_line(),
        "cannot prepare the stack: ForwarderLogs: it exists already: No such bucket"
    );
    assert_eq!(asked.iter().filter(|name| *name != "DescribeEvents").count(), DISCARDED.len());
}
