/* msg: every message between roles: its type, its fixed payload, who may send it to whom.
 *
 * The table MSG_LIST is the reference; role/msg.c checks length and direction of each message, and the roles
 * check the phase. Descriptors ride on START and PEER alone. All payloads are fixed-size without pointers.
 */
#ifndef SEALTAP_ROLE_MSG_H
#define SEALTAP_ROLE_MSG_H

#include "aws/cloudwatch.h"
#include "aws/imds.h"
#include "aws/sns.h"
#include "base/conf.h"
#include "base/ip.h"
#include "net/ctstats.h"
#include "os/chan.h"
#include "os/log.h"
#include "record/object.h"

#define MSG_MAX_WORKERS 8
#define MSG_MAX_LINKS 8
#define MSG_LINK_BEFORE 4
#define MSG_MAX_SEGMENTS 64

/* The appliance's own connections use these local ports, and what it translates never does. */
#define OWN_PORT_FIRST 64512
#define OWN_PORT_LAST 65535

enum role_id {
	ROLE_INIT,
	ROLE_NET,
	ROLE_KEYS,
	ROLE_UPLOAD,
	ROLE_SPOOL,
	ROLE_STATUS,
	ROLE_FLOWS,
	ROLE_CAPTURE,
	ROLE_COUNT,
	ROLE_ANY,
	ROLE_PRODUCER /* capture or flows */
};

/* Whoever makes objects, by number: from 0 the workers, then keys with its log, and flows. */
#define PRODUCER_LOG MSG_MAX_WORKERS
#define PRODUCER_FLOWS (MSG_MAX_WORKERS + 1)
#define PRODUCERS (MSG_MAX_WORKERS + 2)
/* Their pools, and the window: the spool's, between it and upload. */
#define POOL_WINDOW PRODUCERS
#define POOLS (PRODUCERS + 1)

