#include "aws/endpoint.h"

#include "base/text.h"

/* The first row whose prefix fits decides. */
static const struct {
	const char *region_prefix;
	const char *name; /* NULL: not supported */
	const char *suffix;
} partitions[] = {
	{"us-gov-", "aws-us-gov", "amazonaws.com"},
	{"cn-", NULL, NULL},
	{"us-iso", NULL, NULL},
	{"eu-iso", NULL, NULL},
	{"eusc-", NULL, NULL},
	{"", "aws", "amazonaws.com"},
};

static size_t count_of(struct span s, uint8_t first, uint8_t last)
{
	size_t n = 0;
	while (n < s.len && s.p[n] >= first && s.p[n] <= last)
		n++;
	return n;
}

/* Words of letters and a number at the end, joined by hyphens: at least three parts. */
static bool is_region(struct span s)
{
	unsigned words = 0;
	for (;;) {
		size_t letters = count_of(s, 'a', 'z');
		if (letters == 0)
			break;
		if (letters == s.len || s.p[letters] != '-')
			return false;
		words++;
		s = span_from(s, letters + 1);
	}
	return words >= 2 && s.len > 0 && s.len <= 2 && count_of(s, '0', '9') == s.len;
}

enum err endpoint_partition_of(struct span region, struct endpoint_partition *out)
{
	if (region.len > 31 || !is_region(region))
		return ERR_SYNTAX;
	size_t i = 0;
	while (!span_starts(region, span_str(partitions[i].region_prefix)))
		i++;
	if (!partitions[i].name)
		return ERR_UNSUPPORTED;
	out->name = partitions[i].name;
	out->suffix = partitions[i].suffix;
	return ERR_OK;
}

static enum err put_host(struct buf *host, const char *service, struct span region)
{
	struct endpoint_partition p;
	TRY(endpoint_partition_of(region, &p));
	buf_str(host, service);
	buf_u8(host, '.');
	buf_put(host, region);
	buf_u8(host, '.');
	buf_str(host, p.suffix);
	return buf_err(host);
}

enum err endpoint_s3_host(struct span bucket, struct span region, struct buf *host)
{
	if (span_find(bucket, '.') != bucket.len)
		return ERR_UNSUPPORTED;
	buf_put(host, bucket);
	return put_host(host, ".s3", region);
}

enum err endpoint_kms_host(struct span region, struct buf *host)
{
	return put_host(host, "kms", region);
}

enum err endpoint_kms_arn(struct span arn, struct kms_arn *out)
{
	struct endpoint_partition p;
	struct kms_arn a;
	uint64_t digits;
	if (!text_is_printable(arn) || !span_eq(span_cut(&arn, ':'), SPAN("arn")))
		return ERR_SYNTAX;
	a.partition = span_cut(&arn, ':');
	if (!span_eq(span_cut(&arn, ':'), SPAN("kms")))
		return ERR_SYNTAX;
	a.region = span_cut(&arn, ':');
	a.account = span_cut(&arn, ':');
	a.resource = arn;
	a.alias = span_starts(arn, SPAN("alias/"));
	size_t type = a.alias ? 6 : 4;
	if ((!a.alias && !span_starts(arn, SPAN("key/"))) || arn.len == type ||
	    span_find(arn, ' ') != arn.len)
		return ERR_SYNTAX;
	if (a.account.len != 12 || text_read_u64(a.account, UINT64_MAX, &digits))
		return ERR_SYNTAX;
	TRY(endpoint_partition_of(a.region, &p));
	if (!span_eq(a.partition, span_str(p.name)))
		return ERR_UNSUPPORTED;
	*out = a;
	return ERR_OK;
}
