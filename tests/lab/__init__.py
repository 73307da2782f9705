"""lab: what surrounds the appliance in tests and in the demo: networks, AWS, servers, captures, and the tools that open what it shipped.

the neighbourhood
  netns            network namespaces, links between them, everything taken down again
  procs            programs, ended by their process id
  surroundings     all of it: DHCP and DNS, metadata, S3 and KMS, web servers, a host inside
  metadata, imds   what the instance metadata service says; the service
  aws, certs       moto as S3, KMS, IAM and STS; certificates for the lab's servers
  front, judge, ledger   stand before moto: TLS; is the request one that is promised; misbehaves when told, keeps the book
  web, servers, ntp, leases, radosgw   nginx; SSH, FTP and others; time; DHCP in IMDS' place; Ceph's S3
  ipv6, evidence_link   a VPC with IPv6; the third interface, with AWS at its other end
the appliance
  host, guest      `init host` in a namespace; the image in QEMU (qmp: its control socket, hang: makes a program in it hang)
  plain            a plain Linux gateway in its place, as the measure
  clock            its time as a test says it
  session, console one life: armed, traffic in windows, power-off, evidence; what it says
traffic
  traffic, clients, probes   what hosts inside do; scenes with real clients; numbered datagrams
  gateway, frames, replay    sockets on both sides; frames by hand; frames of captures
  scrape           asks the status port
what came of it
  capture, pcapfile, sent    independent captures; their reader; what the appliance itself sends
  objects, evidence          lists, fetches, opens what was shipped; the checks of object format 1
  compare          recording against capture, packet by packet
  testing          the protocol of test programs: `ok SENTENCE`, `not ok SENTENCE`, `skip SENTENCE: reason`
"""
