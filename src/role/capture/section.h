/* section: the head of each recording: pcapng section header with the chain, and the two interfaces.
 *
 * The section's comment has `key=value` lines: who recorded (appliance, boot, stream, seq, instance, AMI, the
 * links), its place in the chain (prev, prev_sig), and under which policy, rules and clock. Source: object
 * format 1 (src/FORMAT.md).
 */
#ifndef SEALTAP_ROLE_CAPTURE_SECTION_H
#define SEALTAP_ROLE_CAPTURE_SECTION_H

#include "role/clocknote.h"

/* links: [0] outside, [1] inside. prev: the stream's previous object, NULL for the first. Room for it is the
 * caller's to see to. */
void section_write(struct buf *raw, const struct settings *s, const struct object_identity *id,
		   const struct msg_links *links, const struct clocknote *clock,
		   const struct object_meta *meta, const struct object_meta *prev);

#endif
