/* inspect: looks at one object whole, as its bytes come, and says what of it is not as object format 1
 * (src/FORMAT.md) has it: envelope, content, index, metadata, signature, its place as it tells it itself.
 *
 *   inspect_begin() -- inspect_feed()* -- inspect_key(), once INSPECT_WANTS_KEY -- inspect_feed()* --
 * inspect_end()
 *
 * Nothing stops it: the hash is of all bytes, and what can still be checked after a flaw is. Content is
 * given out only when it was authenticated. Without a key (public_only) it checks hashes, name, and the
 * signature by the public key that the header shows, which is not authenticated then.
 *
 * Its neighbours, the log's inventory and boots are record/ledger's. The struct is static storage: about 20
 * MiB.
 */
#ifndef SEALTAP_RECORD_INSPECT_H
#define SEALTAP_RECORD_INSPECT_H

#include "lib/ecdsa.h"
#include "record/bloom.h"
#include "record/esdk_read.h"
#include "record/object.h"
#include "record/zframe.h"

/* name, kind, what is wrong, as the end of a sentence that begins with the object's name */
#define INSPECT_FLAWS(X)                                                                             \
	X(NOT_SEALED, "altered", "is not a sealed object of the format: its header can't be read")   \
	X(KMS, "altered", "KMS refuses its encryption context together with its encrypted data key") \
	X(COMMITMENT, "altered", "the data key is not the one that its header commits to")           \
	X(HEADER, "altered", "its header does not authenticate")                                     \
	X(FRAME, "altered", "a frame does not authenticate")                                         \
	X(TRUNCATED, "truncated", "it ends too early")                                               \
	X(FOLLOWED, "altered", "something follows its end")                                          \
	X(CONTEXT, "swapped", "its encryption context is that of another object than its name")      \
	X(CONTEXT_FORM, "altered", "its encryption context is not that of the format")               \
	X(ZSTD, "altered", "what is inside can't be decompressed or has a wrong checksum")           \
	X(NO_INDEX, "truncated", "its index and seek table are missing")                             \
	X(INDEX, "altered", "its index or seek table disagrees with its content")                    \
	X(CONTENT, "altered", "what is inside are no records of its kind")                           \
	X(INSIDE, "swapped", "inside it says that it is another object than its name says")          \
	X(PREV, "chain", "the hash of its predecessor is another inside than in its metadata")       \
	X(META, "altered", "its metadata is not complete or not well-formed")                        \
	X(START, "altered", "its metadata `first` is not the time in its name")                      \
	X(FIRST, "altered", "its metadata `first` is not the time of its first record")              \
	X(LAST, "altered", "its metadata `last` is not the time of its last record")                 \
	X(RECORDS, "altered", "its metadata `records` is not the number of its records")             \
	X(BYTES, "altered", "its metadata `bytes` is not the length of its content")                 \
	X(CUT, "altered", "its metadata `cut` is not the number of its shortened records")           \
	X(SHA256, "altered", "its metadata `sha256` is not the hash of its bytes")                   \
	X(STORED, "altered", "S3 tells another size or checksum than that of the bytes it gives")    \
	X(SIGNATURE, "forged",                                                                       \
	  "its signature is not by the key in its encryption context, or of other metadata")

enum inspect_flaw {
#define X(name, kind, text) INSPECT_##name,
	INSPECT_FLAWS(X)
#undef X
		INSPECT_FLAW_COUNT
};
#define INSPECT_RAW_MAX ZSTD_SOURCE_MAX
#define INSPECT_BIT(name) (1u << INSPECT_##name)

const char *inspect_kind(enum inspect_flaw f);
const char *inspect_text(enum inspect_flaw f);

/* What the name says. */
struct inspect_name {
	struct span full;      /* without bucket and -rN; empty: not known, the signature can't be checked */
	struct span appliance; /* account/region/appliance; empty: not known */
	uint64_t boot, start_ns;
	char stream[8];
	uint32_t seq;
	uint8_t kind; /* enum object_kind */
	bool torn;
};

/* Its metadata: MISSING: not where the object is kept; BROKEN: not complete or not well-formed. */
enum inspect_meta { INSPECT_META_MISSING, INSPECT_META_BROKEN, INSPECT_META_WHOLE };

/* What it says inside of its envelope. */
struct inspect_inside {
	bool known;
	uint64_t boot;
	char stream[8];
	uint32_t seq;
	uint8_t prev[32];
	char prev_sig[OBJECT_SIG_MAX * 2]; /* as text; empty: it is the first */
	char clock[48];                    /* where its times come from */
};

/* Cumulative counts of both interfaces, by the last statistics of each; known: both have some. */
struct inspect_counts {
	bool known;
	uint64_t recorded, lost, filtered;
};

struct inspect_frame {
	uint64_t first_ns, last_ns;
	uint32_t records;
	uint32_t filter_at, filter_bytes; /* in filters: what the index should have; 0: none, or no room */
};

enum inspect_sig { INSPECT_SIG_UNKNOWN, INSPECT_SIG_GOOD, INSPECT_SIG_NONE, INSPECT_SIG_BAD };
enum inspect_event { INSPECT_MORE, INSPECT_WANTS_KEY };

struct inspect {
	/* results, after inspect_end() */
	uint32_t flaws; /* bits of enum inspect_flaw */
	uint32_t frame; /* of INSPECT_FRAME, from 1 */
	uint64_t size_bytes;
	uint8_t sha256[SHA256_BYTES];
	enum inspect_sig sig;
	bool has_pub, opened;
	uint8_t pub[ECDSA_PUB_BYTES];
	struct inspect_inside inside;
	uint64_t first_ns, last_ns, records, raw_bytes, cut; /* of the content */
	struct inspect_counts counts;

	struct inspect_name name; /* borrowed spans */
	enum inspect_meta has_meta;
	struct object_meta meta; /* as it was given */
	bool public_only;
	/* each line of a log object but the first; set by the caller before inspect_begin(), may be NULL */
	void (*line)(void *arg, struct span text);
	void *arg;

	struct sha256 hash;
	bool statistics[2];
	struct inspect_counts interface[2];
	uint32_t frames; /* of which by_frame knows */
	size_t raw_len, filters_len;
	struct inspect_frame by_frame[ZFRAME_FRAMES_MAX + 1];
	struct bloom bloom;
	struct esdk_reader envelope;
	struct zframe_reader zframe;
	uint8_t raw[INSPECT_RAW_MAX]; /* of the zstd frame being read */
	uint8_t filters[INDEX_FILTERS_MAX];
	uint8_t frame_bytes[ESDK_FRAME_BYTES + AEAD_TAG_BYTES];
};

/* meta: borrowed for the call; NULL unless WHOLE. */
void inspect_begin(struct inspect *in, const struct inspect_name *name, enum inspect_meta has_meta,
		   const struct object_meta *meta, bool public_only);
/* Takes bytes off *bytes until all are used up (INSPECT_MORE) or the header is there (INSPECT_WANTS_KEY,
 * once, not with public_only): in->envelope.header. */
enum inspect_event inspect_feed(struct inspect *in, struct span *bytes) MUST_USE;
/* NULL: there is none; on without. */
void inspect_key(struct inspect *in, const uint8_t *data_key);
/* stored_bytes, stored_sha256: what S3 tells; UINT64_MAX and NULL: nothing. */
void inspect_end(struct inspect *in, uint64_t stored_bytes, const uint8_t *stored_sha256);

#endif
