/* conf: the configuration: `key = value` lines with `#` comments, read into one fixed-size struct settings.
 *
 * The table of keys in conf.c is the reference: each row has the key, its reader, its default. An unknown,
 * repeated or malformed key, or a missing required one, is an error with its line number and the offending
 * key; nothing else is used then. A line ends with LF or CRLF; at most CONF_MAX_BYTES in all (EC2 user data:
 * 16 KiB); UTF-8, no control characters; a comment begins at a line's start or after a blank. No key names
 * a program, a path or a trust anchor.
 *
 *   s3.bucket             required; 3..63 lower-case letters, digits, hyphens and single dots, not an IPv4
 *                         address. With dots it goes into the path: a certificate's wildcard matches one
 *                         label
 *   s3.region             default: the instance's; of the same partition
 *   s3.prefix             default "sealtap"; unreserved characters and '/', no empty component, at most 128
 *   kms.key               required; arn:PARTITION:kms:REGION:ACCOUNT:key/ID (or alias/NAME)
 *   endpoint.fips         no (default) | yes: FIPS endpoints of all services. Which regions have them, AWS
 *                         says; where there is none the name does not resolve
 *   endpoint.dualstack    no (default) | yes: endpoints with IPv4 and IPv6 addresses
 *   s3.endpoint           default: the region's; https://HOST[:PORT], as of a VPC endpoint without private
 *   kms.endpoint          DNS names. A name, not an address: certificates carry names. At S3 the bucket then
 *   cloudwatch.endpoint   goes into the path. It excludes endpoint.fips and endpoint.dualstack, which would
 *   sns.endpoint          change a name that is given (ERR_EXCLUSIVE, at the endpoint's line)
 *   metrics.namespace     default: no metrics; 1..255 letters, digits and ".-_/#:", not beginning with ":"
 *                         or "AWS/"
 *   metrics.interval_seconds  default 60; 1..300
 *   alarm.topic           default: no alarms; arn:PARTITION:sns:REGION:ACCOUNT:NAME, not a FIFO topic
 *   appliance             default: the instance id; unreserved characters, at most 64
 *   object.max_bytes      default 67108864; 1048576..1073741824; rotation by size (ciphertext), also bounded
 *                         by the segment
 *   object.max_seconds    default 300; 1..3600; rotation by time
 *   key.max_seconds       default 3600; 60..86400; a data key's age
 *   key.max_bytes         default 68719476736; at least 1048576; a data key's volume
 *   log.interval_seconds  default 300; 1..300
 *   ntp.server            default 169.254.169.123 (Amazon Time Sync); an IPv4 or IPv6 address, or none. May
 *                         be repeated, at most 4: the first that answers is believed; of three or more a
 *                         majority must agree
 *   evidence              none (default) | eni: what goes to AWS's services (KMS, S3, CloudWatch, SNS) leaves
 *                         by an interface of its own, device number 2, and by no other: while it is missing
 *                         nothing of it leaves
 *   nat                   masquerade (default): IPv4 from inside gets the outside interface's first address |
 *                         none: it keeps its own | ADDRESS: it gets this one, which must be one of the
 *                         outside interface's or no answer comes back (a warning, where it is not)
 *   publish               tcp|udp PORT[-PORT] -> ADDRESS[:PORT] [from NET]: what reaches the outside
 *                         interface's addresses on these ports goes to ADDRESS inside; for hosts inside too.
 *                         IPv4; at most 32; no port twice for a protocol, none above 64511 (the appliance's
 *                         own). Without :PORT the ports stay as they are. NET: ADDRESS[/LENGTH]
 *   forward.allow         out|in [tcp|udp|icmp|any] [from NET [port PORT[-PORT]]] [to NET [port PORT[-PORT]]]
 *   forward.deny          for packets that begin a flow; answers and what belongs to a flow always pass. NET:
 *                         ADDRESS[/LENGTH] of IPv4 or IPv6, or any. Both keys are one list in the order of
 *                         their lines, at most 64; the first one that matches decides. out: from inside to
 *                         outside; what matches none has the opposite of the last `out` line, and without
 *                         one all may pass. in: from outside to inside, addresses as they are inside; what
 *                         matches none passes if it is published, else not
 *   limit.flows_per_source  default 0: none; at most 1000000; flows that one source address may have at a
 *                         time, and so ports of the NAT. Counting costs time in proportion to it
 *   limit.new_flows_per_second  default 0: none; at most 1000000; flows that one source address may begin a
 *                         second
 *   inside.routes         NET[, NET ...], IPv4 or IPv6: further networks behind the inside interface's
 *                         router. May be repeated, at most 32 networks in all. The VPC's own need not be
 *                         named
 *   capture.rule          full | headers | none : FILTER, in libpcap's language (pcap-filter(7)), without
 *                         names. May be repeated, at most 16 times, each filter at most 503 bytes: the first
 *                         one that matches decides, what matches none is recorded in full. headers: the
 *                         link's, the network's and the transport's alone. none: not recorded, counted
 *   capture.flow_cutoff   default 0: none; bytes of a flow's direction that are recorded in full; headers
 *                         from then on
 *   budget.bytes_per_day  default 0: none; bytes of recordings a day (UTC), before compression. From 80 % on
 *                         the heaviest sources are cut to headers first: record/budget.h. With on_loss = stop
 *                         none is dropped while its headers have room; when they have none in one worker's
 *                         share, forwarding stops until the day ends
 *   spool                 memory (default) | a volume of its own, by EBS volume id or NVMe serial: what is
 *                         not shipped yet survives there; never the root disk, and an empty one or our own.
 *                         With `init host` also the absolute path of a file
 *   spool.sync_ms         default 1000; 50..10000; how often what was recorded is made to last on the volume
 *   spool.full            drop-newest (default) | stop: what happens when no place is left: packets are
 *                         dropped and counted, or forwarding stops until there has been room for two
 *                         seconds, whatever on_loss says. What is not shipped is never overwritten
 *   zstd.level            default 1; 1..19, 0: stored, -5..-1: faster
 *   status.port           default 0: nothing is served, so that nobody gets in unasked; else 1..64511: where
 *                         /healthz and /metrics are by HTTP. The ports above are the appliance's own
 *   status.sources        required with status.port, and nothing without it; NETWORK[, NETWORK ...], may be
 *                         repeated, at most 16 in all: who may ask. An address alone is a network of one
 *   status.interface      inside (default) | outside: where it is served
 *   on_loss               record (default): traffic flows also while it can't be recorded, and the gap is in
 *                         the record | stop: forwarding stops as soon as a packet was lost, no place is left,
 *                         the day's budget is used up, or a worker is dead or late; it goes on when recording
 *                         does
 */
