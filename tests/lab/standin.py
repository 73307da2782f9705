"""standin: strict where moto is not; it stands before moto in account.py, answers itself what moto can't and amends moto's answers.

What moto 5.2.1 does not do, and this does instead, from the EBS and EC2 API references:
    StartSnapshot             client token, timeout, encryption; block size (moto says 512)
    PutSnapshotBlock          length, checksum against the body, a snapshot that is completed
    CompleteSnapshot          number of blocks, checksum over all; DescribeSnapshots says pending until then
    RegisterImage             all but name and description; a name twice; DescribeImages gives them back
    DeleteSnapshot            of a registered image
    {Create,Describe}ReplaceRootVolumeTask(s)
    RunInstances              client token; an interface that another instance has
    TerminateInstances        frees the instance's interfaces; one that would be deleted with it fails the test
    ModifyNetworkInterfaceAttribute   whether an interface goes with its instance
    GetConsoleOutput          (moto has a sample)
    DescribeKey               of a key that AWS manages (moto calls all the customer's)
It also refuses what the test does not allow, so that a policy can be tried action by action.
"""
import base64
import hashlib
import json
import re
import xml.etree.ElementTree as ET
import xml.sax.saxutils

BLOCK = 524288
NS = 'http://ec2.amazonaws.com/doc/2016-11-15'
ET.register_namespace('', NS)
IMAGE_SAYS = {'Architecture': 'architecture', 'VirtualizationType': 'virtualizationType', 'BootMode': 'bootMode',
              'EnaSupport': 'enaSupport', 'TpmSupport': 'tpmSupport', 'ImdsSupport': 'imdsSupport', 'RootDeviceName': 'rootDeviceName'}
DENIAL = {'ec2': 'UnauthorizedOperation', 'ebs': 'AccessDeniedException'}


class No(Exception):
    def __init__(self, code, message, status=400):
        super().__init__(message)
        self.code, self.status = code, status


def sha256_64(data):
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def put(element, name, text):
    """The element's child of this name has this text, whether it was there or not."""
    child = element.find(f'{{{NS}}}{name}')
    if child is None:
        child = ET.SubElement(element, f'{{{NS}}}{name}')
    child.text = text


def ec2_answer(action, inside):
    return 200, {'Content-Type': 'text/xml'}, f'<{action}Response xmlns="{NS}"><requestId>r</requestId>{inside}</{action}Response>'.encode()


