/* cloudwatch: one call, PutMetricData: the appliance's counters of a minute as metrics. Sans I/O.
 *
 * The table in cloudwatch.c is the reference: each row has the field, the metric's name, its unit, and
 * whether it counts or gauges; rows without a name are counted alike and not sent. All metrics have the
 * dimension Appliance. Each role counts what it knows of a sample; upload adds them up and takes the
 * difference of each minute. keys and upload make the same call from the same sample. Source: Amazon
 * CloudWatch API reference, PutMetricData (at most 1000 metrics and 1 MB a call).
 */
#ifndef SEALTAP_AWS_CLOUDWATCH_H
#define SEALTAP_AWS_CLOUDWATCH_H

#include "aws/post.h"
#include "net/nft.h"
#include "record/object.h"
#include "record/segment.h"

#define CLOUDWATCH_BODY_MAX 12288 /* the longest form */

enum cloudwatch_ena {
	ENA_BW_IN,
	ENA_BW_OUT,
	ENA_PPS,
	ENA_CONNTRACK,
	ENA_LINKLOCAL,
	ENA_CONNTRACK_AVAILABLE,
	ENA_COUNTERS,
};

/* Why packets were not forwarded: the packet filter's reasons, then connection tracking's. */
enum {
	CLOUDWATCH_FULL = NFT_REASONS, /* the table of flows */
	CLOUDWATCH_NO_PORT,            /* no NAT port was free */
	CLOUDWATCH_REASONS
};

/* Fixed size, no pointers: it is sent between roles. */
struct cloudwatch_sample {
	uint64_t at_ns; /* the minute's end, real time */
	uint64_t packets, raw_bytes, shipped_objects, shipped_bytes;
	uint64_t lost_ring, lost_before_tap, lost_budget, cut, filtered; /* packets */
	uint64_t rx_missed;                                              /* packets, by the NICs */
	uint64_t ena[ENA_COUNTERS]; /* packets beyond an allowance; the last: connections left */
	uint64_t spool_used_bytes, spool_total_bytes;
	uint64_t oldest_unshipped_s, key_age_s;
	uint64_t forwarding; /* 0 or 1 */
	uint64_t put_failures, kms_failures, alarms_suppressed, canaries_stored;
	/* 0: `ena` says nothing of the counters, of the connections left, and they are left out */
	uint64_t has_ena, has_conntrack_available;
	uint64_t flows, flows_max;                  /* in the table of connection tracking, and its room */
	uint64_t not_forwarded[CLOUDWATCH_REASONS]; /* packets */
	/* counted for the status role alone (role/status/metrics.h): no metric is made of them */
	struct cloudwatch_link {
		uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes;
	} outside, inside, evidence;
	uint64_t frames[SEGMENT_MADES]; /* of recordings, by how they were compressed */
	uint64_t effort_changes;        /* how often a worker began to compress less, or more again */
};

/* Adds a part to the sum: counters add up, of gauges the greater counts, of connections left the lesser. */
void cloudwatch_add(struct cloudwatch_sample *sum, const struct cloudwatch_sample *part);
/* *now becomes what came about since *before; gauges stay. A counter that is less than before began anew:
 * all that it shows came about since. */
void cloudwatch_since(struct cloudwatch_sample *now, const struct cloudwatch_sample *before);
/* A counter in *now is less than in *before: whoever counts has begun anew. */
bool cloudwatch_began_anew(const struct cloudwatch_sample *now, const struct cloudwatch_sample *before);
/* Counters of *now that are less than in *before become what they were there. */
void cloudwatch_at_least(struct cloudwatch_sample *now, const struct cloudwatch_sample *before);
/* The later of two differences gets the counts of the earlier one too; its gauges stay. */
void cloudwatch_carry(struct cloudwatch_sample *later, const struct cloudwatch_sample *earlier);

/* Appends the form to *body, which is empty and outlives *call. ERR_MISSING when the settings have no
 * namespace. */
enum err cloudwatch_call(const struct settings *s, const struct object_identity *id,
			 const struct cloudwatch_sample *sample, struct buf *body, struct post_call *call)
	MUST_USE;
/* POST_UNFIT: what the form says is refused, such as a time too old or too far ahead. */
enum post_verdict cloudwatch_classify(unsigned status, struct span body, struct fault *fault);

#endif
