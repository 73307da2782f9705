"""awscli: what the tools for AWS have in common: they call it through the machine's own `aws` command, with its credentials and region.
AWS=COMMAND is another command, with words of its own where it has some, as for board/nitro/deploy.

read() never changes anything and runs always; change() is only said when it is a dry run. What AWS refuses becomes a Failed whose text
says what failed, on what, and what to do. The command itself tries again after throttling, server errors and lost connections.
"""
import json
import os
import re
import subprocess
import sys
import time

POLICY = 'README.md, "On AWS"'
ERROR = re.compile(r'An error occurred \((\S+?)\) when calling the (\w+) operation(?: \(reached max retries: \d+\))?: (.*)', re.S)
IAM_PREFIX = {'s3api': 's3'}  # where the command's name of a service is not IAM's
DENIED = {'UnauthorizedOperation', 'AccessDenied', 'AccessDeniedException', 'AuthorizationError', 'Client.UnauthorizedOperation'}
ADVICE = (
    ({'ExpiredToken', 'ExpiredTokenException', 'RequestExpired'}, 'the credentials have expired: get new ones and run it again'),
    ({'AuthFailure', 'InvalidClientTokenId', 'UnrecognizedClientException', 'SignatureDoesNotMatch', 'InvalidAccessKeyId'},
     'AWS does not know these credentials: see `aws sts get-caller-identity`'),
    ({'RequestLimitExceeded', 'Throttling', 'ThrottlingException', 'RequestThrottledException', 'ConcurrentLimitExceededException'},
     'AWS asks for fewer requests: run it again in some minutes'),
    ({'ServiceQuotaExceededException', 'ResourceLimitExceeded', 'AddressLimitExceeded', 'NatGatewayLimitExceeded',
      'InstanceLimitExceeded', 'SnapshotLimitExceeded'}, 'a quota of the account is used up: remove what is not needed, or ask for more'),
    ({'InsufficientInstanceCapacity'}, 'AWS has no such instance free in this zone now: run it again later'),
)
SAYINGS = (  # of the command itself, which reached nobody
    ('Unable to locate credentials', 'there are no credentials: `aws configure`, AWS_PROFILE or AWS_ACCESS_KEY_ID'),
    ('You must specify a region', 'there is no region: set AWS_REGION, or `aws configure set region`'),
    ('Unknown options', 'this aws command is too old: 2.17.34 or 1.34.3 is needed'),
    ('nvalid choice', 'this aws command is too old: 2.17.34 or 1.34.3 is needed'),
    ('onnect', 'the network to AWS failed: run it again, it goes on where it was'),
    ('', 'run it again, it goes on where it was'),
)


class Failed(Exception):
    """The text is for the operator."""


class Refused(Failed):
    """AWS answered, with an error of this code."""

    def __init__(self, text, code):
        super().__init__(text)
        self.code = code


def say(text):
    print(text, flush=True)


def listed(text):
    """The words of a list as make's variables have it: separated by commas or blanks."""
    return [word for word in re.split(r'[,\s]+', text or '') if word]


def tags_of(thing):
    return {t['Key']: t['Value'] for t in thing.get('Tags', ())}


def tag_list(tags):
    return json.dumps([{'Key': key, 'Value': value} for key, value in tags.items()])


def tag_specification(kind, tags):
    return json.dumps([{'ResourceType': kind, 'Tags': json.loads(tag_list(tags))}])


def filters(values):
    return ['--filters', json.dumps([{'Name': name, 'Values': [value]} for name, value in values.items()])]


def wait_for(what, ready, timeout_s, longest_s=10.0):
    """ready() as soon as it is true; asks often at first, then every longest_s."""
    end, pause = time.monotonic() + timeout_s, 0.25
    while True:
        result = ready()
        if result:
            return result
        if time.monotonic() > end:
            raise Failed(f'{what}: not within {timeout_s // 60} minutes. Run it again: it goes on waiting')
        time.sleep(pause)
        pause = min(pause * 1.6, longest_s)


def explain(service, words, status):
    """Of what the command said on its way out, the exception to raise."""
    m = ERROR.search(words)
    if not m:
        advice = next(advice for text, advice in SAYINGS if text in words)
        return Failed(f'aws {service}: {words.strip().splitlines()[-1] if words.strip() else f"exit {status}"}\n  {advice}')
    code, operation, message = m.groups()
    text = f'{operation} was refused ({code}): {message.strip()}'
    if code in DENIED:
        permission = f'{IAM_PREFIX.get(service, service)}:{operation}'
        return Refused(f'{text}\n  missing permission: {permission}. All that are needed: {POLICY}', code)
    advice = next((advice for codes, advice in ADVICE if code in codes), None)
    return Refused(f'{text}\n  {advice}' if advice else text, code)


class Aws:
    def __init__(self, dry_run=False):
        self.dry_run = dry_run
        self.region = os.environ.get('AWS_REGION') or os.environ.get('AWS_DEFAULT_REGION') or self._configured_region()
        if not self.region:
            raise Failed('there is no region: set AWS_REGION, or `aws configure set region`')
        self.environment = {**os.environ, 'AWS_PAGER': '', 'AWS_RETRY_MODE': os.environ.get('AWS_RETRY_MODE', 'standard'),
                            'AWS_MAX_ATTEMPTS': os.environ.get('AWS_MAX_ATTEMPTS', '6')}

    def read(self, service, action, *words, region=None):
        return self._run(service, action, words, region)

    def change(self, service, action, *words, region=None):
        """{} in a dry run."""
        if self.dry_run:
            shown = ' '.join(word if re.fullmatch(r'[\w./:@=,-]+', word) else f"'{word}'" for word in words)
            say(f'would call: aws {service} {action} {shown}' + (f' --region {region}' if region else ''))
            return {}
        return self._run(service, action, words, region)

    def _run(self, service, action, words, region):
        argv = [*command(), service, action, *words, '--region', region or self.region, '--output', 'json']
        own = any(word.split('=')[0] == '--endpoint-url' for word in argv)
        if os.environ.get('AWS_ENDPOINT_URL') and not own:  # commands before 2.13 do not read it themselves
            argv += ['--endpoint-url', os.environ['AWS_ENDPOINT_URL']]
        try:
            done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=self.environment)
        except FileNotFoundError:
            raise missing() from None
        if done.returncode:
            raise explain(service, done.stderr or done.stdout, done.returncode)
        return json.loads(done.stdout) if done.stdout.strip() else {}

    @staticmethod
    def _configured_region():
        try:
            return subprocess.run([*command(), 'configure', 'get', 'region'], capture_output=True, text=True).stdout.strip()
        except FileNotFoundError:
            raise missing() from None


def command():
    return (os.environ.get('AWS') or 'aws').split()


def missing():
    return Failed(f'the {command()[0]} command is missing: install it, or run `make deps`')


def run(main):
    """Runs a tool's main(); its Failed is told in one place."""
    try:
        sys.exit(main())
    except Failed as e:
        sys.exit(f'sealtap: {e}')
    except KeyboardInterrupt:
        sys.exit('sealtap: interrupted; run it again, it goes on where it was')
