/* logtext: lines of the log for people's eyes. */
#ifndef SEALTAP_CLI_LOGTEXT_H
#define SEALTAP_CLI_LOGTEXT_H

#include "record/logline.h"

/* "cause=ring packets=7": what stands behind the event. Visible ASCII alone: a text keeps the escapes that it
 * has in JSON, and stands in quotes where it has some, or blanks. */
void logtext_members(struct buf *b, const struct logline *l);
/* 0 info, 1 warn, 2 alarm; another word: 2, so that it is seen. */
unsigned logtext_level(struct span level);
/* The value of a member of the event as a number or a text, as it stands; an empty span: there is none. */
struct span logtext_member(const struct logline *l, const char *key);
/* 0 where it is none. */
uint64_t logtext_number(const struct logline *l, const char *key);

#endif
