"""lab: what surrounds the appliance in tests and in the demo: networks, AWS, servers, captures, and the tools that open what it shipped.

netns         network namespaces, links between them, everything taken down again
procs         programs, ended by their process id
surroundings  the whole neighbourhood: DHCP and DNS, metadata, S3 and KMS, web servers, a host inside
ledger        the strict front before AWS: judges every request of the appliance, misbehaves when told, keeps a book
third         a third interface, with AWS at its other end
account       an AWS account for tools that call the aws command: moto, standin before it, awsd for speed
host, guest   the appliance itself: `init host` in a namespace, or the image in QEMU
capture       an independent capture on the other end of a NIC's wire
objects       lists, fetches, opens and checks what was shipped
compare       recording against capture, packet by packet
testing       the protocol of test programs: `ok SENTENCE`, `not ok SENTENCE`, `skip SENTENCE: reason`
"""
