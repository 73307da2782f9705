/* s3: one call, PutObject of a sealed object: its signature, its request head, the meaning of its answer.
 * Sans I/O.
 *
 * keys signs (it has the secret), upload writes the head (it has the connection): both walk one table of
 * headers in s3.c, so they can't disagree. One PUT an object, its digest and If-None-Match signed. Source:
 * Amazon S3 API reference, PutObject.
 */
#ifndef SEALTAP_AWS_S3_H
#define SEALTAP_AWS_S3_H

#include "aws/endpoint.h"
#include "aws/fault.h"
#include "aws/sigv4.h"
#include "net/http1.h"
#include "record/object.h"

#define S3_HEAD_MAX 12288 /* a request's head */
/* Longest answer body to be read: XML_BYTES_MAX. SignatureDoesNotMatch repeats what was signed, with the
 * token, once as text and once as spaced hexadecimal: some 12 KiB. */
#define S3_ANSWER_MAX 65536

/* ERR_DENIED when an object's name is not one of ours: it must begin with PREFIX/ACCOUNT/REGION/APPLIANCE/
 * and have only unreserved characters and no "." or empty segment. */
enum err s3_check_name(const struct settings *s, const struct object_identity *id, struct span name) MUST_USE;
/* Appends X-Amz-Date's value and Authorization's value. ERR_DENIED: s3_check_name(). */
enum err s3_put_sign(const struct settings *s, const struct object_identity *id, const struct object_meta *m,
		     const struct aws_credentials *c, struct sigv4_cache *cache, uint64_t now_ns,
		     struct buf *amz_date, struct buf *authorization) MUST_USE;
/* Appends the head; m->size_bytes of ciphertext follow it. token may be empty. */
enum err s3_put_head(const struct settings *s, const struct object_identity *id, const struct object_meta *m,
		     struct span amz_date, struct span authorization, struct span token, struct buf *head)
	MUST_USE;
/* The bucket's region: s3.region, else the instance's. */
struct span s3_region(const struct settings *s, const struct object_identity *id);
/* The bucket stands in the path and not in the host: at an endpoint that the settings name, and where the
 * bucket's name has dots. */
bool s3_path_style(const struct settings *s);
/* Where to connect to; the host is also the certificate's name. ERR_UNSUPPORTED when the bucket's region is
 * of another partition than the instance's or of an unsupported one. */
enum err s3_endpoint(const struct settings *s, const struct object_identity *id, struct endpoint *out)
	MUST_USE;

enum s3_verdict {
	S3_STORED,
	S3_RETRY, /* these three as enum fault_kind says */
	S3_REFRESH,
	S3_SKEW,
	S3_MOVED,  /* the bucket is in another region: ask s3_redirect where */
	S3_EXISTS, /* the name is taken by something else: alarm, keep the data */
	S3_DENIED, /* will not get better by itself: alarm, keep the data, keep trying slowly */
};

/* One object's attempts. Zeroed before the first. */
struct s3_attempts {
	bool maybe_stored;        /* an earlier attempt may have stored it although no answer said so */
	uint32_t digest_refusals; /* S3 found other bytes than the digest says */
};

/* An attempt ended without an answer after its head was sent: connection lost, timeout, malformed answer. */
void s3_no_answer(struct s3_attempts *a);
/* What an answer means. 412 is S3_STORED where an earlier attempt may have stored the object (the name is
 * ours alone and S3 checked the digest), else S3_EXISTS. A wrong digest is S3_RETRY once (the bytes may have
 * been damaged on their way), then S3_DENIED. *fault is for the log and the verdict. */
enum s3_verdict s3_classify(struct s3_attempts *a, unsigned status, struct span body, struct fault *fault);
/* After S3_MOVED: the region that the answer names (x-amz-bucket-region, else Region, else the host of
 * Endpoint or Location), terminated, to be put into settings.s3_region of both sides; no host is taken over.
 * ERR_DENIED, and nothing is to be changed: the answer names no region, or one that is no other (307 apart: a
 * new bucket, the same endpoint will do soon), or of another partition, or two; or a host that is not S3's;
 * or the endpoint is one that the settings name. */
enum err s3_redirect(const struct settings *s, const struct object_identity *id,
		     const struct http1_response *answer, struct span body, char region[32]) MUST_USE;

#endif
