#!/usr/bin/env python3
"""ami_test: `make ami` and `make ami-clean` as they run, with the real aws command, against moto and the strict stand-in before it.

The release image goes through once; the scenes of failures have a made-up disk of a few blocks.
"""
import hashlib
import itertools
import json
import os
import random
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
from lab import account, certs, testing  # noqa: E402
sys.path.insert(0, os.path.join(certs.TOP, 'image'))
import pcr  # noqa: E402
from lab.standin import BLOCK  # noqa: E402

RELEASE = os.path.join(certs.TOP, 'build', 'nitro')
TOOL = 'image/ami'
READING = re.compile(r'\w+:(Describe|Get|List)')
SAME_TWICE = re.compile(r'\w+:(Describe|Get|List|Modify|CreateTags)')  # nothing comes of doing it once more
SIGNER = 'ab' * 32
OTHERS = ('111122223333', '444455556666')
KEY = f'arn:aws:kms:{account.REGION}:{account.ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab'


def made_up(folder, seed=1, blocks=(0, 3), whole=7, signer=None, **more):
    """A folder with a disk of `whole` blocks, of which these are not empty, the last one partly there, SBOM and manifest; more: files."""
    os.makedirs(folder, exist_ok=True)
    dice = random.Random(seed)
    disk = bytearray(whole * BLOCK - 1000)
    for index in blocks:
        disk[index * BLOCK:index * BLOCK + 4096] = dice.randbytes(4096)
    files = {'disk.img': bytes(disk), 'sbom.json': b'{"seed": %d}' % seed, **more}
    manifest = {'version': f'v1.{seed}-0-gabcdef123456', 'pcr4_sha256': f'{seed:064x}', 'signer_sha256': signer,
                'artefacts': {name: {'bytes': len(data), 'sha256': hashlib.sha256(data).hexdigest()} for name, data in files.items()}}
    for name, data in (*files.items(), ('manifest.json', json.dumps(manifest).encode())):
        with open(os.path.join(folder, name), 'wb') as f:
            f.write(data)
    return folder


def read(folder, name):
    with open(os.path.join(folder, name), 'rb') as f:
        return f.read()


def result(folder):
    return json.loads(read(folder, 'ami.json'))


def stored(aws, snapshot):
    """A snapshot's bytes up to its last block, by ListSnapshotBlocks and GetSnapshotBlock."""
    indices = [int(b['BlockIndex']) for b in json.loads(aws.get('ebs', f'/snapshots/{snapshot}/blocks'))['Blocks']]
    disk = bytearray((max(indices) + 1) * BLOCK)
    for index in indices:
        disk[index * BLOCK:(index + 1) * BLOCK] = aws.get('ebs', f'/snapshots/{snapshot}/blocks/{index}?blockToken=t')
    return bytes(disk)


def require_disk(aws, folder):
    """The AMI of this folder's ami.json has the folder's disk, and zeros behind it."""
    disk, there = read(folder, 'disk.img'), stored(aws, result(folder)['snapshot_id'])
    size = max(len(disk), len(there))
    assert there.ljust(size, b'\0') == disk.ljust(size, b'\0'), 'the snapshot is not the image'


def ours(aws):
    """(AMIs, snapshots of the stand-in) that are there."""
    images = re.findall(r'<imageId>(ami-\w+)', aws.ec2('DescribeImages').decode())
    told = aws.ec2('DescribeSnapshots').decode()
    return images, [s for s in aws.stand_in.snapshots if s in told]


def changing(aws, since=0):
    return [name for name in aws.names(since) if not READING.match(name)]


def fresh(aws, folder, name, **about):
    """An empty account, and a made-up image."""
    aws.reset()
    return made_up(os.path.join(folder, name), **about)


