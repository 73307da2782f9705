"""metadata: what the metadata service of the lab's instance says, as a table of paths; and the means to change it while it runs."""
import json
import os

ACCOUNT, REGION, ZONE = '123456789012', 'eu-central-1', 'eu-central-1a'
INSTANCE, AMI, VPC = 'i-0123456789abcdef0', 'ami-0fedcba9876543210', 'vpc-0a1b2c3d4e5f60718'
VPC_NETS = '198.18.0.0/24\n198.19.0.0/20'  # S3 and KMS are outside of it
ROLE = 'sealtap'
OUTSIDE_MAC, INSIDE_MAC = '02:00:00:00:00:01', '02:00:00:00:00:02'
ROLES = '/latest/meta-data/iam/security-credentials/'
CREDENTIALS = ROLES + ROLE
MACS = '/latest/meta-data/network/interfaces/macs/'
LINKS = (
    {'mac': OUTSIDE_MAC, 'device-number': '0', 'interface-id': 'eni-00000000000000001', 'local-ipv4s': '198.18.0.10',
     'subnet-ipv4-cidr-block': '198.18.0.0/24'},
    {'mac': INSIDE_MAC, 'device-number': '1', 'interface-id': 'eni-00000000000000002', 'local-ipv4s': '198.19.0.1',
     'subnet-ipv4-cidr-block': '198.19.0.0/24'},
)
IDENTITY = {
    'accountId': ACCOUNT, 'architecture': 'x86_64', 'availabilityZone': ZONE, 'billingProducts': None, 'devpayProductCodes': None,
    'marketplaceProductCodes': None, 'imageId': AMI, 'instanceId': INSTANCE, 'instanceType': 'c6in.large', 'kernelId': None,
    'pendingTime': '2026-01-01T00:00:00Z', 'privateIp': '198.18.0.10', 'ramdiskId': None, 'region': REGION, 'version': '2017-09-30',
}


def link_answers():
    yield MACS, '\n'.join(link['mac'] + '/' for link in LINKS)
    for link in LINKS:
        for name, value in {**link, 'vpc-ipv4-cidr-blocks': VPC_NETS, 'vpc-id': VPC}.items():
            yield f'{MACS}{link["mac"]}/{name}', value


def instance_answers():
    meta = '/latest/meta-data/'
    yield '/latest/dynamic/instance-identity/document', json.dumps(IDENTITY, indent=2)
    yield meta + 'instance-id', INSTANCE
    yield meta + 'ami-id', AMI
    yield meta + 'mac', OUTSIDE_MAC
    yield meta + 'local-ipv4', LINKS[0]['local-ipv4s']
    yield meta + 'placement/region', REGION
    yield meta + 'placement/availability-zone', ZONE
    yield meta + 'services/domain', 'amazonaws.com'
    yield meta + 'services/partition', 'aws'
    yield ROLES, ROLE


class Metadata:
    def __init__(self, path):
        self.path = path
        self.tokens = 0
        self.answers = {**dict(instance_answers()), **dict(link_answers())}
        self.write()

    def write(self):
        with open(self.path + '.new', 'w') as f:
            json.dump({'tokens': self.tokens, 'answers': self.answers}, f)
        os.rename(self.path + '.new', self.path)

    def user_data(self, text):
        self.answers['/latest/user-data'] = text
        self.write()

    def credentials(self, keys):
        """keys: as AssumeRole answers them."""
        self.answers[ROLES] = ROLE
        self.answers[CREDENTIALS] = json.dumps({
            'Code': 'Success', 'LastUpdated': '2026-01-01T00:00:00Z', 'Type': 'AWS-HMAC', 'AccessKeyId': keys['AccessKeyId'],
            'SecretAccessKey': keys['SecretAccessKey'], 'Token': keys['SessionToken'], 'Expiration': keys['Expiration']}, indent=2)
        self.write()

    def no_credentials(self, code):
        """What the service answers while it can't get credentials for the role."""
        self.answers[CREDENTIALS] = json.dumps({'Code': code, 'Message': 'for a test', 'LastUpdated': '2026-01-01T00:00:00Z'})
        self.write()

    def no_role(self):
        """Nothing is found there, as when the instance's profile is taken away; until credentials()."""
        self.answers[ROLES] = self.answers[CREDENTIALS] = None
        self.write()

    def notice(self, path, text):
        """Sets a notice, or takes it back (None)."""
        self.answers['/latest/meta-data/' + path] = text
        self.write()

    def forget_tokens(self):
        self.tokens += 1
        self.write()
