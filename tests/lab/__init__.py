"""lab: what surrounds the appliance in tests and in the demo: networks, AWS, servers, captures, and the tools that open what it shipped.

around it
  netns         network namespaces, links between them, everything taken down again
  procs         programs, ended by their process id; wait_until, and processes that stand still for a while
  surroundings  the whole neighbourhood: DHCP and DNS, metadata, S3 and KMS, web servers, a host inside
  metadata      what the instance metadata says (imds: its server);  ntp  a time server that can lie;  dnsmasq, certs, web  what they say
  account, motoaccount  an AWS account for tools that call the aws command: moto with a stand-in before it (standin, awsd); moto alone
  aws           moto as S3, KMS, IAM, CloudWatch, SNS;  ledger  the strict front before it (front, judge), misbehaves when told, keeps book
  ipv6, evidence_link, leases, servers  what some tests add: IPv6, a third interface, DHCP in IMDS' place, SSH, FTP and crowds
the appliance
  host, guest   `init host` in a namespace, or the image in QEMU (qmp);  console  what it says
  session       one life of it under observation;  clock  its time, as a test says it
traffic
  traffic       pages, uploads, names, pings;  clients  many real clients;  frames  made by hand;  probes  numbered, without a pause
  gateway       it as a gateway, seen from both sides;  scrape  its status port
evidence
  capture       an independent capture on the other end of a NIC's wire;  pcapfile  reads it and recordings
  objects       lists, fetches and opens what was shipped;  evidence  the checks of its format
  compare       recording against capture, packet by packet;  replay  captures sent through the recorder
operatorlab     the operator's command: S3 and KMS, buckets with a recorded set (tests/cli/make_objects.c), faults, today's chain of tools
testing         the protocol of test programs: `ok SENTENCE`, `not ok SENTENCE`, `skip SENTENCE: reason`
"""
