/* places: where credentials come from, one function a place. Part of cli/session; cli/credentials has
 * their order.
 */
#ifndef SEALTAP_CLI_PLACES_H
#define SEALTAP_CLI_PLACES_H

#include "aws/creds.h"
#include "aws/sts.h"
#include "cli/say.h"

enum place_found {
	PLACE_FOUND,
	PLACE_EMPTY,  /* nothing is said of credentials here: go on with the next place */
	PLACE_FAILED, /* it is, but there are none to be had: *why, and it was said */
};

struct place_search {
	const char *profile; /* borrowed */
	bool environment;    /* the environment counts */
	uint64_t now_ns;
	enum exit_status why; /* of PLACE_FAILED */
};

/* Says why, and is PLACE_FAILED. */
#define PLACE_FAIL(s, status, ...) ((s)->why = say(status, __VA_ARGS__), (enum place_found)PLACE_FAILED)

typedef enum place_found place_fn(struct place_search *s, struct aws_credentials *out);

place_fn place_environment, place_web_identity, place_single_sign_on, place_credentials_file, place_login,
	place_process, place_config_file, place_container, place_instance;

/* An answer of STS into *out; signer NULL: unsigned. */
enum place_found place_ask_sts(struct place_search *s, const struct sts_role *role,
			       const struct aws_credentials *signer, struct aws_credentials *out);
/* The same for the caller of `signer`. */
enum exit_status place_ask_caller(const struct aws_credentials *signer, uint64_t now_ns,
				  struct sts_caller *out);

#endif
