"""ami_snapshot: a disk image becomes an EBS snapshot, block by block, and goes on where an interrupted run was.

By the EBS direct APIs (EBS API reference: StartSnapshot, PutSnapshotBlock, CompleteSnapshot): blocks are 524,288 bytes, each goes with its
SHA-256; those of zeros alone are left out; at the end AWS compares a SHA-256 over the blocks' SHA-256 digests, as bytes, in ascending
order of their indices (LINEAR). No API tells which blocks a pending snapshot has, so a file beside the image does. It holds the client
token before StartSnapshot is called: when the answer is lost, the same token gives the same snapshot.
"""
import base64
import concurrent.futures
import hashlib
import json
import os
import secrets
import tempfile

from awscli import Failed, Refused, filters, say, tag_list, wait_for

BLOCK = 524288
GIB = 1 << 30
TIMEOUT_MINUTES = 1440  # 10 to 4320: AWS drops a pending snapshot to which nothing was written for so long
AT_ONCE = 4
TRIES = 3  # of a block that arrives with other bytes
COMPLETED_S = 1800
IDENTITY_TAG = 'sealtap:image'


def blocks_of(path):
    """{index: SHA-256} of the blocks that are not all zeros."""
    found = {}
    with open(path, 'rb') as f:
        for index, data in enumerate(iter(lambda: f.read(BLOCK), b'')):
            if data.strip(b'\0'):
                found[index] = hashlib.sha256(data.ljust(BLOCK, b'\0')).digest()
    return found


def linear(blocks):
    """The checksum over a whole snapshot."""
    return base64.b64encode(hashlib.sha256(b''.join(digest for _, digest in sorted(blocks.items()))).digest()).decode()


class State:
    """What an interrupted upload had done, in a file that is replaced as a whole."""

    def __init__(self, path, about):
        self.path, self.about = path, about
        self.value = self._empty()
        try:
            with open(path) as f:
                kept = json.load(f)
            if kept['about'] == about:
                self.value = kept
        except (FileNotFoundError, ValueError, KeyError):
            pass

    def _empty(self):
        return {'about': self.about, 'token': secrets.token_hex(16), 'snapshot': None, 'done': [], 'completing': False}

    def save(self, **changes):
        self.value.update(changes)
        with open(self.path + '.new', 'w') as f:
            json.dump(self.value, f)
            f.flush()
            os.fsync(f.fileno())
        os.rename(self.path + '.new', self.path)

    def forget(self):
        self.value = self._empty()
        if os.path.exists(self.path):
            os.unlink(self.path)


