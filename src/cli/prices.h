/* prices: list prices of what an appliance costs at AWS, by region: US dollars, without tax and discounts.
 * All of them stand in prices.c, with their source and date.
 */
#ifndef SEALTAP_CLI_PRICES_H
#define SEALTAP_CLI_PRICES_H

#include "base/err.h"
#include "base/span.h"

enum price {
	PRICE_STANDARD, /* S3 storage, a GB and month: the first 50 TB */
	PRICE_STANDARD_IA,
	PRICE_GLACIER_IR,
	PRICE_GLACIER,
	PRICE_DEEP_ARCHIVE,
	PRICE_PUT,     /* 1,000 PUT requests */
	PRICE_GET,     /* 1,000 GET requests */
	PRICE_KMS,     /* 10,000 requests of KMS */
	PRICE_KMS_KEY, /* a key and month */
	PRICES,
};

struct prices {
	const char *region; /* whose these are; static */
	const char *as_of, *source;
	bool listed; /* false: the region that was asked for is not listed; these are of another one */
	double dollars[PRICES];
};

void prices_of_region(const char *region, struct prices *p);
/* "standard=0.02,put=0.005": in place of the listed ones. ERR_UNKNOWN_KEY, ERR_SYNTAX. */
enum err prices_override(struct prices *p, struct span text) MUST_USE;
/* "standard", "put" ... */
const char *prices_name(enum price which);

#endif
