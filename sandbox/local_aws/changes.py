"""Change sets: which properties replace their resource, as AWS says it.

ministack knows that of some types, and calls every property of the others "Conditionally". That would make an ordinary
update look like a replacement of half the stack.
"""

from ministack.services.cloudformation import provisioners

# "Update requires: Replacement" in the CloudFormation template reference; all other properties are updated in place.
REPLACING = {
    "AWS::CloudWatch::Alarm": ("AlarmName",),
    "AWS::CloudWatch::Dashboard": ("DashboardName",),
    "AWS::Events::Rule": ("EventBusName", "Name"),
    "AWS::IAM::Role": ("Path", "RoleName"),
    "AWS::Lambda::EventInvokeConfig": ("FunctionName", "Qualifier"),
    "AWS::Lambda::Function": ("FunctionName", "PackageType"),
    "AWS::Lambda::Permission": (
        "Action",
        "EventSourceToken",
        "FunctionName",
        "FunctionUrlAuthType",
        "Principal",
        "PrincipalOrgID",
        "SourceAccount",
        "SourceArn",
    ),
    "AWS::Logs::LogGroup": ("LogGroupName",),
    "AWS::S3::Bucket": ("BucketName",),
    "AWS::S3::BucketPolicy": ("Bucket",),
    "AWS::SQS::Queue": ("FifoQueue", "QueueName"),
    "AWS::SQS::QueuePolicy": (),
    "Custom::DomainSetUp": ("ServiceToken",),
}


def install():
    provisioners._REPLACING_PROPERTIES.update(REPLACING)
