/* sealed: one sealed object, opened by ranges: its header, its index, the frames that are wanted, and
 * nothing else. What it gives out was authenticated.
 *
 *   sealed_open() --> [sealed_want()] --> sealed_next()* --> sealed_close()
 *
 * An object without an index (torn, or cut) is read from its beginning to its end; a message that is
 * none of ours is ERR_UNSUPPORTED: `sealtap decrypt` opens those. Memory is the caller's: a struct
 * sealed is large, and static storage. */
#ifndef SEALTAP_CLI_SEALED_H
#define SEALTAP_CLI_SEALED_H

#include "cli/keyring.h"
#include "cli/source.h"
#include "record/esdk_open.h"
#include "record/index.h"

#define SEALED_HEAD_BYTES 8192u         /* a longer header is refused */
#define SEALED_TAIL_BYTES (256u * 1024) /* of the end, read first; a longer index costs another request */
#define SEALED_FRAMES_MAX 8192u         /* as SEGMENT_FRAMES_MAX */
#define SEALED_RAW_MAX (1024u * 1024)   /* of a frame's content */
#define SEALED_CHUNKS 4                 /* ranges under way at once */
#define SEALED_STRIDES 64u              /* of 64 KiB, in a range, at most */
#define SEALED_ROOM_MIN (SEALED_RAW_MAX + SEALED_CHUNKS * ESDK_STRIDE_BYTES)
#define SEALED_ROOM_MAX (SEALED_RAW_MAX + SEALED_CHUNKS * SEALED_STRIDES * ESDK_STRIDE_BYTES)

/* Frames of the envelope that were asked for: first to end - 1. */
struct sealed_chunk {
	struct source_read read;
	uint32_t first, end;
	uint8_t *bytes;
	enum err error;
	bool arrived;
	uint8_t state[SEALED_STRIDES]; /* of each: enum sealed_state */
};
enum sealed_state { SEALED_SHUT, SEALED_PLAIN, SEALED_BAD };

struct sealed {
	/* to be read by all */
	const struct catalog_object *object; /* borrowed */
	struct esdk_header header;
	struct esdk_layout layout;
	bool has_index;
	uint32_t frames;       /* by the index */
	enum exit_status said; /* with ERR_MISSING: why there is no key, or no credentials */

	/* inside */
	bool started, is_open, all;
	struct span index; /* its content; in tail, or in what all share */
	struct source_read head_read, tail_read;
	struct esdk_opener opener; /* secret */
	uint64_t tail_z; /* offset of tail's plaintext in the zstd stream; all of it was authenticated */
	size_t tail_len;
	uint32_t tail_first;       /* the first frame of the envelope in it */
	uint64_t z;                /* without index: where the next zstd frame begins */
	uint32_t at, given;        /* the next frame to look at; the last one given out */
	uint32_t ask_frame, ask_e; /* what is asked for next: for which zstd frame, frame of the envelope */
	unsigned asked, used;      /* chunks; their ring is by these numbers */
	uint32_t strides;          /* of the next chunk */
	uint8_t *raw, *ahead;      /* in the room */
	size_t ahead_bytes;
	char why[200];
	struct sealed_chunk chunk[SEALED_CHUNKS];
	uint8_t want[SEALED_FRAMES_MAX / 8];
	struct index_entry entry[SEALED_FRAMES_MAX + 1]; /* one more: where the index begins */
	uint8_t head[SEALED_HEAD_BYTES];
	uint8_t tail[SEALED_TAIL_BYTES]; /* plaintext, once it was opened */
};

/* Starts to read both ends of the object, before sealed_open() is asked for; may be left out. */
void sealed_start(struct sealed *s, const struct catalog_object *o);
/* Reads header and end of the object; asks for the data key; authenticates both, finds the index.
 * ERR_AUTH, ERR_COMMITMENT, ERR_SYNTAX, ERR_TRUNCATED, ERR_UNSUPPORTED and source_wait's; ERR_UNKNOWN_KEY:
 * the operator's key file has another key; ERR_DENIED and ERR_SERVICE also when there is no data key, which
 * was said then (sealed_why() is empty). */
enum err sealed_open(struct sealed *s, const struct catalog_object *o) MUST_USE;
const struct esdk_header *sealed_header(const struct sealed *s);
bool sealed_has_index(const struct sealed *s);
uint32_t sealed_frames(const struct sealed *s);
const struct index_entry *sealed_entry(const struct sealed *s, uint32_t i);
/* Bloom filter of frame i; empty: none, the frame may hold anything. Valid until the next
 * sealed_open() of any object. */
struct span sealed_filter(const struct sealed *s, uint32_t i);

/* Memory for the frame given out and for what is read ahead, SEALED_ROOM_MIN bytes at least, until
 * sealed_close(). Without it, sealed.c's own is used, by one object at a time. */
void sealed_lend(struct sealed *s, uint8_t *room, size_t bytes);
/* Asks for the first ranges now, and for long ones: nobody waits for the first frame yet. Behind
 * sealed_lend() and sealed_want(). */
void sealed_begin(struct sealed *s);
/* All that is wanted of it was asked for. */
bool sealed_is_asked(struct sealed *s);
/* Says which frames are wanted, before the first sealed_next: want[i]. NULL: all. Without an index all
 * frames come. */
void sealed_want(struct sealed *s, const bool *want);
/* The next wanted frame's content, authenticated, decompressed, checked; ranges are read ahead. ERR_OK
 * with an empty span after the last. Valid until the next call. After an error the next call goes on
 * with the frame behind the one that failed, where there is an index; without one there is nothing
 * more. */
enum err sealed_next(struct sealed *s, struct span *content, uint32_t *frame) MUST_USE;
/* After an error: what is wrong, in words for a person. Empty: it was said already. */
const char *sealed_why(const struct sealed *s);
/* Wipes the key. Also for what was only started. */
void sealed_close(struct sealed *s);

#endif
