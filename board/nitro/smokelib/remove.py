"""remove: takes away what a run made, and names what is still there: nothing counts as gone that AWS did not say is gone.

What evidence needs (its bucket and the audit's, key, roles of people) stays while Object Lock holds an object, a day here; the next run, or
`smoke remove`, then deletes it as the break-glass role, without going round any lock. What it costs till then: the key 1/30 dollar a day.

A thing is (what, name, how to remove it, whether it is gone). Each is tried by itself; what one says does not stop the others.
"""
import datetime
import json

from .cloud import Failed, Refused, words_of
from .steps import LOCK_DAYS

RETAINED = ('EvidenceBucket', 'AuditBucket', 'Key', 'SpoolVolume', 'AnalystRole', 'BreakGlassRole', 'Trail')
ABSENT = {'404', 'NoSuchBucket', 'NotFoundException', 'NoSuchEntity', 'InvalidVolume.NotFound', 'TrailNotFoundException',
          'InvalidAMIID.NotFound', 'InvalidAMIID.Unavailable', 'InvalidSnapshot.NotFound', 'AWS.SimpleQueueService.NonExistentQueue',
          'QueueDoesNotExist', 'NonExistentQueue', 'InvalidInstanceID.NotFound'}
ALIVE = 'pending,running,shutting-down,stopping,stopped'


def absent(cloud, *words):
    """Whether the thing that a call asks for is not there."""
    try:
        cloud.aws(*words)
        return False
    except Refused as e:
        if e.code in ABSENT or e.code == 'ValidationError' and 'does not exist' in str(e):
            return True
        raise


