#!/usr/bin/env python3
"""awsd.py SOCKET: the machine's own aws command with its modules loaded once; each call is a fork of it. A call costs a third of the time.

    command(processes, folder)   starts it and returns a folder to put first in PATH, in which `aws` is such a call; None where the
                                 command is not a Python program of this kind
"""
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

CLIENT = '''#!{python} -IS
import json, os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect({socket!r})
request = json.dumps([sys.argv[1:], dict(os.environ), os.getcwd()]).encode()
socket.send_fds(s, [len(request).to_bytes(4, 'big')], [0, 1, 2])
s.sendall(request)
sys.exit(int(s.recv(4) or 255))
'''


def interpreter():
    """Of Python programs here, the one that has the same awscli as the aws command; None when there is none."""
    path = shutil.which('aws')
    if not path:
        return None
    version = subprocess.run([path, '--version'], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout
    with open(path, 'rb') as f:
        line = f.readline(200)
    named = line[2:].decode().split()[0] if line.startswith(b'#!') and b'python' in line and b'env' not in line else None
    for python in filter(None, (named, sys.executable, shutil.which('python3'))):
        done = subprocess.run([python, '-c', 'import awscli; print(awscli.__version__)'], capture_output=True, text=True)
        if done.returncode == 0 and f'aws-cli/{done.stdout.strip()} ' in version:
            return python
    return None


def command(processes, folder):
    python = interpreter()
    if not python:
        return None
    path, where = os.path.join(folder, 'awsd'), os.path.join(folder, 'aws-bin')
    process = processes.start('awsd', [python, os.path.abspath(__file__), path])
    process.wait_for(lambda: os.path.exists(path), 30, 'its socket')
    os.makedirs(where)
    with open(os.path.join(where, 'aws'), 'w') as f:
        f.write(CLIENT.format(python=os.path.realpath(sys.executable), socket=path))
    os.chmod(f.name, 0o755)
    return where


def receive(connection):
    """(argv, environment, folder, descriptors) of a call."""
    size, descriptors, _, _ = socket.recv_fds(connection, 4, 3)
    wanted, body = int.from_bytes(size, 'big'), b''
    while len(body) < wanted:
        body += connection.recv(wanted - len(body))
    return (*json.loads(body), descriptors)


def serve(path):
    import awscli.clidriver
    driver = awscli.clidriver.create_clidriver()
    for service in ('ec2', 'ebs', 's3', 'cloudformation', 'sns', 'sts', 'kms'):
        driver.session.get_service_model(service)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path + '.new')
    listener.listen(64)
    os.rename(path + '.new', path)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        connection, _ = listener.accept()
        if os.fork():
            connection.close()
            continue
        argv, environment, folder, descriptors = receive(connection)
        for number, descriptor in enumerate(descriptors):
            os.dup2(descriptor, number)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        time.tzset()
        status = 255
        try:
            status = driver.main(argv)
        except SystemExit as e:
            status = e.code or 0
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            connection.sendall(str(status).encode())
            os._exit(0)


if __name__ == '__main__':
    serve(sys.argv[1])