class StandIn:
    def __init__(self, account):
        self.account = account
        self.snapshots = {}  # id: {'parameters', 'answer', 'blocks': {index: digest}, 'state', 'complete': headers}
        self.tokens = {}
        self.images = {}  # id: parameters of RegisterImage
        self.tasks, self.replaced, self.started, self.free, self.going = [], {}, {}, set(), set()
        self.task_states = ['pending', 'in-progress', 'succeeded']
        self.console = ['']  # what GetConsoleOutput says, one after the other; the last stays
        self.encrypts_by_default = None  # ARN of a key
        self.stores_other_bytes = False
        self.shows_late = False  # DescribeSnapshots does not have yet what StartSnapshot made
        self.allowed, self.refused = None, ()  # {'service:Action'}; None is all

    def answer(self, call):
        try:
            self.require_permission(call)
            mine = getattr(self, f'do_{call.action}', None)
            status, headers, body = mine(call) if mine else self.account.pass_on(call)
            amend = getattr(self, f'amend_{call.action}', None)
            if amend and status == 200:
                tree = ET.fromstring(body)
                amend(tree)
                body = ET.tostring(tree)
            return status, headers, body
        except No as e:
            return self.refusal(call, e)

    def require_permission(self, call):
        if self.allowed is not None and str(call) not in self.allowed or str(call) in self.refused:
            raise No(DENIAL.get(call.service, 'AccessDenied'), f'not authorized to perform {call}', 403)

    @staticmethod
    def refusal(call, e):
        message = xml.sax.saxutils.escape(str(e))
        if call.service == 'ebs':
            body = json.dumps({'Message': str(e)}).encode()
            return e.status, {'Content-Type': 'application/json', 'x-amzn-ErrorType': e.code}, body
        error = f'<Error><Code>{e.code}</Code><Message>{message}</Message></Error>'
        form = {'s3': '%s', 'ec2': '<Response><Errors>%s</Errors><RequestID>r</RequestID></Response>'}
        body = form.get(call.service, '<ErrorResponse>%s<RequestId>r</RequestId></ErrorResponse>') % error
        return e.status, {'Content-Type': 'text/xml'}, body.encode()

    # ---- EBS direct APIs

    def do_StartSnapshot(self, call):
        wanted = json.loads(call.body)
        token = wanted.get('ClientToken', '')
        if not 1 <= len(token) <= 64 or not 10 <= wanted.get('Timeout', 60) <= 4320 or wanted['VolumeSize'] < 1:
            raise No('ValidationException', 'ClientToken, Timeout or VolumeSize')
        if token in self.tokens:
            before = self.snapshots[self.tokens[token]]
            if before['parameters'] != wanted:
                raise No('ConflictException', 'this client token came with other parameters', 409)
            return before['answer']
        status, headers, body = self.account.pass_on(call)
        told = {**json.loads(body), 'BlockSize': BLOCK, 'Status': 'pending'}
        answer = 201, headers, json.dumps(told).encode()
        self.snapshots[told['SnapshotId']] = {'parameters': wanted, 'answer': answer, 'blocks': {}, 'state': 'pending', 'complete': None}
        self.tokens[token] = told['SnapshotId']
        return answer

    def _pending(self, snapshot):
        if self.snapshots.get(snapshot, {}).get('state') != 'pending':
            raise No('ValidationException', f'{snapshot} is not pending')
        return self.snapshots[snapshot]

    def do_PutSnapshotBlock(self, call):
        _, _, snapshot, _, index = call.path.split('/')
        about = self._pending(snapshot)
        if call.headers.get('x-amz-data-length') != str(BLOCK) or len(call.body) != BLOCK:
            raise No('ValidationException', f'a block is {BLOCK} bytes, not {len(call.body)}')
        if self.stores_other_bytes:
            call.body = b'?' + call.body[1:]
        elif (call.headers.get('x-amz-checksum-algorithm'), call.headers.get('x-amz-checksum')) != ('SHA256', sha256_64(call.body)):
            raise No('ValidationException', 'the checksum is not that of the data')
        status, headers, body = self.account.pass_on(call)
        about['blocks'][int(index)] = hashlib.sha256(call.body).digest()
        return 201, {**{k: v for k, v in headers.items() if k.lower() != 'x-amz-checksum'}, 'x-amz-Checksum': sha256_64(call.body)}, body

    def do_CompleteSnapshot(self, call):
        snapshot = call.path.rpartition('/')[2]
        about = self._pending(snapshot)
        blocks = about['blocks']
        if call.headers.get('x-amz-changedblockscount') != str(len(blocks)):
            raise No('ValidationException', f'{len(blocks)} blocks were written')
        whole = sha256_64(b''.join(blocks[i] for i in sorted(blocks)))
        if call.headers.get('x-amz-checksum', whole) != whole:
            raise No('ValidationException', 'the checksum is not that of the blocks')
        answer = self.account.pass_on(call)
        about.update(state='completing', complete=call.headers)
        return answer

    def do_DescribeKey(self, call):
        if json.loads(call.body)['KeyId'] != self.encrypts_by_default:
            return self.account.pass_on(call)
        about = {'KeyId': self.encrypts_by_default.rpartition('/')[2], 'Arn': self.encrypts_by_default, 'KeyManager': 'AWS'}
        return 200, {'Content-Type': 'application/x-amz-json-1.1'}, json.dumps({'KeyMetadata': about}).encode()

    # ---- EC2: snapshots and images

    def amend_DescribeSnapshots(self, tree):
        told = tree.find(f'{{{NS}}}snapshotSet')
        for item in list(told):
            about = self.snapshots.get(item.findtext(f'{{{NS}}}snapshotId'))
            if not about:
                continue
            if self.shows_late and about['state'] == 'pending':
                told.remove(item)
            put(item, 'status', 'completed' if about['state'] == 'completed' else 'pending')
            if about['state'] == 'completing':
                about['state'] = 'completed'  # the next time
            key = about['parameters'].get('KmsKeyArn') or self.encrypts_by_default
            if key:
                put(item, 'encrypted', 'true')
                put(item, 'kmsKeyId', key)

    def do_DeleteSnapshot(self, call):
        snapshot = call.form['SnapshotId']
        used = [i for i, wanted in self.images.items() if snapshot in wanted.values()]
        if used:
            raise No('InvalidSnapshot.InUse', f'{snapshot} is in use by {used[0]}')
        return self.account.pass_on(call)

    def do_RegisterImage(self, call):
        wanted = call.form
        if wanted['Name'] in (i['Name'] for i in self.images.values()):
            raise No('InvalidAMIName.Duplicate', f'{wanted["Name"]} is in use')
        snapshot = wanted.get('BlockDeviceMapping.1.Ebs.SnapshotId')
        if self.snapshots.get(snapshot, {}).get('state') != 'completed':
            raise No('InvalidSnapshot.NotFound', f'{snapshot} is not a completed snapshot')
        if wanted.get('TpmSupport') == 'v2.0' and wanted.get('BootMode') != 'uefi':
            raise No('InvalidParameterCombination', 'NitroTPM needs boot mode uefi')
        answer = self.account.pass_on(call)
        self.images[re.search(rb'ami-[0-9a-f]+', answer[2])[0].decode()] = wanted
        return answer

    def do_CopyImage(self, call):
        answer = self.account.pass_on(call)
        wanted = dict(self.images[call.form['SourceImageId']])
        del wanted['BlockDeviceMapping.1.Ebs.SnapshotId']  # the copy has its own
        self.images[re.search(rb'ami-[0-9a-f]+', answer[2])[0].decode()] = {**wanted, 'Name': wanted['Name'] + ' ' + call.region}
        return answer

    def do_DeregisterImage(self, call):
        self.images.pop(call.form['ImageId'], None)
        return self.account.pass_on(call)

    def amend_DescribeImages(self, tree):
        for item in tree.iter(f'{{{NS}}}item'):
            wanted = self.images.get(item.findtext(f'{{{NS}}}imageId'))
            if not wanted:
                continue
            for parameter, name in IMAGE_SAYS.items():
                put(item, name, wanted.get(parameter, 'i386' if parameter == 'Architecture' else ''))
            mapping = item.find(f'{{{NS}}}blockDeviceMapping/{{{NS}}}item')
            put(mapping, 'deviceName', wanted['BlockDeviceMapping.1.DeviceName'])
            if 'BlockDeviceMapping.1.Ebs.SnapshotId' in wanted:
                put(mapping.find(f'{{{NS}}}ebs'), 'snapshotId', wanted['BlockDeviceMapping.1.Ebs.SnapshotId'])

    # ---- EC2: root volumes and the console

    def do_CreateReplaceRootVolumeTask(self, call):
        wanted = call.form
        for task in self.tasks:
            if task['token'] == wanted['ClientToken']:
                return ec2_answer(call.action, f'<replaceRootVolumeTask>{self._task(task)}</replaceRootVolumeTask>')
        self.account.ec2('DescribeInstances', **{'InstanceId.1': wanted['InstanceId']})
        self.account.ec2('DescribeImages', **{'ImageId.1': wanted['ImageId']})
        if any(t['instance'] == wanted['InstanceId'] and t['states'] for t in self.tasks):
            raise No('IncorrectState', 'another replacement is under way')
        task = {'id': f'replacevol-{len(self.tasks):017x}', 'instance': wanted['InstanceId'], 'image': wanted['ImageId'],
                'token': wanted['ClientToken'], 'deletes': wanted.get('DeleteReplacedRootVolume', 'false'),
                'state': self.task_states[0], 'states': list(self.task_states[1:]), 'start': f'2026-01-01T00:00:{len(self.tasks):02}Z'}
        self.tasks.append(task)
        return ec2_answer(call.action, f'<replaceRootVolumeTask>{self._task(task)}</replaceRootVolumeTask>')

    @staticmethod
    def _task(task):
        return ''.join(f'<{k}>{v}</{k}>' for k, v in {
            'replaceRootVolumeTaskId': task['id'], 'instanceId': task['instance'], 'taskState': task['state'], 'imageId': task['image'],
            'startTime': task['start'], 'deleteReplacedRootVolume': task['deletes']}.items())

    def do_DescribeReplaceRootVolumeTasks(self, call):
        asked = {v for k, v in call.form.items() if k.startswith('Filter.1.Value') or k.startswith('ReplaceRootVolumeTaskId')}
        mine = [t for t in self.tasks if asked & {t['instance'], t['id']}]
        told = ''.join(f'<item>{self._task(t)}</item>' for t in mine)
        for task in mine:
            if task['states']:
                task['state'] = task['states'].pop(0)
            if task['state'] == 'succeeded':
                self.replaced[task['instance']] = task['image']
        return ec2_answer(call.action, f'<replaceRootVolumeTaskSet>{told}</replaceRootVolumeTaskSet>')

    def do_ModifyNetworkInterfaceAttribute(self, call):
        word = call.form.get('Attachment.DeleteOnTermination')
        if not word:
            return self.account.pass_on(call)
        (self.going.add if word == 'true' else self.going.discard)(call.form['NetworkInterfaceId'])
        return ec2_answer(call.action, '<return>true</return>')

    def amend_interfaces(self, tree):
        for item in tree.findall('.//networkInterfaceSet/item', {'': NS}):
            if item.findtext('networkInterfaceId', '', {'': NS}) in self.going:
                put(item.find(f'{{{NS}}}attachment'), 'deleteOnTermination', 'true')

    def amend_DescribeInstances(self, tree):
        self.amend_interfaces(tree)
        for item in tree.iter(f'{{{NS}}}item'):
            image = self.replaced.get(item.findtext(f'{{{NS}}}instanceId'))
            if image and item.find(f'{{{NS}}}imageId') is not None:
                put(item, 'imageId', image)

    def do_RunInstances(self, call):
        token = call.form.get('ClientToken')
        if token not in self.started:
            wanted = {v for k, v in call.form.items() if k.endswith('.NetworkInterfaceId')}
            for interface in wanted - self.free:
                if b'<instanceId>' in self.account.ec2('DescribeNetworkInterfaces', **{'NetworkInterfaceId.1': interface}):
                    raise No('InvalidNetworkInterface.InUse', f'{interface} is in use')
            self.started[token] = self.account.pass_on(call)
            self.free -= wanted
        return self.started[token]

    def do_TerminateInstances(self, call):
        told = ET.fromstring(self.account.ec2('DescribeNetworkInterfaces'))
        for item in told.findall('.//networkInterfaceSet/item', {'': NS}):
            if item.findtext('attachment/instanceId', '', {'': NS}) == call.form['InstanceId.1']:
                if item.findtext('attachment/deleteOnTermination', '', {'': NS}) == 'true' or \
                        item.findtext('networkInterfaceId', '', {'': NS}) in self.going:
                    raise No('Client.Test', 'an interface would be deleted with the instance')
                self.free.add(item.findtext('networkInterfaceId', '', {'': NS}))
        return self.account.pass_on(call)

    def amend_DescribeNetworkInterfaces(self, tree):
        self.amend_interfaces(tree)
        for item in tree.findall('.//networkInterfaceSet/item', {'': NS}):
            if item.findtext('networkInterfaceId', '', {'': NS}) in self.free:
                item.remove(item.find(f'{{{NS}}}attachment'))
                put(item, 'status', 'available')

    def do_GetConsoleOutput(self, call):
        text = self.console.pop(0) if len(self.console) > 1 else self.console[0]
        output = base64.b64encode(text.encode()).decode()
        inside = f'<instanceId>{call.form["InstanceId"]}</instanceId><timestamp>2026-01-01T00:00:00Z</timestamp><output>{output}</output>'
        return ec2_answer(call.action, inside)
