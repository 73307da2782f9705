/* recorder_key: the key service's answer to a recorder, in tests of it and of what writes by it. */
#ifndef SEALTAP_TESTS_RECORDER_KEY_H
#define SEALTAP_TESTS_RECORDER_KEY_H

#include <string.h>

#include "os/clock.h"
#include "role/recorder.h"

static inline void recorder_key_give_made(struct recorder *r, uint64_t made_ns)
{
	struct msg_key key = {.aad = "\0\1\0\1a\0\1b",
			      .aad_len = 8,
			      .edk_len = 4,
			      .provider_info_len = 3,
			      .signer = 77,
			      .made_ns = made_ns};
	memset(key.data_key, 7, sizeof(key.data_key));
	memcpy(key.provider_info, "arn", 3);
	recorder_key(r, &key);
}

static inline void recorder_key_give(struct recorder *r)
{
	recorder_key_give_made(r, clock_mono_ns());
}

#endif
