/* Sources: us-east-1's storage prices as AWS's Price List API had them in October 2025; those of requests and
 * KMS as aws.amazon.com/s3/pricing and aws.amazon.com/kms/pricing are quoted (board/nitro/costs.py has the
 * same). No other region was checked: there the operator gives his own. */
#include "cli/prices.h"

#include <string.h>

#define AS_OF "October 2025"

static const struct {
	const char *name;
	double dollars[PRICES];
} regions[] = {
	/*                  STANDARD  IA      GLACIER_IR GLACIER DEEP_ARCHIVE PUT     GET      KMS   key */
	{"us-east-1", {0.023, 0.0125, 0.004, 0.0036, 0.00099, 0.005, 0.0004, 0.03, 1.0}},
};

static const char *const names[PRICES] = {
	"standard", "standard-ia", "glacier-ir", "glacier", "deep-archive", "put", "get", "kms", "kms-key",
};

const char *prices_name(enum price which)
{
	return names[which];
}

void prices_of_region(const char *region, struct prices *p)
{
	size_t i = 0;
	while (i < sizeof(regions) / sizeof(regions[0]) && strcmp(regions[i].name, region) != 0)
		i++;
	p->listed = i < sizeof(regions) / sizeof(regions[0]);
	i = p->listed ? i : 0;
	p->region = regions[i].name;
	p->as_of = AS_OF;
	p->source = "aws.amazon.com/s3/pricing, aws.amazon.com/kms/pricing";
	memcpy(p->dollars, regions[i].dollars, sizeof(p->dollars));
}

/* 12, 0.023 */
static enum err read_decimal(struct span s, double *v)
{
	double unit = 0;
	bool digit = false;
	*v = 0;
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] == '.' && unit == 0) {
			unit = 1;
			continue;
		}
		if (s.p[i] < '0' || s.p[i] > '9')
			return ERR_SYNTAX;
		digit = true;
		*v = *v * 10 + (s.p[i] - '0');
		unit *= 10;
	}
	if (unit > 0)
		*v /= unit;
	return digit ? ERR_OK : ERR_SYNTAX;
}

enum err prices_override(struct prices *p, struct span text)
{
	while (text.len) {
		struct span value = span_cut(&text, ','), name = span_cut(&value, '=');
		unsigned i = 0;
		while (i < PRICES && !span_eq(span_trim(name), span_str(names[i])))
			i++;
		if (i == PRICES)
			return ERR_UNKNOWN_KEY;
		TRY(read_decimal(span_trim(value), &p->dollars[i]));
	}
	return ERR_OK;
}