#ifndef SEALTAP_BASE_CONF_H
#define SEALTAP_BASE_CONF_H

#include "base/conf_gateway.h"
#include "base/conf_ntp.h"

#define CONF_MAX_BYTES 16384

#define CONF_RULES 16
#define CONF_NETS 16 /* of one key */
#define CONF_INSIDE_ROUTES 32

enum conf_on_loss { CONF_ON_LOSS_RECORD, CONF_ON_LOSS_STOP };

enum conf_spool_full { CONF_SPOOL_FULL_DROP_NEWEST, CONF_SPOOL_FULL_STOP };

enum conf_evidence { CONF_EVIDENCE_NONE, CONF_EVIDENCE_ENI };

/* The one of the two interfaces. */
enum conf_side { CONF_INSIDE, CONF_OUTSIDE };

enum conf_keep { CONF_KEEP_FULL, CONF_KEEP_HEADERS, CONF_KEEP_NONE };

struct capture_rule {
	uint32_t keep;    /* enum conf_keep */
	uint32_t line;    /* of the configuration */
	char filter[504]; /* not compiled yet: record/rules */
};

/* Where a service answers, by TLS. No host: none was given. */
struct endpoint {
	char host[254]; /* lower case */
	uint16_t port;
};

struct conf_nets {
	uint32_t count;
	struct ip_net net[CONF_NETS];
};

/* Fixed size, no pointers: it is sent to the other roles as it is. Strings are terminated. */
struct settings {
	char s3_bucket[64];
	char s3_prefix[129];
	char kms_key[257];
	char s3_region[32]; /* empty: the instance's */
	struct endpoint s3_endpoint, kms_endpoint, cloudwatch_endpoint, sns_endpoint;
	uint32_t endpoint_fips, endpoint_dualstack; /* 0 or 1 */
	char metrics_namespace[256];                /* empty: no metrics */
	uint64_t metrics_interval_seconds;
	char alarm_topic[320]; /* empty: no alarms */
	char appliance[65];    /* empty: the instance id */
	uint64_t object_max_bytes;
	uint64_t object_max_seconds;
	uint64_t key_max_seconds;
	uint64_t key_max_bytes;
	uint64_t log_interval_seconds;
	struct conf_ntp ntp;
	uint32_t evidence; /* enum conf_evidence */
	uint32_t on_loss;  /* enum conf_on_loss */
	int32_t zstd_level;
	char spool[161]; /* empty: memory */
	uint64_t spool_sync_ms;
	uint32_t spool_full; /* enum conf_spool_full */
	uint32_t inside_route_count;
	struct ip_net inside_route[CONF_INSIDE_ROUTES];
	uint32_t rule_count;
	struct capture_rule rule[CONF_RULES];
	uint64_t flow_cutoff_bytes;    /* 0: none */
	uint64_t budget_bytes_per_day; /* 0: none */
	uint32_t status_port;          /* 0: nothing is served */
	uint32_t status_interface;     /* enum conf_side */
	struct conf_nets status_sources;
	struct conf_gateway gateway;
};

struct conf_error {
	unsigned line; /* from 1; 0 when no line is to blame (a missing key) */
	char key[64];  /* the offending key, printable; may be empty */
	char text[80]; /* what a filter's compiler says, printable; may be empty */
};

/* On error *out holds nothing of use and *at tells where. */
enum err conf_read(struct span text, struct settings *out, struct conf_error *at) MUST_USE;

#endif