class Removal:
    def __init__(self, run):
        self.run, self.cloud, self.name, self.left = run, run.cloud, run.name, []
        self.until, self.glass, self.remembered = None, None, False

    # ---- client, queue, stack

    def clients(self):
        told = self.cloud.aws('ec2', 'describe-instances', *words_of({'tag:sealtap-smoke': self.name, 'instance-state-name': ALIVE}))
        return [i['InstanceId'] for r in told['Reservations'] for i in r['Instances']]

    def remove_client(self):
        found = self.clients()
        if found:
            self.cloud.aws('ec2', 'terminate-instances', '--instance-ids', *found)
            self.cloud.aws('ec2', 'wait', 'instance-terminated', '--instance-ids', *found, timeout_s=900)

    def remove_queue(self):
        url = self.cloud.aws('sqs', 'get-queue-url', '--queue-name', self.name)['QueueUrl']
        self.cloud.aws('sqs', 'delete-queue', '--queue-url', url)

    def stack_gone(self):
        return absent(self.cloud, 'cloudformation', 'describe-stacks', '--stack-name', self.name)

    def remove_stack(self):
        """In order, by deploy; a stack that is half made has no outputs, and is deleted without it."""
        if self.stack_gone():
            return
        if not self.remembered:
            raise Failed('it stays until the names of what it retains are known')
        try:
            self.run.stack_tool('down')
        except Failed as e:
            print(f'    deploy down: {e}; deleted without it', flush=True)
            self.cloud.aws('cloudformation', 'delete-stack', '--stack-name', self.name)
            self.cloud.aws('cloudformation', 'wait', 'stack-delete-complete', '--stack-name', self.name, timeout_s=1800)

    def remember(self):
        """Names of what the stack retains: known while it is there."""
        try:
            told = self.cloud.aws('cloudformation', 'describe-stack-resources', '--stack-name', self.name)['StackResources']
        except Refused as e:
            if e.code != 'ValidationError' or 'does not exist' not in str(e):
                raise
            told = []
        self.run.journal['resources'] = {**self.run.journal['resources'], **{
            r['LogicalResourceId']: r['PhysicalResourceId'] for r in told if r.get('LogicalResourceId') in RETAINED
            and r.get('PhysicalResourceId')}}
        self.remembered = True  # the stack may go

    # ---- what evidence needs

    def versions(self, bucket):
        told = self.cloud.aws('s3api', 'list-object-versions', '--bucket', bucket)
        return (told.get('Versions') or []) + (told.get('DeleteMarkers') or [])

    def locked_until(self, bucket):
        """When the youngest object's lock ends; None when there is no object."""
        newest = max((v['LastModified'] for v in self.versions(bucket)), default=None)
        if not newest:
            return None
        moment = datetime.datetime.fromisoformat(newest.replace('Z', '+00:00'))
        return moment + datetime.timedelta(days=LOCK_DAYS)

    def as_break_glass(self):
        if not self.glass:
            partition = self.cloud.aws('sts', 'get-caller-identity')['Arn'].split(':')[1]
            role = self.run.journal['resources']['BreakGlassRole']
            self.glass = self.run.assume(f'arn:{partition}:iam::{self.run.journal.account}:role/{role}')
        return self.glass

    def refuse_while_locked(self):
        bucket = self.run.journal['resources'].get('EvidenceBucket')
        if self.until is None and bucket and not absent(self.cloud, 's3api', 'head-bucket', '--bucket', bucket):
            self.until = self.locked_until(bucket)
        now = datetime.datetime.fromtimestamp(self.cloud.clock(), datetime.timezone.utc)
        if self.until and now < self.until:
            raise Locked(f'Object Lock holds evidence until {self.until:%Y-%m-%d %H:%M} UTC; then run this again')

    def remove_bucket(self, bucket):
        self.refuse_while_locked()
        who = self.as_break_glass()
        found = self.versions(bucket)
        for at in range(0, len(found), 250):  # as many as one word of a command holds
            listed = {'Objects': [{'Key': v['Key'], 'VersionId': v['VersionId']} for v in found[at:at + 250]], 'Quiet': True}
            told = self.cloud.aws('s3api', 'delete-objects', '--bucket', bucket, '--delete', json.dumps(listed), who=who)
            if told.get('Errors'):
                raise Failed(f'{bucket}: {told["Errors"][0].get("Message")}')
        self.cloud.aws('s3api', 'delete-bucket', '--bucket', bucket, who=who)

    def remove_key(self, key):
        self.refuse_while_locked()
        self.cloud.aws('kms', 'schedule-key-deletion', '--key-id', key, '--pending-window-in-days', '7', who=self.as_break_glass())

    def key_gone(self, key):
        try:
            return self.cloud.aws('kms', 'describe-key', '--key-id', key)['KeyMetadata']['KeyState'] == 'PendingDeletion'
        except Refused as e:
            if e.code in ABSENT:
                return True
            raise

    def say_ami_clean(self):
        raise Failed('`make ami-clean` removes what it began')

    def remove_role(self, role):
        """Last of all: the break-glass role deletes the rest."""
        if any(l['what'] in ('EvidenceBucket', 'AuditBucket', 'Key') for l in self.left):
            raise Locked('it is kept with the evidence')
        for policy in self.cloud.aws('iam', 'list-role-policies', '--role-name', role)['PolicyNames']:
            self.cloud.aws('iam', 'delete-role-policy', '--role-name', role, '--policy-name', policy)
        self.cloud.aws('iam', 'delete-role', '--role-name', role)

    # ---- all of it

    def things(self):
        """(what, name, remove, gone) in order; evaluated one by one, so that names are known when their turn comes."""
        aws, cloud, run = self.cloud.aws, self.cloud, self.run
        yield 'client', f'tag sealtap-smoke={self.name}', self.remove_client, lambda: not self.clients()
        yield 'queue', self.name, self.remove_queue, lambda: absent(cloud, 'sqs', 'get-queue-url', '--queue-name', self.name)
        yield 'names of what the stack retains', self.name, self.remember, lambda: True
        yield 'stack', self.name, self.remove_stack, self.stack_gone
        own, made = run.journal['resources'], run.journal['made']
        if own.get('Trail'):
            yield ('Trail', own['Trail'], lambda: aws('cloudtrail', 'delete-trail', '--name', own['Trail']),
                   lambda: absent(cloud, 'cloudtrail', 'get-trail', '--name', own['Trail']))
        if own.get('SpoolVolume'):
            yield ('SpoolVolume', own['SpoolVolume'], lambda: aws('ec2', 'delete-volume', '--volume-id', own['SpoolVolume']),
                   lambda: absent(cloud, 'ec2', 'describe-volumes', '--volume-ids', own['SpoolVolume']))
        if made and not made.get('ami'):
            yield 'AMI', 'begun by make ami', self.say_ami_clean, lambda: False
        elif made:
            yield ('AMI', made['ami'], lambda: aws('ec2', 'deregister-image', '--image-id', made['ami']), lambda: not [
                i for i in aws('ec2', 'describe-images', '--owners', 'self')['Images'] if i['ImageId'] == made['ami']])
            yield ('snapshot', made['snapshot'], lambda: aws('ec2', 'delete-snapshot', '--snapshot-id', made['snapshot']),
                   lambda: absent(cloud, 'ec2', 'describe-snapshots', '--snapshot-ids', made['snapshot']))
        for what in ('EvidenceBucket', 'AuditBucket'):
            if own.get(what):
                yield (what, own[what], lambda bucket=own[what]: self.remove_bucket(bucket),
                       lambda bucket=own[what]: absent(cloud, 's3api', 'head-bucket', '--bucket', bucket))
        if own.get('Key'):
            yield 'Key', own['Key'], lambda: self.remove_key(own['Key']), lambda: self.key_gone(own['Key'])
        for what in ('AnalystRole', 'BreakGlassRole'):
            if own.get(what):
                yield (what, own[what], lambda role=own[what]: self.remove_role(role),
                       lambda role=own[what]: absent(cloud, 'iam', 'get-role', '--role-name', role))

    def one(self, what, name, remove, gone):
        why, planned = '', False
        try:
            remove()
        except Failed as e:
            if isinstance(e, Refused) and e.code in ABSENT:
                why = 'it was not there, and then it was'
            else:
                why, planned = str(e), isinstance(e, Locked)
                if what.startswith('names'):
                    self.left.append({'what': what, 'name': name, 'why': why, 'planned': False})
                    return
        try:
            if gone():
                return
        except Failed as e:
            why, planned = f'{why}; whether it is gone could not be asked: {e}'.lstrip('; '), False
        line = {'what': what, 'name': name, 'why': why or 'it is still there', 'planned': planned}
        if planned and self.until:
            line['until'] = f'{self.until:%Y-%m-%dT%H:%M:%SZ}'
        self.left.append(line)

    def all(self):
        for thing in self.things():
            print(f'==> remove {thing[0]} {thing[1]}', flush=True)
            try:
                self.one(*thing)
            except Exception as e:  # an answer of another form than expected: the others have their turn all the same
                self.left.append({'what': thing[0], 'name': thing[1], 'why': f'{type(e).__name__} {e}', 'planned': False})
            self.run.journal['left'] = self.left
        return self.left


class Locked(Failed):
    """It stays for now, as planned."""


