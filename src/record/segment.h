/* segment: one object written into one slot of memory: zstd frames, index, seek table, all inside one
 * Encryption SDK message.
 *
 *   IDLE --segment_open()--> OPEN --segment_frame()*--> OPEN --segment_close()--> IDLE
 *
 * Another order traps.
 *
 * The slot sees ciphertext alone, at any time. The struct is static storage, zeroed before its first use; it
 * holds plaintext and keys while OPEN, and wipes the keys when closed.
 */
#ifndef SEALTAP_RECORD_SEGMENT_H
#define SEALTAP_RECORD_SEGMENT_H

#include "lib/sha.h"
#include "lib/zstd.h"
#include "record/effort.h"
#include "record/esdk.h"
#include "record/index.h"

/* How a frame was made. */
enum segment_made {
	SEGMENT_COMPRESSED,
	SEGMENT_FASTER, /* by a level below the one of segment_open() */
	SEGMENT_STORED, /* as the level said */
	SEGMENT_DENSE,  /* stored: it would not have shrunk enough */
	SEGMENT_MADES,
};

#define SEGMENT_FRAMES_MAX 8192u
#define SEGMENT_RAW_MAX ZSTD_SOURCE_MAX
/* segment_fits() keeps room for one more frame of so many raw bytes: the object's last words. */
#define SEGMENT_LAST_MAX 65536u

struct segment_key {
	const uint8_t *data_key; /* borrowed, secret; ESDK_KEY_BYTES */
	struct span aad;      /* borrowed, as all below: serialised encryption context (object_context()) */
	struct span provider; /* empty: "aws-kms" */
	struct span provider_info; /* key ARN */
	struct span edk;           /* CiphertextBlob */
};

struct segment_frame_info {
	uint64_t first_ns, last_ns;
	uint64_t first_seq, last_seq;
	uint32_t records;
	struct span filter; /* borrowed: of its addresses and ports (bloom_fold()); empty: it has none */
};

struct segment_sum {
	uint64_t size_bytes; /* the object */
	uint64_t raw_bytes;
	uint64_t zstd_bytes; /* with index and seek table */
	uint32_t frames;
	uint8_t sha256[SHA256_BYTES]; /* of the object */
};

struct segment {
	bool open;
	int level;              /* of zstd; 0: stored */
	enum segment_made made; /* the last frame */
	uint64_t max_bytes;
	size_t header_bytes;
	struct buf mem; /* borrowed: the slot */
	size_t hashed;  /* bytes of it that sha has seen */
	struct sha256 sha;
	struct esdk esdk;
	uint64_t raw_bytes, zstd_bytes;
	uint32_t frames;
	struct index_entry entry[SEGMENT_FRAMES_MAX];
	uint32_t filter_bytes;
	uint8_t filters[INDEX_FILTERS_MAX]; /* of all frames; when it is full, further ones have none */
	_Alignas(64) uint8_t packed[ZSTD_BOUND(SEGMENT_RAW_MAX)];
	struct zstd_encoder zstd;
};

/* ERR_FULL: cap can't hold even an object of one last frame. The rest as esdk_begin(). */
enum err segment_open(struct segment *s, const struct segment_key *key,
		      const uint8_t message_id[ESDK_ID_BYTES], int zstd_level, uint64_t max_bytes,
		      uint8_t *mem, size_t cap) MUST_USE;
/* True when a frame of raw_bytes surely fits, after it one of SEGMENT_LAST_MAX, and the whole object stays
 * within both the slot and max_bytes. */
bool segment_fits(const struct segment *s, size_t raw_bytes);
/* Compresses and seals one frame of 1..SEGMENT_RAW_MAX bytes, by segment_open()'s level or a lower one of
 * this effort; one that would hardly shrink is stored (record/probe). What it became: s->made. Does not look
 * at max_bytes: the first frame may exceed it. A filter that finds no room is left out. ERR_FULL: the slot or
 * the index is full; nothing was written, and the object can be closed. */
enum err segment_frame(struct segment *s, struct span raw, const struct segment_frame_info *info,
		       enum effort_step effort) MUST_USE;
/* What would complete the object as it is now, without index and seek table (esdk_provisional()). */
enum err segment_provisional(struct segment *s, struct buf *side) MUST_USE;
/* Index, seek table, final frame; cannot fail. */
enum err segment_close(struct segment *s, struct segment_sum *sum) MUST_USE;

#endif
