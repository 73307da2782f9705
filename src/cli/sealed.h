/* sealed: one sealed object, opened by ranges: its header, its index, the frames that are wanted, and
 * nothing else. What it gives out was authenticated.
 *
 * An object without an index (torn, or of another SDK) is read from its beginning to its end. Memory is
 * the caller's: a struct sealed is large (static).
 */
#ifndef SEALTAP_CLI_SEALED_H
#define SEALTAP_CLI_SEALED_H

#include "cli/keyring.h"
#include "cli/source.h"
#include "record/index.h"

struct sealed; /* defined by sealed.c's owner: static storage, one for each object open at once */

/* Reads header and end of the object; asks for the data key; authenticates both, finds the index. ERR_AUTH,
 * ERR_COMMITMENT, ERR_SYNTAX, ERR_TRUNCATED, ERR_UNSUPPORTED and source_wait's. */
enum err sealed_open(struct sealed *s, const struct catalog_object *o) MUST_USE;
const struct esdk_header *sealed_header(const struct sealed *s);
bool sealed_has_index(const struct sealed *s);
uint32_t sealed_frames(const struct sealed *s);
const struct index_entry *sealed_entry(const struct sealed *s, uint32_t i);
/* Bloom filter of frame i; empty: none, the frame may hold anything. */
struct span sealed_filter(const struct sealed *s, uint32_t i);

/* Says which frames are wanted, before the first sealed_next: want[i]. NULL: all. */
void sealed_want(struct sealed *s, const bool *want);
/* The next wanted frame's content, authenticated, decompressed, checked; ranges are read ahead. ERR_OK
 * with an empty span after the last. Valid until the next call. */
enum err sealed_next(struct sealed *s, struct span *content, uint32_t *frame) MUST_USE;
/* After an error: what is wrong, in words for a person. */
const char *sealed_why(const struct sealed *s);
/* Wipes keys and plaintext. */
void sealed_close(struct sealed *s);

#endif