/* type, payload struct, sender, receiver, meaning */
#define MSG_LIST(X)                                                                                          \
	X(MSG_START, msg_start, INIT, ANY) /* first message; descriptors as msg_start says */                \
	X(MSG_PEER, msg_peer, INIT, ANY)   /* a channel to another role, new or instead of one whose */      \
	/*                                              other end died; a descriptor */                      \
	X(MSG_LINKS, msg_links, NET, INIT) /* Ethernet links found, the new ones still down; */              \
	/*                                              again when one has come back */                      \
	X(MSG_LINKS_UP, msg_none, INIT, NET)        /* the rings admit them: links may go up */              \
	X(MSG_ADDRESSED, msg_links, NET, INIT)      /* the primary link has an address (own_addr set) */     \
	X(MSG_ONLINE, msg_none, INIT, KEYS)         /* the network works: IMDS may be asked */               \
	X(MSG_CONFIG, msg_config, KEYS, INIT)       /* configuration and identity, read and checked */       \
	X(MSG_SETTINGS, msg_config, INIT, ANY)      /* the same, for the other roles */                      \
	X(MSG_CONFIGURED, msg_links, NET, INIT)     /* both links have addresses; forwarding closed */       \
	X(MSG_INTERFACES, msg_links, INIT, CAPTURE) /* the links with their roles, before ARM; again, */     \
	/*                                              with the same roles, when one has changed */         \
	X(MSG_READY, msg_none, KEYS, INIT)           /* the boot object is stored: permissions proven */     \
	X(MSG_ARM, msg_none, INIT, PRODUCER)         /* start recording */                                   \
	X(MSG_ARMED, msg_none, CAPTURE, INIT)        /* a data key is held, the ring is being read */        \
	X(MSG_FORWARD, msg_flag, INIT, NET)          /* open or close forwarding */                          \
	X(MSG_FORWARDING, msg_forwarding, NET, INIT) /* done; with the links' counters */                    \
	X(MSG_FLOWS_DUMP, msg_flows_dump, FLOWS,                                                             \
	  INIT)                           /* ask the kernel for all flows: the answer comes to flows */      \
	X(MSG_DRAIN, msg_none, INIT, ANY) /* capture: read the ring to its end, seal. upload: ship all */    \
	X(MSG_LATE, msg_none, INIT, ANY)  /* shutdown's time is nearly over: say what is not shipped */      \
	X(MSG_DRAINED, msg_totals, ANY, INIT)      /* done */                                                \
	X(MSG_SHUTDOWN, msg_totals, INIT, KEYS)    /* seal and ship the log's last object */                 \
	X(MSG_LEAVE, msg_leave, KEYS, INIT)        /* AWS takes the instance away: as the power button */    \
	X(MSG_GOODBYE, msg_none, KEYS, INIT)       /* it is stored: power off */                             \
	X(MSG_VERDICT, msg_verdict, ANY, INIT)     /* a boot step failed, or works again */                  \
	X(MSG_LOG_LINE, log_line, ANY, INIT)       /* an event of a role */                                  \
	X(MSG_LOG, msg_log, INIT, KEYS)            /* the same, for the log stream */                        \
	X(MSG_LOGGED, msg_listed, KEYS, INIT)      /* the lines up to there are committed */                 \
	X(MSG_RESOLVE, msg_name, ANY, NET)         /* keys, upload: addresses of a host */                   \
	X(MSG_DESCRIBE, msg_none, NET, KEYS)       /* ask IMDS about the interfaces again */                 \
	X(MSG_DESCRIBED, msg_described, KEYS, NET) /* the interfaces: once configured, and when asked */     \
	X(MSG_CANARY, msg_canary, NET, KEYS)       /* a canary was sent */                                   \
	X(MSG_TIME_SERVERS, msg_time_servers, KEYS, NET) /* whom to ask for the time */                      \
	X(MSG_CLOCK, msg_clock, NET, KEYS)            /* the clock can be used; at each measurement again */ \
	X(MSG_CLOCK_STATE, msg_clock, KEYS, PRODUCER) /* the same */                                         \
	X(MSG_RESOLVED, msg_addresses, NET, ANY)                                                             \
	X(MSG_KEY_WANTED, msg_flag, PRODUCER,                                                                \
	  KEYS) /* a data key for this stream; on: the last one will do */                                   \
	X(MSG_KEY, msg_key, KEYS, PRODUCER)                                                                  \
	X(MSG_SIGN_OBJECT, object_meta, PRODUCER, KEYS) /* the object's signature */                         \
	X(MSG_OBJECT_SIGNED, object_meta, KEYS, PRODUCER)                                                    \
	X(MSG_STORE, msg_segment, ANY, SPOOL)  /* capture, keys, flows: segment i holds an object to keep */ \
	X(MSG_STORED, msg_segment, SPOOL, ANY) /* it does so; segment i may be used again */                 \
	X(MSG_SEALED, msg_segment, ANY, UPLOAD)     /* those or spool: segment i is to be shipped */         \
	X(MSG_FREE, msg_segment, UPLOAD, ANY)       /* S3 has it; segment i may be used again */             \
	X(MSG_SIGN_PUT, msg_sign_put, UPLOAD, KEYS) /* a PUT's SigV4 signature */                            \
	X(MSG_PUT_SIGNED, msg_signed, KEYS, UPLOAD)                                                          \
	X(MSG_SIGN_POST, msg_sign_post, UPLOAD, KEYS) /* that of a form with metrics or an alarm */          \
	X(MSG_POST_SIGNED, msg_signed, KEYS, UPLOAD)                                                         \
	X(MSG_BUCKET_REGION, msg_region, UPLOAD, KEYS)  /* S3 says that the bucket is there: sign for it */  \
	X(MSG_COUNTERS, cloudwatch_sample, ANY, UPLOAD) /* what a role counted */                            \
	X(MSG_COUNT, msg_none, UPLOAD, KEYS)            /* all is shipped: what does that add? */            \
	X(MSG_COUNTED, msg_none, KEYS, UPLOAD)          /* its counters came before this */                  \
	X(MSG_REFUSED, msg_refused, NET, FLOWS)         /* what connection tracking refused so far */        \
	X(MSG_ALARM, sns_alarm, KEYS, UPLOAD)           /* a line of the log that a person must see */       \
	X(MSG_CREDENTIALS_REFUSED, msg_none, UPLOAD, KEYS) /* fetch new ones */                              \
	X(MSG_CLOCK_SKEW, msg_skew, UPLOAD, KEYS) /* S3's Date differs: sign with this offset from now on */ \
	X(MSG_CLOCK_OFFSET, msg_skew, KEYS, UPLOAD) /* it does so from now on */                             \
	X(MSG_SHIPPED, msg_shipped, UPLOAD, KEYS)   /* for the log stream's inventory */                     \
	X(MSG_LISTED, msg_listed, KEYS, UPLOAD)     /* the inventory up to there is committed */             \
	X(MSG_HEALTH, msg_health, INIT, STATUS)     /* each second, and when it changes */                   \
	X(MSG_METRICS, msg_metrics, UPLOAD, STATUS) /* what a role counted */

