"""outputs: what the stack says of itself, and the appliance's instance and console.

The tools of day 2 know the stack by its outputs: InstanceId, InsideRouteTableIds, EvidenceBucket, AlarmTopicArn, SpoolVolumeId,
LaunchTemplateId, VpcId, OutsideSubnetId, InsideEniId, OutsideEniId. The instance is whichever has the outside interface: `replace` makes a
new one, and the stack's InstanceId is the first.
"""
import base64
import datetime
import re

from awscli import Failed, Refused, say, wait_for

VERDICT = re.compile(r'sealtap: (ARMED|CLOSED[^\r\n]*)')
VERSION = re.compile(r'sealtap: version (\S+)')


class Stack:
    def __init__(self, aws, name):
        self.aws, self.name = aws, name
        try:
            stack = aws.read('cloudformation', 'describe-stacks', '--stack-name', name)['Stacks'][0]
        except Refused as e:
            if e.code == 'ValidationError':
                raise Failed(f'there is no stack {name} in {aws.region}: STACK=NAME says another one') from e
            raise
        self.outputs = {o['OutputKey']: o['OutputValue'] for o in stack.get('Outputs', ())}

    def __getitem__(self, key):
        if not self.outputs.get(key):
            raise Failed(f'stack {self.name} has no output {key}')
        return self.outputs[key]

    def list(self, key):
        return re.split(r'[,\s]+', self[key])

    def interface(self, key):
        return self.aws.read('ec2', 'describe-network-interfaces', '--network-interface-ids', self[key])['NetworkInterfaces'][0]

    def instance_id(self):
        """The instance that has the outside interface; None when it is free."""
        attachment = self.interface('OutsideEniId').get('Attachment', {})
        return attachment.get('InstanceId') if attachment.get('Status') in ('attaching', 'attached', 'in-use') else None

    def instance(self):
        """As AWS describes it."""
        instance = self.instance_id()
        if not instance:
            raise Failed(f'no instance has the outside interface {self["OutsideEniId"]}: `make replace` makes one')
        return described(self.aws, instance)

    def spool_volume(self):
        """The spool's volume as described, or None when the stack has none."""
        if not self.outputs.get('SpoolVolumeId'):
            return None
        return self.aws.read('ec2', 'describe-volumes', '--volume-ids', self['SpoolVolumeId'])['Volumes'][0]


def described(aws, instance):
    return aws.read('ec2', 'describe-instances', '--instance-ids', instance)['Reservations'][0]['Instances'][0]


def stamp():
    return datetime.datetime.now(datetime.timezone.utc).strftime('%Y-%m-%dT%H:%M:%SZ')


# ---- the console

def console(aws, instance):
    """What EC2 keeps of it, 64 KiB at most."""
    text = aws.read('ec2', 'get-console-output', '--instance-id', instance, '--latest').get('Output') or ''
    try:  # newer commands have decoded it
        return base64.b64decode(text, validate=True).decode(errors='replace') if re.fullmatch(r'[A-Za-z0-9+/=\s]+', text) else text
    except ValueError:
        return text


def since(before, now):
    """What the console says that it did not say before."""
    end = before[-200:]
    return now[now.rindex(end) + len(end):] if end and end in now else now


def wait_armed(aws, instance, before, version, timeout_s):
    """Waits until the console says that this boot is armed; a boot of another version than expected fails."""
    said = {'text': ''}

    def armed():
        said['text'] = since(before, console(aws, instance))
        verdicts = VERDICT.findall(said['text'])
        return verdicts and verdicts[-1] == 'ARMED'

    try:
        wait_for(f'{instance} is not armed', armed, timeout_s)
    except Failed as e:
        verdicts = VERDICT.findall(said['text'])
        last = f'its console says: {verdicts[-1]}' if verdicts else 'its console says nothing of it'
        raise Failed(f'{e}\n  {last}\n  look: aws ec2 get-console-output --instance-id {instance} --latest --output text') from e
    versions = VERSION.findall(said['text'])
    if version and versions and versions[-1] != version:
        raise Failed(f'{instance} booted {versions[-1]} instead of {version}')
    say(f'{instance}: ARMED{", version " + versions[-1] if versions else ""}')