def release(aws, folder):
    """The AMI's disk is the release image, byte for byte; blocks of zeros were not sent, and it is registered as Nitro wants it"""
    folder = os.path.join(folder, 'release')
    os.makedirs(folder)
    for name in ('disk.img', 'sbom.json', 'manifest.json'):
        os.symlink(os.path.join(RELEASE, name), os.path.join(folder, name))
    aws.reset()
    quick, aws.quick = aws.quick, None  # the plain command, once
    aws.succeeds(TOOL, 'make', '--dir', folder)
    aws.quick = quick
    require_disk(aws, folder)
    told, manifest = result(folder), json.loads(read(folder, 'manifest.json'))
    disk = read(folder, 'disk.img')
    full = [i for i in range(-(-len(disk) // BLOCK)) if disk[i * BLOCK:(i + 1) * BLOCK].strip(b'\0')]
    assert aws.names().count('ebs:PutSnapshotBlock') == len(full), 'blocks of zeros were sent, or some twice'
    print(f'  {len(full)} of {-(-len(disk) // BLOCK)} blocks sent')
    complete = aws.stand_in.snapshots[told['snapshot_id']]['complete']
    assert complete['x-amz-checksum-aggregation-method'] == 'LINEAR' and 'x-amz-checksum' in complete, 'no checksum over the whole'
    registered = aws.stand_in.images[told['image_id']]
    wanted = {'Architecture': 'x86_64', 'VirtualizationType': 'hvm', 'BootMode': 'uefi', 'TpmSupport': 'v2.0', 'ImdsSupport': 'v2.0',
              'EnaSupport': 'true', 'RootDeviceName': '/dev/xvda', 'BlockDeviceMapping.1.DeviceName': '/dev/xvda'}
    assert wanted.items() <= registered.items(), registered
    assert 'UefiData' not in registered
    tags = told['tags']
    assert tags['sealtap:pcr4-sha256'] == manifest['pcr4_sha256'] and tags['sealtap:version'] == manifest['version']
    assert tags['sealtap:sbom-sha256'] == hashlib.sha256(read(folder, 'sbom.json')).hexdigest()
    assert re.fullmatch('[0-9a-f]{40}', tags['sealtap:commit']), tags
    assert tags['sealtap:image'] in aws.ec2('DescribeImages').decode()


def again(aws, folder):
    """The same image gives the same AMI, and nothing is changed the second time; another image gives another"""
    folder = fresh(aws, folder, 'again')
    aws.succeeds(TOOL, 'make', '--dir', folder)
    first, so_far = result(folder), len(aws.calls)
    aws.succeeds(TOOL, 'make', '--dir', folder)
    assert result(folder) == first and not changing(aws, so_far), changing(aws, so_far)
    os.unlink(os.path.join(folder, 'ami.json'))
    aws.succeeds(TOOL, 'make', '--dir', folder)
    assert result(folder) == first
    aws.succeeds(TOOL, 'make', '--dir', made_up(folder, seed=2))
    assert result(folder)['image_id'] != first['image_id'] and len(ours(aws)[0]) == 2


def dry(aws, folder):
    """A dry run says each call that would change something and makes none of them"""
    folder = fresh(aws, folder, 'dry')
    said = aws.succeeds(TOOL, 'make', '--dir', folder, '--dry-run', '--copy-to', 'eu-west-1', '--share', OTHERS[0])
    assert not changing(aws) and sorted(os.listdir(folder)) == ['disk.img', 'manifest.json', 'sbom.json'], os.listdir(folder)
    for call in ('start-snapshot', 'put-snapshot-block', 'complete-snapshot', 'register-image', 'create-tags'):
        assert call in said, f'{call} is not said:\n{said}'
    aws.succeeds(TOOL, 'make', '--dir', folder)
    so_far = len(aws.calls)
    said = aws.succeeds(TOOL, 'make', '--dir', folder, COPY_TO='eu-west-1', SHARE=OTHERS[0], DRY_RUN='1')
    said += aws.succeeds(TOOL, 'clean', '--dir', folder, '--dry-run')
    assert not changing(aws, so_far), changing(aws, so_far)
    for call in ('copy-image', 'modify-image-attribute', 'modify-snapshot-attribute', 'deregister-image', 'delete-snapshot'):
        assert call in said, f'{call} is not said:\n{said}'


def given_key(aws, folder):
    """With KMS_KEY the snapshot is encrypted under it, with UEFI_DATA the AMI has the Secure Boot keys; each is an AMI of its own"""
    folder = fresh(aws, folder, 'key')
    store = os.path.join(folder, 'uefi')
    with open(store, 'w') as f:
        f.write('QU1aTlVFRkk=\n')
    aws.succeeds(TOOL, 'make', '--dir', folder)
    plain = result(folder)['image_id']
    made_up(folder, signer=SIGNER)
    aws.succeeds(TOOL, 'make', '--dir', folder, KMS_KEY=KEY, UEFI_DATA=store)
    told = result(folder)
    asked = aws.stand_in.snapshots[told['snapshot_id']]['parameters']
    assert asked['Encrypted'] is True and asked['KmsKeyArn'] == KEY, asked
    assert aws.stand_in.images[told['image_id']]['UefiData'] == 'QU1aTlVFRkk='
    assert told['image_id'] != plain


def unsigned_is_said(aws, folder):
    """An AMI of an unsigned image is called UNSIGNED and has no Secure Boot keys; a signed one without keys says that nobody checks"""
    folder = fresh(aws, folder, 'unsigned')
    said = aws.succeeds(TOOL, 'make', '--dir', folder)
    told = result(folder)
    assert 'UNSIGNED' in said and told['tags']['sealtap:signer-sha256'] == 'unsigned' and told['signer_sha256'] is None, said
    assert 'UefiData' not in aws.stand_in.images[told['image_id']]
    so_far = len(aws.calls)
    with open(os.path.join(folder, 'uefi'), 'w') as f:
        f.write('QU1aTlVFRkk=\n')
    status, said = aws.tool(TOOL, 'make', '--dir', folder, UEFI_DATA=os.path.join(folder, 'uefi'))
    assert status and 'is not signed' in said and not changing(aws, so_far), said
    said = aws.succeeds(TOOL, 'make', '--dir', made_up(folder, seed=2, signer=SIGNER))
    assert 'NOBODY CHECKS' in said and 'UNSIGNED' not in said and result(folder)['tags']['sealtap:signer-sha256'] == SIGNER, said


def built_with_keys(aws, folder):
    """An image built with BOOT_KEYS brings its Secure Boot keys: the AMI has them, UEFI boot and a TPM; others are refused"""
    folder = fresh(aws, folder, 'keys')
    made_up(folder, signer=SIGNER, **{'uefi-data': b'QU1aTlVFRkkBAQ==\n'})
    said = aws.succeeds(TOOL, 'make', '--dir', folder)
    image = aws.stand_in.images[result(folder)['image_id']]
    assert (image['UefiData'], image['BootMode'], image['TpmSupport']) == ('QU1aTlVFRkkBAQ==', 'uefi', 'v2.0'), image
    assert 'NOBODY' not in said and SIGNER in said and result(folder)['secure_boot_data'] is True, said
    with open(os.path.join(folder, 'uefi-data'), 'a') as f:
        f.write(' ')
    status, said = aws.tool(TOOL, 'make', '--dir', folder)
    assert status and 'uefi-data is not the one' in said, said


def policy(aws, folder):
    """Copies are made in other regions and shared, with their snapshots; the documented policy allows what it takes and no more"""
    folder = fresh(aws, folder, 'policy')
    with open(os.path.join(certs.TOP, 'image', 'ami-policy.json')) as f:
        granted = {a for s in json.load(f)['Statement'] for a in s['Action'] if not a.startswith('kms:')}
    aws.stand_in.allowed = granted
    aws.succeeds(TOOL, 'make', '--dir', folder, COPY_TO='eu-west-1,us-east-1', SHARE=','.join(OTHERS))
    told = result(folder)
    assert sorted(told['copies']) == ['eu-west-1', 'us-east-1'], told
    shared = aws.ec2('DescribeImageAttribute', ImageId=told['image_id'], Attribute='launchPermission').decode()
    volumes = aws.ec2('DescribeSnapshotAttribute', SnapshotId=told['snapshot_id'], Attribute='createVolumePermission').decode()
    assert all(other in shared and other in volumes for other in OTHERS), shared + volumes
    so_far = len(aws.calls)
    aws.succeeds(TOOL, 'make', '--dir', folder, COPY_TO='eu-west-1,us-east-1')
    assert result(folder)['copies'] == told['copies'] and not changing(aws, so_far), changing(aws, so_far)
    for region in (account.REGION, 'eu-west-1', 'us-east-1'):
        said = aws.succeeds(TOOL, 'clean', '--dir', folder, AWS_REGION=region)
        assert '1 AMIs, 1 snapshots' in said, said
    used = {name for name in aws.names()}
    assert used == granted, f'granted and not used: {granted - used}'


def denied(aws, folder):
    """A missing permission is named; so are missing credentials, a missing region and a missing aws command"""
    folder = fresh(aws, folder, 'denied')
    for lacking in ('ec2:RegisterImage', 'ebs:PutSnapshotBlock'):
        aws.stand_in.allowed = {'ec2:DescribeImages', 'ec2:DescribeSnapshots', 'ebs:StartSnapshot', 'ebs:PutSnapshotBlock',
                                     'ebs:CompleteSnapshot'} - {lacking}
        status, said = aws.tool(TOOL, 'make', '--dir', folder)
        assert status and f'missing permission: {lacking}' in said and 'Traceback' not in said, said
        aws.reset()
    status, said = aws.tool(TOOL, 'make', '--dir', folder, AWS_ACCESS_KEY_ID='', AWS_SECRET_ACCESS_KEY='')
    assert status and 'there are no credentials' in said, said
    status, said = aws.tool(TOOL, 'make', '--dir', folder, AWS_REGION='', AWS_DEFAULT_REGION='')
    assert status and 'there is no region' in said, said
    alone = os.path.join(folder, 'bin')
    os.makedirs(alone)
    os.symlink(sys.executable, os.path.join(alone, 'python3'))
    status, said = aws.tool(TOOL, 'make', '--dir', folder, PATH=alone)
    assert status and 'the aws command is missing' in said, said


def another_command(aws, folder):
    """AWS=COMMAND is the aws command with words of its own, which have the last word on where it calls; it is named when it is missing"""
    folder = fresh(aws, folder, 'command')
    aws.succeeds(TOOL, 'make', '--dir', folder, AWS=f'aws --endpoint-url {aws.endpoint}', AWS_ENDPOINT_URL='http://127.0.0.1:9')
    assert ours(aws)[0] == [result(folder)['image_id']]
    for region in (account.REGION, ''):  # with none, the command is asked for it first
        status, said = aws.tool(TOOL, 'make', '--dir', folder, AWS='no-such-command --debug', AWS_REGION=region, AWS_DEFAULT_REGION=region)
        assert status and 'the no-such-command command is missing' in said and 'Traceback' not in said, said


def default_key(aws, folder):
    """An AMI that the account's default key encrypts is not shared: it says why and what to do"""
    folder = fresh(aws, folder, 'default')
    aws.stand_in.encrypts_by_default = KEY.replace('1234abcd', 'aaaaaaaa')
    status, said = aws.tool(TOOL, 'make', '--dir', folder, SHARE=OTHERS[0])
    assert status and 'the default key of EBS' in said and 'KMS_KEY=' in said, said
    assert not [n for n in changing(aws) if 'Modify' in n], changing(aws)


def corrupted(aws, folder):
    """A block that changes on its way is noticed and sent again; when it always does, it says which and goes no further"""
    folder = fresh(aws, folder, 'corrupted')
    spoiled = []

    def once(call):
        if call.action != 'PutSnapshotBlock' or spoiled:
            return call.body
        spoiled.append(call.path)
        return call.body[:5000] + b'\xff' + call.body[5001:]
    aws.on_the_way = once
    aws.succeeds(TOOL, 'make', '--dir', folder)
    require_disk(aws, folder)
    assert spoiled and aws.names().count('ebs:PutSnapshotBlock') == 3

    aws.reset()
    aws.on_the_way = lambda call: call.body[:-1] + b'\xff' if call.action == 'PutSnapshotBlock' else call.body
    status, said = aws.tool(TOOL, 'make', '--dir', folder)
    assert status and re.search(r'block \d of .*/disk.img did not arrive', said), said
    assert 'ebs:CompleteSnapshot' not in aws.names() and not ours(aws)[0]


def other_bytes(aws, folder):
    """AWS's own checksum of each block is compared: a snapshot that stores other bytes never becomes an AMI"""
    folder = fresh(aws, folder, 'other')
    aws.stand_in.stores_other_bytes = True
    status, said = aws.tool(TOOL, 'make', '--dir', folder)
    assert status and 'AWS got a block with SHA-256' in said and not ours(aws)[0], said
    aws.stand_in.stores_other_bytes = False
    aws.succeeds(TOOL, 'make', '--dir', folder)
    require_disk(aws, folder)


def changed_later(aws, folder):
    """What is changed in the snapshot behind its back is noticed by the checksum over all blocks; running it again repairs it"""
    folder = fresh(aws, folder, 'later')

    def then(call):
        if call.action == 'CompleteSnapshot':
            blocks = aws.stand_in.snapshots[call.path.rpartition('/')[2]]['blocks']
            blocks[3] = bytes(32)
            aws.on_the_way = None
        return call.body
    aws.on_the_way = then
    status, said = aws.tool(TOOL, 'make', '--dir', folder)
    assert status and 'is not what was sent' in said and not ours(aws)[0], said
    aws.succeeds(TOOL, 'make', '--dir', folder)
    require_disk(aws, folder)
    assert len(ours(aws)[1]) == 1


def state_lost(aws, folder):
    """An interrupted upload goes on where it was; without its file, too, in the same snapshot, all blocks anew"""
    for lost in (False, True):
        place = fresh(aws, folder, f'lost{lost}', blocks=(0, 2, 3, 5))
        aws.cut(6, 'request')
        status, said = aws.tool(TOOL, 'make', '--dir', place)
        there = len(next(iter(aws.stand_in.snapshots.values()))['blocks'])
        assert status and f'{there} of 4 blocks are there' in said, said
        aws.mend()
        if lost:
            os.unlink(os.path.join(place, 'ami-upload.json'))
        so_far = len(aws.calls)
        said = aws.succeeds(TOOL, 'make', '--dir', place)
        assert f'goes on: {0 if lost else there} of 4' in said, said
        assert aws.names(so_far).count('ebs:PutSnapshotBlock') == (4 if lost else 4 - there)
        require_disk(aws, place)
        assert len(ours(aws)[1]) == 1


def shown_late(aws, folder):
    """A snapshot whose id was lost with the answer, and which AWS does not list yet, is found by its client token"""
    folder = fresh(aws, folder, 'late')
    aws.stand_in.shows_late = True
    aws.cut_at('StartSnapshot', 'answer')
    status, said = aws.tool(TOOL, 'make', '--dir', folder)
    assert status and 'Traceback' not in said, said
    aws.mend()
    aws.succeeds(TOOL, 'make', '--dir', folder)
    assert len(ours(aws)[1]) == 1, ours(aws)
    require_disk(aws, folder)


def short_cut(aws, folder):
    """A connection that is lost once is tried again by the same run"""
    folder = fresh(aws, folder, 'short')
    aws.cut(4, 'answer')
    aws.on_the_way = lambda call: aws.down and aws.mend() or call.body  # the cut is over when its call came through
    aws.succeeds(TOOL, 'make', '--dir', folder, AWS_MAX_ATTEMPTS='3')
    assert aws.cut_call == 'ebs:PutSnapshotBlock' and len(ours(aws)[0]) == 1


def cut_each(aws, folder, how):
    """Cuts the network in one way at each call in turn; at those that only read, in one way of the three."""
    aws.reset()
    aws.succeeds(TOOL, 'make', '--dir', made_up(os.path.join(folder, f'uncut-{how}')))
    calls, cut, reading = aws.names(), [], itertools.cycle(account.CUTS)
    for n, name in enumerate(calls, 1):
        if READING.match(name) and next(reading) != how:
            continue
        aws.reset()
        place = made_up(os.path.join(folder, f'cut-{n}-{how}'))
        aws.cut(n, how)
        status, said = aws.tool(TOOL, 'make', '--dir', place)
        about = f'cut {how} of call {n}, {aws.cut_call}:\n{said}'
        assert status and 'Traceback' not in said and 'run it again' in said, about
        cut.append(aws.cut_call)
        aws.mend()
        said = aws.succeeds(TOOL, 'make', '--dir', place)
        made = result(place)
        assert ours(aws) == ([made['image_id']], [made['snapshot_id']]), f'{about}{said}{ours(aws)}'
        require_disk(aws, place)
        assert not os.path.exists(os.path.join(place, 'ami-upload.json')), about
        assert made['tags']['sealtap:image'] in aws.ec2('DescribeImages').decode(), f'no tags: {about}{said}'
    print(f'  {len(cut)} cuts at {len(calls)} calls: {", ".join(cut)}')
    assert {name for name in calls if not READING.match(name)} <= set(cut), f'{calls} {cut}'


def cut_request(aws, folder):
    """The network is cut before each request in turn: running it again ends in one AMI of one right snapshot"""
    cut_each(aws, folder, 'request')


def cut_answer(aws, folder):
    """The network is cut after each request in turn, before its answer: running it again ends in one AMI of one right snapshot"""
    cut_each(aws, folder, 'answer')


def cut_middle(aws, folder):
    """The network is cut in the middle of each answer in turn: running it again ends in one AMI of one right snapshot"""
    cut_each(aws, folder, 'middle')


def cut_and_again(aws, folder, begin, act):
    """Cuts the network at each call of act(place) in turn, then acts again. Yields (place, about, what it said)."""
    aws.reset()
    begin(os.path.join(folder, 'uncut'))
    so_far = len(aws.calls)
    status, said = act(os.path.join(folder, 'uncut'))
    assert status == 0, said
    calls, hows = aws.names(so_far), itertools.cycle(account.CUTS)
    for n, name in enumerate(calls, 1):
        for how in [next(hows)] if SAME_TWICE.match(name) else account.CUTS:
            aws.reset()
            place = os.path.join(folder, f'{n}-{how}')
            begin(place)
            aws.cut(n, how)
            status, said = act(place)
            about = f'cut {how} of call {n}, {name}:\n{said}'
            assert status and 'Traceback' not in said and 'run it again' in said, about
            aws.mend()
            status, said = act(place)
            assert status == 0, f'{about}{said}'
            yield place, f'{about}{said}', said
    print(f'  cut at each of {len(calls)} calls: {", ".join(calls)}')


def cut_copies(aws, folder):
    """The network is cut at each call of copying and sharing: running it again ends in one copy, tagged and shared, and no other thing"""
    def begin(place):
        aws.succeeds(TOOL, 'make', '--dir', made_up(place))

    def act(place):
        return aws.tool(TOOL, 'make', '--dir', place, COPY_TO='eu-west-1', SHARE=OTHERS[0])
    for place, about, _ in cut_and_again(aws, os.path.join(folder, 'copies'), begin, act):
        told = result(place)
        for name, what in (('DescribeImageAttribute', {'ImageId': told['image_id'], 'Attribute': 'launchPermission'}),
                           ('DescribeSnapshotAttribute', {'SnapshotId': told['snapshot_id'], 'Attribute': 'createVolumePermission'})):
            assert OTHERS[0] in aws.ec2(name, **what).decode(), about
        there = aws.succeeds(TOOL, 'clean', '--dir', place, DRY_RUN='1', AWS_REGION='eu-west-1')
        assert told['copies']['eu-west-1'] in there and '1 AMIs, 1 snapshots' in there, f'{about}{there}'
        assert ours(aws) == ([told['image_id']], [told['snapshot_id']]), about


def cut_clean(aws, folder):
    """The network is cut at each call of ami-clean: running it again leaves nothing, and says what it removed"""
    def begin(place):
        aws.succeeds(TOOL, 'make', '--dir', made_up(place))
        aws.cut(4, 'request')
        status, _ = aws.tool(TOOL, 'make', '--dir', made_up(place, seed=2))
        aws.mend()
        assert status and len(ours(aws)[1]) == 2, ours(aws)

    def act(place):
        return aws.tool(TOOL, 'clean', '--dir', place)
    for place, about, said in cut_and_again(aws, os.path.join(folder, 'cleans'), begin, act):
        assert ours(aws) == ([], []) and f'removed in {account.REGION}' in said, about
        assert not {'ami.json', 'ami-upload.json'} & set(os.listdir(place)), about


def hashes(aws, folder):
    """PCR4 is that of the image's own firmware file; the SBOM's hash is a tag of the AMI, and another SBOM than the build's is refused"""
    folder = fresh(aws, folder, 'hashes')
    aws.succeeds(TOOL, 'make', '--dir', folder)
    tags = result(folder)['tags']
    assert tags['sealtap:sbom-sha256'] == hashlib.sha256(read(folder, 'sbom.json')).hexdigest()
    assert re.search(f'<key>sealtap:sbom-sha256</key>\\s*<value>{tags["sealtap:sbom-sha256"]}</value>', aws.ec2('DescribeImages').decode())
    so_far = len(aws.calls)
    for spoil in (lambda path: open(path, 'a').write(' '), os.unlink):
        spoil(os.path.join(folder, 'sbom.json'))
        status, said = aws.tool(TOOL, 'make', '--dir', folder)
        assert status and 'sbom.json is not' in said and not changing(aws, so_far), said
    with open(os.path.join(RELEASE, 'BOOTX64.EFI'), 'rb') as f, open(os.path.join(RELEASE, 'manifest.json')) as manifest:
        assert pcr.pcr4(f.read()) == json.load(manifest)['pcr4_sha256']


def cleaned(aws, folder):
    """ami-clean removes ours alone: all, or all but the newest, and what interrupted runs left"""
    folder = fresh(aws, folder, 'clean')
    foreign = re.search(r'ami-\w+', aws.ec2('RegisterImage', Name='sealtap-not-ours').decode())[0]
    volume = re.search(r'vol-\w+', aws.ec2('CreateVolume', Size='1', AvailabilityZone='eu-central-1a').decode())[0]
    snapshot = re.search(r'snap-\w+', aws.ec2('CreateSnapshot', VolumeId=volume).decode())[0]
    made = []
    for seed in (1, 2):
        aws.succeeds(TOOL, 'make', '--dir', made_up(folder, seed=seed))
        made.append(result(folder))
    aws.cut(4, 'request')
    status, _ = aws.tool(TOOL, 'make', '--dir', made_up(folder, seed=3))
    aws.mend()
    assert status and len(ours(aws)[1]) == 3
    said = aws.succeeds(TOOL, 'clean', '--dir', folder, KEEP='1')
    assert 'left by an interrupted run' in said and f'kept: {made[1]["image_id"]}' in said and '1 AMIs, 2 snapshots' in said, said
    assert ours(aws) == ([foreign, made[1]['image_id']], [made[1]['snapshot_id']]), ours(aws)
    said = aws.succeeds(TOOL, 'clean', '--dir', folder)
    assert ours(aws) == ([foreign], []) and made[1]['image_id'] in said, said
    assert snapshot in aws.ec2('DescribeSnapshots').decode()
    assert '0 AMIs, 0 snapshots' in aws.succeeds(TOOL, 'clean', '--dir', folder)


TESTS = (cut_request, cut_answer, cut_middle, cut_copies, cut_clean, release, hashes, again, dry, given_key, unsigned_is_said,
         built_with_keys, policy, denied,
         another_command, default_key, corrupted, other_bytes, changed_later, state_lost, shown_late, short_cut, cleaned)


def main():
    report = testing.report()
    account.in_two('sealtap-ami-', TESTS, report)
    report.finish()


main()
