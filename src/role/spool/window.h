/* window: the objects that upload may ship now: a few slots of memory that the spool role fills, from the
 * producers' pools or from the volume, and upload reads. The spool's own.
 *
 * init makes the pool, so that it outlives this process: window_recover() finds what upload still has.
 * An object of a boot before that was not finished is made whole here (record/commit.h); it has no signature,
 * because its key died. What does not agree with its checksums is not shown to anybody.
 */
#ifndef SEALTAP_ROLE_SPOOL_WINDOW_H
#define SEALTAP_ROLE_SPOOL_WINDOW_H

#include "lib/sha.h"
#include "role/msg.h"
#include "role/slots.h"
#include "role/spool/store.h"

struct window {
	struct slots slots; /* what each holds, as its commit record says */
	struct window_one {
		bool busy;   /* upload has it, or it is being loaded */
		uint32_t at; /* its slot of the volume; STORE_NONE: it is only here */
	} one[SLOTS_MAX];
	struct window_load { /* from the volume, a piece at a time */
		bool active;
		uint32_t to;
		struct commit c;
		uint64_t done_bytes;
		uint32_t crc;
		struct sha256 sha;
	} load;
};

/* Takes up what upload has from a process before; its slots of the volume are taken. pool: writable. */
void window_recover(struct window *w, struct pool pool, struct store *s);
/* A free slot. earlier: for an object of a boot before. Each kind has one that the other can't take. False:
 * there is none. */
bool window_room(const struct window *w, bool earlier, uint32_t *to);
/* Shows a sealed object from a producer's pool. */
void window_copy(struct window *w, uint32_t to, uint32_t at, const uint8_t *slot, const struct commit *c);
/* Begins to load the object of a slot of the volume. ERR_TOO_LONG: the window's slots can't hold it; others
 * as store_read(). */
enum err window_load(struct window *w, uint32_t to, uint32_t at, struct store *s) MUST_USE;
/* One piece; ERR_OK: it is shown now; ERR_MORE; ERR_CHECKSUM: it is damaged. After an error other than
 * ERR_MORE nothing is being loaded. */
enum err window_load_more(struct window *w, struct store *s) MUST_USE;
/* What upload is told of a slot. */
struct msg_segment window_segment(const struct window *w, uint32_t slot, bool again);
/* upload is done with it; *at is its slot of the volume. False: word of an object that is gone. */
bool window_free(struct window *w, const struct msg_segment *m, uint32_t *at);
bool window_empty(const struct window *w);

#endif