class Snapshot:
    """The snapshot of one image: identity is what makes it the same one; tags must have it under IDENTITY_TAG."""

    def __init__(self, aws, disk, tags, kms_key, state_path):
        self.aws, self.disk, self.tags, self.kms_key = aws, disk, tags, kms_key
        self.blocks = blocks_of(disk)
        self.state = State(state_path, {'image': tags[IDENTITY_TAG], 'region': aws.region})

    def make(self):
        """Its id, when it is completed; None in a dry run that would have made it."""
        mine = self._existing()
        completed = [s for s in mine if s['State'] == 'completed']
        pending = {s['SnapshotId'] for s in mine if s['State'] == 'pending'}
        left = {s['SnapshotId'] for s in mine} - pending - {s['SnapshotId'] for s in completed}
        if completed:
            self.state.forget()
            self._tell_leftovers(left | pending)
            return completed[0]['SnapshotId']
        snapshot = self._goes_on(pending) or self._start()
        self._tell_leftovers(left | pending - {snapshot})
        self._put_blocks(snapshot)
        self._complete(snapshot)
        if self.aws.dry_run:
            return None
        self._wait_completed(snapshot)
        self.state.forget()
        return snapshot

    def _existing(self):
        return self.aws.read('ec2', 'describe-snapshots', '--owner-ids', 'self',
                             *filters({f'tag:{IDENTITY_TAG}': self.tags[IDENTITY_TAG]}))['Snapshots']

    def _tell_leftovers(self, snapshots):
        for snapshot in sorted(snapshots):
            say(f'note: {snapshot} was left by an interrupted run; `make ami-clean` removes it')

    def _goes_on(self, pending):
        """The pending snapshot of an interrupted run. Of one that this machine's file does not know all blocks are written again."""
        known = self.state.value['snapshot']
        if known and known not in pending:
            self.state.forget()  # AWS dropped it
        chosen = known if known in pending else min(pending, default=None)
        if chosen:
            if chosen != known and not self.aws.dry_run:
                self.state.save(snapshot=chosen, done=[], completing=False)
            done = len(self.state.value['done'])
            say(f'snapshot {chosen}: an interrupted upload goes on: {done} of {len(self.blocks)} blocks are there')
        return chosen

    def _start(self):
        if not self.aws.dry_run:
            self.state.save()
        key = ['--encrypted', '--kms-key-arn', self.kms_key] if self.kms_key else []
        answer = self.aws.change('ebs', 'start-snapshot', '--volume-size', str(-(-os.path.getsize(self.disk) // GIB)), '--tags',
                                 tag_list(self.tags), '--description', self.tags['Name'], '--timeout', str(TIMEOUT_MINUTES),
                                 '--client-token', self.state.value['token'], *key)
        if self.aws.dry_run:
            return 'SNAPSHOT'
        if answer['BlockSize'] != BLOCK:
            raise Failed(f'{answer["SnapshotId"]} has blocks of {answer["BlockSize"]} bytes; this tool knows {BLOCK} alone')
        self.state.save(snapshot=answer['SnapshotId'], done=[])
        say(f'snapshot {answer["SnapshotId"]}: started, {len(self.blocks)} blocks of 512 KiB are not empty')
        return answer['SnapshotId']

    def _put_blocks(self, snapshot):
        done = set(self.state.value['done'])
        todo = [index for index in sorted(self.blocks) if index not in done]
        if self.aws.dry_run:
            say(f'would call: aws ebs put-snapshot-block --snapshot-id {snapshot} for each of {len(todo)} blocks')
            return
        with tempfile.TemporaryDirectory(prefix='ami-', dir=os.path.dirname(self.state.path)) as folder, \
                concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            under_way = {pool.submit(self._put, snapshot, index, folder): index for index in todo}
            try:
                for future in concurrent.futures.as_completed(under_way):
                    future.result()
                    done.add(under_way[future])
                    self.state.save(done=sorted(done))
            except BaseException:
                pool.shutdown(cancel_futures=True)
                done |= {under_way[f] for f in under_way if f.done() and not f.cancelled() and not f.exception()}
                self.state.save(done=sorted(done))
                say(f'snapshot {snapshot}: {len(done)} of {len(self.blocks)} blocks are there; `make ami` goes on from here')
                raise

    def _put(self, snapshot, index, folder):
        checksum = base64.b64encode(self.blocks[index]).decode()
        path = os.path.join(folder, str(index))
        with open(self.disk, 'rb') as f, open(path, 'wb') as out:
            f.seek(index * BLOCK)
            out.write(f.read(BLOCK).ljust(BLOCK, b'\0'))
        for _ in range(TRIES):
            try:
                answer = self.aws.change('ebs', 'put-snapshot-block', '--snapshot-id', snapshot, '--block-index', str(index),
                                         '--block-data', path, '--data-length', str(BLOCK), '--checksum', checksum,
                                         '--checksum-algorithm', 'SHA256')
            except Refused as e:
                if e.code != 'ValidationException':
                    raise
                why = str(e)
                continue
            if answer.get('Checksum') == checksum:
                os.unlink(path)
                return
            why = f'AWS got a block with SHA-256 {answer.get("Checksum")}, {checksum} was sent'
        raise Failed(f'block {index} of {self.disk} did not arrive as it is, {TRIES} times: {why}')

    def _complete(self, snapshot):
        asked_before = self.state.value['completing']
        if not self.aws.dry_run:
            self.state.save(completing=True)
        try:
            self.aws.change('ebs', 'complete-snapshot', '--snapshot-id', snapshot, '--changed-blocks-count', str(len(self.blocks)),
                            '--checksum', linear(self.blocks), '--checksum-algorithm', 'SHA256', '--checksum-aggregation-method', 'LINEAR')
        except Refused as e:
            if e.code != 'ValidationException':
                raise
            if not asked_before:  # else the answer to that call was lost, and it is being completed or is complete
                self.state.save(done=[], completing=False)
                raise Failed(f'{snapshot} is not what was sent: {e}\n  run it again: all blocks are sent again') from e

    def _state_of(self, snapshot):
        try:
            found = self.aws.read('ec2', 'describe-snapshots', '--snapshot-ids', snapshot)['Snapshots'][0]
        except Refused as e:
            if e.code == 'InvalidSnapshot.NotFound':
                return 'pending'  # AWS lists what was made some seconds later
            raise
        if found['State'] == 'error':
            raise Failed(f'{snapshot} ended in an error: {found.get("StateMessage", "")}\n'
                         '  remove it by `make ami-clean`, then run it again')
        return found['State']

    def _wait_completed(self, snapshot):
        wait_for(f'{snapshot} is not completed', lambda: self._state_of(snapshot) == 'completed', COMPLETED_S)
        say(f'snapshot {snapshot}: completed, checksum over {len(self.blocks)} blocks agreed')
