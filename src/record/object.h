/* object: what identifies one shipped object: its name, encryption context, metadata and signature (object
 * format 1).
 *
 * struct object_identity is the same for a whole boot; struct object_meta describes one object. Both are
 * fixed-size without pointers: they are sent between roles and stand in commit records. Strings are
 * terminated. Source: object format 1 (src/FORMAT.md).
 */
#ifndef SEALTAP_RECORD_OBJECT_H
#define SEALTAP_RECORD_OBJECT_H

#include "base/buf.h"

#define OBJECT_FORMAT 1
#define OBJECT_NAME_MAX 448 /* with terminator */
#define OBJECT_SIG_MAX 72   /* DER ECDSA P-256 */
#define OBJECT_CONTEXT_MAX 2048

enum object_kind { OBJECT_PACKETS, OBJECT_LOG, OBJECT_FLOWS };

struct object_identity {
	char prefix[129];
	char account[16];
	char region[32];
	char appliance[65];
	char vpc[32];
	char instance[32];
	char ami[32];
	uint64_t boot;            /* 64 random bits */
	uint8_t image_sha256[32]; /* firmware file */
	uint8_t config_sha256[32];
	uint8_t pub[65]; /* uncompressed P-256 point of the boot's signing key */
};

struct object_meta {
	uint32_t kind;              /* enum object_kind */
	char stream[8];             /* w0.., log, flows */
	uint32_t seq;               /* from 0, per boot and stream, no holes */
	uint32_t canary;            /* number of the last one in it, plus 1; 0: none. Not shipped */
	uint64_t boot;              /* of its name; not shipped by itself */
	uint64_t signer;            /* which of the boot's signing keys stands in its context; not shipped */
	char name[OBJECT_NAME_MAX]; /* without bucket */
	uint64_t first_ns, last_ns; /* real time of first and last record */
	uint64_t records;
	uint64_t raw_bytes; /* plaintext before compression */
	uint64_t lost, cut, filtered;
	uint64_t size_bytes; /* ciphertext */
	uint8_t prev[32];    /* SHA-256 of the stream's previous object; zeros for the first */
	uint8_t sha256[32];  /* of the ciphertext */
	uint8_t sig[OBJECT_SIG_MAX];
	uint32_t sig_len; /* 0: not signed, yet or for ever (its key died with its process) */
};

/* False when m, made by another process, is not what it must be to be read: strings terminated, lengths
 * within their arrays. */
bool object_meta_sane(const struct object_meta *m);

/* Fills meta->name and boot from identity, kind, stream, seq and first_ns. ERR_FULL when it does not fit. */
enum err object_name(const struct object_identity *id, struct object_meta *meta) MUST_USE;

/* The name of the object when it has to stand beside another of its name: `...-r1.<ext>` and so on. The
 * signature goes on covering the name without -rN. ERR_FULL when it does not fit. */
enum err object_rename(struct object_meta *meta, unsigned n) MUST_USE;

/* The object was cut off by a crash: `….torn.encrypted`. ERR_FULL when it does not fit; ERR_SYNTAX: it has no
 * name of an object. */
enum err object_torn(struct object_meta *meta) MUST_USE;

/* The encryption context as the pairs of the message header's AAD: serialised, sorted by key, without the
 * leading AAD length (it begins with the pair count); esdk_header_context() walks it. keyseq: number of the
 * stream's data key, from 0. */
enum err object_context(const struct object_identity *id, const char *stream, uint32_t keyseq,
			struct buf *aad) MUST_USE;

/* The metadata headers in their fixed order, one call a header; i from 0; false past the last. name has no
 * x-amz-meta- prefix ("sealtap-format"); the value is appended to *value. `with_sig` false gives the signed
 * fields alone. */
bool object_meta_field(const struct object_meta *m, unsigned i, bool with_sig, const char **name,
		       struct buf *value);

/* The signature as it is told everywhere: base64, or "none" where it has none. */
void object_put_sig(struct buf *b, const struct object_meta *m);

/* The bytes that the signature covers: `name:<object name>\n` then each field without the sealtap- prefix,
 * `field:value\n`. */
enum err object_signed_text(const struct object_meta *m, struct buf *out) MUST_USE;

#endif
