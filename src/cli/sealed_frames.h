/* sealed_frames: the inner half of sealed: which ranges are asked for ahead, frames out of them. */
#ifndef SEALTAP_CLI_SEALED_FRAMES_H
#define SEALTAP_CLI_SEALED_FRAMES_H

#include "cli/sealed.h"

/* Remember why, for sealed_why(); give back e. */
__attribute__((format(printf, 3, 4))) enum err sealed_fail(struct sealed *s, enum err e, const char *format,
							   ...);
enum err sealed_unreadable(struct sealed *s, const struct source_read *r, enum err e);

/* What r will read must be the object that the header was read from, not what took its name since. */
void sealed_same_object(const struct sealed *s, struct source_read *r);
/* Frame e of the envelope, where it stands. */
enum err sealed_open_frame(struct sealed *s, uint32_t e, uint8_t *bytes, struct span *content) MUST_USE;
/* Ends what is under way, wipes what is there. */
void sealed_drop_chunks(struct sealed *s);

#endif
