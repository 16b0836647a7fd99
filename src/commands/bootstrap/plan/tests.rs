use aws_sdk_cloudformation::types::ResourceChange as Wire;
use insta::assert_snapshot;

use super::*;
use crate::ui::three_forms;

fn wire(
    action: ChangeAction,
    replacement: Option<Replacement>,
    name: &str,
    details: Vec<ResourceChangeDetail>,
) -> Change {
    let wire = Wire::builder()
        .action(action)
        .set_replacement(replacement)
        .logical_resource_id(name)
        .resource_type("AWS::Lambda::Function")
        .set_details(Some(details))
        .build();
    Change::builder().resource_change(wire).build()
}

fn of(changes: Vec<Change>) -> Plan {
    let set = ChangeSet {
        id: "c".into(),
        name: "n".into(),
        stack_id: "s".into(),
        stack: StackName::default(),
        creates: false,
        changes,
    };
    let target =
        Target { account: "1".into(), alias: Some("shop".into()), region: "eu-west-1".into(), partition: "aws".into() };
    let settings = StackSettings { endpoint: "https://a.example".parse().ok(), ..StackSettings::default() };
    Plan::new(&target, &"logctl".parse().unwrap(), &settings, &set, Some(&Artifacts::example()))
}

fn plan(changes: &[(ChangeAction, Option<Replacement>, &str)]) -> Plan {
    let changes = changes.iter().cloned();
    of(changes.map(|(action, replacement, name)| wire(action, replacement, name, Vec::new())).collect())
}

#[test]
fn replacing_the_forwarder_is_a_gap() {
    assert_eq!(plan(&[(ChangeAction::Modify, Some(Replacement::False), "LogsForwarder")]).gap(), None);
    assert_eq!(plan(&[(ChangeAction::Modify, Some(Replacement::True), "ForwarderRole")]).gap(), None);
    let replaced = plan(&[(ChangeAction::Modify, Some(Replacement::True), "LogsForwarder")]);
    let gap = "this would replace LogsForwarder: every subscription filter would point to nothing";
    assert_eq!(replaced.gap().as_deref(), Some(gap));
}

fn detail(
    property: &str,
    source: ChangeSource,
    evaluation: EvaluationType,
    cause: Option<&str>,
) -> ResourceChangeDetail {
    let target = aws_sdk_cloudformation::types::ResourceTargetDefinition::builder()
        .attribute(ResourceAttribute::Properties)
        .name(property)
        .requires_recreation(RequiresRecreation::Always)
        .build();
    ResourceChangeDetail::builder()
        .target(target)
        .change_source(source)
        .evaluation(evaluation)
        .set_causing_entity(cause.map(str::to_owned))
        .build()
}

/// The changes of `function`, and of what names it: the rule by way of a permission.
fn chain(function: Replacement) -> Plan {
    let by = |cause| detail("FunctionName", ChangeSource::ResourceAttribute, EvaluationType::Dynamic, Some(cause));
    let echo = detail("FunctionName", ChangeSource::DirectModification, EvaluationType::Dynamic, None);
    let modify = ChangeAction::Modify;
    of(vec![
        wire(modify.clone(), Some(Replacement::Conditional), "LogGroupCreatedRule", vec![by("SubscriberPermission")]),
        wire(
            modify.clone(),
            Some(Replacement::Conditional),
            "SubscriberPermission",
            vec![by("LogGroupCreated.Arn"), echo],
        ),
        wire(modify, Some(function), "LogGroupCreated", Vec::new()),
    ])
}

#[test]
fn what_depends_is_replaced_only_with_what_it_depends_on() {
    let unchanged = chain(Replacement::False);
    assert_eq!((unchanged.gap(), unchanged.changes.iter().all(|change| change.action == Act::Change)), (None, true));
    let replaced = chain(Replacement::True);
    assert!(replaced.changes.iter().all(|change| change.action == Act::Replace), "{replaced:?}");
}

#[test]
fn what_nothing_explains_counts_as_replaced() {
    let unexplained = detail("Name", ChangeSource::DirectModification, EvaluationType::Static, None);
    let changes = vec![wire(ChangeAction::Modify, Some(Replacement::Conditional), "DeadLetters", vec![unexplained])];
    assert!(of(changes).gap().unwrap().contains("replace DeadLetters"));
}

#[test]
fn the_worst_comes_first() {
    let plan = plan(&[
        (ChangeAction::Add, None, "B"),
        (ChangeAction::Modify, Some(Replacement::True), "A"),
        (ChangeAction::Remove, None, "C"),
    ]);
    assert_eq!(
        plan.grid().pipe().collect::<Vec<_>>(),
        ["replace\tA\tAWS::Lambda::Function", "remove\tC\tAWS::Lambda::Function", "add\tB\tAWS::Lambda::Function"]
    );
    assert_eq!(plan.question(), "Update stack logctl (3 resources) in account 1 (shop), eu-west-1?");
}

#[test]
fn the_plan_and_the_outcome() {
    let plan = of(vec![
        wire(ChangeAction::Add, None, "LoopEnded", Vec::new()),
        wire(
            ChangeAction::Modify,
            Some(Replacement::False),
            "LogsForwarder",
            vec![detail("Code", ChangeSource::ParameterReference, EvaluationType::Static, Some("ForwarderKey"))],
        ),
    ]);
    assert_snapshot!(three_forms(&plan), @r#"
    account 1 (shop), eu-west-1, to https://a.example
    DO        RESOURCE       TYPE             WHAT
    ~ change  LogsForwarder  Lambda Function  Code
    + add     LoopEnded      Lambda Function
    --- pipe
    change	LogsForwarder	AWS::Lambda::Function
    add	LoopEnded	AWS::Lambda::Function
    --- json
    {
      "schema": "logctl.bootstrap-plan/v1",
      "account": "1",
      "alias": "shop",
      "region": "eu-west-1",
      "stack": "logctl",
      "endpoint": "https://a.example",
      "creates": false,
      "changes": [
        {
          "action": "change",
          "name": "LogsForwarder",
          "kind": "AWS::Lambda::Function",
          "properties": [
            "Code"
          ]
        },
        {
          "action": "add",
          "name": "LoopEnded",
          "kind": "AWS::Lambda::Function",
          "properties": []
        }
      ]
    }
    "#);
    assert_snapshot!(three_forms(&Outcome::deployed(&plan)), @r#"
    --- pipe
    logctl	deployed
    --- json
    {
      "schema": "logctl.bootstrap/v1",
      "account": "1",
      "alias": "shop",
      "region": "eu-west-1",
      "stack": "logctl",
      "outcome": "deployed",
      "changes": [
        {
          "action": "change",
          "name": "LogsForwarder",
          "kind": "AWS::Lambda::Function",
          "properties": [
            "Code"
          ]
        },
        {
          "action": "add",
          "name": "LoopEnded",
          "kind": "AWS::Lambda::Function",
          "properties": []
        }
      ]
    }
    "#);
    assert_snapshot!(three_forms(&Outcome::unchanged(&plan)), @r#"
    --- pipe
    logctl	unchanged
    --- json
    {
      "schema": "logctl.bootstrap/v1",
      "account": "1",
      "alias": "shop",
      "region": "eu-west-1",
      "stack": "logctl",
      "outcome": "unchanged",
      "changes": []
    }
    "#);
}
