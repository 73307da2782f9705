/* jsonlines: how JSON lines are written, those of the log and of the flows: objects on one line, a comma
 * before each key but the first.
 */
#ifndef SEALTAP_ROLE_JSONLINES_H
#define SEALTAP_ROLE_JSONLINES_H

#include "base/ip.h"
#include "role/msg.h"

/* A comma, unless it is the first one of its object, the key and a colon. */
void jsonlines_key(struct buf *b, const char *key);
void jsonlines_text(struct buf *b, const char *key, const char *value);
void jsonlines_u64(struct buf *b, const char *key, uint64_t value);
void jsonlines_hex(struct buf *b, const char *key, struct span bytes);
void jsonlines_ip(struct buf *b, const char *key, const struct ip *a);
/* RFC 3339 with nanoseconds. */
void jsonlines_time(struct buf *b, const char *key, uint64_t real_ns);
/* m: NULL for none */
void jsonlines_sig(struct buf *b, const char *key, const struct object_meta *m);
/* Begins a line: time, level, role, event. */
void jsonlines_event(struct buf *b, uint64_t real_ns, const char *level, const char *role, const char *event);
/* Begins the line that stands first in each object, the event `object`: the chain, who recorded, by which
 * clock. */
void jsonlines_object(struct buf *b, const char *role, const struct object_identity *id,
		      const struct object_meta *meta, const struct object_meta *prev,
		      const struct msg_clock *clock);

#endif