enum msg_type {
	MSG_NONE,
#define X(type, payload, from, to) type,
	MSG_LIST(X)
#undef X
		MSG_TYPE_COUNT
};

struct msg_none {
	uint32_t unused;
};

struct msg_peer {
	uint32_t role;  /* enum role_id: whose channel it is */
	uint32_t index; /* of a capture worker */
};

struct msg_flag {
	uint32_t on;
};

/* What may ride on START, in this order, owned by the receiver; which of it a role's table says
 * (role/role.h). The channels to other roles follow as PEER. */
enum start_fd {
	START_DHCP,    /* packet socket (AF_PACKET SOCK_DGRAM ETH_P_IP, filtered to UDP port 68) */
	START_ANCHORS, /* file of trust anchors */
	START_RING,    /* this worker's ring socket */
	START_EVENTS,  /* sockets with flows' events, dumps and logged packets (role/flows/flowsockets.h) */
	START_DUMP,
	START_LOGGED,
	START_JOURNAL,  /* pool of one slot: flows' events */
	START_LISTENER, /* the status port's listening socket */
	START_KEPT,     /* pool of one slot: what status counted so far */
	START_DISK,     /* the spool's volume */
	START_FAULTS,   /* with `init host --disk-faults` that file, else nothing */
	START_OWN_POOL, /* writable: the role's own pool */
	START_POOLS,    /* read-only: from here on the pools, as POOLS numbers them */
	START_FDS = START_POOLS + POOLS
};

#define START_BIT(fd) (1u << (fd))
/* All pools but the window. */
#define START_PRODUCERS (START_BIT(START_POOLS + PRODUCERS) - START_BIT(START_POOLS))

struct msg_start {
	uint32_t descriptors;     /* bits START_BIT(): those that came */
	uint64_t boot;            /* 64 random bits */
	uint64_t started_real_ns; /* init's start */
	uint32_t life;            /* of this role, from 0: how often it died before */
	uint32_t forward;         /* net: forwarding is open and stays so */
	uint8_t image_sha256[32]; /* of the firmware file; zeros in host mode */
	uint32_t workers;         /* capture processes */
	uint32_t index;           /* of this worker */
	uint32_t host_mode; /* 1: `init host`: the configuration comes from a file, not from user data */
	uint32_t ring_block_bytes, ring_blocks;
	uint64_t segment_bytes;     /* one slot of a capture pool, head included */
	uint32_t segments;          /* slots of a capture pool */
	uint64_t log_segment_bytes; /* of the log's pool, and of flows' */
	uint32_t log_segments;
	uint32_t flow_slots;      /* places of flows' table: a power of two */
	uint32_t window_segments; /* slots of the window, the pool between spool and upload; segment_bytes
				     each */
	uint32_t config_len;      /* host mode, keys only: bytes of the configuration in config[] */
	uint8_t config[CONF_MAX_BYTES - 2048];
};

struct msg_pool {
	uint64_t slot_bytes;
	uint32_t slots; /* 0: there is no such pool */
};

