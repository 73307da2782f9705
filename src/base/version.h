/* version: what this binary is. Set by the Makefile. */
#ifndef SEALTAP_BASE_VERSION_H
#define SEALTAP_BASE_VERSION_H

#include <stdint.h>

extern const char version_text[]; /* "0.1.0-<commit>" */
/* Seconds since 1970 of the newest commit: no clock may show an earlier time. */
extern const uint64_t version_time_s;

#endif