/* The measures of a pool of POOLS. */
struct msg_pool msg_pool(const struct msg_start *s, uint32_t pool);
/* Which one of POOLS that role's own is; UINT32_MAX: it makes no objects. index: of a capture worker. */
uint32_t msg_own_pool(enum role_id role, uint32_t index);

#define MSG_LINK_OWN 26

struct msg_link {
	uint32_t ifindex;
	/* INTERFACES: the indices of the links that this one came back for, the last one first; 0: none */
	uint32_t before[MSG_LINK_BEFORE];
	char name[16];
	uint8_t mac[6];
	uint16_t mtu;
	uint32_t own_addr; /* the first: IPv4 in host order; 0 while none */
	uint32_t prefix_len;
	uint32_t own_count; /* all addresses that the appliance has there, of both families */
	struct ip own[MSG_LINK_OWN];
	uint32_t device_number; /* EC2: 0 is the primary (outside), 1 inside; UINT32_MAX unknown */
	char eni[32];           /* interface id; may be empty */
	uint64_t speed_bps;     /* 0: unknown */
	uint64_t rx_packets;    /* as the link was listed */
};

struct msg_links {
	uint32_t count;
	struct msg_link link[MSG_MAX_LINKS]; /* after CONFIGURED: [0] outside, [1] inside */
	uint32_t dns[2];                     /* from DHCP; host order; 0: none */
	uint32_t evidence; /* ifindex of the evidence link, which is not among these; 0: none */
};

struct msg_config {
	struct settings settings;
	struct object_identity identity;
};

/* The interfaces as IMDS describes them. */
struct msg_described {
	uint32_t count; /* 0: IMDS did not answer */
	struct imds_link link[IMDS_LINKS_MAX];
};

struct msg_forwarding {
	uint32_t on;
	uint32_t counted;                      /* 0: the counters are not known */
	uint64_t rx_packets[2], rx_dropped[2]; /* link counters when it happened: outside, inside */
};

/* Counters since arming, for the closing log line. */
struct msg_totals {
	uint64_t packets, lost, cut, filtered;
	uint64_t raw_bytes, size_bytes, objects;
};

void msg_totals_add(struct msg_totals *sum, const struct msg_totals *part);

struct msg_leave {
	char reason[96];
};

enum verdict_code {
	VERDICT_OK,
	VERDICT_LINK,
	VERDICT_DHCP,
	VERDICT_IMDS,
	VERDICT_CONFIGURATION,
	VERDICT_CREDENTIALS,
	VERDICT_CLOCK,
	VERDICT_DNS,
	VERDICT_KMS,
	VERDICT_S3,
	VERDICT_EVIDENCE,
	VERDICT_SPOOL,
	VERDICT_RINGS,
	VERDICT_ROLE,
	VERDICT_COUNT
};

struct msg_verdict {
	uint32_t code;  /* enum verdict_code: the step */
	uint32_t ok;    /* 1: the step works (again) */
	char text[200]; /* what failed, on what, what to do; one line */
};

struct msg_name {
	uint32_t id;   /* chosen by the asker, repeated in the answer */
	uint32_t ipv6; /* 1: IPv6 addresses are wanted too (dual-stack endpoints) */
	char host[256];
};

struct msg_addresses {
	uint32_t id;
	uint32_t error; /* enum err */
	uint32_t count;
	struct ip addr[8];
};

struct msg_key {
	uint8_t data_key[32]; /* secret */
	uint64_t signer;  /* of the signing key in its context: 64 random bits of the process that has it */
	uint64_t made_ns; /* monotonic: when KMS gave it */
	uint32_t keyseq;
	uint32_t aad_len, provider_info_len, edk_len;
	uint8_t aad[OBJECT_CONTEXT_MAX];
	uint8_t provider_info[257]; /* key ARN as KMS answered it */
	uint8_t edk[6144];          /* CiphertextBlob */
};

struct msg_segment {
	uint32_t index;
	uint32_t again;      /* SEALED: told before, to a process that may have shipped it since */
	uint64_t generation; /* of the segment's commit record: tells one use of it from the next */
};

/* The answer carries the number. */
struct msg_flows_dump {
	uint32_t number;
	uint32_t dying; /* 1: flows that are over, whose end could not be told yet */
};

/* As the kernel counts, since its network namespace exists. */
struct msg_refused {
	uint64_t at_ns; /* real time; 0: not known */
	struct ctstats stats;
};

struct msg_log {
	uint64_t number; /* rises by one */
	struct log_line line;
};

struct msg_shipped {
	uint64_t number; /* rises by one */
	struct object_meta meta;
};

struct msg_canary {
	uint32_t number;
};

/* Why /healthz says 503. */
enum health_reason {
	HEALTH_BOOTING, /* it was not armed yet */
	HEALTH_LEAVING, /* it is shutting down */
	HEALTH_CLOSED,  /* forwarding is closed */
	HEALTH_LINK,    /* a link is down, or can't be set up */
	HEALTH_WORKER,  /* a capture worker is not there, or late */
	HEALTH_SILENT,  /* init says nothing: the status role's own */
	HEALTH_REASONS,
};

struct msg_health {
	uint32_t reasons;              /* bits 1 << enum health_reason; 0: it forwards and records */
	uint32_t restarts[ROLE_COUNT]; /* how often a process of that role died */
	char closed_by[64];            /* of HEALTH_CLOSED: the policy's reason; may be empty */
	struct msg_step {
		uint32_t told, ok;
		char text[200];
	} step[VERDICT_COUNT];
};

/* Who counts: the workers, then these. */
enum counter_source {
	COUNTER_NET = MSG_MAX_WORKERS,
	COUNTER_KEYS,
	COUNTER_SPOOL,
	COUNTER_UPLOAD,
	COUNTER_SOURCES,
};

struct msg_metrics {
	uint32_t source; /* enum counter_source, or a worker */
	struct cloudwatch_sample counted;
};

struct msg_time_servers {
	struct conf_ntp ntp;
};

/* What is known of the clock that stamps everything. All zeros: nothing. */
struct msg_clock {
	uint32_t synchronised; /* 1: with `server` */
	uint32_t smeared;      /* 1: the server smears leap seconds; 0: nobody knows */
	uint32_t steps;        /* how often it was set while it was in use */
	struct ip server;
	uint64_t step_from_ns, step_to_ns; /* since 1970: the last of those; alike: none */
	uint64_t error_ns;                 /* bound of its error */
	uint64_t at_ns;                    /* monotonic: when it was that */
};

struct msg_listed {
	uint64_t number;
};

struct msg_sign_put {
	uint32_t lane; /* chosen by the asker, repeated in the answer */
	struct object_meta meta;
};

enum msg_form { FORM_METRICS, FORM_ALARM, FORM_COUNT };

struct msg_sign_post {
	uint32_t form; /* enum msg_form */
	struct cloudwatch_sample sample;
	struct sns_alarm alarm;
};

struct msg_signed {
	uint32_t what;  /* the lane or the form, as asked */
	uint32_t error; /* enum err: refused to sign, no credentials */
	char amz_date[20];
	char authorization[768];
	char token[4096]; /* x-amz-security-token; empty: none */
};

struct msg_region {
	char region[32];
};

struct msg_skew {
	int64_t offset_ns;
};

/* Sends; a full socket or a closed peer is an error. */
enum err msg_send(int fd, enum msg_type type, const void *payload) MUST_USE;
enum err msg_send_fds(int fd, enum msg_type type, const void *payload, const int *fds, size_t fd_count)
	MUST_USE;
/* rule: a role, or ROLE_ANY or ROLE_PRODUCER: is it that one, or one of those? */
bool msg_role_in(enum role_id rule, enum role_id role);
/* Its name in command lines, log lines and metrics; static. */
const char *msg_role_name(enum role_id role);
/* A step's code, as it stands in the console's line; static. */
const char *msg_verdict_name(enum verdict_code code);
/* Next message from a peer of role `from` to role `to`: its type must exist, have the right length and that
 * direction. *m owns the descriptors that came; with an error there are none. */
enum err msg_recv(int fd, enum role_id from, enum role_id to, struct chan_msg *m) MUST_USE;

#endif
